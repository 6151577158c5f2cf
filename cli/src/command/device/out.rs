//! Why this computer is not in a space any more, as far as that is known here, for whoever is to be told what helps.

use alliance_core::app::{self, CutBy, Profile};
use alliance_replica::id::SpaceId;
use serde::Serialize;

use crate::{command::Context, env::Moment, error::CliError};

/// Why this computer is not in a space any more.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Out {
    /// What happened.
    pub why: Why,
    /// Who cut it off: `words`, `copy`, or the name of a computer of the same person.
    pub by: Option<String>,
    /// When this computer heard of it.
    pub heard: Option<Moment>,
}

/// What happened. What is known goes before what is not.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It was cut off.
    CutOff,
    /// Two histories were written under its key.
    TwoHistories,
    /// The relay does not let it in, and nothing here says why.
    Unknown,
    /// It was never let in, and the invitation by which it came works no more.
    NotLetIn,
}

impl Out {
    /// Who cut it off, if recovery words did.
    pub const WORDS: &str = "words";
    /// Who cut it off, if it was its copy that took fresh keys.
    pub const COPY: &str = "copy";

    /// Ends what would only look as if it worked: no relay hears what this computer makes in a space that it is not in.
    pub fn refuse(profile: &mut Profile, space: SpaceId, context: &Context<'_>) -> Result<(), CliError> {
        Self::of(profile, space, context)?
            .map_or(Ok(()), |out| Err(CliError::NotIn { happened: crate::render::device::within(&out) }))
    }

    /// Of this person's own space.
    pub fn of_own(profile: &mut Profile, context: &Context<'_>) -> Result<Option<Self>, CliError> {
        let own = profile.private_space()?;
        Self::of(profile, own, context)
    }

    /// Nothing if it is in, waits to be, or its person left.
    pub fn of(profile: &mut Profile, space: SpaceId, context: &Context<'_>) -> Result<Option<Self>, CliError> {
        let out = |why| Some(Self { why, by: None, heard: None });
        Ok(match profile.out_of(space)? {
            None => None,
            Some(app::Out::Refused) => out(Why::Unknown),
            Some(app::Out::NotLetIn) => out(Why::NotLetIn),
            Some(app::Out::Forked) => out(Why::TwoHistories),
            Some(app::Out::Cut { by, heard }) => {
                let by = match by {
                    CutBy::Words => Some(Self::WORDS.to_owned()),
                    CutBy::Itself => Some(Self::COPY.to_owned()),
                    CutBy::Computer(name) => (!name.is_empty()).then_some(name),
                };
                let heard = heard.map(|at| context.env.moment(at)).transpose()?;
                Some(Self { why: Why::CutOff, by, heard })
            }
        })
    }
}

//! `alliance leave`: this person's part in an alliance ends; both keep what they have.

use alliance_core::app::{AllianceState, Owner};
use clap::Args;
use serde::Serialize;

use super::{Answer, Context, close, sync};
use crate::error::CliError;

/// Arguments of `leave`.
#[derive(Args, Debug)]
pub struct Leave {
    /// Leave without being asked
    #[arg(long)]
    pub yes: bool,
}

/// An alliance that was left.
#[derive(Serialize, Debug)]
pub struct Left {
    /// Its space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The other person, if there is one.
    pub other: Option<String>,
    /// False if the other person cannot hear of it yet.
    pub done: bool,
    /// True if nobody is in it any more.
    #[serde(skip)]
    pub empty: bool,
}

impl Leave {
    /// Leaves the alliance that is meant.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let info = profile.alliances()?.into_iter().find(|info| info.space == space);
        let empty = info.as_ref().is_some_and(|it| matches!(it.state, AllianceState::Alone | AllianceState::TheyLeft));
        let (title, other) = info.map_or_else(Default::default, |info| (info.title, info.other));
        let about = format!(
            "You keep a full copy of “{title}”{}. Nothing that either of you writes there afterwards reaches the other, and neither of you can undo that.\n",
            other.as_deref().map(|other| format!(", and so does {other}")).unwrap_or_default()
        );
        // What they have not sent by then nobody takes any more.
        let others = profile.computers()?.into_iter().any(|it| it.live && !it.this && it.places.contains_key(&space));
        let about = match others {
            true => format!(
                "{about}Your other computers leave with this one: let each of them run `alliance sync` first, or what was written there and not sent stays on it alone.\n"
            ),
            false => about,
        };
        if !self.yes {
            let is_written = close::letters(&mut profile, space)?.iter().any(|it| it.owner == Owner::Mine);
            let about = match is_written || empty {
                true => about,
                false => {
                    format!("{about}`alliance close` is for saying goodbye before: a last look back, and a letter.\n")
                }
            };
            context.confirm(&about, &format!("Leave “{title}”?"), &format!("leaving “{title}”"))?;
        }
        profile.leave(space)?;
        sync::hear(context, &mut profile)?;
        let done = !profile.is_leaving(space)?;
        Ok(Answer::Left(Left { id: space.to_string(), title, other, done, empty }))
    }
}

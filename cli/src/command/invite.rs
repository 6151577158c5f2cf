//! `alliance invite`: the one word that lets the other person in, or another computer of one's own.

use alliance_core::app::Profile;
use clap::Args;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::{Answer, Context, device::out::Out, sync};
use crate::{args::Lifetime, env::Moment, error::CliError};

/// Arguments of `invite`.
#[derive(Args, Debug)]
pub struct Invite {
    /// Let in another computer of yours instead of the other person: it gets everything you have
    #[arg(long)]
    pub device: bool,
    /// How long it can be used: 30m, 12h, 7d, 2w
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub expires: Lifetime,
    /// Take back what nobody has used yet: every word for the other person, or with --device for computers of yours
    #[arg(long, conflicts_with = "expires")]
    pub withdraw: bool,
}

/// Invitations that were taken back.
#[derive(Serialize, Debug)]
pub struct Withdrawn {
    /// How many.
    pub count: usize,
    /// True if they were for computers of the same person.
    pub device: bool,
    /// False if that is not at the relay yet.
    pub done: bool,
    /// True if there is no relay that could hear of it.
    #[serde(skip)]
    pub direct: bool,
}

/// An invitation.
#[derive(Serialize, Debug)]
pub struct Invited {
    /// The alliance's space, in hexadecimal.
    pub id: String,
    /// The text that lets somebody in.
    pub invitation: Link,
    /// Until when.
    pub expires: Moment,
    /// True if it is for another computer of the same person.
    pub device: bool,
    /// True if it leads to this computer and to no relay.
    #[serde(skip)]
    pub direct: bool,
}

/// An invitation's text, wiped when dropped, and never in a debug output.
pub struct Link(Zeroizing<String>);

impl Link {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link(..)")
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Invite {
    /// Makes an invitation. It works once this profile has synced.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        if self.withdraw {
            return withdraw(self.device, &mut profile, context);
        }
        if profile.relays()?.is_empty() {
            context.online()?.block_on(sync::direct::look(context, &mut profile))?;
        }
        let space = match self.device {
            true => profile.private_space()?,
            false => context.space(&mut profile)?,
        };
        Out::refuse(&mut profile, space, context)?;
        let end = context.env.now().saturating_add_unsigned(self.expires.seconds());
        let expires = context.env.moment(end)?;
        let (end, mut outside, device) = (end.max(0).cast_unsigned(), context.outside(), self.device);
        let invitation = match device {
            true => profile.invite_computer(end, &mut outside.world())?,
            false => profile.invite(space, end, &mut outside.world())?,
        };
        let (id, direct) = (invitation.terms().space.to_string(), invitation.terms().relay.is_none());
        Ok(Answer::Invited(Invited { id, invitation: Link(invitation.reveal()), expires, device, direct }))
    }
}

/// Takes back the invitations that nobody has used.
fn withdraw(device: bool, profile: &mut Profile, context: &Context<'_>) -> Result<Answer, CliError> {
    let space = if device { None } else { Some(context.space(profile)?) };
    let count = profile.take_back_invitations(space)?;
    if count > 0 && !profile.relays()?.is_empty() {
        // It is decided and on disk; the relay hears of it now or with the next sync.
        sync::hear(context, profile)?;
    }
    let (done, direct) = (!profile.awaits_cuts()?, profile.relays()?.is_empty());
    Ok(Answer::Withdrawn(Withdrawn { count, device, done, direct }))
}

//! `alliance join`: take up an invitation, with a new profile or with the one that is there.

use std::path::PathBuf;

use alliance_core::{
    app::{AppError, Joining, NotInvited, Person, Profile},
    keys::{Invitation, Route},
};
use alliance_replica::{id::SpaceId, log::control::Purpose};
use clap::Args;
use serde::Serialize;

use super::{Answer, Context, device, init::Birth, sync};
use crate::{
    args::words,
    env::Outside,
    error::CliError,
    net::{peer::Port, relay::Way, talk::Asking, url::RelayUrl},
};

/// Arguments of `join`.
#[derive(Args, Debug)]
pub struct Join {
    /// The invitation, as you got it: alliance:…#…
    #[arg(value_name = "INVITE")]
    invitation: String,
    /// Your name, as the other person calls you; not for another computer of yours
    #[arg(long, value_parser = words)]
    name: Option<String>,
    /// What you are in this: coach, client, peer, or your own word
    #[arg(long, value_parser = words)]
    role: Option<String>,
    /// Write the recovery words to this new file instead of showing them
    #[arg(long, value_name = "PATH")]
    recovery_file: Option<PathBuf>,
    /// File with the certificate of the authority behind the relay's, as PEM, if it is not a public one
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
}

/// An alliance that was joined.
#[derive(Serialize, Debug)]
pub struct Joined {
    /// The alliance's space, in hexadecimal.
    pub id: String,
    /// The profile on this computer.
    pub profile: String,
    /// What the alliance is called, once that has arrived.
    pub title: String,
    /// The other person, once their name has arrived.
    pub other: Option<String>,
    /// False if what the other person wrote could not be fetched yet.
    pub synced: bool,
    /// True if a profile was made for it, whose recovery words have been said.
    #[serde(skip)]
    pub is_new: bool,
}

impl Join {
    /// Finds the alliance, redeems the invitation and fetches what is there.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let invitation = Invitation::parse(&self.invitation).map_err(AppError::from)?;
        let (space, purpose) = (invitation.terms().space, invitation.terms().purpose);
        let root = self.root.as_deref().map(super::relay::read_root).transpose()?;
        let way = Lead::of(&invitation, root)?;
        if purpose == Purpose::OwnDevice {
            if self.name.is_some() || self.role.is_some() || self.recovery_file.is_some() {
                return Err(CliError::SamePerson);
            }
            return device::arrive(invitation, &way, context);
        }
        let whose = Whose::find(self, space, context)?;
        let runtime = context.online()?;
        let mut outside = context.outside();
        let joining = runtime.block_on(knock(context, invitation, &way, &mut outside));
        let joining = joining.map_err(|error| CliError::Untouched(Box::new(error)))?;
        let (mut profile, born) = match whose {
            Whose::There(profile) => (profile, None),
            Whose::New(birth, person) => {
                let (profile, born) = birth.create(&person, &mut outside)?;
                (profile, Some(born))
            }
        };
        if let Err(error) = joining.finish(&mut profile, &mut outside.world()) {
            drop(profile);
            if let Some(born) = born {
                born.undo();
            }
            return Err(error.into());
        }
        way.keep_root(&mut profile)?;
        let is_new = born.is_some();
        if let Some(born) = born {
            drop(profile);
            profile = Profile::open(&born.settle(context)?)?;
        }
        // From here on the alliance is joined, whatever the network does: the next sync fetches what is missing.
        let synced = runtime.block_on(fetch(context, &mut profile, space, &way));
        let info = profile.alliances()?.into_iter().find(|info| info.space == space);
        let (title, other) = info.map_or_else(Default::default, |info| (info.title, info.other));
        let (_, name) = context.home()?;
        let (id, profile) = (space.to_string(), name.to_string());
        Ok(Answer::Joined(Joined { id, profile, title, other, synced, is_new }))
    }
}

/// Who joins.
enum Whose {
    /// The person of the profile that is there.
    There(Profile),
    /// A new person.
    New(Birth, Person),
}

impl Whose {
    fn find(join: Join, space: SpaceId, context: &Context<'_>) -> Result<Self, CliError> {
        let Join { name, role, recovery_file, .. } = join;
        let (home, profile_name) = context.home()?;
        if !home.holds(&profile_name) {
            let (name, role) = match (name, role) {
                (Some(name), Some(role)) => (name, role),
                (Some(_), None) => return Err(CliError::HalfPerson { lacks: "what you are: --role" }),
                (None, Some(_)) => return Err(CliError::HalfPerson { lacks: "who you are: --name" }),
                (None, None) => return Err(CliError::NoPerson),
            };
            return Ok(Self::New(Birth::prepare(context, recovery_file)?, Person { name, role }));
        }
        let mut profile = context.profile()?;
        let person = profile.person()?;
        let differs = |given: Option<String>, is: &str| given.is_some_and(|given| given != is);
        if differs(name, &person.name) || differs(role, &person.role) {
            return Err(CliError::OtherPerson { profile: profile_name, person });
        }
        if profile.alliances()?.iter().any(|info| info.space == space) {
            return Err(AppError::NotInvited(NotInvited::Member).into());
        }
        Ok(Self::There(profile))
    }
}

/// Where an invitation leads.
pub enum Lead {
    /// To a relay.
    Relay(Way),
    /// To the computer of whoever made it, which has to be there.
    Computer(Route),
}

impl Lead {
    /// Where an invitation leads; to a relay if it names one, whose certificate an authority of one's own may sign.
    pub fn of(invitation: &Invitation, root: Option<Vec<u8>>) -> Result<Self, CliError> {
        match &invitation.terms().route {
            Some(route) if invitation.terms().relay.is_none() => Ok(Self::Computer(route.clone())),
            _ => Ok(Self::Relay(Way { root, ..Way::to(relay(invitation)?) })),
        }
    }

    /// Keeps the authority that signs the relay's certificate.
    pub fn keep_root(&self, profile: &mut Profile) -> Result<(), CliError> {
        if let Self::Relay(Way { url, root: Some(root), .. }) = self {
            profile.set_relay_root(url.as_str(), Some(root.clone()))?;
        }
        Ok(())
    }
}

/// Asks the relay, or whoever made it, whether the invitation is good. Nothing is written anywhere.
pub async fn knock(
    context: &Context<'_>,
    invitation: Invitation,
    way: &Lead,
    outside: &mut Outside<'_>,
) -> Result<Joining, CliError> {
    let way = match way {
        Lead::Relay(way) => way,
        Lead::Computer(route) => {
            let port = Port::nameless(context.reach()?).await?;
            let joining = sync::direct::knock(context, invitation, (&port, route)).await;
            port.close().await;
            return joining;
        }
    };
    let mut knock = Asking(Joining::new(invitation, &mut outside.world()));
    sync::say(&sync::progress(context, way), way, &mut knock).await?;
    Ok(knock.0)
}

/// Brings the redemption to where the invitation leads and fetches what is there; false if that has to wait for the next
/// sync.
async fn fetch(context: &Context<'_>, profile: &mut Profile, space: SpaceId, way: &Lead) -> bool {
    if let Lead::Computer(route) = way {
        return sync::direct::with_ticket(context, profile, route).await.is_ok();
    }
    let relays = profile.relays().unwrap_or_default();
    let Some(relay) = relays.iter().find(|relay| relay.keeps(&space)) else { return false };
    sync::once(context, profile, relay).await.is_ok()
}

/// The relay that an invitation names.
pub fn relay(invitation: &Invitation) -> Result<RelayUrl, CliError> {
    let Some(relay) = &invitation.terms().relay else { return Err(CliError::NoRelayInInvitation) };
    relay.url.parse().map_err(|why| CliError::RelayUrl { url: relay.url.clone(), why })
}

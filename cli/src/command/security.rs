//! `alliance security`: what happened to keys and membership, oldest first.

use std::collections::BTreeSet;

use alliance_core::store::SecurityEvent;
use serde::Serialize;

use super::{Answer, Context};
use crate::{env::Moment, error::CliError};

/// A line of the security log.
#[derive(Serialize, Debug)]
pub struct Line {
    /// Its number.
    pub id: usize,
    /// When, on this computer's clock.
    pub at: Moment,
    /// The space, in hexadecimal.
    pub space: String,
    /// What the space is called, if it is an alliance of this profile.
    pub title: Option<String>,
    /// What happened.
    pub kind: String,
    /// Ids that say to whom or what.
    pub about: serde_json::Value,
    /// What the ids mean to a person.
    #[serde(skip)]
    pub of: Of,
}

/// What a line is about, as far as that is known.
#[derive(PartialEq, Eq, Default, Debug)]
pub enum Of {
    /// Nothing that has a name.
    #[default]
    Nothing,
    /// Oneself.
    You,
    /// The other person.
    Them(String),
    /// An invitation.
    Invitation,
}

/// Lists the security log.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let alliances = profile.alliances()?;
    let events = profile.security()?;
    let joined: BTreeSet<_> = events.iter().filter(|it| it.kind == "joined").map(|it| it.space.clone()).collect();
    let invitations = events.iter().filter(|it| ["invitation-made", "invitation-offered"].contains(&&*it.kind));
    let invitations: Vec<_> = invitations.map(|it| it.about["key"].clone()).collect();
    let lines = events.into_iter().enumerate().map(|(n, event)| {
        let SecurityEvent { at, space, kind, about } = event;
        let alliance = alliances.iter().find(|it| it.space.to_string() == space);
        let of = match (&*kind, alliance.and_then(|it| it.other.clone())) {
            ("invitation-confirmed", _) if joined.contains(&space) => Of::You,
            ("invitation-confirmed", Some(other)) => Of::Them(other),
            ("device-cut", _) if invitations.contains(&about["device"]) => Of::Invitation,
            _ => Of::Nothing,
        };
        let title = alliance.map(|it| it.title.clone());
        Ok(Line { id: n + 1, at: context.env.moment(at)?, title, space, kind, about, of })
    });
    Ok(Answer::Security(lines.collect::<Result<_, CliError>>()?))
}

//! `alliance security`: what happened to keys and membership, oldest first.

use std::collections::{BTreeMap, BTreeSet};

use alliance_core::{
    app::{AllianceInfo, Profile},
    store::SecurityEvent,
};
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
    /// A computer, as it is called here.
    Computer(String),
}

/// Lists the security log.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let alliances = profile.alliances()?;
    let events = profile.security()?;
    let joined: BTreeSet<_> = events.iter().filter(|it| it.kind == "joined").map(|it| it.space.clone()).collect();
    let invitations = events.iter().filter(|it| ["invitation-made", "invitation-offered"].contains(&&*it.kind));
    let invitations: Vec<_> = invitations.map(|it| it.about["key"].clone()).collect();
    let computers = computers(&mut profile, &alliances)?;
    let lines = events.into_iter().enumerate().map(|(n, event)| {
        let SecurityEvent { at, space, kind, about } = event;
        let alliance = alliances.iter().find(|it| it.space.to_string() == space);
        let device = about["device"].as_str().and_then(|device| computers.get(&(space.clone(), device.to_owned())));
        let is_ones_own = about["for"] == "device";
        let of = match (&*kind, alliance.and_then(|it| it.other.clone())) {
            ("invitation-confirmed", _) if is_ones_own => device.cloned().map_or(Of::Nothing, Of::Computer),
            ("invitation-confirmed", _) if joined.contains(&space) => Of::You,
            ("invitation-confirmed", Some(other)) => Of::Them(other),
            ("device-cut", _) if invitations.contains(&about["device"]) => Of::Invitation,
            (
                "device-added"
                | "device-cut"
                | "device-wrote-two-histories"
                | "work-taken-over"
                | "wrote-after-cut"
                | "late-taken",
                _,
            ) => device.cloned().map_or(Of::Nothing, Of::Computer),
            _ => Of::Nothing,
        };
        let title = alliance.map(|it| it.title.clone());
        Ok(Line { id: n + 1, at: context.env.moment(at)?, title, space, kind, about, of })
    });
    Ok(Answer::Security(lines.collect::<Result<_, CliError>>()?))
}

/// How each device of each space, both in hexadecimal, is called here.
fn computers(
    profile: &mut Profile,
    alliances: &[AllianceInfo],
) -> Result<BTreeMap<(String, String), String>, CliError> {
    let mut named = BTreeMap::new();
    for AllianceInfo { space, other, .. } in alliances {
        let whose = other.as_deref().map_or_else(|| "the other person".to_owned(), str::to_owned);
        let devices = profile.devices(*space)?;
        let mine = devices.iter().find(|it| it.this).map(|it| it.member);
        for it in devices {
            // Also under a key that it had before.
            let called = match mine == Some(it.member) {
                true => "a computer of yours".to_owned(),
                false => format!("a computer of {whose}"),
            };
            named.insert((space.to_string(), it.device.to_string()), called);
        }
    }
    for computer in profile.computers()? {
        let called = match (computer.this, computer.name.as_str()) {
            (true, _) => "this computer".to_owned(),
            (false, "") => "a computer of yours".to_owned(),
            (false, name) => format!("your computer “{name}”"),
        };
        for (space, device) in &computer.places {
            named.insert((space.to_string(), device.to_string()), called.clone());
        }
    }
    Ok(named)
}

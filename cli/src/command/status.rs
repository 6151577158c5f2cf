//! `alliance status`: what waits here, what the relay has, what the other person has. Never a time.

use alliance_core::app::{AllianceInfo, AllianceState, AppError, DeviceStatus, Profile, RelayInfo, SpaceStatus};
use serde::Serialize;

use super::{
    Answer, Context,
    alliance::State,
    backup::{self, Kept},
    device::{self, late, out::Out},
    sync::{self, By, Why},
};
use crate::error::CliError;

/// How a space stands.
#[derive(Serialize, Debug)]
pub struct Status {
    /// The space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// True if it is one's own, private space.
    pub personal: bool,
    /// How far the alliance has come; none for one's own space.
    pub state: Option<State>,
    /// Where it is exchanged.
    pub relay: Option<String>,
    /// True once a sync has brought it there.
    pub kept: bool,
    /// True if an invitation waits here for the next sync.
    pub invites: bool,
    /// The other person, once known.
    pub other: Option<String>,
    /// Who lets this computer in, while it is not.
    #[serde(skip)]
    pub host: Option<String>,
    /// How many things that you wrote wait here for the next sync.
    pub waiting: u64,
    /// How many more were made ready but are not known to be on the relay.
    pub unsent: u64,
    /// Why the relay did not take what waits, if it refused it.
    pub refused: Option<&'static str>,
    /// Why what waits could not be sealed on this computer, if that was tried.
    pub unsealed: Option<&'static str>,
    /// Why this computer is not in it any more, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<Out>,
    /// What arrived and cannot be read yet.
    pub unread: u64,
    /// The other person, as one; nobody while you are not let in.
    pub others: Vec<Other>,
    /// Of one's own space: computers of yours that the next sync cuts off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<String>,
    /// Things that a computer of yours wrote here after it was cut off; they do not count.
    #[serde(skip_serializing_if = "is_none")]
    pub late: u64,
    /// Of one's own space: true while nobody else is known to be able to bring one back, by words or on another computer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unrecoverable: bool,
    /// What your other computers had not sent when they made a backup, and is kept aside here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<Kept>,
}

/// The other person. Which of their computers has what is theirs to know: it would tell which of them they use.
#[derive(Serialize, Debug)]
pub struct Other {
    /// Who.
    pub name: String,
    /// Of how many things it is not known whether any computer of theirs has what was written here last.
    pub missing: u64,
    /// By which way one was reached last from computer to computer, if one ever was; not when.
    pub route: Option<By>,
}

impl Other {
    /// Of all their computers together: nothing if there is none.
    fn of(computers: Vec<DeviceStatus>) -> Option<Self> {
        let best = computers.iter().min_by_key(|it| it.missing)?;
        let passage = best.passage.or_else(|| computers.iter().find_map(|it| it.passage));
        Some(Self { name: best.name.clone(), missing: best.missing, route: passage.map(By::from) })
    }
}

impl Status {
    fn new(status: SpaceStatus, relays: &[RelayInfo]) -> Self {
        let why = sync::standing(&status, relays);
        Self {
            id: status.space.to_string(),
            title: status.title,
            personal: status.personal,
            state: (!status.personal).then(|| status.state.into()),
            relay: status.relay,
            kept: status.kept,
            invites: status.invites,
            host: host(status.by_own, status.other.clone()),
            other: status.other,
            waiting: status.waiting,
            unsent: status.unsent,
            refused: why.and_then(Why::refused),
            unsealed: why.and_then(Why::unsealed),
            out: None,
            unread: status.unread,
            others: Other::of(status.others).into_iter().collect(),
            ends: Vec::new(),
            late: 0,
            unrecoverable: false,
            aside: Vec::new(),
        }
    }
}

/// Who lets this computer in.
pub fn host(by_own: bool, other: Option<String>) -> Option<String> {
    if by_own { Some("your other computer".to_owned()) } else { other }
}

/// What is kept here until the other person's next sync lets one in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Whose sync.
    pub other: Option<String>,
    /// How many things.
    pub waiting: u64,
}

impl Held {
    /// None if one is in, or was.
    pub fn of(profile: &mut Profile, alliance: &AllianceInfo) -> Result<Option<Self>, AppError> {
        if alliance.state != AllianceState::AwaitsConfirmation {
            return Ok(None);
        }
        let other = host(alliance.by_own, alliance.other.clone());
        Ok(Some(Self { other, waiting: profile.waiting(alliance.space)? }))
    }
}

/// How every space of the profile stands.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let relays = profile.relays()?;
    let mut rows = Vec::new();
    for status in profile.status()? {
        let out = Out::of(&mut profile, status.space, context)?;
        rows.push(Status { out, ..Status::new(status, &relays) });
    }
    let unrecoverable = profile.needs_second_holder()?;
    let may_be = rows.iter_mut().filter(|row| row.personal && row.out.is_none());
    may_be.for_each(|row| row.unrecoverable = unrecoverable);
    let ending = profile.computers()?.into_iter().filter(|it| it.ends);
    let ends: Vec<_> = ending.map(|it| device::called(&it.name).to_owned()).collect();
    rows.iter_mut().filter(|row| row.personal).for_each(|row| row.ends.clone_from(&ends));
    for kept in backup::aside(&mut profile)? {
        rows.iter_mut().filter(|row| row.id == kept.space).for_each(|row| row.aside.push(kept.clone()));
    }
    for late in late::all(&mut profile, context)? {
        for thing in late.things {
            rows.iter_mut().filter(|row| row.id == thing.space).for_each(|row| row.late += 1);
        }
    }
    Ok(Answer::Status(rows))
}

fn is_none(number: &u64) -> bool {
    *number == 0
}

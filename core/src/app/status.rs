//! Who belongs together, and what has reached whom. Never when: nobody watches the other.

use std::collections::BTreeSet;

use alliance_replica::{
    id::{DeviceId, MemberId, SpaceId},
    log::{
        chain::State,
        control::{Record, SpaceKind},
        heads::Chain,
        membership::Role,
    },
};

use super::{AllianceInfo, AllianceState, AppError, Profile, profile, query, short_device, space::Space};
use crate::{
    keys::safety::{self, Introduced},
    store::{SecurityEvent, StoreError, Tx},
};

/// A member of an alliance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who, for scripts.
    pub id: MemberId,
    /// Their name.
    pub name: String,
    /// What they are in it, in their own word.
    pub role: String,
    /// Devices that are theirs now.
    pub devices: usize,
}

/// The two members of an alliance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members {
    /// The alliance.
    pub alliance: AllianceInfo,
    /// Oneself.
    pub me: Member,
    /// The other person, once they have joined.
    pub other: Option<Member>,
    /// Six words, the same for both, to compare by voice.
    pub safety_words: Option<String>,
}

/// Whether a device of the other person has all that was written here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceStatus {
    /// Whose it is.
    pub name: String,
    /// The device, shortened.
    pub device: String,
    /// Entries that it is not known to have.
    pub missing: u64,
}

/// How far a space is with the relay and with others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpaceStatus {
    /// The space.
    pub space: SpaceId,
    /// What it is called; the personal space has no title.
    pub title: String,
    /// True for the personal space.
    pub personal: bool,
    /// How far the alliance has come.
    pub state: AllianceState,
    /// Changes that wait here for the next exchange.
    pub waiting: u64,
    /// Entries that no relay is known to have.
    pub unsent: u64,
    /// Entries that cannot be read yet, or wait for something.
    pub unread: u64,
    /// Where it is kept.
    pub relay: Option<String>,
    /// The other person's devices.
    pub others: Vec<DeviceStatus>,
}

impl Profile {
    /// The two members of an alliance, and the words by which they know that nobody stands between them.
    pub fn members(&mut self, space: SpaceId) -> Result<Members, AppError> {
        let introduced = introductions(self.space(&space)?);
        let words = introduced.map(|both| self.safety_words(&space, both)).transpose()?;
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            let loaded = super::receive::loaded(spaces, tx, &space)?;
            let names = query::names(tx, &space)?;
            let fold = loaded.log.fold();
            let member = |member: MemberId| {
                let live = |state: &&alliance_replica::log::membership::DeviceState| {
                    state.live && state.member == member && state.role == Role::Ordinary
                };
                Ok::<_, AppError>(Member {
                    id: member,
                    role: query::role(tx, &space, &member)?,
                    name: names.get(&member).cloned().unwrap_or_default(),
                    devices: fold.devices().map(|(_, state)| state).filter(live).count(),
                })
            };
            let me = loaded.row.member;
            let other = fold.members().find(|it| *it != me);
            let alliance = query::alliance(tx, &space, profile::current(tx)?)?;
            Ok(Members { alliance, me: member(me)?, other: other.map(member).transpose()?, safety_words: words })
        })
    }

    /// The safety words, kept from when they were computed first: that takes a while. They are kept behind all that they
    /// depend on, so they hold for nothing else. None of it is secret.
    fn safety_words(&mut self, space: &SpaceId, both: [Introduced; 2]) -> Result<String, AppError> {
        let (key, input) = (format!("safety words:{space}"), safety::input(space, both));
        let kept = self.store.read::<_, AppError>(|tx| Ok(tx.meta(&key)?))?;
        let kept = kept.and_then(|kept| String::from_utf8(kept.strip_prefix(&*input)?.to_vec()).ok());
        if let Some(words) = kept {
            return Ok(words);
        }
        let words = safety::words(space, both)?;
        let kept = [&*input, words.as_bytes()].concat();
        // Where they cannot be kept they are computed again.
        let _ = self.store.write::<_, StoreError>(|tx| tx.set_meta(&key, &kept));
        Ok(words)
    }

    /// What waits here, what the relay has, and what the other person's devices have; all spaces, the personal one last.
    pub fn status(&mut self) -> Result<Vec<SpaceStatus>, AppError> {
        let rows = self.store.read::<_, AppError>(|tx| Ok(tx.spaces()?))?;
        let relays = self.relays()?;
        let mut all = Vec::new();
        for row in rows.iter().skip(1).chain(rows.first()) {
            let Self { store, spaces, .. } = self;
            let relay = relays.iter().find(|relay| relay.keeps(&row.space)).map(|relay| relay.url.clone());
            all.push(store.read(|tx| {
                let loaded = super::receive::loaded(spaces, tx, &row.space)?;
                status(tx, loaded, row.kind, relay)
            })?);
        }
        Ok(all)
    }

    /// The security log, oldest first.
    pub fn security(&mut self) -> Result<Vec<SecurityEvent>, AppError> {
        self.store.read(|tx| Ok(tx.security()?))
    }
}

fn status(tx: &Tx<'_>, space: &Space, kind: SpaceKind, relay: Option<String>) -> Result<SpaceStatus, AppError> {
    let alliance = query::alliance(tx, &space.id(), None)?;
    let names = query::names(tx, &space.id())?;
    let fold = space.log.fold();
    let theirs = fold.devices().filter(|(_, it)| it.live && it.role == Role::Ordinary && it.member != space.row.member);
    let others = theirs
        .map(|(device, it)| DeviceStatus {
            name: names.get(&it.member).cloned().unwrap_or_default(),
            device: short_device(device),
            missing: not_named_by(space, device),
        })
        .collect();
    let chains = space.log.chains();
    let unread = chains.arrivals(Chain::Content).iter().filter(|it| chains.at(**it).state == State::Stored).count();
    Ok(SpaceStatus {
        space: space.id(),
        title: alliance.title,
        personal: kind == SpaceKind::Personal,
        state: alliance.state,
        waiting: tx.count_waiting(&space.id())?,
        unsent: tx.count_entries(&space.id())?.0,
        unread: unread as u64,
        relay,
        others,
    })
}

/// How many content entries of this device another device has not said it has.
fn not_named_by(space: &Space, device: &DeviceId) -> u64 {
    let chains = space.log.chains();
    let me = space.device();
    let highest = chains.highest(&me, Chain::Content);
    let named = chains.heads_of(device, Chain::Content).filter_map(|head| {
        let index = chains.index(&head.head.id)?;
        chains.path_down(index).find_map(|at| {
            let after = space.log.after_of(&chains.at(at).head.id)?;
            after.0.iter().filter(|head| head.device == me && head.chain == Chain::Content).map(|head| head.seq).max()
        })
    });
    highest - named.max().unwrap_or(0).min(highest)
}

/// True if every other device has said that it has all that this one wrote.
pub(super) fn all_have_all(space: &Space) -> bool {
    let fold = space.log.fold();
    let other = |device: &DeviceId| *device != space.device();
    let mut others = fold.devices().filter(|(device, it)| it.live && it.role == Role::Ordinary && other(device));
    others.all(|(device, _)| not_named_by(space, device) == 0)
}

/// Both members as their first records introduced them, once there are two.
fn introductions(space: &Space) -> Option<[Introduced; 2]> {
    let fold = space.log.fold();
    let members: BTreeSet<_> = fold.members().collect();
    let founder = space.log.dag().entries().find_map(|(_, _, control)| match &control.record {
        Record::Genesis(it) => Some(Introduced { device: it.founder, recovery: it.recovery }),
        _ => None,
    })?;
    let joiner = space.log.dag().entries().find_map(|(_, _, control)| match &control.record {
        Record::Redeem(it) if members.contains(&MemberId::of(&it.device.device)) => {
            Some(Introduced { device: it.device, recovery: it.recovery })
        }
        _ => None,
    })?;
    Some([founder, joiner])
}

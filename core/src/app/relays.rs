//! Where a profile's spaces are exchanged, and how they move to another relay.
//!
//! The alliance names its relays in its own item, as a set; a device exchanges a space with every relay named there. A
//! relay that is not named any more is *left*: it is visited until it has everything, so that whoever comes there learns
//! where the alliance is now, or until every other device is known to have all that was written here. Only then, and
//! only if the relays in use have everything too, is it forgotten. What this person chose and has not reached yet goes
//! before what the alliance names.

mod address;

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    exchange::frame::Code,
    id::{ReplicaKey, SpaceId},
    log::control::SpaceKind,
};
use serde_json::json;
use zeroize::Zeroizing;

pub(super) use address::relay_address;

use super::{
    AppError, Profile, World,
    documents::Documents,
    intent::{self, Target},
    query,
    receive::loaded,
    status,
};
use crate::{
    domain::alliance,
    store::{RelayRow, RelayTerms, Stage, Tx},
};

/// Why what there is of a space is not on its relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hindrance {
    /// The relay did not take it.
    Refused(Code),
    /// What waits could not be sealed here, and so was never offered.
    Unsealed(Unsealed),
}

/// What keeps this device from sealing what waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsealed {
    /// This person has written as many records into the space's log as it holds.
    Records,
    /// A key is missing or does not fit, or what waits does not fit into an entry.
    Keys,
}

/// A relay and what it keeps for this profile.
#[derive(Clone)]
pub struct RelayInfo {
    /// Its address.
    pub url: String,
    /// Its key; none until first met.
    pub key: Option<ReplicaKey>,
    /// The spaces that are exchanged there.
    pub spaces: Vec<SpaceId>,
    /// Those among them that have moved away.
    pub left: BTreeSet<SpaceId>,
    /// PEM of the authority that signs its certificate, if it is not a public one.
    pub root: Option<Vec<u8>>,
    /// What admits new spaces there.
    pub token: Option<Zeroizing<String>>,
}

impl RelayInfo {
    /// True if a space is kept there and has not moved away.
    pub fn keeps(&self, space: &SpaceId) -> bool {
        self.spaces.contains(space) && !self.left.contains(space)
    }

    /// True if everything has moved away from it.
    pub fn is_left(&self) -> bool {
        self.left.len() == self.spaces.len()
    }
}

impl Profile {
    /// Moves every space of this profile to a relay, which is known by the key that it ever had here. Whoever says the one
    /// that all of them use already accepts that it may have another key the next time; and where it was reached, those
    /// that were left are not visited any more.
    pub fn set_relay(&mut self, url: &str, world: &mut World<'_>) -> Result<(), AppError> {
        let url = relay_address(url)?;
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let before = tx.relays()?;
            let uses = |space: &SpaceId| {
                before.iter().any(|row| row.space == *space && row.url == url && row.stage < Stage::Left)
            };
            let spaces: Vec<_> = tx.spaces()?.into_iter().map(|row| row.space).collect();
            let key = known_key(tx, &before, &url)?;
            tx.set_meta(&other_key(&url), if spaces.iter().all(uses) { &[1] } else { &[] })?;
            for space in &spaces {
                let row = before.iter().find(|row| row.space == *space && row.url == url);
                if row.is_some_and(|row| row.stage == Stage::Used) {
                    let left = before.iter().filter(|row| row.space == *space && row.stage >= Stage::Left);
                    left.into_iter().try_for_each(|row| tx.remove_relay(space, &row.url))?;
                }
                move_to(tx, &before, space, &[(url.clone(), key)])?;
                if let Some(key) = key {
                    publish_relay(tx, documents, space, &url, key, world)?;
                }
            }
            Ok(())
        });
        self.settle(result)
    }

    /// Gives a relay up that was left: it is not visited any more, and nothing of it is kept.
    pub fn forget_relay(&mut self, url: &str) -> Result<(), AppError> {
        let url = relay_address(url)?;
        self.store.write(|tx| {
            let rows: Vec<_> = tx.relays()?.into_iter().filter(|row| row.url == url).collect();
            if rows.iter().any(|row| row.stage < Stage::Left) {
                return Err(AppError::RelayInUse { url: url.clone() });
            }
            if rows.is_empty() {
                return Err(AppError::NoSuchRelay { url: url.clone() });
            }
            rows.iter().try_for_each(|row| tx.remove_relay(&row.space, &url))?;
            Ok(tx.remove_relay_terms(&url)?)
        })
    }

    /// Keeps the authority that signs a relay's certificate, as PEM; nothing for the public ones alone.
    pub fn set_relay_root(&mut self, url: &str, root: Option<Vec<u8>>) -> Result<(), AppError> {
        let url = relay_address(url)?;
        self.store.write(|tx| Ok(tx.set_relay_terms(&url, &RelayTerms { root, ..tx.relay_terms(&url)? })?))
    }

    /// Keeps what admits new spaces at a relay; nothing takes it away.
    pub fn set_relay_token(&mut self, url: &str, token: Option<Zeroizing<String>>) -> Result<(), AppError> {
        let url = relay_address(url)?;
        self.store.write(|tx| Ok(tx.set_relay_terms(&url, &RelayTerms { token, ..tx.relay_terms(&url)? })?))
    }

    /// The relays of this profile, with the spaces that each keeps: those in use first, then those that were left.
    pub fn relays(&mut self) -> Result<Vec<RelayInfo>, AppError> {
        self.store.read(|tx| {
            let mut relays: BTreeMap<String, RelayInfo> = BTreeMap::new();
            for row in tx.relays()? {
                if !relays.contains_key(&row.url) {
                    let RelayTerms { root, token, .. } = tx.relay_terms(&row.url)?;
                    let (url, key) = (row.url.clone(), row.key);
                    let info = RelayInfo { url, key, spaces: Vec::new(), left: BTreeSet::new(), root, token };
                    relays.insert(row.url.clone(), info);
                }
                let Some(relay) = relays.get_mut(&row.url) else { continue };
                relay.key = relay.key.or(row.key);
                relay.spaces.push(row.space);
                if row.stage >= Stage::Left {
                    relay.left.insert(row.space);
                }
            }
            let mut relays: Vec<_> = relays.into_values().collect();
            relays.sort_by_key(RelayInfo::is_left);
            Ok(relays)
        })
    }

    /// Takes note of the key that a relay has shown: whether it is met for the first time, or under another key than
    /// before as somebody accepted; nothing if it is not the one that is `known`.
    pub(super) fn meet_relay(
        &mut self,
        url: &str,
        known: Option<&ReplicaKey>,
        key: &ReplicaKey,
        world: &mut World<'_>,
    ) -> Result<Option<bool>, AppError> {
        let accepted = self.store.read::<_, AppError>(|tx| Ok(tx.meta(&other_key(url))?))?;
        let accepted = accepted.is_some_and(|it| !it.is_empty());
        let first = known != Some(key);
        if known.is_some() && first && !accepted {
            return Ok(None);
        }
        if accepted {
            self.store.write::<_, AppError>(|tx| {
                let rows = tx.relays()?.into_iter().filter(|row| first && row.url == url);
                rows.into_iter().try_for_each(|row| tx.set_relay(&RelayRow { key: None, ..row }))?;
                Ok(tx.set_meta(&other_key(url), &[])?)
            })?;
        }
        if first {
            self.pin_relay(url, key, world)?;
        }
        Ok(Some(first))
    }

    /// Keeps the key of a relay that was met for the first time.
    pub(super) fn pin_relay(&mut self, url: &str, key: &ReplicaKey, world: &mut World<'_>) -> Result<(), AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            for row in tx.relays()?.into_iter().filter(|row| row.url == url && row.key.is_none()) {
                tx.put_relay(&row.space, url, Some(key))?;
                if row.stage < Stage::Left {
                    publish_relay(tx, documents, &row.space, url, *key, world)?;
                }
                tx.note_security(world.now, &row.space, "relay-met", &json!({ "key": key.to_string() }))?;
            }
            Ok(())
        });
        self.settle(result)
    }

    /// Follows the alliance to the relays that it names now; returns whether anything is exchanged elsewhere than before.
    pub(super) fn follow_relays(&mut self, space: &SpaceId, now: i64) -> Result<bool, AppError> {
        let named = self.store.read(|tx| strays(tx, space))?;
        if named.is_empty() {
            return Ok(false);
        }
        self.store.write(|tx| {
            let named = strays(tx, space)?;
            if named.is_empty() {
                return Ok(false);
            }
            let before = tx.relays()?;
            move_to(tx, &before, space, &named)?;
            for (_, key) in &named {
                let about = key.map_or_else(|| json!({}), |key| json!({ "key": key.to_string() }));
                tx.note_security(now, space, "relay-moved", &about)?;
            }
            bring_personal(tx, &named)?;
            Ok(true)
        })
    }

    /// True while a space is exchanged with several relays, as when it moves: what one of them has, another need not have
    /// had.
    pub(super) fn is_between_relays(&mut self, space: &SpaceId) -> Result<bool, AppError> {
        self.store.read(|tx| Ok(tx.relays()?.iter().filter(|row| row.space == *space).count() > 1))
    }

    /// Keeps why what there is of a space is not on its relay, for whoever asks how it stands; nothing once it is.
    pub fn set_hindrance(&mut self, space: &SpaceId, why: Option<Hindrance>) -> Result<(), AppError> {
        let (key, why) = (hindrance_key(space), why.map(|why| vec![why.encode()]).unwrap_or_default());
        let kept = self.store.read::<_, AppError>(|tx| Ok(tx.meta(&key)?))?.unwrap_or_default();
        if kept == why { Ok(()) } else { self.store.note(|tx| Ok(tx.set_meta(&key, &why)?)) }
    }

    /// Takes note that a relay holds none of these spaces and does not take them.
    pub(super) fn note_absent(&mut self, url: &str, absent: &BTreeSet<SpaceId>) -> Result<(), AppError> {
        if absent.is_empty() {
            return Ok(());
        }
        self.store.write(|tx| {
            let is_absent = |row: &RelayRow| row.url == url && absent.contains(&row.space) && row.stage == Stage::Used;
            for row in tx.relays()?.into_iter().filter(is_absent) {
                tx.set_relay(&RelayRow { stage: Stage::New, ..row })?;
            }
            Ok(())
        })
    }

    /// Takes note that a relay and this device have all of some spaces, and that it never takes some others. Forgets
    /// relays that nobody needs any more.
    pub(super) fn note_exchanged(
        &mut self,
        url: &str,
        exchanged: &[SpaceId],
        refused: &[SpaceId],
    ) -> Result<(), AppError> {
        let Self { store, spaces: known, .. } = self;
        let moving: Vec<_> = store.read::<_, AppError>(|tx| {
            let rows = tx.relays()?;
            let moves = |space: &&SpaceId| rows.iter().any(|row| row.space == **space && row.stage != Stage::Used);
            Ok(exchanged.iter().chain(refused).filter(moves).copied().collect())
        })?;
        if moving.is_empty() {
            return Ok(());
        }
        store.write(|tx| {
            for space in &moving {
                let space = loaded(known, tx, space)?;
                let id = space.id();
                for row in tx.relays()?.into_iter().filter(|row| row.space == id && row.url == url) {
                    let stage = match row.stage {
                        Stage::New if row.key.is_some() && exchanged.contains(&id) => Stage::Used,
                        Stage::Left => Stage::Done,
                        stage => stage,
                    };
                    tx.set_relay(&RelayRow { stage, ..row })?;
                }
                let rows: Vec<_> = tx.relays()?.into_iter().filter(|row| row.space == id).collect();
                // Whoever takes an invitation up goes where it leads.
                let invites = tx.invitations(&id)?.iter().any(|it| it.mine);
                if invites || rows.iter().any(|row| row.stage == Stage::New) || tx.count_waiting(&id)? > 0 {
                    continue;
                }
                let known = status::all_have_all(space);
                for row in rows {
                    if row.stage == Stage::Done || row.stage == Stage::Left && known {
                        tx.remove_relay(&id, &row.url)?;
                    }
                }
            }
            Ok(())
        })
    }
}

/// Why what there is of a space is not on its relay, if it has not come there since.
pub(super) fn hindrance(tx: &Tx<'_>, space: &SpaceId) -> Result<Option<Hindrance>, AppError> {
    Ok(tx.meta(&hindrance_key(space))?.and_then(|kept| Hindrance::decode(&kept)))
}

fn hindrance_key(space: &SpaceId) -> String {
    format!("refusal:{space}")
}

impl Hindrance {
    /// The codes are small numbers, and each is its own encoding; these are beyond them.
    const RECORDS: u8 = 0x80;
    const KEYS: u8 = 0x81;

    fn encode(self) -> u8 {
        match self {
            Self::Refused(code) => code as u8,
            Self::Unsealed(Unsealed::Records) => Self::RECORDS,
            Self::Unsealed(Unsealed::Keys) => Self::KEYS,
        }
    }

    fn decode(kept: &[u8]) -> Option<Self> {
        match kept {
            [Self::RECORDS] => Some(Self::Unsealed(Unsealed::Records)),
            [Self::KEYS] => Some(Self::Unsealed(Unsealed::Keys)),
            code => minicbor::decode(code).ok().map(Self::Refused),
        }
    }
}

/// Moves a space to these relays: what is used and not among them is left, what was left before stays so only as long as
/// it is not among them.
fn move_to(
    tx: &Tx<'_>,
    before: &[RelayRow],
    space: &SpaceId,
    relays: &[(String, Option<ReplicaKey>)],
) -> Result<(), AppError> {
    for row in before.iter().filter(|row| row.space == *space) {
        if relays.iter().any(|(url, _)| *url == row.url) {
            continue;
        }
        match (row.stage, row.key) {
            // Nothing was ever brought there.
            (Stage::New, None) => tx.remove_relay(space, &row.url)?,
            (Stage::New | Stage::Used, _) => tx.set_relay(&RelayRow { stage: Stage::Left, ..row.clone() })?,
            (Stage::Left | Stage::Done, _) => {}
        }
    }
    for (url, key) in relays {
        let there = before.iter().find(|row| row.space == *space && row.url == *url);
        if there.is_some_and(|row| row.stage < Stage::Left && key.is_some() && row.key == *key) {
            continue;
        }
        tx.set_relay(&RelayRow { space: *space, url: url.clone(), key: *key, stage: Stage::New })?;
    }
    Ok(())
}

/// The relays that an alliance names, if they are others than those that are used for it here.
fn strays(tx: &Tx<'_>, space: &SpaceId) -> Result<Vec<(String, Option<ReplicaKey>)>, AppError> {
    let rows: Vec<_> = tx.relays()?.into_iter().filter(|row| row.space == *space && row.stage < Stage::Left).collect();
    // What was chosen here, and is not yet named because nobody has met it, goes first.
    if rows.iter().any(|row| row.key.is_none()) {
        return Ok(Vec::new());
    }
    let used: BTreeMap<_, _> = rows.into_iter().map(|row| (row.url, row.key)).collect();
    let mut named: BTreeMap<String, Option<ReplicaKey>> = BTreeMap::new();
    for relay in query::named_relays(tx, space)? {
        // An address that is named with several keys keeps the one that is known here.
        let known = used.get(&relay.url) == Some(&Some(relay.key));
        if relay_address(&relay.url).as_deref().ok() == Some(&relay.url) && (known || !named.contains_key(&relay.url)) {
            named.insert(relay.url, Some(relay.key));
        }
    }
    Ok(if named == used { Vec::new() } else { named.into_iter().collect() })
}

/// Takes the personal space along if no alliance is kept any more where it is.
fn bring_personal(tx: &Tx<'_>, relays: &[(String, Option<ReplicaKey>)]) -> Result<(), AppError> {
    let Some(personal) = tx.spaces()?.into_iter().find(|row| row.kind == SpaceKind::Personal) else { return Ok(()) };
    let rows = tx.relays()?;
    let in_use = |row: &&RelayRow| row.stage < Stage::Left;
    let shared: BTreeSet<_> =
        rows.iter().filter(in_use).filter(|row| row.space != personal.space).map(|row| &row.url).collect();
    let mut mine = rows.iter().filter(in_use).filter(|row| row.space == personal.space);
    if mine.any(|row| shared.contains(&row.url)) {
        return Ok(());
    }
    move_to(tx, &rows, &personal.space, relays)
}

/// The key by which a relay is known, also where it was used in former times.
fn known_key(tx: &Tx<'_>, rows: &[RelayRow], url: &str) -> Result<Option<ReplicaKey>, AppError> {
    match rows.iter().filter(|row| row.url == url).find_map(|row| row.key) {
        Some(key) => Ok(Some(key)),
        None => Ok(tx.relay_terms(url)?.key),
    }
}

/// Makes a relay the one of a new space: here at once, and for the other person, as part of the alliance, once its key is
/// known.
pub(super) fn use_relay(
    tx: &Tx<'_>,
    documents: &mut Documents,
    space: &SpaceId,
    url: &str,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let key = known_key(tx, &tx.relays()?, url)?;
    tx.set_relay(&RelayRow { space: *space, url: url.to_owned(), key, stage: Stage::New })?;
    match key {
        Some(key) => publish_relay(tx, documents, space, url, key, world),
        None => Ok(()),
    }
}

/// A new alliance is kept where the personal space is.
pub(super) fn copy_relays(
    tx: &Tx<'_>,
    documents: &mut Documents,
    from: &SpaceId,
    to: &SpaceId,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    for row in tx.relays()?.into_iter().filter(|row| row.space == *from && row.stage < Stage::Left) {
        use_relay(tx, documents, to, &row.url, world)?;
    }
    Ok(())
}

/// What tells that a relay may show another key than the one that is known, once.
fn other_key(url: &str) -> String {
    format!("other-key:{url}")
}

/// Says in the alliance which relay keeps it, instead of the ones named before. Where nobody can write in the alliance's
/// item any more it is not named, and nothing else of this person is kept from the relay by that.
fn publish_relay(
    tx: &Tx<'_>,
    documents: &mut Documents,
    space: &SpaceId,
    url: &str,
    key: ReplicaKey,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let is_alliance = tx.space(space)?.is_some_and(|row| row.kind == SpaceKind::Alliance);
    if !is_alliance || super::profile::is_over(tx, space)? {
        return Ok(());
    }
    let target = Target::alliance(tx, space)?;
    let relay = alliance::Relay { url: url.to_owned(), key };
    let named = query::named_relays(tx, space)?;
    if named == [relay.clone()] {
        return Ok(());
    }
    let not_relay = named.into_iter().filter(|it| *it != relay).collect();
    let intent = alliance::Intent { relay: vec![relay], not_relay, ..Default::default() };
    match intent::write(tx, documents, &target, &intent.plan(target.member)?, world) {
        Err(AppError::Edit(_)) => {
            // The edit was made in memory.
            documents.forget(space);
            Ok(tx.note_security_once(world.now, (space, "relay-not-named", &json!({})))?)
        }
        written => written.map(|_| ()),
    }
}

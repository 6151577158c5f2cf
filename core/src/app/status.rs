//! Who belongs together, and what has reached whom. Never when: nobody watches the other.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, ItemId, MemberId, SpaceId},
    log::{
        chain::State,
        control::{Record, SpaceKind},
        entry::Header,
        heads::Chain,
    },
};

use serde_json::json;

use super::{
    AllianceInfo, AllianceState, AppError, Hindrance, Passage, Profile, World, profile, query, relays, routes,
    short_device, space::Space,
};
use crate::{
    keys::{
        content::Content,
        safety::{self, Introduced},
        seal,
    },
    store::{SecurityEvent, Stage, StoreError, Tx},
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
    /// Whether they are those that this person compared, once they did.
    pub compared: Option<bool>,
}

/// Whether a device of the other person has all that was written here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceStatus {
    /// Whose it is.
    pub name: String,
    /// The device, shortened.
    pub device: String,
    /// Things of which it is not known whether it has what was written here last. A device says what it has once a day.
    pub missing: u64,
    /// By which way it was reached last from computer to computer, if it ever was; not when.
    pub passage: Option<Passage>,
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
    /// The other person, once known.
    pub other: Option<String>,
    /// True if another computer of this person brought this one in.
    pub by_own: bool,
    /// Things a person wrote that wait here for the next exchange.
    pub waiting: u64,
    /// Other things a person wrote that were made ready and that no relay is known to have; where there is none, no other
    /// computer.
    pub unsent: u64,
    /// Entries that cannot be read yet, or wait for something.
    pub unread: u64,
    /// Where it is kept.
    pub relay: Option<String>,
    /// True once a sync has brought it there.
    pub kept: bool,
    /// True if an invitation waits here for the next exchange.
    pub invites: bool,
    /// Why what there is has not come to the relay, if it has not since.
    pub hindrance: Option<Hindrance>,
    /// The other person's devices; none while one is not let in, for they can have nothing of this one.
    pub others: Vec<DeviceStatus>,
}

impl Profile {
    /// The two members of an alliance, and the words by which they know that nobody stands between them.
    pub fn members(&mut self, space: SpaceId) -> Result<Members, AppError> {
        let introduced = introductions(self.space(&space)?);
        let input = introduced.map(|both| safety::input(&space, both).to_vec());
        let words = introduced.map(|both| self.safety_words(&space, both)).transpose()?;
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            let loaded = super::receive::loaded(spaces, tx, &space)?;
            let names = query::names(tx, &space)?;
            let member = |member: MemberId| {
                Ok::<_, AppError>(Member {
                    id: member,
                    role: query::role(tx, &space, &member)?,
                    name: names.get(&member).cloned().unwrap_or_default(),
                    devices: loaded.computers().filter(|(_, state)| state.member == member).count(),
                })
            };
            let me = loaded.row.member;
            let other = loaded.log.fold().members().find(|it| *it != me);
            let alliance = query::alliance(tx, &space, profile::current(tx)?)?;
            let mut myself = member(me)?;
            if alliance.state == AllianceState::AwaitsConfirmation {
                // This one, though the log does not know it yet.
                myself.devices = 1;
            }
            let compared = tx.meta(&compared_key(&space))?.map(|compared| Some(compared) == input);
            Ok(Members { alliance, me: myself, other: other.map(member).transpose()?, safety_words: words, compared })
        })
    }

    /// The person has compared the safety words with the other one, and they were the same: from now on it is told if they
    /// change. False if there is nobody to compare them with.
    pub fn compare_words(&mut self, space: SpaceId, world: &World<'_>) -> Result<bool, AppError> {
        let Some(both) = introductions(self.space(&space)?) else { return Ok(false) };
        self.store.write(|tx| {
            tx.set_meta(&compared_key(&space), &safety::input(&space, both))?;
            tx.note_security(world.now, &space, "safety-words-compared", &json!({}))?;
            Ok(true)
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

    /// Takes note that another device has all that this one wrote.
    pub(super) fn note_had(&mut self, space: &SpaceId, device: &DeviceId) -> Result<(), AppError> {
        let Some((newest, _)) = own_content(self.space(space)?).next() else { return Ok(()) };
        let key = had_key(space, device);
        let had = self.store.read::<_, AppError>(|tx| Ok(tx.meta(&key)?))?;
        if had.as_deref() == Some(newest.as_ref()) {
            return Ok(());
        }
        self.store.note(|tx| Ok(tx.set_meta(&key, newest.as_ref())?))
    }

    /// How many things there are in a space.
    pub fn count(&mut self, space: SpaceId) -> Result<usize, AppError> {
        let rows = self.store.read::<_, AppError>(|tx| Ok(tx.rows(&space, None, usize::MAX)?))?;
        Ok(rows.iter().filter(|row| query::is_shown(&row.kind)).count())
    }

    /// How many things a person wrote wait here for the next exchange.
    pub fn waiting(&mut self, space: SpaceId) -> Result<u64, AppError> {
        self.store.read(|tx| Ok(written(tx, &space, tx.waiting_items(&space)?)?.len() as u64))
    }

    /// The security log, oldest first.
    pub fn security(&mut self) -> Result<Vec<SecurityEvent>, AppError> {
        self.store.read(|tx| Ok(tx.security()?))
    }
}

fn status(tx: &Tx<'_>, space: &Space, kind: SpaceKind, relay: Option<String>) -> Result<SpaceStatus, AppError> {
    let alliance = query::alliance(tx, &space.id(), None)?;
    let names = query::names(tx, &space.id())?;
    let theirs = space.computers().filter(|(_, it)| it.member != space.row.member);
    let theirs = theirs.filter(|_| alliance.state != AllianceState::AwaitsConfirmation);
    let mut opened = BTreeMap::new();
    let passages = routes::passages(tx, &space.id())?;
    let others = theirs
        .map(|(device, it)| {
            let missing = carried(tx, space, &not_known_at(tx, space, &device)?, &mut opened)?;
            Ok(DeviceStatus {
                name: names.get(&it.member).cloned().unwrap_or_default(),
                device: short_device(&device),
                missing: missing.len() as u64,
                passage: passages.get(&device).copied(),
            })
        })
        .collect::<Result<_, AppError>>()?;
    let waiting = written(tx, &space.id(), tx.waiting_items(&space.id())?)?;
    let unsent = match relay {
        Some(_) => unsent(space),
        None => not_known_anywhere(tx, space)?,
    };
    let unsent = carried(tx, space, &unsent, &mut opened)?;
    let chains = space.log.chains();
    let kept = tx
        .relays()?
        .iter()
        .any(|row| row.space == space.id() && row.stage == Stage::Used && Some(&row.url) == relay.as_ref());
    let invites = tx.invitations(&space.id())?.iter().any(|invited| invited.mine && !invited.written);
    let unread = chains.arrivals(Chain::Content).iter().filter(|it| chains.at(**it).state == State::Stored).count();
    Ok(SpaceStatus {
        space: space.id(),
        title: alliance.title,
        personal: kind == SpaceKind::Personal,
        state: alliance.state,
        other: alliance.other,
        by_own: alliance.by_own,
        waiting: waiting.len() as u64,
        unsent: unsent.difference(&waiting).count() as u64,
        unread: unread as u64,
        relay,
        kept,
        invites,
        hindrance: relays::hindrance(tx, &space.id())?,
        others,
    })
}

/// How many things there are of which it is not known whether another device has what was written here last.
pub(super) fn lacks(tx: &Tx<'_>, space: &Space, device: &DeviceId) -> Result<u64, AppError> {
    Ok(carried(tx, space, &not_known_at(tx, space, device)?, &mut BTreeMap::new())?.len() as u64)
}

/// The content of this device of which it is not known that another device has it, by what that one has said and by when
/// they met last, newest first.
fn not_known_at(tx: &Tx<'_>, space: &Space, device: &DeviceId) -> Result<Vec<EntryId>, AppError> {
    let had = tx.meta(&had_key(&space.id(), device))?;
    let is_new = |id: &EntryId| had.as_deref() != Some(id.as_ref());
    Ok(not_named_by(space, device).into_iter().take_while(is_new).collect())
}

/// The content of this device of which it is not known that any other device has it.
fn not_known_anywhere(tx: &Tx<'_>, space: &Space) -> Result<Vec<EntryId>, AppError> {
    let mut least: Vec<_> = own_content(space).map(|(id, _)| id).collect();
    for (device, _) in space.computers().filter(|(device, _)| *device != space.device()) {
        let lacks = not_known_at(tx, space, &device)?;
        if lacks.len() < least.len() {
            least = lacks;
        }
    }
    Ok(least)
}

/// Under which it is kept up to which entry of this device another one had everything when they met last.
fn had_key(space: &SpaceId, device: &DeviceId) -> String {
    format!("had:{space}:{device}")
}

/// The content of this device that another device has not said it has, newest first.
fn not_named_by(space: &Space, device: &DeviceId) -> Vec<EntryId> {
    let chains = space.log.chains();
    let me = space.device();
    let named = chains.heads_of(device, Chain::Content).filter_map(|head| {
        let index = chains.index(&head.head.id)?;
        chains.path_down(index).find_map(|at| {
            let after = space.log.after_of(&chains.at(at).head.id)?;
            after.0.iter().filter(|head| head.device == me && head.chain == Chain::Content).map(|head| head.seq).max()
        })
    });
    let named = named.max().unwrap_or(0);
    own_content(space).take_while(|(_, seq)| *seq > named).map(|(id, _)| id).collect()
}

/// The content of this device that no relay is known to have.
fn unsent(space: &Space) -> Vec<EntryId> {
    let is_relayed = |id: &EntryId| space.relayed.get(id).copied().unwrap_or(false);
    own_content(space).map(|(id, _)| id).filter(|id| !is_relayed(id)).collect()
}

/// The content of this device with its places, newest first.
fn own_content(space: &Space) -> impl Iterator<Item = (EntryId, u64)> {
    let chains = space.log.chains();
    let newest = chains.heads_of(&space.device(), Chain::Content).max_by_key(|head| head.head.seq);
    let newest = newest.and_then(|head| chains.index(&head.head.id));
    newest.into_iter().flat_map(|index| chains.path_down(index)).map(|at| {
        let head = &chains.at(at).head;
        (head.id, head.seq)
    })
}

/// The items a person wrote of which content carries something. What carries only what the program says for itself (that
/// something was received, how somebody is called) carries none.
fn carried(
    tx: &Tx<'_>,
    space: &Space,
    entries: &[EntryId],
    opened: &mut BTreeMap<EntryId, BTreeSet<ItemId>>,
) -> Result<BTreeSet<ItemId>, AppError> {
    let mut all = BTreeSet::new();
    for id in entries {
        if !opened.contains_key(id) {
            opened.insert(*id, written(tx, &space.id(), items(tx, space, id)?)?);
        }
        all.extend(opened.get(id).into_iter().flatten());
    }
    Ok(all)
}

/// The items of which an entry carries something; none if it does not open.
fn items(tx: &Tx<'_>, space: &Space, id: &EntryId) -> Result<BTreeSet<ItemId>, AppError> {
    let content = content(tx, space, id)?;
    Ok(content.into_iter().flat_map(|content| content.parts).map(|part| part.item).collect())
}

/// What an entry carries; nothing if it does not open.
pub(super) fn content(tx: &Tx<'_>, space: &Space, id: &EntryId) -> Result<Option<Content>, AppError> {
    Ok(tx.entry(&space.id(), id)?.and_then(|stored| {
        let header = Header::decode(&stored.entry.header).ok()?;
        let opened = seal::open(&space.keyring, &stored.device, &header.place(), &stored.entry.body).ok()?;
        Content::decode(&opened.plaintext).ok()
    }))
}

/// Of items, those that people see as theirs.
fn written(tx: &Tx<'_>, space: &SpaceId, items: BTreeSet<ItemId>) -> Result<BTreeSet<ItemId>, AppError> {
    let mut written = BTreeSet::new();
    for item in items {
        if tx.row(space, &item)?.is_some_and(|row| query::is_shown(&row.kind)) {
            written.insert(item);
        }
    }
    Ok(written)
}

/// True if every other device has said that it has all that this one wrote.
pub(super) fn all_have_all(space: &Space) -> bool {
    let mut others = space.computers().filter(|(device, _)| *device != space.device());
    others.all(|(device, _)| not_named_by(space, &device).is_empty())
}

/// Under which it is kept what the safety words were made from when the person compared them.
fn compared_key(space: &SpaceId) -> String {
    format!("compared:{space}")
}

/// Tells, once, that the safety words are not those any more that this person compared.
pub(super) fn watch_words(tx: &Tx<'_>, space: &Space, now: i64) -> Result<(), AppError> {
    let id = space.id();
    let Some(compared) = tx.meta(&compared_key(&id))? else { return Ok(()) };
    if introductions(space).is_none_or(|both| safety::input(&id, both).as_slice() != compared.as_slice()) {
        tx.note_security_once(now, (&id, "safety-words-changed", &json!({})))?;
    }
    Ok(())
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

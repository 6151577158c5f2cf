//! A backup: one file with all that a profile holds of a person, sealed to their words and to their computers.
//!
//! What it holds is what the logs hold, as it was sealed and signed, and what this computer had not sent yet; no key of
//! this computer. So whoever restores it takes it like what a relay sends, judged by the same rules, and nothing that is
//! here is lost or replaced.

mod aside;
mod drill;
mod file;
mod taking;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
};

use alliance_replica::{
    exchange::frame::Entries,
    id::{DeviceId, ItemId, SpaceId},
    log::{
        Log,
        control::SpaceKind,
        entry::Entry,
        heads::Chain,
        membership::{DeviceState, Role},
    },
};

pub(super) use aside::take_over;
pub use aside::{Aside, AsideState};
use aside::{enter, tidy};
pub use drill::Drilled;
use file::{Begin, Piece, Reading, RelayHead, SpaceHead, Unsent, Writing, Written, damaged};
pub use taking::Merged;

use super::{AppError, Profile, World, query, receive::loaded, space::Space};
use crate::{
    document::{DocId, Form, Incoming, Preimage, Writer},
    domain,
    keys::{
        DeviceSecret, EpochKey, Words,
        backup::{Error, Opener, Opening, Sealer},
    },
    store::{Stage, StoreError},
};

/// Why a backup cannot be made, or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file.
    #[error(transparent)]
    File(#[from] Error),
    /// It cannot be written.
    #[error("it cannot be written")]
    Write(#[source] io::Error),
    /// It is another person's.
    #[error("it is the backup of somebody else")]
    OtherPerson,
}

/// What a backup holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Backup {
    /// Whose it is.
    pub name: String,
    /// What they are to the others.
    pub role: String,
    /// How they call the computer that made it; empty if nobody said.
    pub computer: String,
    /// When, in unix seconds of that computer's clock.
    pub made: i64,
    /// The spaces, the personal one first.
    pub spaces: Vec<BackedUp>,
}

/// What a backup holds of a space, beside what is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackedUp {
    /// The space.
    pub space: SpaceId,
    /// What it is called here; empty if it is not here.
    pub title: String,
    /// True for the personal space.
    pub personal: bool,
    /// True if this profile has the space.
    pub here: bool,
    /// Sealed entries in the file.
    pub entries: u64,
    /// Those of them that are not here.
    pub more: u64,
    /// Entries that are here and not in the file.
    pub lacks: u64,
    /// Things that wait here for the next exchange, and of which not all that waits is in the file.
    pub lacks_unsent: u64,
    /// Things of which something had not been sent when it was made.
    pub unsent: u64,
    /// Those of them of which that is not here, and is not kept aside here either.
    pub unsent_more: u64,
    /// True if the computer that made it may still send them.
    pub lives: bool,
    /// The relays that it names.
    pub relays: Vec<String>,
}

impl Profile {
    /// Writes a backup of everything.
    pub fn back_up<W: Write>(&mut self, into: W, world: &mut World<'_>) -> Result<(W, Backup), AppError> {
        let (personal, person) = (self.personal()?, self.person()?);
        let computer = self.computers()?.into_iter().find(|it| it.this).map(|it| it.name).unwrap_or_default();
        let space = self.space(&personal.space)?;
        let fold = space.log.fold();
        let member = space.row.member;
        let own = |it: &DeviceState| it.live && it.member == member;
        // One that was cut off has what it had not sent.
        if fold.device(&space.device()).is_none_or(|it| it.member != member) {
            return Err(AppError::NotHereYet);
        }
        // Computers, too: one that has not heard of the newest epoch opens it all the same.
        let keys = |device: &DeviceId| fold.device(device).filter(|it| own(it)).map(|it| it.keys);
        let words = space.words();
        let computers = space.computers().map(|(device, _)| device).filter(|device| !words.contains(device));
        let devices = words.iter().copied().chain([space.device()]).chain(computers);
        let mut to = vec![personal.recovery];
        for keys in devices.filter_map(|device| keys(&device)) {
            if !to.contains(&keys) {
                to.push(keys);
            }
        }
        let epoch = space.usable_key();
        let begin = Begin { name: person.name, role: person.role, computer, made: world.now };
        let sealer = Sealer::new(into, &to, epoch.as_ref(), world.rng).map_err(BackupError::Write)?;
        self.store.read(|tx| {
            let mut writing = Writing::begin(sealer, &begin, world.rng)?;
            let (mut signers, mut spaces) = (Vec::new(), Vec::new());
            for row in tx.spaces()? {
                let used = tx.relays()?.into_iter().filter(|it| it.space == row.space && it.stage < Stage::Left);
                // Anybody in an alliance may name relays; more than that no reader takes.
                let used = used.take(file::RELAYS);
                let relays: Vec<_> = used.map(|it| RelayHead { url: it.url, key: it.key }).collect();
                let urls = relays.iter().map(|it| it.url.clone()).collect();
                let (space, kind) = (row.space, row.kind);
                let head = SpaceHead { space, kind, member: row.member, device: row.device, relays };
                writing.space(&head, world.rng)?;
                let mut entries = 0;
                tx.each_entry::<AppError>(&space, |device, entry| {
                    // What rotted on this disk is not kept as if it were whole.
                    let verified = entry.verify(&space, &device);
                    let entry = verified.map_err(|_| StoreError::Damaged { what: "an entry" })?.entry;
                    entries += 1;
                    Ok(writing.entry(&Written { device, entry }, world.rng)?)
                })?;
                let mut things = BTreeSet::new();
                let mut intents = BTreeMap::new();
                for change in tx.waiting(&space)? {
                    let next = u32::try_from(intents.len()).unwrap_or(u32::MAX);
                    let intent = *intents.entry(change.intent).or_insert(next);
                    let preimage = tx.preimage(&space, &change.item)?;
                    let preimage = preimage.ok_or(StoreError::Damaged { what: "an item" })?;
                    things.extend(is_thing(&preimage).then_some(change.item));
                    let (item, writer, bytes) = (change.item, change.writer, change.bytes);
                    writing.unsent(&Unsent { intent, item, writer, preimage, bytes }, world.rng)?;
                }
                spaces.push(BackedUp {
                    space,
                    title: query::alliance(tx, &space, None)?.title,
                    personal: kind == SpaceKind::Personal,
                    here: true,
                    entries,
                    more: 0,
                    lacks: 0,
                    lacks_unsent: 0,
                    unsent: things.len() as u64,
                    unsent_more: 0,
                    lives: true,
                    relays: urls,
                });
                signers.push((space, DeviceSecret::from_bytes(&row.secret)));
            }
            let into = writing.end(&signers, world.rng)?;
            let Begin { name, role, computer, made } = begin;
            Ok((into, Backup { name, role, computer, made, spaces }))
        })
    }

    /// Checks every byte of a backup and compares it with what is here. It changes nothing. The profile's own keys open it,
    /// or words if they are given.
    pub fn check_backup<R: Read>(&mut self, from: R, words: Option<&Words>) -> Result<Backup, AppError> {
        let (reading, begin) = self.open_backup(from, words)?;
        let mine = self.personal()?.space;
        let backup = check(reading, begin, Some(self))?;
        match backup.spaces.iter().any(|it| it.personal && it.space == mine) {
            true => Ok(backup),
            false => Err(BackupError::OtherPerson.into()),
        }
    }

    fn open_backup<R: Read>(&mut self, from: R, words: Option<&Words>) -> Result<(Reading<R>, Begin), AppError> {
        if let Some(words) = words {
            return open_by(from, words);
        }
        let personal = self.personal()?.space;
        let space = self.space(&personal)?;
        let epochs: Vec<&EpochKey> = space.keyring.epochs().filter_map(|id| space.keyring.key(id)).collect();
        let opener = Opener::new(from, &Opening { devices: vec![&space.secret], epochs });
        Ok(Reading::begin(opener.map_err(BackupError::File)?)?)
    }
}

impl Backup {
    /// Checks every byte of a backup where there is no profile.
    pub fn check<R: Read>(from: R, words: &Words) -> Result<Self, AppError> {
        let (reading, begin) = open_by(from, words)?;
        check(reading, begin, None)
    }

    /// True if it names a relay.
    pub fn has_relay(&self) -> bool {
        self.spaces.iter().any(|it| !it.relays.is_empty())
    }
}

fn open_by<R: Read>(from: R, words: &Words) -> Result<(Reading<R>, Begin), AppError> {
    let key = words.device_secret();
    let opener = Opener::new(from, &Opening { devices: vec![&key], epochs: Vec::new() });
    Ok(Reading::begin(opener.map_err(BackupError::File)?)?)
}

/// A space of a backup while it is checked.
struct Checked {
    head: SpaceHead,
    log: Log,
    entries: u64,
    unsent: Vec<Unsent>,
}

impl Checked {
    fn take(&mut self, written: Written) -> Result<(), BackupError> {
        let Written { device, entry } = written;
        let chain = chain_of(&entry)?;
        self.entries += 1;
        let received = self.log.receive(&device, chain, vec![entry]);
        match received.refused.is_some() || received.unlinked || !received.known.is_empty() {
            true => Err(damaged("an entry in it is not what was signed")),
            false => Ok(()),
        }
    }

    fn finish(self, here: Option<&mut Profile>) -> Result<BackedUp, AppError> {
        let Self { head, log, entries, unsent } = self;
        let fold = log.fold();
        let chains = log.chains();
        let all = chains.arrivals(Chain::Control).iter().chain(chains.arrivals(Chain::Content));
        let ids: Vec<_> = all.map(|at| chains.at(*at).head.id).collect();
        let personal = head.kind == SpaceKind::Personal;
        // Nobody but a computer of the person's makes one; where it waits to be let in, nothing is known of it.
        let is_known = match fold.device(&head.device) {
            Some(it) => it.member == head.member && it.role == Role::Ordinary,
            None => !personal,
        };
        if ids.len() as u64 != entries || fold.kind() != Some(head.kind) || !is_known {
            return Err(damaged("the log of a space in it does not hold together").into());
        }
        let things = check_unsent(&head, &fold.lineage(&head.device), &unsent)?;
        let mut found = BackedUp {
            space: head.space,
            title: String::new(),
            personal,
            here: false,
            entries,
            more: entries,
            lacks: 0,
            lacks_unsent: 0,
            unsent: things.len() as u64,
            unsent_more: things.len() as u64,
            lives: true,
            relays: head.relays.iter().cloned().map(|it| it.url).collect(),
        };
        let Some(profile) = here else { return Ok(found) };
        let held: BTreeSet<_> = unsent.iter().map(|it| it.bytes.as_slice()).collect();
        let known = profile.store.read::<_, AppError>(|tx| {
            if tx.space(&head.space)?.is_none() {
                return Ok(None);
            }
            let mut newer = BTreeSet::new();
            for change in tx.waiting(&head.space)?.into_iter().filter(|it| !held.contains(it.bytes.as_slice())) {
                let preimage = tx.preimage(&head.space, &change.item)?;
                newer.extend(preimage.is_some_and(|it| is_thing(&it)).then_some(change.item));
            }
            Ok(Some((query::alliance(tx, &head.space, None)?.title, newer.len() as u64)))
        })?;
        let Some((title, newer)) = known else { return Ok(found) };
        let here = profile.space(&head.space)?.log.chains();
        let same = ids.iter().filter(|id| here.index(id).is_some()).count() as u64;
        (found.title, found.here, found.lacks_unsent) = (title, true, newer);
        (found.more, found.lacks) = (entries - same, here.len() as u64 - same);
        (found.unsent_more, found.lives) = profile.look_for(&head, unsent)?;
        Ok(found)
    }
}

fn check<R: Read>(mut reading: Reading<R>, begin: Begin, mut here: Option<&mut Profile>) -> Result<Backup, AppError> {
    let (mut spaces, mut current) = (Vec::new(), None::<Checked>);
    loop {
        match (reading.next()?, &mut current) {
            (Piece::Entry(written), Some(checked)) => checked.take(written)?,
            (Piece::Unsent(change), Some(checked)) => checked.unsent.push(change),
            (Piece::Space(head), _) => {
                let log = Log::new(head.space);
                let next = Checked { head, log, entries: 0, unsent: Vec::new() };
                let before = current.replace(next);
                spaces.extend(before.map(|it| it.finish(here.as_deref_mut())).transpose()?);
            }
            (Piece::End, _) => break,
            _ => return Err(damaged("a part of it is where it does not belong").into()),
        }
    }
    spaces.extend(current.map(|it| it.finish(here)).transpose()?);
    if spaces.iter().filter(|it| it.personal).count() != 1 {
        return Err(damaged("it does not say whose it is").into());
    }
    let Begin { name, role, computer, made } = begin;
    Ok(Backup { name, role, computer, made, spaces })
}

/// Sees to it that what was not sent could be sent by the device that made the backup; returns the things in it.
fn check_unsent(
    head: &SpaceHead,
    renewed: &BTreeSet<DeviceId>,
    unsent: &[Unsent],
) -> Result<BTreeSet<ItemId>, BackupError> {
    let lineage: Vec<_> = renewed.iter().copied().chain([head.device]).collect();
    let mut things = BTreeSet::new();
    for change in unsent {
        let doc = DocId { item: change.item, writer: Writer::from(change.writer) };
        let (raw, preimage) = (change.bytes.as_slice(), Some(change.preimage.as_slice()));
        let incoming = Incoming { doc, form: Form::Changes, raw, preimage, member: head.member, lineage: &lineage };
        match incoming.check() {
            Ok(believed) if believed.changes.len() == 1 => {}
            _ => return Err(damaged("a change in it is not of the computer that made it")),
        }
        things.extend(is_thing(&change.preimage).then_some(change.item));
    }
    Ok(things)
}

/// True if people see an item as a thing of theirs.
fn is_thing(preimage: &[u8]) -> bool {
    Preimage::decode(preimage).is_ok_and(|it| query::is_shown(it.kind.as_str()))
}

/// True if people write an item: a thing of theirs, or what an alliance is called and is for.
fn is_written(preimage: &[u8]) -> bool {
    Preimage::decode(preimage).is_ok_and(|it| !domain::is_for_programs(it.kind.as_str()))
}

fn chain_of(entry: &Entry) -> Result<Chain, BackupError> {
    let header = alliance_replica::log::entry::Header::decode(&entry.header);
    header.map(|it| it.chain).map_err(|_| damaged("an entry in it cannot be read"))
}

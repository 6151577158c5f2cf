//! What is in a backup comes in: by the same way as what a relay sends.

use std::{collections::BTreeMap, io::Read, mem, path::Path};

use alliance_replica::{
    id::{DeviceId, ReplicaKey, SpaceId},
    limits,
    log::{entry::Verified, membership::Role},
};

use super::{
    AppError, Backup, BackupError, Begin, Chain, DeviceSecret, Entries, Log, Piece, Profile, Reading, Space, SpaceHead,
    SpaceKind, Unsent, Words, World, Written, chain_of, check, check_unsent, damaged, enter, loaded, open_by, tidy,
};
use crate::{
    app::{
        NotRestored,
        apply::{self, Since},
        computers,
        relays::relay_address,
        restore,
    },
    document::{Change, DocId, Document, Preimage, Writer},
    domain::{self, recovery},
    store::{Aside, EpochRow, StoreError},
    view,
};

/// Bytes of entries that are taken at once.
const BATCH: usize = 512 * 1024;

/// How spaces come in that are not here.
pub(super) enum How<'a> {
    /// They do not.
    Merge,
    /// By the words.
    Words(&'a Words),
    /// By these keys, to be looked at: nobody exchanges it.
    Keys(BTreeMap<SpaceId, Vec<EpochRow>>),
}

/// What came of a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Came {
    pub(super) space: SpaceId,
    /// The device that made the backup.
    pub(super) device: DeviceId,
    /// False if it was passed over.
    pub(super) here: bool,
    /// Entries that are new here.
    pub(super) new: u64,
}

/// What a backup brought into a profile that was there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// What the backup held, compared with what was here before.
    pub backup: Backup,
    /// Entries that are new here, a space.
    pub new: BTreeMap<SpaceId, u64>,
}

/// A space of a backup that comes in.
struct Current {
    head: SpaceHead,
    way: Way,
    paths: Vec<Entries>,
    bytes: usize,
    unsent: Vec<Unsent>,
    new: u64,
}

enum Way {
    Here,
    /// Control entries come first: they tell whether it may come in.
    Collecting(Box<Log>, Vec<Verified>),
    Over,
}

impl Profile {
    /// Takes into this profile what a backup of this person has and is not here. `check` was asked before.
    pub fn merge_backup<R: Read>(
        &mut self,
        backup: Backup,
        from: R,
        words: Option<&Words>,
        world: &mut World<'_>,
    ) -> Result<Merged, AppError> {
        let (reading, begin) = self.open_backup(from, words)?;
        let came = self.take_all(reading, &How::Merge, world)?;
        self.name_maker(&came, &begin.computer, world)?;
        Ok(Merged { backup, new: came.into_iter().filter(|it| it.here).map(|it| (it.space, it.new)).collect() })
    }

    /// Begins a profile with what a backup has; it is unfinished, as after [`Profile::restore`].
    pub fn restore_backup<R: Read>(
        file: &Path,
        from: R,
        words: &Words,
        world: &mut World<'_>,
    ) -> Result<Self, AppError> {
        let mut profile = Self::blank(file)?;
        profile.take_backup(from, words, world)?;
        Ok(profile)
    }

    /// Takes what a backup has into a profile that is being brought back, with all spaces that the words open.
    pub fn take_backup<R: Read>(&mut self, from: R, words: &Words, world: &mut World<'_>) -> Result<(), AppError> {
        let (reading, begin) = open_by(from, words)?;
        let came = self.take_all(reading, &How::Words(words), world)?;
        self.name_maker(&came, &begin.computer, world)
    }

    /// Keeps which device the computer is where that made the backup, if it is another one.
    fn name_maker(&mut self, came: &[Came], name: &str, world: &mut World<'_>) -> Result<(), AppError> {
        let personal = self.personal()?.space;
        let places: BTreeMap<_, _> = came.iter().filter(|it| it.here).map(|it| (it.space, it.device)).collect();
        let space = self.space(&personal)?;
        let me = space.device();
        let is_mine = |device: &DeviceId| *device == me || space.heirs(device).contains(&me);
        if places.get(&personal).is_none_or(is_mine) {
            return Ok(());
        }
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| computers::name_other(tx, documents, &personal, (&places, name), world));
        self.settle(result)
    }

    pub(super) fn take_all<R: Read>(
        &mut self,
        mut reading: Reading<R>,
        how: &How<'_>,
        world: &mut World<'_>,
    ) -> Result<Vec<Came>, AppError> {
        let (mut all, mut current) = (Vec::new(), None::<Current>);
        loop {
            match (reading.next()?, &mut current) {
                (Piece::Entry(written), Some(current)) => self.take_entry(current, written, how, world)?,
                (Piece::Unsent(change), Some(current)) => current.unsent.push(change),
                (Piece::Space(head), _) => {
                    if let Some(before) = current.take() {
                        all.push(self.end_space(before, how, world)?);
                    }
                    current = Some(self.begin_space(head, how)?);
                }
                (Piece::End, _) => break,
                _ => {}
            }
        }
        if let Some(last) = current {
            all.push(self.end_space(last, how, world)?);
        }
        Ok(all)
    }

    fn begin_space(&mut self, head: SpaceHead, how: &How<'_>) -> Result<Current, AppError> {
        let here = self.store.read::<_, AppError>(|tx| Ok(tx.space(&head.space)?.is_some()))?;
        if let (true, How::Words(words), SpaceKind::Alliance) = (here, how, head.kind) {
            // Begun before, and stopped: its key may lie in what was not sent.
            let found = self.unsent_secrets(words)?.into_iter().find(|(space, _)| *space == head.space);
            let is_open = self.space(&head.space)?.is_open_to_words();
            self.lent.extend(found.filter(|_| is_open));
        }
        let way = if here { Way::Here } else { Way::Collecting(Box::new(Log::new(head.space)), Vec::new()) };
        Ok(Current { head, way, paths: Vec::new(), bytes: 0, unsent: Vec::new(), new: 0 })
    }

    fn take_entry(
        &mut self,
        current: &mut Current,
        written: Written,
        how: &How<'_>,
        world: &mut World<'_>,
    ) -> Result<(), AppError> {
        let Written { device, entry } = written;
        let chain = chain_of(&entry)?;
        if let (Way::Collecting(log, control), Chain::Control) = (&mut current.way, chain) {
            control.extend(log.receive(&device, chain, vec![entry]).new);
            return Ok(());
        }
        self.let_in(current, how, world)?;
        if !matches!(current.way, Way::Here) {
            return Ok(());
        }
        current.bytes += entry.size();
        match current.paths.last_mut() {
            Some(path) if path.device == device && path.chain == chain && path.entries.len() < limits::PATH_ENTRIES => {
                path.entries.push(entry);
            }
            _ => current.paths.push(Entries { channel: 0, device, chain, entries: vec![entry] }),
        }
        if current.bytes >= BATCH { self.flush(current, world) } else { Ok(()) }
    }

    fn flush(&mut self, current: &mut Current, world: &World<'_>) -> Result<(), AppError> {
        current.bytes = 0;
        let paths = mem::take(&mut current.paths);
        if !paths.is_empty() {
            let taken = self.receive(&current.head.space, paths, world)?;
            if taken.refused.is_some() {
                return Err(damaged("an entry in it is refused here").into());
            }
            current.new += taken.new;
        }
        Ok(())
    }

    /// Lets a space in that is not here, once all its control entries are known.
    fn let_in(&mut self, current: &mut Current, how: &How<'_>, world: &mut World<'_>) -> Result<(), AppError> {
        let Way::Collecting(log, control) = &current.way else { return Ok(()) };
        let (head, kind) = (&current.head, log.fold().kind());
        let way = match how {
            How::Merge => Way::Over,
            _ if kind != Some(head.kind) => Way::Over,
            How::Words(words) => match self.key_of(head, log, words)? {
                Some(key) => {
                    let member = log.fold().device(&key.id()).map_or(head.member, |it| it.member);
                    let (space, relays) = (head.space, relays(head));
                    let Self { store, spaces, lent, .. } = self;
                    store.write::<_, AppError>(|tx| {
                        let begun = restore::Begun { space, kind: head.kind, member, control, relays: &relays };
                        restore::begin_space(tx, spaces, &begun, Some(&key), world)?;
                        restore::mark(tx)
                    })?;
                    lent.insert(space, key);
                    current.new += control.len() as u64;
                    Way::Here
                }
                None => Way::Over,
            },
            How::Keys(keys) => {
                let (space, member) = (head.space, head.member);
                let Self { store, spaces, .. } = self;
                store.write::<_, AppError>(|tx| {
                    for (epoch, key) in keys.get(&space).into_iter().flatten() {
                        tx.insert_epoch(&space, epoch, key)?;
                    }
                    let begun = restore::Begun { space, kind: head.kind, member, control, relays: &[] };
                    restore::begin_space(tx, spaces, &begun, None, world)
                })?;
                Way::Here
            }
        };
        current.way = way;
        Ok(())
    }

    /// The key by which the words open a space: live, and no invitation's.
    fn key_of(&mut self, head: &SpaceHead, log: &Log, words: &Words) -> Result<Option<DeviceSecret>, AppError> {
        let personal = self.store.read::<_, AppError>(|tx| {
            Ok(tx.spaces()?.into_iter().find(|row| row.kind == SpaceKind::Personal).map(|row| row.space))
        })?;
        let key = match (head.kind, personal) {
            (SpaceKind::Personal, None) => Some(words.device_secret()),
            (SpaceKind::Personal, Some(_)) => return Err(BackupError::OtherPerson.into()),
            (SpaceKind::Alliance, None) => None,
            (SpaceKind::Alliance, Some(_)) => {
                let lost = self.lost_alliances(words)?.into_iter().filter_map(|it| Some((it.space?, it.key)));
                let all: Vec<_> = lost.chain(self.unsent_secrets(words)?).collect();
                let live =
                    all.into_iter().filter(|it| it.0 == head.space).map(|it| it.1).filter(|key| is_live(log, key));
                let is_added =
                    |key: &DeviceSecret| log.fold().device(&key.id()).map(|it| it.role) != Some(Role::Recovery);
                live.min_by_key(is_added)
            }
        };
        match key {
            Some(key) if is_live(log, &key) => Ok(Some(key)),
            Some(key) if head.kind == SpaceKind::Personal => {
                Err(AppError::NotRestored(match log.fold().device(&key.id()) {
                    Some(_) => NotRestored::Ended,
                    None => NotRestored::OtherWords,
                }))
            }
            _ => Ok(None),
        }
    }

    /// The keys of alliances that the words open, in what is kept aside in the personal space: an alliance may be so new
    /// that nothing of it was ever sent.
    fn unsent_secrets(&mut self, words: &Words) -> Result<Vec<(SpaceId, DeviceSecret)>, AppError> {
        let personal = self.personal()?.space;
        self.store.read(|tx| {
            let mut items: BTreeMap<_, (Preimage, Vec<Change>)> = BTreeMap::new();
            for device in tx.aside_devices(&personal)? {
                for kept in tx.aside(&personal, &device)? {
                    let preimage =
                        Preimage::decode(&kept.preimage).ok().filter(|it| it.kind.as_str() == recovery::KIND.name);
                    let change = Change::try_from(kept.bytes.as_slice()).ok();
                    let Some((preimage, change)) = preimage.zip(change).filter(|_| kept.writer.is_none()) else {
                        continue;
                    };
                    items.entry(kept.item).or_insert_with(|| (preimage, Vec::new())).1.push(change);
                }
            }
            let mut secrets = Vec::new();
            for (item, (preimage, changes)) in items {
                let doc = DocId { item, writer: Writer::Everyone };
                let mut document = Document::new(doc, domain::schema(&preimage, doc.writer));
                if document.apply(changes).is_err() {
                    continue;
                }
                let row = view::derive(&preimage, &[(doc.writer, &document)].into_iter().collect(), &[], true);
                let field = |name| row.text(Writer::Everyone, name);
                if let Some((space, sealed)) = recovery::kept(field("space"), field("sealed"))
                    && let Ok(secret) = words.open(&space, &personal, &sealed)
                {
                    secrets.push((space, secret));
                }
            }
            Ok(secrets)
        })
    }

    fn end_space(&mut self, mut current: Current, how: &How<'_>, world: &mut World<'_>) -> Result<Came, AppError> {
        self.let_in(&mut current, how, world)?;
        self.flush(&mut current, world)?;
        let here = matches!(current.way, Way::Here);
        let Current { head, unsent, new, .. } = current;
        if here && !unsent.is_empty() {
            self.set_aside(&head, unsent, matches!(how, How::Keys(_)), world)?;
        }
        Ok(Came { space: head.space, device: head.device, here, new })
    }

    /// Keeps what was not sent, or takes it in at once if it is this very computer's.
    fn set_aside(
        &mut self,
        head: &SpaceHead,
        unsent: Vec<Unsent>,
        at_once: bool,
        world: &World<'_>,
    ) -> Result<(), AppError> {
        let Self { store, spaces, documents, .. } = self;
        let result = store.write(|tx| {
            let space = loaded(spaces, tx, &head.space)?;
            if head.member != space.row.member {
                return Err(AppError::Backup(BackupError::OtherPerson));
            }
            // The file may be another one than that which was looked at.
            check_unsent(head, &space.log.fold().lineage(&head.device), &unsent)?;
            if apply::is_open(space) {
                apply::settle(tx, space, documents, Since::default(), world.now)?;
            }
            let first = tx.last_aside(&head.space, &head.device)? + 1;
            for change in unsent {
                tx.insert_aside(&head.space, &head.device, &kept(change, first)?)?;
            }
            tidy(tx, space, documents, &head.device)?;
            if at_once || is_own(space, head) {
                enter(tx, space, documents, &head.device)?;
            }
            space.store_row(tx)
        });
        self.settle(result)
    }

    /// Checks a backup by the words where there is a profile that is not whole.
    pub fn check_backup_by<R: Read>(&mut self, from: R, words: &Words) -> Result<Backup, AppError> {
        let (reading, begin): (_, Begin) = open_by(from, words)?;
        check(reading, begin, None)
    }
}

/// True if changes of the device that made a backup are this one's to send.
pub(super) fn is_own(space: &Space, head: &SpaceHead) -> bool {
    space.device() == head.device || space.log.fold().lineage(&space.device()).contains(&head.device)
}

/// A change that was not sent, as it is kept; intents are counted from the first.
pub(super) fn kept(change: Unsent, first: i64) -> Result<Aside, AppError> {
    let read = Change::try_from(change.bytes.as_slice());
    let hash = read.map_err(|_| StoreError::Damaged { what: "a change" })?.hash().0;
    let Unsent { intent, item, writer, preimage, bytes } = change;
    Ok(Aside { intent: first + i64::from(intent), item, writer, preimage, hash, bytes })
}

fn is_live(log: &Log, key: &DeviceSecret) -> bool {
    log.fold().device(&key.id()).is_some_and(|it| it.live && it.role != Role::Invite)
}

/// The relays that a backup names, in the one form of their addresses.
fn relays(head: &SpaceHead) -> Vec<(String, Option<ReplicaKey>)> {
    head.relays.iter().filter_map(|it| Some((relay_address(&it.url).ok()?, it.key))).collect()
}

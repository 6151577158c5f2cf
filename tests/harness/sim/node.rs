//! The relay: its real state machine, over a store in memory or a real database.

use alliance_replica::{
    id::{DeviceId, EntryId, SpaceId},
    log::{entry::Entry, heads::Chain},
};
use alliance_sync_server::{
    replica::Relay,
    store::{Append, MemoryStore, SqliteStore, Store, StoreError, StoreTimes, Stored, Totals},
};
use tempfile::TempDir;

use super::{
    dice::Dice,
    wal::{self, Crash, Mark, folder},
};
use crate::copy_files;

/// The relay's secret, as long as it is not kept anywhere.
const FRESH: [u8; 32] = [7; 32];

/// Where a relay keeps its entries.
pub(crate) enum Kept {
    Memory(MemoryStore),
    Sqlite(Box<SqliteStore>, TempDir),
}

/// A relay that may be down.
pub(crate) struct Node {
    relay: Option<Relay<Kept>>,
    /// What it had once.
    copies: Vec<Kept>,
    /// Another past of itself, which it shows to others.
    twin: Option<Relay<Kept>>,
}

impl Node {
    pub(crate) fn new(sqlite: bool) -> Self {
        let kept = if sqlite { Kept::open(folder()) } else { Kept::Memory(MemoryStore::default()) };
        Self { relay: Some(start(kept)), copies: Vec::new(), twin: None }
    }

    /// The relay, unless it is down.
    pub(crate) fn up(&mut self) -> Option<&mut Relay<Kept>> {
        self.relay.as_mut()
    }

    /// True if it keeps its entries in a real database.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| matches!(relay.store(), Kept::Sqlite(..)))
    }

    /// Ends at once, within a commit or between two of its steps: what it keeps is what was written, and of what was not
    /// fsynced as much as a loss of power leaves.
    pub(crate) fn crash(&mut self, crash: Crash, within: bool, dice: &mut Dice) -> String {
        let Some(mut relay) = self.relay.take() else { return String::new() };
        let before = relay.store().mark().filter(|_| within);
        if within {
            relay.commit();
        }
        let (kept, how) = relay.store().left(crash, before.as_ref(), dice);
        drop(relay);
        self.relay = Some(start(kept));
        how
    }

    /// Keeps a copy, to be put back later.
    pub(crate) fn keep(&mut self) {
        let copy = self.relay.as_ref().map(|relay| relay.store().copy());
        self.copies.extend(copy);
    }

    /// Puts a copy in the place of what it has, or nothing if there is none.
    pub(crate) fn lose(&mut self) -> &'static str {
        let sqlite = self.is_sqlite();
        match self.copies.pop() {
            Some(kept) => {
                self.relay = Some(start(kept));
                "it is put back to a copy"
            }
            None => {
                *self = Self::new(sqlite);
                "it has nothing any more"
            }
        }
    }

    /// Whoever comes next sees another past than those who came last: first one that is the same so far.
    pub(crate) fn turn(&mut self) -> &'static str {
        let Some(relay) = &self.relay else { return "it is down" };
        match &mut self.twin {
            Some(_) => {
                std::mem::swap(&mut self.relay, &mut self.twin);
                "it shows its other past"
            }
            None => {
                self.twin = Some(start(relay.store().copy()));
                "it begins another past"
            }
        }
    }

    /// Whether nothing can be written.
    pub(crate) fn set_full(&mut self, full: bool) -> bool {
        match self.relay.as_mut().map(Relay::store_mut) {
            Some(Kept::Memory(store)) => store.set_full(full),
            _ => return false,
        }
        true
    }

    /// What it has of a space, in order of arrival.
    pub(crate) fn stored(&self, space: &SpaceId) -> Vec<Stored> {
        let mut all = Vec::new();
        let Some(relay) = &self.relay else { return all };
        let mut take = |stored| {
            all.push(stored);
            Ok(())
        };
        relay.store().load(space, &mut take).expect("a whole store");
        all
    }

    /// Bodies of entries that it has. It may have nothing of a space, not even its name.
    pub(crate) fn bodies(&self, space: &SpaceId, ids: &[EntryId]) -> Vec<Entry> {
        if ids.is_empty() {
            return Vec::new();
        }
        self.relay.as_ref().map(|relay| relay.store().entries(space, ids).expect("entries")).unwrap_or_default()
    }
}

fn start(kept: Kept) -> Relay<Kept> {
    Relay::new(kept, &FRESH).expect("a relay on a good store")
}

impl Kept {
    fn open(folder: TempDir) -> Self {
        let mut store = SqliteStore::open(folder.path()).expect("a store");
        store.secret(&FRESH).expect("a secret");
        Self::Sqlite(Box::new(store), folder)
    }

    fn copy(&self) -> Self {
        match self {
            Self::Memory(store) => Self::Memory(store.clone()),
            Self::Sqlite(_, from) => {
                let to = folder();
                copy_files(from.path(), to.path());
                Self::open(to)
            }
        }
    }

    /// How far its write-ahead log has come, if it has one.
    fn mark(&self) -> Option<Mark> {
        match self {
            Self::Memory(_) => None,
            Self::Sqlite(_, folder) => Some(Mark::read(folder.path())),
        }
    }

    /// What a crash leaves of it, and how much that is; `before` is its mark before the call within which it happened.
    fn left(&self, crash: Crash, before: Option<&Mark>, dice: &mut Dice) -> (Self, String) {
        let Self::Sqlite(store, from) = self else { return (self.copy(), String::new()) };
        let volatile = if store.waits_for_disk().expect("a store") { 0 } else { u32::MAX };
        let to = folder();
        let how = wal::crash(from.path(), to.path(), crash, before.map(|mark| (mark, volatile)), volatile, dice);
        (Self::open(to), how)
    }

    fn inner(&self) -> &dyn Store {
        match self {
            Self::Memory(store) => store,
            Self::Sqlite(store, _) => store.as_ref(),
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Store {
        match self {
            Self::Memory(store) => store,
            Self::Sqlite(store, _) => store.as_mut(),
        }
    }
}

impl Store for Kept {
    fn secret(&mut self, fresh: &[u8; 32]) -> Result<[u8; 32], StoreError> {
        self.inner_mut().secret(fresh)
    }

    fn append(&mut self, batch: &[Append]) -> Result<(), StoreError> {
        self.inner_mut().append(batch)
    }

    fn load(&self, space: &SpaceId, take: &mut dyn FnMut(Stored) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.inner().load(space, take)
    }

    fn entries(&self, space: &SpaceId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError> {
        self.inner().entries(space, ids)
    }

    fn spaces_of(&self, device: &DeviceId, limit: usize) -> Result<Vec<SpaceId>, StoreError> {
        self.inner().spaces_of(device, limit)
    }

    fn forget(&mut self, space: &SpaceId) -> Result<bool, StoreError> {
        self.inner_mut().forget(space)
    }

    fn content_limit(&self, space: &SpaceId) -> Result<Option<u64>, StoreError> {
        self.inner().content_limit(space)
    }

    fn set_content_limit(&mut self, space: &SpaceId, limit: Option<u64>) -> Result<bool, StoreError> {
        self.inner_mut().set_content_limit(space, limit)
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        self.inner().totals()
    }

    fn disk_bytes(&self) -> u64 {
        self.inner().disk_bytes()
    }

    fn times(&self) -> StoreTimes {
        self.inner().times()
    }

    fn check(&mut self) -> Result<(), StoreError> {
        self.inner_mut().check()
    }
}

/// The ids of stored content.
pub(crate) fn content(space: &SpaceId, stored: &[Stored]) -> Vec<EntryId> {
    let is_content = |it: &&Stored| {
        alliance_replica::log::entry::Header::decode(&it.entry.header)
            .is_ok_and(|header| header.chain == Chain::Content)
    };
    stored.iter().filter(is_content).map(|it| EntryId::of(space, &it.device, &it.entry.header)).collect()
}

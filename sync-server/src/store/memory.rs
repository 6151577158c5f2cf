//! A store that forgets with the process: for the simulator, where a clone is what a crash leaves behind.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, SpaceId},
    log::{
        entry::{Entry, Verified},
        heads::Chain,
    },
};

use super::{Append, Store, StoreError, StoreTimes, Stored, Totals};

/// What a relay keeps, in memory.
#[derive(Clone, Default, Debug)]
pub struct MemoryStore {
    secret: Option<[u8; 32]>,
    spaces: BTreeMap<SpaceId, Space>,
    full: bool,
}

#[derive(Clone, Default, Debug)]
struct Space {
    entries: Vec<Verified>,
    places: BTreeMap<EntryId, usize>,
    /// Whether each that is live agreed to be.
    live: BTreeMap<DeviceId, bool>,
    limit: Option<u64>,
}

impl MemoryStore {
    /// Makes every later write fail, as on a full disk, or succeed again.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// The ids of a space's entries in order of arrival.
    pub fn ids(&self, space: &SpaceId) -> Vec<EntryId> {
        self.spaces.get(space).into_iter().flat_map(|space| &space.entries).map(|entry| entry.id).collect()
    }

    /// Number of spaces.
    pub fn len(&self) -> usize {
        self.spaces.len()
    }

    /// True if there is no space.
    pub fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// Takes an entry out, as damage would.
    pub fn lose(&mut self, space: &SpaceId, id: &EntryId) {
        if let Some(space) = self.spaces.get_mut(space) {
            space.entries.retain(|entry| entry.id != *id);
            space.places = places(&space.entries);
        }
    }

    /// Changes a byte of an entry's body, as a bad disk would.
    pub fn damage(&mut self, space: &SpaceId, id: &EntryId) {
        let entries = self.spaces.get_mut(space).into_iter().flat_map(|space| &mut space.entries);
        let bodies = entries.filter(|entry| entry.id == *id).filter_map(|entry| entry.entry.body.first_mut());
        bodies.for_each(|byte| *byte ^= 1);
    }
}

impl Store for MemoryStore {
    fn secret(&mut self, fresh: &[u8; 32]) -> Result<[u8; 32], StoreError> {
        if self.secret.is_none() && self.full {
            return Err(StoreError::Told);
        }
        if self.secret.is_none() && !self.spaces.is_empty() {
            return Err(StoreError::Keyless);
        }
        Ok(*self.secret.get_or_insert(*fresh))
    }

    fn append(&mut self, batch: &[Append]) -> Result<(), StoreError> {
        if self.full {
            return Err(StoreError::Told);
        }
        let mut new = BTreeSet::new();
        for append in batch {
            let held = self.spaces.get(&append.space);
            for entry in &append.entries {
                if held.is_some_and(|space| space.places.contains_key(&entry.id)) || !new.insert(entry.id) {
                    return Err(StoreError::Damaged { what: "an entry comes twice" });
                }
            }
        }
        for append in batch {
            let space = self.spaces.entry(append.space).or_default();
            for entry in &append.entries {
                space.places.insert(entry.id, space.entries.len());
                space.entries.push(entry.clone());
            }
            if let Some(live) = &append.live {
                space.live = live.iter().map(|it| (it.device, it.agreed)).collect();
            }
        }
        Ok(())
    }

    fn load(&self, space: &SpaceId, take: &mut dyn FnMut(Stored) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.spaces.get(space).into_iter().flat_map(|space| &space.entries).try_for_each(|entry| {
            let body = match entry.header.chain {
                Chain::Control => entry.entry.body.clone(),
                Chain::Content => Vec::new(),
            };
            let (header, signature) = (entry.entry.header.clone(), entry.entry.signature);
            take(Stored { device: entry.device, entry: Entry { header, signature, body } })
        })
    }

    fn entries(&self, space: &SpaceId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError> {
        let space = self.spaces.get(space).ok_or(StoreError::Missing)?;
        let entry = |id| space.places.get(id).map(|at| space.entries[*at].entry.clone()).ok_or(StoreError::Missing);
        ids.iter().map(entry).collect()
    }

    fn spaces_of(&self, device: &DeviceId, limit: usize) -> Result<Vec<SpaceId>, StoreError> {
        let live =
            |agreed| move |(id, space): (&SpaceId, &Space)| (space.live.get(device) == Some(&agreed)).then_some(*id);
        let agreed = self.spaces.iter().filter_map(live(true));
        Ok(agreed.chain(self.spaces.iter().filter_map(live(false))).take(limit).collect())
    }

    fn forget(&mut self, space: &SpaceId) -> Result<bool, StoreError> {
        if self.full { Err(StoreError::Told) } else { Ok(self.spaces.remove(space).is_some()) }
    }

    fn content_limit(&self, space: &SpaceId) -> Result<Option<u64>, StoreError> {
        Ok(self.spaces.get(space).and_then(|space| space.limit))
    }

    fn set_content_limit(&mut self, space: &SpaceId, limit: Option<u64>) -> Result<bool, StoreError> {
        let space = self.spaces.get_mut(space);
        Ok(space.map(|space| space.limit = limit).is_some())
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        let mut totals = Totals { spaces: self.spaces.len() as u64, ..Totals::default() };
        for one in self.spaces.values().map(|space| Totals::of(&space.entries)) {
            totals.entries += one.entries;
            totals.content_bytes += one.content_bytes;
            totals.control_bytes += one.control_bytes;
        }
        Ok(totals)
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    fn times(&self) -> StoreTimes {
        StoreTimes::default()
    }

    fn check(&mut self) -> Result<(), StoreError> {
        if self.full { Err(StoreError::Told) } else { Ok(()) }
    }
}

fn places(entries: &[Verified]) -> BTreeMap<EntryId, usize> {
    entries.iter().enumerate().map(|(at, entry)| (entry.id, at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[test]
    fn store_in_memory_does_what_every_store_does() {
        conformance::check(|| (MemoryStore::default(), ()));
    }

    #[test]
    fn a_clone_keeps_what_was_there_when_it_was_made() {
        let mut store = MemoryStore::default();
        let space = conformance::space(1);
        store.append(&[conformance::append(space, &[1])]).expect("appends");
        let crashed = store.clone();
        store.append(&[conformance::append(space, &[2])]).expect("appends");
        assert_eq!((crashed.ids(&space).len(), store.ids(&space).len()), (1, 2));
    }

    #[test]
    fn a_full_store_takes_nothing_and_still_reads() {
        let mut store = MemoryStore::default();
        let space = conformance::space(1);
        store.append(&[conformance::append(space, &[1])]).expect("appends");
        store.set_full(true);
        assert!(store.append(&[conformance::append(space, &[2])]).is_err());
        assert_eq!(store.ids(&space).len(), 1);
    }
}

//! A space while it is in memory: its log, who sits in it, what it has of its quota.
//!
//! A space in which nobody sits stays for a while if it was used lately and is not large: the next opener need not wait for
//! it to be read. Which ones stay is bounded in number and in entries, whatever is stored.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    exchange::frame::Channel,
    id::SpaceId,
    log::{Log, chain::State, entry::Header, heads::Chain},
};

use super::{ConnectionId, Relay, account::Account};
use crate::{
    policy::Memory,
    store::{Store, StoreError, Stored},
};

/// A space in memory.
pub(super) struct Space {
    pub(super) log: Log,
    pub(super) seats: BTreeSet<(ConnectionId, Channel)>,
    pub(super) account: Account,
    /// At most so many bytes of entries wait here for their authors to be introduced.
    pub(super) waiting: usize,
}

/// Spaces in memory in which nobody sits, the one used last at the end.
pub(super) struct Idle {
    most_spaces: usize,
    most_entries: u64,
    order: BTreeMap<u64, (SpaceId, u64)>,
    places: BTreeMap<SpaceId, u64>,
    entries: u64,
    next: u64,
}

impl Space {
    /// A space that nobody sits in yet.
    pub(super) fn new(log: Log) -> Self {
        Self { log, seats: BTreeSet::new(), account: Account::default(), waiting: 0 }
    }
}

impl Idle {
    pub(super) fn new(memory: &Memory) -> Self {
        Self {
            most_spaces: memory.idle_spaces as usize,
            most_entries: memory.idle_entries,
            order: BTreeMap::new(),
            places: BTreeMap::new(),
            entries: 0,
            next: 0,
        }
    }

    /// Puts a space of so many entries at the end; gives those that have to go, itself among them if it is too large.
    fn push(&mut self, space: SpaceId, entries: u64) -> Vec<SpaceId> {
        self.remove(&space);
        self.next += 1;
        self.order.insert(self.next, (space, entries));
        self.places.insert(space, self.next);
        self.entries += entries;
        if entries > self.most_entries {
            self.remove(&space);
            return vec![space];
        }
        let mut gone = Vec::new();
        while self.order.len() > self.most_spaces || self.entries > self.most_entries {
            gone.extend(self.pop());
        }
        gone
    }

    /// Takes out the space that was used longest ago.
    fn pop(&mut self) -> Option<SpaceId> {
        let (space, _) = *self.order.first_key_value()?.1;
        self.remove(&space);
        Some(space)
    }

    /// Takes a space out: it is used, or no longer in memory.
    pub(super) fn remove(&mut self, space: &SpaceId) {
        if let Some((_, entries)) = self.places.remove(space).and_then(|place| self.order.remove(&place)) {
            self.entries -= entries;
        }
    }
}

impl<S: Store> Relay<S> {
    /// Brings a space into memory if the store knows it and it is not there already; its limit is read each time, for an
    /// operator may have changed it. To be followed by a seat, or by [`Relay::evict`].
    pub(super) fn load(&mut self, space: &SpaceId) -> Result<(), StoreError> {
        let loaded = self.read(space);
        loaded.inspect_err(|problem| self.note_read(problem))
    }

    fn read(&mut self, space: &SpaceId) -> Result<(), StoreError> {
        if let Some(here) = self.spaces.get_mut(space) {
            here.account.limit = self.store.content_limit(space)?;
            self.idle.remove(space);
            return Ok(());
        }
        let mut here = Space::new(Log::new(*space));
        self.store.load(space, &mut |stored| restore(&mut here, stored))?;
        if !here.log.chains().is_empty() {
            here.account.limit = self.store.content_limit(space)?;
            self.spaces.insert(*space, here);
        }
        Ok(())
    }

    /// True if one more space may be in memory, or this one is already; one that is idle makes room.
    pub(super) fn has_room_for(&mut self, space: &SpaceId) -> bool {
        if self.spaces.contains_key(space) || self.spaces.len() < self.policy.memory.spaces as usize {
            return true;
        }
        let idle = self.idle.pop();
        idle.is_some_and(|idle| self.spaces.remove(&idle).is_some())
    }

    /// Lets go of a space in which nobody sits and of which nothing waits for the store. It may stay in memory for a while.
    pub(super) fn evict(&mut self, space: &SpaceId) {
        let Some(here) = self.spaces.get(space).filter(|it| it.seats.is_empty() && !self.batch.touches(space)) else {
            return;
        };
        let gone = match here.waiting {
            0 => self.idle.push(*space, here.log.chains().len() as u64),
            _ => vec![*space],
        };
        gone.iter().for_each(|space| _ = self.spaces.remove(space));
    }

    /// Who sits in a space now.
    pub(super) fn seats_of(&self, space: &SpaceId) -> Vec<(ConnectionId, Channel)> {
        self.spaces.get(space).into_iter().flat_map(|space| &space.seats).copied().collect()
    }
}

/// Bytes of content of each who shares a space, as they count for its quota, the founder's first. `load` gives all that is
/// kept of it.
pub fn shares(
    space: &SpaceId,
    load: impl FnOnce(&mut dyn FnMut(Stored) -> Result<(), StoreError>) -> Result<(), StoreError>,
) -> Result<Vec<u64>, StoreError> {
    let mut here = Space::new(Log::new(*space));
    load(&mut |stored| restore(&mut here, stored))?;
    Ok(here.account.shares(&here.log))
}

fn restore(here: &mut Space, stored: Stored) -> Result<(), StoreError> {
    let Stored { device, mut entry } = stored;
    let header = Header::decode(&entry.header).map_err(|_| StoreError::Damaged { what: "an entry's header" })?;
    if header.chain == Chain::Content {
        // The log weighs what it may send by the entry's bytes, and this one's body stays on disk.
        entry.body = vec![0; header.length as usize];
    }
    here.account.count(&device, header.chain, &entry);
    here.log.restore(&device, entry, State::Stored).map_err(|_| StoreError::Damaged { what: "an entry's place" })
}

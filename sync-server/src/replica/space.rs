//! A space while somebody has it open: its log, and who sits in it.

use std::collections::BTreeSet;

use alliance_replica::{
    exchange::frame::Channel,
    id::SpaceId,
    log::{Log, chain::State, entry::Header, heads::Chain},
};

use super::{ConnectionId, Relay};
use crate::store::{Store, StoreError, Stored};

/// An open space.
pub(super) struct Space {
    pub(super) log: Log,
    pub(super) seats: BTreeSet<(ConnectionId, Channel)>,
}

impl Space {
    /// A space that nobody sits in yet.
    pub(super) fn new(log: Log) -> Self {
        Self { log, seats: BTreeSet::new() }
    }
}

impl<S: Store> Relay<S> {
    /// Brings a space into memory if the store knows it and it is not there already.
    pub(super) fn load(&mut self, space: &SpaceId) -> Result<(), StoreError> {
        if self.spaces.contains_key(space) {
            return Ok(());
        }
        let mut log = Log::new(*space);
        self.store.load(space, &mut |stored| restore(&mut log, stored))?;
        if !log.chains().is_empty() {
            self.spaces.insert(*space, Space::new(log));
        }
        Ok(())
    }

    /// Forgets a space in which nobody sits and of which nothing waits for the store.
    pub(super) fn evict(&mut self, space: &SpaceId) {
        if self.spaces.get(space).is_some_and(|it| it.seats.is_empty()) && !self.batch.touches(space) {
            self.spaces.remove(space);
        }
    }

    /// Who sits in a space now.
    pub(super) fn seats_of(&self, space: &SpaceId) -> Vec<(ConnectionId, Channel)> {
        self.spaces.get(space).into_iter().flat_map(|space| &space.seats).copied().collect()
    }
}

fn restore(log: &mut Log, stored: Stored) -> Result<(), StoreError> {
    let Stored { device, mut entry } = stored;
    let header = Header::decode(&entry.header).map_err(|_| StoreError::Damaged { what: "an entry's header" })?;
    if header.chain == Chain::Content {
        // The log weighs what it may send by the entry's bytes, and this one's body stays on disk.
        entry.body = vec![0; header.length as usize];
    }
    log.restore(&device, entry, State::Stored).map_err(|_| StoreError::Damaged { what: "an entry's place" })
}

//! Group commit: what arrived within two milliseconds goes to the store in one transaction, for all spaces.
//!
//! Only then is anything acknowledged. If the store fails, nothing is: the spaces concerned are forgotten, to be loaded as
//! the store has them, and whoever has them open is sent away and comes back with what it was not told is safe.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use alliance_replica::{
    exchange::frame::{Channel, Code},
    id::{EntryId, SpaceId},
    log::{
        entry::{Entry, Verified},
        heads::Chain,
    },
    planted::{self, Bug},
};
use tracing::{debug, error};

use super::{ConnectionId, Now, Relay, Seat, admission};
use crate::{
    policy::ENTRY_COST,
    store::{Append, Store, StoreError},
};

/// How long the first entry of a batch waits for others.
const WINDOW: Duration = Duration::from_millis(2);
/// Bytes of entries that do not wait for the window to end.
const LARGE_BYTES: usize = 4 * 1024 * 1024;
/// Entries that do not wait for the window to end.
const LARGE_ENTRIES: usize = 1024;

/// What waits for the store.
#[derive(Default)]
pub(super) struct Batch {
    spaces: BTreeMap<SpaceId, Pending>,
    bytes: usize,
    entries: usize,
    since: Option<Duration>,
    awaiting: BTreeSet<(ConnectionId, Channel)>,
    /// Spaces in which something had waited for its author, whoever brought it.
    admitted: BTreeSet<SpaceId>,
}

/// Entries of one space that the store does not have yet, in order of arrival.
#[derive(Default)]
struct Pending {
    entries: Vec<Verified>,
    places: BTreeMap<EntryId, usize>,
}

impl Batch {
    /// Adds entries in order of arrival.
    pub(super) fn push(&mut self, space: SpaceId, entries: Vec<Verified>, now: Now) {
        if entries.is_empty() {
            return;
        }
        self.since.get_or_insert(now.elapsed);
        let pending = self.spaces.entry(space).or_default();
        for entry in entries {
            self.bytes += entry.entry.size();
            self.entries += 1;
            pending.places.insert(entry.id, pending.entries.len());
            pending.entries.push(entry);
        }
    }

    /// Notes a channel that is to be told when all this is on disk.
    pub(super) fn acknowledge(&mut self, id: ConnectionId, channel: Channel, now: Now) {
        self.since.get_or_insert(now.elapsed);
        self.awaiting.insert((id, channel));
    }

    /// Notes that something of a space waited until its author was introduced: everybody is told when it is on disk.
    pub(super) fn admit(&mut self, space: SpaceId) {
        self.admitted.insert(space);
    }

    /// True if the channel is to be told.
    pub(super) fn awaits(&self, id: ConnectionId, channel: Channel) -> bool {
        self.awaiting.contains(&(id, channel))
    }

    /// True if an entry of the space waits.
    pub(super) fn touches(&self, space: &SpaceId) -> bool {
        self.spaces.contains_key(space)
    }

    /// An entry that waits.
    pub(super) fn entry(&self, space: &SpaceId, id: &EntryId) -> Option<&Entry> {
        let pending = self.spaces.get(space)?;
        pending.places.get(id).map(|at| &pending.entries[*at].entry)
    }

    /// True if no entry waits.
    pub(super) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// Bytes of all that waits, as they count for a quota.
    pub(super) fn weight(&self) -> u64 {
        self.bytes as u64 + self.entries as u64 * ENTRY_COST
    }

    /// True if there is enough to commit at once.
    pub(super) fn is_large(&self) -> bool {
        self.bytes >= LARGE_BYTES || self.entries >= LARGE_ENTRIES
    }
}

impl Pending {
    /// Control entries.
    fn control(&self) -> impl Iterator<Item = &EntryId> {
        self.entries.iter().filter(|entry| entry.header.chain == Chain::Control).map(|entry| &entry.id)
    }
}

impl<S: Store> Relay<S> {
    /// When to commit, by [`Now::elapsed`]; nothing if nothing waits.
    pub fn commit_due(&self) -> Option<Duration> {
        self.batch.since.map(|since| since + WINDOW)
    }

    /// Writes what waits to the store, and acknowledges it.
    pub fn commit(&mut self) {
        let mut batch = mem::take(&mut self.batch);
        let appends: Vec<_> = batch.spaces.iter_mut().map(|(space, pending)| self.append_of(*space, pending)).collect();
        let result = if appends.is_empty() { Ok(()) } else { self.store.append(&appends) };
        match result {
            Ok(()) => {
                debug!(spaces = appends.len(), entries = batch.entries, bytes = batch.bytes, "committed");
                self.counters.commits += u64::from(!appends.is_empty());
                self.counters.entries += batch.entries as u64;
                self.whole.count(batch.entries, batch.bytes);
            }
            Err(_) if planted::is(Bug::RelayAcksFailedCommit) => {}
            Err(problem) => self.on_failed_commit(&appends, &problem),
        }
        for (id, channel) in batch.awaiting {
            self.acknowledge(id, channel);
        }
        for append in &appends {
            self.announce(append, batch.admitted.contains(&append.space));
            self.evict(&append.space);
        }
    }

    fn append_of(&self, space: SpaceId, pending: &mut Pending) -> Append {
        let log = self.spaces.get(&space).map(|space| &space.log);
        let live = log.filter(|_| pending.control().next().is_some()).map(admission::live);
        Append { space, entries: mem::take(&mut pending.entries), live }
    }

    /// Tells a channel that everything it sent is on disk; unless it was closed because that failed.
    fn acknowledge(&mut self, id: ConnectionId, channel: Channel) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.exchange.acknowledge(channel);
        self.dirty.insert(id);
        if let Some(Seat::Ending { why, entry, .. }) = connection.seats.get(&channel) {
            let (why, entry) = (*why, *entry);
            self.end(id, channel, why, entry);
        }
    }

    /// Says again what is here, where new control entries are held up behind others. A device seals nothing while it
    /// lacks a control entry that was named to it; where they are on their way already, they come before anything else.
    /// What had waited for its author is named to all: nobody knows any more who brought it.
    fn announce(&mut self, append: &Append, admitted: bool) {
        let control = || append.entries.iter().filter(|entry| entry.header.chain == Chain::Control);
        if !admitted && control().next().is_none() {
            return;
        }
        for (id, channel) in self.seats_of(&append.space) {
            let (Some(connection), Some(space)) = (self.connections.get_mut(&id), self.spaces.get(&append.space))
            else {
                continue;
            };
            let Some(peer) = connection.exchange.peer(channel) else { continue };
            if admitted || control().any(|entry| !peer.knows(&space.log, &entry.id)) {
                connection.exchange.say_have(channel, &space.log);
                self.dirty.insert(id);
            }
        }
    }

    fn on_failed_commit(&mut self, appends: &[Append], problem: &StoreError) {
        self.counters.failed_commits += 1;
        error!(spaces = appends.len(), reason = crate::error::chain(problem), "nothing could be written");
        for append in appends {
            let seats = self.seats_of(&append.space);
            self.spaces.remove(&append.space);
            self.idle.remove(&append.space);
            for (id, _) in seats {
                // What was about to be said names entries that are lost.
                let said = self.connections.get_mut(&id).map(|connection| &mut connection.exchange);
                said.into_iter().for_each(|exchange| while exchange.poll_transmit().is_some() {});
                self.close(id, Code::Storage);
            }
        }
    }
}

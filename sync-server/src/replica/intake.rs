//! Entries come in: verified by the log, handed on at once, acknowledged by the next commit.

use std::collections::BTreeSet;

use alliance_replica::{
    exchange::{
        admission::{Verdict, judge},
        frame::{Channel, Code, Entries},
    },
    id::{DeviceId, EntryId, SpaceId},
    limits,
    log::{
        Received, Refusal,
        entry::{Entry, Verified},
        heads::Chain,
    },
    planted::{self, Bug},
};
use tracing::{debug, info, warn};

use super::{ConnectionId, Now, Reason, Relay, Seat, account::Share};
use crate::{error, store::Store};

/// Frames in a row that may fail to link before the channel ends.
const UNLINKED: u32 = 16;

impl<S: Store> Relay<S> {
    /// Takes a path of entries.
    pub(super) fn on_entries(&mut self, id: ConnectionId, entries: Entries, now: Now) {
        let (space, device, standing) = match self.seat(id, entries.channel) {
            Some(Seat::Candidate(_)) => return self.on_candidate_entries(id, entries, now),
            Some(Seat::Seated { space, device, standing, .. }) => (*space, *device, *standing),
            Some(Seat::Ending { .. }) | None => return,
        };
        let Some(here) = self.spaces.get_mut(&space) else { return };
        // Time goes by: an invitation may have run out since the channel was opened.
        if let Verdict::Out(code) = judge(&here.log, &device, now.unix) {
            return self.end(id, entries.channel, code, None);
        }
        if !standing.may_bring(&device, &entries) {
            // Never acknowledged, so nobody takes it for stored; and whoever joins can go on reading.
            debug!(connection = id.0, space = ?space, "entries of a device that is not confirmed are passed over");
            return;
        }
        let Entries { channel, device: author, chain, mut entries } = entries;
        if !self.may_wait(&space, &author, entries.iter().map(Entry::size).sum()) {
            return self.end(id, channel, Reason::Waiting, None);
        }
        let left = self.whole.room(self.batch.weight());
        let Some(here) = self.spaces.get_mut(&space) else { return };
        let fitting = here.account.fitting((&self.policy.quota, left), &here.log, &author, chain, &entries);
        let over = entries.get(fitting).map(|entry| EntryId::of(&space, &author, &entry.header));
        let is_own = Share::of(&here.log, &author) == Share::of(&here.log, &device);
        entries.truncate(fitting);
        let ids: BTreeSet<_> = entries.iter().map(|entry| EntryId::of(&space, &author, &entry.header)).collect();
        let mut received = here.log.receive(&author, chain, entries);
        received.new.iter().for_each(|it| here.account.count(&it.device, it.header.chain, &it.entry));
        let too_many = received.refused.take_if(|(_, refusal)| !is_own && matches!(refusal, Refusal::TooMany));
        let over = too_many.map(|(entry, _)| entry).or(over);
        self.take(id, channel, &space, &ids, received, now);
        if let Some(entry) = over {
            self.on_full(id, channel, &space, entry, is_own);
        }
    }

    /// A share is full. Whose it is is told; who brings the other's entries goes on, and they are never acknowledged.
    fn on_full(&mut self, id: ConnectionId, channel: Channel, space: &SpaceId, entry: EntryId, is_own: bool) {
        info!(connection = id.0, space = ?space, is_own, "a share of the space is full");
        if is_own {
            self.end_after_acks(id, channel, Reason::Quota, Some(entry));
        } else {
            self.counters.refuse(Reason::Quota);
            self.say_have(id, channel, space);
        }
    }

    /// True unless too much would wait, in all spaces, for authors whom nobody has introduced.
    fn may_wait(&mut self, space: &SpaceId, author: &DeviceId, bytes: usize) -> bool {
        if self.spaces.get(space).is_none_or(|here| here.log.dag().introduces(author)) {
            return true;
        }
        let all: usize = self.spaces.values().map(|space| space.waiting).sum();
        let Some(here) = self.spaces.get_mut(space) else { return false };
        if (all + bytes) as u64 > self.policy.memory.waiting_bytes_total {
            return false;
        }
        // The log of a space lets no more wait than this.
        here.waiting = (here.waiting + bytes).min(limits::WAITING_BYTES);
        true
    }

    /// Does what has to be done about what a log received and its account counted. `ids` are the entries of the frame; others may have waited
    /// for it.
    pub(super) fn take(
        &mut self,
        id: ConnectionId,
        channel: Channel,
        space: &SpaceId,
        ids: &BTreeSet<EntryId>,
        received: Received,
        now: Now,
    ) {
        let Received { new, known, unlinked, refused, .. } = received;
        let (Some(connection), Some(here)) = (self.connections.get_mut(&id), self.spaces.get_mut(space)) else {
            return;
        };
        let brought = new.iter().filter(|entry| ids.contains(&entry.id)).map(Verified::head);
        let arrived: Vec<_> = known.into_iter().chain(brought).collect();
        let (is_new, has_control) = (!new.is_empty(), new.iter().any(|entry| entry.header.chain == Chain::Control));
        if !arrived.is_empty() {
            connection.exchange.received(channel, &here.log, arrived);
            self.batch.acknowledge(id, channel, now);
            if planted::is(Bug::RelayAcksBeforeCommit) {
                connection.exchange.acknowledge(channel);
            }
        }
        if new.iter().any(|entry| !ids.contains(&entry.id)) {
            self.batch.admit(*space);
        }
        self.batch.push(*space, new, now);
        if let Some((entry, refusal)) = refused {
            self.refuse(id, channel, space, entry, &refusal);
        } else {
            self.count_unlinked(id, channel, space, unlinked, is_new);
            if unlinked {
                self.say_have(id, channel, space);
            }
        }
        if has_control {
            self.review(space, now);
        }
        if is_new {
            self.forward(space);
        }
    }

    /// Ends a channel that goes on sending what does not link and brings nothing new.
    fn count_unlinked(&mut self, id: ConnectionId, channel: Channel, space: &SpaceId, unlinked: bool, is_new: bool) {
        let seats = self.connections.get_mut(&id).map(|connection| &mut connection.seats);
        let Some(Seat::Seated { unlinked: count, .. }) = seats.and_then(|seats| seats.get_mut(&channel)) else {
            return;
        };
        if is_new {
            *count = 0;
        } else if unlinked {
            *count += 1;
        }
        if *count > UNLINKED {
            warn!(connection = id.0, space = ?space, "entries do not link to what is here");
            self.end(id, channel, Reason::Unlinked, None);
        }
    }

    /// Ends a channel because of an entry on it.
    pub(super) fn refuse(
        &mut self,
        id: ConnectionId,
        channel: Channel,
        space: &SpaceId,
        entry: EntryId,
        refusal: &Refusal,
    ) {
        let reason = error::chain(refusal);
        warn!(connection = id.0, space = ?space, entry = ?entry, reason, "entry is refused");
        let why = match refusal {
            Refusal::Author => Reason::Waiting,
            Refusal::TooMany => Reason::Quota,
            _ => Code::Entry.into(),
        };
        self.end(id, channel, why, Some(entry));
    }
}

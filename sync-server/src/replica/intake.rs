//! Entries come in: verified by the log, handed on at once, acknowledged by the next commit.

use std::collections::BTreeSet;

use alliance_replica::{
    exchange::frame::{Channel, Code, Entries},
    id::{EntryId, SpaceId},
    log::{Received, Refusal, entry::Verified, heads::Chain},
};
use tracing::{debug, warn};

use super::{
    ConnectionId, Now, Relay, Seat,
    admission::{Verdict, judge},
};
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
        if let Verdict::Out(code) = judge(&here.log, &device, now) {
            return self.end(id, entries.channel, code, None);
        }
        if !standing.may_bring(&device, &entries) {
            // Never acknowledged, so nobody takes it for stored; and whoever joins can go on reading.
            debug!(connection = id.0, space = ?space, "entries of a device that is not confirmed are passed over");
            return;
        }
        let Entries { channel, device, chain, entries } = entries;
        let ids: BTreeSet<_> = entries.iter().map(|entry| EntryId::of(&space, &device, &entry.header)).collect();
        let received = here.log.receive(&device, chain, entries);
        self.take(id, channel, &space, &ids, received, now);
    }

    /// Does what has to be done about what a log received. `ids` are the entries of the frame; others may have waited
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
        let Received { new, known, unlinked, refused } = received;
        let (Some(connection), Some(here)) = (self.connections.get_mut(&id), self.spaces.get(space)) else { return };
        let brought = new.iter().filter(|entry| ids.contains(&entry.id)).map(Verified::head);
        let arrived: Vec<_> = known.into_iter().chain(brought).collect();
        let (is_new, has_control) = (!new.is_empty(), new.iter().any(|entry| entry.header.chain == Chain::Control));
        if !arrived.is_empty() {
            connection.exchange.received(channel, &here.log, arrived);
            self.batch.acknowledge(id, channel, now);
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
            self.end(id, channel, Code::Limit, None);
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
        let code = match refusal {
            Refusal::Author | Refusal::TooMany => Code::Limit,
            _ => Code::Entry,
        };
        self.end(id, channel, code, Some(entry));
    }
}

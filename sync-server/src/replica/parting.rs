//! How channels and connections end, each with a reason.

use std::time::Duration;

use alliance_replica::{
    exchange::frame::{self, Channel, Code, Frame},
    id::EntryId,
};
use tracing::{debug, info};

use super::{ConnectionId, Now, Output, Reason, Relay, Seat};
use crate::store::Store;

impl<S: Store> Relay<S> {
    /// Looks who has taken too long. To be called now and then; a second apart is often enough.
    pub fn tick(&mut self, now: Now) {
        self.elapsed = self.elapsed.max(now.elapsed);
        let (handshake, idle) = (self.policy.time.handshake(), self.policy.time.idle());
        let is_over = |since: Duration, patience: Duration| now.elapsed.saturating_sub(since) > patience;
        let (mut late, mut undecided) = (Vec::new(), Vec::new());
        for (id, connection) in &self.connections {
            if !connection.proven && is_over(connection.since, handshake)
                || connection.proven && connection.seats.is_empty() && is_over(connection.heard, idle)
            {
                late.push(*id);
            }
            let candidates = connection.seats.iter().filter_map(|(channel, seat)| match seat {
                Seat::Candidate(candidate) => {
                    let patience = if self.candidates.is_silent(candidate) { handshake } else { idle };
                    is_over(candidate.since(), patience).then_some((*id, *channel))
                }
                _ => None,
            });
            undecided.extend(candidates);
        }
        late.into_iter().for_each(|id| self.close(id, Reason::Late));
        undecided.into_iter().for_each(|(id, channel)| self.end(id, channel, Reason::Late, None));
    }

    /// Ends a channel with a reason.
    pub(super) fn end(&mut self, id: ConnectionId, channel: Channel, why: impl Into<Reason>, entry: Option<EntryId>) {
        self.leave(id, Some(channel));
        if let Some(connection) = self.connections.get_mut(&id) {
            let why = why.into();
            debug!(connection = id.0, reason = why.name(), "a space is closed");
            self.counters.refuse(why);
            connection.exchange.refuse(channel, why.code(), entry);
            self.dirty.insert(id);
        }
    }

    /// Ends a channel with a reason, once what its peer sent before is acknowledged.
    pub(super) fn end_after_acks(&mut self, id: ConnectionId, channel: Channel, why: Reason, entry: Option<EntryId>) {
        let seat = self.connections.get_mut(&id).and_then(|connection| connection.seats.get_mut(&channel));
        match seat {
            Some(seat @ Seat::Seated { .. }) if self.batch.awaits(id, channel) => {
                let Seat::Seated { space, .. } = seat else { return };
                *seat = Seat::Ending { space: *space, why, entry };
                self.review_help(id);
            }
            _ => self.end(id, channel, why, entry),
        }
    }

    /// Ends a connection with a reason, once what was said before is sent.
    pub(super) fn close(&mut self, id: ConnectionId, why: impl Into<Reason>) {
        self.leave_all(id);
        if let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) {
            let why = why.into();
            debug!(connection = id.0, reason = why.name(), "connection is closed");
            connection.closing = true;
            connection.exchange.close(why.code());
            self.counters.refuse(why);
            self.dirty.insert(id);
        }
    }

    /// Ends a connection at once, whatever waits for it.
    pub(super) fn drop_slow(&mut self, id: ConnectionId, why: Reason) {
        info!(connection = id.0, "connection reads too slowly");
        self.disconnect(id);
        self.counters.refuse(why);
        let frame = Frame::Error(frame::Error { code: Code::Slow, channel: None, entry: None }).encode();
        self.out.push_back(Output::Drop { to: id, frame });
    }

    /// Forgets a seat that its holder gave up or lost.
    pub(super) fn leave(&mut self, id: ConnectionId, channel: Option<Channel>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some((channel, seat)) = channel.and_then(|it| Some((it, connection.seats.remove(&it)?))) else { return };
        match seat {
            Seat::Candidate(candidate) => self.candidates.remove(&candidate),
            Seat::Seated { space, .. } | Seat::Ending { space, .. } => {
                if let Some(space) = self.spaces.get_mut(&space) {
                    space.seats.remove(&(id, channel));
                }
                self.evict(&space);
                self.review_help(id);
            }
        }
    }

    pub(super) fn leave_all(&mut self, id: ConnectionId) {
        let channels = self.connections.get(&id).into_iter().flat_map(|connection| connection.seats.keys());
        let channels: Vec<_> = channels.copied().collect();
        channels.into_iter().for_each(|channel| self.leave(id, Some(channel)));
    }

    /// Forgets a connection.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.queued -= connection.queued;
        if let Some(address) = connection.address {
            self.paces.disconnect(&address);
        }
    }
}

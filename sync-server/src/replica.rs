//! The relay's logic between a frame in and a frame out, as a synchronous state machine.
//!
//! Order of calls: [`Relay::new`]; [`Relay::connect`] for every connection, then each frame that arrives goes to
//! [`Relay::handle`]; after every call, [`Relay::poll`] until it has nothing more; [`Relay::written`] once a frame has left
//! the process; [`Relay::commit`] at the latest when [`Relay::commit_due`] says so. No call waits for anything but the
//! store. Time and randomness come in as parameters; sockets, threads and clocks are the driver's.
//!
//! Invariants: an entry is forwarded as soon as it is verified, acknowledged only once the store has it. A `Have` names
//! only what the store has. Nothing is sent to a device that the membership does not admit. A space is in memory only
//! while somebody has it open.

mod admission;
mod candidate;
mod commit;
mod connection;
mod fanout;
mod intake;
mod space;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{self, Channel, Code, Frame},
    },
    id::{DeviceId, EntryId, ReplicaKey, Secret, SpaceId},
    limits,
};
use tracing::{debug, error, info};

use crate::store::{Store, StoreError};
use candidate::Candidates;
use commit::Batch;
use connection::{Connection, Seat};
use space::Space;

/// Most bytes that may wait for one connection before it is dropped as too slow.
const QUEUED: usize = 8 * 1024 * 1024;

/// Number of a connection, given by the driver and never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// One reading of the driver's clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Seconds since 1970, for what people agree on: when an invitation expires.
    pub unix: u64,
    /// Time since any fixed moment, by a clock that does not go back: for how long something waits.
    pub elapsed: Duration,
}

/// What the driver has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send a frame; say [`Relay::written`] when it has left.
    Send {
        /// To whom.
        to: ConnectionId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Send what was handed out before, then close. The relay has forgotten the connection.
    Close {
        /// Whose connection.
        to: ConnectionId,
    },
    /// Throw away what was handed out and not sent, send this, close. The relay has forgotten the connection.
    Drop {
        /// Whose connection.
        to: ConnectionId,
        /// The last frame, which says why.
        frame: Vec<u8>,
    },
}

/// A relay's state: who is connected, which spaces they have open, what waits for the store.
pub struct Relay<S> {
    store: S,
    secret: Secret,
    connections: BTreeMap<ConnectionId, Connection>,
    spaces: BTreeMap<SpaceId, Space>,
    candidates: Candidates,
    batch: Batch,
    /// Connections whose exchange may have something to send.
    dirty: BTreeSet<ConnectionId>,
    out: VecDeque<Output>,
    stopping: bool,
}

impl<S: Store> Relay<S> {
    /// A relay over a store. `fresh` is randomness for its key, used only if the store has none yet.
    pub fn new(mut store: S, fresh: &[u8; 32]) -> Result<Self, StoreError> {
        let secret = Secret::from_seed(&store.secret(fresh)?);
        Ok(Self {
            store,
            secret,
            connections: BTreeMap::new(),
            spaces: BTreeMap::new(),
            candidates: Candidates::default(),
            batch: Batch::default(),
            dirty: BTreeSet::new(),
            out: VecDeque::new(),
            stopping: false,
        })
    }

    /// The key that the relay proves to have, which its users pin.
    pub fn key(&self) -> ReplicaKey {
        self.secret.public()
    }

    /// The store, for whoever looks at it or makes it fail.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// See [`Relay::store`].
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Number of spaces in memory.
    pub fn loaded(&self) -> usize {
        self.spaces.len()
    }

    /// Takes in a connection. `nonce` is fresh randomness.
    pub fn connect(&mut self, id: ConnectionId, nonce: [u8; 32]) {
        let exchange = Exchange::new(Role::Responder, Secret::from_seed(&self.secret.seed()), nonce);
        self.connections.insert(id, Connection::new(exchange));
        self.dirty.insert(id);
        if self.stopping {
            self.close(id, Code::Closing);
        }
    }

    /// Takes one frame.
    pub fn handle(&mut self, id: ConnectionId, frame: &[u8], now: Now) {
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) else { return };
        self.dirty.insert(id);
        match connection.exchange.handle(frame) {
            Ok(Some(event)) => self.on_event(id, event, now),
            Ok(None) => {}
            Err(broken) => {
                info!(connection = id.0, reason = %broken, "connection is broken off");
                self.close(id, broken.code());
            }
        }
        if self.batch.is_large() {
            self.commit();
        }
    }

    /// Takes note of something that is not a frame at all: too large, or of the wrong kind.
    pub fn unreadable(&mut self, id: ConnectionId) {
        self.close(id, Code::Frame);
    }

    /// Takes note that a frame of so many bytes has left the process.
    pub fn written(&mut self, id: ConnectionId, bytes: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.queued = connection.queued.saturating_sub(bytes);
        if connection.take_throttled() {
            let channels: Vec<_> = connection.seats.keys().copied().collect();
            channels.into_iter().for_each(|channel| self.pump(id, channel));
        }
    }

    /// Takes note that a connection is gone.
    pub fn disconnect(&mut self, id: ConnectionId) {
        self.leave_all(id);
        self.connections.remove(&id);
    }

    /// Commits and says goodbye to everybody; whoever connects from now on is sent away.
    pub fn shut_down(&mut self) {
        self.stopping = true;
        self.commit();
        let all: Vec<_> = self.connections.keys().copied().collect();
        all.into_iter().for_each(|id| self.close(id, Code::Closing));
    }

    /// What to do next, if there is something.
    pub fn poll(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.out.pop_front() {
                return Some(output);
            }
            let to = *self.dirty.first()?;
            let connection = self.connections.get_mut(&to);
            let Some((frame, connection)) = connection.and_then(|it| Some((it.exchange.poll_transmit()?, it))) else {
                self.on_drained(to);
                continue;
            };
            connection.queued += frame.len();
            if connection.queued > QUEUED && !connection.closing {
                self.drop_slow(to);
                continue;
            }
            // Only what is on disk may be named as held. If that fails, whoever has the space open is being sent away.
            if fanout::is_have(&frame) && !self.batch.is_empty() {
                self.commit();
                if self.connections.get(&to).is_none_or(|connection| connection.closing) {
                    continue;
                }
            }
            return Some(Output::Send { to, frame });
        }
    }

    /// Looks whether the store can be read.
    pub fn check(&self) -> Result<(), StoreError> {
        self.store.check()
    }

    fn on_event(&mut self, id: ConnectionId, event: Event, now: Now) {
        match event {
            Event::Proven { .. } => debug!(connection = id.0, "peer has proven its key"),
            Event::Opening { channel, space, device } => self.on_opening(id, channel, space, device, now),
            Event::Have { channel } => self.on_have(id, channel, now),
            Event::Entries(entries) => self.on_entries(id, entries, now),
            Event::Acked(ack) => self.on_ack(id, &ack),
            Event::Find(device) => self.on_find(id, device),
            Event::Whisper(whisper) => self.on_whisper(id, &whisper),
            Event::Refused(error) => self.leave(id, error.channel),
            Event::Closed(_) => self.close(id, Code::Closing),
            Event::Found(_) => self.close(id, Code::Frame),
        }
    }

    fn on_have(&mut self, id: ConnectionId, channel: Channel, now: Now) {
        match self.seat(id, channel) {
            Some(Seat::Candidate(_)) => self.on_candidate_have(id, channel, now),
            Some(Seat::Seated { .. }) => self.pump(id, channel),
            _ => {}
        }
    }

    fn on_ack(&mut self, id: ConnectionId, ack: &frame::Ack) {
        let Some(Seat::Seated { space, .. }) = self.seat(id, ack.channel) else { return };
        let space = *space;
        if let (Some(connection), Some(space)) = (self.connections.get_mut(&id), self.spaces.get(&space)) {
            connection.exchange.durable(&space.log, ack);
        }
        self.pump(id, ack.channel);
    }

    fn on_find(&mut self, id: ConnectionId, device: DeviceId) {
        let found = self.store.spaces_of(&device, limits::HEADS);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match found {
            Ok(spaces) => connection.exchange.found(device, spaces),
            Err(problem) => {
                error!(reason = crate::error::chain(&problem), "store cannot be searched");
                self.close(id, Code::Storage);
            }
        }
    }

    fn on_drained(&mut self, id: ConnectionId) {
        self.dirty.remove(&id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.offered = 0;
        if connection.closing {
            self.connections.remove(&id);
            self.out.push_back(Output::Close { to: id });
        }
    }

    /// Ends a channel with a reason.
    fn end(&mut self, id: ConnectionId, channel: Channel, code: Code, entry: Option<EntryId>) {
        self.leave(id, Some(channel));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.exchange.refuse(channel, code, entry);
            self.dirty.insert(id);
        }
    }

    /// Ends a connection with a reason, once what was said before is sent.
    fn close(&mut self, id: ConnectionId, code: Code) {
        self.leave_all(id);
        if let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) {
            connection.closing = true;
            connection.exchange.close(code);
            self.dirty.insert(id);
        }
    }

    fn drop_slow(&mut self, id: ConnectionId) {
        info!(connection = id.0, "connection reads too slowly");
        self.disconnect(id);
        let frame = Frame::Error(frame::Error { code: Code::Slow, channel: None, entry: None }).encode();
        self.out.push_back(Output::Drop { to: id, frame });
    }

    /// Forgets a seat that its holder gave up or lost.
    fn leave(&mut self, id: ConnectionId, channel: Option<Channel>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some((channel, seat)) = channel.and_then(|it| Some((it, connection.seats.remove(&it)?))) else { return };
        match seat {
            Seat::Candidate(candidate) => self.candidates.remove(&candidate),
            Seat::Seated { space, .. } | Seat::Ending { space, .. } => {
                if let Some(space) = self.spaces.get_mut(&space) {
                    space.seats.remove(&(id, channel));
                }
                self.evict(&space);
            }
        }
    }

    fn leave_all(&mut self, id: ConnectionId) {
        let channels = self.connections.get(&id).into_iter().flat_map(|connection| connection.seats.keys());
        let channels: Vec<_> = channels.copied().collect();
        channels.into_iter().for_each(|channel| self.leave(id, Some(channel)));
    }

    fn seat(&self, id: ConnectionId, channel: Channel) -> Option<&Seat> {
        self.connections.get(&id)?.seats.get(&channel)
    }
}

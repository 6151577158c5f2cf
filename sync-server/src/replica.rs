//! The relay's logic between a frame in and a frame out, as a synchronous state machine.
//!
//! Order of calls: [`Relay::new`]; [`Relay::connect`] for every connection, then each frame that arrives goes to
//! [`Relay::handle`]; after every call, [`Relay::poll`] until it has nothing more; [`Relay::written`] once a frame has left
//! the process; [`Relay::commit`] at the latest when [`Relay::commit_due`] says so; [`Relay::tick`] every second or so.
//! After each frame, [`Relay::rest`] says until when nothing more is to be read from that connection. No call waits for
//! anything but the store. Time and randomness come in as parameters; sockets, threads and clocks are the driver's.
//!
//! Invariants: an entry is forwarded as soon as it is verified, acknowledged only once the store has it. A `Have` names
//! only what the store has. Nothing is sent to a device that the membership does not admit. A space is in memory only
//! while somebody has it open, but for a few that were used last. Memory is bounded by the policy whatever peers do.

mod account;
mod admission;
mod candidate;
mod commit;
mod connection;
mod dropping;
mod fanout;
mod helping;
mod intake;
mod pace;
mod parting;
mod reason;
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
    id::{DeviceId, ReplicaKey, Secret, SpaceId},
    limits,
};
use tracing::{debug, error, info, warn};

use crate::{
    metrics::{Counters, Status},
    policy::{Address, Policy, TokenHash},
    store::{Store, StoreError},
};
use account::Whole;
use candidate::Candidates;
use commit::Batch;
use connection::{Connection, Seat};
pub use helping::Help;
use helping::Helped;
use pace::{Next, Paces};
pub use reason::Reason;
pub use space::shares;
use space::{Idle, Space};

/// First bytes of the frames that open a space, look for a key and want a space forgotten.
const OPEN: u8 = 2;
const FIND: u8 = 6;
const DROP: u8 = 10;

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

/// Where a connection comes from, and what it showed on its way in.
#[derive(Clone, Copy, Default, Debug)]
pub struct Origin {
    /// The client; nothing where a transport has no addresses, and then no limit of addresses counts.
    pub address: Option<Address>,
    /// The hash of the token that it showed, right or wrong.
    pub token: Option<TokenHash>,
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
    policy: Policy,
    paces: Paces,
    counters: Counters,
    connections: BTreeMap<ConnectionId, Connection>,
    spaces: BTreeMap<SpaceId, Space>,
    idle: Idle,
    candidates: Candidates,
    batch: Batch,
    whole: Whole,
    helped: Helped,
    /// Bytes handed to the driver that have not left, of all connections.
    queued: usize,
    /// The latest moment that was told.
    elapsed: Duration,
    /// Connections whose exchange may have something to send.
    dirty: BTreeSet<ConnectionId>,
    out: VecDeque<Output>,
    stopping: bool,
    /// Something that was read from the store was not what was written.
    damaged: bool,
}

impl<S: Store> Relay<S> {
    /// A relay over a store, with the default policy. `fresh` is randomness for its key, used only if the store has none
    /// yet.
    pub fn new(store: S, fresh: &[u8; 32]) -> Result<Self, StoreError> {
        Self::with_policy(store, fresh, Policy::default())
    }

    /// A relay over a store that does what a policy says, which is valid.
    pub fn with_policy(mut store: S, fresh: &[u8; 32], policy: Policy) -> Result<Self, StoreError> {
        let seed = store.secret(fresh)?;
        if seed == *fresh {
            warn!("no key was here: a new relay, its key is new; if this should be an old one, stop it now");
        }
        let secret = Secret::from_seed(&seed);
        Ok(Self {
            secret,
            paces: Paces::new(&policy),
            idle: Idle::new(&policy.memory),
            candidates: Candidates::new(&policy),
            counters: Counters::default(),
            connections: BTreeMap::new(),
            spaces: BTreeMap::new(),
            batch: Batch::default(),
            helped: Helped::default(),
            whole: Whole::of(&store, &policy.quota)?,
            store,
            policy,
            queued: 0,
            elapsed: Duration::ZERO,
            dirty: BTreeSet::new(),
            out: VecDeque::new(),
            stopping: false,
            damaged: false,
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

    /// What the relay was told to do.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Number of spaces in memory.
    pub fn loaded(&self) -> usize {
        self.spaces.len()
    }

    /// What can be counted now. Asks the store, so not for every frame.
    pub fn status(&self) -> Result<Status, StoreError> {
        Ok(Status {
            counters: self.counters.clone(),
            connections: self.connections.len(),
            candidates: self.candidates.count(),
            endpoints: self.helped.count(),
            loaded: self.spaces.len(),
            queued: self.queued,
            totals: self.store.totals()?,
            disk: self.store.disk_bytes(),
            times: self.store.times(),
        })
    }

    /// Takes in a connection of which nothing is known. `nonce` is fresh randomness.
    pub fn connect(&mut self, id: ConnectionId, nonce: [u8; 32]) {
        let now = Now { unix: 0, elapsed: self.elapsed };
        self.connect_from(id, nonce, Origin::default(), now);
    }

    /// Takes in a connection. `nonce` is fresh randomness.
    pub fn connect_from(&mut self, id: ConnectionId, nonce: [u8; 32], origin: Origin, now: Now) {
        self.elapsed = self.elapsed.max(now.elapsed);
        let exchange = Exchange::new(Role::Responder, Secret::from_seed(&self.secret.seed()), nonce);
        let limits = &self.policy.connections;
        let fits = self.connections.len() < limits.total as usize;
        let may = |address: &Address| self.paces.connect(address, limits.per_address, now.elapsed);
        let may = origin.address.as_ref().is_none_or(may);
        self.connections.insert(id, Connection::new(exchange, origin, now.elapsed));
        self.dirty.insert(id);
        if self.stopping {
            self.close(id, Code::Closing);
        } else if !(fits && may) {
            self.close(id, Reason::Connections);
        }
    }

    /// Takes one frame.
    pub fn handle(&mut self, id: ConnectionId, frame: &[u8], now: Now) {
        self.elapsed = self.elapsed.max(now.elapsed);
        if self.connections.get(&id).is_none_or(|connection| connection.closing) {
            return;
        }
        self.dirty.insert(id);
        self.counters.frames_in += 1;
        self.counters.bytes_in += frame.len() as u64;
        if !self.keeps_pace(id, frame, now) {
            return;
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.heard = now.elapsed;
        match connection.exchange.handle(frame) {
            Ok(Some(event)) => {
                self.count_for_device(id, &event, frame.len(), now);
                self.on_event(id, event, now);
            }
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

    /// Until when, by [`Now::elapsed`], nothing more is to be read from a connection; nothing if reading may go on. Who is
    /// read from all the same is sent away in the end.
    pub fn rest(&self, id: ConnectionId) -> Option<Duration> {
        self.connections.get(&id).map(|connection| connection.rest).filter(|rest| *rest > self.elapsed)
    }

    /// Takes note of something that is not a frame at all: too large, or of the wrong kind.
    pub fn unreadable(&mut self, id: ConnectionId) {
        self.close(id, Code::Frame);
    }

    /// Takes note that a frame of so many bytes has left the process.
    pub fn written(&mut self, id: ConnectionId, bytes: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let bytes = bytes.min(connection.queued);
        connection.queued -= bytes;
        self.queued -= bytes;
        if connection.take_throttled() {
            let channels: Vec<_> = connection.seats.keys().copied().collect();
            channels.into_iter().for_each(|channel| self.pump(id, channel));
        }
    }

    /// Takes note that a peer has taken in nothing for too long.
    pub fn stuck(&mut self, id: ConnectionId) {
        if self.connections.contains_key(&id) {
            self.drop_slow(id, Code::Slow.into());
        }
    }

    /// Takes note that a connection is gone.
    pub fn disconnect(&mut self, id: ConnectionId) {
        self.leave_all(id);
        self.forget(id);
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
            self.queued += frame.len();
            if connection.queued as u64 > self.policy.memory.outbound_bytes && !connection.closing {
                self.drop_slow(to, Code::Slow.into());
                continue;
            }
            if self.queued as u64 > self.policy.memory.outbound_bytes_total {
                self.drop_slowest();
                if !self.connections.contains_key(&to) {
                    continue;
                }
            }
            // Only what is on disk may be named as held. If that fails, whoever has the space open is being sent away.
            if fanout::is_have(&frame) && !self.batch.is_empty() {
                self.commit();
                if self.connections.get(&to).is_none_or(|connection| connection.closing) {
                    continue;
                }
            }
            self.counters.frames_out += 1;
            self.counters.bytes_out += frame.len() as u64;
            return Some(Output::Send { to, frame });
        }
    }

    /// Looks whether the store can be read and written: it writes. What was once found damaged stays so.
    pub fn check(&mut self) -> Result<(), StoreError> {
        if self.damaged {
            return Err(StoreError::Damaged { what: "something that was read before" });
        }
        self.store.check()
    }

    /// How many commits failed. A finding of [`Relay::check`] is out of date after another.
    #[must_use]
    pub const fn failed_commits(&self) -> u64 {
        self.counters.failed_commits
    }

    /// Remembers damage, so that whoever asks for the relay's health learns of it.
    pub fn note_read(&mut self, problem: &StoreError) {
        self.damaged |= matches!(problem, StoreError::Damaged { .. } | StoreError::Missing);
    }

    /// Counts a frame for the address that it comes from, before anything is spent on it; true if it may be handled.
    fn keeps_pace(&mut self, id: ConnectionId, frame: &[u8], now: Now) -> bool {
        let Some(address) = self.connections.get(&id).and_then(|connection| connection.address) else { return true };
        let next = self.paces.frame(&address, frame.len(), now.elapsed);
        if !self.go_on(id, next, now) {
            return false;
        }
        if !matches!(frame.first(), Some(&(OPEN | FIND | DROP))) || self.paces.may_open(&address, now.elapsed) {
            return true;
        }
        match Frame::decode(frame) {
            Ok(Frame::Open(open)) => self.end(id, open.channel, Reason::Opens, None),
            _ => self.close(id, Reason::Opens),
        }
        false
    }

    /// Counts a frame for the device whose channel it came on.
    fn count_for_device(&mut self, id: ConnectionId, event: &Event, bytes: usize, now: Now) {
        let channel = match event {
            Event::Have { channel } => *channel,
            Event::Entries(entries) => entries.channel,
            Event::Acked(ack) => ack.channel,
            Event::Whisper(whisper) => whisper.channel,
            _ => return,
        };
        if let Some(Seat::Seated { device, .. }) = self.seat(id, channel) {
            let device = *device;
            let next = self.paces.device_frame(&device, bytes, now.elapsed);
            self.go_on(id, next, now);
        }
    }

    /// Notes how a connection may go on; false if it is sent away.
    fn go_on(&mut self, id: ConnectionId, next: Next, now: Now) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        match next {
            Next::After(pause) => connection.rest = connection.rest.max(now.elapsed + pause),
            Next::Over => self.close(id, Reason::Rate),
        }
        next != Next::Over
    }

    /// Drops whoever lets most wait, so that who reads need not suffer for it.
    fn drop_slowest(&mut self) {
        let slowest = self.connections.iter().max_by_key(|(_, connection)| connection.queued);
        if let Some((id, _)) = slowest.map(|(id, connection)| (*id, connection.queued)) {
            self.drop_slow(id, Code::Slow.into());
        }
    }

    fn on_event(&mut self, id: ConnectionId, event: Event, now: Now) {
        match event {
            Event::Proven { .. } => {
                debug!(connection = id.0, "peer has proven its key");
                self.connections.get_mut(&id).into_iter().for_each(|connection| connection.proven = true);
            }
            Event::Opening { channel, space, device } => self.on_opening(id, channel, space, device, now),
            Event::Have { channel } => self.on_have(id, channel, now),
            Event::Entries(entries) => self.on_entries(id, entries, now),
            Event::Acked(ack) => self.on_ack(id, &ack),
            Event::Find(device) => self.on_find(id, device),
            Event::Whisper(whisper) => self.on_whisper(id, &whisper),
            Event::Refused(error) => self.leave(id, error.channel),
            Event::Closed(_) => self.close(id, Code::Closing),
            Event::Drop(space, device) => self.on_drop(id, space, device),
            Event::Endpoint(key) => self.on_endpoint(id, key),
            Event::Found(_) | Event::Dropped(_) | Event::Names(_) | Event::Opened { .. } | Event::Quiet { .. } => {
                self.close(id, Code::Frame);
            }
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
                self.note_read(&problem);
            }
        }
    }

    fn on_drained(&mut self, id: ConnectionId) {
        self.dirty.remove(&id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.offered = 0;
        if connection.closing {
            self.forget(id);
            self.out.push_back(Output::Close { to: id });
        }
    }

    fn seat(&self, id: ConnectionId, channel: Channel) -> Option<&Seat> {
        self.connections.get(&id)?.seats.get(&channel)
    }
}

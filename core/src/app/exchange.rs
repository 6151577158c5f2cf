//! One connection of a profile: the exchange of every space that uses a relay, or that another laptop has too. Sans-IO.
//!
//! Order of calls: every frame that arrives goes to [`Session::handle`]; when no more are at hand, [`Session::flush`]
//! takes what arrived in one transaction, acknowledges it, seals what waits here and says what changed; then every frame
//! of [`Session::poll_transmit`] goes out. [`Session::local_change`] says that somebody wrote to the profile. A driver
//! that stays calls [`Session::attend`] now and then, and [`Session::part`] before it goes.
//! The exchange pulls before it seals, and everything it sends is on this disk before.

mod direct;
mod event;
mod spaces;
mod stored;
mod whispers;
mod withheld;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Ack, Channel, Entries},
    },
    id::{DeviceId, ReplicaKey, Secret, SpaceId},
};
use zeroize::Zeroizing;

use direct::Direct;
pub(super) use direct::name;
pub use event::{Met, SessionError, SessionEvent, Tally};
pub use spaces::Arrivals;
use spaces::Line;

use super::{AppError, Hindrance, Profile, RelayInfo, World, presence::Room, seal::Came};
use crate::domain::alliance;

/// Bytes of arrived entries after which a driver should not wait for more before it flushes.
pub const BATCH: usize = 4 * 1024 * 1024;

/// Acknowledgements after which it should not, either.
const FRAMES: usize = 1024;

/// First byte of the frame that ends a channel, or the connection.
const ERROR: u8 = 9;

/// Whom a connection leads to.
enum Counterpart {
    /// A relay, which keeps everything and reads nothing.
    Relay {
        /// Its address.
        url: String,
        /// Its key, once known.
        pinned: Option<ReplicaKey>,
    },
    /// Another laptop of this person's, or of somebody with whom they share an alliance. What it has is on no relay.
    Laptop(Direct),
}

/// A connection's state.
pub struct Session {
    exchange: Exchange,
    with: Counterpart,
    spaces: Vec<SpaceId>,
    channels: BTreeMap<Channel, Line>,
    connected: bool,
    inbox: Vec<Entries>,
    inbox_bytes: usize,
    acks: Vec<Ack>,
    heard: BTreeSet<Channel>,
    /// Spaces to which the invitation's key has brought the redemption.
    redeemed: BTreeSet<SpaceId>,
    /// Spaces that are not opened again on this connection, and whether the relay would never take them.
    closed: BTreeMap<SpaceId, bool>,
    /// Those of them that the relay does not hold.
    absent: BTreeSet<SpaceId>,
    /// Spaces that this person leaves though the relay has no room for all that they wrote.
    full: BTreeSet<SpaceId>,
    rooms: BTreeMap<SpaceId, Room>,
    /// What this laptop whispers says where it is dialled.
    is_dialled: bool,
    /// By which endpoint this laptop meets others, for a relay that helps.
    endpoint: Option<ReplicaKey>,
    /// Milliseconds since the driver began; none unless it stays.
    now: Option<u64>,
    peer: Option<ReplicaKey>,
    changed_here: bool,
    events: VecDeque<SessionEvent>,
    tallies: BTreeMap<SpaceId, Tally>,
}

impl Session {
    /// Begins a connection to a relay for all spaces that use it.
    pub fn new(relay: &RelayInfo, world: &mut World<'_>) -> Self {
        let with = Counterpart::Relay { url: relay.url.clone(), pinned: relay.key };
        let (secret, nonce) = fresh(world);
        Self { spaces: relay.spaces.clone(), ..Self::with(Exchange::new(Role::Initiator, secret, nonce), with) }
    }

    fn with(exchange: Exchange, with: Counterpart) -> Self {
        Self {
            exchange,
            with,
            spaces: Vec::new(),
            channels: BTreeMap::new(),
            connected: false,
            inbox: Vec::new(),
            inbox_bytes: 0,
            acks: Vec::new(),
            heard: BTreeSet::new(),
            redeemed: BTreeSet::new(),
            closed: BTreeMap::new(),
            absent: BTreeSet::new(),
            full: BTreeSet::new(),
            rooms: BTreeMap::new(),
            is_dialled: false,
            endpoint: None,
            now: None,
            peer: None,
            changed_here: true,
            events: VecDeque::new(),
            tallies: BTreeMap::new(),
        }
    }

    /// Takes a frame. Entries and acknowledgements are only collected: see [`Session::flush`], which goes before what ends
    /// the channel that the relay acknowledged on.
    pub fn handle(&mut self, profile: &mut Profile, frame: &[u8], world: &mut World<'_>) -> Result<(), SessionError> {
        if frame.first() == Some(&ERROR) && !self.acks.is_empty() {
            self.flush(profile, world)?;
        }
        match self.exchange.handle(frame)? {
            Some(Event::Proven { peer }) => self.on_proven(profile, peer, world)?,
            Some(Event::Have { channel }) => {
                self.heard.insert(channel);
                self.disturb(channel);
            }
            Some(Event::Entries(entries)) => {
                self.inbox_bytes +=
                    entries.entries.iter().map(alliance_replica::log::entry::Entry::size).sum::<usize>();
                self.disturb(entries.channel);
                self.inbox.push(entries);
            }
            Some(Event::Acked(ack)) => {
                self.disturb(ack.channel);
                self.acks.push(ack);
            }
            Some(Event::Refused(error)) => self.on_refused(profile, error.channel, error.code)?,
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            Some(Event::Names(names)) => self.on_names(profile, &names, world)?,
            Some(Event::Opening { channel, space, device }) => {
                self.on_opening(profile, channel, (space, device), world)?;
            }
            Some(Event::Opened { channel, device }) => self.on_opened(profile, channel, device, world.now)?,
            Some(Event::Quiet { channel }) => self.on_quiet(channel),
            Some(Event::Whisper(whisper)) => self.overhear(profile, &whisper)?,
            Some(Event::Endpoint(key)) if self.endpoint == Some(key) => self.events.push_back(SessionEvent::Helped),
            None
            | Some(Event::Endpoint(_) | Event::Find(_) | Event::Found(_) | Event::Drop(..) | Event::Dropped(_)) => {}
        }
        Ok(())
    }

    /// True if so much arrived that it should be taken before more is read.
    pub fn is_full(&self) -> bool {
        self.inbox_bytes >= BATCH || self.acks.len() >= FRAMES
    }

    /// Somebody wrote to the profile.
    pub fn local_change(&mut self) {
        self.changed_here = true;
    }

    /// Takes what arrived, in one transaction; acknowledges it; seals what waits here.
    pub fn flush(&mut self, profile: &mut Profile, world: &mut World<'_>) -> Result<(), SessionError> {
        let inbox = std::mem::take(&mut self.inbox);
        self.inbox_bytes = 0;
        let result = self.take_and_seal(profile, inbox, world);
        if result.is_err() {
            profile.unload();
        }
        result
    }

    /// The next frame to send. Everything in it is on this disk.
    pub fn poll_transmit(&mut self, profile: &mut Profile) -> Result<Option<Vec<u8>>, SessionError> {
        loop {
            if let Some(frame) = self.exchange.poll_transmit() {
                return Ok(Some(frame));
            }
            if !self.pump(profile)? && !self.fall_quiet(profile)? {
                return Ok(None);
            }
        }
    }

    /// The next thing to show.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// What came and went, a space.
    pub fn tallies(&self) -> &BTreeMap<SpaceId, Tally> {
        &self.tallies
    }

    /// True if both sides have all that the other had: everything named was pulled, everything sealed was acknowledged,
    /// and nothing waits that could be sealed. A one-shot exchange may end.
    pub fn is_settled(&self, profile: &mut Profile) -> Result<bool, AppError> {
        if !self.connected || self.is_busy() {
            return Ok(false);
        }
        if let Counterpart::Laptop(direct) = &self.with {
            return Ok(self.is_said(direct));
        }
        for (channel, line) in &self.channels {
            if !self.is_quiet(profile, *channel)?
                || line.invitation && !profile.space(&line.space)?.redemption_is_relayed()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// True while something is to be taken in here.
    fn is_busy(&self) -> bool {
        !self.inbox.is_empty() || !self.acks.is_empty() || !self.redeemed.is_empty() || self.changed_here
    }

    /// True if everything that was named on a channel was pulled, and everything sealed was offered and acknowledged.
    fn is_quiet(&self, profile: &mut Profile, channel: Channel) -> Result<bool, AppError> {
        let (Some(line), Some(peer)) = (self.channels.get(&channel), self.exchange.peer(channel)) else {
            return Ok(true);
        };
        let space = profile.space(&line.space)?;
        let (log, fold) = (&space.log, space.log.fold());
        let own = |device: &DeviceId| fold.device(device).is_some_and(|it| it.member == space.row.member);
        Ok(peer.is_pulled(log) && peer.is_offered_all(log) && !peer.awaits_acks(log, own))
    }

    fn on_proven(
        &mut self,
        profile: &mut Profile,
        peer: ReplicaKey,
        world: &mut World<'_>,
    ) -> Result<(), SessionError> {
        let Counterpart::Relay { url, pinned } = &self.with else { return self.name_spaces(profile, world) };
        let Some(first) = profile.meet_relay(url, pinned.as_ref(), &peer, world)? else {
            profile.note_other_relay(&self.spaces, &peer, world.now)?;
            return Err(SessionError::OtherRelay { url: url.clone() });
        };
        self.connected = true;
        self.events.push_back(SessionEvent::Connected { first });
        self.peer = Some(peer);
        self.open_all(profile)?;
        self.endpoint.into_iter().for_each(|key| self.exchange.name_endpoint(key));
        Ok(())
    }

    fn take_and_seal(
        &mut self,
        profile: &mut Profile,
        inbox: Vec<Entries>,
        world: &mut World<'_>,
    ) -> Result<(), SessionError> {
        let mut arrived: BTreeMap<Channel, Vec<Entries>> = BTreeMap::new();
        for entries in inbox {
            arrived.entry(entries.channel).or_default().push(entries);
        }
        let acks = std::mem::take(&mut self.acks);
        let changed_here = std::mem::take(&mut self.changed_here);
        if changed_here {
            self.follow(profile, world)?;
        }
        let busy = self.personal_first(profile);
        for channel in busy {
            let Some(line) = self.channels.get_mut(&channel) else { continue };
            let (space, opener) = (line.space, line.opener);
            let began = self.with.began();
            line.invitation |= began && profile.space(&space).is_ok_and(|loaded| loaded.device() != opener);
            let invitation = line.invitation;
            let entries = arrived.remove(&channel).unwrap_or_default();
            let acks: Vec<_> = acks.iter().filter(|ack| ack.channel == channel).collect();
            let heard = self.heard.remove(&channel);
            if entries.is_empty() && acks.is_empty() && !heard && !changed_here {
                continue;
            }
            if let Err(error) = self.serve(profile, channel, (space, invitation), entries, &acks, world) {
                self.fail(profile, Some(channel), space, error)?;
            }
        }
        for space in std::mem::take(&mut self.redeemed) {
            if !self.channels.values().any(|line| line.space == space && !line.invitation) {
                self.open(profile, &space, None)?;
            }
        }
        Ok(())
    }

    fn serve(
        &mut self,
        profile: &mut Profile,
        channel: Channel,
        (space, invitation): (SpaceId, bool),
        entries: Vec<Entries>,
        acks: &[&Ack],
        world: &mut World<'_>,
    ) -> Result<(), AppError> {
        if self.stands_back(profile, channel)? {
            return Ok(());
        }
        let received = self.take(profile, channel, space, entries, world)?;
        self.note_stored(profile, channel, space, acks, received, world)?;
        if !self.review(profile, channel, world.now)? {
            return Ok(());
        }
        if !invitation {
            self.seal(profile, channel, space, received, world)?;
            // What was sealed may have ended whoever this is.
            self.review(profile, channel, world.now)?;
        } else if profile.space(&space)?.redemption_is_relayed() {
            self.redeemed.insert(space);
        }
        Ok(())
    }

    /// Takes the entries that arrived on one channel; returns whether any of them was new.
    fn take(
        &mut self,
        profile: &mut Profile,
        channel: Channel,
        space: SpaceId,
        entries: Vec<Entries>,
        world: &mut World<'_>,
    ) -> Result<bool, AppError> {
        if entries.is_empty() {
            return Ok(false);
        }
        let taken = profile.receive(&space, entries, world)?;
        let loaded = profile.space(&space)?;
        self.exchange.received(channel, &loaded.log, taken.heads);
        self.exchange.acknowledge(channel);
        if (taken.passed_over || !taken.loose.is_empty()) && self.is_told(channel) {
            self.exchange.say_have(channel, &loaded.log);
        }
        let own = loaded.log.fold().founder().map(|founder| alliance::preimage(founder).id());
        let names_relays = own.is_some_and(|own| taken.changed.contains(&own));
        self.note_loose(channel, taken.loose);
        if let Some((entry, code)) = taken.refused {
            self.exchange.refuse(channel, code, Some(entry));
            self.channels.remove(&channel);
            self.closed.insert(space, false);
            self.events.push_back(SessionEvent::Hindered { space, why: Hindrance::Refused(code) });
        }
        let tally = self.tallies.entry(space).or_default();
        tally.received += taken.new;
        tally.changed += taken.changed.len() as u64;
        if taken.new > 0 {
            self.events.push_back(SessionEvent::Progress);
        }
        if !taken.changed.is_empty() {
            self.events.push_back(SessionEvent::Changed { space, items: taken.changed, met: taken.met });
        }
        if names_relays && profile.follow_relays(&space, world.now)? {
            self.events.push_back(SessionEvent::Moved { space });
        }
        Ok(taken.new > 0)
    }

    /// Seals what waits, if this connection allows it.
    fn seal(
        &mut self,
        profile: &mut Profile,
        channel: Channel,
        space: SpaceId,
        received: bool,
        world: &mut World<'_>,
    ) -> Result<(), AppError> {
        let loaded = profile.space(&space)?;
        let device = loaded.device();
        if !self.is_mutual(channel) {
            return Ok(());
        }
        let Some(peer) = self.exchange.peer(channel).filter(|peer| peer.may_seal(&loaded.log, &device)) else {
            return Ok(());
        };
        let came = Came { received, all: peer.is_pulled(&loaded.log) };
        profile.seal(&space, came, world)
    }

    /// Puts one path on its way; returns false if there is none.
    fn pump(&mut self, profile: &mut Profile) -> Result<bool, SessionError> {
        let channels = self.ready(profile);
        for (channel, space) in channels {
            match self.pump_one(profile, channel, space) {
                Ok(false) => {}
                Ok(true) => return Ok(true),
                Err(error) => self.fail(profile, Some(channel), space, error)?,
            }
        }
        Ok(false)
    }

    fn pump_one(&mut self, profile: &mut Profile, channel: Channel, space: SpaceId) -> Result<bool, AppError> {
        let loaded = profile.space(&space)?;
        let unconfirmed = loaded.log.fold().device(&loaded.device()).is_none();
        let alone = match self.with {
            Counterpart::Relay { .. } => unconfirmed || self.full.contains(&space),
            Counterpart::Laptop(_) => !self.is_mutual(channel),
        };
        self.exchange.set_control_alone(channel, alone);
        let Some(path) = self.exchange.pump(channel, &loaded.log) else { return Ok(false) };
        let entries = profile.bodies(&space, &path.ids)?;
        self.exchange.send(channel, path.device, path.chain, entries);
        self.speak(channel);
        Ok(true)
    }
}

/// A replica's key for one connection, and a nonce.
pub(super) fn fresh(world: &mut World<'_>) -> (Secret, [u8; 32]) {
    let (mut seed, mut nonce) = (Zeroizing::new([0; 32]), [0; 32]);
    world.rng.fill_bytes(&mut *seed);
    world.rng.fill_bytes(&mut nonce);
    (Secret::from_seed(&seed), nonce)
}

//! One connection of a profile: the exchange of every space that uses a relay. Sans-IO.
//!
//! Order of calls: every frame that arrives goes to [`Session::handle`]; when no more are at hand, [`Session::flush`]
//! takes what arrived in one transaction, acknowledges it, seals what waits here and says what changed; then every frame
//! of [`Session::poll_transmit`] goes out. [`Session::local_change`] says that somebody wrote to the profile. A driver
//! that stays calls [`Session::attend`] now and then, and [`Session::part`] before it goes.
//! The exchange pulls before it seals, and everything it sends is on this disk before.

mod spaces;
mod whispers;
mod withheld;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alliance_replica::{
    exchange::{
        Broken, Event, Exchange, Role,
        frame::{Ack, Channel, Code, Entries},
        state::Peer,
    },
    id::{DeviceId, ItemId, ReplicaKey, Secret, SpaceId},
};
use zeroize::Zeroizing;

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

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The peer broke the protocol.
    #[error("the relay does not speak as it should")]
    Broken(#[from] Broken),
    /// The relay's key is not the one that is known.
    #[error("the relay at {url} has another key than before")]
    OtherRelay {
        /// Its address.
        url: String,
    },
    /// The peer ended the connection.
    #[error("the relay ended the connection ({0:?})")]
    Closed(Code),
    /// Something went wrong here.
    #[error(transparent)]
    App(#[from] AppError),
}

/// What a driver may show.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The relay proved its key; `first` is true if it was not known before.
    Connected {
        /// Whether the key is pinned from now on.
        first: bool,
    },
    /// Entries came or went.
    Progress,
    /// The relay does not let this device into a space or refused an entry, or what waits could not be sealed here.
    Hindered {
        /// The space.
        space: SpaceId,
        /// Why.
        why: Hindrance,
    },
    /// What is kept of a space here is damaged; all others go on.
    Damaged {
        /// The space.
        space: SpaceId,
    },
    /// The relay had lost something of a space that it once had; it gets it again.
    Lost {
        /// The space.
        space: SpaceId,
    },
    /// A space is exchanged elsewhere from now on, because the alliance says so.
    Moved {
        /// The space.
        space: SpaceId,
    },
    /// The other person is here now, or not any more.
    Here {
        /// The alliance.
        space: SpaceId,
        /// Whether they are.
        here: bool,
    },
    /// Something of this space changed here, because something arrived.
    Changed {
        /// The space.
        space: SpaceId,
        /// Which items.
        items: BTreeSet<ItemId>,
        /// Where it met what this person had written.
        met: BTreeSet<Met>,
    },
}

/// A field in which something arrived that was written without knowing of what this person wrote there, nor this person
/// of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Met {
    /// The item.
    pub item: ItemId,
    /// The field.
    pub field: String,
    /// True if there are several values now, from which somebody may choose; false if a text has both.
    pub is_choice: bool,
}

/// What came and went in one space.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Entries that came.
    pub received: u64,
    /// Entries that went: the relay says that they are on its disk.
    pub sent: u64,
    /// Items that changed here because of what came.
    pub changed: u64,
}

/// A connection's state.
pub struct Session {
    exchange: Exchange,
    url: String,
    pinned: Option<ReplicaKey>,
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
        let (mut seed, mut nonce) = (Zeroizing::new([0; 32]), [0; 32]);
        world.rng.fill_bytes(&mut *seed);
        world.rng.fill_bytes(&mut nonce);
        Self {
            exchange: Exchange::new(Role::Initiator, Secret::from_seed(&seed), nonce),
            url: relay.url.clone(),
            pinned: relay.key,
            spaces: relay.spaces.clone(),
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
            }
            Some(Event::Entries(entries)) => {
                self.inbox_bytes +=
                    entries.entries.iter().map(alliance_replica::log::entry::Entry::size).sum::<usize>();
                self.inbox.push(entries);
            }
            Some(Event::Acked(ack)) => self.acks.push(ack),
            Some(Event::Refused(error)) => self.on_refused(profile, error.channel, error.code)?,
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            Some(Event::Opening { channel, .. }) => self.exchange.refuse(channel, Code::NotMember, None),
            Some(Event::Whisper(whisper)) => self.overhear(profile, &whisper)?,
            None | Some(Event::Find(_) | Event::Found(_) | Event::Drop(..) | Event::Dropped(_)) => {}
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
            if !self.pump(profile)? {
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
        let arrived = !self.inbox.is_empty() || !self.acks.is_empty() || !self.redeemed.is_empty();
        if !self.connected || arrived || self.changed_here {
            return Ok(false);
        }
        for (channel, line) in &self.channels {
            let space = profile.space(&line.space)?;
            let Some(peer) = self.exchange.peer(*channel) else { continue };
            let (log, fold) = (&space.log, space.log.fold());
            let own = |device: &DeviceId| fold.device(device).is_some_and(|it| it.member == space.row.member);
            let quiet = peer.is_pulled(log) && peer.is_offered_all(log) && !peer.awaits_acks(log, own);
            if !quiet || line.invitation && !space.redemption_is_relayed() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn on_proven(
        &mut self,
        profile: &mut Profile,
        peer: ReplicaKey,
        world: &mut World<'_>,
    ) -> Result<(), SessionError> {
        let Some(first) = profile.meet_relay(&self.url, self.pinned.as_ref(), &peer, world)? else {
            profile.note_other_relay(&self.spaces, &peer, world.now)?;
            return Err(SessionError::OtherRelay { url: self.url.clone() });
        };
        self.connected = true;
        self.events.push_back(SessionEvent::Connected { first });
        self.peer = Some(peer);
        self.open_all(profile)
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
            line.invitation |= profile.space(&space).is_ok_and(|loaded| loaded.device() != opener);
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
        if !invitation {
            self.seal(profile, channel, space, received, world)?;
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
        if taken.passed_over || !taken.loose.is_empty() {
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

    /// Notes which entries are on the relay's disk, and whether it lost some that it once had.
    fn note_stored(
        &mut self,
        profile: &mut Profile,
        channel: Channel,
        space: SpaceId,
        acks: &[&Ack],
        received: bool,
        world: &World<'_>,
    ) -> Result<(), AppError> {
        let loaded = profile.space(&space)?;
        let spoken = self.exchange.peer(channel).is_some_and(Peer::has_spoken);
        let Some(line) = self.channels.get_mut(&channel) else { return Ok(()) };
        if !spoken || line.compared && acks.is_empty() && !received {
            return Ok(());
        }
        let mut stored: Vec<_> = acks.iter().flat_map(|ack| self.exchange.durable(&loaded.log, ack)).collect();
        if !stored.is_empty() {
            self.tallies.entry(space).or_default().sent += stored.len() as u64;
            self.events.push_back(SessionEvent::Progress);
        }
        stored.extend(self.exchange.claimed(channel, &loaded.log));
        // Whether the relay lost something can be told once every head that it names is here.
        let peer = self.exchange.peer(channel);
        let tells = !line.compared && peer.is_some_and(|peer| peer.is_pulled(&loaded.log));
        line.compared |= tells;
        let (mut changed, mut lost) = (Vec::new(), 0);
        if tells {
            for (id, was) in &loaded.relayed {
                let is = self.exchange.stores(channel, &loaded.log, id);
                if is != *was {
                    changed.push((*id, is));
                }
                // Also if it has it again meanwhile.
                lost += u64::from(*was && !self.exchange.had(channel, &loaded.log, id));
            }
        } else {
            stored.retain(|id| loaded.relayed.get(id) == Some(&false));
            changed.extend(stored.into_iter().map(|id| (id, true)));
        }
        // What another relay holds is not lost where it never was.
        if lost > 0 && profile.is_between_relays(&space)? {
            changed.retain(|(_, is)| *is);
            lost = 0;
        }
        if lost > 0 {
            self.events.push_back(SessionEvent::Lost { space });
        }
        profile.set_relayed(&space, &changed, lost, world.now)
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
        self.exchange.set_control_alone(channel, unconfirmed || self.full.contains(&space));
        let Some(path) = self.exchange.pump(channel, &loaded.log) else { return Ok(false) };
        let entries = profile.bodies(&space, &path.ids)?;
        self.exchange.send(channel, path.device, path.chain, entries);
        Ok(true)
    }
}

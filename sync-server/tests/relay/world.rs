//! A relay with a store in memory, laptops that run the initiator's side of the exchange, and a network between them
//! that does what the test says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Channel, Code, Frame},
    },
    id::{DeviceId, EntryId, Id, MemberId, Secret, SpaceId},
    log::{
        Log,
        chain::State,
        control::{AddDevice, AddedRole, Confirm, Control, Genesis, Invite, Keys, Purpose, Record, Redeem, SpaceKind},
        entry::{Entry, Verified},
        heads::{After, Chain},
    },
};
use alliance_sync_server::{
    policy::Policy,
    replica::{ConnectionId, Now, Origin, Output, Relay},
    store::MemoryStore,
};

/// A relay and everybody connected to it.
pub(crate) struct World {
    pub(crate) relay: Relay<MemoryStore>,
    pub(crate) now: Now,
    /// Where the next connection comes from.
    pub(crate) origin: Origin,
    /// Laptops that do not read: what is sent to them stays on the way.
    pub(crate) deaf: BTreeSet<ConnectionId>,
    lines: BTreeMap<ConnectionId, Exchange>,
    /// What was sent and not read yet.
    wires: BTreeMap<ConnectionId, VecDeque<Wire>>,
    next: u64,
}

/// What a connection carries to a laptop.
enum Wire {
    Frame(Vec<u8>),
    End,
}

/// One device with its copy of one space.
pub(crate) struct Laptop {
    pub(crate) seed: u8,
    pub(crate) log: Log,
    pub(crate) id: ConnectionId,
    pub(crate) channel: Channel,
    pub(crate) bodies: BTreeMap<EntryId, Entry>,
    /// Own entries that the relay said are on its disk.
    pub(crate) durable: BTreeSet<EntryId>,
    /// What ended a channel or the connection.
    pub(crate) ended: Vec<Code>,
    pub(crate) events: Vec<Event>,
    /// Kinds of frames in the order in which they came.
    pub(crate) came: Vec<u8>,
    pub(crate) closed: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(MemoryStore::default())
    }

    /// A relay that starts with what another left behind.
    pub(crate) fn with(store: MemoryStore) -> Self {
        Self::with_policy(store, Policy::default())
    }

    /// A relay that does what a policy says.
    pub(crate) fn with_policy(store: MemoryStore, policy: Policy) -> Self {
        let now = Now { unix: 1_000_000, elapsed: std::time::Duration::ZERO };
        let relay = Relay::with_policy(store, &[250; 32], policy).expect("the store works");
        let origin = Origin::default();
        Self { relay, now, origin, deaf: BTreeSet::new(), lines: BTreeMap::new(), wires: BTreeMap::new(), next: 0 }
    }

    /// A relay that keeps no space in memory which nobody has open.
    pub(crate) fn forgetful() -> Self {
        let mut policy = Policy::default();
        policy.memory.idle_spaces = 0;
        Self::with_policy(MemoryStore::default(), policy)
    }

    /// Connects a laptop and proves both keys.
    pub(crate) fn connect(&mut self, laptop: &mut Laptop) {
        self.next += 1;
        laptop.id = ConnectionId(self.next);
        laptop.closed = false;
        let nonce = [(self.next % 251) as u8; 32];
        self.lines.insert(laptop.id, Exchange::new(Role::Initiator, Secret::from_seed(&[200; 32]), nonce));
        self.relay.connect_from(laptop.id, nonce, self.origin, self.now);
        self.run(&mut [laptop]);
        assert!(laptop.closed || laptop.events.contains(&Event::Proven { peer: self.relay.key() }));
    }

    /// Connects a laptop and opens its space as its own device.
    pub(crate) fn open(&mut self, laptop: &mut Laptop) {
        self.connect(laptop);
        let secret = laptop.secret();
        self.open_as(laptop, &secret);
    }

    /// Opens the laptop's space as any device.
    pub(crate) fn open_as(&mut self, laptop: &mut Laptop, secret: &Secret) {
        let line = self.lines.get_mut(&laptop.id).expect("is connected");
        laptop.channel = line.open(&laptop.log, secret).expect("is proven");
        self.run(&mut [laptop]);
    }

    /// Opens the laptop's space without a word of what it has.
    pub(crate) fn open_silently(&mut self, laptop: &mut Laptop) {
        let line = self.lines.get_mut(&laptop.id).expect("is connected");
        laptop.channel = line.open(&laptop.log, &laptop.secret()).expect("is proven");
        let open = line.poll_transmit().expect("an opening");
        while line.poll_transmit().is_some() {}
        self.relay.handle(laptop.id, &open, self.now);
    }

    /// The laptop's own side of its connection.
    pub(crate) fn line(&mut self, laptop: &Laptop) -> &mut Exchange {
        self.lines.get_mut(&laptop.id).expect("is connected")
    }

    /// Sends bytes as a laptop.
    pub(crate) fn send(&mut self, laptop: &mut Laptop, frame: &[u8]) {
        self.relay.handle(laptop.id, frame, self.now);
        self.run(&mut [laptop]);
    }

    /// Moves frames until nobody has anything more to say. Commits nothing.
    pub(crate) fn run(&mut self, laptops: &mut [&mut Laptop]) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.relay.poll() {
                quiet = false;
                self.deliver(output);
            }
            for laptop in laptops.iter_mut() {
                quiet &= !self.step(laptop);
            }
            if quiet {
                return;
            }
        }
    }

    /// Moves frames, commits, and moves what comes of it.
    pub(crate) fn settle(&mut self, laptops: &mut [&mut Laptop]) {
        self.run(laptops);
        self.relay.commit();
        self.run(laptops);
    }

    pub(crate) fn disconnect(&mut self, laptop: &mut Laptop) {
        self.relay.disconnect(laptop.id);
        self.lines.remove(&laptop.id);
        self.wires.remove(&laptop.id);
    }

    /// Takes what was sent to a laptop and not read.
    pub(crate) fn unread(&mut self, laptop: &Laptop) -> Vec<Vec<u8>> {
        let wires = self.wires.remove(&laptop.id).unwrap_or_default();
        wires.into_iter().filter_map(|wire| if let Wire::Frame(frame) = wire { Some(frame) } else { None }).collect()
    }

    fn deliver(&mut self, output: Output) {
        match output {
            Output::Send { to, frame } => {
                if !self.deaf.contains(&to) {
                    self.relay.written(to, frame.len());
                }
                self.wires.entry(to).or_default().push_back(Wire::Frame(frame));
            }
            Output::Close { to } => self.wires.entry(to).or_default().push_back(Wire::End),
            Output::Drop { to, frame } => {
                self.deaf.remove(&to);
                self.wires.insert(to, VecDeque::from([Wire::Frame(frame), Wire::End]));
            }
        }
    }

    /// Lets a laptop read and send; true if it did.
    fn step(&mut self, laptop: &mut Laptop) -> bool {
        let Some(line) = self.lines.get_mut(&laptop.id) else { return false };
        let mut busy = false;
        while !self.deaf.contains(&laptop.id) {
            let Some(wire) = self.wires.get_mut(&laptop.id).and_then(VecDeque::pop_front) else { break };
            busy = true;
            let Wire::Frame(frame) = wire else {
                laptop.closed = true;
                break;
            };
            laptop.came.push(frame[0]);
            if let Some(event) = line.handle(&frame).expect("the relay speaks the protocol") {
                laptop.on_event(line, event);
            }
        }
        let channels: Vec<_> = line.channels().collect();
        for channel in channels {
            while let Some(path) = line.pump(channel, &laptop.log) {
                let entries = path.ids.iter().map(|id| laptop.bodies[id].clone()).collect();
                line.send(channel, path.device, path.chain, entries);
            }
        }
        while let Some(frame) = line.poll_transmit() {
            busy = true;
            self.relay.handle(laptop.id, &frame, self.now);
        }
        busy
    }
}

impl Laptop {
    /// A device that knows the name of a space and nothing else.
    pub(crate) fn new(seed: u8, space: SpaceId) -> Self {
        Self {
            seed,
            log: Log::new(space),
            id: ConnectionId(0),
            channel: 0,
            bodies: BTreeMap::new(),
            durable: BTreeSet::new(),
            ended: Vec::new(),
            events: Vec::new(),
            came: Vec::new(),
            closed: true,
        }
    }

    /// The founder of a new space.
    pub(crate) fn founder(seed: u8) -> Self {
        Self::made(seed, SpaceKind::Alliance)
    }

    /// Whose new personal space it is.
    pub(crate) fn alone(seed: u8) -> Self {
        Self::made(seed, SpaceKind::Personal)
    }

    fn made(seed: u8, kind: SpaceKind) -> Self {
        let record = Record::Genesis(Genesis::agreed(kind, keys(seed), keys(seed + 100), &secret(seed + 100)));
        let body = Control { after: After::default(), record: record.clone() }.encode();
        let mut laptop = Self::new(seed, SpaceId::of(&body));
        laptop.control(record);
        laptop
    }

    pub(crate) fn space(&self) -> SpaceId {
        self.log.space()
    }

    pub(crate) fn secret(&self) -> Secret {
        secret(self.seed)
    }

    pub(crate) fn device(&self) -> DeviceId {
        device(self.seed)
    }

    /// Appends a control record.
    pub(crate) fn control(&mut self, record: Record) -> EntryId {
        self.control_as(self.seed, record)
    }

    /// Appends a control record of any device.
    pub(crate) fn control_as(&mut self, seed: u8, record: Record) -> EntryId {
        let entry = self.log.append(&secret(seed), None, record);
        self.bodies.insert(entry.id, entry.entry);
        entry.id
    }

    /// Appends a content entry with this sealed body.
    pub(crate) fn write(&mut self, body: &[u8]) -> EntryId {
        let entry = self.sign(body);
        self.log.append_content(entry.clone());
        self.bodies.insert(entry.id, entry.entry);
        entry.id
    }

    /// Signs the next content entry without appending it.
    pub(crate) fn sign(&self, body: &[u8]) -> Verified {
        let place = self.log.next_place(&self.device(), Chain::Content, None, Some([5; 8]));
        Entry::sign(&self.space(), &self.secret(), &place, body.to_vec())
    }

    /// Takes an entry as if it had been here always, checked or not.
    pub(crate) fn restore(&mut self, author: &DeviceId, entry: &Entry) {
        self.log.restore(author, entry.clone(), State::Applied).expect("links");
        self.restore_body(author, entry);
    }

    /// Keeps the bytes of an entry.
    pub(crate) fn restore_body(&mut self, author: &DeviceId, entry: &Entry) {
        self.bodies.insert(EntryId::of(&self.space(), author, &entry.header), entry.clone());
    }

    /// True if the laptop has the entry.
    pub(crate) fn has(&self, id: &EntryId) -> bool {
        self.log.chains().index(id).is_some()
    }

    /// Says what ended, once.
    pub(crate) fn take_ended(&mut self) -> Vec<Code> {
        std::mem::take(&mut self.ended)
    }

    /// Adds another device of the founder.
    pub(crate) fn add_device(&mut self, seed: u8) -> EntryId {
        let device = keys(seed);
        let consent = device.consent(&secret(seed), &self.space(), &MemberId::of(&self.device()));
        self.control(Record::AddDevice(AddDevice { device, role: AddedRole::Ordinary, renews: None, consent }))
    }

    /// Invites with the key of this seed.
    pub(crate) fn invite(&mut self, seed: u8, purpose: Purpose, expires: u64) -> EntryId {
        self.control(Record::Invite(Invite { key: keys(seed), purpose, expires }))
    }

    /// Redeems the invitation of this seed's key for the laptop's own device, as another member.
    pub(crate) fn redeem(&mut self, invite: u8) -> EntryId {
        let member = MemberId::of(&self.device());
        let consent = keys(self.seed).consent(&self.secret(), &self.space(), &member);
        let redeem = Redeem { device: keys(self.seed), recovery: None, consent, recovery_consent: None };
        self.control_as(invite, Record::Redeem(redeem))
    }

    fn on_event(&mut self, line: &mut Exchange, event: Event) {
        match &event {
            Event::Entries(frame) => {
                let (device, chain, channel) = (frame.device, frame.chain, frame.channel);
                let received = self.log.receive(&device, chain, frame.entries.clone());
                assert!(received.refused.is_none(), "the relay sends what holds: {:?}", received.refused);
                let heads: Vec<_> = received.known.into_iter().chain(received.new.iter().map(Verified::head)).collect();
                self.bodies.extend(received.new.into_iter().map(|entry| (entry.id, entry.entry)));
                line.received(channel, &self.log, heads);
                line.acknowledge(channel);
            }
            Event::Acked(ack) => self.durable.extend(line.durable(&self.log, ack)),
            Event::Refused(error) | Event::Closed(error) => self.ended.push(error.code),
            _ => {}
        }
        self.events.push(event);
    }
}

/// Two people in one space, both connected, everything known to both: a founder and who joined by its invitation.
pub(crate) fn pair(world: &mut World) -> (Laptop, Laptop) {
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    let mut anna = join(world, &mut ben, 2);
    world.settle(&mut [&mut ben, &mut anna]);
    (ben, anna)
}

/// A second person joins: invitation, redemption, confirmation, each over the relay.
pub(crate) fn join(world: &mut World, ben: &mut Laptop, seed: u8) -> Laptop {
    ben.invite(50, Purpose::Member, u64::MAX);
    world.settle(&mut [ben]);
    let mut anna = Laptop::new(seed, ben.space());
    world.connect(&mut anna);
    world.open_as(&mut anna, &secret(50));
    let redeem = anna.redeem(50);
    world.settle(&mut [ben, &mut anna]);
    assert!(anna.durable.contains(&redeem), "the redemption is acknowledged");
    assert_eq!(anna.take_ended(), [Code::Expired], "the redeemed key is dead");
    let own = anna.secret();
    world.open_as(&mut anna, &own);
    ben.control(Record::Confirm(Confirm { redeem }));
    world.settle(&mut [ben, &mut anna]);
    anna
}

pub(crate) fn secret(seed: u8) -> Secret {
    Secret::from_seed(&[seed; 32])
}

pub(crate) fn device(seed: u8) -> DeviceId {
    secret(seed).public()
}

pub(crate) fn keys(seed: u8) -> Keys {
    Keys { device: device(seed), seal: [seed; 32] }
}

/// The kind byte of a frame, to look for it in [`Laptop::came`].
pub(crate) fn kind(frame: &Frame) -> u8 {
    frame.encode()[0]
}

/// Any entry id that nothing has.
pub(crate) fn unknown() -> EntryId {
    Id::new([222; 32])
}

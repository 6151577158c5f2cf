//! The exchange and the log under loss, crashes, wiped and restored replicas, with the real code and no cipher.
//!
//! Content bodies are noise; what each names travels in a table that all replicas of one world share, as if every one
//! of them could open every entry. Checked: an acknowledged entry is never lost, a restored replica that pulls before it
//! seals does not fork its log, and when faults stop all replicas hold and have processed the same entries.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alliance_replica::{
    exchange::{Event, Exchange, Role, frame::Channel},
    id::{DeviceId, EntryId, Secret, SpaceId},
    log::{
        Log,
        chain::State,
        control::{AddDevice, AddedRole, Control, Genesis, Keys, Record, SpaceKind},
        entry::{Entry, Place, Verified},
        heads::{After, Chain},
    },
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const PEOPLE: [&str; 3] = ["Anna", "Ben", "Ben's tablet"];

/// What survives a crash: entries in order of arrival, and the last one sealed here.
#[derive(Clone, Default)]
struct Disk {
    entries: Vec<(DeviceId, Entry)>,
    last: Option<EntryId>,
}

struct Replica {
    name: &'static str,
    secret: Option<Secret>,
    disk: Disk,
    log: Log,
    unsynced: Vec<(DeviceId, Entry)>,
    snapshots: Vec<Disk>,
    acknowledged: BTreeSet<EntryId>,
}

struct Link {
    ends: [usize; 2],
    exchanges: [Exchange; 2],
    channels: [Option<Channel>; 2],
    wires: [VecDeque<Vec<u8>>; 2],
    unacknowledged: [bool; 2],
}

struct World {
    rng: ChaCha20Rng,
    space: SpaceId,
    replicas: Vec<Replica>,
    links: Vec<Link>,
    afters: BTreeMap<EntryId, After>,
    /// All content that an entry's author had processed: what `after` and the chain must lead to.
    pasts: BTreeMap<EntryId, BTreeSet<EntryId>>,
    written: BTreeSet<EntryId>,
    honest: bool,
}

impl World {
    fn new(seed: u64, honest: bool) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let secrets: Vec<_> = (1..=PEOPLE.len() as u8).map(|n| Secret::from_seed(&[n; 32])).collect();
        let keys = |secret: &Secret| Keys { device: secret.public(), seal: [0; 32] };
        let genesis = Genesis::without_recovery(SpaceKind::Personal, keys(&secrets[0]));
        let body = Control { after: After::default(), record: Record::Genesis(genesis) }.encode();
        let space = SpaceId::of(&body);
        let place = Place { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None };
        let mut founder = Log::new(space);
        let genesis = Entry::sign(&space, &secrets[0], &place, body);
        let mut disk = Disk::default();
        disk.entries.push((genesis.device, genesis.entry.clone()));
        founder.restore(&genesis.device, genesis.entry, State::Applied).expect("a genesis");
        let member = alliance_replica::id::MemberId::of(&genesis.device);
        for secret in &secrets[1..] {
            let device = keys(secret);
            let consent = device.consent(secret, &space, &member);
            let record = Record::AddDevice(AddDevice { device, role: AddedRole::Ordinary, renews: None, consent });
            let added = founder.append(&secrets[0], None, record);
            disk.entries.push((added.device, added.entry));
        }
        let mut replicas: Vec<_> = PEOPLE
            .into_iter()
            .zip(secrets)
            .map(|(name, secret)| Replica::new(name, Some(secret), space, disk.clone()))
            .collect();
        replicas.push(Replica::new("relay", None, space, Disk::default()));
        Self {
            rng,
            space,
            replicas,
            links: Vec::new(),
            afters: BTreeMap::new(),
            pasts: BTreeMap::new(),
            written: BTreeSet::new(),
            honest,
        }
    }

    fn pick(&mut self, below: usize) -> usize {
        (self.rng.next_u32() as usize) % below
    }

    fn step(&mut self) {
        match self.pick(100) {
            0..60 => self.deliver_somewhere(),
            60..72 => {
                let at = self.pick(PEOPLE.len());
                self.seal(at);
            }
            72..78 => {
                let at = self.pick(self.replicas.len());
                self.commit(at);
            }
            78..88 => self.connect_somewhere(),
            88..91 if !self.links.is_empty() => {
                let at = self.pick(self.links.len());
                self.links.swap_remove(at);
            }
            91..94 => {
                let at = self.pick(self.replicas.len());
                let disk = self.replicas[at].disk.clone();
                self.replicas[at].snapshots.push(disk);
            }
            94..96 => {
                let at = self.pick(self.replicas.len());
                let disk = self.replicas[at].disk.clone();
                self.crash(at, disk);
            }
            96..98 => {
                let at = self.pick(self.replicas.len());
                if let Some(disk) = self.replicas[at].snapshots.last().cloned() {
                    self.forget(at, &disk);
                    self.crash(at, disk);
                }
            }
            98 => {
                let relay = self.replicas.len() - 1;
                self.forget(relay, &Disk::default());
                self.crash(relay, Disk::default());
            }
            _ => {}
        }
        self.check_acknowledged();
        self.check_causality();
    }

    /// What only this replica had is gone with what it forgets; nobody promised to have it.
    fn forget(&mut self, at: usize, disk: &Disk) {
        let kept: BTreeSet<_> =
            disk.entries.iter().map(|(device, entry)| EntryId::of(&self.space, device, &entry.header)).collect();
        let elsewhere: BTreeSet<EntryId> = self
            .replicas
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .flat_map(|(_, replica)| replica.ids_on_disk(&self.space))
            .collect();
        self.written.retain(|id| kept.contains(id) || elsewhere.contains(id));
        self.replicas[at].acknowledged.clear();
    }

    fn crash(&mut self, at: usize, disk: Disk) {
        self.links.retain(|link| !link.ends.contains(&at));
        let replica = &mut self.replicas[at];
        replica.log = load(self.space, &disk, &self.afters);
        replica.disk = disk;
        replica.unsynced.clear();
    }

    fn connect_somewhere(&mut self) {
        let relay = self.replicas.len() - 1;
        let a = self.pick(PEOPLE.len());
        let b = if self.pick(3) > 0 { relay } else { self.pick(PEOPLE.len()) };
        if a != b && !self.links.iter().any(|link| link.ends.contains(&a) && link.ends.contains(&b)) {
            self.connect(a, b);
        }
    }

    fn connect(&mut self, a: usize, b: usize) {
        let mut exchange = |role| {
            let (mut seed, mut nonce) = ([0; 32], [0; 32]);
            self.rng.fill_bytes(&mut seed);
            self.rng.fill_bytes(&mut nonce);
            Exchange::new(role, Secret::from_seed(&seed), nonce)
        };
        let exchanges = [exchange(Role::Initiator), exchange(Role::Responder)];
        self.links.push(Link {
            ends: [a, b],
            exchanges,
            channels: [None; 2],
            wires: [VecDeque::new(), VecDeque::new()],
            unacknowledged: [false; 2],
        });
    }

    fn deliver_somewhere(&mut self) {
        if self.links.is_empty() {
            return self.connect_somewhere();
        }
        for _ in 0..4 {
            let (link, end) = (self.pick(self.links.len()), self.pick(2));
            self.pump(link, end);
            self.deliver(link, end);
        }
    }

    /// Moves what one end has to say onto its wire; true if there was something.
    fn pump(&mut self, at: usize, end: usize) -> bool {
        let link = &mut self.links[at];
        let replica = &self.replicas[link.ends[end]];
        let exchange = &mut link.exchanges[end];
        let mut moved = false;
        if let Some(channel) = link.channels[end]
            && let Some(path) = exchange.pump(channel, &replica.log)
        {
            let entries = path.ids.iter().map(|id| replica.entry(&self.space, id)).collect();
            exchange.send(channel, path.device, path.chain, entries);
        }
        while let Some(frame) = exchange.poll_transmit() {
            link.wires[1 - end].push_back(frame);
            moved = true;
        }
        moved
    }

    /// Hands one frame to one end; true if there was one.
    fn deliver(&mut self, at: usize, end: usize) -> bool {
        let link = &mut self.links[at];
        let Some(frame) = link.wires[end].pop_front() else { return false };
        let replica = &mut self.replicas[link.ends[end]];
        let exchange = &mut link.exchanges[end];
        match exchange.handle(&frame).expect("an honest peer") {
            Some(Event::Proven { .. }) => {
                if let (0, Some(secret)) = (end, &replica.secret) {
                    link.channels[0] = exchange.open(&replica.log, secret);
                }
            }
            Some(Event::Opening { channel, .. }) => {
                exchange.accept(channel, &replica.log);
                link.channels[1] = Some(channel);
            }
            Some(Event::Entries(entries)) => {
                let received = replica.log.receive(&entries.device, entries.chain, entries.entries);
                assert!(received.refused.is_none(), "{:?}", received.refused);
                let mut heads: Vec<_> = received.new.iter().map(Verified::head).collect();
                heads.extend(received.known);
                for entry in received.new {
                    replica.unsynced.push((entry.device, entry.entry));
                    if let Some(after) = self.afters.get(&entry.id) {
                        replica.log.learn_after(entry.id, after.clone());
                    }
                }
                exchange.received(entries.channel, &replica.log, heads);
                link.unacknowledged[end] = true;
                if received.unlinked {
                    exchange.say_have(entries.channel, &replica.log);
                }
            }
            Some(Event::Acked(ack)) => {
                for id in exchange.durable(&replica.log, &ack) {
                    let peer = link.ends[1 - end];
                    self.replicas[peer].acknowledged.insert(id);
                }
            }
            _ => {}
        }
        true
    }

    fn commit(&mut self, at: usize) -> bool {
        let replica = &mut self.replicas[at];
        let moved = !replica.unsynced.is_empty();
        replica.disk.entries.append(&mut replica.unsynced);
        process(&mut replica.log);
        for link in &mut self.links {
            for end in 0..2 {
                if link.ends[end] == at && std::mem::take(&mut link.unacknowledged[end]) {
                    let channel = link.channels[end].expect("entries came on a channel");
                    link.exchanges[end].acknowledge(channel);
                }
            }
        }
        moved
    }

    fn seal(&mut self, at: usize) -> bool {
        self.commit(at);
        let replica = &mut self.replicas[at];
        let Some(secret) = &replica.secret else { return false };
        let device = secret.public();
        let allowed = self.links.iter().any(|link| {
            (0..2).any(|end| {
                link.ends[end] == at
                    && link.channels[end]
                        .and_then(|channel| link.exchanges[end].peer(channel))
                        .is_some_and(|peer| peer.may_seal(&replica.log, &device))
            })
        });
        if !allowed {
            return false;
        }
        let place = replica.log.next_place(&device, Chain::Content, replica.disk.last.as_ref(), Some([0; 8]));
        let past = processed(&replica.log);
        let after = replica.log.after(place.prev.as_ref());
        let mut noise = vec![0; 1 + (self.rng.next_u32() as usize) % 64];
        self.rng.fill_bytes(&mut noise);
        let entry = Entry::sign(&self.space, secret, &place, noise);
        replica.log.append_content(entry.clone());
        replica.log.learn_after(entry.id, after.clone());
        replica.disk.last = Some(entry.id);
        replica.disk.entries.push((entry.device, entry.entry));
        self.afters.insert(entry.id, after);
        self.pasts.insert(entry.id, past);
        self.written.insert(entry.id);
        true
    }

    fn check_acknowledged(&self) {
        for replica in &self.replicas {
            let held = replica.ids_on_disk(&self.space);
            for id in &replica.acknowledged {
                assert!(held.contains(id), "{} acknowledged {id:?} and lost it", replica.name);
            }
        }
    }

    /// Whoever has processed an entry has processed all that its author had.
    fn check_causality(&self) {
        for replica in &self.replicas {
            let here = processed(&replica.log);
            for id in &here {
                let missing: Vec<_> = self.pasts[id].difference(&here).collect();
                assert!(missing.is_empty(), "{} processed {id:?} before {missing:?}", replica.name);
            }
        }
    }

    /// Faults stop: everybody talks to the relay until nothing moves, twice, so that what a lost relay needs is healed.
    fn heal(&mut self) {
        let relay = self.replicas.len() - 1;
        for _ in 0..3 {
            self.links.clear();
            (0..relay).for_each(|person| self.connect(person, relay));
            let mut ticks = 0;
            loop {
                let mut moved = false;
                for at in 0..self.links.len() {
                    for end in 0..2 {
                        while self.pump(at, end) {
                            moved = true;
                        }
                        while self.deliver(at, end) {
                            moved = true;
                        }
                    }
                }
                for at in 0..self.replicas.len() {
                    moved |= self.commit(at);
                }
                ticks += 1;
                assert!(ticks < 2000, "the exchange does not come to rest");
                if !moved && !self.links.iter().any(|link| link.unacknowledged.iter().any(|open| *open)) {
                    break;
                }
            }
        }
        self.check_converged();
    }

    fn check_converged(&self) {
        let all = self.replicas[0].ids_on_disk(&self.space);
        for replica in &self.replicas {
            assert_eq!(replica.ids_on_disk(&self.space), all, "{} differs from {}", replica.name, PEOPLE[0]);
            for id in &self.written {
                assert!(all.contains(id), "{id:?} is lost");
            }
            if replica.secret.is_some() {
                let waits: Vec<_> = all
                    .iter()
                    .filter(|id| replica.log.chains().meta(id).is_none_or(|meta| meta.state == State::Stored))
                    .collect();
                assert!(waits.is_empty(), "{} has not processed {waits:?}", replica.name);
            }
        }
        if self.honest {
            let chains = self.replicas[0].log.chains();
            for (name, replica) in PEOPLE.iter().zip(&self.replicas) {
                let device = replica.secret.as_ref().expect("a person").public();
                assert!(chains.heads_of(&device, Chain::Content).count() <= 1, "{name} forked its log");
            }
        }
    }
}

impl Replica {
    fn new(name: &'static str, secret: Option<Secret>, space: SpaceId, disk: Disk) -> Self {
        let log = load(space, &disk, &BTreeMap::new());
        Self { name, secret, disk, log, unsynced: Vec::new(), snapshots: Vec::new(), acknowledged: BTreeSet::new() }
    }

    fn entry(&self, space: &SpaceId, id: &EntryId) -> Entry {
        let all = self.disk.entries.iter().chain(&self.unsynced);
        let mut found = all.filter(|(device, entry)| EntryId::of(space, device, &entry.header) == *id);
        found.next().expect("an entry of the index is held").1.clone()
    }

    fn ids_on_disk(&self, space: &SpaceId) -> BTreeSet<EntryId> {
        self.disk.entries.iter().map(|(device, entry)| EntryId::of(space, device, &entry.header)).collect()
    }
}

fn load(space: SpaceId, disk: &Disk, afters: &BTreeMap<EntryId, After>) -> Log {
    let mut log = Log::new(space);
    for (device, entry) in &disk.entries {
        let id = EntryId::of(&space, device, &entry.header);
        log.restore(device, entry.clone(), State::Stored).expect("a disk holds what was verified");
        if let Some(after) = afters.get(&id) {
            log.learn_after(id, after.clone());
        }
    }
    process(&mut log);
    log
}

fn processed(log: &Log) -> BTreeSet<EntryId> {
    let chains = log.chains();
    let content = chains.arrivals(Chain::Content).iter().map(|index| chains.at(*index));
    content.filter(|meta| meta.state == State::Applied).map(|meta| meta.head.id).collect()
}

/// Processes every content entry whose past is processed, as an app with all keys would.
fn process(log: &mut Log) {
    loop {
        let chains = log.chains();
        let stored = chains.arrivals(Chain::Content).iter().map(|index| chains.at(*index));
        let ready: Vec<_> = stored
            .filter(|meta| meta.state == State::Stored && log.is_ready(&meta.head.id))
            .map(|meta| meta.head.id)
            .collect();
        if ready.is_empty() {
            return;
        }
        ready.iter().for_each(|id| log.set_state(id, State::Applied));
    }
}

#[test]
fn replicas_converge_and_lose_nothing_under_faults() {
    let seeds = std::env::var("ALLIANCE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(90);
    let first = std::env::var("ALLIANCE_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..seeds, |first| first..first + 1) {
        println!("seed {seed}");
        let mut world = World::new(seed, false);
        for _ in 0..[60, 200, 600][(seed % 3) as usize] {
            world.step();
        }
        world.heal();
    }
}

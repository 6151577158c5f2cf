//! People, profiles and a relay in one process, without sockets, clocks or luck.
//!
//! Everything is the real code; only the wires are queues and time stands still until a test moves it.

pub mod believable;
pub mod direct;
pub mod disk;
pub mod forge;
pub mod fuzz;
pub mod intents;
pub mod load;
pub mod meddler;
pub mod networks;
pub mod practice;
pub mod program;
pub mod proxy;
pub mod screen;
pub mod search;
pub mod seen;
pub mod sim;
pub mod socket;
pub mod thief;
pub mod town;
pub mod trace;
pub mod walkthrough;
pub mod watcher;
pub mod words;

use std::{collections::BTreeMap, path::Path, time::Duration};

use alliance_core::{
    app::{
        Inquiry, Intent, ItemRef, Joining, Person, Place, Profile, Session, SessionError, SessionEvent,
        World as Outside,
    },
    domain,
    keys::{Invitation, Words},
};
use alliance_replica::{
    exchange::frame::Frame,
    id::SpaceId,
    log::{entry::Entry, heads::Chain},
};
use alliance_sync_server::{
    replica::{ConnectionId, Now, Output, Relay},
    store::{MemoryStore, Store},
};
use forge::Said;
use load::{Bringing, Seat};
use meddler::{Meddler, Way};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

/// Where every test's relay is said to be.
pub const RELAY: &str = "http://relay.test";
/// When every test begins, in unix seconds.
pub const START: i64 = 1_800_000_000;
/// Frames after which an exchange that does not end is a fault.
const PATIENCE: usize = 100_000;

/// A relay, some people, and all that they do.
pub struct World<S = MemoryStore> {
    /// The relay's state machine.
    pub relay: Relay<S>,
    /// Everybody, by name.
    pub people: BTreeMap<String, Laptop>,
    /// Unix seconds.
    pub now: i64,
    /// What laptops send and get, once somebody wants to know.
    pub wire: Option<Wire>,
    /// What comes between laptops and the relay, once something does.
    pub meddler: Option<Meddler>,
    rng: ChaCha20Rng,
    connections: u64,
}

/// Content that went over the wire.
#[derive(Default)]
pub struct Wire {
    /// To the relay.
    pub up: Vec<Entry>,
    /// From the relay.
    pub down: Vec<Entry>,
}

/// One person's computer.
pub struct Laptop {
    /// The folder of the profile.
    pub folder: TempDir,
    /// The open profile.
    pub profile: Profile,
    /// The words that were said when it was made, if it was made here.
    pub words: Option<Words>,
}

impl World {
    /// The relay loses everything but its key.
    ///
    /// # Panics
    /// If the relay cannot be made.
    pub fn wipe_relay(&mut self) {
        self.relay = Relay::new(MemoryStore::default(), &[7; 32]).expect("a relay on a good store");
    }

    /// A world in which nothing has happened.
    ///
    /// # Panics
    /// If the relay cannot be made.
    pub fn new(seed: u64) -> Self {
        Self::with(MemoryStore::default(), seed)
    }
}

impl<S: Store> World<S> {
    /// A world with a relay on this store.
    ///
    /// # Panics
    /// If the relay cannot be made.
    pub fn with(store: S, seed: u64) -> Self {
        let relay = Relay::new(store, &[7; 32]).expect("a relay on a good store");
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self { relay, people: BTreeMap::new(), now: START, wire: None, meddler: None, rng, connections: 0 }
    }

    /// Ben's alliance with Anna: he invites, she joins, both have synced. Returns its space.
    ///
    /// # Panics
    /// If any of it fails.
    pub fn ben_and_anna(&mut self) -> SpaceId {
        self.person("Ben", "coach");
        let space = self.act("Ben", |profile, world| profile.new_alliance("Ben & Anna", Some(RELAY), world));
        let invitation = self.act("Ben", |profile, world| profile.invite(space, START as u64 + 86_400, world));
        self.sync("Ben");
        self.person("Anna", "client");
        self.join("Anna", Invitation::parse(&invitation.reveal()).expect("an invitation"));
        self.sync("Anna");
        self.sync("Ben");
        self.sync("Anna");
        self.sync("Ben");
        space
    }

    /// Makes a profile.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn person(&mut self, name: &str, role: &str) {
        let folder = TempDir::new().expect("a folder");
        let person = Person { name: name.to_owned(), role: role.to_owned() };
        let mut world = Outside { now: self.now, rng: &mut self.rng };
        let (profile, words) =
            Profile::create(&folder.path().join("profile.db"), &person, &mut world).expect("a profile");
        self.people.insert(name.to_owned(), Laptop { folder, profile, words: Some(words) });
    }

    /// Gives another computer to a person who has one: nothing is on it yet.
    ///
    /// # Panics
    /// If there is no room.
    pub fn blank(&mut self, name: &str) {
        let folder = TempDir::new().expect("a folder");
        let profile = Profile::blank(&folder.path().join("profile.db")).expect("a profile");
        self.people.insert(name.to_owned(), Laptop { folder, profile, words: None });
    }

    /// Lets a computer sync, take up what its person's other computers prepared, and sync again.
    ///
    /// # Panics
    /// If something fails.
    pub fn tend(&mut self, name: &str) {
        self.sync(name);
        assert!(self.take_up(name), "{name} is not let in");
        self.sync(name);
    }

    /// Takes up what somebody's other computers prepared for this one; true unless there is an alliance to which no
    /// invitation is good.
    pub fn take_up(&mut self, name: &str) -> bool {
        let ways = self.act(name, |profile, world| profile.tend_computers(world)).ways;
        let mut all = true;
        for ways in ways {
            all &= ways.into_iter().any(|it| self.try_join(name, it).is_ok());
        }
        all
    }

    /// Closes and opens a person's profile, as another process would.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn reopen(&mut self, name: &str) {
        let laptop = self.people.get_mut(name).expect("a person");
        laptop.profile = Profile::open(&laptop.folder.path().join("profile.db")).expect("a profile");
    }

    /// A copy of a person's profile folder as it is now, database and write-ahead log.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn copy(&self, name: &str) -> TempDir {
        let copy = TempDir::new().expect("a folder");
        copy_files(self.people[name].folder.path(), copy.path());
        copy
    }

    /// Puts an earlier copy in the place of a person's profile.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn restore(&mut self, name: &str, copy: &TempDir) {
        let folder = TempDir::new().expect("a folder");
        copy_files(copy.path(), folder.path());
        let profile = Profile::open(&folder.path().join("profile.db")).expect("a profile");
        self.people.insert(name.to_owned(), Laptop { folder, profile, words: None });
    }

    /// Puts a copy of somebody's profile on another computer.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn clone_person(&mut self, name: &str, as_name: &str, copy: &TempDir) {
        assert!(self.people.contains_key(name));
        self.restore(as_name, copy);
    }

    /// Lets a person do something that must go well.
    ///
    /// # Panics
    /// If it does not.
    pub fn act<T, E: std::fmt::Debug>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Profile, &mut Outside<'_>) -> Result<T, E>,
    ) -> T {
        self.try_act(name, act).expect("what a person may do")
    }

    /// Lets a person do something.
    ///
    /// # Errors
    /// As the act says.
    ///
    /// # Panics
    /// If there is no such person.
    pub fn try_act<T, E>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Profile, &mut Outside<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let laptop = self.people.get_mut(name).expect("a person");
        act(&mut laptop.profile, &mut Outside { now: self.now, rng: &mut self.rng })
    }

    /// Makes an item in an alliance.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn add(&mut self, name: &str, space: SpaceId, intent: Intent) -> ItemRef {
        self.act(name, |profile, world| profile.add(Place::Alliance(space), &intent, world)).item
    }

    /// Titles of the notes that a person sees in an alliance, private ones among them, sorted.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn titles(&mut self, name: &str, space: SpaceId) -> Vec<String> {
        let notes = self.act(name, |profile, _| profile.list(space, "note", true));
        let mut titles: Vec<_> = notes.into_iter().map(|note| note.title).collect();
        titles.sort();
        titles
    }

    /// Changes an item.
    ///
    /// # Panics
    /// If it cannot be changed.
    pub fn change(&mut self, name: &str, item: ItemRef, intent: Intent) {
        self.act(name, |profile, world| profile.change(&item, &intent, world));
    }

    /// Lets a person take up an invitation.
    ///
    /// # Panics
    /// If the invitation is not good.
    pub fn join(&mut self, name: &str, invitation: Invitation) {
        self.try_join(name, invitation).expect("a good invitation");
    }

    /// Lets a person take up an invitation.
    ///
    /// # Errors
    /// Why it is not good.
    ///
    /// # Panics
    /// If the exchange does not end.
    pub fn try_join(&mut self, name: &str, invitation: Invitation) -> Result<(), SessionError> {
        let mut joining = Joining::new(invitation, &mut Outside { now: self.now, rng: &mut self.rng });
        self.ask(&mut joining)?;
        assert!(joining.is_done(), "joining does not end");
        let laptop = self.people.get_mut(name).expect("a person");
        joining.finish(&mut laptop.profile, &mut Outside { now: self.now, rng: &mut self.rng })?;
        Ok(())
    }

    /// Lets somebody who is nobody's bring a space to the relay.
    ///
    /// # Panics
    /// If the relay does not take it.
    pub fn plant(&mut self, seat: &Seat) {
        let mut bringing = Bringing::new(seat);
        self.ask(&mut bringing).expect("the relay speaks the protocol");
        assert!(bringing.is_done(), "the relay has the space");
    }

    /// Asks the relay, as long as it answers.
    ///
    /// # Errors
    /// Why its answer is none.
    pub(crate) fn ask(&mut self, inquiry: &mut impl Inquiry) -> Result<(), SessionError> {
        let connection = self.connect();
        for _ in 0..PATIENCE {
            while let Some(frame) = inquiry.poll_transmit() {
                watch(&mut self.wire, &frame, |wire| &mut wire.up);
                self.relay.handle(connection, &frame, now(self.now));
            }
            self.relay.commit();
            let frames = self.drain(connection);
            if frames.is_empty() || inquiry.is_done() {
                break;
            }
            for frame in frames {
                inquiry.handle(&frame)?;
            }
        }
        self.relay.disconnect(connection);
        Ok(())
    }

    /// Lets a person sync with the relay until both sides have all.
    ///
    /// # Panics
    /// If it fails.
    pub fn sync(&mut self, name: &str) {
        self.try_sync(name).expect("a sync");
    }

    /// Lets a person sync with the relay; true if both sides have all of it.
    ///
    /// # Errors
    /// As the exchange says.
    ///
    /// # Panics
    /// If the exchange does not end.
    pub fn try_sync(&mut self, name: &str) -> Result<bool, SessionError> {
        self.exchange(name, None)
    }

    /// Syncs; when all is quiet the relay says what is given, if anything is.
    fn exchange(&mut self, name: &str, mut said: Option<Said>) -> Result<bool, SessionError> {
        let relays = self.act(name, |profile, _| profile.relays());
        let Some(relay) = relays.into_iter().next() else { return Ok(true) };
        let mut session = Session::new(&relay, &mut Outside { now: self.now, rng: &mut self.rng });
        let connection = self.connect();
        for _ in 0..PATIENCE {
            let laptop = self.people.get_mut(name).expect("a person");
            let mut up = Vec::new();
            while let Some(frame) = session.poll_transmit(&mut laptop.profile)? {
                watch(&mut self.wire, &frame, |wire| &mut wire.up);
                said.iter_mut().for_each(|said| said.hear(&frame));
                up.push(frame);
            }
            let sent = !up.is_empty();
            for frame in self.meddle(Way::Up, up) {
                self.relay.handle(connection, &frame, now(self.now));
            }
            self.relay.commit();
            let mut frames = self.drain(connection);
            frames = self.meddle(Way::Down, frames);
            if frames.is_empty() && !sent {
                let Some(said) = said.take() else { break };
                frames = said.frames();
            }
            let laptop = self.people.get_mut(name).expect("a person");
            let mut outside = Outside { now: self.now, rng: &mut self.rng };
            for frame in &frames {
                session.handle(&mut laptop.profile, frame, &mut outside)?;
            }
            session.flush(&mut laptop.profile, &mut outside)?;
            keep_hindrances(&mut session, &mut laptop.profile)?;
        }
        let laptop = self.people.get_mut(name).expect("a person");
        let settled = session.is_settled(&mut laptop.profile)?;
        if settled {
            session.note_settled(&mut laptop.profile, &Outside { now: self.now, rng: &mut self.rng })?;
        }
        self.relay.disconnect(connection);
        Ok(settled)
    }

    fn connect(&mut self) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let mut nonce = [0; 32];
        self.rng.fill_bytes(&mut nonce);
        self.relay.connect(connection, nonce);
        connection
    }

    fn drain(&mut self, connection: ConnectionId) -> Vec<Vec<u8>> {
        self.drain_all().into_iter().filter(|(to, _)| *to == connection).map(|(_, frame)| frame).collect()
    }

    fn drain_all(&mut self) -> Vec<(ConnectionId, Vec<u8>)> {
        let mut frames = Vec::new();
        while let Some(output) = self.relay.poll() {
            if let Output::Send { to, frame } | Output::Drop { to, frame } = output {
                self.relay.written(to, frame.len());
                watch(&mut self.wire, &frame, |wire| &mut wire.down);
                frames.push((to, frame));
            }
        }
        frames
    }
}

/// Notes the content in a frame, if anybody watches.
fn watch(wire: &mut Option<Wire>, frame: &[u8], side: impl FnOnce(&mut Wire) -> &mut Vec<Entry>) {
    let Some(wire) = wire else { return };
    if let Ok(Frame::Entries(entries)) = Frame::decode(frame)
        && entries.chain == Chain::Content
    {
        side(wire).extend(entries.entries);
    }
}

/// A note with a title and nothing else.
#[must_use]
pub fn note(title: &str) -> Intent {
    Intent::Note(domain::note::Intent::Add(domain::note::Add { title: title.into(), ..Default::default() }))
}

/// Keeps what a relay does not take, as the program does.
fn keep_hindrances(session: &mut Session, profile: &mut Profile) -> Result<(), SessionError> {
    while let Some(event) = session.poll_event() {
        if let SessionEvent::Hindered { space, why } = event {
            profile.set_hindrance(&space, Some(why))?;
        }
    }
    Ok(())
}

/// Copies the files of a profile's folder, all but what SQLite shares between processes.
///
/// # Panics
/// If they cannot be copied.
pub fn copy_files(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file").path();
        let name = file.file_name().expect("a name");
        if !name.to_string_lossy().ends_with("-shm") {
            std::fs::copy(&file, to.join(name)).expect("a copy");
        }
    }
}

fn now(unix: i64) -> Now {
    Now { unix: unix.unsigned_abs(), elapsed: Duration::from_secs(unix.unsigned_abs()) }
}

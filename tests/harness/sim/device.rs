//! A computer with a profile, which may crash at any step.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use alliance_core::{
    app::{AppError, ItemRef, Person, Profile, Session, SessionError, World as Outside},
    document::ChangeHash,
    store::StoreError,
};
use alliance_replica::id::{EntryId, SpaceId};
use rusqlite::{Connection, OptionalExtension as _};
use tempfile::TempDir;

use super::{
    Sim, Violation,
    growth::Grown,
    network::{Event, Lies},
    wal::{self, Crash, DATABASE, Mark, folder},
};

/// A text of an item.
pub(crate) type Text = (ItemRef, &'static str);
/// A version of a text, and how it reads.
pub(crate) type Screen = (Vec<ChangeHash>, String);

/// Whether a computer wants a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Online {
    No,
    /// Until both sides have all.
    Once,
    Stays,
}

/// A computer.
pub(crate) struct Device {
    pub(crate) person: String,
    folder: TempDir,
    profile: Option<Profile>,
    pub(crate) session: Option<(u64, Session)>,
    pub(crate) online: Online,
    /// Seconds by which its clock is ahead.
    pub(crate) skew: i64,
    /// True while a session gathers what it hears.
    pub(crate) gathers: bool,
    /// It crashes within the call after so many more.
    pub(crate) fate: Option<(u64, Crash)>,
    /// When both sides last had all.
    pub(crate) settled: u64,
    /// The same, of each alliance in which nothing waited to be sealed then.
    pub(crate) sealed: BTreeMap<SpaceId, u64>,
    /// What it said is on its disk.
    pub(crate) acked: BTreeSet<(SpaceId, EntryId)>,
    /// Texts that are open on its screen, in the version that is shown.
    pub(crate) screens: BTreeMap<Text, Screen>,
    /// Copies of its profile, and when they were made.
    pub(crate) copies: Vec<(u64, TempDir)>,
    /// How many transactions of its program are on disk because another program wrote after them.
    pub(crate) synced: u32,
    /// What its profile had when it was looked at last.
    pub(crate) grown: Grown,
    /// When the copy was made that was put back last.
    pub(crate) back: Option<u64>,
    /// True if it may have forked its log: it was copied, or put back where the relay had forgotten.
    pub(crate) forks: bool,
    /// True while its disk is full.
    pub(crate) full: bool,
    /// True if it began with its person's words: several may write with the key that these are.
    pub(crate) by_words: bool,
    /// True until everything is back that its person's words open.
    pub(crate) restoring: bool,
}

impl Device {
    /// True unless it crashed and has not started again.
    pub(crate) fn is_up(&self) -> bool {
        self.profile.is_some()
    }

    /// The folder of the profile.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Sim {
    /// Somebody new, with a computer.
    pub(crate) fn person(&mut self, name: &str, role: &str) {
        self.computer(name, name, role);
    }

    /// Another computer of somebody's.
    pub(crate) fn computer(&mut self, name: &str, of: &str, role: &str) {
        let folder = folder();
        let person = Person { name: of.to_owned(), role: role.to_owned() };
        let mut outside = Outside { now: self.unix(), rng: self.dice.rng() };
        let (profile, words) =
            Profile::create(&folder.path().join(DATABASE), &person, &mut outside).expect("a profile");
        if name == of {
            self.words.insert(of.to_owned(), words.reveal().to_string());
        }
        self.put(name, of, folder, profile);
    }

    /// A computer of somebody's, with a profile.
    pub(crate) fn put(&mut self, name: &str, of: &str, folder: TempDir, profile: Profile) {
        let device = Device {
            person: of.to_owned(),
            folder,
            profile: Some(profile),
            session: None,
            online: Online::No,
            skew: 0,
            gathers: false,
            fate: None,
            settled: 0,
            sealed: BTreeMap::new(),
            acked: BTreeSet::new(),
            screens: BTreeMap::new(),
            copies: Vec::new(),
            synced: 0,
            grown: Grown::default(),
            back: None,
            forks: false,
            full: false,
            restoring: false,
            by_words: false,
        };
        self.devices.insert(name.to_owned(), device);
    }

    /// Lets a computer's program do something; nothing if it is down or crashes in it. What it did is then done or not, and
    /// nobody hears of it.
    pub(crate) fn call<T>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Profile, &mut Option<Session>, &mut Outside<'_>) -> T,
    ) -> Result<Option<T>, Violation> {
        let now = self.wall(self.devices[name].skew);
        let device = self.devices.get_mut(name).expect("a computer");
        let Some(profile) = &mut device.profile else { return Ok(None) };
        let dies = match &mut device.fate {
            Some((0, crash)) => Some(*crash),
            Some((calls, _)) => {
                *calls -= 1;
                None
            }
            None => None,
        };
        if profile.volatile() < device.synced {
            device.synced = 0;
        }
        let before = dies.map(|_| (Mark::read(device.folder.path()), profile.volatile() - device.synced));
        let (id, mut session) = match device.session.take() {
            Some((id, session)) => (Some(id), Some(session)),
            None => (None, None),
        };
        let done = act(profile, &mut session, &mut Outside { now, rng: self.dice.rng() });
        device.session = id.zip(session);
        match (dies, before) {
            (Some(crash), Some((mark, volatile))) => {
                self.crash(name, crash, Some((&mark, volatile)));
                Ok(None)
            }
            _ => Ok(Some(done)),
        }
    }

    /// Another program of a computer wrote: what its program had written before is on disk, too.
    pub(crate) fn wrote_elsewhere(&mut self, name: &str) {
        let device = self.devices.get_mut(name).expect("a computer");
        device.synced = device.profile.as_ref().map_or(0, Profile::volatile);
    }

    /// A computer crashes: within a call before which its log was as said, or between two.
    pub(crate) fn crash(&mut self, name: &str, crash: Crash, before: Option<(&Mark, u32)>) {
        let device = self.devices.get_mut(name).expect("a computer");
        let Some(profile) = device.profile.take() else { return };
        device.fate = None;
        let left = folder();
        let volatile = profile.volatile().saturating_sub(std::mem::take(&mut device.synced));
        let how = wal::crash(device.folder.path(), left.path(), crash, before, volatile, &mut self.dice);
        drop(profile);
        device.folder = left;
        device.grown = Grown::default();
        device.screens.clear();
        let (fault, within) = (if crash == Crash::Kill { "kill" } else { "power" }, before.is_some());
        self.strike(fault, format!("{name}, {}: {how}", if within { "in a call" } else { "between calls" }));
        self.hang_up(name, 30_000);
        let wait = self.dice.below(60_000);
        self.after(wait, Event::Restart(name.to_owned()));
    }

    /// A computer starts again.
    pub(crate) fn restart(&mut self, name: &str) -> Result<(), Violation> {
        let device = self.devices.get_mut(name).expect("a computer");
        if device.profile.is_some() {
            return Ok(());
        }
        match Profile::open(&device.folder.path().join(DATABASE)) {
            Ok(mut profile) => {
                device.restoring = profile.is_restoring().expect("a profile");
                (device.profile, device.synced) = (Some(profile), 0);
            }
            Err(error) => return Err(Violation(format!("I1: {name} does not open: {error:?}"))),
        }
        let full = self.devices[name].full;
        self.say(format!("{name} is there again"));
        self.set_full(name, full)?;
        self.lend(name)?;
        self.has_what_it_acknowledged(name)?;
        self.after(0, Event::Dial(name.to_owned()));
        Ok(())
    }

    /// A computer's disk is full, or is not any more.
    pub(crate) fn set_full(&mut self, name: &str, full: bool) -> Result<(), Violation> {
        let device = self.devices.get_mut(name).expect("a computer");
        device.full = full;
        match device.profile.as_ref().map(|profile| profile.set_full(full)) {
            Some(Err(error)) => Err(Violation(format!("I10: {name} cannot say how large it may be: {error:?}"))),
            _ => Ok(()),
        }
    }

    /// Keeps a copy of a computer's profile.
    pub(crate) fn keep_copy(&mut self, name: &str) {
        let clock = self.clock;
        let device = self.devices.get_mut(name).expect("a computer");
        let copy = folder();
        crate::copy_files(device.folder.path(), copy.path());
        device.copies.push((clock, copy));
        self.say(format!("{name} is copied"));
    }

    /// True if a computer sealed something of which it does not know that the relay has it.
    pub(crate) fn has_unsent(&self, name: &str) -> bool {
        let file = Connection::open(self.devices[name].folder().join(DATABASE)).expect("a profile");
        let unsent =
            "SELECT EXISTS (SELECT 1 FROM entries WHERE relayed = 0 AND device IN (SELECT device FROM spaces))";
        file.query_row(unsent, (), |row| row.get(0)).expect("a profile")
    }

    /// Puts a copy in the place of a computer's profile; returns when it was made.
    pub(crate) fn put_back(&mut self, name: &str) -> Result<Option<u64>, Violation> {
        let device = self.devices.get_mut(name).expect("a computer");
        if device.copies.is_empty() || device.profile.is_none() {
            return Ok(None);
        }
        let (made, copy) = device.copies.remove(self.dice.index(device.copies.len()));
        // A copy of later is of a history that is no more.
        device.copies.clear();
        device.profile = None;
        device.folder = copy;
        device.acked.clear();
        device.grown = Grown::default();
        device.screens.clear();
        device.fate = None;
        self.hang_up(name, 1_000);
        self.restart(name)?;
        Ok(Some(made))
    }

    /// A copy of a computer goes on beside it.
    pub(crate) fn double(&mut self, name: &str) -> Result<String, Violation> {
        let copy = folder();
        let other = format!("{name}'s copy {}", self.devices.len());
        let device = self.devices.get_mut(name).expect("a computer");
        crate::copy_files(device.folder.path(), copy.path());
        device.forks = true;
        device.copies.clear();
        let twin = Device {
            person: device.person.clone(),
            folder: copy,
            profile: None,
            session: None,
            online: device.online,
            skew: device.skew,
            gathers: false,
            fate: None,
            settled: device.settled,
            sealed: device.sealed.clone(),
            acked: device.acked.clone(),
            screens: BTreeMap::new(),
            copies: Vec::new(),
            synced: 0,
            grown: Grown::default(),
            back: device.back,
            forks: true,
            full: false,
            restoring: device.restoring,
            by_words: device.by_words,
        };
        self.devices.insert(other.clone(), twin);
        self.restart(&other)?;
        Ok(other)
    }

    /// What a session's failure means: a relay that lies makes it fail, an honest one does not.
    pub(crate) fn session_failed(&mut self, name: &str, error: &SessionError) -> Result<(), Violation> {
        self.say(format!("{name}'s session ends: {error:?}"));
        self.hang_up(name, 0);
        let fair = match error {
            SessionError::Closed(_) => true,
            SessionError::Broken(_) => self.seen.lied,
            SessionError::OtherRelay { .. } => false,
            SessionError::App(error) => return self.app_failed(name, error),
        };
        if fair { Ok(()) } else { Err(Violation(format!("{name}'s session with an honest relay fails: {error:?}"))) }
    }

    /// Nothing that programs do by themselves fails.
    pub(crate) fn app_failed(&mut self, name: &str, error: &AppError) -> Result<(), Violation> {
        if self.devices[name].full && matches!(error, AppError::Store(StoreError::Disk(_))) {
            self.say(format!("{name}'s disk is full"));
            self.hang_up(name, 0);
            return Ok(());
        }
        Err(Violation(format!("I10: {name}'s program fails: {error:?}")))
    }

    /// The relay lies from now on, or is honest again.
    pub(crate) fn lies(&mut self, lies: Lies) {
        if lies != Lies::default() {
            self.seen.lied = true;
            self.refused_may_fork();
            self.may_fork();
        }
        self.seen.lies = lies;
    }
}

/// What a profile's file says of its own place in a space, if it has one.
pub(crate) fn own(file: &Path, space: SpaceId, column: &str) -> Option<Vec<u8>> {
    let file = Connection::open(file).expect("a profile");
    let sql = format!("SELECT {column} FROM spaces WHERE space = ?1");
    file.query_row(&sql, [space.as_ref()], |row| row.get(0)).optional().expect("a profile")
}

/// The personal space that a profile's file has, if it has one yet.
pub(crate) fn own_space(file: &Path) -> Option<SpaceId> {
    let file = Connection::open(file).expect("a profile");
    let found =
        file.query_row("SELECT space FROM spaces WHERE kind = 0", (), |row| row.get::<_, Vec<u8>>(0)).optional();
    SpaceId::from_slice(&found.expect("a profile")?)
}

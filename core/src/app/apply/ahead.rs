//! What just arrived, read on other processors ahead of its turn, if the caller lends some.
//!
//! To open an entry, to inflate and read its parts, and to make the documents that it alone makes, nothing is needed but
//! its bytes and the keys. So it does not matter who does it, or when: whoever judges an entry takes what was found out,
//! or does it all over. Only so much is read ahead as may lie in memory.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use alliance_replica::id::EntryId;

use super::parts::{self, Glance};
use crate::{
    app::receive::Body,
    keys::{Content, Keyring, seal},
};

/// Bytes of bodies from which on it is worth while.
const MANY: usize = 64 * 1024;
/// Operations that may be read ahead; an entry with more is read in its turn.
const OPS: usize = 32 * 1024;
/// Entries that may be.
const ENTRIES: usize = 32;
/// Most processors beside the one that judges.
const HELPERS: usize = 3;

/// Work that may be done anywhere, while whoever hands it on goes on.
pub type Work = Box<dyn FnOnce() + Send>;

/// Other processors, as whoever runs this lends them. What is read there is the same as without them, only sooner.
#[derive(Clone, Copy)]
pub struct Helpers {
    /// How many there are.
    pub count: usize,
    /// Begins to do something on one of them; false if that cannot be.
    pub run: fn(Work) -> bool,
}

/// What was found out ahead: what an entry says, and its parts if they were read.
pub(super) type Looked = (Content, Option<Vec<Glance>>);

/// Entries that are read ahead.
#[derive(Default)]
pub(super) struct Ahead {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    keyring: Keyring,
    bodies: Vec<Arc<Body>>,
    places: BTreeMap<EntryId, usize>,
    state: Mutex<State>,
    /// Something of the state changed.
    turn: Condvar,
}

#[derive(Default)]
struct State {
    stages: Vec<Stage>,
    /// All before it were begun with.
    first: usize,
    /// Operations and entries that were read and not taken.
    ops: usize,
    entries: usize,
    is_over: bool,
}

impl State {
    /// The first entry that nobody has begun with, if there is room for it.
    fn next(&mut self) -> Option<usize> {
        let begun = |stage: &Stage| !matches!(stage, Stage::Open);
        while self.stages.get(self.first).is_some_and(begun) {
            self.first += 1;
        }
        let has_room = !self.is_over && self.ops < OPS && self.entries < ENTRIES;
        (has_room && self.first < self.stages.len()).then_some(self.first)
    }
}

/// How far an entry is.
#[derive(Default)]
enum Stage {
    #[default]
    Open,
    Begun,
    Read(usize, Box<Looked>),
    /// It was taken, or cannot be read.
    Gone,
}

impl Ahead {
    /// Begins to read these, if they are many and somebody helps.
    pub(super) fn new(helpers: Option<Helpers>, keyring: &Keyring, bodies: Vec<(EntryId, Arc<Body>)>) -> Self {
        let is_much = || bodies.iter().map(|(_, body)| body.bytes.len()).sum::<usize>() >= MANY;
        let Some(helpers) = helpers.filter(|helpers| helpers.count > 0 && is_much()) else { return Self::default() };
        let places = bodies.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        let bodies: Vec<_> = bodies.into_iter().map(|(_, body)| body).collect();
        let state = State { stages: bodies.iter().map(|_| Stage::Open).collect(), ..State::default() };
        let (keyring, state, turn) = (keyring.clone(), Mutex::new(state), Condvar::new());
        let shared = Arc::new(Shared { keyring, bodies, places, state, turn });
        let helping = (0..helpers.count.min(HELPERS)).filter(|_| {
            let shared = shared.clone();
            (helpers.run)(Box::new(move || shared.help()))
        });
        // Without help it is all done in its turn.
        Self { shared: (helping.count() > 0).then_some(shared) }
    }

    /// What was found out about an entry; if nobody has begun with it, it is read now. While somebody else still reads
    /// it, others are read here.
    pub(super) fn take(&self, id: &EntryId) -> Option<Looked> {
        let shared = self.shared.as_ref()?;
        let at = *shared.places.get(id)?;
        let mut state = shared.state();
        loop {
            let next = match state.stages[at] {
                Stage::Open => at,
                Stage::Begun => match state.next() {
                    Some(next) => next,
                    None => {
                        state = shared.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
                        continue;
                    }
                },
                Stage::Read(..) | Stage::Gone => break,
            };
            state.stages[next] = Stage::Begun;
            drop(state);
            shared.read(next);
            state = shared.state();
        }
        let Stage::Read(ops, looked) = std::mem::replace(&mut state.stages[at], Stage::Gone) else { return None };
        state.ops -= ops;
        state.entries -= 1;
        shared.turn.notify_all();
        Some(*looked)
    }

    /// Keeps what was found out about an entry whose turn it is not yet.
    pub(super) fn put_back(&self, id: EntryId, content: Content, glances: Option<Vec<Glance>>) {
        let Some(shared) = &self.shared else { return };
        let (Some(at), Some(glances)) = (shared.places.get(&id), glances) else { return };
        let ops = parts::ops(&glances);
        let mut state = shared.state();
        state.ops += ops;
        state.entries += 1;
        state.stages[*at] = Stage::Read(ops, Box::new((content, Some(glances))));
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.state().is_over = true;
            shared.turn.notify_all();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one entry after the other.
    fn help(&self) {
        while let Some(at) = self.begin() {
            self.read(at);
        }
    }

    /// Reads an entry that was begun with.
    fn read(&self, at: usize) {
        let looked = catch_unwind(AssertUnwindSafe(|| self.look(&self.bodies[at]))).ok().flatten();
        let mut state = self.state();
        state.stages[at] = match looked {
            Some((content, glances)) => {
                let ops = parts::ops(&glances);
                state.ops += ops;
                state.entries += 1;
                Stage::Read(ops, Box::new((content, Some(glances))))
            }
            // Whoever judges it finds out why.
            None => Stage::Gone,
        };
        self.turn.notify_all();
    }

    /// The next entry to read, once there is room for it; none if there is none.
    fn begin(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if let Some(at) = state.next() {
                state.stages[at] = Stage::Begun;
                return Some(at);
            }
            if state.is_over || state.first == state.stages.len() {
                return None;
            }
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn look(&self, body: &Body) -> Option<(Content, Vec<Glance>)> {
        let opened = seal::open(&self.keyring, &body.device, &body.place, &body.bytes).ok()?;
        let content = Content::decode(&opened.plaintext).ok()?;
        let glances = parts::look_ahead(&content, OPS as u64)?;
        Some((content, glances))
    }
}

#[cfg(test)]
pub(in crate::app) mod tests {
    use alliance_replica::id::{DeviceId, ItemId, SpaceId};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;
    use crate::keys::{EpochKey, Part, content::Form};

    #[expect(clippy::disallowed_methods, reason = "the test decides what runs where")]
    pub(crate) fn two() -> Helpers {
        Helpers { count: 2, run: |work| std::thread::Builder::new().spawn(work).is_ok() }
    }

    /// Bodies that say something, of which every tenth cannot be opened.
    fn bodies(keyring: &mut Keyring) -> Vec<(EntryId, Arc<Body>)> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (key, device) = (EpochKey::from_bytes(&[4; 32]), DeviceId::new([2; 32]));
        keyring.insert(key.clone());
        let body = |n: u8| {
            let words: Vec<u8> = (0..2000_u32).flat_map(|at| (at * u32::from(n + 1)).to_be_bytes()).collect();
            let part = Part::pack(ItemId::new([n; 16]), None, None, Form::Changes, &words).expect("packs");
            let content = Content { parts: vec![part], ..Content::default() };
            let sealed = seal::seal(&key, keyring.space(), &device, None, &content.encode(), &mut rng);
            let (place, mut bytes) = sealed.expect("seals");
            if n % 10 == 9 {
                bytes[20] ^= 1;
            }
            (EntryId::new([n; 32]), Arc::new(Body { device, place, bytes }))
        };
        (0..100).map(body).collect()
    }

    #[test]
    fn what_is_read_ahead_is_what_it_is_in_its_turn_and_never_much() {
        let mut keyring = Keyring::new(SpaceId::new([1; 16]));
        let bodies = bodies(&mut keyring);
        let ahead = Ahead::new(Some(two()), &keyring, bodies.clone());
        let shared = ahead.shared.as_ref().expect("somebody helps");
        let mut state = shared.state();
        while state.entries < 10 {
            state = shared.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let mut taken = 0;
        for (id, body) in &bodies {
            assert!(shared.state().entries <= ENTRIES + two().count);
            let Some((content, glances)) = ahead.take(id) else { continue };
            let (expected, again) = shared.look(body).expect("opens");
            let glances = glances.expect("read");
            assert_eq!((&content, glances.len()), (&expected, again.len()));
            taken += 1;
            if taken % 3 == 0 {
                ahead.put_back(*id, content, Some(glances));
                assert!(ahead.take(id).is_some(), "it is still there");
            }
            assert!(ahead.take(id).is_none(), "once");
        }
        assert_eq!(taken, 90, "what nobody has begun with is read by whoever judges");
        assert!(bodies.iter().skip(9).step_by(10).all(|(id, _)| ahead.take(id).is_none()));
        let state = shared.state();
        assert_eq!((state.entries, state.ops), (0, 0));
    }

    #[test]
    fn a_few_are_not_read_ahead() {
        let mut keyring = Keyring::new(SpaceId::new([1; 16]));
        let few: Vec<_> = bodies(&mut keyring).into_iter().take(2).collect();
        assert!(Ahead::new(Some(two()), &keyring, few).shared.is_none());
        assert!(Ahead::new(None, &keyring, bodies(&mut keyring.clone())).shared.is_none(), "nobody helps");
        let nobody = Helpers { count: 1, run: |_| false };
        let many = bodies(&mut keyring);
        let ahead = Ahead::new(Some(nobody), &keyring, many.clone());
        assert!(many.iter().all(|(id, _)| ahead.take(id).is_none()));
    }
}

//! What just arrived, read on other processors ahead of its turn.
//!
//! To open an entry, to inflate and read its parts, and to make the documents that it alone makes, nothing is needed but
//! its bytes and the keys. So it does not matter who does it, or when: whoever judges an entry takes what was found out,
//! or does it all over. Only so much is read ahead as may lie in memory.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use alliance_replica::id::EntryId;

use super::parts::{self, Glance};
use crate::{
    app::receive::Body,
    keys::{Content, Keyring, seal},
};

/// Bytes of bodies from which on it is worth while.
const MANY: usize = 64 * 1024;
/// Operations that may be read ahead.
const OPS: usize = 64 * 1024;
/// Entries that may be.
const ENTRIES: usize = 64;
/// Most processors beside the one that judges.
const HELPERS: usize = 3;

/// What was found out ahead: what an entry says, and its parts if they were read.
pub(super) type Looked = (Content, Option<Vec<Glance>>);

/// Entries that are read ahead.
#[derive(Default)]
pub(super) struct Ahead {
    shared: Option<Arc<Shared>>,
    helpers: Vec<JoinHandle<()>>,
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
    /// The first one that nobody has begun.
    next: usize,
    /// Operations and entries that were read and not taken.
    ops: usize,
    entries: usize,
    is_over: bool,
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
    /// Begins to read these, if they are many.
    pub(super) fn new(keyring: &Keyring, bodies: Vec<(EntryId, Arc<Body>)>) -> Self {
        let helpers = thread::available_parallelism().map_or(0, |all| all.get().saturating_sub(1)).min(HELPERS);
        if helpers == 0 || bodies.iter().map(|(_, body)| body.bytes.len()).sum::<usize>() < MANY {
            return Self::default();
        }
        let places = bodies.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        let bodies: Vec<_> = bodies.into_iter().map(|(_, body)| body).collect();
        let state = State { stages: bodies.iter().map(|_| Stage::Open).collect(), ..State::default() };
        let (keyring, state, turn) = (keyring.clone(), Mutex::new(state), Condvar::new());
        let shared = Arc::new(Shared { keyring, bodies, places, state, turn });
        // Without helpers it is all done in its turn.
        let spawn = |_| {
            let shared = shared.clone();
            thread::Builder::new().spawn(move || shared.help()).ok()
        };
        let helpers = (0..helpers).filter_map(spawn).collect();
        Self { shared: Some(shared), helpers }
    }

    /// What was found out about an entry; if nobody has begun with it, nobody does now.
    pub(super) fn take(&self, id: &EntryId) -> Option<Looked> {
        let shared = self.shared.as_ref()?;
        let at = *shared.places.get(id)?;
        let mut state = shared.state();
        while matches!(state.stages[at], Stage::Begun) {
            state = shared.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
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
        for helper in self.helpers.drain(..) {
            // It catches whatever panics in it.
            let _ = helper.join();
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
    }

    /// The next entry to read, once there is room for it; none if there is none.
    fn begin(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            let begun = |stage: &Stage| !matches!(stage, Stage::Open);
            while state.stages.get(state.next).is_some_and(begun) {
                state.next += 1;
            }
            let at = state.next;
            if state.is_over || at == state.stages.len() {
                return None;
            }
            if state.ops < OPS && state.entries < ENTRIES {
                state.stages[at] = Stage::Begun;
                return Some(at);
            }
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn look(&self, body: &Body) -> Option<(Content, Vec<Glance>)> {
        let opened = seal::open(&self.keyring, &body.device, &body.place, &body.bytes).ok()?;
        let content = Content::decode(&opened.plaintext).ok()?;
        let glances = parts::look_ahead(&content);
        Some((content, glances))
    }
}

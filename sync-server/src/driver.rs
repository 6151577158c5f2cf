//! Gives the state machine a thread, a clock, randomness and lines to its connections.
//!
//! The thread may wait for the disk: meanwhile what arrives queues up, and the next commit takes it together. What queues
//! is bounded in bytes, for each connection and for all: a connection's reader waits for room before it hands over a frame,
//! and for as long as the state machine says that it is too fast. What goes out is bounded by the state machine, which is
//! told when a frame has left.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::body::Bytes;
use futures_util::future::{Fuse, FutureExt as _};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};
use tracing::error;

use crate::{
    error::Error,
    holepunch::Holepunch,
    metrics::{self, Histogram},
    policy::Policy,
    replica::{ConnectionId, Now, Origin, Output, Relay},
    store::Store,
};

/// How often the state machine looks who has taken too long.
const TICK: Duration = Duration::from_secs(1);
/// How long an answer to who watches is good for, so that asking often costs nothing.
const FRESH: Duration = Duration::from_secs(1);

/// A handle to the thread that runs a relay. It ends when all handles are gone.
#[derive(Clone)]
pub struct Driver {
    inputs: mpsc::UnboundedSender<Input>,
    room: Arc<Semaphore>,
    policy: Arc<Policy>,
    holepunch: Holepunch,
    start: Instant,
    next: Arc<AtomicU64>,
}

/// A connection's end in the driver.
pub struct Line {
    driver: Driver,
    id: ConnectionId,
    rest: Arc<AtomicU64>,
    /// Frames to send, in order; the line is to be closed when they end.
    pub frames: mpsc::UnboundedReceiver<Vec<u8>>,
    /// A last frame that replaces all that were not sent.
    pub last: Fuse<oneshot::Receiver<Vec<u8>>>,
}

enum Input {
    Connect { id: ConnectionId, nonce: [u8; 32], origin: Origin, ends: Ends },
    Frame { id: ConnectionId, frame: Bytes, came: Instant, _room: [OwnedSemaphorePermit; 2] },
    Unreadable { id: ConnectionId },
    Written { id: ConnectionId, bytes: usize },
    Stuck { id: ConnectionId },
    Disconnect { id: ConnectionId },
    Check { answer: oneshot::Sender<bool> },
    Metrics { answer: oneshot::Sender<Option<String>> },
    ShutDown { done: oneshot::Sender<()> },
}

struct Ends {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    last: oneshot::Sender<Vec<u8>>,
    /// Until when the reader is to rest, in milliseconds from the start.
    rest: Arc<AtomicU64>,
}

impl Driver {
    /// Starts the thread. The receiver says when it has ended.
    pub fn start<S: Store + Send + 'static>(relay: Relay<S>) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (inputs, receiver) = mpsc::unbounded_channel();
        let (ended, has_ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let policy = Arc::new(relay.policy().clone());
        let (start, holepunch) = (Instant::now(), Holepunch::new(&policy));
        let helping = holepunch.clone();
        thread::Builder::new().name("relay".to_owned()).spawn(move || {
            let _ended = ended;
            runtime.block_on(Pump::new(relay, helping, start).run(receiver));
        })?;
        let room = Arc::new(Semaphore::new(permits(policy.memory.inbound_bytes_total) as usize));
        Ok((Self { inputs, room, policy, holepunch, start, next: Arc::default() }, has_ended))
    }

    /// What the relay was told to do.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What helps laptops to connect.
    pub(crate) fn holepunch(&self) -> &Holepunch {
        &self.holepunch
    }

    /// Takes in a connection.
    pub fn connect(&self, origin: Origin) -> Result<Line, Error> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (frames, out) = mpsc::unbounded_channel();
        let (last, last_out) = oneshot::channel();
        let rest = Arc::<AtomicU64>::default();
        self.put(Input::Connect { id, nonce, origin, ends: Ends { frames, last, rest: Arc::clone(&rest) } });
        Ok(Line { driver: self.clone(), id, rest, frames: out, last: last_out.fuse() })
    }

    /// True if the store can be read and written. What was found a moment ago is believed.
    pub async fn check(&self) -> Result<bool, Error> {
        let (answer, answered) = oneshot::channel();
        self.put(Input::Check { answer });
        answered.await.map_err(|_| Error::Stopped)
    }

    /// What is counted, as a page; nothing if the store cannot be read. What was counted a moment ago is believed.
    pub async fn metrics(&self) -> Result<Option<String>, Error> {
        let (answer, answered) = oneshot::channel();
        self.put(Input::Metrics { answer });
        answered.await.map_err(|_| Error::Stopped)
    }

    /// Commits and says goodbye to everybody.
    pub async fn shut_down(&self) {
        let (done, is_done) = oneshot::channel();
        self.put(Input::ShutDown { done });
        // If the thread is gone there is nobody left to say goodbye.
        let _ = is_done.await;
    }

    /// If the thread is gone, whoever waits for it learns so by its own channel.
    fn put(&self, input: Input) {
        let _ = self.inputs.send(input);
    }
}

impl Line {
    /// Which connection this is, for logs.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// What the connection's reader uses.
    pub fn reader(&self) -> Reader {
        let room = Arc::new(Semaphore::new(permits(self.driver.policy.memory.inbound_bytes) as usize));
        Reader { driver: self.driver.clone(), id: self.id, room, rest: Arc::clone(&self.rest) }
    }

    /// A frame of so many bytes has left the process.
    pub fn written(&self, bytes: usize) {
        self.driver.put(Input::Written { id: self.id, bytes });
    }

    /// The peer has taken in nothing for too long.
    pub fn stuck(&self) {
        self.driver.put(Input::Stuck { id: self.id });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.put(Input::Disconnect { id: self.id });
    }
}

/// The reading side of a connection.
pub struct Reader {
    driver: Driver,
    id: ConnectionId,
    room: Arc<Semaphore>,
    rest: Arc<AtomicU64>,
}

impl Reader {
    /// Hands over a frame; waits while too much is waiting already.
    pub async fn frame(&self, frame: Bytes) {
        let memory = &self.driver.policy.memory;
        let size = permits(frame.len() as u64);
        let own = Arc::clone(&self.room).acquire_many_owned(size.min(permits(memory.inbound_bytes))).await;
        let all = Arc::clone(&self.driver.room).acquire_many_owned(size.min(permits(memory.inbound_bytes_total))).await;
        if let (Ok(own), Ok(all)) = (own, all) {
            self.driver.put(Input::Frame { id: self.id, frame, came: Instant::now(), _room: [own, all] });
        }
    }

    /// Waits while the connection is to rest.
    pub async fn rest(&self) {
        loop {
            let until = self.driver.start + Duration::from_millis(self.rest.load(Ordering::Relaxed));
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    /// The peer goes.
    pub fn leave(&self) {
        self.driver.put(Input::Disconnect { id: self.id });
    }

    /// Something arrived that is no frame.
    pub fn unreadable(&self) {
        self.driver.put(Input::Unreadable { id: self.id });
    }
}

/// What was found when the relay's health was last asked for.
#[derive(Clone, Copy)]
struct Checked {
    when: Instant,
    /// How many had failed then: another since says more than this.
    failed_commits: u64,
    is_well: bool,
}

/// What the thread owns.
struct Pump<S> {
    relay: Relay<S>,
    holepunch: Holepunch,
    ends: BTreeMap<ConnectionId, Ends>,
    start: Instant,
    ticked: Duration,
    /// How long frames waited.
    queue: Histogram,
    checked: Option<Checked>,
    page: Option<(Instant, String)>,
}

impl<S: Store> Pump<S> {
    fn new(relay: Relay<S>, holepunch: Holepunch, start: Instant) -> Self {
        let (ends, queue) = (BTreeMap::new(), Histogram::default());
        Self { relay, holepunch, ends, start, ticked: Duration::ZERO, queue, checked: None, page: None }
    }

    async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) {
        loop {
            let now = self.now();
            if self.ticked + TICK <= now.elapsed {
                self.ticked = now.elapsed;
                self.relay.tick(now);
                self.deliver();
            }
            let next = self.ticked + TICK;
            let input = match self.relay.commit_due() {
                Some(due) if due <= now.elapsed => {
                    self.relay.commit();
                    self.deliver();
                    continue;
                }
                due => timeout_at(self.start + due.map_or(next, |due| due.min(next)), inputs.recv()).await,
            };
            let Ok(input) = input else { continue };
            let Some(input) = input else { break };
            self.take(input);
        }
        self.relay.commit();
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Connect { id, nonce, origin, ends } => {
                self.ends.insert(id, ends);
                self.relay.connect_from(id, nonce, origin, self.now());
            }
            Input::Frame { id, frame, came, .. } => {
                self.queue.observe(came.elapsed());
                self.relay.handle(id, &frame, self.now());
                if let (Some(rest), Some(ends)) = (self.relay.rest(id), self.ends.get(&id)) {
                    let rest = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
                    ends.rest.store(rest, Ordering::Relaxed);
                }
            }
            Input::Unreadable { id } => self.relay.unreadable(id),
            Input::Written { id, bytes } => self.relay.written(id, bytes),
            Input::Stuck { id } => self.relay.stuck(id),
            Input::Disconnect { id } => {
                self.ends.remove(&id);
                self.relay.disconnect(id);
            }
            Input::Check { answer } => {
                // Who asked may have stopped waiting.
                let _ = answer.send(self.check());
            }
            Input::Metrics { answer } => {
                let _ = answer.send(self.page());
            }
            Input::ShutDown { done } => {
                self.relay.shut_down();
                self.deliver();
                let _ = done.send(());
            }
        }
        self.deliver();
    }

    /// Hands out what the state machine has to say. A line whose other end is gone will be reported as disconnected.
    fn deliver(&mut self) {
        while let Some(help) = self.relay.poll_help() {
            self.holepunch.follow(help);
        }
        while let Some(output) = self.relay.poll() {
            match output {
                Output::Send { to, frame } => {
                    if let Some(ends) = self.ends.get(&to) {
                        let _ = ends.frames.send(frame);
                    }
                }
                Output::Close { to } => _ = self.ends.remove(&to),
                Output::Drop { to, frame } => {
                    if let Some(ends) = self.ends.remove(&to) {
                        let _ = ends.last.send(frame);
                    }
                }
            }
        }
    }

    fn check(&mut self) -> bool {
        let failed_commits = self.relay.failed_commits();
        let fresh = |found: &Checked| found.when.elapsed() < FRESH && found.failed_commits == failed_commits;
        if let Some(found) = self.checked.filter(fresh) {
            return found.is_well;
        }
        let found = self.relay.check();
        if let Err(problem) = &found {
            error!(reason = crate::error::chain(problem), "the store does not work");
        }
        self.checked = Some(Checked { when: Instant::now(), failed_commits, is_well: found.is_ok() });
        found.is_ok()
    }

    fn page(&mut self) -> Option<String> {
        if self.page.as_ref().is_none_or(|(when, _)| when.elapsed() >= FRESH) {
            let status = self.relay.status().inspect_err(|problem| {
                error!(reason = crate::error::chain(problem), "cannot count");
                self.relay.note_read(problem);
                self.checked = None;
            });
            self.page = status.ok().map(|status| (Instant::now(), metrics::page(&status, &self.queue)));
        }
        self.page.as_ref().map(|(_, page)| page.clone())
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { unix: unix.as_secs(), elapsed: self.start.elapsed() }
    }
}

/// Bytes as a semaphore counts them.
fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.min(Semaphore::MAX_PERMITS as u64)).unwrap_or(u32::MAX)
}

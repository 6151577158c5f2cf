//! Gives the state machine a thread, a clock, randomness and lines to its connections.
//!
//! The thread may wait for the disk: meanwhile what arrives queues up, and the next commit takes it together. What queues
//! is bounded in bytes: a connection's reader waits for room before it hands over a frame. What goes out is bounded by the
//! state machine, which is told when a frame has left.

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
    time::{Instant, timeout_at},
};

use crate::{
    error::Error,
    replica::{ConnectionId, Now, Output, Relay},
    store::{Store, StoreError},
};

/// Most bytes of frames that wait for the state machine.
const INBOUND: usize = 32 * 1024 * 1024;

/// A handle to the thread that runs a relay. It ends when all handles are gone.
#[derive(Clone)]
pub struct Driver {
    inputs: mpsc::UnboundedSender<Input>,
    room: Arc<Semaphore>,
    next: Arc<AtomicU64>,
}

/// A connection's end in the driver.
pub struct Line {
    driver: Driver,
    id: ConnectionId,
    /// Frames to send, in order; the line is to be closed when they end.
    pub frames: mpsc::UnboundedReceiver<Vec<u8>>,
    /// A last frame that replaces all that were not sent.
    pub last: Fuse<oneshot::Receiver<Vec<u8>>>,
}

enum Input {
    Connect { id: ConnectionId, nonce: [u8; 32], ends: Ends },
    Frame { id: ConnectionId, frame: Bytes, _room: OwnedSemaphorePermit },
    Unreadable { id: ConnectionId },
    Written { id: ConnectionId, bytes: usize },
    Disconnect { id: ConnectionId },
    Check { answer: oneshot::Sender<Result<(), StoreError>> },
    ShutDown { done: oneshot::Sender<()> },
}

struct Ends {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    last: oneshot::Sender<Vec<u8>>,
}

impl Driver {
    /// Starts the thread. The receiver says when it has ended.
    pub fn start<S: Store + Send + 'static>(relay: Relay<S>) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (inputs, receiver) = mpsc::unbounded_channel();
        let (ended, has_ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        thread::Builder::new().name("relay".to_owned()).spawn(move || {
            let _ended = ended;
            runtime.block_on(Pump::new(relay).run(receiver));
        })?;
        let room = Arc::new(Semaphore::new(INBOUND));
        Ok((Self { inputs, room, next: Arc::default() }, has_ended))
    }

    /// Takes in a connection.
    pub fn connect(&self) -> Result<Line, Error> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (frames, out) = mpsc::unbounded_channel();
        let (last, last_out) = oneshot::channel();
        self.put(Input::Connect { id, nonce, ends: Ends { frames, last } });
        Ok(Line { driver: self.clone(), id, frames: out, last: last_out.fuse() })
    }

    /// Looks whether the store can be read.
    pub async fn check(&self) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.put(Input::Check { answer });
        Ok(answered.await.map_err(|_| Error::Stopped)??)
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
        Reader { driver: self.driver.clone(), id: self.id }
    }

    /// A frame of so many bytes has left the process.
    pub fn written(&self, bytes: usize) {
        self.driver.put(Input::Written { id: self.id, bytes });
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
}

impl Reader {
    /// Hands over a frame; waits while too much is waiting already.
    pub async fn frame(&self, frame: Bytes) {
        let size = u32::try_from(frame.len().min(INBOUND)).unwrap_or(u32::MAX);
        if let Ok(room) = Arc::clone(&self.driver.room).acquire_many_owned(size).await {
            self.driver.put(Input::Frame { id: self.id, frame, _room: room });
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

/// What the thread owns.
struct Pump<S> {
    relay: Relay<S>,
    ends: BTreeMap<ConnectionId, Ends>,
    start: Instant,
}

impl<S: Store> Pump<S> {
    fn new(relay: Relay<S>) -> Self {
        Self { relay, ends: BTreeMap::new(), start: Instant::now() }
    }

    async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) {
        loop {
            let input = match self.relay.commit_due() {
                Some(due) if due <= self.start.elapsed() => {
                    self.relay.commit();
                    self.deliver();
                    continue;
                }
                Some(due) => match timeout_at(self.start + due, inputs.recv()).await {
                    Ok(input) => input,
                    Err(_) => continue,
                },
                None => inputs.recv().await,
            };
            let Some(input) = input else { break };
            self.take(input);
        }
        self.relay.commit();
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Connect { id, nonce, ends } => {
                self.ends.insert(id, ends);
                self.relay.connect(id, nonce);
            }
            Input::Frame { id, frame, .. } => self.relay.handle(id, &frame, self.now()),
            Input::Unreadable { id } => self.relay.unreadable(id),
            Input::Written { id, bytes } => self.relay.written(id, bytes),
            Input::Disconnect { id } => {
                self.ends.remove(&id);
                self.relay.disconnect(id);
            }
            Input::Check { answer } => {
                // Who asked may have stopped waiting.
                let _ = answer.send(self.relay.check());
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

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { unix: unix.as_secs(), elapsed: self.start.elapsed() }
    }
}

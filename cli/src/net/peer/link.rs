//! Frames on a stream of QUIC: each follows its length in 4 bytes.
//!
//! Two tasks read and write, so that nothing is lost when whoever waits turns to something else. What they hold is a few
//! frames; a peer that is slow is waited for, one that is silent is given up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alliance_replica::limits;
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use tokio::{
    sync::mpsc::{self, Receiver, Sender, error::TryRecvError},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Bytes;

use crate::net::talk::{Carrier, NetError, PART, Patience, Step};

/// Frames that wait on either side.
const FRAMES: usize = 4;
/// How long the end of what was said may take to arrive.
const LAST: Duration = Duration::from_secs(3);

/// A connection to another laptop.
pub struct PeerLink {
    connection: Connection,
    incoming: Receiver<Result<Bytes, NetError>>,
    outgoing: Sender<Bytes>,
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
    /// Frames that were given to the writer and have not left.
    unsent: Arc<AtomicUsize>,
    write_first: bool,
    patience: Patience,
    moved: Instant,
}

impl PeerLink {
    pub(super) fn new(connection: Connection, send: SendStream, receive: RecvStream) -> Self {
        let (arrived, incoming) = mpsc::channel(FRAMES);
        let (outgoing, to_send) = mpsc::channel(FRAMES);
        let unsent = Arc::new(AtomicUsize::new(0));
        let writer = tokio::spawn(write(send, to_send, Arc::clone(&unsent)));
        let reader = tokio::spawn(read(receive, arrived));
        let (patience, moved) = (Patience::default(), Instant::now());
        Self { connection, incoming, outgoing, writer, reader, unsent, write_first: false, patience, moved }
    }

    fn take(&mut self, arrived: Option<Result<Bytes, NetError>>) -> Result<Step, NetError> {
        self.moved = Instant::now();
        arrived.unwrap_or(Err(NetError::Closed)).map(Step::Frame)
    }
}

impl Carrier for PeerLink {
    fn is_flushed(&self) -> bool {
        self.unsent.load(Ordering::Relaxed) == 0
    }

    async fn step(&mut self, wants_to_write: bool) -> Result<Step, NetError> {
        self.write_first = !self.write_first;
        let (outgoing, incoming) = (&self.outgoing, &mut self.incoming);
        let room = async {
            match outgoing.reserve().await {
                Ok(_) => {}
                // The reader says why.
                Err(_) => std::future::pending().await,
            }
        };
        let arrived = if self.write_first && wants_to_write {
            tokio::select! {
                biased;
                () = room => return Ok(Step::Writable),
                arrived = incoming.recv() => arrived,
            }
        } else {
            tokio::select! {
                biased;
                arrived = incoming.recv() => arrived,
                () = room, if wants_to_write => return Ok(Step::Writable),
            }
        };
        self.take(arrived)
    }

    fn at_hand(&mut self) -> Result<Option<Step>, NetError> {
        match self.incoming.try_recv() {
            Ok(arrived) => self.take(Some(arrived)).map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            // What came before is taken in first.
            Err(TryRecvError::Disconnected) => Ok(None),
        }
    }

    fn send(&mut self, frame: Bytes) -> Result<(), NetError> {
        self.moved = Instant::now();
        self.unsent.fetch_add(1, Ordering::Relaxed);
        self.outgoing.try_send(frame).map_err(|_| NetError::Closed)
    }

    async fn deliver(&mut self, frame: Bytes) -> Result<(), NetError> {
        self.unsent.fetch_add(1, Ordering::Relaxed);
        self.outgoing.send(frame).await.map_err(|_| NetError::Closed)
    }

    fn watch(&mut self, lasts: bool, _: bool) -> Result<(), NetError> {
        // Signs of life are the connection's own business; this is about words.
        if !lasts && self.moved.elapsed() > self.patience.gone { Err(NetError::Silent) } else { Ok(()) }
    }

    async fn part(self) {
        let Self { connection, outgoing, writer, reader, .. } = self;
        drop(outgoing);
        // The writer ends when all has arrived. Who does not take it notices an end without a word as well.
        let _ = timeout(LAST.max(PART), writer).await;
        connection.close(VarInt::from_u32(0), b"");
        reader.abort();
    }
}

async fn write(mut send: SendStream, mut to_send: Receiver<Bytes>, unsent: Arc<AtomicUsize>) {
    while let Some(frame) = to_send.recv().await {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes();
        if send.write_all(&length).await.is_err() || send.write_all(&frame).await.is_err() {
            return;
        }
        unsent.fetch_sub(1, Ordering::Relaxed);
    }
    if send.finish().is_ok() {
        let _ = send.stopped().await;
    }
}

async fn read(mut receive: RecvStream, arrived: Sender<Result<Bytes, NetError>>) {
    loop {
        let frame = next(&mut receive).await;
        let is_last = frame.is_err();
        if arrived.send(frame).await.is_err() || is_last {
            return;
        }
    }
}

/// The next frame; its length is checked before anything is allocated.
async fn next(receive: &mut RecvStream) -> Result<Bytes, NetError> {
    let mut length = [0; 4];
    receive.read_exact(&mut length).await.map_err(|_| NetError::Closed)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limits::FRAME {
        return Err(NetError::TooLong);
    }
    let mut frame = vec![0; length];
    receive.read_exact(&mut frame).await.map_err(|_| NetError::Closed)?;
    Ok(frame.into())
}

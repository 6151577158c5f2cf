//! The door: how many sockets there may be before anything is read from them, and how long a request may take.
//!
//! What the state machine bounds are connections that speak the protocol. Sockets that never get so far are bounded here,
//! a little above: who is one too many should meet the state machine, which says so. TLS comes after the door, so that a
//! handshake that does not go on is bounded as well.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep, sleep},
};
use tracing::{debug, error};

use crate::policy::{Address, Network, Policy};

/// Sockets beyond the connections that a policy allows, in all and of one address.
const BEYOND: usize = 64;
const BEYOND_PER_ADDRESS: usize = 16;
/// How long nobody is taken in after that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// For how long it is not said again.
const SAID: Duration = Duration::from_secs(60);

/// Sockets, of which it lets in so many. Small frames are not delayed.
pub struct Door {
    sockets: TcpListener,
    guests: Arc<Guests>,
    patience: Duration,
    /// When it was last said that nobody can come in.
    failed: Option<Instant>,
}

/// A socket's far end, as handlers see it.
#[derive(Clone)]
pub struct Peer {
    pub(super) address: SocketAddr,
    settled: Arc<AtomicBool>,
}

/// A socket that was let in.
pub struct Guest {
    io: TcpStream,
    address: Address,
    settled: Arc<AtomicBool>,
    deadline: Pin<Box<Sleep>>,
    patience: Duration,
    guests: Arc<Guests>,
}

struct Guests {
    here: Mutex<Here>,
    most: usize,
    most_per_address: usize,
    proxies: Vec<Network>,
}

#[derive(Default)]
struct Here {
    count: usize,
    addresses: BTreeMap<Address, usize>,
}

impl Door {
    pub(super) fn new(sockets: TcpListener, policy: &Policy) -> Self {
        let guests = Arc::new(Guests {
            here: Mutex::default(),
            most: policy.connections.total as usize + BEYOND,
            most_per_address: policy.connections.per_address as usize + BEYOND_PER_ADDRESS,
            proxies: policy.trusted_proxies.clone(),
        });
        Self { sockets, guests, patience: policy.time.handshake(), failed: None }
    }

    /// Waits before the next try where it would fail as well, and says so now and then.
    async fn on_failed(&mut self, problem: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(problem.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        if self.failed.is_none_or(|failed| failed.elapsed() > SAID) {
            self.failed = Some(Instant::now());
            error!(reason = %problem, "no connection can be taken");
        }
        sleep(AGAIN).await;
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = Peer;

    async fn accept(&mut self) -> (Guest, Peer) {
        loop {
            let (io, address) = match self.sockets.accept().await {
                Ok(come) => come,
                Err(problem) => {
                    self.on_failed(&problem).await;
                    continue;
                }
            };
            let Some(guest) = self.guests.admit(address) else { continue };
            if let Err(problem) = io.set_nodelay(true) {
                debug!(reason = %problem, "small frames may be delayed");
            }
            let settled = Arc::<AtomicBool>::default();
            let (guests, patience) = (Arc::clone(&self.guests), self.patience);
            let deadline = Box::pin(sleep(patience));
            let peer = Peer { address, settled: Arc::clone(&settled) };
            return (Guest { io, address: guest, settled, deadline, patience, guests }, peer);
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { address: self.sockets.local_addr()?, settled: Arc::default() })
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Says nothing: the server under this one logs whom it lets in.
impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer(…)")
    }
}

impl Peer {
    /// Notes that the socket speaks the protocol now, which has time-outs of its own.
    pub(super) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }
}

impl Guests {
    /// Counts a socket in, unless there are too many. Of a proxy's sockets each may be somebody else's.
    fn admit(&self, address: SocketAddr) -> Option<Address> {
        let is_proxy = self.proxies.iter().any(|network| network.contains(address.ip()));
        let most = if is_proxy { usize::MAX } else { self.most_per_address };
        let address = Address::of(address.ip());
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let own = here.addresses.get(&address).copied().unwrap_or(0);
        if here.count >= self.most || own >= most {
            return None;
        }
        here.count += 1;
        here.addresses.insert(address, own + 1);
        Some(address)
    }

    fn leave(&self, address: &Address) {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.count -= 1;
        match here.addresses.get_mut(address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => _ = here.addresses.remove(address),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.leave(&self.address);
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if !self.settled.load(Ordering::Relaxed) && self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Whoever was answered may ask again.
        self.be_patient();
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.be_patient();
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl Guest {
    fn be_patient(&mut self) {
        if !self.settled.load(Ordering::Relaxed) {
            let until = Instant::now() + self.patience;
            self.deadline.as_mut().reset(until);
        }
    }
}

//! Helps laptops to connect with each other: an iroh relay for the endpoints that the state machine names.
//!
//! What passes through is QUIC between two laptops. Nothing of it can be read here and nothing is kept; a packet for
//! somebody who is not here is dropped. An endpoint is let in by its key, which it proves, and is cut off as soon as the
//! state machine takes its word back.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use alliance_replica::id::ReplicaKey;
use axum::{
    Error as SocketError,
    body::Bytes,
    extract::ws::{Message, WebSocket},
    http::{HeaderValue, request::Parts},
};
use futures_util::{Sink, Stream};
use iroh_base::EndpointId;
use iroh_relay::{
    ExportKeyingMaterial, KeyCache,
    http::ProtocolVersion,
    protos::{handshake, streams::StreamError},
    server::{
        Access, AccessControl, ClientRequest, ConnectionId, DynAccessControl, Metrics, client::Config,
        clients::Clients, streams::RelayedStream,
    },
};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tracing::debug;

use crate::{
    policy::{Bucket, Policy},
    replica::Help,
};

/// Keys of endpoints that are kept parsed.
const KEYS: usize = 1024;
/// Connections of one endpoint at a time: one, and those that it has given up without a word.
const PER_ENDPOINT: usize = 4;
/// Bytes that a message costs beside its own.
const MESSAGE: u64 = 64;

/// A handle to all connections that are passed on.
#[derive(Clone)]
pub(crate) struct Holepunch(Arc<Inner>);

struct Inner {
    bytes: Bucket,
    patience: Duration,
    keys: KeyCache,
    metrics: Arc<Metrics>,
    clients: Clients,
    guests: Arc<Guests>,
}

/// The endpoints that are let in, each with the number of its connections.
#[derive(Default, Debug)]
struct Guests(Mutex<BTreeMap<[u8; 32], usize>>);

impl Holepunch {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self(Arc::new(Inner {
            bytes: policy.direct.bytes,
            patience: policy.time.handshake(),
            keys: KeyCache::new(KEYS),
            metrics: Arc::default(),
            clients: Clients::default(),
            guests: Arc::default(),
        }))
    }

    /// Does what the state machine says. An endpoint that is let in no more is cut off at once.
    pub(crate) fn follow(&self, help: Help) {
        match help {
            Help::Begin(key) => self.0.guests.admit(key),
            Help::End(key) => {
                self.0.guests.expel(key);
                if let Ok(endpoint) = EndpointId::from_bytes(key.as_bytes()) {
                    self.0.clients.disconnect(endpoint, None);
                }
            }
        }
    }

    /// Takes a WebSocket as a connection that is passed on, if its endpoint proves its key and is let in.
    pub(crate) async fn take(&self, socket: WebSocket, request: Parts, shown: Option<HeaderValue>) {
        let mut wire = Wire::new(socket, self.0.bytes);
        let authenticate = async {
            let proven = handshake::serverside(&mut wire, shown).await?;
            let request = ClientRequest::new(proven.client_key, ProtocolVersion::V2, request);
            let access: Arc<dyn DynAccessControl> = Arc::<Guests>::clone(&self.0.guests);
            proven.authorize_with(&request, &access, &mut wire).await
        };
        let guard = match timeout(self.0.patience, authenticate).await {
            Ok(Ok(guard)) => guard,
            Ok(Err(_)) => return debug!("an endpoint is not helped"),
            Err(_) => return debug!("an endpoint took too long"),
        };
        let (endpoint, connection) = (guard.endpoint_id(), guard.connection_id());
        let config = Config::new(guard, RelayedStream::new(wire, self.0.keys.clone()), ProtocolVersion::V2);
        self.0.clients.register(config, Arc::clone(&self.0.metrics));
        // The word may have been taken back meanwhile.
        if !self.0.guests.knows(&endpoint) {
            self.0.clients.disconnect(endpoint, Some(connection));
        }
    }

    /// Ends all connections.
    pub(crate) async fn shut_down(&self) {
        self.0.clients.shutdown().await;
    }
}

impl Guests {
    fn admit(&self, key: ReplicaKey) {
        self.with(|all| _ = all.entry(*key.as_bytes()).or_default());
    }

    fn expel(&self, key: ReplicaKey) {
        self.with(|all| _ = all.remove(key.as_bytes()));
    }

    fn knows(&self, endpoint: &EndpointId) -> bool {
        self.with(|all| all.contains_key(endpoint.as_bytes()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<[u8; 32], usize>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AccessControl for Guests {
    async fn on_connect(&self, request: &ClientRequest) -> Access {
        let admitted = self.with(|all| {
            let count = all.get_mut(request.endpoint_id().as_bytes()).filter(|count| **count < PER_ENDPOINT);
            count.map(|count| *count += 1).is_some()
        });
        if admitted { Access::Allow } else { Access::Deny { reason: None } }
    }

    fn on_disconnect(&self, endpoint: EndpointId, _: ConnectionId) {
        self.with(|all| _ = all.entry(*endpoint.as_bytes()).and_modify(|count| *count = count.saturating_sub(1)));
    }
}

/// A WebSocket as the iroh relay reads and writes it. Who brings more than the bucket holds is read from more slowly.
struct Wire {
    socket: Pin<Box<WebSocket>>,
    bucket: Bucket,
    tokens: u64,
    filled: Instant,
    rest: Pin<Box<Sleep>>,
}

impl Wire {
    fn new(socket: WebSocket, bucket: Bucket) -> Self {
        let filled = Instant::now();
        Self { socket: Box::pin(socket), bucket, tokens: bucket.burst, filled, rest: Box::pin(sleep_until(filled)) }
    }

    /// Takes what a message costs; what is missing has to be waited for before the next one.
    fn pay(&mut self, bytes: usize) {
        let now = Instant::now();
        let passed = now.duration_since(self.filled).as_micros();
        let fresh = u64::try_from(passed * u128::from(self.bucket.per_second) / 1_000_000).unwrap_or(u64::MAX);
        self.tokens = self.tokens.saturating_add(fresh).min(self.bucket.burst);
        self.filled = now;
        let cost = bytes as u64 + MESSAGE;
        let missing = cost.saturating_sub(self.tokens);
        self.tokens = self.tokens.saturating_sub(cost);
        if missing > 0 {
            let wait = Duration::from_micros(missing.saturating_mul(1_000_000) / self.bucket.per_second);
            // What is added while it rests has been used up.
            self.filled = now + wait;
            self.rest.as_mut().reset(now + wait);
        }
    }
}

impl Stream for Wire {
    type Item = Result<Bytes, StreamError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(self.rest.as_mut().poll(cx));
        loop {
            return Poll::Ready(match ready!(self.socket.as_mut().poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => {
                    self.pay(bytes.len());
                    Some(Ok(bytes))
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_))) => continue,
                Some(Ok(Message::Close(_))) | None => None,
                Some(Err(problem)) => Some(Err(wrong(problem))),
            });
        }
    }
}

impl Sink<Bytes> for Wire {
    type Error = StreamError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.socket.as_mut().poll_ready(cx).map_err(wrong)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> Result<(), StreamError> {
        self.socket.as_mut().start_send(Message::Binary(bytes)).map_err(wrong)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.socket.as_mut().poll_flush(cx).map_err(wrong)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.socket.as_mut().poll_close(cx).map_err(wrong)
    }
}

/// What TLS there is, a proxy's or the door's, is not seen from here.
impl ExportKeyingMaterial for Wire {
    fn export_keying_material<T: AsMut<[u8]>>(&self, _: T, _: &[u8], _: Option<&[u8]>) -> Option<T> {
        None
    }
}

fn wrong(problem: SocketError) -> StreamError {
    StreamError::from_std(problem)
}

//! A relay over a WebSocket: one binary message is one frame.

mod error;
#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use alliance_replica::limits;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use jiff::fmt::rfc2822;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Bytes, Message,
        client::IntoClientRequest as _,
        handshake::client::Request,
        http::{
            HeaderValue, Response, StatusCode,
            header::{AUTHORIZATION, DATE, LOCATION},
        },
        protocol::WebSocketConfig,
    },
};
use zeroize::Zeroizing;

pub use self::error::{NetError, TalkError};
use super::{
    talk::{Carrier, PART, Patience, Step},
    tls,
    url::RelayUrl,
};

/// How long reaching a relay may take.
const CONNECT: Duration = Duration::from_secs(12);
/// How long it may take to see what is spoken at an address that is no relay's.
const LOOK: Duration = Duration::from_secs(3);

/// How a relay is reached.
#[derive(Clone)]
pub struct Way {
    /// Its address.
    pub url: RelayUrl,
    /// PEM of an authority that may sign its certificate, beside the public ones.
    pub root: Option<Vec<u8>>,
    /// What admits new spaces. Never said over a network in the clear.
    pub token: Option<Zeroizing<String>>,
}

impl Way {
    /// To a relay that asks nothing.
    pub fn to(url: RelayUrl) -> Self {
        Self { url, root: None, token: None }
    }

    /// What asks the relay for a connection.
    fn request(&self) -> Result<Request, tungstenite::Error> {
        let mut request = self.url.socket().into_client_request()?;
        if let Some(token) = self.token.as_ref().filter(|_| self.url.is_private()) {
            let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
            let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| tungstenite::Error::Utf8(String::new()))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        Ok(request)
    }
}

/// What bytes go over: TCP, or TLS on it.
trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// A connection to a relay.
pub struct Link {
    socket: WebSocketStream<Box<dyn Wire>>,
    patience: Patience,
    unflushed: bool,
    write_first: bool,
    heard: Instant,
    moved: Instant,
    asked: bool,
    date: Option<i64>,
}

impl Link {
    /// Connects to a relay.
    pub async fn connect(way: &Way) -> Result<Self, NetError> {
        let Way { url, root, .. } = way;
        let unreachable = |source| NetError::Unreachable { url: url.to_string(), source };
        let not_a_relay = |source| NetError::NotARelay { url: url.to_string(), source: Box::new(source) };
        let untrusted = |source| match tls::untrusted(&source) {
            Some(why) => NetError::Untrusted { url: url.to_string(), why },
            None if tls::is_unspoken(&source) => scheme(url, "does not speak TLS"),
            None => unreachable(source),
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(limits::FRAME))
            .max_frame_size(Some(limits::FRAME))
            .max_write_buffer_size(4 * limits::FRAME);
        let connecting = async {
            let stream = TcpStream::connect((url.host(), url.port())).await.map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            let wire: Box<dyn Wire> = if url.is_tls() {
                Box::new(tls::connect(url.host(), stream, root.as_deref()).await.map_err(untrusted)?)
            } else {
                Box::new(stream)
            };
            let request = way.request().map_err(not_a_relay)?;
            match client_async_with_config(request, wire, Some(config)).await {
                Err(tungstenite::Error::Http(answer)) if leads_to_tls(&answer) => Err(scheme(url, "leads to TLS")),
                Err(tungstenite::Error::Http(answer)) if is_from_a_proxy_alone(&answer) => {
                    Err(unreachable(io::Error::other(format!("what stands before it says {}", answer.status()))))
                }
                Err(_) if !url.is_tls() && speaks_tls(url).await => Err(scheme(url, "speaks TLS only")),
                Err(tungstenite::Error::Io(source)) => Err(unreachable(source)),
                answer => answer.map_err(not_a_relay),
            }
        };
        let connected = timeout(CONNECT, connecting).await;
        let (socket, answer) = connected.unwrap_or_else(|_| Err(unreachable(io::ErrorKind::TimedOut.into())))?;
        let date = answer.headers().get(DATE).and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
        let date = date.map(|date| date.timestamp().as_second());
        let now = Instant::now();
        let patience = Patience::default();
        Ok(Self { socket, patience, unflushed: false, write_first: false, heard: now, moved: now, asked: false, date })
    }

    /// The same connection, with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// What the relay's clock said when it answered, in unix seconds, if it said so.
    pub fn date(&self) -> Option<i64> {
        self.date
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, wants_to_write: bool) -> Poll<Result<Step, NetError>> {
        if wants_to_write {
            return self.socket.poll_ready_unpin(cx).map(|ready| ready.map(|()| Step::Writable).map_err(broke));
        }
        if self.unflushed {
            let flushed = self.socket.poll_flush_unpin(cx);
            self.unflushed = flushed.is_pending();
            return flushed.map(|flushed| flushed.map(|()| Step::Other).map_err(broke));
        }
        Poll::Pending
    }

    fn take(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Result<Step, NetError> {
        (self.heard, self.asked) = (Instant::now(), false);
        match message {
            Some(Ok(Message::Binary(frame))) => {
                self.moved = self.heard;
                Ok(Step::Frame(frame))
            }
            Some(Ok(Message::Ping(_))) => {
                self.unflushed = true;
                Ok(Step::Other)
            }
            Some(Ok(Message::Close(_))) | None => Err(NetError::Closed),
            Some(Ok(_)) => Ok(Step::Other),
            Some(Err(error)) => Err(broke(error)),
        }
    }

    /// Gives the socket a message; only after it was writable.
    fn give(&mut self, message: Message) -> Result<(), NetError> {
        self.unflushed = true;
        self.moved = Instant::now();
        self.socket.start_send_unpin(message).map_err(broke)
    }
}

impl Carrier for Link {
    fn is_flushed(&self) -> bool {
        !self.unflushed
    }

    async fn step(&mut self, wants_to_write: bool) -> Result<Step, NetError> {
        self.write_first = !self.write_first;
        let write_first = self.write_first;
        poll_fn(|cx| {
            if write_first && let Poll::Ready(step) = self.poll_write(cx, wants_to_write) {
                return Poll::Ready(step);
            }
            if let Poll::Ready(message) = self.socket.poll_next_unpin(cx) {
                return Poll::Ready(self.take(message));
            }
            if write_first { Poll::Pending } else { self.poll_write(cx, wants_to_write) }
        })
        .await
    }

    fn at_hand(&mut self) -> Result<Option<Step>, NetError> {
        self.socket.next().now_or_never().map(|message| self.take(message)).transpose()
    }

    fn send(&mut self, frame: Bytes) -> Result<(), NetError> {
        self.give(Message::Binary(frame))
    }

    async fn deliver(&mut self, frame: Bytes) -> Result<(), NetError> {
        self.socket.send(Message::Binary(frame)).await.map_err(broke)
    }

    fn watch(&mut self, lasts: bool, waits_to_write: bool) -> Result<(), NetError> {
        let silence = self.heard.elapsed();
        let Patience { ask, gone } = self.patience;
        if silence > gone || !lasts && self.moved.elapsed() > gone {
            return Err(NetError::Silent);
        }
        if silence > ask && lasts && !self.asked && !waits_to_write {
            self.asked = true;
            self.give(Message::Ping(Bytes::new()))?;
        }
        Ok(())
    }

    async fn part(mut self) {
        // The relay notices a connection that ends without a word as well.
        let _ = timeout(PART, self.socket.close(None)).await;
    }
}

fn scheme(url: &RelayUrl, why: &'static str) -> NetError {
    NetError::Scheme { url: url.to_string(), why, other: url.other_scheme() }
}

/// Looks whether TLS is spoken where something else was tried.
async fn speaks_tls(url: &RelayUrl) -> bool {
    timeout(LOOK, tls::is_spoken(url.host(), url.port())).await.unwrap_or(false)
}

/// True if an answer sends whoever came in the clear to an address with TLS.
fn leads_to_tls<T>(answer: &Response<T>) -> bool {
    let place = answer.headers().get(LOCATION).map(|place| place.as_bytes());
    answer.status().is_redirection() && place.is_some_and(|place| place.starts_with(b"https://"))
}

/// True if a proxy answers that found nobody behind it: a relay that is started again comes back.
fn is_from_a_proxy_alone<T>(answer: &Response<T>) -> bool {
    matches!(answer.status(), StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

fn broke(error: tungstenite::Error) -> NetError {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => NetError::Closed,
        error => NetError::Broke(Box::new(error)),
    }
}

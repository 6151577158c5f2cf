//! A relay over a WebSocket: one binary message is one frame.
//!
//! [`converse`] pumps frames between a socket and a [`Talk`], which says what they mean. It reads and writes in turns, so
//! that two sides that both have much to send never wait for each other, and takes all frames at hand before it lets the
//! other side take them in at once.

use std::{
    fmt,
    future::poll_fn,
    io,
    str::FromStr,
    task::{Context, Poll},
    time::Duration,
};

use alliance_core::app::SessionError;
use alliance_replica::limits;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::{
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, Bytes, Message, http::Uri, protocol::WebSocketConfig},
};

use super::stop::Stop;

/// How long reaching a relay may take.
const CONNECT: Duration = Duration::from_secs(12);
/// How long a parting word may take.
const PART: Duration = Duration::from_secs(1);
/// After how much silence the relay is asked whether it is there.
const ASK: Duration = Duration::from_secs(20);
/// After how much silence it is taken to be gone.
const GONE: Duration = Duration::from_secs(45);

/// The address of a relay: `http://`, a host, a port if it is not 80, and a path if it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayUrl {
    text: String,
    host: String,
    port: u16,
}

impl RelayUrl {
    /// As it is shown and kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn socket(&self) -> String {
        format!("ws{}/sync", self.text.strip_prefix("http").unwrap_or(&self.text))
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for RelayUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| "a relay's address looks like http://127.0.0.1:8787")?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("https:// cannot be used yet: use http://"),
            _ => return Err("a relay's address begins with http://"),
        }
        let authority = uri.authority().ok_or("a relay's address needs a host")?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
            return Err("a relay's address is only host, port and path");
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str().len() > authority.host().len() => return Err("a relay's port is a number"),
            None => 80,
        };
        Ok(Self { text: text.to_owned(), host: host.to_owned(), port })
    }
}

/// Why a relay could not be talked with; everything of the person's is safe on this computer.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Nobody answers there.
    #[error("no relay answers at {url}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Somebody answers, but not as a relay does.
    #[error("what answers at {url} is not a relay")]
    NotARelay {
        /// The address.
        url: String,
        /// What was wrong.
        #[source]
        source: Box<tungstenite::Error>,
    },
    /// The connection broke.
    #[error("the connection to the relay broke")]
    Broke(#[source] Box<tungstenite::Error>),
    /// The relay closed it.
    #[error("the relay closed the connection")]
    Closed,
    /// The relay says nothing any more.
    #[error("the relay does not answer any more")]
    Silent,
}

/// A conversation ended early.
#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    /// The network failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// What was said makes no sense, or could not be taken in.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// How a conversation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// All was said.
    Over,
    /// The person wished to end.
    Stopped,
}

/// What is said to a relay.
pub trait Talk {
    /// How often [`Talk::tick`] is called.
    fn pace(&self) -> Duration;

    /// True if the conversation goes on when there is nothing to say.
    fn lasts(&self) -> bool;

    /// The next frame to send.
    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError>;

    /// Takes a frame; returns true if no more should be read before [`Talk::flush`].
    fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError>;

    /// Takes in what was handled.
    fn flush(&mut self) -> Result<(), SessionError>;

    /// True if all was said. Asked when there is nothing to send.
    fn is_over(&mut self) -> Result<bool, SessionError>;

    /// Looks whether there is something new to say.
    fn tick(&mut self) -> Result<(), SessionError>;
}

/// A connection to a relay.
pub struct Link {
    socket: WebSocketStream<TcpStream>,
    unflushed: bool,
    write_first: bool,
    heard: Instant,
    moved: Instant,
    asked: bool,
}

enum Step {
    Frame(Bytes),
    Other,
    Writable,
}

impl Link {
    /// Connects to a relay.
    pub async fn connect(url: &RelayUrl) -> Result<Self, NetError> {
        let unreachable = |source| NetError::Unreachable { url: url.text.clone(), source };
        let not_a_relay = |source| NetError::NotARelay { url: url.text.clone(), source: Box::new(source) };
        let config = WebSocketConfig::default()
            .max_message_size(Some(limits::FRAME))
            .max_frame_size(Some(limits::FRAME))
            .max_write_buffer_size(4 * limits::FRAME);
        let connecting = async {
            let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            client_async_with_config(url.socket(), stream, Some(config)).await.map_err(|error| match error {
                tungstenite::Error::Io(source) => unreachable(source),
                error => not_a_relay(error),
            })
        };
        let connected = timeout(CONNECT, connecting).await;
        let (socket, _) = connected.unwrap_or_else(|_| Err(unreachable(io::ErrorKind::TimedOut.into())))?;
        let now = Instant::now();
        Ok(Self { socket, unflushed: false, write_first: false, heard: now, moved: now, asked: false })
    }

    /// Reads a message, or makes room to write one, whichever comes first; the two in turns if both can be done.
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

    /// A message that has arrived already.
    fn at_hand(&mut self) -> Result<Option<Step>, NetError> {
        self.socket.next().now_or_never().map(|message| self.take(message)).transpose()
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
    fn send(&mut self, message: Message) -> Result<(), NetError> {
        self.unflushed = true;
        self.moved = Instant::now();
        self.socket.start_send_unpin(message).map_err(broke)
    }

    /// Asks a silent relay whether it is there. Fails if it has not answered for long, or if no frame has moved for long
    /// although there is something left to say.
    fn watch(&mut self, lasts: bool, waits_to_write: bool) -> Result<(), NetError> {
        let silence = self.heard.elapsed();
        if silence > GONE || !lasts && self.moved.elapsed() > GONE {
            return Err(NetError::Silent);
        }
        if silence > ASK && lasts && !self.asked && !waits_to_write {
            self.asked = true;
            self.send(Message::Ping(Bytes::new()))?;
        }
        Ok(())
    }

    async fn part(mut self) {
        // The relay notices a connection that ends without a word as well.
        let _ = timeout(PART, self.socket.close(None)).await;
    }
}

/// Talks until all was said or the person wishes to end.
pub async fn converse(mut link: Link, talk: &mut impl Talk, stop: &mut Stop) -> Result<End, TalkError> {
    let mut pace = interval(talk.pace());
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outgoing: Option<Message> = None;
    loop {
        if outgoing.is_none() {
            outgoing = talk.transmit()?.map(|frame| Message::Binary(frame.into()));
        }
        if outgoing.is_none() && !link.unflushed && !talk.lasts() && talk.is_over()? {
            link.part().await;
            return Ok(End::Over);
        }
        let step = tokio::select! {
            biased;
            () = stop.wished() => {
                link.part().await;
                return Ok(End::Stopped);
            }
            _ = pace.tick() => None,
            step = link.step(outgoing.is_some()) => Some(step?),
        };
        match step {
            None => {
                link.watch(talk.lasts(), outgoing.is_some())?;
                talk.tick()?;
            }
            Some(Step::Frame(frame)) => take_all(&mut link, talk, &frame)?,
            Some(Step::Writable) => outgoing.take().map_or(Ok(()), |message| link.send(message))?,
            Some(Step::Other) => {}
        }
    }
}

/// Takes a frame and all that are at hand, then lets them be taken in together.
fn take_all(link: &mut Link, talk: &mut impl Talk, first: &[u8]) -> Result<(), TalkError> {
    let mut full = talk.handle(first)?;
    while !full {
        match link.at_hand()? {
            Some(Step::Frame(frame)) => full = talk.handle(&frame)?,
            Some(_) => {}
            None => break,
        }
    }
    Ok(talk.flush()?)
}

fn broke(error: tungstenite::Error) -> NetError {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => NetError::Closed,
        error => NetError::Broke(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_named_by_host_port_and_path() {
        let url = |text: &str| text.parse::<RelayUrl>().expect("a relay's address");
        let local = url(" http://127.0.0.1:8787/ ");
        assert_eq!((local.as_str(), local.host.as_str(), local.port), ("http://127.0.0.1:8787", "127.0.0.1", 8787));
        assert_eq!(local.socket(), "ws://127.0.0.1:8787/sync");
        let behind = url("http://relay.example/alliance/");
        assert_eq!((behind.socket().as_str(), behind.port), ("ws://relay.example/alliance/sync", 80));
        let six = url("http://[::1]:8787");
        assert_eq!((six.host.as_str(), six.socket().as_str()), ("::1", "ws://[::1]:8787/sync"));
    }

    #[test]
    fn an_address_that_is_not_plainly_a_relay_is_refused() {
        let bad = [
            "",
            "127.0.0.1:8787",
            "http://",
            "http:///x",
            "ftp://a",
            "ws://a",
            "http://a b",
            "http://ben@a",
            "http://a?x",
            "http://a#x",
            "http://a:99999",
            "http://a:",
        ];
        for bad in bad {
            assert!(bad.parse::<RelayUrl>().is_err(), "{bad}");
        }
        assert!("https://a".parse::<RelayUrl>().expect_err("refused").starts_with("https:// cannot be used yet"));
    }
}

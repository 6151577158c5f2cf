//! One WebSocket: binary messages in, binary messages out, and time-outs for who says or takes nothing.

use std::{error::Error as _, sync::Once, time::Duration};

use alliance_replica::limits;
use axum::{
    body::Bytes,
    extract::{
        ConnectInfo, State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::Response,
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{Error as SocketError, error::ProtocolError};
use tracing::{debug, warn};

use super::{
    door::Peer,
    error::HttpError,
    origin::{is_unnamed_proxy, origin},
};
use crate::{
    driver::{Driver, Line, Reader},
    error::chain,
    policy::Time,
    replica::Origin,
};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// Bytes of a connection's buffers: small, since most connections are idle.
const BUFFER: usize = 4 * 1024;

/// A proxy that nobody named is told once.
static UNNAMED: Once = Once::new();

/// Turns a request into a connection.
pub(super) async fn upgrade(
    State(driver): State<Driver>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, HttpError> {
    let upgrade = upgrade.map_err(HttpError::Upgrade)?;
    let upgrade = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(limits::FRAME)
        .max_frame_size(limits::FRAME);
    let (address, policy) = (peer.address.ip(), driver.policy());
    if is_unnamed_proxy(address, &headers, policy) {
        let header = policy.forwarded_header.name();
        UNNAMED.call_once(|| {
            warn!(
                header,
                "a proxy seems to ask that trusted_proxies does not name: then all who come by it share the limits of one address"
            );
        });
    }
    let origin = origin(address, &headers, policy);
    Ok(upgrade.on_upgrade(move |socket| {
        peer.settle();
        run(driver, origin, socket)
    }))
}

async fn run(driver: Driver, origin: Origin, socket: WebSocket) {
    let time = driver.policy().time.clone();
    let line = match driver.connect(origin) {
        Ok(line) => line,
        Err(problem) => return warn!(reason = chain(&problem), "connection cannot be taken"),
    };
    let id = line.id();
    debug!(connection = id.0, "connected");
    let (sink, mut stream) = socket.split();
    let reader = line.reader();
    // Whichever ends first ends both; a reader that cannot go on lets the writer say why.
    tokio::select! {
        () = write(line, sink, &time) => {
            // What is closed with something unread is reset, and the last words may be lost with it.
            _ = timeout(GOODBYE, async { while let Some(Ok(_)) = stream.next().await {} }).await;
        }
        () = read(reader, &mut stream, time.idle()) => {}
    }
    debug!(connection = id.0, "disconnected");
}

/// Hands frames over until the peer is gone. If it says goodbye, or something that is no frame, the writer has the last word.
async fn read(reader: Reader, stream: &mut SplitStream<WebSocket>, patience: Duration) {
    loop {
        reader.rest().await;
        match timeout(patience, stream.next()).await {
            Ok(Some(Ok(Message::Binary(frame)))) => reader.frame(frame).await,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Ok(Some(Ok(Message::Close(_)))) => {
                reader.leave();
                return std::future::pending().await;
            }
            Ok(None) | Err(_) => return,
            Ok(Some(Err(problem))) if has_broken_off(&problem) => return,
            Ok(Some(Ok(Message::Text(_)) | Err(_))) => {
                reader.unreadable();
                return std::future::pending().await;
            }
        }
    }
}

/// True if a connection ended without a goodbye, as when a laptop loses its network, and brought nothing that is wrong.
fn has_broken_off(problem: &axum::Error) -> bool {
    let problem = problem.source().and_then(|problem| problem.downcast_ref());
    matches!(
        problem,
        Some(
            SocketError::Io(_)
                | SocketError::ConnectionClosed
                | SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        )
    )
}

/// Sends what there is to send until the relay or the peer ends it.
async fn write(mut line: Line, mut sink: SplitSink<WebSocket, Message>, time: &Time) {
    let mut ping = interval(time.ping());
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    loop {
        let message = tokio::select! {
            biased;
            Ok(last) = &mut line.last => {
                let last = timeout(GOODBYE, sink.send(Message::Binary(last.into())));
                _ = last.await;
                break;
            }
            frame = line.frames.recv() => match frame {
                Some(frame) => Message::Binary(frame.into()),
                None => break,
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        let size = match &message {
            Message::Binary(frame) => frame.len(),
            _ => 0,
        };
        tokio::select! {
            biased;
            sent = timeout(time.stuck(), sink.send(message)) => match sent {
                Ok(Ok(())) => line.written(size),
                Ok(Err(_)) => return,
                Err(_) => return line.stuck(),
            },
            Ok(last) = &mut line.last => {
                _ = timeout(GOODBYE, sink.send(Message::Binary(last.into()))).await;
                break;
            }
        }
    }
    _ = timeout(GOODBYE, sink.close()).await;
}

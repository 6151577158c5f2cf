//! One WebSocket: binary messages in, binary messages out, and time-outs for who says or takes nothing.

use std::time::Duration;

use alliance_replica::limits;
use axum::{
    body::Bytes,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{debug, warn};

use super::error::HttpError;
use crate::{
    driver::{Driver, Line, Reader},
    error::chain,
};

/// A handshake that takes longer than this is given up.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Frames of a handshake.
const HANDSHAKE_FRAMES: usize = 2;
/// How often a peer is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// A peer that says nothing for so long, not even that it is there, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// A peer that takes in nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(30);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// Bytes of a connection's buffers: small, since most connections are idle.
const BUFFER: usize = 4 * 1024;

/// Turns a request into a connection.
pub(super) async fn upgrade(
    State(driver): State<Driver>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, HttpError> {
    let upgrade = upgrade.map_err(HttpError::Upgrade)?;
    let upgrade = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(limits::FRAME)
        .max_frame_size(limits::FRAME);
    Ok(upgrade.on_upgrade(move |socket| run(driver, socket)))
}

async fn run(driver: Driver, socket: WebSocket) {
    let line = match driver.connect() {
        Ok(line) => line,
        Err(problem) => return warn!(reason = chain(&problem), "connection cannot be taken"),
    };
    let id = line.id();
    debug!(connection = id.0, "connected");
    let (sink, stream) = socket.split();
    let reader = line.reader();
    // Whichever ends first ends both; a reader that cannot go on lets the writer say why.
    tokio::select! {
        () = write(line, sink) => {}
        () = read(reader, stream) => {}
    }
    debug!(connection = id.0, "disconnected");
}

/// Hands frames over until the peer is gone. If it says goodbye, or something that is no frame, the writer has the last word.
async fn read(reader: Reader, mut stream: SplitStream<WebSocket>) {
    let mut frames = 0;
    loop {
        let patience = if frames < HANDSHAKE_FRAMES { HANDSHAKE } else { SILENCE };
        match timeout(patience, stream.next()).await {
            Ok(Some(Ok(Message::Binary(frame)))) => {
                frames += 1;
                reader.frame(frame).await;
            }
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Ok(Some(Ok(Message::Close(_)))) => {
                reader.leave();
                return std::future::pending().await;
            }
            Ok(None) | Err(_) => return,
            Ok(Some(Ok(Message::Text(_)) | Err(_))) => {
                reader.unreadable();
                return std::future::pending().await;
            }
        }
    }
}

/// Sends what there is to send until the relay or the peer ends it.
async fn write(mut line: Line, mut sink: SplitSink<WebSocket, Message>) {
    let mut ping = interval(PING);
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
            sent = timeout(STUCK, sink.send(message)) => match sent {
                Ok(Ok(())) => line.written(size),
                _ => return,
            },
            Ok(last) = &mut line.last => {
                _ = timeout(GOODBYE, sink.send(Message::Binary(last.into()))).await;
                break;
            }
        }
    }
    _ = timeout(GOODBYE, sink.close()).await;
}

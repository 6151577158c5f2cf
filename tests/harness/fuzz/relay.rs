//! Frames at a relay and at a laptop, at each point of a connection.

use std::{cell::RefCell, time::Duration};

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Channel, Code, Frame},
    },
    id::Secret,
};
use alliance_sync_server::{
    replica::{ConnectionId, Now, Output, Relay},
    store::MemoryStore,
};

use super::{
    is_one_encoding,
    stage::{self, Stage},
};
use crate::START;

/// Most bytes and frames that one frame may be answered with: what the stage holds, a few times.
const ANSWER: usize = 512 * 1024;
const ANSWERS: usize = 600;

/// One relay for all inputs of a thread, with Anna connected to it: nothing that others say may disturb her.
struct Post {
    relay: Relay<MemoryStore>,
    connections: u64,
    anna: Line,
}

/// One end of a connection to the relay.
struct Line {
    id: ConnectionId,
    exchange: Exchange,
}

thread_local! {
    static POST: RefCell<Option<Post>> = const { RefCell::new(None) };
}

/// A frame, after a byte that says when it comes: before anything, after the proofs, or once a space is open.
pub(super) fn frame(bytes: &[u8]) {
    let Some((when, frame)) = bytes.split_first() else { return };
    if let Ok(read) = Frame::decode(frame) {
        let again = read.encode();
        if !matches!(read, Frame::Unknown(_)) {
            is_one_encoding("a frame", &frame[1..], &again[1..]);
        }
        assert_eq!(Frame::decode(&again).expect("what was encoded"), read);
    }
    stage::with(|stage| {
        POST.with_borrow_mut(|post| post.get_or_insert_with(|| Post::new(stage)).hears(stage, when % 3, frame));
        at_a_laptop(stage, when % 3, frame);
    });
}

impl Post {
    fn new(stage: &Stage) -> Self {
        let mut relay = Relay::new(stage.store.clone(), &[7; 32]).expect("a relay on a good store");
        let exchange = Exchange::new(Role::Initiator, Secret::from_seed(&[1; 32]), [1; 32]);
        let mut anna = Line { id: ConnectionId(0), exchange };
        relay.connect(anna.id, [2; 32]);
        meet(&mut relay, &mut anna, 0);
        anna.exchange.open(&stage.log(), stage.anna().secret.signing()).expect("a channel");
        meet(&mut relay, &mut anna, 0);
        Self { relay, connections: 0, anna }
    }

    fn hears(&mut self, stage: &Stage, when: u8, frame: &[u8]) {
        self.connections += 1;
        let (n, relay) = (self.connections, &mut self.relay);
        let before = relay.store().ids(&stage.space);
        let exchange = Exchange::new(Role::Initiator, Secret::from_seed(&[3; 32]), [3; 32]);
        let mut line = Line { id: ConnectionId(n), exchange };
        relay.connect(line.id, [4; 32]);
        if when > 0 {
            meet(relay, &mut line, n);
        }
        if when > 1 {
            line.exchange.open(&stage.log(), stage.ben().secret.signing()).expect("a channel");
            meet(relay, &mut line, n);
        }
        relay.handle(line.id, frame, now(n));
        relay.commit();
        let said = drained(relay);
        let to_anna = said.iter().filter(|(to, _)| *to == self.anna.id);
        for (_, frame) in to_anna {
            let whisper = matches!(Frame::decode(frame), Ok(Frame::Whisper(_)));
            assert!(whisper, "somebody's frame is an end for somebody else");
        }
        let bytes: usize = said.iter().map(|(_, frame)| frame.len()).sum();
        assert!(bytes <= ANSWER && said.len() <= ANSWERS, "{} frames of {bytes} bytes answer one", said.len());
        relay.disconnect(line.id);
        assert_eq!(relay.store().ids(&stage.space), before, "somebody's frame changed what is kept");
        assert!(relay.store().len() <= 3, "spaces appear");
        let status = relay.status().expect("a store");
        assert_eq!((status.connections, status.queued), (1, 0), "a connection left something behind");
    }
}

/// Lets a laptop and the relay talk until both are quiet.
fn meet(relay: &mut Relay<MemoryStore>, line: &mut Line, n: u64) {
    for _ in 0..ANSWERS {
        while let Some(frame) = line.exchange.poll_transmit() {
            relay.handle(line.id, &frame, now(n));
        }
        let said = drained(relay);
        if said.is_empty() {
            return;
        }
        for (_, frame) in said {
            line.exchange.handle(&frame).expect("an honest relay");
        }
    }
    panic!("a relay does not stop");
}

fn drained(relay: &mut Relay<MemoryStore>) -> Vec<(ConnectionId, Vec<u8>)> {
    let mut said = Vec::new();
    while let Some(output) = relay.poll() {
        if let Output::Send { to, frame } | Output::Drop { to, frame } = output {
            relay.written(to, frame.len());
            said.push((to, frame));
        }
    }
    said
}

/// Every input has a minute of its own: how fast somebody may send is another test's.
fn now(n: u64) -> Now {
    Now { unix: START.unsigned_abs(), elapsed: Duration::from_secs(60 * n) }
}

/// The same frame at a laptop that has the space open at some relay.
fn at_a_laptop(stage: &Stage, when: u8, frame: &[u8]) {
    let mut log = stage.log();
    let mut ours = Exchange::new(Role::Initiator, Secret::from_seed(&[5; 32]), [5; 32]);
    let mut theirs = Exchange::new(Role::Responder, Secret::from_seed(&[6; 32]), [6; 32]);
    let mut channel = 1;
    if when > 0 {
        shake(&mut ours, &mut theirs);
    }
    if when > 1 {
        channel = ours.open(&log, stage.anna().secret.signing()).expect("a channel");
    }
    let Ok(event) = ours.handle(frame) else { return };
    match event {
        Some(Event::Entries(path)) => {
            let received = log.receive(&path.device, path.chain, path.entries);
            ours.received(path.channel, &log, received.known);
            ours.acknowledge(path.channel);
        }
        Some(Event::Acked(ack)) => drop(ours.durable(&log, &ack)),
        Some(Event::Opening { channel, .. }) => ours.refuse(channel, Code::NotMember, None),
        _ => {}
    }
    paths(&mut ours, channel, &log);
    drop(ours.claimed(channel, &log));
    let said: Vec<_> = std::iter::from_fn(|| ours.poll_transmit()).collect();
    let bytes: usize = said.iter().map(Vec::len).sum();
    assert!(bytes <= ANSWER && said.len() <= ANSWERS, "{} frames of {bytes} bytes answer one", said.len());
    for frame in said {
        Frame::decode(&frame).expect("a frame that a laptop says");
    }
}

/// Sends all that the peer may lack: each entry at most once.
fn paths(ours: &mut Exchange, channel: Channel, log: &alliance_replica::log::Log) {
    let mut sent = 0;
    while let Some(path) = ours.pump(channel, log) {
        sent += path.ids.len();
        assert!(sent <= log.chains().len(), "an entry is sent twice");
    }
}

fn shake(ours: &mut Exchange, theirs: &mut Exchange) {
    for _ in 0..4 {
        while let Some(frame) = ours.poll_transmit() {
            theirs.handle(&frame).expect("an honest laptop");
        }
        while let Some(frame) = theirs.poll_transmit() {
            ours.handle(&frame).expect("an honest relay");
        }
    }
}

//! Frames on their own, and frames that come when they must not.

use alliance_replica::{
    exchange::{
        Broken, Exchange, Role,
        frame::{Code, Entries, Error, Frame, Hello, Names, Open, Prove},
    },
    id::Secret,
    limits,
    log::heads::Chain,
};
use serde_json::{Value, json};

use super::{cbor, malformed, shown};
use crate::{
    handshake::{Met, meet},
    json::hex,
    story::history,
    world::{ANNA, BEN, filler},
};

pub(super) fn frames() -> Vec<Value> {
    let bytes = |length| cbor::bytes(&vec![7; length]);
    let frame = |kind: u8, fields: &[(u64, Vec<u8>)]| [vec![kind], cbor::map(fields)].concat();
    let one = || (0, cbor::number(1));
    let right = Frame::Error(Error { code: Code::Slow, channel: None, entry: None }).encode();
    let entry = cbor::array(&[bytes(0), bytes(64), bytes(0)]);
    let path = |entries| frame(4, &[one(), (1, bytes(32)), (2, cbor::number(0)), (3, entries)]);
    // An error with a key that nobody knows, filled up with zeros.
    let largest = |more: usize| {
        let filled = |length| frame(9, &[(0, cbor::number(8)), (7, cbor::bytes(&vec![0; length]))]);
        let whole = filled(limits::FRAME - filled(1 << 16).len() + (1 << 16) + more);
        assert_eq!(whole.len(), limits::FRAME + more);
        whole
    };
    let hello = |nonce| frame(0, &[one(), (1, cbor::number(1)), (2, bytes(nonce)), (3, bytes(32))]);
    let dropped = frame(11, &[(0, bytes(16)), (1, cbor::number(200))]);
    let frames = [
        ("a frame that is right", right.clone(), 0),
        ("empty-frame", Vec::new(), 0),
        ("truncated-frame", right[..right.len() - 1].to_vec(), 0),
        ("trailing-bytes", [&right[..], &[0]].concat(), 0),
        ("frame-of-a-kind-only", vec![0], 0),
        ("a kind of a later version", vec![12], 0),
        ("a key of a later version", frame(9, &[(0, cbor::number(8)), (7, bytes(3))]), 0),
        ("code-unknown", frame(9, &[(0, cbor::number(13))]), 0),
        ("code-unknown-where-none-is-good-news", dropped.clone(), 0),
        ("code-unknown-and-trailing-bytes", [&dropped[..], &[3]].concat(), 0),
        ("channel-beyond-32-bits", frame(9, &[(0, cbor::number(8)), (1, cbor::number(1 << 32))]), 0),
        ("nonce-too-short", hello(31), 0),
        ("list-without-length", path([&[0x9f][..], &entry, &[0xff]].concat()), 0),
        ("list-of-more-than-there-is", path([&[0x99, 0x02, 0x00][..], &entry].concat()), 0),
        ("a path of the most entries", path(cbor::array(&vec![entry.clone(); limits::PATH_ENTRIES])), 0),
        ("list-too-long", path(cbor::array(&vec![entry.clone(); limits::PATH_ENTRIES + 1])), 0),
        ("list-that-claims-the-whole-address-space", path(vec![0x9b, 255, 255, 255, 255, 255, 255, 255, 255]), 0),
        (
            "bytes-that-claim-the-whole-address-space",
            path(vec![0x81, 0x83, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255]),
            0,
        ),
        ("nested-without-end", [&[4], &[0x81; 4096][..]].concat(), 0),
        ("nested-without-end-in-what-is-not-known", frame(9, &[(0, cbor::number(8)), (7, vec![0x81; 4096])]), 0),
        ("a frame of the largest size, of a later kind", vec![200], limits::FRAME - 1),
        ("oversized-frame-of-a-later-kind", vec![200], limits::FRAME),
        ("a frame of the largest size", largest(0), 0),
        ("oversized-frame", largest(1), 0),
    ];
    let vector = |(name, bytes, zeros): (&str, Vec<u8>, usize)| {
        let whole = [&bytes[..], &vec![0; zeros]].concat();
        let refusal = match Frame::decode(&whole) {
            Ok(Frame::Unknown(_)) => "none, without effect",
            Ok(_) => "none",
            Err(refusal) => malformed(&refusal),
        };
        json!({ "name": name, "bytes": shown(&whole, &[&[0], &entry, &[0x81]]), "refusal": refusal })
    };
    frames.into_iter().map(vector).collect()
}

/// Name, frames that are right, the one that is not.
type Case = (&'static str, Vec<Vec<u8>>, Vec<u8>);

/// What a relay says to a laptop whose last frame is wrong; the frames before it are those of a right handshake.
pub(super) fn handshakes() -> Vec<Value> {
    let (met, space) = (meet(), history().space);
    let [hello, prove, _, relay_prove] = &met.frames;
    let laptop = Secret::from_seed(&[9; 32]);
    let versions = |oldest, newest| {
        Frame::Hello(Hello { oldest, newest, nonce: filler("nonce", 1), key: laptop.public() }).encode()
    };
    let Ok(Frame::Open(open)) = Frame::decode(&opened(&mut meet())) else { panic!("an Open") };
    let changed = |change: &dyn Fn(&mut Open)| {
        let mut open = open.clone();
        change(&mut open);
        Frame::Open(open).encode()
    };
    let signed = |transcript: [u8; 32], role: u8| {
        Frame::Prove(Prove { signature: laptop.sign("alliance/1 prove", &[&[role], &transcript]) }).encode()
    };
    let ready = || vec![hello.clone(), prove.clone()];
    let right = Frame::Open(open.clone()).encode();
    let path =
        Frame::Entries(Entries { channel: 7, device: ANNA.device(), chain: Chain::Control, entries: Vec::new() })
            .encode();
    let cases: Vec<Case> = vec![
        ("an opening that is right", ready(), right.clone()),
        ("versions-too-new", Vec::new(), versions(2, 3)),
        ("versions-too-old", Vec::new(), versions(0, 0)),
        ("versions-turned-round", Vec::new(), versions(1, 0)),
        ("prove-before-hello", Vec::new(), prove.clone()),
        ("open-before-prove", vec![hello.clone()], right.clone()),
        ("hello-twice", vec![hello.clone()], hello.clone()),
        ("prove-reflected", vec![hello.clone()], relay_prove.clone()),
        ("prove-for-another-transcript", vec![hello.clone()], signed(filler("transcript", 1), 0)),
        ("prove-twice", ready(), prove.clone()),
        ("proof-for-another-channel", ready(), changed(&|open| open.channel += 1)),
        (
            "proof-for-another-space",
            ready(),
            changed(&|open| open.space = alliance_replica::id::SpaceId::new(filler("space", 1))),
        ),
        ("proof-by-another-device", ready(), changed(&|open| open.device = BEN.device())),
        ("channel-opened-twice", [ready(), vec![right.clone()]].concat(), right),
        ("a frame for a channel that is not open", ready(), path),
        ("names-to-a-relay", ready(), Frame::Names(Names { names: Vec::new() }).encode()),
    ];
    let vector = |(name, before, last): Case| {
        let mut relay = Exchange::new(Role::Responder, Secret::from_seed(&[8; 32]), filler("nonce", 2));
        for frame in &before {
            relay.handle(frame).expect("a right frame");
        }
        let refusal = match relay.handle(&last) {
            Ok(_) => "none",
            Err(Broken::Frame) => "frame",
            Err(Broken::Version { .. }) => "version",
            Err(Broken::Proof) => "proof",
            Err(Broken::Channels) => "limit",
        };
        json!({
            "name": name,
            "before": before.iter().map(|frame| hex(frame)).collect::<Vec<_>>(),
            "bytes": hex(&last),
            "refusal": refusal,
        })
    };
    let mut vectors: Vec<_> = cases.into_iter().map(vector).collect();
    vectors.push(json!({
        "name": "too-many-channels",
        "channels": limits::CHANNELS + 1,
        "refusal": too_many_channels(&space),
    }));
    vectors
}

fn opened(met: &mut Met) -> Vec<u8> {
    met.laptop.open(&alliance_replica::log::Log::new(history().space), &ANNA.secret()).expect("proven");
    met.laptop.poll_transmit().expect("an Open")
}

fn too_many_channels(space: &alliance_replica::id::SpaceId) -> &'static str {
    let Met { mut laptop, mut relay, .. } = meet();
    let log = alliance_replica::log::Log::new(*space);
    for channel in 0..=limits::CHANNELS {
        laptop.open(&log, &ANNA.secret()).expect("proven");
        let open = laptop.poll_transmit().expect("an Open");
        laptop.poll_transmit().expect("a Have");
        if let Err(broken) = relay.handle(&open) {
            assert_eq!((channel, broken), (limits::CHANNELS, Broken::Channels));
            return "limit";
        }
    }
    "none"
}

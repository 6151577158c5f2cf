//! Two replicas that meet: every frame up to an opened space, and what its signatures cover.

use alliance_replica::{
    exchange::{Event, Exchange, Role, frame::Frame},
    id::hash,
    log::Log,
};
use serde_json::{Value, json};

use crate::{
    json::{self, hex},
    story::history,
    world::{ANNA, ANNA_WORDS, Holder, RELAY, filler},
};

/// Laptop and relay, after their Hellos and Proves.
pub(crate) struct Met {
    pub(crate) laptop: Exchange,
    pub(crate) relay: Exchange,
    /// Hello and Prove of the laptop, then of the relay.
    pub(crate) frames: [Vec<u8>; 4],
}

const CONNECTION: Holder = Holder { name: "laptop's key for this connection", seed: 9 };

/// Plays a handshake with fixed keys and nonces.
pub(crate) fn meet() -> Met {
    let mut laptop = Exchange::new(Role::Initiator, CONNECTION.secret(), filler("nonce", 1));
    let mut relay = Exchange::new(Role::Responder, RELAY.secret(), filler("nonce", 2));
    let laptop_hello = laptop.poll_transmit().expect("a Hello");
    let relay_hello = relay.poll_transmit().expect("a Hello");
    assert_eq!(laptop.handle(&relay_hello).expect("taken"), None);
    assert_eq!(relay.handle(&laptop_hello).expect("taken"), None);
    let laptop_prove = laptop.poll_transmit().expect("a Prove");
    let relay_prove = relay.poll_transmit().expect("a Prove");
    let proven = |holder: &Holder| Some(Event::Proven { peer: holder.secret().public() });
    assert_eq!(laptop.handle(&relay_prove).expect("taken"), proven(&RELAY));
    assert_eq!(relay.handle(&laptop_prove).expect("taken"), proven(&CONNECTION));
    Met { laptop, relay, frames: [laptop_hello, laptop_prove, relay_hello, relay_prove] }
}

pub(crate) fn vectors() -> Value {
    let Met { mut laptop, mut relay, frames } = meet();
    let [laptop_hello, laptop_prove, relay_hello, relay_prove] = &frames;
    let length = u32::try_from(laptop_hello.len()).expect("short").to_be_bytes();
    let transcript = hash("alliance/1 transcript", &[&length, laptop_hello, relay_hello]);

    let space = history().space;
    let channel = laptop.open(&Log::new(space), &ANNA.secret()).expect("proven");
    let open = laptop.poll_transmit().expect("an Open");
    let opening = Event::Opening { channel, space, device: ANNA.device() };
    assert_eq!(relay.handle(&open).expect("taken"), Some(opening));
    let have = laptop.poll_transmit().expect("a Have");
    laptop.find(&ANNA_WORDS.secret());
    let find = laptop.poll_transmit().expect("a Find");
    assert_eq!(relay.handle(&find).expect("taken"), Some(Event::Find(ANNA_WORDS.device())));

    laptop.ask_to_drop(space, &ANNA_WORDS.secret());
    let drop = laptop.poll_transmit().expect("a Drop");
    let wanted = Event::Drop(space, ANNA_WORDS.device());
    assert_eq!(relay.handle(&drop).expect("taken"), Some(wanted));

    json!({
        "initiator_seed": hex(&[CONNECTION.seed; 32]),
        "responder_seed": hex(&[RELAY.seed; 32]),
        "transcript": hex(&transcript),
        "frames": [
            shown("initiator", laptop_hello),
            shown("responder", relay_hello),
            shown("initiator", laptop_prove),
            shown("responder", relay_prove),
            shown("initiator", &open),
            shown("initiator", &have),
            shown("initiator", &find),
            shown("initiator", &drop),
        ],
    })
}

fn shown(from: &str, bytes: &[u8]) -> Value {
    let frame = Frame::decode(bytes).expect("a frame");
    assert_eq!(frame.encode(), bytes);
    let mut vector = json::frame(&frame);
    vector["from"] = from.into();
    vector["bytes"] = hex(bytes).into();
    vector
}

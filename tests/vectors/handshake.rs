//! Two replicas that meet: every frame up to an opened space, and what its signatures cover.

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Frame, SpaceName},
    },
    id::{SpaceId, hash},
    log::Log,
};
use serde_json::{Value, json};

use crate::{
    json::{self, hex},
    story::history,
    world::{ANNA, ANNA_WORDS, BEN, Holder, RELAY, filler},
};

/// Laptop and relay, after their Hellos and Proves.
pub(crate) struct Met {
    pub(crate) laptop: Exchange,
    pub(crate) relay: Exchange,
    /// Hello and Prove of the laptop, then of the relay.
    pub(crate) frames: [Vec<u8>; 4],
}

const CONNECTION: Holder = Holder { name: "laptop's key for this connection", seed: 9 };
const OTHER_CONNECTION: Holder = Holder { name: "other laptop's key for this connection", seed: 19 };

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
        "direct": direct(),
    })
}

/// Two laptops: every frame up to a space of which both have proven that they are in it.
fn direct() -> Value {
    let (space, binding) = (history().space, filler("binding", 1));
    let mut anna = Exchange::direct(Role::Initiator, CONNECTION.secret(), filler("nonce", 1), binding);
    let mut ben = Exchange::direct(Role::Responder, OTHER_CONNECTION.secret(), filler("nonce", 2), binding);
    let mut frames = Vec::new();
    for _ in 0..2 {
        let [said, answered] = [&mut anna, &mut ben].map(|side| side.poll_transmit().expect("a handshake"));
        anna.handle(&answered).expect("taken");
        ben.handle(&said).expect("taken");
        frames.extend([shown("initiator", &said), shown("responder", &answered)]);
    }
    let bytes = |at: usize| {
        let text = frames[at]["bytes"].as_str().expect("a text").as_bytes().chunks(2);
        text.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("a byte")).collect()
    };
    let (first, second): (Vec<u8>, Vec<u8>) = (bytes(0), bytes(1));
    let length = u32::try_from(first.len()).expect("short").to_be_bytes();
    let transcript = hash("alliance/1 direct transcript", &[&length, &first, &second, &binding]);

    let mut seed = 0;
    let mut fresh = || {
        seed += 1;
        SpaceName(filler("another name", seed))
    };
    anna.name_spaces(&[space, SpaceId::new([9; 16])], &mut fresh);
    let named = anna.poll_transmit().expect("names");
    let Some(Event::Names(names)) = ben.handle(&named).expect("taken") else { panic!("names") };
    ben.answer_names(&ben.shared(&names, &[space]), names.len(), &mut fresh);
    let answered = ben.poll_transmit().expect("names");
    let Some(Event::Names(names)) = anna.handle(&answered).expect("taken") else { panic!("names") };
    assert_eq!(anna.shared(&names, &[space, SpaceId::new([9; 16])]), [space]);
    let channel = anna.knock(space, &ANNA.secret()).expect("proven");
    let open = anna.poll_transmit().expect("an Open");
    ben.handle(&open).expect("taken");
    ben.show(channel, &BEN.secret());
    let opened = ben.poll_transmit().expect("an Opened");
    assert_eq!(anna.handle(&opened).expect("taken"), Some(Event::Opened { channel, device: BEN.device() }));
    frames.extend([
        shown("initiator", &named),
        shown("responder", &answered),
        shown("initiator", &open),
        shown("responder", &opened),
    ]);
    json!({
        "initiator_seed": hex(&[CONNECTION.seed; 32]),
        "responder_seed": hex(&[OTHER_CONNECTION.seed; 32]),
        "binding": hex(&binding),
        "space": space.to_string(),
        "transcript": hex(&transcript),
        "frames": frames,
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

//! A recorded exchange of each version, played to the replicas of today: its laptop to our relay, its relay to our laptop.
//!
//! Keys and nonces are those of the recording, so a relay has to answer byte for byte as it did then. A laptop that seals
//! draws randomness of its own: what it says before it seals is the same, and what it heard then it takes now.

use std::{fs, path::Path};

use alliance_core::app::{Profile, Session, World as Outside};
use alliance_replica::{
    exchange::frame::{Code, Error, Find, Frame, Hello, Prove},
    id::{Secret, hash},
};
use alliance_sync_server::{
    replica::{ConnectionId, Now, Output, Relay},
    store::{MemoryStore, SqliteStore, Store},
};
use alliance_tests::START;
use data_encoding::HEXLOWER;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixtures::{unpack, versions};

const ID: ConnectionId = ConnectionId(1);
/// The relay's, on the recorded connection.
const NONCE: [u8; 32] = [9; 32];
/// Turns after which an exchange that does not end is a fault.
const PATIENCE: usize = 1_000;

/// What a laptop said at once, and what the relay answered.
type Turn = (Vec<Vec<u8>>, Vec<Vec<u8>>);

#[test]
fn a_laptop_of_every_version_is_answered_as_it_was() {
    for version in versions() {
        let folder = TempDir::new().expect("a folder");
        let mut relay = relay_of(&version, folder.path());
        for (n, (up, down)) in turns(&version).into_iter().enumerate() {
            assert_eq!(answer(&mut relay, &up), down, "{}, turn {n}", version.display());
        }
    }
}

#[test]
fn a_relay_of_every_version_is_understood() {
    for version in versions() {
        let folder = TempDir::new().expect("a folder");
        let mut profile = profile_of(&version, folder.path());
        let recorded = turns(&version);
        let (mut turn, mut said) = (0, Vec::new());
        talk(&mut profile, |up| {
            said.extend_from_slice(up);
            turn += 1;
            recorded.get(turn - 1).map_or_else(Vec::new, |(_, down)| down.clone())
        });
        let heard: Vec<_> = recorded.iter().flat_map(|(up, _)| up.clone()).collect();
        let is_sealed = |frame: &Vec<u8>| matches!(Frame::decode(frame), Ok(Frame::Entries(_)));
        let before = heard.iter().position(is_sealed).unwrap_or(heard.len());
        assert!(before >= 4, "Hello, Prove, Open and Have come first");
        assert_eq!(said.get(..before), heard.get(..before), "{}", version.display());
        let space = profile.alliances().expect("alliances")[0].space;
        let notes = profile.list(space, "note", true).expect("notes");
        assert!(notes.iter().any(|note| note.title == "From Ben, later"), "{}", version.display());
    }
}

#[test]
fn who_also_speaks_later_versions_is_spoken_to_in_this_one() {
    let hello = |oldest, newest| Hello { oldest, newest, nonce: [1; 32], key: Secret::from_seed(&[2; 32]).public() };
    // A later version may say more in its Hello, which is signed as it came.
    let plain = Frame::Hello(hello(1, 9)).encode();
    let longer = [&[plain[0], plain[1] + 1], &plain[2..], &[0x09, 0x41, 0x07]].concat();
    for first in [plain, longer] {
        let mut relay = Relay::new(MemoryStore::default(), &[7; 32]).expect("a relay on a good store");
        relay.connect(ID, NONCE);
        let said = answer(&mut relay, std::slice::from_ref(&first));
        let [theirs, proof] = &said[..] else { panic!("{} frames answer a Hello", said.len()) };
        assert!(matches!(Frame::decode(theirs), Ok(Frame::Hello(Hello { oldest: 1, newest: 1, .. }))));
        assert!(matches!(Frame::decode(proof), Ok(Frame::Prove(_))));
        let length = u32::try_from(first.len()).expect("short").to_be_bytes();
        let transcript = hash("alliance/1 transcript", &[&length, &first, theirs]);
        let sign = |label, parts: &[&[u8]]| Secret::from_seed(&[2; 32]).sign(label, parts);
        let prove = Frame::Prove(Prove { signature: sign("alliance/1 prove", &[&[0], &transcript]) });
        let device = Secret::from_seed(&[2; 32]).public();
        let find = Frame::Find(Find { device, proof: sign("alliance/1 find", &[&transcript]) });
        let said = answer(&mut relay, &[prove.encode(), find.encode()]);
        assert!(matches!(&said[..], [found] if matches!(Frame::decode(found), Ok(Frame::Found(_)))), "{said:?}");
    }
    let mut relay = Relay::new(MemoryStore::default(), &[7; 32]).expect("a relay on a good store");
    relay.connect(ID, NONCE);
    let said = answer(&mut relay, &[Frame::Hello(hello(2, 9)).encode()]);
    let refused = Frame::Error(Error { code: Code::Version, channel: None, entry: None }).encode();
    assert_eq!(said.last(), Some(&refused), "no version in common ends the connection");
    assert_eq!(answer(&mut relay, &[Frame::Hello(hello(1, 1)).encode()]), Vec::<Vec<u8>>::new());
}

/// Records the exchange of a version's own profile with its own relay.
pub(crate) fn record(version: &Path) {
    let folder = TempDir::new().expect("a folder");
    let (mut profile, mut relay) = (profile_of(version, folder.path()), relay_of(version, folder.path()));
    let mut turns: Vec<Turn> = Vec::new();
    talk(&mut profile, |up| {
        let down = answer(&mut relay, up);
        turns.push((up.to_vec(), down.clone()));
        down
    });
    for said in [|turn: &Turn| turn.0.clone(), |turn: &Turn| turn.1.clone()] {
        let mut frames = turns.iter().flat_map(said).map(|frame| Frame::decode(&frame).expect("a frame"));
        assert!(frames.any(|frame| matches!(frame, Frame::Entries(_))), "both have something to send");
    }
    let hex = |frames: &[Vec<u8>]| frames.iter().map(|frame| HEXLOWER.encode(frame)).collect::<Vec<_>>();
    let turns: Vec<_> = turns.iter().map(|(up, down)| json!({ "up": hex(up), "down": hex(down) })).collect();
    let text = serde_json::to_string_pretty(&json!({ "turns": turns })).expect("values have text") + "\n";
    fs::write(version.join("exchange.json"), text).expect("a file");
}

fn turns(version: &Path) -> Vec<Turn> {
    let text = fs::read_to_string(version.join("exchange.json")).expect("a recording");
    let recorded: Value = serde_json::from_str(&text).expect("JSON");
    let frames = |frames: &Value| {
        let frames = frames.as_array().expect("frames").iter().map(|frame| frame.as_str().expect("a frame").as_bytes());
        frames.map(|frame| HEXLOWER.decode(frame).expect("hexadecimal digits")).collect()
    };
    let turns = recorded["turns"].as_array().expect("turns");
    turns.iter().map(|turn| (frames(&turn["up"]), frames(&turn["down"]))).collect()
}

fn profile_of(version: &Path, folder: &Path) -> Profile {
    let file = folder.join("profile.db");
    unpack(version, "anna", &file);
    Profile::open(&file).expect("a profile")
}

fn relay_of(version: &Path, folder: &Path) -> Relay<SqliteStore> {
    unpack(version, "relay", &folder.join("relay.sqlite"));
    let store = SqliteStore::open(folder).expect("a database");
    let mut relay = Relay::new(store, &[7; 32]).expect("a relay on a good store");
    relay.connect(ID, NONCE);
    relay
}

/// Lets a profile exchange with whoever answers, until nobody has more to say.
fn talk(profile: &mut Profile, mut answer: impl FnMut(&[Vec<u8>]) -> Vec<Vec<u8>>) {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let mut outside = Outside { now: START + 60, rng: &mut rng };
    let relay = profile.relays().expect("relays").remove(0);
    let mut session = Session::new(&relay, &mut outside);
    for _ in 0..PATIENCE {
        let up: Vec<_> = std::iter::from_fn(|| session.poll_transmit(profile).expect("a frame")).collect();
        let down = answer(&up);
        if up.is_empty() && down.is_empty() {
            return;
        }
        for frame in down {
            session.handle(profile, &frame, &mut outside).expect("a frame that is understood");
        }
        session.flush(profile, &mut outside).expect("an exchange goes on");
    }
    panic!("an exchange does not end");
}

fn answer<S: Store>(relay: &mut Relay<S>, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let unix = START.unsigned_abs() + 60;
    for frame in frames {
        relay.handle(ID, frame, Now { unix, elapsed: std::time::Duration::from_secs(unix) });
    }
    relay.commit();
    let mut said = Vec::new();
    while let Some(output) = relay.poll() {
        if let Output::Send { to, frame } | Output::Drop { to, frame } = output {
            relay.written(to, frame.len());
            said.push(frame);
        }
    }
    said
}

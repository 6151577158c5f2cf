//! Whispers between two people who watch: signed, sealed, padded, and what they say.

use alliance_core::keys::whisper;
use alliance_replica::exchange::frame::Frame;
use serde_json::{Value, json};

use crate::{
    json::{self, hex},
    people, story,
    world::{ANNA, BEN, Holder, filler, rng},
};

/// Title, who, counter, kind, whose name, the names heard.
type Said<'a> = (&'a str, &'a Holder, u64, u8, usize, &'a [[u8; 16]]);

/// Somebody says who they are for the moment, the other answers with both names, somebody leaves.
pub(crate) fn vectors() -> Value {
    let told = story::history();
    let names = [filler::<16>("name of the moment", 1), filler::<16>("name of the moment", 2)];
    let epoch = told.keyring.epochs().next().expect("an epoch");
    let said: [Said<'_>; 4] = [
        ("nobody is heard yet", &ANNA, 1, 0, 0, &[]),
        ("an answer", &BEN, 1, 0, 1, &names[..1]),
        ("Anna leaves", &ANNA, 2, 1, 0, &names[1..]),
        ("of a later version", &BEN, u64::MAX, 23, 1, &[]),
    ];
    let vectors = said.into_iter().enumerate().map(|(at, (name, who, counter, kind, mine, hears))| {
        // The second one can be dialled, and says where.
        let route = (counter == 1 && kind == 0 && !hears.is_empty()).then(people::route);
        let mut words = vec![if route.is_some() { 0xa4 } else { 0xa3 }, 0, kind, 1, 0x50];
        words.extend(names[mine]);
        words.extend([2, 0x80 | u8::try_from(hears.len()).expect("few")]);
        hears.iter().for_each(|name| words.extend([&[0x50], &name[..]].concat()));
        route.iter().for_each(|route| words.extend([&[3], &route.encode()[..]].concat()));
        let key = told.key(epoch);
        let device = who.device_secret();
        let mut rng = rng(40 + u8::try_from(at).expect("few"));
        let said = whisper::seal(key, &told.space, &device, 1, counter, &words, &mut rng).expect("short");
        assert_eq!(**whisper::open(&told.keyring, &said).expect("opens"), *words, "{name}");
        let hears: Vec<_> = hears.iter().map(|name| hex(name)).collect();
        let says = json!({ "kind": kind, "name": hex(&names[mine]), "hears": hears, "route": route.as_ref().map(json::route) });
        json!({
            "name": name,
            "device": who.device().to_string(),
            "bytes": hex(&Frame::Whisper(said).encode()),
            "words": hex(&words),
            "says": json::present(says),
        })
    });
    json!({
        "space": told.space.to_string(),
        "epoch": epoch.to_string(),
        "key": hex(told.key(epoch).as_bytes()),
        "whispers": vectors.collect::<Vec<_>>(),
    })
}

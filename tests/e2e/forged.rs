//! Somebody with the keys of Anna's laptop and a program of their own: what they bring to the relay, and what Ben's program
//! makes of it.

use alliance_core::{
    document::{Edit, Preimage, Writer},
    keys::Part,
};
use alliance_replica::{
    exchange::{
        Event,
        frame::{Channel, Code, Entries, Error, Frame},
    },
    id::{DeviceId, ItemId, MemberId, Signature, SpaceId},
    limits,
    log::{
        Log,
        entry::{Entry, Place, Verified},
        heads::Chain,
    },
};
use alliance_tests::{
    forge::{Forger, bomb, preimage},
    seen::titles,
    socket::Socket,
    town::Town,
};
use serde_json::json;

use crate::hostile::greeted;

/// A connection on which the relay takes entries of the laptop's device for this space.
fn opened(town: &Town, forger: &Forger, space: SpaceId) -> (Socket, Channel) {
    let (mut socket, mut exchange) = greeted(town.relay().address(), 9);
    let channel = exchange.open(&Log::new(space), forger.secret.signing()).expect("proven");
    while let Some(frame) = exchange.poll_transmit() {
        socket.send(&frame).expect("sends");
    }
    loop {
        let frame = socket.receive().expect("the relay stays");
        if let Some(Event::Have { .. }) = exchange.handle(&frame).expect("the relay speaks the protocol") {
            return (socket, channel);
        }
    }
}

/// Brings an entry to the relay as one of its author's or of somebody else's: nothing if it is on its disk then, else why
/// not.
fn brought_as(town: &Town, forger: &Forger, space: SpaceId, device: DeviceId, entry: &Entry) -> Result<(), Code> {
    let (mut socket, channel) = opened(town, forger, space);
    let entries = Entries { channel, device, chain: Chain::Content, entries: vec![entry.clone()] };
    socket.send(&Frame::Entries(entries).encode()).expect("sends");
    loop {
        match Frame::decode(&socket.receive().expect("an answer")).expect("a frame") {
            Frame::Ack(_) => return Ok(()),
            Frame::Error(Error { code, .. }) => return Err(code),
            _ => {}
        }
    }
}

fn brought(town: &Town, forger: &Forger, space: SpaceId, entry: &Entry) -> Result<(), Code> {
    brought_as(town, forger, space, forger.device(), entry)
}

#[test]
fn what_a_modified_program_brings_is_refused_and_named_and_changes_nothing_of_ben_s() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let goal = ben.json(&["goal", "add", "Run", "--why", "Air"])["id"].as_str().expect("an id").to_owned();
    ben.json(&["note", "add", "By Ben", "-m", "His words."]);
    anna.json(&["note", "add", "By Anna", "-m", "Her words."]);
    town.meet();
    let looks = || [["goal", "list"], ["note", "list"], ["conflict", "list"]].map(|look| ben.json(&look));
    let before = looks();

    let space = SpaceId::from_hex(&town.space).expect("an id");
    let mut forger = Forger::steal_from(&anna.profile(), space);
    let his = Forger::steal_from(&ben.profile(), space);
    let (tip, device) = (forger.tip(Chain::Content), forger.device());
    let run = preimage(&anna.profile(), &ItemId::from_hex(&goal).expect("an id"));
    let put = |field: &str, text: &str| [Edit::Put(field.into(), Some(text.into()))];
    let note = forger.item("note", None);
    let hers = Preimage { owner: Some(MemberId::of(&device)), ..run.clone() };
    let renamed = forger.part(&run, Writer::Everyone, device, &put("title", "Hers now"));
    let lies: Vec<(&str, Part)> = vec![
        ("facet-of-another-member", forger.part(&run, Writer::Only(his.member), device, &put("status", "released"))),
        ("item-is-not-what-it-is-said-to-be", Part { preimage: Some(hers.encode()), ..renamed }),
        ("change-by-another-device", forger.part(&note, Writer::Everyone, his.device(), &put("title", "By Ben?"))),
        ("too-many-operations", forger.far(u64::from(u32::MAX) - 1)),
        ("inflates-wrongly", Part { length: 1000, packed: bomb(1000, 8192), ..forger.note("Bomb") }),
    ];
    let mut reasons: Vec<_> = lies.iter().map(|(reason, _)| (*reason).to_owned()).collect();
    for (reason, part) in lies {
        let entry = forger.seal(tip, vec![part]);
        assert_eq!(brought(&town, &forger, space, &entry.entry), Ok(()), "{reason}: the relay cannot read it");
    }
    let unread = forger.sealed_for(space, tip, b"no content");
    assert_eq!(brought(&town, &forger, space, &unread.entry), Ok(()));
    reasons.push("malformed".to_owned());
    // What nobody needs to read to see that it is wrong is on no disk at all.
    let good = forger.seal(tip, Vec::new());
    let again = |place: Place| -> Verified { forger.sign(&place, good.entry.body.clone()) };
    let place = good.header.place();
    let elsewhere = SpaceId::new([9; 16]);
    let wrong = [
        Entry::sign(&elsewhere, forger.secret.signing(), &place, good.entry.body.clone()).entry,
        Entry { signature: Signature([7; 64]), ..good.entry.clone() },
        Entry { body: vec![7; good.entry.body.len()], ..good.entry.clone() },
        again(Place { seq: place.seq + 1, ..place }).entry,
        again(Place { seq: u64::from(u32::MAX), ..place }).entry,
        forger.sign(&place, vec![7; limits::CONTENT_BODY + 1]).entry,
    ];
    for (number, entry) in wrong.iter().enumerate() {
        assert_eq!(brought(&town, &forger, space, entry), Err(Code::Entry), "{number}");
    }

    assert_eq!(brought_as(&town, &forger, space, his.device(), &good.entry), Err(Code::Entry), "in Ben's name");
    // A key that nobody handed on: it waits, should the key come.
    let unknown = again(Place { epoch: Some([9; 8]), ..place });
    assert_eq!(brought(&town, &forger, space, &unknown.entry), Ok(()));

    town.sync(&[ben]);
    assert_eq!(looks(), before, "nothing of it is to be seen");
    let security = ben.json(&["security"]);
    let lines = security.as_array().expect("lines").iter().filter(|line| line["kind"] == json!("entry-refused"));
    let mut named: Vec<_> = lines.map(|line| line["about"]["reason"].as_str().expect("a reason").to_owned()).collect();
    named.sort();
    reasons.sort();
    assert_eq!(named, reasons);
    // Ben goes on, and whoever has the other laptop reads what he writes. That laptop itself writes no more: its chain has
    // what nobody takes.
    ben.json(&["note", "add", "Later, by Ben", "-m", "More."]);
    town.sync(&[ben, anna]);
    assert_eq!(titles(ben), ["By Anna", "By Ben", "Later, by Ben"]);
    assert_eq!(titles(anna), titles(ben));
    town.assert_equal();
}

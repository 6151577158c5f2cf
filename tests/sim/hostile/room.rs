//! What is more than there is room for.

use alliance_core::{app::SessionError, keys::DeviceSecret};
use alliance_replica::{
    exchange::frame::{Entries, Frame},
    id::Signature,
    limits,
    log::{
        control::{Invite, Purpose, Record},
        entry::{Entry, Place},
        heads::Chain,
    },
};
use alliance_tests::meddler::channel_of;

use super::Scene;

#[test]
fn an_entry_that_is_too_large_is_not_taken_and_named() {
    let mut scene = Scene::new(10);
    let epoch = scene.laptop.seal(None, Vec::new()).header.epoch;
    let tip = scene.tip().expect("a tip");
    let place = Place { version: 1, chain: Chain::Content, seq: tip.seq + 1, prev: Some(tip.id), epoch };
    let large = scene.laptop.sign(&place, vec![7; limits::CONTENT_BODY + 1]);
    scene.deliver(&large, Chain::Content).expect("other spaces go on");
    let why = "entry is not valid: header cannot be read: body has 1048577 bytes, more than 1048576";
    assert_eq!(scene.reasons("Ben"), [why]);
    let control = Place { chain: Chain::Control, epoch: None, ..place };
    let large = scene.laptop.sign(&control, vec![7; limits::CONTROL_BODY + 1]);
    scene.deliver(&large, Chain::Control).expect("other spaces go on");
    assert_eq!(scene.reasons("Ben").len(), 2);
    // More than a frame holds ends the connection, and nothing else.
    let larger = scene.laptop.sign(&place, vec![7; limits::FRAME]);
    let ended = scene.deliver(&larger, Chain::Content).expect_err("no frame");
    assert!(matches!(ended, SessionError::Broken(_)), "{ended}");
    scene.goes_on();
    assert_eq!(scene.unread(), 0);
}

#[test]
fn what_a_member_has_no_room_for_is_passed_over_and_all_else_goes_on() {
    let mut scene = Scene::new(21);
    let laptop = scene.laptop.device();
    let invite = |n: u16| {
        let mut secret = [1; 64];
        secret[..2].copy_from_slice(&n.to_be_bytes());
        let key = DeviceSecret::from_bytes(&secret).keys();
        Record::Invite(Invite { key, purpose: Purpose::OwnDevice, expires: u64::MAX })
    };
    let mut path = Vec::new();
    for n in 0..u16::try_from(limits::INTRODUCTIONS).expect("few") {
        let entry = scene.laptop.control(invite(n));
        scene.laptop.saw(entry.head());
        path.push(entry.entry);
    }
    let note = scene.tablet.note("By the tablet, with it");
    let note = scene.tablet.seal(scene.tablet.tip(Chain::Content), vec![note]);
    scene.tablet.saw(note.head());
    let honest = (note.device, Chain::Content, vec![note.entry.clone()]);
    scene.paths(vec![(laptop, Chain::Control, path), honest]).expect("the exchange goes on");
    scene.titles.push("By the tablet, with it".to_owned());
    scene.titles.sort();
    assert_eq!(scene.titles_of("Ben"), scene.titles, "what came with it is here");
    scene.heads = scene.heads_of("Ben");
    assert_eq!(scene.reasons("Ben").len(), 1, "{:?}", scene.reasons("Ben"));
    scene.ben_goes_on();
}

#[test]
fn an_entry_that_is_refused_is_named_once_and_its_channel_stays_closed() {
    let mut scene = Scene::new(22);
    let (tip, part) = (scene.tip(), scene.laptop.note("Forged"));
    let entry = scene.laptop.seal(tip, vec![part]);
    let entry = Entry { signature: Signature([7; 64]), ..entry.entry };
    let mut ben = [scene.world.watch("Ben")];
    let told = scene.world.pump(&mut ben, 0);
    let channel = channel_of(&told, scene.space);
    let device = scene.laptop.device();
    let forged = Entries { channel, device, chain: Chain::Content, entries: vec![entry] };
    scene.world.say(&mut ben[0], &Frame::Entries(forged.clone()));
    for _ in 0..3 {
        scene.world.local_change(&mut ben[0]);
        let told = scene.world.pump(&mut ben, 1000);
        assert!(!told.iter().any(|frame| matches!(frame, Frame::Open(open) if open.space == scene.space)), "{told:?}");
    }
    let [ben] = ben;
    scene.world.unplug(ben);
    scene.paths(vec![(device, Chain::Content, forged.entries)]).expect("other spaces go on");
    assert_eq!(scene.reasons("Ben"), ["entry is not valid: signature is not by its author"]);
    scene.goes_on();
}

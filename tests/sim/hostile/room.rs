//! What is more than there is room for.

use alliance_core::{
    app::{Intent, SessionError},
    domain::note,
    keys::DeviceSecret,
};
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
use alliance_sync_server::{policy::Policy, replica::Relay, store::MemoryStore};
use alliance_tests::{World, meddler::channel_of};

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

fn invitation(n: u16) -> Record {
    let mut secret = [1; 64];
    secret[..2].copy_from_slice(&n.to_be_bytes());
    let key = DeviceSecret::from_bytes(&secret).keys();
    Record::Invite(Invite { key, purpose: Purpose::OwnDevice, expires: u64::MAX })
}

/// Whoever has the keys of Anna's laptop shows Ben one history by a relay of their own, until there is no room for more
/// of it, and the other relay another one, in which a device is added. What that device wrote is named there for ever.
#[test]
fn devices_that_only_what_is_passed_over_introduces_stop_nobody() {
    let (control, content, floods) = (1, 1, 1 + u64::try_from(limits::WAITING).expect("few"));
    let mut wrong = Vec::new();
    for (chain, count) in [(Chain::Content, content), (Chain::Control, control), (Chain::Content, floods)] {
        let mut scene = Scene::new(23);
        let laptop = scene.laptop.device();
        let fork = scene.laptop.tip(Chain::Control).expect("a tip");
        // Her own relay, which Ben exchanges with because the alliance names it.
        let own = Relay::new(MemoryStore::default(), &[7; 32]).expect("a relay");
        let honest = std::mem::replace(&mut scene.world.relay, own);
        let mut path = Vec::new();
        for n in 0..u16::try_from(limits::INTRODUCTIONS).expect("few") {
            let entry = scene.laptop.control(invitation(n));
            scene.laptop.saw(entry.head());
            path.push(entry.entry);
        }
        scene.paths(vec![(laptop, Chain::Control, path)]).expect("the exchange goes on");
        scene.world.relay = honest;
        scene.laptop.saw(fork);
        let (added, mut new) = scene.laptop.add_device(77);
        let mut theirs = Vec::new();
        for _ in 0..count {
            let entry = match chain {
                Chain::Control => new.control(Record::Unknown { kind: 77, body: vec![0x80] }),
                Chain::Content => new.seal(new.tip(Chain::Content), Vec::new()),
            };
            new.saw(entry.head());
            theirs.push(entry.entry);
        }
        let (introduction, last) = (added.id, new.tip(chain).expect("written").id);
        let added = (laptop, Chain::Control, vec![added.entry]);
        let mut paths = vec![added];
        paths.extend(theirs.chunks(500).map(|some| (new.device(), chain, some.to_vec())));
        // Anna's own program brings it from there to the other one.
        let own = Relay::new(MemoryStore::default(), &[7; 32]).expect("a relay");
        let honest = std::mem::replace(&mut scene.world.relay, own);
        scene.world.deliver("Anna", scene.space, paths).expect("a sync");
        scene.world.relay = honest;
        scene.world.try_sync("Anna").expect("a sync");
        let held = scene.world.relay.store().ids(&scene.space);
        let there = [introduction, last].map(|id| held.contains(&id));
        assert_eq!(there, [true; 2], "the honest relay has it");
        let add = note::Add { title: "Later, by Ben".into(), body: "more".into(), ..note::Add::default() };
        scene.world.add("Ben", scene.space, Intent::Note(note::Intent::Add(add)));
        let settled = scene.world.try_sync("Ben").expect("other spaces go on");
        let again = scene.world.try_sync("Ben").expect("other spaces go on");
        let space = scene.space;
        let all = scene.world.act("Ben", |profile, _| profile.status());
        let ben = all.into_iter().find(|status| status.space == space).expect("the alliance");
        let reasons = scene.reasons("Ben");
        if !again || ben.waiting > 0 || reasons.len() > 1 {
            let (waiting, unsent) = (ben.waiting, ben.unsent);
            wrong.push(format!(
                "{chain:?} {count}: at rest {settled} {again}, waiting {waiting}, unsent {unsent}, {reasons:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The two come to a relay with less room than the one before: what of Anna's does not fit is brought by Ben.
#[test]
fn what_a_relay_passes_over_lets_the_exchange_come_to_rest() {
    let mut world = World::new(24);
    let space = world.ben_and_anna();
    for n in 0..8_u64 {
        let body =
            (0..12_000_u64).map(|at| char::from(b'a' + ((at * at * 7919 + n * at * 31) >> 7) as u8 % 26)).collect();
        let add = note::Add { title: format!("{n}"), body, ..note::Add::default() };
        world.add("Anna", space, Intent::Note(note::Intent::Add(add)));
        ["Anna", "Ben"].into_iter().for_each(|name| world.sync(name));
    }
    let mut policy = Policy::default();
    policy.quota.content_bytes = 32 * 1024;
    world.relay = Relay::with_policy(MemoryStore::default(), &[7; 32], policy).expect("a relay");
    let first = world.try_sync("Ben").expect("a sync");
    let second = world.try_sync("Ben").expect("a sync");
    assert!(first && second, "{first} {second}");
}

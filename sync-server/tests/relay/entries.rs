//! How entries go through the relay: forwarded at once, acknowledged when durable, refused when wrong.

use std::{collections::BTreeMap, time::Duration};

use alliance_replica::{
    exchange::{
        Event,
        frame::{Code, Entries, Frame, Have, Whisper},
    },
    id::{Signature, SpaceId},
    limits,
    log::{
        control::{Cut, Forget, Reason, Record},
        entry::{Entry, Place},
        heads::Chain,
    },
};

use alliance_sync_server::store::{Append, Living, Store as _};

use crate::world::{Laptop, World, device, kind, pair, secret, unknown};

fn entries(laptop: &Laptop, chain: Chain, entries: Vec<Entry>) -> Vec<u8> {
    Frame::Entries(Entries { channel: laptop.channel, device: laptop.device(), chain, entries }).encode()
}

#[test]
fn two_people_end_with_the_same_entries() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    for round in 0..20 {
        ben.write(&[round; 100]);
        anna.write(&[round; 200]);
        if round % 3 == 0 {
            world.settle(&mut [&mut ben, &mut anna]);
        }
    }
    world.settle(&mut [&mut ben, &mut anna]);
    assert_eq!(ben.log.chains().len(), anna.log.chains().len());
    assert!(ben.bodies.keys().all(|id| anna.has(id)));
    assert_eq!(world.relay.store().ids(&ben.space()).len(), ben.log.chains().len());
    assert_eq!((ben.take_ended(), anna.take_ended()), (vec![], vec![]));
}

#[test]
fn an_entry_is_forwarded_before_it_is_durable_and_acknowledged_only_after() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = ben.write(b"sealed");
    world.run(&mut [&mut ben, &mut anna]);
    assert!(anna.has(&note), "forwarded at once");
    assert!(!world.relay.store().ids(&ben.space()).contains(&note), "not yet durable");
    assert!(!ben.durable.contains(&note), "not yet acknowledged");
    assert_eq!(world.relay.commit_due(), Some(Duration::from_millis(2)));
    world.relay.commit();
    world.run(&mut [&mut ben, &mut anna]);
    assert!(world.relay.store().ids(&ben.space()).contains(&note));
    assert!(ben.durable.contains(&note));
    assert_eq!(world.relay.commit_due(), None);
}

#[test]
fn a_large_batch_is_committed_without_waiting() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let notes: Vec<_> = (0..6).map(|n| ben.write(&vec![n; 900_000])).collect();
    world.run(&mut [&mut ben, &mut anna]);
    assert!(notes.iter().all(|note| anna.has(note)));
    assert!(!ben.durable.is_empty(), "the window never ended, but there was enough");
}

#[test]
fn what_is_held_already_is_acknowledged_again() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = ben.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna]);
    let again = entries(&ben, Chain::Content, vec![ben.bodies[&note].clone()]);
    ben.came.clear();
    world.send(&mut ben, &again);
    assert!(ben.came.is_empty());
    world.settle(&mut [&mut ben, &mut anna]);
    assert_eq!(ben.came, [5], "an acknowledgement and nothing else");
    assert_eq!(world.relay.store().ids(&ben.space()).iter().filter(|id| **id == note).count(), 1);
}

#[test]
fn a_have_names_only_what_is_durable() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    world.disconnect(&mut anna);
    let note = ben.write(b"sealed");
    world.run(&mut [&mut ben]);
    assert!(!world.relay.store().ids(&ben.space()).contains(&note));
    world.open(&mut anna);
    assert!(anna.has(&note));
    assert!(world.relay.store().ids(&ben.space()).contains(&note), "committed before it was named");
}

#[test]
fn a_wrong_signature_ends_the_channel_and_nothing_is_kept() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let mut forged = ben.sign(b"sealed").entry;
    forged.signature = Signature([7; 64]);
    let before = world.relay.store().ids(&ben.space()).len();
    let frame = entries(&ben, Chain::Content, vec![forged]);
    world.send(&mut ben, &frame);
    world.settle(&mut [&mut ben, &mut anna]);
    assert_eq!(ben.take_ended(), [Code::Entry]);
    assert_eq!(world.relay.store().ids(&ben.space()).len(), before);
    assert_eq!(anna.take_ended(), [], "nobody else is concerned");
}

#[test]
fn entries_before_a_refused_one_are_kept_and_those_after_it_are_not() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let good = ben.write(b"good");
    let good_entry = ben.bodies[&good].clone();
    let mut bad = ben.sign(b"bad").entry;
    bad.body = b"changed".to_vec();
    let frame = entries(&ben, Chain::Content, vec![good_entry, bad]);
    world.send(&mut ben, &frame);
    world.settle(&mut [&mut ben, &mut anna]);
    assert_eq!(ben.take_ended(), [Code::Entry]);
    assert!(anna.has(&good));
}

#[test]
fn an_entry_of_another_chain_than_its_frame_says_is_refused() {
    let mut world = World::new();
    let (mut ben, _anna) = pair(&mut world);
    let entry = ben.sign(b"sealed").entry;
    let frame = entries(&ben, Chain::Control, vec![entry]);
    world.send(&mut ben, &frame);
    assert_eq!(ben.take_ended(), [Code::Entry]);
}

#[test]
fn an_entry_that_does_not_link_is_answered_with_what_is_here_but_not_for_ever() {
    let mut world = World::new();
    let (mut ben, _anna) = pair(&mut world);
    let place = Place { version: 1, chain: Chain::Content, seq: 9, prev: Some(unknown()), epoch: Some([5; 8]) };
    let lost = Entry::sign(&ben.space(), &ben.secret(), &place, b"sealed".to_vec()).entry;
    let frame = entries(&ben, Chain::Content, vec![lost]);
    ben.came.clear();
    world.send(&mut ben, &frame);
    assert_eq!(ben.came, [kind(&Frame::Have(Have::default()))]);
    for _ in 0..99 {
        world.send(&mut ben, &frame);
    }
    assert_eq!(ben.take_ended(), [Code::Limit]);
    assert!(ben.came.len() < 20, "{} frames", ben.came.len());
}

#[test]
fn an_entry_whose_predecessor_is_another_ones_place_is_refused_at_once() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = ben.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna]);
    let before = world.relay.store().ids(&ben.space()).len();
    for seq in [2, 3, u64::MAX] {
        // Anna's entry says that it follows Ben's.
        let place = Place { version: 1, chain: Chain::Content, seq, prev: Some(note), epoch: Some([5; 8]) };
        let wrong = Entry::sign(&anna.space(), &anna.secret(), &place, b"sealed".to_vec());
        let frame = entries(&anna, Chain::Content, vec![wrong.entry]);
        anna.came.clear();
        anna.events.clear();
        world.send(&mut anna, &frame);
        assert_eq!(anna.take_ended(), [Code::Entry]);
        assert!(!anna.came.contains(&kind(&Frame::Have(Have::default()))), "nothing is asked for: {:?}", anna.came);
        assert!(matches!(&anna.events[..], [Event::Refused(error)] if error.entry == Some(wrong.id)));
        world.open(&mut anna);
    }
    assert_eq!(world.relay.store().ids(&ben.space()).len(), before);
    assert_eq!(ben.take_ended(), [], "nobody else is concerned");
}

#[test]
fn both_branches_of_a_forked_chain_reach_everybody() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let (left, right) = (ben.sign(b"left"), ben.sign(b"right"));
    for branch in [&left, &right] {
        ben.log.append_content(branch.clone());
        ben.bodies.insert(branch.id, branch.entry.clone());
    }
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.has(&left.id) && anna.has(&right.id));
    assert!([left.id, right.id].iter().all(|id| ben.durable.contains(id)));
    assert_eq!(ben.take_ended(), []);
}

#[test]
fn a_control_entry_overtakes_content_that_waits_for_room() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    world.deaf.insert(anna.id);
    (0..8).for_each(|n| _ = ben.write(&vec![n; 900_000]));
    world.settle(&mut [&mut ben, &mut anna]);
    let forget = ben.control(Record::Forget(Forget { item: alliance_replica::id::Id::new([1; 16]) }));
    world.settle(&mut [&mut ben, &mut anna]);
    anna.came.clear();
    world.deaf.clear();
    world.relay.written(anna.id, usize::MAX);
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.has(&forget));
    let have = kind(&Frame::Have(Have::default()));
    assert!(anna.came.contains(&have), "it is named as soon as it is durable, so that nothing is sealed without it");
    assert_eq!(ben.log.chains().len(), anna.log.chains().len());
}

#[test]
fn a_slow_reader_is_given_no_more_than_has_room_and_the_rest_later() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    world.deaf.insert(anna.id);
    let notes: Vec<_> = (0..30).map(|n| ben.write(&vec![n; 400_000])).collect();
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(ben.durable.contains(&notes[29]), "who writes is not held up");
    assert!(!anna.closed);
    world.deaf.clear();
    world.relay.written(anna.id, usize::MAX);
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(notes.iter().all(|note| anna.has(note)));
}

#[test]
fn a_slow_reader_with_many_channels_is_given_no_more_than_has_room() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let own = anna.secret();
    (0..4).for_each(|_| world.open_as(&mut anna, &own));
    world.deaf.insert(anna.id);
    (0..10).for_each(|n| _ = ben.write(&vec![n; 400_000]));
    world.settle(&mut [&mut ben, &mut anna]);
    let mut came = BTreeMap::new();
    loop {
        let frames = world.unread(&anna);
        let waiting: usize = frames.iter().map(Vec::len).sum();
        assert!(waiting < 2_000_000, "{waiting} bytes at once");
        if frames.is_empty() {
            break;
        }
        for frame in frames {
            world.relay.written(anna.id, frame.len());
            if let Frame::Entries(frame) = Frame::decode(&frame).expect("is well formed") {
                *came.entry(frame.channel).or_insert(0) += frame.entries.len();
            }
        }
        world.run(&mut []);
    }
    assert_eq!(came.into_values().collect::<Vec<_>>(), [10; 5], "every channel gets all in the end");
}

#[test]
fn what_was_read_back_from_disk_goes_out_in_bounded_frames() {
    let mut world = World::forgetful();
    let (mut ben, mut anna) = pair(&mut world);
    world.disconnect(&mut anna);
    let notes: Vec<_> = (0..12).map(|n| ben.write(&vec![n; 400_000])).collect();
    world.settle(&mut [&mut ben]);
    world.disconnect(&mut ben);
    assert_eq!(world.relay.loaded(), 0);
    world.open(&mut anna);
    assert!(notes.iter().all(|note| anna.has(note)));
}

#[test]
fn an_entry_that_waited_for_its_author_reaches_everybody() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let mut tablet = Laptop::new(3, ben.space());
    for id in world.relay.store().ids(&ben.space()) {
        let author = ben.log.chains().meta(&id).expect("is held").head.device;
        tablet.restore(&author, &ben.bodies[&id]);
    }
    let early = tablet.sign(b"sealed");
    let frame = Entries {
        channel: anna.channel,
        device: tablet.device(),
        chain: Chain::Content,
        entries: vec![early.entry.clone()],
    };
    world.send(&mut anna, &Frame::Entries(frame).encode());
    assert_eq!(anna.take_ended(), []);
    ben.add_device(3);
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(ben.has(&early.id), "also whoever made its author known");
    assert!(world.relay.store().ids(&ben.space()).contains(&early.id));
}

#[test]
fn who_brought_an_entry_before_its_author_hears_that_it_is_there() {
    let mut world = World::new();
    let (mut ben, _anna) = pair(&mut world);
    let mut tablet = Laptop::new(3, ben.space());
    for id in world.relay.store().ids(&ben.space()) {
        let author = ben.log.chains().meta(&id).expect("is held").head.device;
        tablet.restore(&author, &ben.bodies[&id]);
    }
    let early = tablet.sign(b"sealed");
    let entries = vec![early.entry.clone()];
    let frame = Entries { channel: ben.channel, device: tablet.device(), chain: Chain::Content, entries };
    world.send(&mut ben, &Frame::Entries(frame).encode());
    let channel = ben.channel;
    let names = |world: &mut World, ben: &Laptop| {
        world.line(ben).peer(channel).expect("is open").heads().any(|head| head.id == early.id)
    };
    ben.add_device(3);
    world.run(&mut [&mut ben]);
    assert!(!names(&mut world, &ben), "it is not on disk yet");
    world.settle(&mut [&mut ben]);
    assert!(names(&mut world, &ben));
}

#[test]
fn a_reader_for_whom_too_much_waits_is_dropped_with_a_reason() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    world.deaf.insert(anna.id);
    let spaces = (0..4000u16).map(|n| SpaceId::new(std::array::from_fn(|at| n.to_be_bytes()[at % 2])));
    let live =
        |space| Append { space, entries: Vec::new(), live: Some(vec![Living { device: device(77), agreed: true }]) };
    world.relay.store_mut().append(&spaces.map(live).collect::<Vec<_>>()).expect("the store works");
    for _ in 0..200 {
        world.line(&anna).find(&secret(77));
    }
    world.run(&mut [&mut anna]);
    assert!(anna.closed);
    assert_eq!(anna.take_ended(), [Code::Slow]);
    let note = ben.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(ben.durable.contains(&note), "nobody else is concerned");
}

#[test]
fn whispers_reach_the_others_and_only_from_who_whispers() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let whisper = |channel, device| {
        let sealed = vec![1; 40];
        Whisper { channel, epoch: [5; 8], device, counter: 1, sealed, signature: Signature([0; 64]) }
    };
    let kind = kind(&Frame::Whisper(whisper(1, ben.device())));
    let (own, other) = (whisper(ben.channel, ben.device()), whisper(ben.channel, anna.device()));
    ben.came.clear();
    anna.came.clear();
    world.relay.handle(ben.id, &Frame::Whisper(own).encode(), world.now);
    world.relay.handle(ben.id, &Frame::Whisper(other).encode(), world.now);
    world.settle(&mut [&mut ben, &mut anna]);
    assert_eq!((ben.came.clone(), anna.came.clone()), (vec![], vec![kind]));
}

#[test]
fn a_space_leaves_memory_with_its_last_reader() {
    let mut world = World::forgetful();
    for seed in 1..40 {
        let mut laptop = Laptop::founder(seed);
        world.open(&mut laptop);
        laptop.write(b"sealed");
        world.run(&mut [&mut laptop]);
        world.disconnect(&mut laptop);
        assert_eq!(world.relay.loaded(), 1, "what waits for the store keeps it");
        world.relay.commit();
        assert_eq!(world.relay.loaded(), 0);
    }
    assert_eq!(world.relay.store().len(), 39);
}

#[test]
fn who_fills_a_space_does_not_close_it_to_the_other_nor_to_its_own_cuts() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    ben.add_device(3);
    world.settle(&mut [&mut ben, &mut anna]);
    let mut tablet = Laptop::new(3, ben.space());
    world.open(&mut tablet);
    let forget = || Record::Forget(Forget { item: alliance_replica::id::Id::new([1; 16]) });
    // Genesis, invitation, confirmation, device.
    (4..limits::CONTROL_ENTRIES).for_each(|_| _ = ben.control(forget()));
    world.settle(&mut [&mut ben, &mut anna, &mut tablet]);
    assert_eq!(ben.take_ended(), []);
    let over = ben.control(forget());
    world.settle(&mut [&mut ben, &mut anna, &mut tablet]);
    assert_eq!(ben.take_ended(), [Code::Limit]);
    let cut = tablet.control(Record::Cut(Cut { device: ben.device(), reason: Reason::Lost }));
    let other = anna.control(forget());
    world.settle(&mut [&mut anna, &mut tablet]);
    assert!(anna.has(&cut) && anna.durable.contains(&other) && tablet.has(&other) && !anna.has(&over));
    assert_eq!((anna.take_ended(), tablet.take_ended()), (vec![], vec![]));
    world.open(&mut ben);
    assert_eq!(ben.take_ended(), [Code::NotMember]);
}

#[test]
fn a_cut_reaches_those_who_stay() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let cut = ben.control(Record::Cut(Cut { device: ben.device(), reason: Reason::Unsaid }));
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.has(&cut));
    assert!(ben.durable.contains(&cut), "who cuts itself still learns that it is on disk");
    assert_eq!((ben.take_ended(), anna.take_ended()), (vec![Code::NotMember], vec![]));
}

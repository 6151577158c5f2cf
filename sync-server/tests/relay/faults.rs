//! Crashes, full disks, damage, and bytes that are no frames.

use alliance_replica::{
    exchange::frame::{Code, Error, Frame},
    limits,
};

use alliance_sync_server::store::MemoryStore;

use crate::world::{Laptop, World, kind, pair};

#[test]
fn after_a_crash_exactly_what_was_acknowledged_is_there() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let kept = ben.write(b"kept");
    world.settle(&mut [&mut ben, &mut anna]);
    let lost = ben.write(b"lost");
    world.run(&mut [&mut ben, &mut anna]);
    assert!(anna.has(&lost) && !ben.durable.contains(&lost));
    let mut after = World::with(world.relay.store().clone());
    let ids = after.relay.store().ids(&ben.space());
    assert!(ids.contains(&kept) && !ids.contains(&lost));
    assert!(ben.durable.iter().all(|id| ids.contains(id)));
    assert_eq!(after.relay.key(), world.relay.key());
    after.open(&mut anna);
    after.settle(&mut [&mut anna]);
    assert!(after.relay.store().ids(&ben.space()).contains(&lost), "who has it gives it back");
    let mut fresh = Laptop::new(1, ben.space());
    after.open(&mut fresh);
    assert!(fresh.has(&kept) && fresh.has(&lost));
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_and_everything_comes_again() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let mut other = Laptop::founder(30);
    world.open(&mut other);
    world.settle(&mut [&mut other]);
    world.relay.store_mut().set_full(true);
    let note = ben.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna, &mut other]);
    assert!(!ben.durable.contains(&note));
    assert_eq!((ben.take_ended(), anna.take_ended()), (vec![Code::Storage], vec![Code::Storage]));
    assert!(ben.closed && anna.closed);
    assert_eq!((other.take_ended(), other.closed), (vec![], false), "another space goes on");
    assert_eq!(world.relay.loaded(), 1);
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), [Code::Storage], "still full");
    world.relay.store_mut().set_full(false);
    world.open(&mut ben);
    world.open(&mut anna);
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(ben.durable.contains(&note));
    assert_eq!((ben.take_ended(), anna.take_ended()), (vec![], vec![]));
}

#[test]
fn what_could_not_be_written_is_named_to_nobody() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let mut other = Laptop::new(1, ben.space());
    for laptop in [&mut anna, &mut other] {
        world.disconnect(laptop);
        world.connect(laptop);
        laptop.came.clear();
    }
    ben.write(b"sealed");
    world.run(&mut [&mut ben]);
    world.relay.store_mut().set_full(true);
    for laptop in [&mut anna, &mut other] {
        let secret = laptop.secret();
        world.line(laptop).open(&laptop.log, &secret).expect("is proven");
    }
    world.run(&mut [&mut ben, &mut anna, &mut other]);
    let error = kind(&Frame::Error(Error { code: Code::Storage, channel: None, entry: None }));
    assert_eq!((anna.came, other.came), (vec![error], vec![error]));
}

#[test]
fn a_new_space_that_could_not_be_written_is_forgotten() {
    let mut world = World::new();
    world.relay.store_mut().set_full(true);
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), [Code::Storage]);
    assert!(ben.durable.is_empty() && world.relay.store().is_empty());
    assert_eq!(world.relay.loaded(), 0);
    world.relay.store_mut().set_full(false);
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert_eq!(ben.durable.len(), 1);
}

#[test]
fn a_damaged_space_is_refused_and_the_others_are_served() {
    let mut world = World::forgetful();
    let (mut ben, mut anna) = pair(&mut world);
    let mut other = Laptop::founder(30);
    world.open(&mut other);
    world.settle(&mut [&mut ben, &mut anna, &mut other]);
    for laptop in [&mut ben, &mut anna, &mut other] {
        world.disconnect(laptop);
    }
    let genesis = world.relay.store().ids(&ben.space())[0];
    world.relay.store_mut().lose(&ben.space(), &genesis);
    world.open(&mut ben);
    assert_eq!(ben.take_ended(), [Code::Storage]);
    world.open(&mut other);
    assert_eq!(other.take_ended(), []);
}

#[test]
fn an_entry_that_the_disk_lost_or_changed_ends_the_channel_that_needs_it() {
    for harm in [MemoryStore::lose, MemoryStore::damage] {
        let mut world = World::new();
        let (mut ben, mut anna) = pair(&mut world);
        world.disconnect(&mut anna);
        let note = ben.write(b"sealed");
        world.settle(&mut [&mut ben]);
        harm(world.relay.store_mut(), &ben.space(), &note);
        world.open(&mut anna);
        assert_eq!(anna.take_ended(), [Code::Storage]);
        assert_eq!(ben.take_ended(), []);
    }
}

#[test]
fn bytes_that_are_no_frame_end_the_connection_and_nothing_else() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = ben.sign(b"sealed");
    let entries = Frame::Entries(alliance_replica::exchange::frame::Entries {
        channel: 1,
        device: ben.device(),
        chain: alliance_replica::log::heads::Chain::Content,
        entries: vec![note.entry],
    })
    .encode();
    let mut wrong: Vec<Vec<u8>> = (0..entries.len()).step_by(7).map(|end| entries[..end].to_vec()).collect();
    wrong.push([entries.as_slice(), &[0]].concat());
    wrong.push(vec![4; limits::FRAME + 1]);
    wrong.push(vec![99; limits::FRAME + 1]);
    wrong.push([vec![3, 0xa4, 0, 1, 1, 0x9b], vec![0xff; 8]].concat());
    for frame in wrong {
        world.open(&mut ben);
        ben.take_ended();
        world.send(&mut ben, &frame);
        assert_eq!(ben.take_ended(), [Code::Frame]);
        assert!(ben.closed);
    }
    world.open(&mut ben);
    world.send(&mut ben, &vec![99; limits::FRAME]);
    assert_eq!(ben.take_ended(), [], "of a later kind, and as large as may be");
    world.relay.unreadable(ben.id);
    world.run(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), [Code::Frame]);
    let note = anna.write(b"sealed");
    world.settle(&mut [&mut anna]);
    assert!(anna.durable.contains(&note));
}

#[test]
fn every_changed_byte_of_an_entry_is_harmless() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = ben.sign(b"sealed");
    let frame = Frame::Entries(alliance_replica::exchange::frame::Entries {
        channel: 1,
        device: ben.device(),
        chain: alliance_replica::log::heads::Chain::Content,
        entries: vec![note.entry],
    })
    .encode();
    let before = world.relay.store().ids(&ben.space()).len();
    for at in 0..frame.len() {
        world.open(&mut ben);
        let mut frame = frame.clone();
        frame[at] ^= 0x55;
        world.send(&mut ben, &frame);
        world.settle(&mut [&mut ben, &mut anna]);
        world.disconnect(&mut ben);
    }
    assert_eq!(world.relay.store().ids(&ben.space()).len(), before);
    assert_eq!(anna.take_ended(), []);
}

#[test]
fn a_relay_that_stops_writes_what_it_has_and_says_goodbye() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = ben.write(b"sealed");
    world.run(&mut [&mut ben, &mut anna]);
    world.relay.shut_down();
    world.run(&mut [&mut ben, &mut anna]);
    assert!(ben.durable.contains(&note));
    assert!(world.relay.store().ids(&ben.space()).contains(&note));
    assert_eq!((ben.take_ended(), anna.take_ended()), (vec![Code::Closing], vec![Code::Closing]));
    world.connect(&mut anna);
    assert_eq!(anna.take_ended(), [Code::Closing]);
    assert!(anna.closed);
}

#[test]
fn a_connection_that_opens_too_many_spaces_is_stopped() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.connect(&mut ben);
    let secret = ben.secret();
    for n in 0..=limits::CHANNELS {
        let mut space = [0; 16];
        space[..8].copy_from_slice(&n.to_be_bytes());
        let log = alliance_replica::log::Log::new(alliance_replica::id::SpaceId::new(space));
        let line = world.line(&ben);
        line.open(&log, &secret).expect("is proven");
        let open = line.poll_transmit().expect("an opening");
        while line.poll_transmit().is_some() {}
        world.relay.handle(ben.id, &open, world.now);
    }
    world.run(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), [Code::Limit]);
    assert!(ben.closed);
}

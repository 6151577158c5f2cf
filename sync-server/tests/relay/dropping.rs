//! A space whose people want it forgotten.

use alliance_replica::{
    exchange::{
        Event,
        frame::{Code, Dropped},
    },
    id::Secret,
    log::control::{AddDevice, AddedRole, Cut, Leave, Reason, Record},
};

use crate::world::{Laptop, World, device, keys, pair, secret};

/// What the relay answers to a key that wants a laptop's space forgotten.
fn ask(world: &mut World, laptop: &mut Laptop, key: &Secret) -> Option<Code> {
    let space = laptop.space();
    laptop.events.clear();
    world.line(laptop).ask_to_drop(space, key);
    world.settle(&mut [laptop]);
    let answer = laptop.events.iter().find_map(|event| match event {
        Event::Dropped(Dropped { space: named, code }) if *named == space => Some(*code),
        _ => None,
    });
    answer.expect("an answer")
}

fn held(world: &World, laptop: &Laptop) -> usize {
    world.relay.store().ids(&laptop.space()).len()
}

#[test]
fn an_alliance_is_dropped_once_both_have_left_and_by_nobody_before() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    ben.write(b"words");
    world.settle(&mut [&mut ben, &mut anna]);
    let mut stranger = Laptop::new(9, ben.space());
    world.connect(&mut stranger);
    for (laptop, key) in [(&mut ben, 1), (&mut stranger, 9)] {
        assert_eq!(ask(&mut world, laptop, &secret(key)), Some(Code::NotMember));
    }
    ben.control(Record::Leave(Leave {}));
    world.settle(&mut [&mut ben, &mut anna]);
    assert_eq!(ask(&mut world, &mut ben, &secret(1)), Some(Code::NotMember), "Anna is still in");
    let all = held(&world, &ben);
    anna.control(Record::Leave(Leave {}));
    world.settle(&mut [&mut anna, &mut ben]);
    assert_eq!(held(&world, &ben), all + 1);
    assert_eq!(ask(&mut world, &mut stranger, &secret(9)), Some(Code::NotMember));
    assert_eq!(ask(&mut world, &mut ben, &secret(1)), None);
    assert_eq!((held(&world, &ben), world.relay.status().expect("counts").totals.spaces), (0, 0));
    assert_eq!(ask(&mut world, &mut anna, &secret(2)), Some(Code::UnknownSpace), "it is done");
}

#[test]
fn a_device_that_was_cut_drops_nothing() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    ben.add_device(2);
    ben.control(Record::Cut(Cut { device: device(2), reason: Reason::Lost }));
    ben.control(Record::Leave(Leave {}));
    world.settle(&mut [&mut ben]);
    let mut thief = Laptop::new(2, ben.space());
    world.connect(&mut thief);
    assert_eq!(ask(&mut world, &mut thief, &secret(2)), Some(Code::NotMember));
    assert_eq!(ask(&mut world, &mut ben, &secret(1)), None);
}

#[test]
fn a_personal_space_is_dropped_by_the_words_alone_and_who_has_it_open_is_told() {
    let mut world = World::new();
    let mut ben = Laptop::alone(1);
    world.open(&mut ben);
    let mut phone = Laptop::new(2, ben.space());
    ben.add_device(2);
    // Words that a computer made: whoever has that computer could have.
    let consent = keys(8).consent(&secret(8), &ben.space(), &alliance_replica::id::MemberId::of(&device(1)));
    ben.control(Record::AddDevice(AddDevice { device: keys(8), role: AddedRole::Recovery, renews: None, consent }));
    ben.write(b"private");
    world.settle(&mut [&mut ben]);
    world.open(&mut phone);
    world.settle(&mut [&mut ben, &mut phone]);
    assert!(phone.take_ended().is_empty());
    for key in [1, 2, 8, 9] {
        assert_eq!(ask(&mut world, &mut ben, &secret(key)), Some(Code::NotMember), "{key}");
    }
    let mut bare = Laptop::new(3, ben.space());
    world.connect(&mut bare);
    assert_eq!(ask(&mut world, &mut bare, &secret(101)), None);
    assert_eq!(held(&world, &ben), 0);
    world.settle(&mut [&mut phone]);
    assert_eq!(phone.take_ended(), [Code::UnknownSpace]);
    // It may come again, as after any loss.
    world.open(&mut phone);
    world.settle(&mut [&mut phone]);
    assert!(held(&world, &ben) > 0);
}

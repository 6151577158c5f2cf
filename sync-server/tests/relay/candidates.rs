//! Openers that have still to show why they belong: how many there may be, and who goes when there is no room.

use std::{net::Ipv4Addr, time::Duration};

use alliance_replica::exchange::frame::Code;
use alliance_sync_server::{
    policy::{Address, Policy},
    replica::{Origin, Reason},
    store::MemoryStore,
};

use crate::world::{Laptop, World};

fn world(candidates: u32, per_address: u32) -> World {
    let mut policy = Policy::default();
    (policy.connections.candidates, policy.connections.candidates_per_address) = (candidates, per_address);
    assert_eq!(policy.validate(), Ok(()));
    World::with_policy(MemoryStore::default(), policy)
}

fn from(n: u8) -> Origin {
    Origin { address: Some(Address::of(Ipv4Addr::new(192, 0, 2, n).into())), token: None }
}

/// Opens a space of this seed from an address, and says no more.
fn silent(world: &mut World, address: u8, seed: u8) -> Laptop {
    world.origin = from(address);
    let mut laptop = Laptop::founder(seed);
    world.connect(&mut laptop);
    world.open_silently(&mut laptop);
    laptop
}

/// Brings the space of this seed from an address; why it is not taken, if it is not.
fn bring(world: &mut World, address: u8, seed: u8) -> Vec<Code> {
    world.origin = from(address);
    let mut laptop = Laptop::founder(seed);
    world.open(&mut laptop);
    world.settle(&mut [&mut laptop]);
    laptop.take_ended()
}

fn candidates(world: &World) -> usize {
    world.relay.status().expect("counts").candidates
}

#[test]
fn openers_that_say_nothing_keep_nobody_out_however_many_they_are() {
    let mut world = world(8, 4);
    let mut mute: Vec<_> = (1..=40).map(|n| silent(&mut world, n % 5, n)).collect();
    assert_eq!(candidates(&world), 8);
    assert_eq!(bring(&mut world, 100, 80), [], "from elsewhere");
    assert_eq!(bring(&mut world, 1, 81), [], "from beside them");
    let mut all: Vec<_> = mute.iter_mut().collect();
    world.run(&mut all);
    let told = mute.iter_mut().map(Laptop::take_ended).filter(|ended| *ended == [Code::Limit]).count();
    assert!(told >= 33 && candidates(&world) < 8, "those that waited longest are told so: {told}");
}

#[test]
fn an_address_has_its_share_and_no_more() {
    let mut world = world(8, 3);
    let others: Vec<_> = (1..=4).map(|n| silent(&mut world, n, n)).collect();
    let mut mute: Vec<_> = (5..=40).map(|n| silent(&mut world, 9, n)).collect();
    assert_eq!(candidates(&world), 4 + 3);
    let mut all: Vec<_> = mute.iter_mut().collect();
    world.run(&mut all);
    let told: Vec<_> = mute.iter_mut().map(|laptop| laptop.take_ended().len()).collect();
    assert_eq!(told, [[1; 33].as_slice(), &[0; 3]].concat(), "its own go, the first ones first");
    drop(others);
}

#[test]
fn who_has_said_what_it_has_is_not_put_out_by_who_has_not() {
    let mut world = world(2, 2);
    let mut undecided: Vec<_> = (1..=2).map(Laptop::founder).collect();
    for laptop in &mut undecided {
        world.connect(laptop);
        // It hears nothing, so that it is asked and does not answer.
        world.deaf.insert(laptop.id);
        let secret = laptop.secret();
        world.open_as(laptop, &secret);
    }
    assert_eq!(candidates(&world), 2);
    let mut late = silent(&mut world, 9, 3);
    world.run(&mut [&mut late]);
    assert_eq!((late.take_ended(), candidates(&world)), (vec![Code::Limit], 2));
    let refusals = world.relay.status().expect("counts").counters.refusals;
    assert_eq!(refusals.get(&Reason::Candidates), Some(&1));
    world.now.elapsed += Duration::from_secs(61);
    world.relay.tick(world.now);
    assert_eq!(bring(&mut world, 9, 3), [], "nor for ever");
}

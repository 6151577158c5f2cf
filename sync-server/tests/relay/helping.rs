//! Whose endpoints are helped to connect, and until when.

use alliance_replica::{
    exchange::frame::{Code, Frame},
    id::ReplicaKey,
    log::control::{Cut, Reason, Record},
};
use alliance_sync_server::{policy::Policy, replica::Help, store::MemoryStore};

use crate::world::{Laptop, World, pair};

const ENDPOINT: u8 = 15;

fn key(seed: u8) -> ReplicaKey {
    ReplicaKey::new([seed; 32])
}

/// Names an endpoint as a laptop.
fn name(world: &mut World, laptop: &mut Laptop, endpoint: ReplicaKey) {
    world.line(laptop).name_endpoint(endpoint);
    world.run(&mut [laptop]);
}

fn helps(world: &mut World) -> Vec<Help> {
    std::iter::from_fn(|| world.relay.poll_help()).collect()
}

#[test]
fn a_device_of_a_space_is_helped_while_it_has_it_open() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    name(&mut world, &mut ben, key(1));
    name(&mut world, &mut anna, key(2));
    assert_eq!(helps(&mut world), [Help::Begin(key(1)), Help::Begin(key(2))]);
    assert_eq!(ben.came.last(), Some(&ENDPOINT), "it is told so");
    name(&mut world, &mut ben, key(3));
    assert_eq!(helps(&mut world), [Help::End(key(1)), Help::Begin(key(3))], "a new one takes the place of the old");
    world.disconnect(&mut ben);
    assert_eq!(helps(&mut world), [Help::End(key(3))]);
    assert_eq!(world.relay.status().expect("counts").endpoints, 1);
}

#[test]
fn a_stranger_is_not_helped_and_a_device_that_is_cut_no_more() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let mut stranger = Laptop::new(9, ben.space());
    world.connect(&mut stranger);
    name(&mut world, &mut stranger, key(9));
    let secret = stranger.secret();
    world.open_as(&mut stranger, &secret);
    assert_eq!(stranger.take_ended(), [Code::NotMember]);
    assert_eq!(helps(&mut world), []);
    ben.add_device(3);
    world.settle(&mut [&mut ben, &mut anna]);
    let mut second = Laptop::new(3, ben.space());
    world.open(&mut second);
    name(&mut world, &mut second, key(3));
    assert_eq!(helps(&mut world), [Help::Begin(key(3))]);
    ben.control(Record::Cut(Cut { device: second.device(), reason: Reason::Lost }));
    world.run(&mut [&mut ben, &mut anna, &mut second]);
    assert_eq!(second.take_ended(), [Code::NotMember]);
    assert_eq!(helps(&mut world), [Help::End(key(3))], "at once");
}

#[test]
fn an_endpoint_for_which_two_connections_speak_is_helped_until_both_are_gone() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    name(&mut world, &mut ben, key(1));
    name(&mut world, &mut anna, key(1));
    world.disconnect(&mut ben);
    assert_eq!(helps(&mut world), [Help::Begin(key(1))]);
    world.disconnect(&mut anna);
    assert_eq!(helps(&mut world), [Help::End(key(1))]);
}

#[test]
fn a_relay_that_does_not_help_says_nothing() {
    let mut policy = Policy::default();
    policy.direct.help = false;
    let mut world = World::with_policy(MemoryStore::default(), policy);
    let (mut ben, _anna) = pair(&mut world);
    name(&mut world, &mut ben, key(1));
    assert_eq!(helps(&mut world), []);
    assert!(!ben.came.contains(&ENDPOINT));
    let frame = Frame::Endpoint(alliance_replica::exchange::frame::Endpoint { key: key(1) }).encode();
    world.send(&mut ben, &frame);
    assert!(!ben.closed, "nor does it mind");
}

//! A relay that lost a space, or never had it, gets it from its devices.

use alliance_replica::{
    exchange::frame::{Code, Entries, Frame, Have, HeldHead},
    id::SpaceId,
    log::{
        control::{Control, Purpose, Record},
        heads::{Chain, Head},
    },
};
use alliance_sync_server::store::MemoryStore;

use crate::world::{Laptop, World, device, join, kind, pair, secret, unknown};

#[test]
fn a_new_space_is_made_by_its_founder() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    let note = ben.write(b"sealed");
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert!(ben.durable.contains(&note));
    assert_eq!(world.relay.store().ids(&ben.space()).len(), 2);
    assert_eq!(ben.take_ended(), []);
}

#[test]
fn a_wiped_relay_is_healed_by_any_one_device() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let notes = [ben.write(b"one"), anna.write(b"two")];
    world.settle(&mut [&mut ben, &mut anna]);
    let all = world.relay.store().ids(&ben.space()).len();
    let mut wiped = World::with(MemoryStore::default());
    anna.durable.clear();
    wiped.open(&mut anna);
    wiped.settle(&mut [&mut anna]);
    assert_eq!(wiped.relay.store().ids(&ben.space()).len(), all);
    assert!(notes.iter().all(|note| anna.durable.contains(note)), "whoever wrote it");
    let mut fresh = Laptop::new(1, ben.space());
    wiped.open(&mut fresh);
    assert!(notes.iter().all(|note| fresh.has(note)));
}

#[test]
fn two_devices_heal_a_wiped_relay_at_once() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let notes = [ben.write(b"one"), anna.write(b"two")];
    let mut wiped = World::with(MemoryStore::default());
    for laptop in [&mut ben, &mut anna] {
        wiped.connect(laptop);
    }
    for laptop in [&mut ben, &mut anna] {
        let secret = laptop.secret();
        wiped.line(laptop).open(&laptop.log, &secret).expect("is proven");
    }
    wiped.settle(&mut [&mut ben, &mut anna]);
    assert_eq!((ben.take_ended(), anna.take_ended()), (vec![], vec![]));
    assert!(notes.iter().all(|note| ben.has(note) && anna.has(note)));
    assert_eq!(wiped.relay.store().ids(&ben.space()).len(), ben.log.chains().len());
}

#[test]
fn an_older_copy_that_does_not_know_a_member_learns_of_it_from_that_member() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    ben.write(b"before");
    world.settle(&mut [&mut ben]);
    let yesterday = world.relay.store().clone();
    let mut anna = join(&mut world, &mut ben, 2);
    let note = anna.write(b"after");
    world.settle(&mut [&mut ben, &mut anna]);
    let mut restored = World::with(yesterday);
    anna.durable.clear();
    restored.open(&mut anna);
    restored.settle(&mut [&mut anna]);
    assert_eq!(anna.take_ended(), []);
    assert!(anna.durable.contains(&note));
    assert_eq!(restored.relay.store().ids(&ben.space()).len(), anna.log.chains().len());
}

#[test]
fn an_unknown_space_is_not_stored_for_who_does_not_belong_to_it() {
    let mut world = World::new();
    let ben = Laptop::founder(1);
    let mut thief = Laptop::new(9, ben.space());
    ben.bodies.values().for_each(|genesis| thief.restore(&ben.device(), genesis));
    world.open(&mut thief);
    world.settle(&mut [&mut thief]);
    assert_eq!(thief.take_ended(), [Code::NotMember]);
    assert!(world.relay.store().is_empty());
    assert_eq!((world.relay.loaded(), world.relay.commit_due()), (0, None));
}

#[test]
fn who_opens_an_unknown_space_with_empty_hands_is_told_so() {
    let mut world = World::new();
    let mut anna = Laptop::new(2, SpaceId::new([8; 16]));
    world.connect(&mut anna);
    world.open_as(&mut anna, &secret(50));
    assert_eq!(anna.take_ended(), [Code::UnknownSpace]);
}

#[test]
fn a_genesis_signed_by_another_makes_no_space_and_stops_nobody() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    let body = ben.bodies.values().next().expect("the genesis").body.clone();
    let mut thief = Laptop::new(9, ben.space());
    let record = Control::decode(&body).expect("own genesis").record;
    thief.control(record);
    world.open(&mut thief);
    world.settle(&mut [&mut thief]);
    assert_eq!(thief.take_ended(), [Code::NotMember]);
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), []);
    assert_eq!(world.relay.store().ids(&ben.space()).len(), 1);
}

#[test]
fn a_candidate_that_sends_for_ever_is_stopped() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    let mut thief = Laptop::new(9, ben.space());
    for n in 0..120u8 {
        ben.control(Record::Unknown { kind: 99, body: vec![n; 60_000] });
    }
    let arrivals = ben.log.chains().arrivals(Chain::Control);
    for id in arrivals.iter().map(|at| ben.log.chains().at(*at).head.id) {
        thief.restore(&ben.device(), &ben.bodies[&id]);
    }
    world.open(&mut thief);
    world.settle(&mut [&mut thief]);
    assert_eq!(thief.take_ended(), [Code::Limit]);
    assert!(world.relay.store().is_empty());
}

#[test]
fn an_invited_person_heals_nothing_but_is_let_in_once_the_space_is_back() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    ben.invite(50, Purpose::Member, u64::MAX);
    let mut anna = Laptop::new(2, ben.space());
    world.connect(&mut anna);
    world.open_as(&mut anna, &secret(50));
    assert_eq!(anna.take_ended(), [Code::UnknownSpace]);
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    world.open_as(&mut anna, &secret(50));
    assert_eq!(anna.take_ended(), []);
    assert_eq!(anna.log.chains().len(), 2);
}

#[test]
fn a_redemption_that_the_relay_lost_is_brought_again_by_who_waits_to_be_confirmed() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    ben.invite(50, Purpose::Member, u64::MAX);
    world.settle(&mut [&mut ben]);
    let yesterday = world.relay.store().clone();
    let mut anna = Laptop::new(2, ben.space());
    world.connect(&mut anna);
    world.open_as(&mut anna, &secret(50));
    let redeem = anna.redeem(50);
    world.settle(&mut [&mut anna]);
    anna.take_ended();
    let mut restored = World::with(yesterday);
    restored.open(&mut anna);
    restored.settle(&mut [&mut anna]);
    assert_eq!(anna.take_ended(), []);
    assert!(restored.relay.store().ids(&ben.space()).contains(&redeem));
    let mut wiped = World::new();
    wiped.open(&mut anna);
    assert_eq!(anna.take_ended(), [Code::UnknownSpace], "but it makes no space");
}

#[test]
fn who_claims_to_know_more_and_then_sends_content_is_sent_away() {
    let mut world = World::new();
    let (ben, _anna) = pair(&mut world);
    let mut thief = Laptop::new(9, ben.space());
    world.connect(&mut thief);
    let line = world.line(&thief);
    line.open(&Laptop::new(9, ben.space()).log, &secret(9)).expect("is proven");
    let open = line.poll_transmit().expect("an opening");
    while line.poll_transmit().is_some() {}
    world.send(&mut thief, &open);
    assert_eq!(thief.take_ended(), [], "its Have decides");
    let head = Head { device: device(9), chain: Chain::Control, seq: 1, id: unknown() };
    let have = Have { channel: 1, heads: vec![HeldHead { head, low: 1 }], ..Have::default() };
    world.send(&mut thief, &Frame::Have(have).encode());
    assert_eq!(thief.came.last(), Some(&kind(&Frame::Have(Have::default()))), "it is asked");
    let (chain, entries) = (Chain::Content, vec![thief.sign(b"sealed").entry]);
    let frame = Entries { channel: 1, device: thief.device(), chain, entries };
    world.send(&mut thief, &Frame::Entries(frame).encode());
    assert_eq!(thief.take_ended(), [Code::NotMember]);
}

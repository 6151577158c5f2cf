//! Who may open a space, and for how long.

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Code, Entries, Frame, Open},
    },
    log::{
        control::{Confirm, Cut, Leave, Purpose, Reason, Record},
        heads::Chain,
    },
};
use alliance_sync_server::replica::Reason as RefusalReason;

use crate::world::{Laptop, World, device, join, pair, secret};

#[test]
fn a_stranger_is_refused_and_learns_nothing() {
    let mut world = World::new();
    let (ben, _anna) = pair(&mut world);
    let mut stranger = Laptop::new(9, ben.space());
    world.open(&mut stranger);
    assert_eq!(stranger.take_ended(), [Code::NotMember]);
    assert!(stranger.log.chains().is_empty());
    assert_eq!(stranger.came, [0, 1, 9], "handshake and refusal, no Have");
}

#[test]
fn a_stranger_who_claims_to_know_more_is_told_nothing_and_refused_in_the_end() {
    let mut world = World::new();
    let (ben, _anna) = pair(&mut world);
    let founder = Laptop::founder(9);
    let mut stranger = Laptop::new(9, ben.space());
    for entry in founder.bodies.values() {
        stranger.restore(&founder.device(), entry);
    }
    world.open(&mut stranger);
    assert_eq!(stranger.take_ended(), [Code::Entry], "its genesis is another space's");
    assert_eq!(world.relay.store().len(), 1);
    assert!(world.relay.store().ids(&founder.space()).is_empty());
}

#[test]
fn a_cut_device_is_refused_at_once_and_hears_nothing_more() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let mut second = own_device(&mut world, &mut ben, 3);
    ben.control(Record::Cut(Cut { device: second.device(), reason: Reason::Lost }));
    world.run(&mut [&mut ben, &mut anna, &mut second]);
    assert_eq!(second.take_ended(), [Code::NotMember], "before anything is committed");
    let after = ben.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna, &mut second]);
    assert!(anna.has(&after) && !second.has(&after));
    world.open(&mut second);
    assert_eq!(second.take_ended(), [Code::NotMember]);
    assert!(!second.has(&after));
}

/// Another device of the founder, connected.
fn own_device(world: &mut World, ben: &mut Laptop, seed: u8) -> Laptop {
    ben.add_device(seed);
    world.settle(&mut [ben]);
    let mut second = Laptop::new(seed, ben.space());
    world.open(&mut second);
    world.settle(&mut [ben, &mut second]);
    assert_eq!(second.take_ended(), []);
    second
}

#[test]
fn who_leaves_learns_that_it_is_on_disk_and_is_let_go() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let leave = anna.control(Record::Leave(Leave {}));
    world.run(&mut [&mut ben, &mut anna]);
    let unread = ben.write(b"sealed");
    world.run(&mut [&mut ben, &mut anna]);
    assert!(!anna.has(&unread), "nothing is sent to who left");
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.durable.contains(&leave));
    assert_eq!(anna.take_ended(), [Code::NotMember]);
}

#[test]
fn an_invitation_opens_until_it_runs_out() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    ben.invite(50, Purpose::Member, world.now.unix + 10);
    let note = ben.write(b"sealed");
    world.settle(&mut [&mut ben]);
    world.now.unix += 10;
    let mut early = Laptop::new(2, ben.space());
    world.connect(&mut early);
    world.open_as(&mut early, &secret(50));
    assert!(early.has(&note), "the invited person reads at once, in the last second");
    world.now.unix += 1;
    early.redeem(50);
    world.settle(&mut [&mut ben, &mut early]);
    assert_eq!(early.take_ended(), [Code::Expired], "it was open, but it is too late to append");
    let mut late = Laptop::new(3, ben.space());
    world.connect(&mut late);
    world.open_as(&mut late, &secret(50));
    assert_eq!(late.take_ended(), [Code::Expired]);
    assert!(late.log.chains().is_empty());
}

#[test]
fn an_invitation_is_taken_up_in_its_last_second_and_not_in_the_next() {
    for (late, taken) in [(0, true), (1, false)] {
        let mut world = World::new();
        let mut ben = Laptop::founder(1);
        world.open(&mut ben);
        ben.invite(50, Purpose::Member, world.now.unix + 10);
        world.settle(&mut [&mut ben]);
        let mut anna = Laptop::new(2, ben.space());
        world.connect(&mut anna);
        world.open_as(&mut anna, &secret(50));
        world.now.unix += 10 + late;
        let redeem = anna.redeem(50);
        world.settle(&mut [&mut ben, &mut anna]);
        assert_eq!(world.relay.store().ids(&ben.space()).contains(&redeem), taken, "{late} seconds late");
        assert_eq!(anna.take_ended(), [Code::Expired], "redeemed or ended, the key is dead");
    }
}

#[test]
fn a_used_invitation_opens_nothing() {
    let mut world = World::new();
    let (_ben, mut anna) = pair(&mut world);
    let counted = |world: &World| {
        let refusals = world.relay.status().expect("counts").counters.refusals;
        [RefusalReason::Ended, Code::Expired.into()].map(|why| refusals.get(&why).copied().unwrap_or(0))
    };
    assert_eq!(counted(&world), [1, 0], "a join is no refusal of a stranger");
    world.open_as(&mut anna, &secret(50));
    assert_eq!(anna.take_ended(), [Code::Expired]);
    assert_eq!(counted(&world), [1, 1]);
}

#[test]
fn a_device_that_waits_to_be_confirmed_reads_but_stores_nothing_of_its_own() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    ben.invite(50, Purpose::Member, u64::MAX);
    world.settle(&mut [&mut ben]);
    let mut anna = Laptop::new(2, ben.space());
    world.connect(&mut anna);
    world.open_as(&mut anna, &secret(50));
    let redeem = anna.redeem(50);
    world.settle(&mut [&mut ben, &mut anna]);
    anna.take_ended();
    let own = anna.secret();
    world.open_as(&mut anna, &own);
    let note = ben.write(b"sealed");
    let early = anna.write(b"too early");
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.has(&note));
    assert!(!world.relay.store().ids(&ben.space()).contains(&early) && !anna.durable.contains(&early));
    assert_eq!(anna.take_ended(), [], "it goes on reading");
    let confirm = ben.control(Record::Confirm(Confirm { redeem }));
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.has(&confirm));
    world.disconnect(&mut anna);
    world.open(&mut anna);
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.durable.contains(&early) && ben.has(&early), "once confirmed it is stored");
}

/// The founder, and two people who have opened the space with the same invitation.
fn invited_twice(world: &mut World) -> (Laptop, [Laptop; 2]) {
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    ben.invite(50, Purpose::Member, u64::MAX);
    world.settle(&mut [&mut ben]);
    let mut laptops = [2, 3].map(|seed| Laptop::new(seed, ben.space()));
    for laptop in &mut laptops {
        world.connect(laptop);
        world.open_as(laptop, &secret(50));
    }
    (ben, laptops)
}

#[test]
fn an_invitation_is_redeemed_once() {
    let mut world = World::new();
    let (mut ben, [mut anna, mut thief]) = invited_twice(&mut world);
    anna.redeem(50);
    world.settle(&mut [&mut ben, &mut anna, &mut thief]);
    assert_eq!(thief.take_ended(), [Code::Expired], "the key is dead before anything is confirmed");
    let late = thief.redeem(50);
    for (key, code) in [(thief.secret(), Code::NotMember), (secret(50), Code::Expired)] {
        world.open_as(&mut thief, &key);
        world.settle(&mut [&mut ben, &mut anna, &mut thief]);
        assert_eq!(thief.take_ended(), [code]);
    }
    assert!(!world.relay.store().ids(&ben.space()).contains(&late));
}

#[test]
fn of_two_redemptions_at_once_only_the_confirmed_one_stays() {
    let mut world = World::new();
    let (mut ben, [mut anna, mut thief]) = invited_twice(&mut world);
    let (redeem, other) = (anna.redeem(50), thief.redeem(50));
    for entry in [&anna.bodies[&redeem], &thief.bodies[&other]] {
        // Ben met both without the relay.
        ben.log.receive(&device(50), Chain::Control, vec![entry.clone()]);
        ben.restore_body(&device(50), entry);
    }
    world.settle(&mut [&mut ben]);
    world.run(&mut [&mut anna, &mut thief]);
    for laptop in [&mut anna, &mut thief] {
        assert_eq!(laptop.take_ended(), [Code::Expired]);
        let own = laptop.secret();
        world.open_as(laptop, &own);
    }
    world.settle(&mut [&mut ben, &mut anna, &mut thief]);
    assert_eq!((anna.take_ended(), thief.take_ended()), (vec![], vec![]), "both wait");
    ben.control(Record::Confirm(Confirm { redeem }));
    world.settle(&mut [&mut ben, &mut anna, &mut thief]);
    assert_eq!((anna.take_ended(), thief.take_ended()), (vec![], vec![Code::NotMember]));
}

#[test]
fn a_proof_of_another_connection_or_channel_or_space_is_refused() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let open = |world: &mut World, laptop: &mut Laptop| {
        world.connect(laptop);
        let (secret, line) = (laptop.secret(), laptop.id);
        let channel = world.line(laptop).open(&laptop.log, &secret).expect("is proven");
        let frame = world.line(laptop).poll_transmit().expect("an opening");
        assert_eq!((line, channel), (laptop.id, 1));
        match Frame::decode(&frame).expect("own frame") {
            Frame::Open(open) => open,
            other => panic!("{other:?}"),
        }
    };
    let stolen = open(&mut world, &mut ben);
    for wrong in [Frame::Open(stolen.clone()), Frame::Open(Open { device: anna.device(), ..stolen.clone() })] {
        world.connect(&mut anna);
        world.send(&mut anna, &wrong.encode());
        assert_eq!(anna.take_ended(), [Code::Proof]);
        assert!(anna.closed);
    }
    for wrong in [
        Open { channel: 2, ..stolen.clone() },
        Open { space: alliance_replica::id::Id::new([9; 16]), ..stolen.clone() },
    ] {
        let fresh = open(&mut world, &mut ben);
        let wrong = Open { proof: fresh.proof, ..wrong };
        world.send(&mut ben, &Frame::Open(wrong).encode());
        assert_eq!(ben.take_ended(), [Code::Proof]);
    }
}

#[test]
fn a_replica_that_cannot_prove_its_key_is_refused() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.connect(&mut ben);
    let mut other = Exchange::new(Role::Initiator, secret(77), [1; 32]);
    let (hello, _) = (other.poll_transmit().expect("a hello"), ());
    world.relay.connect(alliance_sync_server::replica::ConnectionId(99), [3; 32]);
    ben.id = alliance_sync_server::replica::ConnectionId(99);
    world.relay.handle(ben.id, &hello, world.now);
    let prove = alliance_replica::exchange::frame::Prove { signature: alliance_replica::id::Signature([1; 64]) };
    world.relay.handle(ben.id, &Frame::Prove(prove).encode(), world.now);
    let mut said = Vec::new();
    while let Some(output) = world.relay.poll() {
        said.push(output);
    }
    let error = alliance_replica::exchange::frame::Error { code: Code::Proof, channel: None, entry: None };
    let to = ben.id;
    let expected = alliance_sync_server::replica::Output::Send { to, frame: Frame::Error(error).encode() };
    assert!(said.contains(&expected));
    assert_eq!(said.last(), Some(&alliance_sync_server::replica::Output::Close { to }));
}

#[test]
fn nothing_is_done_before_both_keys_are_proven() {
    let mut world = World::new();
    let (ben, mut anna) = pair(&mut world);
    let note = ben.sign(b"sealed");
    let frame = Entries { channel: 1, device: ben.device(), chain: Chain::Content, entries: vec![note.entry] };
    anna.id = alliance_sync_server::replica::ConnectionId(99);
    world.relay.connect(anna.id, [4; 32]);
    world.relay.handle(anna.id, &Frame::Entries(frame).encode(), world.now);
    world.relay.commit();
    assert!(!world.relay.store().ids(&ben.space()).contains(&note.id));
}

#[test]
fn a_key_finds_the_spaces_in_which_it_lives() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let mut other = Laptop::founder(30);
    world.open(&mut other);
    world.settle(&mut [&mut other]);
    let found = |world: &mut World, asker: &mut Laptop, seed: u8| {
        asker.events.clear();
        world.line(asker).find(&secret(seed));
        world.run(&mut [asker]);
        match asker.events.as_slice() {
            [Event::Found(found)] if found.device == device(seed) => found.spaces.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(found(&mut world, &mut other, 101), [ben.space()], "a recovery key");
    assert_eq!(found(&mut world, &mut other, 2), [ben.space()]);
    assert_eq!(found(&mut world, &mut other, 77), []);
    assert_eq!(found(&mut world, &mut other, 50), [], "a redeemed key is dead");
    anna.control(Record::Leave(Leave {}));
    world.settle(&mut [&mut ben, &mut anna]);
    assert_eq!(found(&mut world, &mut other, 2), []);
}

#[test]
fn a_recovery_key_opens_pulls_and_appends() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = ben.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna]);
    let mut words = Laptop::new(101, ben.space());
    world.open(&mut words);
    assert!(words.has(&note));
    let cut = words.control(Record::Cut(Cut { device: ben.device(), reason: Reason::Lost }));
    world.settle(&mut [&mut ben, &mut anna, &mut words]);
    assert!(words.durable.contains(&cut) && anna.has(&cut));
    assert_eq!((words.take_ended(), ben.take_ended()), (vec![], vec![Code::NotMember]));
}

#[test]
fn a_third_person_cannot_be_let_in_over_the_relay() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    ben.invite(51, Purpose::Member, u64::MAX);
    world.settle(&mut [&mut ben, &mut anna]);
    let mut third = Laptop::new(4, ben.space());
    world.connect(&mut third);
    world.open_as(&mut third, &secret(51));
    assert_eq!(third.take_ended(), [Code::NotMember]);
}

#[test]
fn a_person_joins_by_an_invitation() {
    let mut world = World::new();
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    let mut anna = join(&mut world, &mut ben, 2);
    let note = anna.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(anna.durable.contains(&note) && ben.has(&note));
}

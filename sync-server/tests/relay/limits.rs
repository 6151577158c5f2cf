//! What an operator allows: who may bring a space, how much, how fast, how many, how long.

use std::{net::Ipv4Addr, time::Duration};

use alliance_replica::{
    exchange::frame::{Code, Entries, Frame, Open, Whisper},
    id::{DeviceId, EntryId, Signature, SpaceId},
    log::{
        Log,
        control::{Cut, Grant, Purpose, Reason as CutReason, Record, Wrap},
        entry::Verified,
        heads::Chain,
    },
};
use alliance_sync_server::{
    policy::{Address, Admission, Bucket, Policy, SpaceName, TokenHash},
    replica::{ConnectionId, Origin, Reason},
    store::{Append, MemoryStore, Store as _},
};

use crate::world::{Laptop, World, device, pair, secret, unknown};

const MIB: u64 = 1024 * 1024;

fn world(change: impl FnOnce(&mut Policy)) -> World {
    let mut policy = Policy::default();
    change(&mut policy);
    assert_eq!(policy.validate(), Ok(()));
    World::with_policy(MemoryStore::default(), policy)
}

fn from(n: u8) -> Origin {
    Origin { address: Some(Address::of(Ipv4Addr::new(192, 0, 2, n).into())), token: None }
}

fn refused(world: &World, why: Reason) -> u64 {
    world.relay.status().expect("counts").counters.refusals.get(&why).copied().unwrap_or_default()
}

/// A relay that wants the token "right".
fn guarded() -> Policy {
    Policy { admission: Admission::Token { tokens: vec![TokenHash::of("right")] }, ..Policy::default() }
}

#[test]
fn a_token_is_needed_to_bring_a_space_and_never_to_use_it() {
    let mut world = World::with_policy(MemoryStore::default(), guarded());
    let mut ben = Laptop::founder(1);
    for token in [None, Some(TokenHash::of("wrong"))] {
        world.origin.token = token;
        world.open(&mut ben);
        world.settle(&mut [&mut ben]);
        assert_eq!(ben.take_ended(), [Code::Token]);
        assert!(world.relay.store().is_empty() && ben.durable.is_empty());
    }
    let counted = [Code::Token.into(), Reason::WrongToken].map(|why| refused(&world, why));
    assert_eq!(counted, [1, 1], "whoever runs it sees whether somebody has no token or a wrong one");
    world.origin.token = Some(TokenHash::of("right"));
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert_eq!((ben.take_ended(), ben.durable.len()), (vec![], 1));
    world.origin.token = None;
    world.open(&mut ben);
    let note = ben.write(b"sealed");
    world.settle(&mut [&mut ben]);
    assert!(ben.durable.contains(&note), "whoever belongs to the space needs no token");
}

#[test]
fn a_wiped_relay_is_healed_by_whoever_has_a_token_and_then_open_to_all() {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    let note = anna.write(b"sealed");
    world.settle(&mut [&mut ben, &mut anna]);
    let mut wiped = World::with_policy(MemoryStore::default(), guarded());
    wiped.open(&mut anna);
    wiped.settle(&mut [&mut anna]);
    assert_eq!(anna.take_ended(), [Code::Token]);
    wiped.origin.token = Some(TokenHash::of("right"));
    wiped.open(&mut ben);
    wiped.settle(&mut [&mut ben]);
    wiped.origin.token = None;
    wiped.open(&mut anna);
    let reply = anna.write(b"again");
    wiped.settle(&mut [&mut ben, &mut anna]);
    assert_eq!(anna.take_ended(), []);
    assert!(wiped.relay.store().ids(&ben.space()).contains(&note) && ben.has(&reply));
}

#[test]
fn a_list_lets_in_the_spaces_on_it() {
    let (mut ben, mut other) = (Laptop::founder(1), Laptop::founder(2));
    let spaces = vec![SpaceName(ben.space())];
    let mut world = world(|policy| policy.admission = Admission::List { spaces });
    for laptop in [&mut ben, &mut other] {
        world.open(laptop);
        world.settle(&mut [laptop]);
    }
    assert_eq!((ben.take_ended(), other.take_ended()), (vec![], vec![Code::Token]));
    let refusals = world.relay.status().expect("counts").counters.refusals;
    assert_eq!(refusals.into_iter().collect::<Vec<_>>(), [(Reason::List, 1)]);
    assert_eq!(world.relay.store().len(), 1);
}

/// Writes until the relay refuses it; how many entries it took.
fn fill(world: &mut World, laptop: &mut Laptop, others: &mut [&mut Laptop]) -> usize {
    for n in 0..64_u8 {
        laptop.write(&[n; 256 * 1024]);
        let mut all: Vec<&mut Laptop> = others.iter_mut().map(|it| &mut **it).collect();
        all.push(laptop);
        world.settle(&mut all);
        if !laptop.ended.is_empty() {
            return n.into();
        }
    }
    panic!("it takes everything");
}

#[test]
fn a_full_share_is_refused_while_the_other_goes_on_and_a_cut_still_lands() {
    let mut world = world(|policy| policy.quota.content_bytes = 4 * MIB);
    let (mut ben, mut anna) = pair(&mut world);
    assert_eq!(fill(&mut world, &mut ben, &mut [&mut anna]), 7, "2 MiB are Ben's, and each entry costs a little more");
    assert_eq!(ben.take_ended(), [Code::Limit]);
    assert_eq!(refused(&world, Reason::Quota), 1);
    let note = anna.write(b"sealed");
    world.settle(&mut [&mut anna]);
    assert!(anna.durable.contains(&note), "Anna's half is hers");
    assert_eq!(anna.take_ended(), []);
    let cut = ben.control(Record::Cut(Cut { device: device(101), reason: CutReason::Lost }));
    world.open(&mut ben);
    world.settle(&mut [&mut ben, &mut anna]);
    assert!(world.relay.store().ids(&ben.space()).contains(&cut), "control comes first, and has its own room");
    assert!(anna.has(&cut) && ben.has(&note), "who is full still pulls");
    assert_eq!(ben.take_ended(), [Code::Limit], "what does not fit is refused again");
}

#[test]
fn a_share_stays_full_when_the_space_is_read_back_and_has_room_when_its_limit_is_raised() {
    // Where idle spaces stay in memory it is no different.
    [World::forgetful(), World::new()].into_iter().for_each(a_limit_counts_from_the_next_opening_on);
}

fn a_limit_counts_from_the_next_opening_on(mut world: World) {
    let (mut ben, mut anna) = pair(&mut world);
    assert!(world.relay.store_mut().set_content_limit(&ben.space(), Some(MIB)).expect("is known"));
    for laptop in [&mut ben, &mut anna] {
        world.disconnect(laptop);
    }
    world.open(&mut ben);
    assert_eq!(fill(&mut world, &mut ben, &mut []), 1, "half a MiB is Ben's");
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), [Code::Limit, Code::Limit]);
    assert!(world.relay.store_mut().set_content_limit(&ben.space(), Some(4 * MIB)).expect("is known"));
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), []);
}

#[test]
fn what_the_other_brings_of_a_full_share_is_passed_over_and_the_channel_goes_on() {
    let mut world = world(|policy| policy.quota.content_bytes = 4 * MIB);
    let (mut ben, mut anna) = pair(&mut world);
    fill(&mut world, &mut ben, &mut [&mut anna]);
    world.disconnect(&mut ben);
    // By another way than this relay, Anna has all that Ben wrote.
    let missing: Vec<_> =
        ben.bodies.values().filter(|entry| !anna.bodies.values().any(|it| it == *entry)).cloned().collect();
    assert_eq!(missing.len(), 1);
    missing.iter().for_each(|entry| anna.restore(&device(1), entry));
    let note = anna.write(b"sealed");
    world.settle(&mut [&mut anna]);
    assert!(anna.durable.contains(&note));
    assert_eq!(anna.take_ended(), []);
    assert_eq!(world.relay.status().expect("counts").totals.content_bytes / (256 * 1024), 7);
}

#[test]
fn what_is_kept_in_all_is_bounded_and_memberships_still_change() {
    let mut policy = Policy::default();
    policy.quota.total_bytes = Some(4 * MIB);
    let mut world = World::with_policy(MemoryStore::default(), policy.clone());
    let (mut ben, mut anna) = pair(&mut world);
    assert_eq!(fill(&mut world, &mut ben, &mut [&mut anna]), 15, "each costs a little more");
    assert_eq!(ben.take_ended(), [Code::Limit]);
    // As it is after a start, too.
    let mut again = World::with_policy(world.relay.store().clone(), policy);
    for world in [&mut world, &mut again] {
        let mut other = Laptop::founder(30);
        world.open(&mut other);
        world.settle(&mut [&mut other]);
        assert_eq!((other.take_ended(), world.relay.store().len()), (vec![Code::Limit], 1), "no new space");
        anna.write(&[1; 256 * 1024]);
        world.open(&mut anna);
        world.settle(&mut [&mut anna]);
        assert_eq!(anna.take_ended(), [Code::Limit], "nothing of whoever has written nothing yet");
    }
    assert_eq!(refused(&again, Reason::Quota), 2);
    ben.control(Record::Cut(Cut { device: device(101), reason: CutReason::Lost }));
    let invite = ben.invite(51, Purpose::OwnDevice, u64::MAX);
    again.open(&mut ben);
    again.settle(&mut [&mut ben]);
    assert!(again.relay.store().ids(&ben.space()).contains(&invite));
}

#[test]
fn control_has_a_room_of_its_own_which_cuts_may_exceed() {
    let mut world = world(|policy| policy.quota.control_bytes = MIB);
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    let grant = |wraps| Record::Grant(Grant { epoch: unknown(), wraps });
    // Large ones first, then small ones until not even the smallest fits.
    for wraps in [wraps(), vec![]] {
        let mut entries = 0;
        while ben.ended.is_empty() {
            ben.control(grant(wraps.clone()));
            world.settle(&mut [&mut ben]);
            entries += 1;
            assert!(entries < 100, "it takes everything");
        }
        assert_eq!(ben.take_ended(), [Code::Limit]);
        ben = Laptop::new(1, ben.space());
        world.open(&mut ben);
        world.settle(&mut [&mut ben]);
        assert_eq!(ben.take_ended(), []);
    }
    let cut = ben.control(Record::Cut(Cut { device: device(101), reason: CutReason::Lost }));
    world.settle(&mut [&mut ben]);
    assert!(ben.durable.contains(&cut));
}

fn wraps() -> Vec<Wrap> {
    (0..200).map(|n| Wrap { device: DeviceId::new([n; 32]), sealed: [0; 80] }).collect()
}

#[test]
fn who_goes_too_fast_is_asked_to_rest_and_sent_away_if_it_does_not() {
    for is_device in [true, false] {
        let mut world = world(|policy| {
            let slow = Bucket::new(10, 40);
            if is_device { policy.rate.device_frames = slow } else { policy.rate.address_frames = slow }
        });
        world.origin = from(1);
        let mut ben = Laptop::founder(1);
        world.open(&mut ben);
        world.settle(&mut [&mut ben]);
        let whisper = |world: &mut World, ben: &mut Laptop| {
            let whisper = Whisper {
                channel: ben.channel,
                epoch: [0; 8],
                device: ben.device(),
                counter: 1,
                sealed: vec![],
                signature: Signature([0; 64]),
            };
            world.send(ben, &Frame::Whisper(whisper).encode());
        };
        assert_eq!(world.relay.rest(ben.id), None);
        while world.relay.rest(ben.id).is_none() {
            whisper(&mut world, &mut ben);
            assert!(!ben.closed, "it is asked first");
        }
        let rest = world.relay.rest(ben.id).expect("is asked");
        assert_eq!(rest, Duration::from_millis(100), "one frame too many at ten a second");
        world.now.elapsed = rest;
        whisper(&mut world, &mut ben);
        assert!(!ben.closed);
        (0..60).for_each(|_| whisper(&mut world, &mut ben));
        assert_eq!((ben.take_ended(), ben.closed), (vec![Code::Limit], true));
        assert_eq!(refused(&world, Reason::Rate), 1);
    }
}

#[test]
fn openings_are_counted_by_address_before_any_signature_is_looked_at() {
    let mut world = world(|policy| policy.rate.address_opens = Bucket::new(1, 3));
    world.origin = from(1);
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    world.open_as(&mut ben, &secret(1));
    world.settle(&mut [&mut ben]);
    assert_eq!(ben.take_ended(), []);
    let forged = Open { channel: 77, space: ben.space(), device: device(1), proof: Signature([1; 64]) };
    world.send(&mut ben, &Frame::Open(forged).encode());
    assert_eq!((ben.take_ended(), ben.closed), (vec![Code::Limit], false), "not even told that it is forged");
    let (mut other, mut later) = (Laptop::founder(2), Laptop::founder(3));
    world.connect(&mut other);
    assert_eq!((other.take_ended(), other.closed), (vec![Code::Limit], true));
    world.origin = from(2);
    world.open(&mut later);
    world.settle(&mut [&mut later]);
    assert_eq!(later.take_ended(), [], "another address has a bucket of its own");
    world.origin = from(1);
    world.now.elapsed += Duration::from_secs(3);
    world.open(&mut other);
    assert_eq!(other.take_ended(), []);
}

#[test]
fn new_spaces_are_counted_by_address_and_hour() {
    let mut world = world(|policy| policy.rate.address_spaces_per_hour = 2);
    world.origin = from(1);
    let mut laptops: Vec<_> = (1..=4).map(Laptop::founder).collect();
    let mut bring = |world: &mut World, n: usize| {
        world.open(&mut laptops[n]);
        world.settle(&mut [&mut laptops[n]]);
        laptops[n].take_ended()
    };
    assert_eq!([0, 1, 2].map(|n| bring(&mut world, n)), [vec![], vec![], vec![Code::Limit]]);
    assert_eq!(bring(&mut world, 0), [], "a space that is here is not new");
    assert_eq!(refused(&world, Reason::Spaces), 1);
    world.origin = from(2);
    assert_eq!(bring(&mut world, 2), []);
    world.origin = from(1);
    world.now.elapsed += Duration::from_secs(1800);
    assert_eq!(bring(&mut world, 3), []);
}

#[test]
fn connections_are_bounded_by_address_and_in_all() {
    let mut world = world(|policy| (policy.connections.total, policy.connections.per_address) = (3, 2));
    let come = |world: &mut World, n: u8| {
        world.origin = from(n);
        let mut laptop = Laptop::founder(1);
        world.connect(&mut laptop);
        (laptop.take_ended(), laptop)
    };
    let (first, mut gone) = come(&mut world, 1);
    assert_eq!([first, come(&mut world, 1).0], [vec![], vec![]]);
    assert_eq!(come(&mut world, 1).0, [Code::Limit], "two an address");
    assert_eq!(come(&mut world, 2).0, []);
    assert_eq!(come(&mut world, 3).0, [Code::Limit], "three in all");
    world.disconnect(&mut gone);
    assert_eq!(come(&mut world, 1).0, [], "who went made room");
    assert_eq!(refused(&world, Reason::Connections), 2);
}

#[test]
fn who_does_not_prove_or_open_or_show_anything_in_time_is_let_go() {
    let mut world = World::new();
    let mut idle = Laptop::founder(1);
    world.connect(&mut idle);
    let mut mute = Laptop::founder(2);
    mute.id = ConnectionId(1000);
    world.relay.connect_from(mute.id, [1; 32], Origin::default(), world.now);
    let mut undecided = Laptop::founder(3);
    world.connect(&mut undecided);
    world.deaf.insert(undecided.id);
    let secret = undecided.secret();
    world.open_as(&mut undecided, &secret);
    let mut silent = Laptop::founder(5);
    world.connect(&mut silent);
    world.open_silently(&mut silent);
    let mut seated = Laptop::founder(4);
    world.open(&mut seated);
    world.settle(&mut [&mut idle, &mut seated]);
    let mut wait = |world: &mut World, seconds| {
        world.now.elapsed += Duration::from_secs(seconds);
        world.relay.tick(world.now);
        world.run(&mut [&mut idle, &mut seated]);
        (world.relay.status().expect("counts"), idle.closed)
    };
    let (status, _) = wait(&mut world, 15);
    assert_eq!((status.connections, status.candidates), (5, 2), "in the last second all may stay");
    let (status, _) = wait(&mut world, 1);
    assert_eq!((status.connections, status.candidates), (4, 1), "no proof; nothing said of what it has");
    assert_eq!(wait(&mut world, 44).0.connections, 4);
    let (status, idle_closed) = wait(&mut world, 1);
    assert_eq!((status.connections, status.candidates, idle_closed), (2, 0, true), "nothing open, nothing shown");
    assert_eq!((seated.take_ended(), seated.closed), (vec![], false));
}

#[test]
fn what_waits_for_readers_is_bounded_in_all_and_the_slowest_goes_first() {
    let mut world = world(|policy| policy.memory.outbound_bytes_total = 12 * MIB);
    let (mut ben, mut anna) = pair(&mut world);
    let mut deaf: Vec<Laptop> = Vec::new();
    for _ in 0..20 {
        let mut laptop = Laptop::new(2, ben.space());
        world.open(&mut laptop);
        world.settle(&mut [&mut laptop]);
        world.deaf.insert(laptop.id);
        deaf.push(laptop);
    }
    for n in 0..12_u8 {
        ben.write(&[n; 256 * 1024]);
        world.settle(&mut [&mut ben, &mut anna]);
        assert!(world.relay.status().expect("counts").queued as u64 <= 12 * MIB);
    }
    assert!(refused(&world, Code::Slow.into()) >= 1);
    assert!(!anna.closed && !ben.closed, "who reads stays");
    assert_eq!(ben.durable.len(), ben.log.chains().len() - 1, "all but the redemption are Ben's and on disk");
}

#[test]
fn what_waits_for_its_author_to_be_introduced_is_bounded_over_all_spaces() {
    let mut world = world(|policy| policy.memory.waiting_bytes_total = 2 * MIB);
    let mut ended = Vec::new();
    for seed in 1..=8 {
        let (mut ben, mut stranger) = (Laptop::founder(seed), Laptop::founder(90));
        world.open(&mut ben);
        world.settle(&mut [&mut ben]);
        stranger.log = Log::new(ben.space());
        let entry = stranger.sign(&[1; 512 * 1024]).entry;
        let (channel, device, chain) = (ben.channel, device(90), Chain::Content);
        let entries = Entries { channel, device, chain, entries: vec![entry] };
        world.send(&mut ben, &Frame::Entries(entries).encode());
        ended.push(ben.take_ended());
    }
    assert!(ended[..3].iter().all(Vec::is_empty));
    assert_eq!(ended[3..], vec![vec![Code::Limit]; 5]);
}

#[test]
fn memory_stays_flat_however_many_spaces_are_stored() {
    let mut store = MemoryStore::default();
    store.secret(&[1; 32]).expect("keeps");
    let founder = Laptop::founder(1);
    let genesis = founder.log.chains().heads().next().expect("a genesis").head.id;
    let entry = founder.bodies[&genesis].clone().trusted(&founder.space(), &founder.device()).expect("is whole");
    let space = |n: u32| SpaceId::from_slice(&[n.to_be_bytes(); 4].concat()).expect("16 bytes");
    let other = |n: u32| Verified {
        id: EntryId::from_slice(&[n.to_be_bytes(); 8].concat()).expect("32 bytes"),
        ..entry.clone()
    };
    let spaces = (0..100_000).map(|n| Append { space: space(n), entries: vec![other(n)], live: None });
    store.append(&spaces.collect::<Vec<_>>()).expect("appends");
    let mut policy = Policy::default();
    policy.memory.idle_spaces = 8;
    let mut world = World::with_policy(store, policy);
    assert_eq!(world.relay.loaded(), 0, "a start loads nothing");
    let mut laptops: Vec<_> = (1..=20).map(Laptop::founder).collect();
    for laptop in &mut laptops {
        world.open(laptop);
        world.settle(&mut [laptop]);
        assert_eq!(laptop.take_ended(), []);
        world.disconnect(laptop);
        assert!(world.relay.loaded() <= 8);
    }
    world.open(&mut laptops[19]);
    assert_eq!(world.relay.loaded(), 8, "the last one was still there");
    world.open(&mut laptops[0]);
    assert_eq!((world.relay.loaded(), laptops[0].take_ended()), (9, vec![]), "7 idle and 2 open ones");
}

#[test]
fn a_long_space_does_not_stay_and_no_more_spaces_are_loaded_than_allowed() {
    let mut world = world(|policy| {
        (policy.memory.idle_entries, policy.memory.spaces, policy.memory.idle_spaces) = (4, 2, 2);
    });
    let mut short = Laptop::founder(9);
    world.open(&mut short);
    world.settle(&mut [&mut short]);
    world.disconnect(&mut short);
    let mut long = Laptop::founder(1);
    (0..4).for_each(|n| _ = long.write(&[n]));
    world.open(&mut long);
    world.settle(&mut [&mut long]);
    world.disconnect(&mut long);
    assert_eq!(world.relay.loaded(), 1, "the short one stays");
    let mut laptops: Vec<_> = (2..=4).map(Laptop::founder).collect();
    for laptop in &mut laptops {
        world.open(laptop);
        world.settle(&mut [laptop]);
    }
    assert_eq!(laptops.iter_mut().map(Laptop::take_ended).collect::<Vec<_>>(), [vec![], vec![], vec![Code::Limit]]);
    world.disconnect(&mut laptops[0]);
    world.open(&mut laptops[2]);
    assert_eq!(laptops[2].take_ended(), [], "an idle space makes room");
}

#[test]
fn who_comes_as_a_candidate_brings_no_more_control_than_the_share_holds() {
    let mut world = world(|policy| policy.quota.control_bytes = MIB);
    let mut ben = Laptop::founder(1);
    world.open(&mut ben);
    world.settle(&mut [&mut ben]);
    world.disconnect(&mut ben);
    let mut brought = Vec::new();
    for seed in 30..33 {
        brought.extend((0..60).map(|n| ben.control(Record::Unknown { kind: 99, body: vec![n; 60_000] })));
        ben.add_device(seed);
        let mut other = Laptop::new(seed, ben.space());
        let arrivals = ben.log.chains().arrivals(Chain::Control);
        for id in arrivals.iter().map(|at| ben.log.chains().at(*at).head.id) {
            other.restore(&ben.device(), &ben.bodies[&id]);
        }
        world.open(&mut other);
        world.settle(&mut [&mut other]);
        world.disconnect(&mut other);
    }
    let held = world.relay.store().ids(&ben.space());
    let bytes = brought.iter().filter(|id| held.contains(id)).count() * 60_000;
    assert!(bytes as u64 <= MIB, "{bytes} bytes of control, and the space may have {MIB}");
}

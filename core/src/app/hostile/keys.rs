//! Keys: whom they are for, and how many there can be.

use std::collections::BTreeSet;

use alliance_replica::log::control::{Epoch, Parent, Wrap};

use super::*;
use crate::keys::Keyring;

/// Anna adds more devices than one epoch may wrap its key for.
#[test]
fn many_devices_of_another_member_do_not_stop_sealing() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let mut last: Option<Verified> = None;
    let mut all = Vec::new();
    for _ in 0..250 {
        let new = DeviceSecret::generate(&mut stage.rng);
        let add = stage.add(&anna, last.as_ref(), &base, &new, None);
        last = Some(add.clone());
        all.push(add);
    }
    stage.give(&all);
    let mut world = World { now: 1_800_000_001, rng: &mut stage.rng };
    let note = note_intent("mine", "words");
    stage.ben.add(Place::Alliance(stage.space), &note, &mut world).expect("adds");
    stage.seal();
    let loaded = stage.ben.space(&stage.space).expect("space");
    assert!(loaded.row.last.is_some());
    assert_eq!(loaded.log.fold().wrap_targets().len(), 253, "with Ben, Anna and his words");
    assert_eq!(loaded.log.fold().usable_epochs(&loaded.device()).len(), 1, "all of them hold its key");
}

/// Anna mints more epochs than one record can name as parents, and two that pretend to open each other.
#[test]
fn no_epoch_is_left_behind_however_many_there_are() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let (space, ben) = (stage.space, stage.ben.space(&stage.space).expect("space").secret.keys());
    let mut ring = Keyring::new(space);
    let mut tip: Option<Verified> = None;
    let mut minted = Vec::new();
    let keys: Vec<_> = (0..300).map(|_| EpochKey::generate(&mut stage.rng)).collect();
    for key in &keys {
        ring.insert(key.clone());
    }
    for (at, key) in keys.iter().enumerate() {
        let epoch = key.id(&space);
        let wraps = vec![key.wrap(&space, &anna.id(), &ben, &mut stage.rng)];
        // The first two open each other; the fifth pretends to open the fourth.
        let parents = match at {
            0 => vec![key.seal_parent(&space, &keys[1], &mut stage.rng)],
            1 => vec![key.seal_parent(&space, &keys[0], &mut stage.rng)],
            4 => vec![Parent { epoch: keys[3].id(&space), sealed: [0; 72] }],
            _ => Vec::new(),
        };
        let record = Record::Epoch(Epoch { id: epoch, parents, wraps });
        let entry = control(&space, &anna, tip.as_ref(), if at == 0 { &base } else { &[] }, record);
        tip = Some(entry.clone());
        minted.push(entry);
    }
    stage.give(&minted);
    stage.write("mine");
    stage.seal();
    // Whoever has the key of Ben's last epoch has all of them.
    let loaded = stage.ben.space(&space).expect("space");
    let usable = loaded.log.fold().usable_epochs(&loaded.device());
    let entry = usable.last().expect("minted");
    let Some((_, Control { record: Record::Epoch(epoch), .. })) = loaded.log.dag().record(entry) else { panic!() };
    let mut fresh = Keyring::new(space);
    fresh.insert(loaded.keyring.key(&epoch.id).expect("here").clone());
    fresh.learn(loaded.log.dag().entries().map(|(id, by, control)| (id, by, &control.record)), &[]);
    assert_eq!(fresh.epochs().collect::<Vec<_>>(), loaded.keyring.epochs().collect::<Vec<_>>());
    assert!(keys.iter().all(|key| fresh.key(&key.id(&space)).is_some()));
}

/// Ben made two invitations; Anna used one. Whoever finds the other one reads nothing that is written from now on.
#[test]
fn a_second_invitation_opens_nothing_once_the_other_person_is_in() {
    let mut stage = Stage::new();
    let spare = DeviceSecret::generate(&mut stage.rng);
    // As if it had been made before: a fresh stage with two invitations written by the seal gate.
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let folder = TempDir::new().expect("folder");
    let person = Person { name: "Ben".into(), role: "coach".into() };
    let mut world = World { now: 1_800_000_000, rng: &mut rng };
    let (mut ben, _) = Profile::create(&folder.path().join("p.db"), &person, &mut world).expect("profile");
    let space = ben.new_alliance("Two", Some("http://relay.test"), &mut world).expect("alliance");
    let used = ben.invite(space, 1_900_000_000, &mut world).expect("invites").device_secret();
    let lost = ben.invite(space, 1_900_000_000, &mut world).expect("invites").device_secret();
    ben.seal(&space, NOTHING, &mut world).expect("seals");
    let anna = spare;
    let member = MemberId::of(&anna.id());
    let consent = anna.keys().consent(anna.signing(), &space, &member);
    let redeem = Redeem { device: anna.keys(), recovery: None, consent, recovery_consent: None };
    let after = ben.space(&space).expect("space").log.after(None);
    let redeem = control(&space, &used, None, &after.0, Record::Redeem(redeem));
    give(&mut ben, &space, &[redeem], &mut rng);
    let mut world = World { now: 1_800_000_001, rng: &mut rng };
    ben.add(Place::Alliance(space), &note_intent("a", "b"), &mut world).expect("adds");
    ben.seal(&space, NOTHING, &mut world).expect("seals");
    let loaded = ben.space(&space).expect("space");
    assert!(loaded.log.fold().other_member().is_some(), "Anna is in");
    let targets = loaded.log.fold().wrap_targets();
    assert!(targets.iter().all(|keys| keys.device != lost.id()), "the lost invitation still gets every new epoch");
}

/// Anna mints an epoch that says it is for everybody; the wrap for Ben's phone is noise.
#[test]
fn another_member_cannot_lock_one_of_ones_own_devices_out_of_what_one_writes() {
    let mut stage = Stage::new();
    let (space, anna) = (stage.space, stage.anna());
    let phone = DeviceSecret::generate(&mut stage.rng);
    let Profile { store, spaces, documents, .. } = &mut stage.ben;
    store
        .write::<_, AppError>(|tx| {
            let space = receive::loaded(spaces, tx, &space)?;
            let record = phone.added(&space.id(), &space.row.member, AddedRole::Ordinary, None);
            space.append(tx, Record::AddDevice(record))?;
            let since = apply::Since { control: true, ..Default::default() };
            apply::settle(tx, space, documents, since, 1_800_000_002)?;
            space.store_row(tx)
        })
        .expect("adds");
    stage.write("one");
    stage.seal();
    let opens = |stage: &mut Stage| {
        let loaded = stage.ben.space(&space).expect("space");
        let last = loaded.row.last.expect("sealed");
        let prefix = loaded.log.chains().meta(&last).and_then(|meta| meta.epoch).expect("epoch");
        let mut ring = Keyring::new(space);
        ring.learn(loaded.log.dag().entries().map(|(id, by, control)| (id, by, &control.record)), &[&phone]);
        ring.candidates(prefix).next().is_some()
    };
    assert!(opens(&mut stage), "the phone reads what Ben writes");
    let loaded = stage.ben.space(&space).expect("space");
    let ben = loaded.device();
    let after: Vec<_> = loaded.log.after(None).0.into_iter().filter(|it| it.chain == Chain::Control).collect();
    let targets = loaded.log.fold().wrap_targets();
    let key = EpochKey::generate(&mut stage.rng);
    let wraps = targets.iter().filter(|keys| keys.device != anna.id()).map(|keys| match keys.device == ben {
        true => key.wrap(&space, &anna.id(), keys, &mut stage.rng),
        false => Wrap { device: keys.device, sealed: [7; 80] },
    });
    let parents = vec![key.seal_parent(&space, &stage.key, &mut ChaCha20Rng::seed_from_u64(7))];
    let record = Record::Epoch(Epoch { id: key.id(&space), parents, wraps: wraps.collect() });
    let entry = control(&space, &anna, None, &after, record);
    stage.give(std::slice::from_ref(&entry));
    for n in 0..3 {
        stage.write(&format!("two {n}"));
        stage.seal();
    }
    assert!(opens(&mut stage), "Ben's phone cannot read what Ben's laptop writes any more");
}

/// Anna has many devices, then cuts one after the other. Every cut asks Ben for a fresh epoch.
#[test]
fn a_member_does_not_use_up_the_others_control_entries() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let (mut last, mut all, mut devices) = (None::<Verified>, Vec::new(), Vec::new());
    for _ in 0..250 {
        let new = DeviceSecret::generate(&mut stage.rng);
        let add = stage.add(&anna, last.as_ref(), &base, &new, None);
        last = Some(add.clone());
        all.push(add);
        devices.push(new.id());
    }
    stage.give(&all);
    stage.seal();
    let me = stage.device();
    let written =
        |stage: &mut Stage| stage.ben.space(&stage.space).expect("space").log.chains().highest(&me, Chain::Control);
    let before = written(&mut stage);
    for device in devices.iter().take(4) {
        let cut = Record::Cut(Cut { device: *device, reason: Reason::Lost });
        let cut = control(&stage.space, &anna, last.as_ref(), &[], cut);
        stage.give(std::slice::from_ref(&cut));
        last = Some(cut);
        stage.seal();
    }
    let spent = written(&mut stage) - before;
    assert!(spent <= 4, "4 cuts of Anna's cost Ben {spent} entries, and he has nothing to say");
}

/// Anna hands Ben another key than the one that her record names.
#[test]
fn a_key_that_is_not_what_it_is_said_to_be_is_not_taken_and_named() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let (space, ben) = (stage.space, stage.ben.space(&stage.space).expect("space").secret.keys());
    let [said, handed] = [(); 2].map(|()| EpochKey::generate(&mut stage.rng));
    let mut wrap = handed.wrap(&space, &anna.id(), &ben, &mut stage.rng);
    wrap.sealed[0] ^= 1;
    let record = Record::Epoch(Epoch { id: said.id(&space), parents: Vec::new(), wraps: vec![wrap] });
    let entry = control(&space, &anna, None, &base, record);
    stage.give(std::slice::from_ref(&entry));
    let another = control(
        &space,
        &anna,
        Some(&entry),
        &[],
        Record::Cut(Cut { device: DeviceId::new([9; 32]), reason: Reason::Lost }),
    );
    stage.give(&[another]);
    assert!(stage.ben.space(&space).expect("space").keyring.key(&said.id(&space)).is_none());
    let lines = stage.ben.security().expect("lines");
    let named: Vec<_> = lines.iter().filter(|line| line.kind == "key-does-not-open").collect();
    let [line] = named.as_slice() else { panic!("{} lines", named.len()) };
    assert_eq!(line.about["entry"], entry.id.to_string());
}

/// Anna's other computer names a record that comes only after its own.
#[test]
fn a_record_that_came_before_what_it_names_is_in_the_security_log_once_that_is_here() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let [second, third, fourth] = [(); 3].map(|()| DeviceSecret::generate(&mut stage.rng));
    let first = stage.add(&anna, None, &base, &second, None);
    let named = stage.add(&anna, Some(&first), &[], &third, None);
    let naming = stage.add(&second, None, &[named.head()], &fourth, None);
    let added = |stage: &mut Stage| {
        let told = stage.ben.security().expect("reads").into_iter().filter(|it| it.kind == "device-added");
        told.map(|it| it.about["device"].as_str().expect("a key").to_owned()).collect::<BTreeSet<_>>()
    };
    let keys = |devices: &[&DeviceSecret]| devices.iter().map(|it| it.id().to_string()).collect::<BTreeSet<_>>();
    stage.give(&[first, naming]);
    assert_eq!(added(&mut stage), keys(&[&second]));
    stage.give(&[named]);
    assert_eq!(added(&mut stage), keys(&[&second, &third, &fourth]));
}

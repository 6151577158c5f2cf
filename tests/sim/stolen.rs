//! What is on a lost computer opens nothing that is written after it was cut off, not even with all that the relay has.

use std::collections::{BTreeMap, BTreeSet};

use alliance_core::{
    app::{Backup, Others, Place},
    keys::{Invitation, Words},
};
use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, SpaceId},
    log::{
        control::{Reason, Record},
        heads::Chain,
    },
};
use alliance_tests::{
    RELAY, START, World, note,
    thief::{self, Logged, Thief},
    words::Until,
};
use rusqlite::Connection;

use crate::computers::{invite, keep_private, other, settle, with_two};

const HONEST: [&str; 4] = ["Ben", "Anna", "Carl", "Ben's third"];

/// All that honest computers have.
struct Everything {
    entries: BTreeMap<SpaceId, Vec<Logged>>,
    epochs: BTreeMap<EpochId, [u8; 32]>,
    devices: BTreeMap<DeviceId, [u8; 64]>,
}

impl Everything {
    fn of(world: &World) -> Self {
        let mut all = Self { entries: BTreeMap::new(), epochs: BTreeMap::new(), devices: BTreeMap::new() };
        for laptop in HONEST.into_iter().filter_map(|name| world.people.get(name)) {
            let profile = Connection::open(laptop.folder.path().join("profile.db")).expect("a profile");
            all.devices.extend(thief::devices(&profile).iter().map(|it| (it.id(), *it.to_bytes())));
            for space in thief::spaces(&profile) {
                all.epochs.extend(thief::epochs(&profile, &space));
                let entries = all.entries.entry(space).or_default();
                let known: BTreeSet<_> = entries.iter().map(|it| it.id).collect();
                entries.extend(thief::logged(&profile, &space).into_iter().filter(|it| !known.contains(&it.id)));
            }
        }
        all
    }

    fn ids(&self, chain: Chain) -> BTreeSet<EntryId> {
        let of_chain = self.entries.values().flatten().filter(|it| it.header.chain == chain);
        of_chain.map(|it| it.id).collect()
    }

    /// The epochs of a space by what the log says, with the entries that made them.
    fn minted(&self, space: &SpaceId) -> BTreeMap<EpochId, EntryId> {
        let log = thief::control(space, &self.entries[space]);
        let epoch =
            |(id, _, control): (EntryId, DeviceId, &alliance_replica::log::control::Control)| match &control.record {
                Record::Epoch(epoch) => Some((epoch.id, id)),
                _ => None,
            };
        log.dag().entries().filter_map(epoch).collect()
    }
}

/// The keys by which words bring somebody back: of their own space and of every alliance.
fn recovery_keys(world: &mut World, words: &Words) -> Vec<(DeviceId, [u8; 64])> {
    let own = words.device_secret();
    world.bring_back("Nobody", words, Others::Keep, Until::Personal).expect("comes so far");
    let alliances = world.act("Nobody", |profile, _| profile.lost_alliances(words));
    world.people.remove("Nobody");
    assert!(!alliances.is_empty());
    let all = alliances.iter().map(|it| &it.key).chain([&own]);
    all.map(|key| (key.id(), *key.to_bytes())).collect()
}

/// Ben's tablet with all that a computer may have: what others had not sent, ways in for computers and for a person.
fn before(world: &mut World) -> [SpaceId; 2] {
    let spaces = with_two(world);
    settle(world);
    let expires = START.unsigned_abs() + 86_400;
    world.act("Ben", |profile, outside| profile.invite(spaces[1], expires, outside));
    invite(world, "Ben's tablet");
    settle(world);
    invite(world, "Ben");
    settle(world);
    keep_private(world, "Ben", "Not sent yet");
    let file = world.act("Ben", |profile, outside| profile.back_up(Vec::new(), outside)).0;
    let found: Backup = world.act("Ben's tablet", |profile, _| profile.check_backup(&file[..], None));
    world.act("Ben's tablet", |profile, outside| profile.merge_backup(found, &file[..], None, outside));
    assert!(!world.act("Ben's tablet", |profile, _| profile.aside()).is_empty());
    settle(world);
    spaces
}

/// Everybody writes, somebody comes, Ben takes another computer and begins another alliance.
fn after(world: &mut World, [first, second]: [SpaceId; 2]) {
    let expires = START.unsigned_abs() + 86_400;
    let invitation = world.act("Ben", |profile, outside| profile.invite(second, expires, outside));
    world.sync("Ben");
    world.person("Carl", "client");
    world.join("Carl", Invitation::parse(&invitation.reveal()).expect("an invitation"));
    let way = invite(world, "Ben");
    world.blank("Ben's third");
    world.join("Ben's third", way);
    let later = world.act("Ben", |profile, outside| profile.new_alliance("Later", Some(RELAY), outside));
    for round in 0..3 {
        for name in ["Ben's third", "Ben", "Carl", "Anna", "Ben"] {
            world.tend(name);
        }
        for (name, space) in [("Ben", first), ("Anna", first), ("Ben", second), ("Carl", second), ("Ben", later)] {
            world.add(name, space, note(&format!("{name} afterwards {round}")));
        }
        keep_private(world, "Ben", "Afterwards");
        world.act("Ben", |profile, outside| profile.add(Place::Personal, &note("Afterwards"), outside));
    }
    for name in ["Ben's third", "Ben", "Carl", "Anna", "Ben", "Carl", "Anna"] {
        world.tend(name);
    }
}

/// Whoever is live has keys that the thief has not, and what was made since opens for none of the thief's. How many epochs
/// and entries that were.
fn shut_out(thief: &Thief, known: &Everything, all: &Everything) -> (usize, usize) {
    let (mut epochs, mut written) = (0, 0);
    let had = [Chain::Control, Chain::Content].map(|chain| known.ids(chain));
    for (space, entries) in &all.entries {
        let fold = thief::control(space, entries).fold();
        for (device, state) in fold.devices().filter(|(_, state)| state.live) {
            let secret = all.devices.get(device).unwrap_or_else(|| panic!("whose is {device}, {:?}?", state.role));
            assert!(!thief.has(secret), "the key of {device} in {space}, {:?}", state.role);
            assert!(thief.devices().iter().all(|it| it.id() != *device), "{device} in {space}, {:?}", state.role);
        }
        let (opened, contents) = thief.opens(space, entries);
        for (epoch, entry) in all.minted(space).into_iter().filter(|(_, entry)| !had[0].contains(entry)) {
            epochs += 1;
            assert!(!opened.contains(&epoch), "the key that {entry} made in {space}");
            assert!(!thief.has(&all.epochs[&epoch]), "the key that {entry} made in {space}");
        }
        let new = entries.iter().filter(|it| it.header.chain == Chain::Content && !had[1].contains(&it.id));
        for it in new {
            written += 1;
            assert!(!contents.contains(&it.id), "{} in {space}", it.id);
        }
    }
    (epochs, written)
}

#[test]
fn nothing_on_a_lost_computer_opens_what_is_written_after_its_cut() {
    let mut world = World::new(21);
    let spaces = before(&mut world);
    let known = Everything::of(&world);
    let stolen = world.copy("Ben's tablet");
    let thief = Thief::steal(stolen.path());

    // What it has is found: else nothing would be said by what is not.
    let own = Connection::open(stolen.path().join("profile.db")).expect("a profile");
    for space in known.entries.keys().filter(|it| thief::spaces(&own).contains(*it)) {
        for epoch in known.minted(space).keys() {
            assert!(thief.has(&known.epochs[epoch]), "an epoch from before the cut");
        }
        let (_, contents) = thief.opens(space, &known.entries[space]);
        assert!(!contents.is_empty(), "it reads what was written before");
    }
    let in_tables: BTreeSet<_> = thief::devices(&own).iter().map(|it| it.id()).collect();
    let (kept, told): (Vec<_>, Vec<_>) = thief.devices().iter().partition(|it| in_tables.contains(&it.id()));
    assert!(kept.iter().all(|it| thief.has(&*it.to_bytes())));
    assert!(told.len() >= 4, "ways in that stand in documents alone: {}", told.len());

    let tablet = other(&mut world, "Ben");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    world.sync("Ben");
    world.sync("Anna");
    let mut all = Everything::of(&world);
    for name in ["Ben", "Anna"] {
        let words = world.words_of(name);
        all.devices.extend(recovery_keys(&mut world, &words));
    }
    shut_out(&thief, &known, &all);
    after(&mut world, spaces);

    let mut all = Everything::of(&world);
    for name in ["Ben", "Anna", "Carl"] {
        let words = world.words_of(name);
        let recovery = recovery_keys(&mut world, &words);
        // Not even the computer that made the words, and the keys that they open.
        let maker = Thief::steal(world.copy(name).path());
        for (device, secret) in &recovery {
            assert!(!maker.has(secret), "{name}'s recovery key {device}");
        }
        all.devices.extend(recovery);
        let entropy = bip39::Mnemonic::parse(words.reveal().as_str()).expect("words").to_entropy();
        assert!(!thief.has(&entropy) && !maker.has(&entropy), "{name}'s words");
        let text = words.reveal();
        let few: Vec<_> = text.split(' ').take(3).collect();
        let few = few.join(" ");
        assert!(!thief.reads(few.as_bytes()) && !maker.reads(few.as_bytes()), "{name}'s words");
    }
    let (epochs, written) = shut_out(&thief, &known, &all);
    assert!(epochs >= 5 && written >= 15, "{epochs} epochs, {written} entries");
}

//! What earlier versions wrote: two profiles and a relay's database, and an exchange between one profile and that relay.
//!
//! Each version has a folder in `tests/fixtures`, made once by the version itself: `ALLIANCE_BLESS=<its number>`. What was
//! released is never made anew.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use alliance_core::{
    app::{Calendar, Intent, ItemRef, Others, Place, Profile},
    document::TextEdit,
    domain::{feedback, goal, note},
    keys::{Invitation, Words},
    view::Grain,
};
use alliance_replica::{id::SpaceId, log::control::Reason};
use alliance_sync_server::{backup, store::SqliteStore};
use alliance_tests::{Laptop, RELAY, START, World, words::Until};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::recorded;

/// The files of a version that are databases, and what they are called where they are used.
const DATABASES: [(&str, &str); 3] = [("anna", "profile.db"), ("ben", "profile.db"), ("relay", "relay.sqlite")];

/// What a note is called that both called something else at once.
const PLAN: &str = "Plan for Ben";

#[test]
fn what_every_version_wrote_is_read_edited_and_exchanged() {
    for version in versions() {
        let mut world = opened(&version);
        let space = alliance(&mut world, "Anna");
        let titles = |world: &mut World<SqliteStore>, name: &str| world.titles(name, space);
        assert_eq!(titles(&mut world, "Anna"), ["Diary", "Not sent yet", PLAN], "{version:?}");
        assert_eq!(titles(&mut world, "Ben"), ["From Ben, later", PLAN], "{version:?}");
        read_whole(&mut world, space);

        world.add("Anna", space, note("Of today", "written by this version"));
        let plan = find(&mut world, "Anna", space, PLAN);
        let edit = note::Edit { body: Some(TextEdit::from("One two three four.")), ..note::Edit::default() };
        world.change("Anna", plan, Intent::Note(note::Intent::Edit { item: plan.item, edit }));
        for name in ["Anna", "Ben", "Anna"] {
            assert!(world.try_sync(name).expect("an exchange"), "{name} has not everything");
        }
        let shared = ["From Ben, later", "Not sent yet", "Of today", PLAN];
        assert_eq!(titles(&mut world, "Ben"), shared, "{version:?}");
        let seen = world.act("Ben", |profile, _| profile.item(&plan));
        assert_eq!(seen.summary.texts["body"], "One two three four.", "{version:?}");
        let [ben, anna] = ["Ben", "Anna"].map(|name| world.act(name, |profile, _| profile.heads(space)));
        assert_eq!(ben, anna, "{version:?}");
        for name in ["Ben", "Anna"] {
            let checkup = world.act(name, |profile, _| profile.checkup());
            let damaged = checkup.spaces.iter().any(|space| space.damaged.is_some());
            assert!(checkup.damage.is_empty() && !damaged, "{checkup:?}");
        }
    }
}

/// Anna's laptop is that of the version; her tablet is new.
#[test]
fn who_comes_from_any_version_has_computers_backups_words_and_late_work() {
    for version in versions() {
        let mut world = opened(&version);
        let space = alliance(&mut world, "Anna");
        ["Anna", "Ben", "Anna"].into_iter().for_each(|name| world.sync(name));
        let expires = world.now.unsigned_abs() + 86_400;
        let way = world.act("Anna", |profile, outside| profile.invite_computer(expires, outside));
        world.sync("Anna");
        world.blank("Tablet");
        world.join("Tablet", Invitation::parse(&way.reveal()).expect("an invitation"));
        ["Tablet", "Anna", "Tablet", "Anna", "Tablet"].into_iter().for_each(|name| world.tend(name));
        let before = world.titles("Anna", space);
        assert_eq!(world.titles("Tablet", space), before, "{version:?}");

        // What the tablet had not sent: a backup has some of it, and some comes after the tablet was cut off.
        world.add("Tablet", space, note("In the backup", "it waits"));
        let file = world.act("Tablet", |profile, outside| profile.back_up(Vec::new(), outside)).0;
        let found = world.act("Anna", |profile, _| profile.check_backup(&file[..], None));
        world.act("Anna", |profile, outside| profile.merge_backup(found, &file[..], None, outside));
        assert_eq!(world.act("Anna", |profile, _| profile.aside()).len(), 1, "{version:?}");
        world.add("Tablet", space, note("Late", "nobody has seen it"));
        let lost = world.act("Anna", |profile, _| profile.computers()).into_iter().find(|it| !it.this).expect("it");
        world.act("Anna", |profile, _| profile.cut_computer(&lost, Reason::Lost));
        world.sync("Anna");
        let empty = TempDir::new().expect("a folder");
        world.relay = World::with(SqliteStore::open(empty.path()).expect("a database"), 1).relay;
        ["Tablet", "Anna", "Anna", "Ben"].into_iter().for_each(|name| world.sync(name));
        for late in world.act("Anna", |profile, _| profile.late()) {
            world.act("Anna", |profile, outside| profile.take_late(&late, outside));
        }
        ["Anna", "Ben", "Anna"].into_iter().for_each(|name| world.sync(name));
        let mut all = before;
        all.extend(["In the backup", "Late"].map(str::to_owned));
        all.sort();
        assert_eq!(world.titles("Anna", space), all, "{version:?}");

        // Nobody knows the words of that time; new ones bring everything back.
        let words = Words::generate(&mut ChaCha20Rng::from_seed([3; 32]));
        world.act("Anna", |profile, outside| profile.replace_words(&words, outside));
        world.sync("Anna");
        world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
        assert_eq!(world.titles("Anna again", space), all, "{version:?}");
        world.sync("Ben");
        let [ben, anna] = ["Ben", "Anna again"].map(|name| world.act(name, |profile, _| profile.heads(space)));
        assert_eq!(ben, anna, "{version:?}");
    }
}

#[test]
fn a_database_that_every_version_wrote_passes_the_check_before_and_after() {
    for version in versions() {
        let folder = TempDir::new().expect("a folder");
        unpack(&version, "relay", &folder.path().join("relay.sqlite"));
        let said = backup::check(folder.path()).expect("a good database");
        assert!(said.starts_with("all is right"), "{said}");
        drop(SqliteStore::open(folder.path()).expect("a good database"));
        assert_eq!(backup::check(folder.path()).expect("a good database"), said);
    }
}

#[test]
fn fixtures_are_those_that_were_made() {
    let this = env!("CARGO_PKG_VERSION");
    if env::var_os("ALLIANCE_BLESS").is_some_and(|bless| bless == this) {
        make(&folder().join(this));
    }
    let versions = versions();
    assert!(!versions.is_empty(), "no version has fixtures; ALLIANCE_BLESS={this} makes those of this one");
    for version in versions {
        let held = fs::read_to_string(version.join("SHA256SUMS")).expect("sums");
        assert_eq!(held, sums(&version), "{} is not what was made", version.display());
    }
}

/// Reads whatever a profile has.
fn read_whole(world: &mut World<SqliteStore>, space: SpaceId) {
    let alliances = world.act("Anna", |profile, _| profile.alliances());
    let titles: Vec<_> = alliances.iter().map(|it| it.title.as_str()).collect();
    assert_eq!(titles, ["Ben & Anna", "Anna & Cleo"]);
    let waiting = world.act("Anna", |profile, _| profile.waiting(space));
    assert!(waiting > 0, "nothing waits to be sealed");
    let conflicts = world.act("Anna", |profile, _| profile.conflicts(space));
    let values: Vec<_> = conflicts[0].values.iter().map(|value| value.value.as_str()).collect();
    assert_eq!((values.len(), conflicts[0].field.as_str()), (2, "title"), "{values:?}");
    let plan = find(world, "Anna", space, PLAN);
    let whole = world.act("Anna", |profile, _| profile.item(&plan));
    assert_eq!(whole.summary.texts["body"], "One two three.");
    let run = find(world, "Anna", space, "Run");
    let whole = world.act("Anna", |profile, _| profile.item(&run));
    assert_eq!(whole.summary.status.as_deref(), Some("paused"));
    assert_eq!(whole.summary.texts["reason"], "a cold");
    let feedback = world.act("Anna", |profile, _| profile.list(space, "feedback", true));
    assert_eq!(feedback.len(), 2);
    let found = world.act("Anna", |profile, _| profile.search(None, "private"));
    assert_eq!(found[0].summary.title, "Diary");
    let calendar =
        Calendar { grain: Grain::Day, day: &|time| time.div_euclid(86_400), today: START / 86_400, most: 50 };
    let history = world.act("Anna", |profile, _| profile.history(space, None, &calendar));
    assert!(history.len() >= 6, "{}", history.len());
    assert!(world.act("Anna", |profile, _| profile.members(space)).safety_words.is_some(), "safety words are computed");
    world.act("Anna", |profile, _| profile.today(space));
    world.act("Anna", |profile, _| profile.status());
}

/// The people of a version, with its relay, as its files have them.
fn opened(version: &Path) -> World<SqliteStore> {
    let folder = TempDir::new().expect("a folder").keep();
    unpack(version, "relay", &folder.join("relay.sqlite"));
    let mut world = World::with(SqliteStore::open(&folder).expect("a database"), 12);
    world.now = START + 60;
    for name in ["Anna", "Ben"] {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("profile.db");
        unpack(version, &name.to_lowercase(), &file);
        let profile = Profile::open(&file).expect("a profile");
        world.people.insert(name.to_owned(), Laptop { folder, profile, words: None });
    }
    world
}

/// Makes the files of this version.
fn make(version: &Path) {
    fs::create_dir_all(version).expect("a folder");
    let relay = TempDir::new().expect("a folder");
    let mut world = World::with(SqliteStore::open(relay.path()).expect("a database"), 2026);
    story(&mut world);
    let World { relay: running, people, .. } = world;
    // The last to close a database empties its write-ahead log.
    drop(running);
    for (name, laptop) in people {
        drop(laptop.profile);
        pack(&laptop.folder.path().join("profile.db"), version, &name.to_lowercase());
    }
    pack(&relay.path().join("relay.sqlite"), version, "relay");
    recorded::record(version);
    fs::write(version.join("SHA256SUMS"), sums(version)).expect("a file");
}

/// Two people, one of them in a second alliance that nobody has joined, with a thing of every kind: what both have, what
/// one has for herself, values to choose from, what the relay has and she lacks, what she wrote and did not send.
fn story(world: &mut World<SqliteStore>) {
    let space = world.ben_and_anna();
    let other = world.act("Anna", |profile, outside| profile.new_alliance("Anna & Cleo", Some(RELAY), outside));
    world.act("Anna", |profile, outside| profile.invite(other, START.unsigned_abs() + 86_400, outside));
    world.act("Anna", |profile, _| profile.use_alliance(space));
    let plan = world.add("Ben", space, note("Plan", "One two."));
    let diary = note::Add { title: "Diary".into(), body: "private words".into(), ..note::Add::default() };
    let diary = Intent::Note(note::Intent::Add(diary));
    world.act("Anna", |profile, outside| profile.add(Place::Personal, &diary, outside));
    let add = goal::Add { title: "Run".into(), why: "air".into(), importance: Some(2), ..goal::Add::default() };
    let run = world.add("Anna", space, Intent::Goal(goal::Intent::Add(add)));
    let pause = goal::Edit::status("paused", Some(TextEdit::from("a cold")));
    let levels = goal::Edit { levels: vec![(goal::LEVELS[2], TextEdit::from("once a week"))], ..pause };
    world.change("Anna", run, Intent::Goal(goal::Intent::Edit { item: run.item, edit: levels }));
    let ask = feedback::Intent::Ask { about: "my plan".into(), body: "what do you think?".into() };
    world.add("Anna", space, Intent::Feedback(ask));
    let give = feedback::Give { sort: "keep".into(), body: "your calm".into(), ..feedback::Give::default() };
    world.add("Ben", space, Intent::Feedback(feedback::Intent::Give(give)));
    ["Ben", "Anna", "Ben"].into_iter().for_each(|name| world.sync(name));
    for (name, title, body) in [("Ben", PLAN, "One two three."), ("Anna", "Plan for Anna", "One two.")] {
        let edit = note::Edit { title: Some(title.into()), body: Some(TextEdit::from(body)), ..note::Edit::default() };
        world.change(name, plan, Intent::Note(note::Intent::Edit { item: plan.item, edit }));
    }
    ["Ben", "Anna", "Ben", "Anna"].into_iter().for_each(|name| world.sync(name));
    world.add("Ben", space, note("From Ben, later", "Anna has not seen it"));
    world.sync("Ben");
    world.add("Anna", space, note("Not sent yet", "it waits"));
}

fn note(title: &str, body: &str) -> Intent {
    Intent::Note(note::Intent::Add(note::Add { title: title.into(), body: body.into(), ..note::Add::default() }))
}

fn alliance(world: &mut World<SqliteStore>, name: &str) -> SpaceId {
    world.act(name, |profile, _| profile.alliances())[0].space
}

fn find(world: &mut World<SqliteStore>, name: &str, space: SpaceId, title: &str) -> ItemRef {
    world.act(name, |profile, _| profile.find(space, None, title))
}

/// The folders of all versions.
pub(crate) fn versions() -> Vec<PathBuf> {
    let folders = fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut versions: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    versions.sort();
    versions
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn sums(version: &Path) -> String {
    let names = DATABASES.map(|(name, _)| format!("{name}.db.gz")).into_iter().chain(["exchange.json".to_owned()]);
    let sum = |name: String| {
        let digest = Sha256::digest(fs::read(version.join(&name)).expect("a file"));
        format!("{}  {name}\n", data_encoding::HEXLOWER.encode(&digest))
    };
    names.map(sum).collect()
}

/// Puts a database of a version at a place where it can be written to.
pub(crate) fn unpack(version: &Path, name: &str, to: &Path) {
    let packed = fs::File::open(version.join(name).with_extension("db.gz")).expect("a file");
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).expect("a database");
    fs::write(to, bytes).expect("a file");
}

fn pack(database: &Path, version: &Path, name: &str) {
    let file = fs::File::create(version.join(name).with_extension("db.gz")).expect("a file");
    let mut packer = GzEncoder::new(file, Compression::best());
    packer.write_all(&fs::read(database).expect("a database")).expect("a file");
    packer.finish().expect("a file");
}

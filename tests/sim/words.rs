//! All computers of a person are lost: their words and the relay bring everything back.

use alliance_core::{
    app::{AllianceState, AppError, NotRestored, Others, SessionError, WhoseWords},
    keys::{Invitation, Words},
};
use alliance_replica::{
    id::{DeviceId, EntryId, SpaceId, hash},
    log::{
        control::{Cut, Genesis, Reason, Record, SpaceKind},
        entry::Header,
        heads::{Chain, Head},
    },
};
use alliance_sync_server::{
    policy::Policy,
    replica::Relay,
    store::{MemoryStore, Store as _},
};
use alliance_tests::{START, World, forge::Forger, load::Seat, note, words::Until};
use rand_core::SeedableRng as _;
use rusqlite::Connection;

/// Anna's alliance with Ben, in which both wrote, and a note of hers that nobody else sees.
fn both_wrote(seed: u64) -> (World, SpaceId) {
    let mut world = World::new(seed);
    let space = both_write(&mut world);
    (world, space)
}

fn both_write(world: &mut World) -> SpaceId {
    let space = world.ben_and_anna();
    world.add("Anna", space, note("From Anna"));
    world.add("Ben", space, note("From Ben"));
    for name in ["Ben", "Anna", "Ben"] {
        world.sync(name);
    }
    space
}

fn kinds(world: &mut World, name: &str) -> Vec<String> {
    world.act(name, |profile, _| profile.security()).into_iter().map(|line| line.kind).collect()
}

#[test]
fn words_and_the_relay_bring_everything_back_and_the_thief_is_out() {
    let (mut world, space) = both_wrote(1);
    let words = world.words_of("Anna");
    let back = world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
    assert_eq!(world.titles("Anna again", space), ["From Anna", "From Ben"]);
    let [alliance, personal] = back.as_slice() else { panic!("two spaces: {back:?}") };
    assert_eq!((alliance.title.as_str(), alliance.items, alliance.cut), ("Ben & Anna", 2, 1));
    assert_eq!(alliance.state, AllianceState::Together);
    assert!(personal.personal && personal.cut == 1);
    assert_eq!(world.act("Anna again", |profile, _| profile.person()).name, "Anna");

    world.add("Anna again", space, note("Afterwards"));
    world.sync("Anna again");
    world.sync("Ben");
    world.add("Ben", space, note("Ben afterwards"));
    world.sync("Ben");
    _ = world.try_sync("Anna");
    world.sync("Anna again");
    for name in ["Anna again", "Ben"] {
        assert_eq!(world.titles(name, space), ["Afterwards", "Ben afterwards", "From Anna", "From Ben"], "{name}");
    }
    assert_eq!(world.titles("Anna", space), ["From Anna", "From Ben"], "it is out");
    let told = kinds(&mut world, "Ben");
    assert!(told.contains(&"device-cut".to_owned()) && told.contains(&"came-back-by-words".to_owned()), "{told:?}");
    let members = world.act("Ben", |profile, _| profile.members(space));
    assert_eq!(members.other.map(|it| (it.name, it.devices)), Some(("Anna".to_owned(), 1)));
    assert!(
        !world.act("Anna again", |profile, _| profile.needs_second_holder()) || {
            let is = world.act("Anna again", |profile, _| profile.check_words(&words));
            is == WhoseWords::Theirs
        }
    );
}

#[test]
fn the_lost_computer_has_no_key_of_what_is_written_after() {
    let (mut world, space) = both_wrote(16);
    let words = world.words_of("Anna");
    world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
    world.add("Anna again", space, note("From Anna again"));
    world.sync("Anna again");
    world.sync("Ben");
    world.add("Ben", space, note("From Ben again"));
    for name in ["Ben", "Anna again"] {
        world.sync(name);
    }
    let file = |name: &str| Connection::open(world.people[name].folder.path().join("profile.db")).expect("a profile");
    let blobs = |name: &str, query: &str| {
        let (file, mut all) = (file(name), Vec::new());
        let mut statement = file.prepare(query).expect("a query");
        let mut rows = statement.query([space.as_ref()]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            all.push(row.get::<_, Vec<u8>>(0).expect("bytes"));
        }
        all
    };
    let lost = blobs("Anna", "SELECT epoch FROM epochs WHERE space = ?1");
    assert!(!lost.is_empty());
    let written = blobs("Ben", "SELECT header FROM entries WHERE space = ?1 AND chain = 1 ORDER BY n DESC LIMIT 2");
    assert_eq!(written.len(), 2);
    for header in written {
        let sealed = Header::decode(&header).expect("a header").epoch.expect("of content");
        assert!(lost.iter().all(|epoch| !epoch.starts_with(&sealed)), "the lost computer has its key");
    }
}

#[test]
fn what_the_lost_computer_had_brought_to_the_relay_counts() {
    let (mut world, space) = both_wrote(2);
    world.add("Anna", space, note("Last words"));
    world.sync("Anna");
    world.add("Anna", space, note("Never sent"));
    let words = world.words_of("Anna");
    world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
    _ = world.try_sync("Anna");
    for name in ["Ben", "Anna again"] {
        world.sync(name);
        assert_eq!(world.titles(name, space), ["From Anna", "From Ben", "Last words"], "{name}");
    }
}

#[test]
fn who_keeps_other_computers_has_them_still() {
    let (mut world, space) = both_wrote(3);
    let words = world.words_of("Anna");
    let back = world.bring_back("Anna again", &words, Others::Keep, Until::Done).expect("is back");
    assert!(back.iter().all(|it| it.cut == 0 && it.kept == 1), "{back:?}");
    world.add("Anna again", space, note("From both"));
    for name in ["Anna again", "Anna", "Ben"] {
        world.sync(name);
        assert_eq!(world.titles(name, space), ["From Anna", "From Ben", "From both"], "{name}");
    }
}

#[test]
fn open_invitations_end_with_the_lost_computer() {
    let (mut world, space) = both_wrote(4);
    let expires = START.unsigned_abs() + 86_400;
    let invitation = world.act("Anna", |profile, outside| profile.invite_device(space, expires, outside));
    world.sync("Anna");
    let words = world.words_of("Anna");
    let back = world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
    assert_eq!(back[0].withdrawn, 1);
    world.person("Thief", "client");
    let invitation = Invitation::parse(&invitation.reveal()).expect("an invitation");
    assert!(world.try_join("Thief", invitation).is_err());
}

#[test]
fn who_is_stopped_at_any_moment_goes_on() {
    for (seed, until) in
        (5..).zip([Until::Begun, Until::Personal, Until::Found, Until::Pulled, Until::TakenOver, Until::Done])
    {
        let (mut world, space) = both_wrote(seed);
        let words = world.words_of("Anna");
        world.bring_back("Anna again", &words, Others::Cut, until).expect("comes so far");
        let restoring = world.act("Anna again", |profile, _| profile.is_restoring());
        assert_eq!(restoring, until < Until::Done, "{until:?}");
        world.reopen("Anna again");
        let others = Words::generate(&mut rand_chacha::ChaCha20Rng::from_seed([9; 32]));
        let refused = world.bring_back("Anna again", &others, Others::Cut, Until::Done);
        assert!(
            matches!(refused, Err(SessionError::App(AppError::NotRestored(NotRestored::OtherWords)))),
            "{until:?}: {refused:?}"
        );
        let back = world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("goes on");
        assert!(!world.act("Anna again", |profile, _| profile.is_restoring()));
        assert_eq!(back[0].cut, 1, "{until:?}");
        world.sync("Ben");
        let devices = world.act("Ben", |profile, _| profile.devices(space));
        assert_eq!(devices.iter().filter(|it| it.live).count(), 2, "{until:?}: each has one");
        assert_eq!(world.titles("Anna again", space), ["From Anna", "From Ben"], "{until:?}");
    }
}

#[test]
fn words_that_the_relay_does_not_know_leave_nothing() {
    let (mut world, _) = both_wrote(11);
    let words = Words::generate(&mut rand_chacha::ChaCha20Rng::from_seed([9; 32]));
    let refused = world.bring_back("Nobody", &words, Others::Cut, Until::Done);
    assert!(matches!(refused, Err(SessionError::App(AppError::NotRestored(NotRestored::Unknown)))), "{refused:?}");
    assert!(!world.people.contains_key("Nobody"));
}

#[test]
fn no_file_has_a_word_or_a_recovery_secret() {
    let (mut world, space) = both_wrote(12);
    let words = world.words_of("Anna");
    world.bring_back("Anna again", &words, Others::Cut, Until::TakenOver).expect("comes so far");
    let lost = secret_bytes(&words);
    for until in [Until::TakenOver, Until::Done] {
        world.bring_back("Anna again", &words, Others::Cut, until).expect("goes on");
        for file in std::fs::read_dir(world.people["Anna again"].folder.path()).expect("a folder") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
            for secret in &lost {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_slice()), "{until:?}");
            }
        }
    }
    assert_eq!(world.titles("Anna again", space).len(), 2);
}

/// What no file may have: halves of the words' secret, and their first and last words.
fn secret_bytes(words: &Words) -> Vec<Vec<u8>> {
    let secret = words.device_secret().to_bytes();
    let text = words.reveal();
    let list: Vec<_> = text.split(' ').collect();
    let phrases = [list[..3].join(" "), list[21..].join(" ")].map(String::into_bytes);
    [secret[..32].to_vec(), secret[32..].to_vec()].into_iter().chain(phrases).collect()
}

#[test]
fn who_left_is_not_brought_back_in() {
    let (mut world, space) = both_wrote(13);
    world.act("Anna", |profile, _| profile.leave(space));
    world.sync("Anna");
    world.sync("Ben");
    let words = world.words_of("Anna");
    let back = world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
    assert_eq!(back[0].state, AllianceState::Ended);
    assert_eq!(world.titles("Anna again", space), ["From Anna", "From Ben"]);
    world.sync("Ben");
    let states = world.act("Ben", |profile, _| profile.alliances());
    assert_eq!(states[0].state, AllianceState::TheyLeft);
}

#[test]
fn new_words_bring_everything_back_and_are_no_computer() {
    let (mut world, space) = both_wrote(14);
    let first = world.words_of("Anna");
    assert!(world.act("Anna", |profile, _| profile.needs_second_holder()));
    assert_eq!(world.act("Anna", |profile, _| profile.check_words(&first)), WhoseWords::Theirs);
    assert!(!world.act("Anna", |profile, _| profile.needs_second_holder()));
    let new = Words::generate(&mut rand_chacha::ChaCha20Rng::from_seed([8; 32]));
    world.act("Anna", |profile, outside| profile.replace_words(&new, outside));
    assert!(world.act("Anna", |profile, _| profile.needs_second_holder()), "nobody has shown the new ones");
    for when in ["before the exchange", "after it"] {
        assert_eq!(world.act("Anna", |profile, _| profile.check_words(&first)), WhoseWords::Earlier, "{when}");
        assert_eq!(world.act("Anna", |profile, _| profile.check_words(&new)), WhoseWords::Theirs, "{when}");
        world.sync("Anna");
        world.sync("Ben");
    }
    let devices = world.act("Anna", |profile, _| profile.devices(space));
    assert_eq!(devices.iter().filter(|it| it.live).count(), 2);
    let status = world.act("Ben", |profile, _| profile.status());
    assert_eq!(status[0].others.len(), 1);
    // An alliance that begins later comes back by the new words, too.
    let later = world.act("Anna", |profile, outside| profile.new_alliance("Later", None, outside));
    world.sync("Anna");
    let back = world.bring_back("Anna again", &new, Others::Cut, Until::Done).expect("is back");
    assert_eq!(back.iter().map(|it| it.cut).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(world.titles("Anna again", space), ["From Anna", "From Ben"]);
    assert!(back.iter().any(|it| it.space == later));
    // The computer that made them is lost; they are hers nevertheless.
    for _ in 0..3 {
        world.tend("Anna again");
    }
    assert_eq!(world.act("Anna again", |profile, _| profile.check_words(&new)), WhoseWords::Theirs);
    world.bring_back("Anna once more", &new, Others::Cut, Until::Done).expect("is back");
}

#[test]
fn earlier_words_still_work_and_end_the_later_ones() {
    let (mut world, space) = both_wrote(15);
    let first = world.words_of("Anna");
    let new = Words::generate(&mut rand_chacha::ChaCha20Rng::from_seed([8; 32]));
    world.act("Anna", |profile, outside| profile.replace_words(&new, outside));
    world.sync("Anna");
    let back = world.bring_back("Anna again", &first, Others::Cut, Until::Done).expect("is back");
    assert!(back.iter().all(|it| it.words == 1 && it.cut == 1), "{back:?}");
    assert_eq!(world.titles("Anna again", space), ["From Anna", "From Ben"]);
    assert_eq!(world.act("Anna again", |profile, _| profile.check_words(&new)), WhoseWords::Ended);
    assert_eq!(world.act("Anna again", |profile, _| profile.check_words(&first)), WhoseWords::Theirs);
    let refused = world.bring_back("Thief", &new, Others::Cut, Until::Done);
    assert!(matches!(refused, Err(SessionError::App(AppError::NotRestored(NotRestored::Unknown)))), "{refused:?}");
}

#[test]
fn spaces_that_a_thief_plants_hide_nothing_from_the_words() {
    let (mut world, space) = both_wrote(14);
    let words = world.words_of("Anna");
    // Whoever had a computer knows the words' key, and what a space is named by.
    let key = words.device_secret().keys();
    let own = world.act("Anna", |profile, _| profile.own_space(&words)).space;
    let planted = (0..).map(|number| {
        Seat::founded(number, |founder| Genesis {
            recovery: Some(key),
            ..Genesis::without_recovery(SpaceKind::Personal, founder)
        })
    });
    let before = planted.filter(|seat| seat.space() < own).take(12);
    before.collect::<Vec<_>>().iter().for_each(|seat| world.plant(seat));
    let back = world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
    assert_eq!(back.len(), 2, "{back:?}");
    assert_eq!(world.titles("Anna again", space), ["From Anna", "From Ben"]);
}

/// A thief fills what Anna may write at the relay, cuts of nobody beyond that: her words still cut the lost computer off, and
/// what they have to read first is bounded.
#[test]
fn a_thief_who_fills_the_relay_does_not_keep_the_words_out() {
    let mut policy = Policy::default();
    policy.quota.control_bytes = 1 << 20;
    let mut world = World::new(15);
    world.relay = Relay::with_policy(MemoryStore::default(), &[7; 32], policy).expect("a relay");
    let space = both_write(&mut world);
    let words = world.words_of("Anna");
    let own = world.act("Anna", |profile, _| profile.own_space(&words)).space;
    let mut thief = Forger::steal(&world, "Anna", own);
    let mut flood = Vec::new();
    for number in 0..700_u32 {
        // Heads that nobody has fill the record.
        for nobody in 0..500_u32 {
            let device = DeviceId::new(hash("nobody", &[&nobody.to_be_bytes()]));
            let id = EntryId::new(hash("nothing", &[&number.to_be_bytes(), &nobody.to_be_bytes()]));
            thief.saw(Head { device, chain: Chain::Content, seq: 1, id });
        }
        let device = DeviceId::new(hash("somebody", &[&number.to_be_bytes()]));
        let cut = thief.control(Record::Cut(Cut { device, reason: Reason::Lost }));
        thief.saw(cut.head());
        flood.push(cut);
    }
    let bytes: usize = flood.iter().map(|it| it.entry.size()).sum();
    assert!(bytes > 20 << 20, "{bytes}");
    let author = thief.device();
    let paths = flood.chunks(4).map(|some| (author, Chain::Control, some.iter().map(|it| it.entry.clone()).collect()));
    world.deliver("Anna", own, paths.collect()).expect("her own laptop believes her keys");
    // It brings them to the relay, as the thief would.
    _ = world.try_sync("Anna");
    let held = world.relay.store().totals().expect("counts").control_bytes;
    assert!((16 << 20..18 << 20).contains(&held), "the relay holds {held} bytes");
    world.bring_back("Anna again", &words, Others::Cut, Until::Done).expect("is back");
    assert_eq!(world.titles("Anna again", space), ["From Anna", "From Ben"]);
    world.add("Anna again", space, note("After"));
    world.sync("Anna again");
    world.sync("Ben");
    assert_eq!(world.titles("Ben", space), ["After", "From Anna", "From Ben"]);
}

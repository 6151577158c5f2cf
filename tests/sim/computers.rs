//! A person's computers: another one has everything they have, whoever is away; a lost one is out everywhere.

use alliance_core::{
    app::{AppError, Computer, Others, Place, SessionError, WhoseWords},
    document::{Edit, Writer},
    keys::{Invitation, Words},
};
use alliance_replica::{
    id::SpaceId,
    log::{
        control::{AddedRole, Cut, Reason, Record},
        heads::Chain,
    },
};
use alliance_tests::{
    RELAY, START, World,
    forge::{Forger, items, preimage},
    note,
    words::Until,
};
use rand_core::SeedableRng as _;

const DAY: u64 = 86_400;

pub(crate) fn invite(world: &mut World, name: &str) -> Invitation {
    let expires = START.unsigned_abs() + DAY;
    let invitation = world.act(name, |profile, outside| profile.invite_computer(expires, outside));
    world.sync(name);
    Invitation::parse(&invitation.reveal()).expect("an invitation")
}

pub(crate) fn keep_private(world: &mut World, name: &str, title: &str) {
    world.act(name, |profile, outside| profile.add(Place::Personal, &note(title), outside));
}

pub(crate) fn private_titles(world: &mut World, name: &str) -> Vec<String> {
    let personal = world.act(name, |profile, _| profile.status()).into_iter().find(|it| it.personal).expect("it").space;
    titles(world, name, personal)
}

/// What is in one space, and only there.
pub(crate) fn titles(world: &mut World, name: &str, space: SpaceId) -> Vec<String> {
    let notes = world.act(name, |profile, _| profile.list(space, "note", true));
    let mut titles: Vec<_> = notes.into_iter().filter(|it| it.item.space == space).map(|it| it.title).collect();
    titles.sort();
    titles
}

/// Ben has two alliances and something private, and takes a second computer.
pub(crate) fn with_two(world: &mut World) -> [SpaceId; 2] {
    let first = world.ben_and_anna();
    world.add("Ben", first, note("With Anna"));
    let second = world.act("Ben", |profile, outside| profile.new_alliance("Ben & Carl", Some(RELAY), outside));
    world.add("Ben", second, note("With Carl"));
    keep_private(world, "Ben", "My own");
    let invitation = invite(world, "Ben");
    world.blank("Ben's tablet");
    world.join("Ben's tablet", invitation);
    [first, second]
}

pub(crate) fn settle(world: &mut World) {
    for name in ["Ben's tablet", "Ben", "Ben's tablet", "Ben", "Ben's tablet"] {
        world.tend(name);
    }
    world.sync("Anna");
}

pub(crate) fn other(world: &mut World, name: &str) -> Computer {
    let all = world.act(name, |profile, _| profile.computers());
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].this && !all[1].this, "{all:?}");
    all[1].clone()
}

#[test]
fn another_computer_has_every_space_while_the_first_one_is_away() {
    let mut world = World::new(1);
    let [first, second] = with_two(&mut world);
    assert!(matches!(world.try_act("Ben's tablet", |profile, _| profile.person()), Err(AppError::NotHereYet)));
    // Nobody but this computer does anything.
    world.tend("Ben's tablet");
    world.tend("Ben's tablet");
    assert_eq!(titles(&mut world, "Ben's tablet", first), ["With Anna"]);
    assert_eq!(titles(&mut world, "Ben's tablet", second), ["With Carl"]);
    assert_eq!(private_titles(&mut world, "Ben's tablet"), ["My own"]);
    assert_eq!(world.act("Ben's tablet", |profile, _| profile.person()).name, "Ben");

    // What it writes meanwhile goes once the first one has let it in.
    world.add("Ben's tablet", first, note("From the tablet"));
    keep_private(&mut world, "Ben's tablet", "Also my own");
    settle(&mut world);
    for name in ["Ben", "Anna"] {
        assert_eq!(titles(&mut world, name, first), ["From the tablet", "With Anna"], "{name}");
    }
    assert_eq!(private_titles(&mut world, "Ben"), ["Also my own", "My own"]);
    let tablet = other(&mut world, "Ben");
    assert_eq!((tablet.name.as_str(), tablet.live, tablet.places.len()), ("computer 2", true, 3));
    let members = world.act("Anna", |profile, _| profile.members(first));
    assert_eq!(members.other.expect("Ben").devices, 2);
}

#[test]
fn an_alliance_that_begins_later_comes_to_all_computers() {
    let mut world = World::new(2);
    with_two(&mut world);
    settle(&mut world);
    let later = world.act("Ben's tablet", |profile, outside| profile.new_alliance("Ben & Dora", Some(RELAY), outside));
    world.add("Ben's tablet", later, note("With Dora"));
    for name in ["Ben's tablet", "Ben", "Ben's tablet", "Ben"] {
        world.tend(name);
    }
    assert_eq!(titles(&mut world, "Ben", later), ["With Dora"]);
    // Nothing is left to do, and nobody goes on inviting.
    let before = world.act("Ben", |profile, _| profile.security()).len();
    settle(&mut world);
    assert_eq!(world.act("Ben", |profile, _| profile.security()).len(), before);
}

#[test]
fn a_lost_computer_is_out_of_every_space_and_no_invitation_that_it_knew_is_open() {
    let mut world = World::new(3);
    let [first, second] = with_two(&mut world);
    settle(&mut world);
    // A third one is on its way; the lost one can read how.
    let third = invite(&mut world, "Ben");
    world.tend("Ben's tablet");
    let tablet = other(&mut world, "Ben");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    assert!(world.act("Ben", |profile, _| profile.awaits_cuts()));
    world.sync("Ben");
    assert!(!world.act("Ben", |profile, _| profile.awaits_cuts()));
    assert!(!other(&mut world, "Ben").live);

    world.add("Ben", first, note("Afterwards"));
    world.add("Ben", second, note("Afterwards"));
    keep_private(&mut world, "Ben", "Afterwards");
    world.sync("Ben");
    world.sync("Anna");
    _ = world.try_sync("Ben's tablet");
    for space in [first, second] {
        assert!(!titles(&mut world, "Ben's tablet", space).contains(&"Afterwards".to_owned()), "it is out");
    }
    assert!(!private_titles(&mut world, "Ben's tablet").contains(&"Afterwards".to_owned()));
    assert_eq!(titles(&mut world, "Anna", first), ["Afterwards", "With Anna"]);
    world.blank("Ben's third");
    assert!(world.try_join("Ben's third", third).is_err(), "it would be the thief's");
}

/// Ben's tablet takes up what waits for it in his alliances, and he has not heard of it yet.
fn on_its_way(world: &mut World, name: &str) {
    world.sync(name);
    world.sync("Ben");
    world.tend(name);
}

#[test]
fn a_computer_that_is_cut_on_its_way_into_an_alliance_does_not_come_in() {
    let mut world = World::new(7);
    let [first, second] = with_two(&mut world);
    on_its_way(&mut world, "Ben's tablet");
    world.add("Ben's tablet", first, note("By the thief"));
    let tablet = other(&mut world, "Ben");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    // It waits here with the cut, while the tablet has used its invitation.
    world.add("Ben", first, note("Afterwards"));
    world.sync("Ben");
    world.sync("Ben's tablet");
    assert!(!titles(&mut world, "Ben's tablet", first).contains(&"Afterwards".to_owned()), "it reads on");
    let members = world.act("Ben", |profile, _| profile.devices(first));
    assert_eq!(members.iter().filter(|it| it.live).count(), 2, "{members:?}");
    settle(&mut world);
    let members = world.act("Anna", |profile, _| profile.members(first));
    assert_eq!(members.other.expect("Ben").devices, 1);
    assert_eq!(titles(&mut world, "Anna", first), ["Afterwards", "With Anna"]);
    for space in [first, second] {
        assert!(!titles(&mut world, "Ben's tablet", space).contains(&"Afterwards".to_owned()), "it is out");
    }
}

#[test]
fn who_used_an_invitation_before_it_was_taken_back_is_not_let_in() {
    let mut world = World::new(9);
    world.person("Ben", "coach");
    let space = world.act("Ben", |profile, outside| profile.new_alliance("Ben & Anna", Some(RELAY), outside));
    let made = world.act("Ben", |profile, outside| profile.invite(space, START as u64 + 86_400, outside));
    let computers = invite(&mut world, "Ben");
    world.sync("Ben");
    world.person("Carl", "finder");
    world.join("Carl", Invitation::parse(&made.reveal()).expect("an invitation"));
    world.blank("Thief's");
    world.join("Thief's", computers);
    for name in ["Carl", "Thief's"] {
        world.sync(name);
    }
    for alliance in [Some(space), None] {
        world.act("Ben", |profile, _| profile.take_back_invitations(alliance));
    }
    world.add("Ben", space, note("For Anna alone"));
    keep_private(&mut world, "Ben", "For me alone");
    for name in ["Ben", "Carl", "Thief's", "Ben"] {
        _ = world.try_sync(name);
    }
    let members = world.act("Ben", |profile, _| profile.members(space));
    assert!(members.other.is_none(), "{members:?}");
    let computers = world.act("Ben", |profile, _| profile.computers());
    assert_eq!(computers.iter().filter(|it| it.live).count(), 1, "{computers:?}");
    for name in ["Carl", "Thief's"] {
        let found = world.act(name, |profile, _| profile.status());
        for status in found {
            let titles = titles(&mut world, name, status.space);
            assert!(!titles.iter().any(|title| title.contains("alone")), "{name} reads {titles:?}");
        }
    }
    // What is made later works.
    let made = world.act("Ben", |profile, outside| profile.invite(space, START as u64 + 86_400, outside));
    world.sync("Ben");
    world.person("Anna", "client");
    world.join("Anna", Invitation::parse(&made.reveal()).expect("an invitation"));
    for name in ["Anna", "Ben", "Anna"] {
        world.sync(name);
    }
    assert_eq!(titles(&mut world, "Anna", space), ["For Anna alone"]);
}

#[test]
fn a_computer_whose_invitation_was_taken_back_for_another_one_is_let_in_and_loses_no_word() {
    let mut world = World::new(8);
    let [first, second] = with_two(&mut world);
    settle(&mut world);
    let tablet = other(&mut world, "Ben");
    let phone = invite(&mut world, "Ben");
    world.blank("Ben's phone");
    world.join("Ben's phone", phone);
    on_its_way(&mut world, "Ben's phone");
    world.add("Ben's phone", first, note("Meanwhile"));
    // Whoever has the tablet knows the invitations of the phone.
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    for _ in 0..3 {
        world.tend("Ben");
        world.tend("Ben's phone");
    }
    world.sync("Anna");
    assert_eq!(titles(&mut world, "Anna", first), ["Meanwhile", "With Anna"]);
    assert_eq!(titles(&mut world, "Ben's phone", second), ["With Carl"]);
    let all = world.act("Ben", |profile, _| profile.computers());
    let live: Vec<_> = all.iter().filter(|it| it.live).map(|it| it.places.len()).collect();
    assert_eq!(live, [3, 3], "{all:?}");
}

/// One of Ben's two computers begins an alliance, both have it, and the tablet is put back to before that.
fn put_back_to_before_an_alliance_of(world: &mut World, founder: &str) -> SpaceId {
    with_two(world);
    settle(world);
    let before = world.copy("Ben's tablet");
    let later = world.act(founder, |profile, outside| profile.new_alliance("Later", Some(RELAY), outside));
    world.add(founder, later, note("Of the one that began later"));
    settle(world);
    for name in ["Ben", "Ben's tablet"] {
        assert_eq!(titles(world, name, later), ["Of the one that began later"], "{name}");
    }
    world.restore("Ben's tablet", &before);
    later
}

#[test]
fn a_computer_that_was_put_back_comes_again_into_what_began_since() {
    let mut world = World::new(10);
    let later = put_back_to_before_an_alliance_of(&mut world, "Ben");
    assert_eq!(world.act("Ben's tablet", |profile, _| profile.alliances()).len(), 2);
    // It has lost the key with which it was let in; it asks, and the other one answers.
    for _ in 0..2 {
        world.sync("Ben's tablet");
        world.take_up("Ben's tablet");
        world.sync("Ben's tablet");
        world.tend("Ben");
    }
    settle(&mut world);
    assert_eq!(titles(&mut world, "Ben's tablet", later), ["Of the one that began later"]);
    world.add("Ben's tablet", later, note("By it"));
    settle(&mut world);
    assert_eq!(titles(&mut world, "Ben", later), ["By it", "Of the one that began later"]);
    // And nobody goes on asking.
    let wrote = world.act("Ben", |profile, outside| profile.tend_computers(outside)).wrote;
    let waits = world.act("Ben's tablet", |profile, outside| profile.tend_computers(outside));
    assert!(!wrote && !waits.wrote && waits.ways.is_empty());
}

#[test]
fn a_computer_that_was_put_back_comes_again_into_the_alliance_that_it_founded() {
    let mut world = World::new(11);
    // Nobody ever made an invitation for the tablet, and it says where it was.
    let later = put_back_to_before_an_alliance_of(&mut world, "Ben's tablet");
    settle(&mut world);
    settle(&mut world);
    assert_eq!(titles(&mut world, "Ben's tablet", later), ["Of the one that began later"]);
    world.add("Ben's tablet", later, note("By it"));
    settle(&mut world);
    assert_eq!(titles(&mut world, "Ben", later), ["By it", "Of the one that began later"]);
    let tablet = other(&mut world, "Ben");
    assert_eq!((tablet.live, tablet.places.len()), (true, 4), "{tablet:?}");
    for name in ["Ben", "Ben's tablet"] {
        let tended = world.act(name, |profile, outside| profile.tend_computers(outside));
        assert!(!tended.wrote && tended.ways.is_empty(), "{name}");
    }
}

#[test]
fn a_computer_that_was_copied_goes_on_under_fresh_keys_and_loses_no_word() {
    let mut world = World::new(4);
    let [first, second] = with_two(&mut world);
    settle(&mut world);
    let copy = world.copy("Ben");
    world.clone_person("Ben", "Ben's copy", &copy);
    world.add("Ben", first, note("Before"));
    world.act("Ben", |profile, _| profile.renew_computer());
    assert!(world.act("Ben", |profile, _| profile.awaits_renewal()));
    world.add("Ben", first, note("Waiting meanwhile"));
    world.tend("Ben");
    world.tend("Ben");
    assert!(!world.act("Ben", |profile, _| profile.awaits_renewal()));
    world.add("Ben", first, note("Afterwards"));
    world.tend("Ben");
    world.sync("Anna");
    let all = ["Afterwards", "Before", "Waiting meanwhile", "With Anna"];
    assert_eq!(titles(&mut world, "Anna", first), all);
    world.tend("Ben's tablet");
    assert_eq!(titles(&mut world, "Ben's tablet", first), all);
    // It is the same computer to its person; the alliance in which nobody else is kept its key.
    let laptop = other(&mut world, "Ben's tablet");
    assert_eq!((laptop.name.as_str(), laptop.live, laptop.places.len()), ("computer 1", true, 3));
    assert_eq!(other(&mut world, "Ben").name, "computer 2");
    world.add("Ben", second, note("Still mine"));
    world.tend("Ben");
    world.tend("Ben's tablet");
    assert_eq!(titles(&mut world, "Ben's tablet", second), ["Still mine", "With Carl"]);

    world.add("Ben's copy", first, note("By the copy"));
    _ = world.try_sync("Ben's copy");
    world.sync("Anna");
    assert!(!titles(&mut world, "Anna", first).contains(&"By the copy".to_owned()));
    assert!(!titles(&mut world, "Ben's copy", first).contains(&"Afterwards".to_owned()), "it is out");
    // A second time is another key again.
    world.act("Ben", |profile, _| profile.renew_computer());
    world.tend("Ben");
    world.tend("Ben");
    world.add("Ben", first, note("Again"));
    world.tend("Ben");
    world.sync("Anna");
    assert!(titles(&mut world, "Anna", first).contains(&"Again".to_owned()));
}

#[test]
fn words_that_a_lost_computer_made_end_with_it_and_the_first_ones_work_again() {
    let mut world = World::new(9);
    let [first, _] = with_two(&mut world);
    settle(&mut world);
    let thiefs = Words::generate(&mut rand_chacha::ChaCha20Rng::from_seed([8; 32]));
    world.act("Ben's tablet", |profile, outside| profile.replace_words(&thiefs, outside));
    settle(&mut world);
    // It is begun while the thief's are the last words.
    let later = world.act("Ben", |profile, outside| profile.new_alliance("Later", Some(RELAY), outside));
    settle(&mut world);
    let tablet = other(&mut world, "Ben");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    settle(&mut world);
    world.add("Ben", first, note("Afterwards"));
    settle(&mut world);
    let refused = world.bring_back("Thief", &thiefs, Others::Cut, Until::Done);
    assert!(matches!(refused, Err(SessionError::App(AppError::NotRestored(_)))), "{refused:?}");
    let own = world.words_of("Ben");
    assert_eq!(world.act("Ben", |profile, _| profile.check_words(&own)), WhoseWords::Theirs);
    let back = world.bring_back("Ben again", &own, Others::Cut, Until::Done).expect("is back");
    assert_eq!(titles(&mut world, "Ben again", first), ["Afterwards", "With Anna"]);
    assert!(back.iter().any(|it| it.space == later), "{back:?}");
}

#[test]
fn a_lost_computer_that_took_fresh_keys_meanwhile_is_out_as_well() {
    let mut world = World::new(11);
    let [first, second] = with_two(&mut world);
    settle(&mut world);
    let tablet = other(&mut world, "Ben");
    // Whoever has it was quicker, and Ben has not heard of it.
    world.act("Ben's tablet", |profile, _| profile.renew_computer());
    world.sync("Ben's tablet");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    settle(&mut world);
    for space in [first, second] {
        world.add("Ben", space, note("Afterwards"));
    }
    keep_private(&mut world, "Ben", "Afterwards");
    settle(&mut world);
    for space in [first, second] {
        assert!(!titles(&mut world, "Ben's tablet", space).contains(&"Afterwards".to_owned()), "it is out");
    }
    assert!(!private_titles(&mut world, "Ben's tablet").contains(&"Afterwards".to_owned()));
    assert_eq!(titles(&mut world, "Anna", first), ["Afterwards", "With Anna"]);
    let live = world.act("Ben", |profile, _| profile.computers()).into_iter().filter(|it| it.live);
    assert_eq!(live.map(|it| it.this).collect::<Vec<_>>(), [true]);
}

/// Whoever has Ben's tablet, in his personal space.
fn thief(world: &mut World) -> (SpaceId, Forger) {
    let personal =
        world.act("Ben", |profile, _| profile.status()).into_iter().find(|it| it.personal).expect("it").space;
    (personal, Forger::steal(world, "Ben's tablet", personal))
}

#[test]
fn words_that_a_lost_computer_made_by_another_key_end_with_it() {
    let mut world = World::new(12);
    with_two(&mut world);
    settle(&mut world);
    let lost = other(&mut world, "Ben");
    let (personal, mut tablet) = thief(&mut world);
    let words = Words::generate(&mut rand_chacha::ChaCha20Rng::from_seed([8; 32]));
    let key = words.device_secret();
    // A key that is nowhere to be seen any more makes them.
    let (added, mut puppet) = tablet.add_device(77);
    puppet.saw(added.head());
    let made = puppet.control(Record::AddDevice(key.added(&personal, &tablet.member, AddedRole::Recovery, None)));
    tablet.saw(made.head());
    let ended = tablet.control(Record::Cut(Cut { device: puppet.device(), reason: Reason::Unsaid }));
    let paths = [added, made, ended].map(|it| (it.device, Chain::Control, vec![it.entry.clone()]));
    assert!(world.deliver("Ben", personal, paths.to_vec()).expect("it is taken"));
    assert_eq!(world.act("Ben", |profile, _| profile.check_words(&words)), WhoseWords::Theirs, "they are the last");
    world.act("Ben", |profile, _| profile.cut_computer(&lost, Reason::Lost));
    settle(&mut world);
    assert_eq!(world.act("Ben", |profile, _| profile.check_words(&words)), WhoseWords::Ended);
    let own = world.words_of("Ben");
    assert_eq!(world.act("Ben", |profile, _| profile.check_words(&own)), WhoseWords::Theirs);
}

#[test]
fn what_is_written_over_the_keys_of_alliances_does_not_take_them_from_the_words() {
    let mut world = World::new(13);
    let [first, second] = with_two(&mut world);
    settle(&mut world);
    let (personal, mut tablet) = thief(&mut world);
    let profile = world.people["Ben's tablet"].folder.path().join("profile.db");
    let mut parts = Vec::new();
    for item in items(&profile, "recovery") {
        // Several at once, so that it is later than what is there.
        let junk =
            ["00", "01", "02", "03"].map(|junk| Edit::Put("sealed".into(), Some(junk.repeat(112).as_str().into())));
        let edits = [&[Edit::Put("space".into(), Some(first.to_string().as_str().into()))], &junk[..]].concat();
        parts.push(tablet.part(&preimage(&profile, &item), Writer::Everyone, tablet.device(), &edits));
    }
    assert!(parts.len() >= 2);
    let entry = tablet.seal(tablet.tip(Chain::Content), parts);
    let paths = vec![(entry.device, Chain::Content, vec![entry.entry.clone()])];
    assert!(world.deliver("Ben", personal, paths).expect("it is taken"));
    world.sync("Ben");
    let own = world.words_of("Ben");
    let back = world.bring_back("Ben again", &own, Others::Cut, Until::Done).expect("is back");
    for space in [first, second] {
        assert!(back.iter().any(|it| it.space == space), "{back:?}");
    }
}

#[test]
fn a_computer_that_never_said_where_it_is_is_one_and_is_cut_off_everywhere() {
    let mut world = World::new(31);
    let space = world.ben_and_anna();
    keep_private(&mut world, "Anna", "My own");
    world.sync("Anna");
    let words = world.words_of("Anna");
    world.bring_back("Anna again", &words, Others::Keep, Until::Done).expect("is back");
    // It was her only computer, and had nobody to tell.
    let others = world.act("Anna again", |profile, _| profile.computers());
    let others: Vec<_> = others.into_iter().filter(|it| !it.this).collect();
    assert!(others.len() == 1 && others[0].places.len() == 2, "{others:?}");
    world.act("Anna again", |profile, _| profile.cut_computer(&others[0], Reason::Lost));
    world.sync("Anna again");
    world.add("Anna again", space, note("After the cut"));
    keep_private(&mut world, "Anna again", "Mine after the cut");
    for name in ["Anna again", "Ben"] {
        world.sync(name);
    }
    world.add("Ben", space, note("Ben's after the cut"));
    world.sync("Ben");
    _ = world.try_sync("Anna");
    assert_eq!(titles(&mut world, "Anna", space), Vec::<String>::new(), "it is out");
    assert_eq!(private_titles(&mut world, "Anna"), ["My own"], "it is out");
    world.sync("Anna again");
    assert_eq!(titles(&mut world, "Anna again", space), ["After the cut", "Ben's after the cut"]);
}

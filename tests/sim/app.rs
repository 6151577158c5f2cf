//! Two people, two profiles, one relay; the real code of all of them.

use alliance_core::{
    app::{Intent, ItemRef, Place},
    document::TextEdit,
    domain::{goal, note},
    keys::Invitation,
};
use alliance_replica::id::SpaceId;
use alliance_tests::{RELAY, START, World};

fn note(title: &str, body: &str) -> Intent {
    Intent::Note(note::Intent::Add(note::Add { title: title.into(), body: body.into(), ..note::Add::default() }))
}

fn rename(goal: ItemRef, title: &str) -> Intent {
    let edit = goal::Edit { title: Some(title.into()), ..goal::Edit::default() };
    Intent::Goal(goal::Intent::Edit { item: goal.item, edit })
}

fn edit(note: ItemRef, text: &str) -> Intent {
    let edit = note::Edit { body: Some(TextEdit::from(text)), ..note::Edit::default() };
    Intent::Note(note::Intent::Edit { item: note.item, edit })
}

#[test]
fn both_edit_the_same_note_and_goal_offline_and_both_see_both() {
    let mut world = World::new(1);
    let space = world.ben_and_anna();
    let plan = world.add("Ben", space, note("Plan", "One two three."));
    let goal = world.add(
        "Ben",
        space,
        Intent::Goal(goal::Intent::Add(goal::Add { title: "Run".into(), ..goal::Add::default() })),
    );
    world.sync("Ben");
    world.sync("Anna");
    let seen = world.act("Anna", |profile, _| profile.item(&plan));
    assert_eq!(seen.summary.texts["body"], "One two three.");

    world.change("Ben", plan, edit(plan, "Zero one two three."));
    world.change("Anna", plan, edit(plan, "One two three. Four."));
    world.change("Ben", goal, rename(goal, "Run 10 km"));
    world.change("Anna", goal, rename(goal, "Run every week"));
    for name in ["Ben", "Anna", "Ben"] {
        world.sync(name);
    }
    for name in ["Ben", "Anna"] {
        let note = world.act(name, |profile, _| profile.item(&plan));
        assert_eq!(note.summary.texts["body"], "Zero one two three. Four.", "{name}");
        let goal = world.act(name, |profile, _| profile.item(&goal));
        let values: Vec<_> = goal.choices[0].values.iter().map(|value| value.value.as_str()).collect();
        assert_eq!(values.len(), 2, "{name}: {values:?}");
        assert!(values.contains(&"Run 10 km") && values.contains(&"Run every week"), "{name}: {values:?}");
    }
    let [ben, anna] = ["Ben", "Anna"].map(|name| world.act(name, |profile, _| profile.heads(space)));
    assert_eq!(ben, anna);
}

fn security(world: &mut World, name: &str) -> Vec<String> {
    world.act(name, |profile, _| profile.security()).into_iter().map(|event| event.kind).collect()
}

#[test]
fn an_older_copy_of_a_profile_pulls_its_own_log_and_loses_nothing() {
    let mut world = World::new(2);
    let space = world.ben_and_anna();
    world.add("Anna", space, note("Before", "a"));
    world.sync("Anna");
    let copy = world.copy("Anna");
    world.add("Anna", space, note("After", "b"));
    world.sync("Anna");
    world.sync("Ben");
    world.restore("Anna", &copy);
    world.add("Anna", space, note("Offline on the old copy", "c"));
    world.sync("Anna");
    world.sync("Ben");
    for name in ["Anna", "Ben"] {
        assert_eq!(world.titles(name, space), ["After", "Before", "Offline on the old copy"], "{name}");
    }
    let kinds = security(&mut world, "Ben");
    assert!(!kinds.iter().any(|kind| kind == "device-wrote-two-histories"), "{kinds:?}");
}

#[test]
fn a_copied_profile_goes_on_beside_the_first_and_nothing_is_lost() {
    let mut world = World::new(3);
    let space = world.ben_and_anna();
    let plan = world.add("Anna", space, note("Plan", "one"));
    world.sync("Anna");
    let copy = world.copy("Anna");
    world.clone_person("Anna", "Anna's new laptop", &copy);
    world.add("Anna", space, note("On the first", "b"));
    world.add("Anna's new laptop", space, note("On the copy", "c"));
    world.change("Anna", plan, edit(plan, "one two"));
    world.change("Anna's new laptop", plan, edit(plan, "zero one"));
    for name in ["Anna", "Anna's new laptop", "Ben", "Anna", "Anna's new laptop", "Ben"] {
        world.sync(name);
    }
    for name in ["Anna", "Anna's new laptop", "Ben"] {
        assert_eq!(world.titles(name, space), ["On the copy", "On the first", "Plan"], "{name}");
        assert_eq!(world.act(name, |profile, _| profile.item(&plan)).summary.texts["body"], "zero one two", "{name}");
    }
}

#[test]
fn one_device_heals_a_wiped_relay() {
    let mut world = World::new(4);
    let space = world.ben_and_anna();
    world.add("Ben", space, note("From Ben", "a"));
    world.add("Anna", space, note("From Anna", "b"));
    for name in ["Ben", "Anna", "Ben"] {
        world.sync(name);
    }
    world.wipe_relay();
    world.sync("Ben");
    assert!(security(&mut world, "Ben").iter().any(|kind| kind == "relay-lost-data"));
    world.add("Ben", space, note("Later", "c"));
    world.sync("Ben");
    world.sync("Anna");
    assert_eq!(world.titles("Anna", space), ["From Anna", "From Ben", "Later"]);
}

#[test]
fn a_used_invitation_does_not_let_a_second_person_in() {
    let mut world = World::new(5);
    world.person("Ben", "coach");
    let space = world.act("Ben", |profile, world| profile.new_alliance("Two", Some(RELAY), world));
    let invitation = world.act("Ben", |profile, world| profile.invite(space, START as u64 + 86_400, world));
    let parse = || Invitation::parse(&invitation.reveal()).expect("an invitation");
    world.person("Anna", "client");
    assert!(world.try_join("Anna", parse()).is_err(), "the relay does not know the space yet");
    world.sync("Ben");
    world.join("Anna", parse());
    world.sync("Anna");
    world.person("Eve", "nobody");
    let refused = world.try_join("Eve", parse()).expect_err("used");
    assert!(refused.to_string().contains("does not let you in"), "{refused}");
    world.sync("Ben");
    world.person("Mallory", "nobody");
    assert!(world.try_join("Mallory", parse()).is_err());
}

#[test]
fn private_notes_stay_in_the_personal_space() {
    let mut world = World::new(6);
    let space = world.ben_and_anna();
    let intent = note("Doubts", "Am I good enough?");
    let mine = world.act("Anna", |profile, world| profile.add(Place::Personal, &intent, world));
    assert!(mine.private);
    world.sync("Anna");
    world.sync("Ben");
    assert!(world.titles("Ben", space).is_empty());
    let shared = world.act("Anna", |profile, world| profile.share(&mine.item, space, world));
    assert_ne!(shared.item, mine.item);
    world.sync("Anna");
    world.sync("Ben");
    assert_eq!(world.titles("Ben", space), ["Doubts"]);
}

#[test]
fn an_item_is_found_by_its_short_id_or_its_title_and_to_be_shown_by_a_part_of_it() {
    let mut world = World::new(7);
    let space = world.ben_and_anna();
    let first = world.add("Ben", space, note("First session", "a"));
    world.add("Ben", space, note("Second session", "b"));
    let short = world.act("Ben", |profile, _| profile.item(&first)).summary.short;
    for text in [short.as_str(), &short[1..], "first session", " First session ", &first.item.to_string()] {
        assert_eq!(world.act("Ben", |profile, _| profile.find(space, Some("note"), text)), first, "{text}");
        assert_eq!(world.act("Ben", |profile, _| profile.find_to_show(space, Some("note"), text)), first, "{text}");
    }
    assert_eq!(world.act("Ben", |profile, _| profile.find_to_show(space, Some("note"), "fir")), first);
    for text in ["", " ", "f", "fi", "session"] {
        assert!(world.try_act("Ben", |profile, _| profile.find_to_show(space, Some("note"), text)).is_err(), "{text}");
    }
    for text in ["", "f", "fir", "First sessio", "session"] {
        assert!(world.try_act("Ben", |profile, _| profile.find(space, Some("note"), text)).is_err(), "{text}");
    }
    assert!(world.try_act("Ben", |profile, _| profile.find(space, Some("goal"), &short)).is_err());
}

#[test]
fn many_edits_of_one_version_arrive_in_one_snapshot() {
    let mut world = World::new(8);
    let space = world.ben_and_anna();
    let notes: Vec<_> = (0..20).map(|n| world.add("Ben", space, note(&format!("Note {n}"), ""))).collect();
    let from = world.act("Ben", |profile, _| profile.item(&notes[7])).heads;
    for n in 0..20 {
        world.reopen("Ben");
        let edit = note::Edit {
            title: Some("Note 7".into()),
            body: Some(TextEdit { from: Some(from.clone()), text: format!("{n}") }),
            ..note::Edit::default()
        };
        world.change("Ben", notes[7], Intent::Note(note::Intent::Edit { item: notes[7].item, edit }));
    }
    world.sync("Ben");
    world.sync("Anna");
    assert_eq!(world.titles("Anna", space).len(), 20);
    let [ben, anna] = ["Ben", "Anna"].map(|name| world.act(name, |profile, _| profile.heads(space)));
    assert_eq!(ben, anna);
}

/// What a profile keeps with its safety words: all that they depend on, then the words.
#[test]
fn what_is_too_much_for_one_entry_goes_in_several_and_arrives() {
    let mut world = World::new(12);
    let space = world.ben_and_anna();
    let text = "word ".repeat(100_000);
    let titles = ["1", "2", "3", "4", "5", "6"];
    for title in titles {
        world.add("Ben", space, note(title, &text));
    }
    for name in ["Ben", "Anna"] {
        world.sync(name);
    }
    assert_eq!(world.titles("Anna", space), titles);
    assert!(security(&mut world, "Anna").iter().all(|kind| kind != "entry-refused"));
    let [ben, anna] = ["Ben", "Anna"].map(|name| world.act(name, |profile, _| profile.heads(space)));
    assert_eq!(ben, anna);
}

fn kept_words(world: &World, name: &str, space: SpaceId) -> (rusqlite::Connection, String, Vec<u8>) {
    let file = world.people[name].folder.path().join("profile.db");
    let file = rusqlite::Connection::open(file).expect("a profile");
    let key = format!("safety words:{space}");
    let kept = file.query_row("SELECT value FROM meta WHERE key = ?1", [&key], |row| row.get(0)).expect("kept words");
    (file, key, kept)
}

#[test]
fn safety_words_are_computed_once_and_again_when_anything_they_depend_on_is_another() {
    let mut world = World::new(9);
    let space = world.ben_and_anna();
    let words = |world: &mut World| world.act("Ben", |profile, _| profile.members(space)).safety_words.expect("words");
    let right = words(&mut world);
    assert_eq!(world.act("Anna", |profile, _| profile.members(space)).safety_words.as_deref(), Some(&*right));
    let (file, key, kept) = kept_words(&world, "Ben", space);
    let input = kept.strip_suffix(right.as_bytes()).expect("the words are last").to_vec();
    assert_eq!(input.len(), 16 + 2 * 4 * 32, "the space, and four public keys of each member");
    let keep = |value: &[u8]| file.execute("UPDATE meta SET value = ?2 WHERE key = ?1", (&key, value)).expect("kept");
    // Words that nobody computed can only be the kept ones.
    let other = [&*input, b"a b c d e f"].concat();
    keep(&other);
    assert_eq!(words(&mut world), "a b c d e f");
    for at in (8..input.len()).step_by(32) {
        let mut changed = other.clone();
        changed[at] ^= 1;
        keep(&changed);
        assert_eq!(words(&mut world), right, "byte {at}");
        assert_eq!(kept_words(&world, "Ben", space).2, kept, "byte {at}");
    }
    keep(&[&*input, &[0xff]].concat());
    assert_eq!(words(&mut world), right, "not even text");
}

#[test]
fn the_secret_of_an_invitation_is_gone_from_both_profiles_once_the_other_person_is_in() {
    let mut world = World::new(10);
    world.person("Ben", "coach");
    let space = world.act("Ben", |profile, world| profile.new_alliance("Two", Some(RELAY), world));
    let spare = world.act("Ben", |profile, world| profile.invite(space, START as u64 + 86_400, world));
    let used = world.act("Ben", |profile, world| profile.invite(space, START as u64 + 86_400, world));
    world.sync("Ben");
    world.person("Anna", "client");
    world.join("Anna", Invitation::parse(&used.reveal()).expect("an invitation"));
    let secrets = [spare, used].map(|it| it.device_secret().to_bytes());
    for name in ["Anna", "Ben", "Anna"] {
        world.sync(name);
    }
    for name in ["Ben", "Anna"] {
        let folder = world.people[name].folder.path().to_owned();
        world.reopen(name);
        for file in std::fs::read_dir(&folder).expect("a folder") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("read");
            for half in secrets.iter().flat_map(|secret| secret.chunks(32)) {
                assert!(bytes.windows(32).all(|window| window != half), "{name} keeps it");
            }
        }
    }
}

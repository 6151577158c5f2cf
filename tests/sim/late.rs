//! What a computer wrote after it was cut off: nobody counts it, its person sees it, and takes it in or does not.

use alliance_core::app::Late;
use alliance_replica::{id::SpaceId, log::control::Reason};
use alliance_tests::{World, note};

use crate::computers::{invite, keep_private, other, private_titles, settle, titles, with_two};

/// Ben cuts the tablet off while it writes on, and the relay comes to hold what it wrote: it had lost all, the cut too.
fn written_late(world: &mut World, before_the_cut: &[&str]) -> SpaceId {
    let [first, _] = with_two(world);
    settle(world);
    world.add("Ben's tablet", first, note("Late"));
    keep_private(world, "Ben's tablet", "Late and mine");
    let tablet = other(world, "Ben");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    world.sync("Ben");
    world.wipe_relay();
    world.sync("Ben's tablet");
    before_the_cut.iter().for_each(|name| world.sync(name));
    world.sync("Ben");
    world.sync("Ben");
    world.sync("Anna");
    first
}

fn late(world: &mut World, name: &str) -> Vec<Late> {
    world.act(name, |profile, _| profile.late())
}

fn late_titles(world: &mut World, name: &str) -> Vec<String> {
    let things = late(world, name).into_iter().flat_map(|late| late.things);
    let mut titles: Vec<_> = things.map(|it| it.thing.title).collect();
    titles.sort();
    titles
}

fn take(world: &mut World, name: &str) {
    for shown in late(world, name) {
        world.act(name, |profile, outside| profile.take_late(&shown, outside));
    }
}

/// How much the security log says was written by devices after they were cut off.
fn told(world: &mut World, name: &str, space: SpaceId) -> u64 {
    let events = world.act(name, |profile, _| profile.security()).into_iter();
    let late = events.filter(|it| it.kind == "wrote-after-cut" && it.space == space.to_string());
    late.map(|it| it.about["entries"].as_u64().expect("a number")).sum()
}

fn assert_equal(world: &mut World, names: &[&str], space: SpaceId) {
    let heads: Vec<_> = names.iter().map(|name| world.act(name, |profile, _| profile.heads(space))).collect();
    for (name, heads_of) in names.iter().zip(&heads) {
        assert_eq!(*heads_of, heads[0], "{name}");
    }
}

#[test]
fn what_a_computer_wrote_after_it_was_cut_off_counts_once_its_person_takes_it_in_whatever_came_first() {
    for before_the_cut in [&[][..], &["Anna"]] {
        let mut world = World::new(11);
        let first = written_late(&mut world, before_the_cut);
        for name in ["Ben", "Anna"] {
            assert_eq!(titles(&mut world, name, first), ["With Anna"], "{name} before");
        }
        assert_eq!(late_titles(&mut world, "Ben"), ["Late", "Late and mine"]);
        assert_eq!(late_titles(&mut world, "Ben"), ["Late", "Late and mine"], "looking changes nothing");
        let shown = &late(&mut world, "Ben")[0];
        assert_eq!((shown.computer.name.as_str(), shown.closed), ("computer 2", 0));
        assert!(shown.last.is_some() && shown.things.iter().all(|it| it.is_new), "{shown:?}");
        assert!(late(&mut world, "Anna").is_empty(), "it is not hers to take in");
        assert_eq!((told(&mut world, "Ben", first), told(&mut world, "Anna", first)), (1, 1));

        // It counts here at once, and there once it is said.
        take(&mut world, "Ben");
        assert_eq!(titles(&mut world, "Ben", first), ["Late", "With Anna"]);
        assert!(world.act("Ben", |profile, _| profile.awaits_taking()));
        world.reopen("Ben");
        assert!(world.act("Ben", |profile, _| profile.awaits_taking()), "also after a restart");
        world.sync("Anna");
        assert_eq!(titles(&mut world, "Anna", first), ["With Anna"], "nobody said so yet");
        world.sync("Ben");
        assert!(!world.act("Ben", |profile, _| profile.awaits_taking()));
        world.sync("Anna");
        assert_eq!(titles(&mut world, "Anna", first), ["Late", "With Anna"]);
        assert_eq!(private_titles(&mut world, "Ben"), ["Late and mine", "My own"]);
        assert!(late(&mut world, "Ben").is_empty());
        world.reopen("Anna");
        world.reopen("Ben");
        assert_equal(&mut world, &["Ben", "Anna"], first);
        assert_eq!(titles(&mut world, "Anna", first), ["Late", "With Anna"]);
    }
}

#[test]
fn what_arrives_after_it_was_taken_in_is_asked_about_again() {
    let mut world = World::new(12);
    let first = written_late(&mut world, &[]);
    let shown = late(&mut world, "Ben");
    world.add("Ben's tablet", first, note("Later still"));
    world.wipe_relay();
    world.sync("Ben's tablet");
    world.sync("Ben");
    for shown in shown {
        world.act("Ben", |profile, outside| profile.take_late(&shown, outside));
    }
    world.sync("Ben");
    world.sync("Anna");
    for name in ["Ben", "Anna"] {
        assert_eq!(titles(&mut world, name, first), ["Late", "With Anna"], "{name}");
    }
    assert_eq!(late_titles(&mut world, "Ben"), ["Later still"]);
    take(&mut world, "Ben");
    world.sync("Ben");
    world.sync("Anna");
    assert_eq!(titles(&mut world, "Anna", first), ["Late", "Later still", "With Anna"]);
    assert_equal(&mut world, &["Ben", "Anna"], first);
}

#[test]
fn two_computers_take_it_in_at_once_and_the_one_that_was_cut_off_cannot() {
    let mut world = World::new(13);
    let first = written_late(&mut world, &[]);
    let phone = invite(&mut world, "Ben");
    world.blank("Ben's phone");
    world.join("Ben's phone", phone);
    for name in ["Ben's phone", "Ben", "Ben's phone", "Ben", "Ben's phone"] {
        world.tend(name);
    }
    assert_eq!(late_titles(&mut world, "Ben's phone"), ["Late", "Late and mine"]);
    assert!(late(&mut world, "Ben's tablet").is_empty());
    // What Ben saw does not help whoever has the tablet.
    for shown in late(&mut world, "Ben") {
        _ = world.try_act("Ben's tablet", |profile, outside| profile.take_late(&shown, outside));
    }
    _ = world.try_sync("Ben's tablet");
    world.sync("Anna");
    assert_eq!(titles(&mut world, "Anna", first), ["With Anna"]);

    take(&mut world, "Ben");
    take(&mut world, "Ben's phone");
    world.add("Ben's phone", first, note("From the phone"));
    for name in ["Ben", "Ben's phone", "Ben", "Anna", "Ben's phone"] {
        world.sync(name);
    }
    for name in ["Ben", "Ben's phone", "Anna"] {
        assert_eq!(titles(&mut world, name, first), ["From the phone", "Late", "With Anna"], "{name}");
    }
    assert_equal(&mut world, &["Ben", "Ben's phone", "Anna"], first);
    assert_eq!(private_titles(&mut world, "Ben's phone"), ["Late and mine", "My own"]);
}

//! A profile's folder was copied and both wrote records under one key, which ends it: the words let both in again.

use std::collections::BTreeSet;

use alliance_core::app::{AppError, Hindrance, NotRestored, Out};
use alliance_core::keys::Words;
use alliance_replica::{exchange::frame::Code, id::SpaceId, log::control::Reason};
use alliance_tests::{World, note};

use crate::computers::{invite, keep_private, other, private_titles, settle, titles, with_two};

/// Anna has a copy of her profile, and both have made an invitation, written, and brought it to the relay; which lost, in
/// between, what the first of them had brought.
fn both_wrote_records(world: &mut World) -> SpaceId {
    let space = world.ben_and_anna();
    world.add("Anna", space, note("Before"));
    for name in ["Anna", "Ben", "Anna"] {
        world.sync(name);
    }
    let copy = world.copy("Anna");
    world.clone_person("Anna", "Anna's copy", &copy);
    for (name, title) in [("Anna", "On the first"), ("Anna's copy", "On the copy")] {
        world.wipe_relay();
        invite(world, name);
        world.add(name, space, note(title));
        keep_private(world, name, title);
        world.sync(name);
    }
    world.add("Anna", space, note("Waiting"));
    for name in ["Anna", "Ben", "Anna's copy", "Anna"] {
        _ = world.try_sync(name);
    }
    for name in ["Anna", "Ben"] {
        let told = world.act(name, |profile, _| profile.security()).into_iter();
        assert!(told.map(|it| it.kind).any(|kind| kind == "device-wrote-two-histories"), "{name}");
    }
    // A fork keeps only what a record before it names, or somebody else's words.
    assert!(titles(world, "Ben", space).is_empty());
    space
}

/// As the program does where the relay says that this computer does not belong there.
fn refused(world: &mut World, name: &str) {
    for status in world.act(name, |profile, _| profile.status()) {
        let why = Some(Hindrance::Refused(Code::NotMember));
        world.act(name, |profile, _| profile.set_hindrance(&status.space, why));
    }
}

/// What `device renew` does with words.
fn renew(world: &mut World, name: &str, words: &Words) -> Result<usize, AppError> {
    assert!(world.act(name, |profile, _| profile.renews_by_words()), "{name}");
    let mut all = 0;
    loop {
        world.act(name, |profile, _| profile.lend_to_renew(words));
        _ = world.try_sync(name);
        let renewed = world.try_act(name, |profile, outside| profile.renew_by_words(outside))?;
        all += renewed.len();
        if renewed.is_empty() {
            break;
        }
    }
    world.act(name, |profile, _| -> Result<(), AppError> {
        profile.give_back();
        profile.status()?.iter().try_for_each(|it| profile.set_hindrance(&it.space, None))
    });
    world.tend(name);
    world.tend(name);
    Ok(all)
}

#[test]
fn words_let_both_copies_in_again_and_no_word_is_lost() {
    let mut world = World::new(21);
    let space = both_wrote_records(&mut world);
    let words = world.words_of("Anna");
    let bens = world.words_of("Ben");
    let refusal = world.try_act("Anna", |profile, _| profile.lend_to_renew(&bens));
    assert!(matches!(refusal, Err(AppError::NotRestored(NotRestored::OtherWords))), "{refusal:?}");

    assert_eq!(renew(&mut world, "Anna", &words).expect("is in again"), 2);
    assert!(!world.act("Anna", |profile, _| profile.renews_by_words()));
    world.sync("Ben");
    for name in ["Anna", "Ben"] {
        assert_eq!(titles(&mut world, name, space), ["Before", "On the first", "Waiting"], "{name}");
    }
    assert_eq!(private_titles(&mut world, "Anna"), ["On the first"]);

    refused(&mut world, "Anna's copy");
    assert_eq!(renew(&mut world, "Anna's copy", &words).expect("is in again"), 2);
    let names = ["Anna", "Ben", "Anna's copy"];
    for name in ["Anna", "Anna's copy", "Ben", "Anna", "Anna's copy"] {
        world.tend(name);
    }
    for name in names {
        assert_eq!(titles(&mut world, name, space), ["Before", "On the copy", "On the first", "Waiting"], "{name}");
    }
    for name in ["Anna", "Anna's copy"] {
        assert_eq!(private_titles(&mut world, name), ["On the copy", "On the first"], "{name}");
        assert!(world.act(name, |profile, _| profile.late()).is_empty(), "{name}");
        let computers = world.act(name, |profile, _| profile.computers());
        let named: BTreeSet<_> = computers.iter().filter(|it| it.live).map(|it| it.name.clone()).collect();
        assert_eq!((computers.len(), named.len()), (2, 2), "{name}: {computers:?}");
    }
    for (name, title) in [("Anna", "First again"), ("Anna's copy", "Copy again")] {
        world.add(name, space, note(title));
        world.sync(name);
    }
    let heads = names.map(|name| {
        world.sync(name);
        world.act(name, |profile, _| profile.heads(space))
    });
    assert!(heads.iter().all(|it| *it == heads[0]));
    assert_eq!(titles(&mut world, "Ben", space).len(), 6);
}

#[test]
fn words_do_not_let_a_computer_in_that_was_cut_off() {
    let mut world = World::new(22);
    let [first, _] = with_two(&mut world);
    settle(&mut world);
    let words = world.words_of("Ben");
    let tablet = other(&mut world, "Ben");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    world.sync("Ben");
    _ = world.try_sync("Ben's tablet");
    refused(&mut world, "Ben's tablet");
    let refusal = renew(&mut world, "Ben's tablet", &words);
    assert!(matches!(refusal, Err(AppError::CutOff)), "{refusal:?}");
    // It knows by now.
    assert!(matches!(world.try_act("Ben's tablet", |profile, _| profile.renews_by_words()), Err(AppError::CutOff)));
    world.add("Ben", first, note("Not for the thief"));
    world.sync("Ben");
    world.people.get_mut("Ben's tablet").expect("a computer").profile.give_back();
    _ = world.try_sync("Ben's tablet");
    assert!(!titles(&mut world, "Ben's tablet", first).contains(&"Not for the thief".to_owned()));
}

#[test]
fn two_copies_that_came_into_an_alliance_each_by_a_way_of_its_own_come_to_rest() {
    let mut world = World::new(23);
    let [first, _] = with_two(&mut world);
    for name in ["Ben's tablet", "Ben", "Ben's tablet"] {
        world.sync(name);
    }
    let copy = world.copy("Ben's tablet");
    world.clone_person("Ben's tablet", "Ben's copy", &copy);
    let meet = |world: &mut World| {
        for name in ["Ben", "Ben's tablet", "Ben's copy"] {
            world.sync(name);
            world.take_up(name);
            _ = world.try_sync(name);
        }
    };
    for _ in 0..6 {
        world.now += 2 * 86_400;
        meet(&mut world);
    }
    let status = world.act("Ben", |profile, _| profile.status());
    let personal = status.into_iter().find(|it| it.personal).expect("it").space;
    let before = world.act("Ben", |profile, _| profile.heads(personal));
    for _ in 0..3 {
        meet(&mut world);
    }
    assert_eq!(world.act("Ben", |profile, _| profile.heads(personal)), before, "somebody writes without end");
    // One goes on there under its key, and the other one knows that it does not.
    assert_eq!(world.act("Ben's copy", |profile, _| profile.out_of(first)), None);
    assert_eq!(world.act("Ben's tablet", |profile, _| profile.out_of(first)), Some(Out::Refused));
}

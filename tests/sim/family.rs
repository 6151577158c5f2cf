//! A second computer of one person comes, has everything, and is cut off; a person leaves.

use alliance_core::{
    app::{AllianceState, AppError, Intent},
    domain::note,
    keys::Invitation,
};
use alliance_replica::{id::SpaceId, log::control::Reason};
use alliance_tests::{START, World};

fn note(title: &str) -> Intent {
    Intent::Note(note::Intent::Add(note::Add { title: title.into(), ..note::Add::default() }))
}

fn titles(world: &mut World, name: &str, space: SpaceId) -> Vec<String> {
    let notes = world.act(name, |profile, _| profile.list(space, "note", true));
    let mut titles: Vec<_> = notes.into_iter().map(|note| note.title).collect();
    titles.sort();
    titles
}

/// Anna takes a tablet into use in her alliance with Ben.
fn with_a_tablet(world: &mut World) -> SpaceId {
    let space = world.ben_and_anna();
    world.add("Anna", space, note("From the laptop"));
    let expires = START.unsigned_abs() + 86_400;
    let invitation = world.act("Anna", |profile, outside| profile.invite_device(space, expires, outside));
    let invitation = Invitation::parse(&invitation.reveal()).expect("an invitation");
    world.sync("Anna");
    world.person("Anna's tablet", "client");
    world.join("Anna's tablet", invitation);
    for name in ["Anna's tablet", "Anna", "Anna's tablet"] {
        world.sync(name);
    }
    space
}

#[test]
fn another_computer_of_ones_own_has_everything_and_is_the_same_person() {
    let mut world = World::new(1);
    let space = with_a_tablet(&mut world);
    assert_eq!(titles(&mut world, "Anna's tablet", space), ["From the laptop"]);
    world.add("Anna's tablet", space, note("From the tablet"));
    for name in ["Anna's tablet", "Ben", "Anna"] {
        world.sync(name);
    }
    for name in ["Ben", "Anna"] {
        assert_eq!(titles(&mut world, name, space), ["From the laptop", "From the tablet"], "{name}");
    }
    let members = world.act("Ben", |profile, _| profile.members(space));
    assert_eq!((members.me.devices, members.other.expect("Anna").devices), (1, 2));
    let devices = world.act("Anna", |profile, _| profile.devices(space));
    let mine = devices.iter().find(|it| it.this).expect("this one").member;
    assert_eq!(devices.iter().filter(|it| it.member == mine && it.live).count(), 2);
}

#[test]
fn a_cut_keeps_what_the_relay_had_and_nothing_that_comes_later() {
    let mut world = World::new(2);
    let space = with_a_tablet(&mut world);
    world.add("Anna's tablet", space, note("In time"));
    world.sync("Anna's tablet");
    world.add("Anna's tablet", space, note("Too late"));
    // The laptop has not heard of either when Anna decides.
    let devices = world.act("Anna", |profile, _| profile.devices(space));
    let mine = devices.iter().find(|it| it.this).expect("this one").member;
    let [tablet, ben] = [true, false]
        .map(|own| devices.iter().find(|it| !it.this && (it.member == mine) == own).expect("one of them").device);
    let refused = world.try_act("Anna", |profile, _| profile.cut_device(space, ben, Reason::Lost));
    assert!(matches!(refused, Err(AppError::NotYourDevice)), "{refused:?}");
    world.act("Anna", |profile, _| profile.cut_device(space, tablet, Reason::Lost));
    world.sync("Anna");
    _ = world.try_sync("Anna's tablet");
    world.add("Anna", space, note("Afterwards"));
    for name in ["Anna", "Ben", "Anna"] {
        world.sync(name);
    }
    for name in ["Ben", "Anna"] {
        assert_eq!(titles(&mut world, name, space), ["Afterwards", "From the laptop", "In time"], "{name}");
    }
    assert!(!titles(&mut world, "Anna's tablet", space).contains(&"Afterwards".to_owned()), "it is out");
    assert_eq!(world.act("Anna", |profile, _| profile.members(space)).me.devices, 1);
}

#[test]
fn who_leaves_hands_over_everything_keeps_it_and_writes_no_more() {
    let mut world = World::new(3);
    let space = world.ben_and_anna();
    world.add("Ben", space, note("From Ben"));
    world.sync("Ben");
    world.add("Anna", space, note("Last words"));
    world.act("Anna", |profile, _| profile.leave(space));
    world.add("Anna", space, note("Very last words"));
    world.sync("Anna");
    world.sync("Ben");
    for name in ["Ben", "Anna"] {
        assert_eq!(titles(&mut world, name, space), ["From Ben", "Last words", "Very last words"], "{name}");
    }
    let state = |world: &mut World, name: &str| {
        world.act(name, |profile, _| profile.alliances()).iter().find(|it| it.space == space).map(|it| it.state)
    };
    assert_eq!(state(&mut world, "Anna"), Some(AllianceState::Ended));
    assert_eq!(state(&mut world, "Ben"), Some(AllianceState::TheyLeft));
    let place = alliance_core::app::Place::Alliance(space);
    let refused = world.try_act("Anna", |profile, outside| profile.add(place, &note("No"), outside));
    assert!(matches!(refused, Err(AppError::Ended)), "{refused:?}");
    // What was done there is passed over, one after the other.
    for _ in 0..2 {
        let refused = world.try_act("Anna", |profile, outside| profile.undo(outside));
        assert!(matches!(refused, Err(AppError::Ended)), "{refused:?}");
    }
    let refused = world.try_act("Anna", |profile, outside| profile.undo(outside));
    assert!(matches!(refused, Err(AppError::NothingToUndo)), "{refused:?}");
    world.add("Ben", space, note("Alone"));
    world.sync("Ben");
    assert_eq!(titles(&mut world, "Ben", space).len(), 4);
}

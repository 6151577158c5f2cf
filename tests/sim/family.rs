//! A second computer of one person comes, has everything, and is cut off; a person leaves.

use alliance_core::{
    app::{AllianceState, AppError},
    keys::Invitation,
};
use alliance_replica::{exchange::frame::Frame, id::SpaceId, log::control::Reason};
use alliance_tests::{START, World, meddler::Way, note};
use rusqlite::Connection;

use crate::computers::{settle, with_two};

/// Somebody invites another computer of theirs, and the relay knows of it.
fn invite(world: &mut World, name: &str, space: SpaceId) -> Invitation {
    let expires = START.unsigned_abs() + 86_400;
    let invitation = world.act(name, |profile, outside| profile.invite_device(space, expires, outside));
    world.sync(name);
    Invitation::parse(&invitation.reveal()).expect("an invitation")
}

/// Anna takes a tablet into use in her alliance with Ben.
fn with_a_tablet(world: &mut World) -> SpaceId {
    let space = world.ben_and_anna();
    world.add("Anna", space, note("From the laptop"));
    let invitation = invite(world, "Anna", space);
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
    assert_eq!(world.titles("Anna's tablet", space), ["From the laptop"]);
    world.add("Anna's tablet", space, note("From the tablet"));
    for name in ["Anna's tablet", "Ben", "Anna"] {
        world.sync(name);
    }
    for name in ["Ben", "Anna"] {
        assert_eq!(world.titles(name, space), ["From the laptop", "From the tablet"], "{name}");
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
        assert_eq!(world.titles(name, space), ["Afterwards", "From the laptop", "In time"], "{name}");
    }
    assert!(!world.titles("Anna's tablet", space).contains(&"Afterwards".to_owned()), "it is out");
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
        assert_eq!(world.titles(name, space), ["From Ben", "Last words", "Very last words"], "{name}");
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
    assert_eq!(world.titles("Ben", space).len(), 4);
}

#[test]
fn who_joins_is_told_of_a_device_that_wrote_two_histories_before() {
    let mut world = World::new(4);
    let space = world.ben_and_anna();
    let copy = world.copy("Anna");
    world.clone_person("Anna", "Anna's copy", &copy);
    invite(&mut world, "Anna", space);
    world.wipe_relay();
    invite(&mut world, "Anna's copy", space);
    for name in ["Anna", "Ben"] {
        _ = world.try_sync(name);
    }
    let invitation = invite(&mut world, "Ben", space);
    world.person("Ben's tablet", "coach");
    world.join("Ben's tablet", invitation);
    for name in ["Ben", "Ben's tablet"] {
        let told = world.act(name, |profile, _| profile.security());
        assert!(told.iter().any(|line| line.kind == "device-wrote-two-histories"), "{name}: {told:?}");
    }
}

#[test]
fn the_secret_of_an_invitation_goes_from_every_copy_once_it_is_confirmed() {
    let mut world = World::new(5);
    let space = world.ben_and_anna();
    let invitation = invite(&mut world, "Anna", space);
    let copy = world.copy("Anna");
    world.clone_person("Anna", "Anna's copy", &copy);
    world.person("Anna's tablet", "client");
    world.join("Anna's tablet", invitation);
    let kept = |world: &World, name: &str| {
        let file = Connection::open(world.people[name].folder.path().join("profile.db")).expect("a profile");
        let mine = "SELECT COUNT(*) FROM invitations WHERE mine = 1";
        file.query_row(mine, (), |row| row.get::<_, i64>(0)).expect("a number")
    };
    assert_eq!(kept(&world, "Anna's copy"), 1);
    for name in ["Anna's tablet", "Anna", "Anna's copy"] {
        world.sync(name);
        assert!(name == "Anna's tablet" || kept(&world, name) == 0, "{name}");
    }
}

#[test]
fn an_alliance_that_its_relay_forgot_waits_for_what_the_personal_space_says_of_it() {
    let mut world = World::new(8);
    let [left, other] = with_two(&mut world);
    settle(&mut world);
    world.act("Anna", |profile, _| profile.leave(left));
    world.sync("Anna");
    world.act("Ben", |profile, _| profile.leave(left));
    world.tend("Ben");
    world.wipe_relay();
    world.sync("Ben");
    // What was written comes later than what there is.
    let mut held = Vec::new();
    world.meddler = Some(Box::new(move |way, frames| {
        if way == Way::Up {
            return frames;
        }
        let (entries, mut now): (Vec<_>, Vec<_>) = frames.into_iter().partition(|it| matches!(it, Frame::Entries(_)));
        now.extend(std::mem::replace(&mut held, entries));
        now
    }));
    world.sync("Ben's tablet");
    world.meddler = None;
    let told = world.act("Ben's tablet", |profile, _| profile.security());
    assert!(told.iter().all(|it| it.kind != "relay-lost-data"), "{told:?}");
    let all = world.act("Ben's tablet", |profile, _| profile.alliances());
    let state = |space| all.iter().find(|it| it.space == space).map(|it| it.state);
    assert_eq!((state(left), state(other)), (Some(AllianceState::Ended), Some(AllianceState::Alone)));
}

//! Two laptops meet without a relay: what they share merges, and nobody else learns anything.

use alliance_core::{
    app::{AppError, NotInvited, Place, SessionError},
    keys::{Invitation, Route},
};
use alliance_replica::{
    exchange::frame::{Code, Frame},
    id::Secret,
    log::control::Reason,
};
use alliance_tests::{START, World, direct::Meeting, forge::Forger, note};

use crate::computers::{invite, keep_private, other, private_titles, settle, titles, with_two};

const DAY: u64 = 86_400;

fn entries(meeting: &Meeting, side: usize) -> usize {
    let count = |frame: &Frame| if let Frame::Entries(it) = frame { it.entries.len() } else { 0 };
    meeting.sent[side].iter().map(count).sum()
}

fn refusals(meeting: &Meeting, side: usize) -> Vec<Code> {
    let code = |frame: &Frame| if let Frame::Error(it) = frame { Some(it.code) } else { None };
    meeting.sent[side].iter().filter_map(code).collect()
}

#[test]
fn what_both_wrote_offline_is_with_both_after_they_met() {
    let mut world = World::new(1);
    let space = world.ben_and_anna();
    world.add("Ben", space, note("Ben's"));
    world.add("Anna", space, note("Anna's"));
    keep_private(&mut world, "Ben", "Only Ben's");
    let meeting = world.meet("Anna", "Ben");
    assert_eq!(meeting.settled, [true, true]);
    for name in ["Ben", "Anna"] {
        assert_eq!(titles(&mut world, name, space), ["Anna's", "Ben's"]);
    }
    assert_eq!(private_titles(&mut world, "Anna"), [""; 0]);
    // The other one may dial as well, and there is nothing left to send.
    let again = world.meet("Ben", "Anna");
    assert_eq!(again.settled, [true, true]);
    assert_eq!([entries(&again, 0), entries(&again, 1)], [0, 0]);
}

/// Anna says that Ben's tablet is somewhere else: his laptop goes on to look where the tablet said.
#[test]
fn nobody_else_says_where_ones_own_laptop_is() {
    let mut world = World::new(9);
    let [space, _] = with_two(&mut world);
    settle(&mut world);
    let [tablet, anna] = ["Ben's tablet", "Anna"].map(|name| Forger::steal(&world, name, space).device());
    let endpoint = Secret::from_seed(&[7; 32]).public();
    let at = |address: &str| Route::new(endpoint, [address.parse().expect("an address")]);
    let (said, false_one) = (at("127.0.0.1:1"), at("127.0.0.1:2"));
    for (device, route) in [(tablet, &said), (anna, &false_one), (tablet, &said)] {
        world.act("Ben", |profile, _| profile.keep_route(&space, &device, route));
    }
    assert_eq!(world.act("Ben", |profile, _| profile.routes()), [said]);
}

#[test]
fn what_another_laptop_has_is_not_said_to_be_on_a_relay() {
    let mut world = World::new(2);
    let space = world.ben_and_anna();
    world.add("Ben", space, note("Ben's"));
    world.meet("Ben", "Anna");
    let status = |world: &mut World| {
        let all = world.act("Ben", |profile, _| profile.status());
        all.into_iter().find(|it| it.space == space).expect("the alliance")
    };
    let before = status(&mut world);
    assert_eq!((before.waiting, before.unsent), (0, 1));
    assert_eq!(before.others.iter().map(|it| it.missing).collect::<Vec<_>>(), [0], "they have just met");
    world.sync("Ben");
    assert_eq!(status(&mut world).unsent, 0);
}

#[test]
fn a_stranger_learns_nothing_and_not_how_much_there_is() {
    let mut world = World::new(3);
    let space = world.ben_and_anna();
    world.add("Ben", space, note("Ben's"));
    world.person("Carl", "client");
    for (dials, answers, ben) in [("Carl", "Ben", 1), ("Ben", "Carl", 0)] {
        let meeting = world.meet(dials, answers);
        assert!(meeting.told_nothing(ben));
        assert_eq!(meeting.strangers, [true, true]);
        let length = |side: usize| {
            let names =
                meeting.sent[side].iter().find_map(|it| if let Frame::Names(it) = it { Some(it) } else { None });
            names.expect("names").names.len()
        };
        assert_eq!([length(0), length(1)], [16, 16]);
    }
}

#[test]
fn two_who_are_in_different_alliances_with_one_person_learn_nothing_of_each_other() {
    let mut world = World::new(4);
    with_two(&mut world);
    world.person("Carl", "client");
    let carls = world.act("Ben", |profile, _| profile.alliances())[1].space;
    let invitation = world.act("Ben", |profile, outside| profile.invite(carls, START as u64 + DAY, outside));
    world.sync("Ben");
    world.join("Carl", Invitation::parse(&invitation.reveal()).expect("an invitation"));
    world.sync("Carl");
    world.sync("Ben");
    let meeting = world.meet("Carl", "Anna");
    assert!(meeting.told_nothing(0) && meeting.told_nothing(1));
    let meeting = world.meet("Carl", "Ben");
    assert!(!meeting.told_nothing(1));
    assert_eq!(meeting.settled, [true, true]);
}

#[test]
fn a_computer_that_was_cut_off_is_turned_away_and_told_nothing() {
    let mut world = World::new(5);
    let [first, _] = with_two(&mut world);
    for name in ["Ben's tablet", "Ben", "Ben's tablet", "Ben", "Ben's tablet"] {
        world.tend(name);
    }
    world.sync("Anna");
    let tablet = other(&mut world, "Ben");
    world.act("Ben", |profile, _| profile.cut_computer(&tablet, Reason::Lost));
    world.sync("Ben");
    world.sync("Anna");
    world.add("Ben", first, note("After the cut"));
    world.add("Anna", first, note("Anna's, after the cut"));
    world.sync("Ben");
    world.sync("Anna");
    for name in ["Ben", "Anna"] {
        let meeting = world.meet("Ben's tablet", name);
        assert!(meeting.told_nothing(1), "{name} answered");
        assert!(refusals(&meeting, 1).iter().all(|code| *code == Code::NotMember) && !refusals(&meeting, 1).is_empty());
        // Where it is dialled it hears only who dials; and is told nothing either.
        let meeting = world.meet(name, "Ben's tablet");
        assert_eq!(entries(&meeting, 0), 0);
        assert!(!meeting.sent[0].iter().any(|it| matches!(it, Frame::Have(have) if !have.heads.is_empty())));
    }
    assert!(titles(&mut world, "Ben's tablet", first).iter().all(|title| !title.contains("After")));
}

#[test]
fn a_new_computer_shows_who_it_is_to_somebody_who_has_not_heard_of_it() {
    let mut world = World::new(6);
    let [first, _] = with_two(&mut world);
    for name in ["Ben's tablet", "Ben", "Ben's tablet", "Ben", "Ben's tablet"] {
        world.tend(name);
    }
    // Anna has not synced since.
    world.add("Ben's tablet", first, note("From the tablet"));
    world.add("Anna", first, note("Anna's"));
    let meeting = world.meet("Ben's tablet", "Anna");
    assert_eq!(meeting.settled, [true, true]);
    assert!(titles(&mut world, "Anna", first).contains(&"From the tablet".to_owned()));
    assert!(titles(&mut world, "Ben's tablet", first).contains(&"Anna's".to_owned()));
}

#[test]
fn who_is_dialled_by_somebody_who_has_not_heard_of_them_shows_who_they_are() {
    let mut world = World::new(7);
    let [first, _] = with_two(&mut world);
    for name in ["Ben's tablet", "Ben", "Ben's tablet", "Ben", "Ben's tablet"] {
        world.tend(name);
    }
    world.add("Ben's tablet", first, note("From the tablet"));
    let meeting = world.meet("Anna", "Ben's tablet");
    assert_eq!(meeting.settled, [true, true]);
    assert!(titles(&mut world, "Anna", first).contains(&"From the tablet".to_owned()));
}

#[test]
fn an_invitation_is_taken_up_at_the_inviters_laptop() {
    let mut world = World::new(8);
    world.person("Ben", "coach");
    let space = world.act("Ben", |profile, outside| profile.new_alliance("Ben & Anna", None, outside));
    world.add("Ben", space, note("Ben's"));
    let refused = world.try_act("Ben", |profile, outside| profile.invite(space, START as u64 + DAY, outside));
    assert!(matches!(refused, Err(AppError::NoRelay)), "nobody knows where he is");
    world.at_home("Ben");
    let invitation = world.act("Ben", |profile, outside| profile.invite(space, START as u64 + DAY, outside));
    let invitation = || Invitation::parse(&invitation.reveal()).expect("an invitation");
    world.person("Anna", "client");
    world.join_at("Anna", "Ben", invitation()).expect("she is let in");
    world.add("Anna", space, note("Anna's"));
    let meeting = world.meet("Anna", "Ben");
    assert_eq!(meeting.settled, [true, true]);
    for name in ["Ben", "Anna"] {
        assert_eq!(titles(&mut world, name, space), ["Anna's", "Ben's"]);
    }
    // It was good for one.
    world.person("Carl", "client");
    let refused = world.join_at("Carl", "Ben", invitation()).expect_err("it was used");
    assert!(matches!(refused, SessionError::App(AppError::NotInvited(NotInvited::Used))), "{refused:?}");
}

#[test]
fn another_computer_of_ones_own_comes_in_with_everything_at_the_first_one() {
    let mut world = World::new(9);
    let [first, second] = with_two(&mut world);
    let invitation = invite(&mut world, "Ben");
    world.blank("Ben's desk");
    world.join_at("Ben's desk", "Ben", invitation).expect("it is let in");
    for _ in 0..4 {
        world.meet("Ben's desk", "Ben");
        let ways = world.act("Ben's desk", |profile, outside| profile.tend_computers(outside)).ways;
        for way in ways.into_iter().filter_map(|ways| ways.into_iter().next()) {
            world.join_at("Ben's desk", "Ben", way).expect("it is let in");
        }
        world.act("Ben", |profile, outside| profile.tend_computers(outside));
    }
    assert_eq!(private_titles(&mut world, "Ben's desk"), ["My own"]);
    assert_eq!(titles(&mut world, "Ben's desk", first), ["With Anna"]);
    assert_eq!(titles(&mut world, "Ben's desk", second), ["With Carl"]);
}

#[test]
fn a_connection_that_breaks_anywhere_loses_nothing_and_is_made_up_for() {
    for most in (0..60).step_by(3) {
        let mut world = World::new(10);
        let space = world.ben_and_anna();
        world.add("Ben", space, note("Ben's"));
        world.add("Anna", space, note("Anna's"));
        world.try_meet("Anna", "Ben", most).expect("a part of a meeting");
        world.reopen("Ben");
        world.reopen("Anna");
        assert_eq!(world.meet("Ben", "Anna").settled, [true, true], "after {most} frames");
        for name in ["Ben", "Anna"] {
            assert_eq!(titles(&mut world, name, space), ["Anna's", "Ben's"], "after {most} frames");
        }
    }
}

#[test]
fn a_leave_is_heard_at_once_and_then_nothing_more_is_told() {
    let mut world = World::new(11);
    let space = world.ben_and_anna();
    world.act("Anna", |profile, _| profile.leave(space));
    world.meet("Anna", "Ben");
    let _ =
        world.try_act("Ben", |profile, outside| profile.add(Place::Alliance(space), &note("Ben's, alone"), outside));
    let meeting = world.meet("Anna", "Ben");
    assert_eq!(entries(&meeting, 1), 0);
    assert!(titles(&mut world, "Anna", space).is_empty());
}

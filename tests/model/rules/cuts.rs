//! Rules 3 to 7 and 9: cuts, leaves, forks; what they keep, who endorses, what lives.

use alliance_replica::id::MemberId;

use crate::story::{Story, What::*, keys};

/// A0 with A1 (entry `a`) and A2 (entry `b`).
fn three_devices() -> Story {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("b", "A0", "a", Add("A2"));
    story
}

#[test]
fn cuts_that_do_not_know_of_each_other_both_count() {
    let mut story = three_devices();
    story.say("k", "A0", "b", Cut("A1"));
    story.say("l", "A1", "b", Cut("A0"));
    assert_eq!(story.live(), ["A2", "RA"]);
    assert!(!story.stands("k") && !story.stands("l"), "they count, but neither keeps the other");
}

#[test]
fn the_words_bring_a_member_back_after_a_mutual_cut() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("k", "A0", "a", Cut("A1"));
    story.say("l", "A1", "a", Cut("A0"));
    assert_eq!(story.live(), ["RA"]);
    story.say("n", "RA", "k l", Add("A9"));
    assert_eq!(story.live(), ["A9", "RA"]);
}

#[test]
fn a_cut_keeps_its_past_and_nothing_later() {
    let mut story = three_devices();
    story.say("before", "A1", "b", Add("P"));
    story.say("k", "A0", "before", Cut("A1"));
    story.say("beyond", "A1", "", Add("Q"));
    assert!(story.stands("before") && !story.stands("beyond"));
    assert_eq!(story.live(), ["A0", "A2", "P", "RA"]);
}

#[test]
fn several_cuts_keep_only_what_all_keep() {
    let mut story = three_devices();
    story.say("x", "A1", "b", Add("P"));
    story.say("l", "A2", "b", Cut("A1"));
    story.say("k", "A0", "x l", Cut("A1"));
    assert!(!story.stands("x"), "nobody endorses it either: A0 knew of the other cut");
    assert_eq!(story.live(), ["A0", "A2", "RA"]);
}

#[test]
fn what_another_device_counted_before_it_knew_of_the_cut_stands() {
    let mut story = three_devices();
    story.say("x", "A1", "b", Add("P"));
    story.say("s", "A2", "x", Acknowledge);
    story.say("k", "A0", "b", Cut("A1"));
    assert!(story.stands("x"));
    assert_eq!(story.live(), ["A0", "A2", "P", "RA"]);
}

#[test]
fn naming_an_entry_with_the_cut_known_endorses_nothing() {
    let mut story = three_devices();
    story.say("x", "A1", "b", Add("P"));
    story.say("k", "A0", "b", Cut("A1"));
    story.say("s", "A2", "x k", Acknowledge);
    assert!(!story.stands("x") && story.stands("s"));
}

#[test]
fn an_entry_from_a_later_version_endorses_as_any_other() {
    let mut story = three_devices();
    story.say("x", "A1", "b", Add("P"));
    story.say("s", "A2", "x", FromLaterVersion);
    story.say("k", "A0", "b", Cut("A1"));
    assert!(story.stands("x"));
}

#[test]
fn an_endorser_must_stand_itself() {
    let mut story = three_devices();
    story.say("k", "A0", "b", Cut("A1"));
    // The thief's own puppet, which nothing but itself vouches for.
    story.say("p", "A1", "b", Add("P"));
    story.say("s", "P", "p", Acknowledge);
    assert!(!story.stands("p") && !story.stands("s"));
    assert_eq!(story.live(), ["A0", "A2", "RA"]);
}

#[test]
fn the_other_member_endorses_no_control_entry() {
    let mut story = Story::of_two();
    story.say("a", "A0", "c", Add("A1"));
    story.say("x", "A1", "a", Add("P"));
    story.say("s", "B0", "x", Acknowledge);
    story.say("k", "A0", "a", Cut("A1"));
    assert!(!story.stands("x"));
}

#[test]
fn a_leave_ends_what_its_past_introduces_but_not_the_recovery_key() {
    let mut story = Story::of_two();
    story.say("b", "B0", "c", Add("B1"));
    story.say("i", "B0", "b", InviteOwn("J"));
    story.say("hidden", "RB", "b", Add("B2"));
    story.say("l", "B0", "i", Leave);
    let other = MemberId::of(&keys("B0").device);
    assert_eq!(story.live(), ["A0", "B2", "RA", "RB"], "not what it did not know of");
    assert!(story.fold().left().is_empty(), "somebody is still there");
    story.say("k", "RB", "hidden l", Cut("B2"));
    assert_eq!(story.live(), ["A0", "RA", "RB"]);
    assert!(story.fold().left().contains(&other));
    let targets = story.fold().wrap_targets().into_iter().map(|keys| keys.device);
    assert_eq!(story.named(targets), ["A0", "RA"], "who left is not wrapped to");
    story.say("n", "RB", "k", Add("B9"));
    assert!(story.fold().left().is_empty());
    assert_eq!(story.live(), ["A0", "B9", "RA", "RB"]);
}

#[test]
fn a_leave_carries_its_authors_past() {
    let mut story = Story::of_two();
    story.say("x", "B0", "c", Acknowledge);
    story.say("l", "B0", "", Leave);
    assert!(story.stands("x") && story.stands("l"));
}

#[test]
fn a_fork_is_a_cut_at_the_last_common_entry() {
    let mut story = three_devices();
    story.say("x", "A1", "b", Acknowledge);
    story.branch("y", "A1", "x", "", Add("P"));
    story.branch("z", "A1", "x", "", Add("Q"));
    assert_eq!(story.live(), ["A0", "A2", "RA"]);
    assert!(story.stands("x") && !story.stands("y") && !story.stands("z"));
    let forks = story.fold().forks();
    assert_eq!(forks.len(), 1);
    assert_eq!((forks[0].seq, forks[0].entries.len()), (2, 2));
    assert!([story.id("y"), story.id("z")].iter().all(|id| forks[0].entries.contains(id)));
}

#[test]
fn a_fork_of_a_recovery_or_invitation_key_cuts_nobody() {
    let mut story = Story::alliance();
    story.branch("x", "RA", "", "g", Add("A1"));
    story.branch("y", "RA", "", "g", Add("A2"));
    story.say("i", "A0", "g", InviteOwn("I"));
    story.branch("r", "I", "", "i", Redeem("A3"));
    story.branch("s", "I", "", "i", Redeem("A4"));
    assert_eq!(story.live(), ["A0", "A1", "A2", "RA"]);
    assert!(story.fold().forks().is_empty());
}

#[test]
fn a_dead_key_never_lives_again() {
    let mut story = three_devices();
    story.say("k", "A0", "b", Cut("A1"));
    story.say("again", "A0", "k", Add("A1"));
    assert!(story.stands("again"));
    assert_eq!(story.live(), ["A0", "A2", "RA"]);
}

#[test]
fn an_invitation_lives_until_any_redemption_is_known() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", InviteOwn("I"));
    assert_eq!(story.live(), ["A0", "I", "RA"]);
    story.say("r", "I", "i", Redeem("A1"));
    assert_eq!(story.live(), ["A0", "RA"]);
}

#[test]
fn recovery_cuts_first_then_adds() {
    let mut cut_first = Story::alliance();
    cut_first.say("k", "RA", "g", Cut("A0"));
    cut_first.say("n", "RA", "k", Add("N"));
    cut_first.say("x", "A0", "n", Cut("N"));
    assert_eq!(cut_first.live(), ["N", "RA"]);
    let mut add_first = Story::alliance();
    add_first.say("n", "RA", "g", Add("N"));
    add_first.say("k", "RA", "n", Cut("A0"));
    add_first.say("x", "A0", "n", Cut("N"));
    assert_eq!(add_first.live(), ["RA"]);
}

#[test]
fn words_that_leak_can_kill_every_key() {
    for named in [true, false] {
        let mut story = Story::alliance();
        story.say("r", "RA", "g", AddRecovery("R2"));
        story.say("k", "R2", "r", Cut("RA"));
        if named {
            story.say("n", "A0", "k", Acknowledge);
        }
        // Whoever finds the old words says this beside it.
        story.branch("x", "RA", "", "g", AddRecovery("X"));
        story.say("xk", "X", "x", Cut("RA"));
        story.say("xl", "X", "x g", Cut("A0"));
        assert_eq!(story.live(), [""; 0]);
    }
}

#[test]
fn a_thief_with_a_back_dated_puppet_gets_nothing_after_recovery() {
    let mut story = three_devices();
    story.say("k0", "RA", "b", Cut("A0"));
    story.say("k1", "RA", "", Cut("A1"));
    story.say("k2", "RA", "", Cut("A2"));
    story.say("n", "RA", "", Add("N"));
    story.say("p", "A1", "a", AddRecovery("P"));
    story.say("q", "P", "p", Add("Q"));
    story.say("x", "P", "", Cut("A0"));
    assert_eq!(story.live(), ["N", "RA"]);
}

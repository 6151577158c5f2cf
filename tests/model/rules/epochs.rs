//! Which epochs a writer may use.

use crate::story::{Story, What::*, keys};

const ALL: [&str; 4] = ["A0", "B0", "RA", "RB"];

fn with_epoch() -> Story {
    let mut story = Story::of_two();
    story.say("e", "A0", "c", Mint(&ALL, &[]));
    story
}

fn grantable(story: &Story, writer: &str) -> Vec<String> {
    let epochs = story.fold().grantable_epochs(&keys(writer).device);
    story.named(epochs.into_iter().flat_map(|epoch| epoch.lacking).map(|keys| keys.device))
}

#[test]
fn an_epoch_wrapped_to_exactly_the_live_devices_is_usable_by_all_of_them() {
    let story = with_epoch();
    for writer in ALL {
        assert_eq!(story.usable(writer), ["e"]);
    }
    assert!(story.usable("I").is_empty());
}

#[test]
fn an_epoch_that_a_live_device_lacks_is_granted_then_used() {
    let mut story = with_epoch();
    story.say("a", "A0", "e", Add("A1"));
    assert!(story.usable("A0").is_empty());
    assert_eq!(grantable(&story, "B0"), ["A1"]);
    assert!(grantable(&story, "A1").is_empty(), "who cannot open it cannot grant it");
    story.say("h", "B0", "a", Grant("e", &["A1"]));
    assert_eq!(story.usable("A0"), ["e"]);
    assert_eq!(story.usable("A1"), ["e"]);
}

#[test]
fn an_epoch_does_not_outlive_a_cut_that_it_does_not_know() {
    let mut story = with_epoch();
    story.say("a", "A0", "e", Add("A1"));
    story.say("k", "RA", "a", Cut("A1"));
    assert!(story.usable("A0").is_empty(), "A1 may hold its key from elsewhere");
    story.say("f", "A0", "k", Mint(&ALL, &["e"]));
    assert_eq!(story.usable("A0"), ["f"]);
}

#[test]
fn an_epoch_that_a_dead_device_can_open_is_not_used() {
    let mut story = Story::of_two();
    story.say("a", "A0", "c", Add("A1"));
    story.say("k", "A0", "a", Cut("A1"));
    story.say("e", "B0", "k", Mint(&["A0", "A1", "B0", "RA", "RB"], &[]));
    assert!(story.usable("A0").is_empty() && grantable(&story, "A0").is_empty());
}

#[test]
fn an_epoch_by_a_device_that_is_cut_or_unknown_is_not_used() {
    let mut story = Story::of_two();
    story.say("a", "A0", "c", Add("A1"));
    story.say("e", "A1", "a", Mint(&["A0", "A1", "B0", "RA", "RB"], &[]));
    assert_eq!(story.usable("B0"), ["e"]);
    story.say("stranger", "S", "a", Mint(&ALL, &[]));
    story.say("k", "A0", "e", Cut("A1"));
    assert!(story.usable("B0").is_empty());
}

#[test]
fn a_redemption_and_both_sides_of_a_fork_end_an_epoch() {
    let mut story = with_epoch();
    story.say("i", "A0", "e", InviteOwn("J"));
    story.say("f", "A0", "i", Mint(&["A0", "B0", "J", "RA", "RB"], &[]));
    assert_eq!(story.usable("B0"), ["f"]);
    story.say("r", "J", "f", Redeem("A1"));
    assert!(story.usable("B0").is_empty());
    story.say("h", "A0", "r", Mint(&ALL, &["f"]));
    assert_eq!(story.usable("B0"), ["h"]);
    story.say("a", "A0", "h", Add("A2"));
    story.say("x", "A2", "a", Acknowledge);
    story.branch("y", "A2", "", "h a", FromLaterVersion);
    story.say("half", "A0", "x", Mint(&ALL, &[]));
    assert!(story.usable("B0").is_empty(), "it knew one side of the fork");
    story.say("whole", "A0", "y", Mint(&ALL, &[]));
    assert_eq!(story.usable("B0"), ["whole"]);
}

#[test]
fn whoever_ends_a_key_again_and_again_makes_nobody_mint_anew() {
    let mut story = with_epoch();
    story.say("a", "A0", "e", Add("A1"));
    story.say("i", "A0", "a", InviteOwn("J"));
    story.say("k", "A0", "i", Cut("A1"));
    story.say("r", "J", "i", Redeem("A2"));
    story.say("f", "B0", "k r", Mint(&ALL, &["e"]));
    assert_eq!(story.usable("B0"), ["f"]);
    story.say("k2", "A0", "f", Cut("A1"));
    story.say("r2", "J", "f", Redeem("A3"));
    story.branch("k3", "RA", "", "a", Cut("A1"));
    assert_eq!(story.usable("B0"), ["f"], "it knew that A1 and J are dead");
    story.say("k4", "RA", "k3", Cut("J"));
    assert_eq!(story.usable("B0"), ["f"]);
    story.say("o", "A0", "k2", InviteOwn("O"));
    story.say("k5", "A0", "o", Cut("O"));
    assert!(story.usable("B0").is_empty(), "it knew nothing of O");
}

#[test]
fn a_redemption_does_not_tell_that_a_device_is_dead_which_was_let_in_by_it() {
    let mut story = with_epoch();
    let all = ["A0", "B0", "J", "RA", "RB"];
    story.say("i", "A0", "e", InviteOwn("J"));
    story.say("r", "J", "i", Redeem("J"));
    story.say("spent", "B0", "r", Mint(&ALL, &["e"]));
    story.branch("f", "A0", "i", "r", Confirm("r"));
    story.say("in", "A0", "f", Mint(&all, &["e"]));
    assert!(story.live().contains(&"J".to_owned()), "{:?}", story.live());
    story.say("both", "A0", "in spent", Mint(&all, &["in", "spent"]));
    story.say("k", "A0", "both", Cut("J"));
    assert!(story.usable("B0").is_empty(), "J opens what was minted when it was only an invitation's key");
}

#[test]
fn more_branches_of_a_forked_chain_make_nobody_mint_anew() {
    let mut story = with_epoch();
    story.say("a", "A0", "e", Add("A1"));
    story.say("x", "A1", "a", Acknowledge);
    story.branch("y", "A1", "", "a", FromLaterVersion);
    story.say("f", "A0", "x y", Mint(&ALL, &["e"]));
    assert_eq!(story.usable("B0"), ["f"]);
    story.branch("z", "A1", "", "x", Acknowledge);
    story.branch("w", "A1", "x", "y", Acknowledge);
    story.branch("v", "A1", "x", "z", FromLaterVersion);
    assert_eq!(story.usable("B0"), ["f"]);
}

#[test]
fn an_epoch_whose_parent_is_not_in_its_past_is_not_used() {
    let mut story = with_epoch();
    story.branch("f", "B0", "", "c", Mint(&ALL, &["e"]));
    assert_eq!(story.usable("A0"), ["e"]);
}

#[test]
fn a_cut_device_cannot_spoil_an_epoch_by_granting_it() {
    for after in ["e", "a"] {
        let mut story = Story::of_two();
        story.say("a", "A0", "c", Add("A1"));
        story.say("k", "A0", "a", Cut("A1"));
        story.say("e", "A0", "", Mint(&ALL, &[]));
        story.say("h", "A1", after, Grant("e", &["A1"]));
        assert_eq!(story.usable("B0"), ["e"]);
    }
}

//! Rule 10: which content counts.

use alliance_replica::log::membership::Facet::{Own, Shared};

use crate::story::{Story, What::*, keys};

/// A0 with A1 (entry `a`), and B0.
fn two_and_one() -> Story {
    let mut story = Story::of_two();
    story.say("a", "A0", "c", Add("A1"));
    story
}

fn both(story: &Story, label: &str) -> (bool, bool) {
    (story.counts(label, Shared), story.counts(label, Own))
}

#[test]
fn content_of_a_live_device_counts() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    assert_eq!(both(&story, "w"), (true, true));
}

#[test]
fn content_counts_only_if_its_author_was_live_in_what_it_names() {
    let mut story = two_and_one();
    story.say("early", "A1", "c", Content);
    story.say("k", "A0", "a", Cut("A1"));
    story.say("w", "A1", "k", Content);
    assert_eq!(both(&story, "early"), (false, false));
    assert_eq!(both(&story, "w"), (false, false));
}

#[test]
fn a_joining_device_writes_when_it_is_confirmed_and_not_by_its_invitation() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", Invite("I"));
    story.say("guest", "I", "i", Content);
    story.say("r", "I", "i", Redeem("B0"));
    story.say("hasty", "B0", "r", Content);
    story.say("c", "A0", "r", Confirm("r"));
    story.branch("w", "B0", "", "c", Content);
    assert_eq!(both(&story, "guest"), (false, false));
    assert_eq!(both(&story, "hasty"), (false, false));
    assert_eq!(both(&story, "w"), (true, true));
}

#[test]
fn a_cut_keeps_the_content_in_its_past() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("k", "A0", "w", Cut("A1"));
    story.say("late", "A1", "", Content);
    assert_eq!(both(&story, "w"), (true, true));
    assert_eq!(both(&story, "late"), (false, false));
}

#[test]
fn a_cut_keeps_content_that_it_reaches_through_other_content() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("v", "B0", "w", Content);
    story.say("k", "A0", "v", Cut("A1"));
    assert_eq!(both(&story, "w"), (true, true));
}

#[test]
fn shared_content_is_endorsed_by_anybody_and_own_content_by_ones_own_devices() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("v", "B0", "w", Content);
    story.say("k", "A0", "a", Cut("A1"));
    assert_eq!(both(&story, "w"), (true, false));
    story.say("u", "A0", "w k", Content);
    assert_eq!(both(&story, "w"), (true, false), "A0 knows of the cut");
    let mut story = two_and_one();
    story.say("b", "A0", "a", Add("A2"));
    story.say("w", "A1", "a", Content);
    story.say("u", "A2", "b w", Content);
    story.say("k", "A0", "b", Cut("A1"));
    assert_eq!(both(&story, "w"), (true, true));
}

#[test]
fn a_control_entry_endorses_content_too() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("s", "B0", "a w", Acknowledge);
    story.say("k", "A0", "a", Cut("A1"));
    assert_eq!(both(&story, "w"), (true, false));
}

#[test]
fn content_that_names_a_cut_endorses_nothing_beyond_it() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("k", "A0", "a", Cut("A1"));
    story.say("v", "B0", "w k", Content);
    story.say("u", "B0", "", Content);
    assert_eq!(both(&story, "w"), (false, false));
    assert_eq!(both(&story, "u"), (true, true));
}

#[test]
fn endorsed_content_endorses_in_turn() {
    let mut story = two_and_one();
    story.say("b", "A0", "a", Add("A2"));
    // A1 and A2 are both cut unseen; B0 had A2's word for A1's.
    story.say("w", "A1", "a", Content);
    story.say("v", "A2", "b w", Content);
    story.say("u", "B0", "v", Content);
    story.say("k", "A0", "b", Cut("A1"));
    story.say("l", "A0", "", Cut("A2"));
    assert_eq!(both(&story, "v"), (true, false));
    assert_eq!(both(&story, "w"), (true, false));
}

#[test]
fn two_cut_devices_cannot_endorse_each_other() {
    let mut story = two_and_one();
    story.say("b", "A0", "a", Add("A2"));
    story.say("k", "A0", "b", Cut("A1"));
    story.say("l", "A0", "", Cut("A2"));
    story.say("w", "A1", "a", Content);
    story.say("v", "A2", "b w", Content);
    story.say("u", "A1", "v", Content);
    for label in ["w", "v", "u"] {
        assert_eq!(both(&story, label), (false, false), "{label}");
    }
}

#[test]
fn a_cut_device_cannot_have_its_words_endorsed_by_an_invitation_it_kept() {
    let mut story = two_and_one();
    story.say("i", "A1", "a", InviteOwn("K"));
    story.say("k", "A0", "i", Cut("A1"));
    story.say("l", "A0", "", Cut("K"));
    story.say("w", "A1", "i", Content);
    story.say("r", "K", "i w", Redeem("X"));
    assert!(story.stands("r"), "in its own view the invitation was open");
    assert_eq!(both(&story, "w"), (false, false));
}

#[test]
fn a_fork_of_a_content_chain_bounds_nothing() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.branch("x", "A1", "w", "", Content);
    story.branch("y", "A1", "w", "", Content);
    for label in ["w", "x", "y"] {
        assert_eq!(both(&story, label), (true, true), "{label}");
    }
}

#[test]
fn a_fork_of_a_control_chain_keeps_the_content_that_the_common_part_names() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("s", "A1", "a w", Acknowledge);
    story.say("v", "A1", "", Content);
    story.branch("x", "A1", "s", "", Acknowledge);
    story.branch("y", "A1", "s", "", Leave);
    assert_eq!(both(&story, "w"), (true, true));
    assert_eq!(both(&story, "v"), (false, false));
}

#[test]
fn a_leave_keeps_what_its_author_had() {
    let mut story = Story::of_two();
    story.say("w", "B0", "c", Content);
    story.say("l", "B0", "c w", Leave);
    story.say("late", "B0", "c", Content);
    assert_eq!(both(&story, "w"), (true, true));
    assert_eq!(both(&story, "late"), (false, false));
}

#[test]
fn what_somebody_keeps_counts_with_its_past_although_they_know_of_the_cut() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("x", "A1", "", Content);
    story.say("y", "A1", "", Content);
    story.say("k", "A0", "a", Cut("A1"));
    story.say("v", "B0", "k x", Content);
    assert_eq!(both(&story, "w"), (false, false), "naming is not keeping");
    story.keep("b", "B0", "", "x");
    assert_eq!(["w", "x", "y"].map(|label| both(&story, label)), [(true, false), (true, false), (false, false)]);
    story.keep("o", "A0", "k", "y");
    assert_eq!(["w", "x", "y"].map(|label| both(&story, label)), [(true, true); 3]);
}

#[test]
fn nobody_keeps_their_own_content_beyond_their_cut_nor_for_a_key_that_does_not_count() {
    let mut story = two_and_one();
    story.say("b", "A0", "a", Add("A2"));
    story.say("w", "A1", "b", Content);
    story.say("k", "A0", "b", Cut("A1"));
    story.say("l", "A0", "", Cut("A2"));
    story.keep("s", "A1", "", "w");
    story.keep("u", "A2", "l", "w");
    assert_eq!(both(&story, "w"), (false, false));
    story.keep("t", "A2", "b", "w");
    assert_eq!(both(&story, "w"), (false, false), "A2 is cut itself");
}

#[test]
fn what_is_kept_next_counts_here_as_if_it_were_kept_already() {
    let mut story = two_and_one();
    story.say("w", "A1", "a", Content);
    story.say("x", "A1", "", Content);
    story.say("k", "A0", "a", Cut("A1"));
    let (dag, contents) = story.all();
    let counting = contents.counting(&dag).keeping(keys("B0").device, &[story.id("w")]);
    let counted = ["w", "x"].map(|label| [Shared, Own].map(|facet| counting.counts(&story.id(label), facet)));
    assert_eq!(counted, [[true, false], [false, false]]);
}

#[test]
fn a_control_view_does_not_go_through_content_that_control_names() {
    let mut story = two_and_one();
    // B0's entry names A1's content without the control before it; whoever names B0's entry knows that content is
    // there, but not what was before it.
    story.say("w", "A1", "a", Content);
    story.say("s", "B0", "c w", Acknowledge);
    story.say("v", "A1", "s", Content);
    story.branch("u", "B0", "", "s", Content);
    let (dag, mut contents) = (story.all().0, alliance_replica::log::membership::Contents::new());
    let fresh = |label: &str| {
        let told = &story.told[story.number(label)];
        alliance_replica::log::membership::ContentNode {
            id: told.id,
            device: keys(&told.by).device,
            prev: told.prev.map(|prev| story.told[prev].id),
            after: story.heads(&told.after),
            keeps: story.heads(&told.keeps),
        }
    };
    assert!(contents.insert(&dag, &fresh("u")), "it waits for control only");
    assert!(contents.counting(&dag).counts(&story.id("u"), Shared));
    assert!(!contents.insert(&dag, &fresh("v")), "it waits for its predecessor");
    assert_eq!(contents.missing(&dag, &fresh("v")), Some(story.id("w")));
    assert!(dag.view(&story.id("s")).is_none_or(|view| view.device(&keys("A1").device).is_none()));
}

#[test]
fn who_depends_on_nobody_cut_is_unbounded() {
    let mut story = two_and_one();
    story.say("b", "A1", "a", Add("A2"));
    story.say("k", "A0", "a", Cut("A1"));
    let fold = story.fold();
    let unbounded = ["A0", "A1", "A2", "B0"].map(|name| fold.is_unbounded(&keys(name).device));
    assert_eq!(unbounded, [true, false, false, true]);
    assert!(fold.may_write(&keys("A0").device) && !fold.may_write(&keys("A1").device));
}

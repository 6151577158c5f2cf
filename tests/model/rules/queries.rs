//! What others ask a fold: lineages, invitations, heads, what is missing.

use alliance_replica::log::{
    heads::{After, Chain, Head},
    membership::{Dag, Flaw},
};

use crate::story::{Story, What::*, keys};

#[test]
fn a_lineage_goes_on_and_on_within_one_member() {
    let mut story = Story::of_two();
    story.say("a", "A0", "c", Renew("A1", "A0"));
    story.say("b", "A1", "a", Renew("A2", "A1"));
    story.say("x", "B0", "b", Renew("B1", "A2"));
    let fold = story.fold();
    assert_eq!(story.named(fold.lineage(&keys("A2").device)), ["A0", "A1"]);
    assert!(fold.lineage(&keys("B1").device).is_empty(), "another member's key cannot be renewed");
    assert!(fold.lineage(&keys("A0").device).is_empty());
}

#[test]
fn the_first_redemption_to_come_waits_for_its_inviter() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("i", "A1", "a", InviteOwn("I"));
    story.branch("r", "I", "", "i", Redeem("A2"));
    story.branch("s", "I", "", "i", Redeem("A3"));
    let pending = |story: &Story, name: &str| story.fold().pending(&keys(name).device);
    assert_eq!(pending(&story, "A1"), [story.id("r")]);
    assert!(pending(&story, "A0").is_empty());
    let (dag, _) = story.deliver(&[0, 1, 2, 4, 3]);
    assert_eq!(dag.fold().pending(&keys("A1").device), [story.id("s")]);
    let invitation = story.fold().invitations().remove(0);
    assert!(!invitation.open && invitation.redemptions.len() == 2 && invitation.confirmations.is_empty());
    story.say("c", "A1", "r s", Confirm("r"));
    assert!(pending(&story, "A1").is_empty());
    assert_eq!(story.fold().invitations()[0].confirmations, [story.id("c")]);
}

#[test]
fn a_redemption_of_an_invitation_taken_back_waits_for_nobody() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", Invite("I"));
    assert!(story.fold().invitations()[0].open);
    story.say("r", "I", "i", Redeem("B0"));
    story.say("k", "A0", "i", Cut("I"));
    assert!(story.fold().pending(&keys("A0").device).is_empty());
}

#[test]
fn heads_are_all_entries_that_none_of_their_chain_follows() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.branch("x", "A1", "", "a", Acknowledge);
    story.branch("y", "A1", "", "a", Leave);
    story.say("z", "A0", "x y", Acknowledge);
    let heads = story.all().0.heads();
    let ids = |name: &str| heads[&keys(name).device].iter().map(|head| head.id).collect::<Vec<_>>();
    assert_eq!(ids("A0"), [story.id("z")]);
    assert_eq!(ids("A1"), [story.id("x"), story.id("y")]);
}

#[test]
fn an_entry_waits_for_its_predecessor_and_the_control_heads_it_names() {
    let mut story = Story::alliance();
    story.say("w", "A0", "g", Content);
    story.say("a", "A0", "w", Add("A1"));
    story.say("b", "A1", "a", Acknowledge);
    let (mut dag, _) = story.deliver(&[0]);
    let after = story.heads(&story.told[story.number("b")].after);
    assert_eq!(dag.missing(None, &after), Some(story.id("a")));
    assert_eq!(dag.missing(Some(story.id("a")), &After::default()), Some(story.id("a")));
    let control = |label: &str| story.all().0.record(&story.id(label)).expect("is here").1.clone();
    assert!(!dag.insert(story.id("b"), keys("A1").device, 1, None, control("b")));
    assert!(!dag.contains(&story.id("b")));
    assert!(dag.insert(story.id("a"), keys("A0").device, 2, Some(story.id("g")), control("a")), "content is no matter");
    assert!(!dag.insert(story.id("a"), keys("A0").device, 2, Some(story.id("g")), control("a")), "it is here");
    assert!(dag.introduces(&keys("A1").device) && !dag.introduces(&keys("A2").device));
}

#[test]
fn an_entry_that_lies_about_a_place_has_no_effect() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    let (mut dag, _) = story.all();
    let head = Head { device: keys("A1").device, chain: Chain::Control, seq: 1, id: story.id("a") };
    let record = story.record("A0", Add("A2")).expect("is control");
    let control = alliance_replica::log::control::Control { after: After::new([head]), record };
    let (lie, skip) = (alliance_replica::id::EntryId::new([1; 32]), alliance_replica::id::EntryId::new([2; 32]));
    assert!(dag.insert(lie, keys("A0").device, 3, Some(story.id("a")), control.clone()));
    let control = alliance_replica::log::control::Control { after: After::default(), ..control };
    assert!(dag.insert(skip, keys("A0").device, 9, Some(story.id("a")), control));
    assert_eq!((dag.flaw(&lie), dag.flaw(&skip)), (Some(Flaw::Place), Some(Flaw::Place)));
}

#[test]
fn a_past_is_said_by_its_latest_entries() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("x", "A1", "a", Acknowledge);
    story.say("b", "A0", "a", Acknowledge);
    let (dag, _) = story.all();
    let reduced = dag.reduce(["g", "a", "x", "b"].map(|label| story.id(label)));
    assert_eq!(reduced, [story.id("x"), story.id("b")]);
    assert!(dag.fold_at([story.id("a")]).stands(&story.id("g")));
    assert!(!dag.fold_at([story.id("a")]).stands(&story.id("x")));
}

#[test]
fn a_fold_stays_as_it_is_when_more_comes() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    let (mut dag, mut contents) = story.deliver(&[0]);
    let before = dag.fold();
    story.deliver_one(1, &mut dag, &mut contents);
    assert!(before.device(&keys("A1").device).is_none() && !before.valid(&story.id("a")));
    assert!(dag.fold().device(&keys("A1").device).is_some());
}

#[test]
fn a_long_chain_needs_no_stack_and_few_folds() {
    let mut story = Story::alliance();
    let mut dag = Dag::new(story.space);
    let genesis = story.told.remove(0);
    let mut prev = None;
    for seq in 1..=6000_u64 {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&seq.to_be_bytes());
        let id = alliance_replica::id::EntryId::new(id);
        let record = match prev {
            None => genesis.record.clone().expect("is control"),
            Some(_) => alliance_replica::log::control::Record::Unknown { kind: 99, body: Vec::new() },
        };
        let control = alliance_replica::log::control::Control { after: After::default(), record };
        assert!(dag.insert(id, keys("A0").device, seq, prev, control));
        prev = Some(id);
    }
    assert_eq!(dag.fold().standing().count(), 6000);
}

//! Rules 1, 2, 4 (one member a key), 8: who may say what, and who gets in.

use alliance_replica::{
    id::MemberId,
    log::{
        control::SpaceKind,
        membership::{Flaw, Role},
    },
};

use crate::story::{Story, What::*, keys};

fn flaw(story: &Story, label: &str) -> Option<Flaw> {
    story.all().0.flaw(&story.id(label))
}

#[test]
fn an_alliance_of_two_has_two_members_with_two_keys_each() {
    let story = Story::of_two();
    let fold = story.fold();
    let members = [MemberId::of(&keys("A0").device), MemberId::of(&keys("B0").device)];
    assert!(fold.members().eq(members));
    assert_eq!(story.live(), ["A0", "B0", "RA", "RB"]);
    assert_eq!(fold.device(&keys("RB").device).map(|it| (it.member, it.role)), Some((members[1], Role::Recovery)));
}

#[test]
fn what_a_stranger_or_a_dead_device_says_has_no_effect() {
    let mut story = Story::alliance();
    story.say("stranger", "S", "g", Add("S1"));
    story.say("a", "A0", "g", Add("A1"));
    story.say("k", "A0", "a", Cut("A1"));
    story.say("dead", "A1", "k", Add("A2"));
    assert_eq!(flaw(&story, "stranger"), Some(Flaw::Author));
    assert_eq!(flaw(&story, "dead"), Some(Flaw::Author));
    assert_eq!(story.live(), ["A0", "RA"]);
}

#[test]
fn a_genesis_must_come_first_and_be_by_its_founder() {
    let mut story = Story::alliance();
    let again = story.told[0].record.clone();
    story.put("late", "A0", Some(0), &[], again.clone());
    story.put("foreign", "S", None, &[], again);
    assert_eq!(flaw(&story, "late"), Some(Flaw::Genesis));
    assert_eq!(flaw(&story, "foreign"), Some(Flaw::Genesis));
}

#[test]
fn a_key_that_did_not_agree_is_not_added() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Claim("X"));
    assert_eq!(flaw(&story, "a"), Some(Flaw::Consent));
    assert_eq!(story.live(), ["A0", "RA"]);
}

#[test]
fn a_redemption_whose_recovery_key_did_not_agree_is_no_redemption() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", Invite("I"));
    story.say("r", "I", "i", RedeemClaim("B0", "RB"));
    assert_eq!(flaw(&story, "r"), Some(Flaw::Consent));
    assert_eq!(story.live(), ["A0", "I", "RA"]);
}

#[test]
fn the_founder_cannot_join_as_the_other_member() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", Invite("I"));
    story.branch("r", "I", "", "i", Redeem("B0"));
    story.put("self", "I", None, &[1], {
        let member = MemberId::of(&keys("A0").device);
        let consent = crate::story::consent("A0", &story.space, &member);
        let redeem = alliance_replica::log::control::Redeem {
            device: keys("A0"),
            recovery: None,
            consent,
            recovery_consent: None,
        };
        Some(alliance_replica::log::control::Record::Redeem(redeem))
    });
    assert!(story.valid("r"));
    assert_eq!(flaw(&story, "self"), Some(Flaw::Consent));
}

#[test]
fn a_member_cuts_only_its_own_keys_and_only_those_it_knows() {
    let mut story = Story::of_two();
    story.say("foreign", "B0", "c", Cut("A0"));
    story.say("a", "A0", "c", Add("A1"));
    story.say("early", "RA", "c", Cut("A1"));
    assert_eq!(flaw(&story, "foreign"), Some(Flaw::Target));
    assert_eq!(flaw(&story, "early"), Some(Flaw::Target));
    assert_eq!(story.live(), ["A0", "A1", "B0", "RA", "RB"]);
}

#[test]
fn a_thief_cannot_cut_the_recovery_key() {
    let mut story = Story::alliance();
    story.say("k", "A0", "g", Cut("RA"));
    assert_eq!(flaw(&story, "k"), Some(Flaw::Target));
}

#[test]
fn a_recovery_key_is_replaced_by_one_that_it_added() {
    let mut story = Story::alliance();
    story.say("a", "RA", "g", AddRecovery("R2"));
    story.say("k", "R2", "a", Cut("RA"));
    assert_eq!(story.live(), ["A0", "R2"]);
    assert_eq!(story.fold().device(&keys("R2").device).map(|it| it.role), Some(Role::Recovery));
}

#[test]
fn a_recovery_key_that_a_device_adds_is_an_ordinary_device() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", AddRecovery("X"));
    story.say("k", "X", "a", Cut("RA"));
    assert_eq!(story.fold().device(&keys("X").device).map(|it| it.role), Some(Role::Ordinary));
    assert_eq!(flaw(&story, "k"), Some(Flaw::Target));
}

#[test]
fn a_confirmation_is_by_the_inviter_and_the_first_for_its_key() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("i", "A0", "a", InviteOwn("I"));
    story.branch("r", "I", "", "i", Redeem("A2"));
    story.branch("race", "I", "", "i", Redeem("A3"));
    story.say("other", "A1", "r", Confirm("r"));
    story.say("c", "A0", "r race", Confirm("r"));
    story.say("second", "A0", "", Confirm("race"));
    story.say("nothing", "A0", "", Confirm("a"));
    assert_eq!(flaw(&story, "other"), Some(Flaw::Confirmation));
    assert_eq!(flaw(&story, "second"), Some(Flaw::Confirmation));
    assert_eq!(flaw(&story, "nothing"), Some(Flaw::Confirmation));
    assert_eq!(story.live(), ["A0", "A1", "A2", "RA"]);
}

#[test]
fn an_invitation_that_is_cut_or_redeemed_cannot_be_redeemed_by_who_knows() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", InviteOwn("I"));
    story.say("j", "A0", "", InviteOwn("J"));
    story.say("k", "A0", "", Cut("I"));
    story.say("cut", "I", "k", Redeem("A1"));
    story.say("r", "J", "j", Redeem("A2"));
    story.say("again", "J", "r", Redeem("A3"));
    assert_eq!(flaw(&story, "cut"), Some(Flaw::Invitation));
    assert_eq!(flaw(&story, "again"), Some(Flaw::Invitation));
    assert!(story.valid("r"));
}

#[test]
fn an_invitations_key_redeems_and_says_nothing_else() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", InviteOwn("I"));
    story.say("a", "I", "i", Add("X"));
    assert_eq!(flaw(&story, "a"), Some(Flaw::Author));
}

#[test]
fn only_the_founder_device_invites_another_member_and_only_one() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("other", "A1", "a", Invite("J"));
    story.say("i", "A0", "a", Invite("I"));
    story.say("r", "I", "i", Redeem("B0"));
    story.say("c", "A0", "r", Confirm("r"));
    story.say("third", "A0", "c", Invite("K"));
    assert_eq!(flaw(&story, "other"), Some(Flaw::Member));
    assert_eq!(flaw(&story, "third"), Some(Flaw::Member));
}

#[test]
fn two_invitations_let_in_one_member() {
    let mut story = Story::alliance();
    story.say("i", "A0", "g", Invite("I"));
    story.say("j", "A0", "i", Invite("J"));
    story.say("r", "I", "j", Redeem("B0"));
    story.say("x", "J", "j", Redeem("X0"));
    story.say("c", "A0", "r", Confirm("r"));
    story.say("second", "A0", "c x", Confirm("x"));
    assert_eq!(flaw(&story, "second"), Some(Flaw::Member));
}

#[test]
fn a_personal_space_takes_no_other_member() {
    let mut story = Story::founded(SpaceKind::Personal);
    story.say("i", "A0", "g", Invite("I"));
    story.say("own", "A0", "g", InviteOwn("J"));
    assert_eq!(flaw(&story, "i"), Some(Flaw::Member));
    assert!(story.stands("own"));
}

#[test]
fn a_key_that_agreed_to_two_members_belongs_to_neither() {
    let mut story = Story::of_two();
    story.say("a", "A0", "c", Add("X"));
    let member = MemberId::of(&keys("B0").device);
    let consent = crate::story::consent("X", &story.space, &member);
    let add = alliance_replica::log::control::AddDevice {
        device: keys("X"),
        role: alliance_replica::log::control::AddedRole::Ordinary,
        renews: None,
        consent,
    };
    let at = story.number("c");
    story.put("b", "B0", None, &[at], Some(alliance_replica::log::control::Record::AddDevice(add)));
    assert!(story.valid("a") && story.valid("b"));
    assert_eq!(story.live(), ["A0", "B0", "RA", "RB"]);
}

#[test]
fn an_invitation_of_somebody_elses_device_claims_nothing() {
    let mut story = Story::of_two();
    story.say("a", "A0", "c", Add("A1"));
    // Ben has seen neither A1 nor that it is Anna's.
    story.say("claim", "B0", "c", InviteOwn("A1"));
    story.say("k", "B0", "claim", Cut("A1"));
    assert!(story.valid("claim") && story.valid("k"), "in its own view it may");
    assert_eq!(story.live(), ["A0", "A1", "B0", "RA", "RB"]);
}

#[test]
fn an_invitation_of_its_own_key_does_not_let_a_device_fork() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("self", "A1", "a", InviteOwn("A1"));
    story.branch("fork", "A1", "", "a", Acknowledge);
    assert_eq!(story.live(), ["A0", "RA"]);
}

/// The founder forks before confirming B0, and confirms a stranger with a lower id. `named`: A1 had seen B0 come.
fn forked_founder(named: bool) -> Story {
    let story = |stranger: &str| {
        let mut story = Story::alliance();
        story.say("a", "A0", "g", Add("A1"));
        story.say("i", "A0", "a", Invite("I"));
        story.say("r", "I", "i", RedeemWith("B0", "RB"));
        story.say("c", "A0", "r", Confirm("r"));
        if named {
            story.say("n", "A1", "a c", Acknowledge);
        }
        story.branch("j", "A0", "a", "a", Invite("J"));
        story.say("x", "J", "j", Redeem(stranger));
        story.branch("d", "A0", "j", "x", Confirm("x"));
        story
    };
    let mut stories = (0..).map(|number| story(&format!("X{number}")));
    stories.find(|story| story.id("d") < story.id("c")).expect("some id is lower")
}

#[test]
fn of_two_confirmed_members_the_one_that_another_device_saw_stays() {
    let story = forked_founder(true);
    assert_eq!(story.fold().other_member(), Some(MemberId::of(&keys("B0").device)));
    assert_eq!(story.live(), ["A1", "B0", "RA", "RB"]);
}

#[test]
fn of_two_confirmed_members_whom_nobody_saw_the_lower_id_stays_and_both_are_warned() {
    let story = forked_founder(false);
    let fold = story.fold();
    assert_eq!(fold.confirmation(), Some(story.id("d")));
    assert_eq!(fold.rivals().len(), 2);
    assert_ne!(fold.other_member(), Some(MemberId::of(&keys("B0").device)));
}

#[test]
fn a_confirmation_counts_whatever_happens_to_its_author() {
    let mut story = Story::alliance();
    story.say("a", "A0", "g", Add("A1"));
    story.say("i", "A0", "a", Invite("I"));
    story.say("r", "I", "i", Redeem("B0"));
    story.say("c", "A0", "r", Confirm("r"));
    story.say("k", "A1", "a", Cut("A0"));
    assert!(!story.stands("c"), "the cut does not keep it");
    assert_eq!(story.live(), ["A1", "B0", "RA"]);
}

use std::collections::BTreeMap;

use alliance_replica::id::DeviceId;

use super::*;
use crate::{
    document::{DocId, Document, Editor, Preimage, tests::rng},
    domain::{
        schema,
        tests::{made, member, preimage},
    },
};

type Replica = BTreeMap<Writer, Document>;

fn id() -> ItemId {
    ItemId::new([1; 16])
}

fn offer() -> Intent {
    Intent::Offer(Offer { title: "Run on Tuesday".into(), links: Vec::new() })
}

fn accept() -> Intent {
    Intent::Accept { item: id(), terms: Terms { due: Some("2026-11-27".into()), ..Terms::default() } }
}

fn end(how: &str) -> Intent {
    Intent::End { item: id(), how: how.into(), learning: None }
}

fn plan(item: &Preimage, replica: &Replica, by: u8, intent: &Intent) -> Result<Plan, RuleError> {
    Act::plan(intent, &At { owner: item.owner, me: member(by), facets: &made(replica) })
}

/// A member does something on a device of theirs.
fn act(item: &Preimage, replica: &mut Replica, (by, device): (u8, u8), intent: &Intent) {
    for (writer, edits) in plan(item, replica, by, intent).expect("may").0 {
        let facet = || Document::new(DocId { item: item.id(), writer }, schema(item, writer));
        let document = replica.entry(writer).or_insert_with(facet);
        let mut rng = rng(u64::from(device) * 1000 + document.ops());
        let mut editor = Editor { device: DeviceId::new([device; 32]), now: 1, rng: &mut rng };
        document.edit(&mut editor, &edits).expect("writes");
    }
}

fn merge(item: &Preimage, here: &mut Replica, there: &Replica) {
    for (writer, document) in there {
        let facet = || Document::new(DocId { item: item.id(), writer: *writer }, schema(item, *writer));
        here.entry(*writer).or_insert_with(facet).apply(document.changes(&[])).expect("applies");
    }
}

fn status(item: &Preimage, replica: &Replica) -> (String, usize) {
    let row = crate::view::derive(item, &made(replica), &[], false);
    (row.status.unwrap_or_default(), row.conflicts.len())
}

/// Ben, the second, offers Anna something.
fn offered() -> (Preimage, Replica) {
    let item = preimage("commitment", Some(member(1)));
    let mut replica = Replica::new();
    act(&item, &mut replica, (2, 2), &offer());
    (item, replica)
}

#[test]
fn an_offer_binds_nobody_until_its_owner_accepts_it() {
    let (item, mut replica) = offered();
    assert_eq!(offer().owner(member(2), Some(member(1))), Ok(Some(member(1))));
    assert_eq!(offer().owner(member(2), None), Err(RuleError::NobodyElse));
    assert_eq!(status(&item, &replica).0, OFFERED);
    assert_eq!(replica.keys().collect::<Vec<_>>(), [&Writer::Everyone]);
    for early in [end("kept"), Intent::Renegotiate { item: id(), title: None, terms: Terms::default() }] {
        assert_eq!(plan(&item, &replica, 1, &early), Err(RuleError::StandsSo { stands: OFFERED.into() }));
    }
    act(&item, &mut replica, (1, 1), &accept());
    assert_eq!(status(&item, &replica).0, ACCEPTED);
    assert_eq!(replica[&Writer::Only(member(1))].register(DUE).winner(), Some(&"2026-11-27".into()));
}

#[test]
fn only_its_owner_accepts_dates_and_ends_it() {
    let (item, mut replica) = offered();
    let not_yours = Err(RuleError::NotYours { owner: member(1) });
    let terms = Terms { due: Some(String::new()), ..Terms::default() };
    let date = Intent::Edit { item: id(), title: None, link: Vec::new(), unlink: Vec::new(), terms };
    let owners = [accept(), date, end("let go"), Intent::Mute { item: id(), muted: true }];
    for intent in &owners {
        assert_eq!(plan(&item, &replica, 2, intent), not_yours, "{intent:?}");
    }
    act(&item, &mut replica, (1, 1), &accept());
    for intent in owners.iter().chain([&end("kept")]) {
        assert_eq!(plan(&item, &replica, 2, intent), not_yours, "{intent:?}");
        let its = plan(&item, &replica, 1, intent).expect("hers").0;
        assert_eq!(its.keys().collect::<Vec<_>>(), [&Writer::Only(member(1))], "{intent:?}");
    }
}

#[test]
fn accepting_wins_over_taking_back_at_the_same_time() {
    let (item, mut anna) = offered();
    let mut ben = anna.clone();
    act(&item, &mut anna, (1, 1), &accept());
    act(&item, &mut ben, (2, 2), &Intent::Withdraw { item: id() });
    assert_eq!(status(&item, &ben).0, TAKEN_BACK);
    merge(&item, &mut ben, &anna);
    merge(&item, &mut anna, &ben);
    assert_eq!((status(&item, &anna), status(&item, &ben)), ((ACCEPTED.into(), 0), (ACCEPTED.into(), 0)));
}

#[test]
fn what_is_known_to_be_taken_back_or_accepted_stays_so() {
    let (item, replica) = offered();
    let (mut back, mut accepted) = (replica.clone(), replica);
    act(&item, &mut back, (2, 2), &Intent::Withdraw { item: id() });
    assert_eq!(plan(&item, &back, 1, &accept()), Err(RuleError::StandsSo { stands: TAKEN_BACK.into() }));
    assert_eq!(plan(&item, &back, 1, &Intent::Withdraw { item: id() }), Err(RuleError::ForTheOther));
    act(&item, &mut accepted, (1, 1), &accept());
    let withdraw = Intent::Withdraw { item: id() };
    assert_eq!(plan(&item, &accepted, 2, &withdraw), Err(RuleError::StandsSo { stands: ACCEPTED.into() }));
}

#[test]
fn of_two_ends_said_on_ones_own_two_devices_both_stay_until_their_owner_chooses() {
    let (item, mut laptop) = offered();
    act(&item, &mut laptop, (1, 1), &accept());
    let mut tablet = laptop.clone();
    act(&item, &mut laptop, (1, 1), &end("kept"));
    act(&item, &mut tablet, (1, 3), &end("let go"));
    merge(&item, &mut laptop, &tablet);
    assert_eq!(status(&item, &laptop).1, 1);
    let register = laptop[&Writer::Only(member(1))].register(STATUS);
    assert_eq!(register.values().len(), 2);
}

#[test]
fn the_words_that_were_accepted_are_kept_where_only_their_owner_writes() {
    let (item, mut replica) = offered();
    act(&item, &mut replica, (1, 1), &accept());
    let title = Some("Run every day".to_owned());
    let edit = Intent::Edit { item: id(), title, link: Vec::new(), unlink: Vec::new(), terms: Terms::default() };
    act(&item, &mut replica, (2, 2), &edit);
    let own = &replica[&Writer::Only(member(1))];
    assert_eq!(own.register(ACCEPTED_AS).winner(), Some(&"Run on Tuesday".into()));
    act(&item, &mut replica, (1, 1), &Intent::Renegotiate { item: id(), title: None, terms: Terms::default() });
    assert_eq!(replica[&Writer::Only(member(1))].register(ACCEPTED_AS).winner(), Some(&"Run every day".into()));
    assert_eq!(status(&item, &replica).0, RENEGOTIATED);
}

#[test]
fn the_other_asks_and_the_owner_answers_each_in_their_own_facet() {
    let (item, mut replica) = offered();
    act(&item, &mut replica, (1, 1), &accept());
    let ask = Intent::Ask { item: id(), date: "2026-11-24".into(), words: "Still on?".into() };
    assert_eq!(plan(&item, &replica, 1, &ask), Err(RuleError::ForTheOther));
    act(&item, &mut replica, (2, 2), &ask);
    assert_eq!(said_in(&replica, Writer::Only(member(2)), ASKED), ["2026-11-24 Still on?"]);
    let check_in = CheckIn {
        date: "2026-11-25".into(),
        outcome: "stuck".into(),
        obstacle: Some("My knee".into()),
        mood: Some(2),
        ..CheckIn::default()
    };
    let check_in = Intent::CheckIn { item: id(), check_in };
    assert_eq!(plan(&item, &replica, 2, &check_in), Err(RuleError::NotYours { owner: member(1) }));
    act(&item, &mut replica, (1, 1), &check_in);
    let said = said_in(&replica, Writer::Only(member(1)), CHECK_INS);
    assert_eq!(said, ["2026-11-25 stuck\nin the way: My knee\nmood: 2 of 5"]);
    act(&item, &mut replica, (1, 1), &Intent::Mute { item: id(), muted: true });
    assert_eq!(plan(&item, &replica, 2, &ask), Err(RuleError::StandsSo { stands: MUTED.into() }));
}

fn said_in(replica: &Replica, writer: Writer, list: &str) -> Vec<String> {
    replica[&writer].list(list).into_iter().map(|value| value.scalar.to_string()).collect()
}

#[test]
fn numbers_and_outcomes_are_bounded() {
    let terms = |sure| Terms { confidence: Some(sure), ..Terms::default() }.edits();
    assert!(terms(0).is_ok() && terms(10).is_ok() && terms(11).is_err() && terms(-1).is_err());
    let check_in = |outcome: &str, mood| {
        CheckIn { date: "2026-11-25".into(), outcome: outcome.into(), mood: Some(mood), ..CheckIn::default() }.append()
    };
    assert!(check_in("well", 5).is_ok() && check_in("well", 6).is_err() && check_in("failed", 1).is_err());
}

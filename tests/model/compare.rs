//! Histories of the model's and of our own: every order of delivery means the same, and what the model says.
//!
//! `ALLIANCE_HISTORIES` says how many of each, `ALLIANCE_SEED` from which seed on.

use std::{collections::BTreeSet, env};

use serde_json::Value;

use crate::{
    dice::Dice,
    meaning::{difference, meaning},
    random, reference, replay,
    story::Story,
};

/// Histories handed to the model at a time.
const BATCH: u64 = 100;

/// What a variable says.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

fn batches(default: u64) -> impl Iterator<Item = (u64, u64)> {
    let (start, count) = (number("ALLIANCE_SEED", 0), number("ALLIANCE_HISTORIES", default));
    (start..start + count).step_by(BATCH as usize).map(move |at| (at, BATCH.min(start + count - at)))
}

/// Delivers a story in several orders, checks that all mean the same, and returns that.
pub(crate) fn in_every_order(story: &Story, seed: u64) -> Value {
    let mut dice = Dice::new(seed);
    let all: BTreeSet<_> = (0..story.told.len()).collect();
    let mean = |order: &[usize]| {
        let (dag, contents) = story.deliver(order);
        meaning(story, &dag, &contents)
    };
    let first = mean(&dice.order(story, &all));
    // A replica that asks after every entry folds step by step; it must find what one fold of all finds.
    let asked = {
        let (mut dag, mut contents) = story.deliver(&[]);
        for at in dice.order(story, &all) {
            story.deliver_one(at, &mut dag, &mut contents);
            dag.fold();
        }
        meaning(story, &dag, &contents)
    };
    assert!(first == asked, "seed {seed}: asking on the way changes {}", difference(&first, &asked));
    let other = mean(&dice.order(story, &all));
    assert!(first == other, "seed {seed}: order of delivery changes {}", difference(&first, &other));
    let part = dice.part(story);
    let (first_part, other_part) = (mean(&dice.order(story, &part)), mean(&dice.order(story, &part)));
    assert!(
        first_part == other_part,
        "seed {seed}: order of delivery of {part:?} changes {}",
        difference(&first_part, &other_part)
    );
    first
}

/// A property of a history, by name.
type Case<'a> = (&'a str, &'a dyn Fn(&Value) -> bool);

/// A hundred histories that never get anywhere would agree, too.
fn every_case_occurs(meanings: &[Value]) {
    let some = |part: &'static str| move |it: &Value| it[part].as_array().is_some_and(|list| !list.is_empty());
    let cases: [Case<'_>; 7] = [
        ("a second member", &|it| !it["joiner"].is_null()),
        ("a cut", &some("cut")),
        ("a leave", &some("left")),
        ("a usable epoch", &some("usable")),
        ("an epoch to grant", &some("grantable")),
        ("control set aside", &|it| it["stand"] != it["valid"]),
        ("shared content that is endorsed and own content that is not", &|it| {
            it["content"]["shared"] != it["content"]["own"]
        }),
    ];
    for (name, case) in cases {
        assert!(meanings.len() < BATCH as usize || meanings.iter().any(case), "no history has {name}");
    }
}

#[test]
fn histories_of_the_model_mean_the_same_here_in_every_order() {
    for (start, count) in batches(150) {
        let mut seen = 0;
        for history in reference::generate(start, count) {
            let story = replay::read(&history["entries"]);
            let ours = in_every_order(&story, start + seen);
            let theirs = &history["meaning"];
            assert!(ours == *theirs, "model seed {}: {}", history["seed"], difference(&ours, theirs));
            seen += 1;
        }
        assert_eq!(seen, count, "the model made all histories");
    }
}

#[test]
fn signed_histories_mean_in_every_order_what_the_model_says() {
    for (start, count) in batches(150) {
        let stories: Vec<_> = (start..start + count).map(random::story).collect();
        let ours: Vec<_> = stories.iter().zip(start..).map(|(story, seed)| in_every_order(story, seed)).collect();
        every_case_occurs(&ours);
        let told = stories.iter().map(|story| replay::write(story, &story.all().0)).collect();
        let mut seen = 0;
        for ((theirs, ours), seed) in reference::judge(told).zip(&ours).zip(start..) {
            assert!(*ours == theirs, "seed {seed}: {}", difference(ours, &theirs));
            seen += 1;
        }
        assert_eq!(seen, count, "the model judged all histories");
    }
}

//! What was written, by whom, on which day.
//!
//! People read what somebody wrote, not when they were at their computer: a day is the finest that anything here knows,
//! and what one person wrote on one day is one stretch. Order is that of causes; a clock only says the day, and one that
//! is ahead says today. Versions are those that the author saw: what two wrote at once stands beside each other, each as
//! it was written, and not as it came together.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{
    ActorPrefix, ChangeHash, Past, Scalar, Written,
    text::{self, Piece},
};

/// Turns at one facet on one day above which those that follow close upon each other are shown as one: two people typed
/// at once.
const TURNS: usize = 6;
/// Seconds between two turns that follow close upon each other.
const AT_ONCE: i64 = 10;

/// What is told as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grain {
    /// What one person wrote on one day.
    Day,
    /// Each change, so that every version is seen that there ever was.
    Change,
}

/// What was written as one, on one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stretch<W> {
    /// The day.
    pub day: i64,
    /// Who wrote.
    pub by: BTreeSet<W>,
    /// The version that its author began from.
    pub before: Vec<ChangeHash>,
    /// That version with what its author wrote.
    pub after: Vec<ChangeHash>,
    /// How many changes it is.
    pub changes: usize,
    /// When the first and the last of them were made, in unix seconds, as their author says.
    pub between: (i64, i64),
}

/// What became of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Became {
    /// It had these values and has those; none is nothing.
    Value {
        /// Before.
        before: Vec<Scalar>,
        /// After.
        after: Vec<Scalar>,
    },
    /// A text, in pieces.
    Text(Vec<Piece>),
    /// A set or list.
    Elements {
        /// What came.
        added: Vec<String>,
        /// What went.
        removed: Vec<String>,
    },
}

/// The stretches of a facet, oldest first. `day` says on which day a time lies, `who` wrote a change.
pub fn stretches<W: Ord + Clone>(
    written: &[Written],
    grain: Grain,
    today: i64,
    day: impl Fn(i64) -> i64,
    who: impl Fn(&ActorPrefix) -> W,
) -> Vec<Stretch<W>> {
    let mut days: BTreeMap<ChangeHash, i64> = BTreeMap::new();
    let mut sorted: Vec<(i64, &Written)> = Vec::new();
    for change in written {
        let own = if change.by.is_some() { day(change.time).min(today) } else { i64::MIN };
        let its = change.deps.iter().filter_map(|dep| days.get(dep)).copied().chain([own]).max().unwrap_or(own);
        days.insert(change.hash, its);
        sorted.push((its, change));
    }
    // Stable, and no change is on an earlier day than what it depends on: each still comes after that.
    sorted.sort_by_key(|(day, _)| *day);
    let mut turns: Vec<Turn<'_, W>> = Vec::new();
    for (day, change) in sorted {
        let Some(by) = change.by.as_ref().map(&who) else { continue };
        match turns.last_mut().filter(|last| grain == Grain::Day && last.day == day && last.by.contains(&by)) {
            Some(last) => last.changes.push(change),
            None => turns.push(Turn { day, by: BTreeSet::from([by]), changes: vec![change] }),
        }
    }
    let turns = if grain == Grain::Day { merged(turns) } else { turns };
    turns.into_iter().map(Turn::stretch).collect()
}

/// Changes that follow each other, of the same day and people.
struct Turn<'a, W> {
    day: i64,
    by: BTreeSet<W>,
    changes: Vec<&'a Written>,
}

impl<W> Turn<'_, W> {
    fn stretch(self) -> Stretch<W> {
        let own: BTreeSet<_> = self.changes.iter().map(|change| change.hash).collect();
        let deps: BTreeSet<_> = self.changes.iter().flat_map(|change| change.deps.iter().copied()).collect();
        let before: Vec<_> = deps.difference(&own).copied().collect();
        let after = own.difference(&deps).copied().collect();
        let times = self.changes.iter().map(|change| change.time);
        let between = (times.clone().min().unwrap_or_default(), times.max().unwrap_or_default());
        Stretch { day: self.day, by: self.by, before, after, changes: self.changes.len(), between }
    }
}

/// Where people took more turns in a day than anybody would read, those that they took while both were typing as one.
fn merged<W: Ord>(turns: Vec<Turn<'_, W>>) -> Vec<Turn<'_, W>> {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    turns.iter().for_each(|turn| *counts.entry(turn.day).or_default() += 1);
    let mut merged: Vec<Turn<'_, W>> = Vec::new();
    for turn in turns {
        let times = |turn: &Turn<'_, W>| turn.changes.iter().map(|change| change.time).max();
        let begins = turn.changes.first().map(|change| change.time);
        let is_close = |last: &Turn<'_, W>| begins <= times(last).map(|time| time.saturating_add(AT_ONCE));
        let is_many = counts[&turn.day] > TURNS;
        match merged.last_mut().filter(|last| is_many && last.day == turn.day && is_close(last)) {
            Some(last) => {
                last.by.extend(turn.by);
                last.changes.extend(turn.changes);
            }
            None => merged.push(turn),
        }
    }
    merged
}

/// What became of each field between two versions.
pub fn became(before: &BTreeMap<String, Past>, after: &BTreeMap<String, Past>) -> BTreeMap<String, Became> {
    let fields: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = fields.into_iter().filter(|field| before.get(*field) != after.get(*field));
    changed.map(|field| (field.clone(), one(before.get(field), after.get(field)))).collect()
}

fn one(before: Option<&Past>, after: Option<&Past>) -> Became {
    match (before, after) {
        (Some(Past::Text(_)), _) | (_, Some(Past::Text(_))) => {
            let text =
                |past: Option<&Past>| if let Some(Past::Text(text)) = past { text.clone() } else { String::new() };
            Became::Text(text::pieces(&text(before), &text(after)))
        }
        (Some(Past::Register(_)), _) | (_, Some(Past::Register(_))) => {
            let values =
                |past: Option<&Past>| if let Some(Past::Register(values)) = past { values.clone() } else { Vec::new() };
            Became::Value { before: values(before), after: values(after) }
        }
        _ => {
            let (before, after) = (elements(before), elements(after));
            let lacks = |all: &[String], it: &String| !all.contains(it);
            Became::Elements {
                added: after.iter().filter(|it| lacks(&before, it)).cloned().collect(),
                removed: before.iter().filter(|it| lacks(&after, it)).cloned().collect(),
            }
        }
    }
}

fn elements(past: Option<&Past>) -> Vec<String> {
    match past {
        Some(Past::Set(elements)) => elements.clone(),
        Some(Past::List(values)) => values.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(n: u8, deps: &[u8], by: u8, time: i64) -> Written {
        let hash = |n: u8| ChangeHash([n; 32]);
        Written { hash: hash(n), deps: deps.iter().copied().map(hash).collect(), by: (by > 0).then_some([by; 8]), time }
    }

    /// Day, authors, heads before and after.
    type Shown = (i64, Vec<u8>, Vec<u8>, Vec<u8>);

    fn shown(written: &[Written], today: i64) -> Vec<Shown> {
        shown_by(Grain::Day, written, today)
    }

    fn shown_by(grain: Grain, written: &[Written], today: i64) -> Vec<Shown> {
        let heads = |heads: &[ChangeHash]| heads.iter().map(|it| it.0[0]).collect::<Vec<_>>();
        let stretches = stretches(written, grain, today, |time| time / 10, |by| by[0]);
        stretches
            .iter()
            .map(|it| (it.day, it.by.iter().copied().collect(), heads(&it.before), heads(&it.after)))
            .collect()
    }

    #[test]
    fn what_one_writes_on_a_day_is_one_stretch() {
        let written = [
            change(1, &[], 0, 0),
            change(2, &[1], 1, 11),
            change(3, &[2], 1, 19),
            change(4, &[2], 2, 15),
            change(5, &[3, 4], 1, 21),
        ];
        assert_eq!(
            shown(&written, 9),
            [(1, vec![1], vec![1], vec![3]), (1, vec![2], vec![2], vec![4]), (2, vec![1], vec![3, 4], vec![5])],
            "what 2 wrote at the same time begins where 2 began"
        );
    }

    #[test]
    fn every_change_is_told_by_itself_if_each_is_asked_for() {
        let written = [change(1, &[], 0, 0), change(2, &[1], 1, 11), change(3, &[2], 1, 12), change(4, &[2], 2, 15)];
        assert_eq!(
            shown_by(Grain::Change, &written, 9),
            [(1, vec![1], vec![1], vec![2]), (1, vec![1], vec![2], vec![3]), (1, vec![2], vec![2], vec![4])]
        );
    }

    #[test]
    fn a_clock_that_is_wrong_cannot_put_an_effect_before_its_cause_or_into_the_future() {
        let written = [change(1, &[], 1, 990), change(2, &[1], 2, 30), change(3, &[], 2, 10)];
        assert_eq!(
            shown(&written, 5),
            [(1, vec![2], vec![], vec![3]), (5, vec![1], vec![], vec![1]), (5, vec![2], vec![1], vec![2])]
        );
    }

    #[test]
    fn a_day_of_many_turns_is_one_stretch_of_both() {
        let written: Vec<_> = (1..=20).map(|n| change(n, &[n - 1][..usize::from(n > 1)], 1 + n % 2, 11)).collect();
        assert_eq!(shown(&written, 5), [(1, vec![1, 2], vec![], vec![20])]);
    }

    #[test]
    fn turns_that_people_take_one_after_the_other_stay_apart_however_many() {
        let written: Vec<_> =
            (1..=20).map(|n| change(n, &[n - 1][..usize::from(n > 1)], 1 + n % 2, i64::from(n) * 60)).collect();
        let stretches = stretches(&written, Grain::Day, 5, |_| 1, |by| by[0]);
        assert_eq!(stretches.len(), 20);
        assert!(stretches.iter().all(|it| it.by.len() == 1 && it.before.len() < 2 && it.after.len() == 1));
    }

    #[test]
    fn what_became_of_a_field_is_said_for_every_shape() {
        let past =
            |fields: &[(&str, Past)]| fields.iter().map(|(name, past)| ((*name).to_owned(), past.clone())).collect();
        let before: BTreeMap<_, _> = past(&[
            ("body", Past::Text("one two".into())),
            ("tags", Past::Set(vec!["a".into()])),
            ("title", Past::Register(vec!["t".into()])),
            ("same", Past::Register(vec!["s".into()])),
        ]);
        let after = past(&[
            ("body", Past::Text("one three".into())),
            ("tags", Past::Set(vec!["b".into()])),
            ("same", Past::Register(vec!["s".into()])),
        ]);
        let became = became(&before, &after);
        assert_eq!(became.keys().collect::<Vec<_>>(), ["body", "tags", "title"]);
        let pieces = [Piece::Same("one ".into()), Piece::Removed("two".into()), Piece::Added("three".into())];
        assert_eq!(became["body"], Became::Text(pieces.to_vec()));
        assert_eq!(became["tags"], Became::Elements { added: vec!["b".into()], removed: vec!["a".into()] });
        assert_eq!(became["title"], Became::Value { before: vec!["t".into()], after: Vec::new() });
    }
}

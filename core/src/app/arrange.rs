//! Moving a goal among those that one may move: one's own, and those of both.
//!
//! A goal that was never moved has no number. So the first move writes down how all goals stand up to where it happens;
//! what is taken back is the move alone, which leads to just that.

use super::{
    AppError, Done, ItemRef, Owner, Profile, Summary, World,
    intent::{self, Target},
    seen::Seen,
};
use crate::{
    domain::{
        Facets, Plan,
        goal::{self, between, spread},
    },
    store::Tx,
};

/// Where a goal is moved to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whereto {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Just before this one.
    Before(ItemRef),
    /// Just after this one.
    After(ItemRef),
}

impl Profile {
    /// Moves a goal of one's own, or of both.
    pub fn arrange(&mut self, item: &ItemRef, to: Whereto, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let seen = Seen::new(tx, item.space)?;
            let is_movable = |goal: &Summary| goal.item.space == item.space && goal.owner != Owner::Theirs;
            let goals: Vec<_> = seen.goals(tx)?.into_iter().filter(is_movable).collect();
            let place = |of: &ItemRef| match goals.iter().position(|goal| goal.item == *of) {
                Some(at) => Ok(at),
                // Theirs, which the rule refuses; or elsewhere.
                None => planned(tx, of, 0).and_then(|_| {
                    let (kind, text) = (goal::KIND.name.to_owned(), of.item.to_string());
                    Err(AppError::NotFound { kind, text, like: Vec::new() })
                }),
            };
            let from = place(item)?;
            // Counted without the goal that is moved.
            let without = |at: usize| if at > from { at - 1 } else { at };
            let at = match to {
                Whereto::First => 0,
                Whereto::Last => goals.len() - 1,
                Whereto::Before(other) => without(place(&other)?),
                Whereto::After(other) if other == *item => from,
                Whereto::After(other) => without(place(&other)?) + 1,
            };
            if at == from && goals[from].position.is_some() {
                return intent::done(tx, item, false);
            }
            let mut numbers: Vec<_> = goals.iter().map(|goal| goal.position).collect();
            let is_settled = numbers[..=from.max(at)].is_sorted_by(|a, b| a.is_some() && a < b);
            let number = match free(&numbers, from, at).filter(|_| is_settled) {
                Some(number) => number,
                None => {
                    let numbered = numbers.iter().rposition(Option::is_some).unwrap_or(0);
                    let last = from.max(at).max(numbered);
                    for (nth, number) in spread(last + 1).enumerate() {
                        numbers[nth] = Some(number);
                        let (target, plan) = planned(tx, &goals[nth].item, number)?;
                        intent::write(tx, documents, &target, &plan, world)?;
                    }
                    free(&numbers, from, at).expect("there is room between numbers that were spread")
                }
            };
            let (target, plan) = planned(tx, item, number)?;
            intent::finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }
}

/// A number for the goal `from` in the place `at`, which is counted without it.
fn free(numbers: &[Option<i64>], from: usize, at: usize) -> Option<i64> {
    let mut others = numbers.to_vec();
    others.remove(from);
    between(at.checked_sub(1).and_then(|before| others[before]), others.get(at).copied().flatten())
}

fn planned(tx: &Tx<'_>, item: &ItemRef, position: i64) -> Result<(Target, Plan), AppError> {
    let target = Target::existing(tx, item)?;
    let intent = goal::Intent::Move { item: item.item, position };
    let plan = intent.plan(target.preimage().owner, target.member, &Facets::new())?;
    Ok((target, plan))
}

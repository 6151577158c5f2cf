//! Randomness from a seed, and orders of delivery.

use std::collections::BTreeSet;

use alliance_replica::log::heads::Chain;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::story::Story;

pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit as u64) as usize
    }

    /// True in so many of 100 cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len())].clone())
    }

    pub(crate) fn some<T: Clone>(&mut self, from: &[T], percent: usize) -> Vec<T> {
        from.iter().filter(|_| self.chance(percent)).cloned().collect()
    }

    /// The entries of `set` in an order in which each has what it waits for: content all that it names, control the
    /// control entries among that.
    pub(crate) fn order(&mut self, story: &Story, set: &BTreeSet<usize>) -> Vec<usize> {
        let mut left: Vec<_> = set.iter().copied().collect();
        let (mut done, mut order) = (BTreeSet::new(), Vec::new());
        while !left.is_empty() {
            let ready: Vec<_> =
                (0..left.len()).filter(|at| waits(story, left[*at]).all(|it| done.contains(&it))).collect();
            let next = left.swap_remove(self.pick(&ready).expect("names only what is in the set"));
            done.insert(next);
            order.push(next);
        }
        order
    }

    /// A random set of entries with what they wait for.
    pub(crate) fn part(&mut self, story: &Story) -> BTreeSet<usize> {
        let mut open = (0..3).map(|_| self.below(story.told.len())).collect::<Vec<_>>();
        let mut part = BTreeSet::new();
        while let Some(at) = open.pop() {
            if part.insert(at) {
                open.extend(waits(story, at));
            }
        }
        part
    }
}

fn waits(story: &Story, at: usize) -> impl Iterator<Item = usize> + '_ {
    let told = &story.told[at];
    let control = told.chain() == Chain::Control;
    let after = told.after.iter().copied().filter(move |it| !control || story.told[*it].chain() == Chain::Control);
    told.prev.into_iter().chain(after)
}

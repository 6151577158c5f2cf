//! Which changes count.
//!
//! Of several changes with the same actor and sequence number that follow on from the same one, that with the lowest hash
//! is chosen. A change counts if it is chosen, is founded (see `references`), and everything it depends on counts. That is
//! a function of the set of changes, so every replica that has them counts the same ones.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

use automerge::{AutomergeError, Change, ChangeHash};

use super::{DocId, Document, Outline, Schema, facet::caught, references::follows};

/// Operations after which a batch of changes is handed to Automerge, which takes some 300 bytes for each meanwhile.
const BATCH: usize = 128 * 1024;

/// Actors new to a document up to which changes are added to what is there. For each, Automerge writes all of it anew.
const STRANGERS: usize = 64;

/// Outlines of changes, by their hashes.
pub type Outlines = BTreeMap<ChangeHash, Outline>;

/// Why a change does not count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LeftOut {
    /// Another change with its actor and sequence number was chosen.
    Twin,
    /// It names an operation that is not there, or depends on a change that does not count.
    Unfounded,
}

/// What became of changes.
#[derive(Clone, Default, Debug)]
pub struct Applied {
    /// Changes that were new and count, each after what it depends on.
    pub counted: Vec<Change>,
    /// If any change was new: every change of the facet that does not count.
    pub left_out: BTreeMap<ChangeHash, LeftOut>,
    /// True if the facet has to be saved as a whole: adding `counted` to what was saved before is not enough.
    pub whole: bool,
}

/// Why changes were not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A change comes before something it depends on. The document is as before.
    #[error("a change comes before one it depends on")]
    MissingDependency {
        /// What is missing.
        hashes: Vec<ChangeHash>,
    },
    /// Automerge does not take changes that should be right. The document is of no use any more.
    #[error("changes cannot be applied")]
    Automerge(#[source] Option<AutomergeError>),
}

impl Document {
    /// What these changes depend on and is neither here nor among them.
    pub fn missing(&self, changes: &[Change]) -> Vec<ChangeHash> {
        let given: BTreeSet<_> = changes.iter().map(Change::hash).collect();
        let needed: BTreeSet<_> = changes.iter().flat_map(|change| change.deps()).copied().collect();
        needed.into_iter().filter(|hash| !given.contains(hash) && !self.knows(hash)).collect()
    }

    /// True if the change is here, whether it counts or not.
    pub fn knows(&self, hash: &ChangeHash) -> bool {
        self.left_out.contains_key(hash) || self.contains(&[*hash])
    }

    /// Takes in changes that were checked by [`super::Incoming::check`]. Those known already are passed over.
    pub fn apply(&mut self, changes: Vec<Change>) -> Result<Applied, ApplyError> {
        self.apply_outlined(changes, &Outlines::default())
    }

    /// As [`Document::apply`], with the outlines that [`super::Incoming::check`] made: those need not be made again.
    pub fn apply_outlined(&mut self, changes: Vec<Change>, outlines: &Outlines) -> Result<Applied, ApplyError> {
        let new: BTreeMap<_, _> =
            changes.into_iter().map(|change| (change.hash(), change)).filter(|(hash, _)| !self.knows(hash)).collect();
        let needed: BTreeSet<_> = new.values().flat_map(|change| change.deps()).copied().collect();
        let hashes: Vec<_> = needed.into_iter().filter(|hash| !new.contains_key(hash) && !self.knows(hash)).collect();
        if !hashes.is_empty() {
            return Err(ApplyError::MissingDependency { hashes });
        }
        if new.is_empty() {
            return Ok(Applied::default());
        }
        let references = self.references();
        let displaces = |change: &Change| {
            let its = references.at(change.actor_id(), change.seq());
            its.is_some_and(|its| change.hash() < its) && follows(change, references.before(change))
        };
        let met = |change: &&Change| references.at(change.actor_id(), 1).is_some();
        let strangers: BTreeSet<_> = new.values().filter(|it| !met(it)).map(Change::actor_id).collect();
        if strangers.len() > STRANGERS || new.values().any(displaces) {
            return self.apply_anew(new, outlines);
        }
        let before: BTreeSet<_> = self.left_out.keys().copied().collect();
        let (counted, left_out) = self.settle(new, outlines)?;
        let whole = !self.left_out.keys().eq(&before);
        Ok(Applied { counted, left_out, whole })
    }

    /// The facet that these changes make, in whatever order they are given, and what of them does not count: a change
    /// that lacks something it depends on does not.
    pub fn rebuild(
        id: DocId,
        schema: Schema,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<(Self, Applied), ApplyError> {
        Self::rebuild_outlined(id, schema, changes, &Outlines::default())
    }

    fn rebuild_outlined(
        id: DocId,
        schema: Schema,
        changes: impl IntoIterator<Item = Change>,
        outlines: &Outlines,
    ) -> Result<(Self, Applied), ApplyError> {
        let mut document = Self::new(id, schema);
        let pool = changes.into_iter().map(|change| (change.hash(), change)).collect();
        let (counted, left_out) = document.settle(pool, outlines)?;
        Ok((document, Applied { counted, left_out, whole: true }))
    }

    /// Everything is judged again from the start, in a document that is empty: a change with a lower hash displaces one
    /// that counted, or there are so many actors that adding them one by one takes longer.
    fn apply_anew(&mut self, new: BTreeMap<ChangeHash, Change>, outlines: &Outlines) -> Result<Applied, ApplyError> {
        let old = self.changes(&[]).into_iter().chain(self.left_out.values().cloned());
        let known: BTreeSet<_> = new.keys().copied().collect();
        let all = old.chain(new.into_values());
        let (document, mut applied) = Self::rebuild_outlined(self.id, self.schema.clone(), all, outlines)?;
        applied.counted.retain(|change| known.contains(&change.hash()));
        *self = document;
        Ok(applied)
    }

    /// Adds those changes of `pool`, and of what was left out before, that count; the rest is left out, and why.
    fn settle(&mut self, mut pool: BTreeMap<ChangeHash, Change>, outlines: &Outlines) -> Result<Settled, ApplyError> {
        pool.append(&mut self.left_out);
        let chosen = self.references().choose(pool.values());
        let twin = |change: &Change| {
            let its = chosen.get(&(change.actor_id().clone(), change.seq()));
            its.is_some_and(|its| *its != change.hash())
        };
        let (twins, mut waiting): (Vec<_>, Vec<_>) = causal(pool).into_iter().partition(twin);
        let mut all = Vec::new();
        loop {
            let (counted, rest) = self.pass(waiting, outlines)?;
            waiting = rest;
            if counted.is_empty() {
                break;
            }
            all.extend(counted);
        }
        let twins = twins.into_iter().map(|change| (change, LeftOut::Twin));
        let mut why = BTreeMap::new();
        for (change, reason) in twins.chain(waiting.into_iter().map(|change| (change, LeftOut::Unfounded))) {
            why.insert(change.hash(), reason);
            self.left_out.insert(change.hash(), change);
        }
        Ok((all, why))
    }

    /// Adds the changes that count by now, in this order; returns those and the others.
    fn pass(&mut self, changes: Vec<Change>, outlines: &Outlines) -> Result<(Vec<Change>, Vec<Change>), ApplyError> {
        let (mut counted, mut rest, mut batch) = (Vec::new(), Vec::new(), Batch::default());
        for change in changes {
            let outside: Vec<_> = change.deps().iter().filter(|dep| !batch.hashes.contains(dep)).copied().collect();
            let founded = self.contains(&outside) && {
                let made = || Cow::Owned(Outline::of(&change.decode()));
                let outline = outlines.get(&change.hash()).map_or_else(made, Cow::Borrowed);
                self.references().admit(&change, &outline)
            };
            if !founded {
                rest.push(change);
                continue;
            }
            if batch.ops + change.len() > BATCH {
                counted.extend(self.hand_over(std::mem::take(&mut batch))?);
            }
            batch.push(change);
        }
        counted.extend(self.hand_over(batch)?);
        Ok((counted, rest))
    }

    fn hand_over(&mut self, batch: Batch) -> Result<Vec<Change>, ApplyError> {
        caught(|| self.automerge.apply_changes(batch.changes.clone())).map_err(ApplyError::Automerge)?;
        Ok(batch.changes)
    }
}

/// The changes that count now, and the others.
type Settled = (Vec<Change>, BTreeMap<ChangeHash, LeftOut>);

/// Changes that are handed to Automerge together.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    hashes: BTreeSet<ChangeHash>,
    ops: usize,
}

impl Batch {
    fn push(&mut self, change: Change) {
        self.hashes.insert(change.hash());
        self.ops += change.len();
        self.changes.push(change);
    }
}

/// The changes, each after those it depends on; otherwise by hash.
fn causal(changes: BTreeMap<ChangeHash, Change>) -> Vec<Change> {
    let mut waits: BTreeMap<ChangeHash, usize> = BTreeMap::new();
    let mut followers: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
    for (hash, change) in &changes {
        let inside: Vec<_> = change.deps().iter().filter(|dep| changes.contains_key(dep)).collect();
        waits.insert(*hash, inside.len());
        inside.into_iter().for_each(|dep| followers.entry(*dep).or_default().push(*hash));
    }
    let mut ready: VecDeque<_> = waits.iter().filter(|(_, count)| **count == 0).map(|(hash, _)| *hash).collect();
    let mut changes: BTreeMap<_, _> = changes;
    let mut ordered = Vec::with_capacity(changes.len());
    while let Some(hash) = ready.pop_front() {
        ordered.extend(changes.remove(&hash));
        for follower in followers.remove(&hash).unwrap_or_default() {
            let count = waits.get_mut(&follower).expect("every change is counted");
            *count -= 1;
            if *count == 0 {
                ready.push_back(follower);
            }
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use automerge::ActorId;

    use super::*;
    use crate::document::{
        facet::tests::{schema, typed},
        tests::{put, shared},
    };

    /// Two processes with one actor: what a restored copy would do that did not draw a fresh one.
    fn twins() -> (Vec<Change>, Vec<Change>, Vec<Change>) {
        let mut one = Document::new(shared(), schema());
        let base = typed(&mut one, 1, 1, "a");
        let mut two = one.clone();
        let mut left = typed(&mut one, 1, 2, "a left");
        left.extend(typed(&mut one, 1, 2, "a left on"));
        let mut right = typed(&mut two, 1, 3, "a right");
        right.extend(typed(&mut two, 1, 3, "a right on"));
        (base, left, right)
    }

    #[test]
    fn a_change_before_what_it_depends_on_changes_nothing() {
        let mut writer = Document::new(shared(), schema());
        let first = typed(&mut writer, 1, 1, "one");
        let second = typed(&mut writer, 1, 1, "one two");
        let mut reader = Document::new(shared(), schema());
        let error = reader.apply(second.clone()).expect_err("too early");
        let missing = vec![first.last().expect("one").hash()];
        assert!(matches!(error, ApplyError::MissingDependency { hashes } if hashes == missing));
        assert!(reader.heads().is_empty());
        reader.apply(first).expect("applies");
        reader.apply(second.clone()).expect("applies");
        assert_eq!(reader.heads(), writer.heads());
        assert!(reader.apply(second).expect("applies").counted.is_empty());
    }

    #[test]
    fn of_twins_the_lowest_hash_counts_in_any_order() {
        let (base, left, right) = twins();
        assert_eq!(left[0].actor_id(), right[0].actor_id());
        let all: Vec<_> = [base.clone(), left.clone(), right.clone()].concat();
        let (whole, applied) = Document::rebuild(shared(), schema(), all.clone()).expect("rebuilds");
        let winner = if left[0].hash() < right[0].hash() { "a left on" } else { "a right on" };
        assert_eq!(whole.text("body"), winner);
        assert_eq!(applied.left_out.len(), 2);
        for order in permutations(all.len()) {
            let shuffled: Vec<_> = order.iter().map(|n| all[*n].clone()).collect();
            let (again, same) = Document::rebuild(shared(), schema(), shuffled).expect("rebuilds");
            assert_eq!((again.heads(), same.left_out), (whole.heads(), applied.left_out.clone()));
        }
        for (first, second) in [(&left, &right), (&right, &left)] {
            let mut document = Document::new(shared(), schema());
            document.apply(base.clone()).expect("applies");
            document.apply(first.clone()).expect("applies");
            let last = document.apply(second.clone()).expect("applies");
            assert_eq!((document.heads(), last.left_out), (whole.heads(), applied.left_out.clone()));
            assert!(last.whole);
            let opened = Document::load(shared(), schema(), &document.save(), []).expect("opens");
            assert_eq!(opened.left_out().count(), 2);
            assert_eq!(opened.ops(), document.ops());
        }
    }

    #[test]
    fn a_displaced_writer_goes_on_under_a_fresh_actor() {
        let (base, left, right) = twins();
        let (mine, theirs) = if left[0].hash() < right[0].hash() { (right, left) } else { (left, right) };
        let mut document = Document::new(shared(), schema());
        for changes in [base, mine.clone(), theirs] {
            document.apply(changes).expect("applies");
        }
        let next = typed(&mut document, 1, 9, "and on");
        assert_ne!(next[0].actor_id(), mine[0].actor_id());
        assert_eq!(document.text("body"), "and on");
    }

    /// Changes that put something at once, each by another actor.
    fn crowd(actors: std::ops::Range<u64>) -> Vec<Change> {
        let actor = |n: u64| ActorId::from([[1; 8], n.to_be_bytes()].concat());
        actors.map(|n| put(&actor(n), 1, None)).collect()
    }

    #[test]
    fn a_crowd_of_actors_is_added_to_an_empty_document_and_not_to_what_is_there() {
        let mut document = Document::new(shared(), schema());
        let base = typed(&mut document, 1, 1, "a");
        let few = STRANGERS as u64;
        let added = document.apply(crowd(0..few)).expect("applies");
        assert!(!added.whole && added.counted.len() == STRANGERS, "a few are added");
        let anew = document.apply(crowd(few..1000)).expect("applies");
        assert!(anew.whole, "each of these would have everything written anew");
        assert_eq!(anew.counted.len(), 1000 - STRANGERS);
        assert!(!document.apply(crowd(0..1000)).expect("applies").whole, "they are here");
        let all = base.into_iter().chain(crowd(0..1000));
        let (whole, _) = Document::rebuild(shared(), schema(), all).expect("rebuilds");
        assert_eq!(document.heads(), whole.heads());
        assert_eq!(document.text("body"), "a");
    }

    fn permutations(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let shorter = permutations(n - 1);
        let insert = |at: usize, order: &Vec<usize>| [&order[..at], &[n - 1], &order[at..]].concat();
        shorter.iter().flat_map(|order| (0..n).map(move |at| insert(at, order))).collect()
    }
}

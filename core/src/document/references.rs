//! What operations refer to: every object, element and value that a change names was written before it.
//!
//! Automerge takes that on trust, and panics, or forgets, when it is not so. A change is *founded* if each of its
//! operations names older operations that exist, of the right type, in the right object and at the right key, if it starts
//! after the operations of all it depends on, and if it depends directly on the change of its actor before it. Whether a
//! change becomes founded follows from the set of changes alone, in any order.

use std::collections::BTreeMap;

use automerge::{ActorId, Change, ChangeHash, ObjType};

use super::outline::{Does, Id, Outline, Spot, Step};

const ROOT: u32 = u32::MAX;

/// The operations of a document's changes, found by their ids.
#[derive(Clone, Default, Debug)]
pub(super) struct References {
    actors: BTreeMap<ActorId, usize>,
    /// What each actor wrote, by the actor's number.
    chains: Vec<Vec<Run>>,
    last: BTreeMap<ChangeHash, u64>,
    keys: BTreeMap<String, u32>,
    ops: Vec<Row>,
}

/// One change of an actor.
#[derive(Clone, Copy, Debug)]
struct Run {
    hash: ChangeHash,
    start: u64,
    length: u64,
    at: usize,
}

/// Where an operation writes, and what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    object: u32,
    key: At,
    does: Does,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// A key of a map, by its number.
    Name(u32),
    /// An element, by the operation that inserted it.
    Element(u32),
}

/// A change's operations, with the numbers that their actors have here.
struct Named<'o> {
    outline: &'o Outline,
    actors: &'o [Option<usize>],
}

impl References {
    /// How many operations were taken in.
    pub(super) fn count(&self) -> u64 {
        self.ops.len() as u64
    }

    /// The change with this actor and sequence number that was admitted.
    pub(super) fn at(&self, actor: &ActorId, seq: u64) -> Option<ChangeHash> {
        let index = usize::try_from(seq).ok()?.checked_sub(1)?;
        self.chains[*self.actors.get(actor)?].get(index).map(|run| run.hash)
    }

    /// The admitted change of the same actor before this one.
    pub(super) fn before(&self, change: &Change) -> Option<ChangeHash> {
        self.at(change.actor_id(), change.seq().saturating_sub(1))
    }

    /// For each actor and sequence number the change that is chosen: what was admitted, else the lowest of those of
    /// `changes` that follow on from the one chosen before.
    pub(super) fn choose<'c>(&self, changes: impl Iterator<Item = &'c Change>) -> BTreeMap<(ActorId, u64), ChangeHash> {
        let mut places: BTreeMap<(&ActorId, u64), Vec<&Change>> = BTreeMap::new();
        changes.for_each(|change| places.entry((change.actor_id(), change.seq())).or_default().push(change));
        let mut chosen = BTreeMap::new();
        // In order of sequence numbers within an actor, so what is chosen before is known.
        for ((actor, seq), changes) in places {
            let last = seq.saturating_sub(1);
            let before = chosen.get(&(actor.clone(), last)).copied().or_else(|| self.at(actor, last));
            let candidates = changes.into_iter().filter(|change| follows(change, before)).map(Change::hash);
            if let Some(hash) = self.at(actor, seq).or_else(|| candidates.min()) {
                chosen.insert((actor.clone(), seq), hash);
            }
        }
        chosen
    }

    /// Takes a change in if it is founded on those taken in before; says whether it is.
    pub(super) fn admit(&mut self, change: &Change, outline: &Outline) -> bool {
        let (start, hash) = (change.start_op().get(), change.hash());
        if !change.deps().iter().all(|dep| self.last.get(dep).is_some_and(|last| *last < start)) {
            return false;
        }
        let count = self.chains.len();
        let author = *self.actors.entry(change.actor_id().clone()).or_insert(count);
        if author == count {
            self.chains.push(Vec::new());
        }
        let chain = &mut self.chains[author];
        let follows = |last: &Run| last.start + last.length <= start && change.deps().contains(&last.hash);
        if !chain.last().is_none_or(follows) || change.seq() != chain.len() as u64 + 1 {
            return false;
        }
        let at = self.ops.len();
        chain.push(Run { hash, start, length: 0, at });
        let named: Vec<_> = outline.actors.iter().map(|actor| self.actors.get(actor).copied()).collect();
        for (id, step) in (start..).zip(&outline.steps) {
            let row = self.row(id, step, &Named { outline, actors: &named });
            let chain = &mut self.chains[author];
            match row {
                Some(row) => {
                    self.ops.push(row);
                    chain.last_mut().expect("it was pushed above").length += 1;
                }
                None => {
                    chain.pop();
                    self.ops.truncate(at);
                    return false;
                }
            }
        }
        self.last.insert(hash, start + outline.steps.len() as u64 - 1);
        true
    }

    /// The row of an operation with counter `id`, if all that it names is there and older.
    fn row(&mut self, id: u64, step: &Step, named: &Named<'_>) -> Option<Row> {
        let (object, shape) = match &step.object {
            None => (ROOT, ObjType::Map),
            Some(object) => {
                let object = self.find(*object, id, named)?;
                match self.ops[object as usize].does {
                    Does::Make(shape) => (object, shape),
                    Does::Put | Does::Delete => return None,
                }
            }
        };
        let preds = named.outline.preds(step);
        let key = match (shape, step.key) {
            (ObjType::Map, Spot::Name(name)) => At::Name(self.name(&named.outline.names[name as usize])),
            (ObjType::List | ObjType::Text, Spot::Head | Spot::Element(_)) => {
                let element = match step.key {
                    Spot::Element(element) => Some(self.element(element, id, object, named)?),
                    _ => None,
                };
                match (step.insert, element) {
                    (true, _) => At::Element(u32::try_from(self.ops.len()).ok()?),
                    (false, Some(element)) if !preds.is_empty() => At::Element(element),
                    (false, _) => return None,
                }
            }
            _ => return None,
        };
        if shape == ObjType::Text && !step.types {
            return None;
        }
        let mut last = None;
        for pred in preds {
            let row = self.ops[self.find(*pred, id, named)? as usize];
            if row.object != object || row.key != key || row.does == Does::Delete || last == Some(pred) {
                return None;
            }
            last = Some(pred);
        }
        Some(Row { object, key, does: step.does })
    }

    /// The operation that inserted an element of `object`.
    fn element(&self, element: Id, before: u64, object: u32, named: &Named<'_>) -> Option<u32> {
        let index = self.find(element, before, named)?;
        let row = self.ops[index as usize];
        (row.object == object && row.key == At::Element(index)).then_some(index)
    }

    /// The index of an operation that is older than counter `before`.
    fn find(&self, id: Id, before: u64, named: &Named<'_>) -> Option<u32> {
        let chain = &self.chains[named.actors[id.actor as usize]?];
        let run = chain[..chain.partition_point(|run| run.start <= id.counter)].last()?;
        let within = id.counter - run.start;
        if id.counter >= before || within >= run.length {
            return None;
        }
        u32::try_from(run.at).ok()?.checked_add(u32::try_from(within).ok()?)
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.keys.get(name) {
            return *number;
        }
        let number = u32::try_from(self.keys.len()).expect("there are fewer keys than operations");
        self.keys.insert(name.to_owned(), number);
        number
    }
}

/// True if a change is the first of its actor, or depends directly on `before`.
pub(super) fn follows(change: &Change, before: Option<ChangeHash>) -> bool {
    change.seq() == 1 || before.is_some_and(|before| change.deps().contains(&before))
}

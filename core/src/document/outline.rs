//! The operations of a change without their values: where each writes, and what it names.

use std::collections::BTreeMap;

use automerge::{
    ActorId, ExpandedChange, ObjType, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};

/// The operations of one change, in their order.
#[derive(Clone, Default, Debug)]
pub struct Outline {
    /// The actors and keys of maps that the operations name, by number.
    pub(super) actors: Vec<ActorId>,
    pub(super) names: Vec<String>,
    pub(super) steps: Vec<Step>,
    preds: Vec<Id>,
}

/// The id of an operation, its actor by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Id {
    pub(super) counter: u64,
    pub(super) actor: u32,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The object that it writes in; none for the root.
    pub(super) object: Option<Id>,
    pub(super) key: Spot,
    pub(super) does: Does,
    pub(super) insert: bool,
    /// True if it is what typing in a text consists of: single characters are inserted and deleted.
    pub(super) types: bool,
    preds: [u32; 2],
}

/// Where in its object an operation writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spot {
    /// A key of a map, by number.
    Name(u32),
    /// Before the first element.
    Head,
    /// An element.
    Element(Id),
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Does {
    Make(ObjType),
    Put,
    Delete,
}

impl Outline {
    /// The operations of a change.
    pub fn of(change: &ExpandedChange) -> Self {
        let mut outline = Self::default();
        outline.steps.reserve_exact(change.operations.len());
        let mut known = Known::default();
        change.operations.iter().for_each(|op| outline.push(op, &mut known));
        outline
    }

    /// No operations yet, of a change that names these actors.
    pub(super) fn new(actors: impl Iterator<Item = ActorId>) -> Self {
        Self { actors: actors.collect(), ..Self::default() }
    }

    /// The number of a key.
    pub(super) fn name(&mut self, name: &str) -> u32 {
        if self.names.last().is_none_or(|last| last != name) {
            self.names.push(name.to_owned());
        }
        number(self.names.len())
    }

    /// Adds an operation that replaces or deletes one other at the most.
    pub(super) fn add(
        &mut self,
        object: Option<Id>,
        key: Spot,
        does: Does,
        insert: bool,
        types: bool,
        pred: Option<Id>,
    ) {
        let start = self.preds.len();
        self.preds.extend(pred);
        let preds = [start, self.preds.len()].map(|at| u32::try_from(at).expect("limits keep operations few"));
        self.steps.push(Step { object, key, does, insert, types, preds });
    }

    /// The operations that one replaces or deletes.
    pub(super) fn preds(&self, step: &Step) -> &[Id] {
        &self.preds[step.preds[0] as usize..step.preds[1] as usize]
    }

    fn push(&mut self, op: &Op, known: &mut Known) {
        let object = match &op.obj {
            ObjectId::Root => None,
            ObjectId::Id(id) => Some(self.id(id, known)),
        };
        let key = match &op.key {
            Key::Map(name) => Spot::Name(known.name(name, &mut self.names)),
            Key::Seq(ElementId::Head) => Spot::Head,
            Key::Seq(ElementId::Id(id)) => Spot::Element(self.id(id, known)),
        };
        let (does, types) = match &op.action {
            OpType::Make(shape) => (Does::Make(*shape), false),
            OpType::Delete => (Does::Delete, true),
            OpType::Put(ScalarValue::Str(text)) => {
                (Does::Put, op.insert && text.chars().nth(1).is_none() && !text.is_empty())
            }
            _ => (Does::Put, false),
        };
        let start = self.preds.len();
        for pred in op.pred.iter() {
            let id = self.id(pred, known);
            self.preds.push(id);
        }
        let preds = [start, self.preds.len()].map(|at| u32::try_from(at).expect("limits keep operations few"));
        self.steps.push(Step { object, key, does, insert: op.insert, types, preds });
    }

    fn id(&mut self, id: &OpId, known: &mut Known) -> Id {
        Id { counter: id.0, actor: known.actor(&id.1, &mut self.actors) }
    }
}

/// The numbers of actors and keys.
#[derive(Default)]
struct Known {
    actors: BTreeMap<ActorId, u32>,
    names: BTreeMap<String, u32>,
    last: u32,
}

impl Known {
    fn actor(&mut self, actor: &ActorId, all: &mut Vec<ActorId>) -> u32 {
        if all.get(self.last as usize) == Some(actor) {
            return self.last;
        }
        self.last = *self.actors.entry(actor.clone()).or_insert_with(|| {
            all.push(actor.clone());
            number(all.len())
        });
        self.last
    }

    fn name(&mut self, name: &str, all: &mut Vec<String>) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        all.push(name.to_owned());
        self.names.insert(name.to_owned(), number(all.len()));
        number(all.len())
    }
}

/// The number of the last of so many.
fn number(length: usize) -> u32 {
    u32::try_from(length - 1).expect("limits keep operations few")
}

//! Fixed changes: the containers of a facet, made once for ever and byte-equal on every device.
//!
//! Two devices that touch a new facet at the same time thereby share its texts and sets. A fixed change makes empty
//! containers at keys of the root map and does nothing else; its actor is the hash of the change as it would be with an
//! actor of zeros, so anybody can check one and nobody can make a second one with the same name. A container that a
//! later version needs comes in a fixed change of its own, which depends on the one before it.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use alliance_replica::id::hash;
use automerge::{
    ActorId, Change, ChangeHash, ExpandedChange, ObjId, ObjType,
    legacy::{Key, ObjectId, Op, OpType, SortedVec},
};

const LABEL: &str = "alliance/1 fixed change";

/// What a container holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Shape {
    /// Text that several people may type in.
    Text,
    /// A set of short texts; adding wins over removing at the same time.
    Set,
    /// A list that only grows.
    List,
}

impl Shape {
    fn object(self) -> ObjType {
        match self {
            Self::Text => ObjType::Text,
            Self::Set => ObjType::Map,
            Self::List => ObjType::List,
        }
    }
}

/// The containers of a facet and the fixed changes that make them. Cheap to clone.
#[derive(Clone, Default, Debug)]
pub struct Schema(Arc<Inner>);

#[derive(Clone, Default, Debug)]
struct Inner {
    changes: Vec<Change>,
    containers: BTreeMap<String, (Shape, ObjId)>,
}

impl Schema {
    /// A facet whose genesis makes these containers; none, if there are none.
    pub fn new(containers: &[(&str, Shape)]) -> Self {
        Self::default().then(containers)
    }

    /// The same facet after a later version added these containers.
    #[must_use]
    pub fn then(self, containers: &[(&str, Shape)]) -> Self {
        if containers.is_empty() {
            return self;
        }
        let mut inner = Arc::unwrap_or_clone(self.0);
        let last = inner.changes.last();
        let objects: Vec<_> = containers.iter().map(|(name, shape)| (*name, shape.object())).collect();
        let start = last.map_or(1, |change| change.max_op() + 1);
        let change = fixed_change(&objects, start, last.map(Change::hash).as_slice());
        let shapes: BTreeMap<_, _> = containers.iter().copied().collect();
        for (ctr, (name, shape)) in (start..).zip(shapes) {
            let id = ObjId::Id(ctr, change.actor_id().clone(), 0);
            inner.containers.insert(name.to_owned(), (shape, id));
        }
        inner.changes.push(change);
        Self(Arc::new(inner))
    }

    /// The fixed changes, each after what it depends on.
    pub fn changes(&self) -> &[Change] {
        &self.0.changes
    }

    /// Names and shapes of the containers.
    pub fn containers(&self) -> impl Iterator<Item = (&str, Shape)> {
        self.0.containers.iter().map(|(name, (shape, _))| (name.as_str(), *shape))
    }

    /// The object of a container: the one that the fixed change made, whatever else claims its name.
    pub(super) fn object(&self, name: &str, shape: Shape) -> Option<&ObjId> {
        self.0.containers.get(name).filter(|(its, _)| *its == shape).map(|(_, id)| id)
    }
}

/// The fixed change that makes these containers, from operation `start` on, after `deps`.
pub fn fixed_change(containers: &[(&str, ObjType)], start: u64, deps: &[ChangeHash]) -> Change {
    let sorted: BTreeMap<&str, ObjType> = containers.iter().copied().collect();
    let operations = sorted.into_iter().map(|(name, shape)| Op {
        action: OpType::Make(shape),
        obj: ObjectId::Root,
        key: Key::Map(name.into()),
        pred: SortedVec::new(),
        insert: false,
    });
    let mut change = ExpandedChange {
        operations: operations.collect(),
        actor_id: ActorId::from([0; 16]),
        hash: None,
        seq: 1,
        start_op: NonZeroU64::new(start).expect("operations are counted from 1"),
        time: 0,
        message: None,
        deps: deps.to_vec(),
        extra_bytes: Vec::new(),
        author: None,
    };
    change.actor_id = actor(&change);
    change.into()
}

/// True if a change is a fixed one. The change was decoded from bytes within bounds.
pub fn is_fixed(change: &Change) -> bool {
    change.seq() == 1 && change.actor_id().to_bytes().len() == 16 && is_fixed_expanded(&change.decode())
}

pub(super) fn is_fixed_expanded(change: &ExpandedChange) -> bool {
    let only_makes = change.operations.iter().all(|op| {
        matches!(op.action, OpType::Make(ObjType::Map | ObjType::List | ObjType::Text))
            && op.obj == ObjectId::Root
            && op.key.is_map_key()
            && op.pred.is_empty()
            && !op.insert
    });
    let bare = change.time == 0 && change.message.is_none() && change.extra_bytes.is_empty();
    change.seq == 1 && bare && only_makes && !change.operations.is_empty() && change.actor_id == actor(change)
}

/// First 16 bytes of the labelled hash of the change's bytes, as they are with an actor of 16 zeros.
fn actor(change: &ExpandedChange) -> ActorId {
    let nameless = ExpandedChange { actor_id: ActorId::from([0; 16]), hash: None, ..change.clone() };
    let digest = hash(LABEL, &[Change::from(nameless).raw_bytes()]);
    ActorId::from(&digest[..16])
}

#[cfg(test)]
mod tests {
    use automerge::{Automerge, ReadDoc as _};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_fixed_change_has_frozen_bytes() {
        let change = fixed_change(&[("tags", ObjType::Map), ("body", ObjType::Text)], 1, &[]);
        let frozen = "856f4a83b3eb25cb01350010fa1c61a13c3800edb7d3f98fec66f6e4010100000005150b34014203560270027e04626f6479\
                      0474616773027e040002000200";
        assert_eq!(hex(change.raw_bytes()), frozen);
        let later = fixed_change(&[("links", ObjType::List)], change.max_op() + 1, &[change.hash()]);
        let frozen = "856f4a8328cfaf4f015001b3eb25cbc01d07ea8fc0f042e55f176e311827d61b800d1f6af9a628c342c5c510aa33d9b9bf3759cf\
                      6cc58a1a85538eaf010300000005150734014202560270027f056c696e6b73017f027f007f00";
        assert_eq!(hex(later.raw_bytes()), frozen);
    }

    #[test]
    fn a_fixed_change_is_known_as_one_until_a_byte_of_it_differs() {
        let change = fixed_change(&[("body", ObjType::Text)], 1, &[]);
        assert!(is_fixed(&change));
        let expanded = change.decode();
        let spoilt = [
            ExpandedChange { time: 1, ..expanded.clone() },
            ExpandedChange { message: Some("x".into()), ..expanded.clone() },
            ExpandedChange { start_op: NonZeroU64::new(2).expect("not zero"), ..expanded.clone() },
            ExpandedChange { deps: vec![change.hash()], ..expanded.clone() },
            ExpandedChange { actor_id: ActorId::from([1; 16]), ..expanded.clone() },
            ExpandedChange { operations: Vec::new(), ..expanded.clone() },
        ];
        for bad in spoilt {
            assert!(!is_fixed(&bad.into()));
        }
    }

    #[test]
    fn a_change_that_does_more_than_make_containers_is_not_fixed() {
        let mut change = fixed_change(&[("body", ObjType::Text)], 1, &[]).decode();
        change.operations[0].action = OpType::Put("words".into());
        change.actor_id = actor(&change);
        assert!(!is_fixed(&change.clone().into()));
        change.operations[0].action = OpType::Make(ObjType::Text);
        change.actor_id = actor(&change);
        assert!(is_fixed(&change.into()));
    }

    #[test]
    fn a_schema_finds_the_objects_that_its_changes_make() {
        let schema = Schema::new(&[("b", Shape::Set), ("a", Shape::Text)]).then(&[("c", Shape::List)]);
        let mut doc = Automerge::new();
        doc.apply_changes(schema.changes().to_vec()).expect("applies");
        for (name, shape) in schema.containers() {
            let id = schema.object(name, shape).expect("there");
            assert_eq!(doc.object_type(id).expect("made"), shape.object(), "{name}");
        }
        assert!(schema.object("a", Shape::Set).is_none());
        assert!(schema.changes().iter().all(is_fixed));
        assert_eq!(schema.changes().len(), 2);
        assert!(Schema::new(&[]).changes().is_empty());
    }
}

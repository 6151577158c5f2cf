//! Copies of a private item in an alliance, where both can see it: a new item that says what the private one says now.
//!
//! Only the private item knows its copies; no copy knows its source.

use std::collections::BTreeSet;

use alliance_replica::id::{ItemId, MemberId};

use super::{Facets, Field, Holds, Kind, LINKS, Plan, belief, commitment, insight, note, reflection};
use crate::document::{Document, Edit, Scalar, TextEdit, Writer};

/// The field of a private item with the ids of its copies, a blank between two. What several devices wrote at the same
/// time is all meant.
pub const COPIES: &str = "copies";

/// Kinds of which one can give the other person a copy.
pub const SHAREABLE: &[&Kind] = &[&note::KIND, &reflection::KIND, &belief::KIND, &insight::KIND, &commitment::KIND];

/// What makes a copy of an item that says what these facets say. In the space of the item one is the member `from`, in
/// that of the copy `to`; what somebody else said of it stays where it is.
pub fn copy(kind: &Kind, facets: &Facets<'_>, owner: Option<MemberId>, from: MemberId, to: MemberId) -> Plan {
    let mut plan = Plan::default();
    for (writer, document) in facets {
        let to = match writer {
            Writer::Everyone => Writer::Everyone,
            Writer::Only(member) if *member == from => Writer::Only(to),
            Writer::Only(_) => continue,
        };
        let known = kind.fields(owner, *writer);
        // What is linked lies in another space, of which a copy says nothing.
        let fields = known.iter().filter(|field| !field.inner && field.name != LINKS);
        plan.facet(to).extend(fields.flat_map(|field| edits(document, field)));
    }
    plan.0.retain(|_, edits| !edits.is_empty());
    plan
}

fn edits(document: &Document, field: &Field) -> Vec<Edit> {
    let name = || field.name.to_owned();
    match field.holds {
        Holds::Register => {
            let register = document.register(field.name);
            register.winner().cloned().map(|value| Edit::Put(name(), Some(value))).into_iter().collect()
        }
        Holds::Text => vec![Edit::Text(name(), TextEdit { from: None, text: document.text(field.name) })],
        Holds::Set => document.set(field.name).into_iter().map(|element| Edit::Add(name(), element)).collect(),
        Holds::List => document.list(field.name).into_iter().map(|value| Edit::Append(name(), value.scalar)).collect(),
    }
}

/// The copies that were made of an item.
pub fn copies(facets: &Facets<'_>) -> BTreeSet<ItemId> {
    let read = |item: &&Document| {
        let register = item.register(COPIES);
        let all = register.values().iter().filter_map(|value| value.scalar.text()).flat_map(str::split_whitespace);
        all.filter_map(ItemId::from_hex).collect()
    };
    facets.get(&Writer::Everyone).map(read).unwrap_or_default()
}

/// Keeps in a private item, beside its other copies, that this is one.
pub fn copied(facets: &Facets<'_>, copy: ItemId) -> Plan {
    let mut all = copies(facets);
    all.insert(copy);
    let all = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    Plan([(Writer::Everyone, vec![Edit::Put(COPIES.to_owned(), Some(Scalar::Text(all)))])].into())
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::{
        document::{DocId, Editor, tests::rng},
        domain::{
            schema,
            tests::{made, member, preimage, written},
        },
    };

    #[test]
    fn a_copy_says_the_same_and_nothing_of_where_it_comes_from() {
        let (here, there) = (member(1), member(2));
        let original = preimage("note", None);
        let add = note::Add { title: "First".into(), body: "words\n".into(), tags: vec!["work".into()] };
        let mut facets = written(&original, 1, &note::Intent::Add(add).plan().expect("fine"));
        let kept = copied(&made(&facets), ItemId::new([7; 16]));
        let mut editor = Editor { device: DeviceId::new([1; 32]), now: 1, rng: &mut rng(1) };
        let note = facets.get_mut(&Writer::Everyone).expect("there");
        note.edit(&mut editor, &kept.0[&Writer::Everyone]).expect("writes");
        let plan = copy(&note::KIND, &made(&facets), None, here, there);
        let copy = written(&original, 2, &plan);
        let fields = copy[&Writer::Everyone].fields_at(&copy[&Writer::Everyone].heads());
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["body", "tags", "title"]);
        assert_eq!(copy[&Writer::Everyone].text("body"), "words\n");
    }

    #[test]
    fn a_copy_has_ones_own_fields_and_nobody_elses() {
        let (here, there, other) = (member(1), member(2), member(3));
        let mut plan = Plan::default();
        plan.facet(Writer::Only(here)).push(Edit::Put("status".into(), Some("paused".into())));
        plan.facet(Writer::Only(other)).push(Edit::Append("ratings".into(), "2026-11-22 +1".into()));
        let facets = written(&preimage("goal", Some(here)), 1, &plan);
        let copy = copy(&crate::domain::goal::KIND, &made(&facets), Some(here), here, there);
        assert_eq!(copy.0.keys().collect::<Vec<_>>(), [&Writer::Only(there)]);
    }

    #[test]
    fn a_note_knows_its_copies_also_those_made_on_two_devices() {
        let original = preimage("note", None);
        let mut here =
            Document::new(DocId { item: original.id(), writer: Writer::Everyone }, schema(&original, Writer::Everyone));
        let id = |n: u8| ItemId::new([n; 16]);
        let copy = |note: &mut Document, by: u8, n: u8| {
            let plan = copied(&[(Writer::Everyone, &*note)].into(), id(n));
            let mut editor = Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut rng(n.into()) };
            note.edit(&mut editor, &plan.0[&Writer::Everyone]).expect("writes");
        };
        copy(&mut here, 1, 1);
        let mut there = here.clone();
        copy(&mut here, 1, 2);
        copy(&mut there, 2, 3);
        here.apply(there.changes(&[])).expect("applies");
        assert_eq!(copies(&[(Writer::Everyone, &here)].into()), [id(1), id(2), id(3)].into());
        copy(&mut here, 1, 4);
        assert_eq!(copies(&[(Writer::Everyone, &here)].into()), [id(1), id(2), id(3), id(4)].into());
    }
}

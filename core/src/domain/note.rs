//! A note: a title, a text that both may type in, tags. It belongs to both. It may live in the personal space; sharing one
//! makes a copy, which says nothing of where it comes from: only the private note knows its copies.

use std::collections::BTreeSet;

use alliance_replica::id::ItemId;

use super::{Facets, Field, Kind, Plan, RuleError, TITLE, elements, put, text};
use crate::document::{self, Document, Scalar, TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "note",
    shared: &[
        Field::register("title"),
        Field::text("body"),
        Field::set("tags"),
        Field::register(COPIES).inner(),
        Field::register(SOURCE).inner(),
    ],
    own: &[],
    titles: &["title"],
};

/// The field of a private note with the ids of its copies, a blank between two. What several devices wrote at the same
/// time is all meant.
const COPIES: &str = "copies";
/// Where earlier programs wrote into a copy which item it is of. Nobody writes it any more.
const SOURCE: &str = "source";

/// What somebody wants to do with a note.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Makes one.
    Add(Add),
    /// Changes one.
    Edit {
        /// Which.
        item: ItemId,
        /// What.
        edit: Edit,
    },
}

/// A new note.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Add {
    /// One line.
    pub title: String,
    /// The text.
    pub body: String,
    /// Tags, a line each.
    pub tags: Vec<String>,
}

/// Changes to a note; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Edit {
    /// A new title.
    pub title: Option<String>,
    /// The text as it shall be.
    pub body: Option<TextEdit>,
    /// Tags to add.
    pub tag: Vec<String>,
    /// Tags to remove.
    pub untag: Vec<String>,
}

impl Intent {
    /// The note it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Add(_) => None,
            Self::Edit { item, .. } => Some(*item),
        }
    }

    /// The edits that carry it out.
    pub fn plan(&self) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        let edits = plan.shared();
        match self {
            Self::Add(Add { title, body, tags }) => {
                edits.push(put("title", title, TITLE)?);
                edits.push(text("body", &body.as_str().into())?);
                edits.extend(elements("tags", tags, &[])?);
            }
            Self::Edit { edit: Edit { title, body, tag, untag }, .. } => {
                edits.extend(title.as_ref().map(|title| put("title", title, TITLE)).transpose()?);
                edits.extend(body.as_ref().map(|body| text("body", body)).transpose()?);
                edits.extend(elements("tags", tag, untag)?);
            }
        }
        Ok(plan)
    }
}

/// What sharing this note would put into the other space, to be shown before and then added there.
pub fn copy(facets: &Facets<'_>) -> Add {
    let Some(note) = facets.get(&Writer::Everyone) else { return Add::default() };
    let title = note.register("title").winner().map(ToString::to_string).unwrap_or_default();
    Add { title, body: note.text("body"), tags: note.set("tags") }
}

/// The copies that were made of a note.
pub fn copies(facets: &Facets<'_>) -> BTreeSet<ItemId> {
    let read = |note: &&Document| {
        let register = note.register(COPIES);
        let all = register.values().iter().filter_map(|value| value.scalar.text()).flat_map(str::split_whitespace);
        all.filter_map(ItemId::from_hex).collect()
    };
    facets.get(&Writer::Everyone).map(read).unwrap_or_default()
}

/// Keeps in a private note, beside its other copies, that this is one.
pub fn copied(facets: &Facets<'_>, copy: ItemId) -> Plan {
    let mut all = copies(facets);
    all.insert(copy);
    let all = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    Plan([(Writer::Everyone, vec![document::Edit::Put(COPIES.to_owned(), Some(Scalar::Text(all)))])].into())
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::{
        document::{DocId, Editor, Schema, tests::rng},
        domain::{
            schema,
            tests::{made, preimage, written},
        },
    };

    fn add(title: &str) -> Intent {
        Intent::Add(Add { title: title.into(), body: "words\n".into(), tags: vec!["work".into()] })
    }

    #[test]
    fn a_note_says_what_was_written_into_it() {
        let facets = written(&preimage("note", None), 1, &add(" First ").plan().expect("fine"));
        let note = &facets[&Writer::Everyone];
        assert_eq!(note.register("title").winner(), Some(&"First".into()));
        assert_eq!((note.text("body"), note.set("tags")), ("words\n".into(), vec!["work".into()]));
    }

    #[test]
    fn a_note_needs_a_title_of_one_line() {
        assert_eq!(add("").plan(), Err(RuleError::Empty { field: "title" }));
        let long = "x".repeat(TITLE + 1);
        assert_eq!(add(&long).plan(), Err(RuleError::TooLong { field: "title", most: TITLE }));
    }

    #[test]
    fn an_edit_touches_only_what_it_names() {
        let edit = Edit { untag: vec!["work".into()], ..Edit::default() };
        let plan = Intent::Edit { item: ItemId::new([1; 16]), edit }.plan().expect("fine");
        assert_eq!(plan.0[&Writer::Everyone].len(), 1);
    }

    #[test]
    fn a_copy_says_the_same_and_nothing_of_where_it_comes_from() {
        let original = preimage("note", None);
        let facets = written(&original, 1, &add("First").plan().expect("fine"));
        let copied = copy(&made(&facets));
        assert_eq!(Intent::Add(copied.clone()), Intent::Add(copy(&made(&facets))));
        assert_eq!((copied.title.as_str(), copied.body.as_str()), ("First", "words\n"));
        let there = written(&original, 2, &Intent::Add(copied).plan().expect("fine"));
        let fields = there[&Writer::Everyone].fields_at(&there[&Writer::Everyone].heads());
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["body", "tags", "title"]);
        let nothing = Document::new(DocId { item: original.id(), writer: Writer::Everyone }, Schema::default());
        assert_eq!(copy(&[(Writer::Everyone, &nothing)].into()).title, "");
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

    #[test]
    fn what_is_for_programs_alone_is_neither_shown_nor_found_nor_chosen() {
        let original = preimage("note", None);
        let mut facets = written(&original, 1, &add("First").plan().expect("fine"));
        let note = facets.get_mut(&Writer::Everyone).expect("there");
        let mut other = note.clone();
        for (note, by) in [(&mut *note, 1), (&mut other, 2)] {
            let puts = [COPIES, SOURCE].map(|field| document::Edit::Put(field.into(), Some(format!("b82{by}").into())));
            let mut editor = Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut rng(by.into()) };
            note.edit(&mut editor, &puts).expect("writes");
        }
        note.apply(other.changes(&[])).expect("applies");
        let row = crate::view::derive(&original, &made(&facets), &[], true);
        assert!(row.conflicts.is_empty() && !row.words().contains("b82"), "{row:?}");
        assert!(row.fields.keys().all(|field| !crate::domain::is_inner("note", field)), "{row:?}");
    }
}

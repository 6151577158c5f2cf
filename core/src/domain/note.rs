//! A note: a title, a text that both may type in, tags. It belongs to both. It may live in the personal space; sharing one makes a copy.

use alliance_replica::id::ItemId;

use super::{Facets, Field, Kind, Plan, RuleError, SOURCE, TITLE, elements, put, source, text};
use crate::document::{TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "note",
    shared: &[Field::register("title"), Field::text("body"), Field::set("tags"), Field::register(SOURCE)],
    own: &[],
    titles: &["title"],
};

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
    /// The note of which this is a copy.
    pub source: Option<ItemId>,
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
            Self::Add(Add { title, body, tags, source: copied }) => {
                edits.push(put("title", title, TITLE)?);
                edits.push(text("body", &body.as_str().into())?);
                edits.extend(elements("tags", tags, &[])?);
                edits.extend(copied.map(source));
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
pub fn copy(item: ItemId, facets: &Facets<'_>) -> Add {
    let Some(note) = facets.get(&Writer::Everyone) else { return Add::default() };
    let title = note.register("title").winner().map(ToString::to_string).unwrap_or_default();
    Add { title, body: note.text("body"), tags: note.set("tags"), source: Some(item) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{DocId, Document, Schema},
        domain::tests::{made, preimage, written},
    };

    fn add(title: &str) -> Intent {
        Intent::Add(Add { title: title.into(), body: "words\n".into(), tags: vec!["work".into()], source: None })
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
    fn a_copy_says_the_same_and_remembers_its_source() {
        let original = preimage("note", None);
        let facets = written(&original, 1, &add("First").plan().expect("fine"));
        let copied = copy(original.id(), &made(&facets));
        assert_eq!((copied.title.as_str(), copied.body.as_str()), ("First", "words\n"));
        let there = written(&original, 2, &Intent::Add(copied.clone()).plan().expect("fine"));
        let note = &there[&Writer::Everyone];
        assert_eq!(note.register("source").winner(), Some(&original.id().to_string().into()));
        assert_eq!(copy(original.id(), &made(&there)), copied);
        let nothing = Document::new(DocId { item: original.id(), writer: Writer::Everyone }, Schema::default());
        assert_eq!(copy(original.id(), &[(Writer::Everyone, &nothing)].into()).title, "");
    }
}

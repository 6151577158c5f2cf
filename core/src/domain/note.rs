//! A note: a title, a text that both may type in, tags. It belongs to both. It may live in the personal space; sharing one
//! makes a copy, which says nothing of where it comes from: only the private note knows its copies.

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Field, Kind, Plan, RuleError, TITLE, elements, put, text};
use crate::document::TextEdit;

/// The kind.
pub const KIND: Kind = Kind {
    name: "note",
    shared: &[Field::register("title"), Field::text("body"), Field::set("tags"), Field::register(SOURCE).inner()],
    own: &[],
    titles: &["title"],
    open: &[],
};

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

impl Act for Intent {
    fn owner(&self, _: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(None)
    }

    fn plan(&self, _: &At<'_>) -> Result<Plan, RuleError> {
        self.plan()
    }
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::{
        document::{self, Editor, Writer, tests::rng},
        domain::{
            copy::COPIES,
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

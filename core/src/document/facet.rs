//! One facet: its changes, as an Automerge document, and beside it those that do not count.
//!
//! The facet is a function of the set of its changes. Automerge is never handed a change before what it depends on, so
//! nothing ever waits inside it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use alliance_replica::id::DeviceId;
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, ReadDoc as _};

use super::{Authors, DocId, Outline, Schema, bounds, fixed, references::References, sorted};

/// Why a saved facet cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not what [`Document::save`] wrote.
    #[error("saved document is damaged")]
    Damaged(#[source] Option<AutomergeError>),
}

/// A facet.
#[derive(Clone, Debug)]
pub struct Document {
    pub(super) id: DocId,
    pub(super) schema: Schema,
    pub(super) automerge: Automerge,
    pub(super) left_out: BTreeMap<ChangeHash, Change>,
    pub(super) actor: Option<ActorId>,
    pub(super) references: Option<References>,
}

impl Document {
    /// A facet that nobody has touched.
    pub fn new(id: DocId, schema: Schema) -> Self {
        let automerge = Automerge::new();
        Self { id, schema, automerge, left_out: BTreeMap::new(), actor: None, references: None }
    }

    /// Opens a facet from what [`Document::save`] wrote and the changes that counted since, in their order.
    pub fn load<'b>(
        id: DocId,
        schema: Schema,
        saved: &[u8],
        loose: impl IntoIterator<Item = &'b [u8]>,
    ) -> Result<Self, LoadError> {
        let mut document = Self::new(id, schema);
        if !saved.is_empty() {
            let length = bounds::chunk_length(saved).ok_or(LoadError::Damaged(None))?;
            let (whole, left_out) = saved.split_at(length);
            document.automerge = caught(|| Automerge::load(whole)).map_err(LoadError::Damaged)?;
            let (left_out, _) = bounds::changes(left_out).map_err(|_| LoadError::Damaged(None))?;
            for change in left_out {
                let change = read(change)?;
                document.left_out.insert(change.hash(), change);
            }
        }
        document.catch_up(loose)?;
        Ok(document)
    }

    /// Takes in changes from one's own disk that counted since, in their order. If it fails the facet is to be opened anew.
    pub fn catch_up<'b>(&mut self, loose: impl IntoIterator<Item = &'b [u8]>) -> Result<(), LoadError> {
        let loose = loose.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        caught(|| self.automerge.apply_changes(loose.iter().cloned())).map_err(LoadError::Damaged)?;
        self.wrote(&loose);
        if self.automerge.get_missing_deps(&[]).is_empty() { Ok(()) } else { Err(LoadError::Damaged(None)) }
    }

    /// The facet as bytes for one's own disk: a document chunk, then the changes that do not count.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = self.automerge.save();
        self.left_out.values().for_each(|change| bytes.extend_from_slice(change.raw_bytes()));
        bytes
    }

    /// Which facet this is.
    pub fn id(&self) -> DocId {
        self.id
    }

    /// Its containers.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The changes that no other change follows, in order. Equal heads are equal documents.
    pub fn heads(&self) -> Vec<ChangeHash> {
        sorted(self.automerge.get_heads())
    }

    /// True if every one of these changes counts here.
    pub fn contains(&self, hashes: &[ChangeHash]) -> bool {
        self.automerge.get_missing_deps(hashes).is_empty()
    }

    /// The changes that count and are not in the past of `since`, each after what it depends on.
    pub fn changes(&self, since: &[ChangeHash]) -> Vec<Change> {
        self.automerge.get_changes(since)
    }

    /// The changes that do not count.
    pub fn left_out(&self) -> impl Iterator<Item = &Change> {
        self.left_out.values()
    }

    /// Operations of all changes, also of those that do not count.
    pub fn ops(&self) -> u64 {
        let all = || self.automerge.get_changes_meta(&[]).iter().map(|c| c.max_op + 1 - c.start_op).sum();
        let counted = self.references.as_ref().map_or_else(all, References::count);
        counted + self.left_out.values().map(|change| change.len() as u64).sum::<u64>()
    }

    /// The whole facet as one plain document chunk, if it may travel so: all its changes are by these devices or fixed,
    /// and within the limits of one part.
    pub fn snapshot(&self, lineage: &[DeviceId]) -> Option<Vec<u8>> {
        let authors = Authors::new(&self.id, lineage.iter().copied());
        let changes = self.automerge.get_changes_meta(&[]);
        let own = |change: &automerge::ChangeMetadata<'_>| {
            let read = || self.automerge.get_change_by_hash(&change.hash);
            authors.wrote(&change.actor) || read().is_some_and(|change| fixed::is_fixed(&change))
        };
        let within = changes.len() as u64 <= bounds::CHANGES && self.ops() <= bounds::OPS;
        let travels = !changes.is_empty() && self.left_out.is_empty() && within && changes.iter().all(own);
        travels.then(|| self.automerge.save_nocompress())
    }

    pub(super) fn automerge(&self) -> &Automerge {
        &self.automerge
    }

    pub(super) fn automerge_mut(&mut self) -> &mut Automerge {
        &mut self.automerge
    }

    /// Own changes were written straight into the document: keep the references in step.
    pub(super) fn wrote(&mut self, changes: &[Change]) {
        if let Some(references) = &mut self.references {
            for change in changes {
                references.admit(change, &Outline::of(&change.decode()));
            }
        }
    }

    pub(super) fn references(&mut self) -> &mut References {
        let automerge = &self.automerge;
        self.references.get_or_insert_with(|| {
            let mut references = References::default();
            for change in automerge.get_changes(&[]) {
                references.admit(&change, &Outline::of(&change.decode()));
            }
            references
        })
    }
}

fn read(chunk: &[u8]) -> Result<Change, LoadError> {
    Change::try_from(chunk).map_err(|_| LoadError::Damaged(None))
}

/// Runs something of Automerge's on bytes that were checked; a panic is a last resort that should never be needed.
pub(super) fn caught<T>(run: impl FnOnce() -> Result<T, AutomergeError>) -> Result<T, Option<AutomergeError>> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Some(error)),
        Err(_) => Err(None),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::document::{
        Edit, Editor, Shape,
        tests::{device, rng, shared},
    };

    pub(in crate::document) fn schema() -> Schema {
        Schema::new(&[("body", Shape::Text), ("tags", Shape::Set)])
    }

    pub(in crate::document) fn typed(document: &mut Document, by: u8, seed: u64, text: &str) -> Vec<Change> {
        let mut editor = Editor { device: device(by), now: 1, rng: &mut rng(seed) };
        let edits = [Edit::Text("body".into(), text.into()), Edit::Put("title".into(), Some(text.into()))];
        document.edit(&mut editor, &edits).expect("writes")
    }

    #[test]
    fn what_was_saved_opens_again_with_what_came_since() {
        let mut document = Document::new(shared(), schema());
        typed(&mut document, 1, 1, "one");
        let saved = document.save();
        let loose = typed(&mut document, 1, 1, "one two");
        let loose: Vec<_> = loose.iter().map(Change::raw_bytes).collect();
        let opened = Document::load(shared(), schema(), &saved, loose).expect("opens");
        assert_eq!((opened.heads(), opened.text("body")), (document.heads(), "one two".into()));
        assert_eq!(opened.ops(), document.ops());
        assert!(Document::load(shared(), schema(), &saved[..saved.len() - 1], []).is_err());
        assert!(Document::load(shared(), schema(), b"rubbish", []).is_err());
    }

    #[test]
    fn only_a_facet_of_ones_own_and_fixed_changes_travels_whole() {
        let mut document = Document::new(shared(), schema());
        assert!(document.snapshot(&[device(1)]).is_none());
        typed(&mut document, 1, 1, "one");
        assert!(document.snapshot(&[device(1)]).is_some());
        typed(&mut document.clone(), 2, 2, "two");
        assert!(document.snapshot(&[device(2)]).is_none());
        typed(&mut document, 2, 2, "two");
        assert!(document.snapshot(&[device(1)]).is_none());
        assert!(document.snapshot(&[device(1), device(2)]).is_some());
    }
}

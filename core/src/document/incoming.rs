//! What came in an entry for one document: believed, or refused with a name.
//!
//! The verdict follows from the bytes and from who wrote the entry; it never depends on the document as it is here, so
//! every replica reaches the same one. If one part of an entry is refused, the entry is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alliance_replica::{
    id::{DeviceId, ItemId, MemberId},
    limits,
    planted::{self, Bug},
};
use automerge::{
    Automerge, Change, ExpandedChange, ObjType, ScalarValue,
    legacy::{Key, OpType},
};

use super::{Authors, DocId, Document, Outline, Outlines, Preimage, Schema, Writer, bounds, fixed};

/// Operations of one part up to which outlines of its changes are kept.
const OUTLINED: usize = 64 * 1024;

/// How a part carries its changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Plain change chunks, one after the other, each after what it depends on.
    Changes,
    /// One plain document chunk, of the sender's own and fixed changes only.
    Snapshot,
}

impl Form {
    /// The changes in the inflated bytes of a part, whoever may have made them.
    pub fn changes(self, raw: &[u8]) -> Result<Vec<Change>, Refusal> {
        self.read(raw, &mut { u64::MAX })
    }

    /// How many operations there are in the inflated bytes of a part, found out without expanding any.
    pub fn operations(self, raw: &[u8]) -> Result<u64, Refusal> {
        match self {
            Self::Changes => Ok(bounds::changes(raw)?.1),
            Self::Snapshot => bounds::snapshot(raw),
        }
    }

    /// The changes, if they have no more operations than are left.
    fn read(self, raw: &[u8], left: &mut u64) -> Result<Vec<Change>, Refusal> {
        let mut take = |ops| left.checked_sub(ops).map(|rest| *left = rest).ok_or(Refusal::TooManyOps);
        match self {
            Self::Changes => {
                let (chunks, ops) = bounds::changes(raw)?;
                take(ops)?;
                chunks.into_iter().map(|chunk| Change::try_from(chunk).map_err(|_| Refusal::Malformed)).collect()
            }
            Self::Snapshot => {
                take(bounds::snapshot(raw)?)?;
                read_snapshot(raw)
            }
        }
    }
}

/// Why a part, and the entry it came in, is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum Refusal {
    /// The preimage is not that of the item.
    #[error("the item is not what it is said to be")]
    PreimageMismatch,
    /// The facet is another member's.
    #[error("the facet belongs to another member")]
    ForeignFacet,
    /// A change is by a device that is neither the author nor renewed by it.
    #[error("a change is by another device than the entry's author")]
    ForeignActor,
    /// More operations, changes or actors than the limits allow.
    #[error("more operations than the limits allow")]
    TooManyOps,
    /// Compressed in a way that is not allowed.
    #[error("compressed inside")]
    Deflated,
    /// An operation of a kind that this program does not know.
    #[error("an operation of an unknown kind")]
    UnknownOperation,
    /// Not the bytes of changes, or not in their one right form.
    #[error("not well formed")]
    Malformed,
}

/// A part of an entry, after it was inflated.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The document.
    pub doc: DocId,
    /// The form of `raw`.
    pub form: Form,
    /// The changes.
    pub raw: &'a [u8],
    /// The item's preimage, if it came along.
    pub preimage: Option<&'a [u8]>,
    /// The member who wrote the entry.
    pub member: MemberId,
    /// The device that wrote the entry, and those that it renews.
    pub lineage: &'a [DeviceId],
}

/// What a part says, once it is believed.
#[derive(Clone, Debug)]
pub struct Believed {
    /// The item's preimage, if it came along.
    pub preimage: Option<Preimage>,
    /// The changes.
    pub changes: Vec<Change>,
    /// Outlines of the changes, unless there are too many.
    pub outlines: Outlines,
    /// Operations that the document must have before these changes can count on from them. Automerge fails on counters
    /// that nothing bounds, so changes wait for real operations.
    pub before: u64,
}

impl Incoming<'_> {
    /// What the part says, or why it is refused. A duplicate is no reason.
    pub fn check(&self) -> Result<Believed, Refusal> {
        let mut left = limits::ENTRY_OPS as u64;
        Seen::new(&self.doc.item, self.form, self.raw, self.preimage, &mut left).believe(
            &self.doc,
            self.member,
            self.lineage,
        )
    }
}

/// A part that was read, as far as that can be done without knowing who wrote it.
#[derive(Debug)]
pub struct Seen {
    preimage: Result<Option<Preimage>, Refusal>,
    changes: Result<Vec<Change>, Refusal>,
    /// What there is to say of each change, up to one that is refused whoever wrote it.
    looks: Vec<Look>,
}

/// What there is to say of a change whoever wrote it.
#[derive(Debug)]
struct Look {
    /// What is wrong with it before its author is asked for.
    wrong: Option<Refusal>,
    is_fixed: bool,
    is_canonical: bool,
    /// Its outline, unless there are too many operations to keep them all.
    outline: Option<Outline>,
}

impl Seen {
    /// Reads a part for a facet of an item, with so many operations at most; fewer are left after it.
    pub fn new(item: &ItemId, form: Form, raw: &[u8], preimage: Option<&[u8]>, ops: &mut u64) -> Self {
        let preimage = preimage.map(|bytes| read_preimage(item, bytes)).transpose();
        let changes = match raw.len() > limits::INFLATED {
            true => Err(Refusal::TooManyOps),
            false => form.read(raw, ops),
        };
        let mut left = OUTLINED;
        let mut looks = Vec::new();
        for change in changes.iter().flatten() {
            let look = Look::new(change, &mut left);
            let goes_on = look.wrong.is_none() && look.is_canonical;
            looks.push(look);
            if !goes_on {
                break;
            }
        }
        Self { preimage, changes, looks }
    }

    /// What the part says, or why it is refused, if these wrote it.
    pub fn believe(self, doc: &DocId, member: MemberId, lineage: &[DeviceId]) -> Result<Believed, Refusal> {
        let preimage = self.preimage?;
        let checked = !planted::is(Bug::WriterCheckSkipped);
        if matches!(doc.writer, Writer::Only(its) if its != member && checked) {
            return Err(Refusal::ForeignFacet);
        }
        let changes = self.changes?;
        let authors = Authors::new(doc, lineage.iter().copied());
        let mut outlines = Outlines::new();
        for (change, look) in changes.iter().zip(self.looks) {
            look.wrong.map_or(Ok(()), Err)?;
            if !look.is_fixed && !authors.wrote(change.actor_id()) && !planted::is(Bug::AuthorCheckSkipped) {
                return Err(Refusal::ForeignActor);
            }
            if !look.is_canonical {
                return Err(Refusal::Malformed);
            }
            outlines.extend(look.outline.map(|outline| (change.hash(), outline)));
        }
        let before = before(&changes);
        Ok(Believed { preimage, changes, outlines, before })
    }

    /// The item's preimage, if it came along and is the item's.
    pub fn preimage(&self) -> Option<&Preimage> {
        self.preimage.as_ref().ok()?.as_ref()
    }

    /// The document that these changes make where nothing of it is yet, if nothing is wrong with them and they need
    /// nothing else. Who wrote them is still to be asked.
    pub fn document(&mut self, doc: DocId, schema: Schema) -> Option<Document> {
        let changes = self.changes.as_ref().ok()?;
        let is_right = self.looks.iter().all(|look| look.wrong.is_none() && look.is_canonical);
        if !is_right || changes.is_empty() || before(changes) > 0 {
            return None;
        }
        let outline = |(change, look): (&Change, &mut Look)| Some((change.hash(), look.outline.take()?));
        let outlines = changes.iter().zip(&mut self.looks).filter_map(outline).collect();
        let mut document = Document::new(doc, schema);
        document.apply_outlined(changes.clone(), &outlines).ok()?;
        Some(document)
    }

    /// True if there are more operations than were left.
    pub fn is_too_large(&self) -> bool {
        matches!(self.changes, Err(Refusal::TooManyOps))
    }

    /// Operations of all changes.
    pub fn ops(&self) -> usize {
        self.changes.iter().flatten().map(Change::len).sum()
    }
}

/// Operations that must come before these changes. An author counts on from all that it knew, which may be more than a
/// change depends on: what started earlier is counted first, in whatever order it came.
fn before(changes: &[Change]) -> u64 {
    let mut order: Vec<_> = changes.iter().collect();
    order.sort_by_key(|change| change.start_op());
    let (mut before, mut here) = (0, 0);
    for change in order {
        before = before.max((change.start_op().get() - 1).saturating_sub(here));
        here += change.len() as u64;
    }
    before
}

fn read_preimage(item: &ItemId, bytes: &[u8]) -> Result<Preimage, Refusal> {
    if ItemId::of(bytes) != *item {
        return Err(Refusal::PreimageMismatch);
    }
    Preimage::decode(bytes).map_err(|_| Refusal::Malformed)
}

/// The changes in a document chunk that is within bounds. Automerge checks that they hash to the heads which the chunk names; on bytes that are
/// within bounds and still make no sense it may panic, which refuses them too.
fn read_snapshot(raw: &[u8]) -> Result<Vec<Change>, Refusal> {
    let load = || Automerge::load(raw).map(|doc| doc.get_changes(&[]));
    match catch_unwind(AssertUnwindSafe(load)) {
        Ok(Ok(changes)) => Ok(changes),
        Ok(Err(_)) | Err(_) => Err(Refusal::Malformed),
    }
}

impl Look {
    fn new(change: &Change, left: &mut usize) -> Self {
        let mut look = Self { wrong: None, is_fixed: false, is_canonical: false, outline: None };
        let (start, ops) = (change.start_op().get(), change.len() as u64);
        if ops == 0 || change.seq() == 0 || !change.extra_bytes().is_empty() {
            return Self { wrong: Some(Refusal::Malformed), ..look };
        }
        if ops > limits::CHANGE_OPS as u64 || start.saturating_add(ops) > limits::DOCUMENT_OPS as u64 {
            return Self { wrong: Some(Refusal::TooManyOps), ..look };
        }
        if let Some(outline) = bounds::plain::outline(change) {
            look.is_canonical = true;
            if let Some(rest) = left.checked_sub(change.len()) {
                *left = rest;
                look.outline = Some(outline);
            }
            return look;
        }
        let expanded = change.decode();
        if !expanded.operations.iter().all(is_known) {
            return Self { wrong: Some(Refusal::UnknownOperation), ..look };
        }
        look.is_fixed = fixed::is_fixed_expanded(&expanded);
        if let Some(rest) = left.checked_sub(change.len()) {
            *left = rest;
            look.outline = Some(Outline::of(&expanded));
        }
        // Automerge rebuilds a change's bytes from its operations when it saves: they have to be these bytes.
        look.is_canonical = is_canonical(change, expanded);
        look
    }
}

/// The operations of this format: objects are made, values put, list elements and characters inserted, all deleted.
/// Counters, marks, tables and types of values from later versions of Automerge are not among them.
fn is_known(op: &automerge::legacy::Op) -> bool {
    let action = match &op.action {
        OpType::Make(shape) => *shape != ObjType::Table,
        OpType::Put(value) => !matches!(value, ScalarValue::Counter(_) | ScalarValue::Unknown { .. }),
        OpType::Delete => !op.insert && !op.pred.is_empty(),
        OpType::Increment(_) | OpType::MarkBegin(_) | OpType::MarkEnd(_) => false,
    };
    action && !(op.insert && (matches!(op.key, Key::Map(_)) || !op.pred.is_empty()))
}

fn is_canonical(change: &Change, expanded: ExpandedChange) -> bool {
    Change::from(expanded).raw_bytes() == change.raw_bytes()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// True if a change is right, not fixed, and written as Automerge writes it: found out by expanding it.
    pub(in crate::document) fn is_right(change: &Change) -> bool {
        let expanded = change.decode();
        let is_fixed = fixed::is_fixed_expanded(&expanded);
        expanded.operations.iter().all(is_known) && !is_fixed && is_canonical(change, expanded)
    }
}

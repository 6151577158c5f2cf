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

use super::{Authors, DocId, Outline, Preimage, Writer, bounds, counting::Outlines, fixed};

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
        match self {
            Self::Changes => read_changes(raw),
            Self::Snapshot => read_snapshot(raw),
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
    /// Outlines of the changes.
    pub outlines: Outlines,
    /// Operations that the document must have before these changes can count on from them. Automerge fails on counters
    /// that nothing bounds, so changes wait for real operations.
    pub before: u64,
}

impl Incoming<'_> {
    /// What the part says, or why it is refused. A duplicate is no reason.
    pub fn check(&self) -> Result<Believed, Refusal> {
        let preimage = self.preimage.map(|bytes| read_preimage(&self.doc.item, bytes)).transpose()?;
        let checked = !planted::is(Bug::WriterCheckSkipped);
        if matches!(self.doc.writer, Writer::Only(member) if member != self.member && checked) {
            return Err(Refusal::ForeignFacet);
        }
        if self.raw.len() > limits::INFLATED {
            return Err(Refusal::TooManyOps);
        }
        let changes = self.form.changes(self.raw)?;
        let authors = Authors::new(&self.doc, self.lineage.iter().copied());
        let check = |change: &Change| Ok((change.hash(), check_change(change, &authors)?));
        let outlines = changes.iter().map(check).collect::<Result<_, _>>()?;
        let before = before(&changes);
        Ok(Believed { preimage, changes, outlines, before })
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

fn read_changes(raw: &[u8]) -> Result<Vec<Change>, Refusal> {
    let chunks = bounds::changes(raw)?;
    chunks.into_iter().map(|chunk| Change::try_from(chunk).map_err(|_| Refusal::Malformed)).collect()
}

/// The changes in a document chunk. Automerge checks that they hash to the heads which the chunk names; on bytes that are
/// within bounds and still make no sense it may panic, which refuses them too.
fn read_snapshot(raw: &[u8]) -> Result<Vec<Change>, Refusal> {
    bounds::snapshot(raw)?;
    let load = || Automerge::load(raw).map(|doc| doc.get_changes(&[]));
    match catch_unwind(AssertUnwindSafe(load)) {
        Ok(Ok(changes)) => Ok(changes),
        Ok(Err(_)) | Err(_) => Err(Refusal::Malformed),
    }
}

fn check_change(change: &Change, authors: &Authors) -> Result<Outline, Refusal> {
    let (start, ops) = (change.start_op().get(), change.len() as u64);
    if ops == 0 || change.seq() == 0 || !change.extra_bytes().is_empty() {
        return Err(Refusal::Malformed);
    }
    if ops > limits::CHANGE_OPS as u64 || start.saturating_add(ops) > limits::DOCUMENT_OPS as u64 {
        return Err(Refusal::TooManyOps);
    }
    let expanded = change.decode();
    if !expanded.operations.iter().all(is_known) {
        return Err(Refusal::UnknownOperation);
    }
    let foreign = !authors.wrote(change.actor_id()) && !planted::is(Bug::AuthorCheckSkipped);
    if foreign && !fixed::is_fixed_expanded(&expanded) {
        return Err(Refusal::ForeignActor);
    }
    // Automerge rebuilds a change's bytes from its operations when it saves: they have to be these bytes.
    let outline = Outline::of(&expanded);
    if is_canonical(change, expanded) { Ok(outline) } else { Err(Refusal::Malformed) }
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

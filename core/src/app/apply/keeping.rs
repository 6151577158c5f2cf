//! What waits here to be sealed, when something that it depends on is set aside by a cut.
//!
//! Somebody typed on what was there. So this device keeps those entries: they count here at once, and for everybody once
//! the next sealed entry names them as kept. What cannot be kept either (its author's key belongs to nobody any more)
//! leaves the changes in the queue, shown, and never sealed: no reader could apply them.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId},
    limits,
};
use serde_json::json;

use super::{Settling, counting::Recount, parts};
use crate::{
    app::AppError,
    document::{Change, ChangeHash, DocId, Writer},
    store::Kept,
};

impl Settling<'_, '_> {
    /// Puts the waiting changes back into documents that were derived anew. True if some of them depend on what does
    /// not count, and that has become kept: everything has to be derived once more.
    pub(super) fn requeue(&mut self) -> Result<bool, AppError> {
        let space = self.space.id();
        let mut waiting: BTreeMap<DocId, Vec<Change>> = BTreeMap::new();
        for change in self.tx.waiting(&space)? {
            let doc = DocId { item: change.item, writer: Writer::from(change.writer) };
            if let Ok(change) = Change::try_from(change.bytes.as_slice()) {
                waiting.entry(doc).or_default().push(change);
            }
        }
        let mut lacking: BTreeMap<DocId, BTreeSet<ChangeHash>> = BTreeMap::new();
        for (doc, changes) in waiting {
            let Some(preimage) = self.preimage(&doc.item)? else { continue };
            let document = self.documents.open(self.tx, &space, &preimage, doc)?;
            let missing = document.missing(&changes);
            // What depends on nothing that is missing goes on.
            let is_whole = changes.into_iter().all(|change| {
                let follows = change.deps().iter().all(|hash| document.knows(hash));
                !follows || document.apply(vec![change]).is_ok()
            });
            if is_whole {
                self.documents.record(self.tx, &space, doc, &[], true, None)?;
            } else {
                // It is of no use any more, and read again as it was; what waits stays in the queue.
                self.documents.forget_one(&space, doc);
            }
            self.changed.insert(doc.item);
            self.space.waiting.changed(&doc.item);
            if !missing.is_empty() {
                lacking.insert(doc, missing.into_iter().collect());
            }
        }
        if lacking.is_empty() {
            return Ok(false);
        }
        let before = self.space.kept.clone();
        for id in self.carriers(&lacking)? {
            if self.space.kept.insert(id) {
                self.tx.set_kept(&space, &id, Kept::ForWaiting)?;
            }
        }
        if self.space.kept != before && !matches!(self.space.recount(), Recount::Same) {
            return Ok(true);
        }
        for doc in lacking.keys() {
            let about = json!({ "item": doc.item.to_string() });
            self.tx.note_security(self.now, &space, "waiting-change-set-aside", &about)?;
        }
        Ok(false)
    }

    /// Forgets what is kept for what waits here once nothing does any more. What the person wants stays kept until it is
    /// said.
    pub(super) fn forget_kept(&mut self) -> Result<(), AppError> {
        if !self.space.kept.is_empty() && self.tx.count_waiting(&self.space.id())? == 0 {
            let kept = &self.space.kept - &self.space.wanted;
            self.space.release_kept(self.tx, kept)?;
        }
        Ok(())
    }

    /// Tells how much was set aside since `before` of what devices wrote that were cut off.
    pub(super) fn note_late(&mut self, before: &[BTreeSet<EntryId>; 2]) -> Result<(), AppError> {
        let late: BTreeSet<_> = self.space.aside.iter().flatten().copied().collect();
        let mut counts: BTreeMap<DeviceId, u64> = BTreeMap::new();
        for id in late.into_iter().filter(|id| !before.iter().any(|aside| aside.contains(id))) {
            let Some(device) = self.space.log.chains().meta(&id).map(|meta| meta.head.device) else { continue };
            let is_cut = self.space.log.fold().device(&device).is_some_and(|it| it.cut);
            // That something was received is nothing to tell.
            if is_cut && !self.open(&id)?.is_ok_and(|content| content.parts.is_empty()) {
                *counts.entry(device).or_default() += 1;
            }
        }
        for (device, entries) in counts {
            let about = json!({ "device": device.to_string(), "entries": entries });
            self.tx.note_security(self.now, &self.space.id(), "wrote-after-cut", &about)?;
        }
        Ok(())
    }

    /// Entries set aside that carry these changes.
    fn carriers(&mut self, lacking: &BTreeMap<DocId, BTreeSet<ChangeHash>>) -> Result<Vec<EntryId>, AppError> {
        let aside: BTreeSet<_> = self.space.aside.iter().flatten().copied().collect();
        let mut carriers = Vec::new();
        for id in aside {
            let Ok(content) = self.open(&id)? else { continue };
            let mut budget = limits::INFLATED;
            let carries = content.parts.iter().any(|part| {
                let doc = DocId { item: part.item, writer: Writer::from(part.writer) };
                let Some(hashes) = lacking.get(&doc) else { return false };
                let raw = part.unpack(&mut budget).unwrap_or_default();
                let changes = parts::form(part.form).changes(&raw).unwrap_or_default();
                changes.iter().any(|change| hashes.contains(&change.hash()))
            });
            if carries {
                carriers.push(id);
            }
        }
        Ok(carriers)
    }
}

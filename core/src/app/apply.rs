//! From stored entries to documents: what counts is opened, checked, and applied whole, once its past is.
//!
//! A verdict on an entry depends on its bytes and its past alone, so every replica comes to the same. What cannot be
//! judged yet waits; what is wrong is quarantined by id with a reason and blocks nothing that does not depend on it.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, ItemId, MemberId},
    limits,
    log::{
        chain::State,
        entry::Header,
        heads::{Chain, Head},
        membership::{ContentNode, Facet},
    },
};
use serde_json::json;

use super::{AppError, documents::Documents, intent::write_row, receive::Bodies, space::Space};
use crate::{
    document::{ApplyError, Change, DocId, Incoming, Preimage, Refusal, Writer},
    keys::{Content, Part, content, seal},
    store::Tx,
};

/// Why an entry waits or is not applied.
enum Verdict {
    /// It is in the documents.
    Applied,
    /// It does not count.
    SetAside,
    /// Something is missing that may still come.
    Waits,
    /// It is wrong in itself.
    Quarantined(&'static str),
}

/// One pass over what is stored.
pub(super) struct Settling<'a, 'b> {
    tx: &'a Tx<'b>,
    space: &'a mut Space,
    documents: &'a mut Documents,
    bodies: Bodies,
    opened: BTreeMap<EntryId, Content>,
    touched: BTreeSet<ItemId>,
    now: i64,
}

/// Looks at every content entry that waits; returns the items that changed.
pub(super) fn settle(
    tx: &Tx<'_>,
    space: &mut Space,
    documents: &mut Documents,
    bodies: Bodies,
    control_changed: bool,
    now: i64,
) -> Result<BTreeSet<ItemId>, AppError> {
    let mut settling =
        Settling { tx, space, documents, bodies, opened: BTreeMap::new(), touched: BTreeSet::new(), now };
    if control_changed && settling.space.recount() {
        settling.rebuild()?;
    }
    settling.run()?;
    // Content that arrived may speak for content beyond a cut.
    let has_cuts = settling.space.log.fold().devices().any(|(_, it)| it.cut);
    while has_cuts && settling.space.recount() {
        settling.rebuild()?;
    }
    let Settling { tx, space, documents, touched, .. } = settling;
    for item in &touched {
        write_row(tx, space, documents, item)?;
    }
    Ok(touched)
}

impl Settling<'_, '_> {
    fn run(&mut self) -> Result<(), AppError> {
        loop {
            let waiting = std::mem::take(&mut self.space.waiting);
            let before = waiting.len();
            for id in waiting {
                if !self.step(&id)? {
                    self.space.waiting.push(id);
                }
            }
            if self.space.waiting.len() == before {
                return Ok(());
            }
        }
    }

    /// Judges one entry; true if it waits no longer.
    fn step(&mut self, id: &EntryId) -> Result<bool, AppError> {
        let (state, reason) = match self.judge(id)? {
            Verdict::Waits => return Ok(false),
            Verdict::Applied => (State::Applied, None),
            Verdict::SetAside => (State::SetAside, None),
            Verdict::Quarantined(reason) => (State::Quarantined, Some(reason)),
        };
        self.space.log.set_state(id, state);
        self.tx.set_entry_state(&self.space.id(), id, state, reason)?;
        self.opened.remove(id);
        self.bodies.remove(id);
        if let Some(reason) = reason {
            let about = json!({ "entry": id.to_string(), "device": self.author(id).map(|it| it.to_string()), "reason": reason });
            self.tx.note_security(self.now, &self.space.id(), "entry-refused", &about)?;
        }
        Ok(true)
    }

    fn judge(&mut self, id: &EntryId) -> Result<Verdict, AppError> {
        if self.space.log.after_of(id).is_some() && !self.space.log.is_ready(id) {
            return Ok(Verdict::Waits);
        }
        if !self.opened.contains_key(id) {
            match self.open(id)? {
                Ok(content) => {
                    if self.space.log.after_of(id).is_none() {
                        self.tx.set_entry_after(&self.space.id(), id, &content.after)?;
                        self.space.log.learn_after(*id, content.after.clone());
                    }
                    self.opened.insert(*id, content);
                }
                Err(verdict) => return Ok(verdict),
            }
        }
        if !self.space.log.is_ready(id) {
            return Ok(Verdict::Waits);
        }
        let (shared, own) = self.space.counts(id);
        if !shared && !own {
            return Ok(Verdict::SetAside);
        }
        self.apply(id, shared, own)
    }

    /// Opens an entry, or says why not.
    fn open(&mut self, id: &EntryId) -> Result<Result<Content, Verdict>, AppError> {
        let Some(stored) = self.tx.entry(&self.space.id(), id)? else { return Ok(Err(Verdict::Waits)) };
        let body = self.bodies.get(id).map_or(stored.entry.body.as_slice(), Vec::as_slice);
        let Ok(header) = Header::decode(&stored.entry.header) else {
            return Ok(Err(Verdict::Quarantined("header")));
        };
        Ok(match seal::open(&self.space.keyring, &stored.device, &header.place(), body) {
            Ok(opened) => Content::decode(&opened.plaintext).map_err(|_| Verdict::Quarantined("malformed")),
            Err(seal::Error::UnknownEpoch(_)) => Err(Verdict::Waits),
            Err(_) => Err(Verdict::Quarantined("does-not-open")),
        })
    }

    /// Checks all parts of an entry, then applies them; nothing is applied unless all of them can be.
    fn apply(&mut self, id: &EntryId, shared: bool, own: bool) -> Result<Verdict, AppError> {
        let Some(author) = self.author(id) else { return Ok(Verdict::Waits) };
        // As of the entry's own past: what is added later must not change the verdict.
        let Some(view) = self.space.contents.view(self.space.log.dag(), id) else { return Ok(Verdict::Waits) };
        let Some(member) = view.device(&author).map(|it| it.member) else { return Ok(Verdict::Waits) };
        let mut lineage: Vec<_> = view.lineage(&author).into_iter().collect();
        lineage.push(author);
        let content = self.opened.get(id).cloned().unwrap_or_default();
        let came: BTreeMap<_, _> =
            content.parts.iter().filter_map(|part| Some((part.item, part.preimage.as_deref()?))).collect();
        let mut budget = limits::INFLATED;
        let mut checked = Vec::new();
        for part in &content.parts {
            let preimage = self.preimage(&part.item, came.get(&part.item).copied())?;
            match self.check(part, preimage, &mut budget, member, &lineage)? {
                Ok(part) => checked.push(part),
                Err(verdict) => return Ok(verdict),
            }
        }
        checked.retain(|part: &Checked| if part.doc.writer == Writer::Everyone { shared } else { own });
        self.write(&author, &lineage, checked)
    }

    fn check(
        &mut self,
        part: &Part,
        known: Option<Preimage>,
        budget: &mut usize,
        member: MemberId,
        lineage: &[DeviceId],
    ) -> Result<Result<Checked, Verdict>, AppError> {
        let doc = DocId { item: part.item, writer: Writer::from(part.writer) };
        let raw = match part.unpack(budget) {
            Ok(raw) => raw,
            Err(_) => return Ok(Err(Verdict::Quarantined("inflates-wrongly"))),
        };
        let known_ops = match &known {
            Some(preimage) => {
                let here = self.documents.open(self.tx, &self.space.row.space, preimage, doc)?.ops();
                here.saturating_sub(self.unsealed_ops(&doc)?)
            }
            None => 0,
        };
        let preimage = part.preimage.as_deref();
        let incoming = Incoming { doc, form: form(part.form), raw: &raw, preimage, member, lineage, known_ops };
        Ok(match (incoming.check(), known) {
            (Ok((_, changes)), Some(preimage)) => Ok(Checked { doc, preimage, changes, fresh: part.preimage.clone() }),
            // Operations that are counted and not here may still come: see docs/adr/0005.
            (Ok(_), None) | (Err(Refusal::StartOp), _) => Err(Verdict::Waits),
            (Err(refusal), _) => Err(Verdict::Quarantined(reason(refusal))),
        })
    }

    fn write(&mut self, author: &DeviceId, lineage: &[DeviceId], parts: Vec<Checked>) -> Result<Verdict, AppError> {
        let space = self.space.id();
        for part in &parts {
            let document = self.documents.open(self.tx, &space, &part.preimage, part.doc)?;
            if !document.missing(&part.changes).is_empty() {
                return Ok(Verdict::Waits);
            }
        }
        let own = lineage.contains(&self.space.device()) || *author == self.space.device();
        for part in parts {
            if let Some(preimage) = &part.fresh {
                self.tx.insert_item(&space, &part.doc.item, preimage, true)?;
            }
            if own {
                for change in &part.changes {
                    self.tx.unqueue(&space, &part.doc.item, part.doc.writer.member().as_ref(), &change.hash().0)?;
                }
            }
            let document = self.documents.open(self.tx, &space, &part.preimage, part.doc)?;
            let applied = match document.apply(part.changes) {
                Ok(applied) => applied,
                Err(ApplyError::MissingDependency { .. }) => return Ok(Verdict::Waits),
                Err(ApplyError::Automerge(_)) => return Ok(Verdict::Quarantined("cannot-be-applied")),
            };
            self.documents.record(self.tx, &space, part.doc, &applied.counted, applied.whole, None)?;
            self.touched.insert(part.doc.item);
        }
        Ok(Verdict::Applied)
    }

    /// Operations of a facet that wait here to be sealed: nobody else can have known them.
    fn unsealed_ops(&self, doc: &DocId) -> Result<u64, AppError> {
        let waiting = self.tx.waiting_in(&self.space.row.space, &doc.item, doc.writer.member().as_ref())?;
        let ops = |bytes: &Vec<u8>| Change::try_from(bytes.as_slice()).map_or(0, |change| change.len() as u64);
        Ok(waiting.iter().map(ops).sum())
    }

    /// What an item's id is the hash of: as it came along, or as known here.
    fn preimage(&self, item: &ItemId, came: Option<&[u8]>) -> Result<Option<Preimage>, AppError> {
        let known = match self.tx.preimage(&self.space.id(), item)? {
            Some(known) => Some(known),
            None => came.filter(|came| ItemId::of(came) == *item).map(<[u8]>::to_vec),
        };
        Ok(known.and_then(|known| Preimage::decode(&known).ok()))
    }

    /// Which entries count has changed: all documents are derived anew from the log, then from what waits here.
    fn rebuild(&mut self) -> Result<(), AppError> {
        let space = self.space.id();
        self.tx.clear_documents(&space)?;
        self.documents.forget(&space);
        let chains = self.space.log.chains();
        let all: Vec<_> = chains.arrivals(Chain::Content).iter().map(|index| chains.at(*index)).collect();
        let again: Vec<EntryId> =
            all.iter().filter(|meta| meta.state != State::Quarantined).map(|meta| meta.head.id).collect();
        again.iter().for_each(|id| self.space.log.set_state(id, State::Stored));
        self.space.waiting = again;
        self.run()?;
        let mut waiting: BTreeMap<DocId, Vec<Change>> = BTreeMap::new();
        for change in self.tx.waiting(&space)? {
            let doc = DocId { item: change.item, writer: Writer::from(change.writer) };
            if let Ok(change) = Change::try_from(change.bytes.as_slice()) {
                waiting.entry(doc).or_default().push(change);
            }
        }
        for (doc, changes) in waiting {
            let Some(preimage) = self.preimage(&doc.item, None)? else { continue };
            let document = self.documents.open(self.tx, &space, &preimage, doc)?;
            if document.apply(changes).is_ok() {
                self.documents.record(self.tx, &space, doc, &[], true, None)?;
                self.touched.insert(doc.item);
            } else {
                let about = json!({ "item": doc.item.to_string() });
                self.tx.note_security(self.now, &space, "waiting-change-set-aside", &about)?;
            }
        }
        Ok(())
    }

    fn author(&self, id: &EntryId) -> Option<DeviceId> {
        self.space.log.chains().meta(id).map(|meta| meta.head.device)
    }
}

/// A part whose changes may be applied.
struct Checked {
    doc: DocId,
    preimage: Preimage,
    changes: Vec<Change>,
    fresh: Option<Vec<u8>>,
}

impl Space {
    /// Whether an entry counts for shared facets and for own ones. Its past is processed.
    fn counts(&mut self, id: &EntryId) -> (bool, bool) {
        let Some(node) = self.node(id) else { return (false, false) };
        self.contents.insert(self.log.dag(), &node);
        let counting = self.contents.counting(self.log.dag());
        let counts = [Facet::Shared, Facet::Own].map(|facet| counting.counts(id, facet));
        for (aside, counts) in self.aside.iter_mut().zip(counts) {
            if !counts {
                aside.insert(*id);
            }
        }
        counts.into()
    }

    /// What a content entry says came before it, as far as it is known.
    pub(super) fn node(&self, id: &EntryId) -> Option<ContentNode> {
        let meta = self.log.chains().meta(id)?;
        let Head { device, .. } = meta.head;
        Some(ContentNode { id: *id, device, prev: meta.prev, after: self.log.after_of(id)?.clone() })
    }

    /// Brings up to date which processed entries do not count; true if that changed.
    pub(super) fn recount(&mut self) -> bool {
        let counting = self.contents.counting(self.log.dag());
        let aside = [Facet::Shared, Facet::Own].map(|facet| counting.set_aside(facet).collect::<BTreeSet<_>>());
        let changed = aside.iter().zip(&self.aside).any(|(new, old)| new != old);
        self.aside = aside;
        changed
    }
}

fn form(form: content::Form) -> crate::document::Form {
    match form {
        content::Form::Changes => crate::document::Form::Changes,
        content::Form::Snapshot => crate::document::Form::Snapshot,
    }
}

fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::PreimageMismatch => "item-is-not-what-it-is-said-to-be",
        Refusal::ForeignFacet => "facet-of-another-member",
        Refusal::ForeignActor => "change-by-another-device",
        Refusal::StartOp => "starts-beyond-what-is-known",
        Refusal::TooManyOps => "too-many-operations",
        Refusal::Deflated => "compressed-inside",
        Refusal::UnknownOperation => "unknown-operation",
        Refusal::Malformed => "malformed",
    }
}

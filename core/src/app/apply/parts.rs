//! The parts of an entry: believed by their bytes, then applied to their documents, all of them or none.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{EntryId, ItemId},
    limits,
};

use super::{Author, For, Lack, Need, Settling, Verdict};
use crate::{
    app::AppError,
    document::{ApplyError, Change, ChangeHash, DocId, Document, Form, Outlines, Preimage, Refusal, Seen, Writer},
    domain,
    keys::{Content, content},
};

/// A part that was read, or what is wrong with it whoever wrote it.
pub(super) struct Glance {
    seen: Result<Seen, &'static str>,
    /// The document that it makes where nothing of it is yet, and its bytes, if that was found out ahead.
    fresh: Option<Fresh>,
}

/// A document that one part makes, as it lies in the file.
pub(super) type Fresh = (Document, Vec<u8>);

/// A part that is well formed and its author's to write.
pub(super) struct Believed {
    doc: DocId,
    /// What the item's id is the hash of, if it came along, and its bytes.
    preimage: Option<(Preimage, Vec<u8>)>,
    changes: Vec<Change>,
    outlines: Outlines,
    /// Operations that come before these changes.
    before: u64,
    fresh: Option<Fresh>,
}

/// Reads the parts of an entry, up to one that is wrong in itself.
pub(super) fn look(content: &Content) -> Vec<Glance> {
    look_within(content, limits::ENTRY_OPS as u64)
}

fn look_within(content: &Content, mut ops: u64) -> Vec<Glance> {
    let mut budget = limits::INFLATED;
    let mut glances = Vec::new();
    for part in &content.parts {
        let raw = part.unpack(&mut budget).map_err(|_| "inflates-wrongly");
        let seen = raw.map(|raw| Seen::new(&part.item, form(part.form), &raw, part.preimage.as_deref(), &mut ops));
        let goes_on = seen.is_ok();
        glances.push(Glance { seen, fresh: None });
        if !goes_on {
            break;
        }
    }
    glances
}

/// Reads the parts of an entry, and makes the documents that those make whose items it introduces; nothing if they have
/// more operations than that.
pub(super) fn look_ahead(content: &Content, most: u64) -> Option<Vec<Glance>> {
    let mut glances = look_within(content, most);
    if glances.iter().any(|glance| glance.seen.as_ref().is_ok_and(Seen::is_too_large)) {
        return None;
    }
    let preimages = glances.iter().zip(&content.parts).filter_map(|(glance, part)| {
        let preimage = glance.seen.as_ref().ok()?.preimage()?;
        Some((part.item, preimage.clone()))
    });
    let preimages: BTreeMap<_, _> = preimages.collect();
    for (glance, part) in glances.iter_mut().zip(&content.parts) {
        let (Some(preimage), Ok(seen)) = (preimages.get(&part.item), &mut glance.seen) else { continue };
        let doc = DocId { item: part.item, writer: Writer::from(part.writer) };
        let document = seen.document(doc, domain::schema(preimage, doc.writer));
        glance.fresh = document.map(|document| {
            let saved = document.save();
            (document, saved)
        });
    }
    Some(glances)
}

/// Operations of all parts.
pub(super) fn ops(glances: &[Glance]) -> usize {
    glances.iter().filter_map(|glance| glance.seen.as_ref().ok()).map(Seen::ops).sum()
}

/// Checks all parts of an entry by their bytes and their author, or says what is wrong with one.
pub(super) fn believe(content: &Content, glances: Vec<Glance>, author: &Author) -> Result<Vec<Believed>, &'static str> {
    let mut believed = Vec::new();
    for (part, Glance { seen, fresh }) in content.parts.iter().zip(glances) {
        let doc = DocId { item: part.item, writer: Writer::from(part.writer) };
        let checked = seen?.believe(&doc, author.member, &author.lineage).map_err(reason)?;
        let preimage = checked.preimage.zip(part.preimage.clone());
        let (changes, outlines, before) = (checked.changes, checked.outlines, checked.before);
        believed.push(Believed { doc, preimage, changes, outlines, before, fresh });
    }
    Ok(believed)
}

/// The parts of facets for which an entry counts, and the others.
pub(super) fn split(parts: Vec<Believed>, shared: bool, own: bool) -> (Vec<Believed>, Vec<Believed>) {
    parts.into_iter().partition(|part| if part.doc.writer == Writer::Everyone { shared } else { own })
}

/// The form of a part, as documents know it.
pub(super) fn form(form: content::Form) -> Form {
    match form {
        content::Form::Changes => Form::Changes,
        content::Form::Snapshot => Form::Snapshot,
    }
}

impl Settling<'_, '_> {
    /// Keeps the preimages that came with parts which do not count: they are what their items' ids say, whoever wrote
    /// them, and what does count may be in the same items.
    pub(super) fn learn(&mut self, left_out: &[Believed]) -> Result<(), AppError> {
        let space = self.space.id();
        for (part, (_, bytes)) in left_out.iter().filter_map(|part| Some((part, part.preimage.as_ref()?))) {
            self.tx.insert_item(&space, &part.doc.item, bytes, false)?;
            self.space.waiting.came(&Lack::Preimage(part.doc.item));
        }
        Ok(())
    }

    /// Applies the parts that count; nothing is applied unless all of them can be.
    pub(super) fn apply(&mut self, id: &EntryId, mut parts: Vec<Believed>) -> Result<Verdict, AppError> {
        let came: BTreeMap<ItemId, (Preimage, Vec<u8>)> =
            parts.iter_mut().filter_map(|part| Some((part.doc.item, part.preimage.take()?))).collect();
        let mut preimages = Vec::new();
        for part in &mut parts {
            let here = came.get(&part.doc.item).map(|(preimage, _)| preimage.clone());
            let Some(preimage) = here.map_or_else(|| self.preimage(&part.doc.item), |here| Ok(Some(here)))? else {
                return Ok(Verdict::Waits(For::Document(part.doc, Need::Preimage)));
            };
            if part.fresh.is_some() && self.documents.is_new(self.tx, &self.space.row.space, part.doc)? {
                preimages.push(preimage);
                continue;
            }
            part.fresh = None;
            let document = self.documents.open(self.tx, &self.space.row.space, &preimage, part.doc)?;
            let missing = document.missing(&part.changes);
            if !missing.is_empty() {
                return Ok(Verdict::Waits(For::Document(part.doc, Need::Changes(missing))));
            }
            if self.operations(&part.doc, &preimage)? < part.before {
                return Ok(Verdict::Waits(For::Document(part.doc, Need::Operations(part.before))));
            }
            preimages.push(preimage);
        }
        let alone = self.space.counts_alone(id);
        let hashes = |part: &Believed| part.changes.iter().map(Change::hash).collect::<Vec<_>>();
        let docs: Vec<_> = parts.iter().map(|part| (part.doc, hashes(part))).collect();
        let tx = self.tx;
        // What was made ahead is only written down.
        let may_fail = parts.iter().any(|part| part.fresh.is_none());
        let write = || {
            for (part, preimage) in parts.into_iter().zip(preimages) {
                let came = came.get(&part.doc.item).map(|(_, bytes)| bytes.as_slice());
                if !self.write(part, &preimage, came, alone)? {
                    return Ok(false);
                }
            }
            Ok::<_, AppError>(true)
        };
        let whole = if may_fail { tx.all_or_nothing(write) } else { write() }?;
        if !whole {
            docs.iter().for_each(|(doc, _)| self.documents.forget_one(&self.space.row.space, *doc));
            return Ok(Verdict::Quarantined("cannot-be-applied"));
        }
        for (doc, hashes) in docs {
            self.changed.insert(doc.item);
            self.came(&doc, &hashes)?;
        }
        Ok(Verdict::Applied)
    }

    /// Tells those that wait for it what came into a document.
    fn came(&mut self, doc: &DocId, hashes: &[ChangeHash]) -> Result<(), AppError> {
        let waiting = &mut self.space.waiting;
        waiting.came(&Lack::Preimage(doc.item));
        hashes.iter().for_each(|hash| waiting.came(&Lack::Change(*doc, *hash)));
        if waiting.awaits_operations(doc)
            && let Some(preimage) = self.preimage(&doc.item)?
        {
            let count = self.operations(doc, &preimage)?;
            self.space.waiting.have_operations(doc, count);
        }
        Ok(())
    }

    /// Writes one part; false if Automerge does not take what should be right.
    fn write(
        &mut self,
        part: Believed,
        preimage: &Preimage,
        came: Option<&[u8]>,
        alone: bool,
    ) -> Result<bool, AppError> {
        let (space, doc) = (self.space.id(), part.doc);
        if let Some(came) = came {
            self.tx.insert_item(&space, &doc.item, came, true)?;
        }
        let writer = doc.writer.member();
        if alone && self.something_waits && !self.tx.waiting_in(&space, &doc.item, writer.as_ref())?.is_empty() {
            for change in &part.changes {
                self.tx.unqueue(&space, &doc.item, writer.as_ref(), &change.hash().0)?;
            }
        }
        if let Some((document, saved)) = part.fresh {
            self.documents.put(self.tx, &space, document, &saved)?;
            return Ok(true);
        }
        let mine = self.mine(&doc)?;
        let document = self.documents.open(self.tx, &space, preimage, doc)?;
        let is_own = part.changes.iter().all(|change| mine.wrote(change.actor_id()));
        if !is_own {
            let met = document.meets(&part.changes, &mine);
            self.met.extend(met.into_iter().map(|field| (doc.item, field)));
        }
        match document.apply_outlined(part.changes, &part.outlines) {
            Ok(applied) => {
                self.documents.record(self.tx, &space, doc, &applied.counted, applied.whole, None)?;
                Ok(true)
            }
            Err(ApplyError::MissingDependency { .. } | ApplyError::Automerge(_)) => Ok(false),
        }
    }

    /// True if a document has what an entry waits for.
    pub(super) fn has(&mut self, doc: DocId, need: &Need) -> Result<bool, AppError> {
        let Some(preimage) = self.preimage(&doc.item)? else { return Ok(false) };
        Ok(match need {
            Need::Preimage => true,
            Need::Operations(before) => self.operations(&doc, &preimage)? >= *before,
            Need::Changes(hashes) => {
                let document = self.documents.open(self.tx, &self.space.row.space, &preimage, doc)?;
                hashes.iter().all(|hash| document.knows(hash))
            }
        })
    }

    /// Operations of a facet that others can know of: not those that wait here to be sealed.
    fn operations(&mut self, doc: &DocId, preimage: &Preimage) -> Result<u64, AppError> {
        let waiting = match self.something_waits {
            true => self.tx.waiting_in(&self.space.row.space, &doc.item, doc.writer.member().as_ref())?,
            false => Vec::new(),
        };
        let document = self.documents.open(self.tx, &self.space.row.space, preimage, *doc)?;
        let waiting = waiting.iter().filter_map(|bytes| Change::try_from(bytes.as_slice()).ok());
        // While a document is derived anew they are not in it.
        let unsealed: u64 =
            waiting.filter(|change| document.knows(&change.hash())).map(|change| change.len() as u64).sum();
        Ok(document.ops().saturating_sub(unsealed))
    }

    /// What an item's id is the hash of, if it is known here.
    pub(super) fn preimage(&self, item: &ItemId) -> Result<Option<Preimage>, AppError> {
        let known = self.tx.preimage(&self.space.id(), item)?;
        Ok(known.and_then(|known| Preimage::decode(&known).ok()))
    }
}

fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::PreimageMismatch => "item-is-not-what-it-is-said-to-be",
        Refusal::ForeignFacet => "facet-of-another-member",
        Refusal::ForeignActor => "change-by-another-device",
        Refusal::TooManyOps => "too-many-operations",
        Refusal::Deflated => "compressed-inside",
        Refusal::UnknownOperation => "unknown-operation",
        Refusal::Malformed => "malformed",
    }
}

//! Facets in memory: read from the file when they are touched, kept while a process works on them.
//!
//! The file is the truth: a kept facet is brought to the version that the file has before it is used, and whoever fails
//! to commit throws all of them away.

use std::collections::BTreeMap;

use alliance_replica::id::{ItemId, MemberId, SpaceId};

use super::AppError;
use crate::{
    document::{Change, DocId, Document, KindName, Preimage, Schema, Writer},
    domain::{self, Facets},
    store::{Newer, StoreError, Tx},
};

/// Facets kept in memory, however much was written in them.
const KEPT: usize = 48;
/// Facets kept in memory if little was written in them: a first sync brings many small ones.
const SMALL: usize = 160;
/// Operations of all that are kept up to which little was written.
const LITTLE: u64 = 64 * 1024;
/// Operations from which on as few are kept as an item may have.
const MUCH: u64 = 4 * 1024 * 1024;
/// Facets that an item may have, and one more.
const FEW: usize = 4;
/// Schemas kept, of which each kind has a few.
const SCHEMAS: usize = 64;
/// Changes after which a facet is saved as a whole again.
const LOOSE: i64 = 96;

/// The facets that this process has at hand.
#[derive(Default)]
pub(super) struct Documents {
    kept: BTreeMap<Name, Kept>,
    /// By when they were used last.
    order: BTreeMap<u64, Name>,
    clock: u64,
    /// Operations of all that are kept.
    ops: u64,
    schemas: BTreeMap<(KindName, Option<MemberId>, Writer), Schema>,
}

type Name = (SpaceId, DocId);

struct Kept {
    document: Document,
    /// As of which version in the file; 0 if it is not there yet.
    version: i64,
    used: u64,
    /// Operations that this process read or wrote.
    ops: u64,
}

impl Kept {
    /// Takes in what other processes wrote since, if that is little; false if the facet is to be read anew.
    fn catch_up(&mut self, tx: &Tx<'_>, space: &SpaceId) -> Result<bool, AppError> {
        let DocId { item, writer } = self.document.id();
        let newer = tx.facet_since(space, &item, writer.member().as_ref(), self.version)?;
        let Some(Newer { loose, version }) = newer else { return Ok(false) };
        self.version = version;
        Ok(self.document.catch_up(loose.iter().map(Vec::as_slice)).is_ok())
    }
}

impl Documents {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.order.clear();
        self.ops = 0;
    }

    /// Forgets what it knows of a space.
    pub(super) fn forget(&mut self, space: &SpaceId) {
        let names: Vec<_> = self.kept.keys().filter(|(of, _)| of == space).copied().collect();
        names.iter().for_each(|name| self.remove(name));
    }

    /// Forgets one facet.
    pub(super) fn forget_one(&mut self, space: &SpaceId, doc: DocId) {
        self.remove(&(*space, doc));
    }

    /// A facet of an item, as the file has it; an empty one if nobody has written it.
    pub(super) fn open(
        &mut self,
        tx: &Tx<'_>,
        space: &SpaceId,
        preimage: &Preimage,
        doc: DocId,
    ) -> Result<&mut Document, AppError> {
        let name = (*space, doc);
        let member = doc.writer.member();
        let version = tx.facet_version(space, &doc.item, member.as_ref())?.unwrap_or(0);
        if let Some(kept) = self.kept.get_mut(&name)
            && kept.version != version
            && !kept.catch_up(tx, space)?
        {
            self.remove(&name);
        }
        if !self.kept.contains_key(&name) {
            let schema = self.schema(preimage, doc.writer);
            let document = match version {
                0 => None,
                _ => tx.facet(space, &doc.item, member.as_ref())?,
            };
            let document = match document {
                Some(facet) => Document::load(doc, schema, &facet.saved, facet.loose.iter().map(Vec::as_slice))
                    .map_err(|_| StoreError::Damaged { what: "a document" })?,
                None => Document::new(doc, schema),
            };
            self.make_room();
            let ops = document.ops();
            self.ops += ops;
            self.kept.insert(name, Kept { document, version, used: 0, ops });
        }
        self.clock += 1;
        let kept = self.kept.get_mut(&name).expect("it was put there");
        self.order.remove(&kept.used);
        self.order.insert(self.clock, name);
        kept.used = self.clock;
        Ok(&mut kept.document)
    }

    /// True if nothing of a facet is here.
    pub(super) fn is_new(&self, tx: &Tx<'_>, space: &SpaceId, doc: DocId) -> Result<bool, AppError> {
        let is_kept = self.kept.get(&(*space, doc)).is_some_and(|kept| kept.version > 0 || kept.document.ops() > 0);
        Ok(!is_kept && tx.facet_version(space, &doc.item, doc.writer.member().as_ref())?.is_none())
    }

    /// Writes a facet of which nothing is here to the file, and keeps it at hand.
    pub(super) fn put(
        &mut self,
        tx: &Tx<'_>,
        space: &SpaceId,
        document: Document,
        saved: &[u8],
    ) -> Result<(), AppError> {
        let (doc, ops) = (document.id(), document.ops());
        let name = (*space, doc);
        self.remove(&name);
        self.make_room();
        let version = tx.add_facet(space, &doc.item, doc.writer.member().as_ref(), saved)?;
        self.clock += 1;
        self.order.insert(self.clock, name);
        self.ops += ops;
        self.kept.insert(name, Kept { document, version, used: self.clock, ops });
        Ok(())
    }

    /// All facets of an item that exist.
    pub(super) fn facets(
        &mut self,
        tx: &Tx<'_>,
        space: &SpaceId,
        preimage: &Preimage,
        item: ItemId,
    ) -> Result<Facets<'_>, AppError> {
        let writers: Vec<_> = tx.writers(space, &item)?.into_iter().map(Writer::from).collect();
        for writer in &writers {
            self.open(tx, space, preimage, DocId { item, writer: *writer })?;
        }
        let kept = |writer: Writer| Some((writer, &self.kept.get(&(*space, DocId { item, writer }))?.document));
        Ok(writers.into_iter().filter_map(kept).collect())
    }

    /// Writes changes that a kept facet has taken in to the file. With an intent, they wait to be sealed. `whole` if
    /// adding them to what the file has is not enough.
    pub(super) fn record(
        &mut self,
        tx: &Tx<'_>,
        space: &SpaceId,
        doc: DocId,
        changes: &[Change],
        whole: bool,
        intent: Option<i64>,
    ) -> Result<(), AppError> {
        let Some(kept) = self.kept.get_mut(&(*space, doc)) else { return Ok(()) };
        let member = doc.writer.member();
        let member = member.as_ref();
        let mut save = whole || kept.version == 0;
        for change in changes {
            let (hash, bytes) = (change.hash().0, change.raw_bytes());
            match intent {
                _ if !save => {
                    let (version, loose) = tx.append_change(space, &doc.item, member, &hash, bytes, intent)?;
                    kept.version = version;
                    save = loose >= LOOSE;
                }
                Some(intent) => tx.queue_change(space, &doc.item, member, &hash, bytes, intent)?,
                None => {}
            }
        }
        if save {
            kept.version = tx.save_facet(space, &doc.item, member, &kept.document.save())?;
        }
        let ops = changes.iter().map(|change| change.len() as u64).sum::<u64>();
        kept.ops += ops;
        self.ops += ops;
        Ok(())
    }

    /// The containers of a facet.
    fn schema(&mut self, preimage: &Preimage, writer: Writer) -> Schema {
        let name = (preimage.kind.clone(), preimage.owner, writer);
        if let Some(schema) = self.schemas.get(&name) {
            return schema.clone();
        }
        if self.schemas.len() >= SCHEMAS {
            self.schemas.clear();
        }
        let schema = domain::schema(preimage, writer);
        self.schemas.insert(name, schema.clone());
        schema
    }

    fn remove(&mut self, name: &Name) {
        if let Some(kept) = self.kept.remove(name) {
            self.order.remove(&kept.used);
            self.ops -= kept.ops;
        }
    }

    fn make_room(&mut self) {
        while match self.kept.len() {
            ..FEW => false,
            FEW..KEPT => self.ops > MUCH,
            KEPT..SMALL => self.ops > LITTLE,
            SMALL.. => true,
        } {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.remove(&oldest);
        }
    }
}

//! Facets as bytes, and the changes that wait to be sealed.

use std::collections::BTreeSet;

use alliance_replica::id::{ItemId, MemberId, SpaceId};
use rusqlite::OptionalExtension as _;

use super::{StoreError, Tx, id};

/// The newest version of any facet when facets were forgotten last.
const FORGOTTEN: &str = "forgotten";

/// A facet as it lies in the file.
#[derive(Debug)]
pub struct Facet {
    /// The document as a whole, as of some time.
    pub saved: Vec<u8>,
    /// Changes since, in the order in which they were applied.
    pub loose: Vec<Vec<u8>>,
    /// Grows with every change.
    pub version: i64,
}

/// What came to a facet since a version.
#[derive(Debug)]
pub struct Newer {
    /// The changes, in the order in which they were applied.
    pub loose: Vec<Vec<u8>>,
    /// The version that they lead to.
    pub version: i64,
}

/// A change that waits to be sealed.
#[derive(Debug)]
pub struct Waiting {
    /// The intent it belongs to; intents are numbered in the order in which they were written.
    pub intent: i64,
    /// The item.
    pub item: ItemId,
    /// Whose facet; none for everyone's.
    pub writer: Option<MemberId>,
    /// The change's hash.
    pub hash: [u8; 32],
    /// The change.
    pub bytes: Vec<u8>,
}

impl Tx<'_> {
    /// Keeps an item's preimage; `carried` once an applied entry carries it.
    pub fn insert_item(
        &self,
        space: &SpaceId,
        item: &ItemId,
        preimage: &[u8],
        carried: bool,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT INTO items (space, item, preimage, carried) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (space, item) DO UPDATE SET carried = MAX(carried, excluded.carried)",
        )?;
        statement.execute((space.as_ref(), item.as_ref(), preimage, carried))?;
        Ok(())
    }

    /// An item's preimage if no applied entry carries it yet.
    pub fn uncarried_preimage(&self, space: &SpaceId, item: &ItemId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT preimage FROM items WHERE space = ?1 AND item = ?2 AND carried = 0")?;
        Ok(statement.query_row((space.as_ref(), item.as_ref()), |row| row.get(0)).optional()?)
    }

    /// An item's preimage, if the item is known.
    pub fn preimage(&self, space: &SpaceId, item: &ItemId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.prepare_cached("SELECT preimage FROM items WHERE space = ?1 AND item = ?2")?;
        Ok(statement.query_row((space.as_ref(), item.as_ref()), |row| row.get(0)).optional()?)
    }

    /// Writers of the facets of an item that exist here.
    pub fn writers(&self, space: &SpaceId, item: &ItemId) -> Result<Vec<Option<MemberId>>, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT writer FROM documents WHERE space = ?1 AND item = ?2 ORDER BY writer")?;
        let mut rows = statement.query((space.as_ref(), item.as_ref()))?;
        let mut writers = Vec::new();
        while let Some(row) = rows.next()? {
            writers.push(writer(row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?);
        }
        Ok(writers)
    }

    /// A facet's version, without reading it.
    pub fn facet_version(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
    ) -> Result<Option<i64>, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT version FROM documents WHERE space = ?1 AND item = ?2 AND writer = ?3")?;
        Ok(statement.query_row((space.as_ref(), item.as_ref(), key(writer)), |row| row.get(0)).optional()?)
    }

    /// A facet, if it exists here.
    pub fn facet(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
    ) -> Result<Option<Facet>, StoreError> {
        let name = (space.as_ref(), item.as_ref(), key(writer));
        let mut statement = self.prepare_cached(
            "SELECT bytes, version FROM documents JOIN saved USING (space, item, writer)
                 WHERE space = ?1 AND item = ?2 AND writer = ?3",
        )?;
        let found = statement.query_row(name, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((saved, version)) = found else { return Ok(None) };
        let mut statement = self.prepare_cached(
            "SELECT bytes FROM changes WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose = 1 ORDER BY n",
        )?;
        let loose = statement.query_map(name, |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Some(Facet { saved, loose, version }))
    }

    /// The changes of a facet that came after a version, if they are all loose, and its version now.
    pub fn facet_since(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
        version: i64,
    ) -> Result<Option<Newer>, StoreError> {
        let name = (space.as_ref(), item.as_ref(), key(writer));
        let mut statement = self.prepare_cached(
            "SELECT version, version - loose FROM documents WHERE space = ?1 AND item = ?2 AND writer = ?3",
        )?;
        let found = statement.query_row(name, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
        let Some((now, _)) = found.filter(|(now, saved)| (*saved..*now).contains(&version)) else { return Ok(None) };
        let mut statement = self.prepare_cached(
            "SELECT bytes FROM changes WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose = 1
             ORDER BY n DESC LIMIT ?4",
        )?;
        let newest = statement.query_map((name.0, name.1, name.2, now - version), |row| row.get(0))?;
        let mut loose: Vec<Vec<u8>> = newest.collect::<Result<_, _>>()?;
        loose.reverse();
        Ok(Some(Newer { loose, version: now }))
    }

    /// Replaces a facet as a whole; its changes are no longer loose. Returns the new version.
    pub fn save_facet(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
        saved: &[u8],
    ) -> Result<i64, StoreError> {
        let name = (space.as_ref(), item.as_ref(), key(writer));
        self.prepare_cached(
            "DELETE FROM changes WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose = 1 AND intent IS NULL",
        )?
        .execute(name)?;
        self.prepare_cached(
            "UPDATE changes SET loose = 0 WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose = 1",
        )?
        .execute(name)?;
        self.prepare_cached(
            "INSERT INTO saved (space, item, writer, bytes) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (space, item, writer) DO UPDATE SET bytes = excluded.bytes",
        )?
        .execute((name.0, name.1, name.2, saved))?;
        let mut statement = self.prepare_cached(
            "UPDATE documents SET version = version + 1, loose = 0
             WHERE space = ?1 AND item = ?2 AND writer = ?3 RETURNING version",
        )?;
        let version = statement.query_row(name, |row| row.get(0)).optional()?;
        version.map_or_else(|| self.insert_document(name), Ok)
    }

    /// Adds a facet of which nothing is here but changes that wait to be sealed. Returns its version.
    pub fn add_facet(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
        saved: &[u8],
    ) -> Result<i64, StoreError> {
        let name = (space.as_ref(), item.as_ref(), key(writer));
        let mut statement =
            self.prepare_cached("INSERT INTO saved (space, item, writer, bytes) VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute((name.0, name.1, name.2, saved))?;
        self.insert_document(name)
    }

    fn insert_document(&self, (space, item, writer): (&[u8], &[u8], &[u8])) -> Result<i64, StoreError> {
        // A facet that was forgotten and derived anew has no version that it had before.
        let forgotten = self.meta(FORGOTTEN)?.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
        let version = forgotten.unwrap_or(0) + 1;
        let mut statement = self
            .prepare_cached("INSERT INTO documents (space, item, writer, version, loose) VALUES (?1, ?2, ?3, ?4, 0)")?;
        statement.execute((space, item, writer, version))?;
        Ok(version)
    }

    /// Adds a change to an existing facet; returns the new version and the number of loose changes. With an intent, it
    /// waits to be sealed.
    pub fn append_change(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
        hash: &[u8; 32],
        bytes: &[u8],
        intent: Option<i64>,
    ) -> Result<(i64, i64), StoreError> {
        let name = (space.as_ref(), item.as_ref(), key(writer));
        self.insert_change(name, hash, bytes, true, intent)?;
        let mut statement = self.prepare_cached(
            "UPDATE documents SET version = version + 1, loose = loose + 1
             WHERE space = ?1 AND item = ?2 AND writer = ?3 RETURNING version, loose",
        )?;
        Ok(statement.query_row(name, |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Queues a change that its facet's saved form has already.
    pub fn queue_change(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
        hash: &[u8; 32],
        bytes: &[u8],
        intent: i64,
    ) -> Result<(), StoreError> {
        self.insert_change((space.as_ref(), item.as_ref(), key(writer)), hash, bytes, false, Some(intent))
    }

    /// A number for the next intent, above all that wait.
    pub fn next_intent(&self, space: &SpaceId) -> Result<i64, StoreError> {
        let mut statement = self.prepare_cached(
            "SELECT COALESCE(MAX(intent), 0) + 1 FROM changes WHERE space = ?1 AND intent IS NOT NULL",
        )?;
        Ok(statement.query_row([space.as_ref()], |row| row.get(0))?)
    }

    /// Every change of a space that waits to be sealed, in the order in which they were written.
    pub fn waiting(&self, space: &SpaceId) -> Result<Vec<Waiting>, StoreError> {
        let mut statement = self.prepare_cached(
            "SELECT intent, item, writer, hash, bytes FROM changes
             WHERE space = ?1 AND intent IS NOT NULL ORDER BY intent, n",
        )?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut waiting = Vec::new();
        while let Some(row) = rows.next()? {
            waiting.push(Waiting {
                intent: row.get(0)?,
                item: id("item", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?,
                writer: writer(row.get_ref(2)?.as_blob().map_err(|_| DAMAGED)?)?,
                hash: row.get_ref(3)?.as_blob().ok().and_then(|hash| hash.try_into().ok()).ok_or(DAMAGED)?,
                bytes: row.get(4)?,
            });
        }
        Ok(waiting)
    }

    /// The changes of one facet that wait to be sealed.
    pub fn waiting_in(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut statement = self.prepare_cached(
            "SELECT bytes FROM changes WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose IN (0, 1)
             AND intent IS NOT NULL",
        )?;
        let rows = statement.query_map((space.as_ref(), item.as_ref(), key(writer)), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The items of a space of which something waits to be sealed.
    pub fn waiting_items(&self, space: &SpaceId) -> Result<BTreeSet<ItemId>, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT DISTINCT item FROM changes WHERE space = ?1 AND intent IS NOT NULL")?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut items = BTreeSet::new();
        while let Some(row) = rows.next()? {
            items.insert(id("item", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?);
        }
        Ok(items)
    }

    /// Number of intents of a space that wait to be sealed.
    pub fn count_waiting(&self, space: &SpaceId) -> Result<u64, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT COUNT(DISTINCT intent) FROM changes WHERE space = ?1 AND intent IS NOT NULL")?;
        Ok(statement.query_row([space.as_ref()], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// An entry carries this change of a facet: it waits no longer. (A fixed change has one hash in every facet.)
    pub fn unqueue(
        &self,
        space: &SpaceId,
        item: &ItemId,
        writer: Option<&MemberId>,
        hash: &[u8; 32],
    ) -> Result<(), StoreError> {
        let name = (space.as_ref(), item.as_ref(), key(writer), hash.as_slice());
        self.prepare_cached(
            "DELETE FROM changes WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose = 0
             AND intent IS NOT NULL AND hash = ?4",
        )?
        .execute(name)?;
        self.prepare_cached(
            "UPDATE changes SET intent = NULL WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose = 1
             AND intent IS NOT NULL AND hash = ?4",
        )?
        .execute(name)?;
        Ok(())
    }

    /// Nothing of an intent waits any longer.
    pub fn unqueue_intent(&self, space: &SpaceId, intent: i64) -> Result<(), StoreError> {
        let name = (space.as_ref(), intent);
        self.prepare_cached("DELETE FROM changes WHERE space = ?1 AND intent = ?2 AND loose = 0")?.execute(name)?;
        self.prepare_cached("UPDATE changes SET intent = NULL WHERE space = ?1 AND intent = ?2")?.execute(name)?;
        Ok(())
    }

    /// Forgets every document of a space, not the changes that wait: they are about to be derived anew,
    /// and only then it is known whose entries carry the items' preimages.
    pub fn clear_documents(&self, space: &SpaceId) -> Result<(), StoreError> {
        let newest: i64 = self.query_row("SELECT COALESCE(MAX(version), 0) FROM documents", (), |row| row.get(0))?;
        let forgotten = self.meta(FORGOTTEN)?.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
        self.set_meta(FORGOTTEN, &newest.max(forgotten.unwrap_or(0)).to_be_bytes())?;
        self.execute("DELETE FROM documents WHERE space = ?1", [space.as_ref()])?;
        self.execute("DELETE FROM saved WHERE space = ?1", [space.as_ref()])?;
        self.clear_words(space)?;
        self.execute("DELETE FROM changes WHERE space = ?1 AND intent IS NULL", [space.as_ref()])?;
        self.execute("UPDATE changes SET loose = 0 WHERE space = ?1", [space.as_ref()])?;
        self.execute("UPDATE items SET carried = 0 WHERE space = ?1", [space.as_ref()])?;
        Ok(())
    }

    /// Forgets the rows of items that have no document any more, once documents were derived anew. The others keep what
    /// they say of the row before them.
    pub fn clear_rows(&self, space: &SpaceId) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM rows WHERE space = ?1 AND NOT EXISTS
             (SELECT 1 FROM documents WHERE documents.space = rows.space AND documents.item = rows.item)",
            [space.as_ref()],
        )?;
        Ok(())
    }

    fn insert_change(
        &self,
        (space, item, writer): (&[u8], &[u8], &[u8]),
        hash: &[u8; 32],
        bytes: &[u8],
        loose: bool,
        intent: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT INTO changes (space, item, writer, hash, bytes, loose, intent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        statement.execute((space, item, writer, hash.as_slice(), bytes, loose, intent))?;
        Ok(())
    }
}

pub(super) fn key(writer: Option<&MemberId>) -> &[u8] {
    writer.map_or(&[], AsRef::as_ref)
}

pub(super) fn writer(bytes: &[u8]) -> Result<Option<MemberId>, StoreError> {
    if bytes.is_empty() { Ok(None) } else { id("writer", bytes).map(Some) }
}

const DAMAGED: StoreError = StoreError::Damaged { what: "a document" };

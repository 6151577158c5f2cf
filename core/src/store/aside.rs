//! Changes of other computers of this person, out of a backup: kept, and in no document.

use std::collections::BTreeSet;

use alliance_replica::id::{DeviceId, ItemId, MemberId, SpaceId};

use super::{
    StoreError, Tx,
    documents::{key, writer},
    id,
};

/// A change that is kept aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aside {
    /// The intent it belongs to; intents are numbered in the order in which they were written.
    pub intent: i64,
    /// The item.
    pub item: ItemId,
    /// Whose facet; none for everyone's.
    pub writer: Option<MemberId>,
    /// What the item's id is the hash of.
    pub preimage: Vec<u8>,
    /// The change's hash.
    pub hash: [u8; 32],
    /// The change.
    pub bytes: Vec<u8>,
}

impl Tx<'_> {
    /// Keeps a change of a device aside; one that is kept already stays as it is.
    pub fn insert_aside(&self, space: &SpaceId, device: &DeviceId, aside: &Aside) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT OR IGNORE INTO aside (space, device, intent, item, writer, preimage, hash, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement.execute((
            space.as_ref(),
            device.as_ref(),
            aside.intent,
            aside.item.as_ref(),
            key(aside.writer.as_ref()),
            &aside.preimage,
            aside.hash.as_slice(),
            &aside.bytes,
        ))?;
        Ok(())
    }

    /// The highest number of an intent of a device that is kept aside; 0 if there is none.
    pub fn last_aside(&self, space: &SpaceId, device: &DeviceId) -> Result<i64, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT COALESCE(MAX(intent), 0) FROM aside WHERE space = ?1 AND device = ?2")?;
        Ok(statement.query_row((space.as_ref(), device.as_ref()), |row| row.get(0))?)
    }

    /// What is kept aside of a device, in the order in which it was written.
    pub fn aside(&self, space: &SpaceId, device: &DeviceId) -> Result<Vec<Aside>, StoreError> {
        let mut statement = self.prepare_cached(
            "SELECT intent, item, writer, preimage, hash, bytes FROM aside
             WHERE space = ?1 AND device = ?2 ORDER BY intent, n",
        )?;
        let mut rows = statement.query((space.as_ref(), device.as_ref()))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(Aside {
                intent: row.get(0)?,
                item: id("item", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?,
                writer: writer(row.get_ref(2)?.as_blob().map_err(|_| DAMAGED)?)?,
                preimage: row.get(3)?,
                hash: row.get_ref(4)?.as_blob().ok().and_then(|hash| hash.try_into().ok()).ok_or(DAMAGED)?,
                bytes: row.get(5)?,
            });
        }
        Ok(all)
    }

    /// The devices of which something is kept aside.
    pub fn aside_devices(&self, space: &SpaceId) -> Result<BTreeSet<DeviceId>, StoreError> {
        let mut statement = self.prepare_cached("SELECT DISTINCT device FROM aside WHERE space = ?1")?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut devices = BTreeSet::new();
        while let Some(row) = rows.next()? {
            devices.insert(id("device", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?);
        }
        Ok(devices)
    }

    /// Keeps nothing of an intent of a device aside any longer.
    pub fn remove_aside(&self, space: &SpaceId, device: &DeviceId, intent: i64) -> Result<(), StoreError> {
        let mut statement =
            self.prepare_cached("DELETE FROM aside WHERE space = ?1 AND device = ?2 AND intent = ?3")?;
        statement.execute((space.as_ref(), device.as_ref(), intent))?;
        Ok(())
    }
}

const DAMAGED: StoreError = StoreError::Damaged { what: "what is kept aside" };

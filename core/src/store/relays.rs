//! Where each space's relay is, and the key by which it is known.

use alliance_replica::id::{ReplicaKey, SpaceId};

use super::{StoreError, Tx, id};

/// A relay of a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayRow {
    /// The space.
    pub space: SpaceId,
    /// Its address.
    pub url: String,
    /// Its key; none until first met.
    pub key: Option<ReplicaKey>,
}

impl Tx<'_> {
    /// Adds a relay to a space; a key that is known already stays.
    pub fn put_relay(&self, space: &SpaceId, url: &str, key: Option<&ReplicaKey>) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO relays (space, url, key) VALUES (?1, ?2, ?3)
             ON CONFLICT (space, url) DO UPDATE SET key = COALESCE(key, excluded.key)",
            (space.as_ref(), url, key.map(|key| key.as_bytes().to_vec())),
        )?;
        Ok(())
    }

    /// Forgets the relays of a space.
    pub fn clear_relays(&self, space: &SpaceId) -> Result<(), StoreError> {
        self.execute("DELETE FROM relays WHERE space = ?1", [space.as_ref()])?;
        Ok(())
    }

    /// The relays of all spaces, by address.
    pub fn relays(&self) -> Result<Vec<RelayRow>, StoreError> {
        let mut statement = self.prepare_cached("SELECT space, url, key FROM relays ORDER BY url, space")?;
        let mut rows = statement.query([])?;
        let mut relays = Vec::new();
        while let Some(row) = rows.next()? {
            let key = row.get_ref(2)?.as_blob_or_null().map_err(|_| DAMAGED)?;
            relays.push(RelayRow {
                space: id("space", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?,
                url: row.get(1)?,
                key: key.map(|key| id("relay's key", key)).transpose()?,
            });
        }
        Ok(relays)
    }
}

const DAMAGED: StoreError = StoreError::Damaged { what: "a relay" };

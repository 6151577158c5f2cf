//! Where each space's relays are, the keys by which they are known, and what they ask of their users.

use alliance_replica::id::{ReplicaKey, SpaceId};
use rusqlite::OptionalExtension as _;
use zeroize::Zeroizing;

use super::{StoreError, Tx, id};

/// How far a space has moved to a relay, or away from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Chosen or named, and not known to have everything yet.
    New = 0,
    /// In use.
    Used = 1,
    /// Not named any more; what others bring there is still fetched.
    Left = 2,
    /// Not named any more, and it has everything: whoever comes there learns where the space is now.
    Done = 3,
}

/// A relay of a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayRow {
    /// The space.
    pub space: SpaceId,
    /// Its address.
    pub url: String,
    /// Its key; none until first met.
    pub key: Option<ReplicaKey>,
    /// How far the space has moved.
    pub stage: Stage,
}

/// What is kept of a relay beside the spaces that it has. Nothing of it goes into an invitation.
#[derive(Clone, Default)]
pub struct RelayTerms {
    /// PEM of the authority that signs its certificate.
    pub root: Option<Vec<u8>>,
    /// What admits a new space.
    pub token: Option<Zeroizing<String>>,
    /// The key that it had when the last space was taken from it.
    pub key: Option<ReplicaKey>,
}

impl Tx<'_> {
    /// Adds a relay to a space; a key and a stage that are known already stay.
    pub fn put_relay(&self, space: &SpaceId, url: &str, key: Option<&ReplicaKey>) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO relays (space, url, key) VALUES (?1, ?2, ?3)
             ON CONFLICT (space, url) DO UPDATE SET key = COALESCE(key, excluded.key)",
            (space.as_ref(), url, key.map(|key| key.as_bytes().to_vec())),
        )?;
        Ok(())
    }

    /// Adds a relay to a space at a stage, whatever was known of it.
    pub fn set_relay(&self, row: &RelayRow) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO relays (space, url, key, stage) VALUES (?1, ?2, ?3, ?4)",
            (row.space.as_ref(), &row.url, row.key.map(|key| key.as_bytes().to_vec()), row.stage as u8),
        )?;
        Ok(())
    }

    /// Takes a relay from a space; its key stays known.
    pub fn remove_relay(&self, space: &SpaceId, url: &str) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO relay_terms (url, key) SELECT url, key FROM relays WHERE space = ?1 AND url = ?2 AND key IS NOT NULL
             ON CONFLICT (url) DO UPDATE SET key = excluded.key",
            (space.as_ref(), url),
        )?;
        self.execute("DELETE FROM relays WHERE space = ?1 AND url = ?2", (space.as_ref(), url))?;
        Ok(())
    }

    /// The relays of all spaces, by address.
    pub fn relays(&self) -> Result<Vec<RelayRow>, StoreError> {
        let mut statement = self.prepare_cached("SELECT space, url, key, stage FROM relays ORDER BY url, space")?;
        let mut rows = statement.query([])?;
        let mut relays = Vec::new();
        while let Some(row) = rows.next()? {
            let key = row.get_ref(2)?.as_blob_or_null().map_err(|_| DAMAGED)?;
            relays.push(RelayRow {
                space: id("space", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?,
                url: row.get(1)?,
                key: key.map(|key| id("relay's key", key)).transpose()?,
                stage: stage(row.get(3)?)?,
            });
        }
        Ok(relays)
    }

    /// What is kept of a relay.
    pub fn relay_terms(&self, url: &str) -> Result<RelayTerms, StoreError> {
        let mut statement = self.prepare_cached("SELECT root, token, key FROM relay_terms WHERE url = ?1")?;
        let terms = statement.query_row([url], |row| {
            let token = row.get::<_, Option<String>>(1)?.map(Zeroizing::new);
            Ok((row.get(0)?, token, row.get::<_, Option<Vec<u8>>>(2)?))
        });
        let Some((root, token, key)) = terms.optional()? else { return Ok(RelayTerms::default()) };
        Ok(RelayTerms { root, token, key: key.map(|key| id("relay's key", &key)).transpose()? })
    }

    /// Forgets all that was kept of a relay.
    pub fn remove_relay_terms(&self, url: &str) -> Result<(), StoreError> {
        self.execute("DELETE FROM relay_terms WHERE url = ?1", [url])?;
        Ok(())
    }

    /// Keeps this of a relay.
    pub fn set_relay_terms(&self, url: &str, terms: &RelayTerms) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO relay_terms (url, root, token, key) VALUES (?1, ?2, ?3, ?4)",
            (
                url,
                &terms.root,
                terms.token.as_ref().map(|token| token.as_str()),
                terms.key.map(|key| key.as_bytes().to_vec()),
            ),
        )?;
        Ok(())
    }
}

fn stage(number: i64) -> Result<Stage, StoreError> {
    [Stage::New, Stage::Used, Stage::Left, Stage::Done]
        .into_iter()
        .find(|stage| i64::from(*stage as u8) == number)
        .ok_or(DAMAGED)
}

const DAMAGED: StoreError = StoreError::Damaged { what: "a relay" };

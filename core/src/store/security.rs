//! The security log: what happened to membership, keys and entries that a person should be able to look up.

use alliance_replica::id::SpaceId;
use serde::Serialize;

use super::{StoreError, Tx, id};

/// One line of the security log.
#[derive(Debug, Serialize)]
pub struct SecurityEvent {
    /// Unix seconds on this computer's clock.
    pub at: i64,
    /// The space, in hexadecimal.
    pub space: String,
    /// What happened.
    pub kind: String,
    /// Ids that say to whom or what; never words.
    pub about: serde_json::Value,
}

/// What a line says: of which space, what happened, and to whom.
pub(super) type Said<'a> = (&'a SpaceId, &'a str, &'a serde_json::Value);

impl Tx<'_> {
    /// Adds a line.
    pub fn note_security(
        &self,
        at: i64,
        space: &SpaceId,
        kind: &str,
        about: &serde_json::Value,
    ) -> Result<(), StoreError> {
        let mut statement =
            self.prepare_cached("INSERT INTO security (at, space, kind, about) VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute((at, space.as_ref(), kind, about.to_string()))?;
        Ok(())
    }

    /// Adds a line unless there is one that says the same.
    pub fn note_security_once(&self, at: i64, (space, kind, about): Said<'_>) -> Result<(), StoreError> {
        let mut statement =
            self.prepare_cached("SELECT 1 FROM security WHERE space = ?1 AND kind = ?2 AND about = ?3")?;
        if statement.exists((space.as_ref(), kind, about.to_string()))? {
            return Ok(());
        }
        self.note_security(at, space, kind, about)
    }

    /// When the newest line was noted.
    pub fn newest_security(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.query_row("SELECT MAX(at) FROM security", [], |row| row.get(0))?)
    }

    /// All lines, oldest first.
    pub fn security(&self) -> Result<Vec<SecurityEvent>, StoreError> {
        let mut statement = self.prepare_cached("SELECT at, space, kind, about FROM security ORDER BY n")?;
        let mut rows = statement.query([])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            let space: SpaceId = id("space", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?;
            let about: String = row.get(3)?;
            events.push(SecurityEvent {
                at: row.get(0)?,
                space: space.to_string(),
                kind: row.get(2)?,
                about: serde_json::from_str(&about).map_err(|_| DAMAGED)?,
            });
        }
        Ok(events)
    }
}

const DAMAGED: StoreError = StoreError::Damaged { what: "the security log" };

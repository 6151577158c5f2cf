//! What was done here, so that it can be undone: for each intent its item and the heads of its facets before and after.

use alliance_replica::id::{ItemId, SpaceId};
use rusqlite::{OptionalExtension as _, Row};

use super::{StoreError, Tx, id};

/// Intents that can be undone at most.
const KEPT: i64 = 200;

/// Something that was done here.
#[derive(Debug)]
pub struct Act {
    /// Its number; the last one has the highest.
    pub n: i64,
    /// The space.
    pub space: SpaceId,
    /// The item.
    pub item: ItemId,
    /// For each facet its heads before and after, as JSON.
    pub facets: String,
}

impl Tx<'_> {
    /// Adds what was just done. What is undone cannot be redone any more.
    pub fn journal(&self, space: &SpaceId, item: &ItemId, facets: &str) -> Result<(), StoreError> {
        self.prepare_cached("DELETE FROM journal WHERE undone = 1")?.execute(())?;
        let mut statement =
            self.prepare_cached("INSERT INTO journal (space, item, undone, facets) VALUES (?1, ?2, 0, ?3)")?;
        let n = statement.insert((space.as_ref(), item.as_ref(), facets))?;
        self.prepare_cached("DELETE FROM journal WHERE n <= ?1")?.execute([n - KEPT])?;
        Ok(())
    }

    /// Adds to what was done last. What is undone cannot be redone any more.
    pub fn journal_on(&self, n: i64, facets: &str) -> Result<(), StoreError> {
        self.prepare_cached("DELETE FROM journal WHERE undone = 1")?.execute(())?;
        self.set_undone(n, false, facets)
    }

    /// The last thing that was done and is not undone.
    pub fn last_done(&self) -> Result<Option<Act>, StoreError> {
        self.act("SELECT n, space, item, facets FROM journal WHERE undone = 0 ORDER BY n DESC LIMIT 1")
    }

    /// The last thing that was done and is not undone, also if it cannot be.
    pub fn last_standing(&self) -> Result<Option<Act>, StoreError> {
        self.act("SELECT n, space, item, facets FROM journal WHERE undone <> 1 ORDER BY n DESC LIMIT 1")
    }

    /// It stays as it is: nobody is asked for it again.
    pub fn pass_over(&self, n: i64) -> Result<(), StoreError> {
        self.prepare_cached("UPDATE journal SET undone = 2 WHERE n = ?1")?.execute([n])?;
        Ok(())
    }

    /// The last thing that was undone and is not redone.
    pub fn last_undone(&self) -> Result<Option<Act>, StoreError> {
        self.act("SELECT n, space, item, facets FROM journal WHERE undone = 1 ORDER BY n LIMIT 1")
    }

    /// It is undone now, or done again, by what was just written to these facets.
    pub fn set_undone(&self, n: i64, undone: bool, facets: &str) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached("UPDATE journal SET undone = ?2, facets = ?3 WHERE n = ?1")?;
        statement.execute((n, undone, facets))?;
        Ok(())
    }

    fn act(&self, sql: &str) -> Result<Option<Act>, StoreError> {
        let mut statement = self.prepare_cached(sql)?;
        statement.query_row((), |row| Ok(read(row))).optional()?.transpose()
    }
}

fn read(row: &Row<'_>) -> Result<Act, StoreError> {
    Ok(Act {
        n: row.get(0)?,
        space: id("space", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?,
        item: id("item", row.get_ref(2)?.as_blob().map_err(|_| DAMAGED)?)?,
        facets: row.get(3)?,
    })
}

const DAMAGED: StoreError = StoreError::Damaged { what: "the journal" };

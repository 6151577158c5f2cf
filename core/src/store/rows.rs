//! The view's rows: one an item, as JSON, in the order in which they changed here.

use alliance_replica::id::{ItemId, MemberId, SpaceId};
use rusqlite::Row;

use super::{StoreError, Tx, id};

/// The status of rows that lists leave out.
pub const ARCHIVED: &str = "archived";

/// A row of the view as it lies in the file.
#[derive(Debug)]
pub struct StoredRow {
    /// The space.
    pub space: SpaceId,
    /// The item.
    pub item: ItemId,
    /// Its kind.
    pub kind: String,
    /// The derived row.
    pub json: String,
}

const COMMITMENTS: &str = "
    SELECT COUNT(*) FROM rows INDEXED BY rows_by_sought
    WHERE kind = 'commitment' AND space = ?1 AND sought = ?2 AND status = ?3";

fn sessions(which: &str) -> String {
    format!(
        "SELECT {which}(sought) FROM rows INDEXED BY rows_by_sought
         WHERE kind = 'session' AND space = ?1 AND status = ?2
           -- Words alone: another program may have written anything.
           AND sought >= ''"
    )
}

// SQLite keeps no statistics here, so the rarer one of two indexes is named: it would read every row of a space.
impl Tx<'_> {
    /// Writes an item's row; it is the newest now.
    pub fn put_row(
        &self,
        space: &SpaceId,
        item: &ItemId,
        kind: &str,
        status: &str,
        choices: usize,
        json: &str,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT INTO rows (space, item, kind, status, changed, choices, json, sought)
             VALUES (?1, ?2, ?3, ?4, (
                 -- The newest of each kind, by the index; there are few kinds.
                 WITH RECURSIVE kinds (kind) AS (
                     SELECT MIN(kind) FROM rows WHERE space = ?1
                     UNION ALL
                     SELECT (SELECT MIN(kind) FROM rows WHERE space = ?1 AND kind > kinds.kind)
                     FROM kinds WHERE kind IS NOT NULL
                 )
                 SELECT COALESCE(MAX((SELECT MAX(changed) FROM rows WHERE space = ?1 AND kind = kinds.kind)), 0) + 1
                 FROM kinds
             ), ?5, ?6,
             CASE ?3 WHEN 'commitment' THEN json_extract(?6, '$.owner')
                     WHEN 'session' THEN json_extract(?6, '$.fields.when') END)
             ON CONFLICT (space, item) DO UPDATE
             SET status = excluded.status, choices = excluded.choices, json = excluded.json, sought = excluded.sought,
                 -- What is the newest already stays where it is.
                 changed = CASE rows.changed WHEN excluded.changed - 1 THEN rows.changed ELSE excluded.changed END",
        )?;
        let choices = i64::try_from(choices).unwrap_or(i64::MAX);
        statement.execute((space.as_ref(), item.as_ref(), kind, status, choices, json))?;
        Ok(())
    }

    /// Rows of a space, newest first; of one kind if one is named, at most `limit`.
    pub fn rows(&self, space: &SpaceId, kind: Option<&str>, limit: usize) -> Result<Vec<StoredRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match kind {
            Some(kind) => self.collect(
                "SELECT space, item, kind, json FROM rows WHERE space = ?1 AND kind = ?2 ORDER BY changed DESC LIMIT ?3",
                (space.as_ref(), kind, limit),
            ),
            None => self.collect(
                "SELECT space, item, kind, json FROM rows WHERE space = ?1 ORDER BY changed DESC LIMIT ?2",
                (space.as_ref(), limit),
            ),
        }
    }

    /// Rows of a kind that are not archived, newest first, at most `limit`.
    pub fn live_rows(&self, space: &SpaceId, kind: &str, limit: usize) -> Result<Vec<StoredRow>, StoreError> {
        self.collect(
            "SELECT space, item, kind, json FROM rows INDEXED BY rows_by_kind
             WHERE space = ?1 AND kind = ?2 AND status <> ?3 ORDER BY changed DESC LIMIT ?4",
            (space.as_ref(), kind, ARCHIVED, i64::try_from(limit).unwrap_or(i64::MAX)),
        )
    }

    /// Rows of a space that are archived, newest first.
    pub fn archived_rows(&self, space: &SpaceId) -> Result<Vec<StoredRow>, StoreError> {
        self.collect(
            "SELECT space, item, kind, json FROM rows WHERE space = ?1 AND status = ?2 ORDER BY changed DESC",
            (space.as_ref(), ARCHIVED),
        )
    }

    /// Number of rows of a kind that are not archived, counted as far as `most`.
    pub fn count_rows(&self, space: &SpaceId, kind: &str, most: usize) -> Result<usize, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut statement = self.prepare_cached(
            "SELECT COUNT(*) FROM
             (SELECT 1 FROM rows WHERE space = ?1 AND kind = ?2 AND status <> ?3 LIMIT ?4)",
        )?;
        let count: i64 = statement.query_row((space.as_ref(), kind, ARCHIVED, most), |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Number of commitments of a member in a space that stand so.
    pub fn count_commitments(&self, space: &SpaceId, owner: &MemberId, status: &str) -> Result<usize, StoreError> {
        let mut statement = self.prepare_cached(COMMITMENTS)?;
        let count: i64 = statement.query_row((space.as_ref(), owner.to_string(), status), |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Rows of a kind with one of these statuses, newest first, at most `limit`.
    pub fn rows_with_status(
        &self,
        space: &SpaceId,
        kind: &str,
        statuses: &[&str],
        limit: usize,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let statuses = serde_json::to_string(statuses).map_err(|_| DAMAGED)?;
        self.collect(
            "SELECT space, item, kind, json FROM rows INDEXED BY rows_by_status
             WHERE space = ?1 AND kind = ?2 AND status IN (SELECT value FROM json_each(?3))
             ORDER BY changed DESC LIMIT ?4",
            (space.as_ref(), kind, statuses, i64::try_from(limit).unwrap_or(i64::MAX)),
        )
    }

    /// Rows of a space in which somebody may choose between values.
    pub fn rows_with_choices(&self, space: &SpaceId) -> Result<Vec<StoredRow>, StoreError> {
        self.collect(
            "SELECT space, item, kind, json FROM rows INDEXED BY rows_with_choices
             WHERE space = ?1 AND choices > 0 ORDER BY item",
            [space.as_ref()],
        )
    }

    /// When the first session of a space begins that stands so.
    pub fn first_session(&self, space: &SpaceId, status: &str) -> Result<Option<String>, StoreError> {
        self.session(space, status, "MIN")
    }

    /// When the last session of a space began that stands so.
    pub fn last_session(&self, space: &SpaceId, status: &str) -> Result<Option<String>, StoreError> {
        self.session(space, status, "MAX")
    }

    fn session(&self, space: &SpaceId, status: &str, which: &str) -> Result<Option<String>, StoreError> {
        let mut statement = self.prepare_cached(&sessions(which))?;
        Ok(statement.query_row((space.as_ref(), status), |row| row.get(0))?)
    }

    /// One row.
    pub fn row(&self, space: &SpaceId, item: &ItemId) -> Result<Option<StoredRow>, StoreError> {
        let sql = "SELECT space, item, kind, json FROM rows WHERE space = ?1 AND item = ?2";
        Ok(self.collect(sql, (space.as_ref(), item.as_ref()))?.pop())
    }

    /// Rows whose item's id lies between two bounds, inclusive.
    pub fn rows_between(&self, space: &SpaceId, from: &[u8; 16], to: &[u8; 16]) -> Result<Vec<StoredRow>, StoreError> {
        let sql = "SELECT space, item, kind, json FROM rows WHERE space = ?1 AND item BETWEEN ?2 AND ?3 LIMIT 20";
        self.collect(sql, (space.as_ref(), from.as_slice(), to.as_slice()))
    }

    /// Number of items whose id lies between two bounds, inclusive.
    pub fn count_items_between(&self, space: &SpaceId, from: &[u8; 16], to: &[u8; 16]) -> Result<u64, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT COUNT(*) FROM rows WHERE space = ?1 AND item BETWEEN ?2 AND ?3")?;
        let count: i64 = statement.query_row((space.as_ref(), from.as_slice(), to.as_slice()), |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    fn collect(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<StoredRow>, StoreError> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

fn read(row: &Row<'_>) -> Result<StoredRow, StoreError> {
    Ok(StoredRow {
        space: id("space", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?,
        item: id("item", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?,
        kind: row.get(2)?,
        json: row.get(3)?,
    })
}

const DAMAGED: StoreError = StoreError::Damaged { what: "a row of the view" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(&folder.path().join("profile.db")).expect("a store");
        (folder, store)
    }

    #[test]
    fn commitments_are_counted_by_owner_and_by_how_they_stand() {
        let (_folder, mut store) = store();
        let (space, me, other) = (SpaceId::new([1; 16]), MemberId::new([1; 16]), MemberId::new([2; 16]));
        let rows = [
            ("commitment", Some(me), "offered"),
            ("commitment", Some(me), "accepted"),
            ("commitment", Some(me), "accepted"),
            ("commitment", Some(me), ARCHIVED),
            ("commitment", Some(other), "accepted"),
            ("commitment", None, "accepted"),
            ("goal", Some(me), "accepted"),
        ];
        let write = |tx: &Tx<'_>| {
            for (n, (kind, owner, status)) in (0..).zip(rows) {
                let json = serde_json::json!({ "owner": owner.map(|owner| owner.to_string()) }).to_string();
                tx.put_row(&space, &ItemId::new([n; 16]), kind, status, 0, &json)?;
            }
            Ok::<_, StoreError>(())
        };
        store.write(write).expect("rows");
        let mut count =
            |space, member, status| store.read(|tx| tx.count_commitments(space, &member, status)).expect("reads");
        assert_eq!((count(&space, me, "offered"), count(&space, me, "accepted")), (1, 2));
        assert_eq!((count(&space, other, "accepted"), count(&SpaceId::new([2; 16]), me, "accepted")), (1, 0));
    }
}

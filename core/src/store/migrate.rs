//! Formats of the profile's file: append-only steps, each once, all in one exclusive transaction.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

const STEPS: [&str; 10] = [
    include_str!("migrations/0001_profile.sql"),
    include_str!("migrations/0002_search.sql"),
    include_str!("migrations/0003_relays.sql"),
    include_str!("migrations/0004_words.sql"),
    include_str!("migrations/0005_keys.sql"),
    include_str!("migrations/0006_left.sql"),
    include_str!("migrations/0007_endings.sql"),
    include_str!("migrations/0008_aside.sql"),
    include_str!("migrations/0009_many.sql"),
    include_str!("migrations/0010_sought.sql"),
];

/// The newest format that this program knows.
pub(super) const NEWEST: u32 = STEPS.len() as u32;

/// The format of a file; 0 for an empty one.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Brings a file to the newest format. Another process may have done so meanwhile.
pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let found = version(&tx)?;
    if found > NEWEST {
        return Err(StoreError::Newer { found, known: NEWEST });
    }
    for step in STEPS.iter().skip(found as usize) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", NEWEST)?;
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::{ItemId, SpaceId};

    use super::*;
    use crate::store::Store;

    #[test]
    fn a_facet_that_an_earlier_program_kept_is_there_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("profile.db");
        let old = Connection::open(&file).expect("a file");
        for step in &STEPS[..4] {
            old.execute_batch(step).expect("an earlier format");
        }
        let (space, item) = (SpaceId::new([1; 16]), ItemId::new([2; 16]));
        let put =
            "INSERT INTO documents (space, item, writer, saved, version, loose) VALUES (?1, ?2, x'', x'0708', 9, 1)";
        old.execute(put, (space.as_ref(), item.as_ref())).expect("a document");
        let change =
            "INSERT INTO changes (space, item, writer, hash, bytes, loose) VALUES (?1, ?2, x'', x'03', x'04', 1)";
        old.execute(change, (space.as_ref(), item.as_ref())).expect("a change");
        old.pragma_update(None, "user_version", 4).expect("its number");
        drop(old);
        let mut store = Store::open(&file).expect("opens");
        let facet = store.read(|tx| tx.facet(&space, &item, None)).expect("reads").expect("a facet");
        assert_eq!((facet.saved, facet.loose, facet.version), (vec![7, 8], vec![vec![4]], 9));
        let version = store.write(|tx| tx.save_facet(&space, &item, None, &[5])).expect("writes");
        let facet = store.read(|tx| tx.facet(&space, &item, None)).expect("reads").expect("a facet");
        assert_eq!((facet.saved, facet.loose, version), (vec![5], Vec::<Vec<u8>>::new(), 10));
    }
}

//! Formats of the profile's file: append-only steps, each once, all in one exclusive transaction.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

const STEPS: [&str; 5] = [
    include_str!("migrations/0001_profile.sql"),
    include_str!("migrations/0002_search.sql"),
    include_str!("migrations/0003_relays.sql"),
    include_str!("migrations/0004_words.sql"),
    include_str!("migrations/0005_keys.sql"),
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

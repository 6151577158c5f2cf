//! The one way to change a profile: an immediate transaction, fsynced when it returns.

use std::{cell::Cell, ops::Deref, time::Duration};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, config::DbConfig};

use super::{Store, StoreError};

/// How long a process waits for another one to leave the write gate.
const PATIENCE: Duration = Duration::from_secs(20);

/// Kibibytes of pages in memory: with fewer, a first sync writes most pages several times.
const CACHE: i64 = 4 * 1024;

/// Statements kept prepared: more than there are in the store, so that none is prepared twice.
const STATEMENTS: usize = 128;

/// An open transaction. Reads through it see what it has written.
pub struct Tx<'a> {
    inner: Transaction<'a>,
    erased: Cell<bool>,
}

impl Store {
    /// Runs `change` alone among all processes; what it did is on disk when this returns, or nothing is.
    pub fn write<T, E: From<StoreError>>(&mut self, change: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.wait_for_disk(true)?;
        self.write_as_set(change)
    }

    fn write_as_set<T, E: From<StoreError>>(&mut self, change: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let before = self.connection.total_changes();
        let (value, erased) = {
            let inner = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| E::from(error.into()))?;
            let tx = Tx { inner, erased: Cell::new(false) };
            let value = change(&tx)?;
            let erased = tx.erased.get();
            tx.inner.commit().map_err(|error| E::from(error.into()))?;
            (value, erased)
        };
        if self.connection.total_changes() != before {
            self.volatile = if self.waits { 0 } else { self.volatile + 1 };
        }
        if erased {
            // What was erased is still in the log of writes; while others read, it goes with the next one.
            // What was to be written is written, whatever becomes of this.
            let _emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        }
        Ok(value)
    }

    /// Runs `change` as [`Store::write`] does, but what it did may be lost if the computer loses power before the next
    /// write: for what can be found out again. It is not lost with the process, and what comes later never stays
    /// without it.
    pub fn note<T, E: From<StoreError>>(&mut self, change: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.wait_for_disk(false)?;
        let result = self.write_as_set(change);
        self.wait_for_disk(true)?;
        result
    }

    /// Runs `change` as [`Store::write`] does, looks at what it came to, and leaves everything as it was.
    pub fn rehearse<T, E: From<StoreError>>(&mut self, change: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let inner = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| E::from(error.into()))?;
        // Without a commit nothing of it stays.
        change(&Tx { inner, erased: Cell::new(false) })
    }

    /// Whether a commit returns only once it is on disk.
    fn wait_for_disk(&mut self, waits: bool) -> Result<(), StoreError> {
        if self.waits != waits {
            self.connection.pragma_update(None, "synchronous", if waits { "FULL" } else { "NORMAL" })?;
            self.waits = waits;
        }
        Ok(())
    }

    /// Runs `look` on one state of the profile, whatever others write meanwhile.
    pub fn read<T, E: From<StoreError>>(&mut self, look: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let inner = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(|error| E::from(error.into()))?;
        look(&Tx { inner, erased: Cell::new(false) })
    }
}

impl Tx<'_> {
    /// Notes that a secret was erased: once this is committed, nothing of it stays in the file or beside it.
    pub(super) fn note_erased(&self) {
        self.erased.set(true);
    }

    /// Runs `change` inside this transaction: all that it does stays, or nothing if it returns false.
    pub fn all_or_nothing<E: From<StoreError>>(&self, change: impl FnOnce() -> Result<bool, E>) -> Result<bool, E> {
        let run = |sql| {
            let ran = self.prepare_cached(sql).and_then(|mut statement| statement.execute(()));
            ran.map(|_| ()).map_err(|error| E::from(error.into()))
        };
        run("SAVEPOINT step")?;
        let whole = change()?;
        if !whole {
            run("ROLLBACK TO step")?;
        }
        run("RELEASE step")?;
        Ok(whole)
    }

    /// A value that belongs to the profile as a whole.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Sets a value that belongs to the profile as a whole.
    pub fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?;
        statement.execute((key, value))?;
        Ok(())
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.inner
    }
}

/// Settings of every connection: write-ahead log, every commit fsynced, waiting for others instead of failing.
pub(super) fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a statement is planned anew whenever it gets other values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    Ok(())
}

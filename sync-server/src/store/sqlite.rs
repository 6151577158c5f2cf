//! A store on disk: one SQLite database in a folder that only one relay uses and only its owner can read.
//!
//! Write-ahead log with `synchronous=FULL`: a commit is on disk when it returns. rusqlite is named only here and in
//! the errors. A row that is not what it should be is an error of its space, never a panic.

mod admin;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alliance_replica::{
    id::{DeviceId, EntryId, Id, Signature, SpaceId},
    log::{
        entry::{Entry, Verified},
        heads::Chain,
    },
};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, Transaction, TransactionBehavior};

use super::{Append, Living, Store, StoreError, StoreTimes, Stored, Totals};
use crate::policy::ENTRY_COST;

pub use admin::{Admin, Kept};
pub use verify::Report;

const DATABASE: &str = "relay.sqlite";
const LOCK: &str = "relay.lock";
/// Says in the file that it is a relay's: "alrl".
const APPLICATION: i32 = 0x616c_726c;
/// Formats of the database: append-only steps, each run once, all in one exclusive transaction.
const STEPS: [&str; 3] = [
    include_str!("migrations/0001_relay.sql"),
    include_str!("migrations/0002_counts.sql"),
    include_str!("migrations/0003_agreed.sql"),
];
/// How long another program (a backup, a person with a shell) may hold the database.
const BUSY: Duration = Duration::from_secs(5);
/// Bytes that have to find room beside as much as could not be written, before the store is well again.
const SPARE: u64 = 64 * 1024;

/// What a relay keeps, in a folder.
pub struct SqliteStore {
    connection: Connection,
    times: StoreTimes,
    /// Bytes of the entries that could not be written, as they count for a quota; none once as many could be.
    unwritten: u64,
    /// Held as long as the store lives: one relay a folder.
    _lock: File,
}

impl SqliteStore {
    /// Opens the folder, or makes it, and brings its database up to this program's format.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        make_folder(folder)?;
        let lock = private_file(&folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(in_folder(folder.join(LOCK))(source)),
        }
        let database = folder.join(DATABASE);
        if !database.try_exists().map_err(in_folder(database.clone()))? {
            make(folder, &database)?;
        }
        drop(private_file(&database)?);
        refuse_empty(&database)?;
        let mut connection = Connection::open(&database)?;
        connection.busy_timeout(BUSY)?;
        migrate(&mut connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Rows that are written again leave nothing of what they were: a space that is dropped is gone.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection, times: StoreTimes::default(), unwritten: 0, _lock: lock })
    }

    /// True if a commit is on disk when it returns. For tests, which decide what a loss of power leaves.
    pub fn waits_for_disk(&self) -> Result<bool, StoreError> {
        Ok(self.connection.pragma_query_value(None, "synchronous", |row| row.get::<_, u8>(0))? >= 2)
    }

    fn write(&mut self, batch: &[Append]) -> Result<(), StoreError> {
        let start = Instant::now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for append in batch {
            let space = match number(&transaction, &append.space)? {
                Some(space) => space,
                None => insert_space(&transaction, &append.space)?,
            };
            insert_entries(&transaction, space, &append.entries)?;
            count_entries(&transaction, space, &append.entries)?;
            if let Some(live) = &append.live {
                replace_live(&transaction, space, live)?;
            }
        }
        transaction.commit()?;
        self.times.commits.observe(start.elapsed());
        Ok(())
    }

    /// The number under which a space's rows are kept, if it is known.
    fn number(&self, space: &SpaceId) -> Result<Option<i64>, StoreError> {
        number(&self.connection, space)
    }
}

impl Store for SqliteStore {
    fn secret(&mut self, fresh: &[u8; 32]) -> Result<[u8; 32], StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let stored: Option<Vec<u8>> =
            transaction.query_row("SELECT secret FROM relay", [], |row| row.get(0)).optional()?;
        if let Some(stored) = stored {
            return stored.try_into().map_err(|_| StoreError::Damaged { what: "the relay's key" });
        }
        let holds =
            "SELECT EXISTS (SELECT 1 FROM spaces) OR EXISTS (SELECT 1 FROM entries) OR EXISTS (SELECT 1 FROM bodies)";
        if transaction.query_row(holds, [], |row| row.get(0))? {
            return Err(StoreError::Keyless);
        }
        transaction.execute("INSERT INTO relay (n, secret) VALUES (1, ?1)", [fresh.as_slice()])?;
        transaction.commit()?;
        Ok(*fresh)
    }

    fn append(&mut self, batch: &[Append]) -> Result<(), StoreError> {
        let entries = batch.iter().flat_map(|append| &append.entries);
        let bytes = entries.map(|entry| entry.entry.size() as u64 + ENTRY_COST).sum();
        let written = self.write(batch);
        match &written {
            Err(_) => self.unwritten = self.unwritten.max(bytes),
            // Less finds room where that found none.
            Ok(()) if bytes < self.unwritten => {}
            Ok(()) => self.unwritten = 0,
        }
        written
    }

    fn load(&self, space: &SpaceId, take: &mut dyn FnMut(Stored) -> Result<(), StoreError>) -> Result<(), StoreError> {
        load(&self.connection, space, take)
    }

    fn entries(&self, space: &SpaceId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError> {
        let space = self.number(space)?.ok_or(StoreError::Missing)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT header, signature, bodies.body FROM entries JOIN bodies ON bodies.n = entries.body
             WHERE space = ?1 AND id = ?2",
        )?;
        let mut one = |id: &EntryId| {
            let mut rows = statement.query((space, id.as_ref()))?;
            rows.next()?.map(entry).unwrap_or(Err(StoreError::Missing))
        };
        ids.iter().map(&mut one).collect()
    }

    fn spaces_of(&self, device: &DeviceId, limit: usize) -> Result<Vec<SpaceId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT spaces.space FROM live JOIN spaces ON spaces.n = live.space WHERE device = ?1
             ORDER BY live.agreed DESC, spaces.space LIMIT ?2",
        )?;
        let mut rows = statement.query((device.as_ref(), i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut spaces = Vec::new();
        while let Some(row) = rows.next()? {
            spaces.push(Id::from_slice(blob(row, 0)?).ok_or(StoreError::Damaged { what: "a space's name" })?);
        }
        Ok(spaces)
    }

    fn forget(&mut self, space: &SpaceId) -> Result<bool, StoreError> {
        self.drop_space(space)
    }

    fn content_limit(&self, space: &SpaceId) -> Result<Option<u64>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT content_limit FROM spaces WHERE space = ?1")?;
        let limit: Option<Option<i64>> = statement.query_row([space.as_ref()], |row| row.get(0)).optional()?;
        Ok(limit.flatten().map(|limit| u64::try_from(limit).unwrap_or(0)))
    }

    fn set_content_limit(&mut self, space: &SpaceId, limit: Option<u64>) -> Result<bool, StoreError> {
        let limit = limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = "UPDATE spaces SET content_limit = ?2 WHERE space = ?1";
        Ok(self.connection.execute(sql, (space.as_ref(), limit))? > 0)
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*), coalesce(sum(entries), 0), coalesce(sum(content_bytes), 0), coalesce(sum(control_bytes), 0)
             FROM spaces",
        )?;
        let count = |row: &Row<'_>, column| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
        Ok(statement.query_row([], |row| {
            let (spaces, entries) = (count(row, 0)?, count(row, 1)?);
            Ok(Totals { spaces, entries, content_bytes: count(row, 2)?, control_bytes: count(row, 3)? })
        })?)
    }

    fn disk_bytes(&self) -> u64 {
        let Some(database) = self.connection.path() else { return 0 };
        let files = [database.to_owned(), format!("{database}-wal")];
        files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
    }

    fn times(&self) -> StoreTimes {
        self.times.clone()
    }

    fn check(&mut self) -> Result<(), StoreError> {
        self.connection.query_row("SELECT n FROM spaces LIMIT 1", [], |_| Ok(())).optional()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // What does not change is not written, but for this.
        let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        transaction.pragma_update(None, "user_version", version)?;
        if self.unwritten > 0 {
            // One page may find room in the log of writes where entries did not; a little more than they are, for what comes
            // with them.
            let probe = i64::try_from(self.unwritten + self.unwritten / 4 + SPARE).unwrap_or(i64::MAX);
            transaction.execute("INSERT INTO bodies (body) VALUES (zeroblob(?1))", [probe])?;
            transaction.execute("DELETE FROM bodies WHERE n = last_insert_rowid()", [])?;
        }
        transaction.commit()?;
        if self.unwritten > 0 {
            // Else this may have taken the last room: the log of writes is used again only once all of it is in the file.
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        self.unwritten = 0;
        Ok(())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => {
                Self::Disk(error)
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { what: "a page of the file" },
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Sqlite(error),
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = u32::try_from(STEPS.len()).expect("there are few steps");
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION {
        return Err(StoreError::Foreign);
    }
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if found < known {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        for step in STEPS.iter().skip(found as usize) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Makes an empty database, whole under its name or not there.
fn make(folder: &Path, database: &Path) -> Result<(), StoreError> {
    let part = folder.join(format!("{DATABASE}.part"));
    match fs::remove_file(&part) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(in_folder(part)(problem)),
        _ => {}
    }
    drop(private_file(&part)?);
    migrate(&mut Connection::open(&part)?)?;
    fs::rename(&part, database).map_err(in_folder(database.to_owned()))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(in_folder(folder.to_owned()))
}

/// Refuses what a copy leaves that failed: a new key in its place would be taken for another relay's.
fn refuse_empty(database: &Path) -> Result<(), StoreError> {
    match fs::metadata(database) {
        Ok(file) if file.len() == 0 => Err(StoreError::Empty(database.to_owned())),
        // If it cannot be looked at, opening it says why.
        _ => Ok(()),
    }
}

fn load(
    connection: &Connection,
    space: &SpaceId,
    take: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let Some(space) = number(connection, space)? else { return Ok(()) };
    let mut statement = connection.prepare_cached(
        "SELECT header, signature, CASE chain WHEN 0 THEN (SELECT body FROM bodies WHERE n = entries.body) ELSE x'' END,
                device
         FROM entries WHERE space = ?1 ORDER BY arrival",
    )?;
    let mut rows = statement.query([space])?;
    while let Some(row) = rows.next()? {
        let device = blob(row, 3)?;
        let device = Id::from_slice(device).ok_or(StoreError::Damaged { what: "an entry's device" })?;
        take(Stored { device, entry: entry(row)? })?;
    }
    Ok(())
}

fn number(connection: &Connection, space: &SpaceId) -> Result<Option<i64>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT n FROM spaces WHERE space = ?1")?;
    Ok(statement.query_row([space.as_ref()], |row| row.get(0)).optional()?)
}

fn insert_space(transaction: &Transaction<'_>, space: &SpaceId) -> Result<i64, StoreError> {
    transaction.prepare_cached("INSERT INTO spaces (space) VALUES (?1)")?.execute([space.as_ref()])?;
    Ok(transaction.last_insert_rowid())
}

fn insert_entries(transaction: &Transaction<'_>, space: i64, entries: &[Verified]) -> Result<(), StoreError> {
    let next = "SELECT coalesce(max(arrival), 0) + 1 FROM entries WHERE space = ?1";
    let next: i64 = transaction.prepare_cached(next)?.query_row([space], |row| row.get(0))?;
    let mut body = transaction.prepare_cached("INSERT INTO bodies (body) VALUES (?1)")?;
    let mut row = transaction.prepare_cached(
        "INSERT INTO entries (space, arrival, id, device, chain, header, signature, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (arrival, entry) in (next..).zip(entries) {
        let body = body.insert([&entry.entry.body])?;
        let (id, device, signature) = (entry.id.as_ref(), entry.device.as_ref(), entry.entry.signature.0.as_slice());
        row.execute((space, arrival, id, device, chain(entry.header.chain), &entry.entry.header, signature, body))?;
    }
    Ok(())
}

fn count_entries(transaction: &Transaction<'_>, space: i64, entries: &[Verified]) -> Result<(), StoreError> {
    let more = Totals::of(entries);
    let [entries, content, control] =
        [more.entries, more.content_bytes, more.control_bytes].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let sql = "UPDATE spaces SET entries = entries + ?2, content_bytes = content_bytes + ?3,
                   control_bytes = control_bytes + ?4 WHERE n = ?1";
    transaction.prepare_cached(sql)?.execute((space, entries, content, control))?;
    Ok(())
}

fn replace_live(transaction: &Transaction<'_>, space: i64, live: &[Living]) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM live WHERE space = ?1")?.execute([space])?;
    let mut row =
        transaction.prepare_cached("INSERT OR IGNORE INTO live (device, space, agreed) VALUES (?1, ?2, ?3)")?;
    live.iter().try_for_each(|it| row.execute((it.device.as_ref(), space, it.agreed)).map(drop))?;
    Ok(())
}

/// Header, signature and body, the first three columns.
fn entry(row: &Row<'_>) -> Result<Entry, StoreError> {
    let signature = blob(row, 1)?.try_into().map_err(|_| StoreError::Damaged { what: "an entry's signature" })?;
    Ok(Entry { header: blob(row, 0)?.to_vec(), signature: Signature(signature), body: blob(row, 2)?.to_vec() })
}

fn blob<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r [u8], StoreError> {
    row.get_ref(column)?.as_blob().map_err(|_| StoreError::Damaged { what: "a column of an entry" })
}

fn chain(chain: Chain) -> i64 {
    match chain {
        Chain::Control => 0,
        Chain::Content => 1,
    }
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(in_folder(folder.to_owned()))
}

/// Opens a file, or makes it so that only its owner can read it; SQLite gives its side files the same mode.
fn private_file(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(in_folder(path.to_owned()))
}

fn in_folder(path: PathBuf) -> impl FnOnce(io::Error) -> StoreError {
    |source| StoreError::Folder { path, source }
}

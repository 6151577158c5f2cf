//! The profile's database: one SQLite file, several processes at once.
//!
//! rusqlite lives only here. Every change happens inside [`Store::write`], one immediate transaction that is on disk when
//! it returns; what a transaction means is decided above, in `app`. The file holds secrets: whoever opens it sees to it
//! that only its owner can read it.

mod aside;
mod documents;
mod gates;
mod journal;
mod logs;
mod migrate;
mod relays;
mod rows;
mod search;
mod secrets;
mod security;

pub use aside::Aside;
pub use documents::{Facet, Newer, Waiting};
pub use gates::Tx;
pub use journal::Act;
pub use logs::{Kept, StoredEntry, StoredState};
pub use relays::{RelayRow, RelayTerms, Stage};
pub use rows::{ARCHIVED, StoredRow};
pub use search::Hit;
pub use secrets::{Ending, EpochRow, Invited, SpaceRow};
pub use security::SecurityEvent;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// What is damaged if it is more than a part of one space.
pub const FILE: &str = "database file";

/// What can go wrong with the profile's file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none.
    #[error("there is no profile here")]
    Missing,
    /// There is one already.
    #[error("there is a profile here already")]
    Exists,
    /// A newer program wrote it.
    #[error("profile has format {found}, this program knows up to {known}")]
    Newer {
        /// The format found.
        found: u32,
        /// The newest one known.
        known: u32,
    },
    /// Another process holds the write gate for too long.
    #[error("another program is writing to this profile")]
    Busy(#[source] rusqlite::Error),
    /// No space left, or the disk cannot be written.
    #[error("the profile cannot be written")]
    Disk(#[source] rusqlite::Error),
    /// The file is not what it should be.
    #[error("the profile is damaged ({what})")]
    Damaged {
        /// Where.
        what: &'static str,
    },
    /// Anything else that SQLite says.
    #[error("the profile cannot be used")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy(error),
            Some(
                Code::DiskFull | Code::ReadOnly | Code::SystemIoFailure | Code::PermissionDenied | Code::CannotOpen,
            ) => Self::Disk(error),
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged { what: FILE },
            _ => Self::Sqlite(error),
        }
    }
}

/// An open profile file.
pub struct Store {
    connection: Connection,
    /// Whether a commit returns only once it is on disk.
    waits: bool,
    /// How many of the last transactions may not be on disk.
    volatile: u32,
}

impl Store {
    /// Makes the file of a new profile. Its folder is there already.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        gates::configure(&connection)?;
        if migrate::version(&connection)? != 0 {
            return Err(StoreError::Exists);
        }
        migrate::run(&mut connection)?;
        Ok(Self { connection, waits: true, volatile: 0 })
    }

    /// Opens the file of a profile and brings it up to this program's format.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            Connection::open_with_flags(path, flags).map_err(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::CannotOpen) => StoreError::Missing,
                _ => error.into(),
            })?;
        gates::configure(&connection)?;
        match migrate::version(&connection)? {
            0 => return Err(StoreError::Missing),
            found if found > migrate::NEWEST => return Err(StoreError::Newer { found, known: migrate::NEWEST }),
            found if found < migrate::NEWEST => migrate::run(&mut connection)?,
            _ => {}
        }
        Ok(Self { connection, waits: true, volatile: 0 })
    }
}

impl Store {
    /// How many of the last transactions may be lost with power: those of [`Store::note`] since another one.
    pub fn volatile(&self) -> u32 {
        self.volatile
    }

    /// Lets the file grow no more, as on a full disk, or as it likes again; for as long as it is open.
    pub fn set_full(&self, full: bool) -> Result<(), StoreError> {
        // What is less than there are means: no more than there are.
        let pages = if full { 1 } else { u32::MAX - 1 };
        Ok(self.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))?)
    }

    /// Changes whenever another connection wrote to the file.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get(0))?)
    }

    /// What SQLite finds wrong with the file, a few lines at the most.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check(10)")?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        loop {
            match rows.next() {
                Ok(Some(row)) => found.push(row.get::<_, String>(0)?),
                Ok(None) => break,
                // It may be too damaged even for that.
                Err(error) => match error.into() {
                    StoreError::Damaged { .. } => {
                        found.push("the file cannot be read to its end".to_owned());
                        break;
                    }
                    error => return Err(error),
                },
            }
        }
        found.retain(|line| line != "ok");
        Ok(found)
    }

    /// Writes what is there already, to see whether that can be done.
    pub fn try_write(&mut self) -> Result<(), StoreError> {
        self.write(|tx| {
            // Rows that do not change are not written.
            let version = migrate::version(tx)?;
            Ok(tx.pragma_update(None, "user_version", version)?)
        })
    }
}

/// The name in a column, or a word about the damage.
fn id<K, const N: usize>(what: &'static str, bytes: &[u8]) -> Result<alliance_replica::id::Id<K, N>, StoreError> {
    alliance_replica::id::Id::from_slice(bytes).ok_or(StoreError::Damaged { what })
}

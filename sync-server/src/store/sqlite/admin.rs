//! What an operator sees and does beside a relay that may be running on the same database.
//!
//! Reading and copying work on one snapshot; the only writing is one row's limit. Dropping needs the folder to itself.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use alliance_replica::id::{Id, SpaceId};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, ffi};

use super::{APPLICATION, BUSY, DATABASE, LOCK, STEPS, SqliteStore, blob, in_folder, load, number, refuse_empty};
use crate::store::{StoreError, Stored};

/// A relay's database, or a copy of one, as an operator opens it.
pub struct Admin {
    pub(super) connection: Connection,
}

/// What is kept of a space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The space.
    pub space: SpaceId,
    /// Its entries.
    pub entries: u64,
    /// Bytes of its content entries.
    pub content_bytes: u64,
    /// Bytes of its control entries.
    pub control_bytes: u64,
    /// Device keys that are live in it; the keys of open invitations and of recovery count.
    pub devices: u64,
    /// Bytes of content that it may have in place of what the policy says.
    pub content_limit: Option<u64>,
}

const KEPT: &str = "SELECT space, content_limit,
       (SELECT count(*) FROM entries WHERE space = spaces.n),
       (SELECT coalesce(sum(length(header) + length(signature) + length(bodies.body)), 0)
        FROM entries JOIN bodies ON bodies.n = entries.body WHERE entries.space = spaces.n AND chain = 1),
       (SELECT coalesce(sum(length(header) + length(signature) + length(bodies.body)), 0)
        FROM entries JOIN bodies ON bodies.n = entries.body WHERE entries.space = spaces.n AND chain = 0),
       (SELECT count(*) FROM live WHERE live.space = spaces.n)
     FROM spaces";

impl Admin {
    /// Opens the database of a folder, beside a relay that may run on it. An older format is brought up to date, which
    /// needs the folder to itself.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = folder.join(DATABASE);
        let (admin, found) = Self::open_with(&path, flags)?;
        if found == STEPS.len() {
            return Ok(admin);
        }
        drop(admin);
        drop(SqliteStore::open(folder)?);
        Ok(Self::open_with(&path, flags)?.0)
    }

    /// Opens a copy, to read it only.
    pub fn open_copy(file: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self::open_with(file, flags)?.0)
    }

    fn open_with(file: &Path, flags: OpenFlags) -> Result<(Self, usize), StoreError> {
        refuse_empty(file)?;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "secure_delete", true)?;
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if application != APPLICATION {
            return Err(StoreError::Foreign);
        }
        if found as usize > STEPS.len() {
            return Err(StoreError::Newer { found, known: u32::try_from(STEPS.len()).expect("there are few steps") });
        }
        Ok((Self { connection }, found as usize))
    }

    /// Every space, in the order of their names.
    pub fn spaces(&self) -> Result<Vec<Kept>, StoreError> {
        let mut statement = self.connection.prepare(&format!("{KEPT} ORDER BY space"))?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(kept(row)?);
        }
        Ok(all)
    }

    /// The spaces whose names begin with these hexadecimal digits, in the order of their names.
    pub fn named(&self, prefix: &str) -> Result<Vec<SpaceId>, StoreError> {
        let sql = "SELECT space FROM spaces WHERE substr(lower(hex(space)), 1, length(?1)) = ?1 ORDER BY space";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([prefix])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(Id::from_slice(blob(row, 0)?).ok_or(StoreError::Damaged { what: "a space's name" })?);
        }
        Ok(all)
    }

    /// One space, if it is held.
    pub fn space(&self, space: &SpaceId) -> Result<Option<Kept>, StoreError> {
        let mut statement = self.connection.prepare(&format!("{KEPT} WHERE space = ?1"))?;
        let mut rows = statement.query([space.as_ref()])?;
        rows.next()?.map(kept).transpose()
    }

    /// Gives every entry of a space in order of arrival, content without its body.
    pub fn load(
        &self,
        space: &SpaceId,
        take: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        load(&self.connection, space, take)
    }

    /// Sets how much content a space may have; nothing for what the policy says of all. False if the space is not held.
    pub fn set_content_limit(&self, space: &SpaceId, limit: Option<u64>) -> Result<bool, StoreError> {
        let limit = limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = "UPDATE spaces SET content_limit = ?2 WHERE space = ?1";
        Ok(self.connection.execute(sql, (space.as_ref(), limit))? > 0)
    }

    /// Writes everything as it is at one moment into an empty file. It is not yet on disk when this returns.
    pub fn copy_to(&self, file: &str) -> Result<(), StoreError> {
        match self.connection.execute("VACUUM INTO ?1", [file]) {
            Err(problem) if is_of_target(&problem) => Err(StoreError::Target(problem)),
            done => Ok(done.map(|_| ())?),
        }
    }
}

/// True if the file that is written is at fault: the database itself is only read.
fn is_of_target(problem: &rusqlite::Error) -> bool {
    let reads = [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ];
    match problem.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => true,
        Some(ErrorCode::SystemIoFailure) => {
            problem.sqlite_error().is_some_and(|error| !reads.contains(&error.extended_code))
        }
        _ => false,
    }
}

impl SqliteStore {
    /// Where the database of a folder is.
    pub fn database(folder: &Path) -> PathBuf {
        folder.join(DATABASE)
    }

    /// Looks whether a folder can be a relay's, and makes nothing: what is there may be opened by this user, what is not
    /// there yet may be made, and no file stands in its way.
    pub fn look(folder: &Path) -> Result<(), StoreError> {
        for name in [LOCK, DATABASE] {
            let file = folder.join(name);
            match OpenOptions::new().read(true).write(true).open(&file) {
                Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(in_folder(file)(problem)),
                _ => {}
            }
        }
        look_into(&folder.join(DATABASE))?;
        may_be_written(folder)
    }

    /// Forgets a space and overwrites what was kept of it. False if it is not held.
    pub fn drop_space(&mut self, space: &SpaceId) -> Result<bool, StoreError> {
        let Some(n) = number(&self.connection, space)? else { return Ok(false) };
        // A body that two rows name is no body of this space alone.
        let bodies = "CREATE TEMP TABLE gone AS SELECT body FROM entries WHERE space = ?1";
        let transaction = self.connection.transaction()?;
        transaction.execute(bodies, [n])?;
        transaction.execute("DELETE FROM live WHERE space = ?1", [n])?;
        transaction.execute("DELETE FROM entries WHERE space = ?1", [n])?;
        transaction.execute("DELETE FROM bodies WHERE n IN (SELECT body FROM gone)", [])?;
        transaction.execute("DELETE FROM spaces WHERE n = ?1", [n])?;
        transaction.execute("DROP TABLE gone", [])?;
        transaction.commit()?;
        // What was overwritten is still in the log of writes; while somebody copies the database, it goes with a later one.
        let _emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(true)
    }
}

/// Looks whether a database, if it is there, begins as a relay's does. SQLite itself would make files beside it.
fn look_into(database: &Path) -> Result<(), StoreError> {
    refuse_empty(database)?;
    let mut head = [0; 100];
    match File::open(database).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) => {}
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(problem) if problem.kind() == io::ErrorKind::UnexpectedEof => return Err(StoreError::Foreign),
        Err(problem) => return Err(in_folder(database.to_owned())(problem)),
    }
    let number = |at: usize| head.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_be_bytes);
    let (found, application) = (number(60), number(68));
    let known = u32::try_from(STEPS.len()).expect("there are few steps");
    match head.starts_with(b"SQLite format 3\0") && application == APPLICATION as u32 {
        false => Err(StoreError::Foreign),
        true if found > known => Err(StoreError::Newer { found, known }),
        true => Ok(()),
    }
}

/// Looks whether this user may make files in a folder, or, where it is not there yet, in the nearest one above that is.
#[cfg(unix)]
fn may_be_written(folder: &Path) -> Result<(), StoreError> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let here = |path| if path == Path::new("") { Path::new(".") } else { path };
    let Some(nearest) = folder.ancestors().map(here).find(|path| path.exists()) else { return Ok(()) };
    let may = accessat(CWD, nearest, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    may.map_err(|problem| in_folder(nearest.to_owned())(problem.into()))
}

/// Nothing that can be told.
#[cfg(not(unix))]
fn may_be_written(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

fn kept(row: &Row<'_>) -> Result<Kept, StoreError> {
    let count = |column| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
    let limit: Option<i64> = row.get(1)?;
    Ok(Kept {
        space: Id::from_slice(blob(row, 0)?).ok_or(StoreError::Damaged { what: "a space's name" })?,
        entries: count(2)?,
        content_bytes: count(3)?,
        control_bytes: count(4)?,
        devices: count(5)?,
        content_limit: limit.map(|limit| u64::try_from(limit).unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store as _, conformance};

    #[test]
    fn a_space_is_counted_bounded_copied_and_dropped_without_touching_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (conformance::space(0xa1), conformance::space(0xb2));
        let mut store = SqliteStore::open(folder.path()).expect("opens");
        store.append(&[conformance::append(a, &[1, 2]), conformance::append(b, &[1])]).expect("appends");
        let admin = Admin::open(folder.path()).expect("opens beside the relay");
        let before = admin.spaces().expect("counts");
        assert_eq!(before.iter().map(|kept| (kept.space, kept.entries)).collect::<Vec<_>>(), [(a, 2), (b, 1)]);
        let bytes: usize = conformance::append(a, &[1, 2]).entries.iter().map(|entry| entry.entry.size()).sum();
        assert_eq!(before[0].content_bytes + before[0].control_bytes, bytes as u64);
        assert!(admin.set_content_limit(&a, Some(7)).expect("sets"));
        assert_eq!(admin.space(&a).expect("reads").expect("is there").content_limit, Some(7));
        assert!(!admin.set_content_limit(&conformance::space(3), Some(7)).expect("is not there"));
        let copy = folder.path().join("copy");
        admin.copy_to(copy.to_str().expect("text")).expect("copies");
        assert!(store.drop_space(&a).expect("drops") && !store.drop_space(&a).expect("is gone"));
        assert_eq!(admin.spaces().expect("counts"), before[1..]);
        let copied = Admin::open_copy(&copy).expect("opens").spaces().expect("counts");
        assert_eq!((copied.len(), copied[0].content_limit), (2, Some(7)));
        drop(store);
        let raw = std::fs::read(SqliteStore::database(folder.path())).expect("reads");
        assert!(!raw.windows(16).any(|bytes| bytes == a.as_ref()), "not even its name is left");
        let mut store = SqliteStore::open(folder.path()).expect("opens");
        // The same space may come again.
        store.append(&[conformance::append(a, &[1])]).expect("appends");
        assert_eq!(admin.space(&a).expect("reads").expect("is there").entries, 1);
    }
}

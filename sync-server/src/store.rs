//! What a relay keeps: every space's entries in order of arrival, which device keys are live where, and its own key.
//!
//! The state machine knows only [`Store`]. It has two implementors, one on disk and one in memory for the simulator, and
//! both pass one suite (`conformance`). A store never looks into an entry; what it gives back is checked by the caller.

#[cfg(test)]
mod conformance;
mod memory;
mod sqlite;

use std::{io, path::PathBuf};

use alliance_replica::{
    id::{DeviceId, EntryId, SpaceId},
    log::{
        entry::{Entry, Verified},
        heads::Chain,
    },
};

use crate::metrics::Histogram;

pub use memory::MemoryStore;
pub use sqlite::{Admin, Kept, Report, SqliteStore};

/// Durable memory of a relay.
pub trait Store {
    /// The relay's secret: what was stored first; that is `fresh` if nothing was. A store that has entries and no secret
    /// has lost it, and gets no other one.
    fn secret(&mut self, fresh: &[u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Writes all of it, or nothing. It is on disk when this returns.
    fn append(&mut self, batch: &[Append]) -> Result<(), StoreError>;

    /// Gives every entry of a space in order of arrival, content without its body; nothing if the space is unknown.
    /// Stops at the first error of `take`.
    fn load(&self, space: &SpaceId, take: &mut dyn FnMut(Stored) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// Entries of a space, whole and in the order asked for. One that is not there is an error.
    fn entries(&self, space: &SpaceId, ids: &[EntryId]) -> Result<Vec<Entry>, StoreError>;

    /// The spaces in which a device is live, at most `limit`; those to which it agreed come first, by name.
    fn spaces_of(&self, device: &DeviceId, limit: usize) -> Result<Vec<SpaceId>, StoreError>;

    /// Forgets a space and all that was kept of it. False if it is unknown.
    fn forget(&mut self, space: &SpaceId) -> Result<bool, StoreError>;

    /// How much content a space may have, if that was said for this space.
    fn content_limit(&self, space: &SpaceId) -> Result<Option<u64>, StoreError>;

    /// Says how much content a space may have, or that the policy does. False if the space is unknown.
    fn set_content_limit(&mut self, space: &SpaceId, limit: Option<u64>) -> Result<bool, StoreError>;

    /// What the store has, all spaces together.
    fn totals(&self) -> Result<Totals, StoreError>;

    /// Bytes that it takes on disk now, as far as can be told.
    fn disk_bytes(&self) -> u64;

    /// How long the store took, since it was opened.
    fn times(&self) -> StoreTimes;

    /// Looks whether the store can be read and written. It writes: after an append that failed, as much as that was.
    fn check(&mut self) -> Result<(), StoreError>;
}

/// What a store has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Spaces.
    pub spaces: u64,
    /// Entries of all spaces.
    pub entries: u64,
    /// Bytes of content entries.
    pub content_bytes: u64,
    /// Bytes of control entries.
    pub control_bytes: u64,
}

/// How long a store took; nothing is counted where nothing is waited for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct StoreTimes {
    /// Commits that wrote something.
    pub commits: Histogram,
}

impl Totals {
    /// What entries add to a space.
    fn of(entries: &[Verified]) -> Self {
        let bytes =
            |chain| entries.iter().filter(move |it| it.header.chain == chain).map(|it| it.entry.size() as u64).sum();
        let (content_bytes, control_bytes) = (bytes(Chain::Content), bytes(Chain::Control));
        Self { spaces: 0, entries: entries.len() as u64, content_bytes, control_bytes }
    }
}

/// What one commit adds to one space.
#[derive(Clone, Debug)]
pub struct Append {
    /// The space; known from its first entry on.
    pub space: SpaceId,
    /// New entries, in order of arrival.
    pub entries: Vec<Verified>,
    /// The devices that are live from now on, if that may have changed.
    pub live: Option<Vec<Living>>,
}

/// A device that is live in a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Living {
    /// Its key.
    pub device: DeviceId,
    /// True if it agreed to be there; anybody can name the recovery key of an earlier version.
    pub agreed: bool,
}

/// An entry as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its author.
    pub device: DeviceId,
    /// Its bytes; content has no body unless it was asked for.
    pub entry: Entry,
}

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another relay works on the same folder.
    #[error("another relay uses the folder {}", .0.display())]
    Locked(PathBuf),
    /// The folder or a file in it cannot be made or opened.
    #[error("cannot use {}", .path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The database is of another program.
    #[error("the database is not a relay's")]
    Foreign,
    /// A newer program wrote it.
    #[error("the database has format {found}, this program knows up to {known}")]
    Newer {
        /// The format found.
        found: u32,
        /// The newest one known.
        known: u32,
    },
    /// Something stored is not what it should be.
    #[error("the database is damaged ({what})")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
    /// There are entries, but the key is gone under which people know the relay.
    #[error("the database holds entries but not the relay's key: it is damaged, or only a part of it was restored")]
    Keyless,
    /// An entry that should be there is not.
    #[error("an entry is missing from the database")]
    Missing,
    /// The disk is full or cannot be written.
    #[error("the disk cannot be written")]
    Disk(#[source] rusqlite::Error),
    /// The file that a copy is written into cannot be written.
    #[error("the copy cannot be written")]
    Target(#[source] rusqlite::Error),
    /// A file without a byte in the place of a database.
    #[error("{} is empty, so it is no relay's database", .0.display())]
    Empty(PathBuf),
    /// Anything else that SQLite says.
    #[error("the database cannot be used")]
    Sqlite(#[source] rusqlite::Error),
    /// A simulated fault of the store in memory.
    #[error("the store in memory was told to fail")]
    Told,
}

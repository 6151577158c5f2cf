//! What a loss of power leaves of a database: its file, and a write-ahead log that is whole up to what was fsynced.
//!
//! The log is SQLite's: a header of 32 bytes, then frames of 24 bytes and a page each, of one transaction after the other.
//! Frames count as long as they carry the header's salts; the last one of a transaction says how many pages there are.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::dice::Dice;
use crate::copy_files;

/// The name of a profile's database.
pub(crate) const DATABASE: &str = "profile.db";
const HEADER: usize = 32;
const FRAME: usize = 24;
/// Frames from which on SQLite copies all of them into the database, which it fsyncs before.
const COPIED: usize = 1000;

/// A folder in memory if there is such a thing: what a loss of power leaves is decided here, not by a disk.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.or_else(|_| TempDir::new()).expect("a folder")
}

/// The write-ahead log of the one database in a folder.
fn log(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    files.filter(|file| file.to_string_lossy().ends_with("-wal")).min()
}

/// How far a write-ahead log has come.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Mark {
    salts: Vec<u8>,
    /// Where each transaction ends, in bytes.
    commits: Vec<usize>,
    frames: usize,
}

impl Mark {
    /// Of the database in a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let log = log(folder).map(|log| fs::read(log).expect("a log")).unwrap_or_default();
        if log.len() < HEADER {
            return Self::default();
        }
        let page = u32::from_be_bytes(log[8..12].try_into().expect("4 bytes")) as usize;
        let mut mark = Self { salts: log[16..24].to_vec(), ..Self::default() };
        let mut at = HEADER;
        while at + FRAME + page <= log.len() && log[at + 8..at + 16] == mark.salts[..] {
            let pages = u32::from_be_bytes(log[at + 4..at + 8].try_into().expect("4 bytes"));
            at += FRAME + page;
            mark.frames += 1;
            if pages > 0 {
                mark.commits.push(at);
            }
        }
        mark
    }

    /// The bytes up to which a log that was `before` and is this one now is whole, and to which it goes on, if the last
    /// `volatile` of all transactions since need not be on disk. Nothing if no part of it can be missing.
    fn open_end(&self, kept: usize) -> Option<Range<usize>> {
        let end = *self.commits.last()?;
        let start = kept.checked_sub(1).map_or(HEADER, |at| self.commits[at]);
        (self.frames < COPIED && start < end).then_some(start..end)
    }

    /// How many transactions are on disk for good if this is the state after a call, of whose transactions any may be
    /// the last one: those that were there before, without the `volatile` last ones.
    fn kept_since(&self, before: &Self, volatile: usize) -> usize {
        match before.salts == self.salts {
            true => before.commits.len().min(self.commits.len()).saturating_sub(volatile),
            // All that was in the log before is in the database.
            false => 0,
        }
    }
}

/// How a program or a computer ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crash {
    /// The program alone: what it wrote is written.
    Kill,
    /// The computer loses power: what was not fsynced may be there in part, or garbled.
    Power,
}

/// Copies a database as a crash leaves it. `before` is how far it had come before the call within which it happened, with
/// how many of its last transactions were not fsynced; nothing if it happened between calls.
pub(crate) fn crash(
    from: &Path,
    to: &Path,
    crash: Crash,
    before: Option<(&Mark, u32)>,
    volatile: u32,
    dice: &mut Dice,
) -> String {
    copy_files(from, to);
    let mark = Mark::read(from);
    let volatile = volatile as usize;
    let kept = match (crash, before) {
        (Crash::Kill, None) => return "as it was".to_owned(),
        (Crash::Kill, Some((before, _))) => mark.kept_since(before, 0),
        (Crash::Power, None) => mark.commits.len().saturating_sub(volatile),
        (Crash::Power, Some((before, volatile))) => mark.kept_since(before, volatile as usize),
    };
    let Some(open) = mark.open_end(kept) else { return "as it was".to_owned() };
    let file = log(to).expect("it has commits");
    let mut log = fs::read(&file).expect("a log");
    let cut = open.start + dice.index(open.len() + 1);
    log.truncate(open.end);
    if crash == Crash::Kill || dice.chance(500) {
        log.truncate(cut);
    } else {
        dice.fill(&mut log[cut..]);
    }
    fs::write(&file, log).expect("written");
    format!("its log whole up to {} of {}, {cut}", open.start, open.end)
}

//! The library's calls without a process around them: on profiles of one year and of ten, in memory, beside a baseline.

use std::path::{Path, PathBuf};

use alliance_core::app::{Place, Profile, World};
use alliance_replica::id::SpaceId;
use alliance_tests::{
    START, believable, copy_files,
    trace::{Trace, Typing},
};
use divan::Bencher;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use rusqlite::Connection;
use tempfile::TempDir;

const YEARS: [usize; 2] = [1, 10];

fn main() {
    if Path::new("/dev/shm").is_dir() {
        // Folders that are thrown away are in memory: what is measured is this program, not a disk.
        let _ = tempfile::env::override_temp_dir(Path::new("/dev/shm"));
    }
    divan::main();
}

/// A copy of Ben's profile.
struct Copy {
    folder: TempDir,
    space: SpaceId,
}

impl Copy {
    fn new(years: usize) -> Self {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data");
        let folder = TempDir::new().expect("a folder");
        copy_files(&believable::home(&data, years).join("ben"), folder.path());
        let space = Profile::open(&folder.path().join("profile.db")).and_then(|mut profile| profile.current());
        Self { folder, space: space.expect("a profile").expect("an alliance") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("profile.db")
    }

    fn open(&self) -> Profile {
        Profile::open(&self.file()).expect("a profile")
    }
}

/// The baseline: SQLite opens the same file and reads one row.
#[divan::bench(args = YEARS)]
fn bare_read(bencher: Bencher<'_, '_>, years: usize) {
    let copy = Copy::new(years);
    bencher.bench(|| {
        let connection = Connection::open(copy.file()).expect("a database");
        connection.query_row("SELECT json FROM rows LIMIT 1", (), |row| row.get::<_, String>(0)).expect("a row")
    });
}

#[divan::bench(args = YEARS)]
fn open(bencher: Bencher<'_, '_>, years: usize) {
    let copy = Copy::new(years);
    bencher.bench(|| copy.open());
}

#[divan::bench(args = YEARS)]
fn open_and_today(bencher: Bencher<'_, '_>, years: usize) {
    let copy = Copy::new(years);
    bencher.bench(|| copy.open().today(copy.space).expect("a page"));
}

#[divan::bench(args = YEARS)]
fn open_and_list_goals(bencher: Bencher<'_, '_>, years: usize) {
    let copy = Copy::new(years);
    bencher.bench(|| copy.open().list(copy.space, "goal", false).expect("goals"));
}

#[divan::bench(args = YEARS)]
fn open_and_add_a_note(bencher: Bencher<'_, '_>, years: usize) {
    let copy = Copy::new(years);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let note = believable::add_note("A thought on the way home", "We should talk about September once more.");
    bencher.bench_local(|| {
        let mut world = World { now: START, rng: &mut rng };
        copy.open().add(Place::Alliance(copy.space), &note, &mut world).expect("a note")
    });
}

/// One keystroke in a note that was typed with so many before.
#[divan::bench(args = [100, 2000, 8000])]
fn keystroke(bencher: Bencher<'_, '_>, before: usize) {
    let keys = Trace::friends().keystrokes;
    let mut typing = Typing::new(11);
    keys[..before].iter().for_each(|key| typing.press(key));
    let mut keys = keys[before..].iter();
    bencher.bench_local(|| typing.press(keys.next().expect("more keystrokes than rounds")));
}

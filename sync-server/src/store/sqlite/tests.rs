//! A store on disk: formats, locks, damage, full disks.

use super::*;
use crate::store::conformance;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(folder.path()).expect("opens")
}

fn raw(folder: &tempfile::TempDir) -> Connection {
    Connection::open(folder.path().join(DATABASE)).expect("opens")
}

#[test]
fn store_on_disk_does_what_every_store_does() {
    conformance::check(|| {
        let folder = folder();
        (open(&folder), folder)
    });
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let (folder, space) = (folder(), conformance::space(1));
    let mut store = open(&folder);
    let secret = store.secret(&[1; 32]).expect("keeps");
    store.append(&[conformance::append(space, &[1, 2])]).expect("appends");
    let before = conformance::loaded(&store, &space);
    drop(store);
    let mut store = open(&folder);
    assert_eq!(conformance::loaded(&store, &space), before);
    assert_eq!(store.secret(&[2; 32]).expect("keeps"), secret);
}

#[test]
fn an_older_database_is_counted_when_it_is_opened() {
    let (folder, space) = (folder(), conformance::space(1));
    let mut store = open(&folder);
    store
        .append(&[conformance::append(space, &[1, 2]), conformance::append(conformance::space(2), &[3])])
        .expect("appends");
    let totals = store.totals().expect("counts");
    drop(store);
    let older = "ALTER TABLE spaces DROP COLUMN entries; ALTER TABLE spaces DROP COLUMN content_bytes;
                 ALTER TABLE spaces DROP COLUMN control_bytes; ALTER TABLE spaces DROP COLUMN content_limit;
                 ALTER TABLE live DROP COLUMN agreed;
                 PRAGMA user_version = 1";
    raw(&folder).execute_batch(older).expect("goes back");
    assert_eq!(open(&folder).totals().expect("counts"), totals);
    assert_eq!((totals.spaces, totals.entries), (2, 3));
}

#[test]
fn a_store_that_cannot_be_written_says_so() {
    let folder = folder();
    let mut store = open(&folder);
    store.secret(&[1; 32]).expect("keeps");
    store.check().expect("can be written");
    store.connection.pragma_update(None, "query_only", true).expect("sets");
    assert!(matches!(store.check(), Err(StoreError::Disk(_))));
}

#[test]
fn after_an_append_that_found_no_room_a_store_is_well_only_when_there_is_as_much() {
    let (folder, space) = (folder(), conformance::space(1));
    let mut store = open(&folder);
    store.append(&[conformance::append(space, &[1])]).expect("appends");
    let pages: u32 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("counts");
    let room = |store: &SqliteStore, more: u32| {
        store.connection.query_row(&format!("PRAGMA max_page_count = {}", pages + more), [], |_| Ok(()))
    };
    room(&store, 2).expect("bounds");
    let large = conformance::large(space, 2, 100_000);
    assert!(matches!(store.append(std::slice::from_ref(&large)), Err(StoreError::Disk(_))));
    store.append(&[conformance::append(space, &[3])]).expect("finds room");
    for _ in 0..2 {
        assert!(matches!(store.check(), Err(StoreError::Disk(_))), "a page has room, and an entry has not");
    }
    room(&store, 1_000).expect("bounds");
    let log = || folder.path().join(format!("{DATABASE}-wal")).metadata().expect("a log of writes").len();
    let before = log();
    store.check().expect("there is room");
    assert!(log() >= before + 100_000, "it was really written");
    assert_eq!(store.totals().expect("counts").entries, 2, "and taken back");
    store.append(&[large]).expect("appends");
}

#[test]
fn a_store_that_is_said_to_be_well_again_takes_what_found_no_room() {
    let space = conformance::space(1);
    let seeds: Vec<u8> = (2..150).collect();
    for batch in [conformance::append(space, &seeds), conformance::large(space, 2, 100_000)] {
        let mut well = 0;
        for more in (2..120).step_by(5) {
            let folder = folder();
            let mut store = open(&folder);
            store.append(&[conformance::append(space, &[1])]).expect("appends");
            let pages: u32 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("counts");
            let room = |store: &SqliteStore, more: u32| {
                store.connection.query_row(&format!("PRAGMA max_page_count = {}", pages + more), [], |_| Ok(()))
            };
            room(&store, 1).expect("bounds");
            store.append(std::slice::from_ref(&batch)).expect_err("no room");
            room(&store, more).expect("bounds");
            if store.check().is_ok() {
                well += 1;
                store.append(std::slice::from_ref(&batch)).expect("there is room");
            }
        }
        assert!(well > 0, "it is well again some day");
    }
}

#[test]
fn a_second_relay_on_one_folder_is_told_so() {
    let folder = folder();
    let first = open(&folder);
    assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::Locked(_))));
    drop(first);
    open(&folder);
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let folder = folder();
    drop(open(&folder));
    raw(&folder).pragma_update(None, "user_version", 99).expect("sets");
    let known = STEPS.len() as u32;
    assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::Newer { found: 99, known: k }) if k == known));
    let version: u32 = raw(&folder).pragma_query_value(None, "user_version", |row| row.get(0)).expect("reads");
    assert_eq!(version, 99);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = folder();
    raw(&folder).execute_batch("CREATE TABLE other (n INTEGER)").expect("makes");
    assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::Foreign)));
    fs::write(folder.path().join(DATABASE), [b'x'; 4096]).expect("writes");
    assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::Foreign)));
}

#[test]
fn a_damaged_row_is_an_error_of_its_space_only() {
    let (folder, a, b) = (folder(), conformance::space(1), conformance::space(2));
    let mut store = open(&folder);
    store.append(&[conformance::append(a, &[1, 2]), conformance::append(b, &[1])]).expect("appends");
    let damage =
        "PRAGMA ignore_check_constraints = 1; UPDATE entries SET device = x'00' WHERE space = 1 AND arrival = 2";
    raw(&folder).execute_batch(damage).expect("damages");
    assert!(matches!(store.load(&a, &mut |_| Ok(())), Err(StoreError::Damaged { .. })));
    assert_eq!(conformance::loaded(&store, &b).len(), 1);
    raw(&folder).execute_batch("PRAGMA foreign_keys = 0; DELETE FROM bodies").expect("damages");
    let id = conformance::append(b, &[1]).entries[0].id;
    assert!(matches!(store.entries(&b, &[id]), Err(StoreError::Missing)));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let inner = folder.path().join("new");
    let mut store = SqliteStore::open(&inner).expect("opens");
    store.append(&[conformance::append(conformance::space(1), &[1])]).expect("appends");
    let mode = |path: &Path| path.metadata().expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for file in fs::read_dir(&inner).expect("a folder") {
        assert_eq!(mode(&file.expect("a file").path()), 0o600);
    }
}

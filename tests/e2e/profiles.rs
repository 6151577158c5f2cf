//! A profile that cannot be used as it is: written by a newer version, or damaged. It is never made worse.

use std::fs;

use alliance_tests::{disk::files, program::Person};
use rusqlite::Connection;

const COMMANDS: [&[&str]; 8] = [
    &["today"],
    &["note", "list"],
    &["note", "add", "New"],
    &["status"],
    &["sync"],
    &["invite"],
    &["security"],
    &["join", "alliance:x#y"],
];

fn somebody() -> Person {
    let ben = Person::new("Ben");
    let init =
        ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", "http://127.0.0.1:1"];
    ben.json(&init);
    ben.json(&["note", "add", "Plan", "-m", "one"]);
    ben
}

#[test]
fn a_profile_of_a_newer_version_is_left_as_it_is() {
    let ben = somebody();
    let connection = Connection::open(ben.profile()).expect("opens");
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
    connection.pragma_update(None, "user_version", version + 1).expect("set");
    connection.close().expect("closed");
    let before = fs::read(ben.profile()).expect("read");
    for command in &COMMANDS[..7] {
        let refusal = ben.refused(command);
        assert_eq!((refusal.exit, &*refusal.code), (1, "newer_profile"), "{command:?}: {refusal:?}");
        assert!(refusal.hint.contains("install that version or a later one"), "{refusal:?}");
        assert!(fs::read(ben.profile()).expect("read") == before, "{command:?} changed the file");
    }
    let refusal = ben.refused(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Again"]);
    assert_eq!(refusal.code, "profile_exists", "{refusal:?}");
    assert!(fs::read(ben.profile()).expect("read") == before);
    let connection = Connection::open(ben.profile()).expect("opens");
    connection.pragma_update(None, "user_version", version).expect("set");
    connection.close().expect("closed");
    assert_eq!(ben.json(&["note", "list"])[0]["title"], "Plan", "nothing was lost");
}

#[test]
fn a_file_that_is_no_profile_is_left_as_it_is() {
    let good = somebody();
    let bytes = fs::read(good.profile()).expect("read");
    let mut scratched = bytes.clone();
    scratched[..100].fill(0xa5);
    for garbage in [b"not a database at all, but long enough to look at".repeat(200), scratched] {
        let ben = Person::new("Ben");
        fs::create_dir_all(ben.profile().parent().expect("a folder")).expect("made");
        fs::write(ben.profile(), &garbage).expect("written");
        for command in &COMMANDS[..7] {
            let refusal = ben.refused(command);
            assert_eq!((refusal.exit, &*refusal.code), (1, "damaged"), "{command:?}: {refusal:?}");
            assert!(refusal.hint.contains("copy the folder away first"), "{refusal:?}");
        }
        assert_eq!(ben.refused(&["init", "--name", "B", "--role", "c", "--alliance", "A"]).code, "profile_exists");
        assert!(fs::read(ben.profile()).expect("read") == garbage, "the file was changed");
    }
}

#[test]
fn no_damage_within_a_profile_makes_a_command_panic() {
    let good = somebody();
    let bytes = fs::read(good.profile()).expect("read");
    let pages = bytes.len() / 4096;
    assert!(pages > 10, "{pages}");
    for page in 1..pages {
        let ben = Person::new("Ben");
        fs::create_dir_all(ben.profile().parent().expect("a folder")).expect("made");
        let mut damaged = bytes.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0x5a);
        fs::write(ben.profile(), &damaged).expect("written");
        for command in [&["today"][..], &["note", "add", "New"]] {
            let ran = ben.run(&[command, &["--json"]].concat());
            match ran.code {
                Some(0) => _ = ran.data(),
                Some(1 | 2 | 5) => _ = ran.refusal(),
                _ => panic!("page {page}: {ran}"),
            }
        }
    }
}

#[test]
fn several_profiles_in_one_home_are_told_apart() {
    let home = Person::new("Both");
    for name in ["ben", "anna"] {
        home.json(&[
            "--profile",
            name,
            "init",
            "--name",
            name,
            "--role",
            "peer",
            "--alliance",
            "Two",
            "--relay",
            "http://127.0.0.1:1",
        ]);
    }
    let refusal = home.refused(&["today"]);
    assert_eq!((refusal.exit, &*refusal.code), (2, "ambiguous"), "{refusal:?}");
    assert!(refusal.hint.contains("--profile: anna, ben"), "{refusal:?}");
    home.json(&["--profile", "ben", "note", "add", "Only Ben's"]);
    assert_eq!(home.json(&["--profile", "anna", "note", "list"]).as_array().map(Vec::len), Some(0));
    assert!(files(home.home()).iter().any(|(path, _)| path.ends_with("anna/profile.db")));
}

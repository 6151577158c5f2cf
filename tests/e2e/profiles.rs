//! A profile that cannot be used as it is: written by a newer version, or damaged. It is never made worse.

use std::fs;

use alliance_tests::{disk::files, program::Person};
use rusqlite::Connection;
use serde_json::Value;

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

/// What `doctor` found, whatever it is.
fn looked_at(person: &Person) -> Value {
    let ran = person.run(&["doctor", "--json"]);
    let envelope: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    envelope["data"].clone()
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
fn a_profile_that_cannot_be_read_is_not_taken_for_none() {
    let init = ["init", "--name", "B", "--role", "c", "--alliance", "A", "--recovery-file"];
    // An empty file, a folder in its place, and a folder that leads nowhere: what a test may make whoever runs it.
    let empty: fn(&Person) = |ben| fs::write(ben.profile(), "").expect("written");
    let folder: fn(&Person) = |ben| fs::create_dir(ben.profile()).expect("made");
    let nowhere: fn(&Person) = |ben| {
        let profile = ben.profile();
        let place = profile.parent().expect("a folder");
        fs::remove_dir(place).expect("removed");
        std::os::unix::fs::symlink(place, place).expect("made");
    };
    let cases = [
        (empty, "damaged", "it is empty"),
        (folder, "folder", "it is a folder"),
        (nowhere, "folder", "symbolic links"),
    ];
    for (make, code, why) in cases {
        let ben = Person::new("Ben");
        fs::create_dir_all(ben.profile().parent().expect("a folder")).expect("made");
        make(&ben);
        for command in &COMMANDS[..7] {
            let refusal = ben.refused(command);
            assert_eq!((refusal.exit, &*refusal.code), (1, code), "{command:?}: {refusal:?}");
            assert!(refusal.message.contains("default/profile.db") && refusal.message.contains(why), "{refusal:?}");
        }
        let looked = looked_at(&ben);
        assert_eq!((&looked[0]["id"], &looked[0]["code"]), (&"profile".into(), &code.into()), "{looked}");
        let words = ben.beside("words");
        let refusal = ben.refused(&[&init[..], &[words.to_str().expect("text")]].concat());
        assert_eq!(refusal.code, "profile_exists", "{refusal:?}");
        assert!(!words.exists(), "words of a profile that is not there");
    }
}

#[test]
fn nobody_is_given_words_of_a_profile_for_which_there_is_no_place() {
    let ben = Person::new("Ben");
    let folder = ben.home().join("default");
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join("draft.md"), "words").expect("written");
    let ran = ben.run(&["init", "--name", "B", "--role", "c", "--alliance", "A"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran}");
    assert!(ran.stderr.contains("there is no room for a profile in"), "{ran}");
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let ben = somebody();
    fs::write(ben.home().join(".settings.json"), "{bad").expect("written");
    let refusal = ben.refused(&["today"]);
    assert_eq!((refusal.exit, &*refusal.code), (1, "folder"), "{refusal:?}");
    assert!(refusal.message.contains("/.settings.json cannot be read"), "{refusal:?}");
    assert!(refusal.hint.contains("or take it away with `rm '"), "{refusal:?}");
}

#[test]
fn of_a_damaged_profile_nobody_says_that_no_relay_is_set() {
    let ben = somebody();
    fs::write(ben.profile(), b"not a database at all, but long enough".repeat(200)).expect("written");
    let looked = looked_at(&ben);
    let ids: Vec<_> = looked.as_array().expect("a list").iter().map(|it| it["id"].clone()).collect();
    assert!(ids.contains(&"profile".into()) && !ids.contains(&"relay".into()), "{looked}");
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

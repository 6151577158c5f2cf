//! `alliance doctor`, with everything well and with each thing that can be wrong.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use alliance_tests::{
    disk::{damage, read_only, run},
    program::{Person, Ran, RelayProgram},
    town::Town,
};
use rusqlite::Connection;
use serde_json::Value;

/// Exit code, and the states of all that was looked at.
fn looked(ran: &Ran) -> (i32, Vec<(String, String, Value)>) {
    let envelope: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let rows = envelope["data"].as_array().unwrap_or_else(|| panic!("{ran}"));
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_else(|| panic!("{name}: {ran}")).to_owned();
    for row in rows {
        assert_eq!(row["state"] == "ok", row["help"].is_null(), "what is not well says what to do: {row}");
    }
    let rows = rows.iter().map(|row| (text(row, "id"), text(row, "state"), row.clone())).collect();
    (ran.code.expect("an exit code"), rows)
}

/// What is not well: id and state.
#[track_caller]
fn ill(ran: &Ran, exit: i32) -> Vec<(String, String)> {
    let (code, rows) = looked(ran);
    assert_eq!(code, exit, "{ran}");
    rows.into_iter().filter(|(_, state, _)| state != "ok").map(|(id, state, _)| (id, state)).collect()
}

fn doctor(person: &Person) -> Ran {
    person.run(&["doctor", "--json"])
}

fn is(found: &[(String, String)], wanted: &[(&str, &str)]) {
    let found: Vec<_> = found.iter().map(|(id, state)| (id.as_str(), state.as_str())).collect();
    assert_eq!(found, wanted);
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed()
}

#[test]
fn where_all_is_well_everything_says_so() {
    let town = Town::together();
    town.ben.json(&["note", "add", "One"]);
    town.meet();
    for person in [&town.ben, &town.anna] {
        let (code, rows) = looked(&doctor(person));
        let ids: Vec<_> = rows.iter().map(|(id, ..)| id.as_str()).collect();
        assert_eq!(ids, ["profile", "folder", "disk", "clock", "relay", "direct", "membership", "keys", "log", "sent"]);
        assert!(code == 0 && rows.iter().all(|(_, state, _)| state == "ok"), "{rows:?}");
        assert!(rows.iter().any(|(_, _, row)| row["message"] == "it agrees with the relay's"), "{rows:?}");
    }
    let told = town.ben.run(&["doctor"]);
    assert!(told.stdout.contains("is the one that is known") && told.stderr.contains("All is well."), "{told}");
}

#[test]
fn without_a_network_or_a_relay_the_rest_is_looked_at() {
    let mut town = Town::together();
    town.kill_relay();
    let ran = doctor(&town.ben);
    is(&ill(&ran, 7), &[("relay", "warn")]);
    assert!(ran.stdout.contains("relay_unreachable"), "{ran}");
    let alone = Person::new("Alone");
    assert_eq!(doctor(&alone).refusal().code, "no_profile");
    alone.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    is(&ill(&doctor(&alone), 0), &[]);
}

#[test]
fn a_relay_that_was_left_and_is_gone_can_be_given_up() {
    let mut town = Town::together();
    let old = town.url();
    let folder = tempfile::TempDir::with_prefix("alliance-relay-").expect("a folder");
    let new = RelayProgram::start(&folder.path().join("data"));
    town.kill_relay();
    let stays_away = town.ben.run(&["doctor"]);
    assert!(stays_away.stdout.contains("if the relay stays away, `alliance relay set <url>`"), "{stays_away}");
    town.ben.json(&["relay", "set", &new.url()]);
    town.ben.json(&["sync"]);
    // Of several profiles the one that was named is named in what helps.
    town.ben.json(&["--profile", "other", "init", "--name", "Ben", "--role", "peer", "--alliance", "Other"]);
    let ran = town.ben.run(&["--profile", "default", "doctor"]);
    assert_eq!(ran.code, Some(7), "{ran}");
    assert!(ran.stdout.contains(&format!("the relay {old}, which you left, does not answer")), "{ran}");
    assert!(ran.stdout.contains(&format!("→ `alliance --profile default relay forget {old}` gives it up")), "{ran}");
    town.ben.json(&["relay", "forget", &old]);
    is(&ill(&doctor(&town.ben), 0), &[]);
}

#[test]
fn a_clock_that_is_off_is_told() {
    let town = Town::together();
    is(&ill(&doctor(&town.ben.at(now() + 86_400)), 1), &[("clock", "fail")]);
    is(&ill(&doctor(&town.ben.at(now() - 600)), 1), &[("clock", "warn")]);
    is(&ill(&doctor(&town.ben.at(now() + 30)), 0), &[]);
}

#[test]
fn a_clock_before_what_happened_here_is_told_without_a_relay() {
    let mut town = Town::together();
    town.kill_relay();
    is(&ill(&doctor(&town.ben.at(now() - 86_400)), 1), &[("clock", "warn"), ("relay", "warn")]);
}

#[test]
fn another_relay_at_the_known_address_is_told_and_hears_nothing() {
    let mut town = Town::together();
    town.kill_relay();
    fs::remove_dir_all(town.data()).expect("removed");
    town.start_relay();
    let ran = doctor(&town.ben);
    is(&ill(&ran, 1), &[("relay", "fail")]);
    assert!(ran.stdout.contains("other_relay"), "{ran}");
    assert!(!town.relay().logs().contains("space is opened"), "{}", town.relay().logs());
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let town = Town::with_ben();
    town.sync(&[&town.ben]);
    let file = town.ben.profile();
    let folder = file.parent().expect("a folder");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    is(&ill(&doctor(&town.ben), 0), &[]);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("set");
    is(&ill(&doctor(&town.ben), 1), &[("folder", "fail")]);
}

#[test]
fn a_disk_that_may_only_be_read_is_told() {
    let town = Town::together();
    match read_only(&town.ben.command(&["doctor", "--json"]), town.ben.home()) {
        None => println!("skipped: this computer lets nobody make a folder read-only"),
        Some(command) => {
            let ran = run(command);
            let (code, rows) = looked(&ran);
            assert_eq!(code, 1, "{ran}");
            assert!(rows.iter().any(|(_, state, row)| state == "fail" && row["code"] == "disk"), "{ran}");
        }
    }
}

#[test]
fn a_damaged_file_entry_or_key_is_told() {
    let town = Town::together();
    town.ben.json(&["note", "add", "One", "-m", "some words"]);
    town.meet();
    let file = town.ben.profile();
    let whole = fs::read(&file).expect("read");
    let change = |sql: &str| {
        fs::write(&file, &whole).expect("written");
        let profile = Connection::open(&file).expect("a profile");
        assert!(profile.execute(sql, []).expect("changed") > 0, "{sql}");
        drop(profile);
        ill(&doctor(&town.ben), 1)
    };
    let body = "UPDATE entries SET body = zeroblob(length(body)) WHERE chain = 1 AND n = (SELECT MAX(n) FROM entries)";
    is(&change(body), &[("log", "fail")]);
    is(&change("UPDATE spaces SET secret = zeroblob(64) WHERE n = 1"), &[("keys", "fail")]);
    is(&change("DELETE FROM epochs WHERE space = (SELECT space FROM spaces WHERE n = 1)"), &[("keys", "warn")]);
    is(&change("DELETE FROM rows WHERE kind = 'recovery'"), &[("keys", "warn")]);
    let document = "UPDATE saved SET bytes = x'00' WHERE space = (SELECT space FROM spaces WHERE n = 1)";
    is(&change(document), &[("log", "fail")]);
    let refused = "UPDATE entries SET state = 3, reason = 'malformed' WHERE n = (SELECT MAX(n) FROM entries)";
    is(&change(refused), &[("log", "warn")]);
    fs::write(&file, &whole).expect("written");
    damage(&file, 0, 100);
    let ran = doctor(&town.ben);
    let found = ill(&ran, 1);
    assert_eq!(found[0], ("profile".to_owned(), "fail".to_owned()), "{ran}");
    assert!(ran.stdout.contains("\"damaged\""), "{ran}");
    fs::write(&file, &whole).expect("written");
    is(&ill(&doctor(&town.ben), 0), &[]);
}

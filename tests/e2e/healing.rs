//! A relay that has no room, or lost everything and asks for a token: neither holds up a cut, a leaving or a coming back.

use std::{fs, process::Command};

use alliance_tests::{
    program::{Person, programs},
    town::Town,
};
use rusqlite::Connection;
use serde_json::Value;

use crate::computers::{meet, notes, with_a_tablet};

/// What the relay's own program says.
fn relay(arguments: &[&str]) -> String {
    let output = Command::new(programs().join("alliance-relay")).args(arguments).output().expect("runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The relay has no room for content in any of the spaces that it holds, or has room again.
fn has_room(town: &mut Town, room: bool) {
    town.stop_relay();
    let limit = (!room).then_some(1024);
    database(town).execute("UPDATE spaces SET content_limit = ?1", [limit]).expect("is set");
    town.start_relay();
}

fn database(town: &Town) -> Connection {
    Connection::open(town.data().join("relay.sqlite")).expect("a relay")
}

/// Control entries of the alliance that a person has.
fn records(town: &Town, person: &Person) -> u64 {
    let profile = Connection::open(person.profile()).expect("a profile");
    let all = "SELECT COUNT(*) FROM entries WHERE chain = 0 AND lower(hex(space)) = ?1";
    profile.query_row(all, [&town.space], |row| row.get::<_, i64>(0)).expect("a count").unsigned_abs()
}

/// The spaces from which a relay keeps a computer out, by their titles; the personal one has none.
fn refused_in(person: &Person) -> Vec<String> {
    let said: Value = serde_json::from_str(&person.run(&["sync", "--json"]).stdout).expect("JSON");
    let rows = said["data"].as_array().expect("rows").iter().filter(|row| !row["refused"].is_null());
    rows.map(|row| row["title"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A sync that finds no room for what was written; what it says of it.
fn without_room(person: &Person) -> String {
    let ran = person.run(&["sync"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("ask whoever runs the relay for more room"), "{ran}");
    ran.stderr
}

#[test]
fn where_no_content_has_room_a_cut_and_its_keys_get_through() {
    let mut town = Town::together();
    let tablet = with_a_tablet(&town);
    meet(&town, &tablet);
    has_room(&mut town, false);
    town.ben.ok(&["note", "add", "Not taken"]);
    without_room(&town.ben);
    let before = records(&town, &town.anna);
    town.ben.ok(&["device", "cut", "computer 2", "--yes"]);
    without_room(&town.ben);
    assert_eq!(town.ben.json(&["device"])[1]["live"], false);
    town.ben.ok(&["note", "add", "Not for the thief"]);
    without_room(&town.ben);
    assert!(tablet.run(&["sync"]).stderr.contains("The relay does not let this computer in"));
    // The cut and the key that Ben made after it.
    town.anna.run(&["sync"]);
    assert!(records(&town, &town.anna) >= before + 2, "{before}, then {}", records(&town, &town.anna));
    assert!(town.anna.ok(&["security"]).contains("a computer of Ben was cut off as lost"));
    has_room(&mut town, true);
    town.meet();
    assert_eq!(notes(&town.anna), ["For both", "Not for the thief", "Not taken"]);
    assert!(!notes(&tablet).contains(&"Not for the thief".to_owned()));
    town.assert_equal();
}

#[test]
fn where_no_content_has_room_who_leaves_is_out_and_who_lost_all_comes_back() {
    let (mut town, words) = Town::with_words();
    town.anna.ok(&["note", "add", "From Anna"]);
    town.meet();
    has_room(&mut town, false);
    town.anna.ok(&["note", "add", "Lost with the computer"]);
    without_room(&town.anna);
    let bare = Person::new("anna");
    let restore = ["recovery", "restore", "--relay", &town.url(), "--yes", "--json"];
    let came = bare.start_with(&restore, &words).end().data();
    assert_eq!((&came["spaces"][0]["cut"], &came["spaces"][1]["cut"]), (&1.into(), &1.into()), "{came}");
    assert_eq!(notes(&bare), ["From Anna"]);
    assert!(town.anna.run(&["sync"]).stderr.contains("The relay does not let this computer in"), "the lost one is out");
    town.ben.run(&["sync"]);
    assert!(town.ben.ok(&["security"]).contains("came back on a new computer"));

    bare.ok(&["note", "add", "Before I leave"]);
    let left = bare.json(&["leave", "--yes"]);
    assert_eq!(left["done"], true, "{left}");
    town.ben.run(&["sync"]);
    assert_eq!(town.ben.json(&["status"])[0]["state"], "they-left");
    // What found no room stays with who wrote it.
    has_room(&mut town, true);
    town.sync(&[&bare, &town.ben]);
    assert_eq!(notes(&bare), ["Before I leave", "From Anna"]);
    assert_eq!(notes(&town.ben), ["From Anna"]);
}

/// The relay stops, loses all but its key, and asks for a token from now on; the token.
fn wiped(town: &mut Town) -> String {
    town.stop_relay();
    let made = relay(&["token"]);
    let of = |word: &str| made.lines().find_map(|line| line.strip_prefix(word)).expect("is said").trim().to_owned();
    let config = format!("[admission]\nmode = \"token\"\ntokens = [\"{}\"]\n", of("hash"));
    fs::write(town.data().with_extension("toml"), config).expect("written");
    let database = database(town);
    database.pragma_update(None, "foreign_keys", false).expect("is set");
    let all = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('relay', 'sqlite_sequence')";
    let mut tables = database.prepare(all).expect("a query");
    let tables: Result<Vec<String>, _> = tables.query_map((), |row| row.get(0)).expect("rows").collect();
    for table in tables.expect("names") {
        database.execute(&format!("DELETE FROM {table}"), ()).expect("is empty");
    }
    town.start_relay();
    of("token")
}

/// A sync that is told that the relay wants a token for some spaces; what it says of them.
fn without_token(person: &Person) -> String {
    let ran = person.run(&["sync"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stderr.contains("alliance relay token"), "{ran}");
    ran.stderr
}

#[test]
fn a_wiped_relay_that_wants_a_token_holds_up_no_cut() {
    let mut town = Town::together();
    let tablet = with_a_tablet(&town);
    meet(&town, &tablet);
    let token = wiped(&mut town);
    // The laptop is lost, and nobody else of Ben's has a token.
    tablet.ok(&["note", "add", "Written meanwhile"]);
    assert!(without_token(&tablet).contains("“Ben & Anna”"));
    let cut = tablet.json(&["device", "cut", "computer 1", "--yes"]);
    assert_eq!(cut["done"], false, "{cut}");
    without_token(&tablet);
    // Anna has one: what is of both is there again, and what waits for it goes.
    without_token(&town.anna);
    town.anna.ok(&["relay", "token", &token]);
    town.sync(&[&town.anna]);
    let said = without_token(&tablet);
    assert!(said.contains("“only yours”") && !said.contains("all of “Ben & Anna”"), "{said}");
    town.sync(&[&town.anna]);
    assert_eq!(notes(&town.anna), ["For both", "Written meanwhile"]);
    assert!(town.anna.ok(&["security"]).contains("a computer of Ben was cut off as lost"));
    assert!(refused_in(&town.ben).contains(&"Ben & Anna".to_owned()));
    // Only a computer of Ben's has what is only his.
    tablet.ok(&["relay", "token", &token]);
    town.sync(&[&tablet]);
    let devices = tablet.json(&["device"]);
    assert_eq!(devices[1]["live"], false, "{devices}");
    tablet.ok(&["note", "add", "Not for the thief"]);
    tablet.ok(&["note", "add", "Nor this", "--private"]);
    town.sync(&[&tablet, &town.anna]);
    assert_eq!(refused_in(&town.ben), ["Ben & Anna", ""], "what is only his as well");
    assert_eq!(notes(&town.ben), ["For both", "Mine alone"]);
    assert_eq!(notes(&town.anna), ["For both", "Not for the thief", "Written meanwhile"]);
}

#[test]
fn who_comes_back_by_words_and_a_backup_heals_a_wiped_relay_that_wants_a_token() {
    let (mut town, words) = Town::with_words();
    town.anna.ok(&["note", "add", "From Anna"]);
    town.anna.ok(&["note", "add", "Mine alone", "--private"]);
    town.meet();
    let file = town.anna.beside("all.backup");
    let file = file.to_str().expect("text");
    town.anna.ok(&["backup", "create", file]);
    let token = wiped(&mut town);
    let bare = Person::new("anna");
    let from_relay = bare.start_with(&["recovery", "restore", "--relay", &town.url(), "--json"], &words).end();
    assert_eq!(from_relay.refusal().code, "words_unknown");
    let unfinished = bare.start_with(&["backup", "restore", file, "--yes", "--json"], &words).end().refusal();
    assert_eq!(unfinished.code, "not_restored");
    assert!(unfinished.message.contains("alliance relay token"), "{unfinished:?}");
    assert!(unfinished.hint.contains("same command"), "{unfinished:?}");
    // What the relay wants is kept for it, though not all is here yet.
    bare.ok(&["relay", "token", &token]);
    let came = bare.start_with(&["backup", "restore", file, "--yes", "--json"], &words).end().data();
    assert_eq!((&came["offline"], &came["spaces"][0]["cut"]), (&false.into(), &1.into()), "{came}");
    town.sync(&[&bare]);
    let said = without_token(&town.ben);
    assert!(!said.contains("all of “Ben & Anna”"), "what is only his is his to bring: {said}");
    assert_eq!(notes(&bare), ["From Anna", "Mine alone"]);
    let refused = town.anna.run(&["sync"]);
    assert!(refused.stderr.contains("The relay does not let this computer in"), "the lost one is out: {refused}");
}

//! People who stay connected, whatever happens to relays, networks and programs meanwhile.

use alliance_tests::{
    program::{RelayProgram, until},
    seen::{arrives, kinds, titles},
    town::Town,
    watcher::Watcher,
};
use rusqlite::Connection;
use tempfile::TempDir;

#[test]
fn two_who_watch_see_each_other_come_and_go_and_each_others_words() {
    let town = Town::together();
    let ben = Watcher::start(&town.ben, "ben");
    ben.says("Connected", 1);
    let anna = Watcher::start(&town.anna, "anna");
    ben.says("Anna is here now.", 1);
    anna.says("Ben is here now.", 1);
    town.ben.json(&["note", "add", "From Ben"]);
    arrives(&town.anna, "From Ben");
    town.anna.json(&["note", "add", "From Anna"]);
    arrives(&town.ben, "From Anna");
    assert_eq!(anna.stop(), Some(0));
    ben.says("Anna is not here any more.", 1);
    assert_eq!(ben.said().matches("Anna is here now.").count(), 1);
    assert_eq!(ben.stop(), Some(0));
    // Nobody else can see it, and nothing of it stays.
    for person in [&town.ben, &town.anna] {
        let before = person.json(&["status"]);
        assert!(!before.to_string().contains("here"), "{before}");
    }
    assert!(!town.relay().logs().contains("here now"));
}

#[test]
fn who_watches_is_told_what_is_new_by_its_title_and_never_what_it_says() {
    let town = Town::together();
    let ben = Watcher::start(&town.ben, "ben");
    let anna = Watcher::of(town.anna.command(&["sync", "--watch", "--json"]), town.anna.beside("anna"));
    ben.says("Anna is here now.", 1);
    town.anna.json(&["note", "add", "Doubts", "-m", "private words", "--private"]);
    let note = town.anna.json(&["note", "add", "Session 3", "-m", "shared words"]);
    ben.says("new or changed: “Session 3”", 1);
    let id = note["id"].as_str().expect("an id");
    town.ben.json(&["note", "edit", id, "-m", "other words"]);
    anna.says(id, 1);
    for watcher in [&ben, &anna] {
        let said = watcher.said();
        assert!(!said.contains("words") && !said.contains("Doubts"), "{said}");
    }
    let lines = anna.said();
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an envelope"));
    let named: Vec<_> = events.flat_map(|it| it["data"].as_array().cloned().expect("rows")).collect();
    assert!(named.iter().any(|row| row["items"][0]["id"] == id), "{lines}");
    assert_eq!([ben.stop(), anna.stop()], [Some(0); 2]);
}

#[test]
fn who_only_syncs_is_not_seen() {
    let town = Town::together();
    let ben = Watcher::start(&town.ben, "ben");
    ben.says("Connected", 1);
    town.anna.json(&["note", "add", "From Anna"]);
    town.sync(&[&town.anna]);
    arrives(&town.ben, "From Anna");
    let said = ben.said();
    assert_eq!(ben.stop(), Some(0));
    assert!(!said.contains("is here now"), "{said}");
}

#[test]
fn a_transfer_goes_on_where_a_relay_was_killed_in_its_midst() {
    let mut town = Town::together();
    let text = "words and more words ".repeat(5_000);
    for n in 0..12 {
        town.ben.json(&["note", "add", &format!("Long {n}"), "-m", &text]);
    }
    let [ben, anna] = [(&town.ben, "ben"), (&town.anna, "anna")].map(|(person, name)| Watcher::start(person, name));
    ben.says("Connected", 1);
    for round in 1..=3 {
        town.kill_relay();
        // Said once, calmly, however often it happens.
        [&ben, &anna].iter().for_each(|watcher| watcher.says("Not connected", 1));
        town.ben.json(&["note", "add", &format!("Between {round}")]);
        town.start_relay();
        until("a connection", || (town.relay().logs().matches("space is opened").count() >= 3).then_some(()));
    }
    for n in 0..12 {
        arrives(&town.anna, &format!("Long {n}"));
    }
    (1..=3).for_each(|round| arrives(&town.anna, &format!("Between {round}")));
    drop((ben, anna));
    town.meet();
    town.assert_equal();
    assert!(!kinds(&town.ben).contains(&"device-wrote-two-histories".to_owned()));
}

#[test]
fn a_program_that_was_stopped_goes_on() {
    let town = Town::together();
    let anna = Watcher::start(&town.anna, "anna");
    anna.says("Connected", 1);
    anna.signal("STOP");
    town.ben.json(&["note", "add", "While she sleeps"]);
    town.sync(&[&town.ben]);
    anna.signal("CONT");
    arrives(&town.anna, "While she sleeps");
}

#[test]
fn two_watchers_on_one_profile_write_one_history() {
    let town = Town::together();
    let watchers = [Watcher::start(&town.ben, "first"), Watcher::start(&town.ben, "second")];
    let anna = Watcher::start(&town.anna, "anna");
    watchers.iter().for_each(|watcher| watcher.says("Anna is here now.", 1));
    for n in 0..10 {
        town.ben.json(&["note", "add", &format!("Note {n}")]);
    }
    (0..10).for_each(|n| arrives(&town.anna, &format!("Note {n}")));
    assert_eq!(titles(&town.anna).len(), 10);
    let [first, second] = watchers;
    assert_eq!(first.stop(), Some(0));
    town.ben.json(&["note", "add", "The other one goes on"]);
    arrives(&town.anna, "The other one goes on");
    assert_eq!(anna.said().matches("Ben is not here").count(), 0, "he is still here: {}", anna.said());
    drop((second, anna));
    town.meet();
    town.assert_equal();
    assert!(!kinds(&town.anna).contains(&"device-wrote-two-histories".to_owned()));
}

#[test]
fn an_alliance_that_begins_while_one_watches_is_exchanged_on_the_same_connection() {
    let town = Town::together();
    let ben = Watcher::start(&town.ben, "ben");
    ben.says("Connected", 1);
    let taken = || town.relay().logs().matches("a space that was not here is taken").count();
    let before = taken();
    town.ben.json(&["new", "Another"]);
    until("a third space on the relay", || (taken() > before).then_some(()));
    until("all of it on the relay", || {
        let status = town.ben.json(&["status"]);
        let rows = status.as_array().expect("a list");
        (rows.len() == 3 && rows.iter().all(|row| row["unsent"] == 0 && row["waiting"] == 0)).then_some(())
    });
    assert_eq!(ben.said().matches("Connected").count(), 1);
}

#[test]
fn who_watches_follows_to_another_relay() {
    let mut town = Town::together();
    let [ben, anna] = [(&town.ben, "ben"), (&town.anna, "anna")].map(|(person, name)| Watcher::start(person, name));
    [&ben, &anna].iter().for_each(|watcher| watcher.says("Connected", 1));
    let folder = TempDir::with_prefix("alliance-relay-").expect("a folder");
    let other = RelayProgram::start(&folder.path().join("data"));
    town.ben.json(&["relay", "set", &other.url()]);
    for person in [&town.ben, &town.anna] {
        until("everybody on the new relay alone", || {
            let relays = person.json(&["relay"]);
            (relays.as_array().map(Vec::len) == Some(1) && relays[0]["id"] == other.url()).then_some(())
        });
    }
    anna.says("through another relay", 1);
    town.kill_relay();
    town.ben.json(&["note", "add", "Over there"]);
    arrives(&town.anna, "Over there");
    assert_eq!([ben.stop(), anna.stop()], [Some(0); 2]);
}

#[test]
fn a_damaged_space_stops_no_other() {
    let town = Town::together();
    town.ben.json(&["new", "Another"]);
    town.ben.json(&["use", "Ben & Anna"]);
    town.sync(&[&town.ben]);
    let spaces = town.ben.json(&["use"]);
    let rows = spaces.as_array().expect("a list").iter();
    let another = rows.filter(|row| row["title"] == "Another").map(|row| row["id"].as_str().expect("an id")).next();
    let profile = Connection::open(town.ben.profile()).expect("a profile");
    let damage = format!("UPDATE entries SET header = x'00' WHERE hex(space) = upper('{}')", another.expect("a space"));
    assert!(profile.execute(&damage, []).expect("damaged") > 0);
    drop(profile);
    let ben = Watcher::start(&town.ben, "ben");
    ben.says("Connected", 1);
    town.anna.json(&["note", "add", "From Anna"]);
    town.sync(&[&town.anna]);
    arrives(&town.ben, "From Anna");
    assert_eq!(ben.stop(), Some(0));
}

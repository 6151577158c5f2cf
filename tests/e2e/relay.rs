//! A relay that is stopped, wiped, restored from an older copy, started twice.

use std::fs;

use alliance_tests::{
    disk::files,
    program::{RelayProgram, until},
    seen::{kinds, titles},
    town::Town,
};
use serde_json::Value;

#[test]
fn what_was_acknowledged_is_there_after_a_stop_a_kill_and_a_restart() {
    let mut town = Town::together();
    town.ben.json(&["note", "add", "Before the stop"]);
    town.sync(&[&town.ben]);
    let stopped = town.stop_relay();
    assert_eq!(stopped.code, Some(0), "{}", stopped.logs);
    assert!(stopped.logs.contains("relay has stopped"), "{}", stopped.logs);
    let left = files(&town.data());
    assert!(left.iter().all(|(path, bytes)| !path.ends_with("relay.sqlite-wal") || bytes.is_empty()), "{left:?}");
    town.start_relay();
    town.ben.json(&["note", "add", "Before the kill"]);
    town.sync(&[&town.ben]);
    town.kill_relay();
    town.start_relay();
    // Ben is away; all that Anna gets comes from the relay's disk.
    town.sync(&[&town.anna]);
    assert_eq!(titles(&town.anna), ["Before the kill", "Before the stop"]);
    assert!(!kinds(&town.ben).contains(&"relay-lost-data".to_owned()));
}

#[test]
fn a_relay_that_stops_says_goodbye_to_whoever_watches_and_is_found_again() {
    let mut town = Town::together();
    let opened = |town: &Town| town.relay().logs().matches("space is opened").count();
    let before = opened(&town);
    let mut watching = town.anna.start(&["sync", "--watch"]);
    // Her own space and the alliance.
    until("Anna's connection", || (opened(&town) >= before + 2).then_some(()));
    let stopped = town.stop_relay();
    assert_eq!(stopped.code, Some(0), "{}", stopped.logs);
    town.start_relay();
    town.ben.json(&["note", "add", "After the restart"]);
    town.sync(&[&town.ben]);
    until("a note that arrives after the relay's restart", || {
        assert!(!watching.has_ended(), "the watcher gave up");
        titles(&town.anna).contains(&"After the restart".to_owned()).then_some(())
    });
    let watched = watching.kill();
    assert!(watched.stderr.contains("the relay says: it is being stopped"), "no goodbye: {watched}");
}

#[test]
fn a_second_relay_on_one_folder_is_told_so_and_the_first_goes_on() {
    let town = Town::together();
    let refused = RelayProgram::try_start(&town.data(), "127.0.0.1:0").err().expect("a folder in use");
    assert_eq!(refused.code, Some(1));
    assert!(refused.logs.contains("another relay uses the folder"), "{}", refused.logs);
    assert!(refused.logs.contains("hint: stop the other relay"), "{}", refused.logs);
    let taken = RelayProgram::try_start(town.ben.home(), town.relay().address()).err().expect("an address in use");
    assert_eq!(taken.code, Some(1));
    assert!(taken.logs.contains("cannot listen on") && taken.logs.contains("hint: "), "{}", taken.logs);
    town.ben.json(&["note", "add", "Still here"]);
    town.meet();
    assert_eq!(titles(&town.anna), ["Still here"]);
}

#[test]
fn one_computer_heals_a_relay_that_lost_everything() {
    let mut town = Town::together();
    town.ben.json(&["note", "add", "From Ben"]);
    town.anna.json(&["note", "add", "From Anna"]);
    town.meet();
    town.kill_relay();
    fs::remove_dir_all(town.data()).expect("removed");
    town.start_relay();
    // The relay's key is gone, too: it is another relay until somebody says that this is meant.
    let refusal = town.ben.refused(&["sync"]);
    assert_eq!(refusal.code, "other_relay", "{refusal:?}");
    let url = town.url();
    town.ben.json(&["relay", "set", &url]);
    town.ben.json(&["note", "add", "Later"]);
    town.sync(&[&town.ben]);
    assert!(kinds(&town.ben).contains(&"relay-lost-data".to_owned()), "{:?}", kinds(&town.ben));
    assert!(town.ben.ok(&["security"]).contains("the relay had lost what it once had; it was sent again"));
    // A new computer of nobody's could not: Anna's old profile gets all of it, also her own, from the relay alone.
    town.anna.json(&["relay", "set", &url]);
    town.sync(&[&town.anna]);
    assert_eq!(titles(&town.anna), ["From Anna", "From Ben", "Later"]);
    town.meet();
    town.assert_equal();
}

#[test]
fn what_a_restored_relay_lacks_is_sent_again_and_shown() {
    let mut town = Town::together();
    town.ben.json(&["note", "add", "In the copy"]);
    town.meet();
    town.stop_relay();
    let copy = town.backup_relay();
    town.start_relay();
    town.ben.json(&["note", "add", "After the copy, by Ben"]);
    town.anna.json(&["note", "add", "After the copy, by Anna"]);
    town.meet();
    town.kill_relay();
    town.restore_relay(&copy);
    town.start_relay();
    town.sync(&[&town.anna]);
    assert!(kinds(&town.anna).contains(&"relay-lost-data".to_owned()), "{:?}", kinds(&town.anna));
    town.ben.json(&["note", "add", "Later"]);
    town.meet();
    let all = ["After the copy, by Anna", "After the copy, by Ben", "In the copy", "Later"];
    assert_eq!([titles(&town.ben), titles(&town.anna)], [all, all]);
    town.assert_equal();
    let status = town.ben.json(&["status"]);
    assert_eq!([&status[0]["waiting"], &status[0]["unsent"]], [&Value::from(0), &Value::from(0)], "{status}");
}

#[test]
fn verify_tells_what_a_relay_holds_lost_or_changed() {
    let mut town = Town::together();
    town.ben.json(&["note", "add", "In the copy"]);
    town.meet();
    town.stop_relay();
    let copy = town.backup_relay();
    town.start_relay();
    town.ben.json(&["note", "add", "After the copy"]);
    town.meet();
    let whole = town.ben.json(&["verify"]);
    let rows = whole.as_array().expect("a row a space");
    assert!(rows.len() == 2 && rows.iter().all(|row| row["whole"] == true && row["lost"] == 0), "{whole}");
    assert!(town.ben.ok(&["verify"]).contains("there and here"));
    town.stop_relay();
    town.restore_relay(&copy);
    town.start_relay();
    let run = town.ben.run(&["verify", "--json"]);
    assert_eq!(run.code, Some(1), "{run}");
    let lost = |run: &alliance_tests::program::Ran| {
        let rows: Value = serde_json::from_str(&run.stdout).expect("an envelope");
        rows["data"].as_array().expect("rows").iter().map(|row| row["lost"].as_u64().expect("a number")).sum::<u64>()
    };
    assert!(lost(&run) > 0, "{run}");
    town.meet();
    assert_eq!(lost(&town.ben.run(&["verify", "--json"])), 0, "a sync sends it again");
    // What its disk changed is found there and given to nobody.
    town.stop_relay();
    let file = rusqlite::Connection::open(town.data().join("relay.sqlite")).expect("the relay's file");
    let changed = file
        .execute(
            "UPDATE bodies SET body = zeroblob(length(body)) WHERE n IN (SELECT body FROM entries WHERE chain = 1)",
            (),
        )
        .expect("changes");
    assert!(changed > 0);
    drop(file);
    town.start_relay();
    let run = town.ben.run(&["verify"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("The relay does not show “Ben & Anna”"), "{run}");
    assert!(titles(&town.ben).contains(&"After the copy".to_owned()));
}

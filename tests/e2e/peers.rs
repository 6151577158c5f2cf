//! Two people with no relay at all, with the real programs: what is on one computer reaches the other directly.

use std::fs;

use alliance_core::{app::Profile, keys::Route};
use alliance_tests::{
    program::{PATIENCE, Person, until, until_within},
    seen::arrives,
    town::Town,
    watcher::Watcher,
};

use crate::{
    computers::notes,
    outages::{said, sleeps},
};

/// A computer that shows its ticket and answers.
fn answers(person: &Person, name: &str) -> (Watcher, String) {
    let watcher = Watcher::of(person.command(&["peer", "ticket", "--listen", "127.0.0.1:0"]), person.beside(name));
    let ticket =
        until("a ticket", || watcher.said().lines().find(|it| it.starts_with("alliance-peer:")).map(str::to_owned));
    (watcher, ticket)
}

/// Ben, who answers, and Anna, whom he invited; there is no relay. Both have synced.
fn together() -> (Person, Person) {
    let (ben, anna) = (Person::new("ben"), Person::new("anna"));
    ben.ok(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--recovery-file", &file(&ben)]);
    let (watcher, ticket) = answers(&ben, "invites");
    let word = ben.ok(&["invite"]).trim().to_owned();
    let joined = anna.json(&["join", &word, "--name", "Anna", "--role", "client", "--recovery-file", &file(&anna)]);
    assert_eq!((&joined["title"], &joined["synced"]), (&"Ben & Anna".into(), &true.into()), "{joined}");
    anna.ok(&["sync", "--peer", &ticket]);
    assert_eq!(watcher.stop(), Some(0));
    (ben, anna)
}

/// A computer that watches by all ways.
fn watches(person: &Person, name: &str) -> Watcher {
    Watcher::of(person.command(&["sync", "--watch"]), person.beside(name))
}

/// Where a person's computer knows others to be.
fn routes(person: &Person) -> Vec<Route> {
    Profile::open(&person.profile()).and_then(|mut profile| profile.routes()).expect("a profile")
}

fn file(person: &Person) -> String {
    person.beside("words").display().to_string()
}

#[test]
fn what_both_wrote_with_no_relay_anywhere_is_with_both_after_one_sync() {
    let (ben, anna) = together();
    ben.ok(&["note", "add", "Ben's", "-m", "A text that both change.\nIts end."]);
    let (watcher, ticket) = answers(&ben, "first");
    anna.ok(&["sync", "--peer", &ticket]);
    assert_eq!(watcher.stop(), Some(0));
    ben.ok(&["note", "edit", "Ben's", "-m", "A text that both have changed.\nIts end."]);
    anna.ok(&["note", "edit", "Ben's", "-m", "A text that both change.\nAnother end."]);
    anna.ok(&["note", "add", "Anna's"]);
    let (watcher, ticket) = answers(&ben, "second");
    let synced = anna.json(&["sync", "--peer", &ticket]);
    let shared = synced.as_array().expect("a list").iter().find(|it| it["personal"] == false).expect("the alliance");
    assert!(shared["relay"].is_null() && shared["received"].as_u64() > Some(0), "{synced}");
    assert_eq!(watcher.stop(), Some(0));
    for person in [&ben, &anna] {
        assert_eq!(notes(person), ["Anna's", "Ben's"]);
        let text = person.json(&["note", "show", "Ben's"])["body"].as_str().expect("a text").to_owned();
        assert_eq!(text, "A text that both have changed.\nAnother end.");
    }
    // No relay has any of it, and each knows that the other one does.
    for person in [&ben, &anna] {
        let status = person.json(&["status"]);
        let shared =
            status.as_array().expect("a list").iter().find(|it| it["personal"] == false).expect("the alliance");
        let left = (&shared["waiting"], &shared["unsent"], &shared["others"][0]["missing"]);
        assert_eq!(left, (&0.into(), &0.into(), &0.into()), "{status}");
    }
    let status = anna.json(&["status"]);
    assert_eq!((&status[0]["kept"], &status[0]["relay"]), (&false.into(), &serde_json::Value::Null), "{status}");
}

/// Ben lost his computer and came back from a backup; Anna hears of it from his new one as she would from a relay.
#[test]
fn what_became_of_the_others_keys_is_told_by_a_direct_exchange_as_well() {
    let (ben, anna) = together();
    let backup = ben.beside("backup").display().to_string();
    ben.ok(&["backup", "create", &backup]);
    let words = fs::read_to_string(file(&ben)).expect("words");
    let again = Person::new("ben");
    again.start_with(&["backup", "restore", &backup, "--yes", "--json"], &words).end().data();
    // Nobody answers at Ben's former computer, and no relay is set.
    assert_eq!(anna.refused(&["sync"]).code, "peer_unreachable");
    let (watcher, ticket) = answers(&again, "again");
    let synced = anna.run(&["sync", "--peer", &ticket]);
    assert_eq!(synced.code, Some(0), "{synced}");
    assert!(synced.stderr.contains("Ben") && synced.stderr.contains("cut off"), "{synced}");
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn a_stranger_with_the_ticket_is_told_nothing_and_the_next_one_is_served() {
    let (ben, anna) = together();
    let carl = Person::new("carl");
    carl.ok(&["init", "--name", "Carl", "--role", "peer", "--alliance", "Carl's", "--recovery-file", &file(&carl)]);
    ben.ok(&["note", "add", "Ben's"]);
    let (watcher, ticket) = answers(&ben, "answers");
    let refused = carl.refused(&["sync", "--peer", &ticket]);
    assert_eq!((refused.exit, &*refused.code), (1, "peer_stranger"), "{refused:?}");
    assert!(notes(&carl).is_empty());
    anna.ok(&["sync", "--peer", &ticket]);
    assert_eq!(notes(&anna), ["Ben's"]);
    // Nobody tells Ben of a stranger.
    assert!(!watcher.said().contains("Carl"), "{}", watcher.said());
    assert_eq!(watcher.stop(), Some(0));
    let gone = anna.refused(&["sync", "--peer", &ticket]);
    assert_eq!((gone.exit, &*gone.code), (7, "peer_unreachable"), "{gone:?}");
}

#[test]
fn a_ticket_that_is_none_is_told_from_one_that_was_cut() {
    let (ben, anna) = together();
    let (_watcher, ticket) = answers(&ben, "answers");
    for (text, code) in [
        (&ticket[..ticket.len() - 3], "ticket_mistyped"),
        ("http://127.0.0.1:1", "not_a_ticket"),
        ("alliance:abc#def", "not_a_ticket"),
    ] {
        let refused = anna.refused(&["sync", "--peer", text]);
        assert_eq!((refused.exit, &*refused.code), (1, code), "{refused:?}");
    }
    let own = ben.refused(&["sync", "--peer", &ticket]);
    assert_eq!((own.exit, &*own.code), (1, "ticket_malformed"), "{own:?}");
}

#[test]
fn a_computer_that_is_killed_in_the_middle_has_it_all_the_next_time() {
    let (ben, anna) = together();
    let text = "A long text of many words. ".repeat(4_000);
    for number in 0..20 {
        ben.ok(&["note", "add", &format!("Note {number}"), "-m", &format!("{number} {text}")]);
    }
    for round in 0..3 {
        let (watcher, ticket) = answers(&ben, &format!("round {round}"));
        let syncing = anna.start(&["sync", "--peer", &ticket]);
        match round {
            0 => drop(syncing.kill()),
            1 => watcher.signal("KILL"),
            _ => assert_eq!(syncing.end().code, Some(0)),
        }
    }
    assert_eq!(notes(&anna).len(), 20);
}

#[test]
fn one_program_of_a_profile_answers_and_another_one_is_told_which() {
    let (ben, _anna) = together();
    let watcher = watches(&ben, "watches");
    watcher.says("answers others directly", 1);
    let refused = ben.refused(&["peer", "ticket"]);
    assert_eq!((refused.exit, &*refused.code), (1, "peer_held"), "{refused:?}");
    assert!(refused.message.contains("alliance sync --watch"), "{refused:?}");
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn a_second_program_that_watches_answers_once_the_first_one_ends() {
    let (ben, anna) = together();
    let first = watches(&ben, "first");
    first.says("answers others directly", 1);
    let second = watches(&ben, "second");
    second.says("`alliance sync --watch` of this profile answers others; this one does once that ends.", 1);
    assert_eq!(first.stop(), Some(0));
    second.says("This computer answers others directly.", 1);
    ben.ok(&["note", "add", "Ben's"]);
    anna.ok(&["sync"]);
    assert_eq!(notes(&anna), ["Ben's"]);
    let told = anna.ok(&["status"]);
    assert!(told.contains("Ben has all you wrote; last reached within the same network"), "{told}");
    let doctor = anna.run(&["doctor"]);
    assert!(doctor.stdout.contains("this computer can listen"), "{doctor}");
    assert!(!doctor.to_string().contains("answer"), "nobody is told whether Ben is there: {doctor}");
    assert_eq!(second.stop(), Some(0));
}

#[test]
fn who_met_once_meets_again_without_a_ticket() {
    let (ben, anna) = together();
    let refused = anna.refused(&["sync"]);
    assert_eq!((refused.exit, &*refused.code), (7, "peer_unreachable"), "nobody is there: {refused:?}");
    let watcher = watches(&ben, "watches");
    watcher.says("answers others directly", 1);
    ben.ok(&["note", "add", "Ben's"]);
    anna.ok(&["note", "add", "Anna's"]);
    let synced = anna.json(&["sync"]);
    assert!(synced.as_array().expect("a list").iter().all(|row| row["relay"].is_null()), "{synced}");
    until("Ben's note", || (notes(&anna) == ["Anna's", "Ben's"]).then_some(()));
    assert_eq!(notes(&ben), ["Anna's", "Ben's"]);
    let refused = anna.refused(&["sync", "--no-p2p"]);
    assert_eq!(&*refused.code, "no_relay", "{refused:?}");
    assert_eq!(watcher.stop(), Some(0));
}

#[test]
fn two_who_watch_find_each_other_and_what_one_writes_is_there_at_once() {
    let (ben, anna) = together();
    let watchers = [watches(&ben, "watches"), watches(&anna, "watches")];
    watchers.iter().for_each(|it| it.says("answers others directly", 1));
    watchers[0].says("Anna is here now.", 1);
    watchers[1].says("Ben is here now.", 1);
    ben.ok(&["note", "add", "Ben's"]);
    anna.ok(&["note", "add", "Anna's"]);
    for person in [&ben, &anna] {
        until("both notes", || (notes(person) == ["Anna's", "Ben's"]).then_some(()));
    }
    watchers.into_iter().for_each(|it| assert_eq!(it.stop(), Some(0)));
}

/// With no relay, one of two laptops sleeps while the other one is written on: shortly in the gate, and in tests/long for
/// longer than a connection lives in silence.
#[test]
fn a_laptop_that_sleeps_beside_another_one_comes_back_to_everything() {
    let (nights, is_long) = sleeps();
    let (ben, anna) = together();
    let [bens, annas] = [watches(&ben, "watches"), watches(&anna, "watches")];
    bens.says("Anna is here now.", 1);
    annas.says("Ben is here now.", 1);
    for night in 1..=nights {
        let (here, gone) = (said(&bens, "Anna is here"), said(&bens, "Anna is not here"));
        annas.signal("STOP");
        ben.ok(&["note", "add", &format!("Night {night}")]);
        until("his note to be sealed", || (ben.json(&["status"])[0]["waiting"] == 0).then_some(()));
        if is_long {
            let is_told = || (said(&bens, "Anna is not here") > gone).then_some(());
            until_within(3 * PATIENCE, "Ben to be told that she is away", is_told);
        }
        annas.signal("CONT");
        arrives(&anna, &format!("Night {night}"));
        if is_long {
            bens.says("Anna is here", here + 1);
        }
        anna.ok(&["note", "add", &format!("Morning {night}")]);
        arrives(&ben, &format!("Morning {night}"));
    }
    assert_eq!([bens.stop(), annas.stop()], [Some(0); 2]);
}

#[test]
fn when_the_relay_goes_away_what_is_written_goes_on_directly() {
    let mut town = Town::together();
    let watchers = [watches(&town.ben, "watches"), watches(&town.anna, "watches")];
    watchers[0].says("Anna is here now.", 1);
    watchers[1].says("Ben is here now.", 1);
    // Each has heard through the relay where the other one is.
    for person in [&town.ben, &town.anna] {
        until("a route", || (!routes(person).is_empty()).then_some(()));
    }
    town.kill_relay();
    let (ben, anna) = (&town.ben, &town.anna);
    watchers.iter().for_each(|it| it.says("Not connected", 1));
    ben.ok(&["note", "add", "Ben's, with no relay"]);
    until("his note", || notes(anna).contains(&"Ben's, with no relay".to_owned()).then_some(()));
    let status = ben.json(&["status"]);
    assert!(status[0]["unsent"].as_u64() > Some(0), "no relay has it: {status}");
    watchers.into_iter().for_each(|it| assert_eq!(it.stop(), Some(0)));
}

#[test]
fn a_second_program_leaves_the_dial_to_the_one_that_watches_and_waits_for_it() {
    let (ben, anna) = together();
    let (bens, annas) = (watches(&ben, "watches"), watches(&anna, "watches"));
    bens.says("Anna is here now.", 1);
    for number in 0..3 {
        ben.ok(&["note", "add", &format!("Note {number}")]);
    }
    let synced = ben.run(&["sync"]);
    assert_eq!(synced.code, Some(0), "{synced}");
    let told = "`alliance sync --watch` of this profile has exchanged everything with 1 other computer.";
    assert!(synced.stderr.contains(told), "{synced}");
    assert_eq!(notes(&anna).len(), 3, "when it says so Anna has them");
    assert_eq!(annas.stop(), Some(0));
    let alone = ben.refused(&["sync"]);
    assert_eq!((alone.exit, &*alone.code), (7, "peer_unreachable"), "nobody is there: {alone:?}");
    let (annas, ticket) = answers(&anna, "answers");
    ben.ok(&["note", "add", "Note 3"]);
    let synced = ben.run(&["sync", "--peer", &ticket]);
    assert_eq!(synced.code, Some(0), "{synced}");
    assert_eq!(notes(&anna).len(), 4);
    [bens, annas].into_iter().for_each(|it| assert_eq!(it.stop(), Some(0)));
}

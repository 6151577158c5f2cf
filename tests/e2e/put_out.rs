//! Computers that are not let in any more, and what ended, as both people read of it, with the real programs.

use alliance_tests::{program::Person, town::Town};
use serde_json::Value;

use crate::{
    computers::notes,
    terminal::{on_a_terminal, typing},
};

/// Anna's other computer, with everything she has, in a town with her words.
fn with_a_tablet() -> (Town, String, Person) {
    let (town, words) = Town::with_words();
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let tablet = Person::new("anna");
    tablet.json(&["join", &word]);
    town.sync(&[&town.anna, &tablet, &town.anna, &tablet, &town.ben, &town.anna]);
    (town, words, tablet)
}

/// What `doctor` says of whether the computer is let in, and how it ends.
fn membership(person: &Person) -> (i32, String, String) {
    let ran = person.run(&["doctor", "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let found = said["data"].as_array().expect("a list").iter().find(|it| it["id"] == "membership").expect("it looks");
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    (ran.code.expect("an end"), text("state"), text("help"))
}

#[test]
fn a_computer_that_is_put_out_says_so_wherever_it_is_asked() {
    let (town, words, tablet) = with_a_tablet();
    assert_eq!(membership(&tablet), (0, "ok".to_owned(), String::new()));
    town.anna.ok(&["device", "cut", "computer 2", "--yes"]);
    assert_ne!(tablet.run(&["sync"]).code, Some(0));
    tablet.run(&["note", "add", "Kept here"]);
    let looked = || {
        // What is written now waits for nothing.
        for verb in ["status", "doctor"] {
            let told = tablet.run(&[verb]);
            assert!(!told.stdout.contains("next sync"), "{verb}: {told}");
            assert!(told.stdout.contains("here and goes nowhere"), "{verb}: {told}");
        }
        let (code, state, help) = membership(&tablet);
        assert_eq!((code, state.as_str()), (1, "warn"), "{help}");
        assert!(help.contains("alliance backup create FILE"), "{help}");
        let devices = tablet.json(&["device"]);
        assert_eq!(devices[0]["this"], true, "{devices}");
        assert!(!devices[0]["out"].is_null() && devices[1]["out"].is_null(), "{devices}");
        let told = tablet.run(&["device", "list"]);
        assert!(told.stdout.contains("this one, which is not let in any more"), "{told}");
        assert!(!told.stdout.contains("has all you wrote"), "{told}");
        assert!(told.stderr.contains("as this computer knew it last"), "{told}");
    };
    looked();
    // Its person's words show what happened.
    let refused = tablet.start_with(&["device", "renew", "--yes", "--json"], &words).end().refusal();
    assert_eq!(refused.code, "cut_off", "{refused:?}");
    looked();
}

#[test]
fn a_copy_that_was_put_out_brings_over_what_it_had_not_sent() {
    let (town, words) = Town::with_words();
    town.anna.ok(&["note", "add", "Before"]);
    town.meet();
    let copy = Person::new("anna");
    copy.restore(&town.anna.backup());
    copy.ok(&["note", "add", "On the copy"]);
    let renewed = town.anna.run(&["device", "renew", "--yes"]).to_string();
    for said in ["alliance backup create FILE` there", "alliance backup restore FILE` here", "alliance invite --device"]
    {
        assert!(renewed.contains(said), "{said}: {renewed}");
    }
    let told = copy.run(&["sync"]).to_string();
    assert!(told.contains("or if a copy of it goes on under fresh keys"), "{told}");
    let refused = copy.start_with(&["device", "renew", "--yes", "--json"], &words).end().refusal();
    assert_eq!(refused.code, "cut_off", "{refused:?}");
    let devices = copy.json(&["device"]);
    assert_eq!((&devices[0]["this"], &devices[0]["live"]), (&true.into(), &false.into()), "{devices}");
    assert!(devices.as_array().expect("a list").iter().skip(1).all(|it| it["this"] == false), "{devices}");

    let file = copy.beside("all.backup").to_str().expect("text").to_owned();
    copy.ok(&["backup", "create", &file]);
    town.anna.ok(&["backup", "restore", &file]);
    town.sync(&[&town.anna, &town.ben]);
    for person in [&town.anna, &town.ben] {
        assert_eq!(notes(person), ["Before", "On the copy"], "{}", person.name);
    }
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    copy.json(&["--profile", "again", "join", &word]);
}

#[test]
fn what_ended_is_said_and_nothing_is_called_a_computer_that_is_none() {
    let (town, words) = Town::with_words();
    let mut told = String::new();
    let mut hear = |people: &[&Person]| {
        for person in people {
            let heard = person.run(&["sync"]);
            assert_eq!(heard.code, Some(0), "{heard}");
            told.push_str(&heard.stderr);
        }
    };
    town.anna.ok(&["invite", "--device"]);
    hear(&[&town.anna]);
    town.anna.ok(&["invite", "--device", "--withdraw"]);
    town.anna.ok(&["device", "renew", "--yes"]);
    let file = town.anna.beside("words.txt").to_str().expect("text").to_owned();
    town.anna.ok(&["recovery", "replace", "--yes", "--recovery-file", &file]);
    hear(&[&town.anna, &town.ben]);
    // The words of before end those that were made since.
    let bare = Person::new("anna");
    bare.start_with(&["recovery", "restore", "--relay", &town.url(), "--yes", "--json"], &words).end().data();
    hear(&[&bare, &town.ben]);
    for person in [&town.anna, &town.ben, &bare] {
        let log = person.ok(&["security"]);
        assert!(!log.contains("a computer was cut off"), "{}: {log}", person.name);
    }
    assert!(!told.contains("a computer was cut off"), "{told}");
    assert!(told.contains("recovery words of Anna ended"), "{told}");
    assert!(bare.ok(&["security"]).contains("recovery words of yours ended"));
    let log = town.anna.ok(&["security"]);
    assert!(log.contains("an invitation was ended"), "{log}");
    assert_eq!(log.matches("goes on with a new key; the old one was ended").count(), 2, "{log}");
}

#[test]
fn who_cuts_a_computer_is_told_whether_words_end_with_it() {
    let (town, words, tablet) = with_a_tablet();
    let cut = tablet.run(&["device", "cut", "computer 1", "--yes"]).to_string();
    assert!(cut.contains("Your recovery words work as before"), "{cut}");
    let checked = tablet.start_with(&["recovery", "check", "--json"], &words).end().data();
    assert_eq!(checked["words"], "yours", "{checked}");
    // The other person hears what it means for him, once.
    let heard = town.ben.run(&["sync"]).stderr;
    assert_eq!(heard.matches("For you that means: whoever has that computer of Anna").count(), 1, "{heard}");
    assert!(!town.ben.run(&["sync"]).stderr.contains("For you"));
    assert!(town.ben.run(&["security"]).stderr.contains("For you that means"));

    let (town, _, tablet) = with_a_tablet();
    let file = tablet.beside("words.txt").to_str().expect("text").to_owned();
    tablet.ok(&["recovery", "replace", "--yes", "--recovery-file", &file]);
    town.sync(&[&tablet, &town.anna]);
    let cut = town.anna.run(&["device", "cut", "computer 2", "--yes"]).to_string();
    assert!(cut.contains("Recovery words that were made on it end with it"), "{cut}");
    let made = std::fs::read_to_string(&file).expect("words");
    let checked = town.anna.start_with(&["recovery", "check", "--json"], &made).end();
    assert!(checked.stdout.contains("\"ended\""), "{checked}");
}

#[test]
fn the_other_persons_computers_are_one_in_status() {
    let (town, _, tablet) = with_a_tablet();
    town.ben.ok(&["note", "add", "From Ben"]);
    town.sync(&[&town.ben]);
    let others = |row: usize| town.ben.json(&["status"])[row]["others"].clone();
    assert_eq!(others(0).as_array().map(Vec::len), Some(1), "{}", others(0));
    // One of her computers has it: that is all there is to know.
    tablet.ok(&["sync"]);
    tablet.ok(&["note", "add", "From Anna"]);
    town.sync(&[&tablet, &town.ben]);
    assert_eq!((&others(0)[0]["name"], &others(0)[0]["missing"]), (&"Anna".into(), &0.into()));
    let told = town.ben.ok(&["status"]);
    assert_eq!(told.matches("Anna has all you wrote").count(), 1, "{told}");
    assert_eq!(told.matches("may not have").count(), 0, "{told}");
}

#[test]
fn a_computer_that_waits_is_told_that_its_persons_other_one_lets_it_in() {
    let (town, _) = Town::with_words();
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let tablet = Person::new("anna");
    tablet.json(&["join", &word]);
    for verb in [&["today"][..], &["use"], &["all"], &["status"]] {
        let told = tablet.ok(verb);
        let said = told.to_lowercase();
        assert!(said.contains("waiting for your other computer's next sync"), "{verb:?}: {told}");
        assert!(!said.contains("ben's next sync"), "{verb:?}: {told}");
    }
}

#[test]
fn who_is_asked_on_a_terminal_is_told_what_it_means() {
    let (town, words, tablet) = with_a_tablet();
    let (code, told) = on_a_terminal(&town.anna, &["leave"], &[]);
    assert_eq!(code, Some(3), "{told}");
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("let each of them run `alliance sync` first"), "{told}");
    let (code, told) = on_a_terminal(&town.ben, &["leave"], &[]);
    assert!(code == Some(3) && !told.contains("other computers"), "{told}");
    let (code, told) = on_a_terminal(&tablet, &["recovery", "replace"], &[]);
    assert!(code == Some(3) && told.contains("Make new recovery words?"), "{told}");

    // A word with a wrong letter is told at once, by its number; the others stay.
    let (first, rest) = words.split_at(words.find(' ').expect("words"));
    let bare = Person::new("anna");
    let lines = format!("{first} abandn\n{words}x\n{first}\n{}\n\n", rest.trim());
    let (_, told) = typing(&bare, &["recovery", "restore", "--relay", &town.url()], &[], &lines);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["Word 2 is in no list of recovery words", "Word 24 is in no list", "Cut them off? [y/N]"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(told.contains("From word 2 on:") && told.contains("nothing was cut off"), "{told}");
    town.sync(&[&town.anna, &tablet]);
}

#[test]
fn what_both_have_left_waits_for_nothing() {
    let (town, _, tablet) = with_a_tablet();
    tablet.ok(&["note", "add", "Not sent"]);
    town.ben.ok(&["session", "plan", "fri 16:00"]);
    assert!(town.ben.ok(&["today"]).contains("Next session"));
    for person in [&town.anna, &town.ben] {
        person.ok(&["leave", "--yes"]);
    }
    assert!(!town.ben.ok(&["today"]).contains("Next session"));
    let brief = town.ben.run(&["prep"]);
    assert!(brief.stderr.contains("no session is to come") && !brief.stdout.contains("Before"), "{brief}");
    assert_eq!(town.anna.json(&["relay", "drop", "--yes"])[0]["dropped"], true);
    let again = town.anna.run(&["relay", "drop", "--yes"]);
    assert!(again.stderr.contains("so nothing was changed") && !again.stderr.contains("--own"), "{again}");
    town.sync(&[&tablet]);
    for person in [&town.anna, &town.ben, &tablet] {
        let status = person.ok(&["status"]);
        assert!(status.contains("you left it; your copy stays"), "{}: {status}", person.name);
        assert!(!status.contains("not at the relay yet") && !status.contains("has all you wrote"), "{status}");
        assert!(person.ok(&["all"]).contains("over on this computer; your copy stays"));
    }
    let status = tablet.ok(&["status"]);
    assert!(status.contains("1 thing that you wrote is on this computer alone"), "{status}");
    assert!(!town.anna.ok(&["status"]).contains("alone"));
}

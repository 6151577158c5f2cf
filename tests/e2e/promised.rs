//! What the program promises of backups, words and computers is so, with the real programs: each is said as it is in the
//! cases in which it is easily said too well.

use std::collections::BTreeSet;

use alliance_tests::{program::Person, seen::titles, town::Town};
use serde_json::Value;

use crate::backup::{self, backup};

/// Ben and Anna together; Anna's words, and her other computer, which is called Laptop.
fn with_a_laptop() -> (Town, String, Person) {
    let (town, words) = Town::with_words();
    town.ben.ok(&["note", "add", "From Ben"]);
    town.meet();
    let laptop = backup::with_a_laptop(&town);
    (town, words, laptop)
}

fn said(person: &Person, arguments: &[&str]) -> String {
    let ran = person.run(arguments);
    assert_eq!(ran.code, Some(0), "{ran}");
    // As it is broken at no terminal.
    ran.to_string()
}

#[test]
fn what_is_only_in_a_backup_is_never_said_to_be_here() {
    let (town, _, laptop) = with_a_laptop();
    laptop.ok(&["note", "add", "On the way"]);
    laptop.ok(&["note", "edit", "From Ben", "-m", "Read on the way"]);
    let file = backup(&laptop, "all.backup");
    let more = |looked: &Value| -> u64 {
        looked["spaces"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["unsent_more"].as_u64().expect("a number"))
            .sum()
    };

    let looked = said(&town.anna, &["backup", "verify", &file]);
    assert!(looked.contains("2 changes that Laptop had not sent are not here: Laptop may still send them"), "{looked}");
    assert!(looked.contains("Keep the file until then.") && !looked.contains("All in it is here"), "{looked}");
    assert_eq!(more(&town.anna.json(&["backup", "verify", &file])), 2);
    assert!(said(&laptop, &["backup", "verify", &file]).contains("All in it is here."), "they wait there");

    town.anna.json(&["device", "cut", "Laptop", "--yes"]);
    let looked = said(&town.anna, &["backup", "verify", &file]);
    assert!(looked.contains("2 changes that Laptop had not sent are only in this file"), "{looked}");
    assert!(looked.contains("`alliance backup restore` with it, then `alliance sync`, brings them in"), "{looked}");
    let came = said(&town.anna, &["backup", "restore", &file]);
    assert!(came.contains("2 changes that Laptop had not sent came with it"), "{came}");
    let again = said(&town.anna, &["backup", "restore", &file]);
    for told in [&came, &again] {
        assert!(told.contains("kept aside; the next `alliance sync` takes them in"), "{told}");
        assert!(!told.contains("nothing in the backup is new here"), "{told}");
    }
    town.meet();
    assert!(titles(&town.ben).contains(&"On the way".to_owned()));
    let looked = said(&town.anna, &["backup", "verify", &file]);
    assert!(looked.contains("All in it is here.") && !looked.contains("had not sent"), "{looked}");
    assert_eq!(more(&town.anna.json(&["backup", "verify", &file])), 0);
}

#[test]
fn what_is_kept_aside_is_said_to_be_in_no_backup() {
    let (town, _, laptop) = with_a_laptop();
    laptop.ok(&["note", "add", "On the way"]);
    let file = backup(&laptop, "all.backup");
    town.anna.json(&["backup", "restore", &file]);
    let own = town.anna.beside("own.backup").to_str().expect("text").to_owned();
    let commands = [&["backup", "create", &own][..], &["backup", "verify", &own], &["backup", "drill"]];
    for command in commands {
        let told = said(&town.anna, command);
        assert!(told.contains("1 change that Laptop had not sent is kept aside"), "{told}");
        assert!(told.contains("No backup that is made here has what is kept aside"), "{told}");
        assert_eq!(told.contains(", but for what is kept aside"), command[1] != "verify", "{told}");
    }
    assert_eq!(town.anna.json(&["backup", "drill"])["aside"][0]["waits_for"], "cut");
    town.anna.json(&["device", "cut", "Laptop", "--yes"]);
    town.meet();
    for command in [&["backup", "create", &own, "--force"][..], &["backup", "verify", &own], &["backup", "drill"]] {
        assert!(!said(&town.anna, command).contains("kept aside"), "{command:?}");
    }
}

#[test]
fn words_that_bring_nothing_back_are_not_said_to() {
    let (town, words, laptop) = with_a_laptop();
    let everything = "they bring everything back";
    let check = |person: &Person, words: &str| {
        let ran = person.start_with(&["recovery", "check"], words).end();
        assert_eq!(ran.code, Some(0), "{ran}");
        ran.to_string()
    };
    let needs = |person: &Person, words: &str| {
        person.start_with(&["recovery", "check", "--json"], words).end().data()["needs"].clone()
    };
    let dora = Person::new("dora");
    let begun =
        dora.json(&["init", "--name", "Dora", "--role", "client", "--alliance", "Eve & Dora", "--relay", &town.url()]);
    let doras = begun["recovery_words"].as_str().expect("words");
    let told = check(&dora, doras);
    assert!(told.contains("until `alliance sync` has run") && !told.contains(everything), "{told}");
    assert_eq!(needs(&dora, doras), "sync");
    dora.ok(&["sync"]);
    assert!(check(&dora, doras).contains(everything));
    assert_eq!(needs(&dora, doras), Value::Null);

    let file = dora.beside("words.txt");
    dora.ok(&["recovery", "replace", "--yes", "--recovery-file", file.to_str().expect("text")]);
    let new = std::fs::read_to_string(&file).expect("words");
    assert_eq!(needs(&dora, &new), "sync");
    dora.ok(&["sync"]);
    assert_eq!(needs(&dora, &new), Value::Null);
    let dropped = dora.start_with(&["relay", "drop", "--own", "--yes"], doras).end();
    assert_eq!(dropped.code, Some(0), "{dropped}");
    let told = check(&dora, &new);
    assert!(told.contains("no relay has what is yours") && !told.contains(everything), "{told}");
    assert_eq!(needs(&dora, &new), "relay");

    for person in [&town.anna, &laptop] {
        assert!(check(person, &words).contains(everything), "also where they came by an invitation");
    }
    town.anna.json(&["device", "cut", "Laptop", "--yes"]);
    assert_ne!(laptop.run(&["sync"]).code, Some(0));
    let told = check(&laptop, &words);
    assert!(told.contains("`alliance recovery check` on a computer of yours that is in") && !told.contains(everything));
    assert_eq!(needs(&laptop, &words), "other-computer");
    assert!(check(&town.anna, &words).contains(everything));
}

#[test]
fn who_has_another_computer_is_not_told_that_there_is_only_one() {
    let town = Town::together();
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let reminded = |person: &Person, verb: &str| person.run(&[verb]).stderr.contains("Only this computer can open");
    assert!(reminded(&town.anna, "status"), "nobody has come by it yet");
    let laptop = Person::new("anna");
    laptop.json(&["join", &word]);
    for verb in ["status", "today"] {
        assert!(!reminded(&laptop, verb), "{verb}");
    }
    for person in [&town.anna, &laptop, &town.anna, &laptop] {
        town.sync(&[person]);
    }
    laptop.ok(&["device", "rename", "Laptop"]);
    town.sync(&[&laptop, &town.anna]);
    assert!(!reminded(&town.anna, "status"));
    town.anna.json(&["device", "cut", "Laptop", "--yes"]);
    assert!(reminded(&town.anna, "status"), "it is the only one again");
}

#[test]
fn no_alliance_is_meant_on_a_new_computer_until_one_is_chosen() {
    let (town, words) = Town::with_words();
    town.anna.ok(&["new", "Anna & Dora"]);
    town.anna.ok(&["note", "add", "For Dora"]);
    town.anna.ok(&["use", "Ben & Anna"]);
    town.meet();
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let file = backup(&town.anna, "all.backup");
    let [joined, by_words, by_file] = [(); 3].map(|()| Person::new("anna"));
    let told = [
        joined.run(&["join", &word]),
        by_words
            .start_with(
                &["recovery", "restore", "--relay", &town.url(), "--keep-others", "--name", "Anna", "--role", "x"],
                &words,
            )
            .end(),
        by_file.start_with(&["backup", "restore", &file, "--keep-others"], &words).end(),
    ];
    for (person, told) in [&joined, &by_words, &by_file].into_iter().zip(told) {
        assert_eq!(told.code, Some(0), "{told}");
        assert!(told.stderr.contains("You have 2 alliances: `alliance use <title>` chooses"), "{told}");
        for arguments in [&["note", "add", "For whom?"][..], &["today"], &["goal", "list"]] {
            let refused = person.refused(arguments);
            assert_eq!((refused.exit, &*refused.code), (2, "ambiguous"), "{refused:?}");
            assert!(refused.message.starts_with("you have 2 alliances"), "{refused:?}");
            assert!(refused.hint.contains("`alliance use <title>`"), "{refused:?}");
            assert!(refused.hint.contains("Ben & Anna") && refused.hint.contains("Anna & Dora"), "{refused:?}");
        }
        person.ok(&["note", "add", "Mine alone", "--private"]);
        person.ok(&["--alliance", "Anna & Dora", "note", "add", "For Dora, too"]);
        person.ok(&["use", "Ben & Anna"]);
        person.ok(&["note", "add", "For Ben"]);
    }
}

#[test]
fn a_drill_tells_what_people_wrote_from_entries_about_keys() {
    let (town, words) = Town::with_words();
    town.anna.ok(&["note", "add", "Mine"]);
    town.anna.ok(&["sync"]);
    let file = backup(&town.anna, "all.backup");
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let laptop = Person::new("anna");
    laptop.json(&["join", &word]);
    for person in [&laptop, &town.anna, &laptop, &town.anna] {
        town.sync(&[person]);
    }
    let told = said(&town.anna, &["backup", "drill", &file]);
    assert!(told.contains("All you wrote would come back: 1 alliance, 1 thing."), "{told}");
    assert!(told.contains("came since, about keys and computers") && !told.contains("Not everything"), "{told}");
    let tried = town.anna.start_with(&["backup", "drill", &file, "--words", "--json"], &words).end().data();
    assert_eq!((&tried["written"], &tried["whole"]), (&true.into(), &false.into()), "{tried}");
    town.anna.ok(&["new", "Anna & Dora"]);
    let told = town.anna.run(&["backup", "drill", &file]);
    assert_eq!(told.code, Some(1), "an alliance that is not in it: {told}");
    assert!(told.stderr.contains("Not everything would come back"), "{told}");
}

#[test]
fn who_comes_back_is_told_by_name_what_was_cut_off() {
    let (town, words, _laptop) = with_a_laptop();
    let [by_words, by_file] = [(); 2].map(|()| Person::new("anna"));
    let file = backup(&town.anna, "all.backup");
    let told = by_words.start_with(&["recovery", "restore", "--relay", &town.url(), "--yes"], &words).end();
    assert!(told.stderr.contains("Laptop and computer 1 were cut off"), "{told}");
    let came = by_file.start_with(&["backup", "restore", &file, "--yes", "--json"], &words).end().data();
    assert_eq!(came["cut_computers"].as_array().map(Vec::len), Some(1), "the one that came back before: {came}");
}

#[test]
fn computers_that_were_named_at_the_same_time_end_with_names_of_their_own() {
    let (town, words) = Town::with_words();
    let file = backup(&town.anna, "all.backup");
    let bare = [Person::new("anna"), Person::new("anna")];
    for person in &bare {
        _ = person.start_with(&["backup", "restore", &file, "--offline", "--json"], &words).end().data();
        // Before it hears of the others.
        person.ok(&["invite", "--device"]);
        assert_eq!(person.json(&["device"])[0]["name"], "computer 2");
    }
    let all = [&bare[0], &bare[1], &town.anna];
    all.iter().chain(&all).chain(&all).for_each(|person| town.sync(&[person]));
    for person in all {
        let devices = person.json(&["device"]);
        let name = |it: &Value| it["name"].as_str().expect("text").to_owned();
        let names: BTreeSet<_> = devices.as_array().expect("a list").iter().map(name).collect();
        let expected: BTreeSet<_> = (1..=3).map(|n| format!("computer {n}")).collect();
        assert_eq!(names, expected, "{devices}");
    }
}

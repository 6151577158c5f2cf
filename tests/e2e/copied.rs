//! A profile's folder was copied and both wrote records under one key, with the real programs: the words let both in again.

use alliance_tests::{
    program::Person,
    seen::{kinds, titles},
    town::Town,
};
use serde_json::Value;

fn notes(person: &Person) -> Vec<String> {
    let mut titles = titles(person);
    titles.sort();
    titles
}

fn renew(person: &Person, words: &str) -> Value {
    person.start_with(&["device", "renew", "--yes", "--json"], words).end().data()
}

#[test]
fn two_histories_end_the_keys_and_words_let_both_copies_go_on() {
    let (mut town, words) = Town::with_words();
    town.anna.ok(&["note", "add", "Before"]);
    town.meet();
    let copy = Person::new("anna");
    copy.restore(&town.anna.backup());
    town.stop_relay();
    let backup = town.backup_relay();
    town.start_relay();
    let paper = town.anna.beside("words.txt");
    town.anna.ok(&["recovery", "replace", "--yes", "--recovery-file", paper.to_str().expect("text")]);
    town.anna.ok(&["invite", "--device"]);
    town.anna.ok(&["note", "add", "On the first"]);
    town.anna.ok(&["sync"]);
    // The relay's operator puts yesterday's copy back: it knows nothing of that.
    town.stop_relay();
    town.restore_relay(&backup);
    town.start_relay();
    copy.ok(&["invite", "--device"]);
    copy.ok(&["note", "add", "On the copy", "-m", "Some words"]);
    copy.ok(&["note", "add", "Mine", "--private"]);
    copy.ok(&["sync"]);
    town.anna.ok(&["note", "add", "Waiting"]);
    _ = town.anna.run(&["sync"]);
    town.sync(&[&town.ben]);
    for person in [&town.anna, &town.ben] {
        assert!(kinds(person).contains(&"device-wrote-two-histories".to_owned()), "{}", person.name);
    }
    let refused = town.anna.refused(&["note", "add", "More"]);
    assert!(refused.code == "ended" && refused.hint.contains("alliance status"), "{refused:?}");
    for verb in ["sync", "status"] {
        let said = town.anna.run(&[verb]).to_string();
        assert!(said.contains("Two histories were written") && said.contains("device renew"), "{said}");
        assert!(!said.contains("cut off") && !said.contains("backup create"), "{said}");
    }
    assert_eq!(town.anna.json(&["status"])[0]["out"]["why"], "two-histories");
    let said = copy.run(&["sync"]);
    assert!(said.to_string().contains("device renew"), "{said}");

    // Words that were made in one of the two histories are not taken for somebody else's.
    let made_since = std::fs::read_to_string(&paper).expect("words");
    let check = |words: &str| town.anna.start_with(&["recovery", "check", "--json"], words).end().stdout;
    assert!(check(&made_since).contains("\"void\"") && check(&words).contains("\"yours\""), "{}", check(&made_since));
    let renew_by = town.anna.start_with(&["device", "renew", "--yes", "--json"], &made_since);
    assert_eq!(renew_by.end().refusal().code, "words_ended");
    // Other words, no words: nothing changes.
    assert_eq!(town.anna.refused(&["device", "renew", "--yes"]).code, "words");
    let renewed = renew(&town.anna, &words);
    assert_eq!((&renewed["by_words"], &renewed["done"]), (&true.into(), &true.into()), "{renewed}");
    town.sync(&[&town.ben, &town.anna]);
    for person in [&town.anna, &town.ben] {
        assert_eq!(notes(person), ["Before", "On the first", "Waiting"], "{}", person.name);
    }
    let devices = town.anna.json(&["device"]);
    assert_eq!(
        (devices[0]["name"].as_str(), devices[0]["late"]["by_copy"].as_bool()),
        (Some("computer 1"), Some(true))
    );
    let renewed = renew(&copy, &words);
    assert_eq!((&renewed["by_words"], &renewed["done"]), (&true.into(), &true.into()), "{renewed}");
    town.sync(&[&town.ben, &town.anna, &copy, &town.anna, &town.ben, &copy]);
    assert_eq!(notes(&town.ben), ["Before", "On the copy", "On the first", "Waiting"]);
    for person in [&town.anna, &copy] {
        assert_eq!(notes(person), ["Before", "Mine", "On the copy", "On the first", "Waiting"], "{}", person.name);
        let devices = person.json(&["device"]);
        assert_eq!(devices.as_array().map(Vec::len), Some(2), "{devices}");
        assert!(devices.as_array().expect("a list").iter().all(|it| it["live"] == true), "{devices}");
    }
    town.assert_equal();
    let told = town.ben.ok(&["security"]);
    assert!(told.contains("goes on with a new key, by"), "{told}");
    copy.ok(&["note", "add", "Again"]);
    town.sync(&[&copy, &town.ben]);
    assert!(notes(&town.ben).contains(&"Again".to_owned()));
}

//! What the program promises of backups, words and computers is so, with the real programs: each is said as it is in the
//! cases in which it is easily said too well.

use alliance_tests::{program::Person, seen::titles, town::Town};
use serde_json::Value;

/// Ben and Anna together; Anna's words, and her other computer, which is called Laptop.
fn with_a_laptop() -> (Town, String, Person) {
    let (town, words) = Town::with_words();
    town.ben.ok(&["note", "add", "From Ben"]);
    town.meet();
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let laptop = Person::new("anna");
    laptop.json(&["join", &word]);
    for person in [&laptop, &town.anna, &laptop, &town.anna, &laptop] {
        town.sync(&[person]);
    }
    laptop.ok(&["device", "rename", "Laptop"]);
    town.sync(&[&laptop, &town.anna, &laptop]);
    (town, words, laptop)
}

fn backup(person: &Person, name: &str) -> String {
    let file = person.beside(name).to_str().expect("text").to_owned();
    person.json(&["backup", "create", &file]);
    file
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

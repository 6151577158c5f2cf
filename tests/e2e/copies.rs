//! A profile's folder that is restored from an older copy, or copied to a second computer.

use alliance_tests::{
    program::Person,
    seen::{kinds, titles},
    town::Town,
};

fn assert_nobody_is_cut(person: &Person) {
    let kinds = kinds(person);
    for bad in ["device-cut", "device-wrote-two-histories", "entry-refused", "waiting-change-set-aside"] {
        assert!(!kinds.contains(&bad.to_owned()), "{}: {kinds:?}", person.name);
    }
    let members = person.json(&["member"]);
    let devices: Vec<_> = members.as_array().expect("a list").iter().map(|member| &member["devices"]).collect();
    assert_eq!(devices, [1, 1], "{members}");
}

#[test]
fn a_profile_restored_from_an_older_copy_loses_only_what_was_nowhere_else() {
    let town = Town::together();
    let plan = town.anna.json(&["note", "add", "Plan", "-m", "One two three."]);
    let plan = plan["id"].as_str().expect("an id");
    town.meet();
    let copy = town.anna.backup();
    town.anna.json(&["note", "add", "After the copy"]);
    town.anna.json(&["note", "edit", plan, "-m", "One two three. Four."]);
    town.meet();
    town.anna.json(&["note", "add", "Never synced"]);
    town.anna.restore(&copy);
    assert_eq!(titles(&town.anna), ["Plan"]);
    town.anna.json(&["note", "add", "Offline on the old copy"]);
    town.anna.json(&["note", "edit", plan, "-m", "Zero one two three."]);
    town.ben.json(&["note", "add", "From Ben meanwhile"]);
    town.sync(&[&town.anna, &town.ben, &town.anna]);
    let all = ["After the copy", "From Ben meanwhile", "Offline on the old copy", "Plan"];
    for person in [&town.ben, &town.anna] {
        assert_eq!(titles(person), all, "{}", person.name);
        assert_eq!(person.json(&["note", "show", plan])["body"], "Zero one two three. Four.", "{}", person.name);
        assert_nobody_is_cut(person);
    }
    town.assert_equal();
}

#[test]
fn a_profile_copied_to_a_second_computer_goes_on_on_both() {
    let mut town = Town::together();
    let plan = town.anna.json(&["note", "add", "Plan", "-m", "One two three."]);
    let plan = plan["id"].as_str().expect("an id");
    town.meet();
    let second = Person::new("Anna");
    second.restore(&town.anna.backup());
    town.kill_relay();
    town.anna.json(&["note", "add", "On the first"]);
    town.anna.json(&["note", "edit", plan, "-m", "One two three. Four."]);
    second.json(&["note", "add", "On the second"]);
    second.json(&["note", "edit", plan, "-m", "Zero one two three."]);
    town.start_relay();
    town.sync(&[&town.anna, &second, &town.ben, &town.anna, &second]);
    town.anna.json(&["note", "add", "On the first again"]);
    second.json(&["note", "add", "On the second again"]);
    town.sync(&[&second, &town.anna, &town.ben, &second, &town.anna, &town.ben]);
    let all = ["On the first", "On the first again", "On the second", "On the second again", "Plan"];
    for person in [&town.ben, &town.anna, &second] {
        assert_eq!(titles(person), all, "{}", person.name);
        assert_eq!(person.json(&["note", "show", plan])["body"], "Zero one two three. Four.", "{}", person.name);
        assert_nobody_is_cut(person);
    }
    town.assert_equal();
    town.anna = second;
    town.assert_equal();
}

#[test]
fn two_copies_that_sync_at_once_lose_nothing() {
    let town = Town::together();
    let second = Person::new("Anna");
    second.restore(&town.anna.backup());
    for round in 0..4 {
        town.anna.json(&["note", "add", &format!("First {round}")]);
        second.json(&["note", "add", &format!("Second {round}")]);
        let both = [&town.anna, &second].map(|person| person.start(&["sync", "--json"]));
        for running in both {
            running.end().data();
        }
    }
    town.sync(&[&town.anna, &second, &town.ben, &town.anna, &second]);
    let mut all: Vec<_> = (0..4).flat_map(|round| [format!("First {round}"), format!("Second {round}")]).collect();
    all.sort();
    for person in [&town.ben, &town.anna, &second] {
        assert_eq!(titles(person), all, "{}", person.name);
        assert_nobody_is_cut(person);
    }
    town.assert_equal();
}

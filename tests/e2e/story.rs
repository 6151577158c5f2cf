//! What the two people live through, from the first command to the last choice.

use alliance_tests::{program::Person, seen::column, town::Town};
use serde_json::Value;

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn titles(person: &Person, kind: &str) -> Vec<String> {
    let mut titles = column(&person.json(&[kind, "list"]), "title");
    titles.sort();
    titles
}

#[test]
fn both_write_the_same_note_and_goal_offline_and_both_see_both() {
    let mut town = Town::new();
    let url = town.url();
    let init = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", &url];
    let begun = town.ben.json(&init);
    town.space = text(&begun, "id").to_owned();
    assert_eq!((text(&begun, "title"), text(&begun, "relay")), ("Ben & Anna", url.as_str()));
    assert_eq!(text(&begun, "recovery_words").split(' ').count(), 24);
    let invited = town.ben.ok(&["invite"]);
    let link = invited.trim_end();
    assert!(link.starts_with("alliance:") && link.contains('#') && !link.contains(char::is_whitespace), "{invited}");
    town.sync(&[&town.ben]);
    let joined = town.anna.json(&["join", link, "--name", "Anna", "--role", "client"]);
    assert_eq!(
        (text(&joined, "id"), text(&joined, "title"), text(&joined, "other")),
        (&*town.space, "Ben & Anna", "Ben")
    );
    assert_eq!(joined["synced"], true);
    // She writes before he has confirmed her.
    town.anna.json(&["goal", "add", "Run"]);
    town.sync(&[&town.ben, &town.anna, &town.ben]);
    assert_eq!(titles(&town.ben, "goal"), ["Run"]);

    let note = town.ben.json(&["note", "add", "Plan", "-m", "One two three."]);
    town.meet();
    let note = text(&note, "id").to_owned();
    let goal = text(&town.ben.json(&["goal", "list"])[0], "short").to_owned();

    town.kill_relay();
    town.ben.json(&["note", "edit", &note, "-m", "Zero one two three."]);
    town.anna.json(&["note", "edit", &note, "-m", "One two three. Four."]);
    town.ben.json(&["goal", "edit", &goal, "--title", "Run 10 km"]);
    town.anna.json(&["goal", "edit", &goal, "--title", "Run every week"]);
    let waiting = &town.ben.json(&["status"])[0];
    assert!(waiting["waiting"].as_u64().is_some_and(|waiting| waiting > 0), "{waiting}");
    town.start_relay();
    town.meet();
    town.sync(&[&town.anna]);

    for (person, other) in [(&town.ben, "Anna"), (&town.anna, "Ben")] {
        let seen = person.json(&["note", "show", &note]);
        assert_eq!(text(&seen, "body"), "Zero one two three. Four.", "{}", person.name);
        let choices = person.json(&["conflict", "list"]);
        assert_eq!(choices.as_array().map(Vec::len), Some(1), "{choices}");
        assert_eq!(text(&choices[0], "field"), "title");
        let values = choices[0]["values"].as_array().expect("values");
        let value = |title: &str| {
            let found = values.iter().find(|value| text(value, "value") == title);
            text(found.unwrap_or_else(|| panic!("no {title}: {choices}")), "by").to_owned()
        };
        let by = if other == "Anna" { ["you", "Anna"] } else { ["Ben", "you"] };
        assert_eq!([value("Run 10 km"), value("Run every week")], by, "{}", person.name);
        assert_eq!(values.len(), 2, "{choices}");
        let printed = person.ok(&["conflict", "list"]);
        assert!(printed.contains("Run 10 km") && printed.contains("Run every week"), "{printed}");
        let shown = person.ok(&["goal", "show", &goal]);
        assert!(shown.contains("Run 10 km") && shown.contains("Run every week"), "{shown}");
        let status = &person.json(&["status"])[0];
        assert_eq!([&status["waiting"], &status["unsent"]], [0, 0], "{status}");
        assert_eq!(text(status, "state"), "together");
        assert_eq!(status["others"][0]["name"], other);
        let today = person.json(&["today"]);
        let goals = if other == "Anna" { &today["other_goals"] } else { &today["goals"] };
        assert_eq!(text(&goals[0], "short"), goal, "{today}");
        assert_eq!(text(&today["notes"][0], "title"), "Plan");
        assert_eq!((text(&today, "title"), text(&today, "other")), ("Ben & Anna", other));
        assert_eq!(today["conflicts"].as_array().map(Vec::len), Some(1), "{today}");
    }
    town.assert_equal();

    let choices = town.ben.json(&["conflict", "list"]);
    let values = choices[0]["values"].as_array().expect("values");
    let hers = values.iter().find(|value| text(value, "by") == "Anna").expect("her value")["number"].to_string();
    let kept = town.ben.json(&["conflict", "keep", &goal, &hers]);
    assert_eq!((text(&kept, "title"), &kept["changed"]), ("Run every week", &Value::Bool(true)));
    town.meet();
    for person in [&town.ben, &town.anna] {
        assert_eq!(person.json(&["conflict", "list"]), Value::Array(Vec::new()));
        assert_eq!(titles(person, "goal"), ["Run every week"]);
    }
    town.assert_equal();
}

#[test]
fn both_read_the_same_six_words_and_each_others_name_and_role() {
    let town = Town::together();
    let words = [&town.ben, &town.anna].map(|person| {
        let members = person.json(&["member", "list"]);
        let members = members.as_array().expect("a list").clone();
        assert_eq!(members.len(), 2, "{members:?}");
        let mut said: Vec<_> =
            members.iter().map(|it| (text(it, "name"), text(it, "role"), it["devices"].as_u64())).collect();
        said.sort_unstable();
        assert_eq!(said, [("Anna", "client", Some(1)), ("Ben", "coach", Some(1))]);
        let other = members.iter().find(|member| member["you"] == false).expect("the other one");
        other["safety_words"].as_array().expect("words").clone()
    });
    assert_eq!(words[0].len(), 6);
    assert_eq!(words[0], words[1]);
    let spoken: Vec<_> = words[0].iter().map(|word| word.as_str().expect("a word")).collect();
    assert!(town.ben.ok(&["member"]).contains(&spoken.join(" ")));
    let another = Town::together();
    let members = another.ben.json(&["member", "list"]);
    assert!(!members.to_string().contains(&words[0].iter().map(Value::to_string).collect::<Vec<_>>().join(",")));
}

#[test]
fn a_private_note_reaches_the_other_person_only_when_it_is_shared() {
    let town = Town::together();
    let doubts = town.anna.json(&["note", "add", "Doubts", "-m", "Am I good enough?", "--private"]);
    assert_eq!(doubts["private"], true);
    town.sync(&[&town.anna, &town.ben]);
    assert_eq!(titles(&town.ben, "note"), [""; 0]);
    let shared = town.anna.json(&["note", "share", text(&doubts, "short"), "--yes"]);
    assert_eq!(shared["private"], false);
    assert_ne!(shared["id"], doubts["id"]);
    town.meet();
    assert_eq!(titles(&town.ben, "note"), ["Doubts"]);
    assert_eq!(text(&town.ben.json(&["note", "show", "Doubts"]), "body"), "Am I good enough?");
    town.assert_equal();
}

#[test]
fn what_one_writes_reaches_the_other_who_watches() {
    let town = Town::together();
    let mut watching = town.anna.start(&["sync", "--watch", "--json"]);
    town.ben.json(&["note", "add", "While you watch", "-m", "Here it is."]);
    town.sync(&[&town.ben]);
    alliance_tests::program::until("a note that arrives while Anna watches", || {
        assert!(!watching.has_ended(), "the watcher has ended");
        titles(&town.anna, "note").contains(&"While you watch".to_owned()).then_some(())
    });
    town.anna.json(&["note", "add", "Answer", "-m", "I have seen it."]);
    alliance_tests::program::until("an answer that the watcher sends", || {
        town.sync(&[&town.ben]);
        titles(&town.ben, "note").contains(&"Answer".to_owned()).then_some(())
    });
    watching.kill();
}

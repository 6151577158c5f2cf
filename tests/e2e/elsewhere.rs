//! Several alliances in one profile: each command means one, and whatever is named leads to where it is.

use alliance_tests::town::Town;

use super::{
    things::{alone, short},
    told::{holds, said},
};

#[test]
fn what_a_sync_names_in_another_alliance_is_found_by_the_command_that_it_names() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let goal = short(&anna.json(&["goal", "add", "Run", "--both"]));
    town.meet();
    ben.json(&["goal", "edit", &goal, "--title", "Walk"]);
    anna.json(&["goal", "edit", &goal, "--title", "Swim"]);
    anna.json(&["new", "Second place"]);
    town.sync(&[ben]);
    let list = "`alliance --alliance 'Ben & Anna' conflict list`";
    let told = said(anna, &["sync"]);
    holds(&told, "You and Ben both changed the title of “");
    holds(&told, &format!("”: {list} shows what to choose from."));
    holds(&said(anna, &["sync"]), &format!("1 field of “Ben & Anna” has more than one value: {list} shows them."));
    let told = said(anna, &["conflict", "list"]);
    holds(&told, "Nothing to choose in “Second place”");
    holds(&told, &format!("In “Ben & Anna” 1 field has more than one value: {list} shows them."));
    let shown = anna.run(&["--alliance", "Ben & Anna", "conflict", "list"]);
    let rows: Vec<Vec<_>> = shown.stdout.lines().map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() == 2 && rows.iter().all(|row| row[0] == goal && ["Swim", "Walk"].contains(&row[1])), "{shown}");
    holds(&shown.stderr, "`alliance --alliance 'Ben & Anna' conflict keep <id> <n>` chooses.");
    assert_eq!(anna.json(&["conflict", "list"]), serde_json::json!([]));
    anna.json(&["use", "Ben & Anna"]);
    holds(&said(anna, &["sync"]), "1 field has more than one value: `alliance conflict list` shows them.");
}

#[test]
fn undo_changes_nothing_in_another_alliance_than_the_one_that_was_named() {
    let ben = alone();
    ben.json(&["note", "add", "Plan", "-m", "one"]);
    ben.json(&["new", "Ben & Carl"]);
    ben.json(&["note", "add", "Agenda", "-m", "one"]);
    ben.json(&["--alliance", "Ben & Anna", "note", "edit", "Plan", "-m", "two"]);
    for (turn, code) in [("undo", "nothing_to_undo"), ("redo", "nothing_to_redo")] {
        let refusal = ben.refused(&["--alliance", "Ben & Carl", turn]);
        assert_eq!((refusal.exit, &*refusal.code), (5, code), "{refusal:?}");
        holds(&refusal.message, "last is in “Ben & Anna”: “Plan”");
        holds(&refusal.hint, &format!("`alliance {turn}`"));
        assert_eq!(ben.refused(&["--alliance", "Dora", turn]).code, "not_found");
        assert_eq!(ben.json(&["--alliance", "Ben & Anna", turn])["title"], "Plan");
    }
    ben.json(&["note", "add", "Doubts", "--private"]);
    holds(&ben.refused(&["--alliance", "Ben & Carl", "undo"]).message, "last is private: “Doubts”");
}

#[test]
fn what_is_in_another_alliance_is_found_and_said_where() {
    let ben = alone();
    let goal = short(&ben.json(&["goal", "add", "Run 10 km"]));
    ben.json(&["new", "Ben's & Carl's"]);
    let found = ben.json(&["search", "run"]);
    assert_eq!(found[0]["short"], goal.as_str());
    let there = format!("`alliance --alliance 'Ben & Anna' goal show {goal}` shows it");
    let by_id: [&[&str]; 4] = [
        &["goal", "show", &goal],
        &["history", &goal],
        &["conflict", "keep", &goal, "1"],
        &["goal", "edit", "Run 10 km", "--title", "Walk"],
    ];
    for arguments in by_id {
        let refusal = ben.refused(arguments);
        assert_eq!((refusal.exit, &*refusal.code), (5, "not_found"), "{refusal:?}");
        assert_eq!(refusal.message, "“Run 10 km” is in “Ben & Anna”");
        holds(&refusal.hint, &there);
    }
    let other = short(&ben.json(&["about", "--purpose", "To help"]));
    ben.json(&["use", "Ben & Anna"]);
    let refusal = ben.refused(&["conflict", "keep", &other, "1"]);
    holds(&refusal.hint, "`alliance --alliance 'Ben'\\''s & Carl'\\''s' about` shows it");
    holds(&ben.refused(&["note", "show", &goal]).message, "is a goal, not a note");
}

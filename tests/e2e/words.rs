//! What people wrote is not lost, what they keep to themselves stays so, and what they are told is what was done.

use std::os::unix::fs::PermissionsExt as _;

use alliance_tests::{
    program::{Person, Ran},
    town::Town,
};
use serde_json::{Value, json};

use super::{
    terminal::on_a_terminal,
    things::{alone, short},
    told::{holds, said},
};

fn drafts(person: &Person) -> Vec<std::path::PathBuf> {
    let all = std::fs::read_dir(person.profile().parent().expect("a folder")).expect("a folder");
    let all = all.map(|it| it.expect("a file").path());
    all.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("draft-"))).collect()
}

#[test]
fn what_was_written_in_an_editor_stays_where_it_cannot_be_put_in_its_place() {
    let ben = alone();
    let note = short(&ben.json(&["note", "add", "Plan", "-m", "One."]));
    let edit = |editor: &str| on_a_terminal(&ben, &["note", "edit", &note], &[("EDITOR", editor), ("VISUAL", "")]);
    let failed = |editor: &str, code: i32, words: &str| {
        let (ended, screen) = edit(editor);
        assert_eq!(ended, Some(code), "{screen}");
        assert!(screen.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{screen}");
        screen
    };
    // Nothing was written, so there is nothing to keep.
    failed("false", 3, "nothing was changed");
    failed("/no/such/editor", 1, "cannot be started");
    failed("/no/such/editor", 1, "EDITOR or `alliance config set editor <command>`");
    assert!(drafts(&ben).is_empty());
    let broken = "f() { echo Two. >> \"$1\"; exit 1; }; f";
    failed(broken, 3, &format!("what you wrote is kept: `alliance note edit {note} -m - < '"));
    std::fs::remove_file(drafts(&ben).pop().expect("a draft")).expect("removed");
    failed("rm", 1, "took the file with the text away");
    failed(broken, 3, "what you wrote is kept");
    let kept = drafts(&ben).pop().expect("a draft");
    assert_eq!(std::fs::metadata(&kept).expect("a file").permissions().mode() & 0o777, 0o600);
    let words = std::fs::read_to_string(&kept).expect("text");
    assert_eq!(words, "One.\nTwo.\n");
    let ran: Ran = ben.start_with(&["note", "edit", &note, "-m", "-"], &words).end();
    assert_eq!(ran.code, Some(0), "{ran}");
    std::fs::remove_file(&kept).expect("removed");
    failed("f() { echo Three. >> \"$1\"; kill -9 $$; }; f", 1, "broke down");
    std::fs::remove_file(drafts(&ben).pop().expect("a draft")).expect("removed");
    // What is too long is not lost either.
    failed("f() { yes abcdefg | head -c 600000 > \"$1\"; }; f", 2, "what you wrote is kept");
    assert_eq!(std::fs::metadata(drafts(&ben).pop().expect("a draft")).expect("a file").len(), 600_000);
    assert_eq!(ben.json(&["note", "show", &note])["body"], "One.\nTwo.");
}

#[test]
fn a_copy_says_nothing_of_the_private_note_and_is_made_once() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let doubts = anna.json(&["note", "add", "Doubts", "-m", "Am I good enough?", "--private"]);
    let (id, own) = (doubts["id"].as_str().expect("an id"), short(&doubts));
    let copy = short(&anna.json(&["note", "share", &own, "--yes"]));
    anna.json(&["note", "edit", &copy, "--title", "Courage"]);
    let refusal = anna.refused(&["note", "share", &own, "--yes"]);
    assert_eq!((refusal.exit, &*refusal.code), (2, "shared_already"), "{refusal:?}");
    holds(&refusal.message, "“Courage”");
    holds(&refusal.hint, &format!("`alliance note show {copy}`"));
    anna.json(&["note", "share", &own, "--yes", "--again"]);
    town.meet();
    for person in [ben, anna] {
        for arguments in [&["note", "list"][..], &["history"], &["search", "enough"], &["note", "show", &copy]] {
            let told = person.json(arguments).to_string();
            assert!(!told.contains("source") && !told.contains("copies"), "{told}");
            assert!(person.name == "Anna" || !told.contains(id), "{told}");
        }
    }
    assert_eq!(ben.json(&["note", "list"]).as_array().map(Vec::len), Some(2));
    assert_eq!(anna.json(&["search", &id[..8]]), json!([]));
    let files = alliance_tests::disk::files(ben.home());
    let holds_id = |bytes: &[u8]| bytes.windows(id.len()).any(|it| it == id.as_bytes());
    assert!(files.iter().all(|(_, bytes)| !holds_id(bytes)), "the other person has the private note's id");
}

#[test]
fn feedback_names_the_request_that_it_answers_by_its_title() {
    let town = Town::together();
    let asked = town.ben.json(&["feedback", "ask", "How I listen"]);
    town.meet();
    let given = short(&town.anna.json(&["feedback", "give", "keep", "You wait.", "--for", "How I listen"]));
    for told in [town.anna.ok(&["feedback", "show", &given]), town.anna.ok(&["history", &given])] {
        holds(&told, "How I listen");
        assert!(!told.contains(asked["id"].as_str().expect("an id")), "{told}");
    }
    assert_eq!(town.anna.json(&["search", &asked["id"].as_str().expect("an id")[..8]]), json!([]));
}

#[test]
fn what_failed_before_anything_was_changed_says_so_and_others_get_plain_commands() {
    let mut town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    let join = ["join", &invitation, "--name", "Anna", "--role", "client"];
    town.kill_relay();
    let refusal = town.anna.refused(&join);
    assert_eq!((refusal.exit, &*refusal.code), (7, "relay_unreachable"));
    assert_eq!(
        refusal.hint,
        "nothing was changed here; run the same command again when there is a network, or see whether the relay's address is right"
    );
    let refusal = town.ben.refused(&["verify"]);
    assert!(!refusal.hint.contains("sync"), "{refusal:?}");
    town.start_relay();
    town.anna.json(&join);
    let again = |profile: &'static str| {
        let arguments = ["--profile", profile, "join", &invitation, "--name", "Carl", "--role", "peer"];
        town.anna.refused(&arguments)
    };
    let refusal = again("carl");
    assert_eq!(refusal.code, "invitation_used");
    holds(&refusal.hint, "`alliance invite`");
    let own = town.anna.refused(&["--profile", "carl", "today"]);
    holds(&own.hint, "default");
}

#[test]
fn what_is_cut_says_that_there_is_more() {
    let ben = alone();
    for n in 1..=7 {
        ben.json(&["note", "add", &format!("Note {n}")]);
    }
    let today = ben.json(&["today"]);
    assert_eq!((today["notes"].as_array().map(Vec::len), &today["more_notes"]), (Some(5), &json!(2)));
    holds(&said(&ben, &["today"]), "2 more: `alliance note list`");
    let lines = |most: &str| ben.json(&["history", "-n", most]).as_array().map(Vec::len);
    assert_eq!((lines("1"), lines("2"), lines("7"), lines("20")), (Some(1), Some(2), Some(7), Some(7)));
    holds(&said(&ben, &["history", "-n", "3"]), "There is more: `alliance history -n 6`");
    assert!(said(&ben, &["history", "-n", "7"]).is_empty());
    assert_eq!(ben.refused(&["history", "-n", "0"]).exit, 2);
    // A goal lies in two facets that are one line together.
    for n in 1..=3 {
        ben.json(&["goal", "add", &format!("Goal {n}")]);
    }
    assert_eq!((lines("2"), lines("3"), lines("10")), (Some(2), Some(3), Some(10)));
}

#[test]
fn answers_say_what_was_done_and_how_to_go_on() {
    let ben = alone();
    let goal = short(&ben.json(&["goal", "add", "Run", "--horizon", "in 3 weeks"]));
    let told = said(&ben, &["goal", "edit", &goal, "--horizon", "in May"]);
    assert_eq!(told.matches("Changed").count(), 1, "{told}");
    holds(&told, "until “in May”, in your words");
    let refusal = ben.refused(&["goal", "edit", &goal, "--horizon", "2026-02-30"]);
    assert_eq!((refusal.exit, &*refusal.code), (2, "not_a_day"));
    assert_eq!(ben.json(&["goal", "show", &goal])["horizon"], "in May");
    ben.json(&["goal", "edit", &goal, "--title", "Run far"]);
    holds(&said(&ben, &["undo"]), "Taken back, title is “Run” again: your goal");
    holds(&said(&ben, &["redo"]), "Done again, title is “Run far” again: your goal");
    let refusal = ben.refused(&["redo"]);
    assert_eq!((refusal.exit, &*refusal.code), (5, "nothing_to_redo"));
    ben.json(&["goal", "milestone", "add", &goal, "Run three times"]);
    holds(&said(&ben, &["goal", "milestone", "tick", &goal, "1"]), "Ticked, “Run three times”: your goal");
    for which in ["7", "run"] {
        let refusal = ben.refused(&["goal", "milestone", "untick", &goal, which]);
        assert_eq!((refusal.exit, &*refusal.code), (5, "not_found"), "{refusal:?}");
    }
    holds(&said(&ben, &["goal", "milestone", "untick", &goal, "run three times"]), "Unticked, “Run three times”");
    holds(
        &said(&ben, &["goal", "pause", &goal, "-m", "Knee"]),
        &format!("`alliance goal edit {goal} --status active`"),
    );
    ben.json(&["goal", "edit", &goal, "--status", "active"]);
    assert_eq!(ben.json(&["goal", "show", &goal])["reason"], Value::Null);
    assert_eq!(ben.refused(&["goal", "rate", &goal, "1", "--on", "tomorrow"]).code, "not_a_day");
    let note = short(&ben.json(&["note", "add", "Plan"]));
    let refusal = ben.refused(&["goal", "show", &note]);
    assert_eq!(refusal.exit, 5);
    holds(&refusal.hint, &format!("`alliance note show {note}`"));
    holds(&said(&ben, &["about", "--purpose", "To dare more."]), "Changed: what the alliance itself is, for you");
    assert!(!ben.refused(&["goal", "raet"]).message.contains("For more information"));
}

#[test]
fn no_is_an_answer() {
    let ben = alone();
    let note = short(&ben.json(&["note", "add", "Doubts", "--private"]));
    let (code, screen) = on_a_terminal(&ben, &["note", "share", &note], &[]);
    assert_eq!(code, Some(3), "{screen}");
    assert!(screen.contains("\nNothing was changed.") && !screen.contains("error"), "{screen}");
    assert_eq!(ben.json(&["note", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn who_was_let_in_is_told_to_both_with_the_next_step() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    let next = "compare six words with each other by voice: `alliance member list`";
    let told = said(&town.ben, &["sync"]);
    assert!(told.contains("is in “Ben & Anna”.") && told.contains(next), "{told}");
    let told = said(&town.anna, &["sync"]);
    assert!(told.contains("You are in “Ben & Anna”: Ben let you in") && told.contains(next), "{told}");
    for person in [&town.ben, &town.anna] {
        assert!(!said(person, &["sync"]).contains(next), "told once");
    }
}

#[test]
fn what_was_typed_in_another_way_leads_to_what_is_meant() {
    let ben = alone();
    let refusal = ben.refused(&["goal", "add"]);
    assert_eq!((refusal.exit, &*refusal.code), (2, "usage"));
    holds(&refusal.message, "`alliance goal add` needs <TITLE>");
    holds(&refusal.hint, "for instance `alliance goal add Run a half marathon`");
    let ran = ben.run(&["notes"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("hint: did you mean `alliance note`?"), "{ran}");
    ben.json(&["note", "add", "Plan"]);
    holds(&ben.refused(&["note", "show", "ga"]).hint, "a part of a title is looked for from three letters on");
    holds(&said(&ben, &["search", ""]), "There is nothing to look for");
    holds(&said(&ben, &["feedback", "ask", "My questions"]), "Asked: your request for feedback");
    let goal = short(&ben.json(&["goal", "add", "Run"]));
    let refusal = ben.refused(&["goal", "milestone", "tick", &goal, "1"]);
    holds(&refusal.hint, &format!("`alliance goal milestone add {goal} <words>` adds one"));
    ben.json(&["goal", "milestone", "add", &goal, "Run 5 km"]);
    let refusal = ben.refused(&["goal", "milestone", "tick", &goal, "2"]);
    holds(
        &refusal.hint,
        &format!("`alliance goal milestone tick {goal} <n>` takes one of these numbers:\n  1  Run 5 km"),
    );
}

#[test]
fn whoever_set_an_editor_is_told_where_it_was_set() {
    let ben = alone();
    ben.ok(&["config", "set", "editor", "no-such-editor"]);
    let (code, screen) = on_a_terminal(&ben, &["note", "add", "Plan"], &[]);
    assert_eq!(code, Some(0), "{screen}");
    let (code, screen) = on_a_terminal(&ben, &["note", "edit", "Plan"], &[("EDITOR", "vi")]);
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("`alliance config set editor") && !screen.contains("EDITOR or"), "{screen}");
}

#[test]
fn a_day_is_said_in_words_wherever_there_are_two_to_choose_from() {
    let town = Town::together();
    let goal = short(&town.ben.json(&["goal", "add", "Run", "--both"]));
    town.meet();
    town.ben.json(&["goal", "edit", &goal, "--horizon", "2027-05-01"]);
    town.anna.json(&["goal", "edit", &goal, "--horizon", "2027-06-01"]);
    town.meet();
    let listed = town.ben.json(&["conflict", "list"]);
    let mut days: Vec<_> =
        listed[0]["values"].as_array().expect("values").iter().map(|it| it["value"].clone()).collect();
    days.sort_by_key(Value::to_string);
    assert_eq!(days, [json!("2027-05-01"), json!("2027-06-01")]);
    let shown = town.ben.ok(&["conflict", "list"]);
    assert!(shown.contains("Sat 1 May 2027") && shown.contains("Tue 1 Jun 2027"), "{shown}");
    let number = listed[0]["values"][0]["number"].to_string();
    let told = said(&town.ben, &["conflict", "keep", &goal, &number]);
    assert!(told.contains("1 May 2027") && told.contains("1 Jun 2027") && !told.contains("2027-0"), "{told}");
}

#[test]
fn two_fields_in_which_words_are_found_are_seen_as_two() {
    let ben = alone();
    ben.json(&["goal", "add", "Run", "--why", "To the end.", "--area", "End of the year"]);
    let found = ben.ok(&["search", "end"]);
    assert!(found.contains(" · "), "{found}");
}

//! What people do with goals, feedback, search, history and undo, at two computers.

use std::process::Command;

use alliance_tests::{
    program::{Person, programs},
    town::Town,
};
use serde_json::{Value, json};

use crate::terminal::on_a_terminal;

pub(super) fn short(done: &Value) -> String {
    done["short"].as_str().expect("a short id").to_owned()
}

pub(super) fn alone() -> Person {
    let ben = Person::new("Ben");
    ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    ben
}

#[test]
fn both_say_how_far_a_goal_has_come_and_tick_a_milestone_once() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let goal = short(&anna.json(&["goal", "add", "Run", "--importance", "3", "--difficulty", "2"]));
    let begun = anna.json(&["history", &goal]);
    let fields: Vec<_> = begun[0]["fields"].as_array().expect("a list").iter().map(|it| it["field"].clone()).collect();
    assert_eq!(begun.as_array().map(Vec::len), Some(1), "one person, one day: {begun}");
    assert!(fields.contains(&json!("title")) && fields.contains(&json!("status")), "of both facets: {begun}");
    for words in ["Shoes", "5 km", "10 km"] {
        anna.json(&["goal", "milestone", "add", &goal, words]);
    }
    town.sync(&[anna, ben]);
    anna.json(&["goal", "level", &goal, "-1", "-m", "Once a week"]);
    ben.json(&["goal", "level", &goal, "+2", "-m", "Every day"]);
    anna.json(&["goal", "rate", &goal, "-1", "-m", "Slow", "--on", "2026-01-05"]);
    ben.json(&["goal", "rate", &goal, "+1", "--on", "2026-01-06"]);
    for person in [ben, anna] {
        assert_eq!(person.json(&["goal", "milestone", "tick", &goal, "5", "km"])["changed"], true);
    }
    town.sync(&[ben, anna, ben, anna]);
    for (person, hers, his) in [(ben, "Anna", "you"), (anna, "you", "Ben")] {
        let shown = person.json(&["goal", "show", &goal]);
        assert_eq!(shown["levels"], json!({ "-1": "Once a week", "2": "Every day" }));
        assert_eq!(
            shown["ratings"],
            json!([
                { "date": "2026-01-05", "level": -1, "by": hers, "note": "Slow" },
                { "date": "2026-01-06", "level": 1, "by": his, "note": "" },
            ])
        );
        let ticked: Vec<_> = shown["milestones"].as_array().expect("a list").iter().map(|it| &it["ticked"]).collect();
        assert_eq!(ticked, [false, true, false]);
        assert_eq!((&shown["importance"], &shown["difficulty"]), (&json!("3"), &json!("2")));
        let printed = person.ok(&["goal", "show", &goal]);
        assert!(
            printed.contains("[x]") && printed.contains("Every day") && printed.contains("Mon 5 Jan 2026"),
            "{printed}"
        );
    }
    town.assert_equal();
    assert_eq!(ben.refused(&["goal", "edit", &goal, "--importance", "1"]).exit, 6);
    assert_eq!(ben.refused(&["goal", "reach", &goal]).exit, 6);
    anna.json(&["goal", "reach", &goal, "-m", "In May!"]);
    let reached = anna.json(&["goal", "show", &goal]);
    assert_eq!((&reached["status"], &reached["reason"]), (&json!("reached"), &json!("In May!")));
    assert_eq!(anna.refused(&["goal", "milestone", "tick", &goal, "km"]).exit, 5);
}

#[test]
fn feedback_is_asked_for_given_and_answered() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let asked = short(&ben.json(&["feedback", "ask", "How", "I", "listen"]));
    town.meet();
    assert_eq!(anna.json(&["today"])["feedback"][0]["title"], "How I listen");
    let give = ["feedback", "give", "more", "Silence", "after", "a", "question.", "--for", &asked];
    let given = short(&anna.json(&give));
    assert_eq!(anna.json(&["today"])["feedback"], json!([]), "she has answered");
    let refused = |person: &Person, request: &str| person.refused(&["feedback", "give", "keep", "x", "--for", request]);
    assert_eq!(refused(ben, &asked).exit, 6, "one's own request");
    assert_eq!((refused(anna, &given).exit, &*refused(anna, &given).code), (2, "invalid"), "no request");
    assert!(refused(anna, &given).message.contains("no request"));
    anna.json(&["feedback", "give", "keep", "-m", "You remember.\nEverything.", "--about", "Memory"]);
    town.sync(&[anna, ben]);
    assert_eq!(ben.json(&["today"])["feedback"].as_array().map(Vec::len), Some(2));
    let seen = ben.json(&["feedback", "show", &given]);
    let fields = ["sort", "body", "owner", "title"].map(|field| seen[field].as_str().unwrap_or_default());
    assert_eq!(fields, ["more of", "Silence after a question.", "them", "Silence after a question."]);
    assert_eq!(anna.refused(&["feedback", "respond", &given, "--thanks"]).exit, 6);
    assert_eq!(ben.refused(&["feedback", "respond", &given]).code, "no_text");
    ben.json(&["feedback", "respond", &given, "--thanks", "-m", "I will try."]);
    town.sync(&[ben, anna]);
    let seen = anna.json(&["feedback", "show", &given]);
    assert_eq!((&seen["response"], &seen["thanked"]), (&json!("I will try."), &json!("yes")));
    for person in [ben, anna] {
        let printed = person.ok(&["feedback"]);
        assert!(printed.contains("thanked, answered") && printed.contains("from you"), "{printed}");
        assert!(printed.contains("asked\tHow I listen\tanswered"), "{printed}");
    }
    town.assert_equal();
}

#[test]
fn words_are_found_where_one_may_see_them_and_nowhere_else() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    ben.json(&["note", "add", "First session", "-m", "What matters to Anna this year."]);
    anna.json(&["note", "add", "Doubts", "-m", "Does it matter to me?", "--private"]);
    anna.json(&["goal", "add", "Run", "--why", "Because it matters."]);
    town.sync(&[ben, anna, ben]);
    let titles = |person: &Person, words: &[&str]| {
        let found = person.json(&[&["search"], words].concat());
        let mut titles: Vec<_> = found
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["title"].as_str().expect("a title").to_owned())
            .collect();
        titles.sort();
        titles
    };
    assert_eq!(titles(ben, &["matter"]), ["First session", "Run"]);
    assert_eq!(titles(anna, &["matter"]), ["Doubts", "First session", "Run"]);
    assert_eq!(titles(anna, &["matter", "year"]), ["First session"]);
    ben.json(&["new", "Ben & Carl"]);
    assert_eq!(titles(ben, &["matter"]).len(), 2, "in all alliances");
    assert!(titles(ben, &["matter", "--alliance", "Ben & Carl"]).is_empty());
    for hostile in ["\"", "*", "a AND", "NEAR(", "title:x", "-matter", "--", "' OR 1=1 --"] {
        ben.ok(&["search", "--", hostile]);
    }
    let note =
        short(&ben.json(&["--alliance", "Ben & Anna", "note", "edit", "First session", "-m", "Something else."]));
    assert!(!note.is_empty() && titles(ben, &["matter"]) == ["Run"]);
}

#[test]
fn history_says_what_was_written_by_whom_on_which_day_and_no_more() {
    let mut town = Town::together();
    let day = 24 * 60 * 60;
    let start = 1_767_603_600; // Monday 5 January 2026, 9:00 UTC
    town.ben = town.ben.at(start);
    town.anna = town.anna.at(start + day + 3 * 3600 + 17 * 60 + 23);
    let note = short(&town.ben.json(&["note", "add", "Plan", "-m", "One two three."]));
    town.sync(&[&town.ben, &town.anna]);
    town.anna.json(&["note", "edit", &note, "-m", "One two and three."]);
    town.sync(&[&town.anna, &town.ben]);
    town.ben = town.ben.at(start + 2 * day);
    let history = town.ben.json(&["history", &note]);
    let lines: Vec<_> =
        history.as_array().expect("a list").iter().map(|it| (&it["day"], &it["by"], &it["begins"])).collect();
    assert_eq!(
        lines,
        [
            (&json!("2026-01-06"), &json!(["Anna"]), &json!(false)),
            (&json!("2026-01-05"), &json!(["you"]), &json!(true))
        ]
    );
    assert_eq!(
        history[0]["fields"],
        json!([{ "field": "body", "text": [{ "same": "One two " }, { "added": "and " }, { "same": "three." }] }])
    );
    for person in [&town.ben, &town.anna] {
        for said in [person.ok(&["history"]), person.json(&["history"]).to_string()] {
            assert!(said.contains("2026-01-06") && !said.contains("12:17") && !said.contains("12:"), "{said}");
        }
    }
    let plain = town.ben.ok(&["history", &note]);
    assert!(plain.contains("One two [new: and] three."), "{plain}");
}

#[test]
fn what_was_written_last_is_first_in_the_history_also_within_a_day() {
    let ben = alone();
    let nine = 1_767_603_600; // Monday 5 January 2026, 9:00 UTC
    for n in 1..=5 {
        ben.at(nine).json(&["note", "add", &format!("Note {n}")]);
    }
    let titles = |arguments: &[&str]| {
        let lines = ben.at(nine + 3600).json(&[&["history"], arguments].concat());
        lines.as_array().expect("a list").iter().map(|it| it["title"].as_str().expect("text").to_owned()).collect()
    };
    let last: Vec<String> = titles(&["-n", "2"]);
    assert_eq!(last, ["Note 5", "Note 4"]);
    ben.at(nine + 60).json(&["note", "add", "Doubts", "--private"]);
    ben.at(nine + 120).json(&["note", "edit", "Note 2", "-m", "More."]);
    ben.at(nine + 180).json(&["goal", "add", "Run", "--importance", "2"]);
    let last: Vec<String> = titles(&["-n", "4"]);
    assert_eq!(last, ["Run", "Note 2", "Doubts", "Note 5"]);
    let every: Vec<String> = titles(&["--all", "-n", "4"]);
    assert_eq!(every, ["Run", "Note 2", "Doubts", "Note 5"]);
}

#[test]
fn what_the_other_person_added_as_well_is_not_taken_away() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let goal = short(&anna.json(&["goal", "add", "Read", "--both"]));
    town.meet();
    for person in [ben, anna] {
        person.json(&["goal", "milestone", "add", &goal, "One book"]);
    }
    ben.json(&["goal", "milestone", "tick", &goal, "1"]);
    town.meet();
    let refusal = anna.refused(&["undo"]);
    assert_eq!((refusal.exit, &*refusal.code), (1, "not_undone"), "{refusal:?}");
    assert!(refusal.message.contains("somebody else did the same, and that stands"), "{refusal:?}");
    town.meet();
    for person in [ben, anna] {
        assert_eq!(person.json(&["goal", "show", &goal])["milestones"][0]["ticked"], true);
    }
    anna.json(&["goal", "milestone", "add", &goal, "Two books"]);
    anna.json(&["undo"]);
    assert_eq!(anna.json(&["goal", "show", &goal])["milestones"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_somebody_replaced_on_the_same_day_is_in_the_whole_history() {
    let ben = alone();
    let nine = 1_767_603_600; // Monday 5 January 2026, 9:00 UTC
    let note = short(&ben.at(nine).json(&["note", "add", "Plan", "-m", "Words of the morning."]));
    ben.at(nine + 6 * 3600).json(&["note", "edit", &note, "-m", "Quite other ones."]);
    ben.at(nine + 7 * 3600).json(&["note", "edit", &note, "-m", "Quite other ones, later."]);
    ben.at(nine + 7 * 3600 + 2).json(&["note", "edit", &note, "-m", "Quite other ones, later on."]);
    let by_day = ben.run(&["history", &note]);
    assert!(by_day.stdout.lines().count() == 2 && !by_day.stdout.contains("morning"), "{by_day}");
    let helps = format!("What was written over on the same day: `alliance history {note} --all`");
    assert!(by_day.stderr.contains(&helps), "{by_day}");
    let all = ben.run(&["history", &note, "--all"]);
    assert!(all.stdout.contains("\tWords of the morning.\n") && all.stdout.contains("[removed: Words"), "{all}");
    assert!(!all.stderr.contains("--all"), "{all}");
    let rows = ben.json(&["history", &note, "--all"]);
    let bodies = rows.as_array().expect("a list").iter().flat_map(|row| row["fields"].as_array().expect("fields"));
    let bodies: Vec<_> = bodies.filter(|field| field["field"] == "body").map(|field| &field["text"]).collect();
    assert_eq!(bodies.len(), 3, "what only went on with it at once is one with it: {rows}");
    assert_eq!(bodies[2], &json!([{ "added": "Words of the morning." }]));
}

#[test]
fn what_cannot_be_taken_back_is_told_once_and_the_next_undo_goes_on_before_it() {
    let ben = alone();
    let goal = short(&ben.json(&["goal", "add", "Run"]));
    ben.json(&["goal", "edit", &goal, "--title", "Run far"]);
    ben.json(&["note", "add", "Made, so it stays"]);
    let refused = ben.run(&["undo"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stderr.contains("“Made, so it stays” cannot be taken back: what was made stays"), "{refused}");
    assert!(refused.stderr.contains("the next `alliance undo` takes back what you did before it"), "{refused}");
    assert_eq!(ben.json(&["note", "show", "@last"])["title"], "Made, so it stays");
    assert_eq!(short(&ben.json(&["undo"])), goal);
    assert_eq!(ben.json(&["goal", "show", &goal])["title"], "Run");
    assert_eq!(ben.refused(&["undo"]).code, "not_undone", "the goal was made as well");
    assert_eq!(ben.refused(&["undo"]).code, "nothing_to_undo");
    ben.json(&["redo"]);
    assert_eq!(ben.json(&["goal", "show", &goal])["title"], "Run far");
    assert_eq!(ben.refused(&["redo"]).code, "nothing_to_redo");
}

#[test]
fn a_text_that_is_done_again_is_said() {
    let ben = alone();
    let note = short(&ben.json(&["note", "add", "Plan", "-m", "Before."]));
    ben.json(&["note", "edit", &note, "-m", "After, and in so many words that not all of them are told."]);
    let told = ben.run(&["undo"]).stderr;
    assert!(told.contains("Taken back, text is “Before.” now"), "{told}");
    let told = ben.run(&["redo"]).stderr;
    assert!(told.contains("Done again, text is “After, and in so many words that not all…” now"), "{told}");
}

#[test]
fn what_one_did_last_is_taken_back_and_merges_and_is_done_again() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let note = short(&ben.json(&["note", "add", "Plan", "-m", "One two three."]));
    town.meet();
    ben.json(&["note", "edit", "@last", "-m", "One two and three."]);
    anna.json(&["note", "edit", &note, "-m", "Zero. One two three."]);
    town.meet();
    assert_eq!(ben.json(&["note", "show", &note])["body"], "Zero. One two and three.");
    assert_eq!(short(&ben.json(&["undo"])), note);
    assert_eq!(ben.json(&["note", "show", &note])["body"], "Zero. One two three.");
    ben.json(&["redo"]);
    assert_eq!(ben.json(&["note", "show", &note])["body"], "Zero. One two and three.");
    assert_eq!(ben.refused(&["redo"]).code, "nothing_to_redo");
    ben.json(&["undo"]);
    assert_eq!(ben.refused(&["undo"]).code, "not_undone", "what was made stays");
    // What the other wrote over stays.
    let goal = short(&ben.json(&["goal", "add", "Run"]));
    ben.json(&["goal", "edit", &goal, "--title", "Run far"]);
    town.meet();
    anna.json(&["goal", "edit", &goal, "--title", "Run fast"]);
    town.sync(&[anna, ben]);
    let refusal = ben.refused(&["undo"]);
    assert_eq!((refusal.exit, &*refusal.code), (1, "not_undone"), "{refusal:?}");
    assert!(refusal.message.contains("title was changed since"), "{refusal:?}");
    assert_eq!(ben.json(&["goal", "show", &goal])["title"], "Run fast");
    town.meet();
    town.assert_equal();
}

#[test]
fn the_alliance_itself_has_a_purpose_and_a_day_to_look_back() {
    let mut town = Town::together();
    town.ben = town.ben.at(1_767_603_600);
    let (ben, anna) = (&town.ben, &town.anna);
    let ran = ben.run(&["about", "--purpose", "To dare more.", "--review", "in 3 months"]);
    assert!(ran.stderr.contains("look back on Sun 5 Apr 2026"), "{ran}");
    town.meet();
    let about = anna.json(&["about"]);
    assert_eq!((&about["purpose"], &about["review"]), (&json!("To dare more."), &json!("2026-04-05")));
    anna.json(&["about", "--review", "in May"]);
    ben.json(&["about", "--review", "in June"]);
    town.meet();
    let about = ben.json(&["about"]);
    assert_eq!(about["conflicts"][0]["values"].as_array().map(Vec::len), Some(2), "{about}");
    ben.json(&["conflict", "keep", about["short"].as_str().expect("an id"), "1"]);
    town.meet();
    assert_eq!(anna.json(&["about"])["conflicts"], json!([]));
}

#[test]
fn settings_hold_for_every_command_and_bad_ones_are_refused() {
    let ben = alone();
    ben.json(&["config", "set", "colour", "always"]);
    assert!(ben.ok(&["today"]).contains("\u{1b}["), "colour in a pipe");
    ben.json(&["config", "set", "colour"]);
    assert!(!ben.ok(&["today"]).contains("\u{1b}["));
    assert_eq!(ben.refused(&["config", "set", "colour", "pink"]).code, "setting");
    assert_eq!(ben.refused(&["config", "set", "profile", "../x"]).code, "setting");
    assert_eq!(ben.refused(&["config", "set", "profile", "nobody"]).code, "no_profile");
    ben.json(&["--profile", "another", "init", "--name", "B", "--role", "peer", "--alliance", "Another"]);
    assert_eq!(ben.json(&["today"])["title"], "Ben & Anna");
    ben.json(&["config", "set", "profile", "another"]);
    assert_eq!(ben.json(&["today"])["title"], "Another");
    let set = json!({ "id": "profile", "value": "another", "in_force": "another" });
    assert_eq!(ben.json(&["config"])[2], set);
    assert_eq!(ben.json(&["config"])[1], json!({ "id": "colour", "value": null, "in_force": "auto" }));
}

#[test]
fn a_shell_completes_ids_where_they_belong_and_pages_are_written() {
    let ben = alone();
    let goal = short(&ben.json(&["goal", "add", "Run"]));
    ben.json(&["note", "add", "First session"]);
    let script = ben.ok(&["completions", "bash"]);
    let file = ben.beside("completions.bash");
    std::fs::write(&file, script).expect("written");
    let typed = ben.command(&[]);
    let complete = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let ask = format!(
            "source '{}'; COMP_WORDS=('{}' {}); COMP_CWORD={}; _alliance_ids \"${{COMP_WORDS[0]}}\" '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display(),
            typed.get_program().to_str().expect("a path"),
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len(),
            words.last().expect("a word"),
            words.get(words.len().wrapping_sub(2)).copied().unwrap_or("alliance"),
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &ask]);
        for (name, value) in typed.get_envs() {
            value.map(|value| bash.env(name, value));
        }
        let ran = bash.output().expect("bash runs");
        String::from_utf8_lossy(&ran.stdout).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("goal show "), [goal.as_str()]);
    assert_eq!(complete(&format!("goal edit {}", &goal[..2])), [goal.as_str()]);
    assert_eq!(complete("goal milestone tick "), [goal.as_str()]);
    assert!(complete("goal sh").contains(&"show".to_owned()));
    let folder = ben.beside("man");
    ben.ok(&["man", folder.to_str().expect("text")]);
    let page = std::fs::read_to_string(folder.join("alliance-goal-rate.1")).expect("a page");
    assert!(page.contains("how far it has come"), "{page}");
}

#[test]
fn a_slip_in_a_title_is_answered_with_what_is_there() {
    let ben = alone();
    ben.json(&["goal", "add", "Run a half marathon", "--horizon", "in 3 weeks"]);
    ben.json(&["note", "add", "First session"]);
    assert_eq!(ben.json(&["goal", "show", "half mar"])["title"], "Run a half marathon");
    let refusal = ben.refused(&["note", "show", "Frist sesion"]);
    assert_eq!((refusal.exit, &*refusal.code), (5, "not_found"));
    assert!(refusal.hint.contains("did you mean") && refusal.hint.contains("First session"), "{refusal:?}");
    let refusal = ben.refused(&["goal", "show", "something else"]);
    assert!(!refusal.hint.contains("did you mean"), "{refusal:?}");
    let ran = ben.run(&["gaol"]);
    assert!(ran.stderr.contains("goal"), "{ran}");
    assert_eq!(ben.refused(&["goal", "rate", "run a half marathon", "1", "--on", "soonish"]).code, "not_a_day");
}

#[test]
fn an_editor_opens_on_a_terminal_and_what_it_saves_merges() {
    let ben = alone();
    let note = short(&ben.json(&["note", "add", "Plan", "-m", "One two three."]));
    assert_eq!(ben.refused(&["note", "edit", &note]).code, "no_text");
    // While the editor is open, the note is changed by another command.
    let alliance = programs().join("alliance");
    let alliance = alliance.display();
    let editor = format!(
        "f() {{ {alliance} note edit {note} -m 'Zero. One two three.' >&2; sed -i 's/three/and three/' \"$1\"; }}; f"
    );
    let (code, screen) = on_a_terminal(&ben, &["note", "edit", &note], &[("EDITOR", &editor), ("VISUAL", "")]);
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(ben.json(&["note", "show", &note])["body"], "Zero. One two and three.");
    let (code, screen) = on_a_terminal(&ben, &["note", "edit", &note], &[("EDITOR", "false"), ("VISUAL", "")]);
    assert_eq!(code, Some(3), "{screen}");
    let (code, screen) = on_a_terminal(&ben, &["note", "show", &note], &[]);
    assert!(code == Some(0) && screen.contains("\u{1b}["), "colour on a terminal: {screen}");
    let (code, screen) = on_a_terminal(&ben, &["note", "show", &note], &[("NO_COLOR", "1")]);
    assert!(code == Some(0) && !screen.contains("\u{1b}["), "no colour if none is wanted: {screen}");
    let drafts = std::fs::read_dir(ben.profile().parent().expect("a folder")).expect("a folder");
    let names: Vec<_> = drafts.map(|it| it.expect("a file").file_name().into_string().expect("a name")).collect();
    assert!(names.iter().all(|name| name.starts_with("profile.db")), "no draft stays: {names:?}");
}

#[test]
fn goals_stand_where_their_owner_put_them() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let add = |title: &str| short(&anna.json(&["goal", "add", title]));
    let [one, two, three] = ["One", "Two", "Three"].map(add);
    let both = short(&ben.json(&["goal", "add", "Both", "--both"]));
    ben.json(&["goal", "add", "Bens"]);
    town.meet();
    let titles = |person: &Person| -> Vec<_> {
        let list = person.json(&["goal", "list"]);
        list.as_array().expect("a list").iter().map(|it| it["title"].as_str().expect("a title").to_owned()).collect()
    };
    let listed = titles(anna);
    assert_eq!(listed.last().map(String::as_str), Some("Bens"), "one's own and those of both come first: {listed:?}");
    let moved = |arguments: &[&str]| anna.json(&[&["goal", "move"], arguments].concat());
    moved(&[&one, "--first"]);
    moved(&[&two, "--after", &one]);
    moved(&[&both, "--last"]);
    moved(&[&three, "--before", "Both"]);
    assert_eq!(titles(anna), ["One", "Two", "Three", "Both", "Bens"]);
    assert_eq!(moved(&[&one, "--before", &two])["changed"], false);
    moved(&[&three, "--before", &two]);
    assert_eq!(titles(anna), ["One", "Three", "Two", "Both", "Bens"]);
    let told = anna.run(&["undo"]).stderr;
    assert!(told.contains("it stands where it stood"), "{told}");
    assert_eq!(titles(anna), ["One", "Two", "Three", "Both", "Bens"]);
    // Whatever is changed in one moves it no more, and what is new follows.
    anna.json(&["goal", "edit", &three, "--why", "x"]);
    anna.json(&["goal", "add", "Four"]);
    assert_eq!(titles(anna), ["One", "Two", "Three", "Both", "Four", "Bens"]);
    town.sync(&[anna, ben]);
    assert_eq!(titles(ben), ["Both", "Bens", "One", "Two", "Three", "Four"]);
    let todays = ben.json(&["today"])["other_goals"].clone();
    let todays: Vec<_> = todays.as_array().expect("a list").iter().map(|it| it["title"].clone()).collect();
    assert_eq!(todays, ["One", "Two", "Three", "Four"]);
    // It is its owner's to say, whichever way it is said.
    assert_eq!(ben.refused(&["goal", "move", &one, "--last"]).exit, 6);
    assert_eq!(ben.refused(&["goal", "move", "Bens", "--before", &one]).exit, 6);
    assert_eq!(ben.refused(&["goal", "move", "Bens"]).exit, 2);
    assert_eq!(ben.refused(&["goal", "move", "Bens", "--first", "--last"]).exit, 2);
    // Both move at once: everybody sees one order, nothing twice, and nothing to choose.
    anna.json(&["goal", "move", &both, "--first"]);
    ben.json(&["goal", "move", &both, "--after", "Bens"]);
    town.meet();
    let (bens, annas) = (titles(ben), titles(anna));
    assert_eq!(ben.json(&["conflict", "list"]), json!([]));
    assert_eq!([bens.len(), annas.len()], [6; 2]);
    assert!(bens[2..] == ["One", "Two", "Three", "Four"] && annas[5] == "Bens", "{bens:?} {annas:?}");
    town.assert_equal();
    let history = ben.json(&["history", &both]).to_string();
    assert!(!history.contains("position"), "{history}");
}

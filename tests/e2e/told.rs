//! What people are told is true: who sees something, what has reached whom, what is meant.

use std::process::{Command, Stdio};

use alliance_tests::{
    program::{Person, Ran, programs},
    town::Town,
};
use serde_json::Value;

fn somebody() -> Person {
    let ben = Person::new("Ben");
    ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    ben
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// What a command said beside its data.
pub(super) fn said(person: &Person, arguments: &[&str]) -> String {
    let ran = person.run(arguments);
    assert_eq!(ran.code, Some(0), "{ran}");
    ran.stderr
}

#[track_caller]
pub(super) fn holds(told: &str, words: &str) {
    assert!(told.contains(words), "no “{words}” in: {told}");
}

#[test]
fn every_write_says_for_whom_it_is_and_where() {
    let town = Town::with_ben();
    let add = |person: &Person, arguments: &[&str]| said(person, arguments);
    holds(&add(&town.ben, &["note", "add", "A"]), "a note for you and whoever joins, in “Ben & Anna”.");
    holds(&add(&town.ben, &["note", "add", "B", "--private"]), "a note that only you have.");
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    town.meet();
    holds(&add(&town.ben, &["note", "add", "C"]), "a note for you and Anna, in “Ben & Anna”.");
    holds(&add(&town.ben, &["goal", "add", "D"]), "your goal, seen by you and Anna, in “Ben & Anna”.");
    town.meet();
    holds(&add(&town.anna, &["goal", "edit", "D", "--title", "E"]), "the goal of Ben, seen by you and Ben, in");
    town.ben.json(&["new", "Ben & Carl"]);
    holds(&add(&town.ben, &["note", "add", "F"]), "a note for you and whoever joins, in “Ben & Carl”.");
    let added = town.ben.json(&["note", "add", "G", "--alliance", "Ben & Anna"]);
    assert_eq!((text(&added, "alliance"), text(&added, "owner")), ("Ben & Anna", "both"));
    let refusal = town.ben.refused(&["new", "ben & carl"]);
    assert_eq!((refusal.exit, &*refusal.code), (2, "alliance_exists"), "{refusal:?}");
    let alliances = town.ben.json(&["use"]);
    assert_eq!(alliances.as_array().map(Vec::len), Some(2), "{alliances}");
    let start = &text(&alliances[0], "id")[..6];
    assert_eq!(text(&town.ben.json(&["use", start]), "title"), "Ben & Anna");
}

#[test]
fn nothing_is_shared_before_somebody_said_yes_to_whom() {
    let town = Town::together();
    let doubts = town.anna.json(&["note", "add", "Doubts", "-m", "Am I good enough?", "--private"]);
    assert_eq!(text(&town.anna.json(&["note", "show", "Doubts"]), "owner"), "you");
    for arguments in [&["note", "share", "Doubts", "--json"][..], &["note", "share", "Doubts"]] {
        let ran = town.anna.run(arguments);
        assert_eq!(ran.code, Some(2), "{ran}");
        holds(&ran.stderr, "--yes makes a copy for you and Ben, in “Ben & Anna”");
    }
    assert_eq!(town.anna.json(&["note", "list"]).as_array().map(Vec::len), Some(1));
    for part in ["Doubt", "doub", "d", ""] {
        assert_eq!(town.anna.run(&["note", "share", part, "--yes"]).code, Some(if part.is_empty() { 2 } else { 5 }));
    }
    let shared = town.anna.run(&["note", "share", "doubts", "--yes"]);
    holds(&shared.stderr, &format!("Both are called so: {} is the private one", text(&doubts, "short")));
    let again = town.anna.refused(&["note", "share", "doubts", "--yes"]);
    assert_eq!((again.exit, &*again.code), (2, "shared_already"), "{again:?}");
    let ran = town.anna.run(&["note", "edit", "Doubts", "-m", "x", "--json"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    let error: Value = serde_json::from_str(&ran.stderr).expect("an envelope");
    let mut candidates = error["error"]["candidates"].as_array().expect("candidates").clone();
    candidates.sort_by_key(|candidate| candidate["private"].as_bool());
    assert_eq!(candidates.len(), 2, "{ran}");
    assert_eq!(candidates[1]["id"], doubts["short"], "{ran}");
    let told = town.anna.run(&["note", "edit", "Doubts", "-m", "x"]).stderr;
    holds(&told, "Doubts  private");
    holds(&told, "Doubts  shared");
}

#[test]
fn only_looking_takes_a_part_of_a_title() {
    let ben = somebody();
    ben.json(&["note", "add", "First session", "-m", "one"]);
    for wanted in ["fir", "SESSION", "first session"] {
        assert_eq!(text(&ben.json(&["note", "show", wanted]), "body"), "one");
    }
    let cases: [(&[&str], i32); 5] = [
        (&["note", "show", "n"], 5),
        (&["note", "show", ""], 2),
        (&["note", "edit", "fir", "-m", "two"], 5),
        (&["note", "edit", " ", "-m", "two"], 2),
        (&["conflict", "keep", "First sess", "1"], 5),
    ];
    for (arguments, exit) in cases {
        assert_eq!(ben.refused(arguments).exit, exit, "{arguments:?}");
    }
    let refusal = ben.refused(&["conflict", "keep", "First session", "x"]);
    holds(&refusal.message, "the number that `alliance conflict list` shows");
}

#[test]
fn whoever_is_not_let_in_yet_is_told_whose_sync_is_waited_for() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    holds(&said(&town.anna, &["sync"]), "Waiting for Ben's next sync to let you in.");
    town.anna.json(&["note", "add", "I am here"]);
    let kept = "Waiting for Ben's next sync to let you in; 1 thing you wrote is kept here until then.";
    let told = said(&town.anna, &["sync"]);
    holds(&told, kept);
    assert!(!told.contains("Up to date"), "{told}");
    let status = town.anna.ok(&["status"]);
    kept.trim_end_matches('.').split("; ").for_each(|part| holds(&status, part));
    assert!(!status.contains("has all you wrote"), "{status}");
    holds(&said(&town.anna, &["today"]), kept);
    holds(&town.anna.ok(&["today"]), "waiting for Ben's next sync to let you in");
    let members = town.anna.json(&["member"]);
    assert!(members.as_array().expect("a list").iter().all(|member| member["devices"] == 1), "{members}");
    town.meet();
    town.sync(&[&town.anna]);
    holds(&said(&town.anna, &["sync"]), "Up to date.");
}

#[test]
fn status_says_only_what_is_known_and_nothing_of_what_nobody_wrote() {
    let town = Town::together();
    let status = |person: &Person| person.ok(&["status"]);
    for (person, other) in [(&town.ben, "Anna"), (&town.anna, "Ben")] {
        let told = status(person);
        holds(&told, "nothing waits");
        holds(&told, &format!("{other} has all you wrote"));
    }
    town.ben.json(&["note", "add", "One"]);
    let told = status(&town.ben);
    holds(&told, "1 waits here");
    assert!(!told.contains("Anna has all"), "{told}");
    town.sync(&[&town.ben]);
    let told = status(&town.ben);
    holds(&told, "nothing waits");
    holds(&told, "Anna may not have what you wrote last");
    town.ben.json(&["note", "add", "Two"]);
    town.ben.json(&["note", "edit", "Two", "-m", "twice"]);
    town.sync(&[&town.ben]);
    holds(&status(&town.ben), "Anna may not have the last 2 things that you wrote");
    // What Anna writes says what she has.
    town.sync(&[&town.anna]);
    town.anna.json(&["note", "add", "Three"]);
    town.sync(&[&town.anna, &town.ben]);
    holds(&status(&town.ben), "Anna has all you wrote");
}

#[test]
fn goals_that_are_over_are_not_no_goals() {
    let ben = somebody();
    holds(&said(&ben, &["goal"]), "No goals yet.");
    ben.json(&["goal", "add", "Run"]);
    ben.json(&["goal", "edit", "Run", "--status", "reached"]);
    holds(&said(&ben, &["goal"]), "1 goal is reached: `alliance goal list --all`");
    assert_eq!(ben.json(&["goal", "list"]), Value::Array(Vec::new()));
    ben.json(&["goal", "add", "Rest", "--status", "released"]);
    holds(&said(&ben, &["goal"]), "2 goals are reached or released");
}

#[test]
fn a_goal_with_something_to_choose_is_listed_and_an_edit_says_what_it_replaced() {
    let town = Town::together();
    let goal = town.ben.json(&["goal", "add", "Run", "--both"]);
    town.meet();
    town.ben.json(&["goal", "edit", "Run", "--status", "reached", "--title", "Run 10 km"]);
    town.anna.json(&["goal", "edit", "Run", "--status", "released", "--title", "Run far"]);
    town.meet();
    for person in [&town.ben, &town.anna] {
        let listed = person.json(&["goal", "list"]);
        assert_eq!((listed[0]["id"] == goal["id"], &listed[0]["choices"]), (true, &Value::from(2)), "{listed}");
    }
    let id = text(&goal, "id");
    let told = said(&town.ben, &["goal", "edit", id, "--title", "Run"]);
    holds(&told, "This replaced what you both had written as title: “");
    holds(&told, "“Run 10 km” (you)");
    holds(&told, "“Run far” (Anna)");
    let changed = town.ben.json(&["goal", "edit", id, "--status", "active"]);
    let values = changed["replaced"][0]["values"].as_array().map(Vec::len);
    assert_eq!((text(&changed["replaced"][0], "field"), values), ("status", Some(2)));
    assert!(town.ben.json(&["goal", "edit", id, "--status", "paused"])["replaced"].is_null());
}

#[test]
fn recovery_words_that_go_nowhere_make_no_profile() {
    let ben = Person::new("Ben");
    let init = |to: &str, more: &str| {
        let script = format!(
            "'{}' init --name Ben --role coach --alliance B {more} </dev/null {to}",
            programs().join("alliance").display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("ALLIANCE_HOME", ben.home()).env_remove("ALLIANCE_PROFILE");
        command.current_dir(ben.home().parent().expect("a folder")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().expect("a shell");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for to in [">&-", ">/dev/null"] {
        let (code, told) = init(to, "");
        assert_eq!(code, Some(1), "{told}");
        holds(&told, "--recovery-file");
        assert_eq!(ben.refused(&["today"]).code, "no_profile");
    }
    let (code, told) = init(">&-", "--recovery-file words.txt");
    assert_eq!(code, Some(0), "{told}");
    ben.ok(&["today"]);
}

#[test]
fn a_text_of_nothing_is_remarked() {
    let ben = somebody();
    let ran: Ran = ben.start_with(&["note", "add", "Empty", "-m", "-"], "").end();
    assert_eq!(ran.code, Some(0), "{ran}");
    holds(&ran.stderr, "the text is empty");
    let ran = ben.start_with(&["note", "add", "Full", "-m", "-"], "words").end();
    assert!(!ran.stderr.contains("empty"), "{ran}");
}

#[test]
fn commands_that_help_name_the_profile_where_there_are_several() {
    let home = Person::new("Both");
    let init = |name: &'static str| {
        home.run(&["--profile", name, "init", "--name", name, "--role", "peer", "--alliance", "Two"]).stderr
    };
    holds(&init("ben"), "`alliance relay set <url>`");
    holds(&init("anna"), "`alliance --profile anna relay set <url>`");
    let refusal = home.refused(&["--profile", "ben", "sync"]);
    holds(&refusal.hint, "`alliance --profile ben relay set <url>`");
    holds(&home.refused(&["--profile", "ben", "goal", "show", "x"]).hint, "`alliance --profile ben goal list`");
}

#[test]
fn where_both_wrote_is_told_at_the_exchange_where_it_happens_and_never_again() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let note = ben.json(&["note", "add", "Session 3", "-m", "One two three."]);
    let goal = ben.json(&["goal", "add", "Run"]);
    let (note, goal) = (text(&note, "id"), text(&goal, "id"));
    town.meet();
    let silent = |person: &Person| {
        let told = said(person, &["sync"]);
        assert!(!told.contains("both changed"), "{told}");
    };
    ben.json(&["note", "edit", note, "-m", "Zero. One two three."]);
    ben.json(&["goal", "edit", goal, "--title", "Run 10 km"]);
    silent(ben);
    anna.json(&["note", "edit", note, "-m", "One two three. Four."]);
    anna.json(&["goal", "edit", goal, "--title", "Run far"]);
    let told = said(anna, &["sync"]);
    holds(&told, "You and Ben both changed the text of “Session 3”: both changes were made; `alliance history ");
    holds(&told, "You and Ben both changed the title of “Run ");
    holds(&told, "`alliance conflict list`");
    silent(anna);
    let rows = ben.json(&["sync"]);
    let mut both = rows[0]["both"].as_array().expect("a list").clone();
    both.sort_by_key(|it| it["choice"].as_bool());
    let told: Vec<_> = both.iter().map(|it| (text(it, "id"), text(it, "field"), &it["choice"])).collect();
    assert_eq!(told, [(note, "body", &Value::Bool(false)), (goal, "title", &Value::Bool(true))], "{rows}");
    assert_eq!(rows[0]["items"].as_array().map(Vec::len), Some(2), "{rows}");
    // What one writes knowing of the other is nothing to tell.
    ben.json(&["note", "edit", note, "-m", "Zero. One two three. Four. Five."]);
    [ben, anna, ben].into_iter().for_each(silent);
}

#[test]
fn a_number_that_was_listed_never_keeps_another_value() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let goal = ben.json(&["goal", "add", "Run"]);
    let (id, short) = (text(&goal, "id"), text(&goal, "short"));
    town.meet();
    let at_once = |bens: &str, annas: &str| {
        ben.json(&["goal", "edit", id, "--title", bens]);
        anna.json(&["goal", "edit", id, "--title", annas]);
        town.meet();
    };
    at_once("Run 10 km", "Run far");
    let listed = ben.json(&["conflict", "list"]);
    let number = |value: &Value| value["number"].to_string();
    let seen: Vec<_> = listed[0]["values"].as_array().expect("values").iter().map(number).collect();
    // Anna chooses, and then they disagree once more.
    let hers = anna.json(&["conflict", "list"]);
    anna.json(&["conflict", "keep", id, &number(&hers[0]["values"][0])]);
    town.meet();
    let refusal = ben.refused(&["conflict", "keep", id, &seen[0]]);
    holds(&refusal.hint, "nothing is left to choose");
    at_once("Walk", "Fly");
    for number in &seen {
        let refusal = ben.refused(&["conflict", "keep", id, number]);
        assert_eq!((refusal.exit, &*refusal.code), (5, "not_found"), "{refusal:?}");
        assert!(refusal.hint.contains("Walk") && refusal.hint.contains("Fly"), "{refusal:?}");
    }
    let now = ben.json(&["conflict", "list"]);
    let fly = now[0]["values"].as_array().expect("values").iter().find(|value| value["value"] == "Fly");
    let kept = ben.json(&["conflict", "keep", id, &number(fly.expect("her value"))]);
    assert_eq!(text(&kept, "title"), "Fly");
    let refusal = ben.refused(&["undo"]);
    assert_eq!(refusal.code, "not_undone");
    holds(&refusal.message, "you chose between values of its title");
    holds(&refusal.hint, &format!("`alliance goal edit {short} --title"));
}

#[test]
fn what_this_computer_cannot_seal_is_not_said_of_the_relay() {
    let town = Town::with_ben();
    town.sync(&[&town.ben]);
    town.ben.json(&["note", "add", "Waits"]);
    // Each is a record, and a person writes only so many of these into one log.
    for _ in 0..=alliance_replica::limits::INTRODUCTIONS {
        town.ben.ok(&["invite"]);
    }
    let ran = town.ben.run(&["sync"]);
    let said =
        "What waits in “Ben & Anna” could not be sealed on this computer: too many computers, keys and invitations";
    assert!(ran.code == Some(1) && ran.stderr.contains(said) && ran.stderr.contains("`alliance new`"), "{ran}");
    assert!(!ran.stderr.contains("The relay"), "{ran}");
    let rows = [&["sync"][..], &["status"]].map(|command| {
        let ran = town.ben.run(&[command, &["--json"]].concat());
        serde_json::from_str::<Value>(&ran.stdout).expect("JSON")["data"][0].clone()
    });
    for row in rows {
        assert!(
            row["unsealed"].as_str().is_some_and(|why| why.contains("too many")) && row["refused"].is_null(),
            "{row}"
        );
    }
    let [status, doctor] = [["status"], ["doctor"]].map(|command| town.ben.run(&command));
    assert!(status.stdout.contains("could not be sealed on this computer: too many"), "{status}");
    assert!(doctor.stdout.contains("could not be sealed on this computer: too many"), "{doctor}");
    assert!(!doctor.stdout.contains("the relay did not take"), "{doctor}");
}

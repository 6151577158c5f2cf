//! How programs and people are answered: exit codes, envelopes, causes, and the command that helps.

use alliance_tests::{program::Person, town::Town};
use serde_json::Value;

fn somebody() -> Person {
    let ben = Person::new("Ben");
    ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    ben
}

#[test]
fn a_relay_that_is_not_reached_is_said_so_and_all_is_saved() {
    let mut town = Town::together();
    town.kill_relay();
    town.ben.json(&["note", "add", "Offline", "-m", "Still here."]);
    let refusal = town.ben.refused(&["sync"]);
    assert_eq!((refusal.exit, &*refusal.code), (7, "relay_unreachable"), "{refusal:?}");
    assert!(refusal.message.contains(&town.url()), "{refusal:?}");
    assert!(refusal.hint.contains("all is saved here") && refusal.hint.contains("`alliance sync`"), "{refusal:?}");
    let ran = town.ben.run(&["sync"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(7), ""), "{ran}");
    assert!(ran.stderr.contains("all is saved here"), "{ran}");
    town.start_relay();
    town.sync(&[&town.ben, &town.anna]);
    assert_eq!(town.anna.json(&["note", "list"])[0]["title"], "Offline");
}

#[test]
fn something_that_answers_and_is_no_relay_is_told_apart() {
    let town = Town::together();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut asked = [0; 1024];
        _ = std::io::Read::read(&mut stream, &mut asked);
        _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    });
    town.ben.json(&["relay", "set", &format!("http://{address}")]);
    let refusal = town.ben.refused(&["sync"]);
    assert_eq!((refusal.exit, &*refusal.code), (7, "not_a_relay"), "{refusal:?}");
    assert!(refusal.hint.contains("`alliance relay set <url>`"), "{refusal:?}");
    answering.join().expect("answers");
}

#[test]
fn another_relay_at_the_known_address_gets_nothing() {
    let mut town = Town::together();
    town.ben.json(&["note", "add", "Not for strangers"]);
    town.kill_relay();
    std::fs::remove_dir_all(town.data()).expect("removed");
    town.start_relay();
    let refusal = town.ben.refused(&["sync"]);
    assert_eq!((refusal.exit, &*refusal.code), (1, "other_relay"), "{refusal:?}");
    assert!(refusal.hint.contains("`alliance relay set <url>`"), "{refusal:?}");
    let kinds = town.ben.json(&["security"]).to_string();
    assert!(kinds.contains("relay-key-changed"), "{kinds}");
    assert_eq!(town.ben.json(&["status"])[0]["waiting"], 1);
}

#[test]
fn what_is_not_there_what_is_not_clear_and_what_is_not_yours_are_told_apart() {
    let town = Town::together();
    let ben = &town.ben;
    ben.json(&["note", "add", "Plan", "-m", "one"]);
    ben.json(&["note", "add", "Plan", "-m", "two"]);
    ben.json(&["goal", "add", "Run"]);
    town.sync(&[&town.ben, &town.anna]);
    let cases: [(&Person, &[&str], i32, &str, &str); 11] = [
        (ben, &["goal", "show", "Nothing like it"], 5, "not_found", "`alliance goal list`"),
        (ben, &["note", "edit", "g99999", "-m", "x"], 5, "not_found", "`alliance note list`"),
        (ben, &["conflict", "keep", "Run", "3"], 5, "not_found", "nothing is left to choose: `alliance goal show"),
        (ben, &["--alliance", "Dora", "today"], 5, "not_found", "Ben & Anna"),
        (ben, &["note", "show", "Plan"], 2, "ambiguous", "say which one:"),
        (ben, &["goal", "add", ""], 2, "invalid", "say it"),
        (ben, &["goal", "add"], 2, "usage", "--help"),
        (ben, &["gaol"], 2, "usage", "--help"),
        (ben, &["goal", "edit", "Run", "--status", "won"], 2, "usage", "--help"),
        (ben, &["invite"], 1, "full", "`alliance new <title>`"),
        (&town.anna, &["goal", "edit", "Run", "--status", "reached"], 6, "not_yours", "ask the other person"),
    ];
    for (person, arguments, exit, code, hint) in cases {
        let refusal = person.refused(arguments);
        assert_eq!((refusal.exit, &*refusal.code), (exit, code), "{arguments:?}: {refusal:?}");
        assert!(refusal.hint.contains(hint), "{arguments:?}: {refusal:?}");
        let ran = person.run(arguments);
        assert_eq!((ran.code, &*ran.stdout), (Some(exit), ""), "{ran}");
        assert!(ran.stderr.starts_with("error: ") && !ran.stderr.contains('\u{1b}'), "{ran}");
    }
    let ambiguous = ben.refused(&["note", "show", "Plan"]);
    for row in ben.json(&["note", "list"]).as_array().expect("a list") {
        let short = row["short"].as_str().expect("a short id");
        assert!(ambiguous.hint.contains(short), "{ambiguous:?}");
        ben.json(&["note", "show", short]);
    }
}

#[test]
fn whoever_has_no_profile_is_told_how_to_begin() {
    let nobody = Person::new("Nobody");
    for arguments in [&["today"][..], &["note", "list"], &["sync"], &["status"], &["invite"], &["use"]] {
        let refusal = nobody.refused(arguments);
        assert_eq!((refusal.exit, &*refusal.code), (5, "no_profile"), "{arguments:?}: {refusal:?}");
        assert!(refusal.hint.contains("`alliance init --name"), "{refusal:?}");
    }
    assert!(!nobody.home().exists(), "looking leaves nothing behind");
}

#[test]
fn a_second_init_leaves_the_first_profile_alone() {
    let ben = somebody();
    ben.json(&["note", "add", "Kept"]);
    let refusal = ben.refused(&["init", "--name", "Eve", "--role", "x", "--alliance", "Other"]);
    assert_eq!((refusal.exit, &*refusal.code), (1, "profile_exists"), "{refusal:?}");
    assert!(refusal.hint.contains("`alliance new <title>`"), "{refusal:?}");
    assert_eq!(ben.json(&["note", "list"])[0]["title"], "Kept");
}

#[test]
fn every_command_but_sync_and_join_works_without_a_network() {
    let ben = somebody();
    assert_eq!(ben.json(&["relay"]), Value::Array(Vec::new()));
    let refusal = ben.refused(&["sync"]);
    assert_eq!((refusal.exit, &*refusal.code), (1, "no_relay"), "{refusal:?}");
    assert!(refusal.hint.contains("`alliance relay set <url>`"), "{refusal:?}");
    // A port of this computer that nobody listens on.
    ben.json(&["relay", "set", "http://127.0.0.1:1"]);
    let note = ben.json(&["note", "add", "Plan", "-m", "one"]);
    let private = ben.json(&["note", "add", "Mine", "-m", "two", "--private"]);
    let goal = ben.json(&["goal", "add", "Run", "--why", "because"]);
    let id = |done: &Value| done["short"].as_str().expect("a short id").to_owned();
    ben.json(&["note", "edit", &id(&note), "-m", "one and a half"]);
    ben.json(&["note", "edit", &id(&note), "--title", "Plans"]);
    ben.json(&["note", "share", &id(&private), "--yes"]);
    for change in [["--title", "Run far"], ["--why", "it is good"], ["--status", "paused"], ["--horizon", "May"]] {
        let changed = ben.json(&["goal", "edit", &id(&goal), change[0], change[1]]);
        assert_eq!(changed["changed"], true, "{change:?}");
    }
    assert!(ben.json(&["invite", "--expires", "2d"])["invitation"].is_string());
    ben.json(&["new", "Ben", "&", "Carl"]);
    ben.json(&["use", "Ben & Anna"]);
    ben.json(&["goal", "level", &id(&goal), "+1", "-m", "Twice a week"]);
    ben.json(&["feedback", "give", "keep", "You wait."]);
    ben.json(&["about", "--purpose", "To dare more."]);
    ben.json(&["note", "edit", &id(&note), "--title", "Plan of plans"]);
    ben.json(&["undo"]);
    let looks: [&[&str]; 18] = [
        &[],
        &["today"],
        &["goal"],
        &["goal", "list"],
        &["goal", "show", &id(&goal)],
        &["note", "list"],
        &["note", "show", &id(&note)],
        &["conflict"],
        &["member"],
        &["status"],
        &["security"],
        &["use"],
        &["feedback"],
        &["history"],
        &["search", "half"],
        &["about"],
        &["relay"],
        &["config"],
    ];
    for look in looks {
        ben.json(look);
        ben.ok(look);
    }
    let shown = ben.json(&["note", "show", &id(&note)]);
    assert_eq!((&shown["title"], &shown["body"]), (&"Plans".into(), &"one and a half".into()));
    let shown = ben.json(&["goal", "show", &id(&goal)]);
    let fields = ["title", "why", "status", "horizon", "owner"].map(|field| shown[field].as_str().unwrap_or_default());
    assert_eq!(fields, ["Run far", "it is good", "paused", "May", "you"]);
    let notes = ben.json(&["note", "list"]);
    assert_eq!(notes.as_array().map(Vec::len), Some(3), "{notes}");
    assert_eq!(ben.refused(&["sync"]).exit, 7);
}

#[test]
fn a_text_may_come_from_standard_input_and_be_as_long_as_allowed() {
    let ben = somebody();
    let long = "word ".repeat(100_000);
    let ran = ben.start_with(&["note", "add", "Long", "-m", "-", "--json"], &long).end();
    let note = ran.data();
    let shown = ben.json(&["note", "show", note["id"].as_str().expect("an id")]);
    assert_eq!(shown["body"].as_str().map(str::len), Some(long.len()));
    let too_long = "word ".repeat(110_000);
    let refusal = ben.start_with(&["note", "add", "Too long", "-m", "-", "--json"], &too_long).end().refusal();
    assert_eq!(refusal.exit, 2, "{refusal:?}");
    assert_eq!(ben.json(&["note", "list"]).as_array().map(Vec::len), Some(1));
}

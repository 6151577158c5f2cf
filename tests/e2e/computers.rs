//! Several computers of one person, with the real programs.

use alliance_tests::{
    program::{Person, RelayProgram, until},
    town::Town,
    watcher::Watcher,
};
use serde_json::Value;
use tempfile::TempDir;

/// Ben's other computer, with everything Ben has.
pub(crate) fn with_a_tablet(town: &Town) -> Person {
    town.ben.ok(&["note", "add", "For both"]);
    town.ben.ok(&["note", "add", "Mine alone", "--private"]);
    let word = town.ben.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.ben]);
    let tablet = Person::new("ben");
    let arrived = tablet.json(&["join", &word]);
    assert_eq!(arrived["name"], "Ben", "{arrived}");
    assert_eq!(arrived["synced"], true, "{arrived}");
    assert_eq!(arrived["alliances"][0]["title"], "Ben & Anna", "{arrived}");
    tablet
}

pub(crate) fn meet(town: &Town, tablet: &Person) {
    for person in [tablet, &town.ben, tablet, &town.ben, &town.anna, tablet] {
        town.sync(&[person]);
    }
}

pub(crate) fn notes(person: &Person) -> Vec<String> {
    let notes = person.json(&["note", "list"]);
    let notes = notes.as_array().expect("a list");
    let mut titles: Vec<_> = notes.iter().map(|it| it["title"].as_str().expect("text").to_owned()).collect();
    titles.sort();
    titles
}

/// A relay that is gone keeps nobody's other computers out of what is exchanged elsewhere.
#[test]
fn an_alliance_reaches_another_computer_while_some_relay_is_not_there() {
    let town = Town::together();
    let tablet = with_a_tablet(&town);
    let folder = TempDir::new().expect("a folder");
    let other = RelayProgram::start(&folder.path().join("data"));
    town.ben.ok(&["new", "Elsewhere", "--relay", &other.url()]);
    meet(&town, &tablet);
    assert_eq!(tablet.json(&["all"]).as_array().map(Vec::len), Some(2));
    other.stop();
    town.ben.ok(&["new", "Later", "--relay", &town.url()]);
    for person in [&town.ben, &town.ben, &tablet, &tablet] {
        assert_eq!(person.run(&["sync"]).code, Some(7), "the other relay is not reached");
    }
    let all = tablet.json(&["all"]);
    assert!(all.as_array().is_some_and(|all| all.iter().any(|it| it["title"] == "Later")), "{all}");
}

#[test]
fn another_computer_has_everything_at_once_and_what_it_writes_reaches_all() {
    let town = Town::together();
    let tablet = with_a_tablet(&town);
    // Ben's laptop has not been asked yet.
    assert_eq!(notes(&tablet), ["For both", "Mine alone"]);
    tablet.ok(&["note", "add", "From the tablet"]);
    meet(&town, &tablet);
    assert_eq!(notes(&town.ben), ["For both", "From the tablet", "Mine alone"]);
    assert_eq!(notes(&town.anna), ["For both", "From the tablet"]);

    town.ben.ok(&["device", "rename", "Laptop"]);
    town.ben.ok(&["device", "rename", "--computer", "computer 2", "Old tablet"]);
    meet(&town, &tablet);
    for rename in [&["device", "rename", "laptop"][..], &["device", "rename", "--computer", "Laptop", "Old tablet"]] {
        let refused = tablet.refused(rename);
        assert_eq!((refused.exit, &*refused.code), (2, "name_taken"), "{refused:?}");
    }
    tablet.ok(&["device", "rename", "Old tablet"]);
    let devices = tablet.json(&["device"]);
    let name = |at: usize| devices[at]["name"].as_str().expect("text").to_owned();
    assert_eq!([name(0), name(1)], ["Old tablet", "Laptop"], "{devices}");
    assert_eq!((&devices[0]["this"], &devices[1]["live"]), (&true.into(), &true.into()), "{devices}");

    let refused = Person::new("anna").refused(&["join", "alliance:x#y", "--name", "Anna", "--role", "client"]);
    assert_eq!(refused.code, "invitation_mistyped");
    let word = town.ben.ok(&["invite", "--device"]).trim().to_owned();
    let refused = town.anna.refused(&["join", &word]);
    assert_eq!(refused.code, "profile_exists", "{refused:?}");
    let refused = Person::new("carl").refused(&["join", &word, "--name", "Carl", "--role", "thief"]);
    assert_eq!(refused.code, "other_person", "{refused:?}");
}

#[test]
fn what_was_taken_back_lets_nobody_in() {
    let town = Town::with_ben();
    let told = town.ben.run(&["invite"]).to_string();
    assert!(told.contains("alliance invite --withdraw"), "{told}");
    let word = town.invitation();
    // One of them waits here, the other is at the relay.
    let computers = [town.ben.ok(&["invite", "--device"]), town.ben.ok(&["invite", "--device"])];
    town.sync(&[&town.ben]);
    let taken = town.ben.json(&["invite", "--withdraw"]);
    assert_eq!((&taken["count"], &taken["done"]), (&2.into(), &true.into()), "{taken}");
    let unsent = town.ben.ok(&["invite", "--device"]);
    let taken = town.ben.json(&["invite", "--device", "--withdraw"]);
    assert_eq!((&taken["count"], &taken["done"]), (&3.into(), &true.into()), "{taken}");
    assert!(town.ben.run(&["invite", "--withdraw"]).to_string().contains("No invitation for the other person is open"));
    for word in computers.iter().chain([&unsent]) {
        let refused = Person::new("ben").refused(&["join", word.trim()]);
        assert!(["invitation_used", "invitation_unknown"].contains(&&*refused.code), "{refused:?}");
    }
    let refused = town.anna.refused(&["join", &word, "--name", "Anna", "--role", "client"]);
    assert_eq!(refused.code, "invitation_used", "{refused:?}");
    // What is made later works.
    let word = town.invitation();
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &word, "--name", "Anna", "--role", "client"]);
    town.meet();
    assert_eq!(town.ben.json(&["member", "list"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn a_computer_that_is_stopped_on_its_way_goes_on_with_the_same_command() {
    let mut town = Town::together();
    town.ben.ok(&["note", "add", "For both"]);
    town.ben.ok(&["note", "add", "Mine alone", "--private"]);
    let word = town.ben.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.ben]);
    let tablet = Person::new("ben");
    let running = tablet.start(&["join", &word]);
    until("a profile", || tablet.profile().exists().then_some(()));
    running.kill();
    town.kill_relay();
    // Nothing is reached, and nothing is lost by trying.
    let arrived = tablet.json(&["join", &word]);
    assert_eq!(arrived["synced"], false, "{arrived}");
    town.start_relay();
    let arrived = tablet.json(&["join", &word]);
    assert_eq!((&arrived["name"], &arrived["synced"]), (&"Ben".into(), &true.into()), "{arrived}");
    assert_eq!(arrived["alliances"][0]["items"], 1, "{arrived}");
    assert_eq!(notes(&tablet), ["For both", "Mine alone"]);
    // Whoever made the invitation does not take it up.
    assert_eq!(town.ben.refused(&["join", &word]).code, "profile_exists");
    meet(&town, &tablet);
    tablet.ok(&["note", "add", "From the tablet"]);
    meet(&town, &tablet);
    assert!(notes(&town.anna).contains(&"From the tablet".to_owned()));
}

#[test]
fn a_lost_computer_is_refused_and_reads_nothing_new() {
    let town = Town::together();
    let tablet = with_a_tablet(&town);
    meet(&town, &tablet);
    tablet.ok(&["note", "add", "Written after it was lost"]);

    let refused = town.ben.refused(&["device", "cut", "computer 2"]);
    assert_eq!((refused.exit, &*refused.code), (2, "not_confirmed"), "{refused:?}");
    assert_eq!(town.ben.refused(&["device", "cut", "computer 1", "--yes"]).code, "this_computer");
    assert_eq!(town.ben.refused(&["device", "cut", "computer 7", "--yes"]).code, "not_found");
    let cut = town.ben.json(&["device", "cut", "computer 2", "--yes"]);
    assert_eq!(cut["done"], true, "{cut}");
    assert_eq!(town.ben.refused(&["device", "cut", "computer 2", "--yes"]).code, "cut_already");

    town.ben.ok(&["note", "add", "Not for the thief"]);
    town.sync(&[&town.ben, &town.anna]);
    let refused = tablet.run(&["sync"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert_eq!(notes(&tablet), ["For both", "Mine alone", "Written after it was lost"]);
    assert_eq!(notes(&town.anna), ["For both", "Not for the thief"]);
    let security = town.anna.ok(&["security"]);
    assert!(security.contains("a computer of Ben was cut off as lost"), "{security}");
    let security = town.ben.ok(&["security"]);
    for said in ["your computer “computer 2” was let in", "your computer “computer 2” was cut off as lost"] {
        assert!(security.contains(said), "{said}: {security}");
    }
}

#[test]
fn who_is_cut_off_is_told_what_helps_and_brings_over_what_was_not_sent() {
    let (town, words) = Town::with_words();
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let tablet = Person::new("anna");
    tablet.json(&["join", &word]);
    for person in [&tablet, &town.anna, &tablet, &town.anna] {
        town.sync(&[person]);
    }
    tablet.ok(&["note", "add", "Not sent yet"]);
    town.anna.ok(&["device", "cut", "computer 2", "--yes"]);

    // Nothing here says what happened.
    for verb in ["sync", "status"] {
        let told = tablet.run(&[verb]).to_string();
        let helps = ["still here", "If it was cut off", "backup create FILE", "backup restore FILE", "device renew"];
        for said in helps {
            assert_eq!(told.matches(said).count(), 1, "{said}: {told}");
        }
    }
    assert_eq!(tablet.json(&["status"])[0]["out"]["why"], "unknown");
    let added = tablet.run(&["note", "add", "Nor this"]).to_string();
    assert!(added.contains("For now it stays here") && !added.contains("alliance sync"), "{added}");
    let refused = tablet.start_with(&["device", "renew", "--yes", "--json"], &words).end().refusal();
    assert_eq!(refused.code, "cut_off", "{refused:?}");
    assert!(refused.hint.contains("backup create FILE") && refused.hint.contains("backup restore FILE"), "{refused:?}");
    // The words have shown it.
    let told = tablet.run(&["sync"]).to_string();
    assert!(told.contains("was cut off, on your computer “computer 1”; it heard of that on "), "{told}");
    assert!(told.contains("backup create FILE") && !told.contains("device renew"), "{told}");
    assert_eq!(tablet.json(&["status"])[0]["out"]["why"], "cut-off");
    assert_eq!(tablet.json(&["status"])[0]["out"]["by"], "computer 1");
    let refused = tablet.refused(&["note", "add", "More"]);
    assert!(refused.code == "ended" && refused.hint.contains("alliance status"), "{refused:?}");

    let file = tablet.beside("all.backup").to_str().expect("text").to_owned();
    tablet.ok(&["backup", "create", &file]);
    town.anna.ok(&["backup", "restore", &file]);
    town.sync(&[&town.anna, &town.ben]);
    for person in [&town.anna, &town.ben] {
        assert_eq!(notes(person), ["Nor this", "Not sent yet"], "{}", person.name);
    }
}

#[test]
fn a_computer_that_has_just_been_let_in_is_one_computer_and_can_be_cut() {
    let town = Town::together();
    let tablet = with_a_tablet(&town);
    // The tablet has not said yet which key it has where.
    town.sync(&[&town.ben]);
    let devices = town.ben.json(&["device"]);
    assert_eq!(devices.as_array().map(Vec::len), Some(2), "{devices}");
    assert_eq!(devices[1]["spaces"], 2, "{devices}");
    let id = devices[1]["id"].as_str().expect("an id");
    assert_eq!(town.ben.json(&["device", "cut", id, "--yes"])["done"], true);
    town.ben.ok(&["note", "add", "Not for the thief"]);
    town.sync(&[&town.ben]);
    assert_ne!(tablet.run(&["sync"]).code, Some(0));
    assert_eq!(notes(&tablet), ["For both", "Mine alone"]);
}

#[test]
fn a_cut_decided_offline_goes_before_anything_else_with_the_next_sync() {
    let mut town = Town::together();
    let tablet = with_a_tablet(&town);
    meet(&town, &tablet);
    town.stop_relay();
    let cut = town.ben.json(&["device", "cut", "computer 2", "--yes"]);
    assert_eq!(cut["done"], false, "{cut}");
    let devices = town.ben.run(&["device"]).to_string();
    assert!(devices.contains("to be cut off with the next sync"), "{devices}");
    assert_eq!(town.ben.json(&["device"])[1]["ends"], true);
    let status = town.ben.run(&["status"]).to_string();
    assert!(status.contains("the next sync cuts computer 2 off"), "{status}");
    town.ben.ok(&["note", "add", "Not for the thief"]);
    town.start_relay();
    // It is there, and would get at once what goes before the cut.
    let thief = Watcher::start(&tablet, "thief");
    thief.says("Connected", 1);
    town.sync(&[&town.ben, &town.anna]);
    // Once for both spaces or once for each: they are refused one after the other.
    thief.says("The relay does not let this computer in", 1);
    until("no space lets it in", || {
        let status = tablet.json(&["status"]);
        status.as_array().expect("a list").iter().all(|it| !it["out"].is_null()).then_some(())
    });
    assert!(!thief.said().contains("Not for the thief"), "{}", thief.said());
    drop(thief);
    assert_eq!(town.ben.json(&["device"])[1]["ends"], Value::Null);
    assert!(!town.ben.run(&["status"]).to_string().contains("the next sync cuts"));
    assert_ne!(tablet.run(&["sync"]).code, Some(0));
    assert_eq!(notes(&tablet), ["For both", "Mine alone"]);
    assert!(notes(&town.anna).contains(&"Not for the thief".to_owned()));
}

#[test]
fn a_computer_that_was_cut_off_makes_no_words_and_no_invitations_that_nobody_hears_of() {
    let town = Town::together();
    let tablet = with_a_tablet(&town);
    meet(&town, &tablet);
    town.ben.json(&["device", "cut", "computer 2", "--yes"]);
    assert_ne!(tablet.run(&["sync"]).code, Some(0));
    for command in [&["invite", "--device"][..], &["invite"], &["recovery", "replace", "--yes"]] {
        let refused = tablet.refused(command);
        assert_eq!(refused.code, "not_in", "{command:?}: {refused:?}");
        assert!(refused.hint.contains("alliance status"), "{refused:?}");
    }
    let today = tablet.run(&["today"]).to_string();
    assert!(
        today.contains("The relay does not let this computer in. What is written here goes nowhere now"),
        "{today}"
    );
    let status = tablet.run(&["status"]).to_string();
    for said in [&today, &status] {
        assert!(!said.contains("Only this computer can open"), "no reminder of what does not help: {said}");
    }
    // The relay shows it nothing, and lost nothing.
    let verified = tablet.run(&["verify"]);
    let said = verified.to_string();
    assert_ne!(verified.code, Some(0), "{said}");
    assert!(said.contains("The relay does not show “Ben & Anna”") && said.contains("`alliance status`"), "{said}");
    assert!(!said.contains("lost") && !said.contains("sends it again"), "{said}");
    assert!(notes(&tablet).contains(&"For both".to_owned()));
    // Who is in goes on as before.
    town.ben.ok(&["invite", "--device"]);
    assert!(!town.ben.run(&["today"]).to_string().contains("goes nowhere"));
}

#[test]
fn while_both_watch_a_new_alliance_appears_on_the_other_computer() {
    let town = Town::together();
    let tablet = with_a_tablet(&town);
    meet(&town, &tablet);
    let watchers = [Watcher::start(&town.ben, "ben"), Watcher::start(&tablet, "tablet")];
    town.ben.ok(&["new", "Ben & Carl"]);
    town.ben.ok(&["note", "add", "For Carl"]);
    until("the alliance on the tablet", || {
        let all = tablet.json(&["use"]);
        let all = all.as_array()?.iter().any(|it| it["title"] == "Ben & Carl");
        all.then_some(())
    });
    until("its note", || {
        let notes = tablet.json(&["--alliance", "Ben & Carl", "note", "list"]);
        notes.as_array()?.iter().any(|it| it["title"] == "For Carl").then_some(())
    });
    for watcher in watchers {
        assert_eq!(watcher.stop(), Some(0));
    }
}

#[test]
fn a_copied_profile_is_out_once_the_computer_has_fresh_keys() {
    let town = Town::together();
    let copy = Person::new("ben");
    copy.restore(&town.ben.backup());
    town.ben.ok(&["note", "add", "Before"]);
    let renewed = town.ben.json(&["device", "renew", "--yes"]);
    assert_eq!(renewed["done"], true, "{renewed}");
    town.ben.ok(&["note", "add", "Not for the copy"]);
    town.meet();
    assert_eq!(notes(&town.anna), ["Before", "Not for the copy"]);
    assert_ne!(copy.run(&["sync"]).code, Some(0));
    assert!(notes(&copy).is_empty(), "it was taken before there were any");
    let status = town.ben.json(&["status"]);
    assert!(
        status.as_array().expect("a list").iter().all(|it| it["refused"].is_null() && it["out"].is_null()),
        "{status}"
    );
    assert_eq!(town.ben.json(&["device"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn who_leaves_keeps_everything_and_the_other_is_told() {
    let town = Town::together();
    town.ben.ok(&["note", "add", "For both"]);
    town.meet();
    let refused = town.anna.refused(&["leave"]);
    assert_eq!(refused.code, "not_confirmed", "{refused:?}");
    let left = town.anna.json(&["leave", "--yes"]);
    assert_eq!(left["done"], true, "{left}");
    let again = town.anna.run(&["sync"]);
    assert_eq!((again.code, again.to_string().contains("does not")), (Some(0), false), "it is over: {again}");
    town.ben.ok(&["note", "add", "Too late"]);
    town.sync(&[&town.ben]);
    assert_eq!(notes(&town.anna), ["For both"]);
    assert!(notes(&town.ben).contains(&"Too late".to_owned()));
    let status = town.ben.json(&["status"]);
    assert_eq!(status[0]["state"], "they-left", "{status}");
    assert_eq!(town.anna.refused(&["leave", "--yes"]).code, "ended");
    assert_eq!(town.anna.refused(&["note", "add", "Again"]).code, "ended");
}

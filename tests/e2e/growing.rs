//! Sessions, reflections, questions, insights, beliefs, wins, comments and the agreement, at two computers.

use alliance_tests::{program::Person, town::Town};
use serde_json::{Value, json};

use super::things::short;

fn titles(all: &Value) -> Vec<&str> {
    all.as_array().expect("a list").iter().map(|it| it["title"].as_str().unwrap_or_default()).collect()
}

/// What one says at the command line is added to the notes of both, also when both begin; to take its place, one says so.
#[test]
fn what_is_added_to_the_notes_of_a_session_takes_nobodys_place() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let id = short(&ben.json(&["session", "plan", "2030-11-22", "16:00"]));
    town.meet();
    ben.ok(&["session", "note", &id, "-m", "Anna was quiet at first."]);
    anna.ok(&["session", "note", &id, "-m", "I felt heard."]);
    town.meet();
    ben.ok(&["session", "note", &id, "-m", "More next time."]);
    town.meet();
    let notes = |person: &Person| person.json(&["session", "show", &id])["notes"].as_str().expect("text").to_owned();
    let mut lines: Vec<_> = notes(anna).lines().map(str::to_owned).collect();
    assert_eq!(lines.pop().as_deref(), Some("More next time."));
    lines.sort();
    assert_eq!(lines, ["Anna was quiet at first.", "I felt heard."]);
    anna.ok(&["session", "note", &id, "--replace", "-m", "All of it in one line."]);
    assert_eq!(notes(anna).trim_end(), "All of it in one line.");
}

#[test]
fn a_session_is_planned_prepared_typed_by_both_and_finished() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let plan = ["session", "plan", "2030-11-22", "16:00", "--template", "grow", "--aim", "A first step"];
    let id = short(&ben.json(&plan));
    let offer = short(&ben.json(&["commitment", "offer", "Call the landlord"]));
    anna.json(&["note", "add", "Say that I am afraid", "-m", "For me.", "--private"]);
    town.meet();
    anna.json(&["commitment", "accept", &offer, "--due", "2030-11-20"]);
    let shown = anna.ok(&["session", "show", &id]);
    assert!(shown.contains("Fri 22 Nov 2030, 16:00") && shown.contains("Reality: how is it now"), "{shown}");
    // Both type in the notes and put something on the agenda without a network.
    ben.json(&["session", "note", &id, "--replace", "-m", "Anna is calmer. "]);
    town.meet();
    anna.json(&["session", "note", &id, "--replace", "-m", "Anna is calmer. I slept well. "]);
    ben.json(&["session", "note", &id, "--replace", "-m", "We begin on time. Anna is calmer. "]);
    anna.json(&["session", "edit", &id, "--point", "The move"]);
    ben.json(&["session", "edit", &id, "--point", "Money"]);
    town.sync(&[anna, ben, anna]);
    for person in [ben, anna] {
        let seen = person.json(&["session", "show", &id]);
        assert_eq!(seen["notes"], "We begin on time. Anna is calmer. I slept well. ");
        let points: Vec<_> = seen["agenda"].as_array().expect("a list").iter().map(|it| it["words"].clone()).collect();
        assert!(points.len() == 6 && points.contains(&json!("Money")) && points.contains(&json!("The move")));
        let found = person.ok(&["search", "calmer"]);
        assert!(found.contains("Session on"), "{found}");
    }
    let (hers, his) = (anna.ok(&["prep"]), ben.ok(&["prep"]));
    for brief in [&hers, &his] {
        assert!(brief.contains("A first step") && brief.contains("Call the landlord"), "{brief}");
    }
    assert!(hers.contains("Say that I am afraid") && !his.contains("afraid"), "{his}");
    assert_eq!(hers, anna.ok(&["prep"]), "the same from the same");
    anna.json(&["session", "take", &id, "I", "ask", "for", "help", "earlier"]);
    ben.json(&["session", "finish", &id, "--take", "I talk less"]);
    town.meet();
    let seen = anna.json(&["session", "show", &id]);
    let by: Vec<_> =
        seen["take-aways"].as_array().expect("a list").iter().map(|it| (&it["by"], &it["words"])).collect();
    assert!(by.contains(&(&json!("you"), &json!("I ask for help earlier"))), "{seen}");
    assert!(by.contains(&(&json!("Ben"), &json!("I talk less"))) && seen["status"] == "finished", "{seen}");
    assert_eq!(anna.json(&["session"]), json!([]));
    let all = ben.json(&["all"]);
    assert!(all[0]["last_session"].as_str().is_some_and(|it| it.starts_with("2030-11-22T16:00")), "{all}");
    for (day, words) in [("2030-12-20", "Second"), ("2030-12-06", "First"), ("2030-12-01", "Away")] {
        ben.json(&["session", "plan", day, "10:00", "--title", words]);
    }
    ben.json(&["archive", "Away"]);
    ben.json(&["session", "finish", "First"]);
    anna.json(&["commitment", "offer", "Wait longer"]);
    ben.json(&["commitment", "add", "Read on"]);
    town.meet();
    let glance = |person: &Person| person.json(&["all"])[0].clone();
    let (his, hers) = (glance(ben), glance(anna));
    for (field, day) in [("next_session", "2030-12-20T10:00"), ("last_session", "2030-12-06T10:00")] {
        assert!(his[field].as_str().is_some_and(|it| it.starts_with(day)), "{field}: {his}");
        assert_eq!(his[field], hers[field]);
    }
    assert_eq!((&his["offers"], &his["commitments"], &hers["offers"]), (&json!(1), &json!(1), &json!(0)), "{his}");
    town.assert_equal();
}

#[test]
fn what_starts_private_is_shared_as_a_copy_and_worked_on_together() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let own = short(&anna.json(&["reflect", "write", "1", "-m", "Walking gave me strength. Nobody knows the rest."]));
    let belief = short(&anna.json(&["belief", "name", "I", "never", "finish", "anything", "--strength", "80"]));
    anna.json(&["belief", "for", &belief, "I stopped twice"]);
    let mine = short(&anna.json(&["commitment", "add", "Finish one small thing", "--private"]));
    anna.json(&["belief", "try", &belief, &mine]);
    town.meet();
    assert_eq!((ben.json(&["reflect"]), ben.json(&["belief"])), (json!([]), json!([])));
    assert!(ben.ok(&["today"]).find("finish").is_none());
    assert_eq!(anna.refused(&["belief", "share", &belief]).exit, 2, "nobody to ask");
    let copy = short(&anna.json(&["belief", "share", &belief, "--yes"]));
    town.meet();
    let seen = ben.json(&["belief", "show", &copy]);
    assert_eq!((&seen["for"][0]["words"], &seen["links"]), (&json!("I stopped twice"), &Value::Null), "{seen}");
    for refused in [&["belief", "strength", &copy, "1"][..], &["belief", "try", &copy, "c"]] {
        assert!([5, 6].contains(&ben.refused(refused).exit), "{refused:?}");
    }
    ben.json(&["belief", "against", &copy, "You finished your thesis"]);
    ben.json(&["belief", "reframe", &copy, "You finish what is yours"]);
    town.meet();
    anna.json(&["belief", "reframe", &copy, "I finish what is mine"]);
    anna.json(&["belief", "strength", &copy, "40"]);
    town.meet();
    let seen = ben.json(&["belief", "show", &copy]);
    assert_eq!(seen["reframe"], "I finish what is mine");
    assert_eq!((&seen["offered-evidence"][0]["by"], &seen["strength"][1]["words"]), (&json!("you"), &json!("40")));
    assert!(anna.ok(&["belief", "show", &copy]).contains("offered: against it"));
    anna.json(&["reflect", "share", &own, "--yes"]);
    town.meet();
    assert_eq!(titles(&ben.json(&["reflect"])), ["What gave me strength this week, and what cost me some?"]);
    town.assert_equal();
}

#[test]
fn questions_insights_wins_and_comments_belong_to_whom_they_are_for() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    assert_eq!(ben.ok(&["question", "bank"]).lines().count(), 24);
    let asked = short(&ben.json(&["question", "offer", "12"]));
    let insight = short(&ben.json(&["insight", "offer", "You decide faster when you walk"]));
    town.meet();
    assert_eq!(anna.json(&["today"])["thoughts"].as_array().map(Vec::len), Some(2));
    for refused in [["question", "sit", &asked], ["insight", "confirm", &insight]] {
        assert_eq!(ben.refused(&refused).exit, 6, "{refused:?}");
    }
    anna.json(&["question", "answer", &asked, "-m", "That I get to stay small."]);
    let noon = 1_796_126_400;
    anna.at(noon).json(&["insight", "confirm", &insight]);
    assert_eq!(anna.at(noon).json(&["today"])["thoughts"], json!([]));
    let month = 32 * 86_400;
    assert_eq!(titles(&anna.at(noon + month).json(&["today"])["thoughts"]), ["You decide faster when you walk"]);
    let again = anna.at(noon + month).ok(&["insight", "again", &insight]);
    assert!(again.contains("You decide faster"), "{again}");
    assert_eq!(anna.at(noon + 2 * month).json(&["today"])["thoughts"], json!([]), "after three months");
    assert_eq!(anna.at(noon + 5 * month).json(&["today"])["thoughts"].as_array().map(Vec::len), Some(1));
    let win = short(&anna.json(&["win", "add", "I asked for help"]));
    let goal = short(&anna.json(&["goal", "add", "Move by summer"]));
    town.meet();
    ben.json(&["win", "cheer", &win, "I saw it!"]);
    let comment = short(&ben.json(&["comment", "add", &goal, "Which summer?"]));
    town.meet();
    assert_eq!(anna.json(&["win", "show", &win])["cheers"][0]["by"], "Ben");
    let told = anna.ok(&["history", &comment]);
    assert!(told.contains("Move by summer"), "{told}");
    let page = anna.ok(&["goal", "show", &goal]);
    assert!(page.contains("comments") && page.contains("Which summer?"), "{page}");
    assert_eq!(anna.refused(&["comment", "edit", &comment, "-m", "x"]).exit, 6);
    assert_eq!(ben.json(&["question", "show", &asked])["answer"], "That I get to stay small.");
    town.assert_equal();
}

#[test]
fn an_agreement_is_in_force_once_both_acknowledged_the_same_text() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    assert_eq!(anna.refused(&["agreement", "acknowledge", "--yes"]).exit, 2, "there is nothing");
    // Both begin it at the same time: it is one agreement.
    ben.json(&["agreement", "edit", "rhythm", "-m", "Every two weeks. "]);
    anna.json(&["agreement", "edit", "repair", "-m", "We say it soon."]);
    town.sync(&[ben, anna, ben]);
    assert_eq!(ben.json(&["agreement"])["sections"].as_array().map(Vec::len), Some(2));
    let waits = |person: &Person| person.json(&["today"])["agreement"] == true;
    assert!(waits(ben) && waits(anna) && anna.run(&["today"]).stderr.contains("The agreement waits for you"));
    ben.json(&["agreement", "acknowledge", "--yes"]);
    assert!(!waits(ben) && waits(anna), "each for themselves");
    town.meet();
    let half = anna.json(&["agreement"]);
    assert_eq!((&half["acknowledged"], &half["in_force"]), (&json!(["Ben"]), &json!(false)));
    anna.json(&["agreement", "acknowledge", "--yes"]);
    town.meet();
    for person in [ben, anna] {
        assert_eq!(person.json(&["agreement"])["in_force"], true);
        assert!(!waits(person));
        assert_eq!(person.json(&["agreement", "diff"]), json!([]));
    }
    // Both change it, and both acknowledge their own: what was agreed on stays in force.
    ben.json(&["agreement", "edit", "rhythm", "-m", "Every two weeks. By phone if need be. "]);
    ben.json(&["agreement", "acknowledge", "--yes"]);
    anna.json(&["agreement", "edit", "rhythm", "-m", "Every two weeks. Not in August. "]);
    anna.json(&["agreement", "acknowledge", "--yes"]);
    town.sync(&[ben, anna, ben]);
    for person in [ben, anna] {
        let draft = person.json(&["agreement"]);
        assert_eq!((&draft["in_force"], &draft["acknowledged"]), (&json!(false), &json!([])));
        let page = person.ok(&["agreement"]);
        assert!(page.contains("By phone") && page.contains("August") && page.contains("differs"), "{page}");
    }
    for person in [anna, ben] {
        person.json(&["agreement", "acknowledge", "--yes"]);
    }
    town.sync(&[ben, anna, ben]);
    let forces = anna.json(&["agreement", "list"]);
    let now: Vec<_> = forces.as_array().expect("a list").iter().map(|it| it["now"].clone()).collect();
    assert_eq!(now, [json!(false), json!(true)], "{forces}");
    assert!(forces[1]["text"].as_str().is_some_and(|it| it.contains("August") && it.contains("We say it soon.")));
    let page = ben.ok(&["agreement", "edit", "--template"]);
    assert!(page.contains("How we work together"), "{page}");
    assert_eq!(ben.json(&["agreement"])["sections"].as_array().map(Vec::len), Some(7));
    town.meet();
    town.assert_equal();
}

#[test]
fn two_people_part_with_a_letter_and_both_keep_everything() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let goal = short(&anna.json(&["goal", "add", "Move by summer"]));
    let runs = short(&anna.json(&["commitment", "add", "Call Carl"]));
    anna.json(&["note", "add", "Mine", "-m", "Only mine.", "--private"]);
    town.meet();
    let asked = anna.json(&["close"])["questions"].clone();
    let ids: Vec<_> = asked.as_array().expect("a list").iter().map(|it| it["id"].as_str().unwrap_or("")).collect();
    assert_eq!(ids, [runs.as_str(), goal.as_str(), "take", "letter"]);
    let file = anna.beside("answers.txt");
    std::fs::write(&file, format!("{runs}: let go, it was not mine\n{goal}: reached\ntake: I can wait.\n"))
        .expect("a file");
    let file = file.to_str().expect("text");
    assert_eq!(anna.json(&["close", "--answers", file])["did"].as_array().map(Vec::len), Some(3));
    assert_eq!(anna.json(&["close", "--answers", file])["did"], json!([]), "nothing twice");
    assert_eq!(anna.json(&["goal", "show", &goal])["status"], "reached");
    assert_eq!(anna.json(&["commitment", "show", &runs])["learning"], "it was not mine");
    town.meet();
    let closing = ben.json(&["close"]);
    assert_eq!((&closing["letters"], &closing["over"]), (&json!([]), &json!(false)));
    assert!(!ben.ok(&["reflect"]).contains("take with me"), "that is hers");
    let letter = ben.ok(&["close", "--letter", "You dared.\nThank you for your trust."]);
    assert!(letter.contains("A letter at the close"), "{letter}");
    town.meet();
    let seen = anna.json(&["today"])["letter"].clone();
    let id = seen["short"].as_str().expect("a letter");
    assert!(anna.ok(&["reflect", "show", id]).contains("Thank you for your trust."));
    assert_eq!(anna.refused(&["reflect", "edit", id, "-m", "x"]).exit, 6, "nobody writes at his letter");
    // Her letter is written without a network, and then she leaves.
    anna.json(&["close", "--letter", "You waited for me."]);
    assert_eq!(anna.json(&["today"])["letter"], Value::Null);
    let left = anna.json(&["leave", "--yes"]);
    assert_eq!(left["done"], true, "{left}");
    town.sync(&[ben]);
    assert_eq!(ben.json(&["close"])["letters"].as_array().map(Vec::len), Some(2), "it came before she left");
    ben.json(&["leave", "--yes"]);
    for person in [ben, anna] {
        let closing = person.json(&["close"]);
        assert_eq!((&closing["over"], closing["letters"].as_array().map(Vec::len)), (&json!(true), Some(2)));
        for refused in [&["note", "add", "Again"][..], &["goal", "rate", &goal, "+1"], &["close", "--letter", "More"]] {
            assert_ne!(person.run(refused).code, Some(0), "{refused:?}");
        }
        assert_eq!(person.refused(&["note", "add", "Again"]).code, "ended");
        let found = person.ok(&["search", "trust"]);
        assert!(found.contains("A letter at the close"), "{found}");
        assert!(person.ok(&["goal", "list", "--all"]).contains("Move by summer"));
        let folder = person.beside("kept");
        person.json(&["export", folder.to_str().expect("text")]);
    }
    assert!(anna.ok(&["note", "list"]).contains("Mine") && !ben.ok(&["note", "list"]).contains("Mine"));
    anna.json(&["note", "add", "For myself", "--private"]);
}

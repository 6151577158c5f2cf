//! An export that comes back: what is equal, what is quoted, and what changes nothing.

use std::{collections::BTreeMap, fs, path::Path};

use alliance_tests::{disk::copy_folder, program::Person, town::Town};
use serde_json::{Value, json};

use super::things::short;

/// A coaching relationship in which everything was said once.
fn lived() -> Town {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    anna.json(&["about", "--purpose", "To move without running away.", "--review", "2027-03-01"]);
    ben.json(&["agreement", "edit", "rhythm", "-m", "Every two weeks."]);
    ben.json(&["agreement", "acknowledge", "--yes"]);
    town.meet();
    anna.json(&["agreement", "acknowledge", "--yes"]);
    let goal = short(&anna.json(&["goal", "add", "Move by summer", "--why", "For the light.\nAnd the river."]));
    anna.json(&["goal", "level", &goal, "+1", "-m", "Keys in my hand"]);
    anna.json(&["goal", "milestone", "add", &goal, "Look at one flat"]);
    anna.json(&["goal", "milestone", "tick", &goal, "1"]);
    anna.json(&["goal", "rate", &goal, "-1", "-m", "Not yet."]);
    anna.json(&["goal", "add", "Speak up", "--both"]);
    let his = short(&ben.json(&["goal", "add", "Learn to wait"]));
    ben.json(&["goal", "rate", &his, "+1", "-m", "I counted to ten."]);
    let note = short(&anna.json(&["note", "add", "What I saw", "-m", "Two flats.", "--tag", "flats"]));
    ben.json(&["win", "add", "We began"]);
    town.meet();
    ben.json(&["goal", "rate", &goal, "+1", "-m", "You look taller."]);
    ben.json(&["comment", "add", &note, "Which one had light?"]);
    anna.json(&["comment", "add", &note, "The second one."]);
    ben.json(&["comment", "add", &his, "Patience."]);
    let offer = short(&ben.json(&["commitment", "offer", "Call the landlord", "--goal", "Move by summer"]));
    ben.json(&["feedback", "give", "keep", "You say what is hard."]);
    town.meet();
    anna.json(&["commitment", "accept", &offer, "--due", "2027-01-15"]);
    anna.json(&["session", "plan", "2027-01-12 16:00", "--template", "grow"]);
    anna.json(&["reflect", "write", "1", "-m", "Walking gave me strength."]);
    let belief = short(&anna.json(&["belief", "name", "I never finish", "--strength", "80"]));
    anna.json(&["belief", "for", &belief, "I stopped twice"]);
    anna.json(&["note", "add", "Old plan", "-m", "Stay."]);
    anna.json(&["archive", "Old plan"]);
    town.meet();
    town
}

/// Somebody with a new computer and another alliance.
fn afresh() -> Person {
    let anna = Person::new("Anna");
    anna.json(&["init", "--name", "Anna", "--role", "client", "--alliance", "Afresh"]);
    anna
}

/// What was written by an export, by folder: the alliance's first.
fn written(folder: &Path) -> [Value; 2] {
    let read = |path: &Path| -> Value {
        serde_json::from_str(&fs::read_to_string(path.join("written.json")).expect("a file")).expect("JSON")
    };
    let all = fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path());
    let (private, alliances): (Vec<_>, Vec<_>) = all.filter(|it| it.is_dir()).partition(|it| it.ends_with("private"));
    [read(&alliances[0]), read(&private[0])]
}

/// Items by kind and title, without what is new in each life of theirs: ids, and what names them.
fn items(whole: &Value) -> BTreeMap<(String, String), Value> {
    let items = whole["items"].as_array().expect("items").iter().map(|item| {
        let mut item = item.clone();
        item["id"] = Value::Null;
        item["theirs"] = Value::Null;
        for facet in ["shared", "yours"] {
            let fields = item[facet].as_object_mut().expect("fields");
            ["links", "target"].iter().for_each(|name| _ = fields.remove(*name));
        }
        let said = |field: &str| item[field].as_str().expect("a word").to_owned();
        ((said("kind"), said("title")), item)
    });
    items.collect()
}

fn export(person: &Person, name: &str) -> String {
    let folder = person.beside(name).to_str().expect("text").to_owned();
    person.json(&["export", &folder]);
    folder
}

#[test]
fn what_is_exported_and_imported_says_the_same_again() {
    let town = lived();
    let anna = &town.anna;
    let folder = export(anna, "first");
    let [before, private_before] = written(folder.as_ref());
    let again = afresh();
    let brought = again.json(&["import", &folder]);
    assert_eq!((&brought[0]["title"], &brought[1]["id"]), (&json!("Ben & Anna"), &json!("private")), "{brought}");
    again.json(&["use", "Ben & Anna"]);
    let known = again.json(&["use"]);
    let info = known.as_array().expect("a list").iter().find(|it| it["title"] == "Ben & Anna").expect("it");
    assert_eq!((&info["state"], &info["other"]), (&json!("alone"), &Value::Null), "nobody else is in it");
    let other = export(&again, "second");
    let find = |name: &str| {
        fs::read_dir(&other).expect("a folder").find_map(|it| {
            let path = it.expect("an entry").path();
            path.file_name().is_some_and(|it| it.to_string_lossy().starts_with(name)).then_some(path)
        })
    };
    let read = |path: std::path::PathBuf| -> Value {
        serde_json::from_str(&fs::read_to_string(path.join("written.json")).expect("a file")).expect("JSON")
    };
    let after = read(find("ben-anna").expect("a folder"));
    let private_after = read(find("private").expect("a folder"));
    for field in ["title", "purpose", "review", "agreement"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(after["agreed"], json!([]), "nobody agreed on anything there");
    assert_eq!(items(&private_after), items(&private_before));
    let (before, after) = (items(&before), items(&after));
    for (name, item) in before.iter().filter(|(_, it)| it["owner"] != "them") {
        assert_eq!(after.get(name), Some(item), "{name:?}");
    }
    assert!(before.len() > 10 && after.values().all(|it| it["owner"] != "them"), "{after:?}");
    // Ben's words are there, and say that they are Ben's.
    let goal = again.json(&["note", "show", "Goal of Ben: Learn to wait"]);
    let body = goal["body"].as_str().expect("words");
    assert!(body.contains("Ben wrote:") && body.contains("I counted to ten."), "{body}");
    assert!(goal["comments"][0]["words"].as_str().is_some_and(|it| it.contains("Patience.")), "{goal}");
    let comments = again.json(&["note", "show", "What I saw"])["comments"].clone();
    let words: Vec<_> =
        comments.as_array().expect("a list").iter().map(|it| it["words"].as_str().unwrap_or("")).collect();
    assert!(words.contains(&"The second one."), "{words:?}");
    assert!(words.iter().any(|it| it.contains("Ben wrote") && it.contains("Which one had light?")), "{words:?}");
    let goal = again.json(&["goal", "show", "Move by summer"]);
    assert_eq!(goal["ratings"].as_array().map(Vec::len), Some(1), "his rating is not hers: {goal}");
    assert!(goal["comments"][0]["words"].as_str().is_some_and(|it| it.contains("You look taller.")), "{goal}");
    let commitment = again.json(&["commitment", "show", "Call the landlord"]);
    assert_eq!((&commitment["status"], &commitment["links"]), (&json!("accepted"), &json!("Move by summer")));
    assert!(again.ok(&["note", "list"]).contains("What was agreed on, since"));
    assert!(again.ok(&["archive"]).contains("Old plan"));
}

#[test]
fn an_import_overwrites_nothing_and_twice_is_told() {
    let town = lived();
    let anna = &town.anna;
    let folder = export(anna, "export");
    let before = export(anna, "before");
    let refusal = anna.refused(&["import", &folder]);
    assert_eq!((refusal.exit, &*refusal.code), (2, "alliance_exists"), "{refusal:?}");
    export(anna, "before");
    assert_eq!(written(before.as_ref()), written(folder.as_ref()), "nothing was changed");
    // What is private is there, so it stays as it is.
    let private = format!("{folder}/private");
    let brought = anna.json(&["import", &private]);
    assert_eq!((&brought[0]["items"], &brought[0]["there"]), (&json!(0), &json!(2)), "{brought}");
    let place = fs::read_dir(&folder).expect("a folder").map(|it| it.expect("an entry").path());
    let place = place.into_iter().find(|it| it.is_dir() && !it.ends_with("private")).expect("a folder");
    let place = place.to_str().expect("text");
    let said = anna.ok(&["import", place, "--title", "As it was"]);
    assert!(said.starts_with("As it was"), "{said}");
    assert_eq!(anna.refused(&["import", &folder, "--title", "As it was"]).exit, 2);
    assert_eq!(anna.refused(&["import", &private, "--title", "As it was"]).exit, 2);
    let current = anna.json(&["today"])["title"].clone();
    assert_eq!(current, "Ben & Anna", "it is not chosen by itself");
    town.meet();
}

#[test]
fn a_damaged_export_changes_nothing() {
    let town = lived();
    let folder = export(&town.anna, "export");
    let somebody = afresh();
    let before = export(&somebody, "before");
    let mut tried = 0;
    let mut try_it = |why: &str, code: &str, harm: &dyn Fn(&Path)| {
        tried += 1;
        let copy = somebody.beside(&format!("copy-{tried}"));
        fs::create_dir(&copy).expect("a folder");
        copy_folder(folder.as_ref(), &copy);
        harm(&copy);
        let refusal = somebody.refused(&["import", copy.to_str().expect("text")]);
        assert_eq!((refusal.exit, &*refusal.code), (1, code), "{why}: {refusal:?}");
    };
    let private = |folder: &Path| folder.join("private/written.json");
    let rewrite = |path: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(path).expect("a file");
        assert!(text.contains(from), "no {from} in {text}");
        fs::write(path, text.replacen(from, to, 1)).expect("written");
    };
    try_it("no manifest", "not_an_export", &|it| fs::remove_file(it.join("export.json")).expect("removed"));
    try_it("a file is missing", "export_damaged", &|it| fs::remove_file(private(it)).expect("removed"));
    try_it("half a file", "export_damaged", &|it| {
        let text = fs::read_to_string(private(it)).expect("a file");
        fs::write(private(it), &text[..text.len() / 2]).expect("written");
    });
    try_it("no name", "export_damaged", &|it| rewrite(&private(it), "\"id\": \"", "\"id\": \"x"));
    try_it("a later version", "export_newer", &|it| rewrite(&private(it), "\"v\": 1", "\"v\": 2"));
    try_it("a day of many lines", "export_damaged", &|it| {
        let all = fs::read_dir(it).expect("a folder").map(|it| it.expect("an entry").path());
        let place = all.into_iter().find(|it| it.is_dir() && !it.ends_with("private")).expect("a folder");
        rewrite(&place.join("written.json"), "\"since\": \"", "\"since\": \"\\n\\n");
    });
    export(&somebody, "before");
    let after = export(&somebody, "after");
    assert_eq!(written(after.as_ref()), written(before.as_ref()), "nothing was changed");
    assert_eq!(somebody.json(&["use"]).as_array().map(Vec::len), Some(1));
}

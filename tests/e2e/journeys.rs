//! Journeys over days: the review, reminders, an export, and what never says when somebody was there.

use std::{collections::BTreeMap, fs, path::Path};

use alliance_tests::{program::Person, town::Town, watcher::Watcher};
use serde_json::json;

use super::things::{alone, short};

/// A Sunday, at noon.
const NOON: i64 = 1_795_348_800;
const DAY: i64 = 86_400;

fn questions(person: &Person) -> Vec<(String, bool)> {
    let shown = person.json(&["review"]);
    let all = shown["questions"].as_array().expect("a list").iter();
    all.map(|it| (it["id"].as_str().unwrap_or_default().to_owned(), it["done"] == true)).collect()
}

#[test]
fn a_review_takes_answers_from_a_file_and_goes_on_where_it_was() {
    let ben = alone().at(NOON);
    let runs = short(&ben.json(&["commitment", "add", "Run on Tuesday", "--due", "tue"]));
    let reads = short(&ben.json(&["commitment", "add", "Read a chapter"]));
    assert_eq!(questions(&ben).len(), 5);
    let file = ben.beside("answers.txt");
    fs::write(&file, format!("{runs}: kept, mornings are mine\nwin: I said no once\n")).expect("a file");
    let file = file.to_str().expect("text");
    let half = ben.json(&["review", "--answers", file]);
    assert_eq!(half["did"].as_array().map(Vec::len), Some(2), "{half}");
    assert_eq!(ben.json(&["review", "--answers", file])["did"], json!([]), "nothing twice");
    let done: Vec<_> = questions(&ben).into_iter().filter(|(_, done)| *done).map(|(id, _)| id).collect();
    assert_eq!(done, [runs.as_str(), "win"]);
    let rest = format!("{reads}: goes on\nreflection: It was a good week.\nnext: Call Carl by fri\n");
    fs::write(file, rest).expect("a file");
    let ran = ben.ok(&["review", "--answers", file]);
    assert!(ran.contains("Call Carl") && questions(&ben).iter().all(|(_, done)| *done), "{ran}");
    let shown = ben.json(&["commitment", "show", &runs]);
    assert_eq!((&shown["status"], &shown["learning"]), (&json!("kept"), &json!("mornings are mine")));
    let titles = ben.ok(&["commitment"]);
    assert!(titles.contains("Read a chapter") && titles.contains("Fri 27 Nov 2026"), "{titles}");
    assert_eq!(ben.json(&["reflect"])[0]["private"], true);
    fs::write(file, "weather: fine\n").expect("a file");
    assert_eq!(ben.refused(&["review", "--answers", file]).exit, 5);
    let later = ben.at(NOON + 8 * DAY);
    assert!(questions(&later).iter().all(|(_, done)| !done), "another week");
}

#[test]
fn reminders_come_once_a_day_not_at_night_and_no_more_than_one_wants() {
    let ben = alone().at(NOON);
    for (words, due) in [("One", "tomorrow"), ("Two", "tomorrow"), ("Three", "today"), ("Four", "in 2 weeks")] {
        ben.json(&["commitment", "add", words, "--due", due]);
    }
    assert_eq!(ben.json(&["remind", "--due"]), json!([]), "nobody wanted any");
    assert_eq!(ben.json(&["remind", "set", "--quiet", "22-7", "--most", "2"])["on"], true);
    let said = ben.json(&["remind", "--due"]);
    assert_eq!((said.as_array().map(Vec::len), &said[0]["title"]), (Some(2), &json!("Three")));
    assert_eq!(ben.json(&["remind", "--due"]), json!([]), "each once, and two a day");
    assert_eq!(ben.at(NOON + 11 * 3_600).json(&["remind", "--due"]), json!([]), "at night");
    assert_eq!(ben.at(NOON + DAY).json(&["remind", "--due"]).as_array().map(Vec::len), Some(2));
    assert_eq!(ben.json(&["remind", "off"])["on"], false);
    assert_eq!(ben.at(NOON + 2 * DAY).json(&["remind", "--due"]), json!([]));
}

#[test]
fn who_leaves_sync_open_is_reminded_of_what_they_wanted_and_of_no_more() {
    let town = Town::together();
    let anna = town.anna.at(NOON);
    anna.json(&["commitment", "add", "Call Carl", "--due", "today"]);
    anna.json(&["commitment", "add", "Read on", "--due", "tomorrow"]);
    let night = anna.at(NOON + 11 * 3_600);
    for (asleep, said) in [(&anna, ""), (&night, "set")] {
        if said == "set" {
            anna.json(&["remind", "set", "--quiet", "22-7", "--most", "1"]);
        }
        let watching = Watcher::start(asleep, "asleep");
        watching.says("Connected", 1);
        assert!(!watching.said().contains("reminded"), "{}", watching.said());
        assert_eq!(watching.stop(), Some(0));
    }
    let watching = Watcher::start(&anna, "anna");
    watching.says("“Call Carl”", 1);
    assert!(!watching.said().contains("Read on"), "{}", watching.said());
    assert_eq!(watching.stop(), Some(0));
    assert_eq!(anna.json(&["remind", "--due"]), json!([]), "it was said");
}

#[test]
fn search_finds_words_and_not_how_things_stand() {
    let ben = alone();
    ben.json(&["goal", "add", "Run"]);
    ben.json(&["note", "add", "An active week"]);
    ben.json(&["feedback", "give", "keep", "Your silences"]);
    let found = |words: &str| ben.json(&["search", words]).as_array().map(Vec::len);
    assert_eq!((found("active"), found("keep"), found("silences")), (Some(1), Some(0), Some(1)));
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("within").display().to_string();
                all.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    all
}

#[test]
fn an_export_can_be_read_without_the_program_and_says_the_same_again() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    anna.json(&["note", "add", "Only mine", "-m", "A secret word", "--private"]);
    let goal = short(&anna.json(&["goal", "add", "Move by summer", "--why", "For the light."]));
    ben.json(&["comment", "add", &short(&ben.json(&["win", "add", "We began"])), "Yes!"]);
    town.meet();
    ben.json(&["goal", "rate", &goal, "+1"]);
    town.meet();
    let folder = anna.beside("export");
    let path = folder.to_str().expect("text").to_owned();
    anna.json(&["export", &path]);
    let first = files(&folder);
    let (private, shared): (Vec<_>, Vec<_>) = first.iter().partition(|(name, _)| name.starts_with("private/"));
    assert!(private.iter().any(|(_, text)| text.contains("A secret word")));
    assert!(shared.iter().all(|(_, text)| !text.contains("A secret word")));
    let goal = first.iter().find(|(name, _)| name.contains("/goal/move-by-summer-")).expect("a page").1;
    assert!(goal.starts_with("# Move by summer\n\n- goal of Anna\n") && goal.contains("For the light."), "{goal}");
    assert!(first.values().any(|text| text.contains("Ben: Yes!")));
    anna.at(NOON + 900 * DAY).json(&["export", &path]);
    assert_eq!(files(&folder), first, "byte for byte");
    let other = anna.beside("other");
    fs::create_dir(&other).expect("a folder");
    fs::write(other.join("mine.txt"), "mine").expect("a file");
    assert_eq!(anna.refused(&["export", other.to_str().expect("text")]).exit, 1);
    anna.json(&["archive", "Only mine"]);
    anna.json(&["export", &path]);
    assert!(files(&folder).values().any(|text| text.contains("A secret word")), "what is archived is there");
}

#[test]
fn nothing_says_when_or_how_often_the_other_person_was_there() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let id = short(&ben.json(&["commitment", "offer", "Write it down"]));
    town.meet();
    anna.json(&["commitment", "accept", &id]);
    town.meet();
    let before = ben.ok(&["commitment", "show", &id]);
    // Anna looks again and again, and is asked, and looks.
    ben.json(&["commitment", "ask", &id]);
    town.meet();
    let pages = |person: &Person| -> Vec<String> {
        let all = [
            &["today"][..],
            &["all"],
            &["commitment", "show", &id],
            &["member"],
            &["history", &id],
            &["prep"],
            &["close"],
            &["agreement"],
            &["session"],
            &["review"],
        ];
        all.iter().map(|page| person.ok(page)).collect()
    };
    let quiet = pages(ben);
    for hour in 0..5 {
        pages(&anna.at(NOON + hour * 3_600));
    }
    town.sync(&[anna, ben]);
    assert_eq!(pages(ben), quiet, "her looking leaves no trace");
    for page in quiet.iter().chain([&before]) {
        for word in ["last seen", "last active", "online", "read by", "seen at"] {
            assert!(!page.contains(word), "{word}: {page}");
        }
        let clock = page
            .as_bytes()
            .windows(5)
            .any(|it| it[2] == b':' && [0, 1, 3, 4].iter().all(|at| it[*at].is_ascii_digit()));
        assert!(!clock, "a time of day: {page}");
    }
}

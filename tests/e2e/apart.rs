//! A coach with many clients: what is in one alliance is in no other, wherever one looks.

use std::{fs, path::Path};

use alliance_tests::{
    program::Person,
    search::{found_in, holds},
    town::Town,
};

use super::things::short;

/// Words of which each belongs to one alliance alone; none is part of another.
const CANARIES: [&str; 10] = [
    "albatross",
    "bullfinch",
    "capybara",
    "dragonfly",
    "earthworm",
    "flamingo",
    "goldcrest",
    "hedgehog",
    "ichneumon",
    "jellyfish",
];
/// What only Ben has.
const PRIVATE: &str = "kingfisher";

/// Ben and all his clients, each in an alliance that has a word of its own in everything that can be written.
fn practice(town: &Town) -> Vec<Person> {
    let (ben, url) = (&town.ben, town.url());
    ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", CANARIES[0], "--relay", &url]);
    CANARIES[1..].iter().for_each(|canary| _ = ben.json(&["new", canary]));
    ben.json(&["note", "add", PRIVATE, "-m", PRIVATE, "--private"]);
    ben.json(&["reflect", "write", "1", "-m", PRIVATE]);
    let invitations: Vec<_> = CANARIES.iter().map(|canary| ben.json(&["invite", "--alliance", canary])).collect();
    town.sync(&[ben]);
    let clients: Vec<_> = CANARIES.iter().map(|canary| Person::new(canary)).collect();
    for ((client, invitation), canary) in clients.iter().zip(&invitations).zip(CANARIES) {
        let word = invitation["invitation"].as_str().expect("a word");
        client.json(&["join", word, "--name", &format!("{canary}-client"), "--role", "client"]);
    }
    town.sync(&[ben]);
    clients.iter().for_each(|client| town.sync(&[client]));
    town.sync(&[ben]);
    for (client, canary) in clients.iter().zip(CANARIES) {
        write(ben, canary);
        let goal = short(&client.json(&["goal", "add", &format!("{canary} theirs"), "--why", canary]));
        client.json(&["goal", "rate", &goal, "+1", "-m", canary]);
        client.json(&["belief", "name", &format!("{canary} believed")]);
        client.json(&["commitment", "offer", &format!("{canary} offered back")]);
    }
    town.sync(&[ben]);
    clients.iter().for_each(|client| town.sync(&[client]));
    town.sync(&[ben]);
    clients
}

/// Everything that Ben can write in an alliance, with one word in it.
fn write(ben: &Person, canary: &str) {
    let with = |words: &[&str]| ben.json(&[&["--alliance", canary], words].concat());
    let titled = |what: &str| format!("{canary} {what}");
    with(&["about", "--purpose", canary]);
    with(&["agreement", "edit", "rhythm", "-m", canary]);
    with(&["agreement", "acknowledge", "--yes"]);
    let goal = short(&with(&["goal", "add", &titled("goal"), "--why", canary]));
    with(&["goal", "milestone", "add", &goal, canary]);
    with(&["comment", "add", &goal, canary]);
    with(&["note", "add", &titled("note"), "-m", canary, "--tag", canary]);
    with(&["commitment", "offer", &titled("offer"), "--goal", &goal]);
    let session =
        short(&with(&["session", "plan", "2030-01-02 10:00", "--title", &titled("session"), "--aim", canary]));
    with(&["session", "take", &session, canary]);
    with(&["question", "offer", &titled("question")]);
    with(&["insight", "offer", &titled("insight")]);
    with(&["win", "add", &titled("win")]);
    with(&["feedback", "give", "keep", &titled("feedback")]);
    with(&["reflect", "write", &titled("prompt"), "-m", canary, "--shared"]);
}

/// Which words are in a text.
fn canaries_in(text: &str) -> Vec<&'static str> {
    let all = CANARIES.into_iter().chain([PRIVATE]);
    all.filter(|canary| holds(text.as_bytes(), canary.as_bytes())).collect()
}

#[test]
fn nothing_of_one_alliance_is_in_another() {
    let mut town = Town::new();
    let clients = practice(&town);
    let all = [&CANARIES[..], &[PRIVATE]].concat();
    // What reached the others: every entry that they can open, and all that they keep of it.
    for (client, canary) in clients.iter().zip(CANARIES) {
        let found = found_in(client.home(), &all);
        assert!(!found.is_empty() && found.iter().all(|(_, word)| *word == canary), "{canary}: {found:?}");
    }
    // What Ben sees of each, in lists and pages; what is his alone is beside every one of them.
    let pages: [&[&str]; 22] = [
        &["today"],
        &["goal", "list", "--all"],
        &["commitment", "list", "--all"],
        &["session", "list", "--all"],
        &["note", "list"],
        &["reflect", "list"],
        &["question", "list", "--all"],
        &["insight", "list", "--all"],
        &["belief", "list"],
        &["win", "list"],
        &["comment", "list"],
        &["feedback", "list"],
        &["agreement"],
        &["agreement", "list"],
        &["agreement", "diff"],
        &["about"],
        &["prep"],
        &["review"],
        &["close"],
        &["history", "--all", "-n", "500"],
        &["conflict", "list"],
        &["member", "list"],
    ];
    for canary in CANARIES {
        let mut said = String::new();
        for page in pages {
            let page = town.ben.json(&[&["--alliance", canary], page].concat());
            let here = canaries_in(&page.to_string());
            assert!(here.iter().all(|it| [canary, PRIVATE].contains(it)), "{canary}: {here:?} in {page}");
            said.push_str(&page.to_string());
        }
        assert!(canaries_in(&said).contains(&canary), "{canary} is nowhere");
        for word in &all {
            let found = town.ben.json(&["--alliance", canary, "search", word]);
            let is_here = found.as_array().is_some_and(|it| !it.is_empty());
            assert_eq!(is_here, [canary, PRIVATE].contains(word), "{word} in {canary}: {found}");
        }
    }
    for row in town.ben.json(&["all"]).as_array().expect("a list") {
        assert_eq!(canaries_in(&row.to_string()).len(), 1, "{row}");
    }
    // What Ben exports, and what comes back of it.
    let folder = town.ben.beside("export");
    town.ben.json(&["export", folder.to_str().expect("text")]);
    let words_of = |place: &Path| -> Vec<String> {
        let mut words: Vec<_> = found_in(place, &all).into_iter().map(|(_, word)| word.to_owned()).collect();
        words.sort();
        words.dedup();
        words
    };
    let places = fs::read_dir(&folder).expect("a folder").map(|it| it.expect("an entry").path());
    let mut words: Vec<_> = places.filter(|it| it.is_dir()).map(|it| words_of(&it)).collect();
    words.sort();
    let expected: Vec<_> = all.iter().map(|word| vec![(*word).to_owned()]).collect();
    assert_eq!(words, expected);
    // And the relay has none of it.
    town.kill_relay();
    assert_eq!(found_in(&town.data(), &all), []);
}

//! A relay forgets what nobody but its own person is in any more, with the real programs.

use alliance_tests::{program::Person, seen::titles, town::Town};

use crate::computers::{meet, with_a_tablet};
use rusqlite::Connection;
use serde_json::Value;

/// How many spaces the relay keeps.
fn kept(town: &Town) -> i64 {
    let database = Connection::open(town.data().join("relay.sqlite")).expect("the relay's database");
    database.query_row("SELECT count(*) FROM spaces", [], |row| row.get(0)).expect("a number")
}

#[test]
fn an_alliance_is_forgotten_by_the_relay_once_both_have_left_it() {
    let town = Town::together();
    town.ben.ok(&["note", "add", "For both"]);
    town.meet();
    assert_eq!(kept(&town), 3);
    assert_eq!(town.ben.json(&["relay", "drop", "--yes"]), Value::Array(Vec::new()), "he has left nothing");
    let left = town.anna.run(&["leave", "--yes"]);
    assert!(left.to_string().contains("The relay keeps one while Ben is in"), "{left}");
    let answer = town.anna.json(&["relay", "drop", "--yes"]);
    assert_eq!((&answer[0]["dropped"], &answer[0]["title"]), (&false.into(), &"Ben & Anna".into()), "{answer}");
    assert_eq!(answer[0]["why"], "the other person is still in it");
    town.sync(&[&town.ben]);
    town.ben.ok(&["note", "add", "Still here"]);
    town.sync(&[&town.ben]);
    let left = town.ben.run(&["leave", "--yes"]);
    assert!(left.to_string().contains("`alliance relay drop`"), "{left}");
    let refused = town.ben.refused(&["relay", "drop"]);
    assert_eq!(refused.code, "not_confirmed", "{refused:?}");
    assert_eq!(kept(&town), 3);
    let answer = town.ben.json(&["relay", "drop", "--yes"]);
    assert_eq!((&answer[0]["dropped"], &answer[0]["why"]), (&true.into(), &Value::Null), "{answer}");
    assert_eq!(kept(&town), 2, "what is only theirs stays");
    assert_eq!(titles(&town.ben).len(), 2);
    // Nobody brings it back.
    for person in [&town.ben, &town.anna, &town.ben] {
        person.run(&["sync"]);
    }
    assert_eq!(kept(&town), 2);
    assert!(town.ben.ok(&["security"]).contains("a relay forgot its copy"));
}

#[test]
fn what_was_left_and_forgotten_comes_back_from_no_other_computer() {
    for hears_before in [true, false] {
        let town = Town::together();
        let tablet = with_a_tablet(&town);
        meet(&town, &tablet);
        for person in [&town.anna, &town.ben] {
            person.ok(&["leave", "--yes"]);
        }
        let sync = || {
            let ran = tablet.run(&["sync"]);
            let told = ran.to_string();
            assert_eq!((ran.code, told.contains("does not"), told.contains("lost")), (Some(0), false, false), "{told}");
        };
        if hears_before {
            sync();
        }
        assert_eq!(town.ben.json(&["relay", "drop", "--yes"])[0]["dropped"], true);
        sync();
        sync();
        assert_eq!(kept(&town), 2, "hears before: {hears_before}");
        assert_eq!(tablet.json(&["use"])[0]["state"], "ended");
        assert_eq!(tablet.refused(&["note", "add", "More"]).code, "ended");
        assert_eq!(titles(&tablet).len(), 2, "all of it is still here");
        tablet.ok(&["note", "add", "Still mine", "--private"]);
        town.sync(&[&tablet, &town.ben, &town.anna]);
        assert!(titles(&town.ben).contains(&"Still mine".to_owned()));
    }
}

#[test]
fn what_is_only_yours_is_forgotten_on_the_word_of_your_recovery_words_alone() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    let joined = town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    let words = joined["recovery_words"].as_str().expect("words").to_owned();
    town.anna.ok(&["note", "add", "Mine alone", "--private"]);
    town.meet();
    assert_eq!(kept(&town), 3);
    let drop = ["relay", "drop", "--own", "--yes", "--json"];
    assert_eq!(town.anna.start_with(&drop, "").end().refusal().code, "words");
    let other = "abandon amount liar amount expire adjust cage candy arch gather drum bullet absurd math era live bid rhythm alien crouch range attend journey unaware";
    assert_eq!(town.anna.start_with(&drop, other).end().refusal().code, "words_other");
    assert_eq!(kept(&town), 3);
    let answer = town.anna.start_with(&drop, &words).end().data();
    assert_eq!((&answer[0]["personal"], &answer[0]["dropped"]), (&true.into(), &true.into()), "{answer}");
    assert_eq!(kept(&town), 2);
    town.anna.ok(&["note", "add", "Also mine", "--private"]);
    town.meet();
    assert_eq!(kept(&town), 2, "it is not brought there again");
    assert_eq!(titles(&town.anna), ["Also mine", "Mine alone"]);
    let status = town.anna.json(&["status"]);
    let own = status.as_array().expect("a list").iter().find(|it| it["personal"] == true).expect("her own");
    assert_eq!((&own["relay"], &own["kept"]), (&Value::Null, &false.into()), "{own}");
    let bare = Person::new("anna");
    let url = town.url();
    let restore = ["recovery", "restore", "--relay", &url, "--json"];
    assert_ne!(bare.start_with(&restore, &words).end().code, Some(0), "words bring nothing back from there");
    // A relay named again gets it again.
    town.anna.ok(&["relay", "set", &url]);
    town.sync(&[&town.anna]);
    assert_eq!(kept(&town), 3);
}

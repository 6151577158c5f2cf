//! What a coach and a client do together: commitments, and what becomes of them when both write at the same time.

use alliance_tests::{program::Person, town::Town};
use serde_json::{Value, json};

use super::{
    computers::{meet, with_a_tablet},
    things::short,
};

fn offered(town: &Town) -> String {
    let offer = town.ben.json(&["commitment", "offer", "Write", "three", "good", "moments", "a", "day"]);
    assert_eq!(offer["owner"], "them");
    town.meet();
    short(&offer)
}

fn status(person: &Person, id: &str) -> Value {
    person.json(&["commitment", "show", id])["status"].clone()
}

/// Words that no page and no message has.
const NEVER: [&str; 7] = ["overdue", "homework", "assign", "compliance", "CRDT", "epoch", "merge"];

#[test]
fn an_offer_is_accepted_dated_asked_about_and_kept_by_its_owner_alone() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let id = offered(&town);
    assert_eq!(anna.json(&["today"])["commitments"][0]["status"], "offered");
    for refused in [&["commitment", "accept", &id][..], &["commitment", "move", &id, "fri"], &["done", &id]] {
        assert_eq!(ben.refused(refused).exit, 6, "{refused:?}");
    }
    let early = anna.refused(&["done", &id]);
    assert_eq!((early.exit, early.message.contains("offered")), (2, true), "{early:?}");
    anna.json(&["commitment", "accept", &id, "--due", "2020-01-03", "--if-then", "If I go to bed, I write first"]);
    town.meet();
    assert_eq!(ben.refused(&["commitment", "withdraw", &id]).exit, 2, "it is accepted");
    let shown = ben.ok(&["commitment"]);
    assert!(shown.contains("past its date") && shown.contains("Fri 3 Jan 2020"), "{shown}");
    ben.json(&["commitment", "ask", &id, "Is", "it", "still", "yours?"]);
    assert_eq!(anna.refused(&["commitment", "ask", &id]).exit, 6);
    town.meet();
    assert_eq!(anna.at(1_799_800_000).json(&["today"])["asked"].as_array().map(Vec::len), Some(1), "a program looks");
    let today = anna.at(1_800_000_000).json(&["today"]);
    assert_eq!(today["asked"][0]["asked"]["words"], "Is it still yours?");
    let page = anna.at(1_800_000_000).ok(&["today"]);
    assert!(page.contains("Ben asks: Is it still yours?"), "{page}");
    assert_eq!(anna.at(1_800_100_000).json(&["today"])["asked"], json!([]), "it is shown on one day");
    anna.json(&["commitment", "check-in", &id, "so-so", "-m", "Every other day", "--next", "A pen by the bed"]);
    town.meet();
    let seen = ben.json(&["commitment", "show", &id]);
    assert_eq!((&seen["check-ins"][0]["by"], &seen["asked"][0]["by"]), (&json!("Anna"), &json!("you")));
    anna.json(&["commitment", "mute", &id]);
    anna.json(&["done", &id, "-m", "Small is enough"]);
    town.meet();
    assert_eq!((status(ben, &id), status(anna, &id)), (json!("kept"), json!("kept")));
    assert_eq!(ben.refused(&["commitment", "ask", &id]).exit, 2);
    for person in [ben, anna] {
        assert_eq!(person.json(&["commitment", "list"]), json!([]));
        let pages = [person.ok(&["commitment", "list", "--all"]), person.ok(&["commitment", "show", &id])].concat();
        let history = person.ok(&["history", &id]);
        for word in NEVER {
            assert!(!pages.contains(word) && !history.contains(word), "{word}: {pages}{history}");
        }
        assert!(pages.contains("Small is enough") && pages.contains("next: A pen by the bed"), "{pages}");
    }
    town.assert_equal();
}

#[test]
fn an_offer_taken_back_while_it_is_accepted_is_accepted() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let (id, other) = (offered(&town), offered(&town));
    anna.json(&["commitment", "accept", &id]);
    ben.json(&["commitment", "withdraw", &id]);
    assert_eq!(status(ben, &id), "taken back");
    ben.json(&["commitment", "withdraw", &other]);
    town.sync(&[anna, ben, anna]);
    for person in [ben, anna] {
        assert_eq!((status(person, &id), status(person, &other)), (json!("accepted"), json!("taken back")));
    }
    assert_eq!(anna.refused(&["commitment", "accept", &other]).exit, 2, "it was taken back");
    town.assert_equal();
}

#[test]
fn of_two_ends_said_on_ones_own_two_computers_both_stay_until_their_owner_chooses() {
    let town = Town::together();
    let tablet = with_a_tablet(&town);
    meet(&town, &tablet);
    let (ben, anna) = (&town.ben, &town.anna);
    let id = short(&ben.json(&["commitment", "add", "Call", "Carl", "--due", "2030-01-10"]));
    meet(&town, &tablet);
    ben.json(&["done", &id]);
    ben.json(&["remind", "set", "--quiet", "0-0", "--before", "30"]);
    tablet.json(&["commitment", "let-go", &id]);
    meet(&town, &tablet);
    for person in [ben, &tablet, anna] {
        let choices = person.json(&["commitment", "show", &id])["conflicts"].clone();
        let mut values: Vec<_> =
            choices[0]["values"].as_array().expect("a list").iter().map(|it| &it["value"]).collect();
        values.sort_by_key(ToString::to_string);
        assert_eq!((&choices[0]["field"], values), (&json!("status"), vec![&json!("kept"), &json!("let go")]));
    }
    let number = |person: &Person| {
        let choices = person.json(&["conflict", "list"]);
        let values = choices[0]["values"].as_array().expect("a list").clone();
        let kept = values.into_iter().find(|it| it["value"] == "kept").expect("one of them");
        kept["number"].to_string()
    };
    assert_eq!(anna.refused(&["conflict", "keep", &id, &number(anna)]).exit, 6, "it is not hers");
    tablet.json(&["conflict", "keep", &id, &number(&tablet)]);
    meet(&town, &tablet);
    for person in [ben, &tablet, anna] {
        assert_eq!(status(person, &id), "kept");
    }
    // Two dates said at once: the earlier one is reminded of.
    let id = short(&ben.json(&["commitment", "add", "Call", "Dora", "--due", "2030-02-10"]));
    meet(&town, &tablet);
    ben.json(&["commitment", "move", &id, "2030-03-10"]);
    tablet.json(&["commitment", "move", &id, "2030-01-20"]);
    meet(&town, &tablet);
    let january = ben.at(1_893_456_000);
    assert_eq!(january.json(&["remind", "--due"])[0]["title"], "Call Dora");
}

#[test]
fn what_one_archives_while_the_other_writes_stays_in_sight() {
    let town = Town::together();
    let (ben, anna) = (&town.ben, &town.anna);
    let kept = short(&anna.json(&["note", "add", "Kept"]));
    let live = short(&anna.json(&["note", "add", "Live"]));
    let goal = short(&anna.json(&["goal", "add", "Run"]));
    town.meet();
    for id in [&kept, &live, &goal] {
        ben.json(&["archive", id]);
    }
    assert_eq!(ben.json(&["archive", &kept])["changed"], false);
    anna.json(&["note", "edit", &live, "-m", "Words that nobody may lose"]);
    anna.json(&["goal", "pause", &goal]);
    town.sync(&[ben, anna, ben]);
    for person in [ben, anna] {
        let titles = |all: Value| -> Vec<String> {
            let all = all.as_array().expect("a list").iter();
            all.map(|it| it["title"].as_str().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(titles(person.json(&["note", "list"])), ["Live"]);
        assert_eq!(titles(person.json(&["goal", "list"])), ["Run"]);
        assert_eq!(titles(person.json(&["archive"])), ["Kept"]);
        let page = person.ok(&["note", "show", &live]);
        assert!(page.contains("had archived it; somebody wrote to it since"), "{page}");
        assert!(person.ok(&["search", "nobody"]).contains("Live"));
        assert!(person.ok(&["history", &kept]).contains("archived"), "{}", person.ok(&["history", &kept]));
    }
    anna.json(&["unarchive", &kept]);
    assert_eq!(anna.json(&["undo"])["title"], "Kept");
    assert_eq!(anna.json(&["archive"]).as_array().map(Vec::len), Some(1), "taken back");
    anna.json(&["redo"]);
    town.meet();
    assert_eq!(ben.json(&["archive"]), json!([]));
    town.assert_equal();
}

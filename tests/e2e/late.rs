//! What a lost computer wrote after it was cut off, with the real programs.

use alliance_tests::{program::Person, town::Town};

use crate::computers::{meet, notes, with_a_tablet};

/// Ben's tablet wrote on after he cut it off, and the relay took it: its operator had put an earlier copy back.
fn written_late(town: &mut Town) -> Person {
    let tablet = with_a_tablet(town);
    meet(town, &tablet);
    town.stop_relay();
    let backup = town.backup_relay();
    town.start_relay();
    tablet.ok(&["note", "add", "On the train", "-m", "What I thought of on the train"]);
    tablet.ok(&["note", "add", "Mine and late", "--private"]);
    assert_eq!(town.ben.json(&["device", "cut", "computer 2", "--yes"])["done"], true);
    town.stop_relay();
    town.restore_relay(&backup);
    town.start_relay();
    town.sync(&[&tablet]);
    let told = town.ben.run(&["sync"]).to_string();
    assert!(told.contains("computer 2 wrote 2 things after it was cut off"), "{told}");
    assert!(told.contains("`alliance device late 'computer 2'` shows it"), "{told}");
    let told = town.ben.run(&["sync"]).to_string();
    assert!(!told.contains("after it was cut off"), "once is enough: {told}");
    town.sync(&[&town.anna]);
    tablet
}

#[test]
fn what_a_lost_computer_wrote_late_is_shown_and_taken_in_on_its_persons_word() {
    let mut town = Town::together();
    let tablet = written_late(&mut town);
    for person in [&town.ben, &town.anna] {
        assert!(!notes(person).contains(&"On the train".to_owned()), "it does not count");
    }
    let listed = town.ben.run(&["device"]).to_string();
    let said = "computer 2 wrote 2 things after it was cut off, the last of it on ";
    assert!(listed.contains(said) && listed.contains("note “On the train”"), "{listed}");
    assert!(listed.contains("`alliance device take 'computer 2'`"), "{listed}");
    let status = town.ben.ok(&["status"]);
    assert!(status.contains("a computer of yours wrote 1 thing after it was cut off"), "{status}");
    let late = town.ben.ok(&["device", "late", "computer 2"]);
    assert!(late.contains("What I thought of on the train") && late.contains("Mine and late"), "{late}");
    let late = town.ben.json(&["device", "late"]);
    assert_eq!(late[0]["things"].as_array().map(Vec::len), Some(2), "{late}");
    // Anna sees that it happened, and no word of it.
    assert_eq!(town.anna.json(&["device", "late"]), serde_json::json!([]));
    let security = town.anna.ok(&["security"]);
    assert!(security.contains("a computer of Ben wrote 1 time after it was cut off"), "{security}");

    let refused = town.ben.refused(&["device", "take", "computer 2"]);
    assert_eq!((refused.exit, &*refused.code), (2, "not_confirmed"), "{refused:?}");
    town.stop_relay();
    let taken = town.ben.json(&["device", "take", "computer 2", "--yes"]);
    assert_eq!((&taken["done"], taken["things"].as_array().map(Vec::len)), (&false.into(), Some(2)), "{taken}");
    assert!(notes(&town.ben).contains(&"On the train".to_owned()), "it counts here at once");
    town.start_relay();
    town.sync(&[&town.ben, &town.anna]);
    assert!(notes(&town.anna).contains(&"On the train".to_owned()));
    assert!(!notes(&town.anna).contains(&"Mine and late".to_owned()));
    town.assert_equal();
    assert_eq!(town.ben.json(&["device", "late"]), serde_json::json!([]));
    let again = town.ben.json(&["device", "take", "computer 2", "--yes"]);
    assert_eq!((&again["done"], again["things"].as_array().map(Vec::len)), (&true.into(), Some(0)), "{again}");
    assert_ne!(tablet.run(&["sync"]).code, Some(0), "it stays out");
}

//! Disks that run full and have room again while everybody writes.

use alliance_tests::{
    disk::{SmallDisk, run},
    program::{Ran, until},
    seen::{arrives, column, kinds, titles},
    town::Town,
    watcher::Watcher,
};

use crate::{count, disks::long};

#[test]
fn disks_that_run_full_and_have_room_again_lose_nothing_that_was_told() {
    let mut town = Town::together();
    town.stop_relay();
    let (Some(home), Some(data)) = (SmallDisk::over(town.ben.home()), SmallDisk::over(&town.data())) else {
        println!("skipped: this computer lets nobody mount a disk");
        return;
    };
    town.start_relay_as(|command| data.on(&command));
    let ben = |arguments: &[&str]| -> Ran { run(home.on(&town.ben.command(&[arguments, &["--json"]].concat()))) };
    let watches = home.on(&town.ben.command(&["sync", "--watch"]));
    let watchers = [Watcher::of(watches, town.ben.beside("ben")), Watcher::start(&town.anna, "anna")];
    watchers[0].says("Anna is here now.", 1);
    let words = &long()[..20_000];
    let mut told = Vec::new();
    for round in 0..count("ALLIANCE_FULL_DISKS", 2) {
        // Ben's disk. What is there already may be written over, so something still finds room.
        home.fill();
        let mut refused = None;
        for n in 0..500 {
            let title = format!("Ben {round}-{n}");
            let ran = ben(&["note", "add", &title, "-m", words]);
            if ran.code != Some(0) {
                refused = Some(ran.refusal().code);
                break;
            }
            told.push(title);
        }
        assert_eq!(refused.as_deref(), Some("disk"));
        let while_full = format!("Anna {round}, while Ben has no room");
        town.anna.json(&["note", "add", &while_full, "-m", words]);
        assert_eq!(ben(&["note", "list"]).code, Some(0), "one can read on");
        home.free();
        until(&while_full, || column(&ben(&["note", "list"]).data(), "title").contains(&while_full).then_some(()));
        told.push(while_full);
        // The relay's disk.
        data.fill();
        let mut n = 0;
        until("a relay that says it is unwell", || {
            let title = format!("Anna {round}-{n}");
            n += 1;
            town.anna.json(&["note", "add", &title, "-m", words]);
            told.push(title);
            town.relay().health().starts_with("HTTP/1.1 503").then_some(())
        });
        let while_full = format!("Ben {round}, while the relay has no room");
        ben(&["note", "add", &while_full, "-m", words]).data();
        told.push(while_full.clone());
        data.free();
        arrives(&town.anna, &while_full);
        until("a relay that says it is well", || town.relay().health().starts_with("HTTP/1.1 200").then_some(()));
    }
    drop(watchers);
    home.take_away();
    town.stop_relay();
    data.take_away();
    town.start_relay();
    town.meet();
    told.sort();
    assert_eq!(titles(&town.anna), told, "all that was told, and nothing that was refused");
    town.assert_equal();
    for person in [&town.ben, &town.anna] {
        let kinds = kinds(person);
        assert!(!kinds.contains(&"relay-lost-data".to_owned()), "{kinds:?}");
        assert!(!kinds.contains(&"device-wrote-two-histories".to_owned()), "{kinds:?}");
    }
}

//! Ben and Anna in networks of their own, between which there is nothing but their relay, and later a link that is cut.

use std::{path::Path, process::Command};

use alliance_tests::{
    networks::{Networks, Place, RELAY},
    program::{Person, RelayProgram, until},
    watcher::Watcher,
};

use crate::computers::notes;

/// A command at somebody's computer, in their network, that has to succeed; returns what it says.
fn ok(networks: &Networks, place: Place, person: &Person, typed: &[&str]) -> String {
    let ran = networks.within(place, &person.command(typed)).output().expect("it runs");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{typed:?}: {said}{}", String::from_utf8_lossy(&ran.stderr));
    said
}

#[test]
fn the_way_between_two_networks_changes_with_the_links_and_nothing_is_lost() {
    let Some(networks) = Networks::new() else {
        println!("skipped: this computer lets nobody make networks of their own");
        return;
    };
    let folder = tempfile::TempDir::with_prefix("alliance-relay-").expect("a folder");
    let relay = |data: &Path| {
        let command: Command = RelayProgram::command(data, &format!("{RELAY}:8787"));
        networks.within(Place::Relay, &command)
    };
    let data = folder.path().join("data");
    let _relay = RelayProgram::start_by(|| relay(&data));
    let (ben, anna, url) = (Person::new("ben"), Person::new("anna"), format!("http://{RELAY}:8787"));
    let bens = |typed: &[&str]| ok(&networks, Place::Ben, &ben, typed);
    let annas = |typed: &[&str]| ok(&networks, Place::Anna, &anna, typed);
    bens(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", &url]);
    let word = bens(&["invite"]).trim().to_owned();
    bens(&["sync"]);
    annas(&["join", &word, "--name", "Anna", "--role", "client"]);
    bens(&["sync"]);
    let watch = |place, person: &Person| {
        Watcher::of(networks.within(place, &person.command(&["sync", "--watch"])), person.beside("watches"))
    };
    let watchers = [watch(Place::Ben, &ben), watch(Place::Anna, &anna)];
    // There is nothing between them but the relay.
    watchers[0].says("Anna's computer is reached by way of the relay.", 1);
    watchers[1].says("Ben's computer is reached by way of the relay.", 1);
    let mut written = 0;
    let mut write = |many: usize| {
        for _ in 0..many {
            written += 1;
            bens(&["note", "add", &format!("Note {written:03}")]);
        }
        written
    };
    let all = |many: usize| until("all notes", || (notes(&anna).len() == many).then_some(()));
    all(write(1));
    // A link between them is found and used.
    networks.link(true);
    watchers[0].says("Anna's computer is reached within the same network.", 1);
    all(write(1));
    // It is cut while somebody writes.
    write(3);
    networks.link(false);
    all(write(3));
    watchers[0].says("Anna's computer is reached by way of the relay.", 2);
    networks.link(true);
    watchers[0].says("Anna's computer is reached within the same network.", 2);
    all(write(1));
    watchers.into_iter().for_each(|it| assert_eq!(it.stop(), Some(0)));
    assert_eq!(notes(&anna), notes(&ben));
}

#[test]
fn computers_that_are_to_find_each_other_do_where_one_has_another_address_by_now() {
    let Some(networks) = Networks::new() else {
        println!("skipped: this computer lets nobody make networks of their own");
        return;
    };
    networks.link(true);
    let (ben, anna) = (Person::new("ben"), Person::new("anna"));
    let bens = |typed: &[&str]| ok(&networks, Place::Ben, &ben, typed);
    let annas = |typed: &[&str]| ok(&networks, Place::Anna, &anna, typed);
    let watch = |name| Watcher::of(networks.within(Place::Ben, &ben.command(&["sync", "--watch"])), ben.beside(name));
    bens(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    let word = bens(&["invite"]).trim().to_owned();
    let watcher = watch("first");
    watcher.says("This computer answers others directly.", 1);
    annas(&["join", &word, "--name", "Anna", "--role", "client"]);
    annas(&["sync"]);
    assert_eq!(watcher.stop(), Some(0));

    networks.ben_moves();
    bens(&["note", "add", "From elsewhere"]);
    let said = bens(&["config", "set", "nearby", "on"]);
    assert!(said.contains("nearby"), "{said}");
    let watcher = watch("second");
    watcher.says("This computer answers others directly.", 1);
    // Ben says where he is; Anna does not listen yet, and knows only where he was.
    let alone = networks.within(Place::Anna, &anna.command(&["sync"])).output().expect("it runs");
    assert!(!alone.status.success(), "{}", String::from_utf8_lossy(&alone.stdout));
    annas(&["config", "set", "nearby", "on"]);
    annas(&["sync"]);
    assert_eq!(notes(&anna), ["From elsewhere"]);
    assert_eq!(watcher.stop(), Some(0));
}

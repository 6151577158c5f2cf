//! Two computers that have no way to each other meet by way of their relay, with the real programs.

use alliance_tests::{
    program::{Person, until},
    town::Town,
    watcher::Watcher,
};

use crate::computers::notes;

/// A computer that tells nobody where it is.
fn watches(person: &Person, name: &str) -> Watcher {
    person.ok(&["config", "set", "direct", "relay"]);
    Watcher::of(person.command(&["sync", "--watch"]), person.beside(name))
}

#[test]
fn two_who_tell_nobody_where_they_are_meet_by_way_of_the_relay() {
    let town = Town::together();
    let watchers = [watches(&town.ben, "watches"), watches(&town.anna, "watches")];
    watchers[0].says("Anna's computer is reached by way of the relay.", 1);
    watchers[1].says("Ben's computer is reached by way of the relay.", 1);
    town.ben.ok(&["note", "add", "Ben's"]);
    until("his note", || (notes(&town.anna) == ["Ben's"]).then_some(()));
    let status = town.ben.json(&["status"]);
    assert_eq!(status[0]["others"][0]["route"], "relay", "{status}");
    watchers.into_iter().for_each(|it| assert_eq!(it.stop(), Some(0)));
    let told = town.ben.ok(&["status"]);
    assert!(told.contains("last reached by way of the relay"), "{told}");
}

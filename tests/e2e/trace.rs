//! What two people really typed at the same time, once more: each in a profile of their own, through a relay.

use std::env;

use alliance_core::document::{ChangeHash, Splice};
use alliance_tests::{
    program::until,
    screen::{Screen, Sends},
    town::Town,
    trace::{Concurrent, Keystroke, pressed_at},
};
use automerge::{Automerge, ObjType, PatchLog, ROOT, ReadDoc as _, transaction::Transactable as _};

/// Keystrokes of the trace that are typed; `tests/long` types all of them.
fn keystrokes() -> usize {
    env::var("ALLIANCE_KEYSTROKES").ok().map_or(3000, |count| count.parse().expect("a number"))
}

/// The text that plain Automerge makes of the same keystrokes.
fn replayed(trace: &Concurrent) -> String {
    let mut document = Automerge::new();
    let mut transaction = document.transaction();
    let body = transaction.put_object(ROOT, "body", ObjType::Text).expect("a text");
    let genesis = transaction.commit().0.expect("a change");
    let mut made: Vec<ChangeHash> = Vec::new();
    for key in &trace.keystrokes {
        let from: Vec<_> = key.parents.iter().map(|parent| made[*parent]).collect();
        let from = if from.is_empty() { vec![genesis] } else { from };
        document.set_actor(vec![key.agent].into());
        let mut transaction = document.transaction_at(PatchLog::inactive(), &from).expect("a version");
        for it in &key.patches {
            transaction.splice_text(&body, it.at, it.deleted.cast_signed(), &it.inserted).expect("a splice");
        }
        made.push(transaction.commit().0.expect("a change"));
    }
    document.text(&body).expect("a text")
}

#[test]
fn what_two_typed_at_once_ends_as_they_had_it() {
    let trace = Concurrent::friends().first(keystrokes());
    let town = Town::together();
    let note = town.ben.json(&["note", "add", "Typed by two"])["id"].as_str().expect("an id").to_owned();
    town.meet();
    let mut screens = [&town.ben, &town.anna].map(|person| Screen::open(person, Sends::WhenTold, None));
    let space = screens[0].space();
    let note = screens[0].profile.find(space, Some("note"), &note).expect("a note");
    let start = screens[1].profile.text(&note, "body").expect("a note").from.expect("a version");
    let mut made: Vec<Vec<ChangeHash>> = Vec::new();
    for (number, key) in trace.keystrokes.iter().enumerate() {
        let from: Vec<_> = key.parents.iter().flat_map(|parent| made[*parent].clone()).collect();
        let from = if from.is_empty() { start.clone() } else { from };
        let splice = |it: &Keystroke| Splice { at: it.at, delete: it.deleted, insert: it.inserted.clone() };
        let splices: Vec<_> = key.patches.iter().map(splice).collect();
        let [ben, anna] = &mut screens;
        let (me, other) = if key.agent == 0 { (ben, anna) } else { (anna, ben) };
        let typed = loop {
            if let Some(typed) = me.press(note, &from, &splices, pressed_at(number)) {
                break typed;
            }
            // Nobody types in what they do not see yet.
            other.send();
            me.arrival();
        };
        assert_eq!(typed.mine.len(), 1, "one change");
        made.push(typed.mine);
    }
    screens.iter().for_each(Screen::send);
    let same = |screens: &mut [Screen; 2]| {
        let [ben, anna] = screens.each_mut().map(|screen| screen.profile.heads(space).expect("heads"));
        (ben == anna).then_some(())
    };
    until("equal heads", || same(&mut screens));
    let expected = if trace.text.is_empty() { replayed(&trace) } else { trace.text.clone() };
    for screen in &mut screens {
        assert_eq!(screen.text(note), expected);
    }
}

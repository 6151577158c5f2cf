//! A person's computers.

use super::{FAINT, ID, Page, STRONG, backup, cell, count, styled};
use crate::command::device::{self, Arrived, Came, Cut, Renewed, Row};

/// All computers, this one first.
pub fn computers(computers: &[Row], page: &mut Page) {
    let row = |computer: &Row| {
        let Row { id, name, this, live, spaces, missing, .. } = computer;
        let has = match (live, this, missing) {
            (false, ..) => "cut off".to_owned(),
            (_, true, _) => "this one".to_owned(),
            (.., 0) => "has all you wrote".to_owned(),
            (.., missing) => format!("{missing} not there yet"),
        };
        let spaces = count(*spaces as u64, "space", "spaces");
        vec![styled(id, ID), styled(device::called(name), STRONG), cell(has), styled(spaces, FAINT)]
    };
    page.table(computers.iter().map(row).collect());
    backup::aside(&computers.iter().flat_map(|it| it.aside.clone()).collect::<Vec<_>>(), page);
    if computers.iter().filter(|it| it.live).count() < 2 {
        page.talk("This is your only computer. `alliance invite --device` makes the word that lets another one in.");
    }
}

/// A computer that was cut off.
pub fn cut(cut: &Cut, page: &mut Page) {
    let called = device::called(&cut.name);
    match cut.done {
        true => page.talk(&format!("{called} is cut off: it is refused from now on, and opens nothing that is written after this.")),
        false => page.talk(&format!("{called} is to be cut off. The relay does not know it yet, and nothing is sent before it does: `alliance sync` tries again.")),
    }
    page.talk(
        "What was on it stays readable to whoever has it and can unlock it, and what it had not sent is only there.",
    );
    page.talk("If its disk was not locked: tell the other person, and change what was written down in notes, such as passwords.");
    if cut.left < 2 {
        page.talk("This is your only computer now. `alliance invite --device` lets another one in.");
    }
}

/// This computer goes on under fresh keys.
pub fn renewed(renewed: &Renewed, page: &mut Page) {
    match renewed.done {
        true => page.talk("This computer has fresh keys and everything it had. A copy of it is refused from now on."),
        false => page
            .talk("The relay does not know it yet, and nothing is sent before it does: `alliance sync` tries again."),
    }
    for title in &renewed.kept {
        page.talk(&format!("“{title}” keeps its key until the other person is in: nobody else could invite them."));
    }
    page.talk("If a copy still runs somewhere, what it had not sent is only there: take it in again with `alliance invite --device`.");
}

/// This computer came to those of a person.
pub fn arrived(arrived: &Arrived, page: &mut Page) {
    let whose = arrived
        .name
        .as_deref()
        .map_or_else(|| "another person's computers".to_owned(), |name| format!("{name}'s computers"));
    page.talk(&format!("This is one of {whose} now."));
    for Came { title, items, .. } in &arrived.alliances {
        page.talk(&format!("“{title}” is here: {}.", count(*items as u64, "thing", "things")));
    }
    match arrived.synced {
        true => page.talk("Read or write right away; your other computer's next sync lets this one in, and what you write goes out after that."),
        false => page.talk("Not everything is here yet: `alliance sync` goes on where it stopped."),
    }
}

//! How spaces stand.

use super::{FAINT, NARROW, Page, STRONG, alliance, backup, cell, count, device, name, recovery, styled, sync::how};
use crate::command::{
    alliance::State,
    status::{Held, Other, Status},
};

/// What one's own private space is called.
pub const PRIVATE: &str = "only yours";

/// How every space stands.
pub fn status(spaces: &[Status], page: &mut Page) {
    let mut rows = Vec::new();
    let narrow = page.is_within(NARROW);
    for space in spaces {
        let title = if space.personal { PRIVATE } else { alliance::title(&space.title) };
        let relay = styled(space.relay.as_deref().unwrap_or("no relay"), FAINT);
        if narrow {
            rows.push(vec![styled(title, STRONG), cell(waits(space))]);
            rows.push(vec![cell(""), relay]);
        } else {
            rows.push(vec![styled(title, STRONG), cell(waits(space)), relay]);
        }
        let mut more = |text: String| rows.push(vec![cell(""), cell(text), cell("")]);
        if space.state == Some(State::AwaitsConfirmation) && space.waiting > 0 {
            more(kept(space.waiting));
        }
        if space.out.is_some() {
            more("this computer is not in it any more".to_owned());
        } else if let Some(why) = space.refused {
            more(format!("the relay did not take it: {why}"));
        }
        if let Some(why) = space.unsealed {
            more(format!("it could not be sealed on this computer: {why}"));
        }
        if space.unread > 0 {
            more(format!("{} arrived and cannot be read yet", space.unread));
        }
        for name in &space.ends {
            more(format!("the next sync cuts {name} off; until then the relay lets it in"));
        }
        if space.late > 0 {
            let things = count(space.late, "thing", "things");
            more(format!("a computer of yours wrote {things} after it was cut off: `alliance device late` shows them"));
        }
        if space.state == Some(State::Ended) {
            let unsent = space.waiting + space.unsent;
            if unsent > 0 && space.out.is_none() {
                let things = count(unsent, "thing that you wrote is", "things that you wrote are");
                more(format!("{things} on this computer alone: nothing is exchanged there any more"));
            }
        } else {
            space.others.iter().filter_map(|other| has(space, other)).for_each(more);
        }
    }
    page.table(rows);
    device::out(spaces.iter().filter_map(|space| space.out.as_ref()), page);
    backup::aside(&spaces.iter().flat_map(|space| space.aside.clone()).collect::<Vec<_>>(), page);
    if spaces.iter().any(|space| space.unrecoverable) {
        page.talk(recovery::REMINDER);
    }
}

fn waits(space: &Status) -> String {
    match space.waiting + space.unsent {
        _ if space.state == Some(State::Ended) && space.out.is_none() => "you left it; your copy stays".to_owned(),
        0 if space.out.is_some() => "nothing waits".to_owned(),
        kept if space.out.is_some() => format!("{} here and goes nowhere", count(kept, "stays", "stay")),
        _ if space.state == Some(State::AwaitsConfirmation) => waits_for(space.host.as_deref()),
        0 if space.relay.is_some() && !space.kept => "not at the relay yet".to_owned(),
        0 if space.invites => "an invitation waits here for the next sync".to_owned(),
        0 => "nothing waits".to_owned(),
        waiting => format!("{} here for the next sync", count(waiting, "waits", "wait")),
    }
}

/// What is known of the other person, and nothing that is not.
fn has(space: &Status, other: &Other) -> Option<String> {
    let name = name(&other.name);
    let has = match other.missing {
        0 if space.waiting + space.unsent > 0 => None,
        0 => Some("has all you wrote".to_owned()),
        1 => Some("may not have what you wrote last".to_owned()),
        missing => Some(format!("may not have the last {missing} things that you wrote")),
    };
    let met = other.route.map(|route| format!("last reached {}", how(route.into())));
    match (has, met) {
        (Some(has), Some(met)) => Some(format!("{name} {has}; {met}")),
        (Some(has), None) => Some(format!("{name} {has}")),
        (None, Some(met)) => Some(format!("{name} was {met}")),
        (None, None) => None,
    }
}

/// Why nothing goes out yet, and what is kept.
pub fn held(held: &Held) -> String {
    let waits = waits_for(held.other.as_deref());
    if held.waiting == 0 { format!("{waits}.") } else { format!("{waits}; {}.", kept(held.waiting)) }
}

fn waits_for(other: Option<&str>) -> String {
    format!("Waiting for {}'s next sync to let you in", name(other.unwrap_or_default()))
}

fn kept(number: u64) -> String {
    format!("{} kept here until then", count(number, "thing you wrote is", "things you wrote are"))
}

#[cfg(test)]
mod tests {
    use super::super::{
        Layout,
        tests::{printed, seen},
    };
    use super::*;
    use crate::command::{Answer, sync::By};

    fn space(title: &str, waiting: u64, missing: &[u64]) -> Status {
        let route = |missing: &u64| (*missing == 0).then_some(By::SameNetwork);
        let other = |it: &u64| Other { name: "Anna".to_owned(), missing: *it, route: route(it) };
        Status {
            id: "0101".to_owned(),
            title: title.to_owned(),
            personal: title.is_empty(),
            state: (!title.is_empty()).then_some(State::Together),
            relay: Some("http://127.0.0.1:8787".to_owned()),
            other: (!title.is_empty()).then(|| "Anna".to_owned()),
            host: (!title.is_empty()).then(|| "Anna".to_owned()),
            waiting,
            unsent: waiting / 2,
            refused: (waiting > 1).then_some("it is full"),
            unsealed: None,
            out: None,
            kept: true,
            invites: false,
            unread: waiting,
            others: missing.iter().map(other).collect(),
            ends: Vec::new(),
            late: 0,
            unrecoverable: title.is_empty(),
            aside: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_at_the_relay_does_not_read_as_if_it_were() {
        let new = Status { kept: false, ..space("New", 0, &[]) };
        let invites = Status { invites: true, ..space("Invites", 0, &[]) };
        let alone = Status { kept: false, relay: None, ..space("Alone", 0, &[]) };
        let written = Status { kept: false, ..space("Written", 2, &[]) };
        let words = [&new, &invites, &alone, &written].map(waits);
        let expected = [
            "not at the relay yet",
            "an invitation waits here for the next sync",
            "nothing waits",
            "3 wait here for the next sync",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn status_says_what_waits_and_what_is_not_there_yet_and_never_a_time() {
        let awaits = || Status {
            state: Some(State::AwaitsConfirmation),
            others: Vec::new(),
            waiting: 1,
            ..space("Anna & Carl", 0, &[])
        };
        let status = || {
            let all = [space("Ben & Anna", 2, &[0, 3]), space("Anna & Dora", 0, &[0, 1]), awaits(), space("", 0, &[])];
            Answer::Status(all.into())
        };
        insta::assert_snapshot!("status", seen(&status(), Layout::Terminal));
        let mut narrow = Page::new(Layout::Terminal).of_width(40);
        crate::render::answer(&status(), &mut narrow);
        insta::assert_snapshot!("status_narrow", printed(&narrow));
        insta::assert_snapshot!("status_json", serde_json::to_string_pretty(&status()).expect("serialises"));
    }
}

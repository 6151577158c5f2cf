//! What came and went.

use std::collections::BTreeSet;

use alliance_core::{app::Passage, domain};

use super::{
    Cell, FAINT, LOOK, Page, STRONG, alliance, cell, count, device, in_alliance, name,
    status::{self, PRIVATE},
    styled,
};
use crate::command::{
    item::Named,
    sync::{Both, Came, Synced, Traffic, Why},
    verify::Found,
};

/// Titles that a watcher names at most.
const NAMED: usize = 3;
/// Meetings that are told at most.
const TOLD: usize = 5;

/// A row a space in which anything moved, and what to do next.
pub fn synced(synced: &Synced, page: &mut Page) {
    let moved = |row: &&Traffic| row.received + row.sent > 0 || row.why().is_some();
    page.table(synced.rows.iter().filter(moved).map(|it| row(it, synced.over)).collect());
    for row in &synced.rows {
        if let Some(why) = row.why().filter(|_| row.out.is_none()) {
            let title = if row.personal { PRIVATE } else { alliance::title(&row.title) };
            let (happened, why) = match why {
                Why::Refused(why) if row.relay.is_none() => {
                    (format!("The other computer does not exchange “{title}” with this one"), why)
                }
                Why::Refused(why) => (format!("The relay did not take all of “{title}”"), why),
                Why::Unsealed(why) => (format!("What waits in “{title}” could not be sealed on this computer"), why),
            };
            page.talk(&format!("{happened}: {why}. It is safe here."));
        }
    }
    device::out(synced.rows.iter().filter_map(|row| row.out.as_ref()), page);
    synced.rows.iter().filter_map(|row| Some(came(row.came?, row))).for_each(|line| page.talk(&line));
    let waiting: Vec<_> = synced.rows.iter().filter_map(|row| row.held.as_ref()).collect();
    waiting.iter().filter(|_| synced.over).for_each(|it| page.talk(&status::held(it)));
    if synced.over && waiting.is_empty() && synced.rows.iter().all(|row| row.why().is_none()) {
        page.talk("Up to date.");
    }
    let direct: BTreeSet<_> = synced.rows.iter().filter(|row| row.relay.is_none()).map(|row| row.route).collect();
    for route in direct.into_iter().filter(|_| synced.over) {
        page.talk(&format!("That went from computer to computer, {}.", how(route.into())));
    }
    met(&synced.rows, page);
    if synced.over {
        choices(&synced.rows, page);
    }
}

/// By which way another computer is reached.
pub fn how(passage: Passage) -> &'static str {
    match passage {
        Passage::SameNetwork => "within the same network",
        Passage::Direct => "directly",
        Passage::Relay => "by way of the relay",
    }
}

/// Where both wrote, and what became of it: the first few each by itself.
fn met(rows: &[Traffic], page: &mut Page) {
    let mut told = 0;
    for row in rows {
        let (now, more) = row.both.split_at(row.both.len().min(TOLD - told));
        told += now.len();
        now.iter().for_each(|both| page.talk(&one_met(row, both)));
        for (choice, verb, shows) in [(true, "conflict list", "what to choose from"), (false, "history", "all")] {
            let untold = more.iter().filter(|both| both.choice == choice).count();
            if untold > 0 {
                page.talk(&format!("The same with {untold} more: {} shows {shows}.", within(row, verb)));
            }
        }
    }
}

/// How many fields wait for a choice, of each alliance of which that was not just said.
fn choices(rows: &[Traffic], page: &mut Page) {
    let mut told = BTreeSet::new();
    for row in rows {
        let of_it = rows.iter().filter(|it| it.id == row.id);
        if row.choices == 0 || of_it.clone().any(|it| it.both.iter().any(|both| both.choice)) || !told.insert(&row.id) {
            continue;
        }
        let of = if row.current { String::new() } else { format!(" of “{}”", row.title) };
        let fields = count(row.choices as u64, &format!("field{of} has"), &format!("fields{of} have"));
        page.talk(&format!("{fields} more than one value: {} shows them.", within(row, "conflict list")));
    }
}

/// A command as it is typed to mean this alliance.
fn within(row: &Traffic, verb: &str) -> String {
    format!("`{}`", in_alliance((!row.current).then_some(&row.title), verb))
}

/// A row a space, and what to do about what is not right.
pub fn verified(rows: &[Found], page: &mut Page) {
    page.table(rows.iter().map(held).collect());
    for row in rows {
        let title = if row.personal { PRIVATE } else { alliance::title(&row.title) };
        if let Some(why) = row.refused {
            page.talk(&format!("The relay does not show “{title}”: {why}."));
        }
        if row.lost > 0 {
            page.talk(&format!("The relay lost some of “{title}”. It is all here: `alliance sync` sends it again."));
        }
        if row.wrong > 0 {
            page.talk(&format!(
                "The relay gave something for “{title}” that nobody signed: take another relay with `alliance relay set`."
            ));
        }
    }
    if rows.iter().all(|row| row.whole) {
        page.talk("The relay holds all that it said it has, just as it was signed.");
    }
}

fn held(row: &Found) -> Vec<Cell> {
    let title = if row.personal { PRIVATE } else { alliance::title(&row.title) };
    let some = |number: u64, what: &str| if number == 0 { String::new() } else { format!("{number} {what}") };
    vec![
        styled(title, STRONG),
        cell(if row.refused.is_some() { "not shown".to_owned() } else { format!("{} there and here", row.same) }),
        cell(some(row.more, "there and not here yet")),
        cell(some(row.unsent, "not sent yet")),
        styled(some(row.lost, "lost there"), LOOK),
        styled(some(row.wrong, "wrong there"), LOOK),
    ]
}

/// That somebody was let in, and what to do next.
fn came(who: Came, row: &Traffic) -> String {
    let other = row.other.as_deref().unwrap_or_default();
    let is_in = match who {
        // The words were compared when the person came.
        Came::Computer => return format!("This computer is in “{}” now, and what you write goes out.", row.title),
        Came::You => format!("You are in “{}”: {} let you in, and what you write goes out.", row.title, name(other)),
        Came::Them if other.is_empty() => format!("The person whom you invited is in “{}”.", row.title),
        Came::Them => format!("{other} is in “{}”.", row.title),
    };
    format!("{is_in} Next, compare six words with each other by voice: {}.", within(row, "member list"))
}

/// That both wrote in the same place, and what became of it.
fn one_met(row: &Traffic, both: &Both) -> String {
    let Both { item: Named { kind, title, short, .. }, field, choice } = both;
    let of = if kind == domain::alliance::KIND.name { "the alliance".to_owned() } else { format!("“{title}”") };
    let other = name(row.other.as_deref().unwrap_or_default());
    let became = match *choice {
        true => format!("{} shows what to choose from", within(row, "conflict list")),
        false => {
            let history = within(row, &format!("history {short}"));
            format!("both changes were made; {history} shows what came and what was taken out")
        }
    };
    format!("You and {other} both changed the {} of {of}: {became}.", super::field(field))
}

/// What is new or changed: how much at the end, which while somebody watches.
fn changed(row: &Traffic, over: bool) -> String {
    if row.changed == 0 {
        return String::new();
    }
    if over || row.items.is_empty() {
        return format!("{} new or changed", row.changed);
    }
    let titles: Vec<_> = row.items.iter().take(NAMED).map(|item| format!("“{}”", item.title)).collect();
    let more = row.items.len() - titles.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("new or changed: {}{more}", titles.join(", "))
}

fn row(row: &Traffic, over: bool) -> Vec<Cell> {
    let title = if row.personal { PRIVATE } else { alliance::title(&row.title) };
    let changed = changed(row, over);
    vec![
        styled(title, STRONG),
        cell(format!("{} received", row.received)),
        cell(format!("{} sent", row.sent)),
        styled(changed, FAINT),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{
        Layout,
        tests::{named, seen},
    };
    use super::*;
    use crate::{
        command::{Answer, status::Held},
        error::Exit,
    };

    fn traffic(title: &str, received: u64, refused: Option<&'static str>) -> Traffic {
        Traffic {
            id: "0101".to_owned(),
            title: title.to_owned(),
            current: true,
            personal: title.is_empty(),
            relay: Some("http://127.0.0.1:8787".to_owned()),
            route: crate::command::sync::By::Relay,
            received,
            sent: 0,
            changed: received,
            items: Vec::new(),
            both: Vec::new(),
            other: Some("Anna".to_owned()),
            choices: usize::from(received > 1),
            refused,
            unsealed: None,
            out: None,
            held: None,
            came: None,
        }
    }

    fn answer(rows: Vec<Traffic>) -> Answer {
        Answer::Synced(Synced { rows, over: true })
    }

    #[test]
    fn only_spaces_in_which_something_moved_are_shown_and_json_has_all() {
        let synced = answer(vec![traffic("Ben & Anna", 3, None), traffic("", 0, None)]);
        insta::assert_snapshot!("synced", seen(&synced, Layout::Terminal));
        insta::assert_snapshot!("synced_json", serde_json::to_string_pretty(&synced).expect("serialises"));
        assert_eq!(synced.exit(), Exit::Ok);
        insta::assert_snapshot!("synced_nothing", seen(&answer(vec![traffic("", 0, None)]), Layout::Terminal));
    }

    #[test]
    fn where_both_wrote_is_told_once_with_its_title() {
        let named = |kind: &str, title| Named { kind: kind.to_owned(), ..named(title) };
        let both =
            |kind, title, field: &str, choice| Both { item: named(kind, title), field: field.to_owned(), choice };
        let met = |both| answer(vec![Traffic { both, ..traffic("Ben & Anna", 3, None) }]);
        let few = met(vec![both("note", "Session 3", "body", false), both("goal", "Run", "title", true)]);
        let of_all = met(vec![both("alliance", "Ben & Anna", "purpose", false)]);
        let many = met(vec![both("note", "Session 3", "body", false); 7]);
        let mut mixed = vec![both("goal", "Run", "title", true); 6];
        mixed.extend(vec![both("note", "Session 3", "body", false); 2]);
        let told = [few, of_all, many, met(mixed)].map(|synced| seen(&synced, Layout::Terminal));
        insta::assert_snapshot!("synced_both", told.join("\n"));
    }

    #[test]
    fn a_watcher_is_told_what_is_new_by_its_title() {
        let named = |n: usize| Named {
            id: "0202".to_owned(),
            short: format!("n{n}"),
            kind: "note".to_owned(),
            title: format!("Note {n}"),
        };
        let watched = |items: usize, received| {
            let row = Traffic { items: (1..=items).map(named).collect(), ..traffic("Ben & Anna", received, None) };
            Answer::Synced(Synced { rows: vec![row], over: false })
        };
        let told = [watched(1, 1), watched(3, 3), watched(6, 6), watched(0, 1), watched(0, 0)];
        insta::assert_snapshot!("synced_watched", told.map(|it| seen(&it, Layout::Plain)).concat().replace('\t', "⇥"));
        insta::assert_snapshot!("synced_watched_json", serde_json::to_string(&watched(1, 1)).expect("serialises"));
    }

    #[test]
    fn commands_name_the_alliance_unless_it_is_the_one_that_they_mean() {
        let both = |choice| Both { item: named("Plan"), field: "title".to_owned(), choice };
        let row = |title: &str, current| Traffic { id: title.to_owned(), current, ..traffic(title, 3, None) };
        let elsewhere = |both| Traffic { both, ..row("Ben's second place", false) };
        let told = [
            vec![elsewhere(Vec::new()), row("Here", true), row("Here", true)],
            vec![elsewhere(vec![both(true)]), row("Here", true)],
            vec![elsewhere([vec![both(true); 7], vec![both(false); 2]].concat())],
            vec![Traffic { came: Some(Came::Them), choices: 0, ..elsewhere(Vec::new()) }],
        ];
        let told = told.map(|rows| seen(&answer(rows), Layout::Plain));
        insta::assert_snapshot!("synced_elsewhere", told.join("\n").replace('\t', "⇥"));
    }

    #[test]
    fn whoever_is_not_let_in_is_not_up_to_date() {
        let held = |waiting| Some(Held { other: Some("Ben".to_owned()), waiting });
        let row = |waiting| Traffic { held: held(waiting), ..traffic("Ben & Anna", 1, None) };
        let told = [0, 1, 2].map(|waiting| seen(&answer(vec![row(waiting)]), Layout::Plain));
        insta::assert_snapshot!("synced_not_let_in", told.concat());
    }

    #[test]
    fn who_was_let_in_is_told_with_the_next_step() {
        let row = |came, other: Option<&str>| Traffic {
            came: Some(came),
            other: other.map(str::to_owned),
            ..traffic("Ben & Anna", 1, None)
        };
        let told = [row(Came::Them, Some("Anna")), row(Came::Them, None), row(Came::You, Some("Ben"))];
        insta::assert_snapshot!("synced_let_in", told.map(|row| seen(&answer(vec![row]), Layout::Plain)).concat());
    }

    #[test]
    fn what_a_relay_lost_or_changed_is_told_and_is_no_success() {
        let found = |lost, wrong| Found {
            id: "0101".to_owned(),
            title: "Ben & Anna".to_owned(),
            personal: false,
            relay: "http://127.0.0.1:8787".to_owned(),
            whole: lost + wrong == 0,
            same: 12,
            more: 0,
            unsent: 1,
            lost,
            wrong,
            refused: None,
        };
        let whole = Answer::Verified(vec![found(0, 0)]);
        insta::assert_snapshot!("verified", seen(&whole, Layout::Terminal));
        assert_eq!(whole.exit(), Exit::Ok);
        let broken = Answer::Verified(vec![found(3, 1)]);
        insta::assert_snapshot!("verified_broken", seen(&broken, Layout::Terminal));
        assert_eq!(broken.exit(), Exit::Failed);
    }

    #[test]
    fn a_refusal_is_told_and_is_no_success() {
        let synced = answer(vec![traffic("Ben & Anna", 0, Some("it has no room for more right now"))]);
        insta::assert_snapshot!("synced_refused", seen(&synced, Layout::Terminal));
        assert_eq!(synced.exit(), Exit::Failed);
    }
}

//! What came and went.

use super::{
    Cell, FAINT, LOOK, Page, STRONG, cell, count,
    status::{self, PRIVATE},
    styled,
};
use crate::command::{
    sync::{Synced, Traffic},
    verify::Found,
};

/// A row a space in which anything moved, and what to do next.
pub fn synced(synced: &Synced, page: &mut Page) {
    let moved = |row: &&Traffic| row.received + row.sent > 0 || row.refused.is_some();
    page.table(synced.rows.iter().filter(moved).map(row).collect());
    for Traffic { title, personal, refused, .. } in &synced.rows {
        if let Some(why) = refused {
            let title = if *personal { PRIVATE } else { title };
            page.talk(&format!("The relay did not take all of “{title}”: {why}. It is safe here."));
        }
    }
    let waiting: Vec<_> = synced.rows.iter().filter_map(|row| row.held.as_ref()).collect();
    waiting.iter().filter(|_| synced.over).for_each(|it| page.talk(&status::held(it)));
    if synced.over && waiting.is_empty() && synced.rows.iter().all(|row| row.refused.is_none()) {
        page.talk("Up to date.");
    }
    let choices = synced.rows.iter().map(|row| row.choices as u64).sum();
    if choices > 0 {
        let fields = count(choices, "field has", "fields have");
        page.talk(&format!("{fields} more than one value: `alliance conflict list` shows them."));
    }
}

/// A row a space, and what to do about what is not right.
pub fn verified(rows: &[Found], page: &mut Page) {
    page.table(rows.iter().map(held).collect());
    for row in rows {
        let title = if row.personal { PRIVATE } else { &row.title };
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
    let title = if row.personal { PRIVATE } else { &row.title };
    let some = |number: u64, what: &str| if number == 0 { String::new() } else { format!("{number} {what}") };
    vec![
        styled(title, STRONG),
        cell(format!("{} there and here", row.same)),
        cell(some(row.more, "there and not here yet")),
        cell(some(row.unsent, "not sent yet")),
        styled(some(row.lost, "lost there"), LOOK),
        styled(some(row.wrong, "wrong there"), LOOK),
    ]
}

fn row(row: &Traffic) -> Vec<Cell> {
    let title = if row.personal { PRIVATE } else { &row.title };
    let changed = if row.changed == 0 { String::new() } else { format!("{} new or changed", row.changed) };
    vec![
        styled(title, STRONG),
        cell(format!("{} came", row.received)),
        cell(format!("{} went", row.sent)),
        styled(changed, FAINT),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Layout, tests::seen};
    use super::*;
    use crate::{
        command::{Answer, status::Held},
        error::Exit,
    };

    fn traffic(title: &str, received: u64, refused: Option<&'static str>) -> Traffic {
        Traffic {
            id: "0101".to_owned(),
            title: title.to_owned(),
            personal: title.is_empty(),
            relay: "http://127.0.0.1:8787".to_owned(),
            received,
            sent: 0,
            changed: received,
            choices: usize::from(received > 1),
            refused,
            held: None,
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
    fn whoever_is_not_let_in_is_not_up_to_date() {
        let held = |waiting| Some(Held { other: Some("Ben".to_owned()), waiting });
        let row = |waiting| Traffic { held: held(waiting), ..traffic("Ben & Anna", 1, None) };
        let told = [0, 1, 2].map(|waiting| seen(&answer(vec![row(waiting)]), Layout::Plain));
        insta::assert_snapshot!("synced_not_let_in", told.concat());
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

//! What came and went.

use super::{Cell, FAINT, Page, STRONG, cell, count, status::PRIVATE, styled};
use crate::command::sync::{Synced, Traffic};

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
    if synced.over && synced.rows.iter().all(|row| row.refused.is_none()) {
        page.talk("Up to date.");
    }
    let choices = synced.rows.iter().map(|row| row.choices as u64).sum();
    if choices > 0 {
        let fields = count(choices, "field has", "fields have");
        page.talk(&format!("{fields} more than one value: `alliance conflict list` shows them."));
    }
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
    use crate::{command::Answer, error::Exit};

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
    fn a_refusal_is_told_and_is_no_success() {
        let synced = answer(vec![traffic("Ben & Anna", 0, Some("it has no room for more right now"))]);
        insta::assert_snapshot!("synced_refused", seen(&synced, Layout::Terminal));
        assert_eq!(synced.exit(), Exit::Failed);
    }
}

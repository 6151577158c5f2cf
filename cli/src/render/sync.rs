//! What came and went.

use super::{FAINT, LOOK, Page, STRONG, cell, count, status::PRIVATE, styled};
use crate::command::sync::{Synced, Traffic};

/// A row a space, and what to do next.
pub fn synced(synced: &Synced, page: &mut Page) {
    page.table(synced.rows.iter().map(row).collect());
    for refused in synced.rows.iter().filter_map(|row| Some((row.title.as_str(), row.refused?))) {
        page.talk(&format!("The relay did not take part of “{}”: {}. It is safe here.", refused.0, refused.1));
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

fn row(row: &Traffic) -> Vec<super::Cell> {
    let title = if row.personal { PRIVATE } else { &row.title };
    let refused = if row.refused.is_some() { "refused" } else { "" };
    vec![
        styled(title, STRONG),
        cell(format!("{} came", row.received)),
        cell(format!("{} went", row.sent)),
        styled(count(row.changed, "thing is new or changed", "things are new or changed"), FAINT),
        styled(refused, LOOK),
    ]
}

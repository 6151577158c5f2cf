//! Commitments: whose each is, how it stands, and by when.

use alliance_core::domain::commitment;
use jiff::civil::Date;

use super::{Cell, FAINT, ID, LOOK, Page, cell, count, name, styled};
use crate::{
    command::{item::Row, today::Asked},
    when,
};

/// Rows of commitments, one's own first and each person's by their dates.
pub fn rows(rows: &[Row], today: Option<Date>, other: Option<&str>, page: &mut Page) {
    let mut rows: Vec<_> = rows.iter().collect();
    let due = |row: &Row| row.fields.get(commitment::DUE).cloned();
    rows.sort_by_key(|row| (row.owner != "you", due(row).is_none(), due(row)));
    let is_offered = rows.iter().any(|row| row.owner == "you" && row.status.as_deref() == Some(commitment::OFFERED));
    page.table_cutting(1, rows.into_iter().map(|it| row(it, today, other)).collect());
    if is_offered {
        page.talk(
            "`alliance commitment accept <id> --due <when>` accepts what is offered to you, `let-go <id>` leaves it.",
        );
    }
}

fn row(row: &Row, today: Option<Date>, other: Option<&str>) -> Vec<Cell> {
    let mut marks = Vec::new();
    if row.private {
        marks.push("private".to_owned());
    }
    if row.choices > 0 {
        marks.push(count(row.choices as u64, "choice", "choices"));
    }
    let status = row.status.as_deref().unwrap_or_default();
    let due = row.fields.get(commitment::DUE).map(String::as_str).unwrap_or_default();
    let is_open = commitment::KIND.open.contains(&status);
    if is_open && today.is_some_and(|today| when::is_past(due, today)) {
        marks.push("past its date".to_owned());
    }
    let said = match (status, row.owner) {
        (commitment::OFFERED, "you") => "offered to you".to_owned(),
        (commitment::OFFERED, _) => format!("offered to {}", name(other.unwrap_or_default())),
        (status, "you") => status.to_owned(),
        (status, _) => format!("{}: {status}", name(other.unwrap_or_default())),
    };
    let due = if is_open { when::said(commitment::DUE, due) } else { String::new() };
    vec![styled(&row.short, ID), cell(&row.title), styled(said, FAINT), cell(due), styled(marks.join(", "), LOOK)]
}

/// What the other person asked.
pub fn asked(asked: &Asked, page: &mut Page) {
    let Asked { item, asked: said } = asked;
    let who = said.by.as_deref().map_or("the other person", name);
    let words = if said.words.is_empty() { "how does it go?" } else { &said.words };
    page.line([styled(&item.short, ID), cell(&item.title), styled(format!("{who} asks: {words}"), LOOK)]);
}

//! Lists of items, a row each.

use alliance_core::domain::{self, feedback};

use super::{Cell, FAINT, ID, LOOK, Page, STRONG, cell, commitment, count, spoken, styled};
use crate::{
    command::{
        archive::ARCHIVED,
        item::{List, Row},
    },
    when,
};

/// Items of one kind.
pub fn list(list: &List, page: &mut Page) {
    let List { rows: items, over, kind, today, other } = list;
    if *kind == "feedback" {
        if items.is_empty() {
            page.talk(&format!("No feedback yet. {}", spoken::begin(kind)));
        }
        feedbacks(items, page);
        return;
    }
    if *kind == ARCHIVED {
        if items.is_empty() {
            page.talk("Nothing is archived. `alliance archive <id>` puts something where lists leave it out.");
        }
        page.table_cutting(2, items.iter().map(with_kind).collect());
        return;
    }
    if *kind == domain::commitment::KIND.name && !items.is_empty() {
        return commitment::rows(items, *today, other.as_deref(), page);
    }
    if items.is_empty() {
        page.talk(&match over.len() as u64 {
            0 => format!("No {} yet. {}", spoken::several(kind), spoken::begin(kind)),
            number => {
                let is = if number == 1 { "is" } else { "are" };
                let every = |status: &str| over.iter().all(|it| it == status);
                let how = over.iter().map(String::as_str).find(|status| every(status));
                let number = count(number, kind, &spoken::several(kind));
                let how = how.unwrap_or(spoken::over(kind));
                format!("{number} {is} {how}: `alliance {} list --all`", spoken::command(kind))
            }
        });
    }
    let theirs = other.as_deref().map_or("the other person", super::name);
    let rows = items.iter().map(|it| {
        let mut cells = row(it);
        let status = it.status.as_deref().unwrap_or_default();
        match it.owner {
            "them" if status.is_empty() => cells[STATUS] = styled(theirs, FAINT),
            "them" => cells[STATUS] = styled(format!("{theirs}: {status}"), FAINT),
            "you" if status.is_empty() && !it.private => cells[STATUS] = styled("you", FAINT),
            _ => {}
        }
        cells
    });
    page.table_cutting(1, rows.collect());
}

/// The cell of a row that says how an item stands.
const STATUS: usize = 2;

/// Rows of items: id, title, status and what else should be seen at once.
pub fn rows(rows: &[Row], page: &mut Page) {
    page.table_cutting(1, rows.iter().map(row).collect());
}

/// A row among those of other kinds.
fn with_kind(of: &Row) -> Vec<Cell> {
    let mut cells = row(of);
    cells.insert(1, styled(&of.kind, FAINT));
    cells
}

fn row(row: &Row) -> Vec<Cell> {
    let mut marks = Vec::new();
    if row.private {
        marks.push("private".to_owned());
    }
    match row.archived {
        Some(true) => marks.push("archived".to_owned()),
        Some(false) => marks.push("back from the archive".to_owned()),
        None => {}
    }
    if row.choices > 0 {
        marks.push(count(row.choices as u64, "choice", "choices"));
    }
    let mut status = row.status.clone().unwrap_or_default();
    if let Some(when) = row.fields.get("when").filter(|_| row.kind == domain::session::KIND.name) {
        status = format!("{status}, {}", when::said("when", when));
    }
    vec![styled(&row.short, ID), cell(&row.title), styled(status, FAINT), styled(marks.join(", "), LOOK)]
}

/// Rows of feedback: id, from whom, what it says, about what, and whether it was answered.
pub fn feedbacks(rows: &[Row], page: &mut Page) {
    let answered: Vec<_> = rows.iter().filter_map(|row| row.fields.get(feedback::ASKED_FOR)).collect();
    let row = |row: &Row| {
        let field = |name: &str| row.fields.get(name).map_or("", String::as_str);
        let from = if row.owner == "you" { "from you" } else { "to you" };
        let marks = [("thanked", "thanked"), ("response", "answered")];
        let mut marks: Vec<_> =
            marks.iter().filter(|(name, _)| !field(name).is_empty()).map(|(_, mark)| *mark).collect();
        marks.extend(answered.contains(&&row.id).then_some("answered"));
        vec![
            styled(&row.short, ID),
            cell(from),
            styled(field("sort"), STRONG),
            cell(&row.title),
            styled(marks.join(", "), FAINT),
        ]
    };
    page.table(rows.iter().map(row).collect());
}

#[cfg(test)]
mod tests {
    use alliance_core::app::{Owner, Summary};

    use super::{
        super::{Layout, item::tests::summary, tests::seen},
        STATUS,
    };
    use crate::command::{Answer, item};

    #[test]
    fn a_list_says_whose_each_is() {
        let of = |n, owner, status: Option<&str>| {
            let status = status.map(str::to_owned);
            Summary { owner, status, kind: "comment".to_owned(), choices: 0, ..summary(n, "Words", false) }.into()
        };
        let rows = vec![
            of(1, Owner::Theirs, Some("open")),
            of(2, Owner::Theirs, None),
            of(3, Owner::Mine, None),
            of(4, Owner::Mine, Some("open")),
            of(5, Owner::Both, None),
        ];
        let other = Some("Anna".to_owned());
        let list = Answer::Items(item::List { rows, over: Vec::new(), kind: "comment", today: None, other });
        let seen = seen(&list, Layout::Plain);
        let status: Vec<_> = seen.lines().map(|line| line.split('\t').nth(STATUS)).collect();
        assert_eq!(status, ["Anna: open", "Anna", "you", "open", ""].map(Some));
    }
}

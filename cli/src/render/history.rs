//! What was written by whom, under the day on which it was.

use anstyle::{AnsiColor, Style};

use super::{Cell, FAINT, ID, LOOK, Page, STRONG, cell, name, styled};
use crate::{
    command::history::{Change, Field, Line, Lines, Span},
    when,
};

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default().strikethrough();
/// Words that are kept of what both versions have, on each side of what differs.
const CONTEXT: usize = 6;

/// The history, newest first.
pub fn history(history: &Lines, page: &mut Page) {
    let Lines { lines, more, of } = history;
    if lines.is_empty() {
        page.talk("Nothing was written yet.");
    }
    let mut day = None;
    for line in lines {
        if page.is_terminal() && day != Some(line.day) {
            if day.is_some() {
                page.gap();
            }
            page.line([styled(when::shown(line.day), STRONG)]);
            day = Some(line.day);
        }
        if page.is_terminal() {
            let private = if line.private { "private" } else { "" };
            let cells =
                [styled(&line.item.short, ID), cell(&line.item.title), styled(by(line), FAINT), styled(private, LOOK)];
            page.table_cutting(1, vec![cells.into()]);
        }
        for Field { field, became } in &line.fields {
            let what = said(became);
            if page.is_terminal() {
                page.line([styled(format!("    {field}"), FAINT), what]);
            } else {
                let day = line.day.to_string();
                page.line([
                    cell(day),
                    cell(by(line)),
                    styled(&line.item.short, ID),
                    cell(&line.item.title),
                    cell(field),
                    what,
                ]);
            }
        }
    }
    if *more {
        let of = of.as_ref().and_then(|_| Some(format!(" {}", lines.first()?.item.short))).unwrap_or_default();
        page.talk(&format!("There is more: `alliance history{of} -n {}`", 2 * lines.len()));
    }
}

fn by(line: &Line) -> String {
    let names: Vec<_> = line.by.iter().map(|who| who.as_deref().map_or("somebody", name)).collect();
    format!("{}{}", names.join(" and "), if line.begins { ", new" } else { "" })
}

/// What came and what went, marked for those who see no colours, too.
fn said(became: &Change) -> Cell {
    let mut pieces: Vec<(String, Style)> = Vec::new();
    let mut piece = |text: &str, style: Style, marks: [&str; 2]| {
        pieces.push((format!("{}{text}{}", marks[0], marks[1]), style));
    };
    let (gone, new) = (["[-", "-]"], ["{+", "+}"]);
    match became {
        Change::Value { before, after } => {
            for value in before {
                piece(value, REMOVED, gone);
                piece(" ", Style::new(), ["", ""]);
            }
            piece(&after.join(" · "), ADDED, new);
        }
        Change::Elements { added, removed } => {
            let all = removed.iter().map(|it| (it, REMOVED, gone)).chain(added.iter().map(|it| (it, ADDED, new)));
            for (at, (element, style, marks)) in all.enumerate() {
                piece(if at == 0 { "" } else { " · " }, Style::new(), ["", ""]);
                piece(element, style, marks);
            }
        }
        Change::Text(spans) => {
            for (at, span) in spans.iter().enumerate() {
                match span {
                    Span::Same(text) => piece(&near(text, at > 0, at + 1 < spans.len()), Style::new(), ["", ""]),
                    Span::Removed(text) => piece(text, REMOVED, gone),
                    Span::Added(text) => piece(text, ADDED, new),
                }
            }
        }
    }
    Cell::pieces("", &pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect::<Vec<_>>())
}

/// Of words that stay, those next to what differs.
fn near(text: &str, follows: bool, goes_on: bool) -> String {
    let ends: Vec<usize> = text.match_indices(char::is_whitespace).map(|(at, _)| at).collect();
    if ends.len() <= 2 * CONTEXT {
        return text.to_owned();
    }
    let first = if follows { &text[..ends[CONTEXT]] } else { "" };
    let last = if goes_on { &text[ends[ends.len() - CONTEXT]..] } else { "" };
    format!("{first} …{last}")
}

#[cfg(test)]
mod tests {
    use super::super::{
        Layout,
        tests::{named, seen},
    };
    use super::*;
    use crate::command::Answer;

    fn answer() -> Answer {
        let line = |day: i8, by: &str, fields| Line {
            item: named("First session"),
            private: day == 5,
            day: jiff::civil::Date::new(2026, 1, day).expect("a day"),
            by: vec![Some(by.to_owned())],
            begins: day == 5,
            fields,
        };
        let field = |field: &str, became| Field { field: field.to_owned(), became };
        let words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen ";
        let text = vec![
            Span::Same(words.to_owned()),
            Span::Removed("nine".to_owned()),
            Span::Added("ten".to_owned()),
            Span::Same(format!(" {words}")),
        ];
        let elements = Change::Elements { added: vec!["work".to_owned()], removed: vec!["home".to_owned()] };
        let value = |before: &[&str], after: &str| Change::Value {
            before: before.iter().map(|&it| it.to_owned()).collect(),
            after: vec![after.to_owned()],
        };
        let lines = vec![
            line(6, "Anna", vec![field("body", Change::Text(text)), field("tags", elements)]),
            line(6, "you", vec![field("title", value(&["First"], "First session"))]),
            line(5, "you", vec![field("title", value(&[], "First"))]),
        ];
        Answer::History(Lines { lines, more: true, of: None })
    }

    #[test]
    fn history_is_shown_by_day_with_what_came_and_what_went() {
        insta::assert_snapshot!("history_terminal", seen(&answer(), Layout::Terminal));
        insta::assert_snapshot!("history_plain", seen(&answer(), Layout::Plain).replace('\t', "⇥"));
        insta::assert_snapshot!("history_json", serde_json::to_string_pretty(&answer()).expect("serialises"));
    }
}

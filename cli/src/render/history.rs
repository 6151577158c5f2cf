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
    let Lines { lines, more, all, of } = history;
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
            let what = said(field, became);
            if page.is_terminal() {
                page.line([styled(format!("    {}", super::field(field)), FAINT), what]);
            } else {
                let day = line.day.to_string();
                page.line([
                    cell(day),
                    cell(by(line)),
                    styled(&line.item.short, ID),
                    cell(&line.item.title),
                    cell(super::field(field)),
                    what,
                ]);
            }
        }
    }
    let of = of.as_ref().and_then(|_| Some(format!(" {}", lines.first()?.item.short))).unwrap_or_default();
    if !all && !of.is_empty() && lines.iter().any(|line| line.steps) {
        page.talk(&format!("What was written over on the same day: `alliance history{of} --all`"));
    }
    if *more {
        let all = if *all { " --all" } else { "" };
        page.talk(&format!("There is more: `alliance history{of}{all} -n {}`", 2 * lines.len()));
    }
}

fn by(line: &Line) -> String {
    let names: Vec<_> = line.by.iter().map(|who| who.as_deref().map_or("somebody", name)).collect();
    format!("{}{}", names.join(" and "), if line.begins { ", new" } else { "" })
}

/// What came and what went, in words, too, for those who see no colours.
fn said(field: &str, became: &Change) -> Cell {
    let mut pieces: Vec<(String, Style)> = Vec::new();
    let mut piece = |text: String, style: Style| pieces.push((text, style));
    match became {
        Change::Value { before, after } => {
            let all =
                |values: &[String]| values.iter().map(|value| when::said(field, value)).collect::<Vec<_>>().join(" · ");
            if !before.is_empty() {
                piece(all(before), REMOVED);
                piece(" → ".to_owned(), Style::new());
            }
            piece(if after.is_empty() { "nothing".to_owned() } else { all(after) }, ADDED);
        }
        Change::Elements { added, removed } => {
            let gone = removed.iter().map(|it| (format!("removed: {it}"), REMOVED));
            let new = added.iter().map(|it| (format!("new: {it}"), ADDED));
            for (at, (text, style)) in gone.chain(new).enumerate() {
                piece(if at == 0 { "" } else { " · " }.to_owned(), Style::new());
                piece(text, style);
            }
        }
        Change::Text(spans) => return self::spans(spans),
    }
    Cell::pieces("", &pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect::<Vec<_>>())
}

/// What became of a text, in pieces.
pub(super) fn spans(spans: &[Span]) -> Cell {
    let mut pieces: Vec<(String, Style)> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        if matches!((at.checked_sub(1).map(|at| &spans[at]), span), (Some(Span::Removed(_)), Span::Added(_))) {
            pieces.push((" ".to_owned(), Style::new()));
        }
        pieces.push(match span {
            Span::Same(text) => (near(text, at > 0, at + 1 < spans.len()), Style::new()),
            Span::Removed(text) => (marked("removed", text), REMOVED),
            // A text that begins is no change of another one.
            Span::Added(text) if spans.len() == 1 => (text.clone(), ADDED),
            Span::Added(text) => (marked("new", text), ADDED),
        });
    }
    Cell::pieces("", &pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect::<Vec<_>>())
}

/// Words in brackets that say what became of them; the space around them stays outside.
fn marked(what: &str, text: &str) -> String {
    let (inner, start) = (text.trim(), text.len() - text.trim_start().len());
    if inner.is_empty() {
        return text.to_owned();
    }
    format!("{}[{what}: {inner}]{}", &text[..start], &text[start + inner.len()..])
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
            steps: false,
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
        Answer::History(Lines { lines, more: true, all: false, of: None })
    }

    #[test]
    fn history_is_shown_by_day_with_what_came_and_what_went() {
        insta::assert_snapshot!("history_terminal", seen(&answer(), Layout::Terminal));
        insta::assert_snapshot!("history_plain", seen(&answer(), Layout::Plain).replace('\t', "⇥"));
        insta::assert_snapshot!("history_json", serde_json::to_string_pretty(&answer()).expect("serialises"));
    }
}

//! A brief before a session, and every alliance at a glance.

use super::{FAINT, ID, LOOK, Page, STRONG, alliance, cell, commitment, count, list, styled};
use crate::{
    command::{all::Glance, alliance::State, item::Row, prep::Brief},
    when,
};

/// A brief before a session.
pub fn brief(brief: &Brief, page: &mut Page) {
    let Brief { session, last, commitments, goals, questions, insights, notes, today, other, over } = brief;
    match session {
        Some(session) => one("Before the session", session, &["aim", "agenda"], page),
        None if *over => page.talk("This alliance is over: no session is to come. Your copy stays."),
        None => page.talk("No session is planned: `alliance session plan <when>` plans one."),
    }
    if let Some(last) = last {
        one("Last time", last, &["take-aways"], page);
    }
    if !commitments.is_empty() {
        heading("Commitments", page);
        commitment::rows(commitments, *today, other.as_deref(), page);
    }
    for (name, rows) in
        [("Goals", goals), ("Questions", questions), ("Insights that are back", insights), ("For you alone", notes)]
    {
        if !rows.is_empty() {
            heading(name, page);
            list::rows(rows, page);
        }
    }
}

fn heading(name: &str, page: &mut Page) {
    page.gap();
    page.line([styled(name, STRONG)]);
}

/// A session, with some of what it says.
fn one(name: &str, row: &Row, fields: &[&str], page: &mut Page) {
    heading(name, page);
    let begins = row.fields.get("when").map(|it| when::said("when", it)).unwrap_or_default();
    page.line([styled(&row.short, ID), cell(&row.title), styled(begins, FAINT)]);
    for field in fields {
        if let Some(text) = row.fields.get(*field) {
            page.line([styled(super::field(field), FAINT)]);
            page.text(text);
        }
        for said in row.said.get(*field).into_iter().flatten() {
            let by = said.by.as_deref().map(super::name).unwrap_or_default();
            page.line([cell("  ·"), styled(by, FAINT), cell(&said.words)]);
        }
    }
}

/// Every alliance.
pub fn glances(all: &[Glance], page: &mut Page) {
    if all.is_empty() {
        page.talk("No alliance yet. `alliance new <title>` starts one.");
    }
    let row = |it: &Glance| {
        let session = |name: &str, kept: &Option<String>| match kept {
            Some(kept) => format!("{name} {}", when::said("when", kept)),
            None => String::new(),
        };
        let offers = match it.offers as u64 {
            0 => String::new(),
            number => format!("{} for you", count(number, "offer", "offers")),
        };
        let commitments = match it.commitments as u64 {
            0 => String::new(),
            number => format!("{} of yours", count(number, "commitment", "commitments")),
        };
        // With whom one is says the title.
        let state = match it.state {
            State::Together => String::new(),
            state => alliance::state(state, it.other.as_deref(), it.host.as_deref()),
        };
        vec![
            styled(alliance::title(&it.title), STRONG),
            cell(session("next", &it.next_session)),
            styled(session("last", &it.last_session), FAINT),
            styled(offers, LOOK),
            cell(commitments),
            styled(state, FAINT),
        ]
    };
    page.table(all.iter().map(row).collect());
}

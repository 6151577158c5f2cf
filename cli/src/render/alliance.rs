//! Alliances and the relays through which they are exchanged.

use super::{FAINT, ID, Page, STRONG, cell, item, styled};
use crate::{
    command::{
        about::Shown,
        alliance::{Chosen, Row, State},
        relay::Known,
    },
    when,
};

/// An alliance that began or was chosen, or all of them.
pub fn chosen(chosen: &Chosen, page: &mut Page) {
    match chosen {
        Chosen::Began(row) => {
            page.line([styled(&row.title, STRONG)]);
            page.talk("A new alliance; commands mean it from now on. `alliance invite` makes the word that lets the other person in.");
        }
        Chosen::Now(row) => {
            page.line([styled(&row.title, STRONG)]);
            page.talk("Commands mean this alliance from now on.");
        }
        Chosen::All(rows) => {
            page.table(
                rows.iter()
                    .map(|row| {
                        let mark = if row.current { "*" } else { "" };
                        let id = row.id.get(..8).unwrap_or(&row.id);
                        let state = state(row.state, row.other.as_deref());
                        vec![cell(mark), styled(&row.title, STRONG), cell(state), styled(id, FAINT)]
                    })
                    .collect(),
            );
            if rows.is_empty() {
                page.talk("No alliance yet. `alliance new <title>` starts one.");
            }
        }
    }
}

/// The alliance itself.
pub fn about(about: &Shown, page: &mut Page) {
    page.line([styled(&about.title, STRONG)]);
    if let Some(review) = &about.review {
        let day = when::said("review", review);
        page.line([styled("look back", FAINT), cell(day)]);
    }
    if let Some(purpose) = &about.purpose {
        page.gap();
        page.text(purpose);
    } else {
        page.talk("`alliance about --purpose <text>` says what it is for, `--review <day>` when you look back at it.");
    }
    if !about.conflicts.is_empty() {
        page.gap();
        item::choices(&about.conflicts, None, page);
    }
}

/// How far an alliance has come, in words.
pub fn state(state: State, other: Option<&str>) -> String {
    let name = other.unwrap_or("the other person");
    match state {
        State::Alone => "waiting for the other person".to_owned(),
        State::AwaitsConfirmation => format!("waiting for {name}'s next sync to let you in"),
        State::Together => format!("with {name}"),
        State::TheyLeft => format!("{name} left; your copy continues"),
        State::Ended => "ended; your copy stays".to_owned(),
    }
}

/// The relays in use.
pub fn relays(relays: &[Known], page: &mut Page) {
    if relays.is_empty() {
        page.talk("No relay is set: everything stays on this computer. `alliance relay set <url>` names one.");
    }
    page.table(
        relays
            .iter()
            .map(|relay| {
                let key = relay.key.as_deref().map_or("not met yet", |key| key.get(..16).unwrap_or(key));
                let left = relay.left.len() == relay.spaces.len();
                let more = if left { "left; visited until all have moved" } else { "" };
                let token = if relay.token { "token kept" } else { "" };
                vec![styled(&relay.id, ID), styled(key, FAINT), cell(token), styled(more, FAINT)]
            })
            .collect(),
    );
}

/// The line under which an alliance's things stand.
pub fn heading(row: &Row, page: &mut Page) {
    page.line([styled(&row.title, STRONG), styled(state(row.state, row.other.as_deref()), FAINT)]);
}

//! Today: the same page for both.

use alliance_core::app::Today as Shown;

use super::{ID, LOOK, Page, STRONG, alliance, cell, commitment, count, device, list, recovery, status, styled};
use crate::{
    command::{
        alliance::{Row, State},
        item::Row as ItemRow,
        today::Today,
    },
    when,
};

/// What is going on.
pub fn today(today: &Today, page: &mut Page) {
    let Today {
        id,
        title,
        other,
        state,
        goals,
        other_goals,
        commitments,
        asked,
        sessions,
        thoughts,
        feedback,
        notes,
        more_notes,
        letter,
        agreement,
        conflicts,
        unrecoverable,
        out,
        held,
        day,
    } = today;
    let host = held.as_ref().and_then(|held| held.other.clone());
    let row = Row { id: id.clone(), title: title.clone(), other: other.clone(), state: *state, current: true, host };
    alliance::heading(&row, page);
    if let Some(letter) = letter {
        page.gap();
        page.line([styled(&letter.short, ID), cell(&letter.title)]);
        page.talk(&format!("`alliance reflect show {}` reads it; `alliance close` is for yours.", letter.short));
    }
    if !asked.is_empty() {
        page.gap();
        page.line([styled("Asked of you", STRONG)]);
        asked.iter().for_each(|it| commitment::asked(it, page));
        page.talk(
            "`alliance commitment check-in <id> well|so-so|stuck` answers, `commitment mute <id>` asks for quiet.",
        );
    }
    // What was planned in an alliance that is over takes place no more.
    let goes_on = !matches!(state, State::Ended | State::TheyLeft);
    if let Some(next) = sessions.first().filter(|_| goes_on) {
        page.gap();
        let begins = next.fields.get("when").map(|it| when::said("when", it)).unwrap_or_default();
        page.line([styled("Next session", STRONG)]);
        page.line([styled(&next.short, ID), cell(&next.title), styled(begins, LOOK)]);
        page.talk("`alliance prep` is a brief for it.");
    }
    if !commitments.is_empty() {
        page.gap();
        page.line([styled("Commitments", STRONG)]);
        commitment::rows(commitments, *day, other.as_deref(), page);
    }
    section("Goals", goals, page);
    let theirs = other.as_deref().map_or_else(|| "Other goals".to_owned(), |other| format!("Goals of {other}"));
    section(&theirs, other_goals, page);
    if !feedback.is_empty() {
        page.gap();
        page.line([styled("Feedback for you", STRONG)]);
        list::feedbacks(feedback, page);
    }
    if *agreement {
        page.gap();
        page.talk("The agreement waits for you: `alliance agreement` shows it, `alliance agreement acknowledge` agrees to it.");
    }
    section("To think about", thoughts, page);
    section("Notes", notes, page);
    if *more_notes > 0 {
        let more = if *more_notes == Shown::MANY { "or more besides" } else { "more" };
        page.talk(&format!("{more_notes} {more}: `alliance note list`"));
    }
    if !conflicts.is_empty() {
        page.gap();
        let fields = count(conflicts.len() as u64, "field has", "fields have");
        page.line([styled(format!("{fields} more than one value"), LOOK)]);
        page.talk("`alliance conflict list` shows them.");
    }
    let is_empty =
        [goals, other_goals, commitments, sessions, thoughts, feedback, notes].into_iter().all(Vec::is_empty);
    if is_empty && !agreement && *state != State::Ended {
        page.talk(
            "Nothing here yet. `alliance goal add <title>` and `alliance note add <title> -m <text>` are a beginning.",
        );
    }
    if let Some(held) = held {
        page.talk(&status::held(held));
    }
    if let Some(out) = out {
        page.talk(&format!(
            "{} What is written here goes nowhere now: `alliance status` says what helps.",
            device::happened(out)
        ));
    } else if *state == State::Alone {
        page.talk("`alliance invite` makes the word that lets the other person in.");
    }
    if *unrecoverable {
        page.talk(recovery::REMINDER);
    }
}

fn section(name: &str, rows: &[ItemRow], page: &mut Page) {
    if !rows.is_empty() {
        page.gap();
        page.line([styled(name, STRONG)]);
        list::rows(rows, page);
    }
}

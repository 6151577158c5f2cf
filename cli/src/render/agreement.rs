//! The agreement: its text, who acknowledged it, what differs, and what was in force when.

use super::{FAINT, LOOK, Page, STRONG, cell, history, listed, styled};
use crate::{
    command::agreement::{Differs, Force, Shown},
    when,
};

/// The text, and how it stands.
pub fn shown(shown: &Shown, page: &mut Page) {
    let Shown { sections, acknowledged, in_force_since, in_force, title, .. } = shown;
    if sections.is_empty() {
        page.talk("Nothing is written yet. `alliance agreement edit --template` begins it in plain words for you both to change.");
        return;
    }
    page.line([styled(title, STRONG)]);
    for section in sections {
        page.gap();
        page.line([styled(section.heading, STRONG), styled(section.id, FAINT)]);
        page.text(&section.text);
    }
    page.gap();
    let by = if acknowledged.is_empty() { "nobody yet".to_owned() } else { listed(acknowledged) };
    page.line([styled("acknowledged by", FAINT), cell(by)]);
    let since = in_force_since.as_deref().map(day);
    match (in_force, since) {
        (true, Some(since)) => page.line([styled("in force since", FAINT), cell(since)]),
        (false, Some(since)) => {
            page.line([styled(format!("This draft differs from what you agreed on {since}."), LOOK)]);
            page.talk("`alliance agreement diff` shows what differs; `agreement acknowledge` agrees to this text.");
        }
        _ => page.talk("It is in force once both of you have said `alliance agreement acknowledge` to the same text."),
    }
}

/// What differs from what is in force.
pub fn differs(sections: &[Differs], page: &mut Page) {
    if sections.is_empty() {
        page.talk("The text is what you both agreed on.");
    }
    for section in sections {
        page.line([styled(section.heading, STRONG), styled(section.id, FAINT)]);
        page.line([history::spans(&section.text)]);
        page.gap();
    }
}

/// What was in force.
pub fn forces(all: &[Force], page: &mut Page) {
    if all.is_empty() {
        page.talk("Nothing was in force yet: `alliance agreement show` shows the draft.");
    }
    for force in all {
        let now = if force.now { "in force" } else { "before" };
        page.line([cell(day(&force.since)), styled(now, FAINT)]);
        page.text(&force.text);
        page.gap();
    }
}

fn day(kept: &str) -> String {
    kept.parse().map_or_else(|_| kept.to_owned(), when::shown)
}

//! The weekly review, reminders, and an export.

use super::{FAINT, ID, Page, STRONG, cell, count, styled};
use crate::command::{
    export::Exported,
    guide::Question,
    import::Brought,
    remind::{Reminder, Settings},
    review::Reviewed,
};

/// How the review stands.
pub fn reviewed(reviewed: &Reviewed, page: &mut Page) {
    let Reviewed { questions, did } = reviewed;
    did.iter().for_each(|it| page.line([cell(it)]));
    let left: Vec<_> = questions.iter().filter(|it| !it.done).collect();
    if left.is_empty() {
        page.talk(
            "That was the week. `alliance review --again` begins anew; private answers are in `alliance reflect`.",
        );
        return;
    }
    if did.is_empty() {
        asked(&left, page);
    }
    page.talk("Not all is answered: `alliance review` goes on here, `--answers FILE` takes answers from a file.");
}

/// Questions that are open, with what their answers begin with.
pub(super) fn asked(questions: &[&Question], page: &mut Page) {
    let row =
        |it: &&Question| vec![styled(&it.id, ID), styled(&it.question, STRONG), styled(it.answers.join(", "), FAINT)];
    page.table(questions.iter().map(row).collect());
}

/// What was exported.
pub fn exported(exported: &Exported, page: &mut Page) {
    let Exported { folder, items, files } = exported;
    let said = format!("{} in {}", count(*items as u64, "item", "items"), count(*files as u64, "file", "files"));
    page.line([cell(folder), styled(said, FAINT)]);
    page.talk("Whoever can read this folder can read everything, what is private as well. Keep it where only you do.");
}

/// What was imported.
pub fn imported(all: &[Brought], page: &mut Page) {
    let row = |it: &Brought| {
        let items = Some(count(it.items as u64, "item", "items"));
        let quoted = (it.quoted > 0).then(|| count(it.quoted as u64, "quotation", "quotations"));
        let there = (it.there > 0).then(|| format!("{} here already", it.there));
        let how_many = [items, quoted, there].into_iter().flatten().collect::<Vec<_>>().join(", ");
        vec![styled(it.title.as_deref().unwrap_or("Private"), STRONG), styled(how_many, FAINT)]
    };
    page.table(all.iter().map(row).collect());
    for it in all {
        let Some(title) = &it.title else { continue };
        let quoted = it.other.as_ref().filter(|_| it.quoted > 0);
        let quoted = quoted.map(|other| format!(" What {other} wrote is quoted there.")).unwrap_or_default();
        page.talk(&format!("Nobody but you is in this “{title}”.{quoted} `alliance use {title:?}` chooses it."));
    }
}

/// How reminders are set.
pub fn reminding(settings: &Settings, page: &mut Page) {
    let Settings { on, quiet, most, before } = settings;
    let (Some(quiet), Some(most), Some(before), true) = (quiet, most, before, *on) else {
        page.talk("You are reminded of nothing. `alliance remind set` wants reminders on this computer.");
        return;
    };
    page.talk("You are reminded of your commitments, sessions and insights, on this computer:");
    page.table(vec![
        vec![styled("no reminders from - to", FAINT), cell(format!("{quiet} o'clock"))],
        vec![styled("at most a day", FAINT), cell(most.to_string())],
        vec![styled("days before", FAINT), cell(before.to_string())],
    ]);
    page.talk("`alliance sync --watch` says what is due while it is open; a timer of your system may run `alliance remind --due` every hour. `alliance remind off` ends it.");
}

/// What one wanted to be reminded of.
pub fn reminders(reminders: &[Reminder], page: &mut Page) {
    let row = |it: &Reminder| vec![styled(&it.item.short, ID), cell(&it.item.title), styled(&it.when, FAINT)];
    page.table(reminders.iter().map(row).collect());
}

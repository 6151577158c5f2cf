//! `alliance undo` and `alliance redo`: taking back what one did last, and doing it again.

use alliance_core::app::{self, AppError, Profile};

use super::{Answer, Context, alliance, item::Done};
use crate::{error::CliError, render};

/// Takes back the last thing that was done here.
pub fn undo(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    stay_within(context, &mut profile, true)?;
    let before = next(&mut profile, true)?;
    let done = profile.undo(&mut context.outside().world())?;
    told(&mut profile, true, before, done)
}

/// Does again what was taken back last.
pub fn redo(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    stay_within(context, &mut profile, false)?;
    let before = next(&mut profile, false)?;
    let done = profile.redo(&mut context.outside().world()).map_err(|error| match error {
        AppError::NothingToUndo => CliError::NothingToRedo,
        error => error.into(),
    })?;
    told(&mut profile, false, before, done)
}

/// Sees to it that nothing is changed in another alliance than the one that was named, if one was.
fn stay_within(context: &Context<'_>, profile: &mut Profile, undo: bool) -> Result<(), CliError> {
    let named = context.named_alliance().map(|name| alliance::find(profile, name)).transpose()?;
    let (Some(space), Some(item)) = (named, profile.next_turn(undo)?) else { return Ok(()) };
    if item.space == space {
        return Ok(());
    }
    let title = profile.item(&item)?.summary.title;
    let there = profile.alliances()?.into_iter().find(|info| info.space == item.space);
    Err(CliError::DoneElsewhere { undo, title, alliance: there.map(|info| info.title) })
}

/// What is about to be changed, as it is.
fn next(profile: &mut Profile, undo: bool) -> Result<Option<app::Item>, CliError> {
    Ok(profile.next_turn(undo)?.map(|item| profile.item(&item)).transpose()?)
}

/// The answer, with what is again as it was.
fn told(profile: &mut Profile, undo: bool, before: Option<app::Item>, done: app::Done) -> Result<Answer, CliError> {
    let after = profile.item(&done.item)?;
    let same = before.filter(|before| before.summary.item == after.summary.item);
    let said = same.map(|before| again(undo, &before.summary, &after.summary)).filter(|said| !said.is_empty());
    let verb = if undo { "Taken back" } else { "Done again" };
    Ok(Answer::Done(Done { said, ..Done::new(verb, done) }))
}

/// Letters of a text that are told.
const TOLD: usize = 40;

/// What the fields are again.
fn again(undo: bool, before: &app::Summary, after: &app::Summary) -> String {
    let mut all = Vec::new();
    let names = before.fields.keys().chain(after.fields.keys().filter(|name| !before.fields.contains_key(*name)));
    for key in names.filter(|name| before.fields.get(*name) != after.fields.get(*name)) {
        let name = render::field(key);
        all.push(match after.fields.get(key) {
            Some(value) => format!("{name} is “{value}” again"),
            None => format!("{name} is empty again"),
        });
    }
    let texts = before.texts.keys().chain(after.texts.keys().filter(|name| !before.texts.contains_key(*name)));
    for key in texts.filter(|name| before.texts.get(*name) != after.texts.get(*name)) {
        let name = render::field(key);
        all.push(match after.texts.get(key) {
            Some(text) => format!("{name} is “{}” now", beginning(text)),
            None => format!("{name} is empty again"),
        });
    }
    if let (Some(before), Some(after)) = (&before.progress, &after.progress) {
        let differ = [
            ("levels", before.levels != after.levels),
            ("milestones", before.milestones != after.milestones),
            ("ratings", before.ratings != after.ratings),
        ];
        let are = if undo { "are as they were" } else { "are as you had changed them" };
        all.extend(differ.iter().filter(|(_, differ)| *differ).map(|(name, _)| format!("{name} {are}")));
    }
    if before.position != after.position {
        all.push(if undo { "it stands where it stood" } else { "it stands where you had put it" }.to_owned());
    }
    all.join(", ")
}

/// The beginning of a text, on one line.
fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

//! `alliance undo` and `alliance redo`: taking back what one did last, and doing it again.

use alliance_core::app::{self, AppError, Profile};

use super::{Answer, Context, item::Done};
use crate::error::CliError;

/// Takes back the last thing that was done here.
pub fn undo(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let before = next(&mut profile, true)?;
    let done = profile.undo(&mut context.outside().world())?;
    told(&mut profile, "Taken back", before, done)
}

/// Does again what was taken back last.
pub fn redo(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let before = next(&mut profile, false)?;
    let done = profile.redo(&mut context.outside().world()).map_err(|error| match error {
        AppError::NothingToUndo => CliError::NothingToRedo,
        error => error.into(),
    })?;
    told(&mut profile, "Done again", before, done)
}

/// What is about to be changed, as it is.
fn next(profile: &mut Profile, undo: bool) -> Result<Option<app::Item>, CliError> {
    Ok(profile.next_turn(undo)?.map(|item| profile.item(&item)).transpose()?)
}

/// The answer, with what is again as it was.
fn told(
    profile: &mut Profile,
    verb: &'static str,
    before: Option<app::Item>,
    done: app::Done,
) -> Result<Answer, CliError> {
    let after = profile.item(&done.item)?;
    let same = before.filter(|before| before.summary.item == after.summary.item);
    let said = same.map(|before| again(&before.summary, &after.summary)).filter(|said| !said.is_empty());
    Ok(Answer::Done(Done { said, ..Done::new(verb, done) }))
}

/// Which fields are again as they were.
fn again(before: &app::Summary, after: &app::Summary) -> String {
    let mut all = Vec::new();
    let names = before.fields.keys().chain(after.fields.keys().filter(|name| !before.fields.contains_key(*name)));
    for name in names.filter(|name| before.fields.get(*name) != after.fields.get(*name)) {
        all.push(match after.fields.get(name) {
            Some(value) => format!("{name} is “{value}” again"),
            None => format!("{name} is empty again"),
        });
    }
    let texts = before.texts.keys().chain(after.texts.keys().filter(|name| !before.texts.contains_key(*name)));
    for name in texts.filter(|name| before.texts.get(*name) != after.texts.get(*name)) {
        all.push(format!("{name} is as it was"));
    }
    if let (Some(before), Some(after)) = (&before.progress, &after.progress) {
        let differ = [
            ("levels", before.levels != after.levels),
            ("milestones", before.milestones != after.milestones),
            ("ratings", before.ratings != after.ratings),
        ];
        all.extend(differ.iter().filter(|(_, differ)| *differ).map(|(name, _)| format!("{name} are as they were")));
    }
    if before.position != after.position {
        all.push("it stands where it stood".to_owned());
    }
    all.join(", ")
}

//! `alliance undo` and `alliance redo`: taking back what one did last, and doing it again.

use alliance_core::app::AppError;

use super::{Answer, Context, item::Done};
use crate::error::CliError;

/// Takes back the last thing that was done here.
pub fn undo(context: &Context<'_>) -> Result<Answer, CliError> {
    Ok(Answer::Done(Done::new("Taken back", context.profile()?.undo(&mut context.outside().world())?)))
}

/// Does again what was taken back last.
pub fn redo(context: &Context<'_>) -> Result<Answer, CliError> {
    let done = context.profile()?.redo(&mut context.outside().world());
    let done = done.map_err(|error| match error {
        AppError::NothingToUndo => CliError::NothingToRedo,
        error => error.into(),
    });
    Ok(Answer::Done(Done::new("Done again", done?)))
}

//! `alliance undo` and `alliance redo`: taking back what one did last, and doing it again.

use super::{Answer, Context, item::Done};
use crate::error::CliError;

/// Takes back the last thing that was done here.
pub fn undo(context: &Context<'_>) -> Result<Answer, CliError> {
    Ok(Answer::Done(Done::new("Taken back", context.profile()?.undo(&mut context.outside().world())?)))
}

/// Does again what was taken back last.
pub fn redo(context: &Context<'_>) -> Result<Answer, CliError> {
    Ok(Answer::Done(Done::new("Done again", context.profile()?.redo(&mut context.outside().world())?)))
}

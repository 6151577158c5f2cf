//! `alliance archive` and `alliance unarchive`: what lists leave out, until somebody writes to it again.

use clap::Args;

use super::{Answer, Context, item};
use crate::{
    command::item::{Done, List, Row},
    error::CliError,
};

/// What a list of everything that is archived is called.
pub const ARCHIVED: &str = "archived";

/// What was done to what is archived.
pub const PUT_AWAY: &str = "Archived";

/// Arguments of `archive`; without an id it lists what is archived.
#[derive(Args, Debug)]
pub struct Archive {
    /// Its id or its whole title
    id: Option<String>,
}

/// Arguments of `unarchive`.
#[derive(Args, Debug)]
pub struct Unarchive {
    /// Its id or its whole title
    id: String,
}

impl Archive {
    /// Archives an item, or lists what is archived.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let Some(id) = self.id else { return list(context).map(Answer::Items) };
        let done = turn(context, &id, true)?;
        let short = &done.short;
        let next =
            format!("Nothing is lost: `alliance unarchive {short}` brings it back, and so does any change of it.");
        Ok(Answer::Done(Done { next: Some(next), ..done }))
    }
}

impl Unarchive {
    /// Takes an item out of the archive.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        turn(context, &self.id, false).map(Answer::Done)
    }
}

fn list(context: &Context<'_>) -> Result<List, CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    let rows = profile.archived(space)?.into_iter().map(Row::from).collect();
    Ok(List { rows, over: Vec::new(), kind: ARCHIVED, today: None, other: None })
}

fn turn(context: &Context<'_>, id: &str, archive: bool) -> Result<Done, CliError> {
    let mut profile = context.profile()?;
    let (_, item) = item::find(context, &mut profile, None, id)?;
    let done = profile.archive(&item, archive, &mut context.outside().world())?;
    Ok(Done::new(if archive { PUT_AWAY } else { "Brought back" }, done))
}

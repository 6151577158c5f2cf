//! `alliance security`: what happened to keys and membership, oldest first.

use alliance_core::store::SecurityEvent;
use serde::Serialize;

use super::{Answer, Context};
use crate::{env::Moment, error::CliError};

/// A line of the security log.
#[derive(Serialize, Debug)]
pub struct Line {
    /// Its number.
    pub id: usize,
    /// When, on this computer's clock.
    pub at: Moment,
    /// The space, in hexadecimal.
    pub space: String,
    /// What the space is called, if it is an alliance of this profile.
    pub title: Option<String>,
    /// What happened.
    pub kind: String,
    /// Ids that say to whom or what.
    pub about: serde_json::Value,
}

/// Lists the security log.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let alliances = profile.alliances()?;
    let title = |space: &str| alliances.iter().find(|it| it.space.to_string() == space).map(|it| it.title.clone());
    let lines = profile.security()?.into_iter().enumerate().map(|(n, event)| {
        let SecurityEvent { at, space, kind, about } = event;
        Ok(Line { id: n + 1, at: context.env.moment(at)?, title: title(&space), space, kind, about })
    });
    Ok(Answer::Security(lines.collect::<Result<_, CliError>>()?))
}

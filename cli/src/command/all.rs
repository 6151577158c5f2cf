//! `alliance all`: every alliance at a glance.

use alliance_core::app;
use serde::Serialize;

use super::{
    Answer, Context,
    alliance::{self, State},
};
use crate::error::CliError;

/// An alliance at a glance.
#[derive(Serialize, Debug)]
pub struct Glance {
    /// The alliance's space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The other person, once known.
    pub other: Option<String>,
    /// How far it has come.
    pub state: State,
    /// When the next session is planned, with its zone.
    pub next_session: Option<String>,
    /// When the last finished session was.
    pub last_session: Option<String>,
    /// Offers that wait for oneself.
    pub offers: usize,
    /// Commitments of one's own that are not over.
    pub commitments: usize,
    /// Who lets this computer in, while it is not.
    #[serde(skip)]
    pub host: Option<String>,
}

/// Shows every alliance.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let all = profile.glances()?.into_iter().map(|it| {
        let app::Glance { alliance, next_session, last_session, offers, commitments } = it;
        let alliance::Row { id, title, other, state, host, .. } = alliance.into();
        Glance { id, title, other, state, next_session, last_session, offers, commitments, host }
    });
    Ok(Answer::Glances(all.collect()))
}

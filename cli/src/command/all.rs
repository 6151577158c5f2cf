//! `alliance all`: every alliance at a glance.

use alliance_core::{
    app::{AllianceInfo, Owner},
    domain::{commitment, session},
};
use serde::Serialize;

use super::{Answer, Context, alliance::State, prep};
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
}

/// Shows every alliance.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let mut all = Vec::new();
    for AllianceInfo { space, title, other, state, .. } in profile.alliances()? {
        let sessions = prep::in_order(profile.list(space, session::KIND.name, true)?);
        let of = |status: &'static str| sessions.iter().filter(move |it| it.status.as_deref() == Some(status));
        let when = |it: &alliance_core::app::Summary| it.fields.get(session::WHEN).cloned();
        let mine = profile.list(space, commitment::KIND.name, false)?;
        // What is private is in no alliance.
        let mine = mine.into_iter().filter(|it| it.owner == Owner::Mine && !it.private);
        let (offers, commitments): (Vec<_>, Vec<_>) =
            mine.partition(|it| it.status.as_deref() == Some(commitment::OFFERED));
        all.push(Glance {
            id: space.to_string(),
            title,
            other,
            state: state.into(),
            next_session: of(session::PLANNED).find_map(when),
            last_session: of(session::FINISHED).filter_map(when).next_back(),
            offers: offers.len(),
            commitments: commitments.len(),
        });
    }
    Ok(Answer::Glances(all))
}

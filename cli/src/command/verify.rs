//! `alliance verify`: look whether the relay really holds what it says it has.

use alliance_core::app::{AppError, Held, Profile, RelayInfo, Verify as Look};
use serde::Serialize;

use super::{Answer, Context, sync};
use crate::{error::CliError, net::talk::Asking};

/// What a relay holds of one alliance, or of one's own space.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// True if it is one's own, private space.
    pub personal: bool,
    /// The relay.
    pub relay: String,
    /// True if the relay has all that it said it has, as it was signed.
    pub whole: bool,
    /// Sealed entries that are there and here.
    pub same: u64,
    /// Entries that are there and not here yet.
    pub more: u64,
    /// Entries that are here and were not sent yet.
    pub unsent: u64,
    /// Entries that the relay once had and does not have any more.
    pub lost: u64,
    /// Entries that are not what was signed.
    pub wrong: u64,
    /// Why the relay did not let this computer look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
}

/// Fetches everything once more and compares.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let relays = profile.relays()?;
    if relays.is_empty() {
        return Err(AppError::NoRelay.into());
    }
    let runtime = context.online()?;
    let (mut rows, mut failures) = (Vec::new(), sync::Failures::default());
    // One that was left need not hold anything any more.
    for relay in relays.iter().filter(|relay| !relay.is_left()) {
        match runtime.block_on(look(context, &mut profile, relay)) {
            Ok(found) => rows.extend(found),
            Err(error) => failures.add(error),
        }
    }
    match failures.worst(context) {
        None => Ok(Answer::Verified(rows)),
        Some(error) => {
            // What could be looked at is told before what could not.
            if !rows.is_empty() {
                context.ui.answer(&Answer::Verified(rows))?;
            }
            Err(CliError::Untouched(Box::new(error)))
        }
    }
}

async fn look(context: &Context<'_>, profile: &mut Profile, relay: &RelayInfo) -> Result<Vec<Found>, CliError> {
    let way = sync::way(relay)?;
    let mut looking = Asking(Look::new(profile, relay, &mut context.outside().world()).map_err(CliError::from)?);
    sync::say(&sync::progress(context, &way), &way, &mut looking).await?;
    let held = looking.0.finish(profile)?;
    let names = profile.status()?;
    let named = held.into_iter().filter_map(|(space, held)| {
        let status = names.iter().find(|status| status.space == space)?;
        Some(row(space.to_string(), status.title.clone(), status.personal, &relay.url, &held))
    });
    Ok(named.collect())
}

fn row(id: String, title: String, personal: bool, relay: &str, held: &Held) -> Found {
    let Held { same, more, lost, unsent, wrong, refused } = *held;
    let whole = held.is_whole();
    let (relay, refused) = (relay.to_owned(), refused.map(sync::refusal));
    Found { id, title, personal, relay, whole, same, more, unsent, lost, wrong, refused }
}

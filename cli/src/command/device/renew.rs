//! `alliance device renew`: fresh keys for this computer, also where two histories ended those that it has.

use std::collections::BTreeSet;

use alliance_core::app::Profile;

use super::Renewed;
use crate::{
    command::{Answer, Context, recovery, sync},
    error::CliError,
};

/// How often what came back may name more alliances.
const ROUNDS: usize = 4;

/// Gives this computer fresh keys.
pub(super) fn run(profile: &mut Profile, yes: bool, context: &Context<'_>) -> Result<Answer, CliError> {
    if !yes {
        let about = "A copy of this computer's profile gets nothing that is written from now on.\n";
        context.confirm(about, "Give this computer fresh keys?", "renewing the keys of this computer")?;
    }
    // Whether its keys still help, the relay may know and this computer not.
    let failures = sync::everything(context, &context.online()?, profile)?.1;
    let by_words = profile.renews_by_words()?;
    if by_words {
        if let Some(error) = failures.worst(context) {
            return Err(error);
        }
        return with_words(profile, context);
    }
    let kept = profile.renew_computer()?;
    sync::hear(context, profile)?;
    let titles = profile.alliances()?.into_iter().filter(|it| kept.contains(&it.space)).map(|it| it.title).collect();
    Ok(Answer::Renewed(Renewed { id: id(profile)?, done: !profile.awaits_renewal()?, kept: titles, by_words }))
}

/// The keys that this computer has are dead: the words' keys let it in again.
fn with_words(profile: &mut Profile, context: &Context<'_>) -> Result<Answer, CliError> {
    context.ui.talk("The relay does not let this computer in any more. If that is because it was copied, or put back from a backup, and both wrote on, your recovery words let it in again. Nothing that you wrote on it is lost. If it was cut off, or a copy of it goes on under fresh keys, they do not: `alliance status` says what does.");
    let words = recovery::read(context.ui)?;
    // What opens the alliances lies in the person's own space, and counts again once that is renewed.
    for _ in 0..ROUNDS {
        profile.lend_to_renew(&words)?;
        exchange(profile, context)?;
        if profile.renew_by_words(&mut context.outside().world())?.is_empty() {
            break;
        }
    }
    profile.give_back();
    profile.check_words(&words)?;
    let failures = sync::everything(context, &context.online()?, profile)?.1;
    let done = failures.is_empty() && !profile.renews_by_words()?;
    if let Some(error) = failures.worst(context) {
        context.ui.talk(&format!("Not everything was exchanged: {}.", error.report().message));
    }
    Ok(Answer::Renewed(Renewed { id: id(profile)?, done, kept: Vec::new(), by_words: true }))
}

/// Exchanges everything with every relay, once.
fn exchange(profile: &mut Profile, context: &Context<'_>) -> Result<(), CliError> {
    let (runtime, mut visited) = (context.online()?, BTreeSet::new());
    while let Some(relay) = profile.relays()?.into_iter().find(|relay| !visited.contains(&relay.url)) {
        visited.insert(relay.url.clone());
        match runtime.block_on(sync::once(context, profile, &relay)) {
            Ok(rows) => {
                let refused = rows.iter().find(|row| profile.is_lent(&row.id) && row.refused.is_some());
                if let Some(row) = refused {
                    let (title, why) = (row.title.clone(), row.refused.unwrap_or_default());
                    return Err(CliError::NotBack { title, why });
                }
            }
            Err(CliError::Net(_) | CliError::Session(_)) if relay.is_left() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn id(profile: &mut Profile) -> Result<String, CliError> {
    let this = profile.computers()?.into_iter().find(|it| it.this);
    Ok(this.map(|it| it.short()).unwrap_or_default())
}

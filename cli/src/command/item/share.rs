//! Giving the other person a copy of something private, after a look at what they will see.

use alliance_core::{
    app::{self, AppError, ItemRef, Profile},
    domain,
};
use alliance_replica::id::SpaceId;

use super::{Audience, Done, find};
use crate::{command::Context, error::CliError, render};

/// Gives the other person a copy of a private item, after a look at what they will see.
pub fn share(context: &Context<'_>, kind: &'static str, text: &str, yes: bool, again: bool) -> Result<Done, CliError> {
    let mut profile = context.profile()?;
    let (space, item) = private(context, &mut profile, kind, text)?;
    if !again && let Some(copy) = profile.copies(&item, space)?.pop() {
        return Err(CliError::CopiedAlready { short: copy.short, title: copy.title });
    }
    // What is shared already is refused by the façade, and nobody needs to be asked.
    if !yes && item.space != space {
        confirm(context, &mut profile, &item, space)?;
    }
    let done = profile.share(&item, space, &mut context.outside().world())?;
    let app::Summary { short, title, .. } = profile.item(&item)?.summary;
    let next =
        format!("Your private one stays. Both are called so: {short} is the private one, {} the copy.", done.short);
    let next = (title == done.title && short != done.short).then_some(next);
    Ok(Done { next, ..Done::new("Shared", done) })
}

/// The item that is meant: of several of one title the private one, which alone can be shared.
fn private(
    context: &Context<'_>,
    profile: &mut Profile,
    kind: &'static str,
    text: &str,
) -> Result<(SpaceId, ItemRef), CliError> {
    let found = find(context, profile, Some(kind), text);
    let Err(CliError::App(AppError::Ambiguous { candidates, .. })) = &found else { return found };
    let private: Vec<_> = candidates.iter().filter(|candidate| candidate.private).collect();
    match private[..] {
        [one] => find(context, profile, Some(kind), &one.short),
        _ => found,
    }
}

/// Shows what the other person would see, and asks.
fn confirm(context: &Context<'_>, profile: &mut Profile, item: &ItemRef, space: SpaceId) -> Result<(), CliError> {
    let summary = profile.item(item)?.summary;
    let info = profile.alliances()?.into_iter().find(|info| info.space == space);
    let people = info.map(|info| render::item::people(&Audience::from(info))).unwrap_or_default();
    let kind = summary.kind.clone();
    let preview = render::item::preview(&kind, &summary.title, &said(&summary), &people);
    match context.ui.ask(&preview, "Share it?") {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::Declined),
        None => Err(CliError::NotConfirmed { title: summary.title, people }),
    }
}

/// Everything that an item says beside its title, as a text.
fn said(summary: &app::Summary) -> String {
    let titles = domain::kind(&summary.kind).map_or(&[][..], |kind| kind.titles);
    let plain = summary.texts.iter().chain(&summary.fields);
    let plain = plain.filter(|(name, words)| !titles.contains(&name.as_str()) || words.lines().nth(1).is_some());
    let plain = plain.map(|(name, words)| match name == "body" || name == "text" {
        true => words.clone(),
        false => format!("{}: {words}", render::field(name)),
    });
    let lists = summary.said.iter().flat_map(|(name, said)| said.iter().map(move |it| (name, it)));
    let lists = lists.map(|(name, it)| format!("{}: {}", render::field(name), it.words));
    plain.chain(lists).collect::<Vec<_>>().join("\n")
}

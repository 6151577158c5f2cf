//! What every command does that makes an item or changes one.

use alliance_core::{
    app::{Intent, ItemRef, Place, Profile},
    document::TextEdit,
};

use super::{Done, find, text};
use crate::{command::Context, error::CliError};

/// The profile, and the item of a kind that a person typed, to change it.
pub fn open(context: &Context<'_>, kind: &'static str, text: &str) -> Result<(Profile, ItemRef), CliError> {
    let mut profile = context.profile()?;
    let (_, item) = find(context, &mut profile, Some(kind), text)?;
    Ok((profile, item))
}

/// Carries an intent out on an item.
pub fn change(
    context: &Context<'_>,
    profile: &mut Profile,
    item: &ItemRef,
    verb: &'static str,
    intent: impl Into<Intent>,
) -> Result<Done, CliError> {
    Ok(Done::new(verb, profile.change(item, &intent.into(), &mut context.outside().world())?))
}

/// Makes an item.
pub fn add(
    context: &Context<'_>,
    profile: &mut Profile,
    place: Place,
    verb: &'static str,
    intent: impl Into<Intent>,
) -> Result<Done, CliError> {
    Ok(Done::new(verb, profile.add(place, &intent.into(), &mut context.outside().world())?))
}

/// A text as it was typed, to be written over what is there.
pub fn over(context: &Context<'_>, typed: Option<String>) -> Result<Option<TextEdit>, CliError> {
    let text = typed.map(|typed| text(context, typed)).transpose()?;
    Ok(text.map(|text| TextEdit { from: None, text }))
}

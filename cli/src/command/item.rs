//! What commands of every kind of item have in common: rows, pages, and what a change answers.

use std::collections::BTreeMap;

use alliance_core::{
    app::{self, ItemRef, Profile},
    document::TextEdit,
};
use alliance_replica::id::SpaceId;
use serde::Serialize;

use super::{Context, conflict};
use crate::error::CliError;

/// A change that was made.
#[derive(Serialize, Debug)]
pub struct Done {
    /// The item, in hexadecimal.
    pub id: String,
    /// What a person types for it.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// True if only its owner's devices have it.
    pub private: bool,
    /// False if everything was already as wanted.
    pub changed: bool,
    /// What was done, for people.
    #[serde(skip)]
    pub verb: &'static str,
}

impl Done {
    /// What the façade did, under this verb.
    pub fn new(verb: &'static str, done: app::Done) -> Self {
        let app::Done { item, short, kind, title, private, changed } = done;
        Self { id: item.item.to_string(), short, kind, title, private, changed, verb }
    }
}

/// Items of one kind.
#[derive(Serialize, Debug)]
#[serde(transparent)]
pub struct List {
    /// The items.
    pub rows: Vec<Row>,
    /// Which kind was asked for.
    #[serde(skip)]
    pub kind: &'static str,
}

/// An item in a list.
#[derive(Serialize, Debug)]
pub struct Row {
    /// The item, in hexadecimal.
    pub id: String,
    /// What a person types for it.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its status, for kinds that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// True if only its owner's devices have it.
    pub private: bool,
    /// Whose it is: `you`, `them` or `both`.
    pub owner: &'static str,
    /// Number of fields with several values.
    pub choices: usize,
    /// Its other fields; in lists, the beginning of its texts.
    #[serde(flatten)]
    pub fields: BTreeMap<String, String>,
}

impl From<app::Summary> for Row {
    fn from(summary: app::Summary) -> Self {
        let owner = match summary.owner {
            app::Owner::Mine => "you",
            app::Owner::Theirs => "them",
            app::Owner::Both => "both",
        };
        Self {
            id: summary.item.item.to_string(),
            short: summary.short,
            kind: summary.kind,
            title: summary.title,
            status: summary.status,
            private: summary.private,
            owner,
            choices: summary.choices,
            fields: fields(summary.fields.into_iter().chain(summary.texts)),
        }
    }
}

/// Names in JSON that mean the same for every kind.
const TAKEN: [&str; 9] = ["id", "short", "kind", "title", "status", "private", "owner", "choices", "conflicts"];

/// Without those that are named like something that every kind has.
fn fields(all: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    all.into_iter().filter(|(name, _)| !TAKEN.contains(&name.as_str())).collect()
}

/// An item as a whole.
#[derive(Serialize, Debug)]
pub struct Item {
    /// What stands in lists, with its whole texts among the fields.
    #[serde(flatten)]
    pub row: Row,
    /// Fields with several values.
    pub conflicts: Vec<conflict::Choice>,
    /// Which of the fields are texts.
    #[serde(skip)]
    pub texts: Vec<String>,
}

impl From<app::Item> for Item {
    fn from(item: app::Item) -> Self {
        let app::Item { summary, choices, .. } = item;
        let texts = summary.texts.keys().filter(|name| !TAKEN.contains(&name.as_str())).cloned().collect();
        Self { row: summary.into(), conflicts: conflict::shown(choices), texts }
    }
}

/// Lists a kind; also what is over and done, if `all` is wanted.
pub fn list(context: &Context<'_>, kind: &'static str, all: bool) -> Result<List, CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    let rows = profile.list(space, kind, all)?.into_iter().map(Row::from).collect();
    Ok(List { rows, kind })
}

/// Shows an item of a kind.
pub fn show(context: &Context<'_>, kind: &'static str, text: &str) -> Result<Item, CliError> {
    let mut profile = context.profile()?;
    let (_, item) = find(context, &mut profile, Some(kind), text)?;
    Ok(profile.item(&item)?.into())
}

/// The alliance that is meant and the item that a person typed.
pub fn find(
    context: &Context<'_>,
    profile: &mut Profile,
    kind: Option<&'static str>,
    text: &str,
) -> Result<(SpaceId, ItemRef), CliError> {
    let space = context.space(profile)?;
    Ok((space, profile.find(space, kind, text)?))
}

/// The text that a person gave: what was typed, or stdin for `-`.
pub fn text(context: &Context<'_>, typed: String) -> Result<String, CliError> {
    if typed != "-" {
        return Ok(typed);
    }
    let mut text = context.env.stdin()?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// A whole new text, made from the item as it stands.
pub fn edited(
    context: &Context<'_>,
    profile: &mut Profile,
    item: &ItemRef,
    typed: String,
) -> Result<TextEdit, CliError> {
    let from = profile.item(item)?.heads;
    Ok(TextEdit { from: Some(from), text: text(context, typed)? })
}

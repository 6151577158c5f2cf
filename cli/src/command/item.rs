//! What commands of every kind of item have in common: rows, pages, and what a change answers.

use std::collections::BTreeMap;

use alliance_core::{
    app::{self, ItemRef, Profile},
    document::TextEdit,
    domain::goal,
};
use alliance_replica::id::SpaceId;
use serde::Serialize;

use super::{Context, conflict};
use crate::{editor, error::CliError};

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
    /// How something that was typed was understood, for people.
    #[serde(skip)]
    pub said: Option<String>,
}

impl Done {
    /// What the façade did, under this verb.
    pub fn new(verb: &'static str, done: app::Done) -> Self {
        let app::Done { item, short, kind, title, private, changed } = done;
        Self { id: item.item.to_string(), short, kind, title, private, changed, verb, said: None }
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
    /// Of a goal, how far it has come.
    #[serde(flatten)]
    pub progress: Option<Progress>,
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
            progress: summary.progress.map(Progress::from),
            fields: fields(summary.fields.into_iter().chain(summary.texts)),
        }
    }
}

/// How far a goal has come.
#[derive(Serialize, Debug)]
pub struct Progress {
    /// What the levels mean, by their number.
    pub levels: BTreeMap<i8, String>,
    /// The milestones, in their order.
    pub milestones: Vec<Milestone>,
    /// What each said about how far it has come, by day.
    pub ratings: Vec<Rating>,
}

/// A step on the way to a goal.
#[derive(Serialize, Debug)]
pub struct Milestone {
    /// By which it is named.
    pub number: usize,
    /// What it is.
    pub words: String,
    /// True once it is reached.
    pub ticked: bool,
}

/// What one person said about how far a goal has come.
#[derive(Serialize, Debug)]
pub struct Rating {
    /// The day.
    pub date: String,
    /// From −2 to 2.
    pub level: i8,
    /// Who said it: `you`, or the other's name.
    pub by: String,
    /// In words.
    pub note: String,
}

impl From<app::Progress> for Progress {
    fn from(progress: app::Progress) -> Self {
        let app::Progress { levels, milestones, ratings } = progress;
        let milestone =
            |(number, it): (usize, goal::Milestone)| Milestone { number, words: it.words, ticked: it.ticked };
        let rating = |(by, it): (app::Who, goal::Rating)| {
            let goal::Rating { date, level, note } = it;
            Rating { date, level: level.number(), by: conflict::name(by), note }
        };
        Self {
            levels: levels.into_iter().map(|(level, words)| (level.number(), words)).collect(),
            milestones: (1..).zip(milestones).map(milestone).collect(),
            ratings: ratings.into_iter().map(rating).collect(),
        }
    }
}

/// Names in JSON that mean the same for every kind.
const TAKEN: [&str; 12] = [
    "id",
    "short",
    "kind",
    "title",
    "status",
    "private",
    "owner",
    "choices",
    "conflicts",
    "levels",
    "milestones",
    "ratings",
];

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

/// A whole new text of a field: what was typed, or what comes out of the person's editor. It is made from the field as it
/// stands now, so that what somebody else writes meanwhile merges with it.
pub fn edited(
    context: &Context<'_>,
    profile: &mut Profile,
    item: &ItemRef,
    field: &str,
    typed: Option<String>,
) -> Result<TextEdit, CliError> {
    let TextEdit { from, text: now } = profile.text(item, field)?;
    let text = match typed {
        Some(typed) => text(context, typed)?,
        None => editor::edit(context, &now)?,
    };
    Ok(TextEdit { from, text })
}

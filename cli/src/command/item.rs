//! What commands of every kind of item have in common: rows, pages, and what a change answers.

mod act;
mod share;

use std::{collections::BTreeMap, ops::Not};

use alliance_core::{
    app::{self, AppError, ItemRef, Profile},
    document::TextEdit,
    domain::{self, alliance, goal},
};
use alliance_replica::id::SpaceId;
use jiff::civil::Date;
use serde::Serialize;

pub use self::{
    act::{add, change, open, over},
    share::share,
};

use super::{Context, alliance::State, conflict};
use crate::{editor, error::CliError, render};

/// An item, as it is spoken of.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The item, in hexadecimal.
    pub id: String,
    /// What a person types for it.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
}

impl From<app::Summary> for Named {
    fn from(summary: app::Summary) -> Self {
        let app::Summary { item, short, kind, title, .. } = summary;
        Self { id: item.item.to_string(), short, kind, title }
    }
}

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
    /// Whose it is: `you`, `them` or `both`.
    pub owner: &'static str,
    /// What the alliance is called in which both see it; none if it is private.
    pub alliance: Option<String>,
    /// False if everything was already as wanted.
    pub changed: bool,
    /// True if it stays on this computer, because the relay does not let it in any more.
    #[serde(skip_serializing_if = "Not::not")]
    pub stays: bool,
    /// Fields whose several values were replaced by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<conflict::Choice>,
    /// Who sees it, for people.
    #[serde(skip)]
    pub audience: Option<Audience>,
    /// What was done, for people.
    #[serde(skip)]
    pub verb: &'static str,
    /// How something that was typed was understood, for people.
    #[serde(skip)]
    pub said: Option<String>,
    /// What one may want to do next, for people.
    #[serde(skip)]
    pub next: Option<String>,
}

/// Who sees what is in an alliance.
#[derive(Debug)]
pub struct Audience {
    /// What the alliance is called.
    pub title: String,
    /// The other person, once known.
    pub other: Option<String>,
    /// How far the alliance has come.
    pub state: State,
}

impl From<app::AllianceInfo> for Audience {
    fn from(info: app::AllianceInfo) -> Self {
        Self { title: info.title, other: info.other, state: info.state.into() }
    }
}

impl Done {
    /// What the façade did, under this verb.
    pub fn new(verb: &'static str, done: app::Done) -> Self {
        let app::Done { item, short, kind, title, private, owner, alliance, replaced, changed, stays } = done;
        Self {
            id: item.item.to_string(),
            short,
            kind,
            title,
            private,
            owner: whose(owner),
            alliance: alliance.as_ref().map(|alliance| alliance.title.clone()),
            changed,
            stays,
            replaced: conflict::shown(replaced),
            audience: alliance.map(Audience::from),
            verb,
            said: None,
            next: None,
        }
    }
}

fn whose(owner: app::Owner) -> &'static str {
    match owner {
        app::Owner::Mine => "you",
        app::Owner::Theirs => "them",
        app::Owner::Both => "both",
    }
}

/// Items of one kind.
#[derive(Serialize, Debug)]
#[serde(transparent)]
pub struct List {
    /// The items.
    pub rows: Vec<Row>,
    /// Where there are no items, the statuses of those that were left out.
    #[serde(skip)]
    pub over: Vec<String>,
    /// Which kind was asked for.
    #[serde(skip)]
    pub kind: &'static str,
    /// The day that it is, for what has a date.
    #[serde(skip)]
    pub today: Option<Date>,
    /// The other person, once known.
    #[serde(skip)]
    pub other: Option<String>,
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
    /// What was said of it one after the other, by the name of the list.
    #[serde(flatten)]
    pub said: BTreeMap<String, Vec<Said>>,
    /// Whether it is archived, if somebody archived it: not if somebody wrote to it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Who archived it: `you`, or the other's name.
    #[serde(skip)]
    pub archived_by: Option<String>,
    /// Of feedback, what the request is called that it answers.
    #[serde(skip)]
    pub asked_for: Option<String>,
}

/// One of the things that were said of an item.
#[derive(Serialize, Debug)]
pub struct Said {
    /// By whom: `you`, or the other's name.
    pub by: Option<String>,
    /// On which day.
    pub day: Option<String>,
    /// The words.
    pub words: String,
}

impl From<app::Said> for Said {
    fn from(said: app::Said) -> Self {
        Self { by: said.by.map(conflict::name), day: said.day, words: said.words }
    }
}

impl From<app::Summary> for Row {
    fn from(summary: app::Summary) -> Self {
        let list = |(name, said): (String, Vec<app::Said>)| (name, said.into_iter().map(Said::from).collect());
        Self {
            id: summary.item.item.to_string(),
            short: summary.short,
            kind: summary.kind,
            title: summary.title,
            status: summary.status,
            private: summary.private,
            owner: whose(summary.owner),
            choices: summary.choices,
            progress: summary.progress.map(Progress::from),
            fields: fields(summary.fields.into_iter().chain(summary.texts)),
            said: summary.said.into_iter().map(list).collect(),
            archived: summary.archived.as_ref().map(|it| it.stands),
            archived_by: summary.archived.and_then(|it| it.by).map(conflict::name),
            asked_for: summary.asked_for,
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
const TAKEN: [&str; 14] = [
    "comments",
    "archived",
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
    /// What each said about it, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
    /// Which of the fields are texts.
    #[serde(skip)]
    pub texts: Vec<String>,
    /// What the other person is called, once known.
    #[serde(skip)]
    pub other: Option<String>,
    /// True while the other person has not come.
    #[serde(skip)]
    pub alone: bool,
}

impl From<app::Item> for Item {
    fn from(item: app::Item) -> Self {
        let app::Item { summary, choices, comments, .. } = item;
        let texts = summary.texts.keys().filter(|name| !TAKEN.contains(&name.as_str())).cloned().collect();
        let comments = comments.into_iter().map(Comment::from).collect();
        let conflicts = conflict::shown(choices);
        Self { row: summary.into(), conflicts, comments, texts, other: None, alone: false }
    }
}

/// What somebody said about an item.
#[derive(Serialize, Debug)]
pub struct Comment {
    /// The comment, in hexadecimal.
    pub id: String,
    /// What a person types for it.
    pub short: String,
    /// Whose it is: `you` or `them`.
    pub owner: &'static str,
    /// The words; in lists their beginning.
    pub words: String,
}

impl From<app::Summary> for Comment {
    fn from(summary: app::Summary) -> Self {
        let words = summary.texts.get("body").cloned().unwrap_or_default();
        Self { id: summary.item.item.to_string(), short: summary.short, owner: whose(summary.owner), words }
    }
}

/// Lists a kind; also what is over and done, if `all` is wanted.
pub fn list(context: &Context<'_>, kind: &'static str, all: bool) -> Result<List, CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    let rows: Vec<_> = profile.list(space, kind, all)?.into_iter().map(Row::from).collect();
    let over = if rows.is_empty() && !all { profile.list(space, kind, true)? } else { Vec::new() };
    let over = over.into_iter().filter_map(|row| row.status).collect();
    let other = profile.alliances()?.into_iter().find(|info| info.space == space).and_then(|info| info.other);
    Ok(List { rows, over, kind, today: Some(context.env.today()?), other })
}

/// Shows an item of a kind.
pub fn show(context: &Context<'_>, kind: &'static str, text: &str) -> Result<Item, CliError> {
    let mut profile = context.profile()?;
    let (space, item) = find_to_show(context, &mut profile, Some(kind), text)?;
    let info = profile.alliances()?.into_iter().find(|info| info.space == space);
    let alone = info.as_ref().is_some_and(|info| info.state == app::AllianceState::Alone);
    Ok(Item { other: info.and_then(|info| info.other), alone, ..profile.item(&item)?.into() })
}

/// Says where it is that was not found: among those of another kind, or in another alliance.
fn not_here(profile: &mut Profile, space: SpaceId, text: &str, error: AppError) -> CliError {
    let AppError::NotFound { kind, .. } = &error else { return error.into() };
    let mut there = |space| Some(profile.find(space, None, text).and_then(|item| profile.item(&item)).ok()?.summary);
    if let Some(app::Summary { short, title, kind: is, .. }) = there(space) {
        return match domain::KINDS.iter().any(|it| it.name == is) && is != alliance::KIND.name && is != *kind {
            true => CliError::OtherKind { short, title, is, wanted: kind.clone() },
            false => error.into(),
        };
    }
    let others = profile.alliances().unwrap_or_default().into_iter().filter(|info| info.space != space);
    for app::AllianceInfo { space, title: alliance, .. } in others {
        let found = profile.find(space, None, text).and_then(|item| profile.item(&item));
        if let Ok(app::Item { summary: app::Summary { short, title, kind, .. }, .. }) = found {
            return CliError::Elsewhere { short, title, kind, alliance };
        }
    }
    error.into()
}

/// The alliance that is meant and the item to look at that a person typed: also by a part of its title.
pub fn find_to_show(
    context: &Context<'_>,
    profile: &mut Profile,
    kind: Option<&'static str>,
    text: &str,
) -> Result<(SpaceId, ItemRef), CliError> {
    meant(context, profile, text, |profile, space| profile.find_to_show(space, kind, text))
}

/// The alliance that is meant and the item to change that a person typed: by its id or its whole title.
pub fn find(
    context: &Context<'_>,
    profile: &mut Profile,
    kind: Option<&'static str>,
    text: &str,
) -> Result<(SpaceId, ItemRef), CliError> {
    meant(context, profile, text, |profile, space| profile.find(space, kind, text))
}

fn meant(
    context: &Context<'_>,
    profile: &mut Profile,
    text: &str,
    find: impl FnOnce(&mut Profile, SpaceId) -> Result<ItemRef, AppError>,
) -> Result<(SpaceId, ItemRef), CliError> {
    let space = context.space(profile)?;
    let found = find(profile, space);
    Ok((space, found.map_err(|error| not_here(profile, space, text, error))?))
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
    if text.is_empty() {
        context.ui.talk("Nothing came in on standard input: the text is empty.");
    }
    Ok(text)
}

/// A text of a field with a paragraph after what is there. It ends with its line, so that one that somebody else adds at
/// the same time begins with its own.
pub fn added(
    context: &Context<'_>,
    profile: &mut Profile,
    item: &ItemRef,
    field: &str,
    typed: String,
) -> Result<TextEdit, CliError> {
    let TextEdit { from, text: mut now } = profile.text(item, field)?;
    if !now.is_empty() && !now.ends_with('\n') {
        now.push('\n');
    }
    now.push_str(text(context, typed)?.trim_end());
    now.push('\n');
    Ok(TextEdit { from, text: now })
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
        Some(typed) => {
            let mut whole = text(context, typed)?;
            // What others add at the same time stays a line of its own.
            if now.ends_with('\n') && !whole.is_empty() && !whole.ends_with('\n') {
                whole.push('\n');
            }
            whole
        }
        None => {
            let short = profile.item(item)?.summary.short;
            let level = field.strip_prefix("level").unwrap_or_default();
            let kind = profile.item(item)?.summary.kind;
            let verb = match field {
                "notes" => format!("session note {short} --replace -m -"),
                "answer" => format!("question answer {short} -m -"),
                "body" if kind == "reflection" => format!("reflect edit {short} -m -"),
                "body" if kind == "comment" => format!("comment edit {short} -m -"),
                "why" => format!("goal edit {short} --why -"),
                "response" => format!("feedback respond {short} -m -"),
                "body" => format!("note edit {short} -m -"),
                _ => format!("goal level {short} {level} -m -"),
            };
            editor::edit(context, &now, render::in_alliance(context.named_alliance(), &verb))?
        }
    };
    Ok(TextEdit { from, text })
}

//! `alliance history`: what was written by whom on which day. Days are the finest it knows: nobody watches the other.

use alliance_core::{
    app::{Calendar, Chapter},
    document::text::Piece,
    view::{Became, Grain},
};
use clap::Args;
use jiff::{Timestamp, ToSpan as _, civil::Date};
use serde::{Serialize, Serializer};

use super::{
    Answer, Context, conflict,
    item::{self, Named},
};
use crate::error::CliError;

/// Arguments of `history`.
#[derive(Args, Debug)]
pub struct History {
    /// Id, title, or three letters or more of the title of an item [default: what changed last]
    id: Option<String>,
    /// How much of it at most
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20, value_parser = most)]
    most: usize,
    /// Each time that somebody wrote by itself, also what was written over on the same day
    #[arg(long)]
    all: bool,
}

/// What was written, the newest first.
#[derive(Serialize, Debug)]
#[serde(transparent)]
pub struct Lines {
    /// A line an item and day.
    pub lines: Vec<Line>,
    /// True if there is more than was asked for.
    #[serde(skip)]
    pub more: bool,
    /// True if each time that somebody wrote stands by itself.
    #[serde(skip)]
    pub all: bool,
    /// The item that was asked for, as it was typed.
    #[serde(skip)]
    pub of: Option<String>,
}

/// What was written in one place on one day.
#[derive(Serialize, Debug)]
pub struct Line {
    /// The item.
    #[serde(flatten)]
    pub item: Named,
    /// True if only its owner's devices have it.
    pub private: bool,
    /// The day.
    #[serde(serialize_with = "iso")]
    pub day: Date,
    /// Who wrote: `you`, or the other's name; none for somebody who is not known.
    pub by: Vec<Option<String>>,
    /// True if the item begins here.
    pub begins: bool,
    /// What became of each field.
    pub fields: Vec<Field>,
    /// True if it was not written at once.
    #[serde(skip)]
    pub steps: bool,
}

/// What became of a field.
#[derive(Serialize, Debug)]
pub struct Field {
    /// Its name.
    pub field: String,
    /// What became of it.
    #[serde(flatten)]
    pub became: Change,
}

/// What became of a field.
#[derive(Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It had these values, it has those.
    Value {
        /// Before.
        before: Vec<String>,
        /// After.
        after: Vec<String>,
    },
    /// A text, in pieces.
    Text(Vec<Span>),
    /// A set or list.
    Elements {
        /// What came.
        added: Vec<String>,
        /// What went.
        removed: Vec<String>,
    },
}

/// A piece of two versions of a text.
#[derive(Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// In both.
    Same(String),
    /// Only in the older one.
    Removed(String),
    /// Only in the newer one.
    Added(String),
}

impl History {
    /// Reads the history.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let (space, found) = match &self.id {
            None => (context.space(&mut profile)?, None),
            Some(text) => {
                let (space, item) = item::find_to_show(context, &mut profile, None, text)?;
                (space, Some(item))
            }
        };
        let zone = context.env.zone()?;
        let day = |time: i64| {
            let at = Timestamp::from_second(time).unwrap_or(Timestamp::UNIX_EPOCH);
            number(at.to_zoned(zone.clone()).date())
        };
        let grain = if self.all { Grain::Change } else { Grain::Day };
        let (today, most) = (number(context.env.today()?), self.most.saturating_add(1));
        let calendar = Calendar { grain, day: &day, today, most };
        let mut lines: Vec<_> = profile.history(space, found, &calendar)?.into_iter().map(Line::from).collect();
        let more = lines.len() > self.most;
        lines.truncate(self.most);
        Ok(Answer::History(Lines { lines, more, all: self.all, of: self.id }))
    }
}

impl From<Chapter> for Line {
    fn from(chapter: Chapter) -> Self {
        let Chapter { day, by, summary, begins, fields, steps } = chapter;
        let fields = fields.into_iter().map(|(field, became)| Field { field, became: became.into() });
        Self {
            private: summary.private,
            item: summary.into(),
            day: date(day),
            by: by.into_iter().map(|who| who.map(conflict::name)).collect(),
            begins,
            fields: fields.collect(),
            steps,
        }
    }
}

impl From<Became> for Change {
    fn from(became: Became) -> Self {
        let words = |values: Vec<alliance_core::document::Scalar>| values.iter().map(ToString::to_string).collect();
        match became {
            Became::Value { before, after } => Self::Value { before: words(before), after: words(after) },
            Became::Elements { added, removed } => Self::Elements { added, removed },
            Became::Text(pieces) => {
                let span = |piece| match piece {
                    Piece::Same(text) => Span::Same(text),
                    Piece::Removed(text) => Span::Removed(text),
                    Piece::Added(text) => Span::Added(text),
                };
                Self::Text(pieces.into_iter().map(span).collect())
            }
        }
    }
}

/// How much at most.
fn most(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|most| *most > 0).ok_or("say how many lines: 1 or more")
}

fn iso<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

const EPOCH: Date = Date::constant(1970, 1, 1);

/// Days since 1970.
fn number(day: Date) -> i64 {
    EPOCH.until(day).map_or(0, |span| span.get_days().into())
}

fn date(number: i64) -> Date {
    EPOCH.checked_add(number.days()).unwrap_or(EPOCH)
}

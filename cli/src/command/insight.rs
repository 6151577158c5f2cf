//! `alliance insight`: what somebody understood; it comes back after one, three and twelve months.

use alliance_core::{
    app::Place,
    domain::insight::{self, Back, INTERVALS, Intent},
};
use clap::{Args, Subcommand};
use jiff::ToSpan as _;

use super::{Answer, Context, item};
use crate::{command::item::Done, error::CliError, when};

const KIND: &str = insight::KIND.name;

/// Arguments of `insight`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Insight {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with insights.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Offer the other person one: it is theirs to say whether it is
    Offer(Words),
    /// Write down one of your own
    Add {
        /// The words.
        #[command(flatten)]
        words: Words,
        /// Keep it to yourself: the other person does not even learn that it exists
        #[arg(long)]
        private: bool,
    },
    /// List insights; also what a bare `insight` does
    List {
        /// Also those that were let go
        #[arg(long)]
        all: bool,
    },
    /// Show an insight
    Show {
        /// Its id, or three letters or more of it
        id: String,
    },
    /// Yes, that is one: it comes back in a month
    Confirm(Which),
    /// You tried it out
    Test(Which),
    /// It is part of how you live
    Integrate(Which),
    /// You looked at it again: it comes back later, the next time after three months, then after twelve
    Again(Which),
    /// Let go of it
    LetGo(Which),
}

/// The words of an insight.
#[derive(Args, Debug)]
pub struct Words {
    /// The words
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// An insight.
#[derive(Args, Debug)]
pub struct Which {
    /// Its id or all of its words
    id: String,
}

impl Insight {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List { all: false }) {
            Verb::List { all } => item::list(context, KIND, all).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            verb => verb.change(context).map(Answer::Done),
        }
    }
}

impl Verb {
    fn change(self, context: &Context<'_>) -> Result<Done, CliError> {
        match self {
            Self::Offer(Words { words }) => {
                let mut profile = context.profile()?;
                let space = context.space(&mut profile)?;
                let intent = Intent::Offer { text: words.join(" ") };
                item::add(context, &mut profile, Place::Alliance(space), "Offered", intent)
            }
            Self::Add { words: Words { words }, private } => {
                let mut profile = context.profile()?;
                let place = if private { Place::Personal } else { Place::Alliance(context.space(&mut profile)?) };
                let (back, said) = back(context, INTERVALS[0])?;
                let intent = Intent::Add { text: words.join(" "), back };
                Ok(Done { said: Some(said), ..item::add(context, &mut profile, place, "Added", intent)? })
            }
            Self::Confirm(which) => which.stand(context, "Confirmed", Some("new")),
            Self::Test(which) => which.stand(context, "Tried out", Some("tested")),
            Self::Integrate(which) => which.stand(context, "Integrated", Some(insight::INTEGRATED)),
            Self::Again(which) => which.stand(context, "Looked at", None),
            Self::LetGo(Which { id }) => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let intent = Intent::Stand { item: item.item, status: Some("let go".to_owned()), back: None };
                item::change(context, &mut profile, &item, "Let go", intent)
            }
            Self::List { .. } | Self::Show { .. } => Err(CliError::Bug),
        }
    }
}

impl Which {
    /// Says how one stands to it; it comes back after the next interval if one looked at it again, else after the first.
    fn stand(self, context: &Context<'_>, verb: &'static str, status: Option<&str>) -> Result<Done, CliError> {
        let (mut profile, item) = item::open(context, KIND, &self.id)?;
        let months = match status {
            None => insight::next(profile.months(&item)?),
            Some(_) => Some(INTERVALS[0]),
        };
        let (back, said) = months.map(|months| back(context, months)).transpose()?.unzip();
        let intent = Intent::Stand { item: item.item, status: status.map(str::to_owned), back };
        Ok(Done { said, ..item::change(context, &mut profile, &item, verb, intent)? })
    }
}

/// The day after so many months, and how that is said.
fn back(context: &Context<'_>, months: i64) -> Result<(Back, String), CliError> {
    let today = context.env.today()?;
    let day = today.checked_add(months.months()).unwrap_or(today);
    Ok((Back { day: day.to_string(), months }, format!("back on {}", when::shown(day))))
}

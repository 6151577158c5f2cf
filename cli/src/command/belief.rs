//! `alliance belief`: what holds one back, looked at: what speaks for it and against it, another way to see it, something
//! to try.

use alliance_core::{
    app::Place,
    domain::{
        belief::{self, Intent},
        commitment,
    },
};
use alliance_replica::id::ItemId;
use clap::{Args, Subcommand};

use super::{Answer, Context, item, reflect::Share};
use crate::{command::item::Done, error::CliError};

const KIND: &str = belief::KIND.name;

/// Arguments of `belief`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Belief {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with beliefs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Name a belief that holds you back, for yourself alone
    Name(Name),
    /// List beliefs; also what a bare `belief` does
    List,
    /// Show a belief with everything that speaks for and against it
    Show {
        /// Its id, its title, or three letters or more of the title
        id: String,
    },
    /// Write down what speaks for it
    For(Words),
    /// Write down what speaks against it; of a belief of the other person it is an offer
    Against(Words),
    /// See it otherwise; of a belief of the other person it is an offer
    Reframe(Words),
    /// Say how strong it is today
    Strength {
        /// Its id or all of its words
        id: String,
        /// From 0 to 100
        #[arg(value_name = "0-100")]
        strength: i64,
    },
    /// Link a commitment with which you try something else
    Try {
        /// Its id or all of its words
        id: String,
        /// Id or whole title of the commitment
        commitment: String,
    },
    /// Give the other person a copy, after a look at what they will see
    Share(Share),
}

/// Arguments of `belief name`.
#[derive(Args, Debug)]
pub struct Name {
    /// The belief
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    /// How strong it is today, from 0 to 100
    #[arg(long, value_name = "0-100")]
    strength: Option<i64>,
    /// Let the other person see it from the beginning
    #[arg(long)]
    shared: bool,
}

/// Words about a belief.
#[derive(Args, Debug)]
pub struct Words {
    /// Its id or all of its words
    id: String,
    /// The words
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

impl Belief {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::List => item::list(context, KIND, true).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            verb => verb.change(context).map(Answer::Done),
        }
    }
}

impl Verb {
    fn change(self, context: &Context<'_>) -> Result<Done, CliError> {
        let date = context.env.today()?.to_string();
        match self {
            Self::Name(Name { words, strength, shared }) => {
                let mut profile = context.profile()?;
                let place = if shared { Place::Alliance(context.space(&mut profile)?) } else { Place::Personal };
                let intent = Intent::Name { belief: words.join(" "), strength: strength.map(|it| (date, it)) };
                item::add(context, &mut profile, place, "Named", intent)
            }
            Self::For(Words { id, words }) => {
                let words = words.join(" ");
                act(context, &id, "Written", |item| Intent::Evidence { item, supports: true, date, words })
            }
            Self::Against(Words { id, words }) => {
                let words = words.join(" ");
                act(context, &id, "Written", |item| Intent::Evidence { item, supports: false, date, words })
            }
            Self::Reframe(Words { id, words }) => {
                let words = words.join(" ");
                act(context, &id, "Written", |item| Intent::Reframe { item, date, words })
            }
            Self::Strength { id, strength } => {
                act(context, &id, "Said", |item| Intent::Strength { item, date, strength })
            }
            Self::Try { id, commitment } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let (_, found) = item::find(context, &mut profile, Some(commitment::KIND.name), &commitment)?;
                let intent = Intent::Experiment { item: item.item, commitment: found.item.to_string() };
                item::change(context, &mut profile, &item, "Linked", intent)
            }
            Self::Share(share) => share.run(context, KIND),
            Self::List | Self::Show { .. } => Err(CliError::Bug),
        }
    }
}

fn act(
    context: &Context<'_>,
    id: &str,
    verb: &'static str,
    intent: impl FnOnce(ItemId) -> Intent,
) -> Result<Done, CliError> {
    let (mut profile, item) = item::open(context, KIND, id)?;
    item::change(context, &mut profile, &item, verb, intent(item.item))
}

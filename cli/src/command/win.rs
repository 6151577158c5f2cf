//! `alliance win`: what went well, and the cheers for it.

use alliance_core::{
    app::Place,
    domain::win::{self, Intent},
};
use clap::{Args, Subcommand};

use super::{Answer, Context, item};
use crate::error::CliError;

const KIND: &str = win::KIND.name;

/// Arguments of `win`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Win {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with wins.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Write down what went well
    Add {
        /// The words
        #[arg(required = true, value_name = "WORDS")]
        words: Vec<String>,
    },
    /// List wins; also what a bare `win` does
    List,
    /// Show a win with its cheers
    Show {
        /// Its id, or three letters or more of it
        id: String,
    },
    /// Cheer
    Cheer {
        /// Its id or all of its words
        id: String,
        /// In your words
        words: Vec<String>,
    },
}

impl Win {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::Add { words } => {
                let mut profile = context.profile()?;
                let place = Place::Alliance(context.space(&mut profile)?);
                let intent = Intent::Add { text: words.join(" ") };
                item::add(context, &mut profile, place, "Added", intent).map(Answer::Done)
            }
            Verb::List => item::list(context, KIND, true).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            Verb::Cheer { id, words } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let date = context.env.today()?.to_string();
                let intent = Intent::Cheer { item: item.item, date, words: words.join(" ") };
                item::change(context, &mut profile, &item, "Cheered", intent).map(Answer::Done)
            }
        }
    }
}

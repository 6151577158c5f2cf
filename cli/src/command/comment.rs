//! `alliance comment`: a few words about anything, shown where that is shown.

use alliance_core::{
    app::Place,
    domain::comment::{self, Intent},
};
use clap::{Args, Subcommand};

use super::{Answer, Context, item};
use crate::error::CliError;

const KIND: &str = comment::KIND.name;

/// Arguments of `comment`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Comment {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with comments.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Say something about an item of any kind
    Add {
        /// Id or whole title of the item
        id: String,
        /// The words
        #[arg(required = true, value_name = "WORDS")]
        words: Vec<String>,
    },
    /// List comments; also what a bare `comment` does
    List,
    /// Change a comment of yours; without -m your editor opens
    Edit {
        /// Its id
        id: String,
        /// The whole new words; - reads them from stdin
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        message: Option<String>,
    },
}

impl Comment {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::Add { id, words } => {
                let mut profile = context.profile()?;
                let (space, target) = item::find(context, &mut profile, None, &id)?;
                let place = if target.space == space { Place::Alliance(space) } else { Place::Personal };
                let intent = Intent::Add { target: target.item, body: words.join(" ") };
                item::add(context, &mut profile, place, "Said", intent).map(Answer::Done)
            }
            Verb::List => item::list(context, KIND, true).map(Answer::Items),
            Verb::Edit { id, message } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let body = item::edited(context, &mut profile, &item, "body", message)?;
                let intent = Intent::Edit { item: item.item, body };
                item::change(context, &mut profile, &item, "Changed", intent).map(Answer::Done)
            }
        }
    }
}

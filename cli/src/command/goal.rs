//! `alliance goal`: what the two are working towards.

use alliance_core::{
    app::{Intent, Place},
    domain::goal,
};
use clap::{Args, Subcommand};

use super::{Answer, Context, item};
use crate::{args::Title, command::item::Done, error::CliError};

const KIND: &str = "goal";

/// Arguments of `goal`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Goal {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with goals.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Add a goal
    Add(Add),
    /// List goals; also what a bare `goal` does
    List,
    /// Show a goal with everything in it
    Show {
        /// Its id or its title
        id: String,
    },
    /// Change a goal
    Edit(Edit),
}

/// Arguments of `goal add`.
#[derive(Args, Debug)]
pub struct Add {
    /// What it is called.
    #[command(flatten)]
    pub title: Title,
}

/// Arguments of `goal edit`.
#[derive(Args, Debug)]
#[group(required = true, multiple = true, args = ["title", "why", "status", "horizon"])]
pub struct Edit {
    /// Its id or its title
    id: String,
    /// What it is called
    #[arg(long)]
    title: Option<String>,
    /// Why it matters; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    why: Option<String>,
    /// exploring, active, paused, reached or released
    #[arg(long)]
    status: Option<String>,
    /// By when, in your words
    #[arg(long, value_name = "WHEN")]
    horizon: Option<String>,
}

impl Goal {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::Add(add) => add.run(context).map(Answer::Done),
            Verb::List => item::list(context, KIND).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            Verb::Edit(edit) => edit.run(context).map(Answer::Done),
        }
    }
}

impl Add {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let intent = Intent::Goal(goal::Intent::Add { title: self.title.join() });
        Ok(Done::new("Added", profile.add(Place::Alliance(space), &intent, &mut context.outside().world())?))
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let mut profile = context.profile()?;
        let (_, item) = item::find(context, &mut profile, Some(KIND), &self.id)?;
        let why = self.why.map(|text| item::edited(context, &mut profile, &item, text)).transpose()?;
        let intent =
            Intent::Goal(goal::Intent::Edit { title: self.title, why, status: self.status, horizon: self.horizon });
        Ok(Done::new("Changed", profile.change(&item, &intent, &mut context.outside().world())?))
    }
}

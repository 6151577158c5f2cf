//! `alliance goal`: what the two are working towards.

use alliance_core::{
    app::{Intent, Place},
    document::TextEdit,
    domain::goal,
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Answer, Context, item};
use crate::{args::Title, command::item::Done, error::CliError};

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
    List {
        /// Also those that are reached or released
        #[arg(long)]
        all: bool,
    },
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
    /// Why it matters; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    why: Option<String>,
    /// Until when, in your words
    #[arg(long, value_name = "WHEN")]
    horizon: Option<String>,
    /// How it stands
    #[arg(long, default_value = goal::ACTIVE, value_parser = PossibleValuesParser::new(goal::STATUSES))]
    status: String,
    /// It belongs to both of you, and both say how it stands
    #[arg(long)]
    both: bool,
}

/// Arguments of `goal edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// Its id or its title
    id: String,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct Changes {
    /// What it is called
    #[arg(long)]
    title: Option<String>,
    /// Why it matters; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    why: Option<String>,
    /// Until when, in your words
    #[arg(long, value_name = "WHEN")]
    horizon: Option<String>,
    /// How it stands, which its owner says
    #[arg(long, value_parser = PossibleValuesParser::new(goal::STATUSES))]
    status: Option<String>,
    /// Why it stands so; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
}

impl Goal {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List { all: false }) {
            Verb::Add(add) => add.run(context).map(Answer::Done),
            Verb::List { all } => item::list(context, goal::KIND.name, all).map(Answer::Items),
            Verb::Show { id } => item::show(context, goal::KIND.name, &id).map(Answer::Item),
            Verb::Edit(edit) => edit.run(context).map(Answer::Done),
        }
    }
}

impl Add {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { title, why, horizon, status, both } = self;
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let why = why.map(|typed| item::text(context, typed)).transpose()?.unwrap_or_default();
        let add = goal::Add { title: title.join(), why, horizon, status: Some(status), both, ..Default::default() };
        let intent = Intent::Goal(goal::Intent::Add(add));
        Ok(Done::new("Added", profile.add(Place::Alliance(space), &intent, &mut context.outside().world())?))
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, changes: Changes { title, why, horizon, status, reason } } = self;
        let mut profile = context.profile()?;
        let (_, item) = item::find(context, &mut profile, Some(goal::KIND.name), &id)?;
        let why = why.map(|typed| item::edited(context, &mut profile, &item, typed)).transpose()?;
        let reason = reason.map(|typed| item::text(context, typed)).transpose()?;
        let reason = reason.map(|text| TextEdit { from: None, text });
        let edit = goal::Edit { title, why, horizon, status, reason, ..Default::default() };
        let intent = Intent::Goal(goal::Intent::Edit { item: item.item, edit });
        Ok(Done::new("Changed", profile.change(&item, &intent, &mut context.outside().world())?))
    }
}

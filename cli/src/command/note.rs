//! `alliance note`: what one of the two wrote down, for both or for themselves.

use alliance_core::{
    app::{Intent, Place},
    domain::note,
};
use clap::{Args, Subcommand};

use super::{Answer, Context, item};
use crate::{args::Title, command::item::Done, error::CliError};

/// Arguments of `note`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Note {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with notes.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Write a note
    Add(Add),
    /// List notes; also what a bare `note` does
    List,
    /// Show a note
    Show {
        /// Its id, its title, or three letters or more of the title
        id: String,
    },
    /// Change a note; without options your editor opens with its text
    Edit(Edit),
    /// Give the other person a copy of a private note, after a look at what they will see
    Share {
        /// Its id or its whole title
        id: String,
        /// Do not ask; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
        /// Make another copy of what was shared before
        #[arg(long)]
        again: bool,
    },
}

/// Arguments of `note add`.
#[derive(Args, Debug)]
pub struct Add {
    /// What it is called.
    #[command(flatten)]
    pub title: Title,
    /// The text; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, default_value = "", hide_default_value = true)]
    pub message: String,
    /// A tag; may be said several times
    #[arg(long, value_name = "WORDS")]
    pub tag: Vec<String>,
    /// Keep it to yourself: the other person does not even learn that it exists
    #[arg(long)]
    pub private: bool,
}

/// Arguments of `note edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// Its id or its whole title
    id: String,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Args, Debug)]
struct Changes {
    /// What it is called
    #[arg(long)]
    title: Option<String>,
    /// The whole new text; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// A tag to add
    #[arg(long, value_name = "WORDS")]
    tag: Vec<String>,
    /// A tag to remove
    #[arg(long, value_name = "WORDS")]
    untag: Vec<String>,
}

impl Note {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::Add(add) => add.run(context).map(Answer::Done),
            Verb::List => item::list(context, note::KIND.name, true).map(Answer::Items),
            Verb::Show { id } => item::show(context, note::KIND.name, &id).map(Answer::Item),
            Verb::Edit(edit) => edit.run(context).map(Answer::Done),
            Verb::Share { id, yes, again } => item::share(context, note::KIND.name, &id, yes, again).map(Answer::Done),
        }
    }
}

impl Add {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let mut profile = context.profile()?;
        let place = match self.private {
            true => Place::Personal,
            false => Place::Alliance(context.space(&mut profile)?),
        };
        let body = item::text(context, self.message)?;
        let add = note::Add { title: self.title.join(), body, tags: self.tag };
        let intent = Intent::Note(note::Intent::Add(add));
        Ok(Done::new("Added", profile.add(place, &intent, &mut context.outside().world())?))
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, changes: Changes { title, message, tag, untag } } = self;
        let mut profile = context.profile()?;
        let (_, item) = item::find(context, &mut profile, Some(note::KIND.name), &id)?;
        let body = match message {
            None if title.is_some() || !tag.is_empty() || !untag.is_empty() => None,
            message => Some(item::edited(context, &mut profile, &item, "body", message)?),
        };
        let edit = note::Edit { title, body, tag, untag };
        let intent = Intent::Note(note::Intent::Edit { item: item.item, edit });
        Ok(Done::new("Changed", profile.change(&item, &intent, &mut context.outside().world())?))
    }
}

//! `alliance reflect`: what somebody writes for themselves, and may give the other person a copy of.

use alliance_core::{
    app::Place,
    domain::reflection::{self, Intent, PROMPTS},
};
use clap::{Args, Subcommand};

use super::{Answer, Context, item};
use crate::{command::item::Done, editor, error::CliError, render};

const KIND: &str = reflection::KIND.name;

/// Arguments of `reflect`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Reflect {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with reflections.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Write one, for yourself alone; without -m your editor opens
    Write(Write),
    /// List reflections; also what a bare `reflect` does
    List,
    /// Show a reflection
    Show {
        /// Its id, its title, or three letters or more of the title
        id: String,
    },
    /// Change one; without -m your editor opens
    Edit {
        /// Its id or its whole title
        id: String,
        /// The whole new text; - reads it from stdin
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        message: Option<String>,
    },
    /// Give the other person a copy, after a look at what they will see
    Share(Share),
    /// Prompts to begin from
    Prompts,
}

/// Arguments of `share`, of whatever kind.
#[derive(Args, Debug)]
pub struct Share {
    /// Its id or its whole title
    id: String,
    /// Do not ask; needed where nobody can be asked
    #[arg(long)]
    yes: bool,
    /// Make another copy of what was shared before
    #[arg(long)]
    again: bool,
}

/// Arguments of `reflect write`.
#[derive(Args, Debug)]
pub struct Write {
    /// What it answers: a number of `reflect prompts`, or your words
    #[arg(value_name = "PROMPT")]
    prompt: Vec<String>,
    /// The text; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// A tag; may be said several times
    #[arg(long, value_name = "WORDS")]
    tag: Vec<String>,
    /// Let the other person see it from the beginning
    #[arg(long)]
    shared: bool,
}

impl Reflect {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::Write(write) => write.run(context).map(Answer::Done),
            Verb::List => item::list(context, KIND, true).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            Verb::Edit { id, message } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let body = Some(item::edited(context, &mut profile, &item, "body", message)?);
                let intent = Intent::Edit { item: item.item, body, tag: Vec::new(), untag: Vec::new() };
                item::change(context, &mut profile, &item, "Changed", intent).map(Answer::Done)
            }
            Verb::Share(share) => share.run(context, KIND).map(Answer::Done),
            Verb::Prompts => {
                let lines = (1..).zip(PROMPTS).map(|(number, prompt)| format!("{number}\t{prompt}\n"));
                Ok(Answer::Text(lines.collect()))
            }
        }
    }
}

impl Share {
    /// Shares an item of a kind.
    pub fn run(self, context: &Context<'_>, kind: &'static str) -> Result<Done, CliError> {
        item::share(context, kind, &self.id, self.yes, self.again)
    }
}

impl Write {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { prompt, message, tag: tags, shared } = self;
        let mut profile = context.profile()?;
        let place = if shared { Place::Alliance(context.space(&mut profile)?) } else { Place::Personal };
        let prompt = Some(prompt.join(" ")).filter(|it| !it.is_empty());
        let banked = |words: String| match words.parse::<usize>().ok().and_then(|n| PROMPTS.get(n.checked_sub(1)?)) {
            Some(prompt) => (*prompt).to_owned(),
            None => words,
        };
        let prompt = prompt.map(banked);
        let body = match message {
            Some(typed) => item::text(context, typed)?,
            None => {
                let quoted = prompt.as_ref().map(|prompt| format!(" {}", render::quoted(prompt))).unwrap_or_default();
                let verb = format!("reflect write{quoted} -m -");
                editor::edit(context, "", render::in_alliance(context.named_alliance(), &verb))?
            }
        };
        item::add(context, &mut profile, place, "Written", Intent::Write { prompt, body, tags })
    }
}

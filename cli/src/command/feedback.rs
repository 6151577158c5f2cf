//! `alliance feedback`: what one tells the other, in both directions and in the same form.

use alliance_core::{
    app::{Intent, Place},
    domain::feedback,
};
use clap::{Args, Subcommand, ValueEnum};

use super::{Answer, Context, item};
use crate::{command::item::Done, error::CliError, render};

/// What was done to a request.
pub const ASKED: &str = "Asked";

/// Arguments of `feedback`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Feedback {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with feedback.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Tell the other person something; without words your editor opens
    Give(Give),
    /// Ask the other person for feedback
    Ask(Ask),
    /// List feedback and requests for it; also what a bare `feedback` does
    List,
    /// Show feedback with its answer
    Show {
        /// Its id or what it is about
        id: String,
    },
    /// Answer what you were given; without options your editor opens
    Respond(Respond),
}

/// What feedback says.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// What is good as it is
    Keep,
    /// What there could be more of
    #[value(aliases = ["more", "more of"])]
    MoreOf,
    /// What there could be less of
    #[value(aliases = ["less", "less of"])]
    LessOf,
    /// What you noticed, without a wish
    Noticed,
}

/// Arguments of `feedback give`.
#[derive(Args, Debug)]
pub struct Give {
    /// What it says
    #[arg(value_name = "WHAT")]
    sort: Sort,
    /// The words
    #[arg(value_name = "WORDS", conflicts_with = "message")]
    words: Vec<String>,
    /// The words as one text; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// About what, on one line
    #[arg(long, value_name = "WORDS")]
    about: Option<String>,
    /// The request that it answers: its id or what it is about
    #[arg(long = "for", value_name = "ID")]
    asked_for: Option<String>,
}

/// Arguments of `feedback ask`.
#[derive(Args, Debug)]
pub struct Ask {
    /// About what
    #[arg(required = true, value_name = "ABOUT")]
    about: Vec<String>,
    /// More words; - reads them from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
}

/// Arguments of `feedback respond`.
#[derive(Args, Debug)]
pub struct Respond {
    /// Its id or what it is about
    id: String,
    /// Say thank you
    #[arg(long)]
    thanks: bool,
    /// In words; - reads them from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
}

impl Sort {
    fn name(self) -> &'static str {
        let [keep, more, less, noticed] = feedback::SORTS else { return "" };
        match self {
            Self::Keep => keep,
            Self::MoreOf => more,
            Self::LessOf => less,
            Self::Noticed => noticed,
        }
    }
}

impl Feedback {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::Give(give) => give.run(context).map(Answer::Done),
            Verb::Ask(ask) => ask.run(context).map(Answer::Done),
            Verb::List => item::list(context, feedback::KIND.name, true).map(Answer::Items),
            Verb::Show { id } => item::show(context, feedback::KIND.name, &id).map(Answer::Item),
            Verb::Respond(respond) => respond.run(context).map(Answer::Done),
        }
    }
}

impl Give {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { sort, mut words, message, about, asked_for } = self;
        if matches!(sort, Sort::MoreOf | Sort::LessOf) && words.first().is_some_and(|word| word == "of") {
            // So people say it: more of what.
            words.remove(0);
        }
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let asked = asked_for.map(|text| item::find(context, &mut profile, Some(feedback::KIND.name), &text));
        let asked_for = asked.transpose()?.map(|(_, item)| item.item);
        let body = match message {
            Some(typed) => item::text(context, typed)?,
            None if words.is_empty() => {
                let verb = format!("feedback give '{}' -m -", sort.name());
                crate::editor::edit(context, "", render::in_alliance(context.named_alliance(), &verb))?
            }
            None => words.join(" "),
        };
        let give = feedback::Give { sort: sort.name().to_owned(), about, body, asked_for };
        let intent = Intent::Feedback(feedback::Intent::Give(give));
        Ok(Done::new("Given", profile.add(Place::Alliance(space), &intent, &mut context.outside().world())?))
    }
}

impl Ask {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let body = self.message.map(|typed| item::text(context, typed)).transpose()?.unwrap_or_default();
        let intent = Intent::Feedback(feedback::Intent::Ask { about: self.about.join(" "), body });
        Ok(Done::new(ASKED, profile.add(Place::Alliance(space), &intent, &mut context.outside().world())?))
    }
}

impl Respond {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, thanks, message } = self;
        let mut profile = context.profile()?;
        let (_, item) = item::find(context, &mut profile, Some(feedback::KIND.name), &id)?;
        let response = match message {
            None if thanks => None,
            message => Some(item::edited(context, &mut profile, &item, "response", message)?),
        };
        let intent = feedback::Intent::Respond { item: item.item, thanked: thanks, response };
        let done = profile.change(&item, &Intent::Feedback(intent), &mut context.outside().world())?;
        Ok(Done::new("Answered", done))
    }
}

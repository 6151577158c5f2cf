//! `alliance session`: coaching sessions, planned, written at by both, and finished.

use alliance_core::{
    app::{ItemRef, Place},
    domain::session::{self, Details, Intent, TEMPLATES},
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Answer, Context, item};
use crate::{command::item::Done, error::CliError, when};

const KIND: &str = session::KIND.name;

/// Arguments of `session`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Session {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with sessions.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Plan a session
    Plan(Plan),
    /// List sessions that are to come; also what a bare `session` does
    List {
        /// Also those that are finished
        #[arg(long)]
        all: bool,
    },
    /// Show a session with agenda, notes and take-aways
    Show {
        /// Its id, its title, or three letters or more of the title
        id: String,
    },
    /// Change when, where or what it is about
    Edit(Edit),
    /// Write at the notes, which both of you do; without -m your editor opens
    Note {
        /// Its id or its whole title
        id: String,
        /// What is added to the notes; - reads it from stdin
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        message: Option<String>,
        /// Take it as the whole new notes, in place of what both of you wrote
        #[arg(long, requires = "message")]
        replace: bool,
    },
    /// Say what you take away from it
    Take {
        /// Its id or its whole title
        id: String,
        /// What you take away
        #[arg(required = true, value_name = "WORDS")]
        words: Vec<String>,
    },
    /// It was; say what you take away, if you like
    Finish {
        /// Its id or its whole title
        id: String,
        /// What you take away
        #[arg(long, value_name = "WORDS")]
        take: Option<String>,
    },
}

/// Arguments of `session plan`.
#[derive(Args, Debug)]
pub struct Plan {
    /// When: `fri 16:00`, `tomorrow 9am`, `2026-11-27 16:00`
    #[arg(required = true, value_name = "WHEN")]
    when: Vec<String>,
    /// What it is called [default: Session on its day]
    #[arg(long, value_name = "WORDS")]
    title: Option<String>,
    /// An agenda to begin from; wish: wish, outcome, obstacle, plan
    #[arg(long, value_parser = PossibleValuesParser::new(TEMPLATES.iter().map(|(name, _)| *name)))]
    template: Option<String>,
    #[command(flatten)]
    about: About,
}

/// Arguments of `session edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// Its id or its whole title
    id: String,
    /// What it is called
    #[arg(long, value_name = "WORDS")]
    title: Option<String>,
    /// When: `fri 16:00`, `tomorrow 9am`, `2026-11-27 16:00`; `never` for open
    #[arg(long, value_name = "WHEN")]
    when: Option<String>,
    /// A point to take from the agenda: all of its words
    #[arg(long, value_name = "WORDS")]
    not_point: Vec<String>,
    #[command(flatten)]
    about: About,
}

#[derive(Args, Debug)]
struct About {
    /// How long
    #[arg(long, value_name = "WORDS")]
    length: Option<String>,
    /// Where
    #[arg(long, value_name = "WORDS")]
    place: Option<String>,
    /// What it is to come to; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    aim: Option<String>,
    /// A point for the agenda; may be said several times
    #[arg(long, value_name = "WORDS")]
    point: Vec<String>,
}

impl Session {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List { all: false }) {
            Verb::List { all } => item::list(context, KIND, all).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            Verb::Plan(plan) => plan.run(context).map(Answer::Done),
            Verb::Edit(edit) => edit.run(context).map(Answer::Done),
            Verb::Note { id, message, replace } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let notes = Some(match message {
                    Some(added) if !replace => item::added(context, &mut profile, &item, session::NOTES, added)?,
                    whole => item::edited(context, &mut profile, &item, session::NOTES, whole)?,
                });
                let intent = edit(&item, Details { notes, ..Details::default() });
                item::change(context, &mut profile, &item, "Written", intent).map(Answer::Done)
            }
            Verb::Take { id, words } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let intent = take(context, &item, words.join(" "))?;
                item::change(context, &mut profile, &item, "Taken along", intent).map(Answer::Done)
            }
            Verb::Finish { id, take: words } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                if let Some(words) = words {
                    let intent = take(context, &item, words)?;
                    item::change(context, &mut profile, &item, "Taken along", intent)?;
                }
                let intent = Intent::Finish { item: item.item };
                let done = item::change(context, &mut profile, &item, "Finished", intent)?;
                let next =
                    "`alliance commitment add <words>` keeps what you want to do, `session plan <when>` the next one.";
                Ok(Answer::Done(Done { next: Some(next.to_owned()), ..done }))
            }
        }
    }
}

impl Plan {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { when, title, template, about } = self;
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let (when, day, said) = when::session(context.env, &when.join(" "))?;
        let title = title.unwrap_or_else(|| match day {
            Some(day) => format!("Session on {}", when::shown(day)),
            None => "Session".to_owned(),
        });
        let mut details = about.details(context)?;
        let points = TEMPLATES.iter().find(|(name, _)| Some(*name) == template.as_deref());
        let points = points.into_iter().flat_map(|(_, points)| points.iter().map(|it| (*it).to_owned()));
        details.agenda = points.chain(details.agenda).collect();
        let details = Details { title: Some(title), when: Some(when), ..details };
        let done = item::add(context, &mut profile, Place::Alliance(space), "Planned", Intent::Plan(details))?;
        Ok(Done { said: Some(said), ..done })
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, title, when, not_point, about } = self;
        let (mut profile, item) = item::open(context, KIND, &id)?;
        let (when, said) = match when.map(|when| when::session(context.env, &when)).transpose()? {
            Some((when, _, said)) => (Some(when), Some(said)),
            None => (None, None),
        };
        let details = Details { title, when, not_agenda: not_point, ..about.details(context)? };
        Ok(Done { said, ..item::change(context, &mut profile, &item, "Changed", edit(&item, details))? })
    }
}

impl About {
    fn details(self, context: &Context<'_>) -> Result<Details, CliError> {
        let Self { length, place, aim, point } = self;
        Ok(Details { length, place, aim: item::over(context, aim)?, agenda: point, ..Details::default() })
    }
}

fn edit(item: &ItemRef, details: Details) -> Intent {
    Intent::Edit { item: item.item, details }
}

fn take(context: &Context<'_>, item: &ItemRef, words: String) -> Result<Intent, CliError> {
    Ok(Intent::TakeAway { item: item.item, date: context.env.today()?.to_string(), words })
}

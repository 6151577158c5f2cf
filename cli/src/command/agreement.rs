//! `alliance agreement`: how the two work together; in force once both have acknowledged the same text.

use alliance_core::{
    app::{self, Profile},
    document::{
        TextEdit,
        text::{Piece, pieces},
    },
    domain::agreement::{self, Intent, SECTIONS},
};
use alliance_replica::id::SpaceId;
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde::Serialize;

use super::{Answer, Context, conflict, history::Span, item};
use crate::{command::item::Done, editor, error::CliError, render};

/// Arguments of `agreement`; without a verb it shows.
#[derive(Args, Debug)]
pub struct Agreement {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with the agreement.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show it, and who has acknowledged it; also what a bare `agreement` does
    Show,
    /// Write at a section, or begin from a template in plain words
    Edit(Edit),
    /// Say that the text, as it is, is what you agree to
    Acknowledge {
        /// Do not ask; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
    },
    /// What differs between the text and what you both agreed on
    Diff,
    /// What was in force, and since when
    List,
}

/// Arguments of `agreement edit`.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub struct Edit {
    /// The section; without -m your editor opens
    #[arg(value_parser = PossibleValuesParser::new(SECTIONS.map(|section| section.name)))]
    section: Option<String>,
    /// The whole new text of the section; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, requires = "section")]
    message: Option<String>,
    /// Fill the sections that say nothing yet
    #[arg(long, conflicts_with = "section")]
    template: bool,
}

/// The agreement.
#[derive(Serialize, Debug)]
pub struct Shown {
    /// The item, in hexadecimal.
    pub id: String,
    /// How the draft is acknowledged.
    pub hash: String,
    /// The sections of the draft, in their order.
    pub sections: Vec<Section>,
    /// Who has acknowledged the draft as it is: `you`, or the other's name.
    pub acknowledged: Vec<String>,
    /// The day since which what both acknowledged last is in force.
    pub in_force_since: Option<String>,
    /// True if the draft is what is in force.
    pub in_force: bool,
    /// What the alliance is called.
    #[serde(skip)]
    pub title: String,
}

/// A section.
#[derive(Serialize, Debug)]
pub struct Section {
    /// What a person types for it.
    pub id: &'static str,
    /// What it is called.
    pub heading: &'static str,
    /// What it says.
    pub text: String,
}

/// What differs in a section.
#[derive(Serialize, Debug)]
pub struct Differs {
    /// What a person types for it.
    pub id: &'static str,
    /// What it is called.
    pub heading: &'static str,
    /// In pieces.
    pub text: Vec<Span>,
}

/// A text that was in force.
#[derive(Serialize, Debug)]
pub struct Force {
    /// Its hash.
    pub id: String,
    /// Since which day.
    pub since: String,
    /// True if it is in force now.
    pub now: bool,
    /// The whole text.
    pub text: String,
}

impl Agreement {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::Show) {
            Verb::Show => show(context).map(Answer::Agreement),
            Verb::Edit(edit) => edit.run(context).map(Answer::Done),
            Verb::Acknowledge { yes } => acknowledge(context, yes).map(Answer::Done),
            Verb::Diff => diff(context).map(Answer::Differs),
            Verb::List => forces(context).map(Answer::Forces),
        }
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { section, message, template } = self;
        let (mut profile, space, there) = open(context)?;
        let place = SECTIONS.iter().position(|it| Some(it.name) == section.as_deref());
        let edit = |text| TextEdit { from: Some(there.heads.clone()), text };
        let sections = match place {
            Some(place) => {
                let text = match message {
                    Some(typed) => item::text(context, typed)?,
                    None => {
                        let verb = format!("agreement edit {} -m -", SECTIONS[place].name);
                        editor::edit(
                            context,
                            &there.draft[place],
                            render::in_alliance(context.named_alliance(), &verb),
                        )?
                    }
                };
                vec![(place, edit(text))]
            }
            None if template => {
                let empty = (0..).zip(&there.draft).filter(|(_, text)| text.is_empty()).map(|(place, _)| place);
                empty.map(|place: usize| (place, edit(SECTIONS[place].template.to_owned()))).collect()
            }
            None => Vec::new(),
        };
        let done = profile.agree(space, &Intent::Edit { sections }, &mut context.outside().world())?;
        let next = "Nothing is in force until both of you `alliance agreement acknowledge` the same text.";
        Ok(Done { next: Some(next.to_owned()), ..Done::new("Written", done) })
    }
}

fn open(context: &Context<'_>) -> Result<(Profile, SpaceId, app::Agreement), CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    let agreement = profile.agreement(space)?;
    Ok((profile, space, agreement))
}

fn show(context: &Context<'_>) -> Result<Shown, CliError> {
    let (mut profile, space, there) = open(context)?;
    let title = profile.alliances()?.into_iter().find(|it| it.space == space).map(|it| it.title).unwrap_or_default();
    let said = SECTIONS.iter().zip(there.draft).filter(|(_, text)| !text.is_empty());
    let sections = said.map(|(section, text)| Section { id: section.name, heading: section.heading, text });
    let force = there.forces.last();
    Ok(Shown {
        id: there.item.item.to_string(),
        sections: sections.collect(),
        acknowledged: there.acknowledged.into_iter().map(conflict::name).collect(),
        in_force_since: force.map(|it| it.since.clone()),
        in_force: force.is_some_and(|it| it.hash == there.hash),
        hash: there.hash,
        title,
    })
}

fn acknowledge(context: &Context<'_>, yes: bool) -> Result<Done, CliError> {
    let (mut profile, space, there) = open(context)?;
    let whole = agreement::canonical(&there.draft);
    if !yes && !whole.is_empty() {
        match context.ui.ask(&whole, "Is this what you agree to?") {
            Some(true) => {}
            Some(false) => return Err(CliError::Declined),
            None => return Err(CliError::Unconfirmed { what: "what you agree to".to_owned() }),
        }
    }
    let intent = Intent::Acknowledge { date: context.env.today()?.to_string(), read: there.hash };
    let done = profile.agree(space, &intent, &mut context.outside().world())?;
    let after = profile.agreement(space)?;
    let in_force = after.forces.last().is_some_and(|it| it.hash == after.hash);
    let next =
        if in_force { "You both did: it is in force." } else { "It is in force once the other person does, too." };
    Ok(Done { next: Some(next.to_owned()), ..Done::new("Acknowledged", done) })
}

fn diff(context: &Context<'_>) -> Result<Vec<Differs>, CliError> {
    let (_, _, there) = open(context)?;
    let before = there.forces.last().map(|it| it.texts.clone()).unwrap_or_default();
    let differ = SECTIONS.iter().zip(before.iter().zip(&there.draft)).filter(|(_, (before, now))| before != now);
    let span = |piece| match piece {
        Piece::Same(text) => Span::Same(text),
        Piece::Removed(text) => Span::Removed(text),
        Piece::Added(text) => Span::Added(text),
    };
    let one = |(section, (before, now)): (&agreement::Section, (&String, &String))| Differs {
        id: section.name,
        heading: section.heading,
        text: pieces(before, now).into_iter().map(span).collect(),
    };
    Ok(differ.map(one).collect())
}

fn forces(context: &Context<'_>) -> Result<Vec<Force>, CliError> {
    let (_, _, there) = open(context)?;
    let last = there.forces.len();
    let one = |(number, it): (usize, agreement::Force)| Force {
        text: agreement::canonical(&it.texts),
        id: it.hash,
        since: it.since,
        now: number == last,
    };
    Ok((1..).zip(there.forces).map(one).collect())
}

//! `alliance commitment`: what one offers, and only its owner accepts, dates and ends.

use alliance_core::{
    app::{ItemRef, Place, Profile},
    domain::{
        commitment::{self, CheckIn, Intent, OUTCOMES, Offer, Terms},
        goal,
    },
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Answer, Context, item};
use crate::{command::item::Done, error::CliError, when};

const KIND: &str = commitment::KIND.name;
/// What was done with what is for the other person.
pub const OFFERED: &str = "Offered";

/// Arguments of `commitment`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Commitment {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with commitments.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Offer the other person something to commit to: it is nothing until they accept it
    Offer(New),
    /// Commit to something yourself
    Add(Add),
    /// Accept what was offered to you
    Accept(Accept),
    /// List commitments and offers; also what a bare `commitment` does
    List {
        /// Also those that are kept, let go or taken back
        #[arg(long)]
        all: bool,
    },
    /// Show a commitment with everything that was said of it
    Show {
        /// Its id, its title, or three letters or more of the title
        id: String,
    },
    /// Change its words, what it is for, or how you mean to do it
    Edit(Edit),
    /// Give a commitment of yours another date
    Move {
        /// Its id or its whole title
        id: String,
        /// By when: `fri`, `tomorrow 9am`, `in 3 days`, `2026-11-27`; `never` for no date
        #[arg(required = true, value_name = "WHEN")]
        when: Vec<String>,
    },
    /// It is kept; also `alliance done`
    Keep(Close),
    /// It is kept in part
    Partly(Close),
    /// Let go of it, or decline an offer
    #[command(visible_alias = "decline")]
    LetGo(Close),
    /// Go on with it on other terms
    Renegotiate(Renegotiate),
    /// Take back an offer that was not accepted
    Withdraw {
        /// Its id or its whole title
        id: String,
    },
    /// Ask the other person how it goes; they see it once, and may answer or not
    Ask {
        /// Its id or its whole title
        id: String,
        /// In your words [default: how does it go?]
        words: Vec<String>,
    },
    /// Want to be asked about it no more
    Mute {
        /// Its id or its whole title
        id: String,
        /// It may be asked about again
        #[arg(long)]
        off: bool,
    },
    /// Say how a commitment of yours goes
    CheckIn(Check),
}

/// Arguments of `commitment offer`.
#[derive(Args, Debug)]
pub struct New {
    /// What it is
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    /// The goal that it is for; may be said several times
    #[arg(long, value_name = "ID")]
    goal: Vec<String>,
}

/// Arguments of `commitment add`.
#[derive(Args, Debug)]
pub struct Add {
    #[command(flatten)]
    new: New,
    #[command(flatten)]
    how: How,
    /// Keep it to yourself: the other person does not even learn that it exists
    #[arg(long)]
    private: bool,
}

/// Arguments of `commitment accept`.
#[derive(Args, Debug)]
pub struct Accept {
    /// Its id or its whole title
    id: String,
    #[command(flatten)]
    how: How,
}

/// Arguments of `commitment edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// Its id or its whole title
    id: String,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    how: How,
}

#[derive(Args, Debug)]
struct Changes {
    /// What it is
    #[arg(long, value_name = "WORDS")]
    title: Option<String>,
    /// A goal that it is for
    #[arg(long, value_name = "ID")]
    goal: Vec<String>,
    /// A goal that it is not for
    #[arg(long, value_name = "ID")]
    not_goal: Vec<String>,
}

/// Arguments of `commitment renegotiate`.
#[derive(Args, Debug)]
pub struct Renegotiate {
    /// Its id or its whole title
    id: String,
    /// What it is now
    #[arg(long, value_name = "WORDS")]
    title: Option<String>,
    #[command(flatten)]
    how: How,
    /// What you take from how it went; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
}

/// How its owner means to do it.
#[derive(Args, Debug)]
struct How {
    /// By when: `fri`, `tomorrow 9am`, `in 3 days`, `2026-11-27`
    #[arg(long, value_name = "WHEN")]
    due: Option<String>,
    /// If this happens, then I do that
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    if_then: Option<String>,
    /// How sure you are, from 0 to 10
    #[arg(long, value_name = "0-10")]
    confidence: Option<i64>,
    /// What would help you
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    support: Option<String>,
}

/// Arguments of `commitment keep`, `partly` and `let-go`, and of `done`.
#[derive(Args, Debug)]
pub struct Close {
    /// Its id or its whole title
    id: String,
    /// What you take from it; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
}

/// Arguments of `commitment check-in`.
#[derive(Args, Debug)]
pub struct Check {
    /// Its id or its whole title
    id: String,
    /// How it goes
    #[arg(value_parser = PossibleValuesParser::new(OUTCOMES))]
    outcome: String,
    /// In words
    #[arg(short, long, value_name = "WORDS", allow_hyphen_values = true)]
    message: Option<String>,
    /// What is in the way
    #[arg(long, value_name = "WORDS")]
    obstacle: Option<String>,
    /// How you feel, from 1 to 5
    #[arg(long, value_name = "1-5")]
    mood: Option<i64>,
    /// How much strength you have, from 1 to 5
    #[arg(long, value_name = "1-5")]
    energy: Option<i64>,
    /// What comes next
    #[arg(long, value_name = "WORDS")]
    next: Option<String>,
}

impl Commitment {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List { all: false }) {
            Verb::List { all } => item::list(context, KIND, all).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            verb => verb.change(context).map(Answer::Done),
        }
    }
}

impl Verb {
    fn change(self, context: &Context<'_>) -> Result<Done, CliError> {
        match self {
            Self::Offer(new) => new.offer(context),
            Self::Add(add) => add.run(context),
            Self::Accept(Accept { id, how }) => {
                let (terms, said) = how.terms(context)?;
                let done = act(context, &id, "Accepted", |item| Intent::Accept { item: item.item, terms })?;
                Ok(Done { said, ..done })
            }
            Self::Edit(edit) => edit.run(context),
            Self::Move { id, when } => {
                let (due, said) = when::due(context.env, &when.join(" "))?;
                let terms = Terms { due: Some(due), ..Terms::default() };
                let edit = |item: &ItemRef| {
                    let (link, unlink) = (Vec::new(), Vec::new());
                    Intent::Edit { item: item.item, title: None, link, unlink, terms }
                };
                Ok(Done { said: Some(said), ..act(context, &id, "Moved", edit)? })
            }
            Self::Keep(close) => close.run(context, "kept", "Kept"),
            Self::Partly(close) => close.run(context, "partly", "Kept in part"),
            Self::LetGo(close) => close.run(context, "let go", "Let go"),
            Self::Renegotiate(Renegotiate { id, title, how, message }) => {
                let (terms, said) = how.terms(context)?;
                let terms = Terms { learning: item::over(context, message)?, ..terms };
                let renegotiate = |item: &ItemRef| Intent::Renegotiate { item: item.item, title, terms };
                Ok(Done { said, ..act(context, &id, "Renegotiated", renegotiate)? })
            }
            Self::Withdraw { id } => act(context, &id, "Taken back", |item| Intent::Withdraw { item: item.item }),
            Self::Ask { id, words } => {
                let (date, words) = (context.env.today()?.to_string(), words.join(" "));
                act(context, &id, "Asked", |item| Intent::Ask { item: item.item, date, words })
            }
            Self::Mute { id, off } => {
                let verb = if off { "Opened to questions" } else { "Closed to questions" };
                act(context, &id, verb, |item| Intent::Mute { item: item.item, muted: !off })
            }
            Self::CheckIn(check) => check.run(context),
            Self::List { .. } | Self::Show { .. } => Err(CliError::Bug),
        }
    }
}

impl New {
    fn offer(self, context: &Context<'_>) -> Result<Done, CliError> {
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let offer = self.read(context, &mut profile)?;
        item::add(context, &mut profile, Place::Alliance(space), OFFERED, Intent::Offer(offer))
    }

    fn read(self, context: &Context<'_>, profile: &mut Profile) -> Result<Offer, CliError> {
        Ok(Offer { title: self.words.join(" "), links: goals(context, profile, self.goal)? })
    }
}

impl Add {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { new, how, private } = self;
        let mut profile = context.profile()?;
        let place = if private { Place::Personal } else { Place::Alliance(context.space(&mut profile)?) };
        let (terms, said) = how.terms(context)?;
        let offer = new.read(context, &mut profile)?;
        let done = item::add(context, &mut profile, place, "Added", Intent::Make(offer, terms))?;
        Ok(Done { said, ..done })
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, changes: Changes { title, goal, not_goal }, how } = self;
        let (mut profile, item) = item::open(context, KIND, &id)?;
        let (terms, said) = how.terms(context)?;
        let (link, unlink) = (goals(context, &mut profile, goal)?, goals(context, &mut profile, not_goal)?);
        let edit = Intent::Edit { item: item.item, title, link, unlink, terms };
        Ok(Done { said, ..item::change(context, &mut profile, &item, "Changed", edit)? })
    }
}

impl How {
    /// The terms, and what was understood of the date.
    fn terms(self, context: &Context<'_>) -> Result<(Terms, Option<String>), CliError> {
        let Self { due, if_then, confidence, support } = self;
        let (due, said) = due.map(|due| when::due(context.env, &due)).transpose()?.unzip();
        let (if_then, support) = (item::over(context, if_then)?, item::over(context, support)?);
        Ok((Terms { due, if_then, confidence, support, learning: None }, said))
    }
}

impl Close {
    /// Says how a commitment ended.
    pub fn run(self, context: &Context<'_>, how: &str, verb: &'static str) -> Result<Done, CliError> {
        let learning = item::over(context, self.message)?;
        act(context, &self.id, verb, |item| Intent::End { item: item.item, how: how.to_owned(), learning })
    }
}

impl Check {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, outcome, message: words, obstacle, mood, energy, next } = self;
        let date = context.env.today()?.to_string();
        let check_in = CheckIn { date, outcome, obstacle, mood, energy, next, words };
        act(context, &id, "Checked in", |item| Intent::CheckIn { item: item.item, check_in })
    }
}

fn act(
    context: &Context<'_>,
    id: &str,
    verb: &'static str,
    intent: impl FnOnce(&ItemRef) -> Intent,
) -> Result<Done, CliError> {
    let (mut profile, item) = item::open(context, KIND, id)?;
    let intent = intent(&item);
    item::change(context, &mut profile, &item, verb, intent)
}

/// The ids of goals that a person typed.
fn goals(context: &Context<'_>, profile: &mut Profile, typed: Vec<String>) -> Result<Vec<String>, CliError> {
    let find = |text: String| Ok(item::find(context, profile, Some(goal::KIND.name), &text)?.1.item.to_string());
    typed.into_iter().map(find).collect()
}

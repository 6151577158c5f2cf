//! `alliance goal`: what the two are working towards, and how far they have come.

use alliance_core::{
    app::{AppError, Intent, ItemRef, Place, Profile, Summary, Whereto},
    document::TextEdit,
    domain::{
        RuleError,
        goal::{self, Level, Rating, Step},
    },
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Answer, Context, item};
use crate::{
    args::Title,
    command::item::Done,
    error::CliError,
    when::{self, When},
};

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
        /// Its id, its title, or three letters or more of the title
        id: String,
    },
    /// Change a goal; without options your editor opens with why it matters
    Edit(Edit),
    /// Say what a level of attainment would look like; without -m your editor opens
    Level(Describe),
    /// Say how far it has come, from -2 to +2; each of you says it for themselves
    Rate(Rate),
    /// Steps on the way
    #[command(subcommand)]
    Milestone(Milestone),
    /// Move a goal of your own, or of both, among the others
    Move(Move),
    /// It rests for a while
    Pause(Stand),
    /// It is reached
    Reach(Stand),
    /// It is let go
    Release(Stand),
}

/// Arguments of `goal level`.
#[derive(Args, Debug)]
pub struct Describe {
    /// Its id or its whole title
    id: String,
    /// -2 much less than expected, -1 less, 0 as expected, +1 more, +2 much more
    #[arg(allow_negative_numbers = true)]
    level: Level,
    /// What it would look like; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
}

/// Arguments of `goal rate`.
#[derive(Args, Debug)]
pub struct Rate {
    /// Its id or its whole title
    id: String,
    /// -2 much less than expected, -1 less, 0 as expected, +1 more, +2 much more
    #[arg(allow_negative_numbers = true)]
    level: Level,
    /// In words; - reads them from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// For which day [default: today]
    #[arg(long, value_name = "DAY")]
    on: Option<When>,
}

/// Verbs of `goal milestone`.
#[derive(Subcommand, Debug)]
pub enum Milestone {
    /// Add one at the end
    Add {
        /// Id or whole title of the goal
        id: String,
        /// What it is
        #[arg(required = true, value_name = "WORDS")]
        words: Vec<String>,
    },
    /// It is reached
    Tick(Which),
    /// It is not reached after all
    Untick(Which),
    /// It does not belong there
    Remove(Which),
}

/// A milestone of a goal.
#[derive(Args, Debug)]
pub struct Which {
    /// Id or whole title of the goal
    id: String,
    /// The milestone's number, as `goal show` shows it, or all of its words
    #[arg(required = true, value_name = "WHICH")]
    which: Vec<String>,
}

/// Arguments of `goal move`.
#[derive(Args, Debug)]
pub struct Move {
    /// Its id or its whole title
    id: String,
    #[command(flatten)]
    to: Where,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Where {
    /// Before all others
    #[arg(long)]
    first: bool,
    /// After all others
    #[arg(long)]
    last: bool,
    /// Just before this one
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// Just after this one
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

/// Arguments of `goal pause`, `reach` and `release`.
#[derive(Args, Debug)]
pub struct Stand {
    /// Its id or its whole title
    id: String,
    /// Why; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
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
    /// Until when: a day (`fri`, `in 3 weeks`, `2027-05-01`) or in your words
    #[arg(long, value_name = "WHEN")]
    horizon: Option<String>,
    /// An area of life it is about; may be said several times
    #[arg(long, value_name = "WORDS")]
    area: Vec<String>,
    /// How it stands
    #[arg(long, default_value = goal::ACTIVE, value_parser = PossibleValuesParser::new(goal::STATUSES))]
    status: String,
    /// How much it matters, from 0 to 3
    #[arg(long, value_name = "0-3")]
    importance: Option<i64>,
    /// How hard it is, from 0 to 3
    #[arg(long, value_name = "0-3")]
    difficulty: Option<i64>,
    /// It belongs to both of you, and both say how it stands
    #[arg(long)]
    both: bool,
}

/// Arguments of `goal edit`.
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
    /// Why it matters; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    why: Option<String>,
    /// Until when: a day (`fri`, `in 3 weeks`, `2027-05-01`) or in your words
    #[arg(long, value_name = "WHEN")]
    horizon: Option<String>,
    /// How it stands, which its owner says
    #[arg(long, value_parser = PossibleValuesParser::new(goal::STATUSES))]
    status: Option<String>,
    /// Why it stands so; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
    /// How much it matters, from 0 to 3, which its owner says
    #[arg(long, value_name = "0-3")]
    importance: Option<i64>,
    /// How hard it is, from 0 to 3, which its owner says
    #[arg(long, value_name = "0-3")]
    difficulty: Option<i64>,
    /// An area of life to add
    #[arg(long, value_name = "WORDS")]
    area: Vec<String>,
    /// An area of life to remove
    #[arg(long, value_name = "WORDS")]
    not_area: Vec<String>,
}

const PAUSED: &str = "paused";

impl Goal {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List { all: false }) {
            Verb::Add(add) => add.run(context).map(Answer::Done),
            Verb::List { all } => item::list(context, goal::KIND.name, all).map(Answer::Items),
            Verb::Show { id } => item::show(context, goal::KIND.name, &id).map(Answer::Item),
            Verb::Edit(edit) => edit.run(context).map(Answer::Done),
            Verb::Level(level) => level.run(context).map(Answer::Done),
            Verb::Rate(rate) => rate.run(context).map(Answer::Done),
            Verb::Milestone(milestone) => milestone.run(context).map(Answer::Done),
            Verb::Move(moved) => moved.run(context).map(Answer::Done),
            Verb::Pause(stand) => stand.run(context, PAUSED, "Paused").map(Answer::Done),
            Verb::Reach(stand) => stand.run(context, "reached", "Reached").map(Answer::Done),
            Verb::Release(stand) => stand.run(context, "released", "Released").map(Answer::Done),
        }
    }
}

impl Add {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { title, why, horizon, area, status, importance, difficulty, both } = self;
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let why = why.map(|typed| item::text(context, typed)).transpose()?.unwrap_or_default();
        let (horizon, until) = when::kept(context.env, horizon, "until")?;
        let (title, status) = (title.join(), Some(status));
        let add = goal::Add { title, why, area, horizon, status, importance, difficulty, both };
        let intent = Intent::Goal(goal::Intent::Add(add));
        let done = profile.add(Place::Alliance(space), &intent, &mut context.outside().world())?;
        Ok(Done { said: until, ..Done::new("Added", done) })
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, changes } = self;
        let nothing = changes.is_empty();
        let Changes { title, why, horizon, status, reason, importance, difficulty, area, not_area } = changes;
        let (mut profile, item) = open(context, &id)?;
        let edited = |profile: &mut Profile, field, typed| item::edited(context, profile, &item, field, typed);
        let why = match why {
            None if !nothing => None,
            why => Some(edited(&mut profile, "why", why)?),
        };
        let reason = reason.map(|typed| edited(&mut profile, "reason", Some(typed))).transpose()?;
        let (horizon, until) = when::kept(context.env, horizon, "until")?;
        let levels = Vec::new();
        let edit = goal::Edit { title, why, area, not_area, horizon, status, reason, importance, difficulty, levels };
        let done = change(context, &mut profile, &item, "Changed", goal::Intent::Edit { item: item.item, edit })?;
        Ok(Done { said: until, ..done })
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        let Self { title, why, horizon, status, reason, importance, difficulty, area, not_area } = self;
        let words = [title, why, horizon, status, reason].into_iter().all(Option::is_none);
        words && importance.is_none() && difficulty.is_none() && area.is_empty() && not_area.is_empty()
    }
}

impl Describe {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, level, message } = self;
        let (mut profile, item) = open(context, &id)?;
        let words = item::edited(context, &mut profile, &item, level.field(), message)?;
        let edit = goal::Edit { levels: vec![(level, words)], ..Default::default() };
        change(context, &mut profile, &item, "Changed", goal::Intent::Edit { item: item.item, edit })
    }
}

impl Rate {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, level, message, on } = self;
        let (mut profile, item) = open(context, &id)?;
        let day = on.map_or_else(|| context.env.today(), |on| on.day(context.env))?;
        if day > context.env.today()? {
            return Err(CliError::ToCome { day: when::shown(day) });
        }
        let note = message.map(|typed| item::text(context, typed)).transpose()?.unwrap_or_default();
        let rating = Rating { date: day.to_string(), level, note };
        let done = change(context, &mut profile, &item, "Rated", goal::Intent::Rate { item: item.item, rating })?;
        Ok(Done { said: Some(format!("{level} on {}", when::shown(day))), ..done })
    }
}

impl Milestone {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let (typed, verb, id, step) = match self {
            Self::Add { id, words } => ("add", "Added", id, Step::Add(words.join(" "))),
            Self::Tick(Which { id, which }) => ("tick", "Ticked", id, Step::Tick(which.join(" "))),
            Self::Untick(Which { id, which }) => ("untick", "Unticked", id, Step::Untick(which.join(" "))),
            Self::Remove(Which { id, which }) => ("remove", "Removed", id, Step::Remove(which.join(" "))),
        };
        let (mut profile, item) = open(context, &id)?;
        let before = milestones(&mut profile, &item)?;
        let done = change(context, &mut profile, &item, verb, goal::Intent::Milestone { item: item.item, step });
        let done = match done {
            Err(CliError::App(AppError::Rule(RuleError::NoneSuch { text, .. }))) => {
                let Summary { short, title, .. } = profile.item(&item)?.summary;
                let there = before.into_iter().map(|it| it.words).collect();
                return Err(CliError::NoMilestone { short, title, verb: typed, text, there });
            }
            done => done?,
        };
        let after = milestones(&mut profile, &item)?;
        let differs = before.iter().find(|it| !after.contains(it)).or(after.iter().find(|it| !before.contains(it)));
        Ok(Done { said: differs.map(|it| format!("“{}”", it.words)), ..done })
    }
}

impl Move {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, to: Where { first, before, after, last: _ } } = self;
        let (mut profile, item) = open(context, &id)?;
        let mut other = |text: &str| -> Result<(ItemRef, String), CliError> {
            let (_, other) = item::find(context, &mut profile, Some(goal::KIND.name), text)?;
            Ok((other, profile.item(&other)?.summary.title))
        };
        let (to, said) = match (before, after) {
            (Some(before), _) => {
                let (other, title) = other(&before)?;
                (Whereto::Before(other), format!("before “{title}”"))
            }
            (None, Some(after)) => {
                let (other, title) = other(&after)?;
                (Whereto::After(other), format!("after “{title}”"))
            }
            (None, None) if first => (Whereto::First, "before all others".to_owned()),
            (None, None) => (Whereto::Last, "after all others".to_owned()),
        };
        let done = profile.arrange(&item, to, &mut context.outside().world())?;
        Ok(Done { said: Some(said), ..Done::new("Moved", done) })
    }
}

impl Stand {
    fn run(self, context: &Context<'_>, status: &str, verb: &'static str) -> Result<Done, CliError> {
        let Self { id, message } = self;
        let (mut profile, item) = open(context, &id)?;
        let reason = message.map(|typed| item::text(context, typed)).transpose()?;
        let edit = goal::Edit::status(status, reason.map(|text| TextEdit { from: None, text }));
        let done = change(context, &mut profile, &item, verb, goal::Intent::Edit { item: item.item, edit })?;
        let again = || format!("`alliance goal edit {} --status {}` takes it up again.", done.short, goal::ACTIVE);
        Ok(Done { next: (status == PAUSED).then(again), ..done })
    }
}

fn milestones(profile: &mut Profile, item: &ItemRef) -> Result<Vec<goal::Milestone>, CliError> {
    Ok(profile.item(item)?.summary.progress.map(|progress| progress.milestones).unwrap_or_default())
}

fn open(context: &Context<'_>, id: &str) -> Result<(Profile, ItemRef), CliError> {
    let mut profile = context.profile()?;
    let (_, item) = item::find(context, &mut profile, Some(goal::KIND.name), id)?;
    Ok((profile, item))
}

fn change(
    context: &Context<'_>,
    profile: &mut Profile,
    item: &ItemRef,
    verb: &'static str,
    intent: goal::Intent,
) -> Result<Done, CliError> {
    let done = profile.change(item, &Intent::Goal(intent), &mut context.outside().world())?;
    Ok(Done::new(verb, done))
}

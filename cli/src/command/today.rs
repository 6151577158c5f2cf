//! `alliance today`: the same page for both, whatever their roles.

use alliance_core::{app, domain::insight};
use jiff::civil::Date;
use serde::Serialize;

use super::{
    Answer, Context,
    alliance::{self, State},
    conflict::{self, Choice},
    device::out::Out,
    item::{Named, Row, Said},
    prep,
    status::Held,
};
use crate::error::CliError;

/// What is going on in an alliance.
#[derive(Serialize, Debug)]
pub struct Today {
    /// The alliance's space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The other person, once known.
    pub other: Option<String>,
    /// How far it has come.
    pub state: State,
    /// One's own goals and those of both that are under way.
    pub goals: Vec<Row>,
    /// The other person's goals that are under way.
    pub other_goals: Vec<Row>,
    /// Commitments that are not over, and offers.
    pub commitments: Vec<Row>,
    /// What the other person asked of commitments of one's own: shown on one day.
    pub asked: Vec<Asked>,
    /// Sessions that are planned, the next one first.
    pub sessions: Vec<Row>,
    /// Questions for oneself that are open, and insights that are offered or come back.
    pub thoughts: Vec<Row>,
    /// What the other person said or asked and waits for an answer.
    pub feedback: Vec<Row>,
    /// Notes that changed last.
    pub notes: Vec<Row>,
    /// How many notes there are besides, counted as far as [`app::Today::MANY`].
    pub more_notes: usize,
    /// A letter at the close that the other person wrote, while one has not written one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub letter: Option<Named>,
    /// True while the agreement says something that one has not acknowledged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub agreement: bool,
    /// Fields in which one may choose between values.
    pub conflicts: Vec<Choice>,
    /// True while nobody else is known to be able to bring one back, by words or on another computer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unrecoverable: bool,
    /// Why this computer is not in the alliance any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<Out>,
    /// What is kept here until one is let in.
    #[serde(skip)]
    pub held: Option<Held>,
    /// The day that it is.
    #[serde(skip)]
    pub day: Option<Date>,
}

/// A question about a commitment.
#[derive(Serialize, Debug)]
pub struct Asked {
    /// The commitment.
    #[serde(flatten)]
    pub item: Named,
    /// The question.
    pub asked: Said,
}

/// Shows what is going on.
pub fn run(context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    let day = context.env.today()?;
    let asked = profile.asked(space, &day.to_string(), context.looks())?;
    let app::Today {
        alliance,
        goals,
        other_goals,
        commitments,
        sessions,
        mut thoughts,
        feedback,
        notes,
        all_notes,
        letter,
        choices,
    } = profile.today(space)?;
    let is_insight = |it: &app::Summary| it.kind == insight::KIND.name;
    let waits = |it: &app::Summary| it.status.as_deref() == Some(insight::OFFERED) || prep::is_back(it, day);
    thoughts.retain(|it| !is_insight(it) || waits(it));
    let more_notes = all_notes.saturating_sub(notes.len());
    let out = Out::of(&mut profile, space, context)?;
    let held = Held::of(&mut profile, &alliance)?;
    let alliance::Row { id, title, other, state, .. } = alliance.into();
    let rows = |summaries: Vec<app::Summary>| summaries.into_iter().map(Row::from).collect();
    let (goals, other_goals) = (rows(goals), rows(other_goals));
    let (feedback, notes, conflicts) = (rows(feedback), rows(notes), conflict::shown(choices));
    let asked = asked.into_iter().map(|(item, asked)| Asked { item: item.into(), asked: asked.into() }).collect();
    Ok(Answer::Today(Today {
        id,
        title,
        other,
        state,
        goals,
        other_goals,
        commitments: rows(commitments),
        asked,
        sessions: rows(prep::in_order(sessions)),
        thoughts: rows(thoughts),
        feedback,
        notes,
        more_notes,
        letter: letter.map(Named::from),
        agreement: state == alliance::State::Together && profile.agreement_waits(space)?,
        conflicts,
        // A computer that is out lets no other one in: what helps is another thing.
        unrecoverable: out.is_none() && profile.needs_second_holder()?,
        out,
        held,
        day: Some(day),
    }))
}

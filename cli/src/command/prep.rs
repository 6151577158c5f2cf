//! `alliance prep`: a brief before a session, put together from what is there; what is private is there for its owner alone.

use alliance_core::{
    app::{AllianceInfo, AllianceState, Owner, Profile, Summary},
    domain::{commitment, goal, insight, note, question, session},
};
use alliance_replica::id::SpaceId;
use clap::Args;
use jiff::civil::Date;
use serde::Serialize;

use super::{Answer, Context, item, item::Row};
use crate::{error::CliError, when};

/// Notes of one's own that a brief has at most.
const NOTES: usize = 5;

/// Arguments of `prep`.
#[derive(Args, Debug)]
pub struct Prep {
    /// The session: its id or its title [default: the next one]
    id: Option<String>,
}

/// A brief.
#[derive(Serialize, Debug)]
pub struct Brief {
    /// The session, if one is planned.
    pub session: Option<Row>,
    /// The session before it.
    pub last: Option<Row>,
    /// Commitments and offers that are not over.
    pub commitments: Vec<Row>,
    /// Goals that are under way.
    pub goals: Vec<Row>,
    /// Questions that are open.
    pub questions: Vec<Row>,
    /// Insights that come back by then.
    pub insights: Vec<Row>,
    /// Private notes of one's own: nobody else's brief has them.
    pub notes: Vec<Row>,
    /// The day that it is.
    #[serde(skip)]
    pub today: Option<Date>,
    /// The other person, once known.
    #[serde(skip)]
    pub other: Option<String>,
    /// True once one of both has left.
    #[serde(skip)]
    pub over: bool,
}

impl Prep {
    /// Puts the brief together.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let today = context.env.today()?;
        let info = profile.alliances()?.into_iter().find(|info| info.space == space);
        let is_over = |info: &AllianceInfo| matches!(info.state, AllianceState::Ended | AllianceState::TheyLeft);
        let over = info.as_ref().is_some_and(is_over);
        let mut sessions = in_order(profile.list(space, session::KIND.name, true)?);
        let next = match &self.id {
            Some(text) => {
                let (_, item) = item::find_to_show(context, &mut profile, Some(session::KIND.name), text)?;
                Some(profile.item(&item)?.summary)
            }
            None if over => None,
            None => sessions.iter().find(|it| it.status.as_deref() == Some(session::PLANNED)).cloned(),
        };
        sessions.retain(|it| it.status.as_deref() == Some(session::FINISHED));
        sessions.retain(|it| next.as_ref().is_none_or(|next| begins(it) <= begins(next) && it.item != next.item));
        let mut brief = Brief::of(&mut profile, space, today)?;
        brief.other = info.and_then(|info| info.other);
        brief.over = over;
        brief.last = sessions.pop().map(|it| profile.item(&it.item)).transpose()?.map(|it| it.summary.into());
        brief.session = next.map(|it| profile.item(&it.item)).transpose()?.map(|it| it.summary.into());
        Ok(Answer::Brief(Box::new(brief)))
    }
}

impl Brief {
    fn of(profile: &mut Profile, space: SpaceId, today: Date) -> Result<Self, CliError> {
        let rows = |all: Vec<Summary>| all.into_iter().map(Row::from).collect::<Vec<_>>();
        let mut notes = profile.list(space, note::KIND.name, true)?;
        notes.retain(|it| it.private);
        notes.truncate(NOTES);
        let mut insights = profile.list(space, insight::KIND.name, false)?;
        insights.retain(|it| is_back(it, today));
        Ok(Self {
            session: None,
            last: None,
            commitments: rows(profile.list(space, commitment::KIND.name, false)?),
            goals: rows(profile.list(space, goal::KIND.name, false)?),
            questions: rows(profile.list(space, question::KIND.name, false)?),
            insights: rows(insights),
            notes: rows(notes),
            today: Some(today),
            other: None,
            over: false,
        })
    }
}

/// Sessions by when they begin; those without a day last.
pub fn in_order(mut sessions: Vec<Summary>) -> Vec<Summary> {
    sessions.sort_by_key(|it| (begins(it).is_none(), begins(it).cloned()));
    sessions
}

fn begins(session: &Summary) -> Option<&String> {
    session.fields.get(session::WHEN)
}

/// True for an insight of one's own that comes back today or has.
pub fn is_back(insight: &Summary, today: Date) -> bool {
    let day = insight.fields.get(insight::BACK).and_then(|day| when::day_of(day));
    insight.owner == Owner::Mine && day.is_some_and(|day| day <= today)
}

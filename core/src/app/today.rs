//! One screen for the day, the same for both people.

use alliance_replica::id::SpaceId;

use super::{
    AllianceInfo, AppError, Choice, Owner, Profile, Summary, profile,
    query::{self, Seen},
};
use crate::domain::{feedback, note};

/// Notes on the page for the day.
const NOTES: usize = 5;

/// One screen for the day.
#[derive(Clone, PartialEq, Debug)]
pub struct Today {
    /// The alliance.
    pub alliance: AllianceInfo,
    /// One's own goals and those of both that are under way.
    pub goals: Vec<Summary>,
    /// The other person's.
    pub other_goals: Vec<Summary>,
    /// Feedback and requests for it from the other person that one has not answered.
    pub feedback: Vec<Summary>,
    /// Notes that changed last, newest first.
    pub notes: Vec<Summary>,
    /// How many notes there are.
    pub all_notes: usize,
    /// Fields with more than one value.
    pub choices: Vec<Choice>,
}

impl Profile {
    /// One screen for the day; the same for both people.
    pub fn today(&mut self, space: SpaceId) -> Result<Today, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            let (goals, other_goals) = seen.open_goals(tx)?.into_iter().partition(|goal| goal.owner != Owner::Theirs);
            let mut notes = seen.some_rows(tx, Some(note::KIND.name), NOTES)?;
            notes.truncate(NOTES);
            let counts = [seen.alliance, seen.personal].map(|space| tx.count_rows(&space, note::KIND.name));
            let all_notes = counts.into_iter().sum::<Result<usize, _>>()?;
            let alliance = query::alliance(tx, &space, profile::current(tx)?)?;
            let feedback = unanswered(seen.rows(tx, Some(feedback::KIND.name))?);
            let choices = seen.all_choices(tx)?;
            Ok(Today { alliance, goals, other_goals, feedback, notes, all_notes, choices })
        })
    }
}

/// Of all feedback, what the other person said or asked and one has not answered.
fn unanswered(all: Vec<Summary>) -> Vec<Summary> {
    let field = |it: &Summary, name: &str| it.fields.get(name).cloned().unwrap_or_default();
    let given = all.iter().filter(|it| it.owner == Owner::Mine);
    let given: Vec<_> = given.map(|it| field(it, feedback::ASKED_FOR)).filter(|asked| !asked.is_empty()).collect();
    let answered = |it: &Summary| match field(it, feedback::SORT) == feedback::ASKED {
        true => given.contains(&it.item.item.to_string()),
        false => it.fields.contains_key("thanked") || it.texts.contains_key("response"),
    };
    all.into_iter().filter(|it| it.owner == Owner::Theirs && !answered(it)).collect()
}

//! One screen for the day, the same for both people.

use alliance_replica::id::SpaceId;

use super::{AllianceInfo, AppError, Choice, Owner, Profile, Said, Summary, profile, query, seen::Seen};
use crate::domain::{
    commitment, feedback, insight, note, question,
    reflection::{self, LETTER},
    session,
};

/// Notes on the page for the day.
const NOTES: usize = 5;
/// Notes that are counted for it: whoever has more has many.
const COUNTED: usize = 100 + NOTES;
/// Reflections that both see, among which a letter at the close is looked for.
const LETTERS: usize = 8;

/// One screen for the day.
#[derive(Clone, PartialEq, Debug)]
pub struct Today {
    /// The alliance.
    pub alliance: AllianceInfo,
    /// One's own goals and those of both that are under way.
    pub goals: Vec<Summary>,
    /// The other person's.
    pub other_goals: Vec<Summary>,
    /// Commitments and offers that are not over.
    pub commitments: Vec<Summary>,
    /// Sessions that are planned.
    pub sessions: Vec<Summary>,
    /// Questions for oneself that are open, and insights for oneself.
    pub thoughts: Vec<Summary>,
    /// Feedback and requests for it from the other person that one has not answered.
    pub feedback: Vec<Summary>,
    /// Notes that changed last, newest first.
    pub notes: Vec<Summary>,
    /// How many notes there are, counted as far as [`Today::MANY`] besides those.
    pub all_notes: usize,
    /// A letter at the close that the other person wrote, while one has not written one.
    pub letter: Option<Summary>,
    /// Fields with more than one value.
    pub choices: Vec<Choice>,
}

impl Today {
    /// How many notes besides those on the page are counted.
    pub const MANY: usize = COUNTED - NOTES;
}

/// Who looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Looks {
    /// Somebody who reads it.
    Person,
    /// A program of theirs.
    Program,
}

impl Profile {
    /// One screen for the day; the same for both people.
    pub fn today(&mut self, space: SpaceId) -> Result<Today, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            let (goals, other_goals) = seen.open_goals(tx)?.into_iter().partition(|goal| goal.owner != Owner::Theirs);
            let mut notes = seen.some_live(tx, note::KIND.name, NOTES)?;
            notes.truncate(NOTES);
            let counts = [seen.alliance, seen.personal].map(|space| tx.count_rows(&space, note::KIND.name, COUNTED));
            let all_notes = counts.into_iter().sum::<Result<usize, _>>()?.min(COUNTED);
            let alliance = query::alliance(tx, &space, profile::current(tx)?)?;
            let feedback = unanswered(seen.live(tx, feedback::KIND.name)?);
            let choices = seen.all_choices(tx)?;
            let commitments = seen.open(tx, commitment::KIND.name)?;
            let sessions = seen.open(tx, session::KIND.name)?;
            let mut thoughts = seen.open(tx, question::KIND.name)?;
            thoughts.extend(seen.open(tx, insight::KIND.name)?);
            thoughts.retain(|it| it.owner == Owner::Mine);
            let letter = unanswered_letter(seen.summaries(tx, tx.live_rows(&space, reflection::KIND.name, LETTERS)?)?);
            Ok(Today {
                alliance,
                goals,
                other_goals,
                commitments,
                sessions,
                thoughts,
                feedback,
                notes,
                all_notes,
                letter,
                choices,
            })
        })
    }

    /// What the other person asked of one's commitments and one has not answered, for the page of a day, `2026-11-22`.
    /// Each question is there on the first day on which its person looks, and on no other; who looked is told to nobody. A
    /// program that looks sees it as well, and takes it from nobody.
    pub fn asked(&mut self, space: SpaceId, day: &str, looks: Looks) -> Result<Vec<(Summary, Said)>, AppError> {
        let new = self.store.read(|tx| {
            let mut new = Vec::new();
            for item in Seen::new(tx, space)?.open(tx, commitment::KIND.name)? {
                let Some(asked) = unanswered_question(&item) else { continue };
                let number = item.said[commitment::ASKED].len();
                let seen = tx.meta(&asked_key(&item))?.unwrap_or_default();
                let seen = String::from_utf8_lossy(&seen).into_owned();
                let (before, on) = seen.split_once(' ').unwrap_or(("0", ""));
                let is_new = before.parse::<usize>().map_or(true, |before| before < number);
                if is_new || on == day {
                    new.push((item, asked, is_new.then_some(number)));
                }
            }
            Ok::<_, AppError>(new)
        })?;
        if looks == Looks::Person && new.iter().any(|(.., number)| number.is_some()) {
            self.store.write(|tx| {
                for (item, _, number) in &new {
                    if let Some(number) = number {
                        tx.set_meta(&asked_key(item), format!("{number} {day}").as_bytes())?;
                    }
                }
                Ok::<_, AppError>(())
            })?;
        }
        Ok(new.into_iter().map(|(item, asked, _)| (item, asked)).collect())
    }
}

impl Profile {
    /// What this computer keeps for its person under a name, and tells nobody.
    pub fn kept_here(&mut self, name: &str) -> Result<Option<String>, AppError> {
        let kept = self.store.read::<_, AppError>(|tx| Ok(tx.meta(&here(name))?))?;
        Ok(kept.map(|kept| String::from_utf8_lossy(&kept).into_owned()))
    }

    /// Keeps something on this computer alone.
    pub fn keep_here(&mut self, name: &str, what: &str) -> Result<(), AppError> {
        self.store.write(|tx| Ok(tx.set_meta(&here(name), what.as_bytes())?))
    }
}

fn here(name: &str) -> String {
    format!("here {name}")
}

fn asked_key(item: &Summary) -> String {
    format!("asked {} {}", item.item.space, item.item.item)
}

/// The last question about a commitment of one's own that has no later check-in, if one wants to be asked.
fn unanswered_question(item: &Summary) -> Option<Said> {
    if item.owner != Owner::Mine || item.fields.contains_key(commitment::MUTED) {
        return None;
    }
    let asked = item.said.get(commitment::ASKED)?.last()?;
    let answered = item.said.get(commitment::CHECK_INS).into_iter().flatten().any(|it| it.day >= asked.day);
    (!answered).then(|| asked.clone())
}

/// The other person's letter, while there is none of one's own.
fn unanswered_letter(mut all: Vec<Summary>) -> Option<Summary> {
    all.retain(|it| it.title == LETTER);
    let answered = all.iter().any(|it| it.owner == Owner::Mine);
    all.into_iter().find(|_| !answered)
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

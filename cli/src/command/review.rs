//! `alliance review`: ten minutes to look back at a week, question by question; what is answered is done at once, so it
//! can be left at any time and goes on where it was.

use std::{collections::BTreeSet, path::PathBuf};

use alliance_core::{
    app::{Place, Profile},
    domain::{
        commitment::{self, Offer, Terms},
        reflection::{self, PROMPTS},
        win,
    },
};
use alliance_replica::id::SpaceId;
use clap::Args;
use jiff::{ToSpan as _, civil::Date};
use serde::Serialize;

use super::{
    Answer, Context,
    guide::{self, ENDS, Guide, Question},
};
use crate::{error::CliError, when};

/// Days after which a review that was begun is begun anew.
const FRESH: i64 = 6;
/// What is said before the questions.
const BEGIN: &str =
    "Return passes over a question, Ctrl-D stops; what you answer is done at once. What you reflect on is yours alone.";
/// The question about what comes next.
const NEXT: &str = "next";

/// Arguments of `review`.
#[derive(Args, Debug)]
pub struct Review {
    /// Take answers from a file, a line each: `win: I asked for help`, `c3k: kept`; - reads them from stdin
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Begin anew
    #[arg(long)]
    again: bool,
}

/// How a review stands.
#[derive(Serialize, Debug)]
pub struct Reviewed {
    /// All questions, in their order.
    pub questions: Vec<Question>,
    /// What was done just now.
    pub did: Vec<String>,
}

impl Review {
    /// Asks what is not answered yet, on a terminal; takes answers from a file; else shows the questions.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let mut sitting = Sitting::begin(context, &mut profile, space, self.again)?;
        let did = match &self.answers {
            Some(file) => sitting.read(context, &mut profile, file)?,
            None if context.ui.is_interactive() => sitting.ask(context, &mut profile, BEGIN)?,
            None => Vec::new(),
        };
        Ok(Answer::Reviewed(Reviewed { questions: sitting.questions, did }))
    }
}

/// A review that is going on.
struct Sitting {
    space: SpaceId,
    since: Date,
    questions: Vec<Question>,
}

impl Sitting {
    fn begin(context: &Context<'_>, profile: &mut Profile, space: SpaceId, again: bool) -> Result<Self, CliError> {
        let today = context.env.today()?;
        let kept = profile.kept_here(&key(&space))?.unwrap_or_default();
        let mut lines = kept.lines();
        let since = lines.next().and_then(|day| day.parse::<Date>().ok());
        let is_fresh = |since: &Date| since.checked_add(FRESH.days()).is_ok_and(|until| today <= until);
        let since = since.filter(|since| !again && is_fresh(since));
        let done: BTreeSet<String> = since.iter().flat_map(|_| lines.clone().map(str::to_owned)).collect();
        let mut questions = Vec::new();
        for it in profile.list(space, commitment::KIND.name, false)?.iter().filter(|it| guide::is_due(it)) {
            let due = it.fields.get(commitment::DUE).map(|due| format!(", by {}", when::said(commitment::DUE, due)));
            let question = format!("“{}”{}: how did it go?", it.title, due.unwrap_or_default());
            questions.push(Question { id: it.short.clone(), question, answers: ENDS.to_vec(), done: false });
        }
        let week = usize::try_from(today.iso_week_date().week()).unwrap_or_default();
        questions.push(Question::open("win", "What went well?"));
        questions.push(Question::open("reflection", PROMPTS[week % PROMPTS.len()]));
        questions.push(Question::open(NEXT, "What do you want to commit to now? A day may follow after “by”."));
        questions.iter_mut().for_each(|it| it.done = done.contains(&it.id));
        let questions = guide::with_gone(questions, &done);
        Ok(Self { space, since: since.unwrap_or(today), questions })
    }

    fn act(&self, context: &Context<'_>, profile: &mut Profile, id: &str, answer: &str) -> Result<String, CliError> {
        let mut outside = context.outside();
        let here = Place::Alliance(self.space);
        let (place, intent) = match id {
            "win" => (here, win::Intent::Add { text: answer.to_owned() }.into()),
            "reflection" => {
                let question = self.questions.iter().find(|it| it.id == id).map(|it| it.question.clone());
                let (body, tags) = (answer.to_owned(), vec!["review".to_owned()]);
                (Place::Personal, reflection::Intent::Write { prompt: question, body, tags }.into())
            }
            NEXT => {
                let (words, due) = dated(context, answer);
                let terms = Terms { due, ..Terms::default() };
                (here, commitment::Intent::Make(Offer { title: words, links: Vec::new() }, terms).into())
            }
            id => return guide::end(context, profile, (self.space, id), answer),
        };
        let done = profile.add(place, &intent, &mut outside.world())?;
        Ok(format!("{} {}", done.short, done.title))
    }
}

impl Guide for Sitting {
    fn questions(&self) -> &[Question] {
        &self.questions
    }

    fn answer(
        &mut self,
        context: &Context<'_>,
        profile: &mut Profile,
        id: &str,
        answer: &str,
    ) -> Result<Option<String>, CliError> {
        let asked = self.questions.iter().position(|it| it.id == id);
        let asked = asked.ok_or_else(|| CliError::NoQuestion { id: id.to_owned() })?;
        if self.questions[asked].done {
            return Ok(None);
        }
        let did = match guide::passes_over(answer) {
            true => None,
            false => Some(self.act(context, profile, id, answer)?),
        };
        self.questions[asked].done = true;
        // What was just begun is asked about another week.
        if let Some(begun) = did.as_ref().filter(|_| id == NEXT).and_then(|it| it.split(' ').next()) {
            self.questions.push(Question { done: true, ..Question::open(begun, "begun") });
        }
        let done = self.questions.iter().filter(|it| it.done).map(|it| it.id.as_str());
        let kept = [self.since.to_string()].into_iter().chain(done.map(str::to_owned)).collect::<Vec<_>>().join("\n");
        profile.keep_here(&key(&self.space), &kept)?;
        Ok(did)
    }
}

/// The words of a commitment, and by when, if a day follows after “by”.
fn dated(context: &Context<'_>, answer: &str) -> (String, Option<String>) {
    let split = answer.rsplit_once(" by ");
    let due = split.and_then(|(words, day)| Some((words, when::due(context.env, day).ok()?.0)));
    due.map_or_else(|| (answer.to_owned(), None), |(words, due)| (words.to_owned(), Some(due)))
}

fn key(space: &SpaceId) -> String {
    format!("review {space}")
}

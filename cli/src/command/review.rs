//! `alliance review`: ten minutes to look back at a week, question by question; what is answered is done at once, so it
//! can be left at any time and goes on where it was.

use std::{collections::BTreeSet, fs, path::PathBuf};

use alliance_core::{
    app::{Owner, Place, Profile, Summary},
    document::TextEdit,
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

use super::{Answer, Context};
use crate::{error::CliError, when};

/// Days after which a review that was begun is begun anew.
const FRESH: i64 = 6;
/// What says that nothing is to be done.
pub(super) const SKIP: [&str; 3] = ["", "-", "skip"];

/// How a commitment can end, or not.
pub(super) const ENDS: [&str; 4] = ["kept", "partly", "let go", "goes on"];

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

/// A question of the review.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What an answer begins with in a file.
    pub id: String,
    /// The question.
    pub question: String,
    /// What can be said, if not everything can.
    pub answers: Vec<&'static str>,
    /// True once it is answered or passed over in this review.
    pub done: bool,
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
        let mut did = Vec::new();
        if let Some(file) = &self.answers {
            let text = match file.as_os_str() == "-" {
                true => context.env.stdin()?,
                false => fs::read_to_string(file).map_err(CliError::Input)?,
            };
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let (id, answer) = line.split_once(':').unwrap_or((line, ""));
                did.extend(sitting.answer(context, &mut profile, id.trim(), answer.trim())?);
            }
        } else if context.ui.is_interactive() {
            let all = sitting.questions.clone();
            if all.iter().any(|it| !it.done) {
                context.ui.talk(
                    "Return passes over a question, Ctrl-D stops; what you answer is done at once. What you reflect on is yours alone.",
                );
            }
            'asking: for it in all.iter().filter(|it| !it.done) {
                loop {
                    let Some(answer) = ask(context, it) else { break 'asking };
                    match sitting.answer(context, &mut profile, &it.id, &answer) {
                        Ok(done) => break did.extend(done),
                        Err(error) => not_taken(context, it, &error),
                    }
                }
            }
        }
        Ok(Answer::Reviewed(Reviewed { questions: sitting.questions, did }))
    }
}

/// What the person says to a question; none if they want to stop.
pub(super) fn ask(context: &Context<'_>, asked: &Question) -> Option<String> {
    let Question { question, answers, .. } = asked;
    let may = if answers.is_empty() { String::new() } else { format!(" ({})", answers.join(", ")) };
    let answer = context.ui.ask_line(&format!("{question}{may}\n> ")).filter(|it| it.ends_with('\n'))?;
    Some(answer.trim().to_owned())
}

/// Says why an answer was not taken.
pub(super) fn not_taken(context: &Context<'_>, asked: &Question, error: &CliError) {
    let why = match asked.answers.is_empty() {
        true => error.to_string(),
        false => format!("say {}; after a comma, what you take from it", asked.answers.join(", ")),
    };
    context.ui.talk(&format!("That was not taken: {why}."));
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
        for it in profile.list(space, commitment::KIND.name, false)?.iter().filter(|it| is_due(it)) {
            let due = it.fields.get(commitment::DUE).map(|due| format!(", by {}", when::said(commitment::DUE, due)));
            let question = format!("“{}”{}: how did it go?", it.title, due.unwrap_or_default());
            questions.push(Question { id: it.short.clone(), question, answers: ENDS.to_vec(), done: false });
        }
        let week = usize::try_from(today.iso_week_date().week()).unwrap_or_default();
        let open = |id: &str, question: &str| Question {
            id: id.to_owned(),
            question: question.to_owned(),
            answers: Vec::new(),
            done: false,
        };
        questions.push(open("win", "What went well?"));
        questions.push(open("reflection", PROMPTS[week % PROMPTS.len()]));
        questions.push(open(NEXT, "What do you want to commit to now? A day may follow after “by”."));
        questions.iter_mut().for_each(|it| it.done = done.contains(&it.id));
        // What was ended meanwhile is no question any more, and was one.
        let gone = done.iter().filter(|id| questions.iter().all(|it| it.id != **id));
        let gone: Vec<_> = gone.map(|id| Question { done: true, ..open(id, "answered") }).collect();
        questions.splice(0..0, gone);
        Ok(Self { space, since: since.unwrap_or(today), questions })
    }

    /// Does what an answer says; returns what was done.
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
        let did = match SKIP.contains(&answer) {
            true => None,
            false => Some(self.act(context, profile, id, answer)?),
        };
        self.questions[asked].done = true;
        // What was just begun is asked about another week.
        if let Some(begun) = did.as_ref().filter(|_| id == NEXT).and_then(|it| it.split(' ').next()) {
            let (id, question) = (begun.to_owned(), "begun".to_owned());
            self.questions.push(Question { id, question, answers: Vec::new(), done: true });
        }
        let done = self.questions.iter().filter(|it| it.done).map(|it| it.id.as_str());
        let kept = [self.since.to_string()].into_iter().chain(done.map(str::to_owned)).collect::<Vec<_>>().join("\n");
        profile.keep_here(&key(&self.space), &kept)?;
        Ok(did)
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
            id => return end(context, profile, self.space, id, answer),
        };
        let done = profile.add(place, &intent, &mut outside.world())?;
        Ok(format!("{} {}", done.short, done.title))
    }
}

/// Says how a commitment ended, or that it goes on; after a comma or colon, what one takes from it.
pub(super) fn end(
    context: &Context<'_>,
    profile: &mut Profile,
    space: SpaceId,
    id: &str,
    answer: &str,
) -> Result<String, CliError> {
    let (how, learned) = answer.split_once([',', ':']).unwrap_or((answer, ""));
    let item = profile.find(space, Some(commitment::KIND.name), id)?;
    if how.trim() == "goes on" {
        return Ok(format!("{id} goes on"));
    }
    let learning = Some(learned.trim()).filter(|it| !it.is_empty());
    let learning = learning.map(|it| TextEdit { from: None, text: it.to_owned() });
    let intent = commitment::Intent::End { item: item.item, how: how.trim().to_owned(), learning };
    let done = profile.change(&item, &intent.into(), &mut context.outside().world())?;
    Ok(format!("{} {}: {}", done.short, done.title, how.trim()))
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

/// True for a commitment of one's own that goes on.
pub(super) fn is_due(item: &Summary) -> bool {
    item.owner == Owner::Mine && item.status.as_deref() != Some(commitment::OFFERED)
}

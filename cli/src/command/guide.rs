//! What `review` and `close` have in common: questions, asked one after the other on a terminal or answered from a file.
//! What is answered is done at once, so whoever asks can be left at any time and goes on where it was.

use std::{collections::BTreeSet, fs, path::Path};

use alliance_core::{
    app::{Intent, ItemRef, Owner, Profile, Summary},
    document::TextEdit,
    domain::{Kind, commitment},
};
use alliance_replica::id::SpaceId;
use serde::Serialize;

use super::Context;
use crate::error::CliError;

/// What says that nothing is to be done.
const SKIP: [&str; 3] = ["", "-", "skip"];
/// What says that something stays as it is.
pub(super) const GOES_ON: &str = "goes on";
/// How a commitment can end, or not.
pub(super) const ENDS: [&str; 4] = ["kept", "partly", "let go", GOES_ON];

/// A question.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What an answer begins with in a file.
    pub id: String,
    /// The question.
    pub question: String,
    /// What can be said, if not everything can.
    pub answers: Vec<&'static str>,
    /// True once it is answered or passed over.
    pub done: bool,
}

impl Question {
    /// One to which everything can be said.
    pub(super) fn open(id: &str, question: &str) -> Self {
        Self { id: id.to_owned(), question: question.to_owned(), answers: Vec::new(), done: false }
    }
}

/// Somebody who asks.
pub(super) trait Guide {
    /// All questions, in their order.
    fn questions(&self) -> &[Question];

    /// Does what an answer says; returns what was done. A question that is done already is passed over.
    fn answer(
        &mut self,
        context: &Context<'_>,
        profile: &mut Profile,
        id: &str,
        answer: &str,
    ) -> Result<Option<String>, CliError>;

    /// What the person says to a question; none if they want to stop.
    fn listen(&self, context: &Context<'_>, asked: &Question) -> Result<Option<String>, CliError> {
        Ok(listen(context, asked))
    }

    /// Takes answers from a file, or from stdin: a line each, with the question's id before a colon. Returns what was done.
    fn read(&mut self, context: &Context<'_>, profile: &mut Profile, file: &Path) -> Result<Vec<String>, CliError> {
        let text = match file.as_os_str() == "-" {
            true => context.env.stdin()?,
            false => fs::read_to_string(file).map_err(CliError::Input)?,
        };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let lines: Vec<_> = lines.map(|line| line.split_once(':').unwrap_or((line, ""))).collect();
        let is_asked = |id: &str| self.questions().iter().any(|it| it.id == id);
        if let Some((id, _)) = lines.iter().find(|(id, _)| !is_asked(id.trim())) {
            return Err(CliError::NoQuestion { id: id.trim().to_owned() });
        }
        let mut did = Vec::new();
        for (id, answer) in lines {
            match self.answer(context, profile, id.trim(), answer.trim()) {
                Ok(done) => did.extend(done),
                Err(error) => {
                    // What was answered before stays answered.
                    did.iter().for_each(|done| context.ui.talk(done));
                    return Err(error);
                }
            }
        }
        Ok(did)
    }

    /// Asks on a terminal what is not done yet; an answer that cannot be taken is asked for again. `begin` is said before.
    /// Returns what was done.
    fn ask(&mut self, context: &Context<'_>, profile: &mut Profile, begin: &str) -> Result<Vec<String>, CliError> {
        let open: Vec<_> = self.questions().iter().filter(|it| !it.done).cloned().collect();
        if !open.is_empty() {
            context.ui.talk(begin);
        }
        let mut did = Vec::new();
        for asked in &open {
            loop {
                let Some(answer) = self.listen(context, asked)? else { return Ok(did) };
                match self.answer(context, profile, &asked.id, &answer) {
                    Ok(done) => break did.extend(done),
                    Err(error) => not_taken(context, asked, &error),
                }
            }
        }
        Ok(did)
    }
}

/// What the person says on a line of the terminal; none if they want to stop.
pub(super) fn listen(context: &Context<'_>, asked: &Question) -> Option<String> {
    let Question { question, answers, .. } = asked;
    let may = if answers.is_empty() { String::new() } else { format!(" ({})", answers.join(", ")) };
    let answer = context.ui.ask_line(&format!("{question}{may}\n> ")).filter(|it| it.ends_with('\n'))?;
    Some(answer.trim().to_owned())
}

/// Says why an answer was not taken.
fn not_taken(context: &Context<'_>, asked: &Question, error: &CliError) {
    let why = match asked.answers.is_empty() {
        true => error.to_string(),
        false => format!("say {}; after a comma, what you take from it", asked.answers.join(", ")),
    };
    context.ui.talk(&format!("That was not taken: {why}."));
}

/// True if an answer says that nothing is to be done.
pub(super) fn passes_over(answer: &str) -> bool {
    SKIP.contains(&answer)
}

/// The questions with those before them that were done and are none any more, as what they were about has ended.
pub(super) fn with_gone(mut questions: Vec<Question>, done: &BTreeSet<String>) -> Vec<Question> {
    let gone = done.iter().filter(|id| questions.iter().all(|it| it.id != **id));
    let gone: Vec<_> = gone.map(|id| Question { done: true, ..Question::open(id, "answered") }).collect();
    questions.splice(0..0, gone);
    questions
}

/// Says how something of one's own stands: the answer begins with that; after a comma or colon, why or what one takes from
/// it. Returns what was done.
pub(super) fn stand(
    context: &Context<'_>,
    profile: &mut Profile,
    (space, kind, id): (SpaceId, &Kind, &str),
    answer: &str,
    intent: impl FnOnce(&ItemRef, &str, Option<TextEdit>) -> Intent,
) -> Result<String, CliError> {
    let (how, why) = answer.split_once([',', ':']).unwrap_or((answer, ""));
    let (how, why) = (how.trim(), why.trim());
    let item = profile.find(space, Some(kind.name), id)?;
    if how == GOES_ON {
        return Ok(format!("{id} {GOES_ON}"));
    }
    let why = (!why.is_empty()).then(|| TextEdit { from: None, text: why.to_owned() });
    let done = profile.change(&item, &intent(&item, how, why), &mut context.outside().world())?;
    Ok(format!("{} {}: {how}", done.short, done.title))
}

/// Says how a commitment ended, or that it goes on.
pub(super) fn end(
    context: &Context<'_>,
    profile: &mut Profile,
    (space, id): (SpaceId, &str),
    answer: &str,
) -> Result<String, CliError> {
    stand(context, profile, (space, &commitment::KIND, id), answer, |item, how, learning| {
        commitment::Intent::End { item: item.item, how: how.to_owned(), learning }.into()
    })
}

/// True for a commitment of one's own that goes on.
pub(super) fn is_due(item: &Summary) -> bool {
    item.owner == Owner::Mine && item.status.as_deref() != Some(commitment::OFFERED)
}

//! `alliance close`: a last look back before two people part, in which each ends what is theirs, writes what they take with
//! them, and leaves the other a letter. It can be left at any time and goes on where it was; `leave` is what parts them.

use std::{collections::BTreeSet, path::PathBuf};

use alliance_core::{
    app::{AllianceInfo, AllianceState, Owner, Place, Profile, Summary},
    document::TextEdit,
    domain::{
        commitment, goal,
        reflection::{self, LETTER},
    },
};
use alliance_replica::id::SpaceId;
use clap::Args;
use serde::Serialize;

use super::{
    Answer, Context,
    guide::{self, ENDS, GOES_ON, Guide, Question},
    item::{self, Named},
};
use crate::{args, editor, error::CliError, render};

const KIND: &str = reflection::KIND.name;
/// The question about what one takes along.
const TAKE: &str = "take";
/// The question that a letter answers.
const WRITE: &str = "letter";

/// Where one can leave a goal.
const STANDS: [&str; 3] = ["reached", "released", GOES_ON];
/// What is said before the questions.
const BEGIN: &str = "Return passes over a question, Ctrl-D stops; what you answer is done at once.";

/// Arguments of `close`.
#[derive(Args, Debug)]
pub struct Close {
    /// Your letter to the other person, or the whole of it anew; - reads it from stdin
    #[arg(long, value_name = "TEXT", value_parser = args::words, allow_hyphen_values = true)]
    letter: Option<String>,
    /// Take answers from a file, a line each: `take: I can wait`, `c3k: kept`; - reads them from stdin
    #[arg(long, value_name = "FILE", conflicts_with = "letter")]
    answers: Option<PathBuf>,
}

/// How a closing stands.
#[derive(Serialize, Debug)]
pub struct Closing {
    /// The alliance's space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The other person, once known.
    pub other: Option<String>,
    /// What it asks, in its order.
    pub questions: Vec<Question>,
    /// What was done just now.
    pub did: Vec<String>,
    /// The letters that are here.
    pub letters: Vec<Letter>,
    /// True once nothing can be written in the alliance any more.
    pub over: bool,
}

/// A letter at the close.
#[derive(Serialize, Debug)]
pub struct Letter {
    /// The letter.
    #[serde(flatten)]
    pub item: Named,
    /// Whose it is: `you` or `them`.
    pub owner: &'static str,
}

impl Close {
    /// Asks what is not answered yet, on a terminal; takes a letter, or answers from a file; else shows how it stands.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let mut parting = Parting::begin(&mut profile, space)?;
        let mut did = Vec::new();
        if let Some(letter) = self.letter {
            let letter = item::text(context, letter)?;
            let written = letters(&mut profile, space)?.into_iter().find(|it| it.owner == Owner::Mine);
            did.extend(match written {
                Some(it) => Some(rewrite(context, &mut profile, &it, letter)?),
                None => parting.answer(context, &mut profile, WRITE, &letter)?,
            });
        } else if let Some(file) = &self.answers {
            did.extend(parting.read(context, &mut profile, file)?);
        } else if context.ui.is_interactive() && !parting.is_over() {
            did.extend(parting.ask(context, &mut profile, BEGIN)?);
        }
        let letters = letters(&mut profile, space)?.into_iter();
        let letters =
            letters.map(|it| Letter { owner: if it.owner == Owner::Mine { "you" } else { "them" }, item: it.into() });
        let over = parting.is_over();
        let Parting { info: AllianceInfo { title, other, .. }, questions, .. } = parting;
        let letters = letters.collect();
        Ok(Answer::Closing(Closing { id: space.to_string(), title, other, questions, did, letters, over }))
    }
}

/// The letters at the close of an alliance.
pub fn letters(profile: &mut Profile, space: SpaceId) -> Result<Vec<Summary>, CliError> {
    let mut all = profile.list(space, KIND, true)?;
    all.retain(|it| !it.private && it.title == LETTER);
    Ok(all)
}

/// A closing that is going on.
struct Parting {
    info: AllianceInfo,
    questions: Vec<Question>,
}

impl Parting {
    fn begin(profile: &mut Profile, space: SpaceId) -> Result<Self, CliError> {
        let info = profile.alliances()?.into_iter().find(|info| info.space == space);
        let info = info.ok_or(alliance_core::app::AppError::UnknownSpace)?;
        let kept = profile.kept_here(&key(&space))?.unwrap_or_default();
        let passed: BTreeSet<_> = kept.lines().map(str::to_owned).collect();
        let mut questions = Vec::new();
        let mut ask = |id: &str, question: String, answers: &[&'static str], done: bool| {
            let done = done || passed.contains(id);
            questions.push(Question { id: id.to_owned(), question, answers: answers.to_vec(), done });
        };
        let is_here = |it: &&Summary| !it.private;
        for it in
            profile.list(space, commitment::KIND.name, false)?.iter().filter(is_here).filter(|it| guide::is_due(it))
        {
            ask(&it.short, format!("“{}”: how did it go?", it.title), &ENDS, false);
        }
        for it in
            profile.list(space, goal::KIND.name, false)?.iter().filter(is_here).filter(|it| it.owner == Owner::Mine)
        {
            ask(&it.short, format!("“{}”: where do you leave it?", it.title), &STANDS, false);
        }
        let prompt = prompt(&info.title);
        let taken = profile.list(space, KIND, true)?.iter().any(|it| it.private && it.title == prompt);
        ask(TAKE, "What do you take with you? Only you see it.".to_owned(), &[], taken);
        let other = info.other.as_deref().unwrap_or("the other person");
        let written = letters(profile, space)?.iter().any(|it| it.owner == Owner::Mine);
        let question =
            format!("A letter to {other}: what did you see, what do you thank them for, what do you wish them?");
        ask(WRITE, question, &[], written);
        let questions = guide::with_gone(questions, &passed);
        Ok(Self { info, questions })
    }

    /// True once nothing can be written in the alliance any more.
    fn is_over(&self) -> bool {
        self.info.state == AllianceState::Ended
    }
}

impl Guide for Parting {
    fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// What the person says; a letter is written in their editor.
    fn listen(&self, context: &Context<'_>, asked: &Question) -> Result<Option<String>, CliError> {
        if asked.id != WRITE {
            return Ok(guide::listen(context, asked));
        }
        let Question { question, .. } = asked;
        let begin = format!("{question}\nReturn opens your editor, - leaves it for later.\n> ");
        let command = render::in_alliance(context.named_alliance(), "close --letter -");
        match context.ui.ask_line(&begin).filter(|it| it.trim().is_empty() && it.ends_with('\n')) {
            Some(_) => editor::edit(context, "", command).map(Some),
            None => Ok(None),
        }
    }

    fn answer(
        &mut self,
        context: &Context<'_>,
        profile: &mut Profile,
        id: &str,
        answer: &str,
    ) -> Result<Option<String>, CliError> {
        let asked = self.questions.iter_mut().find(|it| it.id == id);
        let asked = asked.ok_or_else(|| CliError::NoQuestion { id: id.to_owned() })?;
        if asked.done || guide::passes_over(answer) {
            return Ok(None);
        }
        let space = self.info.space;
        let is_open = [TAKE, WRITE].contains(&id);
        let did = match id {
            TAKE => write(context, profile, Place::Personal, prompt(&self.info.title), answer)?,
            WRITE => write(context, profile, Place::Alliance(space), LETTER.to_owned(), answer)?,
            id if asked.answers == STANDS => {
                guide::stand(context, profile, (space, &goal::KIND, id), answer, |item, how, reason| {
                    goal::Intent::Edit { item: item.item, edit: goal::Edit::status(how, reason) }.into()
                })?
            }
            id => guide::end(context, profile, (space, id), answer)?,
        };
        asked.done = true;
        if !is_open {
            let kept = profile.kept_here(&key(&space))?.unwrap_or_default();
            profile.keep_here(&key(&space), format!("{kept}\n{id}").trim())?;
        }
        Ok(Some(did))
    }
}

fn write(
    context: &Context<'_>,
    profile: &mut Profile,
    place: Place,
    prompt: String,
    body: &str,
) -> Result<String, CliError> {
    let intent = reflection::Intent::Write { prompt: Some(prompt), body: body.to_owned(), tags: Vec::new() };
    let done = profile.add(place, &intent.into(), &mut context.outside().world())?;
    Ok(format!("{} {}", done.short, done.title))
}

/// Writes one's letter anew.
fn rewrite(context: &Context<'_>, profile: &mut Profile, letter: &Summary, text: String) -> Result<String, CliError> {
    let (item, body) = (letter.item.item, Some(TextEdit { from: None, text }));
    let intent = reflection::Intent::Edit { item, body, tag: Vec::new(), untag: Vec::new() };
    let done = profile.change(&letter.item, &intent.into(), &mut context.outside().world())?;
    Ok(format!("{} {}", done.short, done.title))
}

/// What a reflection on what one takes along answers.
fn prompt(title: &str) -> String {
    format!("What I take with me from “{}”", title.chars().take(100).collect::<String>())
}

fn key(space: &SpaceId) -> String {
    format!("close {space}")
}

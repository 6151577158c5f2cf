//! `alliance question`: questions to sit with, offered and never set.

use alliance_core::{
    app::Place,
    domain::question::{self, BANK, Intent, New},
};
use clap::{Args, Subcommand};

use super::{Answer, Context, item};
use crate::{command::item::Done, error::CliError};

const KIND: &str = question::KIND.name;

/// Arguments of `question`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Question {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with questions.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Offer the other person a question
    Offer(What),
    /// Take a question for yourself
    Take(What),
    /// Questions to begin from; with a word, those about it
    Bank {
        /// What it is to be about, such as obstacle or step
        tag: Option<String>,
    },
    /// List questions that are open; also what a bare `question` does
    List {
        /// Also those that are answered or let go
        #[arg(long)]
        all: bool,
    },
    /// Show a question with its answer
    Show {
        /// Its id, or three letters or more of it
        id: String,
    },
    /// Sit with a question that was offered to you
    Sit {
        /// Its id or all of its words
        id: String,
    },
    /// Answer a question; without -m your editor opens
    Answer {
        /// Its id or all of its words
        id: String,
        /// The answer; - reads it from stdin
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        message: Option<String>,
    },
    /// Let go of a question
    LetGo {
        /// Its id or all of its words
        id: String,
    },
}

/// Arguments of `question offer` and `take`.
#[derive(Args, Debug)]
pub struct What {
    /// A number of `question bank`, or your words
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    /// What it is about; may be said several times
    #[arg(long, value_name = "WORDS")]
    tag: Vec<String>,
}

impl Question {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List { all: false }) {
            Verb::List { all } => item::list(context, KIND, all).map(Answer::Items),
            Verb::Show { id } => item::show(context, KIND, &id).map(Answer::Item),
            Verb::Bank { tag } => Ok(Answer::Text(bank(tag.as_deref()))),
            Verb::Offer(what) => what.add(context, "Offered", Intent::Offer).map(Answer::Done),
            Verb::Take(what) => what.add(context, "Taken", Intent::Take).map(Answer::Done),
            Verb::Sit { id } => stand(context, &id, "Taken up", question::SITTING).map(Answer::Done),
            Verb::LetGo { id } => stand(context, &id, "Let go", "let go").map(Answer::Done),
            Verb::Answer { id, message } => {
                let (mut profile, item) = item::open(context, KIND, &id)?;
                let answer = Some(item::edited(context, &mut profile, &item, question::ANSWER, message)?);
                let intent = Intent::Stand { item: item.item, status: "answered".to_owned(), answer };
                item::change(context, &mut profile, &item, "Answered", intent).map(Answer::Done)
            }
        }
    }
}

impl What {
    fn add(self, context: &Context<'_>, verb: &'static str, intent: fn(New) -> Intent) -> Result<Done, CliError> {
        let Self { words, tag: mut tags } = self;
        let mut text = words.join(" ");
        if let Some(banked) = text.parse::<usize>().ok().and_then(|number| BANK.get(number.checked_sub(1)?)) {
            text = banked.text.to_owned();
            tags.push(banked.tag.to_owned());
        }
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        item::add(context, &mut profile, Place::Alliance(space), verb, intent(New { text, tags }))
    }
}

fn bank(tag: Option<&str>) -> String {
    let all = (1..).zip(BANK).filter(|(_, it)| tag.is_none_or(|tag| it.tag.starts_with(&tag.to_lowercase())));
    all.map(|(number, it)| format!("{number}\t{}\t{}\n", it.tag, it.text)).collect()
}

fn stand(context: &Context<'_>, id: &str, verb: &'static str, status: &str) -> Result<Done, CliError> {
    let (mut profile, item) = item::open(context, KIND, id)?;
    let intent = Intent::Stand { item: item.item, status: status.to_owned(), answer: None };
    item::change(context, &mut profile, &item, verb, intent)
}

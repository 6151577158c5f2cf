//! `alliance conflict`: fields in which both wrote something at the same time, and the choice between their values.

use alliance_core::app::{self, ChoiceValue, Who};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Answer, Context, item};
use crate::{command::item::Done, error::CliError, when};

/// Arguments of `conflict`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Conflict {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done about them.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// List every field with several values; also what a bare `conflict` does
    List,
    /// Keep one of the values; the others stay in the history
    Keep {
        /// Id or whole title of what both changed
        id: String,
        /// Number of the value, as `conflict list` shows it
        #[arg(value_parser = number)]
        number: usize,
    },
}

/// Fields with several values.
#[derive(Serialize, Debug)]
#[serde(transparent)]
pub struct List {
    /// Those of the alliance that is meant.
    pub choices: Vec<Choice>,
    /// What that is called.
    #[serde(skip)]
    pub title: String,
    /// True if commands mean it anyway.
    #[serde(skip)]
    pub current: bool,
    /// How many there are in others, by their titles.
    #[serde(skip)]
    pub elsewhere: Vec<(String, usize)>,
}

/// A field with several values.
#[derive(Serialize, Debug)]
pub struct Choice {
    /// The item, in hexadecimal.
    pub id: String,
    /// What a person types for it.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// The field.
    pub field: String,
    /// Its values.
    pub values: Vec<Value>,
}

/// One of the values.
#[derive(Serialize, Debug)]
pub struct Value {
    /// Number to keep it by, unique within the item.
    pub number: usize,
    /// The value.
    pub value: String,
    /// Who wrote it: `you`, or the other's name; none if that is not known.
    pub by: Option<String>,
}

impl Conflict {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::List => list(context).map(Answer::Choices),
            Verb::Keep { id, number } => keep(context, &id, number).map(Answer::Done),
        }
    }
}

/// Choices as they are shown.
pub fn shown(choices: Vec<app::Choice>) -> Vec<Choice> {
    let value = |ChoiceValue { number, value, by }: ChoiceValue| Value { number, value, by: by.map(name) };
    let choice = |choice: app::Choice| Choice {
        id: choice.item.item.to_string(),
        short: choice.short,
        kind: choice.kind,
        title: choice.title,
        field: choice.field,
        values: choice.values.into_iter().map(value).collect(),
    };
    choices.into_iter().map(choice).collect()
}

fn list(context: &Context<'_>) -> Result<List, CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    let choices = shown(profile.conflicts(space)?);
    let mut list = List { choices, title: String::new(), current: true, elsewhere: Vec::new() };
    for info in profile.alliances()? {
        if info.space == space {
            (list.title, list.current) = (info.title, info.current);
        } else {
            let choices = profile.conflicts(info.space)?.iter().filter(|it| it.item.space == info.space).count();
            list.elsewhere.extend((choices > 0).then_some((info.title, choices)));
        }
    }
    Ok(list)
}

fn keep(context: &Context<'_>, text: &str, number: usize) -> Result<Done, CliError> {
    let mut profile = context.profile()?;
    let (_, item) = item::find(context, &mut profile, None, text)?;
    let (kept, choice) = profile.keep(&item, number, &mut context.outside().world())?;
    let (chosen, others): (Vec<_>, Vec<_>) = choice.values.iter().cloned().partition(|value| value.number == number);
    let words = |values: &[ChoiceValue]| {
        let quoted: Vec<_> =
            values.iter().map(|value| format!("“{}”", when::said(&choice.field, &value.value))).collect();
        quoted.join(", ")
    };
    let said = Some(format!("{} is {}, no longer {}", choice.field, words(&chosen), words(&others)));
    Ok(Done { said, ..Done::new("Kept", kept) })
}

fn number(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "say the number that `alliance conflict list` shows beside the value")
}

/// Who it is, as it is shown: `you`, or the other's name.
pub fn name(who: Who) -> String {
    match who {
        Who::You => "you".to_owned(),
        Who::Them(name) => name,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use alliance_core::app::ItemRef;
    use alliance_replica::id::{ItemId, SpaceId};

    use super::*;

    pub(crate) fn choices() -> Vec<app::Choice> {
        let item = ItemRef { space: SpaceId::new([1; 16]), item: ItemId::new([2; 16]) };
        let value = |number, value: &str, by| ChoiceValue { number, value: value.to_owned(), by: Some(by) };
        let choice = |field: &str, values| app::Choice {
            item,
            short: "g3k".to_owned(),
            kind: "goal".to_owned(),
            title: "Run 10 km".to_owned(),
            field: field.to_owned(),
            values,
        };
        let anna = || Who::Them("Anna".to_owned());
        vec![
            choice("title", vec![value(1, "Run 10 km", Who::You), value(2, "Run 12 km", anna())]),
            choice("status", vec![value(3, "active", anna()), value(4, "paused", Who::You)]),
        ]
    }
}

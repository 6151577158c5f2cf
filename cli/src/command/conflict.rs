//! `alliance conflict`: fields in which both wrote something at the same time, and the choice between their values.

use alliance_core::app::{self, ChoiceValue, Who};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Answer, Context, item};
use crate::{command::item::Done, error::CliError};

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
        /// Id or title of what both changed
        id: String,
        /// Number of the value, as `conflict list` shows it
        number: usize,
    },
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
    /// Number to keep it by; numbers go on through all fields of an item.
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

/// Choices with numbers that go on through all fields of an item; those of one item stand together.
pub fn numbered(choices: Vec<app::Choice>) -> Vec<Choice> {
    let (mut item, mut last) = (None, 0);
    let number = |choice: app::Choice| {
        if item.replace(choice.item) != Some(choice.item) {
            last = 0;
        }
        let first = last + 1;
        last += choice.values.len();
        let value = |(at, it): (usize, ChoiceValue)| Value { number: first + at, value: it.value, by: it.by.map(by) };
        Choice {
            id: choice.item.item.to_string(),
            short: choice.short,
            kind: choice.kind,
            title: choice.title,
            field: choice.field,
            values: choice.values.into_iter().enumerate().map(value).collect(),
        }
    };
    choices.into_iter().map(number).collect()
}

fn list(context: &Context<'_>) -> Result<Vec<Choice>, CliError> {
    let mut profile = context.profile()?;
    let space = context.space(&mut profile)?;
    Ok(numbered(profile.conflicts(space)?))
}

fn keep(context: &Context<'_>, text: &str, number: usize) -> Result<Done, CliError> {
    let mut profile = context.profile()?;
    let (_, item) = item::find(context, &mut profile, None, text)?;
    let choices = profile.item(&item)?.choices;
    let (field, number) = locate(&choices, number);
    let done = profile.keep(&item, field, number, &mut context.outside().world())?;
    Ok(Done::new("Kept", done))
}

/// Field and number within it of a number that goes on through all fields; the façade says that there is no other.
fn locate(choices: &[app::Choice], number: usize) -> (Option<&str>, usize) {
    let mut rest = number;
    for choice in choices {
        if rest <= choice.values.len() {
            return (Some(&choice.field), rest);
        }
        rest -= choice.values.len();
    }
    (choices.first().map(|choice| choice.field.as_str()), number)
}

fn by(who: Who) -> String {
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
        let value = |value: &str, by| ChoiceValue { value: value.to_owned(), by: Some(by) };
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
            choice("title", vec![value("Run 10 km", Who::You), value("Run 12 km", anna())]),
            choice("status", vec![value("active", anna()), value("paused", Who::You)]),
        ]
    }

    #[test]
    fn numbers_go_on_through_the_fields_of_an_item_and_lead_back() {
        let choices = choices();
        let numbered = numbered(choices.clone());
        let shown: Vec<_> = numbered.iter().flat_map(|it| it.values.iter().map(|value| value.number)).collect();
        assert_eq!(shown, [1, 2, 3, 4]);
        assert_eq!(locate(&choices, 2), (Some("title"), 2));
        assert_eq!(locate(&choices, 3), (Some("status"), 1));
        assert_eq!(locate(&choices, 4), (Some("status"), 2));
    }

    #[test]
    fn numbers_begin_again_with_every_item() {
        let mut choices = choices();
        choices[1].item.item = ItemId::new([3; 16]);
        let first: Vec<_> = numbered(choices).iter().map(|it| it.values[0].number).collect();
        assert_eq!(first, [1, 1]);
    }

    #[test]
    fn a_number_that_was_not_shown_leads_to_no_value() {
        let choices = choices();
        assert_eq!(locate(&choices, 5), (Some("title"), 5));
        assert_eq!(locate(&choices, 0), (Some("title"), 0));
        assert_eq!(locate(&[], 1), (None, 1));
    }
}

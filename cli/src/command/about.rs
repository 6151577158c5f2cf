//! `alliance about`: what the alliance itself is called, what it is for, and when to look back at it.

use alliance_core::{app::Intent, domain::alliance};
use clap::Args;
use serde::Serialize;

use super::{
    Answer, Context,
    conflict::{self, Choice},
    item::{self, Done},
};
use crate::{error::CliError, when};

/// Arguments of `about`; without options it shows.
#[derive(Args, Debug)]
pub struct About {
    /// What it is called
    #[arg(long)]
    title: Option<String>,
    /// What it is for; - reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    purpose: Option<String>,
    /// When to look back at it: a day (`fri`, `in 3 months`, `2027-05-01`) or in your words
    #[arg(long, value_name = "WHEN")]
    review: Option<String>,
}

/// The alliance itself.
#[derive(Serialize, Debug)]
pub struct Shown {
    /// Its item, in hexadecimal.
    pub id: String,
    /// What a person types for it where a value is chosen.
    pub short: String,
    /// What it is called.
    pub title: String,
    /// When to look back at it.
    pub review: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Fields with several values.
    pub conflicts: Vec<Choice>,
}

impl About {
    /// Shows or changes it.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let Self { title, purpose, review } = self;
        let mut profile = context.profile()?;
        let space = context.space(&mut profile)?;
        let item = profile.alliance_item(space)?;
        if title.is_none() && purpose.is_none() && review.is_none() {
            let whole = profile.item(&item)?;
            let (mut summary, conflicts) = (whole.summary, conflict::shown(whole.choices));
            return Ok(Answer::About(Shown {
                id: summary.item.item.to_string(),
                short: summary.short,
                title: summary.title,
                review: summary.fields.remove("review"),
                purpose: summary.texts.remove("purpose"),
                conflicts,
            }));
        }
        let purpose = purpose.map(|typed| item::edited(context, &mut profile, &item, "purpose", Some(typed)));
        let (review, said) = when::kept(context.env, review, "look back on")?;
        let intent = alliance::Intent { title, purpose: purpose.transpose()?, review, ..Default::default() };
        let done = profile.change(&item, &Intent::Alliance(intent), &mut context.outside().world())?;
        Ok(Answer::Done(Done { said, ..Done::new("Changed", done) }))
    }
}

//! `alliance search`: words in everything that one can see.

use alliance_core::app;
use clap::Args;
use serde::Serialize;

use super::{Answer, Context, alliance, item::Named};
use crate::error::CliError;

/// Arguments of `search`.
#[derive(Args, Debug)]
pub struct Search {
    /// Beginnings of words; all of them are looked for
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// Items in which the words were found.
#[derive(Serialize, Debug)]
#[serde(transparent)]
pub struct Hits {
    /// The items, the best first.
    pub rows: Vec<Found>,
    /// True if nothing was said that could be looked for.
    #[serde(skip)]
    pub nothing_said: bool,
}

/// An item in which the words were found.
#[derive(Serialize, Debug)]
pub struct Found {
    /// The item.
    #[serde(flatten)]
    pub item: Named,
    /// True if only its owner's devices have it.
    pub private: bool,
    /// What the alliance is called that it is in; none if it is private.
    pub alliance: Option<String>,
    /// A part of its text around what was found.
    pub snippet: Vec<Piece>,
}

/// A part of a snippet.
#[derive(Serialize, Debug)]
pub struct Piece {
    /// The words.
    pub text: String,
    /// True if they are what was looked for.
    pub found: bool,
}

impl From<app::Found> for Found {
    fn from(found: app::Found) -> Self {
        let app::Found { summary, alliance, snippet } = found;
        let piece = |(found, text)| Piece { text, found };
        Self {
            private: summary.private,
            item: summary.into(),
            alliance,
            snippet: snippet.into_iter().map(piece).collect(),
        }
    }
}

impl Search {
    /// Looks for the words in the alliance that was named, or in all.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let named = context.named_alliance().map(|name| alliance::find(&mut profile, name)).transpose()?;
        let words = self.words.join(" ");
        let rows = profile.search(named, &words)?.into_iter().map(Found::from).collect();
        Ok(Answer::Found(Hits { rows, nothing_said: !words.contains(char::is_alphanumeric) }))
    }
}

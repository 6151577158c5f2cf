//! A reflection: what somebody writes for themselves, with or without a prompt. It is all its author's, and starts private.

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Field, Kind, Own, Plan, RuleError, TITLE, elements, mine, put, text};
use crate::document::{TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "reflection",
    shared: &[],
    own: &[(Own::Owner, &[Field::register("prompt"), Field::text("body"), Field::set("tags")])],
    titles: &["prompt", "body"],
    open: &[],
};

/// What a letter answers that one leaves the other person before they part.
pub const LETTER: &str = "A letter at the close";

/// Prompts of our own to begin from.
pub const PROMPTS: &[&str] = &[
    "What gave me strength this week, and what cost me some?",
    "Where did I do what I had meant to do, although it was hard?",
    "What did I leave out, and what did I protect by that?",
    "Which moment would I like to live through once more?",
    "What do I know today that I did not know a month ago?",
    "What would I say to a friend who had had my week?",
];

/// What somebody wants to do with a reflection.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Writes one.
    Write {
        /// What it answers, on one line.
        prompt: Option<String>,
        /// The text.
        body: String,
        /// Tags, a line each.
        tags: Vec<String>,
    },
    /// Changes one.
    Edit {
        /// Which.
        item: ItemId,
        /// The text as it shall be.
        body: Option<TextEdit>,
        /// Tags to add.
        tag: Vec<String>,
        /// Tags to remove.
        untag: Vec<String>,
    },
}

impl Intent {
    /// The reflection it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Write { .. } => None,
            Self::Edit { item, .. } => Some(*item),
        }
    }
}

impl Act for Intent {
    fn owner(&self, me: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(Some(me))
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        let own = Writer::from(at.owner);
        mine(own, at.me)?;
        let mut plan = Plan::default();
        let edits = plan.facet(own);
        match self {
            Self::Write { body, .. } if body.trim().is_empty() => return Err(RuleError::Empty { field: "body" }),
            Self::Write { prompt, body, tags } => {
                edits.extend(prompt.as_ref().map(|prompt| put("prompt", prompt, TITLE)).transpose()?);
                edits.push(text("body", &body.as_str().into())?);
                edits.extend(elements("tags", tags, &[])?);
            }
            Self::Edit { body, tag, untag, .. } => {
                edits.extend(body.as_ref().map(|body| text("body", body)).transpose()?);
                edits.extend(elements("tags", tag, untag)?);
            }
        }
        Ok(plan)
    }
}

//! A win: something that went well, by whoever it is, and the cheers of each.

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Field, Kind, Own, Plan, RuleError, rule::said_on, text};
use crate::document::Writer;

/// The kind.
pub const KIND: Kind = Kind {
    name: "win",
    shared: &[Field::text("text")],
    own: &[(Own::EachMember, &[Field::list(CHEERS)])],
    titles: &["text"],
    open: &[],
};

/// What each says to it.
pub const CHEERS: &str = "cheers";

/// What somebody wants to do with a win.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Writes one down.
    Add {
        /// The words.
        text: String,
    },
    /// Cheers.
    Cheer {
        /// Which.
        item: ItemId,
        /// The day.
        date: String,
        /// In words, on one line; none for a plain cheer.
        words: String,
    },
}

impl Intent {
    /// The win it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Add { .. } => None,
            Self::Cheer { item, .. } => Some(*item),
        }
    }
}

impl Act for Intent {
    fn owner(&self, me: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(Some(me))
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        match self {
            Self::Add { text: words } if words.trim().is_empty() => return Err(RuleError::Empty { field: "win" }),
            Self::Add { text: words } => plan.shared().push(text("text", &words.as_str().into())?),
            Self::Cheer { date, words, .. } => plan.facet(Writer::Only(at.me)).push(said_on(CHEERS, date, words)?),
        }
        Ok(plan)
    }
}

//! A comment: a short text of one person about an item, shown where that is shown. It is all its author's.

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Field, Kind, LINE, Own, Plan, RuleError, mine, put, text};
use crate::document::{TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "comment",
    shared: &[],
    own: &[(Own::Owner, &[Field::register(TARGET), Field::text("body")])],
    titles: &["body"],
    open: &[],
};

/// The field with the item that it is about, by its id.
pub const TARGET: &str = "target";

/// What somebody wants to do with a comment.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Writes one.
    Add {
        /// About what.
        target: ItemId,
        /// The words.
        body: String,
    },
    /// Changes one.
    Edit {
        /// Which.
        item: ItemId,
        /// The words as they shall be.
        body: TextEdit,
    },
}

impl Intent {
    /// The comment it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Add { .. } => None,
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
            Self::Add { body, .. } if body.trim().is_empty() => return Err(RuleError::Empty { field: "body" }),
            Self::Add { target, body } => {
                edits.push(put(TARGET, &target.to_string(), LINE)?);
                edits.push(text("body", &body.as_str().into())?);
            }
            Self::Edit { body, .. } => edits.push(text("body", body)?),
        }
        Ok(plan)
    }
}

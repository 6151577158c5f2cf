//! A question to sit with: offered, never set. Whoever it is for says whether they sit with it, answers, or lets it go.

mod bank;

pub use bank::{BANK, Banked};

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Facets, Field, Kind, LINE, Own, Plan, RuleError, elements, mine, put, text};
use crate::document::{TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "question",
    shared: &[Field::text("text"), Field::set("tags")],
    own: &[(Own::Owner, &[Field::register(STATUS), Field::text(ANSWER)])],
    titles: &["text"],
    open: &[OPEN, SITTING],
};

/// Nobody has said anything of it.
pub const OPEN: &str = "open";
/// Its receiver sits with it.
pub const SITTING: &str = "sitting";
/// How a question can stand.
pub const STATUSES: &[&str] = &[OPEN, SITTING, "answered", "let go"];
/// The text of its answer.
pub const ANSWER: &str = "answer";
const STATUS: &str = "status";

/// What somebody wants to do with a question.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Offers one to the other person.
    Offer(New),
    /// Takes one for oneself.
    Take(New),
    /// Says how one stands to it: its receiver's to say.
    Stand {
        /// Which.
        item: ItemId,
        /// One of [`STATUSES`].
        status: String,
        /// The answer, if there is one.
        answer: Option<TextEdit>,
    },
}

/// A new question.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct New {
    /// The question.
    pub text: String,
    /// Tags, a line each.
    pub tags: Vec<String>,
}

impl Intent {
    /// The question it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Offer(_) | Self::Take(_) => None,
            Self::Stand { item, .. } => Some(*item),
        }
    }
}

impl Act for Intent {
    fn owner(&self, me: MemberId, other: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        match self {
            Self::Offer(_) => other.map(Some).ok_or(RuleError::NobodyElse),
            _ => Ok(Some(me)),
        }
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        let own = Writer::from(at.owner);
        let mut plan = Plan::default();
        match self {
            Self::Offer(new) | Self::Take(new) => {
                if new.text.trim().is_empty() {
                    return Err(RuleError::Empty { field: "question" });
                }
                plan.shared().push(text("text", &new.text.as_str().into())?);
                plan.shared().extend(elements("tags", &new.tags, &[])?);
                if matches!(self, Self::Take(_)) {
                    plan.facet(own).push(put(STATUS, SITTING, LINE)?);
                }
            }
            Self::Stand { status, answer, .. } => {
                mine(own, at.me)?;
                if !STATUSES.contains(&status.as_str()) {
                    return Err(RuleError::NotAllowed { field: STATUS, allowed: STATUSES });
                }
                plan.facet(own).push(put(STATUS, status, LINE)?);
                plan.facet(own).extend(answer.as_ref().map(|answer| text(ANSWER, answer)).transpose()?);
            }
        }
        Ok(plan)
    }
}

/// How a question stands whose receiver says this.
pub fn stands(_: &Facets<'_>, said: Option<String>) -> String {
    said.unwrap_or_else(|| OPEN.to_owned())
}

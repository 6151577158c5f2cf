//! An insight: offered by either, and one only once its owner confirms it. It comes back after one, three and twelve months.

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Facets, Field, Kind, LINE, Own, Plan, RuleError, day, mine, put, put_or_clear, text};
use crate::document::{Edit, Scalar, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "insight",
    shared: &[Field::text("text")],
    own: &[(Own::Owner, &[Field::register(STATUS), Field::register(BACK), Field::register(MONTHS).inner()])],
    titles: &["text"],
    open: &[OFFERED, "new", "tested", INTEGRATED],
};

/// Its owner has not said whether it is one.
pub const OFFERED: &str = "offered";
/// It is part of how its owner lives.
pub const INTEGRATED: &str = "integrated";
/// How a confirmed insight can stand.
pub const STATUSES: &[&str] = &["new", "tested", INTEGRATED, "let go"];
/// The day on which it comes back.
pub const BACK: &str = "back";
/// After how many months it came back last, or comes back first.
pub const MONTHS: &str = "months";
/// Months after which an insight comes back, one after the other.
pub const INTERVALS: [i64; 3] = [1, 3, 12];
const STATUS: &str = "status";

/// What somebody wants to do with an insight.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Offers one to the other person.
    Offer {
        /// The words.
        text: String,
    },
    /// Writes down one of one's own.
    Add {
        /// The words.
        text: String,
        /// When it comes back first.
        back: Back,
    },
    /// Says how one stands to it: its owner's to say.
    Stand {
        /// Which.
        item: ItemId,
        /// One of [`STATUSES`]; none if it stands as it stood.
        status: Option<String>,
        /// When it comes back; none for no more.
        back: Option<Back>,
    },
}

/// When an insight comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Back {
    /// The day.
    pub day: String,
    /// After how many months that is.
    pub months: i64,
}

impl Intent {
    /// The insight it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Offer { .. } | Self::Add { .. } => None,
            Self::Stand { item, .. } => Some(*item),
        }
    }
}

impl Act for Intent {
    fn owner(&self, me: MemberId, other: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        match self {
            Self::Offer { .. } => other.map(Some).ok_or(RuleError::NobodyElse),
            _ => Ok(Some(me)),
        }
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        let own = Writer::from(at.owner);
        let mut plan = Plan::default();
        match self {
            Self::Offer { text: words } | Self::Add { text: words, .. } if words.trim().is_empty() => {
                return Err(RuleError::Empty { field: "insight" });
            }
            Self::Offer { text: words } => plan.shared().push(text("text", &words.as_str().into())?),
            Self::Add { text: words, back } => {
                plan.shared().push(text("text", &words.as_str().into())?);
                plan.facet(own).push(put(STATUS, STATUSES[0], LINE)?);
                plan.facet(own).extend(back.edits()?);
            }
            Self::Stand { status, back, .. } => {
                mine(own, at.me)?;
                if let Some(status) = status {
                    if !STATUSES.contains(&status.as_str()) {
                        return Err(RuleError::NotAllowed { field: STATUS, allowed: STATUSES });
                    }
                    plan.facet(own).push(put(STATUS, status, LINE)?);
                }
                match back {
                    Some(back) => plan.facet(own).extend(back.edits()?),
                    None => plan.facet(own).push(put_or_clear(BACK, "", LINE)?),
                }
            }
        }
        Ok(plan)
    }
}

impl Back {
    fn edits(&self) -> Result<[Edit; 2], RuleError> {
        let day = put(BACK, &day(BACK, &self.day)?, LINE)?;
        Ok([day, Edit::Put(MONTHS.to_owned(), Some(Scalar::Int(self.months)))])
    }
}

/// After how many months an insight comes back that came back after so many; none if never again.
pub fn next(months: i64) -> Option<i64> {
    INTERVALS.into_iter().find(|it| *it > months)
}

/// How an insight stands whose owner says this.
pub fn stands(_: &Facets<'_>, said: Option<String>) -> String {
    said.unwrap_or_else(|| OFFERED.to_owned())
}

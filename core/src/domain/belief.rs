//! A belief that holds its owner back: what speaks for it and against it, another way to see it, something to try, and how
//! strong it is as time goes on. It is its owner's alone, and starts private; what the other person says to a copy of it
//! are offers.

use alliance_replica::id::{ItemId, MemberId};

use super::{
    Act, At, Field, Kind, LINKS, Own, Plan, RuleError, SAID, TITLE, day, elements, line, mine, put,
    rule::{said_on, within},
};
use crate::document::{Edit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "belief",
    shared: &[],
    own: &[
        (
            Own::Owner,
            &[
                Field::register("belief"),
                Field::list(FOR),
                Field::list(AGAINST),
                Field::register(REFRAME),
                Field::set(LINKS),
                Field::list(STRENGTH),
            ],
        ),
        (Own::Other, &[Field::list(OFFERED_EVIDENCE), Field::list(OFFERED_REFRAME)]),
    ],
    titles: &["belief"],
    open: &[],
};

/// What speaks for it.
pub const FOR: &str = "for";
/// What speaks against it.
pub const AGAINST: &str = "against";
/// Another way to see it.
pub const REFRAME: &str = "reframe";
/// How strong it is, day by day, 0 to 100.
pub const STRENGTH: &str = "strength";
/// What the other person noticed that speaks against it.
pub const OFFERED_EVIDENCE: &str = "offered-evidence";
/// How the other person might see it.
pub const OFFERED_REFRAME: &str = "offered-reframe";

/// What somebody wants to do with a belief.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Names one.
    Name {
        /// The belief, on one line.
        belief: String,
        /// How strong it is, and on which day.
        strength: Option<(String, i64)>,
    },
    /// Writes down what speaks for or against it; of the other person it is an offer, and against.
    Evidence {
        /// Which.
        item: ItemId,
        /// True if it speaks for the belief.
        supports: bool,
        /// The day.
        date: String,
        /// The words, on one line.
        words: String,
    },
    /// Sees it otherwise; of the other person it is an offer.
    Reframe {
        /// Which.
        item: ItemId,
        /// The day.
        date: String,
        /// The words, on one line.
        words: String,
    },
    /// Says how strong it is.
    Strength {
        /// Which.
        item: ItemId,
        /// The day.
        date: String,
        /// 0 to 100.
        strength: i64,
    },
    /// Links something to try: a commitment, by its id.
    Experiment {
        /// Which.
        item: ItemId,
        /// The commitment.
        commitment: String,
    },
}

impl Intent {
    /// The belief it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Name { .. } => None,
            Self::Evidence { item, .. }
            | Self::Reframe { item, .. }
            | Self::Strength { item, .. }
            | Self::Experiment { item, .. } => Some(*item),
        }
    }
}

impl Act for Intent {
    fn owner(&self, me: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(Some(me))
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        let own = Writer::from(at.owner);
        let is_mine = mine(own, at.me).is_ok();
        let mut plan = Plan::default();
        let edits = plan.facet(Writer::Only(at.me));
        match self {
            Self::Name { belief, strength } => {
                edits.push(put("belief", belief, TITLE)?);
                edits.extend(strength.as_ref().map(|(date, strength)| strong(date, *strength)).transpose()?);
            }
            Self::Evidence { supports, date, words, .. } => {
                let list = match (is_mine, supports) {
                    (true, true) => FOR,
                    (true, false) => AGAINST,
                    (false, _) => OFFERED_EVIDENCE,
                };
                line("words", words, SAID)?;
                edits.push(said_on(list, date, words)?);
            }
            Self::Reframe { words, .. } if is_mine => edits.push(put(REFRAME, words, SAID)?),
            Self::Reframe { date, words, .. } => {
                line("words", words, SAID)?;
                edits.push(said_on(OFFERED_REFRAME, date, words)?);
            }
            Self::Strength { date, strength, .. } => {
                mine(own, at.me)?;
                edits.push(strong(date, *strength)?);
            }
            Self::Experiment { commitment, .. } => {
                mine(own, at.me)?;
                edits.extend(elements(LINKS, std::slice::from_ref(commitment), &[])?);
            }
        }
        Ok(plan)
    }
}

fn strong(date: &str, strength: i64) -> Result<Edit, RuleError> {
    within(STRENGTH, strength, 0..=100, &["0 to 100"])?;
    Ok(Edit::Append(STRENGTH.to_owned(), format!("{} {strength}", day("date", date)?).into()))
}

//! A commitment: one person offers it, and it is one only once its owner has accepted it. Only the owner says by when, how
//! it went and that it is let go; the other person may take back an offer, ask how it goes, and write at its words.
//!
//! Accepting wins over taking back at the same time: an owner's word is theirs. How it went lies in the owner's facet as a
//! list of check-ins, what the other person asked in theirs, so that nobody can put words into the other's mouth.

use alliance_replica::id::{ItemId, MemberId};

use super::{
    Act, At, Facets, Field, Kind, LINE, LINKS, Own, Plan, RuleError, SAID, TITLE, day, elements, line, mine, put,
    put_or_clear,
    rule::{said_on, within},
    text,
};
use crate::document::{self, Scalar, TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "commitment",
    shared: &[Field::register("title"), Field::set(LINKS), Field::register(WITHDRAWN)],
    own: &[
        (
            Own::Owner,
            &[
                Field::register(STATUS),
                Field::register(ACCEPTED_AS),
                Field::register(DUE),
                Field::text(IF_THEN),
                Field::register(CONFIDENCE),
                Field::text(SUPPORT),
                Field::text(LEARNING),
                Field::list(CHECK_INS),
                Field::register(MUTED),
            ],
        ),
        (Own::Other, &[Field::list(ASKED)]),
    ],
    titles: &["title"],
    open: &[OFFERED, ACCEPTED, RENEGOTIATED],
};

/// How a commitment stands before its owner has said anything.
pub const OFFERED: &str = "offered";
/// How it stands once an offer was taken back.
pub const TAKEN_BACK: &str = "taken back";
/// Its owner has accepted it.
pub const ACCEPTED: &str = "accepted";
/// Its owner goes on with it on other terms.
pub const RENEGOTIATED: &str = "renegotiated";
/// How a commitment can end.
pub const ENDS: &[&str] = &["kept", "partly", LET_GO];
const LET_GO: &str = "let go";
/// How it can go meanwhile.
pub const OUTCOMES: &[&str] = &["well", "so-so", "stuck"];

/// Fields that are said otherwise where the whole of it is shown.
pub const QUIET: &[&str] = &[WITHDRAWN];

/// By when: `2026-11-27`, or `2026-11-27 09:00`.
pub const DUE: &str = "due";
/// The words that its owner accepted.
pub const ACCEPTED_AS: &str = "accepted-as";
/// What the other person asked.
pub const ASKED: &str = "asked";
/// How its owner says it goes.
pub const CHECK_INS: &str = "check-ins";
/// True if its owner wants to be asked no more.
pub const MUTED: &str = "muted";
const STATUS: &str = "status";
const WITHDRAWN: &str = "withdrawn";
const IF_THEN: &str = "if-then";
const CONFIDENCE: &str = "confidence";
const SUPPORT: &str = "support";
const LEARNING: &str = "learning";

/// What somebody wants to do with a commitment.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Offers one to the other person.
    Offer(Offer),
    /// Makes one of one's own, which is accepted at once.
    Make(Offer, Terms),
    /// Accepts an offer.
    Accept {
        /// Which.
        item: ItemId,
        /// On which terms.
        terms: Terms,
    },
    /// Changes words or terms.
    Edit {
        /// Which.
        item: ItemId,
        /// What it is: both may say that.
        title: Option<String>,
        /// Goals to link.
        link: Vec<String>,
        /// Goals not to link any more.
        unlink: Vec<String>,
        /// The terms: the owner's to say.
        terms: Terms,
    },
    /// Takes back an offer that was not accepted.
    Withdraw {
        /// Which.
        item: ItemId,
    },
    /// Says how it ended.
    End {
        /// Which.
        item: ItemId,
        /// One of [`ENDS`].
        how: String,
        /// What its owner takes from it.
        learning: Option<TextEdit>,
    },
    /// Goes on with it on other terms.
    Renegotiate {
        /// Which.
        item: ItemId,
        /// What it is now, if that changes.
        title: Option<String>,
        /// The terms.
        terms: Terms,
    },
    /// Asks how it goes: the other person's to do.
    Ask {
        /// Which.
        item: ItemId,
        /// The day.
        date: String,
        /// In words, on one line; none for the plain question.
        words: String,
    },
    /// Wants to be asked no more, or again: the owner's to say.
    Mute {
        /// Which.
        item: ItemId,
        /// True for no more.
        muted: bool,
    },
    /// Says how it goes: the owner's to say.
    CheckIn {
        /// Which.
        item: ItemId,
        /// How.
        check_in: CheckIn,
    },
}

/// A new commitment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Offer {
    /// What it is, on one line.
    pub title: String,
    /// Goals that it is for, by their ids.
    pub links: Vec<String>,
}

/// On which terms its owner accepts a commitment; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Terms {
    /// By when; empty for no date.
    pub due: Option<String>,
    /// If this happens, then I do that.
    pub if_then: Option<TextEdit>,
    /// How sure its owner is, 0 to 10.
    pub confidence: Option<i64>,
    /// What would help.
    pub support: Option<TextEdit>,
    /// What its owner takes from it.
    pub learning: Option<TextEdit>,
}

/// How a commitment goes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CheckIn {
    /// The day.
    pub date: String,
    /// One of [`OUTCOMES`].
    pub outcome: String,
    /// What is in the way.
    pub obstacle: Option<String>,
    /// How one feels, 1 to 5.
    pub mood: Option<i64>,
    /// How much strength one has, 1 to 5.
    pub energy: Option<i64>,
    /// What comes next.
    pub next: Option<String>,
    /// In words.
    pub words: Option<String>,
}

impl Intent {
    /// The commitment it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Offer(_) | Self::Make(..) => None,
            Self::Accept { item, .. }
            | Self::Edit { item, .. }
            | Self::Withdraw { item }
            | Self::End { item, .. }
            | Self::Renegotiate { item, .. }
            | Self::Ask { item, .. }
            | Self::Mute { item, .. }
            | Self::CheckIn { item, .. } => Some(*item),
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
        let stands = stands(at.facets, said(own, at.facets));
        let mut plan = Plan::default();
        match self {
            Self::Offer(offer) => plan.shared().extend(offer.edits()?),
            Self::Make(offer, terms) => {
                mine(own, at.me)?;
                plan.shared().extend(offer.edits()?);
                plan.facet(own).extend([put(ACCEPTED_AS, &offer.title, TITLE)?, put(STATUS, ACCEPTED, LINE)?]);
                plan.facet(own).extend(terms.edits()?);
            }
            Self::Accept { terms, .. } => {
                mine(own, at.me)?;
                if stands == TAKEN_BACK {
                    return Err(RuleError::StandsSo { stands });
                }
                plan.facet(own).push(put(STATUS, ACCEPTED, LINE)?);
                plan.facet(own).extend(accepted_as(at.facets)?);
                plan.facet(own).extend(terms.edits()?);
            }
            Self::Edit { title, link, unlink, terms, .. } => {
                plan.shared().extend(title.as_ref().map(|title| put("title", title, TITLE)).transpose()?);
                plan.shared().extend(elements(LINKS, link, unlink)?);
                let its = terms.edits()?;
                if !its.is_empty() {
                    mine(own, at.me)?;
                    plan.facet(own).extend(its);
                    if title.is_some() && stands != OFFERED {
                        plan.facet(own).extend(title.as_ref().map(|it| put(ACCEPTED_AS, it, TITLE)).transpose()?);
                    }
                }
            }
            Self::Withdraw { .. } if at.owner == Some(at.me) => return Err(RuleError::ForTheOther),
            Self::Withdraw { .. } if stands != OFFERED => return Err(RuleError::StandsSo { stands }),
            Self::Withdraw { .. } => {
                plan.shared().push(document::Edit::Put(WITHDRAWN.to_owned(), Some(Scalar::Flag(true))));
            }
            Self::End { how, learning, .. } => {
                mine(own, at.me)?;
                if !ENDS.contains(&how.as_str()) {
                    return Err(RuleError::NotAllowed { field: STATUS, allowed: ENDS });
                }
                // An offer can only be let go.
                if how != LET_GO {
                    is_accepted(&stands)?;
                }
                plan.facet(own).push(put(STATUS, how, LINE)?);
                plan.facet(own).extend(learning.as_ref().map(|words| text(LEARNING, words)).transpose()?);
            }
            Self::Renegotiate { title, terms, .. } => {
                mine(own, at.me)?;
                is_accepted(&stands)?;
                plan.shared().extend(title.as_ref().map(|title| put("title", title, TITLE)).transpose()?);
                plan.facet(own).push(put(STATUS, RENEGOTIATED, LINE)?);
                match title {
                    Some(title) => plan.facet(own).push(put(ACCEPTED_AS, title, TITLE)?),
                    None => plan.facet(own).extend(accepted_as(at.facets)?),
                }
                plan.facet(own).extend(terms.edits()?);
            }
            Self::Ask { .. } if at.owner == Some(at.me) => return Err(RuleError::ForTheOther),
            Self::Ask { .. } if is_muted(own, at.facets) => {
                return Err(RuleError::StandsSo { stands: MUTED.to_owned() });
            }
            Self::Ask { date, words, .. } => {
                is_accepted(&stands)?;
                plan.facet(Writer::Only(at.me)).push(said_on(ASKED, date, words)?);
            }
            Self::Mute { muted, .. } => {
                mine(own, at.me)?;
                let value = muted.then_some(Scalar::Flag(true));
                plan.facet(own).push(document::Edit::Put(MUTED.to_owned(), value));
            }
            Self::CheckIn { check_in, .. } => {
                mine(own, at.me)?;
                is_accepted(&stands)?;
                plan.facet(own).push(check_in.append()?);
            }
        }
        plan.0.retain(|_, edits| !edits.is_empty());
        Ok(plan)
    }
}

impl Offer {
    fn edits(&self) -> Result<Vec<document::Edit>, RuleError> {
        let title = put("title", &self.title, TITLE)?;
        Ok([title].into_iter().chain(elements(LINKS, &self.links, &[])?).collect())
    }
}

impl Terms {
    fn edits(&self) -> Result<Vec<document::Edit>, RuleError> {
        let Self { due, if_then, confidence, support, learning } = self;
        let mut edits = Vec::new();
        edits.extend(due.as_ref().map(|due| put_or_clear(DUE, due, LINE)).transpose()?);
        for (field, words) in [(IF_THEN, if_then), (SUPPORT, support), (LEARNING, learning)] {
            edits.extend(words.as_ref().map(|words| text(field, words)).transpose()?);
        }
        if let Some(sure) = confidence {
            within(CONFIDENCE, *sure, 0..=10, &["0 to 10"])?;
            edits.push(document::Edit::Put(CONFIDENCE.to_owned(), Some(Scalar::Int(*sure))));
        }
        Ok(edits)
    }
}

impl CheckIn {
    /// One line for what is said, the others for what is in the way, how one is, and what comes next.
    fn append(&self) -> Result<document::Edit, RuleError> {
        let Self { date, outcome, obstacle, mood, energy, next, words } = self;
        if !OUTCOMES.contains(&outcome.as_str()) {
            return Err(RuleError::NotAllowed { field: "outcome", allowed: OUTCOMES });
        }
        let mut said = outcome.clone();
        if let Some(words) = words {
            said.push_str(&format!(": {}", line("words", words, SAID)?));
        }
        for (name, words) in [("in the way", obstacle), ("next", next)] {
            if let Some(words) = words {
                said.push_str(&format!("\n{name}: {}", line("words", words, SAID)?));
            }
        }
        for (name, number) in [("mood", mood), ("energy", energy)] {
            if let Some(number) = number {
                within(name, *number, 1..=5, &["1 to 5"])?;
                said.push_str(&format!("\n{name}: {number} of 5"));
            }
        }
        Ok(document::Edit::Append(CHECK_INS.to_owned(), format!("{} {said}", day("date", date)?).into()))
    }
}

/// How a commitment stands whose owner says this.
pub fn stands(facets: &Facets<'_>, said: Option<String>) -> String {
    let taken_back = || {
        let register = facets.get(&Writer::Everyone).map(|shared| shared.register(WITHDRAWN));
        register.is_some_and(|register| register.winner() == Some(&Scalar::Flag(true)))
    };
    said.unwrap_or_else(|| if taken_back() { TAKEN_BACK } else { OFFERED }.to_owned())
}

/// What the owner's facet says of how it stands.
fn said(own: Writer, facets: &Facets<'_>) -> Option<String> {
    Some(facets.get(&own)?.register(STATUS).winner()?.text()?.to_owned())
}

fn is_accepted(stands: &str) -> Result<(), RuleError> {
    match [OFFERED, TAKEN_BACK].contains(&stands) {
        true => Err(RuleError::StandsSo { stands: stands.to_owned() }),
        false => Ok(()),
    }
}

fn is_muted(own: Writer, facets: &Facets<'_>) -> bool {
    facets.get(&own).is_some_and(|document| document.register(MUTED).winner() == Some(&Scalar::Flag(true)))
}

/// The words as they are accepted.
fn accepted_as(facets: &Facets<'_>) -> Result<Option<document::Edit>, RuleError> {
    let register = facets.get(&Writer::Everyone).map(|shared| shared.register("title"));
    let words = register.as_ref().and_then(|register| register.winner()?.text());
    words.map(|words| put(ACCEPTED_AS, words, TITLE)).transpose()
}

#[cfg(test)]
mod tests;

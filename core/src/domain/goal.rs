//! A goal: both may write what it is and why; how it stands is its owner's to say.

use alliance_replica::id::{ItemId, MemberId};

use super::{Field, Kind, LINE, Own, Plan, RuleError, TITLE, elements, mine, put, put_or_clear, text};
use crate::document::{TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "goal",
    shared: &[Field::register("title"), Field::text("why"), Field::set("area"), Field::register("horizon")],
    own: &[Field::register(STATUS), Field::text("reason")],
    whose: Own::Owner,
};

/// How a goal can stand.
pub const STATUSES: &[&str] = &["exploring", ACTIVE, "paused", "reached", "released"];
/// The status of a goal that is pursued now.
pub const ACTIVE: &str = "active";

/// Of these, those of goals that people are still about.
pub const OPEN: &[&str] = &["exploring", ACTIVE, "paused"];
const STATUS: &str = "status";

/// What somebody wants to do with a goal.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Makes one.
    Add(Add),
    /// Changes what it is or how it stands.
    Edit {
        /// Which.
        item: ItemId,
        /// What.
        edit: Edit,
    },
}

/// A new goal.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Add {
    /// One line.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// Parts of life it is about, a line each.
    pub area: Vec<String>,
    /// Until when, a line.
    pub horizon: Option<String>,
    /// How it stands; active if not said.
    pub status: Option<String>,
    /// True if it belongs to both, not to whoever adds it.
    pub both: bool,
}

/// Changes to a goal; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Edit {
    /// A new title.
    pub title: Option<String>,
    /// Why it matters.
    pub why: Option<TextEdit>,
    /// Areas to add.
    pub area: Vec<String>,
    /// Areas to remove.
    pub not_area: Vec<String>,
    /// Until when; empty for no horizon.
    pub horizon: Option<String>,
    /// How it stands: the owner's to say.
    pub status: Option<String>,
    /// Why it stands so: the owner's to say.
    pub reason: Option<TextEdit>,
}

impl Edit {
    /// Says how a goal stands, and why.
    pub fn status(status: &str, reason: Option<TextEdit>) -> Self {
        Self { status: Some(status.to_owned()), reason, ..Self::default() }
    }
}

impl Intent {
    /// The goal it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Add(_) => None,
            Self::Edit { item, .. } => Some(*item),
        }
    }

    /// Whose a new goal is: that of whoever adds it, or of both.
    pub fn owner(&self, me: MemberId) -> Option<MemberId> {
        match self {
            Self::Add(Add { both: true, .. }) => None,
            _ => Some(me),
        }
    }

    /// The edits that carry it out, by `me` on a goal of `owner`.
    pub fn plan(&self, owner: Option<MemberId>, me: MemberId) -> Result<Plan, RuleError> {
        let own = Writer::from(owner);
        let mut plan = Plan::default();
        match self {
            Self::Add(Add { title, why, area, horizon, status: stands, both: _ }) => {
                let shared = plan.shared();
                shared.push(put("title", title, TITLE)?);
                shared.push(text("why", &why.as_str().into())?);
                shared.extend(elements("area", area, &[])?);
                shared.extend(horizon.as_ref().map(|horizon| put_or_clear("horizon", horizon, LINE)).transpose()?);
                mine(own, me)?;
                plan.facet(own).push(status(stands.as_deref().unwrap_or(ACTIVE))?);
            }
            Self::Edit { edit, .. } => {
                let shared = plan.shared();
                shared.extend(edit.title.as_ref().map(|title| put("title", title, TITLE)).transpose()?);
                shared.extend(edit.why.as_ref().map(|why| text("why", why)).transpose()?);
                shared.extend(elements("area", &edit.area, &edit.not_area)?);
                shared.extend(edit.horizon.as_ref().map(|horizon| put_or_clear("horizon", horizon, LINE)).transpose()?);
                if edit.status.is_some() || edit.reason.is_some() {
                    mine(own, me)?;
                    let its = plan.facet(own);
                    its.extend(edit.status.as_deref().map(status).transpose()?);
                    its.extend(edit.reason.as_ref().map(|reason| text("reason", reason)).transpose()?);
                }
            }
        }
        plan.0.retain(|_, edits| !edits.is_empty());
        Ok(plan)
    }
}

fn status(status: &str) -> Result<crate::document::Edit, RuleError> {
    let not_allowed = RuleError::NotAllowed { field: STATUS, allowed: STATUSES };
    if STATUSES.contains(&status) { put(STATUS, status, LINE) } else { Err(not_allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::{member, preimage, written};

    fn add(both: bool) -> Intent {
        Intent::Add(Add { title: "Run".into(), why: "Air".into(), both, ..Add::default() })
    }

    fn edit(edit: Edit) -> Intent {
        Intent::Edit { item: ItemId::new([1; 16]), edit }
    }

    #[test]
    fn how_a_goal_stands_lies_in_its_owners_facet() {
        let anna = member(1);
        let goal = preimage("goal", add(false).owner(anna));
        let facets = written(&goal, 1, &add(false).plan(goal.owner, anna).expect("fine"));
        assert_eq!(facets[&Writer::Everyone].text("why"), "Air");
        assert_eq!(facets[&Writer::Only(anna)].register("status").winner(), Some(&"active".into()));
        assert!(facets[&Writer::Everyone].register("status").winner().is_none());
    }

    #[test]
    fn how_a_goal_of_both_stands_is_shared() {
        let anna = member(1);
        assert_eq!(add(true).owner(anna), None);
        let facets = written(&preimage("goal", None), 1, &add(true).plan(None, anna).expect("fine"));
        assert_eq!(facets.len(), 1);
        assert_eq!(facets[&Writer::Everyone].register("status").winner(), Some(&"active".into()));
        let pause = edit(Edit::status("paused", Some("ill".into()))).plan(None, member(2)).expect("either may");
        assert_eq!(pause.0.len(), 1);
    }

    #[test]
    fn the_other_may_edit_the_goal_but_not_say_how_it_stands() {
        let (anna, ben) = (member(1), member(2));
        let title = Edit { title: Some("Walk".into()), ..Edit::default() };
        assert!(edit(title).plan(Some(anna), ben).is_ok());
        let not_yours = Err(RuleError::NotYours { owner: anna });
        assert_eq!(edit(Edit::status("paused", None)).plan(Some(anna), ben), not_yours);
        let reason = Edit { reason: Some("because".into()), ..Edit::default() };
        assert_eq!(edit(reason).plan(Some(anna), ben), not_yours);
        assert!(edit(Edit::status("paused", None)).plan(Some(anna), anna).is_ok());
    }

    #[test]
    fn an_unknown_status_is_answered_with_those_there_are() {
        let error = edit(Edit::status("done", None)).plan(None, member(1)).expect_err("no such status");
        assert_eq!(error.to_string(), "status is one of exploring, active, paused, reached, released");
    }

    #[test]
    fn an_empty_horizon_takes_it_away() {
        let horizon = |text: &str| edit(Edit { horizon: Some(text.into()), ..Edit::default() });
        let plan = horizon(" ").plan(None, member(1)).expect("fine");
        assert_eq!(plan.0[&Writer::Everyone], [crate::document::Edit::Put("horizon".into(), None)]);
        assert!(horizon("2027").plan(None, member(1)).is_ok());
    }
}

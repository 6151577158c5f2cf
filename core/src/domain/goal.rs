//! A goal: both may write what it is and why; how it stands is its owner's to say, and each says how far it has come.

mod order;
mod progress;

pub use order::{POSITION, between, position, spread};
pub use progress::{LEVELS, Level, Milestone, Rating, Step, milestones};

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Facets, Field, Kind, LINE, Own, Plan, RuleError, TITLE, elements, mine, put, put_or_clear, text};
use crate::document::{self, Document, Scalar, TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "goal",
    shared: &[
        Field::register("title"),
        Field::text("why"),
        Field::set("area"),
        Field::register("horizon"),
        Field::text(LEVELS[0].field()).since(1),
        Field::text(LEVELS[1].field()).since(1),
        Field::text(LEVELS[2].field()).since(1),
        Field::text(LEVELS[3].field()).since(1),
        Field::text(LEVELS[4].field()).since(1),
        Field::set(progress::MILESTONES).since(1),
        Field::set(progress::TICKED).since(1),
    ],
    own: &[
        (
            Own::Owner,
            &[
                Field::register(STATUS),
                Field::text(REASON),
                Field::register(IMPORTANCE),
                Field::register(DIFFICULTY),
                Field::register(POSITION).inner(),
            ],
        ),
        (Own::EachMember, &[Field::list(progress::RATINGS).since(1)]),
    ],
    titles: &["title"],
    open: OPEN,
};

/// How a goal can stand.
pub const STATUSES: &[&str] = &["exploring", ACTIVE, "paused", "reached", "released"];
/// The status of a goal that is pursued now.
pub const ACTIVE: &str = "active";

/// Of these, those of goals that people are still about.
pub const OPEN: &[&str] = &["exploring", ACTIVE, "paused"];
const STATUS: &str = "status";
const REASON: &str = "reason";
const IMPORTANCE: &str = "importance";
const DIFFICULTY: &str = "difficulty";
/// What importance and difficulty can be.
const WEIGHTS: &[&str] = &["0", "1", "2", "3"];

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
    /// Says how far it has come, in one's own facet.
    Rate {
        /// Which.
        item: ItemId,
        /// How far, when, and in words.
        rating: Rating,
    },
    /// Puts it somewhere among others: the owner's to say.
    Move {
        /// Which.
        item: ItemId,
        /// Its number in the order.
        position: i64,
    },
    /// Changes its milestones.
    Milestone {
        /// Which goal.
        item: ItemId,
        /// What.
        step: Step,
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
    /// How much it matters, 0 to 3.
    pub importance: Option<i64>,
    /// How hard it is, 0 to 3.
    pub difficulty: Option<i64>,
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
    /// How much it matters, 0 to 3: the owner's to say.
    pub importance: Option<i64>,
    /// How hard it is, 0 to 3: the owner's to say.
    pub difficulty: Option<i64>,
    /// What levels of attainment mean.
    pub levels: Vec<(Level, TextEdit)>,
}

impl Edit {
    /// Says how a goal stands, and why.
    pub fn status(status: &str, reason: Option<TextEdit>) -> Self {
        Self { status: Some(status.to_owned()), reason, ..Self::default() }
    }

    /// No reason, if another status is said without one: the reason that there is belongs to the status before.
    fn outlived(&self, goal: &Document) -> Option<TextEdit> {
        let status = self.status.as_deref()?;
        let register = goal.register(STATUS);
        let stays = register.winner().and_then(Scalar::text) == Some(status);
        (!stays && !goal.text(REASON).is_empty()).then(|| "".into())
    }
}

impl Intent {
    /// The goal it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Add(_) => None,
            Self::Edit { item, .. }
            | Self::Rate { item, .. }
            | Self::Move { item, .. }
            | Self::Milestone { item, .. } => Some(*item),
        }
    }

    /// Whose a new goal is: that of whoever adds it, or of both.
    pub fn owner(&self, me: MemberId) -> Option<MemberId> {
        match self {
            Self::Add(Add { both: true, .. }) => None,
            _ => Some(me),
        }
    }

    /// The edits that carry it out, by `me` on a goal of `owner` that says what `facets` say.
    pub fn plan(&self, owner: Option<MemberId>, me: MemberId, facets: &Facets<'_>) -> Result<Plan, RuleError> {
        let own = Writer::from(owner);
        let mut plan = Plan::default();
        match self {
            Self::Add(Add { title, why, area, horizon, status: stands, importance, difficulty, both: _ }) => {
                let shared = plan.shared();
                shared.push(put("title", title, TITLE)?);
                shared.push(text("why", &why.as_str().into())?);
                shared.extend(elements("area", area, &[])?);
                shared.extend(horizon.as_ref().map(|horizon| put_or_clear("horizon", horizon, LINE)).transpose()?);
                mine(own, me)?;
                plan.facet(own).push(status(stands.as_deref().unwrap_or(ACTIVE))?);
                plan.facet(own).extend(weights(*importance, *difficulty)?);
            }
            Self::Edit { edit, .. } => {
                let shared = plan.shared();
                shared.extend(edit.title.as_ref().map(|title| put("title", title, TITLE)).transpose()?);
                shared.extend(edit.why.as_ref().map(|why| text("why", why)).transpose()?);
                shared.extend(elements("area", &edit.area, &edit.not_area)?);
                shared.extend(edit.horizon.as_ref().map(|horizon| put_or_clear("horizon", horizon, LINE)).transpose()?);
                for (level, words) in &edit.levels {
                    shared.push(text(level.field(), words)?);
                }
                let mut its = edit.status.as_deref().map(status).transpose()?.into_iter().collect::<Vec<_>>();
                let reason = edit.reason.clone().or_else(|| edit.outlived(facets.get(&own)?));
                its.extend(reason.as_ref().map(|reason| text(REASON, reason)).transpose()?);
                its.extend(weights(edit.importance, edit.difficulty)?);
                if !its.is_empty() {
                    mine(own, me)?;
                    plan.facet(own).extend(its);
                }
            }
            Self::Rate { rating, .. } => plan.facet(Writer::Only(me)).push(rating.append()?),
            Self::Move { position, .. } => {
                mine(own, me)?;
                plan.facet(own).push(document::Edit::Put(POSITION.to_owned(), Some(Scalar::Int(*position))));
            }
            Self::Milestone { step, .. } => {
                let there = facets.get(&Writer::Everyone).map(|goal| milestones(goal)).unwrap_or_default();
                plan.shared().extend(step.plan(&there)?);
            }
        }
        plan.0.retain(|_, edits| !edits.is_empty());
        Ok(plan)
    }
}

impl Act for Intent {
    fn owner(&self, me: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(self.owner(me))
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        self.plan(at.owner, at.me, at.facets)
    }
}

fn status(status: &str) -> Result<document::Edit, RuleError> {
    let not_allowed = RuleError::NotAllowed { field: STATUS, allowed: STATUSES };
    if STATUSES.contains(&status) { put(STATUS, status, LINE) } else { Err(not_allowed) }
}

fn weights(importance: Option<i64>, difficulty: Option<i64>) -> Result<Vec<document::Edit>, RuleError> {
    let weigh = |(field, weight): (&'static str, Option<i64>)| {
        let weight = weight?;
        let put = || document::Edit::Put(field.to_owned(), Some(Scalar::Int(weight)));
        Some(if (0..=3).contains(&weight) { Ok(put()) } else { Err(RuleError::NotAllowed { field, allowed: WEIGHTS }) })
    };
    [(IMPORTANCE, importance), (DIFFICULTY, difficulty)].into_iter().filter_map(weigh).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::{made, member, preimage, written};

    impl Intent {
        fn alone(&self, owner: Option<MemberId>, me: MemberId) -> Result<Plan, RuleError> {
            self.plan(owner, me, &Facets::new())
        }
    }

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
        let facets = written(&goal, 1, &add(false).alone(goal.owner, anna).expect("fine"));
        assert_eq!(facets[&Writer::Everyone].text("why"), "Air");
        assert_eq!(facets[&Writer::Only(anna)].register("status").winner(), Some(&"active".into()));
        assert!(facets[&Writer::Everyone].register("status").winner().is_none());
    }

    #[test]
    fn how_a_goal_of_both_stands_is_shared() {
        let anna = member(1);
        assert_eq!(add(true).owner(anna), None);
        let facets = written(&preimage("goal", None), 1, &add(true).alone(None, anna).expect("fine"));
        assert_eq!(facets.len(), 1);
        assert_eq!(facets[&Writer::Everyone].register("status").winner(), Some(&"active".into()));
        let pause = edit(Edit::status("paused", Some("ill".into()))).alone(None, member(2)).expect("either may");
        assert_eq!(pause.0.len(), 1);
    }

    #[test]
    fn the_other_may_edit_the_goal_but_not_say_how_it_stands() {
        let (anna, ben) = (member(1), member(2));
        let title = Edit { title: Some("Walk".into()), ..Edit::default() };
        assert!(edit(title).alone(Some(anna), ben).is_ok());
        let not_yours = Err(RuleError::NotYours { owner: anna });
        assert_eq!(edit(Edit::status("paused", None)).alone(Some(anna), ben), not_yours);
        let reason = Edit { reason: Some("because".into()), ..Edit::default() };
        assert_eq!(edit(reason).alone(Some(anna), ben), not_yours);
        assert!(edit(Edit::status("paused", None)).alone(Some(anna), anna).is_ok());
    }

    #[test]
    fn a_reason_does_not_outlive_its_status() {
        let anna = member(1);
        let goal = preimage("goal", Some(anna));
        let mut plan = add(false).alone(goal.owner, anna).expect("fine");
        let stands = Edit::status("paused", Some("My knee".into()));
        for (writer, edits) in edit(stands).alone(goal.owner, anna).expect("hers").0 {
            plan.facet(writer).extend(edits);
        }
        let facets = written(&goal, 1, &plan);
        let planned = |change| edit(change).plan(goal.owner, anna, &made(&facets)).expect("hers").0;
        let clears = |change| {
            let edits = planned(change).remove(&Writer::Only(anna)).unwrap_or_default();
            edits.contains(&document::Edit::Text("reason".into(), "".into()))
        };
        assert!(clears(Edit::status("active", None)));
        assert!(!clears(Edit::status("paused", None)), "it is the same status");
        assert!(!clears(Edit::status("active", Some("Well again".into()))));
        assert!(!clears(Edit { importance: Some(1), ..Edit::default() }));
    }

    #[test]
    fn an_unknown_status_is_answered_with_those_there_are() {
        let error = edit(Edit::status("done", None)).alone(None, member(1)).expect_err("no such status");
        assert_eq!(error.to_string(), "status is one of exploring, active, paused, reached, released");
    }

    #[test]
    fn where_a_goal_stands_is_its_owners_to_say_and_shared_if_it_is_of_both() {
        let (anna, ben) = (member(1), member(2));
        let moved = |owner, me| Intent::Move { item: ItemId::new([1; 16]), position: 7 }.alone(owner, me);
        assert_eq!(moved(Some(anna), ben), Err(RuleError::NotYours { owner: anna }));
        let its = moved(Some(anna), anna).expect("hers");
        assert_eq!(its.0.keys().collect::<Vec<_>>(), [&Writer::Only(anna)]);
        let of_both = moved(None, ben).expect("of both");
        assert_eq!(of_both.0.keys().collect::<Vec<_>>(), [&Writer::Everyone]);
        let facets = written(&preimage("goal", None), 1, &of_both);
        assert_eq!(position(&facets[&Writer::Everyone]), Some(7));
    }

    #[test]
    fn an_empty_horizon_takes_it_away() {
        let horizon = |text: &str| edit(Edit { horizon: Some(text.into()), ..Edit::default() });
        let plan = horizon(" ").alone(None, member(1)).expect("fine");
        assert_eq!(plan.0[&Writer::Everyone], [crate::document::Edit::Put("horizon".into(), None)]);
        assert!(horizon("2027").alone(None, member(1)).is_ok());
    }

    #[test]
    fn how_much_a_goal_matters_is_its_owners_to_say_and_shared_if_it_is_of_both() {
        let (anna, ben) = (member(1), member(2));
        let weigh = |weight| edit(Edit { importance: Some(weight), ..Edit::default() });
        assert_eq!(weigh(3).alone(Some(anna), ben), Err(RuleError::NotYours { owner: anna }));
        let its = weigh(3).alone(Some(anna), anna).expect("hers");
        assert!(its.0.contains_key(&Writer::Only(anna)) && its.0.len() == 1);
        assert!(weigh(3).alone(None, ben).expect("of both").0.contains_key(&Writer::Everyone));
        assert!(weigh(4).alone(None, ben).is_err() && weigh(-1).alone(None, ben).is_err());
    }
}

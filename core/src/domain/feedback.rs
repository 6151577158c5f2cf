//! Feedback: one person tells the other what to keep, what to do more or less of, what they noticed, asked or not.
//!
//! Its owner is its author and alone writes what it says; whom it is for thanks and answers in their own facet. A request
//! is feedback of the sort `asked`: it belongs to whoever asks, and what is given names it.

use alliance_replica::id::{ItemId, MemberId};

use super::{Act, At, Field, Kind, LINE, Own, Plan, RuleError, put, text};
use crate::document::{Edit, Scalar, TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "feedback",
    shared: &[],
    own: &[
        (
            Own::Owner,
            &[Field::register(SORT), Field::register("about"), Field::text("body"), Field::register(ASKED_FOR)],
        ),
        (Own::Other, &[Field::register("thanked"), Field::text("response")]),
    ],
    titles: &["about", "body"],
    open: &[],
};

/// What feedback can say.
pub const SORTS: &[&str] = &["keep", "more of", "less of", "noticed"];
/// The sort of a request for feedback.
pub const ASKED: &str = "asked";
/// The field with its sort.
pub const SORT: &str = "sort";
/// The field with the request that it answers.
pub const ASKED_FOR: &str = "asked-for";

/// What somebody wants to do with feedback.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Gives some.
    Give(Give),
    /// Asks for some.
    Ask {
        /// About what, on one line.
        about: String,
        /// More words, if any.
        body: String,
    },
    /// Answers what one was given.
    Respond {
        /// Which.
        item: ItemId,
        /// Says thank you.
        thanked: bool,
        /// In words; what is not said stays.
        response: Option<TextEdit>,
    },
}

/// New feedback.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Give {
    /// One of [`SORTS`].
    pub sort: String,
    /// About what, on one line.
    pub about: Option<String>,
    /// What one wants to say.
    pub body: String,
    /// The request that it answers.
    pub asked_for: Option<ItemId>,
}

impl Intent {
    /// The feedback it is about; none for new feedback.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Give(_) | Self::Ask { .. } => None,
            Self::Respond { item, .. } => Some(*item),
        }
    }

    /// The edits that carry it out, by `me` on feedback of `owner`.
    pub fn plan(&self, owner: Option<MemberId>, me: MemberId) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        let edits = plan.facet(Writer::Only(me));
        match self {
            Self::Give(Give { sort, about, body, asked_for }) => {
                if !SORTS.contains(&sort.as_str()) {
                    return Err(RuleError::NotAllowed { field: SORT, allowed: SORTS });
                }
                if body.trim().is_empty() {
                    return Err(RuleError::Empty { field: "feedback" });
                }
                edits.push(put(SORT, sort, LINE)?);
                edits.extend(about.as_ref().map(|about| put("about", about, LINE)).transpose()?);
                edits.push(text("body", &body.as_str().into())?);
                edits.extend(asked_for.map(|item| Edit::Put(ASKED_FOR.to_owned(), Some(item.to_string().into()))));
            }
            Self::Ask { about, body } => {
                edits.push(put(SORT, ASKED, LINE)?);
                edits.push(put("about", about, LINE)?);
                edits.push(text("body", &body.as_str().into())?);
            }
            Self::Respond { .. } if owner == Some(me) => return Err(RuleError::ForTheOther),
            Self::Respond { thanked, response, .. } => {
                edits.extend(thanked.then(|| Edit::Put("thanked".to_owned(), Some(Scalar::Flag(true)))));
                edits.extend(response.as_ref().map(|response| text("response", response)).transpose()?);
            }
        }
        Ok(plan)
    }
}

impl Act for Intent {
    fn owner(&self, me: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(Some(me))
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        self.plan(at.owner, at.me)
    }
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::{
        document::{DocId, Document, Editor, tests::rng},
        domain::{
            self,
            tests::{made, member, preimage, written},
        },
    };

    fn give(sort: &str, body: &str) -> Intent {
        Intent::Give(Give { sort: sort.into(), about: Some("How you ask".into()), body: body.into(), asked_for: None })
    }

    fn respond(text: &str) -> Intent {
        Intent::Respond { item: ItemId::new([1; 16]), thanked: true, response: Some(text.into()) }
    }

    #[test]
    fn what_is_said_is_the_authors_and_the_answer_is_the_others() {
        let (anna, ben) = (member(1), member(2));
        let feedback = preimage("feedback", Some(anna));
        let said = give("keep", "It opens doors.").plan(Some(anna), anna).expect("fine");
        assert_eq!(said.0.keys().copied().collect::<Vec<_>>(), [Writer::Only(anna)]);
        assert_eq!(respond("Thanks").plan(Some(anna), anna), Err(RuleError::ForTheOther));
        let mut facets = written(&feedback, 1, &said);
        facets.extend(written(&feedback, 2, &respond("Thanks").plan(Some(anna), ben).expect("hers to say")));
        let row = crate::view::derive(&feedback, &made(&facets), &[], false);
        assert_eq!(row.title, "How you ask");
        assert_eq!(row.text(Writer::Only(anna), "body"), "It opens doors.");
        assert_eq!(row.text(Writer::Only(ben), "response"), "Thanks");
    }

    #[test]
    fn feedback_without_a_subject_is_called_by_its_first_words() {
        let feedback = preimage("feedback", Some(member(1)));
        let intent =
            Intent::Give(Give { sort: "noticed".into(), body: "\nYou smiled.\nTwice.".into(), ..Give::default() });
        let facets = written(&feedback, 1, &intent.plan(Some(member(1)), member(1)).expect("fine"));
        assert_eq!(crate::view::derive(&feedback, &made(&facets), &[], false).title, "You smiled.");
    }

    #[test]
    fn two_answers_written_on_two_devices_are_both_kept() {
        let (anna, ben) = (member(1), member(2));
        let feedback = preimage("feedback", Some(anna));
        let own = Writer::Only(ben);
        let facet = || Document::new(DocId { item: feedback.id(), writer: own }, domain::schema(&feedback, own));
        let (mut a, mut b) = (facet(), facet());
        for (document, by, words) in [(&mut a, 2, "Thank you. "), (&mut b, 3, "I will. ")] {
            let plan = respond(words).plan(Some(anna), ben).expect("fine");
            let mut editor = Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut rng(by.into()) };
            document.edit(&mut editor, &plan.0[&own]).expect("writes");
        }
        a.apply(b.changes(&[])).expect("applies");
        b.apply(a.changes(&[])).expect("applies");
        assert_eq!(a.text("response"), b.text("response"));
        assert!(a.text("response").contains("Thank you. ") && a.text("response").contains("I will. "));
        assert!(!a.register("thanked").is_conflict(), "one thank-you");
    }

    #[test]
    fn feedback_has_a_sort_and_words() {
        let anna = member(1);
        assert!(matches!(give("praise", "x").plan(Some(anna), anna), Err(RuleError::NotAllowed { .. })));
        assert_eq!(give("keep", " \n").plan(Some(anna), anna), Err(RuleError::Empty { field: "feedback" }));
        assert!(matches!(give(ASKED, "x").plan(Some(anna), anna), Err(RuleError::NotAllowed { .. })));
    }
}

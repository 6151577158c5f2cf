//! A coaching session: when and how long, what it is about, notes that both type in, and what each takes away.
//!
//! It belongs to both. An element of the agenda is `place words`, as with milestones; what somebody takes away is an
//! element of a list in their own facet, `day words`.

use alliance_replica::id::{ItemId, MemberId};

use super::{
    Act, At, Facets, Field, Kind, LINE, LINKS, Own, Plan, RuleError, TITLE, elements, goal::Milestone, line, put,
    put_or_clear, rule::said_on, text,
};
use crate::document::{self, Scalar, TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "session",
    shared: &[
        Field::register("title"),
        Field::register(WHEN),
        Field::register(LENGTH),
        Field::register(PLACE),
        Field::register(STATUS),
        Field::set(AGENDA),
        Field::text(AIM),
        Field::text(NOTES),
        Field::set(LINKS),
    ],
    own: &[(Own::EachMember, &[Field::list(TAKE_AWAYS)])],
    titles: &["title"],
    open: &[PLANNED],
};

/// A session that is to come.
pub const PLANNED: &str = "planned";
/// A session that was.
pub const FINISHED: &str = "finished";
/// When it begins, with its zone (RFC 9557): `2026-11-27T16:00+01:00[Europe/Berlin]`.
pub const WHEN: &str = "when";
/// What it is about, point by point.
pub const AGENDA: &str = "agenda";
/// What each takes away.
pub const TAKE_AWAYS: &str = "take-aways";
/// What it is to come to.
pub const AIM: &str = "aim";
/// What both write.
pub const NOTES: &str = "notes";
const LENGTH: &str = "length";
const PLACE: &str = "place";
const STATUS: &str = "status";

/// Ways to lead through a session, in words of our own: the name, and the points of the agenda.
pub const TEMPLATES: &[(&str, &[&str])] = &[
    (
        "grow",
        &[
            "Goal: what would make this hour worth it?",
            "Reality: how is it now, and what have you tried?",
            "Options: what could you do, and what else?",
            "Will: what will you do, by when, and who will know?",
        ],
    ),
    (
        "oskar",
        &[
            "Outcome: what would you see if it went well?",
            "Scale: from 0 to 10, where are you today?",
            "Know-how: what got you this far, and who can help?",
            "Affirm and act: what is good already, and what is the smallest next step?",
            "Review: what is better than last time?",
        ],
    ),
    (
        "clear",
        &[
            "Contract: what do we want from this session, and how do we work in it?",
            "Listen: what is going on, told in full?",
            "Explore: what does it do to you, and what could be otherwise?",
            "Action: which way do you choose, and what comes first?",
            "Review: what did you decide, and what helped here?",
        ],
    ),
    (
        "wish",
        &[
            "Wish: what do you wish for that is dear to you and within reach?",
            "Outcome: what would be best about it? Picture it for a moment.",
            "Obstacle: what in you stands in the way? Picture that as well.",
            "Plan: if the obstacle comes, then what will you do?",
        ],
    ),
];

/// What somebody wants to do with a session.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Plans one.
    Plan(Details),
    /// Changes one.
    Edit {
        /// Which.
        item: ItemId,
        /// What.
        details: Details,
    },
    /// Says what one takes away from it.
    TakeAway {
        /// Which.
        item: ItemId,
        /// The day.
        date: String,
        /// What, on one line.
        words: String,
    },
    /// It was.
    Finish {
        /// Which.
        item: ItemId,
    },
}

/// What a session is; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Details {
    /// What it is called.
    pub title: Option<String>,
    /// When it begins, with its zone; empty for open.
    pub when: Option<String>,
    /// How long, in words.
    pub length: Option<String>,
    /// Where, in words.
    pub place: Option<String>,
    /// Points to add to the agenda.
    pub agenda: Vec<String>,
    /// Points to take from it, by their words.
    pub not_agenda: Vec<String>,
    /// What it is to come to.
    pub aim: Option<TextEdit>,
    /// What both write.
    pub notes: Option<TextEdit>,
    /// Items to link, by their ids.
    pub link: Vec<String>,
}

impl Intent {
    /// The session it is about; none for a new one.
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Self::Plan(_) => None,
            Self::Edit { item, .. } | Self::TakeAway { item, .. } | Self::Finish { item } => Some(*item),
        }
    }
}

impl Act for Intent {
    fn owner(&self, _: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(None)
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        match self {
            Self::Plan(details) => {
                plan.shared().push(put("title", details.title.as_deref().unwrap_or_default(), TITLE)?);
                plan.shared().push(put(STATUS, PLANNED, LINE)?);
                let named = Details { title: None, ..details.clone() };
                plan.shared().extend(named.edits(at.facets)?);
            }
            Self::Edit { details, .. } => plan.shared().extend(details.edits(at.facets)?),
            Self::TakeAway { date, words, .. } => {
                line(TAKE_AWAYS, words, super::SAID)?;
                plan.facet(Writer::Only(at.me)).push(said_on(TAKE_AWAYS, date, words)?);
            }
            Self::Finish { .. } => {
                plan.shared().push(document::Edit::Put(STATUS.to_owned(), Some(Scalar::Text(FINISHED.to_owned()))));
            }
        }
        plan.0.retain(|_, edits| !edits.is_empty());
        Ok(plan)
    }
}

impl Details {
    fn edits(&self, facets: &Facets<'_>) -> Result<Vec<document::Edit>, RuleError> {
        let Self { title, when, length, place, agenda, not_agenda, aim, notes, link } = self;
        let mut edits = Vec::new();
        edits.extend(title.as_ref().map(|title| put("title", title, TITLE)).transpose()?);
        for (field, words) in [(WHEN, when), (LENGTH, length), (PLACE, place)] {
            edits.extend(words.as_ref().map(|words| put_or_clear(field, words, LINE)).transpose()?);
        }
        let there = facets.get(&Writer::Everyone).map(|session| session.set(AGENDA)).unwrap_or_default();
        edits.extend(points(&there, agenda, not_agenda)?);
        for (field, words) in [(AIM, aim), (NOTES, notes)] {
            edits.extend(words.as_ref().map(|words| text(field, words)).transpose()?);
        }
        edits.extend(elements(LINKS, link, &[])?);
        Ok(edits)
    }
}

/// Edits of the agenda: new points come last, and are there once.
fn points(there: &[String], add: &[String], remove: &[String]) -> Result<Vec<document::Edit>, RuleError> {
    let words = |element: &String| Milestone::words_of(element).to_owned();
    let gone = |element: &&String| remove.contains(&words(element));
    let mut edits: Vec<_> =
        there.iter().filter(gone).map(|it| document::Edit::Remove(AGENDA.into(), it.clone())).collect();
    let mut next = there.iter().filter_map(|it| it.split_once(' ')?.0.parse::<u32>().ok()).max().unwrap_or(0) + 1;
    for point in add {
        let point = line(AGENDA, point, TITLE)?;
        if there.iter().all(|it| words(it) != point) {
            edits.push(document::Edit::Add(AGENDA.into(), format!("{next:04} {point}")));
            next += 1;
        }
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::{
        document::{Document, Editor, tests::rng},
        domain::tests::{made, member, preimage, written},
    };

    fn planned() -> std::collections::BTreeMap<Writer, Document> {
        let agenda = TEMPLATES[0].1.iter().map(|it| (*it).to_owned()).collect();
        let details =
            Details { title: Some("First".into()), agenda, notes: Some("We met. ".into()), ..Details::default() };
        let at = At { owner: None, me: member(1), facets: &Facets::new() };
        written(&preimage("session", None), 1, &Act::plan(&Intent::Plan(details), &at).expect("fine"))
    }

    fn act(facets: &mut std::collections::BTreeMap<Writer, Document>, by: u8, intent: &Intent) {
        let plan = Act::plan(intent, &At { owner: None, me: member(by), facets: &made(facets) }).expect("fine");
        for (writer, edits) in plan.0 {
            let document = facets.get_mut(&writer).expect("there");
            let mut rng = rng(u64::from(by) * 1000 + document.ops());
            let mut editor = Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut rng };
            document.edit(&mut editor, &edits).expect("writes");
        }
    }

    fn edit(details: Details) -> Intent {
        Intent::Edit { item: ItemId::new([1; 16]), details }
    }

    #[test]
    fn both_type_in_the_notes_and_put_points_on_the_agenda() {
        let (mut anna, mut ben) = (planned(), planned());
        let notes = |words: &str| Some(TextEdit { from: None, text: words.into() });
        let point = |words: &str| vec![words.to_owned()];
        act(
            &mut anna,
            1,
            &edit(Details { notes: notes("We met. Anna is tired. "), agenda: point("Sleep"), ..Details::default() }),
        );
        act(
            &mut ben,
            2,
            &edit(Details { notes: notes("We met. Ben listens. "), agenda: point("The move"), ..Details::default() }),
        );
        let (shared, theirs) = (anna.get_mut(&Writer::Everyone).expect("there"), &ben[&Writer::Everyone]);
        shared.apply(theirs.changes(&[])).expect("applies");
        let typed = shared.text(NOTES);
        assert!(typed.contains("Anna is tired. ") && typed.contains("Ben listens. "), "{typed}");
        let agenda = shared.set(AGENDA);
        assert_eq!(agenda.len(), 6, "{agenda:?}");
    }

    #[test]
    fn what_one_takes_away_is_ones_own_and_a_point_is_there_once() {
        let mut facets = planned();
        let take =
            Intent::TakeAway { item: ItemId::new([1; 16]), date: "2026-11-27".into(), words: "Ask for help".into() };
        let plan = Act::plan(&take, &At { owner: None, me: member(2), facets: &made(&facets) }).expect("fine");
        assert_eq!(plan.0.keys().collect::<Vec<_>>(), [&Writer::Only(member(2))]);
        let again = TEMPLATES[0].1[0].to_owned();
        act(&mut facets, 1, &edit(Details { agenda: vec![again.clone()], ..Details::default() }));
        assert_eq!(facets[&Writer::Everyone].set(AGENDA).len(), 4);
        act(&mut facets, 1, &edit(Details { not_agenda: vec![again], ..Details::default() }));
        assert_eq!(facets[&Writer::Everyone].set(AGENDA).len(), 3);
    }
}

//! How far a goal has come: five levels that both describe, each person's own ratings, and milestones on the way.
//!
//! A milestone is an element of a set, `place words`, and is ticked by being in a second set: two people who add or tick
//! the same one do it once. A rating is an element of a list in the rater's facet, `day level words`.

use std::{fmt, str::FromStr};

use super::{LINE, RuleError};
use crate::{
    document::{Document, Edit},
    domain::{day, line},
};

pub(super) const MILESTONES: &str = "milestones";
pub(super) const TICKED: &str = "ticked";
pub(super) const RATINGS: &str = "ratings";
/// Most bytes of the words beside a rating.
const NOTE: usize = 4096;

/// A level of attainment, from −2 (much less than expected) over 0 (as expected) to +2 (much more).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Level(i8);

/// All levels, the lowest first.
pub const LEVELS: [Level; 5] = [Level(-2), Level(-1), Level(0), Level(1), Level(2)];

impl Level {
    /// As a number from −2 to 2.
    pub fn number(self) -> i8 {
        self.0
    }

    /// The field of the shared facet with the words for it.
    pub const fn field(self) -> &'static str {
        match self.0 {
            -2 => "level-2",
            -1 => "level-1",
            0 => "level0",
            1 => "level+1",
            _ => "level+2",
        }
    }
}

impl FromStr for Level {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let number = text.trim().replace('−', "-").parse().ok();
        let level = LEVELS.into_iter().find(|level| Some(level.0) == number);
        level.ok_or(RuleError::NotAllowed { field: "level", allowed: &["-2", "-1", "0", "+1", "+2"] })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "{:+}", self.0) }
    }
}

/// What one person said about how far a goal has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rating {
    /// The day, `2026-11-22`.
    pub date: String,
    /// How far.
    pub level: Level,
    /// In words, if any.
    pub note: String,
}

impl Rating {
    /// Reads an element of a list of ratings; none if another program wrote something else there.
    pub fn parse(element: &str) -> Option<Self> {
        let mut parts = element.splitn(3, ' ');
        let date = day("date", parts.next()?).ok()?;
        let level = parts.next()?.parse().ok()?;
        Some(Self { date, level, note: parts.next().unwrap_or_default().to_owned() })
    }

    pub(super) fn append(&self) -> Result<Edit, RuleError> {
        let Self { date, level, note } = self;
        let (size, most) = (note.len(), NOTE);
        if size > most {
            return Err(RuleError::TooLarge { field: "note", size, most });
        }
        let element = format!("{} {level} {}", day("date", date)?, note.trim());
        Ok(Edit::Append(RATINGS.to_owned(), element.trim_end().into()))
    }
}

/// A step on the way to a goal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Milestone {
    place: u32,
    /// What it is, on one line.
    pub words: String,
    /// True once somebody ticked it.
    pub ticked: bool,
}

impl Milestone {
    /// Milestones in their order, from the elements of the two sets. What another program wrote in another form is last.
    pub fn read(milestones: &[String], ticked: &[String]) -> Vec<Self> {
        let mut read: Vec<_> = milestones
            .iter()
            .map(|element| {
                let (place, words) = placed(element).unwrap_or((u32::MAX, element));
                Self { place, words: words.to_owned(), ticked: ticked.contains(element) }
            })
            .collect();
        read.sort();
        read
    }

    /// The words of an element of the set of milestones.
    pub fn words_of(element: &str) -> &str {
        placed(element).map_or(element, |(_, words)| words)
    }

    fn element(&self) -> String {
        if self.place == u32::MAX { self.words.clone() } else { format!("{:04} {}", self.place, self.words) }
    }
}

/// Place and words of an element; none if another program wrote it in another form.
fn placed(element: &str) -> Option<(u32, &str)> {
    let (place, words) = element.split_once(' ')?;
    let formed = place.len() >= 4 && place.bytes().all(|byte| byte.is_ascii_digit());
    Some((place.parse().ok().filter(|_| formed)?, words))
}

/// The milestones of a goal, from its shared facet.
pub fn milestones(goal: &Document) -> Vec<Milestone> {
    Milestone::read(&goal.set(MILESTONES), &goal.set(TICKED))
}

/// Something to do to the milestones of a goal. One that is there is meant by its number, from 1, or by its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Adds one at the end.
    Add(String),
    /// It is reached.
    Tick(String),
    /// It is not reached after all.
    Untick(String),
    /// It does not belong there.
    Remove(String),
}

impl Step {
    pub(super) fn plan(&self, there: &[Milestone]) -> Result<Vec<Edit>, RuleError> {
        let add = |set: &str, element: String| Edit::Add(set.to_owned(), element);
        let remove = |set: &str, element: String| Edit::Remove(set.to_owned(), element);
        Ok(match self {
            Self::Add(words) => {
                let words = line("milestone", words, LINE)?;
                if there.iter().any(|it| it.words == words) {
                    return Ok(Vec::new());
                }
                let last = there.iter().map(|it| it.place).filter(|place| *place < u32::MAX - 1).max().unwrap_or(0);
                vec![add(MILESTONES, Milestone { place: last + 1, words, ticked: false }.element())]
            }
            Self::Tick(which) => vec![add(TICKED, meant(which, there)?.element())],
            Self::Untick(which) => vec![remove(TICKED, meant(which, there)?.element())],
            Self::Remove(which) => {
                let element = meant(which, there)?.element();
                vec![remove(MILESTONES, element.clone()), remove(TICKED, element)]
            }
        })
    }
}

/// The one milestone with this number, else with these words and no others: what is meant is changed.
fn meant<'m>(which: &str, there: &'m [Milestone]) -> Result<&'m Milestone, RuleError> {
    let wanted = which.trim().to_lowercase();
    let number = wanted.parse::<usize>().ok().and_then(|number| there.get(number.checked_sub(1)?));
    let same = || there.iter().find(|it| it.words.to_lowercase() == wanted);
    let none = || RuleError::NoneSuch { field: "milestone", text: which.to_owned() };
    number.or_else(same).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::{DeviceId, ItemId, MemberId};

    use super::*;
    use crate::{
        document::{DocId, Editor, Preimage, Writer, tests::rng},
        domain::{
            self, Facets, goal,
            tests::{member, preimage},
        },
    };

    fn facet(goal: &Preimage, writer: Writer) -> Document {
        Document::new(DocId { item: goal.id(), writer }, domain::schema(goal, writer))
    }

    /// One person carries out an intent on their replica of the shared facet, or of their own.
    fn act(document: &mut Document, by: u8, owner: Option<MemberId>, intent: &goal::Intent) {
        act_on(document, by, by, owner, intent);
    }

    fn act_on(document: &mut Document, by: u8, device: u8, owner: Option<MemberId>, intent: &goal::Intent) {
        let facets: Facets<'_> = [(Writer::Everyone, &*document)].into();
        let plan = intent.plan(owner, member(by), &facets).expect("fine");
        let (writer, edits) = plan.0.into_iter().next().expect("one facet");
        assert_eq!(writer, document.id().writer);
        let mut rng = rng(u64::from(device) * 100 + document.ops());
        document
            .edit(&mut Editor { device: DeviceId::new([device; 32]), now: 1, rng: &mut rng }, &edits)
            .expect("writes");
    }

    fn step(step: Step) -> goal::Intent {
        goal::Intent::Milestone { item: ItemId::new([1; 16]), step }
    }

    fn merge(a: &mut Document, b: &mut Document) {
        a.apply(b.changes(&[])).expect("applies");
        b.apply(a.changes(&[])).expect("applies");
        assert_eq!(a.heads(), b.heads());
    }

    fn shown(goal: &Document) -> Vec<(String, bool)> {
        milestones(goal).into_iter().map(|it| (it.words, it.ticked)).collect()
    }

    #[test]
    fn two_who_tick_the_same_milestone_tick_it_once() {
        let goal = preimage("goal", None);
        let (mut anna, mut ben) = (facet(&goal, Writer::Everyone), facet(&goal, Writer::Everyone));
        for words in ["Shoes", "5 km", "10 km"] {
            act(&mut anna, 1, None, &step(Step::Add(words.into())));
        }
        merge(&mut anna, &mut ben);
        act(&mut anna, 1, None, &step(Step::Tick("2".into())));
        act(&mut ben, 2, None, &step(Step::Tick("5 KM".into())));
        act(&mut ben, 2, None, &step(Step::Add("Half marathon".into())));
        act(&mut anna, 1, None, &step(Step::Add("Half marathon".into())));
        merge(&mut anna, &mut ben);
        let expected = [("Shoes", false), ("5 km", true), ("10 km", false), ("Half marathon", false)];
        assert_eq!(shown(&anna), expected.map(|(words, ticked)| (words.to_owned(), ticked)));
        act(&mut ben, 2, None, &step(Step::Untick("2".into())));
        merge(&mut anna, &mut ben);
        assert!(shown(&anna).iter().all(|(_, ticked)| !ticked), "one untick is enough");
    }

    #[test]
    fn a_tick_and_a_removal_at_the_same_time_merge_and_a_tick_wins_over_an_untick() {
        let goal = preimage("goal", None);
        let (mut anna, mut ben) = (facet(&goal, Writer::Everyone), facet(&goal, Writer::Everyone));
        act(&mut anna, 1, None, &step(Step::Add("Shoes".into())));
        act(&mut anna, 1, None, &step(Step::Tick("1".into())));
        merge(&mut anna, &mut ben);
        act(&mut anna, 1, None, &step(Step::Untick("1".into())));
        act(&mut anna, 1, None, &step(Step::Tick("1".into())));
        act(&mut ben, 2, None, &step(Step::Untick("1".into())));
        merge(&mut anna, &mut ben);
        assert_eq!(shown(&anna), [("Shoes".to_owned(), true)]);
        act(&mut anna, 1, None, &step(Step::Remove("Shoes".into())));
        merge(&mut anna, &mut ben);
        assert!(shown(&ben).is_empty());
    }

    #[test]
    fn a_milestone_is_meant_by_its_number_or_all_of_its_words() {
        let there = Milestone::read(&["0002 5 km".into(), "0001 Shoes".into(), "0003 10 km".into(), "odd".into()], &[]);
        assert_eq!((Milestone::words_of("0002 5 km"), Milestone::words_of("10 km")), ("5 km", "10 km"));
        let words = |which: &str| meant(which, &there).map(|it| it.words.clone());
        assert_eq!(words("1"), Ok("Shoes".into()));
        assert_eq!(
            (words("shoes"), words("10 km"), words("4")),
            (Ok("Shoes".into()), Ok("10 km".into()), Ok("odd".into()))
        );
        for bad in ["km", "10", "5", "shoe", "7", "", "marathon"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_rates_in_their_own_facet_and_nothing_is_lost() {
        let goal = preimage("goal", Some(member(1)));
        let own = Writer::Only(member(2));
        let rate = |date: &str, level: i8, note: &str| goal::Intent::Rate {
            item: goal.id(),
            rating: Rating { date: date.into(), level: Level(level), note: note.into() },
        };
        // Ben rates Anna's goal on two devices of his.
        let (mut first, mut second) = (facet(&goal, own), facet(&goal, own));
        act(&mut first, 2, goal.owner, &rate("2026-01-05", -1, "slow\nbut steady"));
        act_on(&mut second, 2, 3, goal.owner, &rate("2026-01-06", 1, ""));
        merge(&mut first, &mut second);
        let mut read: Vec<_> =
            first.list(RATINGS).iter().filter_map(|value| Rating::parse(value.scalar.text()?)).collect();
        read.sort_by(|a, b| a.date.cmp(&b.date));
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].level.to_string(), &*read[0].note), ("-1".into(), "slow\nbut steady"));
        assert_eq!((read[1].level.number(), &*read[1].note), (1, ""));
        let bad = rate("soon", 0, "").plan(goal.owner, member(2), &Facets::new());
        assert_eq!(bad, Err(RuleError::NotADay { field: "date" }));
    }

    #[test]
    fn a_level_is_one_of_five() {
        for (text, number) in [("-2", -2), ("−1", -1), ("0", 0), ("+1", 1), ("2", 2)] {
            assert_eq!(text.parse(), Ok(Level(number)));
        }
        for bad in ["3", "-3", "", "much", "1.0"] {
            assert!(bad.parse::<Level>().is_err(), "{bad}");
        }
        assert_eq!(LEVELS.map(|level| level.to_string()), ["-2", "-1", "0", "+1", "+2"]);
    }
}

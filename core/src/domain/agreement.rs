//! The agreement: how the two work together. Both write at its sections; what they agreed on is a text that both have
//! acknowledged, and nothing else.
//!
//! One item a space, whose id everybody derives. Whoever acknowledges keeps in their own facet the hash of the whole text
//! and the heads at which they saw it, so that nobody can put it into their mouth, and nobody can change it afterwards.

mod force;

pub use force::{Force, acknowledged, acknowledges, forces};

use alliance_replica::id::{DeviceId, ItemId, MemberId, hash};

use super::{Act, At, Field, Kind, Own, Plan, RuleError, day, text};
use crate::document::{self, ChangeHash, Document, KindName, Past, Preimage, TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "agreement",
    shared: &[
        Field::text(SECTIONS[0].name),
        Field::text(SECTIONS[1].name),
        Field::text(SECTIONS[2].name),
        Field::text(SECTIONS[3].name),
        Field::text(SECTIONS[4].name),
        Field::text(SECTIONS[5].name),
        Field::text(SECTIONS[6].name),
    ],
    own: &[(Own::EachMember, &[Field::list(ACKNOWLEDGEMENTS).inner()])],
    titles: &[],
    open: &[],
};

/// A section of the agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section {
    /// Its field, and what a person types for it.
    pub name: &'static str,
    /// What it is called in the text.
    pub heading: &'static str,
    /// What it may say, in words of our own.
    pub template: &'static str,
}

/// The sections, in the order in which they are read.
pub const SECTIONS: [Section; 7] = [
    Section {
        name: "scope",
        heading: "What this is, and what it is not",
        template: "We work on what one of us wants to move, as equals. This is coaching: no therapy, no medical or legal \
                   advice, and no help in a crisis. If one of us thinks that something else is needed, we say so, and look \
                   together for whoever can give it.",
    },
    Section {
        name: "rhythm",
        heading: "How often, how long, where",
        template: "We meet every two weeks for an hour. Whoever cannot come says so a day before. After three months we look \
                   back and decide whether to go on.",
    },
    Section {
        name: "support",
        heading: "What helps, and what does not",
        template: "Ask before you advise. Silence is fine. Be plain with me, and on my side. I may be asked how it goes, and \
                   I may say that I do not want to be asked.",
    },
    Section {
        name: "commitments",
        heading: "How we treat commitments",
        template: "A commitment is mine once I accept it. I may change it or let it go, and say so. We ask what we can learn, \
                   not who is to blame.",
    },
    Section {
        name: "confidentiality",
        heading: "What stays between us, and where that ends",
        template: "What is said here stays here, also after we have ended. It ends where somebody is in serious danger or a law \
                   demands it; then we speak with each other first if we can. Whoever takes it to a supervisor does so without \
                   names.",
    },
    Section {
        name: "records",
        heading: "What is written down, and how long it is kept",
        template: "Both of us have everything that is shared here, each on their own computers, and both may keep it. What is \
                   private stays private. When we end, each of us decides how long to keep their copy, and tells the other.",
    },
    Section {
        name: "repair",
        heading: "When something goes wrong between us",
        template: "Whoever notices it says so soon, in their own words and without blame. The other listens first and says what \
                   they heard. Then we decide what changes, and write it down here. Either of us may end this at any time.",
    },
];

/// What it is called.
pub const TITLE: &str = "How we work together";
/// The list of what somebody acknowledged.
pub const ACKNOWLEDGEMENTS: &str = "acknowledgements";

/// What somebody wants to do with the agreement.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Writes at sections.
    Edit {
        /// Which, by their place, and what they shall say.
        sections: Vec<(usize, TextEdit)>,
    },
    /// Says that the text is what one agrees to.
    Acknowledge {
        /// The day.
        date: String,
        /// The hash of the text that one has read.
        read: String,
    },
}

/// That somebody acknowledged a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acknowledgement {
    /// The day.
    pub day: String,
    /// The hash of the text.
    pub hash: String,
    /// Where the shared facet stood.
    pub heads: Vec<ChangeHash>,
}

impl Intent {
    /// It is about the one agreement of its space.
    pub fn item(&self) -> Option<ItemId> {
        None
    }
}

impl Act for Intent {
    fn owner(&self, _: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(None)
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        match self {
            Self::Edit { sections } => {
                for (place, words) in sections {
                    plan.shared().push(text(SECTIONS[*place].name, words)?);
                }
            }
            Self::Acknowledge { date, read } => {
                let shared = at.facets.get(&Writer::Everyone).ok_or(RuleError::Empty { field: "agreement" })?;
                let heads = shared.heads();
                let whole = canonical(&texts(shared, &heads));
                if whole.is_empty() {
                    return Err(RuleError::Empty { field: "agreement" });
                }
                if digest(&whole) != *read {
                    return Err(RuleError::StandsSo { stands: "another text by now".to_owned() });
                }
                let heads = heads.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                let said = format!("{} {read} {heads}", day("date", date)?);
                plan.facet(Writer::Only(at.me)).push(document::Edit::Append(ACKNOWLEDGEMENTS.to_owned(), said.into()));
            }
        }
        plan.0.retain(|_, edits| !edits.is_empty());
        Ok(plan)
    }
}

impl Acknowledgement {
    fn parse(element: &str) -> Option<Self> {
        let mut words = element.split(' ');
        let day = day("date", words.next()?).ok()?;
        let hash = words.next()?.to_owned();
        let heads: Option<Vec<ChangeHash>> = words.map(|head| head.parse().ok()).collect();
        Some(Self { day, hash, heads: heads.filter(|heads| !heads.is_empty())? })
    }
}

/// The preimage of the agreement of the space that this device founded.
pub fn preimage(founder: DeviceId) -> Preimage {
    Preimage::of_space(KindName::parse(KIND.name).expect("it is a name"), founder)
}

/// The sections as the shared facet said them at some version.
pub fn texts(shared: &Document, heads: &[ChangeHash]) -> [String; 7] {
    let mut fields = shared.fields_at(heads);
    SECTIONS.map(|section| match fields.remove(section.name) {
        Some(Past::Text(text)) => text.trim().to_owned(),
        _ => String::new(),
    })
}

/// The whole text in its one form: the sections that say something, in their order; lines end in line feeds.
pub fn canonical(texts: &[String; 7]) -> String {
    let said = SECTIONS.iter().zip(texts).filter(|(_, text)| !text.is_empty());
    said.map(|(section, text)| format!("## {}\n\n{text}\n", section.heading)).collect::<Vec<_>>().join("\n")
}

/// The hash by which a whole text is acknowledged, in hexadecimal.
pub fn digest(whole: &str) -> String {
    hash("alliance/1 agreement", &[whole.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect()
}

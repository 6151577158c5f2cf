//! What people can say: kinds of items, their fields, and the rules of each.
//!
//! A kind is one file: its fields, its intents, who may write what, and how an intent becomes edits of facets. Pure: no
//! clock, no randomness, no storage. A rule here binds this program only; what another device wrote is never refused for
//! breaking one, and what a later version wrote is kept and shown plainly.

pub mod admission;
pub mod agreement;
pub mod alliance;
pub mod archive;
pub mod belief;
pub mod comment;
pub mod commitment;
pub mod computer;
pub mod copy;
pub mod feedback;
pub mod goal;
pub mod insight;
mod kind;
pub mod note;
pub mod parting;
pub mod question;
pub mod recovery;
pub mod reflection;
mod rule;
pub mod session;
pub mod typing;
pub mod win;
pub mod written;

use std::collections::BTreeMap;

use alliance_replica::id::MemberId;

use self::rule::{day, elements, line, mine, put, put_or_clear, text};
pub use self::{
    kind::{Field, Holds, Kind, Own},
    rule::RuleError,
};
use crate::document::{Document, Edit, Preimage, Scalar, Schema, Writer};

/// Most characters of a title.
pub const TITLE: usize = 200;
/// Most characters of what somebody says in passing, on one line.
pub const SAID: usize = 500;
/// Sets whose elements are `place words`.
pub const PLACED: [&str; 3] = ["milestones", "ticked", session::AGENDA];
/// The set of items that an item is about, by their ids, whatever its kind.
pub const LINKS: &str = "links";
/// Most characters of any other line, such as a tag or a name.
pub const LINE: usize = 100;

/// Fields of every kind's shared facet, also of kinds that are not known.
pub const COMMON: &[Field] = &[Field::register(archive::ARCHIVED).inner(), Field::register(copy::COPIES).inner()];

/// Kinds that programs keep for themselves, in the personal space, and show nowhere.
const FOR_PROGRAMS: [&Kind; 4] = [&recovery::KIND, &admission::KIND, &computer::KIND, &parting::KIND];

/// Registers kinds: a line each, with the name of the intent and the module that says everything else.
macro_rules! kinds {
    ($($name:ident in $module:ident,)+) => {
        /// The kinds that people write.
        pub const KINDS: &[&Kind] = &[$(&$module::KIND,)+];

        /// What a person does, a kind.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Intent {
            $(
                #[doc = concat!("To an item of the kind in `", stringify!($module), "`.")]
                $name($module::Intent),
            )+
        }

        impl Intent {
            /// The kind of its item.
            pub fn kind(&self) -> &'static Kind {
                match self {
                    $(Self::$name(_) => &$module::KIND,)+
                }
            }

            fn act(&self) -> &dyn Act {
                match self {
                    $(Self::$name(intent) => intent,)+
                }
            }
        }

        $(
            impl From<$module::Intent> for Intent {
                fn from(intent: $module::Intent) -> Self {
                    Self::$name(intent)
                }
            }
        )+
    };
}

kinds! {
    Agreement in agreement,
    Alliance in alliance,
    Belief in belief,
    Comment in comment,
    Commitment in commitment,
    Feedback in feedback,
    Goal in goal,
    Insight in insight,
    Note in note,
    Question in question,
    Reflection in reflection,
    Session in session,
    Win in win,
}

/// The facets of an item that exist here.
pub type Facets<'d> = BTreeMap<Writer, &'d Document>;

/// By whom an intent is carried out, and where.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Whose the item is; none if it belongs to both.
    pub owner: Option<MemberId>,
    /// Who does it.
    pub me: MemberId,
    /// What the item says; nothing of a new one.
    pub facets: &'a Facets<'a>,
}

/// What every kind says of its intents.
trait Act {
    /// Whose a new item is, made by `me` beside `other`, if there is anybody else.
    fn owner(&self, me: MemberId, other: Option<MemberId>) -> Result<Option<MemberId>, RuleError>;

    /// The edits that carry it out.
    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError>;
}

impl Intent {
    /// Whose a new item is, made by `me` beside `other`, if there is anybody else; none if it is of both.
    pub fn owner(&self, me: MemberId, other: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        self.act().owner(me, other)
    }

    /// The edits that carry it out.
    pub fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        self.act().plan(at)
    }
}

/// The kind with this name, if this program knows it.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().chain(&FOR_PROGRAMS).copied().find(|kind| kind.name == name)
}

/// True for kinds that programs keep for themselves, in the personal space, and show nowhere.
pub fn is_for_programs(kind: &str) -> bool {
    FOR_PROGRAMS.iter().any(|it| it.name == kind)
}

/// True for a field of a kind that is for programs alone.
pub fn is_inner(kind_name: &str, field: &str) -> bool {
    let common = COMMON.iter().any(|it| it.name == field);
    common || kind(kind_name).is_some_and(|kind| kind.all_fields().any(|it| it.inner && it.name == field))
}

/// What a field of a kind holds, if this program knows it.
pub fn holds(kind_name: &str, field: &str) -> Option<Holds> {
    Some(kind(kind_name)?.all_fields().find(|it| it.name == field)?.holds)
}

/// The day on which something in a list was said, and the words.
pub fn dated(element: &str) -> (Option<&str>, &str) {
    let (first, rest) = element.split_once(char::is_whitespace).unwrap_or((element, ""));
    if day("day", first).is_ok() { (Some(first), rest) } else { (None, element) }
}

/// How an item stands, by what its status field says, if it has one.
pub fn stands(kind: &str, facets: &Facets<'_>, status: Option<String>) -> Option<String> {
    let kind = self::kind(kind);
    match kind {
        Some(kind) if *kind == commitment::KIND => Some(commitment::stands(facets, status)),
        Some(kind) if *kind == question::KIND => Some(question::stands(facets, status)),
        Some(kind) if *kind == insight::KIND => Some(insight::stands(facets, status)),
        _ => status,
    }
}

/// The fixed containers of a facet of an item; none for a kind that this program does not know.
pub fn schema(preimage: &Preimage, writer: Writer) -> Schema {
    let fields = kind(preimage.kind.as_str()).map(|kind| kind.fields(preimage.owner, writer)).unwrap_or_default();
    let newest = fields.iter().map(|field| field.since).max().unwrap_or(0);
    (0..=newest).fold(Schema::default(), |schema, since| {
        let made = fields.iter().filter(|field| field.since == since).filter_map(Field::container);
        schema.then(&made.collect::<Vec<_>>())
    })
}

/// What an intent does: edits, by facet.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Plan(pub BTreeMap<Writer, Vec<Edit>>);

impl Plan {
    fn facet(&mut self, writer: Writer) -> &mut Vec<Edit> {
        self.0.entry(writer).or_default()
    }

    fn shared(&mut self) -> &mut Vec<Edit> {
        self.facet(Writer::Everyone)
    }
}

/// Writes a value over all values of a register, which ends a conflict.
pub fn keep(writer: Writer, field: &str, value: &Scalar, me: MemberId) -> Result<Plan, RuleError> {
    mine(writer, me)?;
    if matches!(value, Scalar::Other { .. }) {
        return Err(RuleError::OnlyShown);
    }
    Ok(Plan([(writer, vec![Edit::Put(field.to_owned(), Some(value.clone()))])].into()))
}

#[cfg(test)]
pub(crate) mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::document::{DocId, Editor, KindName, tests::rng};

    /// Carries a plan out on new facets, by device `by`.
    pub(crate) fn written(preimage: &Preimage, by: u8, plan: &Plan) -> BTreeMap<Writer, Document> {
        let mut facets = BTreeMap::new();
        for (writer, edits) in &plan.0 {
            let id = DocId { item: preimage.id(), writer: *writer };
            let mut document = Document::new(id, schema(preimage, *writer));
            let mut editor = Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut rng(by.into()) };
            document.edit(&mut editor, edits).expect("writes");
            facets.insert(*writer, document);
        }
        facets
    }

    pub(crate) fn made(facets: &BTreeMap<Writer, Document>) -> Facets<'_> {
        facets.iter().map(|(writer, document)| (*writer, document)).collect()
    }

    pub(crate) fn member(n: u8) -> MemberId {
        MemberId::of(&DeviceId::new([n; 32]))
    }

    pub(crate) fn preimage(kind: &str, owner: Option<MemberId>) -> Preimage {
        let kind = KindName::parse(kind).expect("a name");
        Preimage { kind, owner, creator: DeviceId::new([1; 32]), nonce: [0; 16] }
    }

    fn names(schema: &Schema) -> Vec<String> {
        schema.containers().map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn own_fields_of_what_belongs_to_both_are_shared() {
        let (anna, ben) = (member(1), member(2));
        let owned = preimage("goal", Some(anna));
        let shared = ["area", "level+1", "level+2", "level-1", "level-2", "level0", "milestones", "ticked", "why"];
        assert_eq!(names(&schema(&owned, Writer::Everyone)), shared);
        assert_eq!(names(&schema(&owned, Writer::Only(anna))), ["ratings", "reason"]);
        assert_eq!(names(&schema(&owned, Writer::Only(ben))), ["ratings"]);
        let of_both = names(&schema(&preimage("goal", None), Writer::Everyone));
        assert!(of_both.contains(&"reason".to_owned()) && of_both.len() == shared.len() + 1);
        assert_eq!(names(&schema(&preimage("goal", None), Writer::Only(ben))), ["ratings"]);
        let feedback = preimage("feedback", Some(anna));
        assert_eq!(names(&schema(&feedback, Writer::Only(anna))), ["body"]);
        assert_eq!(names(&schema(&feedback, Writer::Only(ben))), ["response"]);
        assert!(names(&schema(&preimage("dream", None), Writer::Everyone)).is_empty());
    }

    #[test]
    fn every_genesis_is_frozen() {
        let anna = member(1);
        let hashes = [
            (
                preimage("alliance", None),
                Writer::Everyone,
                "856f4a8357a75154013a001037c5bf897df9edb3798900162bb95538010100000005151034014203560270027e07707572706f73650672656c617973027e040002000200",
            ),
            (
                preimage("note", None),
                Writer::Everyone,
                "856f4a83b3eb25cb01350010fa1c61a13c3800edb7d3f98fec66f6e4010100000005150b34014203560270027e04626f64790474616773027e040002000200",
            ),
            (
                preimage("goal", Some(anna)),
                Writer::Everyone,
                "856f4a8375f5e6ab01340010a5a2b4e65457eca4f6962b7503d93d07010100000005150a34014203560270027e046172656103776879027e000402000200",
            ),
            (
                preimage("goal", Some(anna)),
                Writer::Only(anna),
                "856f4a8386258b0601310010916b183f74530bf1f973ab2202d2e771010100000005150834014202560270027f06726561736f6e017f047f007f00",
            ),
            (
                preimage("goal", None),
                Writer::Everyone,
                "856f4a83a7b6cfec013c0010aaae788ad585d59720c27bf6eaa73734010100000005151134014204560270027d046172656106726561736f6e03776879037f00020403000300",
            ),
        ];
        for (preimage, writer, frozen) in hashes {
            let schema = schema(&preimage, writer);
            let [genesis, ..] = schema.changes() else { panic!("a genesis") };
            let bytes: String = genesis.raw_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(bytes, frozen, "{preimage:?} {writer:?}");
        }
        assert!(schema(&preimage("alliance", None), Writer::Only(anna)).changes().is_empty());
    }

    #[test]
    fn only_its_member_chooses_in_an_own_facet() {
        let (anna, ben) = (member(1), member(2));
        let value = "active".into();
        assert!(keep(Writer::Only(anna), "status", &value, anna).is_ok());
        assert!(keep(Writer::Everyone, "title", &value, ben).is_ok());
        assert_eq!(keep(Writer::Only(anna), "status", &value, ben), Err(RuleError::NotYours { owner: anna }));
        let newer = Scalar::Other { other: "(map)".into() };
        assert_eq!(keep(Writer::Everyone, "title", &newer, ben), Err(RuleError::OnlyShown));
    }
}

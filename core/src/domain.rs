//! What people can say: kinds of items, their fields, and the rules of each.
//!
//! A kind is one file: its fields, its intents, who may write what, and how an intent becomes edits of facets. Pure: no
//! clock, no randomness, no storage. A rule here binds this program only; what another device wrote is never refused for
//! breaking one, and what a later version wrote is kept and shown plainly.

pub mod admission;
pub mod alliance;
pub mod computer;
pub mod feedback;
pub mod goal;
pub mod note;
pub mod parting;
pub mod recovery;
pub mod typing;

use std::collections::BTreeMap;

use alliance_replica::{id::MemberId, limits};

use crate::document::{Document, Edit, Preimage, Scalar, Schema, Shape, TextEdit, Writer};

/// Most characters of a title.
pub const TITLE: usize = 200;
/// Most characters of any other line, such as a tag or a name.
pub const LINE: usize = 100;

/// The kinds that this program knows.
pub const KINDS: [&Kind; 8] = [
    &alliance::KIND,
    &feedback::KIND,
    &goal::KIND,
    &note::KIND,
    &recovery::KIND,
    &admission::KIND,
    &computer::KIND,
    &parting::KIND,
];

/// The facets of an item that exist here.
pub type Facets<'d> = BTreeMap<Writer, &'d Document>;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// One value; several if they were written at the same time.
    Register,
    /// A text that several people may type in.
    Text,
    /// A set of short texts.
    Set,
    /// A list that only grows.
    List,
}

/// A field of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its key in the facet.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Which fixed change makes its container: the genesis is 0. What was frozen once is never moved.
    pub since: u8,
    /// True for what programs keep beside people's words: it is neither shown nor found nor chosen.
    pub inner: bool,
}

impl Field {
    const fn new(name: &'static str, holds: Holds) -> Self {
        Self { name, holds, since: 0, inner: false }
    }

    const fn register(name: &'static str) -> Self {
        Self::new(name, Holds::Register)
    }

    const fn text(name: &'static str) -> Self {
        Self::new(name, Holds::Text)
    }

    const fn set(name: &'static str) -> Self {
        Self::new(name, Holds::Set)
    }

    const fn list(name: &'static str) -> Self {
        Self::new(name, Holds::List)
    }

    /// The same field, made by a fixed change after the genesis.
    const fn since(self, since: u8) -> Self {
        Self { since, ..self }
    }

    /// The same field, for programs alone.
    const fn inner(self) -> Self {
        Self { inner: true, ..self }
    }

    fn container(&self) -> Option<(&'static str, Shape)> {
        let shape = match self.holds {
            Holds::Register => return None,
            Holds::Text => Shape::Text,
            Holds::Set => Shape::Set,
            Holds::List => Shape::List,
        };
        Some((self.name, shape))
    }
}

/// In whose own facet fields lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// The owner's. If the item belongs to both, these fields are shared.
    Owner,
    /// That of whoever does not own it.
    Other,
    /// Each member's.
    EachMember,
}

/// A kind of item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// Its name in preimages, and for commands.
    pub name: &'static str,
    /// Fields that every member writes.
    pub shared: &'static [Field],
    /// Fields of own facets.
    pub own: &'static [(Own, &'static [Field])],
    /// Fields that say what it is called: the first that has words.
    pub titles: &'static [&'static str],
}

impl Kind {
    /// The fields of one facet of an item of this kind; none if the kind does not give this member one.
    pub fn fields(&self, owner: Option<MemberId>, writer: Writer) -> Vec<Field> {
        let shared = if writer == Writer::Everyone { self.shared } else { &[] };
        let has = |whose: Own| match (whose, writer, owner) {
            (Own::Owner, Writer::Everyone, owner) => owner.is_none(),
            (_, Writer::Everyone, _) => false,
            (Own::Owner, Writer::Only(member), owner) => owner == Some(member),
            (Own::Other, Writer::Only(member), owner) => owner.is_some_and(|owner| owner != member),
            (Own::EachMember, Writer::Only(_), _) => true,
        };
        let own = self.own.iter().filter(|(whose, _)| has(*whose)).flat_map(|(_, fields)| fields.iter());
        shared.iter().chain(own).copied().collect()
    }

    /// Every field, whoever's.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        self.shared.iter().chain(self.own.iter().flat_map(|(_, fields)| fields.iter()))
    }
}

/// The kind with this name, if this program knows it.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.into_iter().find(|kind| kind.name == name)
}

/// True for kinds that programs keep for themselves, in the personal space, and show nowhere.
pub fn is_for_programs(kind: &str) -> bool {
    [recovery::KIND, admission::KIND, computer::KIND, parting::KIND].iter().any(|it| it.name == kind)
}

/// True for a field of a kind that is for programs alone.
pub fn is_inner(kind_name: &str, field: &str) -> bool {
    kind(kind_name).is_some_and(|kind| kind.all_fields().any(|it| it.inner && it.name == field))
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

/// Why an intent cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RuleError {
    /// A field that needs words has none.
    #[error("{} is empty", spoken(field))]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// Too many characters.
    #[error("{} is longer than {most} characters", spoken(field))]
    TooLong {
        /// The field.
        field: &'static str,
        /// The most it may have.
        most: usize,
    },
    /// A text that does not fit.
    #[error("{} has {size} bytes, more than {most}", spoken(field))]
    TooLarge {
        /// The field.
        field: &'static str,
        /// Its bytes.
        size: usize,
        /// The most it may have.
        most: usize,
    },
    /// Several lines, or control characters, where one line belongs.
    #[error("{} has line breaks, tabs or other control characters in it", spoken(field))]
    NotALine {
        /// The field.
        field: &'static str,
    },
    /// Not one of the values that a field may have.
    #[error("{field} is one of {}", .allowed.join(", "))]
    NotAllowed {
        /// The field.
        field: &'static str,
        /// What it may be.
        allowed: &'static [&'static str],
    },
    /// Only its owner may do that.
    #[error("only its owner may do that")]
    NotYours {
        /// The owner.
        owner: MemberId,
    },
    /// Only the one who does not own it may do that.
    #[error("only the person whom it is for may do that")]
    ForTheOther,
    /// An answer to what is no request.
    #[error("that is no request for feedback")]
    NoRequest,
    /// Not a day.
    #[error("{field} is not a day as 2026-11-22")]
    NotADay {
        /// The field.
        field: &'static str,
    },
    /// Nothing in a list, or not one thing alone, is what was said.
    #[error("{field} “{text}” is not one of those there are")]
    NoneSuch {
        /// The field.
        field: &'static str,
        /// What was said.
        text: String,
    },
    /// A value that this program can only show.
    #[error("that value was written by a newer program and can only be shown")]
    OnlyShown,
}

/// What a field is called when people read of it.
fn spoken(field: &str) -> &str {
    match field {
        "body" => "the text",
        "tags" => "a tag",
        field => field,
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

fn mine(writer: Writer, me: MemberId) -> Result<(), RuleError> {
    match writer {
        Writer::Only(owner) if owner != me => Err(RuleError::NotYours { owner }),
        _ => Ok(()),
    }
}

/// One line of words without white space around it.
fn line(field: &'static str, text: &str, most: usize) -> Result<String, RuleError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(RuleError::Empty { field });
    }
    if text.chars().any(char::is_control) {
        return Err(RuleError::NotALine { field });
    }
    if text.chars().nth(most).is_some() {
        return Err(RuleError::TooLong { field, most });
    }
    Ok(text.to_owned())
}

fn put(field: &'static str, text: &str, most: usize) -> Result<Edit, RuleError> {
    Ok(Edit::Put(field.to_owned(), Some(line(field, text, most)?.into())))
}

/// A line that may be taken away by saying nothing.
fn put_or_clear(field: &'static str, text: &str, most: usize) -> Result<Edit, RuleError> {
    if text.trim().is_empty() { Ok(Edit::Put(field.to_owned(), None)) } else { put(field, text, most) }
}

fn text(field: &'static str, edit: &TextEdit) -> Result<Edit, RuleError> {
    let (size, most) = (edit.text.len(), limits::TEXT);
    if size > most {
        return Err(RuleError::TooLarge { field, size, most });
    }
    Ok(Edit::Text(field.to_owned(), edit.clone()))
}

/// Edits that add and remove elements of a set.
fn elements(field: &'static str, add: &[String], remove: &[String]) -> Result<Vec<Edit>, RuleError> {
    let edit = |make: fn(String, String) -> Edit| {
        move |element: &String| Ok(make(field.to_owned(), line(field, element, LINE)?))
    };
    remove.iter().map(edit(Edit::Remove)).chain(add.iter().map(edit(Edit::Add))).collect()
}

/// A day as people's calendars write it in files: `2026-11-22`.
fn day(field: &'static str, text: &str) -> Result<String, RuleError> {
    let formed = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let within = || ("01"..="12").contains(&&text[5..7]) && ("01"..="31").contains(&&text[8..]);
    if formed && within() { Ok(text.to_owned()) } else { Err(RuleError::NotADay { field }) }
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
    fn a_line_is_trimmed_and_bounded() {
        assert_eq!(line("title", "  a b ", 3), Ok("a b".into()));
        assert_eq!(line("title", " ", 3), Err(RuleError::Empty { field: "title" }));
        assert_eq!(line("title", "ä€üß", 3), Err(RuleError::TooLong { field: "title", most: 3 }));
        assert_eq!(line("title", "a\nb", 3), Err(RuleError::NotALine { field: "title" }));
    }

    #[test]
    fn a_day_has_one_form() {
        assert_eq!(day("date", "2026-11-22"), Ok("2026-11-22".into()));
        for bad in ["", "2026-13-01", "2026-00-01", "2026-01-32", "2026-1-1", "22.11.2026", "2026-11-2ä", "2026/11/22"]
        {
            assert_eq!(day("date", bad), Err(RuleError::NotADay { field: "date" }), "{bad}");
        }
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

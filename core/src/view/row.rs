//! The row of an item: title, status, every field, conflicts, and the heads it was derived at.

use std::collections::BTreeMap;

use alliance_replica::id::{DeviceId, ItemId, MemberId};
use serde::{Deserialize, Serialize};

use super::Conflict;
use crate::{
    document::{Authors, ChangeHash, DocId, Document, Preimage, Scalar, Writer, read::Plain},
    domain::{
        self, COMMON, Facets, Field, Holds, agreement, comment, feedback,
        goal::{self, Milestone},
    },
};

/// Characters of a text that a list shows at most.
const BRIEF: usize = 200;
/// Characters of a title that is the beginning of a text.
const OPENING: usize = 80;
/// Where an item of a kind that is not known has its title.
const TITLES: &[&str] = &["title"];

/// Fields that say no words of their own: the title is found apart, what is ticked stands among the milestones, and a
/// request, like whatever else is named, by its id; how something stands is one of few words that nobody wrote.
const UNSAID: [&str; 8] = [
    "title",
    "ticked",
    "status",
    feedback::SORT,
    feedback::ASKED_FOR,
    domain::LINKS,
    comment::TARGET,
    domain::session::WHEN,
];

/// A device that is or was in the space, and whose it is.
pub type Device = (DeviceId, MemberId);

/// What is shown of an item.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The item.
    #[serde(with = "hex")]
    pub item: ItemId,
    /// Its kind.
    pub kind: String,
    /// Whose it is; none if it belongs to both.
    #[serde(with = "hex::option")]
    pub owner: Option<MemberId>,
    /// The device that made it.
    #[serde(with = "hex")]
    pub creator: DeviceId,
    /// Its title on one line; empty if it has none.
    pub title: String,
    /// How it stands, if it has a status.
    pub status: Option<String>,
    /// Where a goal stands among others, if its owner moved it.
    #[serde(default)]
    pub position: Option<i64>,
    /// The fields of the shared facet, also those that this program does not know.
    pub fields: BTreeMap<String, Shown>,
    /// The fields of own facets: nobody but that member can have written them.
    pub members: Vec<MemberFields>,
    /// Fields that hold several values.
    pub conflicts: Vec<Conflict>,
    /// How many numbers were given to values of the item here.
    #[serde(default)]
    pub numbers: usize,
    /// True if it lies in the personal space.
    pub private: bool,
    /// Whether it is archived, if somebody archived it.
    #[serde(default)]
    pub archived: Option<Archived>,
    /// Where each facet stands, shared first.
    pub heads: Vec<FacetHeads>,
}

/// That somebody archived an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Archived {
    /// True if it stands; false if somebody wrote to the item who did not know of it, or later.
    pub stands: bool,
    /// Who did, if that member is known here.
    #[serde(with = "hex::option")]
    pub by: Option<MemberId>,
}

/// A field's value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shown {
    /// Nothing was written.
    Nothing,
    /// A text or a value; of several values the one that wins.
    One(Scalar),
    /// Elements of a set or list.
    Many(Vec<Scalar>),
}

/// What one member says in their own facet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MemberFields {
    /// The member.
    #[serde(with = "hex")]
    pub member: MemberId,
    /// The fields.
    pub fields: BTreeMap<String, Shown>,
}

/// Where a facet stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FacetHeads {
    /// Whose facet; none for the shared one.
    #[serde(with = "hex::option")]
    pub writer: Option<MemberId>,
    /// Its heads, in order.
    #[serde(with = "hex::hashes")]
    pub heads: Vec<ChangeHash>,
}

impl Row {
    /// The heads of a facet, from which an edit of one of its texts may start.
    pub fn heads(&self, writer: Writer) -> &[ChangeHash] {
        let facet = self.heads.iter().find(|facet| facet.writer == writer.member());
        facet.map_or(&[], |facet| &facet.heads)
    }

    /// A field of a facet as words; empty if there are none.
    pub fn text(&self, writer: Writer, field: &str) -> &str {
        let own = |member| self.members.iter().find(|own| own.member == member).map(|own| &own.fields);
        let fields = writer.member().map_or(Some(&self.fields), own);
        match fields.and_then(|fields| fields.get(field)) {
            Some(Shown::One(Scalar::Text(text))) => text,
            _ => "",
        }
    }

    /// The row with only the start of every long text: what lists need.
    pub fn brief(mut self) -> Self {
        let own = self.members.iter_mut().flat_map(|member| member.fields.values_mut());
        for shown in self.fields.values_mut().chain(own) {
            if let Shown::One(Scalar::Text(text)) = shown
                && let Some((end, _)) = text.char_indices().nth(BRIEF)
            {
                text.truncate(end);
            }
        }
        self
    }

    /// All words of the item but its title, for search; an empty line parts one field from the next.
    pub fn words(&self) -> String {
        let own = self.members.iter().flat_map(|member| &member.fields);
        let shown = self.fields.iter().chain(own).filter(|(name, _)| !UNSAID.contains(&name.as_str()));
        let fields = shown.flat_map(|(name, shown)| {
            let values = match shown {
                Shown::Nothing => [].iter(),
                Shown::One(value) => std::slice::from_ref(value).iter(),
                Shown::Many(values) => values.iter(),
            };
            let words =
                move |text| if domain::PLACED.contains(&name.as_str()) { Milestone::words_of(text) } else { text };
            values.filter_map(Scalar::text).map(words)
        });
        let values = fields.chain(
            self.choices()
                .filter(|(_, conflict, _)| !UNSAID[1..].contains(&conflict.field.as_str()))
                .filter_map(|(.., choice)| choice.value.text()),
        );
        values.collect::<Vec<_>>().join("\n\n")
    }
}

/// The row of an item from the facets that exist here. `devices` are all that ever were in the space.
pub fn derive(preimage: &Preimage, facets: &Facets<'_>, devices: &[Device], private: bool) -> Row {
    let (item, owner) = (preimage.id(), preimage.owner);
    let kind = domain::kind(preimage.kind.as_str());
    let mut row = Row {
        item,
        kind: preimage.kind.as_str().to_owned(),
        owner,
        creator: preimage.creator,
        title: String::new(),
        status: None,
        position: None,
        fields: BTreeMap::new(),
        members: Vec::new(),
        conflicts: Vec::new(),
        numbers: 0,
        private,
        archived: None,
        heads: Vec::new(),
    };
    for (writer, document) in facets {
        let known = kind.map(|kind| kind.fields(owner, *writer)).unwrap_or_default();
        let fields = read(document, &known);
        match writer {
            Writer::Everyone => row.fields = fields,
            Writer::Only(member) => row.members.push(MemberFields { member: *member, fields }),
        }
        // Only where the kind has it: a status that the other member put elsewhere is none.
        if known.iter().any(|field| field.name == "status") {
            row.status = Some(one_line(row.text(*writer, "status"))).filter(|status| !status.is_empty());
        }
        if known.iter().any(|field| field.name == goal::POSITION) {
            row.position = goal::position(document);
        }
        row.conflicts.extend(conflicts(*writer, document, &known, devices));
        row.heads.push(FacetHeads { writer: writer.member(), heads: document.heads() });
    }
    row.status = domain::stands(&row.kind, facets, row.status);
    row.archived = domain::archive::archived(facets).map(|archive| {
        let authors =
            Authors::new(&DocId { item, writer: Writer::Everyone }, devices.iter().map(|(device, _)| *device));
        let device = authors.device(&archive.by);
        let by = devices.iter().find(|(its, _)| Some(*its) == device).map(|(_, member)| *member);
        Archived { stands: archive.stands, by }
    });
    let said = [Some(Writer::Everyone), owner.map(Writer::Only)].into_iter().flatten();
    let fields = kind.map_or(TITLES, |kind| kind.titles);
    row.title = said.filter_map(|writer| title(facets.get(&writer)?, fields)).next().unwrap_or_default();
    if row.title.is_empty() && row.kind == agreement::KIND.name {
        row.title = agreement::TITLE.to_owned();
    }
    row.number_after(None);
    row
}

/// What the first of these fields that has words says. Of several values of a register it is the last that is words:
/// another program may have put something else beside them.
fn title(document: &Document, fields: &[&str]) -> Option<String> {
    let said = |field: &&str| {
        let register = document.register(field);
        let words = register.values().iter().rev().find_map(|value| value.scalar.text()).map(one_line);
        words.or_else(|| Some(opening(&document.text(field)))).filter(|words| !words.is_empty())
    };
    fields.iter().find_map(said)
}

/// The first line of a text that has words, or its beginning.
fn opening(text: &str) -> String {
    let line = text.lines().map(one_line).find(|line| !line.is_empty()).unwrap_or_default();
    match line.char_indices().nth(OPENING) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

fn read(document: &Document, known: &[Field]) -> BTreeMap<String, Shown> {
    let mut fields: BTreeMap<String, Shown> = BTreeMap::new();
    for (name, plain) in document.unknown(&names(known)) {
        let shown = match plain {
            Plain::Register(register) => register.winner().cloned().map_or(Shown::Nothing, Shown::One),
            Plain::Text(text) => Shown::One(text.into()),
            Plain::Many(values) => Shown::Many(values.into_iter().map(Scalar::Text).collect()),
        };
        fields.insert(name, shown);
    }
    for field in known.iter().filter(|field| !field.inner) {
        let shown = match field.holds {
            Holds::Register => document.register(field.name).winner().cloned().map_or(Shown::Nothing, Shown::One),
            Holds::Text => Shown::One(document.text(field.name).into()),
            Holds::Set => Shown::Many(document.set(field.name).into_iter().map(Scalar::Text).collect()),
            Holds::List => Shown::Many(document.list(field.name).into_iter().map(|value| value.scalar).collect()),
        };
        fields.insert(field.name.to_owned(), shown);
    }
    fields
}

fn conflicts(writer: Writer, document: &Document, known: &[Field], devices: &[Device]) -> Vec<Conflict> {
    let authors = Authors::new(&document.id(), devices.iter().map(|(device, _)| *device));
    let who = |prefix: &[u8; 8]| {
        let device = authors.device(prefix)?;
        devices.iter().find(|(its, _)| *its == device).copied()
    };
    let registers = known.iter().filter(|field| field.holds == Holds::Register && !field.inner);
    let mut found: Vec<_> =
        registers.filter_map(|field| Conflict::of(writer, field.name, &document.register(field.name), who)).collect();
    for (name, plain) in document.unknown(&names(known)) {
        if let Plain::Register(register) = plain {
            found.extend(Conflict::of(writer, &name, &register, who));
        }
    }
    found
}

fn names(fields: &[Field]) -> Vec<&'static str> {
    fields.iter().chain(COMMON).map(|field| field.name).collect()
}

/// What somebody else's program wrote as a title may hold anything.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Names as hexadecimal digits.
pub(super) mod hex {
    use alliance_replica::id::Id;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<K, const N: usize, S: Serializer>(id: &Id<K, N>, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(id)
    }

    pub(crate) fn deserialize<'de, K, const N: usize, D: Deserializer<'de>>(d: D) -> Result<Id<K, N>, D::Error> {
        let text = String::deserialize(d)?;
        Id::from_hex(&text).ok_or_else(|| D::Error::custom("not a name in hexadecimal digits"))
    }

    pub(crate) mod option {
        use super::*;

        pub(crate) fn serialize<K, const N: usize, S: Serializer>(
            id: &Option<Id<K, N>>,
            s: S,
        ) -> Result<S::Ok, S::Error> {
            match id {
                Some(id) => s.collect_str(id),
                None => s.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, K, const N: usize, D: Deserializer<'de>>(
            d: D,
        ) -> Result<Option<Id<K, N>>, D::Error> {
            let text = Option::<String>::deserialize(d)?;
            let read =
                |text: String| Id::from_hex(&text).ok_or_else(|| D::Error::custom("not a name in hexadecimal digits"));
            text.map(read).transpose()
        }
    }

    pub(crate) mod hashes {
        use super::*;
        use crate::document::ChangeHash;

        pub(crate) fn serialize<S: Serializer>(hashes: &[ChangeHash], s: S) -> Result<S::Ok, S::Error> {
            s.collect_seq(hashes.iter().map(ToString::to_string))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<ChangeHash>, D::Error> {
            let texts = Vec::<String>::deserialize(d)?;
            texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        document::{Edit, Editor, tests::rng},
        domain::{
            Plan, goal,
            tests::{made, member, preimage, written},
        },
    };

    pub(crate) fn devices() -> Vec<Device> {
        (1..=3).map(|n| (DeviceId::new([n; 32]), member(n))).collect()
    }

    pub(crate) fn goal(owner: Option<u8>, title: &str) -> (Preimage, BTreeMap<Writer, Document>) {
        let owner = owner.map(member);
        let preimage = preimage("goal", owner);
        let add = goal::Add { title: title.into(), why: "because".into(), ..goal::Add::default() };
        let plan = goal::Intent::Add(add).plan(owner, owner.unwrap_or(member(1)), &Facets::new()).expect("fine");
        (preimage.clone(), written(&preimage, 1, &plan))
    }

    pub(crate) fn edit(document: &mut Document, by: u8, edits: &[Edit]) {
        let seed = u64::from(by) + 100 * document.ops();
        let mut editor = Editor { device: DeviceId::new([by; 32]), now: 2, rng: &mut rng(seed) };
        document.edit(&mut editor, edits).expect("writes");
    }

    #[test]
    fn a_row_says_what_the_facets_say_and_survives_json() {
        let (preimage, facets) = goal(Some(1), "Run");
        let row = derive(&preimage, &made(&facets), &devices(), true);
        assert_eq!((row.title.as_str(), row.status.as_deref()), ("Run", Some("active")));
        assert_eq!(row.text(Writer::Everyone, "why"), "because");
        assert_eq!(row.text(Writer::Only(member(1)), "status"), "active");
        assert_eq!(row.heads(Writer::Everyone), facets[&Writer::Everyone].heads());
        assert!(!row.words().contains("Run") && row.words().contains("because"));
        let json = serde_json::to_string(&row).expect("writes");
        assert_eq!(serde_json::from_str::<Row>(&json).expect("reads"), row);
    }

    #[test]
    fn nobody_else_says_how_a_goal_stands() {
        let (preimage, mut facets) = goal(Some(1), "Run");
        let forged = [Edit::Put("status".into(), Some("released".into()))];
        edit(facets.get_mut(&Writer::Everyone).expect("there"), 2, &forged);
        let mut other = Document::new(
            crate::document::DocId { item: preimage.id(), writer: Writer::Only(member(2)) },
            crate::document::Schema::default(),
        );
        edit(&mut other, 2, &forged);
        facets.insert(Writer::Only(member(2)), other);
        let row = |facets: &BTreeMap<_, _>| derive(&preimage, &made(facets), &devices(), false);
        assert_eq!(row(&facets).status.as_deref(), Some("active"));
        facets.remove(&Writer::Only(member(1)));
        assert_eq!(row(&facets).status, None);
    }

    #[test]
    fn what_a_later_version_wrote_is_kept_and_shown_plainly() {
        let unknown = preimage("dream", None);
        let edits =
            vec![Edit::Put("title".into(), Some("Fly".into())), Edit::Put("height".into(), Some(Scalar::Int(9)))];
        let facets = written(&unknown, 1, &Plan([(Writer::Everyone, edits)].into()));
        let row = derive(&unknown, &made(&facets), &devices(), false);
        assert_eq!((row.kind.as_str(), row.title.as_str(), row.status), ("dream", "Fly", None));
        assert_eq!(row.fields["height"], Shown::One(Scalar::Int(9)));
    }

    #[test]
    fn a_title_is_one_line_whatever_was_written() {
        let (preimage, mut facets) = goal(None, "Run");
        let title = [Edit::Put("title".into(), Some(" a\n\u{1b}[2J\tb ".into()))];
        edit(facets.get_mut(&Writer::Everyone).expect("there"), 2, &title);
        assert_eq!(derive(&preimage, &made(&facets), &devices(), false).title, "a [2J b");
        let number = [Edit::Put("title".into(), Some(Scalar::Int(9)))];
        let mut beside = facets[&Writer::Everyone].clone();
        edit(&mut beside, 1, &number);
        edit(facets.get_mut(&Writer::Everyone).expect("there"), 2, &[Edit::Put("title".into(), Some("c".into()))]);
        facets.get_mut(&Writer::Everyone).expect("there").apply(beside.changes(&[])).expect("applies");
        assert_eq!(derive(&preimage, &made(&facets), &devices(), false).title, "c");
    }
}

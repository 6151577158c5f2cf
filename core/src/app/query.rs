//! Looking: everything here reads rows of the view, or one item's facets; no log, no other document.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{ItemId, MemberId, SpaceId},
    log::control::SpaceKind,
};

use super::{
    AllianceInfo, AllianceState, AppError, ItemRef, Profile, intent, parting, profile,
    seen::{Seen, in_order, words},
};
use crate::{
    document::{ChangeHash, Scalar, TextEdit, Writer},
    domain::{
        self, alliance, comment,
        goal::{self, Level, Milestone, Rating},
        insight, typing,
    },
    store::{SpaceRow, StoreError, StoredRow, Tx},
    view,
};

/// Whose an item is, seen from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// One's own.
    Mine,
    /// The other person's.
    Theirs,
    /// Both people's.
    Both,
}

/// Who wrote something, seen from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Oneself.
    You,
    /// The other person, by name.
    Them(String),
}

/// An item in a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// The item.
    pub item: ItemRef,
    /// Its short id.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its status, for kinds that have one.
    pub status: Option<String>,
    /// True if only its owner can see it.
    pub private: bool,
    /// Whose it is.
    pub owner: Owner,
    /// Fields with more than one value.
    pub choices: usize,
    /// Every short field by name.
    pub fields: BTreeMap<String, String>,
    /// The start of every text by name.
    pub texts: BTreeMap<String, String>,
    /// Of a goal, how far it has come.
    pub progress: Option<Progress>,
    /// Of a goal that was moved, where it stands among others: lists are in this order.
    pub position: Option<i64>,
    /// Of feedback, what the request is called that it answers, if that is here.
    pub asked_for: Option<String>,
    /// What was said of it one after the other, by the name of the list; in a list of each member by day.
    pub said: BTreeMap<String, Vec<Said>>,
    /// Whether it is archived, if somebody archived it, and who did.
    pub archived: Option<Archived>,
}

/// One of the things that were said of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// By whom; none if both may write there.
    pub by: Option<Who>,
    /// On which day, `2026-11-22`, if it is known.
    pub day: Option<String>,
    /// The words.
    pub words: String,
}

/// That somebody archived an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archived {
    /// True if it stands; false if somebody wrote to the item who did not know of it, or later.
    pub stands: bool,
    /// Who did, if it is known.
    pub by: Option<Who>,
}

/// How far a goal has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What the levels mean, the lowest first.
    pub levels: Vec<(Level, String)>,
    /// The milestones, in their order.
    pub milestones: Vec<Milestone>,
    /// Who said how far it has come, by day.
    pub ratings: Vec<(Who, Rating)>,
}

/// An item whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// As in a list, but every text whole.
    pub summary: Summary,
    /// Fields with more than one value.
    pub choices: Vec<Choice>,
    /// What each said about it, oldest first.
    pub comments: Vec<Summary>,
    /// What an edit of a text starts from: the shared facet as it is now.
    pub heads: Vec<ChangeHash>,
}

/// A field of an item with more than one value.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// The item.
    pub item: ItemRef,
    /// Its short id.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// The field.
    pub field: String,
    /// The values.
    pub values: Vec<ChoiceValue>,
}

/// One of several values of a field.
#[derive(Clone, PartialEq, Debug)]
pub struct ChoiceValue {
    /// The number by which it is chosen: within the item, on this computer, it never means another value.
    pub number: usize,
    /// The value as text.
    pub value: String,
    /// Who wrote it, if it is known.
    pub by: Option<Who>,
}

impl Profile {
    /// All alliances, in order of joining.
    pub fn alliances(&mut self) -> Result<Vec<AllianceInfo>, AppError> {
        self.store.read(|tx| {
            let current = profile::current(tx)?;
            let spaces = tx.spaces()?.into_iter().filter(|row| row.kind == SpaceKind::Alliance);
            let left = parting::all_left(tx)?;
            spaces.map(|row| one_of_all(tx, &row, &left, current)).collect()
        })
    }

    /// The items of a kind: those of an alliance and one's own private ones, newest first. Goals are in the order to which
    /// they were moved, the other person's last; those that are reached or released are among them only if `all` are
    /// wanted, or if one may choose between values in them; so it is with every kind whose items can be over. What is
    /// archived is not among them.
    pub fn list(&mut self, space: SpaceId, kind: &str, all: bool) -> Result<Vec<Summary>, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            let rows = match all || domain::kind(kind).is_none_or(|kind| kind.open.is_empty()) {
                true => seen.live(tx, kind)?,
                false => seen.to_see(tx, kind)?,
            };
            Ok(if kind == goal::KIND.name { in_order(rows) } else { rows })
        })
    }

    /// What is archived in an alliance and in private, newest first.
    pub fn archived(&mut self, space: SpaceId) -> Result<Vec<Summary>, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            let mut rows = Vec::new();
            for space in &seen.spaces() {
                rows.extend(tx.archived_rows(space)?);
            }
            seen.summaries(tx, rows)
        })
    }

    /// An item whole.
    pub fn item(&mut self, item: &ItemRef) -> Result<Item, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let seen = Seen::new(tx, item.space)?;
            read_row(tx, item)?;
            let preimage = intent::read_preimage(tx, &item.space, &item.item)?;
            let row = intent::derive(tx, documents, &item.space, &preimage, item.item)?;
            let choices = seen.choices(tx, item, &row)?;
            let heads = row.heads(Writer::Everyone).to_vec();
            let mut comments = Vec::new();
            for stored in tx.live_rows(&item.space, comment::KIND.name, usize::MAX)? {
                let of = parse(&stored)?;
                let author = Writer::from(of.owner);
                if of.text(author, comment::TARGET) == item.item.to_string() {
                    comments.push(seen.summary(tx, ItemRef { space: stored.space, item: stored.item }, of)?);
                }
            }
            comments.reverse();
            Ok(Item { summary: seen.summary(tx, *item, row)?, choices, comments, heads })
        })
    }

    /// Of these items those that people see as such, as lists have them.
    pub fn some(&mut self, space: SpaceId, items: impl IntoIterator<Item = ItemId>) -> Result<Vec<Summary>, AppError> {
        self.store.read(|tx| {
            let rows: Result<Vec<_>, _> = items.into_iter().map(|item| tx.row(&space, &item)).collect();
            Seen::new(tx, space)?.summaries(tx, rows?.into_iter().flatten().collect())
        })
    }

    /// A text of an item, in the facet in which one may write it, and the version that it is of. What one may not write
    /// is [`AppError::Rule`].
    pub fn text(&mut self, item: &ItemRef, field: &str) -> Result<TextEdit, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let me = tx.space(&item.space)?.ok_or(AppError::UnknownSpace)?.member;
            let preimage = intent::read_preimage(tx, &item.space, &item.item)?;
            let row = intent::derive(tx, documents, &item.space, &preimage, item.item)?;
            let writer = typing::writer(&preimage, me, field)?;
            Ok(TextEdit { from: Some(row.heads(writer).to_vec()), text: row.text(writer, field).to_owned() })
        })
    }

    /// After how many months an insight came back last, or comes back first; 0 if it never does.
    pub fn months(&mut self, item: &ItemRef) -> Result<i64, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let preimage = intent::read_preimage(tx, &item.space, &item.item)?;
            let facets = documents.facets(tx, &item.space, &preimage, item.item)?;
            let own = facets.get(&Writer::from(preimage.owner));
            let months = own.and_then(|own| own.register(insight::MONTHS).winner().cloned());
            Ok(if let Some(Scalar::Int(months)) = months { months } else { 0 })
        })
    }

    /// An alliance's own item.
    pub fn alliance_item(&mut self, space: SpaceId) -> Result<ItemRef, AppError> {
        let item = self
            .store
            .read::<_, AppError>(|tx| Ok(alliance::preimage(profile::genesis(tx, &space)?.founder.device)))?;
        Ok(ItemRef { space, item: item.id() })
    }

    /// Every field with more than one value, in an alliance and in private.
    pub fn conflicts(&mut self, space: SpaceId) -> Result<Vec<Choice>, AppError> {
        self.store.read(|tx| Seen::new(tx, space)?.all_choices(tx))
    }

    /// Every facet of every item with its heads, to compare two replicas of a space.
    pub fn heads(&mut self, space: SpaceId) -> Result<BTreeMap<ItemId, BTreeMap<String, Vec<String>>>, AppError> {
        self.store.read(|tx| {
            let mut all = BTreeMap::new();
            for row in tx.rows(&space, None, usize::MAX)? {
                let stored = parse(&row)?.heads.into_iter().map(|facet| {
                    let writer = facet.writer.map_or_else(|| "everyone".to_owned(), |member| member.to_string());
                    (writer, facet.heads.iter().map(ToString::to_string).collect())
                });
                all.insert(row.item, stored.collect());
            }
            Ok(all)
        })
    }
}

/// What one may choose in an item, as its row has it.
pub(super) fn choices_of(tx: &Tx<'_>, item: &ItemRef) -> Result<Vec<Choice>, AppError> {
    let row = read_row(tx, item)?;
    if row.conflicts.is_empty() { Ok(Vec::new()) } else { Seen::new(tx, item.space)?.choices(tx, item, &row) }
}

/// True for kinds that people see as items.
pub(super) fn is_shown(kind: &str) -> bool {
    kind != alliance::KIND.name && !domain::is_for_programs(kind)
}

/// An alliance by its own item.
pub(super) fn alliance(tx: &Tx<'_>, space: &SpaceId, current: Option<SpaceId>) -> Result<AllianceInfo, AppError> {
    let row = tx.space(space)?.ok_or(AppError::UnknownSpace)?;
    one_of_all(tx, &row, &parting::all_left(tx)?, current)
}

/// An alliance by its own item, where it is known which of all were left.
pub(super) fn one_of_all(
    tx: &Tx<'_>,
    row: &SpaceRow,
    left: &BTreeSet<SpaceId>,
    current: Option<SpaceId>,
) -> Result<AllianceInfo, AppError> {
    let SpaceRow { space, member: me, .. } = row;
    let own = own_item(tx, space)?;
    let title = own.as_ref().map(|item| item.title.clone()).unwrap_or_default();
    let other = names_in(own).into_iter().find(|(member, _)| member != me).map(|(_, name)| name);
    let state = match tx.meta(&profile::state_key(space))?.as_deref() {
        _ if left.contains(space) => AllianceState::Ended,
        Some(b"together") => AllianceState::Together,
        Some(b"awaits") => AllianceState::AwaitsConfirmation,
        Some(b"they-left") => AllianceState::TheyLeft,
        Some(b"ended") => AllianceState::Ended,
        _ => AllianceState::Alone,
    };
    let by_own = tx.meta(&profile::by_own_key(space))?.is_some();
    Ok(AllianceInfo { space: *space, title, other, state, current: current == Some(*space), by_own })
}

/// Members' names in an alliance.
pub(super) fn names(tx: &Tx<'_>, space: &SpaceId) -> Result<BTreeMap<MemberId, String>, AppError> {
    Ok(names_in(own_item(tx, space)?))
}

fn names_in(own: Option<view::Row>) -> BTreeMap<MemberId, String> {
    let members = own.map(|item| item.members).unwrap_or_default();
    let name = |own: view::MemberFields| Some((own.member, own.fields.get("name").map(words)?));
    members.into_iter().filter_map(name).collect()
}

/// What a member is in an alliance, in their own word.
pub(super) fn role(tx: &Tx<'_>, space: &SpaceId, member: &MemberId) -> Result<String, AppError> {
    let item = own_item(tx, space)?;
    Ok(item.map(|item| item.text(Writer::Only(*member), "role").to_owned()).unwrap_or_default())
}

/// The relays that an alliance names.
pub(super) fn named_relays(tx: &Tx<'_>, space: &SpaceId) -> Result<Vec<alliance::Relay>, AppError> {
    let relays = own_item(tx, space)?.and_then(|item| item.fields.get("relays").cloned());
    Ok(match relays {
        Some(view::Shown::Many(relays)) => {
            relays.iter().filter_map(|relay| alliance::Relay::parse(relay.text()?)).collect()
        }
        _ => Vec::new(),
    })
}

/// The row of a space's own item: the one whose id follows from the founder, whatever else says it is of that kind.
fn own_item(tx: &Tx<'_>, space: &SpaceId) -> Result<Option<view::Row>, AppError> {
    let item = alliance::preimage(profile::genesis(tx, space)?.founder.device).id();
    tx.row(space, &item)?.map(|stored| parse(&stored)).transpose()
}

/// What the item beside `item` is called that has this id in hexadecimal; none if it is not here.
pub(super) fn title_of(tx: &Tx<'_>, item: &ItemRef, id: &str) -> Result<Option<String>, AppError> {
    let stored = ItemId::from_hex(id).map(|id| tx.row(&item.space, &id)).transpose()?.flatten();
    stored.map(|stored| Ok(parse(&stored)?.title)).transpose()
}

/// The row of an item.
pub(super) fn read_row(tx: &Tx<'_>, item: &ItemRef) -> Result<view::Row, AppError> {
    let stored = tx.row(&item.space, &item.item)?;
    parse(&stored.ok_or(StoreError::Damaged { what: "a row of the view" })?)
}

/// How many numbers were given to values of an item, as its row has it: quicker than to read all of it.
pub(super) fn numbers_given(stored: &StoredRow) -> Result<usize, AppError> {
    #[derive(serde::Deserialize)]
    struct Given {
        #[serde(default)]
        numbers: usize,
    }
    let given: Result<Given, _> = serde_json::from_str(&stored.json);
    Ok(given.map_err(|_| StoreError::Damaged { what: "a row of the view" })?.numbers)
}

pub(super) fn parse(stored: &StoredRow) -> Result<view::Row, AppError> {
    let row: Result<view::Row, _> = serde_json::from_str(&stored.json);
    let mut row = row.map_err(|_| StoreError::Damaged { what: "a row of the view" })?;
    // An earlier program kept no numbers.
    if row.choices().any(|(number, ..)| number == 0) {
        row.number_after(None);
    }
    Ok(row)
}

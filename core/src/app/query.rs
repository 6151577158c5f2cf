//! Looking: everything here reads rows of the view, or one item's facets; no log, no other document.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{ItemId, MemberId, SpaceId},
    log::control::SpaceKind,
};

use super::{AllianceInfo, AllianceState, AppError, ItemRef, Profile, documents::Documents, profile};
use crate::{
    document::{ChangeHash, Preimage, Writer},
    store::{StoreError, StoredRow, Tx},
    view,
};

/// Letters of short ids: no vowels, nothing that looks like something else.
const LETTERS: &[u8; 32] = b"0123456789bcdfghjkmnpqrstvwxyz_-";
/// Letters of a short id at the least, after the kind's letter.
const SHORTEST: usize = 3;
/// Most rows that a page shows.
const PAGE: usize = 10_000;

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
}

/// An item whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// As in a list.
    pub summary: Summary,
    /// Every text by name.
    pub texts: BTreeMap<String, String>,
    /// Fields with more than one value.
    pub choices: Vec<Choice>,
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
    /// The values; people count them from 1.
    pub values: Vec<ChoiceValue>,
}

/// One of several values of a field.
#[derive(Clone, PartialEq, Debug)]
pub struct ChoiceValue {
    /// The value as text.
    pub value: String,
    /// Who wrote it, if it is known.
    pub by: Option<Who>,
}

/// One screen for the day.
#[derive(Clone, PartialEq, Debug)]
pub struct Today {
    /// The alliance.
    pub alliance: AllianceInfo,
    /// One's own goals that are under way.
    pub goals: Vec<Summary>,
    /// The other person's, and those of both.
    pub other_goals: Vec<Summary>,
    /// Notes that changed last, newest first.
    pub notes: Vec<Summary>,
    /// Fields with more than one value.
    pub choices: Vec<Choice>,
}

impl Profile {
    /// All alliances, in order of joining.
    pub fn alliances(&mut self) -> Result<Vec<AllianceInfo>, AppError> {
        self.store.read(|tx| {
            let current = profile::current(tx)?;
            let spaces = tx.spaces()?.into_iter().filter(|row| row.kind == SpaceKind::Alliance);
            spaces.map(|row| alliance(tx, &row.space, current)).collect()
        })
    }

    /// The items of a kind: those of an alliance and one's own private ones, newest first.
    pub fn list(&mut self, space: SpaceId, kind: &str) -> Result<Vec<Summary>, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            seen.rows(tx, Some(kind))
        })
    }

    /// Finds an item by its short id, the start of its id, or its title.
    pub fn find(&mut self, space: SpaceId, kind: Option<&str>, text: &str) -> Result<ItemRef, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            let rows = seen.rows(tx, kind)?;
            let by_id: Vec<_> = rows.iter().filter(|row| is_id(row, text)).collect();
            let wanted = text.trim().to_lowercase();
            let titled: Vec<_> = rows.iter().filter(|row| row.title.to_lowercase() == wanted).collect();
            let close: Vec<_> = rows.iter().filter(|row| row.title.to_lowercase().contains(&wanted)).collect();
            let found = [titled, by_id, close].into_iter().find(|found| !found.is_empty()).unwrap_or_default();
            match found.as_slice() {
                [one] => Ok(one.item),
                [] => Err(AppError::NotFound { kind: kind.unwrap_or("item").to_owned(), text: text.to_owned() }),
                several => {
                    let name = |row: &&Summary| (row.short.clone(), row.title.clone());
                    Err(AppError::Ambiguous { text: text.to_owned(), candidates: several.iter().map(name).collect() })
                }
            }
        })
    }

    /// An item whole.
    pub fn item(&mut self, item: &ItemRef) -> Result<Item, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let seen = Seen::new(tx, item.space)?;
            let row = read_row(tx, item)?;
            let preimage = preimage(tx, item)?;
            let facets = documents.facets(tx, &item.space, &preimage, item.item)?;
            let choices = seen.choices(tx, item, &row)?;
            let heads = facets.get(&Writer::Everyone).map(crate::document::Document::heads).unwrap_or_default();
            let texts = view::texts(&preimage, &facets);
            Ok(Item { summary: seen.summary(tx, *item, row)?, texts, choices, heads })
        })
    }

    /// Every field with more than one value, in an alliance and in private.
    pub fn conflicts(&mut self, space: SpaceId) -> Result<Vec<Choice>, AppError> {
        self.store.read(|tx| Seen::new(tx, space)?.all_choices(tx))
    }

    /// One screen for the day; the same for both people.
    pub fn today(&mut self, space: SpaceId) -> Result<Today, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            let under_way = |goal: &Summary| matches!(goal.status.as_deref(), None | Some("exploring" | "active"));
            let goals = seen.rows(tx, Some("goal"))?.into_iter().filter(under_way);
            let (goals, other_goals) = goals.partition(|goal| goal.owner == Owner::Mine);
            let mut notes = seen.some_rows(tx, Some("note"), NOTES)?;
            notes.truncate(NOTES);
            let alliance = alliance(tx, &space, profile::current(tx)?)?;
            Ok(Today { alliance, goals, other_goals, notes, choices: seen.all_choices(tx)? })
        })
    }

    /// Every facet of every item with its heads, to compare two replicas; shared spaces only make sense.
    pub fn heads(&mut self, space: SpaceId) -> Result<BTreeMap<ItemId, BTreeMap<String, Vec<String>>>, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let mut all = BTreeMap::new();
            for row in tx.rows(&space, None, usize::MAX)? {
                let item = ItemRef { space, item: row.item };
                let facets = facets(tx, documents, &item)?;
                let heads = facets.into_iter().map(|(writer, facet)| {
                    let writer = writer.member().map_or_else(|| "everyone".to_owned(), |member| member.to_string());
                    (writer, facet.heads().iter().map(ToString::to_string).collect())
                });
                all.insert(row.item, heads.collect());
            }
            Ok(all)
        })
    }
}

/// Notes on the page for the day.
const NOTES: usize = 5;

/// An alliance as one person sees it, with their private items beside it.
struct Seen {
    alliance: SpaceId,
    personal: SpaceId,
    members: BTreeMap<SpaceId, MemberId>,
    names: BTreeMap<String, String>,
}

impl Seen {
    fn new(tx: &Tx<'_>, space: SpaceId) -> Result<Self, AppError> {
        let rows = tx.spaces()?;
        let personal = rows.iter().find(|row| row.kind == SpaceKind::Personal);
        let personal = personal.ok_or(StoreError::Damaged { what: "the personal space" })?.space;
        let names = names(tx, &space)?;
        Ok(Self {
            alliance: space,
            personal,
            members: rows.into_iter().map(|row| (row.space, row.member)).collect(),
            names,
        })
    }

    fn rows(&self, tx: &Tx<'_>, kind: Option<&str>) -> Result<Vec<Summary>, AppError> {
        self.some_rows(tx, kind, PAGE)
    }

    fn some_rows(&self, tx: &Tx<'_>, kind: Option<&str>, limit: usize) -> Result<Vec<Summary>, AppError> {
        let mut rows = tx.rows(&self.alliance, kind, limit)?;
        if self.personal != self.alliance {
            rows.extend(tx.rows(&self.personal, kind, limit)?);
        }
        let shown = rows.into_iter().filter(|row| view::is_shown(&row.kind));
        shown
            .map(|stored| self.summary(tx, ItemRef { space: stored.space, item: stored.item }, parse(&stored)?))
            .collect()
    }

    fn summary(&self, tx: &Tx<'_>, item: ItemRef, row: view::Row) -> Result<Summary, AppError> {
        let me = self.members.get(&item.space).map(ToString::to_string);
        let owner = match &row.owner {
            None => Owner::Both,
            Some(owner) if Some(owner) == me.as_ref() => Owner::Mine,
            Some(_) => Owner::Theirs,
        };
        Ok(Summary {
            item,
            short: short(tx, &item, &row.kind)?,
            kind: row.kind,
            title: row.title,
            status: row.status,
            private: item.space == self.personal,
            owner,
            choices: row.conflicts.len(),
            fields: row.fields,
            texts: row.texts,
        })
    }

    fn all_choices(&self, tx: &Tx<'_>) -> Result<Vec<Choice>, AppError> {
        let mut choices = Vec::new();
        for space in [self.alliance, self.personal] {
            for stored in tx.rows_with_choices(&space)? {
                let item = ItemRef { space: stored.space, item: stored.item };
                choices.extend(self.choices(tx, &item, &parse(&stored)?)?);
            }
        }
        Ok(choices)
    }

    fn choices(&self, tx: &Tx<'_>, item: &ItemRef, row: &view::Row) -> Result<Vec<Choice>, AppError> {
        let me = self.members.get(&item.space).map(ToString::to_string);
        let who = |member: &String| match Some(member) == me.as_ref() {
            true => Who::You,
            false => Who::Them(self.names.get(member).cloned().unwrap_or_default()),
        };
        let choice = |conflict: &view::Conflict| {
            let value = |value: &view::ConflictValue| ChoiceValue {
                value: value.text.clone(),
                by: value.member.as_ref().map(who),
            };
            Ok(Choice {
                item: *item,
                short: short(tx, item, &row.kind)?,
                kind: row.kind.clone(),
                title: row.title.clone(),
                field: conflict.field.clone(),
                values: conflict.values.iter().map(value).collect(),
            })
        };
        row.conflicts.iter().map(choice).collect()
    }
}

/// An alliance by its own item.
pub(super) fn alliance(tx: &Tx<'_>, space: &SpaceId, current: Option<SpaceId>) -> Result<AllianceInfo, AppError> {
    let row = tx.space(space)?.ok_or(AppError::UnknownSpace)?;
    let me = row.member.to_string();
    let item = tx.rows(space, Some("alliance"), 1)?.pop().map(|stored| parse(&stored)).transpose()?;
    let title = item.as_ref().map(|item| item.title.clone()).unwrap_or_default();
    let other =
        item.and_then(|item| item.names.into_iter().find(|(member, _)| *member != me).map(|(_, name)| name.name));
    let state = match tx.meta(&profile::state_key(space))?.as_deref() {
        Some(b"together") => AllianceState::Together,
        Some(b"awaits") => AllianceState::AwaitsConfirmation,
        Some(b"they-left") => AllianceState::TheyLeft,
        Some(b"ended") => AllianceState::Ended,
        _ => AllianceState::Alone,
    };
    Ok(AllianceInfo { space: *space, title, other, state, current: current == Some(*space) })
}

/// Members' names in an alliance, by hexadecimal member.
pub(super) fn names(tx: &Tx<'_>, space: &SpaceId) -> Result<BTreeMap<String, String>, AppError> {
    let item = tx.rows(space, Some("alliance"), 1)?.pop().map(|stored| parse(&stored)).transpose()?;
    Ok(item.map(|item| item.names.into_iter().map(|(member, name)| (member, name.name)).collect()).unwrap_or_default())
}

/// The row of an item.
pub(super) fn read_row(tx: &Tx<'_>, item: &ItemRef) -> Result<view::Row, AppError> {
    let stored = tx.row(&item.space, &item.item)?;
    parse(&stored.ok_or(StoreError::Damaged { what: "a row of the view" })?)
}

/// A kind's letter and as much of the id as tells the item from all others of its kind in its space.
pub(super) fn short(tx: &Tx<'_>, item: &ItemRef, kind: &str) -> Result<String, AppError> {
    let letters = letters(&item.item);
    let mut length = SHORTEST;
    while length < letters.len() {
        let (from, to) = bounds(&letters[..length]);
        if tx.count_items_between(&item.space, &from, &to)? <= 1 {
            break;
        }
        length += 1;
    }
    Ok(format!("{}{}", kind.chars().next().unwrap_or('i'), &letters[..length]))
}

fn is_id(row: &Summary, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let letters = letters(&row.item.item);
    let bare = text.strip_prefix(row.kind.chars().next().unwrap_or('i')).unwrap_or(&text);
    let long_enough = bare.len() >= SHORTEST;
    long_enough && letters.starts_with(bare) || text.len() >= 6 && row.item.item.to_string().starts_with(&text)
}

/// The id in 26 letters of five bits.
fn letters(item: &ItemId) -> String {
    let bits = u128::from_be_bytes(*item.as_bytes());
    (0..26)
        .map(|at| LETTERS[(if at < 25 { bits >> (123 - 5 * at) } else { bits << 2 } & 31) as usize] as char)
        .collect()
}

/// Lowest and highest id that begin with these letters.
fn bounds(letters: &str) -> ([u8; 16], [u8; 16]) {
    let mut low: u128 = 0;
    for (at, letter) in letters.bytes().take(25).enumerate() {
        let value = LETTERS.iter().position(|it| *it == letter).unwrap_or(0) as u128;
        low |= value << (123 - 5 * at);
    }
    let rest = 128 - 5 * letters.len().min(25);
    let high = low | if rest == 128 { u128::MAX } else { (1 << rest) - 1 };
    (low.to_be_bytes(), high.to_be_bytes())
}

fn parse(stored: &StoredRow) -> Result<view::Row, AppError> {
    serde_json::from_str(&stored.json).map_err(|_| StoreError::Damaged { what: "a row of the view" }.into())
}

fn preimage(tx: &Tx<'_>, item: &ItemRef) -> Result<Preimage, AppError> {
    let bytes = tx.preimage(&item.space, &item.item)?;
    bytes.and_then(|bytes| Preimage::decode(&bytes).ok()).ok_or_else(|| StoreError::Damaged { what: "an item" }.into())
}

fn facets(
    tx: &Tx<'_>,
    documents: &mut Documents,
    item: &ItemRef,
) -> Result<BTreeMap<Writer, crate::document::Document>, AppError> {
    documents.facets(tx, &item.space, &preimage(tx, item)?, item.item)
}

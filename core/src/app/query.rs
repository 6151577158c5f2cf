//! Looking: everything here reads rows of the view, or one item's facets; no log, no other document.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{ItemId, MemberId, SpaceId},
    log::control::SpaceKind,
};

use super::{AllianceInfo, AllianceState, AppError, ItemRef, Profile, find::short, intent, parting, profile};
use crate::{
    document::{ChangeHash, TextEdit, Writer},
    domain::{
        self, Holds, Own, alliance, feedback,
        goal::{self, Level, Milestone, Rating},
        typing,
    },
    store::{StoreError, StoredRow, Tx},
    view,
};

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
    /// Of a goal, how far it has come.
    pub progress: Option<Progress>,
    /// Of a goal that was moved, where it stands among others: lists are in this order.
    pub position: Option<i64>,
    /// Of feedback, what the request is called that it answers, if that is here.
    pub asked_for: Option<String>,
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
            spaces.map(|row| alliance(tx, &row.space, current)).collect()
        })
    }

    /// The items of a kind: those of an alliance and one's own private ones, newest first. Goals are in the order to which
    /// they were moved, the other person's last; those that are reached or released are among them only if `all` are
    /// wanted, or if one may choose between values in them.
    pub fn list(&mut self, space: SpaceId, kind: &str, all: bool) -> Result<Vec<Summary>, AppError> {
        self.store.read(|tx| {
            let seen = Seen::new(tx, space)?;
            match kind == goal::KIND.name {
                true if all => seen.goals(tx),
                true => seen.goals_to_see(tx),
                false => seen.rows(tx, Some(kind)),
            }
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
            Ok(Item { summary: seen.summary(tx, *item, row)?, choices, heads })
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

/// An alliance as one person sees it, with their private items beside it.
pub(super) struct Seen {
    pub(super) alliance: SpaceId,
    pub(super) personal: SpaceId,
    members: BTreeMap<SpaceId, MemberId>,
    names: BTreeMap<MemberId, String>,
}

impl Seen {
    pub(super) fn new(tx: &Tx<'_>, space: SpaceId) -> Result<Self, AppError> {
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

    pub(super) fn rows(&self, tx: &Tx<'_>, kind: Option<&str>) -> Result<Vec<Summary>, AppError> {
        self.some_rows(tx, kind, PAGE)
    }

    pub(super) fn some_rows(&self, tx: &Tx<'_>, kind: Option<&str>, limit: usize) -> Result<Vec<Summary>, AppError> {
        let mut rows = tx.rows(&self.alliance, kind, limit)?;
        if self.personal != self.alliance {
            rows.extend(tx.rows(&self.personal, kind, limit)?);
        }
        self.summaries(tx, rows)
    }

    pub(super) fn open_goals(&self, tx: &Tx<'_>) -> Result<Vec<Summary>, AppError> {
        let mut rows = Vec::new();
        for space in [&self.alliance, &self.personal] {
            rows.extend(tx.rows_with_status(space, goal::KIND.name, goal::OPEN, PAGE)?);
        }
        Ok(in_order(self.summaries(tx, rows)?))
    }

    /// All goals, in their order.
    pub(super) fn goals(&self, tx: &Tx<'_>) -> Result<Vec<Summary>, AppError> {
        Ok(in_order(self.rows(tx, Some(goal::KIND.name))?))
    }

    /// Open goals, and those in which one may choose between values: "reached" may be one of them.
    fn goals_to_see(&self, tx: &Tx<'_>) -> Result<Vec<Summary>, AppError> {
        let mut goals = self.open_goals(tx)?;
        for space in [&self.alliance, &self.personal] {
            let rows = tx.rows_with_choices(space)?.into_iter().filter(|row| row.kind == goal::KIND.name).collect();
            goals.extend(self.summaries(tx, rows)?.into_iter().filter(|row| !is_open(row)));
        }
        Ok(in_order(goals))
    }

    pub(super) fn summaries(&self, tx: &Tx<'_>, rows: Vec<StoredRow>) -> Result<Vec<Summary>, AppError> {
        self.each(tx, rows.into_iter().filter(|row| is_shown(&row.kind)))
    }

    pub(super) fn each(
        &self,
        tx: &Tx<'_>,
        rows: impl IntoIterator<Item = StoredRow>,
    ) -> Result<Vec<Summary>, AppError> {
        rows.into_iter()
            .map(|stored| self.summary(tx, ItemRef { space: stored.space, item: stored.item }, parse(&stored)?))
            .collect()
    }

    pub(super) fn summary(&self, tx: &Tx<'_>, item: ItemRef, row: view::Row) -> Result<Summary, AppError> {
        let owner = match row.owner {
            // Who else could it belong to?
            _ if row.private => Owner::Mine,
            None => Owner::Both,
            Some(owner) if self.members.get(&item.space) == Some(&owner) => Owner::Mine,
            Some(_) => Owner::Theirs,
        };
        let (mut fields, mut texts) = (BTreeMap::new(), BTreeMap::new());
        let is_goal = row.kind == goal::KIND.name;
        let own = row.members.iter().flat_map(|own| own.fields.iter().map(|(name, shown)| (own.member, name, shown)));
        let own = own.filter(|(member, name, _)| row.owner == Some(*member) || is_of_the_other(&row, name));
        let own = own.map(|(_, name, shown)| (name, shown));
        // Rows that an earlier program derived may have what is for programs alone.
        let hidden = |name: &str| is_goal && view::is_progress(name) || domain::is_inner(&row.kind, name);
        for (name, shown) in row.fields.iter().chain(own).filter(|(name, _)| !hidden(name)) {
            let to = if is_text(&row.kind, name) { &mut texts } else { &mut fields };
            let words = words(shown);
            if !words.is_empty() {
                to.insert(name.clone(), words);
            }
        }
        let asked = fields.get(feedback::ASKED_FOR).filter(|_| row.kind == feedback::KIND.name);
        let asked_for = asked.map(|request| title_of(tx, &item, request)).transpose()?.flatten();
        let progress = is_goal.then(|| {
            let view::Progress { levels, milestones, ratings } = view::progress(&row);
            let ratings = ratings.into_iter().map(|(member, rating)| (self.who(&item, member), rating)).collect();
            Progress { levels, milestones, ratings }
        });
        Ok(Summary {
            item,
            short: short(tx, &item, &row.kind)?,
            kind: row.kind,
            title: row.title,
            status: row.status,
            private: row.private,
            owner,
            choices: row.conflicts.len(),
            fields,
            texts,
            progress,
            position: row.position,
            asked_for,
        })
    }

    pub(super) fn who(&self, item: &ItemRef, member: MemberId) -> Who {
        match self.members.get(&item.space) == Some(&member) {
            true => Who::You,
            false => Who::Them(self.names.get(&member).cloned().unwrap_or_default()),
        }
    }

    pub(super) fn all_choices(&self, tx: &Tx<'_>) -> Result<Vec<Choice>, AppError> {
        let mut choices = Vec::new();
        for space in [self.alliance, self.personal] {
            for stored in tx.rows_with_choices(&space)? {
                let item = ItemRef { space: stored.space, item: stored.item };
                choices.extend(self.choices(tx, &item, &parse(&stored)?)?);
            }
        }
        Ok(choices)
    }

    pub(super) fn choices(&self, tx: &Tx<'_>, item: &ItemRef, row: &view::Row) -> Result<Vec<Choice>, AppError> {
        let value = |choice: &view::Choice| ChoiceValue {
            number: choice.number,
            value: choice.value.to_string(),
            by: choice.member.map(|member| self.who(item, member)),
        };
        let choice = |conflict: &view::Conflict| {
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

/// Goals as they were moved, one's own and those of both before the other person's; those that nobody moved as they were.
fn in_order(mut goals: Vec<Summary>) -> Vec<Summary> {
    goals.sort_by_key(|goal| {
        let moved = goal.position.map(|position| (position, goal.item.item));
        (goal.owner == Owner::Theirs, moved.is_none(), moved)
    });
    goals
}

fn is_open(goal: &Summary) -> bool {
    goal.status.as_deref().is_some_and(|status| goal::OPEN.contains(&status))
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

fn is_text(kind: &str, field: &str) -> bool {
    let kind = domain::kind(kind);
    kind.is_some_and(|kind| kind.all_fields().any(|it| it.name == field && it.holds == Holds::Text))
}

/// True for fields that whoever does not own an item says of it.
fn is_of_the_other(row: &view::Row, field: &str) -> bool {
    let own = domain::kind(&row.kind).map_or(&[][..], |kind| kind.own);
    own.iter().any(|(whose, fields)| *whose == Own::Other && fields.iter().any(|it| it.name == field))
}

fn words(shown: &view::Shown) -> String {
    match shown {
        view::Shown::Nothing => String::new(),
        view::Shown::One(value) => value.to_string(),
        view::Shown::Many(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// An alliance by its own item.
pub(super) fn alliance(tx: &Tx<'_>, space: &SpaceId, current: Option<SpaceId>) -> Result<AllianceInfo, AppError> {
    let row = tx.space(space)?.ok_or(AppError::UnknownSpace)?;
    let me = row.member;
    let title = own_item(tx, space)?.map(|item| item.title).unwrap_or_default();
    let other = names(tx, space)?.into_iter().find(|(member, _)| *member != me).map(|(_, name)| name);
    let state = match tx.meta(&profile::state_key(space))?.as_deref() {
        _ if parting::has_left(tx, space)? => AllianceState::Ended,
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
    let members = own_item(tx, space)?.map(|item| item.members).unwrap_or_default();
    let name = |own: view::MemberFields| Some((own.member, own.fields.get("name").map(words)?));
    Ok(members.into_iter().filter_map(name).collect())
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

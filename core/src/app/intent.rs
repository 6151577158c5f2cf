//! The write gate: what a person does becomes changes of facets and rows of the view, in one transaction.
//!
//! No log is loaded, nothing is sealed, nothing is sent: that is for the next exchange.

use alliance_replica::{
    id::{DeviceId, ItemId, MemberId, SpaceId},
    log::control::SpaceKind,
};
use rand_core::CryptoRng;

use super::{
    AllianceInfo, AppError, Choice, ItemRef, Owner, Profile, World,
    documents::Documents,
    find, profile, query, renewal, seal,
    seen::Seen,
    undo::{self, Wrote},
};
use crate::{
    document::{DocId, Editor, KindName, Preimage, Writer},
    domain::{self, At, Facets, Intent, Plan, RuleError, alliance, archive, feedback},
    store::{ARCHIVED, SpaceRow, StoreError, StoredRow, Tx},
    view,
};

/// Where a new item goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Where both can see it.
    Alliance(SpaceId),
    /// Where only its owner can.
    Personal,
}

/// What was done.
#[derive(Clone, PartialEq, Debug)]
pub struct Done {
    /// To which item.
    pub item: ItemRef,
    /// Its short id.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Its title now.
    pub title: String,
    /// True if only its owner can see it.
    pub private: bool,
    /// Whose it is.
    pub owner: Owner,
    /// Where it is, if both can see it.
    pub alliance: Option<AllianceInfo>,
    /// Fields whose several values were replaced by one.
    pub replaced: Vec<Choice>,
    /// False if everything was so already.
    pub changed: bool,
    /// True if it stays on this computer, because the relay does not let it in any more.
    pub stays: bool,
}

/// An item to write to, and who writes.
pub(super) struct Target {
    pub(super) space: SpaceId,
    pub(super) item: ItemId,
    pub(super) member: MemberId,
    device: DeviceId,
    preimage: Preimage,
}

impl Profile {
    /// Makes a new item.
    pub fn add(&mut self, place: Place, intent: &Intent, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let row = match place {
                Place::Alliance(space) => tx.space(&space)?.ok_or(AppError::UnknownSpace)?,
                Place::Personal => personal_row(tx)?,
            };
            let owner = intent.owner(row.member, other(tx, &row)?)?;
            let target = Target::new(&row, intent.kind().name, owner, world.rng);
            let plan = intent.plan(&At { owner, me: row.member, facets: &Facets::new() })?;
            if let Intent::Feedback(feedback::Intent::Give(feedback::Give { asked_for: Some(request), .. })) = intent {
                check_request(tx, &ItemRef { space: target.space, item: *request }, row.member)?;
            }
            finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }

    /// Changes an item: the one that the intent names, in its space.
    pub fn change(&mut self, item: &ItemRef, intent: &Intent, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let target = Target::existing(tx, item)?;
            if target.preimage.kind.as_str() != intent.kind().name {
                let (kind, text) = (intent.kind().name.to_owned(), item.item.to_string());
                return Err(AppError::NotFound { kind, text, like: Vec::new() });
            }
            let facets = documents.facets(tx, &target.space, &target.preimage, target.item)?;
            let plan = intent.plan(&At { owner: target.preimage.owner, me: target.member, facets: &facets })?;
            let before = query::choices_of(tx, item)?;
            let done = finish(tx, documents, &target, &plan, world)?;
            let after = query::choices_of(tx, item)?;
            let is_over = |choice: &Choice| after.iter().all(|it| it.field != choice.field);
            Ok(Done { replaced: before.into_iter().filter(is_over).collect(), ..done })
        });
        self.settle(result)
    }

    /// Copies a note of one's own, or what starts private, into an alliance, where both can see it. A private item knows
    /// its copies; no copy knows its source.
    pub fn share(&mut self, item: &ItemRef, into: SpaceId, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let source = Target::existing(tx, item)?;
            let kind =
                domain::kind(source.preimage.kind.as_str()).filter(|kind| domain::copy::SHAREABLE.contains(kind));
            let not_shareable = || AppError::NotShareable { kind: source.preimage.kind.as_str().to_owned() };
            let kind = kind.ok_or_else(not_shareable)?;
            if source.space == into {
                return Err(AppError::SharedAlready { title: query::read_row(tx, item)?.title });
            }
            let owner = source.preimage.owner;
            if owner.is_some_and(|owner| owner != source.member) {
                return Err(not_shareable());
            }
            let facets = documents.facets(tx, &source.space, &source.preimage, source.item)?;
            let row = tx.space(&into)?.ok_or(AppError::UnknownSpace)?;
            let copy = domain::copy::copy(kind, &facets, owner, source.member, row.member);
            let target = Target::new(&row, kind.name, owner.map(|_| row.member), world.rng);
            // Where somebody else reads the item, they need not know who else does.
            if tx.space(&source.space)?.is_some_and(|row| row.kind == SpaceKind::Personal) {
                let kept = domain::copy::copied(&facets, target.item);
                write(tx, documents, &source, &kept, world)?;
            }
            finish(tx, documents, &target, &copy, world)
        });
        self.settle(result)
    }

    /// The copies of an item that there are in an alliance.
    pub fn copies(&mut self, item: &ItemRef, space: SpaceId) -> Result<Vec<Done>, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let source = Target::existing(tx, item)?;
            let facets = documents.facets(tx, &source.space, &source.preimage, source.item)?;
            let mut copies = Vec::new();
            for item in domain::copy::copies(&facets) {
                if tx.row(&space, &item)?.is_some() {
                    copies.push(done(tx, &ItemRef { space, item }, false)?);
                }
            }
            Ok(copies)
        })
    }

    /// Puts an item where lists leave it out, or takes it back.
    pub fn archive(&mut self, item: &ItemRef, archive: bool, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let target = Target::existing(tx, item)?;
            if !query::is_shown(target.preimage.kind.as_str()) {
                let text = item.item.to_string();
                return Err(AppError::NotFound { kind: "item".to_owned(), text, like: Vec::new() });
            }
            let facets = documents.facets(tx, &target.space, &target.preimage, target.item)?;
            let stands = archive::archived(&facets).is_some_and(|it| it.stands);
            let plan = match archive {
                true if stands => Plan::default(),
                true => archive::archive(&facets),
                false => archive::restore(),
            };
            finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }

    /// Chooses one of several values of an item's fields, by its number; returns what there was to choose between, too.
    pub fn keep(&mut self, item: &ItemRef, number: usize, world: &mut World<'_>) -> Result<(Done, Choice), AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let target = Target::existing(tx, item)?;
            let row = derive(tx, documents, &target.space, &target.preimage, target.item)?;
            let choices = Seen::new(tx, item.space)?.choices(tx, item, &row)?;
            let meant = choices.iter().find(|choice| choice.values.iter().any(|value| value.number == number));
            let (Some(meant), Some(plan)) = (meant.cloned(), row.keep(number, target.member)) else {
                let (short, title) = (find::short(tx, item, &row.kind)?, row.title);
                return Err(AppError::NoSuchValue { short, kind: row.kind, title, number, choices });
            };
            Ok((finish(tx, documents, &target, &plan?, world)?, meant))
        });
        self.settle(result)
    }
}

/// Sees to it that feedback answers what the other person asked.
fn check_request(tx: &Tx<'_>, request: &ItemRef, me: MemberId) -> Result<(), AppError> {
    let row = tx.row(&request.space, &request.item)?.map(|stored| query::parse(&stored)).transpose()?;
    let row = row.filter(|row| row.kind == feedback::KIND.name).ok_or(RuleError::NoRequest)?;
    let owner = row.owner.ok_or(RuleError::NoRequest)?;
    match row.text(Writer::Only(owner), feedback::SORT) {
        feedback::ASKED if owner == me => Err(RuleError::ForTheOther.into()),
        feedback::ASKED => Ok(()),
        _ => Err(RuleError::NoRequest.into()),
    }
}

/// The other person of an alliance, once they are known.
fn other(tx: &Tx<'_>, row: &SpaceRow) -> Result<Option<MemberId>, AppError> {
    if row.kind == SpaceKind::Personal {
        return Ok(None);
    }
    Ok(query::names(tx, &row.space)?.into_keys().find(|member| *member != row.member))
}

impl Target {
    /// A new item of a space.
    pub(super) fn new(row: &SpaceRow, kind: &str, owner: Option<MemberId>, rng: &mut dyn CryptoRng) -> Self {
        let kind = KindName::parse(kind).expect("kinds of this program have names");
        let preimage = Preimage::new(kind, owner, row.device, rng);
        Self { space: row.space, item: preimage.id(), member: row.member, device: row.device, preimage }
    }

    /// A space's own item.
    pub(super) fn alliance(tx: &Tx<'_>, space: &SpaceId) -> Result<Self, AppError> {
        Self::of_space(tx, space, alliance::preimage(profile::genesis(tx, space)?.founder.device))
    }

    /// An item of which there is one in a space, whether it is there yet or not.
    pub(super) fn of_space(tx: &Tx<'_>, space: &SpaceId, preimage: Preimage) -> Result<Self, AppError> {
        let row = tx.space(space)?.ok_or(AppError::UnknownSpace)?;
        Ok(Self { space: *space, item: preimage.id(), member: row.member, device: row.device, preimage })
    }

    /// What the item's id is the hash of.
    pub(super) fn preimage(&self) -> &Preimage {
        &self.preimage
    }

    /// An item that is there.
    pub(super) fn existing(tx: &Tx<'_>, item: &ItemRef) -> Result<Self, AppError> {
        let row = tx.space(&item.space)?.ok_or(AppError::UnknownSpace)?;
        let preimage = read_preimage(tx, &item.space, &item.item)?;
        Ok(Self { space: item.space, item: item.item, member: row.member, device: row.device, preimage })
    }
}

/// When the words of an item are kept for search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Words {
    /// With its row.
    Now,
    /// Before somebody searches: they change with every key.
    Later,
}

/// Writes edits of one item's facets as one intent; returns what was written, nothing if nothing changed.
pub(super) fn write(
    tx: &Tx<'_>,
    documents: &mut Documents,
    target: &Target,
    plan: &Plan,
    world: &mut World<'_>,
) -> Result<Vec<Wrote>, AppError> {
    write_and(Words::Now, tx, documents, target, plan, world)
}

/// As [`write()`], with the words now or later.
pub(super) fn write_and(
    words: Words,
    tx: &Tx<'_>,
    documents: &mut Documents,
    target: &Target,
    plan: &Plan,
    world: &mut World<'_>,
) -> Result<Vec<Wrote>, AppError> {
    profile::check_open(tx, &target.space)?;
    let intent = tx.next_intent(&target.space)?;
    tx.insert_item(&target.space, &target.item, &target.preimage.encode(), false)?;
    let (mut wrote, mut made) = (Vec::new(), Vec::new());
    for (writer, edits) in &plan.0 {
        let doc = DocId { item: target.item, writer: *writer };
        let document = documents.open(tx, &target.space, &target.preimage, doc)?;
        let mut editor = Editor { device: target.device, now: world.now, rng: world.rng };
        let before = document.heads();
        let changes = document.edit(&mut editor, edits)?;
        if !changes.is_empty() {
            wrote.push(Wrote::new(*writer, &before, &document.heads()));
            made.push((doc, changes));
        }
    }
    seal::check_fits(made.iter().map(|(_, changes)| changes.as_slice()))?;
    for (doc, changes) in &made {
        documents.record(tx, &target.space, *doc, changes, false, Some(intent))?;
    }
    if !wrote.is_empty() {
        let (around, before) = (Around::of(tx, &target.space)?, tx.row(&target.space, &target.item)?);
        _ = write_row_of(tx, documents, &around, &target.preimage, target.item, before.as_ref(), words)?;
    }
    Ok(wrote)
}

/// What rows say that is not in the items themselves: the same for all items of a space.
pub(super) struct Around {
    space: SpaceId,
    member: MemberId,
    devices: Vec<view::Device>,
    is_private: bool,
}

impl Around {
    /// Reads it.
    pub(super) fn of(tx: &Tx<'_>, space: &SpaceId) -> Result<Self, AppError> {
        let row = tx.space(space)?.ok_or(AppError::UnknownSpace)?;
        let devices = tx.devices(space)?.into_iter().collect();
        Ok(Self { space: *space, member: row.member, devices, is_private: row.kind == SpaceKind::Personal })
    }
}

/// Derives an item's row anew; returns fields in which there is a value to choose now that was not there before, beside
/// one of this person's.
pub(super) fn write_row(
    tx: &Tx<'_>,
    documents: &mut Documents,
    around: &Around,
    preimage: &Preimage,
    item: &ItemId,
    words: Words,
) -> Result<Vec<String>, AppError> {
    let before = tx.row(&around.space, item)?;
    let given = before.as_ref().map(query::numbers_given).transpose()?.unwrap_or(0);
    let row = write_row_of(tx, documents, around, preimage, *item, before.as_ref(), words)?;
    let by_me = |choice: &view::Choice| choice.member == Some(around.member);
    let is_new = |choice: &view::Choice| choice.number > given;
    let met = |it: &&view::Conflict| {
        it.values.iter().any(is_new) && it.values.iter().any(by_me) && !it.values.iter().all(by_me)
    };
    Ok(row.conflicts.iter().filter(met).map(|it| it.field.clone()).collect())
}

/// Derives an item's words anew; its row stays where it is among others.
pub(super) fn write_words(
    tx: &Tx<'_>,
    documents: &mut Documents,
    space: &SpaceId,
    preimage: &Preimage,
    item: ItemId,
) -> Result<(), AppError> {
    put_words(tx, space, &derive(tx, documents, space, preimage, item)?)
}

/// What is shown nowhere is not found either.
fn put_words(tx: &Tx<'_>, space: &SpaceId, row: &view::Row) -> Result<(), AppError> {
    let (title, words) =
        if query::is_shown(&row.kind) { (row.title.as_str(), row.words()) } else { ("", String::new()) };
    Ok(tx.put_words(space, &row.item, title, &words)?)
}

fn write_row_of(
    tx: &Tx<'_>,
    documents: &mut Documents,
    around: &Around,
    preimage: &Preimage,
    item: ItemId,
    before: Option<&StoredRow>,
    words: Words,
) -> Result<view::Row, AppError> {
    let space = &around.space;
    let row = derive_after(tx, documents, around, preimage, item, before)?;
    match words {
        Words::Now => put_words(tx, space, &row)?,
        Words::Later => tx.outdate_words(space, &item)?,
    }
    let row = row.brief();
    let json = serde_json::to_string(&row).map_err(|_| StoreError::Damaged { what: "a row of the view" })?;
    let status = match row.archived {
        Some(view::Archived { stands: true, .. }) => ARCHIVED,
        _ => row.status.as_deref().unwrap_or_default(),
    };
    tx.put_row(space, &item, preimage.kind.as_str(), status, row.conflicts.len(), &json)?;
    Ok(row)
}

/// An item's row, from its facets.
pub(super) fn derive(
    tx: &Tx<'_>,
    documents: &mut Documents,
    space: &SpaceId,
    preimage: &Preimage,
    item: ItemId,
) -> Result<view::Row, AppError> {
    let before = tx.row(space, &item)?;
    derive_after(tx, documents, &Around::of(tx, space)?, preimage, item, before.as_ref())
}

fn derive_after(
    tx: &Tx<'_>,
    documents: &mut Documents,
    around: &Around,
    preimage: &Preimage,
    item: ItemId,
    before: Option<&StoredRow>,
) -> Result<view::Row, AppError> {
    let facets = documents.facets(tx, &around.space, preimage, item)?;
    let mut row = view::derive(preimage, &facets, &around.devices, around.is_private);
    if row.conflicts.is_empty() {
        row.numbers = before.map(query::numbers_given).transpose()?.unwrap_or(0);
    } else {
        row.number_after(before.map(query::parse).transpose()?.as_ref());
    }
    Ok(row)
}

pub(super) fn finish(
    tx: &Tx<'_>,
    documents: &mut Documents,
    target: &Target,
    plan: &Plan,
    world: &mut World<'_>,
) -> Result<Done, AppError> {
    let wrote = write(tx, documents, target, plan, world)?;
    let item = ItemRef { space: target.space, item: target.item };
    undo::keep(tx, &item, &wrote)?;
    done(tx, &item, !wrote.is_empty())
}

/// What was done to an item, as it is told.
pub(super) fn done(tx: &Tx<'_>, item: &ItemRef, changed: bool) -> Result<Done, AppError> {
    let item = *item;
    let row = query::read_row(tx, &item)?;
    let me = tx.space(&item.space)?.ok_or(AppError::UnknownSpace)?.member;
    Ok(Done {
        item,
        short: find::short(tx, &item, row.kind.as_str())?,
        kind: row.kind,
        title: row.title,
        private: row.private,
        owner: match row.owner {
            _ if row.private => Owner::Mine,
            None => Owner::Both,
            Some(owner) if owner == me => Owner::Mine,
            Some(_) => Owner::Theirs,
        },
        alliance: if row.private { None } else { Some(query::alliance(tx, &item.space, None)?) },
        replaced: Vec::new(),
        changed,
        stays: renewal::is_refused(tx, &item.space)?,
    })
}

/// What an item's id is the hash of.
pub(super) fn read_preimage(tx: &Tx<'_>, space: &SpaceId, item: &ItemId) -> Result<Preimage, AppError> {
    known_preimage(tx, space, item)?.ok_or_else(|| StoreError::Damaged { what: "an item" }.into())
}

/// What an item's id is the hash of, if the item is known.
pub(super) fn known_preimage(tx: &Tx<'_>, space: &SpaceId, item: &ItemId) -> Result<Option<Preimage>, AppError> {
    let read = |bytes: Vec<u8>| Preimage::decode(&bytes).map_err(|_| StoreError::Damaged { what: "an item" }.into());
    tx.preimage(space, item)?.map(read).transpose()
}

/// One's own space.
pub(super) fn personal_row(tx: &Tx<'_>) -> Result<SpaceRow, AppError> {
    let personal = tx.spaces()?.into_iter().find(|row| row.kind == SpaceKind::Personal);
    personal.ok_or_else(|| StoreError::Damaged { what: "the personal space" }.into())
}

//! The write gate: what a person does becomes changes of facets and rows of the view, in one transaction.
//!
//! No log is loaded, nothing is sealed, nothing is sent: that is for the next exchange.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, ItemId, MemberId, SpaceId},
    log::control::SpaceKind,
};
use rand_core::CryptoRng;

use super::{AppError, ItemRef, Profile, World, documents::Documents, profile, query, space::Space};
use crate::{
    document::{DocId, Edit, Editor, KindName, Preimage, Writer},
    domain::{self, Plan},
    store::{SpaceRow, StoreError, Tx},
    view,
};

/// What a person does, a kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// To a note.
    Note(domain::note::Intent),
    /// To a goal.
    Goal(domain::goal::Intent),
    /// To the alliance itself.
    Alliance(domain::alliance::Intent),
}

/// Where a new item goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Where both can see it.
    Alliance(SpaceId),
    /// Where only its owner can.
    Personal,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// False if everything was so already.
    pub changed: bool,
}

/// An item to write to, and who writes.
pub(super) struct Target {
    pub(super) space: SpaceId,
    pub(super) item: ItemId,
    member: MemberId,
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
            let plan = intent.plan(row.member, None)?;
            let target = Target::new(&row, plan.kind.clone(), plan.owner, world.rng)?;
            finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }

    /// Changes an item.
    pub fn change(&mut self, item: &ItemRef, intent: &Intent, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let target = Target::existing(tx, item)?;
            let plan = intent.plan(target.member, Some(&target.preimage))?;
            finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }

    /// Copies an item into an alliance, where both can see it; the copy remembers its source.
    pub fn share(&mut self, item: &ItemRef, into: SpaceId, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let source = Target::existing(tx, item)?;
            let facets = documents.facets(tx, &source.space, &source.preimage, source.item)?;
            let row = tx.space(&into)?.ok_or(AppError::UnknownSpace)?;
            let plan = domain::share(&source.preimage, &source.item, &facets, row.member)?;
            let target = Target::new(&row, plan.kind.clone(), plan.owner, world.rng)?;
            finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }

    /// Chooses one of several values of a field, counted from 1.
    pub fn keep(
        &mut self,
        item: &ItemRef,
        field: Option<&str>,
        number: usize,
        world: &mut World<'_>,
    ) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let target = Target::existing(tx, item)?;
            let facets = documents.facets(tx, &target.space, &target.preimage, target.item)?;
            let row = derive(tx, &target.space, &target.preimage, target.item, &facets)?;
            let none = || AppError::NoSuchValue { title: row.title.clone(), number };
            let mut open = row.conflicts.iter().filter(|it| field.is_none_or(|field| it.field == field));
            let conflict = open.next().ok_or_else(none)?;
            if let Some(other) = open.next() {
                let fields = [&conflict.field, &other.field].map(|it| (it.clone(), row.title.clone()));
                return Err(AppError::Ambiguous { text: row.title.clone(), candidates: fields.into() });
            }
            let value = number.checked_sub(1).and_then(|at| conflict.values.get(at)).ok_or_else(none)?;
            let plan = domain::keep(&target.preimage, target.member, &conflict.field, &value.value)?;
            finish(tx, documents, &target, &plan, world)
        });
        self.settle(result)
    }
}

impl Intent {
    fn plan(&self, me: MemberId, item: Option<&Preimage>) -> Result<Plan, AppError> {
        Ok(match self {
            Self::Note(intent) => intent.plan(me, item)?,
            Self::Goal(intent) => intent.plan(me, item)?,
            Self::Alliance(intent) => intent.plan(me, item)?,
        })
    }
}

impl Target {
    /// A new item of a space.
    pub(super) fn new(
        row: &SpaceRow,
        kind: KindName,
        owner: Option<MemberId>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, AppError> {
        let preimage = Preimage::new(kind, owner, row.device, rng);
        Ok(Self { space: row.space, item: preimage.id(), member: row.member, device: row.device, preimage })
    }

    /// A space's own item.
    pub(super) fn alliance(tx: &Tx<'_>, space: &SpaceId) -> Result<Self, AppError> {
        let row = tx.space(space)?.ok_or(AppError::UnknownSpace)?;
        let founder = profile::genesis(tx, space)?.founder.device;
        let preimage = Preimage::of_space(domain::alliance::kind(), founder);
        Ok(Self { space: *space, item: preimage.id(), member: row.member, device: row.device, preimage })
    }

    /// An item that is there.
    fn existing(tx: &Tx<'_>, item: &ItemRef) -> Result<Self, AppError> {
        let row = tx.space(&item.space)?.ok_or(AppError::UnknownSpace)?;
        let preimage = read_preimage(tx, &item.space, &item.item)?;
        Ok(Self { space: item.space, item: item.item, member: row.member, device: row.device, preimage })
    }
}

/// Writes edits of one item's facets as one intent; returns false if nothing changed.
pub(super) fn write(
    tx: &Tx<'_>,
    documents: &mut Documents,
    target: &Target,
    edits: &[(Writer, Vec<Edit>)],
    world: &mut World<'_>,
) -> Result<bool, AppError> {
    let intent = tx.next_intent(&target.space)?;
    tx.insert_item(&target.space, &target.item, &target.preimage.encode(), false)?;
    let mut changed = false;
    for (writer, edits) in edits {
        let doc = DocId { item: target.item, writer: *writer };
        let document = documents.open(tx, &target.space, &target.preimage, doc)?;
        let mut editor = Editor { device: target.device, now: world.now, rng: world.rng };
        let changes = document.edit(&mut editor, edits)?;
        if !changes.is_empty() {
            documents.record(tx, &target.space, doc, &changes, false, Some(intent))?;
            changed = true;
        }
    }
    if changed {
        write_row_of(tx, documents, &target.space, &target.preimage, target.item)?;
    }
    Ok(changed)
}

/// Derives an item's row anew.
pub(super) fn write_row(tx: &Tx<'_>, space: &Space, documents: &mut Documents, item: &ItemId) -> Result<(), AppError> {
    let preimage = read_preimage(tx, &space.id(), item)?;
    write_row_of(tx, documents, &space.id(), &preimage, *item)
}

fn write_row_of(
    tx: &Tx<'_>,
    documents: &mut Documents,
    space: &SpaceId,
    preimage: &Preimage,
    item: ItemId,
) -> Result<(), AppError> {
    let facets = documents.facets(tx, space, preimage, item)?;
    let row = derive(tx, space, preimage, item, &facets)?;
    let json = serde_json::to_string(&row).map_err(|_| StoreError::Damaged { what: "a row of the view" })?;
    Ok(tx.put_row(space, &item, preimage.kind.as_str(), row.conflicts.len(), &json)?)
}

fn derive(
    tx: &Tx<'_>,
    space: &SpaceId,
    preimage: &Preimage,
    item: ItemId,
    facets: &BTreeMap<Writer, crate::document::Document>,
) -> Result<view::Row, AppError> {
    let devices = tx.devices(space)?;
    Ok(view::row(item, preimage, facets, &devices))
}

fn finish(
    tx: &Tx<'_>,
    documents: &mut Documents,
    target: &Target,
    plan: &Plan,
    world: &mut World<'_>,
) -> Result<Done, AppError> {
    let changed = write(tx, documents, target, &plan.edits, world)?;
    let item = ItemRef { space: target.space, item: target.item };
    let row = query::read_row(tx, &item)?;
    let private = tx.space(&target.space)?.is_some_and(|row| row.kind == SpaceKind::Personal);
    Ok(Done {
        item,
        short: query::short(tx, &item, row.kind.as_str())?,
        kind: row.kind.clone(),
        title: row.title,
        private,
        changed,
    })
}

fn read_preimage(tx: &Tx<'_>, space: &SpaceId, item: &ItemId) -> Result<Preimage, AppError> {
    let bytes = tx.preimage(space, item)?;
    bytes.and_then(|bytes| Preimage::decode(&bytes).ok()).ok_or_else(|| StoreError::Damaged { what: "an item" }.into())
}

fn personal_row(tx: &Tx<'_>) -> Result<SpaceRow, AppError> {
    let personal = tx.spaces()?.into_iter().find(|row| row.kind == SpaceKind::Personal);
    personal.ok_or_else(|| StoreError::Damaged { what: "the personal space" }.into())
}

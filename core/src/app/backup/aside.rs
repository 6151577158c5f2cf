//! What another computer of this person had not sent when it made a backup.
//!
//! It is kept beside the documents while that computer lives, which may still send it. What has come into the log is
//! dropped. Once the computer is cut off, this one takes its work over: see `seal`.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, ItemId, SpaceId},
    log::{
        control::{AddedRole, Record},
        membership::Role,
    },
};

use super::{
    SpaceHead, Unsent, is_written,
    taking::{is_own, kept},
};
use crate::{
    app::{
        AppError, Computer, Profile,
        documents::Documents,
        intent::{self, Around, Words},
        receive::loaded,
        short_device,
        space::Space,
    },
    document::{Change, ChangeHash, DocId, Document, Preimage, Writer},
    store::{Aside as Kept, Tx},
};

/// What of one computer is kept aside in one space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aside {
    /// The space.
    pub space: SpaceId,
    /// Which device of that space the computer is.
    pub device: DeviceId,
    /// What stands for the computer in commands.
    pub id: String,
    /// How it is called; empty if nobody said.
    pub computer: String,
    /// Things that were changed.
    pub things: u64,
    /// What it waits for.
    pub state: AsideState,
}

/// What something that is kept aside waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AsideState {
    /// The computer lives, and may send it.
    Lives,
    /// The computer is out: it comes in with the next exchange.
    Next,
    /// What it builds on is not here.
    Lacks,
}

impl Profile {
    /// What is kept aside of other computers of this person.
    pub fn aside(&mut self) -> Result<Vec<Aside>, AppError> {
        let rows = self.store.read::<_, AppError>(|tx| {
            let mut found = Vec::new();
            for row in tx.spaces()? {
                found.extend(tx.aside_devices(&row.space)?.into_iter().map(|device| (row.space, device)));
            }
            Ok(found)
        })?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let computers = self.computers()?;
        let Self { store, spaces, documents, .. } = self;
        store.read(|tx| {
            let mut all = Vec::new();
            for (space, device) in rows {
                let loaded = loaded(spaces, tx, &space)?;
                let mut things = BTreeSet::new();
                for group in groups(tx.aside(&space, &device)?).values() {
                    if !is_known(tx, loaded, documents, group)? {
                        things.extend(group.iter().filter(|it| is_written(&it.preimage)).map(|it| it.item));
                    }
                }
                let state = match is_gone(loaded, &device) {
                    false => AsideState::Lives,
                    true if could_enter(tx, loaded, documents, &device)? => AsideState::Next,
                    true => AsideState::Lacks,
                };
                let named = computers.iter().find(|it| it.places.get(&space) == Some(&device));
                let id = named.map_or_else(|| short_device(&device), Computer::short);
                let computer = named.map(|it| it.name.clone()).unwrap_or_default();
                all.push(Aside { space, device, id, computer, things: things.len() as u64, state });
            }
            all.retain(|it| it.things > 0);
            Ok(all)
        })
    }

    /// How many things a backup has of which something had not been sent and is not here, not even kept aside; and whether
    /// the computer that made it may still send it.
    pub(super) fn look_for(&mut self, head: &SpaceHead, unsent: Vec<Unsent>) -> Result<(u64, bool), AppError> {
        let Self { store, spaces, documents, .. } = self;
        store.read(|tx| {
            let space = loaded(spaces, tx, &head.space)?;
            let mut here = BTreeSet::new();
            for device in tx.aside_devices(&head.space)? {
                here.extend(tx.aside(&head.space, &device)?.into_iter().map(|it| it.hash));
            }
            let mut more = BTreeSet::new();
            for change in unsent.into_iter().filter(|it| is_written(&it.preimage)) {
                let kept = kept(change, 0)?;
                if !here.contains(&kept.hash) && !is_known(tx, space, documents, std::slice::from_ref(&kept))? {
                    more.insert(kept.item);
                }
            }
            Ok((more.len() as u64, !is_own(space, head) && !is_gone(space, &head.device)))
        })
    }
}

/// True if nobody sends any more what a device had not sent: it is out, and so is whatever went on in its place.
fn is_gone(space: &Space, device: &DeviceId) -> bool {
    let fold = space.log.fold();
    let is_dead =
        fold.device(device).is_some_and(|it| !it.live && it.member == space.row.member && it.role == Role::Ordinary);
    is_dead && space.heirs(device).iter().all(|heir| fold.device(heir).is_none_or(|it| !it.live))
}

/// Drops what has come into the log since.
pub(in crate::app) fn tidy(
    tx: &Tx<'_>,
    space: &Space,
    documents: &mut Documents,
    device: &DeviceId,
) -> Result<(), AppError> {
    let id = space.id();
    for (intent, group) in groups(tx.aside(&id, device)?) {
        if is_known(tx, space, documents, &group)? {
            tx.remove_aside(&id, device, intent)?;
        }
    }
    Ok(())
}

/// True if something of a device could be put into the documents now.
fn could_enter(tx: &Tx<'_>, space: &Space, documents: &mut Documents, device: &DeviceId) -> Result<bool, AppError> {
    for group in groups(tx.aside(&space.id(), device)?).values() {
        if !is_known(tx, space, documents, group)? && new_of(tx, space, documents, group)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts what is kept aside of a device into the documents and among what waits to be sealed here: whole intents, and only
/// what builds on nothing that is missing.
pub(in crate::app) fn enter(
    tx: &Tx<'_>,
    space: &Space,
    documents: &mut Documents,
    device: &DeviceId,
) -> Result<BTreeSet<ItemId>, AppError> {
    let (id, mut changed) = (space.id(), BTreeSet::new());
    for (intent, group) in groups(tx.aside(&id, device)?) {
        if is_known(tx, space, documents, &group)? {
            tx.remove_aside(&id, device, intent)?;
            continue;
        }
        let Some(new) = new_of(tx, space, documents, &group)? else { continue };
        let next = tx.next_intent(&id)?;
        let docs: Vec<_> = new.keys().copied().collect();
        let whole = tx.all_or_nothing(|| {
            for (doc, (preimage, changes)) in new {
                tx.insert_item(&id, &doc.item, &preimage.encode(), false)?;
                let document = documents.open(tx, &id, &preimage, doc)?;
                let Ok(applied) = document.apply(changes.clone()) else { return Ok(false) };
                documents.record(tx, &id, doc, &applied.counted, applied.whole, Some(next))?;
                let writer = doc.writer.member();
                for change in changes.iter().filter(|it| applied.left_out.contains_key(&it.hash())) {
                    let hash = change.hash().0;
                    tx.queue_change(&id, &doc.item, writer.as_ref(), &hash, change.raw_bytes(), next)?;
                }
            }
            Ok::<_, AppError>(true)
        })?;
        if !whole {
            docs.iter().for_each(|doc| documents.forget_one(&id, *doc));
            continue;
        }
        tx.remove_aside(&id, device, intent)?;
        changed.extend(docs.iter().map(|doc| doc.item));
    }
    let around = Around::of(tx, &id)?;
    for item in &changed {
        let preimage = intent::read_preimage(tx, &id, item)?;
        _ = intent::write_row(tx, documents, &around, &preimage, item, Words::Now)?;
    }
    Ok(changed)
}

/// Takes over from computers that are out: this device says that it goes on in their place, and what they had not sent
/// waits with its own changes. Returns the records that say so.
pub(in crate::app) fn take_over(
    tx: &Tx<'_>,
    space: &mut Space,
    documents: &mut Documents,
) -> Result<Vec<EntryId>, AppError> {
    let (id, mut written) = (space.id(), Vec::new());
    for device in tx.aside_devices(&id)? {
        tidy(tx, space, documents, &device)?;
        let me = space.device();
        if device != me && !space.log.fold().lineage(&me).contains(&device) {
            let comes = is_gone(space, &device) && could_enter(tx, space, documents, &device)?;
            let again = space.secret.added(&id, &space.row.member, AddedRole::Ordinary, Some(device));
            let again = Record::AddDevice(again);
            // Where there is no room for it, it stays aside.
            if !comes || !space.log.may_append(&me, &again) {
                continue;
            }
            written.push(space.append(tx, again)?);
        }
        enter(tx, space, documents, &device)?;
    }
    Ok(written)
}

/// What is kept, an intent after the other.
fn groups(all: Vec<Kept>) -> BTreeMap<i64, Vec<Kept>> {
    let mut groups: BTreeMap<i64, Vec<Kept>> = BTreeMap::new();
    all.into_iter().for_each(|it| groups.entry(it.intent).or_default().push(it));
    groups
}

fn is_known(tx: &Tx<'_>, space: &Space, documents: &mut Documents, group: &[Kept]) -> Result<bool, AppError> {
    for kept in group {
        if !open(tx, space, documents, kept)?.is_some_and(|(document, ..)| document.knows(&ChangeHash(kept.hash))) {
            return Ok(false);
        }
    }
    Ok(true)
}

type New = BTreeMap<DocId, (Preimage, Vec<Change>)>;

/// The changes of an intent that are not here, by document; nothing if they build on something that is not here either.
fn new_of(tx: &Tx<'_>, space: &Space, documents: &mut Documents, group: &[Kept]) -> Result<Option<New>, AppError> {
    let mut new = New::new();
    for kept in group {
        let Some((document, doc, preimage)) = open(tx, space, documents, kept)? else { return Ok(None) };
        let Ok(change) = Change::try_from(kept.bytes.as_slice()) else { return Ok(None) };
        if !document.knows(&change.hash()) {
            new.entry(doc).or_insert_with(|| (preimage, Vec::new())).1.push(change);
        }
    }
    for (doc, (preimage, changes)) in &new {
        let document = documents.open(tx, &space.id(), preimage, *doc)?;
        let mut known = document.ops();
        // Whoever reads it counts on from what is there.
        let counts_on = changes.iter().all(|change| {
            let follows = change.start_op().get() <= known + 1;
            known += change.len() as u64;
            follows
        });
        if !counts_on || !document.missing(changes).is_empty() {
            return Ok(None);
        }
    }
    Ok(Some(new))
}

fn open<'a>(
    tx: &Tx<'_>,
    space: &Space,
    documents: &'a mut Documents,
    kept: &Kept,
) -> Result<Option<(&'a mut Document, DocId, Preimage)>, AppError> {
    let Ok(preimage) = Preimage::decode(&kept.preimage) else { return Ok(None) };
    let doc = DocId { item: kept.item, writer: Writer::from(kept.writer) };
    Ok(Some((documents.open(tx, &space.id(), &preimage, doc)?, doc, preimage)))
}

impl Space {
    /// The devices that went on in the place of one, as they or it said: not those that took its work over.
    pub(in crate::app) fn heirs(&self, device: &DeviceId) -> BTreeSet<DeviceId> {
        let fold = self.log.fold();
        let words = self.words();
        let renewals = fold.standing().filter_map(|(_, author, _, control)| match &control.record {
            // By the key that ends, or by words that let it in again; nobody else says it of a device.
            Record::AddDevice(it) if author != it.device.device => {
                it.renews.filter(|old| *old == author || words.contains(&author)).map(|old| (old, it.device.device))
            }
            _ => None,
        });
        let renewals: Vec<_> = renewals.collect();
        let (mut heirs, mut open) = (BTreeSet::new(), vec![*device]);
        while let Some(old) = open.pop() {
            let next = renewals.iter().filter(|(renewed, _)| *renewed == old).map(|(_, new)| *new);
            open.extend(next.filter(|new| new != device && heirs.insert(*new)));
        }
        heirs
    }
}

//! What a person's computers wrote after they were cut off: it counts for nobody, until the person takes it in.
//!
//! Whoever has a lost computer may have written it, so nothing of it counts by itself. What it would come to is found out
//! by taking it in and leaving everything as it was. What was taken in counts here at once; the next entry that is sealed
//! says that it is kept, and from then on it counts for everybody. What arrives later is asked about again.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, ItemId, SpaceId},
    limits,
    log::{chain::State, heads::Chain},
};
use serde_json::json;

use super::{
    AppError, Computer, Profile, Summary, World,
    apply::{self, Since},
    computers::is_in,
    documents::Documents,
    intent, query,
    receive::loaded,
    seen::Seen,
    space::Space,
    status,
};
use crate::{document::Form, keys::content, store::Tx};

/// What one computer of this person wrote that does not count.
#[derive(Clone, PartialEq, Debug)]
pub struct Late {
    /// The computer; under its earlier keys a copy of it may have written.
    pub computer: Computer,
    /// What would come.
    pub things: Vec<LateThing>,
    /// Entries that cannot be read here, or would not count all the same.
    pub closed: u64,
    /// When it wrote the last of it, by its own clock, in Unix seconds.
    pub last: Option<i64>,
    entries: BTreeSet<(SpaceId, EntryId)>,
}

/// An item as it would be.
#[derive(Clone, PartialEq, Debug)]
pub struct LateThing {
    /// The item.
    pub thing: Summary,
    /// False if it is here already, and would be changed.
    pub is_new: bool,
    /// What would be in it that is not there now, by field, every text whole.
    pub words: BTreeMap<String, String>,
}

/// What entries carry.
#[derive(Default)]
struct Carried {
    items: BTreeSet<ItemId>,
    last: Option<i64>,
    /// Those that carry anything.
    entries: Vec<EntryId>,
}

impl Profile {
    /// What each computer of this person wrote that does not count; only those that did.
    pub fn late(&mut self) -> Result<Vec<Late>, AppError> {
        let computers = self.computers()?;
        let Self { store, spaces, documents, .. } = self;
        let is_any = store.read::<_, AppError>(|tx| {
            for (space, device) in computers.iter().flat_map(|it| &it.places) {
                if tx.space(space)?.is_some() && !aside(loaded(spaces, tx, space)?, device).is_empty() {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        if !is_any {
            return Ok(Vec::new());
        }
        let late = store.rehearse(|tx| {
            let all = computers.into_iter().map(|computer| take(tx, spaces, documents, (computer, None), 0));
            all.collect::<Result<Vec<_>, AppError>>()
        });
        self.unload();
        Ok(late?.into_iter().filter(|it| !it.things.is_empty() || it.closed > 0).collect())
    }

    /// Takes in what was shown.
    pub fn take_late(&mut self, late: &Late, world: &World<'_>) -> Result<Late, AppError> {
        let Self { store, spaces, documents, .. } = self;
        let shown = (late.computer.clone(), Some(&late.entries));
        let result = store.write(|tx| take(tx, spaces, documents, shown, world.now));
        self.settle(result)
    }

    /// True while what was taken in is not in every log yet.
    pub fn awaits_taking(&mut self) -> Result<bool, AppError> {
        let rows = self.store.read::<_, AppError>(|tx| Ok(tx.spaces()?))?;
        for row in rows {
            if !self.space(&row.space)?.wanted.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Takes in what a computer wrote that does not count, or those entries of it; tells what that comes to.
fn take(
    tx: &Tx<'_>,
    spaces: &mut BTreeMap<SpaceId, Space>,
    documents: &mut Documents,
    (computer, shown): (Computer, Option<&BTreeSet<(SpaceId, EntryId)>>),
    now: i64,
) -> Result<Late, AppError> {
    let places = computer.places.clone();
    let mut late = Late { computer, things: Vec::new(), closed: 0, last: None, entries: BTreeSet::new() };
    for (id, device) in places {
        if tx.space(&id)?.is_none() {
            continue;
        }
        let space = loaded(spaces, tx, &id)?;
        if apply::is_open(space) {
            apply::settle(tx, space, documents, Since::default(), now)?;
        }
        let found = aside(space, &device).into_iter();
        let found: Vec<_> = found.filter(|entry| shown.is_none_or(|shown| shown.contains(&(id, *entry)))).collect();
        if !is_in(space) || found.is_empty() {
            continue;
        }
        let carried = carried(tx, space, &found)?;
        let before = summaries(tx, documents, &id, &carried.items)?;
        space.want(tx, &found)?;
        let about = json!({ "device": device.to_string(), "entries": found.len() });
        tx.note_security(now, &id, "late-taken", &about)?;
        apply::settle(tx, space, documents, Since { control: true, ..Since::default() }, now)?;
        space.store_row(tx)?;
        let is_closed = |entry: &&EntryId| {
            let state = space.log.chains().meta(entry).map(|meta| meta.state);
            state != Some(State::Applied)
        };
        late.closed += carried.entries.iter().filter(is_closed).count() as u64;
        late.last = late.last.max(carried.last);
        late.entries.extend(found.into_iter().map(|entry| (id, entry)));
        for (item, thing) in summaries(tx, documents, &id, &carried.items)? {
            let old = before.get(&item);
            if old != Some(&thing) {
                late.things.push(LateThing { is_new: old.is_none(), words: words(&thing, old), thing });
            }
        }
    }
    Ok(late)
}

/// The content of a computer, under the keys that it has or had, that is set aside since they are dead, in order of
/// arrival. What this device keeps already is not among it.
fn aside(space: &Space, device: &DeviceId) -> Vec<EntryId> {
    if !space.sets_aside() {
        return Vec::new();
    }
    let fold = space.log.fold();
    let keys: BTreeSet<_> = fold.lineage(device).into_iter().chain([*device]).collect();
    let is_late = |device: &DeviceId| {
        keys.contains(device) && fold.device(device).is_some_and(|it| !it.live && it.member == space.row.member)
    };
    let chains = space.log.chains();
    let all = chains.arrivals(Chain::Content).iter().map(|at| chains.at(*at).head);
    let late = all.filter(|head| is_late(&head.device) && space.aside.iter().any(|aside| aside.contains(&head.id)));
    late.map(|head| head.id).filter(|id| !space.kept.contains(id)).collect()
}

fn carried(tx: &Tx<'_>, space: &Space, entries: &[EntryId]) -> Result<Carried, AppError> {
    let mut carried = Carried::default();
    for id in entries {
        let content = status::content(tx, space, id)?;
        if content.as_ref().is_some_and(|it| it.parts.is_empty()) {
            continue; // It only says that something was received.
        }
        carried.entries.push(*id);
        let mut budget = limits::INFLATED;
        for part in content.into_iter().flat_map(|it| it.parts) {
            carried.items.insert(part.item);
            let form = match part.form {
                content::Form::Changes => Form::Changes,
                content::Form::Snapshot => Form::Snapshot,
            };
            let changes = form.changes(&part.unpack(&mut budget).unwrap_or_default()).unwrap_or_default();
            let last = changes.iter().map(|it| it.timestamp()).max().filter(|at| *at > 0);
            carried.last = carried.last.max(last);
        }
    }
    Ok(carried)
}

/// Of these items those that people see as such, every text whole.
fn summaries(
    tx: &Tx<'_>,
    documents: &mut Documents,
    space: &SpaceId,
    items: &BTreeSet<ItemId>,
) -> Result<BTreeMap<ItemId, Summary>, AppError> {
    let seen = Seen::new(tx, *space)?;
    let mut all = BTreeMap::new();
    for item in items {
        if tx.row(space, item)?.is_some_and(|row| query::is_shown(&row.kind)) {
            let preimage = intent::read_preimage(tx, space, item)?;
            let row = intent::derive(tx, documents, space, &preimage, *item)?;
            all.insert(*item, seen.summary(tx, super::ItemRef { space: *space, item: *item }, row)?);
        }
    }
    Ok(all)
}

/// What is in an item that was not there before.
fn words(thing: &Summary, old: Option<&Summary>) -> BTreeMap<String, String> {
    let all = thing.fields.iter().map(|it| (it, false)).chain(thing.texts.iter().map(|it| (it, true)));
    let is_same = |name: &String, words: &String, is_text: bool| {
        let old = old.and_then(|old| if is_text { old.texts.get(name) } else { old.fields.get(name) });
        old == Some(words)
    };
    // What is new is named by its title.
    let is_named = |name: &String| old.is_none() && name == "title";
    let new = all.filter(|((name, words), is_text)| !is_named(name) && !is_same(name, words, *is_text));
    new.map(|((name, words), _)| (name.clone(), words.clone())).collect()
}

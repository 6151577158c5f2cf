//! How a person's computers are called, and which device each is where, as they say it in the personal space.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, ItemId, SpaceId},
    log::control::{Reason, SpaceKind},
};

use super::{
    super::{
        AppError, World,
        documents::Documents,
        intent::{self, Target},
        receive::loaded,
        renewal,
    },
    Loaded, Named, is_in, lost,
    said::named,
};
use crate::{
    domain::computer,
    store::{SpaceRow, Tx},
};

/// How a computer is called to which nobody gave a name, before its number.
const NUMBERED: &str = "computer ";

/// Says in the personal space which device this computer is where, and gives it a name if it has none; true if that was
/// not said before.
pub(super) fn name_this(
    tx: &Tx<'_>,
    spaces: &mut Loaded,
    documents: &mut Documents,
    world: &mut World<'_>,
) -> Result<bool, AppError> {
    let rows = tx.spaces()?;
    let Some(personal) = rows.iter().find(|row| row.kind == SpaceKind::Personal) else { return Ok(false) };
    let all = named(tx, &personal.space)?;
    let mut ins = BTreeSet::new();
    for row in &rows {
        // Whoever the relay does not let in hears of no cut; another copy of this computer may go on there.
        let is_there = is_in(loaded(spaces, tx, &row.space)?) && !renewal::is_refused(tx, &row.space)?;
        ins.extend(is_there.then_some(row.space));
    }
    let space = loaded(spaces, tx, &personal.space)?;
    let before = all.iter().find(|it| it.device == personal.device);
    let old: BTreeSet<_> =
        all.iter().map(|it| it.device).filter(|it| space.heirs(it).contains(&personal.device)).collect();
    let before = before.or_else(|| all.iter().find(|it| old.contains(&it.device)));
    let is_mine = before.map(|it| it.device);
    // One that is out has nothing to say of where it is.
    let is_out =
        |row: &SpaceRow| before.is_some_and(|it| it.places.contains_key(&row.space)) && !ins.contains(&row.space);
    let is_said =
        |row: &SpaceRow| is_out(row) || before.is_some_and(|it| it.places.get(&row.space) == Some(&row.device));
    let said: Vec<_> = rows.iter().filter(|row| row.kind == SpaceKind::Alliance && !is_said(row)).collect();
    // Of several that were named at the same time all but one take another name.
    let has_it = |it: &Named, name: &str| it.name == name && it.device < personal.device && !old.contains(&it.device);
    let is_twin = |name: &str| name.starts_with(NUMBERED) && all.iter().any(|it| has_it(it, name));
    let is_twin = before.is_some_and(|it| it.device == personal.device && is_twin(&it.name));
    if before.is_some_and(|it| it.device == personal.device) && said.is_empty() && !is_twin {
        return Ok(false);
    }
    let was = |row: &&SpaceRow| Some((row.space, *before?.places.get(&row.space)?));
    let not_places: Vec<_> = said.iter().filter_map(was).collect();
    for (place, former) in &not_places {
        // The key that it had there before its profile was put back, or that of a copy: one of them goes on.
        let is_anothers = all.iter().any(|it| it.places.get(place) == Some(former) && Some(it.device) != is_mine);
        let space = loaded(spaces, tx, place)?;
        if !is_anothers && is_in(space) {
            lost::end_place(tx, space, former, Reason::Renewed)?;
        }
    }
    let places = said.iter().map(|row| (row.space, row.device)).collect();
    // A copy of this computer may go on under the same name, under another key.
    let is_taken =
        |name: &str| all.iter().any(|it| it.name == name && it.device != personal.device && !old.contains(&it.device));
    let name = match before {
        None => Some(free_name(&all)),
        Some(before) if is_twin || before.device != personal.device && is_taken(&before.name) => Some(free_name(&all)),
        Some(_) => None,
    };
    let intent = computer::Intent { device: Some(personal.device), name, places, not_places };
    put(tx, documents, &personal.space, before.and_then(|it| it.item), (personal.device, intent), world)?;
    Ok(true)
}

/// The name of the lowest number that no computer has.
fn free_name(all: &[Named]) -> String {
    let is_free = |name: &String| all.iter().all(|it| it.name != *name);
    (1..=all.len() + 1).map(|n| format!("{NUMBERED}{n}")).find(is_free).unwrap_or_default()
}

/// Says in the personal space which device a computer is where that made a backup, if nobody has said it: it may be lost,
/// and is cut off everywhere as one.
pub(in crate::app) fn name_other(
    tx: &Tx<'_>,
    documents: &mut Documents,
    personal: &SpaceId,
    (places, name): (&BTreeMap<SpaceId, DeviceId>, &str),
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let (all, Some(device)) = (named(tx, personal)?, places.get(personal).copied()) else { return Ok(()) };
    if all.iter().any(|it| it.device == device) {
        return Ok(());
    }
    let is_free = !name.is_empty() && all.iter().all(|it| it.name != name);
    let name = if is_free { name.to_owned() } else { free_name(&all) };
    let places = places.iter().filter(|(space, _)| *space != personal).map(|(space, it)| (*space, *it)).collect();
    let intent = computer::Intent { device: Some(device), name: Some(name), places, ..Default::default() };
    put(tx, documents, personal, None, (device, intent), world)
}

/// Writes of a computer, which has an item or gets one.
pub(super) fn put(
    tx: &Tx<'_>,
    documents: &mut Documents,
    personal: &SpaceId,
    item: Option<ItemId>,
    (device, intent): (DeviceId, computer::Intent),
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let row = tx.space(personal)?.ok_or(AppError::UnknownSpace)?;
    let (target, intent) = match item {
        Some(item) => (Target::existing(tx, &super::super::ItemRef { space: *personal, item })?, intent),
        None => {
            let target = Target::new(&row, computer::KIND.name, None, world.rng);
            (target, computer::Intent { device: Some(device), ..intent })
        }
    };
    intent::write(tx, documents, &target, &intent.plan()?, world).map(|_| ())
}

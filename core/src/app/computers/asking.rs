//! A computer that has no way into an alliance of its person asks for one: whoever of their others comes next makes it.

use std::collections::BTreeSet;

use alliance_replica::id::SpaceId;

use super::{
    super::{
        AppError, ItemRef, World,
        documents::Documents,
        intent::{self, Target},
        parting,
        receive::loaded,
    },
    Loaded, Named, keys_of,
    said::{admissions, named},
};
use crate::{domain::admission, store::Tx};

/// Seconds between two askings for another invitation into an alliance.
const ASKING: i64 = 24 * 60 * 60;

/// Alliances into which a computer asks at a time: whoever had another computer may have said that it is in many more.
const MOST: usize = 64;

/// Says that an invitation did not let this computer in, and never will.
pub(super) fn for_another(
    tx: &Tx<'_>,
    documents: &mut Documents,
    (personal, space): (&SpaceId, &SpaceId),
    invitation: &str,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    if !may_ask(tx, space, world.now)? {
        return Ok(());
    }
    for admission in admissions(tx, personal)?.into_iter().filter(|it| it.invitation == invitation) {
        let target = Target::existing(tx, &ItemRef { space: *personal, item: admission.item })?;
        intent::write(tx, documents, &target, &admission::ask_again(), world)?;
    }
    Ok(())
}

/// Asks for a way into every alliance where this computer is by what the personal space says, and is not: its profile was
/// put back to before it came in. Those with a way in are left out. True if it asked.
pub(super) fn to_come_back(
    tx: &Tx<'_>,
    spaces: &mut Loaded,
    documents: &mut Documents,
    ways: &BTreeSet<SpaceId>,
    world: &mut World<'_>,
) -> Result<bool, AppError> {
    let row = intent::personal_row(tx)?;
    let space = loaded(spaces, tx, &row.space)?;
    let mine = keys_of(space);
    let waits = admissions(tx, &row.space)?.into_iter().filter(|it| it.until == admission::ASKED);
    let waits: BTreeSet<_> = waits.filter(|it| mine.contains(&it.whose)).map(|it| it.space).collect();
    let is_this = |it: &Named| it.device == row.device || space.heirs(&it.device).contains(&row.device);
    let said = named(tx, &row.space)?.into_iter().filter(is_this).flat_map(|it| it.places.into_keys());
    let left = parting::all_left(tx)?;
    let is_open = |it: &SpaceId| !ways.contains(it) && !waits.contains(it) && !left.contains(it);
    let (mut asks, mut room) = (false, MOST.saturating_sub(waits.len()));
    for space in &said.filter(is_open).collect::<BTreeSet<_>>() {
        if room > 0 && tx.space(space)?.is_none() && may_ask(tx, space, world.now)? {
            room -= 1;
            let target = Target::new(&row, admission::KIND.name, None, world.rng);
            intent::write(tx, documents, &target, &admission::ask(space, &row.device), world)?;
            asks = true;
        }
    }
    Ok(asks)
}

/// True if nobody asked of late: a relay may refuse for no reason, and each asking takes a place in the log.
fn may_ask(tx: &Tx<'_>, space: &SpaceId, now: i64) -> Result<bool, AppError> {
    let asked = format!("asked:{space}");
    let last = tx.meta(&asked)?.and_then(|it| it.try_into().ok()).map(i64::from_be_bytes);
    let may = last.is_none_or(|last| now >= last.saturating_add(ASKING));
    if may {
        tx.set_meta(&asked, &now.to_be_bytes())?;
    }
    Ok(may)
}

//! That a person left an alliance, for their other computers.
//!
//! A leave ends the keys of all computers of its member, and no relay lets those in that have not heard of it: they could
//! never hear why. So the computer that left says it in the personal space as well. The others then take the alliance as
//! over, and bring it back to no relay that was asked to forget it.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{id::SpaceId, log::control::SpaceKind};

use super::{
    AppError, Profile, World,
    documents::Documents,
    intent::{self, Target},
    query,
    receive::loaded,
    space::Space,
};
use crate::{
    document::Writer,
    domain::parting::{self, KIND},
    store::{SpaceRow, Tx},
};

impl Profile {
    /// True if this person left an alliance and its log need not be told so any more: it has that, and a relay took it, or
    /// another computer of theirs has said it.
    pub(super) fn is_done_with(&mut self, space: &SpaceId) -> Result<bool, AppError> {
        Ok(self.space(space)?.has_said_it_left() || self.store.read(|tx| has_left(tx, space))?)
    }
}

/// True if the personal space says that this person left an alliance.
pub(super) fn has_left(tx: &Tx<'_>, space: &SpaceId) -> Result<bool, AppError> {
    Ok(all_left(tx)?.contains(space))
}

/// The alliances that this person left, as the personal space says.
pub(super) fn all_left(tx: &Tx<'_>) -> Result<BTreeSet<SpaceId>, AppError> {
    personal(tx)?.map_or_else(|| Ok(BTreeSet::new()), |personal| left(tx, &personal.space))
}

/// Says in the personal space which alliances this person left; true if one of them was not said before.
pub(super) fn say(
    tx: &Tx<'_>,
    spaces: &mut BTreeMap<SpaceId, Space>,
    documents: &mut Documents,
    world: &mut World<'_>,
) -> Result<bool, AppError> {
    let Some(personal) = personal(tx)? else { return Ok(false) };
    let (said, mut wrote) = (left(tx, &personal.space)?, false);
    for row in tx.spaces()?.into_iter().filter(|row| row.kind == SpaceKind::Alliance && !said.contains(&row.space)) {
        if loaded(spaces, tx, &row.space)?.log.fold().left().contains(&row.member) {
            let target = Target::new(&personal, KIND.name, None, world.rng);
            intent::write(tx, documents, &target, &parting::say(&row.space), world)?;
            wrote = true;
        }
    }
    Ok(wrote)
}

fn left(tx: &Tx<'_>, personal: &SpaceId) -> Result<BTreeSet<SpaceId>, AppError> {
    let rows = tx.rows(personal, Some(KIND.name), usize::MAX)?;
    let rows = rows.iter().map(query::parse).collect::<Result<Vec<_>, _>>()?;
    Ok(rows.iter().filter_map(|row| SpaceId::from_hex(row.text(Writer::Everyone, "space"))).collect())
}

fn personal(tx: &Tx<'_>) -> Result<Option<SpaceRow>, AppError> {
    Ok(tx.spaces()?.into_iter().find(|row| row.kind == SpaceKind::Personal))
}

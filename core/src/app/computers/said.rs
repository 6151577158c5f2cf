//! What the personal space says of a person's computers, and of the invitations that wait for them.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, SpaceId},
    log::{control::Record, membership::Role},
};

use super::{
    super::{AppError, query, receive::loaded, space::Space},
    Admission, Loaded, Named, keys,
};
use crate::{
    document::Writer,
    domain::{self, admission, computer},
    keys::Invitation,
    store::Tx,
    view::{Row, Shown},
};

fn items(tx: &Tx<'_>, personal: &SpaceId, kind: &domain::Kind) -> Result<Vec<Row>, AppError> {
    tx.rows(personal, Some(kind.name), usize::MAX)?.iter().map(query::parse).collect()
}

/// The computers that the personal space names; what is not well formed is passed over.
pub(super) fn named(tx: &Tx<'_>, personal: &SpaceId) -> Result<Vec<Named>, AppError> {
    let mut all: Vec<Named> = Vec::new();
    for row in items(tx, personal, &computer::KIND)? {
        let Some(device) = DeviceId::from_hex(row.text(Writer::Everyone, "device")) else { continue };
        let places = match row.fields.get(computer::PLACES) {
            Some(Shown::Many(places)) => places.iter().filter_map(|place| computer::place(place.text()?)).collect(),
            _ => BTreeMap::new(),
        };
        let name = row.text(Writer::Everyone, "name").to_owned();
        match all.iter_mut().find(|it| it.device == device) {
            Some(known) => known.places.extend(places),
            None => all.push(Named { item: Some(row.item), device, name, places }),
        }
    }
    Ok(all)
}

/// True if an invitation was taken back before whoever took it up was let in, or nobody here knows of it: whoever made it
/// may have lost it.
pub(super) fn was_in_vain(tx: &Tx<'_>, space: &Space, admission: &Admission) -> Result<bool, AppError> {
    let Ok(way) = Invitation::parse(&admission.invitation) else { return Ok(true) };
    let (key, fold) = (way.device_secret().id(), space.log.fold());
    let came = redeemed(space, &key).is_some_and(|device| fold.device(&device).is_some());
    Ok(match fold.device(&key) {
        Some(it) => !came && !it.live,
        None => !tx.invitations(&space.id())?.iter().any(|it| it.mine && it.device == key),
    })
}

/// The computers that the personal space names, and those that came with an invitation and have not said where they are.
pub(super) fn known(tx: &Tx<'_>, spaces: &mut Loaded, personal: &SpaceId) -> Result<Vec<Named>, AppError> {
    let mut all = named(tx, personal)?;
    let mut came = BTreeMap::new();
    let space = loaded(spaces, tx, personal)?;
    for (device, _) in space.log.fold().devices().filter(|(_, it)| it.role == Role::Ordinary) {
        came.extend(keys(space, device).into_iter().map(|key| (key, *device)));
    }
    for admission in admissions(tx, personal)? {
        let (Some(device), Some(_)) = (came.get(&admission.whose), tx.space(&admission.space)?) else { continue };
        let Ok(way) = Invitation::parse(&admission.invitation) else { continue };
        let Some(place) = redeemed(loaded(spaces, tx, &admission.space)?, &way.device_secret().id()) else { continue };
        match all.iter_mut().find(|it| it.device == *device) {
            Some(named) => _ = named.places.insert(admission.space, place),
            None => {
                let places = BTreeMap::from([(admission.space, place)]);
                all.push(Named { item: None, device: *device, name: String::new(), places });
            }
        }
    }
    Ok(all)
}

/// The device that came with an invitation.
fn redeemed(space: &Space, key: &DeviceId) -> Option<DeviceId> {
    space.log.dag().entries().find_map(|(_, author, control)| match &control.record {
        Record::Redeem(it) if author == *key => Some(it.device.device),
        _ => None,
    })
}

pub(super) fn admissions(tx: &Tx<'_>, personal: &SpaceId) -> Result<Vec<Admission>, AppError> {
    let read = |row: Row| {
        let text = |field| row.text(Writer::Everyone, field);
        Some(Admission {
            item: row.item,
            space: SpaceId::from_hex(text("space"))?,
            whose: DeviceId::from_hex(text("for"))?,
            invitation: text("invitation").to_owned(),
            until: text("until").parse().ok()?,
        })
    };
    Ok(items(tx, personal, &admission::KIND)?.into_iter().filter_map(read).collect())
}

//! A computer that was cut off is out of everything, also of what it came into before anybody there heard of the cut; and
//! no invitation is open of which it may know.

use std::collections::BTreeSet;

use alliance_replica::{
    id::{DeviceId, SpaceId},
    log::{
        control::{Purpose, Reason, Record},
        membership::{DeviceState, Role},
    },
    planted::{self, Bug},
};

use super::{
    super::{AppError, profile, receive::loaded, space::Space},
    Loaded, is_in, living,
    said::known,
};
use crate::store::{Ending, Tx};

/// The computers of which it is known here that they were cut off: their keys in the personal space, one after the other.
const KNOWN: &str = "computers-cut";

/// The keys of computers that somebody cut off in the personal space, for another reason than fresh keys.
pub(super) fn cut_off(personal: &Space) -> BTreeSet<DeviceId> {
    let (dag, fold) = (personal.log.dag(), personal.log.fold());
    let living: BTreeSet<_> = living(&fold).collect();
    let cuts = dag.entries().filter_map(|(id, _, control)| match &control.record {
        Record::Cut(cut) if matches!(cut.reason, Reason::Lost | Reason::Unsaid) && fold.valid(&id) => Some(cut.device),
        _ => None,
    });
    let goes_on = |device: &DeviceId| personal.heirs(device).iter().any(|heir| living.contains(heir));
    cuts.filter(|device| !goes_on(device)).collect()
}

/// Has end what is left of computers that were cut off; true if there was something.
pub(super) fn end(tx: &Tx<'_>, spaces: &mut Loaded, personal: &SpaceId) -> Result<bool, AppError> {
    let lost = cut_off(loaded(spaces, tx, personal)?);
    let mut ends = false;
    if planted::is(Bug::LostComputerStays) {
        return Ok(ends);
    }
    let before: Option<BTreeSet<_>> =
        tx.meta(KNOWN)?.map(|keys| keys.chunks(32).filter_map(DeviceId::from_slice).collect());
    if before.as_ref() != Some(&lost) {
        // Whoever comes later has heard of no invitation that a lost computer knew.
        if before.is_some_and(|before| !lost.is_subset(&before)) {
            ends |= close_doors(tx, spaces)?;
        }
        tx.set_meta(KNOWN, &lost.iter().flat_map(|device| *device.as_bytes()).collect::<Vec<_>>())?;
    }
    for computer in known(tx, spaces, personal)?.into_iter().filter(|it| lost.contains(&it.device)) {
        for (space, device) in computer.places {
            let Some(row) = tx.space(&space)? else { continue };
            let loaded = loaded(spaces, tx, &space)?;
            ends |= end_what_it_added(tx, loaded, &device)?;
            let is_ours = loaded.log.fold().device(&device).is_some_and(|it| it.live && it.member == row.member);
            if row.device != device && is_ours && goes_on(tx, loaded)? {
                ends |= ends_now(tx, loaded, device, Reason::Lost)?;
            }
        }
    }
    Ok(ends)
}

/// Has every invitation end that is open for a computer of this person, in every space: a lost one may know its secret.
pub(super) fn close_doors(tx: &Tx<'_>, spaces: &mut Loaded) -> Result<bool, AppError> {
    let mut ends = false;
    if planted::is(Bug::DoorsLeftOpen) {
        return Ok(ends);
    }
    for row in tx.spaces()? {
        let loaded = loaded(spaces, tx, &row.space)?;
        if !goes_on(tx, loaded)? {
            continue;
        }
        let fold = loaded.log.fold();
        let is_open = |key: &DeviceId| fold.device(key).is_some_and(|it| it.live && it.member == row.member);
        let own = fold.invitations().into_iter().filter(|it| it.invite.purpose == Purpose::OwnDevice);
        let open: BTreeSet<_> = own.map(|it| it.invite.key.device).filter(is_open).collect();
        for key in open {
            ends |= ends_now(tx, loaded, key, Reason::Withdrawn)?;
        }
        let unwritten = tx.invitations(&row.space)?.into_iter();
        for it in unwritten.filter(|it| it.mine && !it.written && it.purpose == Purpose::OwnDevice) {
            tx.remove_invitation(&row.space, &it.device)?;
        }
    }
    Ok(ends)
}

/// Has every key end that a computer let in which is lost, and those that these let in: whoever had it may have made
/// themselves computers, or words, of this person's. Only words end words.
pub(super) fn end_what_it_added(tx: &Tx<'_>, space: &mut Space, lost: &DeviceId) -> Result<bool, AppError> {
    let (fold, me) = (space.log.fold(), space.device());
    if !goes_on(tx, space)? {
        return Ok(false);
    }
    let added = space.log.dag().entries().filter_map(|(entry, author, control)| match &control.record {
        Record::AddDevice(it) if fold.valid(&entry) => Some((author, it.device.device)),
        _ => None,
    });
    let added: Vec<_> = added.collect();
    let mut theirs = BTreeSet::new();
    let mut open: Vec<_> = fold.lineage(lost).into_iter().chain([*lost]).collect();
    while let Some(by) = open.pop() {
        let next = added.iter().filter(|(author, _)| *author == by).map(|(_, device)| *device);
        open.extend(next.filter(|device| *device != me && theirs.insert(*device)));
    }
    let mut ends = false;
    for device in theirs {
        let may_end = |it: &DeviceState| it.live && it.member == space.row.member && it.role != Role::Recovery;
        if fold.device(&device).is_some_and(may_end) {
            ends |= ends_now(tx, space, device, Reason::Lost)?;
        }
    }
    Ok(ends)
}

fn goes_on(tx: &Tx<'_>, space: &Space) -> Result<bool, AppError> {
    Ok(is_in(space) && !profile::is_over(tx, &space.id())?)
}

/// A key is to end with the next exchange; true if nobody had said so.
fn ends_now(tx: &Tx<'_>, space: &mut Space, device: DeviceId, reason: Reason) -> Result<bool, AppError> {
    if tx.endings(&space.id())?.iter().any(|it| it.device == device && it.reason.is_some()) {
        return Ok(false);
    }
    tx.insert_ending(&space.id(), &Ending { device, reason: Some(reason) })?;
    space.store_row(tx).map(|()| true)
}

//! A computer that was cut off is out of everything, also of what it came into before anybody there heard of the cut; and
//! no invitation is open of which it may know.

use std::collections::BTreeSet;

use alliance_replica::{
    id::{DeviceId, SpaceId},
    log::{
        control::{Purpose, Reason, Record, SpaceKind},
        membership::{DeviceState, Fold, Role},
    },
    planted::{self, Bug},
};

use super::{
    super::{AppError, profile, receive::loaded, space::Space},
    Loaded, is_in, living,
    said::known,
};
use crate::store::{Ending, Invited, Tx};

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
            ends |= close_doors(tx, spaces)? > 0;
        }
        tx.set_meta(KNOWN, &lost.iter().flat_map(|device| *device.as_bytes()).collect::<Vec<_>>())?;
    }
    for computer in known(tx, spaces, personal)?.into_iter().filter(|it| lost.contains(&it.device)) {
        for (space, device) in computer.places {
            if tx.space(&space)?.is_none() {
                continue;
            }
            let loaded = loaded(spaces, tx, &space)?;
            if goes_on(tx, loaded)? {
                ends |= end_place(tx, loaded, &device, Reason::Lost)?;
            }
        }
    }
    Ok(ends)
}

/// Has every invitation end that is open for a computer of this person, in every space: a lost one may know its secret.
/// Returns how many there were in their own.
pub(super) fn close_doors(tx: &Tx<'_>, spaces: &mut Loaded) -> Result<usize, AppError> {
    let mut ended = 0;
    for row in tx.spaces()? {
        let loaded = loaded(spaces, tx, &row.space)?;
        if goes_on(tx, loaded)? {
            let here = take_back(tx, loaded, Purpose::OwnDevice)?;
            ended += if row.kind == SpaceKind::Personal { here } else { 0 };
        }
    }
    Ok(ended)
}

/// Has every invitation end that this person made for the other one of an alliance; how many there were.
pub(super) fn uninvite(tx: &Tx<'_>, spaces: &mut Loaded, space: &SpaceId) -> Result<usize, AppError> {
    profile::check_open(tx, space)?;
    take_back(tx, loaded(spaces, tx, space)?, Purpose::Member)
}

/// Has every invitation of this person end in a space that is open for such a purpose; how many there were.
fn take_back(tx: &Tx<'_>, space: &mut Space, purpose: Purpose) -> Result<usize, AppError> {
    let mut ended = 0;
    for key in open_invitations(space, purpose) {
        ended += usize::from(ends_now(tx, space, key, Reason::Withdrawn)?);
    }
    let unwritten = tx.invitations(&space.id())?.into_iter();
    let is_meant = |it: &Invited| it.mine && !it.written && it.purpose == purpose;
    for it in unwritten.filter(is_meant).filter(|_| !planted::is(Bug::DoorsLeftOpen)) {
        tx.remove_invitation(&space.id(), &it.device)?;
        ended += 1;
    }
    Ok(ended)
}

/// What ends with a device of this person, and lives: the keys that renewed it meanwhile, and the words that it or one of
/// these made, as whoever had it may have, also by way of a key that was ended again. The words by which this computer came
/// are the person's; an ordinary key is seen in the list of computers.
fn ends_with(space: &Space, device: &DeviceId) -> BTreeSet<DeviceId> {
    let (fold, words) = (space.log.fold(), space.words());
    let mut introduced = Vec::new();
    for (_, author, _, control) in fold.standing() {
        match &control.record {
            Record::AddDevice(it) => introduced.push((author, it.device.device)),
            Record::Invite(it) => introduced.push((author, it.key.device)),
            Record::Redeem(it) => introduced.push((author, it.device.device)),
            _ => {}
        }
    }
    // Who was added once more was not let in by it.
    let first = |device: &DeviceId| introduced.iter().find(|(_, new)| new == device).map(|(by, _)| *by);
    let (mut mine, mut next) = (BTreeSet::new(), first(&space.device()));
    while let Some(by) = next.filter(|by| mine.insert(*by)) {
        next = first(&by);
    }
    let goes_on = |device: &DeviceId| {
        let lives = |device: &DeviceId| fold.device(device).is_some_and(|it| it.live);
        lives(device) || space.heirs(device).iter().any(lives)
    };
    let mut ends = space.heirs(device);
    let mut seen: BTreeSet<_> = fold.lineage(device).into_iter().chain(ends.iter().copied()).chain([*device]).collect();
    let mut open: Vec<_> = seen.iter().copied().collect();
    while let Some(by) = open.pop() {
        for (_, new) in introduced.iter().filter(|(author, new)| *author == by && !mine.contains(new)) {
            let is_words = words.contains(new);
            if (is_words || !goes_on(new)) && seen.insert(*new) {
                open.push(*new);
                ends.extend(is_words.then_some(*new));
            }
        }
    }
    let may_end = |device: &DeviceId| {
        let state = fold.device(device);
        // Only words end the first ones.
        *device != space.device() && state.is_some_and(|it| is_ours(space, it) && it.role != Role::Recovery)
    };
    ends.retain(may_end);
    ends
}

/// True if a cut of this device for a loss is in the log.
fn is_cut_as_lost(space: &Space, device: &DeviceId) -> bool {
    space.log.fold().standing().any(|(_, _, _, control)| match &control.record {
        Record::Cut(cut) => cut.device == *device && matches!(cut.reason, Reason::Lost | Reason::Unsaid),
        _ => false,
    })
}

/// The keys in whose place their computers took fresh ones.
pub(super) fn renewed(fold: &Fold) -> impl Iterator<Item = DeviceId> {
    fold.standing().filter_map(|(_, _, _, control)| match &control.record {
        Record::Cut(cut) if cut.reason == Reason::Renewed => Some(cut.device),
        _ => None,
    })
}

/// What is to be cut so that a key of this person is out: itself if it lives; and of a computer that the person gave up all
/// that ends with it, and itself though it be dead, unless such a cut is in the log: their other computers go by that.
pub(in crate::app) fn to_cut(space: &Space, device: &DeviceId, reason: Reason) -> BTreeSet<DeviceId> {
    let is_given_up = matches!(reason, Reason::Lost | Reason::Unsaid);
    let mut all = if is_given_up { ends_with(space, device) } else { BTreeSet::new() };
    let fold = space.log.fold();
    let lives = fold.device(device).is_some_and(|it| it.live);
    // Who has used an invitation is not let in by it any more.
    let is_kept_out = reason == Reason::Withdrawn && !planted::is(Bug::TakenBackLetsIn);
    let waits = is_kept_out && open_keys(&fold).any(|(key, _)| key == *device);
    if lives || waits || (is_given_up && !is_cut_as_lost(space, device)) {
        all.insert(*device);
    }
    all
}

/// The invitations that are open for another computer of this person.
pub(in crate::app) fn open_doors(space: &Space) -> BTreeSet<DeviceId> {
    open_invitations(space, Purpose::OwnDevice)
}

fn open_invitations(space: &Space, purpose: Purpose) -> BTreeSet<DeviceId> {
    let fold = space.log.fold();
    let meant = open_keys(&fold).filter(|(_, its)| *its == purpose && !planted::is(Bug::DoorsLeftOpen));
    let is_ours = |key: &DeviceId| fold.device(key).is_some_and(|it| it.member == space.row.member);
    meant.map(|(key, _)| key).filter(is_ours).collect()
}

/// The invitations by which nobody was let in yet and that nobody ended, whether or not somebody has used them.
fn open_keys(fold: &Fold) -> impl Iterator<Item = (DeviceId, Purpose)> {
    let waits = |key: &DeviceId| fold.device(key).is_some_and(|it| !it.cut);
    let unconfirmed = fold.invitations().into_iter().filter(|it| it.confirmations.is_empty());
    unconfirmed.map(|it| (it.invite.key.device, it.invite.purpose)).filter(move |(key, _)| waits(key))
}

fn is_ours(space: &Space, device: &DeviceState) -> bool {
    device.live && device.member == space.row.member
}

/// Has a device of this person end with the next exchange, if there is something of it to cut; true if nobody had said so.
pub(super) fn end_place(tx: &Tx<'_>, space: &mut Space, device: &DeviceId, reason: Reason) -> Result<bool, AppError> {
    let is_ours = space.log.fold().device(device).is_some_and(|it| it.member == space.row.member);
    let ends = *device != space.device() && is_ours && !to_cut(space, device, reason).is_empty();
    if ends { ends_now(tx, space, *device, reason) } else { Ok(false) }
}

fn goes_on(tx: &Tx<'_>, space: &Space) -> Result<bool, AppError> {
    Ok(is_in(space) && !profile::is_ended(tx, &space.id())?)
}

/// A key is to end with the next exchange; true if nobody had said so.
fn ends_now(tx: &Tx<'_>, space: &mut Space, device: DeviceId, reason: Reason) -> Result<bool, AppError> {
    if tx.endings(&space.id())?.iter().any(|it| it.device == device && it.reason.is_some()) {
        return Ok(false);
    }
    tx.insert_ending(&space.id(), &Ending { device, reason: Some(reason) })?;
    space.store_row(tx).map(|()| true)
}

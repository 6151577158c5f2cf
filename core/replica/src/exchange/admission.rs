//! Who may open a space, at a relay and at another laptop: the membership alone decides, and whether an invitation has run
//! out.

use super::frame::{Code, Entries};
use crate::{
    id::DeviceId,
    log::{
        Log,
        control::{Record, Redeem},
        heads::Chain,
        membership::{Fold, Invitation, Role},
    },
};

/// What an admitted device may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Pull and append.
    Full,
    /// Pull, and bring control entries of others: it redeemed an invitation and waits to be confirmed.
    Joining,
}

/// What the membership says about a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may come in.
    Admitted(Standing),
    /// Nothing is known of it.
    Unknown,
    /// It is out, for this reason.
    Out(Code),
}

/// Judges a device by the membership of a space; `now` in unix seconds.
pub fn judge(log: &Log, device: &DeviceId, now: u64) -> Verdict {
    let fold = log.fold();
    match fold.device(device) {
        Some(state) if !state.live && state.role == Role::Invite => Verdict::Out(Code::Expired),
        Some(state) if !state.live => Verdict::Out(Code::NotMember),
        Some(state) if state.role == Role::Invite && has_expired(&fold, device, now) => Verdict::Out(Code::Expired),
        Some(_) => Verdict::Admitted(Standing::Full),
        None if is_joining(log, &fold, device) => Verdict::Admitted(Standing::Joining),
        None => Verdict::Unknown,
    }
}

impl Standing {
    /// True if a device of this standing may bring these entries.
    pub fn may_bring(self, device: &DeviceId, entries: &Entries) -> bool {
        self == Self::Full || entries.chain == Chain::Control && entries.device != *device
    }
}

/// True if every invitation with this key has run out.
fn has_expired(fold: &Fold, key: &DeviceId, now: u64) -> bool {
    let mut invitations = fold.invitations().into_iter().filter(|it| it.invite.key.device == *key);
    invitations.all(|it| it.invite.has_expired(now))
}

/// True if the device redeemed an invitation that is neither confirmed nor taken back.
fn is_joining(log: &Log, fold: &Fold, device: &DeviceId) -> bool {
    let waits =
        |it: &Invitation| it.confirmations.is_empty() && fold.device(&it.invite.key.device).is_some_and(|key| !key.cut);
    let joins = |it: Invitation| {
        it.redemptions.iter().filter_map(|redeem| log.dag().record(redeem)).any(|(_, control)| {
            matches!(&control.record, Record::Redeem(Redeem { device: keys, .. }) if keys.device == *device)
        })
    };
    fold.invitations().into_iter().filter(waits).any(joins)
}

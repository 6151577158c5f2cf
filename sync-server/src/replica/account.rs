//! How much of a space is whose, and whether more may come: the quota, split between its members.
//!
//! What a device wrote counts for its member, whoever brings it. Who belongs to nobody that counts (a redemption that was
//! not confirmed, a rival) counts for the founder, who invited it, so that there are never more shares than members.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, EntryId},
    log::{
        Log,
        control::{Control, Record, SpaceKind},
        entry::Entry,
        heads::Chain,
    },
};

use crate::policy::{ENTRY_COST, Quota};

/// What each device has written, in bytes as they count.
#[derive(Default, Debug)]
pub(super) struct Account {
    content: BTreeMap<DeviceId, u64>,
    control: BTreeMap<DeviceId, u64>,
    /// This space's own limit of content, in place of the policy's.
    pub(super) limit: Option<u64>,
}

/// One of at most two who share a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Share {
    Founder,
    Other,
}

impl Share {
    /// Whose share a device's entries count for.
    pub(super) fn of(log: &Log, device: &DeviceId) -> Self {
        let fold = log.fold();
        let member = fold.device(device).map(|state| state.member);
        if member.is_some() && member == fold.other_member() { Self::Other } else { Self::Founder }
    }
}

impl Account {
    /// Counts an entry that is kept.
    pub(super) fn count(&mut self, device: &DeviceId, chain: Chain, size: usize) {
        *self.of_mut(chain).entry(*device).or_default() += cost(size);
    }

    /// How many of a path's entries fit. Those that are held already cost nothing.
    pub(super) fn fitting(&self, quota: &Quota, log: &Log, device: &DeviceId, chain: Chain, path: &[Entry]) -> usize {
        let whole = match chain {
            Chain::Content => self.limit.unwrap_or(quota.content_bytes),
            Chain::Control => quota.control_bytes,
        };
        let shares = if log.fold().kind() == Some(SpaceKind::Personal) { 1 } else { 2 };
        let share = Share::of(log, device);
        let used = self.of(chain).iter().filter(|(device, _)| Share::of(log, device) == share);
        let mut room = (whole / shares).saturating_sub(used.map(|(_, bytes)| bytes).sum());
        let fits = |entry: &&Entry| {
            if log.chains().index(&EntryId::of(&log.space(), device, &entry.header)).is_some() || ends(chain, entry) {
                return true;
            }
            let left = room.checked_sub(cost(entry.size()));
            room = left.unwrap_or(room);
            left.is_some()
        };
        path.iter().take_while(fits).count()
    }

    fn of(&self, chain: Chain) -> &BTreeMap<DeviceId, u64> {
        match chain {
            Chain::Content => &self.content,
            Chain::Control => &self.control,
        }
    }

    fn of_mut(&mut self, chain: Chain) -> &mut BTreeMap<DeviceId, u64> {
        match chain {
            Chain::Content => &mut self.content,
            Chain::Control => &mut self.control,
        }
    }
}

/// True for a cut or a leaving, which no quota stops.
fn ends(chain: Chain, entry: &Entry) -> bool {
    let record = || Control::decode(&entry.body).map(|control| control.record);
    chain == Chain::Control && matches!(record(), Ok(Record::Cut(_) | Record::Leave(_)))
}

fn cost(size: usize) -> u64 {
    size as u64 + ENTRY_COST
}

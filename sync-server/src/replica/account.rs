//! How much of a space is whose, and whether more may come: the quota, split between its members.
//!
//! What a device wrote counts for its member, whoever brings it. Who belongs to nobody that counts (a redemption that was
//! not confirmed, a rival) counts for the founder, who invited it, so that there are never more shares than members.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, EntryId},
    limits,
    log::{
        Log,
        control::{Control, Record, SpaceKind},
        entry::Entry,
        heads::Chain,
    },
};
use tracing::warn;

use crate::{
    policy::{ENTRY_COST, Quota},
    store::{Store, StoreError, Totals},
};

/// Below this, what is left is no room: not every frame would fit.
const LEAST: u64 = limits::FRAME as u64;

/// What is kept in all, if that is bounded.
pub(super) struct Whole {
    most: Option<u64>,
    kept: u64,
    said: bool,
}

impl Whole {
    /// What a store keeps.
    pub(super) fn of(store: &impl Store, quota: &Quota) -> Result<Self, StoreError> {
        let Some(most) = quota.total_bytes else { return Ok(Self { most: None, kept: 0, said: false }) };
        let Totals { entries, content_bytes, control_bytes, .. } = store.totals()?;
        Ok(Self { most: Some(most), kept: content_bytes + control_bytes + entries * ENTRY_COST, said: false })
    }

    /// Counts entries that are kept.
    pub(super) fn count(&mut self, entries: usize, bytes: usize) {
        self.kept += bytes as u64 + entries as u64 * ENTRY_COST;
    }

    /// How much room there is, before so many bytes that wait for the store. That there is none is said once.
    pub(super) fn room(&mut self, waiting: u64) -> u64 {
        let room = self.most.map_or(u64::MAX, |most| most.saturating_sub(self.kept + waiting));
        if room < LEAST && !self.said {
            self.said = true;
            warn!("quota.total_bytes is reached: no new spaces are taken, and no content");
        }
        room
    }

    /// True if a new space may come.
    pub(super) fn has_room(&mut self, waiting: u64) -> bool {
        self.room(waiting) >= LEAST
    }
}

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

    /// How many of a path's entries fit into a quota, and into what is left in all. Those that are held already cost nothing.
    pub(super) fn fitting(
        &self,
        (quota, left): (&Quota, u64),
        log: &Log,
        device: &DeviceId,
        chain: Chain,
        path: &[Entry],
    ) -> usize {
        let (whole, left) = match chain {
            Chain::Content => (self.limit.unwrap_or(quota.content_bytes), left),
            Chain::Control => (quota.control_bytes, u64::MAX),
        };
        let share = Share::of(log, device);
        let used = self.of(chain).iter().filter(|(device, _)| Share::of(log, device) == share);
        let mut room = (whole / shares_of(log) as u64).saturating_sub(used.map(|(_, bytes)| bytes).sum()).min(left);
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

    /// Bytes of content of each share, the founder's first.
    pub(super) fn shares(&self, log: &Log) -> Vec<u64> {
        let is_of = |share| move |(device, _): &(&DeviceId, &u64)| Share::of(log, device) == share;
        let used = |share| self.content.iter().filter(is_of(share)).map(|(_, bytes)| bytes).sum();
        let shares = [Share::Founder, Share::Other].map(used);
        shares.into_iter().take(shares_of(log)).collect()
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

/// How many share a space.
fn shares_of(log: &Log) -> usize {
    if log.fold().kind() == Some(SpaceKind::Personal) { 1 } else { 2 }
}

/// True for a cut or a leaving, which no quota stops.
fn ends(chain: Chain, entry: &Entry) -> bool {
    let record = || Control::decode(&entry.body).map(|control| control.record);
    chain == Chain::Control && matches!(record(), Ok(Record::Cut(_) | Record::Leave(_)))
}

fn cost(size: usize) -> u64 {
    size as u64 + ENTRY_COST
}

//! How much of a space is whose, and whether more may come: the quota, split between its members.
//!
//! What a device wrote counts for its member, whoever brings it. Who belongs to nobody that counts (a redemption that was
//! not confirmed, a rival) counts for the founder, who invited it, so that there are never more shares than members.
//!
//! Beside its share of control a member has two reserves, so that whoever fills the share keeps nobody in: one for cuts and
//! leaves, and one for recovery words alone, which whoever has a computer cannot touch. Both are bounded, too: whoever comes
//! back by words reads all of a space's control first.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, EntryId},
    limits,
    log::{
        Log,
        control::{Control, Record, SpaceKind},
        entry::Entry,
        heads::Chain,
        membership::Role,
    },
};
use tracing::warn;

use crate::{
    policy::{ENTRY_COST, Quota},
    store::{Store, StoreError, Totals},
};

/// Bytes of cuts and leaves of a member beyond its share.
const ENDS: u64 = 16 * 1024 * 1024;
/// Bytes of control of a member's recovery words beyond that.
const WORDS: u64 = 8 * 1024 * 1024;

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
    /// What of the control are cuts and leaves.
    ends: BTreeMap<DeviceId, u64>,
    /// This space's own limit of content, in place of the policy's.
    pub(super) limit: Option<u64>,
}

/// Bytes that a member may still write.
struct Room {
    /// Of its share.
    share: u64,
    /// Of cuts and leaves, beyond that.
    ends: u64,
    /// Of what recovery words write, beyond that, if it is they who do.
    words: Option<u64>,
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
    pub(super) fn count(&mut self, device: &DeviceId, chain: Chain, entry: &Entry) {
        *self.of_mut(chain).entry(*device).or_default() += cost(entry.size());
        if ends(chain, entry) {
            *self.ends.entry(*device).or_default() += cost(entry.size());
        }
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
        let mut room = self.room((quota, left), log, device, chain);
        let fits = |entry: &&Entry| {
            if log.chains().index(&EntryId::of(&log.space(), device, &entry.header)).is_some() {
                return true;
            }
            let purses = [room.words.as_mut(), Some(&mut room.share), ends(chain, entry).then_some(&mut room.ends)];
            let purse = purses.into_iter().flatten().find(|purse| **purse >= cost(entry.size()));
            purse.map(|purse| *purse -= cost(entry.size())).is_some()
        };
        path.iter().take_while(fits).count()
    }

    /// What is left to the member that a device belongs to.
    fn room(&self, (quota, left): (&Quota, u64), log: &Log, device: &DeviceId, chain: Chain) -> Room {
        let is_words = |device: &DeviceId| log.fold().device(device).is_some_and(|it| it.role == Role::Recovery);
        let share = Share::of(log, device);
        let used = |purse: &BTreeMap<DeviceId, u64>, words: bool| {
            let of = purse.iter().filter(|(it, _)| Share::of(log, it) == share && is_words(it) == words);
            of.map(|(_, bytes)| bytes).sum::<u64>()
        };
        let shares = shares_of(log) as u64;
        if chain == Chain::Content {
            let whole = self.limit.unwrap_or(quota.content_bytes) / shares;
            let used = used(&self.content, false) + used(&self.content, true);
            return Room { share: whole.saturating_sub(used).min(left), ends: 0, words: None };
        }
        // What is beyond the share was taken out of the reserves.
        let whole = quota.control_bytes / shares;
        let (used, words, ended) = (used(&self.control, false), used(&self.control, true), used(&self.ends, false));
        let used = used + words.saturating_sub(WORDS);
        let beyond = used.saturating_sub(whole);
        Room {
            share: whole.saturating_sub(used),
            ends: ENDS.saturating_sub(beyond.min(ended)),
            words: is_words(device).then(|| WORDS.saturating_sub(words)),
        }
    }

    /// Bytes of content of each share, the founder's first.
    pub(super) fn shares(&self, log: &Log) -> Vec<u64> {
        let is_of = |share| move |(device, _): &(&DeviceId, &u64)| Share::of(log, device) == share;
        let used = |share| self.content.iter().filter(is_of(share)).map(|(_, bytes)| bytes).sum();
        let shares = [Share::Founder, Share::Other].map(used);
        shares.into_iter().take(shares_of(log)).collect()
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

/// True for a cut or a leaving, which has a reserve.
fn ends(chain: Chain, entry: &Entry) -> bool {
    let record = || Control::decode(&entry.body).map(|control| control.record);
    chain == Chain::Control && matches!(record(), Ok(Record::Cut(_) | Record::Leave(_)))
}

fn cost(size: usize) -> u64 {
    size as u64 + ENTRY_COST
}

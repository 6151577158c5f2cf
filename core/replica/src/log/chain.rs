//! The index of what is held: every entry's place, every chain's branches, in order of arrival.
//!
//! An entry is only ever added after its predecessor (or above a floor), so following `prev` always ends. Bodies are
//! not here: a store has them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    exchange::frame::{BackPoints, Floor, HeldHead},
    id::{DeviceId, EntryId, EpochPrefix},
    limits,
    log::{
        entry::Verified,
        heads::{Chain, Head},
    },
};

/// Place of an entry in the order of arrival.
pub type Index = u32;

/// How far an entry has come here. Stored is not applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Kept and acknowledged; something it depends on is missing, or nobody has looked yet.
    Stored,
    /// In the membership or the documents.
    Applied,
    /// Looked at; does not count.
    SetAside,
    /// Invalid in itself: kept by id, with a reason elsewhere.
    Quarantined,
}

/// What the index knows about an entry.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Its name and place in its chain.
    pub head: Head,
    /// The entry before it, by id.
    pub prev: Option<EntryId>,
    /// Start of the id of its epoch, for content.
    pub epoch: Option<EpochPrefix>,
    /// Bytes of header, signature and body.
    pub size: u32,
    /// How far it has come.
    pub state: State,
    before: Option<Index>,
    low: u64,
}

/// Whether an entry can be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// It starts its chain, its predecessor is held, or it lies at the floor.
    Fits,
    /// Its predecessor is not held.
    Missing,
    /// What it names as its predecessor is held and is something else: the entry is wrong in itself.
    Wrong,
}

/// All entries of a space that this replica holds.
#[derive(Default, Debug)]
pub struct Chains {
    metas: Vec<Meta>,
    by_id: BTreeMap<EntryId, Index>,
    heads: BTreeMap<(DeviceId, Chain), BTreeSet<Index>>,
    highest: BTreeMap<(DeviceId, Chain), u64>,
    floor: BTreeMap<DeviceId, u64>,
    control: Vec<Index>,
    content: Vec<Index>,
}

impl Chains {
    /// Number of entries held.
    pub fn len(&self) -> usize {
        self.metas.len()
    }

    /// True if nothing is held.
    pub fn is_empty(&self) -> bool {
        self.metas.is_empty()
    }

    /// What is known about the entry at `index`.
    pub fn at(&self, index: Index) -> &Meta {
        &self.metas[index as usize]
    }

    /// Where the entry stands in the order of arrival, if it is held.
    pub fn index(&self, id: &EntryId) -> Option<Index> {
        self.by_id.get(id).copied()
    }

    /// What is known about an entry, if it is held.
    pub fn meta(&self, id: &EntryId) -> Option<&Meta> {
        self.index(id).map(|index| self.at(index))
    }

    /// Entries of one kind of chain, in order of arrival.
    pub fn arrivals(&self, chain: Chain) -> &[Index] {
        match chain {
            Chain::Control => &self.control,
            Chain::Content => &self.content,
        }
    }

    /// How the entry hangs together with what is held.
    pub fn link(&self, entry: &Verified) -> Link {
        let Some(prev) = entry.header.prev else { return Link::Fits };
        match self.meta(&prev) {
            Some(meta) if follows(&meta.head, &entry.head()) => Link::Fits,
            Some(_) => Link::Wrong,
            None if entry.header.seq - 1 <= self.floor(&entry.device, entry.header.chain) => Link::Fits,
            None => Link::Missing,
        }
    }

    /// Adds an entry that [`Link::Fits`]; returns its index, or nothing if it is held already.
    pub fn insert(&mut self, entry: &Verified, state: State) -> Option<Index> {
        if self.by_id.contains_key(&entry.id) {
            return None;
        }
        let head = entry.head();
        let index = Index::try_from(self.metas.len()).ok()?;
        let before = entry.header.prev.and_then(|prev| self.index(&prev));
        let low = before.map_or(head.seq, |before| self.at(before).low);
        // By what the header says: a body may have stayed on disk.
        let size = u32::try_from(entry.entry.header.len() + 64).unwrap_or(u32::MAX).saturating_add(entry.header.length);
        let heads = self.heads.entry((head.device, head.chain)).or_default();
        if let Some(before) = before {
            heads.remove(&before);
        }
        heads.insert(index);
        let highest = self.highest.entry((head.device, head.chain)).or_default();
        *highest = head.seq.max(*highest);
        match head.chain {
            Chain::Control => self.control.push(index),
            Chain::Content => self.content.push(index),
        }
        self.by_id.insert(entry.id, index);
        self.metas.push(Meta { head, prev: entry.header.prev, epoch: entry.header.epoch, size, state, before, low });
        Some(index)
    }

    /// Sets how far an entry has come.
    pub fn set_state(&mut self, id: &EntryId, state: State) {
        if let Some(index) = self.index(id) {
            self.metas[index as usize].state = state;
        }
    }

    /// The entry before the one at `index` in its chain, if that is held.
    pub fn before(&self, index: Index) -> Option<Index> {
        self.at(index).before
    }

    /// The entry and those before it in its chain, newest first, as far as held.
    pub fn path_down(&self, index: Index) -> impl Iterator<Item = Index> {
        std::iter::successors(Some(index), |index| self.before(*index))
    }

    /// Highest seq held of a chain, 0 if none.
    pub fn highest(&self, device: &DeviceId, chain: Chain) -> u64 {
        self.highest.get(&(*device, chain)).copied().unwrap_or(0)
    }

    /// Highest seq of a device's content chain that a checkpoint covers here, 0 if none.
    pub fn floor(&self, device: &DeviceId, chain: Chain) -> u64 {
        match chain {
            Chain::Control => 0,
            Chain::Content => self.floor.get(device).copied().unwrap_or(0),
        }
    }

    /// Every branch head of every chain.
    pub fn heads(&self) -> impl Iterator<Item = &Meta> {
        self.heads.values().flatten().map(|index| self.at(*index))
    }

    /// Branch heads of one chain: more than one if it is forked.
    pub fn heads_of(&self, device: &DeviceId, chain: Chain) -> impl Iterator<Item = &Meta> {
        self.heads.get(&(*device, chain)).into_iter().flatten().map(|index| self.at(*index))
    }

    /// What a `Have` says: every branch head, with how far down it is held.
    pub fn held_heads(&self) -> Vec<HeldHead> {
        // Heads that are not named are offered again: tiresome, but what a chain of thousands of branches deserves.
        self.heads().take(limits::HEADS).map(|meta| HeldHead { head: meta.head, low: meta.low }).collect()
    }

    /// What a `Have` says about floors.
    pub fn floors(&self) -> Vec<Floor> {
        self.floor.iter().map(|(device, seq)| Floor { device: *device, seq: *seq }).collect()
    }

    /// Ids 1, 2, 4, 8 … below each branch head of a chain.
    pub fn back_points(&self, device: &DeviceId, chain: Chain) -> BackPoints {
        let mut points = BTreeMap::new();
        for head in self.heads.get(&(*device, chain)).into_iter().flatten() {
            let mut step = 1;
            for (below, index) in self.path_down(*head).enumerate() {
                if below == step {
                    points.insert(index, HeldHead { head: self.at(index).head, low: self.at(index).low });
                    step *= 2;
                }
            }
        }
        BackPoints { device: *device, chain, points: points.into_values().take(limits::BACK_POINTS).collect() }
    }

    /// Heads among entries that this replica has looked at (applied or set aside): of each chain every such entry that
    /// no such entry follows.
    pub fn processed_heads(&self) -> Vec<Head> {
        let mut found = Vec::new();
        for heads in self.heads.values() {
            let tips: BTreeSet<_> =
                heads.iter().filter_map(|head| self.path_down(*head).find(|index| self.processed(*index))).collect();
            // Where a branch waits, its last processed entry may lie inside another branch.
            let inner: BTreeSet<_> = match tips.len() {
                0 | 1 => BTreeSet::new(),
                _ => tips.iter().flat_map(|tip| self.path_down(*tip).skip(1)).filter(|at| tips.contains(at)).collect(),
            };
            found.extend(tips.difference(&inner).map(|index| self.at(*index).head));
        }
        found
    }

    /// True if the entry is applied or set aside, or covered.
    pub fn is_processed(&self, head: &Head) -> bool {
        match self.index(&head.id) {
            Some(index) => self.processed(index),
            None => head.seq <= self.floor(&head.device, head.chain),
        }
    }

    fn processed(&self, index: Index) -> bool {
        matches!(self.at(index).state, State::Applied | State::SetAside)
    }
}

/// True if `entry` may name `before` as its predecessor.
pub(super) fn follows(before: &Head, entry: &Head) -> bool {
    before.device == entry.device && before.chain == entry.chain && before.seq.checked_add(1) == Some(entry.seq)
}

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
    /// How often somebody went from an entry to the one before it.
    #[cfg(test)]
    pub(crate) steps: std::cell::Cell<usize>,
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
        #[cfg(test)]
        self.steps.set(self.steps.get() + 1);
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

    /// Ids 1, 2, 4, 8 … below each branch head of a chain, as far down as to where it parts from a branch before.
    pub fn back_points(&self, device: &DeviceId, chain: Chain) -> BackPoints {
        let (mut points, mut passed) = (BTreeMap::new(), BTreeSet::new());
        for head in self.heads.get(&(*device, chain)).into_iter().flatten() {
            let mut step = 1;
            for (below, index) in self.path_down(*head).enumerate() {
                let parts = !passed.insert(index);
                if parts || below == step {
                    points.insert(index, HeldHead { head: self.at(index).head, low: self.at(index).low });
                }
                if parts {
                    break;
                }
                if below == step {
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
            let mut passed = BTreeSet::new();
            // Where a branch was gone down before, its processed entry is found.
            let mut tip = |head: &Index| {
                self.path_down(*head).take_while(|at| passed.insert(*at)).find(|index| self.processed(*index))
            };
            let tips: BTreeSet<_> = heads.iter().filter_map(&mut tip).collect();
            found.extend(tips.difference(&self.inner(&tips)).map(|index| self.at(*index).head));
        }
        found
    }

    /// Those of `tips` that others of them follow: where a branch waits, its last processed entry may lie inside another
    /// branch.
    fn inner(&self, tips: &BTreeSet<Index>) -> BTreeSet<Index> {
        let mut inner = BTreeSet::new();
        if tips.len() < 2 {
            return inner;
        }
        let lowest = tips.iter().map(|tip| self.at(*tip).head.seq).min().unwrap_or(0);
        let mut passed = BTreeSet::new();
        for tip in tips {
            for at in self.path_down(*tip).skip(1).take_while(|at| self.at(*at).head.seq >= lowest) {
                if tips.contains(&at) {
                    inner.insert(at);
                }
                if !passed.insert(at) {
                    break;
                }
            }
        }
        inner
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        id::{Secret, SpaceId},
        log::entry::{Entry, Place},
    };

    /// A content chain with a trunk of so many entries, and so many branches that part at its end. All are stored.
    pub(crate) fn tree(trunk: u64, branches: u64) -> Chains {
        let (space, secret) = (SpaceId::new([1; 16]), Secret::from_seed(&[1; 32]));
        let mut chains = Chains::default();
        let mut add = |seq: u64, prev: Option<EntryId>, n: u64| {
            let place = Place { version: 1, chain: Chain::Content, seq, prev, epoch: Some([0; 8]) };
            let entry = Entry::sign(&space, &secret, &place, n.to_be_bytes().to_vec());
            chains.insert(&entry, State::Stored);
            entry.id
        };
        let tip = (1..=trunk).fold(None, |prev, seq| Some(add(seq, prev, 0)));
        (0..branches).for_each(|n| _ = add(trunk + 1, tip, n));
        chains
    }

    fn process(chains: &mut Chains, which: impl Iterator<Item = Index>) {
        for index in which {
            let id = chains.at(index).head.id;
            chains.set_state(&id, State::Applied);
        }
    }

    fn tips(chains: &Chains) -> Vec<u64> {
        let index = |head: &Head| u64::from(chains.index(&head.id).expect("held"));
        chains.processed_heads().iter().map(index).collect()
    }

    #[test]
    fn a_chain_that_forks_often_is_not_gone_down_for_each_branch() {
        let mut chains = tree(1000, 200);
        let most = 2 * chains.len();
        let device = chains.at(0).head.device;
        let points = chains.back_points(&device, Chain::Content).points;
        assert!(chains.steps.get() <= most, "back points: {}", chains.steps.get());
        // Below the first head, and where all the others part from it.
        assert_eq!(
            points.iter().map(|it| it.head.seq).collect::<Vec<_>>(),
            [489, 745, 873, 937, 969, 985, 993, 997, 999, 1000]
        );
        // Nothing is looked at, then the trunk, then all of it.
        for (upto, count) in [(0, 0), (1000, 1), (1200, 200)] {
            process(&mut chains, 0..upto);
            chains.steps.set(0);
            assert_eq!(tips(&chains).len(), count);
            assert!(chains.steps.get() <= most, "{upto} processed: {}", chains.steps.get());
        }
    }

    #[test]
    fn what_a_branch_that_waits_follows_is_a_head_only_if_no_other_branch_does() {
        let mut chains = tree(3, 2);
        process(&mut chains, 0..3);
        assert_eq!(tips(&chains), [2]);
        process(&mut chains, 4..5);
        assert_eq!(tips(&chains), [4]);
        process(&mut chains, 3..4);
        assert_eq!(tips(&chains), [3, 4]);
    }

    #[test]
    fn back_points_name_the_place_where_branches_part() {
        let chains = tree(3, 2);
        let points = chains.back_points(&chains.at(0).head.device, Chain::Content).points;
        assert_eq!(points.iter().map(|it| it.head.seq).collect::<Vec<_>>(), [2, 3]);
    }
}

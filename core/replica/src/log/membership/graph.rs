//! The control entries of a space as a graph, with what was found out about each when it came.
//!
//! A node's place is its number in the order of arrival; its past has lower numbers. What is noted at a node follows from
//! its past alone and never changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    bits::Bits,
    roster::{Role, State},
    validity::{Effect, Flaw, Introduction, Valid},
};
use crate::{
    id::{DeviceId, EntryId, EpochId, MemberId, SpaceId},
    log::control::{Control, Record},
};

/// A control entry and what its past says about it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: EntryId,
    pub(super) device: DeviceId,
    pub(super) seq: u64,
    pub(super) control: Control,
    /// The entry before it in its chain.
    pub(super) prev: Option<usize>,
    /// The entries that it names itself: predecessor and control heads.
    pub(super) parents: Vec<usize>,
    /// All control entries before it.
    pub(super) past: Bits,
    /// Rules 1 and 2, in its view.
    pub(super) verdict: Result<Valid, Flaw>,
    /// What of its past does not stand in its view.
    pub(super) aside: Arc<Bits>,
    /// The confirmation of the other member that is chosen in its view.
    pub(super) chosen: Option<usize>,
}

/// Control entries, each after its past.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub(super) space: SpaceId,
    pub(super) nodes: Vec<Arc<Node>>,
    ids: BTreeMap<EntryId, usize>,
    chains: BTreeMap<DeviceId, Vec<usize>>,
    places: BTreeMap<(DeviceId, u64), Vec<usize>>,
    /// Places that more than one entry takes.
    pub(super) contested: BTreeSet<(DeviceId, u64)>,
    /// Valid entries that introduce, redeem, cut or leave.
    pub(super) facts: Vec<usize>,
    /// Entries that mint an epoch, valid or not.
    pub(super) epochs: Vec<usize>,
    /// The same by the epoch.
    pub(super) minted: BTreeMap<EpochId, Vec<usize>>,
    /// Valid grants of an epoch in their past.
    pub(super) grants: BTreeMap<EntryId, Vec<usize>>,
    /// Keys that valid entries introduce, standing or not, with the member for whom they count and their role.
    pub(super) introduced: BTreeMap<DeviceId, (MemberId, Role)>,
    founders: Option<MemberId>,
    /// The first other member who came.
    other: Option<MemberId>,
    followed: Bits,
}

impl Graph {
    pub(super) fn new(space: SpaceId) -> Self {
        Self {
            space,
            nodes: Vec::new(),
            ids: BTreeMap::new(),
            chains: BTreeMap::new(),
            places: BTreeMap::new(),
            contested: BTreeSet::new(),
            facts: Vec::new(),
            epochs: Vec::new(),
            minted: BTreeMap::new(),
            grants: BTreeMap::new(),
            introduced: BTreeMap::new(),
            founders: None,
            other: None,
            followed: Bits::default(),
        }
    }

    /// The place of an entry, if it is here.
    pub(super) fn at(&self, id: &EntryId) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// What is known of a valid entry.
    pub(super) fn valid(&self, at: usize) -> Option<&Valid> {
        self.nodes[at].verdict.as_ref().ok()
    }

    /// A device's entries, all branches, in order of arrival.
    pub(super) fn chain(&self, device: &DeviceId) -> &[usize] {
        self.chains.get(device).map_or(&[], Vec::as_slice)
    }

    /// The entries that take one place of a device's chain.
    pub(super) fn place(&self, device: &DeviceId, seq: u64) -> &[usize] {
        self.places.get(&(*device, seq)).map_or(&[], Vec::as_slice)
    }

    /// All devices that wrote anything.
    pub(super) fn authors(&self) -> impl Iterator<Item = &DeviceId> {
        self.chains.keys()
    }

    /// True if some entry's predecessor is the one at `at`.
    pub(super) fn is_followed(&self, at: usize) -> bool {
        self.followed.contains(at)
    }

    /// Everything here.
    pub(super) fn all(&self) -> Bits {
        (0..self.nodes.len()).collect()
    }

    /// These entries and their past.
    pub(super) fn closure(&self, heads: impl IntoIterator<Item = usize>) -> Bits {
        let mut set = Bits::default();
        for at in heads {
            if set.insert(at) {
                set.union(&self.nodes[at].past);
            }
        }
        set
    }

    /// What the set means: from the base that leaves least to be added, if nothing but uneventful entries is to be
    /// added to it.
    pub(super) fn state<'a>(&self, set: Bits, bases: impl Iterator<Item = &'a Arc<State>>) -> Arc<State> {
        let fitting = bases.filter(|base| base.set.is_subset(&set));
        if let Some(base) = fitting.max_by_key(|base| base.set.len()) {
            if base.set == set {
                return Arc::clone(base);
            }
            let mut state = State::clone(base);
            if set.without(&base.set).iter().all(|at| state.absorb(self, at)) {
                return Arc::new(state);
            }
        }
        Arc::new(State::fold(self, set))
    }

    /// Adds an entry whose past is here.
    pub(super) fn push(&mut self, node: Node) {
        let at = self.nodes.len();
        match &node.verdict {
            Ok(Valid { effect: Effect::Introduces(keys), .. }) => {
                keys.iter().for_each(|key| self.introduce(key));
                self.facts.push(at);
            }
            Ok(Valid { effect: Effect::Nothing, .. }) | Err(_) => {}
            Ok(_) => self.facts.push(at),
        }
        match &node.control.record {
            Record::Epoch(epoch) => {
                self.epochs.push(at);
                self.minted.entry(epoch.id).or_default().push(at);
            }
            Record::Grant(grant) if node.verdict.is_ok() => {
                let minted = |at: usize| matches!(self.nodes[at].control.record, Record::Epoch(_));
                if self.at(&grant.epoch).is_some_and(|epoch| node.past.contains(epoch) && minted(epoch)) {
                    self.grants.entry(grant.epoch).or_default().push(at);
                }
            }
            _ => {}
        }
        if let Some(prev) = node.prev {
            self.followed.insert(prev);
        }
        let place = self.places.entry((node.device, node.seq)).or_default();
        place.push(at);
        if place.len() > 1 {
            self.contested.insert((node.device, node.seq));
        }
        self.chains.entry(node.device).or_default().push(at);
        self.ids.insert(node.id, at);
        self.nodes.push(Arc::new(node));
    }

    /// Notes for whom a key counts. Who is merely invited does not say so itself: an invitation of the other's key must
    /// not make its entries count for the inviter. Members beyond two come by a fork of the founder's, who answers for them.
    fn introduce(&mut self, key: &Introduction) {
        let founders = *self.founders.get_or_insert(key.member);
        if key.admits {
            self.other.get_or_insert(key.member);
        }
        let member = if self.other == Some(key.member) { key.member } else { founders };
        let known = self.introduced.entry(key.keys.device).or_insert((member, key.role));
        match (known.1, key.role) {
            (Role::Invite, Role::Ordinary | Role::Recovery) => *known = (member, key.role),
            (Role::Ordinary, Role::Recovery) => known.1 = Role::Recovery,
            _ => {}
        }
    }
}

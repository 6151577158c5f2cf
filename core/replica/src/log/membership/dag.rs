//! The causally closed set of control entries that a replica holds of one space.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, OnceLock},
};

use super::{
    bits::Bits,
    fold::Fold,
    graph::{Graph, Node},
    roster::{Role, State},
    validity::{Candidate, Flaw, judge},
};
use crate::{
    id::{DeviceId, EntryId, MemberId, SpaceId},
    log::{
        control::Control,
        heads::{After, Chain, Head},
    },
};

/// How many folds of pasts are kept to start the next ones from; about one for each head that several devices extend.
const RECENT: usize = 8;

/// Whose control entries are counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Account {
    /// Those of a member's devices.
    Devices(MemberId),
    /// Those of a member's recovery keys.
    Recovery(MemberId),
    /// Those of a key that is only an invitation's.
    Invited(DeviceId),
}

/// Control entries, each with its whole past. It only grows.
#[derive(Clone, Debug)]
pub struct Dag {
    graph: Arc<Graph>,
    recent: VecDeque<Arc<State>>,
    full: OnceLock<Arc<Fold>>,
}

impl Dag {
    /// The empty set of a space.
    pub fn new(space: SpaceId) -> Self {
        Self { graph: Arc::new(Graph::new(space)), recent: VecDeque::new(), full: OnceLock::new() }
    }

    /// Every entry that must come before one with this predecessor and `after` and is not here yet.
    pub fn lacking(&self, prev: Option<EntryId>, after: &After) -> BTreeSet<EntryId> {
        let named: BTreeSet<_> = prev.into_iter().chain(after.control().map(|head| head.id)).collect();
        named.into_iter().filter(|id| !self.contains(id)).collect()
    }

    /// The first entry that must come before one with this predecessor and `after`: it names the control entry, and that
    /// is not here yet. For a content entry, whose predecessor is no control entry, `prev` is none.
    pub fn missing(&self, prev: Option<EntryId>, after: &After) -> Option<EntryId> {
        prev.into_iter().chain(after.control().map(|head| head.id)).find(|id| !self.contains(id))
    }

    /// Adds an entry whose past is here. True if it was added, false if it is here or its past is not.
    ///
    /// The caller has checked the signature, that the predecessor is the one before it in its chain, and that a genesis
    /// names this space, since only the caller has the bytes. Everything else is checked here; an invalid entry is
    /// added, too, and has no effect.
    pub fn insert(&mut self, id: EntryId, device: DeviceId, seq: u64, prev: Option<EntryId>, control: Control) -> bool {
        if self.contains(&id) || self.missing(prev, &control.after).is_some() {
            return false;
        }
        let prev = prev.and_then(|prev| self.graph.at(&prev));
        let named: Vec<_> = control.after.control().filter_map(|head| self.graph.at(&head.id)).collect();
        let mut parents: Vec<_> = prev.into_iter().chain(named).collect();
        parents.sort_unstable();
        parents.dedup();
        let past = self.graph.closure(parents.iter().copied());
        let view = self.state(past.clone());
        let candidate = Candidate { device: &device, seq, record: &control.record, past: &past };
        let verdict = match self.fits(&candidate, prev, &control.after) {
            true => judge(&self.graph, &view, &candidate),
            false => Err(Flaw::Place),
        };
        let (aside, chosen) = (Arc::clone(&view.aside), view.roster.chosen);
        self.remember(view);
        if let Some(full) = self.full.take() {
            self.remember(Arc::clone(full.state()));
        }
        let node = Node { id, device, seq, control, prev, parents, past, verdict, aside, chosen };
        Arc::make_mut(&mut self.graph).push(node);
        true
    }

    /// True if the entry is here.
    pub fn contains(&self, id: &EntryId) -> bool {
        self.graph.at(id).is_some()
    }

    /// True if a valid entry introduces the device, standing or not. Entries of other authors have no effect.
    pub fn introduces(&self, device: &DeviceId) -> bool {
        self.graph.introduced.contains_key(device)
    }

    /// On whose account the control entries of a device are; nothing if no valid entry introduces it. It may change once,
    /// when a key that was invited turns out to be a device's.
    pub fn account(&self, device: &DeviceId) -> Option<Account> {
        self.graph.introduced.get(device).map(|(member, role)| match role {
            Role::Recovery => Account::Recovery(*member),
            Role::Ordinary => Account::Devices(*member),
            Role::Invite => Account::Invited(*device),
        })
    }

    /// The fold of everything here.
    pub fn fold(&self) -> Arc<Fold> {
        Arc::clone(self.full.get_or_init(|| self.fold_of(self.graph.all())))
    }

    /// The fold of an entry's past.
    pub fn view(&self, id: &EntryId) -> Option<Arc<Fold>> {
        self.graph.at(id).map(|at| self.fold_of(self.graph.nodes[at].past.clone()))
    }

    /// The fold of these control entries and their past: what a content entry that names them knew. Unknown entries
    /// are left out.
    pub fn fold_at(&self, heads: impl IntoIterator<Item = EntryId>) -> Arc<Fold> {
        self.fold_of(self.graph.closure(heads.into_iter().filter_map(|id| self.graph.at(&id))))
    }

    /// Those of these entries that no other of them has in its past: the shortest way to say the same past.
    pub fn reduce(&self, heads: impl IntoIterator<Item = EntryId>) -> Vec<EntryId> {
        let set: Bits = heads.into_iter().filter_map(|id| self.graph.at(&id)).collect();
        let mut past = Bits::default();
        set.iter().for_each(|at| past.union(&self.graph.nodes[at].past));
        set.without(&past).iter().map(|at| self.graph.nodes[at].id).collect()
    }

    /// Every head of every control chain: each entry that none of its chain follows, set aside or not.
    pub fn heads(&self) -> BTreeMap<DeviceId, Vec<Head>> {
        let head = |at: usize| {
            let node = &self.graph.nodes[at];
            Head { device: node.device, chain: Chain::Control, seq: node.seq, id: node.id }
        };
        let leaves = |device: &DeviceId| {
            let chain = self.graph.chain(device).iter().copied();
            chain.filter(|at| !self.graph.is_followed(*at)).map(head).collect()
        };
        self.graph.authors().map(|device| (*device, leaves(device))).collect()
    }

    /// An entry's author and what it says.
    pub fn record(&self, id: &EntryId) -> Option<(DeviceId, &Control)> {
        let node = &self.graph.nodes[self.graph.at(id)?];
        Some((node.device, &node.control))
    }

    /// Why an entry has no effect; nothing if it is valid or not here.
    pub fn flaw(&self, id: &EntryId) -> Option<Flaw> {
        self.graph.nodes[self.graph.at(id)?].verdict.as_ref().err().copied()
    }

    /// All entries, in order of arrival.
    pub fn entries(&self) -> impl Iterator<Item = (EntryId, DeviceId, &Control)> {
        self.graph.nodes.iter().map(|node| (node.id, node.device, &node.control))
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What a causally closed set means.
    pub(super) fn state(&self, set: Bits) -> Arc<State> {
        let full = self.full.get().map(|fold| fold.state());
        self.graph.state(set, full.into_iter().chain(&self.recent))
    }

    /// The fold of a causally closed set of entries.
    pub(super) fn fold_of_set(&self, set: Bits) -> Arc<Fold> {
        self.fold_of(set)
    }

    fn fold_of(&self, set: Bits) -> Arc<Fold> {
        Arc::new(Fold::new(Arc::clone(&self.graph), self.state(set)))
    }

    /// True if the heads and the predecessor that the entry names are where it says.
    fn fits(&self, entry: &Candidate<'_>, prev: Option<usize>, after: &After) -> bool {
        let nodes = &self.graph.nodes;
        let follows = match prev {
            Some(prev) => nodes[prev].device == *entry.device && nodes[prev].seq.checked_add(1) == Some(entry.seq),
            None => entry.seq == 1,
        };
        let named = |head: &Head| {
            self.graph.at(&head.id).is_some_and(|at| nodes[at].device == head.device && nodes[at].seq == head.seq)
        };
        follows && after.control().all(named)
    }

    fn remember(&mut self, state: Arc<State>) {
        self.recent.retain(|recent| recent.set != state.set);
        self.recent.push_front(state);
        self.recent.truncate(RECENT);
    }
}

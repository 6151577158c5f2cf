//! Which entries stand: rules 5 to 7, a least fixpoint from the genesis.
//!
//! Each entry is looked at once when it comes to stand. It then introduces keys, whose kept entries stand, and endorses
//! what stands in its view. Only entries that a cut does not keep need endorsement.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    bits::Bits,
    graph::Graph,
    roster::Roster,
    validity::{Effect, Introduction},
};
use crate::id::{DeviceId, MemberId};

/// The fixpoint in the making.
pub(super) struct Standing<'a> {
    graph: &'a Graph,
    set: &'a Bits,
    /// Keys that each entry introduces.
    introduces: BTreeMap<usize, Vec<(DeviceId, bool)>>,
    /// Valid entries that some cut does not keep.
    needy: Bits,
    stands: Bits,
    introduced: BTreeSet<DeviceId>,
    endorsed: Bits,
    fresh: Vec<usize>,
}

impl<'a> Standing<'a> {
    /// Nothing stands yet. The roster has introductions and bounds.
    pub(super) fn new(graph: &'a Graph, set: &'a Bits, roster: &Roster) -> Self {
        let mut introduces: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for one in roster.introductions.values().flatten() {
            introduces.entry(one.entry).or_default().push((one.keys.device, one.admits));
        }
        let entries = roster.bounds.keys().flat_map(|device| graph.chain(device).iter().map(move |at| (device, *at)));
        let needy = entries
            .filter(|(_, at)| set.contains(*at) && graph.valid(*at).is_some())
            .filter(|(device, at)| !roster.keeps(graph, device, *at))
            .map(|(_, at)| at)
            .collect();
        Self {
            graph,
            set,
            introduces,
            needy,
            stands: Bits::default(),
            introduced: BTreeSet::new(),
            endorsed: Bits::default(),
            fresh: Vec::new(),
        }
    }

    /// What stands so far.
    pub(super) fn entries(&self) -> &Bits {
        &self.stands
    }

    /// Makes an entry stand.
    pub(super) fn stand(&mut self, at: usize) {
        if self.stands.insert(at) {
            self.fresh.push(at);
        }
    }

    /// Follows what stands until nothing more of the member comes to stand.
    pub(super) fn run(&mut self, member: &MemberId) {
        while let Some(at) = self.fresh.pop() {
            for (device, admits) in self.introduces.get(&at).cloned().unwrap_or_default() {
                if !admits {
                    self.introduce(device, member);
                }
            }
            self.endorse(at, member);
        }
    }

    /// Lets the other member in by this confirmation, whatever became of its author; returns the member.
    pub(super) fn admit(&mut self, confirmation: usize) -> Option<MemberId> {
        let Effect::Introduces(keys) = &self.graph.valid(confirmation)?.effect else { return None };
        let member = keys.first()?.member;
        for Introduction { keys, .. } in keys {
            if self.introduces.get(&confirmation).is_some_and(|all| all.iter().any(|(id, _)| *id == keys.device)) {
                self.introduce(keys.device, &member);
            }
        }
        self.run(&member);
        Some(member)
    }

    /// What stands. Redemptions belong to no member; they count by being confirmed.
    pub(super) fn finish(mut self, roster: &Roster) -> Bits {
        roster.redemptions.values().flatten().for_each(|at| _ = self.stands.insert(*at));
        self.stands
    }

    fn introduce(&mut self, device: DeviceId, member: &MemberId) {
        if !self.introduced.insert(device) {
            return;
        }
        let graph = self.graph;
        for at in graph.chain(&device) {
            let due = !self.needy.contains(*at) || self.endorsed.contains(*at);
            if self.set.contains(*at) && due && self.is_of(*at, member) {
                self.stand(*at);
            }
        }
    }

    /// Rule 6: `at` stands, so it endorses what other devices of its member wrote and stands in its view.
    fn endorse(&mut self, at: usize, member: &MemberId) {
        if self.needy.is_empty() {
            return;
        }
        let node = &self.graph.nodes[at];
        let mut seen = self.needy.clone();
        seen.intersect(&node.past);
        seen.subtract(&node.aside);
        seen.subtract(&self.endorsed);
        for old in seen.iter() {
            let author = self.graph.nodes[old].device;
            if author != node.device && self.is_of(old, member) {
                self.endorsed.insert(old);
                if self.introduced.contains(&author) {
                    self.stand(old);
                }
            }
        }
    }

    fn is_of(&self, at: usize, member: &MemberId) -> bool {
        self.graph.valid(at).is_some_and(|valid| valid.member == Some(*member))
    }
}

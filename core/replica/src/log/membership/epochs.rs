//! Which epochs a writer may use, which it may complete, and to whom it wraps a new one. See `docs/protocol.md`, "Keys".

use std::collections::BTreeSet;

use super::{
    bits::Bits,
    fold::Fold,
    roster::{DeviceState, Role},
};
use crate::{
    id::{DeviceId, EntryId},
    log::control::{Epoch, Grant, Keys, Parent, Record},
    planted::{self, Bug},
};

/// An epoch that could be used if some live devices could open it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grantable {
    /// The entry that mints it.
    pub epoch: EntryId,
    /// The devices that cannot open it yet.
    pub lacking: Vec<Keys>,
}

impl Fold {
    /// The devices that a writer here seals to: all that live, without keys of members who left.
    pub fn wrap_targets(&self) -> Vec<Keys> {
        let left = self.left();
        let still = |device: &DeviceState| planted::is(Bug::InviteKeyStillWrapped) && device.role == Role::Invite;
        let targets =
            self.devices().filter(|(_, device)| (device.live || still(device)) && !left.contains(&device.member));
        targets.map(|(_, device)| device.keys).collect()
    }

    /// The entries whose epochs the writer may use, in order of arrival: it can open them, nobody else can but live
    /// devices, and their author knew everything known here that ends a device.
    pub fn usable_epochs(&self, writer: &DeviceId) -> Vec<EntryId> {
        self.current(writer).filter(|it| it.lacking.is_empty()).map(|it| it.epoch).collect()
    }

    /// The epochs that the writer may use once it has granted them to the devices that lack them.
    pub fn grantable_epochs(&self, writer: &DeviceId) -> Vec<Grantable> {
        self.current(writer).filter(|it| !it.lacking.is_empty()).collect()
    }

    /// Who can open the epoch that an entry mints: its author and those to whom it is wrapped or granted. A grant counts
    /// if it is valid and has the epoch in its past: others cannot have the key.
    pub fn holders(&self, epoch: &EntryId) -> BTreeSet<DeviceId> {
        let Some((author, Epoch { wraps, .. })) = self.minted(epoch) else { return BTreeSet::new() };
        let mut holders: BTreeSet<_> = wraps.iter().map(|wrap| wrap.device).chain([author]).collect();
        let grants = self.graph().grants.get(epoch).into_iter().flatten().filter(|at| self.state().set.contains(**at));
        for grant in grants {
            if let Record::Grant(Grant { wraps, .. }) = &self.graph().nodes[*grant].control.record {
                holders.extend(wraps.iter().map(|wrap| wrap.device));
            }
        }
        holders
    }

    /// Epochs that the writer can open and that no dead device can.
    fn current(&self, writer: &DeviceId) -> impl Iterator<Item = Grantable> {
        let targets = self.wrap_targets();
        let live: BTreeSet<_> = targets.iter().map(|keys| keys.device).collect();
        let minted = self.graph().epochs.iter().filter(|at| self.is_fresh(**at)).map(|at| self.graph().nodes[*at].id);
        minted.filter_map(move |epoch| {
            let holders = self.holders(&epoch);
            let lacking = targets.iter().filter(|keys| !holders.contains(&keys.device)).copied().collect();
            let current =
                holders.contains(writer) && (planted::is(Bug::EpochOfCutAuthorUsed) || holders.is_subset(&live));
            current.then_some(Grantable { epoch, lacking })
        })
    }

    /// True if the epoch stands, its author lives and knew of every dead key that it is dead, and its parents are in its
    /// past.
    fn is_fresh(&self, at: usize) -> bool {
        let (graph, state) = (self.graph(), self.state());
        let node = &graph.nodes[at];
        let Record::Epoch(epoch) = &node.control.record else { return false };
        let minted = |parent: &Parent| graph.minted.get(&parent.epoch).into_iter().flatten();
        let known = |parent: &Parent| minted(parent).any(|at| node.past.contains(*at));
        if planted::is(Bug::EpochOfCutAuthorUsed) {
            return true;
        }
        state.stands(at)
            && self.device(&node.device).is_some_and(|author| author.live)
            && state.roster.ends.iter().all(|(device, ends)| self.tells_end(&node.past, device, ends))
            && epoch.parents.iter().all(known)
    }

    /// True if these entries say that a key is dead: one that ends it is among them, or two that it wrote at one place.
    fn tells_end(&self, past: &Bits, device: &DeviceId, ends: &[usize]) -> bool {
        let forks = || self.state().roster.forks.range((*device, 0)..=(*device, u64::MAX));
        let twins = |seq: u64| self.graph().place(device, seq).iter().filter(|at| past.contains(**at)).count();
        ends.iter().any(|at| past.contains(*at)) || forks().any(|(_, seq)| twins(*seq) > 1)
    }

    fn minted(&self, epoch: &EntryId) -> Option<(DeviceId, &Epoch)> {
        let node = &self.graph().nodes[self.at(epoch)?];
        match &node.control.record {
            Record::Epoch(epoch) => Some((node.device, epoch)),
            _ => None,
        }
    }
}

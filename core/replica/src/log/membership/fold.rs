//! What a set of control entries means, as everybody else asks for it.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    graph::Graph,
    roster::{DeviceState, Role, State},
    validity::Effect,
};
use crate::{
    id::{DeviceId, EntryId, MemberId},
    log::control::{Confirm, Control, Invite, Purpose, Record, SpaceKind},
};

/// The meaning of a causally closed set of control entries. It stays as it is when more entries come.
#[derive(Clone, Debug)]
pub struct Fold {
    graph: Arc<Graph>,
    state: Arc<State>,
}

/// An invitation, open or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitation {
    /// The entry that makes it.
    pub entry: EntryId,
    /// The device that made it and may confirm one redemption.
    pub inviter: DeviceId,
    /// What it says.
    pub invite: Invite,
    /// True until its key is cut or redeemed.
    pub open: bool,
    /// Valid redemptions by its key, in order of arrival here.
    pub redemptions: Vec<EntryId>,
    /// Valid confirmations of one of them; more than one only if the inviter forked its chain.
    pub confirmations: Vec<EntryId>,
}

/// Several entries at one place of a control chain, by which their author is cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fork {
    /// Whose chain.
    pub device: DeviceId,
    /// The place.
    pub seq: u64,
    /// The entries, the evidence.
    pub entries: BTreeSet<EntryId>,
}

impl Fold {
    pub(super) fn new(graph: Arc<Graph>, state: Arc<State>) -> Self {
        Self { graph, state }
    }

    /// Personal or alliance; nothing before the genesis.
    pub fn kind(&self) -> Option<SpaceKind> {
        self.state.roster.kind
    }

    /// The founder's first device, the only one that invites the other member.
    pub fn founder(&self) -> Option<DeviceId> {
        self.state.roster.founder
    }

    /// The founder's member and, once confirmed, the other one.
    pub fn members(&self) -> impl Iterator<Item = MemberId> {
        self.state.roster.founders.into_iter().chain(self.state.roster.other)
    }

    /// The member who is not the founder's.
    pub fn other_member(&self) -> Option<MemberId> {
        self.state.roster.other
    }

    /// Members who left and have not come back by their words.
    pub fn left(&self) -> &BTreeSet<MemberId> {
        &self.state.roster.left
    }

    /// A key that some standing entry introduces, live or dead.
    pub fn device(&self, device: &DeviceId) -> Option<&DeviceState> {
        self.state.roster.devices.get(device)
    }

    /// All such keys.
    pub fn devices(&self) -> impl Iterator<Item = (&DeviceId, &DeviceState)> {
        self.state.roster.devices.iter()
    }

    /// True if content that the device writes with just this known counts, as long as nothing ends the device: rule 10.
    pub fn may_write(&self, device: &DeviceId) -> bool {
        self.device(device).is_some_and(|device| device.live && device.role != Role::Invite)
    }

    /// True if nothing that the device wrote while it might can be set aside: it is not cut, and nobody is on whom its
    /// being here depends.
    pub fn is_unbounded(&self, device: &DeviceId) -> bool {
        let roster = &self.state.roster;
        roster.anchored.contains(device) && !roster.bounds.contains_key(device)
    }

    /// True if the entry is here and valid in its own view.
    pub fn valid(&self, id: &EntryId) -> bool {
        self.at(id).is_some_and(|at| self.graph.valid(at).is_some())
    }

    /// True if the entry is here and stands.
    pub fn stands(&self, id: &EntryId) -> bool {
        self.at(id).is_some_and(|at| self.state.stands(at))
    }

    /// What stands, in order of arrival: entry, author, whose the author was, and what it says.
    pub fn standing(&self) -> impl Iterator<Item = (EntryId, DeviceId, Option<MemberId>, &Control)> {
        self.state.set.iter().filter(|at| self.state.stands(*at)).map(|at| {
            let node = &self.graph.nodes[at];
            (node.id, node.device, self.graph.valid(at).and_then(|valid| valid.member), &node.control)
        })
    }

    /// What is here and does not stand, valid or not, in order of arrival.
    pub fn set_aside(&self) -> impl Iterator<Item = EntryId> {
        self.state.aside.iter().map(|at| self.graph.nodes[at].id)
    }

    /// The keys whose work a device carries on: those that it renews, those that they renew, and so on.
    pub fn lineage(&self, device: &DeviceId) -> BTreeSet<DeviceId> {
        let mut lineage = BTreeSet::new();
        let mut next = vec![*device];
        while let Some(device) = next.pop() {
            let renewed = self.device(&device).into_iter().flat_map(|device| &device.renews);
            next.extend(renewed.filter(|old| lineage.insert(**old)));
        }
        lineage.remove(device);
        lineage
    }

    /// All valid invitations, in order of arrival.
    pub fn invitations(&self) -> Vec<Invitation> {
        let mut places: Vec<_> = self.state.roster.invitations.values().flatten().copied().collect();
        places.sort_unstable();
        places.into_iter().filter_map(|at| self.invitation(at)).collect()
    }

    /// The redemptions that a device should confirm by itself: the first to come here for each of its invitations that
    /// has no confirmation, is not cut, and would not let in a third member.
    pub fn pending(&self, inviter: &DeviceId) -> Vec<EntryId> {
        if !self.may_write(inviter) {
            return Vec::new();
        }
        let due = |it: &Invitation| {
            let full = it.invite.purpose == Purpose::Member && self.other_member().is_some();
            let cut = self.state.roster.bounds.contains_key(&it.invite.key.device);
            it.inviter == *inviter && it.confirmations.is_empty() && !full && !cut
        };
        let mine = self.invitations().into_iter().filter(due);
        mine.filter_map(|invitation| invitation.redemptions.first().copied()).collect()
    }

    /// Forks of control chains by which a device is cut.
    pub fn forks(&self) -> Vec<Fork> {
        let entries = |device, seq| {
            let twins = self.graph.place(device, seq).iter().filter(|at| self.state.set.contains(**at));
            twins.map(|at| self.graph.nodes[*at].id).collect()
        };
        let forks = self.state.roster.forks.iter();
        forks.map(|(device, seq)| Fork { device: *device, seq: *seq, entries: entries(device, *seq) }).collect()
    }

    /// Confirmations of different other members, if there is more than one: both people are to be warned.
    pub fn rivals(&self) -> Vec<EntryId> {
        let rivals = &self.state.roster.rivals;
        rivals.iter().filter(|_| rivals.len() > 1).map(|at| self.graph.nodes[*at].id).collect()
    }

    /// The confirmation that let the other member in.
    pub fn confirmation(&self) -> Option<EntryId> {
        self.state.roster.chosen.map(|at| self.graph.nodes[at].id)
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The place of an entry of this fold.
    pub(super) fn at(&self, id: &EntryId) -> Option<usize> {
        self.graph.at(id).filter(|at| self.state.set.contains(*at))
    }

    fn invitation(&self, at: usize) -> Option<Invitation> {
        let (graph, roster) = (&self.graph, &self.state.roster);
        let node = &graph.nodes[at];
        let Record::Invite(invite) = &node.control.record else { return None };
        let key = &invite.key.device;
        let mut redeems: Vec<_> = roster.redemptions.get(key).into_iter().flatten().copied().collect();
        redeems.retain(|redeem| {
            graph.valid(*redeem).is_some_and(|it| matches!(it.effect, Effect::Redeems { invite, .. } if invite == at))
        });
        let redemptions: Vec<_> = redeems.into_iter().map(|redeem| graph.nodes[redeem].id).collect();
        let confirms = |at: &usize| match &graph.nodes[*at].control.record {
            Record::Confirm(Confirm { redeem }) => redemptions.contains(redeem),
            _ => false,
        };
        let facts = graph.facts.iter().filter(|at| self.state.set.contains(**at));
        let confirmations = facts.filter(|at| confirms(at)).map(|at| graph.nodes[*at].id).collect();
        let open = self.device(key).is_some_and(|key| key.live && key.role == Role::Invite);
        let (entry, inviter, invite) = (node.id, node.device, invite.clone());
        Some(Invitation { entry, inviter, invite, open, redemptions, confirmations })
    }
}

//! Who belongs to a space, as a causally closed set of control entries says: rules 3, 4, 8 and 9.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    bits::Bits,
    graph::Graph,
    standing::Standing,
    validity::{Effect, Introduction},
};
use crate::{
    id::{DeviceId, MemberId},
    log::control::{Keys, Record, SpaceKind},
};

/// What a key may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// An everyday device.
    Ordinary,
    /// Comes from a person's words.
    Recovery,
    /// Comes from an invitation's secret; may redeem it and read, no more.
    Invite,
}

/// A key that some standing entry introduces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceState {
    /// Its public keys.
    pub keys: Keys,
    /// Whose it is.
    pub member: MemberId,
    /// What it may do.
    pub role: Role,
    /// True until it is cut, or redeemed if it is an invitation's. A dead key never lives again.
    pub live: bool,
    /// True if an entry cuts it or its control chain is forked.
    pub cut: bool,
    /// Keys of the same member that it replaces.
    pub renews: BTreeSet<DeviceId>,
    /// True if its holder agreed to be in this space: nobody else can have put it there. Not so for an invitation's key,
    /// and for the recovery key of a founder's earlier version.
    pub agreed: bool,
}

/// A set of control entries and what it means.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) set: Bits,
    /// What of the set does not stand, valid or not.
    pub(super) aside: Arc<Bits>,
    pub(super) roster: Arc<Roster>,
}

/// The last entry that a cut keeps: its past and itself still count. Nothing where a chain forks at its start.
pub(super) type Bound = Option<usize>;

/// The part of a fold that only entries which introduce, redeem, cut or leave can change.
#[derive(Default, Debug)]
pub(super) struct Roster {
    pub(super) kind: Option<SpaceKind>,
    pub(super) genesis: Option<usize>,
    pub(super) founder: Option<DeviceId>,
    pub(super) founders: Option<MemberId>,
    /// Every key's introductions, standing or not, without keys introduced for two members.
    pub(super) introductions: BTreeMap<DeviceId, Vec<Introduction>>,
    /// Valid invitations by key.
    pub(super) invitations: BTreeMap<DeviceId, Vec<usize>>,
    /// Valid redemptions by the invitation's key.
    pub(super) redemptions: BTreeMap<DeviceId, Vec<usize>>,
    /// Keys to which a recovery key's rights were given.
    pub(super) recovery: BTreeSet<DeviceId>,
    /// What is left of each cut device.
    pub(super) bounds: BTreeMap<DeviceId, Vec<Bound>>,
    /// Forked places of devices that a fork cuts.
    pub(super) forks: BTreeSet<(DeviceId, u64)>,
    /// Every dead key with the cuts, leaves and redemptions that end it. A fork alone ends a key too: then there are none.
    pub(super) ends: BTreeMap<DeviceId, Vec<usize>>,
    /// Valid confirmations of another member; more than one only if the founder device forked its chain.
    pub(super) rivals: Vec<usize>,
    pub(super) chosen: Option<usize>,
    pub(super) other: Option<MemberId>,
    pub(super) devices: BTreeMap<DeviceId, DeviceState>,
    /// Members who left and have not come back.
    pub(super) left: BTreeSet<MemberId>,
    /// Devices whose introductions stand in every fold that has them; see [`Roster::anchor`].
    pub(super) anchored: BTreeSet<DeviceId>,
}

impl State {
    /// The fold of a causally closed set.
    pub(super) fn fold(graph: &Graph, set: Bits) -> Self {
        let facts: Vec<_> = graph.facts.iter().copied().filter(|at| set.contains(*at)).collect();
        let mut roster = Roster::default();
        roster.introduce(graph, &facts);
        roster.cut(graph, &facts);
        roster.fork(graph, &set);
        roster.introductions.retain(|_, all| all.iter().all(|one| one.member == all[0].member));
        let mut standing = Standing::new(graph, &set, &roster);
        if let (Some(genesis), Some(member)) = (roster.genesis, roster.founders) {
            standing.stand(genesis);
            standing.run(&member);
        }
        roster.chosen = roster.choose(graph, &standing);
        if let Some(chosen) = roster.chosen {
            roster.other = standing.admit(chosen);
        }
        let standing = standing.finish(&roster);
        let aside = Arc::new(set.without(&standing));
        roster.name_devices(graph, &standing);
        roster.part(graph, &facts);
        roster.anchor(graph);
        Self { set, aside, roster: Arc::new(roster) }
    }

    /// Adds an entry that nothing here comes after, if that changes nothing but whether this entry stands; false (and
    /// the state is of no more use) if it may change more.
    pub(super) fn absorb(&mut self, graph: &Graph, at: usize) -> bool {
        let node = &graph.nodes[at];
        let twin = graph.contested.contains(&(node.device, node.seq))
            && graph.place(&node.device, node.seq).iter().any(|twin| self.set.contains(*twin));
        if twin {
            return false;
        }
        let stands = match &node.verdict {
            Err(_) => false,
            Ok(valid) if !matches!(valid.effect, Effect::Nothing) => return false,
            // Nothing here has it in its past, so no cut keeps it and nobody endorses it.
            Ok(_) => self.roster.devices.get(&node.device).is_some_and(|device| !device.cut),
        };
        if stands {
            let mut endorsed = Bits::clone(&self.aside);
            endorsed.intersect(&node.past);
            endorsed.subtract(&node.aside);
            if !endorsed.is_empty() || self.roster.rivals.len() > 1 {
                return false;
            }
        } else {
            Arc::make_mut(&mut self.aside).insert(at);
        }
        self.set.insert(at);
        true
    }

    /// True if the entry is in the set and stands.
    pub(super) fn stands(&self, at: usize) -> bool {
        self.set.contains(at) && !self.aside.contains(at)
    }
}

impl Roster {
    /// True if every cut of the device keeps the control entry (rule 5); so if there is none.
    pub(super) fn keeps(&self, graph: &Graph, device: &DeviceId, at: usize) -> bool {
        let kept = |bound: &Bound| bound.is_some_and(|last| last == at || graph.nodes[last].past.contains(at));
        self.bounds.get(device).is_none_or(|bounds| bounds.iter().all(kept))
    }

    /// Collects what was introduced and redeemed, standing or not.
    fn introduce(&mut self, graph: &Graph, facts: &[usize]) {
        for at in facts {
            let node = &graph.nodes[*at];
            match graph.valid(*at).map(|valid| &valid.effect) {
                Some(Effect::Introduces(keys)) => {
                    for key in keys {
                        self.introductions.entry(key.keys.device).or_default().push(key.clone());
                    }
                    match &node.control.record {
                        Record::Genesis(genesis) => {
                            self.kind = Some(genesis.kind);
                            self.genesis = Some(*at);
                            self.founder = Some(node.device);
                            self.founders = Some(MemberId::of(&node.device));
                        }
                        Record::Invite(invite) => self.invitations.entry(invite.key.device).or_default().push(*at),
                        _ if keys.iter().any(|key| key.admits) => self.rivals.push(*at),
                        _ => {}
                    }
                }
                Some(Effect::Redeems { .. }) => {
                    self.redemptions.entry(node.device).or_default().push(*at);
                }
                _ => {}
            }
        }
        for (device, all) in &mut self.introductions {
            // The key of an invitation need not agree to it. So an invitation of a device's key claims nothing.
            if all.iter().any(|one| one.role != Role::Invite) {
                all.retain(|one| one.role != Role::Invite);
            }
            if all.iter().any(|one| one.role == Role::Recovery) {
                self.recovery.insert(*device);
            }
        }
        // A redemption ends a key that is an invitation's and nothing else.
        for (device, all) in &self.redemptions {
            if self.introductions.get(device).is_none_or(|of| of.iter().all(|one| one.role == Role::Invite)) {
                self.ends.entry(*device).or_default().extend(all);
            }
        }
    }

    /// Rule 3: every valid cut counts, and a leave is a cut of all that its past introduces but recovery keys.
    fn cut(&mut self, graph: &Graph, facts: &[usize]) {
        for at in facts {
            let Some(valid) = graph.valid(*at) else { continue };
            let own = |one: &Introduction| Some(one.member) == valid.member;
            match &valid.effect {
                Effect::Cuts(device) if self.introductions.get(device).is_some_and(|all| all.iter().any(own)) => {
                    self.end(*device, *at);
                }
                Effect::Leaves => {
                    let past = &graph.nodes[*at].past;
                    let ended = self.introductions.iter().filter(|(device, all)| {
                        let known = all.iter().any(|one| own(one) && past.contains(one.entry));
                        known && !self.recovery.contains(device)
                    });
                    let ended: Vec<_> = ended.map(|(device, _)| *device).collect();
                    ended.into_iter().for_each(|device| self.end(device, *at));
                }
                _ => {}
            }
        }
    }

    fn end(&mut self, device: DeviceId, at: usize) {
        self.bounds.entry(device).or_default().push(Some(at));
        self.ends.entry(device).or_default().push(at);
    }

    /// Rule 4: a fork cuts at the last common entry.
    fn fork(&mut self, graph: &Graph, set: &Bits) {
        let mut lowest = BTreeMap::new();
        for (device, seq) in &graph.contested {
            let twins = graph.place(device, *seq).iter().filter(|at| set.contains(**at));
            let invited = |all: &Vec<Introduction>| all.iter().all(|one| one.role == Role::Invite);
            let exempt = self.recovery.contains(device) || self.introductions.get(device).is_some_and(invited);
            if exempt || twins.count() < 2 {
                continue;
            }
            self.forks.insert((*device, *seq));
            self.ends.entry(*device).or_default();
            lowest.entry(*device).or_insert(*seq);
        }
        for (device, seq) in lowest {
            let last = graph.place(&device, seq - 1).iter().copied().find(|at| set.contains(*at));
            self.bounds.entry(device).or_default().push(last);
        }
    }

    /// Rule 8: the confirmation that introduces the other member.
    fn choose(&self, graph: &Graph, standing: &Standing<'_>) -> Option<usize> {
        if self.rivals.len() < 2 {
            return self.rivals.first().copied();
        }
        let mut seen = BTreeSet::new();
        for at in standing.entries().iter() {
            let node = &graph.nodes[at];
            let founders = graph.valid(at).is_some_and(|it| it.member == self.founders);
            if let Some(chosen) = node.chosen.filter(|it| founders && graph.nodes[*it].device != node.device) {
                seen.insert(chosen);
            }
        }
        self.rivals.iter().copied().min_by_key(|at| (!seen.contains(at), graph.nodes[*at].id))
    }

    /// Rule 9: keys with a standing introduction, live or dead.
    fn name_devices(&mut self, graph: &Graph, standing: &Bits) {
        for (device, all) in &self.introductions {
            let stands = |one: &&Introduction| match one.admits {
                true => self.chosen == Some(one.entry),
                false => standing.contains(one.entry),
            };
            let mut all: Vec<_> = all.iter().filter(stands).collect();
            all.sort_unstable_by_key(|one| graph.nodes[one.entry].id);
            let Some(first) = all.first() else { continue };
            let recovery = all.iter().any(|one| one.role == Role::Recovery);
            let cut = self.bounds.contains_key(device);
            let spent = first.role == Role::Invite && self.redemptions.contains_key(device);
            let state = DeviceState {
                keys: first.keys,
                member: first.member,
                role: if recovery { Role::Recovery } else { first.role },
                live: !cut && !spent,
                cut,
                renews: all.iter().filter_map(|one| one.renews).collect(),
                agreed: all.iter().any(|one| one.agreed),
            };
            self.devices.insert(*device, state);
        }
        let owners: BTreeMap<_, _> = self.devices.iter().map(|(id, device)| (*id, device.member)).collect();
        for (id, device) in &mut self.devices {
            device.renews.retain(|old| old != id && owners.get(old) == Some(&device.member));
        }
    }

    /// Finds who left for good: nobody whose recovery key has brought a new device since.
    fn part(&mut self, graph: &Graph, facts: &[usize]) {
        let leaves = |at: &usize| graph.valid(*at).filter(|valid| matches!(valid.effect, Effect::Leaves));
        let mut left: BTreeSet<_> = facts.iter().filter_map(leaves).filter_map(|valid| valid.member).collect();
        left.retain(|member| {
            !self.devices.values().any(|it| it.live && it.role == Role::Ordinary && it.member == *member)
        });
        self.left = left;
    }

    /// Finds the devices whose every introduction is by an anchored device that is uncut or whose cuts keep it; the
    /// founder's genesis and an only confirmation of the other member are anchored by themselves.
    ///
    /// Folds of less have fewer introductions, cuts and rivals. So in each of them that has a valid entry of an anchored
    /// device, an introduction of the device stands; and what this fold's cuts keep of it counts there, too. What a device
    /// says of itself comes after another introduction, and stands with it.
    fn anchor(&mut self, graph: &Graph) {
        let by_others = |id: &DeviceId, all: &[Introduction]| {
            all.iter().filter(|one| self.genesis == Some(one.entry) || graph.nodes[one.entry].device != *id).count()
        };
        let mut missing: BTreeMap<_, _> =
            self.introductions.iter().map(|(id, all)| (*id, by_others(id, all))).collect();
        let mut by_author: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut solid = Vec::new();
        for one in self.introductions.values().flatten() {
            let author = graph.nodes[one.entry].device;
            if self.genesis == Some(one.entry) || one.admits && self.rivals.len() == 1 {
                solid.push(one);
            } else if author == one.keys.device {
                // It needs another one.
            } else if !one.admits && self.keeps(graph, &author, one.entry) {
                by_author.entry(author).or_default().push(one);
            }
        }
        let mut anchored = BTreeSet::new();
        while let Some(one) = solid.pop() {
            let device = one.keys.device;
            let Some(missing) = missing.get_mut(&device) else { continue };
            *missing -= 1;
            if *missing == 0 && anchored.insert(device) {
                solid.extend(by_author.remove(&device).unwrap_or_default());
            }
        }
        self.anchored = anchored;
    }
}

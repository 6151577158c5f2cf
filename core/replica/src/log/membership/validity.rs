//! Which control entries are valid: rules 1 and 2, judged in the view of the entry's own past, once and for all.

use super::{
    bits::Bits,
    graph::Graph,
    roster::{Role, State},
};
use crate::{
    id::{DeviceId, MemberId},
    log::control::{AddDevice, AddedRole, Confirm, Cut, Genesis, Invite, Keys, Purpose, Record, Redeem, SpaceKind},
    planted::{self, Bug},
};

/// Why a control entry has no effect. It stays in the graph, and what comes after it is judged all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// A named entry is not where the entry says.
    #[error("entry names a head or predecessor that is another entry's place")]
    Place,
    /// The genesis does not start the space, or is not by the founder it names.
    #[error("genesis does not start the space")]
    Genesis,
    /// The author was no live device in the entry's past.
    #[error("author was not a live device")]
    Author,
    /// The key that was added or that joins did not agree.
    #[error("new key did not agree")]
    Consent,
    /// The invitation is unknown, cut or redeemed in the entry's past.
    #[error("invitation is not open")]
    Invitation,
    /// Only the founder's device of an alliance invites another member, and only while there is none.
    #[error("another member cannot be invited here")]
    Member,
    /// The confirmed entry is no redemption of an invitation by this author, or another was confirmed before.
    #[error("there is nothing to confirm")]
    Confirmation,
    /// The cut key was not the author's member's to cut.
    #[error("key is not one that the author may cut")]
    Target,
}

/// What a valid entry does.
#[derive(Clone, Debug)]
pub(super) struct Valid {
    /// The author's member; nobody's for a redemption.
    pub(super) member: Option<MemberId>,
    pub(super) effect: Effect,
}

/// What a valid entry changes in the fold.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Nothing but what its author can endorse by it. So it is with kinds from a later version.
    Nothing,
    /// Keys belong to a member.
    Introduces(Vec<Introduction>),
    /// An invitation is taken up.
    Redeems {
        /// The entry with the invitation.
        invite: usize,
        /// The member to which the joining device agreed to belong.
        member: MemberId,
    },
    /// A device is out.
    Cuts(DeviceId),
    /// The author's member goes.
    Leaves,
}

/// What one entry says about one key.
#[derive(Clone, Debug)]
pub(super) struct Introduction {
    /// The introducing entry.
    pub(super) entry: usize,
    pub(super) keys: Keys,
    pub(super) member: MemberId,
    pub(super) role: Role,
    pub(super) renews: Option<DeviceId>,
    /// True if this lets in a member other than its author's.
    pub(super) admits: bool,
    /// True if the key's holder agreed to be in this space.
    pub(super) agreed: bool,
}

/// A control entry before it has a place in the graph.
pub(super) struct Candidate<'a> {
    pub(super) device: &'a DeviceId,
    pub(super) seq: u64,
    pub(super) record: &'a Record,
    pub(super) past: &'a Bits,
}

/// Judges an entry. `view` is the fold of its past.
pub(super) fn judge(graph: &Graph, view: &State, entry: &Candidate<'_>) -> Result<Valid, Flaw> {
    let judge = Judge { graph, view, entry };
    match entry.record {
        Record::Genesis(genesis) => return judge.genesis(genesis),
        Record::Redeem(redeem) => return judge.redeem(redeem),
        _ => {}
    }
    let author = view.roster.devices.get(entry.device).filter(|author| author.live).ok_or(Flaw::Author)?;
    let (member, role) = (author.member, author.role);
    let effect = match (role, entry.record) {
        (Role::Invite, _) => return Err(Flaw::Author),
        (_, Record::AddDevice(add)) => judge.add(add, member, role)?,
        (_, Record::Invite(invite)) => judge.invite(invite, member)?,
        (_, Record::Confirm(confirm)) => judge.confirm(confirm, member)?,
        (_, Record::Cut(cut)) => judge.cut(cut, member, role)?,
        (_, Record::Leave(_)) => Effect::Leaves,
        _ => Effect::Nothing,
    };
    Ok(Valid { member: Some(member), effect })
}

struct Judge<'a> {
    graph: &'a Graph,
    view: &'a State,
    entry: &'a Candidate<'a>,
}

impl Judge<'_> {
    /// That the body names the space is for the caller to check, who has the bytes.
    fn genesis(&self, genesis: &Genesis) -> Result<Valid, Flaw> {
        let Genesis { founder, recovery, consent, .. } = genesis;
        let starts = self.entry.seq == 1 && self.entry.past.is_empty() && founder.device == *self.entry.device;
        if !starts || recovery.is_some_and(|recovery| recovery.device == founder.device) {
            return Err(Flaw::Genesis);
        }
        let agreed = genesis.is_agreed(&self.graph.space);
        if consent.is_some() && !agreed {
            return Err(Flaw::Consent);
        }
        let member = MemberId::of(&founder.device);
        let mut keys = vec![self.introduction(founder, member, Role::Ordinary)];
        let words = recovery.iter().map(|recovery| self.introduction(recovery, member, Role::Recovery));
        keys.extend(words.map(|words| Introduction { agreed, ..words }));
        Ok(Valid { member: Some(member), effect: Effect::Introduces(keys) })
    }

    fn add(&self, add: &AddDevice, member: MemberId, role: Role) -> Result<Effect, Flaw> {
        if !add.is_agreed(&self.graph.space, &member) {
            return Err(Flaw::Consent);
        }
        let role = match (add.role, role) {
            (AddedRole::Recovery, Role::Recovery) => Role::Recovery,
            _ => Role::Ordinary,
        };
        let new = self.introduction(&add.device, member, role);
        Ok(Effect::Introduces(vec![Introduction { renews: add.renews, ..new }]))
    }

    /// Rule 2: only the founder device of an alliance invites the other member, while none is known.
    fn invite(&self, invite: &Invite, member: MemberId) -> Result<Effect, Flaw> {
        let roster = &self.view.roster;
        let admits = roster.kind == Some(SpaceKind::Alliance)
            && roster.founder == Some(*self.entry.device)
            && roster.other.is_none();
        match invite.purpose {
            Purpose::Member if !admits => Err(Flaw::Member),
            _ => Ok(Effect::Introduces(vec![self.introduction(&invite.key, member, Role::Invite)])),
        }
    }

    /// The invitation redeemed is that of the lowest id among those of this key to which the joining device agrees.
    fn redeem(&self, redeem: &Redeem) -> Result<Valid, Flaw> {
        let (key, roster) = (self.entry.device, &self.view.roster);
        let open = !roster.bounds.contains_key(key) && !roster.redemptions.contains_key(key);
        let mut invites = roster.invitations.get(key).filter(|_| open).ok_or(Flaw::Invitation)?.clone();
        invites.sort_unstable_by_key(|at| self.graph.nodes[*at].id);
        let agreed = invites.into_iter().find_map(|at| {
            let Record::Invite(invite) = &self.graph.nodes[at].control.record else { return None };
            let inviter = self.graph.valid(at)?.member?;
            let member = match invite.purpose {
                Purpose::Member => Some(MemberId::of(&redeem.device.device)).filter(|joins| *joins != inviter)?,
                Purpose::OwnDevice => inviter,
            };
            self.agrees(redeem, &member).then_some((at, member))
        });
        let (invite, member) = agreed.ok_or(Flaw::Consent)?;
        if planted::is(Bug::NoConfirmNeeded) {
            let mut keys = vec![self.introduction(&redeem.device, member, Role::Ordinary)];
            keys.iter_mut().for_each(|key| key.admits = true);
            return Ok(Valid { member: None, effect: Effect::Introduces(keys) });
        }
        Ok(Valid { member: None, effect: Effect::Redeems { invite, member } })
    }

    fn agrees(&self, redeem: &Redeem, member: &MemberId) -> bool {
        let space = &self.graph.space;
        let recovery = match (&redeem.recovery, &redeem.recovery_consent) {
            (None, _) => true,
            (Some(keys), Some(consent)) => {
                keys.device != redeem.device.device && keys.consented(space, member, consent)
            }
            (Some(_), None) => false,
        };
        recovery && redeem.device.consented(space, member, &redeem.consent)
    }

    /// By the invitation's author, first for that key in its past.
    fn confirm(&self, confirm: &Confirm, member: MemberId) -> Result<Effect, Flaw> {
        let (graph, past) = (self.graph, self.entry.past);
        let at = graph.at(&confirm.redeem).filter(|at| past.contains(*at)).ok_or(Flaw::Confirmation)?;
        let redemption = &graph.nodes[at];
        let (Record::Redeem(redeem), Some(&Valid { effect: Effect::Redeems { invite, member: joins }, .. })) =
            (&redemption.control.record, graph.valid(at))
        else {
            return Err(Flaw::Confirmation);
        };
        let invitation = &graph.nodes[invite];
        let Record::Invite(Invite { purpose, .. }) = &invitation.control.record else {
            return Err(Flaw::Confirmation);
        };
        if invitation.device != *self.entry.device || self.confirms(&redemption.device) {
            return Err(Flaw::Confirmation);
        }
        match purpose {
            Purpose::Member if self.view.roster.other.is_some() => return Err(Flaw::Member),
            Purpose::OwnDevice if joins != member => return Err(Flaw::Consent),
            _ => {}
        }
        let admits = *purpose == Purpose::Member;
        let mut keys = vec![self.introduction(&redeem.device, joins, Role::Ordinary)];
        let recovery = redeem.recovery.iter().filter(|_| admits);
        keys.extend(recovery.map(|recovery| self.introduction(recovery, joins, Role::Recovery)));
        keys.iter_mut().for_each(|key| key.admits = admits);
        Ok(Effect::Introduces(keys))
    }

    /// True if a redemption by this key is confirmed in the view.
    fn confirms(&self, key: &DeviceId) -> bool {
        let confirmed = |at: &usize| match &self.graph.nodes[*at].control.record {
            Record::Confirm(Confirm { redeem }) => {
                self.graph.at(redeem).is_some_and(|at| self.graph.nodes[at].device == *key)
            }
            _ => false,
        };
        self.graph.facts.iter().filter(|at| self.entry.past.contains(**at)).any(confirmed)
    }

    /// A member cuts its own keys only; a recovery key is cut only by a recovery key which it added.
    fn cut(&self, cut: &Cut, member: MemberId, role: Role) -> Result<Effect, Flaw> {
        let roster = &self.view.roster;
        let introductions = |device| roster.introductions.get(device).into_iter().flatten();
        if !introductions(&cut.device).any(|one| one.member == member) {
            return Err(Flaw::Target);
        }
        let mut authors = introductions(self.entry.device).map(|one| self.graph.nodes[one.entry].device);
        let added = role == Role::Recovery && authors.any(|author| author == cut.device);
        if roster.recovery.contains(&cut.device) && !added {
            return Err(Flaw::Target);
        }
        Ok(Effect::Cuts(cut.device))
    }

    fn introduction(&self, keys: &Keys, member: MemberId, role: Role) -> Introduction {
        let entry = self.graph.nodes.len();
        Introduction { entry, keys: *keys, member, role, renews: None, admits: false, agreed: role != Role::Invite }
    }
}

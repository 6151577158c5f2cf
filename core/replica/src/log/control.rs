//! Control records: who belongs to a space, which epochs it has, what may be dropped. Clear, so that a relay can check them.
//!
//! This file says how they look; what they mean together is `membership`.

use minicbor::{CborLen, Decode, Encode};

use crate::{
    Malformed,
    id::{DeviceId, EntryId, EpochId, ItemId, MemberId, Secret, Signature, SpaceId},
    limits,
    log::heads::{After, Head},
    wire,
};

const CONSENT: &str = "alliance/1 consent";
const FOUNDING: &str = "alliance/1 founding";
/// What whoever agrees to be a recovery key signs beside the rest.
const RECOVERY: &[u8] = b"recovery";

/// A device's public keys: Ed25519 to sign with, X25519 to be sealed to (HPKE).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, CborLen)]
pub struct Keys {
    /// Signs; names the device.
    #[n(0)]
    pub device: DeviceId,
    /// Is sealed to.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub seal: [u8; 32],
}

impl Keys {
    /// The holder of these keys agrees to become a device of `member`: `secret` is that of `self.device`.
    pub fn consent(&self, secret: &Secret, space: &SpaceId, member: &MemberId) -> Signature {
        secret.sign(CONSENT, &[space.as_bytes(), member.as_bytes(), &self.seal])
    }

    /// True if the holder of these keys agreed to become a device of `member`.
    pub fn consented(&self, space: &SpaceId, member: &MemberId, consent: &Signature) -> bool {
        self.device.verify(CONSENT, &[space.as_bytes(), member.as_bytes(), &self.seal], consent)
    }
}

impl Genesis {
    /// A space that has no recovery key.
    pub fn without_recovery(kind: SpaceKind, founder: Keys) -> Self {
        Self { kind, founder, recovery: None, consent: None }
    }

    /// A space to which the recovery key agrees: `secret` is that of `recovery`.
    pub fn agreed(kind: SpaceKind, founder: Keys, recovery: Keys, secret: &Secret) -> Self {
        let consent = secret.sign(FOUNDING, &[&[kind as u8], founder.device.as_bytes(), &founder.seal, &recovery.seal]);
        Self { kind, founder, recovery: Some(recovery), consent: Some(consent) }
    }

    /// True if the recovery key agreed to this space. A space is named by the whole body of its genesis, so that has to say
    /// nothing else: otherwise the founder's key alone could make any number of spaces to which the recovery key agreed.
    pub fn is_agreed(&self, space: &SpaceId) -> bool {
        let Self { kind, founder, recovery: Some(recovery), consent: Some(consent) } = self else { return false };
        let plain = Control { after: After::default(), record: Record::Genesis(self.clone()) };
        if SpaceId::of(&plain.encode()) != *space {
            return false;
        }
        let parts: [&[u8]; 4] = [&[*kind as u8], founder.device.as_bytes(), &founder.seal, &recovery.seal];
        recovery.device.verify(FOUNDING, &parts, consent)
    }
}

impl AddDevice {
    /// The holder of these keys agrees to be added: `secret` is that of `device`.
    pub fn agreed(
        device: Keys,
        secret: &Secret,
        (space, member): (&SpaceId, &MemberId),
        (role, renews): (AddedRole, Option<DeviceId>),
    ) -> Self {
        let consent = secret.sign(CONSENT, &terms(&device, (space, member), (role, renews.as_ref())));
        Self { device, role, renews, consent }
    }

    /// True if the holder of these keys agreed to be added like this, for `member`.
    pub fn is_agreed(&self, space: &SpaceId, member: &MemberId) -> bool {
        let terms = terms(&self.device, (space, member), (self.role, self.renews.as_ref()));
        self.device.device.verify(CONSENT, &terms, &self.consent)
    }
}

/// What keys agree to that are added: an ordinary device that renews nothing to the same as one that joins.
fn terms<'a>(
    keys: &'a Keys,
    (space, member): (&'a SpaceId, &'a MemberId),
    (role, renews): (AddedRole, Option<&'a DeviceId>),
) -> Vec<&'a [u8]> {
    let role: &[u8] = if role == AddedRole::Recovery { RECOVERY } else { &[] };
    vec![space.as_bytes(), member.as_bytes(), &keys.seal, role, renews.map_or(&[], |renews| renews.as_bytes())]
}

/// What kind of space.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum SpaceKind {
    /// One person's own devices.
    #[n(0)]
    Personal,
    /// Two equals.
    #[n(1)]
    Alliance,
}

/// What an added key may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum AddedRole {
    /// An everyday device.
    #[n(0)]
    Ordinary,
    /// A recovery key; counts as one only if a recovery key adds it.
    #[n(1)]
    Recovery,
}

/// Whom an invitation is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum Purpose {
    /// The other person.
    #[n(0)]
    Member,
    /// Another device of the inviter.
    #[n(1)]
    OwnDevice,
}

/// Why a device was cut, for people to read; changes nothing in the fold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum Reason {
    /// No reason given.
    #[n(0)]
    Unsaid,
    /// The device is lost or stolen.
    #[n(1)]
    Lost,
    /// The device goes on under a new key.
    #[n(2)]
    Renewed,
    /// The invitation ran out.
    #[n(3)]
    Expired,
    /// The invitation was taken back.
    #[n(4)]
    Withdrawn,
}

/// First entry of a space; its encoded body names the space.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Genesis {
    /// Personal or alliance.
    #[n(0)]
    pub kind: SpaceKind,
    /// The founder's device, which signs this entry.
    #[n(1)]
    pub founder: Keys,
    /// The founder's recovery key.
    #[n(2)]
    pub recovery: Option<Keys>,
    /// The recovery key's own signature; spaces that an earlier version founded have none.
    #[n(3)]
    pub consent: Option<Signature>,
}

/// Another device of the author's member.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct AddDevice {
    /// The new device.
    #[n(0)]
    pub device: Keys,
    /// What it may do.
    #[n(1)]
    pub role: AddedRole,
    /// The key that it replaces, whose changes it may carry on.
    #[n(2)]
    pub renews: Option<DeviceId>,
    /// The new device's own signature.
    #[n(3)]
    pub consent: Signature,
}

/// A key that whoever holds an invitation's secret can derive.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Invite {
    /// The invitation's key.
    #[n(0)]
    pub key: Keys,
    /// Whom it is for.
    #[n(1)]
    pub purpose: Purpose,
    /// Last second, since 1970, in which relay and inviter take it; not part of the fold.
    #[n(2)]
    pub expires: u64,
}

impl Invite {
    /// True once its last second has passed.
    pub fn has_expired(&self, now: u64) -> bool {
        now > self.expires
    }
}

/// The invitation's key takes up the invitation.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Redeem {
    /// The joining device.
    #[n(0)]
    pub device: Keys,
    /// The joining member's recovery key, if the invitation is for a member.
    #[n(1)]
    pub recovery: Option<Keys>,
    /// The joining device's own signature.
    #[n(2)]
    pub consent: Signature,
    /// The recovery key's own signature, if there is one.
    #[n(3)]
    pub recovery_consent: Option<Signature>,
}

/// The inviter's device accepts one redemption.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Confirm {
    /// The entry with the [`Redeem`].
    #[n(0)]
    pub redeem: EntryId,
}

/// A device is out, for ever. The entry's past is the bound of what still counts.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Cut {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Why, for people.
    #[n(1)]
    pub reason: Reason,
}

/// The author's member ends every ordinary device and invitation of its own that the entry's past introduces.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Leave {}

/// The key of an older epoch, sealed under the key of a newer one.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
pub struct Parent {
    /// The older epoch.
    #[n(0)]
    pub epoch: EpochId,
    /// Nonce and sealed key, 72 bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: [u8; 72],
}

/// An epoch's key, sealed to one device (HPKE base mode).
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
pub struct Wrap {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Encapsulated key (32) and sealed epoch key (48), 80 bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: [u8; 80],
}

/// A new content key: opens everything behind it through its parents.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Epoch {
    /// Commitment to the key.
    #[n(0)]
    pub id: EpochId,
    /// Older epochs, whose entries are in this entry's past.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::WRAPS }>")]
    pub parents: Vec<Parent>,
    /// Who can open it.
    #[n(2)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::WRAPS }>")]
    pub wraps: Vec<Wrap>,
}

/// More devices that can open an epoch.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Grant {
    /// The entry with the [`Epoch`].
    #[n(0)]
    pub epoch: EntryId,
    /// Who can open it, too.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::WRAPS }>")]
    pub wraps: Vec<Wrap>,
}

/// The author recomputed a checkpoint and found it equal.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct AckCheckpoint {
    /// The checkpoint, by its hash.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub checkpoint: [u8; 32],
    /// The heads it covers.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::AFTER }>")]
    pub covered: Vec<Head>,
}

/// The author's member wants an item gone.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Forget {
    /// The item.
    #[n(0)]
    pub item: ItemId,
}

/// Any control record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// See [`Genesis`].
    Genesis(Genesis),
    /// See [`AddDevice`].
    AddDevice(AddDevice),
    /// See [`Invite`].
    Invite(Invite),
    /// See [`Redeem`].
    Redeem(Redeem),
    /// See [`Confirm`].
    Confirm(Confirm),
    /// See [`Cut`].
    Cut(Cut),
    /// See [`Leave`].
    Leave(Leave),
    /// See [`Epoch`].
    Epoch(Epoch),
    /// See [`Grant`].
    Grant(Grant),
    /// See [`AckCheckpoint`].
    AckCheckpoint(AckCheckpoint),
    /// See [`Forget`].
    Forget(Forget),
    /// A kind from a later version: kept, forwarded, without effect here.
    Unknown {
        /// Its number.
        kind: u32,
        /// Its bytes.
        body: Vec<u8>,
    },
}

/// The body of a control entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// What its author had processed.
    pub after: After,
    /// What it says.
    pub record: Record,
}

#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
struct Body {
    #[n(0)]
    after: After,
    #[n(1)]
    kind: u32,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    record: Vec<u8>,
}

impl Control {
    /// Deterministic CBOR.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, record) = match &self.record {
            Record::Genesis(record) => (0, wire::encode(record)),
            Record::AddDevice(record) => (1, wire::encode(record)),
            Record::Invite(record) => (2, wire::encode(record)),
            Record::Redeem(record) => (3, wire::encode(record)),
            Record::Confirm(record) => (4, wire::encode(record)),
            Record::Cut(record) => (5, wire::encode(record)),
            Record::Leave(record) => (6, wire::encode(record)),
            Record::Epoch(record) => (7, wire::encode(record)),
            Record::Grant(record) => (8, wire::encode(record)),
            Record::AckCheckpoint(record) => (9, wire::encode(record)),
            Record::Forget(record) => (10, wire::encode(record)),
            Record::Unknown { kind, body } => (*kind, body.clone()),
        };
        wire::encode(&Body { after: self.after.clone(), kind, record })
    }

    /// Parses the body of a control entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let Body { after, kind, record } = wire::decode("control body", bytes, limits::CONTROL_BODY)?;
        let record = match kind {
            0 => Record::Genesis(read("genesis", &record)?),
            1 => Record::AddDevice(read("device addition", &record)?),
            2 => Record::Invite(read("invitation", &record)?),
            3 => Record::Redeem(read("redemption", &record)?),
            4 => Record::Confirm(read("confirmation", &record)?),
            5 => Record::Cut(read("cut", &record)?),
            6 => Record::Leave(read("leave", &record)?),
            7 => Record::Epoch(read("epoch", &record)?),
            8 => Record::Grant(read("grant", &record)?),
            9 => Record::AckCheckpoint(read("checkpoint acknowledgement", &record)?),
            10 => Record::Forget(read("forget", &record)?),
            kind => Record::Unknown { kind, body: record },
        };
        Ok(Self { after, record })
    }
}

fn read<'b, T: Decode<'b, ()>>(what: &'static str, bytes: &'b [u8]) -> Result<T, Malformed> {
    wire::decode(what, bytes, limits::CONTROL_BODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_kept_as_it_came() {
        let control = Control { after: After::default(), record: Record::Unknown { kind: 99, body: vec![1, 2, 3] } };
        assert_eq!(Control::decode(&control.encode()).expect("decodes"), control);
    }

    #[test]
    fn consent_is_for_one_member_in_one_space_with_one_sealing_key() {
        let secret = Secret::from_seed(&[1; 32]);
        let keys = Keys { device: secret.public(), seal: [2; 32] };
        let (space, member) = (SpaceId::new([3; 16]), MemberId::new([4; 16]));
        let consent = keys.consent(&secret, &space, &member);
        assert!(keys.consented(&space, &member, &consent));
        assert!(!keys.consented(&space, &MemberId::new([5; 16]), &consent));
        assert!(!keys.consented(&SpaceId::new([6; 16]), &member, &consent));
        assert!(!Keys { seal: [9; 32], ..keys }.consented(&space, &member, &consent));
        let [ordinary, recovery] = [AddedRole::Ordinary, AddedRole::Recovery];
        let old = [Secret::from_seed(&[7; 32]).public(), Secret::from_seed(&[8; 32]).public()];
        let plain = AddDevice::agreed(keys, &secret, (&space, &member), (ordinary, None));
        assert_eq!(plain.consent, consent, "it agrees to the same as one that joins");
        let all = [(ordinary, None), (recovery, None), (ordinary, Some(old[0])), (recovery, Some(old[0]))];
        for (role, renews) in all {
            let added = AddDevice::agreed(keys, &secret, (&space, &member), (role, renews));
            assert!(added.is_agreed(&space, &member));
            assert!(!added.is_agreed(&space, &MemberId::new([5; 16])));
            for (role, renews) in all.into_iter().chain([(role, Some(old[1]))]) {
                let other = AddDevice { role, renews, ..added.clone() };
                assert_eq!(other.is_agreed(&space, &member), other == added, "{other:?}");
            }
        }
    }
}

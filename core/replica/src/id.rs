//! Names of things: devices, members, spaces, items, entries, epochs, and the keys that sign.
//!
//! Every name is either a public key or a labelled BLAKE3 hash of what it names, so nobody has to be asked for it and
//! nobody can swap what stands behind it. See `docs/protocol.md`, "Names".

use std::{fmt, marker::PhantomData};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use minicbor::{CborLen, Decode, Decoder, Encode, Encoder, bytes::DecodeBytes as _, decode, encode};
use zeroize::Zeroizing;

/// Says which kind of name an [`Id`] is; it has no values.
pub trait Kind {
    /// Name of the kind for people who debug.
    const NAME: &'static str;
}

/// A name of `N` bytes. Two names of different kinds are different types.
pub struct Id<K, const N: usize>([u8; N], PhantomData<fn() -> K>);

/// Kind of [`DeviceId`].
pub enum Device {}
/// Kind of [`MemberId`].
pub enum Member {}
/// Kind of [`SpaceId`].
pub enum Space {}
/// Kind of [`ItemId`].
pub enum Item {}
/// Kind of [`EntryId`].
pub enum EntryKind {}
/// Kind of [`EpochId`].
pub enum Epoch {}
/// Kind of [`ReplicaKey`].
pub enum Replica {}

impl Kind for Device {
    const NAME: &'static str = "device";
}
impl Kind for Member {
    const NAME: &'static str = "member";
}
impl Kind for Space {
    const NAME: &'static str = "space";
}
impl Kind for Item {
    const NAME: &'static str = "item";
}
impl Kind for EntryKind {
    const NAME: &'static str = "entry";
}
impl Kind for Epoch {
    const NAME: &'static str = "epoch";
}
impl Kind for Replica {
    const NAME: &'static str = "replica";
}

/// Ed25519 public key of a device in one space; fresh per space.
pub type DeviceId = Id<Device, 32>;
/// First 16 bytes of the hash of the member's first device.
pub type MemberId = Id<Member, 16>;
/// First 16 bytes of the hash of the genesis body.
pub type SpaceId = Id<Space, 16>;
/// First 16 bytes of the hash of an item's preimage.
pub type ItemId = Id<Item, 16>;
/// Hash of an entry's signed header, with its space and author.
pub type EntryId = Id<EntryKind, 32>;
/// Commitment to an epoch's key.
pub type EpochId = Id<Epoch, 32>;
/// Ed25519 public key of a replica (a relay's is pinned by its users; a laptop's is fresh per connection).
pub type ReplicaKey = Id<Replica, 32>;

impl<K, const N: usize> Id<K, N> {
    /// Takes the bytes as they are.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes, PhantomData)
    }

    /// Returns the name if `bytes` has exactly `N` bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// The bytes of the name.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Returns the name written as `2 N` hexadecimal digits, or nothing if the text is not of that form.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        if text.len() != 2 * N || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self::new(bytes))
    }

    /// First `N` bytes (`N` ≤ 32) of the labelled hash of `parts`, one after the other.
    fn hash(label: &str, parts: &[&[u8]]) -> Self {
        let digest = hash(label, parts);
        let mut bytes = [0; N];
        bytes.copy_from_slice(&digest[..N]);
        Self::new(bytes)
    }
}

impl<K, const N: usize> Clone for Id<K, N> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, const N: usize> Copy for Id<K, N> {}
impl<K, const N: usize> PartialEq for Id<K, N> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K, const N: usize> Eq for Id<K, N> {}
impl<K, const N: usize> PartialOrd for Id<K, N> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K, const N: usize> Ord for Id<K, N> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K, const N: usize> std::hash::Hash for Id<K, N> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K, const N: usize> AsRef<[u8]> for Id<K, N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
impl<K, const N: usize> fmt::Display for Id<K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl<K: Kind, const N: usize> fmt::Debug for Id<K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", K::NAME)?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl<C, K, const N: usize> Encode<C> for Id<K, N> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}
impl<C, K, const N: usize> CborLen<C> for Id<K, N> {
    fn cbor_len(&self, ctx: &mut C) -> usize {
        minicbor::bytes::cbor_len(self.0, ctx)
    }
}
impl<'b, C, K, const N: usize> Decode<'b, C> for Id<K, N> {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        <[u8; N]>::decode_bytes(d, ctx).map(Self::new)
    }
}

impl MemberId {
    /// The member whose first device is `device`.
    pub fn of(device: &DeviceId) -> Self {
        Self::hash("alliance/1 member", &[device.as_bytes()])
    }
}

impl SpaceId {
    /// The space whose genesis entry has this body.
    pub fn of(genesis_body: &[u8]) -> Self {
        Self::hash("alliance/1 space", &[genesis_body])
    }
}

impl ItemId {
    /// The item with this encoded preimage (kind, owner, creator, randomness).
    pub fn of(preimage: &[u8]) -> Self {
        Self::hash("alliance/1 item", &[preimage])
    }
}

impl EntryId {
    /// The entry of `device` in `space` with these header bytes.
    pub fn of(space: &SpaceId, device: &DeviceId, header: &[u8]) -> Self {
        Self::hash("alliance/1 entry", &[space.as_bytes(), device.as_bytes(), header])
    }
}

impl EpochId {
    /// The epoch of `space` whose key is `key`: a commitment, so one id has one key.
    pub fn of(space: &SpaceId, key: &[u8; 32]) -> Self {
        Self::hash("alliance/1 epoch", &[space.as_bytes(), key])
    }

    /// The eight bytes that a content header carries.
    pub fn prefix(&self) -> EpochPrefix {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&self.as_bytes()[..8]);
        prefix
    }
}

/// First eight bytes of an [`EpochId`].
pub type EpochPrefix = [u8; 8];

/// Labelled BLAKE3 (key-derivation mode) of `parts`, one after the other. Callers see to it that the parts cannot be
/// shifted against each other: all but the last have a fixed length.
pub fn hash(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(label);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}
impl<C> Encode<C> for Signature {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}
impl<C> CborLen<C> for Signature {
    fn cbor_len(&self, ctx: &mut C) -> usize {
        minicbor::bytes::cbor_len(self.0, ctx)
    }
}
impl<'b, C> Decode<'b, C> for Signature {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        <[u8; 64]>::decode_bytes(d, ctx).map(Self)
    }
}

/// A signing key (Ed25519, RFC 8032): of a device in one space, of an invitation, or of a replica. Wiped when dropped.
pub struct Secret(SigningKey);

impl Secret {
    /// The key pair of this 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for the one place that stores it.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half as a name of the wanted kind: [`DeviceId`] or [`ReplicaKey`].
    pub fn public<K>(&self) -> Id<K, 32> {
        Id::new(self.0.verifying_key().to_bytes())
    }

    /// Signature over `label ‖ parts`.
    pub fn sign(&self, label: &str, parts: &[&[u8]]) -> Signature {
        Signature(self.0.sign(&message(label, parts)).to_bytes())
    }
}

impl<K> Id<K, 32> {
    /// True if `signature` over `label ‖ parts` is by this key, by the strict rules (no weak keys, canonical `R` and `s`).
    pub fn verify(&self, label: &str, parts: &[&[u8]], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(&message(label, parts), &signature).is_ok())
    }
}

fn message(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = label.as_bytes().to_vec();
    parts.iter().for_each(|part| message.extend_from_slice(part));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways_and_refuses_other_lengths() {
        let id = MemberId::new([0xab; 16]);
        assert_eq!(MemberId::from_hex(&id.to_string()), Some(id));
        assert_eq!(MemberId::from_hex("ab"), None);
        assert_eq!(MemberId::from_hex(&"zz".repeat(16)), None);
    }

    #[test]
    fn a_signature_covers_label_and_every_byte() {
        let secret = Secret::from_seed(&[7; 32]);
        let device: DeviceId = secret.public();
        let signature = secret.sign("a", &[b"one", b"two"]);
        assert!(device.verify("a", &[b"one", b"two"], &signature));
        assert!(!device.verify("b", &[b"one", b"two"], &signature));
        assert!(!device.verify("a", &[b"one", b"twx"], &signature));
    }

    #[test]
    fn a_weak_public_key_verifies_nothing() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(!DeviceId::new(neutral).verify("", &[b"any"], &Signature(forged)));
    }

    #[test]
    fn names_of_different_kinds_differ_for_equal_bytes() {
        let bytes = [1; 32];
        assert_ne!(SpaceId::of(&bytes).as_bytes(), ItemId::of(&bytes).as_bytes());
    }
}

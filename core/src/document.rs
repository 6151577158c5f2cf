//! Facets of items as Automerge documents: what may be written to one, by whom, and which bytes from elsewhere to believe.
//!
//! Knows nothing of kinds, of what a field means, of spaces, of keys or of where bytes are kept. Whatever comes from
//! another device goes through [`incoming`] before Automerge sees it; whatever is read comes out through [`read`].

pub mod author;
mod bounds;
mod branch;
pub mod conflict;
pub mod counting;
pub mod facet;
pub mod fixed;
pub mod incoming;
mod meeting;
mod outline;
pub mod past;
pub mod read;
mod references;
pub mod text;
pub mod write;

pub use author::{ActorPrefix, Authors};
pub use automerge::{Change, ChangeHash};
pub use conflict::{Register, Scalar, Value};
pub use counting::{Applied, ApplyError, LeftOut, Outlines};
pub use facet::{Document, LoadError};
pub use fixed::{Schema, Shape, fixed_change, is_fixed};
pub use incoming::{Believed, Form, Incoming, Refusal, Seen};
pub use outline::Outline;
pub use past::{Past, UndoError, Written};
pub use text::Splice;
pub use write::{Edit, EditError, Editor, TextEdit};

use std::fmt;

use alliance_replica::{
    Malformed,
    id::{DeviceId, ItemId, MemberId},
    wire,
};
use minicbor::{Decode, Decoder, Encode, decode};
use rand_core::CryptoRng;

const PREIMAGE: usize = 160;

/// Who may write a facet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Writer {
    /// Every member: the shared facet.
    Everyone,
    /// One member's devices only.
    Only(MemberId),
}

impl Writer {
    /// The one member who may write; none if everyone may.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Self::Everyone => None,
            Self::Only(member) => Some(*member),
        }
    }
}

impl From<Option<MemberId>> for Writer {
    fn from(member: Option<MemberId>) -> Self {
        member.map_or(Self::Everyone, Self::Only)
    }
}

/// One facet of one item: one document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DocId {
    /// The item.
    pub item: ItemId,
    /// Who may write the facet.
    pub writer: Writer,
}

/// The name of a kind of item: up to 32 of `a` to `z` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindName(String);

impl KindName {
    const LENGTH: usize = 32;

    /// The name, if the text has its form.
    pub fn parse(text: &str) -> Option<Self> {
        let formed = (1..=Self::LENGTH).contains(&text.len());
        (formed && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for KindName {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for KindName {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        Self::parse(d.str()?).ok_or_else(|| decode::Error::message("not the name of a kind").at(at))
    }
}

/// What an item's id is the hash of: none of it can ever change.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Preimage {
    /// What kind of item.
    #[n(0)]
    pub kind: KindName,
    /// Whose it is; none if it belongs to both.
    #[n(1)]
    pub owner: Option<MemberId>,
    /// The device that made it.
    #[n(2)]
    pub creator: DeviceId,
    /// Randomness, so that two equal items have two ids.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 16],
}

impl Preimage {
    /// A new item.
    pub fn new(kind: KindName, owner: Option<MemberId>, creator: DeviceId, rng: &mut dyn CryptoRng) -> Self {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        Self { kind, owner, creator, nonce }
    }

    /// The one item of this kind that everybody in a space derives from its founder device: no owner, no randomness.
    pub fn of_space(kind: KindName, founder: DeviceId) -> Self {
        Self { kind, owner: None, creator: founder, nonce: [0; 16] }
    }

    /// Deterministic CBOR.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Reads a preimage.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        wire::decode("item preimage", bytes, PREIMAGE)
    }

    /// The item's id.
    pub fn id(&self) -> ItemId {
        ItemId::of(&self.encode())
    }
}

/// Heads in the order in which they are kept and compared.
pub(crate) fn sorted(mut heads: Vec<ChangeHash>) -> Vec<ChangeHash> {
    heads.sort_unstable();
    heads.dedup();
    heads
}

#[cfg(test)]
pub(crate) mod tests {
    use automerge::{
        ActorId, ExpandedChange,
        legacy::{Key, ObjectId, Op, OpType},
    };
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(seed)
    }

    pub(crate) fn device(n: u8) -> DeviceId {
        DeviceId::new([n; 32])
    }

    pub(crate) fn shared() -> DocId {
        DocId { item: ItemId::new([9; 16]), writer: Writer::Everyone }
    }

    /// A change that puts something at one key, after the one before it of its actor.
    pub(crate) fn put(actor: &ActorId, seq: u64, dependency: Option<ChangeHash>) -> Change {
        let operation = Op {
            action: OpType::Put("y".into()),
            obj: ObjectId::Root,
            key: Key::Map("x".into()),
            pred: Vec::new().into(),
            insert: false,
        };
        Change::from(ExpandedChange {
            operations: vec![operation],
            actor_id: actor.clone(),
            hash: None,
            seq,
            start_op: seq.try_into().expect("not 0"),
            time: 0,
            message: None,
            deps: dependency.into_iter().collect(),
            extra_bytes: Vec::new(),
            author: None,
        })
    }

    #[test]
    fn a_preimage_goes_both_ways_and_its_id_follows_every_field() {
        let kind = |name| KindName::parse(name).expect("a name");
        let note = Preimage::new(kind("note"), None, device(1), &mut rng(1));
        assert_eq!(Preimage::decode(&note.encode()).expect("read"), note);
        let owned = Preimage { owner: Some(MemberId::of(&device(1))), ..note.clone() };
        assert_eq!(Preimage::decode(&owned.encode()).expect("read"), owned);
        let others = [
            owned,
            Preimage { kind: kind("goal"), ..note.clone() },
            Preimage { creator: device(2), ..note.clone() },
            Preimage { nonce: [0; 16], ..note.clone() },
        ];
        for other in others {
            assert_ne!(other.id(), note.id());
        }
    }

    #[test]
    fn the_name_of_a_kind_is_short_and_plain() {
        assert!(KindName::parse("check-in").is_some());
        for bad in ["", "Note", "no te", "nöte", "note1", &"n".repeat(33)] {
            assert!(KindName::parse(bad).is_none(), "{bad}");
        }
        let mut bytes = Preimage::of_space(KindName::parse("note").expect("a name"), device(1)).encode();
        let at = bytes.windows(4).position(|w| w == b"note").expect("there");
        bytes[at] = b'N';
        assert!(Preimage::decode(&bytes).is_err());
    }

    #[test]
    fn the_item_of_a_space_has_a_frozen_id() {
        let alliance = Preimage::of_space(KindName::parse("alliance").expect("a name"), device(1));
        assert_eq!(alliance.id().to_string(), "4babadd4fc62cde03d955c1e89c55e54");
    }
}

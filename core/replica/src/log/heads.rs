//! Heads: where a chain stands, as its holder names it.

use minicbor::{CborLen, Decode, Encode};

use crate::{
    id::{DeviceId, EntryId},
    limits, wire,
};

/// Which of a device's two chains.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum Chain {
    /// Clear, small, never compacted: who belongs to the space and which epochs it has.
    #[n(0)]
    Control,
    /// Sealed: what people write.
    #[n(1)]
    Content,
}

/// One entry, named as the head of a chain or of one of its branches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, CborLen)]
pub struct Head {
    /// Whose chain.
    #[n(0)]
    pub device: DeviceId,
    /// Which of the two.
    #[n(1)]
    pub chain: Chain,
    /// Place in the chain, from 1.
    #[n(2)]
    #[cbor(decode_with = "wire::place")]
    pub seq: u64,
    /// The entry. An entry is its id, never its seq: a forked chain has several with one seq.
    #[n(3)]
    pub id: EntryId,
}

/// The heads that an entry's author had processed: together with the past of the entry's predecessor they reach all
/// that it had.
#[derive(Clone, PartialEq, Eq, Default, Debug, Encode, Decode, CborLen)]
#[cbor(transparent)]
pub struct After(
    #[n(0)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::AFTER }>")]
    pub Vec<Head>,
);

impl After {
    /// The heads in the one order in which an honest author writes them.
    pub fn new(heads: impl IntoIterator<Item = Head>) -> Self {
        let mut heads: Vec<_> = heads.into_iter().collect();
        heads.sort_unstable();
        heads.dedup();
        Self(heads)
    }

    /// The heads of control chains, the only ones for which a control entry waits.
    pub fn control(&self) -> impl Iterator<Item = &Head> {
        self.0.iter().filter(|head| head.chain == Chain::Control)
    }
}

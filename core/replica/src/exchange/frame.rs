//! Frames: what two replicas say to each other. One frame is one WebSocket message, or one length-prefixed record of a stream.

use minicbor::{CborLen, Decode, Encode};

use crate::{
    Malformed,
    id::{DeviceId, EntryId, EpochPrefix, ReplicaKey, Signature, SpaceId},
    limits,
    log::{
        entry::Entry,
        heads::{Chain, Head},
    },
    wire,
};

/// Number of an opened space on one connection, chosen by whoever opens it.
pub type Channel = u32;

/// First frame, both ways.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Hello {
    /// Lowest protocol version spoken.
    #[n(0)]
    pub oldest: u16,
    /// Highest protocol version spoken; the highest common one is used.
    #[n(1)]
    pub newest: u16,
    /// 32 fresh random bytes.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// The replica's key.
    #[n(3)]
    pub key: ReplicaKey,
}

/// Second frame, both ways: the replica key signs both Hellos.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Prove {
    /// By the key of one's own [`Hello`], over role and transcript.
    #[n(0)]
    pub signature: Signature,
}

/// A device opens a space.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Open {
    /// New on this connection.
    #[n(0)]
    pub channel: Channel,
    /// The space.
    #[n(1)]
    pub space: SpaceId,
    /// The opening device.
    #[n(2)]
    pub device: DeviceId,
    /// By that device, over transcript, channel and space.
    #[n(3)]
    pub proof: Signature,
}

/// A head that the sender has, with its past without a gap down to `low`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
pub struct HeldHead {
    /// The head.
    #[n(0)]
    pub head: Head,
    /// Lowest seq held without a gap below the head (its own seq + 1 if only the id is known).
    #[n(1)]
    pub low: u64,
}

/// Up to which seq a chain's content is covered by an acknowledged checkpoint that the sender holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
pub struct Floor {
    /// Whose content chain.
    #[n(0)]
    pub device: DeviceId,
    /// Highest covered seq.
    #[n(1)]
    pub seq: u64,
}

/// Ids 1, 2, 4, 8 … below each head of a forked chain.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
pub struct BackPoints {
    /// Whose chain.
    #[n(0)]
    pub device: DeviceId,
    /// Which of the two.
    #[n(1)]
    pub chain: Chain,
    /// The points, each held down to `low`.
    #[n(2)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::BACK_POINTS }>")]
    pub points: Vec<HeldHead>,
}

/// Keyed hash of a space, with which two laptops find out what they share: see [`super::Exchange::shared`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, CborLen)]
#[cbor(transparent)]
pub struct SpaceName(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 32],
);

/// The spaces of a laptop, or those of them that both have, among random names.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Names {
    /// In the order of their bytes.
    #[n(0)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::CHANNELS }>")]
    pub names: Vec<SpaceName>,
}

/// Answer to [`Open`] between two laptops: as which device the other one is in the space.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Opened {
    /// The channel that was opened.
    #[n(0)]
    pub channel: Channel,
    /// The answering device.
    #[n(1)]
    pub device: DeviceId,
    /// By that device, over transcript, channel and space.
    #[n(2)]
    pub proof: Signature,
}

/// Between two laptops: nothing is left to say on a channel, after all that came on it was taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Quiet {
    /// The channel.
    #[n(0)]
    pub channel: Channel,
}

/// An endpoint by which a laptop meets others. From a laptop its own; from a relay the one whose packets it passes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Endpoint {
    /// Its key.
    #[n(0)]
    pub key: ReplicaKey,
}

/// What the sender has of a space.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Have {
    /// The space's channel.
    #[n(0)]
    pub channel: Channel,
    /// Every branch head of every chain.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::HEADS }>")]
    pub heads: Vec<HeldHead>,
    /// Floors of content chains.
    #[n(2)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::HEADS }>")]
    pub floor: Vec<Floor>,
    /// Of chains that turned out to be forked.
    #[n(3)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::HEADS }>")]
    pub back: Vec<BackPoints>,
}

/// A path of one chain: each entry's predecessor is the one before it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Entries {
    /// The space's channel.
    #[n(0)]
    pub channel: Channel,
    /// Whose chain.
    #[n(1)]
    pub device: DeviceId,
    /// Which of the two.
    #[n(2)]
    pub chain: Chain,
    /// The path.
    #[n(3)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::PATH_ENTRIES }>")]
    pub entries: Vec<Entry>,
}

/// These entries, and what came before them on this connection in their chains, are on the sender's disk.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Ack {
    /// The space's channel.
    #[n(0)]
    pub channel: Channel,
    /// The last entry of each acknowledged path.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::HEADS }>")]
    pub heads: Vec<Head>,
}

/// Which spaces of this relay hold this key as a live one?
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Find {
    /// The key, usually a recovery key.
    #[n(0)]
    pub device: DeviceId,
    /// By that key, over the transcript.
    #[n(1)]
    pub proof: Signature,
}

/// Answer to [`Find`].
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Found {
    /// The key asked for.
    #[n(0)]
    pub device: DeviceId,
    /// The spaces.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::HEADS }>")]
    pub spaces: Vec<SpaceId>,
}

/// Forget your copy of this space.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct DropSpace {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// The key that may say so.
    #[n(1)]
    pub device: DeviceId,
    /// By that key, over transcript and space.
    #[n(2)]
    pub proof: Signature,
}

/// Answer to [`DropSpace`].
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Dropped {
    /// The space that was named.
    #[n(0)]
    pub space: SpaceId,
    /// Why it was not done; none if nothing of it is there any more.
    #[n(1)]
    #[cbor(decode_with = "wire::closed")]
    pub code: Option<Code>,
}

/// Something for the moment, stored by nobody: presence, addresses, heads.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Whisper {
    /// The space's channel.
    #[n(0)]
    pub channel: Channel,
    /// Start of the id of the epoch that sealed it.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub epoch: EpochPrefix,
    /// Who whispers.
    #[n(2)]
    pub device: DeviceId,
    /// Grows with every whisper of that device; an older one is dropped.
    #[n(3)]
    pub counter: u64,
    /// Nonce and sealed words.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
    /// By the device, over space and all fields but the channel.
    #[n(5)]
    pub signature: Signature,
}

/// Why something is refused; a closed set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum Code {
    /// No common protocol version.
    #[n(0)]
    Version,
    /// A frame that cannot be read, or comes when it must not.
    #[n(1)]
    Frame,
    /// A proof that does not hold.
    #[n(2)]
    Proof,
    /// The device does not belong to the space, or no longer.
    #[n(3)]
    NotMember,
    /// The space is not known here and was not given.
    #[n(4)]
    UnknownSpace,
    /// The invitation has run out, was used or was taken back.
    #[n(5)]
    Expired,
    /// An entry was refused; its chain goes no further on this connection.
    #[n(6)]
    Entry,
    /// Too much: quota, rate or connections.
    #[n(7)]
    Limit,
    /// The reader is too slow.
    #[n(8)]
    Slow,
    /// The replica stops; come back later.
    #[n(9)]
    Closing,
    /// The replica cannot write to its disk.
    #[n(10)]
    Storage,
    /// Something went wrong inside the replica.
    #[n(11)]
    Internal,
    /// The replica wants a token to take a new space.
    #[n(12)]
    Token,
}

/// A refusal; without a channel it ends the connection.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Error {
    /// Why.
    #[n(0)]
    pub code: Code,
    /// The channel that ends; none if the connection does.
    #[n(1)]
    pub channel: Option<Channel>,
    /// The entry that was refused, if one was.
    #[n(2)]
    pub entry: Option<EntryId>,
}

/// Any frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// See [`Hello`].
    Hello(Hello),
    /// See [`Prove`].
    Prove(Prove),
    /// See [`Open`].
    Open(Open),
    /// See [`Have`].
    Have(Have),
    /// See [`Entries`].
    Entries(Entries),
    /// See [`Ack`].
    Ack(Ack),
    /// See [`Find`].
    Find(Find),
    /// See [`Found`].
    Found(Found),
    /// See [`Whisper`].
    Whisper(Whisper),
    /// See [`Error`].
    Error(Error),
    /// See [`DropSpace`].
    Drop(DropSpace),
    /// See [`Dropped`].
    Dropped(Dropped),
    /// See [`Names`].
    Names(Names),
    /// See [`Opened`].
    Opened(Opened),
    /// See [`Quiet`].
    Quiet(Quiet),
    /// See [`Endpoint`].
    Endpoint(Endpoint),
    /// A kind from a later version, to be passed over.
    Unknown(u8),
}

impl Frame {
    /// One byte that says which kind, then CBOR.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Hello(frame) => (0, wire::encode(frame)),
            Self::Prove(frame) => (1, wire::encode(frame)),
            Self::Open(frame) => (2, wire::encode(frame)),
            Self::Have(frame) => (3, wire::encode(frame)),
            Self::Entries(frame) => (4, wire::encode(frame)),
            Self::Ack(frame) => (5, wire::encode(frame)),
            Self::Find(frame) => (6, wire::encode(frame)),
            Self::Found(frame) => (7, wire::encode(frame)),
            Self::Whisper(frame) => (8, wire::encode(frame)),
            Self::Error(frame) => (9, wire::encode(frame)),
            Self::Drop(frame) => (10, wire::encode(frame)),
            Self::Dropped(frame) => (11, wire::encode(frame)),
            Self::Names(frame) => (12, wire::encode(frame)),
            Self::Opened(frame) => (13, wire::encode(frame)),
            Self::Quiet(frame) => (14, wire::encode(frame)),
            Self::Endpoint(frame) => (15, wire::encode(frame)),
            Self::Unknown(kind) => (*kind, Vec::new()),
        };
        let mut bytes = Vec::with_capacity(1 + body.len());
        bytes.push(kind);
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Parses one frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > limits::FRAME {
            return Err(Malformed::TooLarge { what: "frame", size: bytes.len(), limit: limits::FRAME });
        }
        let (kind, body) = bytes.split_first().ok_or(Malformed::Impossible { what: "frame", why: "it is empty" })?;
        Ok(match kind {
            0 => Self::Hello(read("hello", body)?),
            1 => Self::Prove(read("prove", body)?),
            2 => Self::Open(read("open", body)?),
            3 => Self::Have(read("have", body)?),
            4 => Self::Entries(read("entries", body)?),
            5 => Self::Ack(read("ack", body)?),
            6 => Self::Find(read("find", body)?),
            7 => Self::Found(read("found", body)?),
            8 => Self::Whisper(read("whisper", body)?),
            9 => Self::Error(read("error", body)?),
            10 => Self::Drop(read("drop", body)?),
            11 => Self::Dropped(read("dropped", body)?),
            12 => Self::Names(read("names", body)?),
            13 => Self::Opened(read("opened", body)?),
            14 => Self::Quiet(read("quiet", body)?),
            15 => Self::Endpoint(read("endpoint", body)?),
            kind => Self::Unknown(*kind),
        })
    }
}

fn read<'b, T: Decode<'b, ()>>(what: &'static str, bytes: &'b [u8]) -> Result<T, Malformed> {
    wire::decode(what, bytes, limits::FRAME)
}

//! What a content entry says before it is sealed: what its author had processed, and one part a document.
//!
//! A part's bytes are compressed one by one (zstd, RFC 8878). This is the only inflation in the protocol, so its bound
//! is here: the declared lengths of an entry's parts share one budget, and memory is taken only for what the compressed
//! bytes can hold. What the inflated bytes say is the business of `document`.

use std::{cell::RefCell, collections::BTreeSet, io};

use alliance_replica::{
    Malformed,
    id::{ItemId, MemberId},
    limits,
    log::heads::{After, Chain},
    wire,
};
use minicbor::{CborLen, Decode, Encode};
use zstd::bulk::{Compressor, Decompressor};

/// Measured on Automerge's bytes: beyond 6, sizes shrink by less than 1 % and times grow by half and more.
const LEVEL: i32 = 6;

thread_local! {
    /// Making its tables anew takes longer than packing a key.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}
/// A zstd block of at least 4 bytes (RFC 8878, sections 3.1.1.2 and 3.1.1.2.4) gives at most 128 KiB.
const RATIO: usize = 128 * 1024 / 4;

/// The plaintext of a content entry.
#[derive(Clone, PartialEq, Eq, Default, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Content {
    /// What its author had processed.
    #[n(0)]
    pub after: After,
    /// What it writes, at most one part a document. Empty in an entry that is only a receipt.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { limits::PARTS }>")]
    pub parts: Vec<Part>,
    /// Content that its author keeps although a cut sets it aside. What an entry keeps it also names.
    #[n(2)]
    pub keeps: After,
}

/// What an entry writes in one document.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Part {
    /// The item.
    #[n(0)]
    pub item: ItemId,
    /// Whose facet of it; none for everyone's.
    #[n(1)]
    pub writer: Option<MemberId>,
    /// What the item's id is the hash of, when the receiver may not have it.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub preimage: Option<Vec<u8>>,
    /// What the inflated bytes are.
    #[n(3)]
    pub form: Form,
    /// How many bytes it inflates to.
    #[n(4)]
    pub length: u32,
    /// One zstd frame.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub packed: Vec<u8>,
}

/// What the bytes of a part are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(index_only)]
pub enum Form {
    /// Automerge change chunks, uncompressed, one after the other.
    #[n(0)]
    Changes,
    /// One Automerge document chunk, uncompressed.
    #[n(1)]
    Snapshot,
}

/// Why a part cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes than an entry's parts may inflate to.
    #[error("part of {length} bytes is over the {left} that its entry may still inflate to")]
    Budget {
        /// Bytes it has or says it has.
        length: usize,
        /// Bytes left of [`limits::INFLATED`].
        left: usize,
    },
    /// The compressed bytes cannot hold what they are said to.
    #[error("{packed} compressed bytes cannot hold {length}")]
    Unbelievable {
        /// Compressed bytes.
        packed: usize,
        /// Bytes that they are said to inflate to.
        length: usize,
    },
    /// Not a zstd frame, or one that inflates to more than the part says.
    #[error("compressed bytes are malformed or inflate to more than they say")]
    Inflate(#[source] io::Error),
    /// Inflates to less than the part says.
    #[error("compressed bytes inflate to {found} bytes, not to {length}")]
    Length {
        /// Bytes found.
        found: usize,
        /// Bytes said.
        length: usize,
    },
    /// More follows the frame.
    #[error("compressed bytes are more than one frame")]
    Trailing,
}

impl Content {
    /// All that it names: what its author had processed, and what it keeps.
    pub fn named(&self) -> After {
        After::new(self.after.0.iter().chain(&self.keeps.0).copied())
    }

    /// Deterministic CBOR.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Parses the plaintext of a content entry; two parts for one document are refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let content: Self = wire::decode("content", bytes, limits::CONTENT_BODY)?;
        let impossible = |why| Err(Malformed::Impossible { what: "content", why });
        let documents: BTreeSet<_> = content.parts.iter().map(|part| (part.item, part.writer)).collect();
        if documents.len() < content.parts.len() {
            return impossible("two parts are for one document");
        }
        if content.keeps.0.iter().any(|head| head.chain != Chain::Content) {
            return impossible("it keeps what is not content");
        }
        Ok(content)
    }
}

impl Part {
    /// Packs `raw` for a facet of an item.
    pub fn pack(
        item: ItemId,
        writer: Option<MemberId>,
        preimage: Option<Vec<u8>>,
        form: Form,
        raw: &[u8],
    ) -> Result<Self, Error> {
        if raw.len() > limits::INFLATED {
            return Err(Error::Budget { length: raw.len(), left: limits::INFLATED });
        }
        let length = u32::try_from(raw.len()).expect("64 MiB fit in 32 bits");
        let packed = PACKER.with_borrow_mut(|packer| match packer {
            Some(packer) => packer.compress(raw),
            None => packer.insert(Compressor::new(LEVEL)?).compress(raw),
        });
        let packed = packed.map_err(Error::Inflate)?;
        Ok(Self { item, writer, preimage, form, length, packed })
    }

    /// The bytes that were packed. `budget` is what the entry's parts may still inflate to: [`limits::INFLATED`] before
    /// the first part.
    pub fn unpack(&self, budget: &mut usize) -> Result<Vec<u8>, Error> {
        let (length, packed) = (self.length as usize, self.packed.len());
        *budget = budget.checked_sub(length).ok_or(Error::Budget { length, left: *budget })?;
        if length > packed.saturating_mul(RATIO) {
            return Err(Error::Unbelievable { packed, length });
        }
        let mut raw = vec![0; length];
        let found = UNPACKER.with_borrow_mut(|unpacker| match unpacker {
            Some(unpacker) => unpacker.decompress_to_buffer(&self.packed, &mut raw),
            None => unpacker.insert(Decompressor::new()?).decompress_to_buffer(&self.packed, &mut raw),
        });
        let found = found.map_err(Error::Inflate)?;
        if found != length {
            return Err(Error::Length { found, length });
        }
        match zstd::zstd_safe::find_frame_compressed_size(&self.packed) {
            Ok(frame) if frame == packed => Ok(raw),
            _ => Err(Error::Trailing),
        }
    }
}

#[cfg(test)]
mod tests {
    use alliance_replica::{
        id::{DeviceId, EntryId},
        log::heads::{Chain, Head},
    };
    use data_encoding::HEXLOWER;
    use minicbor::Encoder;

    use super::*;

    const ITEM: ItemId = ItemId::new([1; 16]);

    fn head(number: u8) -> Head {
        Head { device: DeviceId::new([number; 32]), chain: Chain::Content, seq: 1, id: EntryId::new([number; 32]) }
    }

    fn part(raw: &[u8]) -> Part {
        Part::pack(ITEM, None, None, Form::Changes, raw).expect("packs")
    }

    fn unpack(length: usize, packed: &[u8]) -> Result<Vec<u8>, Error> {
        let part = Part { length: u32::try_from(length).expect("32 bits"), packed: packed.to_vec(), ..part(b"") };
        part.unpack(&mut { limits::INFLATED })
    }

    /// A frame of `blocks` blocks that repeat one byte 128 KiB, whose header claims `claimed` bytes.
    fn bomb(claimed: u32, blocks: usize) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
        frame.extend_from_slice(&claimed.to_le_bytes());
        for block in 1..=blocks {
            let header: u32 = ((128 * 1024) << 3) | (1 << 1) | u32::from(block == blocks);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(7);
        }
        frame
    }

    #[test]
    fn content_survives_its_bytes() {
        let own = Part {
            writer: Some(MemberId::new([2; 16])),
            preimage: Some(vec![3; 40]),
            form: Form::Snapshot,
            ..part(b"own")
        };
        let content = Content {
            after: After::new([head(1), head(2)]),
            parts: vec![part(b"shared"), own],
            keeps: After::new([head(3)]),
        };
        assert_eq!(Content::decode(&content.encode()).expect("decodes"), content);
        assert_eq!(Content::decode(&Content::default().encode()).expect("decodes"), Content::default());
    }

    #[test]
    fn content_has_frozen_bytes_apart_from_what_zstd_makes_of_a_part() {
        let own = Part {
            writer: Some(MemberId::new([2; 16])),
            preimage: Some(vec![3; 2]),
            form: Form::Snapshot,
            packed: vec![4; 3],
            ..part(b"own")
        };
        let content = Content { after: After::new([head(1)]), parts: vec![own], ..Content::default() };
        let frozen = concat!(
            "a300818458200101010101010101010101010101010101010101010101010101010101010101010158",
            "2001010101010101010101010101010101010101010101010101010101010101010181a60050010101",
            "0101010101010101010101010101500202020202020202020202020202020202420303030104030543",
            "0404040280",
        );
        assert_eq!(HEXLOWER.encode(&content.encode()), frozen);
    }

    #[test]
    fn keys_of_a_later_version_are_skipped() {
        let mut bytes = Vec::new();
        let mut e = Encoder::new(&mut bytes);
        e.map(4)
            .and_then(|e| e.u8(0)?.array(0)?.u8(1)?.array(0)?.u8(2)?.array(0)?.u8(99)?.str("later"))
            .expect("a vector takes all");
        assert_eq!(Content::decode(&bytes).expect("decodes"), Content::default());
    }

    #[test]
    fn too_many_parts_and_two_parts_for_one_document_are_refused() {
        let many = |count: u32| Content {
            parts: (0..count)
                .map(|at| {
                    let mut item = [0; 16];
                    item[..4].copy_from_slice(&at.to_be_bytes());
                    Part { item: ItemId::new(item), ..part(b"") }
                })
                .collect(),
            ..Content::default()
        };
        assert!(Content::decode(&many(4096).encode()).is_ok());
        assert!(matches!(Content::decode(&many(4097).encode()), Err(Malformed::Cbor { .. })));

        let mut content = Content { parts: vec![part(b"one"), part(b"two")], ..Content::default() };
        assert!(matches!(Content::decode(&content.encode()), Err(Malformed::Impossible { .. })));
        content.parts[0].writer = Some(MemberId::new([2; 16]));
        assert!(Content::decode(&content.encode()).is_ok());
    }

    #[test]
    fn only_content_is_kept() {
        let mut content = Content { keeps: After::new([head(1)]), ..Content::default() };
        assert!(Content::decode(&content.encode()).is_ok());
        content.keeps.0[0].chain = Chain::Control;
        assert!(matches!(Content::decode(&content.encode()), Err(Malformed::Impossible { .. })));
    }

    #[test]
    fn every_truncation_of_content_is_refused() {
        let bytes =
            Content { after: After::new([head(1)]), parts: vec![part(b"shared")], ..Content::default() }.encode();
        for length in 0..bytes.len() {
            assert!(Content::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn parts_inflate_to_what_was_packed_and_share_one_budget() {
        let raw: Vec<u8> = (0..20_000_u32).flat_map(|number| (number % 251).to_be_bytes()).collect();
        let mut budget = raw.len() * 2 + 1;
        for _ in 0..2 {
            assert_eq!(part(&raw).unpack(&mut budget).expect("inflates"), raw);
        }
        let refused = part(&raw).unpack(&mut budget);
        assert!(matches!(refused, Err(Error::Budget { left: 1, length }) if length == raw.len()));
        assert_eq!(part(b"").unpack(&mut budget).expect("inflates"), b"");
        assert_eq!(budget, 1);
    }

    #[test]
    fn one_byte_more_or_less_than_said_is_refused() {
        let packed = part(&[5; 1000]).packed;
        assert!(unpack(1000, &packed).is_ok());
        assert!(matches!(unpack(999, &packed), Err(Error::Inflate(_))));
        assert!(matches!(unpack(1001, &packed), Err(Error::Length { found: 1000, length: 1001 })));
        assert!(matches!(unpack(0, &packed), Err(Error::Inflate(_))));
    }

    #[test]
    fn bombs_are_refused_before_memory_is_taken() {
        const GIB: u32 = 1 << 30;
        let honest = 22 * 128 * 1024;
        let bomb_of = |claimed| bomb(claimed, 22);
        assert_eq!(bomb_of(GIB).len(), 97);
        assert_eq!(unpack(honest, &bomb_of(honest as u32)).expect("what it says").len(), honest);
        assert!(matches!(unpack(GIB as usize, &bomb_of(GIB)), Err(Error::Budget { .. })));
        assert!(matches!(unpack(limits::INFLATED, &bomb_of(GIB)), Err(Error::Unbelievable { .. })));
        assert!(matches!(unpack(honest, &bomb_of(GIB)), Err(Error::Inflate(_))));
        assert!(matches!(unpack(1000, &bomb_of(1000)), Err(Error::Inflate(_))));
        let endless = bomb(GIB, 8192);
        assert!(endless.len() < 33_000);
        assert!(matches!(unpack(limits::INFLATED, &endless), Err(Error::Inflate(_))));
    }

    #[test]
    fn bytes_after_the_frame_are_refused() {
        let packed = part(b"some text").packed;
        let twice = [&packed[..], &packed[..]].concat();
        assert!(matches!(unpack(18, &twice), Err(Error::Trailing)));
        let skippable = [&packed[..], &[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]].concat();
        assert!(matches!(unpack(9, &skippable), Err(Error::Trailing)));
        assert!(unpack(9, &[&packed[..], &[0]].concat()).is_err());
    }

    #[test]
    fn no_changed_byte_and_no_truncation_of_a_frame_panics_or_overruns() {
        let packed = part(&b"the quick brown fox jumps over the lazy dog. ".repeat(20)).packed;
        for at in 0..packed.len() {
            assert!(unpack(900, &packed[..at]).is_err(), "length {at}");
            for bit in 0..8 {
                let mut bad = packed.clone();
                bad[at] ^= 1 << bit;
                assert!(unpack(900, &bad).map_or(true, |raw| raw.len() == 900));
            }
        }
    }

    #[test]
    fn more_than_an_entry_may_inflate_to_is_not_packed() {
        let raw = vec![0; limits::INFLATED + 1];
        assert!(matches!(Part::pack(ITEM, None, None, Form::Changes, &raw), Err(Error::Budget { .. })));
    }
}

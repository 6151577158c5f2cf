//! An entry of a device's chain: header, signature, body; exactly as received.

use minicbor::{CborLen, Decode, Encode};

use crate::{
    Malformed,
    id::{DeviceId, EntryId, EpochPrefix, Secret, Signature, SpaceId},
    limits,
    log::heads::Chain,
    wire,
};

const SIGNED: &str = "alliance/1 entry";

/// The signed part of an entry. Space and device are known from context and not repeated.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Header {
    /// Version of the entry's format, 1.
    #[n(0)]
    pub version: u16,
    /// Which of the device's chains.
    #[n(1)]
    pub chain: Chain,
    /// Place in the chain, from 1.
    #[n(2)]
    pub seq: u64,
    /// The entry before it; none for seq 1.
    #[n(3)]
    pub prev: Option<EntryId>,
    /// Start of the id of the epoch that sealed the body; content only.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub epoch: Option<EpochPrefix>,
    /// Bytes of the body.
    #[n(5)]
    pub length: u32,
    /// BLAKE3 of the body.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub body: [u8; 32],
}

/// What a header says before the body is known: the part that a sealed body is bound to.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Place {
    /// Version of the entry's format, 1.
    #[n(0)]
    pub version: u16,
    /// Which of the device's chains.
    #[n(1)]
    pub chain: Chain,
    /// Place in the chain, from 1.
    #[n(2)]
    pub seq: u64,
    /// The entry before it; none for seq 1.
    #[n(3)]
    pub prev: Option<EntryId>,
    /// Start of the id of the epoch that seals the body; content only.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub epoch: Option<EpochPrefix>,
}

impl Place {
    /// Deterministic CBOR, for the associated data of a sealed body.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// The header of the entry at this place with this body.
    pub fn header(&self, body: &[u8]) -> Header {
        Header {
            version: self.version,
            chain: self.chain,
            seq: self.seq,
            prev: self.prev,
            epoch: self.epoch,
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            body: *blake3::hash(body).as_bytes(),
        }
    }
}

impl Header {
    /// The header without what depends on the body.
    pub fn place(&self) -> Place {
        Place { version: self.version, chain: self.chain, seq: self.seq, prev: self.prev, epoch: self.epoch }
    }

    /// Parses a header and checks what can be known from its bytes alone.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let header: Self = wire::decode("header", bytes, limits::HEADER)?;
        let impossible = |why| Err(Malformed::Impossible { what: "header", why });
        let limit = match header.chain {
            Chain::Control => limits::CONTROL_BODY,
            Chain::Content => limits::CONTENT_BODY,
        };
        if header.seq == 0 || (header.seq == 1) != header.prev.is_none() {
            return impossible("seq and predecessor do not fit");
        }
        if (header.chain == Chain::Content) != header.epoch.is_some() {
            return impossible("chain and epoch do not fit");
        }
        if header.length as usize > limit {
            return Err(Malformed::TooLarge { what: "body", size: header.length as usize, limit });
        }
        Ok(header)
    }
}

/// An entry as it travels and is stored.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
pub struct Entry {
    /// The encoded [`Header`], exactly as its author wrote it.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub header: Vec<u8>,
    /// The author's signature over label, space and header.
    #[n(1)]
    pub signature: Signature,
    /// A control record in the clear, or sealed content.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// An entry whose signature and body hash are right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Its name.
    pub id: EntryId,
    /// Its author.
    pub device: DeviceId,
    /// Its parsed header.
    pub header: Header,
    /// Its bytes.
    pub entry: Entry,
}

/// Why an entry's own bytes are refused.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The header cannot be read.
    #[error("header cannot be read")]
    Header(#[from] Malformed),
    /// A version that this code does not know.
    #[error("entry version {0} is not known")]
    Version(u16),
    /// The body is not the one that the header names.
    #[error("body does not match its header")]
    Body,
    /// The signature is not by the author over these bytes.
    #[error("signature is not by its author")]
    Signature,
}

impl Entry {
    /// Signs the entry of `author` at `place` with this body.
    pub fn sign(space: &SpaceId, author: &Secret, place: &Place, body: Vec<u8>) -> Verified {
        let header = place.header(&body);
        let bytes = wire::encode(&header);
        let device = author.public();
        Verified {
            id: EntryId::of(space, &device, &bytes),
            device,
            header,
            entry: Self { signature: author.sign(SIGNED, &[space.as_bytes(), &bytes]), header: bytes, body },
        }
    }

    /// Checks everything that the entry's own bytes can show: form, limits, body hash, and last the signature.
    pub fn verify(self, space: &SpaceId, device: &DeviceId) -> Result<Verified, Invalid> {
        let header = Header::decode(&self.header)?;
        if header.version != 1 {
            return Err(Invalid::Version(header.version));
        }
        if header.length as usize != self.body.len() || header.body != *blake3::hash(&self.body).as_bytes() {
            return Err(Invalid::Body);
        }
        if !device.verify(SIGNED, &[space.as_bytes(), &self.header], &self.signature) {
            return Err(Invalid::Signature);
        }
        Ok(self.trust(space, device, header))
    }

    /// Takes an entry from one's own disk, where it was put after [`Entry::verify`].
    pub fn trusted(self, space: &SpaceId, device: &DeviceId) -> Result<Verified, Invalid> {
        let header = Header::decode(&self.header)?;
        Ok(self.trust(space, device, header))
    }

    /// Bytes that the entry takes on a disk or a wire, without framing.
    pub fn size(&self) -> usize {
        self.header.len() + self.signature.0.len() + self.body.len()
    }

    fn trust(self, space: &SpaceId, device: &DeviceId, header: Header) -> Verified {
        Verified { id: EntryId::of(space, device, &self.header), device: *device, header, entry: self }
    }
}

impl Verified {
    /// The head that names this entry.
    pub fn head(&self) -> crate::log::heads::Head {
        crate::log::heads::Head { device: self.device, chain: self.header.chain, seq: self.header.seq, id: self.id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(body: &[u8]) -> (SpaceId, Verified) {
        let space = SpaceId::new([3; 16]);
        let place = Place { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None };
        (space, Entry::sign(&space, &Secret::from_seed(&[1; 32]), &place, body.to_vec()))
    }

    #[test]
    fn a_signed_entry_verifies_and_keeps_its_id() {
        let (space, entry) = signed(b"body");
        assert_eq!(entry.entry.clone().verify(&space, &entry.device).expect("valid"), entry);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let (space, entry) = signed(b"body");
        for at in 0..entry.entry.header.len() {
            let mut bad = entry.entry.clone();
            bad.header[at] ^= 1;
            assert!(bad.verify(&space, &entry.device).is_err(), "header byte {at}");
        }
        for at in 0..64 {
            let mut bad = entry.entry.clone();
            bad.signature.0[at] ^= 1;
            assert!(bad.verify(&space, &entry.device).is_err(), "signature byte {at}");
        }
        let mut bad = entry.entry.clone();
        bad.body[0] ^= 1;
        assert!(matches!(bad.verify(&space, &entry.device), Err(Invalid::Body)));
        let elsewhere = SpaceId::new([4; 16]);
        assert!(matches!(entry.entry.verify(&elsewhere, &entry.device), Err(Invalid::Signature)));
    }

    #[test]
    fn header_and_signature_are_small() {
        let place = Place {
            version: 1,
            chain: Chain::Content,
            seq: 1 << 40,
            prev: Some(EntryId::new([1; 32])),
            epoch: Some([2; 8]),
        };
        let header = wire::encode(&place.header(&[0; 1 << 20]));
        assert!(header.len() + 64 + 40 < 220, "{} bytes", header.len());
    }

    #[test]
    fn impossible_headers_are_refused() {
        let place = Place { version: 1, chain: Chain::Control, seq: 2, prev: None, epoch: None };
        assert!(Header::decode(&wire::encode(&place.header(b""))).is_err());
        let place = Place { version: 1, chain: Chain::Content, seq: 1, prev: None, epoch: None };
        assert!(Header::decode(&wire::encode(&place.header(b""))).is_err());
    }
}

//! What a backup says, record after record: who made it, then each space with its log and with what was not sent.
//!
//! A record is its length (4 bytes), its kind (1 byte) and its CBOR. Records are taken one by one, so neither making nor
//! reading a backup takes more memory than its largest record. The last one holds a signature of each space's device over
//! all that stands before it: nobody else makes a backup of that device.

use std::io::{Read, Write};

use alliance_replica::{
    id::{DeviceId, ItemId, MemberId, ReplicaKey, Signature, SpaceId, hash},
    limits,
    log::{control::SpaceKind, entry::Entry},
    wire,
};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

use crate::{
    app::BackupError,
    keys::{
        DeviceSecret,
        backup::{Error, Opener, Sealer},
    },
};

const RECORD: &str = "alliance/1 backup record";
const SIGNED: &str = "alliance/1 backup";

/// Most bytes of a record: a change may be as large as a part when it is inflated.
const LARGEST: usize = limits::INFLATED + 4096;
/// Most relays of a space, and most spaces.
pub(super) const RELAYS: usize = 64;
const SPACES: usize = 1024;

/// Whose backup it is.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct Begin {
    /// The person's name.
    #[n(0)]
    pub(super) name: String,
    /// Their role.
    #[n(1)]
    pub(super) role: String,
    /// How they call the computer that made it.
    #[n(2)]
    pub(super) computer: String,
    /// Unix seconds on that computer's clock.
    #[n(3)]
    pub(super) made: i64,
}

/// A space; its entries and then its changes follow.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct SpaceHead {
    #[n(0)]
    pub(super) space: SpaceId,
    #[n(1)]
    pub(super) kind: SpaceKind,
    /// Whose the device is.
    #[n(2)]
    pub(super) member: MemberId,
    /// The device that made the backup.
    #[n(3)]
    pub(super) device: DeviceId,
    #[n(4)]
    #[cbor(decode_with = "wire::list::<_, _, RELAYS>")]
    pub(super) relays: Vec<RelayHead>,
}

/// A relay that a space is exchanged through.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct RelayHead {
    #[n(0)]
    pub(super) url: String,
    #[n(1)]
    pub(super) key: Option<ReplicaKey>,
}

/// An entry, as in the log.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct Written {
    #[n(0)]
    pub(super) device: DeviceId,
    #[n(1)]
    pub(super) entry: Entry,
}

/// A change that was not sealed yet.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct Unsent {
    /// What one action of the person changed, together.
    #[n(0)]
    pub(super) intent: u32,
    #[n(1)]
    pub(super) item: ItemId,
    #[n(2)]
    pub(super) writer: Option<MemberId>,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) preimage: Vec<u8>,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) bytes: Vec<u8>,
}

/// The last record.
#[derive(PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
struct End {
    /// One a space, in the order of the spaces.
    #[n(0)]
    #[cbor(decode_with = "wire::list::<_, _, SPACES>")]
    signatures: Vec<Signature>,
}

/// One record after the other.
#[derive(Debug)]
pub(super) enum Piece {
    Space(SpaceHead),
    Entry(Written),
    Unsent(Unsent),
    /// The file has ended as it should.
    End,
}

const BEGIN: u8 = 0;
const SPACE: u8 = 1;
const ENTRY: u8 = 2;
const UNSENT: u8 = 3;
const END: u8 = 4;

/// A backup that is written.
pub(super) struct Writing<W> {
    sealer: Sealer<W>,
    digest: [u8; 32],
}

impl<W: Write> Writing<W> {
    pub(super) fn begin(sealer: Sealer<W>, begin: &Begin, rng: &mut dyn CryptoRng) -> Result<Self, BackupError> {
        let mut writing = Self { sealer, digest: [0; 32] };
        writing.put(BEGIN, begin, rng)?;
        Ok(writing)
    }

    pub(super) fn space(&mut self, space: &SpaceHead, rng: &mut dyn CryptoRng) -> Result<(), BackupError> {
        self.put(SPACE, space, rng)
    }

    pub(super) fn entry(&mut self, entry: &Written, rng: &mut dyn CryptoRng) -> Result<(), BackupError> {
        self.put(ENTRY, entry, rng)
    }

    pub(super) fn unsent(&mut self, change: &Unsent, rng: &mut dyn CryptoRng) -> Result<(), BackupError> {
        self.put(UNSENT, change, rng)
    }

    /// Ends the file with a signature by each space's device.
    pub(super) fn end(
        mut self,
        signers: &[(SpaceId, DeviceSecret)],
        rng: &mut dyn CryptoRng,
    ) -> Result<W, BackupError> {
        let digest = self.digest;
        let sign =
            |(space, secret): &(SpaceId, DeviceSecret)| secret.signing().sign(SIGNED, &[space.as_bytes(), &digest]);
        self.put(END, &End { signatures: signers.iter().map(sign).collect() }, rng)?;
        self.sealer.finish(rng).map_err(BackupError::Write)
    }

    fn put<T: Encode<()>>(&mut self, kind: u8, record: &T, rng: &mut dyn CryptoRng) -> Result<(), BackupError> {
        let bytes = wire::encode(record);
        self.digest = hash(RECORD, &[&self.digest, &[kind], &bytes]);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut push = |bytes: &[u8]| self.sealer.push(bytes, rng).map_err(BackupError::Write);
        push(&length)?;
        push(&[kind])?;
        push(&bytes)
    }
}

/// A backup that is read.
pub(super) struct Reading<R> {
    opener: Opener<R>,
    digest: [u8; 32],
    /// The spaces so far, and who signs for each.
    signers: Vec<(SpaceId, DeviceId)>,
    over: bool,
}

impl<R: Read> Reading<R> {
    pub(super) fn begin(opener: Opener<R>) -> Result<(Self, Begin), BackupError> {
        let mut reading = Self { opener, digest: [0; 32], signers: Vec::new(), over: false };
        match reading.record()? {
            (BEGIN, bytes) => Ok((reading, decode(&bytes)?)),
            _ => Err(damaged("it does not begin with whose it is")),
        }
    }

    /// The next record; whoever has the last one knows that all before it are right.
    pub(super) fn next(&mut self) -> Result<Piece, BackupError> {
        if self.over {
            return Ok(Piece::End);
        }
        let before = self.digest;
        let (kind, bytes) = self.record()?;
        let inside = !self.signers.is_empty();
        match kind {
            SPACE if self.signers.len() < SPACES => {
                let head: SpaceHead = decode(&bytes)?;
                if self.signers.iter().any(|(space, _)| *space == head.space) {
                    return Err(damaged("a space is in it twice"));
                }
                self.signers.push((head.space, head.device));
                Ok(Piece::Space(head))
            }
            ENTRY if inside => Ok(Piece::Entry(decode(&bytes)?)),
            UNSENT if inside => Ok(Piece::Unsent(decode(&bytes)?)),
            END => {
                let End { signatures } = decode(&bytes)?;
                let is_signed = |((space, device), signature): (&(SpaceId, DeviceId), &Signature)| {
                    device.verify(SIGNED, &[space.as_bytes(), &before], signature)
                };
                if signatures.len() != self.signers.len() || !self.signers.iter().zip(&signatures).all(is_signed) {
                    return Err(damaged("its signatures are wrong"));
                }
                if self.opener.read(1)?.is_some() {
                    return Err(damaged("something follows its end"));
                }
                self.over = true;
                Ok(Piece::End)
            }
            _ => Err(damaged("a part of it is not known")),
        }
    }

    fn record(&mut self) -> Result<(u8, Vec<u8>), BackupError> {
        let short = || damaged("it ends too early");
        let head = self.opener.read(5)?.ok_or_else(short)?;
        let (length, kind) = (u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize, head[4]);
        if length > LARGEST {
            return Err(damaged("a part of it is too large"));
        }
        let bytes = self.opener.read(length)?.ok_or_else(short)?.to_vec();
        self.digest = hash(RECORD, &[&self.digest, &[kind], &bytes]);
        Ok((kind, bytes))
    }
}

fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, BackupError> {
    wire::decode("record", bytes, LARGEST).map_err(|_| damaged("a part of it cannot be read"))
}

/// What is wrong with a file that opens.
pub(super) fn damaged(what: &'static str) -> BackupError {
    BackupError::File(Error::Damaged(what))
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;
    use crate::keys::backup::Opening;

    const SPACE: SpaceId = SpaceId::new([1; 16]);

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(1)
    }

    fn device(n: u8) -> DeviceSecret {
        DeviceSecret::from_bytes(&[n; 64])
    }

    fn begin() -> Begin {
        Begin { name: "Anna".to_owned(), role: "client".to_owned(), computer: String::new(), made: 5 }
    }

    fn head(space: SpaceId) -> SpaceHead {
        let (kind, device) = (SpaceKind::Personal, device(1).id());
        SpaceHead { space, kind, member: MemberId::of(&device), device, relays: Vec::new() }
    }

    fn unsent() -> Unsent {
        Unsent { intent: 0, item: ItemId::new([2; 16]), writer: None, preimage: vec![3], bytes: vec![4; 100] }
    }

    fn writing() -> Writing<Vec<u8>> {
        let sealer = Sealer::new(Vec::new(), &[device(9).keys()], None, &mut rng()).expect("begins");
        Writing::begin(sealer, &begin(), &mut rng()).expect("begins")
    }

    /// A file with these records, signed by these.
    fn file(say: impl FnOnce(&mut Writing<Vec<u8>>), signers: &[(SpaceId, DeviceSecret)]) -> Vec<u8> {
        let mut writing = writing();
        say(&mut writing);
        writing.end(signers, &mut rng()).expect("ends")
    }

    /// How many records are read before the end, or what is wrong.
    fn read(file: &[u8]) -> Result<usize, String> {
        let with = device(9);
        let opener = Opener::new(file, &Opening { devices: vec![&with], epochs: Vec::new() }).expect("opens");
        let (mut reading, first) = Reading::begin(opener).map_err(|error| error.to_string())?;
        assert_eq!(first, begin());
        let mut count = 0;
        loop {
            match reading.next().map_err(|error| error.to_string())? {
                Piece::End => return Ok(count),
                _ => count += 1,
            }
        }
    }

    #[test]
    fn what_is_written_is_read_and_nobody_else_signs_for_a_device() {
        let say = |writing: &mut Writing<Vec<u8>>| {
            writing.space(&head(SPACE), &mut rng()).expect("a space");
            writing.unsent(&unsent(), &mut rng()).expect("a change");
        };
        assert_eq!(read(&file(say, &[(SPACE, device(1))])), Ok(2));
        let elsewhere = SpaceId::new([7; 16]);
        for signers in [vec![], vec![(SPACE, device(2))], vec![(elsewhere, device(1))]] {
            let refused = read(&file(say, &signers)).expect_err("refused");
            assert!(refused.contains("signatures"), "{refused}");
        }
    }

    #[test]
    fn a_signature_covers_all_that_stands_before_it() {
        let signed = |change: &Unsent| {
            let mut writing = writing();
            writing.space(&head(SPACE), &mut rng()).expect("a space");
            writing.unsent(change, &mut rng()).expect("a change");
            let digest = writing.digest;
            (writing, device(1).signing().sign(SIGNED, &[SPACE.as_bytes(), &digest]))
        };
        let (_, signature) = signed(&unsent());
        let (mut other, _) = signed(&Unsent { bytes: vec![5; 100], ..unsent() });
        other.put(END, &End { signatures: vec![signature] }, &mut rng()).expect("an end");
        let refused = read(&other.sealer.finish(&mut rng()).expect("ends")).expect_err("refused");
        assert!(refused.contains("signatures"), "{refused}");
    }

    #[test]
    fn records_out_of_place_too_large_or_unknown_are_refused() {
        let twice = |writing: &mut Writing<Vec<u8>>| {
            writing.space(&head(SPACE), &mut rng()).expect("a space");
            writing.space(&head(SPACE), &mut rng()).expect("a space");
        };
        let alone = |writing: &mut Writing<Vec<u8>>| writing.unsent(&unsent(), &mut rng()).expect("a change");
        let unknown = |writing: &mut Writing<Vec<u8>>| writing.put(9, &unsent(), &mut rng()).expect("a record");
        let again = |writing: &mut Writing<Vec<u8>>| writing.put(BEGIN, &begin(), &mut rng()).expect("a record");
        let other = |writing: &mut Writing<Vec<u8>>| {
            writing.space(&head(SPACE), &mut rng()).expect("a space");
            writing.put(ENTRY, &begin(), &mut rng()).expect("a record");
        };
        let huge = |writing: &mut Writing<Vec<u8>>| {
            writing.sealer.push(&[0xff, 0xff, 0xff, 0xff, UNSENT], &mut rng()).expect("bytes");
        };
        let longer = |writing: &mut Writing<Vec<u8>>| {
            writing.sealer.push(&[0x03, 0xff, 0xff, 0xff, UNSENT, 1], &mut rng()).expect("bytes");
        };
        let signers = || [(SPACE, device(1))];
        for (file, why) in [
            (file(twice, &[(SPACE, device(1)), (SPACE, device(1))]), "twice"),
            (file(alone, &signers()), "not known"),
            (file(unknown, &signers()), "not known"),
            (file(again, &signers()), "not known"),
            (file(other, &signers()), "cannot be read"),
            (file(huge, &signers()), "too large"),
            (file(longer, &signers()), "too early"),
        ] {
            let refused = read(&file).expect_err("refused");
            assert!(refused.contains(why), "{why}: {refused}");
        }
        let mut ended = writing();
        ended.put(END, &End { signatures: Vec::new() }, &mut rng()).expect("an end");
        ended.sealer.push(&[0], &mut rng()).expect("bytes");
        let refused = read(&ended.sealer.finish(&mut rng()).expect("ends")).expect_err("refused");
        assert!(refused.contains("follows"), "{refused}");
        let mut sealer = Sealer::new(Vec::new(), &[device(9).keys()], None, &mut rng()).expect("begins");
        sealer.push(&[], &mut rng()).expect("nothing");
        assert!(read(&sealer.finish(&mut rng()).expect("ends")).is_err(), "nothing at all");
    }
}

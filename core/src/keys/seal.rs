//! Content bodies: sealed under an epoch's key, bound to their place, padded.
//!
//! `body = nonce (24) ‖ XChaCha20-Poly1305(zeros (16) ‖ padded plaintext)`, associated data = label ‖ space ‖ device ‖
//! place. Poly1305 alone would let somebody who holds two keys make one body that opens under both, and eight bytes of
//! an epoch's id can be met on purpose; the block of zeros makes that infeasible (Albertini et al., "How to Abuse and
//! Fix Authenticated Encryption Without Key Commitment", USENIX Security 2022). `padded = plaintext ‖ 0x01 ‖ zeros`, to
//! the length that PADMÉ gives (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
//! PURBs", PETS 2019): at most 12 % more, and only O(log log n) bits of the length to see.

use alliance_replica::{
    id::{DeviceId, EpochId, EpochPrefix, SpaceId},
    limits,
    log::{
        entry::Place,
        heads::{Chain, Head},
    },
};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    epoch::EpochKey,
    keyring::Keyring,
    primitives::{self, NONCE, NotAuthentic, TAG},
};

const LABEL: &str = "alliance/1 content";
const FORMAT: u16 = 1;
const COMMITMENT: [u8; 16] = [0; 16];
const END: u8 = 1;

/// Why content cannot be sealed or opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// More than one entry holds.
    #[error("content would take {0} sealed bytes, more than one entry holds")]
    TooLarge(usize),
    /// The place is not in a content chain.
    #[error("place is not in a content chain")]
    NotContent,
    /// No key is known for this epoch; it may be learned later.
    #[error("no key is known for epoch {:016x}", u64::from_be_bytes(*.0))]
    UnknownEpoch(EpochPrefix),
    /// Sealed with another key, by another device, for another place or space, or changed since. If another epoch
    /// whose id starts alike is learned later, that one may open it.
    #[error("content does not open")]
    Sealed(#[source] NotAuthentic),
    /// Opens, but is not bound to its key. Another one that is learned later may be the one it is bound to.
    #[error("content is not bound to its key")]
    Uncommitted,
    /// Opens, but its padding is not the one that its length asks for.
    #[error("padding is malformed")]
    Padding,
}

/// Bytes of the body that seals `plaintext` bytes.
pub fn sealed_size(plaintext: usize) -> usize {
    NONCE + COMMITMENT.len() + padme(plaintext + 1) + TAG
}

/// Seals the plaintext of the entry of `device` that follows `prev`, under an epoch's key.
///
/// Returns where the entry stands and its body, for `Entry::sign`.
pub fn seal(
    key: &EpochKey,
    space: &SpaceId,
    device: &DeviceId,
    prev: Option<&Head>,
    plaintext: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<(Place, Vec<u8>), Error> {
    let size = sealed_size(plaintext.len());
    if size > limits::CONTENT_BODY {
        return Err(Error::TooLarge(size));
    }
    let place = Place {
        version: FORMAT,
        chain: Chain::Content,
        seq: prev.map_or(1, |head| head.seq.saturating_add(1)),
        prev: prev.map(|head| head.id),
        epoch: Some(key.id(space).prefix()),
    };
    let body = primitives::seal(key.as_bytes(), &aad(space, device, &place), &pad(plaintext), rng);
    Ok((place, body))
}

/// What a body said.
pub struct Opened {
    /// The epoch that sealed it.
    pub epoch: EpochId,
    /// The plaintext.
    pub plaintext: Zeroizing<Vec<u8>>,
}

/// Opens the body of the entry of `device` at `place`, with whichever key of the keyring fits.
pub fn open(keyring: &Keyring, device: &DeviceId, place: &Place, body: &[u8]) -> Result<Opened, Error> {
    let prefix = place.epoch.filter(|_| place.chain == Chain::Content).ok_or(Error::NotContent)?;
    if body.len() > limits::CONTENT_BODY {
        return Err(Error::TooLarge(body.len()));
    }
    let aad = aad(keyring.space(), device, place);
    let mut refused = Error::UnknownEpoch(prefix);
    for key in keyring.candidates(prefix) {
        match primitives::open(key.as_bytes(), &aad, body).map_err(Error::Sealed).and_then(unpad) {
            Ok(plaintext) => return Ok(Opened { epoch: key.id(keyring.space()), plaintext }),
            // It is bound to this key, so no other one opens it.
            Err(Error::Padding) => return Err(Error::Padding),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn aad(space: &SpaceId, device: &DeviceId, place: &Place) -> Vec<u8> {
    [LABEL.as_bytes(), space.as_bytes(), device.as_bytes(), &place.encode()].concat()
}

/// Commitment block and padded plaintext.
fn pad(plaintext: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = COMMITMENT.len() + padme(plaintext.len() + 1);
    let mut padded = Zeroizing::new(Vec::with_capacity(length));
    padded.extend_from_slice(&COMMITMENT);
    padded.extend_from_slice(plaintext);
    padded.push(END);
    padded.resize(length, 0);
    padded
}

/// The plaintext of what [`pad`] made; anything that [`pad`] cannot have made is refused.
fn unpad(mut opened: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (commitment, padded) = opened.split_first_chunk::<{ COMMITMENT.len() }>().ok_or(Error::Uncommitted)?;
    if !bool::from(COMMITMENT.ct_eq(commitment)) {
        return Err(Error::Uncommitted);
    }
    let length = padded.iter().rposition(|byte| *byte != 0).filter(|at| padded[*at] == END).ok_or(Error::Padding)?;
    if padded.len() != padme(length + 1) {
        return Err(Error::Padding);
    }
    opened.truncate(COMMITMENT.len() + length);
    opened.drain(..COMMITMENT.len());
    Ok(opened)
}

/// The padded length of `length` bytes (at least 1): the next number of which at most the highest
/// `log₂ log₂ length + 1` bits are set. Paper's algorithm 1.
fn padme(length: usize) -> usize {
    let exponent = length.ilog2();
    let kept = exponent.checked_ilog2().map_or(0, |bits| bits + 1);
    let mask = (1 << (exponent - kept)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::{EntryId, Secret};
    use alliance_replica::log::entry::Entry;
    use data_encoding::HEXLOWER;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const SPACE: SpaceId = SpaceId::new([1; 16]);
    const DEVICE: DeviceId = DeviceId::new([2; 32]);
    const PREV: Head = Head { device: DEVICE, chain: Chain::Content, seq: 41, id: EntryId::new([3; 32]) };

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    fn key() -> EpochKey {
        EpochKey::from_bytes(&[4; 32])
    }

    fn keyring() -> Keyring {
        let mut keyring = Keyring::new(SPACE);
        keyring.insert(key());
        keyring
    }

    fn sealed(plaintext: &[u8]) -> (Place, Vec<u8>) {
        seal(&key(), &SPACE, &DEVICE, Some(&PREV), plaintext, &mut rng()).expect("seals")
    }

    /// A body that is authentic but whose padded plaintext is ours to choose.
    fn raw(padded: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (place, _) = sealed(b"");
        let body = primitives::seal(key().as_bytes(), &aad(&SPACE, &DEVICE, &place), padded, &mut rng());
        open(&keyring(), &DEVICE, &place, &body).map(|opened| opened.plaintext)
    }

    #[test]
    fn a_sealed_body_is_frozen() {
        let (place, body) = sealed(b"hello");
        let frozen = concat!(
            "a50001010102182a03582003030303030303030303030303030303",
            "0303030303030303030303030303030304489f87eccf52d7b93e",
        );
        assert_eq!(HEXLOWER.encode(&place.encode()), frozen);
        let frozen = concat!(
            "f400927857aaf64114f561baacb379708c79a1dc1476ab574a8dc1c550b1c6",
            "3b01b17b72f6bd6e848b5deff906f101a9ebbf0e28f33f558fac567e95c44e",
        );
        assert_eq!(HEXLOWER.encode(&body), frozen);
    }

    #[test]
    fn every_length_comes_back() {
        for length in (0..300).chain([4095, 4096, 65_535, 1_000_000]) {
            let plaintext = vec![1; length];
            let (place, body) = sealed(&plaintext);
            assert_eq!(body.len(), sealed_size(length));
            let opened = open(&keyring(), &DEVICE, &place, &body).expect("opens");
            assert_eq!((opened.epoch, &*opened.plaintext), (key().id(&SPACE), &plaintext));
        }
    }

    #[test]
    fn the_first_entry_of_a_chain_has_no_predecessor() {
        let (place, _) = seal(&key(), &SPACE, &DEVICE, None, b"x", &mut rng()).expect("seals");
        assert_eq!((place.seq, place.prev), (1, None));
    }

    #[test]
    fn every_changed_byte_and_every_other_length_is_refused() {
        let (place, body) = sealed(b"hello");
        let refused = |body: &[u8]| open(&keyring(), &DEVICE, &place, body).err();
        for at in 0..body.len() {
            let mut bad = body.clone();
            bad[at] ^= 1;
            assert_eq!(refused(&bad), Some(Error::Sealed(NotAuthentic)), "byte {at}");
            assert_eq!(refused(&body[..at]), Some(Error::Sealed(NotAuthentic)), "length {at}");
        }
        assert_eq!(refused(&[&body[..], &[0]].concat()), Some(Error::Sealed(NotAuthentic)));
        let large = vec![0; limits::CONTENT_BODY + 1];
        assert_eq!(refused(&large), Some(Error::TooLarge(large.len())));
    }

    #[test]
    fn a_body_opens_only_in_its_space_for_its_device_at_its_place() {
        let (place, body) = sealed(b"hello");
        let refused = |device: &DeviceId, place: &Place| open(&keyring(), device, place, &body).err();
        let authentic = Some(Error::Sealed(NotAuthentic));
        assert_eq!(refused(&DEVICE, &place), None);
        assert_eq!(refused(&DeviceId::new([9; 32]), &place), authentic);
        assert_eq!(refused(&DEVICE, &Place { seq: 43, ..place.clone() }), authentic);
        assert_eq!(refused(&DEVICE, &Place { prev: Some(EntryId::new([9; 32])), ..place.clone() }), authentic);
        assert_eq!(refused(&DEVICE, &Place { prev: None, ..place.clone() }), authentic);
        assert_eq!(refused(&DEVICE, &Place { version: 2, ..place.clone() }), authentic);
        let other = Place { epoch: Some([9; 8]), ..place.clone() };
        assert_eq!(refused(&DEVICE, &other), Some(Error::UnknownEpoch([9; 8])));
        assert_eq!(refused(&DEVICE, &Place { epoch: None, ..place.clone() }), Some(Error::NotContent));
        assert_eq!(refused(&DEVICE, &Place { chain: Chain::Control, ..place.clone() }), Some(Error::NotContent));

        let mut elsewhere = Keyring::new(SpaceId::new([9; 16]));
        elsewhere.insert_as(key().id(&SPACE), key());
        assert_eq!(open(&elsewhere, &DEVICE, &place, &body).err(), authentic);
    }

    #[test]
    fn every_key_whose_epoch_starts_alike_is_tried() {
        let (place, body) = sealed(b"hello");
        let alike = |last: u8| {
            let mut id = [last; 32];
            id[..8].copy_from_slice(&key().id(&SPACE).prefix());
            EpochId::new(id)
        };
        for last in [0, 0xff] {
            let mut keyring = Keyring::new(SPACE);
            keyring.insert_as(alike(last), EpochKey::from_bytes(&[5; 32]));
            assert_eq!(open(&keyring, &DEVICE, &place, &body).err(), Some(Error::Sealed(NotAuthentic)));
            keyring.insert(key());
            assert_eq!(open(&keyring, &DEVICE, &place, &body).expect("opens").epoch, key().id(&SPACE));
        }
    }

    #[test]
    fn an_authentic_body_without_its_commitment_is_refused() {
        assert!(raw(&pad(b"hello")).is_ok());
        for at in 0..COMMITMENT.len() {
            let mut bad = pad(b"hello");
            bad[at] ^= 0x80;
            assert_eq!(raw(&bad).err(), Some(Error::Uncommitted), "byte {at}");
            assert_eq!(raw(&[0; 16][..at]).err(), Some(Error::Uncommitted), "length {at}");
        }
    }

    #[test]
    fn padding_that_is_absent_wrong_too_short_or_too_long_is_refused() {
        let refused = |padded: &[u8]| raw(&[&COMMITMENT[..], padded].concat()).err();
        assert_eq!(refused(&[END]), None);
        assert_eq!(refused(&[]), Some(Error::Padding));
        assert_eq!(refused(&[0; 8]), Some(Error::Padding), "no end");
        assert_eq!(refused(&[7, 2]), Some(Error::Padding), "another end");
        assert_eq!(refused(&[7, END, 0]), Some(Error::Padding), "longer than needed");
        let short: Vec<u8> = [&[7; 100][..], &[END]].concat();
        assert_eq!(padme(short.len()), 104);
        for zeros in 0..200 {
            let padded = [&short[..], &vec![0; zeros]].concat();
            assert_eq!(refused(&padded).is_none(), zeros == 3, "{zeros} zeros");
        }
    }

    #[test]
    fn padded_lengths_are_frozen() {
        let lengths = [1, 2, 3, 8, 9, 10, 17, 100, 1000, 1025, 4097, 27_000, 1_000_000];
        let padded = [1, 2, 3, 8, 10, 10, 18, 104, 1024, 1088, 4352, 27_648, 1_015_808];
        assert_eq!(lengths.map(padme), padded);
        assert!((1..100_000).all(|length| (length..=length * 112 / 100 + 1).contains(&padme(length))));
    }

    #[test]
    fn more_than_an_entry_holds_is_not_sealed() {
        let largest = (0..limits::CONTENT_BODY).rev().find(|size| sealed_size(*size) <= limits::CONTENT_BODY);
        let plaintext = vec![1; largest.expect("something fits") + 1];
        assert!(seal(&key(), &SPACE, &DEVICE, None, &plaintext[1..], &mut rng()).is_ok());
        let refused = seal(&key(), &SPACE, &DEVICE, None, &plaintext, &mut rng()).err();
        assert_eq!(refused, Some(Error::TooLarge(sealed_size(plaintext.len()))));
    }

    #[test]
    fn an_entry_adds_at_most_260_bytes_to_its_padded_plaintext() {
        let late = Head { seq: u64::MAX - 1, ..PREV };
        let plaintext = vec![1; 1_000_000];
        let (place, body) = seal(&key(), &SPACE, &DEVICE, Some(&late), &plaintext, &mut rng()).expect("seals");
        let entry = Entry::sign(&SPACE, &Secret::from_seed(&[1; 32]), &place, body).entry;
        let overhead = alliance_replica::wire::encode(&entry).len() - padme(plaintext.len() + 1);
        assert!(overhead <= 260, "{overhead} bytes");
    }
}

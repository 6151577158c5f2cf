//! Whispers: a few words for the moment, sealed under an epoch and signed, that nobody keeps.
//!
//! `sealed = nonce (24) ‖ XChaCha20-Poly1305(zeros (16) ‖ padded words)`, associated data = label ‖ space ‖ device ‖
//! counter. The zeros bind the words to their key as in [`super::seal`]. `padded = words ‖ 0x01 ‖ zeros`, to a multiple
//! of [`BLOCK`], so that whispers look alike. The device signs label ‖ space ‖ epoch prefix ‖ device ‖ counter ‖ sealed.

use alliance_replica::{
    exchange::frame::{Channel, Whisper},
    id::SpaceId,
};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    device::DeviceSecret,
    epoch::EpochKey,
    keyring::Keyring,
    primitives::{self, NONCE, TAG},
};

const LABEL: &str = "alliance/1 whisper";
const COMMITMENT: [u8; 16] = [0; 16];
const END: u8 = 1;

/// Padded words are a multiple of this many bytes.
pub const BLOCK: usize = 256;
/// Most sealed bytes that are handed on or opened.
pub const LARGEST: usize = 4096;

/// Why a whisper is not listened to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// More than is handed on.
    #[error("whisper has {0} sealed bytes")]
    TooLarge(usize),
    /// Not by the device that it names.
    #[error("whisper is not signed by its device")]
    Signature,
    /// No key that is known opens it.
    #[error("whisper does not open")]
    Sealed,
}

/// Whispers words as a device, under an epoch's key.
pub fn seal(
    key: &EpochKey,
    space: &SpaceId,
    device: &DeviceSecret,
    channel: Channel,
    counter: u64,
    words: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<Whisper, Error> {
    let padded = (words.len() + 1).next_multiple_of(BLOCK);
    let size = NONCE + COMMITMENT.len() + padded + TAG;
    if size > LARGEST {
        return Err(Error::TooLarge(size));
    }
    let mut plaintext = Zeroizing::new(Vec::with_capacity(COMMITMENT.len() + padded));
    plaintext.extend_from_slice(&COMMITMENT);
    plaintext.extend_from_slice(words);
    plaintext.push(END);
    plaintext.resize(COMMITMENT.len() + padded, 0);
    let mut whisper = Whisper {
        channel,
        epoch: key.id(space).prefix(),
        device: device.id(),
        counter,
        sealed: Vec::new(),
        signature: device.signing().sign(LABEL, &[]),
    };
    whisper.sealed = primitives::seal(key.as_bytes(), &aad(space, &whisper), &plaintext, rng);
    whisper.signature = signed(space, &whisper, |parts| device.signing().sign(LABEL, parts));
    Ok(whisper)
}

/// The words of a whisper, with whichever key of the keyring fits. Whether its device may whisper is not asked here.
pub fn open(keyring: &Keyring, whisper: &Whisper) -> Result<Zeroizing<Vec<u8>>, Error> {
    if whisper.sealed.len() > LARGEST {
        return Err(Error::TooLarge(whisper.sealed.len()));
    }
    if !signed(keyring.space(), whisper, |parts| whisper.device.verify(LABEL, parts, &whisper.signature)) {
        return Err(Error::Signature);
    }
    let aad = aad(keyring.space(), whisper);
    let mut opened = keyring.candidates(whisper.epoch).filter_map(|key| {
        let opened = primitives::open(key.as_bytes(), &aad, &whisper.sealed).ok()?;
        words(&opened).map(|words| Zeroizing::new(words.to_vec()))
    });
    opened.next().ok_or(Error::Sealed)
}

/// The words in what was opened; none if it is not bound to its key, or not padded as it must be.
fn words(opened: &[u8]) -> Option<&[u8]> {
    let (commitment, padded) = opened.split_first_chunk::<{ COMMITMENT.len() }>()?;
    let end = padded.iter().rposition(|byte| *byte != 0).filter(|at| padded[*at] == END)?;
    let whole = bool::from(COMMITMENT.ct_eq(commitment)) && padded.len() == (end + 1).next_multiple_of(BLOCK);
    whole.then(|| &padded[..end])
}

fn aad(space: &SpaceId, whisper: &Whisper) -> Vec<u8> {
    [LABEL.as_bytes(), space.as_bytes(), whisper.device.as_bytes(), &whisper.counter.to_be_bytes()].concat()
}

fn signed<T>(space: &SpaceId, whisper: &Whisper, act: impl FnOnce(&[&[u8]]) -> T) -> T {
    let counter = whisper.counter.to_be_bytes();
    act(&[space.as_bytes(), &whisper.epoch, whisper.device.as_bytes(), &counter, &whisper.sealed])
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const SPACE: SpaceId = SpaceId::new([1; 16]);

    fn device() -> DeviceSecret {
        DeviceSecret::from_bytes(&[7; 64])
    }

    fn keyring(space: SpaceId, key: u8) -> Keyring {
        let mut keyring = Keyring::new(space);
        keyring.insert(EpochKey::from_bytes(&[key; 32]));
        keyring
    }

    fn whisper(words: &[u8]) -> Whisper {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        seal(&EpochKey::from_bytes(&[5; 32]), &SPACE, &device(), 4, 9, words, &mut rng).expect("small")
    }

    /// A whisper that was changed after it was made, and signed again by its own device.
    fn resigned(change: impl FnOnce(&mut Whisper)) -> Whisper {
        let mut changed = whisper(b"hello");
        change(&mut changed);
        changed.signature = signed(&SPACE, &changed, |parts| device().signing().sign(LABEL, parts));
        changed
    }

    #[test]
    fn who_has_the_key_hears_it_on_any_channel() {
        let heard = open(&keyring(SPACE, 5), &Whisper { channel: 77, ..whisper(b"hello") }).expect("opens");
        assert_eq!(**heard, *b"hello");
        assert_eq!(open(&keyring(SPACE, 6), &whisper(b"hello")), Err(Error::Sealed));
        assert_eq!(open(&keyring(SpaceId::new([2; 16]), 5), &whisper(b"hello")), Err(Error::Signature));
    }

    #[test]
    fn whatever_is_changed_is_not_listened_to() {
        let ring = keyring(SPACE, 5);
        let good = whisper(b"hello");
        let mut sealed = good.sealed.clone();
        sealed[30] ^= 1;
        for bad in [
            Whisper { counter: 10, ..good.clone() },
            Whisper { device: DeviceSecret::from_bytes(&[8; 64]).id(), ..good.clone() },
            Whisper { epoch: [0; 8], ..good.clone() },
            Whisper { sealed, ..good.clone() },
        ] {
            assert_eq!(open(&ring, &bad), Err(Error::Signature));
        }
        // Nor may its own device say it again under another counter without sealing it again.
        assert_eq!(open(&ring, &resigned(|it| it.counter = 10)), Err(Error::Sealed));
        assert_eq!(open(&ring, &resigned(|it| it.sealed[30] ^= 1)), Err(Error::Sealed));
        assert!(open(&ring, &resigned(|_| {})).is_ok());
    }

    #[test]
    fn short_and_longer_words_look_alike_and_too_many_are_refused() {
        assert_eq!(whisper(b"").sealed.len(), whisper(&[1; BLOCK - 1]).sealed.len());
        assert_ne!(whisper(b"").sealed.len(), whisper(&[1; BLOCK]).sealed.len());
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let many = seal(&EpochKey::from_bytes(&[5; 32]), &SPACE, &device(), 4, 9, &[0; LARGEST], &mut rng);
        assert!(matches!(many, Err(Error::TooLarge(_))));
        let large = resigned(|it| it.sealed = vec![0; LARGEST + 1]);
        assert_eq!(open(&keyring(SPACE, 5), &large), Err(Error::TooLarge(LARGEST + 1)));
    }

    #[test]
    fn words_without_their_commitment_or_wrongly_padded_are_not_heard() {
        let padded = |words: &[u8], zeros: usize| [&COMMITMENT[..], words, &vec![0; zeros]].concat();
        assert_eq!(words(&padded(b"hello\x01", BLOCK - 6)), Some(&b"hello"[..]));
        for bad in [
            padded(b"hello\x01", BLOCK - 5),
            padded(b"hello\x01", 2 * BLOCK - 6),
            padded(b"hello\x02", BLOCK - 6),
            padded(b"", BLOCK),
            padded(b"", 0),
            vec![0; 7],
        ] {
            assert_eq!(words(&bad), None);
        }
        let mut bad = padded(b"hello\x01", BLOCK - 6);
        bad[0] = 1;
        assert_eq!(words(&bad), None);
    }
}

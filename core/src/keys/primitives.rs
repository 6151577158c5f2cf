//! Ciphers, key derivation and word lists: the only module that names the crates that do them.
//!
//! Each function is one published construction with its parameters fixed. A nonce is drawn here and never passed in.
//! What a byte string means (labels, whom it is bound to) is the business of the callers.

use argon2::{Algorithm, Argon2, Params, Version};
use bip39::{Language, Mnemonic};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Bytes of a nonce of [`seal`].
pub(crate) const NONCE: usize = 24;
/// Bytes of an authentication tag.
pub(crate) const TAG: usize = 16;
/// Bytes of an HPKE encapsulated key.
pub(crate) const ENCAPSULATED: usize = 32;

type Kem = X25519HkdfSha256;

/// Bytes that were not sealed by this key for this purpose, or were changed since.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not sealed with this key for this purpose, or changed since")]
pub struct NotAuthentic;

/// A public key to which nothing can be sealed: a point of small order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nothing can be sealed to this public key")]
pub struct UnusableKey;

/// Argon2id could not have the memory it needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not enough memory to stretch a key")]
pub struct OutOfMemory;

/// What is wrong with words that a person typed. Never says which word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadWords {
    /// Too few or too many words.
    #[error("{0} words instead of 24")]
    Count(usize),
    /// A word that is not in the list, by its place from 1.
    #[error("word {0} is not in the word list")]
    Unknown(usize),
    /// Words of the list that do not belong together: one is wrong, or two changed places.
    #[error("the words do not belong together: one is wrong or out of order")]
    Checksum,
}

/// `nonce ‖ sealed ‖ tag` by XChaCha20-Poly1305 under a fresh random nonce (RFC 8439, draft-irtf-cfrg-xchacha-03).
pub(crate) fn seal(key: &[u8; 32], aad: &[u8], plaintext: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt((&nonce).into(), Payload { msg: plaintext, aad })
        .expect("plaintexts are far below the cipher's 256 GiB");
    [&nonce[..], &sealed].concat()
}

/// The plaintext of what [`seal`] made.
pub(crate) fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(NotAuthentic)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(nonce.into(), Payload { msg: sealed, aad })
        .map(Zeroizing::new)
        .map_err(|_| NotAuthentic)
}

/// The X25519 public key of a secret (RFC 7748).
pub(crate) fn hpke_public(secret: &[u8; 32]) -> [u8; 32] {
    Kem::sk_to_pk(&hpke_secret(secret)).to_bytes().into()
}

/// `encapsulated key ‖ sealed ‖ tag` by single-shot HPKE in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
/// ChaCha20-Poly1305, no associated data (RFC 9180, section 6.1).
pub(crate) fn hpke_seal(
    recipient: &[u8; 32],
    info: &[u8],
    plaintext: &[u8],
    mut rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, UnusableKey> {
    let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(recipient).map_err(|_| UnusableKey)?;
    let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
        &OpModeS::Base,
        &recipient,
        info,
        plaintext,
        &[],
        &mut rng,
    )
    .map_err(|_| UnusableKey)?;
    Ok([&encapsulated.to_bytes()[..], &sealed].concat())
}

/// The plaintext of what [`hpke_seal`] made.
pub(crate) fn hpke_open(secret: &[u8; 32], info: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
    let (encapsulated, sealed) = sealed.split_first_chunk::<ENCAPSULATED>().ok_or(NotAuthentic)?;
    let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| NotAuthentic)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
        &OpModeR::Base,
        &hpke_secret(secret),
        &encapsulated,
        info,
        sealed,
        &[],
    )
    .map(Zeroizing::new)
    .map_err(|_| NotAuthentic)
}

/// `N` bytes (at most 8 160) by HKDF-SHA256 without salt, info = `label ‖ parts` (RFC 5869).
pub(crate) fn derive<const N: usize>(secret: &[u8; 32], label: &str, parts: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut derived = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(None, secret)
        .expand(&[label.as_bytes(), &parts.concat()].concat(), &mut *derived)
        .expect("N is at most 255 hashes");
    derived
}

/// `N` bytes by Argon2id version 0x13 with 64 MiB, 3 passes and 1 lane (RFC 9106).
pub(crate) fn stretch<const N: usize>(input: &[u8], salt: &str) -> Result<[u8; N], OutOfMemory> {
    const KIBIBYTES: u32 = 64 * 1024;
    let params = Params::new(KIBIBYTES, 3, 1, Some(N)).expect("the parameters are within Argon2's bounds");
    let mut stretched = [0; N];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(input, salt.as_bytes(), &mut stretched)
        .map_err(|_| OutOfMemory)?;
    Ok(stretched)
}

/// True if both are equal; takes as long whether they are or not.
pub(crate) fn equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// The 24 English words of 32 bytes, one blank between two (BIP 39).
pub(crate) fn words(entropy: &[u8; 32]) -> Zeroizing<String> {
    const LONGEST: usize = 24 * 9;
    let mnemonic = Mnemonic::from_entropy_in(Language::English, entropy).expect("32 bytes are a valid length");
    let mut words = Zeroizing::new(String::with_capacity(LONGEST));
    for word in mnemonic.words() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

/// The 32 bytes of 24 English words in lower case, any white space between them (BIP 39).
pub(crate) fn entropy(words: &str) -> Result<Zeroizing<[u8; 32]>, BadWords> {
    let count = words.split_whitespace().count();
    if count != 24 {
        return Err(BadWords::Count(count));
    }
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, words).map_err(|error| match error {
        bip39::Error::UnknownWord(index) => BadWords::Unknown(index + 1),
        _ => BadWords::Checksum,
    })?;
    let mut entropy = Zeroizing::new([0; 32]);
    let (bytes, _) = mnemonic.to_entropy_array();
    entropy.copy_from_slice(&Zeroizing::new(bytes)[..32]);
    Ok(entropy)
}

/// True of a word of BIP 39's English list, in lower case.
pub(crate) fn is_word(word: &str) -> bool {
    Language::English.find_word(word).is_some()
}

/// The word of BIP 39's English list at an index, of which the lowest 11 bits count.
pub(crate) fn word(index: u16) -> &'static str {
    Language::English.word_list()[usize::from(index % 2048)]
}

fn hpke_secret(secret: &[u8; 32]) -> <Kem as hpke::Kem>::PrivateKey {
    <Kem as hpke::Kem>::PrivateKey::from_bytes(secret).expect("any 32 bytes are a secret, clamped when used")
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal")
    }

    fn array(hex: &str) -> [u8; 32] {
        bytes(hex).try_into().expect("32 bytes")
    }

    #[test]
    fn xchacha20_poly1305_opens_the_vector_of_its_draft() {
        let key = array("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
        let sealed = bytes(concat!(
            "404142434445464748494a4b4c4d4e4f5051525354555657",
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
            "21f9664c97637da9768812f615c68b13b52e",
            "c0875924c1c7987947deafd8780acf49",
        ));
        let opened = open(&key, &bytes("50515253c0c1c2c3c4c5c6c7"), &sealed).expect("authentic");
        assert!(opened.starts_with(b"Ladies and Gentlemen of the class of '99"));
    }

    #[test]
    fn every_changed_byte_and_every_shorter_length_is_refused() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let sealed = seal(&[2; 32], b"aad", b"plaintext", &mut rng);
        assert_eq!(**open(&[2; 32], b"aad", &sealed).expect("authentic"), *b"plaintext");
        assert_eq!(open(&[3; 32], b"aad", &sealed).err(), Some(NotAuthentic));
        assert_eq!(open(&[2; 32], b"aae", &sealed).err(), Some(NotAuthentic));
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert_eq!(open(&[2; 32], b"aad", &bad).err(), Some(NotAuthentic), "byte {at}");
            assert_eq!(open(&[2; 32], b"aad", &sealed[..at]).err(), Some(NotAuthentic), "length {at}");
        }
    }

    #[test]
    fn one_plaintext_sealed_twice_looks_different() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let sealed = [(); 2].map(|()| seal(&[2; 32], b"", b"same", &mut rng));
        assert_ne!(sealed[0][..NONCE], sealed[1][..NONCE]);
        assert_ne!(sealed[0][NONCE..], sealed[1][NONCE..]);
    }

    #[test]
    fn x25519_has_the_public_key_of_rfc_7748() {
        let secret = array("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let public = array("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        assert_eq!(hpke_public(&secret), public);
    }

    #[test]
    fn hpke_refuses_another_key_another_info_and_every_changed_byte() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let sealed = hpke_seal(&hpke_public(&[2; 32]), b"info", b"secret", &mut rng).expect("usable key");
        assert_eq!(sealed.len(), ENCAPSULATED + 6 + TAG);
        assert_eq!(**hpke_open(&[2; 32], b"info", &sealed).expect("authentic"), *b"secret");
        assert_eq!(hpke_open(&[9; 32], b"info", &sealed).err(), Some(NotAuthentic));
        assert_eq!(hpke_open(&[2; 32], b"infp", &sealed).err(), Some(NotAuthentic));
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert_eq!(hpke_open(&[2; 32], b"info", &bad).err(), Some(NotAuthentic), "byte {at}");
            assert_eq!(hpke_open(&[2; 32], b"info", &sealed[..at]).err(), Some(NotAuthentic), "length {at}");
        }
    }

    #[test]
    fn a_point_of_small_order_is_neither_sealed_to_nor_opened_from() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        assert_eq!(hpke_seal(&[0; 32], b"", b"secret", &mut rng).err(), Some(UnusableKey));
        assert_eq!(hpke_open(&[2; 32], b"", &[0; 80]).err(), Some(NotAuthentic));
    }

    #[test]
    fn hkdf_has_a_frozen_vector_and_joins_label_and_parts() {
        let derived = derive::<64>(&[0x0b; 32], "label", &[b"one", b"two"]);
        assert_eq!(*derived, *derive::<64>(&[0x0b; 32], "labelone", &[b"two"]));
        assert_ne!(*derived, *derive::<64>(&[0x0b; 32], "label", &[b"one", b"twp"]));
        assert_ne!(*derived, *derive::<64>(&[0x0c; 32], "label", &[b"one", b"two"]));
        let frozen = concat!(
            "b0232424729e95c905c4087ec8544cfeedbbdf74888679eee7376a2f607d627b",
            "dc2699f0884ae66751f4ae8b75dd7db1f2faf8cfd8c93979f76d7e57920e96b8",
        );
        assert_eq!(HEXLOWER.encode(&derived[..]), frozen);
    }

    #[test]
    fn words_are_those_of_bip_39() {
        assert_eq!(*words(&[0; 32]), ["abandon"; 23].join(" ") + " art");
        assert_eq!(*words(&[0xff; 32]), ["zoo"; 23].join(" ") + " vote");
        assert_eq!(*entropy(&words(&[0x5a; 32])).expect("valid words"), [0x5a; 32]);
        assert_eq!((word(0), word(2047), word(2048)), ("abandon", "zoo", "abandon"));
    }
}

//! Recovery: 24 words that no device stores, and what they bring back.
//!
//! The words are the recovery device of the personal space. An alliance's recovery device is random; its secret is
//! sealed at once to the words' key, and only what was sealed is kept.

use alliance_replica::{id::SpaceId, log::control::Keys};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

pub use super::primitives::{BadWords, UnusableKey};
use super::{
    device::{self, DeviceSecret},
    primitives::{self, ENCAPSULATED, NotAuthentic, TAG},
};

const DERIVED: &str = "alliance/1 recovery";
const SEALED: &str = "alliance/1 recovery secret";

/// Bytes of a sealed recovery secret.
pub const SEALED_BYTES: usize = ENCAPSULATED + device::BYTES + TAG;

/// A person's 24 recovery words: 32 random bytes. Wiped when dropped.
pub struct Words(Zeroizing<[u8; 32]>);

/// Why an alliance's recovery secret does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("recovery secret of {alliance:?} does not open with these words")]
pub struct NotOurs {
    /// The alliance's space.
    pub alliance: SpaceId,
    #[source]
    source: NotAuthentic,
}

impl Words {
    /// Draws fresh words.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut entropy = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *entropy);
        Self(entropy)
    }

    /// Reads 24 words of BIP 39's English list, in any case and with any white space between them.
    pub fn parse(text: &str) -> Result<Self, BadWords> {
        primitives::entropy(&Zeroizing::new(text.to_ascii_lowercase())).map(Self)
    }

    /// The place, from 1, of the first word that is in no list of such words, in a part of them.
    pub fn unknown(part: &str) -> Option<usize> {
        let part = Zeroizing::new(part.to_ascii_lowercase());
        part.split_whitespace().position(|word| !primitives::is_word(word)).map(|at| at + 1)
    }

    /// The words in lower case with a blank between two, for the person's eyes alone.
    pub fn reveal(&self) -> Zeroizing<String> {
        primitives::words(&self.0)
    }

    /// The recovery device of the personal space.
    pub fn device_secret(&self) -> DeviceSecret {
        DeviceSecret::from_bytes(&primitives::derive(&self.0, DERIVED, &[]))
    }

    /// Opens the recovery secret of an alliance that [`seal`] sealed to the device of these words.
    pub fn open(&self, alliance: &SpaceId, personal: &SpaceId, sealed: &[u8]) -> Result<DeviceSecret, NotOurs> {
        let opened = self.device_secret().open(&info(alliance, personal), sealed);
        match opened.map(|bytes| bytes.as_slice().try_into().map(DeviceSecret::from_bytes)) {
            Ok(Ok(secret)) => Ok(secret),
            Ok(Err(_)) => Err(NotOurs { alliance: *alliance, source: NotAuthentic }),
            Err(source) => Err(NotOurs { alliance: *alliance, source }),
        }
    }
}

/// Seals an alliance's recovery secret to the recovery device of the personal space.
pub fn seal(
    secret: &DeviceSecret,
    recovery: &Keys,
    alliance: &SpaceId,
    personal: &SpaceId,
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, UnusableKey> {
    primitives::hpke_seal(&recovery.seal, &info(alliance, personal), &*secret.to_bytes(), rng)
}

fn info(alliance: &SpaceId, personal: &SpaceId) -> Vec<u8> {
    [SEALED.as_bytes(), alliance.as_bytes(), personal.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const ALLIANCE: SpaceId = SpaceId::new([1; 16]);
    const PERSONAL: SpaceId = SpaceId::new([2; 16]);

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    fn frozen() -> Words {
        Words(Zeroizing::new(std::array::from_fn(|at| u8::try_from(at).expect("below 32"))))
    }

    #[test]
    fn words_and_their_device_are_frozen() {
        let words = concat!(
            "abandon amount liar amount expire adjust cage candy arch gather drum bullet ",
            "absurd math era live bid rhythm alien crouch range attend journey unaware",
        );
        assert_eq!(frozen().reveal().as_str(), words);
        let keys = frozen().device_secret().keys();
        assert_eq!(keys.device.to_string(), "2ddffd8d6e954413b15945d3a23ad940204750ab813ef6f43b09d7dea339499b");
        assert_eq!(HEXLOWER.encode(&keys.seal), "07a11e7103859f31f9a91ed0b62f10867382b6e4730f8f56f19f732455dc7902");
    }

    #[test]
    fn words_survive_case_and_white_space() {
        let words = Words::generate(&mut rng());
        let typed = format!("\t{} \n", words.reveal().to_ascii_uppercase().replace(' ', "\r\n  "));
        let again = Words::parse(&typed).expect("parses");
        assert_eq!(again.device_secret().keys(), words.device_secret().keys());
    }

    #[test]
    fn a_wrong_count_an_unknown_word_and_a_wrong_order_are_told_apart() {
        let refused = |text: &str| Words::parse(text).err();
        let text = frozen().reveal();
        let words: Vec<_> = text.split(' ').collect();
        assert_eq!(refused(""), Some(BadWords::Count(0)));
        assert_eq!(refused(&words[1..].join(" ")), Some(BadWords::Count(23)));
        assert_eq!(refused(&["abandon"; 12].join(" ")), Some(BadWords::Count(12)));
        assert_eq!(refused(&["abandon"; 100_000].join(" ")), Some(BadWords::Count(100_000)));
        for at in 0..24 {
            let mut wrong = words.clone();
            wrong[at] = "qwertz";
            assert_eq!(refused(&wrong.join(" ")), Some(BadWords::Unknown(at + 1)));
        }
        let mut swapped = words.clone();
        swapped.swap(3, 4);
        assert_eq!(refused(&swapped.join(" ")), Some(BadWords::Checksum));
        assert_eq!(BadWords::Unknown(3).to_string(), "word 3 is not in the word list");
    }

    #[test]
    fn an_alliance_secret_opens_only_with_its_words_in_its_spaces() {
        let (words, secret) = (frozen(), DeviceSecret::generate(&mut rng()));
        let sealed = seal(&secret, &words.device_secret().keys(), &ALLIANCE, &PERSONAL, &mut rng()).expect("seals");
        assert_eq!(sealed.len(), SEALED_BYTES);
        let opened = words.open(&ALLIANCE, &PERSONAL, &sealed).expect("opens");
        assert_eq!(*opened.to_bytes(), *secret.to_bytes());

        let refused = Some(NotOurs { alliance: ALLIANCE, source: NotAuthentic });
        assert_eq!(Words::generate(&mut rng()).open(&ALLIANCE, &PERSONAL, &sealed).err(), refused);
        assert_eq!(words.open(&ALLIANCE, &ALLIANCE, &sealed).err(), refused);
        assert!(words.open(&PERSONAL, &PERSONAL, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert_eq!(words.open(&ALLIANCE, &PERSONAL, &bad).err(), refused, "byte {at}");
            assert_eq!(words.open(&ALLIANCE, &PERSONAL, &sealed[..at]).err(), refused, "length {at}");
        }
    }

    #[test]
    fn a_well_sealed_secret_of_another_length_is_refused() {
        let recovery = frozen().device_secret().keys();
        let sealed = primitives::hpke_seal(&recovery.seal, &info(&ALLIANCE, &PERSONAL), &[1; 63], &mut rng());
        assert!(frozen().open(&ALLIANCE, &PERSONAL, &sealed.expect("usable key")).is_err());
    }
}

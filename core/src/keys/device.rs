//! A device's secret keys in one space: one signs, one is sealed to.
//!
//! An invitation's key and a recovery key are devices like any other; only where their 64 bytes come from differs.

use alliance_replica::{
    id::{DeviceId, MemberId, Secret, SpaceId},
    log::control::{AddDevice, AddedRole, Keys},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::primitives::{self, NotAuthentic};

/// Bytes of a [`DeviceSecret`].
pub const BYTES: usize = 64;

/// Ed25519 and X25519 key pairs of a device in one space. Wiped when dropped.
pub struct DeviceSecret {
    signing: Secret,
    sealing: Zeroizing<[u8; 32]>,
    keys: Keys,
}

impl DeviceSecret {
    /// Draws fresh keys.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; BYTES]);
        rng.fill_bytes(&mut *bytes);
        Self::from_bytes(&bytes)
    }

    /// The keys that are made of these bytes: Ed25519 seed, X25519 secret.
    pub fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        let (mut seed, mut sealing) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        seed.copy_from_slice(&bytes[..32]);
        sealing.copy_from_slice(&bytes[32..]);
        let signing = Secret::from_seed(&seed);
        let keys = Keys { device: signing.public(), seal: primitives::hpke_public(&sealing) };
        Self { signing, sealing, keys }
    }

    /// The bytes for [`DeviceSecret::from_bytes`], for the one place that stores them.
    pub fn to_bytes(&self) -> Zeroizing<[u8; BYTES]> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[..32].copy_from_slice(&*self.signing.seed());
        bytes[32..].copy_from_slice(&*self.sealing);
        bytes
    }

    /// The public halves.
    pub fn keys(&self) -> Keys {
        self.keys
    }

    /// The device's name.
    pub fn id(&self) -> DeviceId {
        self.keys.device
    }

    /// The half that signs.
    pub fn signing(&self) -> &Secret {
        &self.signing
    }

    /// These keys as an addition to those of a member, to which they agree: what they may do there, and what they renew.
    pub fn added(&self, space: &SpaceId, member: &MemberId, role: AddedRole, renews: Option<DeviceId>) -> AddDevice {
        AddDevice::agreed(self.keys, &self.signing, (space, member), (role, renews))
    }

    /// Opens what was sealed to this device (HPKE).
    pub(super) fn open(&self, info: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        primitives::hpke_open(&self.sealing, info, sealed)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_device_survives_its_bytes() {
        let secret = DeviceSecret::generate(&mut ChaCha20Rng::from_seed([1; 32]));
        let again = DeviceSecret::from_bytes(&secret.to_bytes());
        assert_eq!(again.keys(), secret.keys());
        let sealed = primitives::hpke_seal(&secret.keys().seal, b"", b"x", &mut ChaCha20Rng::from_seed([2; 32]));
        assert_eq!(**again.open(b"", &sealed.expect("usable key")).expect("opens"), *b"x");
    }

    #[test]
    fn frozen_bytes_have_frozen_public_keys() {
        let secret = DeviceSecret::from_bytes(&std::array::from_fn(|at| u8::try_from(at).expect("below 64")));
        assert_eq!(secret.id().to_string(), "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
        let seal = data_encoding::HEXLOWER.encode(&secret.keys().seal);
        assert_eq!(seal, "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254");
    }

    #[test]
    fn two_draws_differ() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        assert_ne!(DeviceSecret::generate(&mut rng).keys(), DeviceSecret::generate(&mut rng).keys());
    }
}

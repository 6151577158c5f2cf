//! An epoch's key: it seals content, is handed on to devices (wraps), and seals the keys of older epochs (parents).
//!
//! An epoch's id commits to its key, so whoever hands a key on can at worst hand on nothing.

use alliance_replica::{
    id::{DeviceId, EpochId, SpaceId},
    log::control::{Keys, Parent, Wrap},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    device::DeviceSecret,
    primitives::{self, NotAuthentic},
};

const WRAP: &str = "alliance/1 wrap";
const PARENT: &str = "alliance/1 parent";

/// The key of an epoch. Wiped when dropped.
#[derive(Clone)]
pub struct EpochKey(Zeroizing<[u8; 32]>);

/// Why an epoch's key cannot be had or handed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// A wrap or parent that does not open.
    #[error("key of {epoch:?} does not open")]
    Sealed {
        /// The epoch.
        epoch: EpochId,
        /// Why.
        #[source]
        source: NotAuthentic,
    },
    /// A key that opens but has another id.
    #[error("what is handed on as the key of {0:?} is another key")]
    OtherKey(EpochId),
    /// An epoch whose key is not known here.
    #[error("key of {0:?} is not known")]
    Unknown(EpochId),
    /// More recipients or parents than one record holds.
    #[error("{0} devices or parents, more than one record holds")]
    TooMany(usize),
}

impl EpochKey {
    /// Draws a fresh key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *key);
        Self(key)
    }

    /// Takes the bytes of a key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The bytes, for the one place that stores them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The epoch that has this key in `space`.
    pub fn id(&self, space: &SpaceId) -> EpochId {
        EpochId::of(space, &self.0)
    }

    /// Seals this key to `recipient`, for a record that `author` signs.
    ///
    /// If nothing can be sealed to the recipient's public key, its wrap is random bytes: an epoch has a wrap for every
    /// live device, and a member who publishes a useless key must lock out nobody but that device.
    pub fn wrap(&self, space: &SpaceId, author: &DeviceId, recipient: &Keys, rng: &mut dyn CryptoRng) -> Wrap {
        let info = wrap_info(space, &self.id(space), author, &recipient.device);
        let mut sealed = [0; 80];
        match primitives::hpke_seal(&recipient.seal, &info, &*self.0, rng) {
            Ok(bytes) => sealed.copy_from_slice(&bytes),
            Err(primitives::UnusableKey) => rng.fill_bytes(&mut sealed),
        }
        Wrap { device: recipient.device, sealed }
    }

    /// Opens a wrap for `device` out of a record by `author`; a key with another id than `epoch` is refused.
    pub fn open_wrap(
        space: &SpaceId,
        epoch: &EpochId,
        author: &DeviceId,
        wrap: &Wrap,
        device: &DeviceSecret,
    ) -> Result<Self, Error> {
        let opened = device.open(&wrap_info(space, epoch, author, &device.id()), &wrap.sealed);
        Self::committed(space, epoch, opened)
    }

    /// Seals the key of an older epoch under this one.
    pub fn seal_parent(&self, space: &SpaceId, parent: &Self, rng: &mut dyn CryptoRng) -> Parent {
        let epoch = parent.id(space);
        let mut sealed = [0; 72];
        let aad = parent_aad(space, &self.id(space), &epoch);
        sealed.copy_from_slice(&primitives::seal(&self.0, &aad, &*parent.0, rng));
        Parent { epoch, sealed }
    }

    /// Opens the key of an older epoch; a key with another id than the parent's is refused.
    pub fn open_parent(&self, space: &SpaceId, parent: &Parent) -> Result<Self, Error> {
        let opened = primitives::open(&self.0, &parent_aad(space, &self.id(space), &parent.epoch), &parent.sealed);
        Self::committed(space, &parent.epoch, opened)
    }

    fn committed(
        space: &SpaceId,
        epoch: &EpochId,
        opened: Result<Zeroizing<Vec<u8>>, NotAuthentic>,
    ) -> Result<Self, Error> {
        let opened = opened.map_err(|source| Error::Sealed { epoch: *epoch, source })?;
        let key = Self::from_bytes(opened.as_slice().try_into().map_err(|_| Error::OtherKey(*epoch))?);
        match primitives::equal(key.id(space).as_bytes(), epoch.as_bytes()) {
            true => Ok(key),
            false => Err(Error::OtherKey(*epoch)),
        }
    }
}

fn wrap_info(space: &SpaceId, epoch: &EpochId, author: &DeviceId, recipient: &DeviceId) -> Vec<u8> {
    [WRAP.as_bytes(), space.as_bytes(), epoch.as_bytes(), author.as_bytes(), recipient.as_bytes()].concat()
}

fn parent_aad(space: &SpaceId, child: &EpochId, parent: &EpochId) -> Vec<u8> {
    [PARENT.as_bytes(), space.as_bytes(), child.as_bytes(), parent.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const SPACE: SpaceId = SpaceId::new([1; 16]);
    const ELSEWHERE: SpaceId = SpaceId::new([2; 16]);
    const AUTHOR: DeviceId = DeviceId::new([3; 32]);

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    fn sealed(epoch: EpochId) -> Option<Error> {
        Some(Error::Sealed { epoch, source: NotAuthentic })
    }

    #[test]
    fn an_id_a_wrap_and_a_parent_are_frozen() {
        let (key, older) = (EpochKey::from_bytes(&[4; 32]), EpochKey::from_bytes(&[5; 32]));
        let device = DeviceSecret::from_bytes(&[6; 64]);
        assert_eq!(key.id(&SPACE).to_string(), "9f87eccf52d7b93e67be7352b1e7b6878cc71279b26e7a041cee370284bea712");
        let wrap = key.wrap(&SPACE, &AUTHOR, &device.keys(), &mut rng());
        let frozen = concat!(
            "e6baf1c66739169e2a993107a026167dcb02acec87fcee36be8eaab51244217bb02f455c6c99021a",
            "70454ce4db53a965ec9653bf1bf93be4097dbd78f8a1b9466a027166bfa240fb46c9c65b9f97771d",
        );
        assert_eq!(HEXLOWER.encode(&wrap.sealed), frozen);
        let parent = key.seal_parent(&SPACE, &older, &mut rng());
        let frozen = concat!(
            "f400927857aaf64114f561baacb379708c79a1dc1476ab574f88c4c055b4c33e04b47e77",
            "f3b86b81e63d86906cf59574fd9e31b02b1f31b9cc55d24717b0dc50e6ec0cdefbf84ca0",
        );
        assert_eq!(HEXLOWER.encode(&parent.sealed), frozen);
    }

    #[test]
    fn a_wrap_opens_only_for_its_device_space_epoch_and_author() {
        let (key, device) = (EpochKey::generate(&mut rng()), DeviceSecret::from_bytes(&[6; 64]));
        let epoch = key.id(&SPACE);
        let wrap = key.wrap(&SPACE, &AUTHOR, &device.keys(), &mut rng());
        let opened = EpochKey::open_wrap(&SPACE, &epoch, &AUTHOR, &wrap, &device).expect("opens");
        assert_eq!(opened.as_bytes(), key.as_bytes());

        let other = DeviceSecret::from_bytes(&[8; 64]);
        assert_eq!(EpochKey::open_wrap(&SPACE, &epoch, &AUTHOR, &wrap, &other).err(), sealed(epoch));
        assert_eq!(EpochKey::open_wrap(&ELSEWHERE, &epoch, &AUTHOR, &wrap, &device).err(), sealed(epoch));
        assert_eq!(EpochKey::open_wrap(&SPACE, &epoch, &other.id(), &wrap, &device).err(), sealed(epoch));
        let another = EpochId::new([9; 32]);
        assert_eq!(EpochKey::open_wrap(&SPACE, &another, &AUTHOR, &wrap, &device).err(), sealed(another));
        for at in 0..wrap.sealed.len() {
            let mut bad = wrap.clone();
            bad.sealed[at] ^= 1;
            assert_eq!(EpochKey::open_wrap(&SPACE, &epoch, &AUTHOR, &bad, &device).err(), sealed(epoch), "byte {at}");
        }
    }

    #[test]
    fn a_parent_opens_only_under_its_child_in_its_space() {
        let (key, older) = (EpochKey::from_bytes(&[4; 32]), EpochKey::from_bytes(&[5; 32]));
        let parent = key.seal_parent(&SPACE, &older, &mut rng());
        assert_eq!(parent.epoch, older.id(&SPACE));
        let opened = key.open_parent(&SPACE, &parent).expect("opens");
        assert_eq!(opened.as_bytes(), older.as_bytes());

        assert_eq!(older.open_parent(&SPACE, &parent).err(), sealed(parent.epoch));
        assert_eq!(key.open_parent(&ELSEWHERE, &parent).err(), sealed(parent.epoch));
        let renamed = Parent { epoch: EpochId::new([9; 32]), ..parent.clone() };
        assert_eq!(key.open_parent(&SPACE, &renamed).err(), sealed(renamed.epoch));
        for at in 0..parent.sealed.len() {
            let mut bad = parent.clone();
            bad.sealed[at] ^= 1;
            assert_eq!(key.open_parent(&SPACE, &bad).err(), sealed(parent.epoch), "byte {at}");
        }
    }

    #[test]
    fn a_well_sealed_key_with_another_id_is_refused() {
        let (key, other) = (EpochKey::from_bytes(&[4; 32]), EpochKey::from_bytes(&[5; 32]));
        let (device, epoch) = (DeviceSecret::from_bytes(&[6; 64]), key.id(&SPACE));
        let info = wrap_info(&SPACE, &epoch, &AUTHOR, &device.id());
        let bytes = primitives::hpke_seal(&device.keys().seal, &info, other.as_bytes(), &mut rng()).expect("usable");
        let wrap = Wrap { device: device.id(), sealed: bytes.try_into().expect("80 bytes") };
        assert_eq!(EpochKey::open_wrap(&SPACE, &epoch, &AUTHOR, &wrap, &device).err(), Some(Error::OtherKey(epoch)));

        let older = EpochId::new([9; 32]);
        let bytes = primitives::seal(key.as_bytes(), &parent_aad(&SPACE, &epoch, &older), other.as_bytes(), &mut rng());
        let parent = Parent { epoch: older, sealed: bytes.try_into().expect("72 bytes") };
        assert_eq!(key.open_parent(&SPACE, &parent).err(), Some(Error::OtherKey(older)));
    }

    #[test]
    fn a_useless_public_key_gets_a_wrap_that_nobody_opens() {
        let key = EpochKey::from_bytes(&[4; 32]);
        let useless = Keys { device: AUTHOR, seal: [0; 32] };
        let wraps =
            [1, 2].map(|seed| key.wrap(&SPACE, &AUTHOR, &useless, &mut ChaCha20Rng::from_seed([seed; 32])).sealed);
        assert_ne!(wraps[0], wraps[1]);
        assert!(wraps.iter().all(|wrap| wrap.windows(4).all(|bytes| bytes != [4; 4])));
    }
}

//! The epoch keys that a device knows in one space: what is handed on to it, and all that lies behind.
//!
//! A key is here only under the id that commits to it. Which epoch may be used to seal is a question of membership and
//! not asked here.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, EpochPrefix, SpaceId},
    limits,
    log::control::{Epoch, Grant, Keys, Record, Wrap},
};
use rand_core::CryptoRng;

use super::{
    device::DeviceSecret,
    epoch::{EpochKey, Error},
};

/// The epoch keys known here, of one space.
#[derive(Clone)]
pub struct Keyring {
    space: SpaceId,
    keys: BTreeMap<EpochId, EpochKey>,
}

/// What [`Keyring::learn`] found.
#[derive(PartialEq, Eq, Default, Debug)]
pub struct Learned {
    /// Epochs whose keys are new here.
    pub epochs: BTreeSet<EpochId>,
    /// Records that hand on to us something other than what they say, for the security log.
    pub refused: Vec<(EntryId, Error)>,
}

impl Keyring {
    /// A keyring without keys.
    pub fn new(space: SpaceId) -> Self {
        Self { space, keys: BTreeMap::new() }
    }

    /// The space whose keys these are.
    pub fn space(&self) -> &SpaceId {
        &self.space
    }

    /// Adds a key and tells its epoch.
    pub fn insert(&mut self, key: EpochKey) -> EpochId {
        let epoch = key.id(&self.space);
        self.keys.insert(epoch, key);
        epoch
    }

    /// The key of an epoch.
    pub fn key(&self, epoch: &EpochId) -> Option<&EpochKey> {
        self.keys.get(epoch)
    }

    /// The epochs whose keys are known, in the order of their ids.
    pub fn epochs(&self) -> impl Iterator<Item = &EpochId> {
        self.keys.keys()
    }

    /// The keys of all epochs whose ids start with `prefix`: eight bytes are few enough to be met on purpose.
    pub fn candidates(&self, prefix: EpochPrefix) -> impl Iterator<Item = &EpochKey> {
        let (mut low, mut high) = ([0; 32], [0xff; 32]);
        low[..prefix.len()].copy_from_slice(&prefix);
        high[..prefix.len()].copy_from_slice(&prefix);
        self.keys.range(EpochId::new(low)..=EpochId::new(high)).map(|(_, key)| key)
    }

    /// Takes every key that the control records (id of the entry, author, record) hand on to one of `devices`, and
    /// all that these keys open through parents.
    ///
    /// Expects all `Epoch` and `Grant` records of the space, in any order; others are skipped. Of several wraps for one
    /// device in one record the first counts, so that a record costs at most one opening a device.
    pub fn learn<'a>(
        &mut self,
        records: impl IntoIterator<Item = (EntryId, DeviceId, &'a Record)>,
        devices: &[&DeviceSecret],
    ) -> Learned {
        let records: Vec<_> = records.into_iter().collect();
        let epochs: BTreeMap<EntryId, &Epoch> = records
            .iter()
            .filter_map(|(entry, _, record)| match record {
                Record::Epoch(epoch) => Some((*entry, epoch)),
                _ => None,
            })
            .collect();
        let mut learned = Learned::default();
        for (entry, author, record) in &records {
            let (epoch, wraps) = match record {
                Record::Epoch(epoch) => (epoch.id, &epoch.wraps),
                Record::Grant(grant) => match epochs.get(&grant.epoch) {
                    Some(epoch) => (epoch.id, &grant.wraps),
                    None => continue,
                },
                _ => continue,
            };
            for device in devices {
                if self.keys.contains_key(&epoch) {
                    break;
                }
                let Some(wrap) = wraps.iter().find(|wrap| wrap.device == device.id()) else { continue };
                let opened = EpochKey::open_wrap(&self.space, &epoch, author, wrap, device);
                self.take(*entry, epoch, opened, &mut learned);
            }
        }
        self.learn_parents(&epochs, &mut learned);
        learned
    }

    /// Draws a new epoch's key and writes its record, to be signed by `author`; all parents' keys must be known here.
    ///
    /// The key is not in the keyring until it is [inserted](Self::insert): first the record has to be on the disk.
    pub fn mint(
        &self,
        author: &DeviceId,
        recipients: &[Keys],
        parents: &[EpochId],
        rng: &mut dyn CryptoRng,
    ) -> Result<(EpochKey, Epoch), Error> {
        if parents.len() > limits::WRAPS {
            return Err(Error::TooMany(parents.len()));
        }
        let key = EpochKey::generate(rng);
        let parents = parents
            .iter()
            .map(|parent| Ok(key.seal_parent(&self.space, self.known(parent)?, rng)))
            .collect::<Result<_, _>>()?;
        let wraps = self.wraps(&key, author, recipients, rng)?;
        let epoch = Epoch { id: key.id(&self.space), parents, wraps };
        Ok((key, epoch))
    }

    /// Writes a record, to be signed by `author`, that hands a known epoch's key on to more devices; `entry` is the one
    /// with the epoch.
    pub fn grant(
        &self,
        entry: EntryId,
        epoch: &EpochId,
        author: &DeviceId,
        recipients: &[Keys],
        rng: &mut dyn CryptoRng,
    ) -> Result<Grant, Error> {
        Ok(Grant { epoch: entry, wraps: self.wraps(self.known(epoch)?, author, recipients, rng)? })
    }

    /// Adds a key under an id of another, as nobody can outside of a test.
    #[cfg(test)]
    pub(super) fn insert_as(&mut self, epoch: EpochId, key: EpochKey) {
        self.keys.insert(epoch, key);
    }

    fn learn_parents(&mut self, epochs: &BTreeMap<EntryId, &Epoch>, learned: &mut Learned) {
        let mut records: BTreeMap<EpochId, Vec<(EntryId, &Epoch)>> = BTreeMap::new();
        for (entry, epoch) in epochs {
            records.entry(epoch.id).or_default().push((*entry, epoch));
        }
        let mut open: Vec<EpochId> = self.keys.keys().copied().collect();
        while let Some(child) = open.pop() {
            for (entry, epoch) in records.remove(&child).unwrap_or_default() {
                for parent in &epoch.parents {
                    let Some(key) = self.keys.get(&child) else { break };
                    if !self.keys.contains_key(&parent.epoch) {
                        let opened = key.open_parent(&self.space, parent);
                        if self.take(entry, parent.epoch, opened, learned) {
                            open.push(parent.epoch);
                        }
                    }
                }
            }
        }
    }

    fn take(&mut self, entry: EntryId, epoch: EpochId, opened: Result<EpochKey, Error>, learned: &mut Learned) -> bool {
        match opened {
            Ok(key) => {
                self.keys.insert(epoch, key);
                learned.epochs.insert(epoch)
            }
            Err(error) => {
                learned.refused.push((entry, error));
                false
            }
        }
    }

    fn known(&self, epoch: &EpochId) -> Result<&EpochKey, Error> {
        self.keys.get(epoch).ok_or(Error::Unknown(*epoch))
    }

    fn wraps(
        &self,
        key: &EpochKey,
        author: &DeviceId,
        recipients: &[Keys],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<Wrap>, Error> {
        if recipients.len() > limits::WRAPS {
            return Err(Error::TooMany(recipients.len()));
        }
        Ok(recipients.iter().map(|recipient| key.wrap(&self.space, author, recipient, rng)).collect())
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    const SPACE: SpaceId = SpaceId::new([1; 16]);
    const AUTHOR: DeviceId = DeviceId::new([3; 32]);

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    fn entry(number: u8) -> EntryId {
        EntryId::new([number; 32])
    }

    /// Three epochs in a row; only the last is wrapped, for `device`.
    fn chain(device: &DeviceSecret) -> (Keyring, Vec<(EntryId, DeviceId, Record)>) {
        let (mut keyring, mut rng, mut records) = (Keyring::new(SPACE), rng(), Vec::new());
        let mut parents = Vec::new();
        for number in 1..=3 {
            let recipients = if number == 3 { vec![device.keys()] } else { Vec::new() };
            let (key, epoch) = keyring.mint(&AUTHOR, &recipients, &parents, &mut rng).expect("minted");
            parents = vec![keyring.insert(key)];
            records.push((entry(number), AUTHOR, Record::Epoch(epoch)));
        }
        (keyring, records)
    }

    fn learn(records: &[(EntryId, DeviceId, Record)], device: &DeviceSecret) -> (Keyring, Learned) {
        let mut keyring = Keyring::new(SPACE);
        let learned = keyring.learn(records.iter().map(|(entry, author, record)| (*entry, *author, record)), &[device]);
        (keyring, learned)
    }

    fn keys(keyring: &Keyring) -> Vec<[u8; 32]> {
        keyring.keys.values().map(|key| *key.as_bytes()).collect()
    }

    #[test]
    fn one_wrap_opens_all_epochs_behind_it_in_any_order_of_records() {
        let device = DeviceSecret::from_bytes(&[6; 64]);
        let (full, mut records) = chain(&device);
        for _ in 0..records.len() {
            records.rotate_left(1);
            let (keyring, learned) = learn(&records, &device);
            assert_eq!(learned, Learned { epochs: full.epochs().copied().collect(), refused: Vec::new() });
            assert_eq!(keys(&keyring), keys(&full));
        }
    }

    #[test]
    fn a_device_without_a_wrap_learns_nothing_until_a_grant_names_it() {
        let (device, late) = (DeviceSecret::from_bytes(&[6; 64]), DeviceSecret::from_bytes(&[8; 64]));
        let (full, mut records) = chain(&device);
        assert_eq!(learn(&records, &late).1, Learned::default());

        let Record::Epoch(middle) = records[1].2.clone() else { panic!("an epoch") };
        let grant = full.grant(entry(2), &middle.id, &device.id(), &[late.keys()], &mut rng()).expect("granted");
        records.insert(0, (entry(4), device.id(), Record::Grant(grant)));
        let (keyring, learned) = learn(&records, &late);
        assert_eq!(learned.epochs.len(), 2);
        assert!(keyring.key(&middle.id).is_some());
    }

    #[test]
    fn a_grant_whose_author_is_another_is_refused_and_named() {
        let (device, late) = (DeviceSecret::from_bytes(&[6; 64]), DeviceSecret::from_bytes(&[8; 64]));
        let (full, mut records) = chain(&device);
        let Record::Epoch(last) = &records[2].2 else { panic!("an epoch") };
        let epoch = last.id;
        let grant = full.grant(entry(3), &epoch, &device.id(), &[late.keys()], &mut rng()).expect("granted");
        records.push((entry(4), AUTHOR, Record::Grant(grant)));
        let (_, learned) = learn(&records, &late);
        assert!(learned.epochs.is_empty());
        assert!(matches!(learned.refused[..], [(at, Error::Sealed { epoch: e, .. })] if at == entry(4) && e == epoch));
    }

    #[test]
    fn a_false_record_with_a_known_id_neither_hides_nor_replaces_the_true_one() {
        let device = DeviceSecret::from_bytes(&[6; 64]);
        let (full, records) = chain(&device);
        let Record::Epoch(last) = records[2].2.clone() else { panic!("an epoch") };
        let mut forged = last;
        forged.parents[0].sealed[40] ^= 1;
        forged.wraps[0].sealed[40] ^= 1;
        for number in [0, 9] {
            let mut records = records.clone();
            records.insert(usize::from(number) / 3, (entry(number), AUTHOR, Record::Epoch(forged.clone())));
            let (keyring, learned) = learn(&records, &device);
            assert_eq!(keys(&keyring), keys(&full));
            assert!(learned.refused.iter().all(|(at, _)| *at == entry(number)));
            assert_eq!(learned.refused.is_empty(), number == 9, "what is known already is not opened again");
        }
    }

    #[test]
    fn learning_twice_finds_nothing_new() {
        let device = DeviceSecret::from_bytes(&[6; 64]);
        let (_, records) = chain(&device);
        let (mut keyring, _) = learn(&records, &device);
        let again = keyring.learn(records.iter().map(|(entry, author, record)| (*entry, *author, record)), &[&device]);
        assert_eq!(again, Learned::default());
    }

    #[test]
    fn epochs_that_share_a_prefix_are_all_candidates() {
        let mut keyring = Keyring::new(SPACE);
        let id = |eighth: u8, rest: u8| {
            let mut id = [rest; 32];
            id[..8].copy_from_slice(&[5, 5, 5, 5, 5, 5, 5, eighth]);
            EpochId::new(id)
        };
        for (number, id) in [(1, id(4, 0xff)), (2, id(5, 0)), (3, id(5, 0xff)), (4, id(6, 0))] {
            keyring.insert_as(id, EpochKey::from_bytes(&[number; 32]));
        }
        let found: Vec<u8> = keyring.candidates([5; 8]).map(|key| key.as_bytes()[0]).collect();
        assert_eq!(found, [2, 3]);
    }

    #[test]
    fn nothing_is_minted_or_granted_from_unknown_keys_or_beyond_the_limits() {
        let (keyring, unknown) = (Keyring::new(SPACE), EpochId::new([9; 32]));
        let keys = DeviceSecret::from_bytes(&[6; 64]).keys();
        assert_eq!(keyring.mint(&AUTHOR, &[], &[unknown], &mut rng()).err(), Some(Error::Unknown(unknown)));
        assert_eq!(
            keyring.grant(entry(1), &unknown, &AUTHOR, &[keys], &mut rng()).err(),
            Some(Error::Unknown(unknown))
        );
        let many = vec![keys; limits::WRAPS + 1];
        assert_eq!(keyring.mint(&AUTHOR, &many, &[], &mut rng()).err(), Some(Error::TooMany(257)));
        assert_eq!(keyring.mint(&AUTHOR, &[], &[unknown; 257], &mut rng()).err(), Some(Error::TooMany(257)));
    }
}

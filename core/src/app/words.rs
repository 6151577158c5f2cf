//! A person's recovery words: whether what they typed are theirs, and new ones. No device ever keeps any.
//!
//! Words are a key in the personal space. The first are in its genesis; later ones are added by a device that says so.
//! Such a key is an ordinary one to every replica, and no computer to any person.

use std::collections::BTreeSet;

use alliance_replica::{
    id::{DeviceId, SpaceId},
    limits,
    log::{
        control::{AddDevice, AddedRole, Keys, Record, SpaceKind},
        membership::{DeviceState, Role},
    },
    wire,
};
use serde_json::json;

use super::{AppError, Profile, World, profile, space::Space};
use crate::{
    keys::{DeviceSecret, Words},
    store::{SpaceRow, StoreError, Tx},
};

/// The key of the words that the person has shown to have.
const CHECKED: &str = "words-checked";
/// How many computers of the person's are in the personal space.
const COMPUTERS: &str = "computers";

/// Whose words some are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhoseWords {
    /// The person's, as they are now.
    Theirs,
    /// Earlier ones of the person's, which still bring everything back that was there when they were replaced.
    Earlier,
    /// Earlier ones of the person's, which bring nothing back any more.
    Ended,
    /// The person's, made under a key in a history that counts for nobody: the key wrote two. They bring nothing back.
    Void,
    /// Somebody else's.
    NotTheirs,
}

impl Profile {
    /// Tells whether words are this person's, and remembers it if they are.
    pub fn check_words(&mut self, words: &Words) -> Result<WhoseWords, AppError> {
        let personal = self.personal()?;
        let key = words.device_secret().id();
        if key == personal.recovery.device {
            self.store.write::<_, AppError>(|tx| Ok(tx.set_meta(CHECKED, key.as_bytes())?))?;
            return Ok(WhoseWords::Theirs);
        }
        let space = self.space(&personal.space)?;
        let known = space.words().contains(&key);
        Ok(match space.log.fold().device(&key) {
            Some(it) if known && it.live => WhoseWords::Earlier,
            Some(_) if known => WhoseWords::Ended,
            _ if space.names_words(&key) => WhoseWords::Void,
            _ => WhoseWords::NotTheirs,
        })
    }

    /// True while nobody but this one computer is known to be able to bring the person back: they have not shown that
    /// they have their words, and no other computer of theirs has everything.
    pub fn needs_second_holder(&mut self) -> Result<bool, AppError> {
        self.store.read(|tx| {
            let checked = tx.meta(CHECKED)?.is_some_and(|it| !it.is_empty());
            let several = match tx.meta(COMPUTERS)? {
                Some(it) => it.first() > Some(&1),
                // Nothing came since it did: who let it in is another one.
                None => {
                    let own = tx.spaces()?.into_iter().find(|row| row.kind == SpaceKind::Personal);
                    own.map(|row| tx.meta(&profile::by_own_key(&row.space))).transpose()?.flatten().is_some()
                }
            };
            Ok(!checked && !several)
        })
    }

    /// Makes new words this person's: with the next exchange of each space their key is one of its keys. The words before
    /// them still work.
    pub fn replace_words(&mut self, words: &Words, world: &mut World<'_>) -> Result<(), AppError> {
        let personal = self.personal()?.space;
        let key = words.device_secret();
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            for row in tx.spaces()? {
                if profile::is_over(tx, &row.space)? {
                    continue;
                }
                if row.kind == SpaceKind::Personal {
                    queue(tx, &row, &key)?;
                    tx.note_security(world.now, &row.space, "words-made", &json!({ "key": key.id().to_string() }))?;
                    continue;
                }
                let lost = DeviceSecret::generate(world.rng);
                profile::keep_recovery(tx, documents, (&personal, &[key.keys()]), (&row.space, &lost), world)?;
                queue(tx, &row, &lost)?;
            }
            Ok(tx.set_meta(CHECKED, &[])?)
        });
        self.settle(result)
    }
}

impl Space {
    /// Keys that come from words, whoever added them.
    pub(super) fn words(&self) -> BTreeSet<DeviceId> {
        let fold = self.log.fold();
        let recovery = fold.devices().filter(|(_, it)| it.role == Role::Recovery).map(|(device, _)| *device);
        // A computer that calls itself words is one nevertheless.
        let (mut added, mut computers) = (BTreeSet::new(), BTreeSet::new());
        for (_, _, control) in self.log.dag().entries().filter(|(entry, ..)| fold.valid(entry)) {
            match &control.record {
                Record::AddDevice(it) if it.role == AddedRole::Recovery => _ = added.insert(it.device.device),
                Record::AddDevice(it) => _ = computers.insert(it.device.device),
                Record::Redeem(it) => _ = computers.insert(it.device.device),
                Record::Genesis(it) => _ = computers.insert(it.founder.device),
                _ => {}
            }
        }
        recovery.chain(added.difference(&computers).copied()).collect()
    }

    /// True if somebody added a key as one of words, whether that counts or not.
    pub(super) fn names_words(&self, key: &DeviceId) -> bool {
        let adds = |record: &Record| matches!(record, Record::AddDevice(it) if it.device.device == *key && it.role == AddedRole::Recovery);
        self.log.dag().entries().any(|(_, _, control)| adds(&control.record))
    }

    /// The keys of this person's words that are live, the last ones last.
    pub(super) fn living_words(&self) -> Vec<Keys> {
        let fold = self.log.fold();
        let words = self.words();
        let named = self.log.dag().entries().filter_map(|(_, _, control)| match &control.record {
            Record::Genesis(it) => it.recovery,
            Record::AddDevice(it) if it.role == AddedRole::Recovery => Some(it.device),
            _ => None,
        });
        let mine = |keys: &Keys| {
            let state = fold.device(&keys.device);
            let is_mine = state.is_some_and(|it| it.live && it.member == self.row.member && it.keys == *keys);
            is_mine && words.contains(&keys.device)
        };
        named.filter(mine).collect()
    }

    /// The computers that are in, with whose they are: everyday devices that do not come from words.
    pub(super) fn computers(&self) -> impl Iterator<Item = (DeviceId, DeviceState)> {
        let words = self.words();
        let is_one =
            |device: &DeviceId, it: &DeviceState| it.live && it.role == Role::Ordinary && !words.contains(device);
        let fold = self.log.fold();
        let all = fold.devices().filter(|(device, it)| is_one(device, it));
        all.map(|(device, it)| (*device, it.clone())).collect::<Vec<_>>().into_iter()
    }
}

/// Keeps how many computers this person has.
pub(super) fn note_computers(tx: &Tx<'_>, space: &Space) -> Result<(), AppError> {
    // One that waits to be let in is one, too.
    let computers = u8::try_from(space.computers().count() + usize::from(space.is_waiting())).unwrap_or(u8::MAX);
    Ok(tx.set_meta(COMPUTERS, &[computers])?)
}

/// The key of words that is to be added to a space with the next exchange.
pub(super) fn queued(tx: &Tx<'_>, space: &SpaceId) -> Result<Option<AddDevice>, AppError> {
    let kept = tx.meta(&queue_key(space))?.filter(|it| !it.is_empty());
    let read = |bytes: Vec<u8>| wire::decode("new recovery words", &bytes, limits::CONTROL_BODY);
    kept.map(read).transpose().map_err(|_| StoreError::Damaged { what: "the new recovery words" }.into())
}

/// Forgets it: it is in the log.
pub(super) fn dequeue(tx: &Tx<'_>, space: &SpaceId) -> Result<(), AppError> {
    Ok(tx.set_meta(&queue_key(space), &[])?)
}

fn queue(tx: &Tx<'_>, row: &SpaceRow, key: &DeviceSecret) -> Result<(), AppError> {
    let add = key.added(&row.space, &row.member, AddedRole::Recovery, None);
    Ok(tx.set_meta(&queue_key(&row.space), &wire::encode(&add))?)
}

fn queue_key(space: &SpaceId) -> String {
    format!("new words:{space}")
}

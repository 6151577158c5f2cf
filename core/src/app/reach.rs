//! Whether recovery words bring anything back now, as far as that is known here.

use alliance_replica::{
    id::DeviceId,
    log::control::{Record, SpaceKind},
};

use super::{AppError, Out, Profile, profile, receive::loaded, space::Space, words};
use crate::{keys::Words, store::Stage};

/// What keeps this person's words from bringing back what is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordsNeed {
    /// No relay knows of them yet.
    Sync,
    /// No relay has what is only the person's.
    Relay,
    /// This computer is not in any more: what it knows of them may be old.
    OtherComputer,
}

impl Profile {
    /// What keeps words of this person's from bringing back what is here; nothing if they do.
    pub fn words_need(&mut self, words: &Words) -> Result<Option<WordsNeed>, AppError> {
        let personal = self.personal()?.space;
        if matches!(self.out_of(personal)?, Some(Out::Cut { .. } | Out::Refused | Out::NotLetIn)) {
            return Ok(Some(WordsNeed::OtherComputer));
        }
        let key = words.device_secret().id();
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            if !tx.relays()?.iter().any(|it| it.space == personal && it.stage < Stage::Left) {
                return Ok(Some(WordsNeed::Relay));
            }
            if !loaded(spaces, tx, &personal)?.is_relayed(&key) {
                return Ok(Some(WordsNeed::Sync));
            }
            for row in tx.spaces()?.into_iter().filter(|it| it.kind == SpaceKind::Alliance) {
                if words::queued(tx, &row.space)?.is_some() && !profile::is_over(tx, &row.space)? {
                    return Ok(Some(WordsNeed::Sync));
                }
            }
            Ok(None)
        })
    }
}

impl Space {
    /// True if a relay is known to have the record that says of words' key that it is one.
    fn is_relayed(&self, key: &DeviceId) -> bool {
        let names = |record: &Record| match record {
            Record::Genesis(it) => it.recovery.is_some_and(|it| it.device == *key),
            Record::AddDevice(it) => it.device.device == *key,
            _ => false,
        };
        let mut named = self.log.dag().entries().filter(|(_, _, control)| names(&control.record));
        named.any(|(entry, ..)| self.relayed.get(&entry) == Some(&true))
    }
}

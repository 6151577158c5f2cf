//! How many control entries each member may add to a space: control is never dropped and every fold looks at it, so
//! nobody may fill a space, and nobody may fill it for the other.
//!
//! Counted as entries are taken, in the order of arrival. Cuts and leaves have room beyond what everything else may
//! fill, and recovery keys have room of their own: who holds a stolen device can fill what devices share, the words can
//! still cut it. A key that is only an invitation's writes a few redemptions and nothing else. Keys that are introduced
//! are counted too: each of them is one more for whom the other member seals.

use std::collections::BTreeMap;

use super::{control::Record, membership::Account};
use crate::limits;

/// What is taken, by account.
#[derive(Debug)]
pub(super) struct Quota {
    entries: usize,
    reserve: usize,
    taken: BTreeMap<Account, Taken>,
}

/// What is taken on one account.
#[derive(Clone, Copy, Default, Debug)]
struct Taken {
    entries: usize,
    introductions: usize,
}

impl Quota {
    /// An empty quota of so many entries, and so many in reserve.
    pub(super) fn new(entries: usize, reserve: usize) -> Self {
        Self { entries, reserve, taken: BTreeMap::new() }
    }

    /// True if one more entry with this record may be taken.
    pub(super) fn allows(&self, account: &Account, record: &Record) -> bool {
        let most = match (account, record) {
            (Account::Recovery(_), _) => self.reserve,
            (Account::Devices(_), Record::Cut(_) | Record::Leave(_)) => self.entries + self.reserve,
            (Account::Devices(_), _) => self.entries,
            (Account::Invited(_), Record::Redeem(_)) => limits::REDEMPTIONS,
            (Account::Invited(_), _) => 0,
        };
        let taken = self.taken.get(account).copied().unwrap_or_default();
        taken.entries < most && !(introduces(record) && taken.introductions >= limits::INTRODUCTIONS)
    }

    /// Counts an entry with this record that is taken.
    pub(super) fn count(&mut self, account: Account, introduces: bool) {
        let taken = self.taken.entry(account).or_default();
        taken.entries += 1;
        taken.introductions += usize::from(introduces);
    }
}

/// True if the record introduces a key.
pub(super) fn introduces(record: &Record) -> bool {
    matches!(record, Record::AddDevice(_) | Record::Invite(_))
}

impl Default for Quota {
    fn default() -> Self {
        Self::new(limits::CONTROL_ENTRIES, limits::CONTROL_RESERVE)
    }
}

//! A space while a process works on it: its log, its keys, its place in the profile.
//!
//! What is here is a copy of what the file says as of one generation; [`Space::refresh`] brings it up to date inside the
//! gate, and whoever fails to commit throws the copy away.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alliance_replica::{
    id::{DeviceId, EntryId, SpaceId},
    log::{
        Log,
        chain::State,
        control::Record,
        entry::Verified,
        heads::{After, Chain, Head},
        membership::{ContentNode, Contents},
    },
    planted::{self, Bug},
};
use serde_json::json;

use super::{AppError, apply::Waiting};
use crate::{
    keys::{DeviceSecret, EpochKey, Keyring},
    store::{Kept, SpaceRow, StoreError, Tx},
};

/// A space of this profile, loaded.
pub(super) struct Space {
    pub(super) row: SpaceRow,
    pub(super) secret: DeviceSecret,
    pub(super) log: Log,
    pub(super) keyring: Keyring,
    /// Content that is stored and not in the documents yet.
    pub(super) waiting: Waiting,
    /// Content whose past is here, for the question which of it counts.
    pub(super) contents: Contents,
    /// Content that does not count for shared facets, and for own ones.
    pub(super) aside: [BTreeSet<EntryId>; 2],
    /// What content keeps beyond a cut, where it keeps something.
    pub(super) keeps: BTreeMap<EntryId, After>,
    /// Content that this device keeps beyond a cut and has yet to say so.
    pub(super) kept: BTreeSet<EntryId>,
    /// Of that, what the person wants kept: it is said with the next entry, whatever waits.
    pub(super) wanted: BTreeSet<EntryId>,
    /// Entries looked at since the space was loaded.
    pub(super) steps: u64,
    /// Whether a relay is known to have an entry on its disk.
    pub(super) relayed: BTreeMap<EntryId, bool>,
    /// The key to use, as of [`Space::keys_now`].
    usable: Option<([usize; 2], Option<EpochKey>)>,
    /// As of when everybody who lives could open all epochs.
    pub(super) supplied: Option<[usize; 2]>,
}

impl Space {
    /// Loads a space from the file.
    pub(super) fn load(tx: &Tx<'_>, space: &SpaceId) -> Result<Self, AppError> {
        let row = tx.space(space)?.ok_or(AppError::UnknownSpace)?;
        let mut log = Log::new(*space);
        let mut waiting = Waiting::default();
        let (mut relayed, mut named) = (BTreeMap::new(), Vec::new());
        let (mut kept, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        for stored in tx.entries(space)? {
            let is_content = stored.entry.body.is_empty();
            log.restore(&stored.device, stored.entry, stored.state.state)
                .map_err(|_| StoreError::Damaged { what: "an entry" })?;
            if is_content && stored.state.state == State::Stored {
                log.chains().index(&stored.id).into_iter().for_each(|index| waiting.push(index));
            }
            if let Some(after) = stored.state.after {
                named.push((stored.id, after, stored.state.keeps));
            }
            if stored.state.kept != Kept::No {
                kept.insert(stored.id);
            }
            if stored.state.kept == Kept::Wanted {
                wanted.insert(stored.id);
            }
            relayed.insert(stored.id, stored.state.relayed);
        }
        let mut keyring = Keyring::new(*space);
        for (_, key) in tx.epochs(space)? {
            keyring.insert(EpochKey::from_bytes(&key));
        }
        let secret = DeviceSecret::from_bytes(&row.secret);
        let (contents, aside) = (Contents::new(), <[BTreeSet<_>; 2]>::default());
        let (keeps, steps) = (BTreeMap::new(), 0);
        let mut loaded = Self {
            row,
            secret,
            log,
            keyring,
            waiting,
            contents,
            aside,
            keeps,
            kept,
            wanted,
            steps,
            relayed,
            usable: None,
            supplied: None,
        };
        named.into_iter().for_each(|(id, after, keeps)| loaded.learn_after(id, after, keeps));
        loaded.recall_contents();
        loaded.recount();
        Ok(loaded)
    }

    /// Puts every content entry whose past is processed, and which is not wrong in itself, among the contents. They were
    /// looked at in another order than they arrived.
    pub(super) fn recall_contents(&mut self) {
        self.contents = Contents::new();
        let chains = self.log.chains();
        let all = chains.arrivals(Chain::Content).iter().map(|index| chains.at(*index));
        let mut open: VecDeque<_> = all
            .filter(|meta| match meta.state {
                State::Applied | State::SetAside => true,
                State::Stored => self.log.is_ready(&meta.head.id),
                State::Quarantined => false,
            })
            .filter_map(|meta| self.node(&meta.head.id))
            .collect();
        let mut lacking: BTreeMap<EntryId, Vec<ContentNode>> = BTreeMap::new();
        while let Some(node) = open.pop_front() {
            if let Some(id) = self.contents.missing(self.log.dag(), &node) {
                lacking.entry(id).or_default().push(node);
            } else {
                self.contents.insert(self.log.dag(), &node);
                open.extend(lacking.remove(&node.id).into_iter().flatten());
            }
        }
    }

    /// Loads the space anew if another process changed it.
    pub(super) fn refresh(&mut self, tx: &Tx<'_>) -> Result<(), AppError> {
        match tx.generation(&self.row.space)? {
            Some(generation) if generation == self.row.generation => Ok(()),
            Some(_) => {
                *self = Self::load(tx, &self.row.space)?;
                Ok(())
            }
            None => Err(AppError::UnknownSpace),
        }
    }

    /// The space's name.
    pub(super) fn id(&self) -> SpaceId {
        self.row.space
    }

    /// This device in the space.
    pub(super) fn device(&self) -> DeviceId {
        self.row.device
    }

    /// True while nobody has let this computer in.
    pub(super) fn is_waiting(&self) -> bool {
        self.log.fold().device(&self.device()).is_none()
    }

    /// Goes on as another device, which this one has added.
    pub(super) fn become_device(&mut self, tx: &Tx<'_>, secret: DeviceSecret) -> Result<(), AppError> {
        (self.row.device, self.row.secret) = (secret.id(), secret.to_bytes());
        (self.row.last, self.row.last_control, self.row.received) = (None, None, 0);
        self.secret = secret;
        (self.usable, self.supplied) = (None, None);
        tx.renew_space(&self.row)?;
        Ok(tx.put_device(&self.row.space, &self.row.device, &self.row.member)?)
    }

    /// Appends a control record of this device and writes it to the file.
    pub(super) fn append(&mut self, tx: &Tx<'_>, record: Record) -> Result<EntryId, AppError> {
        if !self.log.may_append(&self.row.device, &record) {
            return Err(AppError::TooManyRecords);
        }
        let entry = self.log.append(self.secret.signing(), self.row.last_control.as_ref(), record);
        self.row.last_control = Some(entry.id);
        self.keep_own(tx, &entry)
    }

    /// Appends a control record of a recovery key, at the tip of that key's chain, and writes it to the file.
    pub(super) fn append_by(&mut self, tx: &Tx<'_>, key: &DeviceSecret, record: Record) -> Result<EntryId, AppError> {
        if !self.log.may_append(&key.id(), &record) {
            return Err(AppError::TooManyRecords);
        }
        let entry = self.log.append(key.signing(), None, record);
        self.keep_own(tx, &entry)
    }

    fn keep_own(&mut self, tx: &Tx<'_>, entry: &Verified) -> Result<EntryId, AppError> {
        tx.insert_entry(&self.id(), entry, State::Applied)?;
        self.relayed.insert(entry.id, false);
        Ok(entry.id)
    }

    /// The heads that an entry of this device names after `prev`.
    pub(super) fn after(&self, prev: Option<&EntryId>) -> After {
        self.log.after(prev)
    }

    /// True if this person left and no relay was told so.
    pub(super) fn has_unsaid_leave(&self) -> bool {
        self.log.fold().left().contains(&self.row.member) && !self.has_said_it_left()
    }

    /// True if this person left and a relay was told so.
    pub(super) fn has_said_it_left(&self) -> bool {
        let fold = self.log.fold();
        let mut entries = self.log.dag().entries();
        fold.left().contains(&self.row.member)
            && entries.any(|(entry, author, control)| {
                matches!(control.record, Record::Leave(_))
                    && fold.device(&author).is_some_and(|it| it.member == self.row.member)
                    && self.relayed.get(&entry) == Some(&true)
            })
    }

    /// Takes every epoch key that the control records hand on to this device, or to a key that it also has for now (of an
    /// invitation, or of recovery words), and keeps them in the file.
    pub(super) fn learn_keys(&mut self, tx: &Tx<'_>, lent: Option<&DeviceSecret>, now: i64) -> Result<(), AppError> {
        let chains = self.log.chains();
        let records = chains.arrivals(Chain::Control).iter().filter_map(|index| {
            let id = chains.at(*index).head.id;
            self.log.dag().record(&id).map(|(device, control)| (id, device, &control.record))
        });
        let records: Vec<_> = records.collect();
        let mut devices = vec![&self.secret];
        devices.extend(lent.filter(|_| !planted::is(Bug::WordsOpenNothing)));
        let learned = self.keyring.learn(records, &devices);
        for epoch in &learned.epochs {
            if let Some(key) = self.keyring.key(epoch) {
                tx.insert_epoch(&self.row.space, epoch, key.as_bytes())?;
            }
        }
        for (entry, _) in learned.refused {
            let about = json!({ "entry": entry.to_string() });
            tx.note_security_once(now, (&self.row.space, "key-does-not-open", &about))?;
        }
        Ok(())
    }

    /// The key that exactly the devices that live have, if there is one.
    pub(super) fn usable_key(&mut self) -> Option<EpochKey> {
        let now = self.keys_now();
        if let Some((at, key)) = &self.usable
            && *at == now
        {
            return key.clone();
        }
        let epochs = self.log.fold().usable_epochs(&self.device());
        let key = |entry| match &self.log.dag().record(entry)?.1.record {
            Record::Epoch(epoch) => self.keyring.key(&epoch.id),
            _ => None,
        };
        let key = epochs.iter().rev().find_map(key).cloned();
        self.usable = Some((now, key.clone()));
        key
    }

    /// How much there is that decides about keys: records and keys.
    pub(super) fn keys_now(&self) -> [usize; 2] {
        [self.log.chains().arrivals(Chain::Control).len(), self.keyring.epochs().count()]
    }

    /// True while there is an epoch whose key is not here.
    pub(super) fn lacks_epochs(&self) -> bool {
        self.log.dag().entries().any(|(_, _, control)| match &control.record {
            Record::Epoch(epoch) => self.keyring.key(&epoch.id).is_none(),
            _ => false,
        })
    }

    /// Notes whose each device is, for whoever reads without the log.
    pub(super) fn store_devices(&self, tx: &Tx<'_>) -> Result<(), AppError> {
        for (device, state) in self.log.fold().devices() {
            tx.put_device(&self.row.space, device, &state.member)?;
        }
        Ok(())
    }

    /// This device has said that it keeps these, or has nothing to say about them any more.
    pub(super) fn release_kept(
        &mut self,
        tx: &Tx<'_>,
        said: impl IntoIterator<Item = EntryId>,
    ) -> Result<(), AppError> {
        for entry in said {
            self.wanted.remove(&entry);
            if self.kept.remove(&entry) {
                tx.set_kept(&self.id(), &entry, Kept::No)?;
            }
        }
        Ok(())
    }

    /// Keeps entries because the person wants them: they count here at once, and for everybody once that is said.
    pub(super) fn want(&mut self, tx: &Tx<'_>, entries: &[EntryId]) -> Result<(), AppError> {
        for entry in entries {
            self.kept.insert(*entry);
            self.wanted.insert(*entry);
            tx.set_kept(&self.id(), entry, Kept::Wanted)?;
        }
        Ok(())
    }

    /// What this device keeps and has yet to say, as few heads as say it: each stands for what is before it in its
    /// chain.
    pub(super) fn kept_heads(&self) -> Vec<Head> {
        let chains = self.log.chains();
        let before = |id: &EntryId| chains.index(id).into_iter().flat_map(|at| chains.path_down(at).skip(1));
        let mut covered = BTreeSet::new();
        for id in &self.kept {
            for at in before(id) {
                // What is below was walked already.
                if !covered.insert(chains.at(at).head.id) {
                    break;
                }
            }
        }
        self.kept.iter().filter(|id| !covered.contains(*id)).filter_map(|id| Some(chains.meta(id)?.head)).collect()
    }

    /// Notes in the file what this process changed, and that it did.
    pub(super) fn store_row(&mut self, tx: &Tx<'_>) -> Result<(), AppError> {
        let row = &self.row;
        self.row.generation = tx.set_last(&row.space, row.last.as_ref(), row.last_control.as_ref(), row.received)?;
        Ok(())
    }
}

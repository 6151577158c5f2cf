//! The keys under which is sealed: a usable epoch, one that only has to be granted, or a fresh one.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, EpochId},
    log::control::{Keys, Record},
    planted::{self, Bug},
};

use super::Gate;
use crate::{
    app::AppError,
    keys::{self, EpochKey},
};

/// Devices, and parents, that one record names, so that with all its heads it stays within the limit of its body.
const AT_ONCE: usize = 128;

impl Gate<'_, '_, '_> {
    /// True if there is somebody to hand a key to before there is anything to say: they lack the key of the one head, or
    /// they are a device of this member and lack any. Nobody else can make this device write because of what they do.
    pub(super) fn lacks_keys(&mut self) -> bool {
        if self.space.supplied == Some(self.space.keys_now()) {
            return false;
        }
        let (fold, mine) = (self.space.log.fold(), self.space.row.member);
        let heads = self.open_heads();
        if heads.is_empty() {
            return fold.devices().any(|(device, it)| it.live && *device != self.space.device());
        }
        let lacking: Vec<_> = heads.iter().flat_map(|head| self.lacking(head)).collect();
        if lacking.is_empty() {
            self.space.supplied = Some(self.space.keys_now());
        }
        let own = |keys: &Keys| fold.device(&keys.device).is_some_and(|it| it.member == mine);
        let grants = matches!(heads.as_slice(), [head] if self.current(head, true).is_some());
        lacking.iter().any(|keys| grants || own(keys))
    }

    /// The key to seal under: of a usable epoch, of one that only needs granting, or a fresh one. Whoever lives can open
    /// all that was sealed before, once this is written: a device that is new has the key of the one head, and where
    /// there are several a fresh epoch becomes their child. A head that everybody has, only not by a device of this member,
    /// is granted once more: if computers that mint at the same time merged each other's epochs, there would be no end.
    pub(super) fn epoch(&mut self) -> Result<EpochKey, AppError> {
        if self.space.supplied == Some(self.space.keys_now())
            && let Some(key) = self.space.usable_key()
        {
            return Ok(key);
        }
        let heads = self.open_heads();
        let lacking = heads.iter().map(|head| (head, self.lacking(head))).filter(|(_, lacking)| !lacking.is_empty());
        let lacking: Vec<_> = lacking.collect();
        let alone = heads.len() == 1;
        let merged = !alone && planted::is(Bug::EpochsMergedForOwn);
        let granted = |(head, lacking)| (!merged).then_some((self.current(head, alone)?, head, lacking));
        let Some(grants) = lacking.into_iter().map(granted).collect::<Option<Vec<_>>>() else {
            return self.merge(heads);
        };
        let is_supplied = grants.is_empty();
        for (entry, head, lacking) in grants {
            self.grant(entry, head, &lacking)?;
        }
        if let Some(key) = self.space.usable_key() {
            if is_supplied {
                self.space.supplied = Some(self.space.keys_now());
            }
            return Ok(key);
        }
        self.merge(heads)
    }

    /// Mints an epoch that opens all others.
    fn merge(&mut self, mut parents: Vec<EpochId>) -> Result<EpochKey, AppError> {
        while parents.len() > AT_ONCE {
            // One head opens everything behind it, if need be through a head of heads.
            let (_, head) = self.mint(&[], &parents.split_off(parents.len() - AT_ONCE))?;
            parents.insert(0, head);
        }
        let targets = self.space.log.fold().wrap_targets();
        let (now, later) = targets.split_at(targets.len().min(AT_ONCE));
        let (entry, epoch) = self.mint(now, &parents)?;
        self.grant(entry, &epoch, later)?;
        self.space.keyring.key(&epoch).cloned().ok_or_else(|| keys::epoch::Error::Unknown(epoch).into())
    }

    /// Draws a fresh epoch's key; returns its entry and its name.
    fn mint(&mut self, recipients: &[Keys], parents: &[EpochId]) -> Result<(EntryId, EpochId), AppError> {
        let me = self.space.device();
        let (key, epoch) = self.space.keyring.mint(&me, recipients, parents, self.world.rng)?;
        let id = epoch.id;
        self.tx.insert_epoch(&self.space.id(), &id, key.as_bytes())?;
        self.space.keyring.insert(key);
        Ok((self.record(Record::Epoch(epoch))?, id))
    }

    /// Hands the key of the epoch that an entry minted on to more devices.
    fn grant(&mut self, entry: EntryId, epoch: &EpochId, recipients: &[Keys]) -> Result<(), AppError> {
        let me = self.space.device();
        for recipients in recipients.chunks(AT_ONCE) {
            let grant = self.space.keyring.grant(entry, epoch, &me, recipients, self.world.rng)?;
            self.record(Record::Grant(grant))?;
        }
        Ok(())
    }

    /// The live devices to which nobody has handed on the key of an epoch. Nobody but themselves can open a wrap, so for
    /// other devices and words of one's own member only what that member's devices wrote is believed.
    fn lacking(&self, epoch: &EpochId) -> Vec<Keys> {
        let (fold, dag, me) = (self.space.log.fold(), self.space.log.dag(), self.space.device());
        let member = |device: &DeviceId| fold.device(device).map(|it| it.member);
        let mine = Some(self.space.row.member);
        let minted: BTreeSet<_> =
            dag.entries().filter(|(_, _, control)| mints(&control.record, epoch)).map(|(entry, ..)| entry).collect();
        let all: BTreeSet<_> = minted.iter().flat_map(|entry| fold.holders(entry)).collect();
        let mut own = BTreeSet::from([me]);
        for (entry, author, control) in dag.entries().filter(|(_, author, _)| member(author) == mine) {
            let wraps = match &control.record {
                Record::Epoch(record) if minted.contains(&entry) => &record.wraps,
                Record::Grant(record) if minted.contains(&record.epoch) => &record.wraps,
                _ => continue,
            };
            own.extend(wraps.iter().map(|wrap| wrap.device).chain([author]));
        }
        let holds = |keys: &Keys| if member(&keys.device) == mine { &own } else { &all }.contains(&keys.device);
        fold.wrap_targets().into_iter().filter(|keys| !holds(keys)).collect()
    }

    /// The entry of an epoch that may be used; if nobody needs the key of another one, also of an epoch that may be once it
    /// is granted to those who lack it.
    fn current(&self, epoch: &EpochId, alone: bool) -> Option<EntryId> {
        let (fold, dag, me) = (self.space.log.fold(), self.space.log.dag(), self.space.device());
        let minted = |entry: &EntryId| dag.record(entry).is_some_and(|(_, control)| mints(&control.record, epoch));
        let grantable = fold.grantable_epochs(&me).into_iter().filter(|_| alone).map(|it| it.epoch);
        fold.usable_epochs(&me).into_iter().chain(grantable).find(minted)
    }

    /// Epochs whose keys are here and that no other such epoch opens. A parent counts only if it does open, and if it is
    /// older than its child: nobody can make two epochs that seem to open each other.
    fn open_heads(&self) -> Vec<EpochId> {
        let dag = self.space.log.dag();
        let minted = dag.entries().filter_map(|(_, _, control)| match &control.record {
            Record::Epoch(epoch) => Some(epoch),
            _ => None,
        });
        let minted: Vec<_> = minted.collect();
        let mut first = BTreeMap::new();
        for (at, epoch) in minted.iter().enumerate() {
            first.entry(epoch.id).or_insert(at);
        }
        let mut heads: BTreeSet<_> = self.space.keyring.epochs().copied().collect();
        for epoch in minted {
            let Some(child) = self.space.keyring.key(&epoch.id) else { continue };
            for parent in &epoch.parents {
                let older = first.get(&parent.epoch) < first.get(&epoch.id);
                if older && heads.contains(&parent.epoch) && child.open_parent(&self.space.id(), parent).is_ok() {
                    heads.remove(&parent.epoch);
                }
            }
        }
        heads.into_iter().collect()
    }
}

fn mints(record: &Record, epoch: &EpochId) -> bool {
    matches!(record, Record::Epoch(minted) if minted.id == *epoch)
}

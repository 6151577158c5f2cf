//! The seal gate: what waits here becomes entries of this device, after pulling and before sending.
//!
//! Control first: invitations made offline, confirmations, then keys for exactly the devices that live; content last. So
//! whatever ends a device precedes what is written after it. All of it is one transaction; only then is anything sent.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, ItemId, MemberId, SpaceId},
    limits,
    log::{
        chain::State,
        control::{Confirm, Cut, Invite, Purpose, Reason, Record},
        entry::Entry,
        heads::{After, Chain},
        membership::Role,
    },
    wire,
};

use super::{AppError, Profile, World, documents::Documents, membership, receive::loaded, space::Space};
use crate::{
    document::{DocId, Preimage, Writer},
    keys::{Content, DeviceSecret, EpochKey, Part, content::Form, seal},
    store::{Invited, Tx, Waiting},
};

/// Changes of one document above which its snapshot may be smaller.
const MANY: usize = 8;
/// Bytes of changes after which an entry is closed, so that packing stays quick.
const RAW: usize = 8 * 1024 * 1024;
/// Seconds after which a device that only received says so.
const RECEIPT: i64 = 24 * 60 * 60;

impl Profile {
    /// Seals everything that waits in a space. The caller has pulled.
    pub(super) fn seal(&mut self, space: &SpaceId, received: bool, world: &mut World<'_>) -> Result<(), AppError> {
        let Self { store, spaces, documents } = self;
        store.write(|tx| {
            let space = loaded(spaces, tx, space)?;
            let mut gate = Gate { tx, space, documents, world, control: Vec::new(), sealed: false };
            gate.run(received)?;
            let Gate { control, sealed, space, world, .. } = gate;
            if control.is_empty() && !sealed {
                return Ok(());
            }
            membership::note(tx, space, &control, world.now)?;
            space.store_row(tx)
        })
    }
}

struct Gate<'a, 'b, 'w> {
    tx: &'a Tx<'b>,
    space: &'a mut Space,
    documents: &'a mut Documents,
    world: &'a mut World<'w>,
    control: Vec<EntryId>,
    sealed: bool,
}

impl Gate<'_, '_, '_> {
    fn run(&mut self, received: bool) -> Result<(), AppError> {
        let me = self.space.device();
        let fold = self.space.log.fold();
        if !fold.device(&me).is_some_and(|it| it.live && it.role == Role::Ordinary) {
            return Ok(());
        }
        self.invite()?;
        self.confirm()?;
        self.withdraw()?;
        let mut waiting = self.tx.waiting(&self.space.id())?;
        let receipt = waiting.is_empty() && received && self.owes_receipt();
        if waiting.is_empty() && !receipt && !self.lacks_keys() {
            return Ok(());
        }
        let key = self.epoch()?;
        while !waiting.is_empty() {
            let left = self.seal(&key, waiting)?;
            waiting = left;
        }
        if receipt {
            self.append(&key, &Content { after: After::default(), parts: Vec::new() })?;
            self.space.row.received = self.world.now;
        }
        Ok(())
    }

    /// Writes the records of invitations that were made while nobody could be asked, and ends those that ran out.
    fn invite(&mut self) -> Result<(), AppError> {
        let now = u64::try_from(self.world.now).unwrap_or(0);
        for invited in self.tx.invitations(&self.space.id())?.into_iter().filter(|it| it.mine) {
            let fold = self.space.log.fold();
            if !invited.written {
                let key = DeviceSecret::from_bytes(&invited.secret).keys();
                let record = Record::Invite(Invite { key, purpose: invited.purpose, expires: invited.expires });
                self.record(record)?;
                self.tx.set_invitation_written(&self.space.id(), &invited.device)?;
            } else if invited.expires < now && !fold.invitations().iter().any(|it| has_redemption(it, &invited)) {
                self.record(Record::Cut(Cut { device: invited.device, reason: Reason::Expired }))?;
                self.tx.remove_invitation(&self.space.id(), &invited.device)?;
            }
        }
        Ok(())
    }

    /// Confirms the first redemption of each invitation of this device, and erases the invitation's secret.
    fn confirm(&mut self) -> Result<(), AppError> {
        let me = self.space.device();
        for redeem in self.space.log.fold().pending(&me) {
            let Some((key, _)) = self.space.log.dag().record(&redeem) else { continue };
            if !self.space.log.fold().pending(&me).contains(&redeem) {
                continue;
            }
            self.record(Record::Confirm(Confirm { redeem }))?;
            self.tx.remove_invitation(&self.space.id(), &key)?;
        }
        Ok(())
    }

    /// Ends every other invitation of this device for the other person once they are in: its link must open nothing.
    fn withdraw(&mut self) -> Result<(), AppError> {
        let fold = self.space.log.fold();
        if fold.other_member().is_none() {
            return Ok(());
        }
        for invited in self.tx.invitations(&self.space.id())?.into_iter().filter(|it| it.mine) {
            if invited.purpose == Purpose::Member {
                if fold.device(&invited.device).is_some_and(|it| it.live) {
                    self.record(Record::Cut(Cut { device: invited.device, reason: Reason::Withdrawn }))?;
                }
                self.tx.remove_invitation(&self.space.id(), &invited.device)?;
            }
        }
        Ok(())
    }

    /// True if a live device has no key for what would be sealed now.
    fn lacks_keys(&self) -> bool {
        let fold = self.space.log.fold();
        let others = fold.devices().filter(|(device, it)| it.live && **device != self.space.device()).count();
        others > 0 && self.usable().is_none()
    }

    /// The key to seal under: of a usable epoch, of one that only needs granting, or a fresh one.
    fn epoch(&mut self) -> Result<EpochKey, AppError> {
        if let Some(key) = self.usable() {
            return Ok(key);
        }
        let (me, fold) = (self.space.device(), self.space.log.fold());
        for grantable in fold.grantable_epochs(&me) {
            let Some(epoch) = self.epoch_id(&grantable.epoch) else { continue };
            if self.space.keyring.key(&epoch).is_none() {
                continue;
            }
            let grant = self.space.keyring.grant(grantable.epoch, &epoch, &me, &grantable.lacking, self.world.rng)?;
            self.record(Record::Grant(grant))?;
            if let Some(key) = self.usable() {
                return Ok(key);
            }
        }
        let parents = self.open_heads();
        let (key, epoch) = self.space.keyring.mint(&me, &fold.wrap_targets(), &parents, self.world.rng)?;
        self.tx.insert_epoch(&self.space.id(), &epoch.id, key.as_bytes())?;
        self.space.keyring.insert(key.clone());
        self.record(Record::Epoch(epoch))?;
        Ok(key)
    }

    fn usable(&self) -> Option<EpochKey> {
        let usable = self.space.log.fold().usable_epochs(&self.space.device());
        usable.iter().filter_map(|entry| self.space.keyring.key(&self.epoch_id(entry)?)).next().cloned()
    }

    fn epoch_id(&self, entry: &EntryId) -> Option<EpochId> {
        match self.space.log.dag().record(entry) {
            Some((_, control)) => match &control.record {
                Record::Epoch(epoch) => Some(epoch.id),
                _ => None,
            },
            None => None,
        }
    }

    /// Epochs whose keys are here and that no other such epoch opens.
    fn open_heads(&self) -> Vec<EpochId> {
        let known: BTreeSet<_> = self.space.keyring.epochs().copied().collect();
        let mut heads = known.clone();
        for (_, _, control) in self.space.log.dag().entries() {
            if let Record::Epoch(epoch) = &control.record
                && known.contains(&epoch.id)
            {
                for parent in epoch.parents.iter().filter(|parent| parent.epoch != epoch.id) {
                    heads.remove(&parent.epoch);
                }
            }
        }
        heads.into_iter().take(limits::WRAPS).collect()
    }

    /// True if something was processed since this device last said so, and that is a day ago.
    fn owes_receipt(&self) -> bool {
        if self.world.now < self.space.row.received + RECEIPT {
            return false;
        }
        let tip = self.space.log.tip(&self.space.device(), Chain::Content, self.space.row.last.as_ref());
        self.space.after(tip.map(|tip| tip.id).as_ref()).0.iter().any(|head| head.chain == Chain::Content)
    }

    /// Seals as many intents as fit one entry; returns what is left.
    fn seal(&mut self, key: &EpochKey, waiting: Vec<Waiting>) -> Result<Vec<Waiting>, AppError> {
        let intents: BTreeSet<_> = waiting.iter().map(|it| it.intent).collect();
        let intents: Vec<_> = intents.into_iter().collect();
        let mut bytes = 0;
        let fits = |it: &&Waiting| {
            bytes += it.bytes.len();
            bytes <= RAW
        };
        let upto = waiting.iter().take_while(fits).last().map_or(intents[0], |it| it.intent);
        let mut count = intents.partition_point(|intent| *intent <= upto).max(1);
        if bytes > RAW && count > 1 {
            count -= 1; // the last one may have been cut in two
        }
        loop {
            let last = intents[count - 1];
            let (now, later): (Vec<&Waiting>, Vec<&Waiting>) = waiting.iter().partition(|it| it.intent <= last);
            let content = self.pack(&now, &later)?;
            let fits = content.parts.len() <= limits::PARTS
                && seal::sealed_size(wire::encode(&content).len() + ROOM) <= limits::CONTENT_BODY;
            if fits || count == 1 {
                self.append(key, &content)?;
                self.tx.unqueue_intents(&self.space.id(), last)?;
                let left = waiting.into_iter().filter(|it| it.intent > last).collect();
                return Ok(left);
            }
            count = count.div_ceil(2);
        }
    }

    /// One part a document: its changes, or the whole document where that is smaller and allowed.
    fn pack(&mut self, now: &[&Waiting], later: &[&Waiting]) -> Result<Content, AppError> {
        let mut order: Vec<(ItemId, Option<MemberId>)> = Vec::new();
        let mut by_document: BTreeMap<(ItemId, Option<MemberId>), Vec<&Waiting>> = BTreeMap::new();
        for change in now {
            let name = (change.item, change.writer);
            let changes = by_document.entry(name).or_default();
            if changes.is_empty() {
                order.push(name);
            }
            changes.push(change);
        }
        let space = self.space.id();
        let mut parts = Vec::new();
        let mut introduced = BTreeSet::new();
        for (item, writer) in order {
            let changes = by_document.remove(&(item, writer)).unwrap_or_default();
            let known = self.tx.preimage(&space, &item)?.ok_or(AppError::UnknownSpace)?;
            let preimage = match introduced.insert(item) {
                true => self.tx.uncarried_preimage(&space, &item)?,
                false => None,
            };
            let split = later.iter().any(|it| it.item == item && it.writer == writer);
            let snapshot = match changes.len() > MANY && !split {
                true => self.snapshot(&known, item, writer)?,
                false => None,
            };
            parts.push(smaller(item, writer, preimage, &changes, snapshot)?);
        }
        Ok(Content { after: After::default(), parts })
    }

    fn snapshot(
        &mut self,
        preimage: &[u8],
        item: ItemId,
        writer: Option<MemberId>,
    ) -> Result<Option<Vec<u8>>, AppError> {
        let Ok(preimage) = Preimage::decode(preimage) else { return Ok(None) };
        let doc = DocId { item, writer: Writer::from(writer) };
        let lineage = self.lineage();
        Ok(self.documents.open(self.tx, &self.space.row.space, &preimage, doc)?.snapshot(&lineage))
    }

    fn lineage(&self) -> Vec<DeviceId> {
        let me = self.space.device();
        self.space.log.fold().lineage(&me).into_iter().chain([me]).collect()
    }

    /// Signs and writes one entry.
    fn append(&mut self, key: &EpochKey, content: &Content) -> Result<(), AppError> {
        let (space, me) = (self.space.id(), self.space.device());
        let tip = self.space.log.tip(&me, Chain::Content, self.space.row.last.as_ref());
        let after = self.space.after(tip.map(|tip| tip.id).as_ref());
        let content = Content { after: after.clone(), parts: content.parts.clone() };
        let (place, body) = seal::seal(key, &space, &me, tip.as_ref(), &content.encode(), self.world.rng)?;
        let entry = Entry::sign(&space, self.space.secret.signing(), &place, body);
        self.space.log.append_content(entry.clone());
        self.space.log.learn_after(entry.id, after.clone());
        self.tx.insert_entry(&space, &entry, State::Applied, Some(&after))?;
        if let Some(node) = self.space.node(&entry.id) {
            self.space.contents.insert(self.space.log.dag(), &node);
        }
        for part in &content.parts {
            if let Some(preimage) = &part.preimage {
                self.tx.insert_item(&space, &part.item, preimage, true)?;
            }
        }
        self.space.relayed.insert(entry.id, false);
        self.space.row.last = Some(entry.id);
        self.sealed = true;
        Ok(())
    }

    fn record(&mut self, record: Record) -> Result<(), AppError> {
        let entry = self.space.append(self.tx, record)?;
        self.control.push(entry);
        Ok(())
    }
}

/// Bytes left free for what an entry names.
const ROOM: usize = 64 * 1024;

fn has_redemption(invitation: &alliance_replica::log::membership::Invitation, invited: &Invited) -> bool {
    invitation.invite.key.device == invited.device && !invitation.redemptions.is_empty()
}

fn smaller(
    item: ItemId,
    writer: Option<MemberId>,
    preimage: Option<Vec<u8>>,
    changes: &[&Waiting],
    snapshot: Option<Vec<u8>>,
) -> Result<Part, AppError> {
    let raw: Vec<u8> = changes.iter().flat_map(|it| it.bytes.iter().copied()).collect();
    let plain = Part::pack(item, writer, preimage.clone(), Form::Changes, &raw);
    match snapshot {
        Some(snapshot) => {
            let whole = Part::pack(item, writer, preimage, Form::Snapshot, &snapshot)?;
            match plain {
                Ok(plain) if plain.packed.len() <= whole.packed.len() => Ok(plain),
                _ => Ok(whole),
            }
        }
        None => Ok(plain?),
    }
}

//! The seal gate: what waits here becomes entries of this device, after pulling and before sending.
//!
//! First, in a transaction of its own, what ends a device: it has room where nothing else has. Then control: invitations
//! made offline, confirmations, keys for exactly the devices that live; content last. So whatever ends a device precedes
//! what is written after it. Only when all of that is on disk is anything sent.

mod ends;
mod epochs;
mod taking;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{DeviceId, EntryId, ItemId, MemberId, SpaceId},
    limits,
    log::{
        chain::State,
        control::{Confirm, Invite, Reason, Record},
        entry::Entry,
        heads::{After, Chain},
        membership::Role,
    },
    planted::{self, Bug},
    wire,
};

use super::{
    AppError, Profile, World,
    apply::{self, Since},
    computers::open_doors,
    documents::Documents,
    membership,
    receive::loaded,
    space::Space,
};
use crate::{
    document::{self, Change, ChangeHash, DocId, EditError, Preimage, Writer},
    keys::{Content, DeviceSecret, EpochKey, Part, content::Form, seal},
    store::{Invited, Tx, Waiting},
};

/// Changes of one document above which its snapshot may be smaller.
const MANY: usize = 8;
/// Bytes of changes after which an entry is closed, so that packing stays quick.
const RAW: usize = 8 * 1024 * 1024;
/// Seconds after which a device that only received says so.
const RECEIPT: i64 = 24 * 60 * 60;

/// What came before something is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Came {
    /// True if anything did just now.
    pub(super) received: bool,
    /// True if all did that the peer has.
    pub(super) all: bool,
}

impl Came {
    /// True if a person's decision to end something may be written.
    fn is_whole(self) -> bool {
        self.all || planted::is(Bug::EndingBeforePull)
    }
}

impl Profile {
    /// Seals everything that waits in a space. The caller has pulled.
    pub(super) fn seal(&mut self, space: &SpaceId, came: Came, world: &mut World<'_>) -> Result<(), AppError> {
        let ends = self.store.read::<_, AppError>(|tx| {
            let mine = |it: &Invited| it.mine && it.written;
            Ok(!tx.endings(space)?.is_empty() || tx.invitations(space)?.iter().any(mine))
        })?;
        if ends {
            self.pass_gate(space, |gate| gate.end(came), world)?;
        }
        self.pass_gate(space, |gate| gate.run(came), world)
    }

    /// Writes the records of invitations that were made here, and nothing else: nobody was asked what else there is.
    pub(super) fn write_invitations(&mut self, space: &SpaceId, world: &mut World<'_>) -> Result<(), AppError> {
        self.pass_gate(space, |gate| gate.invite(), world)
    }

    /// Lets one thing after the other be written, and brings everything here up to date with it.
    fn pass_gate(
        &mut self,
        space: &SpaceId,
        write: impl FnOnce(&mut Gate<'_, '_, '_>) -> Result<(), AppError>,
        world: &mut World<'_>,
    ) -> Result<(), AppError> {
        let Self { store, spaces, documents, .. } = self;
        store.write(|tx| {
            let space = loaded(spaces, tx, space)?;
            if apply::is_open(space) {
                apply::settle(tx, space, documents, Since::default(), world.now)?;
                space.store_row(tx)?;
            }
            let (control, content, held) = (Vec::new(), Vec::new(), Vec::new());
            let mut gate = Gate { tx, space, documents, world, control, content, held };
            if gate.is_open() {
                write(&mut gate)?;
            }
            let Gate { control, content, space, documents, world, .. } = gate;
            if control.is_empty() && content.is_empty() {
                return Ok(());
            }
            if !control.is_empty() {
                membership::note(tx, space, &control, world.now)?;
            }
            // What was sealed is known to others from now on: something that came before may have waited for it.
            let sealed = content.iter().flat_map(|content| &content.parts).map(|part| part.item).collect();
            let since = Since { sealed, control: !control.is_empty(), ..Since::default() };
            apply::settle(tx, space, documents, since, world.now)?;
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
    content: Vec<Content>,
    /// Waiting changes that no reader could apply.
    held: Vec<Waiting>,
}

impl Gate<'_, '_, '_> {
    /// True if this device may write here at all.
    fn is_open(&self) -> bool {
        let fold = self.space.log.fold();
        fold.device(&self.space.device()).is_some_and(|it| it.live && it.role == Role::Ordinary)
    }

    /// Writes everything else.
    fn run(&mut self, came: Came) -> Result<(), AppError> {
        self.invite()?;
        self.add_words()?;
        self.confirm()?;
        self.withdraw()?;
        if came.is_whole() {
            self.renew()?;
            self.invite()?;
            self.take_over_work()?;
        }
        if !came.is_whole() && self.tx.endings(&self.space.id())?.iter().any(|it| it.reason.is_some()) {
            // Words wait with the cut: the computer that is to go would read them.
            return Ok(());
        }
        self.write(came.received)?;
        if came.is_whole() { self.leave() } else { Ok(()) }
    }

    /// Seals content, and keys for whoever lacks them.
    fn write(&mut self, received: bool) -> Result<(), AppError> {
        let mut waiting = self.sealable()?;
        let receipt = waiting.is_empty() && received && self.owes_receipt();
        if waiting.is_empty() && !receipt && self.space.wanted.is_empty() && !self.lacks_keys() {
            return Ok(());
        }
        let key = self.epoch()?;
        while self.space.kept_heads().len() > limits::AFTER {
            // What is sealed next may depend on any of it.
            self.append(&key, Vec::new())?;
        }
        while !waiting.is_empty() {
            let left = self.seal(&key, waiting)?;
            waiting = left;
        }
        // Nothing has to wait for the person's word to be sealed.
        while !self.space.wanted.is_empty() {
            self.append(&key, Vec::new())?;
        }
        if receipt {
            self.append(&key, Vec::new())?;
            self.space.row.received = self.world.now;
        }
        Ok(())
    }

    /// Writes the records of invitations that were made while nobody could be asked; the fresh key does, if one is wanted.
    fn invite(&mut self) -> Result<(), AppError> {
        if self.is_renewing()? {
            return Ok(());
        }
        let now = u64::try_from(self.world.now).unwrap_or(0);
        for invited in self.tx.invitations(&self.space.id())?.into_iter().filter(|it| it.mine && !it.written) {
            if invited.expires < now {
                self.tx.remove_invitation(&self.space.id(), &invited.device)?;
                continue;
            }
            let key = DeviceSecret::from_bytes(&invited.secret).keys();
            let record = Record::Invite(Invite { key, purpose: invited.purpose, expires: invited.expires });
            self.record(record)?;
            self.tx.set_invitation_written(&self.space.id(), &invited.device)?;
        }
        Ok(())
    }

    /// Confirms the first redemption of each invitation of this device, and erases the invitation's secret.
    fn confirm(&mut self) -> Result<(), AppError> {
        let me = self.space.device();
        let endings = self.tx.endings(&self.space.id())?;
        // Whoever has the computer that is to be cut off may have used what was for another one.
        let cuts = endings.iter().any(|it| matches!(it.reason, Some(Reason::Lost | Reason::Unsaid)));
        let doors = if cuts { open_doors(self.space) } else { BTreeSet::new() };
        for redeem in self.space.log.fold().pending(&me) {
            let Some((key, _)) = self.space.log.dag().record(&redeem) else { continue };
            if endings.iter().any(|it| it.device == key)
                || doors.contains(&key)
                || !self.space.log.fold().pending(&me).contains(&redeem)
            {
                continue;
            }
            self.record(Record::Confirm(Confirm { redeem }))?;
            self.tx.remove_invitation(&self.space.id(), &key)?;
        }
        Ok(())
    }

    /// True if something was processed since this device last said so, and that is a day ago.
    fn owes_receipt(&self) -> bool {
        if self.world.now < self.space.row.received + RECEIPT {
            return false;
        }
        let tip = self.space.log.tip(&self.space.device(), Chain::Content, self.space.row.last.as_ref());
        self.space.after(tip.map(|tip| tip.id).as_ref()).0.iter().any(|head| head.chain == Chain::Content)
    }

    /// The waiting changes, without intents that no reader could apply: they depend on something that a cut set aside
    /// and that cannot be kept. Those stay in the queue.
    fn sealable(&mut self) -> Result<Vec<Waiting>, AppError> {
        let waiting = self.tx.waiting(&self.space.id())?;
        if !self.space.sets_aside() {
            return Ok(waiting);
        }
        let (mut held, mut hashes) = (BTreeSet::new(), BTreeSet::new());
        for change in &waiting {
            let read = Change::try_from(change.bytes.as_slice()).ok();
            let follows = read.is_none_or(|read| read.deps().iter().any(|hash| hashes.contains(&hash.0)));
            if held.contains(&change.intent) || follows || !self.is_in_its_document(change)? {
                held.insert(change.intent);
                let same = waiting.iter().filter(|it| it.intent == change.intent);
                hashes.extend(same.map(|it| it.hash));
            }
        }
        let (held, waiting) = waiting.into_iter().partition(|change| held.contains(&change.intent));
        self.held = held;
        Ok(waiting)
    }

    fn is_in_its_document(&mut self, change: &Waiting) -> Result<bool, AppError> {
        let known = self.tx.preimage(&self.space.id(), &change.item)?;
        let Some(preimage) = known.and_then(|known| Preimage::decode(&known).ok()) else { return Ok(false) };
        let doc = DocId { item: change.item, writer: Writer::from(change.writer) };
        let document = self.documents.open(self.tx, &self.space.row.space, &preimage, doc)?;
        Ok(document.knows(&ChangeHash(change.hash)))
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
            let (parts, ops) = self.pack(&now, &later)?;
            let content = Content { parts, ..Content::default() };
            let fits = content.parts.len() <= limits::PARTS
                && ops <= limits::ENTRY_OPS as u64
                && seal::sealed_size(wire::encode(&content).len() + ROOM) <= limits::CONTENT_BODY;
            if fits || count == 1 {
                let lost = planted::is(Bug::QueueEmptiedTooFar) && content.parts.len() > 1;
                let parts = content.parts.into_iter().skip(usize::from(lost)).collect();
                self.append(key, parts)?;
                for intent in &intents[..count] {
                    self.tx.unqueue_intent(&self.space.id(), *intent)?;
                }
                let left = waiting.into_iter().filter(|it| it.intent > last).collect();
                return Ok(left);
            }
            count = count.div_ceil(2);
        }
    }

    /// One part a document: its changes, or the whole document where that is smaller and allowed. And the operations of
    /// all.
    fn pack(&mut self, now: &[&Waiting], later: &[&Waiting]) -> Result<(Vec<Part>, u64), AppError> {
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
        let (mut parts, mut ops) = (Vec::new(), 0);
        let mut introduced = BTreeSet::new();
        for (item, writer) in order {
            let changes = by_document.remove(&(item, writer)).unwrap_or_default();
            let known = self.tx.preimage(&space, &item)?.ok_or(AppError::UnknownSpace)?;
            let preimage = match introduced.insert(item) {
                true => self.tx.uncarried_preimage(&space, &item)?,
                false => None,
            };
            let mut rest = later.iter().copied().chain(&self.held);
            let split = rest.any(|it| it.item == item && it.writer == writer);
            let snapshot = match changes.len() > MANY && !split {
                true => self.snapshot(&known, item, writer)?,
                false => None,
            };
            let (part, its) = smaller(item, writer, preimage, &changes, snapshot)?;
            parts.push(part);
            ops = u64::saturating_add(ops, its);
        }
        Ok((parts, ops))
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

    /// Signs and writes one entry. It names as kept what this device keeps beyond a cut.
    fn append(&mut self, key: &EpochKey, parts: Vec<Part>) -> Result<(), AppError> {
        let (space, me) = (self.space.id(), self.space.device());
        let tip = self.space.log.tip(&me, Chain::Content, self.space.row.last.as_ref());
        let keeps = After::new(self.space.kept_heads().into_iter().take(limits::AFTER));
        let content = Content { after: self.space.after(tip.map(|tip| tip.id).as_ref()), parts, keeps };
        let (place, body) = seal::seal(key, &space, &me, tip.as_ref(), &content.encode(), self.world.rng)?;
        let entry = Entry::sign(&space, self.space.secret.signing(), &place, body);
        self.space.log.append_content(entry.clone());
        self.space.learn_after(entry.id, content.after.clone(), content.keeps.clone());
        self.tx.insert_entry(&space, &entry, State::Applied)?;
        self.tx.set_entry_after(&space, &entry.id, &content.after, &content.keeps)?;
        if let Some(node) = self.space.node(&entry.id) {
            self.space.contents.insert(self.space.log.dag(), &node);
        }
        let chains = self.space.log.chains();
        let said = content.keeps.0.iter().filter_map(|head| chains.index(&head.id));
        let said: Vec<_> = said.flat_map(|at| chains.path_down(at)).map(|at| chains.at(at).head.id).collect();
        self.space.release_kept(self.tx, said)?;
        for part in &content.parts {
            if let Some(preimage) = &part.preimage {
                self.tx.insert_item(&space, &part.item, preimage, true)?;
            }
        }
        self.space.relayed.insert(entry.id, false);
        self.space.row.last = Some(entry.id);
        self.content.push(content);
        Ok(())
    }

    fn record(&mut self, record: Record) -> Result<EntryId, AppError> {
        let entry = self.space.append(self.tx, record)?;
        self.control.push(entry);
        Ok(entry)
    }
}

/// Bytes left free for what an entry names, and keeps.
const ROOM: usize = 2 * limits::AFTER * 80;

/// Refuses what no entry could carry: an intent is never in two.
pub(super) fn check_fits<'a>(facets: impl Iterator<Item = &'a [Change]> + Clone) -> Result<(), AppError> {
    let ops = facets.clone().flatten().map(Change::len).sum();
    if ops > limits::ENTRY_OPS {
        return Err(EditError::TooMuch { size: ops, limit: limits::ENTRY_OPS }.into());
    }
    let fits = |size: usize| seal::sealed_size(size + ROOM) <= limits::CONTENT_BODY;
    let raw = |changes: &[Change]| changes.iter().flat_map(|it| it.raw_bytes().to_vec()).collect::<Vec<u8>>();
    if fits(facets.clone().flatten().map(|change| change.raw_bytes().len()).sum()) {
        return Ok(());
    }
    let pack = |changes: &[Change]| Part::pack(ItemId::new([0; 16]), None, None, Form::Changes, &raw(changes));
    let packed = facets.map(pack).collect::<Result<Vec<_>, _>>()?;
    let size = packed.iter().map(|part| part.packed.len()).sum();
    match fits(size) {
        true => Ok(()),
        false => Err(EditError::TooMuch { size, limit: limits::CONTENT_BODY - ROOM }.into()),
    }
}

fn has_redemption(invitation: &alliance_replica::log::membership::Invitation, invited: &Invited) -> bool {
    invitation.invite.key.device == invited.device && !invitation.redemptions.is_empty()
}

fn smaller(
    item: ItemId,
    writer: Option<MemberId>,
    preimage: Option<Vec<u8>>,
    changes: &[&Waiting],
    snapshot: Option<Vec<u8>>,
) -> Result<(Part, u64), AppError> {
    let raw: Vec<u8> = changes.iter().flat_map(|it| it.bytes.iter().copied()).collect();
    let ops = |form: document::Form, raw: &[u8]| form.operations(raw).unwrap_or(u64::MAX);
    let of_plain = ops(document::Form::Changes, &raw);
    let plain = Part::pack(item, writer, preimage.clone(), Form::Changes, &raw);
    match snapshot {
        Some(snapshot) => {
            let whole = Part::pack(item, writer, preimage, Form::Snapshot, &snapshot)?;
            match plain {
                Ok(plain) if plain.packed.len() <= whole.packed.len() => Ok((plain, of_plain)),
                _ => Ok((whole, ops(document::Form::Snapshot, &snapshot))),
            }
        }
        None => Ok((plain?, of_plain)),
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{
        ChaCha20Rng,
        rand_core::{Rng as _, SeedableRng as _},
    };

    use super::*;
    use crate::{
        document::{Document, Edit, Editor, KindName},
        domain,
    };

    #[test]
    fn what_no_entry_could_carry_is_refused_when_it_is_written() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let preimage = Preimage::new(KindName::parse("note").expect("a kind"), None, DeviceId::new([1; 32]), &mut rng);
        let doc = DocId { item: preimage.id(), writer: Writer::Everyone };
        let mut register = |name: &str| {
            let letters = (0..limits::TEXT).map(|_| char::from(b'0' + (rng.next_u32() % 64) as u8));
            Edit::Put(name.to_owned(), Some(letters.collect::<String>().as_str().into()))
        };
        let edits = ["a", "b", "c"].map(&mut register);
        let changes = |edits: &[Edit]| {
            let (mut document, mut rng) =
                (Document::new(doc, domain::schema(&preimage, doc.writer)), ChaCha20Rng::seed_from_u64(2));
            let mut editor = Editor { device: DeviceId::new([1; 32]), now: 0, rng: &mut rng };
            document.edit(&mut editor, edits).expect("edits")
        };
        let [small, large] = [changes(&edits[..2]), changes(&edits)];
        let raw: usize = small.iter().map(|change| change.raw_bytes().len()).sum();
        assert!(raw > limits::CONTENT_BODY, "it fits only packed");
        check_fits(std::iter::once(small.as_slice())).expect("fits");
        let over = [vec![large], vec![small.clone(), small]];
        for facets in over {
            let error = check_fits(facets.iter().map(Vec::as_slice)).expect_err("too much");
            assert!(matches!(error, AppError::Edit(EditError::TooMuch { .. })), "{error}");
        }
    }
}

//! A space's logs: which entries are held, how they hang together, what the clear ones mean.
//!
//! A [`Log`] takes entries in any order that a peer may send, checks everything that can be checked without keys, and
//! keeps an index; it never holds bodies of content. Whoever drives it writes every entry that [`Log::receive`] calls
//! new to disk before acknowledging it, and feeds all entries back in the same order ([`Log::restore`]) after a start.

pub mod chain;
pub mod control;
pub mod entry;
pub mod heads;
pub mod membership;
mod quota;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use chain::{Chains, Link, State};
use control::{Control, Record};
use entry::{Entry, Invalid, Place, Verified};
use heads::{After, Chain, Head};
use membership::{Account, Dag, Fold};
use quota::Quota;

use crate::{
    Malformed,
    id::{DeviceId, EntryId, EpochPrefix, Secret, SpaceId},
    limits,
    planted::{self, Bug},
};

/// All that one replica knows of one space's logs.
pub struct Log {
    space: SpaceId,
    chains: Chains,
    dag: Dag,
    quota: Quota,
    /// For each chain of which an entry was refused because there were too many: at which place.
    passed_over: BTreeMap<(DeviceId, Chain), u64>,
    /// What content entries name, as far as somebody with the keys has said so.
    afters: BTreeMap<EntryId, After>,
    /// Control entries that are held but whose past is not complete, and how much of what they name is lacking.
    pending: BTreeMap<EntryId, (Verified, Control, usize)>,
    /// What is lacking, and who waits for it.
    awaited: BTreeMap<EntryId, Vec<EntryId>>,
    /// Entries of authors that nobody has introduced yet; not held, not acknowledged.
    strangers: VecDeque<Verified>,
    strangers_bytes: usize,
}

/// How many entries back a new entry looks for heads that its chain has named already; older ones are named again.
const NAMED_BEFORE: usize = 1024;

/// What became of the entries of one frame.
#[derive(Debug, Default)]
pub struct Received {
    /// To be written to disk, in this order, then acknowledged.
    pub new: Vec<Verified>,
    /// Control entries whose past is complete now, and which have their place in the membership: new ones, and such that
    /// were held and waited for one of these.
    pub settled: Vec<EntryId>,
    /// Held before; to be acknowledged at once if they are on disk.
    pub known: Vec<Head>,
    /// An entry could not be linked: its predecessor is unknown. Say again what is held.
    pub unlinked: bool,
    /// The first entry that was refused, and why. Nothing after it in its path was looked at.
    pub refused: Option<(EntryId, Refusal)>,
}

/// Why an entry is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Its own bytes are wrong.
    #[error("entry is not valid")]
    Invalid(#[from] Invalid),
    /// Its control record cannot be read.
    #[error("control record cannot be read")]
    Control(#[source] Malformed),
    /// The path's frame names another chain.
    #[error("entry is of another chain than its frame says")]
    Chain,
    /// A genesis that does not make this space.
    #[error("genesis is not the one of this space")]
    Genesis,
    /// Its predecessor is not held; it may still come.
    #[error("predecessor is not known")]
    Unlinked,
    /// Its predecessor is held, and is not of its chain or does not come just before it.
    #[error("predecessor is not the one before it")]
    Predecessor,
    /// Its author is unknown, and too many such entries wait already.
    #[error("author is unknown")]
    Author,
    /// Its author's member has as many control entries in the space as it may.
    #[error("member has too many control entries")]
    TooMany,
}

impl Log {
    /// The empty log of a space.
    pub fn new(space: SpaceId) -> Self {
        Self::with_quota(space, Quota::default())
    }

    fn with_quota(space: SpaceId, quota: Quota) -> Self {
        Self {
            space,
            chains: Chains::default(),
            dag: Dag::new(space),
            quota,
            passed_over: BTreeMap::new(),
            afters: BTreeMap::new(),
            pending: BTreeMap::new(),
            awaited: BTreeMap::new(),
            strangers: VecDeque::new(),
            strangers_bytes: 0,
        }
    }

    /// The space.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The index of what is held.
    pub fn chains(&self) -> &Chains {
        &self.chains
    }

    /// The control entries whose past is complete.
    pub fn dag(&self) -> &Dag {
        &self.dag
    }

    /// The membership now.
    pub fn fold(&self) -> Arc<Fold> {
        self.dag.fold()
    }

    /// Takes a path that a peer sent. Checks cheap things first and signatures last.
    pub fn receive(&mut self, device: &DeviceId, chain: Chain, entries: Vec<Entry>) -> Received {
        let mut received = Received::default();
        for entry in entries {
            let id = EntryId::of(&self.space, device, &entry.header);
            if let Some(meta) = self.chains.meta(&id).filter(|_| !planted::is(Bug::ResendWithoutDedupe)) {
                received.known.push(meta.head);
                continue;
            }
            match self.judge(device, chain, entry) {
                Ok(Some((entry, control))) => self.take(entry, control, &mut received),
                Ok(None) => {}
                Err(Refusal::Unlinked) => {
                    received.unlinked = true;
                    break;
                }
                Err(refusal) => {
                    received.refused = Some((id, refusal));
                    break;
                }
            }
        }
        self.admit_strangers(&mut received);
        received
    }

    /// True if a head comes after an entry for which its author's member had no room, or if only such entries can have
    /// introduced its author: it cannot be taken.
    pub fn passed_over(&self, head: &Head) -> bool {
        let follows = self.passed_over.get(&(head.device, head.chain)).is_some_and(|seq| *seq <= head.seq);
        follows || !self.passed_over.is_empty() && !self.dag.introduces(&head.device)
    }

    /// Takes an entry from one's own disk, in the order in which it was written there.
    pub fn restore(&mut self, device: &DeviceId, entry: Entry, state: State) -> Result<(), Refusal> {
        let entry = entry.trusted(&self.space, device)?;
        let control = decode_control(&entry)?;
        self.link(&entry)?;
        self.insert(entry, control, state);
        Ok(())
    }

    /// Sets how far a content entry has come.
    pub fn set_state(&mut self, id: &EntryId, state: State) {
        self.chains.set_state(id, state);
    }

    /// Tells the log what a content entry names; it cannot open the entry itself.
    pub fn learn_after(&mut self, id: EntryId, after: After) {
        self.afters.insert(id, after);
    }

    /// What an entry names, as far as it is known.
    pub fn after_of(&self, id: &EntryId) -> Option<&After> {
        self.dag.record(id).map(|(_, control)| &control.after).or_else(|| self.afters.get(id))
    }

    /// True if a content entry's predecessor and everything it names is processed. Not so while what it names is unknown.
    pub fn is_ready(&self, id: &EntryId) -> bool {
        let (Some(meta), Some(after)) = (self.chains.meta(id), self.afters.get(id)) else { return false };
        let before = meta.prev.map(|id| Head { id, seq: meta.head.seq - 1, ..meta.head });
        let named = after.0.iter().filter(|_| !planted::is(Bug::AfterIgnored));
        before.iter().chain(named).all(|head| self.chains.is_processed(head))
    }

    /// The heads that a new entry with this predecessor names: everything processed here that the predecessor's own
    /// chain has not named already.
    pub fn after(&self, prev: Option<&EntryId>) -> After {
        let mut heads = self.chains.processed_heads();
        heads.retain(|head| Some(&head.id) != prev);
        let mut missing: BTreeSet<_> = heads.iter().map(|head| head.id).collect();
        let start = prev.and_then(|prev| self.chains.index(prev));
        for index in start.into_iter().flat_map(|start| self.chains.path_down(start)).take(NAMED_BEFORE) {
            for head in self.after_of(&self.chains.at(index).head.id).into_iter().flat_map(|after| &after.0) {
                missing.remove(&head.id);
            }
            if missing.is_empty() {
                break;
            }
        }
        heads.retain(|head| missing.contains(&head.id));
        // What does not fit is named by the next entries. Control first: it decides what counts.
        heads.sort_by_key(|head| head.chain);
        heads.truncate(limits::AFTER);
        After::new(heads)
    }

    /// The processed head that a device's next entry extends: of the branch that descends from `last` if there are
    /// several, else the one with the highest seq, then the highest id.
    pub fn tip(&self, device: &DeviceId, chain: Chain, last: Option<&EntryId>) -> Option<Head> {
        let mine = |head: &Head| head.device == *device && head.chain == chain;
        let heads: Vec<_> = self.chains.processed_heads().into_iter().filter(mine).collect();
        let descends = |head: &&Head| {
            let last = last.and_then(|last| self.chains.index(last));
            let index = self.chains.index(&head.id);
            matches!((last, index), (Some(last), Some(index)) if self.chains.path_down(index).any(|at| at == last))
        };
        let best = |a: &&Head, b: &&Head| (a.seq, a.id).cmp(&(b.seq, b.id));
        heads.iter().filter(descends).max_by(best).or_else(|| heads.iter().max_by(best)).copied()
    }

    /// Where a device's next entry goes.
    pub fn next_place(
        &self,
        device: &DeviceId,
        chain: Chain,
        last: Option<&EntryId>,
        epoch: Option<EpochPrefix>,
    ) -> Place {
        let tip = self.tip(device, chain, last);
        Place { version: 1, chain, seq: tip.map_or(1, |tip| tip.seq + 1), prev: tip.map(|tip| tip.id), epoch }
    }

    /// False if nobody would take another such record of this device: its member has written too many.
    pub fn may_append(&self, device: &DeviceId, record: &Record) -> bool {
        self.dag.account(device).is_none_or(|account| self.quota.allows(&account, record))
    }

    /// Appends one's own control record; the entry is to be written to disk before it is sent.
    pub fn append(&mut self, author: &Secret, last: Option<&EntryId>, record: Record) -> Verified {
        let place = self.next_place(&author.public(), Chain::Control, last, None);
        let control = Control { after: self.after(place.prev.as_ref()), record };
        let entry = Entry::sign(&self.space, author, &place, control.encode());
        self.insert(entry.clone(), Some(control), State::Applied);
        entry
    }

    /// Appends one's own sealed entry; it is to be written to disk before it is sent.
    pub fn append_content(&mut self, entry: Verified) {
        self.insert(entry, None, State::Applied);
    }

    fn judge(
        &mut self,
        device: &DeviceId,
        chain: Chain,
        entry: Entry,
    ) -> Result<Option<(Verified, Option<Control>)>, Refusal> {
        let header = entry::Header::decode(&entry.header).map_err(Invalid::Header)?;
        if header.chain != chain {
            return Err(Refusal::Chain);
        }
        // Whether somebody else introduces the author after the genesis of this space is still to be seen.
        if !self.chains.is_empty() && !self.dag.introduces(device) {
            return self.let_wait(device, header.prev, entry).map(|()| None);
        }
        let entry = entry.verify(&self.space, device)?;
        let admitted = self.admit(&entry);
        if let Err(Refusal::TooMany) = admitted {
            let lowest = self.passed_over.entry((*device, chain)).or_insert(header.seq);
            *lowest = header.seq.min(*lowest);
        }
        admitted.map(|control| Some((entry, control)))
    }

    /// Judges where an entry of a known author stands; returns what it says.
    fn admit(&self, entry: &Verified) -> Result<Option<Control>, Refusal> {
        self.link(entry)?;
        let control = decode_control(entry)?;
        let is_genesis = matches!(&control, Some(Control { record: Record::Genesis(_), .. }));
        if is_genesis != self.chains.is_empty() || is_genesis && SpaceId::of(&entry.entry.body) != self.space {
            return Err(Refusal::Genesis);
        }
        let allowed = match (self.dag.account(&entry.device), &control) {
            (None, _) => true,
            (Some(account), Some(control)) => self.quota.allows(&account, &control.record),
            // Who is only invited writes nothing before they are in.
            (Some(account), None) => !matches!(account, Account::Invited(_)),
        };
        if allowed { Ok(control) } else { Err(Refusal::TooMany) }
    }

    fn link(&self, entry: &Verified) -> Result<(), Refusal> {
        match self.chains.link(entry) {
            Link::Fits => Ok(()),
            _ if planted::is(Bug::NoPredecessorCheck) => Ok(()),
            Link::Missing => Err(Refusal::Unlinked),
            Link::Wrong => Err(Refusal::Predecessor),
        }
    }

    /// Keeps an entry until its author is known, if it starts a chain or follows one that waits.
    fn let_wait(&mut self, device: &DeviceId, prev: Option<EntryId>, entry: Entry) -> Result<(), Refusal> {
        let waiting = |prev| self.strangers.iter().find(|waiting| waiting.id == prev).map(Verified::head);
        let held = |prev| self.chains.meta(&prev).map(|meta| meta.head);
        let before = prev.map(|prev| waiting(prev).or_else(|| held(prev)).ok_or(Refusal::Unlinked)).transpose()?;
        let entry = entry.verify(&self.space, device)?;
        if before.is_some_and(|before| !chain::follows(&before, &entry.head())) {
            return Err(Refusal::Predecessor);
        }
        let size = entry.entry.size();
        if self.strangers.iter().any(|waiting| waiting.id == entry.id) {
            return Ok(());
        }
        if self.strangers.len() >= limits::WAITING || self.strangers_bytes + size > limits::WAITING_BYTES {
            return Err(if self.passed_over.is_empty() { Refusal::Author } else { Refusal::TooMany });
        }
        self.strangers_bytes += size;
        self.strangers.push_back(entry);
        Ok(())
    }

    fn take(&mut self, entry: Verified, control: Option<Control>, received: &mut Received) {
        received.settled.extend(self.insert(entry.clone(), control, State::Stored));
        received.new.push(entry);
    }

    fn admit_strangers(&mut self, received: &mut Received) {
        while let Some(at) = self.strangers.iter().position(|entry| self.is_due(entry)) {
            let Some(entry) = self.strangers.remove(at) else { break };
            self.strangers_bytes -= entry.entry.size();
            match self.admit(&entry) {
                Ok(control) => self.take(entry, control, received),
                Err(_) => self.forget_strangers(entry.id),
            }
        }
    }

    /// True if an entry that waits can be judged now.
    fn is_due(&self, entry: &Verified) -> bool {
        self.dag.introduces(&entry.device) && self.chains.link(entry) != Link::Missing
    }

    /// Drops what waits behind an entry that is not taken. If it comes again, it is told why.
    fn forget_strangers(&mut self, id: EntryId) {
        let mut gone = BTreeSet::from([id]);
        let bytes = &mut self.strangers_bytes;
        self.strangers.retain(|entry| {
            let goes = entry.header.prev.is_some_and(|prev| gone.contains(&prev));
            if goes {
                gone.insert(entry.id);
                *bytes -= entry.entry.size();
            }
            !goes
        });
    }

    /// Returns the control entries that have their place in the membership by it.
    fn insert(&mut self, entry: Verified, control: Option<Control>, state: State) -> Vec<EntryId> {
        let (Some(_), Some(control)) = (self.chains.insert(&entry, state), control) else { return Vec::new() };
        let (device, introduces) = (entry.device, quota::introduces(&control.record));
        let settled = self.settle(entry, control);
        // The author of the genesis is known only now.
        self.dag.account(&device).into_iter().for_each(|account| self.quota.count(account, introduces));
        settled
    }

    /// Puts a control entry into the membership once its past is complete, and then what waited for it. Returns all of them.
    fn settle(&mut self, entry: Verified, control: Control) -> Vec<EntryId> {
        let (mut open, mut settled) = (vec![(entry, control)], Vec::new());
        while let Some((entry, control)) = open.pop() {
            let lacking = self.dag.lacking(entry.header.prev, &control.after);
            if !lacking.is_empty() {
                lacking.iter().for_each(|id| self.awaited.entry(*id).or_default().push(entry.id));
                self.pending.insert(entry.id, (entry, control, lacking.len()));
                continue;
            }
            let head = entry.head();
            self.dag.insert(head.id, head.device, head.seq, entry.header.prev, control);
            self.chains.set_state(&head.id, State::Applied);
            settled.push(head.id);
            for waiting in self.awaited.remove(&head.id).unwrap_or_default() {
                let Some((_, _, lacking)) = self.pending.get_mut(&waiting) else { continue };
                *lacking -= 1;
                if *lacking == 0 {
                    open.extend(self.pending.remove(&waiting).map(|(entry, control, _)| (entry, control)));
                }
            }
        }
        settled
    }
}

fn decode_control(entry: &Verified) -> Result<Option<Control>, Refusal> {
    match entry.header.chain {
        Chain::Control => Control::decode(&entry.entry.body).map(Some).map_err(Refusal::Control),
        Chain::Content => Ok(None),
    }
}

#[cfg(test)]
mod tests;

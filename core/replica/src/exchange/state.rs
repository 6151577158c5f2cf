//! What one connection knows about one space: what the peer has, what it lacks, what is under way.
//!
//! Fresh per connection. The rules are those of `docs/protocol.md`, "Exchange": everything that the peer may lack is
//! sent, control first, then content in our order of arrival, a leave last of all; nothing of a chain is sent while the peer names a head of
//! it that we do not hold, because then the peer will send.

mod claims;

use std::collections::{BTreeMap, BTreeSet};

use claims::{Claim, Claims, Found};

use crate::{
    exchange::frame::{Ack, Channel, Have, HeldHead},
    id::{DeviceId, EntryId},
    limits,
    log::{
        Log,
        chain::{Chains, Index},
        control::{Control, Record},
        heads::{Chain, Head},
    },
    planted::{self, Bug},
};

/// Most bytes under way on a channel that the peer has not acknowledged.
const IN_FLIGHT: usize = 4 * 1024 * 1024;

type ChainName = (DeviceId, Chain);

/// A path of one chain to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// Whose chain.
    pub device: DeviceId,
    /// Which of the two.
    pub chain: Chain,
    /// The entries, each the predecessor of the next.
    pub ids: Vec<EntryId>,
}

/// One channel's knowledge of its peer.
#[derive(Debug, Default)]
pub struct Peer {
    have: Option<PeerHave>,
    /// By index in our order of arrival: the peer has it, or we sent it.
    known: Vec<bool>,
    /// By index: the peer named or acknowledged it, so it is on the peer's disk.
    durable: Vec<bool>,
    /// By index: the peer named it before it acknowledged anything, so it had it when the connection began.
    had: Vec<bool>,
    has_acknowledged: bool,
    /// By index: what the peer turned out to have by its claims since somebody asked; every entry at most once.
    claimed: Vec<Index>,
    claims: Claims,
    /// Chains for which the peer gave back points.
    explained: BTreeSet<ChainName>,
    /// Chains for which we gave back points.
    asked: BTreeSet<ChainName>,
    cursor: [usize; 2],
    /// The peer takes no content from us: nobody has confirmed us yet, or it has no room.
    control_alone: bool,
    in_flight: BTreeMap<EntryId, usize>,
    in_flight_bytes: usize,
    /// Arrived and not acknowledged: of each branch the last entry.
    received: BTreeMap<EntryId, Head>,
}

#[derive(Debug, Default)]
struct PeerHave {
    heads: BTreeMap<ChainName, Vec<Head>>,
    floor: BTreeMap<DeviceId, u64>,
}

impl Peer {
    /// Takes in what the peer says it has.
    pub fn on_have(&mut self, have: &Have) {
        self.claims.tidy();
        let early = !self.has_acknowledged;
        let mut heads: BTreeMap<ChainName, Vec<Head>> = BTreeMap::new();
        for held in &have.heads {
            heads.entry((held.head.device, held.head.chain)).or_default().push(held.head);
        }
        self.claims.extend(have.heads.iter().map(|held| Claim { held: *held, early }));
        // What a peer says is complete; points explain only what it names.
        self.explained.retain(|name| heads.contains_key(name));
        for back in have.back.iter().filter(|back| heads.contains_key(&(back.device, back.chain))) {
            self.explained.insert((back.device, back.chain));
            let own = |point: &&HeldHead| point.head.device == back.device && point.head.chain == back.chain;
            self.claims.extend(back.points.iter().filter(own).map(|point| Claim { held: *point, early }));
        }
        let floor = have.floor.iter().map(|floor| (floor.device, floor.seq)).collect();
        self.have = Some(PeerHave { heads, floor });
        self.cursor = [0; 2];
        // A peer acknowledges nothing that it passes over, and says what it has instead: that holds nothing up.
        self.in_flight.values_mut().for_each(|size| *size = 0);
        self.in_flight_bytes = 0;
    }

    /// True once the peer has said what it has.
    pub fn has_spoken(&self) -> bool {
        self.have.is_some()
    }

    /// The peer's heads, as last named.
    pub fn heads(&self) -> impl Iterator<Item = &Head> {
        self.have.iter().flat_map(|have| have.heads.values().flatten())
    }

    /// True if we hold every head that the peer named above the floors, or pass it over.
    pub fn is_pulled(&self, log: &Log) -> bool {
        self.has_spoken() && self.heads().all(|head| is_taken(log, head))
    }

    /// True once everything held here is with the peer or on its way there. Only after [`Peer::next_path`] found nothing.
    pub fn is_offered_all(&self, log: &Log) -> bool {
        let content = (!self.control_alone).then_some(Chain::Content);
        [Some(Chain::Control), content]
            .iter()
            .flatten()
            .all(|chain| self.cursor[*chain as usize] == log.chains().arrivals(*chain).len())
    }

    /// True while something that was sent is neither acknowledged nor named by the peer. What was sent before the peer last
    /// said what it has, and is not by an `own` device, is not awaited: it may have passed it over.
    pub fn awaits_acks(&self, log: &Log, own: impl Fn(&DeviceId) -> bool) -> bool {
        let awaited = |(id, size): (&EntryId, &usize)| {
            let meta = log.chains().index(id).map(|index| (index, log.chains().at(index)));
            meta.is_none_or(|(index, meta)| !is_set(&self.durable, index) && (*size > 0 || own(&meta.head.device)))
        };
        self.in_flight.iter().any(awaited)
    }

    /// True if a device may seal as far as this channel can tell: the peer has spoken, every head that it named of the
    /// device's own chains is processed here, every control head that it named is held, and so is every own entry.
    pub fn may_seal(&self, log: &Log, device: &DeviceId) -> bool {
        let own = |head: &Head| head.device == *device;
        planted::is(Bug::SealBeforePull)
            || self.has_spoken()
                && self.heads().filter(|head| own(head)).all(|head| log.chains().is_processed(head))
                && self.heads().filter(|head| head.chain == Chain::Control).all(|head| is_taken(log, head))
                && log.chains().heads().filter(|meta| own(&meta.head)).all(|meta| log.chains().is_processed(&meta.head))
    }

    /// True if the entry is known to be with the peer, or on its way there.
    pub fn knows(&self, log: &Log, id: &EntryId) -> bool {
        log.chains().index(id).is_some_and(|index| self.is_known(index))
    }

    /// True if the peer said that the entry is on its disk: by a head of its `Have`, or by an acknowledgement.
    pub fn stores(&mut self, log: &Log, id: &EntryId) -> bool {
        self.follow_claims(log.chains());
        log.chains().index(id).is_some_and(|index| is_set(&self.durable, index))
    }

    /// The entries that the peer turned out to have on its disk, by what it said it has, since the last look at that.
    pub fn claimed(&mut self, log: &Log) -> Vec<EntryId> {
        self.follow_claims(log.chains());
        let claimed = std::mem::take(&mut self.claimed);
        claimed.into_iter().map(|index| log.chains().at(index).head.id).collect()
    }

    /// True if the peer had the entry on its disk when the connection began, as far as it said so.
    pub fn had(&mut self, log: &Log, id: &EntryId) -> bool {
        self.follow_claims(log.chains());
        log.chains().index(id).is_some_and(|index| is_set(&self.had, index))
    }

    /// Notes that the peer has an entry, because it sent or named it.
    pub fn learn(&mut self, log: &Log, id: &EntryId) {
        if let Some(index) = log.chains().index(id) {
            self.mark(index);
        }
    }

    /// Notes a path that arrived, to be acknowledged once it is on disk.
    pub fn on_received(&mut self, log: &Log, heads: impl IntoIterator<Item = Head>) {
        for head in heads {
            self.learn(log, &head.id);
            if let Some(prev) = log.chains().meta(&head.id).and_then(|meta| meta.prev) {
                self.received.remove(&prev);
            }
            self.received.insert(head.id, head);
        }
    }

    /// What to acknowledge next, now that everything received is on disk; nothing once all of it is.
    pub fn take_ack(&mut self, channel: Channel) -> Option<Ack> {
        let mut heads = Vec::new();
        while heads.len() < limits::HEADS
            && let Some((_, head)) = self.received.pop_first()
        {
            heads.push(head);
        }
        (!heads.is_empty()).then_some(Ack { channel, heads })
    }

    /// Takes in an acknowledgement; returns the entries that are now known to be on the peer's disk.
    pub fn on_ack(&mut self, log: &Log, ack: &Ack) -> Vec<EntryId> {
        self.has_acknowledged = true;
        let mut durable = Vec::new();
        for head in &ack.heads {
            let Some(index) = log.chains().index(&head.id) else { continue };
            for id in log.chains().path_down(index).map(|at| log.chains().at(at).head.id) {
                let Some(size) = self.in_flight.remove(&id) else { break };
                self.in_flight_bytes -= size;
                set(&mut self.durable, log.chains().index(&id));
                durable.push(id);
            }
        }
        durable
    }

    /// Chains of which the peer has branches that we cannot place: we owe it back points, once.
    pub fn take_forked(&mut self, log: &Log) -> Vec<ChainName> {
        let Some(have) = &self.have else { return Vec::new() };
        let forked: Vec<_> = have
            .heads
            .iter()
            .filter(|(name, heads)| {
                let highest = log.chains().highest(&name.0, name.1);
                !self.asked.contains(name) && heads.iter().any(|head| !self.covered(log, head) && head.seq <= highest)
            })
            .map(|(name, _)| *name)
            .collect();
        self.asked.extend(&forked);
        forked
    }

    /// The next path that the peer lacks, if there is one and there is room on the way. It counts as sent.
    pub fn next_path(&mut self, log: &Log) -> Option<Path> {
        if self.have.is_none() || self.in_flight_bytes >= IN_FLIGHT {
            return None;
        }
        self.follow_claims(log.chains());
        let control = self.path_of(log, Chain::Control);
        if self.control_alone { control } else { control.or_else(|| self.path_of(log, Chain::Content)) }
    }

    /// Sends control alone, or content too, from now on: a peer takes no content from a device that nobody has confirmed, or
    /// for which it has no room. Then a leave waits for none.
    pub fn set_control_alone(&mut self, alone: bool) {
        self.control_alone = alone;
    }

    /// True if all content is with the peer or on its way there.
    fn has_all_content(&self, chains: &Chains) -> bool {
        chains.arrivals(Chain::Content)[self.cursor[Chain::Content as usize]..].iter().all(|at| self.is_known(*at))
    }

    fn path_of(&mut self, log: &Log, chain: Chain) -> Option<Path> {
        let chains = log.chains();
        let arrivals = chains.arrivals(chain);
        let leaves = |index: Index| {
            let record = log.dag().record(&chains.at(index).head.id);
            matches!(record, Some((_, Control { record: Record::Leave(_), .. })))
        };
        // Whoever left is let in nowhere any more: what they wrote before comes first.
        let to_come = &arrivals[self.cursor[chain as usize]..];
        let early = chain == Chain::Control
            && !self.control_alone
            && to_come.iter().any(|at| !self.is_known(*at) && leaves(*at))
            && !self.has_all_content(chains)
            && !planted::is(Bug::LeaveOvertakesContent);
        let waits = |index: Index| early && leaves(index);
        let mut stuck = false;
        let mut blocked = BTreeMap::new();
        let mut at = self.cursor[chain as usize];
        while let Some(&index) = arrivals.get(at) {
            let head = chains.at(index).head;
            if !self.is_known(index) {
                let is_blocked =
                    *blocked.entry((head.device, chain)).or_insert_with_key(|name| self.is_blocked(log, name));
                if !is_blocked && !waits(index) {
                    return Some(self.collect(chains, chain, at, waits));
                }
                // Nor what follows it.
                blocked.insert((head.device, chain), true);
                stuck = true;
            }
            at += 1;
            if !stuck {
                self.cursor[chain as usize] = at;
            }
        }
        None
    }

    /// The path that starts at place `at` among the arrivals: as long as the next arrival that the peer lacks follows.
    fn collect(&mut self, chains: &Chains, chain: Chain, at: usize, waits: impl Fn(Index) -> bool) -> Path {
        let arrivals = chains.arrivals(chain);
        let first = chains.at(arrivals[at]).head;
        let mut path = Path { device: first.device, chain, ids: Vec::new() };
        let mut bytes = 0;
        let mut last = None;
        for &index in &arrivals[at..] {
            if self.is_known(index) {
                continue;
            }
            let meta = chains.at(index);
            let size = meta.size as usize;
            let fits =
                path.ids.is_empty() || bytes + size <= limits::PATH_BYTES && path.ids.len() < limits::PATH_ENTRIES;
            if !fits || waits(index) || last.is_some_and(|last| meta.prev != Some(last)) {
                break;
            }
            self.mark(index);
            self.in_flight.insert(meta.head.id, size);
            self.in_flight_bytes += size;
            bytes += size;
            last = Some(meta.head.id);
            path.ids.push(meta.head.id);
        }
        if planted::is(Bug::LastEntryNotSent) && path.ids.len() > 2 {
            path.ids.pop();
        }
        path
    }

    /// True while the peer names a head of this chain that we do not hold and that it has not explained.
    fn is_blocked(&self, log: &Log, name: &ChainName) -> bool {
        let heads = self.have.as_ref().and_then(|have| have.heads.get(name));
        !self.explained.contains(name) && heads.is_some_and(|heads| heads.iter().any(|head| !self.covered(log, head)))
    }

    /// True if we hold the head or pass it over, or it lies at or below our or the peer's floor.
    fn covered(&self, log: &Log, head: &Head) -> bool {
        let peer_floor = self.have.as_ref().and_then(|have| have.floor.get(&head.device)).copied().unwrap_or(0);
        is_taken(log, head) || head.chain == Chain::Content && head.seq <= peer_floor
    }

    /// Marks what the peer's heads say it has: each head that we hold, and its past down to the lowest seq named.
    fn follow_claims(&mut self, chains: &Chains) {
        for Found { index, early } in self.claims.follow(chains) {
            self.mark(index);
            if !is_set(&self.durable, index) {
                self.claimed.push(index);
            }
            set(&mut self.durable, Some(index));
            if early {
                set(&mut self.had, Some(index));
            }
        }
    }

    fn is_known(&self, index: Index) -> bool {
        is_set(&self.known, index)
    }

    fn mark(&mut self, index: Index) {
        set(&mut self.known, Some(index));
    }
}

fn is_set(flags: &[bool], index: Index) -> bool {
    flags.get(index as usize).copied().unwrap_or(false)
}

fn set(flags: &mut Vec<bool>, index: Option<Index>) {
    let Some(index) = index.map(|index| index as usize) else { return };
    if flags.len() <= index {
        flags.resize(index + 1, false);
    }
    flags[index] = true;
}

/// True if nothing is to come of what the head names: it is held, or passed over.
fn is_taken(log: &Log, head: &Head) -> bool {
    holds(log.chains(), head) || log.passed_over(head)
}

fn holds(chains: &Chains, head: &Head) -> bool {
    chains.index(&head.id).is_some() || head.seq <= chains.floor(&head.device, head.chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exchange::frame::{BackPoints, Frame},
        id::{Secret, SpaceId},
        log::{
            control::{Control, Genesis, Keys, Record, SpaceKind},
            entry::{Entry, Place},
            heads::After,
        },
    };

    /// A device's log whose content chain has so many branches.
    fn forked(branches: u64) -> Log {
        let secret = Secret::from_seed(&[1; 32]);
        let founder = Keys { device: secret.public(), seal: [0; 32] };
        let genesis = Genesis::without_recovery(SpaceKind::Personal, founder);
        let body = Control { after: After::default(), record: Record::Genesis(genesis) }.encode();
        let space = SpaceId::of(&body);
        let place = Place { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None };
        let mut log = Log::new(space);
        let genesis = Entry::sign(&space, &secret, &place, body);
        log.receive(&secret.public(), Chain::Control, vec![genesis.entry]);
        for n in 0..branches {
            let place = Place { version: 1, chain: Chain::Content, seq: 1, prev: None, epoch: Some([0; 8]) };
            let entry = Entry::sign(&space, &secret, &place, n.to_be_bytes().to_vec());
            log.receive(&secret.public(), Chain::Content, vec![entry.entry]);
        }
        log
    }

    #[test]
    fn back_points_of_chains_that_nobody_has_take_no_memory() {
        let log = forked(1);
        let mut peer = Peer::default();
        for round in 0..64_u64 {
            let back = |n: u64| {
                let mut id = [0; 32];
                id[..8].copy_from_slice(&(round << 32 | n).to_be_bytes());
                BackPoints { device: DeviceId::new(id), chain: Chain::Content, points: Vec::new() }
            };
            peer.on_have(&Have { channel: 1, back: (0..4096).map(back).collect(), ..Have::default() });
            peer.next_path(&log);
        }
        assert!(peer.explained.len() <= crate::limits::HEADS, "{}", peer.explained.len());
    }

    #[test]
    fn who_is_not_confirmed_yet_sends_no_content_before_they_are() {
        let log = forked(1);
        let mut peer = Peer::default();
        peer.on_have(&Have { channel: 1, ..Have::default() });
        peer.set_control_alone(true);
        assert_eq!(peer.next_path(&log).map(|path| path.chain), Some(Chain::Control));
        assert_eq!(peer.next_path(&log), None);
        assert!(peer.is_offered_all(&log));
        peer.set_control_alone(false);
        assert!(!peer.is_offered_all(&log));
        assert_eq!(peer.next_path(&log).map(|path| path.chain), Some(Chain::Content));
        assert!(peer.next_path(&log).is_none() && peer.is_offered_all(&log));
    }

    #[test]
    fn a_have_can_be_read_however_often_a_chain_is_forked() {
        let log = forked(5000);
        let have = Have { channel: 1, heads: log.chains().held_heads(), ..Have::default() };
        assert!(Frame::decode(&Frame::Have(have).encode()).is_ok());
    }

    #[test]
    fn what_follows_a_leave_that_waits_is_not_sent_before_it() {
        let mut log = forked(1);
        let secret = Secret::from_seed(&[1; 32]);
        let leave = log.append(&secret, None, Record::Leave(crate::log::control::Leave {})).id;
        let after = log.append(&secret, Some(&leave), Record::Unknown { kind: 77, body: vec![0x80] }).id;
        let mut peer = Peer::default();
        peer.on_have(&Have { channel: 1, ..Have::default() });
        let mut sent = BTreeSet::new();
        while let Some(path) = peer.next_path(&log) {
            for id in path.ids {
                let prev = log.chains().meta(&id).expect("held").prev;
                assert!(prev.is_none_or(|prev| sent.contains(&prev)), "its predecessor was not sent: {}", id == after);
                sent.insert(id);
            }
        }
        assert!(sent.contains(&after));
    }
}

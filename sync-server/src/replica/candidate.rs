//! Openers whom nothing here admits, but who may know more: a relay that lost a space gets it back from them.
//!
//! A candidate's Have says whether it holds control entries that are unknown here. If so it is told that nothing is here,
//! sends them, and they are checked in a log of its own, apart from the space and from other candidates. Once they admit
//! it, they go into the space, new or not, and the candidate takes its seat; if they never do, nothing is stored. A space
//! in this state costs bounded memory and no disk, and its opener learns nothing about the space.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use alliance_replica::{
    exchange::{
        admission::{Standing, Verdict, judge},
        frame::{Channel, Code, Entries},
    },
    id::{DeviceId, EntryId, SpaceId},
    log::{
        Log, Received,
        control::{Control, Record},
        entry::Verified,
        heads::{Chain, Head},
    },
};
use tracing::{info, warn};

use super::{ConnectionId, Now, Reason, Relay, Seat, space::Space};
use crate::{
    error,
    policy::{Address, Policy},
    store::Store,
};

/// Most bytes of entries of one candidate: as many as may be under way unacknowledged.
const BYTES: usize = 4 * 1024 * 1024;
/// For how long it is not said again that there is no room for more candidates.
const SAID: Duration = Duration::from_secs(600);

/// An opener that has still to show why it belongs to the space.
pub(super) struct Candidate {
    space: SpaceId,
    device: DeviceId,
    log: Log,
    held: Vec<Verified>,
    bytes: usize,
    /// It was asked to send what it has.
    asked: bool,
    since: Duration,
    address: Option<Address>,
    /// Its place among those that have not said yet what they have.
    place: u64,
}

/// All candidates together, so that they stay bounded. Who says at once what it has, as every honest device does, is not
/// kept out by any number of others that open and say nothing.
pub(super) struct Candidates {
    count: usize,
    bytes: usize,
    most: usize,
    most_per_address: usize,
    most_bytes: u64,
    addresses: BTreeMap<Address, usize>,
    silent: BTreeMap<u64, Silent>,
    next: u64,
    said: Option<Duration>,
}

/// A candidate that has not said yet what it has.
struct Silent {
    id: ConnectionId,
    channel: Channel,
    address: Option<Address>,
}

impl Candidate {
    pub(super) fn new(space: SpaceId, device: DeviceId, address: Option<Address>, since: Duration) -> Self {
        let log = Log::new(space);
        Self { space, device, log, held: Vec::new(), bytes: 0, asked: false, since, address, place: 0 }
    }

    /// When it opened the space.
    pub(super) fn since(&self) -> Duration {
        self.since
    }
}

impl Candidates {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            count: 0,
            bytes: 0,
            most: policy.connections.candidates as usize,
            most_per_address: policy.connections.candidates_per_address as usize,
            most_bytes: policy.memory.candidate_bytes_total,
            addresses: BTreeMap::new(),
            silent: BTreeMap::new(),
            next: 0,
            said: None,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Who has to go before this one can come: the one that has been silent longest, of its address if that has its share.
    /// If there is room, nobody; if all have said something, this one cannot come.
    fn in_the_way(&mut self, candidate: &Candidate) -> Result<Option<(ConnectionId, Channel)>, Reason> {
        let own = candidate.address.and_then(|address| self.addresses.get(&address)).copied().unwrap_or(0);
        let (has_share, is_full) = (own >= self.most_per_address, self.count >= self.most);
        if !has_share && !is_full {
            return Ok(None);
        }
        if self.said.is_none_or(|said| candidate.since.saturating_sub(said) > SAID) {
            self.said = Some(candidate.since);
            warn!(
                candidates = self.count,
                of_one_address = own,
                "no room for more openers that have to show why they belong: the silent ones go first"
            );
        }
        let mut silent = self.silent.values();
        let first = silent.find(|silent| !has_share || silent.address == candidate.address);
        first.map(|silent| Some((silent.id, silent.channel))).ok_or(Reason::Candidates)
    }

    fn add(&mut self, id: ConnectionId, channel: Channel, candidate: &mut Candidate) {
        self.count += 1;
        self.bytes += candidate.bytes;
        self.next += 1;
        candidate.place = self.next;
        let address = candidate.address;
        self.silent.insert(self.next, Silent { id, channel, address });
        address.into_iter().for_each(|address| *self.addresses.entry(address).or_default() += 1);
    }

    pub(super) fn remove(&mut self, candidate: &Candidate) {
        self.count -= 1;
        self.bytes -= candidate.bytes;
        self.silent.remove(&candidate.place);
        let Some(address) = candidate.address else { return };
        match self.addresses.get_mut(&address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => _ = self.addresses.remove(&address),
        }
    }

    /// True if a candidate has not said yet what it has.
    pub(super) fn is_silent(&self, candidate: &Candidate) -> bool {
        self.silent.contains_key(&candidate.place)
    }

    fn grow(&mut self, candidate: &mut Candidate, bytes: usize) -> Result<(), Reason> {
        candidate.bytes += bytes;
        self.bytes += bytes;
        let is_too_much = candidate.bytes >= BYTES || self.bytes as u64 >= self.most_bytes;
        if is_too_much { Err(Reason::Candidates) } else { Ok(()) }
    }
}

impl<S: Store> Relay<S> {
    /// Takes in an opener that is not known to belong: it may know what is not known here. Its Have will tell.
    pub(super) fn on_stranger(
        &mut self,
        id: ConnectionId,
        channel: Channel,
        space: SpaceId,
        device: DeviceId,
        now: Now,
    ) {
        let address = self.connections.get(&id).and_then(|connection| connection.address);
        let mut candidate = Box::new(Candidate::new(space, device, address, now.elapsed));
        match self.candidates.in_the_way(&candidate) {
            Ok(None) => {}
            Ok(Some((id, channel))) => self.end(id, channel, Reason::Candidates, None),
            Err(why) => return self.end(id, channel, why, None),
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            self.candidates.add(id, channel, &mut candidate);
            connection.seats.insert(channel, Seat::Candidate(candidate));
        }
    }

    /// A candidate says what it has: ask for it, or send the candidate away.
    pub(super) fn on_candidate_have(&mut self, id: ConnectionId, channel: Channel, now: Now) {
        let seats = self.connections.get_mut(&id).map(|connection| &mut connection.seats);
        let Some(Seat::Candidate(candidate)) = seats.and_then(|seats| seats.get(&channel)) else { return };
        self.candidates.silent.remove(&candidate.place);
        let space = candidate.space;
        if let Err(problem) = self.load(&space) {
            tracing::error!(space = ?space, reason = error::chain(&problem), "space cannot be read");
            return self.end(id, channel, Code::Storage, None);
        }
        let knows_more = self.named_control(id, channel).iter().any(|head| !self.holds(&space, &head.id));
        if !knows_more {
            self.turn_away(id, channel, now);
        } else if self.was_asked(id, channel) || self.spaces.contains_key(&space) {
            self.ask(id, channel);
        } else {
            match self.admit_new_space(id, &space, now) {
                Ok(()) => self.ask(id, channel),
                Err(why) => {
                    info!(connection = id.0, space = ?space, reason = why.name(), "a new space is not taken");
                    self.end(id, channel, why, None);
                }
            }
        }
        self.evict(&space);
    }

    fn was_asked(&self, id: ConnectionId, channel: Channel) -> bool {
        matches!(self.seat(id, channel), Some(Seat::Candidate(candidate)) if candidate.asked)
    }

    /// Tells a candidate that nothing is here, so that it sends what it has.
    fn ask(&mut self, id: ConnectionId, channel: Channel) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(Seat::Candidate(candidate)) = connection.seats.get_mut(&channel) else { return };
        if !std::mem::replace(&mut candidate.asked, true) {
            connection.exchange.accept(channel, &candidate.log);
            self.dirty.insert(id);
        }
    }

    /// A candidate sends control entries.
    pub(super) fn on_candidate_entries(&mut self, id: ConnectionId, entries: Entries, now: Now) {
        let channel = entries.channel;
        let seats = self.connections.get_mut(&id).map(|connection| &mut connection.seats);
        let Some(Seat::Candidate(candidate)) = seats.and_then(|seats| seats.get_mut(&channel)) else { return };
        if entries.chain == Chain::Content {
            return self.turn_away(id, channel, now);
        }
        let bytes = entries.entries.iter().map(|entry| entry.size()).sum();
        if let Err(why) = self.candidates.grow(candidate, bytes) {
            return self.end(id, channel, why, None);
        }
        let Received { new, unlinked, refused, .. } =
            candidate.log.receive(&entries.device, entries.chain, entries.entries);
        candidate.held.extend(new);
        let space = candidate.space;
        let verdict = judge(&candidate.log, &candidate.device, now.unix);
        if let Some((entry, refusal)) = refused {
            return self.refuse(id, channel, &space, entry, &refusal);
        }
        if unlinked {
            return self.end(id, channel, Code::Entry, None);
        }
        let is_complete = self.is_complete(id, channel);
        match verdict {
            Verdict::Admitted(Standing::Full) => self.promote(id, channel, now),
            // It might still have turned out to be confirmed.
            Verdict::Admitted(Standing::Joining) if is_complete && self.may_join(id, channel, now) => {
                self.promote(id, channel, now);
            }
            _ if is_complete => self.turn_away(id, channel, now),
            _ => {}
        }
        self.evict(&space);
    }

    /// True if the invitation that a candidate redeemed is still open as far as is known here.
    fn may_join(&mut self, id: ConnectionId, channel: Channel, now: Now) -> bool {
        let Some(Seat::Candidate(candidate)) = self.seat(id, channel) else { return false };
        let space = candidate.space;
        if self.load(&space).is_err() {
            return false;
        }
        let (Some(Seat::Candidate(candidate)), Some(here)) = (self.seat(id, channel), self.spaces.get(&space)) else {
            return false;
        };
        let redeems = |entry: &&Verified| match candidate.log.dag().record(&entry.id) {
            Some((_, Control { record: Record::Redeem(redeem), .. })) => redeem.device.device == candidate.device,
            _ => false,
        };
        let is_open = |key: &DeviceId| judge(&here.log, key, now.unix) == Verdict::Admitted(Standing::Full);
        candidate.held.iter().filter(redeems).any(|entry| is_open(&entry.device))
    }

    /// A candidate's entries admit it: they go into the space, and it takes its seat if the space admits it, too.
    fn promote(&mut self, id: ConnectionId, channel: Channel, now: Now) {
        let seats = self.connections.get_mut(&id).map(|connection| &mut connection.seats);
        let Some(Seat::Candidate(candidate)) = seats.and_then(|seats| seats.remove(&channel)) else { return };
        self.candidates.remove(&candidate);
        let Candidate { space, device, held, .. } = *candidate;
        if let Err(problem) = self.load(&space) {
            tracing::error!(space = ?space, reason = error::chain(&problem), "space cannot be read");
            return self.end(id, channel, Code::Storage, None);
        }
        let is_new = !self.spaces.contains_key(&space);
        let here = self.spaces.entry(space).or_insert_with(|| Space::new(Log::new(space)));
        let ids: BTreeSet<_> = held.iter().map(|entry| entry.id).collect();
        let (mut received, mut is_full) = (Received::default(), false);
        // A candidate brings control alone, which what is left in all does not bound.
        let quota = (&self.policy.quota, u64::MAX);
        for Verified { id, device, header, entry } in held {
            let (path, is_held) = (vec![entry], here.log.chains().index(&id).is_some());
            // As of anybody else: beyond a share only what ends a device, and nothing of whom only the rest introduces.
            let fits = || here.account.fitting(quota, &here.log, &device, header.chain, &path) > 0;
            if !is_held && (is_full && !here.log.dag().introduces(&device) || !fits()) {
                is_full = true;
                continue;
            }
            let one = here.log.receive(&device, header.chain, path);
            one.new.iter().for_each(|it| here.account.count(&it.device, it.header.chain, &it.entry));
            received.new.extend(one.new);
            received.known.extend(one.known);
            received.refused = received.refused.or(one.refused);
        }
        let why = if is_full { Reason::Quota } else { Code::NotMember.into() };
        match judge(&here.log, &device, now.unix) {
            Verdict::Admitted(standing) => self.seat_at(id, channel, space, device, standing),
            _ if is_new => {
                self.spaces.remove(&space);
                return self.end(id, channel, why, None);
            }
            _ => self.end(id, channel, why, None),
        }
        let what = if is_new { "a space that was not here is taken" } else { "a space is completed" };
        info!(connection = id.0, space = ?space, entries = received.new.len(), "{what}");
        self.take(id, channel, &space, &ids, received, now);
        self.say_have(id, channel, &space);
        self.pump(id, channel);
        self.evict(&space);
    }

    /// Ends a candidate's channel with the reason that fits.
    fn turn_away(&mut self, id: ConnectionId, channel: Channel, now: Now) {
        let Some(Seat::Candidate(candidate)) = self.seat(id, channel) else { return };
        let space = candidate.space;
        // What cannot be read is here, too.
        let is_here = self.load(&space).is_err() || self.spaces.contains_key(&space);
        let Some(Seat::Candidate(candidate)) = self.seat(id, channel) else { return };
        let code = match judge(&candidate.log, &candidate.device, now.unix) {
            Verdict::Out(code) => code,
            Verdict::Unknown if is_here || !candidate.held.is_empty() => Code::NotMember,
            Verdict::Admitted(_) if is_here => Code::NotMember,
            Verdict::Unknown | Verdict::Admitted(_) => Code::UnknownSpace,
        };
        info!(connection = id.0, space = ?space, reason = Reason::from(code).name(), "opening is refused");
        self.end(id, channel, code, None);
        self.evict(&space);
    }

    /// True if every control entry that the candidate named has come.
    fn is_complete(&self, id: ConnectionId, channel: Channel) -> bool {
        let Some(Seat::Candidate(candidate)) = self.seat(id, channel) else { return false };
        self.named_control(id, channel).iter().all(|head| candidate.log.chains().index(&head.id).is_some())
    }

    fn named_control(&self, id: ConnectionId, channel: Channel) -> Vec<Head> {
        let peer = self.connections.get(&id).and_then(|connection| connection.exchange.peer(channel));
        let heads = peer.into_iter().flat_map(|peer| peer.heads());
        heads.filter(|head| head.chain == Chain::Control).copied().collect()
    }

    fn holds(&self, space: &SpaceId, id: &EntryId) -> bool {
        self.spaces.get(space).is_some_and(|space| space.log.chains().index(id).is_some())
    }
}

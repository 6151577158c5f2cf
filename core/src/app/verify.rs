//! What a relay really holds of a profile, entry by entry: everything is fetched once more, as by a device that has
//! nothing, and compared with what is here. Nothing is written.

use std::collections::BTreeMap;

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Channel, Code, Entries},
    },
    id::{ReplicaKey, Secret, SpaceId},
    log::{Log, chain::Chains},
};
use zeroize::Zeroizing;

use super::{Inquiry, Profile, RelayInfo, SessionError, World};
use crate::keys::DeviceSecret;

/// What a relay holds of one space.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Held {
    /// Entries that it gave, whose hashes and signatures are right, and that are here as well.
    pub same: u64,
    /// Good entries that it gave and that are not here yet.
    pub more: u64,
    /// Entries that it once acknowledged and did not give. None where it shows this device nothing, as one that was cut off.
    pub lost: u64,
    /// Entries that are here and were not sent yet.
    pub unsent: u64,
    /// Entries that it gave and that are not what their authors signed.
    pub wrong: u64,
    /// Why it did not let this device look.
    pub refused: Option<Code>,
}

impl Held {
    /// True if the relay holds everything that it said it has, as it was signed.
    pub fn is_whole(&self) -> bool {
        self.lost == 0 && self.wrong == 0 && self.refused.is_none()
    }
}

/// A connection on which a relay shows what it holds.
pub struct Verify {
    exchange: Exchange,
    url: String,
    pinned: Option<ReplicaKey>,
    looks: BTreeMap<Channel, Look>,
    spaces: Vec<(SpaceId, DeviceSecret)>,
    proven: bool,
}

/// What one space's channel has shown.
struct Look {
    log: Log,
    wrong: u64,
    refused: Option<Code>,
}

impl Verify {
    /// Begins a connection to a relay for all spaces that use it.
    pub fn new(profile: &mut Profile, relay: &RelayInfo, world: &mut World<'_>) -> Result<Self, SessionError> {
        let (mut seed, mut nonce) = (Zeroizing::new([0; 32]), [0; 32]);
        world.rng.fill_bytes(&mut *seed);
        world.rng.fill_bytes(&mut nonce);
        let mut spaces = Vec::new();
        for space in &relay.spaces {
            spaces.push((*space, DeviceSecret::from_bytes(&profile.space(space)?.secret.to_bytes())));
        }
        Ok(Self {
            exchange: Exchange::new(Role::Initiator, Secret::from_seed(&seed), nonce),
            url: relay.url.clone(),
            pinned: relay.key,
            looks: BTreeMap::new(),
            spaces,
            proven: false,
        })
    }
}

impl Inquiry for Verify {
    fn handle(&mut self, frame: &[u8]) -> Result<(), SessionError> {
        match self.exchange.handle(frame)? {
            Some(Event::Proven { peer }) => {
                if self.pinned.is_some_and(|pinned| pinned != peer) {
                    return Err(SessionError::OtherRelay { url: self.url.clone() });
                }
                self.proven = true;
                for (space, secret) in std::mem::take(&mut self.spaces) {
                    let log = Log::new(space);
                    if let Some(channel) = self.exchange.open(&log, secret.signing()) {
                        self.looks.insert(channel, Look { log, wrong: 0, refused: None });
                    }
                }
            }
            Some(Event::Entries(entries)) => self.take(entries),
            Some(Event::Refused(error)) => {
                if let Some(look) = error.channel.and_then(|channel| self.looks.get_mut(&channel)) {
                    look.refused = Some(error.code);
                }
            }
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            _ => {}
        }
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.poll_transmit()
    }

    /// True if the relay has shown everything that it says it has.
    fn is_done(&self) -> bool {
        let shown = |(channel, look): (&Channel, &Look)| {
            look.refused.is_some()
                || look.wrong > 0
                || self.exchange.peer(*channel).is_some_and(|peer| peer.has_spoken() && peer.is_pulled(&look.log))
        };
        self.proven && self.looks.iter().all(shown)
    }
}

impl Verify {
    /// Entries that were shown so far.
    pub fn shown(&self) -> u64 {
        self.looks.values().map(|look| look.log.chains().len() as u64).sum()
    }

    /// What the relay holds, a space.
    pub fn finish(self, profile: &mut Profile) -> Result<BTreeMap<SpaceId, Held>, SessionError> {
        let mut found = BTreeMap::new();
        for look in self.looks.into_values() {
            let space = profile.space(&look.log.space())?;
            let (here, there) = (space.log.chains(), look.log.chains());
            let mut held = Held { wrong: look.wrong, refused: look.refused, ..Held::default() };
            for id in ids(there) {
                *if here.index(&id).is_some() { &mut held.same } else { &mut held.more } += 1;
            }
            for id in ids(here).filter(|id| there.index(id).is_none()) {
                // What it keeps from this device it need not have lost.
                let hidden = look.refused == Some(Code::NotMember);
                let once = space.relayed.get(&id).copied().unwrap_or(false);
                match once {
                    true if hidden => {}
                    true => held.lost += 1,
                    false => held.unsent += 1,
                }
            }
            found.insert(look.log.space(), held);
        }
        Ok(found)
    }

    fn take(&mut self, entries: Entries) {
        let channel = entries.channel;
        let Some(look) = self.looks.get_mut(&channel) else { return };
        let received = look.log.receive(&entries.device, entries.chain, entries.entries);
        let heads = received.new.iter().map(alliance_replica::log::entry::Verified::head).chain(received.known);
        self.exchange.received(channel, &look.log, heads);
        self.exchange.acknowledge(channel);
        if received.refused.is_some() || received.unlinked {
            look.wrong += 1;
        }
    }
}

fn ids(chains: &Chains) -> impl Iterator<Item = alliance_replica::id::EntryId> + '_ {
    use alliance_replica::log::heads::Chain;
    let all = chains.arrivals(Chain::Control).iter().chain(chains.arrivals(Chain::Content));
    all.map(|index| chains.at(*index).head.id)
}

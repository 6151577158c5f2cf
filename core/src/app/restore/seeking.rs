//! Asking a relay where keys are live: the spaces of each, and who belongs to them. Sans-IO, on a connection of its own.
//!
//! Nothing is written to disk. The keys are those of recovery words, and only in memory.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Channel, Found},
    },
    id::{DeviceId, ReplicaKey, Secret, SpaceId},
    log::{
        Log,
        control::SpaceKind,
        entry::{Entry, Verified},
        heads::Chain,
        membership::{DeviceState, Role as DeviceRole},
    },
};
use zeroize::Zeroizing;

use crate::{
    app::{AppError, Inquiry, NotRestored, SessionError, World},
    keys::DeviceSecret,
};

/// Most bytes of control entries that are taken from a relay before anything is kept.
const MOST: usize = 64 * 1024 * 1024;
/// Most spaces of one key that are looked at: one's words are of one, and so is each alliance's recovery key.
const SPACES: usize = 8;

/// Keys whose spaces a relay is asked for.
pub struct Seeking {
    keys: Vec<Wanted>,
    exchange: Exchange,
    known: Option<ReplicaKey>,
    relay: Option<ReplicaKey>,
    unanswered: BTreeSet<DeviceId>,
    open: BTreeMap<Channel, Sought>,
    bytes: usize,
}

/// A key that is looked for.
pub struct Wanted {
    /// The key.
    pub key: DeviceSecret,
    /// Its space, if that is known: no other one is looked at.
    pub space: Option<SpaceId>,
}

/// A space of one of the keys, with its control entries.
pub(super) struct Sought {
    /// The key that found it.
    pub(super) key: DeviceId,
    pub(super) log: Log,
    /// All that was taken, in order.
    pub(super) control: Vec<Verified>,
    refused: bool,
}

impl Seeking {
    /// Begins a connection to a relay, whose key is known if it was met before.
    pub fn new(keys: Vec<Wanted>, known: Option<ReplicaKey>, world: &mut World<'_>) -> Self {
        let (mut seed, mut nonce) = (Zeroizing::new([0; 32]), [0; 32]);
        world.rng.fill_bytes(&mut *seed);
        world.rng.fill_bytes(&mut nonce);
        Self {
            unanswered: keys.iter().map(|wanted| wanted.key.id()).collect(),
            keys,
            exchange: Exchange::new(Role::Initiator, Secret::from_seed(&seed), nonce),
            known,
            relay: None,
            open: BTreeMap::new(),
            bytes: 0,
        }
    }
}

impl Inquiry for Seeking {
    fn handle(&mut self, frame: &[u8]) -> Result<(), SessionError> {
        match self.exchange.handle(frame)? {
            Some(Event::Proven { peer }) => {
                if self.known.is_some_and(|known| known != peer) {
                    return Err(AppError::NotRestored(NotRestored::OtherRelay).into());
                }
                self.relay = Some(peer);
                self.keys.iter().for_each(|wanted| self.exchange.find(wanted.key.signing()));
            }
            Some(Event::Found(found)) => self.on_found(&found),
            Some(Event::Entries(entries)) if entries.chain == Chain::Control => {
                let Some(sought) = self.open.get_mut(&entries.channel) else { return Ok(()) };
                self.bytes += entries.entries.iter().map(Entry::size).sum::<usize>();
                if self.bytes > MOST {
                    return Err(AppError::NotRestored(NotRestored::TooMuch).into());
                }
                let received = sought.log.receive(&entries.device, entries.chain, entries.entries);
                // The relay goes on sending once it is told what came.
                let heads = received.new.iter().map(Verified::head).chain(received.known);
                self.exchange.received(entries.channel, &sought.log, heads);
                self.exchange.acknowledge(entries.channel);
                sought.control.extend(received.new);
            }
            Some(Event::Refused(error)) => {
                let sought = error.channel.and_then(|channel| self.open.get_mut(&channel));
                sought.into_iter().for_each(|sought| sought.refused = true);
            }
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            _ => {}
        }
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.poll_transmit()
    }

    /// True once every key was answered for, and who belongs to each space that was named is known.
    fn is_done(&self) -> bool {
        let pulled = |(channel, sought): (&Channel, &Sought)| {
            let peer = self.exchange.peer(*channel);
            sought.refused
                || peer.is_some_and(|peer| {
                    let mut control = peer.heads().filter(|head| head.chain == Chain::Control);
                    peer.has_spoken() && control.all(|head| sought.log.chains().meta(&head.id).is_some())
                })
        };
        self.relay.is_some() && self.unanswered.is_empty() && self.open.iter().all(pulled)
    }
}

impl Seeking {
    /// The relay's key, once it has proven it.
    pub fn relay(&self) -> Option<ReplicaKey> {
        self.relay
    }

    /// True if the relay knows a personal space of the keys.
    pub fn has_personal(&self) -> bool {
        self.found().any(|sought| sought.log.fold().kind() == Some(SpaceKind::Personal))
    }

    /// The secret of one of the keys.
    pub(super) fn secret(&self, key: &DeviceId) -> Option<&DeviceSecret> {
        self.keys.iter().map(|wanted| &wanted.key).find(|secret| secret.id() == *key)
    }

    /// The spaces in which one of the keys is live, by what their own logs say.
    pub(super) fn found(&self) -> impl Iterator<Item = &Sought> {
        self.open.values().filter(|sought| !sought.refused && sought.state().is_some())
    }

    /// Opens what a key found, as that key.
    fn on_found(&mut self, found: &Found) {
        let Some(Wanted { key, space }) = self.keys.iter().find(|wanted| wanted.key.id() == found.device) else {
            return;
        };
        if !self.unanswered.remove(&found.device) {
            return;
        }
        let named = found.spaces.iter().filter(|named| space.is_none_or(|space| space == **named));
        for named in named.take(SPACES) {
            let log = Log::new(*named);
            if let Some(channel) = self.exchange.open(&log, key.signing()) {
                let sought = Sought { key: key.id(), log, control: Vec::new(), refused: false };
                self.open.insert(channel, sought);
            }
        }
    }
}

impl Sought {
    pub(super) fn space(&self) -> SpaceId {
        self.log.space()
    }

    /// What the log says of the key that found it, if it is live and no invitation's.
    pub(super) fn state(&self) -> Option<DeviceState> {
        let fold = self.log.fold();
        fold.device(&self.key).filter(|it| it.live && it.role != DeviceRole::Invite).cloned()
    }
}

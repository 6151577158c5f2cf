//! Asking a relay where keys are live: the spaces of each, and who belongs to them. Sans-IO, on a connection of its own.
//!
//! Nothing is written to disk. The keys are those of recovery words, and only in memory. Whoever once had a computer can
//! make up spaces that name these keys. So spaces are looked at one after the other, none may be larger than a limit, and
//! the search for a personal space ends at the first to which its key agreed: nobody but the words can have made it.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
};

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Channel, Code, Found},
    },
    id::{DeviceId, ReplicaKey, Secret, SpaceId},
    limits,
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

/// Most bytes of control entries that are taken of one space. Once so many are there, what is left is for another time.
const MOST: usize = limits::CONTROL;
/// Most spaces of one key that are looked at if it agreed to none: one's words are of one.
const SPACES: usize = 8;

/// Keys whose spaces a relay is asked for.
pub struct Seeking {
    keys: Vec<Wanted>,
    exchange: Exchange,
    known: Option<ReplicaKey>,
    relay: Option<ReplicaKey>,
    unanswered: BTreeSet<DeviceId>,
    /// What is to be looked at, with the key that found it.
    queue: VecDeque<(DeviceId, SpaceId)>,
    open: Option<(Channel, Sought)>,
    /// What was looked at and has one of the keys.
    found: Vec<Sought>,
    too_much: bool,
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
    bytes: usize,
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
            queue: VecDeque::new(),
            open: None,
            found: Vec::new(),
            too_much: false,
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
                let Self { exchange, open, .. } = self;
                let channel = entries.channel;
                let Some((_, sought)) = open.as_mut().filter(|(open, _)| *open == channel) else { return Ok(()) };
                sought.bytes += entries.entries.iter().map(Entry::size).sum::<usize>();
                if sought.bytes > MOST {
                    sought.refused = true;
                    self.too_much = true;
                    return self.go_on();
                }
                let received = sought.log.receive(&entries.device, entries.chain, entries.entries);
                // The relay goes on sending once it is told what came.
                let heads = received.new.iter().map(Verified::head).chain(received.known);
                exchange.received(channel, &sought.log, heads);
                exchange.acknowledge(channel);
                sought.control.extend(received.new);
            }
            Some(Event::Refused(error)) => {
                let open = self.open.iter_mut().filter(|(open, _)| error.channel == Some(*open));
                open.for_each(|(_, sought)| sought.refused = true);
            }
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            _ => {}
        }
        self.go_on()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.poll_transmit()
    }

    /// True once every key was answered for, and who belongs to each space that was named is known.
    fn is_done(&self) -> bool {
        self.relay.is_some() && self.unanswered.is_empty() && self.queue.is_empty() && self.open.is_none()
    }
}

impl Seeking {
    /// The relay's key, once it has proven it.
    pub fn relay(&self) -> Option<ReplicaKey> {
        self.relay
    }

    /// True if the relay knows a personal space of the keys.
    pub fn has_personal(&self) -> bool {
        self.found().any(Sought::is_personal)
    }

    /// The secret of one of the keys.
    pub(super) fn secret(&self, key: &DeviceId) -> Option<&DeviceSecret> {
        self.keys.iter().map(|wanted| &wanted.key).find(|secret| secret.id() == *key)
    }

    /// The spaces in which one of the keys is live, by what their own logs say; the one to which it agreed first.
    pub(super) fn found(&self) -> impl Iterator<Item = &Sought> {
        let mut found: Vec<_> = self.found.iter().collect();
        found.sort_by_key(|sought| Reverse(sought.is_agreed()));
        found.into_iter()
    }

    /// Remembers what a key found.
    fn on_found(&mut self, found: &Found) {
        let Some(Wanted { key, space }) = self.keys.iter().find(|wanted| wanted.key.id() == found.device) else {
            return;
        };
        if !self.unanswered.remove(&found.device) {
            return;
        }
        match space {
            // A relay names no more spaces than that.
            Some(space) if found.spaces.contains(space) || found.spaces.len() >= limits::HEADS => {
                self.queue.push_back((key.id(), *space));
            }
            Some(_) => {}
            None => self.queue.extend(found.spaces.iter().take(SPACES).map(|space| (key.id(), *space))),
        }
    }

    /// Ends with the space that is open once all of it is here, and opens the next one, as the key that found it.
    fn go_on(&mut self) -> Result<(), SessionError> {
        if self.open.as_ref().is_some_and(|(channel, sought)| self.is_whole(*channel, sought)) {
            if let Some((channel, sought)) = self.open.take() {
                // A relay lets nobody have very many open.
                self.exchange.refuse(channel, Code::Closing, None);
                self.found.extend(Some(sought).filter(Sought::is_found));
            }
            self.leave_out();
        }
        while self.open.is_none() {
            let Some((key, space)) = self.queue.pop_front() else { break };
            let log = Log::new(space);
            let Self { keys, exchange, .. } = self;
            let wanted = keys.iter().find(|wanted| wanted.key.id() == key);
            let channel = wanted.and_then(|wanted| exchange.open(&log, wanted.key.signing()));
            let sought = Sought { key, log, control: Vec::new(), bytes: 0, refused: false };
            self.open = channel.map(|channel| (channel, sought));
        }
        if self.is_done() && self.found.is_empty() && self.too_much {
            return Err(AppError::NotRestored(NotRestored::TooMuch).into());
        }
        Ok(())
    }

    /// True once a relay has sent all control entries that it has of a space, or refuses it.
    fn is_whole(&self, channel: Channel, sought: &Sought) -> bool {
        sought.refused
            || self.exchange.peer(channel).is_some_and(|peer| {
                let mut control = peer.heads().filter(|head| head.chain == Chain::Control);
                peer.has_spoken() && control.all(|head| sought.log.chains().meta(&head.id).is_some())
            })
    }

    /// Looks no further for a personal space to which its key agreed, and at nothing more if there is much already.
    fn leave_out(&mut self) {
        let agreed = self.found.iter().filter(|sought| sought.is_personal() && sought.is_agreed());
        let agreed: BTreeSet<_> = agreed.map(|sought| sought.key).collect();
        self.queue.retain(|(key, _)| !agreed.contains(key));
        if self.found.iter().map(|sought| sought.bytes).sum::<usize>() > MOST {
            self.queue.clear();
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

    fn is_found(&self) -> bool {
        !self.refused && self.state().is_some()
    }

    fn is_personal(&self) -> bool {
        self.log.fold().kind() == Some(SpaceKind::Personal)
    }

    /// True if the key agreed to be in the space.
    fn is_agreed(&self) -> bool {
        self.state().is_some_and(|state| state.agreed)
    }
}

//! Which spaces a connection has open: those that use the relay, also if they come to it or leave it meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    exchange::{
        frame::{Channel, Code},
        state::Peer,
    },
    id::{DeviceId, EntryId, SpaceId},
    log::{control::SpaceKind, heads::Chain},
};

use super::{Counterpart, Session, SessionError, SessionEvent};
use crate::{
    app::{AppError, Hindrance, Profile, Unsealed, World, space::Space},
    keys::DeviceSecret,
    store::{self, StoreError},
};

/// How much of what a relay named of a space has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arrivals {
    /// Entries that are here.
    pub here: u64,
    /// Entries that it named. Forks of a chain count once.
    pub named: u64,
}

/// One open channel.
pub(super) struct Line {
    pub(super) space: SpaceId,
    /// The key that opened it; this device's if it was that of recovery words.
    pub(super) opener: DeviceId,
    /// Set if that is not this device's: an invitation's, to bring the redemption to the relay, or one that was renewed.
    pub(super) invitation: bool,
    /// True once what the relay has was compared with what it once acknowledged.
    pub(super) compared: bool,
    /// Entries whose predecessor had not come when they did.
    pub(super) loose: BTreeSet<(DeviceId, EntryId)>,
    /// The device that another laptop has proven to be; a relay has none.
    pub(super) other: Option<DeviceId>,
    /// It was said to the other laptop that nothing is left to say.
    pub(super) said_quiet: bool,
    /// The other laptop said so.
    pub(super) heard_quiet: bool,
}

impl Line {
    pub(super) fn new(space: SpaceId, opener: DeviceId, invitation: bool) -> Self {
        Self {
            space,
            opener,
            invitation,
            compared: false,
            loose: BTreeSet::new(),
            other: None,
            said_quiet: false,
            heard_quiet: false,
        }
    }
}

impl Session {
    /// How many of the entries that the relay named of each space are here, and how many it named.
    pub fn arrivals(&self, profile: &mut Profile) -> Result<BTreeMap<SpaceId, Arrivals>, AppError> {
        let mut all = BTreeMap::new();
        for (channel, line) in &self.channels {
            let Some(peer) = self.exchange.peer(*channel).filter(|peer| peer.has_spoken()) else { continue };
            let chains = profile.space(&line.space)?.log.chains();
            let mut named: BTreeMap<(DeviceId, Chain), u64> = BTreeMap::new();
            for head in peer.heads() {
                let highest = named.entry((head.device, head.chain)).or_default();
                *highest = head.seq.max(*highest);
            }
            let here =
                |device: &DeviceId, chain| chains.heads_of(device, chain).map(|it| it.head.seq).max().unwrap_or(0);
            let here = named.iter().map(|((device, chain), seq)| here(device, *chain).min(*seq)).sum();
            all.insert(line.space, Arrivals { here, named: named.values().sum() });
        }
        Ok(all)
    }

    /// True if nothing is brought to a relay on a channel: it knew the space, and has nothing of it.
    ///
    /// If this person has left the space, the channel ends. Whoever is still in brings it again, and then hears of the
    /// leaving; if nobody is, it is gone because that was wanted. What the personal space says of that is waited for.
    pub(super) fn stands_back(&mut self, profile: &mut Profile, channel: Channel) -> Result<bool, AppError> {
        let Some(line) = self.channels.get(&channel) else { return Ok(false) };
        let space = line.space;
        if self.with.url().is_none() || !self.exchange.peer(channel).is_some_and(has_nothing) {
            return Ok(false);
        }
        if profile.is_done_with(&space)? {
            self.channels.remove(&channel);
            self.closed.insert(space, false);
            self.exchange.refuse(channel, Code::Closing, None);
            return Ok(true);
        }
        let waits = self.waits_for_personal(profile, channel)?;
        if waits {
            self.heard.insert(channel);
        }
        Ok(waits)
    }

    /// True while an alliance that a relay once had, and of which this one has nothing, waits for the personal space.
    fn waits_for_personal(&self, profile: &mut Profile, channel: Channel) -> Result<bool, AppError> {
        let Some(line) = self.channels.get(&channel) else { return Ok(false) };
        if self.with.url().is_none() || !self.exchange.peer(channel).is_some_and(has_nothing) {
            return Ok(false);
        }
        let loaded = profile.space(&line.space)?;
        if is_personal(loaded) || !loaded.relayed.values().any(|is_there| *is_there) {
            return Ok(false);
        }
        for (own, line) in &self.channels {
            let Ok(loaded) = profile.space(&line.space) else { continue };
            if is_personal(loaded) {
                let is_here = |peer: &Peer| peer.has_spoken() && peer.is_pulled(&loaded.log);
                return Ok(!self.exchange.peer(*own).is_some_and(is_here));
            }
        }
        Ok(false)
    }

    /// All channels, that of the personal space first.
    pub(super) fn personal_first(&self, profile: &mut Profile) -> Vec<Channel> {
        // What is damaged is told when it is looked at.
        let mut is_other = |line: &Line| !profile.space(&line.space).is_ok_and(|it| is_personal(it));
        let mut all: Vec<_> = self.channels.iter().map(|(channel, line)| (is_other(line), *channel)).collect();
        all.sort();
        all.into_iter().map(|(_, channel)| channel).collect()
    }

    /// The channels on which something may go out.
    pub(super) fn ready(&self, profile: &mut Profile) -> Vec<(Channel, SpaceId)> {
        let mut ready = Vec::new();
        for (channel, line) in &self.channels {
            // What is damaged is told when it is looked at.
            if !matches!(self.waits_for_personal(profile, *channel), Ok(true)) {
                ready.push((*channel, line.space));
            }
        }
        ready
    }

    /// True while any space is exchanged here, or may come to be.
    pub fn has_spaces(&self) -> bool {
        self.with.url().is_none() || !self.spaces.is_empty()
    }

    /// Tries spaces again that the relay refused, or that were damaged here.
    pub fn try_again(&mut self) {
        if !self.closed.is_empty() {
            self.closed.clear();
            self.changed_here = true;
        }
    }

    /// Takes note that all is settled: what the relay kept to itself is said, and relays that nobody needs any more are
    /// forgotten; what another laptop has is kept in mind.
    pub fn note_settled(&mut self, profile: &mut Profile, world: &World<'_>) -> Result<(), AppError> {
        let Some(url) = self.with.url().map(str::to_owned) else { return self.note_met(profile) };
        self.note_withheld(profile, world)?;
        let open: Vec<_> = self.channels.values().filter(|line| !line.invitation).map(|line| line.space).collect();
        let never: Vec<_> = self.closed.iter().filter(|(_, never)| **never).map(|(space, _)| *space).collect();
        open.iter().try_for_each(|space| profile.set_hindrance(space, None))?;
        profile.note_absent(&url, &self.absent)?;
        profile.note_exchanged(&url, &open, &never)
    }

    /// Opens every space that is not open.
    pub(super) fn open_all(&mut self, profile: &mut Profile) -> Result<(), SessionError> {
        for space in self.spaces.clone() {
            if self.closed.contains_key(&space) || self.channels.values().any(|line| line.space == space) {
                continue;
            }
            let at_relay = self.with.url().is_some();
            let opened = profile
                .unsent_redemption(&space, at_relay)
                .and_then(|invitation| self.open(profile, &space, invitation.as_ref()));
            opened.or_else(|error| self.fail(profile, None, space, error))?;
        }
        Ok(())
    }

    /// Opens the spaces that came to this relay since, and closes those that went.
    pub(super) fn follow(&mut self, profile: &mut Profile, world: &mut World<'_>) -> Result<(), SessionError> {
        let Counterpart::Relay { url, .. } = &self.with else { return self.follow_spaces(profile, world) };
        let Some(peer) = self.peer else { return Ok(()) };
        let relay = profile.relays()?.into_iter().find(|relay| relay.url == *url);
        // Whoever named the address again is content with the relay that is there.
        if relay.as_ref().is_some_and(|relay| relay.key.is_none()) {
            profile.pin_relay(url, &peer, world)?;
        }
        self.spaces = relay.map(|relay| relay.spaces).unwrap_or_default();
        let gone = |line: &Line| !self.spaces.contains(&line.space);
        let gone: Vec<_> = self.channels.iter().filter(|(_, line)| gone(line)).map(|(channel, _)| *channel).collect();
        for channel in gone {
            self.channels.remove(&channel);
            self.exchange.refuse(channel, Code::Closing, None);
        }
        self.open_all(profile)
    }

    /// What one space cannot do stops no other.
    pub(super) fn fail(
        &mut self,
        profile: &mut Profile,
        channel: Option<Channel>,
        space: SpaceId,
        error: AppError,
    ) -> Result<(), SessionError> {
        let event = match error {
            AppError::TooManyRecords => SessionEvent::Hindered { space, why: Hindrance::Unsealed(Unsealed::Records) },
            AppError::Epoch(_) | AppError::Seal(_) | AppError::Pack(_) => {
                SessionEvent::Hindered { space, why: Hindrance::Unsealed(Unsealed::Keys) }
            }
            AppError::Store(StoreError::Damaged { what }) if what != store::FILE => SessionEvent::Damaged { space },
            error => return Err(error.into()),
        };
        profile.unload();
        self.closed.insert(space, false);
        if let Some(channel) = channel {
            self.exchange.refuse(channel, Code::Limit, None);
            self.channels.remove(&channel);
        }
        self.events.push_back(event);
        Ok(())
    }

    pub(super) fn on_refused(
        &mut self,
        profile: &mut Profile,
        channel: Option<Channel>,
        code: Code,
    ) -> Result<(), AppError> {
        let Some(line) = channel.and_then(|channel| self.channels.remove(&channel)) else { return Ok(()) };
        if self.with.url().is_none() {
            return self.on_turned_away(profile, &line, code);
        }
        if line.invitation || profile.space(&line.space).is_ok_and(|loaded| loaded.device() != line.opener) {
            // Once redeemed, or renewed, that key is dead: this device may come in its own name.
            self.redeemed.insert(line.space);
        } else {
            let never = matches!(code, Code::NotMember | Code::UnknownSpace | Code::Expired | Code::Token);
            self.closed.insert(line.space, never);
            if matches!(code, Code::UnknownSpace | Code::Token) {
                self.absent.insert(line.space);
            }
            // Who left is let in nowhere, as wished.
            if code == Code::NotMember && profile.is_done_with(&line.space)? {
                return profile.set_hindrance(&line.space, None);
            }
            self.events.push_back(SessionEvent::Hindered { space: line.space, why: Hindrance::Refused(code) });
            if code == Code::Limit && profile.space(&line.space)?.has_unsaid_leave() && self.full.insert(line.space) {
                // What found no room keeps nobody in an alliance.
                self.closed.remove(&line.space);
                self.open(profile, &line.space, None)?;
            }
        }
        Ok(())
    }

    /// Opens a space: with the invitation's key until the relay has the redemption, with a key of recovery words while
    /// somebody is brought back, with this device's key after.
    pub(super) fn open(
        &mut self,
        profile: &mut Profile,
        space: &SpaceId,
        invitation: Option<&DeviceSecret>,
    ) -> Result<(), AppError> {
        profile.space(space)?;
        let Profile { spaces, lent, .. } = profile;
        let loaded = spaces.get(space).ok_or(AppError::UnknownSpace)?;
        let key = invitation.or(lent.get(space)).unwrap_or(&loaded.secret);
        // Words stand for this device: what they open stays open once it is in.
        let opener = invitation.map_or_else(|| loaded.device(), DeviceSecret::id);
        let channel = match self.with {
            Counterpart::Relay { .. } => self.exchange.open(&loaded.log, key.signing()),
            Counterpart::Laptop(_) => self.exchange.knock(*space, key.signing()),
        };
        if let Some(channel) = channel {
            self.channels.insert(channel, Line::new(*space, opener, invitation.is_some()));
        }
        Ok(())
    }
}

fn has_nothing(peer: &Peer) -> bool {
    peer.has_spoken() && peer.heads().next().is_none()
}

fn is_personal(space: &Space) -> bool {
    space.row.kind == SpaceKind::Personal
}

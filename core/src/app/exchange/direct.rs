//! An exchange with another laptop: which spaces both have, who is let in, and when all is said.
//!
//! Nothing of a space is said before the other laptop has proven to be a device that lives in it. A device of which
//! nothing is known here may bring the control entries that say who it is. What another laptop has is on no relay, so
//! nothing is noted here that `status` tells about relays. See `docs/protocol.md`, "Between two laptops".

use alliance_replica::{
    exchange::{
        Exchange, Role,
        admission::{Verdict, judge},
        frame::{Channel, Code, SpaceName},
        state::Peer,
    },
    id::{DeviceId, SpaceId},
    log::{Log, heads::Chain, membership},
};

use super::{Counterpart, Hindrance, Session, SessionError, SessionEvent, fresh, spaces::Line};
use crate::{
    app::{AppError, Passage, Profile, World},
    keys::Route,
};

/// What is special about a connection to another laptop.
pub(super) struct Direct {
    role: Role,
    /// Those of this profile's spaces that were named to the other one, or by which its names were judged.
    known: Vec<SpaceId>,
    /// It is known which spaces both have.
    matched: bool,
}

impl Session {
    /// Begins a connection to another laptop for all spaces that both have. `binding` is what both ends can derive from the
    /// connection itself, and nobody between them.
    pub fn direct(role: Role, binding: [u8; 32], world: &mut World<'_>) -> Self {
        let (secret, nonce) = fresh(world);
        let direct = Direct { role, known: Vec::new(), matched: false };
        Self::with(Exchange::direct(role, secret, nonce, binding), Counterpart::Laptop(direct))
    }

    /// True if this is no relay, it is known what both have, and that is nothing.
    pub fn shares_nothing(&self) -> bool {
        matches!(&self.with, Counterpart::Laptop(direct) if direct.matched) && self.spaces.is_empty()
    }

    /// The spaces that this side and the other laptop let each other into.
    pub fn shared(&self) -> impl Iterator<Item = SpaceId> {
        let lets_in = |(channel, line): (&Channel, &Line)| line.other.is_some() && self.exchange.is_accepted(*channel);
        let is_direct = matches!(self.with, Counterpart::Laptop(_));
        self.channels.iter().filter(move |it| is_direct && lets_in(*it)).map(|(_, line)| line.space)
    }

    /// Takes note that the other laptop has everything of each space into which both let each other.
    pub(super) fn note_met(&self, profile: &mut Profile) -> Result<(), AppError> {
        for (channel, line) in &self.channels {
            if let Some(other) = line.other.filter(|_| self.exchange.is_accepted(*channel) && !line.invitation) {
                profile.note_had(&line.space, &other)?;
            }
        }
        Ok(())
    }

    /// Keeps where the other laptop is, which was reached there, for each space into which this side has let it.
    pub fn keep_route(&self, profile: &mut Profile, route: &Route) -> Result<(), AppError> {
        for (channel, line) in &self.channels {
            if let Some(other) = line.other.filter(|_| self.exchange.is_accepted(*channel)) {
                profile.keep_route(&line.space, &other, route)?;
            }
        }
        Ok(())
    }

    /// Keeps by which way the other laptop was reached, for each space into which this side has let it.
    pub fn keep_passage(&self, profile: &mut Profile, passage: Passage) -> Result<(), AppError> {
        for (channel, line) in &self.channels {
            if let Some(other) = line.other.filter(|_| self.exchange.is_accepted(*channel)) {
                profile.keep_passage(&line.space, &other, passage)?;
            }
        }
        Ok(())
    }

    /// The alliance that this and the other laptop have in common, and whether that laptop is this person's own; the
    /// personal space if it is the only one. Nothing before this side has let the other one in.
    pub fn company(&self, profile: &mut Profile) -> Result<Option<(SpaceId, bool)>, AppError> {
        let mut company = None;
        for (channel, line) in &self.channels {
            let Some(other) = line.other.filter(|_| self.exchange.is_accepted(*channel)) else { continue };
            let space = profile.space(&line.space)?;
            // Whose computer it is is not known before it has taken up its invitation.
            let fold = space.log.fold();
            let Some(other) = fold.device(&other).filter(|it| it.role != membership::Role::Invite) else { continue };
            let is_own = other.member == space.row.member;
            company = Some((line.space, is_own));
            if !is_own {
                break;
            }
        }
        Ok(company)
    }

    /// True if this side has let the other laptop into a space.
    pub fn has_company(&self) -> bool {
        self.channels.keys().any(|channel| self.exchange.is_accepted(*channel))
    }

    /// Names all spaces to the other laptop, if this one began.
    pub(super) fn name_spaces(&mut self, profile: &mut Profile, world: &mut World<'_>) -> Result<(), SessionError> {
        let Counterpart::Laptop(direct) = &mut self.with else { return Ok(()) };
        if !self.connected {
            self.connected = true;
            self.events.push_back(SessionEvent::Connected { first: false });
        }
        if direct.role == Role::Initiator {
            direct.known = profile.all_spaces()?;
            self.exchange.name_spaces(&direct.known, || name(world));
        }
        Ok(())
    }

    /// The other laptop said which spaces it has, or which of those that were named to it.
    pub(super) fn on_names(
        &mut self,
        profile: &mut Profile,
        names: &[SpaceName],
        world: &mut World<'_>,
    ) -> Result<(), SessionError> {
        let Counterpart::Laptop(direct) = &mut self.with else { return Ok(()) };
        direct.matched = true;
        direct.known = profile.all_spaces()?;
        self.spaces = self.exchange.shared(names, &direct.known);
        if direct.role == Role::Responder {
            self.exchange.answer_names(&self.spaces, names.len(), || name(world));
            return Ok(());
        }
        self.open_all(profile)
    }

    /// The other laptop proved as which device it wants to open a space.
    pub(super) fn on_opening(
        &mut self,
        profile: &mut Profile,
        channel: Channel,
        (space, device): (SpaceId, DeviceId),
        world: &mut World<'_>,
    ) -> Result<(), SessionError> {
        // To a relay this computer is never the one that is asked. Who names no space learns of none.
        if matches!(self.with, Counterpart::Relay { .. }) || !self.spaces.contains(&space) {
            self.exchange.refuse(channel, Code::NotMember, None);
            return Ok(());
        }
        let now = world.now;
        let written = profile.write_invitation(&space, &device, world);
        let loaded = match written.and_then(|()| profile.space(&space)) {
            Ok(loaded) => loaded,
            Err(error) => return self.fail(profile, Some(channel), space, error),
        };
        if let Verdict::Out(code) = verdict(&loaded.log, &device, now) {
            self.exchange.refuse(channel, code, None);
            return Ok(());
        }
        self.exchange.show(channel, loaded.secret.signing());
        let opener = loaded.device();
        self.channels.insert(channel, Line::new(space, opener, false));
        self.on_opened(profile, channel, device, now)
    }

    /// The other laptop proved which device it is in a space; it is let in if that lives there.
    pub(super) fn on_opened(
        &mut self,
        profile: &mut Profile,
        channel: Channel,
        device: DeviceId,
        now: i64,
    ) -> Result<(), SessionError> {
        let Some(line) = self.channels.get_mut(&channel) else { return Ok(()) };
        line.other = Some(device);
        let space = line.space;
        match self.review(profile, channel, now) {
            Ok(_) if self.channels.contains_key(&channel) && !self.exchange.is_accepted(channel) => {
                // They may yet show that they belong.
                self.exchange.say_nothing(channel);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => self.fail(profile, Some(channel), space, error),
        }
    }

    /// Judges whoever is at the other end of a channel by what is known now; true if the two exchange.
    pub(super) fn review(&mut self, profile: &mut Profile, channel: Channel, now: i64) -> Result<bool, AppError> {
        if matches!(self.with, Counterpart::Relay { .. }) {
            return Ok(true);
        }
        let Some((space, Some(other))) = self.channels.get(&channel).map(|line| (line.space, line.other)) else {
            return Ok(false);
        };
        let log = &profile.space(&space)?.log;
        let code = match verdict(log, &other, now) {
            Verdict::Admitted(_) if self.exchange.is_accepted(channel) => return Ok(true),
            Verdict::Admitted(_) => {
                self.exchange.accept(channel, log);
                return Ok(true);
            }
            Verdict::Out(code) => code,
            // Who has told all control that they name, or is told nothing either, does not belong.
            Verdict::Unknown if self.exchange.peer(channel).is_some_and(|peer| has_told(peer, log)) => Code::NotMember,
            Verdict::Unknown => return Ok(false),
        };
        self.channels.remove(&channel);
        self.closed.insert(space, false);
        self.exchange.refuse(channel, code, None);
        Ok(false)
    }

    /// True if this side may say what is here of a channel's space.
    pub(super) fn is_told(&self, channel: Channel) -> bool {
        matches!(self.with, Counterpart::Relay { .. }) || self.exchange.is_accepted(channel)
    }

    /// True if both sides say what they have of a channel's space. A laptop that has nothing at all says nothing yet.
    pub(super) fn is_mutual(&self, channel: Channel) -> bool {
        let speaks = |peer: &Peer| peer.heads().next().is_some();
        matches!(self.with, Counterpart::Relay { .. })
            || self.exchange.is_accepted(channel) && self.exchange.peer(channel).is_some_and(speaks)
    }

    /// Something came on a channel that has to be answered: neither side is done with it.
    pub(super) fn disturb(&mut self, channel: Channel) {
        if let Some(line) = self.channels.get_mut(&channel) {
            (line.said_quiet, line.heard_quiet) = (false, false);
        }
    }

    /// Something goes out on a channel: it is not done with.
    pub(super) fn speak(&mut self, channel: Channel) {
        if let Some(line) = self.channels.get_mut(&channel) {
            line.said_quiet = false;
        }
    }

    /// The other laptop has nothing left to say.
    pub(super) fn on_quiet(&mut self, channel: Channel) {
        if let Some(line) = self.channels.get_mut(&channel) {
            line.heard_quiet = true;
        }
    }

    /// Says to another laptop that nothing is left to say, once and on each channel; false if there is nothing to tell.
    pub(super) fn fall_quiet(&mut self, profile: &mut Profile) -> Result<bool, SessionError> {
        if matches!(self.with, Counterpart::Relay { .. }) || self.is_busy() {
            return Ok(false);
        }
        let open: Vec<_> = self.channels.iter().filter(|(_, line)| !line.said_quiet).map(|(it, _)| *it).collect();
        let mut told = false;
        for channel in open {
            if self.is_mutual(channel) && !self.heard.contains(&channel) && self.is_quiet(profile, channel)? {
                self.exchange.say_quiet(channel);
                self.channels.entry(channel).and_modify(|line| line.said_quiet = true);
                told = true;
            }
        }
        Ok(told)
    }

    /// True if both laptops have said all that there was on every channel.
    pub(super) fn is_said(&self, direct: &Direct) -> bool {
        let is_done = |line: &Line| line.said_quiet && line.heard_quiet && !line.invitation;
        direct.matched && self.channels.values().all(is_done)
    }

    /// Names spaces again that came to this profile since.
    pub(super) fn follow_spaces(&mut self, profile: &mut Profile, world: &mut World<'_>) -> Result<(), SessionError> {
        let Counterpart::Laptop(direct) = &self.with else { return Ok(()) };
        let is_new = direct.matched && profile.all_spaces()?.iter().any(|space| !direct.known.contains(space));
        if is_new { self.name_spaces(profile, world) } else { Ok(()) }
    }

    /// The other laptop does not let this one into a space, or ends it there.
    pub(super) fn on_turned_away(&mut self, profile: &mut Profile, line: &Line, code: Code) -> Result<(), AppError> {
        let space = line.space;
        if line.invitation || profile.space(&space)?.device() != line.opener {
            // Once redeemed, or renewed, that key is dead: this device may come in its own name.
            self.redeemed.insert(space);
            return Ok(());
        }
        self.closed.insert(space, false);
        if code != Code::Closing && !profile.is_done_with(&space)? {
            self.events.push_back(SessionEvent::Hindered { space, why: Hindrance::Refused(code) });
        }
        Ok(())
    }
}

impl Counterpart {
    /// True if this computer began the connection.
    pub(super) fn began(&self) -> bool {
        match self {
            Self::Relay { .. } => true,
            Self::Laptop(direct) => direct.role == Role::Initiator,
        }
    }

    /// The relay's address, if it is one.
    pub(super) fn url(&self) -> Option<&str> {
        match self {
            Self::Relay { url, .. } => Some(url),
            Self::Laptop(_) => None,
        }
    }
}

impl Profile {
    /// Writes an invitation into the log with which somebody comes here, if that was not done yet. Where there is no relay
    /// nobody is asked before: they are the first whom this computer meets since it was made.
    fn write_invitation(&mut self, space: &SpaceId, device: &DeviceId, world: &mut World<'_>) -> Result<(), AppError> {
        let waits = self.store.read::<_, AppError>(|tx| {
            let mut made = tx.invitations(space)?.into_iter();
            let waits = made.any(|it| it.mine && !it.written && it.device == *device);
            Ok(waits && tx.relays()?.iter().all(|row| row.space != *space))
        })?;
        if waits { self.write_invitations(space, world) } else { Ok(()) }
    }

    /// All spaces of this profile, in the order in which they came.
    fn all_spaces(&mut self) -> Result<Vec<SpaceId>, AppError> {
        self.store.read(|tx| Ok(tx.spaces()?.into_iter().map(|row| row.space).collect()))
    }
}

fn verdict(log: &Log, device: &DeviceId, now: i64) -> Verdict {
    judge(log, device, u64::try_from(now).unwrap_or(0))
}

/// True if all control that a peer named is here, also if it named none.
fn has_told(peer: &Peer, log: &Log) -> bool {
    let mut control = peer.heads().filter(|head| head.chain == Chain::Control);
    peer.has_spoken() && control.all(|head| log.chains().index(&head.id).is_some())
}

/// A name of no space.
pub(in crate::app) fn name(world: &mut World<'_>) -> SpaceName {
    let mut bytes = [0; 32];
    world.rng.fill_bytes(&mut bytes);
    SpaceName(bytes)
}

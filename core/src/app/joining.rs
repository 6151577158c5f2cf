//! Taking up an invitation: who holds the link opens the space with its key, checks that the space is what it says, and
//! redeems. Sans-IO, on a connection of its own; the exchange that follows is a [`super::Session`].
//!
//! Nothing is written to disk before the invitation is known to be good, and everything before the redemption is sent:
//! whoever is cut off in between sends it later, as part of a normal exchange.

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Channel, Code, SpaceName},
    },
    id::{MemberId, ReplicaKey},
    limits,
    log::{
        Log,
        chain::State,
        control::{Control, Purpose, Record, Redeem},
        entry::{Entry, Place, Verified},
        heads::Chain,
        membership::Role as DeviceRole,
    },
};
use serde_json::json;

use super::{
    AppError, Inquiry, NotInvited, Profile, SessionError, World,
    apply::{self, Since},
    exchange, membership, profile, receive,
    relays::relay_address,
    space::Space,
};
use crate::{
    keys::{DeviceSecret, Invitation},
    store::{Invited, SpaceRow},
};

/// Names among which the space's is hidden.
const NAMES: usize = 16;

/// An invitation being taken up.
pub struct Joining {
    invitation: Invitation,
    key: DeviceSecret,
    exchange: Exchange,
    channel: Option<Channel>,
    log: Log,
    control: Vec<Verified>,
    relay_key: Option<ReplicaKey>,
    refused: Option<Code>,
    bytes: usize,
    /// At the laptop of whoever made the invitation, and not at a relay: the names among which the space is hidden.
    hidden_among: Option<Vec<SpaceName>>,
}

impl Profile {
    /// True if this computer came into a space by this invitation.
    pub fn came_by(&mut self, invitation: &Invitation) -> Result<bool, AppError> {
        let (space, key) = (invitation.terms().space, invitation.device_secret().id());
        if self.store.read::<_, AppError>(|tx| Ok(tx.space(&space)?.is_none()))? {
            return Ok(false);
        }
        let space = self.space(&space)?;
        let me = space.device();
        let mut entries = space.log.dag().entries();
        Ok(entries.any(|(_, author, control)| match &control.record {
            Record::Redeem(it) => author == key && it.device.device == me,
            _ => false,
        }))
    }
}

impl Joining {
    /// Begins a connection to the invitation's relay.
    pub fn new(invitation: Invitation, world: &mut World<'_>) -> Self {
        let (secret, nonce) = exchange::fresh(world);
        Self::with(invitation, Exchange::new(Role::Initiator, secret, nonce), None)
    }

    /// Begins a connection to the laptop of whoever made the invitation. `binding` is what both ends can derive from the
    /// connection itself.
    pub fn at_laptop(invitation: Invitation, binding: [u8; 32], world: &mut World<'_>) -> Self {
        let (secret, nonce) = exchange::fresh(world);
        let names = std::iter::repeat_with(|| exchange::name(world)).take(NAMES).collect();
        Self::with(invitation, Exchange::direct(Role::Initiator, secret, nonce, binding), Some(names))
    }

    fn with(invitation: Invitation, exchange: Exchange, hidden_among: Option<Vec<SpaceName>>) -> Self {
        Self {
            key: invitation.device_secret(),
            log: Log::new(invitation.terms().space),
            exchange,
            channel: None,
            control: Vec::new(),
            relay_key: None,
            refused: None,
            bytes: 0,
            hidden_among,
            invitation,
        }
    }

    fn on_proven(&mut self, peer: ReplicaKey) -> Result<(), SessionError> {
        let space = self.log.space();
        if let Some(names) = &mut self.hidden_among {
            let mut names = names.drain(..);
            self.exchange.name_spaces(&[space], || names.next().unwrap_or(SpaceName([0; 32])));
            return Ok(());
        }
        let pinned = self.invitation.terms().relay.as_ref().and_then(|relay| relay.key);
        if pinned.is_some_and(|pinned| pinned != peer) {
            return Err(AppError::NotInvited(NotInvited::OtherRelay).into());
        }
        self.relay_key = Some(peer);
        self.channel = self.exchange.open(&self.log, self.key.signing());
        Ok(())
    }
}

impl Inquiry for Joining {
    fn handle(&mut self, frame: &[u8]) -> Result<(), SessionError> {
        match self.exchange.handle(frame)? {
            Some(Event::Proven { peer }) => self.on_proven(peer)?,
            Some(Event::Names(names)) => match self.exchange.shared(&names, &[self.log.space()])[..] {
                [space] => self.channel = self.exchange.knock(space, self.key.signing()),
                _ => self.refused = Some(Code::UnknownSpace),
            },
            // Whose device it is can be told once its log has come; nothing is said of what is here, for nothing is.
            Some(Event::Opened { channel, .. }) => self.exchange.accept(channel, &self.log),
            // Content comes after control and is fetched by the exchange that follows.
            Some(Event::Entries(entries)) if entries.chain == Chain::Control => {
                self.bytes += entries.entries.iter().map(Entry::size).sum::<usize>();
                if self.bytes > limits::CONTROL {
                    return Err(AppError::NotInvited(NotInvited::Unknown).into());
                }
                let received = self.log.receive(&entries.device, entries.chain, entries.entries);
                // The relay goes on sending once it is told what came, though nothing is kept before the person is in.
                let heads = received.new.iter().map(|entry| entry.head()).chain(received.known);
                self.exchange.received(entries.channel, &self.log, heads);
                self.exchange.acknowledge(entries.channel);
                self.control.extend(received.new);
            }
            Some(Event::Refused(error)) => self.refused = Some(error.code),
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            _ => {}
        }
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.poll_transmit()
    }

    /// True once it is known whether the invitation is good: [`Joining::finish`] can be called, the connection closed.
    fn is_done(&self) -> bool {
        let peer = self.channel.and_then(|channel| self.exchange.peer(channel));
        let pulled = peer.is_some_and(|peer| {
            let control = |head: &&alliance_replica::log::heads::Head| head.chain == Chain::Control;
            peer.has_spoken() && peer.heads().filter(control).all(|head| self.log.chains().meta(&head.id).is_some())
        });
        self.refused.is_some() || pulled
    }
}

impl Joining {
    /// Redeems the invitation for a person, in their profile.
    pub fn finish(self, profile: &mut Profile, world: &mut World<'_>) -> Result<(), AppError> {
        if let Err(why) = self.check(world.now) {
            let is_dead = matches!(why, NotInvited::Used | NotInvited::Expired | NotInvited::Withdrawn);
            if is_dead && profile.personal().is_ok() {
                profile.ask_again(&self.invitation, world)?;
            }
            return Err(AppError::NotInvited(why));
        }
        let space = self.log.space();
        let fold = self.log.fold();
        let relay = self.invitation.terms().relay.as_ref().map(|relay| relay_address(&relay.url)).transpose()?;
        let waiting = profile.waiting_for(&space)?;
        let device = waiting.unwrap_or_else(|| DeviceSecret::generate(world.rng));
        let inviter = fold.device(&self.key.id()).ok_or(AppError::NotInvited(NotInvited::Unknown))?.member;
        let purpose = self.purpose().ok_or(AppError::NotInvited(NotInvited::Unknown))?;
        // Somebody else has words of their own.
        let (member, lost) = match purpose {
            Purpose::Member => (MemberId::of(&device.id()), Some(DeviceSecret::generate(world.rng))),
            Purpose::OwnDevice => (inviter, None),
        };
        let own = match &lost {
            Some(_) => Some((profile.person()?, profile.personal()?)),
            None => None,
        };
        let keys = device.keys();
        let redeem = Redeem {
            device: keys,
            recovery: lost.as_ref().map(DeviceSecret::keys),
            consent: keys.consent(device.signing(), &space, &member),
            recovery_consent: lost.as_ref().map(|lost| lost.keys().consent(lost.signing(), &space, &member)),
        };
        let control = Control { after: self.log.after(None), record: Record::Redeem(redeem) };
        let place = Place { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None };
        let entry = Entry::sign(&space, self.key.signing(), &place, control.encode());
        let kind = fold.kind().ok_or(AppError::NotInvited(NotInvited::Unknown))?;
        let row = SpaceRow {
            space,
            kind,
            member,
            device: device.id(),
            secret: device.to_bytes(),
            last: None,
            last_control: None,
            received: 0,
            generation: 0,
        };
        let Profile { store, spaces, documents, .. } = profile;
        let result = store.write(|tx| {
            let mut aside = None;
            match tx.space(&space)? {
                None => tx.insert_space(&row)?,
                // The invitation by which it was to come was taken back; the key stays, and what was written with it.
                Some(before) if before.device == row.device && purpose == Purpose::OwnDevice => {
                    for used in tx.invitations(&space)?.into_iter().filter(|it| !it.mine) {
                        tx.remove_invitation(&space, &used.device)?;
                    }
                    aside = Some(receive::loaded(spaces, tx, &space)?.aside.clone());
                }
                Some(_) => return Err(AppError::NotInvited(NotInvited::Member)),
            }
            let mut came = Vec::new();
            for verified in &self.control {
                if tx.entry(&space, &verified.id)?.is_none() {
                    tx.insert_entry(&space, verified, State::Stored)?;
                    came.push(verified.id);
                }
            }
            tx.insert_entry(&space, &entry, State::Stored)?;
            tx.insert_invitation(
                &space,
                &Invited {
                    device: self.key.id(),
                    mine: false,
                    purpose,
                    expires: self.invitation.terms().expires,
                    secret: self.key.to_bytes(),
                    written: true,
                },
            )?;
            if let Some(url) = &relay {
                tx.put_relay(&space, url, self.relay_key.as_ref())?;
                if let Some((_, personal)) = &own
                    && !tx.relays()?.iter().any(|row| row.space == personal.space)
                {
                    tx.put_relay(&personal.space, url, self.relay_key.as_ref())?;
                }
            }
            let mut loaded = Space::load(tx, &space)?;
            loaded.learn_keys(tx, Some(&self.key), world.now)?;
            loaded.store_devices(tx)?;
            tx.put_device(&space, &device.id(), &member)?;
            tx.set_meta(&profile::state_key(&space), membership::state(&loaded).as_bytes())?;
            match aside {
                None => membership::note_forks(tx, &loaded, &came, world.now)?,
                // What came is news, and what is in the documents counted by what was known before.
                Some(aside) => {
                    membership::note(tx, &loaded, &came, world.now)?;
                    loaded.aside = aside;
                    apply::settle(tx, &mut loaded, documents, Since { control: true, ..Since::default() }, world.now)?;
                }
            }
            spaces.insert(space, loaded);
            if let (Some((person, personal)), Some(lost)) = (&own, &lost) {
                let words = (&personal.space, personal.words.as_slice());
                profile::keep_recovery(tx, documents, words, (&space, lost), world)?;
                profile::introduce(tx, documents, &space, person, world)?;
                tx.set_meta(profile::CURRENT, space.as_bytes())?;
            }
            if purpose == Purpose::OwnDevice {
                tx.set_meta(&profile::by_own_key(&space), b"yes")?;
            }
            tx.note_security(world.now, &space, "joined", &json!({ "device": device.id().to_string() }))?;
            Ok(())
        });
        profile.settle(result)
    }

    /// The relay by which the invitation was found, and its key.
    pub fn relay(&self) -> Option<(&str, Option<ReplicaKey>)> {
        self.invitation.terms().relay.as_ref().map(|relay| (relay.url.as_str(), self.relay_key))
    }

    /// Whom the invitation is for, by the log.
    fn purpose(&self) -> Option<Purpose> {
        let invitations = self.log.fold().invitations();
        invitations.iter().find(|it| it.invite.key.device == self.key.id()).map(|it| it.invite.purpose)
    }

    fn check(&self, now: i64) -> Result<(), NotInvited> {
        let fold = self.log.fold();
        if self.invitation.terms().expires < u64::try_from(now).unwrap_or(0) {
            return Err(NotInvited::Expired);
        }
        match self.refused {
            // Not by the clock, or we had known: its key was used or taken back.
            Some(Code::Expired) => return Err(NotInvited::Used),
            Some(_) if self.control.is_empty() => return Err(NotInvited::Unknown),
            _ => {}
        }
        let invitations = fold.invitations();
        let mine = invitations.iter().find(|it| it.invite.key.device == self.key.id()).ok_or(NotInvited::Unknown)?;
        if !mine.redemptions.is_empty() {
            return Err(NotInvited::Used);
        }
        let key = fold.device(&self.key.id());
        match key {
            Some(it) if it.live && it.role == DeviceRole::Invite => Ok(()),
            _ => Err(NotInvited::Withdrawn),
        }
    }
}

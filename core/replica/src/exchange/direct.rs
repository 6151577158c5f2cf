//! Two laptops without a relay between them: neither says anything of a space before both have proven that they belong.
//!
//! Order of calls, once [`Event::Proven`] has come: the initiator names its spaces by [`Exchange::name_spaces`], the
//! responder answers [`Event::Names`] by [`Exchange::answer_names`] with those that it has too, and the initiator asks
//! to be let into each of these by [`Exchange::knock`]. The responder judges [`Event::Opening`], proves by
//! [`Exchange::show`] which device it is, and the initiator judges [`Event::Opened`]. Whoever is content with the other
//! one calls [`Exchange::accept`]; who does not know the other one yet, but might learn that they belong, says
//! [`Exchange::say_nothing`]. From then on it is an exchange like any other.

use super::{
    Broken, Event, Exchange, Handshake, OPEN, Role, Slot,
    frame::{Channel, Frame, Have, Names, Open, Opened, Quiet, SpaceName},
    state::Peer,
};
use crate::{
    id::{Secret, SpaceId, hash},
    limits,
};

const NAME: &str = "alliance/1 space name";
const OPENED: &str = "alliance/1 opened";

/// A list of names has a multiple of this length, so that it does not tell how many spaces somebody has.
const STEP: usize = 16;
/// How often spaces are named on one connection at the most.
const NAMINGS: u32 = 256;

/// What is special about a connection between two laptops.
pub(super) struct Direct {
    /// What both ends of this connection, and nobody else, can derive from it.
    pub(super) binding: [u8; 32],
    /// How often the initiator has named its spaces.
    namings: u32,
    /// How many answers to that are to come.
    asked: u32,
}

impl Exchange {
    /// Begins a connection to another laptop. `binding` is what both ends can derive from the connection itself and nobody
    /// between them: every proof holds on this connection alone.
    pub fn direct(role: Role, secret: Secret, nonce: [u8; 32], binding: [u8; 32]) -> Self {
        Self { direct: Some(Direct { binding, namings: 0, asked: 0 }), ..Self::new(role, secret, nonce) }
    }

    /// Names spaces to the responder so that only who has them too knows which they are, among as many random names as fill
    /// a step. What does not fit is not named.
    pub fn name_spaces(&mut self, spaces: &[SpaceId], fresh: impl FnMut() -> SpaceName) {
        let Some(direct) = self.direct.as_mut().filter(|it| it.namings < NAMINGS) else { return };
        direct.namings += 1;
        direct.asked += 1;
        let spaces = &spaces[..spaces.len().min(limits::CHANNELS)];
        self.say_names(spaces, spaces.len().max(1).next_multiple_of(STEP), fresh);
    }

    /// Answers so many names with the spaces that both have, among as many random names as there were.
    pub fn answer_names(&mut self, shared: &[SpaceId], asked: usize, fresh: impl FnMut() -> SpaceName) {
        self.say_names(shared, asked.max(shared.len()).max(1).next_multiple_of(STEP), fresh);
    }

    /// Those of some spaces that the other laptop has named.
    pub fn shared(&self, names: &[SpaceName], spaces: &[SpaceId]) -> Vec<SpaceId> {
        let named = |space: &&SpaceId| self.name_of(space, self.role.other()).is_some_and(|it| names.contains(&it));
        spaces.iter().filter(named).copied().collect()
    }

    /// Asks to be let into a space as a device; says nothing of it yet.
    pub fn knock(&mut self, space: SpaceId, device: &Secret) -> Option<Channel> {
        let Handshake::Proven { transcript } = &self.handshake else { return None };
        let channel = self.next_channel;
        self.next_channel += 1;
        let proof = device.sign(OPEN, &[transcript, &channel.to_be_bytes(), space.as_bytes()]);
        let device = device.public();
        self.channels.insert(channel, Slot { space, device, proven: false, accepted: false, peer: Peer::default() });
        self.push(&Frame::Open(Open { channel, space, device, proof }));
        Some(channel)
    }

    /// Answers [`Event::Opening`]: proves which device this laptop is in the space.
    pub fn show(&mut self, channel: Channel, device: &Secret) {
        let Handshake::Proven { transcript } = &self.handshake else { return };
        let Some(slot) = self.channels.get(&channel) else { return };
        let proof = device.sign(OPENED, &[transcript, &channel.to_be_bytes(), slot.space.as_bytes()]);
        self.push(&Frame::Opened(Opened { channel, device: device.public(), proof }));
    }

    /// Says that nothing is here, to somebody who may tell us that they belong to the space.
    pub fn say_nothing(&mut self, channel: Channel) {
        self.push(&Frame::Have(Have { channel, ..Have::default() }));
    }

    /// Says that nothing is left to say on a channel.
    pub fn say_quiet(&mut self, channel: Channel) {
        self.push(&Frame::Quiet(Quiet { channel }));
    }

    /// True if the channel's peer was let in.
    pub fn is_accepted(&self, channel: Channel) -> bool {
        self.channels.get(&channel).is_some_and(|slot| slot.accepted)
    }

    /// Refuses frames that do not belong on a connection of this kind, or come before the proof that they need.
    pub(super) fn check_direct(&self, frame: &Frame) -> Result<(), Broken> {
        let channel = match frame {
            Frame::Names(_) | Frame::Opened(_) | Frame::Quiet(_) if self.direct.is_none() => {
                return Err(Broken::Frame);
            }
            Frame::Find(_) | Frame::Found(_) | Frame::Drop(_) | Frame::Dropped(_) | Frame::Endpoint(_)
                if self.direct.is_some() =>
            {
                return Err(Broken::Frame);
            }
            Frame::Have(have) => have.channel,
            Frame::Entries(entries) => entries.channel,
            Frame::Ack(ack) => ack.channel,
            Frame::Whisper(whisper) => whisper.channel,
            Frame::Quiet(quiet) => quiet.channel,
            _ => return Ok(()),
        };
        let is_proven = self.channels.get(&channel).is_none_or(|slot| slot.proven);
        if is_proven { Ok(()) } else { Err(Broken::Frame) }
    }

    pub(super) fn on_names(&mut self, names: Names) -> Result<Event, Broken> {
        let Some(direct) = &mut self.direct else { return Err(Broken::Frame) };
        match self.role {
            Role::Initiator => direct.asked = direct.asked.checked_sub(1).ok_or(Broken::Frame)?,
            Role::Responder if direct.namings == NAMINGS => return Err(Broken::Channels),
            Role::Responder => direct.namings += 1,
        }
        Ok(Event::Names(names.names))
    }

    pub(super) fn on_opened(&mut self, transcript: &[u8; 32], opened: &Opened) -> Result<Option<Event>, Broken> {
        let (channel, device) = (opened.channel, opened.device);
        // A channel that is gone ended while this was under way.
        let Some(slot) = self.channels.get_mut(&channel) else { return Ok(None) };
        if slot.proven {
            return Err(Broken::Frame);
        }
        let parts: [&[u8]; 3] = [transcript, &channel.to_be_bytes(), slot.space.as_bytes()];
        if !device.verify(OPENED, &parts, &opened.proof) {
            return Err(Broken::Proof);
        }
        slot.proven = true;
        Ok(Some(Event::Opened { channel, device }))
    }

    fn say_names(&mut self, spaces: &[SpaceId], length: usize, fresh: impl FnMut() -> SpaceName) {
        let mut names: Vec<_> = spaces.iter().filter_map(|space| self.name_of(space, self.role)).collect();
        let missing = length.min(limits::CHANNELS).saturating_sub(names.len());
        names.extend(std::iter::repeat_with(fresh).take(missing));
        // Where a name stands tells nothing.
        names.sort_unstable();
        self.push(&Frame::Names(Names { names }));
    }

    /// How one side names a space on this connection. Who does not know the space learns nothing from it, and cannot make
    /// it from what the other side said.
    fn name_of(&self, space: &SpaceId, by: Role) -> Option<SpaceName> {
        let Handshake::Proven { transcript } = &self.handshake else { return None };
        Some(SpaceName(hash(NAME, &[&[by as u8], transcript, space.as_bytes()])))
    }
}

impl Role {
    /// Of whoever is at the other end.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{exchange::frame::Entries, log::heads::Chain};

    const OURS: SpaceId = SpaceId::new([1; 16]);
    const THEIRS: SpaceId = SpaceId::new([2; 16]);

    fn secret(seed: u8) -> Secret {
        Secret::from_seed(&[seed; 32])
    }

    /// Names that nobody has: each call another one.
    fn noise() -> impl FnMut() -> SpaceName {
        let mut count = 0_u64;
        move || {
            count += 1;
            SpaceName(hash("alliance/1 noise", &[&count.to_be_bytes()]))
        }
    }

    fn pair(bindings: [u8; 2]) -> [Exchange; 2] {
        let side = |role, at: usize| Exchange::direct(role, secret(at as u8), [at as u8; 32], [bindings[at]; 32]);
        [side(Role::Initiator, 0), side(Role::Responder, 1)]
    }

    /// Two laptops on one connection, proven.
    fn meet() -> [Exchange; 2] {
        let mut sides = pair([7, 7]);
        for _ in 0..2 {
            let frames = sides.each_mut().map(|side| side.poll_transmit().expect("a handshake"));
            sides[0].handle(&frames[1]).expect("is right");
            sides[1].handle(&frames[0]).expect("is right");
        }
        sides
    }

    fn names(from: &mut Exchange, to: &mut Exchange) -> Vec<SpaceName> {
        let frame = from.poll_transmit().expect("names");
        match to.handle(&frame).expect("is right") {
            Some(Event::Names(names)) => names,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_both_have_is_found_and_nothing_tells_how_much_there_is() {
        let [mut anna, mut ben] = meet();
        anna.name_spaces(&[OURS, THEIRS], noise());
        let named = names(&mut anna, &mut ben);
        let shared = ben.shared(&named, &[OURS]);
        assert_eq!(shared, [OURS]);
        ben.answer_names(&shared, named.len(), noise());
        let answered = names(&mut ben, &mut anna);
        assert_eq!(anna.shared(&answered, &[OURS, THEIRS]), [OURS]);
        anna.name_spaces(&[], noise());
        assert_eq!(names(&mut anna, &mut ben).len(), named.len(), "none is as many as two");
        assert_eq!(answered.len(), named.len());
        assert!(named.is_sorted() && answered.is_sorted());
    }

    #[test]
    fn names_that_are_said_back_are_names_of_nothing() {
        let [mut anna, mut stranger] = meet();
        anna.name_spaces(&[OURS], noise());
        let named = names(&mut anna, &mut stranger);
        stranger.push(&Frame::Names(Names { names: named }));
        let answered = names(&mut stranger, &mut anna);
        assert_eq!(anna.shared(&answered, &[OURS]), []);
    }

    #[test]
    fn a_proof_holds_on_its_connection_alone() {
        let [mut anna, mut ben] = pair([7, 8]);
        let frames = [&mut anna, &mut ben].map(|side| side.poll_transmit().expect("a Hello"));
        anna.handle(&frames[1]).expect("a Hello");
        ben.handle(&frames[0]).expect("a Hello");
        let prove = anna.poll_transmit().expect("a Prove");
        assert_eq!(ben.handle(&prove), Err(Broken::Proof), "somebody stands between two connections");
    }

    #[test]
    fn nothing_is_heard_of_a_space_before_the_other_one_proved_to_be_in_it() {
        let [mut anna, mut ben] = meet();
        let channel = anna.knock(OURS, &secret(3)).expect("is proven");
        let open = anna.poll_transmit().expect("an Open");
        assert!(anna.poll_transmit().is_none(), "and no Have");
        let opening = Event::Opening { channel, space: OURS, device: secret(3).public() };
        assert_eq!(ben.handle(&open), Ok(Some(opening)));
        let early = Entries { channel, device: secret(4).public(), chain: Chain::Control, entries: Vec::new() };
        let mut hasty = meet().into_iter().next().expect("an initiator");
        hasty.knock(OURS, &secret(3));
        assert_eq!(hasty.handle(&Frame::Entries(early).encode()), Err(Broken::Frame));
        ben.show(channel, &secret(4));
        let opened = ben.poll_transmit().expect("an Opened");
        let device = secret(4).public();
        assert_eq!(anna.handle(&opened), Ok(Some(Event::Opened { channel, device })));
        assert_eq!(anna.handle(&opened), Err(Broken::Frame), "once");
        let Ok(Frame::Opened(opened)) = Frame::decode(&opened) else { panic!("an Opened") };
        let forged = Opened { device: secret(5).public(), ..opened };
        let mut other = meet().into_iter().next().expect("an initiator");
        other.knock(OURS, &secret(3));
        assert_eq!(other.handle(&Frame::Opened(forged).encode()), Err(Broken::Proof));
    }

    #[test]
    fn what_belongs_to_a_relay_is_refused_between_laptops_and_the_other_way_round() {
        let [mut anna, mut ben] = meet();
        anna.find(&secret(3));
        let find = anna.poll_transmit().expect("a Find");
        assert_eq!(ben.handle(&find), Err(Broken::Frame));
        let unasked = Frame::Names(Names { names: Vec::new() }).encode();
        assert_eq!(anna.handle(&unasked), Err(Broken::Frame), "nobody asked");
    }
}

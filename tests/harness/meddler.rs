//! A relay that lies: what it does with frames on their way, in either direction; and people who stay connected.

use alliance_core::app::{Session, SessionEvent, World as Outside};
use alliance_replica::{
    exchange::frame::{Channel, Frame},
    id::SpaceId,
};
use alliance_sync_server::{replica::ConnectionId, store::Store};

use crate::{World, now};

/// Where frames go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// From a laptop to the relay.
    Up,
    /// From the relay to a laptop.
    Down,
}

/// What becomes of frames that go one way at once.
pub type Meddler = Box<dyn FnMut(Way, Vec<Frame>) -> Vec<Frame>>;

/// Somebody who stays connected.
pub struct Watching {
    /// Who.
    pub name: String,
    session: Session,
    connection: ConnectionId,
}

impl<S: Store> World<S> {
    /// Lets whoever meddles do so.
    pub(crate) fn meddle(&mut self, way: Way, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let Some(meddler) = &mut self.meddler else { return frames };
        let frames = frames.iter().map(|frame| Frame::decode(frame).expect("a frame")).collect();
        meddler(way, frames).iter().map(Frame::encode).collect()
    }

    /// Lets a person connect and stay.
    ///
    /// # Panics
    /// If they have no relay.
    pub fn watch(&mut self, name: &str) -> Watching {
        let relays = self.act(name, |profile, _| profile.relays());
        let relay = relays.into_iter().next().expect("a relay");
        let session = Session::new(&relay, &mut Outside { now: self.now, rng: &mut self.rng });
        Watching { name: name.to_owned(), session, connection: self.connect() }
    }

    /// Lets everybody who watches say what they have to say, at so many milliseconds of their clocks, until nobody has
    /// more. Returns the channels, with their spaces, and the whispers that the relay was told.
    ///
    /// # Panics
    /// If an exchange fails.
    pub fn pump(&mut self, watching: &mut [Watching], clock: u64) -> Vec<Frame> {
        let mut told = Vec::new();
        loop {
            let mut quiet = true;
            for Watching { name, session, connection } in &mut *watching {
                let laptop = self.people.get_mut(name).expect("a person");
                let mut outside = Outside { now: self.now, rng: &mut self.rng };
                session.attend(&mut laptop.profile, clock, &mut outside).expect("whispers");
                while let Some(frame) = session.poll_transmit(&mut laptop.profile).expect("transmits") {
                    self.relay.handle(*connection, &frame, now(self.now));
                    let frame = Frame::decode(&frame).expect("a frame");
                    told.extend(Some(frame).filter(|it| matches!(it, Frame::Open(_) | Frame::Whisper(_))));
                    quiet = false;
                }
            }
            self.relay.commit();
            for (to, frame) in self.drain_all() {
                let reader = watching.iter_mut().find(|it| it.connection == to);
                reader.into_iter().for_each(|reader| self.hand_over(reader, &frame));
            }
            if quiet {
                return told;
            }
        }
    }

    /// Hands somebody a frame, as the relay would.
    pub fn say(&mut self, to: &mut Watching, frame: &Frame) {
        self.hand_over(to, &frame.encode());
    }

    /// Lets somebody's exchange know that they wrote.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn local_change(&mut self, who: &mut Watching) {
        let laptop = self.people.get_mut(&who.name).expect("a person");
        who.session.local_change();
        who.session.flush(&mut laptop.profile, &mut Outside { now: self.now, rng: &mut self.rng }).expect("sealed");
    }

    /// Cuts somebody's connection.
    pub fn unplug(&mut self, who: Watching) {
        self.relay.disconnect(who.connection);
    }

    fn hand_over(&mut self, to: &mut Watching, frame: &[u8]) {
        let laptop = self.people.get_mut(&to.name).expect("a person");
        let mut outside = Outside { now: self.now, rng: &mut self.rng };
        to.session.handle(&mut laptop.profile, frame, &mut outside).expect("a good frame");
        to.session.flush(&mut laptop.profile, &mut outside).expect("taken");
    }
}

impl Watching {
    /// Who came and went since this was asked last.
    pub fn came_and_went(&mut self) -> Vec<(SpaceId, bool)> {
        let events = std::iter::from_fn(|| self.session.poll_event());
        let here = |event| if let SessionEvent::Here { space, here } = event { Some((space, here)) } else { None };
        events.filter_map(here).collect()
    }
}

/// The channel on which a space was opened.
///
/// # Panics
/// If it was not.
pub fn channel_of(told: &[Frame], space: SpaceId) -> Channel {
    let mut opened =
        told.iter().rev().filter_map(|frame| if let Frame::Open(open) = frame { Some(open) } else { None });
    opened.find(|open| open.space == space).map(|open| open.channel).expect("an open space")
}

//! Two laptops on one connection, with no relay between them.

use alliance_core::app::{Inquiry as _, Joining, Session, SessionError, SessionEvent, World as Outside};
use alliance_core::keys::{Invitation, Route};
use alliance_replica::{
    exchange::{Role, frame::Frame},
    id::Secret,
};
use alliance_sync_server::store::Store;
use rand_core::Rng as _;

use crate::{PATIENCE, World};

/// What came of a connection between two laptops.
#[derive(Default)]
pub struct Meeting {
    /// Whether each side takes it to be over: both have all that the other one had.
    pub settled: [bool; 2],
    /// Whether each side knows that they share nothing.
    pub strangers: [bool; 2],
    /// Every frame that each side sent.
    pub sent: [Vec<Frame>; 2],
    /// What each side was told.
    pub events: [Vec<SessionEvent>; 2],
}

impl Meeting {
    /// True if nothing of any space was said by a side: no head, no entry, no proof of a device.
    #[must_use]
    pub fn told_nothing(&self, side: usize) -> bool {
        let tells = |frame: &Frame| match frame {
            Frame::Have(have) => !have.heads.is_empty() || !have.floor.is_empty() || !have.back.is_empty(),
            Frame::Entries(_) | Frame::Ack(_) | Frame::Whisper(_) | Frame::Open(_) | Frame::Opened(_) => true,
            _ => false,
        };
        !self.sent[side].iter().any(tells)
    }
}

impl<S: Store> World<S> {
    /// The first of two people dials the second one, and they exchange until neither has more to say.
    ///
    /// # Panics
    /// If a side breaks off, or they do not end.
    pub fn meet(&mut self, dials: &str, answers: &str) -> Meeting {
        self.try_meet(dials, answers, usize::MAX).expect("a meeting")
    }

    /// Lets two people meet; the connection breaks after so many frames.
    ///
    /// # Errors
    /// As the exchanges say.
    ///
    /// # Panics
    /// If they do not end.
    pub fn try_meet(&mut self, dials: &str, answers: &str, most: usize) -> Result<Meeting, SessionError> {
        let binding = self.binding();
        let mut sessions = [Role::Initiator, Role::Responder]
            .map(|role| Session::direct(role, binding, &mut Outside { now: self.now, rng: &mut self.rng }));
        let (names, mut meeting, mut frames) = ([dials, answers], Meeting::default(), 0);
        for _ in 0..PATIENCE {
            let mut moved = false;
            for side in [0, 1] {
                let mut said = Vec::new();
                let laptop = self.people.get_mut(names[side]).expect("a person");
                while let Some(frame) = sessions[side].poll_transmit(&mut laptop.profile)? {
                    said.push(frame);
                }
                said.truncate(most.saturating_sub(frames));
                frames += said.len();
                moved |= !said.is_empty();
                let laptop = self.people.get_mut(names[1 - side]).expect("a person");
                let mut outside = Outside { now: self.now, rng: &mut self.rng };
                for frame in said {
                    sessions[1 - side].handle(&mut laptop.profile, &frame, &mut outside)?;
                    meeting.sent[side].push(Frame::decode(&frame).expect("a frame"));
                }
                sessions[1 - side].flush(&mut laptop.profile, &mut outside)?;
            }
            if !moved {
                break;
            }
        }
        for side in [0, 1] {
            let laptop = self.people.get_mut(names[side]).expect("a person");
            meeting.settled[side] = sessions[side].is_settled(&mut laptop.profile)?;
            if meeting.settled[side] {
                sessions[side].note_settled(&mut laptop.profile, &Outside { now: self.now, rng: &mut self.rng })?;
            }
            meeting.strangers[side] = sessions[side].shares_nothing();
            while let Some(event) = sessions[side].poll_event() {
                meeting.events[side].push(event);
            }
        }
        Ok(meeting)
    }

    /// Takes up an invitation at the laptop of whoever made it.
    ///
    /// # Errors
    /// As the knock or its end says.
    ///
    /// # Panics
    /// If there is no such person, or they do not end.
    pub fn join_at(&mut self, name: &str, answers: &str, invitation: Invitation) -> Result<(), SessionError> {
        let binding = self.binding();
        let mut outside = Outside { now: self.now, rng: &mut self.rng };
        let mut joining = Joining::at_laptop(invitation, binding, &mut outside);
        let mut session = Session::direct(Role::Responder, binding, &mut outside);
        let laptop = self.people.get_mut(answers).expect("a person");
        for _ in 0..PATIENCE {
            while let Some(frame) = joining.poll_transmit() {
                session.handle(&mut laptop.profile, &frame, &mut outside)?;
            }
            session.flush(&mut laptop.profile, &mut outside)?;
            if joining.is_done() {
                break;
            }
            while let Some(frame) = session.poll_transmit(&mut laptop.profile)? {
                joining.handle(&frame)?;
            }
        }
        assert!(joining.is_done(), "the knock does not end");
        let laptop = self.people.get_mut(name).expect("a person");
        joining.finish(&mut laptop.profile, &mut outside)?;
        self.meet(name, answers);
        Ok(())
    }

    /// Lets a person's laptop know where it is dialled.
    ///
    /// # Panics
    /// If there is no such person.
    pub fn at_home(&mut self, name: &str) {
        let seed = self.act(name, |profile, world| profile.endpoint(world));
        let address = "127.0.0.1:4433".parse().expect("an address");
        let route = Route::new(Secret::from_seed(&seed).public(), [address]);
        self.act(name, |profile, _| profile.set_route(&route));
    }

    fn binding(&mut self) -> [u8; 32] {
        let mut binding = [0; 32];
        self.rng.fill_bytes(&mut binding);
        binding
    }
}

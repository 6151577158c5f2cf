//! Who is here: what a connection whispers, and what it hears.

use std::collections::{BTreeSet, VecDeque};

use alliance_replica::{
    exchange::{frame::Whisper, state::Peer},
    id::{ReplicaKey, SpaceId},
};

use super::{Session, SessionError, SessionEvent};
use crate::app::{
    AppError, Profile, World,
    presence::{Room, Words},
};

impl Session {
    /// Says to the others in every space that one is here, and answers who says so. `now` are milliseconds of one clock
    /// that does not go back.
    pub fn attend(&mut self, profile: &mut Profile, now: u64, world: &mut World<'_>) -> Result<(), AppError> {
        self.now = Some(now);
        self.leave_rooms();
        self.whisper(profile, world, |room| room.speak(now))
    }

    /// Says, with the same words, where this laptop is dialled, as long as it is.
    pub fn set_dialled(&mut self, is_dialled: bool) {
        self.is_dialled = is_dialled;
    }

    /// Tells a relay by which endpoint this laptop meets others, at once or when the relay has proven its key.
    pub fn set_endpoint(&mut self, endpoint: ReplicaKey) {
        self.endpoint = Some(endpoint);
        self.exchange.name_endpoint(endpoint);
    }

    /// Says to the others that one leaves.
    pub fn part(&mut self, profile: &mut Profile, world: &mut World<'_>) -> Result<(), AppError> {
        self.whisper(profile, world, Room::part)
    }

    pub(super) fn overhear(&mut self, profile: &mut Profile, whisper: &Whisper) -> Result<(), SessionError> {
        let (Some(now), Some(line)) = (self.now, self.channels.get(&whisper.channel)) else { return Ok(()) };
        let space = line.space;
        let words = match profile.overhear(&space, whisper) {
            Ok(words) => words,
            Err(error) => return self.fail(profile, Some(whisper.channel), space, error),
        };
        if let (Some((words, is_other)), Some(room)) = (words, self.rooms.get_mut(&space)) {
            if let Some(route) = room.route_of(&words) {
                profile.keep_route(&space, &whisper.device, route)?;
            }
            let before = room.is_somebody_here();
            match is_other {
                true => room.hear(whisper.device, whisper.counter, &words, now),
                // One's own computers are nobody's company; they are answered all the same.
                false => room.answer(&words),
            }
            note_here(&mut self.events, space, before, room);
        }
        Ok(())
    }

    /// Nobody is heard where no channel is open any more.
    fn leave_rooms(&mut self) {
        let open: BTreeSet<_> = self.channels.values().map(|line| line.space).collect();
        for (space, room) in self.rooms.extract_if(.., |space, _| !open.contains(space)) {
            if room.is_somebody_here() {
                self.events.push_back(SessionEvent::Here { space, here: false });
            }
        }
    }

    fn whisper(
        &mut self,
        profile: &mut Profile,
        world: &mut World<'_>,
        mut say: impl FnMut(&mut Room) -> Option<(u64, Words)>,
    ) -> Result<(), AppError> {
        for (channel, line) in &self.channels {
            let spoken = self.exchange.peer(*channel).is_some_and(Peer::has_spoken);
            if line.invitation || !spoken || !self.is_told(*channel) {
                continue;
            }
            let room = self.rooms.entry(line.space).or_insert_with(|| {
                let mut name = [0; 16];
                world.rng.fill_bytes(&mut name);
                Room::new(name)
            });
            let before = room.is_somebody_here();
            let words = say(room);
            note_here(&mut self.events, line.space, before, room);
            if let Some(words) = words
                && let Some(whisper) = profile.whisper(&line.space, *channel, words, self.is_dialled, world)?
            {
                self.exchange.whisper(whisper);
            }
        }
        Ok(())
    }
}

/// Says if somebody came or went.
fn note_here(events: &mut VecDeque<SessionEvent>, space: SpaceId, before: bool, room: &Room) {
    let here = room.is_somebody_here();
    if here != before {
        events.push_back(SessionEvent::Here { space, here });
    }
}

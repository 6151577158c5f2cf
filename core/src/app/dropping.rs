//! Asking a relay to forget its copy of spaces. Sans-IO, on a connection of its own.
//!
//! The personal space is dropped on the word of a key that the recovery words open, and of nobody else: whoever has a
//! laptop must not be able to destroy what brings everything back. An alliance is dropped once both people have left it,
//! on the word of a device of either; the relay sees to that.

use std::collections::BTreeMap;

use alliance_replica::{
    exchange::{Event, Exchange, Role, frame::Code},
    id::{ReplicaKey, Secret, SpaceId},
};
use serde_json::json;
use zeroize::Zeroizing;

use super::{AppError, Inquiry, NotRestored, Profile, SessionError, World, query, relays::relay_address};
use crate::{
    keys::{DeviceSecret, Words},
    store::Stage,
};

/// A space of which a relay's copy is to go.
pub struct Droppable {
    /// The space.
    pub space: SpaceId,
    /// What it is called; the personal space has no title.
    pub title: String,
    /// True for the personal space.
    pub personal: bool,
    key: DeviceSecret,
}

/// What a relay answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It has no copy any more.
    Dropped,
    /// The other person is still in.
    Kept,
    /// The words do not speak for that space there, or no longer.
    Refused,
    /// It could not.
    Failed,
    /// It does not know how: its program is older.
    Unknown,
}

/// The question to a relay.
pub struct Dropping {
    wanted: Vec<Droppable>,
    exchange: Exchange,
    known: Option<ReplicaKey>,
    answers: BTreeMap<SpaceId, Answer>,
    done: bool,
}

impl Dropping {
    /// Begins a connection to a relay, whose key is known.
    pub fn new(wanted: Vec<Droppable>, known: Option<ReplicaKey>, world: &mut World<'_>) -> Self {
        let (mut seed, mut nonce) = (Zeroizing::new([0; 32]), [0; 32]);
        world.rng.fill_bytes(&mut *seed);
        world.rng.fill_bytes(&mut nonce);
        let exchange = Exchange::new(Role::Initiator, Secret::from_seed(&seed), nonce);
        Self { wanted, exchange, known, answers: BTreeMap::new(), done: false }
    }
}

impl Inquiry for Dropping {
    fn handle(&mut self, frame: &[u8]) -> Result<(), SessionError> {
        match self.exchange.handle(frame)? {
            Some(Event::Proven { peer }) => {
                if self.known.is_some_and(|known| known != peer) {
                    return Err(AppError::NotRestored(NotRestored::OtherRelay).into());
                }
                for wanted in &self.wanted {
                    self.exchange.ask_to_drop(wanted.space, wanted.key.signing());
                }
                // What comes after is answered by every relay, and says that all before it was.
                match self.wanted.first() {
                    Some(first) => self.exchange.find(first.key.signing()),
                    None => self.done = true,
                }
            }
            Some(Event::Dropped(dropped)) => {
                let is_personal = self.wanted.iter().any(|it| it.space == dropped.space && it.personal);
                let answer = match dropped.code {
                    None | Some(Code::UnknownSpace) => Answer::Dropped,
                    Some(Code::NotMember) if is_personal => Answer::Refused,
                    Some(Code::NotMember) => Answer::Kept,
                    Some(_) => Answer::Failed,
                };
                self.answers.insert(dropped.space, answer);
            }
            Some(Event::Found(_)) => self.done = true,
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            _ => {}
        }
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.poll_transmit()
    }

    /// True once the relay has answered for every space, or does not.
    fn is_done(&self) -> bool {
        self.done
    }
}

impl Dropping {
    /// What it answered, a space.
    pub fn answers(self) -> Vec<(Droppable, Answer)> {
        let Self { wanted, answers, .. } = self;
        let answer = |it: &Droppable| answers.get(&it.space).copied().unwrap_or(Answer::Unknown);
        wanted.into_iter().map(|it| (answer(&it), it)).map(|(answer, it)| (it, answer)).collect()
    }
}

impl Profile {
    /// The alliances that this person left, with the keys of this computer in them; all that are here may be asked for
    /// at any relay.
    pub fn left_alliances(&mut self) -> Result<Vec<Droppable>, AppError> {
        let rows = self.store.read::<_, AppError>(|tx| Ok(tx.spaces()?))?;
        let mut left = Vec::new();
        for row in rows {
            let space = self.space(&row.space)?;
            if !space.log.fold().left().contains(&row.member) {
                continue;
            }
            let title = self.store.read(|tx| query::alliance(tx, &row.space, None))?.title;
            left.push(Droppable {
                space: row.space,
                title,
                personal: false,
                key: DeviceSecret::from_bytes(&row.secret),
            });
        }
        Ok(left)
    }

    /// The personal space, with the key that the words open.
    pub fn own_space(&mut self, words: &Words) -> Result<Droppable, AppError> {
        let space = self.personal()?.space;
        let key = words.device_secret();
        let is_known = self.space(&space)?.words().contains(&key.id());
        match is_known {
            true => Ok(Droppable { space, title: String::new(), personal: true, key }),
            false => Err(AppError::NotRestored(NotRestored::OtherWords)),
        }
    }

    /// Takes note that a relay has no copy of a space any more: it is exchanged with it no more, and nothing that it once
    /// had counts as kept.
    pub fn note_dropped(&mut self, space: &SpaceId, url: &str, now: i64) -> Result<(), AppError> {
        let url = relay_address(url)?;
        let result = self.store.write::<_, AppError>(|tx| {
            let uses =
                tx.relays()?.into_iter().any(|row| row.space == *space && row.url == url && row.stage == Stage::Used);
            tx.remove_relay(space, &url)?;
            if uses {
                tx.clear_relayed(space)?;
            }
            Ok(tx.note_security(now, space, "relay-dropped", &json!({ "relay": url }))?)
        });
        self.unload();
        result
    }
}

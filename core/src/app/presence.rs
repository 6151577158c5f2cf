//! Who is here now: whispers between people who both watch. Nothing of it is written anywhere.
//!
//! Everybody who watches draws a random *name of the moment* and whispers it, with the names that they hear of others.
//! Somebody is here once they whisper the name that was drawn here: only who hears it now can know it, so an old whisper
//! that a relay plays again shows nobody. They are gone when they say so, or are not heard for [`GONE`]. There is no time
//! in it that anybody could keep, and whoever does not watch is told nothing.

use std::collections::{BTreeMap, VecDeque};

use alliance_replica::{
    exchange::frame::{Channel, Whisper},
    id::{DeviceId, SpaceId},
    log::membership::{DeviceState, Role},
    wire,
};
use minicbor::{CborLen, Decode, Encode};

use super::{AppError, Profile, World, space::Space};
use crate::keys::{Route, whisper};

/// Milliseconds between two whispers when nothing is to be answered.
const BEAT: u64 = 15_000;
/// Milliseconds between two whispers at the least.
const BREATH: u64 = 1_000;
/// Milliseconds after which somebody who is not heard is gone.
const GONE: u64 = 40_000;
/// Names of the moment that are known at once, and those that a whisper carries.
const NAMES: usize = 12;
/// Names of the moment of one's own computers that are remembered.
const OWN: usize = 3;
/// Names of the moment that are remembered after they went.
const GRAVES: usize = 64;

const HERE: u32 = 0;
const LEAVES: u32 = 1;

/// What is whispered: who one is for the moment, and whom one hears.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub(super) struct Words {
    /// 0 is here, 1 leaves; others are passed over.
    #[n(0)]
    kind: u32,
    /// One's name of the moment.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    name: Name,
    /// The names that one hears.
    #[n(2)]
    #[cbor(decode_with = "wire::list::<_, _, { NAMES }>")]
    hears: Vec<Heard>,
    /// Where one is dialled, if one may be.
    #[n(3)]
    route: Option<Route>,
}

type Name = [u8; 16];

#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(transparent)]
struct Heard(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    Name,
);

/// One space: who is in it now.
#[derive(Debug)]
pub(super) struct Room {
    name: Name,
    counter: u64,
    said: Option<u64>,
    answer: bool,
    /// Names of one's own other computers, which are nobody's company.
    own: VecDeque<Name>,
    others: BTreeMap<(DeviceId, Name), Other>,
    /// Who went, and how far they had counted: what a relay plays again brings nobody back.
    graves: VecDeque<((DeviceId, Name), u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Other {
    counter: u64,
    heard: u64,
    /// They have whispered our name: they are here, and not only somebody's echo.
    hears_us: bool,
}

impl Room {
    pub(super) fn new(name: Name) -> Self {
        Self {
            name,
            counter: 0,
            said: None,
            answer: false,
            own: VecDeque::new(),
            others: BTreeMap::new(),
            graves: VecDeque::new(),
        }
    }

    /// Somebody else whispered. Times are milliseconds of one clock that does not go back.
    pub(super) fn hear(&mut self, device: DeviceId, counter: u64, words: &Words, now: u64) {
        let who = (device, words.name);
        let known = self.others.get(&who).copied();
        let buried = self.graves.iter().find(|(it, _)| *it == who).map(|(_, counter)| *counter);
        let counted = known.map(|known| known.counter).max(buried);
        if words.name == self.name || counted.is_some_and(|counted| counter <= counted) {
            return;
        }
        match words.kind {
            HERE => {}
            LEAVES => {
                self.bury(who, counter);
                return;
            }
            _ => return,
        }
        let now_hears_us = words.hears.iter().any(|heard| heard.0 == self.name);
        self.answer |= known.is_none() || !now_hears_us;
        let hears_us = now_hears_us || known.is_some_and(|known| known.hears_us);
        if known.is_none() && self.others.len() >= NAMES {
            // Echoes go first, then whoever was not heard for longest.
            let least = self.others.iter().min_by_key(|(_, other)| (other.hears_us, other.heard)).map(|(who, _)| *who);
            let counted = least.and_then(|least| Some((least, self.others.get(&least)?.counter)));
            counted.into_iter().for_each(|(least, counter)| self.bury(least, counter));
        }
        self.others.insert(who, Other { counter, heard: now, hears_us });
    }

    /// Another computer of the same person whispered: it is answered, so that it knows that it is heard.
    pub(super) fn answer(&mut self, words: &Words) {
        if words.kind != HERE || words.name == self.name {
            return;
        }
        let hears_us = words.hears.iter().any(|heard| heard.0 == self.name);
        self.answer |= !hears_us || !self.own.contains(&words.name);
        self.own.retain(|name| *name != words.name);
        self.own.push_back(words.name);
        if self.own.len() > OWN {
            self.own.pop_front();
        }
    }

    /// What to whisper now, and under which counter, if anything.
    pub(super) fn speak(&mut self, now: u64) -> Option<(u64, Words)> {
        let silent = self.others.iter().filter(|(_, other)| now.saturating_sub(other.heard) >= GONE);
        let silent: Vec<_> = silent.map(|(who, other)| (*who, other.counter)).collect();
        silent.into_iter().for_each(|(who, counter)| self.bury(who, counter));
        let since = self.said.map(|said| now.saturating_sub(said));
        // The first answers do not wait: they are how people find each other.
        let may_answer = |since: u64| self.answer && (since >= BREATH || self.counter < 3);
        if !since.is_none_or(|since| since >= BEAT || may_answer(since)) {
            return None;
        }
        (self.said, self.answer) = (Some(now), false);
        Some(self.words(HERE))
    }

    /// A parting word, if anybody is here to hear it.
    pub(super) fn part(&mut self) -> Option<(u64, Words)> {
        (!self.others.is_empty()).then(|| self.words(LEAVES))
    }

    /// Where somebody says that they are, if they say it now and not in an echo: they hear us.
    pub(super) fn route_of<'w>(&self, words: &'w Words) -> Option<&'w Route> {
        words.route.as_ref().filter(|_| words.hears.iter().any(|heard| heard.0 == self.name))
    }

    /// True if somebody is here.
    pub(super) fn is_somebody_here(&self) -> bool {
        self.others.values().any(|other| other.hears_us)
    }

    /// Somebody went: nothing that they said until then counts again.
    fn bury(&mut self, who: (DeviceId, Name), counter: u64) {
        self.others.remove(&who);
        self.graves.retain(|(it, _)| *it != who);
        self.graves.push_back((who, counter));
        if self.graves.len() > GRAVES {
            self.graves.pop_front();
        }
    }

    fn words(&mut self, kind: u32) -> (u64, Words) {
        self.counter += 1;
        let others = self.others.keys().map(|(_, name)| Heard(*name));
        let hears = self.own.iter().map(|name| Heard(*name)).chain(others).take(NAMES).collect();
        (self.counter, Words { kind, name: self.name, hears, route: None })
    }
}

impl Profile {
    /// Seals words for whoever is in a space; none where nobody else could be, or nothing can be sealed now.
    pub(super) fn whisper(
        &mut self,
        space: &SpaceId,
        channel: Channel,
        (counter, mut words): (u64, Words),
        is_dialled: bool,
        world: &mut World<'_>,
    ) -> Result<Option<Whisper>, AppError> {
        if is_dialled {
            words.route = self.route()?;
        }
        let space = self.space(space)?;
        let fold = space.log.fold();
        let listens = |device: &DeviceId| is_other(space, device) || is_dialled && is_own(space, device);
        let listens = fold.devices().any(|(device, _)| listens(device));
        let Some(key) = space.usable_key().filter(|_| listens) else { return Ok(None) };
        let words = wire::encode(&words);
        Ok(whisper::seal(&key, &space.id(), &space.secret, channel, counter, &words, world.rng).ok())
    }

    /// The words of a whisper, if it is by a device of the other person that lives, or by another computer of this one, and
    /// whether it is by the other person.
    pub(super) fn overhear(&mut self, space: &SpaceId, heard: &Whisper) -> Result<Option<(Words, bool)>, AppError> {
        let space = self.space(space)?;
        let is_other = is_other(space, &heard.device);
        if !is_other && !is_own(space, &heard.device) {
            return Ok(None);
        }
        let opened = whisper::open(&space.keyring, heard).ok();
        let words = opened.and_then(|words| wire::decode("whisper", &words, whisper::LARGEST).ok());
        Ok(words.map(|words| (words, is_other)))
    }
}

/// True of another computer of the same person.
fn is_own(space: &Space, device: &DeviceId) -> bool {
    let fold = space.log.fold();
    let is_own = |it: &DeviceState| it.live && it.role == Role::Ordinary && it.member == space.row.member;
    *device != space.device() && fold.device(device).is_some_and(is_own)
}

fn is_other(space: &Space, device: &DeviceId) -> bool {
    let fold = space.log.fold();
    fold.device(device).is_some_and(|it| it.live && it.role == Role::Ordinary && it.member != space.row.member)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEN: DeviceId = DeviceId::new([1; 32]);
    const ANNA: DeviceId = DeviceId::new([2; 32]);

    /// Lets both speak until nobody has more to say; returns how many whispers there were.
    fn meet(ben: &mut Room, anna: &mut Room, now: u64) -> usize {
        let mut whispers = 0;
        loop {
            let said = (ben.speak(now), anna.speak(now));
            if said == (None, None) {
                return whispers;
            }
            if let Some((counter, words)) = said.0 {
                anna.hear(BEN, counter, &words, now);
                whispers += 1;
            }
            if let Some((counter, words)) = said.1 {
                ben.hear(ANNA, counter, &words, now);
                whispers += 1;
            }
        }
    }

    #[test]
    fn two_who_watch_find_each_other_at_once_and_then_whisper_seldom() {
        let (mut ben, mut anna) = (Room::new([1; 16]), Room::new([2; 16]));
        ben.speak(0).expect("a first word that nobody hears");
        assert!(!ben.is_somebody_here());
        let whispers = meet(&mut ben, &mut anna, 5_000);
        assert!(ben.is_somebody_here() && anna.is_somebody_here());
        assert!(whispers <= 4, "{whispers}");
        assert_eq!(meet(&mut ben, &mut anna, 6_000), 0);
        assert_eq!(meet(&mut ben, &mut anna, 5_000 + BEAT), 2);
    }

    #[test]
    fn who_says_so_or_is_silent_for_long_is_gone() {
        let (mut ben, mut anna) = (Room::new([1; 16]), Room::new([2; 16]));
        meet(&mut ben, &mut anna, 0);
        let (counter, words) = anna.part().expect("Ben hears it");
        ben.hear(ANNA, counter, &words, 1);
        assert!(!ben.is_somebody_here());
        assert!(anna.is_somebody_here());
        anna.speak(GONE);
        assert!(!anna.is_somebody_here());
    }

    #[test]
    fn what_was_whispered_before_shows_nobody_when_it_is_played_again() {
        let (mut ben, mut anna) = (Room::new([1; 16]), Room::new([2; 16]));
        ben.speak(0);
        let hello = anna.speak(0).expect("a word");
        ben.hear(ANNA, hello.0, &hello.1, 0);
        let answer = ben.speak(0).expect("an answer");
        anna.hear(BEN, answer.0, &answer.1, 0);
        let here = anna.speak(0).expect("her answer");
        ben.hear(ANNA, here.0, &here.1, 0);
        assert!(ben.is_somebody_here());
        // In the same connection an old word does not keep her here.
        ben.hear(ANNA, here.0, &here.1, GONE);
        ben.speak(GONE);
        assert!(!ben.is_somebody_here());
        ben.hear(ANNA, here.0, &here.1, GONE);
        assert!(!ben.is_somebody_here(), "she went, and an echo does not bring her back");
        // In another one, his name is another.
        let mut later = Room::new([3; 16]);
        for (counter, words) in [hello, here] {
            later.hear(ANNA, counter, &words, 0);
        }
        assert!(!later.is_somebody_here());
    }

    #[test]
    fn a_crowd_of_names_takes_no_room_and_drives_nobody_out() {
        let (mut ben, mut anna) = (Room::new([1; 16]), Room::new([2; 16]));
        meet(&mut ben, &mut anna, 0);
        for n in 0_u64..1_000 {
            let mut name = [9; 16];
            name[..8].copy_from_slice(&n.to_be_bytes());
            ben.hear(ANNA, 1, &Words { kind: HERE, name, hears: Vec::new(), route: None }, n);
        }
        assert!(ben.others.len() <= NAMES && ben.graves.len() <= GRAVES);
        assert!(ben.is_somebody_here());
        let (_, words) = ben.speak(BEAT).expect("a beat");
        assert!(wire::encode(&words).len() < whisper::BLOCK, "it fits into one block");
    }

    #[test]
    fn words_have_the_form_of_the_vectors() {
        let words = Words { kind: LEAVES, name: [2; 16], hears: vec![Heard([3; 16])], route: None };
        let bytes = [&[0xa3, 0, 1, 1, 0x50][..], &[2; 16], &[2, 0x81, 0x50], &[3; 16]].concat();
        assert_eq!(wire::encode(&words), bytes);
        assert_eq!(wire::decode::<Words>("whisper", &bytes, whisper::LARGEST).expect("decodes"), words);
    }

    #[test]
    fn words_that_are_not_known_are_passed_over() {
        let mut ben = Room::new([1; 16]);
        ben.hear(ANNA, 1, &Words { kind: 7, name: [2; 16], hears: vec![Heard([1; 16])], route: None }, 0);
        assert!(!ben.is_somebody_here());
        let bytes =
            wire::encode(&Words { kind: HERE, name: [2; 16], hears: vec![Heard([0; 16]); NAMES + 1], route: None });
        assert!(wire::decode::<Words>("whisper", &bytes, whisper::LARGEST).is_err());
    }
}

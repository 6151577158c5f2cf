//! A person's own computers: others of theirs have everything they have, go on under fresh keys, are cut off everywhere;
//! and who has lost them all comes back by their words.

use alliance_core::{
    app::{
        AllianceState, AppError, Inquiry as _, NotRestored, Others, Person, Profile, Seeking, Wanted, World as Outside,
    },
    keys::{Invitation, Words},
};
use alliance_replica::{
    id::{DeviceId, SpaceId},
    log::control::{Purpose, Reason, Record},
};

use super::{
    Sim, Violation,
    device::{Online, own_space},
    network::Event,
    wal::{self, DATABASE},
};
use crate::RELAY;

/// Milliseconds for which what a computer sent may be on its way to another one.
const ON_ITS_WAY: u64 = 60_000;
/// Computers, with copies, up to which a person takes another one.
const MOST: usize = 9;

impl Sim {
    /// Somebody takes another computer into use, which is to have all that they have.
    pub(crate) fn own_comes(&mut self) -> Result<(), Violation> {
        let by = self.anybody();
        let person = self.devices[&by].person.clone();
        if self.devices.len() >= MOST || self.outlaws.iter().any(|(outlaw, _)| *outlaw == person) {
            return Ok(());
        }
        let expires = self.unix().unsigned_abs() + 30 * 86_400;
        let made = self
            .call(&by, |profile, _, outside| Ok::<_, AppError>(profile.invite_computer(expires, outside)?.reveal()))?;
        let invitation = match made {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok(text)) => Invitation::parse(&text).expect("an invitation"),
        };
        self.meet(&[&by])?;
        let name = format!("{person}'s laptop {}", self.devices.len());
        let folder = wal::folder();
        let profile = Profile::blank(&folder.path().join(DATABASE)).expect("a profile");
        self.put(&name, &person, folder, profile);
        let joined = self.join(&name, &invitation)?;
        self.strike("own computer comes", format!("{name}, by {by}: {joined:?}"));
        let space = invitation.terms().space;
        if self.device_of(&name, space).is_some() {
            self.personal.insert(space);
            self.dial_once(&name);
        } else {
            self.devices.remove(&name);
        }
        self.dial_once(&by);
        Ok(())
    }

    /// Somebody cuts off one of their computers everywhere, or has one go on under fresh keys.
    pub(crate) fn own_goes(&mut self) -> Result<(), Violation> {
        let by = self.anybody();
        if self.dice.chance(400) {
            return self.own_renews(&by);
        }
        let known = self.call(&by, |profile, _, _| profile.computers())?;
        let others: Vec<_> = match known {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok(known)) => known.into_iter().filter(|it| !it.this && it.live).collect(),
        };
        if others.is_empty() {
            return Ok(());
        }
        let lost = self.dice.pick(&others).clone();
        match self.call(&by, |profile, _, _| profile.cut_computer(&lost, Reason::Lost))? {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok(())) => self.strike("own computer cut", format!("{} {:?}, by {by}", lost.name, lost.places)),
        }
        for (space, device) in lost.places {
            self.ends(space, |sim, name| sim.device_of(name, space) == Some(device), None);
        }
        self.tell(&by);
        Ok(())
    }

    fn own_renews(&mut self, by: &str) -> Result<(), Violation> {
        match self.call(by, |profile, _, _| profile.renew_computer())? {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(by, error),
            Some(Ok(kept)) => self.strike("computer renewed", format!("{by}, but for {kept:?}")),
        }
        // What a copy of it writes under the old key is not held against anybody.
        let own = own_space(&self.devices[by].folder().join(DATABASE));
        self.spaces.extend(own);
        self.personal.extend(own);
        for space in self.spaces.clone() {
            let Some(device) = self.device_of(by, space) else { continue };
            self.ends(space, |sim, name| name != by && sim.device_of(name, space) == Some(device), None);
        }
        self.tell(by);
        Ok(())
    }

    /// Somebody has lost all computers; they come back by their words on one that has nothing.
    pub(crate) fn comes_back(&mut self) -> Result<(), Violation> {
        let lost = self.anybody();
        let person = self.devices[&lost].person.clone();
        let is_outlaw = self.outlaws.iter().any(|(outlaw, _)| *outlaw == person);
        if self.devices.len() >= MOST || is_outlaw || !self.words.contains_key(&person) {
            return Ok(());
        }
        let words = self.words_of(&person);
        let wanted = vec![Wanted { key: words.device_secret(), space: None }];
        let Some(found) = self.seek(wanted)? else { return Ok(()) };
        let folder = wal::folder();
        let mut outside = Outside { now: self.wall(0), rng: self.dice.rng() };
        let profile = match Profile::restore(&folder.path().join(DATABASE), &found, RELAY, &mut outside) {
            Ok(profile) => profile,
            Err(AppError::NotRestored(NotRestored::Unknown)) => return Ok(()),
            Err(error) => return Err(Violation(format!("I10: {person} cannot come back: {error:?}"))),
        };
        let name = format!("{person}'s new laptop {}", self.devices.len());
        self.put(&name, &person, folder, profile);
        let space = own_space(&self.devices[&name].folder().join(DATABASE)).expect("a personal space");
        self.spaces.insert(space);
        self.personal.insert(space);
        let device = self.devices.get_mut(&name).expect("a computer");
        (device.restoring, device.by_words) = (true, true);
        self.strike("comes back by words", name.clone());
        self.lend(&name)?;
        self.dial_once(&name);
        Ok(())
    }

    fn words_of(&self, person: &str) -> Words {
        Words::parse(&self.words[person]).expect("the words that were given")
    }

    /// Gives a profile that is being brought back what the words open, as its program does when it starts.
    pub(crate) fn lend(&mut self, name: &str) -> Result<(), Violation> {
        if !self.devices[name].restoring {
            return Ok(());
        }
        let words = self.words_of(&self.devices[name].person);
        match self.call(name, |profile, _, _| profile.lend(&words))? {
            Some(Err(error)) => self.app_failed(name, &error),
            _ => Ok(()),
        }
    }

    /// Asks the relay for keys, over a good network.
    fn seek(&mut self, keys: Vec<Wanted>) -> Result<Option<Seeking>, Violation> {
        let mut outside = Outside { now: self.wall(0), rng: self.dice.rng() };
        let mut seeking = Seeking::new(keys, None, &mut outside);
        let asked = self.ask(&mut seeking)?;
        Ok((asked.is_ok() && seeking.is_done()).then_some(seeking))
    }

    /// What one does whose computers are several, or who is being brought back, when all was exchanged. True if that asks
    /// for another exchange.
    pub(crate) fn look_after_own(&mut self, name: &str) -> Result<bool, Violation> {
        if self.devices[name].restoring {
            return self.goes_on(name);
        }
        let space = own_space(&self.devices[name].folder().join(DATABASE));
        if !space.is_some_and(|space| self.personal.contains(&space)) {
            return Ok(false);
        }
        let tended = match self.call(name, |profile, _, outside| profile.tend_computers(outside))? {
            None => return Ok(false),
            Some(Err(error)) => return self.app_failed(name, &error).map(|()| false),
            Some(Ok(tended)) => tended,
        };
        let mut more = tended.wrote;
        for ways in tended.ways {
            for invitation in ways {
                let joined = self.join(name, &invitation)?;
                let space = invitation.terms().space;
                self.say(format!("{name} takes up {space}: {joined:?}"));
                if joined.is_ok() {
                    more = true;
                    break;
                }
            }
        }
        Ok(more)
    }

    /// Goes on bringing somebody back. True if that asks for another exchange.
    fn goes_on(&mut self, name: &str) -> Result<bool, Violation> {
        let person = self.devices[name].person.clone();
        let words = self.words_of(&person);
        let lost = match self.call(name, |profile, _, _| profile.lost_alliances(&words))? {
            None => return Ok(false),
            Some(Err(error)) => return self.app_failed(name, &error).map(|()| false),
            Some(Ok(lost)) => lost,
        };
        if !lost.is_empty() {
            let Some(found) = self.seek(lost)? else { return Ok(true) };
            match self.call(name, |profile, _, outside| profile.take_found(&found, RELAY, outside))? {
                None => return Ok(false),
                Some(Err(error)) => return self.app_failed(name, &error).map(|()| false),
                Some(Ok(taken)) if taken.is_empty() => {}
                Some(Ok(_)) => return self.lend(name).map(|()| true),
            }
        }
        match self.call(name, |profile, _, outside| profile.take_over(Others::Cut, outside))? {
            None => return Ok(false),
            Some(Err(error)) => return self.app_failed(name, &error).map(|()| false),
            Some(Ok(())) => {}
        }
        for space in self.spaces.clone() {
            if self.device_of(name, space).is_some() {
                self.ends(space, |sim, other| other != name && sim.devices[other].person == person, None);
                self.just_sent_is_unsure(space, &person);
                let fold = self.membership(space).fold();
                // Another one that comes back at the same time is not known yet.
                let others = self.devices.iter().filter(|(_, it)| !it.by_words && it.person == person);
                let others = others.filter_map(|(other, _)| self.device_of(other, space));
                let lives = |device: &DeviceId| fold.device(device).is_some_and(|it| it.live);
                let ended: Vec<_> = others.filter(lives).map(|device| (space, device)).collect();
                self.ended.extend(ended);
            }
        }
        let said = Person { name: person, role: "client".to_owned() };
        match self.call(name, |profile, _, _| profile.finish_restore(Some(said)))? {
            None => Ok(false),
            Some(Err(AppError::NotRestored(NotRestored::Unsent))) => Ok(true),
            Some(Err(error)) => self.app_failed(name, &error).map(|()| false),
            Some(Ok(())) => {
                self.devices.get_mut(name).expect("a computer").restoring = false;
                self.say(format!("{name} is back"));
                Ok(true)
            }
        }
    }

    /// What a person's computers sent just now may not have come before a cut by words that nobody waits with.
    fn just_sent_is_unsure(&mut self, space: SpaceId, person: &str) {
        let since = self.clock.saturating_sub(ON_ITS_WAY);
        let of_person = self.devices.iter().filter(|(_, it)| it.person == person);
        let just = of_person.filter(|(_, it)| it.sealed.get(&space).is_some_and(|sealed| *sealed > since));
        for name in just.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.safe.entry((name, space)).and_modify(|until| *until = 0);
        }
    }

    /// Somebody may not do what they wanted with their computers; anything else is a failure.
    pub(crate) fn cannot(&mut self, name: &str, error: AppError) -> Result<(), Violation> {
        match error {
            AppError::Ended | AppError::NoRelay | AppError::NotHereYet => {
                self.say(format!("{name} may not do that: {error}"));
                Ok(())
            }
            error => self.app_failed(name, &error),
        }
    }

    fn dial_once(&mut self, name: &str) {
        self.devices.get_mut(name).expect("a computer").online = Online::Once;
        self.after(0, Event::Dial(name.to_owned()));
    }

    /// Which of a person's computers lacks an alliance that another one has; nothing once all of them have all.
    pub(crate) fn own_unrest(&mut self) -> Result<Option<String>, Violation> {
        for personal in self.personal.clone() {
            let names = self.members(personal);
            for name in &names {
                if self.devices[name].restoring {
                    return Ok(Some(format!("{name} is not back")));
                }
            }
            for name in &names {
                let alliances = self.call(name, |profile, _, _| profile.alliances())?.and_then(Result::ok);
                let together = alliances.into_iter().flatten().filter(|it| it.state == AllianceState::Together);
                for space in together.map(|it| it.space).filter(|space| self.spaces.contains(space)).collect::<Vec<_>>()
                {
                    let is_in = self.members(space);
                    if !is_in.contains(name) {
                        continue;
                    }
                    // One that was in and is not any more was cut off there alone, maybe beside the record that gave it a fresh
                    // key, which does not stand then.
                    let log = self.membership(space);
                    let was_in =
                        |other: &&String| self.device_of(other, space).is_some_and(|it| log.dag().introduces(&it));
                    // A copy is in what was begun later once it has a key of its own.
                    let key = |name: &String| self.device_of(name, personal);
                    let is_copy = |other: &&String| is_in.iter().any(|it| key(it) == key(other));
                    let lacks = |other: &&String| !is_in.contains(other) && !was_in(other) && !is_copy(other);
                    if let Some(other) = names.iter().find(lacks) {
                        return Ok(Some(format!("{other} is not in {space}, and {name} is")));
                    }
                }
            }
        }
        Ok(None)
    }

    /// I4: who was cut off knows no open invitation, keys that were renewed are dead, and no key is handed to the dead.
    pub(crate) fn what_ended_is_out(&mut self, space: SpaceId) -> Result<(), Violation> {
        let log = self.membership(space);
        let (dag, fold) = (log.dag(), log.fold());
        let unsure = self.seen.lied || self.seen.forgot.is_some();
        let lives = |device: &DeviceId| fold.device(device).is_some_and(|it| it.live);
        let stays = |it: &&(SpaceId, DeviceId)| it.0 == space && lives(&it.1);
        if let Some((_, device)) = self.ended.iter().find(stays).filter(|_| !unsure) {
            return Err(Violation(format!("I4: {device} lives in {space}, although its person came back by words")));
        }
        let open: Vec<_> =
            fold.invitations().into_iter().filter(|it| it.open && lives(&it.invite.key.device)).collect();
        for (id, by, _, control) in fold.standing() {
            match &control.record {
                Record::Cut(cut) if cut.reason == Reason::Lost => {
                    let Some(view) = dag.view(&id) else { continue };
                    let known = view.invitations();
                    let member = view.device(&by).map(|it| it.member);
                    let left = open.iter().find(|it| {
                        it.invite.purpose == Purpose::OwnDevice
                            && fold.device(&it.invite.key.device).map(|it| it.member) == member
                            && known.iter().any(|known| known.invite.key == it.invite.key)
                    });
                    if left.is_some() {
                        return Err(Violation(format!("I4: {} was cut in {space}, and knows a way in", cut.device)));
                    }
                }
                Record::AddDevice(add) if add.renews.is_some_and(|old| lives(&old)) => {
                    return Err(Violation(format!("I4: a key of {space} was renewed and lives")));
                }
                Record::Grant(grant) => {
                    let Some(view) = dag.view(&id) else { continue };
                    let is_dead = |device: &DeviceId| view.device(device).is_none_or(|device| !device.live);
                    if let Some(wrap) = grant.wraps.iter().find(|wrap| is_dead(&wrap.device)) {
                        return Err(Violation(format!("I4: {} is dead and was given a key of {space}", wrap.device)));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// I4: who is out of a person's own space by a cut is out of all that the person is in.
    pub(crate) fn the_lost_are_out_everywhere(&mut self) -> Result<(), Violation> {
        for personal in self.personal.clone() {
            let fold = self.membership(personal).fold();
            let names = self.members(personal);
            let unsure = self.seen.lied || self.seen.forgot.is_some();
            for name in self.devices.keys().cloned().collect::<Vec<_>>() {
                let Some(device) = self.device_of(&name, personal) else { continue };
                // Of two that come by the same words nobody knows which key of an alliance is whose, unless they hear of it.
                if unsure && self.devices[&name].by_words {
                    continue;
                }
                // Two histories end a key where they were written, and their author is nobody who is to be kept out elsewhere.
                let is_cut = fold.standing().any(|(_, _, _, control)| match &control.record {
                    Record::Cut(cut) => cut.device == device,
                    _ => false,
                });
                if fold.device(&device).is_none_or(|it| it.live) || !is_cut || self.devices[&name].back.is_some() {
                    continue;
                }
                for space in self.spaces.clone() {
                    let is_in = self.members(space);
                    let others: Vec<_> = names.iter().filter(|other| is_in.contains(other)).collect();
                    // Where nobody else could be invited, the copy that took fresh keys kept the one that both have.
                    let key = self.device_of(&name, space);
                    let is_kept = others.iter().any(|other| self.device_of(other, space) == key);
                    if is_in.contains(&name) && !others.is_empty() && !is_kept {
                        return Err(Violation(format!("I4: {name} was cut off and is in {space}")));
                    }
                }
            }
        }
        Ok(())
    }
}

//! What happens, step by step: faults strike, people come and go and write.

use alliance_core::{
    app::{AllianceInfo, AllianceState, AppError, Profile, World as Outside},
    keys::Invitation,
};
use alliance_replica::id::SpaceId;

use super::{
    BOUND, Sim, Violation,
    device::Online,
    dice::Dice,
    network::{Event, Lies},
    people::{Act, COACHES},
    wal::{Crash, DATABASE},
};
use crate::RELAY;

/// Milliseconds after which what one writes does not count as of the same moment any more.
const LATER: u64 = 11_000;
const DAY: u64 = 24 * 60 * 60 * 1000;

impl Sim {
    /// Ben and Anna, who have met; Carl, whom Ben coaches, too; and Dora, whom nobody has invited yet.
    pub(crate) fn begin(&mut self) -> Result<(), Violation> {
        for (name, role) in [("Ben", "coach"), ("Anna", "client"), ("Carl", "client"), ("Dora", "client")] {
            self.person(name, role);
        }
        for (client, title) in [("Anna", "Ben & Anna"), ("Carl", "Ben & Carl")] {
            let space = self.must("Ben", |profile, outside| profile.new_alliance(title, Some(RELAY), outside))?;
            let invitation = self.invite(space)?;
            self.meet(&["Ben"])?;
            let joined = self.join(client, &invitation)?;
            joined.map_err(|error| Violation(format!("{client} cannot join: {error:?}")))?;
            self.meet(&[client, "Ben", client])?;
        }
        self.say("Ben, Anna and Carl are together".to_owned());
        Ok(())
    }

    /// These sync, one after the other.
    pub(crate) fn meet(&mut self, names: &[&str]) -> Result<(), Violation> {
        for name in names {
            self.devices.get_mut(*name).expect("a computer").online = Online::Once;
            self.after(0, Event::Dial((*name).to_owned()));
            self.pass(20_000)?;
        }
        Ok(())
    }

    fn must<T>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Profile, &mut Outside<'_>) -> Result<T, AppError>,
    ) -> Result<T, Violation> {
        let done = self.call(name, |profile, _, outside| act(profile, outside))?;
        done.expect("nothing crashes yet").map_err(|error| Violation(format!("{name} cannot begin: {error:?}")))
    }

    fn invite(&mut self, space: SpaceId) -> Result<Invitation, Violation> {
        let expires = self.unix().unsigned_abs() + 30 * 86_400;
        let invitation = self.must("Ben", |profile, outside| profile.invite(space, expires, outside))?;
        Ok(Invitation::parse(&invitation.reveal()).expect("an invitation"))
    }

    /// One step: somebody does something, or something happens; then some time passes.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        let knobs = self.knobs;
        let faults = [
            knobs.kill,
            knobs.power,
            knobs.partition,
            knobs.cut,
            knobs.skew,
            knobs.restore,
            knobs.copy,
            knobs.relay_crash,
            knobs.relay_full,
            knobs.relay_loses,
            knobs.relay_lies,
            knobs.forges,
            knobs.invites,
            knobs.computers,
            knobs.leaves,
            knobs.disk_full,
            knobs.thieves,
            knobs.own,
            knobs.words,
            knobs.keeps,
        ];
        let rest = 1000 - faults.iter().sum::<u64>();
        let weights: Vec<_> = faults.into_iter().chain([rest]).collect();
        match self.dice.weighed(&weights) {
            0 => self.doom(Crash::Kill)?,
            1 => self.doom(Crash::Power)?,
            2 => self.part(),
            3 => self.snap(),
            4 => self.set_clock(),
            5 => self.go_back()?,
            6 => self.go_double()?,
            7 => self.relay_fate = Some(self.dice.below(30)),
            8 => {
                if self.node.set_full(true) {
                    self.strike("relay full", String::new());
                    let wait = self.dice.below(60_000);
                    self.after(wait, Event::Emptied);
                }
            }
            9 => self.relay_loses(),
            10 => self.relay_lies(),
            11 => self.forge()?,
            12 => self.somebody_comes()?,
            13 if self.dice.chance(650) => self.computer_comes()?,
            13 => self.computer_goes()?,
            14 => self.somebody_leaves()?,
            15 => self.fill_disk()?,
            16 => self.thieve()?,
            17 if self.dice.chance(500) => self.own_comes()?,
            17 => self.own_goes()?,
            18 => self.comes_back()?,
            19 => match self.dice.below(8) {
                0..2 => self.backs_up()?,
                2..5 => self.takes_backup_in()?,
                5..7 => self.takes_late()?,
                _ => self.makes_words()?,
            },
            _ if self.dice.chance(150) => self.come_or_go(),
            _ => self.somebody_writes()?,
        }
        let wait = match self.dice.below(100) {
            0..50 => self.dice.below(300),
            50..85 => self.dice.below(20_000),
            85..97 => self.dice.below(600_000),
            _ => return self.sleep(),
        };
        self.pass(wait)?;
        let one = self.steps.len() % self.devices.len();
        let name = self.devices.keys().nth(one).expect("one of them").clone();
        self.nothing_overtakes_its_past(&name)?;
        self.nothing_is_gone(&name)
    }

    /// Everybody closes their laptop, for hours or weeks.
    fn sleep(&mut self) -> Result<(), Violation> {
        let time = match self.dice.below(10) {
            0..6 => self.dice.below(DAY),
            6..9 => self.dice.below(7 * DAY),
            _ => self.dice.below(40 * DAY),
        };
        self.drop_lines();
        let names: Vec<_> = self.devices.keys().cloned().collect();
        let mut awake = Vec::new();
        for name in names {
            let device = self.devices.get_mut(&name).expect("a computer");
            awake.push((name, std::mem::replace(&mut device.online, Online::No)));
        }
        self.say(format!("everybody sleeps for {} hours", time / 3_600_000));
        self.pass(time)?;
        for (name, online) in awake {
            let device = self.devices.get_mut(&name).expect("a computer");
            if device.online == Online::No {
                device.online = online;
            }
            self.after(0, Event::Dial(name));
        }
        Ok(())
    }

    pub(crate) fn anybody(&mut self) -> String {
        let names: Vec<_> = self.devices.keys().cloned().collect();
        self.dice.pick(&names).clone()
    }

    fn doom(&mut self, crash: Crash) -> Result<(), Violation> {
        let name = self.anybody();
        if self.dice.chance(300) {
            self.crash(&name, crash, None);
        } else {
            let calls = self.dice.below(12);
            self.devices.get_mut(&name).expect("a computer").fate = Some((calls, crash));
        }
        Ok(())
    }

    fn fill_disk(&mut self) -> Result<(), Violation> {
        let name = self.anybody();
        self.set_full(&name, true)?;
        self.strike("disk full", name.clone());
        let wait = self.dice.below(120_000);
        self.after(wait, Event::Freed(name));
        Ok(())
    }

    fn a_line(&mut self) -> Option<u64> {
        let lines: Vec<_> = self.connected().into_keys().collect();
        (!lines.is_empty()).then(|| *self.dice.pick(&lines))
    }

    fn part(&mut self) {
        let Some(id) = self.a_line() else { return };
        let ways = *self.dice.pick(&[[true, true], [true, false], [false, true]]);
        let until = self.clock + self.dice.below(120_000);
        self.strike("partition", format!("{id} {ways:?} until {until}"));
        self.close_line(id, ways, until);
    }

    fn snap(&mut self) {
        let Some(id) = self.a_line() else { return };
        let late = *self.dice.pick(&[[0, 0], [0, 45_000], [45_000, 0], [60_000, 30_000]]);
        self.strike("connection cut", format!("{id} {late:?}"));
        self.break_line(id, late);
    }

    fn set_clock(&mut self) {
        let name = self.anybody();
        let days = i64::try_from(self.dice.below(7)).expect("small") - 3;
        let skew = days * 86_400 + i64::try_from(self.dice.below(3_600)).expect("small");
        self.strike("clock", format!("{name} by {skew} s"));
        self.devices.get_mut(&name).expect("a computer").skew = skew;
    }

    /// A copy is made, or put in the place of the profile: what was not sent since is gone with the disk.
    fn go_back(&mut self) -> Result<(), Violation> {
        let name = self.anybody();
        if self.devices[&name].copies.is_empty() || self.dice.chance(300) {
            if self.devices[&name].is_up() {
                self.keep_copy(&name);
            }
            return Ok(());
        }
        let (settled, sealed) = (self.devices[&name].settled, self.devices[&name].sealed.clone());
        let alliances = self.spaces.clone();
        let upto = |space: &SpaceId| match alliances.contains(space) {
            true => sealed.get(space).copied().unwrap_or(0),
            false => settled,
        };
        let sent = self.has_unsent(&name);
        let Some(made) = self.put_back(&name)? else { return Ok(()) };
        self.strike("profile put back", format!("{name}, as it was at {made}"));
        let unsure = self.seen.lied || self.seen.forgot.is_some();
        // What came in a space that the copy does not know, or knows no relay for, is for the recovery words.
        let relays = self.call(&name, |profile, _, _| profile.relays())?;
        let relays = relays.and_then(Result::ok).unwrap_or_default();
        let is_kept = |space: &SpaceId| relays.iter().any(|relay| relay.keeps(space));
        self.record
            .forgive(&name, made, |word| !unsure && word.at < upto(&word.item.space) && is_kept(&word.item.space));
        let device = self.devices.get_mut(&name).expect("a computer");
        // What was on its way may have got lost with who sent it, and its place is free again.
        device.forks |= unsure || sent;
        device.settled = 0;
        device.back = Some(made);
        device.sealed.clear();
        // Who misses something writes it again before they sync.
        for _ in 0..self.dice.below(4) {
            self.writes(&name)?;
        }
        Ok(())
    }

    fn go_double(&mut self) -> Result<(), Violation> {
        let name = self.anybody();
        if self.devices[&name].is_up() && self.devices.len() < 7 {
            let other = self.double(&name)?;
            self.strike("profile copied", format!("{name} goes on as {other}, too"));
        }
        Ok(())
    }

    fn relay_loses(&mut self) {
        if self.dice.chance(500) {
            self.node.keep();
            return;
        }
        self.refused_may_fork();
        let how = self.node.lose();
        self.strike("relay loses", how.to_owned());
        self.drop_lines();
        self.relay_forgot();
    }

    fn relay_lies(&mut self) {
        if self.dice.chance(350) {
            self.refused_may_fork();
            let how = self.node.turn();
            self.strike("relay forks", how.to_owned());
            self.seen.lied = true;
            self.drop_lines();
            self.relay_forgot();
            return;
        }
        let lies = if self.seen.lies == Lies::default() {
            let mut often = || if self.dice.chance(500) { self.dice.between(5, 200) } else { 0 };
            let (drops, repeats, swaps, replays) = (often(), often(), often(), often());
            let withholds = self.dice.chance(500).then(|| self.dice.below(3));
            Lies { drops, repeats, swaps, replays, withholds }
        } else {
            Lies::default()
        };
        self.strike("relay lies", format!("{lies:?}"));
        self.lies(lies);
        self.drop_lines();
    }

    fn come_or_go(&mut self) {
        let name = self.anybody();
        let online = *self.dice.pick(&[Online::Once, Online::Once, Online::Stays, Online::Stays, Online::No]);
        self.say(format!("{name} {online:?}"));
        self.devices.get_mut(&name).expect("a computer").online = online;
        if online == Online::No {
            self.hang_up(&name, 100);
        } else {
            self.after(0, Event::Dial(name));
        }
    }

    fn somebody_writes(&mut self) -> Result<(), Violation> {
        let name = self.anybody();
        self.writes(&name)
    }

    /// Somebody does something on this computer.
    fn writes(&mut self, name: &str) -> Result<(), Violation> {
        if !self.devices[name].is_up() {
            return Ok(());
        }
        let coaches = self.knobs.coaching > 0 && self.dice.chance(self.knobs.coaching);
        let what = match coaches {
            true => COACHES,
            false => self.dice.weighed(&[20, 12, 30, 10, 8, 6, 6, 8, 5, 5, 4, 6, 10]),
        };
        if !matches!(what, 0..=2) {
            // What may take words away comes later than they did.
            self.pass(LATER)?;
        }
        let words: Vec<_> = (0..5).map(|_| self.record.word()).collect();
        let dice = Dice::new(self.dice.below(1 << 40));
        let screen = self.devices[name].screens.clone();
        let spaces: Vec<_> = self.spaces.iter().copied().collect();
        let mut act = Act { what, dice, words, spaces, screen, torn: None, archived: None, opened: None };
        // Now and then it is another program, beside the one that syncs.
        let elsewhere = self.dice.chance(300);
        let file = self.devices[name].folder().join(DATABASE);
        let done = self.call(name, |profile, _, outside| match elsewhere {
            true => Profile::open(&file).and_then(|mut other| act.run(&mut other, outside)),
            false => act.run(profile, outside),
        })?;
        if elsewhere {
            self.wrote_elsewhere(name);
        }
        if let Some(torn) = act.torn {
            return Err(Violation(format!("I8: {name} typed between words, and {torn}")));
        }
        let Some(done) = done else { return Ok(()) };
        match done {
            Ok(Some((item, words))) => {
                self.say(format!("{name} does {what} to {}: {words:?}", item.item));
                let clock = self.clock;
                act.archived.into_iter().for_each(|(item, said)| self.record.archived(item, said));
                words.into_iter().for_each(|word| self.record.wrote(word, item, name, clock));
                let device = self.devices.get_mut(name).expect("a computer");
                if let Some((place, shown)) = act.opened {
                    device.screens.insert(place, shown);
                }
                if let Some((_, session)) = &mut device.session {
                    session.local_change();
                    self.rouse(name);
                }
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(
                error @ (AppError::Rule(_)
                | AppError::Edit(_)
                | AppError::NothingToUndo
                | AppError::NotUndone { .. }
                | AppError::NoSuchValue { .. }
                | AppError::SharedAlready { .. }
                | AppError::NotHereYet
                | AppError::Ended),
            ) => {
                self.say(format!("{name} may not do {what}: {error}"));
                Ok(())
            }
            Err(error) => self.app_failed(name, &error),
        }
    }

    /// Ben invites somebody, and one or two take it up.
    fn somebody_comes(&mut self) -> Result<(), Violation> {
        if self.spaces.len() - self.personal.len() > 4 {
            return Ok(());
        }
        let title = format!("Ben & somebody {}", self.spaces.len());
        let expires = self.unix().unsigned_abs() + 30 * 86_400;
        let made = self.call("Ben", |profile, _, outside| {
            let space = profile.new_alliance(&title, Some(RELAY), outside)?;
            Ok::<_, AppError>(profile.invite(space, expires, outside)?.reveal())
        })?;
        let invitation = match made {
            None | Some(Err(AppError::Ended)) => return Ok(()),
            Some(Err(error)) => return self.app_failed("Ben", &error),
            Some(Ok(text)) => Invitation::parse(&text).expect("an invitation"),
        };
        let space = invitation.terms().space;
        self.meet(&["Ben"])?;
        // From here on two may be on their way.
        self.devices.get_mut("Ben").expect("Ben").online = Online::No;
        self.hang_up("Ben", 0);
        let mut comers = vec!["Dora", "Anna", "Carl"];
        for _ in 0..self.dice.between(1, 2) {
            let comer = comers.remove(self.dice.index(comers.len()));
            let joined = self.join(comer, &invitation)?;
            self.say(format!("{comer} takes up {title}: {joined:?}"));
            let state = self.call(comer, |profile, _, _| profile.alliances())?;
            let early = |it: &AllianceInfo| it.space == space && it.state == AllianceState::Together;
            if let Some(Ok(all)) = state
                && all.iter().any(early)
            {
                return Err(Violation(format!("I4: {comer} is in before Ben's computer confirmed it")));
            }
        }
        if self.dice.chance(300) {
            self.takes_back(space)?;
        }
        for name in ["Ben", "Dora", "Anna", "Carl"] {
            self.devices.get_mut(name).expect("a computer").online = Online::Once;
            self.after(0, Event::Dial(name.to_owned()));
        }
        Ok(())
    }

    /// Ben takes an invitation back that has been taken up, and of which his computer has not heard.
    fn takes_back(&mut self, space: SpaceId) -> Result<(), Violation> {
        match self.call("Ben", |profile, _, _| profile.take_back_invitations(Some(space)))? {
            Some(Err(error)) => self.app_failed("Ben", &error),
            Some(Ok(1..)) => {
                self.strike("invitation taken back", space.to_string());
                self.withdrawn.insert(space);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The time in which everybody has to have everything once nothing goes wrong any more.
    pub(crate) fn heal(&mut self) -> Result<(), Violation> {
        self.lies(Lies::default());
        self.relay_fate = None;
        self.node.set_full(false);
        self.drop_lines();
        let names: Vec<_> = self.devices.keys().cloned().collect();
        for name in names {
            self.devices.get_mut(&name).expect("a computer").fate = None;
            self.restart(&name)?;
            self.set_full(&name, false)?;
            self.devices.get_mut(&name).expect("a computer").online = Online::Stays;
            self.after(0, Event::Dial(name));
        }
        let from = self.clock;
        while self.clock - from < BOUND && self.unrest()?.is_some() {
            // Not when everybody looks around.
            self.pass(10_007)?;
        }
        Ok(())
    }
}

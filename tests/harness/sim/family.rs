//! Computers of one person come and go, and people leave: what is still promised of what was written there.

use alliance_core::{
    app::{AllianceState, AppError},
    keys::Invitation,
};
use alliance_replica::{
    id::{DeviceId, SpaceId},
    log::control::Reason,
};

use super::{
    Sim, Violation,
    device::{Online, own},
    network::Event,
    wal::DATABASE,
};

/// Computers, with copies, that a world has at most.
const MOST: usize = 8;

impl Sim {
    /// Somebody takes another computer of theirs into an alliance.
    pub(crate) fn computer_comes(&mut self) -> Result<(), Violation> {
        let Some((by, space)) = self.somebody_together()? else { return Ok(()) };
        let person = self.devices[&by].person.clone();
        let name = format!("{person}'s tablet");
        if name == by || !self.devices.contains_key(&name) && self.devices.len() >= MOST {
            return Ok(());
        }
        if !self.devices.contains_key(&name) {
            self.computer(&name, &person, "client");
        }
        let expires = self.unix().unsigned_abs() + 30 * 86_400;
        let made = self.call(&by, |profile, _, outside| {
            Ok::<_, AppError>(profile.invite_device(space, expires, outside)?.reveal())
        })?;
        let invitation = match made {
            None | Some(Err(AppError::Ended | AppError::NoRelay)) => return Ok(()),
            Some(Err(error)) => return self.app_failed(&by, &error),
            Some(Ok(text)) => Invitation::parse(&text).expect("an invitation"),
        };
        self.meet(&[&by])?;
        let joined = self.join(&name, &invitation)?;
        self.strike("computer comes", format!("{name}, by {by}, in {space}: {joined:?}"));
        for name in [by, name] {
            self.devices.get_mut(&name).expect("a computer").online = Online::Once;
            self.after(0, Event::Dial(name));
        }
        Ok(())
    }

    /// Somebody cuts off one of their other computers.
    pub(crate) fn computer_goes(&mut self) -> Result<(), Violation> {
        let Some((by, space)) = self.somebody_together()? else { return Ok(()) };
        let known = self.call(&by, |profile, _, _| profile.devices(space))?;
        let Some(Ok(known)) = known else { return Ok(()) };
        let me = known.iter().find(|it| it.this).map(|it| it.member);
        let others: Vec<_> =
            known.iter().filter(|it| !it.this && it.live && Some(it.member) == me).map(|it| it.device).collect();
        if others.is_empty() {
            return Ok(());
        }
        let device = *self.dice.pick(&others);
        match self.call(&by, |profile, _, _| profile.cut_device(space, device, Reason::Lost))? {
            Some(Err(error)) => return self.app_failed(&by, &error),
            _ => self.strike("computer cut", format!("{device} in {space}, by {by}")),
        }
        self.ends(space, |sim, name| sim.device_of(name, space) == Some(device), None);
        self.tell(&by);
        Ok(())
    }

    /// Somebody leaves an alliance.
    pub(crate) fn somebody_leaves(&mut self) -> Result<(), Violation> {
        let Some((by, space)) = self.somebody_together()? else { return Ok(()) };
        match self.call(&by, |profile, _, _| profile.leave(space))? {
            Some(Err(error)) => return self.app_failed(&by, &error),
            _ => self.strike("somebody leaves", format!("{space}, on {by}")),
        }
        let person = self.devices[&by].person.clone();
        self.ends(space, |sim, name| sim.devices[name].person == person, Some(&by));
        self.tell(&by);
        Ok(())
    }

    /// A computer that is in an alliance of two.
    fn somebody_together(&mut self) -> Result<Option<(String, SpaceId)>, Violation> {
        let name = self.anybody();
        let alliances = self.call(&name, |profile, _, _| profile.alliances())?;
        let Some(Ok(alliances)) = alliances else { return Ok(None) };
        let together = alliances.iter().filter(|it| it.state == AllianceState::Together);
        let spaces: Vec<_> = together
            .map(|it| it.space)
            .filter(|space| self.spaces.contains(space) && !self.is_outlaw(&name, *space))
            .collect();
        Ok((!spaces.is_empty()).then(|| (name, *self.dice.pick(&spaces))))
    }

    /// What these computers write in a space from now on, or what the relay had not from them, nobody promises to keep;
    /// on one of them all stays that is written by now.
    pub(crate) fn ends(&mut self, space: SpaceId, is_meant: impl Fn(&Self, &str) -> bool, last: Option<&str>) {
        let meant: Vec<_> = self.devices.keys().filter(|name| is_meant(self, name)).cloned().collect();
        for name in meant {
            let sealed = self.devices[&name].sealed.get(&space).copied().unwrap_or(0);
            let until = if last == Some(&*name) { self.clock } else { sealed };
            let safe = self.safe.entry((name, space)).or_insert(until);
            *safe = until.min(*safe);
        }
    }

    /// A session learns that another program of its computer, or a person, decided something.
    pub(crate) fn tell(&mut self, name: &str) {
        if let Some((_, session)) = &mut self.devices.get_mut(name).expect("a computer").session {
            session.local_change();
            self.rouse(name);
        }
    }

    /// What a computer is called in a space.
    pub(crate) fn device_of(&self, name: &str, space: SpaceId) -> Option<DeviceId> {
        let device = own(&self.devices[name].folder().join(DATABASE), space, "device")?;
        DeviceId::from_slice(&device)
    }
}

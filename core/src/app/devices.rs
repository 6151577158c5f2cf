//! Computers of one person: another one is invited, one is cut off; and a person leaves.
//!
//! What is decided here is written into the log by the seal gate, after pulling: nobody's log is written while others may
//! know more of it.

use alliance_replica::{
    id::{DeviceId, MemberId, SpaceId},
    log::{
        control::{Purpose, Reason},
        membership::Role,
    },
};

use super::{AppError, Profile, World, receive::loaded};
use crate::{keys::Invitation, store::Ending};

/// A computer of a member of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its name there.
    pub device: DeviceId,
    /// Whose it is.
    pub member: MemberId,
    /// True if it is this one.
    pub this: bool,
    /// False once it was cut off, or its member left.
    pub live: bool,
}

/// A key that is or was in a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyIn {
    /// The space.
    pub space: SpaceId,
    /// The key's name there.
    pub device: DeviceId,
    /// True if it is one of this person.
    pub mine: bool,
    /// What it belongs to.
    pub of: KeyOf,
}

/// What a key belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyOf {
    /// A computer, also one that goes on under another key.
    Computer,
    /// Recovery words.
    Words,
    /// An invitation.
    Invitation,
}

impl Profile {
    /// Makes an invitation for another computer of the same person. It works once this profile has synced.
    pub fn invite_device(
        &mut self,
        space: SpaceId,
        expires: u64,
        world: &mut World<'_>,
    ) -> Result<Invitation, AppError> {
        self.offer(space, Purpose::OwnDevice, expires, world)
    }

    /// All computers that are or were in a space.
    pub fn devices(&mut self, space: SpaceId) -> Result<Vec<Device>, AppError> {
        let loaded = self.space(&space)?;
        let fold = loaded.log.fold();
        let words = loaded.words();
        let is_computer = |device, role| role == Role::Ordinary && !words.contains(device);
        let ordinary = fold.devices().filter(|(device, state)| is_computer(*device, state.role));
        let read = |(device, state): (&DeviceId, &alliance_replica::log::membership::DeviceState)| Device {
            device: *device,
            member: state.member,
            this: *device == loaded.device(),
            live: state.live,
        };
        Ok(ordinary.map(read).collect())
    }

    /// The space of what is only this person's.
    pub fn private_space(&mut self) -> Result<SpaceId, AppError> {
        Ok(self.personal()?.space)
    }

    /// All keys that are or were in one of the spaces.
    pub fn keys(&mut self) -> Result<Vec<KeyIn>, AppError> {
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            let mut keys = Vec::new();
            for row in tx.spaces()? {
                let space = loaded(spaces, tx, &row.space)?;
                let (fold, words) = (space.log.fold(), space.words());
                keys.extend(fold.devices().map(|(device, it)| {
                    let of = match it.role {
                        Role::Invite => KeyOf::Invitation,
                        _ if words.contains(device) => KeyOf::Words,
                        _ => KeyOf::Computer,
                    };
                    KeyIn { space: row.space, device: *device, mine: it.member == row.member, of }
                }));
            }
            Ok(keys)
        })
    }

    /// Cuts off another computer of one's own, with the next exchange. What it wrote and nobody has seen by then does not
    /// count any more.
    pub fn cut_device(&mut self, space: SpaceId, device: DeviceId, reason: Reason) -> Result<(), AppError> {
        let known = self.devices(space)?;
        let me = known.iter().find(|it| it.this).map(|it| it.member);
        if !known.iter().any(|it| it.device == device && !it.this && Some(it.member) == me) {
            return Err(AppError::NotYourDevice);
        }
        self.decide(space, device, Some(reason))
    }

    /// Leaves an alliance, with the next exchange; both keep what they have.
    pub fn leave(&mut self, space: SpaceId) -> Result<(), AppError> {
        self.store.read(|tx| super::profile::check_open(tx, &space))?;
        let me = self.space(&space)?.device();
        self.decide(space, me, None)
    }

    /// True while the relay cannot know yet that one leaves.
    pub fn is_leaving(&mut self, space: SpaceId) -> Result<bool, AppError> {
        self.store.read(|tx| Ok(tx.endings(&space)?.iter().any(|it| it.reason.is_none())))
    }

    fn decide(&mut self, space: SpaceId, device: DeviceId, reason: Option<Reason>) -> Result<(), AppError> {
        let Self { store, spaces, .. } = self;
        store.write::<_, AppError>(|tx| {
            tx.insert_ending(&space, &Ending { device, reason })?;
            loaded(spaces, tx, &space)?.store_row(tx)
        })
    }
}

//! What ends: invitations that ran out or are too many, computers that are cut off, and a person's part in an alliance.

use alliance_replica::{
    id::DeviceId,
    log::control::{AddedRole, Cut, Leave, Purpose, Reason, Record},
    planted::{self, Bug},
};

use super::{
    super::{
        AppError,
        computers::{open_doors, renewal_key, to_cut},
    },
    Came, Gate, has_redemption,
};
use crate::keys::DeviceSecret;

impl Gate<'_, '_, '_> {
    /// Ends what is to end: invitations that ran out or are too many, and computers, once everything of theirs is here.
    pub(super) fn end(&mut self, came: Came) -> Result<(), AppError> {
        self.expire()?;
        self.withdraw()?;
        // What is here by then is kept.
        if came.is_whole() { self.cut() } else { Ok(()) }
    }

    /// Ends the invitations that ran out before anybody took them up.
    fn expire(&mut self) -> Result<(), AppError> {
        let now = u64::try_from(self.world.now).unwrap_or(0);
        let written = self.tx.invitations(&self.space.id())?.into_iter().filter(|it| it.mine && it.written);
        for invited in written.filter(|it| it.expires < now) {
            let fold = self.space.log.fold();
            if !fold.invitations().iter().any(|it| has_redemption(it, &invited)) {
                self.record(Record::Cut(Cut { device: invited.device, reason: Reason::Expired }))?;
                self.tx.remove_invitation(&self.space.id(), &invited.device)?;
            }
        }
        Ok(())
    }

    /// Ends every other invitation of this device for the other person once they are in: its link must open nothing. The
    /// secret of what was confirmed on a copy of this profile goes, too.
    pub(super) fn withdraw(&mut self) -> Result<(), AppError> {
        let fold = self.space.log.fold();
        let confirmed = |key: &DeviceId| {
            fold.invitations().iter().any(|it| it.invite.key.device == *key && !it.confirmations.is_empty())
        };
        for invited in self.tx.invitations(&self.space.id())?.into_iter().filter(|it| it.mine) {
            let full = invited.purpose == Purpose::Member && fold.other_member().is_some();
            if full && fold.device(&invited.device).is_some_and(|it| it.live) {
                self.record(Record::Cut(Cut { device: invited.device, reason: Reason::Withdrawn }))?;
            }
            if full || confirmed(&invited.device) {
                self.tx.remove_invitation(&self.space.id(), &invited.device)?;
            }
        }
        Ok(())
    }

    /// Cuts the devices of this person that are to end.
    fn cut(&mut self) -> Result<(), AppError> {
        let space = self.space.id();
        for ending in self.tx.endings(&space)? {
            let Some(reason) = ending.reason else { continue };
            let ends = to_cut(self.space, &ending.device, reason);
            for device in &ends {
                self.record(Record::Cut(Cut { device: *device, reason }))?;
            }
            match reason {
                Reason::Withdrawn => self.tx.remove_invitation(&space, &ending.device)?,
                _ if ends.is_empty() => {}
                _ => self.close_doors()?,
            }
            self.tx.remove_ending(&space, &ending.device)?;
        }
        Ok(())
    }

    /// Ends every invitation for another computer of this person that is open: whoever has the computer that was cut may
    /// know its secret.
    fn close_doors(&mut self) -> Result<(), AppError> {
        let space = self.space.id();
        for device in open_doors(self.space) {
            self.record(Record::Cut(Cut { device, reason: Reason::Withdrawn }))?;
            self.tx.remove_invitation(&space, &device)?;
        }
        Ok(())
    }

    /// True while the person wants a fresh key for this device.
    pub(super) fn is_renewing(&mut self) -> Result<bool, AppError> {
        let wished = self.tx.meta(&renewal_key(&self.space.id()))?;
        Ok(wished.is_some_and(|wished| wished == self.space.device().as_bytes()))
    }

    /// Goes on under a fresh key, if the person wants to: the old one adds it, and it cuts the old one off. Changes keep
    /// their authors, and what waits is sealed by the new key.
    pub(super) fn renew(&mut self) -> Result<(), AppError> {
        let (space, old) = (self.space.id(), self.space.device());
        if !self.is_renewing()? {
            return Ok(());
        }
        // A copy knows them all.
        self.close_doors()?;
        // Nobody but who made an invitation confirms it.
        let mine: Vec<_> = self.tx.invitations(&space)?.into_iter().filter(|it| it.mine && it.written).collect();
        for invited in mine {
            if self.space.log.fold().device(&invited.device).is_some_and(|it| it.live) {
                self.record(Record::Cut(Cut { device: invited.device, reason: Reason::Withdrawn }))?;
            }
            self.tx.remove_invitation(&space, &invited.device)?;
        }
        let new = DeviceSecret::generate(self.world.rng);
        let renews = (!planted::is(Bug::RenewsNothing)).then_some(old);
        let added = new.added(&space, &self.space.row.member, AddedRole::Ordinary, renews);
        self.record(Record::AddDevice(added))?;
        self.space.become_device(self.tx, new)?;
        if !planted::is(Bug::RenewedKeyLives) {
            self.record(Record::Cut(Cut { device: old, reason: Reason::Renewed }))?;
        }
        Ok(())
    }

    /// Leaves, if the person wants to, once all is sealed that they wrote.
    pub(super) fn leave(&mut self) -> Result<(), AppError> {
        let (space, me) = (self.space.id(), self.space.device());
        if self.tx.endings(&space)?.iter().any(|ending| ending.reason.is_none()) {
            self.record(Record::Leave(Leave {}))?;
            self.tx.remove_ending(&space, &me)?;
        }
        Ok(())
    }
}

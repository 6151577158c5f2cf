//! What a computer that is out had not sent, and a backup kept: this one goes on with it.

use alliance_replica::log::control::{AddDevice, AddedRole, Record};

use super::{
    super::{AppError, backup},
    Gate,
};

impl Gate<'_, '_, '_> {
    /// Takes over the work of computers that were cut off, as far as it is kept aside here and all that it builds on is
    /// there: this device says that it goes on in their place, and what they had not sent waits with its own changes.
    pub(super) fn take_over_work(&mut self) -> Result<(), AppError> {
        let id = self.space.id();
        for device in self.tx.aside_devices(&id)? {
            backup::tidy(self.tx, self.space, self.documents, &device)?;
            let me = self.space.device();
            let is_own = device == me || self.space.log.fold().lineage(&me).contains(&device);
            if !is_own {
                let comes = backup::is_gone(self.space, &device)
                    && backup::could_enter(self.tx, self.space, self.documents, &device)?;
                let keys = self.space.secret.keys();
                let consent = keys.consent(self.space.secret.signing(), &id, &self.space.row.member);
                let again = AddDevice { device: keys, role: AddedRole::Ordinary, renews: Some(device), consent };
                let again = Record::AddDevice(again);
                // Where there is no room for it, it stays aside.
                if !comes || !self.space.log.may_append(&me, &again) {
                    continue;
                }
                self.record(again)?;
            }
            backup::enter(self.tx, self.space, self.documents, &device)?;
        }
        Ok(())
    }
}

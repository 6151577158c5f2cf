//! What a computer that is out had not sent, and a backup kept: this one goes on with it.

use super::{
    super::{AppError, backup},
    Gate,
};

impl Gate<'_, '_, '_> {
    /// Takes over the work of computers that were cut off, as far as it is kept aside here and all that it builds on is
    /// there.
    pub(super) fn take_over_work(&mut self) -> Result<(), AppError> {
        let written = backup::take_over(self.tx, self.space, self.documents)?;
        self.control.extend(written);
        Ok(())
    }
}

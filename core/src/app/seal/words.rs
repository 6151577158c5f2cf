//! New recovery words: their key becomes one of this person's, with the next exchange.

use alliance_replica::log::control::Record;

use super::Gate;
use crate::app::{AppError, words};

impl Gate<'_, '_, '_> {
    /// Writes the record of new recovery words that were made while nobody could be asked.
    pub(super) fn add_words(&mut self) -> Result<(), AppError> {
        let space = self.space.id();
        let Some(add) = words::queued(self.tx, &space)? else { return Ok(()) };
        if self.space.log.fold().device(&add.device.device).is_none() {
            self.record(Record::AddDevice(add))?;
        }
        words::dequeue(self.tx, &space)
    }
}

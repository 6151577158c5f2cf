//! What people do about what they may lose: backups, which some computer of theirs takes in at some time; late work of a
//! computer that was cut off, which they take in after all; new words.

use alliance_core::{
    app::{AppError, BackupError},
    keys::{Words, backup::Error},
};

use super::{Sim, Violation};

/// Backups that lie about.
const BACKUPS: usize = 4;

impl Sim {
    /// Any computer, unless it is one that is being brought back.
    fn somebody(&mut self) -> Option<String> {
        let name = self.anybody();
        (!self.devices[&name].restoring).then_some(name)
    }

    /// Somebody makes a backup.
    pub(crate) fn backs_up(&mut self) -> Result<(), Violation> {
        let Some(by) = self.somebody() else { return Ok(()) };
        let bytes = match self.call(&by, |profile, _, outside| profile.back_up(Vec::new(), outside))? {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok((bytes, _))) => bytes,
        };
        self.strike("backup made", by.clone());
        let person = self.devices[&by].person.clone();
        if self.backups.len() == BACKUPS {
            self.backups.remove(0);
        }
        self.backups.push((person, bytes));
        Ok(())
    }

    /// Somebody takes a backup of theirs in, on any computer.
    pub(crate) fn takes_backup_in(&mut self) -> Result<(), Violation> {
        let Some(by) = self.somebody() else { return Ok(()) };
        let theirs = self.backups.iter().filter(|(person, _)| *person == self.devices[&by].person);
        let theirs: Vec<_> = theirs.map(|(_, bytes)| bytes.clone()).collect();
        if theirs.is_empty() {
            return self.backs_up();
        }
        let bytes = self.dice.pick(&theirs).clone();
        let taken = self.call(&by, |profile, _, outside| {
            let backup = profile.check_backup(bytes.as_slice(), None)?;
            let merged = profile.merge_backup(backup, bytes.as_slice(), None, outside)?;
            Ok::<_, AppError>(merged.new.into_values().sum::<u64>())
        })?;
        match taken {
            None => return Ok(()),
            // It was made while this computer was not in, or is of somebody's with the same name.
            Some(Err(AppError::Backup(BackupError::File(Error::NotYours) | BackupError::OtherPerson))) => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok(new)) => self.strike("backup restored", format!("{by}: {new} entries")),
        }
        self.tell(&by);
        Ok(())
    }

    /// Somebody takes in what a computer of theirs wrote that was cut off.
    pub(crate) fn takes_late(&mut self) -> Result<(), Violation> {
        let Some(by) = self.somebody() else { return Ok(()) };
        let late = match self.call(&by, |profile, _, _| profile.late())? {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok(late)) if late.is_empty() => return Ok(()),
            Some(Ok(late)) => late,
        };
        let late = self.dice.pick(&late).clone();
        match self.call(&by, |profile, _, outside| profile.take_late(&late, outside))? {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok(taken)) => self.strike("late work taken", format!("{by}: {} things", taken.things.len())),
        }
        self.tell(&by);
        Ok(())
    }

    /// Somebody makes new words; who comes back does so by the first ones, which end these.
    pub(crate) fn makes_words(&mut self) -> Result<(), Violation> {
        let Some(by) = self.somebody() else { return Ok(()) };
        let words = Words::generate(self.dice.rng());
        match self.call(&by, |profile, _, outside| profile.replace_words(&words, outside))? {
            None => return Ok(()),
            Some(Err(error)) => return self.cannot(&by, error),
            Some(Ok(())) => self.strike("new words", by.clone()),
        }
        self.tell(&by);
        Ok(())
    }
}

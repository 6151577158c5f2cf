//! One endpoint a profile on one computer: whoever has it holds a lock on a file beside the profile's.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
};

use super::PeerError;

/// The right to have the endpoint of a profile. The system takes it back when the program ends, however it does.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Lock {
    /// Takes the lock of the profile whose file is at `profile`; `what` tells others who has it.
    pub fn take(profile: &Path, what: &str) -> Result<Self, PeerError> {
        let path = profile.with_extension("endpoint");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(PeerError::Lock)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut what = String::new();
                // Whoever has it writes this just after; where nothing can be read it is another one all the same.
                let _ = file.read_to_string(&mut what);
                let what = if what.is_empty() { "another `alliance`".to_owned() } else { what };
                return Err(PeerError::Held { what });
            }
            Err(TryLockError::Error(error)) => return Err(PeerError::Lock(error)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(what.as_bytes())
        };
        write(&mut file).map_err(PeerError::Lock)?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_it_until_the_first_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let profile = folder.path().join("profile.db");
        let first = Lock::take(&profile, "`alliance sync --watch`").expect("nobody has it");
        let second = Lock::take(&profile, "`alliance peer ticket`").expect_err("somebody has it");
        assert_eq!(
            second.to_string(),
            "`alliance sync --watch` of this profile is running, and answers other computers"
        );
        drop(first);
        Lock::take(&profile, "`alliance peer ticket`").expect("nobody has it any more");
    }
}

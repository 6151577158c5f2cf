//! The folder of a profile and the disk under it.

use std::{io::Write as _, path::Path};

use alliance_core::store::StoreError;

use super::Finding;
use crate::error::CliError;

/// Bytes that should be free, and those without which nothing can be promised.
const LITTLE: u64 = 256 * 1024 * 1024;
const TOO_LITTLE: u64 = 16 * 1024 * 1024;

/// Whether anybody else on this computer could read the profile.
pub(super) fn folder(file: &Path) -> Finding {
    let folder = file.parent().unwrap_or(file);
    match open_to_others(folder, file) {
        Err(source) => Finding::error("folder", &CliError::Folder { path: folder.to_owned(), source }),
        Ok(false) => Finding::ok("folder", "only you can read it"),
        Ok(true) => Finding::fail(
            "folder",
            "others on this computer can read the profile, with its keys",
            &format!("`chmod -R go= '{}'`", folder.display()),
        ),
    }
}

/// Whether the profile can be written, and how much more there is room for.
pub(super) fn disk(file: &Path, unwritten: Option<&StoreError>) -> Finding {
    let folder = file.parent().unwrap_or(file);
    let free = free(folder);
    // A file that goes away by itself, in case the profile could not even be opened.
    let tried =
        tempfile::tempfile_in(folder).and_then(|mut file| file.write_all(&[0; 4096]).and_then(|()| file.sync_all()));
    if let Some(code) = unwritten.map(code).or(tried.err().map(|_| "disk")) {
        let unwritten = Finding::fail("disk", "the profile cannot be written", "see whether the disk may be written");
        return match free {
            Some(free) if free < TOO_LITTLE => room(free),
            _ => Finding { code: Some(code), ..unwritten },
        };
    }
    free.map_or_else(|| Finding::ok("disk", "it can be written"), room)
}

fn code(error: &StoreError) -> &'static str {
    match error {
        StoreError::Busy(_) => "busy",
        StoreError::Damaged { .. } => "damaged",
        StoreError::Disk(_) => "disk",
        _ => "store",
    }
}

fn room(free: u64) -> Finding {
    let said = format!("{} MiB are free", free / (1024 * 1024));
    let help = "make room: what cannot be written is not taken, neither from you nor from the relay";
    match free {
        ..TOO_LITTLE => Finding { code: Some("disk"), ..Finding::fail("disk", said, help) },
        TOO_LITTLE..LITTLE => Finding::warn("disk", said, help),
        LITTLE.. => Finding::ok("disk", "it can be written and has room"),
    }
}

#[cfg(unix)]
fn open_to_others(folder: &Path, file: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let open = |path: &Path| std::fs::metadata(path).map(|it| it.permissions().mode() & 0o077 != 0);
    // Nobody gets to a file in a folder that they may not enter.
    Ok(open(folder)? && open(file)?)
}

#[cfg(not(unix))]
fn open_to_others(folder: &Path, _: &Path) -> std::io::Result<bool> {
    std::fs::metadata(folder).map(|_| false)
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn a_disk_that_is_nearly_full_is_told_in_time() {
        let state = |free| room(free).state;
        assert_eq!(state(0), State::Fail);
        assert_eq!(state(TOO_LITTLE), State::Warn);
        assert_eq!(state(LITTLE), State::Ok);
        assert!(free(Path::new("/")).is_some_and(|free| free > 0));
    }
}

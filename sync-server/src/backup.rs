//! Copies of everything that a relay keeps, its key included, and the check of a folder or a copy.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::{
    admin,
    error::Error,
    store::{Admin, Report, StoreError},
};

/// Writes everything as it is at one moment into a new file that only its owner can read. It is on disk, whole, when this
/// returns, or the file is not there. Returns what to say.
pub fn write(data: &Path, file: &Path) -> Result<String, Error> {
    let admin = admin::open(data)?;
    if file.symlink_metadata().is_ok() {
        return Err(Error::Exists(file.to_owned()));
    }
    let mut part = OsString::from(file);
    part.push(".part");
    let part = PathBuf::from(part);
    let written = copy(&admin, &part, file);
    if written.is_err() {
        // What is there is of no use; if it cannot go, the next copy tries again.
        _ = fs::remove_file(&part);
    }
    let bytes = written?;
    Ok(format!(
        "{0} holds what was kept, the relay's key included: {bytes} bytes. `alliance-relay check {0}` says whether it is whole",
        file.display()
    ))
}

fn copy(admin: &Admin, part: &Path, file: &Path) -> Result<u64, Error> {
    let failed = |source| Error::Backup { path: file.to_owned(), source };
    match fs::remove_file(part) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(failed(problem)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let target = options.open(part).map_err(failed)?;
    let no_text = || failed(io::Error::new(io::ErrorKind::InvalidFilename, "the name is no text"));
    match admin.copy_to(part.to_str().ok_or_else(no_text)?) {
        Err(StoreError::Target(problem)) => return Err(failed(io::Error::other(problem))),
        copied => copied?,
    }
    target.sync_all().map_err(failed)?;
    let bytes = target.metadata().map_err(failed)?.len();
    fs::rename(part, file).map_err(failed)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(bytes)
}

/// Verifies a folder. Returns what to say if all is right.
pub fn check(data: &Path) -> Result<String, Error> {
    verify(admin::open(data)?)
}

/// Verifies a copy, for which no folder is needed. Returns what to say if all is right.
pub fn check_copy(file: &Path) -> Result<String, Error> {
    verify(admin::open_copy(file)?)
}

fn verify(mut admin: Admin) -> Result<String, Error> {
    let report = admin.verify()?;
    let count = report.count();
    let Report { spaces, entries, problems, more } = report;
    if problems.is_empty() {
        return Ok(format!("all is right: {entries} entries of {spaces} spaces, and the relay's key"));
    }
    let things = if count == 1 { "thing is" } else { "things are" };
    let mut text = format!("{count} {things} wrong; {entries} entries are right");
    problems.iter().for_each(|problem| text += &format!("\n  {problem}"));
    if more > 0 {
        text += &format!("\n  and {more} more");
    }
    Err(Error::Damaged(text))
}

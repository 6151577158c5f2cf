//! `alliance backup create`: beside first, then in its place, on disk when it says so.

use std::{
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use alliance_core::app::{Backup, Profile};
use serde::Serialize;

use super::{Context, Looked, looked};
use crate::{command::Answer, config::sync_folder_of, env::Outside, error::CliError};

/// A backup that was made.
#[derive(Serialize, Debug)]
#[serde(transparent)]
pub struct Made(pub Looked);

pub(super) fn run(file: PathBuf, force: bool, context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let found = write(&file, force, &mut profile, &mut context.outside())?;
    Ok(Answer::BackedUp(Made(looked(file, found, Some(&mut profile), context)?)))
}

/// Writes a backup, readable by its owner only; a file that is there is replaced only if that is wished.
pub(super) fn write(
    file: &Path,
    force: bool,
    profile: &mut Profile,
    outside: &mut Outside<'_>,
) -> Result<Backup, CliError> {
    let failed = |source| CliError::BackupFile { path: file.to_owned(), source };
    if !force && file.symlink_metadata().is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new().prefix(".alliance-backup-").tempfile_in(folder).map_err(failed)?;
    let (into, made) = profile.back_up(BufWriter::new(draft), &mut outside.world())?;
    let draft = into.into_inner().map_err(|error| failed(error.into_error()))?;
    draft.as_file().sync_all().map_err(failed)?;
    let placed = if force { draft.persist(file) } else { draft.persist_noclobber(file) };
    placed.map_err(|error| failed(error.error))?;
    sync_folder_of(file);
    Ok(made)
}

//! `alliance backup`: one file with everything, that your words or your computers open.

mod create;
mod restore;

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    time::Duration,
};

use alliance_core::{
    app::{Aside, AsideState, BackedUp, Backup as Found, Drilled, Profile},
    keys::Words,
};
use clap::{Args, Subcommand};
use serde::Serialize;

pub use create::Made;
pub use restore::{Merged, Restore, RestoredFrom};

use super::{Answer, Context, recovery};
use crate::{env::Moment, error::CliError};

/// How the folders begin in which drills restore.
const DRILL: &str = ".drill-";

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub struct Backup {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Write everything that is here into one file
    ///
    /// Your own things and every alliance, also what was not sent yet. The file is sealed: your 24 words open it, or one of
    /// your computers. No key of this computer is in it.
    Create {
        /// The new file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace a file of that name
        #[arg(long)]
        force: bool,
    },
    /// Look whether a backup is whole, and what in it is here
    Verify {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Open it with your 24 words, asked for or read from standard input
        #[arg(long)]
        words: bool,
    },
    /// Bring back what is in a backup
    ///
    /// Where there is a profile, it gets what it lacks: nothing that is here is lost or replaced. On a computer that has
    /// nothing it asks for your 24 words, or reads them from standard input, takes everything from the file, then what the
    /// relays have; your other computers are cut off as lost, unless you say otherwise. With --offline it asks no relay: what
    /// others wrote since is not there yet, and no computer is cut off.
    Restore(Restore),
    /// See whether everything that is here would come back
    ///
    /// Makes a backup, or takes the one that is named, restores it into a folder of its own, compares, and takes the folder
    /// away again. Nothing is sent.
    Drill {
        /// The backup [default: one that is made now]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Open it with your 24 words, as on a computer that has nothing
        #[arg(long)]
        words: bool,
    },
}

/// What a backup holds, and what of it is here.
#[derive(Serialize, Debug)]
pub struct Looked {
    /// The file.
    pub file: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Whose it is.
    pub name: String,
    /// Their role.
    pub role: String,
    /// The computer that made it; empty if it has no name.
    pub computer: String,
    /// When, on its clock.
    pub made: Moment,
    /// A row a space, one's own last.
    pub spaces: Vec<Space>,
    /// What of other computers is kept aside here: it is in no backup that is made here.
    pub aside: Vec<Kept>,
}

/// What a backup holds of a space.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Space {
    /// The space, in hexadecimal.
    pub id: String,
    /// What it is called here; empty if it is not here.
    pub title: String,
    /// True if it is one's own, private space.
    pub personal: bool,
    /// True if it is here.
    pub here: bool,
    /// Sealed entries in the file.
    pub entries: u64,
    /// Those that are not here.
    pub more: u64,
    /// Entries that are here and not in the file.
    pub lacks: u64,
    /// Things not sent yet that are here, and of which not all is in the file.
    pub lacks_unsent: u64,
    /// Things of which something had not been sent.
    pub unsent: u64,
    /// Those of them of which that is not here, and is not kept aside here either.
    pub unsent_more: u64,
    /// True if the computer that made the backup may still send them.
    #[serde(skip)]
    pub lives: bool,
}

impl From<BackedUp> for Space {
    fn from(it: BackedUp) -> Self {
        let BackedUp { space, title, personal, here, entries, more, lacks, lacks_unsent, .. } = it;
        let BackedUp { unsent, unsent_more, lives, .. } = it;
        let id = space.to_string();
        Self { id, title, personal, here, entries, more, lacks, lacks_unsent, unsent, unsent_more, lives }
    }
}

/// What of another computer is kept aside.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The space, in hexadecimal.
    pub space: String,
    /// How the computer is called; empty if nobody said.
    pub computer: String,
    /// What stands for it in commands.
    pub id: String,
    /// Things that were changed.
    pub things: u64,
    /// `cut` while it waits for the computer to be cut off, `sync` if it comes in with the next sync, `more` if what it
    /// builds on is not here.
    pub waits_for: &'static str,
}

impl From<Aside> for Kept {
    fn from(it: Aside) -> Self {
        let Aside { space, id, computer, things, state, .. } = it;
        let waits_for = match state {
            AsideState::Lives => "cut",
            AsideState::Next => "sync",
            AsideState::Lacks => "more",
        };
        Self { space: space.to_string(), computer, id, things, waits_for }
    }
}

/// Whether everything would come back.
#[derive(Serialize, Debug)]
pub struct Tried {
    /// The backup; none if it was made for this.
    pub file: Option<PathBuf>,
    /// True if everything would.
    pub whole: bool,
    /// True if all that people wrote would, though entries about keys or computers would not.
    pub written: bool,
    /// A row a space, one's own last.
    pub spaces: Vec<Row>,
    /// What of other computers is kept aside here, and would not come back by it.
    pub aside: Vec<Kept>,
}

/// What of a space would come back.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// True if it is one's own, private space.
    pub personal: bool,
    /// True if all of it would.
    pub whole: bool,
    /// True if all that people wrote would.
    pub written: bool,
    /// Sealed entries that are here.
    pub entries: u64,
    /// Those that would not come back.
    pub entries_lost: u64,
    /// Things that are here.
    pub things: u64,
    /// Those that would not come back as they are.
    pub things_lost: u64,
    /// Things of which something was not sent yet.
    pub unsent: u64,
    /// Those of which that would not come back.
    pub unsent_lost: u64,
}

impl From<Drilled> for Row {
    fn from(it: Drilled) -> Self {
        let (whole, written) = (it.is_whole(), it.is_written());
        let Drilled { space, title, personal, entries, entries_lost, things, things_lost, unsent, unsent_lost, .. } =
            it;
        let id = space.to_string();
        Self { id, title, personal, whole, written, entries, entries_lost, things, things_lost, unsent, unsent_lost }
    }
}

impl Backup {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb {
            Verb::Create { file, force } => create::run(file, force, context),
            Verb::Verify { file, words } => verify(file, words, context),
            Verb::Restore(restore) => restore.run(context),
            Verb::Drill { file, words } => drill(file, words, context),
        }
    }
}

fn verify(file: PathBuf, words: bool, context: &Context<'_>) -> Result<Answer, CliError> {
    let (home, name) = context.home()?;
    let mut profile = if home.holds(&name) { Some(context.profile()?) } else { None };
    let words = (words || profile.is_none()).then(|| recovery::read(context.ui)).transpose()?;
    let found = look(&file, profile.as_mut(), words.as_ref())?;
    Ok(Answer::BackupLooked(looked(file, found, profile.as_mut(), context)?))
}

/// Looks at all of a backup.
fn look(file: &Path, profile: Option<&mut Profile>, words: Option<&Words>) -> Result<Found, CliError> {
    let from = open(file)?;
    Ok(match (profile, words) {
        (Some(profile), words) => profile.check_backup(from, words)?,
        (None, Some(words)) => Found::check(from, words)?,
        (None, None) => return Err(CliError::Cancelled),
    })
}

fn looked(
    file: PathBuf,
    found: Found,
    profile: Option<&mut Profile>,
    context: &Context<'_>,
) -> Result<Looked, CliError> {
    let size = size(&file)?;
    let Found { name, role, computer, made, mut spaces } = found;
    spaces.sort_by_key(|it| it.personal);
    let spaces = spaces.into_iter().map(Space::from).collect();
    let aside = profile.map(aside).transpose()?.unwrap_or_default();
    Ok(Looked { file, size, name, role, computer, made: context.env.moment(made)?, spaces, aside })
}

fn drill(file: Option<PathBuf>, words: bool, context: &Context<'_>) -> Result<Answer, CliError> {
    let mut profile = context.profile()?;
    let words = words.then(|| recovery::read(context.ui)).transpose()?;
    let (home, name) = context.home()?;
    // Beside the profile, which is readable by its owner only, and where there is room for as much again.
    let folder = home.file(&name).with_file_name("");
    clear_drills(&folder);
    let scratch = tempfile::Builder::new().prefix(DRILL).tempdir_in(&folder);
    let scratch = scratch.map_err(|source| CliError::Folder { path: folder.clone(), source })?;
    let mut outside = context.outside();
    let from = match &file {
        Some(file) => file.clone(),
        None => {
            let made = scratch.path().join("backup");
            create::write(&made, false, &mut profile, &mut outside)?;
            made
        }
    };
    look(&from, Some(&mut profile), words.as_ref())?;
    let restored = scratch.path().join("profile.db");
    let spaces = profile.drill(open(&from)?, &restored, words.as_ref(), &mut outside.world())?;
    let spaces: Vec<_> = spaces.into_iter().map(Row::from).collect();
    let (whole, aside) = (spaces.iter().all(|it| it.whole), aside(&mut profile)?);
    let written = spaces.iter().all(|it| it.written);
    Ok(Answer::Drilled(Tried { file, whole, written, spaces, aside }))
}

/// Takes away what drills left behind that were killed. Those of today may still be going on.
fn clear_drills(folder: &Path) {
    let is_old = |entry: &fs::DirEntry| {
        let changed = entry.metadata().and_then(|it| it.modified()).ok();
        changed.and_then(|it| it.elapsed().ok()).is_some_and(|age| age > Duration::from_hours(24))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(DRILL) && is_old(&entry) {
            _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// What is kept aside, for whoever asks how things stand.
pub fn aside(profile: &mut Profile) -> Result<Vec<Kept>, CliError> {
    Ok(profile.aside()?.into_iter().map(Kept::from).collect())
}

fn open(file: &Path) -> Result<BufReader<File>, CliError> {
    let opened = File::open(file).map_err(|source| CliError::BackupFile { path: file.to_owned(), source })?;
    Ok(BufReader::new(opened))
}

fn size(file: &Path) -> Result<u64, CliError> {
    let size = std::fs::metadata(file).map(|it| it.len());
    size.map_err(|source| CliError::BackupFile { path: file.to_owned(), source })
}

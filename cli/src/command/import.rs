//! `alliance import`: what was exported comes back, as new items, in a new alliance and among what is one's own.
//!
//! Everything is read before anything is written. Nobody writes in another's name: what the other person wrote comes back as
//! a quotation (ADR 0021).

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use alliance_core::{
    app::{self, AppError, Imported, Profile},
    domain::written,
};
use clap::Args;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Answer, Context,
    export::{MANIFEST, Manifest, WRITTEN, Written},
};
use crate::{
    args,
    error::{CliError, Exit},
    render,
};

/// The version of exports that is read.
const VERSION: u32 = 1;
/// Digits of an item's id.
const ID: usize = 32;

/// Arguments of `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// A folder that `alliance export` wrote, or one of the folders in it
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// What the new alliance is called [default: as it was]
    #[arg(long, value_name = "TITLE", value_parser = args::words)]
    title: Option<String>,
}

/// What was brought back of an alliance, or of what is private.
#[derive(Serialize, Debug)]
pub struct Brought {
    /// The new alliance's space, in hexadecimal; `private` for what is private.
    pub id: String,
    /// What it is called; none of what is private.
    pub title: Option<String>,
    /// Items that are as they were.
    pub items: usize,
    /// Notes and comments that quote somebody.
    pub quoted: usize,
    /// Private items that are here already, word for word.
    pub there: usize,
    /// The person who is quoted.
    #[serde(skip)]
    pub other: Option<String>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Nothing in the folder says that it is an export.
    #[error("{} is no folder that `alliance export` wrote", path.display())]
    NotAnExport {
        /// The folder.
        path: PathBuf,
    },
    /// A file is missing, or cannot be understood.
    #[error("{} cannot be read, so nothing was imported", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// What is said there breaks a rule.
    #[error("the export in {} says what cannot be, so nothing was imported", path.display())]
    Impossible {
        /// The folder.
        path: PathBuf,
        /// What.
        #[source]
        source: Box<AppError>,
    },
    /// A later program wrote it.
    #[error("{} was written by a later version of this program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// It is here already, or something else is called so.
    #[error("there is an alliance called “{title}” here already, so nothing was imported")]
    There {
        /// The title.
        title: String,
        /// The folder of that alliance.
        path: PathBuf,
    },
    /// One title and not one alliance.
    #[error("--title names one alliance, and {} holds {count}", path.display())]
    NotOne {
        /// The folder.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
}

impl ImportError {
    /// Name for programs, how the program ends, and what helps.
    pub fn advice(&self) -> (&'static str, Exit, Option<String>) {
        let (code, exit, hint) = match self {
            Self::NotAnExport { .. } => (
                "not_an_export",
                Exit::Failed,
                "name the folder in which export.json lies, or one of those in it".into(),
            ),
            Self::Damaged { .. } | Self::Impossible { .. } => {
                let hint = "take another copy of the export; folders in it that are whole can be imported one by one";
                ("export_damaged", Exit::Failed, hint.to_owned())
            }
            Self::Newer { .. } => ("export_newer", Exit::Failed, "install the newest version of `alliance`".to_owned()),
            Self::There { title, path } => (
                "alliance_exists",
                Exit::Usage,
                format!(
                    "another title brings it in beside that one: `alliance import {} --title {}`",
                    render::quoted(&path.display().to_string()),
                    render::quoted(&format!("{title}, as it was"))
                ),
            ),
            Self::NotOne { .. } => {
                ("usage", Exit::Usage, "name the folder of that alliance, which lies in the export".to_owned())
            }
        };
        (code, exit, Some(hint))
    }
}

impl Import {
    /// Imports all of it, or nothing.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let mut read = read(&self.folder)?;
        if let Some(title) = self.title {
            let mut titles: Vec<_> = read.iter_mut().filter_map(|(_, whole)| whole.title.as_mut()).collect();
            match &mut titles[..] {
                [one] => **one = title,
                all => return Err(ImportError::NotOne { path: self.folder, count: all.len() }.into()),
            }
        }
        check_new(&mut profile, &read)?;
        let others: Vec<_> = read.iter().map(|(_, whole)| whole.other.clone()).collect();
        let all: Vec<_> = read.into_iter().map(|(_, whole)| whole).collect();
        let imported = profile.import(&all, &mut context.outside().world());
        let imported = imported.map_err(|error| match error {
            AppError::Rule(_) | AppError::Edit(_) => {
                CliError::from(ImportError::Impossible { path: self.folder, source: Box::new(error) })
            }
            error => error.into(),
        })?;
        let brought = |(Imported { alliance, items, quoted, there }, other)| Brought {
            id: alliance.as_ref().map_or_else(|| "private".to_owned(), |it| it.space.to_string()),
            title: alliance.map(|it| it.title),
            items,
            quoted,
            there,
            other,
        };
        Ok(Answer::Imported(imported.into_iter().zip(others).map(brought).collect()))
    }
}

/// Everything that a folder holds, and where it lies.
fn read(folder: &Path) -> Result<Vec<(PathBuf, app::Whole)>, ImportError> {
    if folder.join(WRITTEN).is_file() {
        return Ok(vec![(folder.to_owned(), written(&folder.join(WRITTEN))?)]);
    }
    let path = folder.join(MANIFEST);
    if !path.is_file() {
        return Err(ImportError::NotAnExport { path: folder.to_owned() });
    }
    let Manifest { files, .. } = parse(&path)?;
    let mut all = Vec::new();
    for file in files.iter().map(Path::new).filter(|file| file.file_name().is_some_and(|it| it == WRITTEN)) {
        let within = file.components().all(|it| matches!(it, std::path::Component::Normal(_)));
        let place = file.parent().filter(|_| within).ok_or_else(|| damaged(&path, "it names files elsewhere"))?;
        all.push((folder.join(place), written(&folder.join(file))?));
    }
    if all.is_empty() { Err(ImportError::NotAnExport { path: folder.to_owned() }) } else { Ok(all) }
}

fn written(path: &Path) -> Result<app::Whole, ImportError> {
    let Written { whole, .. } = parse(path)?;
    let mut ids = BTreeSet::new();
    let is_id = |it: &written::Written| it.id.len() == ID && it.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fine = whole.items.iter().all(|it| is_id(it) && ids.insert(&it.id));
    if fine { Ok(whole) } else { Err(damaged(path, "an item has no id of its own")) }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, ImportError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let failed = |source: io::Error| ImportError::Damaged { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(failed)?;
    let Version { v } = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
    if v > VERSION {
        return Err(ImportError::Newer { path: path.to_owned() });
    }
    serde_json::from_str(&text).map_err(|error| failed(error.into()))
}

fn damaged(path: &Path, why: &'static str) -> ImportError {
    ImportError::Damaged { path: path.to_owned(), source: io::Error::new(io::ErrorKind::InvalidData, why) }
}

/// Sees to it that no alliance here is called like one that comes.
fn check_new(profile: &mut Profile, read: &[(PathBuf, app::Whole)]) -> Result<(), CliError> {
    let here: BTreeSet<_> = profile.alliances()?.into_iter().map(|info| info.title.to_lowercase()).collect();
    for (path, whole) in read {
        if let Some(title) = whole.title.clone().filter(|title| here.contains(&title.trim().to_lowercase())) {
            return Err(ImportError::There { title, path: path.clone() }.into());
        }
    }
    Ok(())
}

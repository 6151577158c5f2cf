//! `alliance init`: a person's profile and their first alliance, and the words that bring both back.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use alliance_core::{
    app::{AppError, Person, Profile},
    keys::Words,
};
use clap::Args;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::{Answer, Context, recovery};
use crate::{
    args::words,
    config::{self, Home, ProfileName},
    env::Outside,
    error::CliError,
    net::url::RelayUrl,
};

/// Arguments of `init`.
#[derive(Args, Debug)]
pub struct Init {
    /// Your name, as the other person calls you
    #[arg(long, value_parser = words)]
    pub name: String,
    /// What you are in this: coach, client, peer, or your own word
    #[arg(long, value_parser = words)]
    pub role: String,
    /// What the alliance is called, as "Ben & Anna"
    #[arg(long, value_name = "TITLE", value_parser = words)]
    pub alliance: String,
    /// Relay to exchange through; can be set later with `relay set`
    #[arg(long, value_name = "URL")]
    pub relay: Option<RelayUrl>,
    /// Write the recovery words to this new file instead of showing them
    #[arg(long, value_name = "PATH")]
    pub recovery_file: Option<PathBuf>,
}

/// A profile that began.
#[derive(Serialize, Debug)]
pub struct Started {
    /// The alliance's space, in hexadecimal.
    pub id: String,
    /// The profile on this computer.
    pub profile: String,
    /// The person's name.
    pub name: String,
    /// Their role.
    pub role: String,
    /// What the alliance is called.
    pub title: String,
    /// The relay, if one was named.
    pub relay: Option<String>,
}

/// The recovery words, which are shown once and kept nowhere, or the file they were written to. Said before the profile
/// is in its place: see [`Born::settle`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// To be shown.
    RecoveryWords(Shown),
    /// Written here.
    RecoveryFile(PathBuf),
}

/// Words to be shown, wiped when dropped, and never in a debug output.
pub struct Shown(Zeroizing<String>);

impl Shown {
    /// Words with a blank between two.
    pub fn new(words: Zeroizing<String>) -> Self {
        Self(words)
    }

    /// One word after the other.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Init {
    /// Makes profile and alliance, or nothing.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let person = Person { name: self.name, role: self.role };
        let birth = Birth::prepare(context, self.recovery_file)?;
        let relay = self.relay.as_ref().map(RelayUrl::as_str);
        let mut outside = context.outside();
        let (mut profile, born) = birth.create(&person, &mut outside)?;
        let space = match profile.new_alliance(&self.alliance, relay, &mut outside.world()) {
            Ok(space) => space,
            Err(error) => {
                drop(profile);
                born.undo();
                return Err(error.into());
            }
        };
        drop(profile);
        let profile = born.name.to_string();
        born.settle(context)?;
        let Person { name, role } = person;
        let (id, relay) = (space.to_string(), relay.map(str::to_owned));
        Ok(Answer::Started(Started { id, profile, name, role, title: self.alliance, relay }))
    }
}

/// A profile about to be made: there is none of its name, and no file where its words are to go.
pub struct Birth {
    home: Home,
    name: ProfileName,
    words: Option<PathBuf>,
}

/// A profile that was made, until it is of use.
pub struct Born {
    /// Its name.
    pub name: ProfileName,
    /// None if the words were said on another computer.
    recovery: Option<Recovery>,
    home: Home,
    /// Kept so that nobody else makes a profile meanwhile.
    _alone: File,
}

impl Birth {
    /// Sees to it that nothing is in the way.
    pub fn prepare(context: &Context<'_>, words: Option<PathBuf>) -> Result<Self, CliError> {
        let (home, name) = context.home()?;
        if home.holds(&name) {
            return Err(CliError::ProfileExists { name });
        }
        home.has_room(&name)?;
        if let Some(path) = words.as_ref().filter(|path| path.exists()) {
            let source = io::Error::new(io::ErrorKind::AlreadyExists, "there is a file already");
            return Err(CliError::RecoveryFile { path: path.clone(), source });
        }
        Ok(Self { home, name, words })
    }

    /// Makes a profile for another computer of somebody who has words, but not in its place.
    pub fn blank(self) -> Result<(Profile, Born), CliError> {
        self.made_by(Profile::blank)
    }

    /// Lets a profile be made of somebody who has words, but not in its place.
    pub fn made_by(self, make: impl FnOnce(&Path) -> Result<Profile, AppError>) -> Result<(Profile, Born), CliError> {
        let Self { home, name, .. } = self;
        let alone = home.alone()?;
        if home.holds(&name) {
            return Err(CliError::ProfileExists { name });
        }
        let made = home.prepare(&name).and_then(|path| Ok(make(&path)?));
        match made {
            Ok(profile) => Ok((profile, Born { name, recovery: None, home, _alone: alone })),
            Err(error) => {
                home.discard(&name);
                Err(error)
            }
        }
    }

    /// Makes the profile, but not in its place. If its words go to a file, they are on disk then.
    pub fn create(self, person: &Person, outside: &mut Outside<'_>) -> Result<(Profile, Born), CliError> {
        let Self { home, name, words: path } = self;
        let alone = home.alone()?;
        if home.holds(&name) {
            return Err(CliError::ProfileExists { name });
        }
        let file = path.map(|path| config::secret_file(&path).map(|file| (path, file))).transpose()?;
        let created = home.prepare(&name).and_then(|path| Ok(Profile::create(&path, person, &mut outside.world())?));
        let kept = created.and_then(|(profile, words)| Ok((profile, keep(&words, file.as_ref())?)));
        match kept {
            Ok((profile, recovery)) => Ok((profile, Born { name, recovery: Some(recovery), home, _alone: alone })),
            Err(error) => {
                home.discard(&name);
                if let Some((path, _)) = file {
                    let _ = std::fs::remove_file(path);
                }
                Err(error)
            }
        }
    }
}

impl Born {
    /// Says the words, or where they are, and puts the profile, which nobody has open, into its place; returns its file.
    ///
    /// The words come first: whoever is stopped at any moment has either no profile, and can begin again with new words,
    /// or a profile whose words were said. If they cannot be said, there is no profile. With JSON they are the beginning
    /// of the one envelope, which the answer ends: whoever reads an envelope without an end, or an exit code other than 0,
    /// may have words of a profile that is not there, never a profile without words.
    /// Somebody at a terminal is asked for three of them then.
    pub fn settle(self, context: &Context<'_>) -> Result<PathBuf, CliError> {
        let said = self.recovery.as_ref().map_or(Ok(()), |recovery| context.ui.begin(recovery));
        let settled = said.and_then(|()| self.home.settle(&self.name));
        let file = settled.inspect_err(|_| self.undo())?;
        if let Some(Recovery::RecoveryWords(shown)) = &self.recovery {
            recovery::ask_back_for(&file, shown, context)?;
        }
        Ok(file)
    }

    /// Takes the profile away again, because it could not be brought to any use.
    pub fn undo(&self) {
        self.home.discard(&self.name);
        if let Some(Recovery::RecoveryFile(path)) = &self.recovery {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What is to be said of words: themselves, or the new file that they are in.
pub fn say_to(path: Option<PathBuf>, words: &Words) -> Result<Recovery, CliError> {
    let file = path.map(|path| config::secret_file(&path).map(|file| (path, file))).transpose()?;
    keep(words, file.as_ref())
}

fn keep(words: &Words, file: Option<&(PathBuf, File)>) -> Result<Recovery, CliError> {
    let words = words.reveal();
    let Some((path, file)) = file else { return Ok(Recovery::RecoveryWords(Shown::new(words))) };
    let write = |mut file: &File| -> io::Result<()> {
        file.write_all(words.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        config::sync_folder_of(path);
        Ok(())
    };
    write(file).map_err(|source| CliError::RecoveryFile { path: path.clone(), source })?;
    Ok(Recovery::RecoveryFile(path.clone()))
}

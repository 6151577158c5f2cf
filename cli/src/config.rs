//! Where profiles lie, which one is meant, and the few settings of all of them.
//!
//! A profile is a folder of its own, `<home>/<name>/profile.db`, that only its owner can read.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{
    command::Context,
    error::CliError,
    net::peer::{Family, Reach},
};

const FILE: &str = "profile.db";
/// Held by who makes a profile. No profile can be named so.
const LOCK: &str = ".lock";
const DEFAULT: &str = "default";
const LONGEST: usize = 64;

/// The name of a profile, which is the name of its folder: letters, digits, `-`, `_` and `.`, not first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ProfileName(String);

impl FromStr for ProfileName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > LONGEST || text.starts_with('.') || !text.chars().all(allowed) {
            return Err("a name of at most 64 letters, digits, dots, - and _, without a dot at its beginning");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Settings for all profiles, in `<home>/.settings.json`; what is not set follows the environment.
#[derive(Clone, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The editor's command; else `VISUAL`, `EDITOR`, `nano`, `vi`.
    pub editor: Option<String>,
    /// `always`, `never` or `auto`; else on terminals, and never with `NO_COLOR`.
    pub colour: Option<String>,
    /// The profile that is meant if none is named.
    pub profile: Option<String>,
    /// How other computers may come to this one; else by every way.
    pub direct: Option<Direct>,
    /// True if computers find each other within the same network; else they do not.
    pub nearby: Option<bool>,
}

/// How computers may exchange with each other.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direct {
    /// By every way that there is.
    #[default]
    All,
    /// Without IPv6, where that does not work.
    Ipv4,
    /// By way of the relay alone, so that nobody learns where this computer is.
    Relay,
    /// Not at all, unless a command says so.
    Off,
}

impl Direct {
    /// What is set.
    pub fn of(context: &Context<'_>) -> Result<Self, CliError> {
        Ok(Settings::read(&context.folder()?)?.direct.unwrap_or_default())
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ipv4 => "ipv4",
            Self::Relay => "relay",
            Self::Off => "off",
        }
    }
}

impl FromStr for Direct {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::All, Self::Ipv4, Self::Relay, Self::Off];
        all.into_iter().find(|it| it.name() == text).ok_or("direct is all, ipv4, relay or off")
    }
}

impl Settings {
    /// How far an endpoint goes.
    pub fn reach(&self) -> Reach {
        let family = if self.direct == Some(Direct::Ipv4) { Family::Ipv4 } else { Family::Both };
        Reach { family, nearby: self.nearby.unwrap_or_default() }
    }

    /// No profile can be named so.
    const FILE: &str = ".settings.json";

    /// The settings; none if nobody has made any.
    pub fn read(home: &Home) -> Result<Self, CliError> {
        let path = home.0.join(Self::FILE);
        match fs::read(&path) {
            Err(error) if is_absent(&error) => Ok(Self::default()),
            Err(source) => Err(CliError::Settings { path, source }),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let source = io::Error::new(io::ErrorKind::InvalidData, error);
                CliError::Settings { path, source }
            }),
        }
    }

    /// Keeps the settings.
    pub fn write(&self, home: &Home) -> Result<(), CliError> {
        let path = home.0.join(Self::FILE);
        let write = || {
            make_folder(&home.0)?;
            let mut draft = tempfile::NamedTempFile::new_in(&home.0)?;
            serde_json::to_writer_pretty(&mut draft, self)?;
            draft.as_file().sync_all()?;
            draft.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| CliError::Folder { path: path.clone(), source })
    }
}

/// The folder of all profiles.
pub struct Home(PathBuf);

impl Home {
    /// The folder, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The profile that is meant: the named one, else the only one, else `default`.
    pub fn choose(&self, named: Option<ProfileName>) -> Result<ProfileName, CliError> {
        if let Some(name) = named {
            return Ok(name);
        }
        let mut names = self.names()?;
        let default = ProfileName(DEFAULT.to_owned());
        match names.len() {
            0 => Ok(default),
            1 => Ok(names.remove(0)),
            _ if names.contains(&default) => Ok(default),
            _ => Err(CliError::ManyProfiles { names }),
        }
    }

    /// The file of a profile, which need not exist.
    pub fn file(&self, name: &ProfileName) -> PathBuf {
        self.0.join(&name.0).join(FILE)
    }

    /// True if there is a profile of this name, or something in its place that may be one and cannot be read.
    pub fn holds(&self, name: &ProfileName) -> bool {
        fs::metadata(self.file(name)).map_or_else(|error| !is_absent(&error), |_| true)
    }

    /// Says why a profile cannot be opened that is there; nothing if there is none.
    pub fn unreadable(&self, name: &ProfileName) -> Option<CliError> {
        let path = self.file(name);
        let source = match fs::File::options().read(true).write(true).open(&path) {
            Err(error) if is_absent(&error) => return None,
            Err(error) => error,
            Ok(_) => io::Error::new(io::ErrorKind::InvalidData, "it is empty"),
        };
        Some(CliError::ProfileFile { path, source })
    }

    /// Sees to it that a profile can be put into its place.
    pub fn has_room(&self, name: &ProfileName) -> Result<(), CliError> {
        let path = self.0.join(&name.0);
        if fs::metadata(&path).is_err_and(|error| is_absent(&error)) {
            return Ok(());
        }
        let there = match fs::read_dir(&path) {
            Err(error) => Err(error),
            Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(io::ErrorKind::DirectoryNotEmpty.into())),
        };
        there.map_err(|source| CliError::NoRoom { path, source })
    }

    /// Waits until no other process makes a profile here. The next one may begin when what is returned is dropped, also
    /// by a process that is killed.
    ///
    /// What is locked is a small file that stays: a folder cannot be locked everywhere, and whoever took the file away
    /// would let two in, one that waits for the old file and one that makes a new one.
    pub fn alone(&self) -> Result<fs::File, CliError> {
        let file = self.0.join(LOCK);
        let lock = || {
            make_folder(&self.0)?;
            let file = private().create(true).truncate(false).write(true).open(&file)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|source| CliError::Folder { path: file.clone(), source })
    }

    /// Makes a folder and an empty file for a profile to be born in, readable by their owner only. The profile is not in
    /// its place before [`Home::settle`], so whoever is stopped in between leaves nothing that is in the way.
    pub fn prepare(&self, name: &ProfileName) -> Result<PathBuf, CliError> {
        self.discard(name);
        let folder = self.nursery(name);
        let file = folder.join(FILE);
        make_folder(&folder).map_err(|source| CliError::Folder { path: folder, source })?;
        private()
            .create(true)
            .append(true)
            .open(&file)
            .map_err(|source| CliError::Folder { path: file.clone(), source })?;
        Ok(file)
    }

    /// Puts a profile that is complete, and that nobody has open, into its place; returns its file.
    pub fn settle(&self, name: &ProfileName) -> Result<PathBuf, CliError> {
        let place = self.0.join(&name.0);
        // An empty folder of that name may be there.
        let _ = fs::remove_dir(&place);
        fs::rename(self.nursery(name), &place).map_err(|source| CliError::Folder { path: place.clone(), source })?;
        sync_folder_of(&place);
        Ok(self.file(name))
    }

    /// Takes away what [`Home::prepare`] made and the profile that could not be finished in it.
    pub fn discard(&self, name: &ProfileName) {
        // What cannot be removed is not in the way: it is not a profile's place.
        let _ = fs::remove_dir_all(self.nursery(name));
    }

    fn nursery(&self, name: &ProfileName) -> PathBuf {
        self.0.join(format!(".{}.new", name.0))
    }

    /// The names of all profiles.
    pub fn names(&self) -> Result<Vec<ProfileName>, CliError> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(CliError::Folder { path: self.0.clone(), source }),
        };
        let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
        let mut names: Vec<ProfileName> = entries.filter_map(name).filter(|name| self.holds(name)).collect();
        names.sort();
        Ok(names)
    }
}

/// True if there is nothing at all.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Makes an empty file that only its owner can read; refuses one that is there.
pub fn secret_file(path: &Path) -> Result<fs::File, CliError> {
    let opened = private().create_new(true).write(true).open(path);
    opened.map_err(|source| CliError::RecoveryFile { path: path.to_owned(), source })
}

/// Sees to it that a file or folder that was put in its place is still there if the computer stops.
#[cfg(unix)]
pub fn sync_folder_of(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not every file system can do it, and none can be asked for more.
    let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
}

/// A folder cannot be asked for that here.
#[cfg(not(unix))]
pub fn sync_folder_of(_: &Path) {}

#[cfg(unix)]
fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn private() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> fs::OpenOptions {
    fs::OpenOptions::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProfileName {
        text.parse().expect("a name")
    }

    fn home_with(names: &[&str]) -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::new(folder.path().join("home"));
        for name in names.iter().copied().map(name) {
            fs::write(home.prepare(&name).expect("prepared"), "x").expect("written");
            home.settle(&name).expect("settled");
        }
        (folder, home)
    }

    #[test]
    fn the_name_of_a_profile_leads_nowhere_else() {
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<ProfileName>().is_err(), "{bad}");
        }
        assert_eq!(name("Ben-2_x.y").to_string(), "Ben-2_x.y");
    }

    #[test]
    fn the_only_profile_is_meant_then_default_then_a_person_is_asked() {
        let (_folder, home) = home_with(&[]);
        assert_eq!(home.choose(None).expect("chosen"), name("default"));
        assert_eq!(home.choose(Some(name("ben"))).expect("chosen"), name("ben"));
        let (_folder, home) = home_with(&["anna"]);
        assert_eq!(home.choose(None).expect("chosen"), name("anna"));
        let (_folder, home) = home_with(&["ben", "anna"]);
        assert!(
            matches!(home.choose(None), Err(CliError::ManyProfiles { names }) if names == [name("anna"), name("ben")])
        );
        let (_folder, home) = home_with(&["ben", "default"]);
        assert_eq!(home.choose(None).expect("chosen"), name("default"));
    }

    #[test]
    fn an_unfinished_profile_is_no_profile_and_can_be_taken_away() {
        let (_folder, home) = home_with(&["anna"]);
        home.prepare(&name("ben")).expect("prepared");
        assert!(!home.holds(&name("ben")));
        assert_eq!(home.choose(None).expect("chosen"), name("anna"));
        home.discard(&name("ben"));
        assert!(!home.nursery(&name("ben")).exists());
        assert!(matches!(home.settle(&name("ben")), Err(CliError::Folder { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_file_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, home) = home_with(&["anna"]);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let file = home.file(&name("anna"));
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().expect("a folder")), 0o700);
        assert_eq!(mode(&folder.path().join("home")), 0o700);
        let words = folder.path().join("words");
        secret_file(&words).expect("made");
        assert_eq!(mode(&words), 0o600);
        assert!(matches!(secret_file(&words), Err(CliError::RecoveryFile { .. })));
    }
}

//! What ends the program, and errors with their causes as one line.

use std::{error::Error as StdError, io, net::SocketAddr, path::PathBuf};

use rusqlite::ErrorCode;
use tokio_rustls::rustls::pki_types::pem;

use crate::{config::ConfigError, policy::SpaceName, store::StoreError, tls::TlsError};

/// Why the program cannot do what it shall.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody can tell what is wanted.
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    /// There is no certificate to speak TLS with.
    #[error("cannot speak TLS")]
    Tls(#[from] TlsError),
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] StoreError),
    /// There is no database.
    #[error("there is no relay's database at {}", .0.display())]
    NoStore(PathBuf),
    /// There is no copy.
    #[error("there is no file {}", .0.display())]
    NoCopy(PathBuf),
    /// There is no such space.
    #[error("the relay holds no space {0}")]
    NoSpace(String),
    /// Several spaces are named so.
    #[error("several spaces begin with {prefix}:{names}{}", and_more(*.more))]
    ManySpaces {
        /// What was typed.
        prefix: String,
        /// Their names, each on a line of its own.
        names: String,
        /// How many more there are.
        more: usize,
    },
    /// Nobody said that it is meant.
    #[error(
        "this would drop {space}: {entries} entries, {bytes} bytes, {devices} device keys; the relay cannot bring it back"
    )]
    Unconfirmed {
        /// The space.
        space: SpaceName,
        /// Entries of the space.
        entries: u64,
        /// Their bytes.
        bytes: u64,
        /// Device keys that are live in it.
        devices: u64,
    },
    /// A copy is not written over anything.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A copy cannot be written.
    #[error("cannot write {}", .path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What is kept is not what was taken.
    #[error("{0}")]
    Damaged(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What it is for, as it is written in the file: `listen` or `metrics`.
        name: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system gives no threads, timers, signals or standard output.
    #[error("cannot start")]
    Start(#[source] io::Error),
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Random(#[source] getrandom::Error),
    /// The thread that runs the state machine ended by itself.
    #[error("the relay stopped by itself")]
    Stopped,
}

/// What helps against damage, whoever found it.
const RESTORE: &str = "stop the relay, keep the damaged folder aside, and put a copy that `alliance-relay backup` wrote \
    into a new one as relay.sqlite; devices send again what it lacks. Without a copy, a new folder works as well, but \
    each person has to say `alliance relay set` once, because the relay's key is new";

/// What helps if the key alone is known to be gone.
const KEYLESS: &str = "with a new key everybody's devices would take it for another relay, so it does not start. \
    `alliance-relay check` with the same --data says what else is wrong. Keep this folder aside and restore a copy as \
    operating-a-relay.md says. Without a copy, an empty folder works as well, but each person has to say `alliance \
    relay set` once";

/// What helps who may not.
const DENIED: &str = "run this as the relay's user or as root, or let that user have the folder: `chown -R USER DIR`; with \
    --data, choose another one";

/// What helps where nobody may.
const READ_ONLY: &str = "nothing can be written there: the disk is mounted read-only (`findmnt -T DIR` says so, `mount -o \
    remount,rw` ends it), or systemd keeps the unit from it: `systemctl edit alliance-relay`, and under [Service] \
    ReadWritePaths=DIR";

/// What helps where SQLite does not say whether nobody may or this user may not.
const UNWRITABLE: &str = "the folder and every file in it has to belong to the relay's user (`ls -la DIR`, `chown -R USER \
    DIR`), on a disk that is not mounted read-only (`findmnt -T DIR`), and systemd has to let the unit write there \
    (ReadWritePaths=DIR)";

impl Error {
    /// What an operator can do about it, if that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Listen { name, source, .. } => Some(listen_hint(name, source.kind())),
            _ => self.words().map(str::to_owned),
        }
    }

    fn words(&self) -> Option<&'static str> {
        match self {
            Self::Store(problem) => store_hint(problem),
            Self::Config(ConfigError::NoData) => {
                Some("say --data DIR, set ALLIANCE_RELAY_DATA, or write data = \"DIR\" into the file of --config")
            }
            Self::Config(ConfigError::HalfTls { .. }) => {
                Some("say both --tls-cert and --tls-key, write both under [tls], or leave both away")
            }
            Self::Config(ConfigError::Read { .. }) => {
                Some("choose another file with --config, or let this user read it")
            }
            Self::Config(ConfigError::Overlap { .. }) => {
                Some("choose another port with --metrics, or as `metrics` in the file")
            }
            Self::Config(_) => Some("correct the file; `alliance-relay check-config` tries it without starting"),
            Self::Tls(TlsError::Encrypted(_)) => Some(
                "`openssl pkey -in KEY -out PLAIN` writes it plain; only the relay's user should be able to read that",
            ),
            Self::Tls(TlsError::File { source: pem::Error::Io(_), .. }) => {
                Some("name a file that is there and that the relay's user may read")
            }
            Self::Tls(_) => {
                Some("both files are PEM: the certificate first, then its chain; and the key that belongs to it")
            }
            Self::NoStore(_) => {
                Some("name the relay's own folder with --data; a relay makes its database when it starts")
            }
            Self::NoCopy(_) => Some("name a file that `alliance-relay backup` wrote"),
            Self::NoSpace(_) => Some("`alliance-relay spaces list` shows those that it holds"),
            Self::ManySpaces { .. } => Some("type more digits of its name"),
            Self::Unconfirmed { .. } => Some("say it again with --yes if you mean it"),
            Self::Backup { .. } => Some(
                "name a place that this user can write, with room for all that the relay keeps; nothing is left there now",
            ),
            Self::Exists(_) => Some("choose a new name, for instance one with the date"),
            Self::Damaged(_) => Some(RESTORE),
            _ => None,
        }
    }
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!("\n  and {count} more") }
}

fn store_hint(problem: &StoreError) -> Option<&'static str> {
    match problem {
        StoreError::Locked(_) => Some("stop the other relay, or choose another folder with --data"),
        StoreError::Folder { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(DENIED),
        StoreError::Folder { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => Some(READ_ONLY),
        StoreError::Folder { source, .. }
            if matches!(source.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists) =>
        {
            Some("name a folder with --data, or as `data` in the file: what is there is a file")
        }
        StoreError::Folder { .. } => Some("choose a folder that this user can write with --data"),
        StoreError::Empty(_) => Some(
            "a restore that failed leaves such a file: put a copy that `alliance-relay backup` wrote in its place, or \
             remove it to begin anew with a new key",
        ),
        StoreError::Newer { .. } => Some("run the newer alliance-relay that wrote it"),
        StoreError::Foreign => Some(
            "if this was a relay's folder, its database is damaged: restore a copy as operating-a-relay.md says; else \
             choose a folder of its own with --data",
        ),
        StoreError::Keyless => Some(KEYLESS),
        StoreError::Damaged { .. } | StoreError::Missing => Some(RESTORE),
        StoreError::Disk(problem) => Some(match problem.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "make room on the disk: `df` says how much there is",
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => UNWRITABLE,
            _ => "see whether the disk is well: `dmesg` says what the system met; then `alliance-relay check`",
        }),
        _ => None,
    }
}

fn listen_hint(name: &str, kind: io::ErrorKind) -> String {
    let choose = format!("choose another with --{name}, or as `{name}` in the file");
    match kind {
        io::ErrorKind::AddrInUse => {
            format!("another program listens there, perhaps a relay that runs already: stop it, or {choose}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 are for root: {choose}, and let a proxy or the firewall lead to it")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(
                "this computer has no such address: 127.0.0.1 is for this computer only, 0.0.0.0 for every address of it; \
                 {choose}"
            )
        }
        _ => choose,
    }
}

/// What an error says, then what its causes say.
pub fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_can_be_written_the_hint_names_causes_and_commands() {
        let folder = |kind: io::ErrorKind| StoreError::Folder { path: "d".into(), source: kind.into() };
        let sqlite = |code| StoreError::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        for (problem, words) in [
            (folder(io::ErrorKind::PermissionDenied), &["the relay's user", "chown"][..]),
            (folder(io::ErrorKind::ReadOnlyFilesystem), &["mounted read-only", "findmnt", "ReadWritePaths"]),
            (sqlite(rusqlite::ffi::SQLITE_READONLY), &["chown", "findmnt", "ReadWritePaths"]),
            (sqlite(rusqlite::ffi::SQLITE_CANTOPEN), &["chown", "findmnt", "ReadWritePaths"]),
            (sqlite(rusqlite::ffi::SQLITE_FULL), &["make room", "df"]),
            (sqlite(rusqlite::ffi::SQLITE_IOERR), &["dmesg", "alliance-relay check"]),
        ] {
            let hint = Error::from(problem).hint().unwrap_or_default();
            words.iter().for_each(|word| assert!(hint.contains(word), "{word}: {hint}"));
        }
    }
}

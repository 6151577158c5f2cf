//! What an operator does beside serving: see and bound what is kept for whom, try the configuration, make a token.
//!
//! Every command returns what it says. It says of a space what the relay has to know anyway: name, sizes, how many keys.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io,
    path::Path,
    str::FromStr,
    time::SystemTime,
};

use alliance_replica::id::SpaceId;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    config::Config,
    error::Error,
    policy::{Admission, Network, Policy, SpaceName, TokenHash},
    replica::shares,
    store::{Admin, Kept, SqliteStore, StoreError},
    tls::Tls,
};

/// Least content that a space may be bounded to: the least that the policy takes.
const LEAST: u64 = 2 * 1024 * 1024;
/// Most content that a space may be bounded to.
const MOST: u64 = 1 << 50;

/// From when on a limit counts.
const FROM: &str = ", from the next time that a device opens it, as each sync does";

/// Names that are told of those that begin alike.
const CANDIDATES: usize = 10;

/// What there is to do with spaces.
#[derive(Subcommand, Clone, Debug)]
pub enum Spaces {
    /// List all spaces; the relay may run meanwhile
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one space; the relay may run meanwhile
    Show {
        /// Its name, 32 hexadecimal digits, or the first ones of it
        space: Prefix,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Bound the content of one space in place of quota.content_bytes; the relay may run meanwhile
    ///
    /// It counts from the next time that a device opens the space, as each sync does. Nothing that is kept already goes
    /// away.
    Limit {
        /// Its name, 32 hexadecimal digits, or the first ones of it
        space: Prefix,
        /// Bytes from 2MiB to 1024TiB, such as 500MiB or 2GiB; `none` for quota.content_bytes
        #[arg(value_parser = limit)]
        bytes: Limit,
    },
    /// Forget one space; stop the relay first
    ///
    /// Its devices keep everything, and bring it back when they next sync if `admission` lets them.
    Drop {
        /// Its name, 32 hexadecimal digits, or the first ones of it
        space: Prefix,
        /// Do it without a way back
        #[arg(long)]
        yes: bool,
    },
}

/// The first digits of a space's name, or all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prefix(String);

/// A bound on a space's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit(Option<u64>);

/// Does what is asked with the spaces of a folder.
pub fn spaces(command: &Spaces, config: &Config) -> Result<String, Error> {
    let data = &config.data;
    match command {
        Spaces::List { json } => {
            let all = open(data)?.spaces()?;
            Ok(if *json { Value::from_iter(all.iter().map(value)).to_string() } else { table(&all) })
        }
        Spaces::Show { space, json } => {
            let admin = open(data)?;
            let kept = kept(&admin, find(&admin, space)?)?;
            // Of a damaged space nobody can tell; `check` says so.
            let used = shares(&kept.space, |take| admin.load(&kept.space, take)).unwrap_or_default();
            let room = kept.content_limit.unwrap_or(config.policy.quota.content_bytes) / used.len().max(1) as u64;
            Ok(if *json { shown(&kept, &used, room).to_string() } else { lines(&kept, &used, room) })
        }
        Spaces::Limit { space, bytes: Limit(bytes) } => {
            let admin = open(data)?;
            let space = find(&admin, space)?;
            admin.set_content_limit(&space.0, *bytes)?;
            Ok(match bytes {
                Some(bytes) => format!("{space} may have {bytes} bytes of content{FROM}"),
                None => format!("{space} may have quota.content_bytes of content, as all{FROM}"),
            })
        }
        Spaces::Drop { space, yes } => drop_space(data, space, *yes),
    }
}

/// Tries what can be tried without making or serving anything, and says what the relay would do.
pub fn check_config(config: &Config) -> Result<String, Error> {
    SqliteStore::look(&config.data)?;
    let tls = config.tls.clone().map(Tls::load).transpose()?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let metrics = config.metrics.map_or("nowhere".to_owned(), |address| format!("http://{address}/metrics"));
    let admission = match &config.policy.admission {
        Admission::Open {} => "everybody".to_owned(),
        Admission::Token { tokens } => format!("whoever shows one of {} tokens", tokens.len()),
        Admission::List { spaces } if spaces.is_empty() => "nobody".to_owned(),
        Admission::List { spaces } => format!("nobody but {} listed ones", spaces.len()),
    };
    let worries = tls.and_then(|tls| tls.worry(SystemTime::now())).into_iter().chain(worries(config));
    let worries: String = worries.map(|worry| format!("\nwarning     {worry}")).collect();
    let total = config.policy.quota.total_bytes.map_or(String::new(), |total| format!(", {total} bytes in all"));
    Ok(format!(
        "the configuration can be used\nlisten      {scheme}://{}\nmetrics     {metrics}\ndata        {}\nnew spaces  \
         {admission}\ncontent     {} bytes a space{total}{worries}",
        config.listen,
        config.data.display(),
        config.policy.quota.content_bytes
    ))
}

/// What can be meant, but seldom is.
pub fn worries(config: &Config) -> Vec<String> {
    let Policy { admission, trusted_proxies, .. } = &config.policy;
    let closed = matches!(admission, Admission::List { spaces } if spaces.is_empty());
    let closed = closed.then(|| "the list of admission is empty: nobody can bring a new space".to_owned());
    let trusting = trusted_proxies.iter().any(Network::is_everywhere).then(|| {
        "trusted_proxies names every address: then whoever connects chooses the one that limits count for".to_owned()
    });
    let is_bare = config.tls.is_none() && trusted_proxies.is_empty() && !config.listen.ip().is_loopback();
    let bare = (is_bare && matches!(admission, Admission::Token { .. })).then(|| {
        "people's programs show a token over TLS only: without [tls], and without a proxy that speaks it, nobody can use \
         theirs"
            .to_owned()
    });
    let key = config.tls.as_ref().and_then(|tls| key_of_all(&tls.key));
    [closed, trusting, bare, open_to_others(&config.data), key].into_iter().flatten().collect()
}

/// Files beside those of connections, and sockets that are told that they are too many.
const FILES: u64 = 128;

/// What is wrong with how many files the system lets this program have open, if anything is. Each connection is one.
pub fn few_files(policy: &Policy) -> Option<String> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?;
    let needed = u64::from(policy.connections.total) + FILES;
    (most.parse::<u64>().ok()? < needed).then(|| {
        format!(
            "the system lets this program have {most} files and connections, connections.total needs {needed}: say `ulimit -n \
             {needed}` before the start (in a unit LimitNOFILE={needed}), or choose a smaller connections.total"
        )
    })
}

/// What is wrong with who may read the data folder, if anything is: it holds the relay's key.
#[cfg(unix)]
fn open_to_others(data: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| path.metadata().map_or(0, |file| file.permissions().mode() & 0o777);
    let folder = mode(data);
    let database = mode(&SqliteStore::database(data));
    if folder & 0o077 == 0 {
        return None;
    }
    Some(match database & 0o077 {
        0 => format!("other users of this computer may look into the data folder (mode {folder:o}): chmod 700 it"),
        _ => format!(
            "other users of this computer may read the database, and with it the relay's key (modes {folder:o} and \
             {database:o}): chmod 700 the data folder, and 600 the files in it"
        ),
    })
}

/// What is wrong with who may read the certificate's key, if anything is.
#[cfg(unix)]
fn key_of_all(key: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| path.metadata().map_or(0, |file| file.permissions().mode() & 0o777);
    let folder = key.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_open = mode(key) & 0o004 != 0 && mode(folder) & 0o001 != 0;
    let key = key.display();
    is_open.then(|| format!("every user of this computer may read the certificate's key in {key}: chmod 640 it"))
}

/// Nothing that can be told.
#[cfg(not(unix))]
fn key_of_all(_: &Path) -> Option<String> {
    None
}

/// Nothing that can be told.
#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<String> {
    None
}

/// Makes a token of 128 random bits.
pub fn token(random: [u8; 16]) -> String {
    let token = SpaceId::new(random).to_string();
    let hash = TokenHash::of(&token);
    format!(
        "token  {token}\nhash   {hash}\nGive the token to those who may bring new spaces; write the hash into the \
         file, in place of the [admission] that is there:\n\n[admission]\nmode = \"token\"\ntokens = [\"{hash}\"]"
    )
}

/// Opens the database of a folder beside a relay that may run.
pub(crate) fn open(data: &Path) -> Result<Admin, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).open(SqliteStore::database(data)).map_err(|problem| absent(data, problem))?;
    Ok(Admin::open(data)?)
}

/// Opens a copy of a database, to read it only.
pub(crate) fn open_copy(file: &Path) -> Result<Admin, Error> {
    OpenOptions::new().read(true).open(file).map_err(|problem| match absent(file, problem) {
        Error::NoStore(file) => Error::NoCopy(file),
        problem => problem,
    })?;
    Ok(Admin::open_copy(file)?)
}

/// Why a database cannot be opened: what is not there, and what this user may not see, are two things.
fn absent(path: &Path, problem: io::Error) -> Error {
    match problem.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NoStore(path.to_owned()),
        _ => StoreError::Folder { path: path.to_owned(), source: problem }.into(),
    }
}

/// The one space whose name begins so.
fn find(admin: &Admin, prefix: &Prefix) -> Result<SpaceName, Error> {
    match admin.named(&prefix.0)?.as_slice() {
        [] => Err(Error::NoSpace(prefix.0.clone())),
        [one] => Ok(SpaceName(*one)),
        several => {
            let names = several.iter().take(CANDIDATES).map(|space| format!("\n  {space}")).collect();
            let more = several.len() - several.len().min(CANDIDATES);
            Err(Error::ManySpaces { prefix: prefix.0.clone(), names, more })
        }
    }
}

fn kept(admin: &Admin, space: SpaceName) -> Result<Kept, Error> {
    admin.space(&space.0)?.ok_or_else(|| Error::NoSpace(space.to_string()))
}

fn drop_space(data: &Path, prefix: &Prefix, yes: bool) -> Result<String, Error> {
    let admin = open(data)?;
    let space = find(&admin, prefix)?;
    let kept = kept(&admin, space)?;
    drop(admin);
    let (entries, bytes) = (kept.entries, kept.content_bytes + kept.control_bytes);
    if !yes {
        return Err(Error::Unconfirmed { space, entries, bytes, devices: kept.devices });
    }
    SqliteStore::open(data)?.drop_space(&space.0)?;
    Ok(format!(
        "{space} is dropped: {entries} entries, {bytes} bytes. Its devices bring it back if `admission` lets them. The \
         database keeps its size; the room in it is used again"
    ))
}

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err("a space's name is 32 hexadecimal digits, of which the first ones are enough")
        }
    }
}

fn table(all: &[Kept]) -> String {
    let mut text = format!("{:32} {:>9} {:>15} {:>8} {:>15}\n", "space", "entries", "bytes", "keys", "content limit");
    for kept in all {
        let limit = kept.content_limit.map_or("-".to_owned(), |limit| limit.to_string());
        let bytes = kept.content_bytes + kept.control_bytes;
        // Writing into a text cannot fail.
        _ = writeln!(text, "{} {:>9} {bytes:>15} {:>8} {limit:>15}", kept.space, kept.entries, kept.devices);
    }
    text + &format!("{} in all", all.len())
}

fn lines(kept: &Kept, used: &[u64], room: u64) -> String {
    let limit = kept.content_limit.map_or("quota.content_bytes".to_owned(), |limit| format!("{limit} bytes"));
    let Kept { space, entries, content_bytes, control_bytes, devices, .. } = kept;
    format!(
        "space          {space}\nentries        {entries}\ncontent        {content_bytes} bytes\ncontrol        \
         {control_bytes} bytes\nlive keys      {devices}\ncontent limit  {limit}"
    ) + &["founder", "other one"]
        .iter()
        .zip(used)
        .map(|(who, used)| format!("\n{who:14} {used} of {room} bytes of content, as they count"))
        .collect::<String>()
}

fn value(kept: &Kept) -> Value {
    json!({
        "space": kept.space.to_string(),
        "entries": kept.entries,
        "content_bytes": kept.content_bytes,
        "control_bytes": kept.control_bytes,
        "devices": kept.devices,
        "content_limit": kept.content_limit,
    })
}

/// The same with how much of whose share is used.
fn shown(kept: &Kept, used: &[u64], room: u64) -> Value {
    let mut value = value(kept);
    value["shares"] = used.iter().map(|used| json!({ "used": used, "room": room })).collect();
    value
}

fn limit(text: &str) -> Result<Limit, &'static str> {
    let wrong = "a limit is `none`, or a number of bytes from 2MiB to 1024TiB, such as 2097152, 500MiB or 2GiB";
    if text == "none" {
        return Ok(Limit(None));
    }
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let unit = units.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, *bits)));
    let (number, bits) = unit.unwrap_or((text, 0));
    let bytes = number.trim_end().parse::<u64>().ok().and_then(|number| number.checked_mul(1 << bits));
    bytes.filter(|bytes| (LEAST..=MOST).contains(bytes)).map(|bytes| Limit(Some(bytes))).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Append, Store as _};

    #[test]
    fn a_limit_is_bytes_with_or_without_a_unit() {
        let bytes = |text| limit(text).map(|limit| limit.0);
        assert_eq!(bytes("none"), Ok(None));
        assert_eq!(bytes("2097152"), Ok(Some(LEAST)));
        assert_eq!(bytes("2MiB"), Ok(Some(LEAST)));
        assert_eq!(bytes("500 MiB"), Ok(Some(500 << 20)));
        assert_eq!(bytes("1024TiB"), Ok(Some(MOST)));
        for text in ["", "1MiB", "1025TiB", "99999999999TiB", "-2MiB", "2MB", "2.5GiB", "MiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_digits_name_a_space_if_no_other_begins_so() {
        let prefix = |text: &str| text.parse::<Prefix>();
        for text in ["", "x", "0g", &"0".repeat(33)] {
            assert!(prefix(text).is_err(), "{text}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = SqliteStore::open(folder.path()).expect("opens");
        let space = |first, last| {
            let mut bytes = [last; 16];
            bytes[0] = first;
            SpaceId::new(bytes)
        };
        let spaces: Vec<_> = [space(0xab, 0)].into_iter().chain((0..12).map(|last| space(0xac, last))).collect();
        let append = |space: &SpaceId| Append { space: *space, entries: Vec::new(), live: None };
        store.append(&spaces.iter().map(append).collect::<Vec<_>>()).expect("appends");
        let admin = open(folder.path()).expect("opens");
        let found = |text: &str| find(&admin, &prefix(text).expect("digits"));
        assert_eq!(found("ab").expect("one").0, spaces[0]);
        assert_eq!(found("AB0").expect("one").0, spaces[0]);
        assert_eq!(found(&spaces[1].to_string()).expect("one").0, spaces[1]);
        assert!(matches!(found("ad"), Err(Error::NoSpace(name)) if name == "ad"));
        let several = found("ac").expect_err("twelve").to_string();
        assert!(several.starts_with("several spaces begin with ac:\n  ac00"), "{several}");
        assert!(several.lines().count() == 12 && several.ends_with("\n  and 2 more"), "{several}");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_read_is_told_with_what_they_see() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        drop(SqliteStore::open(folder.path()).expect("opens"));
        let told = |folder_mode, file_mode| {
            let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
            set(&SqliteStore::database(folder.path()), file_mode);
            set(folder.path(), folder_mode);
            open_to_others(folder.path())
        };
        assert_eq!(told(0o700, 0o644), None, "nobody gets so far");
        assert!(told(0o750, 0o600).is_some_and(|said| said.contains("chmod 700") && !said.contains("key")));
        assert!(told(0o755, 0o644).is_some_and(|said| said.contains("the relay's key (modes 755 and 644)")));
        assert_eq!(open_to_others(&folder.path().join("new")), None);
        let key = |mode| {
            told(mode, 0o600);
            let key = folder.path().join("key.pem");
            fs::write(&key, "").expect("writes");
            fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("sets");
            key_of_all(&key)
        };
        assert!(key(0o755).is_some_and(|said| said.contains("key.pem: chmod 640")) && key(0o700).is_none());
    }

    #[test]
    fn a_database_that_this_user_may_not_see_is_not_called_missing() {
        let said = |kind: io::ErrorKind| {
            let problem = absent(Path::new("d"), kind.into());
            (crate::error::chain(&problem), problem.hint().unwrap_or_default())
        };
        let (denied, hint) = said(io::ErrorKind::PermissionDenied);
        assert!(
            denied.contains("permission denied") && hint.contains("the relay's user or as root"),
            "{denied}: {hint}"
        );
        assert!(said(io::ErrorKind::NotFound).0.contains("no relay's database"));
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(open(folder.path()), Err(Error::NoStore(_))));
        assert!(matches!(open_copy(folder.path().join("copy").as_path()), Err(Error::NoCopy(_))));
    }

    #[test]
    fn a_token_is_admitted_by_the_hash_that_is_said_beside_it() {
        let text = token([7; 16]);
        let word = |name| text.lines().find_map(|line| line.strip_prefix(name)).expect("a line").trim();
        let hash: TokenHash = word("hash ").parse().expect("a hash");
        assert_eq!(hash, TokenHash::of(word("token ")));
    }
}

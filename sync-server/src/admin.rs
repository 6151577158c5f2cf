//! What an operator does beside serving: see and bound what is kept for whom, try the configuration, make a token.
//!
//! Every command returns what it says. It says of a space what the relay has to know anyway: name, sizes, how many keys.

use std::{fmt::Write as _, fs::OpenOptions, io, path::Path};

use alliance_replica::id::SpaceId;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    config::Config,
    error::Error,
    policy::{Admission, SpaceName, TokenHash},
    store::{Admin, Kept, SqliteStore, StoreError},
    tls::Tls,
};

/// Least content that a space may be bounded to: the least that the policy takes.
const LEAST: u64 = 2 * 1024 * 1024;
/// Most content that a space may be bounded to.
const MOST: u64 = 1 << 50;

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
        /// Its name, 32 hexadecimal digits
        space: SpaceName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Bound the content of one space in place of quota.content_bytes; the relay may run meanwhile
    ///
    /// It counts from the next time that the relay reads the space: when nobody had it open, or after a restart. Nothing
    /// that is kept already goes away.
    Limit {
        /// Its name, 32 hexadecimal digits
        space: SpaceName,
        /// Bytes, such as 500MiB or 2GiB; `none` for what the policy says
        #[arg(value_parser = limit)]
        bytes: Limit,
    },
    /// Forget one space; stop the relay first
    ///
    /// Its devices keep everything, and bring it back when they next sync if `admission` lets them.
    Drop {
        /// Its name, 32 hexadecimal digits
        space: SpaceName,
        /// Do it without a way back
        #[arg(long)]
        yes: bool,
    },
}

/// A bound on a space's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit(Option<u64>);

/// Does what is asked with the spaces of a folder.
pub fn spaces(command: &Spaces, data: &Path) -> Result<String, Error> {
    match command {
        Spaces::List { json } => {
            let all = open(data)?.spaces()?;
            Ok(if *json { Value::from_iter(all.iter().map(value)).to_string() } else { table(&all) })
        }
        Spaces::Show { space, json } => {
            let kept = find(&open(data)?, *space)?;
            Ok(if *json { value(&kept).to_string() } else { lines(&kept) })
        }
        Spaces::Limit { space, bytes: Limit(bytes) } => {
            if !open(data)?.set_content_limit(&space.0, *bytes)? {
                return Err(Error::NoSpace(*space));
            }
            Ok(match bytes {
                Some(bytes) => format!("{space} may have {bytes} bytes of content"),
                None => format!("{space} may have as much content as the policy says"),
            })
        }
        Spaces::Drop { space, yes } => drop_space(data, *space, *yes),
    }
}

/// Tries what can be tried without making or serving anything, and says what the relay would do.
pub fn check_config(config: &Config) -> Result<String, Error> {
    SqliteStore::look(&config.data)?;
    config.tls.clone().map(Tls::load).transpose()?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let metrics = config.metrics.map_or("nowhere".to_owned(), |address| format!("http://{address}/metrics"));
    let admission = match &config.policy.admission {
        Admission::Open {} => "everybody".to_owned(),
        Admission::Token { tokens } => format!("whoever shows one of {} tokens", tokens.len()),
        Admission::List { spaces } => format!("nobody but {} listed ones", spaces.len()),
    };
    Ok(format!(
        "the configuration can be used\nlisten      {scheme}://{}\nmetrics     {metrics}\ndata        {}\nnew spaces  \
         {admission}\ncontent     {} bytes a space",
        config.listen,
        config.data.display(),
        config.policy.quota.content_bytes
    ))
}

/// Makes a token of 128 random bits.
pub fn token(random: [u8; 16]) -> String {
    let token = SpaceId::new(random).to_string();
    let hash = TokenHash::of(&token);
    format!(
        "token  {token}\nhash   {hash}\nGive the token to those who may bring new spaces; write the hash into the file:\n\n\
             [admission]\nmode = \"token\"\ntokens = [\"{hash}\"]"
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
    OpenOptions::new().read(true).open(file).map_err(|problem| absent(file, problem))?;
    Ok(Admin::open_copy(file)?)
}

/// Why a database cannot be opened: what is not there, and what this user may not see, are two things.
fn absent(path: &Path, problem: io::Error) -> Error {
    match problem.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NoStore(path.to_owned()),
        _ => StoreError::Folder { path: path.to_owned(), source: problem }.into(),
    }
}

fn find(admin: &Admin, space: SpaceName) -> Result<Kept, Error> {
    admin.space(&space.0)?.ok_or(Error::NoSpace(space))
}

fn drop_space(data: &Path, space: SpaceName, yes: bool) -> Result<String, Error> {
    let kept = find(&open(data)?, space)?;
    let (entries, bytes) = (kept.entries, kept.content_bytes + kept.control_bytes);
    if !yes {
        return Err(Error::Unconfirmed { entries, bytes, devices: kept.devices });
    }
    SqliteStore::open(data)?.drop_space(&space.0)?;
    Ok(format!(
        "{space} is dropped: {entries} entries, {bytes} bytes. Its devices bring it back if `admission` lets them"
    ))
}

fn table(all: &[Kept]) -> String {
    let mut text =
        format!("{:32} {:>9} {:>15} {:>8} {:>15}\n", "space", "entries", "bytes", "devices", "content limit");
    for kept in all {
        let limit = kept.content_limit.map_or("-".to_owned(), |limit| limit.to_string());
        let bytes = kept.content_bytes + kept.control_bytes;
        // Writing into a text cannot fail.
        _ = writeln!(text, "{} {:>9} {bytes:>15} {:>8} {limit:>15}", kept.space, kept.entries, kept.devices);
    }
    text + &format!("{} in all", all.len())
}

fn lines(kept: &Kept) -> String {
    let limit = kept.content_limit.map_or("as the policy says".to_owned(), |limit| format!("{limit} bytes"));
    let Kept { space, entries, content_bytes, control_bytes, devices, .. } = kept;
    format!(
        "space          {space}\nentries        {entries}\ncontent        {content_bytes} bytes\ncontrol        \
         {control_bytes} bytes\ndevice keys    {devices}\ncontent limit  {limit}"
    )
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
        assert!(matches!(open_copy(folder.path().join("copy").as_path()), Err(Error::NoStore(_))));
    }

    #[test]
    fn a_token_is_admitted_by_the_hash_that_is_said_beside_it() {
        let text = token([7; 16]);
        let word = |name| text.lines().find_map(|line| line.strip_prefix(name)).expect("a line").trim();
        let hash: TokenHash = word("hash ").parse().expect("a hash");
        assert_eq!(hash, TokenHash::of(word("token ")));
    }
}

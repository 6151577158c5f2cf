//! What an operator may choose: flags, then environment variables, then a file, then what suits a small public relay.
//!
//! `Arguments` is what was typed, `File` what was written down, [`Config`] what counts.

mod file;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::{
    Args, CommandFactory as _, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};
use serde::Deserialize;
use tracing::level_filters::LevelFilter;

use crate::{
    admin::Spaces,
    policy::{Direct, Policy, PolicyError},
};
use file::File;

/// Where a relay listens if nobody says.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8787);

/// What is wrong with a table of TLS that says nothing: whoever wrote it does not mean to serve without.
const BARE_TLS: &str = "[tls] without cert and key: write both, or take it out";

/// Stores and forwards the sealed entries of alliances; it cannot read them.
///
/// Without a command it serves: devices connect to /sync by WebSocket, /healthz answers 200 while the store can be read and
/// written.
/// SIGTERM or SIGINT ends the relay once everything it has taken is on disk; SIGHUP makes it read its certificate again.
/// A flag wins over its environment variable, and that over the file.
#[derive(Parser, Clone, Debug)]
#[command(name = "alliance-relay", version, args_conflicts_with_subcommands = false)]
pub struct Arguments {
    /// What to choose.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do; serve if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be chosen by flags and environment variables.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// File with everything that can be chosen, in TOML
    #[arg(long, value_name = "FILE", env = "ALLIANCE_RELAY_CONFIG", global = true)]
    pub config: Option<PathBuf>,

    /// Folder for the relay's database; made if it is not there, used by one relay at a time
    #[arg(long, value_name = "DIR", env = "ALLIANCE_RELAY_DATA", global = true)]
    pub data: Option<PathBuf>,

    /// Address and port to listen on [default: 127.0.0.1:8787]; port 0 takes any free one and says which
    ///
    /// Put a proxy that speaks TLS before it, or give it a certificate, unless all devices are on a network you trust.
    #[arg(long, value_name = "ADDR", env = "ALLIANCE_RELAY_LISTEN", value_parser = address)]
    pub listen: Option<SocketAddr>,

    /// Address and port for /metrics; without it there are none
    #[arg(long, value_name = "ADDR", env = "ALLIANCE_RELAY_METRICS", value_parser = address)]
    pub metrics: Option<SocketAddr>,

    /// Certificate and its chain, in PEM, to speak TLS with
    #[arg(long, value_name = "FILE", env = "ALLIANCE_RELAY_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,

    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", env = "ALLIANCE_RELAY_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Whether laptops may connect with each other by way of this relay, at /relay [default: on]
    ///
    /// Only those that have a space open here, and only until they have found a way of their own. The relay cannot read what
    /// it passes on.
    #[arg(long, value_name = "SWITCH", env = "ALLIANCE_RELAY_DIRECT")]
    pub direct: Option<Switch>,

    /// How much to log, on standard error [default: info]
    ///
    /// No level logs what people write, nor whole keys or names, nor network addresses.
    #[arg(long, value_name = "LEVEL", env = "ALLIANCE_RELAY_LOG")]
    pub log: Option<Level>,

    /// How to log [default: text]
    #[arg(long, value_name = "FORMAT", env = "ALLIANCE_RELAY_LOG_FORMAT")]
    pub log_format: Option<Format>,
}

/// What else the program does.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Try the choices without starting
    ///
    /// Reads the file, certificate and key, and looks whether the data folder can be one that this user may use. It warns
    /// of a certificate that has expired or will soon, and of a folder that others may read. It makes nothing and listens
    /// nowhere: whether an address is free, and whether the certificate is for the relay's name, is not tried.
    CheckConfig,
    /// See and bound what is kept for whom
    #[command(subcommand)]
    Spaces(Spaces),
    /// Write a copy of everything the relay keeps, its key included; the relay may run meanwhile
    Backup {
        /// The file to write; it must not be there
        file: PathBuf,
    },
    /// Verify everything the relay keeps, or a copy: pages, signatures, hashes, chains; the relay may run meanwhile
    Check {
        /// A copy that `backup` wrote, instead of the data folder
        file: Option<PathBuf>,
    },
    /// Make a token for those who may bring new spaces, and the hash of it for the file
    Token,
}

/// What counts.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Where devices connect.
    pub listen: SocketAddr,
    /// Where /metrics is served, if it is.
    pub metrics: Option<SocketAddr>,
    /// The folder of the database.
    pub data: PathBuf,
    /// The certificate to speak TLS with, if the relay does.
    pub tls: Option<TlsFiles>,
    /// How much to log.
    pub log: Level,
    /// How to log.
    pub log_format: Format,
    /// What the relay takes.
    pub policy: Policy,
}

/// Where the certificate is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Certificate and chain, in PEM.
    pub cert: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

/// Something that is done or not.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// How much to log.
#[derive(ValueEnum, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing.
    Off,
    /// What an operator has to act on.
    Error,
    /// And refused entries.
    Warn,
    /// And starts, stops and refused openings.
    Info,
    /// And every connection, opening and commit.
    Debug,
}

/// How to log.
#[derive(ValueEnum, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why nobody can tell what is wanted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the file {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is not as it should be.
    #[error("{}, line {line}{key}: {message}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key in that line, after a comma, if there is one.
        key: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A choice that cannot be meant.
    #[error("{}, line {line}", .path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: PolicyError,
    },
    /// Nobody said where the data is.
    #[error("no data folder is named")]
    NoData,
    /// Two listeners in one place.
    #[error("/metrics needs an address of its own: listen is {listen}, metrics is {metrics}")]
    Overlap {
        /// Where devices connect.
        listen: SocketAddr,
        /// Where /metrics shall be.
        metrics: SocketAddr,
    },
    /// A certificate without a key, or the other way round.
    #[error("TLS needs both a certificate and its key; {missing} is missing")]
    HalfTls {
        /// What is missing, as it is written in the file.
        missing: &'static str,
    },
}

impl Config {
    /// Puts together what was typed and what is written in the file that was named.
    pub fn new(flags: &Flags) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        let is_written = file.tls.is_some();
        let tls = file.tls.unwrap_or_default();
        let files =
            [flags.tls_cert.clone().or(tls.cert.map(|it| it.0)), flags.tls_key.clone().or(tls.key.map(|it| it.0))];
        let policy = Policy {
            admission: file.admission,
            quota: file.quota,
            rate: file.rate,
            connections: file.connections,
            memory: file.memory,
            time: file.time,
            direct: Direct { help: flags.direct.map_or(file.direct.help, |it| it == Switch::On), ..file.direct },
            trusted_proxies: file.trusted_proxies,
            forwarded_header: file.forwarded_header,
        };
        let path = || flags.config.clone().unwrap_or_default();
        policy.validate().map_err(|source| {
            let line = file::line_of(&file.text, &source.fields());
            ConfigError::Policy { path: path(), line, source }
        })?;
        if is_written && files.iter().all(Option::is_none) {
            let (line, message) = (file::line_of(&file.text, &["tls"]), BARE_TLS.to_owned());
            return Err(ConfigError::File { path: path(), line, key: ", tls".to_owned(), message });
        }
        let tls = TlsFiles::both(files).map_err(|problem| match is_written {
            true => {
                let line = file::line_of(&file.text, &["tls.cert", "tls.key"]);
                ConfigError::File { path: path(), line, key: ", tls".to_owned(), message: problem.to_string() }
            }
            false => problem,
        })?;
        let listen = flags.listen.or(file.listen.map(|it| it.0)).unwrap_or(LISTEN);
        let metrics = flags.metrics.or(file.metrics.map(|it| it.0));
        if let Some(metrics) = metrics.filter(|metrics| overlap(listen, *metrics)) {
            let problem = ConfigError::Overlap { listen, metrics };
            if flags.metrics.is_some() {
                return Err(problem);
            }
            let line = file::line_of(&file.text, &["metrics"]);
            return Err(ConfigError::File {
                path: path(),
                line,
                key: ", metrics".to_owned(),
                message: problem.to_string(),
            });
        }
        Ok(Self {
            listen,
            metrics,
            data: flags.data.clone().or(file.data.map(|it| it.0)).ok_or(ConfigError::NoData)?,
            tls,
            log: flags.log.or(file.log).unwrap_or(Level::Info),
            log_format: flags.log_format.or(file.log_format).unwrap_or(Format::Text),
            policy,
        })
    }
}

impl TlsFiles {
    fn both(files: [Option<PathBuf>; 2]) -> Result<Option<Self>, ConfigError> {
        match files {
            [Some(cert), Some(key)] => Ok(Some(Self { cert, key })),
            [None, None] => Ok(None),
            [None, Some(_)] => Err(ConfigError::HalfTls { missing: "tls.cert" }),
            [Some(_), None] => Err(ConfigError::HalfTls { missing: "tls.key" }),
        }
    }

    /// Both files.
    pub fn paths(&self) -> [&Path; 2] {
        [&self.cert, &self.key]
    }
}

/// The environment variable that a wrong value is from, if it is not one of the words typed.
pub fn variable(problem: &clap::Error, mut typed: impl Iterator<Item = String>) -> Option<String> {
    let Some(ContextValue::String(flag)) = problem.get(ContextKind::InvalidArg) else { return None };
    let flag = flag.split_whitespace().next()?;
    let command = Arguments::command();
    let argument = command.get_arguments().find(|it| it.get_long() == flag.strip_prefix("--"))?;
    let is_typed = typed.any(|word| word == flag || word.starts_with(&format!("{flag}=")));
    argument.get_env().filter(|_| !is_typed).map(|name| name.to_string_lossy().into_owned())
}

/// True if a flag stands after a command that knows it only before it.
pub fn is_misplaced(problem: &clap::Error) -> bool {
    let Some(ContextValue::String(flag)) = problem.get(ContextKind::InvalidArg) else { return false };
    let command = Arguments::command();
    let is_flag = command.get_arguments().any(|it| it.get_long().is_some() && it.get_long() == flag.strip_prefix("--"));
    problem.kind() == ErrorKind::UnknownArgument && is_flag
}

/// True if two listeners would be in each other's way. Port 0 is any free one.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_wide = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && (one.ip() == other.ip() || is_wide)
}

/// Reads an address to listen on. `localhost` is the only name, so that nothing is looked up anywhere.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let numbers = text.strip_prefix("localhost:").map(|port| format!("{}:{port}", LISTEN.ip()));
    numbers.as_deref().unwrap_or(text).parse().map_err(|_| {
        "an address is a number, a colon and a port, such as 127.0.0.1:8787 (this computer only), 0.0.0.0:8787 (every \
         IPv4 address of it), [::]:8787 (IPv6, too) or localhost:8787"
    })
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Config, String> {
        let words = [&["alliance-relay"], words].concat();
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        Config::new(&arguments.flags).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_data_folder_is_all_that_must_be_said() {
        let config = parse(&["--data", "d"]).expect("parses");
        assert_eq!((config.listen, config.log, config.log_format), (LISTEN, Level::Info, Format::Text));
        assert_eq!((config.metrics, config.tls, config.policy), (None, None, Policy::default()));
        assert_eq!(parse(&[]).expect_err("no folder"), "no data folder is named");
    }

    #[test]
    fn an_address_is_a_number_or_localhost() {
        let listen = |text| parse(&["--data", "d", "--listen", text]).map(|config| config.listen.to_string());
        assert_eq!(listen("localhost:99"), Ok("127.0.0.1:99".to_owned()));
        assert_eq!(listen("[::1]:99"), Ok("[::1]:99".to_owned()));
        for text in ["nowhere", "relay.example:8787", "localhost", "8787", "127.0.0.1"] {
            let problem = listen(text).expect_err("not a number");
            assert!(problem.contains("such as 127.0.0.1:8787"), "{problem}");
        }
    }

    #[test]
    fn two_listeners_in_one_place_are_refused() {
        let metrics = |listen, metrics| parse(&["--data", "d", "--listen", listen, "--metrics", metrics]).map(drop);
        for (one, other) in [("127.0.0.1:99", "localhost:99"), ("0.0.0.0:99", "127.0.0.1:99"), ("[::]:99", "[::1]:99")]
        {
            let problem = metrics(one, other).expect_err("overlaps");
            assert!(problem.starts_with("/metrics needs an address of its own"), "{problem}");
        }
        for (one, other) in [("127.0.0.1:99", "127.0.0.1:98"), ("127.0.0.1:99", "[::1]:99"), ("[::]:0", "[::]:0")] {
            assert_eq!(metrics(one, other), Ok(()));
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let problem = parse(&["--data", "d", "--tls-cert", "c"]).expect_err("half");
        assert!(problem.ends_with("tls.key is missing"), "{problem}");
        let problem = parse(&["--data", "d", "--tls-key", "k"]).expect_err("half");
        assert!(problem.ends_with("tls.cert is missing"), "{problem}");
    }
}

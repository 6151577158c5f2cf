//! What an operator may choose: flags, or environment variables in their place.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, ValueEnum};
use tracing::level_filters::LevelFilter;

/// Stores and forwards the sealed entries of alliances; it cannot read them.
///
/// Devices connect to /sync by WebSocket. /healthz answers 200 while the store can be read. SIGTERM or SIGINT ends the
/// relay once everything it has taken is on disk.
#[derive(Parser, Clone, Debug)]
#[command(name = "alliance-relay", version)]
pub struct Config {
    /// Address and port to listen on; port 0 takes any free one and says which
    ///
    /// Put a proxy that speaks TLS before it unless all devices are on a network you trust.
    #[arg(long, value_name = "ADDR", env = "ALLIANCE_RELAY_LISTEN", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,

    /// Folder for the relay's database; made if it is not there, used by one relay at a time
    #[arg(long, value_name = "DIR", env = "ALLIANCE_RELAY_DATA")]
    pub data: PathBuf,

    /// How much to log, on standard error
    ///
    /// No level logs what people write, nor whole keys or names, nor network addresses.
    #[arg(long, value_name = "LEVEL", env = "ALLIANCE_RELAY_LOG", default_value = "info")]
    pub log: Level,

    /// How to log
    #[arg(long, value_name = "FORMAT", env = "ALLIANCE_RELAY_LOG_FORMAT", default_value = "text")]
    pub log_format: Format,
}

/// How much to log.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
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
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
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
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn a_data_folder_is_all_that_must_be_said() {
        let config = Config::try_parse_from(["alliance-relay", "--data", "d"]).expect("parses");
        assert_eq!((config.listen.port(), config.log, config.log_format), (8787, Level::Info, Format::Text));
        assert!(Config::try_parse_from(["alliance-relay"]).is_err());
        assert!(Config::try_parse_from(["alliance-relay", "--data", "d", "--listen", "nowhere"]).is_err());
    }
}

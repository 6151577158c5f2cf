//! What the program takes from the world: variables, clock, time zone, randomness, the data folder, stdin.
//!
//! `ALLIANCE_NOW` and `ALLIANCE_TZ` fix clock and zone for walkthroughs and tests; randomness has no such switch.

use std::{
    env, fmt,
    io::{self, Read as _},
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use alliance_core::app::World;
use alliance_replica::limits;
use etcetera::BaseStrategy as _;
use getrandom::SysRng;
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use rand_core::UnwrapErr;
use serde::{Serialize, Serializer};

use crate::error::CliError;

const NOW: &str = "ALLIANCE_NOW";
const ZONE: &str = "ALLIANCE_TZ";
const HOME: &str = "ALLIANCE_HOME";
const PROFILE: &str = "ALLIANCE_PROFILE";

/// Variables of the process; the others are read when they are needed.
pub struct Env {
    now: Option<i64>,
}

impl Env {
    /// Reads the variables of this process that every command needs.
    pub fn of_process() -> Result<Self, CliError> {
        let now = text(NOW)?.map(|text| moment(&text)).transpose()?;
        Ok(Self { now })
    }

    /// Unix seconds.
    pub fn now(&self) -> i64 {
        self.now.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
        })
    }

    /// The person's time zone: `ALLIANCE_TZ` by its name, else the computer's.
    pub fn zone(&self) -> Result<TimeZone, CliError> {
        let Some(name) = text(ZONE)? else { return Ok(TimeZone::system()) };
        TimeZone::get(&name)
            .map_err(|_| CliError::Variable { name: ZONE, want: "the name of a time zone, as Europe/Berlin" })
    }

    /// A moment as the person reads it.
    pub fn moment(&self, seconds: i64) -> Result<Moment, CliError> {
        Ok(Moment::new(seconds, self.zone()?))
    }

    /// The day that it is where the person is.
    pub fn today(&self) -> Result<Date, CliError> {
        Ok(self.clock()?.date())
    }

    /// Day and time where the person is.
    pub fn clock(&self) -> Result<DateTime, CliError> {
        let at = Timestamp::from_second(self.now()).unwrap_or(Timestamp::MAX);
        Ok(at.to_zoned(self.zone()?).datetime())
    }

    /// The folder of all profiles: `ALLIANCE_HOME`, else `alliance` in the folder where this system keeps data.
    pub fn home(&self) -> Result<PathBuf, CliError> {
        if let Some(home) = env::var_os(HOME).filter(|home| !home.is_empty()) {
            return Ok(home.into());
        }
        let strategy = etcetera::base_strategy::choose_native_strategy().map_err(|_| CliError::NoHome)?;
        Ok(strategy.data_dir().join("alliance"))
    }

    /// The profile named by `ALLIANCE_PROFILE`.
    pub fn profile(&self) -> Result<Option<String>, CliError> {
        text(PROFILE)
    }

    /// Everything on stdin, as text.
    pub fn stdin(&self) -> Result<String, CliError> {
        let mut text = String::new();
        let most = 2 * limits::TEXT as u64;
        io::stdin().lock().take(most).read_to_string(&mut text).map_err(CliError::Input)?;
        Ok(text)
    }
}

/// Clock and randomness of this computer, for calls that change something.
pub struct Outside<'a> {
    env: &'a Env,
    rng: UnwrapErr<SysRng>,
}

impl<'a> Outside<'a> {
    /// The clock of `env` and the randomness of the system.
    pub fn new(env: &'a Env) -> Self {
        Self { env, rng: UnwrapErr(SysRng) }
    }

    /// What the façade wants to know of the world, now.
    pub fn world(&mut self) -> World<'_> {
        World { now: self.env.now(), rng: &mut self.rng }
    }
}

/// A point in time, shown in the person's zone and absolutely; in JSON, RFC 3339 in UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    at: Timestamp,
    zone: TimeZone,
}

impl Moment {
    /// Unix seconds, in the zone of its reader; what no calendar reaches is its last day.
    pub fn new(seconds: i64, zone: TimeZone) -> Self {
        Self { at: Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX), zone }
    }

    /// True if both are the same point in time.
    pub fn is(&self, other: &Self) -> bool {
        self.at == other.at
    }

    /// The day alone, for people.
    pub fn day(&self) -> String {
        self.at.to_zoned(self.zone.clone()).strftime("%-d %b %Y").to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zoned = self.at.to_zoned(self.zone.clone());
        write!(f, "{}", zoned.strftime("%a %-d %b %Y, %H:%M %Z"))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.at)
    }
}

fn text(name: &'static str) -> Result<Option<String>, CliError> {
    match env::var(name) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(CliError::Variable { name, want: "text" }),
    }
}

/// Unix seconds of `2026-01-05T09:00:00Z` or of a plain number.
fn moment(text: &str) -> Result<i64, CliError> {
    let parsed = text.parse().ok().or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_second));
    parsed.ok_or(CliError::Variable { name: NOW, want: "unix seconds or a time as 2026-01-05T09:00:00Z" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_is_a_number_or_a_time() {
        assert_eq!(moment("1767603600").ok(), Some(1_767_603_600));
        assert_eq!(moment("2026-01-05T09:00:00Z").ok(), Some(1_767_603_600));
        assert!(matches!(moment("soon"), Err(CliError::Variable { name: "ALLIANCE_NOW", .. })));
    }

    #[test]
    fn a_moment_is_shown_absolutely_in_the_zone_of_its_reader() {
        let moment = Moment::new(1_767_603_600, TimeZone::fixed(jiff::tz::offset(1)));
        assert_eq!(moment.to_string(), "Mon 5 Jan 2026, 10:00 +01");
        assert_eq!(serde_json::to_string(&moment).expect("serialises"), "\"2026-01-05T09:00:00Z\"");
    }
}

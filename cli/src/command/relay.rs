//! `alliance relay`: through which relay one's spaces are exchanged.

use alliance_core::app::RelayInfo;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Answer, Context};
use crate::{error::CliError, net::relay::RelayUrl};

/// Arguments of `relay`; without a verb it shows.
#[derive(Args, Debug)]
pub struct Relay {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show the relays in use; also what a bare `relay` does
    Show,
    /// Exchange everything through this relay
    Set {
        /// Its address, as http://127.0.0.1:8787
        url: RelayUrl,
    },
}

/// A relay in use.
#[derive(Serialize, Debug)]
pub struct Known {
    /// Its address.
    pub id: String,
    /// Its key in hexadecimal; none until it was first met.
    pub key: Option<String>,
    /// The spaces it keeps, in hexadecimal.
    pub spaces: Vec<String>,
}

impl From<RelayInfo> for Known {
    fn from(info: RelayInfo) -> Self {
        let RelayInfo { url, key, spaces } = info;
        let spaces = spaces.iter().map(ToString::to_string).collect();
        Self { id: url, key: key.map(|key| key.to_string()), spaces }
    }
}

impl Relay {
    /// Runs the verb; both answer with the relays in use.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        if let Some(Verb::Set { url }) = self.verb {
            profile.set_relay(url.as_str(), &mut context.outside().world())?;
        }
        Ok(Answer::Relays(profile.relays()?.into_iter().map(Known::from).collect()))
    }
}

//! `alliance peer`: how other computers come to this one without a relay.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Answer, Context, sync};
use crate::error::CliError;

/// Arguments of `peer`.
#[derive(Args, Debug)]
pub struct Peer {
    #[command(subcommand)]
    verb: Verb,
}

/// What can be done about other computers.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show a ticket by which another computer reaches this one, and answer it until Ctrl-C
    ///
    /// There: `alliance sync --peer <ticket>`. Both are on the same network, or this computer can be reached from outside.
    /// The ticket says where this computer is and opens nothing: who is not in an alliance with you learns nothing by it.
    Ticket {
        /// Listen at this address alone, as 192.168.1.7:7842 [default: everywhere, at a port that stays the same]
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
}

/// How this computer is dialled.
#[derive(Serialize, Debug)]
pub struct Ticket {
    /// The text for `sync --peer`.
    pub ticket: String,
}

impl Peer {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let Verb::Ticket { listen } = self.verb;
        let (profile, runtime) = (context.profile()?, context.online()?);
        let told =
            |route: alliance_core::keys::Route| context.ui.answer(&Answer::Ticket(Ticket { ticket: route.ticket() }));
        runtime.block_on(sync::direct::show(context, profile, listen, told))?;
        Ok(Answer::Said)
    }
}

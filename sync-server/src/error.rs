//! What ends the program, and errors with their causes as one line.

use std::{error::Error as StdError, io, net::SocketAddr};

use crate::store::StoreError;

/// Why the relay cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
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

impl Error {
    /// What an operator can do about it, if that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(StoreError::Locked(_)) => Some("stop the other relay, or choose another folder with --data"),
            Self::Store(StoreError::Folder { .. }) => Some("choose a folder that this user can write with --data"),
            Self::Store(StoreError::Newer { .. }) => Some("run the newer alliance-relay that wrote it"),
            Self::Store(StoreError::Foreign) => Some("choose an empty folder with --data"),
            Self::Store(StoreError::Damaged { .. }) => Some("restore a backup; devices send again what it lacks"),
            Self::Listen { .. } => Some("choose another address or port with --listen"),
            _ => None,
        }
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

//! Why another laptop could not be reached.

use std::io;

use alliance_core::app::AppError;
use iroh::endpoint::{BindError, ConnectError, ConnectingError, ConnectionError, InvalidSocketAddr};

/// Why there is no connection to another laptop. Everything of the person's is safe on this computer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Another program has the endpoint of this profile.
    #[error("{what} of this profile is running, and answers other computers")]
    Held {
        /// Which.
        what: String,
    },
    /// The file that says so.
    #[error("the endpoint cannot be locked")]
    Lock(#[source] io::Error),
    /// No port of this computer could be had.
    #[error("this computer cannot listen to others")]
    Bind(#[source] Box<BindError>),
    /// An address that cannot be listened at.
    #[error("this computer cannot listen there")]
    Listen(#[from] InvalidSocketAddr),
    /// This computer has no address.
    #[error("this computer is in no network")]
    NoAddress,
    /// A ticket whose key is none.
    #[error("the ticket names no computer")]
    NoKey,
    /// A ticket of this profile itself.
    #[error("the ticket is this computer's own")]
    Itself,
    /// Nobody answers there.
    #[error("the other computer does not answer")]
    Unreachable,
    /// Somebody answers who is not the one that was meant, or speaks something else.
    #[error("the other computer was not reached")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A connection from which nothing can be derived.
    #[error("the connection to the other computer is not safe")]
    Unbound,
    /// The profile.
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<BindError> for PeerError {
    fn from(error: BindError) -> Self {
        Self::Bind(Box::new(error))
    }
}

impl From<ConnectError> for PeerError {
    fn from(error: ConnectError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl From<ConnectingError> for PeerError {
    fn from(error: ConnectingError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl From<ConnectionError> for PeerError {
    fn from(error: ConnectionError) -> Self {
        Self::Refused(Box::new(error))
    }
}

//! Why a conversation with a relay did not come about, or ended early.

use std::io;

use alliance_core::app::SessionError;
use tokio_tungstenite::tungstenite;

use crate::net::tls::Untrusted;

/// Why a relay could not be talked with; everything of the person's is safe on this computer.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Nobody answers there.
    #[error("no relay answers at {url}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Somebody answers whose certificate is not taken for the relay's.
    #[error("the certificate of {url} is not trusted: {why}")]
    Untrusted {
        /// The address.
        url: String,
        /// Why not.
        why: Untrusted,
    },
    /// Somebody answers, but not as a relay does.
    #[error("what answers at {url} is not a relay")]
    NotARelay {
        /// The address.
        url: String,
        /// What was wrong.
        #[source]
        source: Box<tungstenite::Error>,
    },
    /// Somebody answers, but not with the scheme of the address.
    #[error("what answers at {url} {why}; its address is probably {other}")]
    Scheme {
        /// The address.
        url: String,
        /// What it does instead.
        why: &'static str,
        /// The address with the other scheme.
        other: String,
    },
    /// The connection broke.
    #[error("the connection to the relay broke")]
    Broke(#[source] Box<tungstenite::Error>),
    /// The relay closed it.
    #[error("the relay closed the connection")]
    Closed,
    /// What comes is longer than any frame.
    #[error("what came is longer than anything that is said here")]
    TooLong,
    /// The relay says nothing any more.
    #[error("the relay does not answer any more")]
    Silent,
    /// This computer slept, so nobody knows what became of the connection.
    #[error("this computer slept")]
    Slept,
}

/// A conversation ended early.
#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    /// The network failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// What was said makes no sense, or could not be taken in.
    #[error(transparent)]
    Session(#[from] SessionError),
}

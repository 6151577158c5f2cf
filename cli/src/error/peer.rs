//! What helps where another computer was not reached, and where a ticket is none.

use alliance_core::keys::route;

use super::{
    Exit,
    advice::{self, Advice},
};
use crate::net::peer::PeerError;

/// What is said wherever it passes by itself.
pub(super) const AGAIN: &str = "all is saved here; try again while the other computer shows its ticket or watches";

/// For tickets.
pub(super) fn ticket(error: &route::Error) -> Advice {
    let (code, hint) = match error {
        route::Error::Foreign => (
            "not_a_ticket",
            "a ticket begins with alliance-peer: and comes from `alliance peer ticket` on the other computer",
        ),
        route::Error::Mistyped => ("ticket_mistyped", "copy it whole, from alliance-peer: to the end"),
        route::Error::Newer(_) => ("ticket_newer", "install the newest `alliance`"),
        route::Error::Malformed => ("ticket_malformed", "make a new one there: `alliance peer ticket`"),
    };
    (code, Exit::Failed, Some(hint.to_owned()))
}

/// For other computers that are not reached.
pub(super) fn reached(error: &PeerError) -> Advice {
    let (code, exit, hint) = match error {
        PeerError::Held { .. } => ("peer_held", Exit::Failed, "end it, or let it do what you want"),
        PeerError::Lock(_) => ("folder", Exit::Failed, "see who may write the folder of the profile"),
        PeerError::Bind(_) | PeerError::Listen(_) => {
            ("peer_listen", Exit::Failed, "another program may have that port: name another one with --listen")
        }
        PeerError::NoAddress => ("peer_listen", Exit::NotReached, "connect it to a network and try again"),
        PeerError::NoKey | PeerError::Itself => (
            "ticket_malformed",
            Exit::Failed,
            "type the ticket that `alliance peer ticket` shows on the other computer",
        ),
        PeerError::Unreachable | PeerError::Refused(_) | PeerError::Unbound => {
            ("peer_unreachable", Exit::NotReached, AGAIN)
        }
        PeerError::App(error) => return advice::app(error),
    };
    (code, exit, Some(hint.to_owned()))
}

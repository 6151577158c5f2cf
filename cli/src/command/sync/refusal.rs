//! Why something is not on its relay, in words of people, and who can help: it did not take it, or it could not be
//! sealed here.
//!
//! One code of the protocol stands for several limits of a relay; what is known here tells some of them apart.

use alliance_core::app::{Hindrance, RelayInfo, SpaceStatus, Unsealed};
use alliance_replica::exchange::frame::Code;

/// Why something is not on its relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The relay did not take it.
    Refused(&'static str),
    /// It could not be sealed on this computer.
    Unsealed(&'static str),
}

impl Why {
    /// Why the relay did not take it, if it was asked.
    pub fn refused(self) -> Option<&'static str> {
        match self {
            Self::Refused(why) => Some(why),
            Self::Unsealed(_) => None,
        }
    }

    /// Why it could not be sealed on this computer, if that is so.
    pub fn unsealed(self) -> Option<&'static str> {
        match self {
            Self::Unsealed(why) => Some(why),
            Self::Refused(_) => None,
        }
    }
}

/// What is said of a relay that was told a token and did not take it.
const NOT_TAKEN: &str = "it takes new alliances only of those it knows, and not for the token that is kept here: ask whoever runs it what it \
     wants; another token is kept with `alliance relay token`";

/// Of a relay that holds the space: a share is full, or too much came at once.
const FULL: &str = "it takes no more of it: your part of the room there is full, or too much came at once; sync again in an \
    hour, and if it says so again ask whoever runs the relay for more room";

/// Of a relay that does not hold it.
const NEW: &str = "it takes no more new alliances for now; sync again in an hour, and if it says so again ask whoever runs the \
    relay";

/// A relay's reason to end a connection, for people.
pub fn refusal(code: Code) -> &'static str {
    match code {
        Code::Version => "it speaks another version of the protocol; install the newest `alliance`",
        Code::Frame | Code::Proof => "it did not understand this program",
        Code::NotMember => "this computer does not belong there, or no longer: `alliance status` says what helps",
        Code::UnknownSpace => "it does not know this alliance",
        Code::Expired => "the invitation has run out",
        Code::Entry => "it refused something that was written",
        Code::Limit => {
            "too much comes from this network right now: wait a while, and if it says so again ask whoever runs it"
        }
        Code::Slow => "this connection is too slow",
        Code::Closing => "it is being stopped",
        Code::Storage => "its disk cannot be written or read: if it says so again, tell whoever runs it",
        Code::Internal => "something went wrong in it",
        Code::Token => {
            "it takes new alliances only of those it knows: ask whoever runs it; a token is kept with `alliance relay token`"
        }
    }
}

/// Why another computer does not exchange a space.
pub(super) fn refused_by_computer(hindrance: Hindrance) -> Why {
    match hindrance {
        Hindrance::Refused(Code::NotMember) => Why::Refused(
            "this computer does not belong there any more, or the other one has not heard of it yet: a sync with the other \
             person, or with another computer of yours, tells",
        ),
        Hindrance::Refused(Code::Expired) => Why::Refused("the invitation was used or has run out"),
        Hindrance::Refused(Code::Entry | Code::Limit) => Why::Refused("it refused something that was written"),
        Hindrance::Refused(Code::Internal | Code::Storage) => Why::Refused("something went wrong there"),
        Hindrance::Refused(_) => Why::Refused("it did not understand this program"),
        Hindrance::Unsealed(_) => unsealed(hindrance),
    }
}

fn unsealed(hindrance: Hindrance) -> Why {
    match hindrance {
        Hindrance::Unsealed(Unsealed::Records) => Why::Unsealed(
            "too many computers, keys and invitations were changed in it; `alliance new` starts another alliance, and this one \
             stays readable",
        ),
        _ => Why::Unsealed(
            "a key is missing, or something does not fit; `alliance sync` tries again, `alliance doctor` and `alliance \
             security` show what happened",
        ),
    }
}

/// Why something of a space is not on its relay.
pub(super) fn why(hindrance: Hindrance, relay: &RelayInfo, is_held: bool) -> Why {
    match hindrance {
        Hindrance::Refused(code) => Why::Refused(refusal_of(code, relay, is_held)),
        Hindrance::Unsealed(_) => unsealed(hindrance),
    }
}

/// A relay's reason not to take a space, or something in it: one that it holds already is no new one.
fn refusal_of(code: Code, relay: &RelayInfo, is_held: bool) -> &'static str {
    match code {
        Code::Limit if is_held => FULL,
        Code::Limit => NEW,
        Code::Token if relay.token.is_some() => NOT_TAKEN,
        code => refusal(code),
    }
}

/// Why what there is of a space is not on its relay, if there is more to it than that nobody has synced.
pub fn standing(space: &SpaceStatus, relays: &[RelayInfo]) -> Option<Why> {
    let relay = relays.iter().find(|relay| relay.keeps(&space.space))?;
    let is_open = space.waiting + space.unsent > 0 || !space.kept;
    space.hindrance.filter(|_| is_open).map(|hindrance| why(hindrance, relay, space.kept))
}

//! Why something was refused: the code that the peer gets, and the name under which it is counted.

use alliance_replica::exchange::frame::Code;

/// Why a channel or a connection ends, or an entry is passed over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// What the protocol's codes say by themselves.
    Code(u8),
    /// A share of a space is full.
    Quota,
    /// Too fast, although asked to pause.
    Rate,
    /// Too many spaces opened, or keys looked for, in too short a time.
    Opens,
    /// Too many new spaces in too short a time.
    Spaces,
    /// None of the spaces that the policy lists.
    List,
    /// A token that the policy does not know; [`Code::Token`] by itself is none at all.
    WrongToken,
    /// Too many connections.
    Connections,
    /// Too many openers that had still to show why they belong, or too many bytes of one.
    Candidates,
    /// Too much that waits for its author to be introduced.
    Waiting,
    /// Entries that do not link to what is here, again and again.
    Unlinked,
    /// Too much in memory.
    Memory,
    /// No proof, or nothing opened, in time.
    Late,
    /// The key of an invitation, over whose own connection it was taken up or taken back; [`Code::Expired`] by itself is
    /// one that comes too late.
    Ended,
}

impl Reason {
    /// Every reason, for whoever counts from zero.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.into_iter().map(|(code, _)| code.into()).chain(OTHERS)
    }

    /// What the peer is told.
    pub fn code(self) -> Code {
        match self {
            Self::Code(n) => CODES.iter().find(|(code, _)| *code as u8 == n).map_or(Code::Internal, |(code, _)| *code),
            Self::Late => Code::Slow,
            Self::Ended => Code::Expired,
            // To whoever is turned away it is the same: ask whoever runs the relay.
            Self::List | Self::WrongToken => Code::Token,
            _ => Code::Limit,
        }
    }

    /// A word for those who count.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code(n) => CODES.iter().find(|(code, _)| *code as u8 == n).map_or("internal", |(_, name)| *name),
            Self::Quota => "quota",
            Self::Rate => "rate",
            Self::Opens => "opens",
            Self::Spaces => "spaces",
            Self::List => "list",
            Self::WrongToken => "wrong_token",
            Self::Connections => "connections",
            Self::Candidates => "candidates",
            Self::Waiting => "waiting",
            Self::Unlinked => "unlinked",
            Self::Memory => "memory",
            Self::Late => "late",
            Self::Ended => "ended",
        }
    }
}

impl From<Code> for Reason {
    fn from(code: Code) -> Self {
        Self::Code(code as u8)
    }
}

const OTHERS: [Reason; 13] = [
    Reason::Quota,
    Reason::Rate,
    Reason::Opens,
    Reason::Spaces,
    Reason::List,
    Reason::WrongToken,
    Reason::Connections,
    Reason::Candidates,
    Reason::Waiting,
    Reason::Unlinked,
    Reason::Memory,
    Reason::Late,
    Reason::Ended,
];

/// What a relay tells; it never says [`Code::Internal`].
const CODES: [(Code, &str); 12] = [
    (Code::Version, "version"),
    (Code::Frame, "frame"),
    (Code::Proof, "proof"),
    (Code::NotMember, "not_member"),
    (Code::UnknownSpace, "unknown_space"),
    (Code::Expired, "expired"),
    (Code::Entry, "entry"),
    (Code::Limit, "limit"),
    (Code::Slow, "slow"),
    (Code::Closing, "closing"),
    (Code::Storage, "storage"),
    (Code::Token, "token"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_told_as_it_is() {
        assert!(
            CODES.iter().all(|(code, name)| Reason::from(*code).code() == *code && Reason::from(*code).name() == *name)
        );
        assert_eq!((Reason::Quota.code(), Reason::Late.code()), (Code::Limit, Code::Slow));
        assert_eq!((Reason::List.code(), Reason::List.name()), (Code::Token, "list"));
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: Vec<_> = Reason::all().map(Reason::name).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }
}

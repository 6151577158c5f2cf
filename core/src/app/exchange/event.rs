//! What a connection tells whoever drives it.

use std::collections::BTreeSet;

use alliance_replica::{
    exchange::{Broken, frame::Code},
    id::{ItemId, SpaceId},
};

use crate::app::{AppError, Hindrance};

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The peer broke the protocol.
    #[error("the relay does not speak as it should")]
    Broken(#[from] Broken),
    /// The relay's key is not the one that is known.
    #[error("the relay at {url} has another key than before")]
    OtherRelay {
        /// Its address.
        url: String,
    },
    /// The peer ended the connection.
    #[error("the relay ended the connection ({0:?})")]
    Closed(Code),
    /// Something went wrong here.
    #[error(transparent)]
    App(#[from] AppError),
}

/// What a driver may show.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The relay proved its key; `first` is true if it was not known before.
    Connected {
        /// Whether the key is pinned from now on.
        first: bool,
    },
    /// Entries came or went.
    Progress,
    /// The relay does not let this device into a space or refused an entry, or what waits could not be sealed here.
    Hindered {
        /// The space.
        space: SpaceId,
        /// Why.
        why: Hindrance,
    },
    /// What is kept of a space here is damaged; all others go on.
    Damaged {
        /// The space.
        space: SpaceId,
    },
    /// The relay had lost something of a space that it once had; it gets it again.
    Lost {
        /// The space.
        space: SpaceId,
    },
    /// A space is exchanged elsewhere from now on, because the alliance says so.
    Moved {
        /// The space.
        space: SpaceId,
    },
    /// The relay helps this laptop's endpoint to connect with others.
    Helped,
    /// The other person is here now, or not any more.
    Here {
        /// The alliance.
        space: SpaceId,
        /// Whether they are.
        here: bool,
    },
    /// Something of this space changed here, because something arrived.
    Changed {
        /// The space.
        space: SpaceId,
        /// Which items.
        items: BTreeSet<ItemId>,
        /// Where it met what this person had written.
        met: BTreeSet<Met>,
    },
}

/// A field in which something arrived that was written without knowing of what this person wrote there, nor this person
/// of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Met {
    /// The item.
    pub item: ItemId,
    /// The field.
    pub field: String,
    /// True if there are several values now, from which somebody may choose; false if a text has both.
    pub is_choice: bool,
}

/// What came and went in one space.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Entries that came.
    pub received: u64,
    /// Entries that went: the relay says that they are on its disk.
    pub sent: u64,
    /// Items that changed here because of what came.
    pub changed: u64,
}

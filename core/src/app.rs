//! The façade: open a profile, do something, look at something, drive an exchange.
//!
//! The only layer that sees all others. It never prints, asks, or looks at a clock, an environment or a network: what it
//! needs of the world comes in as [`World`] and as frames.

mod agreement;
mod apply;
mod arrange;
mod backup;
mod checkup;
mod computers;
mod devices;
mod documents;
mod dropping;
mod errand;
pub mod exchange;
mod find;
mod glance;
mod history;
#[cfg(test)]
mod hostile;
mod import;
mod inquiry;
mod intent;
mod joining;
mod late;
mod live;
mod membership;
mod parting;
mod presence;
mod profile;
mod query;
mod reach;
mod receive;
mod relays;
mod renewal;
mod restore;
mod routes;
mod seal;
mod search;
mod seen;
mod space;
mod status;
mod today;
mod undo;
mod verify;
mod words;

use std::collections::BTreeMap;

use alliance_replica::id::{DeviceId, ItemId, SpaceId};
use rand_core::CryptoRng;

pub use agreement::Agreement;
pub use apply::ahead::{Helpers, Work};
pub use arrange::Whereto;
pub use backup::{Aside, AsideState, BackedUp, Backup, BackupError, Drilled, Merged};
pub use checkup::{Checkup, SpaceCheckup};
pub use computers::{Computer, Tended};
pub use devices::{Device, KeyIn, KeyOf};
pub use dropping::{Answer as DropAnswer, Droppable, Dropping};
pub use errand::Errand;
pub use exchange::{Arrivals, Met, Session, SessionError, SessionEvent, Tally};
pub use find::SHORTEST_PART;
pub use glance::Glance;
pub use history::{Calendar, Chapter};
pub use import::{Agreed, Imported, Whole};
pub use inquiry::Inquiry;
pub use intent::{Done, Place};
pub use joining::Joining;
pub use late::{Late, LateThing};
pub use live::Typed;
pub use profile::{AllianceInfo, AllianceState, Person};
pub use query::{Archived, Choice, ChoiceValue, Item, Owner, Progress, Said, Summary, Who};
pub use reach::WordsNeed;
pub use relays::{Hindrance, RelayInfo, Unsealed};
pub use renewal::{CutBy, Out};
pub use restore::{Others, Restored, Seeking, Wanted};
pub use routes::Passage;
pub use search::Found;
pub use status::{DeviceStatus, Member, Members, SpaceStatus};
pub use today::{Looks, Today};
pub use verify::{Held, Verify};
pub use words::WhoseWords;

pub use crate::domain::Intent;

use crate::{
    document::{EditError, UndoError},
    domain::RuleError,
    keys,
    store::{Store, StoreError},
};
use documents::Documents;
use space::Space;

/// What comes from outside with every call that changes something.
pub struct World<'a> {
    /// Unix seconds.
    pub now: i64,
    /// Where randomness comes from.
    pub rng: &'a mut dyn CryptoRng,
}

/// An item of this profile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ItemRef {
    /// The space it lives in.
    pub space: SpaceId,
    /// The item.
    pub item: ItemId,
}

/// An open profile: one person on this computer. Opening it loads no log and no document.
pub struct Profile {
    store: Store,
    spaces: BTreeMap<SpaceId, Space>,
    documents: Documents,
    /// Keys of recovery words, by space, while a person is brought back. They are in memory alone.
    lent: BTreeMap<SpaceId, keys::DeviceSecret>,
    /// Who helps to read what arrives.
    helpers: Option<Helpers>,
}

impl Profile {
    /// Lends other processors, on which much that arrives at once is read sooner.
    pub fn set_helpers(&mut self, helpers: Helpers) {
        self.helpers = Some(helpers);
    }
}

/// What can go wrong, for a person to read in `cli/error.rs`.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The profile's file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was asked for cannot be said, or not by this person.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// What was asked for cannot be written.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// An invitation's text.
    #[error(transparent)]
    Invitation(#[from] keys::invitation::Error),
    /// The invitation is good, but does not let this person in.
    #[error("the invitation does not let you in")]
    NotInvited(#[source] NotInvited),
    /// The words do not bring anybody back here.
    #[error("the words do not bring you back")]
    NotRestored(#[source] NotRestored),
    /// A backup.
    #[error("the backup cannot be used")]
    Backup(#[from] BackupError),
    /// Sealing failed.
    #[error("what waits cannot be sealed")]
    Seal(#[from] keys::seal::Error),
    /// What waits cannot be packed.
    #[error("what waits cannot be packed")]
    Pack(#[from] keys::content::Error),
    /// A key is not there.
    #[error("a key is missing")]
    Epoch(#[from] keys::epoch::Error),
    /// Not enough memory for the safety words.
    #[error("there is not enough memory to compute the safety words")]
    Memory(#[from] keys::safety::OutOfMemory),
    /// This person's computers have written as many records into an alliance's log as it holds.
    #[error("too many computers, keys and invitations were changed in this alliance")]
    TooManyRecords,
    /// No item is meant.
    #[error("there is no {kind} “{text}” here")]
    NotFound {
        /// The kind that was asked for, or "item".
        kind: String,
        /// What was said.
        text: String,
        /// Short ids and titles of what may have been meant.
        like: Vec<Candidate>,
    },
    /// Nothing was said that could mean an item.
    #[error("it is not said which {kind}")]
    NotNamed {
        /// The kind that was asked for, or "item".
        kind: String,
    },
    /// Several items are meant.
    #[error("“{text}” could mean several things")]
    Ambiguous {
        /// What was said.
        text: String,
        /// What could be meant.
        candidates: Vec<Candidate>,
    },
    /// A kind of which no copy can be shared.
    #[error("a {kind} cannot be shared as a copy")]
    NotShareable {
        /// The kind.
        kind: String,
    },
    /// What should be shared is for both already.
    #[error("“{title}” is for both of you already")]
    SharedAlready {
        /// Its title.
        title: String,
    },
    /// A choice that is not there, or not any more.
    #[error("there is no value {number} to choose for “{title}”")]
    NoSuchValue {
        /// The item's short id.
        short: String,
        /// Its kind.
        kind: String,
        /// Its title.
        title: String,
        /// The number.
        number: usize,
        /// What there is to choose in the item.
        choices: Vec<Choice>,
    },
    /// Nothing was done here that could be taken back, or done again.
    #[error("there is nothing to take back")]
    NothingToUndo,
    /// What was done last cannot be taken back, or what was taken back last not done again.
    #[error("what you {} “{title}” cannot be {}",
        if *undo { "last did to" } else { "took back of" }, if *undo { "taken back" } else { "done again" })]
    NotUndone {
        /// True if it was to be taken back.
        undo: bool,
        /// The item's short id.
        short: String,
        /// Its kind.
        kind: String,
        /// Its title.
        title: String,
        /// Why not.
        #[source]
        why: UndoError,
    },
    /// The personal space of the person has not come to this computer yet.
    #[error("what you have on your other computer has not come here yet")]
    NotHereYet,
    /// There is no alliance yet.
    #[error("there is no alliance here yet")]
    NoAlliance,
    /// The profile does not belong to this space.
    #[error("this profile does not belong to that space")]
    UnknownSpace,
    /// An address that no relay can have.
    #[error("“{url}” is not the address of a relay")]
    RelayAddress {
        /// What was said.
        url: String,
    },
    /// A relay that is used, and so is not given up.
    #[error("the relay {url} is in use")]
    RelayInUse {
        /// Its address.
        url: String,
    },
    /// A relay that is not known here.
    #[error("there is no relay {url} here")]
    NoSuchRelay {
        /// What was said.
        url: String,
    },
    /// There is no relay.
    #[error("no relay is set")]
    NoRelay,
    /// Only the device that founded the alliance can invite the other person.
    #[error("only the computer on which the alliance was made can invite the other person")]
    NotFounder,
    /// The device is this one, or nobody's, or the other person's.
    #[error("that is not another computer of yours in this alliance")]
    NotYourDevice,
    /// Another computer of this person is called so.
    #[error("another computer of yours is called “{name}”")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// This person left the alliance, or this computer was cut off.
    #[error("this alliance is over for this computer: nothing new can be written in it")]
    Ended,
    /// Another computer of this person, or their words, cut this one off.
    #[error("this computer was cut off: it is not let in again under the keys that it has")]
    CutOff,
    /// The alliance has two members already.
    #[error("the alliance has its two members already")]
    Full,
}

/// An item that could be meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its short id.
    pub short: String,
    /// Its title.
    pub title: String,
    /// True if only its owner can see it.
    pub private: bool,
}

/// Why a good invitation does not let somebody in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotInvited {
    /// The relay has no such space, or does not know the invitation: the inviter has not synced since.
    #[error("the relay does not know the invitation yet")]
    Unknown,
    /// Somebody has used it.
    #[error("the invitation was used, or taken back")]
    Used,
    /// Too late.
    #[error("the invitation has run out")]
    Expired,
    /// The inviter took it back.
    #[error("the invitation was withdrawn")]
    Withdrawn,
    /// One is a member already.
    #[error("you belong to this alliance already")]
    Member,
    /// The relay is another one than the invitation names.
    #[error("the relay is not the one that the invitation names")]
    OtherRelay,
}

/// Why recovery words do not bring somebody back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotRestored {
    /// The relay holds nothing of these words.
    #[error("the relay knows nothing of these words")]
    Unknown,
    /// The profile that is there is of other words.
    #[error("the profile here is not that of these words")]
    OtherWords,
    /// Other words ended these.
    #[error("these words were ended by other ones")]
    Ended,
    /// The relay has another key than before.
    #[error("the relay has another key than before")]
    OtherRelay,
    /// The relay sent more than anybody's records can be.
    #[error("the relay sends more than there can be")]
    TooMuch,
    /// No relay is known to have what lets this computer in.
    #[error("the relay does not know of this computer yet")]
    Unsent,
    /// No alliance says how the person is called, and nobody did.
    #[error("it is not known how you are called")]
    Nameless,
}

/// Hexadecimal start of a device's name, enough to tell one's few devices apart.
fn short_device(device: &DeviceId) -> String {
    device.to_string()[..8].to_owned()
}

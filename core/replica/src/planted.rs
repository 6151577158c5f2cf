//! Faults put into the code on purpose, to see that the simulator finds each of them.
//!
//! Only a build with the feature `planted` knows them, and there only a thread that asked for one has it. In every other
//! build [`is`] is false, and what it would lead to is not in the program.

/// A fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "their names say what they are; docs/testing.md has the list")]
pub enum Bug {
    AckBeforeFsync,
    NoPredecessorCheck,
    SealBeforePull,
    ActorReused,
    NoConfirmNeeded,
    AfterIgnored,
    DroppedInsteadOfWaiting,
    VersionOffByOne,
    ResendWithoutDedupe,
    ViewNotUpdated,
    WriterCheckSkipped,
    AuthorCheckSkipped,
    ForkSilentlyAccepted,
    InviteKeyStillWrapped,
    RelayAcksBeforeCommit,
    RelayAcksFailedCommit,
    QueueEmptiedTooFar,
    LastEntryNotSent,
    EpochOfCutAuthorUsed,
    LeaveOvertakesContent,
    EndingBeforePull,
    LostComputerStays,
    DoorsLeftOpen,
    TakenBackLetsIn,
    RenewedKeyLives,
    RenewsNothing,
    WordsKeepOthers,
    WordsOpenNothing,
    LaterAllianceForgotten,
    OwnBoundRaised,
    EpochsMergedForOwn,
    OwnershipUnchecked,
    ArchiveHidesWords,
}

#[cfg(feature = "planted")]
mod chosen {
    use std::cell::Cell;

    use super::Bug;

    std::thread_local! {
        static CHOSEN: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a fault in this thread, or none any more.
    pub fn plant(bug: Option<Bug>) {
        CHOSEN.set(bug);
    }

    /// True if this thread has the fault.
    pub fn is(bug: Bug) -> bool {
        CHOSEN.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use chosen::{is, plant};

/// True if this thread has the fault.
#[cfg(not(feature = "planted"))]
#[inline]
pub const fn is(_bug: Bug) -> bool {
    false
}

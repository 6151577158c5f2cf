//! The simulator is tested, too: faults that are put into the code on purpose are found, each within so many seeds.
//!
//! Built with the feature `planted` alone; `tests/run planted` does so.

use alliance_replica::planted::{Bug, plant};
use alliance_tests::sim::{Knobs, run};

/// A fault, the seed from which on and the number of seeds within which it is found, and how it shows.
const BUGS: [(Bug, u64, u64, &[&str]); 33] = [
    (Bug::AckBeforeFsync, 0, 10, &["I1"]),
    (Bug::SealBeforePull, 0, 20, &["I2"]),
    (Bug::NoConfirmNeeded, 0, 20, &["I4"]),
    (Bug::ResendWithoutDedupe, 0, 20, &["I10"]),
    (Bug::ViewNotUpdated, 0, 10, &["I"]),
    (Bug::InviteKeyStillWrapped, 0, 10, &["I4"]),
    (Bug::LastEntryNotSent, 0, 20, &["I"]),
    (Bug::QueueEmptiedTooFar, 0, 10, &["I"]),
    (Bug::RelayAcksFailedCommit, 0, 20, &["I1", "I3"]),
    (Bug::RelayAcksBeforeCommit, 0, 20, &["I1"]),
    (Bug::AuthorCheckSkipped, 0, 20, &["I9"]),
    (Bug::NoPredecessorCheck, 0, 10, &["I"]),
    (Bug::EpochOfCutAuthorUsed, 0, 10, &["I4"]),
    (Bug::LeaveOvertakesContent, 0, 10, &["I8"]),
    (Bug::EndingBeforePull, 0, 40, &["I8"]),
    (Bug::WriterCheckSkipped, 0, 40, &["I9"]),
    (Bug::ActorReused, 0, 20, &["I"]),
    (Bug::AfterIgnored, 0, 10, &["I3"]),
    (Bug::DroppedInsteadOfWaiting, 0, 20, &["I3"]),
    (Bug::VersionOffByOne, 0, 20, &["I8"]),
    (Bug::ForkSilentlyAccepted, 0, 10, &["I2"]),
    (Bug::OwnBoundRaised, 0, 10, &["I9"]),
    (Bug::LostComputerStays, 0, 40, &["I4"]),
    (Bug::DoorsLeftOpen, 0, 40, &["I3", "I4"]),
    (Bug::TakenBackLetsIn, 0, 20, &["I4"]),
    (Bug::RenewedKeyLives, 0, 20, &["I4"]),
    (Bug::RenewsNothing, 0, 20, &["I"]),
    (Bug::WordsKeepOthers, 0, 20, &["I4"]),
    (Bug::WordsOpenNothing, 0, 20, &["I"]),
    (Bug::EpochsMergedForOwn, 14, 6, &["I3"]),
    (Bug::LaterAllianceForgotten, 0, 40, &["I3"]),
    (Bug::OwnershipUnchecked, 0, 10, &["I"]),
    (Bug::ArchiveHidesWords, 0, 20, &["I8"]),
];

/// The world in which a fault is looked for: one without it ends well.
fn world(bug: Bug, seed: u64) -> Knobs {
    match bug {
        // Nobody forks their control chain by themselves, or cuts a computer that goes on as if it knew nothing.
        Bug::ForkSilentlyAccepted | Bug::OwnBoundRaised => Knobs { thieves: 40, ..Knobs::CALM },
        // What these break happens often there, and nothing else goes wrong.
        Bug::LostComputerStays
        | Bug::DoorsLeftOpen
        | Bug::TakenBackLetsIn
        | Bug::RenewedKeyLives
        | Bug::RenewsNothing
        | Bug::LaterAllianceForgotten => Knobs { own: 80, invites: 20, ..Knobs::CALM },
        Bug::EpochsMergedForOwn => Knobs { own: 80, computers: 40, latency: 2_000, ..Knobs::CALM },
        // Elsewhere it may show first by somebody who was let in and whom nobody else knows.
        Bug::NoConfirmNeeded => Knobs { invites: 60, ..Knobs::CALM },
        // Nobody archives anything elsewhere, or has much that is only theirs.
        Bug::OwnershipUnchecked | Bug::ArchiveHidesWords => Knobs { coaching: 800, ..Knobs::CALM },
        // Who leaves has written what is not on its way yet.
        Bug::LeaveOvertakesContent => Knobs { leaves: 12, latency: 2_000, cut: 40, partition: 40, ..Knobs::CALM },
        // A relay that lost everything is sent much at once.
        Bug::LastEntryNotSent => Knobs { relay_loses: 150, ..Knobs::CALM },
        Bug::RelayAcksFailedCommit => Knobs { relay_full: 60, relay_crash: 40, ..Knobs::CALM },
        Bug::EndingBeforePull => Knobs { own: 80, computers: 40, latency: 2_000, partition: 20, ..Knobs::CALM },
        Bug::WriterCheckSkipped | Bug::AuthorCheckSkipped | Bug::NoPredecessorCheck => {
            Knobs { forges: 120, ..Knobs::CALM }
        }
        Bug::WordsKeepOthers | Bug::WordsOpenNothing => Knobs { words: 30, ..Knobs::CALM },
        _ => Knobs::of(seed),
    }
}

/// Looks for these faults, in one seed after the other. `ALLIANCE_BUG` names a single one, `ALLIANCE_SEED` and
/// `ALLIANCE_WORLDS` other seeds.
fn find(bugs: &[(Bug, u64, u64, &[&str])]) {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
    let only = std::env::var("ALLIANCE_BUG").ok();
    let mut missed = Vec::new();
    for (bug, first, seeds, signs) in bugs {
        if only.as_ref().is_some_and(|only| *only != format!("{bug:?}")) {
            continue;
        }
        let (first, seeds) = (number("ALLIANCE_SEED", *first), number("ALLIANCE_WORLDS", *seeds));
        plant(Some(*bug));
        let found = (first..first + seeds).find_map(|seed| {
            let violation = run(seed, world(*bug, seed), 300).violation?;
            Some((seed, violation.0))
        });
        plant(None);
        if let Some((seed, _)) = &found
            && world(*bug, *seed) != Knobs::of(*seed)
        {
            assert_eq!(run(*seed, world(*bug, *seed), 300).violation, None, "it is not the fault that is found");
        }
        match found {
            Some((seed, said)) if signs.iter().any(|sign| said.starts_with(sign)) => {
                println!("{bug:?}: seed {seed}: {}", said.lines().next().unwrap_or_default());
            }
            other => missed.push(format!("{bug:?}: {other:?}")),
        }
    }
    assert!(missed.is_empty(), "not found, or not as it should be:\n{}", missed.join("\n"));
}

#[test]
fn the_first_planted_faults_are_found() {
    find(&BUGS[..BUGS.len() / 2]);
}

#[test]
fn the_other_planted_faults_are_found() {
    find(&BUGS[BUGS.len() / 2..]);
}

//! The simulator is tested, too: faults that are put into the code on purpose are found, each within so many seeds.
//!
//! Built with the feature `planted` alone; `tests/run planted` does so.

use alliance_replica::planted::{Bug, plant};
use alliance_tests::sim::{Knobs, run};

/// A fault, the seeds within which it is found, and how it shows.
const BUGS: [(Bug, u64, &[&str]); 20] = [
    (Bug::AckBeforeFsync, 40, &["I1"]),
    (Bug::NoPredecessorCheck, 40, &["I"]),
    (Bug::SealBeforePull, 40, &["I2"]),
    (Bug::ActorReused, 40, &["I"]),
    (Bug::NoConfirmNeeded, 40, &["I4"]),
    (Bug::AfterIgnored, 40, &["I"]),
    (Bug::DroppedInsteadOfWaiting, 40, &["I3", "I8"]),
    (Bug::VersionOffByOne, 40, &["I8"]),
    (Bug::ResendWithoutDedupe, 40, &["I"]),
    (Bug::ViewNotUpdated, 40, &["I3"]),
    (Bug::WriterCheckSkipped, 40, &["I9"]),
    (Bug::AuthorCheckSkipped, 40, &["I9"]),
    (Bug::ForkSilentlyAccepted, 80, &["I2"]),
    (Bug::InviteKeyStillWrapped, 40, &["I"]),
    (Bug::RelayAcksBeforeCommit, 40, &["I1"]),
    (Bug::RelayAcksFailedCommit, 40, &["I1"]),
    (Bug::QueueEmptiedTooFar, 40, &["I8"]),
    (Bug::LastEntryNotSent, 40, &["I3"]),
    (Bug::StaleAfterOtherProcess, 40, &["I"]),
    (Bug::AckBeforeFsync, 40, &["I1"]),
];

#[test]
fn every_planted_fault_is_found() {
    let only = std::env::var("ALLIANCE_BUG").ok();
    let mut missed = Vec::new();
    for (bug, seeds, signs) in BUGS {
        if only.as_ref().is_some_and(|only| *only != format!("{bug:?}")) {
            continue;
        }
        plant(Some(bug));
        let found = (0..seeds).find_map(|seed| {
            let violation = run(seed, Knobs::of(seed), 300).violation?;
            Some((seed, violation.0))
        });
        plant(None);
        match found {
            Some((seed, said)) if signs.iter().any(|sign| said.starts_with(sign)) => {
                println!("{bug:?}: seed {seed}: {}", said.lines().next().unwrap_or_default());
            }
            other => missed.push(format!("{bug:?}: {other:?}")),
        }
    }
    assert!(missed.is_empty(), "not found, or not as it should be:\n{}", missed.join("\n"));
}

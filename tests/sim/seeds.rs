//! Whole worlds from seeds: see [`alliance_tests::sim`].
//!
//! `ALLIANCE_SEED` says from which seed on, `ALLIANCE_WORLDS` how many in each test, `ALLIANCE_STEPS` how long they are.
//! With a seed and no number of worlds it is this one that is played, and those just after it.

use std::env;

use alliance_tests::sim::{Knobs, run, story};

/// Worlds of each test, in the gate.
const WORLDS: u64 = 26;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Plays worlds in which people lose computers and keep what they may lose.
#[test]
fn worlds_of_backups_late_work_and_new_words_end_well() {
    let first = number("ALLIANCE_SEED").unwrap_or(0);
    let worlds = number("ALLIANCE_WORLDS").unwrap_or(16);
    for seed in first..first + worlds {
        let knobs = Knobs { keeps: 60, own: 30, kill: 10, partition: 10, latency: 500, ..Knobs::CALM };
        if run(seed, knobs, 300).violation.is_some() {
            panic!("{}", story(seed, knobs, 300));
        }
    }
}

/// Plays the worlds of one of the tests; tells the shortest story that goes wrong if one does.
fn play(test: u64) {
    let steps = usize::try_from(number("ALLIANCE_STEPS").unwrap_or(300)).expect("not so many");
    let seed = number("ALLIANCE_SEED");
    let worlds = number("ALLIANCE_WORLDS").unwrap_or(if seed.is_some() { 1 } else { WORLDS });
    let first = seed.unwrap_or(0) + test * worlds;
    let (mut time, mut faults) = (0, 0);
    for seed in first..first + worlds {
        let report = run(seed, Knobs::of(seed), steps);
        if report.violation.is_some() {
            panic!("{}", story(seed, Knobs::of(seed), steps));
        }
        time += report.time;
        faults += report.faults.values().sum::<u64>();
    }
    println!("{worlds} worlds from {first} on, {} hours of their time, {faults} faults", time / 3_600_000);
}

#[test]
fn worlds_end_well_0() {
    play(0);
}

#[test]
fn worlds_end_well_1() {
    play(1);
}

#[test]
fn worlds_end_well_2() {
    play(2);
}

#[test]
fn worlds_end_well_3() {
    play(3);
}

#[test]
fn worlds_end_well_4() {
    play(4);
}

#[test]
fn worlds_end_well_5() {
    play(5);
}

#[test]
fn worlds_end_well_6() {
    play(6);
}

#[test]
fn worlds_end_well_7() {
    play(7);
}

#[test]
fn the_same_seed_is_the_same_world_to_the_byte() {
    for seed in [3, 9, number("ALLIANCE_SEED").unwrap_or(41)] {
        let [one, other] = [(); 2].map(|()| run(seed, Knobs::of(seed), 150));
        assert_eq!(one.steps, other.steps);
        assert_eq!(one, other);
    }
}

#[test]
fn worlds_of_commitments_sessions_and_agreements_end_well() {
    let first = number("ALLIANCE_SEED").unwrap_or(0);
    for seed in first..first + number("ALLIANCE_WORLDS").unwrap_or(16) {
        let knobs = Knobs { coaching: 600, ..Knobs::of(seed) };
        if run(seed, knobs, 300).violation.is_some() {
            panic!("{}", story(seed, knobs, 300));
        }
    }
}

#[test]
fn worlds_that_once_went_wrong_end_well() {
    // Who was put back and meets a relay that began to lie only then; what a relay dropped before its author was; two that
    // were put back to before they joined; a fork that came in two halves; who was cut off in one place, and who forked; a word
    // between two that stuck together was taken back; what an item is came with what did not count; a copy that knew no relay;
    // who was let in twice, and heard at the second time of a cut.
    for seed in [
        40_502, 41_344, 1_300_209, 1_300_343, 1_400_567, 1_400_494, 1_401_574, 1_401_261, 1_401_212, 1_400_740,
        1_601_351, 1_601_664, 1_602_124,
    ] {
        if run(seed, Knobs::of(seed), 300).violation.is_some() {
            panic!("{}", story(seed, Knobs::of(seed), 300));
        }
    }
}

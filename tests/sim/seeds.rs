//! Whole worlds from seeds: see [`alliance_tests::sim`].
//!
//! `ALLIANCE_SEED` says from which seed on, `ALLIANCE_WORLDS` how many of each kind, `ALLIANCE_STEPS` how long they are.

use std::env;

use alliance_tests::sim::{Knobs, run, shrink};

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Plays worlds from this seed on; tells the shortest story that goes wrong if one does.
fn play(first: u64, worlds: u64) {
    let steps = usize::try_from(number("ALLIANCE_STEPS", 300)).expect("not so many");
    let first = number("ALLIANCE_SEED", first);
    let (mut time, mut faults) = (0, 0);
    for seed in first..first + number("ALLIANCE_WORLDS", worlds) {
        let knobs = Knobs::of(seed);
        let report = run(seed, knobs, steps);
        if report.violation.is_some() {
            let (steps, report) = shrink(seed, knobs, steps).unwrap_or((steps, report));
            let story = report.steps.join("\n");
            let violation = report.violation.expect("it still goes wrong");
            panic!("{story}\nALLIANCE_SEED={seed} ALLIANCE_WORLDS=1 ALLIANCE_STEPS={steps} {knobs:?}\n{}", violation.0);
        }
        time += report.time;
        faults += report.faults.values().sum::<u64>();
    }
    println!("{} hours of the world's time, {faults} faults", time / 3_600_000);
}

#[test]
fn worlds_of_the_first_seeds_end_well() {
    play(0, 25);
}

#[test]
fn the_same_seed_is_the_same_world_to_the_byte() {
    let seed = number("ALLIANCE_SEED", 3);
    let [one, other] = [(); 2].map(|()| run(seed, Knobs::of(seed), 150));
    assert_eq!(one.steps, other.steps);
    assert_eq!(one, other);
}

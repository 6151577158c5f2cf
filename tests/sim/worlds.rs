//! Worlds for as long as one likes, on every core: `tests/long sim 3h`.
//!
//! Prints the story of each world that goes wrong, and in the end how many there were.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]

use std::{
    collections::BTreeMap,
    env,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use alliance_tests::sim::{Knobs, run, story};

/// What all worlds came to.
#[derive(Default)]
struct Tally {
    worlds: u64,
    steps: u64,
    hours: u64,
    faults: BTreeMap<&'static str, u64>,
    wrong: Vec<u64>,
}

fn main() -> ExitCode {
    let number = |at, otherwise| {
        env::args().nth(at).map_or(otherwise, |text: String| text.parse().expect("seconds, a first seed, steps"))
    };
    let (seconds, first, steps) = (number(1, 60), number(2, 0), number(3, 300));
    let until = Instant::now() + Duration::from_secs(seconds);
    let (next, tally) = (AtomicU64::new(first), Mutex::new(Tally::default()));
    let long = usize::try_from(steps).expect("not so many");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while Instant::now() < until {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let report = run(seed, Knobs::of(seed), long);
                    let wrong = report.violation.is_some();
                    if wrong {
                        println!("{}", story(seed, Knobs::of(seed), long));
                    }
                    let mut tally = tally.lock().expect("nobody panics with it");
                    tally.worlds += 1;
                    tally.steps += steps;
                    tally.hours += report.time / 3_600_000;
                    for (fault, times) in report.faults {
                        *tally.faults.entry(fault).or_default() += times;
                    }
                    tally.wrong.extend(wrong.then_some(seed));
                }
            });
        }
    });
    let Tally { worlds, steps, hours, faults, wrong } = tally.into_inner().expect("nobody panicked with it");
    let days = hours / 24;
    println!("seeds {first} to {}: {worlds} worlds, {steps} steps, {days} days of their time", first + worlds);
    faults.iter().for_each(|(fault, times)| println!("  {times:>8} {fault}"));
    println!("{} violations{}{wrong:?}", wrong.len(), if wrong.is_empty() { " " } else { ", of seeds " });
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

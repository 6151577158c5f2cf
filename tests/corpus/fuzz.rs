//! Every fuzz target over its committed inputs and over some thousand that are made from them.
//!
//! `ALLIANCE_FUZZ` says for how many seconds each target goes on; the gate tries a fixed number, with a fixed seed.

use std::{
    env, fs,
    io::{self, Write as _},
    panic::{self, AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use alliance_tests::fuzz::{TARGETS, Target, begin, last_words, mutated, seeds};
use peakmem_alloc::PeakMemAllocTrait as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::MEMORY;

/// How long an input may take before it counts as one that never ends. Nothing honest takes a hundredth of it.
const FOREVER: Duration = Duration::from_secs(120);
/// Most bytes of all inputs together.
const ALL: u64 = 400 * 1024;

macro_rules! targets {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            holds($name);
        })*

        #[test]
        fn every_target_has_its_test_and_its_program() {
            let tested = [$($name),*];
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(tested.to_vec(), names);
            for name in names {
                let program = folder().with_file_name("fuzz_targets").join(name.replace('-', "_")).with_extension("rs");
                let text = fs::read_to_string(program).expect("a program for libFuzzer");
                assert!(text.contains(&format!("{name:?}")), "the program of {name} runs something else");
            }
        }
    };
}

targets! {
    entries_hold: "entry",
    control_records_hold: "control",
    frames_hold: "frame",
    invitations_hold: "invitation",
    contents_hold: "content",
    packed_bytes_hold: "packed",
    backups_hold: "backup",
    whispers_hold: "whisper",
    changes_hold: "changes",
    snapshots_hold: "snapshot",
    views_hold: "view",
    configurations_of_relays_hold: "relay-config",
    settings_hold: "settings",
}

#[test]
fn seeds_are_what_the_code_makes() {
    for ((target, name), bytes) in seeds() {
        let file = folder().join(target).join(&name);
        if env::var_os("ALLIANCE_BLESS").is_some_and(|bless| bless == "1") {
            fs::create_dir_all(folder().join(target)).expect("a folder");
            fs::write(&file, bytes).expect("a file");
        } else {
            // An input stays as it was found good for something; what the code would make now may be another one.
            assert!(file.exists(), "{} is missing; ALLIANCE_BLESS=1 writes it", file.display());
        }
    }
    let files = TARGETS.iter().flat_map(|target| inputs(target.name));
    let all: u64 = files.map(|(_, bytes)| bytes.len() as u64).sum();
    assert!(all <= ALL, "{all} bytes of inputs");
}

/// Runs a target over its inputs, then over mutated ones.
fn holds(name: &str) {
    let target = *TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    let inputs = inputs(name);
    assert!(!inputs.is_empty(), "{name} has no inputs");
    // What a thread makes once is not an input's.
    begin();
    (target.run)(&inputs[0].1);
    let (first, seconds) = (number("ALLIANCE_SEED").unwrap_or(1), number("ALLIANCE_FUZZ"));
    let watch = seconds.map(|_| Watch::over(target));
    let mut most = 0;
    for (file, bytes) in &inputs {
        most = most.max(takes(target, bytes, watch.as_ref(), &format!("{}", file.display())));
    }
    let began = Instant::now();
    let mut tries = 0;
    while seconds.map_or(tries < target.tries, |seconds| began.elapsed().as_secs() < seconds) {
        let mut rng = ChaCha20Rng::seed_from_u64(first.wrapping_mul(1_000_000_007).wrapping_add(tries));
        let mut pick = || &inputs[rng.next_u32() as usize % inputs.len()].1;
        let (one, other) = (pick(), pick());
        let bytes = mutated(one, other, &mut rng);
        most = most.max(takes(target, &bytes, watch.as_ref(), &format!("input {tries} from seed {first}")));
        tries += 1;
    }
    let said = format!("{name}: {} kept inputs, {tries} made ones, {most} KiB at most", inputs.len());
    writeln!(io::stderr(), "{said}").expect("a stream for what tests say");
}

/// Runs a target over one input; returns how much memory that took, in KiB. An input at which it fails is kept.
fn takes(target: Target, bytes: &[u8], watch: Option<&Watch>, what: &str) -> usize {
    watch.into_iter().for_each(|watch| watch.begins(bytes));
    MEMORY.reset_peak_memory();
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    let peak = MEMORY.get_peak_memory() / 1024;
    watch.into_iter().for_each(Watch::ends);
    if ended.is_ok() && peak <= target.memory {
        return peak;
    }
    let kept = keep(target, bytes);
    drop(panic::take_hook());
    match ended {
        Ok(()) => panic!("{what} ({kept}) took {peak} KiB, more than {}", target.memory),
        Err(_) => panic!("{what} ({kept}): {}", last_words()),
    }
}

fn keep(target: Target, bytes: &[u8]) -> String {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.found", target.name));
    fs::write(&file, bytes).expect("a file");
    format!("{} bytes, kept in {}", bytes.len(), file.display())
}

/// Ends the program if an input never does: only in long runs, and only long after everything else.
struct Watch(Sender<Option<Vec<u8>>>);

impl Watch {
    fn over(target: Target) -> Self {
        let (sender, inputs) = mpsc::channel::<Option<Vec<u8>>>();
        thread::spawn(move || {
            while let Ok(input) = inputs.recv() {
                let Some(bytes) = input else { continue };
                if inputs.recv_timeout(FOREVER) == Err(RecvTimeoutError::Timeout) {
                    let said = format!("{} does not end: {}", target.name, keep(target, &bytes));
                    writeln!(io::stderr(), "{said}").expect("a stream for what tests say");
                    process::abort();
                }
            }
        });
        Self(sender)
    }

    fn begins(&self, bytes: &[u8]) {
        self.0.send(Some(bytes.to_vec())).expect("somebody watches");
    }

    fn ends(&self) {
        self.0.send(None).expect("somebody watches");
    }
}

/// The committed inputs of a target, by name.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(files) = fs::read_dir(folder().join(target)) else { return Vec::new() };
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("a file"))).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds")
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

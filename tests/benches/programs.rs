//! Whole programs, as a person starts them: how long a command takes beside a bare one, whether ten years make it slower,
//! how much memory it wants; a text typed key by key; how soon another one sees it; how long a bare machine takes to get
//! everything back; and what a relay carries.
//!
//! Commands take turns, round after round, so that whatever else the machine does meanwhile slows all of them; what counts
//! are ratios of medians of one run.
#![allow(clippy::print_stdout)]

mod live;
mod practice;
mod relay;
mod restore;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use alliance_tests::{
    Wire, believable,
    trace::{Trace, Typing},
};

/// Rounds, of which the medians are taken.
const ROUNDS: usize = 41;
/// Kibibytes of memory that a command may need.
const MEMORY: u64 = 40 * 1024;

fn main() -> ExitCode {
    let wanted: Vec<_> = env::args().skip(1).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|it| it == part);
    let mut report = Report { met: true };
    // Before folders are put into memory: what it waits for is a disk.
    if wants("live") {
        live::run(&mut report);
    }
    if wants("restore") {
        restore::run(&mut report);
    }
    if wants("programs") {
        programs(&mut report);
    }
    if wants("practice") {
        practice::run(&mut report);
    }
    if wants("trace") {
        trace(&mut report);
    }
    if wants("relay") {
        relay::run(&mut report);
    }
    if report.met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Cold commands on profiles of one year and of ten.
fn programs(report: &mut Report) {
    let data = data();
    let homes = [1, 10].map(|years| made(&data, years));
    let scratch = tempfile::tempdir_in(&data).expect("a folder");
    let [one, ten] = homes.map(|home| {
        let copy = scratch.path().join(home.file_name().expect("a name"));
        copy_folder(&home, &copy);
        copy
    });
    let (bare, raw) = (bare(), raw_insert(scratch.path()));
    let note = ["note", "add", "A thought on the way home", "-m", "We should talk about September once more."];
    let mut commands = [
        bare,
        raw,
        ben(&one, &["today"]),
        ben(&ten, &["today"]),
        ben(&one, &["goal", "list"]),
        ben(&ten, &["goal", "list"]),
        ben(&one, &note),
        ben(&ten, &note),
    ];
    let [bare, raw, today_1, today_10, goals_1, goals_10, note_1, note_10] = medians(&mut commands);
    println!("alliance --version {}, a bare program's insert {}", ms(bare), ms(raw));
    report.line("today, ten years, to --version", today_10, bare, 3.0);
    report.line("today, ten years to one", today_10, today_1, 1.3);
    report.line("goal list, ten years, to --version", goals_10, bare, 3.0);
    report.line("goal list, ten years to one", goals_10, goals_1, 1.3);
    report.line("note add, ten years, to --version and an insert", note_10, bare + raw, 3.0);
    report.line("note add, ten years to one", note_10, note_1, 1.3);
    for words in [&["today"][..], &["goal", "list"], &note] {
        report.memory(&words[..words.len().min(2)].join(" "), &ben(&ten, words), &scratch.path().join("memory"));
    }
}

/// A program that was built with this one.
fn built(name: &str) -> PathBuf {
    env::current_exe().expect("a program").with_file_name(name)
}

/// Where the disk is: what is kept in memory would make commits cheap.
fn data() -> PathBuf {
    let data = built("../bench-data");
    fs::create_dir_all(&data).expect("a folder");
    data
}

/// A command on Ben's profile in a home folder.
fn ben(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(built("alliance"));
    command.args(["--profile", "ben"]).args(words).env("ALLIANCE_HOME", home);
    command
}

/// A command that does nothing with a profile.
fn bare() -> Command {
    let mut command = Command::new(built("alliance"));
    command.arg("--version");
    command
}

/// A bare program that puts one row on disk, in a database in a folder.
fn raw_insert(folder: &Path) -> Command {
    let mut command = Command::new(built("raw-insert"));
    command.arg(folder.join("raw.db"));
    command
}

/// The profiles of some years, made in memory if there is none yet.
fn made(data: &Path, years: usize) -> PathBuf {
    made_by(&format!("an alliance of {years} years"), || believable::home(data, years))
}

/// A profile, and how long it took to make it if there was none yet.
fn made_by(what: &str, make: impl FnOnce() -> PathBuf) -> PathBuf {
    in_memory();
    let start = Instant::now();
    let home = make();
    if start.elapsed() > Duration::from_secs(1) {
        println!("made {what} in {:.0} s", start.elapsed().as_secs_f64());
    }
    home
}

/// Has folders that are thrown away in memory, where the system offers that: nobody waits for a disk there.
fn in_memory() {
    if Path::new("/dev/shm").is_dir() {
        // Said before is as good.
        let _ = tempfile::env::override_temp_dir(Path::new("/dev/shm"));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let copy = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            fs::copy(&path, &copy).expect("a copy");
        }
    }
}

/// Runs every command once a round; returns the median of each.
fn medians<const N: usize>(commands: &mut [Command; N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for round in 0..=ROUNDS {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            let start = Instant::now();
            let status =
                command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a program beside this one");
            let time = start.elapsed();
            assert!(status.success(), "{command:?} fails");
            // The first round only brings files into memory.
            if round > 0 {
                times.push(time);
            }
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

/// How many times what Automerge saves a typed text may take on its way.
const TRAVELS: f64 = 1.3;

/// A text typed key by key, sent, and fetched by somebody new.
fn trace(report: &mut Report) {
    in_memory();
    let trace = Trace::friends();
    let mut typing = Typing::new(11);
    let start = Instant::now();
    trace.keystrokes.iter().for_each(|key| typing.press(key));
    let typed = start.elapsed();
    let each = typed / u32::try_from(trace.keystrokes.len()).expect("32 bits");
    println!("{} keystrokes, each its own change: {typed:.1?}, {each:.0?} each", trace.keystrokes.len());
    typing.world.wire = Some(Wire::default());
    let start = Instant::now();
    typing.world.sync("Ben");
    let sent = start.elapsed();
    let start = Instant::now();
    assert_eq!(typing.join(), trace.text);
    let fetched = start.elapsed();
    let Wire { up, down } = typing.world.wire.take().expect("it was watched");
    let size = |entries: &[alliance_replica::log::entry::Entry]| entries.iter().map(|it| it.size()).sum::<usize>();
    println!("sealed and sent in {sent:.2?}, {} entries", up.len());
    println!("joined, fetched and read in {fetched:.2?}, {} entries", down.len());
    let saved = trace.saved() as f64;
    report.most("bytes up, to what Automerge saves", size(&up) as f64, saved, TRAVELS);
    report.most("bytes down, to what Automerge saves", size(&down) as f64, saved, TRAVELS);
}

/// What is printed, and whether every limit was met.
struct Report {
    met: bool,
}

impl Report {
    fn line(&mut self, what: &str, time: Duration, baseline: Duration, limit: f64) {
        let ratio = time.as_secs_f64() / baseline.as_secs_f64();
        let verdict = self.verdict(ratio <= limit);
        println!("{what:<50} {:>9} / {:>9} = {ratio:5.2}, at most {limit} {verdict}", ms(time), ms(baseline));
    }

    /// A number that must be at least so many times another.
    fn least(&mut self, what: &str, value: f64, baseline: f64, limit: f64) {
        let ratio = value / baseline;
        let verdict = self.verdict(ratio >= limit);
        println!("{what:<50} {value:>9.0} / {baseline:>9.0} = {ratio:5.2}, at least {limit} {verdict}");
    }

    /// A number that must be at most so many times another.
    fn most(&mut self, what: &str, value: f64, baseline: f64, limit: f64) {
        let ratio = value / baseline;
        let verdict = self.verdict(ratio <= limit);
        println!("{what:<50} {value:>9.1} / {baseline:>9.1} = {ratio:5.2}, at most {limit} {verdict}");
    }

    /// The most memory that a command had at one time. GNU time says it; without it nothing is said.
    fn memory(&mut self, what: &str, command: &Command, note: &Path) {
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M", "-o"]).arg(note).arg(command.get_program()).args(command.get_args());
        timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if timed.output().is_err() {
            println!("{what:<50} memory unknown: GNU time is not installed");
            return;
        }
        let peak: u64 = fs::read_to_string(note).expect("a note").trim().parse().expect("kibibytes");
        let verdict = self.verdict(peak <= MEMORY);
        println!("{what:<50} {:>6.1} MB, at most {} {verdict}", peak as f64 / 1024.0, MEMORY / 1024);
    }

    fn verdict(&mut self, met: bool) -> &'static str {
        self.met &= met;
        if met { "" } else { "NOT MET" }
    }
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

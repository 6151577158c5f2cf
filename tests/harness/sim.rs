//! A world of people, computers and a relay that runs from one seed: the real programs' code, virtual time, and faults.
//!
//! [`run`] plays a number of steps: people write, computers meet the relay, crash, lose power, fall asleep; the network
//! delays and breaks off; the relay crashes, forgets, is restored, lies. Oracles look on: what was acknowledged stays on
//! disk, no log forks, whatever a relay holds is unreadable. In the end the faults stop, and within [`BOUND`] everybody
//! has come to the same, with every word that anybody wrote.
//!
//! Everything that happens follows from the seed: [`Report::digest`] is of all frames and steps, in order.

mod asking;
mod coaching;
mod device;
mod dice;
mod end;
mod family;
mod forgery;
mod growth;
mod history;
mod keeps;
mod network;
mod node;
mod oracle;
mod own;
mod past;
mod people;
mod record;
mod sealed;
mod theft;
mod wal;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use alliance_replica::id::{DeviceId, SpaceId, hash};

use device::Device;
use dice::Dice;
pub use history::{Belief, History, Written};
use network::{Event, Line};
use node::Node;
use oracle::Seen;
use record::Record;

/// Milliseconds of the world's time within which everybody has everything once the faults stop.
pub const BOUND: u64 = 60 * 60 * 1000;
/// What seconds everything begins at.
const START: i64 = crate::START;

/// What may go wrong, and how often: times in a thousand steps, unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Knobs {
    /// Most milliseconds that a frame takes.
    pub latency: u64,
    /// A computer's program is killed, in some call or between two.
    pub kill: u64,
    /// A computer loses power, in some call or between two.
    pub power: u64,
    /// A computer's disk is full for a while.
    pub disk_full: u64,
    /// A computer's network lets nothing through for a while, one way or both.
    pub partition: u64,
    /// A connection ends, and one side or both learn of it late.
    pub cut: u64,
    /// A computer's clock jumps, by up to days.
    pub skew: u64,
    /// A computer's profile is replaced by an earlier copy of itself.
    pub restore: u64,
    /// A copy of a computer's profile goes on beside it.
    pub copy: u64,
    /// The relay crashes between any two of its steps.
    pub relay_crash: u64,
    /// The relay cannot write for a while.
    pub relay_full: u64,
    /// The relay loses everything, or is put back to what it was.
    pub relay_loses: u64,
    /// The relay begins or ends to drop, repeat, reorder or withhold.
    pub relay_lies: u64,
    /// Somebody with Carl's keys sends Ben something that no honest program writes.
    pub forges: u64,
    /// Somebody with Carl's keys says who belongs to a space.
    pub thieves: u64,
    /// Ben invites somebody, and perhaps two people take the same invitation up.
    pub invites: u64,
    /// Somebody takes another computer into use, or cuts one off.
    pub computers: u64,
    /// Somebody leaves an alliance.
    pub leaves: u64,
    /// Somebody takes another computer into use that is to have all they have, cuts one off, or renews its keys.
    pub own: u64,
    /// Somebody has lost all computers, and comes back by their words.
    pub words: u64,
    /// Somebody makes a backup or takes one in, takes in what came late, or makes new words.
    pub keeps: u64,
    /// How many of a thousand things that people do have to do with commitments, sessions and the like.
    pub coaching: u64,
    /// Whether the relay keeps its entries in a real database.
    pub sqlite: bool,
}

impl Knobs {
    /// Nothing goes wrong, and frames take no time to speak of.
    pub const CALM: Self = Self {
        latency: 5,
        kill: 0,
        power: 0,
        disk_full: 0,
        partition: 0,
        cut: 0,
        skew: 0,
        restore: 0,
        copy: 0,
        relay_crash: 0,
        relay_full: 0,
        relay_loses: 0,
        relay_lies: 0,
        forges: 0,
        thieves: 0,
        invites: 0,
        computers: 0,
        leaves: 0,
        own: 0,
        words: 0,
        keeps: 0,
        coaching: 0,
        sqlite: false,
    };

    /// What a seed makes of it: some worlds have all faults, some one kind, some none.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x6b6e_6f62);
        // Where three computers write and a relay holds something back, much comes before what it names.
        let crowd = dice.chance(200);
        let mut knob = |likely: u64, most: u64| if dice.chance(likely) { dice.between(1, most) } else { 0 };
        let knobs = Self {
            latency: 5 + knob(800, 2_000),
            kill: knob(500, 60),
            power: knob(500, 60),
            partition: knob(500, 40),
            cut: knob(500, 40),
            skew: knob(300, 10),
            restore: knob(350, 40),
            copy: knob(200, 8),
            relay_crash: knob(500, 40),
            relay_full: knob(250, 15),
            relay_loses: knob(350, 15),
            relay_lies: knob(400, 30),
            forges: knob(350, 80),
            thieves: 0,
            invites: knob(500, 10),
            sqlite: knob(60, 1) == 1,
            computers: knob(400, 40),
            disk_full: knob(250, 20),
            leaves: knob(150, 4),
            own: knob(300, 40),
            words: knob(200, 12),
            keeps: knob(200, 60),
            coaching: knob(300, 500),
        };
        if crowd { Self { computers: 80, relay_lies: 80, ..knobs } } else { knobs }
    }
}

/// Something that must not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation(pub String);

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Over all steps and frames, in order.
    pub digest: [u8; 32],
    /// What happened, a line each.
    pub steps: Vec<String>,
    /// How often each fault struck.
    pub faults: BTreeMap<&'static str, u64>,
    /// Milliseconds of the world's time that passed.
    pub time: u64,
    /// What must not have been, if there was something.
    pub violation: Option<Violation>,
    /// What is left of each alliance, if all is well.
    pub histories: Vec<History>,
}

/// A world.
pub(crate) struct Sim {
    knobs: Knobs,
    dice: Dice,
    /// Milliseconds since the beginning.
    clock: u64,
    due: BTreeMap<(u64, u64), Event>,
    events: u64,
    devices: BTreeMap<String, Device>,
    node: Node,
    lines: BTreeMap<u64, Line>,
    record: Record,
    seen: Seen,
    /// Alliances that two were in, and personal spaces with more than one computer.
    spaces: BTreeSet<SpaceId>,
    /// Those of them that are personal.
    personal: BTreeSet<SpaceId>,
    /// Alliances whose invitation was taken back before Ben's computer let anybody in.
    withdrawn: BTreeSet<SpaceId>,
    /// Everybody's words.
    words: BTreeMap<String, String>,
    /// Backups that were made, and whose they are.
    backups: Vec<(String, Vec<u8>)>,
    /// Keys that somebody's words have ended, as an honest relay knows.
    ended: BTreeSet<(SpaceId, DeviceId)>,
    /// Until when what computers wrote in a space is kept, where they were cut off or their person left.
    safe: BTreeMap<(String, SpaceId), u64>,
    steps: Vec<String>,
    faults: BTreeMap<&'static str, u64>,
    digest: [u8; 32],
    /// Whose program is not honest any more, and where.
    outlaws: BTreeSet<(String, SpaceId)>,
    /// The relay crashes after so many more frames.
    relay_fate: Option<u64>,
    /// True once no more faults shall come.
    calm: bool,
}

/// Plays so many steps of a seed, and the end.
#[must_use]
pub fn run(seed: u64, knobs: Knobs, steps: usize) -> Report {
    let mut sim = Sim::new(seed, knobs);
    let played = catch_unwind(AssertUnwindSafe(|| sim.play(steps).and_then(|()| sim.histories())));
    let (histories, violation) = match played {
        Ok(Ok(histories)) => (histories, None),
        Ok(Err(violation)) => (Vec::new(), Some(violation)),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
            (Vec::new(), Some(Violation(format!("I10: a panic: {}", said.unwrap_or_default()))))
        }
    };
    if let (Some(folder), Some(_)) = (env::var_os("ALLIANCE_KEEP"), &violation) {
        sim.keep(Path::new(&folder));
    }
    Report { digest: sim.digest, steps: sim.steps, faults: sim.faults, time: sim.clock, violation, histories }
}

/// The smallest number of steps, of at most `steps`, with which a seed fails, and how.
fn shrink(seed: u64, knobs: Knobs, steps: usize) -> Option<(usize, Report)> {
    let fails = |steps| Some((steps, run(seed, knobs, steps))).filter(|(_, report)| report.violation.is_some());
    let (mut low, mut found) = (0, fails(steps)?);
    // Not every longer run of a failing one must fail: what is found fails, and about half of it does not.
    while low + 1 < found.0 {
        let middle = usize::midpoint(low, found.0);
        match fails(middle) {
            Some(shorter) => found = shorter,
            None => low = middle,
        }
    }
    Some(found)
}

/// How a seed goes wrong, told as shortly as can be: what happened, how to see it again, and what must not be.
#[must_use]
pub fn story(seed: u64, knobs: Knobs, steps: usize) -> String {
    let Some((steps, report)) = shrink(seed, knobs, steps) else { return "it does not go wrong again".to_owned() };
    let violation = report.violation.map(|violation| violation.0).unwrap_or_default();
    let again = format!(
        "ALLIANCE_SEED={seed} ALLIANCE_STEPS={steps} cargo nextest run --workspace -E 'test(worlds_end_well_0)'"
    );
    format!("{}\n{knobs:?}\nagain with: {again}\n{violation}", report.steps.join("\n"))
}

impl Sim {
    fn new(seed: u64, knobs: Knobs) -> Self {
        Self {
            knobs,
            dice: Dice::new(seed),
            clock: 0,
            due: BTreeMap::new(),
            events: 0,
            devices: BTreeMap::new(),
            node: Node::new(knobs.sqlite),
            lines: BTreeMap::new(),
            record: Record::default(),
            seen: Seen::default(),
            spaces: BTreeSet::new(),
            personal: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            words: BTreeMap::new(),
            backups: Vec::new(),
            ended: BTreeSet::new(),
            safe: BTreeMap::new(),
            steps: Vec::new(),
            faults: BTreeMap::new(),
            digest: [0; 32],
            outlaws: BTreeSet::new(),
            relay_fate: None,
            calm: true,
        }
    }

    fn play(&mut self, steps: usize) -> Result<(), Violation> {
        self.begin()?;
        self.calm = false;
        for _ in 0..steps {
            self.step()?;
        }
        self.calm = true;
        self.end()
    }

    /// Copies every computer's profile to a folder, to be looked at.
    fn keep(&self, to: &Path) {
        for (name, device) in &self.devices {
            let to = to.join(name);
            fs::create_dir_all(&to).expect("a folder");
            for file in fs::read_dir(device.folder()).expect("a profile").flatten() {
                fs::copy(file.path(), to.join(file.file_name())).expect("a file");
            }
        }
    }

    /// Notes what happens.
    fn say(&mut self, what: String) {
        self.note(what.as_bytes());
        self.steps.push(format!("{:>12} {what}", self.clock));
    }

    /// Notes a fault, and what it was.
    fn strike(&mut self, fault: &'static str, what: String) {
        *self.faults.entry(fault).or_default() += 1;
        self.say(format!("{fault}: {what}"));
    }

    /// Takes something into the digest.
    fn note(&mut self, what: &[u8]) {
        self.digest = hash("simulation", &[&self.digest, &self.clock.to_le_bytes(), what]);
    }

    /// What everybody's clock would say, if none were wrong.
    fn unix(&self) -> i64 {
        START + i64::try_from(self.clock / 1000).expect("not that long")
    }
}

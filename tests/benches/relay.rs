//! What a relay carries: appends beside a bare database, a steady stream between pairs, and its memory.
//!
//! The load comes from this process, the relay is a program of its own; both share the machine, as a small server shares
//! one with whatever else it does.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use alliance_replica::log::entry::Entry;
use alliance_sync_server::store::{Append, Living, SqliteStore, Store as _};
use alliance_tests::{
    load::{Client, Listener, Said, Seat, Speaker},
    socket,
};
use rusqlite::Connection;
use tokio::{
    runtime::Builder,
    sync::Notify,
    task::LocalSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{Report, built, data, ms};

/// Bytes of a sealed body: a few words.
const BODY: usize = 256;
/// Entries that a device has on the way at a time when it only appends.
const WINDOW: usize = 32;
const APPENDERS: u64 = 64;
const APPENDS: usize = 600;
const PAIRS: u64 = 200;
/// Entries a second of all pairs together.
const STREAM: u64 = 4_000;
const SECONDS: u64 = 20;
const IDLE: u64 = 500;
/// Kibibytes that a connected space may take while nothing happens.
const IDLE_KIB: f64 = 40.0;
/// Stored spaces, few and very many. Few already fill the database's own cache, which is bounded.
const STORED: [u64; 2] = [10_000, 100_000];
/// By how much the memory of a relay may grow that stores very many spaces, none of them open.
const STORED_GROWTH: f64 = 1.1;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// All of it.
pub(crate) fn run(report: &mut Report) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        appends(report).await;
        stream(report).await;
        idle(report).await;
        stored(report).await;
    });
}

/// A relay in a folder of its own; killed when dropped.
pub(super) struct Relay {
    child: Child,
    address: String,
    metrics: String,
}

impl Relay {
    pub(super) fn start(folder: &Path) -> Self {
        let metrics = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let config = folder.join("relay.toml");
        // Everything comes from one address here.
        let bucket = "{ per_second = 1000000000, burst = 1000000000 }";
        let config_text = format!(
            "listen = \"127.0.0.1:0\"\nmetrics = \"{metrics}\"\ndata = \"{}\"\n[rate]\naddress_frames = {bucket}\n\
             address_bytes = {bucket}\naddress_opens = {bucket}\ndevice_frames = {bucket}\ndevice_bytes = {bucket}\n\
             address_spaces_per_hour = 100000\n[connections]\nper_address = 1000\n",
            folder.join("data").display()
        );
        fs::write(&config, config_text).expect("written");
        let mut command = Command::new(built("alliance-relay"));
        command.arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the relay starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("says something");
        let address = line.trim_end().strip_prefix("listening on http://").expect("says where it listens").to_owned();
        Self { child, address, metrics: metrics.to_string() }
    }

    /// Where it listens, as people type it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A number that the relay counts.
    pub(super) fn count(&self, name: &str) -> u64 {
        let page = socket::get(&self.metrics, "/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {page}"))
    }

    /// Kibibytes of memory in use.
    fn memory(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Seconds of the processor that it has used.
    fn worked(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(ticks as f64 / 100.0)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Many devices append as fast as the relay lets them, beside a bare program that verifies and stores the same.
async fn appends(report: &mut Report) {
    let folder = tempfile::tempdir_in(data()).expect("a folder");
    let relay = Relay::start(folder.path());
    let mut seats: Vec<_> = (0..APPENDERS).map(Seat::alone).collect();
    let mut clients = Vec::new();
    for seat in &mut seats {
        let client = Client::connect(&relay.address, seat).await;
        let entries = seat.seal(APPENDS, BODY);
        let frames = entries.iter().map(|entry| client.frame(seat, entry.clone())).collect::<Vec<_>>();
        clients.push((client, frames, entries));
    }
    let start = Instant::now();
    let mut tasks = Vec::new();
    let mut all = Vec::new();
    for (seat, (client, frames, entries)) in seats.iter().zip(clients) {
        all.push((seat, entries));
        tasks.push(tokio::task::spawn_local(append(client, frames)));
    }
    for task in tasks {
        timeout(PATIENCE, task).await.expect("ends").expect("appends");
    }
    let took = start.elapsed();
    let count = APPENDS * all.len();
    let group =
        relay.count("alliance_relay_committed_entries_total") / relay.count("alliance_relay_commits_total").max(1);
    let group = usize::try_from(group).expect("few").max(1);
    let worked = relay.worked();
    drop(relay);
    let bare = bare(&folder.path().join("bare.sqlite"), &all, group);
    let rate = |took: Duration| count as f64 / took.as_secs_f64();
    println!(
        "{count} appends of {APPENDERS} devices: {:.0}/s, {group} a commit, {:.1} s of processor; bare {:.0}/s",
        rate(took),
        worked.unwrap_or_default(),
        rate(bare)
    );
    report.least("appends a second, to a bare database", rate(took), rate(bare), 0.7);
}

/// Sends everything, with so many on the way at most; ends when all is on the relay's disk.
async fn append(client: Client, frames: Vec<Vec<u8>>) {
    let (mut speaker, mut listener) = client.split();
    let (mut sent, mut durable) = (0, 0);
    while durable < frames.len() {
        while sent < frames.len() && sent - durable < WINDOW {
            speaker.send(&frames[sent]).await;
            sent += 1;
        }
        match listener.next().await {
            Some(Said::Durable(seq)) => durable = usize::try_from(seq).expect("few"),
            Some(Said::Came(_)) => {}
            None => panic!("the relay has closed the connection"),
        }
    }
}

/// Verifies and stores the same entries as a relay does at the least: one signature an entry, one commit a group.
fn bare(file: &Path, all: &[(&Seat, Vec<Entry>)], group: usize) -> Duration {
    let mut database = Connection::open(file).expect("opens");
    database.pragma_update(None, "journal_mode", "wal").expect("sets");
    database.pragma_update(None, "synchronous", "full").expect("sets");
    let table = "CREATE TABLE entries (id BLOB PRIMARY KEY, header BLOB, signature BLOB, body BLOB) WITHOUT ROWID";
    database.execute(table, ()).expect("makes");
    let queue: Vec<_> =
        (0..APPENDS).flat_map(|n| all.iter().map(move |(seat, entries)| (*seat, &entries[n]))).collect();
    let start = Instant::now();
    for group in queue.chunks(group) {
        let transaction = database.transaction().expect("begins");
        for (seat, entry) in group {
            let entry = (*entry).clone().verify(&seat.space(), &seat.device()).expect("holds");
            let mut insert =
                transaction.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4)").expect("a query");
            let Entry { header, signature, body } = &entry.entry;
            insert.execute((entry.id.as_ref(), header, signature.0, body)).expect("inserts");
        }
        transaction.commit().expect("commits");
    }
    start.elapsed()
}

/// What a device of the stream has on the way.
#[derive(Default)]
struct Way {
    /// When each entry that the other one has not got yet was sent.
    forward: RefCell<VecDeque<Instant>>,
    /// When each entry that is not acknowledged yet was sent.
    ack: RefCell<VecDeque<Instant>>,
    durable: Cell<u64>,
}

/// A device of the stream, with all that it will send.
struct Writer {
    speaker: Speaker,
    frames: Vec<Vec<u8>>,
    way: Rc<Way>,
}

/// What the stream has come to.
#[derive(Default)]
struct Seen {
    came: RefCell<Vec<Duration>>,
    durable: RefCell<Vec<Duration>>,
    more: Notify,
}

/// Pairs write to each other at a steady pace; everything arrives and is acknowledged.
async fn stream(report: &mut Report) {
    let folder = tempfile::tempdir_in(data()).expect("a folder");
    let relay = Relay::start(folder.path());
    let count = usize::try_from(STREAM * SECONDS / (2 * PAIRS)).expect("few");
    let (mut writers, seen) = (Vec::<Writer>::new(), Rc::new(Seen::default()));
    for number in 0..PAIRS {
        let [mut ben, mut anna] = Seat::pair(1_000 + number);
        let ways = [Rc::new(Way::default()), Rc::new(Way::default())];
        let clients = [Client::connect(&relay.address, &ben).await, Client::connect(&relay.address, &anna).await];
        for (at, (client, seat)) in clients.into_iter().zip([&mut ben, &mut anna]).enumerate() {
            let entries = seat.seal(count, BODY);
            let frames = entries.into_iter().map(|entry| client.frame(seat, entry)).collect();
            let (speaker, listener) = client.split();
            let (own, other) = (Rc::clone(&ways[at]), Rc::clone(&ways[1 - at]));
            tokio::task::spawn_local(listen(listener, Rc::clone(&own), other, Rc::clone(&seen)));
            writers.push(Writer { speaker, frames, way: own });
        }
    }
    let idle = relay.worked();
    let start = Instant::now();
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let devices = writers.len();
    let total = count * devices;
    let each = usize::try_from(STREAM / 1_000).expect("few");
    for first in (0..total).step_by(each) {
        ticks.tick().await;
        for n in first..(first + each).min(total) {
            let at = n % devices;
            let Writer { speaker, frames, way } = &mut writers[at];
            let now = Instant::now();
            way.forward.borrow_mut().push_back(now);
            way.ack.borrow_mut().push_back(now);
            speaker.send(&frames[n / devices]).await;
        }
    }
    let sent = start.elapsed();
    let all = async {
        while seen.came.borrow().len() < total || seen.durable.borrow().len() < total {
            seen.more.notified().await;
        }
    };
    let arrived = timeout(PATIENCE, all).await.is_ok();
    let took = start.elapsed();
    let rate = total as f64 / took.as_secs_f64();
    let worked = relay.worked().zip(idle).map_or(0.0, |(now, before)| now - before);
    println!(
        "{total} entries of {} devices sent in {:.1} s ({:.0}/s), all there and durable after {:.1} s, {worked:.1} s of processor",
        devices,
        sent.as_secs_f64(),
        total as f64 / sent.as_secs_f64(),
        took.as_secs_f64()
    );
    println!("  to the other device {}", quantiles(&mut seen.came.borrow_mut()));
    println!("  to the acknowledgement {}", quantiles(&mut seen.durable.borrow_mut()));
    report.least("a stream between pairs, delivered and durable a second", rate, STREAM as f64, 0.97);
    report.least("  of it arrived", seen.came.borrow().len() as f64, total as f64, 1.0);
    assert!(arrived, "not everything arrived");
}

async fn listen(mut listener: Listener, own: Rc<Way>, other: Rc<Way>, seen: Rc<Seen>) {
    while let Some(said) = listener.next().await {
        let (way, count, times) = match said {
            Said::Came(count) => (&other.forward, count as u64, &seen.came),
            Said::Durable(seq) => (&own.ack, seq - own.durable.replace(seq), &seen.durable),
        };
        for _ in 0..count {
            let sent = way.borrow_mut().pop_front().expect("was sent");
            times.borrow_mut().push(sent.elapsed());
        }
        seen.more.notify_one();
    }
}

fn quantiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    format!("p50 {}, p99 {}, most {}", ms(at(50)), ms(at(99)), ms(times.last().copied().unwrap_or_default()))
}

/// Spaces that are open while nothing happens.
async fn idle(report: &mut Report) {
    let folder = tempfile::tempdir_in(data()).expect("a folder");
    let relay = Relay::start(folder.path());
    // What a first connection makes once is not counted for each.
    drop(Client::connect(&relay.address, &Seat::alone(10_000)).await);
    let before = relay.memory();
    let mut clients = Vec::new();
    for number in 0..IDLE {
        clients.push(Client::connect(&relay.address, &Seat::alone(20_000 + number)).await);
    }
    let Some((before, after)) = before.zip(relay.memory()) else {
        println!("memory of idle spaces unknown: this system has no /proc");
        return;
    };
    let each = (after - before) / clients.len() as f64;
    report.most("an idle connected space, KiB above the start", each, IDLE_KIB, 1.0);
}

/// A relay that stores very many spaces, beside one that stores few; the same devices come to both.
async fn stored(report: &mut Report) {
    let mut memory = Vec::new();
    for stored in STORED {
        let folder = tempfile::tempdir_in(data()).expect("a folder");
        // It makes its key before it keeps anything.
        drop(Relay::start(folder.path()));
        fill(&folder.path().join("data"), stored);
        let relay = Relay::start(folder.path());
        for number in 0..APPENDERS {
            let mut seat = Seat::alone(30_000 + number);
            let client = Client::connect(&relay.address, &seat).await;
            let frames = seat.seal(10, BODY).into_iter().map(|entry| client.frame(&seat, entry)).collect();
            append(client, frames).await;
        }
        assert!(relay.count("alliance_relay_spaces") >= stored);
        memory.push(relay.memory());
    }
    let (Some(few), Some(many)) = (memory[0], memory[1]) else { return };
    report.most("memory with 100 000 stored spaces, KiB, to 10 000", many, few, STORED_GROWTH);
}

fn fill(folder: &Path, spaces: u64) {
    let mut store = SqliteStore::open(folder).expect("a store");
    let numbers: Vec<_> = (0..spaces).map(|number| 1_000_000 + number).collect();
    for group in numbers.chunks(1_000) {
        let batch = group.iter().map(|number| {
            let seat = Seat::alone(*number);
            let (space, device) = (seat.space(), seat.device());
            let verified = |entry: &Entry| entry.clone().trusted(&space, &device).expect("own entries hold");
            Append {
                space,
                entries: seat.controls().map(verified).collect(),
                live: Some(vec![Living { device, agreed: true }]),
            }
        });
        store.append(&batch.collect::<Vec<_>>()).expect("stores");
    }
}

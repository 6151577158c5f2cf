//! Two people at two screens: how long from a key to its letter in the other one's view, on disk at both, beside an echo
//! over a WebSocket and the three writes to disk that lie on the way.

use std::{
    fs::File,
    io::Write as _,
    net::SocketAddr,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use alliance_core::{
    app::ItemRef,
    document::{ChangeHash, Splice},
};
use alliance_tests::{
    START,
    program::{PATIENCE, Person},
    screen::{Screen, Sends},
    socket::Socket,
    town::Town,
};
use axum::{Router, extract::WebSocketUpgrade, extract::ws::WebSocket, routing::get};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Builder};

use super::{Report, ms};

/// Letters that are in the text before.
const BEFORE: usize = 2000;
/// How many keys are pressed at each pace.
const SLOW: (usize, Duration) = (200, Duration::from_millis(100));
const FAST: (usize, Duration) = (500, Duration::from_millis(20));
/// Bytes of a message of the baseline, about those of an entry with one key in it.
const MESSAGE: usize = 512;
/// Bytes that each write of the baseline puts on disk: a page.
const PAGE: usize = 4096;
/// How many times the baseline a key may take.
const BOUND: f64 = 3.0;

/// Measures keys at both paces.
pub(super) fn run(report: &mut Report) {
    let town = Town::together();
    let text = "A line of words. ".repeat(BEFORE.div_ceil(17));
    let note =
        town.ben.json(&["note", "add", "Typed", "-m", &text[..BEFORE]])["id"].as_str().expect("an id").to_owned();
    town.meet();
    let mut ben = Screen::open(&town.ben, Sends::Live, None);
    let space = ben.space();
    let note = ben.profile.find(space, Some("note"), &note).expect("a note");
    let anna = Screen::open(&town.anna, Sends::Live, Some(note));
    let version = ben.profile.text(&note, "body").expect("a note").from.expect("a version");
    let mut typist = Typist { ben, anna, note, version, typed: 0 };
    typist.settle();

    let mut baseline = Baseline::new();
    let before = log_bytes(&town.ben);
    let keys = typist.press(SLOW, || baseline.once());
    let each = (log_bytes(&town.ben) - before) as usize / SLOW.0;
    let base = Quantiles::of(&mut baseline.times);
    let slow = Quantiles::of(&mut keys.clone());
    println!("echo over a WebSocket and three writes to disk: {base}");
    println!("keys 100 ms apart: {slow}; {each} bytes of log a key, {:.1} MB an hour", mb(each * 36_000));
    report.line("a key in the other one's view, to the echo", slow.half, base.half, BOUND);

    let before = log_bytes(&town.ben);
    let fast = Quantiles::of(&mut typist.press(FAST, || {}));
    let each = (log_bytes(&town.ben) - before) as usize / FAST.0;
    println!("keys  20 ms apart: {fast}; {each} bytes of log a key, {:.1} MB an hour", mb(each * 180_000));
}

/// Ben, who types, and Anna, who watches.
struct Typist {
    ben: Screen,
    anna: Screen,
    note: ItemRef,
    version: Vec<ChangeHash>,
    typed: usize,
}

impl Typist {
    /// Presses one key and waits until it was seen, so that both are connected and warm.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.key();
            while self.anna.arrival().text.is_none_or(|text| text.len() < BEFORE + self.typed) {}
        }
    }

    /// Presses keys at a pace; returns how long each took until it was in the other one's view. `meanwhile` is done after
    /// each.
    fn press(&mut self, (count, pace): (usize, Duration), mut meanwhile: impl FnMut()) -> Vec<Duration> {
        let first = self.typed;
        let begin = Instant::now();
        let mut pressed = Vec::new();
        for n in 0..count {
            let due = begin + pace * u32::try_from(n).expect("few keys");
            thread::sleep(due.saturating_duration_since(Instant::now()));
            pressed.push(Instant::now());
            self.key();
            if pace > FAST.1 {
                // It arrives long before this is over, and is not slowed by what is measured beside it.
                thread::sleep(pace / 2);
                meanwhile();
            }
        }
        let mut times = Vec::new();
        while times.len() < count {
            let arrival = self.anna.arrival();
            let seen = arrival.text.map_or(0, |text| text.len()) - BEFORE - first;
            let new = &pressed[times.len()..seen.clamp(times.len(), count)];
            times.extend(new.iter().map(|pressed| arrival.at.saturating_duration_since(*pressed)));
        }
        times
    }

    fn key(&mut self) {
        let insert = char::from(b'a' + u8::try_from(self.typed % 26).expect("a letter")).to_string();
        let splice = Splice { at: BEFORE / 2 + self.typed, delete: 0, insert };
        let typed = self.ben.press(self.note, &self.version, &[splice], START).expect("his own version");
        self.version = typed.mine;
        self.typed += 1;
    }
}

/// An echo over a WebSocket, then three writes to disk.
struct Baseline {
    socket: Socket,
    files: [File; 3],
    times: Vec<Duration>,
    _folder: TempDir,
}

impl Baseline {
    fn new() -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("somebody waits");
                let echo = Router::new().route("/sync", get(|it: WebSocketUpgrade| async { it.on_upgrade(echo) }));
                axum::serve(listener, echo).await.expect("serves");
            });
        });
        let address: SocketAddr = told.recv_timeout(PATIENCE).expect("an address");
        let folder = TempDir::with_prefix("alliance-echo-").expect("a folder");
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let files = ["one", "two", "three"].map(file);
        Self { socket: Socket::connect(&address.to_string()), files, times: Vec::new(), _folder: folder }
    }

    fn once(&mut self) {
        let start = Instant::now();
        self.socket.send(&[7; MESSAGE]).expect("sends");
        assert_eq!(self.socket.receive().map(|echo| echo.len()), Some(MESSAGE));
        for file in &mut self.files {
            file.write_all(&[7; PAGE]).expect("writes");
            file.sync_data().expect("is on disk");
        }
        self.times.push(start.elapsed());
    }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// How long something took, half of the times and nearly always.
struct Quantiles {
    half: Duration,
    most: Duration,
}

impl Quantiles {
    fn of(times: &mut [Duration]) -> Self {
        times.sort_unstable();
        Self { half: times[times.len() / 2], most: times[times.len() * 99 / 100] }
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {}, p99 {}", ms(self.half), ms(self.most))
    }
}

/// Bytes of all entries in a person's log.
fn log_bytes(person: &Person) -> u64 {
    let file: &Path = &person.profile();
    let sum = "SELECT SUM(LENGTH(header) + LENGTH(signature) + LENGTH(body)) FROM entries";
    let profile = Connection::open(file).expect("a profile");
    profile.query_row(sum, (), |row| row.get::<_, i64>(0)).expect("a sum").unsigned_abs()
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

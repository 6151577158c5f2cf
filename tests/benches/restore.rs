//! A bare machine gets ten years back from the relay by 24 words, beside what cannot be spared: the same bytes over a
//! bare socket, and each of the documents loaded once by Automerge.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use automerge::{Automerge, Change};
use rusqlite::Connection;

use super::{Report, ben, copy_folder, data, made, ms, relay::Relay};

/// How often everything is brought back; the median counts.
const ROUNDS: usize = 3;
/// How many times the baseline it may take.
const BOUND: f64 = 3.0;
/// Bytes that the baseline's socket takes at a time, about those of a frame.
const FRAME: usize = 64 * 1024;

/// Brings Ben back from what his computer had sent; and once more, now that the one before was cut off for it.
pub(super) fn run(report: &mut Report) {
    let data = data();
    let home = made(&data, 10);
    let scratch = tempfile::tempdir_in(&data).expect("a folder");
    let folder = |name: &str| scratch.path().join(name);
    let words = fs::read_to_string(home.join("ben/words.txt")).expect("words");
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let place = folder(&format!("round-{round}"));
        fs::create_dir(&place).expect("a folder");
        let relay = Relay::start(&place);
        let lost = Computer { home: place.join("lost") };
        copy_folder(&home, &lost.home);
        lost.moves(&relay);
        for (time, rounds) in rounds.iter_mut().enumerate() {
            let bare = Computer { home: place.join(format!("bare-{time}")) };
            rounds.push(bare.is_brought_back(&relay, &words));
        }
    }
    let [once, again] = rounds.map(|mut rounds| {
        rounds.sort_by_key(|round| round.took);
        rounds.swap_remove(ROUNDS / 2)
    });
    let memory =
        once.memory.map_or_else(|| "memory unknown".to_owned(), |kib| format!("at most {:.1} MB", kib / 1024.0));
    println!("back in {:.2} s, {:.2} MB over the wire, {memory}", once.took.as_secs_f64(), once.bytes as f64 / 1e6);
    println!("a bare socket {}, Automerge's load of {} documents {}", ms(once.raw), once.documents, ms(once.load));
    report.line("ten years brought back, to the socket and the load", once.took, once.raw + once.load, BOUND);
    println!("once more, with a computer that was cut before: {:.2} s", again.took.as_secs_f64());
}

/// A home folder.
struct Computer {
    home: PathBuf,
}

/// One time that everything came back.
struct Round {
    took: Duration,
    bytes: u64,
    /// Kibibytes at the most, if that is known here.
    memory: Option<f64>,
    raw: Duration,
    load: Duration,
    documents: usize,
}

impl Computer {
    fn file(&self) -> PathBuf {
        self.home.join("ben/profile.db")
    }

    /// Takes everything to a relay.
    fn moves(&self, relay: &Relay) {
        for words in [&["relay", "set", &relay.url()][..], &["relay", "forget", alliance_tests::RELAY], &["sync"]] {
            let ran = ben(&self.home, words).output().expect("a program beside this one");
            assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
        }
    }

    fn is_brought_back(&self, relay: &Relay, words: &str) -> Round {
        let note = self.home.with_extension("memory");
        let restore = ben(&self.home, &["recovery", "restore", "--relay", &relay.url(), "--yes"]);
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M", "-o"]).arg(&note).arg(restore.get_program()).args(restore.get_args());
        timed.env("ALLIANCE_HOME", &self.home);
        let mut command = if Path::new(timed.get_program()).exists() { timed } else { restore };
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());

        let carried = || {
            ["in", "out"].map(|way| relay.count(&format!("alliance_relay_frame_bytes_total{{direction=\"{way}\"}}")))
        };
        let before = carried();
        let start = Instant::now();
        let mut child = command.spawn().expect("a program beside this one");
        child.stdin.take().expect("piped").write_all(words.as_bytes()).expect("it reads");
        let status = child.wait().expect("a child");
        let took = start.elapsed();
        assert!(status.success(), "it is not brought back: {status}");
        let bytes = carried().iter().zip(before).map(|(after, before)| after - before).sum();

        let saved = documents(&self.file());
        let start = Instant::now();
        for bytes in &saved {
            Automerge::load(bytes).expect("a document");
        }
        let load = start.elapsed();
        let memory = fs::read_to_string(&note).ok().and_then(|kib| kib.trim().parse().ok());
        Round { took, bytes, memory, raw: raw(bytes), load, documents: saved.len() }
    }
}

/// Every document of a profile, as Automerge saves it.
fn documents(file: &Path) -> Vec<Vec<u8>> {
    let profile = Connection::open(file).expect("a profile");
    let mut loose = profile
        .prepare("SELECT bytes FROM changes WHERE space = ?1 AND item = ?2 AND writer = ?3 AND loose = 1 ORDER BY n")
        .expect("a query");
    let mut all = profile.prepare("SELECT space, item, writer, bytes FROM saved").expect("a query");
    let mut rows = all.query(()).expect("rows");
    let mut documents = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        let name: [Vec<u8>; 3] = [0, 1, 2].map(|column| row.get(column).expect("bytes"));
        let saved: Vec<u8> = row.get(3).expect("bytes");
        let mut document = Automerge::load(&saved).expect("a document");
        let changes = loose.query_map(name, |row| row.get::<_, Vec<u8>>(0)).expect("rows");
        let changes = changes.map(|bytes| Change::from_bytes(bytes.expect("bytes")).expect("a change"));
        document.apply_changes(changes.collect::<Vec<_>>()).expect("its own changes");
        documents.push(document.save());
    }
    documents
}

/// How long a bare socket takes for so many bytes.
fn raw(bytes: u64) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let sender = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("somebody comes");
        let mut left = usize::try_from(bytes).expect("fits in memory");
        while left > 0 {
            let part = left.min(FRAME);
            socket.write_all(&vec![7; part]).expect("is sent");
            left -= part;
        }
    });
    let start = Instant::now();
    let mut socket = TcpStream::connect(address).expect("connects");
    let (mut buffer, mut came) = (vec![0; FRAME], 0);
    while came < bytes {
        came += u64::try_from(socket.read(&mut buffer).expect("is read")).expect("64 bits");
    }
    let took = start.elapsed();
    sender.join().expect("it sends all");
    took
}

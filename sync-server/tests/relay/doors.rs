//! The doors of a relay over real sockets: how many come in, who is let go, what is told to whoever watches.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
};

use alliance_replica::exchange::{Event, frame::Code};
use alliance_sync_server::{
    http::{Metrics, Server, Sockets},
    policy::{Admission, Policy, TokenHash},
    replica::Relay,
    store::{MemoryStore, SqliteStore, Store},
};
use futures_util::StreamExt as _;
use tokio::{io::AsyncWriteExt as _, sync::oneshot};
use tokio_tungstenite::MaybeTlsStream;

use crate::{
    program::{Line, PATIENCE, block_on},
    world::{Laptop, secret},
};

/// A relay in a thread of its own; it stops when this is dropped.
pub(crate) struct Running {
    pub(crate) address: String,
    watch: Option<SocketAddr>,
    _stop: oneshot::Sender<()>,
}

pub(crate) fn start<S: Store + Send + 'static>(
    store: S,
    metrics: Metrics,
    change: impl FnOnce(&mut Policy),
) -> Running {
    let mut policy = Policy::default();
    change(&mut policy);
    assert_eq!(policy.validate(), Ok(()));
    let relay = Relay::with_policy(store, &[250; 32], policy).expect("the store works");
    let (stop, stopped) = oneshot::channel::<()>();
    let (told, tell) = std::sync::mpsc::channel();
    thread::spawn(move || {
        block_on(async {
            let sockets = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0)), metrics).await.expect("listens");
            let server = Server::start(sockets, relay).expect("starts");
            told.send((server.address().expect("listens").to_string(), server.metrics_address())).expect("is heard");
            server.run(async { _ = stopped.await }).await.expect("serves");
        });
    });
    let (address, watch) = tell.recv_timeout(PATIENCE).expect("starts");
    Running { address, watch, _stop: stop }
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("sets");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").expect("asks");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    answer
}

/// Asks for the metrics until a line is there.
fn wait_for(address: &str, line: &str) -> String {
    let start = std::time::Instant::now();
    loop {
        let page = get(address, "/metrics");
        if page.lines().any(|it| it == line) {
            return page;
        }
        assert!(start.elapsed() < PATIENCE, "no {line} in {page}");
        thread::yield_now();
    }
}

fn anywhere() -> Metrics {
    Metrics::At(SocketAddr::from(([127, 0, 0, 1], 0)))
}

#[test]
fn one_connection_too_many_is_told_so_and_another_may_come_when_one_goes() {
    let relay = start(MemoryStore::default(), anywhere(), |policy| policy.connections.per_address = 2);
    let watch = relay.watch.expect("is watched").to_string();
    block_on(async {
        let [mut first, mut second] =
            [Line::connect(&relay.address, None).await, Line::connect(&relay.address, None).await];
        assert!(matches!(first.event().await, Event::Proven { .. }));
        assert!(matches!(second.event().await, Event::Proven { .. }));
        let mut third = Line::connect(&relay.address, None).await;
        let last = third.event().await;
        assert!(matches!(last, Event::Closed(ref error) if error.code == Code::Limit), "{last:?}");
        wait_for(&watch, "alliance_relay_refusals_total{reason=\"connections\"} 1");
        drop((first, third));
        wait_for(&watch, "alliance_relay_connections 1");
        let mut fourth = Line::connect(&relay.address, None).await;
        assert!(matches!(fourth.event().await, Event::Proven { .. }));
    });
}

/// A socket that has said nothing yet.
fn open(relay: &Running) -> TcpStream {
    let stream = TcpStream::connect(&relay.address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("sets");
    stream
}

/// True if the other side closes or resets the socket.
fn is_closed(mut stream: TcpStream) -> bool {
    let end = stream.read_to_end(&mut Vec::new());
    !matches!(&end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn a_socket_that_asks_nothing_in_time_is_closed() {
    let relay = start(MemoryStore::default(), Metrics::Off, |policy| policy.time.handshake_seconds = 1);
    let mut slow = open(&relay);
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").expect("sends");
    assert!(is_closed(open(&relay)) && is_closed(slow));
}

#[test]
fn a_socket_too_many_of_one_address_is_closed_at_once_and_one_that_goes_makes_room() {
    let relay = start(MemoryStore::default(), anywhere(), |policy| {
        policy.time.handshake_seconds = 3600;
        policy.connections.per_address = 1;
    });
    let mute: Vec<_> = (0..17).map(|_| open(&relay)).collect();
    assert!(is_closed(open(&relay)), "the 18th");
    drop(mute);
    let is_well = || {
        let mut stream = open(&relay);
        let mut answer = String::new();
        let asked = write!(stream, "GET /healthz HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.starts_with("HTTP/1.1 200")
    };
    let start = std::time::Instant::now();
    while !is_well() {
        assert!(start.elapsed() < PATIENCE, "there is no room again");
    }
}

#[test]
fn who_is_silent_when_asked_is_gone_and_who_answers_stays() {
    let relay = start(MemoryStore::default(), anywhere(), |policy| {
        (policy.time.ping_seconds, policy.time.idle_seconds) = (1, 4);
        policy.connections.per_address = 2;
    });
    let watch = relay.watch.expect("is watched").to_string();
    let (mut one, mut other) = (Laptop::founder(1), Laptop::founder(2));
    block_on(async {
        let [mut silent, mut well] =
            [Line::connect(&relay.address, None).await, Line::connect(&relay.address, None).await];
        assert!(matches!(silent.event().await, Event::Proven { .. }));
        assert!(matches!(well.event().await, Event::Proven { .. }));
        silent.sync(&mut one).await;
        well.sync(&mut other).await;
        // From now on nobody reads what the silent one is asked; the other one's socket answers by itself.
        let gone = tokio::task::spawn_blocking(move || wait_for(&watch, "alliance_relay_connections 1"));
        let answering = async {
            loop {
                well.event().await;
            }
        };
        tokio::select! {
            gone = gone => drop(gone.expect("is told")),
            () = answering => {}
        }
        let mut next = Line::connect(&relay.address, None).await;
        assert!(matches!(next.event().await, Event::Proven { .. }), "there is room for another one");
        well.exchange.find(&secret(1));
        assert!(matches!(well.event().await, Event::Found(_)), "it goes on");
    });
}

#[test]
fn a_connection_that_breaks_off_is_not_counted_as_one_that_speaks_another_language() {
    let relay = start(MemoryStore::default(), anywhere(), |_| {});
    let watch = relay.watch.expect("is watched").to_string();
    let count = |n: u32| format!("alliance_relay_refusals_total{{reason=\"frame\"}} {n}");
    block_on(async {
        let mut laptop = Line::connect(&relay.address, None).await;
        assert!(matches!(laptop.event().await, Event::Proven { .. }));
        let MaybeTlsStream::Plain(socket) = laptop.socket.get_mut() else { panic!("no TLS here") };
        socket.shutdown().await.expect("ends");
        while laptop.socket.next().await.is_some_and(|message| message.is_ok()) {}
        let page = wait_for(&watch, "alliance_relay_connections 0");
        assert!(page.contains(&count(0)), "{page}");
        let mut other = Line::connect(&relay.address, None).await;
        assert!(matches!(other.event().await, Event::Proven { .. }));
        let MaybeTlsStream::Plain(socket) = other.socket.get_mut() else { panic!("no TLS here") };
        socket.write_all(&[0xff; 16]).await.expect("sends");
        wait_for(&watch, &count(1));
    });
}

#[test]
fn a_reader_that_takes_nothing_in_is_dropped_and_the_writer_goes_on() {
    let relay = start(MemoryStore::default(), anywhere(), |policy| policy.time.stuck_seconds = 1);
    let watch = relay.watch.expect("is watched").to_string();
    let mut ben = Laptop::founder(1);
    block_on(async {
        let mut writer = Line::connect(&relay.address, None).await;
        assert!(matches!(writer.event().await, Event::Proven { .. }));
        (0..16).for_each(|n| _ = ben.write(&[n; 256 * 1024]));
        writer.sync(&mut ben).await;
        let mut reader = Line::connect(&relay.address, None).await;
        assert!(matches!(reader.event().await, Event::Proven { .. }));
        let fresh = Laptop::new(1, ben.space());
        // On one channel no more is under way than the system buffers.
        for _ in 0..32 {
            reader.exchange.open(&fresh.log, &fresh.secret()).expect("is proven");
        }
        reader.flush().await;
        wait_for(&watch, "alliance_relay_refusals_total{reason=\"slow\"} 1");
        wait_for(&watch, "alliance_relay_connections 1");
        let note = ben.write(b"sealed");
        let mut writer = Line::connect(&relay.address, None).await;
        assert!(matches!(writer.event().await, Event::Proven { .. }));
        writer.sync(&mut ben).await;
        assert!(ben.durable.contains(&note));
        while reader.socket.next().await.is_some_and(|message| message.is_ok()) {}
    });
}

#[test]
fn a_token_is_shown_in_the_request_and_what_is_counted_names_nobody() {
    for metrics in [Metrics::Here, anywhere()] {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let store = SqliteStore::open(folder.path()).expect("opens");
        let relay = start(store, metrics, |policy| {
            policy.admission = Admission::Token { tokens: vec![TokenHash::of("a long secret")] };
        });
        let mut ben = Laptop::founder(1);
        ben.write(b"canary: words");
        block_on(async {
            let mut without = Line::connect(&relay.address, None).await;
            assert!(matches!(without.event().await, Event::Proven { .. }));
            without.exchange.open(&ben.log, &ben.secret()).expect("is proven");
            let answer = without.event().await;
            assert!(matches!(answer, Event::Refused(ref error) if error.code == Code::Token), "{answer:?}");
            let mut with = Line::connect(&relay.address, Some("a long secret")).await;
            assert!(matches!(with.event().await, Event::Proven { .. }));
            with.sync(&mut ben).await;
        });
        let watch = relay.watch.map_or_else(|| relay.address.clone(), |address| address.to_string());
        let page = wait_for(&watch, "alliance_relay_entries 2");
        for line in [
            "alliance_relay_spaces 1",
            "alliance_relay_refusals_total{reason=\"token\"} 1",
            "# TYPE alliance_relay_commit_seconds histogram",
        ] {
            assert!(page.lines().any(|it| it == line), "{line} in {page}");
        }
        let commits = page.lines().find_map(|line| line.strip_prefix("alliance_relay_commit_seconds_count "));
        assert!(commits.is_some_and(|count| count != "0"), "{page}");
        let names = [ben.space().to_string(), ben.device().to_string()];
        for secret in names.iter().map(|name| &name[..8]).chain(["canary", "127.0.0.1", "secret"]) {
            assert!(!page.contains(secret), "{secret} in {page}");
        }
        let here = get(&relay.address, "/metrics").starts_with("HTTP/1.1 200");
        assert_eq!(here, metrics == Metrics::Here);
        assert!(get(&watch, "/healthz").starts_with("HTTP/1.1 200"));
        assert!(get(&watch, "/sync").starts_with(if metrics == Metrics::Here {
            "HTTP/1.1 400"
        } else {
            "HTTP/1.1 404"
        }));
    }
}

#[test]
fn damage_that_is_met_while_counting_is_told_to_who_asks_for_the_relays_health() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut store = SqliteStore::open(folder.path()).expect("opens");
    store.secret(&[1; 32]).expect("keeps");
    drop(store);
    let file = folder.path().join("relay.sqlite");
    let raw = rusqlite::Connection::open(&file).expect("opens");
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'spaces'";
    let page: u32 = raw.query_row(sql, [], |row| row.get(0)).expect("a table");
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("is all in the file");
    drop(raw);
    let mut bytes = std::fs::read(&file).expect("reads");
    let at = (page - 1) as usize * 4096;
    bytes[at..at + 4096].fill(0xa5);
    std::fs::write(&file, bytes).expect("writes");
    let relay = start(SqliteStore::open(folder.path()).expect("opens"), Metrics::Here, |_| {});
    assert!(get(&relay.address, "/metrics").starts_with("HTTP/1.1 503"));
    assert!(get(&relay.address, "/healthz").starts_with("HTTP/1.1 503"));
}

#[test]
fn a_relay_whose_disk_is_full_says_that_it_is_not_well() {
    let mut store = MemoryStore::default();
    store.secret(&[1; 32]).expect("keeps");
    store.set_full(true);
    let relay = start(store, Metrics::Off, |_| {});
    let answer = get(&relay.address, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(r#""code":"storage""#), "{answer}");
}

//! The program itself: real sockets, a real folder, real signals.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Code, Frame},
    },
    id::{EntryId, ReplicaKey},
    limits,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::world::{Laptop, secret};

/// Longer than anything here takes, so that a test that waits in vain ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running relay; killed when dropped.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(data: &Path, more: &[&str]) -> Self {
        let mut child = command(data).args(more).spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("says something");
        let address = line.trim_end().strip_prefix("listening on http://").expect("says where it listens").to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("sets");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer
    }

    /// Asks it to stop, and gives what it logged.
    fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("runs").success());
        let mut logs = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut logs).expect("reads");
        assert_eq!(self.child.wait().expect("ends").code(), Some(0), "{logs}");
        logs
    }

    fn kill(mut self) -> String {
        self.child.kill().expect("kills");
        let mut logs = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut logs).expect("reads");
        logs
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alliance-relay"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A laptop's connection over a real socket.
pub(crate) struct Line {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
    pub(crate) exchange: Exchange,
}

impl Line {
    async fn open(program: &Program) -> (Self, ReplicaKey) {
        let mut line = Self::connect(&program.address, None).await;
        match line.event().await {
            Event::Proven { peer } => (line, peer),
            other => panic!("{other:?}"),
        }
    }

    /// Connects, and shows a token if there is one.
    pub(crate) async fn connect(address: &str, token: Option<&str>) -> Self {
        let mut request = format!("ws://{address}/sync").into_client_request().expect("an address");
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a header");
            request.headers_mut().insert("authorization", value);
        }
        let (socket, _) = connect_async(request).await.expect("connects");
        Self { socket, exchange: Exchange::new(Role::Initiator, secret(200), [7; 32]) }
    }

    pub(crate) async fn flush(&mut self) {
        while let Some(frame) = self.exchange.poll_transmit() {
            self.socket.send(Message::Binary(frame.into())).await.expect("sends");
        }
    }

    pub(crate) async fn event(&mut self) -> Event {
        loop {
            self.flush().await;
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("in time");
            let Message::Binary(frame) = message.expect("is open").expect("reads") else { continue };
            if let Some(event) = self.exchange.handle(&frame).expect("the relay speaks the protocol") {
                return event;
            }
        }
    }

    /// Sends what is no frame; asserts that the relay says so and ends the connection.
    async fn ends_for(&mut self, message: Message) {
        // The relay waits for no end of what is too large: its answer may be lost with the rest of what was sent.
        let is_large = message.len() > limits::FRAME;
        let sent = self.socket.send(message).await;
        assert!(sent.is_ok() || is_large, "{sent:?}");
        let mut is_told = is_large;
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("in time") {
                Some(Ok(Message::Binary(frame))) => {
                    let last = self.exchange.handle(&frame).expect("the relay speaks the protocol");
                    assert!(matches!(last, Some(Event::Closed(ref error)) if error.code == Code::Frame), "{last:?}");
                    is_told = true;
                }
                None | Some(Ok(Message::Close(_)) | Err(_)) => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(is_told, "the connection ended without a word");
    }

    /// Opens the laptop's space and brings the relay up to date, until it has acknowledged everything.
    pub(crate) async fn sync(&mut self, laptop: &mut Laptop) {
        let channel = self.exchange.open(&laptop.log, &laptop.secret()).expect("is proven");
        let own: Vec<EntryId> = laptop.bodies.keys().copied().collect();
        while !own.iter().all(|id| laptop.durable.contains(id)) {
            match self.event().await {
                Event::Acked(ack) => laptop.durable.extend(self.exchange.durable(&laptop.log, &ack)),
                Event::Have { .. } => {}
                other => panic!("{other:?}"),
            }
            while let Some(path) = self.exchange.pump(channel, &laptop.log) {
                let entries = path.ids.iter().map(|id| laptop.bodies[id].clone()).collect();
                self.exchange.send(channel, path.device, path.chain, entries);
            }
            let stored = own.iter().filter(|id| self.exchange.stores(channel, &laptop.log, id));
            laptop.durable.extend(stored);
        }
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
    runtime.block_on(future)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

#[test]
fn health_is_told_and_everything_else_is_not_found() {
    let folder = folder();
    let program = Program::start(folder.path(), &[]);
    let health = program.get("/healthz");
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with(r#"{"status":"ok"}"#), "{health}");
    for path in ["/", "/metrics", "/sync/x", "/healthz/x"] {
        let answer = program.get(path);
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains(r#""code":"not_found""#), "{answer}");
    }
    let answer = program.get("/sync");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(r#""code":"websocket""#), "{answer}");
    program.stop();
}

#[test]
fn what_was_acknowledged_survives_a_stop_and_a_kill() {
    let folder = folder();
    let mut ben = Laptop::founder(1);
    let mut keys = Vec::new();
    for round in 0..4u8 {
        let program = Program::start(folder.path(), &[]);
        ben.write(&[round; 1000]);
        ben.durable.clear();
        block_on(async {
            let (mut line, key) = Line::open(&program).await;
            keys.push(key);
            line.sync(&mut ben).await;
        });
        if round % 2 == 0 {
            program.stop()
        } else {
            program.kill()
        };
    }
    assert!(keys.iter().all(|key| *key == keys[0]), "the relay keeps its key");
    let program = Program::start(folder.path(), &[]);
    let mut fresh = Laptop::new(1, ben.space());
    block_on(async {
        let (mut line, _) = Line::open(&program).await;
        let channel = line.exchange.open(&fresh.log, &fresh.secret()).expect("is proven");
        while fresh.log.chains().len() < ben.log.chains().len() {
            if let Event::Entries(frame) = line.event().await {
                let received = fresh.log.receive(&frame.device, frame.chain, frame.entries);
                let heads: Vec<_> = received.new.iter().map(alliance_replica::log::entry::Verified::head).collect();
                line.exchange.received(channel, &fresh.log, heads);
                line.exchange.acknowledge(channel);
            }
        }
    });
}

#[test]
fn whoever_is_connected_when_the_relay_stops_is_told_so() {
    let folder = folder();
    let program = Program::start(folder.path(), &[]);
    block_on(async {
        let (mut line, _) = Line::open(&program).await;
        let stop = std::thread::spawn(move || program.stop());
        let last = line.event().await;
        assert!(matches!(last, Event::Closed(ref error) if error.code == Code::Closing), "{last:?}");
        let end = tokio::time::timeout(PATIENCE, line.socket.next()).await.expect("in time");
        assert!(matches!(end, Some(Ok(Message::Close(_)))), "{end:?}");
        drop(line);
        stop.join().expect("stops");
    });
}

#[test]
fn what_is_no_frame_is_answered_with_a_code_and_the_end() {
    let folder = folder();
    let program = Program::start(folder.path(), &[]);
    let wrong = [
        Message::Text("hello".into()),
        Message::Binary(vec![4; 100].into()),
        Message::Binary(Vec::new().into()),
        Message::Binary(vec![200; limits::FRAME + 1].into()),
    ];
    for message in wrong {
        block_on(async {
            let (mut line, _) = Line::open(&program).await;
            line.ends_for(message).await;
        });
    }
    assert!(program.get("/healthz").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_frame_of_the_largest_size_arrives_and_one_of_a_byte_more_ends_the_connection() {
    let folder = folder();
    let program = Program::start(folder.path(), &[]);
    block_on(async {
        let (mut line, _) = Line::open(&program).await;
        // A kind of a later version is passed over, whatever it says.
        line.socket.send(Message::Binary(vec![200; limits::FRAME].into())).await.expect("sends");
        line.exchange.find(&secret(1));
        let event = line.event().await;
        assert!(matches!(event, Event::Found(_)), "{event:?}");
        line.ends_for(Message::Binary(vec![200; limits::FRAME + 1].into())).await;
    });
}

#[test]
fn nothing_of_an_entry_nor_a_whole_name_nor_an_address_is_logged() {
    let folder = folder();
    let program = Program::start(folder.path(), &["--log", "debug", "--log-format", "json"]);
    let mut ben = Laptop::founder(1);
    ben.write(b"canary: the words that nobody may read");
    block_on(async {
        let (mut line, _) = Line::open(&program).await;
        line.sync(&mut ben).await;
        let mut forged = ben.sign(b"canary: forged words").entry;
        forged.body[0] ^= 1;
        let (device, chain) = (ben.device(), alliance_replica::log::heads::Chain::Content);
        line.exchange.send(1, device, chain, vec![forged]);
        let last = line.event().await;
        assert!(matches!(last, Event::Refused(ref error) if error.code == Code::Entry), "{last:?}");
        let mut thief = Laptop::new(9, ben.space());
        thief.log = alliance_replica::log::Log::new(ben.space());
        line.exchange.open(&thief.log, &thief.secret()).expect("is proven");
        let last = line.event().await;
        assert!(matches!(last, Event::Refused(ref error) if error.code == Code::NotMember), "{last:?}");
    });
    let logs = program.stop();
    assert!(logs.contains("entry is refused") && logs.contains("body does not match its header"), "{logs}");
    assert!(logs.contains("opening is refused"), "{logs}");
    let names = [ben.space().to_string(), ben.device().to_string()];
    let ids = ben.bodies.keys().map(ToString::to_string);
    for name in names.into_iter().chain(ids) {
        assert!(!logs.contains(&name[..9]), "{name} in {logs}");
    }
    let canary = "canary: the words".as_bytes();
    let decimal = canary.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    for secret in ["canary", &decimal, "127.0.0.1"] {
        assert!(!logs.contains(secret), "{secret} in {logs}");
    }
}

#[test]
fn a_folder_that_another_relay_uses_is_refused_with_a_hint() {
    let folder = folder();
    let _first = Program::start(folder.path(), &[]);
    let second = command(folder.path()).output().expect("ends");
    let said = String::from_utf8(second.stderr).expect("text");
    assert_eq!(second.status.code(), Some(1));
    assert!(said.contains("another relay uses the folder") && said.contains("hint: stop the other relay"), "{said}");
}

#[test]
fn a_new_key_is_told_and_an_empty_database_is_no_reason_for_one() {
    let folder = folder();
    let told = "WARN no key was here: a new relay, its key is new";
    assert!(Program::start(folder.path(), &[]).stop().contains(told));
    assert!(!Program::start(folder.path(), &[]).stop().contains(told));
    std::fs::write(folder.path().join("relay.sqlite"), "").expect("writes");
    let mut child = command(folder.path()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("reads");
    // If it says where it listens it would never end by itself.
    child.kill().expect("kills, or it has ended");
    let said = String::from_utf8(child.wait_with_output().expect("ends").stderr).expect("text");
    assert_eq!(line, "", "it does not listen");
    assert!(said.contains("relay.sqlite is empty, so it is no relay's database"), "{said}");
    assert!(said.contains("hint: a restore that failed leaves such a file"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_read_is_warned_of_without_its_name() {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};
    let folder = folder();
    let told = |mode| {
        std::fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("sets");
        let logs = Program::start(folder.path(), &[]).stop();
        assert!(!logs.contains(folder.path().to_str().expect("text")), "{logs}");
        logs.lines().any(|line| line.contains("WARN") && line.contains("other users of this computer may look"))
    };
    assert_eq!([told(0o700), told(0o755)], [false, true]);
}

#[test]
fn what_the_environment_says_wrong_is_called_by_its_name() {
    let said = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alliance-relay"));
        command.args(["--data", "d", "check-config"]).args(more).env("ALLIANCE_RELAY_LOG", "loud");
        let output = command.output().expect("ends");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("text")
    };
    let name = "hint: that is the value of the environment variable ALLIANCE_RELAY_LOG";
    assert!(said(&[]).contains(name), "{}", said(&[]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_alliance-relay"));
    let typed = command.args(["--log", "loud"]).output().expect("ends");
    assert!(!String::from_utf8(typed.stderr).expect("text").contains("environment"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_alliance-relay"));
    let after = command.args(["check-config", "--listen", "127.0.0.1:1"]).output().expect("ends").stderr;
    let after = String::from_utf8(after).expect("text");
    assert!(after.contains("hint: that flag stands before the command"), "{after}");
}

#[test]
fn a_try_makes_nothing_and_finds_a_folder_that_cannot_be_one() {
    let folder = folder();
    let tried = |data: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alliance-relay"));
        let output = command.arg("check-config").arg("--data").arg(data).output().expect("ends");
        (output.status.success(), String::from_utf8(output.stderr).expect("text"))
    };
    assert!(tried(&folder.path().join("new/folder")).0);
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("writes");
    for data in [file.clone(), file.join("below")] {
        let (is_well, said) = tried(&data);
        assert!(!is_well && said.contains("Not a directory"), "{said}");
    }
    let (_, said) = tried(&file);
    assert!(said.contains("hint: name a folder"), "{said}");
    let started = command(&file).output().expect("ends").stderr;
    let started = String::from_utf8(started).expect("text");
    assert!(started.contains("hint: name a folder"), "{started}");
    let database = folder.path().join("relay.sqlite");
    std::fs::write(&database, "").expect("writes");
    assert!(tried(folder.path()).1.contains("is empty"));
    std::fs::write(&database, [b'x'; 4096]).expect("writes");
    assert!(tried(folder.path()).1.contains("is not a relay's"));
    std::fs::remove_file(&database).expect("removed");
    Program::start(folder.path(), &[]).stop();
    assert!(tried(folder.path()).0);
    let version = "PRAGMA user_version = 99";
    rusqlite::Connection::open(&database).and_then(|it| it.execute_batch(version)).expect("sets");
    assert!(tried(folder.path()).1.contains("the database has format 99"));
}

#[test]
fn an_address_that_is_taken_is_refused_with_a_hint() {
    let (one, other) = (folder(), folder());
    let first = Program::start(one.path(), &[]);
    let second = command(other.path()).args(["--listen", &first.address]).output().expect("ends");
    let said = String::from_utf8(second.stderr).expect("text");
    assert_eq!(second.status.code(), Some(2), "a flag given twice is a usage error: {said}");
    let mut again = Command::new(env!("CARGO_BIN_EXE_alliance-relay"));
    let second = again.args(["--listen", &first.address, "--data"]).arg(other.path()).output().expect("ends");
    let said = String::from_utf8(second.stderr).expect("text");
    assert_eq!(second.status.code(), Some(1));
    assert!(
        said.contains("cannot listen on 127.0.0.1:") && said.contains("hint: another program listens there"),
        "{said}"
    );
    let said = |data: &Path, more: &[&str]| {
        let output = command(data).args(more).output().expect("ends");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("text")
    };
    let data = other.path().join("new");
    let metrics = said(&data, &["--metrics", &first.address]);
    assert!(metrics.contains("choose another with --metrics, or as `metrics` in the file"), "{metrics}");
    let tls = said(&data, &["--tls-cert", "/nowhere", "--tls-key", "/nowhere"]);
    assert!(tls.contains("cannot read /nowhere"), "{tls}");
    assert!(!data.exists(), "a start that fails leaves no new key");
}

#[test]
fn the_version_and_the_flags_are_told() {
    let run = |flag| {
        let output = Command::new(env!("CARGO_BIN_EXE_alliance-relay")).arg(flag).output().expect("runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(run("--version"), format!("alliance-relay {}\n", env!("CARGO_PKG_VERSION")));
    let help = run("--help");
    for flag in ["--listen", "--data", "--log", "--log-format", "ALLIANCE_RELAY_LOG", "/healthz"] {
        assert!(help.contains(flag), "{help}");
    }
}

#[test]
fn a_frame_kind_of_a_later_version_is_passed_over() {
    let folder = folder();
    let program = Program::start(folder.path(), &[]);
    let mut ben = Laptop::founder(1);
    block_on(async {
        let (mut line, _) = Line::open(&program).await;
        line.socket.send(Message::Binary(Frame::Unknown(200).encode().into())).await.expect("sends");
        line.sync(&mut ben).await;
    });
    program.stop();
}

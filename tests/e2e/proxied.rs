//! A relay behind something: the sample of a proxy that the project hands out, a network that falls silent.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use alliance_cli::net::talk::Patience;
use alliance_tests::{
    program::{Person, until},
    proxy::{Authority, Tunnel},
    screen::{Screen, Sends},
    town::Town,
};
use serde_json::Value;
use tempfile::TempDir;

/// A running nginx; it stops when dropped.
struct Nginx {
    child: Child,
    port: u16,
    folder: TempDir,
}

/// Where it logs what it is told nothing else about.
const LOG: &str = "error.log";

impl Nginx {
    /// The program, if this computer has it.
    fn program() -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        folders.map(|folder| folder.join("nginx")).find(|program| program.is_file())
    }

    /// Starts the sample before a relay, with its address, port and certificate put in.
    fn start(program: &Path, relay: &str, authority: &Authority) -> Self {
        let folder = TempDir::with_prefix("alliance-nginx-").expect("a folder");
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        let (cert, secret) = authority.sign("localhost", 2999).pem();
        fs::write(&certificate, cert).expect("written");
        fs::write(&key, secret).expect("written");
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/nginx.conf");
        let mut sample = fs::read_to_string(sample).expect("the sample");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        for (was, is) in [
            ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
            ("server_name relay.example.org", "server_name localhost".to_owned()),
            ("/etc/alliance-relay/cert.pem", certificate.display().to_string()),
            ("/etc/alliance-relay/key.pem", key.display().to_string()),
            ("127.0.0.1:8787;", format!("{relay};")),
        ] {
            assert!(sample.contains(was), "the sample has no {was}");
            sample = sample.replacen(was, &is, 1 + usize::from(was.starts_with("127")));
        }
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| {
            let path = folder.path().join(name);
            format!("{name}_temp_path {};\n", path.display())
        });
        let main = format!("events {{}}\nhttp {{\n{}{sample}}}\n", temporary.concat());
        fs::write(folder.path().join("main.conf"), main).expect("written");
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-c").arg(folder.path().join("main.conf"));
        command.arg("-e").arg(folder.path().join(LOG));
        command.args(["-g", "daemon off; master_process off; pid nginx.pid;"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("nginx starts"), port, folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_sample_of_a_proxy_carries_an_exchange() {
    let Some(program) = Nginx::program() else {
        println!("skipped: nginx is not installed");
        return;
    };
    let mut town = Town::new();
    let authority = Authority::new();
    let root = town.ben.beside("root.pem");
    fs::write(&root, authority.pem()).expect("written");
    let root = root.to_str().expect("text").to_owned();
    let nginx = until("a proxy that listens", || {
        let mut nginx = Nginx::start(&program, town.relay().address(), &authority);
        let answers = until("its first answer, or its end", || {
            let has_ended = nginx.child.try_wait().expect("a child").is_some();
            let answers = std::net::TcpStream::connect(("127.0.0.1", nginx.port)).is_ok();
            (has_ended || answers).then_some(answers && !has_ended)
        });
        answers.then_some(nginx)
    });
    let url = format!("https://localhost:{}", nginx.port);
    town.ben.json(&["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"]);
    town.ben.json(&["relay", "set", &url, "--root", &root]);
    let invitation = town.ben.json(&["invite"])["invitation"].as_str().expect("a word").to_owned();
    town.sync(&[&town.ben]);
    let join = ["join", &invitation, "--name", "Anna", "--role", "client", "--root", &root];
    assert_eq!(town.anna.json(&join)["synced"], true);
    town.anna.json(&["note", "add", "Through the sample"]);
    town.meet();
    assert_eq!(town.ben.json(&["note", "list"])[0]["title"], "Through the sample");
    town.stop_relay();
    assert_eq!(town.ben.refused(&["sync"]).exit, 7, "a proxy without its relay is a relay that is not reached");
    let log = fs::read_to_string(nginx.folder.path().join(LOG)).expect("a log");
    assert!(!log.contains("client: "), "it keeps who came: {log}");
}

/// Ben and Anna exchange through a tunnel; its relay lets go of whoever is silent for two seconds.
fn through_a_tunnel() -> (Town, Tunnel) {
    let mut town = Town::together();
    town.stop_relay();
    let file = town.data().with_extension("toml");
    fs::write(file, "[time]\nping_seconds = 1\nidle_seconds = 2\n").expect("written");
    town.start_relay();
    let tunnel = Tunnel::start(town.relay().address());
    town.ben.json(&["relay", "set", &tunnel.url()]);
    town.meet();
    (town, tunnel)
}

/// The number that the relay gave to the latest connection over which a space was opened.
fn connection(town: &Town) -> String {
    let logs = town.relay().logs();
    let line = logs.lines().rev().find(|line| line.contains("space is opened")).expect("a connection").to_owned();
    line.split_whitespace().find(|word| word.starts_with("connection=")).expect("its number").to_owned()
}

fn arrives(person: &Person, title: &str) {
    let is_there = |notes: Value| notes.as_array().expect("a list").iter().any(|note| note["title"] == title);
    until(title, || is_there(person.json(&["note", "list"])).then_some(()));
}

#[test]
fn a_connection_that_carries_nothing_any_more_is_noticed_by_both_sides_and_replaced() {
    let (town, tunnel) = through_a_tunnel();
    // As `sync --watch` does it, but for the patience: nobody shall wait here for three quarters of a minute.
    let patience = Patience { ask: Duration::from_millis(500), gone: Duration::from_secs(2) };
    let anna = Screen::open_with(&town.anna, Sends::Live, None, patience);
    town.ben.json(&["note", "add", "Before the silence"]);
    town.sync(&[&town.ben]);
    anna.arrival();
    let silent = connection(&town);
    tunnel.fall_silent();
    town.ben.json(&["note", "add", "From Ben, in the silence"]);
    town.anna.json(&["note", "add", "From Anna, in the silence"]);
    town.sync(&[&town.ben]);
    arrives(&town.anna, "From Ben, in the silence");
    until("the end of the silent connection at the relay", || {
        town.relay().logs().contains(&format!("disconnected {silent}\n")).then_some(())
    });
    until("Anna's words at Ben's", || {
        town.sync(&[&town.ben]);
        town.ben.json(&["note", "list"]).to_string().contains("From Anna, in the silence").then_some(())
    });
}

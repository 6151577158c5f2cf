//! The built programs as people run them: a relay in a folder, and people at computers of their own.
//!
//! Everything that is started is killed when its value is dropped, and a failing check prints what was typed and what
//! came back. Nothing here waits for a time, but for a condition, as long as [`PATIENCE`].

use std::{
    env, fmt, fs,
    io::{BufRead as _, BufReader, Read, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{disk::copy_folder, socket};

/// Longer than anything takes, so that a test that waits in vain ends.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the built programs: `ALLIANCE_BIN_DIR`, else the one that the test itself was built into.
///
/// # Panics
/// If the programs are not there.
pub fn programs() -> PathBuf {
    let beside = || env::current_exe().ok().and_then(|test| Some(test.parent()?.parent()?.to_owned()));
    let folder = env::var_os("ALLIANCE_BIN_DIR").map(PathBuf::from).or_else(beside).expect("a folder of programs");
    let missing = ["alliance", "alliance-relay"].into_iter().find(|name| !folder.join(name).is_file());
    assert!(missing.is_none(), "build first, `{missing:?}` is not in {}: cargo build", folder.display());
    folder
}

/// Waits until something is there.
///
/// # Panics
/// If it does not come.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// Waits until something is there that may take longer.
///
/// # Panics
/// If it does not come.
pub fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < patience, "waited in vain: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// Sends a program a signal.
///
/// # Panics
/// If it has ended.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.expect("kill").success(), "{name}");
}

/// A running relay.
pub struct RelayProgram {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

/// How a relay ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Everything on its standard error.
    pub logs: String,
}

impl RelayProgram {
    /// Starts a relay on a free port, with all its logs.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0")
    }

    /// Starts a relay on a port, with all its logs. A port that another program holds for a moment is waited for.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn start_at(data: &Path, address: &str) -> Self {
        Self::start_by(|| Self::command(data, address))
    }

    /// Starts a relay by a command, said again while another program holds its port.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn start_by(command: impl Fn() -> Command) -> Self {
        until("a relay that listens", || match Self::try_run(command()) {
            Ok(relay) => Some(relay),
            Err(ended) if ended.logs.contains("cannot listen") => None,
            Err(ended) => panic!("the relay does not start: {ended:?}"),
        })
    }

    /// Starts a relay. A file beside its folder of the same name, with `.toml` at its end, is its configuration.
    ///
    /// # Errors
    /// How it ended, if it did before it listened.
    ///
    /// # Panics
    /// If it cannot be started at all.
    pub fn try_start(data: &Path, address: &str) -> Result<Self, Ended> {
        Self::try_run(Self::command(data, address))
    }

    /// What starts a relay.
    pub fn command(data: &Path, address: &str) -> Command {
        let mut command = Command::new(programs().join("alliance-relay"));
        command.args(["--listen", address, "--log", "debug", "--data"]).arg(data);
        for name in ["CONFIG", "METRICS", "TLS_CERT", "TLS_KEY", "LOG_FORMAT"] {
            command.env_remove(format!("ALLIANCE_RELAY_{name}"));
        }
        let config = data.with_extension("toml");
        if config.is_file() {
            command.arg("--config").arg(config);
        }
        command
    }

    /// Starts a relay by a command.
    ///
    /// # Errors
    /// How it ended, if it did before it listened.
    ///
    /// # Panics
    /// If it cannot be started at all.
    pub fn try_run(mut command: Command) -> Result<Self, Ended> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the relay starts");
        let said = Arc::new(Mutex::new(String::new()));
        let reader = Some(collect(child.stderr.take().expect("piped"), Arc::clone(&said)));
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut first).expect("reads");
        // The relay says nothing more there; a full pipe would stop it if it did.
        thread::spawn(move || _ = stdout.read_to_end(&mut Vec::new()));
        let address = first.trim_end().strip_prefix("listening on http://").map(str::to_owned);
        let mut relay = Self { child, address: address.clone().unwrap_or_default(), said, reader };
        match address {
            Some(_) => Ok(relay),
            None => Err(relay.wait()),
        }
    }

    /// Where it listens, as people type it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Everything it has logged so far.
    ///
    /// # Panics
    /// If the thread that reads it panicked.
    pub fn logs(&self) -> String {
        self.said.lock().expect("no reader panics").clone()
    }

    /// Everything that `/healthz` answers.
    ///
    /// # Panics
    /// If nobody answers.
    pub fn health(&self) -> String {
        socket::get(&self.address, "/healthz")
    }

    /// Ends it without a warning, as a power cut does.
    pub fn kill(mut self) -> Ended {
        // It has ended already if this fails.
        let _ = self.child.kill();
        self.wait()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn stop(mut self) -> Ended {
        self.signal("TERM");
        self.wait()
    }

    fn wait(&mut self) -> Ended {
        let status = until("the end of a relay", || self.child.try_wait().expect("a child"));
        _ = self.reader.take().map(thread::JoinHandle::join);
        Ended { code: status.code(), logs: self.logs() }
    }
}

impl Drop for RelayProgram {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut from: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            into.lock().expect("nobody panics with it").push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    })
}

/// A person at a computer: a home folder of their own and the `alliance` program.
#[derive(Clone)]
pub struct Person {
    /// How the tests call them.
    pub name: String,
    home: PathBuf,
    clock: Option<i64>,
    _folder: Arc<TempDir>,
}

/// A command that is still running; killed when dropped.
pub struct Running {
    child: Option<Child>,
    typed: String,
    outputs: [mpsc::Receiver<String>; 2],
}

/// A command that ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Who typed what.
    pub typed: String,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// What a command that failed said with `--json`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Its exit code.
    pub exit: i32,
    /// Name for programs.
    pub code: String,
    /// What failed and why.
    pub message: String,
    /// What helps.
    pub hint: String,
}

impl Person {
    /// Somebody with a new computer.
    ///
    /// # Panics
    /// If there is no room for it.
    pub fn new(name: &str) -> Self {
        let folder = Arc::new(TempDir::with_prefix(format!("alliance-{name}-")).expect("a folder"));
        Self { name: name.to_owned(), home: folder.path().join("home"), clock: None, _folder: folder }
    }

    /// The same person whose computer shows another time, in unix seconds.
    #[must_use]
    pub fn at(&self, now: i64) -> Self {
        Self { clock: Some(now), ..self.clone() }
    }

    /// `ALLIANCE_HOME`.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The file of the only profile.
    pub fn profile(&self) -> PathBuf {
        self.home.join("default/profile.db")
    }

    /// A file beside the home folder that goes with it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.home.with_file_name(name)
    }

    /// A copy of everything in the home folder, while no command of this person runs.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn backup(&self) -> TempDir {
        let copy = TempDir::with_prefix("alliance-backup-").expect("a folder");
        copy_folder(&self.home, copy.path());
        copy
    }

    /// Replaces everything in the home folder by a copy that was made before.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn restore(&self, backup: &TempDir) {
        if self.home.exists() {
            fs::remove_dir_all(&self.home).expect("removed");
        }
        copy_folder(backup.path(), &self.home);
    }

    /// Starts a command.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, "")
    }

    /// Starts a command that finds `input` on its standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_with(&self, arguments: &[&str], input: &str) -> Running {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let outputs = [read(child.stdout.take().expect("piped")), read(child.stderr.take().expect("piped"))];
        // A command that does not read its input may have ended before it is written.
        _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let typed = format!("{}$ alliance {}", self.name, arguments.join(" "));
        Running { child: Some(child), typed, outputs }
    }

    /// A command at this person's computer.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(programs().join("alliance"));
        command.args(arguments).env("ALLIANCE_HOME", &self.home).env("ALLIANCE_TZ", "UTC");
        for name in ["ALLIANCE_PROFILE", "ALLIANCE_NOW", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        self.clock.map(|now| command.env("ALLIANCE_NOW", now.to_string()));
        command
    }

    /// Runs a command to its end, whatever that is.
    ///
    /// # Panics
    /// If it does not end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).end()
    }

    /// Runs a command that has to succeed; returns its standard output.
    ///
    /// # Panics
    /// If it fails.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran.stdout
    }

    /// Runs a command with `--json` that has to succeed; returns its data.
    ///
    /// # Panics
    /// If it fails, or if its output is not exactly one envelope.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).data()
    }

    /// Runs a command with `--json` that has to fail; returns why.
    ///
    /// # Panics
    /// If it succeeds, or if what it says is not exactly one envelope on standard error with a hint.
    pub fn refused(&self, arguments: &[&str]) -> Refusal {
        self.run(&[arguments, &["--json"]].concat()).refusal()
    }
}

impl Running {
    /// Ends it without a warning, unless it has ended.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(mut self) -> Ran {
        // It has ended already if this fails.
        _ = self.child.as_mut().map(Child::kill);
        self.end()
    }

    /// True once it has ended.
    ///
    /// # Panics
    /// If the system does not know it.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().expect("a child").is_some())
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn end(mut self) -> Ran {
        let mut child = self.child.take().expect("not ended yet");
        let [stdout, stderr] = self.outputs.each_ref().map(|output| output.recv_timeout(PATIENCE));
        let (Ok(stdout), Ok(stderr)) = (stdout, stderr) else {
            _ = child.kill();
            panic!("does not end: {}", self.typed);
        };
        let status = child.wait().expect("a child");
        Ran { typed: self.typed.clone(), code: status.code(), signal: status.signal(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ran {
    /// The data of a command that succeeded with `--json`.
    ///
    /// # Panics
    /// If it did not, or if its standard output is not exactly one envelope.
    pub fn data(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self}");
        let mut envelope: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"));
        assert_eq!(envelope["v"], 1, "{self}");
        assert_eq!(envelope.as_object().map(serde_json::Map::len), Some(2), "{self}");
        envelope.get_mut("data").unwrap_or_else(|| panic!("{self}")).take()
    }

    /// Why a command failed with `--json`.
    ///
    /// # Panics
    /// If it did not, or if what it says is not exactly one envelope on standard error with a hint.
    pub fn refusal(&self) -> Refusal {
        assert!(self.code.is_some_and(|code| code != 0), "{self}");
        assert_eq!(self.stdout, "", "data where there is only an error: {self}");
        let envelope: Value = serde_json::from_str(&self.stderr).unwrap_or_else(|error| panic!("{error}: {self}"));
        assert_eq!(envelope["v"], 1, "{self}");
        let text = |name: &str| match envelope["error"][name].as_str() {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => panic!("no {name}: {self}"),
        };
        Refusal {
            exit: self.code.unwrap_or_default(),
            code: text("code"),
            message: text("message"),
            hint: text("hint"),
        }
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { typed, code, signal, stdout, stderr } = self;
        write!(f, "\n{typed}\n-- exit {code:?}, signal {signal:?}\n-- stdout\n{stdout}-- stderr\n{stderr}")
    }
}

fn read(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was said before the end is all there is.
        _ = from.read_to_end(&mut bytes);
        // Nobody waits any more if this fails.
        _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

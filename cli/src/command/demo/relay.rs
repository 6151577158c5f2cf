//! The relay of a demo: a process of its own, ended with the demo.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::DemoError;

const PROGRAM: &str = "alliance-relay";
const LISTENING: &str = "listening on ";
/// How long a relay may take to listen.
const START: Duration = Duration::from_secs(20);

/// A running relay.
pub(super) struct RelayProcess {
    child: Child,
    url: String,
    data: PathBuf,
}

impl RelayProcess {
    /// Starts a relay that keeps its data in this folder, on a free port of this computer.
    pub(super) fn start(data: &Path) -> Result<Self, DemoError> {
        let path = find().ok_or(DemoError::NoRelay)?;
        let mut command = Command::new(&path);
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|source| DemoError::Start { path, source })?;
        let said = child.stdout.take().map(listen);
        let mut relay = Self { child, url: String::new(), data: data.to_owned() };
        relay.url = said.and_then(|said| said.recv_timeout(START).ok()).ok_or(DemoError::Mute)?;
        Ok(relay)
    }

    /// Where it listens.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it, then looks for words in everything it kept: how many bytes there were, and which words.
    pub(super) fn end_and_search<'w>(mut self, words: &[&'w str]) -> io::Result<(u64, Vec<&'w str>)> {
        self.end();
        let mut bytes = Vec::new();
        read_all(&self.data, &mut bytes)?;
        let holds = |word: &str| bytes.windows(word.len()).any(|at| at.eq_ignore_ascii_case(word.as_bytes()));
        let found = words.iter().copied().filter(|word| holds(word)).collect();
        Ok((bytes.len() as u64, found))
    }

    fn end(&mut self) {
        // It has ended already if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for the address in what the relay prints, and goes on reading so that the relay never waits.
fn listen(said: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once(LISTENING) {
                // Nobody waits for it any more if this fails.
                let _ = sender.send(url.trim().to_owned());
            }
        }
    });
    receiver
}

/// The relay beside this program, else on the PATH.
fn find() -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", env::consts::EXE_SUFFIX);
    let beside = env::current_exe().ok().and_then(|own| Some(own.parent()?.join(&name)));
    let path = env::var_os("PATH").unwrap_or_default();
    beside.into_iter().chain(env::split_paths(&path).map(|folder| folder.join(&name))).find(|path| path.is_file())
}

fn read_all(folder: &Path, into: &mut Vec<u8>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read_all(&entry.path(), into)?;
        } else {
            fs::File::open(entry.path())?.read_to_end(into)?;
            // No word reaches from one file into the next.
            into.push(0);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_among_what_else_is_printed() {
        let said = &b"starting\nlistening on http://127.0.0.1:4711\nmore\n"[..];
        assert_eq!(listen(said).recv_timeout(START).expect("found"), "http://127.0.0.1:4711");
        assert!(listen(&b"stopped\n"[..]).recv_timeout(START).is_err());
    }

    #[test]
    fn a_word_in_any_file_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("deep")).expect("made");
        fs::write(folder.path().join("a"), b"\x00half marathon\xff").expect("written");
        fs::write(folder.path().join("deep/b"), b"tail of Canary").expect("written");
        let child = Command::new(env::current_exe().expect("this test")).arg("--list").stdout(Stdio::null()).spawn();
        let relay = RelayProcess { child: child.expect("started"), url: String::new(), data: folder.path().to_owned() };
        let (bytes, found) = relay.end_and_search(&["marathon", "canary", "absent"]).expect("read");
        assert_eq!(found, ["marathon", "canary"]);
        assert_eq!(bytes, 15 + 14 + 2);
    }
}

//! `alliance sync --watch` as a program that stays, and what it says meanwhile.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::program::{PATIENCE, Person, signal, until};

/// `alliance sync --watch`, and what it says; killed when dropped.
pub struct Watcher {
    child: Child,
    said: PathBuf,
}

impl Watcher {
    /// Lets a person watch through their relay alone; what is said goes to a file of this name beside their home.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(person: &Person, name: &str) -> Self {
        Self::of(person.command(&["sync", "--watch", "--no-p2p"]), person.beside(name))
    }

    /// Starts a command that watches; what it says goes to a file.
    ///
    /// # Panics
    /// If it does not start.
    pub fn of(mut command: Command, said: PathBuf) -> Self {
        let file = File::create(&said).expect("a file");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
        Self { child: command.spawn().expect("it starts"), said }
    }

    /// Everything it has said.
    ///
    /// # Panics
    /// If it is no text.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).expect("text")
    }

    /// Waits until it has said something, so many times.
    ///
    /// # Panics
    /// If it does not say it.
    pub fn says(&self, words: &str, times: usize) {
        let start = Instant::now();
        while self.said().matches(words).count() < times {
            assert!(start.elapsed() < PATIENCE, "waited in vain for “{words}” ({times}). Said: {}", self.said());
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Asks it to end; returns its exit code.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        until("the end of a watcher", || self.child.try_wait().expect("a child")).code()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A person's wish to end: Ctrl-C, or the request to terminate that a service gets.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears the wish to end, also one that came while nobody listened.
pub struct Stop {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Stop {
    /// Begins to listen.
    #[cfg(unix)]
    pub fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Begins to listen.
    #[cfg(windows)]
    pub fn new() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Returns once the person wishes to end.
    #[cfg(unix)]
    pub async fn wished(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Returns once the person wishes to end.
    #[cfg(windows)]
    pub async fn wished(&mut self) {
        self.interrupt.recv().await;
    }
}

//! `alliance demo`: a relay, a coach and a client in a temporary folder, and what they live through.
//!
//! The story runs this very program, once for every command it shows, so what it prints is what happens.

mod relay;
mod stage;
mod story;

use std::{io, path::PathBuf};

use clap::Args;
use serde::Serialize;

use self::stage::Stage;
use super::{Answer, Context};
use crate::error::{CliError, Exit};

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// Play it here and print it, without windows
    #[arg(long, required = true)]
    pub headless: bool,
}

/// A step of the story.
#[derive(Serialize, Debug)]
pub struct Step {
    /// Its number.
    pub id: usize,
    /// Who did it; none for what the story tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// What was typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What was printed, or told.
    pub text: String,
}

/// Why a demo does not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The relay is not installed.
    #[error("alliance-relay is neither beside this program nor on the PATH")]
    NoRelay,
    /// A program cannot be started.
    #[error("{} cannot be started", path.display())]
    Start {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The relay does not say where it listens.
    #[error("alliance-relay did not start to listen")]
    Mute,
    /// Nowhere to play.
    #[error("there is no room for temporary files")]
    Folder(#[source] io::Error),
    /// A command of the story failed.
    #[error("`{command}` failed in the demo")]
    Command {
        /// Which.
        command: String,
    },
    /// The story went otherwise than it should.
    #[error("the demo went wrong: {what}")]
    Otherwise {
        /// What should have been.
        what: &'static str,
    },
}

impl DemoError {
    /// Name for programs, how the program ends, and what helps.
    pub fn advice(&self) -> (&'static str, Exit, Option<String>) {
        let hint = match self {
            Self::NoRelay => "build it: `cargo build -p alliance-sync-server`, or put it on the PATH",
            Self::Start { .. } | Self::Mute => {
                "see whether it runs by itself: `alliance-relay --listen 127.0.0.1:0 --data <folder>`"
            }
            Self::Folder(_) => "TMPDIR names another folder for temporary files",
            Self::Command { .. } | Self::Otherwise { .. } => "please report it with everything printed above",
        };
        ("demo", Exit::Failed, Some(hint.to_owned()))
    }
}

impl Demo {
    /// Plays the story and takes everything away that it made.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut stage = Stage::build(context.ui)?;
        story::play(&mut stage)?;
        Ok(Answer::Played(stage.steps()))
    }
}

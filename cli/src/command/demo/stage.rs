//! Where a demo is played: a temporary folder with a home for each person, and the relay between them.

use std::{
    env,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{DemoError, Step, relay::RelayProcess};
use crate::{error::CliError, ui::Ui};

/// Who acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Actor {
    /// The coach.
    Ben,
    /// The client.
    Anna,
}

impl Actor {
    fn name(self) -> &'static str {
        match self {
            Self::Ben => "ben",
            Self::Anna => "anna",
        }
    }
}

/// A folder, a relay, and everything that was done so far. All of it goes with the stage.
pub(super) struct Stage<'a> {
    ui: &'a Ui,
    program: PathBuf,
    relay: Option<RelayProcess>,
    folder: TempDir,
    steps: Vec<Step>,
}

impl<'a> Stage<'a> {
    /// Starts the relay and makes room for two people.
    pub(super) fn build(ui: &'a Ui) -> Result<Self, CliError> {
        let folder = tempfile::Builder::new().prefix("alliance-demo-").tempdir().map_err(DemoError::Folder)?;
        for actor in [Actor::Ben, Actor::Anna] {
            std::fs::create_dir(folder.path().join(actor.name())).map_err(DemoError::Folder)?;
        }
        let program = env::current_exe().map_err(|source| DemoError::Start { path: "alliance".into(), source })?;
        let relay = Some(RelayProcess::start(&folder.path().join("relay"))?);
        Ok(Self { ui, program, relay, folder, steps: Vec::new() })
    }

    /// Where the relay listens.
    pub(super) fn relay(&self) -> String {
        self.relay.as_ref().map(|relay| relay.url().to_owned()).unwrap_or_default()
    }

    /// Tells what happens.
    pub(super) fn tell(&mut self, text: &str) {
        self.ui.tell(&format!("\n{text}"));
        self.step(None, None, text.to_owned());
    }

    /// Lets somebody type a command; returns what it printed.
    pub(super) fn act(&mut self, actor: Actor, arguments: &[&str]) -> Result<String, CliError> {
        let home = self.folder.path().join(actor.name());
        let typed = typed(arguments);
        let printed =
            self.run(&home, arguments).map_err(|source| DemoError::Start { path: self.program.clone(), source });
        let (worked, text) = printed?;
        self.ui.tell(&format!("{}$ {typed}", actor.name()));
        for line in text.lines() {
            self.ui.tell(&format!("    {}", line.replace('\t', "  ").trim_end()));
        }
        self.step(Some(actor.name()), Some(typed.clone()), text.clone());
        if worked { Ok(text) } else { Err(DemoError::Command { command: typed }.into()) }
    }

    /// Ends the relay and looks for words in what it kept: how many bytes there were, and which words.
    pub(super) fn search_relay<'w>(&mut self, words: &[&'w str]) -> Result<(u64, Vec<&'w str>), CliError> {
        let Some(relay) = self.relay.take() else { return Ok((0, Vec::new())) };
        Ok(relay.end_and_search(words).map_err(DemoError::Folder)?)
    }

    /// Everything that was told and done.
    pub(super) fn steps(self) -> Vec<Step> {
        self.steps
    }

    /// Runs this program for somebody; both of its streams come back in the order in which they were written.
    fn run(&self, home: &Path, arguments: &[&str]) -> io::Result<(bool, String)> {
        let (mut reader, writer) = io::pipe()?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(home)
            .env("ALLIANCE_HOME", home.join("data"))
            .env_remove("ALLIANCE_PROFILE");
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        // It holds the writing ends; the pipe would never end.
        drop(command);
        let mut text = Vec::new();
        reader.read_to_end(&mut text)?;
        Ok((child.wait()?.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    fn step(&mut self, who: Option<&'static str>, command: Option<String>, text: String) {
        self.steps.push(Step { id: self.steps.len() + 1, who, command, text });
    }
}

/// The command as somebody types it; an invitation is shortened.
fn typed(arguments: &[&str]) -> String {
    let mut typed = "alliance".to_owned();
    for argument in arguments {
        typed.push(' ');
        match argument.strip_prefix("alliance:").and_then(|link| link.get(..12)) {
            Some(start) => typed.push_str(&format!("'alliance:{start}…'")),
            None if is_plain(argument) => typed.push_str(argument),
            None => typed.push_str(&format!("'{}'", argument.replace('\'', r"'\''"))),
        }
    }
    typed
}

fn is_plain(argument: &str) -> bool {
    !argument.is_empty() && argument.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_takes_it() {
        let line = typed(&["note", "edit", "n3k", "-m", "it's\nlate", "--title", "A & B", ""]);
        assert_eq!(line, "alliance note edit n3k -m 'it'\\''s\nlate' --title 'A & B' ''");
    }

    #[test]
    fn an_invitation_is_shown_by_its_beginning_only() {
        assert_eq!(typed(&["join", "alliance:AQIDBAUGBwgJCg#secret"]), "alliance join 'alliance:AQIDBAUGBwgJ…'");
    }
}

//! Where a demo is played: a temporary folder with the profiles of two people, and the relay between them.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Read as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{DemoError, Step, relay::RelayProcess};
use crate::{error::CliError, ui::Ui};

/// A folder, a relay, and everything that was done so far. All of it goes with the stage.
pub(super) struct Stage<'a> {
    ui: &'a Ui,
    program: PathBuf,
    relay: Option<RelayProcess>,
    folder: TempDir,
    variables: BTreeMap<String, String>,
    steps: Vec<Step>,
}

impl<'a> Stage<'a> {
    /// Starts the relay and makes room for two people.
    pub(super) fn build(ui: &'a Ui) -> Result<Self, CliError> {
        let folder = tempfile::Builder::new().prefix("alliance-demo-").tempdir().map_err(DemoError::Folder)?;
        let program = env::current_exe().map_err(|source| DemoError::Start { path: "alliance".into(), source })?;
        let relay = Some(RelayProcess::start(&folder.path().join("relay"))?);
        Ok(Self { ui, program, relay, folder, variables: BTreeMap::new(), steps: Vec::new() })
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

    /// Sets a variable that every command from here on sees.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Lets somebody type a command, which ends with `exit`; returns what it printed.
    pub(super) fn act(&mut self, who: &str, arguments: &[String], exit: i32) -> Result<String, CliError> {
        let typed = typed(arguments);
        let printed =
            self.run(who, arguments).map_err(|source| DemoError::Start { path: self.program.clone(), source });
        let (ended, text) = printed?;
        self.ui.tell(&format!("{who}$ {typed}"));
        for line in text.lines() {
            self.ui.tell(&format!("    {}", line.replace('\t', "  ").trim_end()));
        }
        self.step(Some(who.to_owned()), Some(typed.clone()), text.clone());
        if ended == Some(exit) { Ok(text) } else { Err(DemoError::Command { command: typed }.into()) }
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
    fn run(&self, who: &str, arguments: &[String]) -> io::Result<(Option<i32>, String)> {
        let (mut reader, writer) = io::pipe()?;
        let mut command = Command::new(&self.program);
        command.args(["--profile", who]).args(arguments).current_dir(self.folder.path());
        for name in ["ALLIANCE_PROFILE", "ALLIANCE_NOW", "ALLIANCE_TZ"] {
            command.env_remove(name);
        }
        command.env("ALLIANCE_HOME", self.folder.path().join("profiles")).envs(&self.variables);
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        // It holds the writing ends; the pipe would never end.
        drop(command);
        let mut text = Vec::new();
        reader.read_to_end(&mut text)?;
        Ok((child.wait()?.code(), String::from_utf8_lossy(&text).into_owned()))
    }

    fn step(&mut self, who: Option<String>, command: Option<String>, text: String) {
        self.steps.push(Step { id: self.steps.len() + 1, who, command, text });
    }
}

/// The command as somebody types it; an invitation is shortened.
fn typed(arguments: &[String]) -> String {
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
        let line = ["note", "edit", "n3k", "-m", "it's\nlate", "--title", "A & B", ""].map(str::to_owned);
        let line = typed(&line);
        assert_eq!(line, "alliance note edit n3k -m 'it'\\''s\nlate' --title 'A & B' ''");
    }

    #[test]
    fn an_invitation_is_shown_by_its_beginning_only() {
        assert_eq!(
            typed(&["join", "alliance:AQIDBAUGBwgJCg#secret"].map(str::to_owned)),
            "alliance join 'alliance:AQIDBAUGBwgJ…'"
        );
    }
}

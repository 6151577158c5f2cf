//! `alliance config`: the few settings, for all profiles of this computer.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{Answer, Context};
use crate::{
    config::{ProfileName, Settings},
    error::CliError,
};

/// Arguments of `config`; without a verb it shows.
#[derive(Args, Debug)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with settings.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show every setting; also what a bare `config` does
    Show,
    /// Change a setting
    Set {
        /// Which
        name: Name,
        /// What it is from now on; nothing for what it was at first
        value: Option<String>,
    },
}

/// A setting.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// The editor's command [at first: $VISUAL, $EDITOR or vi]
    Editor,
    /// auto, always or never [at first: auto, and never with $NO_COLOR]
    Colour,
    /// The profile that is meant if none is named
    Profile,
}

/// A setting as it is.
#[derive(Serialize, Debug)]
pub struct Row {
    /// Its name.
    pub id: &'static str,
    /// What it was set to.
    pub value: Option<String>,
}

impl Config {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let home = context.folder()?;
        let mut settings = Settings::read(&home)?;
        if let Some(Verb::Set { name, value }) = self.verb {
            let value = value.filter(|value| !value.trim().is_empty());
            match name {
                Name::Editor => settings.editor = value,
                Name::Colour => settings.colour = value.map(|value| colour(&value)).transpose()?,
                Name::Profile => {
                    let named = value.map(|value| value.parse::<ProfileName>());
                    let named = named.transpose().map_err(|want| CliError::Setting { name: "profile", want })?;
                    settings.profile = named.map(|name| name.to_string());
                }
            }
            settings.write(&home)?;
        }
        let Settings { editor, colour, profile } = settings;
        let rows = [("editor", editor), ("colour", colour), ("profile", profile)];
        Ok(Answer::Settings(rows.into_iter().map(|(id, value)| Row { id, value }).collect()))
    }
}

fn colour(value: &str) -> Result<String, CliError> {
    let want = "colour is auto, always or never";
    let known = ["auto", "always", "never"].contains(&value);
    if known { Ok(value.to_owned()) } else { Err(CliError::Setting { name: "colour", want }) }
}

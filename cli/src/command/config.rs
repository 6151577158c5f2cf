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
    /// The editor's command [at first: $VISUAL, $EDITOR, nano or vi]
    Editor,
    /// auto, always or never [at first: auto, and never with $NO_COLOR]
    Colour,
    /// The profile that is meant if none is named
    Profile,
    /// all, ipv4, relay or off: how other computers come to this one without the relay in between; relay tells nobody where it is
    /// [at first: all]
    Direct,
    /// on or off: whether computers that know each other find each other within the same network, where everybody hears of it
    /// [at first: off]
    Nearby,
}

/// What is said when computers are to find each other.
const HEARD: &str = "While `alliance sync --watch` or `alliance peer ticket` runs, this computer says in every network where it is that it uses Alliance, at which addresses it is dialled, also those that it has elsewhere, and by which key, which stays the same: whoever is in two of these networks can tell that it was in both. It says no names and nothing of what you share or with whom, and it dials only computers that it knows from before.";

/// A setting as it is.
#[derive(Serialize, Debug)]
pub struct Row {
    /// Its name.
    pub id: &'static str,
    /// What it was set to.
    pub value: Option<String>,
    /// What holds, set or not; none if that is not known.
    pub in_force: Option<String>,
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
                    if let Some(name) = named.clone().filter(|name| !home.holds(name)) {
                        return Err(CliError::NoProfile { name, others: home.names()? });
                    }
                    settings.profile = named.map(|name| name.to_string());
                }
                Name::Direct => {
                    let value = value.map(|value| value.trim().parse()).transpose();
                    settings.direct = value.map_err(|want| CliError::Setting { name: "direct", want })?;
                }
                Name::Nearby => settings.nearby = value.map(|value| nearby(&value)).transpose()?,
            }
            settings.write(&home)?;
            if name == Name::Nearby && settings.nearby == Some(true) {
                context.ui.talk(HEARD);
            }
        }
        let editor = settings.editor();
        let chosen = context.home().ok().map(|(_, name)| name.to_string());
        let colour = settings.colour.clone().unwrap_or_else(|| "auto".to_owned());
        let direct = settings.direct.unwrap_or_default().name().to_owned();
        let finds = on_or_off(settings.nearby.unwrap_or_default());
        let in_force = [Some(editor), Some(colour), chosen, Some(direct), Some(finds)];
        let Settings { editor, colour, profile, direct, nearby } = settings;
        let (direct, nearby) = (direct.map(|it| it.name().to_owned()), nearby.map(on_or_off));
        let rows =
            [("editor", editor), ("colour", colour), ("profile", profile), ("direct", direct), ("nearby", nearby)];
        let rows = rows.into_iter().zip(in_force);
        Ok(Answer::Settings(rows.map(|((id, value), in_force)| Row { id, value, in_force }).collect()))
    }
}

fn colour(value: &str) -> Result<String, CliError> {
    let want = "colour is auto, always or never";
    let known = ["auto", "always", "never"].contains(&value);
    if known { Ok(value.to_owned()) } else { Err(CliError::Setting { name: "colour", want }) }
}

fn nearby(value: &str) -> Result<bool, CliError> {
    match value.trim() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(CliError::Setting { name: "nearby", want: "nearby is on or off" }),
    }
}

fn on_or_off(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}

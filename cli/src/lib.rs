//! The command line: arguments in, a command's answer out.
//!
//! A command turns arguments into intents and questions to `alliance_core::app` and returns a value; [`render`] makes
//! text of it and [`ui`] prints it, or the value itself with `--json`. What a person is told when something fails is in
//! [`error`], and nowhere else. Only `sync`, `join`, `verify`, `doctor` and `demo` use the network, and only they start a runtime.

pub mod args;
pub mod command;
pub mod config;
pub mod editor;
pub mod env;
pub mod error;
pub mod net;
pub mod render;
pub mod ui;
pub mod when;

use std::{ffi::OsString, panic, process::ExitCode};

use crate::{
    args::{Args, Options, refusal::Refusal},
    command::Context,
    config::{Home, ProfileName, Settings},
    env::Env,
    error::{CliError, Exit},
    ui::Ui,
};

/// Runs the program with the arguments and the environment of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let ui = Ui::of_process(json);
    let exit = panic::catch_unwind(|| run(arguments, &ui)).unwrap_or_else(|_| ui.failed(&CliError::Bug));
    exit.into()
}

fn run(arguments: Vec<OsString>, ui: &Ui) -> Exit {
    match args::parse(&arguments) {
        Ok(args) => {
            // Only now it is known whether `--json` was an option or somebody's words.
            let ui = Ui::of_process(args.options.json).naming(named(&args.options));
            answer(args, &ui).unwrap_or_else(|error| ui.failed(&error))
        }
        Err(error) => ui.refused(&error, Refusal::of(&error, &arguments)),
    }
}

/// The profile that was named, if without its name another one might be meant.
fn named(options: &Options) -> Option<ProfileName> {
    let name = options.profile.clone()?;
    let home = Home::new(Env::of_process().and_then(|env| env.home()).ok()?);
    home.names().ok()?.iter().any(|other| *other != name).then_some(name)
}

fn answer(args: Args, ui: &Ui) -> Result<Exit, CliError> {
    let env = Env::of_process()?;
    let context = Context::new(&env, ui, &args.options);
    // Whoever has no folder, or a damaged file there, hears of it where it matters.
    let settings = context.folder().and_then(|home| Settings::read(&home)).unwrap_or_default();
    ui.set_colour(settings.colour.as_deref());
    let answer = context.drafts.settle(command::run(args.command, &context))?;
    ui.answer(&answer)?;
    Ok(answer.exit())
}

//! The person's own editor, for a text that was not typed on the command line.
//!
//! The text lies in a file of the profile's folder that only its owner can read. It goes away once its words are in their
//! place, or if nothing was written; otherwise it stays, whatever happens, and the person is told where it is.

use std::{
    cell::RefCell,
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
};

use tempfile::NamedTempFile;

use crate::{
    command::{Context, sync},
    config::Settings,
    error::CliError,
    net::stop::Stop,
};

/// What most people get along with, and what every system has.
const USUAL: [&str; 2] = ["nano", VI];
const VI: &str = "vi";
/// What is said before an editor opens that shows no keys.
const KEYS: &str = "vi opens: i begins to write, then Esc and :wq keep it, Esc and :cq leave it. \
                    `alliance config set editor <command>` names another editor.";
/// What a shell returns for a command that it cannot find or run.
const NOT_RUN: [i32; 2] = [126, 127];
/// Above it, what a shell returns for a command that a signal ended.
const SIGNAL: i32 = 128;

/// What the person wrote, until it is in its place.
#[derive(Default)]
pub struct Drafts(RefCell<Option<Draft>>);

struct Draft {
    file: NamedTempFile,
    /// What it said at first.
    begun: String,
    /// The command that takes it from standard input.
    command: String,
}

impl Drafts {
    /// How the command went. If it failed, what was written stays as a file.
    pub fn settle<T>(&self, went: Result<T, CliError>) -> Result<T, CliError> {
        let Some(draft) = self.0.take() else { return went };
        went.map_err(|error| match draft.keep() {
            None => error,
            Some((path, command)) => CliError::Draft { error: Box::new(error), path, command },
        })
    }
}

impl Draft {
    /// Leaves the file where it is, if somebody wrote anything in it.
    fn keep(self) -> Option<(PathBuf, String)> {
        let Self { file, begun, command } = self;
        let changed = fs::read(file.path()).is_ok_and(|now| now != begun.as_bytes());
        // It is on disk in any case; it is only not taken away.
        changed.then(|| file.into_temp_path().keep().ok()).flatten().map(|path| (path, command))
    }
}

/// Lets the person edit a text that `command` would take from standard input as well; returns it as they saved it.
pub fn edit(context: &Context<'_>, text: &str, command: String) -> Result<String, CliError> {
    if !context.ui.is_interactive() {
        return Err(CliError::NoText);
    }
    let file = context.file()?;
    let folder = file.parent().unwrap_or(&file);
    let failed = |source| CliError::Folder { path: folder.to_owned(), source };
    // Readable by its owner only, as every file that this makes.
    let mut file = tempfile::Builder::new().prefix("draft-").suffix(".md").tempfile_in(folder).map_err(failed)?;
    let begun = format!("{}\n", text.trim_end_matches('\n'));
    file.write_all(begun.as_bytes()).map_err(failed)?;
    let path = file.path().to_owned();
    *context.drafts.0.borrow_mut() = Some(Draft { file, begun, command });
    let (editor, set) = run(context, &path)?;
    // An editor may have put another file into its place.
    let mut saved = fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CliError::Editor { editor, why: "took the file with the text away", set },
        _ => CliError::Input(error),
    })?;
    if saved.ends_with('\n') && !text.ends_with('\n') {
        saved.pop();
    }
    Ok(saved)
}

/// Opens the editor until it ends; returns its command, and whether that was set.
fn run(context: &Context<'_>, path: &std::path::Path) -> Result<(String, bool), CliError> {
    let settings = Settings::read(&context.home()?.0)?;
    let (editor, set) = (settings.editor(), settings.editor.is_some());
    if editor == VI && !set {
        context.ui.talk(KEYS);
    }
    // Ctrl-C is the editor's while it is open.
    let runtime = sync::runtime()?;
    let _stop = runtime.block_on(async { Stop::new() }).map_err(CliError::Runtime)?;
    // Through a shell, so that an editor may be named with its options.
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(path).status();
    match ended.ok().and_then(|status| status.code()) {
        Some(0) => Ok((editor, set)),
        Some(code) if NOT_RUN.contains(&code) => Err(CliError::Editor { editor, why: "cannot be started", set }),
        Some(code) if code < SIGNAL => Err(CliError::EditorCancelled { editor }),
        _ => Err(CliError::Editor { editor, why: "broke down", set }),
    }
}

impl Settings {
    /// The editor in force: the one that was set, else that of the environment.
    pub fn editor(&self) -> String {
        let of = |name| env::var(name).ok().filter(|editor| !editor.trim().is_empty());
        let set = self.editor.clone().or_else(|| of("VISUAL")).or_else(|| of("EDITOR"));
        set.unwrap_or_else(|| usual().to_owned())
    }
}

/// What opens where nobody said what should: the first that there is.
fn usual() -> &'static str {
    let is_there = |editor: &&str| {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders).any(|folder| folder.join(editor).is_file())
    };
    USUAL.into_iter().find(is_there).unwrap_or(VI)
}

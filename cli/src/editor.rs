//! The person's own editor, for a text that was not typed on the command line.
//!
//! The text lies in a file of the profile's folder that only its owner can read, and goes away whatever happens.

use std::{env, fs, io::Write as _, process::Command};

use crate::{command::Context, config::Settings, error::CliError};

/// Lets the person edit a text; returns it as they saved it.
pub fn edit(context: &Context<'_>, text: &str) -> Result<String, CliError> {
    if !context.ui.is_interactive() {
        return Err(CliError::NoText);
    }
    let file = context.file()?;
    let folder = file.parent().unwrap_or(&file);
    let failed = |source| CliError::Folder { path: folder.to_owned(), source };
    // Readable by its owner only, as every file that this makes.
    let mut draft = tempfile::Builder::new().prefix("draft-").suffix(".md").tempfile_in(folder).map_err(failed)?;
    draft.write_all(format!("{}\n", text.trim_end_matches('\n')).as_bytes()).map_err(failed)?;
    let settings = Settings::read(&context.home()?.0)?;
    let of = |name| env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = settings.editor.or_else(|| of("VISUAL")).or_else(|| of("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // Through a shell, so that an editor may be named with its options.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(draft.path()).status();
    match status {
        Ok(status) if status.success() => {}
        _ => return Err(CliError::Editor { editor }),
    }
    // An editor may have put another file into its place.
    let mut saved = fs::read_to_string(draft.path()).map_err(CliError::Input)?;
    if saved.ends_with('\n') && !text.ends_with('\n') {
        saved.pop();
    }
    Ok(saved)
}

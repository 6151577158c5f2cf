//! Words for what failed.

use std::{error::Error, path::Path};

use alliance_core::app::SessionError;

use super::CliError;
use crate::command::sync;

/// A kind as it is spoken of.
pub(super) fn one(kind: &str) -> String {
    if kind == "feedback" { kind.to_owned() } else { format!("a {kind}") }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// The error and its causes, in one sentence. What SQLite or the system says comes last.
pub(super) fn message(error: &CliError) -> String {
    let mut text = match error {
        CliError::Session(SessionError::Closed(code)) => {
            format!("the relay ended the connection: {}", sync::refusal(*code))
        }
        CliError::Untouched(error) | CliError::Draft { error, .. } => return message(error),
        error => error.to_string(),
    };
    let mut cause = error.source();
    while let Some(next) = cause {
        // The number is for programs; the words before it say the same.
        let said = next.to_string();
        let said = said.split(" (os error ").next().unwrap_or_default();
        if !text.ends_with(said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

//! Words for what failed.

use std::{error::Error, io, path::Path};

use alliance_core::app::SessionError;

use super::CliError;
use crate::{command::sync, net::relay::NetError, render};

/// A kind as it is spoken of.
pub(super) fn one(kind: &str) -> String {
    render::spoken::one(kind)
}

/// Where something is.
pub(super) fn within(alliance: Option<&str>) -> String {
    alliance.map_or_else(|| "private".to_owned(), |title| format!("in “{title}”"))
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    render::quoted(&path.display().to_string())
}

/// The error and its causes, in one sentence. What SQLite or the system says comes last.
pub(super) fn message(error: &CliError) -> String {
    let mut text = match error {
        CliError::Session(SessionError::Closed(code)) => {
            format!("the relay ended the connection: {}", sync::refusal(*code))
        }
        CliError::Untouched(error)
        | CliError::Unfinished(error)
        | CliError::BackupUnfinished(error)
        | CliError::Draft { error, .. } => {
            return message(error);
        }
        error => error.to_string(),
    };
    // What the other side says in the words of a protocol helps nobody.
    let is_foreign =
        matches!(error, CliError::Net(NetError::NotARelay { .. }) | CliError::Peer(_) | CliError::PeerTalk(_));
    let mut cause = if is_foreign { None } else { error.source() };
    while let Some(next) = cause {
        // The number is for programs; the words before it say the same.
        let said = system(next).map_or_else(|| next.to_string(), str::to_owned);
        let said = said.split(" (os error ").next().unwrap_or_default();
        // Nor does the number of SQLite, after which it says the same again.
        let again = said.starts_with("Error code ") && said.split(": ").last().is_some_and(|last| text.contains(last));
        if !text.ends_with(said) && !again {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

/// What a system says of a file, in words of people.
fn system(error: &(dyn Error + 'static)) -> Option<&'static str> {
    Some(match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::AlreadyExists => "there is something of that name already",
        io::ErrorKind::NotFound => "there is no such file or folder",
        io::ErrorKind::IsADirectory => "it is a folder",
        io::ErrorKind::NotADirectory => "a part of its path is no folder",
        io::ErrorKind::StorageFull => "the disk is full",
        io::ErrorKind::ReadOnlyFilesystem => "nothing can be written on that disk",
        _ => return None,
    })
}

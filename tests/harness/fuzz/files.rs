//! Files that somebody wrote by hand: an operator's choices, a person's settings.

use std::{cell::RefCell, fs, path::PathBuf};

use alliance_cli::config::{Home, Settings};
use alliance_sync_server::config::{Config, ConfigError, Flags};
use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(TempDir::new().expect("a folder"));
}

fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let file = FOLDER.with_borrow(|folder| folder.path().join(name));
    fs::write(&file, bytes).expect("a file");
    file
}

/// What an operator wrote down: taken as it is each time, or refused in a line of the file.
pub(super) fn relay_config(bytes: &[u8]) {
    let file = written("relay.toml", bytes);
    let flags = Flags { config: Some(file), data: Some("data".into()), ..Flags::default() };
    match (Config::new(&flags), Config::new(&flags)) {
        (Ok(config), Ok(again)) => {
            assert_eq!(config, again);
            config.policy.validate().expect("what was taken is valid");
        }
        (Err(problem), Err(again)) => {
            assert_eq!(problem.to_string(), again.to_string());
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            if let ConfigError::File { line, .. } | ConfigError::Policy { line, .. } = problem {
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
            }
        }
        (one, other) => panic!("{one:?}, then {other:?}"),
    }
}

/// A person's settings: what is read and written again is the same.
pub(super) fn settings(bytes: &[u8]) {
    let file = written(".settings.json", bytes);
    let home = Home::new(file.parent().expect("a folder").to_owned());
    let Ok(settings) = Settings::read(&home) else { return };
    settings.write(&home).expect("a folder");
    assert!(Settings::read(&home).is_ok_and(|again| again == settings), "settings changed when they were written");
}

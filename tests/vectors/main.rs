//! Vectors: examples of everything that travels, as committed files that another replica can be tested with.
//!
//! The tests make every file anew from fixed keys and compare; `ALLIANCE_BLESS=1` writes what differs. A second test
//! hands the files to `check.py`, which knows only `docs/protocol.md`.

mod description;
mod documents;
mod fold;
mod frames;
mod handshake;
mod ids;
mod invalid;
mod json;
mod people;
mod records;
mod story;
mod whispers;
mod world;

use std::{env, fs, path::PathBuf, process::Command};

use serde_json::Value;

#[test]
fn ids_are_what_the_files_say() {
    committed("ids", &ids::vectors());
}

#[test]
fn records_and_entries_are_what_the_files_say() {
    committed("records", &records::variants());
    committed("history", &records::history());
}

#[test]
fn histories_mean_what_the_file_says() {
    committed("membership", &fold::vectors());
}

#[test]
fn what_is_inside_of_content_is_what_the_file_says() {
    committed("documents", &documents::vectors());
}

#[test]
fn invitations_and_words_are_what_the_file_says() {
    committed("people", &people::vectors());
}

#[test]
fn frames_are_what_the_files_say() {
    committed("frames", &frames::vectors());
}

#[test]
fn whispers_are_what_the_file_says() {
    committed("whispers", &whispers::vectors());
}

#[test]
fn a_handshake_is_what_the_file_says() {
    committed("handshake", &handshake::vectors());
}

#[test]
fn wrong_bytes_are_refused_as_the_file_says() {
    committed("invalid", &invalid::vectors());
}

#[test]
fn the_description_alone_suffices_to_check_every_vector() {
    let output = Command::new("python3").arg("-B").arg(folder().join("check.py")).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_description_names_every_label_of_the_code() {
    assert_eq!(description::undescribed_labels().len(), 0, "{:?}", description::undescribed_labels());
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    assert_eq!(description::unknown_tests().len(), 0, "{:?}", description::unknown_tests());
}

/// Compares a file with what it should hold, or writes it if asked to.
fn committed(name: &str, vectors: &Value) {
    let path = folder().join(name).with_extension("json");
    if env::var_os("ALLIANCE_BLESS").is_some_and(|bless| bless == "1") {
        let text = serde_json::to_string_pretty(vectors).expect("values have text") + "\n";
        fs::write(&path, text).expect("the folder of vectors can be written");
        return;
    }
    let text = fs::read_to_string(&path).expect("a file of vectors; ALLIANCE_BLESS=1 writes it");
    let held: Value = serde_json::from_str(&text).expect("JSON");
    assert!(held == *vectors, "{} differs at {}", path.display(), difference(&held, vectors));
}

/// Where two values differ first.
fn difference(held: &Value, made: &Value) -> String {
    match (held, made) {
        (Value::Object(held), Value::Object(made)) => {
            let mut keys = held.keys().chain(made.keys());
            keys.find(|key| held.get(*key) != made.get(*key)).map_or(String::new(), |key| {
                format!("/{key}{}", difference(&held[key], made.get(key).unwrap_or(&Value::Null)))
            })
        }
        (Value::Array(held), Value::Array(made)) if held.len() == made.len() => {
            let at = held.iter().zip(made).position(|(held, made)| held != made).unwrap_or(0);
            format!("/{at}{}", difference(&held[at], &made[at]))
        }
        _ => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            format!(": the file has {}, the code makes {}", short(held), short(made))
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

//! What a person sees and is told, as the tests ask for it.

use serde_json::Value;

use crate::program::{Person, until};

/// What each row of a list says in one field.
///
/// # Panics
/// If it is no list, or if a row has no such text.
pub fn column(list: &Value, field: &str) -> Vec<String> {
    let text = |row: &Value| row[field].as_str().unwrap_or_else(|| panic!("no {field}: {row}")).to_owned();
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter().map(text).collect()
}

/// The titles of all notes, sorted.
///
/// # Panics
/// If the notes cannot be listed.
pub fn titles(person: &Person) -> Vec<String> {
    let mut titles = column(&person.json(&["note", "list"]), "title");
    titles.sort();
    titles
}

/// Waits until somebody has a note of this title.
///
/// # Panics
/// If it does not come.
pub fn arrives(person: &Person, title: &str) {
    until(title, || titles(person).iter().any(|it| it == title).then_some(()));
}

/// What the security log says, by its kinds, oldest first.
///
/// # Panics
/// If it cannot be read.
pub fn kinds(person: &Person) -> Vec<String> {
    column(&person.json(&["security"]), "kind")
}

//! Ben and Anna at their computers, with a relay between them that can be killed, moved and wiped: the real programs.

use std::{fs, path::PathBuf, process::Command};

use alliance_core::app::Profile;
use alliance_replica::id::SpaceId;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    disk::copy_folder,
    program::{Ended, Person, RelayProgram},
};

/// 24 words that are nobody's.
pub const NOBODYS: &str = "abandon amount liar amount expire adjust cage candy arch gather drum bullet absurd math era live bid rhythm alien crouch range attend journey unaware";

/// Two people and a relay.
pub struct Town {
    /// A coach, who makes the alliance.
    pub ben: Person,
    /// A client, who joins it.
    pub anna: Person,
    /// The alliance, in hexadecimal; empty until it is made.
    pub space: String,
    relay: Option<RelayProgram>,
    address: String,
    folder: TempDir,
}

impl Default for Town {
    fn default() -> Self {
        Self::new()
    }
}

impl Town {
    /// Two new computers and a relay that nobody has met.
    ///
    /// # Panics
    /// If the relay does not start.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("alliance-relay-").expect("a folder");
        let relay = RelayProgram::start(&folder.path().join("data"));
        let address = relay.address().to_owned();
        let [ben, anna] = ["Ben", "Anna"].map(Person::new);
        Self { ben, anna, space: String::new(), relay: Some(relay), address, folder }
    }

    /// Ben has begun an alliance.
    ///
    /// # Panics
    /// If he cannot.
    pub fn with_ben() -> Self {
        let mut town = Self::new();
        let url = town.url();
        let init = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", &url];
        town.space = town.ben.json(&init)["id"].as_str().expect("an id").to_owned();
        town
    }

    /// Ben and Anna are together in an alliance; and Anna's words.
    ///
    /// # Panics
    /// If they cannot be.
    pub fn with_words() -> (Self, String) {
        let town = Self::with_ben();
        let invitation = town.invitation();
        town.sync(&[&town.ben]);
        let joined = town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
        town.meet();
        (town, joined["recovery_words"].as_str().expect("words").to_owned())
    }

    /// Ben and Anna are together in an alliance, and both know it.
    ///
    /// # Panics
    /// If anything on the way fails.
    pub fn together() -> Self {
        let town = Self::with_ben();
        let invitation = town.invitation();
        town.sync(&[&town.ben]);
        town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
        town.sync(&[&town.ben, &town.anna, &town.ben]);
        town
    }

    /// Ben and Anna are together, and Ben has another alliance, *Another*, of which every entry is damaged on his disk.
    ///
    /// # Panics
    /// If anything on the way fails.
    pub fn with_a_damaged_space() -> Self {
        let town = Self::together();
        let another = town.ben.json(&["new", "Another"])["id"].as_str().expect("an id").to_uppercase();
        town.ben.json(&["use", "Ben & Anna"]);
        town.sync(&[&town.ben]);
        let profile = Connection::open(town.ben.profile()).expect("a profile");
        let harmed = profile.execute("UPDATE entries SET header = x'00' WHERE hex(space) = ?1", [another]);
        assert!(harmed.expect("damaged") > 0, "nothing is damaged");
        town
    }

    /// An invitation from Ben that only he has yet.
    ///
    /// # Panics
    /// If he cannot make one.
    pub fn invitation(&self) -> String {
        self.ben.json(&["invite"])["invitation"].as_str().expect("a word").to_owned()
    }

    /// Lets people sync, one after the other.
    ///
    /// # Panics
    /// If one of them fails.
    pub fn sync(&self, people: &[&Person]) {
        for person in people {
            for row in person.json(&["sync"]).as_array().expect("a list") {
                assert_eq!(row["refused"], Value::Null, "{}: {row}", person.name);
            }
        }
    }

    /// Lets both sync until both have everything.
    ///
    /// # Panics
    /// If one of them fails.
    pub fn meet(&self) {
        self.sync(&[&self.ben, &self.anna, &self.ben]);
    }

    /// Where the relay is, whether it runs or not.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The relay.
    ///
    /// # Panics
    /// If it does not run.
    pub fn relay(&self) -> &RelayProgram {
        self.relay.as_ref().expect("the relay runs")
    }

    /// The relay's folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// True while the relay runs.
    pub fn has_relay(&self) -> bool {
        self.relay.is_some()
    }

    /// Kills the relay.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill_relay(&mut self) -> Ended {
        self.relay.take().expect("the relay runs").kill()
    }

    /// Asks the relay to stop.
    ///
    /// # Panics
    /// If it does not run.
    pub fn stop_relay(&mut self) -> Ended {
        self.relay.take().expect("the relay runs").stop()
    }

    /// Starts the relay again on its folder, where it was.
    ///
    /// # Panics
    /// If it runs, or does not start.
    pub fn start_relay(&mut self) {
        assert!(self.relay.is_none(), "the relay runs");
        self.relay = Some(RelayProgram::start_at(&self.data(), &self.address));
    }

    /// Starts the relay again on its folder, where it was, by a command that is made of what would start it.
    ///
    /// # Panics
    /// If it runs, or does not start.
    pub fn start_relay_as(&mut self, made: impl Fn(Command) -> Command) {
        assert!(self.relay.is_none(), "the relay runs");
        let (data, address) = (self.data(), &self.address);
        self.relay = Some(RelayProgram::start_by(|| made(RelayProgram::command(&data, address))));
    }

    /// A copy of the relay's folder, made while it does not run.
    ///
    /// # Panics
    /// If it runs.
    pub fn backup_relay(&self) -> TempDir {
        assert!(self.relay.is_none(), "the relay runs");
        let copy = TempDir::with_prefix("alliance-backup-").expect("a folder");
        copy_folder(&self.data(), copy.path());
        copy
    }

    /// Replaces the relay's folder by a copy that was made before.
    ///
    /// # Panics
    /// If it runs.
    pub fn restore_relay(&self, backup: &TempDir) {
        assert!(self.relay.is_none(), "the relay runs");
        fs::remove_dir_all(self.data()).expect("removed");
        copy_folder(backup.path(), &self.data());
    }

    /// Sees to it that both have equal documents, and see the same.
    ///
    /// # Panics
    /// If not.
    pub fn assert_equal(&self) {
        let [ben, anna] = [&self.ben, &self.anna];
        let views = [view(ben, "Anna"), view(anna, "Ben")].map(|view| format!("{view:#}"));
        assert_eq!(views[0], views[1], "Ben's and Anna's views differ");
        let space = SpaceId::from_hex(&self.space).expect("an id");
        let heads = [ben, anna].map(|person| {
            let mut profile = Profile::open(&person.profile()).expect("a profile");
            profile.heads(space).expect("heads")
        });
        assert!(!heads[0].is_empty());
        assert_eq!(heads[0], heads[1], "Ben's and Anna's documents differ");
    }
}

/// Everything of the alliance that a person sees, said so that the other one can say it, too: names instead of *you*,
/// everything in the order of ids, nothing private.
fn view(person: &Person, other: &str) -> Value {
    let mut all = serde_json::Map::new();
    for list in [&["goal", "list", "--all"][..], &["note", "list"], &["feedback", "list"], &["conflict", "list"]] {
        let mut rows = person.json(list).as_array().expect("a list").clone();
        rows.retain(|row| row["private"] != json!(true));
        if list[0] != "conflict" {
            let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect();
            rows.extend(ids.iter().map(|id| person.json(&[list[0], "show", id])));
        }
        rows.iter_mut().for_each(|row| name(row, &person.name, other));
        rows.sort_by_key(|row| format!("{} {row}", row["id"]));
        all.insert(list[0].to_owned(), Value::Array(rows));
    }
    let mut about = person.json(&["about"]);
    name(&mut about, &person.name, other);
    all.insert("about".to_owned(), about);
    Value::Object(all)
}

fn name(value: &mut Value, me: &str, other: &str) {
    match value {
        Value::Array(values) => {
            values.iter_mut().for_each(|value| name(value, me, other));
            // Each of them numbers what there is to choose.
            let numbered = |value: &Value| value.get("number").is_some() && value.get("by").is_some();
            if values.iter().all(numbered) {
                values.iter_mut().filter_map(Value::as_object_mut).for_each(|value| _ = value.remove("number"));
                values.sort_by_key(Value::to_string);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                match (field.as_str(), value.as_str()) {
                    ("owner" | "by", Some("you")) => *value = json!(me),
                    ("owner", Some("them")) => *value = json!(other),
                    _ => name(value, me, other),
                }
            }
        }
        _ => {}
    }
}

//! The typing traces of `tests/data`, as they were published, and a person who types one.

use std::io::Read as _;

use alliance_core::{
    app::{ItemRef, Place},
    keys::Invitation,
};
use alliance_replica::id::SpaceId;
use automerge::{
    Automerge, ObjType, ROOT,
    transaction::{CommitOptions, Transactable as _},
};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{
    RELAY, START, World,
    believable::{add_note, edit_note},
};

const CONCURRENT: &[u8] = include_bytes!("../data/friendsforever.json.gz");
const FLAT: &[u8] = include_bytes!("../data/friendsforever_flat.json.gz");

/// One text, as one person typed it.
pub struct Trace {
    /// What was done, one key after the other.
    pub keystrokes: Vec<Keystroke>,
    /// The text after the last one.
    pub text: String,
}

/// At `at`, `deleted` characters go and `inserted` comes. All text of the traces is ASCII, so that characters, bytes and
/// UTF-16 units are the same.
pub struct Keystroke {
    /// Characters before the place.
    pub at: usize,
    /// Characters to delete.
    pub deleted: usize,
    /// What to insert.
    pub inserted: String,
}

impl Trace {
    /// 26 078 keystrokes, 21 362 characters at the end.
    ///
    /// # Panics
    /// If the data is not what was published.
    #[must_use]
    pub fn friends() -> Self {
        let trace = read(FLAT);
        let patches = trace["txns"].as_array().expect("transactions").iter().flat_map(|it| it["patches"].as_array());
        Self {
            keystrokes: patches.flatten().map(Keystroke::read).collect(),
            text: trace["endContent"].as_str().expect("a text").to_owned(),
        }
    }

    /// The first keystrokes only, and the text that they make.
    ///
    /// # Panics
    /// If a place of the trace is not in its text.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.keystrokes.truncate(count);
        self.text = String::new();
        for key in &self.keystrokes {
            key.press(&mut self.text);
        }
        self
    }

    /// Bytes of what Automerge saves of the same keystrokes, each its own change at its own time.
    ///
    /// # Panics
    /// If a place of the trace is not in its text.
    #[must_use]
    pub fn saved(&self) -> usize {
        let mut document = Automerge::new();
        let mut transaction = document.transaction();
        let body = transaction.put_object(ROOT, "body", ObjType::Text).expect("a text");
        transaction.commit();
        for (number, key) in self.keystrokes.iter().enumerate() {
            let mut transaction = document.transaction();
            transaction.splice_text(&body, key.at, key.deleted.cast_signed(), &key.inserted).expect("a splice");
            transaction.commit_with(CommitOptions::default().with_time(pressed_at(number)));
        }
        assert_eq!(document.get_changes_meta(&[]).len(), self.keystrokes.len() + 1);
        document.save().len()
    }
}

/// One text, as two people typed it at the same time.
pub struct Concurrent {
    /// What was done, each after what it follows.
    pub keystrokes: Vec<Turn>,
    /// The text after the last one; empty if it is not known.
    pub text: String,
}

/// What one of two people did at once.
pub struct Turn {
    /// Who: 0 or 1.
    pub agent: u8,
    /// The numbers of what it follows: it applies to the merge of what they lead to.
    pub parents: Vec<usize>,
    /// What was done, each to the text after the one before it.
    pub patches: Vec<Keystroke>,
}

impl Concurrent {
    /// 26 078 keystrokes, 21 362 characters at the end.
    ///
    /// # Panics
    /// If the data is not what was published.
    #[must_use]
    pub fn friends() -> Self {
        let trace = read(CONCURRENT);
        let turn = |it: &Value| Turn {
            agent: it["agent"].as_u64().and_then(|agent| agent.try_into().ok()).expect("an agent"),
            parents: it["parents"].as_array().expect("parents").iter().map(number).collect(),
            patches: it["patches"].as_array().expect("patches").iter().map(Keystroke::read).collect(),
        };
        let keystrokes: Vec<_> = trace["txns"].as_array().expect("transactions").iter().map(turn).collect();
        Self { keystrokes, text: trace["endContent"].as_str().expect("a text").to_owned() }
    }

    /// The first keystrokes only, if there are more.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        if count < self.keystrokes.len() {
            self.keystrokes.truncate(count);
            self.text = String::new();
        }
        self
    }
}

fn read(gzip: &[u8]) -> Value {
    let mut json = String::new();
    GzDecoder::new(gzip).read_to_string(&mut json).expect("gzip");
    serde_json::from_str(&json).expect("JSON")
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|it| it.try_into().ok()).expect("a number")
}

impl Keystroke {
    fn read(patch: &Value) -> Self {
        let inserted = patch[2].as_str().expect("a text").to_owned();
        Self { at: number(&patch[0]), deleted: number(&patch[1]), inserted }
    }

    /// Does it to a text.
    ///
    /// # Panics
    /// If its place is not in the text.
    pub fn press(&self, text: &mut String) {
        text.replace_range(self.at..self.at + self.deleted, &self.inserted);
    }
}

/// When the keystroke with this number is pressed, in unix seconds: four of them a second.
///
/// # Panics
/// If there are more keystrokes than seconds.
#[must_use]
pub fn pressed_at(number: usize) -> i64 {
    START + i64::try_from(number / 4).expect("few keystrokes")
}

/// Ben, who types a note offline; Anna, who is invited and not there yet.
pub struct Typing {
    /// Both of them, and the relay.
    pub world: World,
    /// Their alliance.
    pub space: SpaceId,
    /// The note.
    pub note: ItemRef,
    invitation: Invitation,
    text: String,
    pressed: usize,
}

impl Typing {
    /// An empty note in an alliance that the relay knows.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        world.person("Ben", "coach");
        let space = world.act("Ben", |profile, world| profile.new_alliance("Ben & Anna", Some(RELAY), world));
        let expires = START.unsigned_abs() + 86_400;
        let invitation = world.act("Ben", |profile, world| profile.invite(space, expires, world));
        world.sync("Ben");
        let add = add_note("Typed", "");
        let note = world.act("Ben", |profile, world| profile.add(Place::Alliance(space), &add, world)).item;
        Self { world, space, note, invitation, text: String::new(), pressed: 0 }
    }

    /// Ben presses one key: one intent, one change, on disk.
    ///
    /// # Panics
    /// If it does not go well.
    pub fn press(&mut self, key: &Keystroke) {
        key.press(&mut self.text);
        self.world.now = pressed_at(self.pressed);
        self.pressed += 1;
        self.world.change("Ben", self.note, edit_note(self.note, &self.text));
    }

    /// Anna comes and gets everything; returns the note as she reads it.
    ///
    /// # Panics
    /// If she cannot.
    pub fn join(&mut self) -> String {
        self.world.person("Anna", "client");
        // What joining looks at is not kept: what counts is what she takes in after.
        let watched = self.world.wire.take();
        self.world.join("Anna", Invitation::parse(&self.invitation.reveal()).expect("an invitation"));
        self.world.wire = watched;
        self.world.sync("Anna");
        self.world.act("Anna", |profile, _| profile.item(&self.note)).summary.texts["body"].clone()
    }
}

//! An alliance as it may look after some years, made by the real code from one seed.
//!
//! Every week there is a note of a session, about 4 KB typed in bursts by one person, to which the other one adds; and
//! 20 small items, most of them notes, some of them private, with goals of either person or of both that are taken up,
//! reached and released again. Both sync every week, each with one computer.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alliance_core::{
    app::{Intent, ItemRef, Place, Profile},
    document::TextEdit,
    domain::{goal, note},
};
use alliance_replica::id::{SpaceId, hash};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::{START, World, copy_files};

/// Small items a week.
pub const ITEMS: usize = 20;
/// Weeks a year.
pub const WEEKS: usize = 52;

/// Bytes of a session's note.
const SESSION: usize = 4096;
/// Bytes that are typed without a pause.
const BURST: usize = 256;
/// Goals that are under way at the same time.
const UNDER_WAY: usize = 8;
const WEEK: i64 = 7 * 24 * 60 * 60;
const PEOPLE: [&str; 2] = ["Ben", "Anna"];

/// What profiles are made from: if any of it changes, kept ones are made anew.
const SOURCES: [&str; 4] = [
    include_str!("believable.rs"),
    include_str!("../../core/src/store/migrations/0001_profile.sql"),
    include_str!("../../core/src/view/row.rs"),
    include_str!("../../core/src/domain/note.rs"),
];

/// A folder with the profiles `ben` and `anna` of an alliance of some years, as `ALLIANCE_HOME` holds them, each with its
/// words in `words.txt`; made at the first call and kept under `data`.
///
/// # Panics
/// If it cannot be made.
pub fn home(data: &Path, years: usize) -> PathBuf {
    let digest = hash("believable", &SOURCES.map(str::as_bytes));
    let version: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let home = data.join(format!("{version}-{years}-years"));
    if home.exists() {
        return home;
    }
    let mut world = World::new(1);
    live(&mut world, years * WEEKS);
    let unfinished = data.join(format!("{version}-{years}-years.unfinished"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).expect("a folder that can go");
    }
    for name in PEOPLE {
        let folder = unfinished.join(name.to_lowercase());
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("words.txt"), world.words_of(name).reveal().as_bytes()).expect("a file");
        let laptop = world.people.remove(name).expect("a person");
        // The last to close a database empties its write-ahead log.
        drop(laptop.profile);
        copy_files(laptop.folder.path(), &folder);
    }
    fs::rename(&unfinished, &home).expect("a folder with a new name");
    home
}

/// Ben's and Anna's first weeks together. Returns their alliance.
///
/// # Panics
/// If any of it fails.
pub fn live(world: &mut World, weeks: usize) -> SpaceId {
    let space = world.ben_and_anna();
    let mut life = Life { space, words: Words::new(7), goals: Vec::new(), made: 0 };
    for week in 0..weeks {
        world.now = START + WEEK * i64::try_from(week).expect("few weeks");
        life.session(world, week);
        for _ in 0..ITEMS {
            life.item(world);
        }
        for name in PEOPLE {
            world.sync(name);
        }
    }
    world.sync(PEOPLE[0]);
    space
}

/// Two people, week by week.
struct Life {
    space: SpaceId,
    words: Words,
    /// Goals under way, oldest first, and who may say how they stand.
    goals: Vec<(ItemRef, usize)>,
    /// Small items so far.
    made: usize,
}

impl Life {
    /// One writes the note of a session in bursts; the other one adds something once they have it.
    fn session(&mut self, world: &mut World, week: usize) {
        let (writer, reader) = (PEOPLE[week % 2], PEOPLE[(week + 1) % 2]);
        let mut body = String::new();
        let title = format!("Session {}", week + 1);
        let session = world.add(writer, self.space, add_note(&title, &body));
        while body.len() < SESSION {
            body.push_str(&self.words(BURST));
            world.now += 60;
            world.change(writer, session, edit_note(session, &body));
        }
        world.sync(writer);
        world.sync(reader);
        body.insert_str(0, &self.words(BURST / 2));
        world.change(reader, session, edit_note(session, &body));
    }

    /// One small item of one of the two.
    fn item(&mut self, world: &mut World) {
        self.made += 1;
        let who = self.made % 2;
        let length = 40 + self.below(200);
        let (title, text) = (self.words(20 + length / 10), self.words(length));
        world.now += 3600;
        match self.made % ITEMS {
            0 | 11 => self.goal(world, who, &title, &text),
            5 | 14 => {
                let intent = add_note(&title, &text);
                world.act(PEOPLE[who], |profile, world| profile.add(Place::Personal, &intent, world));
            }
            _ => {
                world.add(PEOPLE[who], self.space, add_note(&title, &text));
            }
        }
    }

    /// A new goal; the oldest one that is under way is reached or released.
    fn goal(&mut self, world: &mut World, who: usize, title: &str, why: &str) {
        let both = self.below(4) == 0;
        let add = goal::Add { title: title.trim().to_owned(), why: why.to_owned(), both, ..goal::Add::default() };
        let item = world.add(PEOPLE[who], self.space, Intent::Goal(goal::Intent::Add(add)));
        self.goals.push((item, who));
        if self.goals.len() > UNDER_WAY {
            let (item, who) = self.goals.remove(0);
            let status = if self.below(3) == 0 { "released" } else { "reached" };
            let edit = goal::Edit::status(status, Some(TextEdit::from(self.words(80).as_str())));
            world.change(PEOPLE[who], item, Intent::Goal(goal::Intent::Edit { item: item.item, edit }));
        }
    }

    fn words(&mut self, bytes: usize) -> String {
        self.words.words(bytes)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.words.below(bound)
    }
}

/// Words as people might write them, from one seed.
pub struct Words(ChaCha20Rng);

impl Words {
    /// Other words for every seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    /// At least so many bytes of words, some more common than others as in real ones, in sentences.
    pub fn words(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        while text.len() < bytes {
            let (a, b) = (self.below(WORDS.len()), self.below(WORDS.len()));
            text.push_str(WORDS[a * b / WORDS.len()]);
            text.push_str(if self.below(9) == 0 { ". " } else { " " });
        }
        text
    }

    /// A number below a bound.
    ///
    /// # Panics
    /// If the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u32()).expect("32 bits") % bound
    }
}

/// A new note.
#[must_use]
pub fn add_note(title: &str, body: &str) -> Intent {
    let (title, body) = (title.trim().to_owned(), body.to_owned());
    Intent::Note(note::Intent::Add(note::Add { title, body, ..note::Add::default() }))
}

/// A note's text as it shall be.
#[must_use]
pub fn edit_note(note: ItemRef, body: &str) -> Intent {
    let edit = note::Edit { body: Some(TextEdit::from(body)), ..note::Edit::default() };
    Intent::Note(note::Intent::Edit { item: note.item, edit })
}

/// Opens a profile of a [`home`].
///
/// # Panics
/// If it cannot be opened.
#[must_use]
pub fn open(home: &Path, name: &str) -> Profile {
    Profile::open(&home.join(name).join("profile.db")).expect("a profile")
}

const WORDS: [&str; 144] = [
    "the",
    "to",
    "and",
    "I",
    "a",
    "of",
    "it",
    "that",
    "in",
    "we",
    "was",
    "for",
    "is",
    "my",
    "with",
    "on",
    "not",
    "this",
    "have",
    "be",
    "at",
    "but",
    "so",
    "what",
    "me",
    "you",
    "as",
    "about",
    "when",
    "more",
    "because",
    "had",
    "than",
    "week",
    "time",
    "from",
    "work",
    "feel",
    "if",
    "how",
    "want",
    "then",
    "could",
    "would",
    "after",
    "before",
    "again",
    "team",
    "talk",
    "people",
    "plan",
    "first",
    "next",
    "day",
    "morning",
    "evening",
    "often",
    "never",
    "always",
    "maybe",
    "better",
    "harder",
    "easier",
    "slower",
    "calm",
    "tired",
    "proud",
    "curious",
    "angry",
    "clear",
    "stuck",
    "ready",
    "decide",
    "ask",
    "listen",
    "write",
    "walk",
    "run",
    "sleep",
    "read",
    "practise",
    "notice",
    "try",
    "leave",
    "begin",
    "finish",
    "promise",
    "answer",
    "question",
    "reason",
    "habit",
    "choice",
    "step",
    "goal",
    "result",
    "meeting",
    "manager",
    "partner",
    "friend",
    "family",
    "daughter",
    "brother",
    "office",
    "garden",
    "kitchen",
    "train",
    "holiday",
    "budget",
    "contract",
    "presentation",
    "interview",
    "feedback",
    "salary",
    "deadline",
    "project",
    "customer",
    "strategy",
    "conflict",
    "boundary",
    "energy",
    "patience",
    "courage",
    "doubt",
    "trust",
    "focus",
    "balance",
    "perspective",
    "experiment",
    "accountability",
    "vulnerability",
    "procrastination",
    "perfectionism",
    "delegation",
    "breathing",
    "journal",
    "marathon",
    "mountains",
    "piano",
    "Thursday",
    "September",
    "nevertheless",
    "eventually",
    "surprisingly",
    "responsibility",
];

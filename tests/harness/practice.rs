//! A coach's profile as it may look after years with many clients, made by the real code from one seed.
//!
//! Ben has an alliance with each client, who came and offered something. Every week there is a session in each of them,
//! with about 4 KB of notes, and 20 small items: notes, goals that are reached or released, commitments that are kept,
//! wins, and now and then something that only Ben has. He syncs every quarter of a year.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alliance_core::{
    app::{Intent, ItemRef, Place},
    domain::{
        commitment::{self, Offer, Terms},
        goal, session, win,
    },
    keys::Invitation,
};
use alliance_replica::id::{SpaceId, hash};

use crate::{
    RELAY, START, World,
    believable::{ITEMS, WEEKS, Words, add_note},
    copy_files,
};

/// How many alliances there are.
pub const ALLIANCES: usize = 40;
/// How many weeks they have gone on: three years.
pub const ALL_WEEKS: usize = 3 * WEEKS;
/// A word that is in one note of one alliance.
pub const RARE: &str = "kingfisher";
/// Bytes of a session's notes.
const SESSION: usize = 4096;
/// Goals, and commitments, that are under way in an alliance.
const UNDER_WAY: usize = 4;
const DAY: i64 = 24 * 60 * 60;
/// Weeks between two syncs.
const QUARTER: usize = 13;

const SOURCES: [&str; 4] = [
    include_str!("practice.rs"),
    include_str!("../../core/src/store/migrations/0001_profile.sql"),
    include_str!("../../core/src/view/row.rs"),
    include_str!("../../core/src/domain/session.rs"),
];

/// A folder with the profile `ben` of some weeks, as `ALLIANCE_HOME` holds it; made at the first call and kept under `data`.
///
/// # Panics
/// If it cannot be made.
pub fn home(data: &Path, weeks: usize) -> PathBuf {
    let digest = hash("practice", &SOURCES.map(str::as_bytes));
    let version: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let home = data.join(format!("{version}-practice-{weeks}"));
    if home.exists() {
        return home;
    }
    let mut world = World::new(1);
    live(&mut world, ALLIANCES, weeks);
    let unfinished = data.join(format!("{version}-practice-{weeks}.unfinished"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).expect("a folder that can go");
    }
    let folder = unfinished.join("ben");
    fs::create_dir_all(&folder).expect("a folder");
    let laptop = world.people.remove("Ben").expect("a person");
    // The last to close a database empties its write-ahead log.
    drop(laptop.profile);
    copy_files(laptop.folder.path(), &folder);
    fs::rename(&unfinished, &home).expect("a folder with a new name");
    home
}

/// Ben's first weeks with all of his clients.
///
/// # Panics
/// If any of it fails.
pub fn live(world: &mut World, alliances: usize, weeks: usize) {
    world.person("Ben", "coach");
    let mut lives: Vec<_> = (0..alliances).map(|number| Life::begin(world, number)).collect();
    world.sync("Ben");
    for life in &lives {
        let offer = commitment::Intent::Offer(Offer { title: "Ask me in a year".to_owned(), links: Vec::new() });
        world.sync(&life.client);
        world.add(&life.client, life.space, offer.into());
        world.sync(&life.client);
    }
    for week in 0..weeks {
        for life in &mut lives {
            world.now = START + 7 * DAY * i64::try_from(week).expect("few weeks");
            life.week(world, week, week + 1 == weeks);
        }
        if week.is_multiple_of(QUARTER) || week + 1 == weeks {
            world.sync("Ben");
        }
    }
    let rare = add_note("Something rare", RARE);
    world.add("Ben", lives[0].space, rare);
    world.sync("Ben");
}

/// An alliance, week by week.
struct Life {
    space: SpaceId,
    client: String,
    words: Words,
    goals: Vec<ItemRef>,
    commitments: Vec<ItemRef>,
}

impl Life {
    fn begin(world: &mut World, number: usize) -> Self {
        let client = format!("Client {}", number + 1);
        let title = format!("Ben & {client}");
        let space = world.act("Ben", |profile, world| profile.new_alliance(&title, Some(RELAY), world));
        let invitation = world.act("Ben", |profile, world| profile.invite(space, START as u64 + 86_400, world));
        world.sync("Ben");
        world.person(&client, "client");
        world.join(&client, Invitation::parse(&invitation.reveal()).expect("an invitation"));
        world.sync(&client);
        let seed = u64::try_from(number).expect("a small number");
        Self { space, client, words: Words::new(seed), goals: Vec::new(), commitments: Vec::new() }
    }

    fn week(&mut self, world: &mut World, week: usize, is_last: bool) {
        let (title, notes) = (format!("Session {}", week + 1), self.words.words(SESSION));
        let (year, month, day) = (2027 + week / WEEKS, 1 + week % WEEKS / 5, 1 + week % 5 * 5);
        let when = Some(format!("{year}-{month:02}-{day:02}T16:00+00:00[UTC]"));
        let notes = Some(notes.as_str().into());
        let details = session::Details { title: Some(title), when, notes, ..session::Details::default() };
        let item = world.add("Ben", self.space, session::Intent::Plan(details).into());
        if !is_last {
            world.change("Ben", item, session::Intent::Finish { item: item.item }.into());
        }
        for number in 0..ITEMS {
            world.now += 3600;
            let length = 40 + self.words.below(200);
            let (title, text) = (self.words.words(20), self.words.words(length));
            match number {
                0 => self.goal(world, &title, text),
                1 => self.commitment(world, &title),
                2 => _ = world.add("Ben", self.space, Intent::Win(win::Intent::Add { text })),
                3 if week.is_multiple_of(2) => {
                    let note = add_note(&title, &text);
                    world.act("Ben", |profile, world| profile.add(Place::Personal, &note, world));
                }
                _ => _ = world.add("Ben", self.space, add_note(&title, &text)),
            }
        }
    }

    /// A new goal; the oldest one that is under way is reached or released.
    fn goal(&mut self, world: &mut World, title: &str, why: String) {
        let add = goal::Add { title: title.trim().to_owned(), why, ..goal::Add::default() };
        self.goals.push(world.add("Ben", self.space, goal::Intent::Add(add).into()));
        if self.goals.len() > UNDER_WAY {
            let item = self.goals.remove(0);
            let status = if self.words.below(3) == 0 { "released" } else { "reached" };
            let edit = goal::Edit::status(status, Some(self.words.words(80).as_str().into()));
            world.change("Ben", item, goal::Intent::Edit { item: item.item, edit }.into());
        }
    }

    /// A new commitment; the oldest one that is not over is kept.
    fn commitment(&mut self, world: &mut World, title: &str) {
        let offer = Offer { title: title.trim().to_owned(), links: Vec::new() };
        let make = commitment::Intent::Make(offer, Terms::default());
        self.commitments.push(world.add("Ben", self.space, make.into()));
        if self.commitments.len() > UNDER_WAY {
            let item = self.commitments.remove(0);
            let learning = Some(self.words.words(40).as_str().into());
            let end = commitment::Intent::End { item: item.item, how: "kept".to_owned(), learning };
            world.change("Ben", item, end.into());
        }
    }
}

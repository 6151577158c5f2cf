//! Outages of real programs while people write: sleep, and kills at any moment. Nothing that anybody was told is lost.

use std::{collections::BTreeMap, fs, iter, thread, time::Duration};

use alliance_tests::{
    program::{PATIENCE, Person, Ran, Running, until, until_within},
    seen::{arrives, kinds, titles},
    town::Town,
    watcher::Watcher,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value;

use crate::count;

const SIGKILL: i32 = 9;

/// Two people who are together, and a relay with this configuration.
fn with_relay(config: &str) -> Town {
    let mut town = Town::together();
    town.stop_relay();
    fs::write(town.data().with_extension("toml"), config).expect("written");
    town.start_relay();
    town
}

fn watching(town: &Town) -> [Watcher; 2] {
    let watchers = [(&town.ben, "ben"), (&town.anna, "anna")].map(|(person, name)| Watcher::start(person, name));
    watchers[0].says("Anna is here now.", 1);
    watchers[1].says("Ben is here now.", 1);
    watchers
}

pub(crate) fn said(watcher: &Watcher, words: &str) -> usize {
    watcher.said().matches(words).count()
}

/// Lets both meet without anybody watching; sees that both have the same and nobody was harmed.
fn all_is_well(town: &Town) {
    town.meet();
    town.assert_equal();
    for person in [&town.ben, &town.anna] {
        let kinds = kinds(person);
        assert!(!kinds.contains(&"relay-lost-data".to_owned()), "the relay lost what it had acknowledged: {kinds:?}");
        assert!(!kinds.contains(&"device-wrote-two-histories".to_owned()), "{kinds:?}");
    }
}

/// How often somebody sleeps, and whether for longer than a connection lives in silence: in tests/long only.
pub(crate) fn sleeps() -> (u64, bool) {
    (count("ALLIANCE_SLEEPS", 2), std::env::var_os("ALLIANCE_SLEEPS").is_some())
}

#[test]
fn a_laptop_that_sleeps_is_given_up_and_comes_back_to_everything() {
    let (nights, is_long) = sleeps();
    // In the gate the relay has hardly any patience. The longer one is beyond what a laptop takes for sleep, too.
    let idle = if is_long { 50 } else { 3 };
    let town = with_relay(&format!("[time]\nping_seconds = 1\nidle_seconds = {idle}\n"));
    let [ben, anna] = watching(&town);
    let given_up = || town.relay().logs().matches("disconnected").count();
    for night in 1..=nights {
        let (before, here, gone) = (given_up(), said(&ben, "Anna is here"), said(&ben, "Anna is not here"));
        anna.signal("STOP");
        town.ben.json(&["note", "add", &format!("Night {night}")]);
        until_within(2 * PATIENCE, "the relay to give her up", || (given_up() > before).then_some(()));
        if is_long {
            let is_told = || (said(&ben, "Anna is not here") > gone).then_some(());
            until_within(2 * PATIENCE, "Ben to be told that she is away", is_told);
        }
        town.ben.json(&["note", "add", &format!("Late in night {night}")]);
        anna.signal("CONT");
        arrives(&town.anna, &format!("Night {night}"));
        arrives(&town.anna, &format!("Late in night {night}"));
        if is_long {
            ben.says("Anna is here", here + 1);
        }
        town.anna.json(&["note", "add", &format!("Morning {night}")]);
        arrives(&town.ben, &format!("Morning {night}"));
    }
    assert_eq!([ben.stop(), anna.stop()], [Some(0); 2]);
    all_is_well(&town);
}

#[test]
fn a_relay_that_sleeps_keeps_nobody_from_writing_and_all_of_it_arrives() {
    let (nights, is_long) = sleeps();
    let town = Town::together();
    let [ben, anna] = watching(&town);
    for night in 1..=nights {
        let before = [&ben, &anna].map(|watcher| said(watcher, "Not connected"));
        town.relay().signal("STOP");
        for person in [&town.ben, &town.anna] {
            person.json(&["note", "add", &format!("{} in night {night}", person.name)]);
        }
        if is_long {
            for (watcher, before) in [&ben, &anna].into_iter().zip(before) {
                let gives_up = || (said(watcher, "Not connected") > before).then_some(());
                until_within(3 * PATIENCE, "somebody to give the relay up", gives_up);
            }
        }
        town.relay().signal("CONT");
        arrives(&town.anna, &format!("Ben in night {night}"));
        arrives(&town.ben, &format!("Anna in night {night}"));
        // After an interruption it is said only once it holds; until then another one would be no news.
        [&ben, &anna].iter().for_each(|watcher| {
            until("connected as often as interrupted", || {
                (said(watcher, "Connected to") > said(watcher, "Not connected")).then_some(())
            });
        });
    }
    assert_eq!([ben.stop(), anna.stop()], [Some(0); 2]);
    all_is_well(&town);
}

/// Words that no compression makes short, in few letters: it is letters that take time.
pub(crate) fn dense(letters: usize) -> String {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let letter = || char::from_u32(0x4e00 + rng.next_u32() % 20_000).expect("a letter");
    iter::repeat_with(letter).take(letters).collect()
}

/// How many things wait here until the relay has them.
fn unsent(person: &Person) -> u64 {
    let status = person.json(&["status"]);
    let number = |row: &Value, field: &str| row[field].as_u64().expect("a number");
    status.as_array().expect("a list").iter().map(|row| number(row, "waiting") + number(row, "unsent")).sum()
}

#[test]
fn a_large_first_transfer_ends_whole_however_often_the_relay_is_killed_in_its_midst() {
    let kills = count("ALLIANCE_RESTARTS", 2);
    // In one life it takes little more than one frame, then it lets everybody wait.
    let mut town = with_relay("[rate]\ndevice_bytes = { per_second = 1, burst = 1114112 }\n");
    let text = dense(160_000);
    // A note is more than a quarter of what it takes in one life.
    let notes = 4 * (kills + 1);
    for n in 0..notes {
        let add = ["note", "add", &format!("Note {n:03}"), "-m", "-", "--json"];
        town.ben.start_with(&add, &text).end().data();
    }
    let mut left = unsent(&town.ben);
    assert_eq!(left, notes);
    for round in 0..kills {
        let syncs = [&town.ben, &town.anna].map(|person| person.start(&["sync", "--json"]));
        until("something on the relay's disk", || town.relay().logs().contains("committed").then_some(()));
        town.kill_relay();
        syncs.map(Running::end).iter().for_each(|ran| assert!(matches!(ran.code, Some(0 | 7)), "{ran}"));
        let now = unsent(&town.ben);
        assert!(now <= left, "round {round}: what was acknowledged is not any more");
        assert!(now > 0, "round {round}: the transfer had ended already");
        left = now;
        town.start_relay();
        // Ben is away; what he knows to be there comes from the relay's disk.
        town.sync(&[&town.anna]);
        let (has, acknowledged) = (titles(&town.anna).len() as u64, notes - left);
        assert!(has >= acknowledged, "round {round}: {acknowledged} were acknowledged, {has} are there");
    }
    town.stop_relay();
    fs::remove_file(town.data().with_extension("toml")).expect("removed");
    town.start_relay();
    town.sync(&[&town.ben]);
    assert_eq!(unsent(&town.ben), 0);
    town.sync(&[&town.anna]);
    assert_eq!(titles(&town.anna).len() as u64, notes);
    all_is_well(&town);
}

/// Something happens at any moment: this one.
fn some_moment(rng: &mut ChaCha20Rng) {
    thread::park_timeout(Duration::from_micros(u64::from(rng.next_u32() % 100_000)));
}

/// What becomes of a program in one round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Stays,
    Sleeps,
    Killed,
}

impl Fate {
    fn any(rng: &mut ChaCha20Rng) -> Self {
        [Self::Stays, Self::Sleeps, Self::Killed][rng.next_u32() as usize % 3]
    }
}

/// A person who watches and writes meanwhile, and what they were told.
struct Writer<'p> {
    person: &'p Person,
    watcher: Option<Watcher>,
    /// Notes that the person was told are added, with what they say.
    told: BTreeMap<String, String>,
    /// Every note that was asked for.
    asked: BTreeMap<String, String>,
}

impl Writer<'_> {
    fn begin(&mut self, round: u64) -> Vec<(String, Running)> {
        let watches = |it: &Self| Watcher::start(it.person, &format!("watcher-{round}"));
        if self.watcher.is_none() {
            self.watcher = Some(watches(self));
        }
        let mut running = Vec::new();
        for n in 0..3 {
            let title = format!("{} {round}-{n}", self.person.name);
            let body = format!("words of {title}");
            running.push((title.clone(), self.person.start(&["note", "add", &title, "-m", &body, "--json"])));
            self.asked.insert(title, body);
        }
        running
    }

    fn end(&mut self, running: Vec<(String, Running)>, rng: &mut ChaCha20Rng) {
        for (title, command) in running {
            let killed = rng.next_u32().is_multiple_of(3);
            let ran: Ran = if killed { command.kill() } else { command.end() };
            match ran.code {
                Some(0) => _ = self.told.insert(title.clone(), self.asked[&title].clone()),
                None if killed && ran.signal == Some(SIGKILL) => {}
                _ => panic!("{ran}"),
            }
        }
    }
}

#[test]
fn what_two_who_watch_were_told_is_written_outlives_kills_and_sleep_of_all_programs() {
    let (rounds, seed) = (count("ALLIANCE_KILLS", 10), count("ALLIANCE_SEED", 1));
    println!("ALLIANCE_SEED={seed}, {rounds} rounds");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut town = Town::together();
    let people = [town.ben.clone(), town.anna.clone()];
    let mut writers =
        people.each_ref().map(|person| Writer { person, watcher: None, told: BTreeMap::new(), asked: BTreeMap::new() });
    for round in 0..rounds {
        if !town.has_relay() {
            town.start_relay();
        }
        let commands = writers.each_mut().map(|it| it.begin(round));
        let [relay, fates @ ..] = [(); 3].map(|()| Fate::any(&mut rng));
        println!("round {round}: the relay {relay:?}, Ben and Anna {fates:?}");
        some_moment(&mut rng);
        match relay {
            Fate::Stays => {}
            Fate::Sleeps => town.relay().signal("STOP"),
            Fate::Killed => _ = town.kill_relay(),
        }
        for (writer, fate) in writers.iter_mut().zip(fates) {
            match fate {
                Fate::Stays => {}
                Fate::Sleeps => writer.watcher.as_ref().expect("watches").signal("STOP"),
                Fate::Killed => writer.watcher = None,
            }
        }
        some_moment(&mut rng);
        // Whoever sleeps may hold a profile meanwhile: they wake before anybody is waited for.
        if relay == Fate::Sleeps {
            town.relay().signal("CONT");
        }
        let sleeps = writers.iter().zip(fates).filter(|(_, fate)| *fate == Fate::Sleeps);
        sleeps.for_each(|(writer, _)| writer.watcher.as_ref().expect("watches").signal("CONT"));
        for (writer, commands) in writers.iter_mut().zip(commands) {
            writer.end(commands, &mut rng);
        }
    }
    let [ben, anna] = writers.map(|Writer { told, asked, .. }| (told, asked));
    if town.has_relay() {
        town.kill_relay();
    }
    town.start_relay();
    all_is_well(&town);
    let asked: BTreeMap<_, _> = ben.1.into_iter().chain(anna.1).collect();
    let told: Vec<_> = ben.0.into_iter().chain(anna.0).collect();
    assert!(!told.is_empty(), "every command was killed: nothing was tested");
    for person in &people {
        let there = titles(person);
        assert!(there.iter().all(|title| asked.contains_key(title)), "{}: something nobody wrote", person.name);
        for (title, body) in &told {
            assert!(there.contains(title), "{} lacks {title}, which was said to be added", person.name);
            assert_eq!(person.json(&["note", "show", title])["body"], Value::from(body.clone()));
        }
    }
}

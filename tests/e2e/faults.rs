//! Many programs at once, and programs that are killed: nothing that was answered is ever lost.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use alliance_tests::{
    program::{Person, Ran, Running},
    seen,
    town::Town,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::count;

const SIGKILL: i32 = 9;

fn titles(person: &Person) -> BTreeSet<String> {
    let titles = seen::titles(person);
    let all: BTreeSet<_> = titles.iter().cloned().collect();
    assert_eq!(all.len(), titles.len(), "a note is there twice: {titles:?}");
    all
}

fn kinds(person: &Person) -> BTreeSet<String> {
    seen::kinds(person).into_iter().collect()
}

#[test]
fn twenty_commands_at_once_lose_nothing() {
    let town = Town::together();
    let wanted: BTreeSet<_> = (0..20).map(|n| format!("Note {n}")).collect();
    let running: Vec<_> = wanted.iter().map(|title| town.ben.start(&["note", "add", title, "--json"])).collect();
    let shorts: BTreeSet<_> = running.into_iter().map(|it| it.end().data()["id"].to_string()).collect();
    assert_eq!(shorts.len(), 20);
    assert_eq!(titles(&town.ben), wanted);
    let edits: Vec<_> = (0..20)
        .map(|n| town.ben.start(&["note", "edit", "Note 7", "--title", "Note 7", "-m", &format!("{n}"), "--json"]))
        .collect();
    let syncs = [town.ben.start(&["sync", "--json"]), town.ben.start(&["sync", "--json"])];
    edits.into_iter().chain(syncs).for_each(|running| _ = running.end().data());
    town.meet();
    assert_eq!(titles(&town.anna), wanted);
    town.assert_equal();
    assert!(!kinds(&town.ben).contains("device-wrote-two-histories"));
}

/// What one person did, and how much of it is promised where.
struct Doing<'p> {
    person: &'p Person,
    /// Notes that the person was told are added.
    told: BTreeSet<String>,
    /// Notes that the person was told are on the relay.
    delivered: BTreeSet<String>,
    /// Every note that was asked for.
    asked: BTreeSet<String>,
}

impl Doing<'_> {
    fn start(&mut self, round: u64) -> Vec<(Option<String>, Running)> {
        let mut running = Vec::new();
        for n in 0..2 {
            let title = format!("{} {round}-{n}", self.person.name);
            let command = self.person.start(&["note", "add", &title, "-m", "words that stay", "--json"]);
            self.asked.insert(title.clone());
            running.push((Some(title), command));
        }
        let title = format!("{} {round}", self.person.name);
        running.push((None, self.person.start(&["goal", "edit", "Run", "--horizon", &title, "--json"])));
        running.push((None, self.person.start(&["sync", "--json"])));
        running
    }

    /// Takes down what was answered. What was promised before this round's sync began is on the relay if it succeeded.
    fn end(&mut self, running: Vec<(Option<String>, Running)>, killed: bool) {
        let before = self.told.clone();
        for (title, command) in running {
            let ran = if killed { command.kill() } else { command.end() };
            let is_sync = ran.typed.contains("$ alliance sync");
            match ran.code {
                Some(0) if is_sync => self.delivered.extend(before.iter().cloned()),
                Some(0) => self.told.extend(title),
                Some(7) if is_sync => {}
                None if killed && ran.signal == Some(SIGKILL) => {}
                _ => panic!("{ran}"),
            }
        }
    }
}

/// Kills come at any moment: this one.
fn some_moment(rng: &mut ChaCha20Rng) {
    thread::park_timeout(Duration::from_micros(u64::from(rng.next_u32() % 120_000)));
}

#[test]
fn no_kill_of_anybody_loses_what_was_answered() {
    let (kills, seed) = (count("ALLIANCE_KILLS", 10), count("ALLIANCE_SEED", 1));
    println!("ALLIANCE_SEED={seed}, {kills} rounds");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut town = Town::together();
    town.anna.json(&["goal", "add", "Run"]);
    town.meet();
    let people = [town.ben.clone(), town.anna.clone()];
    let mut doing = people.each_ref().map(|person| Doing {
        person,
        told: BTreeSet::new(),
        delivered: BTreeSet::new(),
        asked: BTreeSet::new(),
    });
    for round in 0..kills {
        if !town.has_relay() {
            town.start_relay();
        }
        let running = doing.each_mut().map(|it| it.start(round));
        some_moment(&mut rng);
        let victims = 1 + rng.next_u32() % 7;
        println!("round {round}: kills {victims:03b}");
        if victims & 4 > 0 {
            town.kill_relay();
        }
        for (n, (it, running)) in doing.iter_mut().zip(running).enumerate() {
            it.end(running, victims >> n & 1 > 0);
        }
    }
    if town.has_relay() {
        town.kill_relay();
    }
    town.start_relay();
    // What is promised to be on the relay arrives although its author does not come again.
    town.sync(&[&town.anna]);
    let missing: Vec<_> = doing[0].delivered.difference(&titles(&town.anna)).cloned().collect();
    assert!(missing.is_empty(), "Ben was told that {missing:?} is on the relay");
    town.sync(&[&town.ben]);
    let missing: Vec<_> = doing[1].delivered.difference(&titles(&town.ben)).cloned().collect();
    assert!(missing.is_empty(), "Anna was told that {missing:?} is on the relay");
    town.meet();
    let all = titles(&town.ben);
    assert_eq!(all, titles(&town.anna));
    for it in &doing {
        let missing: Vec<_> = it.told.difference(&all).collect();
        assert!(missing.is_empty(), "{} was told that {missing:?} is added", it.person.name);
        assert!(!kinds(it.person).contains("relay-lost-data"), "the relay lost what it had acknowledged");
        assert!(!kinds(it.person).contains("device-wrote-two-histories"), "{} wrote two histories", it.person.name);
    }
    let asked: BTreeSet<_> = doing.iter().flat_map(|it| it.asked.iter().cloned()).collect();
    assert!(all.is_subset(&asked), "something nobody wrote");
    town.assert_equal();
    let promised: usize = doing.iter().map(|it| it.told.len() + it.delivered.len()).sum();
    assert!(promised > 0, "every command was killed: nothing was tested");
}

fn in_home(person: &Person) -> Vec<String> {
    let files = fs::read_dir(person.home()).expect("a folder").map(|file| file.expect("a file").file_name());
    let mut names: Vec<_> = files.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

fn has_words(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_lowercase() && c != ' ').any(|line| line.split(' ').count() == 24)
}

#[test]
fn a_kill_in_the_middle_of_beginning_leaves_no_profile_or_one_whose_words_were_said() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    for round in 0..9 {
        let ben = Person::new("Ben");
        let file = ben.beside("words.txt");
        let to_file = ["--recovery-file", file.to_str().expect("text")];
        let how = [&["--json"][..], &[], &to_file][round % 3];
        let begin = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"];
        let running = ben.start(&[&begin[..], how].concat());
        some_moment(&mut rng);
        let ran: Ran = running.kill();
        assert!(ran.code == Some(0) || ran.signal == Some(SIGKILL), "round {round}: {ran}");
        let words = has_words(&ran.stdout) || fs::read_to_string(&file).is_ok_and(|text| has_words(&text));
        // Either nothing is there and it can be said again, or the profile is whole.
        let again = ben.run(&[&begin[..], &["--json"]].concat());
        if again.code != Some(0) {
            assert_eq!(again.refusal().code, "profile_exists", "round {round}: {again}");
            assert!(words, "round {round}: the words of this profile are lost: {ran}");
        }
        assert_eq!(in_home(&ben), [".lock", "default"], "round {round}");
        ben.json(&["note", "add", "It works"]);
    }
}

#[test]
fn a_profile_whose_words_nobody_can_read_is_not_made() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    let init = ["init", "--name", "Anna", "--role", "client", "--alliance", "Alone"];
    let join = ["join", &invitation, "--name", "Anna", "--role", "client"];
    for (begin, how) in [(&init[..], &[][..]), (&init, &["--json"]), (&join, &[]), (&join, &["--json"])] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = town.anna.command(&[begin, how].concat()).stdout(writer).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{begin:?} {how:?}: {output:?}");
        assert_eq!(in_home(&town.anna), [".lock"], "{begin:?} {how:?}");
    }
    // Nor did anybody hear that she has come.
    assert_eq!(town.anna.json(&join)["synced"], true);
}

#[test]
fn of_several_who_begin_at_once_in_one_place_one_succeeds() {
    for round in 0..3 {
        let ben = Person::new("Ben");
        let begin = |n: usize| {
            let (name, words) = (format!("Ben {n}"), ben.beside(&format!("words-{n}.txt")));
            let words = words.to_str().expect("text");
            let who = ["init", "--name", &name, "--role", "coach", "--alliance", &name, "--recovery-file", words];
            ben.start(&[&who[..], &["--json"]].concat())
        };
        let ran: Vec<_> = [0, 1, 2, 3].map(begin).into_iter().map(Running::end).collect();
        let (began, refused): (Vec<_>, Vec<_>) = ran.iter().partition(|ran| ran.code == Some(0));
        assert_eq!(began.len(), 1, "round {round}: {ran:?}");
        refused.iter().for_each(|ran| assert_eq!(ran.refusal().code, "profile_exists", "{ran}"));
        for (n, ran) in ran.iter().enumerate() {
            let succeeded = ran.code == Some(0);
            assert_eq!(ben.beside(&format!("words-{n}.txt")).exists(), succeeded, "words of no profile: {ran}");
        }
        assert_eq!(ben.json(&["use"])[0]["title"], began[0].data()["title"], "the profile of another one");
        let spaces = ben.json(&["status"]);
        assert_eq!(spaces.as_array().map(Vec::len), Some(2), "{spaces}");
        assert_eq!(in_home(&ben), [".lock", "default"], "a profile that was not finished is left");
    }
}

#[test]
fn of_several_who_take_up_one_invitation_at_once_in_one_place_one_begins() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    let anna = Person::new("Anna");
    let begin = |n: usize| {
        let name = format!("Anna {n}");
        anna.start(&["join", &invitation, "--name", &name, "--role", "client", "--json"])
    };
    let ran: Vec<_> = [0, 1, 2].map(begin).into_iter().map(Running::end).collect();
    let (began, refused): (Vec<_>, Vec<_>) = ran.iter().partition(|ran| ran.code == Some(0));
    assert_eq!(began.len(), 1, "{ran:?}");
    for ran in refused {
        // Whoever comes when the profile is there, or the invitation used, is told so.
        let code = ran.refusal().code;
        assert!(["profile_exists", "other_person", "invitation_used"].contains(&code.as_str()), "{ran}");
    }
    let name = anna.json(&["member", "list"])[0]["name"].as_str().expect("a name").to_owned();
    assert!(began[0].typed.contains(&name), "the profile of another one: {name}, {}", began[0]);
    assert_eq!(in_home(&anna), [".lock", "default"], "a profile that was not finished is left");
}

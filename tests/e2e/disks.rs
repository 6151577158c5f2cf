//! Disks that are full, may not be written or are damaged, under the programs that people run: nothing that was
//! acknowledged is lost, and whoever is concerned is told why and what helps.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use alliance_tests::{
    disk::{damage, full, read_only, run, wrapped},
    program::{Person, Ran, RelayProgram, until},
    seen::{kinds, titles},
    town::Town,
};

/// More than the log of writes may grow to on the full disks of these tests.
const LONG: usize = 400_000;
const FULL: u64 = 200 * 1024;

/// Words that no compression makes short.
pub(crate) fn long() -> String {
    let mut state = 1_u64;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:016x} ", state ^ (state >> 29))
    };
    std::iter::repeat_with(&mut word).take(LONG / 17).collect()
}

fn add(person: &Person, title: &str, text: &str) -> Command {
    let file = person.beside("long.txt");
    fs::write(&file, text).expect("written");
    let inner = person.command(&["note", "add", title, "-m", "-", "--json"]);
    wrapped(&inner, &["sh", "-c", "exec \"$@\" < \"$0\"", file.to_str().expect("text")])
}

#[track_caller]
fn refused(ran: &Ran, code: &str) {
    let refusal = ran.refusal();
    assert_eq!((refusal.exit, &*refusal.code), (1, code), "{ran}");
    assert!(!refusal.hint.is_empty(), "{ran}");
}

#[test]
fn what_finds_no_room_on_a_full_disk_is_refused_and_all_else_stays() {
    let town = Town::together();
    town.ben.json(&["note", "add", "Before", "-m", "kept"]);
    let text = long();
    refused(&run(full(&add(&town.ben, "No room", &text), FULL)), "disk");
    let shown = run(full(&town.ben.command(&["note", "show", "Before", "--json"]), FULL)).data();
    assert_eq!(shown["body"], "kept", "one can read on");
    assert_eq!(titles(&town.ben), ["Before"]);
    // What comes and finds no room is not taken for received.
    assert_eq!(run(add(&town.anna, "Long", &text)).code, Some(0));
    town.sync(&[&town.anna]);
    refused(&run(full(&town.ben.command(&["sync", "--json"]), FULL)), "disk");
    assert_eq!(titles(&town.ben), ["Before"]);
    town.meet();
    assert_eq!(titles(&town.ben), ["Before", "Long"]);
    town.assert_equal();
    assert!(!kinds(&town.ben).contains(&"device-wrote-two-histories".to_owned()));
}

#[test]
fn no_profile_is_begun_where_there_is_no_room_for_it() {
    let ben = Person::new("Ben");
    let begin = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--json"];
    refused(&run(full(&ben.command(&begin), 8 * 1024)), "disk");
    assert!(!ben.profile().exists());
    ben.json(&begin[..7]);
    ben.json(&["note", "add", "It works"]);
}

#[test]
fn a_disk_that_may_only_be_read_is_told_and_nothing_is_lost() {
    let town = Town::together();
    town.ben.json(&["note", "add", "Before"]);
    let commands = [&["note", "add", "No"][..], &["sync"], &["invite"], &["goal", "add", "No"]];
    for arguments in commands {
        let arguments = [arguments, &["--json"]].concat();
        let Some(command) = read_only(&town.ben.command(&arguments), town.ben.home()) else {
            println!("skipped: this computer lets nobody make a folder read-only");
            return;
        };
        refused(&run(command), "disk");
    }
    town.meet();
    assert_eq!(titles(&town.anna), ["Before"]);
    town.assert_equal();
}

/// Twenty notes that both have, the file of Ben's profile, and what is in it.
fn with_many_pages() -> (Town, PathBuf, Vec<u8>) {
    let town = Town::together();
    for n in 0..20 {
        town.ben.json(&["note", "add", &format!("Note {n}"), "-m", "words and words ".repeat(400).as_str()]);
    }
    town.meet();
    let file = town.ben.profile();
    let whole = fs::read(&file).expect("read");
    (town, file, whole)
}

#[test]
fn a_damaged_file_is_told_by_every_command_and_no_command_makes_it_worse() {
    let (town, file, whole) = with_many_pages();
    let backup = town.ben.backup();
    // The head of the file, a page of its schema, and everything but the first page.
    for (from, length) in [(0, 100), (100, 3_000), (4_096, whole.len() - 4_096)] {
        fs::write(&file, &whole).expect("written");
        damage(&file, from, length);
        let damaged = fs::read(&file).expect("read");
        for arguments in [&["today"][..], &["note", "list"], &["note", "add", "More"], &["sync"], &["status"]] {
            refused(&town.ben.run(&[arguments, &["--json"]].concat()), "damaged");
        }
        let told = town.ben.run(&["today"]);
        assert!(told.stderr.contains("restore a backup"), "{told}");
        assert!(fs::read(&file).expect("read") == damaged, "a command wrote into what is damaged");
    }
    // A copy from before brings it back.
    town.anna.json(&["note", "add", "Meanwhile"]);
    town.ben.restore(&backup);
    town.meet();
    assert_eq!(titles(&town.ben).len(), 21);
    town.assert_equal();
}

#[test]
fn a_damaged_page_somewhere_never_crashes_anything() {
    let (town, file, whole) = with_many_pages();
    let mut told = 0;
    for page in (1..whole.len() / 4_096).step_by(7) {
        fs::write(&file, &whole).expect("written");
        damage(&file, page as u64 * 4_096, 4_096);
        for arguments in [&["today"][..], &["note", "list"], &["search", "words"], &["sync"], &["doctor"]] {
            let ran = town.ben.run(&[arguments, &["--json"]].concat());
            assert!(matches!(ran.code, Some(0 | 1 | 7)) && ran.signal.is_none(), "page {page}: {ran}");
        }
        let found = town.ben.run(&["doctor", "--json"]);
        // Where no page is that anybody needs, all is well.
        if found.code == Some(0) {
            town.assert_equal();
        } else {
            told += 1;
        }
    }
    assert!(told > 0, "no page was damaged that anybody needs");
}

/// Whoever is killed leaves a log of writes behind: damages it.
fn damage_log(file: &Path) {
    let log = file.with_file_name(format!("{}-wal", file.file_name().expect("a name").to_string_lossy()));
    let length = fs::metadata(&log).expect("a log of writes").len();
    assert!(length > 4_096, "{length}");
    damage(&log, length / 3, 2_000);
    let _ =
        fs::remove_file(log.with_file_name(log.file_name().expect("a name").to_string_lossy().replace("-wal", "-shm")));
}

#[test]
fn what_a_damaged_log_of_writes_loses_comes_back_from_the_relay() {
    let town = Town::together();
    let watching = town.ben.start(&["sync", "--watch"]);
    for n in 0..10 {
        town.ben.json(&["note", "add", &format!("Note {n}"), "-m", "some words"]);
    }
    until("all of it on the relay", || {
        let status = town.ben.json(&["status"]);
        let rows = status.as_array().expect("a list");
        rows.iter().all(|row| row["waiting"] == 0 && row["unsent"] == 0).then_some(())
    });
    watching.kill();
    damage_log(&town.ben.profile());
    let ran = town.ben.run(&["note", "list", "--json"]);
    assert_eq!(ran.code, Some(0), "it is an older copy of the profile, and whole: {ran}");
    town.meet();
    assert_eq!(titles(&town.ben).len(), 10);
    town.assert_equal();
    assert!(!kinds(&town.anna).contains(&"device-wrote-two-histories".to_owned()));
}

#[test]
fn a_sync_of_a_damaged_space_ends_with_the_damage_and_exchanges_all_others() {
    let town = Town::with_a_damaged_space();
    town.anna.json(&["note", "add", "From Anna"]);
    town.sync(&[&town.anna]);
    refused(&town.ben.run(&["sync", "--json"]), "damaged");
    let told = town.ben.run(&["sync"]);
    assert!(!told.stderr.contains("Up to date") && told.stderr.contains("damaged"), "{told}");
    assert_eq!(titles(&town.ben), ["From Anna"], "the other one was exchanged");
    let found = town.ben.run(&["doctor"]);
    assert!(found.stdout.contains("what is kept of “Another” is damaged"), "{found}");
    assert_eq!(found.code, Some(1), "{found}");
}

#[test]
fn a_relay_on_a_full_disk_acknowledges_nothing_says_so_and_goes_on_when_there_is_room() {
    let mut town = Town::together();
    town.ben.json(&["note", "add", "Before"]);
    town.meet();
    town.stop_relay();
    town.start_relay_as(|command| full(&command, FULL));
    assert!(town.relay().health().starts_with("HTTP/1.1 200"));
    assert_eq!(run(add(&town.ben, "Long", &long())).code, Some(0));
    let ended = town.ben.run(&["sync", "--json"]);
    let refusal = ended.refusal();
    assert_eq!((refusal.exit, &*refusal.code), (7, "relay_closed"), "{ended}");
    assert!(refusal.message.contains("its disk cannot be written or read"), "{ended}");
    assert!(town.relay().health().starts_with("HTTP/1.1 503"), "a page may have room, what came had none");
    let status = town.ben.json(&["status"]);
    assert_eq!(status[0]["unsent"], 1, "it is not said to be there: {status}");
    assert!(status[0]["refused"].as_str().expect("why").contains("tell whoever runs it"), "{status}");
    let logs = town.relay().logs();
    assert!(logs.contains("nothing could be written"), "{logs}");
    town.sync(&[&town.anna]);
    assert_eq!(titles(&town.anna), ["Before"], "it goes on for whoever only reads");
    // Fills what is left, until not even a page finds room.
    for n in 0..200 {
        town.anna.json(&["note", "add", &format!("Short {n}"), "-m", &long()[..900]]);
        if town.anna.run(&["sync", "--json"]).code != Some(0) {
            break;
        }
    }
    until("a relay that says it is unwell", || town.relay().health().starts_with("HTTP/1.1 503").then_some(()));
    town.kill_relay();
    town.start_relay();
    town.meet();
    assert!(titles(&town.anna).contains(&"Long".to_owned()));
    town.assert_equal();
    assert!(!kinds(&town.ben).contains(&"relay-lost-data".to_owned()), "it kept what it had acknowledged");
}

#[test]
fn a_relay_whose_disk_may_only_be_read_does_not_start_and_says_why() {
    let mut town = Town::together();
    town.ben.json(&["note", "add", "Before"]);
    town.sync(&[&town.ben]);
    town.kill_relay();
    let Some(command) = read_only(&RelayProgram::command(&town.data(), "127.0.0.1:0"), &town.data()) else {
        println!("skipped: this computer lets nobody make a folder read-only");
        return;
    };
    let ended = RelayProgram::try_run(command).err().expect("it cannot write");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.logs.contains("Read-only file system") && ended.logs.contains("hint: "), "{ended:?}");
    town.start_relay();
    // Ben is away; it comes from the relay's disk.
    town.sync(&[&town.anna]);
    assert_eq!(titles(&town.anna), ["Before"]);
    town.meet();
    town.assert_equal();
}

#[test]
fn a_relay_that_lost_the_end_of_its_log_of_writes_gets_it_back_from_whoever_comes() {
    let mut town = Town::together();
    for n in 0..5 {
        town.ben.json(&["note", "add", &format!("Note {n}")]);
        town.meet();
    }
    town.kill_relay();
    damage_log(&town.data().join("relay.sqlite"));
    town.start_relay();
    town.ben.json(&["note", "add", "After"]);
    town.meet();
    town.assert_equal();
    let said = [&town.ben, &town.anna].map(|person| kinds(person).contains(&"relay-lost-data".to_owned()));
    assert!(said.contains(&true), "it is shown");
    assert_eq!(titles(&town.anna).len(), 6);
}

#[test]
fn a_relay_whose_file_is_damaged_while_it_runs_says_that_it_is_unwell() {
    let mut town = Town::together();
    for n in 0..8 {
        town.ben.json(&["note", "add", &format!("Note {n}"), "-m", &long()[..40_000]]);
    }
    town.meet();
    town.stop_relay();
    let file = town.data().join("relay.sqlite");
    let length = usize::try_from(fs::metadata(&file).expect("a file").len()).expect("a size");
    let pages = length / 4_096;
    // Bodies lie at the end; what is needed to start does not.
    damage(&file, (pages as u64 / 2) * 4_096, length - pages / 2 * 4_096);
    town.start_relay();
    let looked = town.ben.run(&["verify", "--json"]);
    assert_ne!(looked.code, Some(0), "{looked}");
    until("a relay that says it is unwell", || town.relay().health().starts_with("HTTP/1.1 503").then_some(()));
    until("a line that says so", || town.relay().logs().contains("ERROR").then_some(()));
    town.kill_relay();
    // As the guide says: a new folder, and whoever comes brings it all.
    fs::remove_dir_all(town.data()).expect("removed");
    town.start_relay();
    for person in [&town.ben, &town.anna] {
        person.json(&["relay", "set", &town.url()]);
    }
    town.meet();
    town.assert_equal();
    assert_eq!(titles(&town.anna).len(), 8);
}

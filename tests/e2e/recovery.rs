//! All computers of a person are lost: their words and the relay bring everything back, with the real programs.

use std::{fs, path::Path};

use alliance_core::app::Profile;
use alliance_replica::id::SpaceId;
use alliance_tests::{
    program::{Person, RelayProgram, Running, until},
    seen::titles,
    town::{NOBODYS, Town},
    watcher::Watcher,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

/// Ben and Anna in two alliances, in which both wrote; Anna's words.
fn with_words() -> (Town, String) {
    let (town, words) = Town::with_words();
    town.anna.ok(&["new", "Anna alone"]);
    town.anna.ok(&["note", "add", "For nobody yet"]);
    town.anna.ok(&["use", "Ben & Anna"]);
    for (person, note) in [(&town.ben, "From Ben"), (&town.anna, "From Anna")] {
        person.ok(&["note", "add", note, "-m", "Some words"]);
    }
    town.anna.ok(&["goal", "add", "Run"]);
    town.anna.ok(&["note", "add", "Mine alone", "--private"]);
    town.meet();
    (town, words)
}

fn restore(person: &Person, relay: &str, words: &str, more: &[&str]) -> Running {
    person.start_with(&[&["recovery", "restore", "--relay", relay, "--yes", "--json"], more].concat(), words)
}

fn back(person: &Person, relay: &str, words: &str, more: &[&str]) -> Value {
    let came = restore(person, relay, words, more).end().data();
    person.ok(&["use", "Ben & Anna"]);
    came
}

fn notes(person: &Person) -> Vec<String> {
    let mut titles = titles(person);
    titles.sort();
    titles
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![fs::read(path).expect("bytes")] }).collect()
}

#[test]
fn words_and_the_relay_bring_everything_back_and_the_lost_computer_is_out() {
    let (town, words) = with_words();
    let lost = Watcher::start(&town.anna, "lost");
    lost.says("Connected", 1);
    let bare = Person::new("anna");
    let came = back(&bare, &town.url(), &words, &[]);
    assert_eq!((&came["name"], &came["role"]), (&"Anna".into(), &"client".into()), "{came}");
    assert_eq!(came["spaces"].as_array().map(Vec::len), Some(3), "{came}");
    assert_eq!(came["missing"], Value::Array(Vec::new()));
    for space in came["spaces"].as_array().expect("a list") {
        assert_eq!((&space["cut"], &space["kept"]), (&1.into(), &0.into()), "{space}");
    }
    let everything = ["From Anna", "From Ben", "Mine alone"];
    assert_eq!(notes(&bare), everything);
    assert_eq!(bare.json(&["goal", "list"])[0]["title"], "Run");
    assert_eq!(bare.json(&["--alliance", "Anna alone", "note", "list"])[0]["title"], "For nobody yet");
    assert!(!bare.run(&["status"]).stderr.contains("recovery check"), "who has just typed all words has them");

    bare.ok(&["note", "add", "From Anna again"]);
    town.sync(&[&bare]);
    let heard = town.ben.run(&["sync"]).stderr;
    for said in ["Anna came back on a new computer, by their recovery words", "a computer of Anna was cut off as lost"]
    {
        assert_eq!(heard.matches(said).count(), 1, "{said}: {heard}");
    }
    assert!(!town.ben.run(&["sync"]).stderr.contains("Anna"), "it is said once");
    town.ben.ok(&["note", "add", "From Ben again"]);
    town.sync(&[&town.ben, &bare]);
    assert_eq!(notes(&town.ben), ["From Anna", "From Anna again", "From Ben", "From Ben again"]);
    assert_eq!(notes(&bare), ["From Anna", "From Anna again", "From Ben", "From Ben again", "Mine alone"]);
    _ = lost.stop();
    let refused = town.anna.run(&["sync"]);
    assert_ne!(refused.code, Some(0), "{refused}");
    assert_eq!(notes(&town.anna), everything, "nothing that was written after");

    let told = town.ben.ok(&["security"]);
    for said in ["was cut off as lost", "Anna came back on a new computer, by"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    for bytes in files(bare.home()) {
        for part in [&words[..20], &words[words.len() - 20..]] {
            assert!(!bytes.windows(part.len()).any(|it| it == part.as_bytes()), "words are on the disk");
        }
    }
}

#[test]
fn a_program_that_is_killed_in_the_middle_goes_on_with_the_same_words() {
    let (town, words) = with_words();
    let bare = Person::new("anna");
    let running = restore(&bare, &town.url(), &words, &[]);
    until("a profile", || bare.profile().exists().then_some(()));
    running.kill();
    let came = back(&bare, &town.url(), &words, &[]);
    assert_eq!(came["spaces"].as_array().map(Vec::len), Some(3), "{came}");
    assert!(came["spaces"].as_array().expect("a list").iter().all(|it| it["cut"] == 1), "{came}");
    assert_eq!(notes(&bare), ["From Anna", "From Ben", "Mine alone"]);
    // Again does no harm.
    let again = back(&bare, &town.url(), &words, &[]);
    assert_eq!(again["spaces"], came["spaces"]);
    town.sync(&[&bare, &town.ben]);
    let members = town.ben.json(&["member", "list"]);
    let devices: Vec<_> = members.as_array().expect("a list").iter().map(|it| it["devices"].clone()).collect();
    assert_eq!(devices, [1, 1]);
}

/// Entries that are in the file of the only profile.
fn entries(person: &Person) -> Option<i64> {
    let file = Connection::open_with_flags(person.profile(), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    file.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).ok()
}

#[test]
fn a_long_way_back_goes_on_after_every_kill_where_it_was() {
    let (town, words) = with_words();
    // Words that do not shrink: several batches of entries.
    let mut random = ChaCha20Rng::seed_from_u64(1);
    for n in 0..24 {
        let text: Vec<_> = (0..1_500).map(|_| format!("{:016x}", random.next_u64())).collect();
        town.anna.json(&["note", "add", &format!("Long {n:02}"), "-m", &text.join(" ")]);
    }
    town.sync(&[&town.anna]);
    let (all, bare) = (entries(&town.anna).expect("a profile"), Person::new("anna"));
    let (mut kills, mut before) = (0, 0);
    while kills < 20 {
        let mut running = restore(&bare, &town.url(), &words, &[]);
        let now = until("something more, or the end", || {
            let now = entries(&bare).unwrap_or(0);
            (now > before || running.has_ended()).then_some(now)
        });
        if now <= before {
            break;
        }
        running.kill();
        // What was there stays.
        let kept = entries(&bare).expect("a profile");
        assert!(kept >= now, "{kept} of {now} are left");
        (kills, before) = (kills + 1, kept);
    }
    println!("killed {kills} times, {all} entries");
    assert!(kills >= 3, "it came in too few batches to be killed between: {kills}");
    back(&bare, &town.url(), &words, &[]);
    let expected = ["From Anna", "From Ben"].into_iter().map(str::to_owned);
    let expected: Vec<_> =
        expected.chain((0..24).map(|n| format!("Long {n:02}"))).chain(["Mine alone".to_owned()]).collect();
    assert_eq!(notes(&bare), expected);
    town.sync(&[&town.ben, &bare, &town.ben]);
    let space = SpaceId::from_hex(&town.space).expect("an id");
    let heads = [&town.ben, &bare].map(|person| Profile::open(&person.profile()).expect("a profile").heads(space));
    let [bens, annas] = heads.map(|heads| heads.expect("heads"));
    assert!(bens.len() > 24);
    assert_eq!(bens, annas);
}

#[test]
fn an_alliance_that_moved_comes_back_once_its_relay_is_there() {
    let (town, words) = with_words();
    let folder = TempDir::with_prefix("alliance-relay-").expect("a folder");
    let data = folder.path().join("data");
    let other = RelayProgram::start(&data);
    town.ben.ok(&["relay", "set", &other.url()]);
    town.meet();
    town.anna.ok(&["note", "add", "Only at the new relay"]);
    town.sync(&[&town.anna]);
    let address = other.address().to_owned();
    other.stop();
    let bare = Person::new("anna");
    let refused = restore(&bare, &town.url(), &words, &[]).end().refusal();
    assert_eq!((refused.exit, refused.code.as_str()), (7, "relay_unreachable"), "{refused:?}");
    assert!(refused.hint.contains("same command with the same words"), "{refused:?}");
    let unfinished = bare.refused(&["today"]);
    assert_eq!(unfinished.code, "not_restored", "{unfinished:?}");
    assert!(unfinished.hint.contains("recovery restore"), "{unfinished:?}");
    let wrong = restore(&bare, &town.url(), NOBODYS, &[]).end().refusal();
    assert_eq!((wrong.exit, wrong.code.as_str()), (1, "words_other"), "{wrong:?}");
    let _other = RelayProgram::start_at(&data, &address);
    let came = back(&bare, &town.url(), &words, &[]);
    assert_eq!(came["missing"], Value::Array(Vec::new()), "{came}");
    assert!(notes(&bare).contains(&"Only at the new relay".to_owned()), "{:?}", notes(&bare));
}

#[test]
fn what_brings_nobody_back_leaves_nothing() {
    let (mut town, words) = with_words();
    let bare = Person::new("anna");
    let is_bare = || !bare.home().exists() || files(bare.home()).is_empty();
    let all: Vec<_> = words.split(' ').collect();
    for (typed, exit, code) in [
        (NOBODYS.to_owned(), 5, "words_unknown"),
        (all[1..].join(" "), 2, "words"),
        (format!("qwertz {}", all[1..].join(" ")), 2, "words"),
        (String::new(), 2, "words"),
    ] {
        let refused = restore(&bare, &town.url(), &typed, &[]).end().refusal();
        assert_eq!((refused.exit, refused.code.as_str()), (exit, code), "{refused:?}");
        assert!(!all.windows(2).any(|two| refused.message.contains(&two.join(" "))), "{refused:?}");
        assert!(is_bare(), "{code}");
    }
    town.stop_relay();
    let refused = restore(&bare, &town.url(), &words, &[]).end().refusal();
    assert_eq!((refused.exit, refused.code.as_str()), (7, "relay_unreachable"), "{refused:?}");
    assert!(is_bare());
    let refused = restore(&town.ben, &town.url(), &words, &[]).end().refusal();
    assert_eq!(refused.code, "words_other", "{refused:?}");
}

#[test]
fn words_are_checked_and_replaced_and_the_reminder_goes() {
    let (town, words) = with_words();
    let check = |words: &str| town.anna.start_with(&["recovery", "check", "--json"], words).end();
    assert!(town.anna.run(&["status"]).stderr.contains("recovery check"));
    assert!(town.anna.run(&["today"]).stderr.contains("recovery check"));
    let wrong = check(NOBODYS);
    assert_eq!(wrong.code, Some(1), "{wrong}");
    assert!(town.anna.run(&["status"]).stderr.contains("recovery check"), "those were not hers");
    assert_eq!(check(&words.to_uppercase().replace(' ', "\n")).data()["words"], "yours");
    assert!(!town.anna.run(&["status"]).stderr.contains("recovery check"));
    assert_eq!(town.anna.json(&["today"])["unrecoverable"], Value::Null);

    let file = town.anna.beside("words.txt");
    town.anna.ok(&["recovery", "replace", "--yes", "--recovery-file", file.to_str().expect("text")]);
    let new = fs::read_to_string(&file).expect("words");
    assert_eq!(town.anna.json(&["today"])["unrecoverable"], true);
    assert!(
        town.anna.run(&["recovery", "replace", "--yes", "--recovery-file", file.to_str().expect("text")]).code
            != Some(0)
    );
    town.meet();
    let earlier = check(&words);
    assert_eq!((earlier.code, earlier.stdout.contains("earlier")), (Some(1), true), "{earlier}");
    assert_eq!(check(&new).data()["words"], "yours");
    let devices = town.anna.json(&["device"]);
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "words are no computer: {devices}");

    let bare = Person::new("anna");
    let came = back(&bare, &town.url(), &new, &[]);
    assert_eq!(came["spaces"].as_array().map(Vec::len), Some(3), "{came}");
    assert_eq!(notes(&bare), ["From Anna", "From Ben", "Mine alone"]);

    // The old ones end the new ones, and say so.
    let by_old = Person::new("anna");
    let came = by_old.start_with(&["recovery", "restore", "--relay", &town.url(), "--yes"], &words).end().to_string();
    assert!(came.contains("Words that were made after these do not work any more"), "{came}");
    assert!(came.contains("make new ones with `alliance recovery replace`"), "{came}");
    let by_old_again = Person::new("anna");
    let refused = by_old_again.start_with(&["recovery", "restore", "--relay", &town.url(), "--json"], &new).end();
    assert_ne!(refused.code, Some(0), "{refused}");
}

#[test]
fn who_still_has_the_other_computer_keeps_it() {
    let (town, words) = with_words();
    let bare = Person::new("anna");
    let came = back(&bare, &town.url(), &words, &["--keep-others"]);
    assert_eq!(came["cut_others"], false);
    assert!(came["spaces"].as_array().expect("a list").iter().all(|it| it["cut"] == 0 && it["kept"] == 1), "{came}");
    bare.ok(&["note", "add", "From the new one"]);
    town.sync(&[&bare, &town.anna]);
    assert!(notes(&town.anna).contains(&"From the new one".to_owned()));
}

#[test]
fn nobody_is_cut_off_where_nobody_was_asked() {
    let (town, words) = with_words();
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let tablet = Person::new("anna");
    tablet.json(&["join", &word]);
    town.sync(&[&town.anna, &tablet, &town.anna, &tablet, &town.ben]);
    let bare = Person::new("anna");
    let unasked =
        || bare.start_with(&["recovery", "restore", "--relay", &town.url(), "--json"], &words).end().refusal();
    for refused in [unasked(), unasked()] {
        assert_eq!((refused.exit, refused.code.as_str()), (2, "not_confirmed"), "{refused:?}");
        assert!(refused.message.contains("computer 1 and computer 2"), "{refused:?}");
        assert!(refused.hint.contains("--yes") && refused.hint.contains("--keep-others"), "{refused:?}");
    }
    town.sync(&[&town.anna, &tablet, &town.ben]);
    assert!(!town.ben.ok(&["security"]).contains("cut off"));
    let came = bare.start_with(&["recovery", "restore", "--relay", &town.url(), "--keep-others"], &words).end();
    assert_eq!(came.code, Some(0), "{came}");
    town.sync(&[&town.anna, &tablet, &bare]);
    // From a file likewise.
    let file = town.anna.beside("all.backup").to_str().expect("text").to_owned();
    town.anna.ok(&["backup", "create", &file]);
    let by_file = Person::new("anna");
    let refused = by_file.start_with(&["backup", "restore", &file, "--json"], &words).end().refusal();
    assert_eq!(refused.code, "not_confirmed", "{refused:?}");
    town.sync(&[&town.anna, &tablet, &bare]);
}

#[test]
fn who_has_everything_already_is_not_told_that_something_was_cut_off() {
    let (town, words) = with_words();
    let bare = Person::new("anna");
    let told = || bare.start_with(&["recovery", "restore", "--relay", &town.url(), "--yes"], &words).end();
    assert!(told().stderr.contains("was cut off"));
    let again = told();
    assert_eq!(again.code, Some(0), "{again}");
    assert!(again.stderr.contains("had come back before") && !again.stderr.contains("cut off"), "{again}");
}

#[test]
fn new_words_are_made_where_somebody_wants_them() {
    let (town, words) = with_words();
    let file = town.anna.beside("words.txt").to_str().expect("text").to_owned();
    let refused = town.anna.refused(&["recovery", "replace", "--recovery-file", &file]);
    assert_eq!((refused.exit, refused.code.as_str()), (2, "not_confirmed"), "{refused:?}");
    assert!(!Path::new(&file).exists());
    let checked = town.anna.start_with(&["recovery", "check", "--json"], &words).end().data();
    assert_eq!(checked["words"], "yours", "{checked}");
    let nothing = town.anna.start_with(&["recovery", "check", "--json"], "").end().refusal();
    assert!(nothing.message.contains("nothing came in") && nothing.hint.contains("standard input"), "{nothing:?}");
    let bare = Person::new("anna").refused(&["today"]);
    assert!(bare.hint.contains("recovery restore") && bare.hint.contains("backup restore"), "{bare:?}");
}

//! One file with everything, with the real programs: made, looked at, restored where there is a profile and where there is
//! nothing, and refused where it is not what it was.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use alliance_tests::{
    disk::files,
    program::{Person, RelayProgram, Running},
    search::{found, holds},
    seen::titles,
    town::{NOBODYS, Town},
};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// Ben and Anna in an alliance, in which both wrote; Anna's words.
fn with_words() -> (Town, String) {
    let (town, words) = Town::with_words();
    town.ben.ok(&["note", "add", "From Ben"]);
    town.anna.ok(&["note", "add", "From Anna", "-m", "Trembling before audiences"]);
    town.anna.ok(&["note", "add", "Mine alone", "--private"]);
    town.meet();
    (town, words)
}

/// Anna's other computer, which is called so.
pub(crate) fn with_a_laptop(town: &Town) -> Person {
    let word = town.anna.ok(&["invite", "--device"]).trim().to_owned();
    town.sync(&[&town.anna]);
    let laptop = Person::new("anna");
    laptop.json(&["join", &word]);
    for person in [&laptop, &town.anna, &laptop, &town.anna, &laptop] {
        town.sync(&[person]);
    }
    laptop.ok(&["device", "rename", "Laptop"]);
    town.sync(&[&laptop, &town.anna, &town.ben, &laptop]);
    laptop
}

pub(crate) fn backup(person: &Person, name: &str) -> String {
    let file = person.beside(name).to_str().expect("text").to_owned();
    person.json(&["backup", "create", &file]);
    file
}

fn restore(person: &Person, file: &str, words: &str, more: &[&str]) -> Running {
    person.start_with(&[&["backup", "restore", file, "--yes", "--json"], more].concat(), words)
}

fn back(person: &Person, file: &str, words: &str, more: &[&str]) -> Value {
    restore(person, file, words, more).end().data()
}

fn notes(person: &Person) -> Vec<String> {
    let mut titles = titles(person);
    titles.sort();
    titles
}

/// Everything in a home folder, byte by byte, without what SQLite keeps beside its files.
fn everything(person: &Person) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = files(person.home());
    all.retain(|(path, _)| path.extension().is_some_and(|it| it == "db"));
    all
}

#[test]
fn a_backup_is_its_owners_alone_and_replaces_nothing_unasked() {
    let (town, _) = with_words();
    town.anna.ok(&["note", "add", "Not sent yet"]);
    let file = town.anna.beside("all.backup");
    let path = file.to_str().expect("text");
    let made = town.anna.json(&["backup", "create", path]);
    assert_eq!(
        (&made["name"], made["size"].as_u64()),
        (&"Anna".into(), Some(fs::metadata(&file).expect("there").len()))
    );
    assert_eq!(made["spaces"][0]["unsent"], 1, "{made}");
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    let before = fs::read(&file).expect("bytes");
    let refused = town.anna.refused(&["backup", "create", path]);
    assert_eq!((refused.exit, &*refused.code), (1, "backup_file"), "{refused:?}");
    assert!(refused.hint.contains("--force"), "{refused:?}");
    assert!(refused.message.ends_with("there is something of that name already"), "{refused:?}");
    assert_eq!(fs::read(&file).expect("bytes"), before);
    town.anna.ok(&["backup", "create", path, "--force"]);
    assert_ne!(fs::read(&file).expect("bytes"), before);
    let beside: Vec<_> = fs::read_dir(file.parent().expect("a folder")).expect("a folder").collect();
    assert_eq!(beside.len(), 2, "the home folder and the backup: {beside:?}");

    let looked = town.anna.json(&["backup", "verify", path]);
    assert!(
        looked["spaces"].as_array().expect("a list").iter().all(|it| it["more"] == 0 && it["lacks"] == 0),
        "{looked}"
    );
    assert!(town.anna.ok(&["backup", "verify", path]).contains("the same as here"));
    town.anna.ok(&["note", "add", "Written since"]);
    let looked = town.anna.run(&["backup", "verify", path]).to_string();
    assert!(looked.contains("older: 1 thing not sent yet came since"), "{looked}");
    assert!(looked.contains("`alliance backup create` makes a new one"), "{looked}");
    assert_eq!(town.anna.json(&["backup", "verify", path])["spaces"][0]["lacks_unsent"], 1);
    town.sync(&[&town.anna]);
    let looked = town.anna.json(&["backup", "verify", path]);
    assert!(looked["spaces"][0]["lacks"].as_u64() > Some(0), "{looked}");
    assert_eq!(looked["spaces"][0]["lacks_unsent"], 0, "{looked}");
}

#[test]
fn no_word_and_no_key_is_in_a_backup() {
    let (town, words) = with_words();
    town.anna.ok(&["note", "add", "Unfinished symphony", "--private"]);
    town.anna.ok(&["relay", "token", "swordfish-and-more"]);
    let file = backup(&town.anna, "all.backup");
    let bytes = fs::read(&file).expect("bytes");
    let typed = ["From Ben", "From Anna", "Trembling", "Mine alone", "symphony", "Anna", "client", "swordfish"];
    assert_eq!(found(&bytes, &typed), [""; 0]);
    assert!(!holds(&bytes, &words.as_bytes()[..20]));
    // Not even for whoever opens it: it is looked into with Anna's own keys.
    let bare = Person::new("anna");
    back(&bare, &file, &words, &["--offline"]);
    let secrets = secrets(&town.anna);
    assert!(secrets.len() >= 4, "devices and epochs");
    let devices = devices(&town.anna);
    for (_, bytes) in files(bare.home()) {
        for secret in &devices {
            assert!(
                !holds(&bytes, &secret[..32]) && !holds(&bytes, &secret[32..]),
                "a device's key came with the backup"
            );
        }
        assert!(!holds(&bytes, b"swordfish"), "the token came with the backup");
    }
    for secret in &secrets {
        assert!(!holds(&bytes, &secret[..32]));
    }
}

/// Secret keys of a profile.
fn secrets(person: &Person) -> BTreeSet<Vec<u8>> {
    let profile = Connection::open(person.profile()).expect("a profile");
    let mut statement = profile.prepare("SELECT key FROM epochs").expect("epochs");
    let keys = statement.query_map([], |row| row.get(0)).expect("rows").collect::<Result<Vec<_>, _>>().expect("keys");
    keys.into_iter().chain(devices(person)).collect()
}

fn devices(person: &Person) -> Vec<Vec<u8>> {
    let profile = Connection::open(person.profile()).expect("a profile");
    let mut statement = profile.prepare("SELECT secret FROM spaces").expect("spaces");
    statement.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("keys")
}

#[test]
fn everything_comes_back_from_words_and_a_file_when_the_relay_is_gone_too() {
    let (mut town, words) = with_words();
    town.anna.ok(&["note", "add", "Not sent yet"]);
    let file = backup(&town.anna, "all.backup");
    town.stop_relay();
    let bare = Person::new("anna");
    let looked = bare.start_with(&["backup", "verify", &file, "--json"], &words).end().data();
    assert!(looked["spaces"].as_array().expect("a list").iter().all(|it| it["here"] == false), "{looked}");
    assert!(!bare.profile().exists(), "it is only looked at");
    let came = back(&bare, &file, &words, &["--offline"]);
    assert_eq!((&came["name"], &came["offline"], &came["cut_others"]), (&"Anna".into(), &true.into(), &false.into()));
    assert_eq!(came["missing"], Value::Array(Vec::new()), "{came}");
    assert_eq!(notes(&bare), ["From Anna", "From Ben", "Mine alone"], "what was not sent may still be sent");
    assert_eq!(came["aside"][0]["things"], 1, "{came}");
    bare.ok(&["note", "add", "Written offline"]);
    assert_eq!(bare.refused(&["sync"]).code, "relay_unreachable");

    // A new relay has nothing: it takes everything from whoever comes.
    let folder = TempDir::with_prefix("alliance-relay-").expect("a folder");
    let relay = RelayProgram::start(&folder.path().join("data"));
    bare.ok(&["relay", "set", &relay.url()]);
    town.sync(&[&bare]);
    town.ben.ok(&["relay", "set", &relay.url()]);
    town.sync(&[&town.ben, &bare]);
    assert!(notes(&town.ben).contains(&"Written offline".to_owned()));
    let devices = bare.json(&["device"]);
    assert_eq!(devices.as_array().map(Vec::len), Some(2), "nothing was cut off: {devices}");
    let cut = devices[1]["id"].as_str().expect("an id").to_owned();
    bare.json(&["device", "cut", &cut, "--yes"]);
    town.sync(&[&bare, &town.ben]);
    for person in [&bare, &town.ben] {
        assert!(notes(person).contains(&"Not sent yet".to_owned()), "{}", person.name);
    }
}

#[test]
fn who_never_had_a_relay_gets_everything_back_from_words_and_a_file() {
    let anna = Person::new("anna");
    let begun = anna.json(&["init", "--name", "Anna", "--role", "client", "--alliance", "Ben & Anna"]);
    let words = begun["recovery_words"].as_str().expect("words").to_owned();
    anna.ok(&["note", "add", "For Ben"]);
    anna.ok(&["note", "add", "Mine alone", "--private"]);
    assert_eq!(anna.json(&["backup", "drill"])["whole"], true);
    let file = backup(&anna, "all.backup");
    let bare = Person::new("anna");
    let came = back(&bare, &file, &words, &[]);
    assert_eq!((&came["offline"], &came["missing"]), (&true.into(), &Value::Array(Vec::new())), "{came}");
    assert_eq!(came["aside"], Value::Array(Vec::new()), "{came}");
    assert_eq!(notes(&bare), ["For Ben", "Mine alone"]);
    assert_eq!(bare.json(&["about"])["title"], "Ben & Anna");
    // It goes on as ever once there is a relay.
    let folder = TempDir::with_prefix("alliance-relay-").expect("a folder");
    let relay = RelayProgram::start(&folder.path().join("data"));
    bare.ok(&["relay", "set", &relay.url()]);
    bare.ok(&["note", "add", "Later"]);
    bare.ok(&["sync"]);
    let again = Person::new("anna");
    let came =
        again.start_with(&["recovery", "restore", "--relay", &relay.url(), "--yes", "--json"], &words).end().data();
    assert_eq!(came["missing"], Value::Array(Vec::new()), "{came}");
    assert_eq!(notes(&again), ["For Ben", "Later", "Mine alone"]);
}

#[test]
fn who_came_back_without_the_relay_is_let_in_by_it_with_the_next_sync() {
    let (mut town, words) = with_words();
    let file = backup(&town.anna, "all.backup");
    town.ben.ok(&["note", "add", "Since the backup"]);
    town.anna.ok(&["note", "add", "From the other computer"]);
    town.meet();
    town.stop_relay();
    let bare = Person::new("anna");
    let refused = restore(&bare, &file, &words, &[]).end().refusal();
    assert_eq!((refused.exit, &*refused.code), (7, "relay_unreachable"), "{refused:?}");
    assert!(refused.hint.contains("--offline") && refused.hint.contains("--without"), "{refused:?}");
    let unfinished = bare.refused(&["today"]);
    assert!(unfinished.code == "not_restored" && unfinished.hint.contains("--offline"), "{unfinished:?}");
    let came = back(&Person::new("anna"), &file, &words, &["--without", &town.url()]);
    assert_eq!(came["offline"], true, "there is no other one to ask");
    back(&bare, &file, &words, &["--offline"]);
    bare.ok(&["note", "add", "Written offline"]);
    town.start_relay();
    town.sync(&[&bare, &town.ben, &town.anna, &bare]);
    let shared = ["From Anna", "From Ben", "From the other computer", "Since the backup", "Written offline"];
    assert_eq!(notes(&town.ben), shared);
    for anna in [&town.anna, &bare] {
        assert_eq!(notes(anna).iter().filter(|it| *it != "Mine alone").collect::<Vec<_>>(), shared, "both go on");
    }
    assert_eq!(
        bare.json(&["security"]).as_array().expect("a list").iter().filter(|it| it["kind"] == "entry-refused").count(),
        0
    );
}

#[test]
fn words_a_file_and_the_relay_bring_back_what_was_sent_since_and_what_was_not() {
    let (town, words) = with_words();
    town.anna.ok(&["note", "edit", "From Anna", "--title", "From Anna, and more"]);
    town.anna.ok(&["note", "add", "Not sent yet"]);
    let file = backup(&town.anna, "all.backup");
    town.ben.ok(&["note", "add", "Later"]);
    town.sync(&[&town.ben]);
    let bare = Person::new("anna");
    let came = back(&bare, &file, &words, &[]);
    assert!(came["spaces"].as_array().expect("a list").iter().all(|it| it["cut"] == 1), "{came}");
    assert_eq!(came["aside"], Value::Array(Vec::new()), "{came}");
    assert_eq!(notes(&bare), ["From Anna, and more", "From Ben", "Later", "Mine alone", "Not sent yet"]);
    town.sync(&[&bare, &town.ben]);
    assert_eq!(notes(&town.ben), ["From Anna, and more", "From Ben", "Later", "Not sent yet"]);
    let security = bare.ok(&["security"]);
    assert!(security.contains("took over what a computer that was cut off had not sent"), "{security}");
    assert_ne!(town.anna.run(&["sync"]).code, Some(0), "the lost computer is out");
    // Both go on as ever.
    bare.ok(&["note", "edit", "Not sent yet", "--title", "Sent by now"]);
    town.ben.ok(&["note", "edit", "Not sent yet", "-m", "I have it"]);
    town.sync(&[&bare, &town.ben, &bare]);
    for person in [&bare, &town.ben] {
        assert!(notes(person).contains(&"Sent by now".to_owned()), "{}", person.name);
        assert_eq!(person.json(&["conflict", "list"]), Value::Array(Vec::new()), "{}", person.name);
    }
    let devices = bare.json(&["device"]);
    assert_eq!(devices.as_array().map(Vec::len), Some(2), "the lost one is still shown as cut off: {devices}");
}

#[test]
fn a_computer_that_was_rolled_back_gets_what_it_lacks_and_keeps_what_it_has() {
    let (town, _) = with_words();
    let old = town.anna.backup();
    town.anna.ok(&["note", "add", "Sent since"]);
    town.meet();
    town.anna.ok(&["note", "add", "Not sent since"]);
    let file = backup(&town.anna, "all.backup");
    town.anna.restore(&old);
    town.anna.ok(&["note", "add", "Written after it was rolled back"]);
    let merged = town.anna.json(&["backup", "restore", &file]);
    assert!(merged["new"].as_u64() > Some(0), "{merged}");
    assert_eq!(merged["aside"], Value::Array(Vec::new()), "it is this very computer's: {merged}");
    let all =
        ["From Anna", "From Ben", "Mine alone", "Not sent since", "Sent since", "Written after it was rolled back"];
    assert_eq!(notes(&town.anna), all);
    let again = town.anna.json(&["backup", "restore", &file]);
    assert_eq!(again["new"], 0, "{again}");
    town.meet();
    town.assert_equal();
    assert_eq!(notes(&town.anna), all);
    let again = town.anna.json(&["backup", "restore", &file]);
    assert_eq!((&again["new"], &again["aside"]), (&0.into(), &Value::Array(Vec::new())), "{again}");
}

#[test]
fn what_a_lost_computer_had_not_sent_comes_in_once_it_is_cut_off_and_not_before() {
    let (town, _) = with_words();
    let laptop = with_a_laptop(&town);
    laptop.ok(&["note", "add", "On the laptop"]);
    laptop.ok(&["note", "edit", "From Ben", "-m", "Read on the way"]);
    let file = backup(&laptop, "all.backup");
    let merged = town.anna.json(&["backup", "restore", &file]);
    let aside = &merged["aside"][0];
    assert_eq!(
        (&aside["computer"], &aside["things"], &aside["waits_for"]),
        (&"Laptop".into(), &2.into(), &"cut".into())
    );
    town.meet();
    assert!(!notes(&town.anna).contains(&"On the laptop".to_owned()), "it may still send it");
    let told = town.anna.run(&["status"]);
    assert!(told.stderr.contains("2 changes that Laptop had not sent are kept aside"), "{told}");
    assert!(told.stderr.contains("alliance device cut 'Laptop'"), "{told}");
    assert!(town.anna.run(&["device"]).stderr.contains("kept aside"));

    town.anna.json(&["device", "cut", "Laptop", "--yes"]);
    town.meet();
    for person in [&town.anna, &town.ben] {
        assert!(notes(person).contains(&"On the laptop".to_owned()), "{}", person.name);
        assert_eq!(person.json(&["note", "show", "From Ben"])["body"], "Read on the way", "{}", person.name);
    }
    assert_eq!(town.anna.json(&["status"])[0]["aside"], Value::Null);
    let devices = town.anna.json(&["device"]);
    assert_eq!((devices.as_array().map(Vec::len), &devices[1]["live"]), (Some(2), &false.into()), "{devices}");
    // The laptop is found again, and takes part as a new computer; what it has is what there is.
    assert_ne!(laptop.run(&["sync"]).code, Some(0));
    town.anna.ok(&["note", "edit", "On the laptop", "-m", "Goes on"]);
    town.meet();
    town.assert_equal();
    let members = town.ben.json(&["member"]);
    assert!(members.as_array().expect("a list").iter().all(|it| it["devices"] == 1), "{members}");
}

#[test]
fn an_alliance_that_is_only_in_the_backup_comes_in_by_the_words() {
    let (mut town, words) = with_words();
    let laptop = with_a_laptop(&town);
    laptop.ok(&["new", "Anna & Dora"]);
    laptop.ok(&["note", "add", "For Dora"]);
    town.sync(&[&laptop]);
    let file = backup(&laptop, "all.backup");
    town.stop_relay();
    let merged = town.anna.json(&["backup", "restore", &file]);
    let strange = merged["spaces"].as_array().expect("a list").iter().filter(|it| it["here"] == false).count();
    assert_eq!(strange, 1, "{merged}");
    assert_eq!(town.anna.json(&["use"]).as_array().map(Vec::len), Some(1));
    let came = back(&town.anna, &file, &words, &["--words", "--offline"]);
    assert_eq!(came["cut_others"], false, "{came}");
    assert_eq!(town.anna.json(&["--alliance", "Anna & Dora", "note", "list"])[0]["title"], "For Dora");
    town.anna.ok(&["--alliance", "Anna & Dora", "note", "add", "For Dora, too"]);
    town.start_relay();
    town.sync(&[&town.anna, &laptop, &town.anna]);
    let notes = laptop.json(&["--alliance", "Anna & Dora", "note", "list"]);
    assert_eq!(notes.as_array().expect("a list").iter().filter(|it| it["private"] == false).count(), 2, "{notes}");
}

#[test]
fn what_a_computer_sends_itself_after_all_is_there_once() {
    let (town, _) = with_words();
    let laptop = with_a_laptop(&town);
    laptop.ok(&["note", "add", "On the laptop"]);
    let file = backup(&laptop, "all.backup");
    town.anna.json(&["backup", "restore", &file]);
    laptop.ok(&["note", "edit", "On the laptop", "--title", "On the laptop, later"]);
    town.sync(&[&laptop]);
    town.meet();
    assert!(notes(&town.anna).contains(&"On the laptop, later".to_owned()));
    assert_eq!(town.anna.json(&["status"])[0]["aside"], Value::Null);
    town.anna.json(&["device", "cut", "Laptop", "--yes"]);
    town.meet();
    town.assert_equal();
    let all: Vec<_> = notes(&town.anna).into_iter().filter(|it| it.starts_with("On the laptop")).collect();
    assert_eq!(all, ["On the laptop, later"]);
    assert!(!town.anna.ok(&["security"]).contains("took over"));
    assert_eq!(town.anna.json(&["conflict", "list"]), Value::Array(Vec::new()));
}

#[test]
fn what_is_no_backup_of_this_person_is_refused_and_nothing_is_changed() {
    let (town, words) = with_words();
    let file = backup(&town.anna, "all.backup");
    let bens = backup(&town.ben, "bens.backup");
    let right = fs::read(&file).expect("bytes");
    let other = fs::read(backup(&town.anna, "other.backup")).expect("bytes");
    let bad = |name: &str, bytes: &[u8]| {
        let path = town.anna.beside(name);
        fs::write(&path, bytes).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let flipped = |at: usize| {
        let mut bytes = right.clone();
        bytes[at] ^= 1;
        bytes
    };
    let huge = [&right[..17], &[0xff; 200]].concat();
    let middle = right.len() / 2;
    let mut newer = right.clone();
    newer[16] = 9;
    let cases = [
        (bad("short", &right[..right.len() - 1]), "backup_damaged"),
        (bad("shorter", &right[..middle]), "backup_damaged"),
        (bad("beginning", &right[..20]), "backup_damaged"),
        (bad("longer", &[&right[..], b"x"].concat()), "backup_damaged"),
        (bad("flipped", &flipped(middle)), "backup_damaged"),
        (bad("flipped-at-its-end", &flipped(right.len() - 1)), "backup_damaged"),
        (bad("spliced", &[&right[..middle], &other[middle.min(other.len())..]].concat()), "backup_damaged"),
        (bad("huge", &huge), "backup_damaged"),
        (bad("newer", &newer), "backup_newer"),
        (bad("empty", b""), "not_a_backup"),
        (bad("shopping-list", b"bread, milk, an egg and more"), "not_a_backup"),
        (town.anna.profile().to_str().expect("text").to_owned(), "not_a_backup"),
        (town.anna.beside("nowhere").to_str().expect("text").to_owned(), "backup_file"),
        (bens.clone(), "backup_other"),
    ];
    let before = everything(&town.anna);
    for (path, code) in &cases {
        for verb in ["verify", "restore", "drill"] {
            let refused = town.anna.refused(&["backup", verb, path]);
            assert_eq!((refused.exit, refused.code.as_str()), (1, *code), "{verb} {path}: {refused:?}");
            assert!(refused.hint.contains("nothing was changed"), "{verb} {path}: {refused:?}");
        }
        let bare = Person::new("anna");
        let refused = restore(&bare, path, &words, &[]).end().refusal();
        assert_eq!(refused.code, *code, "{path}: {refused:?}");
        assert!(files(bare.home()).iter().all(|(_, bytes)| bytes.is_empty()), "{path}");
    }
    assert!(everything(&town.anna) == before, "something was changed");
    let refused = restore(&Person::new("anna"), &file, NOBODYS, &[]).end().refusal();
    assert_eq!(refused.code, "backup_other", "{refused:?}");
    let bens_words = restore(&town.ben, &file, &words, &["--words"]).end().refusal();
    assert_eq!(bens_words.code, "backup_other", "{bens_words:?}");
    assert_eq!(town.anna.refused(&["backup", "create"]).code, "usage");
    let folder = town.anna.home().to_str().expect("text");
    for (arguments, said) in [
        (["backup", "verify", folder], "it is a folder"),
        (["backup", "restore", "/nowhere/all.backup"], "there is no such file or folder"),
        (["backup", "create", "/nowhere/all.backup"], "there is no such file or folder"),
        (["backup", "create", &format!("{file}/all.backup")], "a part of its path is no folder"),
    ] {
        let refused = town.anna.refused(&arguments);
        assert!(refused.code == "backup_file" && refused.message.ends_with(said), "{refused:?}");
    }
}

#[test]
fn a_drill_says_that_everything_would_come_back_and_what_would_not() {
    let (town, words) = with_words();
    town.anna.ok(&["note", "add", "Not sent yet"]);
    let before = fs::read_dir(town.anna.home().join("default")).expect("a folder").count();
    // One was killed the day before yesterday.
    let killed = town.anna.home().join("default/.drill-killed");
    fs::create_dir(&killed).expect("a folder");
    fs::write(killed.join("profile.db"), "what it had restored").expect("a file");
    let day = Duration::from_hours(24);
    let folder = fs::File::open(&killed).expect("a folder");
    folder.set_modified(SystemTime::now() - 2 * day).expect("is set");
    let tried = town.anna.json(&["backup", "drill"]);
    assert_eq!((&tried["whole"], &tried["file"]), (&true.into(), &Value::Null), "{tried}");
    let said = town.anna.run(&["backup", "drill"]);
    assert!(said.stderr.contains("Everything that is here would come back: 1 alliance, 4 things"), "{said}");
    assert!(said.stderr.contains("1 not sent yet"), "{said}");
    let file = backup(&town.anna, "all.backup");
    let by_words = town.anna.start_with(&["backup", "drill", &file, "--words", "--json"], &words).end().data();
    assert_eq!(by_words["whole"], true, "{by_words}");
    town.anna.ok(&["note", "add", "Since"]);
    town.meet();
    let tried = town.anna.run(&["backup", "drill", &file]);
    assert_eq!(tried.code, Some(1), "{tried}");
    assert!(tried.stderr.contains("Not everything would come back. Missing: 1 thing as it is here"), "{tried}");
    assert_eq!(fs::read_dir(town.anna.home().join("default")).expect("a folder").count(), before, "nothing stays");
}

//! What the relay never sees, and what no computer keeps.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path};

use alliance_core::keys::{DeviceSecret, Words};
use alliance_replica::log::control::{Control, Record};
use alliance_tests::{
    disk::files,
    program::Person,
    search::{found, found_in, holds, words},
    town::Town,
};
use rusqlite::{Connection, OpenFlags, types::ValueRef};

/// Names, roles, titles and texts; every one of eight letters or more is looked for.
const TYPED: [&str; 14] = [
    "Benedictus",
    "Annabellina",
    "accompanist",
    "apprentice",
    "Lighthouse keepers",
    "Unfinished symphony",
    "Trembling before audiences, although nobody noticed",
    "Marathon preparation",
    "Because grandmother always believed",
    "midsummer",
    "Hesitations",
    "Perhaps everything was exaggerated",
    "Unfinished symphonies",
    "Half-marathon preparation",
];

/// What they say of how it goes.
const SAID: [&str; 7] = [
    "Uninterrupted kilometres",
    "Discouraging thunderstorms",
    "Comfortable trainers",
    "Attentiveness generously",
    "Punctuality",
    "Daring greatness",
    "Tendonitis",
];

#[test]
fn no_word_that_anybody_typed_is_on_the_relay() {
    let mut town = Town::new();
    let [
        ben_name,
        anna_name,
        ben_role,
        anna_role,
        alliance,
        note,
        body,
        goal,
        why,
        horizon,
        private,
        doubt,
        note2,
        goal2,
    ] = TYPED;
    let url = town.url();
    let init = ["init", "--name", ben_name, "--role", ben_role, "--alliance", alliance, "--relay", &url];
    town.ben.json(&init);
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &invitation, "--name", anna_name, "--role", anna_role]);
    town.meet();
    town.ben.json(&["note", "add", note, "-m", body]);
    town.anna.json(&["goal", "add", goal, "--why", why, "--horizon", horizon]);
    town.anna.json(&["note", "add", private, "-m", doubt, "--private"]);
    town.meet();
    town.ben.json(&["note", "edit", note, "--title", note2]);
    town.anna.json(&["goal", "edit", goal, "--title", goal2]);
    town.meet();

    let [level, rating, milestone, given, asked, purpose, reason] = SAID;
    town.anna.json(&["goal", "level", goal2, "+1", "-m", level]);
    town.ben.json(&["goal", "rate", goal2, "-1", "-m", rating]);
    town.anna.json(&["goal", "milestone", "add", goal2, milestone]);
    town.ben.json(&["feedback", "give", "keep", given]);
    town.ben.json(&["feedback", "ask", asked]);
    town.ben.json(&["about", "--purpose", purpose]);
    town.anna.json(&["goal", "pause", goal2, "-m", reason]);
    town.meet();

    let words = words(&[&TYPED[..], &SAID].concat());
    assert!(words.len() > TYPED.len(), "{words:?}");
    let health = town.relay().health();
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert_eq!(found(health.as_bytes(), &words), [""; 0]);
    assert!(fs::metadata(town.data().join("relay.sqlite")).is_ok_and(|it| it.len() > 0), "{:?}", town.data());
    assert_eq!(found_in(&town.data(), &words), [], "while it runs, with its write-ahead log");
    let ended = town.kill_relay();
    assert_eq!(found_in(&town.data(), &words), [], "after a kill");
    town.start_relay();
    let stopped = town.stop_relay();
    assert_eq!(found_in(&town.data(), &words), [], "after a stop");
    for logs in [ended.logs, stopped.logs] {
        assert!(logs.contains("relay is listening"), "{logs}");
        assert_eq!(found(logs.as_bytes(), &words), [""; 0], "{logs}");
    }
    assert_eq!(found_in(town.ben.home(), &[private, doubt]), [], "what is only Anna's is not at Ben's");
    // The same search finds what is there.
    let at_annas: BTreeSet<_> = found_in(town.anna.home(), &words).into_iter().map(|(_, word)| word).collect();
    let missing: Vec<_> = words.iter().filter(|word| !at_annas.contains(*word)).collect();
    assert!(missing.is_empty(), "the search does not find {missing:?} in Anna's profile");
}

#[test]
fn no_invitation_and_no_link_to_it_is_on_the_relay() {
    let town = Town::with_ben();
    let invitation = town.invitation();
    let (place, secret) = invitation.split_once('#').expect("a link");
    town.sync(&[&town.ben]);
    town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    town.meet();
    let relay = town.data();
    assert_eq!(found_in(&relay, &[&invitation, secret, place]), []);
    let logs = town.relay().logs();
    assert_eq!(found(logs.as_bytes(), &[&invitation, secret, place]), [""; 0]);
    // Once the invitation is confirmed, neither computer has its secret any more.
    for person in [&town.ben, &town.anna] {
        assert_eq!(found_in(person.home(), &[&invitation, secret]), [], "{}", person.name);
    }
}

#[test]
fn recovery_words_are_shown_once_and_kept_nowhere() {
    let town = Town::new();
    let init = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", &town.url()];
    let begun = town.ben.json(&init);
    let shown = begun["recovery_words"].as_str().expect("words").to_owned();
    assert_no_words(&town.ben, &shown);
    let invitation = town.invitation();
    town.sync(&[&town.ben]);
    let joined = town.anna.json(&["join", &invitation, "--name", "Anna", "--role", "client"]);
    assert_no_words(&town.anna, joined["recovery_words"].as_str().expect("words"));
    town.meet();
    assert_no_words(&town.ben, &shown);
    for person in [&town.ben, &town.anna] {
        for command in [&["status"][..], &["member"], &["security"], &["today"], &["relay"]] {
            let ran = person.run(command);
            assert!(!holds_words(format!("{}{}", ran.stdout, ran.stderr).as_bytes(), &shown), "{ran}");
        }
    }
}

/// No file under a person's home holds words, or what they stand for.
fn assert_no_words(person: &Person, shown: &str) {
    assert_eq!(shown.split(' ').count(), 24);
    let words = Words::parse(shown).expect("recovery words");
    let mnemonic = bip39::Mnemonic::parse_in(bip39::Language::English, shown).expect("recovery words");
    let secret = words.device_secret().to_bytes();
    let (entropy, seed) = (mnemonic.to_entropy(), mnemonic.to_seed(""));
    let secrets: [&[u8]; 5] = [&entropy, &seed[..32], &seed[32..], &secret[..32], &secret[32..]];
    let all = files(person.home());
    assert!(!all.is_empty());
    for (path, bytes) in all {
        assert!(!holds_words(&bytes, shown), "words in {}", path.display());
        for (at, secret) in secrets.iter().enumerate() {
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!holds(&bytes, secret), "secret {at} in {}", path.display());
            assert!(!holds(&bytes.to_ascii_lowercase(), hex.as_bytes()), "secret {at} in {}", path.display());
        }
    }
}

/// True if any three of the words stand one after the other.
fn holds_words(bytes: &[u8], shown: &str) -> bool {
    let words: Vec<_> = shown.split(' ').collect();
    words.windows(3).any(|three| holds(bytes, three.join(" ").as_bytes()))
}

#[test]
fn a_file_for_recovery_words_is_its_owners_alone_and_never_overwritten() {
    let town = Town::new();
    let file = town.ben.beside("words.txt");
    let path = file.to_str().expect("text");
    let init = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--recovery-file", path];
    fs::write(&file, "my shopping list").expect("written");
    let refusal = town.ben.refused(&init);
    assert_eq!((refusal.exit, &*refusal.code), (1, "recovery_file"), "{refusal:?}");
    assert!(refusal.hint.contains("never overwritten"), "{refusal:?}");
    assert_eq!(fs::read_to_string(&file).expect("read"), "my shopping list");
    assert!(files(town.ben.home()).is_empty(), "a profile without its words");

    fs::remove_file(&file).expect("removed");
    let ran = town.ben.run(&init);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    let shown = fs::read_to_string(&file).expect("read");
    let printed = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!holds_words(printed.as_bytes(), shown.trim_end()), "{ran}");
    assert_no_words(&town.ben, shown.trim_end());
    for (path, _) in files(town.ben.home()) {
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn no_private_key_of_recovery_is_in_a_profile() {
    let town = Town::together();
    for person in [&town.ben, &town.anna] {
        let dump = dump(&person.profile());
        let recovery = recovery_keys(&person.profile());
        assert_eq!(
            recovery.len(),
            6,
            "two of each pair: of {}'s personal space and of both members of the alliance",
            person.name
        );
        let mut own = 0;
        for value in &dump {
            for window in value.windows(32) {
                let twice: [u8; 64] = [window, window].concat().try_into().expect("64 bytes");
                let keys = DeviceSecret::from_bytes(&twice).keys();
                assert!(!recovery.contains(keys.device.as_ref()), "a recovery key of {}", person.name);
                assert!(!recovery.contains(&keys.seal[..]), "a recovery key of {}", person.name);
                own += usize::from(dump.iter().any(|value| value == keys.device.as_ref()));
            }
        }
        // The same search finds the keys of the computer itself.
        assert!(own >= 2, "{own}");
    }
}

/// Every blob, and every text, in the tables where something secret could be; hexadecimal as what it stands for.
fn dump(profile: &Path) -> Vec<Vec<u8>> {
    let connection = Connection::open_with_flags(profile, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens");
    let mut values = BTreeSet::new();
    for table in ["meta", "spaces", "devices", "invitations", "epochs", "relays", "items", "rows", "changes"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                let value = match row.get_ref(column).expect("a value") {
                    ValueRef::Blob(bytes) => bytes.to_vec(),
                    ValueRef::Text(text) => unhex(text),
                    _ => continue,
                };
                values.insert(value);
            }
        }
    }
    values.into_iter().collect()
}

/// The longest run of hexadecimal in a text, as bytes.
fn unhex(text: &[u8]) -> Vec<u8> {
    let runs = text.split(|byte| !byte.is_ascii_hexdigit());
    let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).expect("hexadecimal")).expect("below 16");
    longest.as_chunks::<2>().0.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

/// Public keys of recovery in every space of a profile.
fn recovery_keys(profile: &Path) -> BTreeSet<Vec<u8>> {
    let connection = Connection::open_with_flags(profile, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens");
    let mut statement = connection.prepare("SELECT body FROM entries WHERE chain = 0").expect("entries");
    let bodies = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    let keys = bodies.filter_map(|body| match Control::decode(&body.expect("a body")).expect("a record").record {
        Record::Genesis(genesis) => genesis.recovery,
        Record::Redeem(redeem) => redeem.recovery,
        _ => None,
    });
    keys.flat_map(|keys| [keys.device.as_ref().to_vec(), keys.seal.to_vec()]).collect()
}

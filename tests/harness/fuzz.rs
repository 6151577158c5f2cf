//! Fuzz targets: what takes bytes from elsewhere, each as a function of some bytes that must not fail.
//!
//! libFuzzer (`tests/fuzz`) and the tests of `tests/corpus` run the same functions. A target does more than not to panic:
//! what it reads it reads the same way twice, what is encoded again is what was read, and what is refused changes nothing.
//! Where a hash, a length or a signature would keep all but a few inputs outside, the target puts it right, as somebody
//! who has keys of their own would.

mod backups;
mod chunks;
mod files;
mod mutate;
mod people;
mod records;
mod relay;
mod seeds;
mod stage;
mod views;

use std::{
    fmt::Debug,
    io::{self, Write as _},
    panic, process,
    sync::{Mutex, PoisonError},
};

use alliance_replica::wire;
use minicbor::{Decode, Encode};

pub use mutate::mutated;
pub use seeds::seeds;

/// One thing that takes bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Hands it some bytes.
    pub run: fn(&[u8]),
    /// Most memory that an input may take at once, in KiB.
    pub memory: usize,
    /// Mutated inputs that the gate tries: fewer where one takes long.
    pub tries: u64,
}

/// All of them.
pub const TARGETS: [Target; 13] = [
    Target { name: "entry", run: records::entry, memory: 512, tries: 3_000 },
    Target { name: "control", run: records::control, memory: 512, tries: 600 },
    Target { name: "frame", run: relay::frame, memory: 2 * 1024, tries: 1_500 },
    Target { name: "invitation", run: people::invitation, memory: 64, tries: 20_000 },
    Target { name: "content", run: people::content, memory: 8 * 1024, tries: 100 },
    Target { name: "packed", run: people::packed, memory: 96 * 1024, tries: 10_000 },
    Target { name: "backup", run: backups::backup, memory: 2 * 1024, tries: 600 },
    Target { name: "whisper", run: people::whisper, memory: 1024, tries: 100 },
    Target { name: "changes", run: chunks::changes, memory: 2 * 1024, tries: 2_000 },
    Target { name: "snapshot", run: chunks::snapshot, memory: 2 * 1024, tries: 2_000 },
    Target { name: "view", run: views::view, memory: 4 * 1024, tries: 60 },
    Target { name: "relay-config", run: files::relay_config, memory: 512, tries: 1_000 },
    Target { name: "settings", run: files::settings, memory: 64, tries: 1_000 },
];

/// Hands bytes to the target of this name, and ends the program if it finds something; for libFuzzer.
///
/// # Panics
/// If there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    if panic::catch_unwind(|| (target.run)(bytes)).is_err() {
        writeln!(io::stderr(), "{name}: {}", last_words()).expect("a stream for findings");
        process::abort();
    }
}

/// Keeps quiet about panics until somebody asks: Automerge has some that are caught, and a trace of each would cost more
/// than the input.
pub fn begin() {
    panic::set_hook(Box::new(|problem| {
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = problem.to_string();
    }));
}

/// What the last panic said.
pub fn last_words() -> String {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

static LAST: Mutex<String> = Mutex::new(String::new());

/// Checks that a value read from bytes has one encoding. Bytes of a later version may say more than the value holds.
fn encodes<T>(what: &'static str, bytes: &[u8], value: &T)
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug,
{
    let again = wire::encode(value);
    is_one_encoding(what, bytes, &again);
    let read: T = wire::decode(what, &again, again.len()).expect("what was encoded");
    assert!(read == *value, "{what} is read differently the second time");
}

/// Checks that a record was taken in its one encoding, and that nothing else was made of it.
fn is_one_encoding(what: &'static str, bytes: &[u8], again: &[u8]) {
    assert!(is_deterministic(bytes), "{what} is taken in another encoding than its own");
    assert!(again.len() <= bytes.len(), "{what} is longer when it is encoded again");
    assert!(again.len() < bytes.len() || again == bytes, "{what} has two encodings");
}

/// True if bytes are one value in its deterministic encoding.
fn is_deterministic(bytes: &[u8]) -> bool {
    deterministic(bytes) == Some(&[])
}

/// What follows the value that bytes begin with, if it is in the deterministic encoding of RFC 8949, section 4.2.1, without
/// what records do not have.
fn deterministic(bytes: &[u8]) -> Option<&[u8]> {
    let (first, mut rest) = bytes.split_first()?;
    let (major, info) = (first >> 5, usize::from(first & 31));
    let mut value = info as u64;
    if info >= 24 {
        let length = *[1, 2, 4, 8].get(info - 24)?;
        let (number, after) = rest.split_at_checked(length)?;
        value = number.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let is_shortest = if length == 1 { value >= 24 } else { value >> (4 * length) != 0 };
        rest = is_shortest.then_some(after)?;
    }
    match major {
        0 | 1 => Some(rest),
        2 | 3 => {
            let (text, after) = rest.split_at_checked(usize::try_from(value).ok()?)?;
            (major == 2 || str::from_utf8(text).is_ok()).then_some(after)
        }
        4 => (0..value).try_fold(rest, |rest, _| deterministic(rest)),
        5 => {
            let mut last = None;
            (0..value).try_fold(rest, |rest, _| {
                let after = deterministic(rest)?;
                let key = &rest[..rest.len() - after.len()];
                // Of shortest encodings, the greater number is the one that is longer, or greater byte by byte.
                let rises = last.is_none_or(|last: &[u8]| (last.len(), last) < (key.len(), key));
                last = Some(key);
                deterministic(after).filter(|_| rises && key[0] < 0x20)
            })
        }
        _ => matches!(first, 0xf4 | 0xf5).then_some(rest),
    }
}

//! A backup: a file, or what is sealed inside of one by whoever knows to whom.

use std::cell::RefCell;

use alliance_core::{
    app::{Backup, Person, Profile, World},
    keys::{
        Words,
        backup::{Opener, Opening, Sealer},
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tempfile::TempDir;

/// The first byte says which of the two the others are.
const FILE: u8 = 0;
const INSIDE: u8 = 1;

/// A person's words, a backup of theirs and what is sealed in it.
type Made = (Words, Vec<u8>, Vec<u8>);

thread_local! {
    static MADE: RefCell<Option<Made>> = const { RefCell::new(None) };
}

/// A file, or what is sealed in one: judged the same way twice.
pub(super) fn backup(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else { return };
    with(|words, _, _| {
        let file = if how % 2 == FILE { bytes.to_vec() } else { sealed(words, bytes) };
        match [(); 2].map(|()| Backup::check(file.as_slice(), words)) {
            [Ok(one), Ok(other)] => assert_eq!(one, other),
            [Err(one), Err(other)] => assert_eq!(one.to_string(), other.to_string()),
            [one, other] => panic!("{one:?}, then {other:?}"),
        }
    });
}

/// Inputs that are right.
pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    with(|_, file, inside| vec![("file", [&[FILE], file].concat()), ("inside", [&[INSIDE], inside].concat())])
}

fn sealed(words: &Words, bytes: &[u8]) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut sealer = Sealer::new(Vec::new(), &[words.device_secret().keys()], None, &mut rng).expect("begins");
    sealer.push(bytes, &mut rng).expect("takes bytes");
    sealer.finish(&mut rng).expect("ends")
}

fn with<T>(look: impl FnOnce(&Words, &[u8], &[u8]) -> T) -> T {
    MADE.with_borrow_mut(|made| {
        let (words, file, inside) = made.get_or_insert_with(make);
        look(words, file, inside)
    })
}

fn make() -> Made {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut world = World { now: 1_767_603_600, rng: &mut rng };
    let folder = TempDir::new().expect("a folder");
    let person = Person { name: "Anna".to_owned(), role: "client".to_owned() };
    let (mut profile, words) = Profile::create(&folder.path().join("profile.db"), &person, &mut world).expect("made");
    profile.new_alliance("Ben & Anna", Some("https://relay.example"), &mut world).expect("an alliance");
    let (file, _) = profile.back_up(Vec::new(), &mut world).expect("a backup");
    let key = words.device_secret();
    let mut opener = Opener::new(file.as_slice(), &Opening { devices: vec![&key], epochs: Vec::new() }).expect("opens");
    let mut inside = Vec::new();
    while let Some(byte) = opener.read(1).expect("whole") {
        inside.extend_from_slice(&byte);
    }
    (words, file, inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_right() {
        with(|words, file, inside| {
            let whole = Backup::check(file, words).expect("whole");
            let again = Backup::check(sealed(words, inside).as_slice(), words).expect("whole");
            assert_eq!(whole, again);
            assert_eq!(whole.spaces.len(), 2);
        });
    }
}

//! Looking for words and keys where they must not be.

use std::path::Path;

use crate::disk::files;

/// The shortest word that is looked for: shorter ones are found in any large file by chance.
pub const SHORTEST: usize = 8;

/// The words of texts that are long enough to be looked for, and the texts themselves.
pub fn words<'t>(texts: &[&'t str]) -> Vec<&'t str> {
    let mut words: Vec<_> = texts.iter().flat_map(|text| text.split_whitespace().chain([*text])).collect();
    words.retain(|word| word.len() >= SHORTEST);
    words.sort_unstable();
    words.dedup();
    words
}

/// Those of the words that stand in bytes: as they are, in capitals, in UTF-16, in hexadecimal or in base 64.
pub fn found<'w>(bytes: &[u8], words: &[&'w str]) -> Vec<&'w str> {
    let lower = bytes.to_ascii_lowercase();
    let is_there = |word: &&&str| {
        let plain = word.as_bytes().to_ascii_lowercase();
        let wide: Vec<u8> = word.to_lowercase().encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
        holds(&lower, &plain)
            || holds(&lower, &wide)
            || holds(&lower, hex.as_bytes())
            || (0..3).any(|shift| holds(bytes, base64(word.as_bytes(), shift).as_bytes()))
    };
    words.iter().filter(is_there).copied().collect()
}

/// Those of the words that stand in a file under a folder, with the file.
///
/// # Panics
/// If a file cannot be read.
pub fn found_in<'w>(folder: &Path, words: &[&'w str]) -> Vec<(String, &'w str)> {
    let all = files(folder);
    assert!(!all.is_empty(), "nothing to look through in {}", folder.display());
    let each = |(path, bytes): &(std::path::PathBuf, Vec<u8>)| {
        let path = path.display().to_string();
        found(bytes, words).into_iter().map(move |word| (path.clone(), word)).collect::<Vec<_>>()
    };
    all.iter().flat_map(each).collect()
}

/// True if `bytes` contain `part`.
pub fn holds(bytes: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return true };
    let starts = bytes.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts.into_iter().any(|(at, _)| bytes[at..].starts_with(part))
}

/// The letters of base 64 that only these bytes determine when they begin `shift` bytes after a multiple of three.
fn base64(bytes: &[u8], shift: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| match at.checked_sub(8 * shift) {
        Some(at) if at < 8 * bytes.len() => Some(bytes[at / 8] >> (7 - at % 8) & 1),
        _ => None,
    };
    let letter = |at: usize| (0..6).try_fold(0, |value, n| Some(value << 1 | usize::from(bit(6 * at + n)?)));
    let letters = (0..(bytes.len() + shift) * 8 / 6).filter_map(letter);
    letters.map(|letter| char::from(LETTERS[letter])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_each_of_its_forms() {
        let word = ["Marathon"];
        assert_eq!(found(b"..mARATHON..", &word), word);
        assert_eq!(found(b"\0M\0a\0r\0a\0t\0h\0o\0n\0", &word), word);
        assert_eq!(found(b"4D61726174686F6E", &word), word);
        for encoded in ["TWFyYXRob24=", "eE1hcmF0aG9u", "eHhNYXJhdGhvbg=="] {
            assert_eq!(found(encoded.as_bytes(), &word), word, "{encoded}");
        }
        assert!(found(b"Maratho", &word).is_empty());
    }

    #[test]
    fn long_words_and_whole_texts_are_looked_for() {
        assert_eq!(words(&["to be afraid", "starting", "starting"]), ["starting", "to be afraid"]);
    }
}

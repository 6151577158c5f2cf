//! Inputs from seeds: what a fuzzer does without looking at which code it reaches.

use rand_core::Rng;

/// Most bytes of a mutated input: as many as libFuzzer is told.
const LONGEST: usize = 64 * 1024;

/// What means something to one format or another: lengths that claim too much, edges of numbers, magic, words.
const WORDS: [&[u8]; 40] = [
    &[0x80],
    &[0xa0],
    &[0xf6],
    &[0x81, 0x81, 0x81, 0x81],
    &[0x9f],
    &[0xff],
    &[0x18, 0x18],
    &[0x19, 0x01, 0x00],
    &[0x19, 0xff, 0xff],
    &[0x1a, 0xff, 0xff, 0xff, 0xff],
    &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x5a, 0x00, 0x10, 0x00, 0x00],
    &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x99, 0x02, 0x00],
    &[0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x82, 0x00, 0x01],
    &[0x50],
    &[0x58, 0x20],
    &[0x58, 0x40],
    &[0x00],
    &[0x7f],
    &[0x80, 0x00],
    &[0x80, 0x80, 0x40],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f],
    &[0x85, 0x6f, 0x4a, 0x83],
    &[0x28, 0xb5, 0x2f, 0xfd],
    &[0x13, 0xb2, 0x23, 0x09],
    &[0xe2, 0x80, 0xae],
    &[0xf0, 0x9f, 0x98, 0x80],
    &[0xed, 0xa0, 0x80],
    b"alliance:",
    b"alliance/1 ",
    b"title",
    b"status",
    b"note",
    b"goal",
];

/// A seed with one to eight things changed; parts may come from another seed.
pub fn mutated(seed: &[u8], other: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.next_u32() % 4 * (rng.next_u32() % 3) {
        mutate(&mut bytes, other, rng);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut impl Rng) {
    let mut pick = |below: usize| rng.next_u32() as usize % below.max(1);
    let at = pick(bytes.len());
    let end = (at + 1 + pick(16)).min(bytes.len());
    let what = if bytes.is_empty() { 5 } else { pick(12) };
    match what {
        0 => bytes[at] ^= 1 << pick(8),
        1 => bytes[at] = [0, 1, 0x17, 0x18, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xff][pick(10)],
        2 => bytes[at] = bytes[at].wrapping_add(1),
        3 => bytes[at] = bytes[at].wrapping_sub(1),
        4 => drop(bytes.drain(at..end)),
        5 => drop(bytes.splice(at..at, WORDS[pick(WORDS.len())].iter().copied())),
        6 => {
            let word = WORDS[pick(WORDS.len())];
            let end = (at + word.len()).min(bytes.len());
            drop(bytes.splice(at..end, word.iter().copied()));
        }
        7 => {
            let copy = bytes[at..end].repeat(1 + pick(4));
            let to = pick(bytes.len() + 1);
            drop(bytes.splice(to..to, copy));
        }
        8 => {
            let to = pick(bytes.len());
            bytes.swap(at, to);
        }
        9 => bytes.truncate(at),
        10 => {
            let from = pick(other.len());
            let part = &other[from..(from + 1 + pick(64)).min(other.len())];
            let end = if pick(2) == 0 { at } else { (at + part.len()).min(bytes.len()) };
            drop(bytes.splice(at..end, part.iter().copied()));
        }
        _ => {
            // The end of another input after the beginning of this one.
            bytes.truncate(at);
            bytes.extend_from_slice(&other[pick(other.len())..]);
        }
    }
}

//! CBOR in and out: one encoding of each value, no bytes too many, lenient about unknown keys.
//!
//! A reader that takes several encodings of one record has to agree with all others on which ones. So there is one: the
//! deterministic encoding of RFC 8949, section 4.2.1, without tags, floating point, null and undefined.

use minicbor::{Decode, Decoder, Encode, decode::Error};

/// Bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// More bytes than the limit for this record.
    #[error("{what} has {size} bytes, more than {limit}")]
    TooLarge {
        /// The record.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The most it may have.
        limit: usize,
    },
    /// Not the CBOR that the record is made of.
    #[error("{what} is not well formed")]
    Cbor {
        /// The record.
        what: &'static str,
        /// What the decoder says.
        #[source]
        source: Error,
    },
    /// Bytes follow the record.
    #[error("{what} has {extra} bytes too many")]
    Trailing {
        /// The record.
        what: &'static str,
        /// How many bytes follow.
        extra: usize,
    },
    /// Well formed, but says something impossible.
    #[error("{what} says something impossible: {why}")]
    Impossible {
        /// The record.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Deterministic CBOR of `value`.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    minicbor::encode(value, &mut bytes).expect("a vector takes all that is written to it");
    bytes
}

/// The one record in `bytes`, which are at most `limit`.
pub fn decode<'b, T: Decode<'b, ()>>(what: &'static str, bytes: &'b [u8], limit: usize) -> Result<T, Malformed> {
    if bytes.len() > limit {
        return Err(Malformed::TooLarge { what, size: bytes.len(), limit });
    }
    deterministic(bytes).map_err(|source| Malformed::Cbor { what, source })?;
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().map_err(|source| Malformed::Cbor { what, source })?;
    match bytes.len() - decoder.position() {
        0 => Ok(value),
        extra => Err(Malformed::Trailing { what, extra }),
    }
}

/// A list of at most `MAX` elements, whose length is checked before anything is allocated. For `decode_with`.
pub fn list<'b, C, T: Decode<'b, C>, const MAX: usize>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Vec<T>, Error> {
    let at = d.position();
    match d.array()? {
        Some(length) if length <= MAX as u64 => (0..length).map(|_| T::decode(d, ctx)).collect(),
        Some(_) => Err(Error::message("list is too long").at(at)),
        None => Err(Error::message("list has no length").at(at)),
    }
}

/// A value of a closed set that may be missing. For `decode_with`: without it, minicbor takes a value outside the set for a
/// missing one, and passes over whatever follows it.
pub fn closed<'b, C, T: Decode<'b, C>>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Option<T>, Error> {
    let at = d.position();
    match Option::decode(d, ctx) {
        Err(error) if error.is_unknown_variant() => Err(Error::message("a value outside a closed set").at(at)),
        decoded => decoded,
    }
}

/// A place in a chain: the first is 1. For `decode_with`.
pub fn place<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<u64, Error> {
    let at = d.position();
    match d.u64()? {
        0 => Err(Error::message("the first place in a chain is 1").at(at)),
        seq => Ok(seq),
    }
}

/// Deepest nesting; a record needs five.
const DEPTH: usize = 16;
/// Highest key of a map: what every decoder can hold.
const KEY: u64 = u32::MAX as u64;

/// An array or a map whose end is not reached.
struct Open {
    /// Values that are still to come; keys count, too.
    left: u64,
    is_map: bool,
    last_key: Option<u64>,
}

/// Checks that `bytes` begin with one value in its deterministic encoding. Nothing is allocated but the nesting.
fn deterministic(bytes: &[u8]) -> Result<(), Error> {
    let (mut at, mut open) = (0, Vec::<Open>::new());
    loop {
        let start = at;
        let wrong = |why| Err(Error::message(why).at(start));
        let Some((major, value, size)) = head(&bytes[at..]) else { return wrong("not a number in its shortest form") };
        if let Some(map) = open.last_mut().filter(|it| it.is_map && it.left % 2 == 0) {
            if major != 0 || value > KEY || map.last_key.is_some_and(|last| last >= value) {
                return wrong("keys are not rising numbers");
            }
            map.last_key = Some(value);
        }
        at += size;
        match major {
            0 | 1 => {}
            2 | 3 => {
                let end = usize::try_from(value).ok().and_then(|length| at.checked_add(length));
                let Some(content) = end.and_then(|end| bytes.get(at..end)) else { return Err(Error::end_of_input()) };
                if major == 3 && std::str::from_utf8(content).is_err() {
                    return wrong("text is not UTF-8");
                }
                at += content.len();
            }
            4 | 5 => {
                let left = if major == 4 { Some(value) } else { value.checked_mul(2) };
                let Some(left) = left.filter(|_| open.len() < DEPTH) else { return wrong("nested too deep") };
                if left > 0 {
                    open.push(Open { left, is_map: major == 5, last_key: None });
                    continue;
                }
            }
            7 if matches!(value, 20 | 21) => {}
            _ => return wrong("a type that records do not have"),
        }
        // What ends here may be the last of what it is in, and so on.
        loop {
            let Some(it) = open.last_mut() else { return Ok(()) };
            it.left -= 1;
            if it.left > 0 {
                break;
            }
            open.pop();
        }
    }
}

/// Major type, argument and size of the head that `bytes` begin with, if it is in its shortest form.
fn head(bytes: &[u8]) -> Option<(u8, u64, usize)> {
    let (first, rest) = bytes.split_first()?;
    let (major, info) = (first >> 5, first & 31);
    let (size, least) = match info {
        0..24 => return Some((major, info.into(), 1)),
        24 => (1, 24),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        _ => return None,
    };
    let value = rest.get(..size)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    (value >= least).then_some((major, value, 1 + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_over_its_limit_or_without_a_length_is_refused() {
        let read = |bytes: &[u8]| list::<(), u8, 2>(&mut Decoder::new(bytes), &mut ());
        assert_eq!(read(&[0x82, 1, 2]).ok(), Some(vec![1, 2]));
        assert!(read(&[0x83, 1, 2, 3]).is_err());
        assert!(read(&[0x9f, 1, 0xff]).is_err());
        assert!(read(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn there_is_one_encoding_of_a_value() {
        let right: [&[u8]; 10] = [
            &[0x17],
            &[0x18, 0x18],
            &[0x38, 0x18],
            &[0x42, 1, 2],
            &[0x61, b'a'],
            &[0x82, 0x80, 0xa0],
            &[0xa2, 0, 0xa1, 5, 0x81, 1, 1, 0xf5],
            &[0xa1, 0x18, 0x18, 0xf4],
            &[0xa1, 0x1a, 0xff, 0xff, 0xff, 0xff, 0],
            &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0],
        ];
        for bytes in right {
            assert!(deterministic(bytes).is_ok(), "{bytes:02x?}");
            for length in 0..bytes.len() {
                assert!(deterministic(&bytes[..length]).is_err(), "{length} bytes of {bytes:02x?}");
            }
        }
        let wrong: [(&str, &[u8]); 25] = [
            ("long", &[0x18, 0x17]),
            ("long", &[0x19, 0, 0xff]),
            ("long", &[0x1a, 0, 0, 0xff, 0xff]),
            ("long", &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
            ("reserved", &[0x1c]),
            ("bytes without length", &[0x5f, 0x41, 1, 0xff]),
            ("array without length", &[0x9f, 1, 0xff]),
            ("map without length", &[0xbf, 0, 1, 0xff]),
            ("break", &[0xa1, 0, 0xff]),
            ("key twice", &[0xa2, 0, 1, 0, 1]),
            ("keys out of order", &[0xa2, 1, 1, 0, 1]),
            ("key twice inside", &[0x81, 0xa1, 7, 0xa2, 0, 1, 0, 1]),
            ("negative key", &[0xa1, 0x20, 1]),
            ("key beyond 32 bits", &[0xa1, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
            ("more pairs than can be counted", &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0]),
            ("more pairs than there are", &[0xbb, 127, 255, 255, 255, 255, 255, 255, 255, 0, 0]),
            ("text as key", &[0xa1, 0x61, b'a', 1]),
            ("text that is none", &[0x61, 0xff]),
            ("tag", &[0xc0, 0]),
            ("null", &[0xf6]),
            ("undefined", &[0xf7]),
            ("simple value", &[0xe0]),
            ("long truth", &[0xf8, 0x15]),
            ("floating point", &[0xf9, 0, 0]),
            ("no number", &[0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]),
        ];
        for (what, bytes) in wrong {
            assert!(deterministic(bytes).is_err(), "{what}");
        }
        let deep = |depth| [&vec![0x81; depth][..], &[0]].concat();
        assert!(deterministic(&deep(DEPTH)).is_ok() && deterministic(&deep(DEPTH + 1)).is_err());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(matches!(decode::<u8>("number", &[1, 2], 9), Err(Malformed::Trailing { extra: 1, .. })));
    }
}

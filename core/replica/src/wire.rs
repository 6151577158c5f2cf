//! CBOR in and out: strict about length and trailing bytes, lenient about unknown keys.

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
    fn trailing_bytes_are_refused() {
        assert!(matches!(decode::<u8>("number", &[1, 2], 9), Err(Malformed::Trailing { extra: 1, .. })));
    }
}

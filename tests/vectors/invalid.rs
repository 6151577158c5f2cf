//! Bytes that are refused, each with one thing wrong, and the refusal that `docs/protocol.md` names for it. Some look
//! wrong and are taken: their refusal is "none".

mod changes;
mod contents;
mod entries;
mod frames;
mod paths;
mod records;
mod whispers;

use alliance_replica::Malformed;
use serde_json::{Value, json};

use crate::json::hex;

pub(crate) fn vectors() -> Value {
    json!({
        "headers": entries::headers(),
        "entries": entries::entries(),
        "controls": records::controls(),
        "paths": paths::paths(),
        "frames": frames::frames(),
        "handshakes": frames::handshakes(),
        "bodies": contents::sealed(),
        "plaintexts": contents::plaintexts(),
        "packed": contents::packs(),
        "changes": changes::changes(),
        "whispers": whispers::whispers(),
    })
}

/// How the vectors call what is wrong with a record's form.
fn malformed(refusal: &Malformed) -> &'static str {
    match refusal {
        Malformed::TooLarge { .. } => "too large",
        Malformed::Cbor { .. } => "not well formed",
        Malformed::Trailing { .. } => "trailing bytes",
        Malformed::Impossible { .. } => "impossible",
    }
}

/// Bytes for a file. Where one of these units is repeated many times, only its number is written down.
fn shown(bytes: &[u8], units: &[&[u8]]) -> Value {
    const MANY: usize = 16;
    for unit in units {
        let Some(start) = bytes.windows(2 * unit.len()).position(|window| window == unit.repeat(2)) else { continue };
        let times = bytes[start..].chunks(unit.len()).take_while(|chunk| chunk == unit).count();
        if times >= MANY {
            let (before, after) = (&bytes[..start], &bytes[start + times * unit.len()..]);
            return json!({ "before": hex(before), "unit": hex(unit), "times": times, "after": hex(after) });
        }
    }
    hex(bytes).into()
}

/// CBOR by hand: only what the vectors need.
mod cbor {
    fn head(major: u8, value: u64) -> Vec<u8> {
        let major = major << 5;
        let be = value.to_be_bytes();
        match value {
            0..24 => vec![major | be[7]],
            24..256 => vec![major | 24, be[7]],
            256..65_536 => vec![major | 25, be[6], be[7]],
            65_536..0x1_0000_0000 => [&[major | 26], &be[4..]].concat(),
            _ => [&[major | 27], &be[..]].concat(),
        }
    }

    pub(super) fn number(value: u64) -> Vec<u8> {
        head(0, value)
    }

    pub(super) fn bytes(value: &[u8]) -> Vec<u8> {
        [head(2, value.len() as u64), value.to_vec()].concat()
    }

    pub(super) fn array(elements: &[Vec<u8>]) -> Vec<u8> {
        [head(4, elements.len() as u64), elements.concat()].concat()
    }

    pub(super) fn map(fields: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let fields: Vec<_> = fields.iter().map(|(key, value)| [number(*key), value.clone()].concat()).collect();
        [head(5, fields.len() as u64), fields.concat()].concat()
    }
}

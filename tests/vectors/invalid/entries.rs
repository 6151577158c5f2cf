//! Headers, and entries on their own.

use alliance_replica::{
    id::{DeviceId, SpaceId},
    limits,
    log::entry::{Entry, Header, Invalid},
};
use serde_json::{Value, json};

use super::{cbor, malformed};
use crate::{
    json::{self, hex},
    story::history,
    world::{ANNA, BEN, filler},
};

type Fields = Vec<(u64, Vec<u8>)>;

/// A content header that is right, by key.
fn fields() -> Fields {
    vec![
        (0, cbor::number(1)),
        (1, cbor::number(1)),
        (2, cbor::number(2)),
        (3, cbor::bytes(&filler::<32>("entry", 1))),
        (4, cbor::bytes(&filler::<8>("epoch", 1))),
        (5, cbor::number(96)),
        (6, cbor::bytes(&filler::<32>("body", 1))),
    ]
}

fn with(key: u64, value: Vec<u8>) -> Vec<u8> {
    let mut fields = fields();
    fields.retain(|(other, _)| *other != key);
    fields.push((key, value));
    fields.sort_by_key(|(key, _)| *key);
    cbor::map(&fields)
}

fn without(keys: &[u64]) -> Vec<u8> {
    let mut fields = fields();
    fields.retain(|(key, _)| !keys.contains(key));
    cbor::map(&fields)
}

fn twisted(twist: &dyn Fn(&mut Fields)) -> Vec<u8> {
    let mut fields = fields();
    twist(&mut fields);
    cbor::map(&fields)
}

pub(super) fn headers() -> Vec<Value> {
    let right = cbor::map(&fields());
    let bytes = |length| cbor::bytes(&vec![0; length]);
    let unknown_key = |length| with(9, bytes(length));
    let full = limits::HEADER - unknown_key(0).len() - 1;
    let headers = [
        ("a header that is right", right.clone()),
        ("a key of a later version", unknown_key(3)),
        ("a header of the largest size", unknown_key(full)),
        ("oversized-header", unknown_key(full + 1)),
        ("truncated-header", right[..right.len() - 1].to_vec()),
        ("trailing-bytes", [&right[..], &[0]].concat()),
        ("header-not-a-map", cbor::array(&[cbor::number(1)])),
        ("key-twice", twisted(&|fields| fields.insert(1, fields[0].clone()))),
        ("keys-out-of-order", twisted(&|fields| fields.swap(0, 1))),
        ("number-longer-than-needed", with(2, vec![0x18, 2])),
        ("absent-as-null", with(9, vec![0xf6])),
        ("map-without-length", [&[0xbf], &right[1..], &[0xff]].concat()),
        ("map-of-more-than-can-be-counted", [&[0xbb][..], &[255; 8], &right[1..]].concat()),
        ("key-not-a-number", [&[0xa1, 0x61][..], b"a", &[0]].concat()),
        ("key-below-0", [&[0xa8], &right[1..], &[0x20, 0]].concat()),
        ("the highest key", with(0xffff_ffff, vec![0])),
        ("key-beyond-32-bits", with(1 << 32, vec![0])),
        ("seq-0", with(2, cbor::number(0))),
        ("seq-missing", without(&[2])),
        ("prev-missing", without(&[3])),
        ("prev-on-seq-1", with(2, cbor::number(1))),
        ("prev-too-short", with(3, bytes(31))),
        ("epoch-missing", without(&[4])),
        ("epoch-on-control", with(1, cbor::number(0))),
        ("epoch-too-long", with(4, bytes(9))),
        ("chain-unknown", with(1, cbor::number(2))),
        ("length-missing", without(&[5])),
        ("content-body-too-large", with(5, cbor::number(limits::CONTENT_BODY as u64 + 1))),
        ("a content body of the largest size", with(5, cbor::number(limits::CONTENT_BODY as u64))),
        ("control-body-too-large", {
            let mut fields = fields();
            fields[1].1 = cbor::number(0);
            fields[5].1 = cbor::number(limits::CONTROL_BODY as u64 + 1);
            fields.remove(4);
            cbor::map(&fields)
        }),
        ("length-beyond-32-bits", with(5, cbor::number(1 << 32))),
        ("body-hash-missing", without(&[6])),
        ("body-hash-too-short", with(6, bytes(31))),
        ("bytes-without-length", with(6, [&[0x5f][..], &bytes(32), &[0xff]].concat())),
    ];
    let headers = headers.into_iter().chain(values().map(|(name, value)| (name, with(9, value))));
    let vector = |(name, bytes): (&str, Vec<u8>)| {
        let refusal = Header::decode(&bytes).as_ref().map_or_else(malformed, |_| "none");
        json!({ "name": name, "bytes": hex(&bytes), "refusal": refusal })
    };
    headers.map(vector).collect()
}

/// Values for a key that nobody knows: these, too, are to be deterministic.
fn values() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let inner = |value: &[u8]| [&[0x81, 0xa1, 0][..], value].concat();
    let nested = |depth| [&vec![0x81; depth][..], &[0]].concat();
    [
        ("unknown: all that there may be", inner(&[0x85, 0x20, 0x41, 7, 0x62, 0xc3, 0xa9, 0xf4, 0xf5])),
        ("unknown: tag", vec![0xc1, 0]),
        ("unknown: break", vec![0xff]),
        ("unknown: undefined", vec![0xf7]),
        ("unknown: simple-value", vec![0xe0]),
        ("unknown: long-truth", vec![0xf8, 0x15]),
        ("unknown: reserved-head", vec![0x1c]),
        ("unknown: floating-point", vec![0xf9, 0x3c, 0]),
        ("unknown: not-a-number", vec![0xf9, 0x7e, 0]),
        ("unknown: null-inside", inner(&[0xf6])),
        ("unknown: long-number-inside", inner(&[0x18, 0x17])),
        ("unknown: long-length-inside", inner(&[0x58, 1, 7])),
        ("unknown: text-not-utf-8", vec![0x62, 0xc3, 0x28]),
        ("unknown: text-without-length", vec![0x7f, 0x61, b'a', 0xff]),
        ("unknown: list-without-length", vec![0x9f, 0xff]),
        ("unknown: key-twice-inside", inner(&[0xa2, 0, 0, 0, 0])),
        ("unknown: keys-out-of-order-inside", inner(&[0xa2, 1, 0, 0, 0])),
        ("unknown: key-below-0-inside", inner(&[0xa1, 0x20, 0])),
        ("unknown: map-of-more-than-there-is", vec![0xbb, 127, 255, 255, 255, 255, 255, 255, 255]),
        ("unknown: list-of-more-than-there-is", vec![0x9b, 255, 255, 255, 255, 255, 255, 255, 255]),
        ("unknown: nested as deep as may be", nested(15)),
        ("unknown: nested-too-deep", nested(16)),
        ("unknown: nested-without-end", vec![0x81; 60]),
    ]
    .into_iter()
}

pub(super) fn entries() -> Vec<Value> {
    let told = history();
    let right = told.entry("second device");
    let (space, anna) = (told.space, ANNA.device());
    let changed = |change: &dyn Fn(&mut Entry)| {
        let mut entry = right.entry.clone();
        change(&mut entry);
        entry
    };
    let re_signed = |header: Vec<u8>, label: &str, space: &SpaceId| Entry {
        signature: ANNA.secret().sign(label, &[space.as_bytes(), &header]),
        header,
        body: right.entry.body.clone(),
    };
    let header = |change: &dyn Fn(&mut Header)| {
        let mut header = right.header.clone();
        change(&mut header);
        alliance_replica::wire::encode(&header)
    };
    let label = "alliance/1 entry";
    let same = right.entry.header.clone();
    let elsewhere = SpaceId::new(filler("space", 1));
    let neutral = DeviceId::new(std::array::from_fn(|at| u8::from(at == 0)));
    let entries = [
        ("an entry that is right", anna, right.entry.clone()),
        ("wrong-signature", anna, changed(&|entry| entry.signature.0[0] ^= 1)),
        ("signature-by-another-device", BEN.device(), right.entry.clone()),
        ("signature-for-another-space", anna, re_signed(same.clone(), label, &elsewhere)),
        ("signature-with-another-label", anna, re_signed(same, "alliance/1 open", &space)),
        ("signature-with-s-above-the-order", anna, changed(&|entry| add_order(&mut entry.signature.0))),
        ("key-of-small-order", neutral, changed(&|entry| entry.signature.0 = [0; 64].map(|_: u8| 0))),
        (
            "signature-of-small-order",
            neutral,
            changed(&|entry| entry.signature.0 = std::array::from_fn(|at| u8::from(at == 0))),
        ),
        ("body-mismatch", anna, changed(&|entry| entry.body[10] ^= 1)),
        ("body-truncated", anna, changed(&|entry| _ = entry.body.pop())),
        ("body-longer", anna, changed(&|entry| entry.body.push(0))),
        ("wrong-length", anna, re_signed(header(&|header| header.length += 1), label, &space)),
        ("wrong-version", anna, re_signed(header(&|header| header.version = 2), label, &space)),
        ("header-changed-after-signing", anna, changed(&|entry| entry.header = header(&|header| header.seq += 1))),
    ];
    let vector = |(name, device, entry): (&str, DeviceId, Entry)| {
        let shown = json::entry(&entry);
        let refusal = entry.verify(&space, &device).map_or_else(|refusal| invalid(&refusal), |_| "none");
        json!({ "name": name, "space": space.to_string(), "device": device.to_string(), "entry": shown, "refusal": refusal })
    };
    entries.into_iter().map(vector).collect()
}

fn invalid(refusal: &Invalid) -> &'static str {
    match refusal {
        Invalid::Header(refusal) => malformed(refusal),
        Invalid::Version(_) => "version",
        Invalid::Body => "body",
        Invalid::Signature => "signature",
    }
}

/// Adds the order of the group to the scalar of a signature, which changes nothing for a lenient verifier.
fn add_order(signature: &mut [u8; 64]) {
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        let [low, high] = sum.to_le_bytes();
        (*byte, carry) = (low, high.into());
    }
}

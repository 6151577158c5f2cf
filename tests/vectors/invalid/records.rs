//! Bodies of control entries.

use alliance_replica::{
    limits,
    log::control::{Control, Record},
};
use serde_json::{Value, json};

use super::{cbor, malformed, shown};
use crate::{
    story::history,
    world::{ANNA, filler},
};

fn body(after: Vec<u8>, kind: u64, record: &[u8]) -> Vec<u8> {
    cbor::map(&[(0, after), (1, cbor::number(kind)), (2, cbor::bytes(record))])
}

fn plain(kind: u64, fields: &[(u64, Vec<u8>)]) -> Vec<u8> {
    body(cbor::array(&[]), kind, &cbor::map(fields))
}

pub(super) fn controls() -> Vec<Value> {
    let told = history();
    let bytes = |length| cbor::bytes(&vec![7; length]);
    let head = |seq| cbor::array(&[bytes(32), cbor::number(0), cbor::number(seq), bytes(32)]);
    let heads = |count: usize| cbor::array(&vec![head(1); count]);
    let leave = cbor::map(&[]);
    let keys = cbor::array(&[cbor::bytes(ANNA.device().as_bytes()), cbor::bytes(&filler::<32>("seal key", 1))]);
    let right = told.entry("second device").entry.body.clone();
    let consent = (3, bytes(64));
    let wrap = cbor::array(&[bytes(32), bytes(80)]);
    let controls = [
        ("a record that is right", right.clone()),
        ("truncated-body", right[..right.len() - 1].to_vec()),
        ("trailing-bytes", [&right[..], &[0]].concat()),
        ("trailing-bytes-in-the-record", body(cbor::array(&[]), 6, &[&leave[..], &[0]].concat())),
        ("empty-body", Vec::new()),
        ("after-missing", cbor::map(&[(1, cbor::number(6)), (2, cbor::bytes(&leave))])),
        ("kind-missing", cbor::map(&[(0, heads(0)), (2, cbor::bytes(&leave))])),
        ("record-missing", cbor::map(&[(0, heads(0)), (1, cbor::number(6))])),
        ("an after of the most heads", body(heads(limits::AFTER), 6, &leave)),
        ("list-too-long", body(heads(limits::AFTER + 1), 6, &leave)),
        ("list-without-length", body([&[0x9f][..], &head(1), &[0xff]].concat(), 6, &leave)),
        ("list-of-more-than-there-is", body([&[0x9a, 0, 0, 1, 0][..], &head(1)].concat(), 6, &leave)),
        ("head-too-short", body(cbor::array(&[cbor::array(&[bytes(32), cbor::number(0)])]), 6, &leave)),
        ("a kind of a later version", plain(99, &[])),
        ("a record of a later kind that is no CBOR", body(heads(0), 99, b"anything")),
        ("kind-beyond-32-bits", plain(1 << 32, &[])),
        ("a key of a later version", plain(6, &[(7, cbor::number(1))])),
        ("id-too-short", plain(4, &[(0, bytes(31))])),
        ("id-too-long", plain(4, &[(0, bytes(33))])),
        ("role-unknown", plain(1, &[(0, keys.clone()), (1, cbor::number(2)), consent.clone()])),
        ("consent-missing", plain(1, &[(0, keys.clone()), (1, cbor::number(0))])),
        ("absent-as-null", plain(1, &[(0, keys.clone()), (1, cbor::number(0)), (2, vec![0xf6]), consent])),
        ("reason-unknown", plain(5, &[(0, bytes(32)), (1, cbor::number(5))])),
        ("purpose-unknown", plain(2, &[(0, keys.clone()), (1, cbor::number(2)), (2, cbor::number(0))])),
        ("space-kind-unknown", plain(0, &[(0, cbor::number(2)), (1, keys)])),
        ("wrap-of-wrong-size", plain(8, &[(0, bytes(32)), (1, cbor::array(&[cbor::array(&[bytes(32), bytes(79)])]))])),
        ("grant of the most wraps", plain(8, &[(0, bytes(32)), (1, cbor::array(&vec![wrap.clone(); limits::WRAPS]))])),
        ("too-many-wraps", plain(8, &[(0, bytes(32)), (1, cbor::array(&vec![wrap.clone(); limits::WRAPS + 1]))])),
    ];
    let one = head(1);
    let units = [one.as_slice(), &wrap];
    let vector = |(name, body): (&str, Vec<u8>)| {
        let decoded = Control::decode(&body);
        let unknown = matches!(&decoded, Ok(Control { record: Record::Unknown { .. }, .. }));
        let refusal =
            decoded.as_ref().map_or_else(malformed, |_| if unknown { "none, without effect" } else { "none" });
        json!({ "name": name, "body": shown(&body, &units), "refusal": refusal })
    };
    controls.into_iter().map(vector).collect()
}

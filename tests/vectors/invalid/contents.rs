//! What content seals, opened and not: bodies, plaintexts, packed bytes.

use alliance_core::keys::{Content, Form, Part, content, seal};
use alliance_replica::{
    id::{EntryId, ItemId},
    limits,
    log::{
        entry::Place,
        heads::{Chain, Head},
    },
    wire,
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use serde_json::{Value, json};

use super::{cbor, malformed, shown};
use crate::{
    json::hex,
    story::history,
    world::{ANNA, BEN, History, Says, filler, stored},
};

/// Bodies of one entry, all sealed under one epoch.
pub(super) fn sealed() -> Vec<Value> {
    let told = history();
    let right = told.entry("first words");
    let epoch = told.entries.iter().find_map(|it| match &it.says {
        Says::Content { epoch, .. } if it.name == "first words" => Some(epoch),
        _ => None,
    });
    let epoch = epoch.expect("words are content");
    // What it says is judged later; of this length, some padding is due.
    let plaintext = &[0x2a; 100];
    let (key, place) = (told.key(epoch), right.header.place());
    let body = |padded: &[u8]| sealed_as(key.as_bytes(), &told, &place, padded);
    let zeros = [0; 16];
    let padded = |end: &[u8]| [&zeros[..], plaintext, end].concat();
    let filled = padme(plaintext.len() + 1) - plaintext.len() - 1;
    let pad = |count: usize| [&[1][..], &vec![0; count]].concat();
    let elsewhere = Place { seq: place.seq + 1, prev: Some(right.id), ..place.clone() };
    let mut changed = right.entry.body.clone();
    *changed.last_mut().expect("a tag") ^= 1;
    let other = filler::<32>("epoch key", 9);
    let cases = [
        ("a body that is right", ANNA.device(), place.clone(), body(&padded(&pad(filled)))),
        ("body-of-another-device", BEN.device(), place.clone(), right.entry.body.clone()),
        ("body-of-another-place", ANNA.device(), elsewhere, right.entry.body.clone()),
        ("body-changed-after-sealing", ANNA.device(), place.clone(), changed),
        (
            "body-under-another-key",
            ANNA.device(),
            place.clone(),
            sealed_as(&other, &told, &place, &padded(&pad(filled))),
        ),
        ("body-shorter-than-a-nonce", ANNA.device(), place.clone(), vec![7; 23]),
        ("not-bound-to-its-key", ANNA.device(), place.clone(), {
            let mut padded = padded(&pad(filled));
            padded[15] = 1;
            body(&padded)
        }),
        ("shorter-than-what-binds-it", ANNA.device(), place.clone(), body(&zeros[..15])),
        ("nothing-but-what-binds-it", ANNA.device(), place.clone(), body(&zeros)),
        ("padding-without-end", ANNA.device(), place.clone(), body(&padded(&vec![0; filled + 1]))),
        ("padding-too-short", ANNA.device(), place.clone(), body(&padded(&pad(filled - 1)))),
        ("padding-too-long", ANNA.device(), place.clone(), body(&padded(&pad(filled + 1)))),
        ("padding-not-zero", ANNA.device(), place.clone(), {
            let mut end = pad(filled);
            *end.last_mut().expect("an end") = 2;
            body(&padded(&end))
        }),
    ];
    let keyring = &told.keyring;
    let vector = |(name, device, place, body): (&str, _, Place, Vec<u8>)| {
        let refusal = match seal::open(keyring, &device, &place, &body) {
            Ok(opened) => {
                assert_eq!(*opened.plaintext, plaintext);
                "none"
            }
            Err(seal::Error::Sealed(_)) => "sealed",
            Err(seal::Error::Uncommitted) => "uncommitted",
            Err(seal::Error::Padding) => "padding",
            Err(other) => panic!("{name}: {other}"),
        };
        json!({
            "name": name, "space": told.space.to_string(), "device": device.to_string(), "place": hex(&place.encode()),
            "key": hex(key.as_bytes()), "body": hex(&body), "refusal": refusal,
        })
    };
    cases.into_iter().map(vector).collect()
}

fn sealed_as(key: &[u8; 32], told: &History, place: &Place, padded: &[u8]) -> Vec<u8> {
    let nonce = filler::<24>("nonce", 1);
    let aad = [b"alliance/1 content", told.space.as_ref(), ANNA.device().as_ref(), &place.encode()].concat();
    let cipher = XChaCha20Poly1305::new(key.into());
    let sealed = cipher.encrypt((&nonce).into(), Payload { msg: padded, aad: &aad }).expect("is short");
    [&nonce[..], &sealed].concat()
}

/// PADMÉ: the next length of which few lowest bits are set.
fn padme(length: usize) -> usize {
    let exponent = length.ilog2();
    let mask = (1 << (exponent - exponent.checked_ilog2().map_or(0, |it| it + 1))) - 1;
    (length + mask) & !mask
}

/// Plaintexts.
pub(super) fn plaintexts() -> Vec<Value> {
    let part = |fields: &[(u64, Vec<u8>)]| cbor::map(fields);
    let right: Vec<(u64, Vec<u8>)> = vec![
        (0, cbor::bytes(&filler::<16>("item", 1))),
        (3, cbor::number(0)),
        (4, cbor::number(3)),
        (5, cbor::bytes(&stored(b"raw"))),
    ];
    let but = |key: u64, value: Option<Vec<u8>>| {
        let mut fields = right.clone();
        fields.retain(|(other, _)| *other != key);
        fields.extend(value.map(|value| (key, value)));
        fields.sort_by_key(|(key, _)| *key);
        part(&fields)
    };
    let content = |after: Vec<u8>, parts: &[Vec<u8>], keeps: Vec<u8>| {
        cbor::map(&[(0, after), (1, cbor::array(parts)), (2, keeps)])
    };
    let none = || cbor::array(&[]);
    let with = |fields: Vec<u8>| content(none(), &[fields], none());
    let named = |chain: Chain, seq: u64, count: usize| {
        let head = Head { device: ANNA.device(), chain, seq, id: EntryId::new(filler("entry", 1)) };
        cbor::array(&vec![wire::encode(&head); count])
    };
    let heads = |chain: Chain, count: usize| named(chain, 1, count);
    let member = || cbor::bytes(&filler::<16>("member", 1));
    let two = |writer: Option<Vec<u8>>| content(none(), &[but(1, None), but(1, writer)], none());
    let many = |count: usize| content(none(), &vec![part(&right); count], none());
    let full = with(part(&right));
    let cases = [
        ("a plaintext that is right", full.clone()),
        ("a receipt", content(none(), &[], none())),
        ("a part of a member's facet", with(but(1, Some(member())))),
        ("a part with a preimage", with(but(2, Some(cbor::bytes(b"a preimage is judged with its part"))))),
        ("a key of a later version", with(but(9, Some(cbor::number(1))))),
        ("truncated-plaintext", full[..full.len() - 1].to_vec()),
        ("trailing-bytes", [&full[..], &[0]].concat()),
        ("empty-plaintext", Vec::new()),
        ("after-missing", cbor::map(&[(1, none()), (2, none())])),
        ("parts-missing", cbor::map(&[(0, none()), (2, none())])),
        ("keeps-missing", cbor::map(&[(0, none()), (1, none())])),
        ("keeps-a-control-entry", content(none(), &[], heads(Chain::Control, 1))),
        ("after-names-place-0", content(named(Chain::Content, 0, 1), &[], none())),
        ("keeps-place-0", content(none(), &[], named(Chain::Content, 0, 1))),
        ("keeps-content", content(none(), &[], heads(Chain::Content, 1))),
        ("an after of the most heads", content(heads(Chain::Content, limits::AFTER), &[], none())),
        ("after-too-long", content(heads(Chain::Content, limits::AFTER + 1), &[], none())),
        ("keeps-too-long", content(none(), &[], heads(Chain::Content, limits::AFTER + 1))),
        ("two-parts-of-one-document", two(None)),
        ("two facets of one item", two(Some(member()))),
        ("too-many-parts", many(limits::PARTS + 1)),
        ("item-missing", with(but(0, None))),
        ("item-too-short", with(but(0, Some(cbor::bytes(&[1; 15]))))),
        ("writer-as-null", with(but(1, Some(vec![0xf6])))),
        ("writer-too-long", with(but(1, Some(cbor::bytes(&[1; 17]))))),
        ("form-unknown", with(but(3, Some(cbor::number(2))))),
        ("form-missing", with(but(3, None))),
        ("length-missing", with(but(4, None))),
        ("length-beyond-32-bits", with(but(4, Some(cbor::number(1 << 32))))),
        ("packed-missing", with(but(5, None))),
        ("packed-as-text", with(but(5, Some(vec![0x61, b'a'])))),
    ];
    let units = [part(&right), heads(Chain::Content, 1)[1..].to_vec()];
    let vector = |(name, bytes): (&str, Vec<u8>)| {
        let refusal = Content::decode(&bytes).as_ref().map_or_else(malformed, |_| "none");
        json!({ "name": name, "bytes": shown(&bytes, &units.each_ref().map(Vec::as_slice)), "refusal": refusal })
    };
    cases.into_iter().map(vector).collect()
}

/// Packed bytes of one part, with the length that they are said to inflate to.
pub(super) fn packs() -> Vec<Value> {
    let right = stored(b"what was typed");
    let claim = |length: u32| {
        let mut frame = right.clone();
        frame[5..9].copy_from_slice(&length.to_le_bytes());
        frame
    };
    // One block that repeats one byte 128 KiB.
    let repeated = [&[0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 2, 0][..], &[0x03, 0, 0x10, 7]].concat();
    let cases = [
        ("packed bytes that are right", 14, right.clone()),
        ("nothing, packed", 0, stored(b"")),
        ("a byte repeated", 128 * 1024, repeated.clone()),
        ("inflates-to-less", 15, right.clone()),
        ("inflates-to-more", 13, right.clone()),
        ("frame-claims-more", 14, claim(15)),
        ("not-a-frame", 14, b"what was typed".to_vec()),
        ("empty", 0, Vec::new()),
        ("truncated-frame", 14, right[..right.len() - 1].to_vec()),
        ("a-frame-after-it", 14, [&right[..], &stored(b"")].concat()),
        ("a-skippable-frame-after-it", 14, [&right[..], &[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]].concat()),
        ("more-than-an-entry-may-inflate-to", limits::INFLATED + 1, right),
        ("more-than-such-bytes-can-hold", 32_768 * repeated.len() + 1, repeated),
    ];
    let vector = |(name, length, packed): (&str, usize, Vec<u8>)| {
        let length = u32::try_from(length).expect("32 bits");
        let bytes = hex(&packed);
        let part =
            Part { item: ItemId::new([1; 16]), writer: None, preimage: None, form: Form::Changes, length, packed };
        let refusal = match part.unpack(&mut { limits::INFLATED }) {
            Ok(raw) => {
                assert_eq!(raw.len(), length as usize);
                "none"
            }
            Err(content::Error::Budget { .. }) => "budget",
            Err(content::Error::Unbelievable { .. }) => "ratio",
            Err(content::Error::Inflate(_) | content::Error::Length { .. } | content::Error::Trailing) => "inflate",
        };
        json!({ "name": name, "length": length, "packed": bytes, "refusal": refusal })
    };
    cases.into_iter().map(vector).collect()
}

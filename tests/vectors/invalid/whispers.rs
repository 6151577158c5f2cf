//! Whispers that nobody listens to.

use alliance_core::keys::whisper;
use alliance_replica::{
    exchange::frame::{Frame, Whisper},
    id::{Signature, SpaceId},
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use serde_json::{Value, json};

use super::shown;
use crate::{
    json::hex,
    story::history,
    world::{ANNA, BEN, Holder, filler},
};

const LABEL: &str = "alliance/1 whisper";

/// What Anna whispers, under the epoch of `whispers.json`.
pub(super) fn whispers() -> Vec<Value> {
    let told = history();
    let space = told.space;
    let epoch = told.keyring.epochs().next().expect("an epoch");
    let key = told.key(epoch).as_bytes();
    let words = [&[0xa3, 0, 0, 1, 0x50][..], &filler::<16>("name of the moment", 1), &[2, 0x80]].concat();
    let padded = |length: usize| {
        let mut padded = [&[0; 16][..], &words, &[1]].concat();
        padded.resize(16 + length, 0);
        padded
    };
    let but = |at: usize, byte: u8| {
        let mut padded = padded(256);
        padded[at] = byte;
        padded
    };
    let unsigned = Whisper {
        channel: 1,
        epoch: epoch.prefix(),
        device: ANNA.device(),
        counter: 1,
        sealed: sealed(&space, &ANNA, key, 1, &padded(256)),
        signature: Signature([0; 64]),
    };
    let right = signed(&space, &ANNA, unsigned.clone());
    let with = |sealed: Vec<u8>| signed(&space, &ANNA, Whisper { sealed, ..unsigned.clone() });
    let says = |plaintext: &[u8]| with(sealed(&space, &ANNA, key, 1, plaintext));
    let elsewhere = SpaceId::new(filler("space", 9));
    let mut changed = right.sealed.clone();
    *changed.last_mut().expect("a tag") ^= 1;
    let cases = [
        ("a whisper that is right", right.clone()),
        ("counter-changed", Whisper { counter: 2, ..right.clone() }),
        ("device-changed", Whisper { device: BEN.device(), ..right.clone() }),
        ("epoch-changed", Whisper { epoch: [9; 8], ..right.clone() }),
        ("sealed-changed", Whisper { sealed: changed, ..right.clone() }),
        ("signature-by-another-device", signed(&space, &BEN, unsigned.clone())),
        ("signature-for-another-space", signed(&elsewhere, &ANNA, unsigned.clone())),
        ("more-than-is-handed-on", with(vec![0; whisper::LARGEST + 1])),
        ("sealed-for-another-space", with(sealed(&elsewhere, &ANNA, key, 1, &padded(256)))),
        ("sealed-for-another-device", with(sealed(&space, &BEN, key, 1, &padded(256)))),
        ("sealed-for-another-counter", with(sealed(&space, &ANNA, key, 2, &padded(256)))),
        ("sealed-under-another-key", with(sealed(&space, &ANNA, &filler("epoch key", 9), 1, &padded(256)))),
        ("of-an-unknown-epoch", signed(&space, &ANNA, Whisper { epoch: [9; 8], ..unsigned.clone() })),
        ("shorter-than-a-nonce", with(vec![7; 23])),
        ("not-bound-to-its-key", says(&but(15, 1))),
        ("padding-without-end", says(&[0; 16 + 256])),
        ("padding-not-zero", says(&but(16 + 255, 2))),
        ("padding-too-short", says(&padded(255))),
        ("padding-too-long", says(&padded(512))),
    ];
    let vector = |(name, said): (&str, Whisper)| {
        let refusal = match whisper::open(&told.keyring, &said) {
            Ok(opened) => {
                assert_eq!(**opened, *words, "{name}");
                "none"
            }
            Err(whisper::Error::TooLarge(_)) => "too large",
            Err(whisper::Error::Signature) => "signature",
            Err(whisper::Error::Sealed) => "sealed",
        };
        let bytes = Frame::Whisper(said).encode();
        json!({
            "name": name, "space": space.to_string(), "key": hex(key), "bytes": shown(&bytes, &[&[0]]),
            "refusal": refusal,
        })
    };
    cases.into_iter().map(vector).collect()
}

fn sealed(space: &SpaceId, who: &Holder, key: &[u8; 32], counter: u64, plaintext: &[u8]) -> Vec<u8> {
    let (device, nonce) = (who.device(), filler::<24>("nonce", 2));
    let aad = [LABEL.as_bytes(), space.as_ref(), device.as_ref(), &counter.to_be_bytes()].concat();
    let cipher = XChaCha20Poly1305::new(key.into());
    let sealed = cipher.encrypt((&nonce).into(), Payload { msg: plaintext, aad: &aad }).expect("is short");
    [&nonce[..], &sealed].concat()
}

fn signed(space: &SpaceId, by: &Holder, whisper: Whisper) -> Whisper {
    let counter = whisper.counter.to_be_bytes();
    let parts: [&[u8]; 5] = [space.as_ref(), &whisper.epoch, whisper.device.as_ref(), &counter, &whisper.sealed];
    let signature = by.secret().sign(LABEL, &parts);
    Whisper { signature, ..whisper }
}

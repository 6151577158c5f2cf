//! One example of every kind of frame that is not in the handshake's file, and of every error code.

use alliance_replica::{
    exchange::frame::{
        Ack, BackPoints, Code, Dropped, Endpoint, Entries, Error, Floor, Found, Frame, Have, HeldHead, Quiet, Whisper,
    },
    id::{ReplicaKey, Signature},
    log::heads::Chain,
};
use serde_json::{Value, json};

use crate::{
    json::{self, hex},
    story::history,
    world::{ANNA, ANNA_WORDS, BEN, filler},
};

pub(crate) fn vectors() -> Value {
    let vector = |(name, frame): (String, Frame)| {
        let bytes = frame.encode();
        assert_eq!(Frame::decode(&bytes).expect("decodes"), frame, "{name}");
        let mut vector = json::frame(&frame);
        vector["name"] = name.into();
        vector["bytes"] = hex(&bytes).into();
        vector
    };
    json!({ "frames": all().into_iter().chain(errors()).map(vector).collect::<Vec<_>>() })
}

fn all() -> Vec<(String, Frame)> {
    let told = history();
    let held = |name: &str, low| HeldHead { head: told.entry(name).head(), low };
    let entry = |name: &str| told.entry(name).entry.clone();
    let frames = [
        ("nothing is here", Frame::Have(Have { channel: 1, ..Have::default() })),
        (
            "heads, a floor and back points",
            Frame::Have(Have {
                channel: 70_000,
                heads: vec![held("second epoch", 1), held("first words", 2), held("a receipt", 2)],
                floor: vec![Floor { device: BEN.device(), seq: 1 }],
                back: vec![BackPoints {
                    device: ANNA.device(),
                    chain: Chain::Control,
                    points: vec![held("first epoch", 1), held("confirmation", 1)],
                }],
            }),
        ),
        (
            "a path of three control entries",
            Frame::Entries(Entries {
                channel: 1,
                device: ANNA.device(),
                chain: Chain::Control,
                entries: ["genesis", "second device", "first epoch"].map(entry).to_vec(),
            }),
        ),
        (
            "one content entry",
            Frame::Entries(Entries {
                channel: 1,
                device: ANNA.device(),
                chain: Chain::Content,
                entries: vec![entry("first words")],
            }),
        ),
        (
            "two chains acknowledged",
            Frame::Ack(Ack {
                channel: 1,
                heads: vec![told.entry("first epoch").head(), told.entry("first words").head()],
            }),
        ),
        ("two spaces found", {
            Frame::Found(Found { device: ANNA_WORDS.device(), spaces: vec![told.space, told.space] })
        }),
        ("a space dropped", Frame::Dropped(Dropped { space: told.space, code: None })),
        ("a space that is not dropped", Frame::Dropped(Dropped { space: told.space, code: Some(Code::NotMember) })),
        (
            "a whisper whose signature is filler",
            Frame::Whisper(Whisper {
                channel: 1,
                epoch: filler("epoch", 1),
                device: BEN.device(),
                counter: u64::MAX,
                sealed: filler::<40>("whisper", 1).to_vec(),
                signature: Signature(filler("signature", 1)),
            }),
        ),
        ("nothing is left to say", Frame::Quiet(Quiet { channel: 1 })),
        ("an endpoint that meets others", Frame::Endpoint(Endpoint { key: ReplicaKey::new(filler("endpoint", 1)) })),
        ("of a later version", Frame::Unknown(200)),
    ];
    frames.into_iter().map(|(name, frame)| (name.to_owned(), frame)).collect()
}

fn errors() -> Vec<(String, Frame)> {
    let codes = [
        Code::Version,
        Code::Frame,
        Code::Proof,
        Code::NotMember,
        Code::UnknownSpace,
        Code::Expired,
        Code::Entry,
        Code::Limit,
        Code::Slow,
        Code::Closing,
        Code::Storage,
        Code::Internal,
        Code::Token,
    ];
    codes
        .into_iter()
        .map(|code| {
            let entry = (code == Code::Entry).then(|| history().entry("first words").id);
            let ends_channel = matches!(code, Code::NotMember | Code::UnknownSpace | Code::Expired | Code::Entry);
            let error = Error { code, channel: ends_channel.then_some(1), entry };
            (format!("error: {}", json::code(code)), Frame::Error(error))
        })
        .collect()
}

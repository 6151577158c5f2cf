//! Records and frames in readable form, by the names of `docs/protocol.md`. Bytes are hexadecimal, numbers are numbers,
//! and what is absent is left out.

use std::{fmt::Write as _, net::SocketAddr};

use alliance_core::{
    document::Preimage,
    keys::{Content, Form, Part, Route, invitation::Terms, route::Address},
};
use alliance_replica::{
    exchange::frame::{Code, Frame, HeldHead},
    log::{
        control::{AddedRole, Control, Keys, Parent, Purpose, Reason, Record, SpaceKind, Wrap},
        entry::{Entry, Header},
        heads::{Chain, Head},
    },
};
use serde_json::{Value, json};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all that is written to it");
        text
    })
}

pub(crate) fn header(header: &Header) -> Value {
    present(json!({
        "version": header.version,
        "chain": chain(header.chain),
        "seq": header.seq,
        "prev": header.prev.map(|prev| prev.to_string()),
        "epoch": header.epoch.map(|epoch| hex(&epoch)),
        "length": header.length,
        "body": hex(&header.body),
    }))
}

pub(crate) fn entry(entry: &Entry) -> Value {
    json!({ "header": hex(&entry.header), "signature": hex(&entry.signature.0), "body": hex(&entry.body) })
}

pub(crate) fn control(control: &Control) -> Value {
    let (name, fields) = record(&control.record);
    json!({ "after": control.after.0.iter().map(head).collect::<Vec<_>>(), "kind": name, "record": present(fields) })
}

fn record(record: &Record) -> (&'static str, Value) {
    match record {
        Record::Genesis(genesis) => (
            "genesis",
            json!({
                "kind": match genesis.kind { SpaceKind::Personal => "personal", SpaceKind::Alliance => "alliance" },
                "founder": keys(&genesis.founder),
                "recovery": genesis.recovery.as_ref().map(keys),
                "recovery_consent": genesis.consent.map(|consent| hex(&consent.0)),
            }),
        ),
        Record::AddDevice(add) => (
            "add device",
            json!({
                "device": keys(&add.device),
                "role": match add.role { AddedRole::Ordinary => "ordinary", AddedRole::Recovery => "recovery" },
                "renews": add.renews.map(|device| device.to_string()),
                "consent": hex(&add.consent.0),
            }),
        ),
        Record::Invite(invite) => (
            "invite",
            json!({
                "key": keys(&invite.key),
                "purpose": purpose(invite.purpose),
                "expires": invite.expires,
            }),
        ),
        Record::Redeem(redeem) => (
            "redeem",
            json!({
                "device": keys(&redeem.device),
                "recovery": redeem.recovery.as_ref().map(keys),
                "consent": hex(&redeem.consent.0),
                "recovery_consent": redeem.recovery_consent.map(|consent| hex(&consent.0)),
            }),
        ),
        Record::Confirm(confirm) => ("confirm", json!({ "redeem": confirm.redeem.to_string() })),
        Record::Cut(cut) => ("cut", json!({ "device": cut.device.to_string(), "reason": reason(cut.reason) })),
        Record::Leave(_) => ("leave", json!({})),
        Record::Epoch(epoch) => (
            "epoch",
            json!({
                "id": epoch.id.to_string(),
                "parents": epoch.parents.iter().map(parent).collect::<Vec<_>>(),
                "wraps": epoch.wraps.iter().map(wrap).collect::<Vec<_>>(),
            }),
        ),
        Record::Grant(grant) => (
            "grant",
            json!({ "epoch": grant.epoch.to_string(), "wraps": grant.wraps.iter().map(wrap).collect::<Vec<_>>() }),
        ),
        Record::AckCheckpoint(ack) => (
            "ack checkpoint",
            json!({ "checkpoint": hex(&ack.checkpoint), "covered": ack.covered.iter().map(head).collect::<Vec<_>>() }),
        ),
        Record::Forget(forget) => ("forget", json!({ "item": forget.item.to_string() })),
        Record::Unknown { kind, body } => ("unknown", json!({ "kind": kind, "bytes": hex(body) })),
    }
}

pub(crate) fn frame(frame: &Frame) -> Value {
    let (name, fields) = match frame {
        Frame::Hello(hello) => (
            "hello",
            json!({
                "oldest": hello.oldest,
                "newest": hello.newest,
                "nonce": hex(&hello.nonce),
                "key": hello.key.to_string(),
            }),
        ),
        Frame::Prove(prove) => ("prove", json!({ "signature": hex(&prove.signature.0) })),
        Frame::Open(open) => (
            "open",
            json!({
                "channel": open.channel,
                "space": open.space.to_string(),
                "device": open.device.to_string(),
                "proof": hex(&open.proof.0),
            }),
        ),
        Frame::Have(have) => (
            "have",
            json!({
                "channel": have.channel,
                "heads": have.heads.iter().map(held).collect::<Vec<_>>(),
                "floor": have.floor.iter().map(|floor| json!({ "device": floor.device.to_string(), "seq": floor.seq }))
                    .collect::<Vec<_>>(),
                "back": have.back.iter().map(|back| json!({
                    "device": back.device.to_string(),
                    "chain": chain(back.chain),
                    "points": back.points.iter().map(held).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
            }),
        ),
        Frame::Entries(entries) => (
            "entries",
            json!({
                "channel": entries.channel,
                "device": entries.device.to_string(),
                "chain": chain(entries.chain),
                "entries": entries.entries.iter().map(entry).collect::<Vec<_>>(),
            }),
        ),
        Frame::Ack(ack) => {
            ("ack", json!({ "channel": ack.channel, "heads": ack.heads.iter().map(head).collect::<Vec<_>>() }))
        }
        Frame::Find(find) => ("find", json!({ "device": find.device.to_string(), "proof": hex(&find.proof.0) })),
        Frame::Found(found) => (
            "found",
            json!({
                "device": found.device.to_string(),
                "spaces": found.spaces.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
        ),
        Frame::Whisper(whisper) => (
            "whisper",
            json!({
                "channel": whisper.channel,
                "epoch": hex(&whisper.epoch),
                "device": whisper.device.to_string(),
                "counter": whisper.counter,
                "sealed": hex(&whisper.sealed),
                "signature": hex(&whisper.signature.0),
            }),
        ),
        Frame::Error(error) => (
            "error",
            json!({
                "code": code(error.code),
                "channel": error.channel,
                "entry": error.entry.map(|entry| entry.to_string()),
            }),
        ),
        Frame::Drop(drop) => (
            "drop",
            json!({
                "space": drop.space.to_string(),
                "device": drop.device.to_string(),
                "proof": hex(&drop.proof.0),
            }),
        ),
        Frame::Dropped(dropped) => {
            ("dropped", json!({ "space": dropped.space.to_string(), "code": dropped.code.map(code) }))
        }
        Frame::Names(names) => {
            ("names", json!({ "names": names.names.iter().map(|name| hex(&name.0)).collect::<Vec<_>>() }))
        }
        Frame::Opened(opened) => (
            "opened",
            json!({
                "channel": opened.channel,
                "device": opened.device.to_string(),
                "proof": hex(&opened.proof.0),
            }),
        ),
        Frame::Quiet(quiet) => ("quiet", json!({ "channel": quiet.channel })),
        Frame::Endpoint(endpoint) => ("endpoint", json!({ "key": endpoint.key.to_string() })),
        Frame::Unknown(kind) => ("unknown", json!({ "kind": kind })),
    };
    json!({ "kind": name, "frame": present(fields) })
}

fn head(head: &Head) -> Value {
    json!({
        "device": head.device.to_string(),
        "chain": chain(head.chain),
        "seq": head.seq,
        "id": head.id.to_string(),
    })
}

fn held(held: &HeldHead) -> Value {
    json!({ "head": head(&held.head), "low": held.low })
}

pub(crate) fn keys(keys: &Keys) -> Value {
    json!({ "device": keys.device.to_string(), "seal": hex(&keys.seal) })
}

fn parent(parent: &Parent) -> Value {
    json!({ "epoch": parent.epoch.to_string(), "sealed": hex(&parent.sealed) })
}

fn wrap(wrap: &Wrap) -> Value {
    json!({ "device": wrap.device.to_string(), "sealed": hex(&wrap.sealed) })
}

pub(crate) fn chain(chain: Chain) -> &'static str {
    match chain {
        Chain::Control => "control",
        Chain::Content => "content",
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unsaid => "unsaid",
        Reason::Lost => "lost",
        Reason::Renewed => "renewed",
        Reason::Expired => "expired",
        Reason::Withdrawn => "withdrawn",
    }
}

pub(crate) fn code(code: Code) -> &'static str {
    match code {
        Code::Version => "version",
        Code::Frame => "frame",
        Code::Proof => "proof",
        Code::NotMember => "not member",
        Code::UnknownSpace => "unknown space",
        Code::Expired => "expired",
        Code::Entry => "entry",
        Code::Limit => "limit",
        Code::Slow => "slow",
        Code::Closing => "closing",
        Code::Storage => "storage",
        Code::Internal => "internal",
        Code::Token => "token",
    }
}

pub(crate) fn content(content: &Content) -> Value {
    json!({
        "after": content.after.0.iter().map(head).collect::<Vec<_>>(),
        "parts": content.parts.iter().map(part).collect::<Vec<_>>(),
        "keeps": content.keeps.0.iter().map(head).collect::<Vec<_>>(),
    })
}

fn part(part: &Part) -> Value {
    present(json!({
        "item": part.item.to_string(),
        "writer": part.writer.map(|writer| writer.to_string()),
        "preimage": part.preimage.as_ref().map(|preimage| hex(preimage)),
        "form": match part.form { Form::Changes => "changes", Form::Snapshot => "snapshot" },
        "length": part.length,
        "packed": hex(&part.packed),
    }))
}

pub(crate) fn preimage(item: &Preimage) -> Value {
    present(json!({
        "kind": item.kind.as_str(),
        "owner": item.owner.map(|owner| owner.to_string()),
        "creator": item.creator.to_string(),
        "nonce": hex(&item.nonce),
    }))
}

pub(crate) fn terms(terms: &Terms) -> Value {
    present(json!({
        "space": terms.space.to_string(),
        "purpose": purpose(terms.purpose),
        "expires": terms.expires,
        "relay": terms.relay.as_ref().map(|relay| {
            present(json!({ "url": relay.url, "key": relay.key.map(|key| key.to_string()) }))
        }),
        "route": terms.route.as_ref().map(route),
    }))
}

pub(crate) fn route(route: &Route) -> Value {
    let address = |address: &Address| match address.0 {
        SocketAddr::V4(it) => hex(&[&it.ip().octets()[..], &it.port().to_be_bytes()].concat()),
        SocketAddr::V6(it) => hex(&[&it.ip().octets()[..], &it.port().to_be_bytes()].concat()),
    };
    let addresses: Vec<_> = route.addresses.iter().map(address).collect();
    json!({ "endpoint": route.endpoint.to_string(), "addresses": addresses })
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Member => "member",
        Purpose::OwnDevice => "own device",
    }
}

/// The fields without those that are absent.
pub(crate) fn present(mut fields: Value) -> Value {
    if let Value::Object(fields) = &mut fields {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

//! Histories between this code and the reference model, in JSON.

use alliance_replica::{
    id::{EntryId, MemberId, Signature, SpaceId},
    log::{
        control::{
            AddDevice, AddedRole, Confirm, Cut, Epoch, Genesis, Grant, Invite, Keys, Leave, Parent, Purpose, Reason,
            Record, Redeem, SpaceKind, Wrap,
        },
        membership::{Dag, Fold},
    },
};
use serde_json::{Value, json};

use crate::story::{Story, Told, consent, epoch_id, keys, secret, wraps};

/// A history of the model's as a story. Keys and consent are real; ids are made up, in the model's order.
pub(crate) fn read(entries: &Value) -> Story {
    let mut story = Story::empty(SpaceId::new([1; 16]));
    story.belongs("A0", MemberId::of(&keys("A0").device));
    for entry in entries.as_array().expect("is a list") {
        let number = story.told.len();
        let mut id = [0; 32];
        let height = u32::from_str_radix(text(&entry["h"]), 16).expect("is hexadecimal");
        id[..4].copy_from_slice(&height.to_be_bytes());
        id[4..12].copy_from_slice(&(number as u64).to_be_bytes());
        let prev = entry["prev"].as_u64().map(|prev| prev as usize);
        let told = Told {
            id: EntryId::new(id),
            by: text(&entry["dev"]).into(),
            seq: prev.map_or(1, |prev| story.told[prev].seq + 1),
            prev,
            after: list(&entry["after"]).iter().map(|it| it.as_u64().expect("is a number") as usize).collect(),
            keeps: Vec::new(),
            record: record(&mut story, number, entry),
            signed: None,
        };
        story.append(told);
    }
    story
}

fn record(story: &mut Story, number: usize, entry: &Value) -> Option<Record> {
    let (by, a) = (text(&entry["dev"]), &entry["a"]);
    let names = ["rec", "new", "key", "dev", "to"].map(|field| &a[field]);
    names.into_iter().chain(list(&a["wraps"])).filter_map(Value::as_str).for_each(|name| story.know(name));
    let agreed = |name: &str| signature(story, name, a["consent"] == true, &entry["for"]);
    let id = |field: &str| story.told[a[field].as_u64().expect("is a number") as usize].id;
    Some(match text(&entry["kind"]) {
        "Genesis" => Record::Genesis(Genesis {
            kind: SpaceKind::Alliance,
            founder: keys(by),
            recovery: a["rec"].as_str().map(keys),
            consent: None,
        }),
        "AddDevice" => {
            let (name, consent) = (text(&a["new"]), Signature([0; 64]));
            let role = if a["role"] == "rec" { AddedRole::Recovery } else { AddedRole::Ordinary };
            Record::AddDevice(match member(&entry["for"]).filter(|_| a["consent"] == true) {
                Some(member) => AddDevice::agreed(keys(name), &secret(name), (&story.space, &member), (role, None)),
                None => AddDevice { device: keys(name), role, renews: None, consent },
            })
        }
        "Invite" => Record::Invite(Invite {
            key: keys(text(&a["key"])),
            purpose: if a["purpose"] == "member" { Purpose::Member } else { Purpose::OwnDevice },
            expires: 0,
        }),
        "Redeem" => Record::Redeem(Redeem {
            device: keys(text(&a["new"])),
            recovery: a["rec"].as_str().map(keys),
            consent: agreed(text(&a["new"])),
            recovery_consent: a["rec"].as_str().map(agreed),
        }),
        "Confirm" => Record::Confirm(Confirm { redeem: id("redeem") }),
        "Cut" => Record::Cut(Cut { device: keys(text(&a["dev"])).device, reason: Reason::Unsaid }),
        "Leave" => Record::Leave(Leave {}),
        "Epoch" => {
            let parents = list(&a["parents"]).iter().map(|at| epoch_id(at.as_u64().expect("is a number") as usize));
            Record::Epoch(Epoch {
                id: epoch_id(number),
                parents: parents.map(|epoch| Parent { epoch, sealed: [0; 72] }).collect(),
                wraps: wraps(list(&a["wraps"]).iter().map(text)),
            })
        }
        "Grant" => Record::Grant(Grant { epoch: id("epoch"), wraps: wraps([text(&a["to"])]) }),
        "Content" => return None,
        other => panic!("the model knows no {other}"),
    })
}

/// Consent for the member that the model names: `A`, or `M:` and its first device.
fn signature(story: &Story, name: &str, agrees: bool, of: &Value) -> Signature {
    match member(of).filter(|_| agrees) {
        Some(member) => consent(name, &story.space, &member),
        None => Signature([0; 64]),
    }
}

/// The member that the model calls so.
fn member(name: &Value) -> Option<MemberId> {
    let device = match name.as_str()? {
        "A" => keys("A0").device,
        name => keys(&name[2..]).device,
    };
    Some(MemberId::of(&device))
}

/// A story as the model reads it. `dag` has all its control entries.
pub(crate) fn write(story: &Story, dag: &Dag) -> Value {
    let entries = story.told.iter().enumerate().map(|(at, told)| {
        let (kind, a) = match &told.record {
            Some(record) => spell(story, dag, at, record),
            None => ("Content", json!({})),
        };
        json!({
            "dev": told.by, "chain": if told.record.is_some() { "c" } else { "k" }, "prev": told.prev,
            "after": told.after, "kind": kind, "a": a, "h": told.id.to_string(),
        })
    });
    json!({ "entries": entries.collect::<Vec<_>>() })
}

fn spell(story: &Story, dag: &Dag, at: usize, record: &Record) -> (&'static str, Value) {
    let name = |keys: &Keys| story.names[&keys.device].clone();
    let number = |id: &EntryId| story.told.iter().position(|told| told.id == *id).expect("is told");
    let names = |wraps: &[Wrap]| -> Vec<_> { wraps.iter().map(|wrap| story.names[&wrap.device].clone()).collect() };
    match record {
        Record::Genesis(genesis) => ("Genesis", json!({ "rec": genesis.recovery.as_ref().map(name) })),
        Record::AddDevice(add) => {
            let view = dag.view(&story.told[at].id).expect("is here");
            let member = view.device(&story.device(&story.told[at].by)).map(|author| author.member);
            let consent = member.is_some_and(|it| add.is_agreed(&story.space, &it));
            let role = if add.role == AddedRole::Recovery { "rec" } else { "ord" };
            ("AddDevice", json!({ "new": name(&add.device), "role": role, "consent": consent }))
        }
        Record::Invite(invite) => {
            let purpose = if invite.purpose == Purpose::Member { "member" } else { "own" };
            ("Invite", json!({ "key": name(&invite.key), "purpose": purpose }))
        }
        Record::Redeem(redeem) => {
            let view = dag.view(&story.told[at].id).expect("is here");
            let consent = invited(&view, story, at, redeem).is_some_and(|member| {
                let recovery = redeem.recovery.zip(redeem.recovery_consent);
                redeem.device.consented(&story.space, &member, &redeem.consent)
                    && redeem.recovery.is_none_or(|_| {
                        recovery.is_some_and(|(keys, consent)| keys.consented(&story.space, &member, &consent))
                    })
            });
            let recovery = redeem.recovery.as_ref().map(name);
            ("Redeem", json!({ "new": name(&redeem.device), "rec": recovery, "consent": consent }))
        }
        Record::Confirm(confirm) => ("Confirm", json!({ "redeem": number(&confirm.redeem) })),
        Record::Cut(cut) => ("Cut", json!({ "dev": story.names[&cut.device] })),
        Record::Leave(_) => ("Leave", json!({})),
        Record::Epoch(epoch) => {
            let mints = |told: &Told, id| matches!(&told.record, Some(Record::Epoch(epoch)) if epoch.id == id);
            let minted = |id| story.told.iter().position(|told| mints(told, id)).expect("is told");
            let parents: Vec<_> = epoch.parents.iter().map(|parent| minted(parent.epoch)).collect();
            ("Epoch", json!({ "wraps": names(&epoch.wraps), "parents": parents }))
        }
        Record::Grant(grant) => {
            ("Grant", json!({ "epoch": number(&grant.epoch), "to": names(&grant.wraps), "ok": true }))
        }
        Record::AckCheckpoint(_) | Record::Forget(_) | Record::Unknown { .. } => ("Other", json!({})),
    }
}

/// The member that an invitation's key lets its bearer join, if the view knows the invitation.
fn invited(view: &Fold, story: &Story, at: usize, redeem: &Redeem) -> Option<MemberId> {
    let key = story.device(&story.told[at].by);
    let invitation = view.invitations().into_iter().find(|it| it.invite.key.device == key)?;
    match invitation.invite.purpose {
        Purpose::Member => Some(MemberId::of(&redeem.device.device)),
        Purpose::OwnDevice => view.device(&invitation.inviter).map(|inviter| inviter.member),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("is text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

//! What control entries mean to a person: the lines of the security log.

use alliance_replica::{
    id::{EntryId, SpaceId},
    log::control::{AddedRole, Control, Purpose, Reason, Record, SpaceKind},
    planted::{self, Bug},
};
use serde_json::{Value, json};

use super::{AppError, profile, space::Space, status, words};
use crate::store::Tx;

/// States in which this computer is in an alliance, in the words that are kept.
const IN: [&str; 3] = [ALONE, TOGETHER, THEY_LEFT];
const ALONE: &str = "alone";
const TOGETHER: &str = "together";
const THEY_LEFT: &str = "they-left";

/// Writes a line for each control entry that people should be able to look up, and whose each device is now.
pub(super) fn note(tx: &Tx<'_>, space: &Space, entries: &[EntryId], now: i64) -> Result<(), AppError> {
    let fold = space.log.fold();
    space.store_devices(tx)?;
    note_state(tx, space)?;
    for entry in entries {
        let Some((author, control)) = space.log.dag().record(entry) else { continue };
        if !fold.valid(entry) {
            let about = json!({ "entry": entry.to_string(), "device": author.to_string() });
            tx.note_security(now, &space.id(), "record-without-effect", &about)?;
            continue;
        }
        if let Some((mut kind, mut about)) = describe(&control.record) {
            if kind == "device-added" && space.words().contains(&author) {
                let renews = matches!(&control.record, Record::AddDevice(it) if it.renews.is_some());
                kind = if renews { "renewed-by-words" } else { "came-back-by-words" };
            }
            if matches!(&control.record, Record::AddDevice(it) if it.device.device == author) {
                kind = "work-taken-over";
            }
            if let Value::Object(about) = &mut about {
                about.insert("by".to_owned(), json!(author.to_string()));
                if let Record::Confirm(it) = &control.record {
                    about.extend(who_came(space, &it.redeem));
                }
            }
            tx.note_security(now, &space.id(), kind, &about)?;
        }
    }
    note_forks(tx, space, entries, now)?;
    status::watch_words(tx, space, now)?;
    if fold.rivals().iter().any(|entry| entries.contains(entry)) {
        tx.note_security(now, &space.id(), "two-people-were-confirmed", &json!({}))?;
    }
    Ok(())
}

/// Keeps how far the alliance has come, and how many computers this person has, for whoever reads without the log.
pub(super) fn note_state(tx: &Tx<'_>, space: &Space) -> Result<(), AppError> {
    if space.row.kind == SpaceKind::Personal {
        words::note_computers(tx, space)?;
    }
    Ok(tx.set_meta(&profile::state_key(&space.id()), state(space).as_bytes())?)
}

/// True if by all that was heard this computer is in a space; quicker than its log.
pub(super) fn was_in(tx: &Tx<'_>, space: &SpaceId) -> Result<bool, AppError> {
    let kept = tx.meta(&profile::state_key(space))?;
    Ok(kept.is_some_and(|kept| IN.iter().any(|state| kept == state.as_bytes())))
}

/// Writes a line for each device that wrote two histories, if one of these entries tells so.
pub(super) fn note_forks(tx: &Tx<'_>, space: &Space, entries: &[EntryId], now: i64) -> Result<(), AppError> {
    for fork in space.log.fold().forks() {
        let told = !planted::is(Bug::ForkSilentlyAccepted);
        if told && fork.entries.iter().any(|entry| entries.contains(entry)) {
            let about = json!({ "device": fork.device.to_string(), "place": fork.seq });
            tx.note_security(now, &space.id(), "device-wrote-two-histories", &about)?;
        }
    }
    Ok(())
}

/// How far an alliance has come, in the word that is kept.
pub(super) fn state(space: &Space) -> &'static str {
    let fold = space.log.fold();
    let me = fold.device(&space.device());
    let others = fold.members().any(|member| member != space.row.member);
    match me {
        None if fold.left().contains(&space.row.member) => "ended",
        None => "awaits",
        Some(me) if !me.live => "ended",
        Some(_) if fold.left().iter().any(|member| *member != space.row.member) => THEY_LEFT,
        Some(_) if others => TOGETHER,
        Some(_) => ALONE,
    }
}

/// Which device a redemption lets in, and as what.
fn who_came(space: &Space, redemption: &EntryId) -> Vec<(String, Value)> {
    let Some((key, Control { record: Record::Redeem(it), .. })) = space.log.dag().record(redemption) else {
        return Vec::new();
    };
    let fold = space.log.fold();
    let invitations = fold.invitations();
    let purpose = invitations.iter().find(|it| it.invite.key.device == key).map(|it| purpose(it.invite.purpose));
    vec![("device".to_owned(), json!(it.device.device.to_string())), ("for".to_owned(), json!(purpose))]
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Member => "member",
        Purpose::OwnDevice => "device",
    }
}

fn describe(record: &Record) -> Option<(&'static str, Value)> {
    Some(match record {
        Record::Genesis(it) => ("space-made", json!({ "device": it.founder.device.to_string() })),
        Record::AddDevice(it) if it.role == AddedRole::Recovery => {
            ("words-added", json!({ "key": it.device.device.to_string() }))
        }
        Record::AddDevice(it) => ("device-added", json!({ "device": it.device.device.to_string() })),
        Record::Invite(it) => {
            ("invitation-made", json!({ "for": purpose(it.purpose), "key": it.key.device.to_string() }))
        }
        Record::Redeem(it) => ("invitation-used", json!({ "device": it.device.device.to_string() })),
        Record::Confirm(it) => ("invitation-confirmed", json!({ "redemption": it.redeem.to_string() })),
        Record::Cut(it) => {
            let reason = match it.reason {
                Reason::Unsaid => "unsaid",
                Reason::Lost => "lost",
                Reason::Renewed => "renewed",
                Reason::Expired => "expired",
                Reason::Withdrawn => "withdrawn",
            };
            ("device-cut", json!({ "device": it.device.to_string(), "reason": reason }))
        }
        Record::Leave(_) => ("member-left", json!({})),
        Record::Epoch(it) => ("key-rotated", json!({ "devices": it.wraps.len() })),
        Record::Grant(it) => ("key-granted", json!({ "devices": it.wraps.len() })),
        Record::Forget(it) => ("forget-asked", json!({ "item": it.item.to_string() })),
        Record::AckCheckpoint(_) | Record::Unknown { .. } => return None,
    })
}

//! Entries and control records, as they come and as somebody would write them who has Ben's keys.

use alliance_replica::{
    exchange::frame::HeldHead,
    id::{DeviceId, EntryId},
    limits,
    log::{
        Log, Received,
        control::{Control, Record},
        entry::{Entry, Header, Place, Verified},
        heads::Chain,
    },
    wire,
};

use super::{
    encodes, is_one_encoding,
    stage::{self, Stage},
};

/// An entry: header, signature, body.
pub(super) fn entry(bytes: &[u8]) {
    let Ok(entry) = wire::decode::<Entry>("entry", bytes, limits::FRAME) else { return };
    encodes("entry", bytes, &entry);
    stage::with(|stage| {
        let forger = stage.ben();
        judged_alike(stage, &[(forger.device(), entry.clone())]);
        let Ok(header) = Header::decode(&entry.header) else { return };
        encodes("header", &entry.header, &header);
        let right = forger.sign(&header.place(), entry.body.clone());
        let limit = if header.chain == Chain::Control { limits::CONTROL_BODY } else { limits::CONTENT_BODY };
        let named = right.entry.clone().verify(&stage.space, &forger.device());
        if header.version == 1 && entry.body.len() <= limit {
            assert_eq!(named.expect("it was signed").id, right.id);
        } else {
            assert!(named.is_err(), "a signature makes up for a version or a size");
        }
        judged_alike(stage, &[(forger.device(), right.entry)]);
    });
}

/// The body of a control entry, by a device that may write one, by an invitation's key that was used, by a stranger.
pub(super) fn control(bytes: &[u8]) {
    if let Ok(control) = Control::decode(bytes) {
        let again = control.encode();
        is_one_encoding("a control body", bytes, &again);
        if !matches!(control.record, Record::Unknown { .. }) {
            let [was, is] = [bytes, &again].map(|body| record(body).expect("a body has a record"));
            is_one_encoding("a control record", was, is);
        }
        assert_eq!(Control::decode(&again).expect("what was encoded"), control);
    }
    stage::with(|stage| {
        let [ben, anna] = [stage.ben(), stage.anna()];
        let next = |forger: &crate::forge::Forger| {
            let tip = forger.tip(Chain::Control);
            let (seq, prev) = (tip.map_or(1, |tip| tip.seq + 1), tip.map(|tip| tip.id));
            forger.sign(&Place { version: 1, chain: Chain::Control, seq, prev, epoch: None }, bytes.to_vec())
        };
        let (bens, annas) = (next(&ben), next(&anna));
        let (_, tablet) = stage.anna().add_device(99);
        let strangers = tablet.sign(&Place { seq: 1, prev: None, ..annas.header.place() }, bytes.to_vec());
        judged_alike(stage, &[bens, annas, strangers].map(|it: Verified| (it.device, it.entry)));
    });
}

/// The record in a control body.
fn record(body: &[u8]) -> Option<&[u8]> {
    let mut reader = minicbor::Decoder::new(body);
    for _ in 0..reader.map().ok()?? {
        if reader.u32().ok()? == 2 {
            return reader.bytes().ok();
        }
        reader.skip().ok()?;
    }
    None
}

/// Hands entries to a log in this order and in the other one: both come to the same membership, and hold the same. What
/// is refused leaves the log as it was; what is held is known the second time.
fn judged_alike(stage: &Stage, entries: &[(DeviceId, Entry)]) {
    let mut one = stage.log();
    for (device, entry) in entries {
        let before = state(&one);
        let received = receive(&mut one, device, entry);
        if received.new.is_empty() {
            assert_eq!(state(&one), before, "what was not taken changed the log");
        }
        let id = EntryId::of(&stage.space, device, &entry.header);
        let again = receive(&mut one, device, entry);
        assert!(again.new.is_empty(), "an entry is new twice");
        if received.new.iter().any(|new| new.id == id) {
            assert!(again.known.iter().any(|head| head.id == id), "what was taken is not known");
        }
        assert_eq!(format!("{:?}", received.refused), format!("{:?}", again.refused), "judged otherwise again");
    }
    let mut other = stage.log();
    entries.iter().rev().for_each(|(device, entry)| drop(receive(&mut other, device, entry)));
    // A stranger's entry may have come before who introduces them, and it may wait or not: send it again.
    entries.iter().for_each(|(device, entry)| drop(receive(&mut other, device, entry)));
    entries.iter().rev().for_each(|(device, entry)| drop(receive(&mut one, device, entry)));
    assert_eq!(state(&other), state(&one), "the order of arrival shows");
}

fn receive(log: &mut Log, device: &DeviceId, entry: &Entry) -> Received {
    let chain = Header::decode(&entry.header).map_or(Chain::Control, |header| header.chain);
    log.receive(device, chain, vec![entry.clone()])
}

/// All that can be asked about a log's membership, and what it holds.
fn state(log: &Log) -> (String, Vec<HeldHead>) {
    let fold = log.fold();
    let ids = log.dag().entries().map(|(id, ..)| (id, fold.valid(&id), fold.stands(&id)));
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    let mut heads = log.chains().held_heads();
    heads.sort_by_key(|held| held.head);
    // Some are told in order of arrival.
    let sorted = |mut ids: Vec<EntryId>| {
        ids.sort();
        ids
    };
    let mut invitations = fold.invitations();
    invitations.sort_by_key(|it| it.entry);
    for it in &mut invitations {
        it.redemptions.sort();
        it.confirmations.sort();
    }
    let said = format!(
        "{ids:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        fold.devices().collect::<Vec<_>>(),
        fold.members().collect::<Vec<_>>(),
        fold.left(),
        invitations,
        fold.forks(),
        sorted(fold.rivals()),
        fold.confirmation(),
        fold.devices().map(|(device, _)| sorted(fold.usable_epochs(device))).collect::<Vec<_>>(),
    );
    (said, heads)
}

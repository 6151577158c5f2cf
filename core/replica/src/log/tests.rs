//! What a log takes and what it refuses.

use super::{
    control::{AddDevice, AddedRole, Genesis, Keys, Leave, SpaceKind},
    *,
};
use crate::id::MemberId;

fn secret(seed: u8) -> Secret {
    Secret::from_seed(&[seed; 32])
}

fn device(seed: u8) -> DeviceId {
    secret(seed).public()
}

fn keys(seed: u8) -> Keys {
    Keys { device: device(seed), seal: [seed; 32] }
}

/// A space with its founder's first device, 1.
fn founded() -> Log {
    let genesis = Genesis { kind: SpaceKind::Alliance, founder: keys(1), recovery: None };
    let control = Control { after: After::default(), record: Record::Genesis(genesis) };
    let mut log = Log::new(SpaceId::of(&control.encode()));
    let place = Place { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None };
    let genesis = Entry::sign(&log.space(), &secret(1), &place, control.encode());
    assert_eq!(log.receive(&device(1), Chain::Control, vec![genesis.entry]).new.len(), 1);
    log
}

/// The record that adds a device of the founder.
fn adds(log: &Log, seed: u8) -> Record {
    let (device, member) = (keys(seed), MemberId::of(&device(1)));
    let consent = device.consent(&secret(seed), &log.space(), &member);
    Record::AddDevice(AddDevice { device, role: AddedRole::Ordinary, renews: None, consent })
}

/// An entry at any place.
fn entry(log: &Log, author: u8, chain: Chain, seq: u64, prev: Option<EntryId>) -> Verified {
    let epoch = (chain == Chain::Content).then_some([5; 8]);
    let place = Place { version: 1, chain, seq, prev, epoch };
    let body = match chain {
        Chain::Control => Control { after: After::default(), record: Record::Leave(Leave {}) }.encode(),
        Chain::Content => vec![0; 96],
    };
    Entry::sign(&log.space(), &secret(author), &place, body)
}

fn offer(log: &mut Log, entry: &Verified) -> Received {
    log.receive(&entry.device, entry.header.chain, vec![entry.entry.clone()])
}

#[test]
fn a_predecessor_that_is_held_and_wrong_is_refused_by_id_and_an_unknown_one_is_asked_for() {
    let mut log = founded();
    let genesis = log.chains().at(0).head.id;
    log.append(&secret(1), None, adds(&log, 2));
    let content = entry(&log, 1, Chain::Content, 1, None);
    assert_eq!(offer(&mut log, &content).new.len(), 1);
    let wrong = [
        ("device", entry(&log, 2, Chain::Control, 2, Some(genesis))),
        ("device of a stranger", entry(&log, 9, Chain::Control, 2, Some(genesis))),
        ("chain", entry(&log, 1, Chain::Control, 2, Some(content.id))),
        ("other chain", entry(&log, 1, Chain::Content, 2, Some(genesis))),
        ("seq too high", entry(&log, 1, Chain::Control, 3, Some(genesis))),
        ("last seq", entry(&log, 1, Chain::Content, u64::MAX, Some(content.id))),
    ];
    for (what, entry) in wrong {
        let received = offer(&mut log, &entry);
        assert!(!received.unlinked, "{what}: to ask for more would bring it again");
        assert!(
            matches!(received.refused, Some((id, Refusal::Predecessor)) if id == entry.id),
            "{what}: {:?}",
            received.refused
        );
    }
    for author in [1, 2, 9] {
        let lost = entry(&log, author, Chain::Content, 2, Some(EntryId::new([222; 32])));
        let received = offer(&mut log, &lost);
        assert!(received.unlinked && received.refused.is_none(), "by {author}: {:?}", received.refused);
    }
    assert_eq!(log.chains().len(), 3);
}

#[test]
fn who_waits_for_its_author_is_held_to_its_chain_as_well() {
    let mut log = founded();
    let first = entry(&log, 2, Chain::Content, 1, None);
    let (second, gap) =
        (entry(&log, 2, Chain::Content, 2, Some(first.id)), entry(&log, 2, Chain::Content, 3, Some(first.id)));
    assert!(offer(&mut log, &first).refused.is_none());
    assert!(matches!(offer(&mut log, &gap).refused, Some((_, Refusal::Predecessor))));
    assert!(offer(&mut log, &second).refused.is_none());
    let mut other = founded();
    let add = other.append(&secret(1), None, adds(&log, 2));
    let new: Vec<_> = offer(&mut log, &add).new.iter().map(|entry| entry.id).collect();
    assert_eq!(new, [add.id, first.id, second.id]);
}

#[test]
fn what_waits_behind_a_refused_entry_does_not_wait_for_ever() {
    let mut log = founded();
    let place = |seq, prev| Place { version: 1, chain: Chain::Control, seq, prev, epoch: None };
    let bad = Entry::sign(&log.space(), &secret(2), &place(1, None), b"no record".to_vec());
    let behind = entry(&log, 2, Chain::Control, 2, Some(bad.id));
    for entry in [&bad, &behind] {
        assert!(offer(&mut log, entry).refused.is_none(), "waits for its author");
    }
    assert_eq!((log.strangers.len(), log.strangers_bytes), (2, bad.entry.size() + behind.entry.size()));
    let mut other = founded();
    let add = other.append(&secret(1), None, adds(&log, 2));
    assert_eq!(offer(&mut log, &add).new.len(), 1);
    assert_eq!((log.strangers.len(), log.strangers_bytes), (0, 0));
}

//! What a log takes and what it refuses.

use super::{
    control::{
        AddDevice, AddedRole, Confirm, Cut, Forget, Genesis, Invite, Keys, Leave, Purpose, Reason, Redeem, SpaceKind,
    },
    *,
};
use crate::id::{ItemId, MemberId};

fn secret(seed: u8) -> Secret {
    Secret::from_seed(&[seed; 32])
}

fn device(seed: u8) -> DeviceId {
    secret(seed).public()
}

fn keys(seed: u8) -> Keys {
    Keys { device: device(seed), seal: [seed; 32] }
}

/// A space with its founder's first device, 1, and recovery key, 101.
fn founded() -> Log {
    founded_with(Quota::default())
}

fn founded_with(quota: Quota) -> Log {
    founded_by(Genesis::agreed(SpaceKind::Alliance, keys(1), keys(101), &secret(101)), quota)
}

fn founded_by(genesis: Genesis, quota: Quota) -> Log {
    founded_with_body(Control { after: After::default(), record: Record::Genesis(genesis) }.encode(), quota)
}

fn founded_with_body(body: Vec<u8>, quota: Quota) -> Log {
    let mut log = Log::with_quota(SpaceId::of(&body), quota);
    let place = Place { version: 1, chain: Chain::Control, seq: 1, prev: None, epoch: None };
    let genesis = Entry::sign(&log.space(), &secret(1), &place, body);
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

const FEW: usize = 8;
const RESERVE: usize = 3;

fn forget() -> Record {
    Record::Forget(Forget { item: ItemId::new([1; 16]) })
}

fn cut(seed: u8) -> Record {
    Record::Cut(Cut { device: device(seed), reason: Reason::Lost })
}

fn invite(seed: u8, purpose: Purpose) -> Record {
    Record::Invite(Invite { key: keys(seed), purpose, expires: 0 })
}

fn redeem(log: &Log, seed: u8) -> Record {
    let member = MemberId::of(&device(seed));
    let consent = |seed| keys(seed).consent(&secret(seed), &log.space(), &member);
    let (recovery, recovery_consent) = (Some(keys(seed + 100)), Some(consent(seed + 100)));
    Record::Redeem(Redeem { device: keys(seed), recovery, consent: consent(seed), recovery_consent })
}

/// Signs a control entry at the end of its author's chain.
fn sign(log: &Log, author: u8, record: Record) -> Verified {
    let place = log.next_place(&device(author), Chain::Control, None, None);
    let control = Control { after: log.after(place.prev.as_ref()), record };
    Entry::sign(&log.space(), &secret(author), &place, control.encode())
}

/// Offers a control entry; true if it is taken.
fn takes(log: &mut Log, author: u8, record: Record) -> bool {
    let entry = sign(log, author, record);
    let received = offer(log, &entry);
    match received.refused {
        None => !received.new.is_empty(),
        Some((id, Refusal::TooMany)) if id == entry.id => false,
        refused => panic!("{refused:?}"),
    }
}

/// An alliance of 1 and 2, who joined by the invitation 50. Four entries are on the founder's account.
fn pair() -> Log {
    let mut log = founded_with(Quota::new(FEW, RESERVE));
    assert!(takes(&mut log, 1, invite(50, Purpose::Member)));
    let redeem = sign(&log, 50, redeem(&log, 2));
    assert_eq!(offer(&mut log, &redeem).new.len(), 1);
    assert!(takes(&mut log, 1, Record::Confirm(Confirm { redeem: redeem.id })));
    assert!(log.fold().other_member().is_some());
    log
}

#[test]
fn who_fills_a_space_fills_it_for_nobody_else_and_can_still_cut() {
    let mut log = pair();
    assert!(takes(&mut log, 1, invite(51, Purpose::OwnDevice)));
    let record = adds(&log, 3);
    assert!(takes(&mut log, 1, record));
    while takes(&mut log, 3, forget()) {}
    assert_eq!(log.chains().arrivals(Chain::Control).len(), FEW + 1, "the redemption is on nobody's account");
    for (author, record) in [(1, forget()), (1, invite(52, Purpose::OwnDevice))] {
        assert!(!takes(&mut log, author, record), "{author} is on the founder's account");
    }
    assert!((0..FEW).all(|_| takes(&mut log, 2, forget())), "the other has room of its own");
    assert!(!takes(&mut log, 2, forget()));
    assert!(takes(&mut log, 1, cut(3)) && takes(&mut log, 1, cut(51)));
    assert!(!takes(&mut log, 1, forget()), "the reserve is for nothing else");
    assert!(log.fold().device(&device(3)).is_some_and(|it| it.cut));
    assert!(takes(&mut log, 1, Record::Leave(Leave {})));
    assert!(!takes(&mut log, 1, cut(1)) && !takes(&mut log, 3, cut(1)), "the reserve, too, has an end");
    assert!(takes(&mut log, 2, Record::Leave(Leave {})));
    for words in [101, 102] {
        assert!((0..RESERVE).all(|_| takes(&mut log, words, forget())), "recovery keys have room of their own");
        assert!(!takes(&mut log, words, cut(1)));
    }
}

#[test]
fn what_was_taken_counts_after_a_start_as_well() {
    let (mut log, mut disk) = (founded_with(Quota::new(FEW, RESERVE)), Vec::new());
    for _ in 1..FEW {
        let entry = sign(&log, 1, forget());
        disk.extend(offer(&mut log, &entry).new);
    }
    let mut started = founded_with(Quota::new(FEW, RESERVE));
    for entry in disk {
        started.restore(&entry.device, entry.entry, State::Applied).expect("is on disk");
    }
    assert_eq!(started.chains().len(), FEW);
    assert!(!takes(&mut started, 1, forget()) && takes(&mut started, 1, cut(101)));
}

#[test]
fn an_invitation_of_the_others_key_does_not_make_its_entries_count_for_the_inviter() {
    let mut log = founded_with(Quota::new(FEW, RESERVE));
    assert!(takes(&mut log, 1, invite(50, Purpose::Member)));
    let redeem = sign(&log, 50, redeem(&log, 2));
    assert_eq!(offer(&mut log, &redeem).new.len(), 1);
    assert!(takes(&mut log, 1, invite(2, Purpose::OwnDevice)));
    assert!(takes(&mut log, 1, Record::Confirm(Confirm { redeem: redeem.id })));
    assert!(takes(&mut log, 1, invite(102, Purpose::OwnDevice)));
    while takes(&mut log, 1, forget()) {}
    assert!((0..FEW).all(|_| takes(&mut log, 2, forget())));
    assert!((0..RESERVE).all(|_| takes(&mut log, 102, forget())));
}

#[test]
fn members_made_by_a_fork_count_for_the_founder() {
    let mut log = founded_with(Quota::new(FEW, RESERVE));
    assert!(takes(&mut log, 1, invite(50, Purpose::Member)));
    let redeems = [2, 3].map(|seed| sign(&log, 50, redeem(&log, seed)));
    redeems.iter().for_each(|redeem| assert_eq!(offer(&mut log, redeem).new.len(), 1));
    let confirms = redeems.map(|redeem| sign(&log, 1, Record::Confirm(Confirm { redeem: redeem.id })));
    confirms.iter().for_each(|confirm| assert_eq!(offer(&mut log, confirm).new.len(), 1));
    assert!([2, 3].iter().all(|seed| log.dag().introduces(&device(*seed))));
    while takes(&mut log, 3, forget()) {}
    assert_eq!(log.chains().len(), FEW + 2, "redemptions are on nobody's account");
    assert!(takes(&mut log, 103, forget()), "as the founder's words");
    assert!((0..FEW).all(|_| takes(&mut log, 2, forget())), "who came first is not shut out");
    assert!((0..RESERVE).all(|_| takes(&mut log, 102, forget())));
}

#[test]
fn the_quotas_are_those_of_the_protocol() {
    let (mut quota, member) = (Quota::default(), MemberId::new([1; 16]));
    let (devices, words) = (membership::Account::Devices(member), membership::Account::Recovery(member));
    let mut fill = |account, record: &Record| {
        let mut taken = 0;
        while quota.allows(&account, record) {
            quota.count(account, quota::introduces(record));
            taken += 1;
        }
        taken
    };
    assert_eq!(fill(devices, &forget()), limits::CONTROL_ENTRIES);
    assert_eq!(fill(devices, &cut(1)), limits::CONTROL_RESERVE);
    assert_eq!(fill(words, &forget()), limits::CONTROL_RESERVE);
    let key = membership::Account::Invited(device(9));
    assert_eq!(fill(key, &forget()), 0);
    let mut quota = Quota::default();
    let mut fill = |account, record: &Record| {
        let mut taken = 0;
        while quota.allows(&account, record) {
            quota.count(account, quota::introduces(record));
            taken += 1;
        }
        taken
    };
    assert_eq!(fill(devices, &invite(50, Purpose::OwnDevice)), limits::INTRODUCTIONS);
    assert_eq!(fill(devices, &forget()), limits::CONTROL_ENTRIES - limits::INTRODUCTIONS);
}

#[test]
fn who_holds_an_invitation_does_not_fill_the_inviters_account() {
    let mut log = pair();
    while takes(&mut log, 50, forget()) {}
    while takes(&mut log, 50, cut(77)) {}
    assert!(takes(&mut log, 2, forget()), "the other has all of theirs");
    assert!(takes(&mut log, 1, cut(50)), "the founder can still cut");
    assert!(takes(&mut log, 1, forget()), "the founder can still write");
}

#[test]
fn control_entries_that_wait_are_looked_at_when_what_they_lack_comes_and_not_before() {
    let mut log = founded();
    let genesis = log.dag().heads()[&device(1)][0];
    let (first, second) = (sign(&log, 1, forget()), sign(&log, 1, cut(1)));
    let lacks = |id| Head { device: device(1), chain: Chain::Control, seq: 2, id };
    let mut prev = None;
    for n in 0..20 {
        let heads = vec![genesis, lacks(first.id), lacks(second.id), genesis];
        let control = Control { after: crate::log::heads::After(heads), record: forget() };
        let place = Place { version: 1, chain: Chain::Control, seq: n + 3, prev, epoch: None };
        let place =
            if n == 0 { Place { seq: 2, prev: Some(genesis.id), ..place } } else { Place { seq: n + 2, ..place } };
        let entry = Entry::sign(&log.space(), &secret(1), &place, control.encode());
        prev = Some(entry.id);
        log.restore(&entry.device, entry.entry, State::Stored).expect("links");
    }
    let waiting = |log: &Log| (log.pending.len(), log.awaited.values().map(Vec::len).sum::<usize>());
    assert_eq!(waiting(&log), (20, 20 * 2 + 19), "each notes once what it lacks: two heads, and its predecessor");
    log.restore(&first.device, first.entry, State::Stored).expect("links");
    assert_eq!(log.pending.len(), 20);
    log.restore(&second.device, second.entry, State::Stored).expect("links");
    assert_eq!(waiting(&log), (0, 0));
    assert!(log.dag().contains(&prev.expect("signed")));
}

#[test]
fn nobody_can_say_of_a_recovery_key_that_it_agreed_to_a_space() {
    let agreed = Genesis::agreed(SpaceKind::Alliance, keys(1), keys(101), &secret(101));
    let words = |genesis| founded_by(genesis, Quota::default()).fold().device(&device(101)).map(|it| it.agreed);
    assert_eq!(words(agreed.clone()), Some(true));
    assert_eq!(words(Genesis { consent: None, ..agreed.clone() }), Some(false), "an earlier version's");
    let other = |founder, seal, kind| {
        let recovery = Keys { device: device(101), seal: [seal; 32] };
        Genesis::agreed(kind, keys(founder), recovery, &secret(101)).consent
    };
    assert_eq!(other(1, 101, SpaceKind::Alliance), agreed.consent);
    let taken =
        [other(2, 101, SpaceKind::Alliance), other(1, 102, SpaceKind::Alliance), other(1, 101, SpaceKind::Personal)];
    for consent in taken {
        assert_eq!(words(Genesis { consent, ..agreed.clone() }), None, "the genesis counts for nobody");
    }
    assert_eq!(words(Genesis { recovery: None, ..agreed.clone() }), None);
    // The founder's key alone makes no second space of it.
    let head = Head { device: device(1), chain: Chain::Content, seq: 1, id: EntryId::new([7; 32]) };
    let named = Control { after: After::new([head]), record: Record::Genesis(agreed.clone()) }.encode();
    let plain = Control { after: After::default(), record: Record::Genesis(agreed) }.encode();
    let (first, rest) = plain.split_first().expect("a map");
    assert_eq!(*first, 0xa3, "a map of three");
    let more = [&[0xa4], rest, &[0x09, 0x07]].concat();
    for body in [named, more] {
        let log = founded_with_body(body, Quota::default());
        assert_eq!(log.fold().device(&device(101)).map(|it| it.agreed), None);
    }
}

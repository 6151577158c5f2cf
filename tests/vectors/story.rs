//! A small alliance from its genesis to a leave: one entry of every kind of control record, on both chains, in an order
//! in which they could have been written; and records that differ from those in what is there and what is not.

use alliance_core::document::{DocId, Edit, Writer};
use alliance_replica::{
    id::EntryId,
    log::{
        control::{
            AckCheckpoint, AddedRole, Confirm, Control, Cut, Forget, Genesis, Invite, Leave, Purpose, Reason, Record,
            Redeem, SpaceKind,
        },
        heads::{After, Chain, Head},
    },
};

use crate::world::{
    ANNA, ANNA_RENEWED, ANNA_SECOND, ANNA_WORDS, BEN, BEN_WORDS, History, LINK, edit, facet, filler, note, part, put,
};

/// The history that the vectors tell.
pub(crate) fn history() -> History {
    let genesis =
        Genesis { recovery: Some(ANNA_WORDS.keys()), ..Genesis::without_recovery(SpaceKind::Alliance, ANNA.keys()) };
    let genesis = Control { after: After::default(), record: Record::Genesis(genesis) };
    let mut told = History::new(&genesis);
    let item = note();
    let mut shared = facet(&item, Writer::Everyone);

    told.control("genesis", &ANNA, &[], genesis.record);
    let second = told.add(&ANNA_SECOND, &ANNA.member(), AddedRole::Ordinary, None);
    told.control("second device", &ANNA, &[], Record::AddDevice(second));
    let (first, epoch) = told.mint(&ANNA, &[], &[&ANNA, &ANNA_SECOND, &ANNA_WORDS]);
    let minted = told.control("first epoch", &ANNA, &[], epoch);
    let changes =
        edit(&mut shared, ANNA.device(), 1, &[put("title", "First"), Edit::Text("body".into(), "Hello".into())]);
    let parts = vec![part(&shared, Some(item.encode()), &changes)];
    told.content("first words", &ANNA, first, &["first epoch"], parts);
    let invite = Invite { key: LINK.keys(), purpose: Purpose::Member, expires: 1_800_000_000 };
    told.control("invitation", &ANNA, &["first words"], Record::Invite(invite));
    let grant = told.grant(&ANNA, minted, &first, &[&LINK]);
    told.control("grant", &ANNA, &[], grant);
    let (keys, words) = (BEN.keys(), BEN_WORDS.keys());
    let redeem = Redeem {
        device: keys,
        recovery: Some(words),
        consent: keys.consent(&BEN.secret(), &told.space, &BEN.member()),
        recovery_consent: Some(words.consent(&BEN_WORDS.secret(), &told.space, &BEN.member())),
    };
    let redeem = told.control("redemption", &LINK, &["grant"], Record::Redeem(redeem));
    told.control("confirmation", &ANNA, &["redemption"], Record::Confirm(Confirm { redeem }));
    let (second, epoch) = told.mint(&ANNA, &[first], &[&ANNA, &ANNA_SECOND, &ANNA_WORDS, &BEN, &BEN_WORDS]);
    told.control("second epoch", &ANNA, &[], epoch);

    let mut copy = shared.clone();
    let changes = edit(&mut copy, BEN.device(), 2, &[put("title", "First, renamed")]);
    let mut own = facet(&item, Writer::Only(BEN.member()));
    let mine = edit(&mut own, BEN.device(), 3, &[put("status", "read")]);
    let parts = vec![part(&copy, None, &changes), part(&own, None, &mine)];
    told.content("ben's words", &BEN, second, &["second epoch", "first words"], parts);
    let renewed = told.add(&ANNA_RENEWED, &ANNA.member(), AddedRole::Ordinary, Some(ANNA.device()));
    told.control("renewal", &ANNA_SECOND, &["second epoch", "ben's words"], Record::AddDevice(renewed));
    let cut = Cut { device: ANNA.device(), reason: Reason::Renewed };
    told.control("cut", &ANNA_SECOND, &[], Record::Cut(cut));
    let everybody = [&ANNA_RENEWED, &ANNA_SECOND, &ANNA_WORDS, &BEN, &BEN_WORDS];
    let (third, epoch) = told.mint(&ANNA_SECOND, &[second], &everybody);
    told.control("third epoch", &ANNA_SECOND, &[], epoch);
    told.content("a receipt", &BEN, third, &["third epoch"], Vec::new());
    let covered = told.heads(&["first words", "ben's words"]).0;
    let ack = AckCheckpoint { checkpoint: filler("checkpoint", 1), covered };
    told.control("acknowledgement", &BEN, &["a receipt", "third epoch"], Record::AckCheckpoint(ack));
    told.control("forgetting", &BEN, &[], Record::Forget(Forget { item: item.id() }));
    told.control("of a later version", &BEN, &[], Record::Unknown { kind: 99, body: b"whatever".to_vec() });
    told.control("leave", &BEN, &[], Record::Leave(Leave {}));
    told
}

/// Records that differ from those of the history in what is there and what is not.
pub(crate) fn variants() -> Vec<(&'static str, Control)> {
    let told = history();
    let keys = BEN.keys();
    let record = |record| Control { after: After::default(), record };
    let cut = |device, reason| record(Record::Cut(Cut { device, reason }));
    let several = [Chain::Content, Chain::Control].map(|chain| Head {
        device: BEN.device(),
        chain,
        seq: u64::MAX,
        id: EntryId::new(filler("entry", 1)),
    });
    let personal = Genesis::without_recovery(SpaceKind::Personal, keys);
    let agreed = Genesis::agreed(SpaceKind::Personal, keys, BEN_WORDS.keys(), &BEN_WORDS.secret());
    let added = told.add(&BEN_WORDS, &BEN.member(), AddedRole::Recovery, None);
    let invite = Invite { key: LINK.keys(), purpose: Purpose::OwnDevice, expires: u64::MAX };
    let consent = keys.consent(&BEN.secret(), &told.space, &BEN.member());
    let redeem = Redeem { device: keys, recovery: None, consent, recovery_consent: None };
    let sorted = Control { after: After::new(several), record: Record::Leave(Leave {}) };
    vec![
        ("a personal space without words", record(Record::Genesis(personal))),
        ("a personal space to which its words agree", record(Record::Genesis(agreed))),
        ("a recovery key that a recovery key adds", record(Record::AddDevice(added))),
        ("an invitation for an own device", record(Record::Invite(invite))),
        ("a redemption by an own device", record(Record::Redeem(redeem))),
        ("a cut without a reason", cut(BEN.device(), Reason::Unsaid)),
        ("a cut of a lost device", cut(BEN.device(), Reason::Lost)),
        ("a cut of an invitation that ran out", cut(LINK.device(), Reason::Expired)),
        ("a cut of an invitation taken back", cut(LINK.device(), Reason::Withdrawn)),
        ("an after of both chains, sorted", sorted),
    ]
}

/// Documents whose actors the vectors name.
pub(crate) fn facets() -> [(&'static str, DocId); 2] {
    let item = note().id();
    [
        ("everyone's", DocId { item, writer: Writer::Everyone }),
        ("ben's", DocId { item, writer: Writer::Only(BEN.member()) }),
    ]
}

//! Entries that are right on their own and wrong where they stand.

use alliance_replica::{
    id::{EntryId, SpaceId},
    log::{
        Log, Refusal,
        control::{Control, Genesis, Leave, Record, SpaceKind},
        entry::{Entry, Place},
        heads::{After, Chain},
    },
};
use serde_json::{Value, json};

use super::malformed;
use crate::{
    json,
    story::history,
    world::{ANNA, ANNA_SECOND, BEN, Holder, filler},
};

/// Name, what is held, who writes, the chain that the frame names, where the entry says it stands, its body.
type Case<'a> = (&'a str, &'a [&'a str], &'a Holder, Chain, Place, Vec<u8>);

pub(super) fn paths() -> Vec<Value> {
    let told = history();
    let leave = Control { after: After::default(), record: Record::Leave(Leave {}) }.encode();
    let genesis = |founder: &Holder| {
        let genesis = Genesis::without_recovery(SpaceKind::Alliance, founder.keys());
        Control { after: After::default(), record: Record::Genesis(genesis) }.encode()
    };
    let at = |chain, seq, prev, epoch| Place { version: 1, chain, seq, prev, epoch };
    let follows = |seq, prev: &str| at(Chain::Control, seq, Some(told.entry(prev).id), None);
    let unknown = Some(EntryId::new(filler("entry", 1)));
    let (first, second) = (["genesis"].as_slice(), ["genesis", "second device"].as_slice());
    let content = ["genesis", "second device", "first epoch", "first words"].as_slice();
    let epoch = told.entry("first words").header.epoch;

    let paths: Vec<Case<'_>> = vec![
        ("a path that is right", first, &ANNA, Chain::Control, follows(2, "genesis"), leave.clone()),
        (
            "the first entry of a known author",
            second,
            &ANNA_SECOND,
            Chain::Control,
            at(Chain::Control, 1, None, None),
            leave.clone(),
        ),
        ("a branch", second, &ANNA, Chain::Control, follows(2, "genesis"), leave.clone()),
        ("wrong-seq", first, &ANNA, Chain::Control, follows(3, "genesis"), leave.clone()),
        ("same-seq", second, &ANNA, Chain::Control, follows(2, "second device"), leave.clone()),
        ("prev-of-another-device-by-a-stranger", first, &BEN, Chain::Control, follows(2, "genesis"), leave.clone()),
        ("prev-unknown", first, &ANNA, Chain::Control, at(Chain::Control, 2, unknown, None), leave.clone()),
        ("prev-of-another-device", second, &ANNA_SECOND, Chain::Control, follows(2, "genesis"), leave.clone()),
        (
            "prev-of-the-other-chain",
            second,
            &ANNA,
            Chain::Content,
            at(Chain::Content, 3, Some(told.entry("second device").id), epoch),
            vec![0; 96],
        ),
        (
            "prev-of-another-space",
            second,
            &ANNA,
            Chain::Control,
            at(
                Chain::Control,
                2,
                Some(EntryId::of(
                    &SpaceId::new(filler("space", 1)),
                    &ANNA.device(),
                    &told.entry("genesis").entry.header,
                )),
                None,
            ),
            leave.clone(),
        ),
        (
            "content that follows content",
            content,
            &ANNA,
            Chain::Content,
            at(Chain::Content, 2, Some(told.entry("first words").id), epoch),
            vec![0; 96],
        ),
        ("frame-names-the-other-chain", first, &ANNA, Chain::Content, follows(2, "genesis"), leave.clone()),
        ("not-a-genesis-first", &[], &ANNA, Chain::Control, at(Chain::Control, 1, None, None), leave.clone()),
        ("genesis-of-another-space", &[], &BEN, Chain::Control, at(Chain::Control, 1, None, None), genesis(&BEN)),
        ("second-genesis", first, &ANNA, Chain::Control, follows(2, "genesis"), genesis(&ANNA)),
        ("control-record-not-well-formed", first, &ANNA, Chain::Control, follows(2, "genesis"), vec![0xa0]),
    ];
    let vector = |(name, held, author, chain, place, body): Case<'_>| {
        let mut log = Log::new(told.space);
        for name in held {
            let entry = told.entry(name);
            let received = log.receive(&entry.device, entry.header.chain, vec![entry.entry.clone()]);
            assert_eq!(received.new.len(), 1, "{name}: {received:?}");
        }
        let entry = Entry::sign(&told.space, &author.secret(), &place, body).entry;
        let shown = json::entry(&entry);
        let received = log.receive(&author.device(), chain, vec![entry]);
        let refusal = match &received.refused {
            Some((_, refusal)) => refused(refusal),
            None if received.unlinked => "unlinked",
            None if received.new.len() == 1 => "none",
            None => "waits",
        };
        json!({
            "name": name,
            "space": told.space.to_string(),
            "held": held,
            "device": author.device().to_string(),
            "chain": json::chain(chain),
            "entry": shown,
            "refusal": refusal,
        })
    };
    paths.into_iter().map(vector).collect()
}

fn refused(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Invalid(_) => "invalid",
        Refusal::Control(refusal) => malformed(refusal),
        Refusal::Chain => "chain",
        Refusal::Genesis => "genesis",
        Refusal::Unlinked => "unlinked",
        Refusal::Predecessor => "predecessor",
        Refusal::Author => "author",
        Refusal::TooMany => "too many",
    }
}

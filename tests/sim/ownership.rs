//! What is one person's stays theirs, and nothing that somebody writes gets lost beside an archive: for every kind and
//! everything that people can do.

use std::collections::BTreeMap;

use alliance_core::{
    document::{DocId, Document, Editor, KindName, Preimage, Writer},
    domain::{At, Facets, Intent, Plan, archive, schema},
};
use alliance_replica::id::{DeviceId, ItemId, MemberId};
use alliance_tests::intents::{self, Luck};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

type Replica = BTreeMap<Writer, Document>;

struct Chance(ChaCha20Rng, u64);

impl Luck for Chance {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound as u64).unwrap()
    }

    fn word(&mut self) -> String {
        self.1 += 1;
        format!("word{}", self.1)
    }
}

fn member(n: u8) -> MemberId {
    MemberId::of(&DeviceId::new([n; 32]))
}

fn facets(replica: &Replica) -> Facets<'_> {
    replica.iter().map(|(writer, document)| (*writer, document)).collect()
}

fn write(item: &Preimage, replica: &mut Replica, by: u8, plan: &Plan, luck: &mut Chance) {
    for (writer, edits) in &plan.0 {
        let facet = || Document::new(DocId { item: item.id(), writer: *writer }, schema(item, *writer));
        let document = replica.entry(*writer).or_insert_with(facet);
        let mut editor = Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut luck.0 };
        document.edit(&mut editor, edits).expect("writes");
    }
}

fn merge(item: &Preimage, here: &mut Replica, there: &Replica) {
    for (writer, document) in there {
        let facet = || Document::new(DocId { item: item.id(), writer: *writer }, schema(item, *writer));
        here.entry(*writer).or_insert_with(facet).apply(document.changes(&[])).expect("applies");
    }
}

/// Anna makes something, Ben does whatever he likes with it, again and again.
fn made(kind: usize, luck: &mut Chance) -> (Preimage, Replica) {
    let intent = intents::new(kind, ItemId::new([9; 16]), luck);
    let owner = intent.owner(member(1), Some(member(2))).expect("somebody");
    let name = KindName::parse(intent.kind().name).unwrap();
    let item = Preimage::new(name, owner, DeviceId::new([1; 32]), &mut luck.0);
    let mut replica = Replica::new();
    let plan = intent.plan(&At { owner, me: member(1), facets: &Facets::new() }).expect("may");
    write(&item, &mut replica, 1, &plan, luck);
    (item, replica)
}

/// What one of the two may do next, if they may.
fn next(item: &Preimage, replica: &Replica, by: u8, luck: &mut Chance) -> Option<Plan> {
    let intent: Intent = intents::change(item.kind.as_str(), item.id(), luck)?;
    intent.plan(&At { owner: item.owner, me: member(by), facets: &facets(replica) }).ok()
}

#[test]
fn nothing_that_one_does_changes_what_is_the_others() {
    let mut done = BTreeMap::new();
    for seed in 0..400_u64 {
        let mut luck = Chance(ChaCha20Rng::seed_from_u64(seed), 0);
        let kind = luck.below(intents::KINDS.len());
        let (item, mut replica) = made(kind, &mut luck);
        for _ in 0..20 {
            let by = if luck.below(3) == 0 { 1 } else { 2 };
            let Some(plan) = next(&item, &replica, by, &mut luck) else { continue };
            let own = Writer::Only(member(by));
            assert!(plan.0.keys().all(|writer| [Writer::Everyone, own].contains(writer)), "seed {seed}: {plan:?}");
            let theirs = Writer::Only(member(3 - by));
            let before = replica.get(&theirs).map(Document::heads);
            write(&item, &mut replica, by, &plan, &mut luck);
            assert_eq!(replica.get(&theirs).map(Document::heads), before, "seed {seed}");
            *done.entry(item.kind.as_str().to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(done.len(), intents::KINDS.len(), "{done:?}");
    assert!(done.values().all(|times| *times > 20), "{done:?}");
}

#[test]
fn whatever_is_written_beside_an_archive_stays_in_sight() {
    let mut met = 0;
    for seed in 0..400_u64 {
        let mut luck = Chance(ChaCha20Rng::seed_from_u64(seed), 0);
        let kind = luck.below(intents::KINDS.len());
        let (item, mut anna) = made(kind, &mut luck);
        let mut ben = anna.clone();
        let plan = archive::archive(&facets(&anna));
        write(&item, &mut anna, 1, &plan, &mut luck);
        assert!(archive::archived(&facets(&anna)).is_some_and(|it| it.stands), "seed {seed}");
        // Who takes back what they wrote has written nothing that is to be seen.
        let says = |replica: &Replica| {
            let said = replica.iter().map(|(writer, document)| (*writer, document.fields_at(&document.heads())));
            said.filter(|(_, fields)| !fields.is_empty()).collect::<BTreeMap<_, _>>()
        };
        let before = says(&ben);
        for _ in 0..3 {
            if let Some(plan) = next(&item, &ben, 2, &mut luck) {
                write(&item, &mut ben, 2, &plan, &mut luck);
            }
        }
        let wrote = says(&ben) != before;
        merge(&item, &mut anna, &ben);
        let archived = archive::archived(&facets(&anna)).expect("it was archived");
        assert_eq!(archived.stands, !wrote, "seed {seed}");
        for (writer, document) in &ben {
            let mut merged = anna[writer].fields_at(&anna[writer].heads());
            merged.remove(archive::ARCHIVED);
            assert_eq!(merged, document.fields_at(&document.heads()), "seed {seed}");
        }
        met += usize::from(wrote);
    }
    assert!(met > 100, "{met}");
}

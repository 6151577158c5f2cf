//! Hostile bytes, one lie at a time: each is refused by name, or left out and harmless.

use std::num::NonZeroU64;

use alliance_core::document::{
    Believed, Change, DocId, Document, Edit, Editor, Form, Incoming, KindName, Preimage, Refusal, TextEdit, Writer,
};
use alliance_replica::{
    id::{ItemId, MemberId},
    limits,
};
use automerge::{
    ActorId, ExpandedChange, ObjType, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use super::bytes::*;

#[test]
fn what_honest_devices_write_is_taken_in_both_forms() {
    let facet = facet();
    let lineage = [device(1), device(2)];
    let snapshot = facet.snapshot(&lineage).unwrap();
    for (form, raw) in [(Form::Changes, chunks(&facet)), (Form::Snapshot, snapshot)] {
        let Believed { changes, before, .. } = incoming(form, &raw, &lineage).check().unwrap();
        assert_eq!(before, 0);
        let mut other = Document::new(doc(), schema());
        let applied = other.apply(changes).unwrap();
        assert!(applied.left_out.is_empty());
        assert_eq!(other.heads(), facet.heads());
        assert_eq!(other.text("body"), facet.text("body"));
        assert_eq!(incoming(form, &raw, &lineage[..1]).check().unwrap_err(), Refusal::ForeignActor);
    }
}

#[test]
fn a_snapshot_of_what_many_processes_wrote_at_once_is_taken() {
    for seed in 0..20 {
        let mut facet = Document::new(doc(), schema());
        let mut seen = vec![facet.heads()];
        for n in 0_u64..12 {
            // Each process begins with what it has seen, and is not the first to write.
            facet = Document::load(doc(), schema(), &facet.save(), []).unwrap();
            let text = TextEdit { from: Some(seen[(n / 3) as usize].clone()), text: format!("words {n}") };
            let mut rng = ChaCha20Rng::seed_from_u64(100 * seed + n);
            let mut editor = Editor { device: device(1), now: 1_700_000_000, rng: &mut rng };
            let title = Edit::Put("title".into(), Some("title".into()));
            facet.edit(&mut editor, &[Edit::Text("body".into(), text), title]).unwrap();
            seen.push(facet.heads());
        }
        let snapshot = facet.snapshot(&[device(1)]).unwrap();
        let lineage = [device(1)];
        let part = incoming(Form::Snapshot, &snapshot, &lineage);
        let Believed { changes, before, .. } = part.check().unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}"));
        assert_eq!(before, 0);
        let mut other = Document::new(doc(), schema());
        other.apply(changes).unwrap();
        assert_eq!(other.heads(), facet.heads());
    }
}

#[test]
fn a_facet_of_another_member_is_refused_whoever_sends_it() {
    let foreign = DocId { writer: Writer::Only(MemberId::of(&device(2))), ..doc() };
    let part = Incoming { doc: foreign, ..incoming(Form::Changes, &[], &[]) };
    assert_eq!(part.check().unwrap_err(), Refusal::ForeignFacet);
}

#[test]
fn a_preimage_has_to_be_that_of_the_item() {
    let preimage = Preimage::of_space(KindName::parse("note").unwrap(), device(1));
    let bytes = preimage.encode();
    let right = DocId { item: preimage.id(), ..doc() };
    let part = Incoming { preimage: Some(&bytes), ..incoming(Form::Changes, &[], &[]) };
    assert_eq!(part.check().unwrap_err(), Refusal::PreimageMismatch);
    assert_eq!(Incoming { doc: right, ..part }.check().unwrap().preimage, Some(preimage));
    let rubbish = b"rubbish";
    let item = ItemId::of(rubbish);
    let part = Incoming { doc: DocId { item, ..doc() }, preimage: Some(rubbish), ..part };
    assert_eq!(part.check().unwrap_err(), Refusal::Malformed);
}

#[test]
fn a_change_says_how_many_operations_come_before_it_and_not_more_than_a_document_may_have() {
    let at = |start: u64| ExpandedChange { start_op: NonZeroU64::new(start).unwrap(), ..change(vec![put("a", 1)]) };
    for start in [1, 2, 1_000_000] {
        let raw = Change::from(at(start));
        let believed = incoming(Form::Changes, raw.raw_bytes(), &[device(1)]).check().unwrap();
        assert_eq!(believed.before, start - 1);
    }
    let most = limits::DOCUMENT_OPS as u64;
    for start in [most, u64::from(u32::MAX) - 1, u64::from(u32::MAX), u64::MAX - 1] {
        assert!([Refusal::TooManyOps, Refusal::Malformed].contains(&refused(at(start))), "{start}");
    }
    let two = [at(9), ExpandedChange { seq: 2, ..at(2) }].map(Change::from);
    let raw: Vec<u8> = two.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    assert_eq!(incoming(Form::Changes, &raw, &[device(1)]).check().unwrap().before, 7);
}

#[test]
fn operations_of_later_formats_are_refused_by_name() {
    let table = OpType::Make(ObjType::Table);
    let counter = OpType::Put(ScalarValue::counter(1));
    let unknown = OpType::Put(ScalarValue::Unknown { type_code: 12, bytes: vec![1] });
    for action in [table, counter, unknown, OpType::Increment(1), OpType::MarkEnd(false)] {
        assert_eq!(refused(change(vec![Op { action, ..put("a", 1) }])), Refusal::UnknownOperation);
    }
    let delete_of_nothing = Op { action: OpType::Delete, ..put("a", 1) };
    assert_eq!(refused(change(vec![delete_of_nothing])), Refusal::UnknownOperation);
    assert_eq!(refused(change(Vec::new())), Refusal::Malformed);
    assert_eq!(refused(ExpandedChange { seq: 0, ..change(vec![put("a", 1)]) }), Refusal::Malformed);
    assert_eq!(refused(ExpandedChange { extra_bytes: vec![1, 1, 7], ..change(vec![put("a", 1)]) }), Refusal::Malformed);
}

#[test]
fn runs_that_claim_more_values_than_allowed_are_refused_before_they_are_expanded() {
    let huge = [leb(1 << 40), vec![1]].concat();
    for specification in [1_u64, 2, 17, 19, 66, 112] {
        assert_eq!(refusal(&with_columns(&[(specification, &huge)])), Refusal::TooManyOps, "{specification}");
    }
    assert_eq!(refusal(&with_columns(&[(52, &leb(1 << 40))])), Refusal::TooManyOps);
    assert_eq!(refusal(&with_columns(&[(52, &leb(u64::MAX))])), Refusal::TooManyOps);
    // Nothings, and a literal run of the lowest number there is.
    assert_eq!(refusal(&with_columns(&[(66, &[&[0][..], &leb(u64::MAX)].concat())])), Refusal::TooManyOps);
    let lowest = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
    assert_eq!(refusal(&with_columns(&[(66, &lowest)])), Refusal::TooManyOps);
    // A short key that repeats, a list of a million, and a value longer than its bytes.
    let key = [&leb(1 << 19)[..], &leb(1000), &[b'k'; 1000]].concat();
    assert_eq!(refusal(&with_columns(&[(21, &key)])), Refusal::TooManyOps);
    assert_eq!(refusal(&with_columns(&[(112, &[&[1][..], &leb(1 << 30)].concat())])), Refusal::TooManyOps);
    assert_eq!(refusal(&with_columns(&[(86, &[&[1][..], &leb(1 << 20)].concat()), (87, b"x")])), Refusal::Malformed);
    assert_eq!(refusal(&with_columns(&[(148, &[1])])), Refusal::UnknownOperation);
}

#[test]
fn broken_chunks_are_refused() {
    let good = Change::from(change(vec![put("a", 1)])).raw_bytes().to_vec();
    assert!(incoming(Form::Changes, &good, &[device(1)]).check().is_ok());
    for cut in 1..good.len() {
        assert_eq!(refusal(&good[..cut]), Refusal::Malformed, "cut at {cut}");
    }
    assert_eq!(refusal(&[&good[..], &[0]].concat()), Refusal::Malformed);
    let mut checksum = good.clone();
    checksum[5] ^= 1;
    assert_eq!(refusal(&checksum), Refusal::Malformed);
    let (_, body, _) = open(&good);
    assert_eq!(refusal(&chunk(2, body)), Refusal::Deflated);
    assert_eq!(refusal(&chunk(3, body)), Refusal::Malformed);
    assert_eq!(refusal(&chunk(1, &[body, &[1, 1, 7]].concat())), Refusal::Malformed);
    assert_eq!(refusal(&with_columns(&[(66 | 8, &[1, 1])])), Refusal::Deflated);
    let mut long = facet();
    let text: String = (0..900).map(|n| format!("{n} ")).collect();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let edit = Edit::Text("body".into(), text.as_str().into());
    long.edit(&mut Editor { device: device(1), now: 0, rng: &mut rng }, &[edit]).unwrap();
    let saved = long.save();
    let lineage = [device(1), device(2)];
    let part = |raw: &[u8]| incoming(Form::Snapshot, raw, &lineage).check().unwrap_err();
    assert_eq!(part(&saved), Refusal::Deflated, "save() deflates its columns");
    let plain = facet().snapshot(&lineage).unwrap();
    assert_eq!(part(&plain[..plain.len() - 1]), Refusal::Malformed);
    assert_eq!(part(&[&plain[..], &plain].concat()), Refusal::Malformed);
    assert_eq!(part(&good), Refusal::Malformed);
    assert_eq!(incoming(Form::Changes, &plain, &lineage).check().unwrap_err(), Refusal::Malformed);
}

/// A facet by device 1 that says "ab", its last change, and ids of its parts: text, `a`, the title.
fn founded() -> (Document, ExpandedChange, OpId, OpId, OpId) {
    let mut document = Document::new(doc(), schema());
    let edits = [Edit::Text("body".into(), "ab".into()), Edit::Put("title".into(), Some("t".into()))];
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    document.edit(&mut Editor { device: device(1), now: 0, rng: &mut rng }, &edits).unwrap();
    let changes = document.changes(&[]);
    let (genesis, last) = (&changes[0], &changes[1]);
    let text = OpId::new(1, genesis.actor_id());
    let letter = OpId::new(last.start_op().get(), last.actor_id());
    let title = OpId::new(last.max_op(), last.actor_id());
    let next = ExpandedChange {
        start_op: NonZeroU64::new(last.max_op() + 1).unwrap(),
        deps: vec![last.hash()],
        ..change(Vec::new())
    };
    (document, next, text, letter, title)
}

#[test]
fn operations_on_what_is_not_there_are_left_out_and_harm_nothing() {
    let (document, next, text, letter, title) = founded();
    let nowhere = OpId::new(3, &actor());
    let own = OpId::new(next.start_op.get(), &actor());
    let obj = |id: &OpId| ObjectId::Id(id.clone());
    let at = |id: &OpId| Key::Seq(ElementId::Id(id.clone()));
    let pred = |id: &OpId| vec![id.clone()].into();
    let typed = Op { obj: obj(&text), key: at(&letter), insert: true, ..put("", "x") };
    let bad = [
        ("object", Op { obj: obj(&nowhere), ..put("a", 1) }),
        ("object that is a value", Op { obj: obj(&title), ..put("a", 1) }),
        ("object that is this operation", Op { obj: obj(&own), ..put("a", 1) }),
        ("element", Op { key: at(&nowhere), ..typed.clone() }),
        ("element of another object", Op { key: at(&title), ..typed.clone() }),
        ("key of a map in a text", Op { key: Key::Map("a".into()), insert: false, ..typed.clone() }),
        ("element in a map", Op { key: at(&letter), ..put("a", 1) }),
        ("two letters", Op { action: OpType::Put("xy".into()), ..typed.clone() }),
        ("no letter", Op { action: OpType::Put("".into()), ..typed.clone() }),
        ("number in a text", Op { action: OpType::Put(1.into()), ..typed.clone() }),
        ("object in a text", Op { action: OpType::Make(ObjType::Map), ..typed.clone() }),
        ("letter over a letter", Op { insert: false, pred: pred(&letter), ..typed.clone() }),
        ("letter over nothing", Op { insert: false, ..typed.clone() }),
        ("value before", Op { pred: pred(&nowhere), ..put("title", 1) }),
        ("value at another key", Op { pred: pred(&title), ..put("other", 1) }),
        ("itself", Op { pred: pred(&own), ..put("title", 1) }),
        ("twice", Op { pred: vec![title.clone(), title.clone()].into(), ..put("title", 1) }),
    ];
    for (what, op) in bad {
        let bad = Change::from(ExpandedChange { operations: vec![op], ..next.clone() });
        harmless(&document, &bad, what);
    }
    let good = Change::from(ExpandedChange { operations: vec![typed.clone()], ..next.clone() });
    let mut other = document.clone();
    assert!(other.apply(vec![good.clone()]).unwrap().left_out.is_empty());
    assert_eq!(other.text("body"), "axb");
    harmless(&document, &ExpandedChange { seq: 2, operations: vec![typed.clone()], ..next.clone() }.into(), "seq");
    let start_op = NonZeroU64::new(2).unwrap();
    let old = ExpandedChange { start_op, operations: vec![put("a", 1)], ..next };
    harmless(&document, &old.into(), "older than what it depends on");
}

/// The change passes the check of its bytes, does not count, and the facet opens again with it.
fn harmless(document: &Document, change: &Change, what: &str) {
    let lineage = [device(1)];
    let Believed { changes, .. } = incoming(Form::Changes, change.raw_bytes(), &lineage).check().expect(what);
    let mut document = document.clone();
    let heads = document.heads();
    let applied = document.apply(changes).expect(what);
    assert_eq!(applied.left_out.len(), 1, "{what}");
    assert_eq!(document.heads(), heads, "{what}");
    let opened = Document::load(doc(), schema(), &document.save(), []).expect(what);
    assert_eq!((opened.heads(), opened.left_out().count()), (heads, 1), "{what}");
}

#[test]
fn a_change_counts_once_what_it_names_has_come_in_any_order() {
    let (document, next, text, letter, _) = founded();
    let insert = |after: &OpId, letter: &str| Op {
        obj: ObjectId::Id(text.clone()),
        key: Key::Seq(ElementId::Id(after.clone())),
        insert: true,
        ..put("", letter)
    };
    let first = Change::from(ExpandedChange { operations: vec![insert(&letter, "x")], ..next.clone() });
    let second = ExpandedChange {
        actor_id: ActorId::from([&actor().to_bytes()[..8], &[8; 8]].concat()),
        start_op: NonZeroU64::new(next.start_op.get() + 1).unwrap(),
        operations: vec![insert(&OpId::new(next.start_op.get(), &actor()), "y")],
        ..next
    };
    let second = Change::from(second);
    let mut texts = Vec::new();
    for order in [[&first, &second], [&second, &first]] {
        let mut document = document.clone();
        for change in order {
            document.apply(vec![change.clone()]).unwrap();
        }
        assert_eq!(document.left_out().count(), 0);
        texts.push((document.text("body"), document.heads()));
    }
    assert_eq!(texts[0].0, "axyb");
    assert_eq!(texts[0], texts[1]);
}

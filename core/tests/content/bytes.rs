//! A facet with everything in it, and the bytes of chunks taken apart and put together by hand.

use std::num::NonZeroU64;

use alliance_core::document::{
    Change, DocId, Document, Edit, Editor, Form, Incoming, Refusal, Scalar, Schema, Shape, Writer, author::actor_prefix,
};
use alliance_replica::id::{DeviceId, ItemId, MemberId};
use automerge::{
    ActorId, ExpandedChange, ScalarValue,
    legacy::{Key, ObjectId, Op, OpType},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use sha2::{Digest as _, Sha256};

pub(crate) const KNOWN: u64 = 10_000;

pub(crate) fn device(n: u8) -> DeviceId {
    DeviceId::new([n; 32])
}

pub(crate) fn doc() -> DocId {
    DocId { item: ItemId::new([9; 16]), writer: Writer::Everyone }
}

pub(crate) fn schema() -> Schema {
    Schema::new(&[("body", Shape::Text), ("tags", Shape::Set), ("ratings", Shape::List)])
}

pub(crate) fn incoming<'a>(form: Form, raw: &'a [u8], lineage: &'a [DeviceId]) -> Incoming<'a> {
    let member = MemberId::of(&device(1));
    Incoming { doc: doc(), form, raw, preimage: None, member, lineage }
}

pub(crate) fn refusal(raw: &[u8]) -> Refusal {
    incoming(Form::Changes, raw, &[device(1)]).check().expect_err("refused")
}

/// A facet with everything in it: two writers, deletions, conflicts, sets, lists, emoji.
pub(crate) fn facet() -> Document {
    let mut a = Document::new(doc(), schema());
    let mut b = a.clone();
    for n in 0_u8..12 {
        let (document, by) = if n % 2 == 0 { (&mut a, 1) } else { (&mut b, 2) };
        let text = format!("{} line {n} \u{1f600}\n", document.text("body").replace("line 1", "l"));
        let edits = [
            Edit::Text("body".into(), text.as_str().into()),
            Edit::Put("title".into(), Some(format!("title {}", n / 3).into())),
            Edit::Add("tags".into(), format!("tag {}", n % 4)),
            Edit::Remove("tags".into(), format!("tag {}", n % 3)),
            Edit::Append("ratings".into(), Scalar::Int(n.into())),
        ];
        let mut rng = ChaCha20Rng::seed_from_u64(n.into());
        document.edit(&mut Editor { device: device(by), now: 1_700_000_000, rng: &mut rng }, &edits).unwrap();
        if n % 5 == 4 {
            a.apply(b.changes(&[])).unwrap();
            b.apply(a.changes(&[])).unwrap();
        }
    }
    a.apply(b.changes(&[])).unwrap();
    a
}

pub(crate) fn chunks(document: &Document) -> Vec<u8> {
    document.changes(&[]).iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
}

pub(crate) fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A chunk with the right checksum.
pub(crate) fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let tail = [&[kind][..], &leb(body.len() as u64), body].concat();
    let hash = Sha256::digest(&tail);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &hash[..4], &tail].concat()
}

/// Kind and body of the first chunk, and what follows it.
pub(crate) fn open(raw: &[u8]) -> (u8, &[u8], &[u8]) {
    let (mut at, mut length) = (9, 0);
    for shift in (0..).step_by(7) {
        length |= usize::from(raw[at] & 0x7f) << shift;
        at += 1;
        if raw[at - 1] < 0x80 {
            break;
        }
    }
    (raw[8], &raw[at..at + length], &raw[at + length..])
}

/// A change chunk with one column after another, as they are given.
pub(crate) fn with_columns(columns: &[(u64, &[u8])]) -> Vec<u8> {
    let actor = actor();
    let mut body = vec![0, 16];
    body.extend_from_slice(actor.to_bytes());
    body.extend_from_slice(&[1, 1, 0, 0, 0]);
    body.extend(leb(columns.len() as u64));
    for (specification, data) in columns {
        body.extend([leb(*specification), leb(data.len() as u64)].concat());
    }
    columns.iter().for_each(|(_, data)| body.extend_from_slice(data));
    chunk(1, &body)
}

pub(crate) fn actor() -> ActorId {
    let prefix = actor_prefix(&device(1), &doc());
    ActorId::from([prefix, [7; 8]].concat())
}

pub(crate) fn put(key: &str, value: impl Into<ScalarValue>) -> Op {
    let pred = Vec::new().into();
    Op { action: OpType::Put(value.into()), obj: ObjectId::Root, key: Key::Map(key.into()), pred, insert: false }
}

pub(crate) fn change(operations: Vec<Op>) -> ExpandedChange {
    ExpandedChange {
        operations,
        actor_id: actor(),
        hash: None,
        seq: 1,
        start_op: NonZeroU64::new(1).unwrap(),
        time: 0,
        message: None,
        deps: Vec::new(),
        extra_bytes: Vec::new(),
        author: None,
    }
}

pub(crate) fn refused(change: ExpandedChange) -> Refusal {
    refusal(Change::from(change).raw_bytes())
}

//! Automerge's bytes through our bounds: changes and snapshots, applied to a facet with everything in it and to none.

use std::{cell::OnceCell, collections::BTreeMap};

use alliance_core::{
    document::{
        ApplyError, Believed, Change, DocId, Document, Edit, Editor, Form, Incoming, KindName, Preimage, Refusal,
        Scalar, Schema, Shape, Writer,
    },
    domain,
};
use alliance_replica::id::{DeviceId, ItemId, MemberId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// Whose changes and which item: those of the vectors, so that each of them is a seed.
const DEVICE: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
const ITEM: &str = "c411a718f0cb5a8d023a7c1d40ea6888";
/// Most changes and operations that a facet here gets: what is within all limits may still take minutes.
const CHANGES: usize = 512;
const OPS: usize = 20_000;

thread_local! {
    static FACET: OnceCell<Document> = const { OnceCell::new() };
}

/// Bodies of change chunks, each after its length in two bytes; and the bytes as they are.
pub(super) fn changes(bytes: &[u8]) {
    arrives(Form::Changes, bytes);
    let chunks = bodies(bytes).into_iter().flat_map(|body| chunk(1, body));
    arrives(Form::Changes, &chunks.collect::<Vec<_>>());
}

/// The body of a document chunk; and the bytes as they are.
pub(super) fn snapshot(bytes: &[u8]) {
    arrives(Form::Snapshot, bytes);
    arrives(Form::Snapshot, &chunk(0, bytes));
}

fn arrives(form: Form, raw: &[u8]) {
    let Some(Believed { changes, before, .. }) = judged(form, raw) else { return };
    assert!(changes.len() <= raw.len(), "more changes than bytes");
    if changes.len() > CHANGES || changes.iter().map(Change::len).sum::<usize>() > OPS {
        return;
    }
    for base in [facet(), Document::new(doc(), schema())] {
        if before > base.ops() {
            continue;
        }
        let mut document = base.clone();
        match document.apply(changes.clone()) {
            Ok(_) => {}
            Err(ApplyError::MissingDependency { .. }) => {
                assert_eq!(document.heads(), base.heads(), "changes that wait changed something");
                continue;
            }
            Err(error) => panic!("what was believed is not taken: {error:?}"),
        }
        let heads = document.heads();
        assert!(document.apply(changes.clone()).is_ok_and(|applied| applied.counted.is_empty()), "new twice");
        assert_eq!(document.heads(), heads);
        is_itself(&document);
        look(&document);
    }
}

/// The verdict on a part, which is the same the second time.
fn judged(form: Form, raw: &[u8]) -> Option<Believed> {
    let check = || {
        let lineage = lineage();
        let member = MemberId::of(&lineage[0]);
        Incoming { doc: doc(), form, raw, preimage: None, member, lineage: &lineage }.check()
    };
    let hashes = |said: &Result<Believed, Refusal>| match said {
        Ok(it) => Ok((it.before, it.changes.iter().map(Change::hash).collect::<Vec<_>>())),
        Err(refusal) => Err(*refusal),
    };
    let said = check();
    assert_eq!(hashes(&said), hashes(&check()), "judged otherwise the second time");
    said.ok()
}

/// A facet is the same when it was saved and opened, when it is made of its changes in another order, and, if it may
/// travel whole, at whoever gets it.
pub(super) fn is_itself(document: &Document) {
    let opened = Document::load(document.id(), document.schema().clone(), &document.save(), []);
    let opened = opened.unwrap_or_else(|problem| panic!("what was saved does not open: {problem:?}"));
    assert_eq!((opened.heads(), opened.ops()), (document.heads(), document.ops()), "opened and not the same");
    let mut all: Vec<_> = document.changes(&[]).into_iter().chain(document.left_out().cloned()).collect();
    let mut rng = ChaCha20Rng::seed_from_u64(all.len() as u64);
    all.sort_by_cached_key(|_| rng.next_u64());
    let (again, _) = Document::rebuild(document.id(), document.schema().clone(), all).expect("changes that counted");
    assert_eq!(again.heads(), document.heads(), "the order of arrival shows");
    assert_eq!(look(&again), look(document), "equal heads, and other words");
    if document.id() == doc()
        && let Some(raw) = document.snapshot(&lineage())
    {
        let Some(believed) = judged(Form::Snapshot, &raw) else { panic!("an honest snapshot is refused") };
        let (other, _) = Document::rebuild(doc(), schema(), believed.changes).expect("a snapshot");
        assert_eq!(other.heads(), document.heads(), "a snapshot is something else");
    }
}

/// All that can be read of a facet.
pub(super) fn look(document: &Document) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for (name, plain) in document.unknown(&[]) {
        seen.insert(format!("{name}: register"), format!("{:?}", document.register(&name)));
        seen.insert(name, format!("{plain:?}"));
    }
    for (name, shape) in document.schema().containers() {
        let read = match shape {
            Shape::Text => document.text(name),
            Shape::Set => format!("{:?}", document.set(name)),
            Shape::List => format!("{:?}", document.list(name)),
        };
        seen.insert(name.to_owned(), read);
    }
    let (heads, written) = (document.heads(), document.written());
    seen.insert("now".to_owned(), format!("{:?}", document.fields_at(&heads)));
    for change in written.iter().rev().take(3) {
        // What cannot be taken back says why.
        _ = document.inverse(&change.deps, &[change.hash]);
        _ = document.inverse(&change.deps, &heads);
    }
    seen
}

pub(super) fn doc() -> DocId {
    DocId { item: ItemId::from_hex(ITEM).expect("a name"), writer: Writer::Everyone }
}

/// The author of every part, and a device whose work it carries on.
pub(super) fn lineage() -> [DeviceId; 2] {
    [DeviceId::from_hex(DEVICE).expect("a name"), DeviceId::new([2; 32])]
}

/// A note's containers, and a list.
fn schema() -> Schema {
    let note = Preimage::of_space(KindName::parse("note").expect("a kind"), lineage()[0]);
    domain::schema(&note, Writer::Everyone).then(&[("ratings", Shape::List)])
}

/// A facet with everything in it: two writers, deletions, conflicts, sets, lists, characters of several units.
pub(super) fn facet() -> Document {
    FACET.with(|facet| facet.get_or_init(made).clone())
}

fn made() -> Document {
    let mut ours = Document::new(doc(), schema());
    let mut theirs = ours.clone();
    for n in 0_u8..6 {
        let (document, by) = if n % 2 == 0 { (&mut ours, 0) } else { (&mut theirs, 1) };
        let text = format!("{} line {n} \u{1f600}\n", document.text("body").replace("line 1", "l"));
        let edits = [
            Edit::Text("body".into(), text.as_str().into()),
            Edit::Put("title".into(), Some(format!("title {}", n / 3).into())),
            Edit::Add("tags".into(), format!("tag {}", n % 4)),
            Edit::Remove("tags".into(), format!("tag {}", n % 3)),
            Edit::Append("ratings".into(), Scalar::Int(n.into())),
        ];
        let mut rng = ChaCha20Rng::seed_from_u64(n.into());
        let mut editor = Editor { device: lineage()[by], now: 1_700_000_000, rng: &mut rng };
        document.edit(&mut editor, &edits).expect("edits");
        if n % 3 == 2 {
            ours.apply(theirs.changes(&[])).expect("honest changes");
            theirs.apply(ours.changes(&[])).expect("honest changes");
        }
    }
    ours.apply(theirs.changes(&[])).expect("honest changes");
    ours
}

/// The pieces of an input of which each follows its length in two bytes; the last may be shorter.
pub(super) fn bodies(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (body, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        bodies.push(body);
        bytes = rest;
    }
    bodies
}

/// An input of which these are the pieces.
pub(super) fn joined<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in bodies {
        bytes.extend(u16::try_from(body.len()).expect("a small body").to_le_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}

/// A chunk with the right length and checksum.
fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let (mut length, mut tail) = (body.len(), vec![kind]);
    while length >= 0x80 {
        tail.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    tail.push(u8::try_from(length).expect("seven bits"));
    tail.extend_from_slice(body);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &Sha256::digest(&tail)[..4], &tail].concat()
}

/// The body of the chunk that bytes begin with.
pub(super) fn body(raw: &[u8]) -> &[u8] {
    let length = raw[9..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    &raw[9 + length..]
}

//! What a part inflates to, for one document of one author: chunks, changes and their operations.

use alliance_core::document::{Change, DocId, Edit, Form, Incoming, Preimage, Refusal, Writer};
use alliance_replica::{id::ItemId, limits};
use automerge::{
    ActorId, Automerge, ExpandedChange, ObjType, ScalarValue,
    legacy::{Key, MarkData, ObjectId, Op, OpType, SortedVec},
};
use serde_json::{Value, json};

use super::shown;
use crate::{
    json::hex,
    world::{ANNA, BEN, Holder, edit, facet, note, put},
};

/// A part, by whom, and what comes with it.
struct Case {
    name: &'static str,
    doc: DocId,
    author: &'static Holder,
    preimage: Option<Vec<u8>>,
    form: Form,
    raw: Vec<u8>,
}

pub(super) fn changes() -> Vec<Value> {
    let chunks = chunks().into_iter().map(|(name, raw)| case(name, Form::Changes, raw));
    let twisted = twisted().into_iter().map(|(name, change)| case(name, Form::Changes, change.raw_bytes().to_vec()));
    let snapshots = snapshots().into_iter().map(|(name, raw)| case(name, Form::Snapshot, raw));
    chunks.chain(twisted).chain(snapshots).chain(whose()).map(vector).collect()
}

fn vector(case: Case) -> Value {
    let Case { name, doc, author, preimage, form, raw } = case;
    let lineage = [author.device()];
    let member = author.member();
    let refusal = Incoming { doc, form, raw: &raw, preimage: preimage.as_deref(), member, lineage: &lineage }.check();
    let refusal = match refusal {
        Ok(_) => "none",
        Err(Refusal::PreimageMismatch) => "item",
        Err(Refusal::ForeignFacet) => "writer",
        Err(Refusal::ForeignActor) => "author",
        Err(Refusal::TooManyOps) => "limit",
        Err(Refusal::Deflated) => "compressed",
        Err(Refusal::UnknownOperation) => "operation",
        Err(Refusal::Malformed) => "not well formed",
    };
    let mut vector = json!({
        "name": name,
        "item": doc.item.to_string(),
        "device": author.device().to_string(),
        "member": member.to_string(),
        "form": if form == Form::Changes { "changes" } else { "snapshot" },
        "raw": shown(&raw, &[b"x"]),
        "refusal": refusal,
    });
    if let Some(writer) = doc.writer.member() {
        vector["writer"] = writer.to_string().into();
    }
    if let Some(preimage) = preimage {
        vector["preimage"] = hex(&preimage).into();
    }
    vector
}

/// Everyone's facet of a note, as Anna writes it.
fn case(name: &'static str, form: Form, raw: Vec<u8>) -> Case {
    Case { name, doc: DocId { item: note().id(), writer: Writer::Everyone }, author: &ANNA, preimage: None, form, raw }
}

/// Anna's changes to a new note, the fixed ones first.
fn written(edits: &[Edit]) -> Vec<Change> {
    edit(&mut facet(&note(), Writer::Everyone), ANNA.device(), 1, edits)
}

fn title() -> Vec<Change> {
    written(&[put("title", "First")])
}

fn raw(changes: &[Change]) -> Vec<u8> {
    changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
}

/// Bytes around and within chunks.
fn chunks() -> Vec<(&'static str, Vec<u8>)> {
    let right = raw(&title());
    let at = |place: usize, byte: u8| {
        let mut bytes = right.clone();
        bytes[place] = byte;
        bytes
    };
    let long = written(&[Edit::Text("body".into(), "x".repeat(2_000).as_str().into())]);
    let compressed = long.last().expect("a change").clone().bytes().into_owned();
    let actor = |length: usize| {
        let mut change = own();
        change.actor_id = ActorId::from(vec![7; length]);
        Change::from(change).raw_bytes().to_vec()
    };
    vec![
        ("changes that are right", right.clone()),
        ("no changes", Vec::new()),
        ("wrong-magic", at(0, 0x86)),
        ("wrong-checksum", at(4, right[4] ^ 1)),
        ("chunk-of-a-document", at(8, 0)),
        ("chunk-of-a-bundle", at(8, 3)),
        ("chunk-of-an-unknown-type", at(8, 9)),
        ("truncated-chunk", right[..right.len() - 1].to_vec()),
        ("bytes-after-a-chunk", [&right[..], &[0]].concat()),
        ("length-with-padding", {
            let length = right[9];
            assert!(length < 0x80, "a short chunk");
            [&right[..9], &[length | 0x80, 0], &right[10..]].concat()
        }),
        ("length-beyond-the-part", at(9, 0x7f)),
        ("length-beyond-64-bits", [&right[..9], &[0xff; 10], &[1], &right[10..]].concat()),
        ("compressed-chunk", compressed),
        ("actor-too-long", actor(33)),
    ]
}

/// Anna's change that puts a title, opened up.
fn own() -> ExpandedChange {
    title().last().expect("a change").decode()
}

fn op(action: OpType) -> Op {
    Op { action, obj: ObjectId::Root, key: Key::Map("title".into()), pred: SortedVec::new(), insert: false }
}

/// Changes with one thing wrong, right in all else.
fn twisted() -> Vec<(&'static str, Change)> {
    let twist = |twist: &dyn Fn(&mut ExpandedChange)| {
        let mut change = own();
        change.hash = None;
        twist(&mut change);
        Change::from(change)
    };
    let doing = |action: OpType| twist(&|change| change.operations = vec![op(action.clone())]);
    let start = |start: u64| twist(&|change| change.start_op = start.try_into().expect("not zero"));
    let mark = MarkData { name: "bold".into(), value: ScalarValue::Boolean(true), expand: true };
    let fixed = |twist: &dyn Fn(&mut ExpandedChange)| {
        let mut change = title().first().expect("a fixed change").decode();
        change.hash = None;
        twist(&mut change);
        Change::from(change)
    };
    let highest = limits::DOCUMENT_OPS as u64;
    vec![
        ("a time as far as may be", twist(&|change| change.time = limits::CHANGE_TIME)),
        ("time-too-far", twist(&|change| change.time = limits::CHANGE_TIME + 1)),
        ("time-too-far-back", twist(&|change| change.time = i64::MIN)),
        ("no-operations", twist(&|change| change.operations.clear())),
        ("seq-0", twist(&|change| change.seq = 0)),
        ("extra-bytes", twist(&|change| change.extra_bytes = vec![1])),
        ("an operation as high as may be", start(highest - 1)),
        ("operation-too-high", start(highest)),
        ("makes-a-table", doing(OpType::Make(ObjType::Table))),
        ("puts-a-counter", doing(OpType::Put(ScalarValue::counter(1)))),
        ("puts-an-unknown-scalar", doing(OpType::Put(ScalarValue::Unknown { type_code: 12, bytes: vec![1] }))),
        ("increments", doing(OpType::Increment(1))),
        ("begins-a-mark", doing(OpType::MarkBegin(mark))),
        ("ends-a-mark", doing(OpType::MarkEnd(true))),
        ("deletes-nothing", doing(OpType::Delete)),
        ("actor-of-another-device", {
            let mut shared = facet(&note(), Writer::Everyone);
            edit(&mut shared, BEN.device(), 2, &[put("title", "Ben's")]).pop().expect("a change")
        }),
        ("actor-of-no-device", twist(&|change| change.actor_id = ActorId::from([9; 16]))),
        ("fixed-change-with-a-time", fixed(&|change| change.time = 1)),
        ("fixed-change-with-a-message", fixed(&|change| change.message = Some("hello".into()))),
        ("fixed-change-that-writes", fixed(&|change| change.operations = vec![op(OpType::Put("title".into()))])),
        ("fixed-change-by-another-name", fixed(&|change| change.actor_id = ActorId::from([8; 16]))),
    ]
}

/// Document chunks.
fn snapshots() -> Vec<(&'static str, Vec<u8>)> {
    let saved = |edits: &[Edit]| {
        let mut document = Automerge::new();
        document.apply_changes(written(edits)).expect("apply");
        document
    };
    let right = saved(&[put("title", "First")]).save_nocompress();
    let long = saved(&[Edit::Text("body".into(), "x".repeat(2_000).as_str().into())]);
    let at = |place: usize, byte: u8| {
        let mut bytes = right.clone();
        bytes[place] = byte;
        bytes
    };
    let mut both = saved(&[put("title", "First")]);
    let mut shared = facet(&note(), Writer::Everyone);
    both.apply_changes(edit(&mut shared, BEN.device(), 2, &[put("title", "Ben's")])).expect("apply");
    vec![
        ("a snapshot that is right", right.clone()),
        ("a long snapshot", long.save_nocompress()),
        ("snapshot-with-compressed-columns", long.save()),
        ("snapshot-with-changes-of-another-device", both.save_nocompress()),
        ("snapshot-with-a-wrong-checksum", at(4, right[4] ^ 1)),
        ("snapshot-that-is-a-change", raw(&title()[..1])),
        ("two-snapshots", [&right[..], &right].concat()),
        ("empty-snapshot", Vec::new()),
        ("truncated-snapshot", right[..right.len() - 1].to_vec()),
    ]
}

/// Right changes in the wrong place, or with a wrong preimage.
fn whose() -> Vec<Case> {
    let right = || case("", Form::Changes, raw(&title()));
    let own = |author: &'static Holder| {
        let mut own = facet(&note(), Writer::Only(ANNA.member()));
        let raw = raw(&edit(&mut own, author.device(), 3, &[put("status", "read")]));
        let doc = DocId { writer: Writer::Only(ANNA.member()), ..right().doc };
        Case { doc, author, raw, ..right() }
    };
    let odd = b"no preimage".to_vec();
    let other = Preimage { owner: Some(ANNA.member()), ..note() };
    vec![
        Case { name: "changes with their item's preimage", preimage: Some(note().encode()), ..right() },
        Case { name: "preimage-of-another-item", preimage: Some(other.encode()), ..right() },
        Case {
            name: "preimage-not-well-formed",
            doc: DocId { item: ItemId::of(&odd), writer: Writer::Everyone },
            preimage: Some(odd),
            raw: Vec::new(),
            ..right()
        },
        Case { name: "a member's facet by that member", ..own(&ANNA) },
        Case { name: "facet-of-another-member", ..own(&BEN) },
        Case {
            name: "changes-of-another-document",
            doc: DocId { item: other.id(), writer: Writer::Everyone },
            ..right()
        },
    ]
}

//! Documents with anything anywhere, from the rows that are derived of them to the pages that a person sees.
//!
//! An input is a program: some bytes that say which kind of item, whose it is and where Ben writes, then steps that put
//! scalars, maps, lists and texts wherever there is room. A member with a program of their own can send every one of
//! these documents.

use std::collections::BTreeMap;

use alliance_core::{
    document::{
        ApplyError, Believed, Change, DocId, Document, Form, Incoming, KindName, Preimage, Writer, author::actor_prefix,
    },
    domain::{self, Facets, KINDS},
    keys::{self, Content, Part},
    view::{self, Became, Grain},
};
use alliance_replica::{
    id::{DeviceId, MemberId},
    limits,
    log::heads::{After, Chain},
};
use automerge::{
    ActorId, AutoCommit, ObjId, ObjType, ROOT, ReadDoc as _, ScalarValue,
    transaction::{CommitOptions, Transactable as _},
};

use super::{
    chunks::{is_itself, look},
    people, stage,
};

/// Most steps of a program.
const STEPS: usize = 200;
/// Keys that no kind has.
const KEYS: [&str; 4] = ["", "height", "\u{202e}", "a key of many words, and more of them than anybody would choose"];

/// A program that makes a document, by Ben.
pub(super) fn view(bytes: &[u8]) {
    stage::with(|stage| {
        let mut ben = stage.ben();
        let anna = stage.anna();
        let mut steps = Steps(bytes);
        let kind = KINDS.get(steps.below(KINDS.len() + 1)).map_or("dream", |kind| kind.name);
        let owner = [None, Some(ben.member), Some(anna.member)][steps.below(3)];
        let writer = [Writer::Everyone, Writer::Only(ben.member), Writer::Only(anna.member)][steps.below(3)];
        let kind = KindName::parse(kind).expect("the name of a kind");
        let preimage = Preimage { nonce: [7; 16], ..Preimage::of_space(kind, ben.device()) };
        let preimage = Preimage { owner, ..preimage };
        let doc = DocId { item: preimage.id(), writer };
        let raw: Vec<u8> =
            written(&preimage, doc, ben.device(), &mut steps).iter().flat_map(|it| it.raw_bytes().to_vec()).collect();
        let people = [(ben.device(), ben.member), (anna.device(), anna.member)];
        derived(&preimage, doc, &raw, people);
        let part = Part::pack(doc.item, writer.member(), Some(preimage.encode()), keys::Form::Changes, &raw);
        let content = Content { after: After::default(), parts: vec![part.expect("a part")], keeps: After::default() };
        let entry = ben.sealed_for(stage.space, ben.tip(Chain::Content), &content.encode());
        people::arrives(stage, &entry);
    });
}

/// Takes the changes as a replica does, and derives all that there is to derive.
fn derived(preimage: &Preimage, doc: DocId, raw: &[u8], people: [(DeviceId, MemberId); 2]) {
    let [(device, member), _] = people;
    let incoming = Incoming { doc, form: Form::Changes, raw, preimage: None, member, lineage: &[device] };
    let Ok(Believed { changes, before: 0, .. }) = incoming.check() else { return };
    let mut document = Document::new(doc, domain::schema(preimage, doc.writer));
    match document.apply(changes) {
        Ok(_) => {}
        Err(ApplyError::MissingDependency { .. }) => return,
        Err(error) => panic!("what was believed is not taken: {error:?}"),
    }
    is_itself(&document);
    look(&document);
    let facets: Facets<'_> = [(doc.writer, &document)].into();
    let row = view::derive(preimage, &facets, &people, false);
    assert_eq!(view::derive(preimage, &facets, &people, false), row, "derived otherwise the second time");
    let json = serde_json::to_string(&row).expect("a row is JSON");
    assert_eq!(serde_json::from_str::<view::Row>(&json).expect("JSON of a row"), row);
    assert!(!row.title.contains(char::is_control), "a title of several lines");
    drop((row.words(), view::progress(&row), row.clone().brief()));
    let became: BTreeMap<String, Became> = view::became(&BTreeMap::new(), &document.fields_at(&document.heads()));
    drop(became);
    for grain in [Grain::Day, Grain::Change] {
        let day = |time: i64| time.div_euclid(86_400);
        drop(view::stretches(&document.written(), grain, 30_000, day, |prefix| *prefix));
    }
}

/// Runs a program on the document that everybody begins from.
fn written(preimage: &Preimage, doc: DocId, device: DeviceId, steps: &mut Steps<'_>) -> Vec<Change> {
    let actor = |n: u8| ActorId::from([&actor_prefix(&device, &doc)[..], &[n; 8]].concat());
    let fixed = domain::schema(preimage, doc.writer).changes().to_vec();
    let mut one = AutoCommit::new();
    one.apply_changes(fixed).expect("fixed changes");
    let mut two = one.fork().with_actor(actor(2));
    one.set_actor(actor(1));
    let keys = keys();
    let mut at = [ROOT, ROOT];
    for _ in 0..STEPS {
        let Some(step) = steps.next() else { break };
        if step % 32 == 31 {
            one.merge(&mut two).expect("documents of one beginning");
            two.merge(&mut one).expect("documents of one beginning");
            continue;
        }
        let (on, at) = if step & 0x80 == 0 { (&mut one, &mut at[0]) } else { (&mut two, &mut at[1]) };
        // What the place does not allow is left out.
        _ = act(on, at, step % 32, &keys, steps);
        if steps.below(4) == 0 {
            // Clocks say what they like.
            on.commit_with(CommitOptions::default().with_time(steps.time()));
        }
    }
    one.merge(&mut two).expect("documents of one beginning");
    one.get_changes(&[])
}

/// Keys at which something may be put: those of all kinds, and some that none has.
pub(super) fn keys() -> Vec<&'static str> {
    KINDS.iter().flat_map(|kind| kind.all_fields()).map(|field| field.name).chain(KEYS).collect()
}

/// One step at a place in a document.
fn act(
    on: &mut AutoCommit,
    at: &mut ObjId,
    step: u8,
    keys: &[&str],
    steps: &mut Steps<'_>,
) -> Result<(), automerge::AutomergeError> {
    let shapes = [ObjType::Map, ObjType::List, ObjType::Text];
    let key = keys[steps.below(keys.len())];
    let is_map = on.object_type(&*at).is_ok_and(|shape| shape == ObjType::Map);
    let index = steps.below(on.length(&*at) + 1);
    match step {
        0..=9 if is_map => on.put(&*at, key, steps.scalar())?,
        0..=4 => on.insert(&*at, index, steps.scalar())?,
        5..=7 => on.put(&*at, index, steps.scalar())?,
        8 | 9 => on.splice_text(&*at, index, 0, &steps.word())?,
        10..=15 if is_map => *at = on.put_object(&*at, key, shapes[steps.below(3)])?,
        10..=15 => *at = on.insert_object(&*at, index, shapes[steps.below(3)])?,
        16..=18 if is_map => on.delete(&*at, key)?,
        16..=18 => on.delete(&*at, index)?,
        19 => on.splice_text(&*at, index, 1, &steps.word())?,
        20..=25 => {
            // Into what is there, be it ours or one of the containers.
            let inside = if is_map { on.get(&*at, key)? } else { on.get(&*at, index)? };
            *at = inside.filter(|(value, _)| value.is_object()).map_or(ROOT, |(_, object)| object);
        }
        _ => *at = ROOT,
    }
    Ok(())
}

/// What is left of a program.
struct Steps<'b>(&'b [u8]);

impl Steps<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::from(self.next().unwrap_or(0)) % most.max(1)
    }

    fn word(&mut self) -> String {
        let length = self.below(24).min(self.0.len());
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(word).into_owned()
    }

    fn number(&mut self) -> i64 {
        let edges = [0, 1, -1, 3, 1 << 31, i64::MAX, i64::MIN, 1_800_000_000];
        edges[self.below(edges.len())]
    }

    /// Around the edges: Automerge itself fails on some that lie far beyond.
    fn time(&mut self) -> i64 {
        let most = limits::CHANGE_TIME;
        let edges = [0, 1, -1, 1_800_000_000, most, -most, most + 1, -most - 1];
        edges[self.below(edges.len())]
    }

    fn scalar(&mut self) -> ScalarValue {
        match self.below(16) {
            0 => ScalarValue::Int(self.number()),
            1 => ScalarValue::Uint(self.number().cast_unsigned()),
            2 => ScalarValue::F64([0.0, -0.0, f64::NAN, f64::INFINITY, 0.1][self.below(5)]),
            3 => ScalarValue::Boolean(self.below(2) == 0),
            4 => ScalarValue::Null,
            5 => ScalarValue::Bytes(self.word().into_bytes()),
            6 => ScalarValue::Timestamp(self.number()),
            7 => {
                let forms = ["active", "2026-11-22 +1 words", "0001 words", "2026-99-99 +9 ", "keep", "more of"];
                forms[self.below(forms.len())].into()
            }
            _ => self.word().into(),
        }
    }
}

//! Hostile bytes by the thousand, from fixed seeds: no panic, no blow-up, and every facet opens again.

use std::num::NonZeroU64;

use alliance_core::document::{ApplyError, Believed, Change, Document, Form};
use automerge::{
    ActorId, ObjType,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use super::bytes::*;

/// Changes one to four bytes, or cuts some out, or puts some in.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    for _ in 0..=rng.next_u32() % 4 {
        if bytes.is_empty() {
            return;
        }
        let at = rng.next_u32() as usize % bytes.len();
        let edge = [0, 1, 2, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0x81, 0xff][rng.next_u32() as usize % 10];
        match rng.next_u32() % 6 {
            0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
            1 => bytes[at] = edge,
            2 => bytes[at] = bytes[at].wrapping_add(1),
            3 => bytes.insert(at, edge),
            4 => drop(bytes.remove(at)),
            _ => {
                let end = (at + rng.next_u32() as usize % 8).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
}

#[test]
fn thousands_of_mutated_parts_are_refused_or_do_no_harm() {
    let facet = facet();
    let lineage = [device(1), device(2)];
    let (plain, snapshot) = (chunks(&facet), facet.snapshot(&lineage).unwrap());
    let mut passed = [0, 0];
    for seed in 0..6_000_u64 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let form = if seed % 3 == 0 { Form::Snapshot } else { Form::Changes };
        let raw = match form {
            Form::Snapshot => mutated(&snapshot, 0, &mut rng),
            Form::Changes => mutated(&plain, rng.next_u32() as usize % facet.changes(&[]).len(), &mut rng),
        };
        let Ok(Believed { changes, before: 0..=KNOWN, .. }) = incoming(form, &raw, &lineage).check() else { continue };
        let mut document = if seed % 2 == 0 { facet.clone() } else { Document::new(doc(), schema()) };
        match document.apply(changes) {
            Ok(_) | Err(ApplyError::MissingDependency { .. }) => passed[usize::from(form == Form::Snapshot)] += 1,
            Err(error) => panic!("seed {seed}: {error:?}"),
        }
        let opened =
            Document::load(doc(), schema(), &document.save(), []).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        assert_eq!(opened.heads(), document.heads(), "seed {seed}");
        let (again, _) = Document::rebuild(doc(), schema(), all(&document)).unwrap();
        assert_eq!(again.heads(), document.heads(), "seed {seed}");
    }
    assert!(passed[0] > 20, "only {passed:?} mutations passed: the check of what they do is idle");
    let peak = peak_kib();
    assert!(peak.unwrap_or(0) < 400_000, "{peak:?} KiB at most");
}

/// A change with random operations on what a facet has; some name the wrong thing.
fn imagined(changes: &[Change], rng: &mut ChaCha20Rng) -> Change {
    let mut pick = |n: usize| rng.next_u32() as usize % n;
    let mut there = Vec::new();
    for change in changes.iter().map(Change::decode) {
        let ids = (change.start_op.get()..).map(|ctr| OpId::new(ctr, &change.actor_id));
        there.extend(ids.zip(change.operations));
    }
    let max = changes.iter().map(Change::max_op).max().unwrap();
    let mut change = change(Vec::new());
    change.start_op = NonZeroU64::new(if pick(20) == 0 { 1 + pick(max as usize) as u64 } else { max + 1 }).unwrap();
    change.actor_id = ActorId::from([&actor().to_bytes()[..8], &[pick(3) as u8; 8]].concat());
    let own = changes.iter().filter(|its| its.actor_id() == &change.actor_id).max_by_key(|its| its.seq());
    change.seq = own.map_or(1, |own| own.seq() + 1) + u64::from(pick(20) == 0);
    change.deps = vec![changes[changes.len() - 1 - pick(changes.len().min(4))].hash()];
    change.deps.extend(own.filter(|_| pick(20) > 0).map(Change::hash));
    change.deps.sort();
    change.deps.dedup();
    for n in 0..=pick(3) {
        let (id, base) = there[pick(there.len())].clone();
        let element = if base.insert { Key::Seq(ElementId::Id(id.clone())) } else { base.key.clone() };
        let value = OpType::Put(if pick(8) == 0 { 1.into() } else { "x".into() });
        let mut op = match (pick(4), &base.action) {
            (0, OpType::Make(shape)) if *shape != ObjType::Map => {
                Op { action: value, obj: ObjectId::Id(id), key: Key::head(), pred: Vec::new().into(), insert: true }
            }
            (0 | 1, _) if base.insert => Op { action: value, key: element, ..base },
            (2, _) => Op { action: value, key: element, pred: vec![id].into(), insert: false, ..base },
            (_, OpType::Delete) => put("title", n as i64),
            _ => Op { action: OpType::Delete, key: element, pred: vec![id].into(), insert: false, ..base },
        };
        let (other, its) = there[pick(there.len())].clone();
        match pick(24) {
            0 => op.obj = its.obj,
            1 => op.key = its.key,
            2 => op.action = its.action,
            3 => op.pred = vec![other].into(),
            4 => op.obj = ObjectId::Id(other),
            5 => op.action = OpType::Make([ObjType::Map, ObjType::List, ObjType::Text][pick(3)]),
            _ => {}
        }
        there.push((OpId::new(change.start_op.get() + change.operations.len() as u64, &change.actor_id), op.clone()));
        change.operations.push(op);
    }
    change.into()
}

#[test]
fn imagined_changes_count_or_are_left_out_and_the_facet_opens_again() {
    let facet = facet();
    let lineage = [device(1), device(2)];
    let (mut counted, mut left_out) = (0, 0);
    for seed in 0..400_u64 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut document = facet.clone();
        for _ in 0..20 {
            let change = imagined(&document.changes(&[]), &mut rng);
            let believed = incoming(Form::Changes, change.raw_bytes(), &lineage).check();
            let Ok(Believed { changes, before: 0..=KNOWN, .. }) = believed else { continue };
            let applied = document.apply(changes).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            counted += applied.counted.len();
            left_out += usize::from(applied.left_out.contains_key(&change.hash()));
        }
        let opened =
            Document::load(doc(), schema(), &document.save(), []).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        assert_eq!(opened.heads(), document.heads(), "seed {seed}");
        assert_eq!(opened.ops(), document.ops(), "seed {seed}");
        let mut shuffled = all(&document);
        shuffled.sort_by_cached_key(|_| rng.next_u64());
        let (again, _) = Document::rebuild(doc(), schema(), shuffled).unwrap();
        assert_eq!(again.heads(), document.heads(), "seed {seed}");
        assert_eq!(again.text("body"), document.text("body"), "seed {seed}");
        assert_eq!(chunks_by_hash(&again), chunks_by_hash(&document), "seed {seed}");
    }
    assert!(counted > 1000 && left_out > 1000, "{counted} counted, {left_out} left out");
}

fn chunks_by_hash(document: &Document) -> std::collections::BTreeMap<[u8; 32], Vec<u8>> {
    document.changes(&[]).iter().map(|change| (change.hash().0, change.raw_bytes().to_vec())).collect()
}

/// The most memory this process ever had; none where the system does not say.
#[expect(clippy::disallowed_methods, reason = "only the system knows how much memory was used")]
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
}

fn all(document: &Document) -> Vec<Change> {
    document.changes(&[]).into_iter().chain(document.left_out().cloned()).collect()
}

/// Mutates the body of the `n`th chunk and gives it the right checksum and length.
fn mutated(raw: &[u8], n: usize, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut before = raw;
    for _ in 0..n {
        before = open(before).2;
    }
    let (kind, body, after) = open(before);
    let mut body = body.to_vec();
    mutate(&mut body, rng);
    [&raw[..raw.len() - before.len()], &chunk(kind, &body), after].concat()
}

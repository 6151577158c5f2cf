//! Content that lies about what came before it.

use automerge::ActorId;

use super::*;
use crate::document::{Change, author, tests::put};

/// Anna forks her own content chain 600 times. Ben's next entry names 600 heads, more than any reader takes, his own
/// program included.
#[test]
fn a_forked_chain_of_another_member_does_not_brick_the_profile() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let forks: Vec<_> = (0..600).map(|_| stage.content(&anna, None, &base, Vec::new())).collect();
    stage.give(&forks);
    let mut world = World { now: 1_800_000_001, rng: &mut stage.rng };
    let note = note_intent("mine", "words");
    stage.ben.add(Place::Alliance(stage.space), &note, &mut world).expect("adds");
    stage.seal();
    stage.ben.unload();
    stage.ben.space(&stage.space).expect("the profile still opens");
    let last = stage.ben.space(&stage.space).expect("space").row.last.expect("sealed");
    let body =
        stage.ben.store.read::<_, AppError>(|tx| Ok(tx.entry(&stage.space, &last)?)).expect("reads").expect("there");
    assert!(body.state.after.is_some());
}

/// The two introductions of Anna's device differ in `renews`. Which one is known when her entry comes decides its fate.
#[test]
fn what_a_device_renews_is_judged_as_of_the_entrys_past() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let new = DeviceSecret::generate(&mut stage.rng);
    let plain = stage.add(&anna, None, &base, &new, None);
    let renewing = stage.add(&anna, Some(&plain), &base, &new, Some(anna.id()));
    let (preimage, _, raw) = note(&mut stage, &anna, &anna, "by the old actor");
    let after: Vec<_> = base.iter().copied().filter(|it| it.device != anna.id()).chain([plain.head()]).collect();
    let entry = stage.content(&new, None, &after, vec![part(&preimage, true, &raw)]);
    let (_folder, mut other) = stage.copy();
    stage.give(&[plain.clone(), renewing.clone(), entry.clone()]);
    give(&mut other, &stage.space, &[plain, entry.clone(), renewing], &mut stage.rng);
    assert_eq!(state(&mut stage.ben, &stage.space, &entry.id), state(&mut other, &stage.space, &entry.id));
}

/// Anna's change starts one operation beyond what anybody has written; on the laptop where Ben types it does not.
#[test]
fn unsealed_operations_do_not_let_a_change_count() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let (preimage, mut document, raw) = note(&mut stage, &anna, &anna, "a");
    let first = stage.content(&anna, None, &base, vec![part(&preimage, true, &raw)]);
    stage.give(std::slice::from_ref(&first));
    let (_folder, mut other) = stage.copy();
    // Anna's second change counts from three operations further on.
    let mut editor = Editor { device: anna.id(), now: 1, rng: &mut stage.rng };
    let change = document.edit(&mut editor, &[Edit::Put("title".into(), Some("b".into()))]).expect("edits").remove(0);
    let mut expanded = change.decode();
    expanded.start_op = (expanded.start_op.get() + 3).try_into().expect("above 0");
    let change = Change::from(expanded);
    let bad = stage.content(&anna, Some(&first), &[], vec![part(&preimage, false, change.raw_bytes())]);
    // Ben has typed something that waits.
    let item = ItemRef { space: stage.space, item: preimage.id() };
    let edit = domain::note::Edit { body: Some("much longer now".into()), ..Default::default() };
    let intent = Intent::Note(domain::note::Intent::Edit { item: item.item, edit });
    let mut world = World { now: 1_800_000_001, rng: &mut stage.rng };
    stage.ben.change(&item, &intent, &mut world).expect("writes");
    stage.give(std::slice::from_ref(&bad));
    stage.seal();
    let mine = stage.ben.space(&stage.space).expect("space").row.last.expect("sealed");
    let sealed = stage.ben.bodies(&stage.space, &[mine]).expect("there").remove(0);
    let device = stage.ben.space(&stage.space).expect("space").device();
    let sealed = sealed.verify(&stage.space, &device).expect("good");
    give(&mut other, &stage.space, &[bad.clone(), sealed.clone()], &mut stage.rng);
    assert_eq!(state(&mut stage.ben, &stage.space, &bad.id), state(&mut other, &stage.space, &bad.id), "Anna's");
    assert_eq!(state(&mut other, &stage.space, &sealed.id), Some(State::Applied), "what Ben sealed");
}

/// Anna names Ben's entry by its right id and a wrong place.
#[test]
fn content_that_names_an_entry_wrongly_is_refused_wherever_it_comes() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    stage.write("mine");
    stage.seal();
    let mine = stage.ben.space(&stage.space).expect("space").row.last.expect("sealed");
    let head = stage.ben.space(&stage.space).expect("space").log.chains().meta(&mine).expect("held").head;
    for wrong in [Head { seq: head.seq + 1, ..head }, Head { device: anna.id(), ..head }] {
        let after: Vec<_> = base.iter().copied().filter(|it| it.chain == Chain::Control).chain([wrong]).collect();
        let entry = stage.content(&anna, None, &after, Vec::new());
        stage.give(std::slice::from_ref(&entry));
        assert_eq!(state(&mut stage.ben, &stage.space, &entry.id), Some(State::Quarantined));
    }
}

/// Anna writes entries each of which needs the one before it, by what the entry names or by what its change depends on,
/// and all of them wait until the last one comes.
#[test]
fn what_comes_in_the_wrong_order_is_not_looked_at_again_for_each_entry() {
    let count = 200;
    for by_change in [false, true] {
        let mut stage = Stage::new();
        let (base, anna) = (stage.base.clone(), stage.anna());
        let item = domain::alliance::preimage(stage.device()).id();
        let doc = DocId { item, writer: Writer::Everyone };
        let actor = ActorId::from([author::actor_prefix(&anna.id(), &doc), [7; 8]].concat());
        let mut entries: Vec<Verified> = Vec::new();
        let mut dependency = None;
        for seq in 1..=count {
            let last = entries.last().map(Verified::head).filter(|_| !by_change);
            let after: Vec<_> = base.iter().copied().chain(last).collect();
            let mut parts = Vec::new();
            if by_change {
                let change = put(&actor, seq, dependency);
                dependency = Some(change.hash());
                parts.push(Part::pack(item, None, None, Form::Changes, change.raw_bytes()).expect("packs"));
            }
            entries.push(stage.content(&anna, None, &after, parts));
        }
        entries.reverse();
        let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        let path = |entries: Vec<Entry>| Entries { channel: 1, device: anna.id(), chain: Chain::Content, entries };
        let world = World { now: 1_800_000_000, rng: &mut stage.rng };
        for entry in entries {
            stage.ben.receive(&stage.space, vec![path(vec![entry.entry])], &world).expect("receives");
        }
        let all = ids.iter().all(|id| state(&mut stage.ben, &stage.space, id) == Some(State::Applied));
        let looks = stage.ben.space(&stage.space).expect("space").waiting.looks;
        assert!(
            all && looks as u64 <= 3 * count,
            "applied {all}, {looks} looks at {count} entries, by change {by_change}"
        );
    }
}

/// Anna seals under a key that Ben does not have, and says it is of the epoch that he has.
#[test]
fn content_that_does_not_open_waits_for_another_key_and_is_not_opened_again_before() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let mut entry = stage.content(&anna, None, &base, Vec::new());
    let mut body = entry.entry.body.clone();
    body[30] ^= 1;
    entry = Entry::sign(&stage.space, anna.signing(), &entry.header.place(), body);
    stage.give(std::slice::from_ref(&entry));
    assert_eq!(state(&mut stage.ben, &stage.space, &entry.id), Some(State::Stored));
    let looked = stage.ben.space(&stage.space).expect("space").steps;
    stage.write("mine");
    stage.seal();
    let loaded = stage.ben.space(&stage.space).expect("space");
    assert_eq!(loaded.steps, looked, "nothing new, so nothing is opened");
}

/// Anna writes 36 000 values at once into what both share, in one small entry.
fn flood(stage: &mut Stage) {
    let (base, anna) = (stage.base.clone(), stage.anna());
    let item = domain::alliance::preimage(stage.device()).id();
    let doc = DocId { item, writer: Writer::Everyone };
    let prefix = author::actor_prefix(&anna.id(), &doc);
    let actor = |n: u64| ActorId::from([prefix, n.to_be_bytes()].concat());
    let raw: Vec<u8> = (0..36_000_u64).flat_map(|n| put(&actor(n), 1, None).raw_bytes().to_vec()).collect();
    let part = Part::pack(item, None, None, Form::Changes, &raw).expect("packs");
    let entry = stage.content(&anna, None, &base, vec![part]);
    stage.give(std::slice::from_ref(&entry));
    assert_eq!(state(&mut stage.ben, &stage.space, &entry.id), Some(State::Applied));
}

/// Whoever goes on from all of that has no room for anything else. Ben goes to another relay, with all that he has.
#[test]
fn an_alliance_in_which_nobody_can_write_any_more_keeps_no_other_space_from_another_relay() {
    let mut stage = Stage::new();
    flood(&mut stage);
    let url = "https://other.example";
    let mut world = World { now: 1_800_000_001, rng: &mut stage.rng };
    let set = stage.ben.set_relay(url, &mut world);
    let met = stage.ben.pin_relay(url, &alliance_replica::id::ReplicaKey::new([9; 32]), &mut world);
    assert!(set.is_ok() && met.is_ok(), "each connection ends, for all spaces: {set:?} {met:?}");
}

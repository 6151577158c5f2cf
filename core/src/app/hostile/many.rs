//! Good content and bad in one batch, large enough to be read ahead of its turn.

use super::*;
use crate::store::Tx;

/// What a profile makes of Anna's entries: each one's state, every item's row, and what was refused and why.
type Made = (Vec<Option<State>>, Vec<(ItemId, String)>, Vec<String>);

fn made(profile: &mut Profile, space: &SpaceId, entries: &[Verified]) -> Made {
    let states = entries.iter().map(|entry| state(profile, space, &entry.id)).collect();
    let read = |tx: &Tx<'_>| {
        let mut rows: Vec<_> = tx.rows(space, None, 10_000)?.into_iter().map(|row| (row.item, row.json)).collect();
        rows.sort();
        let told = tx.security()?.into_iter().map(|event| format!("{} {}", event.kind, event.about));
        let mut told: Vec<_> = told.collect();
        told.sort();
        Ok::<_, AppError>((rows, told))
    };
    let (rows, told) = profile.store.read(read).expect("reads");
    (states, rows, told)
}

/// Gives entries in batches of so many.
fn give_by(profile: &mut Profile, space: &SpaceId, entries: &[Verified], size: usize, rng: &mut ChaCha20Rng) {
    for batch in entries.chunks(size) {
        let path = |entry: &Verified| {
            let (device, chain) = (entry.device, entry.header.chain);
            Entries { channel: 1, device, chain, entries: vec![entry.entry.clone()] }
        };
        let paths = batch.iter().map(path).collect();
        profile.receive(space, paths, &World { now: 1_800_000_000, rng }).expect("receives");
        // Whoever stops between two batches goes on from the file.
        profile.unload();
    }
}

/// Anna's notes, each in two entries; among them what is no change, what another device made, a part that inflates
/// wrongly, and a body that no key opens. All of it counts, or not, as it does one by one, and in whatever batches.
#[test]
fn a_large_batch_is_judged_as_its_entries_are_one_by_one() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let stranger = DeviceSecret::generate(&mut stage.rng);
    let (mut entries, mut begun): (Vec<Verified>, Vec<(Preimage, Document)>) = (Vec::new(), Vec::new());
    for n in 0..60_usize {
        let words: String = (0..200).map(|word| format!("{:x} ", (n + 1) * 7_919 * (word + 3) * 104_729)).collect();
        let author = if n % 20 == 7 { &stranger } else { &anna };
        let (preimage, document, mut raw) = note(&mut stage, &anna, author, &words);
        if n % 20 == 3 {
            let middle = raw.len() / 2;
            raw[middle] ^= 0x10;
        }
        let mut parts = vec![part(&preimage, true, &raw)];
        if n % 20 == 11 {
            parts[0].length += 1;
        }
        let is_bad = [3, 7, 11, 15].contains(&(n % 20));
        if let Some((preimage, mut document)) = begun.pop_if(|_| !is_bad) {
            let before = document.heads();
            let mut editor = Editor { device: anna.id(), now: 2, rng: &mut stage.rng };
            let edit = Edit::Text("body".into(), "And more.".into());
            document.edit(&mut editor, &[edit]).expect("edits");
            let more: Vec<_> = document.changes(&before).iter().flat_map(|it| it.raw_bytes().to_vec()).collect();
            parts.push(part(&preimage, false, &more));
        }
        begun.extend((!is_bad).then_some((preimage, document)));
        let key = stage.key.clone();
        if n % 20 == 15 {
            stage.key = EpochKey::from_bytes(&[9; 32]);
        }
        // Forks of her own chain: what is refused takes nothing else with it.
        let entry = stage.content(&anna, None, &base, parts);
        stage.key = key;
        entries.push(entry);
    }
    let size: usize = entries.iter().map(|entry| entry.entry.body.len()).sum();
    assert!(size > 64 * 1024, "{size} bytes are few");
    let copies = [1, 7, 31].map(|size| (size, stage.copy()));
    let space = stage.space;
    stage.ben.set_helpers(apply::ahead::tests::two());
    give_by(&mut stage.ben, &space, &entries, entries.len(), &mut stage.rng);
    let all = made(&mut stage.ben, &space, &entries);
    for state in [State::Applied, State::Quarantined, State::Stored] {
        assert!(all.0.contains(&Some(state)), "{state:?}");
    }
    assert!(all.1.len() > 30 && all.2.len() > 5, "{} rows, {} refused", all.1.len(), all.2.len());
    for (size, (_folder, mut other)) in copies {
        give_by(&mut other, &space, &entries, size, &mut stage.rng);
        assert_eq!(made(&mut other, &space, &entries), all, "in batches of {size}");
    }
}

//! What is kept beyond a cut, how much of it there can be, and what a restart in the middle changes: nothing.

use super::*;

/// Seals any content of one of Anna's devices.
pub(super) fn sealed(stage: &mut Stage, author: &DeviceSecret, prev: Option<&Verified>, content: &Content) -> Verified {
    let prev = prev.map(Verified::head);
    let (place, body) =
        seal::seal(&stage.key, &stage.space, &author.id(), prev.as_ref(), &content.encode(), &mut stage.rng)
            .expect("seals");
    Entry::sign(&stage.space, author.signing(), &place, body)
}

fn made_up(count: usize, mark: u8) -> After {
    let head = |n: usize| {
        let mut id = [mark; 32];
        id[..8].copy_from_slice(&(n as u64).to_be_bytes());
        Head { device: DeviceId::new([mark; 32]), chain: Chain::Content, seq: n as u64 + 1, id: EntryId::new(id) }
    };
    After::new((0..count).map(head))
}

/// One entry names as many heads as it may and keeps as many others.
#[test]
fn an_entry_that_names_and_keeps_all_it_may_does_not_brick_the_profile() {
    let mut stage = Stage::new();
    let anna = stage.anna();
    let content = Content { after: made_up(512, 1), keeps: made_up(512, 2), ..Content::default() };
    let entry = sealed(&mut stage, &anna, None, &content);
    stage.give(std::slice::from_ref(&entry));
    stage.ben.unload();
    let result = stage.ben.space(&stage.space).map(|_| ());
    assert!(result.is_ok(), "the profile no longer opens: {result:?}");
}

/// Anna's phone depends on what her tablet wrote, and does not name it.
struct Silent {
    adds: [Verified; 2],
    cut: Verified,
    phone: DeviceSecret,
    written: Verified,
    depends: Verified,
    after: Vec<Head>,
}

fn silent(stage: &mut Stage) -> Silent {
    let (base, anna) = (stage.base.clone(), stage.anna());
    let (tablet, phone) = (DeviceSecret::generate(&mut stage.rng), DeviceSecret::generate(&mut stage.rng));
    let one = stage.add(&anna, None, &base, &tablet, None);
    let two = stage.add(&anna, Some(&one), &base, &phone, None);
    let cut = Record::Cut(Cut { device: tablet.id(), reason: Reason::Lost });
    let cut = control(&stage.space, &anna, Some(&two), &[], cut);
    let after: Vec<_> = base.iter().copied().chain([two.head()]).collect();
    let (preimage, mut document, raw) = note(stage, &tablet, &tablet, "on the tablet");
    let written = stage.content(&tablet, None, &after, vec![part(&preimage, true, &raw)]);
    let mut editor = Editor { device: phone.id(), now: 1, rng: &mut stage.rng };
    let changes = document.edit(&mut editor, &[Edit::Put("title".into(), Some("b".into()))]).expect("edits");
    let raw: Vec<_> = changes.iter().flat_map(|it| it.raw_bytes().to_vec()).collect();
    let depends = stage.content(&phone, None, &after, vec![part(&preimage, true, &raw)]);
    Silent { adds: [one, two], cut, phone, written, depends, after }
}

/// A cut makes an applied entry wait again. What the file says about it has to be the same.
#[test]
fn what_a_cut_makes_wait_waits_after_a_restart_as_well() {
    let mut stage = Stage::new();
    let Silent { adds: [one, two], cut, written, depends, .. } = silent(&mut stage);
    stage.give(&[one, two, written.clone(), depends.clone(), cut]);
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::SetAside));
    assert_eq!(state(&mut stage.ben, &stage.space, &depends.id), Some(State::Stored), "it waits");
    stage.ben.unload();
    assert_eq!(state(&mut stage.ben, &stage.space, &depends.id), Some(State::Stored), "after a restart");
}

/// The same; then both the other person and Ben write on, and one of Ben's replicas was restarted.
#[test]
fn a_restart_after_a_cut_splits_nobody_and_what_ben_writes_then_is_read() {
    let mut stage = Stage::new();
    let Silent { adds: [one, two], cut, phone, written, depends, after } = silent(&mut stage);
    let (_folder, mut other) = stage.copy();
    let all = [one, two, written, depends.clone(), cut];
    stage.give(&all);
    give(&mut other, &stage.space, &all, &mut stage.rng);
    stage.ben.unload();
    let (preimage, _, raw) = note(&mut stage, &phone, &phone, "another note");
    let more = stage.content(&phone, Some(&depends), &after, vec![part(&preimage, true, &raw)]);
    stage.give(std::slice::from_ref(&more));
    give(&mut other, &stage.space, std::slice::from_ref(&more), &mut stage.rng);
    stage.write("mine");
    stage.seal();
    let device = stage.device();
    let mine = stage.ben.space(&stage.space).expect("space").row.last.expect("sealed");
    let sealed = written_by(&mut stage.ben, &stage.space, &device, &mut other);
    give(&mut other, &stage.space, &sealed, &mut stage.rng);
    let here = (state(&mut stage.ben, &stage.space, &more.id), state(&mut stage.ben, &stage.space, &mine));
    let there = (state(&mut other, &stage.space, &more.id), state(&mut other, &stage.space, &mine));
    assert_eq!(here, there, "Anna's next entry, and what Ben sealed");
    assert_eq!(stage.ben.heads(stage.space).expect("heads"), other.heads(stage.space).expect("heads"));
}

/// Ben typed twice in one note: before and after Anna's tablet did. What the tablet wrote can never count. The first of
/// Ben's intents depends on nothing of it.
#[test]
fn an_intent_before_one_that_cannot_go_goes() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let (preimage, mut document, raw) = note(&mut stage, &anna, &anna, "a");
    let first = stage.content(&anna, None, &base, vec![part(&preimage, true, &raw)]);
    let tablet = DeviceSecret::generate(&mut stage.rng);
    let add = stage.add(&anna, None, &base, &tablet, None);
    let mut editor = Editor { device: tablet.id(), now: 1, rng: &mut stage.rng };
    let changes = document.edit(&mut editor, &[Edit::Put("title".into(), Some("b".into()))]).expect("edits");
    let raw: Vec<_> = changes.iter().flat_map(|it| it.raw_bytes().to_vec()).collect();
    let after: Vec<_> = base.iter().copied().chain([add.head(), first.head()]).collect();
    let written = stage.content(&tablet, None, &after, vec![part(&preimage, false, &raw)]);
    stage.give(&[add, first]);
    stage.type_in(preimage.id(), "a, and Ben");
    stage.give(std::slice::from_ref(&written));
    stage.type_in(preimage.id(), "a, and Ben, and more");
    assert_eq!(stage.waiting(), 2);
    let Profile { store, spaces, documents, .. } = &mut stage.ben;
    store
        .write::<_, AppError>(|tx| {
            let space = receive::loaded(spaces, tx, &stage.space)?;
            let record = tablet.added(&stage.space, &space.row.member, AddedRole::Ordinary, None);
            space.append(tx, Record::AddDevice(record))?;
            let since = apply::Since { control: true, ..Default::default() };
            apply::settle(tx, space, documents, since, 1_800_000_002)?;
            space.store_row(tx)
        })
        .expect("claims");
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::SetAside));
    stage.seal();
    assert_eq!(stage.waiting(), 1, "the first intent depends on nothing that is set aside");
}

/// A cut tablet and its owner's other device feed one entry at a time: written beyond the cut, then kept.
#[test]
fn keeping_one_entry_at_a_time_costs_no_rebuild_of_everything_each() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let mut tip: Option<Verified> = None;
    for n in 0..100 {
        let (preimage, _, raw) = note(&mut stage, &anna, &anna, &format!("note {n}"));
        let entry = stage.content(&anna, tip.as_ref(), &base, vec![part(&preimage, true, &raw)]);
        stage.give(std::slice::from_ref(&entry));
        tip = Some(entry);
    }
    let tablet = DeviceSecret::generate(&mut stage.rng);
    let add = stage.add(&anna, None, &base, &tablet, None);
    let cut = Record::Cut(Cut { device: tablet.id(), reason: Reason::Lost });
    let cut = control(&stage.space, &anna, Some(&add), &[], cut);
    let after: Vec<_> = base.iter().copied().chain([add.head()]).collect();
    stage.give(&[add, cut]);
    let before = stage.ben.space(&stage.space).expect("space").steps;
    let mut written: Option<Verified> = None;
    for _ in 0..10 {
        let beyond = stage.content(&tablet, written.as_ref(), &after, Vec::new());
        stage.give(std::slice::from_ref(&beyond));
        let content = Content { keeps: After::new([beyond.head()]), ..Content::default() };
        let keeps = sealed(&mut stage, &anna, tip.as_ref(), &content);
        stage.give(std::slice::from_ref(&keeps));
        written = Some(beyond);
        tip = Some(keeps);
    }
    let steps = stage.ben.space(&stage.space).expect("space").steps - before;
    assert!(steps < 200, "20 empty entries on 100 took {steps} steps");
}

/// Ben typed upon more entries of a cut tablet than one entry can keep: an honest tablet that was offline for long.
#[test]
fn more_than_one_entry_can_keep_is_kept_by_several() {
    keeps_all(true);
}

/// The same, but each of these entries is a branch: what Ben seals names more heads than anybody reads.
#[test]
fn more_branches_than_one_entry_can_keep_do_not_stop_sealing() {
    keeps_all(false);
}

fn keeps_all(chained: bool) {
    let mut stage = Stage::new();
    let Beyond { before, cut, all, notes } = many_beyond_a_cut(&mut stage, 520, chained);
    let (_folder, mut other) = stage.copy();
    stage.give(std::slice::from_ref(&before));
    stage.give(&all);
    for item in notes {
        stage.type_in(item, "and by Ben");
    }
    stage.give(std::slice::from_ref(&cut));
    stage.seal();
    let device = stage.device();
    let mine = stage.ben.space(&stage.space).expect("space").row.last.expect("sealed");
    assert_eq!(state(&mut stage.ben, &stage.space, &mine), Some(State::Applied), "for Ben himself");
    let sealed = written_by(&mut stage.ben, &stage.space, &device, &mut other);
    give(&mut other, &stage.space, &[before, cut], &mut stage.rng);
    give(&mut other, &stage.space, &all, &mut stage.rng);
    give(&mut other, &stage.space, &sealed, &mut stage.rng);
    assert_eq!(state(&mut other, &stage.space, &mine), Some(State::Applied), "for others");
    stage.ben.unload();
    assert!(stage.ben.space(&stage.space).is_ok(), "opens again");
}

struct Beyond {
    before: Verified,
    cut: Verified,
    all: Vec<Verified>,
    notes: Vec<ItemId>,
}

fn many_beyond_a_cut(stage: &mut Stage, count: usize, chained: bool) -> Beyond {
    let (base, anna) = (stage.base.clone(), stage.anna());
    let tablet = DeviceSecret::generate(&mut stage.rng);
    let before = stage.add(&anna, None, &base, &tablet, None);
    let cut = Record::Cut(Cut { device: tablet.id(), reason: Reason::Lost });
    let cut = control(&stage.space, &anna, Some(&before), &[], cut);
    let after: Vec<_> = base.iter().copied().chain([before.head()]).collect();
    let (mut all, mut notes) = (Vec::<Verified>::new(), Vec::new());
    for _ in 0..count {
        let (preimage, _, raw) = note(stage, &tablet, &tablet, "t");
        let prev = if chained { all.last().cloned() } else { None };
        all.push(stage.content(&tablet, prev.as_ref(), &after, vec![part(&preimage, true, &raw)]));
        notes.push(preimage.id());
    }
    Beyond { before, cut, all, notes }
}

/// What was refused is judged anew after an update. Until then, and when it is refused again, it endorses nothing.
#[test]
fn what_is_refused_again_after_an_update_keeps_nothing() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let tablet = DeviceSecret::generate(&mut stage.rng);
    let add = stage.add(&anna, None, &base, &tablet, None);
    let cut = Record::Cut(Cut { device: tablet.id(), reason: Reason::Lost });
    let cut = control(&stage.space, &anna, Some(&add), &[], cut);
    let after: Vec<_> = base.iter().copied().chain([add.head()]).collect();
    let (preimage, _, raw) = note(&mut stage, &tablet, &tablet, "on the tablet");
    let written = stage.content(&tablet, None, &after, vec![part(&preimage, true, &raw)]);
    let member = stage.ben.space(&stage.space).expect("space").row.member;
    let mut foreign = part(&preimage, true, &raw);
    foreign.writer = Some(member);
    let content = Content { after: After::new(after), parts: vec![foreign], keeps: After::new([written.head()]) };
    let keeps = sealed(&mut stage, &anna, None, &content);
    stage.give(&[add, cut.clone(), written.clone(), keeps.clone()]);
    assert_eq!(state(&mut stage.ben, &stage.space, &keeps.id), Some(State::Quarantined));
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::SetAside));
    stage.ben.store.write::<_, AppError>(|tx| Ok(tx.forgive_entries()?)).expect("forgives");
    stage.ben.unload();
    // Whatever makes this device look at what counts.
    let other = stage.add(&stage.anna(), Some(&cut), &[], &DeviceSecret::from_bytes(&[5; 64]), None);
    stage.give(&[other]);
    assert_eq!(state(&mut stage.ben, &stage.space, &keeps.id), Some(State::Quarantined), "again");
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::SetAside), "still");
    assert!(!stage.ben.space(&stage.space).expect("space").contents.contains(&keeps.id), "it endorses");
}

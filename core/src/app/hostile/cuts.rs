//! Devices that are cut while others write.

use super::*;

/// What Anna's tablet wrote, and the cut of it, which does not know of that.
struct Beyond {
    tablet: DeviceSecret,
    preimage: Preimage,
    before: Verified,
    cut: Verified,
    written: Verified,
}

fn beyond_a_cut(stage: &mut Stage) -> Beyond {
    let (base, anna) = (stage.base.clone(), stage.anna());
    let tablet = DeviceSecret::generate(&mut stage.rng);
    let before = stage.add(&anna, None, &base, &tablet, None);
    let cut = Record::Cut(Cut { device: tablet.id(), reason: Reason::Lost });
    let cut = control(&stage.space, &anna, Some(&before), &[], cut);
    let after: Vec<_> = base.iter().copied().chain([before.head()]).collect();
    let (preimage, _, raw) = note(stage, &tablet, &tablet, "on the tablet");
    let written = stage.content(&tablet, None, &after, vec![part(&preimage, true, &raw)]);
    Beyond { tablet, preimage, before, cut, written }
}

/// Anna's tablet is cut; her phone, which had not heard of it, names what the tablet wrote beyond the cut.
#[test]
fn an_endorsement_that_comes_last_counts_as_one_that_comes_first() {
    let mut stage = Stage::new();
    let (base, anna) = (stage.base.clone(), stage.anna());
    let (tablet, phone) = (DeviceSecret::generate(&mut stage.rng), DeviceSecret::generate(&mut stage.rng));
    let one = stage.add(&anna, None, &base, &tablet, None);
    let two = stage.add(&anna, Some(&one), &base, &phone, None);
    let cut = Record::Cut(Cut { device: tablet.id(), reason: Reason::Lost });
    let cut = control(&stage.space, &anna, Some(&two), &[], cut);
    let after: Vec<_> = base.iter().copied().chain([two.head()]).collect();
    let (preimage, _, raw) = note(&mut stage, &tablet, &tablet, "on the tablet");
    let written = stage.content(&tablet, None, &after, vec![part(&preimage, true, &raw)]);
    let named: Vec<_> = after.iter().copied().chain([written.head()]).collect();
    let endorses = stage.content(&phone, None, &named, Vec::new());
    let (_folder, mut other) = stage.copy();
    stage.give(&[one.clone(), two.clone(), written.clone(), endorses.clone(), cut.clone()]);
    give(&mut other, &stage.space, &[one, two, cut, written.clone(), endorses], &mut stage.rng);
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::Applied));
    other.unload();
    assert_eq!(state(&mut other, &stage.space, &written.id), Some(State::Applied));
    assert_eq!(stage.ben.heads(stage.space).expect("heads"), other.heads(stage.space).expect("heads"));
}

/// Anna's tablet writes an item in her own facet, then in everyone's, and is cut. Ben had read that: for him the second
/// counts, and of the first nothing does but what the item is.
#[test]
fn what_an_item_is_comes_also_with_what_does_not_count() {
    let mut stage = Stage::new();
    let Beyond { tablet, before, cut, .. } = beyond_a_cut(&mut stage);
    let preimage = Preimage::new(KindName::parse("goal").expect("kind"), None, tablet.id(), &mut stage.rng);
    let mut written = |writer: Writer, field: &str| {
        let doc = DocId { item: preimage.id(), writer };
        let mut document = Document::new(doc, domain::schema(&preimage, writer));
        let mut editor = Editor { device: tablet.id(), now: 1, rng: &mut stage.rng };
        let changes = document.edit(&mut editor, &[Edit::Put(field.into(), Some("words".into()))]).expect("edits");
        let raw: Vec<_> = changes.iter().flat_map(|it| it.raw_bytes().to_vec()).collect();
        let introduces = (writer != Writer::Everyone).then(|| preimage.encode());
        Part::pack(preimage.id(), writer.member(), introduces, Form::Changes, &raw).expect("packs")
    };
    let [own, shared] = [written(Writer::Only(stage.member), "importance"), written(Writer::Everyone, "title")];
    let after: Vec<_> = stage.base.iter().copied().chain([before.head()]).collect();
    let first = stage.content(&tablet, None, &after, vec![own]);
    let second = stage.content(&tablet, Some(&first), &after, vec![shared]);
    let (_folder, mut other) = stage.copy();
    stage.give(&[before.clone(), first.clone(), second.clone()]);
    stage.write("Ben's");
    stage.seal();
    let device = stage.device();
    let bens = written_by(&mut stage.ben, &stage.space, &device, &mut other);
    stage.give(std::slice::from_ref(&cut));
    // The other one hears of the cut before all that was written.
    give(&mut other, &stage.space, &[before, cut, first, second.clone()], &mut stage.rng);
    give(&mut other, &stage.space, &bens, &mut stage.rng);
    assert_eq!(state(&mut other, &stage.space, &second.id), Some(State::Applied));
    let last = bens.last().expect("Ben's note").id;
    assert_eq!(state(&mut other, &stage.space, &last), Some(State::Applied), "it waits for nothing");
    assert_eq!(stage.ben.heads(stage.space).expect("heads"), other.heads(stage.space).expect("heads"));
}

/// Ben types into a note that Anna's tablet wrote beyond its cut, before he hears of the cut; then he seals.
#[test]
fn what_was_typed_upon_something_set_aside_later_reaches_others() {
    let mut stage = Stage::new();
    let Beyond { preimage, before, cut, written, .. } = beyond_a_cut(&mut stage);
    let (_folder, mut other) = stage.copy();
    stage.give(&[before.clone(), written.clone()]);
    stage.type_in(preimage.id(), "on the tablet and by Ben");
    stage.give(std::slice::from_ref(&cut));
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::Applied), "it is kept");
    stage.ben.unload();
    stage.seal();
    assert_eq!(stage.waiting(), 0);
    let device = stage.device();
    let mine = stage.ben.space(&stage.space).expect("space").row.last.expect("sealed");
    let sealed = written_by(&mut stage.ben, &stage.space, &device, &mut other);
    give(&mut other, &stage.space, &[before, cut, written.clone()], &mut stage.rng);
    assert_eq!(state(&mut other, &stage.space, &written.id), Some(State::SetAside), "nobody keeps it there");
    give(&mut other, &stage.space, &sealed, &mut stage.rng);
    for profile in [&mut stage.ben, &mut other] {
        profile.unload();
        assert_eq!(state(profile, &stage.space, &mine), Some(State::Applied), "what Ben sealed");
        assert_eq!(state(profile, &stage.space, &written.id), Some(State::Applied), "what he typed upon");
        assert!(profile.space(&stage.space).expect("space").kept.is_empty());
    }
    let heads = stage.ben.heads(stage.space).expect("heads");
    assert!(heads.contains_key(&preimage.id()));
    assert_eq!(heads, other.heads(stage.space).expect("heads"));
}

/// The same, but the tablet's key turns out to belong to two people, so to nobody: what it wrote can never count.
#[test]
fn what_was_typed_upon_something_that_nobody_can_keep_waits_and_stops_nothing_else() {
    let mut stage = Stage::new();
    let Beyond { tablet, preimage, before, written, .. } = beyond_a_cut(&mut stage);
    let (_folder, mut other) = stage.copy();
    stage.give(&[before.clone(), written.clone()]);
    stage.type_in(preimage.id(), "on the tablet and by Ben");
    let Profile { store, spaces, documents, .. } = &mut stage.ben;
    let claim = store
        .write::<_, AppError>(|tx| {
            let space = receive::loaded(spaces, tx, &stage.space)?;
            let record = tablet.added(&stage.space, &space.row.member, AddedRole::Ordinary, None);
            let claim = space.append(tx, Record::AddDevice(record))?;
            let cut = space.append(tx, Record::Cut(Cut { device: tablet.id(), reason: Reason::Lost }))?;
            let since = apply::Since { control: true, ..Default::default() };
            apply::settle(tx, space, documents, since, 1_800_000_002)?;
            space.store_row(tx)?;
            Ok([claim, cut])
        })
        .expect("claims");
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::SetAside));
    stage.write("something else");
    stage.seal();
    assert_eq!(stage.waiting(), 1, "what was typed is still there");
    let kinds: Vec<_> = stage.ben.security().expect("reads").into_iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&"waiting-change-set-aside".to_owned()), "{kinds:?}");
    let device = stage.device();
    let sealed = written_by(&mut stage.ben, &stage.space, &device, &mut other);
    assert!(claim.iter().all(|id| sealed.iter().any(|entry| entry.id == *id)));
    let last = sealed.last().expect("sealed").id;
    give(&mut other, &stage.space, &[before, written], &mut stage.rng);
    give(&mut other, &stage.space, &sealed, &mut stage.rng);
    assert_eq!(state(&mut other, &stage.space, &last), Some(State::Applied), "what Ben sealed");
    stage.ben.unload();
    stage.seal();
    assert_eq!(stage.waiting(), 1);
}

/// Ben wrote in a note twice and sealed it; what he typed then waits when a cut sets something else aside.
#[test]
fn what_waits_does_not_keep_what_was_sealed_before_it_out_of_a_document() {
    let mut stage = Stage::new();
    let Beyond { before, cut, written, .. } = beyond_a_cut(&mut stage);
    stage.write("a note");
    stage.seal();
    let loaded = stage.ben.space(&stage.space).expect("space");
    let last = loaded.row.last.expect("sealed");
    let items = stage.ben.list(stage.space, domain::note::KIND.name, true).expect("lists");
    let item = items.iter().find(|it| it.title == "a note").expect("there").item.item;
    stage.type_in(item, "words, and more");
    stage.seal();
    let second = stage.ben.space(&stage.space).expect("space").row.last.expect("sealed");
    assert_ne!(last, second);
    stage.type_in(item, "words, and more, and some that wait");
    stage.give(&[before, written.clone(), cut]);
    assert_eq!(state(&mut stage.ben, &stage.space, &written.id), Some(State::SetAside));
    for sealed in [last, second] {
        assert_eq!(state(&mut stage.ben, &stage.space, &sealed), Some(State::Applied));
    }
    let shown = stage.ben.text(&ItemRef { space: stage.space, item }, "body").expect("reads");
    assert_eq!(shown.text, "words, and more, and some that wait");
}

/// Anna names, and keeps, an entry at place 0 of a chain, where none can be, while something is set aside.
#[test]
fn content_that_names_a_place_before_the_first_is_refused_at_once() {
    let mut stage = Stage::new();
    let anna = stage.anna();
    let Beyond { before, cut, written, .. } = beyond_a_cut(&mut stage);
    stage.give(&[before, cut, written]);
    let nothing = Head { device: anna.id(), chain: Chain::Content, seq: 0, id: EntryId::new([9; 32]) };
    let after = stage.content(&anna, None, &[nothing], Vec::new());
    let content = Content { keeps: After::new([nothing]), ..Content::default() };
    let keeps = kept::sealed(&mut stage, &anna, None, &content);
    for entry in [after, keeps] {
        stage.give(std::slice::from_ref(&entry));
        assert_eq!(state(&mut stage.ben, &stage.space, &entry.id), Some(State::Quarantined));
    }
}

/// A tablet of Ben's, whose keys somebody else has.
fn stolen_tablet(stage: &mut Stage) -> DeviceSecret {
    let tablet = DeviceSecret::generate(&mut stage.rng);
    let of = stage.space;
    let Profile { store, spaces, .. } = &mut stage.ben;
    store
        .write::<_, AppError>(|tx| {
            let space = receive::loaded(spaces, tx, &of)?;
            let record = tablet.added(&of, &space.row.member, AddedRole::Ordinary, None);
            space.append(tx, Record::AddDevice(record))?;
            space.store_row(tx)
        })
        .expect("adds");
    stage.seal();
    tablet
}

/// Whoever has the tablet writes as much into Ben's part of the log as it holds. Then he cuts it, and has words that wait.
#[test]
fn a_thief_who_fills_the_log_does_not_keep_the_cut_out_of_it() {
    for words in [false, true] {
        let mut stage = Stage::new();
        let tablet = stolen_tablet(&mut stage);
        let mut after = stage.ben.space(&stage.space).expect("space").log.after(None).0;
        after.retain(|head| head.chain == Chain::Control);
        let mut path: Vec<Verified> = Vec::new();
        for _ in 0..alliance_replica::limits::CONTROL_ENTRIES {
            let record = Record::Unknown { kind: 77, body: vec![0x80] };
            let named: &[Head] = if path.is_empty() { &after } else { &[] };
            path.push(control(&stage.space, &tablet, path.last(), named, record));
        }
        let entries = path.into_iter().map(|it| it.entry).collect();
        let path = Entries { channel: 1, device: tablet.id(), chain: Chain::Control, entries };
        let mut world = World { now: 1_800_000_000, rng: &mut stage.rng };
        assert!(stage.ben.receive(&stage.space, vec![path], &world).expect("receives").passed_over, "it is full");
        stage.ben.cut_device(stage.space, tablet.id(), Reason::Lost).expect("his own");
        if words {
            stage.ben.add(Place::Alliance(stage.space), &note_intent("waits", "words"), &mut world).expect("writes");
        }
        let sealed = stage.ben.seal(&stage.space, NOTHING, &mut world);
        stage.ben.unload();
        let fold = stage.ben.space(&stage.space).expect("space").log.fold();
        assert!(!fold.device(&tablet.id()).expect("known").live, "with words: {words}; the gate said {sealed:?}");
    }
}

/// Ben cuts a tablet that somebody else has; a relay names something that never comes, so that the cut waits.
#[test]
fn nothing_is_sealed_for_a_device_that_is_to_be_cut() {
    let mut stage = Stage::new();
    let tablet = stolen_tablet(&mut stage);
    stage.write("before");
    stage.seal();
    stage.ben.cut_device(stage.space, tablet.id(), Reason::Lost).expect("his own");
    stage.write("not for whoever has the tablet");
    let mut world = World { now: 1_800_000_000, rng: &mut stage.rng };
    stage.ben.seal(&stage.space, Came { received: false, all: false }, &mut world).expect("seals");
    let loaded = stage.ben.space(&stage.space).expect("space");
    let fold = loaded.log.fold();
    let is_cut = !fold.device(&tablet.id()).expect("known").live;
    let usable = fold.usable_epochs(&loaded.device());
    let reads = usable.iter().any(|epoch| fold.holders(epoch).contains(&tablet.id()));
    assert!(
        is_cut || stage.waiting() > 0,
        "it is sealed, and the tablet is not cut; the tablet holds its key: {reads}"
    );
}

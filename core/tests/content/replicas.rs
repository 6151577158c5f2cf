//! Replicas that write offline and exchange what they wrote in random order end with the same items, and lose nothing.

use std::collections::{BTreeMap, BTreeSet};

use alliance_core::{
    document::{ApplyError, Believed, DocId, Document, Edit, Editor, Form, Incoming, Preimage, TextEdit, Writer},
    domain::{Facets, Plan, goal, note, schema},
    view::{Device, Row, derive},
};
use alliance_replica::id::{DeviceId, MemberId};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// What one device wrote to one facet with one intent.
#[derive(Clone)]
struct Part {
    preimage: Preimage,
    writer: Writer,
    author: Device,
    /// Operations that the author had.
    known: u64,
    raw: Vec<u8>,
}

#[derive(Default)]
struct Replica {
    items: BTreeMap<[u8; 16], (Preimage, BTreeMap<Writer, Document>)>,
    seen: usize,
    waiting: Vec<Part>,
}

impl Replica {
    fn facet(&mut self, preimage: &Preimage, writer: Writer) -> &mut Document {
        let item = preimage.id();
        let new = || (preimage.clone(), BTreeMap::new());
        let (_, facets) = self.items.entry(*item.as_bytes()).or_insert_with(new);
        facets.entry(writer).or_insert_with(|| Document::new(DocId { item, writer }, schema(preimage, writer)))
    }

    fn carry_out(&mut self, preimage: &Preimage, plan: &Plan, author: Device, rng: &mut ChaCha20Rng) -> Vec<Part> {
        let mut parts = Vec::new();
        for (writer, edits) in &plan.0 {
            let facet = self.facet(preimage, *writer);
            let known = facet.ops();
            let changes = facet.edit(&mut Editor { device: author.0, now: 5, rng }, edits).unwrap();
            let raw = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
            parts.push(Part { preimage: preimage.clone(), writer: *writer, author, known, raw });
        }
        parts
    }

    /// True if the part could be applied now.
    fn receive(&mut self, part: &Part) -> bool {
        let (item, encoded) = (part.preimage.id(), part.preimage.encode());
        let lineage = [part.author.0];
        let incoming = Incoming {
            doc: DocId { item, writer: part.writer },
            form: Form::Changes,
            raw: &part.raw,
            preimage: Some(&encoded),
            member: part.author.1,
            lineage: &lineage,
        };
        let Believed { changes, before, .. } = incoming.check().unwrap();
        assert!(before <= part.known);
        match self.facet(&part.preimage, part.writer).apply(changes) {
            Ok(applied) => {
                assert!(applied.left_out.is_empty());
                true
            }
            Err(ApplyError::MissingDependency { .. }) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn rows(&self, devices: &[Device]) -> Vec<Row> {
        let row = |(preimage, facets): &(Preimage, BTreeMap<Writer, Document>)| {
            let facets: Facets<'_> = facets.iter().map(|(writer, document)| (*writer, document)).collect();
            derive(preimage, &facets, devices, false)
        };
        self.items.values().map(row).collect()
    }
}

struct World {
    replicas: Vec<Replica>,
    devices: Vec<Device>,
    log: Vec<Part>,
    written: usize,
    words: Vec<String>,
    /// For each item the titles that nobody who knew them replaced.
    titles: BTreeMap<[u8; 16], BTreeSet<String>>,
    rng: ChaCha20Rng,
}

impl World {
    fn new(seed: u64) -> Self {
        // Anna has two devices, Ben has one.
        let member = |n| MemberId::of(&DeviceId::new([n; 32]));
        let devices = vec![
            (DeviceId::new([1; 32]), member(1)),
            (DeviceId::new([2; 32]), member(2)),
            (DeviceId::new([3; 32]), member(1)),
        ];
        let replicas = devices.iter().map(|_| Replica::default()).collect();
        Self {
            replicas,
            devices,
            log: Vec::new(),
            written: 0,
            words: Vec::new(),
            titles: BTreeMap::new(),
            rng: ChaCha20Rng::seed_from_u64(seed),
        }
    }

    fn pick(&mut self, n: usize) -> usize {
        self.rng.next_u32() as usize % n
    }

    /// Somebody writes something, without taking a word away from anybody.
    fn write(&mut self, who: usize) {
        let (device, me) = self.devices[who];
        self.written += 1;
        let word = format!("word{}", self.written);
        let there: Vec<_> = self.replicas[who].items.values().map(|(preimage, _)| preimage.clone()).collect();
        let (preimage, plan) = if there.is_empty() || self.pick(6) == 0 {
            self.words.push(word.clone());
            let body = format!("{word} ");
            let add = note::Intent::Add(note::Add { title: word.clone(), body: body.clone(), ..note::Add::default() });
            let goal = goal::Intent::Add(goal::Add { title: word, why: body, both: who == 2, ..goal::Add::default() });
            let (kind, owner, plan) = match self.pick(2) {
                0 => ("note", None, add.plan().unwrap()),
                _ => ("goal", goal.owner(me), goal.plan(goal.owner(me), me, &Facets::new()).unwrap()),
            };
            let kind = alliance_core::document::KindName::parse(kind).unwrap();
            (Preimage::new(kind, owner, device, &mut self.rng), plan)
        } else {
            let preimage = there[self.pick(there.len())].clone();
            let plan = self.edit(&preimage, who, me, word);
            (preimage, plan)
        };
        self.retitle(who, &preimage, &plan);
        let parts = self.replicas[who].carry_out(&preimage, &plan, (device, me), &mut self.rng);
        self.log.extend(parts);
    }

    fn edit(&mut self, preimage: &Preimage, who: usize, me: MemberId, word: String) -> Plan {
        let item = preimage.id();
        let field = if preimage.kind.as_str() == "note" { "body" } else { "why" };
        let (choice, at) = (self.pick(6), self.pick(1000));
        let facet = self.replicas[who].facet(preimage, Writer::Everyone);
        let (text, heads) = (facet.text(field), facet.heads());
        let mut words: Vec<_> = text.split_inclusive(' ').map(str::to_owned).collect();
        words.insert(at % (words.len() + 1), format!("{word} "));
        let text = TextEdit { from: (choice == 1).then_some(heads), text: words.concat() };
        if choice < 3 {
            self.words.push(word.clone());
        }
        match (field, choice) {
            ("body", 0..3) => {
                note::Intent::Edit { item, edit: note::Edit { body: Some(text), ..note::Edit::default() } }.plan()
            }
            ("body", 3) => {
                note::Intent::Edit { item, edit: note::Edit { title: Some(word), ..note::Edit::default() } }.plan()
            }
            ("body", 4) => {
                note::Intent::Edit { item, edit: note::Edit { tag: vec!["a".into()], ..note::Edit::default() } }.plan()
            }
            ("body", _) => {
                note::Intent::Edit { item, edit: note::Edit { untag: vec!["a".into()], ..note::Edit::default() } }
                    .plan()
            }
            (_, choice) => {
                let edit = match choice {
                    0..3 => goal::Edit { why: Some(text), ..goal::Edit::default() },
                    3 => goal::Edit { title: Some(word), ..goal::Edit::default() },
                    _ if preimage.owner.is_none_or(|owner| owner == me) => {
                        goal::Edit::status(goal::STATUSES[at % 5], Some(word.as_str().into()))
                    }
                    _ => goal::Edit { area: vec!["health".into()], ..goal::Edit::default() },
                };
                goal::Intent::Edit { item, edit }.plan(preimage.owner, me, &Facets::new())
            }
        }
        .unwrap()
    }

    fn retitle(&mut self, who: usize, preimage: &Preimage, plan: &Plan) {
        for edit in plan.0.get(&Writer::Everyone).into_iter().flatten() {
            let Edit::Put(field, Some(title)) = edit else { continue };
            if field == "title" {
                let titles = self.titles.entry(*preimage.id().as_bytes()).or_default();
                let known = self.replicas[who].facet(preimage, Writer::Everyone).register("title");
                for value in known.values() {
                    titles.remove(&value.scalar.to_string());
                }
                titles.insert(title.to_string());
            }
        }
    }

    /// A replica gets everything it has not got, in random order, each part as often as it takes.
    fn pull(&mut self, who: usize) {
        let seen = std::mem::replace(&mut self.replicas[who].seen, self.log.len());
        let mut parts = std::mem::take(&mut self.replicas[who].waiting);
        parts.extend_from_slice(&self.log[seen..]);
        parts.sort_by_cached_key(|_| self.rng.next_u64());
        while !parts.is_empty() {
            let before = parts.len();
            parts.retain(|part| !self.replicas[who].receive(part));
            assert!(parts.len() < before, "parts wait for what nobody has");
        }
    }
}

#[test]
fn replicas_that_exchange_in_any_order_show_the_same_and_lose_no_word() {
    let mut conflicts = 0;
    for seed in 0..40 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            let who = world.pick(3);
            if world.pick(5) == 0 { world.pull(who) } else { world.write(who) }
        }
        (0..3).for_each(|who| world.pull(who));
        let rows: Vec<_> = world.replicas.iter().map(|replica| replica.rows(&world.devices)).collect();
        assert_eq!(rows[0], rows[1], "seed {seed}");
        assert_eq!(rows[1], rows[2], "seed {seed}");
        let text: Vec<_> = rows[0]
            .iter()
            .flat_map(|row| [row.text(Writer::Everyone, "body"), row.text(Writer::Everyone, "why")])
            .collect();
        let found: BTreeSet<_> = text.iter().flat_map(|text| text.split(' ')).collect();
        for word in &world.words {
            assert!(found.contains(word.as_str()), "seed {seed}: {word} is lost");
        }
        for row in &rows[0] {
            let values =
                row.conflicts.iter().filter(|conflict| conflict.field == "title").flat_map(|conflict| &conflict.values);
            let shown = values.map(|choice| choice.value.to_string()).chain([row.title.clone()]);
            assert_eq!(shown.collect::<BTreeSet<_>>(), world.titles[row.item.as_bytes()], "seed {seed}");
            let written =
                row.conflicts.iter().flat_map(|conflict| &conflict.values).all(|choice| choice.member.is_some());
            assert!(written, "seed {seed}: nobody wrote a value");
            conflicts += row.conflicts.len();
        }
    }
    assert!(conflicts > 10, "only {conflicts} conflicts");
}

//! The seeds of each target: small inputs that are right or nearly, made from fixed seeds and from the vectors.

use std::{collections::BTreeMap, fs, path::Path};

use alliance_core::{
    document::{Edit, Preimage, Scalar, Writer},
    domain::KINDS,
    keys::{Content, Form, Part},
};
use alliance_replica::{
    exchange::frame::{Ack, Entries, Frame, Have, HeldHead},
    log::{
        chain::State,
        entry::{Entry, Header},
        heads::{After, Chain},
    },
    wire,
};
use data_encoding::HEXLOWER;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value;

use super::{
    backups, chunks,
    stage::{self, Stage},
    views,
};
use crate::forge::bomb;

/// Most bytes of a seed.
const LARGEST: usize = 4 * 1024;

/// The seeds of every target, by their names.
///
/// # Panics
/// If the vectors are not there.
pub fn seeds() -> BTreeMap<(&'static str, String), Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let vectors = Vectors::read();
    stage::with(|stage| {
        let mut add = |target, name: &str, bytes: Vec<u8>| {
            if bytes.len() <= LARGEST {
                let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                seeds.insert((target, name), bytes);
            }
        };
        records(stage, &vectors, &mut add);
        frames(stage, &vectors, &mut add);
        people(stage, &vectors, &mut add);
        documents(&vectors, &mut add);
        files(&mut add);
        backups::seeds().into_iter().for_each(|(name, bytes)| add("backup", name, bytes));
    });
    seeds
}

type Add<'a> = dyn FnMut(&'static str, &str, Vec<u8>) + 'a;

fn records(stage: &Stage, vectors: &Vectors, add: &mut Add<'_>) {
    for (n, (_, entry)) in stage.entries.iter().enumerate() {
        add("entry", &format!("stage-{n:02}"), wire::encode(entry));
        let header = Header::decode(&entry.header).expect("an honest header");
        if header.chain == Chain::Control {
            add("control", &format!("stage-{n:02}"), entry.body.clone());
        }
    }
    for (name, record) in vectors.of("records", "/records") {
        add("control", &name, hex(&record["body"]));
    }
    for (name, control) in vectors.of("invalid", "/controls") {
        add("control", &name, hex(&control["body"]));
    }
    let signature = stage.entries[0].1.signature;
    for (name, header) in vectors.of("invalid", "/headers") {
        add("entry", &name, wire::encode(&Entry { header: hex(&header["bytes"]), signature, body: vec![0xa0] }));
    }
}

fn frames(stage: &Stage, vectors: &Vectors, add: &mut Add<'_>) {
    let at = |when: u8, frame: &[u8]| [&[when][..], frame].concat();
    for (name, frame) in vectors.of("frames", "/frames").into_iter().chain(vectors.of("invalid", "/frames")) {
        add("frame", &name, at(2, &hex(&frame["bytes"])));
    }
    for (name, frame) in vectors.of("handshake", "/frames") {
        add("frame", &name, at(u8::from(!name.contains("ello")), &hex(&frame["bytes"])));
    }
    let log = stage.log();
    let heads: Vec<_> = log.chains().held_heads();
    let have = Have { channel: 1, heads: heads.clone(), floor: log.chains().floors(), back: Vec::new() };
    let nothing = Have { channel: 1, ..Have::default() };
    let lower = |held: &HeldHead| HeldHead { low: held.head.seq, ..*held };
    let back = heads.iter().map(|held| log.chains().back_points(&held.head.device, held.head.chain)).collect();
    let more = Have { heads: heads.iter().map(lower).collect(), back, ..have.clone() };
    let ack = Ack { channel: 1, heads: heads.iter().map(|held| held.head).collect() };
    for (name, frame) in [
        ("have-everything", Frame::Have(have)),
        ("have-nothing", Frame::Have(nothing)),
        ("have-back-points", Frame::Have(more)),
        ("ack-everything", Frame::Ack(ack)),
        ("whisper-of-ben", Frame::Whisper(stage.ben().whisper(1, 1, &[0xa0]).expect("few words"))),
    ] {
        add("frame", name, at(2, &frame.encode()));
    }
    for (n, (device, entry)) in stage.entries.iter().enumerate().step_by(3) {
        let chain = Header::decode(&entry.header).expect("an honest header").chain;
        let frame = Frame::Entries(Entries { channel: 1, device: *device, chain, entries: vec![entry.clone()] });
        add("frame", &format!("entry-{n:02}"), at(2, &frame.encode()));
    }
}

fn people(stage: &Stage, vectors: &Vectors, add: &mut Add<'_>) {
    let invitations = vectors.of("people", "/invitations").into_iter().chain(vectors.of("people", "/not_invitations"));
    for (name, invitation) in invitations {
        let text = invitation["text"].as_str().expect("a text");
        add("invitation", &name, text.into());
        let public = text.strip_prefix("alliance:").and_then(|rest| rest.split_once('#')).map(|(public, _)| public);
        let terms = public.and_then(|public| data_encoding::BASE64URL_NOPAD.decode(public.as_bytes()).ok());
        terms.into_iter().for_each(|terms| add("invitation", &format!("{name}-terms"), terms));
    }
    for (name, plaintext) in vectors.of("invalid", "/plaintexts") {
        add("content", &name, hex(&plaintext["bytes"]));
    }
    for (name, packed) in vectors.of("invalid", "/packed") {
        let length = packed["length"].as_u64().and_then(|length| u32::try_from(length).ok()).unwrap_or(u32::MAX);
        add("packed", &name, [&length.to_le_bytes()[..], &hex(&packed["packed"])].concat());
    }
    for blocks in [1, 8] {
        let length = 128 * 1024 * u32::try_from(blocks).expect("few");
        add("packed", &format!("bomb-{blocks}"), [&length.to_le_bytes()[..], &bomb(length, blocks)].concat());
    }
    contents(stage, add);
    let name = [7; 16];
    let heard: Vec<u8> = [&[0x82, 0x50][..], &name, &[0x50], &[8; 16]].concat();
    for (kind, hears) in [(0, &heard[..]), (1, &[0x80]), (2, &[0x80])] {
        let words = [&[0xa3, 0, kind, 1, 0x50][..], &name, &[2], hears].concat();
        add("whisper", &format!("kind-{kind}"), words);
    }
    add("whisper", "nothing", Vec::new());
}

/// What Ben may write, and what he may not.
fn contents(stage: &Stage, add: &mut Add<'_>) {
    let mut ben = stage.ben();
    let (device, member, anna) = (ben.device(), ben.member, stage.anna().member);
    let put = |field: &str, words: &str| Edit::Put(field.into(), Some(words.into()));
    let goal = ben.item("goal", Some(member));
    let note = ben.item("note", None);
    let feedback = ben.item("feedback", Some(member));
    let dream = ben.item("dream", None);
    let theirs = ben.item("goal", Some(anna));
    let space = Preimage::of_space(alliance_core::document::KindName::parse("alliance").expect("a kind"), device);
    let body = [put("title", "Plan"), Edit::Text("body".into(), "words".into()), Edit::Add("tags".into(), "a".into())];
    let cases: [(&str, &Preimage, Writer, &[Edit]); 8] = [
        ("note", &note, Writer::Everyone, &body),
        ("goal", &goal, Writer::Everyone, &[put("title", "Run"), Edit::Text("why".into(), "because".into())]),
        ("status", &goal, Writer::Only(member), &[put("status", "paused"), put("position", "a")]),
        ("rating", &theirs, Writer::Only(member), &[Edit::Append("ratings".into(), "2026-11-22 +1 well".into())]),
        ("feedback", &feedback, Writer::Only(member), &[put("sort", "keep"), Edit::Text("body".into(), "b".into())]),
        ("dream", &dream, Writer::Everyone, &[Edit::Put("height".into(), Some(Scalar::Int(9)))]),
        ("foreign", &theirs, Writer::Only(anna), &[put("status", "released")]),
        ("alliance", &space, Writer::Only(member), &[put("name", "Ben")]),
    ];
    let after = After::new(stage.log().after(None).0);
    let mut parts = Vec::new();
    for (name, preimage, writer, edits) in cases {
        let part = ben.part(preimage, writer, device, edits);
        let content = Content { after: after.clone(), parts: vec![part.clone()], keeps: After::default() };
        add("content", name, content.encode());
        if name != "foreign" {
            parts.push(part);
        }
    }
    add("content", "several", Content { parts, ..Content::default() }.encode());
    let raw = chunks::facet().snapshot(&[]).unwrap_or_default();
    let part = Part::pack(chunks::doc().item, None, None, Form::Snapshot, &raw).expect("a part");
    add("content", "snapshot", Content { parts: vec![part], ..Content::default() }.encode());
    let mut log = stage.log();
    let kept = log.chains().held_heads().into_iter().map(|held| held.head).filter(|head| head.chain == Chain::Content);
    let keeps = After::new(kept);
    add("content", "keeps", Content { after, parts: Vec::new(), keeps: keeps.clone() }.encode());
    keeps.0.iter().for_each(|head| log.set_state(&head.id, State::Stored));
}

fn documents(vectors: &Vectors, add: &mut Add<'_>) {
    let facet = chunks::facet();
    let changes = facet.changes(&[]);
    let bodies: Vec<_> = changes.iter().map(|change| chunks::body(change.raw_bytes())).collect();
    add("changes", "all", chunks::joined(bodies.iter().copied()));
    for (n, body) in bodies.iter().enumerate() {
        add("changes", &format!("change-{n:02}"), chunks::joined([*body]));
    }
    let lineage = chunks::lineage();
    add("snapshot", "all", chunks::body(&facet.snapshot(&lineage).expect("a snapshot")).to_vec());
    let mut rest = alliance_core::document::Document::new(facet.id(), facet.schema().clone());
    for (n, change) in changes.into_iter().enumerate() {
        if rest.apply(vec![change]).is_ok()
            && let Some(raw) = rest.snapshot(&lineage)
        {
            add("snapshot", &format!("first-{n:02}"), chunks::body(&raw).to_vec());
        }
    }
    for (name, change) in vectors.of("invalid", "/changes") {
        let target = if change["form"] == "snapshot" { "snapshot" } else { "changes" };
        let raw = hex(&change["raw"]);
        if raw.len() > 10 {
            let body = chunks::body(&raw).to_vec();
            add(target, &name, if target == "snapshot" { body } else { chunks::joined([&body[..]]) });
        }
    }
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    for n in 0..24_u8 {
        let mut program = vec![0; 24 + usize::from(n) * 8];
        rng.fill_bytes(&mut program);
        // Each kind, each owner, and mostly a facet that Ben may write.
        program[..3].copy_from_slice(&[n % (KINDS.len() as u8 + 1), n / 6, n % 2]);
        add("view", &format!("program-{n:02}"), program);
    }
    programs(add);
}

/// Programs that put one thing everywhere: at each key, in documents of every kind, by whoever may write there.
fn programs(add: &mut Add<'_>) {
    let keys = u8::try_from(views::keys().len()).expect("few keys");
    let word = |words: &str| [&[8, words.len() as u8][..], words.as_bytes()].concat();
    let scalars: [(&str, Vec<u8>); 6] = [
        ("number", vec![0, 5]),
        ("fraction", vec![2, 2]),
        ("nothing", vec![4]),
        ("bytes", vec![5, 2, 0xff, 0]),
        ("time", vec![6, 6]),
        ("lines", word("two\n\u{1b}[2J lines\u{202e}")),
    ];
    for kind in 0..=u8::try_from(KINDS.len()).expect("few kinds") {
        // Everyone's facet of one kind, Ben's of the next.
        let begin = [kind, 1, kind % 2];
        // A put at the root: step, key, an index that is not used, the value, no commit.
        for (name, scalar) in &scalars {
            let puts = (0..keys).flat_map(|key| [&[0, key, 0][..], scalar, &[1]].concat());
            add("view", &format!("{name}-everywhere-{kind}"), begin.into_iter().chain(puts).collect());
        }
        // A container at a key, then back to the root.
        for (name, shape) in [("maps", 0), ("lists", 1), ("texts", 2)] {
            let makes = (0..keys).flat_map(|key| [10, key, 0, shape, 1, 26, 0, 0, 1]);
            add("view", &format!("{name}-everywhere-{kind}"), begin.into_iter().chain(makes).collect());
        }
        // Into each container that is there: something put, an object, something inserted.
        let enters = (0..keys).flat_map(|key| {
            [&[20, key, 0, 1, 0, key, 0][..], &word("in"), &[1, 10, key, 0, 0, 1, 26, 0, 0, 1]].concat()
        });
        add("view", &format!("inside-{kind}"), begin.into_iter().chain(enters).collect());
    }
}

fn files(add: &mut Add<'_>) {
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/relay.toml");
    add("relay-config", "packaged", fs::read(packaged).expect("the packaged file"));
    for (name, text) in [
        (
            "listen",
            "listen = \"127.0.0.1:8787\"\nmetrics = \"[::1]:9000\"\ndata = \"/var/lib/relay\"\nlog = \"warn\"\n",
        ),
        ("tls", "[tls]\ncert = \"a.pem\"\nkey = \"b.pem\"\n"),
        ("quota", "[quota]\ncontent_bytes = \"1GiB\"\n\n[rate]\nframes = 100\n"),
        (
            "token",
            "[admission]\nnew_spaces = \"token\"\ntokens = [\"0000000000000000000000000000000000000000000000000000000000000000\"]\n",
        ),
        ("proxies", "trusted_proxies = [\"10.0.0.0/8\", \"::1\", \"192.168.1.1/32\"]\n"),
        ("times", "[time]\nhandshake_seconds = 10\n[memory]\noutbound_bytes = 1\n[connections]\ntotal = 1\n"),
        ("wrong", "listen = 7\n[quota\n"),
    ] {
        add("relay-config", name, text.into());
    }
    for (name, text) in [
        ("whole", "{\"editor\":\"vi -p\",\"colour\":\"never\",\"profile\":\"anna\"}"),
        ("nothing", "{}"),
        ("more", "{\"editor\":null,\"later\":[1,2,{\"a\":1e9}]}"),
        ("escapes", "{\"editor\":\"\\ud83d\\ude00 \\u0000\"}"),
    ] {
        add("settings", name, text.into());
    }
}

/// The files of `tests/vectors`.
struct Vectors(BTreeMap<String, Value>);

impl Vectors {
    fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
        let read = |name: &str| {
            let text = fs::read_to_string(folder.join(name).with_extension("json")).expect("a file of vectors");
            (name.to_owned(), serde_json::from_str(&text).expect("JSON"))
        };
        Self(["frames", "handshake", "people", "records", "invalid"].map(read).into())
    }

    /// The vectors of a list, by their names.
    fn of(&self, file: &str, list: &str) -> Vec<(String, &Value)> {
        let list = self.0[file].pointer(list).and_then(Value::as_array).expect("a list of vectors");
        let name = |n: usize, it: &Value| it["name"].as_str().map_or_else(|| format!("vector-{n:02}"), str::to_owned);
        list.iter().enumerate().map(|(n, it)| (name(n, it), it)).collect()
    }
}

/// Bytes of a vector; those that are only described are left out.
fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    HEXLOWER.decode(text.as_bytes()).expect("hexadecimal digits")
}

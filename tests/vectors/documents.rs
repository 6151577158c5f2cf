//! What is inside of content: item preimages, actors, fixed changes, real changes.

use alliance_core::{
    document::{DocId, Form, Incoming, KindName, Preimage, Schema, Shape, Writer, author, is_fixed},
    domain,
};
use alliance_replica::id::DeviceId;
use serde_json::{Value, json};

use crate::{
    json::{self, hex},
    story,
    world::{ANNA, ANNA_RENEWED, BEN, Says, filler, note},
};

pub(crate) fn vectors() -> Value {
    json!({ "items": items(), "actors": actors(), "kinds": kinds(), "fixed": fixed(), "parts": parts() })
}

fn items() -> Vec<Value> {
    let kind = |name| KindName::parse(name).expect("a kind's name");
    let goal =
        Preimage { kind: kind("goal"), owner: Some(BEN.member()), creator: BEN.device(), nonce: filler("item", 2) };
    let all = [
        ("a note that belongs to both", note()),
        ("a goal with an owner", goal),
        ("the alliance itself", Preimage::of_space(kind("alliance"), ANNA.device())),
    ];
    let vector = |(name, item): (&str, Preimage)| {
        assert_eq!(Preimage::decode(&item.encode()).expect("decodes"), item);
        json!({ "name": name, "preimage": hex(&item.encode()), "fields": json::preimage(&item), "item": item.id().to_string() })
    };
    all.into_iter().map(vector).collect()
}

fn actors() -> Vec<Value> {
    let vector = |(name, doc): (&str, DocId)| {
        let devices = [&ANNA, &ANNA_RENEWED, &BEN].map(|holder| {
            json!({ "device": holder.device().to_string(), "prefix": hex(&author::actor_prefix(&holder.device(), &doc)) })
        });
        let mut vector = json!({ "name": name, "item": doc.item.to_string(), "devices": devices });
        if let Some(member) = doc.writer.member() {
            vector["writer"] = member.to_string().into();
        }
        vector
    };
    story::facets().into_iter().map(vector).collect()
}

/// The containers of every facet of every kind, frozen for ever.
fn kinds() -> Vec<Value> {
    let mut vectors = Vec::new();
    let for_programs = ["recovery", "admission", "computer", "parting"].into_iter().filter_map(domain::kind);
    for kind in domain::KINDS.iter().copied().chain(for_programs) {
        let name = KindName::parse(kind.name).expect("a kind's name");
        for owner in [None, Some(BEN.member())] {
            let item = Preimage { kind: name.clone(), owner, creator: BEN.device(), nonce: filler("item", 3) };
            for (writer, facet) in [
                (Writer::Everyone, "everyone's"),
                (Writer::Only(BEN.member()), "a member's"),
                (Writer::Only(ANNA.member()), "another member's"),
            ] {
                let schema = domain::schema(&item, writer);
                let again = owner.is_none() && writer == Writer::Only(ANNA.member());
                if !schema.changes().is_empty() && !again {
                    let owned = if owner.is_some() { "a member's" } else { "both" };
                    vectors.push(shown(&format!("{}, {owned}: {facet}", kind.name), &schema));
                }
            }
        }
    }
    vectors
}

fn fixed() -> Vec<Value> {
    let shapes = [("a", Shape::Text), ("b", Shape::Set), ("c", Shape::List)];
    let later = Schema::new(&[("z", Shape::Text)]).then(&[("a", Shape::Set)]);
    vec![shown("one of each", &Schema::new(&shapes)), shown("a container that came later", &later)]
}

fn shown(name: &str, schema: &Schema) -> Value {
    assert!(schema.changes().iter().all(is_fixed));
    let changes = schema.changes().iter().map(|change| {
        json!({
            "bytes": hex(change.raw_bytes()),
            "hash": hex(&change.hash().0),
            "actor": hex(change.actor_id().to_bytes()),
            "start_op": change.start_op().get(),
        })
    });
    let containers = schema.containers().map(|(name, shape)| {
        let shape = match shape {
            Shape::Text => "text",
            Shape::Set => "set",
            Shape::List => "list",
        };
        json!({ "name": name, "shape": shape })
    });
    let (containers, changes): (Vec<_>, Vec<_>) = (containers.collect(), changes.collect());
    json!({ "name": name, "containers": containers, "changes": changes })
}

/// Every part of the history's entries, with what its inflated bytes are.
fn parts() -> Vec<Value> {
    let mut vectors = Vec::new();
    for written in story::history().entries {
        let Says::Content { content, .. } = written.says else { continue };
        for (place, part) in content.parts.iter().enumerate() {
            let raw = part.unpack(&mut 10_000).expect("unpacks");
            let doc = DocId { item: part.item, writer: Writer::from(part.writer) };
            let (member, lineage): (_, [DeviceId; 1]) = (written.author.member(), [written.author.device()]);
            let incoming = Incoming {
                doc,
                form: Form::Changes,
                raw: &raw,
                preimage: part.preimage.as_deref(),
                member,
                lineage: &lineage,
            };
            let changes = incoming.check().expect("is believed").changes;
            let changes = changes.iter().map(|change| {
                json!({
                    "hash": hex(&change.hash().0),
                    "actor": hex(change.actor_id().to_bytes()),
                    "seq": change.seq(),
                    "start_op": change.start_op().get(),
                    "fixed": is_fixed(change),
                })
            });
            vectors.push(json!({
                "entry": written.name,
                "place": place,
                "raw": hex(&raw),
                "changes": changes.collect::<Vec<_>>(),
            }));
        }
    }
    vectors
}

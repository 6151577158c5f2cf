//! stub
#![allow(missing_docs, clippy::all)]
use crate::document::*;
use alliance_replica::id::{DeviceId, ItemId, MemberId};
use std::collections::BTreeMap;
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Name {
    pub name: String,
    pub role: String,
}
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Row {
    pub kind: String,
    pub title: String,
    pub status: Option<String>,
    pub owner: Option<String>,
    pub fields: BTreeMap<String, String>,
    pub texts: BTreeMap<String, String>,
    pub conflicts: Vec<Conflict>,
    pub names: BTreeMap<String, Name>,
}
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Conflict {
    pub field: String,
    pub values: Vec<ConflictValue>,
}
#[derive(serde::Serialize, serde::Deserialize)]
pub struct ConflictValue {
    #[serde(skip, default = "zero")]
    pub value: Scalar,
    pub text: String,
    pub member: Option<String>,
}
fn zero() -> Scalar {
    Scalar::Int(0)
}
fn t(s: &Scalar) -> String {
    s.text().unwrap_or("?").to_owned()
}
pub fn row(item: ItemId, p: &Preimage, f: &BTreeMap<Writer, Document>, devices: &BTreeMap<DeviceId, MemberId>) -> Row {
    let mut r = Row {
        kind: p.kind.as_str().into(),
        title: String::new(),
        status: None,
        owner: p.owner.map(|o| o.to_string()),
        fields: Default::default(),
        texts: Default::default(),
        conflicts: vec![],
        names: Default::default(),
    };
    if let Some(d) = f.get(&Writer::Everyone) {
        let reg = d.register("title");
        r.title = reg.winner().map(t).unwrap_or_default();
        if reg.is_conflict() {
            let a = Authors::new(&DocId { item, writer: Writer::Everyone }, devices.keys().copied());
            r.conflicts.push(Conflict {
                field: "title".into(),
                values: reg
                    .values()
                    .iter()
                    .map(|v| ConflictValue {
                        value: v.scalar.clone(),
                        text: t(&v.scalar),
                        member: a.device(&v.by).and_then(|d| devices.get(&d)).map(|m| m.to_string()),
                    })
                    .collect(),
            });
        }
    }
    for (w, d) in f {
        if let Writer::Only(m) = w {
            if let Some(s) = d.register("status").winner() {
                r.status = Some(t(s));
            }
            if let Some(s) = d.register("name").winner() {
                r.names.insert(m.to_string(), Name { name: t(s), role: String::new() });
            }
        }
    }
    r
}
pub fn texts(_: &Preimage, f: &BTreeMap<Writer, Document>) -> BTreeMap<String, String> {
    f.get(&Writer::Everyone).map(|d| ("body".to_owned(), d.text("body"))).into_iter().collect()
}
pub fn is_shown(k: &str) -> bool {
    k != "recovery" && k != "alliance"
}

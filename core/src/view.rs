//! stub
#![allow(missing_docs)]
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
pub fn row(_: ItemId, _: &Preimage, _: &BTreeMap<Writer, Document>, _: &BTreeMap<DeviceId, MemberId>) -> Row {
    todo!()
}
pub fn texts(_: &Preimage, _: &BTreeMap<Writer, Document>) -> BTreeMap<String, String> {
    todo!()
}
pub fn is_shown(_: &str) -> bool {
    true
}

fn zero() -> Scalar {
    Scalar::Int(0)
}

//! stub
#![allow(missing_docs, clippy::all)]
use crate::document::*;
use alliance_replica::id::{ItemId, MemberId, SpaceId};
use std::collections::BTreeMap;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct DomainError;
pub struct Plan {
    pub kind: KindName,
    pub owner: Option<MemberId>,
    pub edits: Vec<(Writer, Vec<Edit>)>,
}
pub fn schema(p: &Preimage, w: &Writer) -> Schema {
    match (p.kind.as_str(), w) {
        ("note", Writer::Everyone) => Schema::new(&[("body", Shape::Text), ("tags", Shape::Set)]),
        ("goal", Writer::Everyone) => Schema::new(&[("why", Shape::Text)]),
        ("alliance", Writer::Everyone) => Schema::new(&[("purpose", Shape::Text), ("relays", Shape::Set)]),
        _ => Schema::new(&[]),
    }
}
pub fn check_title(_: &str) -> Result<(), DomainError> {
    Ok(())
}
pub fn share(p: &Preimage, _: &ItemId, f: &BTreeMap<Writer, Document>, _: MemberId) -> Result<Plan, DomainError> {
    let d = &f[&Writer::Everyone];
    Ok(Plan {
        kind: p.kind.clone(),
        owner: None,
        edits: vec![(
            Writer::Everyone,
            vec![
                Edit::Put("title".into(), d.register("title").winner().cloned()),
                Edit::Text("body".into(), d.text("body").as_str().into()),
            ],
        )],
    })
}
pub fn keep(p: &Preimage, _: MemberId, f: &str, v: &Scalar) -> Result<Plan, DomainError> {
    Ok(Plan {
        kind: p.kind.clone(),
        owner: p.owner,
        edits: vec![(Writer::Everyone, vec![Edit::Put(f.into(), Some(v.clone()))])],
    })
}
pub mod note {
    use super::*;
    #[derive(Clone, PartialEq, Debug)]
    pub enum Intent {
        Add { title: String, body: String },
        Edit { title: Option<String>, body: Option<TextEdit> },
    }
    impl Intent {
        pub fn plan(&self, _: MemberId, _: Option<&Preimage>) -> Result<Plan, DomainError> {
            let mut e = vec![];
            match self {
                Intent::Add { title, body } => {
                    e.push(Edit::Put("title".into(), Some(Scalar::Text(title.clone()))));
                    e.push(Edit::Text("body".into(), body.as_str().into()));
                }
                Intent::Edit { title, body } => {
                    if let Some(t) = title {
                        e.push(Edit::Put("title".into(), Some(Scalar::Text(t.clone()))));
                    }
                    if let Some(b) = body {
                        e.push(Edit::Text("body".into(), b.clone()));
                    }
                }
            }
            Ok(Plan { kind: KindName::parse("note").unwrap(), owner: None, edits: vec![(Writer::Everyone, e)] })
        }
    }
}
pub mod goal {
    use super::*;
    #[derive(Clone, PartialEq, Debug)]
    pub enum Intent {
        Add { title: String },
        Edit { title: Option<String>, status: Option<String> },
    }
    impl Intent {
        pub fn plan(&self, me: MemberId, p: Option<&Preimage>) -> Result<Plan, DomainError> {
            let mut e = vec![];
            match self {
                Intent::Add { title } => {
                    e.push((Writer::Everyone, vec![Edit::Put("title".into(), Some(Scalar::Text(title.clone())))]));
                    e.push((Writer::Only(me), vec![Edit::Put("status".into(), Some(Scalar::Text("active".into())))]));
                }
                Intent::Edit { title, status } => {
                    if let Some(t) = title {
                        e.push((Writer::Everyone, vec![Edit::Put("title".into(), Some(Scalar::Text(t.clone())))]));
                    }
                    if let Some(s) = status {
                        e.push((Writer::Only(me), vec![Edit::Put("status".into(), Some(Scalar::Text(s.clone())))]));
                    }
                }
            }
            Ok(Plan {
                kind: KindName::parse("goal").unwrap(),
                owner: Some(p.and_then(|p| p.owner).unwrap_or(me)),
                edits: e,
            })
        }
    }
}
pub mod alliance {
    pub use super::note::Intent;
    use super::*;
    pub fn kind() -> KindName {
        KindName::parse("alliance").unwrap()
    }
    pub fn check_name(_: &str) -> Result<(), DomainError> {
        Ok(())
    }
    pub fn check_role(_: &str) -> Result<(), DomainError> {
        Ok(())
    }
    pub fn check_relay(a: &str) -> Result<String, DomainError> {
        Ok(a.to_owned())
    }
}
pub mod recovery {
    use super::*;
    pub fn kind() -> KindName {
        KindName::parse("recovery").unwrap()
    }
    pub fn keep(a: &SpaceId, s: &[u8]) -> Vec<Edit> {
        vec![
            Edit::Put("alliance".into(), Some(Scalar::Text(a.to_string()))),
            Edit::Put("sealed".into(), Some(Scalar::Text(data_encoding::HEXLOWER.encode(s)))),
        ]
    }
}

//! stub
#![allow(missing_docs)]
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
pub fn schema(_: &Preimage, _: &Writer) -> Schema {
    Schema::new(&[])
}
pub fn check_title(_: &str) -> Result<(), DomainError> {
    Ok(())
}
pub fn share(_: &Preimage, _: &ItemId, _: &BTreeMap<Writer, Document>, _: MemberId) -> Result<Plan, DomainError> {
    Err(DomainError)
}
pub fn keep(_: &Preimage, _: MemberId, _: &str, _: &Scalar) -> Result<Plan, DomainError> {
    Err(DomainError)
}
pub mod note {
    use super::*;
    #[derive(Clone, PartialEq, Debug)]
    pub enum Intent {}
    impl Intent {
        pub fn plan(&self, _: MemberId, _: Option<&Preimage>) -> Result<Plan, DomainError> {
            Err(DomainError)
        }
    }
}
pub mod goal {
    pub use super::note::Intent;
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
    pub fn keep(_: &SpaceId, _: &[u8]) -> Vec<Edit> {
        vec![]
    }
}

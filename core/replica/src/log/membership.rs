//! stub
use crate::{
    id::{DeviceId, EntryId, SpaceId},
    log::{control::Control, heads::After},
};
use std::sync::Arc;
/// stub
pub struct Dag {}
/// stub
#[derive(Debug)]
pub struct Fold {}
#[allow(missing_docs, unused_variables, clippy::unused_self)]
impl Dag {
    pub fn new(space: SpaceId) -> Self {
        Self {}
    }
    pub fn missing(&self, device: &DeviceId, prev: Option<EntryId>, after: &After) -> Option<EntryId> {
        None
    }
    pub fn insert(&mut self, id: EntryId, device: DeviceId, seq: u64, prev: Option<EntryId>, control: Control) -> bool {
        true
    }
    pub fn contains(&self, id: &EntryId) -> bool {
        true
    }
    pub fn fold(&self) -> Arc<Fold> {
        Arc::new(Fold {})
    }
    pub fn record(&self, id: &EntryId) -> Option<(DeviceId, &Control)> {
        None
    }
    pub fn introduces(&self, device: &DeviceId) -> bool {
        true
    }
}

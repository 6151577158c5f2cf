//! A space whose people want it forgotten here.
//!
//! What the relay has is also their backup: nobody but the recovery key has a personal space forgotten, and nobody an
//! alliance in which somebody still is.

use alliance_replica::{
    exchange::frame::Code,
    id::{DeviceId, SpaceId},
    log::{
        Log,
        control::{Record, SpaceKind},
        membership::Role,
    },
};
use tracing::{error, info};

use super::{ConnectionId, Reason, Relay, account::Whole};
use crate::store::{Store, StoreError};

impl<S: Store> Relay<S> {
    /// A key wants a space forgotten, and has proven that it is that key.
    pub(super) fn on_drop(&mut self, id: ConnectionId, space: SpaceId, device: DeviceId) {
        let code = match self.drop_space(&space, &device) {
            Ok(code) => code,
            Err(problem) => {
                error!(space = ?space, reason = crate::error::chain(&problem), "space cannot be forgotten");
                self.note_read(&problem);
                Some(Code::Storage)
            }
        };
        if let Some(code) = code {
            self.counters.refuse(Reason::from(code));
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.exchange.dropped(space, code);
            self.dirty.insert(id);
        }
    }

    /// Forgets a space if the key may say so; why not, else.
    fn drop_space(&mut self, space: &SpaceId, device: &DeviceId) -> Result<Option<Code>, StoreError> {
        // What waits for the disk is of this space, too.
        self.commit();
        if !self.has_room_for(space) {
            return Ok(Some(Code::Limit));
        }
        self.load(space)?;
        let Some(here) = self.spaces.get(space) else { return Ok(Some(Code::UnknownSpace)) };
        if !may_drop(&here.log, device) {
            self.evict(space);
            return Ok(Some(Code::NotMember));
        }
        for (id, channel) in self.seats_of(space) {
            self.end(id, channel, Code::UnknownSpace, None);
        }
        self.store.forget(space)?;
        self.spaces.remove(space);
        self.idle.remove(space);
        self.whole = Whole::of(&self.store, &self.policy.quota)?;
        info!(space = ?space, "space is forgotten, as its people want");
        Ok(None)
    }
}

/// True if a key may have a space forgotten: the recovery key of a person's own space, or a device of somebody who left
/// an alliance in which nobody is any more.
fn may_drop(log: &Log, device: &DeviceId) -> bool {
    let fold = log.fold();
    let Some(state) = fold.device(device) else { return false };
    match fold.kind() {
        Some(SpaceKind::Personal) => state.live && state.role == Role::Recovery,
        Some(SpaceKind::Alliance) => {
            let left = fold.left();
            let is_cut = |record: &Record| matches!(record, Record::Cut(cut) if cut.device == *device);
            let mut cuts = log.dag().entries().filter(|(entry, _, it)| is_cut(&it.record) && fold.valid(entry));
            state.role == Role::Ordinary && cuts.next().is_none() && fold.members().all(|member| left.contains(&member))
        }
        None => false,
    }
}

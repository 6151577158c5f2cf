//! Who may open a space, pull from it and append to it. Every such decision is taken here.
//!
//! Who belongs to a space that is held here is decided by its membership alone, and by whether an invitation has run out.
//! The policy has a word only where a space is not held: new, or lost.

use alliance_replica::{
    exchange::{
        admission::{Standing, Verdict, judge},
        frame::{Channel, Code},
    },
    id::{DeviceId, SpaceId},
    log::{Log, membership::DeviceState},
};
use tracing::{debug, info};

use super::{ConnectionId, Now, Reason, Relay, connection::Seat};
use crate::{
    error,
    policy::Admission,
    store::{Living, Store},
};

impl<S: Store> Relay<S> {
    /// A device wants to open a space, and has proven that it is that device.
    pub(super) fn on_opening(
        &mut self,
        id: ConnectionId,
        channel: Channel,
        space: SpaceId,
        device: DeviceId,
        now: Now,
    ) {
        if !self.has_room_for(&space) {
            return self.end(id, channel, Reason::Memory, None);
        }
        if let Err(problem) = self.load(&space) {
            tracing::error!(space = ?space, reason = error::chain(&problem), "space cannot be read");
            return self.end(id, channel, Code::Storage, None);
        }
        match self.spaces.get(&space).map(|it| judge(&it.log, &device, now.unix)) {
            Some(Verdict::Admitted(standing)) => {
                debug!(connection = id.0, space = ?space, "space is opened");
                self.seat_at(id, channel, space, device, standing);
                if let (Some(connection), Some(space)) = (self.connections.get_mut(&id), self.spaces.get(&space)) {
                    connection.exchange.accept(channel, &space.log);
                }
            }
            Some(Verdict::Out(code)) => {
                info!(connection = id.0, space = ?space, reason = Reason::from(code).name(), "opening is refused");
                self.end(id, channel, code, None);
                self.evict(&space);
            }
            Some(Verdict::Unknown) | None => {
                self.evict(&space);
                self.on_stranger(id, channel, space, device, now);
            }
        }
    }

    /// Gives an admitted device its seat in a space that is in memory.
    pub(super) fn seat_at(
        &mut self,
        id: ConnectionId,
        channel: Channel,
        space: SpaceId,
        device: DeviceId,
        standing: Standing,
    ) {
        if let (Some(connection), Some(here)) = (self.connections.get_mut(&id), self.spaces.get_mut(&space)) {
            connection.seats.insert(channel, Seat::Seated { space, device, standing, unlinked: 0 });
            here.seats.insert((id, channel));
            self.idle.remove(&space);
        }
        self.review_help(id);
    }

    /// Whether a connection may bring a space that is not held here.
    pub(super) fn admit_new_space(&mut self, id: ConnectionId, space: &SpaceId, now: Now) -> Result<(), Reason> {
        let Some(connection) = self.connections.get(&id) else { return Err(Code::Closing.into()) };
        if !self.policy.admission.admits(space, connection.token.as_ref()) {
            return Err(match self.policy.admission {
                Admission::List { .. } => Reason::List,
                _ if connection.token.is_some() => Reason::WrongToken,
                _ => Code::Token.into(),
            });
        }
        if !self.whole.has_room(self.batch.weight()) {
            return Err(Reason::Quota);
        }
        let may = connection.address.is_none_or(|address| self.paces.may_bring_space(&address, now.elapsed));
        if may { Ok(()) } else { Err(Reason::Spaces) }
    }

    /// Judges everybody in a space again, after its membership changed.
    pub(super) fn review(&mut self, space: &SpaceId, now: Now) {
        for (id, channel) in self.seats_of(space) {
            let Some(here) = self.spaces.get(space) else { return };
            let seat = self.connections.get_mut(&id).and_then(|connection| connection.seats.get_mut(&channel));
            let Some(Seat::Seated { device, standing, .. }) = seat else { continue };
            let code = match judge(&here.log, device, now.unix) {
                Verdict::Admitted(now) => {
                    *standing = now;
                    continue;
                }
                Verdict::Out(code) => code,
                Verdict::Unknown => Code::NotMember,
            };
            let why = if code == Code::Expired { Reason::Ended } else { code.into() };
            match why {
                Reason::Ended => debug!(connection = id.0, space = ?space, "an invitation's key has done its work"),
                _ => info!(connection = id.0, space = ?space, reason = why.name(), "device is no longer admitted"),
            }
            // What it sent is still acknowledged: a device that leaves has to know that its leaving is on disk.
            self.end_after_acks(id, channel, why, None);
        }
    }
}

/// The devices that are live in a space, for whoever asks where a key is.
pub(super) fn live(log: &Log) -> Vec<Living> {
    let living = |(device, state): (&DeviceId, &DeviceState)| Living { device: *device, agreed: state.agreed };
    log.fold().devices().filter(|(_, state)| state.live).map(living).collect()
}

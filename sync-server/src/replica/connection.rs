//! One connection: its exchange, the seats it has taken in spaces, and how much waits for it.

use std::{collections::BTreeMap, time::Duration};

use alliance_replica::{
    exchange::{Exchange, admission::Standing, frame::Channel},
    id::{DeviceId, EntryId, ReplicaKey, SpaceId},
};

use super::{Origin, Reason, candidate::Candidate};
use crate::policy::{Address, TokenHash};

/// Bytes that may wait for a connection before no more entries are fetched for it.
const ROOM: usize = 1024 * 1024;

/// A connection and all that is known about it.
pub(super) struct Connection {
    pub(super) exchange: Exchange,
    pub(super) seats: BTreeMap<Channel, Seat>,
    /// Bytes handed to the driver that have not left.
    pub(super) queued: usize,
    /// Bytes of entries given to the exchange and not yet handed to the driver.
    pub(super) offered: usize,
    /// No frame is taken any more; it closes once everything is handed out.
    pub(super) closing: bool,
    /// The peer has proven its key.
    pub(super) proven: bool,
    pub(super) address: Option<Address>,
    pub(super) token: Option<TokenHash>,
    /// The endpoint by which the laptop meets others, if it said so.
    pub(super) endpoint: Option<ReplicaKey>,
    /// The relay helps that endpoint on account of this connection.
    pub(super) helped: bool,
    /// When it came, when its last frame came, and until when it is to rest.
    pub(super) since: Duration,
    pub(super) heard: Duration,
    pub(super) rest: Duration,
    throttled: bool,
}

/// What an open channel is here.
pub(super) enum Seat {
    /// The opener is not admitted by what is known here, but says that it knows more.
    Candidate(Box<Candidate>),
    /// The opener is admitted.
    Seated {
        space: SpaceId,
        device: DeviceId,
        standing: Standing,
        /// Frames in a row that could not be linked to what is here.
        unlinked: u32,
    },
    /// The opener is no longer admitted; the channel ends once what it sent before is acknowledged.
    Ending { space: SpaceId, why: Reason, entry: Option<EntryId> },
}

impl Connection {
    pub(super) fn new(exchange: Exchange, origin: Origin, now: Duration) -> Self {
        Self {
            exchange,
            seats: BTreeMap::new(),
            queued: 0,
            offered: 0,
            closing: false,
            proven: false,
            address: origin.address,
            token: origin.token,
            endpoint: None,
            helped: false,
            since: now,
            heard: now,
            rest: Duration::ZERO,
            throttled: false,
        }
    }

    /// True if more may be sent at once.
    pub(super) fn has_room(&self) -> bool {
        self.queued + self.offered < ROOM
    }

    /// Notes that something could not be sent for lack of room.
    pub(super) fn throttle(&mut self) {
        self.throttled = true;
    }

    /// True once when there is plenty of room again after there was none.
    pub(super) fn take_throttled(&mut self) -> bool {
        let again = self.throttled && self.queued + self.offered < ROOM / 2;
        self.throttled &= !again;
        again
    }
}

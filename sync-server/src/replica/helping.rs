//! Whom the relay helps to connect: endpoints that a laptop named, while it has a space open as a device that lives there.
//!
//! What is passed on between them is none of the state machine's business; it says to whom, and to whom no more.

use std::collections::{BTreeMap, VecDeque};

use alliance_replica::id::ReplicaKey;

use super::{ConnectionId, Relay, Seat};
use crate::store::Store;

/// A change in who is helped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Help {
    /// Connections of this endpoint may be passed on.
    Begin(ReplicaKey),
    /// No more.
    End(ReplicaKey),
}

/// The endpoints that are helped, each with the number of connections that speak for it.
#[derive(Default)]
pub(super) struct Helped {
    endpoints: BTreeMap<ReplicaKey, usize>,
    changes: VecDeque<Help>,
}

impl Helped {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.endpoints.len()
    }

    fn begin(&mut self, key: ReplicaKey) {
        let count = self.endpoints.entry(key).or_default();
        *count += 1;
        if *count == 1 {
            self.changes.push_back(Help::Begin(key));
        }
    }

    fn end(&mut self, key: ReplicaKey) {
        match self.endpoints.get_mut(&key) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => {
                self.endpoints.remove(&key);
                self.changes.push_back(Help::End(key));
            }
            None => {}
        }
    }
}

impl<S: Store> Relay<S> {
    /// The next change in who is helped. To be asked before [`Relay::poll`], which tells them.
    pub fn poll_help(&mut self) -> Option<Help> {
        self.helped.changes.pop_front()
    }

    /// A laptop named its endpoint; a later one takes the place of an earlier.
    pub(super) fn on_endpoint(&mut self, id: ConnectionId, key: ReplicaKey) {
        let Some(connection) = self.connections.get_mut(&id).filter(|_| self.policy.direct.help) else { return };
        if connection.endpoint == Some(key) {
            return;
        }
        let before = connection.endpoint.replace(key).filter(|_| connection.helped);
        connection.helped = false;
        before.into_iter().for_each(|before| self.helped.end(before));
        self.review_help(id);
    }

    /// Helps a connection's endpoint as long as a living device has a space open there.
    pub(super) fn review_help(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(key) = connection.endpoint else { return };
        let lives = connection.seats.values().any(|seat| matches!(seat, Seat::Seated { .. }));
        if lives && !connection.helped {
            connection.helped = true;
            connection.exchange.name_endpoint(key);
            self.dirty.insert(id);
            self.helped.begin(key);
        } else if !lives && connection.helped {
            connection.helped = false;
            self.helped.end(key);
        }
    }
}

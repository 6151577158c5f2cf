//! What goes out: entries to whoever lacks them, a `Have` where it helps, whispers.

use alliance_replica::{
    exchange::{
        admission::Standing,
        frame::{Channel, Code, Whisper},
        state::Path,
    },
    id::{EntryId, SpaceId},
    log::entry::{Entry, Header},
};
use tracing::error;

use super::{ConnectionId, Relay, Seat};
use crate::store::{Store, StoreError};

/// Most sealed bytes of a whisper that are handed on.
const WHISPER: usize = 4096;
/// First byte of a `Have` frame.
const HAVE: u8 = 3;

/// True if the frame names heads as held here.
pub(super) fn is_have(frame: &[u8]) -> bool {
    frame.first() == Some(&HAVE)
}

impl<S: Store> Relay<S> {
    /// Sends to everybody in a space what they lack.
    pub(super) fn forward(&mut self, space: &SpaceId) {
        for (id, channel) in self.seats_of(space) {
            self.pump(id, channel);
        }
    }

    /// Sends to one channel what its peer lacks, as long as there is room.
    pub(super) fn pump(&mut self, id: ConnectionId, channel: Channel) {
        loop {
            let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.closing) else {
                return;
            };
            let Some(Seat::Seated { space, .. }) = connection.seats.get(&channel) else { return };
            let space = *space;
            let Some(here) = self.spaces.get(&space) else { return };
            if !connection.has_room() {
                return connection.throttle();
            }
            let path = connection.exchange.pump(channel, &here.log);
            self.dirty.insert(id);
            let Some(path) = path else { return };
            match self.bodies(&space, &path) {
                Ok(entries) => {
                    let Some(connection) = self.connections.get_mut(&id) else { return };
                    connection.offered += entries.iter().map(Entry::size).sum::<usize>();
                    connection.exchange.send(channel, path.device, path.chain, entries);
                }
                Err(problem) => {
                    error!(space = ?space, reason = crate::error::chain(&problem), "entries cannot be read");
                    self.note_read(&problem);
                    return self.end(id, channel, Code::Storage, None);
                }
            }
        }
    }

    /// Says again what is here.
    pub(super) fn say_have(&mut self, id: ConnectionId, channel: Channel, space: &SpaceId) {
        let Some(Seat::Seated { .. }) = self.seat(id, channel) else { return };
        if let (Some(connection), Some(here)) = (self.connections.get_mut(&id), self.spaces.get(space)) {
            connection.exchange.say_have(channel, &here.log);
            self.dirty.insert(id);
        }
    }

    /// Hands a whisper to everybody else in the space. It is for the moment: who has no room misses it.
    pub(super) fn on_whisper(&mut self, id: ConnectionId, whisper: &Whisper) {
        let Some(Seat::Seated { space, device, standing: Standing::Full, .. }) = self.seat(id, whisper.channel) else {
            return;
        };
        let space = *space;
        if *device != whisper.device || whisper.sealed.len() > WHISPER {
            return;
        }
        for (to, channel) in self.seats_of(&space) {
            let Some(connection) = self.connections.get_mut(&to) else { continue };
            let sits = matches!(connection.seats.get(&channel), Some(Seat::Seated { .. }));
            if (to, channel) != (id, whisper.channel) && sits && connection.has_room() {
                connection.exchange.whisper(Whisper { channel, ..whisper.clone() });
                self.dirty.insert(to);
            }
        }
    }

    /// The entries of a path: from what waits for the store, else from the store.
    fn bodies(&self, space: &SpaceId, path: &Path) -> Result<Vec<Entry>, StoreError> {
        let waits = |id: &EntryId| self.batch.entry(space, id);
        let stored: Vec<_> = path.ids.iter().filter(|id| waits(id).is_none()).copied().collect();
        let mut fetched = match stored.as_slice() {
            [] => Vec::new(),
            ids => self.store.entries(space, ids)?,
        }
        .into_iter();
        let mut entry = |id: &EntryId| match waits(id) {
            Some(entry) => Ok(entry.clone()),
            None => match fetched.next() {
                Some(entry) if is_whole(space, path, id, &entry) => Ok(entry),
                Some(_) => Err(StoreError::Damaged { what: "an entry's body" }),
                None => Err(StoreError::Missing),
            },
        };
        path.ids.iter().map(&mut entry).collect()
    }
}

/// True if what the store gave is the entry, unharmed.
fn is_whole(space: &SpaceId, path: &Path, id: &EntryId, entry: &Entry) -> bool {
    EntryId::of(space, &path.device, &entry.header) == *id
        && Header::decode(&entry.header).is_ok_and(|header| header.place().header(&entry.body) == header)
}

#[cfg(test)]
mod tests {
    use alliance_replica::exchange::frame::{Frame, Have};

    use super::*;

    #[test]
    fn a_have_is_known_by_its_first_byte() {
        assert!(is_have(&Frame::Have(Have::default()).encode()));
        assert!(!is_have(&Frame::Unknown(99).encode()));
    }
}

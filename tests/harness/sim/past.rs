//! Nothing counts before what it names: whoever looked at an entry had looked at all that its author had seen.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{EntryId, SpaceId},
    log::{
        chain::State,
        heads::{After, Chain},
    },
    wire,
};
use rusqlite::Connection;

use super::{Sim, Violation, wal::DATABASE};

impl Sim {
    /// I3: a computer has taken no content of which it lacks the past.
    pub(crate) fn nothing_overtakes_its_past(&self, name: &str) -> Result<(), Violation> {
        let file = Connection::open(self.devices[name].folder().join(DATABASE)).expect("a profile");
        let mut query = file.prepare("SELECT id, state, after, chain FROM entries").expect("a query");
        let id = |bytes: Vec<u8>| EntryId::from_slice(&bytes).expect("an id");
        let read = |row: &rusqlite::Row<'_>| {
            let (after, chain): (Option<Vec<u8>>, _) = (row.get(2)?, row.get(3)?);
            Ok((id(row.get(0)?), row.get(1)?, after, chain))
        };
        let rows = query.query_map((), read).expect("entries").map(|row| row.expect("an entry"));
        let all: Vec<(EntryId, u8, _, u8)> = rows.collect();
        let is_read = |state: u8| state == State::Applied as u8 || state == State::SetAside as u8;
        let is_taken = |state: u8, chain: u8| chain == Chain::Control as u8 || is_read(state);
        let taken: BTreeMap<_, _> = all.iter().map(|(id, state, _, chain)| (*id, is_taken(*state, *chain))).collect();
        for (id, state, after, _) in all {
            let Some(after) = after.filter(|_| is_read(state)) else { continue };
            let after: After = wire::decode("after", &after, usize::MAX).expect("heads");
            if let Some(head) = after.0.iter().find(|head| !taken.get(&head.id).copied().unwrap_or(false)) {
                return Err(Violation(format!("I3: {name} took {id} before {}, which it names", head.id)));
            }
        }
        Ok(())
    }

    /// Computers that write nothing in a space any more: a relay that lied took an entry of theirs without one that it
    /// names, and their profile was put back to before both. Nobody has it now, and what they write later goes over it.
    pub(crate) fn stranded(&self, space: SpaceId) -> BTreeSet<String> {
        let restored = self.devices.iter().filter(|(_, device)| device.back.is_some() && self.seen.lied);
        let waits = restored.map(|(name, _)| (name, self.waits_for(name, space))).collect::<Vec<_>>();
        if waits.iter().all(|(_, waits)| waits.is_empty()) {
            return BTreeSet::new();
        }
        let stored = self.node.stored(&space);
        let mut held: BTreeSet<_> = stored.iter().map(|it| EntryId::of(&space, &it.device, &it.entry.header)).collect();
        for device in self.devices.values() {
            let file = Connection::open(device.folder().join(DATABASE)).expect("a profile");
            let mut query = file.prepare("SELECT id FROM entries WHERE space = ?1").expect("a query");
            let rows = query.query_map([space.as_ref()], |row| row.get::<_, Vec<u8>>(0)).expect("entries");
            held.extend(rows.map(|id| EntryId::from_slice(&id.expect("an entry")).expect("an id")));
        }
        let lacks = waits.into_iter().filter(|(_, waits)| waits.iter().any(|id| !held.contains(id)));
        lacks.map(|(name, _)| name.clone()).collect()
    }

    /// What a computer's own content names that waits there for its past.
    fn waits_for(&self, name: &str, space: SpaceId) -> Vec<EntryId> {
        let file = Connection::open(self.devices[name].folder().join(DATABASE)).expect("a profile");
        let own = "SELECT after FROM entries WHERE space = ?1 AND state = ?2 AND chain = ?3 AND after IS NOT NULL
            AND device IN (SELECT device FROM spaces)";
        let mut query = file.prepare(own).expect("a query");
        let waits = (space.as_ref(), State::Stored as u8, Chain::Content as u8);
        let rows = query.query_map(waits, |row| row.get::<_, Vec<u8>>(0)).expect("entries");
        let named = |after: Vec<u8>| wire::decode::<After>("after", &after, usize::MAX).expect("heads").0;
        rows.flat_map(|after| named(after.expect("heads"))).map(|head| head.id).collect()
    }
}

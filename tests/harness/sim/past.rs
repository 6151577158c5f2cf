//! Nothing counts before what it names: whoever looked at an entry had looked at all that its author had seen.

use std::collections::BTreeMap;

use alliance_replica::{
    id::EntryId,
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
}

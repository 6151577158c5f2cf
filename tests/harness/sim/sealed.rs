//! Under which keys content was sealed, against what its author knew of who lives.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use alliance_replica::{
    id::{DeviceId, EntryId, SpaceId},
    log::{
        control::{Control, Record},
        entry::Header,
        heads::{After, Chain},
        membership::Dag,
    },
    wire,
};
use rusqlite::Connection;

use super::{Sim, Violation, wal::DATABASE};

/// Content that a profile has opened.
struct Sealed {
    id: EntryId,
    device: DeviceId,
    header: Header,
    after: After,
}

impl Sim {
    /// I4: nothing was sealed under a key that somebody had who was dead in what its author knew, or that somebody made
    /// who was.
    pub(crate) fn content_is_for_the_living(&mut self, space: SpaceId) -> Result<(), Violation> {
        let Some(name) = self.members(space).into_iter().next() else { return Ok(()) };
        if self.outlaws.iter().any(|(_, of)| *of == space) {
            return Ok(());
        }
        let log = self.membership(space);
        let dag = log.dag();
        let all = read(&self.devices[&name].folder().join(DATABASE), space);
        let mut known: BTreeMap<EntryId, BTreeSet<EntryId>> = BTreeMap::new();
        for sealed in &all {
            // In the order in which they arrived, so what an entry names comes before it.
            let named = sealed.after.0.iter().map(|head| head.id).chain(sealed.header.prev);
            let mut knew = BTreeSet::new();
            for id in named {
                match known.get(&id) {
                    Some(more) => knew.extend(more.iter().copied()),
                    None if dag.contains(&id) => _ = knew.insert(id),
                    None => {}
                }
            }
            if let Some(what) = spoiled(dag, sealed, &knew) {
                return Err(Violation(format!("I4: {} sealed {} under {what}", sealed.device, sealed.id)));
            }
            known.insert(sealed.id, knew);
        }
        Ok(())
    }
}

/// What is wrong with the key of an entry whose author knew these control entries.
fn spoiled(dag: &Dag, sealed: &Sealed, knew: &BTreeSet<EntryId>) -> Option<String> {
    let fold = dag.fold_at(knew.iter().copied());
    let is_dead = |device: &DeviceId| fold.device(device).is_some_and(|state| !state.live);
    // Whoever does not live there is not heard, whatever the key.
    if !fold.may_write(&sealed.device) {
        return None;
    }
    let prefix = sealed.header.epoch?;
    let minted = |(id, author, control): (EntryId, DeviceId, &Control)| match &control.record {
        Record::Epoch(epoch) if epoch.id.prefix() == prefix => {
            let wrapped = epoch.wraps.iter().map(|wrap| wrap.device);
            Some((id, wrapped.chain([author]).collect::<BTreeSet<_>>()))
        }
        _ => None,
    };
    let mut minted: Vec<_> = dag.entries().filter_map(minted).collect();
    for (entry, holders) in &mut minted {
        for (_, _, _, control) in fold.standing() {
            if let Record::Grant(grant) = &control.record
                && grant.epoch == *entry
            {
                holders.extend(grant.wraps.iter().map(|wrap| wrap.device));
            }
        }
    }
    if minted.iter().any(|(_, holders)| !holders.iter().any(is_dead)) {
        return None;
    }
    let (entry, holders) = minted.first()?;
    let dead = holders.iter().find(|holder| is_dead(holder))?;
    Some(format!("the key of {entry}, which {dead} has, who was dead"))
}

/// All content that a profile has opened, in order of arrival.
fn read(file: &Path, space: SpaceId) -> Vec<Sealed> {
    let file = Connection::open(file).expect("a profile");
    let all = "SELECT id, device, header, after FROM entries WHERE space = ?1 AND after IS NOT NULL ORDER BY n";
    let mut query = file.prepare(all).expect("a query");
    let bytes = |row: &rusqlite::Row<'_>, column| row.get::<_, Vec<u8>>(column);
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Sealed {
            id: EntryId::from_slice(&bytes(row, 0)?).expect("an id"),
            device: DeviceId::from_slice(&bytes(row, 1)?).expect("a device"),
            header: Header::decode(&bytes(row, 2)?).expect("a header"),
            after: wire::decode("after", &bytes(row, 3)?, usize::MAX).expect("heads"),
        })
    };
    let rows = query.query_map([space.as_ref()], read).expect("entries");
    rows.map(|row| row.expect("an entry")).filter(|it| it.header.chain == Chain::Content).collect()
}

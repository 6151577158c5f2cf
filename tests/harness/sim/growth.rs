//! What is there stays: whoever joins, is put back, is healed or mended only ever adds, to their own and to others'.
//!
//! A profile that crashes or is put back begins anew: what it had acknowledged is looked after elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use automerge::Automerge;
use rusqlite::{Connection, Row, ToSql};

use super::{Sim, Violation, wal::DATABASE};

/// A facet: its space, its item, whose it is.
type Name = [Vec<u8>; 3];

/// What a profile had when it was looked at last.
#[derive(Default)]
pub(crate) struct Grown {
    /// How many entries, and the number of the last one: while both are the same, so are the entries.
    count: (i64, i64),
    entries: BTreeSet<[Vec<u8>; 2]>,
    facets: BTreeMap<Name, Facet>,
}

/// A facet when it was looked at last.
#[derive(Default)]
struct Facet {
    version: i64,
    /// Its bytes as a whole, and the changes in them.
    saved: (Vec<u8>, BTreeSet<Vec<u8>>),
    /// All its changes, whether they count or not.
    changes: BTreeSet<Vec<u8>>,
}

impl Sim {
    /// I6: a computer has lost no entry, and no change of a document, since it was looked at last.
    pub(crate) fn nothing_is_gone(&mut self, name: &str) -> Result<(), Violation> {
        let device = self.devices.get_mut(name).expect("a computer");
        if !device.is_up() {
            return Ok(());
        }
        let file = Connection::open(device.folder().join(DATABASE)).expect("a profile");
        match device.grown.look(&file) {
            Some(lost) => Err(Violation(format!("I6: {name} has lost {lost}"))),
            None => Ok(()),
        }
    }
}

impl Grown {
    /// Looks at a profile; says what is gone.
    fn look(&mut self, file: &Connection) -> Option<String> {
        let lost = self.entries(file);
        self.forget_what_a_cut_takes(file);
        lost.or_else(|| self.facets(file))
    }

    fn entries(&mut self, file: &Connection) -> Option<String> {
        let count = ask(file, "SELECT count(*), coalesce(max(n), 0) FROM entries", &[], |row| {
            (row.get_unwrap(0), row.get_unwrap(1))
        });
        if count[0] == self.count {
            return None;
        }
        self.count = count[0];
        let now = ask(file, "SELECT space, id FROM entries", &[], |row| [row.get_unwrap(0), row.get_unwrap(1)]);
        let before = std::mem::replace(&mut self.entries, now.into_iter().collect());
        let gone = before.difference(&self.entries).count();
        (gone > 0).then(|| format!("{gone} entries"))
    }

    /// A cut takes back what it does not keep, and so does a fork of control, whenever it is that they are understood.
    fn forget_what_a_cut_takes(&mut self, file: &Connection) {
        let sql = "SELECT DISTINCT space FROM security WHERE kind IN ('device-cut', 'member-left', 'device-wrote-two-histories')";
        let cut: BTreeSet<Vec<u8>> = ask(file, sql, &[], |row| row.get_unwrap(0)).into_iter().collect();
        self.facets.retain(|[space, ..], _| !cut.contains(space));
    }

    fn facets(&mut self, file: &Connection) -> Option<String> {
        let name = |row: &Row<'_>| [0, 1, 2].map(|column| row.get_unwrap(column));
        let all = ask(file, "SELECT space, item, writer, version FROM documents", &[], |row| {
            (name(row), row.get_unwrap::<_, i64>(3))
        });
        let all: BTreeMap<Name, i64> = all.into_iter().collect();
        if let Some([_, item, _]) = self.facets.keys().find(|name| !all.contains_key(*name)) {
            return Some(format!("a document of {item:02x?}"));
        }
        for (name, version) in all {
            let facet = self.facets.entry(name.clone()).or_default();
            if facet.version == version {
                continue;
            }
            facet.version = version;
            let gone = facet.look(file, &name);
            if gone > 0 {
                return Some(format!("{gone} changes of {:02x?}", name[1]));
            }
        }
        None
    }
}

impl Facet {
    /// Looks at a facet; says how many changes are gone.
    fn look(&mut self, file: &Connection, [space, item, writer]: &Name) -> usize {
        let of: [&dyn ToSql; 3] = [space, item, writer];
        let sql = "SELECT bytes FROM saved WHERE space = ?1 AND item = ?2 AND writer = ?3";
        let saved: Vec<u8> = ask(file, sql, &of, |row| row.get_unwrap(0)).pop().unwrap_or_default();
        if saved != self.saved.0 {
            let document = Automerge::load(&saved).expect("a document");
            let changes = document.get_changes(&[]).iter().map(|change| change.hash().0.to_vec()).collect();
            self.saved = (saved, changes);
        }
        let sql = "SELECT hash FROM changes WHERE space = ?1 AND item = ?2 AND writer = ?3";
        let mut now: BTreeSet<Vec<u8>> = ask(file, sql, &of, |row| row.get_unwrap(0)).into_iter().collect();
        now.extend(self.saved.1.iter().cloned());
        let before = std::mem::replace(&mut self.changes, now);
        before.difference(&self.changes).count()
    }
}

fn ask<T>(file: &Connection, sql: &str, with: &[&dyn ToSql], read: impl Fn(&Row<'_>) -> T) -> Vec<T> {
    let mut query = file.prepare(sql).expect("a query");
    query.query_map(with, |row| Ok(read(row))).expect("rows").map(|row| row.expect("a row")).collect()
}

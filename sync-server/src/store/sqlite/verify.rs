//! Verifies what is kept as if it came from a stranger: pages, rows, hashes, signatures, chains.

use alliance_replica::{
    id::{DeviceId, EntryId, Id, SpaceId},
    log::{Log, chain::State, heads::Chain},
};
use rusqlite::{OptionalExtension as _, Row, Transaction};

use super::{Admin, blob, chain, entry};
use crate::{error, store::StoreError};

/// Problems that are told one by one.
const TOLD: usize = 20;

/// What a check found.
#[derive(Default, Debug)]
pub struct Report {
    /// Spaces that were looked at.
    pub spaces: u64,
    /// Entries that are right.
    pub entries: u64,
    /// What is wrong, the first ones.
    pub problems: Vec<String>,
    /// How many more problems there are.
    pub more: u64,
}

impl Report {
    /// How many problems there are.
    pub fn count(&self) -> u64 {
        self.problems.len() as u64 + self.more
    }

    fn add(&mut self, problem: String) {
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }
}

impl Admin {
    /// Verifies everything, as it is at one moment. An error means that nothing can be said.
    pub fn verify(&mut self) -> Result<Report, StoreError> {
        let mut report = Report::default();
        let transaction = self.connection.transaction()?;
        for (pragma, of) in [("PRAGMA integrity_check(20)", "file"), ("PRAGMA foreign_key_check", "table")] {
            if let Err(problem) = pages(&transaction, pragma, of, &mut report) {
                report.add(format!("{of}: {}", error::chain(&problem)));
            }
        }
        let secret = transaction.query_row("SELECT secret FROM relay", [], |row| row.get::<_, Vec<u8>>(0));
        match secret.optional() {
            Ok(Some(secret)) if secret.len() == 32 => {}
            Ok(None) => report.add("the relay's key is missing".to_owned()),
            _ => report.add("the relay's key cannot be read".to_owned()),
        }
        let spaces = match spaces(&transaction) {
            Ok(spaces) => spaces,
            Err(problem) => {
                report.add(format!("spaces: {}", error::chain(&problem)));
                return Ok(report);
            }
        };
        for (n, space) in spaces {
            report.spaces += 1;
            if let Err(problem) = verify_space(&transaction, n, space, &mut report) {
                report.add(format!("space {}: {}", space, error::chain(&problem)));
            }
        }
        Ok(report)
    }
}

fn pages(transaction: &Transaction<'_>, pragma: &str, of: &str, report: &mut Report) -> Result<(), StoreError> {
    let mut statement = transaction.prepare(pragma)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let word: String = row.get(0)?;
        if word != "ok" {
            report.add(format!("{of}: {word}"));
        }
    }
    Ok(())
}

fn spaces(transaction: &Transaction<'_>) -> Result<Vec<(i64, SpaceId)>, StoreError> {
    let mut statement = transaction.prepare("SELECT n, space FROM spaces ORDER BY n")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let space = Id::from_slice(blob(row, 1)?).ok_or(StoreError::Damaged { what: "a space's name" })?;
        all.push((row.get(0)?, space));
    }
    Ok(all)
}

fn verify_space(transaction: &Transaction<'_>, n: i64, space: SpaceId, report: &mut Report) -> Result<(), StoreError> {
    let mut log = Log::new(space);
    let before = report.count();
    let mut found = [0_i64; 3];
    let mut statement = transaction.prepare(
        "SELECT header, signature, coalesce(bodies.body, x''), device, id, chain, arrival
         FROM entries LEFT JOIN bodies ON bodies.n = entries.body WHERE space = ?1 ORDER BY arrival",
    )?;
    let mut rows = statement.query([n])?;
    while let Some(row) = rows.next()? {
        let bytes = i64::try_from(entry(row)?.size()).unwrap_or(i64::MAX);
        found[0] += 1;
        found[if row.get::<_, i64>(5)? == chain(Chain::Content) { 1 } else { 2 }] += bytes;
        match verify_entry(row, &mut log) {
            Ok(()) => report.entries += 1,
            Err(what) => {
                let arrival: i64 = row.get(6)?;
                report.add(format!("space {}, entry {arrival}: {what}", space));
            }
        }
    }
    let counted = "SELECT entries, content_bytes, control_bytes FROM spaces WHERE n = ?1";
    let counted = transaction.query_row(counted, [n], |row| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?]))?;
    if before == report.count() && counted != found {
        report.add(format!("space {space}: its entries or their bytes are counted wrong"));
    }
    Ok(())
}

fn verify_entry(row: &Row<'_>, log: &mut Log) -> Result<(), String> {
    let said = |problem: StoreError| error::chain(&problem);
    let device: DeviceId = Id::from_slice(blob(row, 3).map_err(said)?).ok_or("its device is no key")?;
    let id: EntryId = Id::from_slice(blob(row, 4).map_err(said)?).ok_or("its name is no hash")?;
    let entry = entry(row).map_err(said)?;
    let verified = entry.verify(&log.space(), &device).map_err(|problem| error::chain(&problem))?;
    if verified.id != id {
        return Err("it is kept under another name than its own".to_owned());
    }
    if row.get(5) != Ok(chain(verified.header.chain)) {
        return Err("it is kept in another chain than its own".to_owned());
    }
    log.restore(&device, verified.entry, State::Stored).map_err(|problem| error::chain(&problem))
}

#[cfg(test)]
mod tests {
    use alliance_replica::{
        id::Secret,
        log::entry::{Entry, Place, Verified},
    };

    use super::*;
    use crate::store::{Append, SqliteStore, Store as _};

    const SPACE: SpaceId = SpaceId::new([1; 16]);

    /// A chain of three entries.
    fn chained() -> Vec<Verified> {
        let mut all: Vec<Verified> = Vec::new();
        for seq in 1..=3 {
            let prev = all.last().map(|entry| entry.id);
            let place = Place { version: 1, chain: Chain::Content, seq, prev, epoch: Some([7; 8]) };
            all.push(Entry::sign(&SPACE, &Secret::from_seed(&[9; 32]), &place, vec![7; 100]));
        }
        all
    }

    /// What is found after a change to a database of one space with three entries.
    fn found(damage: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = SqliteStore::open(folder.path()).expect("opens");
        store.secret(&[1; 32]).expect("keeps");
        store.append(&[Append { space: SPACE, entries: chained(), live: None }]).expect("appends");
        let raw = format!("PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1; {damage}");
        store.connection.execute_batch(&raw).expect("damages");
        Admin::open(folder.path()).expect("opens").verify().expect("looks").problems
    }

    #[test]
    fn what_is_right_is_found_right() {
        assert_eq!(found(""), [""; 0]);
    }

    #[test]
    fn every_kind_of_damage_is_found() {
        for (damage, word) in [
            ("UPDATE bodies SET body = x'00' WHERE n = 2", "body does not match"),
            ("DELETE FROM bodies WHERE n = 2", "table: "),
            ("UPDATE entries SET signature = zeroblob(64) WHERE arrival = 3", "signature is not"),
            ("UPDATE entries SET header = x'ff' WHERE arrival = 2", "entry 2: "),
            ("UPDATE entries SET id = zeroblob(32) WHERE arrival = 2", "another name"),
            ("UPDATE entries SET chain = 1 - chain WHERE arrival = 2", "another chain"),
            ("UPDATE entries SET device = zeroblob(32) WHERE arrival = 2", "entry 2: signature"),
            ("DELETE FROM entries WHERE arrival = 2", "entry 3: predecessor"),
            ("DELETE FROM relay", "key is missing"),
            ("UPDATE relay SET secret = x'00'", "key cannot be read"),
            ("UPDATE spaces SET space = zeroblob(16)", "entry 1: "),
            ("UPDATE spaces SET space = x'00'", "space's name"),
            ("UPDATE spaces SET entries = 5", "counted wrong"),
            ("UPDATE spaces SET control_bytes = 5", "counted wrong"),
        ] {
            let problems = found(damage);
            assert!(problems.iter().any(|problem| problem.contains(word)), "{damage}: {problems:?}");
        }
    }

    #[test]
    fn problems_are_told_up_to_a_bound_and_counted_beyond() {
        let mut report = Report::default();
        (0..25).for_each(|n| report.add(n.to_string()));
        assert_eq!((report.problems.len(), report.more), (20, 5));
    }
}

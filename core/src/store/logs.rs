//! Entries in order of arrival, with how far each has come.

use alliance_replica::{
    id::{DeviceId, EntryId, Signature, SpaceId},
    log::{
        chain::State,
        entry::{Entry, Header, Verified},
        heads::{After, Chain},
    },
    wire,
};
use rusqlite::{OptionalExtension as _, Row};

use super::{StoreError, Tx, id};

/// An entry as it lies in the file.
#[derive(Debug)]
pub struct StoredEntry {
    /// Its author.
    pub device: DeviceId,
    /// Its name.
    pub id: EntryId,
    /// Its bytes; the body is empty for content that was not asked for.
    pub entry: Entry,
    /// How far it has come.
    pub state: StoredState,
}

/// Whether this device keeps an entry beyond a cut and has yet to say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It does not, or has said so.
    No,
    /// It does for as long as something that waits here depends on it.
    ForWaiting,
    /// The person wants it kept.
    Wanted,
}

/// How far an entry has come, as the file says.
#[derive(Debug)]
pub struct StoredState {
    /// The state.
    pub state: State,
    /// What it names, for content that was opened; with what it keeps.
    pub after: Option<After>,
    /// What it keeps beyond a cut.
    pub keeps: After,
    /// Whether this device keeps it beyond a cut and has yet to say so.
    pub kept: Kept,
    /// True once a relay said that it is on its disk.
    pub relayed: bool,
}

impl Tx<'_> {
    /// Writes an entry after all others.
    pub fn insert_entry(&self, space: &SpaceId, entry: &Verified, state: State) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT INTO entries (space, id, device, chain, seq, header, signature, body, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        statement.execute((
            space.as_ref(),
            entry.id.as_ref(),
            entry.device.as_ref(),
            entry.header.chain as u8,
            entry.header.seq.cast_signed(),
            &entry.entry.header,
            entry.entry.signature.0.as_slice(),
            &entry.entry.body,
            state as u8,
        ))?;
        Ok(())
    }

    /// Every entry of a space in order of arrival; content without its body.
    pub fn entries(&self, space: &SpaceId) -> Result<Vec<StoredEntry>, StoreError> {
        let mut statement = self.prepare_cached(
            "SELECT device, id, header, signature, CASE chain WHEN 0 THEN body ELSE x'' END, state, after, relayed,
                    keeps, kept
             FROM entries WHERE space = ?1 ORDER BY n",
        )?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(read(row)?);
        }
        Ok(entries)
    }

    /// Hands every entry of a space on, whole: control first, each chain in order of arrival.
    pub fn each_entry<E: From<StoreError>>(
        &self,
        space: &SpaceId,
        mut take: impl FnMut(DeviceId, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let wrong = |error: rusqlite::Error| E::from(error.into());
        let sql = "SELECT device, header, signature, body FROM entries WHERE space = ?1 AND chain = ?2 ORDER BY n";
        for chain in [Chain::Control, Chain::Content] {
            let mut statement = self.prepare_cached(sql).map_err(wrong)?;
            let mut rows = statement.query((space.as_ref(), chain as u8)).map_err(wrong)?;
            while let Some(row) = rows.next().map_err(wrong)? {
                let bytes = |at| row.get_ref(at).ok().and_then(|it| it.as_blob().ok()).ok_or(E::from(DAMAGED));
                let device = DeviceId::from_slice(bytes(0)?).ok_or(E::from(DAMAGED))?;
                let signature = Signature(bytes(2)?.try_into().map_err(|_| E::from(DAMAGED))?);
                take(device, Entry { header: bytes(1)?.to_vec(), signature, body: bytes(3)?.to_vec() })?;
            }
        }
        Ok(())
    }

    /// How many entries of a space are not what was signed: their bytes changed on the disk.
    pub fn wrong_entries(&self, space: &SpaceId) -> Result<u64, StoreError> {
        let mut statement = self.prepare("SELECT device, id, header, body FROM entries WHERE space = ?1 ORDER BY n")?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut wrong = 0;
        while let Some(row) = rows.next()? {
            let bytes = |at| row.get_ref(at).ok().and_then(|it| it.as_blob().ok()).unwrap_or_default();
            let (header, body) = (bytes(2), bytes(3));
            let is_right = DeviceId::from_slice(bytes(0)).is_some_and(|device| {
                EntryId::of(space, &device, header).as_ref() == bytes(1)
                    && Header::decode(header).is_ok_and(|it| it.place().header(body) == it)
            });
            wrong += u64::from(!is_right);
        }
        Ok(wrong)
    }

    /// The body of a space's first entry.
    pub fn genesis(&self, space: &SpaceId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.prepare_cached("SELECT body FROM entries WHERE space = ?1 ORDER BY n LIMIT 1")?;
        Ok(statement.query_row([space.as_ref()], |row| row.get(0)).optional()?)
    }

    /// One entry whole.
    pub fn entry(&self, space: &SpaceId, entry: &EntryId) -> Result<Option<StoredEntry>, StoreError> {
        let mut statement = self.prepare_cached(
            "SELECT device, id, header, signature, body, state, after, relayed, keeps, kept
             FROM entries WHERE space = ?1 AND id = ?2",
        )?;
        let mut rows = statement.query((space.as_ref(), entry.as_ref()))?;
        rows.next()?.map(read).transpose()
    }

    /// Sets how far an entry has come.
    pub fn set_entry_state(
        &self,
        space: &SpaceId,
        entry: &EntryId,
        state: State,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut statement =
            self.prepare_cached("UPDATE entries SET state = ?3, reason = ?4 WHERE space = ?1 AND id = ?2")?;
        statement.execute((space.as_ref(), entry.as_ref(), state as u8, reason))?;
        Ok(())
    }

    /// Notes what a content entry names, what it keeps among it, once it was opened.
    pub fn set_entry_after(
        &self,
        space: &SpaceId,
        entry: &EntryId,
        after: &After,
        keeps: &After,
    ) -> Result<(), StoreError> {
        let mut statement =
            self.prepare_cached("UPDATE entries SET after = ?3, keeps = ?4 WHERE space = ?1 AND id = ?2")?;
        let keeps = (!keeps.0.is_empty()).then(|| wire::encode(keeps));
        statement.execute((space.as_ref(), entry.as_ref(), wire::encode(after), keeps))?;
        Ok(())
    }

    /// Notes that this device keeps an entry beyond a cut, or no longer has to say so.
    pub fn set_kept(&self, space: &SpaceId, entry: &EntryId, kept: Kept) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached("UPDATE entries SET kept = ?3 WHERE space = ?1 AND id = ?2")?;
        statement.execute((space.as_ref(), entry.as_ref(), kept as u8))?;
        Ok(())
    }

    /// Every content entry of a space that was looked at, and is not wrong in itself, is to be looked at again.
    pub fn reopen_entries(&self, space: &SpaceId) -> Result<(), StoreError> {
        let states = (State::Stored as u8, State::Applied as u8, State::SetAside as u8);
        self.execute(
            "UPDATE entries SET state = ?2 WHERE space = ?1 AND chain = ?5 AND state IN (?3, ?4)",
            (space.as_ref(), states.0, states.1, states.2, Chain::Content as u8),
        )?;
        Ok(())
    }

    /// Every entry that was wrong in itself is to be judged again; what it names counts for nothing before that.
    pub fn forgive_entries(&self) -> Result<(), StoreError> {
        let (stored, quarantined) = (State::Stored as u8, State::Quarantined as u8);
        self.execute(
            "UPDATE entries SET state = ?1, reason = NULL, after = NULL, keeps = NULL WHERE state = ?2",
            (stored, quarantined),
        )?;
        self.execute("UPDATE spaces SET generation = generation + 1", ())?;
        Ok(())
    }

    /// Takes note that no relay has anything of a space any more.
    pub fn clear_relayed(&self, space: &SpaceId) -> Result<(), StoreError> {
        self.execute("UPDATE entries SET relayed = 0 WHERE space = ?1", [space.as_ref()])?;
        self.execute("UPDATE spaces SET generation = generation + 1 WHERE space = ?1", [space.as_ref()])?;
        Ok(())
    }

    /// Notes whether a relay has an entry on its disk.
    pub fn set_relayed(&self, space: &SpaceId, entry: &EntryId, relayed: bool) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached("UPDATE entries SET relayed = ?3 WHERE space = ?1 AND id = ?2")?;
        statement.execute((space.as_ref(), entry.as_ref(), relayed))?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<StoredEntry, StoreError> {
    let bytes = |column| row.get_ref(column)?.as_blob().map_err(|_| DAMAGED);
    let state = match row.get::<_, u8>(5)? {
        0 => State::Stored,
        1 => State::Applied,
        2 => State::SetAside,
        3 => State::Quarantined,
        _ => return Err(DAMAGED),
    };
    let heads = |column| {
        let bytes = row.get_ref(column)?.as_blob_or_null().map_err(|_| DAMAGED)?;
        bytes.map(|bytes| wire::decode("heads", bytes, usize::MAX).map_err(|_| DAMAGED)).transpose()
    };
    let kept = match row.get::<_, u8>(9)? {
        0 => Kept::No,
        1 => Kept::ForWaiting,
        2 => Kept::Wanted,
        _ => return Err(DAMAGED),
    };
    Ok(StoredEntry {
        device: id("entry's device", bytes(0)?)?,
        id: id("entry's id", bytes(1)?)?,
        entry: Entry {
            header: bytes(2)?.to_vec(),
            signature: Signature(bytes(3)?.try_into().map_err(|_| DAMAGED)?),
            body: bytes(4)?.to_vec(),
        },
        state: StoredState {
            state,
            after: heads(6)?,
            keeps: heads(8)?.unwrap_or_default(),
            kept,
            relayed: row.get(7)?,
        },
    })
}

const DAMAGED: StoreError = StoreError::Damaged { what: "an entry" };

/// The number under which a chain is stored.
const _: () = assert!(Chain::Control as u8 == 0 && Chain::Content as u8 == 1);

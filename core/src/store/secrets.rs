//! Spaces with this device's key in each, invitations and endings under way, and epoch keys.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, MemberId, SpaceId},
    log::control::{Purpose, Reason, SpaceKind},
};
use rusqlite::{OptionalExtension as _, Row};
use zeroize::Zeroizing;

use super::{StoreError, Tx, id};

/// A space of this profile.
pub struct SpaceRow {
    /// The space.
    pub space: SpaceId,
    /// Personal or alliance.
    pub kind: SpaceKind,
    /// Whom this device belongs to there.
    pub member: MemberId,
    /// This device there.
    pub device: DeviceId,
    /// Its key pairs.
    pub secret: Zeroizing<[u8; 64]>,
    /// Last content entry that this profile sealed.
    pub last: Option<EntryId>,
    /// Last control entry that this profile appended.
    pub last_control: Option<EntryId>,
    /// Unix seconds of the last entry sealed only to say what was received.
    pub received: i64,
    /// Grows with every change to entries, keys or invitations.
    pub generation: i64,
}

/// An invitation under way.
pub struct Invited {
    /// Its key.
    pub device: DeviceId,
    /// True if it was made here, false if it brought this device in.
    pub mine: bool,
    /// Whom it is for.
    pub purpose: Purpose,
    /// Unix seconds.
    pub expires: u64,
    /// Its key pairs.
    pub secret: Zeroizing<[u8; 64]>,
    /// True once its control entry is in the log.
    pub written: bool,
}

/// The end of a device that is decided and not yet in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The device.
    pub device: DeviceId,
    /// Why it is cut; nothing if it is this device, whose person leaves.
    pub reason: Option<Reason>,
}

/// An epoch with its key.
pub type EpochRow = (EpochId, Zeroizing<[u8; 32]>);

const SPACE: &str = "SELECT space, kind, member, device, secret, last, last_control, received, generation FROM spaces";

impl Tx<'_> {
    /// Adds a space, after those that are there.
    pub fn insert_space(&self, row: &SpaceRow) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO spaces (space, n, kind, member, device, secret)
             VALUES (?1, (SELECT COUNT(*) FROM spaces), ?2, ?3, ?4, ?5)",
            (row.space.as_ref(), row.kind as u8, row.member.as_ref(), row.device.as_ref(), row.secret.as_slice()),
        )?;
        Ok(())
    }

    /// All spaces: the personal one first, then in order of joining.
    pub fn spaces(&self) -> Result<Vec<SpaceRow>, StoreError> {
        let mut statement = self.prepare_cached(&format!("{SPACE} ORDER BY n"))?;
        let mut rows = statement.query([])?;
        let mut spaces = Vec::new();
        while let Some(row) = rows.next()? {
            spaces.push(read_space(row)?);
        }
        Ok(spaces)
    }

    /// One space, if this profile belongs to it.
    pub fn space(&self, space: &SpaceId) -> Result<Option<SpaceRow>, StoreError> {
        let mut statement = self.prepare_cached(&format!("{SPACE} WHERE space = ?1"))?;
        let mut rows = statement.query([space.as_ref()])?;
        rows.next()?.map(read_space).transpose()
    }

    /// Makes another device the one that this profile is in a space; it has written nothing yet.
    pub fn renew_space(&self, row: &SpaceRow) -> Result<(), StoreError> {
        self.execute(
            "UPDATE spaces SET device = ?2, secret = ?3, last = NULL, last_control = NULL WHERE space = ?1",
            (row.space.as_ref(), row.device.as_ref(), row.secret.as_slice()),
        )?;
        self.note_erased();
        Ok(())
    }

    /// Notes whose a device is.
    pub fn put_device(&self, space: &SpaceId, device: &DeviceId, member: &MemberId) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(
            "INSERT INTO devices (space, device, member) VALUES (?1, ?2, ?3)
             ON CONFLICT (space, device) DO UPDATE SET member = excluded.member",
        )?;
        statement.execute((space.as_ref(), device.as_ref(), member.as_ref()))?;
        Ok(())
    }

    /// Whose each device of a space is.
    pub fn devices(&self, space: &SpaceId) -> Result<BTreeMap<DeviceId, MemberId>, StoreError> {
        let mut statement = self.prepare_cached("SELECT device, member FROM devices WHERE space = ?1")?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut devices = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let device = id("device", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?;
            devices.insert(device, id("member", row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?)?);
        }
        Ok(devices)
    }

    /// Notes the last entries that this profile made, and when it last said what it received; tells other processes that
    /// the space's entries or keys changed. Returns the new generation.
    pub fn set_last(
        &self,
        space: &SpaceId,
        last: Option<&EntryId>,
        last_control: Option<&EntryId>,
        received: i64,
    ) -> Result<i64, StoreError> {
        let mut statement = self.prepare_cached(
            "UPDATE spaces SET last = ?2, last_control = ?3, received = ?4, generation = generation + 1
             WHERE space = ?1 RETURNING generation",
        )?;
        let bytes = |id: Option<&EntryId>| id.map(|id| id.as_bytes().to_vec());
        let values = (space.as_ref(), bytes(last), bytes(last_control), received);
        Ok(statement.query_row(values, |row| row.get(0))?)
    }

    /// Adds an invitation under way.
    pub fn insert_invitation(&self, space: &SpaceId, invited: &Invited) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO invitations (space, device, mine, purpose, expires, secret, written)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                space.as_ref(),
                invited.device.as_ref(),
                invited.mine,
                invited.purpose as u8,
                invited.expires.cast_signed(),
                invited.secret.as_slice(),
                invited.written,
            ),
        )?;
        Ok(())
    }

    /// Invitations under way in a space.
    pub fn invitations(&self, space: &SpaceId) -> Result<Vec<Invited>, StoreError> {
        let mut statement = self.prepare_cached(
            "SELECT device, mine, purpose, expires, secret, written FROM invitations WHERE space = ?1 ORDER BY device",
        )?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut invitations = Vec::new();
        while let Some(row) = rows.next()? {
            invitations.push(Invited {
                device: id("invitation", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?,
                mine: row.get(1)?,
                purpose: match row.get::<_, u8>(2)? {
                    0 => Purpose::Member,
                    1 => Purpose::OwnDevice,
                    _ => return Err(DAMAGED),
                },
                expires: row.get::<_, i64>(3)?.cast_unsigned(),
                secret: secret(row, 4)?,
                written: row.get(5)?,
            });
        }
        Ok(invitations)
    }

    /// Notes that an invitation's control entry is in the log.
    pub fn set_invitation_written(&self, space: &SpaceId, device: &DeviceId) -> Result<(), StoreError> {
        self.execute(
            "UPDATE invitations SET written = 1 WHERE space = ?1 AND device = ?2",
            (space.as_ref(), device.as_ref()),
        )?;
        Ok(())
    }

    /// Erases an invitation with its secret.
    pub fn remove_invitation(&self, space: &SpaceId, device: &DeviceId) -> Result<(), StoreError> {
        self.execute("DELETE FROM invitations WHERE space = ?1 AND device = ?2", (space.as_ref(), device.as_ref()))?;
        self.note_erased();
        Ok(())
    }

    /// Adds an ending.
    pub fn insert_ending(&self, space: &SpaceId, ending: &Ending) -> Result<(), StoreError> {
        let reason = ending.reason.map(|reason| reason as u8);
        self.execute(
            "INSERT OR REPLACE INTO endings (space, device, reason) VALUES (?1, ?2, ?3)",
            (space.as_ref(), ending.device.as_ref(), reason),
        )?;
        Ok(())
    }

    /// Endings of a space that are not yet in the log, cuts first.
    pub fn endings(&self, space: &SpaceId) -> Result<Vec<Ending>, StoreError> {
        let mut statement =
            self.prepare_cached("SELECT device, reason FROM endings WHERE space = ?1 ORDER BY reason IS NULL, device")?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut endings = Vec::new();
        while let Some(row) = rows.next()? {
            let device = id("device", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?;
            let reason = match row.get::<_, Option<u8>>(1)? {
                None => None,
                Some(0) => Some(Reason::Unsaid),
                Some(1) => Some(Reason::Lost),
                Some(2) => Some(Reason::Renewed),
                Some(3) => Some(Reason::Expired),
                Some(4) => Some(Reason::Withdrawn),
                Some(_) => return Err(DAMAGED),
            };
            endings.push(Ending { device, reason });
        }
        Ok(endings)
    }

    /// Forgets an ending: it is in the log, or nothing is left to end.
    pub fn remove_ending(&self, space: &SpaceId, device: &DeviceId) -> Result<(), StoreError> {
        self.execute("DELETE FROM endings WHERE space = ?1 AND device = ?2", (space.as_ref(), device.as_ref()))?;
        Ok(())
    }

    /// Keeps an epoch's key.
    pub fn insert_epoch(&self, space: &SpaceId, epoch: &EpochId, key: &[u8; 32]) -> Result<(), StoreError> {
        let mut statement =
            self.prepare_cached("INSERT OR IGNORE INTO epochs (space, epoch, key) VALUES (?1, ?2, ?3)")?;
        statement.execute((space.as_ref(), epoch.as_ref(), key.as_slice()))?;
        Ok(())
    }

    /// All epoch keys of a space.
    pub fn epochs(&self, space: &SpaceId) -> Result<Vec<EpochRow>, StoreError> {
        let mut statement = self.prepare_cached("SELECT epoch, key FROM epochs WHERE space = ?1 ORDER BY epoch")?;
        let mut rows = statement.query([space.as_ref()])?;
        let mut epochs = Vec::new();
        while let Some(row) = rows.next()? {
            let epoch = id("epoch", row.get_ref(0)?.as_blob().map_err(|_| DAMAGED)?)?;
            epochs.push((epoch, secret(row, 1)?));
        }
        Ok(epochs)
    }

    /// The profile's only way to learn that a space's log changed under it.
    pub fn generation(&self, space: &SpaceId) -> Result<Option<i64>, StoreError> {
        let mut statement = self.prepare_cached("SELECT generation FROM spaces WHERE space = ?1")?;
        Ok(statement.query_row([space.as_ref()], |row| row.get(0)).optional()?)
    }
}

fn read_space(row: &Row<'_>) -> Result<SpaceRow, StoreError> {
    let bytes = |column| row.get_ref(column)?.as_blob().map_err(|_| DAMAGED);
    let optional = |column| {
        let bytes = row.get_ref(column)?.as_blob_or_null().map_err(|_| DAMAGED)?;
        bytes.map(|bytes| id("entry's id", bytes)).transpose()
    };
    Ok(SpaceRow {
        space: id("space", bytes(0)?)?,
        kind: match row.get::<_, u8>(1)? {
            0 => SpaceKind::Personal,
            1 => SpaceKind::Alliance,
            _ => return Err(DAMAGED),
        },
        member: id("member", bytes(2)?)?,
        device: id("device", bytes(3)?)?,
        secret: secret(row, 4)?,
        last: optional(5)?,
        last_control: optional(6)?,
        received: row.get(7)?,
        generation: row.get(8)?,
    })
}

fn secret<const N: usize>(row: &Row<'_>, column: usize) -> Result<Zeroizing<[u8; N]>, StoreError> {
    let bytes = row.get_ref(column)?.as_blob().map_err(|_| DAMAGED)?;
    bytes.try_into().map(Zeroizing::new).map_err(|_| DAMAGED)
}

const DAMAGED: StoreError = StoreError::Damaged { what: "a space or key" };

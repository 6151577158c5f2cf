//! Whether a profile is well: its file, its keys, what waits. Looks at everything once; what is damaged stops nothing else.

use alliance_replica::{
    id::SpaceId,
    log::{chain::State, control::SpaceKind, heads::Chain},
};

use super::{AllianceState, AppError, Profile, documents::Documents, profile, query, receive::loaded, space::Space};
use crate::{
    document::Preimage,
    domain::recovery,
    keys::DeviceSecret,
    store::{SpaceRow, StoreError, Tx},
};

/// How a profile's file and spaces are.
#[derive(Debug)]
pub struct Checkup {
    /// What SQLite finds wrong with the file, a few lines at the most.
    pub damage: Vec<String>,
    /// Why the file could not be written, if so.
    pub unwritten: Option<StoreError>,
    /// When the newest thing was noted here, in unix seconds of this computer's clock.
    pub newest: Option<i64>,
    /// The spaces.
    pub spaces: Vec<SpaceCheckup>,
}

/// How one space is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpaceCheckup {
    /// The space.
    pub space: SpaceId,
    /// What it is called; empty if that cannot be read.
    pub title: String,
    /// True for one's own, private space.
    pub personal: bool,
    /// Its log cannot be read, or so many entries are not what was signed.
    pub damaged: Option<u64>,
    /// This computer's key is there and is the one that the space knows.
    pub own_key: bool,
    /// What the recovery words need to open it is there.
    pub recovery: bool,
    /// A key to read is missing, although this computer was let in.
    pub lacks_keys: bool,
    /// Entries that were refused for what is in them.
    pub refused: u64,
    /// Entries that arrived and cannot be read yet.
    pub waiting: u64,
}

impl Profile {
    /// Looks at everything. It writes nothing that lasts.
    pub fn checkup(&mut self) -> Result<Checkup, AppError> {
        let damage = self.store.integrity()?;
        let unwritten = self.store.try_write().err();
        let (rows, newest) = self.store.read::<_, AppError>(|tx| Ok((tx.spaces()?, tx.newest_security()?)))?;
        let mut spaces = Vec::new();
        for row in rows.iter().skip(1).chain(rows.first()) {
            spaces.push(self.check_space(row)?);
        }
        Ok(Checkup { damage, unwritten, newest, spaces })
    }

    fn check_space(&mut self, row: &SpaceRow) -> Result<SpaceCheckup, AppError> {
        let Self { store, spaces, documents, .. } = self;
        let personal = row.kind == SpaceKind::Personal;
        let mut found = SpaceCheckup {
            space: row.space,
            title: String::new(),
            personal,
            damaged: None,
            own_key: false,
            recovery: false,
            lacks_keys: false,
            refused: 0,
            waiting: 0,
        };
        let looked = store.read(|tx| {
            found.own_key = DeviceSecret::from_bytes(&row.secret).id() == row.device;
            let alliance = query::alliance(tx, &row.space, None)?;
            found.title = alliance.title;
            found.recovery = has_recovery(tx, row)?;
            let wrong = tx.wrong_entries(&row.space)?;
            found.damaged = (wrong > 0).then_some(wrong);
            let space = loaded(spaces, tx, &row.space)?;
            let known = space.log.fold().device(&row.device).is_some_and(|it| it.live);
            let awaits = alliance.state == AllianceState::AwaitsConfirmation;
            found.own_key &= known || awaits || alliance.state == AllianceState::Ended;
            found.lacks_keys = known && space.lacks_epochs();
            read_items(tx, documents, &row.space)?;
            let count = |state| count(space, state);
            (found.refused, found.waiting) = (count(State::Quarantined), count(State::Stored));
            Ok(())
        });
        match looked {
            Ok(()) => {}
            Err(AppError::Store(StoreError::Damaged { .. })) => {
                self.unload();
                found.damaged = found.damaged.or(Some(1));
            }
            Err(error) => return Err(error),
        }
        Ok(found)
    }
}

/// Reads every document and row of a space, to see whether that can be done.
fn read_items(tx: &Tx<'_>, documents: &mut Documents, space: &SpaceId) -> Result<(), AppError> {
    let damaged = |what| StoreError::Damaged { what };
    for row in tx.rows(space, None, usize::MAX)? {
        query::parse(&row)?;
        let preimage = tx.preimage(space, &row.item)?.and_then(|bytes| Preimage::decode(&bytes).ok());
        documents.facets(tx, space, &preimage.ok_or(damaged("an item's name"))?, row.item)?;
    }
    Ok(())
}

fn count(space: &Space, state: State) -> u64 {
    let chains = space.log.chains();
    chains.arrivals(Chain::Content).iter().filter(|it| chains.at(**it).state == state).count() as u64
}

/// True if the words can bring a space back: its first entry names a recovery key, and of an alliance's the secret lies
/// sealed in one's own space.
fn has_recovery(tx: &Tx<'_>, row: &SpaceRow) -> Result<bool, AppError> {
    if row.kind == SpaceKind::Personal {
        return Ok(profile::genesis(tx, &row.space)?.recovery.is_some());
    }
    let Some(personal) = tx.spaces()?.into_iter().find(|it| it.kind == SpaceKind::Personal) else { return Ok(false) };
    let name = row.space.to_string();
    let kept = tx.rows(&personal.space, Some(recovery::KIND.name), usize::MAX)?;
    Ok(kept.iter().any(|it| it.json.contains(&name)))
}

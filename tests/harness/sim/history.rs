//! What is left of an alliance's membership in the end: all that was signed, and what each computer makes of it.

use std::collections::{BTreeMap, BTreeSet};

use alliance_core::{
    app::AllianceState,
    store::{Kept, Store, StoreError, StoredEntry, Tx},
};
use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, MemberId, SpaceId},
    log::{chain::State, entry::Entry, heads::After},
};

use super::{Sim, Violation, wal::DATABASE};

/// An alliance at the end of a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// Which.
    pub space: SpaceId,
    /// Every entry that some computer has.
    pub entries: BTreeMap<EntryId, Written>,
    /// What each computer makes of those it has.
    pub computers: BTreeMap<String, Belief>,
}

/// An entry, as it was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Its author.
    pub device: DeviceId,
    /// Its bytes; content has no body.
    pub entry: Entry,
    /// What content names and what it keeps, as whoever opened it read.
    pub names: Option<(After, After)>,
}

/// What a computer's program says of an alliance, out of its file or by its functions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Belief {
    /// How far each entry that it has has come.
    pub states: BTreeMap<EntryId, State>,
    /// Content of which it has read what it names.
    pub opened: BTreeSet<EntryId>,
    /// Content beyond a cut that it keeps and has yet to say so.
    pub keeps: BTreeSet<EntryId>,
    /// Its own key, and whose it is.
    pub me: (DeviceId, MemberId),
    /// How far the alliance has come.
    pub state: AllianceState,
    /// The other person's live devices, shortened as people see them.
    pub others: BTreeSet<String>,
    /// Whose each key is that it ever knew.
    pub members: BTreeMap<DeviceId, MemberId>,
    /// The epochs that it can open.
    pub epochs: BTreeSet<EpochId>,
    /// Its invitations that are in the log and wait for somebody.
    pub invitations: BTreeSet<DeviceId>,
}

impl Sim {
    /// What there is of each alliance, and what everybody makes of it.
    pub(crate) fn histories(&mut self) -> Result<Vec<History>, Violation> {
        self.spaces
            .difference(&self.personal)
            .copied()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|space| self.history(space))
            .collect()
    }

    fn history(&mut self, space: SpaceId) -> Result<History, Violation> {
        let mut history = History { space, entries: BTreeMap::new(), computers: BTreeMap::new() };
        let names: Vec<_> = self.devices.keys().cloned().collect();
        for name in names {
            let said = self.call(&name, |profile, _, _| {
                let status = profile.status()?.into_iter().find(|it| it.space == space);
                Ok(status.map(|it| (it.state, it.others.into_iter().map(|other| other.device).collect())))
            })?;
            let (state, others) = match said {
                Some(Ok(Some(said))) => said,
                Some(Err(error)) => {
                    self.app_failed(&name, &error)?;
                    continue;
                }
                _ => continue,
            };
            let mut store = Store::open(&self.devices[&name].folder().join(DATABASE)).expect("a profile");
            let stored = store.read::<_, StoreError>(|tx| tx.entries(&space)).expect("entries");
            let belief = store.read::<_, StoreError>(|tx| belief(tx, &space, &stored, state, others));
            history.computers.insert(name, belief.expect("a whole profile"));
            for StoredEntry { device, id, entry, state } in stored {
                let written = history.entries.entry(id).or_insert(Written { device, entry, names: None });
                written.names = written.names.take().or_else(|| Some((state.after?, state.keeps)));
            }
        }
        Ok(history)
    }
}

fn belief(
    tx: &Tx<'_>,
    space: &SpaceId,
    stored: &[StoredEntry],
    state: AllianceState,
    others: BTreeSet<String>,
) -> Result<Belief, StoreError> {
    let row = tx.space(space)?.ok_or(StoreError::Missing)?;
    let waiting = tx.invitations(space)?.into_iter().filter(|it| it.mine && it.written);
    Ok(Belief {
        states: stored.iter().map(|it| (it.id, it.state.state)).collect(),
        opened: stored.iter().filter(|it| it.state.after.is_some()).map(|it| it.id).collect(),
        keeps: stored.iter().filter(|it| it.state.kept != Kept::No).map(|it| it.id).collect(),
        me: (row.device, row.member),
        state,
        others,
        members: tx.devices(space)?,
        epochs: tx.epochs(space)?.into_iter().map(|(epoch, _)| epoch).collect(),
        invitations: waiting.map(|it| it.device).collect(),
    })
}

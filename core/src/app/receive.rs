//! What arrives: verified, written to disk, folded into membership, keys and documents, in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alliance_replica::{
    exchange::frame::{Code, Entries},
    id::{DeviceId, EntryId, ItemId, ReplicaKey, SpaceId},
    log::{
        Refusal,
        chain::State,
        entry::{Entry, Place, Verified},
        heads::{Chain, Head},
    },
    planted::{self, Bug},
};
use serde_json::json;

use super::{
    AppError, Profile, World,
    apply::{self, Settled, Since},
    exchange::Met,
    membership,
    space::Space,
};
use crate::{keys::DeviceSecret, store::Tx};

/// Content that just arrived.
pub(super) type Bodies = BTreeMap<EntryId, Arc<Body>>;

/// An entry's sealed body, and what it is bound to.
pub(super) struct Body {
    pub(super) device: DeviceId,
    pub(super) place: Place,
    pub(super) bytes: Vec<u8>,
}

/// What [`Profile::receive`] did.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Every entry that is on disk now, for the acknowledgement.
    pub(super) heads: Vec<Head>,
    /// How many were new.
    pub(super) new: u64,
    /// Which items changed.
    pub(super) changed: BTreeSet<ItemId>,
    /// Where what arrived met what this person had written.
    pub(super) met: BTreeSet<Met>,
    /// The last entry of each path that could not be linked as a whole, and its author.
    pub(super) loose: Vec<(DeviceId, EntryId)>,
    /// Whether an entry was passed over because there are too many by its author's member.
    pub(super) passed_over: bool,
    /// An entry was refused, and under which code.
    pub(super) refused: Option<(EntryId, Code)>,
}

impl Profile {
    /// Takes paths that arrived for one space. When this returns, everything named in `heads` is on disk.
    pub(super) fn receive(
        &mut self,
        space: &SpaceId,
        paths: Vec<Entries>,
        world: &World<'_>,
    ) -> Result<Taken, AppError> {
        let Self { store, spaces, documents, lent, helpers } = self;
        let take = |tx: &Tx<'_>| {
            let space = loaded(spaces, tx, space)?;
            let mut taken = Taken::default();
            let mut arrived = Arrived::default();
            for path in paths {
                let device = path.device;
                let last = path.entries.last().map(|last| EntryId::of(&space.id(), &device, &last.header));
                let received = space.log.receive(&device, path.chain, path.entries);
                // One that came before what it names is told of once that is here, too.
                arrived.control.extend(received.settled);
                for entry in received.new {
                    taken.heads.push(entry.head());
                    arrived.keep(tx, space, entry)?;
                }
                taken.heads.extend(received.known);
                taken.loose.extend(last.filter(|_| received.unlinked).map(|last| (device, last)));
                if let Some((entry, refusal)) = received.refused {
                    let mut about = json!({ "device": device.to_string(), "reason": whole(&refusal) });
                    if !matches!(refusal, Refusal::TooMany) {
                        // Of those there may be any number: it is said once a device.
                        about["entry"] = entry.to_string().into();
                    }
                    // Of devices that only what is passed over introduces there may be any number, too.
                    if !matches!(refusal, Refusal::TooMany) || space.log.dag().introduces(&device) {
                        tx.note_security_once(world.now, (&space.id(), "entry-refused", &about))?;
                    }
                    let code = match refusal {
                        // Nothing that follows it counts either; whoever is not its author goes on.
                        Refusal::TooMany => {
                            taken.passed_over = true;
                            continue;
                        }
                        Refusal::Author => Code::Limit,
                        _ => Code::Entry,
                    };
                    taken.refused = Some((entry, code));
                    // Its channel ends: what else came on it comes again.
                    break;
                }
            }
            taken.new = arrived.count;
            if arrived.count == 0 {
                return Ok(taken);
            }
            if !arrived.control.is_empty() {
                membership::note(tx, space, &arrived.control, world.now)?;
                let invitations = tx.invitations(&space.id())?;
                let used = invitations.iter().find(|it| !it.mine).map(|it| DeviceSecret::from_bytes(&it.secret));
                space.learn_keys(tx, used.as_ref().or(lent.get(&space.id())), world.now)?;
                let confirmed = space.log.fold().device(&space.device()).is_some_and(|it| it.live);
                if let Some(used) = used.filter(|_| confirmed && !space.lacks_epochs()) {
                    tx.remove_invitation(&space.id(), &used.id())?;
                }
            }
            let control = !arrived.control.is_empty();
            let since = Since { bodies: arrived.bodies, control, helpers: *helpers, ..Since::default() };
            Settled { changed: taken.changed, met: taken.met } = apply::settle(tx, space, documents, since, world.now)?;
            space.store_row(tx)?;
            Ok(taken)
        };
        if planted::is(Bug::AckBeforeFsync) { store.note(take) } else { store.write(take) }
    }

    /// Notes which entries are on a relay's disk now, and how many it lost which it once had.
    pub(super) fn set_relayed(
        &mut self,
        space: &SpaceId,
        changed: &[(EntryId, bool)],
        lost: u64,
        now: i64,
    ) -> Result<(), AppError> {
        if changed.is_empty() && lost == 0 {
            return Ok(());
        }
        let Self { store, spaces, .. } = self;
        // The relay says it again on the next connection.
        store.note(|tx| {
            let space = loaded(spaces, tx, space)?;
            for (entry, relayed) in changed {
                tx.set_relayed(&space.id(), entry, *relayed)?;
                space.relayed.insert(*entry, *relayed);
            }
            if lost > 0 {
                tx.note_security(now, &space.id(), "relay-lost-data", &json!({ "entries": lost }))?;
            }
            Ok(())
        })
    }

    /// Entries whole, from disk, in the order of their ids given.
    pub(super) fn bodies(&mut self, space: &SpaceId, ids: &[EntryId]) -> Result<Vec<Entry>, AppError> {
        self.store.read(|tx| {
            let read = |id| {
                let stored = tx.entry(space, id)?;
                stored.map(|stored| stored.entry).ok_or(crate::store::StoreError::Damaged { what: "an entry" })
            };
            Ok(ids.iter().map(read).collect::<Result<_, _>>()?)
        })
    }

    /// Notes that a relay answered with another key than the one that is known.
    pub(super) fn note_other_relay(&mut self, spaces: &[SpaceId], key: &ReplicaKey, now: i64) -> Result<(), AppError> {
        self.store.write(|tx| {
            for space in spaces {
                tx.note_security(now, space, "relay-key-changed", &json!({ "key": key.to_string() }))?;
            }
            Ok(())
        })
    }
}

/// A space, loaded and as the file has it.
pub(super) fn loaded<'a>(
    spaces: &'a mut BTreeMap<SpaceId, Space>,
    tx: &Tx<'_>,
    space: &SpaceId,
) -> Result<&'a mut Space, AppError> {
    if !spaces.contains_key(space) {
        spaces.insert(*space, Space::load(tx, space)?);
    }
    let loaded = spaces.get_mut(space).ok_or(AppError::UnknownSpace)?;
    loaded.refresh(tx)?;
    Ok(loaded)
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Entries that are new here.
#[derive(Default)]
struct Arrived {
    count: u64,
    /// Control entries that have their place in the membership now.
    control: Vec<EntryId>,
    bodies: Bodies,
}

impl Arrived {
    fn keep(&mut self, tx: &Tx<'_>, space: &mut Space, entry: Verified) -> Result<(), AppError> {
        tx.insert_entry(&space.id(), &entry, State::Stored)?;
        space.relayed.insert(entry.id, false);
        self.count += 1;
        if entry.header.chain == Chain::Content {
            space.log.chains().index(&entry.id).into_iter().for_each(|index| space.waiting.push(index));
            let body = Body { device: entry.device, place: entry.header.place(), bytes: entry.entry.body };
            self.bodies.insert(entry.id, Arc::new(body));
        }
        Ok(())
    }
}

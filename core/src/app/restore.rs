//! Bringing a person back by their words, on a computer that has nothing.
//!
//! Order of calls: [`Seeking`] asks a relay for the words' personal space; [`Profile::restore`] begins a profile with it,
//! which is marked as [unfinished](Profile::is_restoring). [`Profile::lend`] gives the profile the keys that the words
//! open, in memory alone; every exchange opens with them what this computer does not belong to yet. So all is pulled, and
//! what [`Profile::lost_alliances`] names is sought and [taken](Profile::take_found), until nothing new is found. Then
//! [`Profile::take_over`] writes in each space what ends the lost computers and adds this one, one more exchange brings
//! that to the relay, and [`Profile::finish_restore`] gives the keys back. Each step can be done again: whoever is stopped
//! anywhere begins with the words anew and goes on.

mod seeking;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use alliance_replica::{
    id::{DeviceId, EntryId, MemberId, ReplicaKey, SpaceId},
    log::{
        chain::State,
        control::{AddedRole, Cut, Reason, Record, SpaceKind},
        entry::Verified,
        membership::{DeviceState, Role},
    },
    planted::{self, Bug},
};
use serde_json::json;

pub use seeking::{Seeking, Wanted};

use super::{
    AllianceState, AppError, NotRestored, Person, Profile, World,
    apply::{self, Since},
    backup, intent, membership, profile, query,
    receive::loaded,
    relays::relay_address,
    space::Space,
};
use crate::{
    document::{DocId, Past, Scalar, Writer},
    domain::recovery,
    keys::{DeviceSecret, Words},
    store::{SpaceRow, Tx},
};

/// Set while a profile is being brought back.
const RESTORING: &str = "restoring";

/// What becomes of the person's other computers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Others {
    /// They are cut off, as lost.
    Cut,
    /// They stay.
    Keep,
}

/// A space that came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The space.
    pub space: SpaceId,
    /// What it is called; the personal space has no title.
    pub title: String,
    /// True for the personal space.
    pub personal: bool,
    /// How far the alliance has come.
    pub state: AllianceState,
    /// Things that people wrote which are here.
    pub items: usize,
    /// Other computers that were cut off for this one.
    pub cut: usize,
    /// Invitations that were withdrawn for it.
    pub withdrawn: usize,
    /// Other recovery words that do not work any more.
    pub words: usize,
    /// Other computers of the person that are still in.
    pub kept: usize,
}

impl Profile {
    /// Begins a profile with the personal space that a relay knows of; it is unfinished.
    pub fn restore(file: &Path, found: &Seeking, url: &str, world: &mut World<'_>) -> Result<Self, AppError> {
        if !found.has_personal() {
            return Err(AppError::NotRestored(NotRestored::Unknown));
        }
        let mut profile = Self::blank(file)?;
        profile.take_found(found, url, world)?;
        Ok(profile)
    }

    /// True while the profile is not whole: it is being brought back by the words.
    pub fn is_restoring(&mut self) -> Result<bool, AppError> {
        self.store.read(|tx| Ok(tx.meta(RESTORING)?.is_some_and(|it| !it.is_empty())))
    }

    /// Gives the profile the keys that the words open, for every space to which this computer does not belong yet, or of
    /// which no relay knows that it does. They are never written to disk.
    pub fn lend(&mut self, words: &Words) -> Result<(), AppError> {
        let personal = self.personal()?.space;
        let key = words.device_secret();
        let fold = self.space(&personal)?.log.fold();
        let member = self.space(&personal)?.row.member;
        match fold.device(&key.id()) {
            Some(it) if it.role == Role::Invite || it.member != member => {
                return Err(AppError::NotRestored(NotRestored::OtherWords));
            }
            Some(it) if !it.live => return Err(AppError::NotRestored(NotRestored::Ended)),
            Some(_) => {}
            None => return Err(AppError::NotRestored(NotRestored::OtherWords)),
        }
        let mut keys = self.secrets(words, &personal)?;
        keys.push((personal, key));
        for (space, key) in keys {
            if self.store.read::<_, AppError>(|tx| Ok(tx.space(&space)?.is_none()))? {
                continue;
            }
            let loaded = self.space(&space)?;
            let role = loaded.log.fold().device(&key.id()).filter(|it| it.live).map(|it| it.role);
            let is_open = role.is_some_and(|role| role != Role::Invite) && loaded.is_open_to_words();
            // Nobody but words makes a recovery key; an added key may be somebody else's, too.
            if is_open && (role == Some(Role::Recovery) || !self.lent.contains_key(&space)) {
                self.lent.insert(space, key);
            }
        }
        Ok(())
    }

    /// True if the keys of a space, named in hexadecimal, were lent.
    pub fn is_lent(&self, space: &str) -> bool {
        SpaceId::from_hex(space).is_some_and(|space| self.lent.contains_key(&space))
    }

    /// The alliances of the person that are not here, with the keys that the words open.
    pub fn lost_alliances(&mut self, words: &Words) -> Result<Vec<Wanted>, AppError> {
        let personal = self.personal()?.space;
        let keys = self.secrets(words, &personal)?;
        self.store.read(|tx| {
            let here: BTreeSet<_> = tx.spaces()?.into_iter().map(|row| row.space).collect();
            let lost = keys.into_iter().filter(|(space, _)| !here.contains(space));
            Ok(lost.map(|(space, key)| Wanted { key, space: Some(space) }).collect())
        })
    }

    /// Keeps what a relay knows of spaces that are not here yet, with a key of this computer in each. They are unfinished.
    pub fn take_found(&mut self, found: &Seeking, url: &str, world: &mut World<'_>) -> Result<Vec<SpaceId>, AppError> {
        let url = relay_address(url)?;
        let Self { store, spaces, .. } = self;
        let result = store.write(|tx| {
            let mut taken = Vec::new();
            for sought in found.found() {
                let space = sought.space();
                let has_personal = tx.spaces()?.iter().any(|row| row.kind == SpaceKind::Personal);
                let wanted = if has_personal { SpaceKind::Alliance } else { SpaceKind::Personal };
                let (Some(state), Some(key)) = (sought.state(), found.secret(&sought.key)) else { continue };
                if sought.log.fold().kind() != Some(wanted) || tx.space(&space)?.is_some() {
                    continue;
                }
                let (control, relays) = (&sought.control, [(url.clone(), found.relay())]);
                let begun = Begun { space, kind: wanted, member: state.member, control, relays: &relays };
                begin_space(tx, spaces, &begun, Some(key), world)?;
                taken.push(space);
            }
            if !taken.is_empty() {
                mark(tx)?;
            }
            Ok(taken)
        });
        self.settle(result)
    }

    /// Writes into every space of which the keys were lent that the person's other computers and open invitations end,
    /// unless they are to be kept, and that this computer is theirs; but not where the person had left. Everything that is there was pulled before: it is
    /// named, and so is kept.
    pub fn take_over(&mut self, others: Others, world: &mut World<'_>) -> Result<(), AppError> {
        let Self { store, spaces, documents, lent, .. } = self;
        let result = store.write(|tx| {
            for (space, key) in &*lent {
                let space = loaded(spaces, tx, space)?;
                if space.log.fold().device(&space.device()).is_some() || space.was_left() {
                    continue;
                }
                if apply::is_open(space) {
                    apply::settle(tx, space, documents, Since::default(), world.now)?;
                }
                let written = space.take_over(tx, key, others)?;
                membership::note(tx, space, &written, world.now)?;
                let ended = json!({ "ended": written.len() - 1, "device": space.device().to_string() });
                tx.note_security(world.now, &space.id(), "restored", &ended)?;
                apply::settle(tx, space, documents, Since { control: true, ..Since::default() }, world.now)?;
                // What a computer had not sent that was just cut off, if a backup kept it.
                let taken = backup::take_over(tx, space, documents)?;
                membership::note(tx, space, &taken, world.now)?;
                space.store_row(tx)?;
            }
            Ok(())
        });
        self.settle(result)
    }

    /// Gives the keys back once a relay knows of this computer in every space, and marks the profile as whole. The person
    /// is called as in their alliances, or as is said here. Nobody knows which alliance commands meant: where there are
    /// several, the person chooses.
    pub fn finish_restore(&mut self, said: Option<Person>) -> Result<(), AppError> {
        for row in self.store.read::<_, AppError>(|tx| Ok(tx.spaces()?))? {
            let space = self.space(&row.space)?;
            if space.is_open_to_words() && !space.was_left() {
                return Err(AppError::NotRestored(NotRestored::Unsent));
            }
        }
        self.finish_offline(said)
    }

    /// Marks the profile as whole though no relay knows of this computer: it was brought back by a backup alone. What the
    /// words wrote is in its log, and a relay lets in whoever brings what says that they belong to a space.
    pub fn finish_offline(&mut self, said: Option<Person>) -> Result<(), AppError> {
        let rows = self.store.read::<_, AppError>(|tx| Ok(tx.spaces()?))?;
        let person = match self.person() {
            Ok(_) => None,
            Err(_) => Some(self.called(&rows)?.or(said).ok_or(AppError::NotRestored(NotRestored::Nameless))?),
        };
        self.store.write::<_, AppError>(|tx| {
            person.iter().try_for_each(|person| profile::set_person(tx, person))?;
            Ok(tx.set_meta(RESTORING, &[])?)
        })?;
        self.lent.clear();
        Ok(())
    }

    /// What came back, an alliance after the other, the personal space last.
    pub fn restored(&mut self) -> Result<Vec<Restored>, AppError> {
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            let rows = tx.spaces()?;
            let mut all = Vec::new();
            for row in rows.iter().skip(1).chain(rows.first()) {
                let space = loaded(spaces, tx, &row.space)?;
                let alliance = query::alliance(tx, &row.space, None)?;
                let items = tx.rows(&row.space, None, usize::MAX)?;
                let fold = space.log.fold();
                let words = space.words();
                let ended = space.ended_for_this();
                let role = |device: &&DeviceId| fold.device(device).map(|it| it.role);
                let own = |it: &(DeviceId, DeviceState)| it.0 != space.device() && it.1.member == row.member;
                all.push(Restored {
                    space: row.space,
                    title: alliance.title,
                    personal: row.kind == SpaceKind::Personal,
                    state: alliance.state,
                    items: items.iter().filter(|row| query::is_shown(&row.kind)).count(),
                    withdrawn: ended.iter().filter(|it| role(it) == Some(Role::Invite)).count(),
                    words: ended.iter().filter(|it| words.contains(*it)).count(),
                    cut: ended.iter().filter(|it| role(it) == Some(Role::Ordinary) && !words.contains(*it)).count(),
                    kept: space.computers().filter(own).count(),
                });
            }
            Ok(all)
        })
    }

    /// The recovery keys of alliances that the words open, as the personal space keeps them. Whoever had a computer may have
    /// written something else over what was kept, so all counts that ever was there.
    pub(super) fn secrets(
        &mut self,
        words: &Words,
        personal: &SpaceId,
    ) -> Result<Vec<(SpaceId, DeviceSecret)>, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let (mut secrets, mut tried) = (BTreeMap::<(SpaceId, DeviceId), DeviceSecret>::new(), BTreeSet::new());
            for kept in tx.rows(personal, Some(recovery::KIND.name), usize::MAX)? {
                let preimage = intent::read_preimage(tx, personal, &kept.item)?;
                let doc = DocId { item: kept.item, writer: Writer::Everyone };
                let document = documents.open(tx, personal, &preimage, doc)?;
                for written in document.written() {
                    let past = document.fields_at(&[written.hash]);
                    let values = |name| match past.get(name) {
                        Some(Past::Register(values)) => values.iter().filter_map(Scalar::text).collect(),
                        _ => Vec::new(),
                    };
                    // Both are put at once, over all that was there: where there are several, others put something else.
                    let (of, all): (Vec<_>, Vec<_>) = (values("space"), values("sealed"));
                    let ([of], [sealed]) = (of.as_slice(), all.as_slice()) else { continue };
                    let kept = recovery::kept(of, sealed).filter(|kept| tried.insert(kept.clone()));
                    if let Some((space, sealed)) = kept
                        && let Ok(secret) = words.open(&space, personal, &sealed)
                    {
                        secrets.insert((space, secret.id()), secret);
                    }
                }
            }
            Ok(secrets.into_iter().map(|((space, _), secret)| (space, secret)).collect())
        })
    }

    /// How the person is called in the first alliance in which they said so.
    fn called(&mut self, rows: &[SpaceRow]) -> Result<Option<Person>, AppError> {
        self.store.read(|tx| {
            for row in rows.iter().filter(|row| row.kind == SpaceKind::Alliance) {
                let name = query::names(tx, &row.space)?.remove(&row.member).unwrap_or_default();
                if !name.is_empty() {
                    return Ok(Some(Person { name, role: query::role(tx, &row.space, &row.member)? }));
                }
            }
            Ok(None)
        })
    }

    /// The key by which a relay is known here.
    pub fn relay_key(&mut self, url: &str) -> Result<Option<ReplicaKey>, AppError> {
        let url = relay_address(url)?;
        Ok(self.relays()?.into_iter().find(|relay| relay.url == url).and_then(|relay| relay.key))
    }
}

/// A space that comes back.
pub(super) struct Begun<'a> {
    pub(super) space: SpaceId,
    pub(super) kind: SpaceKind,
    /// Whose this computer is there.
    pub(super) member: MemberId,
    /// Its control entries, in order.
    pub(super) control: &'a [Verified],
    /// Where it is exchanged.
    pub(super) relays: &'a [(String, Option<ReplicaKey>)],
}

/// Adds a space to the profile, with a key of this computer that nothing has introduced yet, and with the epochs that a
/// lent key opens.
pub(super) fn begin_space(
    tx: &Tx<'_>,
    spaces: &mut BTreeMap<SpaceId, Space>,
    begun: &Begun<'_>,
    key: Option<&DeviceSecret>,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let Begun { space, kind, member, .. } = *begun;
    let device = DeviceSecret::generate(world.rng);
    let (secret, device) = (device.to_bytes(), device.id());
    let (last, last_control, received, generation) = (None, None, 0, 0);
    tx.insert_space(&SpaceRow { space, kind, member, device, secret, last, last_control, received, generation })?;
    begun.control.iter().try_for_each(|entry| tx.insert_entry(&space, entry, State::Stored))?;
    begun.relays.iter().try_for_each(|(url, key)| tx.put_relay(&space, url, key.as_ref()))?;
    let mut here = Space::load(tx, &space)?;
    here.learn_keys(tx, key, world.now)?;
    here.store_devices(tx)?;
    tx.put_device(&space, &device, &member)?;
    membership::note_state(tx, &here)?;
    let control: Vec<_> = here.log.dag().entries().map(|(entry, _, _)| entry).collect();
    membership::note_forks(tx, &here, &control, world.now)?;
    spaces.insert(space, here);
    Ok(())
}

/// Marks the profile as being brought back.
pub(super) fn mark(tx: &Tx<'_>) -> Result<(), AppError> {
    Ok(tx.set_meta(RESTORING, &[1])?)
}

impl Space {
    /// True if only the words open the space for this computer: nothing introduced it, or no relay knows what did.
    pub(super) fn is_open_to_words(&self) -> bool {
        let me = self.device();
        let introduces = |record: &Record| match record {
            Record::AddDevice(it) => it.device.device == me,
            Record::Redeem(it) => it.device.device == me,
            Record::Genesis(it) => it.founder.device == me,
            _ => false,
        };
        let mut introduced = self.log.dag().entries().filter(|(_, _, control)| introduces(&control.record)).peekable();
        introduced.peek().is_none()
            || introduced.all(|(entry, _, control)| {
                let is_relayed = self.relayed.get(&entry).copied().unwrap_or(false);
                matches!(control.record, Record::AddDevice(_)) && !is_relayed
            })
    }

    /// True if the person left before this computer was theirs: words bring nobody back in who left.
    fn was_left(&self) -> bool {
        let fold = self.log.fold();
        fold.device(&self.device()).is_none() && fold.left().contains(&self.row.member)
    }

    /// Ends what is to end and adds this computer, as a recovery key; returns the entries.
    fn take_over(&mut self, tx: &Tx<'_>, key: &DeviceSecret, others: Others) -> Result<Vec<EntryId>, AppError> {
        let fold = self.log.fold();
        let member = self.row.member;
        let ends = |(device, it): &(&DeviceId, &DeviceState)| {
            it.live && it.member == member && it.role != Role::Recovery && **device != key.id()
        };
        let mut records = Vec::new();
        if others == Others::Cut && !planted::is(Bug::WordsKeepOthers) {
            let reason = |role| if role == Role::Invite { Reason::Withdrawn } else { Reason::Lost };
            let cut = |device: &DeviceId, role| Record::Cut(Cut { device: *device, reason: reason(role) });
            records.extend(fold.devices().filter(ends).map(|(device, it)| cut(device, it.role)));
        }
        records.push(Record::AddDevice(self.secret.added(&self.id(), &member, AddedRole::Ordinary, None)));
        records.into_iter().map(|record| self.append_by(tx, key, record)).collect()
    }

    /// What the key that added this computer had cut for it just before.
    fn ended_for_this(&self) -> Vec<DeviceId> {
        let me = self.device();
        let adds = |record: &Record| matches!(record, Record::AddDevice(it) if it.device.device == me);
        let Some((_, by, _)) = self.log.dag().entries().find(|(_, _, control)| adds(&control.record)) else {
            return Vec::new();
        };
        let mut ended = Vec::new();
        for (_, _, control) in self.log.dag().entries().filter(|(_, author, _)| *author == by) {
            match &control.record {
                Record::Cut(cut) => ended.push(cut.device),
                record if adds(record) => break,
                Record::AddDevice(_) => ended.clear(),
                _ => {}
            }
        }
        ended
    }
}

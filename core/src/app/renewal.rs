//! A computer whose key was ended because two histories were written under it: its person's words let it in again.
//!
//! A profile's folder was copied, or put back from a backup, and both wrote records under one key. That ends the key, for
//! both and for good. Nobody but a recovery key, or another device, can speak for the person then. Order of calls:
//! [`Profile::renews_by_words`] tells whether it is so, after an exchange; [`Profile::lend_to_renew`] gives the profile the
//! keys that the words open, in memory alone; an exchange pulls with them all that there is;
//! [`Profile::renew_by_words`] adds a fresh key that renews the old one, in each space where a fork ended it, and keeps
//! what was written here beyond the fork. Then all of it once more, until nothing is renewed: what opens the alliances lies
//! in the personal space, and an exchange has to bring all of it to the relay. [`Profile::give_back`] forgets the words'
//! keys. Whoever is stopped begins anew and goes on. Each copy of the folder can do so, and is a computer of its own
//! from then on.

use std::collections::BTreeSet;

use alliance_replica::{
    exchange::frame::Code,
    id::{DeviceId, EntryId, SpaceId},
    log::{
        control::{AddedRole, Reason, Record},
        membership::Role,
    },
};
use serde_json::json;

use super::{
    AppError, Hindrance, NotRestored, Profile, World,
    apply::{self, Since},
    computers::is_in,
    membership, parting, profile,
    receive::loaded,
    relays,
    space::Space,
};
use crate::{
    keys::{DeviceSecret, Words},
    store::Tx,
};

/// Why this computer is not in a space any more, as far as that is known here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Out {
    /// It was cut off.
    Cut {
        /// By whom.
        by: CutBy,
        /// When this computer heard of it, in Unix seconds.
        heard: Option<i64>,
    },
    /// Two histories were written under its key.
    Forked,
    /// A relay does not let it in, and nothing here says why.
    Refused,
    /// It was never let in, and a relay does not know the invitation any more by which it came.
    NotLetIn,
}

/// Who cut a computer off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CutBy {
    /// Recovery words.
    Words,
    /// Another computer of the same person, by its name; empty if nobody said.
    Computer(String),
    /// This computer itself, where its copy goes on: it took fresh keys.
    Itself,
}

/// How a key came to its end.
enum End {
    /// It lives, or never did.
    Not,
    /// Two histories were written under it, and nothing else ended it.
    Fork,
    /// Somebody cut it off: whose key, and why.
    Cut(DeviceId, Reason),
}

impl Profile {
    /// True if this computer's key was ended in some space, or a relay says that it does not belong there: to be in again
    /// it needs the words. A computer that is known to have been cut off is [`AppError::CutOff`].
    pub fn renews_by_words(&mut self) -> Result<bool, AppError> {
        let Self { store, spaces, .. } = self;
        store.read(|tx| {
            let (mut needs, mut is_cut) = (false, false);
            for row in tx.spaces()? {
                let space = loaded(spaces, tx, &row.space)?;
                if !needs_words(tx, space)? {
                    continue;
                }
                match end(space) {
                    End::Cut(_, Reason::Lost) => return Err(AppError::CutOff),
                    End::Cut(..) => is_cut = true,
                    End::Not | End::Fork => needs = true,
                }
            }
            if is_cut && !needs { Err(AppError::CutOff) } else { Ok(needs) }
        })
    }

    /// Why this computer is not in a space; nothing if it is, waits to be, or its person left.
    pub fn out_of(&mut self, space: SpaceId) -> Result<Option<Out>, AppError> {
        let Self { store, spaces, .. } = self;
        let cut = store.read(|tx| {
            if membership::was_in(tx, &space)? && !is_refused(tx, &space)? {
                return Ok(Err(None));
            }
            let loaded = loaded(spaces, tx, &space)?;
            if profile::awaits(loaded) && is_refused(tx, &space)? {
                return Ok(Err(Some(Out::NotLetIn)));
            }
            if !needs_words(tx, loaded)? {
                return Ok(Err(None));
            }
            let (by, reason) = match end(loaded) {
                End::Not => return Ok(Err(Some(Out::Refused))),
                End::Fork => return Ok(Err(Some(Out::Forked))),
                End::Cut(by, reason) => (by, reason),
            };
            let me = json!(loaded.device().to_string());
            let mut events = tx.security()?.into_iter().filter(|it| it.space == space.to_string());
            let heard = events.find(|it| it.kind == "device-cut" && it.about["device"] == me).map(|it| it.at);
            let by_words = loaded.words().contains(&by);
            Ok::<_, AppError>(Ok((by, reason, by_words, heard)))
        })?;
        let (device, reason, by_words, heard) = match cut {
            Ok(cut) => cut,
            Err(out) => return Ok(out),
        };
        let by = match (by_words, reason) {
            (true, _) => CutBy::Words,
            (_, Reason::Renewed) => CutBy::Itself,
            _ => {
                let computers = self.computers()?.into_iter();
                let mut named = computers.filter(|it| !it.this && it.places.get(&space) == Some(&device));
                CutBy::Computer(named.next().map(|it| it.name).unwrap_or_default())
            }
        };
        Ok(Some(Out::Cut { by, heard }))
    }

    /// Gives the profile the keys that the words open, for every space in which this computer's own key does not help.
    pub fn lend_to_renew(&mut self, words: &Words) -> Result<(), AppError> {
        let personal = self.personal()?.space;
        let key = words.device_secret();
        let space = self.space(&personal)?;
        match space.log.fold().device(&key.id()) {
            Some(it) if it.role != Role::Invite && it.member == space.row.member && it.live => {}
            Some(it) if !it.live => return Err(AppError::NotRestored(NotRestored::Ended)),
            _ if space.names_words(&key.id()) => return Err(AppError::NotRestored(NotRestored::Ended)),
            _ => return Err(AppError::NotRestored(NotRestored::OtherWords)),
        }
        let mut keys = self.secrets(words, &personal)?;
        keys.push((personal, key));
        let Self { store, spaces, lent, .. } = self;
        store.read(|tx| {
            for (space, key) in keys {
                if tx.space(&space)?.is_none() {
                    continue;
                }
                let loaded = loaded(spaces, tx, &space)?;
                let is_live = loaded.log.fold().device(&key.id()).is_some_and(|it| it.live);
                if is_live && needs_words(tx, loaded)? {
                    lent.insert(space, key);
                }
            }
            Ok(())
        })
    }

    /// Has this computer go on under a fresh key wherever a fork ended the one it had and the words' key was lent; returns
    /// those spaces. Everything that is at a relay was pulled before. What was written here stays: what waits is sealed by
    /// the new key, and what the old one had sealed beyond the fork is kept. A computer that was cut off is
    /// [`AppError::CutOff`].
    pub fn renew_by_words(&mut self, world: &mut World<'_>) -> Result<Vec<SpaceId>, AppError> {
        let Self { store, spaces, documents, lent, .. } = self;
        let result = store.write(|tx| {
            let mut renewed = Vec::new();
            for row in tx.spaces()? {
                if let End::Cut(_, Reason::Lost) = end(loaded(spaces, tx, &row.space)?) {
                    return Err(AppError::CutOff);
                }
            }
            let mut is_cut = false;
            for (id, key) in &*lent {
                let space = loaded(spaces, tx, id)?;
                let end = end(space);
                is_cut |= matches!(end, End::Cut(..));
                if !matches!(end, End::Fork) {
                    continue;
                }
                if apply::is_open(space) {
                    apply::settle(tx, space, documents, Since::default(), world.now)?;
                }
                space.learn_keys(tx, Some(key), world.now)?;
                let written = space.written_here();
                let added = space.renew_by(tx, key, world)?;
                membership::note(tx, space, &[added], world.now)?;
                let about = json!({ "device": space.device().to_string(), "entries": written.len() });
                tx.note_security(world.now, id, "renewed-here", &about)?;
                apply::settle(tx, space, documents, Since { control: true, ..Since::default() }, world.now)?;
                let late: Vec<_> = written.into_iter().filter(|it| space.is_aside(it)).collect();
                space.want(tx, &late)?;
                apply::settle(tx, space, documents, Since { control: true, ..Since::default() }, world.now)?;
                space.store_row(tx)?;
                renewed.push(*id);
            }
            if renewed.is_empty() && is_cut { Err(AppError::CutOff) } else { Ok(renewed) }
        });
        self.settle(result)
    }

    /// Forgets the words' keys.
    pub fn give_back(&mut self) {
        self.lent.clear();
    }
}

impl Space {
    /// Adds a fresh key that renews this device's, as a recovery key, and goes on under it.
    fn renew_by(&mut self, tx: &Tx<'_>, key: &DeviceSecret, world: &mut World<'_>) -> Result<EntryId, AppError> {
        let new = DeviceSecret::generate(world.rng);
        let added = new.added(&self.id(), &self.row.member, AddedRole::Ordinary, Some(self.device()));
        let entry = self.append_by(tx, key, Record::AddDevice(added))?;
        self.become_device(tx, new)?;
        Ok(entry)
    }

    /// The content that was sealed under this computer's key down from what it sealed last, oldest last.
    fn written_here(&self) -> BTreeSet<EntryId> {
        let chains = self.log.chains();
        let last = self.row.last.and_then(|last| chains.index(&last));
        last.into_iter().flat_map(|last| chains.path_down(last)).map(|at| chains.at(at).head.id).collect()
    }

    fn is_aside(&self, entry: &EntryId) -> bool {
        self.aside.iter().any(|aside| aside.contains(entry))
    }
}

/// True if this computer's own key is of no use in a space.
fn needs_words(tx: &Tx<'_>, space: &Space) -> Result<bool, AppError> {
    let has_left = space.log.fold().left().contains(&space.row.member) || parting::has_left(tx, &space.id())?;
    if has_left || profile::awaits(space) {
        return Ok(false);
    }
    Ok(is_refused(tx, &space.id())? || !is_in(space))
}

/// True if a relay said that this computer does not belong to a space.
pub(super) fn is_refused(tx: &Tx<'_>, space: &SpaceId) -> Result<bool, AppError> {
    Ok(relays::hindrance(tx, space)? == Some(Hindrance::Refused(Code::NotMember)))
}

/// How this computer's key came to its end in a space.
fn end(space: &Space) -> End {
    let (me, fold) = (space.device(), space.log.fold());
    if fold.device(&me).is_none_or(|it| it.live) {
        return End::Not;
    }
    let cuts = space.log.dag().entries().filter_map(|(entry, author, control)| match &control.record {
        Record::Cut(cut) if cut.device == me && fold.valid(&entry) => Some((author, cut.reason)),
        _ => None,
    });
    let cuts: Vec<(DeviceId, Reason)> = cuts.collect();
    let is_forked = |device: &DeviceId| fold.forks().iter().any(|fork| fork.device == *device);
    let lost = cuts.iter().find(|(_, reason)| *reason == Reason::Lost).or(cuts.first());
    match lost {
        Some((by, reason)) => End::Cut(*by, *reason),
        None if is_forked(&me) => End::Fork,
        None => End::Cut(me, Reason::Unsaid),
    }
}

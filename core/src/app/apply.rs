//! From stored entries to documents: what counts is opened, checked, and applied whole, once its past is.
//!
//! A verdict on an entry depends on its bytes and its past alone, so every replica comes to the same. What cannot be
//! judged yet waits, and is looked at again when what it waits for is there; what is wrong is quarantined by id with a
//! reason and blocks nothing that does not depend on it.

pub(super) mod ahead;
mod counting;
mod keeping;
mod parts;
mod waiting;

use std::{collections::BTreeSet, sync::Arc};

use alliance_replica::{
    id::{DeviceId, EntryId, ItemId, MemberId},
    log::{
        chain::State,
        entry::Header,
        heads::{Chain, Head},
        membership::Role,
    },
    planted::{self, Bug},
};
use serde_json::json;

use ahead::{Ahead, Helpers};
use counting::Recount;
pub(super) use waiting::Waiting;
use waiting::{Lack, lacks};

use super::{
    AppError, Met,
    documents::Documents,
    intent::{Around, Words, known_preimage, write_row},
    receive::{Bodies, Body},
    space::Space,
};
use crate::{
    document::{Authors, ChangeHash, DocId},
    keys::{Content, seal},
    store::Tx,
};

/// What this program believes. Raised when it comes to believe what an earlier one refused, so that everything refused
/// is judged again once.
pub(super) const JUDGEMENT: u32 = 1;

/// Items that change at once up to which their words are kept by the next search: so it is when the other person types.
const FEW: usize = 2;

/// Items that change up to which their rows wait for what else comes; their documents are still in memory then.
const MANY: usize = 96;

/// What becomes of an entry.
enum Verdict {
    /// It is in the documents.
    Applied,
    /// It does not count.
    SetAside,
    /// Something is missing that may still come.
    Waits(For),
    /// It is wrong in itself.
    Quarantined(&'static str),
}

/// What an entry waits for.
pub(super) enum For {
    /// Its predecessor, or what it names.
    Past,
    /// A key: as many were known when none of them opened it.
    Key(usize),
    /// Something in a document.
    Document(DocId, Need),
}

/// What a document has to have before an entry can be applied to it.
#[derive(Clone)]
pub(super) enum Need {
    /// That which the item's id is the hash of.
    Preimage,
    /// So many operations.
    Operations(u64),
    /// Changes.
    Changes(Vec<ChangeHash>),
}

/// Who wrote an entry, as of its past.
struct Author {
    member: MemberId,
    /// The device and those that it renews.
    lineage: Vec<DeviceId>,
}

/// One pass over what is stored.
struct Settling<'a, 'b> {
    tx: &'a Tx<'b>,
    space: &'a mut Space,
    documents: &'a mut Documents,
    bodies: Bodies,
    /// What was found out about them ahead of their turn.
    ahead: Ahead,
    /// Items whose documents changed and whose rows were not written since.
    changed: BTreeSet<ItemId>,
    /// Texts of items in which somebody else wrote at the same time as this person.
    met: BTreeSet<(ItemId, String)>,
    /// Items whose rows were written, and what there is to choose in them.
    shown: Settled,
    /// Whether some changes wait here to be sealed.
    something_waits: bool,
    /// Whether some of what is applied may turn out not to count before this pass is over: rows wait for that.
    is_cut: bool,
    now: i64,
}

/// What looking at entries did.
#[derive(Default)]
pub(super) struct Settled {
    /// Items that changed.
    pub(super) changed: BTreeSet<ItemId>,
    /// Fields in which what came met what this person had written.
    pub(super) met: BTreeSet<Met>,
}

/// What happened before entries are looked at again.
#[derive(Default)]
pub(super) struct Since {
    /// Content that just arrived.
    pub(super) bodies: Bodies,
    /// Items of which something was sealed.
    pub(super) sealed: BTreeSet<ItemId>,
    /// Whether there are new control entries.
    pub(super) control: bool,
    /// Who helps to read the bodies.
    pub(super) helpers: Option<Helpers>,
}

/// True if some content entry was not looked at since the space was loaded.
pub(super) fn is_open(space: &Space) -> bool {
    space.waiting.is_open()
}

/// Looks at every content entry that may go on.
pub(super) fn settle(
    tx: &Tx<'_>,
    space: &mut Space,
    documents: &mut Documents,
    since: Since,
    now: i64,
) -> Result<Settled, AppError> {
    let Since { bodies, sealed, control, helpers } = since;
    sealed.iter().for_each(|item| space.waiting.changed(item));
    let (changed, met, aside) = (BTreeSet::new(), BTreeSet::new(), space.aside.clone());
    // Content that arrived may speak for content beyond a cut.
    let is_cut = space.sets_aside() || space.log.fold().devices().any(|(_, it)| it.cut && it.role != Role::Invite);
    let ahead = Ahead::new(helpers, &space.keyring, bodies_in_order(space, &bodies));
    let (shown, something_waits) = (Settled::default(), tx.count_waiting(&space.id())? > 0);
    let mut settling =
        Settling { tx, space, documents, bodies, ahead, changed, met, shown, something_waits, is_cut, now };
    if control {
        settling.space.waiting.new_control();
        settling.recount()?;
    }
    settling.run()?;
    if settling.is_cut || settling.space.sets_aside() {
        settling.forget_kept()?;
        while settling.recount()? {}
        settling.note_late(&aside)?;
    }
    let words = if settling.changed.len() + settling.shown.changed.len() > FEW { Words::Now } else { Words::Later };
    settling.show(words)?;
    let Settling { met, mut shown, .. } = settling;
    shown.met.extend(met.into_iter().map(|(item, field)| Met { item, field, is_choice: false }));
    Ok(shown)
}

/// Content that just arrived, in order of arrival.
fn bodies_in_order(space: &Space, bodies: &Bodies) -> Vec<(EntryId, Arc<Body>)> {
    let chains = space.log.chains();
    let mut all: Vec<_> = bodies.iter().map(|(id, body)| (chains.index(id), (*id, body.clone()))).collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, entry)| entry).collect()
}

impl Settling<'_, '_> {
    fn run(&mut self) -> Result<(), AppError> {
        self.space.waiting.know_keys(self.space.keyring.epochs().count());
        while let Some((index, what)) = self.space.waiting.next() {
            let id = self.space.log.chains().at(index).head.id;
            match self.step(&id, what)? {
                Some(what) if !planted::is(Bug::DroppedInsteadOfWaiting) => {
                    let lacks = self.lacks(&id, &what);
                    self.space.waiting.put_off(index, what, lacks);
                }
                _ => self.space.waiting.remove(index),
            }
            if self.changed.len() >= MANY && !self.is_cut {
                self.show(Words::Now)?;
            }
        }
        Ok(())
    }

    /// Writes the rows of what changed.
    fn show(&mut self, words: Words) -> Result<(), AppError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let (space, around) = (self.space.id(), Around::of(self.tx, &self.space.id())?);
        for item in std::mem::take(&mut self.changed) {
            let stays = planted::is(Bug::ViewNotUpdated) && self.tx.row(&space, &item)?.is_some();
            if let Some(preimage) = known_preimage(self.tx, &space, &item)?.filter(|_| !stays) {
                let opened = write_row(self.tx, self.documents, &around, &preimage, &item, words)?;
                self.shown.met.extend(opened.into_iter().map(|field| Met { item, field, is_choice: true }));
            }
            self.shown.changed.insert(item);
        }
        Ok(())
    }

    /// What has to come before an entry is looked at again.
    fn lacks(&self, id: &EntryId, what: &For) -> Vec<Lack> {
        match what {
            For::Past => {
                let chains = self.space.log.chains();
                let named = self.space.log.after_of(id).into_iter().flat_map(|after| after.0.iter().copied());
                let past = self.before(id).into_iter().chain(named).filter(|head| !chains.is_processed(head));
                let ids: BTreeSet<_> = past.map(|head| head.id).collect();
                ids.into_iter().map(Lack::Entry).collect()
            }
            For::Key(_) => vec![Lack::Key],
            For::Document(doc, need) => lacks(doc, need),
        }
    }

    /// Judges one entry, which waited for something; what it waits for now, if it still does.
    fn step(&mut self, id: &EntryId, what: Option<For>) -> Result<Option<For>, AppError> {
        if let Some(what) = self.still_waits(id, what)? {
            return Ok(Some(what));
        }
        self.space.steps += 1;
        let (state, reason) = match self.judge(id)? {
            Verdict::Waits(what) => return Ok(Some(what)),
            Verdict::Applied => (State::Applied, None),
            Verdict::SetAside => (State::SetAside, None),
            Verdict::Quarantined(reason) => (State::Quarantined, Some(reason)),
        };
        self.space.log.set_state(id, state);
        if state != State::Quarantined {
            self.space.waiting.came(&Lack::Entry(*id));
        }
        self.tx.set_entry_state(&self.space.id(), id, state, reason)?;
        self.bodies.remove(id);
        if state == State::Quarantined && self.space.contents.contains(id) {
            // It endorses nothing after all.
            self.space.recall_contents();
        }
        if let Some(reason) = reason {
            let device = self.space.log.chains().meta(id).map(|meta| meta.head.device.to_string());
            let about = json!({ "entry": id.to_string(), "device": device, "reason": reason });
            self.tx.note_security(self.now, &self.space.id(), "entry-refused", &about)?;
        }
        Ok(None)
    }

    /// What an entry waits for, if that is still missing.
    fn still_waits(&mut self, id: &EntryId, what: Option<For>) -> Result<Option<For>, AppError> {
        let log = &self.space.log;
        let is_ready = match log.after_of(id) {
            Some(_) => log.is_ready(id),
            None => self.before(id).is_none_or(|before| log.chains().is_processed(&before)),
        };
        if !is_ready {
            return Ok(Some(For::Past));
        }
        let waits = match &what {
            None | Some(For::Past) => false,
            Some(For::Key(known)) => self.space.keyring.epochs().count() == *known,
            Some(For::Document(doc, need)) => !self.has(*doc, need)?,
        };
        Ok(what.filter(|_| waits))
    }

    /// The entry before one in its chain.
    fn before(&self, id: &EntryId) -> Option<Head> {
        let meta = self.space.log.chains().meta(id)?;
        Some(Head { id: meta.prev?, seq: meta.head.seq - 1, ..meta.head })
    }

    fn judge(&mut self, id: &EntryId) -> Result<Verdict, AppError> {
        let (content, glances) = match self.ahead.take(id) {
            Some(looked) => looked,
            None => match self.open(id)? {
                Ok(content) => (content, None),
                Err(verdict) => return Ok(verdict),
            },
        };
        let named = content.named();
        if self.space.log.after_of(id).is_none() {
            self.tx.set_entry_after(&self.space.id(), id, &content.after, &content.keeps)?;
            self.space.learn_after(*id, content.after.clone(), content.keeps.clone());
        }
        if !self.space.log.is_ready(id) {
            self.ahead.put_back(*id, content, glances);
            return Ok(Verdict::Waits(For::Past));
        }
        let chains = self.space.log.chains();
        if named.0.iter().any(|head| chains.meta(&head.id).is_some_and(|meta| meta.head != *head)) {
            return Ok(Verdict::Quarantined("names-an-entry-wrongly"));
        }
        // As of the entry's own past: what is added later must not change the verdict.
        let parts = match self.author(id) {
            None => Vec::new(),
            Some(author) => match parts::believe(&content, glances.unwrap_or_else(|| parts::look(&content)), &author) {
                Ok(parts) => parts,
                Err(reason) => return Ok(Verdict::Quarantined(reason)),
            },
        };
        let Some((shared, own)) = self.space.counts(id) else { return Ok(Verdict::Waits(For::Past)) };
        let (parts, left_out) = parts::split(parts, shared, own);
        self.learn(&left_out)?;
        if !shared && !own {
            return Ok(Verdict::SetAside);
        }
        self.apply(id, parts)
    }

    /// This person's devices, as they write in a facet.
    fn mine(&self, doc: &DocId) -> Result<Authors, AppError> {
        let devices = self.tx.devices(&self.space.id())?.into_iter();
        let mine = devices.filter(|(_, member)| *member == self.space.row.member);
        Ok(Authors::new(doc, mine.map(|(device, _)| device)))
    }

    /// Opens an entry, or says why not.
    fn open(&mut self, id: &EntryId) -> Result<Result<Content, Verdict>, AppError> {
        let body = match self.bodies.get(id) {
            Some(body) => body.clone(),
            None => {
                let Some(stored) = self.tx.entry(&self.space.id(), id)? else {
                    return Ok(Err(Verdict::Waits(For::Past)));
                };
                let Ok(header) = Header::decode(&stored.entry.header) else {
                    return Ok(Err(Verdict::Quarantined("header")));
                };
                Arc::new(Body { device: stored.device, place: header.place(), bytes: stored.entry.body })
            }
        };
        Ok(match seal::open(&self.space.keyring, &body.device, &body.place, &body.bytes) {
            Ok(opened) => Content::decode(&opened.plaintext).map_err(|_| Verdict::Quarantined("malformed")),
            Err(seal::Error::UnknownEpoch(_)) => Err(Verdict::Waits(For::Key(self.space.keyring.epochs().count()))),
            // Eight bytes of an epoch's id can be met on purpose: a key that comes later may be the right one.
            Err(seal::Error::Sealed(_) | seal::Error::Uncommitted) => {
                if self.bodies.contains_key(id) {
                    let about = json!({ "entry": id.to_string(), "device": body.device.to_string() });
                    self.tx.note_security(self.now, &self.space.id(), "entry-does-not-open", &about)?;
                }
                Err(Verdict::Waits(For::Key(self.space.keyring.epochs().count())))
            }
            Err(_) => Err(Verdict::Quarantined("padding")),
        })
    }

    /// Who wrote an entry whose past is here; nobody if they might not.
    fn author(&self, id: &EntryId) -> Option<Author> {
        let node = self.space.node(id)?;
        let view = self.space.contents.view(self.space.log.dag(), &node)?;
        let it = view.device(&node.device).filter(|it| it.live && it.role != Role::Invite)?;
        let lineage = view.lineage(&node.device).into_iter().chain([node.device]).collect();
        Some(Author { member: it.member, lineage })
    }

    /// Brings up to date which entries count, and the documents with it; true if that changed.
    fn recount(&mut self) -> Result<bool, AppError> {
        match self.space.recount() {
            Recount::Same => return Ok(false),
            Recount::More(entries) => {
                for id in &entries {
                    self.space.log.set_state(id, State::Stored);
                    self.tx.set_entry_state(&self.space.id(), id, State::Stored, None)?;
                    self.space.log.chains().index(id).into_iter().for_each(|at| self.space.waiting.push(at));
                }
                self.run()?;
                // What waits here may have lacked just that.
                if self.requeue()? {
                    self.rebuild()?;
                }
            }
            Recount::Less => self.rebuild()?,
        }
        Ok(true)
    }

    /// Which entries count has changed: all documents are derived anew from the log, then from what waits here.
    fn rebuild(&mut self) -> Result<(), AppError> {
        let met = self.met.clone();
        loop {
            let space = self.space.id();
            self.tx.clear_documents(&space)?;
            self.documents.forget(&space);
            let chains = self.space.log.chains();
            let all = chains.arrivals(Chain::Content).iter().map(|index| (*index, chains.at(*index)));
            let again = all.filter(|(_, meta)| meta.state != State::Quarantined).map(|(at, meta)| (at, meta.head.id));
            let again: Vec<_> = again.collect();
            again.iter().for_each(|(_, id)| self.space.log.set_state(id, State::Stored));
            self.tx.reopen_entries(&space)?;
            self.space.waiting.restart(again.into_iter().map(|(at, _)| at));
            self.run()?;
            if !self.requeue()? {
                self.tx.clear_rows(&space)?;
                // Nothing of it is news.
                self.met = met;
                return Ok(());
            }
        }
    }
}

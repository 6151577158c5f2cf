//! Content that waits, found by what it lacks: what comes is told to those that wait for it, and to nobody else.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::RangeBounds,
};

use alliance_replica::{
    id::{EntryId, ItemId},
    log::chain::Index,
};

use super::{For, Need};
use crate::document::{ChangeHash, DocId, Writer};

/// Content that is stored and not in the documents yet.
#[derive(Default)]
pub(in crate::app) struct Waiting {
    /// By place in the order of arrival.
    all: BTreeMap<Index, Wait>,
    /// Those to look at.
    queue: VecDeque<Index>,
    lacking: BTreeMap<Lack, Vec<Index>>,
    /// As many keys were known when those that wait for one were last told.
    keys: usize,
    /// How often an entry was taken from the queue.
    #[cfg(test)]
    pub(in crate::app) looks: usize,
}

/// How an entry waits.
struct Wait {
    /// What for, if it was looked at.
    what: Option<For>,
    /// How much of that has yet to come, if it is not in the queue.
    lacks: Option<usize>,
}

/// One thing that an entry may lack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lack {
    /// One more key.
    Key,
    /// An entry that is processed.
    Entry(EntryId),
    /// What an item's id is the hash of.
    Preimage(ItemId),
    /// So many operations in a document.
    Operations(DocId, u64),
    /// A change in a document.
    Change(DocId, ChangeHash),
}

impl Waiting {
    /// Puts an entry at the end of the queue.
    pub(in crate::app) fn push(&mut self, index: Index) {
        self.all.insert(index, Wait { what: None, lacks: None });
        self.queue.push_back(index);
    }

    /// Forgets what is here: these are to be looked at, in this order.
    pub(super) fn restart(&mut self, all: impl IntoIterator<Item = Index>) {
        self.all.clear();
        self.queue.clear();
        self.lacking.clear();
        all.into_iter().for_each(|index| self.push(index));
    }

    /// True if some entry is to be looked at.
    pub(super) fn is_open(&self) -> bool {
        !self.queue.is_empty()
    }

    /// All that wait, in order of arrival.
    pub(in crate::app) fn iter(&self) -> impl Iterator<Item = Index> {
        self.all.keys().copied()
    }

    /// Takes the next one from the queue, and what it waited for. It has to be put off or removed.
    pub(super) fn next(&mut self) -> Option<(Index, Option<For>)> {
        let index = self.queue.pop_front()?;
        #[cfg(test)]
        {
            self.looks += 1;
        }
        Some((index, self.all.get_mut(&index).and_then(|wait| wait.what.take())))
    }

    /// An entry waits until it lacks nothing of this.
    pub(super) fn put_off(&mut self, index: Index, what: For, lacks: Vec<Lack>) {
        self.all.insert(index, Wait { what: Some(what), lacks: Some(lacks.len()) });
        lacks.into_iter().for_each(|lack| self.lacking.entry(lack).or_default().push(index));
    }

    /// An entry waits no longer.
    pub(super) fn remove(&mut self, index: Index) {
        self.all.remove(&index);
    }

    /// Something came.
    pub(super) fn came(&mut self, lack: &Lack) {
        for index in self.lacking.remove(lack).unwrap_or_default() {
            let Some(Wait { lacks: Some(lacks), .. }) = self.all.get_mut(&index) else { continue };
            *lacks = lacks.saturating_sub(1);
            if *lacks == 0 {
                self.wake(index);
            }
        }
    }

    /// So many keys are known.
    pub(super) fn know_keys(&mut self, keys: usize) {
        if std::mem::replace(&mut self.keys, keys) != keys {
            self.came(&Lack::Key);
        }
    }

    /// True if something waits for operations in a document.
    pub(super) fn awaits_operations(&self, doc: &DocId) -> bool {
        self.lacking.range(Lack::Operations(*doc, 0)..=Lack::Operations(*doc, u64::MAX)).next().is_some()
    }

    /// A document has so many operations.
    pub(super) fn have_operations(&mut self, doc: &DocId, count: u64) {
        self.take(Lack::Operations(*doc, 0)..=Lack::Operations(*doc, count), |_| true);
    }

    /// Something changed in an item that nobody wrote down change by change: whatever waits for any of it is told.
    pub(super) fn changed(&mut self, item: &ItemId) {
        let doc = DocId { item: *item, writer: Writer::Everyone };
        self.came(&Lack::Preimage(*item));
        self.take(Lack::Operations(doc, 0).., |lack| matches!(lack, Lack::Operations(doc, _) if doc.item == *item));
        let first = Lack::Change(doc, ChangeHash([0; 32]));
        self.take(first.., |lack| matches!(lack, Lack::Change(doc, _) if doc.item == *item));
    }

    /// Control entries came: whatever waits for its past is told.
    pub(super) fn new_control(&mut self) {
        self.take(Lack::Entry(EntryId::new([0; 32])).., |lack| matches!(lack, Lack::Entry(_)));
    }

    /// Wakes all who lack something of this, as far as `belongs` says.
    fn take(&mut self, range: impl RangeBounds<Lack>, belongs: impl Fn(&Lack) -> bool) {
        let taken: Vec<_> = self.lacking.range(range).map(|(lack, _)| *lack).take_while(belongs).collect();
        for index in taken.iter().filter_map(|lack| self.lacking.remove(lack)).flatten().collect::<BTreeSet<_>>() {
            self.wake(index);
        }
    }

    fn wake(&mut self, index: Index) {
        if let Some(wait) = self.all.get_mut(&index)
            && wait.lacks.take().is_some()
        {
            self.queue.push_back(index);
        }
    }
}

/// What a document has to have, one by one.
pub(super) fn lacks(doc: &DocId, need: &Need) -> Vec<Lack> {
    match need {
        Need::Preimage => vec![Lack::Preimage(doc.item)],
        Need::Operations(count) => vec![Lack::Operations(*doc, *count)],
        Need::Changes(hashes) => hashes.iter().map(|hash| Lack::Change(*doc, *hash)).collect(),
    }
}

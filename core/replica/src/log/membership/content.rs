//! What content entries say came before them: all that is needed to tell which of them count.
//!
//! An entry's *control view* is the control entries it reaches by its predecessor, by what it names, and on from content
//! through content and from control through control. It does not go from a control entry to the content which that names,
//! since a control entry does not wait for it; so the view is complete when the entry is added, and never changes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    bits::Bits,
    dag::Dag,
    fold::Fold,
    roster::{Role, State},
};
use crate::{
    id::{DeviceId, EntryId},
    log::heads::{After, Chain},
};

/// How many folds of control views are kept: about one for each device that writes at a time.
const RECENT: usize = 8;

/// What a content entry says came before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentNode {
    /// The entry.
    pub id: EntryId,
    /// Its author.
    pub device: DeviceId,
    /// The entry before it in its chain.
    pub prev: Option<EntryId>,
    /// What its author had processed, beyond what `prev` says.
    pub after: After,
    /// What its author keeps although a cut sets it aside.
    pub keeps: After,
}

impl ContentNode {
    /// Content that it names: predecessor, content heads, and what it keeps.
    fn named(&self) -> impl Iterator<Item = EntryId> + '_ {
        let heads = self.after.0.iter().chain(&self.keeps.0).filter(|head| head.chain == Chain::Content);
        self.prev.into_iter().chain(heads.map(|head| head.id))
    }
}

/// Content entries of one space, each with its whole past. It only grows, beside one [`Dag`].
#[derive(Clone, Default, Debug)]
pub struct Contents {
    pub(super) all: Vec<Written>,
    ids: BTreeMap<EntryId, usize>,
    recent: VecDeque<Arc<State>>,
}

/// A content entry in the order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) id: EntryId,
    pub(super) device: DeviceId,
    /// Content that it names itself: predecessor, content heads, what it keeps.
    pub(super) parents: Vec<usize>,
    /// What it keeps.
    pub(super) keeps: Vec<usize>,
    /// Control entries that it names itself.
    pub(super) heads: Vec<usize>,
    /// Its control view.
    pub(super) control: Arc<Bits>,
    /// True if its author might write, as far as the control view goes.
    pub(super) eligible: bool,
}

impl Contents {
    /// No content yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first entry that must come before `node`: it names the entry, and that is neither here nor in the `dag`.
    pub fn missing(&self, dag: &Dag, node: &ContentNode) -> Option<EntryId> {
        let content = node.named().find(|id| !self.contains(id));
        content.or_else(|| dag.missing(None, &node.after))
    }

    /// Adds an entry whose past is here. True if it was added, false if it is here or its past is not.
    pub fn insert(&mut self, dag: &Dag, node: &ContentNode) -> bool {
        if self.contains(&node.id) || self.missing(dag, node).is_some() {
            return false;
        }
        let (parents, heads) = self.names(dag, node);
        let control = self.control(dag, &parents, &heads);
        let author = self.state(dag, &control);
        let eligible = author.roster.devices.get(&node.device).is_some_and(|it| it.live && it.role != Role::Invite);
        let keeps = node.keeps.0.iter().filter_map(|head| self.at(&head.id)).collect();
        self.ids.insert(node.id, self.all.len());
        self.all.push(Written { id: node.id, device: node.device, parents, keeps, heads, control, eligible });
        true
    }

    /// What the author of an entry knew of the membership: the fold of the control entries in its past. None if that
    /// past is not here.
    pub fn view(&self, dag: &Dag, node: &ContentNode) -> Option<Arc<Fold>> {
        if self.missing(dag, node).is_some() {
            return None;
        }
        let (parents, heads) = self.names(dag, node);
        Some(dag.fold_of_set(Bits::clone(&self.control(dag, &parents, &heads))))
    }

    /// True if the entry is here.
    pub fn contains(&self, id: &EntryId) -> bool {
        self.ids.contains_key(id)
    }

    /// Number of entries here.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn at(&self, id: &EntryId) -> Option<usize> {
        self.ids.get(id).copied()
    }

    /// Content and control entries that an entry names itself.
    fn names(&self, dag: &Dag, node: &ContentNode) -> (Vec<usize>, Vec<usize>) {
        let mut parents: Vec<_> = node.named().filter_map(|id| self.at(&id)).collect();
        parents.sort_unstable();
        parents.dedup();
        (parents, node.after.control().filter_map(|head| dag.graph().at(&head.id)).collect())
    }

    /// The union of the views of parents and of named control entries with their past; shared where nothing is added.
    fn control(&self, dag: &Dag, parents: &[usize], heads: &[usize]) -> Arc<Bits> {
        let views = parents.iter().map(|at| &self.all[*at].control);
        let mut view = views.clone().max_by_key(|view| view.len()).map(Arc::clone).unwrap_or_default();
        for other in views {
            if !Arc::ptr_eq(other, &view) && !other.is_subset(&view) {
                Arc::make_mut(&mut view).union(other);
            }
        }
        if heads.iter().any(|head| !view.contains(*head)) {
            Arc::make_mut(&mut view).union(&dag.graph().closure(heads.iter().copied()));
        }
        let latest = self.all.last().map(|last| &last.control).filter(|latest| **latest == view);
        latest.map_or(view, Arc::clone)
    }

    fn state(&mut self, dag: &Dag, control: &Bits) -> Arc<State> {
        if let Some(state) = self.recent.iter().find(|state| state.set == *control) {
            return Arc::clone(state);
        }
        let state = dag.state(control.clone());
        self.recent.push_front(Arc::clone(&state));
        self.recent.truncate(RECENT);
        state
    }
}

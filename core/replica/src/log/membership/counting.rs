//! Which content counts: rule 10.
//!
//! An entry counts if its author might write in the entry's control view and what ends the author since, if anything,
//! keeps the entry or somebody endorses it. Where nobody on whom an author depends is cut, the first half is all, and it
//! was found out when the entry came. Forks of content chains bound nothing.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    bits::Bits,
    content::{Contents, Written},
    dag::Dag,
    endorsement::Endorsement,
    graph::Graph,
    roster::{Bound, State},
};
use crate::{
    id::{DeviceId, EntryId},
    log::heads::Chain,
};

/// Whom a piece of content belongs to, which decides who can endorse it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Facet {
    /// Every member writes it: any other device endorses.
    Shared,
    /// One member writes it: other devices of the author's member endorse.
    Own,
}

/// Which of some [`Contents`] count, as everything in a [`Dag`] says.
pub struct Counting<'a> {
    contents: &'a Contents,
    history: History<'a>,
    state: Arc<State>,
    kept: Kept,
    aside: [OnceCell<Bits>; 2],
}

/// Content that a device is about to keep: it counts as if an entry of that device kept it.
#[derive(Clone, Default, Debug)]
pub(super) struct Kept {
    pub(super) by: Option<DeviceId>,
    pub(super) content: Vec<usize>,
}

impl Contents {
    /// Which entries count. Making this costs little; where an entry's author is cut or depends on someone who is, the
    /// first question costs a pass over all entries.
    pub fn counting<'a>(&'a self, dag: &'a Dag) -> Counting<'a> {
        let history = History::new(dag, self);
        let state = Arc::clone(dag.fold().state());
        Counting { contents: self, history, state, kept: Kept::default(), aside: <[OnceCell<_>; 2]>::default() }
    }
}

impl Counting<'_> {
    /// The same, if `device` kept these entries in its next one.
    pub fn keeping<'b>(mut self, device: DeviceId, entries: impl IntoIterator<Item = &'b EntryId>) -> Self {
        let content = entries.into_iter().filter_map(|id| self.contents.at(id)).collect();
        self.kept = Kept { by: Some(device), content };
        self.aside = <[OnceCell<_>; 2]>::default();
        self
    }

    /// True if the entry is here and counts for content of this facet.
    pub fn counts(&self, id: &EntryId, facet: Facet) -> bool {
        let Some(at) = self.contents.at(id) else { return false };
        let entry = &self.contents.all[at];
        entry.eligible && (self.is_unbounded(entry) || !self.aside(facet).contains(at))
    }

    /// The entries that count, in order of arrival.
    pub fn counting(&self, facet: Facet) -> impl Iterator<Item = EntryId> {
        let aside = self.aside(facet);
        let all = self.contents.all.iter().enumerate();
        all.filter(|(at, _)| !aside.contains(*at)).map(|(_, entry)| entry.id)
    }

    /// The entries that do not count, in order of arrival; people are shown them.
    pub fn set_aside(&self, facet: Facet) -> impl Iterator<Item = EntryId> {
        self.aside(facet).iter().map(|at| self.contents.all[at].id)
    }

    fn is_unbounded(&self, entry: &Written) -> bool {
        let roster = &self.state.roster;
        roster.anchored.contains(&entry.device) && !roster.bounds.contains_key(&entry.device)
    }

    fn aside(&self, facet: Facet) -> &Bits {
        let cell = match facet {
            Facet::Shared => &self.aside[0],
            Facet::Own => &self.aside[1],
        };
        cell.get_or_init(|| {
            let (mut aside, question) = self.sort();
            if !question.is_empty() {
                let counted = Endorsement::new(&self.history, &self.state, facet, &question, &aside).decide(&self.kept);
                aside.union(&question.without(&counted));
            }
            aside
        })
    }

    /// Sorts out what does not count for sure and what is in question; all else counts in every fold that has it.
    fn sort(&self) -> (Bits, Bits) {
        let roster = &self.state.roster;
        let (mut aside, mut question) = (Bits::default(), Bits::default());
        let mut kept: BTreeMap<_, Bits> = BTreeMap::new();
        for (at, entry) in self.contents.all.iter().enumerate() {
            if !entry.eligible {
                aside.insert(at);
            } else if !self.is_unbounded(entry) {
                let kept = kept.entry(entry.device).or_insert_with(|| match roster.anchored.contains(&entry.device) {
                    true => self.history.kept(roster.bounds.get(&entry.device).map_or(&[], Vec::as_slice)),
                    false => Bits::default(),
                });
                if !kept.contains(at) {
                    question.insert(at);
                }
            }
        }
        (aside, question)
    }
}

/// Both kinds of entries as one graph: control entries first, then content, by number.
pub(super) struct History<'a> {
    pub(super) dag: &'a Dag,
    pub(super) contents: &'a Contents,
    /// Content that control entries name. Few questions need it.
    named: OnceCell<BTreeMap<usize, Vec<usize>>>,
}

/// An entry of either chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    Control(usize),
    Content(usize),
}

impl<'a> History<'a> {
    fn new(dag: &'a Dag, contents: &'a Contents) -> Self {
        Self { dag, contents, named: OnceCell::new() }
    }

    fn named(&self) -> &BTreeMap<usize, Vec<usize>> {
        self.named.get_or_init(|| {
            let mut named = BTreeMap::new();
            for (at, node) in self.graph().nodes.iter().enumerate() {
                let heads = node.control.after.0.iter().filter(|head| head.chain == Chain::Content);
                let here: Vec<_> = heads.filter_map(|head| self.contents.at(&head.id)).collect();
                if !here.is_empty() {
                    named.insert(at, here);
                }
            }
            named
        })
    }

    pub(super) fn graph(&self) -> &Graph {
        self.dag.graph()
    }

    /// What an entry names itself, as far as it is here.
    pub(super) fn parents(&self, place: Place) -> impl Iterator<Item = Place> + '_ {
        let (control, content) = match place {
            Place::Control(at) => {
                (self.graph().nodes[at].parents.as_slice(), self.named().get(&at).map_or(&[][..], Vec::as_slice))
            }
            Place::Content(at) => (self.contents.all[at].heads.as_slice(), self.contents.all[at].parents.as_slice()),
        };
        control.iter().copied().map(Place::Control).chain(content.iter().copied().map(Place::Content))
    }

    /// All entries, each after what it names.
    pub(super) fn order(&self) -> Vec<Place> {
        let control = (0..self.graph().nodes.len()).map(Place::Control);
        let all = control.chain((0..self.contents.len()).map(Place::Content));
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for place in all {
            let mut open = vec![(place, false)];
            while let Some((place, done)) = open.pop() {
                if done {
                    order.push(place);
                } else if seen.insert(place) {
                    open.push((place, true));
                    open.extend(self.parents(place).filter(|parent| !seen.contains(parent)).map(|it| (it, false)));
                }
            }
        }
        order
    }

    /// The content that all these bounds keep: what is in the past of each.
    fn kept(&self, bounds: &[Bound]) -> Bits {
        let mut kept: Bits = (0..self.contents.len()).collect();
        for bound in bounds {
            let past = bound.map(|last| self.reach(Place::Control(last))).unwrap_or_default();
            kept.intersect(&past);
        }
        kept
    }

    /// The content that comes before an entry.
    fn reach(&self, from: Place) -> Bits {
        let (mut control, mut content) = (Bits::default(), Bits::default());
        let mut open = vec![from];
        while let Some(place) = open.pop() {
            open.extend(self.parents(place).filter(|parent| match parent {
                Place::Control(at) => control.insert(*at),
                Place::Content(at) => content.insert(*at),
            }));
        }
        content
    }
}

//! Which content counts, as a space knows it while it works.

use std::collections::BTreeSet;

use alliance_replica::{
    id::EntryId,
    log::{
        chain::{Meta, State},
        heads::{After, Chain, Head},
        membership::{ContentNode, Counting, Facet},
    },
    planted::{self, Bug},
};

use crate::app::space::Space;

/// What a recount found.
pub(in crate::app) enum Recount {
    /// Nothing changed.
    Same,
    /// More counts than before: these entries, which were looked at already, in order of arrival.
    More(Vec<EntryId>),
    /// Something counts no longer.
    Less,
}

impl Space {
    /// Whether an entry counts for shared facets and for own ones; nothing if its past is not among the contents.
    pub(super) fn counts(&mut self, id: &EntryId) -> Option<(bool, bool)> {
        if self.contents.contains(id) {
            // Everything that was added since was counted when it was.
            return Some(self.aside.each_ref().map(|aside| !aside.contains(id)).into());
        }
        let node = self.node(id)?;
        if !self.contents.insert(self.log.dag(), &node) {
            return planted::is(Bug::AfterIgnored).then_some((true, true));
        }
        let counting = self.counting();
        let counts = [Facet::Shared, Facet::Own].map(|facet| counting.counts(id, facet));
        for (aside, counts) in self.aside.iter_mut().zip(counts) {
            if !counts {
                aside.insert(*id);
            }
        }
        Some(counts.into())
    }

    /// True if something does not count.
    pub(in crate::app) fn sets_aside(&self) -> bool {
        self.aside.iter().any(|aside| !aside.is_empty())
    }

    /// True if an entry counts without this device's keeping it.
    pub(super) fn counts_alone(&self, id: &EntryId) -> bool {
        if self.kept.is_empty() {
            return true;
        }
        let counting = self.contents.counting(self.log.dag());
        [Facet::Shared, Facet::Own].iter().any(|facet| counting.counts(id, *facet))
    }

    /// What a content entry says came before it, as far as it is known.
    pub(in crate::app) fn node(&self, id: &EntryId) -> Option<ContentNode> {
        let meta = self.log.chains().meta(id)?;
        let Head { device, .. } = meta.head;
        let (after, keeps) = (self.log.after_of(id)?.clone(), self.keeps.get(id).cloned().unwrap_or_default());
        Some(ContentNode { id: *id, device, prev: meta.prev, after, keeps })
    }

    /// Takes note of what a content entry names, and of what it keeps; it waits for both.
    pub(in crate::app) fn learn_after(&mut self, id: EntryId, after: After, keeps: After) {
        let named = After::new(after.0.into_iter().chain(keeps.0.iter().copied()));
        self.log.learn_after(id, named);
        if !keeps.0.is_empty() {
            self.keeps.insert(id, keeps);
        }
    }

    /// Brings up to date which processed entries do not count.
    pub(in crate::app) fn recount(&mut self) -> Recount {
        let counting = self.counting();
        let aside = [Facet::Shared, Facet::Own].map(|facet| counting.set_aside(facet).collect::<BTreeSet<_>>());
        let old = std::mem::replace(&mut self.aside, aside);
        let less = self.aside.iter().zip(&old).any(|(new, old)| !new.is_subset(old));
        let more: BTreeSet<_> = old.iter().zip(&self.aside).flat_map(|(old, new)| old - new).collect();
        match (less, more.is_empty()) {
            (true, _) => Recount::Less,
            (false, true) => Recount::Same,
            (false, false) => {
                let chains = self.log.chains();
                let arrived = chains.arrivals(Chain::Content).iter().map(|at| chains.at(*at));
                let again = |meta: &&Meta| more.contains(&meta.head.id) && meta.state != State::Stored;
                Recount::More(arrived.filter(again).map(|meta| meta.head.id).collect())
            }
        }
    }

    fn counting(&self) -> Counting<'_> {
        let counting = self.contents.counting(self.log.dag());
        if self.kept.is_empty() { counting } else { counting.keeping(self.row.device, &self.kept) }
    }
}

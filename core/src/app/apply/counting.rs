//! Which content counts, as a space knows it while it works.

use std::collections::BTreeSet;

use alliance_replica::{
    id::EntryId,
    log::{
        heads::{After, Head},
        membership::{ContentNode, Counting, Facet},
    },
};

use crate::app::space::Space;

impl Space {
    /// Whether an entry counts for shared facets and for own ones. Its past is processed.
    pub(super) fn counts(&mut self, id: &EntryId) -> (bool, bool) {
        if self.contents.contains(id) {
            // Everything that was added since was counted when it was.
            return self.aside.each_ref().map(|aside| !aside.contains(id)).into();
        }
        let Some(node) = self.node(id) else { return (false, false) };
        self.contents.insert(self.log.dag(), &node);
        let counting = self.counting();
        let counts = [Facet::Shared, Facet::Own].map(|facet| counting.counts(id, facet));
        for (aside, counts) in self.aside.iter_mut().zip(counts) {
            if !counts {
                aside.insert(*id);
            }
        }
        counts.into()
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

    /// Takes note of what a content entry names, and of what it keeps among it.
    pub(in crate::app) fn learn_after(&mut self, id: EntryId, named: After, keeps: After) {
        self.log.learn_after(id, named);
        if !keeps.0.is_empty() {
            self.keeps.insert(id, keeps);
        }
    }

    /// Brings up to date which processed entries do not count; true if that changed.
    pub(in crate::app) fn recount(&mut self) -> bool {
        let counting = self.counting();
        let aside = [Facet::Shared, Facet::Own].map(|facet| counting.set_aside(facet).collect::<BTreeSet<_>>());
        let changed = aside.iter().zip(&self.aside).any(|(new, old)| new != old);
        self.aside = aside;
        changed
    }

    fn counting(&self) -> Counting<'_> {
        let counting = self.contents.counting(self.log.dag());
        if self.kept.is_empty() { counting } else { counting.keeping(self.row.device, &self.kept) }
    }
}

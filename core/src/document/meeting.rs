//! Where what arrives meets what was written here: texts in which two wrote without knowing of each other.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    Change, ChangeHash, ObjId,
    legacy::{ObjectId, OpId},
};

use super::{Authors, Document, Shape};

/// Most heads of what is here that the author of a change may have known, and most versions from which changes may start,
/// for them to be looked at: a meeting is only told, and whoever sends more than people type is told nothing.
const KNOWN: usize = 64;
const VERSIONS: usize = 8;

impl Document {
    /// The texts that both these changes of somebody else, which are not applied yet, and one by `mine` wrote in, neither
    /// of them knowing of the other.
    pub fn meets(&self, arriving: &[Change], mine: &Authors) -> BTreeSet<String> {
        let heads: BTreeSet<_> = self.heads().into_iter().collect();
        let mut seen: BTreeMap<ChangeHash, BTreeSet<ChangeHash>> = BTreeMap::new();
        let mut unseen: BTreeMap<BTreeSet<ChangeHash>, BTreeSet<String>> = BTreeMap::new();
        let mut met = BTreeSet::new();
        for change in arriving.iter().filter(|change| !self.knows(&change.hash())) {
            // What its author knew of the changes that are here.
            let mut known = BTreeSet::new();
            for dep in change.deps() {
                match seen.get(dep) {
                    Some(through) => known.extend(through),
                    None if self.contains(&[*dep]) => _ = known.insert(*dep),
                    None => {}
                }
            }
            if known.len() > KNOWN {
                return met;
            }
            seen.insert(change.hash(), known.clone());
            if heads.is_subset(&known) {
                continue;
            }
            if unseen.len() == VERSIONS && !unseen.contains_key(&known) {
                return met;
            }
            let texts = unseen.entry(known).or_insert_with_key(|known| {
                let known: Vec<_> = known.iter().copied().collect();
                let changes = self.changes(&known);
                changes.iter().filter(|it| mine.wrote(it.actor_id())).flat_map(|it| self.texts_of(it)).collect()
            });
            if !texts.is_empty() {
                met.extend(self.texts_of(change).intersection(texts).cloned());
            }
        }
        met
    }

    /// The texts that a change writes in.
    fn texts_of(&self, change: &Change) -> BTreeSet<String> {
        let written: BTreeSet<_> = change.decode().operations.into_iter().map(|operation| operation.obj).collect();
        let texts = self.schema().containers().filter(|(_, shape)| *shape == Shape::Text);
        let is_written = |name: &str| match self.schema().object(name, Shape::Text) {
            Some(ObjId::Id(counter, actor, _)) => written.contains(&ObjectId::Id(OpId::new(*counter, actor))),
            _ => false,
        };
        texts.filter(|(name, _)| is_written(name)).map(|(name, _)| name.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Edit,
        tests::{device, shared},
        write::tests::{body, facet, put, write},
    };

    fn fork(document: &Document) -> Document {
        Document { actor: None, ..document.clone() }
    }

    #[test]
    fn more_versions_than_people_write_from_are_not_looked_at() {
        let mine = Authors::new(&shared(), [device(1)]);
        let mut here = facet();
        write(&mut here, 1, &[body("One two three.")]).expect("works");
        let mut arriving = Vec::new();
        for n in 0..2 * VERSIONS {
            let start = here.heads();
            let mut there = fork(&here);
            write(&mut there, 2, &[put("title", &n.to_string())]).expect("works");
            arriving.extend(there.changes(&start));
            write(&mut here, 1, &[body(&format!("One two three {n}."))]).expect("works");
        }
        let start = here.heads();
        let mut there = fork(&here);
        write(&mut there, 2, &[body("Zero.")]).expect("works");
        write(&mut here, 1, &[body("One two three. Four.")]).expect("works");
        let last = there.changes(&start);
        assert_eq!(here.meets(&last, &mine), ["body".to_owned()].into());
        arriving.extend(last);
        assert!(here.meets(&arriving, &mine).is_empty());
    }

    #[test]
    fn a_text_in_which_two_wrote_at_once_is_met_and_nothing_else() {
        let mine = Authors::new(&shared(), [device(1)]);
        let mut here = facet();
        write(&mut here, 1, &[body("One two three.")]).expect("works");
        let start = here.heads();
        let mut there = fork(&here);
        write(&mut there, 2, &[body("Zero. One two three.")]).expect("works");
        assert!(here.meets(&there.changes(&start), &mine).is_empty(), "she knew of all that is here");
        write(&mut here, 1, &[put("title", "x")]).expect("works");
        assert!(here.meets(&there.changes(&start), &mine).is_empty(), "something else was written here");
        write(&mut here, 1, &[body("One two and three.")]).expect("works");
        let body_alone = BTreeSet::from(["body".to_owned()]);
        assert_eq!(here.meets(&there.changes(&start), &mine), body_alone);
        assert!(
            here.meets(&there.changes(&start), &Authors::new(&shared(), [device(3)])).is_empty(),
            "by somebody else"
        );
        let mut tags = fork(&there);
        write(&mut tags, 2, &[Edit::Add("tags".into(), "x".into())]).expect("works");
        assert!(here.meets(&tags.changes(&there.heads()), &mine).is_empty(), "tags are no text");
        // What follows on from it, in the same parcel, knows of what is here.
        let mut both = fork(&there);
        both.apply(here.changes(&start)).expect("applies");
        write(&mut both, 2, &[body("Zero. One two and three. Four.")]).expect("works");
        assert_eq!(here.meets(&both.changes(&here.heads()), &mine), body_alone);
        here.apply(both.changes(&here.heads())).expect("applies");
        assert!(here.meets(&both.changes(&start), &mine).is_empty(), "it is here already");
    }
}

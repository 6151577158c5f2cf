//! What is in force, and what was: texts that both have acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::id::MemberId;

use super::{ACKNOWLEDGEMENTS, Acknowledgement, canonical, digest, texts};
use crate::{
    document::{ChangeHash, Document, Writer},
    domain::Facets,
};

/// A text that both have acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Force {
    /// The day on which the second of them did.
    pub since: String,
    /// Its hash.
    pub hash: String,
    /// Its sections.
    pub texts: [String; 7],
}

/// Every text that two members have acknowledged, the one in force last: the one that was written with knowledge of all
/// others, and of several that were not, the one that was acknowledged last.
pub fn forces(facets: &Facets<'_>) -> Vec<Force> {
    let Some(shared) = facets.get(&Writer::Everyone) else { return Vec::new() };
    let mut by_text: BTreeMap<String, BTreeMap<MemberId, Acknowledgement>> = BTreeMap::new();
    for (writer, document) in facets {
        let Some(member) = writer.member() else { continue };
        for said in document.list(ACKNOWLEDGEMENTS) {
            let read = said.scalar.text().and_then(Acknowledgement::parse);
            // What was not written here yet, or is not what it says, is nothing that anybody agreed to.
            let Some(read) = read.filter(|it| is_as_said(shared, it)) else { continue };
            by_text.entry(read.hash.clone()).or_default().entry(member).or_insert(read);
        }
    }
    let agreed = by_text.into_values().filter(|by| by.len() > 1);
    let past = Ancestors::new(shared);
    let mut forces: Vec<_> = agreed
        .filter_map(|by| {
            let last = by.values().max_by(|one, other| one.day.cmp(&other.day))?;
            let texts = texts(shared, &last.heads);
            let force = Force { since: last.day.clone(), hash: last.hash.clone(), texts };
            Some((past.of(&last.heads).len(), force))
        })
        .collect();
    // Whoever knows another text has all of its past and more.
    forces.sort_by(|(one, a), (other, b)| (one, &a.since, &a.hash).cmp(&(other, &b.since, &b.hash)));
    forces.into_iter().map(|(_, force)| force).collect()
}

/// Who has acknowledged the text with this hash.
pub fn acknowledged(facets: &Facets<'_>, hash: &str) -> Vec<MemberId> {
    let own = facets.iter().filter_map(|(writer, document)| Some((writer.member()?, document)));
    own.filter(|(_, document)| acknowledges(document, hash)).map(|(member, _)| member).collect()
}

/// True if in a member's own facet the text with this hash was ever acknowledged.
pub fn acknowledges(own: &Document, hash: &str) -> bool {
    let said = own.list(ACKNOWLEDGEMENTS);
    said.iter().any(|it| it.scalar.text().and_then(Acknowledgement::parse).is_some_and(|it| it.hash == hash))
}

fn is_as_said(shared: &Document, read: &Acknowledgement) -> bool {
    shared.contains(&read.heads) && digest(&canonical(&texts(shared, &read.heads))) == read.hash
}

/// What each change follows.
struct Ancestors(BTreeMap<ChangeHash, Vec<ChangeHash>>);

impl Ancestors {
    fn new(document: &Document) -> Self {
        Self(document.written().into_iter().map(|change| (change.hash, change.deps)).collect())
    }

    fn of(&self, heads: &[ChangeHash]) -> BTreeSet<ChangeHash> {
        let (mut all, mut next) = (BTreeSet::new(), heads.to_vec());
        while let Some(change) = next.pop() {
            if all.insert(change) {
                next.extend(self.0.get(&change).into_iter().flatten().copied());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::{
        document::{DocId, Editor, TextEdit, tests::rng},
        domain::{
            Act, At, RuleError,
            agreement::{Intent, preimage},
            schema,
            tests::{made, member},
        },
    };

    type Replica = BTreeMap<Writer, Document>;

    fn act(replica: &mut Replica, by: u8, intent: &Intent) -> Result<(), RuleError> {
        let item = preimage(DeviceId::new([1; 32]));
        let plan = Act::plan(intent, &At { owner: None, me: member(by), facets: &made(replica) })?;
        for (writer, edits) in plan.0 {
            let facet = || Document::new(DocId { item: item.id(), writer }, schema(&item, writer));
            let document = replica.entry(writer).or_insert_with(facet);
            let mut rng = rng(u64::from(by) * 1000 + document.ops());
            let mut editor = Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut rng };
            document.edit(&mut editor, &edits).expect("writes");
        }
        Ok(())
    }

    fn writes(replica: &mut Replica, by: u8, place: usize, words: &str) {
        let sections = vec![(place, TextEdit { from: None, text: words.into() })];
        act(replica, by, &Intent::Edit { sections }).expect("may");
    }

    fn agrees(replica: &mut Replica, by: u8, date: &str) {
        let shared = &replica[&Writer::Everyone];
        let read = digest(&canonical(&texts(shared, &shared.heads())));
        act(replica, by, &Intent::Acknowledge { date: date.into(), read }).expect("may");
    }

    fn meet(here: &mut Replica, there: &mut Replica) {
        let item = preimage(DeviceId::new([1; 32]));
        let take = |to: &mut Replica, from: &Replica| {
            for (writer, document) in from {
                let facet = || Document::new(DocId { item: item.id(), writer: *writer }, schema(&item, *writer));
                to.entry(*writer).or_insert_with(facet).apply(document.changes(&[])).expect("applies");
            }
        };
        take(here, there);
        take(there, here);
    }

    fn in_force(replica: &Replica) -> Option<(String, String)> {
        let force = forces(&made(replica)).pop()?;
        Some((force.since, force.texts[1].clone()))
    }

    #[test]
    fn nothing_is_in_force_until_both_acknowledged_the_same_text() {
        let mut anna = Replica::new();
        writes(&mut anna, 1, 1, "Every week.");
        agrees(&mut anna, 1, "2026-01-01");
        agrees(&mut anna, 1, "2026-01-02");
        assert_eq!(in_force(&anna), None, "one person twice");
        let mut ben = anna.clone();
        agrees(&mut ben, 2, "2026-01-03");
        assert_eq!(in_force(&ben), Some(("2026-01-03".into(), "Every week.".into())));
        meet(&mut anna, &mut ben);
        assert_eq!(in_force(&anna), in_force(&ben));
    }

    #[test]
    fn what_both_wrote_at_once_is_a_draft_until_both_acknowledge_it_again() {
        let mut anna = Replica::new();
        writes(&mut anna, 1, 1, "Every week. ");
        agrees(&mut anna, 1, "2026-01-01");
        let mut ben = anna.clone();
        agrees(&mut ben, 2, "2026-01-01");
        meet(&mut anna, &mut ben);
        writes(&mut anna, 1, 1, "Every week. On Tuesday. ");
        agrees(&mut anna, 1, "2026-02-01");
        writes(&mut ben, 2, 1, "Every week. By phone. ");
        agrees(&mut ben, 2, "2026-02-01");
        meet(&mut anna, &mut ben);
        for replica in [&anna, &ben] {
            assert_eq!(in_force(replica), Some(("2026-01-01".into(), "Every week.".into())));
        }
        agrees(&mut anna, 1, "2026-02-02");
        meet(&mut anna, &mut ben);
        agrees(&mut ben, 2, "2026-02-03");
        meet(&mut anna, &mut ben);
        let (since, text) = in_force(&anna).expect("agreed");
        assert!(since == "2026-02-03" && text.contains("Tuesday") && text.contains("phone"), "{text}");
        assert_eq!(forces(&made(&anna)).len(), 2, "what was in force before is known");
    }

    #[test]
    fn nobody_acknowledges_what_they_have_not_read_and_nothing_forged_is_in_force() {
        let mut anna = Replica::new();
        writes(&mut anna, 1, 1, "Every week.");
        let read = digest("something else");
        let refused = act(&mut anna, 1, &Intent::Acknowledge { date: "2026-01-01".into(), read });
        assert!(matches!(refused, Err(RuleError::StandsSo { .. })));
        agrees(&mut anna, 1, "2026-01-01");
        let heads = anna[&Writer::Everyone].heads()[0];
        for forged in [format!("2026-01-01 {} {heads}", digest("x")), "2026-01-01".into(), "rubbish".into()] {
            let item = preimage(DeviceId::new([1; 32]));
            let writer = Writer::Only(member(2));
            let mut theirs = Document::new(DocId { item: item.id(), writer }, schema(&item, writer));
            let mut editor = Editor { device: DeviceId::new([2; 32]), now: 1, rng: &mut rng(7) };
            let edit = crate::document::Edit::Append(ACKNOWLEDGEMENTS.into(), forged.into());
            theirs.edit(&mut editor, &[edit]).expect("writes");
            anna.insert(writer, theirs);
            assert_eq!(in_force(&anna), None);
        }
    }
}

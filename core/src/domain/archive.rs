//! Archive: an item that lists leave out, until somebody writes to it again.
//!
//! It keeps the heads of every facet that whoever archived it saw. Where anything says something else now, it was not
//! known to them, and the item is live: nothing that somebody writes at the same time is ever out of sight.

use alliance_replica::{
    id::MemberId,
    planted::{self, Bug},
};

use super::{Facets, Plan};
use crate::document::{ActorPrefix, ChangeHash, Document, Edit, Writer};

/// The field with the heads of every facet as they were archived.
pub const ARCHIVED: &str = "archived";
/// What stands for everyone's facet.
const EVERYONE: &str = "everyone";

/// What archiving came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Archived {
    /// True if it stands; false if somebody wrote to the item without knowing of it, or after it.
    pub stands: bool,
    /// Names the device of whoever archived it last.
    pub by: ActorPrefix,
}

/// Archives an item that says what these facets say.
pub fn archive(facets: &Facets<'_>) -> Plan {
    let facet = |(writer, document): (&Writer, &&Document)| {
        let heads: Vec<_> = document.heads().iter().map(ToString::to_string).collect();
        let whose = writer.member().map_or_else(|| EVERYONE.to_owned(), |member| member.to_string());
        format!("{whose} {}", heads.join(" "))
    };
    let heads = facets.iter().map(facet).collect::<Vec<_>>().join("\n");
    Plan([(Writer::Everyone, vec![Edit::Put(ARCHIVED.to_owned(), Some(heads.into()))])].into())
}

/// Takes an item out of the archive.
pub fn restore() -> Plan {
    Plan([(Writer::Everyone, vec![Edit::Put(ARCHIVED.to_owned(), None)])].into())
}

/// Whether an item is archived; none if nobody did, or took it out again.
pub fn archived(facets: &Facets<'_>) -> Option<Archived> {
    let register = facets.get(&Writer::Everyone)?.register(ARCHIVED);
    let by = register.values().last()?.by;
    let seen = register.values().iter().filter_map(|value| parse(value.scalar.text()?));
    let hides = planted::is(Bug::ArchiveHidesWords);
    let stands =
        hides || seen.into_iter().any(|seen| facets.iter().all(|(writer, document)| is_as(document, *writer, &seen)));
    Some(Archived { stands, by })
}

fn parse(text: &str) -> Option<Vec<(Writer, Vec<ChangeHash>)>> {
    let facet = |line: &str| {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let writer = match words.next()? {
            EVERYONE => Writer::Everyone,
            member => Writer::Only(MemberId::from_hex(member)?),
        };
        Some((writer, words.map(|word| word.parse().ok()).collect::<Option<_>>()?))
    };
    text.lines().map(facet).collect()
}

/// True if a facet says what it said at the heads that were seen.
fn is_as(document: &Document, writer: Writer, seen: &[(Writer, Vec<ChangeHash>)]) -> bool {
    let heads = seen.iter().find(|(of, _)| *of == writer).map(|(_, heads)| heads.as_slice()).unwrap_or_default();
    let without = |heads: &[ChangeHash]| {
        let mut fields = document.fields_at(heads);
        fields.remove(ARCHIVED);
        fields
    };
    document.contains(heads) && without(heads) == without(&document.heads())
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::DeviceId;

    use super::*;
    use crate::{
        document::{DocId, Editor, tests::rng},
        domain::{
            goal, schema,
            tests::{made, member, preimage, written},
        },
    };

    fn edit(document: &mut Document, by: u8, edits: &[Edit]) {
        let mut rng = rng(u64::from(by) * 1000 + document.ops());
        document.edit(&mut Editor { device: DeviceId::new([by; 32]), now: 1, rng: &mut rng }, edits).expect("writes");
    }

    fn title(words: &str) -> [Edit; 1] {
        [Edit::Put("title".into(), Some(words.into()))]
    }

    fn goal() -> std::collections::BTreeMap<Writer, Document> {
        let add = goal::Add { title: "Run".into(), why: "Air".into(), ..goal::Add::default() };
        let plan = goal::Intent::Add(add).plan(Some(member(1)), member(1), &Facets::new()).expect("fine");
        written(&preimage("goal", Some(member(1))), 1, &plan)
    }

    #[test]
    fn what_is_archived_stays_so_until_somebody_writes_to_it() {
        let mut goal = goal();
        assert_eq!(archived(&made(&goal)), None);
        let plan = archive(&made(&goal));
        edit(goal.get_mut(&Writer::Everyone).expect("there"), 2, &plan.0[&Writer::Everyone]);
        assert!(archived(&made(&goal)).is_some_and(|it| it.stands));
        let mut again = goal.clone();
        edit(again.get_mut(&Writer::Everyone).expect("there"), 1, &title("Walk"));
        assert!(archived(&made(&again)).is_some_and(|it| !it.stands));
        edit(again.get_mut(&Writer::Everyone).expect("there"), 1, &restore().0[&Writer::Everyone]);
        assert_eq!(archived(&made(&again)), None);
    }

    #[test]
    fn an_edit_beside_an_archive_keeps_the_item_in_sight_whichever_facet_it_is_in() {
        for own in [false, true] {
            let (mut here, mut there) = (goal(), goal());
            let plan = archive(&made(&here));
            edit(here.get_mut(&Writer::Everyone).expect("there"), 2, &plan.0[&Writer::Everyone]);
            let writer = if own { Writer::Only(member(1)) } else { Writer::Everyone };
            let change = if own { [Edit::Put("status".into(), Some("paused".into()))] } else { title("Walk") };
            edit(there.get_mut(&writer).expect("there"), 1, &change);
            for (writer, document) in &mut here {
                document.apply(there[writer].changes(&[])).expect("applies");
            }
            assert!(archived(&made(&here)).is_some_and(|it| !it.stands), "own: {own}");
            assert_eq!(here[&Writer::Everyone].text("why"), "Air");
        }
    }

    #[test]
    fn a_facet_that_was_not_there_yet_keeps_the_item_in_sight() {
        let mut goal = goal();
        let plan = archive(&made(&goal));
        edit(goal.get_mut(&Writer::Everyone).expect("there"), 1, &plan.0[&Writer::Everyone]);
        let own = Writer::Only(member(2));
        let id = DocId { item: goal[&Writer::Everyone].id().item, writer: own };
        let mut theirs = Document::new(id, schema(&preimage("goal", Some(member(1))), own));
        edit(&mut theirs, 2, &[Edit::Append("ratings".into(), "2026-11-22 +1".into())]);
        goal.insert(own, theirs);
        assert!(archived(&made(&goal)).is_some_and(|it| !it.stands));
    }

    #[test]
    fn what_two_archive_at_the_same_time_is_archived() {
        let (mut here, mut there) = (goal(), goal());
        for (facets, by) in [(&mut here, 1), (&mut there, 2)] {
            let plan = archive(&made(facets));
            edit(facets.get_mut(&Writer::Everyone).expect("there"), by, &plan.0[&Writer::Everyone]);
        }
        let shared = here.get_mut(&Writer::Everyone).expect("there");
        shared.apply(there[&Writer::Everyone].changes(&[])).expect("applies");
        assert!(archived(&made(&here)).is_some_and(|it| it.stands));
    }

    #[test]
    fn what_another_program_wrote_there_archives_nothing() {
        for text in ["", "yes", "everyone 12", "somebody"] {
            let mut goal = goal();
            let forged = [Edit::Put(ARCHIVED.into(), Some(text.into()))];
            edit(goal.get_mut(&Writer::Everyone).expect("there"), 2, &forged);
            assert!(archived(&made(&goal)).is_none_or(|it| !it.stands), "{text}");
        }
    }
}

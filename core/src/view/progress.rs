//! How far a goal has come, put together from its row.

use alliance_replica::id::MemberId;

use super::{Row, Shown, row::MemberFields};
use crate::{
    document::{Scalar, Writer},
    domain::goal::{LEVELS, Level, Milestone, Rating},
};

/// How far a goal has come.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Progress {
    /// What the levels mean, the lowest first; those that nobody described are left out.
    pub levels: Vec<(Level, String)>,
    /// The milestones, in their order.
    pub milestones: Vec<Milestone>,
    /// Who said how far it has come, by day, then in the order that everybody sees.
    pub ratings: Vec<(MemberId, Rating)>,
}

/// True for fields of a goal that [`progress`] shows.
pub fn is_progress(field: &str) -> bool {
    matches!(field, "milestones" | "ticked" | "ratings") || LEVELS.iter().any(|level| level.field() == field)
}

/// Puts together how far a goal has come.
pub fn progress(row: &Row) -> Progress {
    let level = |level: Level| (level, row.text(Writer::Everyone, level.field()).to_owned());
    let set = |name: &str| row.fields.get(name).map(words).unwrap_or_default();
    let rating = |own: &MemberFields| {
        let read = own.fields.get("ratings").map(words).unwrap_or_default();
        let member = own.member;
        read.into_iter().filter_map(move |it| Some((member, Rating::parse(&it)?))).collect::<Vec<_>>()
    };
    let mut ratings: Vec<_> = row.members.iter().flat_map(rating).collect();
    ratings.sort_by(|(_, a), (_, b)| a.date.cmp(&b.date));
    Progress {
        levels: LEVELS.into_iter().map(level).filter(|(_, words)| !words.is_empty()).collect(),
        milestones: Milestone::read(&set("milestones"), &set("ticked")),
        ratings,
    }
}

fn words(shown: &Shown) -> Vec<String> {
    match shown {
        Shown::Many(values) => values.iter().filter_map(Scalar::text).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{DocId, Document, Edit},
        domain::{
            self,
            tests::{made, member},
        },
        view::{
            derive,
            row::tests::{devices, edit, goal},
        },
    };

    #[test]
    fn progress_has_levels_milestones_and_what_each_said_by_day() {
        let (preimage, mut facets) = goal(Some(1), "Run");
        let append = |words: &str| Edit::Append("ratings".into(), words.into());
        let shared = facets.get_mut(&Writer::Everyone).expect("there");
        edit(shared, 2, &[Edit::Text("level+1".into(), "Twice a week".into())]);
        edit(shared, 2, &[Edit::Add("milestones".into(), "0001 Shoes".into())]);
        edit(shared, 1, &[Edit::Add("ticked".into(), "0001 Shoes".into())]);
        let theirs = DocId { item: preimage.id(), writer: Writer::Only(member(2)) };
        let mut theirs = Document::new(theirs, domain::schema(&preimage, Writer::Only(member(2))));
        edit(&mut theirs, 2, &[append("2026-01-02 +1 well"), append("rubbish")]);
        edit(facets.get_mut(&Writer::Only(member(1))).expect("there"), 1, &[append("2026-01-03 -1")]);
        facets.insert(Writer::Only(member(2)), theirs);
        let shown = progress(&derive(&preimage, &made(&facets), &devices(), false));
        assert_eq!(shown.levels, [("+1".parse().expect("a level"), "Twice a week".to_owned())]);
        assert!(shown.milestones.len() == 1 && shown.milestones[0].ticked);
        let said: Vec<_> = shown.ratings.iter().map(|(who, it)| (*who, it.level.number(), it.note.as_str())).collect();
        assert_eq!(said, [(member(2), 1, "well"), (member(1), -1, "")]);
    }
}

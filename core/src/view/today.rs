//! Today: what wants a word from me, what I am working on, what was written last.

use alliance_replica::id::MemberId;
use serde::Serialize;

use super::Row;
use crate::domain::{goal, note};

/// The page, from rows of all spaces.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct Today<'r> {
    /// Items with values from which I may choose.
    pub choose: Vec<&'r Row>,
    /// Goals that are mine or of both, and active.
    pub goals: Vec<&'r Row>,
    /// The notes that were written last.
    pub notes: Vec<&'r Row>,
}

/// Puts the page together. Rows come newest first, each with who I am in its space; of notes at most `notes` are shown.
pub fn today<'r>(rows: impl IntoIterator<Item = (&'r Row, MemberId)>, notes: usize) -> Today<'r> {
    let mut page = Today::default();
    for (row, me) in rows {
        let mine = |member: Option<MemberId>| member.is_none_or(|member| member == me);
        if row.conflicts.iter().any(|conflict| mine(conflict.writer)) {
            page.choose.push(row);
        }
        if row.kind == goal::KIND.name && mine(row.owner) && row.status.as_deref() == Some(goal::ACTIVE) {
            page.goals.push(row);
        }
        if row.kind == note::KIND.name && page.notes.len() < notes {
            page.notes.push(row);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Edit, Writer},
        domain::tests::{made, member},
        view::{
            derive,
            row::tests::{devices, edit, goal},
        },
    };

    #[test]
    fn today_has_my_active_goals_the_last_notes_and_what_i_may_choose() {
        let row = |owner, kind: &str, n: u8, status: &str| {
            let (preimage, mut facets) = goal(owner, &format!("{n}"));
            let own = Writer::from(preimage.owner);
            edit(facets.get_mut(&own).expect("there"), 1, &[Edit::Put("status".into(), Some(status.into()))]);
            let mut row = derive(&preimage, &made(&facets), &devices(), false);
            row.kind = kind.into();
            row
        };
        let mut rows = [
            row(Some(1), "goal", 1, "active"),
            row(Some(2), "goal", 2, "active"),
            row(None, "goal", 3, "active"),
            row(Some(1), "goal", 4, "paused"),
            row(None, "note", 5, ""),
            row(None, "note", 6, ""),
        ];
        let conflict = crate::view::Conflict { writer: None, field: "title".into(), values: Vec::new() };
        rows[1].conflicts.push(conflict.clone());
        rows[3].conflicts.push(crate::view::Conflict { writer: Some(member(2)), ..conflict });
        let page = today(rows.iter().map(|row| (row, member(1))), 1);
        let titles = |rows: &[&Row]| rows.iter().map(|row| row.title.clone()).collect::<Vec<_>>();
        assert_eq!(titles(&page.goals), ["1", "3"]);
        assert_eq!(titles(&page.notes), ["5"]);
        assert_eq!(titles(&page.choose), ["2"]);
    }
}

//! Fields with several values, from which somebody may choose one by its number.
//!
//! A value has its number from when it first stands beside another one here, until it is gone; what comes gets the next
//! number that no value of the item ever had here. No order of the values themselves could do that: whatever everybody
//! sorts by, something that was written elsewhere long ago may still arrive between two values. So numbers are kept with
//! the row, which every command of a profile reads, and another computer may have others.

use alliance_replica::id::{DeviceId, MemberId};
use serde::{Deserialize, Serialize};

use super::row::{Row, hex};
use crate::{
    document::{Register, Scalar, Writer},
    domain::{self, Plan, RuleError},
};

/// A field that holds several values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Conflict {
    /// Whose facet it is in; none for the shared one.
    #[serde(with = "hex::option")]
    pub writer: Option<MemberId>,
    /// The field.
    pub field: String,
    /// The values, in the order of their numbers.
    pub values: Vec<Choice>,
}

/// One of several values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Choice {
    /// Its number within the item; 0 in rows that an earlier program derived.
    #[serde(default)]
    pub number: usize,
    /// The value.
    pub value: Scalar,
    /// Whose it is, if that member is known here.
    #[serde(with = "hex::option")]
    pub member: Option<MemberId>,
    /// The device that wrote it, if it is known here.
    #[serde(with = "hex::option")]
    pub device: Option<DeviceId>,
}

impl Conflict {
    /// The conflict in a register, if it has one; `who` says whose a value is.
    pub(super) fn of(
        writer: Writer,
        field: &str,
        register: &Register,
        who: impl Fn(&[u8; 8]) -> Option<(DeviceId, MemberId)>,
    ) -> Option<Self> {
        let values = register.values().iter().map(|value| {
            let (device, member) = who(&value.by).unzip();
            Choice { number: 0, value: value.scalar.clone(), member, device }
        });
        let conflict = || Self { writer: writer.member(), field: field.to_owned(), values: values.collect() };
        register.is_conflict().then(conflict)
    }
}

impl Row {
    /// Every value of every conflict, with its number.
    pub fn choices(&self) -> impl Iterator<Item = (usize, &Conflict, &Choice)> {
        let all =
            self.conflicts.iter().flat_map(|conflict| conflict.values.iter().map(move |choice| (conflict, choice)));
        all.map(|(conflict, choice)| (choice.number, conflict, choice))
    }

    /// Gives every value that stood in the row before its number again, and all others new ones.
    pub fn number_after(&mut self, before: Option<&Self>) {
        let known = |writer, field: &str, value: &Scalar| {
            let is_it = |it: &&Conflict| it.writer == writer && it.field == field;
            let conflict = before?.conflicts.iter().find(is_it)?;
            Some(conflict.values.iter().find(|it| it.value == *value)?.number).filter(|number| *number > 0)
        };
        let mut given = before.map_or(0, |row| row.numbers);
        for conflict in &mut self.conflicts {
            for choice in &mut conflict.values {
                choice.number = known(conflict.writer, &conflict.field, &choice.value).unwrap_or_else(|| {
                    given += 1;
                    given
                });
            }
            conflict.values.sort_by_key(|choice| choice.number);
        }
        self.numbers = given;
    }

    /// The edits that keep the value with this number, if there is one.
    pub fn keep(&self, n: usize, me: MemberId) -> Option<Result<Plan, RuleError>> {
        let (_, conflict, choice) = self.choices().find(|(number, ..)| *number == n)?;
        Some(domain::keep(conflict.writer.into(), &conflict.field, &choice.value, me))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        document::{Edit, Writer},
        domain::{
            RuleError,
            tests::{made, member},
        },
        view::{
            Row, derive,
            row::tests::{devices, edit, goal},
        },
    };

    #[test]
    fn any_of_several_values_can_be_kept_by_its_number() {
        let (preimage, mut facets) = goal(Some(1), "Run");
        let put = |field: &str, value: &str| Edit::Put(field.into(), Some(value.into()));
        let own = Writer::Only(member(1));
        for (writer, field) in [(Writer::Everyone, "title"), (own, "status")] {
            let facet = facets.get_mut(&writer).expect("there");
            let mut copy = facet.clone();
            edit(facet, 1, &[put(field, "one")]);
            edit(&mut copy, 2, &[put(field, "two")]);
            facet.apply(copy.changes(&[])).expect("applies");
        }
        let row = derive(&preimage, &made(&facets), &devices(), false);
        let shown: Vec<_> =
            row.choices().map(|(n, conflict, choice)| (n, conflict.field.as_str(), choice.member)).collect();
        assert_eq!(shown.len(), 4);
        assert_eq!(shown.iter().map(|(n, ..)| *n).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(shown.iter().any(|(_, _, by)| *by == Some(member(2))));
        for (n, conflict, choice) in row.choices() {
            let plan = row.keep(n, member(1)).expect("there").expect("mine");
            let mut after = facets.clone();
            for (writer, edits) in &plan.0 {
                edit(after.get_mut(writer).expect("there"), 1, edits);
            }
            let after = derive(&preimage, &made(&after), &devices(), false);
            assert_eq!(after.conflicts.len(), 1);
            assert_eq!(after.text(conflict.writer.into(), &conflict.field), choice.value.to_string());
        }
        assert!(row.keep(0, member(1)).is_none() && row.keep(5, member(1)).is_none());
        assert_eq!(row.keep(3, member(2)), Some(Err(RuleError::NotYours { owner: member(1) })));
    }

    #[test]
    fn a_number_never_comes_to_mean_another_value() {
        let (preimage, mut facets) = goal(None, "Run");
        let put = |field: &str, value: &str| Edit::Put(field.into(), Some(value.into()));
        let shared = facets.remove(&Writer::Everyone).expect("there");
        let by = |n: u8, edits: &[Edit]| {
            let mut copy = shared.clone();
            edit(&mut copy, n, edits);
            copy
        };
        // The second writes what sorts before everything else, and arrives last.
        let mut here = by(1, &[put("title", "one"), put("horizon", "in May")]);
        let late = by(2, &[put("title", "two")]);
        let early = by(3, &[put("zeal", "x"), put("title", "three")]);
        let row = |document: &_, before: Option<&Row>| {
            let mut row = derive(&preimage, &[(Writer::Everyone, document)].into(), &devices(), false);
            row.number_after(before);
            row
        };
        let values = |row: &Row| -> Vec<_> { row.choices().map(|(n, _, it)| (n, it.value.to_string())).collect() };
        let value = |n: usize, value: &str| (n, value.to_owned());
        here.apply(early.changes(&[])).expect("applies");
        let first = row(&here, None);
        assert_eq!(values(&first), [value(1, "one"), value(2, "three")]);
        here.apply(late.changes(&[])).expect("applies");
        let unordered = row(&here, None);
        assert_ne!(values(&unordered)[..2], values(&first)[..], "sorted, it stands before the others");
        let second = row(&here, Some(&first));
        assert_eq!(values(&second), [value(1, "one"), value(2, "three"), value(3, "two")]);
        // Somebody ends it, and something else is written beside that.
        let mut beside = here.clone();
        edit(&mut here, 1, &[put("title", "five")]);
        let third = row(&here, Some(&second));
        assert!(values(&third).is_empty() && third.keep(2, member(1)).is_none());
        edit(&mut beside, 2, &[put("title", "four")]);
        here.apply(beside.changes(&[])).expect("applies");
        let fourth = row(&here, Some(&third));
        assert_eq!(fourth.choices().map(|(n, ..)| n).collect::<Vec<_>>(), [4, 5], "no number twice");
    }
}

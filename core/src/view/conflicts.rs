//! Fields with several values, from which somebody may choose one by its number.

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
    /// The values, in the order that everybody sees.
    pub values: Vec<Choice>,
}

/// One of several values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Choice {
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
            Choice { value: value.scalar.clone(), member, device }
        });
        let conflict = || Self { writer: writer.member(), field: field.to_owned(), values: values.collect() };
        register.is_conflict().then(conflict)
    }
}

impl Row {
    /// Every value of every conflict, numbered from 1.
    pub fn choices(&self) -> impl Iterator<Item = (usize, &Conflict, &Choice)> {
        let all =
            self.conflicts.iter().flat_map(|conflict| conflict.values.iter().map(move |choice| (conflict, choice)));
        (1..).zip(all).map(|(n, (conflict, choice))| (n, conflict, choice))
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
            derive,
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
}

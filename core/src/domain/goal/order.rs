//! Where a goal stands among others: a number that its owner gives it, and nobody reads.
//!
//! Goals with numbers come first, the lowest first; those that nobody moved follow. Of several numbers that were written
//! at the same time the last in the one order holds, and of goals with the same number that with the lower id comes first,
//! so that everybody sees one order whatever was moved at once.

use crate::document::{Document, Scalar};

/// The field.
pub const POSITION: &str = "position";
/// How far apart goals are put.
const STEP: i64 = 1 << 32;

/// Where a goal stands, as the facet says in which it does.
pub fn position(goal: &Document) -> Option<i64> {
    match goal.register(POSITION).winner() {
        Some(Scalar::Int(position)) => Some(*position),
        _ => None,
    }
}

/// A number between two goals that follow each other, the first of which may be none, and so may the second; none if
/// there is no room.
pub fn between(before: Option<i64>, after: Option<i64>) -> Option<i64> {
    match (before, after) {
        (None, None) => Some(0),
        (None, Some(after)) => after.checked_sub(STEP),
        (Some(before), None) => before.checked_add(STEP),
        (Some(before), Some(after)) => {
            let middle = before.midpoint(after);
            (before < middle && middle < after).then_some(middle)
        }
    }
}

/// New numbers for so many goals, in their order, with room between them.
pub fn spread(goals: usize) -> impl Iterator<Item = i64> {
    (1..).map(|nth: i64| nth.saturating_mul(STEP)).take(goals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_number_between_any_two_until_there_is_no_room() {
        assert_eq!(spread(3).collect::<Vec<_>>(), [STEP, 2 * STEP, 3 * STEP]);
        assert!(between(None, Some(5)).is_some_and(|it| it < 5) && between(Some(5), None).is_some_and(|it| it > 5));
        let mut after = 2 * STEP;
        let mut times = 0;
        while let Some(middle) = between(Some(STEP), Some(after)) {
            assert!(STEP < middle && middle < after);
            (after, times) = (middle, times + 1);
        }
        assert!(times >= 31, "{times}");
        assert_eq!((between(Some(3), Some(3)), between(Some(4), Some(3))), (None, None));
        assert_eq!((between(None, Some(i64::MIN)), between(Some(i64::MAX), None)), (None, None));
    }
}

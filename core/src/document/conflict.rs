//! Values of one field that several people wrote at the same time: all are kept until somebody chooses.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ActorPrefix;

/// A plain value of a register or a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Words.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Flag(bool),
    /// Something a later version wrote, which this one can only show.
    Other {
        /// As it reads.
        other: String,
    },
}

impl Scalar {
    /// The words, if it is words.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Other { other: text } => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
        }
    }
}

/// A value and who wrote it.
#[derive(Clone, PartialEq, Debug)]
pub struct Value {
    /// The value.
    pub scalar: Scalar,
    /// Names the device that wrote it.
    pub by: ActorPrefix,
}

/// A field that holds one value, or several that were written at the same time.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Register(Vec<Value>);

impl Register {
    /// The values in the order of their operations, which is the same on every replica; of equal ones the last.
    pub(super) fn new(values: Vec<Value>) -> Self {
        let mut kept: Vec<Value> = Vec::new();
        for value in values {
            kept.retain(|earlier| earlier.scalar != value.scalar);
            kept.push(value);
        }
        Self(kept)
    }

    /// The value to show where there is room for one: the last in the one order.
    pub fn winner(&self) -> Option<&Scalar> {
        self.0.last().map(|value| &value.scalar)
    }

    /// Every value.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// True if somebody has to choose.
    pub fn is_conflict(&self) -> bool {
        self.0.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Document,
        write::tests::{facet, put, write},
    };

    #[test]
    fn who_choose_differently_at_once_have_to_choose_again() {
        let mut ben = facet();
        write(&mut ben, 1, &[put("title", "start")]).expect("works");
        let mut anna = Document { actor: None, ..ben.clone() };
        let meet = |ben: &mut Document, anna: &mut Document| {
            let (his, hers) = (ben.changes(&[]), anna.changes(&[]));
            ben.apply(hers).expect("applies");
            anna.apply(his).expect("applies");
        };
        write(&mut ben, 1, &[put("title", "one")]).expect("works");
        write(&mut anna, 2, &[put("title", "two")]).expect("works");
        meet(&mut ben, &mut anna);
        assert!(ben.register("title").is_conflict());
        // One of the two keeps what shows already.
        write(&mut ben, 1, &[put("title", "one")]).expect("works");
        write(&mut anna, 2, &[put("title", "two")]).expect("works");
        assert!(!ben.register("title").is_conflict() && !anna.register("title").is_conflict());
        meet(&mut ben, &mut anna);
        let values = ben.register("title");
        assert_eq!(values.values().len(), 2, "{values:?}");
        assert_eq!(values, anna.register("title"));
        let (again, applied) = Document::rebuild(ben.id(), ben.schema().clone(), ben.changes(&[])).expect("works");
        assert!(applied.left_out.is_empty());
        assert_eq!(again.register("title"), values);
    }

    #[test]
    fn equal_values_of_two_people_are_no_conflict() {
        let value = |text: &str, n| Value { scalar: text.into(), by: [n; 8] };
        let same = Register::new(vec![value("a", 1), value("a", 2)]);
        assert!(!same.is_conflict());
        assert_eq!(same.values(), [value("a", 2)]);
        let three = Register::new(vec![value("a", 1), value("b", 2), value("a", 3)]);
        assert_eq!(three.values(), [value("b", 2), value("a", 3)]);
        assert_eq!(three.winner(), Some(&"a".into()));
        assert!(Register::new(Vec::new()).winner().is_none());
    }
}

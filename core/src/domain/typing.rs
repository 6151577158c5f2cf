//! Typing in a text of an item of any kind, key by key: in the facet in which one may write it.

use alliance_replica::id::MemberId;

use super::{Holds, Own, Plan, RuleError, kind};
use crate::document::{ChangeHash, Edit, Preimage, Splice, Writer};

/// What `me` types in a text of an item, as it was at `from`.
pub fn plan(writer: Writer, field: &str, from: &[ChangeHash], splices: &[Splice]) -> Plan {
    let typed = Edit::Splices { name: field.to_owned(), from: from.to_vec(), splices: splices.to_vec() };
    Plan([(writer, vec![typed])].into())
}

/// The facet in which `me` may type in a text of an item.
pub fn writer(preimage: &Preimage, me: MemberId, field: &str) -> Result<Writer, RuleError> {
    let none = || RuleError::NoneSuch { field: "text", text: field.to_owned() };
    let kind = kind(preimage.kind.as_str()).ok_or_else(none)?;
    let writes = |writer: &Writer| {
        kind.fields(preimage.owner, *writer).iter().any(|it| it.name == field && it.holds == Holds::Text)
    };
    if let Some(writer) = [Writer::Only(me), Writer::Everyone].into_iter().find(writes) {
        return Ok(writer);
    }
    let of = |it: &&(Own, _)| {
        let (_, fields): &(Own, &[super::Field]) = it;
        fields.iter().any(|it| it.name == field && it.holds == Holds::Text)
    };
    match (kind.own.iter().find(of), preimage.owner) {
        (Some((Own::Owner, _)), Some(owner)) => Err(RuleError::NotYours { owner }),
        (Some((Own::Other, _)), _) => Err(RuleError::ForTheOther),
        _ => Err(none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::{member, preimage};

    #[test]
    fn everybody_types_where_they_may_write() {
        let (anna, ben) = (member(1), member(2));
        let may = |kind: &str, owner, me, field: &str| writer(&preimage(kind, owner), me, field);
        assert_eq!(may("note", None, ben, "body"), Ok(Writer::Everyone));
        assert_eq!(may("goal", Some(anna), ben, "why"), Ok(Writer::Everyone));
        assert_eq!(may("goal", Some(anna), anna, "reason"), Ok(Writer::Only(anna)));
        assert_eq!(may("goal", Some(anna), ben, "reason"), Err(RuleError::NotYours { owner: anna }));
        assert_eq!(may("goal", None, ben, "reason"), Ok(Writer::Everyone));
        assert_eq!(may("feedback", Some(anna), ben, "response"), Ok(Writer::Only(ben)));
        assert_eq!(may("feedback", Some(anna), anna, "response"), Err(RuleError::ForTheOther));
        assert_eq!(may("feedback", Some(anna), ben, "body"), Err(RuleError::NotYours { owner: anna }));
    }

    #[test]
    fn only_a_text_is_typed_in() {
        for (kind, field) in [("note", "title"), ("note", "tags"), ("note", "words"), ("dream", "body")] {
            let none = Err(RuleError::NoneSuch { field: "text", text: field.to_owned() });
            assert_eq!(writer(&preimage(kind, None), member(1), field), none, "{kind} {field}");
        }
    }
}

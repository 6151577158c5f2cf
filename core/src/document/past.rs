//! A facet as it was: what its fields said at earlier heads, who wrote when, and how to take back what was written.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ChangeHash, ROOT, ReadDoc as _};

use super::{
    ActorPrefix, Document, Edit, Register, Scalar, Shape, TextEdit, author,
    read::{register_of, scalar_of},
    text,
};

/// What a field said.
#[derive(Clone, PartialEq, Debug)]
pub enum Past {
    /// A register, with every value it had.
    Register(Vec<Scalar>),
    /// A text.
    Text(String),
    /// The elements of a set.
    Set(Vec<String>),
    /// The values of a list.
    List(Vec<Scalar>),
}

/// A change, as the history needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Its hash.
    pub hash: ChangeHash,
    /// What it depends on.
    pub deps: Vec<ChangeHash>,
    /// Names the device that wrote it; none for a fixed change.
    pub by: Option<ActorPrefix>,
    /// Unix seconds, as its author says.
    pub time: i64,
}

/// Why something that was written cannot be taken back.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UndoError {
    /// It was written over since.
    #[error("{field} was changed since")]
    Changed {
        /// The field.
        field: String,
    },
    /// Somebody else did the same without knowing of it.
    #[error("somebody else did the same, and that stands")]
    Shared,
    /// A list only grows.
    #[error("{field} only grow: what was said stays")]
    Grows {
        /// The field.
        field: String,
    },
    /// There were several values, between which somebody chose.
    #[error("you chose between values of its {field}, and the others are let go")]
    Choice {
        /// The field.
        field: String,
    },
    /// It was made, and nothing that was made is deleted.
    #[error("what was made stays")]
    Made,
}

impl Document {
    /// What every field said at these heads, which are known here.
    pub fn fields_at(&self, heads: &[ChangeHash]) -> BTreeMap<String, Past> {
        let doc = self.automerge();
        if heads.is_empty() {
            return BTreeMap::new();
        }
        let containers: BTreeMap<_, _> = self.schema().containers().collect();
        let field = |key: String| {
            let past = match containers.get(key.as_str()) {
                None => Past::Register(values(&register_of(doc.get_all_at(ROOT, key.as_str(), heads)))),
                Some(shape) => {
                    let object = self.schema().object(&key, *shape)?;
                    doc.object_type(object).ok()?;
                    match shape {
                        Shape::Text => Past::Text(doc.text_at(object, heads).unwrap_or_default()),
                        Shape::Set => Past::Set(doc.keys_at(object, heads).collect()),
                        Shape::List => {
                            let values = doc.list_range_at(object, .., heads);
                            Past::List(values.map(|item| scalar_of(item.value.clone().into())).collect())
                        }
                    }
                }
            };
            Some((key, past))
        };
        doc.keys_at(ROOT, heads).filter_map(field).filter(|(_, past)| !past.is_empty()).collect()
    }

    /// Every change that counts, each after what it depends on.
    pub fn written(&self) -> Vec<Written> {
        let changes = self.automerge().get_changes_meta(&[]).into_iter();
        let fixed: BTreeSet<_> = self.schema().changes().iter().map(automerge::Change::hash).collect();
        let written = changes.map(|change| Written {
            hash: change.hash,
            by: author::prefix(change.actor.to_bytes()).filter(|_| !fixed.contains(&change.hash)),
            time: change.timestamp,
            deps: change.deps,
        });
        written.collect()
    }

    /// The edits that take back what was written between two versions, if it still stands. Around it, others may have
    /// gone on writing in a text.
    pub fn inverse(&self, before: &[ChangeHash], after: &[ChangeHash]) -> Result<Vec<Edit>, UndoError> {
        let (old, new) = (self.fields_at(before), self.fields_at(after));
        let fields: BTreeSet<_> =
            old.keys().chain(new.keys()).filter(|field| old.get(*field) != new.get(*field)).collect();
        let mut edits = Vec::new();
        for field in fields {
            match (old.get(field), new.get(field)) {
                (Some(Past::List(_)), _) | (_, Some(Past::List(_))) => {
                    return Err(UndoError::Grows { field: field.clone() });
                }
                (old @ (Some(Past::Text(_)) | None), new @ Some(Past::Text(_)))
                | (old @ Some(Past::Text(_)), new @ None) => {
                    let of = |past: Option<&Past>| match past {
                        Some(Past::Text(text)) => text.clone(),
                        _ => String::new(),
                    };
                    let text = text::moved(&of(new), &of(old), &self.text(field));
                    let text = text.ok_or_else(|| UndoError::Changed { field: field.clone() })?;
                    edits.push(Edit::Text(field.clone(), TextEdit { from: None, text }));
                }
                (old @ (Some(Past::Set(_)) | None), Some(Past::Set(_))) | (old @ Some(Past::Set(_)), None) => {
                    let set = |past: Option<&Past>| match past {
                        Some(Past::Set(elements)) => elements.clone(),
                        _ => Vec::new(),
                    };
                    let (old, new) = (set(old), set(self.fields_at(after).get(field)));
                    let added = new.iter().filter(|it| !old.contains(it));
                    if added.clone().any(|it| self.is_added_since(field, it, after)) {
                        return Err(UndoError::Shared);
                    }
                    let removed = old.iter().filter(|it| !new.contains(it));
                    edits.extend(added.map(|it| Edit::Remove(field.clone(), it.clone())));
                    edits.extend(removed.map(|it| Edit::Add(field.clone(), it.clone())));
                }
                (old, new) => {
                    let of = |past: Option<&Past>| match past {
                        Some(Past::Register(values)) => values.clone(),
                        _ => Vec::new(),
                    };
                    let (old, new) = (of(old), of(new));
                    if values(&self.register(field)) != new {
                        return Err(UndoError::Changed { field: field.clone() });
                    }
                    match &old[..] {
                        [] => edits.push(Edit::Put(field.clone(), None)),
                        [value] => edits.push(Edit::Put(field.clone(), Some(value.clone()))),
                        _ => return Err(UndoError::Choice { field: field.clone() }),
                    }
                }
            }
        }
        Ok(edits)
    }
}

impl Document {
    /// True if an element of a set was also added by whoever did not know that version.
    fn is_added_since(&self, set: &str, element: &str, heads: &[ChangeHash]) -> bool {
        let Some(object) = self.schema().object(set, Shape::Set) else { return false };
        let doc = self.automerge();
        let then = doc.get_all_at(object, element, heads).unwrap_or_default();
        let now = doc.get_all(object, element).unwrap_or_default();
        now.iter().any(|(_, by)| then.iter().all(|(_, it)| it != by))
    }
}

impl Past {
    fn is_empty(&self) -> bool {
        match self {
            Self::Register(values) | Self::List(values) => values.is_empty(),
            Self::Text(text) => text.is_empty(),
            Self::Set(elements) => elements.is_empty(),
        }
    }
}

fn values(register: &Register) -> Vec<Scalar> {
    register.values().iter().map(|value| value.scalar.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::write::tests::{body, facet, put, write};

    /// Writes, and says which versions it was between.
    fn between(document: &mut Document, by: u8, edits: &[Edit]) -> (Vec<ChangeHash>, Vec<ChangeHash>) {
        let before = document.heads();
        write(document, by, edits).expect("works");
        (before, document.heads())
    }

    fn undo(document: &mut Document, by: u8, (before, after): &(Vec<ChangeHash>, Vec<ChangeHash>)) {
        let edits = document.inverse(before, after).expect("stands");
        write(document, by, &edits).expect("works");
    }

    #[test]
    fn what_was_written_is_taken_back_field_by_field() {
        let mut facet = facet();
        write(&mut facet, 1, &[body("one two"), put("title", "t"), Edit::Add("tags".into(), "x".into())])
            .expect("works");
        let before = facet.fields_at(&facet.heads());
        let all = [
            body("one three"),
            put("title", "u"),
            put("colour", "red"),
            Edit::Add("tags".into(), "y".into()),
            Edit::Remove("tags".into(), "x".into()),
        ];
        let done = between(&mut facet, 1, &all);
        let after = facet.fields_at(&facet.heads());
        assert_ne!(before, after);
        let undone = between(&mut facet.clone(), 1, &[]);
        assert_eq!(undone.0, undone.1);
        let start = facet.heads();
        undo(&mut facet, 1, &done);
        assert_eq!(facet.fields_at(&facet.heads()), before);
        let again = (start, facet.heads());
        undo(&mut facet, 1, &again);
        assert_eq!(facet.fields_at(&facet.heads()), after, "and back again");
    }

    #[test]
    fn taking_back_a_text_keeps_what_another_wrote_since() {
        let mut anna = facet();
        write(&mut anna, 1, &[body("One two three.")]).expect("works");
        let mut ben = anna.clone();
        ben.actor = None;
        let done = between(&mut anna, 1, &[body("One two and a half three.")]);
        write(&mut ben, 2, &[body("Zero. One two three.")]).expect("works");
        anna.apply(ben.changes(&[])).expect("applies");
        assert_eq!(anna.text("body"), "Zero. One two and a half three.");
        undo(&mut anna, 1, &done);
        ben.apply(anna.changes(&[])).expect("applies");
        assert_eq!(anna.text("body"), "Zero. One two three.");
        assert_eq!(ben.text("body"), "Zero. One two three.");
    }

    #[test]
    fn a_text_is_taken_back_step_by_step_and_done_again() {
        let mut facet = facet();
        let texts = ["", "one three two", "Hello brave world", "Hello world", "Hello"];
        let mut steps = Vec::new();
        for text in &texts[1..] {
            steps.push(between(&mut facet, 1, &[body(text)]));
        }
        let mut undone = Vec::new();
        for (step, text) in steps.iter().zip(texts).rev() {
            let start = facet.heads();
            undo(&mut facet, 1, step);
            assert_eq!(facet.text("body"), text);
            undone.push((start, facet.heads()));
        }
        for (step, text) in undone.iter().rev().zip(&texts[1..]) {
            undo(&mut facet, 1, step);
            assert_eq!(facet.text("body"), *text);
        }
    }

    #[test]
    fn what_others_wrote_into_it_since_is_not_taken_back_with_it() {
        let mut anna = facet();
        write(&mut anna, 1, &[body("One two three.")]).expect("works");
        let done = between(&mut anna, 1, &[body("One two and a half three.")]);
        anna.actor = None;
        write(&mut anna, 2, &[body("One two and a big half three.")]).expect("works");
        assert_eq!(anna.inverse(&done.0, &done.1), Err(UndoError::Changed { field: "body".into() }));
        write(&mut anna, 2, &[body("Zero. One two and a half three. Four.")]).expect("works");
        undo(&mut anna, 1, &done);
        assert_eq!(anna.text("body"), "Zero. One two three. Four.");
    }

    #[test]
    fn a_value_that_was_written_over_is_not_taken_back() {
        let mut anna = facet();
        write(&mut anna, 1, &[put("title", "a")]).expect("works");
        let mut ben = anna.clone();
        ben.actor = None;
        let done = between(&mut anna, 1, &[put("title", "b")]);
        write(&mut ben, 2, &[put("title", "c")]).expect("works");
        anna.apply(ben.changes(&[])).expect("applies");
        assert_eq!(anna.inverse(&done.0, &done.1), Err(UndoError::Changed { field: "title".into() }), "a conflict");
        let chosen = between(&mut anna, 1, &[put("title", "b")]);
        assert_eq!(anna.inverse(&chosen.0, &chosen.1), Err(UndoError::Choice { field: "title".into() }));
        write(&mut anna, 2, &[put("title", "d")]).expect("works");
        assert!(anna.inverse(&chosen.0, &chosen.1).is_err());
        let said = between(&mut anna, 1, &[Edit::Append("notes".into(), "x".into())]);
        assert_eq!(anna.inverse(&said.0, &said.1), Err(UndoError::Grows { field: "notes".into() }));
    }

    #[test]
    fn what_was_written_has_its_author_and_its_fixed_changes_have_none() {
        let mut facet = facet();
        write(&mut facet, 1, &[body("one")]).expect("works");
        facet.actor = None;
        write(&mut facet, 2, &[body("one two")]).expect("works");
        let written = facet.written();
        assert_eq!(written.iter().map(|it| it.by.is_some()).collect::<Vec<_>>(), [false, true, true]);
        assert_ne!(written[1].by, written[2].by);
        assert_eq!(written[2].deps, [written[1].hash]);
        assert!(facet.fields_at(&[]).is_empty());
        assert_eq!(facet.fields_at(&written[2].deps)["body"], Past::Text("one".into()));
    }
}

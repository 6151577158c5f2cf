//! Writing to a facet: a list of edits becomes changes, or nothing if nothing would change.
//!
//! An edit of a text may carry the version of the facet that its author saw; it is then made there and merges with what
//! was written since. Every process draws a fresh actor for each facet it writes to, so that a restored or copied profile
//! never uses the same actor and sequence number for two changes.

use alliance_replica::{id::DeviceId, limits};
use automerge::{
    AutomergeError, Change, ChangeHash, ObjId, ROOT, ReadDoc as _, ScalarValue,
    transaction::{CommitOptions, Transactable, Transaction},
};
use rand_core::CryptoRng;

use super::{
    Document, Scalar, Shape, author, bounds, sorted,
    text::{self, Splice},
};

/// Who writes, and when.
pub struct Editor<'a> {
    /// The device.
    pub device: DeviceId,
    /// Unix seconds, for the history.
    pub now: i64,
    /// For fresh actors.
    pub rng: &'a mut dyn CryptoRng,
}

/// A text as its author wants it, and the version of the facet from which they started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextEdit {
    /// Heads of the facet that the author saw; none for the facet as it is.
    pub from: Option<Vec<ChangeHash>>,
    /// The whole text.
    pub text: String,
}

impl From<&str> for TextEdit {
    fn from(text: &str) -> Self {
        Self { from: None, text: text.to_owned() }
    }
}

/// One thing to do to a facet.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// Writes a register over all its values; nothing clears it.
    Put(String, Option<Scalar>),
    /// Replaces a text.
    Text(String, TextEdit),
    /// Types in a text as it was at `from`.
    Splices {
        /// The text.
        name: String,
        /// Heads of the facet that the author saw.
        from: Vec<ChangeHash>,
        /// What is typed, one after the other: each place is one of the text after those before it.
        splices: Vec<Splice>,
    },
    /// Adds an element to a set.
    Add(String, String),
    /// Removes an element from a set; whoever adds it at the same time wins.
    Remove(String, String),
    /// Adds a value at the end of a list.
    Append(String, Scalar),
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text is too long.
    #[error("text has {size} bytes, more than {limit}")]
    TooLong {
        /// Its bytes.
        size: usize,
        /// The most it may have.
        limit: usize,
    },
    /// More is written at once than one change, or one entry, can carry.
    #[error("that is too much at once ({size}, at most {limit})")]
    TooMuch {
        /// Its operations, or its bytes when packed.
        size: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The facet's history has as many operations as it can have.
    #[error("history is full")]
    Full,
    /// The version from which the edit starts is not here.
    #[error("the version from which the edit starts is not known")]
    UnknownVersion,
    /// The place of a splice is not in the text, or inside a character.
    #[error("no place {at} in the text")]
    NoPlace {
        /// The place.
        at: usize,
    },
    /// The facet has no such container.
    #[error("no field {0}")]
    NoField(String),
    /// A value that is only shown cannot be written.
    #[error("field {0} holds something that only a newer program can write")]
    NotWritable(String),
    /// Automerge does not take an edit that should be right.
    #[error("edit cannot be made")]
    Automerge(#[from] AutomergeError),
}

impl Document {
    /// Makes these edits, first those that start from an older version, then the others as one change. Returns the changes
    /// to keep and to send, which begin with the facet's fixed changes if they are not here yet. If an edit fails, or
    /// nothing changes, the facet is as before.
    pub fn edit(&mut self, editor: &mut Editor<'_>, edits: &[Edit]) -> Result<Vec<Change>, EditError> {
        let before = self.heads();
        let older: Vec<_> = edits.iter().map(|edit| self.older(edit, &before)).collect::<Result<_, _>>()?;
        let fixed = self.schema().changes().iter().filter(|change| !self.contains(&[change.hash()]));
        let fixed: Vec<_> = fixed.cloned().collect();
        let actor = self.actor.clone();
        let present: Vec<_> =
            edits.iter().zip(&older).filter(|(_, from)| from.is_none()).map(|(edit, _)| edit).collect();
        let made = if fixed.is_empty() && present.len() == edits.len() {
            self.open_for_writing(editor);
            self.edit_present(editor, &present)
        } else {
            let kept = self.automerge().clone();
            let made = self.edit_in_steps(editor, fixed, edits.iter().zip(older), &present);
            if !matches!(&made, Ok(changes) if !changes.is_empty()) {
                *self.automerge_mut() = kept;
            }
            made
        };
        match &made {
            Ok(changes) if !changes.is_empty() => self.wrote(changes),
            _ => self.actor = actor,
        }
        made
    }

    /// Edits of which some need the fixed changes first, or start from an older version.
    fn edit_in_steps<'e>(
        &mut self,
        editor: &mut Editor<'_>,
        fixed: Vec<Change>,
        edits: impl Iterator<Item = (&'e Edit, Option<&'e [ChangeHash]>)>,
        present: &[&Edit],
    ) -> Result<Vec<Change>, EditError> {
        let before = self.heads();
        self.automerge_mut().apply_changes(fixed)?;
        self.open_for_writing(editor);
        let start = self.heads();
        for (edit, from) in edits {
            if let Some(from) = from {
                self.edit_older(editor, edit, from)?;
            }
        }
        self.edit_present(editor, present)?;
        if self.heads() == start {
            return Ok(Vec::new());
        }
        let changes = self.changes(&before);
        changes.iter().try_for_each(|change| has_room(change.max_op(), change.len()))?;
        Ok(changes)
    }

    /// One change for everything that starts from the facet as it is; none if nothing changes.
    fn edit_present(&mut self, editor: &Editor<'_>, edits: &[&Edit]) -> Result<Vec<Change>, EditError> {
        let schema = self.schema().clone();
        let heads = self.heads();
        let last = heads.iter().filter_map(|head| self.automerge().get_change_meta_by_hash(head));
        let last = last.map(|change| change.max_op).max().unwrap_or(0);
        let mut transaction = self.automerge_mut().transaction();
        for edit in edits {
            make(&mut transaction, edit, |name, shape| object(&schema, name, shape))?;
        }
        let ops = transaction.pending_ops();
        has_room(last + ops as u64, ops)?;
        let (hash, _) = transaction.commit_with(at(editor.now));
        Ok(hash.and_then(|hash| self.automerge().get_change_by_hash(&hash)).into_iter().collect())
    }

    /// The version from which an edit starts, if it is not the facet as it is.
    fn older<'e>(&self, edit: &'e Edit, before: &[ChangeHash]) -> Result<Option<&'e [ChangeHash]>, EditError> {
        let (Edit::Text(_, TextEdit { from: Some(from), .. }) | Edit::Splices { from, .. }) = edit else {
            return Ok(None);
        };
        if !self.contains(from) {
            return Err(EditError::UnknownVersion);
        }
        Ok((sorted(from.clone()) != before).then_some(from))
    }

    /// Draws this process's actor for the facet, the first time it writes there.
    pub(super) fn open_for_writing(&mut self, editor: &mut Editor<'_>) {
        let id = self.id();
        let prefix = author::actor_prefix(&editor.device, &id);
        let own = self.actor.take().filter(|actor| author::prefix(actor.to_bytes()) == Some(prefix));
        let actor = own.unwrap_or_else(|| author::fresh(&editor.device, &id, editor.rng));
        self.actor = Some(actor.clone());
        self.automerge_mut().set_actor(actor);
    }
}

/// Makes one edit of the facet as it is.
fn make<'s>(
    transaction: &mut Transaction<'_>,
    edit: &Edit,
    object: impl Fn(&str, Shape) -> Result<&'s ObjId, EditError>,
) -> Result<(), EditError> {
    match edit {
        Edit::Put(key, Some(value)) => {
            let value = writable(key, value)?;
            if transaction.get_all(ROOT, key.as_str())?.len() > 1 {
                // Automerge would only let go of the others if the value stands already: who chooses at once says it anew.
                clear(transaction, &ROOT, key)?;
            }
            transaction.put(ROOT, key.as_str(), value)?;
        }
        Edit::Put(key, None) => clear(transaction, &ROOT, key)?,
        Edit::Text(name, _) => {
            let text = object(name, Shape::Text)?;
            let splices = splices(edit, || Ok(transaction.text(text)?), 0)?;
            splice(transaction, text, &splices)?;
        }
        Edit::Splices { name, .. } => {
            let text = object(name, Shape::Text)?;
            let splices = splices(edit, || Ok(transaction.text(text)?), transaction.length(text))?;
            splice(transaction, text, &splices)?;
        }
        Edit::Add(name, element) => {
            let set = object(name, Shape::Set)?;
            within(element.len(), bounds::NAME)?;
            if transaction.get(set, element.as_str())?.is_none() {
                transaction.put(set, element.as_str(), true)?;
            }
        }
        Edit::Remove(name, element) => clear(transaction, object(name, Shape::Set)?, element)?,
        Edit::Append(name, value) => {
            let list = object(name, Shape::List)?;
            let end = transaction.length(list);
            transaction.insert(list, end, writable(name, value)?)?;
        }
    }
    Ok(())
}

fn clear(transaction: &mut Transaction<'_>, map: &ObjId, key: &str) -> Result<(), EditError> {
    if transaction.get(map, key)?.is_some() {
        transaction.delete(map, key)?;
    }
    Ok(())
}

pub(super) fn splice(transaction: &mut Transaction<'_>, text: &ObjId, splices: &[Splice]) -> Result<(), EditError> {
    for splice in splices {
        if is_inside(transaction, text, splice.at)?
            || splice.delete > 0 && is_inside(transaction, text, splice.at + splice.delete)?
        {
            return Err(EditError::NoPlace { at: splice.at });
        }
        transaction.splice_text(text, splice.at, splice.delete.cast_signed(), &splice.insert)?;
    }
    Ok(())
}

/// True if a place is between the two halves of one character.
fn is_inside(transaction: &Transaction<'_>, text: &ObjId, at: usize) -> Result<bool, EditError> {
    let Some((value, id)) = at.checked_sub(1).map(|before| transaction.get(text, before)).transpose()?.flatten() else {
        return Ok(false);
    };
    // Nearly every character has one unit, and asking takes long in an older version.
    let is_wide = value.as_str().is_some_and(|it| text::units(it) > 1);
    Ok(is_wide && transaction.get(text, at)?.is_some_and(|(_, after)| after == id))
}

/// The splices that an edit makes to a text of so many UTF-16 units, whose result is within the limit. The text itself is
/// read only if need be.
pub(super) fn splices(
    edit: &Edit,
    old: impl Fn() -> Result<String, EditError>,
    units: usize,
) -> Result<Vec<Splice>, EditError> {
    match edit {
        Edit::Text(_, TextEdit { text, .. }) => {
            let new = text::normal(text);
            within(new.len(), limits::TEXT)?;
            Ok(text::splices(&old()?, &new))
        }
        Edit::Splices { splices, .. } => {
            let (mut length, mut inserted, mut made) = (units, 0, Vec::new());
            for Splice { at, delete, insert } in splices {
                let (at, delete) = (*at, *delete);
                at.checked_add(delete).filter(|end| *end <= length).ok_or(EditError::NoPlace { at })?;
                let insert = text::normal(insert);
                length = length - delete + text::units(&insert);
                inserted += insert.len();
                if delete > 0 || !insert.is_empty() {
                    made.push(Splice { at, delete, insert });
                }
            }
            // A unit is at most three bytes.
            if 3 * units + inserted > limits::TEXT {
                within(text::spliced(&old()?, &made).len(), limits::TEXT)?;
            }
            Ok(made)
        }
        _ => Ok(Vec::new()),
    }
}

/// Whether a change of so many operations, the last of them with this number, may be.
fn has_room(last: u64, ops: usize) -> Result<(), EditError> {
    if ops > limits::CHANGE_OPS {
        return Err(EditError::TooMuch { size: ops, limit: limits::CHANGE_OPS });
    }
    if last >= limits::DOCUMENT_OPS as u64 { Err(EditError::Full) } else { Ok(()) }
}

fn within(size: usize, limit: usize) -> Result<(), EditError> {
    if size > limit { Err(EditError::TooLong { size, limit }) } else { Ok(()) }
}

fn writable(name: &str, value: &Scalar) -> Result<ScalarValue, EditError> {
    match value {
        Scalar::Text(text) => within(text.len(), limits::TEXT).map(|()| ScalarValue::Str(text.into())),
        Scalar::Int(number) => Ok(ScalarValue::Int(*number)),
        Scalar::Flag(flag) => Ok(ScalarValue::Boolean(*flag)),
        Scalar::Other { .. } => Err(EditError::NotWritable(name.to_owned())),
    }
}

pub(super) fn object<'s>(schema: &'s super::Schema, name: &str, shape: Shape) -> Result<&'s ObjId, EditError> {
    schema.object(name, shape).ok_or_else(|| EditError::NoField(name.to_owned()))
}

pub(super) fn at(now: i64) -> CommitOptions {
    CommitOptions::default().with_time(now.clamp(-limits::CHANGE_TIME, limits::CHANGE_TIME))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::document::{
        Schema,
        tests::{device, rng, shared},
    };

    pub(in crate::document) fn facet() -> Document {
        Document::new(shared(), Schema::new(&[("body", Shape::Text), ("tags", Shape::Set), ("notes", Shape::List)]))
    }

    pub(in crate::document) fn write(
        document: &mut Document,
        by: u8,
        edits: &[Edit],
    ) -> Result<Vec<Change>, EditError> {
        let seed = u64::from(by) * 1000 + document.ops();
        document.edit(&mut Editor { device: device(by), now: 7, rng: &mut rng(seed) }, edits)
    }

    pub(in crate::document) fn body(text: &str) -> Edit {
        Edit::Text("body".into(), text.into())
    }

    pub(in crate::document) fn body_from(from: Vec<ChangeHash>, text: &str) -> Edit {
        Edit::Text("body".into(), TextEdit { from: Some(from), text: text.into() })
    }

    pub(in crate::document) fn typed(from: Vec<ChangeHash>, splices: &[(usize, usize, &str)]) -> Edit {
        let splice = |&(at, delete, insert): &(usize, usize, &str)| Splice { at, delete, insert: insert.into() };
        Edit::Splices { name: "body".into(), from, splices: splices.iter().map(splice).collect() }
    }

    pub(in crate::document) fn put(key: &str, value: &str) -> Edit {
        Edit::Put(key.into(), Some(value.into()))
    }

    fn exchange(a: &mut Document, b: &mut Document) {
        a.apply(b.changes(&[])).expect("applies");
        b.apply(a.changes(&[])).expect("applies");
        assert_eq!(a.heads(), b.heads());
    }

    #[test]
    fn an_edit_that_changes_nothing_yields_nothing() {
        let mut facet = facet();
        let nothing = [body(""), Edit::Remove("tags".into(), "x".into()), Edit::Put("title".into(), None)];
        assert!(write(&mut facet, 1, &nothing).expect("works").is_empty());
        assert!(facet.heads().is_empty());
        let some = [body("words"), put("title", "t"), Edit::Add("tags".into(), "x".into())];
        assert_eq!(write(&mut facet, 1, &some).expect("works").len(), 2, "the genesis and one change");
        let heads = facet.heads();
        assert!(write(&mut facet, 1, &some).expect("works").is_empty());
        assert!(write(&mut facet, 1, &[body_from(heads.clone(), "words")]).expect("works").is_empty());
        assert_eq!(facet.heads(), heads);
    }

    #[test]
    fn two_devices_that_touch_a_new_facet_share_its_text() {
        let (mut a, mut b) = (facet(), facet());
        write(&mut a, 1, &[body("from a ")]).expect("works");
        write(&mut b, 2, &[body("from b ")]).expect("works");
        exchange(&mut a, &mut b);
        assert_eq!(a.text("body"), b.text("body"));
        assert!(a.text("body").contains("from a ") && a.text("body").contains("from b "));
    }

    #[test]
    fn values_written_at_the_same_time_are_kept_until_one_is_chosen() {
        let (mut a, mut b) = (facet(), facet());
        write(&mut a, 1, &[put("title", "one")]).expect("works");
        write(&mut b, 2, &[put("title", "two")]).expect("works");
        exchange(&mut a, &mut b);
        let both = a.register("title");
        assert!(both.is_conflict());
        assert_eq!(both, b.register("title"));
        for value in both.values() {
            let mut chosen = a.clone();
            write(&mut chosen, 1, &[Edit::Put("title".into(), Some(value.scalar.clone()))]).expect("works");
            assert_eq!(chosen.register("title").winner(), Some(&value.scalar));
            assert!(!chosen.register("title").is_conflict());
        }
    }

    #[test]
    fn adding_wins_over_removing() {
        let tag = |edit: fn(String, String) -> Edit| [edit("tags".into(), "x".into())];
        let (mut a, mut b) = (facet(), facet());
        write(&mut a, 1, &tag(Edit::Add)).expect("works");
        exchange(&mut a, &mut b);
        write(&mut a, 1, &tag(Edit::Remove)).expect("works");
        assert!(a.set("tags").is_empty());
        write(&mut b, 2, &tag(Edit::Remove)).expect("works");
        write(&mut b, 2, &tag(Edit::Add)).expect("works");
        exchange(&mut a, &mut b);
        assert_eq!(a.set("tags"), ["x"]);
    }

    #[test]
    fn a_list_keeps_what_both_add_and_who_did() {
        let (mut a, mut b) = (facet(), facet());
        let add = |n: i64| [Edit::Append("notes".into(), Scalar::Int(n))];
        write(&mut a, 1, &add(1)).expect("works");
        write(&mut a, 1, &add(2)).expect("works");
        write(&mut b, 2, &add(3)).expect("works");
        exchange(&mut a, &mut b);
        let mut values: Vec<_> =
            a.list("notes").into_iter().map(|value| (value.scalar.to_string(), value.by)).collect();
        values.sort();
        let by = |n| author::actor_prefix(&device(n), &shared());
        assert_eq!(values, [("1".into(), by(1)), ("2".into(), by(1)), ("3".into(), by(2))]);
    }

    #[test]
    fn a_text_stays_whatever_is_put_at_its_name() {
        let mut facet = facet();
        write(&mut facet, 1, &[body("words")]).expect("works");
        write(&mut facet, 2, &[put("body", "gone")]).expect("works");
        write(&mut facet, 2, &[Edit::Put("body".into(), None)]).expect("works");
        let mut opened = Document::load(facet.id(), facet.schema().clone(), &facet.save(), []).expect("opens");
        assert_eq!(opened.text("body"), "words");
        write(&mut opened, 1, &[body("words and more")]).expect("works");
        assert_eq!(opened.text("body"), "words and more");
    }

    #[test]
    fn an_edit_that_cannot_be_made_leaves_the_facet_as_it_was() {
        let mut facet = facet();
        write(&mut facet, 1, &[body("a\u{1f600}")]).expect("works");
        let heads = facet.heads();
        let splice = |at, delete| typed(heads.clone(), &[(at, delete, "x")]);
        let unknown = vec![ChangeHash([1; 32])];
        let bad = [
            splice(4, 0),
            splice(2, 2),
            splice(0, usize::MAX),
            splice(2, 0),
            splice(0, 2),
            typed(heads.clone(), &[(0, 1, ""), (3, 0, "x")]),
            typed(heads.clone(), &[(0, 0, &"x".repeat(limits::TEXT - 4))]),
            body(&"x".repeat(limits::TEXT + 1)),
            body_from(unknown, "b"),
            Edit::Text("title".into(), "b".into()),
            Edit::Add("body".into(), "b".into()),
            Edit::Add("tags".into(), "x".repeat(bounds::NAME + 1)),
            Edit::Put("title".into(), Some(Scalar::Other { other: "b".into() })),
        ];
        for edit in bad {
            assert!(write(&mut facet, 1, &[put("title", "kept out"), edit.clone()]).is_err(), "{edit:?}");
            assert_eq!(facet.heads(), heads);
            assert!(facet.register("title").values().is_empty());
        }
        write(&mut facet, 1, &[body("a\r\nb")]).expect("works");
        assert_eq!(facet.text("body"), "a\nb");
    }
}

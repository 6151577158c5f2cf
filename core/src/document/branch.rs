//! Editing a text as it was at an older version: the edit becomes a change beside what was written since, and merges.

use std::collections::BTreeSet;

use automerge::{Change, ChangeHash, ChangeMetadata, ObjId, PatchLog, ReadDoc as _};

use super::{
    Document, Edit, EditError, Editor, Shape, author, sorted, text,
    write::{at, object, splice, splices},
};

/// Deleted characters up to which an edit is made in place; Automerge searches the text for each.
const IN_PLACE: usize = 200;

impl Document {
    /// Makes an edit of a text as it was. Few characters are deleted in place; for many it is quicker to take the facet
    /// back to that version, edit it there and merge.
    pub(super) fn edit_older(
        &mut self,
        editor: &mut Editor<'_>,
        edit: &Edit,
        from: &[ChangeHash],
    ) -> Result<(), EditError> {
        let schema = self.schema().clone();
        let object = |name: &str, shape| object(&schema, name, shape);
        let (Edit::Text(name, _) | Edit::Splices { name, .. }) = edit else { return Ok(()) };
        let text = object(name, Shape::Text)?;
        // A version from before the facet's containers were made has them empty.
        let since: BTreeSet<_> = self.automerge().get_changes_meta(from).iter().map(|change| change.hash).collect();
        let fixed = self.schema().changes().iter().map(Change::hash).filter(|hash| since.contains(hash));
        let from = sorted(from.iter().copied().chain(fixed).collect());
        let old = || Ok(self.automerge().text_at(text, &from)?);
        let splices = splices(edit, old, self.automerge().length_at(text, &from))?;
        if splices.iter().map(|splice| splice.delete).sum::<usize>() > IN_PLACE {
            let mut branch = self.automerge().fork_at(&from)?;
            branch.set_actor(author::fresh(&editor.device, &self.id(), editor.rng));
            let mut transaction = branch.transaction();
            splice(&mut transaction, text, &splices)?;
            transaction.commit_with(at(editor.now));
            let made = branch.get_changes(&from);
            self.automerge_mut().apply_changes(made)?;
            return Ok(());
        }
        let kept = self.automerge().clone();
        // A change names the one of its actor before it directly, if its author saw that one.
        let last = self.automerge().get_last_local_change().map(|change| change.hash());
        let last = last.filter(|last| !since.contains(last));
        let from = sorted(from.into_iter().chain(last).collect());
        self.splice_at(editor, text, &splices, &from)?;
        if !self.follows_on() {
            *self.automerge_mut() = kept;
            self.actor = None;
            self.open_for_writing(editor);
            self.splice_at(editor, text, &splices, &from)?;
        }
        Ok(())
    }

    fn splice_at(
        &mut self,
        editor: &Editor<'_>,
        text: &ObjId,
        splices: &[text::Splice],
        from: &[ChangeHash],
    ) -> Result<(), EditError> {
        let mut transaction =
            self.automerge_mut().transaction_at(PatchLog::inactive(), from).map_err(|_| EditError::UnknownVersion)?;
        splice(&mut transaction, text, splices)?;
        transaction.commit_with(at(editor.now));
        Ok(())
    }

    /// True if every change at the heads names the change of its actor before it.
    fn follows_on(&self) -> bool {
        let heads = self.heads();
        let metas = heads.iter().filter_map(|head| self.automerge().get_change_meta_by_hash(head));
        metas.filter(|change| change.seq > 1).all(|change| {
            let dep = |hash| self.automerge().get_change_meta_by_hash(hash);
            let before = |dep: ChangeMetadata<'_>| dep.actor == change.actor && dep.seq + 1 == change.seq;
            change.deps.iter().filter_map(dep).any(before)
        })
    }
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::MemberId;

    use super::*;
    use crate::document::{
        Form, Incoming, Past,
        tests::device,
        write::tests::{body, body_from, facet, put, typed, write},
    };

    #[test]
    fn a_text_from_an_editor_merges_with_what_was_written_since() {
        let long = "x".repeat(IN_PLACE + 1);
        for filler in ["", long.as_str()] {
            let mut facet = facet();
            write(&mut facet, 1, &[body(&format!("one {filler} three"))]).expect("works");
            let from = facet.heads();
            write(&mut facet, 1, &[body(&format!("zero one {filler} three"))]).expect("works");
            let made = write(&mut facet, 1, &[body_from(from, "one two three")]).expect("works");
            assert_eq!(made.len(), 1);
            assert_eq!(facet.text("body"), "zero one two three");
            assert_eq!(facet.heads().len(), 2);
        }
    }

    #[test]
    fn what_is_typed_at_once_is_one_change_of_what_its_author_saw() {
        for long in ["", "x".repeat(IN_PLACE).as_str()] {
            let mut facet = facet();
            write(&mut facet, 1, &[body(&format!("one {long}\u{1f600} three"))]).expect("works");
            let from = facet.heads();
            let mut other = facet.clone();
            other.actor = None;
            facet.apply(write(&mut other, 2, &[body_from(from.clone(), "zero three")]).expect("works")).expect("works");
            let past = 4 + long.len();
            let keys = [(past, 2, "two"), (past + 3, 0, "\r\n"), (past + 3, 1, "!"), (0, 1, "O")];
            let made = write(&mut facet, 1, &[typed(from.clone(), &keys)]).expect("works");
            let [change] = made.as_slice() else { panic!("{} changes", made.len()) };
            assert_eq!(change.deps(), from);
            let mine = facet.fields_at(&[change.hash()]);
            assert_eq!(mine["body"], Past::Text(format!("One {long}two! three")));
            // Which of the two beginnings comes first, chance decides.
            let text = |facet: &Document| facet.text("body").replace("Ozero", "zeroO");
            assert_eq!(text(&facet), "zeroOtwo! three");
            // Who goes on from there types in what is on their own screen.
            let made = write(&mut facet, 1, &[typed(vec![change.hash()], &[(past + 3, 1, "?")])]).expect("works");
            assert!(made[0].deps().contains(&change.hash()));
            assert_eq!(text(&facet), "zeroOtwo? three");
        }
    }

    #[test]
    fn every_change_names_the_one_of_its_actor_before_it() {
        let mut facet = facet();
        write(&mut facet, 1, &[body("a")]).expect("works");
        for n in 0..40 {
            let heads = facet.heads();
            let mut other = facet.clone();
            other.actor = None;
            let text = body(&format!("{}b", other.text("body")));
            facet.apply(write(&mut other, 2, &[text]).expect("works")).expect("applies");
            let from = if n % 3 == 0 { heads } else { facet.heads() };
            if n % 2 == 0 {
                write(&mut facet, 2, &[put("title", &n.to_string())]).expect("works");
            }
            write(&mut facet, 1, &[typed(from, &[(0, n % 2, "c")])]).expect("works");
        }
        let (again, applied) =
            Document::rebuild(facet.id(), facet.schema().clone(), facet.changes(&[])).expect("works");
        assert!(applied.left_out.is_empty());
        assert_eq!((again.heads(), again.text("body")), (facet.heads(), facet.text("body")));
        // It travels whole too, also after it was opened again: no change starts beyond those before it.
        let opened = Document::load(facet.id(), facet.schema().clone(), &facet.save(), []).expect("opens");
        let lineage = [device(1), device(2)];
        let raw = opened.snapshot(&lineage).expect("all are its own");
        let (doc, member) = (facet.id(), MemberId::of(&device(1)));
        let part = Incoming { doc, form: Form::Snapshot, raw: &raw, preimage: None, member, lineage: &lineage };
        let believed = part.check().expect("it is honest");
        assert_eq!((believed.changes.len(), believed.before), (facet.changes(&[]).len(), 0));
    }
}

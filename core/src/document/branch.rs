//! Editing a text as it was at an older version: the edit becomes a change beside what was written since, and merges.

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
        let (Edit::Text(name, _) | Edit::Splice { name, .. }) = edit else { return Ok(()) };
        let text = object(name, Shape::Text)?;
        // A version from before the facet's containers were made has them empty.
        let fixed = self.schema().changes().iter().map(Change::hash);
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
        let from = self.with_last_own(from);
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

    /// Adds the last change of this process to the heads if it is in their past: a change names the one of its actor
    /// before it directly.
    fn with_last_own(&self, from: Vec<ChangeHash>) -> Vec<ChangeHash> {
        let Some(last) = self.automerge().get_last_local_change().map(|change| change.hash()) else { return from };
        let past = !self.automerge().get_changes_meta(&from).iter().any(|change| change.hash == last);
        if past { sorted(from.into_iter().chain([last]).collect()) } else { from }
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
        Form, Incoming,
        tests::device,
        write::tests::{body, body_from, facet, put, write},
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
            let splice = Edit::Splice { name: "body".into(), from, at: 0, delete: n % 2, insert: "c".into() };
            write(&mut facet, 1, &[splice]).expect("works");
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

//! Live text: what somebody types on a screen becomes a change of the version that this screen showed.
//!
//! A screen is a branch. It says from which version it types and learns the version that it shows then; whatever arrives
//! meanwhile merges beside it. Every call goes through the write gate as any other intent: it is on disk, in the journal
//! and in the view when it returns. A facet that is typed in stays in memory.

use alliance_replica::planted::{self, Bug};

use super::{
    AppError, ItemRef, Profile, World,
    intent::{self, Target, Words},
    undo,
};
use crate::{
    document::{ChangeHash, DocId, EditError, Splice},
    domain::typing,
};

/// What typing led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Typed {
    /// The version that the screen shows now: what it showed, and what was typed. The next keys are typed in this one,
    /// or in `heads` once the screen shows what others wrote.
    pub mine: Vec<ChangeHash>,
    /// The facet as it is now, with what others wrote.
    pub heads: Vec<ChangeHash>,
}

impl Profile {
    /// Types in a text of an item as it was at `from`: the heads of the facet in which this member writes that text, as
    /// [`Profile::text`] or an earlier call returned them. All splices are one change; each place counts UTF-16 units of
    /// the text after the splices before it. A version that is not here, or a place that is not in the text, is
    /// [`AppError::Edit`], and nothing was written.
    pub fn type_in(
        &mut self,
        item: &ItemRef,
        field: &str,
        from: &[ChangeHash],
        splices: &[Splice],
        world: &mut World<'_>,
    ) -> Result<Typed, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let target = Target::existing(tx, item)?;
            let doc = DocId { item: target.item, writer: typing::writer(target.preimage(), target.member, field)? };
            let before = documents.open(tx, &target.space, target.preimage(), doc)?.heads();
            let from = if planted::is(Bug::VersionOffByOne) { &before } else { from };
            let plan = typing::plan(doc.writer, field, from, splices);
            let wrote = intent::write_and(Words::Later, tx, documents, &target, &plan, world)?;
            let is_new = !wrote.is_empty();
            undo::keep_typed(tx, item, (field, splices), wrote, world.now)?;
            let heads = documents.open(tx, &target.space, target.preimage(), doc)?.heads();
            // One's own change is new, so that nothing follows it yet.
            let new = heads.iter().filter(|head| !before.contains(head)).copied();
            let mine = if is_new { new.collect() } else { from.to_vec() };
            Ok(Typed { mine, heads })
        });
        match result {
            // The facet is as it was: a screen that is behind makes nobody read it again.
            Err(AppError::Edit(EditError::UnknownVersion | EditError::NoPlace { .. }) | AppError::Rule(_)) => result,
            result => self.settle(result),
        }
    }
}

//! Taking back what was last done here, and doing it again.
//!
//! Only what this profile did itself: an undo is a change like any other, the inverse of one's own last, and only if what
//! it wrote still stands.

use alliance_replica::id::MemberId;
use serde::{Deserialize, Serialize};

use super::{
    AppError, Documents, Done, ItemRef, Profile, World,
    intent::{self, Target},
    query,
};
use crate::{
    document::{ChangeHash, DocId, UndoError, Writer},
    domain::Plan,
    store::{Act, StoreError, Tx},
};

/// What one intent wrote to one facet.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub(super) struct Wrote {
    /// Whose facet; none for everyone's.
    writer: Option<String>,
    before: Vec<String>,
    after: Vec<String>,
}

impl Wrote {
    pub(super) fn new(writer: Writer, before: &[ChangeHash], after: &[ChangeHash]) -> Self {
        let names = |heads: &[ChangeHash]| heads.iter().map(ToString::to_string).collect();
        let writer = writer.member().map(|member| member.to_string());
        Self { writer, before: names(before), after: names(after) }
    }
}

/// Keeps what was done, so that it can be taken back.
pub(super) fn keep(tx: &Tx<'_>, item: &ItemRef, wrote: &[Wrote]) -> Result<(), AppError> {
    if !wrote.is_empty() {
        tx.journal(&item.space, &item.item, &json(wrote)?)?;
    }
    Ok(())
}

/// The item that was written to last.
pub(super) fn last(tx: &Tx<'_>) -> Result<Option<ItemRef>, AppError> {
    Ok(tx.last_done()?.map(|act| ItemRef { space: act.space, item: act.item }))
}

impl Profile {
    /// Takes back the last thing that was done here and is not taken back.
    pub fn undo(&mut self, world: &mut World<'_>) -> Result<Done, AppError> {
        self.turn(true, world)
    }

    /// Does again the last thing that was taken back.
    pub fn redo(&mut self, world: &mut World<'_>) -> Result<Done, AppError> {
        self.turn(false, world)
    }

    fn turn(&mut self, undo: bool, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let act = if undo { tx.last_done()? } else { tx.last_undone()? };
            let act = act.ok_or(AppError::NothingToUndo)?;
            let item = ItemRef { space: act.space, item: act.item };
            let target = Target::existing(tx, &item)?;
            let plan = match inverse(tx, documents, &target, &act)? {
                Ok(plan) => plan,
                Err(why) => return Err(AppError::NotUndone { title: query::read_row(tx, &item)?.title, why }),
            };
            let wrote = intent::write(tx, documents, &target, &plan, world)?;
            if wrote.is_empty() {
                // Somebody else has done so already: it is as if this had.
                tx.set_undone(act.n, undo, &act.facets)?;
            } else {
                tx.set_undone(act.n, undo, &json(&wrote)?)?;
            }
            intent::done(tx, &item, !wrote.is_empty())
        });
        self.settle(result)
    }
}

fn inverse(
    tx: &Tx<'_>,
    documents: &mut Documents,
    target: &Target,
    act: &Act,
) -> Result<Result<Plan, UndoError>, AppError> {
    let wrote: Vec<Wrote> = serde_json::from_str(&act.facets).map_err(|_| DAMAGED)?;
    if wrote.iter().any(|facet| facet.writer.is_none() && facet.before.is_empty()) || made_alone(&wrote, target) {
        return Ok(Err(UndoError::Made));
    }
    let mut plan = Plan::default();
    for Wrote { writer, before, after } in wrote {
        let member = writer.map(|name| MemberId::from_hex(&name).ok_or(DAMAGED)).transpose()?;
        let writer = Writer::from(member);
        let doc = DocId { item: target.item, writer };
        let document = documents.open(tx, &target.space, target.preimage(), doc)?;
        let (before, after) = (hashes(&before)?, hashes(&after)?);
        if !document.contains(&after) || !document.contains(&before) {
            return Ok(Err(UndoError::Changed { field: "it".to_owned() }));
        }
        match document.inverse(&before, &after) {
            Ok(edits) => _ = plan.0.insert(writer, edits),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(plan))
}

/// True if what was written made an item that has nothing but its owner's facet.
fn made_alone(wrote: &[Wrote], target: &Target) -> bool {
    let owner = target.preimage().owner.map(|owner| owner.to_string());
    let shared = crate::domain::kind(target.preimage().kind.as_str()).is_some_and(|kind| !kind.shared.is_empty());
    !shared && wrote.iter().any(|facet| facet.writer == owner && facet.before.is_empty())
}

fn hashes(names: &[String]) -> Result<Vec<ChangeHash>, AppError> {
    names.iter().map(|name| name.parse().map_err(|_| DAMAGED.into())).collect()
}

fn json(wrote: &[Wrote]) -> Result<String, AppError> {
    serde_json::to_string(wrote).map_err(|_| DAMAGED.into())
}

const DAMAGED: StoreError = StoreError::Damaged { what: "the journal" };

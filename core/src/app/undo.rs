//! Taking back what was last done here, and doing it again.
//!
//! Only what this profile did itself: an undo is a change like any other, the inverse of one's own last, and only if what
//! it wrote still stands. What cannot be taken back is told once and passed over: what was done before it can be. Keys that were typed on in one go are one such thing, also where somebody else's came between.

use alliance_replica::id::MemberId;
use serde::{Deserialize, Serialize};

use super::{
    AppError, Documents, Done, ItemRef, Profile, World,
    intent::{self, Target},
    profile,
};
use crate::{
    document::{ChangeHash, DocId, Splice, UndoError, Writer},
    domain::Plan,
    store::{Act, StoreError, Tx},
};

/// Seconds that a run of keys lasts at most.
const RUN: i64 = 60;
/// Times that others may come between the keys of one run.
const PARTS: usize = 64;

/// What one intent wrote to one facet.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub(super) struct Wrote {
    /// Whose facet; none for everyone's.
    writer: Option<String>,
    before: Vec<String>,
    after: Vec<String>,
    /// Of the last keys of a run that may go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
}

/// Keys that were typed in one go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
struct Run {
    field: String,
    /// When it began, in unix seconds.
    since: i64,
    /// Where the next key goes on.
    end: usize,
}

impl Wrote {
    pub(super) fn new(writer: Writer, before: &[ChangeHash], after: &[ChangeHash]) -> Self {
        let names = |heads: &[ChangeHash]| heads.iter().map(ToString::to_string).collect();
        let writer = writer.member().map(|member| member.to_string());
        Self { writer, before: names(before), after: names(after), run: None }
    }
}

/// Keeps what was done, so that it can be taken back.
pub(super) fn keep(tx: &Tx<'_>, item: &ItemRef, wrote: &[Wrote]) -> Result<(), AppError> {
    if !wrote.is_empty() {
        tx.journal(&item.space, &item.item, &json(wrote)?)?;
    }
    Ok(())
}

/// Keeps what was typed in a text: with the keys before it if it goes on from them, in the same line and minute.
pub(super) fn keep_typed(
    tx: &Tx<'_>,
    item: &ItemRef,
    (field, splices): (&str, &[Splice]),
    mut wrote: Vec<Wrote>,
    now: i64,
) -> Result<(), AppError> {
    let ([new], [key]) = (&mut wrote[..], splices) else { return keep(tx, item, &wrote) };
    let end = key.at + key.insert.encode_utf16().count();
    let run = |since| (!key.insert.contains('\n')).then(|| Run { field: field.to_owned(), since, end });
    let act = tx.last_done()?.filter(|act| act.space == item.space && act.item == item.item);
    if let Some(act) = act {
        let mut parts: Vec<Wrote> = serde_json::from_str(&act.facets).map_err(|_| DAMAGED)?;
        let room = parts.len() < PARTS;
        let goes_on = |before: &Run| {
            let next_to_it = key.at == before.end || key.at + key.delete == before.end;
            room && before.field == field && next_to_it && (0..RUN).contains(&(now - before.since))
        };
        if let Some(last) = parts.last_mut()
            && let Some(before) = last.run.take_if(|before| goes_on(before))
            && last.writer == new.writer
        {
            new.run = run(before.since);
            if last.after == new.before {
                (last.after, last.run) = (std::mem::take(&mut new.after), new.run.take());
            } else {
                parts.push(new.clone());
            }
            return Ok(tx.journal_on(act.n, &json(&parts)?)?);
        }
    }
    new.run = run(now);
    keep(tx, item, &wrote)
}

/// The item that was written to last.
pub(super) fn last(tx: &Tx<'_>) -> Result<Option<ItemRef>, AppError> {
    Ok(tx.last_standing()?.map(|act| ItemRef { space: act.space, item: act.item }))
}

impl Profile {
    /// Takes back the last thing that was done here and is not taken back. If that cannot be, the next call goes on with the
    /// one before.
    pub fn undo(&mut self, world: &mut World<'_>) -> Result<Done, AppError> {
        self.turn(true, world)
    }

    /// Does again the last thing that was taken back.
    pub fn redo(&mut self, world: &mut World<'_>) -> Result<Done, AppError> {
        self.turn(false, world)
    }

    fn turn(&mut self, undo: bool, world: &mut World<'_>) -> Result<Done, AppError> {
        let Self { store, documents, .. } = self;
        let mut turned = None;
        let result = store.write(|tx| {
            let act = if undo { tx.last_done()? } else { tx.last_undone()? };
            let act = act.ok_or(AppError::NothingToUndo)?;
            turned = Some(act.n);
            let item = ItemRef { space: act.space, item: act.item };
            let target = Target::existing(tx, &item)?;
            profile::check_open(tx, &item.space)?;
            if tx.row(&item.space, &item.item)?.is_none() {
                // What it was made with does not count any more.
                let text = item.item.to_string();
                return Err(AppError::NotFound { kind: "item".to_owned(), text, like: Vec::new() });
            }
            let mut wrote = Vec::new();
            for step in steps(&act)?.into_iter().rev() {
                let plan = match inverse(tx, documents, &target, step)? {
                    Ok(plan) => plan,
                    Err(why) => {
                        let Done { short, kind, title, .. } = intent::done(tx, &item, false)?;
                        return Err(AppError::NotUndone { undo, short, kind, title, why });
                    }
                };
                wrote.extend(intent::write(tx, documents, &target, &plan, world)?);
            }
            if wrote.is_empty() {
                // Somebody else has done so already: it is as if this had.
                tx.set_undone(act.n, undo, &act.facets)?;
            } else {
                tx.set_undone(act.n, undo, &json(&wrote)?)?;
            }
            intent::done(tx, &item, !wrote.is_empty())
        });
        let passed = |error: &AppError| {
            let ended = matches!(error, AppError::Ended | AppError::NotFound { .. });
            ended || matches!(error, AppError::NotUndone { .. } | AppError::Rule(_) | AppError::Edit(_))
        };
        if let (Some(n), Err(error)) = (turned, &result)
            && passed(error)
        {
            self.store.write(|tx| Ok::<_, AppError>(tx.pass_over(n)?))?;
        }
        self.settle(result)
    }
}

/// What was done, in steps that write no facet twice, in their order.
fn steps(act: &Act) -> Result<Vec<Vec<Wrote>>, AppError> {
    let wrote: Vec<Wrote> = serde_json::from_str(&act.facets).map_err(|_| DAMAGED)?;
    let mut steps: Vec<Vec<Wrote>> = Vec::new();
    for facet in wrote {
        match steps.last_mut().filter(|step| step.iter().all(|it| it.writer != facet.writer)) {
            Some(step) => step.push(facet),
            None => steps.push(vec![facet]),
        }
    }
    Ok(steps)
}

fn inverse(
    tx: &Tx<'_>,
    documents: &mut Documents,
    target: &Target,
    wrote: Vec<Wrote>,
) -> Result<Result<Plan, UndoError>, AppError> {
    if wrote.iter().any(|facet| facet.writer.is_none() && facet.before.is_empty()) || made_alone(&wrote, target) {
        return Ok(Err(UndoError::Made));
    }
    let mut plan = Plan::default();
    for Wrote { writer, before, after, .. } in wrote {
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

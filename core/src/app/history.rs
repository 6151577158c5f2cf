//! What was written by whom on which day, read from the documents' changes.

use std::{cmp::Reverse, collections::BTreeMap};

use alliance_replica::id::{ItemId, MemberId, SpaceId};

use super::{
    AppError, Documents, ItemRef, Profile, Who, intent,
    query::{self, Summary},
    seen::Seen,
};
use crate::{
    document::{ActorPrefix, Authors, DocId, Past, Preimage, Scalar, Writer},
    domain::{self, archive::ARCHIVED, comment, commitment::ACCEPTED_AS, feedback, goal},
    store::Tx,
    view::{self, Became, Grain, Stretch},
};

/// Items whose history is read at the least when that of all is asked for: those that changed last.
const ITEMS: usize = 60;

/// Seconds between two changes that may be keys of one run.
const RUN: i64 = 10;

/// What was written in one facet of an item on one day, or at once.
#[derive(Clone, PartialEq, Debug)]
pub struct Chapter {
    /// The day, as it was asked to be counted.
    pub day: i64,
    /// Who wrote; somebody who is not known is none.
    pub by: Vec<Option<Who>>,
    /// The item, as in a list.
    pub summary: Summary,
    /// True if the item begins here.
    pub begins: bool,
    /// What became of each field.
    pub fields: BTreeMap<String, Became>,
    /// True if it was not written at once: there may be versions that were written over and are not seen here.
    pub steps: bool,
}

/// How days are counted, and what is told as one.
pub struct Calendar<'a> {
    /// What is told as one. Of single changes, keys that only went on with a text are one all the same.
    pub grain: Grain,
    /// On which day a time (unix seconds) lies.
    pub day: &'a dyn Fn(i64) -> i64,
    /// Today.
    pub today: i64,
    /// How many chapters are wanted, the newest first.
    pub most: usize,
}

/// A stretch of a facet, and where it is.
#[derive(Clone)]
struct Found {
    item: ItemRef,
    preimage: Preimage,
    writer: Writer,
    stretch: Stretch<Option<MemberId>>,
}

impl Profile {
    /// The history of one item, or of what changed last in an alliance and in private; newest first.
    pub fn history(
        &mut self,
        space: SpaceId,
        item: Option<ItemRef>,
        calendar: &Calendar<'_>,
    ) -> Result<Vec<Chapter>, AppError> {
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let seen = Seen::new(tx, item.map_or(space, |item| item.space))?;
            let items = match item {
                Some(item) => vec![item],
                None => seen.some_rows(tx, None, calendar.most.max(ITEMS))?.into_iter().map(|row| row.item).collect(),
            };
            let mut all = Vec::new();
            for item in items {
                all.extend(found(tx, documents, item, calendar)?.into_iter().rev());
            }
            newest_first(&mut all);
            let mut chapters: Vec<Chapter> = Vec::new();
            let mut run: Option<(Found, Typed)> = None;
            for found in all {
                let typed = if calendar.grain == Grain::Change { typed(tx, documents, &found)? } else { None };
                if let (Some((later, on)), Some(typed)) = (&run, typed)
                    && let Some(whole) = later.begun_by(&found)
                    && let Some(on) = on.begun_by(typed)
                    && let Some(last) = chapters.last_mut()
                {
                    *last = chapter(tx, documents, &seen, &whole)?;
                    run = Some((whole, on));
                    continue;
                }
                run = None;
                let next = chapter(tx, documents, &seen, &found)?;
                // What is for programs alone is all that was written.
                if next.fields.is_empty() {
                    continue;
                }
                let is_full = chapters.len() == calendar.most;
                match chapters.last_mut().filter(|last| last.goes_on_in(&next)) {
                    Some(last) => {
                        last.begins |= next.begins;
                        last.steps |= next.steps;
                        last.fields.extend(next.fields);
                    }
                    None if is_full => break,
                    None => {
                        run = typed.map(|typed| (found, typed));
                        chapters.push(next);
                    }
                }
            }
            Ok(chapters)
        })
    }
}

impl Chapter {
    /// True for what the same person wrote to the same item on the same day, in another facet.
    fn goes_on_in(&self, next: &Self) -> bool {
        let where_and_who = |it: &Self| (it.day, it.summary.item, it.by.clone());
        let apart = self.fields.keys().all(|field| !next.fields.contains_key(field));
        where_and_who(self) == where_and_who(next) && apart
    }
}

impl Found {
    /// Both as one, if this went on at once from what was written before.
    fn begun_by(&self, earlier: &Self) -> Option<Self> {
        let (first, last) = (&earlier.stretch, &self.stretch);
        let place = |it: &Self| (it.item, it.writer, it.stretch.day, it.stretch.by.clone());
        let goes_on = place(self) == place(earlier)
            && first.after == last.before
            && last.between.0.saturating_sub(first.between.1) <= RUN;
        goes_on.then(|| {
            let before = first.before.clone();
            let changes = first.changes + last.changes;
            let between = (first.between.0, last.between.1);
            Self { stretch: Stretch { before, changes, between, ..last.clone() }, ..self.clone() }
        })
    }
}

/// Days the newest first, and within a day items by what was written in them last. What was written in one item on one day
/// stays together, in the order that it had: from facet to facet nothing says what was first.
fn newest_first(all: &mut [Found]) {
    let mut last: BTreeMap<(i64, ItemId), i64> = BTreeMap::new();
    for Found { item, stretch, .. } in all.iter() {
        let time = last.entry((stretch.day, item.item)).or_insert(i64::MIN);
        *time = stretch.between.1.max(*time);
    }
    all.sort_by_key(|Found { item, stretch, .. }| Reverse((stretch.day, last[&(stretch.day, item.item)])));
}

/// Where bytes were put into a text, and how many.
#[derive(Clone, Copy)]
struct Typed {
    at: usize,
    len: usize,
}

impl Typed {
    /// Both as one, if this was put right after or before what was typed earlier: all of that can still be read.
    fn begun_by(self, earlier: Self) -> Option<Self> {
        let Self { at, len } = earlier;
        (self.at == at || self.at == at + len).then_some(Self { at, len: len + self.len })
    }
}

/// What was put into one text, if that is all that was written.
fn typed(tx: &Tx<'_>, documents: &mut Documents, found: &Found) -> Result<Option<Typed>, AppError> {
    let Found { item, preimage, writer, stretch } = found;
    let document = documents.open(tx, &item.space, preimage, DocId { item: item.item, writer: *writer })?;
    let (old, new) = (document.fields_at(&stretch.before), document.fields_at(&stretch.after));
    let mut differ = new.iter().filter(|(field, now)| old.get(*field) != Some(now));
    let (Some((field, Past::Text(now))), None) = (differ.next(), differ.next()) else { return Ok(None) };
    let before = match old.get(field) {
        Some(Past::Text(before)) => before.as_str(),
        _ => "",
    };
    let at = before.bytes().zip(now.bytes()).take_while(|(a, b)| a == b).count();
    let rest = before.bytes().rev().zip(now.bytes().rev()).take_while(|(a, b)| a == b).count();
    let only_added =
        now.len() > before.len() && at + rest >= before.len() && old.keys().all(|field| new.contains_key(field));
    Ok(only_added.then(|| Typed { at, len: now.len() - before.len() }))
}

fn found(
    tx: &Tx<'_>,
    documents: &mut Documents,
    item: ItemRef,
    calendar: &Calendar<'_>,
) -> Result<Vec<Found>, AppError> {
    let preimage = intent::read_preimage(tx, &item.space, &item.item)?;
    let devices = tx.devices(&item.space)?;
    let mut all = Vec::new();
    for (writer, document) in documents.facets(tx, &item.space, &preimage, item.item)? {
        let authors = Authors::new(&document.id(), devices.keys().copied());
        let who = |prefix: &ActorPrefix| devices.get(&authors.device(prefix)?).copied();
        let stretches = view::stretches(&document.written(), calendar.grain, calendar.today, calendar.day, who);
        all.extend(stretches.into_iter().map(|stretch| Found { item, preimage: preimage.clone(), writer, stretch }));
    }
    Ok(all)
}

fn chapter(tx: &Tx<'_>, documents: &mut Documents, seen: &Seen, found: &Found) -> Result<Chapter, AppError> {
    let Found { item, preimage, writer, stretch } = found;
    let (item, writer) = (*item, *writer);
    let Stretch { day, by, before, after, changes, .. } = stretch;
    let document = documents.open(tx, &item.space, preimage, DocId { item: item.item, writer })?;
    let (old, new) = (document.fields_at(before), document.fields_at(after));
    let mut fields = view::became(&old, &new);
    for (_, became) in fields.iter_mut().filter(|(field, _)| domain::PLACED.contains(&field.as_str())) {
        without_places(became);
    }
    // The title says so already, and where it does not, the whole of the item does.
    fields.remove(ACCEPTED_AS);
    let archived = fields.remove(ARCHIVED);
    fields.retain(|field, _| !domain::is_inner(preimage.kind.as_str(), field));
    for named in [feedback::ASKED_FOR, comment::TARGET, domain::LINKS] {
        if let Some(became) = fields.get_mut(named) {
            with_titles(tx, &item, became)?;
        }
    }
    if let Some(Became::Value { before, after }) = archived {
        let said = |values: Vec<Scalar>| values.first().map(|_| Scalar::Flag(true)).into_iter().collect();
        fields.insert(ARCHIVED.to_owned(), Became::Value { before: said(before), after: said(after) });
    }
    Ok(Chapter {
        day: *day,
        steps: *changes > 1,
        by: by.iter().copied().map(|member| member.map(|member| seen.who(&item, member))).collect(),
        summary: seen.summary(tx, item, query::read_row(tx, &item)?)?,
        begins: old.is_empty() && begins(preimage, writer),
        fields,
    })
}

/// True for the facet with which an item begins: everyone's, or its owner's if there is nothing else.
fn begins(preimage: &Preimage, writer: Writer) -> bool {
    let alone = domain::kind(preimage.kind.as_str()).is_none_or(|kind| kind.shared.is_empty());
    writer == Writer::Everyone || alone && writer.member() == preimage.owner
}

/// Items that are named by their ids as people know them; one that is not here has no name.
fn with_titles(tx: &Tx<'_>, item: &ItemRef, became: &mut Became) -> Result<(), AppError> {
    let title = |id: &str| {
        let title = query::title_of(tx, item, id)?;
        Ok::<_, AppError>(title.unwrap_or_else(|| "something that is not here".to_owned()))
    };
    match became {
        Became::Value { before, after } => {
            for value in before.iter_mut().chain(after) {
                *value = title(value.text().unwrap_or_default())?.into();
            }
        }
        Became::Elements { added, removed } => {
            for element in added.iter_mut().chain(removed) {
                *element = title(element)?;
            }
        }
        Became::Text(_) => {}
    }
    Ok(())
}

/// Milestones as people know them.
fn without_places(became: &mut Became) {
    if let Became::Elements { added, removed } = became {
        for element in added.iter_mut().chain(removed) {
            *element = goal::Milestone::words_of(element).to_owned();
        }
    }
}

//! What was written, as an export has it, and its way back: as new items in a new alliance and in one's own space.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    id::{ItemId, MemberId, SpaceId},
    log::control::SpaceKind,
};
use serde::{Deserialize, Serialize};

use super::{
    AllianceInfo, AppError, ItemRef, Profile, World, agreement,
    documents::Documents,
    intent::{self, Target},
    profile, query,
};
use crate::{
    document::{Edit, TextEdit, Writer},
    domain::{
        self, Plan, alliance, archive, comment, note,
        written::{self, Names, Value, Values, Whose, Written},
    },
    store::{SpaceRow, Tx},
    view,
};

/// Everything that was written in an alliance, or that is one's own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Whole {
    /// What the alliance is called; none of what is one's own.
    pub title: Option<String>,
    /// What it is for.
    pub purpose: String,
    /// When to look back at it, `2026-11-22`.
    pub review: String,
    /// Whoever exported it.
    pub you: String,
    /// The other person, if anybody came.
    pub other: Option<String>,
    /// What both agreed on, the last one in force: the day, and the text.
    pub agreed: Vec<Agreed>,
    /// The sections of the agreement as they are written, by name.
    pub agreement: BTreeMap<String, String>,
    /// The items, by their ids.
    pub items: Vec<Written>,
}

/// A text that both agreed on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agreed {
    /// Since when, `2026-11-22`.
    pub since: String,
    /// The text.
    pub text: String,
}

/// What was brought back.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Imported {
    /// The new alliance; none for what is one's own.
    pub alliance: Option<AllianceInfo>,
    /// Items that are as they were.
    pub items: usize,
    /// Notes and comments that quote somebody.
    pub quoted: usize,
    /// Items that are here already, word for word, and were left as they are.
    pub there: usize,
}

impl Profile {
    /// Everything that was written in an alliance, or what is one's own beside it.
    pub fn whole(&mut self, space: SpaceId, private: bool) -> Result<Whole, AppError> {
        let you = self.person()?.name;
        let agreed = if private { None } else { Some(self.agreement(space)?) };
        let own = if private { None } else { Some(self.alliance_item(space)?) };
        let Self { store, documents, .. } = self;
        store.read(|tx| {
            let row = if private { intent::personal_row(tx)? } else { space_row(tx, &space)? };
            let items = items(tx, documents, &row)?;
            let mut whole = Whole {
                title: None,
                purpose: String::new(),
                review: String::new(),
                you,
                other: None,
                agreed: Vec::new(),
                agreement: BTreeMap::new(),
                items,
            };
            let (Some(own), Some(agreed)) = (own, agreed) else { return Ok(whole) };
            let preimage = intent::read_preimage(tx, &space, &own.item)?;
            let about = intent::derive(tx, documents, &space, &preimage, own.item)?;
            let info = query::alliance(tx, &space, None)?;
            (whole.title, whole.other) = (Some(info.title), info.other);
            let said = |field: &str| about.text(Writer::Everyone, field).to_owned();
            (whole.purpose, whole.review) = (said("purpose"), said("review"));
            let names = domain::agreement::SECTIONS.iter().map(|section| section.name.to_owned());
            whole.agreement = names.zip(agreed.draft).filter(|(_, text)| !text.is_empty()).collect();
            let text = |texts| domain::agreement::canonical(texts);
            whole.agreed =
                agreed.forces.iter().map(|it| Agreed { since: it.since.clone(), text: text(&it.texts) }).collect();
            Ok(whole)
        })
    }

    /// Brings back what was exported: all of it or nothing. Each alliance is a new one, in which nobody else is; what is
    /// one's own comes among what is one's own, unless it is there word for word.
    pub fn import(&mut self, all: &[Whole], world: &mut World<'_>) -> Result<Vec<Imported>, AppError> {
        let personal = self.personal()?;
        let person = self.person()?;
        let Self { store, documents, .. } = self;
        let result = store.write(|tx| {
            let mut imported = Vec::new();
            for whole in all {
                let mut done = Imported::default();
                let row = match &whole.title {
                    None => intent::personal_row(tx)?,
                    Some(title) => {
                        let space = profile::begin(tx, documents, (&personal, &person), title, None, world)?;
                        space_row(tx, &space)?
                    }
                };
                bring(tx, documents, &row, whole, &mut done, world)?;
                if whole.title.is_some() {
                    done.alliance = Some(query::alliance(tx, &row.space, None)?);
                }
                imported.push(done);
            }
            Ok(imported)
        });
        self.settle(result)
    }
}

/// An item that is about to be written.
struct Coming<'a> {
    target: Target,
    written: &'a Written,
    is_own: bool,
}

fn bring(
    tx: &Tx<'_>,
    documents: &mut Documents,
    row: &SpaceRow,
    whole: &Whole,
    done: &mut Imported,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let me = row.member;
    let other = whole.other.as_deref().unwrap_or("the other person");
    let names = Names { you: &whole.you, other };
    let there = if whole.title.is_none() { words_of(tx, documents, row)? } else { BTreeSet::new() };
    let mut coming = Vec::new();
    for written in &whole.items {
        if there.contains(&key(written)) {
            done.there += 1;
            continue;
        }
        let kind = written.kind().filter(|_| written.plan(me, &BTreeMap::new()).is_ok());
        let owner = Some(me).filter(|_| kind.is_some() && written.owner == Whose::You);
        let target = Target::new(row, kind.unwrap_or(&note::KIND).name, owner, world.rng);
        coming.push(Coming { target, written, is_own: kind.is_some() });
    }
    let ids: BTreeMap<_, _> = coming.iter().map(|it| (it.written.id.clone(), it.target.item)).collect();
    for Coming { target, written, is_own } in coming {
        let about = written.target().map(|id| ids.get(id));
        let (target, plan, said) = match (about, is_own) {
            (Some(Some(item)), false) if written.owner == Whose::Them => {
                let said = written.said_by_other(names).unwrap_or_default();
                let (comment, plan) = comment_on(row, item, &said, world);
                (comment, plan, None)
            }
            (None, true) => (target, written.plan(me, &ids)?, written.said_by_other(names)),
            (Some(Some(_)), true) => (target, written.plan(me, &ids)?, None),
            // A comment on what is not there would be seen nowhere.
            _ => {
                let target = if is_own { Target::new(row, note::KIND.name, None, world.rng) } else { target };
                (target, note::Intent::Add(written.quote(names)).plan()?, None)
            }
        };
        let is_quoted = target.preimage().kind.as_str() != written.kind || !is_own;
        *(if is_quoted { &mut done.quoted } else { &mut done.items }) += 1;
        intent::write(tx, documents, &target, &plan, world)?;
        if written.archived {
            let facets = documents.facets(tx, &row.space, target.preimage(), target.item)?;
            let plan = archive::archive(&facets);
            intent::write(tx, documents, &target, &plan, world)?;
        }
        if let Some(said) = said {
            let (comment, plan) = comment_on(row, &target.item, &said, world);
            intent::write(tx, documents, &comment, &plan, world)?;
            done.quoted += 1;
        }
    }
    if whole.title.is_some() {
        about(tx, documents, row, whole, done, world)?;
    }
    Ok(())
}

/// A comment of this person's on an item, that quotes what the other person said of it.
fn comment_on(row: &SpaceRow, item: &ItemId, said: &str, world: &mut World<'_>) -> (Target, Plan) {
    let comment = Target::new(row, comment::KIND.name, Some(row.member), world.rng);
    (comment, written::commented(row.member, item, said))
}

/// Brings back what is said of an alliance as a whole. What both agreed on is quoted: it is not agreed on here.
fn about(
    tx: &Tx<'_>,
    documents: &mut Documents,
    row: &SpaceRow,
    whole: &Whole,
    done: &mut Imported,
    world: &mut World<'_>,
) -> Result<(), AppError> {
    let text = |text: &str| TextEdit { from: None, text: text.to_owned() };
    let some = |text: &str| !text.trim().is_empty();
    let purpose = Some(text(&whole.purpose)).filter(|it| some(&it.text));
    let review = Some(whole.review.clone()).filter(|it| some(it));
    let said = alliance::Intent { purpose, review, ..alliance::Intent::default() };
    intent::write(tx, documents, &Target::alliance(tx, &row.space)?, &said.plan(row.member)?, world)?;
    let known = domain::agreement::SECTIONS.iter().filter_map(|it| Some((it.name, whole.agreement.get(it.name)?)));
    let mut draft = Plan::default();
    for (name, section) in known.filter(|(_, text)| some(text)) {
        draft.0.entry(Writer::Everyone).or_default().push(Edit::Text(name.to_owned(), text(section)));
    }
    if !draft.0.is_empty() {
        intent::write(tx, documents, &agreement::target(tx, &row.space)?, &draft, world)?;
    }
    for Agreed { since, text } in &whole.agreed {
        let title = format!("What was agreed on, since {since}");
        let add = note::Intent::Add(note::Add { title, body: text.clone(), tags: Vec::new() });
        let target = Target::new(row, note::KIND.name, None, world.rng);
        intent::write(tx, documents, &target, &add.plan()?, world)?;
        done.quoted += 1;
    }
    Ok(())
}

/// What was written of every item of a space that people see, by their ids.
fn items(tx: &Tx<'_>, documents: &mut Documents, row: &SpaceRow) -> Result<Vec<Written>, AppError> {
    let mut all = Vec::new();
    for stored in tx.rows(&row.space, None, usize::MAX)? {
        if query::is_shown(&stored.kind) && stored.kind != domain::agreement::KIND.name {
            all.push(written(tx, documents, row, &ItemRef { space: row.space, item: stored.item })?);
        }
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(all)
}

fn written(tx: &Tx<'_>, documents: &mut Documents, row: &SpaceRow, item: &ItemRef) -> Result<Written, AppError> {
    let preimage = intent::read_preimage(tx, &item.space, &item.item)?;
    let shown = intent::derive(tx, documents, &item.space, &preimage, item.item)?;
    let owner = match shown.owner {
        None => Whose::Both,
        Some(owner) if owner == row.member => Whose::You,
        // Who else could it belong to?
        Some(_) if row.kind == SpaceKind::Personal => Whose::You,
        Some(_) => Whose::Them,
    };
    let of = |member: MemberId| shown.members.iter().find(|it| it.member == member).map(|it| values(&it.fields));
    let theirs = shown.members.iter().filter(|it| it.member != row.member).map(|it| values(&it.fields));
    Ok(Written {
        id: item.item.to_string(),
        archived: shown.archived.is_some_and(|it| it.stands),
        owner,
        position: shown.position,
        shared: values(&shown.fields),
        yours: of(row.member).unwrap_or_default(),
        theirs: theirs.flatten().collect(),
        kind: shown.kind,
        title: shown.title,
        status: shown.status,
    })
}

/// Fields in which anything was written.
fn values(fields: &BTreeMap<String, view::Shown>) -> Values {
    let value = |shown: &view::Shown| match shown {
        view::Shown::Nothing => None,
        view::Shown::One(value) if value.text() == Some("") => None,
        view::Shown::One(value) => Some(Value::One(value.clone())),
        view::Shown::Many(values) if values.is_empty() => None,
        view::Shown::Many(values) => Some(Value::Many(values.clone())),
    };
    fields.iter().filter_map(|(name, shown)| Some((name.clone(), value(shown)?))).collect()
}

/// What tells each item that is here from all others but for its name.
fn words_of(tx: &Tx<'_>, documents: &mut Documents, row: &SpaceRow) -> Result<BTreeSet<String>, AppError> {
    Ok(items(tx, documents, row)?.iter().map(key).collect())
}

fn key(written: &Written) -> String {
    serde_json::to_string(&written.words()).unwrap_or_default()
}

fn space_row(tx: &Tx<'_>, space: &SpaceId) -> Result<SpaceRow, AppError> {
    tx.space(space)?.ok_or(AppError::UnknownSpace)
}

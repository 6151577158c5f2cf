//! An alliance as one person sees it: rows of the view with names, titles and order put to them.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{MemberId, SpaceId},
    log::control::SpaceKind,
};

use super::{
    AppError, ItemRef,
    find::short,
    query::{self, Archived, Choice, ChoiceValue, Owner, Progress, Said, Summary, Who},
};
use crate::{
    document::Scalar,
    domain::{
        self, Holds, Own, comment, commitment, feedback,
        goal::{self, Milestone},
        session,
    },
    store::{StoreError, StoredRow, Tx},
    view,
};

/// What is linked and not known here.
const NOT_HERE: &str = "something that is not here";
/// Most rows that a page shows.
const PAGE: usize = 10_000;

/// An alliance as one person sees it, with their private items beside it.
pub(super) struct Seen {
    pub(super) alliance: SpaceId,
    pub(super) personal: SpaceId,
    members: BTreeMap<SpaceId, MemberId>,
    names: BTreeMap<MemberId, String>,
}

impl Seen {
    pub(super) fn new(tx: &Tx<'_>, space: SpaceId) -> Result<Self, AppError> {
        let rows = tx.spaces()?;
        let personal = rows.iter().find(|row| row.kind == SpaceKind::Personal);
        let personal = personal.ok_or(StoreError::Damaged { what: "the personal space" })?.space;
        let names = query::names(tx, &space)?;
        Ok(Self {
            alliance: space,
            personal,
            members: rows.into_iter().map(|row| (row.space, row.member)).collect(),
            names,
        })
    }

    pub(super) fn rows(&self, tx: &Tx<'_>, kind: Option<&str>) -> Result<Vec<Summary>, AppError> {
        self.some_rows(tx, kind, PAGE)
    }

    pub(super) fn some_rows(&self, tx: &Tx<'_>, kind: Option<&str>, limit: usize) -> Result<Vec<Summary>, AppError> {
        let mut rows = Vec::new();
        for space in &self.spaces() {
            rows.extend(tx.rows(space, kind, limit)?);
        }
        self.summaries(tx, rows)
    }

    /// Where its items are: the alliance, and one's own space if that is another one.
    pub(super) fn spaces(&self) -> Vec<SpaceId> {
        let mut spaces = vec![self.alliance, self.personal];
        spaces.dedup();
        spaces
    }

    /// Items of a kind that are not archived.
    pub(super) fn live(&self, tx: &Tx<'_>, kind: &str) -> Result<Vec<Summary>, AppError> {
        self.some_live(tx, kind, PAGE)
    }

    pub(super) fn some_live(&self, tx: &Tx<'_>, kind: &str, limit: usize) -> Result<Vec<Summary>, AppError> {
        let mut rows = Vec::new();
        for space in &self.spaces() {
            rows.extend(tx.live_rows(space, kind, limit)?);
        }
        self.summaries(tx, rows)
    }

    /// Items of a kind that people are still about.
    pub(super) fn open(&self, tx: &Tx<'_>, kind: &str) -> Result<Vec<Summary>, AppError> {
        let open = domain::kind(kind).map_or(&[][..], |kind| kind.open);
        let mut rows = Vec::new();
        for space in &self.spaces() {
            rows.extend(tx.rows_with_status(space, kind, open, PAGE)?);
        }
        self.summaries(tx, rows)
    }

    pub(super) fn open_goals(&self, tx: &Tx<'_>) -> Result<Vec<Summary>, AppError> {
        Ok(in_order(self.open(tx, goal::KIND.name)?))
    }

    /// All goals, in their order.
    pub(super) fn goals(&self, tx: &Tx<'_>) -> Result<Vec<Summary>, AppError> {
        Ok(in_order(self.live(tx, goal::KIND.name)?))
    }

    /// Items that people are still about, and those in which one may choose between values: "reached" may be one of them.
    pub(super) fn to_see(&self, tx: &Tx<'_>, kind: &str) -> Result<Vec<Summary>, AppError> {
        let mut items = self.open(tx, kind)?;
        for space in &self.spaces() {
            let rows = tx.rows_with_choices(space)?.into_iter().filter(|row| row.kind == kind).collect();
            items.extend(self.summaries(tx, rows)?.into_iter().filter(|row| !is_open(row)));
        }
        Ok(items)
    }

    pub(super) fn summaries(&self, tx: &Tx<'_>, rows: Vec<StoredRow>) -> Result<Vec<Summary>, AppError> {
        self.each(tx, rows.into_iter().filter(|row| query::is_shown(&row.kind)))
    }

    pub(super) fn each(
        &self,
        tx: &Tx<'_>,
        rows: impl IntoIterator<Item = StoredRow>,
    ) -> Result<Vec<Summary>, AppError> {
        rows.into_iter()
            .map(|stored| self.summary(tx, ItemRef { space: stored.space, item: stored.item }, query::parse(&stored)?))
            .collect()
    }

    pub(super) fn summary(&self, tx: &Tx<'_>, item: ItemRef, row: view::Row) -> Result<Summary, AppError> {
        let owner = match row.owner {
            // Who else could it belong to?
            _ if row.private => Owner::Mine,
            None => Owner::Both,
            Some(owner) if self.members.get(&item.space) == Some(&owner) => Owner::Mine,
            Some(_) => Owner::Theirs,
        };
        let (mut fields, mut texts) = (BTreeMap::new(), BTreeMap::new());
        let is_goal = row.kind == goal::KIND.name;
        let own = row.members.iter().flat_map(|own| own.fields.iter().map(|(name, shown)| (own.member, name, shown)));
        let own = own.filter(|(member, name, _)| row.owner == Some(*member) || is_of_the_other(&row, name));
        let own = own.map(|(_, name, shown)| (name, shown));
        // Rows that an earlier program derived may have what is for programs alone.
        let hidden = |name: &str| is_goal && view::is_progress(name) || domain::is_inner(&row.kind, name);
        let is_list = |name: &str| {
            domain::holds(&row.kind, name) == Some(Holds::List)
                || name == session::AGENDA && row.kind == session::KIND.name
        };
        let plain = row.fields.iter().chain(own).filter(|(name, _)| !hidden(name) && !is_list(name));
        for (name, shown) in plain {
            let to = if is_text(&row.kind, name) { &mut texts } else { &mut fields };
            let words = words(shown);
            if !words.is_empty() {
                to.insert(name.clone(), words);
            }
        }
        if let Some(view::Shown::Many(ids)) = row.fields.get(domain::LINKS) {
            let title = |id: &Scalar| query::title_of(tx, &item, id.text().unwrap_or_default());
            let titles: Vec<_> = ids.iter().map(title).collect::<Result<_, _>>()?;
            let titles: Vec<_> = titles.into_iter().map(|it| it.unwrap_or_else(|| NOT_HERE.to_owned())).collect();
            fields.retain(|name, _| name != domain::LINKS);
            if !titles.is_empty() {
                fields.insert(domain::LINKS.to_owned(), titles.join(", "));
            }
        }
        if let Some(target) = fields.get_mut(comment::TARGET).filter(|_| row.kind == comment::KIND.name) {
            *target = query::title_of(tx, &item, target)?.unwrap_or_else(|| NOT_HERE.to_owned());
        }
        fields.retain(|name, words| name != commitment::ACCEPTED_AS || *words != row.title);
        let said = if is_goal { BTreeMap::new() } else { self.said(&item, &row) };
        let archived = row
            .archived
            .map(|view::Archived { stands, by }| Archived { stands, by: by.map(|member| self.who(&item, member)) });
        let asked = fields.get(feedback::ASKED_FOR).filter(|_| row.kind == feedback::KIND.name);
        let asked_for = asked.map(|request| query::title_of(tx, &item, request)).transpose()?.flatten();
        let progress = is_goal.then(|| {
            let view::Progress { levels, milestones, ratings } = view::progress(&row);
            let ratings = ratings.into_iter().map(|(member, rating)| (self.who(&item, member), rating)).collect();
            Progress { levels, milestones, ratings }
        });
        Ok(Summary {
            item,
            short: short(tx, &item, &row.kind)?,
            kind: row.kind,
            title: row.title,
            status: row.status,
            private: row.private,
            owner,
            choices: row.conflicts.len(),
            fields,
            texts,
            progress,
            position: row.position,
            asked_for,
            said,
            archived,
        })
    }

    /// What was said in lists that people read.
    fn said(&self, item: &ItemRef, row: &view::Row) -> BTreeMap<String, Vec<Said>> {
        let own = row.members.iter().map(|own| (Some(own.member), &own.fields));
        let mut all: BTreeMap<String, Vec<Said>> = BTreeMap::new();
        for (member, fields) in own.chain([(None, &row.fields)]) {
            for (name, shown) in fields {
                let (Some(Holds::List), view::Shown::Many(values)) = (domain::holds(&row.kind, name), shown) else {
                    continue;
                };
                if domain::is_inner(&row.kind, name) {
                    continue;
                }
                let by = member.map(|member| self.who(item, member));
                let said = values.iter().map(|value| {
                    let value = value.to_string();
                    let (day, words) = domain::dated(&value);
                    Said { by: by.clone(), day: day.map(str::to_owned), words: words.to_owned() }
                });
                all.entry(name.clone()).or_default().extend(said);
            }
        }
        // Those of one person stay in the order in which they were said.
        if let Some(view::Shown::Many(points)) =
            row.fields.get(session::AGENDA).filter(|_| row.kind == session::KIND.name)
        {
            let elements: Vec<_> = points.iter().map(ToString::to_string).collect();
            let point = |it: Milestone| Said { by: None, day: None, words: it.words };
            all.insert(session::AGENDA.to_owned(), Milestone::read(&elements, &[]).into_iter().map(point).collect());
        }
        all.values_mut().for_each(|said| said.sort_by(|one, other| one.day.cmp(&other.day)));
        all
    }

    pub(super) fn who(&self, item: &ItemRef, member: MemberId) -> Who {
        match self.members.get(&item.space) == Some(&member) {
            true => Who::You,
            false => Who::Them(self.names.get(&member).cloned().unwrap_or_default()),
        }
    }

    pub(super) fn all_choices(&self, tx: &Tx<'_>) -> Result<Vec<Choice>, AppError> {
        let mut choices = Vec::new();
        for space in [self.alliance, self.personal] {
            for stored in tx.rows_with_choices(&space)? {
                let item = ItemRef { space: stored.space, item: stored.item };
                choices.extend(self.choices(tx, &item, &query::parse(&stored)?)?);
            }
        }
        Ok(choices)
    }

    pub(super) fn choices(&self, tx: &Tx<'_>, item: &ItemRef, row: &view::Row) -> Result<Vec<Choice>, AppError> {
        let value = |choice: &view::Choice| ChoiceValue {
            number: choice.number,
            value: choice.value.to_string(),
            by: choice.member.map(|member| self.who(item, member)),
        };
        let choice = |conflict: &view::Conflict| {
            Ok(Choice {
                item: *item,
                short: short(tx, item, &row.kind)?,
                kind: row.kind.clone(),
                title: row.title.clone(),
                field: conflict.field.clone(),
                values: conflict.values.iter().map(value).collect(),
            })
        };
        row.conflicts.iter().map(choice).collect()
    }
}

/// Goals as they were moved, one's own and those of both before the other person's; those that nobody moved as they were.
pub(super) fn in_order(mut goals: Vec<Summary>) -> Vec<Summary> {
    goals.sort_by_key(|goal| {
        let moved = goal.position.map(|position| (position, goal.item.item));
        (goal.owner == Owner::Theirs, moved.is_none(), moved)
    });
    goals
}

fn is_open(item: &Summary) -> bool {
    let open = domain::kind(&item.kind).map_or(&[][..], |kind| kind.open);
    item.status.as_deref().is_some_and(|status| open.contains(&status))
}

fn is_text(kind: &str, field: &str) -> bool {
    domain::holds(kind, field) == Some(Holds::Text)
}

/// True for fields that whoever does not own an item says of it.
fn is_of_the_other(row: &view::Row, field: &str) -> bool {
    let own = domain::kind(&row.kind).map_or(&[][..], |kind| kind.own);
    own.iter().any(|(whose, fields)| *whose == Own::Other && fields.iter().any(|it| it.name == field))
}

pub(super) fn words(shown: &view::Shown) -> String {
    match shown {
        view::Shown::Nothing => String::new(),
        view::Shown::One(value) => value.to_string(),
        view::Shown::Many(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

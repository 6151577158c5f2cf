//! What was written of an item, field by field, as an export has it, and what makes a new item of it.
//!
//! Nobody writes in another's name: what the other person wrote comes back as a quotation, in a note or in a comment of
//! whoever brings it back.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{ItemId, MemberId},
    limits,
};
use serde::{Deserialize, Serialize};

use super::{
    Field, Holds, KINDS, Kind, LINKS, Plan, RuleError, SAID, TITLE, agreement, alliance, comment, feedback, goal, line,
    note,
};
use crate::document::{Edit, Scalar, TextEdit, Writer};

/// Fields that name other items by their ids.
const NAMING: [&str; 3] = [LINKS, comment::TARGET, feedback::ASKED_FOR];
/// Most bytes of an element of a list.
const ELEMENT: usize = 4096;
/// Stands where a text was cut.
const CUT: char = '…';

/// Fields by their names.
pub type Values = BTreeMap<String, Value>;

/// What a field holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A text or a value.
    One(Scalar),
    /// Elements of a set or list.
    Many(Vec<Scalar>),
}

/// Whose an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// Whoever exported it.
    You,
    /// The other person's.
    Them,
    /// Both people's.
    Both,
}

/// What was written of an item.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Written {
    /// The item, in hexadecimal.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// How it stands, if it has a status.
    pub status: Option<String>,
    /// Whose it is.
    pub owner: Whose,
    /// True if it is archived.
    pub archived: bool,
    /// Where a goal stands among others, if it was moved.
    pub position: Option<i64>,
    /// What either may have written.
    pub shared: Values,
    /// What only whoever exported it can have written.
    pub yours: Values,
    /// What only the other person can have written.
    pub theirs: Values,
}

/// Who wrote what was exported.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Whoever exported it.
    pub you: &'a str,
    /// The other person.
    pub other: &'a str,
}

impl Written {
    /// The kind as which it can be brought back; none if it was the other person's, or not of a kind that people write.
    pub fn kind(&self) -> Option<&'static Kind> {
        let kind = KINDS.iter().copied().find(|kind| kind.name == self.kind)?;
        let has_one_a_space = *kind == alliance::KIND || *kind == agreement::KIND;
        (self.owner != Whose::Them && !has_one_a_space).then_some(kind)
    }

    /// What makes a new item of the same words. Items that it names are known by their former ids; those that are not
    /// there any more are named no more.
    pub fn plan(&self, me: MemberId, ids: &BTreeMap<String, ItemId>) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        let Some(kind) = self.kind() else { return Ok(plan) };
        let owner = (self.owner == Whose::You).then_some(me);
        for (writer, values) in [(Writer::Everyone, &self.shared), (Writer::Only(me), &self.yours)] {
            for field in kind.fields(owner, writer).iter().filter(|field| !field.inner) {
                if let Some(value) = values.get(field.name) {
                    plan.facet(writer).extend(edits(field, value, ids)?);
                }
            }
        }
        if let Some(position) = self.position.filter(|_| *kind == goal::KIND) {
            plan.facet(Writer::from(owner)).push(Edit::Put(goal::POSITION.to_owned(), Some(Scalar::Int(position))));
        }
        plan.0.retain(|_, edits| !edits.is_empty());
        Ok(plan)
    }

    /// What tells two items with the same words from all others.
    pub fn words(&self) -> Self {
        let said = |values: &Values| {
            let named = values.iter().filter(|(name, _)| !NAMING.contains(&name.as_str()));
            named.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let (shared, yours, theirs) = (said(&self.shared), said(&self.yours), said(&self.theirs));
        Self { id: String::new(), position: None, shared, yours, theirs, ..self.clone() }
    }

    /// A note that quotes the item and says who wrote what.
    pub fn quote(&self, names: Names<'_>) -> note::Add {
        let whose = match self.owner {
            Whose::You => format!(" of {}", names.you),
            Whose::Them => format!(" of {}", names.other),
            Whose::Both => String::new(),
        };
        let kind = capital(&self.kind);
        let title = format!("{kind}{whose}: {}", self.title);
        let stands = self.status.as_ref().map(|status| format!(" It was {status}.")).unwrap_or_default();
        let mut body = format!(
            "A quotation from an export.{stands} What {} wrote cannot come back in that name, so it stands here as it was.\n",
            names.other
        );
        let all = [(names.other, &self.theirs), (names.you, &self.yours), ("One of both", &self.shared)];
        for (by, values) in all {
            let quoted = quoted(values);
            if !quoted.is_empty() {
                body.push_str(&format!("\n{by} wrote:\n\n{quoted}"));
            }
        }
        note::Add { title: cut(&one_line(&title), TITLE), body: cut_bytes(body), tags: Vec::new() }
    }

    /// What the other person said of it, as a quotation; none if they said nothing.
    pub fn said_by_other(&self, names: Names<'_>) -> Option<String> {
        let quoted = quoted(&self.theirs);
        let body = format!("A quotation from an export. {} wrote:\n\n{quoted}", names.other);
        (!quoted.is_empty()).then(|| cut_bytes(body))
    }

    /// The item that a comment is about, by its former id.
    pub fn target(&self) -> Option<&str> {
        let own = if self.owner == Whose::Them { &self.theirs } else { &self.yours };
        match own.get(comment::TARGET).filter(|_| self.kind == comment::KIND.name)? {
            Value::One(Scalar::Text(id)) => Some(id),
            _ => None,
        }
    }
}

/// What makes a comment in one's own name on an item.
pub fn commented(me: MemberId, target: &ItemId, body: &str) -> Plan {
    let target = Edit::Put(comment::TARGET.to_owned(), Some(target.to_string().into()));
    let body = Edit::Text("body".to_owned(), TextEdit { from: None, text: body.to_owned() });
    Plan([(Writer::Only(me), vec![target, body])].into())
}

fn edits(field: &Field, value: &Value, ids: &BTreeMap<String, ItemId>) -> Result<Vec<Edit>, RuleError> {
    let name = || field.name.to_owned();
    let named = |text: &str| match NAMING.contains(&field.name) {
        true => Ok(ids.get(text).map(ToString::to_string)),
        false => line(field.name, text, SAID).map(Some),
    };
    match (field.holds, value) {
        (Holds::Register, Value::One(Scalar::Text(text))) => {
            let most = if field.name == "title" { TITLE } else { SAID };
            let is_short = text.chars().nth(most).is_none();
            let text =
                if is_short { named(text)? } else { return Err(RuleError::TooLong { field: field.name, most }) };
            Ok(text.map(|text| Edit::Put(name(), Some(text.into()))).into_iter().collect())
        }
        (Holds::Register, Value::One(value @ (Scalar::Int(_) | Scalar::Flag(_)))) => {
            Ok(vec![Edit::Put(name(), Some(value.clone()))])
        }
        (Holds::Text, Value::One(Scalar::Text(text))) => {
            Ok(vec![super::text(field.name, &TextEdit { from: None, text: text.clone() })?])
        }
        (Holds::Set, Value::Many(elements)) => {
            let elements = elements.iter().filter_map(Scalar::text).map(named).collect::<Result<Vec<_>, _>>()?;
            Ok(elements.into_iter().flatten().map(|element| Edit::Add(name(), element)).collect())
        }
        (Holds::List, Value::Many(elements)) => {
            let fits = |element: &&Scalar| element.text().is_none_or(|text| text.len() <= ELEMENT);
            let written = |element: &&Scalar| !matches!(element, Scalar::Other { .. });
            if !elements.iter().all(|element| fits(&element)) {
                return Err(RuleError::TooLong { field: field.name, most: ELEMENT });
            }
            let elements = elements.iter().filter(written).cloned();
            Ok(elements.map(|element| Edit::Append(name(), element)).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Fields that have words, as one reads a quotation.
fn quoted(values: &Values) -> String {
    let mut all = String::new();
    for (name, value) in values.iter().filter(|(name, _)| !NAMING.contains(&name.as_str())) {
        let words: Vec<_> = match value {
            Value::One(value) => vec![value.to_string()],
            Value::Many(values) => values.iter().map(ToString::to_string).collect(),
        };
        let lines: Vec<_> = words.iter().flat_map(|words| words.lines()).collect();
        if lines.iter().all(|line| line.trim().is_empty()) {
            continue;
        }
        all.push_str(&format!("> {name}:\n"));
        lines.iter().for_each(|line| all.push_str(&format!("> {line}\n")));
    }
    all
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.trim().to_owned(),
        Some(_) => text.chars().take(most - 1).chain([CUT]).collect(),
    }
}

fn cut_bytes(mut text: String) -> String {
    if text.len() > limits::TEXT {
        text.truncate(text.floor_char_boundary(limits::TEXT - CUT.len_utf8()));
        text.push(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::{member, preimage, written};

    fn one(text: &str) -> Value {
        Value::One(text.into())
    }

    fn many(all: &[&str]) -> Value {
        Value::Many(all.iter().map(|&it| it.into()).collect())
    }

    fn goal(owner: Whose) -> Written {
        let values =
            |all: &[(&str, Value)]| all.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Written {
            id: "01".repeat(16),
            kind: "goal".to_owned(),
            title: "Move".to_owned(),
            status: Some("active".to_owned()),
            owner,
            archived: false,
            position: Some(7),
            shared: values(&[("title", one("Move")), ("why", one("Light.\nAir.")), ("dream", one("of later"))]),
            yours: values(&[("status", one("active")), ("ratings", many(&["2026-01-02 +1 Good."]))]),
            theirs: values(&[("ratings", many(&["2026-01-03 -1 I doubt it."]))]),
        }
    }

    const NAMES: Names<'static> = Names { you: "Anna", other: "Ben" };

    #[test]
    fn ones_own_words_come_back_and_nobody_elses() {
        let me = member(1);
        let goal = goal(Whose::You);
        let plan = goal.plan(me, &BTreeMap::new()).expect("fine");
        assert_eq!(plan.0.keys().collect::<Vec<_>>(), [&Writer::Everyone, &Writer::Only(me)]);
        let facets = written(&preimage("goal", Some(me)), 1, &plan);
        assert_eq!(facets[&Writer::Everyone].text("why"), "Light.\nAir.");
        assert_eq!(facets[&Writer::Only(me)].list("ratings").len(), 1);
        let said = goal.said_by_other(NAMES).expect("something");
        assert!(said.contains("Ben wrote") && said.contains("I doubt it.") && !said.contains("Good."), "{said}");
    }

    #[test]
    fn what_was_the_others_is_a_quotation_that_says_so() {
        let goal = goal(Whose::Them);
        assert_eq!(goal.kind(), None);
        let note::Add { title, body, .. } = goal.quote(NAMES);
        assert_eq!(title, "Goal of Ben: Move");
        let at = |words: &str| body.find(words).unwrap_or_else(|| panic!("no {words}: {body}"));
        assert!(at("Ben wrote:") < at("> 2026-01-03 -1 I doubt it."));
        assert!(at("I doubt it.") < at("Anna wrote:") && at("Anna wrote:") < at("Good."));
        assert!(at("Good.") < at("One of both wrote:") && at("One of both wrote:") < at("> Air."));
    }

    #[test]
    fn what_is_named_is_known_by_its_new_id_or_named_no_more() {
        let new = ItemId::new([9; 16]);
        let ids = [("02".repeat(16), new)].into();
        let links = Field::set(LINKS);
        let value = many(&[&"02".repeat(16), &"03".repeat(16)]);
        let edits = edits(&links, &value, &ids).expect("fine");
        assert_eq!(edits, [Edit::Add(LINKS.to_owned(), new.to_string())]);
    }

    #[test]
    fn what_breaks_a_rule_is_told_and_a_quotation_of_anything_fits() {
        let mut goal = goal(Whose::Both);
        goal.shared.insert("title".to_owned(), one(&"x".repeat(TITLE + 1)));
        assert_eq!(goal.plan(member(1), &BTreeMap::new()), Err(RuleError::TooLong { field: "title", most: TITLE }));
        goal.title = "ä\n".repeat(300);
        goal.shared.insert("why".to_owned(), one(&"ä".repeat(limits::TEXT)));
        let note::Add { title, body, .. } = goal.quote(NAMES);
        assert!(title.chars().count() <= TITLE && !title.contains('\n') && body.len() <= limits::TEXT);
        let add = note::Intent::Add(goal.quote(NAMES));
        assert!(add.plan().is_ok());
    }
}

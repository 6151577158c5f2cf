//! What a facet says: registers with every value, texts, sets and lists, and whatever a later version put there.

use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc as _, ScalarValue, Value as AutomergeValue};

use super::{
    Document, Register, Scalar, Shape, Value,
    author::{self, ActorPrefix},
};

/// A field that this program does not know, as plainly as it can be shown.
#[derive(Clone, PartialEq, Debug)]
pub enum Plain {
    /// One value, or several written at the same time.
    Register(Register),
    /// A text.
    Text(String),
    /// Keys of a map, or values of a list.
    Many(Vec<String>),
}

impl Document {
    /// A field of the root map, with every value that was written at the same time.
    pub fn register(&self, key: &str) -> Register {
        register(self.automerge(), key)
    }

    /// A text; empty if nobody has touched the facet.
    pub fn text(&self, name: &str) -> String {
        let object = self.schema().object(name, Shape::Text);
        object.and_then(|object| self.automerge().text(object).ok()).unwrap_or_default()
    }

    /// The elements of a set, in order.
    pub fn set(&self, name: &str) -> Vec<String> {
        let object = self.schema().object(name, Shape::Set).filter(|object| self.has(object));
        object.map(|object| self.automerge().keys(object).collect()).unwrap_or_default()
    }

    /// The values of a list and who added each, in the order that everybody sees.
    pub fn list(&self, name: &str) -> Vec<Value> {
        let Some(object) = self.schema().object(name, Shape::List).filter(|object| self.has(object)) else {
            return Vec::new();
        };
        let items = self.automerge().list_range(object, ..);
        items.map(|item| value(AutomergeValue::from(item.value.clone()), &item.id())).collect()
    }

    /// Fields of the root map other than `known` and the containers, as plainly as they can be shown.
    pub fn unknown(&self, known: &[&str]) -> Vec<(String, Plain)> {
        let doc = self.automerge();
        let container = |key: &str| self.schema().containers().any(|(name, _)| name == key);
        let keys = doc.keys(ROOT).filter(|key| !known.contains(&key.as_str()) && !container(key));
        keys.map(|key| {
            let shown = match doc.get(ROOT, key.as_str()) {
                Ok(Some((AutomergeValue::Object(shape), object))) => plain(doc, shape, &object),
                _ => Plain::Register(register(doc, &key)),
            };
            (key, shown)
        })
        .collect()
    }

    fn has(&self, object: &ObjId) -> bool {
        self.automerge().object_type(object).is_ok()
    }
}

fn register(doc: &Automerge, key: &str) -> Register {
    register_of(doc.get_all(ROOT, key))
}

/// The values at a key, in the one order.
pub(super) fn register_of(values: Result<Vec<(AutomergeValue<'_>, ObjId)>, automerge::AutomergeError>) -> Register {
    let mut values = values.unwrap_or_default();
    values.sort_by(|(_, a), (_, b)| a.cmp(b));
    Register::new(values.into_iter().map(|(its, id)| value(its, &id)).collect())
}

fn value(value: AutomergeValue<'_>, id: &ObjId) -> Value {
    Value { scalar: scalar_of(value), by: writer(id) }
}

pub(super) fn scalar_of(value: AutomergeValue<'_>) -> Scalar {
    match value {
        AutomergeValue::Scalar(value) => scalar(&value),
        AutomergeValue::Object(shape) => Scalar::Other { other: format!("({shape})") },
    }
}

fn writer(id: &ObjId) -> ActorPrefix {
    match id {
        ObjId::Id(_, actor, _) => author::prefix(actor.to_bytes()).unwrap_or_default(),
        ObjId::Root => ActorPrefix::default(),
    }
}

fn scalar(value: &ScalarValue) -> Scalar {
    match value {
        ScalarValue::Str(text) => Scalar::Text(text.to_string()),
        ScalarValue::Int(number) => Scalar::Int(*number),
        ScalarValue::Boolean(flag) => Scalar::Flag(*flag),
        ScalarValue::Bytes(bytes) => Scalar::Other { other: format!("({} bytes)", bytes.len()) },
        other => Scalar::Other { other: other.to_string() },
    }
}

/// One level deep: a hostile facet may nest without end.
fn plain(doc: &Automerge, shape: ObjType, object: &ObjId) -> Plain {
    match shape {
        ObjType::Text => Plain::Text(doc.text(object).unwrap_or_default()),
        ObjType::Map | ObjType::Table => Plain::Many(doc.keys(object).collect()),
        ObjType::List => {
            let items = doc.list_range(object, ..);
            Plain::Many(items.map(|item| value(item.value.clone().into(), &item.id()).scalar.to_string()).collect())
        }
    }
}

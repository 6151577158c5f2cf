//! What a kind of item is: its fields, what each holds, and in whose facet it lies.

use alliance_replica::id::MemberId;

use super::COMMON;
use crate::document::{Shape, Writer};

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// One value; several if they were written at the same time.
    Register,
    /// A text that several people may type in.
    Text,
    /// A set of short texts.
    Set,
    /// A list that only grows.
    List,
}

/// A field of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its key in the facet.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Which fixed change makes its container: the genesis is 0. What was frozen once is never moved.
    pub since: u8,
    /// True for what programs keep beside people's words: it is neither shown nor found nor chosen.
    pub inner: bool,
}

impl Field {
    pub(super) const fn new(name: &'static str, holds: Holds) -> Self {
        Self { name, holds, since: 0, inner: false }
    }

    pub(super) const fn register(name: &'static str) -> Self {
        Self::new(name, Holds::Register)
    }

    pub(super) const fn text(name: &'static str) -> Self {
        Self::new(name, Holds::Text)
    }

    pub(super) const fn set(name: &'static str) -> Self {
        Self::new(name, Holds::Set)
    }

    pub(super) const fn list(name: &'static str) -> Self {
        Self::new(name, Holds::List)
    }

    /// The same field, made by a fixed change after the genesis.
    pub(super) const fn since(self, since: u8) -> Self {
        Self { since, ..self }
    }

    /// The same field, for programs alone.
    pub(super) const fn inner(self) -> Self {
        Self { inner: true, ..self }
    }

    pub(super) fn container(&self) -> Option<(&'static str, Shape)> {
        let shape = match self.holds {
            Holds::Register => return None,
            Holds::Text => Shape::Text,
            Holds::Set => Shape::Set,
            Holds::List => Shape::List,
        };
        Some((self.name, shape))
    }
}

/// In whose own facet fields lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// The owner's. If the item belongs to both, these fields are shared.
    Owner,
    /// That of whoever does not own it.
    Other,
    /// Each member's.
    EachMember,
}

/// A kind of item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// Its name in preimages, and for commands.
    pub name: &'static str,
    /// Fields that every member writes.
    pub shared: &'static [Field],
    /// Fields of own facets.
    pub own: &'static [(Own, &'static [Field])],
    /// Fields that say what it is called: the first that has words.
    pub titles: &'static [&'static str],
    /// How items stand that people are still about; none if all of them are listed whatever they say.
    pub open: &'static [&'static str],
}

impl Kind {
    /// The fields of one facet of an item of this kind; none if the kind does not give this member one.
    pub fn fields(&self, owner: Option<MemberId>, writer: Writer) -> Vec<Field> {
        let shared = if writer == Writer::Everyone { self.shared } else { &[] };
        let has = |whose: Own| match (whose, writer, owner) {
            (Own::Owner, Writer::Everyone, owner) => owner.is_none(),
            (_, Writer::Everyone, _) => false,
            (Own::Owner, Writer::Only(member), owner) => owner == Some(member),
            (Own::Other, Writer::Only(member), owner) => owner.is_some_and(|owner| owner != member),
            (Own::EachMember, Writer::Only(_), _) => true,
        };
        let own = self.own.iter().filter(|(whose, _)| has(*whose)).flat_map(|(_, fields)| fields.iter());
        let common = if writer == Writer::Everyone { COMMON } else { &[] };
        shared.iter().chain(common).chain(own).copied().collect()
    }

    /// Every field, whoever's, but those of every kind.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        self.shared.iter().chain(self.own.iter().flat_map(|(_, fields)| fields.iter()))
    }
}

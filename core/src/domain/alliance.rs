//! The alliance itself: one item a space, whose id everybody derives; what it is called, what for, which relays it uses,
//! and in each member's own facet how they are called.

use alliance_replica::id::{DeviceId, MemberId, ReplicaKey};

use super::{Act, At, Field, Kind, LINE, Own, Plan, RuleError, TITLE, line, put, put_or_clear, text};
use crate::document::{Edit, KindName, Preimage, TextEdit, Writer};

/// The kind.
pub const KIND: Kind = Kind {
    name: "alliance",
    shared: &[Field::register("title"), Field::text("purpose"), Field::register("review"), Field::set(RELAYS)],
    own: &[(Own::EachMember, &[Field::register("name"), Field::register("role")])],
    titles: &["title"],
    open: &[],
};

const RELAYS: &str = "relays";

/// Most characters of a relay's address: with its key it is an element of a set.
pub const ADDRESS: usize = 900;

/// A relay that the alliance uses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Relay {
    /// Its address.
    pub url: String,
    /// Its key, so that nobody can stand in for it.
    pub key: ReplicaKey,
}

impl Relay {
    /// The element of the set of relays, if it is well formed.
    pub fn parse(element: &str) -> Option<Self> {
        let (key, url) = element.split_once(' ')?;
        let formed = !url.is_empty() && !url.contains(char::is_whitespace);
        Some(Self { url: formed.then(|| url.to_owned())?, key: ReplicaKey::from_hex(key)? })
    }

    fn element(&self) -> Result<String, RuleError> {
        let url = line("relay", &self.url, ADDRESS)?;
        if url.contains(char::is_whitespace) {
            Err(RuleError::NotALine { field: "relay" })
        } else {
            Ok(format!("{} {url}", self.key))
        }
    }
}

/// What somebody wants to do with the alliance; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Intent {
    /// What it is called.
    pub title: Option<String>,
    /// What it is for.
    pub purpose: Option<TextEdit>,
    /// When to look back at it; empty for no date.
    pub review: Option<String>,
    /// Relays to add.
    pub relay: Vec<Relay>,
    /// Relays to remove.
    pub not_relay: Vec<Relay>,
    /// How I am called.
    pub name: Option<String>,
    /// What I am in it, such as coach or client; gives no rights. Empty for nothing.
    pub role: Option<String>,
}

impl Intent {
    /// The edits that carry it out.
    pub fn plan(&self, me: MemberId) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        let shared = plan.shared();
        shared.extend(self.title.as_ref().map(|title| put("title", title, TITLE)).transpose()?);
        shared.extend(self.purpose.as_ref().map(|purpose| text("purpose", purpose)).transpose()?);
        shared.extend(self.review.as_ref().map(|review| put_or_clear("review", review, LINE)).transpose()?);
        for relay in &self.not_relay {
            shared.push(Edit::Remove(RELAYS.to_owned(), relay.element()?));
        }
        for relay in &self.relay {
            shared.push(Edit::Add(RELAYS.to_owned(), relay.element()?));
        }
        let own = plan.facet(Writer::Only(me));
        own.extend(self.name.as_ref().map(|name| put("name", name, LINE)).transpose()?);
        own.extend(self.role.as_ref().map(|role| put_or_clear("role", role, LINE)).transpose()?);
        plan.0.retain(|_, edits| !edits.is_empty());
        Ok(plan)
    }
}

impl Act for Intent {
    fn owner(&self, _: MemberId, _: Option<MemberId>) -> Result<Option<MemberId>, RuleError> {
        Ok(None)
    }

    fn plan(&self, at: &At<'_>) -> Result<Plan, RuleError> {
        self.plan(at.me)
    }
}

/// The preimage of the alliance item of the space that this device founded.
pub fn preimage(founder: DeviceId) -> Preimage {
    Preimage::of_space(KindName::parse(KIND.name).expect("it is a name"), founder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::{member, written};

    #[test]
    fn names_lie_in_own_facets_and_relays_are_shared() {
        let anna = member(1);
        let relay = Relay { url: "http://127.0.0.1:8787".into(), key: ReplicaKey::new([7; 32]) };
        let intent = Intent {
            title: Some("Ben & Anna".into()),
            relay: vec![relay.clone()],
            name: Some("Anna".into()),
            role: Some("client".into()),
            ..Intent::default()
        };
        let facets = written(&preimage(DeviceId::new([1; 32])), 1, &intent.plan(anna).expect("fine"));
        assert_eq!(facets[&Writer::Only(anna)].register("name").winner(), Some(&"Anna".into()));
        let relays: Vec<_> = facets[&Writer::Everyone].set("relays").iter().filter_map(|e| Relay::parse(e)).collect();
        assert_eq!(relays, [relay]);
    }

    #[test]
    fn only_a_well_formed_relay_is_one() {
        let key = "07".repeat(32);
        assert!(Relay::parse(&format!("{key} http://a")).is_some());
        for bad in [format!("{key} "), format!("{key} a b"), "07 http://a".into(), "http://a".into(), String::new()] {
            assert!(Relay::parse(&bad).is_none(), "{bad}");
        }
        let relay = Relay { url: "a b".into(), key: ReplicaKey::new([7; 32]) };
        assert!(Intent { relay: vec![relay], ..Intent::default() }.plan(member(1)).is_err());
    }
}

//! Who wrote a change: an actor names its device, for one document, without a table.
//!
//! An actor is `H(device, document)[..8] ‖ 8 random bytes`, or Automerge's derived form of one, which it uses for an edit
//! at older heads: `13 b2 23 09 ‖ level ‖ actor`. The two differ in length, so neither can be taken for the other.

use std::collections::BTreeMap;

use alliance_replica::{
    id::{DeviceId, hash},
    planted::{self, Bug},
};
use automerge::ActorId;
use rand_core::CryptoRng;

use super::DocId;

const LABEL: &str = "alliance/1 actor";
const DERIVED: [u8; 4] = [0x13, 0xb2, 0x23, 0x09];
const ACTOR: usize = 16;

/// The half of an actor that names its device.
pub type ActorPrefix = [u8; 8];

/// The prefix of every actor of `device` in `doc`.
pub fn actor_prefix(device: &DeviceId, doc: &DocId) -> ActorPrefix {
    let writer = doc.writer.member().map_or([0; 16], |member| *member.as_bytes());
    let digest = hash(LABEL, &[device.as_bytes(), doc.item.as_bytes(), &writer]);
    first(&digest)
}

/// The prefix in an actor, if the actor has one of the two forms.
pub fn prefix(actor: &[u8]) -> Option<ActorPrefix> {
    let base = match actor.strip_prefix(&DERIVED) {
        Some(rest) if actor.len() > ACTOR => {
            let (level, base) = rest.split_at(rest.len().checked_sub(ACTOR)?);
            // LEB128 without padding: Automerge counts levels from 1 and rarely gets beyond it.
            let canonical = matches!(level, [1..=0x7f] | [0x80..=0xff, 1..=0x7f]);
            if !canonical {
                return None;
            }
            base
        }
        _ => actor,
    };
    (base.len() == ACTOR).then(|| first(base))
}

/// An actor that nobody used before, for `device` in `doc`.
pub(super) fn fresh(device: &DeviceId, doc: &DocId, rng: &mut dyn CryptoRng) -> ActorId {
    let mut actor = [0; ACTOR];
    actor[..8].copy_from_slice(&actor_prefix(device, doc));
    if !planted::is(Bug::ActorReused) {
        rng.fill_bytes(&mut actor[8..]);
    }
    ActorId::from(actor)
}

/// The devices that may have written in one document, found by what their actors begin with.
#[derive(Clone, Debug)]
pub struct Authors(BTreeMap<ActorPrefix, DeviceId>);

impl Authors {
    /// These devices, in this document.
    pub fn new(doc: &DocId, devices: impl IntoIterator<Item = DeviceId>) -> Self {
        Self(devices.into_iter().map(|device| (actor_prefix(&device, doc), device)).collect())
    }

    /// The device whose actors begin so, if it is one of these.
    pub fn device(&self, prefix: &ActorPrefix) -> Option<DeviceId> {
        self.0.get(prefix).copied()
    }

    /// True if `actor` has one of the two forms and belongs to one of these devices.
    pub fn wrote(&self, actor: &ActorId) -> bool {
        prefix(actor.to_bytes()).is_some_and(|prefix| self.0.contains_key(&prefix))
    }
}

fn first(bytes: &[u8]) -> ActorPrefix {
    let mut prefix = [0; 8];
    prefix.copy_from_slice(&bytes[..8]);
    prefix
}

#[cfg(test)]
mod tests {
    use alliance_replica::id::MemberId;

    use super::*;
    use crate::document::{
        Writer,
        tests::{device, rng, shared},
    };

    #[test]
    fn an_actor_names_its_device_in_one_document_only() {
        let own = DocId { writer: Writer::Only(MemberId::of(&device(1))), ..shared() };
        let actor = fresh(&device(1), &shared(), &mut rng(1));
        let authors = Authors::new(&shared(), [device(1), device(2)]);
        assert!(authors.wrote(&actor));
        assert_eq!(authors.device(&prefix(actor.to_bytes()).expect("a form")), Some(device(1)));
        assert!(!Authors::new(&own, [device(1)]).wrote(&actor));
        assert!(!Authors::new(&shared(), [device(2)]).wrote(&actor));
        assert_ne!(actor, fresh(&device(1), &shared(), &mut rng(2)));
    }

    #[test]
    fn a_derived_actor_has_the_prefix_of_its_base() {
        let base = [7; 16];
        let derived = |level: &[u8]| [&DERIVED, level, &base].concat();
        assert_eq!(prefix(&derived(&[1])), Some([7; 8]));
        assert_eq!(prefix(&derived(&[0x80, 1])), Some([7; 8]));
        for bad in [&[][..], &[0], &[0x80, 0], &[0x80], &[1, 1], &[0x80, 0x80, 1]] {
            assert_eq!(prefix(&derived(bad)), None, "{bad:?}");
        }
        assert_eq!(prefix(&[7; 15]), None);
        assert_eq!(prefix(&[7; 17]), None);
        let magic: Vec<u8> = DERIVED.iter().chain(&[5; 12]).copied().collect();
        assert_eq!(prefix(&magic), Some([0x13, 0xb2, 0x23, 0x09, 5, 5, 5, 5]));
    }
}

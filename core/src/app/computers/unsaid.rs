//! Computers of a person that have not said which device they are where: which of these belong together, and which may.

use std::collections::BTreeSet;

use alliance_replica::id::{DeviceId, SpaceId};

use super::Computer;

/// True if it has said nothing of itself that arrived.
fn is_unsaid(it: &Computer) -> bool {
    it.live && !it.this && it.name.is_empty()
}

/// Makes one of all that have said nothing, if they can only be one: no two of them are in one space, and each computer is
/// in one's own space.
pub(super) fn joined(mut all: Vec<Computer>, personal: &SpaceId) -> Vec<Computer> {
    let unsaid: Vec<_> = all.iter().filter(|it| is_unsaid(it)).collect();
    let spaces: Vec<_> = unsaid.iter().flat_map(|it| it.places.keys()).collect();
    let is_one = spaces.contains(&personal) && spaces.iter().collect::<BTreeSet<_>>().len() == spaces.len();
    if unsaid.len() < 2 || !is_one {
        return all;
    }
    let (unsaid, mut rest): (Vec<_>, Vec<_>) = all.drain(..).partition(is_unsaid);
    rest.extend(unsaid.into_iter().reduce(|mut one, other| {
        one.places.extend(other.places);
        one.ends |= other.ends;
        one.missing += other.missing;
        one
    }));
    rest
}

/// The devices that may be a computer's where nobody knows which one it is: whoever has it must not stay in there.
pub(super) fn maybe_its(all: &[Computer], computer: &Computer) -> Vec<(SpaceId, DeviceId)> {
    let is_other = |it: &&Computer| is_unsaid(it) && it.places != computer.places;
    let places = all.iter().filter(is_other).flat_map(|it| it.places.iter().map(|(space, device)| (*space, *device)));
    // Of those that have said something it is the only one that is not known to be there.
    let lacks =
        |it: &Computer, space: &SpaceId| it.live && !it.this && !is_unsaid(it) && !it.places.contains_key(space);
    let is_only = |space: &SpaceId| all.iter().filter(|it| lacks(it, space)).all(|it| it.places == computer.places);
    places
        .filter(|(space, _)| !computer.places.contains_key(space) && (is_unsaid(computer) || is_only(space)))
        .collect()
}

//! A computer of a person: how it is called and under which keys it works in which alliance. It lies in the personal
//! space, and nobody else learns it.

use alliance_replica::id::{DeviceId, SpaceId};

use super::{Field, Kind, LINE, Plan, RuleError, put};
use crate::document::Edit;

/// The kind.
pub const KIND: Kind = Kind {
    name: "computer",
    shared: &[Field::register("device"), Field::register("name"), Field::set(PLACES)],
    own: &[],
    titles: &[],
    open: &[],
};

/// The field that says which device a computer is in which alliance.
pub const PLACES: &str = "places";

/// What somebody wants to say of a computer; what is not named stays.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Intent {
    /// Its key in the personal space.
    pub device: Option<DeviceId>,
    /// How it is called.
    pub name: Option<String>,
    /// Where it is, too.
    pub places: Vec<(SpaceId, DeviceId)>,
    /// Where it is not any more.
    pub not_places: Vec<(SpaceId, DeviceId)>,
}

impl Intent {
    /// The edits that carry it out.
    pub fn plan(&self) -> Result<Plan, RuleError> {
        let mut plan = Plan::default();
        let shared = plan.shared();
        shared
            .extend(self.device.map(|device| Edit::Put("device".to_owned(), Some(device.to_string().as_str().into()))));
        shared.extend(self.name.as_ref().map(|name| put("name", name, LINE)).transpose()?);
        let element = |(space, device): &(SpaceId, DeviceId)| format!("{space} {device}");
        shared.extend(self.not_places.iter().map(|place| Edit::Remove(PLACES.to_owned(), element(place))));
        shared.extend(self.places.iter().map(|place| Edit::Add(PLACES.to_owned(), element(place))));
        Ok(plan)
    }
}

/// An element of the set of places, if it is well formed.
pub fn place(element: &str) -> Option<(SpaceId, DeviceId)> {
    let (space, device) = element.split_once(' ')?;
    Some((SpaceId::from_hex(space)?, DeviceId::from_hex(device)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is() {
        let (space, device) = (SpaceId::new([3; 16]), DeviceId::new([4; 32]));
        let intent = Intent { places: vec![(space, device)], ..Intent::default() };
        let Some(Edit::Add(_, element)) =
            intent.plan().expect("fits").0.remove(&crate::document::Writer::Everyone).and_then(|mut it| it.pop())
        else {
            panic!("an element is added");
        };
        assert_eq!(place(&element), Some((space, device)));
        for other in ["", " ", "03", &element[1..], &format!("{element}0")] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}

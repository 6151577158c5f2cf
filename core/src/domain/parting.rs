//! That a person left an alliance, for their other computers: what lies in the personal space and is shown nowhere.

use alliance_replica::id::SpaceId;

use super::{Field, Kind, Plan};
use crate::document::Edit;

/// The kind.
pub const KIND: Kind = Kind { name: "parting", shared: &[Field::register("space")], own: &[], titles: &[], open: &[] };

/// Says that the person left an alliance.
pub fn say(alliance: &SpaceId) -> Plan {
    let mut plan = Plan::default();
    plan.shared().push(Edit::Put("space".to_owned(), Some(alliance.to_string().as_str().into())));
    plan
}

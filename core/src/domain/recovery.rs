//! An alliance's recovery key, sealed to the recovery words: what lies in the personal space and is shown nowhere.

use alliance_replica::id::SpaceId;
use data_encoding::HEXLOWER;

use super::{Field, Kind, Plan};
use crate::document::Edit;

/// The kind.
pub const KIND: Kind = Kind {
    name: "recovery",
    shared: &[Field::register("space"), Field::register("sealed")],
    own: &[],
    titles: &[],
    open: &[],
};

/// Keeps the sealed recovery secret of an alliance.
pub fn keep(alliance: &SpaceId, sealed: &[u8]) -> Plan {
    let put = |field: &str, value: String| Edit::Put(field.to_owned(), Some(value.as_str().into()));
    let mut plan = Plan::default();
    plan.shared().extend([put("space", alliance.to_string()), put("sealed", HEXLOWER.encode(sealed))]);
    plan
}

/// What was kept: the alliance and its sealed recovery secret; nothing if the fields say something else.
pub fn kept(space: &str, sealed: &str) -> Option<(SpaceId, Vec<u8>)> {
    Some((SpaceId::from_hex(space)?, HEXLOWER.decode(sealed.as_bytes()).ok()?))
}

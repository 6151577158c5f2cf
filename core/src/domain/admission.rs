//! A way into an alliance for another computer of the same person: what lies in the personal space and is shown nowhere.

use alliance_replica::id::{DeviceId, SpaceId};

use super::{Field, Kind, Plan};
use crate::document::Edit;

/// The last second of what let nobody in.
pub const ASKED: u64 = 0;

/// The kind.
pub const KIND: Kind = Kind {
    name: "admission",
    shared: &[
        Field::register("space"),
        Field::register("for"),
        Field::register("invitation"),
        Field::register("until"),
    ],
    own: &[],
    titles: &[],
    open: &[],
};

/// Says that an invitation did not let the computer in for which it is, and that it needs another one.
pub fn ask_again() -> Plan {
    let mut plan = Plan::default();
    plan.shared().push(Edit::Put("until".to_owned(), Some(ASKED.to_string().as_str().into())));
    plan
}

/// Asks for an invitation to an alliance for the computer that has a key in the personal space, which has none.
pub fn ask(space: &SpaceId, whose: &DeviceId) -> Plan {
    keep(space, whose, "", ASKED)
}

/// Keeps an invitation to an alliance for the computer that has a key in the personal space: its own, or that of the
/// invitation with which it comes. `until` is the last second of the invitation, unix time.
pub fn keep(space: &SpaceId, whose: &DeviceId, invitation: &str, until: u64) -> Plan {
    let put = |field: &str, value: String| Edit::Put(field.to_owned(), Some(value.as_str().into()));
    let mut plan = Plan::default();
    plan.shared().extend([
        put("space", space.to_string()),
        put("for", whose.to_string()),
        put("invitation", invitation.to_owned()),
        put("until", until.to_string()),
    ]);
    plan
}

//! What a relay keeps to itself: an exchange is settled, and still something that arrived follows what did not.
//!
//! Whoever wrote an entry had all that it names, and an honest relay hands on nothing before that. So what is missing is
//! with the relay, or was. It is said once in the security log; what lacks it waits, and nothing else does.

use std::collections::BTreeSet;

use alliance_replica::{
    exchange::frame::Channel,
    id::{DeviceId, EntryId, SpaceId},
    log::heads::Head,
};
use serde_json::json;

use super::Session;
use crate::app::{AppError, Profile, World, space::Space};

/// Entries without a predecessor that a connection remembers, to see whether it comes.
const LOOSE: usize = 64;

impl Session {
    /// Remembers entries that could not be linked.
    pub(super) fn note_loose(&mut self, channel: Channel, loose: Vec<(DeviceId, EntryId)>) {
        let Some(line) = self.channels.get_mut(&channel) else { return };
        let room = LOOSE.saturating_sub(line.loose.len());
        line.loose.extend(loose.into_iter().take(room));
    }

    /// Takes note of what did not come although all has that the relay names.
    pub(super) fn note_withheld(&mut self, profile: &mut Profile, world: &World<'_>) -> Result<(), AppError> {
        for line in self.channels.values_mut() {
            let loose = std::mem::take(&mut line.loose);
            profile.note_withheld(&line.space, loose, world.now)?;
        }
        Ok(())
    }
}

impl Profile {
    fn note_withheld(
        &mut self,
        space: &SpaceId,
        mut lacking: BTreeSet<(DeviceId, EntryId)>,
        now: i64,
    ) -> Result<(), AppError> {
        let loaded = self.space(space)?;
        let chains = loaded.log.chains();
        lacking.retain(|(_, entry)| chains.index(entry).is_none());
        let waiting = loaded.waiting.iter().map(|index| chains.at(index).head);
        lacking.extend(waiting.filter(|head| lacks_past(loaded, &head.id)).map(|head| (head.device, head.id)));
        if lacking.is_empty() {
            return Ok(());
        }
        self.store.write(|tx| {
            for (device, entry) in &lacking {
                let about = json!({ "entry": entry.to_string(), "device": device.to_string() });
                tx.note_security_once(now, (space, "relay-withholds", &about))?;
            }
            Ok(())
        })
    }
}

/// True if an entry names one that is not here.
fn lacks_past(space: &Space, entry: &EntryId) -> bool {
    let chains = space.log.chains();
    let missing = |head: &Head| chains.index(&head.id).is_none() && head.seq > chains.floor(&head.device, head.chain);
    space.log.after_of(entry).is_some_and(|after| after.0.iter().any(missing))
}

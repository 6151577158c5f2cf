//! What is on a relay's disk: it acknowledged it, or says that it has it. What another laptop has is on no relay.

use alliance_replica::{
    exchange::{
        frame::{Ack, Channel},
        state::Peer,
    },
    id::SpaceId,
};

use super::{Session, SessionEvent};
use crate::app::{AppError, Profile, World};

impl Session {
    /// Notes which entries are on the relay's disk, and whether it lost some that it once had.
    pub(super) fn note_stored(
        &mut self,
        profile: &mut Profile,
        channel: Channel,
        space: SpaceId,
        acks: &[&Ack],
        received: bool,
        world: &World<'_>,
    ) -> Result<(), AppError> {
        let loaded = profile.space(&space)?;
        let spoken = self.exchange.peer(channel).is_some_and(Peer::has_spoken);
        let Some(line) = self.channels.get_mut(&channel) else { return Ok(()) };
        if !spoken || line.compared && acks.is_empty() && !received {
            return Ok(());
        }
        let mut stored: Vec<_> = acks.iter().flat_map(|ack| self.exchange.durable(&loaded.log, ack)).collect();
        if !stored.is_empty() {
            self.tallies.entry(space).or_default().sent += stored.len() as u64;
            self.events.push_back(SessionEvent::Progress);
        }
        if self.with.url().is_none() {
            return Ok(());
        }
        stored.extend(self.exchange.claimed(channel, &loaded.log));
        // Whether the relay lost something can be told once every head that it names is here.
        let peer = self.exchange.peer(channel);
        let tells = !line.compared && peer.is_some_and(|peer| peer.is_pulled(&loaded.log));
        line.compared |= tells;
        let (mut changed, mut lost) = (Vec::new(), 0);
        if tells {
            for (id, was) in &loaded.relayed {
                let is = self.exchange.stores(channel, &loaded.log, id);
                if is != *was {
                    changed.push((*id, is));
                }
                // Also if it has it again meanwhile.
                lost += u64::from(*was && !self.exchange.had(channel, &loaded.log, id));
            }
        } else {
            stored.retain(|id| loaded.relayed.get(id) == Some(&false));
            changed.extend(stored.into_iter().map(|id| (id, true)));
        }
        // What another relay holds is not lost where it never was.
        if lost > 0 && profile.is_between_relays(&space)? {
            changed.retain(|(_, is)| *is);
            lost = 0;
        }
        if lost > 0 {
            self.events.push_back(SessionEvent::Lost { space });
        }
        profile.set_relayed(&space, &changed, lost, world.now)
    }
}

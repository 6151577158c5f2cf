//! What is looked at while a world goes on: what was said to be on disk is there, and nobody's log forks.

use std::collections::{BTreeMap, BTreeSet};

use alliance_replica::{
    exchange::frame::{Channel, Frame},
    id::{DeviceId, EntryId, SpaceId},
    log::{
        entry::Header,
        heads::{Chain, Head},
    },
};
use rusqlite::Connection;

use super::{Sim, Violation, network::Lies, wal::DATABASE};

/// What was seen so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// What the relay makes of frames now.
    pub(crate) lies: Lies,
    /// True once it lied.
    pub(crate) lied: bool,
    /// When it last lost something.
    pub(crate) forgot: Option<u64>,
    channels: BTreeMap<(u64, Channel), SpaceId>,
    /// Which computers have a key.
    owners: BTreeMap<DeviceId, BTreeSet<String>>,
    /// Which entry stands where.
    places: BTreeMap<(SpaceId, DeviceId, Chain, u64), EntryId>,
    /// What the relay said is on its disk.
    stored: BTreeSet<(SpaceId, EntryId)>,
}

impl Seen {
    /// A channel of a connection whose space is one of these.
    pub(crate) fn channel_of(
        &self,
        line: Option<u64>,
        fits: impl Fn(SpaceId) -> bool,
    ) -> Option<(u64, Channel, SpaceId)> {
        let channels = self.channels.iter().filter(|((of, _), _)| Some(*of) == line);
        let mut fitting = channels.filter(|(_, space)| fits(**space));
        fitting.next().map(|((line, channel), space)| (*line, *channel, *space))
    }
}

impl Sim {
    /// Looks at what a computer sends.
    pub(crate) fn device_said(&mut self, name: &str, frame: &[u8]) -> Result<(), Violation> {
        let Some((id, _)) = self.devices[name].session else { return Ok(()) };
        let space = |seen: &Seen, channel| seen.channels.get(&(id, channel)).copied();
        match Frame::decode(frame).expect("programs send frames") {
            Frame::Open(open) => {
                self.seen.channels.insert((id, open.channel), open.space);
                self.seen.owners.entry(open.device).or_default().insert(name.to_owned());
            }
            Frame::Entries(entries) => {
                let Some(space) = space(&self.seen, entries.channel) else { return Ok(()) };
                for entry in &entries.entries {
                    let header = Header::decode(&entry.header).expect("programs send entries");
                    let id = EntryId::of(&space, &entries.device, &entry.header);
                    self.stands(Head { device: entries.device, chain: entries.chain, seq: header.seq, id }, space)?;
                    self.devices.get_mut(name).expect("a computer").acked.insert((space, id));
                }
            }
            Frame::Ack(ack) => {
                let Some(space) = space(&self.seen, ack.channel) else { return Ok(()) };
                let device = self.devices.get_mut(name).expect("a computer");
                device.acked.extend(ack.heads.iter().map(|head| (space, head.id)));
            }
            Frame::Have(have) => {
                let Some(space) = space(&self.seen, have.channel) else { return Ok(()) };
                let device = self.devices.get_mut(name).expect("a computer");
                device.acked.extend(have.heads.iter().map(|held| (space, held.head.id)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at what the relay sends, before anybody changes it.
    pub(crate) fn relay_said(&mut self, id: u64, frame: &[u8]) -> Result<(), Violation> {
        if let Frame::Ack(ack) = Frame::decode(frame).expect("the relay sends frames")
            && let Some(space) = self.seen.channels.get(&(id, ack.channel))
        {
            self.seen.stored.extend(ack.heads.iter().map(|head| (*space, head.id)));
        }
        Ok(())
    }

    /// I2: at one place of a log there is one entry, unless somebody has it who was copied.
    fn stands(&mut self, head: Head, space: SpaceId) -> Result<(), Violation> {
        let place = (space, head.device, head.chain, head.seq);
        let there = *self.seen.places.entry(place).or_insert(head.id);
        if there == head.id {
            return Ok(());
        }
        let owners = self.seen.owners.get(&head.device).cloned().unwrap_or_default();
        // The key of an invitation is several people's who take it up.
        let people: BTreeSet<_> = owners.iter().map(|name| &self.devices[name].person).collect();
        let by_words = owners.len() > 1 && owners.iter().all(|name| self.devices[name].by_words);
        if people.len() > 1 || by_words || owners.iter().any(|name| self.devices[name].forks) {
            return Ok(());
        }
        Err(Violation(format!("I2: the log of {owners:?} forked at {} {:?} in {space}", head.seq, head.chain)))
    }

    /// I1: what a computer said is on its disk is there after a crash.
    pub(crate) fn has_what_it_acknowledged(&mut self, name: &str) -> Result<(), Violation> {
        let device = &self.devices[name];
        let file = Connection::open(device.folder().join(DATABASE)).expect("a profile");
        let mut entries = file.prepare("SELECT space, id FROM entries").expect("a query");
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
        let rows = entries.query_map((), read).expect("a query").map(|row| row.expect("an entry"));
        let held: BTreeSet<_> = rows.collect();
        let lost =
            device.acked.iter().find(|(space, id)| !held.contains(&(space.as_ref().to_vec(), id.as_ref().to_vec())));
        match lost {
            Some((_, id)) => Err(Violation(format!("I1: {name} said that it has {id} and lost it in a crash"))),
            None => Ok(()),
        }
    }

    /// I1: what the relay said is on its disk is there after a crash.
    pub(crate) fn relay_has_what_it_acknowledged(&mut self) -> Result<(), Violation> {
        let spaces: BTreeSet<_> = self.seen.stored.iter().map(|(space, _)| *space).collect();
        for space in spaces {
            let held: BTreeSet<_> =
                self.node.stored(&space).iter().map(|it| EntryId::of(&space, &it.device, &it.entry.header)).collect();
            let said = self.seen.stored.iter().filter(|(of, _)| *of == space);
            if let Some((_, id)) = said.into_iter().find(|(_, id)| !held.contains(id)) {
                return Err(Violation(format!("I1: the relay said that it has {id} and lost it in a crash")));
            }
        }
        Ok(())
    }

    /// The relay lost something: it need not have what it said that it had.
    pub(crate) fn relay_forgot(&mut self) {
        self.seen.stored.clear();
        self.seen.forgot = Some(self.clock);
        // What they had sealed, nobody need know any more.
        for name in self.may_fork() {
            self.record.forgive(&name, 0, |_| false);
        }
    }

    /// Where the relay refuses the key that somebody was put back to, they have not met it either. Asked before it forgets.
    pub(crate) fn refused_may_fork(&mut self) {
        let back: Vec<_> =
            self.devices.iter().filter(|(_, it)| it.back.is_some()).map(|(name, _)| name.clone()).collect();
        for name in back {
            for space in self.spaces.iter().chain(&self.personal).copied().collect::<Vec<_>>() {
                let fold = self.membership(space).fold();
                let key = self.device_of(&name, space);
                if key.is_some_and(|key| fold.device(&key).is_some_and(|it| !it.live)) {
                    self.devices.get_mut(&name).expect("a computer").forks = true;
                    self.record.forgive(&name, 0, |word| word.item.space != space);
                }
            }
        }
    }

    /// Who was put back and has not met the relay since will not hear of all that they had sealed, and may fork their log.
    pub(crate) fn may_fork(&mut self) -> Vec<String> {
        let unsettled = self.devices.iter_mut().filter(|(_, device)| device.settled == 0);
        let unsettled = unsettled.map(|(name, device)| {
            device.forks = true;
            name.clone()
        });
        unsettled.collect()
    }
}

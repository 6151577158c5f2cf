//! Somebody who has Carl's keys and another program: entries that are signed as they should be and wrong in one thing.

use std::path::PathBuf;

use alliance_core::{
    app::{AppError, Owner},
    document::{Edit, Writer},
    domain::goal,
};
use alliance_replica::{
    exchange::frame::{Channel, Entries, Frame},
    id::{DeviceId, EntryId, MemberId, SpaceId},
    log::heads::{Chain, Head},
};
use rusqlite::Connection;

use super::{Sim, Violation, device::own, network::Event, wal::DATABASE};
use crate::{
    forge::{Forger, preimage},
    meddler::Way,
};

/// A channel of Ben's in a space that he has with Carl, and both their profiles.
pub(crate) struct Door {
    pub(crate) line: u64,
    pub(crate) channel: Channel,
    pub(crate) space: SpaceId,
    pub(crate) carl: PathBuf,
    pub(crate) ben: PathBuf,
}

/// What no forged entry may bring before anybody's eyes.
pub(super) const FORGED: &str = "forged";

impl Sim {
    /// Sends Ben a forged entry in the place of the relay.
    pub(crate) fn forge(&mut self) -> Result<(), Violation> {
        let Some(Door { line, channel, space, carl, ben }) = self.door() else { return Ok(()) };
        let mut forger = Forger::steal_from(&carl, space);
        let tip = forger.tip(Chain::Content);
        let goals = self.call("Ben", |profile, _, _| profile.list(space, goal::KIND.name, true))?;
        let Some(Ok(goals)) = goals else { return Ok(()) };
        let bens = goals.iter().find(|goal| goal.owner == Owner::Mine && !goal.private);
        let put = |field: &str| Edit::Put(field.into(), Some(FORGED.into()));
        let reason = Edit::Text("reason".into(), FORGED.into());
        let kind = self.dice.weighed(&[3, 2, 1, 1, 1, 2, 2, 1]);
        let entry = match (kind, bens) {
            (0, Some(goal)) => {
                let member = MemberId::from_slice(&own(&ben, space, "member").expect("his space")).expect("16 bytes");
                let goal = preimage(&ben, &goal.item.item);
                let part = forger.part(&goal, Writer::Only(member), forger.device(), &[reason]);
                forger.seal(tip, vec![part])
            }
            (1, _) => {
                let note = forger.item("note", None);
                let ben = DeviceId::from_slice(&own(&ben, space, "device").expect("his space")).expect("32 bytes");
                let part = forger.part(&note, Writer::Everyone, ben, &[put("title")]);
                forger.seal(tip, vec![part])
            }
            (2, _) => {
                let part = forger.far(1 << 31);
                forger.seal(tip, vec![part])
            }
            (3, _) => {
                let part = forger.note(FORGED);
                let id = EntryId::new([9; 32]);
                let far = Head { seq: 1_000, id, device: forger.device(), chain: Chain::Content };
                forger.seal(Some(far), vec![part])
            }
            // Who has fresh keys may begin anywhere.
            (5, _) if tip.is_some() => {
                let part = forger.note(FORGED);
                let wrong = tip.map(|tip| Head { seq: tip.seq + 5, ..tip });
                forger.seal(wrong, vec![part])
            }
            (6, _) => {
                let part = forger.note(FORGED);
                let (device, id) = (DeviceId::new([8; 32]), EntryId::new([9; 32]));
                forger.saw(Head { seq: 7, id, device, chain: Chain::Content });
                forger.seal(tip, vec![part])
            }
            (4, _) => forger.sealed_for(space, tip, b"forged"),
            _ => {
                let sealed = forger.sealed_for(space, tip, b"");
                forger.sign(&sealed.header.place(), vec![7; 200])
            }
        };
        self.outlaws.insert(("Carl".to_owned(), space));
        self.devices.get_mut("Carl").expect("Carl").forks = true;
        self.strike("forgery", format!("{kind}, in {space}"));
        self.seen.lied = true;
        let (device, entries) = (forger.device(), vec![entry.entry]);
        let frame = Frame::Entries(Entries { channel, device, chain: Chain::Content, entries });
        self.after(0, Event::Frame(line, Way::Down, frame.encode()));
        Ok(())
    }

    /// Where something can be brought to Ben in the place of the relay, while he and Carl are both up.
    pub(crate) fn door(&self) -> Option<Door> {
        let [carl, ben] = ["Carl", "Ben"].map(|name| &self.devices[name]);
        let line = ben.session.as_ref().map(|(id, _)| *id);
        let (line, channel, space) = self.seen.channel_of(line, |space| self.is_bens_with(space, "Carl"))?;
        let [carl, ben] = [carl, ben].map(|device| device.is_up().then(|| device.folder().join(DATABASE)));
        Some(Door { line, channel, space, carl: carl?, ben: ben? })
    }

    fn is_bens_with(&self, space: SpaceId, name: &str) -> bool {
        let has_keys = |name: &str| {
            let file = Connection::open(self.devices[name].folder().join(DATABASE)).expect("a profile");
            let count = "SELECT count(*) FROM epochs WHERE space = ?1";
            file.query_row(count, [space.as_ref()], |row| row.get::<_, i64>(0)).is_ok_and(|count| count > 0)
        };
        self.spaces.contains(&space) && has_keys("Ben") && has_keys(name)
    }

    /// I9: nothing forged is seen by anybody.
    pub(crate) fn nothing_forged_is_seen(&mut self) -> Result<(), Violation> {
        for name in ["Ben", "Anna"] {
            let seen = self.call(name, |profile, _, _| {
                let mut all = String::new();
                for alliance in profile.alliances()? {
                    for row in super::end::rows(profile, alliance.space)? {
                        all.push_str(&format!("{:?}", profile.item(&row.item)?));
                    }
                }
                Ok::<_, AppError>(all)
            })?;
            match seen {
                Some(Ok(all)) if all.contains(FORGED) => {
                    return Err(Violation(format!("I9: {name} sees what was forged")));
                }
                Some(Err(error)) => return self.app_failed(name, &error),
                _ => {}
            }
        }
        Ok(())
    }
}

//! Somebody who has Carl's keys and says with them who belongs to a space: devices that nobody knows, cuts, two histories.

use alliance_core::keys::{Content, DeviceSecret};
use alliance_replica::{
    exchange::frame::{Entries, Frame},
    id::{DeviceId, MemberId, SpaceId},
    log::{
        control::{AddDevice, AddedRole, Cut, Invite, Leave, Purpose, Reason, Record},
        entry::Verified,
        heads::After,
    },
};

use super::{
    Sim, Violation,
    forgery::{Door, FORGED},
    network::Event,
};
use crate::{forge::Forger, meddler::Way};

impl Sim {
    /// Sends Ben what a thief says with Carl's keys, in the place of the relay.
    pub(crate) fn thieve(&mut self) -> Result<(), Violation> {
        let Some(Door { line, channel, space, carl, ben }) = self.door() else { return Ok(()) };
        let ben = Forger::steal_from(&ben, space).device();
        let mut thief = Forger::steal_from(&carl, space);
        let kind = self.dice.weighed(&[3, 4, 3, 2, 1, 2, 4, 1]);
        let seed = u8::try_from(self.dice.below(250)).expect("small");
        let paths = match kind {
            0 => vec![thief.control(added(space, seed, thief.member))],
            // A puppet that speaks for its birth, perhaps against who made it, and writes.
            1 => {
                let maker = thief.device();
                let (birth, mut puppet) = thief.add_device(seed);
                let cut = puppet.control(self.cut(maker, ben));
                let note = puppet.note("stolen");
                puppet.saw(cut.head());
                vec![birth, cut, puppet.seal(None, vec![note])]
            }
            2 => [seed, seed + 1].map(|seed| thief.control(added(space, seed, thief.member))).into(),
            3 => vec![thief.control(self.cut(thief.device(), ben))],
            4 => vec![thief.control(Record::Leave(Leave {}))],
            5 => {
                let (key, expires) = (DeviceSecret::from_bytes(&[seed; 64]).keys(), u64::MAX >> 1);
                vec![thief.control(Record::Invite(Invite { key, purpose: Purpose::OwnDevice, expires }))]
            }
            // A puppet that is cut, does not know it, and keeps what it writes all the same.
            6 => {
                let (birth, mut puppet) = thief.add_device(seed);
                let cut = thief.control(Record::Cut(Cut { device: puppet.device(), reason: Reason::Lost }));
                let note = puppet.note(FORGED);
                let late = puppet.seal(None, vec![note]);
                let keeps = Content { keeps: After::new([late.head()]), ..Content::default() };
                let keeps = puppet.sealed_for(space, Some(late.head()), &keeps.encode());
                vec![birth, cut, late, keeps]
            }
            _ => vec![thief.control(added(space, seed, MemberId::of(&ben)))],
        };
        self.outlaws.insert(("Carl".to_owned(), space));
        self.devices.get_mut("Carl").expect("Carl").forks = true;
        self.seen.lied = true;
        self.strike("theft", format!("{kind}, in {space}"));
        for Verified { device, header, entry, .. } in paths {
            let entries = Entries { channel, device, chain: header.chain, entries: vec![entry] };
            self.after(0, Event::Frame(line, Way::Down, Frame::Entries(entries).encode()));
        }
        Ok(())
    }

    /// A cut of one of two devices; of one's own by oneself it is the last thing that counts.
    fn cut(&mut self, own: DeviceId, other: DeviceId) -> Record {
        let device = if self.dice.chance(800) { own } else { other };
        Record::Cut(Cut { device, reason: Reason::Lost })
    }
}

/// The record of a new device that agrees to be of a member.
fn added(space: SpaceId, seed: u8, member: MemberId) -> Record {
    let secret = DeviceSecret::from_bytes(&[seed; 64]);
    let device = secret.keys();
    let consent = device.consent(secret.signing(), &space, &member);
    Record::AddDevice(AddDevice { device, role: AddedRole::Ordinary, renews: None, consent })
}

//! The exchange: two replicas bring each other up to date. Sans-IO.
//!
//! Order of calls: [`Exchange::new`], then every frame that arrives goes to [`Exchange::handle`] and every frame from
//! [`Exchange::poll_transmit`] goes out. Once [`Event::Proven`] has come, a laptop calls [`Exchange::open`] for each of
//! its spaces; the other side answers [`Event::Opening`] with [`Exchange::accept`] or [`Exchange::refuse`]. From then on
//! [`Exchange::pump`] says which path to send next, and the driver, which has the bodies, calls [`Exchange::send`].
//! Everything that arrived and is on disk is acknowledged with [`Exchange::acknowledge`].
//!
//! Two laptops meet by [`Exchange::direct`] instead, and a space is opened in more steps: see there.
//!
//! The exchange knows nothing of disks, sockets, clocks or keys of spaces.

pub mod admission;
mod direct;
pub mod frame;
pub mod live;
pub mod state;

use std::collections::{BTreeMap, VecDeque};

use direct::Direct;
use frame::{
    Ack, Channel, Code, DropSpace, Dropped, Endpoint, Entries, Error, Find, Found, Frame, Have, Hello, Open, Prove,
    Quiet, SpaceName, Whisper,
};
use state::{Path, Peer};

use crate::{
    id::{DeviceId, EntryId, ReplicaKey, Secret, SpaceId, hash},
    limits,
    log::{Log, entry::Entry, heads::Chain},
};

const PROVE: &str = "alliance/1 prove";
const OPEN: &str = "alliance/1 open";
const FIND: &str = "alliance/1 find";
const DROP: &str = "alliance/1 drop";

/// Forked chains that one `Have` explains: with the most heads and the most points each, they just fit into a frame.
const BACK_CHAINS: usize = 8;

/// Who began the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Began it.
    Initiator,
    /// Was asked.
    Responder,
}

/// What the driver has to know or do.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer holds the key of its Hello; a relay's is compared with the pinned one.
    Proven {
        /// The peer's key.
        peer: ReplicaKey,
    },
    /// The peer opens a space as a device, and its proof holds. Accept or refuse.
    Opening {
        /// The channel it chose.
        channel: Channel,
        /// The space.
        space: SpaceId,
        /// The device.
        device: DeviceId,
    },
    /// The other laptop names its spaces, or answers with those that are here and there: see [`Exchange::shared`].
    Names(Vec<SpaceName>),
    /// The other laptop has proven which device it is in the space of a channel that this one opened. Accept or refuse.
    Opened {
        /// The channel.
        channel: Channel,
        /// The other laptop's device.
        device: DeviceId,
    },
    /// The peer said what it has; there may be something to send.
    Have {
        /// The channel.
        channel: Channel,
    },
    /// The other laptop has nothing left to say on a channel, as far as it has taken in what was said.
    Quiet {
        /// The channel.
        channel: Channel,
    },
    /// Entries arrived, for [`Log::receive`].
    Entries(Entries),
    /// Entries arrived on the peer's disk.
    Acked(Ack),
    /// The peer asks for the spaces of a key, and its proof holds.
    Find(DeviceId),
    /// The answer to our question.
    Found(Found),
    /// The peer wants this space forgotten on the word of this key, whose proof holds.
    Drop(SpaceId, DeviceId),
    /// The answer to ours.
    Dropped(Dropped),
    /// Something for the moment.
    Whisper(Whisper),
    /// A laptop's endpoint, which a relay may help to connect; or, from a relay, the one that it helps.
    Endpoint(ReplicaKey),
    /// The peer ends a channel, or refuses one.
    Refused(Error),
    /// The peer ends the connection.
    Closed(Error),
}

/// A connection that cannot go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Broken {
    /// A frame that cannot be read or comes when it must not.
    #[error("peer sent a frame that cannot be read or does not belong here")]
    Frame,
    /// No common version.
    #[error(
        "peer speaks protocol versions {oldest} to {newest}, this program {} to {}",
        limits::OLDEST_VERSION,
        limits::VERSION
    )]
    Version {
        /// The peer's oldest.
        oldest: u16,
        /// The peer's newest.
        newest: u16,
    },
    /// A proof that does not hold.
    #[error("peer could not prove its key")]
    Proof,
    /// Too many channels.
    #[error("peer opened too many channels")]
    Channels,
}

impl Broken {
    /// What to tell the peer before closing.
    pub fn code(&self) -> Code {
        match self {
            Self::Frame => Code::Frame,
            Self::Version { .. } => Code::Version,
            Self::Proof => Code::Proof,
            Self::Channels => Code::Limit,
        }
    }
}

/// One connection's side of the protocol.
pub struct Exchange {
    role: Role,
    secret: Secret,
    hello: Vec<u8>,
    handshake: Handshake,
    direct: Option<Direct>,
    channels: BTreeMap<Channel, Slot>,
    next_channel: Channel,
    out: VecDeque<Vec<u8>>,
}

enum Handshake {
    AwaitHello,
    AwaitProve { peer: ReplicaKey, transcript: [u8; 32] },
    Proven { transcript: [u8; 32] },
}

/// A channel: its space, the device that opened it, and what the peer has.
struct Slot {
    space: SpaceId,
    device: DeviceId,
    /// The peer has proven that it is a device of the space; a relay never does, and need not.
    proven: bool,
    accepted: bool,
    peer: Peer,
}

impl Exchange {
    /// Begins a connection. `secret` is the replica's key (of a laptop: fresh), `nonce` is fresh randomness.
    pub fn new(role: Role, secret: Secret, nonce: [u8; 32]) -> Self {
        let hello = Frame::Hello(Hello {
            oldest: limits::OLDEST_VERSION,
            newest: limits::VERSION,
            nonce,
            key: secret.public(),
        })
        .encode();
        Self {
            role,
            secret,
            out: VecDeque::from([hello.clone()]),
            hello,
            handshake: Handshake::AwaitHello,
            direct: None,
            channels: BTreeMap::new(),
            next_channel: 1,
        }
    }

    /// Takes one frame from the peer; returns what the driver has to know.
    pub fn handle(&mut self, bytes: &[u8]) -> Result<Option<Event>, Broken> {
        let frame = Frame::decode(bytes).map_err(|_| Broken::Frame)?;
        match (&self.handshake, frame) {
            (_, Frame::Unknown(_)) => Ok(None),
            (_, Frame::Error(error)) => Ok(Some(self.on_error(error))),
            (Handshake::AwaitHello, Frame::Hello(hello)) => self.on_hello(&hello, bytes).map(|()| None),
            (Handshake::AwaitProve { peer, transcript }, Frame::Prove(prove)) => {
                let (peer, transcript) = (*peer, *transcript);
                self.on_prove(peer, transcript, &prove).map(Some)
            }
            (Handshake::Proven { transcript }, frame) => {
                let transcript = *transcript;
                self.on_frame(&transcript, frame)
            }
            _ => Err(Broken::Frame),
        }
    }

    /// The next frame to send, if there is one.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// Opens a space as a device. Only after [`Event::Proven`].
    pub fn open(&mut self, log: &Log, device: &Secret) -> Option<Channel> {
        let Handshake::Proven { transcript } = &self.handshake else { return None };
        let (channel, space) = (self.next_channel, log.space());
        self.next_channel += 1;
        let proof = device.sign(OPEN, &[transcript, &channel.to_be_bytes(), space.as_bytes()]);
        let device = device.public();
        self.channels.insert(channel, Slot { space, device, proven: true, accepted: true, peer: Peer::default() });
        self.push(&Frame::Open(Open { channel, space, device, proof }));
        self.say_have(channel, log);
        Some(channel)
    }

    /// Lets the peer's device in and says what is here.
    pub fn accept(&mut self, channel: Channel, log: &Log) {
        if let Some(open) = self.channels.get_mut(&channel) {
            open.accepted = true;
            self.say_have(channel, log);
        }
    }

    /// Ends a channel, with a reason.
    pub fn refuse(&mut self, channel: Channel, code: Code, entry: Option<EntryId>) {
        self.channels.remove(&channel);
        self.push(&Frame::Error(Error { code, channel: Some(channel), entry }));
    }

    /// Ends the connection, with a reason; the driver closes it once everything is sent.
    pub fn close(&mut self, code: Code) {
        self.channels.clear();
        self.push(&Frame::Error(Error { code, channel: None, entry: None }));
    }

    /// Asks a relay for the spaces in which a key is live.
    pub fn find(&mut self, device: &Secret) {
        if let Handshake::Proven { transcript } = &self.handshake {
            let proof = device.sign(FIND, &[transcript]);
            self.push(&Frame::Find(Find { device: device.public(), proof }));
        }
    }

    /// Answers [`Event::Find`].
    pub fn found(&mut self, device: DeviceId, spaces: Vec<SpaceId>) {
        self.push(&Frame::Found(Found { device, spaces }));
    }

    /// Asks a relay to forget its copy of a space.
    pub fn ask_to_drop(&mut self, space: SpaceId, device: &Secret) {
        if let Handshake::Proven { transcript } = &self.handshake {
            let proof = device.sign(DROP, &[transcript, space.as_bytes()]);
            self.push(&Frame::Drop(DropSpace { space, device: device.public(), proof }));
        }
    }

    /// Answers [`Event::Drop`]; without a code it is done.
    pub fn dropped(&mut self, space: SpaceId, code: Option<Code>) {
        self.push(&Frame::Dropped(Dropped { space, code }));
    }

    /// Sends something for the moment.
    pub fn whisper(&mut self, whisper: Whisper) {
        self.push(&Frame::Whisper(whisper));
    }

    /// Tells a relay by which endpoint this laptop meets others; a relay, that it helps that endpoint. Only after
    /// [`Event::Proven`].
    pub fn name_endpoint(&mut self, key: ReplicaKey) {
        if matches!(self.handshake, Handshake::Proven { .. }) {
            self.push(&Frame::Endpoint(Endpoint { key }));
        }
    }

    /// Says again what is here: after new control, a moved floor, or an entry that could not be linked.
    pub fn say_have(&mut self, channel: Channel, log: &Log) {
        let have = Have { channel, heads: log.chains().held_heads(), floor: log.chains().floors(), back: Vec::new() };
        self.push(&Frame::Have(have));
    }

    /// The next path that the channel's peer lacks. The driver fetches the bodies and calls [`Exchange::send`].
    pub fn pump(&mut self, channel: Channel, log: &Log) -> Option<Path> {
        let open = self.channels.get_mut(&channel).filter(|open| open.accepted)?;
        let forked = open.peer.take_forked(log);
        let path = open.peer.next_path(log);
        for forked in forked.chunks(BACK_CHAINS) {
            let chains = log.chains();
            let back = forked.iter().map(|(device, chain)| chains.back_points(device, *chain)).collect();
            self.push(&Frame::Have(Have { channel, heads: chains.held_heads(), floor: chains.floors(), back }));
        }
        path
    }

    /// Says whether a channel brings control alone: nobody has confirmed who opened it, or content finds no room there.
    pub fn set_control_alone(&mut self, channel: Channel, alone: bool) {
        if let Some(open) = self.channels.get_mut(&channel) {
            open.peer.set_control_alone(alone);
        }
    }

    /// Sends a path that [`Exchange::pump`] gave, with its entries.
    pub fn send(&mut self, channel: Channel, device: DeviceId, chain: Chain, entries: Vec<Entry>) {
        self.push(&Frame::Entries(Entries { channel, device, chain, entries }));
    }

    /// Notes entries that arrived on a channel, new or known, so that they are not sent back and can be acknowledged.
    pub fn received(&mut self, channel: Channel, log: &Log, heads: impl IntoIterator<Item = crate::log::heads::Head>) {
        if let Some(open) = self.channels.get_mut(&channel) {
            open.peer.on_received(log, heads);
        }
    }

    /// Acknowledges everything that was [`Exchange::received`] on a channel: it is on disk.
    pub fn acknowledge(&mut self, channel: Channel) {
        while let Some(ack) = self.channels.get_mut(&channel).and_then(|open| open.peer.take_ack(channel)) {
            self.push(&Frame::Ack(ack));
        }
    }

    /// What an acknowledgement says: the entries of ours that are on the peer's disk.
    pub fn durable(&mut self, log: &Log, ack: &Ack) -> Vec<EntryId> {
        self.channels.get_mut(&ack.channel).map(|open| open.peer.on_ack(log, ack)).unwrap_or_default()
    }

    /// The entries of ours that the channel's peer turned out to have on its disk, by what it said it has, since the last
    /// look at that.
    pub fn claimed(&mut self, channel: Channel, log: &Log) -> Vec<EntryId> {
        self.channels.get_mut(&channel).map(|open| open.peer.claimed(log)).unwrap_or_default()
    }

    /// True if the channel's peer said that an entry is on its disk.
    pub fn stores(&mut self, channel: Channel, log: &Log, id: &EntryId) -> bool {
        self.channels.get_mut(&channel).is_some_and(|open| open.peer.stores(log, id))
    }

    /// True if the channel's peer said that an entry was on its disk when the connection began.
    pub fn had(&mut self, channel: Channel, log: &Log, id: &EntryId) -> bool {
        self.channels.get_mut(&channel).is_some_and(|open| open.peer.had(log, id))
    }

    /// What a channel knows of its peer.
    pub fn peer(&self, channel: Channel) -> Option<&Peer> {
        self.channels.get(&channel).map(|open| &open.peer)
    }

    /// The space of a channel and the device that opened it.
    pub fn channel(&self, channel: Channel) -> Option<(SpaceId, DeviceId)> {
        self.channels.get(&channel).map(|open| (open.space, open.device))
    }

    /// All open channels.
    pub fn channels(&self) -> impl Iterator<Item = Channel> {
        self.channels.keys().copied()
    }

    fn on_hello(&mut self, hello: &Hello, bytes: &[u8]) -> Result<(), Broken> {
        if hello.newest < limits::OLDEST_VERSION || hello.oldest > limits::VERSION || hello.oldest > hello.newest {
            return Err(Broken::Version { oldest: hello.oldest, newest: hello.newest });
        }
        let (first, second) = match self.role {
            Role::Initiator => (self.hello.as_slice(), bytes),
            Role::Responder => (bytes, self.hello.as_slice()),
        };
        let length = u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes();
        let transcript = match &self.direct {
            None => hash("alliance/1 transcript", &[&length, first, second]),
            Some(direct) => hash("alliance/1 direct transcript", &[&length, first, second, &direct.binding]),
        };
        let signature = self.secret.sign(PROVE, &[&[self.role as u8], &transcript]);
        self.push(&Frame::Prove(Prove { signature }));
        self.handshake = Handshake::AwaitProve { peer: hello.key, transcript };
        Ok(())
    }

    fn on_prove(&mut self, peer: ReplicaKey, transcript: [u8; 32], prove: &Prove) -> Result<Event, Broken> {
        if !peer.verify(PROVE, &[&[self.role.other() as u8], &transcript], &prove.signature) {
            return Err(Broken::Proof);
        }
        self.handshake = Handshake::Proven { transcript };
        Ok(Event::Proven { peer })
    }

    fn on_frame(&mut self, transcript: &[u8; 32], frame: Frame) -> Result<Option<Event>, Broken> {
        self.check_direct(&frame)?;
        match frame {
            Frame::Names(names) => self.on_names(names).map(Some),
            Frame::Opened(opened) => self.on_opened(transcript, &opened),
            Frame::Quiet(Quiet { channel }) => Ok(self.with(channel, |_| ()).map(|()| Event::Quiet { channel })),
            Frame::Open(open) => self.on_open(transcript, &open).map(Some),
            Frame::Have(have) => {
                Ok(self.with(have.channel, |peer| peer.on_have(&have)).map(|()| Event::Have { channel: have.channel }))
            }
            Frame::Entries(entries) => Ok(self.with(entries.channel, |_| ()).map(|()| Event::Entries(entries))),
            Frame::Ack(ack) => Ok(self.with(ack.channel, |_| ()).map(|()| Event::Acked(ack))),
            Frame::Whisper(whisper) => Ok(self.with(whisper.channel, |_| ()).map(|()| Event::Whisper(whisper))),
            Frame::Find(find) => match find.device.verify(FIND, &[transcript], &find.proof) {
                true => Ok(Some(Event::Find(find.device))),
                false => Err(Broken::Proof),
            },
            Frame::Found(found) => Ok(Some(Event::Found(found))),
            Frame::Drop(DropSpace { space, device, proof }) => {
                let holds = device.verify(DROP, &[transcript, space.as_bytes()], &proof);
                holds.then_some(Some(Event::Drop(space, device))).ok_or(Broken::Proof)
            }
            Frame::Dropped(dropped) => Ok(Some(Event::Dropped(dropped))),
            Frame::Endpoint(Endpoint { key }) => Ok(Some(Event::Endpoint(key))),
            _ => Err(Broken::Frame),
        }
    }

    fn on_open(&mut self, transcript: &[u8; 32], open: &Open) -> Result<Event, Broken> {
        if self.role == Role::Initiator || self.channels.contains_key(&open.channel) {
            return Err(Broken::Frame);
        }
        if self.channels.len() >= limits::CHANNELS {
            return Err(Broken::Channels);
        }
        let parts: [&[u8]; 3] = [transcript, &open.channel.to_be_bytes(), open.space.as_bytes()];
        if !open.device.verify(OPEN, &parts, &open.proof) {
            return Err(Broken::Proof);
        }
        let (channel, space, device) = (open.channel, open.space, open.device);
        self.channels.insert(channel, Slot { space, device, proven: true, accepted: false, peer: Peer::default() });
        Ok(Event::Opening { channel, space, device })
    }

    fn on_error(&mut self, error: Error) -> Event {
        match error.channel {
            Some(channel) => {
                self.channels.remove(&channel);
                Event::Refused(error)
            }
            None => Event::Closed(error),
        }
    }

    /// Frames for a channel that is gone are passed over: they were on the way when it ended.
    fn with<T>(&mut self, channel: Channel, act: impl FnOnce(&mut Peer) -> T) -> Option<T> {
        self.channels.get_mut(&channel).map(|open| act(&mut open.peer))
    }

    fn push(&mut self, frame: &Frame) {
        self.out.push_back(frame.encode());
    }
}

#[cfg(test)]
mod tests;

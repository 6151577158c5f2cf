//! Protocol clients for load: they sign beforehand, and while it counts they only send and count.
//!
//! A [`Seat`] is a device of a space with all that its log holds; a [`Client`] is its connection to a relay. What comes
//! over that connection is believed: nothing is verified here, so that the machine's time is the relay's.

use std::collections::BTreeSet;

use alliance_core::app::{Inquiry, SessionError};
use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Channel, Entries, Frame},
    },
    id::{DeviceId, EntryId, MemberId, Secret, SpaceId},
    log::{
        Log,
        control::{AddDevice, AddedRole, Control, Genesis, Keys, Record, SpaceKind},
        entry::Entry,
        heads::{After, Chain},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::socket;

/// A device of a space.
pub struct Seat {
    secret: Secret,
    log: Log,
    bodies: Vec<(EntryId, Entry)>,
}

impl Seat {
    /// The one device of a space; the number names both.
    pub fn alone(number: u64) -> Self {
        Self::founded(number, |founder| Genesis::without_recovery(SpaceKind::Alliance, founder))
    }

    /// The one device of a space whose genesis is made by `genesis`, to which the device's keys are given.
    pub fn founded(number: u64, genesis: impl FnOnce(Keys) -> Genesis) -> Self {
        let seed = seed(number, 0);
        let secret = Secret::from_seed(&seed);
        let record = Record::Genesis(genesis(Keys { device: secret.public(), seal: seed }));
        let body = Control { after: After::default(), record: record.clone() }.encode();
        let mut seat = Self { secret, log: Log::new(SpaceId::of(&body)), bodies: Vec::new() };
        seat.control(record);
        seat
    }

    /// Both devices of a space; the number names all three.
    pub fn pair(number: u64) -> [Self; 2] {
        let mut founder = Self::alone(number);
        let seed = seed(number, 1);
        let secret = Secret::from_seed(&seed);
        let device = Keys { device: secret.public(), seal: seed };
        let consent = device.consent(&secret, &founder.space(), &MemberId::of(&founder.device()));
        founder.control(Record::AddDevice(AddDevice { device, role: AddedRole::Ordinary, renews: None, consent }));
        let mut second = Self { secret, log: Log::new(founder.space()), bodies: founder.bodies.clone() };
        for (_, entry) in &founder.bodies {
            let received = second.log.receive(&founder.device(), Chain::Control, vec![entry.clone()]);
            assert!(received.refused.is_none(), "own entries hold: {:?}", received.refused);
        }
        [founder, second]
    }

    /// The space.
    pub fn space(&self) -> SpaceId {
        self.log.space()
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.secret.public()
    }

    /// The entries of the space's control chains.
    pub fn controls(&self) -> impl Iterator<Item = &Entry> {
        self.bodies.iter().map(|(_, entry)| entry)
    }

    /// Signs the next content entries, each with so many bytes that nobody can read.
    pub fn seal(&mut self, count: usize, bytes: usize) -> Vec<Entry> {
        let one = |_| {
            let place = self.log.next_place(&self.secret.public(), Chain::Content, None, Some([5; 8]));
            let entry = Entry::sign(&self.log.space(), &self.secret, &place, vec![7; bytes]);
            self.log.append_content(entry.clone());
            entry.entry
        };
        (0..count).map(one).collect()
    }

    fn control(&mut self, record: Record) {
        let entry = self.log.append(&self.secret, None, record);
        self.bodies.push((entry.id, entry.entry));
    }
}

/// What a seat says to a relay until that has all control entries of the space.
pub(crate) struct Bringing<'a> {
    seat: &'a Seat,
    exchange: Exchange,
    channel: Channel,
    missing: BTreeSet<EntryId>,
    has_answered: bool,
}

impl<'a> Bringing<'a> {
    pub(crate) fn new(seat: &'a Seat) -> Self {
        let exchange = Exchange::new(Role::Initiator, Secret::from_seed(&[200; 32]), [7; 32]);
        Self { seat, exchange, channel: 0, missing: BTreeSet::new(), has_answered: false }
    }
}

impl Inquiry for Bringing<'_> {
    fn handle(&mut self, frame: &[u8]) -> Result<(), SessionError> {
        let Self { seat, exchange, channel, missing, .. } = self;
        match exchange.handle(frame)? {
            Some(Event::Proven { .. }) => *channel = exchange.open(&seat.log, &seat.secret).expect("is proven"),
            Some(Event::Have { .. }) => {
                self.has_answered = true;
                while let Some(path) = exchange.pump(*channel, &seat.log) {
                    let body = |id: &EntryId| seat.bodies.iter().find(|(it, _)| it == id).map(|(_, it)| it.clone());
                    let entries = path.ids.iter().map(|id| body(id).expect("the relay lacks no content"));
                    let entries = entries.collect();
                    exchange.send(*channel, path.device, path.chain, entries);
                    missing.extend(path.ids);
                }
            }
            Some(Event::Acked(ack)) => {
                exchange.durable(&seat.log, &ack).iter().for_each(|id| _ = missing.remove(id));
            }
            Some(Event::Refused(error) | Event::Closed(error)) => panic!("refused: {error:?}"),
            _ => {}
        }
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.poll_transmit()
    }

    fn is_done(&self) -> bool {
        self.has_answered && self.missing.is_empty()
    }
}

/// A connection that has its space open and has brought what the relay lacked of the control chains.
pub struct Client {
    /// The number of the space on this connection.
    pub channel: Channel,
    /// Content that the relay said it has, in all chains of the space.
    pub held: u64,
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Client {
    /// Connects and opens the space.
    ///
    /// # Panics
    /// If the relay does not let it in.
    pub async fn connect(address: &str, seat: &Seat) -> Self {
        let stream = TcpStream::connect(address).await.expect("the relay takes connections");
        stream.set_nodelay(true).expect("sets");
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::with_capacity(4096, read);
        write.write_all(socket::request(address).as_bytes()).await.expect("asks");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(read.read_u8().await.expect("answers"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        let mut client = Self { channel: 0, held: 0, read, write };
        client.open(seat).await;
        client
    }

    async fn open(&mut self, seat: &Seat) {
        let mut bringing = Bringing::new(seat);
        while !bringing.is_done() {
            while let Some(frame) = bringing.poll_transmit() {
                self.send(&frame).await;
            }
            let bytes = self.receive().await.expect("the relay stays");
            if let Ok(Frame::Have(have)) = Frame::decode(&bytes) {
                let content = have.heads.iter().filter(|held| held.head.chain == Chain::Content);
                self.held = content.map(|held| held.head.seq).sum();
            }
            bringing.handle(&bytes).expect("the relay speaks the protocol");
        }
        while let Some(frame) = bringing.poll_transmit() {
            self.send(&frame).await;
        }
        self.channel = bringing.channel;
    }

    /// A frame that carries one content entry of a seat.
    pub fn frame(&self, seat: &Seat, entry: Entry) -> Vec<u8> {
        let (channel, device, chain) = (self.channel, seat.device(), Chain::Content);
        socket::message(&Frame::Entries(Entries { channel, device, chain, entries: vec![entry] }).encode())
    }

    /// Both directions on their own.
    pub fn split(self) -> (Speaker, Listener) {
        (Speaker(self.write), Listener(self.read))
    }

    async fn send(&mut self, frame: &[u8]) {
        self.write.write_all(&socket::message(frame)).await.expect("the relay reads");
    }

    async fn receive(&mut self) -> Option<Vec<u8>> {
        receive(&mut self.read).await
    }
}

/// The sending side of a [`Client`].
pub struct Speaker(OwnedWriteHalf);

impl Speaker {
    /// Sends what [`Client::frame`] made.
    ///
    /// # Panics
    /// If the relay has closed the connection.
    pub async fn send(&mut self, message: &[u8]) {
        self.0.write_all(message).await.expect("the relay reads");
    }
}

/// The receiving side of a [`Client`].
pub struct Listener(BufReader<OwnedReadHalf>);

/// What a relay says about content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// So many entries of somebody else.
    Came(usize),
    /// Everything up to this seq of one's own chain is on its disk.
    Durable(u64),
}

impl Listener {
    /// The next that is about content; none once the relay has ended the connection.
    ///
    /// # Panics
    /// If the relay refuses something.
    pub async fn next(&mut self) -> Option<Said> {
        loop {
            match Frame::decode(&receive(&mut self.0).await?).expect("the relay speaks the protocol") {
                Frame::Entries(it) if it.chain == Chain::Content => return Some(Said::Came(it.entries.len())),
                Frame::Ack(ack) => {
                    let content = ack.heads.iter().filter(|head| head.chain == Chain::Content);
                    if let Some(seq) = content.map(|head| head.seq).max() {
                        return Some(Said::Durable(seq));
                    }
                }
                Frame::Error(error) => panic!("refused: {error:?}"),
                _ => {}
            }
        }
    }
}

async fn receive(read: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    loop {
        let (kind, short) = (read.read_u8().await.ok()?, read.read_u8().await.ok()?);
        let length = match short & 0x7f {
            126 => u64::from(read.read_u16().await.ok()?),
            127 => read.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).ok()?];
        read.read_exact(&mut payload).await.ok()?;
        match kind & 0x0f {
            2 => return Some(payload),
            8 => return None,
            _ => {}
        }
    }
}

fn seed(number: u64, device: u8) -> [u8; 32] {
    let mut seed = [device; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    seed
}

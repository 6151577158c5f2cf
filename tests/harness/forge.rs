//! Entries that an honest program never writes, made with keys that were taken out of somebody's profile.
//!
//! A [`Forger`] seals and signs whatever it is told to, so that a forged entry is right in all but what a test is about.
//! [`World::deliver`] brings it to a person as the relay would: in frames, within a sync.

use std::num::NonZeroU64;

use alliance_core::{
    app::SessionError,
    document::{Change, DocId, Document, Edit, Editor, KindName, Preimage, Writer, author::actor_prefix},
    domain,
    keys::{Content, DeviceSecret, EpochKey, Form, Part, seal, whisper},
};
use alliance_replica::{
    exchange::frame::{Channel, Entries, Frame, Whisper},
    id::{DeviceId, EntryId, ItemId, MemberId, SpaceId},
    log::{
        control::{AddDevice, AddedRole, Control, Record},
        entry::{Entry, Place, Verified},
        heads::{After, Chain, Head},
    },
};
use alliance_sync_server::store::Store;
use automerge::{
    ActorId, ExpandedChange,
    legacy::{Key, ObjectId, Op, OpType},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use rusqlite::{Connection, Row};

use crate::{START, World};

/// Entries as a relay sends them: whose chain they are said to be of, and which one.
pub type Path = (DeviceId, Chain, Vec<Entry>);

/// What a relay says beside what it has.
pub(crate) struct Said {
    space: SpaceId,
    channel: Channel,
    paths: Vec<Path>,
}

impl Said {
    /// Notes the channel of the space.
    pub(crate) fn hear(&mut self, frame: &[u8]) {
        if let Ok(Frame::Open(open)) = Frame::decode(frame)
            && open.space == self.space
        {
            self.channel = open.channel;
        }
    }

    /// One frame a path.
    pub(crate) fn frames(self) -> Vec<Vec<u8>> {
        let channel = self.channel;
        let frame = |(device, chain, entries)| Frame::Entries(Entries { channel, device, chain, entries }).encode();
        self.paths.into_iter().map(frame).collect()
    }
}

impl<S: Store> World<S> {
    /// Lets a person sync with a relay that says these paths, too; true if both sides have all in the end.
    ///
    /// # Errors
    /// As the exchange says.
    ///
    /// # Panics
    /// If the exchange does not end.
    pub fn deliver(&mut self, name: &str, space: SpaceId, paths: Vec<Path>) -> Result<bool, SessionError> {
        self.exchange(name, Some(Said { space, channel: Channel::MAX, paths }))
    }
}

/// A zstd frame of blocks that repeat one byte 128 KiB, whose header claims what it likes.
pub fn bomb(claimed: u32, blocks: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend_from_slice(&claimed.to_le_bytes());
    for block in 1..=blocks {
        let header: u32 = ((128 * 1024) << 3) | (1 << 1) | u32::from(block == blocks);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(7);
    }
    frame
}

/// What an item's id is the hash of, as a profile has it.
///
/// # Panics
/// If it does not have it.
pub fn preimage(profile: &std::path::Path, item: &ItemId) -> Preimage {
    let file = Connection::open(profile).expect("a profile");
    let found = |row: &Row<'_>| row.get::<_, Vec<u8>>(0);
    let bytes = file.query_row("SELECT preimage FROM items WHERE item = ?1", [item.as_ref()], found);
    Preimage::decode(&bytes.expect("an item")).expect("a preimage")
}

/// The items of a kind that a profile has, in all its spaces.
///
/// # Panics
/// If it cannot be read.
pub fn items(profile: &std::path::Path, kind: &str) -> Vec<ItemId> {
    let file = Connection::open(profile).expect("a profile");
    let mut query = file.prepare("SELECT item FROM rows WHERE kind = ?1 ORDER BY item").expect("a query");
    let all = query.query_map([kind], |row| row.get::<_, Vec<u8>>(0)).expect("a query");
    all.map(|item| ItemId::from_slice(&item.expect("an item")).expect("16 bytes")).collect()
}

/// Somebody with the keys of a device of a space.
pub struct Forger {
    /// The device.
    pub secret: DeviceSecret,
    /// Whose it is.
    pub member: MemberId,
    space: SpaceId,
    key: EpochKey,
    heads: Vec<Head>,
    rng: ChaCha20Rng,
}

impl Forger {
    /// Takes the keys out of somebody's profile, and what their log has come to.
    ///
    /// # Panics
    /// If they are not there.
    pub fn steal<S>(world: &World<S>, name: &str, space: SpaceId) -> Self {
        Self::steal_from(&world.people[name].folder.path().join("profile.db"), space)
    }

    /// Takes them out of the file of a profile.
    ///
    /// # Panics
    /// If they are not there.
    pub fn steal_from(profile: &std::path::Path, space: SpaceId) -> Self {
        let file = Connection::open(profile).expect("a profile");
        let blob = |sql: &str| file.query_row(sql, [space.as_ref()], |row| row.get::<_, Vec<u8>>(0)).expect("a secret");
        let secret = blob("SELECT secret FROM spaces WHERE space = ?1");
        let secret = DeviceSecret::from_bytes(secret.as_slice().try_into().expect("64 bytes"));
        let member = blob("SELECT member FROM spaces WHERE space = ?1");
        let key = blob("SELECT key FROM epochs WHERE space = ?1");
        let mut entries = file
            .prepare("SELECT device, chain, MAX(seq), id FROM entries WHERE space = ?1 GROUP BY device, chain")
            .expect("a query");
        let heads = entries.query_map([space.as_ref()], head).expect("a query").map(|head| head.expect("a head"));
        Self {
            secret,
            member: MemberId::from_slice(&member).expect("16 bytes"),
            space,
            key: EpochKey::from_bytes(key.as_slice().try_into().expect("32 bytes")),
            heads: heads.collect(),
            rng: ChaCha20Rng::seed_from_u64(4711),
        }
    }

    /// The device's name.
    pub fn device(&self) -> DeviceId {
        self.secret.id()
    }

    /// The last entry of a chain of this device.
    pub fn tip(&self, chain: Chain) -> Option<Head> {
        self.heads.iter().find(|head| head.device == self.device() && head.chain == chain).copied()
    }

    /// Goes on from an entry.
    pub fn saw(&mut self, head: Head) {
        self.heads.retain(|it| it.device != head.device || it.chain != head.chain);
        self.heads.push(head);
    }

    /// A new item.
    ///
    /// # Panics
    /// If no kind can have this name.
    pub fn item(&mut self, kind: &str, owner: Option<MemberId>) -> Preimage {
        Preimage::new(KindName::parse(kind).expect("a name"), owner, self.device(), &mut self.rng)
    }

    /// What an entry writes in one facet, by `author` and as if nobody had written there before.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn part(&mut self, preimage: &Preimage, writer: Writer, author: DeviceId, edits: &[Edit]) -> Part {
        let doc = DocId { item: preimage.id(), writer };
        let mut document = Document::new(doc, domain::schema(preimage, writer));
        document.edit(&mut Editor { device: author, now: START, rng: &mut self.rng }, edits).expect("an edit");
        let raw: Vec<u8> = document.changes(&[]).iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
        Part::pack(doc.item, writer.member(), Some(preimage.encode()), Form::Changes, &raw).expect("a part")
    }

    /// A part with one operation that starts at `start`.
    ///
    /// # Panics
    /// If there is no such operation.
    pub fn far(&mut self, start: u64) -> Part {
        let note = self.item("note", None);
        let doc = DocId { item: note.id(), writer: Writer::Everyone };
        let change = Change::from(ExpandedChange {
            operations: vec![Op {
                action: OpType::Put("Far".into()),
                obj: ObjectId::Root,
                key: Key::Map("title".into()),
                pred: Vec::new().into(),
                insert: false,
            }],
            actor_id: ActorId::from([actor_prefix(&self.device(), &doc), [7; 8]].concat()),
            hash: None,
            seq: 1,
            start_op: NonZeroU64::new(start).expect("not 0"),
            time: 0,
            message: None,
            deps: Vec::new(),
            extra_bytes: Vec::new(),
            author: None,
        });
        Part::pack(doc.item, None, Some(note.encode()), Form::Changes, change.raw_bytes()).expect("a part")
    }

    /// A note with a title: nothing is wrong with it.
    pub fn note(&mut self, title: &str) -> Part {
        let note = self.item("note", None);
        self.part(&note, Writer::Everyone, self.device(), &[Edit::Put("title".into(), Some(title.into()))])
    }

    /// Seals and signs an entry that follows `prev`. Everything the device has seen came before it.
    ///
    /// # Panics
    /// If it is too large.
    pub fn seal(&mut self, prev: Option<Head>, parts: Vec<Part>) -> Verified {
        let mine = |head: &&Head| head.device == self.device() && head.chain == Chain::Content;
        let after = After::new(self.heads.iter().filter(|head| !mine(head)).copied());
        let plaintext = Content { after, parts, ..Content::default() }.encode();
        self.sealed_for(self.space, prev, &plaintext)
    }

    /// Seals for a space, and signs for this one, an entry that says any bytes.
    ///
    /// # Panics
    /// If it is too large.
    pub fn sealed_for(&mut self, space: SpaceId, prev: Option<Head>, plaintext: &[u8]) -> Verified {
        let (mut place, body) =
            seal::seal(&self.key, &space, &self.device(), prev.as_ref(), plaintext, &mut self.rng).expect("sealed");
        place.epoch = Some(self.key.id(&self.space).prefix());
        self.sign(&place, body)
    }

    /// Whispers words; nothing, if they are too many.
    pub fn whisper(&mut self, channel: Channel, counter: u64, words: &[u8]) -> Option<Whisper> {
        whisper::seal(&self.key, &self.space, &self.secret, channel, counter, words, &mut self.rng).ok()
    }

    /// Signs an entry.
    pub fn sign(&self, place: &Place, body: Vec<u8>) -> Verified {
        Entry::sign(&self.space, self.secret.signing(), place, body)
    }

    /// A control entry that follows what this device has seen.
    pub fn control(&self, record: Record) -> Verified {
        let tip = self.tip(Chain::Control);
        let heads = self.heads.iter().filter(|head| Some(**head) != tip).copied();
        let body = Control { after: After::new(heads), record }.encode();
        let (seq, prev) = (tip.map_or(1, |tip| tip.seq + 1), tip.map(|tip| tip.id));
        self.sign(&Place { version: 1, chain: Chain::Control, seq, prev, epoch: None }, body)
    }

    /// Adds another device of the same member, which goes on from there: the control entry and who has its keys.
    pub fn add_device(&mut self, seed: u8) -> (Verified, Self) {
        let secret = DeviceSecret::from_bytes(&[seed; 64]);
        let device = secret.keys();
        let consent = device.consent(secret.signing(), &self.space, &self.member);
        let added =
            self.control(Record::AddDevice(AddDevice { device, role: AddedRole::Ordinary, renews: None, consent }));
        self.saw(added.head());
        let (key, rng) = (EpochKey::from_bytes(self.key.as_bytes()), ChaCha20Rng::seed_from_u64(seed.into()));
        (added, Self { secret, member: self.member, space: self.space, key, heads: self.heads.clone(), rng })
    }
}

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    let (device, id): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(3)?);
    let chain = if row.get::<_, u8>(1)? == 0 { Chain::Control } else { Chain::Content };
    let device = DeviceId::from_slice(&device).expect("32 bytes");
    Ok(Head {
        device,
        chain,
        seq: row.get::<_, i64>(2)?.unsigned_abs(),
        id: EntryId::from_slice(&id).expect("32 bytes"),
    })
}

//! People, devices and keys of the vectors, all from fixed seeds, and how their entries are written.

use alliance_core::{
    document::{self, Change, DocId, Document, Edit, Editor, KindName, Preimage, Scalar, Writer},
    domain,
    keys::{Content, DeviceSecret, EpochKey, Form, Keyring, Part, seal},
};
use alliance_replica::{
    id::{DeviceId, EntryId, EpochId, MemberId, Secret, SpaceId, hash},
    log::{
        control::{AddDevice, AddedRole, Control, Keys, Record},
        entry::{Entry, Place, Verified},
        heads::{After, Chain, Head},
    },
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// A key holder with fixed seeds.
pub(crate) struct Holder {
    /// How the vectors call it.
    pub(crate) name: &'static str,
    /// Its Ed25519 seed is 32 times this byte; its X25519 secret 32 times this byte + 100.
    pub(crate) seed: u8,
}

pub(crate) const ANNA: Holder = Holder { name: "anna", seed: 1 };
pub(crate) const ANNA_SECOND: Holder = Holder { name: "anna's second", seed: 2 };
pub(crate) const ANNA_RENEWED: Holder = Holder { name: "anna, renewed", seed: 3 };
pub(crate) const ANNA_WORDS: Holder = Holder { name: "anna's words", seed: 4 };
pub(crate) const LINK: Holder = Holder { name: "invitation", seed: 5 };
pub(crate) const BEN: Holder = Holder { name: "ben", seed: 6 };
pub(crate) const BEN_WORDS: Holder = Holder { name: "ben's words", seed: 7 };
pub(crate) const RELAY: Holder = Holder { name: "relay", seed: 8 };
pub(crate) const BEN_SECOND: Holder = Holder { name: "ben's second", seed: 10 };
pub(crate) const EVE: Holder = Holder { name: "eve", seed: 11 };
/// All of them.
pub(crate) const HOLDERS: [&Holder; 10] =
    [&ANNA, &ANNA_SECOND, &ANNA_RENEWED, &ANNA_WORDS, &LINK, &BEN, &BEN_WORDS, &RELAY, &BEN_SECOND, &EVE];

impl Holder {
    pub(crate) fn bytes(&self) -> [u8; 64] {
        std::array::from_fn(|at| if at < 32 { self.seed } else { self.seed + 100 })
    }

    pub(crate) fn device_secret(&self) -> DeviceSecret {
        DeviceSecret::from_bytes(&self.bytes())
    }

    pub(crate) fn secret(&self) -> Secret {
        Secret::from_seed(&[self.seed; 32])
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.secret().public()
    }

    pub(crate) fn keys(&self) -> Keys {
        self.device_secret().keys()
    }

    pub(crate) fn member(&self) -> MemberId {
        MemberId::of(&self.device())
    }
}

/// `N` bytes that stand for something opaque.
pub(crate) fn filler<const N: usize>(what: &str, number: u64) -> [u8; N] {
    let mut bytes = [0; N];
    for (block, chunk) in bytes.chunks_mut(32).enumerate() {
        let block = u8::try_from(block).expect("fillers are short");
        let digest = hash("alliance vectors filler", &[&[block], &number.to_be_bytes(), what.as_bytes()]);
        chunk.copy_from_slice(&digest[..chunk.len()]);
    }
    bytes
}

/// Randomness that is the same every time.
pub(crate) fn rng(number: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([number; 32])
}

/// One entry of a history, with what it says.
pub(crate) struct Written {
    pub(crate) name: &'static str,
    pub(crate) author: &'static Holder,
    pub(crate) entry: Verified,
    pub(crate) says: Says,
}

pub(crate) enum Says {
    Control(Control),
    Content { epoch: EpochId, plaintext: Vec<u8>, content: Content },
}

/// The history of one space.
pub(crate) struct History {
    pub(crate) space: SpaceId,
    pub(crate) entries: Vec<Written>,
    /// Every epoch's key.
    pub(crate) keyring: Keyring,
    rng: ChaCha20Rng,
}

impl History {
    pub(crate) fn new(genesis: &Control) -> Self {
        let space = SpaceId::of(&genesis.encode());
        Self { space, entries: Vec::new(), keyring: Keyring::new(space), rng: rng(1) }
    }

    /// The entry with this name.
    pub(crate) fn entry(&self, name: &str) -> &Verified {
        &self.entries.iter().find(|written| written.name == name).expect("an entry of the history").entry
    }

    pub(crate) fn heads(&self, names: &[&str]) -> After {
        After::new(names.iter().map(|name| self.entry(name).head()))
    }

    fn last(&self, author: &Holder, chain: Chain) -> Option<Head> {
        let mine = |written: &&Written| written.author.seed == author.seed && written.entry.header.chain == chain;
        self.entries.iter().rfind(mine).map(|written| written.entry.head())
    }

    pub(crate) fn control(
        &mut self,
        name: &'static str,
        author: &'static Holder,
        after: &[&str],
        record: Record,
    ) -> EntryId {
        let prev = self.last(author, Chain::Control);
        self.branch(name, author, prev, after, record)
    }

    /// A control entry that follows any entry of its chain.
    pub(crate) fn branch(
        &mut self,
        name: &'static str,
        author: &'static Holder,
        prev: Option<Head>,
        after: &[&str],
        record: Record,
    ) -> EntryId {
        let control = Control { after: self.heads(after), record };
        let seq = prev.map_or(1, |head| head.seq + 1);
        let place = Place { version: 1, chain: Chain::Control, seq, prev: prev.map(|head| head.id), epoch: None };
        let entry = Entry::sign(&self.space, &author.secret(), &place, control.encode());
        let id = entry.id;
        self.entries.push(Written { name, author, entry, says: Says::Control(control) });
        id
    }

    pub(crate) fn content(
        &mut self,
        name: &'static str,
        author: &'static Holder,
        epoch: EpochId,
        after: &[&str],
        parts: Vec<Part>,
    ) {
        let content = Content { after: self.heads(after), parts, keeps: After::default() };
        let plaintext = content.encode();
        let key = self.keyring.key(&epoch).expect("a minted epoch").clone();
        let prev = self.last(author, Chain::Content);
        let (space, device) = (self.space, author.device());
        let (place, body) =
            seal::seal(&key, &space, &device, prev.as_ref(), &plaintext, &mut self.rng).expect("content fits");
        let entry = Entry::sign(&space, &author.secret(), &place, body);
        self.entries.push(Written { name, author, entry, says: Says::Content { epoch, plaintext, content } });
    }

    /// Content without parts whose body nobody can open: enough where only its place matters.
    pub(crate) fn receipt(&mut self, name: &'static str, author: &'static Holder, after: &[&str], keeps: &[&str]) {
        let content = Content { after: self.heads(after), parts: Vec::new(), keeps: self.heads(keeps) };
        let prev = self.last(author, Chain::Content);
        let (seq, prev) = (prev.map_or(1, |head| head.seq + 1), prev.map(|head| head.id));
        let epoch = EpochId::new(filler("epoch", 1));
        let place = Place { version: 1, chain: Chain::Content, seq, prev, epoch: Some(epoch.prefix()) };
        let body = filler::<8>("body", self.entries.len() as u64).to_vec();
        let entry = Entry::sign(&self.space, &author.secret(), &place, body);
        self.entries.push(Written {
            name,
            author,
            entry,
            says: Says::Content { epoch, plaintext: Vec::new(), content },
        });
    }

    /// An epoch wrapped for these, in the order of their keys.
    pub(crate) fn mint(&mut self, author: &Holder, parents: &[EpochId], holders: &[&Holder]) -> (EpochId, Record) {
        let wrapped = recipients(holders);
        let minted = self.keyring.mint(&author.device(), &wrapped, parents, &mut self.rng);
        let (key, epoch) = minted.expect("parents are known");
        (self.keyring.insert(key), Record::Epoch(epoch))
    }

    pub(crate) fn grant(&mut self, author: &Holder, entry: EntryId, epoch: &EpochId, holders: &[&Holder]) -> Record {
        let wrapped = recipients(holders);
        Record::Grant(self.keyring.grant(entry, epoch, &author.device(), &wrapped, &mut self.rng).expect("is known"))
    }

    pub(crate) fn add(
        &self,
        holder: &Holder,
        member: &MemberId,
        role: AddedRole,
        renews: Option<DeviceId>,
    ) -> AddDevice {
        AddDevice::agreed(holder.keys(), &holder.secret(), (&self.space, member), (role, renews))
    }

    /// The key of an epoch.
    pub(crate) fn key(&self, epoch: &EpochId) -> &EpochKey {
        self.keyring.key(epoch).expect("a minted epoch")
    }
}

fn recipients(holders: &[&Holder]) -> Vec<Keys> {
    let mut keys: Vec<_> = holders.iter().map(|holder| holder.keys()).collect();
    keys.sort_unstable();
    keys
}

/// A note that belongs to both.
pub(crate) fn note() -> Preimage {
    let kind = KindName::parse("note").expect("a kind's name");
    Preimage { kind, owner: None, creator: ANNA.device(), nonce: filler("item", 1) }
}

/// A facet of an item, as it is before anybody wrote to it.
pub(crate) fn facet(item: &Preimage, writer: Writer) -> Document {
    Document::new(DocId { item: item.id(), writer }, domain::schema(item, writer))
}

/// Writes to a facet at a fixed time.
pub(crate) fn edit(document: &mut Document, device: DeviceId, number: u8, edits: &[Edit]) -> Vec<Change> {
    let mut rng = rng(number);
    let mut editor = Editor { device, now: 1_700_000_000 + i64::from(number), rng: &mut rng };
    document.edit(&mut editor, edits).expect("the edits fit")
}

/// A register's new value.
pub(crate) fn put(name: &str, text: &str) -> Edit {
    Edit::Put(name.to_owned(), Some(Scalar::Text(text.to_owned())))
}

/// Changes as a part of an entry. They are packed as one stored block, so that the vectors do not hang on a version of
/// zstd.
pub(crate) fn part(document: &Document, preimage: Option<Vec<u8>>, changes: &[Change]) -> Part {
    let raw: Vec<u8> = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    let document::DocId { item, writer } = document.id();
    let length = u32::try_from(raw.len()).expect("short");
    Part { item, writer: writer.member(), preimage, form: Form::Changes, length, packed: stored(&raw) }
}

/// A zstd frame of one block that is stored as it is (RFC 8878, sections 3.1.1.1 and 3.1.1.2).
pub(crate) fn stored(raw: &[u8]) -> Vec<u8> {
    let length = u32::try_from(raw.len()).expect("short");
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&(length << 3 | 1).to_le_bytes()[..3]);
    frame.extend_from_slice(raw);
    frame
}

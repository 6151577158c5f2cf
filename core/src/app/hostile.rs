//! What a hostile member sends, and what an honest replica makes of it: the test plays Anna with her keys in its hands.

mod content;
mod cuts;
mod kept;
mod keys;
mod many;

use alliance_replica::{
    exchange::frame::Entries,
    id::{EntryId, MemberId, SpaceId},
    log::{
        chain::State,
        control::{AddedRole, Confirm, Control, Cut, Invite, Purpose, Reason, Record, Redeem},
        entry::{Entry, Place as EntryPlace, Verified},
        heads::{After, Chain, Head},
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tempfile::TempDir;

use super::{seal::Came, *};
use crate::{
    document::{DocId, Document, Edit, Editor, KindName, Preimage, Writer},
    domain,
    keys::{Content, DeviceSecret, EpochKey, Part, content::Form, seal},
};

struct Stage {
    folder: TempDir,
    ben: Profile,
    space: SpaceId,
    rng: ChaCha20Rng,
    anna: DeviceSecret,
    member: MemberId,
    /// Control heads once Anna is in.
    base: Vec<Head>,
    /// Of the epoch that both hold then.
    key: EpochKey,
}

/// Nothing came, and nothing is anywhere else.
const NOTHING: Came = Came { received: false, all: true };

fn entry_place(chain: Chain, prev: Option<&Verified>) -> EntryPlace {
    EntryPlace {
        version: 1,
        chain,
        seq: prev.map_or(1, |it| it.header.seq + 1),
        prev: prev.map(|it| it.id),
        epoch: None,
    }
}

fn control(
    space: &SpaceId,
    author: &DeviceSecret,
    prev: Option<&Verified>,
    after: &[Head],
    record: Record,
) -> Verified {
    let body = Control { after: After::new(after.iter().copied()), record }.encode();
    Entry::sign(space, author.signing(), &entry_place(Chain::Control, prev), body)
}

/// Everything that a device wrote and another replica lacks, in the order of writing.
fn written_by(profile: &mut Profile, space: &SpaceId, device: &DeviceId, other: &mut Profile) -> Vec<Verified> {
    let loaded = profile.space(space).expect("space");
    let chains = loaded.log.chains();
    let all = chains.arrivals(Chain::Control).iter().chain(chains.arrivals(Chain::Content));
    let ids: Vec<_> = all.map(|at| chains.at(*at).head).filter(|it| it.device == *device).map(|it| it.id).collect();
    let lacks = |id: &EntryId| other.space(space).expect("space").log.chains().meta(id).is_none();
    let ids: Vec<_> = ids.into_iter().filter(lacks).collect();
    let entries = profile.bodies(space, &ids).expect("there");
    entries.into_iter().map(|it| it.verify(space, device).expect("good")).collect()
}

fn note_intent(title: &str, body: &str) -> Intent {
    let add = domain::note::Add { title: title.into(), body: body.into(), ..Default::default() };
    Intent::Note(domain::note::Intent::Add(add))
}

impl Stage {
    /// Ben has an alliance with Anna, whose keys the test holds.
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let folder = TempDir::new().expect("folder");
        let person = Person { name: "Ben".into(), role: "coach".into() };
        let mut world = World { now: 1_800_000_000, rng: &mut rng };
        let (mut ben, _) = Profile::create(&folder.path().join("p.db"), &person, &mut world).expect("profile");
        let space = ben.new_alliance("Two", None, &mut world).expect("alliance");
        let invite = DeviceSecret::generate(world.rng);
        let anna = DeviceSecret::generate(world.rng);
        let member = MemberId::of(&anna.id());
        let Profile { store, spaces, .. } = &mut ben;
        store
            .write::<_, AppError>(|tx| {
                let space = receive::loaded(spaces, tx, &space)?;
                let record =
                    Record::Invite(Invite { key: invite.keys(), purpose: Purpose::Member, expires: 2_000_000_000 });
                space.append(tx, record)?;
                space.store_row(tx)
            })
            .expect("invites");
        let keys = anna.keys();
        let redeem = Redeem {
            device: keys,
            recovery: None,
            consent: keys.consent(anna.signing(), &space, &member),
            recovery_consent: None,
        };
        let after = ben.space(&space).expect("space").log.after(None);
        let redeem = control(&space, &invite, None, &after.0, Record::Redeem(redeem));
        let mut stage =
            Self { folder, ben, space, anna, member, base: Vec::new(), key: EpochKey::from_bytes(&[0; 32]), rng };
        stage.give(std::slice::from_ref(&redeem));
        let Profile { store, spaces, .. } = &mut stage.ben;
        store
            .write::<_, AppError>(|tx| {
                let space = receive::loaded(spaces, tx, &space)?;
                space.append(tx, Record::Confirm(Confirm { redeem: redeem.id }))?;
                space.store_row(tx)
            })
            .expect("confirms");
        stage.seal();
        let loaded = stage.ben.space(&space).expect("space");
        stage.key = loaded.keyring.epochs().next().and_then(|id| loaded.keyring.key(id)).cloned().expect("key");
        stage.base = loaded.log.after(None).0;
        stage
    }

    fn anna(&self) -> DeviceSecret {
        DeviceSecret::from_bytes(&self.anna.to_bytes())
    }

    fn give(&mut self, entries: &[Verified]) {
        give(&mut self.ben, &self.space, entries, &mut self.rng);
    }

    fn seal(&mut self) {
        let mut world = World { now: 1_800_000_000, rng: &mut self.rng };
        self.ben.seal(&self.space, NOTHING, &mut world).expect("seals");
    }

    fn content(
        &mut self,
        author: &DeviceSecret,
        prev: Option<&Verified>,
        after: &[Head],
        parts: Vec<Part>,
    ) -> Verified {
        let content = Content { after: After::new(after.iter().copied()), parts, ..Content::default() };
        let prev = prev.map(Verified::head);
        let (place, body) =
            seal::seal(&self.key, &self.space, &author.id(), prev.as_ref(), &content.encode(), &mut self.rng)
                .expect("seals");
        Entry::sign(&self.space, author.signing(), &place, body)
    }

    fn add(
        &self,
        by: &DeviceSecret,
        prev: Option<&Verified>,
        after: &[Head],
        new: &DeviceSecret,
        renews: Option<DeviceId>,
    ) -> Verified {
        let record = Record::AddDevice(new.added(&self.space, &self.member, AddedRole::Ordinary, renews));
        control(&self.space, by, prev, after, record)
    }

    fn device(&mut self) -> DeviceId {
        self.ben.space(&self.space).expect("space").device()
    }

    /// Ben writes a note.
    fn write(&mut self, title: &str) {
        let mut world = World { now: 1_800_000_001, rng: &mut self.rng };
        self.ben.add(Place::Alliance(self.space), &note_intent(title, "words"), &mut world).expect("writes");
    }

    /// Ben types in a note.
    fn type_in(&mut self, item: ItemId, body: &str) {
        let edit = domain::note::Edit { body: Some(body.into()), ..Default::default() };
        let intent = Intent::Note(domain::note::Intent::Edit { item, edit });
        let mut world = World { now: 1_800_000_001, rng: &mut self.rng };
        let item = ItemRef { space: self.space, item };
        self.ben.change(&item, &intent, &mut world).expect("writes");
    }

    /// Intents of Ben's that wait.
    fn waiting(&mut self) -> u64 {
        self.ben.store.read::<_, AppError>(|tx| Ok(tx.count_waiting(&self.space)?)).expect("reads")
    }

    /// A copy of Ben's profile, as another replica.
    #[expect(clippy::disallowed_methods, reason = "a person copies a folder")]
    fn copy(&mut self) -> (TempDir, Profile) {
        self.ben.unload();
        let folder = TempDir::new().expect("folder");
        for file in std::fs::read_dir(self.folder.path()).expect("dir") {
            let file = file.expect("file").path();
            let name = file.file_name().expect("name").to_owned();
            if !name.to_string_lossy().ends_with("-shm") {
                std::fs::copy(&file, folder.path().join(name)).expect("copies");
            }
        }
        let profile = Profile::open(&folder.path().join("p.db")).expect("opens");
        (folder, profile)
    }
}

fn give(profile: &mut Profile, space: &SpaceId, entries: &[Verified], rng: &mut ChaCha20Rng) {
    for entry in entries {
        let path =
            Entries { channel: 1, device: entry.device, chain: entry.header.chain, entries: vec![entry.entry.clone()] };
        let taken = profile.receive(space, vec![path], &World { now: 1_800_000_000, rng }).expect("receives");
        assert!(taken.refused.is_none() && taken.loose.is_empty());
    }
}

fn state(profile: &mut Profile, space: &SpaceId, id: &EntryId) -> Option<State> {
    profile.space(space).expect("space").log.chains().meta(id).map(|meta| meta.state)
}

/// A note of a device's, as its first part, with the document.
fn note(stage: &mut Stage, creator: &DeviceSecret, actor: &DeviceSecret, text: &str) -> (Preimage, Document, Vec<u8>) {
    let preimage = Preimage::new(KindName::parse("note").expect("kind"), None, creator.id(), &mut stage.rng);
    let doc = DocId { item: preimage.id(), writer: Writer::Everyone };
    let mut document = Document::new(doc, domain::schema(&preimage, Writer::Everyone));
    let mut editor = Editor { device: actor.id(), now: 1, rng: &mut stage.rng };
    let edits = [Edit::Text("body".into(), text.into()), Edit::Put("title".into(), Some(text.into()))];
    let changes = document.edit(&mut editor, &edits).expect("edits");
    let raw = changes.iter().flat_map(|it| it.raw_bytes().to_vec()).collect();
    (preimage, document, raw)
}

fn part(preimage: &Preimage, carried: bool, raw: &[u8]) -> Part {
    Part::pack(preimage.id(), None, carried.then(|| preimage.encode()), Form::Changes, raw).expect("packs")
}

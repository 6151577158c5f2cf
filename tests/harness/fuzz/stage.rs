//! What the targets that need people play on: Ben and Anna in an alliance, a relay that has everything, Ben's keys.
//!
//! Made once a thread from a fixed seed. Every input finds it as it was.

use alliance_core::{
    app::{Intent, Profile},
    document::TextEdit,
    domain::{feedback, goal, note},
};
use alliance_replica::{
    id::{DeviceId, EntryId, ItemId, SpaceId},
    log::{Log, chain::State, entry::Entry},
};
use alliance_sync_server::store::{MemoryStore, Store as _, Stored};
use tempfile::TempDir;

use crate::{Laptop, World, copy_files, forge::Forger};

/// The people's alliance, and what they have.
pub(super) struct Stage {
    /// Their alliance.
    pub(super) space: SpaceId,
    /// What the relay has.
    pub(super) store: MemoryStore,
    /// Every entry of the alliance, in the order in which the relay got it.
    pub(super) entries: Vec<(DeviceId, Entry)>,
    /// Anna's profile, which nobody opens.
    anna: TempDir,
    /// Ben's.
    ben: TempDir,
}

thread_local! {
    static STAGE: Stage = Stage::new();
}

/// Lets somebody look at the stage of this thread.
pub(super) fn with<T>(look: impl FnOnce(&Stage) -> T) -> T {
    STAGE.with(look)
}

impl Stage {
    fn new() -> Self {
        let mut world = World::new(5);
        let space = world.ben_and_anna();
        let goal = goal::Add { title: "Run".into(), status: Some("active".into()), ..goal::Add::default() };
        world.add("Ben", space, Intent::Goal(goal::Intent::Add(goal)));
        let note = note::Add { title: "Plan".into(), body: "one two".into(), ..note::Add::default() };
        let note = world.add("Anna", space, Intent::Note(note::Intent::Add(note)));
        let said = feedback::Give { sort: "noticed".into(), body: "you ran".into(), ..feedback::Give::default() };
        world.add("Ben", space, Intent::Feedback(feedback::Intent::Give(said)));
        ["Anna", "Ben", "Anna"].into_iter().for_each(|name| world.sync(name));
        for (name, title, body) in [("Ben", "Plan B", "zero one two"), ("Anna", "Plan A", "one two three")] {
            let edit = note::Edit {
                title: Some(title.into()),
                body: Some(TextEdit::from(body)),
                tag: vec!["week".into()],
                ..note::Edit::default()
            };
            world.change(name, note, Intent::Note(note::Intent::Edit { item: note.item, edit }));
        }
        ["Anna", "Ben", "Anna", "Ben"].into_iter().for_each(|name| world.sync(name));
        let mut ids = Vec::new();
        let store = world.relay.store().clone();
        let mut note_id = |stored: Stored| {
            ids.push((stored.device, EntryId::of(&space, &stored.device, &stored.entry.header)));
            Ok(())
        };
        store.load(&space, &mut note_id).expect("a space");
        let whole: Vec<_> = ids.iter().map(|(_, id)| *id).collect();
        let entries = store.entries(&space, &whole).expect("entries");
        let entries = ids.iter().map(|(device, _)| *device).zip(entries).collect();
        let [ben, anna] = ["Ben", "Anna"].map(|name| world.people.remove(name).expect("a person")).map(|laptop| {
            // The last to close a database empties its write-ahead log.
            drop(laptop.profile);
            laptop.folder
        });
        Self { space, store, entries, anna, ben }
    }

    /// The alliance's log as it is.
    pub(super) fn log(&self) -> Log {
        let mut log = Log::new(self.space);
        for (device, entry) in &self.entries {
            log.restore(device, entry.clone(), State::Applied).expect("an honest entry");
        }
        log
    }

    /// Somebody with Ben's keys.
    pub(super) fn ben(&self) -> Forger {
        Forger::steal_from(&self.ben.path().join("profile.db"), self.space)
    }

    /// Somebody with Anna's keys.
    pub(super) fn anna(&self) -> Forger {
        Forger::steal_from(&self.anna.path().join("profile.db"), self.space)
    }

    /// Anna at her laptop, and the relay, as nothing had happened to them.
    pub(super) fn world(&self) -> World {
        let mut world = World::with(self.store.clone(), 6);
        let folder = TempDir::new().expect("a folder");
        copy_files(self.anna.path(), folder.path());
        let profile = Profile::open(&folder.path().join("profile.db")).expect("a profile");
        world.people.insert("Anna".to_owned(), Laptop { folder, profile, words: None });
        world
    }

    /// What every document here has come to.
    pub(super) fn heads(&self, world: &mut World) -> Heads {
        world.act("Anna", |profile, _| profile.heads(self.space))
    }
}

/// Where every facet of every item stands.
pub(super) type Heads = std::collections::BTreeMap<ItemId, std::collections::BTreeMap<String, Vec<String>>>;

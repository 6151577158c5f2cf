//! A relay that lies about what it has and what it was given, between the real programs of honest people.
//!
//! It cannot read and cannot sign; it can drop, reorder, repeat, withhold, forget and tell each something else. Whatever
//! it does, an exchange with an honest relay brings everybody to the same, with all that anybody wrote; or the security
//! log says what is wrong.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use alliance_core::{
    app::{Intent, Place, SessionError},
    domain::note,
};
use alliance_replica::{
    exchange::frame::{Ack, Code, Entries, Frame, Have, HeldHead},
    id::{DeviceId, EntryId, ItemId, SpaceId},
    log::{
        entry::Header,
        heads::{Chain, Head},
    },
};
use alliance_sync_server::{replica::Relay, store::MemoryStore};
use alliance_tests::{World, forge::Forger, meddler::Way};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Ben and Anna in an alliance where both have written.
struct Scene {
    world: World,
    space: SpaceId,
    written: Vec<String>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let space = world.ben_and_anna();
        let mut scene = Self { world, space, written: Vec::new() };
        for name in ["Ben", "Anna", "Ben"] {
            scene.writes(name, &format!("Before, by {name}"));
            scene.world.sync(name);
        }
        scene.world.sync("Anna");
        scene
    }

    fn writes(&mut self, name: &str, title: &str) {
        let add = note::Add { title: title.into(), body: format!("words of {title}"), ..note::Add::default() };
        self.world.add(name, self.space, Intent::Note(note::Intent::Add(add)));
        self.written.push(title.to_owned());
        self.written.sort();
    }

    fn titles(&mut self, name: &str) -> Vec<String> {
        let space = self.space;
        let notes = self.world.act(name, |profile, _| profile.list(space, "note", true));
        let mut titles: Vec<_> = notes.into_iter().filter(|note| !note.private).map(|note| note.title).collect();
        titles.sort();
        titles
    }

    fn heads(&mut self, name: &str) -> BTreeMap<ItemId, BTreeMap<String, Vec<String>>> {
        let space = self.space;
        self.world.act(name, |profile, _| profile.heads(space))
    }

    /// How often the security log says something.
    fn said(&mut self, name: &str, kind: &str) -> usize {
        let lines = self.world.act(name, |profile, _| profile.security());
        lines.iter().filter(|line| line.kind == kind).count()
    }

    /// What waits or is not known to be with the relay; what came and cannot be read; what the others may lack.
    fn status(&mut self, name: &str) -> [u64; 3] {
        let space = self.space;
        let all = self.world.act(name, |profile, _| profile.status());
        let status = all.into_iter().find(|status| status.space == space).expect("the alliance");
        let missing = status.others.iter().map(|other| other.missing).sum();
        [status.waiting + status.unsent, status.unread, missing]
    }

    fn meddle(&mut self, meddler: impl FnMut(Way, Vec<Frame>) -> Vec<Frame> + 'static) {
        self.world.meddler = Some(Box::new(meddler));
    }

    fn device(&self, name: &str) -> DeviceId {
        Forger::steal(&self.world, name, self.space).device()
    }

    /// With an honest relay all come to the same, and nothing that anybody wrote is missing.
    fn heals(&mut self, names: &[&str]) {
        self.world.meddler = None;
        for name in names.iter().chain(names).chain(names) {
            assert!(self.world.try_sync(name).expect("an honest relay"), "{name} and the relay have not all");
        }
        for name in names {
            self.world.reopen(name);
            assert_eq!(self.titles(name), self.written, "{name}");
            assert_eq!(self.heads(name), self.heads(names[0]), "{name} differs");
            assert_eq!(self.status(name)[..2], [0, 0], "{name}");
            for kind in ["device-wrote-two-histories", "device-cut", "record-without-effect"] {
                assert_eq!(self.said(name, kind), 0, "{name}: {kind}");
            }
        }
    }
}

/// True if an entry that is on its way down is content of this device.
fn is_content_of(device: DeviceId) -> impl Fn(&Entries) -> bool {
    move |entries| entries.device == device && entries.chain == Chain::Content
}

/// Leaves out what is said about some chains, and their entries.
fn without(frames: Vec<Frame>, hidden: impl Fn(&DeviceId, Chain) -> bool) -> Vec<Frame> {
    let keep = |frame| match frame {
        Frame::Have(mut have) => {
            have.heads.retain(|held| !hidden(&held.head.device, held.head.chain));
            Some(Frame::Have(have))
        }
        Frame::Entries(entries) if hidden(&entries.device, entries.chain) => None,
        frame => Some(frame),
    };
    frames.into_iter().filter_map(keep).collect()
}

#[test]
fn a_relay_that_drops_reorders_and_repeats_hurts_nobody_for_longer_than_it_does_so() {
    for seed in 0..12 {
        println!("seed {seed}");
        let mut scene = Scene::new(seed);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut heard: Vec<Frame> = Vec::new();
        scene.meddle(move |_, frames| {
            let mut out = Vec::new();
            for frame in frames {
                let dice = rng.next_u32() % 10;
                let is_greeting = matches!(frame, Frame::Hello(_) | Frame::Prove(_) | Frame::Open(_));
                if !is_greeting {
                    heard.push(frame.clone());
                }
                match dice {
                    0 | 1 if !is_greeting => {}
                    2 if !is_greeting => out.extend([frame.clone(), frame]),
                    3 if !heard.is_empty() && !is_greeting => {
                        out.push(heard[rng.next_u32() as usize % heard.len()].clone());
                        out.push(frame);
                    }
                    _ => out.push(frame),
                }
            }
            // What greets stays first.
            let first = out.iter().take_while(|it| matches!(it, Frame::Hello(_) | Frame::Prove(_))).count();
            for at in (first + 1..out.len()).rev() {
                out.swap(at, first + rng.next_u32() as usize % (at - first + 1));
            }
            out
        });
        for round in 0..6 {
            for name in ["Ben", "Anna"] {
                scene.writes(name, &format!("{round} by {name}"));
                // However it ends.
                let _ = scene.world.try_sync(name);
            }
        }
        for name in ["Ben", "Anna"] {
            assert_eq!(scene.said(name, "device-wrote-two-histories"), 0);
        }
        scene.heals(&["Ben", "Anna"]);
    }
}

#[test]
fn what_is_withheld_from_one_person_is_not_said_to_have_arrived_and_arrives_later() {
    let mut scene = Scene::new(1);
    let ben = scene.device("Ben");
    for n in 0..3 {
        scene.writes("Ben", &format!("Withheld {n}"));
        scene.world.sync("Ben");
        scene.meddle(move |way, frames| match way {
            Way::Up => frames,
            Way::Down => without(frames, |device, chain| *device == ben && chain == Chain::Content),
        });
        scene.writes("Anna", &format!("By Anna {n}"));
        scene.world.sync("Anna");
        scene.world.meddler = None;
        scene.world.sync("Ben");
    }
    assert!(!scene.titles("Anna").contains(&"Withheld 0".to_owned()));
    assert!(scene.titles("Ben").contains(&"By Anna 2".to_owned()), "what she writes is not held up");
    assert_eq!(scene.status("Ben"), [0, 0, 3], "she names what she has in what she writes, so he sees that it lacks");
    scene.heals(&["Anna", "Ben"]);
}

#[test]
fn what_is_withheld_from_all_is_shown_as_not_known_to_have_arrived() {
    let mut scene = Scene::new(2);
    scene.writes("Ben", "For nobody");
    // The relay says that it has it, and keeps it from everybody.
    scene.meddle(|way, frames| {
        frames.into_iter().filter(|it| way == Way::Up || !matches!(it, Frame::Entries(_))).collect()
    });
    scene.world.sync("Ben");
    let settled = scene.world.try_sync("Anna").expect("an exchange");
    assert!(!settled, "it names what it does not give: that is no end");
    scene.writes("Anna", "Though it gives nothing");
    scene.world.try_sync("Anna").expect("an exchange");
    scene.world.try_sync("Ben").expect("an exchange");
    let [unsent, unread, missing] = scene.status("Ben");
    assert!([unsent, unread] == [0, 0] && missing > 0, "not known to be with her: {missing}");
    scene.heals(&["Ben", "Anna"]);
}

#[test]
fn what_follows_something_withheld_waits_and_the_security_log_says_so_once() {
    // Her laptop's content is kept from Ben, and what her tablet wrote with it behind is not.
    let mut scene = Scene::new(3);
    let mut laptop = Forger::steal(&scene.world, "Anna", scene.space);
    let (added, mut tablet) = laptop.add_device(99);
    let path = (added.device, Chain::Control, vec![added.entry.clone()]);
    scene.world.deliver("Ben", scene.space, vec![path]).expect("an honest entry");
    let names = ["Ben", "Anna", "Ben", "Anna", "Ben"];
    names.into_iter().for_each(|name| scene.world.sync(name));
    scene.writes("Anna", "Withheld");
    scene.world.sync("Anna");
    let laptop = Forger::steal(&scene.world, "Anna", scene.space);
    [Chain::Control, Chain::Content].iter().filter_map(|chain| laptop.tip(*chain)).for_each(|tip| tablet.saw(tip));
    let (tip, part) = (tablet.tip(Chain::Content), tablet.note("With that behind it"));
    let names_it = tablet.seal(tip, vec![part]);
    let hidden = laptop.device();
    let hide = move |way, frames| match way {
        Way::Up => frames,
        Way::Down => without(frames, |device, chain| *device == hidden && chain == Chain::Content),
    };
    scene.meddle(hide);
    let path = (names_it.device, Chain::Content, vec![names_it.entry.clone()]);
    scene.world.deliver("Ben", scene.space, vec![path]).expect("goes on");
    scene.written.push("With that behind it".to_owned());
    scene.written.sort();
    for _ in 0..2 {
        assert_eq!(scene.status("Ben")[1], 1, "it waits");
        assert_eq!(scene.said("Ben", "relay-withholds"), 1, "once");
        scene.writes("Ben", &format!("He goes on {}", scene.written.len()));
        scene.world.sync("Ben");
    }
    scene.heals(&["Ben", "Anna"]);
    assert_eq!(scene.said("Ben", "relay-withholds"), 1);
    assert_eq!(scene.said("Anna", "relay-withholds"), 0);
}

#[test]
fn the_end_of_a_chain_without_its_beginning_is_not_taken_and_the_security_log_says_so() {
    let mut scene = Scene::new(4);
    let ben = scene.device("Ben");
    for n in 0..2 {
        scene.writes("Ben", &format!("Part {n}"));
        scene.world.sync("Ben");
    }
    let before = scene.titles("Anna");
    // One path: its first entry is taken out, and its head is not named.
    scene.meddle(move |way, frames| {
        let mut frames = frames;
        for frame in frames.iter_mut().filter(|_| way == Way::Down) {
            match frame {
                Frame::Have(have) => {
                    have.heads.retain(|held| held.head.device != ben || held.head.chain == Chain::Control);
                }
                Frame::Entries(entries) if is_content_of(ben)(entries) => _ = entries.entries.remove(0),
                _ => {}
            }
        }
        frames
    });
    scene.world.sync("Anna");
    assert_eq!(scene.titles("Anna"), before);
    assert_eq!(scene.said("Anna", "relay-withholds"), 1);
    scene.heals(&["Anna", "Ben"]);
    assert_eq!(scene.said("Anna", "relay-withholds"), 1);
}

#[test]
fn what_a_relay_says_is_safe_and_threw_away_is_given_back_to_it_and_shown() {
    let mut scene = Scene::new(5);
    let (ben, space) = (scene.device("Ben"), scene.space);
    let mut owed = Vec::new();
    scene.meddle(move |way, frames| {
        let mut out = Vec::new();
        for frame in frames {
            match frame {
                Frame::Entries(entries) if way == Way::Up && is_content_of(ben)(&entries) => {
                    let Entries { channel, device, chain, entries } = entries;
                    let last = entries.last().expect("an entry");
                    let (id, seq) = (EntryId::of(&space, &device, &last.header), Header::decode(&last.header));
                    let seq = seq.expect("a header").seq;
                    owed.push(Frame::Ack(Ack { channel, heads: vec![Head { device, chain, seq, id }] }));
                }
                frame => out.push(frame),
            }
        }
        if way == Way::Down {
            out.append(&mut owed);
        }
        out
    });
    scene.writes("Ben", "Thrown away");
    assert!(scene.world.try_sync("Ben").expect("an exchange"), "he believes that all is well");
    assert_eq!(scene.status("Ben")[0], 0, "he was told so");
    scene.world.meddler = None;
    scene.world.sync("Anna");
    assert!(!scene.titles("Anna").contains(&"Thrown away".to_owned()));
    scene.heals(&["Ben", "Anna"]);
    assert_eq!(scene.said("Ben", "relay-lost-data"), 1);
}

#[test]
fn a_relay_that_answers_old_heads_gets_all_of_it_again_and_nobody_writes_two_histories() {
    let mut scene = Scene::new(6);
    let old: Rc<RefCell<BTreeMap<u32, Have>>> = Rc::default();
    let keep = Rc::clone(&old);
    scene.meddle(move |way, frames| {
        for frame in &frames {
            if let (Way::Down, Frame::Have(have)) = (way, frame) {
                keep.borrow_mut().entry(have.channel).or_insert_with(|| have.clone());
            }
        }
        frames
    });
    scene.world.sync("Ben");
    for n in 0..4 {
        scene.writes("Ben", &format!("Again {n}"));
        let old = Rc::clone(&old);
        scene.meddle(move |way, mut frames| {
            for frame in frames.iter_mut().filter(|_| way == Way::Down) {
                if let Frame::Have(have) = frame {
                    *have = old.borrow().get(&have.channel).cloned().unwrap_or_default();
                }
            }
            frames
        });
        scene.world.sync("Ben");
    }
    assert!(scene.said("Ben", "relay-lost-data") > 0, "it had said that it has it");
    scene.heals(&["Anna", "Ben"]);
}

#[test]
fn heads_that_nobody_wrote_hold_up_what_is_sealed_and_lose_nothing() {
    let mut scene = Scene::new(7);
    let anna = scene.device("Anna");
    let lies = |chain| {
        move |way, mut frames: Vec<Frame>| {
            for frame in frames.iter_mut().filter(|_| way == Way::Down) {
                if let Frame::Have(have) = frame {
                    let head = Head { device: anna, chain, seq: 1_000, id: EntryId::new([9; 32]) };
                    have.heads.push(HeldHead { head, low: 1 });
                }
            }
            frames
        }
    };
    for chain in [Chain::Control, Chain::Content] {
        scene.writes("Anna", &format!("Waits for {chain:?}"));
        scene.meddle(lies(chain));
        assert!(!scene.world.try_sync("Anna").expect("an exchange"), "it does not end as if all were well");
        assert!(scene.status("Anna")[0] > 0, "it waits here");
        scene.heals(&["Anna", "Ben"]);
    }
}

#[test]
fn two_people_who_are_shown_two_relays_come_together_when_there_is_one_again() {
    let mut scene = Scene::new(8);
    let other = scene.world.relay.store().clone();
    let mut other = Relay::new(other, &[7; 32]).expect("the same key");
    let copy = scene.world.copy("Anna");
    for n in 0..3 {
        scene.writes("Ben", &format!("Here {n}"));
        scene.world.sync("Ben");
        std::mem::swap(&mut scene.world.relay, &mut other);
        scene.writes("Anna", &format!("There {n}"));
        scene.world.sync("Anna");
        std::mem::swap(&mut scene.world.relay, &mut other);
    }
    assert_eq!(scene.status("Ben"), [0, 0, 3], "not known to be with her");
    assert_eq!(scene.status("Anna"), [0, 0, 3], "not known to be with him");
    // An old copy of her profile is shown the one without her, and goes on there: two histories of one device.
    scene.world.clone_person("Anna", "Copy", &copy);
    scene.writes("Copy", "By the copy");
    scene.world.sync("Copy");
    scene.world.sync("Ben");
    assert!(scene.titles("Ben").contains(&"By the copy".to_owned()));
    std::mem::swap(&mut scene.world.relay, &mut other);
    scene.world.sync("Ben");
    assert_eq!(scene.said("Ben", "relay-lost-data"), 1, "it had what this one has not");
    scene.heals(&["Ben", "Anna", "Copy"]);
}

#[test]
fn a_restored_profile_that_is_shown_old_heads_forks_and_both_histories_count() {
    let mut scene = Scene::new(9);
    let copy = scene.world.copy("Anna");
    let old = scene.world.relay.store().clone();
    scene.writes("Anna", "Before the loss");
    scene.world.sync("Anna");
    scene.world.sync("Ben");
    scene.world.restore("Anna", &copy);
    let old = Relay::new(old, &[7; 32]).expect("the same key");
    let new = std::mem::replace(&mut scene.world.relay, old);
    scene.writes("Anna", "After the loss");
    scene.world.sync("Anna");
    scene.world.relay = new;
    scene.heals(&["Anna", "Ben"]);
}

#[test]
fn entries_of_another_space_count_nowhere_and_stop_no_other_space() {
    let mut scene = Scene::new(10);
    let private = note::Add { title: "Only mine".into(), body: "doubts".into(), ..note::Add::default() };
    let private = Intent::Note(note::Intent::Add(private));
    scene.world.act("Anna", |profile, world| profile.add(Place::Personal, &private, world));
    scene.world.sync("Anna");
    scene.writes("Ben", "From Ben");
    scene.world.sync("Ben");
    // A copy that lacks it all, so that it is sent.
    let empty = scene.world.copy("Anna");
    let seen = Rc::<RefCell<BTreeSet<u32>>>::default();
    let crossed = Rc::clone(&seen);
    scene.writes("Anna", "From Anna");
    scene.world.act("Anna", |profile, world| profile.add(Place::Personal, &private, world));
    scene.world.sync("Anna");
    scene.world.restore("Anna", &empty);
    scene.meddle(move |way, mut frames| {
        for frame in frames.iter_mut().filter(|_| way == Way::Down) {
            if let Frame::Entries(entries) = frame {
                crossed.borrow_mut().insert(entries.channel);
                // Two spaces, two channels.
                entries.channel = 3 - entries.channel;
            }
        }
        frames
    });
    let settled = scene.world.try_sync("Anna").expect("an exchange");
    assert_eq!(seen.borrow().len(), 2, "entries of both spaces were sent to the other");
    assert!(!settled, "what the relay names has not come: that is no end");
    scene.heals(&["Anna", "Ben"]);
    assert_eq!(scene.said("Ben", "entry-refused"), 0, "she hands on nothing of it");
}

#[test]
fn a_full_store_acknowledges_nothing_and_all_of_it_comes_when_there_is_room() {
    let mut scene = Scene::new(11);
    scene.world.relay.store_mut().set_full(true);
    scene.writes("Ben", "No room");
    let refused = scene.world.try_sync("Ben");
    assert!(matches!(refused, Err(SessionError::Closed(Code::Storage))), "{refused:?}");
    assert_eq!(scene.status("Ben")[0], 1, "it is not said to be there");
    let ids = |store: &MemoryStore, space| store.ids(&space).len();
    let before = ids(scene.world.relay.store(), scene.space);
    scene.world.relay.store_mut().set_full(false);
    scene.heals(&["Ben", "Anna"]);
    assert!(ids(scene.world.relay.store(), scene.space) > before);
}

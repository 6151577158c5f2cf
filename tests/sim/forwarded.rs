//! What a relay hears from one and says to another: proofs that are good elsewhere, whispers that were meant for others.

use alliance_core::{
    app::{Place, Session, World as Outside},
    domain::note,
    keys::Invitation,
};
use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Code, Error, Frame, Hello, Whisper},
    },
    id::{ReplicaKey, Secret, SpaceId},
    limits,
};
use alliance_sync_server::{
    replica::{ConnectionId, Now, Output, Relay},
    store::MemoryStore,
};
use alliance_tests::{
    RELAY, START, World,
    forge::Forger,
    meddler::{Watching, channel_of},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// The relay that Ben's alliance really uses, and one connection to it that somebody else holds.
struct Honest {
    relay: Relay<MemoryStore>,
    connection: ConnectionId,
}

impl Honest {
    fn new(relay: Relay<MemoryStore>) -> Self {
        let mut honest = Self { relay, connection: ConnectionId(7_000) };
        honest.relay.connect(honest.connection, [7; 32]);
        honest
    }

    fn say(&mut self, frame: &[u8]) {
        let now = Now { unix: START as u64, elapsed: std::time::Duration::from_secs(START as u64) };
        self.relay.handle(self.connection, frame, now);
        self.relay.commit();
    }

    fn hear(&mut self) -> Vec<Frame> {
        let mut heard = Vec::new();
        while let Some(output) = self.relay.poll() {
            if let Output::Send { frame, .. } | Output::Drop { frame, .. } = output {
                heard.push(Frame::decode(&frame).expect("a frame"));
            }
        }
        heard
    }
}

/// Ben, who connects to a relay that hands his words on to the one that he knows.
struct Stage {
    world: World,
    honest: Honest,
    session: Session,
    rng: ChaCha20Rng,
}

impl Stage {
    fn new() -> Self {
        let mut world = World::new(1);
        world.ben_and_anna();
        let store = world.relay.store().clone();
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut relay = world.act("Ben", |profile, _| profile.relays()).remove(0);
        // The one in the middle is not known yet, as at a first meeting.
        relay.key = None;
        let session = Session::new(&relay, &mut Outside { now: START, rng: &mut rng });
        let honest = Honest::new(Relay::new(store, &[7; 32]).expect("the honest relay"));
        Self { world, honest, session, rng }
    }

    fn ben_says(&mut self) -> Vec<Vec<u8>> {
        let ben = self.world.people.get_mut("Ben").expect("Ben");
        let mut frames = Vec::new();
        while let Some(frame) = self.session.poll_transmit(&mut ben.profile).expect("transmits") {
            frames.push(frame);
        }
        frames
    }

    fn ben_hears(&mut self, frame: &[u8]) -> bool {
        let ben = self.world.people.get_mut("Ben").expect("Ben");
        let mut outside = Outside { now: START, rng: &mut self.rng };
        self.session.handle(&mut ben.profile, frame, &mut outside).is_ok()
    }
}

fn closed_for(heard: &[Frame]) -> Option<Code> {
    heard.iter().find_map(|frame| if let Frame::Error(error) = frame { Some(error.code) } else { None })
}

#[test]
fn a_proof_made_for_one_relay_is_worth_nothing_at_another() {
    let mut stage = Stage::new();
    // It greets Ben in its own name and the honest relay with Ben's very words.
    let mut middle = Exchange::new(Role::Responder, Secret::from_seed(&[66; 32]), [66; 32]);
    let hello = stage.ben_says().remove(0);
    stage.honest.say(&hello);
    assert!(stage.honest.hear().iter().any(|frame| matches!(frame, Frame::Hello(_))));
    middle.handle(&hello).expect("a hello");
    let mut prove = None;
    while let Some(frame) = middle.poll_transmit() {
        assert!(stage.ben_hears(&frame), "it can prove its own key");
        prove = prove.or_else(|| {
            let said = stage.ben_says();
            said.into_iter().find(|it| matches!(Frame::decode(it), Ok(Frame::Prove(_))))
        });
    }
    stage.honest.say(&prove.expect("Ben proves the key of the moment"));
    let heard = stage.honest.hear();
    assert_eq!(closed_for(&heard), Some(Code::Proof), "{heard:?}");
}

#[test]
fn an_opening_made_for_one_relay_opens_nothing_at_another() {
    let mut stage = Stage::new();
    let mut middle = Exchange::new(Role::Responder, Secret::from_seed(&[66; 32]), [66; 32]);
    let mut as_client = Exchange::new(Role::Initiator, Secret::from_seed(&[67; 32]), [67; 32]);
    let mut opens = Vec::new();
    for _ in 0..4 {
        for frame in stage.ben_says() {
            if matches!(Frame::decode(&frame), Ok(Frame::Open(_))) {
                opens.push(frame);
            } else if opens.is_empty() {
                middle.handle(&frame).expect("Ben is honest");
            }
        }
        while let Some(frame) = middle.poll_transmit() {
            assert!(stage.ben_hears(&frame));
        }
    }
    assert!(!opens.is_empty(), "he opens his spaces");
    let mut proven = false;
    while !proven {
        while let Some(frame) = as_client.poll_transmit() {
            stage.honest.say(&frame);
        }
        for frame in stage.honest.hear() {
            proven |= matches!(as_client.handle(&frame.encode()), Ok(Some(Event::Proven { .. })));
        }
    }
    while let Some(frame) = as_client.poll_transmit() {
        stage.honest.say(&frame);
    }
    stage.honest.say(&opens[0]);
    let heard = stage.honest.hear();
    assert_eq!(closed_for(&heard), Some(Code::Proof), "{heard:?}");
    assert!(!heard.iter().any(|frame| matches!(frame, Frame::Have(_) | Frame::Entries(_))), "{heard:?}");
}

#[test]
fn nobody_greets_in_the_name_of_a_relay_whose_key_they_do_not_have() {
    let mut stage = Stage::new();
    let key: ReplicaKey = stage.honest.relay.key();
    let his = stage.ben_says().remove(0);
    stage.honest.say(&his);
    let heard = stage.honest.hear();
    let honest = heard.iter().find_map(|frame| if let Frame::Hello(it) = frame { Some(it.nonce) } else { None });
    // Its key with a nonce of their own; then nothing but the honest relay's own proof is left to be shown.
    let hello = Hello { oldest: limits::OLDEST_VERSION, newest: limits::VERSION, nonce: [66; 32], key };
    assert_ne!(honest.expect("a hello"), hello.nonce);
    assert!(stage.ben_hears(&Frame::Hello(hello).encode()));
    // For that one needs Ben's proof, which is for the other greeting.
    for frame in stage.ben_says() {
        stage.honest.say(&frame);
    }
    assert_eq!(closed_for(&stage.honest.hear()), Some(Code::Proof));
    let own = Secret::from_seed(&[66; 32]).sign("alliance/1 prove", &[&[1], &[0; 32]]);
    let prove = Frame::Prove(alliance_replica::exchange::frame::Prove { signature: own }).encode();
    assert!(!stage.ben_hears(&prove), "he goes away");
    assert!(stage.ben_says().iter().all(|it| !matches!(Frame::decode(it), Ok(Frame::Open(_)))), "and opens nothing");
}

/// Ben and Anna, who have two alliances and watch both.
struct Rooms {
    world: World,
    spaces: [SpaceId; 2],
    ben: Watching,
    /// What the relay was told.
    told: Vec<Frame>,
    /// Ben's channels of the two.
    channels: [u32; 2],
    /// What Anna whispered with Ben there.
    whispers: Vec<Whisper>,
}

impl Rooms {
    fn new() -> Self {
        let mut world = World::new(3);
        let first = world.ben_and_anna();
        let second = world.act("Ben", |profile, world| profile.new_alliance("Another", Some(RELAY), world));
        let invitation = world.act("Ben", |profile, world| profile.invite(second, START as u64 + 86_400, world));
        world.sync("Ben");
        world.join("Anna", Invitation::parse(&invitation.reveal()).expect("an invitation"));
        ["Anna", "Ben", "Anna", "Ben"].into_iter().for_each(|name| world.sync(name));
        let mut watching = [world.watch("Ben"), world.watch("Anna")];
        let told: Vec<_> = (0..3).flat_map(|_| world.pump(&mut watching, 0)).collect();
        let [mut ben, anna] = watching;
        let both = [first, second];
        let came = ben.came_and_went();
        assert!(both.iter().all(|space| came.contains(&(*space, true))), "{came:?}");
        let hers: Vec<_> = both.iter().map(|space| Forger::steal(&world, "Anna", *space).device()).collect();
        let whispers: Vec<_> = told
            .iter()
            .filter_map(|frame| if let Frame::Whisper(it) = frame { Some(it.clone()) } else { None })
            .filter(|whisper| hers.contains(&whisper.device))
            .collect();
        assert!(whispers.len() >= 4, "{}", whispers.len());
        world.unplug(anna);
        // Nobody hears her any more.
        let mut alone = [ben];
        world.pump(&mut alone, 41_000);
        let [mut ben] = alone;
        let went = ben.came_and_went();
        assert!(both.iter().all(|space| went.contains(&(*space, false))), "{went:?}");
        let opened: Vec<_> = told.iter().filter(|it| matches!(it, Frame::Open(_))).cloned().collect();
        let his = opened.len() / 2;
        let channels = both.map(|space| channel_of(&opened[..his], space));
        Self { world, spaces: both, ben, told, channels, whispers }
    }

    /// Whether Ben takes any of these for somebody who is here, wherever they are said.
    fn brings_somebody(&mut self, whispers: &[Whisper]) -> bool {
        for whisper in whispers {
            for channel in self.channels {
                let whisper = Frame::Whisper(Whisper { channel, ..whisper.clone() });
                self.world.say(&mut self.ben, &whisper);
            }
        }
        self.ben.came_and_went().iter().any(|(_, here)| *here)
    }
}

#[test]
fn a_whisper_that_is_played_again_or_elsewhere_or_for_another_device_shows_nobody() {
    let mut rooms = Rooms::new();
    let whispers = rooms.whispers.clone();
    assert!(!rooms.brings_somebody(&whispers), "what she said before she went");
    // A counter that he has not seen, a device that has not whispered, an epoch that opens it elsewhere.
    let later: Vec<_> = whispers.iter().map(|it| Whisper { counter: it.counter + 100, ..it.clone() }).collect();
    assert!(!rooms.brings_somebody(&later));
    let devices: Vec<_> =
        rooms.spaces.iter().map(|space| Forger::steal(&rooms.world, "Anna", *space).device()).collect();
    for device in devices {
        let moved: Vec<_> =
            whispers.iter().map(|it| Whisper { device, counter: it.counter + 200, ..it.clone() }).collect();
        assert!(!rooms.brings_somebody(&moved));
    }
    // In a later connection, with all that was ever said to the relay.
    let all: Vec<_> = rooms
        .told
        .iter()
        .filter_map(|frame| if let Frame::Whisper(it) = frame { Some(it.clone()) } else { None })
        .collect();
    let mut again = [rooms.world.watch("Ben")];
    rooms.world.pump(&mut again, 0);
    let [again] = again;
    let before = std::mem::replace(&mut rooms.ben, again);
    rooms.world.unplug(before);
    assert!(!rooms.brings_somebody(&all), "his name of the moment is another");
    // And when she really comes, he sees her.
    let anna = rooms.world.watch("Anna");
    let ben = std::mem::replace(&mut rooms.ben, anna);
    let mut both = [ben, rooms.ben];
    for _ in 0..3 {
        rooms.world.pump(&mut both, 1);
    }
    assert_eq!(both[0].came_and_went().iter().filter(|(_, here)| *here).count(), 2);
}

#[test]
fn nobody_is_here_where_the_relay_has_closed_the_door() {
    let mut world = World::new(5);
    let space = world.ben_and_anna();
    let mut both = [world.watch("Ben"), world.watch("Anna")];
    let told: Vec<_> = (0..3).flat_map(|_| world.pump(&mut both, 0)).collect();
    let [ben, _] = &mut both;
    assert!(ben.came_and_went().contains(&(space, true)));
    let closed = Error { code: Code::NotMember, channel: Some(channel_of(&told, space)), entry: None };
    world.say(ben, &Frame::Error(closed));
    world.pump(&mut both, 1000);
    assert_eq!(both[0].came_and_went(), [(space, false)]);
}

#[test]
fn whispers_change_nothing_that_is_kept() {
    let mut rooms = Rooms::new();
    let [first, _] = rooms.spaces;
    let heads = |world: &mut World| world.act("Ben", |profile, _| profile.heads(first));
    let before = heads(&mut rooms.world);
    let whispers = rooms.whispers.clone();
    rooms.brings_somebody(&whispers);
    assert_eq!(heads(&mut rooms.world), before);
    let add = note::Add { title: "Later".into(), body: "more".into(), ..note::Add::default() };
    let intent = alliance_core::app::Intent::Note(note::Intent::Add(add));
    rooms.world.act("Ben", |profile, world| profile.add(Place::Alliance(first), &intent, world));
    assert!(rooms.world.try_sync("Ben").expect("a sync"));
}

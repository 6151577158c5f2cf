//! What one member can hand another: an invitation, the content of an entry, packed bytes, a whisper.

use alliance_core::{
    app::{Calendar, Intent, ItemRef},
    document::Writer,
    domain::{KINDS, note},
    keys::{Content, Form, Invitation, Part, invitation},
    view::Grain,
};
use alliance_replica::{
    exchange::frame::Frame,
    id::{ItemId, SpaceId, hash},
    limits,
    log::{entry::Verified, heads::Chain},
};
use data_encoding::BASE64URL_NOPAD;

use super::{
    encodes, is_deterministic,
    stage::{self, Stage},
};
use crate::{World, meddler::channel_of};

/// The text of an invitation, as it is and with the bytes as its terms and the right checksum.
pub(super) fn invitation(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        again(text);
    }
    let secret = [7; 32];
    let length = (bytes.len() as u64).to_be_bytes();
    let sum = hash("alliance/1 invitation checksum", &[&length, bytes, &secret]);
    let secret = BASE64URL_NOPAD.encode(&[&secret, &sum[..4]].concat());
    let is_read = again(&format!("alliance:{}#{secret}", BASE64URL_NOPAD.encode(bytes)));
    assert!(!is_read || is_deterministic(&bytes[1..]), "terms are taken in another encoding than their own");
}

/// What is read of an invitation is read again of what it reveals; true if it is read at all.
fn again(text: &str) -> bool {
    let Ok(read) = Invitation::parse(text) else { return false };
    let revealed = read.reveal();
    assert!(revealed.len() <= invitation::LONGEST, "an invitation gets longer");
    let again = Invitation::parse(&revealed).expect("an invitation that was read");
    assert_eq!(again.terms(), read.terms());
    assert_eq!(again.device_secret().id(), read.device_secret().id());
    true
}

/// The plaintext of a content entry by Ben, all the way into Anna's profile.
pub(super) fn content(bytes: &[u8]) {
    if let Ok(content) = Content::decode(bytes) {
        encodes("content", bytes, &content);
    }
    stage::with(|stage| {
        let mut ben = stage.ben();
        let entry = ben.sealed_for(stage.space, ben.tip(Chain::Content), bytes);
        arrives(stage, &entry);
    });
}

/// A part's length, four bytes, and its zstd frame.
pub(super) fn packed(bytes: &[u8]) {
    let Some((length, packed)) = bytes.split_first_chunk() else { return };
    let length = u32::from_le_bytes(*length);
    let (item, packed) = (ItemId::new([9; 16]), packed.to_vec());
    let part = Part { item, writer: None, preimage: None, form: Form::Changes, length, packed };
    let mut budget = limits::INFLATED;
    let Ok(raw) = part.unpack(&mut budget) else { return };
    assert_eq!((raw.len(), budget), (length as usize, limits::INFLATED - raw.len()));
    if raw.len() <= 1024 * 1024 {
        let again = Part::pack(part.item, None, None, Form::Changes, &raw).expect("within limits");
        assert!(again.unpack(&mut { limits::INFLATED }).is_ok_and(|it| it == raw), "packed and not the same");
    }
}

/// The words of a whisper by Ben, while Anna stays beside her alliance.
pub(super) fn whisper(bytes: &[u8]) {
    stage::with(|stage| {
        let mut world = stage.world();
        let mut watching = [world.watch("Anna")];
        let told = world.pump(&mut watching, 0);
        let channel = channel_of(&told, stage.space);
        let before = stage.heads(&mut world);
        let Some(whisper) = stage.ben().whisper(channel, 1, bytes) else { return };
        let [anna] = &mut watching;
        world.say(anna, &Frame::Whisper(whisper.clone()));
        assert!(anna.came_and_went().is_empty(), "somebody is here who never heard that Anna is");
        world.say(anna, &Frame::Whisper(whisper));
        assert!(anna.came_and_went().is_empty(), "a whisper that is played again shows somebody");
        assert_eq!(stage.heads(&mut world), before, "a whisper changed what is kept");
        let said = world.pump(&mut watching, 1_000).len();
        assert!(said <= 2, "{said} frames answer one whisper");
    });
}

/// Brings an entry by Ben to Anna. Whatever it says, her exchange goes on, what is hers stays, everything can be looked
/// at, the same entry changes nothing the second time, and she can go on writing.
pub(super) fn arrives(stage: &Stage, entry: &Verified) {
    let mut world = stage.world();
    let anna = stage.anna().member;
    let before = stage.heads(&mut world);
    let path = || vec![(entry.device, Chain::Content, vec![entry.entry.clone()])];
    world.deliver("Anna", stage.space, path()).expect("an exchange goes on");
    let after = stage.heads(&mut world);
    let own = Writer::Only(anna).member().expect("a member").to_string();
    for (item, facets) in &after {
        let had = before.get(item).and_then(|facets| facets.get(&own));
        assert_eq!(facets.get(&own), had, "somebody else wrote where only Anna may");
    }
    assert!(before.keys().all(|item| after.contains_key(item)), "an item is gone");
    // What changed nothing has been looked at with the inputs before.
    if after != before {
        look_at_all(&mut world, stage.space);
    }
    world.deliver("Anna", stage.space, path()).expect("an exchange goes on");
    assert_eq!(stage.heads(&mut world), after, "the same entry changed something again");
    world.reopen("Anna");
    assert_eq!(stage.heads(&mut world), after, "something else is there after the profile was opened again");
    let add = note::Add { title: "Later".into(), body: "words".into(), ..note::Add::default() };
    world.add("Anna", stage.space, Intent::Note(note::Intent::Add(add)));
    assert!(world.try_sync("Anna").is_ok_and(|settled| settled), "Anna cannot go on");
}

/// Looks at everything that a person can look at.
fn look_at_all(world: &mut World, space: SpaceId) {
    let calendar = |grain| Calendar { grain, day: &|time| time.div_euclid(86_400), today: 30_000, most: 50 };
    let mut seen: Vec<ItemRef> = Vec::new();
    let kinds = KINDS.iter().map(|kind| kind.name).chain(["dream"]);
    for kind in kinds {
        for all in [false, true] {
            let list = world.act("Anna", |profile, _| profile.list(space, kind, all));
            seen.extend(list.into_iter().map(|it| it.item));
        }
    }
    seen.push(world.act("Anna", |profile, _| profile.alliance_item(space)));
    let heads = world.act("Anna", |profile, _| profile.heads(space));
    seen.extend(heads.into_keys().map(|item| ItemRef { space, item }));
    seen.sort();
    seen.dedup();
    for item in seen {
        let whole = world.act("Anna", |profile, _| profile.item(&item));
        for grain in [Grain::Day, Grain::Change] {
            world.act("Anna", |profile, _| profile.history(space, Some(item), &calendar(grain)));
        }
        for field in ["title", "body", "why", "reason", "response", "level0"] {
            // Not everything has each, and not everybody may write each.
            _ = world.try_act("Anna", |profile, _| profile.text(&item, field));
        }
        if let Some(value) = whole.choices.iter().flat_map(|choice| &choice.values).next() {
            let copy = world.copy("Anna");
            // Who may not choose is told so.
            _ = world.try_act("Anna", |profile, outside| profile.keep(&item, value.number, outside));
            world.restore("Anna", &copy);
        }
    }
    world.act("Anna", |profile, _| profile.today(space));
    world.act("Anna", |profile, _| profile.conflicts(space));
    world.act("Anna", |profile, _| profile.history(space, None, &calendar(Grain::Day)));
    for words in ["plan", "r", "one two", "\u{1f600}"] {
        world.act("Anna", |profile, _| profile.search(Some(space), words));
        _ = world.try_act("Anna", |profile, _| profile.find_to_show(space, None, words));
    }
    world.act("Anna", |profile, _| profile.alliances());
    world.act("Anna", |profile, _| profile.status());
    world.act("Anna", |profile, _| profile.checkup());
}

//! What a computer had not sent and a backup kept: it comes in once, whoever takes it over and whoever comes back.

use alliance_core::{
    app::{AsideState, Backup, Computer, Intent, ItemRef, Merged, Place},
    domain::note::{self, Edit},
    keys::Invitation,
};
use alliance_replica::{id::SpaceId, log::control::Reason};
use alliance_tests::{START, World};

const BENS: [&str; 3] = ["Ben", "Ben's tablet", "Ben's third"];

/// Ben has three computers, all in his alliance with Anna.
fn with_three(seed: u64) -> (World, SpaceId) {
    let mut world = World::new(seed);
    let space = world.ben_and_anna();
    for name in &BENS[1..] {
        let expires = START.unsigned_abs() + 86_400;
        let invitation = world.act("Ben", |profile, outside| profile.invite_computer(expires, outside));
        world.sync("Ben");
        world.blank(name);
        world.join(name, Invitation::parse(&invitation.reveal()).expect("an invitation"));
        for _ in 0..2 {
            for name in [name, "Ben"] {
                world.tend(name);
            }
        }
    }
    settle(&mut world);
    (world, space)
}

fn settle(world: &mut World) {
    for _ in 0..2 {
        for name in BENS {
            if world.act(name, |profile, _| profile.computers())[0].live {
                world.tend(name);
            }
        }
        world.sync("Anna");
    }
}

fn noted(title: &str) -> Intent {
    alliance_tests::note(title)
}

fn back_up(world: &mut World, name: &str) -> Vec<u8> {
    world.act(name, |profile, outside| profile.back_up(Vec::new(), outside)).0
}

fn restore(world: &mut World, name: &str, file: &[u8]) -> Merged {
    let found: Backup = world.act(name, |profile, _| profile.check_backup(file, None));
    world.act(name, |profile, outside| profile.merge_backup(found, file, None, outside))
}

fn aside(world: &mut World, name: &str) -> Vec<(u64, AsideState)> {
    world.act(name, |profile, _| profile.aside()).into_iter().map(|it| (it.things, it.state)).collect()
}

fn cut(world: &mut World, name: &str, which: &str) {
    let places = world.act(which, |profile, _| profile.computers())[0].places.clone();
    let is = |it: &Computer| it.places.iter().any(|(space, device)| places.get(space) == Some(device));
    let computer = world.act(name, |profile, _| profile.computers()).into_iter().find(is).expect("it is known");
    world.act(name, |profile, _| profile.cut_computer(&computer, Reason::Lost));
    world.tend(name);
}

fn rename(item: ItemRef, title: &str) -> Intent {
    let edit = Edit { title: Some(title.to_owned()), ..Edit::default() };
    Intent::Note(note::Intent::Edit { item: item.item, edit })
}

fn heads(world: &mut World, name: &str, space: SpaceId) -> String {
    format!("{:?}", world.act(name, |profile, _| profile.heads(space)))
}

/// The same for everybody who is in, and no entry that was refused.
fn assert_same(world: &mut World, names: &[&str], space: SpaceId, titles: &[&str]) {
    let first = heads(world, names[0], space);
    for name in names {
        assert_eq!(world.titles(name, space), titles, "{name}");
        assert_eq!(heads(world, name, space), first, "{name}");
        let refused = world.act(name, |profile, _| profile.security()).into_iter();
        let refused: Vec<_> =
            refused.filter(|it| it.kind == "entry-refused" || it.kind == "record-without-effect").collect();
        assert!(refused.is_empty(), "{name}: {refused:?}");
        let status = world.act(name, |profile, _| profile.status());
        assert!(status.iter().all(|it| it.unread == 0 && it.waiting == 0), "{name}: {status:?}");
    }
}

#[test]
fn two_computers_take_over_from_a_third_and_everything_is_there_once() {
    let (mut world, space) = with_three(1);
    let before = world.add("Ben", space, noted("Before"));
    settle(&mut world);
    world.add("Ben's tablet", space, noted("Not sent"));
    let early = back_up(&mut world, "Ben's tablet");
    world.change("Ben's tablet", before, rename(before, "Before, and changed"));
    world.add("Ben's tablet", space, noted("Not sent later"));
    let late = back_up(&mut world, "Ben's tablet");
    restore(&mut world, "Ben", &early);
    restore(&mut world, "Ben's third", &late);
    restore(&mut world, "Ben's third", &early);
    assert_eq!(aside(&mut world, "Ben"), [(1, AsideState::Lives)]);
    assert_eq!(aside(&mut world, "Ben's third"), [(3, AsideState::Lives)]);
    settle_two(&mut world);
    assert_same(&mut world, &["Ben", "Ben's third", "Anna"], space, &["Before"]);

    cut(&mut world, "Ben", "Ben's tablet");
    settle_two(&mut world);
    for name in ["Ben", "Ben's third"] {
        assert_eq!(aside(&mut world, name), [], "{name}");
    }
    let all = ["Before, and changed", "Not sent", "Not sent later"];
    assert_same(&mut world, &["Ben", "Ben's third", "Anna"], space, &all);
    // Whoever took over goes on, and the one that was lost brings nothing more.
    world.change("Ben", before, rename(before, "Before, and changed again"));
    world.add("Ben's tablet", space, noted("By whoever has it"));
    _ = world.try_sync("Ben's tablet");
    settle_two(&mut world);
    let all = ["Before, and changed again", "Not sent", "Not sent later"];
    assert_same(&mut world, &["Ben", "Ben's third", "Anna"], space, &all);
    let members = world.act("Anna", |profile, _| profile.members(space));
    assert_eq!(members.other.expect("Ben").devices, 2);
    assert_eq!(
        world.act("Ben", |profile, _| profile.computers()).len(),
        3,
        "the lost one is still a computer of its own"
    );
    // One that took over is lost as well: what it sealed stays, and its own work is taken over likewise.
    world.add("Ben's third", space, noted("Not sent by the third"));
    let third = back_up(&mut world, "Ben's third");
    restore(&mut world, "Ben", &third);
    cut(&mut world, "Ben", "Ben's third");
    world.tend("Ben");
    world.sync("Anna");
    let all = ["Before, and changed again", "Not sent", "Not sent by the third", "Not sent later"];
    assert_same(&mut world, &["Ben", "Anna"], space, &all);
}

fn settle_two(world: &mut World) {
    for _ in 0..2 {
        for name in ["Ben", "Ben's third"] {
            world.tend(name);
        }
        world.sync("Anna");
    }
}

#[test]
fn nobody_takes_over_from_a_computer_that_goes_on_under_fresh_keys() {
    let (mut world, space) = with_three(2);
    world.add("Ben's tablet", space, noted("Not sent"));
    let file = back_up(&mut world, "Ben's tablet");
    restore(&mut world, "Ben", &file);
    // Its key is dead, and it is not: what it has comes with the new one.
    world.act("Ben's tablet", |profile, _| profile.renew_computer());
    world.tend("Ben's tablet");
    world.add("Ben's tablet", space, noted("Not sent either"));
    let file = back_up(&mut world, "Ben's tablet");
    restore(&mut world, "Ben", &file);
    assert_eq!(aside(&mut world, "Ben"), [(1, AsideState::Lives)]);
    world.sync("Ben");
    assert_eq!(aside(&mut world, "Ben"), [(1, AsideState::Lives)]);
    settle(&mut world);
    assert_eq!(aside(&mut world, "Ben"), []);
    assert_same(&mut world, &["Ben", "Ben's tablet", "Ben's third", "Anna"], space, &["Not sent", "Not sent either"]);
    let taken = world.act("Ben", |profile, _| profile.security());
    assert!(taken.iter().all(|it| it.kind != "work-taken-over"), "{taken:?}");
}

#[test]
fn what_builds_on_something_that_a_cut_set_aside_stays_aside_and_is_said_to() {
    let (mut world, space) = with_three(3);
    let item = world.add("Ben's tablet", space, noted("First words"));
    world.sync("Ben's tablet");
    // Nobody else has come before the relay loses it.
    world.wipe_relay();
    world.change("Ben's tablet", item, rename(item, "Second words"));
    world.add("Ben's tablet", space, noted("Something else"));
    let file = back_up(&mut world, "Ben's tablet");
    cut(&mut world, "Ben", "Ben's tablet");
    restore(&mut world, "Ben", &file);
    assert_eq!(aside(&mut world, "Ben"), [(2, AsideState::Next)]);
    settle_two(&mut world);
    assert_eq!(aside(&mut world, "Ben"), [(1, AsideState::Lacks)]);
    assert_same(&mut world, &["Ben", "Ben's third", "Anna"], space, &["Something else"]);
}

#[test]
fn a_computer_takes_its_own_work_back_also_after_it_was_renewed() {
    let (mut world, space) = with_three(4);
    let old = world.copy("Ben's tablet");
    world.add("Ben's tablet", space, noted("Not sent"));
    world.act("Ben's tablet", |profile, outside| profile.add(Place::Personal, &noted("Only mine"), outside));
    let file = back_up(&mut world, "Ben's tablet");
    world.restore("Ben's tablet", &old);
    world.act("Ben's tablet", |profile, _| profile.renew_computer());
    world.tend("Ben's tablet");
    let merged = restore(&mut world, "Ben's tablet", &file);
    assert_eq!(merged.new.values().sum::<u64>(), 0, "{merged:?}");
    assert_eq!(aside(&mut world, "Ben's tablet"), []);
    settle(&mut world);
    assert_same(&mut world, &BENS, space, &["Not sent", "Only mine"]);
    assert_same(&mut world, &["Anna"], space, &["Not sent"]);
    let personal =
        world.act("Ben", |profile, _| profile.status()).into_iter().find(|it| it.personal).expect("it").space;
    assert_eq!(heads(&mut world, "Ben", personal), heads(&mut world, "Ben's tablet", personal));
}

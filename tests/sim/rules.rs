//! Rules of the exchange, each with the case in which leaving it out does harm. Most have theirs beside what else they
//! are about: docs/testing.md has the list.

use std::{cell::Cell, rc::Rc};

use alliance_core::app::SpaceStatus;
use alliance_replica::{
    exchange::frame::{Frame, HeldHead},
    id::{DeviceId, EntryId, SpaceId},
    log::heads::{Chain, Head},
};
use alliance_tests::{World, forge::Forger, meddler::Way, note};
use rusqlite::Connection;

fn status(world: &mut World, name: &str, space: SpaceId) -> SpaceStatus {
    let all = world.act(name, |profile, _| profile.status());
    all.into_iter().find(|status| status.space == space).expect("the alliance")
}

/// Leaves out content of a device on its way down.
fn hide(world: &mut World, hidden: DeviceId) {
    let is_hidden = move |frame: &Frame| match frame {
        Frame::Entries(entries) => entries.device == hidden && entries.chain == Chain::Content,
        _ => false,
    };
    world.meddler = Some(Box::new(move |way, frames| match way {
        Way::Up => frames,
        Way::Down => frames.into_iter().filter(|frame| !is_hidden(frame)).collect(),
    }));
}

/// Places of content chains at which a profile has several entries.
fn forks(world: &World, name: &str, space: SpaceId) -> u64 {
    let file = Connection::open(world.people[name].folder.path().join("profile.db")).expect("a profile");
    let twins = "SELECT device FROM entries WHERE space = ?1 AND chain = 1 GROUP BY device, seq HAVING COUNT(*) > 1";
    let sql = format!("SELECT COUNT(*) FROM ({twins})");
    file.query_row(&sql, [space.as_ref()], |row| row.get::<_, i64>(0)).expect("a number").unsigned_abs()
}

#[test]
fn nothing_is_sealed_while_an_entry_of_ones_own_waits() {
    let mut world = World::new(71);
    let space = world.ben_and_anna();
    let copy = world.copy("Anna");
    world.add("Ben", space, note("From Ben"));
    world.sync("Ben");
    world.sync("Anna");
    world.add("Anna", space, note("With that behind it"));
    world.sync("Anna");
    // An older copy of hers gets her own entry back, and not what that names.
    world.restore("Anna", &copy);
    let ben = Forger::steal(&world, "Ben", space).device();
    hide(&mut world, ben);
    world.try_sync("Anna").expect("an exchange");
    assert!(status(&mut world, "Anna", space).unread > 0, "her own entry waits");
    world.meddler = None;
    // This relay names no head of hers. What she writes would stand beside her own entry.
    world.wipe_relay();
    world.add("Anna", space, note("After the loss"));
    world.try_sync("Anna").expect("an exchange");
    for name in ["Ben", "Anna", "Ben", "Anna"] {
        world.sync(name);
    }
    for name in ["Anna", "Ben"] {
        assert_eq!(world.titles(name, space), ["After the loss", "From Ben", "With that behind it"], "{name}");
        assert_eq!(forks(&world, name, space), 0, "{name} has two histories of one device");
    }
}

#[test]
fn nothing_is_sealed_while_the_relay_names_an_own_entry_that_is_not_here() {
    let mut world = World::new(73);
    let space = world.ben_and_anna();
    let copy = world.copy("Anna");
    world.add("Anna", space, note("Before the loss"));
    world.sync("Anna");
    world.restore("Anna", &copy);
    let anna = Forger::steal(&world, "Anna", space).device();
    hide(&mut world, anna);
    world.add("Anna", space, note("After the loss"));
    world.try_sync("Anna").expect("an exchange");
    assert_eq!(status(&mut world, "Anna", space).waiting, 1, "it is not sealed");
    world.meddler = None;
    for name in ["Anna", "Ben"] {
        world.sync(name);
        assert_eq!(world.titles(name, space), ["After the loss", "Before the loss"], "{name}");
        assert_eq!(forks(&world, name, space), 0, "{name} has two histories of one device");
    }
}

#[test]
fn nothing_is_sealed_while_the_relay_names_control_that_is_not_here() {
    let mut world = World::new(74);
    let space = world.ben_and_anna();
    let ben = Forger::steal(&world, "Ben", space).device();
    world.meddler = Some(Box::new(move |way, mut frames| {
        for frame in frames.iter_mut().filter(|_| way == Way::Down) {
            if let Frame::Have(have) = frame {
                let head = Head { device: ben, chain: Chain::Control, seq: 1_000, id: EntryId::new([9; 32]) };
                have.heads.push(HeldHead { head, low: 1 });
            }
        }
        frames
    }));
    world.add("Anna", space, note("For whom?"));
    world.try_sync("Anna").expect("an exchange");
    assert_eq!(status(&mut world, "Anna", space).waiting, 1, "who may read it is not known");
    world.meddler = None;
    for name in ["Anna", "Ben"] {
        world.sync(name);
        assert_eq!(world.titles(name, space), ["For whom?"], "{name}");
    }
}

#[test]
fn wherever_a_connection_ends_all_that_came_can_be_read() {
    let mut world = World::new(72);
    let space = world.ben_and_anna();
    let copy = world.copy("Anna");
    for n in 0..3 {
        for name in ["Ben", "Anna"] {
            world.add(name, space, note(&format!("{n} of {name}")));
            world.sync(name);
        }
    }
    let mut read = Vec::new();
    for most in 0..7 {
        world.restore("Anna", &copy);
        let passed = Rc::new(Cell::new(0));
        let pass = move |frame: &Frame| match frame {
            Frame::Entries(entries) if entries.chain == Chain::Content => {
                passed.set(passed.get() + 1);
                passed.get() <= most
            }
            _ => true,
        };
        world.meddler = Some(Box::new(move |way, frames| match way {
            Way::Up => frames,
            Way::Down => frames.into_iter().filter(|frame| pass(frame)).collect(),
        }));
        world.try_sync("Anna").expect("an exchange");
        assert_eq!(status(&mut world, "Anna", space).unread, 0, "after {most} frames");
        read.push(world.titles("Anna", space).len());
    }
    assert!(read.is_sorted() && read[0] == 0 && read[6] == 6, "{read:?}");
}

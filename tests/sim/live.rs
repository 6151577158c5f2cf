//! Typing key by key: every screen in what it shows.

use alliance_core::{
    app::{AppError, ItemRef, Profile, Typed, World as Outside},
    document::{ChangeHash, EditError, Splice},
    domain::RuleError,
};
use alliance_tests::{World, believable::add_note};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn splice(at: usize, delete: usize, insert: &str) -> Splice {
    Splice { at, delete, insert: insert.to_owned() }
}

/// A note that both have, and the version that both show.
fn note(world: &mut World, text: &str) -> (ItemRef, Vec<ChangeHash>) {
    let space = world.ben_and_anna();
    let note = world.add("Ben", space, add_note("Typed", text));
    world.sync("Ben");
    world.sync("Anna");
    let shown = world.act("Anna", |profile, _| profile.text(&note, "body"));
    (note, shown.from.expect("a version"))
}

fn press(
    world: &mut World,
    name: &str,
    note: ItemRef,
    from: &[ChangeHash],
    splices: &[Splice],
) -> Result<Typed, AppError> {
    world.try_act(name, |profile, world| profile.type_in(&note, "body", from, splices, world))
}

fn shows(world: &mut World, name: &str, note: ItemRef) -> String {
    world.act(name, |profile, _| profile.text(&note, "body")).text
}

#[test]
fn two_who_type_at_once_each_in_what_they_see_keep_every_key() {
    let mut world = World::new(31);
    let (note, shown) = note(&mut world, "One two.");
    let (mut ben, mut anna) = (shown.clone(), shown);
    for (n, (left, right)) in "Zero and ".chars().zip(" And the".chars()).enumerate() {
        // What the other typed arrives meanwhile; neither screen shows it yet.
        ben = press(&mut world, "Ben", note, &ben, &[splice(n, 0, &left.to_string())]).expect("a place").mine;
        let typed = press(&mut world, "Anna", note, &anna, &[splice(8 + n, 0, &right.to_string())]).expect("a place");
        assert_eq!(typed.mine.len(), 1);
        anna = typed.mine;
        for name in ["Ben", "Anna"] {
            world.sync(name);
        }
    }
    world.sync("Ben");
    let last = press(&mut world, "Ben", note, &ben, &[splice(8, 0, " "), splice(9, 3, "o")]).expect("a place");
    assert!(last.heads.len() > 1, "Anna's keys are beside it");
    world.sync("Ben");
    world.sync("Anna");
    for name in ["Ben", "Anna"] {
        assert_eq!(shows(&mut world, name, note), "Zero and o two. And the", "{name}");
    }
    let [ben, anna] = ["Ben", "Anna"].map(|name| world.act(name, |profile, _| profile.heads(note.space)));
    assert_eq!(ben, anna);
}

#[test]
fn two_programs_that_type_in_turns_on_one_profile_see_each_others_keys() {
    let mut world = World::new(34);
    let (note, mut shown) = note(&mut world, "");
    let mut other = Profile::open(&world.people["Ben"].folder.path().join("profile.db")).expect("a profile");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut text = String::new();
    for n in 0..250 {
        let keys = [splice(text.len() / 2, 0, &(n % 10).to_string())];
        text.insert_str(text.len() / 2, &keys[0].insert);
        // One now and then presses two keys before the other one is asked.
        let typed = if n % 3 == 0 {
            other
                .type_in(&note, "body", &shown, &keys, &mut Outside { now: world.now, rng: &mut rng })
                .expect("a place")
        } else {
            press(&mut world, "Ben", note, &shown, &keys).expect("a place")
        };
        assert_eq!(typed.mine, typed.heads);
        shown = typed.heads;
        if n % 40 == 0 {
            world.sync("Ben");
        }
    }
    assert_eq!(other.text(&note, "body").expect("a note").text, text);
    world.reopen("Ben");
    world.sync("Ben");
    world.sync("Anna");
    assert_eq!(["Ben", "Anna"].map(|name| shows(&mut world, name, note)), [text.clone(), text]);
}

#[test]
fn a_key_is_taken_back_alone() {
    let mut world = World::new(32);
    let (note, shown) = note(&mut world, "One two.");
    let typed = press(&mut world, "Ben", note, &shown, &[splice(7, 0, ", three")]).expect("a place");
    press(&mut world, "Ben", note, &typed.mine, &[splice(0, 3, "Two"), splice(4, 3, "three")]).expect("a place");
    assert_eq!(shows(&mut world, "Ben", note), "Two three, three.");
    world.act("Ben", |profile, world| profile.undo(world));
    assert_eq!(shows(&mut world, "Ben", note), "One two, three.");
    world.act("Ben", |profile, world| profile.redo(world));
    assert_eq!(shows(&mut world, "Ben", note), "Two three, three.");
}

#[test]
fn keys_typed_in_one_go_are_taken_back_together_and_nothing_of_the_other_with_them() {
    let mut world = World::new(35);
    let (note, shown) = note(&mut world, "One two.");
    let (mut ben, mut anna) = (shown.clone(), shown);
    for (n, (key, hers)) in " and three\n".chars().zip(" Then so on.".chars()).enumerate() {
        ben = press(&mut world, "Ben", note, &ben, &[splice(7 + n, 0, &key.to_string())]).expect("a place").mine;
        anna = press(&mut world, "Anna", note, &anna, &[splice(8 + n, 0, &hers.to_string())]).expect("a place").mine;
        if n % 3 == 0 {
            ["Anna", "Ben"].into_iter().for_each(|name| world.sync(name));
        }
    }
    // Another line, with a slip that is put right; and, a minute later, on with it.
    for key in [splice(18, 0, "f"), splice(19, 0, "r"), splice(19, 1, ""), splice(19, 0, "o"), splice(20, 0, "ur")] {
        ben = press(&mut world, "Ben", note, &ben, &[key]).expect("a place").mine;
    }
    world.now += 61;
    ben = press(&mut world, "Ben", note, &ben, &[splice(22, 0, "!")]).expect("a place").mine;
    press(&mut world, "Ben", note, &ben, &[splice(0, 0, "Zero ")]).expect("a place");
    ["Anna", "Ben"].into_iter().for_each(|name| world.sync(name));
    let steps = [
        "One two. Then so on",
        "One two and three\n. Then so on",
        "One two and three\nfour. Then so on",
        "One two and three\nfour!. Then so on",
        "Zero One two and three\nfour!. Then so on",
    ];
    assert_eq!(shows(&mut world, "Ben", note), steps[4]);
    for step in steps[..4].iter().rev() {
        world.act("Ben", |profile, world| profile.undo(world));
        assert_eq!(shows(&mut world, "Ben", note), *step);
    }
    for step in &steps[1..] {
        world.act("Ben", |profile, world| profile.redo(world));
        assert_eq!(shows(&mut world, "Ben", note), *step);
    }
    ["Ben", "Anna"].into_iter().for_each(|name| world.sync(name));
    assert_eq!(shows(&mut world, "Anna", note), steps[4]);
}

#[test]
fn what_cannot_be_typed_is_refused_and_loses_nothing() {
    let mut world = World::new(33);
    let (note, shown) = note(&mut world, "One \u{1f600}.");
    let typed = press(&mut world, "Ben", note, &shown, &[splice(7, 0, "!")]).expect("a place");
    for bad in [splice(13, 0, "x"), splice(11, 2, ""), splice(9, 0, "x"), splice(usize::MAX, 1, "")] {
        let refused = press(&mut world, "Ben", note, &typed.mine, &[splice(0, 0, "lost"), bad.clone()]);
        assert!(matches!(refused, Err(AppError::Edit(EditError::NoPlace { .. }))), "{bad:?}: {refused:?}");
    }
    // Ben has not sent it: to Anna this version is unknown.
    let refused = press(&mut world, "Anna", note, &typed.mine, &[splice(0, 0, "x")]);
    assert!(matches!(refused, Err(AppError::Edit(EditError::UnknownVersion))), "{refused:?}");
    let refused = world.try_act("Ben", |profile, world| profile.type_in(&note, "title", &typed.mine, &[], world));
    assert!(matches!(refused, Err(AppError::Rule(RuleError::NoneSuch { .. }))), "{refused:?}");
    assert_eq!(shows(&mut world, "Ben", note), "One \u{1f600}.!");
    let again = press(&mut world, "Ben", note, &typed.mine, &[splice(7, 1, "")]).expect("a place");
    assert_eq!(shows(&mut world, "Ben", note), "One \u{1f600}.");
    let nothing = press(&mut world, "Ben", note, &again.mine, &[splice(3, 0, "")]).expect("a place");
    assert_eq!((&nothing.mine, &nothing.heads), (&again.mine, &again.heads));
    world.sync("Ben");
    world.sync("Anna");
    assert_eq!(shows(&mut world, "Anna", note), "One \u{1f600}.");
}

#[test]
fn keys_on_a_screen_that_shows_what_was_taken_back_stand_where_the_screen_shows_them() {
    let mut world = World::new(36);
    let (note, shown) = note(&mut world, "canary0054x ");
    for at in [0, 12] {
        let typed = press(&mut world, "Ben", note, &shown, &[splice(at, 0, "canary0090x ")]).expect("a place");
        world.act("Ben", |profile, world| profile.undo(world));
        assert_eq!(shows(&mut world, "Ben", note), "canary0054x ");
        for place in [0, 12, 24] {
            press(&mut world, "Ben", note, &typed.mine, &[splice(place, 0, "new ")]).expect("a place");
            let now = shows(&mut world, "Ben", note);
            assert!(now.contains("canary0054x"), "typed at {at}, taken back, typed at {place}: {now:?}");
            world.act("Ben", |profile, world| profile.undo(world));
        }
    }
}

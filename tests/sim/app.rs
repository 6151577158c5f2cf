//! Two people, two profiles, one relay; the real code of all of them.

use alliance_core::{
    app::Intent,
    domain::{goal, note},
};
use alliance_tests::World;

fn note(title: &str, body: &str) -> Intent {
    Intent::Note(note::Intent::Add { title: title.to_owned(), body: body.to_owned() })
}

#[test]
fn both_edit_the_same_note_and_goal_offline_and_both_see_both() {
    let mut world = World::new(1);
    let space = world.ben_and_anna();
    let plan = world.add("Ben", space, note("Plan", "One two three."));
    let goal = world.add("Ben", space, Intent::Goal(goal::Intent::Add { title: "Run".to_owned() }));
    world.sync("Ben");
    world.sync("Anna");
    for name in ["Ben", "Anna"] {
        println!("{name} {:#?}", world.act(name, |profile, _| profile.status()));
        for event in world.act(name, |profile, _| profile.security()) {
            println!("{name} {} {}", event.kind, event.about);
        }
    }
    let seen = world.act("Anna", |profile, _| profile.item(&plan));
    assert_eq!(seen.texts["body"], "One two three.");

    let edit = |text: &str| {
        Intent::Note(note::Intent::Edit { title: None, body: Some(alliance_core::document::TextEdit::from(text)) })
    };
    let rename = |title: &str| Intent::Goal(goal::Intent::Edit { title: Some(title.to_owned()), status: None });
    world.change("Ben", plan, edit("Zero one two three."));
    world.change("Anna", plan, edit("One two three. Four."));
    world.change("Ben", goal, rename("Run 10 km"));
    world.change("Anna", goal, rename("Run every week"));
    for name in ["Ben", "Anna", "Ben"] {
        world.sync(name);
    }
    for name in ["Ben", "Anna"] {
        let note = world.act(name, |profile, _| profile.item(&plan));
        assert_eq!(note.texts["body"], "Zero one two three. Four.", "{name}");
        let goal = world.act(name, |profile, _| profile.item(&goal));
        let values: Vec<_> = goal.choices[0].values.iter().map(|value| value.value.as_str()).collect();
        assert_eq!(values.len(), 2, "{name}: {values:?}");
        assert!(values.contains(&"Run 10 km") && values.contains(&"Run every week"), "{name}: {values:?}");
    }
    let [ben, anna] = ["Ben", "Anna"].map(|name| world.act(name, |profile, _| profile.heads(space)));
    assert_eq!(ben, anna);
}

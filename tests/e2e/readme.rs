//! What the README and the demo promise, they do.

use std::{fs, path::Path, process::Command};

use alliance_tests::{
    disk::run,
    program::{Person, RelayProgram, programs},
    walkthrough,
};
use tempfile::TempDir;

#[test]
fn the_walkthrough_of_the_readme_does_what_it_says() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let steps = walkthrough::parse(&fs::read_to_string(readme).expect("a README"));
    assert!(steps.len() > 10, "the README has no walkthrough: {steps:?}");
    let folder = TempDir::new().expect("a folder");
    let relay = RelayProgram::start(&folder.path().join("relay"));
    if let Err(why) = walkthrough::play(&steps, folder.path(), relay.address()) {
        panic!("{why}\n{}", relay.logs());
    }
}

#[test]
fn a_walkthrough_that_is_not_true_fails() {
    let play = |typed: &str, printed: &str| {
        let folder = TempDir::new().expect("a folder");
        let text = format!("```sh walkthrough\n{typed}\n```\n```text walkthrough\n{printed}\n```\n");
        walkthrough::play(&walkthrough::parse(&text), folder.path(), "127.0.0.1:1")
    };
    let path = "export PATH=\"$PWD/target/debug:$PATH\"";
    let init = format!(
        "{path}\nalliance init --name Ben --role coach --alliance B --relay http://127.0.0.1:8787 --recovery-file w.txt"
    );
    assert!(play(&format!("{init}\nalliance today"), "B …").is_ok());
    assert!(play(&format!("{init}\nA=1\necho $A; echo talk >&2"), "1").is_ok());
    assert!(play(&format!("{init}\nI=$(alliance invite)\necho $I"), "alliance:…").is_ok());
    assert!(play(&format!("{init}\nalliance sync"), "[exit 7]").is_ok());
    for (typed, printed, why) in [
        (format!("{init}\nalliance today"), "C …", "it should have printed"),
        (format!("{init}\nalliance today"), "", "it should have printed"),
        (format!("{init}\nalliance sync"), "", "exit 7 instead of 0"),
        (format!("{init}\nalliance invite\ntest -n \"$INVITATION\""), "", "exit 1 instead of 0"),
        (format!("{path}\nalliance today"), "…", "exit 5 instead of 0"),
        ("alliance-relay --help".to_owned(), "…", "exit 127 instead of 0"),
        ("exit 3".to_owned(), "…", "does not end"),
    ] {
        let said = play(&typed, printed).expect_err(&typed);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_half_year_of_the_walkthrough_goes_as_it_is_told() {
    let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/walkthrough.md");
    let steps = walkthrough::parse(&fs::read_to_string(story).expect("a story"));
    assert!(steps.len() > 100, "it is too short: {steps:?}");
    let folder = TempDir::new().expect("a folder");
    let relay = RelayProgram::start(&folder.path().join("relay"));
    if let Err(why) = walkthrough::play(&steps, folder.path(), relay.address()) {
        panic!("{why}\n{}", relay.logs());
    }
}

#[test]
fn the_demo_shows_two_people_merging() {
    let nobody = Person::new("Nobody");
    let ran = nobody.run(&["demo", "--headless"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    for told in ["ben$ alliance init", "anna$ alliance join", "conflict list", "member list", "Ben & Anna"] {
        assert!(ran.stdout.contains(told), "no {told}: {ran}");
    }
    let mut lines = ran.stdout.lines().map(str::trim).skip_while(|line| !line.starts_with("Today it snowed."));
    let both = [lines.next(), lines.next()];
    let wanted = ["Today it snowed. Anna decides faster when she walks.", "The flats: look, do not judge."];
    assert_eq!(both, wanted.map(Some), "the notes have what both wrote: {ran}");
    let choices = ran.stdout.lines().filter(|line| line.contains("Second session  when  ")).count();
    assert_eq!(choices, 2, "both days are shown: {ran}");
    assert!(ran.stdout.contains("this alliance is over"), "nothing is written after the close: {ran}");
    assert!(ran.stdout.contains("things that were typed is in them."), "{ran}");
    let steps = nobody.json(&["demo", "--headless"]);
    let ids: Vec<_> = steps.as_array().expect("a list").iter().map(|step| step["id"].as_u64()).collect();
    assert!(ids.len() > 10 && ids.iter().enumerate().all(|(at, id)| *id == Some(at as u64 + 1)), "{ids:?}");
    assert!(!nobody.home().exists(), "the demo leaves nothing at home");
}

#[test]
fn the_demo_says_how_to_come_by_a_relay_that_is_nowhere() {
    let folder = TempDir::new().expect("a folder");
    let alone = folder.path().join("alliance");
    fs::copy(programs().join("alliance"), &alone).expect("copied");
    let mut demo = Command::new(&alone);
    demo.args(["demo", "--headless", "--json"]).env("PATH", "").env("ALLIANCE_HOME", folder.path().join("home"));
    let refusal = run(demo).refusal();
    assert_eq!((refusal.exit, &*refusal.code), (1, "demo"), "{refusal:?}");
    assert!(refusal.hint.contains("cargo build"), "{refusal:?}");
}

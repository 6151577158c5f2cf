//! What happens in the demo, and what has to be true for it to be more than a story.

use super::{
    DemoError,
    stage::{
        Actor::{Anna, Ben},
        Stage,
    },
};
use crate::error::CliError;

const AGREED: &str = "We meet on Tuesdays at nine.\nWe say what we think.";
const AGREED_BY_ANNA: &str = "We meet on Tuesdays at nine.\nWe say what we think.\nMistakes are welcome.";
const AGREED_BY_BEN: &str = "We meet on Wednesdays at nine.\nWe say what we think.";
const AGREED_BY_BOTH: &str = "We meet on Wednesdays at nine.\nWe say what we think.\nMistakes are welcome.";

/// Words that were typed, none of which the relay may ever see.
const TYPED: [&str; 9] = [
    "Tuesdays",
    "Wednesdays",
    "what we think",
    "Mistakes are welcome",
    "How we work together",
    "half marathon",
    "under two hours",
    "afraid of the start",
    "Ben & Anna",
];

/// Plays it from the first word to the last.
pub(super) fn play(stage: &mut Stage<'_>) -> Result<(), CliError> {
    meet(stage)?;
    let (note, goal) = begin(stage)?;
    part(stage, &note, &goal)?;
    come_together(stage, &note, &goal)?;
    look_behind(stage)
}

fn meet(stage: &mut Stage<'_>) -> Result<(), CliError> {
    let relay = stage.relay();
    stage.tell(&format!("A relay listens at {relay}. It stores what two people exchange, and can read none of it."));
    stage.tell("Ben is a coach. He starts an alliance and invites Anna.");
    let init = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna", "--relay", &relay];
    stage.act(Ben, &[&init[..], &["--recovery-file", "words.txt"]].concat())?;
    let printed = stage.act(Ben, &["invite"])?;
    let invitation = printed.lines().find(|line| line.starts_with("alliance:"));
    let invitation =
        invitation.ok_or(DemoError::Otherwise { what: "an invitation is one word on a line of its own" })?;
    stage.act(Ben, &["sync"])?;
    stage.tell("Anna takes it up on her own computer.");
    stage.act(Anna, &["join", invitation, "--name", "Anna", "--role", "client", "--recovery-file", "words.txt"])?;
    for actor in [Ben, Anna, Ben] {
        stage.act(actor, &["sync"])?;
    }
    stage.tell("Both see the same six words, so nobody stands between them.");
    let words = |printed: String| printed.lines().last().map(str::to_owned).unwrap_or_default();
    let (bens, annas) = (words(stage.act(Ben, &["member", "list"])?), words(stage.act(Anna, &["member", "list"])?));
    hold(bens == annas && bens.split(' ').count() == 6, "both see the same six safety words")
}

/// A note and a goal that both have; returns their ids.
fn begin(stage: &mut Stage<'_>) -> Result<(String, String), CliError> {
    stage.tell("They write down what matters. Anna also writes something for herself.");
    let note = id(&stage.act(Ben, &["note", "add", "How we work together", "-m", AGREED])?);
    let goal = id(&stage.act(Anna, &["goal", "add", "Run a half marathon"])?);
    stage.act(Anna, &["note", "add", "To myself", "-m", "I am afraid of the start.", "--private"])?;
    for actor in [Ben, Anna, Ben] {
        stage.act(actor, &["sync"])?;
    }
    let bens = stage.act(Ben, &["today"])?;
    hold(bens.contains("half marathon") && !bens.contains("To myself"), "Ben sees the goal and not the private note")?;
    Ok((note, goal))
}

fn part(stage: &mut Stage<'_>, note: &str, goal: &str) -> Result<(), CliError> {
    stage.tell("Both are on a train, without a network. Both change the same note and the same goal.");
    stage.act(Anna, &["note", "edit", note, "-m", AGREED_BY_ANNA])?;
    stage.act(Anna, &["goal", "edit", goal, "--title", "Run a half marathon in May"])?;
    stage.act(Ben, &["note", "edit", note, "-m", AGREED_BY_BEN])?;
    stage.act(Ben, &["goal", "edit", goal, "--title", "Run a half marathon under two hours"])?;
    Ok(())
}

fn come_together(stage: &mut Stage<'_>, note: &str, goal: &str) -> Result<(), CliError> {
    stage.tell("Back home, each of them syncs.");
    for actor in [Anna, Ben, Anna] {
        stage.act(actor, &["sync"])?;
    }
    stage.tell("The note holds what both wrote, on both computers.");
    let (bens, annas) = (stage.act(Ben, &["note", "show", note])?, stage.act(Anna, &["note", "show", note])?);
    hold(bens == annas && bens.contains(AGREED_BY_BOTH), "the note holds what both wrote, the same for both")?;
    stage.tell("The goal cannot have two titles. Nothing is lost: both see both, and one of them chooses.");
    let (bens, annas) = (stage.act(Ben, &["conflict", "list"])?, stage.act(Anna, &["conflict", "list"])?);
    let both = |printed: &str| printed.contains("in May") && printed.contains("under two hours");
    hold(both(&bens) && both(&annas), "both see both titles")?;
    let mut rows = annas.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let number = rows.find(|row| row.get(4).is_some_and(|value| value.contains("in May")));
    let number = number.and_then(|row| row.get(3).copied());
    let number = number.ok_or(DemoError::Otherwise { what: "every value has a number" })?;
    stage.act(Anna, &["conflict", "keep", goal, number])?;
    for actor in [Anna, Ben] {
        stage.act(actor, &["sync"])?;
    }
    let bens = stage.act(Ben, &["goal", "show", goal])?;
    hold(bens.contains("in May") && !bens.contains("under two hours"), "what Anna chose is what Ben sees")
}

fn look_behind(stage: &mut Stage<'_>) -> Result<(), CliError> {
    let (bytes, found) = stage.search_relay(&TYPED)?;
    hold(bytes > 0, "the relay kept what was exchanged")?;
    hold(found.is_empty(), "the relay kept no word that anybody typed")?;
    let words = TYPED.len();
    stage.tell(&format!("The relay kept {bytes} bytes. None of {words} things that were typed is in them."));
    Ok(())
}

fn hold(is_so: bool, what: &'static str) -> Result<(), CliError> {
    if is_so { Ok(()) } else { Err(DemoError::Otherwise { what }.into()) }
}

/// The short id at the beginning of what a command printed.
fn id(printed: &str) -> String {
    printed.split('\t').next().unwrap_or_default().to_owned()
}

//! `alliance device late|take`: what a computer wrote after it was cut off, and taking it in.

use std::collections::BTreeMap;

use alliance_core::app::{self, AppError, Profile};
use serde::Serialize;

use super::{called, find};
use crate::{
    command::{Answer, Context, item::Named, sync},
    env::Moment,
    error::CliError,
    render,
};

/// What one computer wrote after it was cut off.
#[derive(Serialize, Debug)]
pub struct Late {
    /// What stands for the computer in commands.
    pub id: String,
    /// How it is called; empty if nobody said.
    pub name: String,
    /// True if it is this one, and a copy of it wrote this.
    #[serde(skip)]
    pub this: bool,
    /// What would come.
    pub things: Vec<Thing>,
    /// How much more there is that cannot be read here, or would not count all the same.
    pub closed: u64,
    /// When it wrote the last of it, by its own clock.
    pub last: Option<Moment>,
    /// True if it goes on under fresh keys, and a copy of it wrote this.
    pub by_copy: bool,
}

/// Something as it would be.
#[derive(Serialize, Debug)]
pub struct Thing {
    /// What it is.
    #[serde(flatten)]
    pub named: Named,
    /// The space, in hexadecimal.
    pub space: String,
    /// What the space is called, if it is an alliance.
    pub alliance: Option<String>,
    /// False if it is here already, and would be changed.
    pub new: bool,
    /// What would be in it that is not there now, by field.
    pub words: BTreeMap<String, String>,
}

/// What was taken in.
#[derive(Serialize, Debug)]
pub struct TookIn {
    /// What stands for the computer.
    pub id: String,
    /// How it is called.
    pub name: String,
    /// What came.
    pub things: Vec<Named>,
    /// How much there was that could not be taken in.
    pub closed: u64,
    /// False if the relay does not know it yet.
    pub done: bool,
}

/// What all computers of a person wrote after they were cut off.
pub fn all(profile: &mut Profile, context: &Context<'_>) -> Result<Vec<Late>, CliError> {
    let late = profile.late()?;
    late.iter().map(|late| read(late, profile, context)).collect()
}

/// How often it was heard that a computer wrote after it was cut off.
pub fn heard(profile: &mut Profile) -> Result<usize, AppError> {
    Ok(profile.security()?.iter().filter(|it| it.kind == "wrote-after-cut").count())
}

/// Says what computers of this person wrote after they were cut off, if more was heard of it than `before`; returns how
/// often it was heard of.
pub fn tell(before: usize, profile: &mut Profile, context: &Context<'_>) -> Result<usize, CliError> {
    let now = heard(profile)?;
    if now > before {
        all(profile, context)?.iter().for_each(|late| context.ui.talk(&render::device::told(late)));
    }
    Ok(now)
}

/// Lists it, of one computer or all.
pub fn list(profile: &mut Profile, text: Option<&str>, context: &Context<'_>) -> Result<Answer, CliError> {
    let meant = match text {
        Some(text) => Some(find(&profile.computers()?, text)?.short()),
        None => None,
    };
    let mut late = all(profile, context)?;
    late.retain(|late| meant.as_ref().is_none_or(|id| late.id == *id));
    Ok(Answer::Late(late))
}

/// Takes in what one computer wrote.
pub fn take(profile: &mut Profile, text: &str, yes: bool, context: &Context<'_>) -> Result<Answer, CliError> {
    let computer = find(&profile.computers()?, text)?.clone();
    let (id, name) = (computer.short(), computer.name.clone());
    let Some(shown) = profile.late()?.into_iter().find(|late| late.computer.short() == id) else {
        return Ok(Answer::TookIn(TookIn { id, name, things: Vec::new(), closed: 0, done: !profile.awaits_taking()? }));
    };
    if !yes {
        let about = render::device::about(&read(&shown, profile, context)?);
        let what = format!("taking in what {} wrote", called(&name));
        context.confirm(&about, "Did you write this yourself, and shall it count?", &what)?;
    }
    let taken = profile.take_late(&shown, &context.outside().world())?;
    // It counts here and is on disk; the others hear of it now or with the next sync.
    let done = sync::hear(context, profile)? && !profile.awaits_taking()?;
    let things = taken.things.into_iter().map(|it| it.thing.into()).collect();
    Ok(Answer::TookIn(TookIn { id, name, things, closed: taken.closed, done }))
}

fn read(late: &app::Late, profile: &mut Profile, context: &Context<'_>) -> Result<Late, CliError> {
    let alliances = profile.alliances()?;
    let thing = |it: &app::LateThing| {
        let space = it.thing.item.space;
        let alliance = alliances.iter().find(|it| it.space == space).map(|it| it.title.clone());
        let named = it.thing.clone().into();
        Thing { named, space: space.to_string(), alliance, new: it.is_new, words: it.words.clone() }
    };
    Ok(Late {
        id: late.computer.short(),
        name: late.computer.name.clone(),
        this: late.computer.this,
        things: late.things.iter().map(thing).collect(),
        closed: late.closed,
        last: late.last.map(|at| context.env.moment(at)).transpose()?,
        by_copy: late.computer.live,
    })
}

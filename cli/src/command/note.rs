//! `alliance note`: what one of the two wrote down, for both or for themselves.

use alliance_core::{
    app::{self, AppError, Intent, ItemRef, Place, Profile},
    domain::note,
};
use alliance_replica::id::SpaceId;
use clap::{Args, Subcommand};

use super::{Answer, Context, item};
use crate::{
    args::Title,
    command::item::{Audience, Done},
    error::CliError,
    render,
};

/// Arguments of `note`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Note {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done with notes.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Write a note
    Add(Add),
    /// List notes; also what a bare `note` does
    List,
    /// Show a note
    Show {
        /// Its id, its title, or three letters or more of the title
        id: String,
    },
    /// Change a note; without options your editor opens with its text
    Edit(Edit),
    /// Give the other person a copy of a private note, after a look at what they will see
    Share {
        /// Its id or its whole title
        id: String,
        /// Do not ask; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
        /// Make another copy of what was shared before
        #[arg(long)]
        again: bool,
    },
}

/// Arguments of `note add`.
#[derive(Args, Debug)]
pub struct Add {
    /// What it is called.
    #[command(flatten)]
    pub title: Title,
    /// The text; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, default_value = "", hide_default_value = true)]
    pub message: String,
    /// A tag; may be said several times
    #[arg(long, value_name = "WORDS")]
    pub tag: Vec<String>,
    /// Keep it to yourself: the other person does not even learn that it exists
    #[arg(long)]
    pub private: bool,
}

/// Arguments of `note edit`.
#[derive(Args, Debug)]
pub struct Edit {
    /// Its id or its whole title
    id: String,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Args, Debug)]
struct Changes {
    /// What it is called
    #[arg(long)]
    title: Option<String>,
    /// The whole new text; - reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// A tag to add
    #[arg(long, value_name = "WORDS")]
    tag: Vec<String>,
    /// A tag to remove
    #[arg(long, value_name = "WORDS")]
    untag: Vec<String>,
}

impl Note {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::Add(add) => add.run(context).map(Answer::Done),
            Verb::List => item::list(context, note::KIND.name, true).map(Answer::Items),
            Verb::Show { id } => item::show(context, note::KIND.name, &id).map(Answer::Item),
            Verb::Edit(edit) => edit.run(context).map(Answer::Done),
            Verb::Share { id, yes, again } => share(context, &id, yes, again).map(Answer::Done),
        }
    }
}

impl Add {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let mut profile = context.profile()?;
        let place = match self.private {
            true => Place::Personal,
            false => Place::Alliance(context.space(&mut profile)?),
        };
        let body = item::text(context, self.message)?;
        let add = note::Add { title: self.title.join(), body, tags: self.tag };
        let intent = Intent::Note(note::Intent::Add(add));
        Ok(Done::new("Added", profile.add(place, &intent, &mut context.outside().world())?))
    }
}

impl Edit {
    fn run(self, context: &Context<'_>) -> Result<Done, CliError> {
        let Self { id, changes: Changes { title, message, tag, untag } } = self;
        let mut profile = context.profile()?;
        let (_, item) = item::find(context, &mut profile, Some(note::KIND.name), &id)?;
        let body = match message {
            None if title.is_some() || !tag.is_empty() || !untag.is_empty() => None,
            message => Some(item::edited(context, &mut profile, &item, "body", message)?),
        };
        let edit = note::Edit { title, body, tag, untag };
        let intent = Intent::Note(note::Intent::Edit { item: item.item, edit });
        Ok(Done::new("Changed", profile.change(&item, &intent, &mut context.outside().world())?))
    }
}

fn share(context: &Context<'_>, text: &str, yes: bool, again: bool) -> Result<Done, CliError> {
    let mut profile = context.profile()?;
    let (space, item) = private(context, &mut profile, text)?;
    if !again && let Some(copy) = profile.copies(&item, space)?.pop() {
        return Err(CliError::CopiedAlready { short: copy.short, title: copy.title });
    }
    // What is shared already is refused by the façade, and nobody needs to be asked.
    if !yes && item.space != space {
        confirm(context, &mut profile, &item, space)?;
    }
    let done = profile.share(&item, space, &mut context.outside().world())?;
    let app::Summary { short, title, .. } = profile.item(&item)?.summary;
    let next =
        format!("Your private one stays. Both are called so: {short} is the private one, {} the copy.", done.short);
    let next = (title == done.title && short != done.short).then_some(next);
    Ok(Done { next, ..Done::new("Shared", done) })
}

/// The note that is meant: of several of one title the private one, which alone can be shared.
fn private(context: &Context<'_>, profile: &mut Profile, text: &str) -> Result<(SpaceId, ItemRef), CliError> {
    let found = item::find(context, profile, Some(note::KIND.name), text);
    let Err(CliError::App(AppError::Ambiguous { candidates, .. })) = &found else { return found };
    let private: Vec<_> = candidates.iter().filter(|candidate| candidate.private).collect();
    match private[..] {
        [one] => item::find(context, profile, Some(note::KIND.name), &one.short),
        _ => found,
    }
}

/// Shows what the other person would see, and asks.
fn confirm(context: &Context<'_>, profile: &mut Profile, item: &ItemRef, space: SpaceId) -> Result<(), CliError> {
    let summary = profile.item(item)?.summary;
    let info = profile.alliances()?.into_iter().find(|info| info.space == space);
    let people = info.map(|info| render::item::people(&Audience::from(info))).unwrap_or_default();
    let body = summary.texts.get("body").map_or("", String::as_str);
    let preview = render::item::preview(&summary.title, body, &people);
    match context.ui.ask(&preview, "Share it?") {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::Declined),
        None => Err(CliError::NotConfirmed { title: summary.title, people }),
    }
}

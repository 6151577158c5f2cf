//! `alliance relay drop`: a relay forgets what nobody but this person is in any more.

use alliance_core::{
    app::{AppError, DropAnswer, Droppable, Dropping, Profile, RelayInfo},
    keys::Words,
};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    command::{Answer, Context, recovery, sync},
    error::CliError,
    net::{talk::Asking, url::RelayUrl},
    render,
};

/// What a relay says of its copy of a space.
#[derive(Serialize, Debug)]
pub struct Gone {
    /// The space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// True if it is one's own, private space.
    pub personal: bool,
    /// The relay's address.
    pub relay: String,
    /// True if it keeps nothing of it any more.
    pub dropped: bool,
    /// Why it does, else.
    pub why: Option<&'static str>,
    /// True if it should have gone and did not.
    #[serde(skip)]
    pub failed: bool,
}

/// Asks a relay to forget what may go.
pub(super) fn run(
    profile: &mut Profile,
    url: Option<RelayUrl>,
    (own, yes): (bool, bool),
    context: &Context<'_>,
) -> Result<Answer, CliError> {
    let runtime = context.online()?;
    let relays = profile.relays()?;
    let relay = match url {
        Some(url) => {
            relays.into_iter().find(|it| it.url == url.as_str()).ok_or(AppError::NoSuchRelay { url: url.to_string() })
        }
        None => relays.into_iter().next().ok_or(AppError::NoRelay),
    }?;
    let mut wanted = profile.left_alliances()?;
    wanted.retain(|it| relay.spaces.contains(&it.space));
    if wanted.is_empty() && !own {
        return Ok(Answer::Gone(Vec::new()));
    }
    if !yes {
        let about = render::alliance::about_to_drop(&relay.url, wanted.iter().map(|it| it.title.as_str()), own);
        context.confirm(&about, "Have it forget all that?", "having a relay forget its copy")?;
    }
    let words: Option<Words> = own.then(|| recovery::read(context.ui)).transpose()?;
    if let Some(words) = &words {
        wanted.push(profile.own_space(words)?);
    }
    let answers = ask(&relay, wanted, &runtime, context)?;
    let mut rows = Vec::new();
    for (it, answer) in answers {
        let dropped = answer == DropAnswer::Dropped;
        if dropped {
            profile.note_dropped(&it.space, &relay.url, context.env.now())?;
        }
        let Droppable { space, title, personal, .. } = it;
        let (id, relay, why) = (space.to_string(), relay.url.clone(), why(answer));
        let failed = !dropped && answer != DropAnswer::Kept;
        rows.push(Gone { id, title, personal, relay, dropped, why, failed });
    }
    Ok(Answer::Gone(rows))
}

fn ask(
    relay: &RelayInfo,
    wanted: Vec<Droppable>,
    runtime: &Runtime,
    context: &Context<'_>,
) -> Result<Vec<(Droppable, DropAnswer)>, CliError> {
    let way = sync::way(relay)?;
    let mut asking = Asking(Dropping::new(wanted, relay.key, &mut context.outside().world()));
    let progress = sync::progress(context, &way);
    runtime.block_on(sync::say(&progress, &way, &mut asking))?;
    Ok(asking.0.answers())
}

fn why(answer: DropAnswer) -> Option<&'static str> {
    match answer {
        DropAnswer::Dropped => None,
        DropAnswer::Kept => Some("the other person is still in it"),
        DropAnswer::Refused => Some(
            "the relay takes that only from your first words, not from words that a computer made later: ask whoever runs it",
        ),
        DropAnswer::Failed => Some("it could not do it now"),
        DropAnswer::Unknown => Some("its program is too old for that: ask whoever runs it"),
    }
}

//! `alliance device`: your computers; another one comes with `invite --device`, a lost one is cut off.

pub mod late;
pub mod out;
mod renew;

use alliance_core::{
    app::{AllianceState, AppError, Computer, Joining, Profile},
    keys::Invitation,
};
use alliance_replica::{id::SpaceId, log::control::Reason};
use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::runtime::Runtime;

use self::out::Out;
use super::{
    Answer, Context,
    backup::{self, Kept},
    init::Birth,
    join::{self, Lead},
    sync,
};
use crate::{args::words, error::CliError, net::relay::Way};

/// Arguments of `device`; without a verb it lists.
#[derive(Args, Debug)]
pub struct Device {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// List your computers and whether each has all you wrote; also what a bare `device` does
    List,
    /// Give a computer a name that only you see
    Rename {
        /// Which one: its id or its name; this one unless you say
        #[arg(long, value_name = "COMPUTER")]
        computer: Option<String>,
        /// How it is to be called
        #[arg(required = true, value_name = "NAME", value_parser = words)]
        name: Vec<String>,
    },
    /// Go on under fresh keys on this computer, because there is a copy of it, or may be
    ///
    /// After a backup of the whole computer was put back, or its folder was copied to another one, both write under the same
    /// keys. This computer gets fresh ones, keeps everything, and the copy is out: it gets nothing that is written from then
    /// on. It needs the relay, and tries at once.
    ///
    /// If both have written two histories already, that has ended the keys, and neither is let in any more. Then it asks for
    /// your 24 recovery words, or reads them from standard input, and nothing else helps: with them this computer goes on,
    /// and loses nothing that was written on it. The copy can do the same, and is another computer of yours from then on.
    Renew {
        /// Renew without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Cut off a computer that you lost: it gets nothing that is written from then on
    ///
    /// It is out of your own space and of every alliance as soon as this computer has synced, which it tries at once. What
    /// was on it stays there for whoever has it. A computer that was cut off never comes back; if you find it, take it in
    /// again as a new one.
    Cut {
        /// Which one: its id or its name
        #[arg(value_name = "COMPUTER")]
        computer: String,
        /// Cut it off without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Show what a computer wrote after it was cut off: it counts for nobody
    Late {
        /// Which one: its id or its name; all of yours unless you say
        #[arg(value_name = "COMPUTER")]
        computer: Option<String>,
    },
    /// Take in what a computer of yours wrote after it was cut off
    ///
    /// Take it in only if you wrote it yourself: whoever has the computer could have. It counts here at once, and for the
    /// other person and your other computers with the next sync. What arrives later is asked about again. The computer
    /// stays cut off.
    Take {
        /// Which one: its id or its name
        #[arg(value_name = "COMPUTER")]
        computer: String,
        /// Take it in without being asked
        #[arg(long)]
        yes: bool,
    },
}

/// A computer of this person.
#[derive(Serialize, Debug)]
pub struct Row {
    /// What stands for it in commands.
    pub id: String,
    /// How it is called; empty if nobody said.
    pub name: String,
    /// True if it is this one.
    pub this: bool,
    /// False once it was cut off.
    pub live: bool,
    /// True if the next sync cuts it off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
    /// In how many spaces it is, one's own among them.
    pub spaces: usize,
    /// Things of which it is not known whether it has them.
    pub missing: u64,
    /// Things that it had not sent when it made a backup, and that are kept aside here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<Kept>,
    /// What it wrote after it was cut off, if it did; it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<late::Late>,
    /// Of this one: why it is not in one's own space any more, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<Out>,
}

/// A computer that was cut off.
#[derive(Serialize, Debug)]
pub struct Cut {
    /// What stood for it.
    pub id: String,
    /// How it was called.
    pub name: String,
    /// False if that is not at the relay yet.
    pub done: bool,
    /// True if recovery words end with it that were made on it.
    #[serde(skip)]
    pub words: bool,
    /// Computers of this person that live.
    #[serde(skip)]
    pub left: usize,
}

/// This computer under fresh keys.
#[derive(Serialize, Debug)]
pub struct Renewed {
    /// What stands for it in commands.
    pub id: String,
    /// False if that is not at the relay yet.
    pub done: bool,
    /// Alliances in which it keeps its key, because nobody else is in them.
    pub kept: Vec<String>,
    /// True if the recovery words were needed.
    pub by_words: bool,
}

/// A computer that came to those of a person.
#[derive(Serialize, Debug)]
pub struct Arrived {
    /// The person's own space, in hexadecimal.
    pub id: String,
    /// The profile on this computer.
    pub profile: String,
    /// Whose computer it is, once that has arrived.
    pub name: Option<String>,
    /// What came.
    pub alliances: Vec<Came>,
    /// False if not everything could be fetched yet.
    pub synced: bool,
}

/// An alliance that came.
#[derive(Serialize, Debug)]
pub struct Came {
    /// Its space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Things in it.
    pub items: usize,
    /// True if it is over.
    #[serde(skip)]
    pub ended: bool,
}

impl Device {
    /// Runs the verb.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        match self.verb.unwrap_or(Verb::List) {
            Verb::List => {}
            Verb::Rename { computer, name } => {
                let all = profile.computers()?;
                let meant = match computer {
                    Some(text) => find(&all, &text)?,
                    None => all.iter().find(|it| it.this).ok_or(CliError::NoComputer { text: String::new() })?,
                };
                profile.name_computer(meant, &name.join(" "), &mut context.outside().world())?;
            }
            Verb::Renew { yes } => return renew::run(&mut profile, yes, context),
            Verb::Cut { computer, yes } => return cut(&mut profile, &computer, yes, context),
            Verb::Late { computer } => return late::list(&mut profile, computer.as_deref(), context),
            Verb::Take { computer, yes } => return late::take(&mut profile, &computer, yes, context),
        }
        let mut late = late::all(&mut profile, context)?;
        let row = |computer: &Computer| {
            let Computer { name, this, live, ends, places, missing } = computer;
            let (id, name, spaces) = (computer.short(), name.clone(), places.len());
            let late = late.iter().position(|it| it.id == id).map(|at| late.remove(at));
            let (this, live, ends, missing) = (*this, *live, *ends, *missing);
            Row { id, name, this, live, ends, spaces, missing, aside: Vec::new(), late, out: None }
        };
        let mut rows: Vec<_> = profile.computers()?.iter().map(row).collect();
        if let (Some(row), Some(out)) = (rows.iter_mut().find(|row| row.this), Out::of_own(&mut profile, context)?) {
            row.out = Some(out);
        }
        for kept in backup::aside(&mut profile)? {
            rows.iter_mut().filter(|row| row.id == kept.id).for_each(|row| row.aside.push(kept.clone()));
        }
        Ok(Answer::Computers(rows))
    }
}

/// The computer that is meant.
fn find<'a>(all: &'a [Computer], text: &str) -> Result<&'a Computer, CliError> {
    let said = text.trim().to_lowercase();
    let is =
        |it: &&Computer| called(&it.name).to_lowercase() == said || said.len() >= 4 && it.short().starts_with(&said);
    let meant: Vec<_> = all.iter().filter(is).collect();
    match meant[..] {
        [one] => Ok(one),
        [] => Err(CliError::NoComputer { text: text.to_owned() }),
        _ => Err(CliError::SeveralComputers { text: text.to_owned() }),
    }
}

fn cut(profile: &mut Profile, text: &str, yes: bool, context: &Context<'_>) -> Result<Answer, CliError> {
    let all = profile.computers()?;
    let meant = find(&all, text)?;
    if meant.this {
        return Err(CliError::ThisComputer);
    }
    if !meant.live {
        return Err(CliError::CutAlready { name: called(&meant.name).to_owned() });
    }
    if !yes {
        let called = called(&meant.name);
        let about = format!("{called} gets nothing that is written from now on, and cannot come back as it is.\n");
        context.confirm(&about, &format!("Cut {called} off?"), &format!("cutting off {called}"))?;
    }
    let words = profile.made_words(meant)?;
    profile.cut_computer(meant, Reason::Lost)?;
    let (id, name) = (meant.short(), meant.name.clone());
    // It is decided and on disk; the relay hears of it now or with the next sync.
    sync::hear(context, profile)?;
    let done = !profile.awaits_cuts()?;
    let left = profile.computers()?.iter().filter(|it| it.live && !it.ends).count();
    Ok(Answer::Cut(Cut { id, name, done, words, left }))
}

/// How a computer is named to its person. One that has just come has not said yet how it is called.
pub fn called(name: &str) -> &str {
    if name.is_empty() { "new computer" } else { name }
}

/// Makes this a computer of somebody who has one: everything they have comes here.
pub fn arrive(invitation: Invitation, way: &Lead, context: &Context<'_>) -> Result<Answer, CliError> {
    let space = invitation.terms().space;
    let runtime = context.online()?;
    if let Some(mut profile) = begun(&invitation, context)? {
        return arrived(space, &mut profile, (&runtime, way), context);
    }
    let birth = Birth::prepare(context, None)?;
    let mut outside = context.outside();
    let joining = runtime.block_on(join::knock(context, invitation, way, &mut outside));
    let joining = joining.map_err(|error| CliError::Untouched(Box::new(of_own(error))))?;
    let (mut profile, born) = birth.blank()?;
    if let Err(error) = joining.finish(&mut profile, &mut outside.world()) {
        drop(profile);
        born.undo();
        return Err(of_own(error.into()));
    }
    way.keep_root(&mut profile)?;
    drop(profile);
    let mut profile = Profile::open(&born.settle(context)?)?;
    // From here on this computer is on its way in, whatever the network does: the next sync goes on, and so does the same
    // command.
    arrived(space, &mut profile, (&runtime, way), context)
}

/// Of an invitation that this person made themselves.
fn of_own(error: CliError) -> CliError {
    match error {
        CliError::App(AppError::NotInvited(why)) => CliError::OwnInvitation(why),
        error => error,
    }
}

/// The profile that an earlier run of the same command began.
fn begun(invitation: &Invitation, context: &Context<'_>) -> Result<Option<Profile>, CliError> {
    let (home, name) = context.home()?;
    if !home.holds(&name) {
        return Ok(None);
    }
    let mut profile = context.profile()?;
    let same = profile.came_by(invitation)?;
    Ok(same.then_some(profile))
}

/// Fetches everything, and tells what came.
fn arrived(
    space: SpaceId,
    profile: &mut Profile,
    (runtime, way): (&Runtime, &Lead),
    context: &Context<'_>,
) -> Result<Answer, CliError> {
    let mut failures = sync::Failures::default();
    match way {
        Lead::Relay(_) => failures = sync::everything(context, runtime, profile)?.1,
        Lead::Computer(route) => match runtime.block_on(sync::direct::with_ticket(context, profile, route)) {
            Ok(_) => {}
            Err(error) => failures.add(error),
        },
    }
    let whole = failures.is_empty();
    if let Some(error) = failures.worst(context) {
        context.ui.talk(&format!("Not everything could be fetched: {}.", error.report().message));
    }
    let mut alliances = Vec::new();
    for info in profile.alliances()? {
        let items = profile.count(info.space)?;
        let ended = info.state == AllianceState::Ended;
        alliances.push(Came { id: info.space.to_string(), title: info.title, items, ended });
    }
    let name = profile.person().ok().map(|person| person.name);
    let (_, profile) = context.home()?;
    let synced = whole && name.is_some();
    Ok(Answer::Arrived(Arrived { id: space.to_string(), profile: profile.to_string(), name, alliances, synced }))
}

/// Sees to it that all computers of the person are everywhere they belong; true if there is something to exchange now.
pub fn tend(
    context: &Context<'_>,
    runtime: &Runtime,
    profile: &mut Profile,
    failures: &mut sync::Failures,
) -> Result<bool, CliError> {
    let mut outside = context.outside();
    let tended = profile.tend_computers(&mut outside.world())?;
    let mut more = tended.wrote;
    for ways in tended.ways {
        match runtime.block_on(take_up(context, profile, ways)) {
            Ok(()) => more = true,
            Err(error) => failures.add(error),
        }
    }
    Ok(more)
}

/// Takes up one of the invitations to an alliance that the person's other computers prepared, the first that is good; the
/// failure is that of the first.
pub async fn take_up(context: &Context<'_>, profile: &mut Profile, ways: Vec<Invitation>) -> Result<(), CliError> {
    let mut failed = None;
    for invitation in ways {
        match take_up_one(context, profile, invitation).await {
            Ok(()) => return Ok(()),
            Err(error) => _ = failed.get_or_insert(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn take_up_one(context: &Context<'_>, profile: &mut Profile, invitation: Invitation) -> Result<(), CliError> {
    let url = join::relay(&invitation)?;
    let root = profile.relays()?.into_iter().find(|relay| relay.url == url.as_str()).and_then(|relay| relay.root);
    let way = Lead::Relay(Way { root, ..Way::to(url) });
    let mut outside = context.outside();
    let joining: Joining = join::knock(context, invitation, &way, &mut outside).await?;
    Ok(joining.finish(profile, &mut outside.world())?)
}

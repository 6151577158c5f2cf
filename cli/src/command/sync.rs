//! `alliance sync`: bring this profile and the relay up to date, once or for as long as one likes.

mod company;
pub mod direct;
mod exchange;
mod notices;
mod refusal;
mod watch;

use std::{collections::BTreeSet, mem};

use alliance_core::{
    app::{AppError, Hindrance, Passage, Profile, RelayInfo, SessionError},
    keys::Route,
};
use alliance_replica::exchange::frame::Code;
use clap::Args;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use self::exchange::{Exchange, Mode};
use self::refusal::why;
pub use self::refusal::{Why, refusal, standing};
use super::{
    Answer, Context,
    device::{self, late, out::Out},
    item::Named,
    security,
    status::Held,
};
use crate::{
    config::Direct,
    error::CliError,
    net::{
        peer::PeerError,
        relay::{Link, TalkError, Way},
        stop::Stop,
        talk::{End, Talk, converse},
    },
    ui::Progress,
};

/// Arguments of `sync`.
#[derive(Args, Debug)]
pub struct Sync {
    /// Stay connected: send what you write and take what arrives, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Exchange with the computer that shows this ticket, without a relay: see `alliance peer ticket`
    #[arg(long, value_name = "TICKET", conflicts_with_all = ["watch", "no_p2p"])]
    pub peer: Option<String>,
    /// Exchange through the relay alone, and answer no other computer
    #[arg(long)]
    pub no_p2p: bool,
    /// Ask no relay: exchange from computer to computer alone
    #[arg(long, conflicts_with = "no_p2p")]
    pub no_relay: bool,
}

/// What came and went.
#[derive(Serialize, Debug)]
#[serde(transparent)]
pub struct Synced {
    /// A row a space.
    pub rows: Vec<Traffic>,
    /// False while `--watch` goes on.
    #[serde(skip)]
    pub over: bool,
}

/// What came and went in one space.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// The space, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// True if commands mean this one.
    #[serde(skip)]
    pub current: bool,
    /// True if it is one's own, private space.
    pub personal: bool,
    /// The relay through which it was exchanged; none if that was from computer to computer.
    pub relay: Option<String>,
    /// By which way it went.
    pub route: By,
    /// What came.
    pub received: u64,
    /// What went.
    pub sent: u64,
    /// Items here that changed because of what came.
    pub changed: u64,
    /// What they are called.
    pub items: Vec<Named>,
    /// Where what came met what this person had written.
    pub both: Vec<Both>,
    /// Fields in which one may choose between values.
    pub choices: usize,
    /// Why the relay refused the space or something in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
    /// Why what waits could not be sealed on this computer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsealed: Option<&'static str>,
    /// Why this computer is not in it any more, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<Out>,
    /// What is kept here until one is let in.
    #[serde(skip)]
    pub held: Option<Held>,
    /// Who was let in.
    #[serde(skip)]
    pub came: Option<Came>,
    /// The other person, once known.
    #[serde(skip)]
    pub other: Option<String>,
}

impl Traffic {
    /// Why something of the space did not go.
    pub fn why(&self) -> Option<Why> {
        self.refused.map(Why::Refused).or(self.unsealed.map(Why::Unsealed))
    }
}

/// By which way something went.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// From computer to computer in one network.
    SameNetwork,
    /// From computer to computer, from one network to another.
    Direct,
    /// Through a relay, or from computer to computer by way of one.
    Relay,
}

impl From<Passage> for By {
    fn from(passage: Passage) -> Self {
        match passage {
            Passage::SameNetwork => Self::SameNetwork,
            Passage::Direct => Self::Direct,
            Passage::Relay => Self::Relay,
        }
    }
}

impl From<By> for Passage {
    fn from(by: By) -> Self {
        match by {
            By::SameNetwork => Self::SameNetwork,
            By::Direct => Self::Direct,
            By::Relay => Self::Relay,
        }
    }
}

/// Who was let into an alliance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// Oneself.
    You,
    /// This computer, by another one of the same person.
    Computer,
    /// The other person.
    Them,
}

/// A field that both changed, neither knowing of the other.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Both {
    /// Of which item.
    #[serde(flatten)]
    pub item: Named,
    /// The field.
    pub field: String,
    /// True if there are several values to choose from; false if a text has both.
    pub choice: bool,
}

impl Sync {
    /// Exchanges with every relay of the profile.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let no_p2p = self.no_p2p || Direct::of(context)? == Direct::Off;
        let route = self.peer.as_deref().map(Route::parse).transpose().map_err(CliError::Ticket)?;
        let mut profile = context.profile()?;
        let runtime = context.online()?;
        if let Some(route) = route {
            let exchange = |profile: &mut _| runtime.block_on(direct::with_ticket(context, profile, &route));
            let rows = telling(context, &mut profile, exchange)?;
            return Ok(Answer::Synced(Synced { rows, over: true }));
        }
        if self.watch {
            let mut relays = !self.no_relay;
            relays &= no_p2p || !profile.relays()?.is_empty();
            if relays && profile.relays()?.is_empty() {
                return Err(AppError::NoRelay.into());
            }
            runtime.block_on(direct::stay(context, profile, (relays, !no_p2p)))?;
            return Ok(Answer::Said);
        }
        let (mut rows, mut failures) = (Vec::new(), Failures::default());
        if self.no_relay || profile.relays()?.is_empty() {
            failures.add(AppError::NoRelay.into());
        } else {
            (rows, failures) = everything(context, &runtime, &mut profile)?;
        }
        if !failures.is_empty() && !no_p2p {
            // Where no relay is reached, the others may be.
            let exchange = |profile: &mut _| runtime.block_on(direct::with_known(context, profile));
            let came = telling(context, &mut profile, exchange)?;
            if came.is_none() && profile.relays()?.is_empty() && !profile.routes()?.is_empty() {
                return Err(PeerError::Unreachable.into());
            }
            if let Some(came) = came {
                let told = failures.worst(context).filter(|error| !matches!(error, CliError::App(AppError::NoRelay)));
                told.into_iter().for_each(|error| context.ui.talk(&format!("{}.", error.report().message)));
                rows.extend(came);
                return Ok(Answer::Synced(Synced { rows, over: true }));
            }
        }
        match failures.worst(context) {
            None => Ok(Answer::Synced(Synced { rows, over: true })),
            Some(error) => {
                // What could be exchanged is told before what could not.
                if rows.iter().any(|row| row.received + row.sent > 0 || row.why().is_some()) {
                    context.ui.answer(&Answer::Synced(Synced { rows, over: false }))?;
                }
                Err(error)
            }
        }
    }
}

/// Exchanges everything with every relay, and lets the person's other computers in.
pub fn everything(
    context: &Context<'_>,
    runtime: &Runtime,
    profile: &mut Profile,
) -> Result<(Vec<Traffic>, Failures), CliError> {
    telling(context, profile, |profile| {
        let mut rounds = Rounds::default();
        while rounds.goes_on(&profile.relays()?) {
            rounds.begin();
            while let Some(relay) = rounds.next(&profile.relays()?) {
                match runtime.block_on(once(context, profile, &relay)) {
                    Ok(traffic) => {
                        rounds.reached = true;
                        rounds.add(traffic);
                    }
                    Err(error @ (CliError::Net(_) | CliError::Session(_))) if relay.is_left() => {
                        context.ui.talk(&of_left(&relay, &error));
                    }
                    Err(error) => rounds.failures.add(error),
                }
            }
            if rounds.reached {
                rounds.tended = device::tend(context, runtime, profile, &mut rounds.failures)?;
            }
        }
        Ok((rounds.rows, rounds.failures))
    })
}

/// Does something, and tells what came late by it, and what it brought into the security log.
fn telling<T>(
    context: &Context<'_>,
    profile: &mut Profile,
    act: impl FnOnce(&mut Profile) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let (late, log) = (late::heard(profile)?, security::heard(profile)?);
    let done = act(profile);
    late::tell(late, profile, context)?;
    security::tell(log, profile, context)?;
    done
}

/// Exchanges everything after something was decided that others have to hear of; says why if that cannot be, and returns whether it was.
pub fn hear(context: &Context<'_>, profile: &mut Profile) -> Result<bool, CliError> {
    let worst = match context.online() {
        Ok(runtime) => everything(context, &runtime, profile)?.1.worst(context),
        Err(error) => Some(error),
    };
    if let Some(error) = &worst {
        context.ui.talk(&format!("The relay does not know it yet: {}.", error.report().message));
    }
    Ok(worst.is_none())
}

/// A sync with several relays: each is visited, also one that is only learned of on the way; what one of them brought is
/// taken to those that were visited before.
#[derive(Default)]
struct Rounds {
    round: usize,
    visited: BTreeSet<String>,
    /// Something came from a relay after another one had been visited.
    news: bool,
    /// One of the person's computers was helped on, or this one was.
    tended: bool,
    /// Some relay was reached: what the person's other computers need may be known now.
    reached: bool,
    rows: Vec<Traffic>,
    failures: Failures,
}

/// Why relays could not be visited. One that is not there hides nothing that another one did.
#[derive(Default)]
pub struct Failures(Vec<CliError>);

impl Failures {
    /// Adds one; what is the same for several relays is told once.
    pub fn add(&mut self, error: CliError) {
        if self.0.iter().all(|it| it.report().message != error.report().message) {
            self.0.push(error);
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one to end with, after the others were told: what needs a person goes before what passes by itself.
    pub fn worst(mut self, context: &Context<'_>) -> Option<CliError> {
        let worst = self.0.iter().position(|error| error.report().exit != crate::Exit::NotReached).unwrap_or(0);
        let worst = (worst < self.0.len()).then(|| self.0.remove(worst))?;
        self.0.iter().for_each(|error| context.ui.talk(&error.report().message));
        Some(worst)
    }
}

impl Rounds {
    /// Rounds at the most: what comes while one goes on is for the next sync.
    const MOST: usize = 4;

    fn goes_on(&self, relays: &[RelayInfo]) -> bool {
        let more = (self.news && relays.len() > 1 || self.tended) && self.failures.is_empty();
        self.round == 0 || more && self.round < Self::MOST
    }

    fn begin(&mut self) {
        self.round += 1;
        (self.news, self.tended) = (false, false);
        self.visited.clear();
    }

    fn next(&mut self, relays: &[RelayInfo]) -> Option<RelayInfo> {
        let next = relays.iter().find(|relay| !self.visited.contains(&relay.url))?;
        self.visited.insert(next.url.clone());
        Some(next.clone())
    }

    fn add(&mut self, traffic: Vec<Traffic>) {
        self.news |= self.visited.len() > 1 && traffic.iter().any(|row| row.received > 0);
        for row in traffic {
            match self.rows.iter_mut().find(|it| it.id == row.id && it.relay == row.relay) {
                Some(before) => before.add(row),
                None => self.rows.push(row),
            }
        }
    }
}

impl Traffic {
    fn add(&mut self, later: Self) {
        let (received, sent, changed) =
            (self.received + later.received, self.sent + later.sent, self.changed + later.changed);
        let (mut items, mut both) = (mem::take(&mut self.items), mem::take(&mut self.both));
        items.retain(|item| later.items.iter().all(|it| it.id != item.id));
        items.extend(later.items);
        both.retain(|met| !later.both.contains(met));
        both.extend(later.both);
        let came = self.came.or(later.came);
        *self = Self { received, sent, changed, items, both, came, ..later };
    }
}

/// What is said of a relay that was left and is not there any more, or another one by now.
fn of_left(relay: &RelayInfo, error: &CliError) -> String {
    format!("The relay {}; nothing was sent to it. {}.", how_left(relay, error), gives_up(relay))
}

/// How a relay is that was left.
pub fn how_left(RelayInfo { url, .. }: &RelayInfo, error: &CliError) -> String {
    let what = match error {
        CliError::Session(SessionError::OtherRelay { .. }) => "answers with another key",
        _ => "does not answer",
    };
    format!("{url}, which you left, {what}")
}

/// What gives a relay up that was left.
pub fn gives_up(RelayInfo { url, .. }: &RelayInfo) -> String {
    format!("`alliance relay forget {url}` gives it up")
}

/// A runtime for one thread; commands that need no network never make one.
pub fn runtime() -> Result<Runtime, CliError> {
    Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)
}

/// Exchanges everything there is with one relay.
pub async fn once(context: &Context<'_>, profile: &mut Profile, relay: &RelayInfo) -> Result<Vec<Traffic>, CliError> {
    let way = way(relay)?;
    let progress = progress(context, &way);
    let mut exchange = Exchange::new(context, profile, relay, Mode::Once(&progress));
    let said = say(&progress, &way, &mut exchange).await;
    if let Err(CliError::Session(ended)) = &said {
        keep_refusal(profile, relay, ended)?;
        return said.map(|()| Vec::new());
    }
    said?;
    exchange.report()
}

/// The sign that a relay is being reached.
pub fn progress(context: &Context<'_>, way: &Way) -> Progress {
    context.ui.progress(&format!("Connecting to {}", way.url))
}

/// Reaches a relay and says all there is to say, unless the person ends it.
pub async fn say(progress: &Progress, way: &Way, talk: &mut impl Talk) -> Result<(), CliError> {
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let link = tokio::select! {
        link = Link::connect(way) => link?,
        () = stop.wished() => return Err(CliError::Cancelled),
    };
    let end = converse(link, talk, &mut stop).await;
    progress.clear();
    match end? {
        End::Over => Ok(()),
        End::Stopped => Err(CliError::Cancelled),
    }
}

/// How a relay of the profile is reached.
pub fn way(relay: &RelayInfo) -> Result<Way, CliError> {
    let url = relay.url.parse().map_err(|why| CliError::RelayUrl { url: relay.url.clone(), why })?;
    Ok(Way { url, root: relay.root.clone(), token: relay.token.clone() })
}

/// Keeps for `status` and `doctor` that a relay ended a connection before it took everything.
fn keep_refusal(profile: &mut Profile, relay: &RelayInfo, ended: &SessionError) -> Result<(), AppError> {
    match ended {
        SessionError::Closed(code) if *code != Code::Closing => relay
            .spaces
            .iter()
            .filter(|it| relay.keeps(it))
            .try_for_each(|it| profile.set_hindrance(it, Some(Hindrance::Refused(*code)))),
        _ => Ok(()),
    }
}

impl From<TalkError> for CliError {
    fn from(error: TalkError) -> Self {
        match error {
            TalkError::Net(error) => error.into(),
            TalkError::Session(error) => error.into(),
        }
    }
}

//! From computer to computer, with no relay between: by a ticket, and for whoever dials while this program watches.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    future::pending,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    path::Path,
    pin::pin,
    time::{Duration, Instant},
};

use alliance_core::{
    app::{Joining, Profile, Session, SessionError},
    keys::{Invitation, Route},
};
use alliance_replica::{exchange::Role, id::ReplicaKey};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use iroh::endpoint::Incoming;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Exchange, Mode, Rounds, Traffic, exchange::With, notices::Notices, watch};
use crate::{
    command::Context,
    config::Direct,
    error::CliError,
    net::{
        backoff::Backoff,
        peer::{Caller, Listen, PeerError, PeerLink, Port, answer},
        relay::TalkError,
        stop::Stop,
        talk::{Asking, End, Talk, converse},
    },
    ui::Progress,
};

/// Others with whom one is connected at once.
const MOST: usize = 16;
/// How often it is looked whether somebody is to be dialled.
const LOOK: Duration = Duration::from_secs(1);
/// How long whoever has the higher key lets the other one dial first.
const PRECEDENCE: Duration = Duration::from_secs(5);
/// How long a connection holds that shows that its route is good.
const WELL: Duration = Duration::from_secs(10);

/// Exchanges everything with the computer that a ticket leads to, and comes into whatever it lets this one into.
pub async fn with_ticket(
    context: &Context<'_>,
    profile: &mut Profile,
    route: &Route,
) -> Result<Vec<Traffic>, CliError> {
    let mut outside = context.outside();
    let what = (Listen::Anywhere(Direct::of(context)?.family()), "`alliance sync`");
    let port = Port::open(profile, &context.file()?, what, &mut outside.world()).await?;
    let rows = rounds(context, profile, (&port, route)).await;
    port.close().await;
    rows
}

async fn rounds(context: &Context<'_>, profile: &mut Profile, way: (&Port, &Route)) -> Result<Vec<Traffic>, CliError> {
    let mut rounds = Rounds::default();
    for _ in 0..Rounds::MOST {
        rounds.add(once(context, profile, way).await?);
        let tended = profile.tend_computers(&mut context.outside().world())?;
        let mut more = tended.wrote;
        for invitation in tended.ways.into_iter().filter_map(|ways| ways.into_iter().next()) {
            let joining = knock(context, invitation, way).await?;
            joining.finish(profile, &mut context.outside().world())?;
            more = true;
        }
        if !more {
            break;
        }
    }
    Ok(rounds.rows)
}

/// One exchange with the computer at a route.
async fn once(context: &Context<'_>, profile: &mut Profile, way: (&Port, &Route)) -> Result<Vec<Traffic>, CliError> {
    let progress = context.ui.progress("Connecting to the other computer");
    let caller = dial(way, &progress).await?;
    let session = Session::direct(Role::Initiator, caller.binding, &mut context.outside().world());
    let mut exchange = Exchange::with(context, profile, session, (With::Computer("direct"), Mode::Once(&progress)));
    exchange.look_at(caller.road);
    let said = say(&progress, caller.link, &mut exchange).await;
    if exchange.is_between_strangers() {
        return Err(CliError::Strangers);
    }
    said?;
    exchange.keep_route(way.1)?;
    exchange.report()
}

/// Exchanges with every computer that is known from before and answers now. Nothing, if none does or another program of this
/// profile sees to it.
pub(super) async fn with_known(context: &Context<'_>, profile: &mut Profile) -> Result<Vec<Traffic>, CliError> {
    let (routes, direct) = (profile.routes()?, Direct::of(context)?);
    if routes.is_empty() || direct == Direct::Relay {
        return Ok(Vec::new());
    }
    let what = (Listen::Anywhere(direct.family()), "`alliance sync`");
    let port = match Port::open(profile, &context.file()?, what, &mut context.outside().world()).await {
        Err(PeerError::Held { .. }) => return Ok(Vec::new()),
        port => port?,
    };
    let mut rows = Vec::new();
    for route in &routes {
        match rounds(context, profile, (&port, route)).await {
            Ok(came) => rows.extend(came),
            // Who is not there now is another time.
            Err(CliError::Peer(_) | CliError::PeerTalk(_) | CliError::Strangers) => {}
            Err(error) => {
                port.close().await;
                return Err(error);
            }
        }
    }
    port.close().await;
    Ok(rows)
}

/// Asks the computer at a route whether an invitation is good. Nothing is written anywhere.
pub async fn knock(context: &Context<'_>, invitation: Invitation, way: (&Port, &Route)) -> Result<Joining, CliError> {
    let progress = context.ui.progress("Connecting to the other computer");
    let caller = dial(way, &progress).await?;
    let joining = Joining::at_laptop(invitation, caller.binding, &mut context.outside().world());
    let mut asking = Asking(joining);
    say(&progress, caller.link, &mut asking).await?;
    Ok(asking.0)
}

async fn dial((port, route): (&Port, &Route), progress: &Progress) -> Result<Caller, CliError> {
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    tokio::select! {
        caller = port.dial(route) => {
            if caller.is_err() {
                progress.clear();
            }
            Ok(caller?)
        }
        () = stop.wished() => Err(CliError::Cancelled),
    }
}

async fn say(progress: &Progress, link: PeerLink, talk: &mut impl Talk) -> Result<(), CliError> {
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let end = converse(link, talk, &mut stop).await;
    progress.clear();
    match end {
        Ok(End::Over) => Ok(()),
        Ok(End::Stopped) => Err(CliError::Cancelled),
        Err(TalkError::Session(SessionError::App(error))) => Err(error.into()),
        Err(error) => Err(CliError::PeerTalk(Box::new(error))),
    }
}

/// Learns how this computer is dialled, for an invitation that leads to it. Where another program answers for this profile,
/// that has learned it.
pub async fn look(context: &Context<'_>, profile: &mut Profile) -> Result<(), CliError> {
    let what = (Listen::Everywhere(Direct::of(context)?.family()), "`alliance invite`");
    let port = match Port::open(profile, &context.file()?, what, &mut context.outside().world()).await {
        Err(PeerError::Held { .. }) => return Ok(()),
        port => port?,
    };
    let route = port.route().await;
    port.close().await;
    Ok(profile.set_route(&route?)?)
}

/// Shows how this computer is dialled and answers whoever does, until the person wishes to end.
pub async fn show(
    context: &Context<'_>,
    mut profile: Profile,
    listen: Option<SocketAddr>,
    told: impl FnOnce(Route) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let file = context.file()?;
    let listen = listen.map_or(Listen::Everywhere(Direct::of(context)?.family()), Listen::At);
    let mut outside = context.outside();
    let opened = Port::open(&mut profile, &file, (listen, "`alliance peer ticket`"), &mut outside.world()).await?;
    let port = OnceCell::new();
    let opened = port.get_or_init(|| opened);
    let shown = async {
        let route = opened.route().await?;
        profile.set_route(&route)?;
        told(route)?;
        drop(profile);
        Ok::<_, CliError>(())
    };
    let ended = match shown.await {
        Ok(()) => watch_with(context, &file, false, Some(&port)).await,
        Err(error) => Err(error),
    };
    close(port).await;
    ended
}

/// Stays in exchange by the ways that are wanted: through relays, and with whoever dials.
pub(super) async fn stay(
    context: &Context<'_>,
    mut profile: Profile,
    (relays, direct): (bool, bool),
) -> Result<(), CliError> {
    let (file, port) = (context.file()?, OnceCell::new());
    if direct {
        match take(context, &file, &mut profile, &port).await {
            Ok(()) => {}
            // Who has it answers for this one as well, until it ends.
            Err(CliError::Peer(PeerError::Held { what })) if !relays => {
                context.ui.talk(&format!("{what} of this profile answers others; this one does once that ends."));
            }
            Err(CliError::Peer(PeerError::Held { .. })) => {}
            Err(error) if relays => {
                context.ui.talk(&format!("Other computers cannot come here directly: {}.", error.report().message));
            }
            Err(error) => return Err(error),
        }
    }
    drop(profile);
    if !relays && port.get().is_some() {
        context.ui.talk(ANSWERS);
    }
    let ended = watch_with(context, &file, relays, direct.then_some(&port)).await;
    close(port).await;
    ended
}

/// What is said by a program that asks no relay.
const ANSWERS: &str = "This computer answers others directly. Ctrl-C ends.";

/// Takes the endpoint of the profile, if no other program has it.
async fn take(
    context: &Context<'_>,
    file: &Path,
    profile: &mut Profile,
    port: &OnceCell<Port>,
) -> Result<(), CliError> {
    let listen = match Direct::of(context)? {
        Direct::Relay => Listen::Nowhere,
        other => Listen::Everywhere(other.family()),
    };
    let what = (listen, "`alliance sync --watch`");
    let opened = Port::open(profile, file, what, &mut context.outside().world()).await?;
    if let Ok(route) = opened.route().await {
        profile.set_route(&route)?;
    }
    port.get_or_init(|| opened);
    Ok(())
}

async fn close(port: OnceCell<Port>) {
    if let Some(port) = port.into_inner() {
        port.close().await;
    }
}

async fn watch_with(
    context: &Context<'_>,
    file: &Path,
    relays: bool,
    port: Option<&OnceCell<Port>>,
) -> Result<(), CliError> {
    let notices = Notices::default();
    let serving = async {
        let Some(port) = port else { return pending().await };
        if port.get().is_none() && !take_over(context, file, (port, relays)).await? {
            return Ok(());
        }
        match port.get() {
            Some(port) => Company::new(context, file, port, &notices).keep().await,
            None => Ok(()),
        }
    };
    watch::all(context, file, &notices, (relays, port, pin!(serving))).await
}

/// Takes the endpoint over once the program that has it ends; false if the person ends this one before.
async fn take_over(
    context: &Context<'_>,
    file: &Path,
    (port, relays): (&OnceCell<Port>, bool),
) -> Result<bool, CliError> {
    let (mut stop, mut profile) = (Stop::new().map_err(CliError::Runtime)?, Profile::open(file)?);
    loop {
        tokio::select! {
            () = stop.wished() => return Ok(false),
            () = sleep(LOOK) => {}
        }
        match take(context, file, &mut profile, port).await {
            Ok(()) if !relays => context.ui.talk(ANSWERS),
            Ok(()) => {}
            // Whatever else is wrong may pass as well.
            Err(CliError::Peer(_)) => continue,
            Err(error) => return Err(error),
        }
        return Ok(true);
    }
}

/// All other computers that this one is connected with: those that dialled it, and those that it dials.
struct Company<'a> {
    context: &'a Context<'a>,
    file: &'a Path,
    port: &'a Port,
    notices: &'a Notices,
    /// How many connections stand with an endpoint.
    standing: RefCell<BTreeMap<ReplicaKey, usize>>,
    /// When an endpoint is dialled again.
    turns: RefCell<BTreeMap<ReplicaKey, Turn>>,
    count: Cell<u64>,
}

/// When somebody is dialled again, and how long after that.
struct Turn {
    at: Instant,
    backoff: Backoff,
}

impl<'a> Company<'a> {
    fn new(context: &'a Context<'a>, file: &'a Path, port: &'a Port, notices: &'a Notices) -> Self {
        let (standing, turns) = (RefCell::default(), RefCell::default());
        Self { context, file, port, notices, standing, turns, count: Cell::new(0) }
    }

    /// Answers whoever dials, and dials whoever is known, until the person wishes to end.
    async fn keep(&self) -> Result<(), CliError> {
        let mut stop = Stop::new().map_err(CliError::Runtime)?;
        let mut profile = Profile::open(self.file)?;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut meetings = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                () = stop.wished() => {
                    // Each hears the same wish and has a last word.
                    while meetings.next().await.is_some() {}
                    return Ok(());
                }
                incoming = self.port.accept() => match incoming {
                    None => return Ok(()),
                    Some(incoming) if meetings.len() >= MOST => incoming.refuse(),
                    Some(incoming) => meetings.push(self.meet(Begun::There(Box::new(incoming)))),
                },
                Some(()) = meetings.next() => {}
                _ = look.tick() => {
                    if let Ok(route) = self.port.route_now() {
                        profile.set_route(&route)?;
                    }
                    for route in profile.routes()?.into_iter().filter(|route| self.is_due(&route.endpoint)) {
                        meetings.push(self.meet(Begun::Here(route)));
                    }
                }
            }
        }
    }

    /// True if an endpoint is to be dialled now. Of two that could dial each other the one with the lower key goes first, so
    /// that there is one connection as a rule.
    fn is_due(&self, endpoint: &ReplicaKey) -> bool {
        if self.standing.borrow().contains_key(endpoint) {
            return false;
        }
        let mut turns = self.turns.borrow_mut();
        let wait = if self.port.endpoint() < *endpoint { Duration::ZERO } else { PRECEDENCE };
        let first = || Turn { at: Instant::now() + wait, backoff: Backoff::default() };
        let turn = turns.entry(*endpoint).or_insert_with(first);
        if turn.at > Instant::now() {
            return false;
        }
        turn.at = Instant::now() + turn.backoff.wait(getrandom::u32().unwrap_or(u32::MAX / 2)).max(wait);
        true
    }

    /// Exchanges with one other computer. Whatever goes wrong ends this meeting and nothing else.
    async fn meet(&self, begun: Begun) {
        self.count.set(self.count.get() + 1);
        let name = format!("computer {}", self.count.get());
        let meeting = async {
            let (role, caller, _standing) = match begun {
                Begun::There(incoming) => {
                    let caller = answer(*incoming).await?;
                    let standing = Standing::with(self, caller.endpoint);
                    (Role::Responder, caller, standing)
                }
                Begun::Here(ref route) => {
                    let standing = Standing::with(self, route.endpoint);
                    (Role::Initiator, self.port.dial(route).await?, standing)
                }
            };
            self.exchange(role, caller, &name).await
        };
        // A connection that breaks, or that of a stranger, is no news; what fails here is.
        if let Ok(Err(error @ CliError::App(_))) = AssertUnwindSafe(meeting).catch_unwind().await {
            self.context.ui.talk(&format!("An exchange with another computer ended: {}.", error.report().message));
        }
        self.notices.gone(&name);
    }

    async fn exchange(&self, role: Role, caller: Caller, name: &str) -> Result<(), CliError> {
        let mut profile = Profile::open(self.file)?;
        let mut session = Session::direct(role, caller.binding, &mut self.context.outside().world());
        session.set_dialled(true);
        let with = (With::Computer(name), Mode::Watch(self.notices));
        let mut exchange = Exchange::with(self.context, &mut profile, session, with);
        exchange.look_at(caller.road);
        let (mut stop, since) = (Stop::new().map_err(CliError::Runtime)?, Instant::now());
        let endpoint = caller.endpoint;
        let ended = converse(caller.link, &mut exchange, &mut stop).await;
        if since.elapsed() >= WELL {
            self.turns.borrow_mut().remove(&endpoint);
        }
        match ended {
            Err(TalkError::Session(SessionError::App(error))) => Err(error.into()),
            // Who dialled says when it is over.
            _ => Ok(()),
        }
    }
}

/// A connection that stands or is being made, until this is dropped.
struct Standing<'a> {
    all: &'a RefCell<BTreeMap<ReplicaKey, usize>>,
    endpoint: ReplicaKey,
}

impl<'a> Standing<'a> {
    fn with(company: &'a Company<'_>, endpoint: ReplicaKey) -> Self {
        *company.standing.borrow_mut().entry(endpoint).or_default() += 1;
        Self { all: &company.standing, endpoint }
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        let mut all = self.all.borrow_mut();
        match all.get_mut(&self.endpoint) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = all.remove(&self.endpoint),
        }
    }
}

/// Who began a connection.
enum Begun {
    /// The other computer.
    There(Box<Incoming>),
    /// This one, which found it there.
    Here(Route),
}

//! All other computers that this one is connected with while it watches: those that dialled it, and those that it dials.
//!
//! Another program of the profile that wants to reach somebody leaves it to this one: it writes an [`Errand`] into the
//! profile, which is done here and answered there.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    path::Path,
    time::{Duration, Instant},
};

use alliance_core::{
    app::{AppError, Errand, Profile, Session, SessionError},
    keys::Route,
};
use alliance_replica::{exchange::Role, id::ReplicaKey};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use iroh::endpoint::Incoming;
use tokio::time::{MissedTickBehavior, interval};

use super::{Exchange, Mode, exchange::With, notices::Notices};
use crate::{
    command::Context,
    error::CliError,
    net::{
        backoff::Backoff,
        peer::{Caller, Port, answer},
        relay::TalkError,
        stop::Stop,
        talk::{Talk as _, converse},
    },
};

/// Others with whom one is connected at once.
const MOST: usize = 16;
/// How often it is looked whether somebody is to be dialled.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// How long whoever has the higher key lets the other one dial first.
const PRECEDENCE: Duration = Duration::from_secs(5);
/// How long a connection holds that shows that its route is good.
const WELL: Duration = Duration::from_secs(10);

/// All other computers that this one is connected with: those that dialled it, and those that it dials.
pub(super) struct Company<'a> {
    context: &'a Context<'a>,
    file: &'a Path,
    port: &'a Port,
    notices: &'a Notices,
    /// How many connections stand with an endpoint.
    standing: RefCell<BTreeMap<ReplicaKey, usize>>,
    /// When an endpoint is dialled again.
    turns: RefCell<BTreeMap<ReplicaKey, Turn>>,
    /// What connections that stand are called.
    names: RefCell<BTreeMap<ReplicaKey, String>>,
    /// What another program of the profile wants done.
    errand: RefCell<Option<Doing>>,
    count: Cell<u64>,
}

/// An errand that is being done.
struct Doing {
    errand: Errand,
    since: Instant,
    /// Whoever was dialled and is not connected with any more.
    tried: BTreeSet<ReplicaKey>,
    answered: bool,
}

/// When somebody is dialled again, and how long after that.
struct Turn {
    at: Instant,
    backoff: Backoff,
}

impl<'a> Company<'a> {
    pub(super) fn new(context: &'a Context<'a>, file: &'a Path, port: &'a Port, notices: &'a Notices) -> Self {
        Self {
            context,
            file,
            port,
            notices,
            standing: RefCell::default(),
            turns: RefCell::default(),
            names: RefCell::default(),
            errand: RefCell::default(),
            count: Cell::new(0),
        }
    }

    /// Answers whoever dials, and dials whoever is known, until the person wishes to end.
    pub(super) async fn keep(&self) -> Result<(), CliError> {
        let mut stop = Stop::new().map_err(CliError::Runtime)?;
        let mut profile = Profile::open(self.file)?;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What was wanted before this program had the endpoint is wanted of it no more.
        let before = profile.errand()?;
        *self.errand.borrow_mut() =
            before.map(|errand| Doing { errand, since: Instant::now(), tried: BTreeSet::new(), answered: true });
        let mut meetings = FuturesUnordered::new();
        let mut heard = self.port.heard().await;
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
                // Whoever it was that could not be reached, it is another try.
                Some(endpoint) = heard.next() => {
                    self.turns.borrow_mut().remove(&endpoint);
                }
                _ = look.tick() => {
                    if let Ok(route) = self.port.route_now() {
                        profile.set_route(&route)?;
                    }
                    let routes = self.wanted(&mut profile)?;
                    self.answer_errand(&mut profile, &routes)?;
                    for route in routes.into_iter().filter(|route| self.is_due(&route.endpoint)) {
                        meetings.push(self.meet(Begun::Here(route)));
                    }
                }
            }
        }
    }

    /// Everybody who is known, and whom an errand leads to.
    fn wanted(&self, profile: &mut Profile) -> Result<Vec<Route>, AppError> {
        let mut doing = self.errand.borrow_mut();
        let errand = profile.errand()?;
        if let Some(errand) = errand.filter(|it| doing.as_ref().is_none_or(|doing| doing.errand != *it)) {
            self.turns.borrow_mut().clear();
            *doing = Some(Doing { errand, since: Instant::now(), tried: BTreeSet::new(), answered: false });
        }
        let mut routes = profile.routes()?;
        if let Some(route) = doing.as_ref().filter(|it| !it.answered).and_then(|it| it.errand.route.clone()) {
            routes.retain(|it| it.endpoint != route.endpoint);
            routes.insert(0, route);
        }
        Ok(routes)
    }

    /// Says what came of an errand, once everybody was dialled and has all, or did not answer.
    fn answer_errand(&self, profile: &mut Profile, routes: &[Route]) -> Result<(), AppError> {
        let mut doing = self.errand.borrow_mut();
        let Some(doing) = doing.as_mut().filter(|it| !it.answered && it.since.elapsed() >= LOOK) else { return Ok(()) };
        let names = self.names.borrow();
        let is_settled = |endpoint: &ReplicaKey| names.get(endpoint).is_some_and(|name| self.notices.is_settled(name));
        let stands = |endpoint: &ReplicaKey| self.standing.borrow().contains_key(endpoint);
        let wanted = |it: &&Route| doing.errand.route.as_ref().is_none_or(|route| route.endpoint == it.endpoint);
        let is_over =
            |it: &Route| is_settled(&it.endpoint) || doing.tried.contains(&it.endpoint) && !stands(&it.endpoint);
        if routes.iter().filter(wanted).all(is_over) {
            let reached = routes.iter().filter(wanted).filter(|it| is_settled(&it.endpoint)).count();
            doing.answered = true;
            profile.answer_errand(&doing.errand, reached as u64)?;
        }
        Ok(())
    }

    /// True if an endpoint is to be dialled now. Of two that could dial each other the one with the lower key goes first, so
    /// that there is one connection as a rule.
    fn is_due(&self, endpoint: &ReplicaKey) -> bool {
        if self.standing.borrow().contains_key(endpoint) {
            return false;
        }
        let mut turns = self.turns.borrow_mut();
        // Who is waited for is dialled at once.
        let doing = self.errand.borrow();
        let hurries = doing.as_ref().is_some_and(|it| !it.answered && !it.tried.contains(endpoint));
        let goes_first = hurries || self.port.endpoint() < *endpoint;
        let wait = if goes_first { Duration::ZERO } else { PRECEDENCE };
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
        let dialled = match &begun {
            Begun::There(_) => None,
            Begun::Here(route) => Some(route.endpoint),
        };
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
        self.names.borrow_mut().retain(|_, it| *it != name);
        if let (Some(endpoint), Some(doing)) = (dialled, self.errand.borrow_mut().as_mut()) {
            doing.tried.insert(endpoint);
        }
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
        self.names.borrow_mut().insert(endpoint, name.to_owned());
        let ended = converse(caller.link, &mut exchange, &mut stop).await;
        // Its last word may have come with the end.
        let ended = exchange.tidy().map_err(TalkError::Session).and(ended);
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

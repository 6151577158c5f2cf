//! `alliance sync`: bring this profile and the relay up to date, once or for as long as one likes.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use alliance_core::app::{AppError, Profile, RelayInfo, Session, SessionError, SessionEvent, Tally};
use alliance_replica::{
    exchange::{frame::Code, live::Live},
    id::SpaceId,
};
use clap::Args;
use futures_util::future::try_join_all;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use super::{Answer, Context};
use crate::{
    env::Outside,
    error::CliError,
    net::{
        backoff::Backoff,
        relay::{End, Link, RelayUrl, Talk, TalkError, converse},
        stop::Stop,
    },
    ui::Progress,
};

/// Arguments of `sync`.
#[derive(Args, Debug)]
pub struct Sync {
    /// Stay connected: send what you write and take what arrives, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
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
    /// True if it is one's own, private space.
    pub personal: bool,
    /// Where it is exchanged.
    pub relay: String,
    /// What came.
    pub received: u64,
    /// What went.
    pub sent: u64,
    /// Items here that changed because of what came.
    pub changed: u64,
    /// Fields in which one may choose between values.
    pub choices: usize,
    /// Why the relay refused the space or something in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
}

impl Sync {
    /// Exchanges with every relay of the profile.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = context.profile()?;
        let relays = profile.relays()?;
        if relays.is_empty() {
            return Err(AppError::NoRelay.into());
        }
        let runtime = runtime()?;
        if self.watch {
            drop(profile);
            let file = context.file()?;
            let watching = relays.iter().map(|relay| watch(context, &file, relay));
            runtime.block_on(try_join_all(watching))?;
            return Ok(Answer::Said);
        }
        let (mut rows, mut failed) = (Vec::new(), None);
        for relay in &relays {
            match runtime.block_on(once(context, &mut profile, relay)) {
                Ok(traffic) => rows.extend(traffic),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            None => Ok(Answer::Synced(Synced { rows, over: true })),
            Some(error) => {
                // What could be exchanged is told before what could not.
                if !rows.is_empty() {
                    context.ui.answer(&Answer::Synced(Synced { rows, over: false }))?;
                }
                Err(error)
            }
        }
    }
}

/// A runtime for one thread; commands that need no network never make one.
pub fn runtime() -> Result<Runtime, CliError> {
    Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)
}

/// Exchanges everything there is with one relay.
pub async fn once(context: &Context<'_>, profile: &mut Profile, relay: &RelayInfo) -> Result<Vec<Traffic>, CliError> {
    let url = url(relay)?;
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let progress = context.ui.progress(&format!("Connecting to {url}"));
    let link = tokio::select! {
        link = Link::connect(&url) => link?,
        () = stop.wished() => return Err(CliError::Cancelled),
    };
    let mut exchange = Exchange::new(context, profile, relay, Mode::Once(&progress));
    let end = converse(link, &mut exchange, &mut stop).await;
    progress.clear();
    match end? {
        End::Over => exchange.report(),
        End::Stopped => Err(CliError::Cancelled),
    }
}

/// Stays in exchange with one relay until the person wishes to end; a relay that cannot be reached is tried again.
async fn watch(context: &Context<'_>, file: &Path, relay: &RelayInfo) -> Result<(), CliError> {
    let url = url(relay)?;
    let mut profile = Profile::open(file)?;
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let mut backoff = Backoff::default();
    let mut told = false;
    loop {
        let connected = tokio::select! {
            link = Link::connect(&url) => link,
            () = stop.wished() => return Ok(()),
        };
        let error = match connected {
            Err(error) => error.into(),
            Ok(link) => {
                backoff.reset();
                told = false;
                context.ui.talk(&format!("Connected to {url}. Ctrl-C ends."));
                let relay = known(&mut profile, relay)?;
                let mut exchange = Exchange::new(context, &mut profile, &relay, Mode::Watch);
                match converse(link, &mut exchange, &mut stop).await {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                }
            }
        };
        let why = passing(error)?;
        if !told {
            context.ui.talk(&format!("Not connected: {why}. All is saved here; trying again."));
            told = true;
        }
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        tokio::select! {
            () = tokio::time::sleep(backoff.wait(random)) => {}
            () = stop.wished() => return Ok(()),
        }
    }
}

/// The relay as the profile knows it by now: its key may have become known, and spaces may have been added.
fn known(profile: &mut Profile, relay: &RelayInfo) -> Result<RelayInfo, CliError> {
    let known = profile.relays()?.into_iter().find(|it| it.url == relay.url);
    Ok(known.unwrap_or_else(|| relay.clone()))
}

/// What is wrong, if it may pass by itself; the error, if it will not.
fn passing(error: TalkError) -> Result<String, CliError> {
    match error {
        TalkError::Net(error) => Ok(error.to_string()),
        TalkError::Session(SessionError::Closed(
            code @ (Code::Limit | Code::Slow | Code::Closing | Code::Storage | Code::Internal),
        )) => Ok(format!("the relay says: {}", refusal(code))),
        TalkError::Session(error) => Err(error.into()),
    }
}

fn url(relay: &RelayInfo) -> Result<RelayUrl, CliError> {
    relay.url.parse().map_err(|why| CliError::RelayUrl { url: relay.url.clone(), why })
}

/// A relay's reason, for people.
pub fn refusal(code: Code) -> &'static str {
    match code {
        Code::Version => "it speaks another version of the protocol",
        Code::Frame | Code::Proof => "it did not understand this program",
        Code::NotMember => "this computer does not belong to the alliance, or no longer",
        Code::UnknownSpace => "it does not know this alliance",
        Code::Expired => "the invitation has run out",
        Code::Entry => "it refused something that was written",
        Code::Limit => "it has no room for more right now",
        Code::Slow => "this connection is too slow",
        Code::Closing => "it is being stopped",
        Code::Storage => "its disk cannot be written",
        Code::Internal => "something went wrong in it",
        Code::Token => "it takes new alliances only with a token",
    }
}

/// How an exchange goes on.
enum Mode<'a> {
    /// Until all was exchanged, showing how far it is.
    Once(&'a Progress),
    /// For as long as the person likes, saying what comes and goes.
    Watch,
}

/// An exchange with a relay, as [`converse`] pumps it.
struct Exchange<'a> {
    context: &'a Context<'a>,
    profile: &'a mut Profile,
    session: Session,
    outside: Outside<'a>,
    relay: &'a RelayInfo,
    mode: Mode<'a>,
    refused: BTreeMap<SpaceId, Code>,
    said: BTreeMap<SpaceId, Tally>,
    live: Live,
    version: i64,
    start: Instant,
}

impl<'a> Exchange<'a> {
    fn new(context: &'a Context<'a>, profile: &'a mut Profile, relay: &'a RelayInfo, mode: Mode<'a>) -> Self {
        let mut outside = context.outside();
        Self {
            session: Session::new(relay, &mut outside.world()),
            context,
            profile,
            outside,
            relay,
            mode,
            refused: BTreeMap::new(),
            said: BTreeMap::new(),
            live: Live::default(),
            version: 0,
            start: Instant::now(),
        }
    }

    /// What came and went so far, a row a space of the relay.
    fn report(&mut self) -> Result<Vec<Traffic>, CliError> {
        let mut tallies: BTreeMap<_, _> = self.relay.spaces.iter().map(|space| (*space, Tally::default())).collect();
        tallies.extend(self.session.tallies());
        self.rows(&tallies)
    }

    fn rows(&mut self, tallies: &BTreeMap<SpaceId, Tally>) -> Result<Vec<Traffic>, CliError> {
        let mut rows = Vec::new();
        for status in self.profile.status()? {
            let refused = self.refused.get(&status.space).copied().map(refusal);
            let Some(tally) = tallies.get(&status.space).copied().or(refused.map(|_| Tally::default())) else {
                continue;
            };
            let choices = if status.personal { 0 } else { self.profile.conflicts(status.space)?.len() };
            rows.push(Traffic {
                id: status.space.to_string(),
                title: status.title,
                personal: status.personal,
                relay: self.relay.url.clone(),
                received: tally.received,
                sent: tally.sent,
                changed: tally.changed,
                choices,
                refused,
            });
        }
        Ok(rows)
    }

    /// Says what is new since it was said last.
    fn show(&mut self) -> Result<(), SessionError> {
        let mut new = false;
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Connected { .. } => {}
                SessionEvent::Progress | SessionEvent::Changed { .. } => new = true,
                SessionEvent::Refused { space, code } => {
                    new = true;
                    self.refused.insert(space, code);
                }
            }
        }
        if !new {
            return Ok(());
        }
        let tallies = self.session.tallies().clone();
        match &self.mode {
            Mode::Once(progress) => {
                let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum::<u64>();
                progress.say(&format!("{} came, {} went", sum(|it| it.received), sum(|it| it.sent)));
            }
            Mode::Watch => {
                let since = since(&self.said, &tallies);
                self.said = tallies;
                let told = self.rows(&since).and_then(|rows| {
                    self.refused.clear();
                    let rows: Vec<_> = rows.into_iter().filter(|row| !row.personal || row.refused.is_some()).collect();
                    if rows.is_empty() {
                        return Ok(());
                    }
                    self.context.ui.answer(&Answer::Synced(Synced { rows, over: false }))
                });
                // Whoever reads the output may be gone; the exchange goes on.
                let _ = told;
            }
        }
        Ok(())
    }
}

/// What came and went between two tallies, where anything did.
fn since(before: &BTreeMap<SpaceId, Tally>, now: &BTreeMap<SpaceId, Tally>) -> BTreeMap<SpaceId, Tally> {
    let of = |(space, now): (&SpaceId, &Tally)| {
        let before = before.get(space).copied().unwrap_or_default();
        let received = now.received.saturating_sub(before.received);
        let sent = now.sent.saturating_sub(before.sent);
        let changed = now.changed.saturating_sub(before.changed);
        let tally = Tally { received, sent, changed };
        (tally != Tally::default()).then_some((*space, tally))
    };
    now.iter().filter_map(of).collect()
}

impl Talk for Exchange<'_> {
    fn pace(&self) -> Duration {
        match self.mode {
            Mode::Once(_) => Duration::from_secs(1),
            Mode::Watch => Duration::from_millis(50),
        }
    }

    fn lasts(&self) -> bool {
        matches!(self.mode, Mode::Watch)
    }

    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        self.session.poll_transmit(self.profile)
    }

    fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError> {
        self.session.handle(self.profile, frame, &mut self.outside.world())?;
        Ok(self.session.is_full())
    }

    fn flush(&mut self) -> Result<(), SessionError> {
        self.session.flush(self.profile, &mut self.outside.world())?;
        self.show()
    }

    fn is_over(&mut self) -> Result<bool, SessionError> {
        Ok(self.session.is_settled(self.profile)?)
    }

    fn tick(&mut self) -> Result<(), SessionError> {
        if !self.lasts() {
            return Ok(());
        }
        let version = self.profile.version()?;
        if version != self.version {
            self.version = version;
            self.live.on_change();
        }
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.live.due().is_some_and(|due| due <= now) {
            self.session.local_change();
            self.live.on_sealed(now);
            self.flush()?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::relay::NetError;

    #[test]
    fn only_what_is_new_is_said() {
        let tally = |received, sent| Tally { received, sent, changed: 0 };
        let space = |n| SpaceId::new([n; 16]);
        let before = BTreeMap::from([(space(1), tally(3, 1)), (space(2), tally(1, 1))]);
        let now = BTreeMap::from([(space(1), tally(3, 1)), (space(2), tally(4, 1)), (space(3), tally(0, 2))]);
        assert_eq!(since(&before, &now), BTreeMap::from([(space(2), tally(3, 0)), (space(3), tally(0, 2))]));
    }

    #[test]
    fn a_relay_that_stops_is_waited_for_and_one_that_is_another_is_not() {
        assert!(passing(NetError::Closed.into()).is_ok());
        assert!(passing(SessionError::Closed(Code::Closing).into()).is_ok());
        assert!(passing(SessionError::Closed(Code::Version).into()).is_err());
        let other = SessionError::OtherRelay { url: "http://a".to_owned() };
        assert!(passing(other.into()).is_err());
    }
}

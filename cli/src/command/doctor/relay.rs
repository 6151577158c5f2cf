//! Greets each relay, and goes: whether it is there, is the one that is known, and what its clock says.

use std::time::{Duration, Instant};

use alliance_core::app::{RelayInfo, SessionError};
use alliance_replica::{
    exchange::{Event, Exchange, Role},
    id::{ReplicaKey, Secret},
};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Finding;
use crate::{
    command::{Context, sync},
    error::CliError,
    net::{
        relay::{Link, NetError},
        stop::Stop,
        talk::{End, Talk, converse},
    },
};

/// How long a relay may take to answer a greeting.
const PATIENCE: Duration = Duration::from_secs(10);
/// What feels like at once, and what does not feel slow.
const AT_ONCE: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(1);

/// What was found of the relays.
#[derive(Default)]
pub(super) struct Met {
    /// One a relay.
    pub(super) findings: Vec<Finding>,
    /// What the clock of one of them says, in unix seconds.
    pub(super) date: Option<i64>,
}

/// Greets every relay.
pub(super) fn meet(context: &Context<'_>, relays: &[RelayInfo]) -> Result<Met, CliError> {
    let mut met = Met::default();
    if relays.is_empty() {
        met.findings.push(Finding::ok("relay", "none is set; `alliance relay set <url>` names one"));
        return Ok(met);
    }
    if context.is_offline() {
        met.findings.push(Finding::ok("relay", super::NOT_ASKED));
        return Ok(met);
    }
    let runtime = context.online()?;
    for relay in relays {
        match runtime.block_on(greet(context, relay)) {
            Ok((finding, date)) => {
                met.findings.push(finding);
                met.date = met.date.or(date);
            }
            Err(CliError::Cancelled) => return Err(CliError::Cancelled),
            Err(error) if relay.is_left() => {
                let said = format!("the relay {}", sync::how_left(relay, &error));
                met.findings.push(Finding::warn("relay", said, &sync::gives_up(relay)));
            }
            Err(error) => met.findings.push(Finding::error("relay", &error)),
        }
    }
    Ok(met)
}

async fn greet(context: &Context<'_>, relay: &RelayInfo) -> Result<(Finding, Option<i64>), CliError> {
    let way = sync::way(relay)?;
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let progress = context.ui.progress(&format!("Connecting to {}", way.url));
    let link = tokio::select! {
        link = Link::connect(&way) => link,
        () = stop.wished() => return Err(CliError::Cancelled),
    };
    progress.clear();
    let link = link?;
    let date = link.date();
    let mut greeting = Greeting::new(context);
    match timeout(PATIENCE, converse(link, &mut greeting, &mut stop)).await {
        Err(_) => return Err(NetError::Silent.into()),
        Ok(end) => match end? {
            End::Over => {}
            End::Stopped => return Err(CliError::Cancelled),
        },
    }
    let Some((key, took)) = greeting.met else { return Err(NetError::Silent.into()) };
    if relay.key.is_some_and(|known| known != key) {
        return Err(CliError::Session(SessionError::OtherRelay { url: relay.url.clone() }));
    }
    let speed = match took {
        took if took < AT_ONCE => "at once",
        took if took < SOON => "soon",
        _ => "slowly",
    };
    let known = if relay.key.is_some() { "and is the one that is known" } else { "and is not known yet" };
    let how = if way.url.is_tls() { "over TLS" } else { "without TLS" };
    Ok((Finding::ok("relay", format!("{} answers {speed} {how}, {known}", relay.url)), date))
}

/// A conversation that is over once the relay has proven its key.
struct Greeting {
    exchange: Exchange,
    begun: Instant,
    met: Option<(ReplicaKey, Duration)>,
}

impl Greeting {
    fn new(context: &Context<'_>) -> Self {
        let mut outside = context.outside();
        let (mut seed, mut nonce) = (Zeroizing::new([0; 32]), [0; 32]);
        let world = outside.world();
        world.rng.fill_bytes(&mut *seed);
        world.rng.fill_bytes(&mut nonce);
        let exchange = Exchange::new(Role::Initiator, Secret::from_seed(&seed), nonce);
        Self { exchange, begun: Instant::now(), met: None }
    }
}

impl Talk for Greeting {
    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        Ok(self.exchange.poll_transmit())
    }

    fn handle(&mut self, frame: &[u8]) -> Result<bool, SessionError> {
        match self.exchange.handle(frame)? {
            Some(Event::Proven { peer }) => self.met = Some((peer, self.begun.elapsed())),
            Some(Event::Closed(error)) => return Err(SessionError::Closed(error.code)),
            _ => {}
        }
        Ok(false)
    }

    fn is_over(&mut self) -> Result<bool, SessionError> {
        Ok(self.met.is_some())
    }
}

//! `alliance sync --watch`: a connection to each relay of the profile, for as long as the person likes.
//!
//! Each relay has a connection of its own that is tried again for ever, with longer and longer waits; relays to which
//! the spaces move meanwhile are connected to, those that nobody needs any more are not. A computer that slept connects
//! again at once.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeSet,
    path::Path,
    pin::Pin,
    time::{Duration, Instant},
};

use alliance_core::{
    app::{AppError, Profile, RelayInfo, SessionError},
    store::StoreError,
};
use alliance_replica::{exchange::frame::Code, id::SpaceId};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Exchange, Mode, keep_refusal, notices::Notices, of_left, refusal, way};
use crate::{
    command::{
        Context,
        device::{self, late},
        remind::Bell,
        security,
    },
    error::CliError,
    net::{
        backoff::Backoff,
        peer::Port,
        relay::{Link, TalkError},
        stop::Stop,
        talk::{End, converse},
        wake::Wake,
    },
};

/// How often it is looked whether there are other relays than before, or this computer slept.
const LOOK: Duration = Duration::from_secs(1);
/// How long a connection holds that shows that the relay is well.
const WELL: Duration = Duration::from_secs(10);

/// Stays in exchange with all relays of the profile, if that is wanted, and with whoever is served, until the person wishes
/// to end.
pub(super) async fn all(
    context: &Context<'_>,
    file: &Path,
    notices: &Notices,
    (relays, direct, mut serving): (
        bool,
        Option<&OnceCell<Port>>,
        Pin<&mut impl Future<Output = Result<(), CliError>>>,
    ),
) -> Result<(), CliError> {
    let mut profile = Profile::open(file)?;
    let watched = RefCell::new(BTreeSet::new());
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let mut watching = FuturesUnordered::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut version, mut refused) = (None, BTreeSet::new());
    let (mut late, mut log) = (late::heard(&mut profile)?, security::heard(&mut profile)?);
    let mut bell = Bell::default();
    loop {
        bell.ring(context, &mut profile)?;
        let now = profile.version()?;
        if version != Some(now) || watching.is_empty() && relays {
            version = Some(now);
            late = late::tell(late, &mut profile, context)?;
            log = security::tell(log, &mut profile, context)?;
            tend(context, &mut profile, &mut refused, relays).await?;
            for relay in profile.relays()?.into_iter().filter(|_| relays) {
                if watched.borrow_mut().insert(relay.url.clone()) {
                    let watched = &watched;
                    watching.push(async move {
                        let ended = one(context, file, &relay.url, (notices, direct)).await;
                        watched.borrow_mut().remove(&relay.url);
                        ended.map_err(|error| (relay.url, error))
                    });
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.wished() => {
                // Each connection hears the same wish and has a last word.
                while let Some(ended) = watching.next().await {
                    ended.map_err(|(_, error)| error)?;
                }
                return if direct.is_some() { serving.await } else { Ok(()) };
            }
            ended = &mut serving => return ended,
            Some(ended) = watching.next() => match ended {
                Ok(Ended::Stopped) => return finish(watching).await,
                Ok(Ended::NotNeeded) => {}
                // One relay that is not what it was stops no other.
                Err((url, error)) if !watching.is_empty() || direct.is_some() => {
                    let left = known(&mut profile, &url)?.filter(RelayInfo::is_left);
                    let given_up = || format!("The relay {url} is given up: {}.", error.report().message);
                    context.ui.talk(&left.map_or_else(given_up, |relay| of_left(&relay, &error)));
                    watched.borrow_mut().insert(url);
                }
                Err((_, error)) => return Err(error),
            },
            _ = look.tick() => {}
        }
    }
}

/// Sees to it that all computers of the person are everywhere they belong. What did not let this one in is not tried again
/// before the next start.
async fn tend(
    context: &Context<'_>,
    profile: &mut Profile,
    refused: &mut BTreeSet<SpaceId>,
    relays: bool,
) -> Result<(), CliError> {
    let mut outside = context.outside();
    for mut ways in profile.tend_computers(&mut outside.world())?.ways {
        // Where only another computer can let this one in, `sync --peer` goes there.
        ways.retain(|it| relays && it.terms().relay.is_some());
        let Some(space) = ways.first().map(|it| it.terms().space).filter(|it| !refused.contains(it)) else { continue };
        if let Err(error) = device::take_up(context, profile, ways).await {
            context.ui.talk(&format!("One of your alliances did not come here: {}.", error.report().message));
            refused.insert(space);
        }
    }
    Ok(())
}

/// Lets all other connections end as well.
async fn finish(
    mut watching: FuturesUnordered<impl Future<Output = Result<Ended, (String, CliError)>>>,
) -> Result<(), CliError> {
    while let Some(ended) = watching.next().await {
        ended.map_err(|(_, error)| error)?;
    }
    Ok(())
}

/// Why a relay is not watched any more.
enum Ended {
    /// The person wished so.
    Stopped,
    /// No space is exchanged there any more.
    NotNeeded,
}

/// Stays in exchange with one relay; one that cannot be reached is tried again.
async fn one(
    context: &Context<'_>,
    file: &Path,
    url: &str,
    (notices, direct): (&Notices, Option<&OnceCell<Port>>),
) -> Result<Ended, CliError> {
    let mut profile = Profile::open(file)?;
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let mut backoff = Backoff::default();
    loop {
        let Some(relay) = known(&mut profile, url)? else { return Ok(Ended::NotNeeded) };
        let way = way(&relay)?;
        let connected = tokio::select! {
            link = Link::connect(&way) => link,
            () = stop.wished() => return Ok(Ended::Stopped),
        };
        let error = match connected {
            Err(error) => error.into(),
            Ok(link) => {
                notices.connected(context.ui, url);
                let since = Instant::now();
                let mut exchange = Exchange::new(context, &mut profile, &relay, Mode::Watch(notices));
                if let Some(port) = direct {
                    exchange.meet_by(port, way.url.clone());
                }
                let ended = converse(link, &mut exchange, &mut stop).await;
                if let Some(port) = direct.and_then(OnceCell::get) {
                    port.on_left_alone(&way.url);
                }
                if since.elapsed() >= WELL {
                    backoff.reset();
                }
                match ended {
                    Ok(End::Stopped) => return Ok(Ended::Stopped),
                    Ok(End::Over) => continue,
                    Err(error) => {
                        if let TalkError::Session(ended) = &error {
                            keep_refusal(&mut profile, &relay, ended)?;
                        }
                        error
                    }
                }
            }
        };
        let Some(why) = passing(error)? else { continue };
        notices.disconnected(context.ui, url, &why);
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        tokio::select! {
            () = rest(backoff.wait(random)) => {}
            () = stop.wished() => return Ok(Ended::Stopped),
        }
    }
}

/// Waits, but not for what went by while this computer slept.
async fn rest(wait: Duration) {
    let (mut wake, start) = (Wake::default(), Instant::now());
    while !wake.has_slept()
        && let Some(left) = wait.checked_sub(start.elapsed()).filter(|left| !left.is_zero())
    {
        sleep(left.min(LOOK)).await;
    }
}

/// The relay as the profile knows it by now: its key may have become known, spaces may have come or gone.
fn known(profile: &mut Profile, url: &str) -> Result<Option<RelayInfo>, CliError> {
    Ok(profile.relays()?.into_iter().find(|it| it.url == url))
}

/// What is wrong, if it may pass by itself, and nothing if it is over already; the error, if it will not.
fn passing(error: TalkError) -> Result<Option<String>, CliError> {
    use crate::net::relay::NetError;
    match error {
        TalkError::Net(NetError::Slept) => Ok(None),
        TalkError::Net(error) => Ok(Some(error.to_string())),
        TalkError::Session(SessionError::Closed(
            code @ (Code::Limit | Code::Slow | Code::Closing | Code::Storage | Code::Internal),
        )) => Ok(Some(format!("the relay says: {}", refusal(code)))),
        TalkError::Session(SessionError::App(AppError::Store(error @ (StoreError::Busy(_) | StoreError::Disk(_))))) => {
            Ok(Some(error.to_string()))
        }
        TalkError::Session(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::relay::NetError;

    #[test]
    fn a_relay_that_stops_is_waited_for_and_one_that_is_another_is_not() {
        assert!(passing(NetError::Closed.into()).is_ok_and(|why| why.is_some()));
        assert!(passing(NetError::Slept.into()).is_ok_and(|why| why.is_none()));
        assert!(passing(SessionError::Closed(Code::Closing).into()).is_ok());
        assert!(passing(SessionError::Closed(Code::Version).into()).is_err());
        let other = SessionError::OtherRelay { url: "http://a".to_owned() };
        assert!(passing(other.into()).is_err());
    }
}

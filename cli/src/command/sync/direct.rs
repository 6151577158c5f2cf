//! From computer to computer, with no relay between: by a ticket, and for whoever dials while this program watches.

use std::{future::pending, net::SocketAddr, panic::AssertUnwindSafe, path::Path, pin::pin};

use alliance_core::{
    app::{Joining, Profile, Session, SessionError},
    keys::{Invitation, Route},
};
use alliance_replica::exchange::Role;
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use iroh::endpoint::Incoming;

use super::{Exchange, Mode, Rounds, Traffic, exchange::With, notices::Notices, watch};
use crate::{
    command::Context,
    error::CliError,
    net::{
        peer::{Caller, Listen, PeerError, Port, answer},
        relay::{NetError, TalkError},
        stop::Stop,
        talk::{Asking, End, Talk, converse},
    },
    ui::Progress,
};

/// Others who are answered at once.
const MOST: usize = 16;

/// Exchanges everything with the computer that a ticket leads to, and comes into whatever it lets this one into.
pub async fn with_ticket(
    context: &Context<'_>,
    profile: &mut Profile,
    route: &Route,
) -> Result<Vec<Traffic>, CliError> {
    let mut outside = context.outside();
    let what = (Listen::Anywhere, "`alliance sync`");
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
    let said = say(&progress, caller, &mut exchange).await;
    if exchange.is_between_strangers() {
        return Err(CliError::Strangers);
    }
    said?;
    exchange.report()
}

/// Asks the computer at a route whether an invitation is good. Nothing is written anywhere.
pub async fn knock(context: &Context<'_>, invitation: Invitation, way: (&Port, &Route)) -> Result<Joining, CliError> {
    let progress = context.ui.progress("Connecting to the other computer");
    let caller = dial(way, &progress).await?;
    let joining = Joining::at_laptop(invitation, caller.binding, &mut context.outside().world());
    let mut asking = Asking(joining);
    say(&progress, caller, &mut asking).await?;
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

async fn say(progress: &Progress, caller: Caller, talk: &mut impl Talk) -> Result<(), CliError> {
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let end = converse(caller.link, talk, &mut stop).await;
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
    let what = (Listen::Everywhere, "`alliance invite`");
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
    let listen = listen.map_or(Listen::Everywhere, Listen::At);
    let mut outside = context.outside();
    let port = Port::open(&mut profile, &file, (listen, "`alliance peer ticket`"), &mut outside.world()).await?;
    let shown = async {
        let route = port.route().await?;
        profile.set_route(&route)?;
        told(route)?;
        drop(profile);
        watch_with(context, &file, false, Some(&port)).await
    };
    let ended = shown.await;
    port.close().await;
    ended
}

/// Stays in exchange by the ways that are wanted: through relays, and with whoever dials.
pub(super) async fn stay(
    context: &Context<'_>,
    mut profile: Profile,
    (relays, direct): (bool, bool),
) -> Result<(), CliError> {
    let file = context.file()?;
    let mut port = None;
    if direct {
        let mut outside = context.outside();
        let what = (Listen::Everywhere, "`alliance sync --watch`");
        match Port::open(&mut profile, &file, what, &mut outside.world()).await {
            Ok(opened) => {
                if let Ok(route) = opened.route().await {
                    profile.set_route(&route)?;
                }
                port = Some(opened);
            }
            // Who has it answers for this one as well.
            Err(PeerError::Held { .. }) if relays => {}
            Err(error) if relays => {
                context.ui.talk(&format!("Other computers cannot come here directly: {error}."));
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(profile);
    if !relays {
        context.ui.talk("This computer answers others directly. Ctrl-C ends.");
    }
    let ended = watch_with(context, &file, relays, port.as_ref()).await;
    if let Some(port) = port {
        port.close().await;
    }
    ended
}

async fn watch_with(context: &Context<'_>, file: &Path, relays: bool, port: Option<&Port>) -> Result<(), CliError> {
    let notices = Notices::default();
    let serving = async {
        match port {
            Some(port) => serve(context, file, port, &notices).await,
            None => pending().await,
        }
    };
    watch::all(context, file, &notices, (relays, port.is_some(), pin!(serving))).await
}

/// Answers whoever dials, until the person wishes to end.
async fn serve(context: &Context<'_>, file: &Path, port: &Port, notices: &Notices) -> Result<(), CliError> {
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let (mut meetings, mut count) = (FuturesUnordered::new(), 0_u64);
    loop {
        tokio::select! {
            biased;
            () = stop.wished() => {
                // Each hears the same wish and has a last word.
                while meetings.next().await.is_some() {}
                return Ok(());
            }
            incoming = port.accept() => match incoming {
                None => return Ok(()),
                Some(incoming) if meetings.len() >= MOST => incoming.refuse(),
                Some(incoming) => {
                    count += 1;
                    meetings.push(meet(context, file, incoming, (count, notices)));
                }
            },
            Some(()) = meetings.next() => {}
        }
    }
}

/// Exchanges with one who dialled. Whatever goes wrong ends this meeting and nothing else.
async fn meet(context: &Context<'_>, file: &Path, incoming: Incoming, (number, notices): (u64, &Notices)) {
    let name = format!("computer {number}");
    let meeting = async {
        let caller = answer(incoming).await?;
        let mut profile = Profile::open(file)?;
        let session = Session::direct(Role::Responder, caller.binding, &mut context.outside().world());
        let with = (With::Computer(&name), Mode::Watch(notices));
        let mut exchange = Exchange::with(context, &mut profile, session, with);
        let mut stop = Stop::new().map_err(CliError::Runtime)?;
        match converse(caller.link, &mut exchange, &mut stop).await {
            // Who dialled says when it is over.
            Ok(_) | Err(TalkError::Net(NetError::Closed)) => Ok(()),
            Err(TalkError::Session(SessionError::App(error))) => Err(CliError::from(error)),
            Err(_) => Ok(()),
        }
    };
    // A stranger's connection that breaks is no news; what fails here is.
    if let Ok(Err(error @ CliError::App(_))) = AssertUnwindSafe(meeting).catch_unwind().await {
        context.ui.talk(&format!("An exchange with another computer ended: {}.", error.report().message));
    }
    notices.gone(&name);
}

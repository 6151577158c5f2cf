//! From computer to computer, with no relay between: by a ticket, and for whoever dials while this program watches.

use std::{cell::OnceCell, future::pending, net::SocketAddr, path::Path, pin::pin, time::Duration};

use alliance_core::{
    app::{Joining, Profile, Session, SessionError},
    keys::{Invitation, Route},
};
use alliance_replica::exchange::Role;
use tokio::time::{sleep, timeout};

use super::{
    Exchange, Mode, Rounds, Traffic,
    company::{self, Company},
    exchange::With,
    notices::Notices,
    watch,
};
use crate::{
    command::Context,
    config::Direct,
    error::CliError,
    net::{
        peer::{Caller, Listen, PeerError, PeerLink, Port, Reach},
        relay::TalkError,
        stop::Stop,
        talk::{Asking, End, Talk, converse},
    },
    render::count,
    ui::Progress,
};

/// How often it is looked what became of an errand.
const GLANCE: Duration = Duration::from_millis(50);
/// How long another program of the profile may take over an errand.
const ERRAND: Duration = Duration::from_secs(30);

/// Exchanges everything with the computer that a ticket leads to, and comes into whatever it lets this one into.
pub async fn with_ticket(
    context: &Context<'_>,
    profile: &mut Profile,
    route: &Route,
) -> Result<Vec<Traffic>, CliError> {
    if profile.route()?.is_some_and(|own| own.endpoint == route.endpoint) {
        return Err(PeerError::Itself.into());
    }
    let mut outside = context.outside();
    let what = (Listen::Anywhere(context.reach()?), "`alliance sync`");
    let port = match Port::open(profile, &context.file()?, what, &mut outside.world()).await {
        Err(PeerError::Held { what }) => {
            return match errand(context, profile, (&what, Some(route))).await? {
                true => Ok(Vec::new()),
                false => Err(PeerError::Unreachable.into()),
            };
        }
        port => port?,
    };
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
/// profile sees to it and reaches nobody.
pub(super) async fn with_known(context: &Context<'_>, profile: &mut Profile) -> Result<Option<Vec<Traffic>>, CliError> {
    let (routes, direct) = (profile.routes()?, Direct::of(context)?);
    if routes.is_empty() || direct == Direct::Relay {
        return Ok(None);
    }
    let what = (Listen::Anywhere(context.reach()?), "`alliance sync`");
    let port = match Port::open(profile, &context.file()?, what, &mut context.outside().world()).await {
        Err(PeerError::Held { what }) => {
            return Ok(errand(context, profile, (&what, None)).await?.then(Vec::new));
        }
        port => port?,
    };
    let (mut rows, mut reached) = (Vec::new(), false);
    for route in &routes {
        match rounds(context, profile, (&port, route)).await {
            Ok(came) => {
                rows.extend(came);
                reached = true;
            }
            // Who is not there now is another time.
            Err(CliError::Peer(_) | CliError::PeerTalk(_) | CliError::Strangers) => {}
            Err(error) => {
                port.close().await;
                return Err(error);
            }
        }
    }
    port.close().await;
    Ok(reached.then_some(rows))
}

/// Leaves the dial to the program that has the endpoint, and waits for what comes of it; true if somebody was reached.
async fn errand(
    context: &Context<'_>,
    profile: &mut Profile,
    (what, route): (&str, Option<&Route>),
) -> Result<bool, CliError> {
    let mut stop = Stop::new().map_err(CliError::Runtime)?;
    let progress = context.ui.progress(&format!("{what} of this profile sees to it"));
    let errand = profile.leave_errand(route, &mut context.outside().world())?;
    let waiting = async {
        loop {
            sleep(GLANCE).await;
            if let Some(reached) = profile.errand_answer(&errand)? {
                return Ok::<_, CliError>(reached);
            }
        }
    };
    let reached = tokio::select! {
        reached = timeout(ERRAND, waiting) => reached.unwrap_or(Ok(0))?,
        () = stop.wished() => return Err(CliError::Cancelled),
    };
    progress.clear();
    if reached > 0 {
        let others = count(reached, "other computer", "other computers");
        context.ui.talk(&format!("{what} of this profile has exchanged everything with {others}."));
    }
    Ok(reached > 0)
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
    // It only looks, and answers nobody yet.
    let reach = Reach { nearby: false, ..context.reach()? };
    let what = (Listen::Everywhere(reach), "`alliance invite`");
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
    let listen = listen.map_or(Listen::Everywhere(context.reach()?), Listen::At);
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
        _ => Listen::Everywhere(context.reach()?),
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
            () = sleep(company::LOOK) => {}
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

//! The relay's doors: `/sync` for devices, `/relay` for those that connect with each other, `/healthz` and `/metrics` for whoever watches. Nothing here knows what a frame
//! means.

mod door;
mod error;
mod health;
mod origin;
mod passing;
mod socket;

use std::{
    future::{Future, IntoFuture as _},
    net::SocketAddr,
    time::Duration,
};

use axum::{
    Router,
    extract::connect_info::Connected,
    routing::get,
    serve::{IncomingStream, Listener},
};
use iroh_relay::http::{RELAY_PATH, RELAY_PROBE_PATH};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};
use tracing::warn;

use crate::{driver::Driver, error::Error, replica::Relay, store::Store};
pub use door::{Door, Guest, Peer};
use error::HttpError;

/// How long the last commit and the goodbyes may take when the relay stops.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// Where `/metrics` is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Metrics {
    /// Nowhere.
    #[default]
    Off,
    /// Beside everything else, for everybody.
    Here,
    /// At an address of its own, with `/healthz`.
    At(SocketAddr),
}

/// The addresses that a relay has taken, before there is one.
pub struct Sockets {
    listener: TcpListener,
    watchers: Option<TcpListener>,
    metrics: Metrics,
}

/// A relay that listens.
pub struct Server {
    sockets: Sockets,
    driver: Driver,
    ended: oneshot::Receiver<()>,
}

impl Sockets {
    /// Listens for devices, and for whoever watches. Port 0 takes any free port.
    pub async fn bind(address: SocketAddr, metrics: Metrics) -> Result<Self, Error> {
        let listener = listen("listen", address).await?;
        let watchers = match metrics {
            Metrics::At(address) => Some(listen("metrics", address).await?),
            Metrics::Off | Metrics::Here => None,
        };
        Ok(Self { listener, watchers, metrics })
    }
}

async fn listen(name: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, name, source })
}

impl Server {
    /// Starts a relay's state machine behind these sockets.
    pub fn start<S: Store + Send + 'static>(sockets: Sockets, relay: Relay<S>) -> Result<Self, Error> {
        let (driver, ended) = Driver::start(relay).map_err(Error::Start)?;
        Ok(Self { sockets, driver, ended })
    }

    /// Where `/metrics` has an address of its own.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.sockets.watchers.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.sockets.listener.local_addr().map_err(Error::Start)
    }

    /// Serves until `stop` completes; then takes nothing new, writes what it has, says goodbye, and returns.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        self.run_over(|door| door, stop).await
    }

    /// As [`Server::run`], with something between the sockets and HTTP, such as TLS.
    pub async fn run_over<L>(self, wrap: impl FnOnce(Door) -> L, stop: impl Future<Output = ()>) -> Result<(), Error>
    where
        L: Listener<Addr = Peer>,
        Peer: for<'a> Connected<IncomingStream<'a, L>>,
    {
        let Self { sockets: Sockets { listener, watchers, metrics }, driver, mut ended } = self;
        let door = wrap(Door::new(listener, driver.policy()));
        let doors = router(driver.clone(), metrics == Metrics::Here).into_make_service_with_connect_info::<Peer>();
        let (halt, halted) = oneshot::channel::<()>();
        let serving = axum::serve(door, doors).with_graceful_shutdown(async {
            // It halts as well if this function is dropped.
            _ = halted.await;
        });
        let serving = tokio::spawn(serving.into_future());
        let watching = watchers.map(|listener| {
            let door = Door::new(listener, driver.policy());
            tokio::spawn(axum::serve(door, watch(driver.clone()).into_make_service()).into_future())
        });
        let watching = Aborted(watching);
        tokio::select! {
            () = stop => {}
            _ = &mut ended => return Err(Error::Stopped),
        }
        drop((halt, watching));
        let goodbye = async {
            driver.shut_down().await;
            driver.holepunch().shut_down().await;
            drop(driver);
            // The thread ends when the last connection is gone.
            _ = tokio::join!(serving, ended);
        };
        if timeout(LAST_MOMENT, goodbye).await.is_err() {
            warn!("somebody did not go in time");
        }
        Ok(())
    }
}

/// A task that ends with whoever started it.
struct Aborted<T>(Option<tokio::task::JoinHandle<T>>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Which path does what.
fn router(driver: Driver, has_metrics: bool) -> Router {
    let router = Router::new().route("/sync", get(socket::upgrade)).route("/healthz", get(health::health));
    let router = match driver.policy().direct.help {
        true => router.route(RELAY_PATH, get(passing::upgrade)).route(RELAY_PROBE_PATH, get(passing::probe)),
        false => router,
    };
    let router = if has_metrics { router.route("/metrics", get(health::metrics)) } else { router };
    finish(router, driver)
}

/// The same for whoever only watches.
fn watch(driver: Driver) -> Router {
    finish(Router::new().route("/metrics", get(health::metrics)).route("/healthz", get(health::health)), driver)
}

fn finish(router: Router<Driver>, driver: Driver) -> Router {
    router
        .fallback(|| async { HttpError::NotFound })
        .method_not_allowed_fallback(|| async { HttpError::NotFound })
        .with_state(driver)
}

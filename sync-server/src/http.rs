//! The relay's doors: `/sync` for devices, `/healthz` for whoever watches. Nothing here knows what a frame means.

mod error;
mod health;
mod socket;

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::{Router, routing::get, serve::ListenerExt as _};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};
use tracing::{debug, warn};

use crate::{driver::Driver, error::Error, replica::Relay, store::Store};
use error::HttpError;

/// How long connections may take to go when the relay stops.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// A relay that listens.
pub struct Server {
    listener: TcpListener,
    driver: Driver,
    ended: oneshot::Receiver<()>,
}

impl Server {
    /// Starts a relay's state machine and listens for it. Port 0 takes any free port.
    pub async fn bind<S: Store + Send + 'static>(address: SocketAddr, relay: Relay<S>) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        let (driver, ended) = Driver::start(relay).map_err(Error::Start)?;
        Ok(Self { listener, driver, ended })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(Error::Start)
    }

    /// Serves until `stop` completes; then takes nothing new, writes what it has, says goodbye, and returns.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let Self { listener, driver, ended } = self;
        let (stopping, stopped) = oneshot::channel();
        let signal = {
            let driver = driver.clone();
            async move {
                let outcome = tokio::select! {
                    () = stop => Ok(()),
                    _ = ended => Err(Error::Stopped),
                };
                driver.shut_down().await;
                // `run` waits for it, or is gone.
                let _ = stopping.send(outcome);
            }
        };
        let listener = listener.tap_io(|stream| {
            if let Err(problem) = stream.set_nodelay(true) {
                debug!(reason = %problem, "small frames may be delayed");
            }
        });
        let signal = tokio::spawn(signal);
        let serving = axum::serve(listener, router(driver)).with_graceful_shutdown(async {
            // A panic there ends the relay as well.
            let _ = signal.await;
        });
        let outcome = tokio::select! {
            _ = serving => Ok(()),
            outcome = wind_down(stopped) => outcome,
        };
        outcome
    }
}

/// Which path does what.
fn router(driver: Driver) -> Router {
    Router::new()
        .route("/sync", get(socket::upgrade))
        .route("/healthz", get(health::health))
        .fallback(|| async { HttpError::NotFound })
        .method_not_allowed_fallback(|| async { HttpError::NotFound })
        .with_state(driver)
}

async fn wind_down(stopped: oneshot::Receiver<Result<(), Error>>) -> Result<(), Error> {
    let outcome = stopped.await.unwrap_or(Err(Error::Stopped));
    let never: Result<(), _> = timeout(LAST_MOMENT, std::future::pending()).await;
    if never.is_err() {
        warn!("connections were still open");
    }
    outcome
}

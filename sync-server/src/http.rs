//! The relay's doors: `/sync` for devices, `/healthz` for whoever watches. Nothing here knows what a frame means.

mod error;
mod health;
mod socket;

use std::{
    future::{Future, IntoFuture as _},
    net::SocketAddr,
    time::Duration,
};

use axum::{Router, routing::get, serve::ListenerExt as _};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};
use tracing::{debug, warn};

use crate::{driver::Driver, error::Error, replica::Relay, store::Store};
use error::HttpError;

/// How long the last commit and the goodbyes may take when the relay stops.
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
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { listener, driver, mut ended } = self;
        let listener = listener.tap_io(|stream| {
            if let Err(problem) = stream.set_nodelay(true) {
                debug!(reason = %problem, "small frames may be delayed");
            }
        });
        let (halt, halted) = oneshot::channel::<()>();
        let serving = axum::serve(listener, router(driver.clone())).with_graceful_shutdown(async {
            // It halts as well if this function is dropped.
            _ = halted.await;
        });
        let serving = tokio::spawn(serving.into_future());
        tokio::select! {
            () = stop => {}
            _ = &mut ended => return Err(Error::Stopped),
        }
        drop(halt);
        let goodbye = async {
            driver.shut_down().await;
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

/// Which path does what.
fn router(driver: Driver) -> Router {
    Router::new()
        .route("/sync", get(socket::upgrade))
        .route("/healthz", get(health::health))
        .fallback(|| async { HttpError::NotFound })
        .method_not_allowed_fallback(|| async { HttpError::NotFound })
        .with_state(driver)
}

//! `alliance-relay`: the command line around the relay.

use std::{
    future::Future,
    io::{self, Write as _},
    process::ExitCode,
};

use alliance_sync_server::{
    config::{Config, Format},
    error::{Error, chain},
    http::Server,
    replica::Relay,
    store::SqliteStore,
};
use clap::Parser as _;
use tracing::{info, level_filters::LevelFilter};

fn main() -> ExitCode {
    let config = Config::parse();
    start_logging(&config);
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let mut stderr = io::stderr().lock();
            // Nobody is left to be told if that fails.
            _ = writeln!(stderr, "error: {}", chain(&problem));
            _ = problem.hint().map(|hint| writeln!(stderr, "hint: {hint}"));
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Config) -> Result<(), Error> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(Error::Random)?;
    let relay = Relay::new(SqliteStore::open(&config.data)?, &fresh)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    runtime.block_on(serve(config, relay))
}

async fn serve(config: &Config, relay: Relay<SqliteStore>) -> Result<(), Error> {
    let stop = signals().map_err(Error::Start)?;
    let server = Server::bind(config.listen, relay).await?;
    let address = server.address()?;
    info!(port = address.port(), version = env!("CARGO_PKG_VERSION"), "relay is listening");
    say(&format!("listening on http://{address}")).map_err(Error::Start)?;
    server.run(stop).await?;
    info!("relay has stopped");
    Ok(())
}

/// Says something to whoever started the relay, at once.
fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Completes when somebody asks the relay to stop.
#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Completes when somebody asks the relay to stop.
#[cfg(not(unix))]
fn signals() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a signal to wait for, it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

fn start_logging(config: &Config) {
    let logs = tracing_subscriber::fmt().with_max_level(LevelFilter::from(config.log)).with_writer(io::stderr);
    match config.log_format {
        Format::Text => logs.with_target(false).init(),
        Format::Json => logs.json().flatten_event(true).with_target(false).init(),
    }
}

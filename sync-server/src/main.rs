//! `alliance-relay`: the command line around the relay.

use std::{
    future::Future,
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
    time::SystemTime,
};

use alliance_sync_server::{
    admin, backup,
    config::{Arguments, Command, Config, Format, is_misplaced, variable},
    error::{Error, chain},
    http::{Metrics, Server, Sockets},
    replica::Relay,
    store::SqliteStore,
    tls::{Tls, TlsListener},
};
use clap::Parser as _;
use tracing::{error, info, level_filters::LevelFilter, warn};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(problem) => return usage(&problem),
    };
    match run(&arguments) {
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

/// Says what was typed wrong; what nobody typed is from the environment.
fn usage(problem: &clap::Error) -> ExitCode {
    // Nobody is left to be told if that fails.
    _ = problem.print();
    if let Some(variable) = variable(problem, std::env::args()) {
        _ = writeln!(io::stderr().lock(), "hint: that is the value of the environment variable {variable}");
    }
    if is_misplaced(problem) {
        _ = writeln!(io::stderr().lock(), "hint: that flag stands before the command: alliance-relay FLAGS COMMAND");
    }
    ExitCode::from(u8::try_from(problem.exit_code()).unwrap_or(2))
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    if let Some(Command::Token) = &arguments.command {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(Error::Random)?;
        return say(&admin::token(random)).map_err(Error::Start);
    }
    if let Some(Command::Check { file: Some(copy) }) = &arguments.command {
        return say(&backup::check_copy(copy)?).map_err(Error::Start);
    }
    let config = Config::new(&arguments.flags)?;
    let said = match &arguments.command {
        None => return start(&config),
        Some(Command::CheckConfig) => admin::check_config(&config)?,
        Some(Command::Spaces(spaces)) => admin::spaces(spaces, &config)?,
        Some(Command::Backup { file }) => backup::write(&config.data, file)?,
        Some(Command::Check { .. }) => backup::check(&config.data)?,
        Some(Command::Token) => return Ok(()),
    };
    say(&said).map_err(Error::Start)
}

fn start(config: &Config) -> Result<(), Error> {
    start_logging(config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    runtime.block_on(serve(config))
}

/// The relay of the folder, made if it is not there: the last thing that can fail at a start, so that a start that fails
/// leaves no new key.
fn open(config: &Config) -> Result<Relay<SqliteStore>, Error> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(Error::Random)?;
    let relay = Relay::with_policy(SqliteStore::open(&config.data)?, &fresh, config.policy.clone())?;
    admin::worries(config).into_iter().chain(admin::few_files(&config.policy)).for_each(|worry| warn!("{worry}"));
    Ok(relay)
}

async fn serve(config: &Config) -> Result<(), Error> {
    let stop = signals().map_err(Error::Start)?;
    let tls = config.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
    warn_of(tls.as_deref());
    reload_on_hangup(tls.clone()).map_err(Error::Start)?;
    let metrics = config.metrics.map_or(Metrics::Off, Metrics::At);
    let sockets = Sockets::bind(config.listen, metrics).await?;
    let server = Server::start(sockets, open(config)?)?;
    let address = server.address()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let metrics_port = server.metrics_address().map(|address| address.port());
    let admission = config.policy.admission.mode();
    let version = env!("CARGO_PKG_VERSION");
    info!(port = address.port(), tls = tls.is_some(), metrics_port, admission, version, "relay is listening");
    say(&format!("listening on {scheme}://{address}")).map_err(Error::Start)?;
    if let Some(address) = server.metrics_address() {
        say(&format!("metrics on http://{address}/metrics")).map_err(Error::Start)?;
    }
    match tls {
        Some(tls) => server.run_over(|door| TlsListener::new(door, tls), stop).await?,
        None => server.run(stop).await?,
    }
    info!("relay has stopped");
    Ok(())
}

/// Logs what is wrong with the certificate's time, or will be soon.
fn warn_of(tls: Option<&Tls>) {
    if let Some(worry) = tls.and_then(|tls| tls.worry(SystemTime::now())) {
        warn!("{worry}");
    }
}

/// Reads the certificate again whenever the relay is told to; without one the signal changes nothing.
#[cfg(unix)]
fn reload_on_hangup(tls: Option<Arc<Tls>>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match tls.as_ref().map(|tls| tls.reload()) {
                Some(Ok(())) => {
                    info!("certificate is read again");
                    warn_of(tls.as_deref());
                }
                Some(Err(problem)) => error!(reason = chain(&problem), "certificate stays the old one"),
                None => info!("there is no certificate to read again"),
            }
        }
    });
    Ok(())
}

/// There is no such signal.
#[cfg(not(unix))]
fn reload_on_hangup(_: Option<Arc<Tls>>) -> io::Result<()> {
    Ok(())
}

/// Says something to whoever started the program, at once.
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
    // Logs go to files and journals.
    let logs = logs.with_ansi(false);
    match config.log_format {
        Format::Text => logs.with_target(false).init(),
        Format::Json => logs.json().flatten_event(true).with_target(false).init(),
    }
}

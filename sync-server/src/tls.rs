//! TLS by an operator's own certificate, and the listener that speaks it.
//!
//! TLS 1.3 only: every client is our own. A handshake that takes its time holds up nobody else.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{task::JoinSet, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject as _},
        },
    },
    server::TlsStream,
};
use tracing::debug;

use crate::{
    config::TlsFiles,
    http::{Door, Guest, Peer},
};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A certificate with its key, which can be read again while it is used.
pub struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or not PEM, or has nothing that is needed.
    #[error("cannot read {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key do not fit, or cannot be used.
    #[error("certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
}

impl Tls {
    /// Reads certificate and key.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let config = RwLock::new(server(&files)?);
        Ok(Self { files, config })
    }

    /// Reads them again, for connections from now on. If it fails all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = server(&self.files)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Speaks TLS with whoever connected.
    async fn accept(&self, guest: Guest) -> io::Result<TlsStream<Guest>> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        timeout(HANDSHAKE, TlsAcceptor::from(config).accept(guest)).await?
    }
}

fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let [cert, key] = files.paths();
    let wrong = |path: &Path| {
        let path = path.to_owned();
        |source| TlsError::File { path, source }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
    let chain = chain.map_err(wrong(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(wrong(key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Sockets with TLS over them. How many handshakes there may be at a time is bounded by the door that lets the sockets in.
pub struct TlsListener {
    door: Door,
    tls: Arc<Tls>,
    handshakes: JoinSet<Option<(TlsStream<Guest>, Peer)>>,
}

impl TlsListener {
    /// Speaks TLS over these sockets.
    pub fn new(door: Door, tls: Arc<Tls>) -> Self {
        Self { door, tls, handshakes: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<Guest>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        loop {
            let (guest, peer) = tokio::select! {
                Some(done) = self.handshakes.join_next() => match done {
                    Ok(Some(connection)) => return connection,
                    // It failed, or panicked: nobody else is concerned.
                    _ => continue,
                },
                guest = self.door.accept() => guest,
            };
            let tls = Arc::clone(&self.tls);
            self.handshakes.spawn(async move {
                let stream = tls.accept(guest).await;
                let stream = stream.inspect_err(|problem| debug!(reason = %problem, "no TLS with a client"));
                Some((stream.ok()?, peer))
            });
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        self.door.local_addr()
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}

//! TLS by an operator's own certificate, and the listener that speaks it.
//!
//! TLS 1.3 only: every client is our own. A handshake that takes its time holds up nobody else.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{task::JoinSet, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, CertificateError, RootCertStore, ServerConfig,
        client::verify_server_cert_signed_by_trust_anchor,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer, UnixTime,
            pem::{self, PemObject as _},
        },
        server::ParsedCertificate,
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

/// Days before its end from which on a certificate is a worry.
const SOON: u64 = 14;
const DAY: u64 = 24 * 60 * 60;

/// A certificate with its key, which can be read again while it is used.
pub struct Tls {
    files: TlsFiles,
    pair: RwLock<Pair>,
}

/// What was read last.
struct Pair {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
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
    /// A key that only a passphrase opens.
    #[error("the key in {} is encrypted", .0.display())]
    Encrypted(PathBuf),
    /// A file without what it should have, such as the other one of the two.
    #[error("{} holds no {what}", .path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What is not there.
        what: &'static str,
    },
    /// The key of another certificate.
    #[error("the key in {} does not belong to the certificate in {}", .key.display(), .cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Certificate and key cannot be used.
    #[error("certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
}

impl Tls {
    /// Reads certificate and key.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let pair = RwLock::new(read(&files)?);
        Ok(Self { files, pair })
    }

    /// Reads them again, for connections from now on. If it fails all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let pair = read(&self.files)?;
        *self.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(())
    }

    /// What is wrong with the certificate's time, or will be soon.
    pub fn worry(&self, now: SystemTime) -> Option<String> {
        let worry = worry(&self.pair.read().unwrap_or_else(PoisonError::into_inner).certificate, now)?;
        let file = self.files.cert.display();
        // What systemd hands over it reads at a start only, and from elsewhere.
        Some(match self.files.cert.starts_with("/run/credentials") {
            true => {
                format!("{worry}; put a newer one where LoadCredential= says, then `systemctl restart alliance-relay`")
            }
            false => format!("{worry}; put a newer one into {file}, then `systemctl reload alliance-relay` or SIGHUP"),
        })
    }

    /// Speaks TLS with whoever connected.
    async fn accept(&self, guest: Guest) -> io::Result<TlsStream<Guest>> {
        let config = Arc::clone(&self.pair.read().unwrap_or_else(PoisonError::into_inner).config);
        timeout(HANDSHAKE, TlsAcceptor::from(config).accept(guest)).await?
    }
}

fn read(files: &TlsFiles) -> Result<Pair, TlsError> {
    let [cert, key] = files.paths();
    let wrong = |path: &Path, what| {
        let path = path.to_owned();
        move |problem| match problem {
            pem::Error::NoItemsFound => TlsError::Nothing { path, what },
            source => TlsError::File { path, source },
        }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.map_err(wrong(cert, "certificate"))?;
    let certificate = chain.first().cloned().ok_or(pem::Error::NoItemsFound).map_err(wrong(cert, "certificate"))?;
    // Both forms of PEM say so in a line of their own.
    if fs::read_to_string(key).is_ok_and(|text| text.contains("ENCRYPTED")) {
        return Err(TlsError::Encrypted(key.to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(wrong(key, "private key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    let mut config = config.map_err(|problem| match problem {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() },
        problem => TlsError::Pair(problem),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Pair { config: Arc::new(config), certificate })
}

fn worry(certificate: &CertificateDer<'_>, now: SystemTime) -> Option<String> {
    let certificate = ParsedCertificate::try_from(certificate).ok()?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Whoever is trusted, its time is looked at first; at the end of all time it tells its own.
    let wrong_at = |moment| {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let moment = UnixTime::since_unix_epoch(moment);
        let nobody = RootCertStore::empty();
        match verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], moment, algorithms.all) {
            Err(rustls::Error::InvalidCertificate(wrong)) => Some(wrong),
            _ => None,
        }
    };
    if let Some(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) = wrong_at(now) {
        return Some("the certificate is not valid yet, by this computer's clock: devices refuse it".to_owned());
    }
    let Some(CertificateError::ExpiredContext { not_after, .. }) = wrong_at(Duration::from_secs(u64::MAX)) else {
        return None;
    };
    match (not_after.as_secs().checked_sub(now.as_secs()), now.as_secs().saturating_sub(not_after.as_secs()) / DAY) {
        (None, 0) => Some("the certificate has expired today: devices refuse it".to_owned()),
        (None, days) => Some(format!("the certificate has expired, {days} days ago: devices refuse it")),
        (Some(left), _) if left / DAY < SOON => Some(format!("the certificate expires in {} days", left / DAY)),
        (Some(_), _) => None,
    }
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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn what_is_wrong_with_certificate_or_key_is_said_with_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let [cert, other, key, strange, sealed] =
            ["cert.pem", "other.pem", "key.pem", "strange.pem", "sealed.pem"].map(|name| folder.path().join(name));
        for (cert, key) in [(&cert, &key), (&other, &strange)] {
            let pair = KeyPair::generate().expect("a key");
            let terms = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
            fs::write(cert, terms.self_signed(&pair).expect("a certificate").pem()).expect("writes");
            fs::write(key, pair.serialize_pem()).expect("writes");
        }
        let plain = fs::read_to_string(&key).expect("reads");
        let said = |cert: &Path, key: &Path| {
            let files = TlsFiles { cert: cert.to_owned(), key: key.to_owned() };
            Tls::load(files).map(drop).map_err(|problem| {
                let hint = crate::error::Error::from(TlsError::Encrypted(key.to_owned())).hint();
                let hint = hint.filter(|_| matches!(problem, TlsError::Encrypted(_))).unwrap_or_default();
                format!("{} {hint}", crate::error::chain(&problem))
            })
        };
        assert_eq!(said(&cert, &key), Ok(()));
        for sealing in ["BEGIN ENCRYPTED PRIVATE KEY", "BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n"] {
            fs::write(&sealed, plain.replace("BEGIN PRIVATE KEY", sealing)).expect("writes");
            let said = said(&cert, &sealed).expect_err("is sealed");
            assert!(said.contains("sealed.pem is encrypted") && said.contains("openssl pkey"), "{said}");
        }
        for (cert, key, words) in [
            (&key, &key, "key.pem holds no certificate"),
            (&cert, &cert, "cert.pem holds no private key"),
            (&cert, &strange, "strange.pem does not belong to the certificate in"),
        ] {
            let said = said(cert, key).expect_err("is wrong");
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_certificate_is_a_worry_before_its_time_from_two_weeks_before_its_end_on_and_ever_after() {
        let key = KeyPair::generate().expect("a key");
        let mut terms = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        (terms.not_before, terms.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 3, 1));
        let certificate = terms.self_signed(&key).expect("a certificate");
        let begin = 1_767_225_600;
        let end = begin + 59 * DAY;
        let said = |at: u64| worry(certificate.der(), UNIX_EPOCH + Duration::from_secs(at));
        for (at, words) in [
            (begin - 1, Some("not valid yet")),
            (begin, None),
            (end - 14 * DAY, None),
            (end - 14 * DAY + 1, Some("expires in 13 days")),
            (end, Some("expires in 0 days")),
            (end + 1, Some("has expired today")),
            (end + 3 * DAY, Some("has expired, 3 days ago")),
        ] {
            let said = said(at);
            assert_eq!(said.is_some(), words.is_some(), "{at}: {said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{at}: {words:?}");
        }
    }
}

//! A proxy that speaks TLS before a relay, with certificates of our own.

use std::{
    net::{SocketAddr, TcpListener as Listener},
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::oneshot,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// Somebody who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    chain_pem: String,
    key_pem: String,
}

impl Certificate {
    /// Its chain and its key, as a server's files hold them.
    pub fn pem(&self) -> (String, String) {
        (self.chain_pem.clone(), self.key_pem.clone())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new authority that nobody knows.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new() -> Self {
        let mut terms = CertificateParams::new(Vec::new()).expect("no names");
        terms.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(terms, key).expect("a certificate"))
    }

    /// Its own certificate, for whoever trusts it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name that ends with a year.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn sign(&self, name: &str, until: i32) -> Certificate {
        let mut terms = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (terms.not_before, terms.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 12, 31));
        let key = KeyPair::generate().expect("a key");
        let signed = terms.signed_by(&key, &self.0).expect("a certificate");
        let (chain_pem, key_pem) = (signed.pem(), key.serialize_pem());
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Certificate { chain: vec![signed.der().clone()], key: key.into(), chain_pem, key_pem }
    }
}

/// A running proxy; it stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Proxy {
    /// Hands what comes over TLS on to an address.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(to: &str, certificate: Certificate) -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(certificate.chain, certificate.key)
            .expect("a certificate and its key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = Listener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("sets");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let to = to.to_owned();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("listens");
                tokio::select! {
                    () = serve(listener, acceptor, to) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it is, as people type it, for the name `localhost`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, to: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, to) = (acceptor.clone(), to.clone());
        tokio::spawn(async move {
            // Whoever does not trust the certificate goes away here.
            let Ok(mut outside) = acceptor.accept(stream).await else { return };
            let Ok(mut inside) = TcpStream::connect(&to).await else { return };
            let _ = copy_bidirectional(&mut outside, &mut inside).await;
        });
    }
}

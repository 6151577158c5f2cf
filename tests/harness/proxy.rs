//! What may stand before a relay: a proxy that speaks TLS with certificates of our own, a network that falls silent.

use std::{
    future::{Future, pending},
    net::{SocketAddr, TcpListener as Listener},
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::{oneshot, watch},
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
    /// A certificate that nobody else signed, as `openssl req -x509` makes it: it says that it may sign others.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn of_its_own(name: &str) -> Self {
        let mut terms = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        terms.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let signed = terms.self_signed(&key).expect("a certificate");
        let (chain_pem, key_pem) = (signed.pem(), key.serialize_pem());
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Self { chain: vec![signed.der().clone()], key: key.into(), chain_pem, key_pem }
    }

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
pub struct Proxy(Port);

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
        let (acceptor, to) = (TlsAcceptor::from(Arc::new(config)), to.to_owned());
        Self(Port::serve(move |listener| terminate(listener, acceptor, to)))
    }

    /// Where it is, as people type it, for the name `localhost`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.0.address.port())
    }
}

/// A way to an address that can fall silent; it ends when dropped.
pub struct Tunnel {
    port: Port,
    silences: watch::Sender<u32>,
}

impl Tunnel {
    /// Hands everything on to an address.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(to: &str) -> Self {
        let (silences, heard) = watch::channel(0);
        let to = to.to_owned();
        Self { port: Port::serve(move |listener| tunnel(listener, heard, to)), silences }
    }

    /// Where it is, as people type it.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address)
    }

    /// Lets every connection that stands now stand, and carries nothing over it any more, either way. New ones are well.
    pub fn fall_silent(&self) {
        self.silences.send_modify(|count| *count += 1);
    }
}

/// A port that is served in a thread of its own until this is dropped.
struct Port {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Port {
    fn serve<F: Future<Output = ()>>(serving: impl FnOnce(TcpListener) -> F + Send + 'static) -> Self {
        let listener = Listener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("sets");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("listens");
                tokio::select! {
                    () = serving(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // It may have ended already.
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn terminate(listener: TcpListener, acceptor: TlsAcceptor, to: String) {
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

async fn tunnel(listener: TcpListener, silences: watch::Receiver<u32>, to: String) {
    while let Ok((mut outside, _)) = listener.accept().await {
        let (mut silences, to) = (silences.clone(), to.clone());
        silences.mark_unchanged();
        tokio::spawn(async move {
            let Ok(mut inside) = TcpStream::connect(&to).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut outside, &mut inside) => {}
                Ok(()) = silences.changed() => pending().await,
            }
        });
    }
}

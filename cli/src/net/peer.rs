//! Another laptop over QUIC: one endpoint a profile, one connection and one stream a meeting.
//!
//! Nothing is published to anybody or asked of anybody, unless a person wants computers in the same network to find each
//! other (`nearby`): whoever dials knows the endpoint's key and its addresses. Where a relay of the profile helps, two that
//! have no way to each other meet there; nobody else's relay is ever asked. On the stream each frame follows its length in
//! 4 bytes. The connection knows both endpoints' keys; who somebody is in a space is proven by the exchange, bound to the
//! connection by what [`Caller::binding`] derives from it.

mod error;
mod link;
mod lock;
mod nearby;
mod road;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alliance_core::{
    app::{Profile, World},
    keys::Route,
};
use alliance_replica::id::ReplicaKey;
use futures_util::{Stream, StreamExt as _, stream};
use iroh::{
    Endpoint, EndpointAddr, NetReportConfig, PublicKey, RelayConfig, RelayMap, RelayMode, RelayUrl, SecretKey,
    TransportAddr, Watcher as _,
    dns::DnsResolver,
    endpoint::{BindOpts, Connection, IdleTimeout, Incoming, QuicTransportConfig, VarInt, presets},
    tls::CaTlsConfig,
};
use tokio::time::timeout;

use self::nearby::Nearby;
pub use self::{error::PeerError, link::PeerLink, lock::Lock, road::Road};
use super::{tls, url};

/// What is spoken on a connection.
const ALPN: &[u8] = b"alliance/1";
/// How long reaching another laptop may take, and how long whoever dials may take to say something.
const CONNECT: Duration = Duration::from_secs(12);
/// How long it may take to learn one's own addresses.
const LOOK: Duration = Duration::from_secs(2);
/// After how much silence a connection is taken to be gone.
const GONE: Duration = Duration::from_secs(40);
/// How often a silent connection is asked for a sign of life.
const ASK: Duration = Duration::from_secs(10);

/// Where an endpoint listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listen {
    /// Everywhere, at the port that it had before if that is free.
    Everywhere(Reach),
    /// Everywhere, at a port that nobody is told.
    Anywhere(Reach),
    /// At one address.
    At(SocketAddr),
    /// At no address of its own: others come by way of a relay.
    Nowhere,
}

/// How far an endpoint goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Which addresses are used.
    pub family: Family,
    /// True if computers find each other within the same network.
    pub nearby: bool,
}

/// Which addresses are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Those that there are.
    Both,
    /// Those of IPv4 alone, where IPv6 does not work.
    Ipv4,
}

/// This laptop's endpoint. While it lives no other program has one for the same profile.
pub struct Port {
    endpoint: Endpoint,
    /// Relays that help it now.
    relays: Mutex<BTreeSet<RelayUrl>>,
    /// It has addresses of its own.
    listens: bool,
    nearby: Option<Nearby>,
    _lock: Option<Lock>,
}

/// A connection to another laptop, as its driver begins an exchange.
pub struct Caller {
    /// What the frames go over.
    pub link: PeerLink,
    /// What both ends can derive from the connection, and nobody between them.
    pub binding: [u8; 32],
    /// The key of the other endpoint.
    pub endpoint: ReplicaKey,
    /// Which way it takes.
    pub road: Road,
}

impl Listen {
    /// Who listens where others are told says so in the network as well, if that is wanted. Without it everything goes on
    /// as it would: what is known of others is known from before.
    fn nearby(self, endpoint: &Endpoint) -> Option<Nearby> {
        let (Self::Everywhere(reach) | Self::Anywhere(reach)) = self else { return None };
        let tells = matches!(self, Self::Everywhere(_));
        reach.nearby.then(|| Nearby::begin(endpoint, reach.family, tells).ok())?
    }
}

impl Port {
    /// Opens the endpoint of a profile whose file is at `file`. `what` says to other programs what it is for.
    pub async fn open(
        profile: &mut Profile,
        file: &Path,
        (listen, what): (Listen, &str),
        world: &mut World<'_>,
    ) -> Result<Self, PeerError> {
        let lock = Lock::take(file, what)?;
        let seed = profile.endpoint(world)?;
        let before = profile.route()?.and_then(|route| route.addresses.first().map(|it| it.0.port()));
        let ports: Vec<_> = match listen {
            Listen::Everywhere(_) => before.into_iter().chain([0]).collect(),
            Listen::Anywhere(_) | Listen::Nowhere => vec![0],
            Listen::At(address) => vec![address.port()],
        };
        let roots = profile.relays()?.into_iter().filter_map(|relay| relay.root).collect::<Vec<_>>().join(&b'\n');
        let mut failed = None;
        for port in ports {
            match bind(SecretKey::from_bytes(&seed), listen, port, &roots).await {
                Ok(endpoint) => {
                    let listens = listen != Listen::Nowhere;
                    let nearby = listen.nearby(&endpoint);
                    return Ok(Self { listens, nearby, ..Self::new(endpoint, Some(lock)) });
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or(PeerError::NoAddress))
    }

    /// An endpoint of nobody, to ask something before there is a profile.
    pub async fn nameless(reach: Reach) -> Result<Self, PeerError> {
        let listen = Listen::Anywhere(reach);
        let endpoint = bind(SecretKey::generate(), listen, 0, &[]).await?;
        let nearby = listen.nearby(&endpoint);
        Ok(Self { nearby, ..Self::new(endpoint, None) })
    }

    fn new(endpoint: Endpoint, lock: Option<Lock>) -> Self {
        Self { endpoint, relays: Mutex::default(), listens: true, nearby: None, _lock: lock }
    }

    /// The key by which others know it.
    pub fn endpoint(&self) -> ReplicaKey {
        ReplicaKey::new(*self.endpoint.id().as_bytes())
    }

    /// Where others dial this laptop, as soon as it can tell.
    pub async fn route(&self) -> Result<Route, PeerError> {
        let mut addresses = self.endpoint.watch_addr();
        let look = async {
            loop {
                let known = addresses.get();
                if known.ip_addrs().next().is_some() || addresses.updated().await.is_err() {
                    return;
                }
            }
        };
        if self.listens {
            // If nothing comes of it there is nothing.
            let _ = timeout(LOOK, look).await;
        }
        self.route_now()
    }

    /// Where others dial this laptop, as far as it can tell now.
    pub fn route_now(&self) -> Result<Route, PeerError> {
        let known = self.endpoint.addr();
        let mut addresses: Vec<_> = known.ip_addrs().copied().filter(is_dialled).collect();
        // Those that lead furthest go first, and where there are too many the rest is left out.
        addresses.sort_by_key(|address| (address.is_ipv6(), *address));
        if addresses.is_empty() && self.helpers().is_empty() {
            return Err(PeerError::NoAddress);
        }
        Ok(Route::new(self.endpoint(), addresses))
    }

    /// A relay helps this endpoint from now on: others reach it there.
    pub fn on_helped(&self, relay: &url::RelayUrl) {
        let Some(url) = helper(relay) else { return };
        if self.relays.lock().unwrap_or_else(PoisonError::into_inner).insert(url.clone()) {
            let endpoint = self.endpoint.clone();
            // Where packets come from is not asked by way of a port of its own.
            let config = Arc::new(RelayConfig::new(url.clone(), None));
            tokio::spawn(async move { endpoint.insert_relay(url, config).await });
        }
    }

    /// A relay does not help this endpoint any more.
    pub fn on_left_alone(&self, relay: &url::RelayUrl) {
        let Some(url) = helper(relay) else { return };
        if self.relays.lock().unwrap_or_else(PoisonError::into_inner).remove(&url) {
            let endpoint = self.endpoint.clone();
            tokio::spawn(async move { endpoint.remove_relay(&url).await });
        }
    }

    /// The relays that help it now.
    fn helpers(&self) -> BTreeSet<RelayUrl> {
        self.relays.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Dials another laptop.
    pub async fn dial(&self, route: &Route) -> Result<Caller, PeerError> {
        let id = PublicKey::from_bytes(route.endpoint.as_bytes()).map_err(|_| PeerError::NoKey)?;
        if id == self.endpoint.id() {
            return Err(PeerError::Itself);
        }
        let addresses = route.addresses.iter().map(|address| TransportAddr::Ip(address.0));
        let addresses: Vec<_> = addresses.chain(self.helpers().into_iter().map(TransportAddr::Relay)).collect();
        // Within the same network it may be elsewhere by now.
        if addresses.is_empty() && self.nearby.is_none() {
            return Err(PeerError::Unreachable);
        }
        let dial = async {
            let connection = self.endpoint.connect(EndpointAddr::from_parts(id, addresses), ALPN).await?;
            let (send, receive) = connection.open_bi().await?;
            Ok::<_, PeerError>((connection, send, receive))
        };
        let (connection, send, receive) = timeout(CONNECT, dial).await.map_err(|_| PeerError::Unreachable)??;
        Caller::new(connection, send, receive)
    }

    /// True if it listens for others within the same network, which a network need not allow.
    pub fn listens_nearby(&self) -> bool {
        self.nearby.is_some()
    }

    /// Whoever is heard of within the same network, each once until they are elsewhere; nobody, if nobody is listened for.
    pub async fn heard(&self) -> impl Stream<Item = ReplicaKey> + Unpin + use<> {
        let heard = match &self.nearby {
            Some(nearby) => Some(nearby.heard().await),
            None => None,
        };
        stream::iter(heard).flatten().map(|key| ReplicaKey::new(*key.as_bytes()))
    }

    /// Waits until another laptop dials; nothing once the endpoint is closed. What came is answered by [`answer`], so that
    /// nobody waits for somebody else.
    pub async fn accept(&self) -> Option<Incoming> {
        self.endpoint.accept().await
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.endpoint.close().await;
    }
}

/// Answers another laptop that dials.
pub async fn answer(incoming: Incoming) -> Result<Caller, PeerError> {
    let answer = async {
        let connection = incoming.accept()?.await?;
        let (send, receive) = connection.accept_bi().await?;
        Ok::<_, PeerError>((connection, send, receive))
    };
    let (connection, send, receive) = timeout(CONNECT, answer).await.map_err(|_| PeerError::Unreachable)??;
    Caller::new(connection, send, receive)
}

impl Caller {
    fn new(
        connection: Connection,
        send: iroh::endpoint::SendStream,
        receive: iroh::endpoint::RecvStream,
    ) -> Result<Self, PeerError> {
        let mut binding = [0; 32];
        connection.export_keying_material(&mut binding, ALPN, &[]).map_err(|_| PeerError::Unbound)?;
        let endpoint = ReplicaKey::new(*connection.remote_id().as_bytes());
        let road = Road::new(connection.clone());
        Ok(Self { link: PeerLink::new(connection, send, receive), binding, endpoint, road })
    }
}

async fn bind(secret: SecretKey, listen: Listen, port: u16, roots: &[u8]) -> Result<Endpoint, PeerError> {
    let transport = QuicTransportConfig::builder()
        .max_idle_timeout(IdleTimeout::try_from(GONE).ok())
        .keep_alive_interval(ASK)
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .build();
    let mut reports = NetReportConfig::minimal();
    // How far a relay is that helps is asked of that relay, and nothing else of anybody.
    reports.https_probes = true;
    let builder = Endpoint::builder(presets::Minimal)
        .secret_key(secret)
        .alpns(vec![ALPN.to_vec()])
        .relay_mode(RelayMode::Custom(RelayMap::empty()))
        .net_report_config(reports)
        .dns_resolver(DnsResolver::builder().with_system_defaults().disable_fallback().build())
        .ca_tls_config(trust(roots)?)
        .transport_config(transport)
        .clear_ip_transports();
    let builder = match listen {
        Listen::At(address) => builder.bind_addr(address)?,
        Listen::Nowhere => builder,
        Listen::Everywhere(Reach { family, .. }) | Listen::Anywhere(Reach { family, .. }) => {
            let builder = builder.bind_addr(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
            match family {
                Family::Ipv4 => builder,
                Family::Both => builder.bind_addr_with_opts(
                    SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
                    BindOpts::default().set_is_required(false),
                )?,
            }
        }
    };
    Ok(builder.bind().await?)
}

/// Who is trusted to say that a certificate is a relay's, also where that relay only helps.
fn trust(roots: &[u8]) -> Result<CaTlsConfig, PeerError> {
    let verifier = tls::verifier((!roots.is_empty()).then_some(roots)).map_err(|_| PeerError::Unbound)?;
    Ok(CaTlsConfig::custom_server_cert_verifier(Arc::new(move |_| Ok(Arc::clone(&verifier)))))
}

/// Where a relay helps; nothing if it lies below a path, where iroh does not look.
fn helper(relay: &url::RelayUrl) -> Option<RelayUrl> {
    relay.root()?.parse().ok()
}

/// True if somebody else can dial the address.
fn is_dialled(address: &SocketAddr) -> bool {
    match address {
        SocketAddr::V4(it) => !it.ip().is_unspecified() && it.port() != 0,
        SocketAddr::V6(it) => !it.ip().is_unspecified() && !it.ip().is_unicast_link_local() && it.port() != 0,
    }
}

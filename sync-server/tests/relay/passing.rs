//! What passes between two laptops by way of the relay, over real sockets, and who may not come in.

use std::time::Duration;

use alliance_replica::{
    exchange::Event,
    id::ReplicaKey,
    log::{
        control::{Cut, Reason, Record},
        heads::Chain,
    },
};
use alliance_sync_server::{http::Metrics, policy::Bucket, store::MemoryStore};
use futures_util::{SinkExt as _, StreamExt as _};
use iroh_base::{RelayUrl, SecretKey};
use iroh_dns::dns::DnsResolver;
use iroh_relay::{
    client::{Client, ClientBuilder, ConnectError},
    protos::relay::{ClientToRelayMsg, Datagrams, RelayToClientMsg},
    tls::{CaTlsConfig, default_provider},
};
use tokio::time::{Instant, timeout};

use crate::{
    doors::{get, start},
    program::{Line, block_on},
    world::{Laptop, World, pair},
};

/// Longer than anything here takes, and shorter than a client may be silent that answers no ping, as those here.
const SOON: Duration = Duration::from_secs(12);

/// The key of the endpoint of a laptop with this seed.
fn endpoint(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32])
}

/// Comes to the relay as an endpoint, as iroh does it.
async fn come(address: &str, seed: u8) -> Result<Client, ConnectError> {
    let url: RelayUrl = format!("http://{address}").parse().expect("an address");
    let tls = CaTlsConfig::default().client_config(default_provider()).expect("TLS");
    ClientBuilder::new(url, endpoint(seed), DnsResolver::new()).tls_client_config(tls).connect().await
}

/// A laptop's connection, on which it has named its endpoint and is helped.
async fn helped(address: &str, laptop: &mut Laptop) -> Line {
    let mut line = Line::connect(address, None).await;
    while !matches!(line.event().await, Event::Proven { .. }) {}
    laptop.channel = line.exchange.open(&laptop.log, &laptop.secret()).expect("is proven");
    let key = ReplicaKey::new(*endpoint(laptop.seed).public().as_bytes());
    line.exchange.name_endpoint(key);
    while line.event().await != Event::Endpoint(key) {}
    line
}

/// The next packet that comes; nothing once the relay ends the connection.
async fn packet(client: &mut Client) -> Option<Vec<u8>> {
    loop {
        match timeout(SOON, client.next()).await.expect("in time") {
            Some(Ok(RelayToClientMsg::Datagrams { datagrams, .. })) => return Some(datagrams.contents.to_vec()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

fn to(seed: u8, bytes: &[u8]) -> ClientToRelayMsg {
    ClientToRelayMsg::Datagrams { dst_endpoint_id: endpoint(seed).public(), datagrams: Datagrams::from(bytes) }
}

/// What a relay keeps to which Ben, Anna and a second computer of Ben's belong.
fn town() -> (MemoryStore, [Laptop; 3]) {
    let mut world = World::new();
    let (mut ben, mut anna) = pair(&mut world);
    ben.add_device(3);
    world.settle(&mut [&mut ben, &mut anna]);
    let second = Laptop::new(3, ben.space());
    (world.relay.store().clone(), [ben, anna, second])
}

#[test]
fn packets_pass_between_those_who_have_a_space_open_and_a_stranger_is_refused() {
    let (store, [mut ben, mut anna, _]) = town();
    let relay = start(store, Metrics::Off, |_| {});
    block_on(async {
        let _lines = [helped(&relay.address, &mut ben).await, helped(&relay.address, &mut anna).await];
        let (mut bens, mut annas) = (come(&relay.address, 1).await, come(&relay.address, 2).await);
        let (bens, annas) = (bens.as_mut().expect("is let in"), annas.as_mut().expect("is let in"));
        bens.send(to(2, b"to Anna")).await.expect("goes out");
        assert_eq!(packet(annas).await.as_deref(), Some(&b"to Anna"[..]));
        annas.send(to(1, b"to Ben")).await.expect("goes out");
        assert_eq!(packet(bens).await.as_deref(), Some(&b"to Ben"[..]));
        let refused = come(&relay.address, 9).await;
        assert!(refused.is_err(), "nobody knows this endpoint");
    });
    assert!(get(&relay.address, "/ping").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_device_that_is_cut_is_cut_off_at_once_and_comes_in_no_more() {
    let (store, [mut ben, _, mut second]) = town();
    let relay = start(store, Metrics::Off, |_| {});
    block_on(async {
        let mut line = helped(&relay.address, &mut ben).await;
        let _second = helped(&relay.address, &mut second).await;
        let mut thief = come(&relay.address, 3).await.expect("is let in");
        let cut = ben.control(Record::Cut(Cut { device: second.device(), reason: Reason::Lost }));
        line.exchange.send(ben.channel, ben.device(), Chain::Control, vec![ben.bodies[&cut].clone()]);
        line.flush().await;
        assert_eq!(packet(&mut thief).await, None, "the relay ends it");
        assert!(come(&relay.address, 3).await.is_err());
    });
}

#[test]
fn who_leaves_the_relay_is_helped_no_more() {
    let (store, [mut ben, ..]) = town();
    let relay = start(store, Metrics::Off, |_| {});
    block_on(async {
        let line = helped(&relay.address, &mut ben).await;
        let mut client = come(&relay.address, 1).await.expect("is let in");
        drop(line);
        assert_eq!(packet(&mut client).await, None, "the relay ends it");
    });
}

#[test]
fn who_brings_more_than_is_allowed_is_slowed_down_and_loses_nothing() {
    let (store, [mut ben, mut anna, _]) = town();
    let relay = start(store, Metrics::Off, |policy| policy.direct.bytes = Bucket::new(1 << 20, 1 << 20));
    block_on(async {
        let _lines = [helped(&relay.address, &mut ben).await, helped(&relay.address, &mut anna).await];
        let (mut bens, mut annas) =
            (come(&relay.address, 1).await.expect("is let in"), come(&relay.address, 2).await.expect("is let in"));
        let (begin, most) = (Instant::now(), 48);
        let sending = async {
            for number in 0..most {
                bens.send(to(2, &[number; 32 * 1024])).await.expect("goes out");
            }
        };
        let receiving = async {
            for number in 0..most {
                assert_eq!(packet(&mut annas).await.expect("a packet")[0], number);
            }
        };
        tokio::join!(sending, receiving);
        // One and a half times what the bucket holds: the rest takes half a second.
        assert!(begin.elapsed().as_millis() >= 400, "{:?}", begin.elapsed());
    });
}

#[test]
fn a_relay_that_does_not_help_has_no_such_doors() {
    let (store, _) = town();
    let relay = start(store, Metrics::Off, |policy| policy.direct.help = false);
    for path in ["/relay", "/ping"] {
        assert!(get(&relay.address, path).starts_with("HTTP/1.1 404"), "{path}");
    }
}

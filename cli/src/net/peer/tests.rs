//! Two endpoints on loopback, and what goes over a connection between them.

use alliance_core::app::Person;
use alliance_replica::limits;
use rand_core::UnwrapErr;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio_tungstenite::tungstenite::Bytes;

use super::*;
use crate::net::talk::{Carrier as _, NetError, Step};

const HERE: Listen = Listen::At(SocketAddr::V4(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)));

/// A port of a profile of its own, which lives as long as the folder.
async fn port() -> (Port, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("profile.db");
    let mut rng = UnwrapErr(getrandom::SysRng);
    let mut world = World { now: 1_800_000_000, rng: &mut rng };
    let person = Person { name: "Ben".to_owned(), role: "coach".to_owned() };
    let (mut profile, _) = Profile::create(&file, &person, &mut world).expect("a profile");
    (Port::open(&mut profile, &file, (HERE, "a test"), &mut world).await.expect("a port"), folder)
}

/// Both ends of a connection.
async fn meet(dials: &Port, answers: &Port) -> [Caller; 2] {
    let route = answers.route().await.expect("a route");
    let answer = async {
        let incoming = answers.accept().await.expect("somebody");
        answer(incoming).await
    };
    // The stream is there for the other side once something is said on it.
    let dial = async {
        let mut caller = dials.dial(&route).await?;
        caller.link.deliver(Bytes::from_static(b"first")).await.expect("goes out");
        Ok::<_, PeerError>(caller)
    };
    let (dialled, answered) = tokio::join!(dial, answer);
    [dialled.expect("reached"), answered.expect("reached")]
}

async fn next(link: &mut PeerLink) -> Result<Bytes, NetError> {
    loop {
        if let Step::Frame(frame) = link.step(false).await? {
            return Ok(frame);
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

#[test]
fn frames_go_both_ways_and_both_ends_derive_the_same() {
    run(async {
        let ((anna, _anna), (ben, _ben)) = tokio::join!(port(), port());
        let [mut dialled, mut answered] = meet(&anna, &ben).await;
        assert_eq!(dialled.binding, answered.binding);
        assert_eq!(next(&mut answered.link).await.expect("a frame"), "first");
        let largest = Bytes::from(vec![7; limits::FRAME]);
        answered.link.deliver(largest.clone()).await.expect("goes out");
        answered.link.deliver(Bytes::new()).await.expect("goes out");
        assert_eq!(next(&mut dialled.link).await.expect("a frame"), largest);
        assert_eq!(next(&mut dialled.link).await.expect("a frame"), "");
        // All that was said arrives before the end does.
        dialled.link.deliver(Bytes::from_static(b"last")).await.expect("goes out");
        let (_, last) = tokio::join!(dialled.link.part(), next(&mut answered.link));
        assert_eq!(last.expect("a frame"), "last");
        assert!(matches!(next(&mut answered.link).await, Err(NetError::Closed)));
        let [other, _] = meet(&anna, &ben).await;
        assert_ne!(other.binding, answered.binding);
        tokio::join!(anna.close(), ben.close());
    });
}

#[test]
fn a_length_beyond_any_frame_ends_the_connection_and_not_the_endpoint() {
    run(async {
        let ((anna, _anna), (ben, _ben)) = tokio::join!(port(), port());
        let route = ben.route().await.expect("a route");
        let id = PublicKey::from_bytes(route.endpoint.as_bytes()).expect("a key");
        let address = EndpointAddr::from_parts(id, route.addresses.iter().map(|it| TransportAddr::Ip(it.0)));
        let hostile = async {
            let connection = anna.endpoint.connect(address, ALPN).await.expect("reached");
            let (mut send, receive) = connection.open_bi().await.expect("a stream");
            send.write_all(&u32::MAX.to_be_bytes()).await.expect("goes out");
            (connection, send, receive)
        };
        let answering = async { answer(ben.accept().await.expect("somebody")).await };
        let (_held, answered) = tokio::join!(hostile, answering);
        let mut answered = answered.expect("reached");
        assert!(matches!(next(&mut answered.link).await, Err(NetError::TooLong)));
        let [_, mut again] = meet(&anna, &ben).await;
        assert_eq!(next(&mut again.link).await.expect("a frame"), "first");
        tokio::join!(anna.close(), ben.close());
    });
}

#[test]
fn two_who_dial_each_other_at_once_both_get_through() {
    run(async {
        let ((anna, _anna), (ben, _ben)) = tokio::join!(port(), port());
        let ([mut a, mut b], [mut c, mut d]) = tokio::join!(meet(&anna, &ben), meet(&ben, &anna));
        assert_eq!(next(&mut b.link).await.expect("a frame"), "first");
        assert_eq!(next(&mut d.link).await.expect("a frame"), "first");
        b.link.deliver(Bytes::from_static(b"to Anna")).await.expect("goes out");
        d.link.deliver(Bytes::from_static(b"to Ben")).await.expect("goes out");
        assert_eq!(next(&mut a.link).await.expect("a frame"), "to Anna");
        assert_eq!(next(&mut c.link).await.expect("a frame"), "to Ben");
        tokio::join!(anna.close(), ben.close());
    });
}

#[test]
fn nobody_dials_themselves_and_whoever_is_not_there_is_not_reached() {
    run(async {
        let (anna, folder) = port().await;
        let own = anna.route().await.expect("a route");
        assert!(matches!(anna.dial(&own).await, Err(PeerError::Itself)));
        let nobody = Route { endpoint: ReplicaKey::new([2; 32]), ..own.clone() };
        assert!(anna.dial(&nobody).await.is_err(), "another key than theirs is not taken for them");
        anna.close().await;
        let file = folder.path().join("profile.db");
        let mut rng = UnwrapErr(getrandom::SysRng);
        let mut world = World { now: 1_800_000_000, rng: &mut rng };
        let mut profile = Profile::open(&file).expect("a profile");
        let again = Port::open(&mut profile, &file, (HERE, "a test"), &mut world).await.expect("a port");
        assert_eq!(again.route().await.expect("a route").endpoint, own.endpoint, "its key is kept");
        again.close().await;
    });
}

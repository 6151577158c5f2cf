//! Whoever can reach the relay says what no client would say: it stays well, and the others go on.

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, TcpStream},
    path::Path,
};

use alliance_core::keys::DeviceSecret;
use alliance_replica::{
    exchange::{
        Event, Exchange, Role,
        frame::{Code, Error, Frame, Hello, Open, Prove},
    },
    id::{DeviceId, Secret, Signature, SpaceId},
    limits,
    log::Log,
};
use alliance_tests::{socket::Socket, town::Town};
use rusqlite::{Connection, OpenFlags};

/// A connection that has proven its key, as every client does first.
pub(crate) fn greeted(address: &str, seed: u8) -> (Socket, Exchange) {
    let mut socket = Socket::connect(address);
    let mut exchange = Exchange::new(Role::Initiator, Secret::from_seed(&[seed; 32]), [seed; 32]);
    loop {
        while let Some(frame) = exchange.poll_transmit() {
            socket.send(&frame).expect("sends");
        }
        let frame = socket.receive().expect("a relay that says hello");
        if let Some(Event::Proven { .. }) = exchange.handle(&frame).expect("the relay speaks the protocol") {
            while let Some(frame) = exchange.poll_transmit() {
                socket.send(&frame).expect("sends");
            }
            return (socket, exchange);
        }
    }
}

/// The code with which the relay ends the connection; none if it ends it without a word.
fn end(socket: &mut Socket) -> Option<Code> {
    let mut code = None;
    while let Some(frame) = socket.receive() {
        match Frame::decode(&frame).expect("the relay speaks the protocol") {
            Frame::Error(Error { code: said, channel: None, .. }) => code = Some(said),
            Frame::Hello(_) | Frame::Prove(_) => {}
            other => panic!("an answer to something hostile: {other:?}"),
        }
    }
    code
}

/// The code with which the relay refuses a channel or ends the connection.
fn refusal(socket: &mut Socket) -> Code {
    loop {
        match Frame::decode(&socket.receive().expect("an answer")).expect("the relay speaks the protocol") {
            Frame::Error(error) => return error.code,
            Frame::Hello(_) | Frame::Prove(_) => {}
            other => panic!("an answer to something hostile: {other:?}"),
        }
    }
}

fn assert_well(town: &Town, title: &str) {
    let health = town.relay().health();
    assert!(health.starts_with("HTTP/1.1 200"), "{health}\n{}", town.relay().logs());
    town.ben.json(&["note", "add", title]);
    town.meet();
    let notes = town.anna.json(&["note", "list"]);
    assert!(notes.to_string().contains(title), "{notes}");
    town.assert_equal();
}

#[test]
fn frames_that_are_truncated_oversized_or_nonsense_end_only_their_own_connection() {
    let town = Town::together();
    let address = town.relay().address().to_owned();
    let open = Frame::Open(Open {
        channel: 1,
        space: SpaceId::from_hex(&town.space).expect("an id"),
        device: DeviceId::new([1; 32]),
        proof: Signature([0; 64]),
    });
    let whole = open.encode();
    let mut frames: Vec<Vec<u8>> = (0..whole.len()).step_by(7).map(|at| whole[..at].to_vec()).collect();
    frames.push([&whole[..], &[0]].concat());
    frames.extend((0..10).map(|kind| vec![kind; 64]));
    frames.extend((0..10).map(|kind| vec![kind, 0xbf, 0xff, 0xff, 0xff, 0xff]));
    frames.push(vec![4; limits::FRAME]);
    for frame in &frames {
        let (mut socket, _) = greeted(&address, 1);
        socket.send(frame).expect("sends");
        let code = end(&mut socket);
        assert!(matches!(code, Some(Code::Frame | Code::Proof)), "{code:?} for {:?}", &frame[..frame.len().min(40)]);
    }
    for length in [limits::FRAME as u64 + 1, u64::from(u32::MAX), u64::MAX >> 1] {
        let (mut socket, _) = greeted(&address, 1);
        socket.announce(length).expect("sends");
        assert_eq!(end(&mut socket), Some(Code::Frame), "{length} bytes");
    }
    assert_well(&town, "After the nonsense");
}

#[test]
fn connections_that_are_cut_off_anywhere_or_say_nothing_hurt_nobody() {
    let mut town = Town::together();
    town.stop_relay();
    // Nobody is let go for their silence, however slow this computer is.
    let patience = "[time]\nhandshake_seconds = 3600\nping_seconds = 3600\nidle_seconds = 3600\n";
    fs::write(town.data().with_extension("toml"), patience).expect("written");
    town.start_relay();
    let address = town.relay().address().to_owned();
    let hello = Exchange::new(Role::Initiator, Secret::from_seed(&[3; 32]), [3; 32]).poll_transmit().expect("a hello");
    let mut silent = Vec::new();
    for at in (0..hello.len()).step_by(5) {
        let mut socket = Socket::connect(&address);
        socket.announce(hello.len() as u64).expect("sends");
        socket.send_raw(&hello[..at]).expect("sends");
        if at % 2 == 0 {
            silent.push(socket);
        }
    }
    for request in [
        "",
        "GET",
        "GET /sync HTTP/1.1\r\n",
        "\0\0\0\0\r\n\r\n",
        "POST /sync HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(&address).expect("connects");
        stream.write_all(request.as_bytes()).expect("writes");
    }
    // More than one address may have: each beyond is told so or finds the door shut, and nobody else is concerned.
    let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
    let mut many: Vec<_> = (0..100).filter_map(|_| Socket::connect_from(elsewhere, &address).ok()).collect();
    assert!(many.len() > 64, "{}", many.len());
    many.iter_mut().skip(64).for_each(|beyond| assert_eq!(end(beyond), Some(Code::Limit)));
    if let Ok(mut another) = Socket::connect_from(elsewhere, &address) {
        assert_eq!(end(&mut another), Some(Code::Limit));
    }
    assert_well(&town, "While many are silent");
    drop((silent, many));
    assert_well(&town, "After they have gone");
}

#[test]
fn nobody_gets_in_with_a_proof_that_does_not_hold() {
    let town = Town::together();
    let address = town.relay().address().to_owned();
    let space = SpaceId::from_hex(&town.space).expect("an id");
    let key = Secret::from_seed(&[9; 32]);

    // A key that is not proven.
    let mut socket = Socket::connect(&address);
    let hello = Hello { oldest: limits::OLDEST_VERSION, newest: limits::VERSION, nonce: [1; 32], key: key.public() };
    socket.send(&Frame::Hello(hello).encode()).expect("sends");
    socket
        .send(&Frame::Prove(Prove { signature: key.sign("alliance/1 prove", &[b"something else"]) }).encode())
        .expect("sends");
    assert_eq!(end(&mut socket), Some(Code::Proof));

    // A device that is not proven: with no signature, with another one's.
    let ben = device(&town.ben.profile(), &space);
    for proof in [Signature([0; 64]), key.sign("alliance/1 open", &[space.as_bytes()])] {
        let (mut socket, _) = greeted(&address, 1);
        socket.send(&Frame::Open(Open { channel: 1, space, device: ben.id(), proof }).encode()).expect("sends");
        assert_eq!(refusal(&mut socket), Code::Proof);
    }

    // A proof that held on another connection.
    let (mut first, mut exchange) = greeted(&address, 2);
    exchange.open(&Log::new(space), ben.signing()).expect("is proven");
    let open = exchange.poll_transmit().expect("an opening");
    first.send(&open).expect("sends");
    let have = Frame::decode(&first.receive().expect("an answer")).expect("a frame");
    assert!(matches!(have, Frame::Have(_)), "it is Ben's key: {have:?}");
    let (mut second, _) = greeted(&address, 2);
    second.send(&open).expect("sends");
    assert_eq!(refusal(&mut second), Code::Proof);

    // A stranger with a key of their own.
    let (mut socket, mut exchange) = greeted(&address, 4);
    exchange.open(&Log::new(space), &key).expect("is proven");
    while let Some(frame) = exchange.poll_transmit() {
        socket.send(&frame).expect("sends");
    }
    assert_eq!(refusal(&mut socket), Code::NotMember);
    assert_well(&town, "After the strangers");
}

/// The key of a person's computer in a space.
fn device(profile: &Path, space: &SpaceId) -> DeviceSecret {
    let connection = Connection::open_with_flags(profile, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens");
    let secret: Vec<u8> = connection
        .query_row("SELECT secret FROM spaces WHERE space = ?1", [space.as_ref()], |row| row.get(0))
        .expect("the space");
    DeviceSecret::from_bytes(&secret.try_into().expect("64 bytes"))
}

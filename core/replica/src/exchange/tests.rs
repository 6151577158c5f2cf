//! What fits into frames, and forked chains explained in several.

use super::{
    frame::{BackPoints, HeldHead},
    *,
};
use crate::log::{chain::State, entry::Place, heads::Head};

fn secret(seed: u8) -> Secret {
    Secret::from_seed(&[seed; 32])
}

/// Both sides of a connection, proven.
fn meet() -> [Exchange; 2] {
    let mut sides = [Role::Initiator, Role::Responder].map(|role| Exchange::new(role, secret(role as u8), [1; 32]));
    for _ in 0..2 {
        let frames = sides.each_mut().map(|side| side.poll_transmit().expect("a handshake"));
        sides[0].handle(&frames[1]).expect("is right");
        sides[1].handle(&frames[0]).expect("is right");
    }
    sides
}

/// A log with a content chain of two entries for each of so many devices, of which the second differs by body.
fn chains(devices: u8, body: &[u8]) -> Log {
    let mut log = Log::new(SpaceId::new([1; 16]));
    for author in (1..=devices).map(secret) {
        let mut prev = None;
        for (seq, body) in [(1, b"first".as_slice()), (2, body)] {
            let place = Place { version: 1, chain: Chain::Content, seq, prev, epoch: Some([5; 8]) };
            let entry = Entry::sign(&log.space(), &author, &place, body.to_vec());
            prev = Some(entry.id);
            log.restore(&entry.device, entry.entry, State::Applied).expect("links");
        }
    }
    log
}

#[test]
fn the_largest_have_fits_into_a_frame() {
    let head = Head { device: secret(1).public(), chain: Chain::Content, seq: u64::MAX, id: EntryId::new([1; 32]) };
    let held = HeldHead { head, low: u64::MAX };
    let back = BackPoints { device: head.device, chain: head.chain, points: vec![held; limits::BACK_POINTS] };
    let heads = vec![held; limits::HEADS];
    let have = Have { channel: u32::MAX, heads, floor: Vec::new(), back: vec![back; BACK_CHAINS] };
    let size = Frame::Have(have).encode().len();
    assert!(size <= limits::FRAME, "{size} bytes");
}

#[test]
fn many_forked_chains_are_explained_in_several_frames() {
    let devices = 20;
    let [mut laptop, mut relay] = meet();
    let (left, right) = (chains(devices, b"left"), chains(devices, b"right"));
    let channel = laptop.open(&left, &secret(1)).expect("is proven");
    while let Some(frame) = laptop.poll_transmit() {
        if let Some(Event::Opening { .. }) = relay.handle(&frame).expect("is right") {
            relay.accept(channel, &right);
        }
    }
    while relay.poll_transmit().is_some() {}
    relay.pump(channel, &right);
    let mut explained = Vec::new();
    while let Some(frame) = relay.poll_transmit() {
        let Ok(Frame::Have(have)) = Frame::decode(&frame) else { panic!("a Have") };
        assert_eq!(have.heads.len(), usize::from(devices), "each is complete");
        assert!(have.back.len() <= BACK_CHAINS);
        explained.extend(have.back.into_iter().map(|back| back.device));
    }
    explained.sort_unstable();
    explained.dedup();
    assert_eq!(explained.len(), usize::from(devices));
}

//! Safety words: six words that both members read to each other to know that nobody stands between them.

use alliance_replica::{id::SpaceId, log::control::Keys};

use super::primitives;
pub use super::primitives::OutOfMemory;

const SALT: &str = "alliance/1 safety words";
const WORDS: usize = 6;
const BITS: usize = 11;

/// A member as its first record introduced it: by the genesis, or by the redemption of an invitation.
///
/// The recovery key is part of it: who holds it can add devices for the member. Keys that are added or replaced later
/// are vouched for by these and change no words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Introduced {
    /// The first device.
    pub device: Keys,
    /// The recovery key, if there is one.
    pub recovery: Option<Keys>,
}

/// Six words of BIP 39's English list, joined by blanks: 66 bits that both members of an alliance compute alike,
/// whichever is named first.
///
/// Takes 64 MiB and about a fifth of a second, so that whoever wants two alliances with equal words pays that for each
/// of 2⁶⁶ tries. The words never change: compute them once and keep them.
pub fn words(space: &SpaceId, members: [Introduced; 2]) -> Result<String, OutOfMemory> {
    let bits: [u8; 9] = primitives::stretch(&input(space, members), SALT)?;
    let bits = bits.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte)) >> (9 * 8 - WORDS * BITS);
    let word = |at: usize| primitives::word((bits >> (BITS * (WORDS - 1 - at)) & 0x7ff) as u16);
    Ok(std::array::from_fn::<_, WORDS, _>(word).join(" "))
}

/// All that the words depend on: public bytes only. Whoever keeps words keeps this with them.
pub(crate) fn input(space: &SpaceId, members: [Introduced; 2]) -> Vec<u8> {
    let mut members = members.map(encode);
    members.sort_unstable();
    [&space.as_bytes()[..], &members[0], &members[1]].concat()
}

/// Both keys of both devices; zeros stand for a recovery key that is not there.
fn encode(member: Introduced) -> [u8; 128] {
    let none = Keys { device: alliance_replica::id::DeviceId::new([0; 32]), seal: [0; 32] };
    let recovery = member.recovery.unwrap_or(none);
    let mut bytes = [0; 128];
    let parts = [member.device.device.as_bytes(), &member.device.seal, recovery.device.as_bytes(), &recovery.seal];
    for (to, part) in bytes.chunks_exact_mut(32).zip(parts) {
        to.copy_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use crate::keys::DeviceSecret;

    use super::*;

    const SPACE: SpaceId = SpaceId::new([1; 16]);

    fn member(number: u8) -> Introduced {
        let keys = |number| DeviceSecret::from_bytes(&[number; 64]).keys();
        Introduced { device: keys(number), recovery: Some(keys(number + 100)) }
    }

    #[test]
    fn both_members_see_the_same_frozen_words() {
        let seen = words(&SPACE, [member(1), member(2)]).expect("memory");
        assert_eq!(seen, "pilot tray kite harbor wide kingdom");
        assert_eq!(words(&SPACE, [member(2), member(1)]).expect("memory"), seen);
    }

    #[test]
    fn another_space_device_or_recovery_key_gives_other_words() {
        let (ben, anna, eve) = (member(1), member(2), member(3));
        let others = [
            (SpaceId::new([9; 16]), anna),
            (SPACE, eve),
            (SPACE, Introduced { recovery: eve.recovery, ..anna }),
            (SPACE, Introduced { recovery: None, ..anna }),
            (SPACE, Introduced { device: Keys { seal: [9; 32], ..anna.device }, ..anna }),
        ];
        let seen = words(&SPACE, [ben, anna]).expect("memory");
        for (space, other) in others {
            assert_ne!(words(&space, [ben, other]).expect("memory"), seen);
        }
    }
}

//! How fast somebody may go: token buckets, per address and per device key.
//!
//! A bucket is kept as the moment at which it will be full again (the virtual scheduling of ITU-T I.371): one number, no
//! fractions, and the same answer in every run. Who goes beyond it is asked to pause; who does not pause is sent away.

use std::{collections::BTreeMap, time::Duration};

use alliance_replica::id::DeviceId;

use crate::policy::{Address, Bucket, Policy};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Addresses and devices that are remembered although nobody of theirs is connected.
const REMEMBERED: usize = 16 * 1024;

/// Tokens a period, and how many may be taken at once.
#[derive(Clone, Copy, Debug)]
struct Pace {
    tokens: u64,
    period: Duration,
    burst: u64,
}

/// What is left of a bucket: when it will be full again, by [`super::Now::elapsed`].
#[derive(Clone, Copy, Default, Debug)]
struct Level(Duration);

/// All who have been here lately.
pub(super) struct Paces {
    policy: [Pace; 6],
    addresses: BTreeMap<Address, Client>,
    devices: BTreeMap<DeviceId, [Level; 2]>,
}

/// One address.
#[derive(Default, Debug)]
struct Client {
    connections: u32,
    frames: Level,
    bytes: Level,
    opens: Level,
    spaces: Level,
}

/// How to go on after a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Read on, after this long.
    After(Duration),
    /// It was to pause and did not.
    Over,
}

impl Paces {
    pub(super) fn new(policy: &Policy) -> Self {
        let rate = &policy.rate;
        let spaces = u64::from(rate.address_spaces_per_hour);
        let [address_frames, address_bytes, address_opens, device_frames, device_bytes] =
            [rate.address_frames, rate.address_bytes, rate.address_opens, rate.device_frames, rate.device_bytes]
                .map(Pace::from);
        let spaces = Pace { tokens: spaces, period: HOUR, burst: spaces };
        let policy = [address_frames, address_bytes, address_opens, spaces, device_frames, device_bytes];
        Self { policy, addresses: BTreeMap::new(), devices: BTreeMap::new() }
    }

    /// Counts a connection in; false if there are too many of this address, or too many in too short a time.
    pub(super) fn connect(&mut self, address: &Address, most: u32, now: Duration) -> bool {
        self.forget(now);
        let client = self.addresses.entry(*address).or_default();
        client.connections += 1;
        client.connections <= most && client.opens.try_take(&self.policy[2], 1, now)
    }

    /// Counts a connection out.
    pub(super) fn disconnect(&mut self, address: &Address) {
        if let Some(client) = self.addresses.get_mut(address) {
            client.connections -= 1;
        }
    }

    /// Takes a frame of an address.
    pub(super) fn frame(&mut self, address: &Address, bytes: usize, now: Duration) -> Next {
        let Some(client) = self.addresses.get_mut(address) else { return Next::After(Duration::ZERO) };
        let frames = client.frames.take(&self.policy[0], 1, now);
        frames.and(client.bytes.take(&self.policy[1], bytes as u64, now))
    }

    /// Takes a frame of a device.
    pub(super) fn device_frame(&mut self, device: &DeviceId, bytes: usize, now: Duration) -> Next {
        let [frames, size] = self.devices.entry(*device).or_default();
        frames.take(&self.policy[4], 1, now).and(size.take(&self.policy[5], bytes as u64, now))
    }

    /// True if the address may open one more space, or look for one more key.
    pub(super) fn may_open(&mut self, address: &Address, now: Duration) -> bool {
        self.addresses.get_mut(address).is_none_or(|client| client.opens.try_take(&self.policy[2], 1, now))
    }

    /// True if the address may bring one more space.
    pub(super) fn may_bring_space(&mut self, address: &Address, now: Duration) -> bool {
        self.addresses.get_mut(address).is_none_or(|client| client.spaces.try_take(&self.policy[3], 1, now))
    }

    /// Forgets whose buckets are full, and whoever is not connected if there are too many all the same.
    fn forget(&mut self, now: Duration) {
        if self.addresses.len() > REMEMBERED {
            let is_full = |client: &Client| {
                [client.frames, client.bytes, client.opens, client.spaces].iter().all(|level| level.0 <= now)
            };
            self.addresses.retain(|_, client| client.connections > 0 || !is_full(client));
            if self.addresses.len() > REMEMBERED {
                self.addresses.retain(|_, client| client.connections > 0);
            }
        }
        if self.devices.len() > REMEMBERED {
            self.devices.retain(|_, levels| levels.iter().any(|level| level.0 > now));
            if self.devices.len() > REMEMBERED {
                self.devices.clear();
            }
        }
    }
}

impl From<Bucket> for Pace {
    fn from(bucket: Bucket) -> Self {
        Self { tokens: bucket.per_second, period: SECOND, burst: bucket.burst }
    }
}

impl Pace {
    /// How long it takes until so many tokens are there.
    fn time(&self, tokens: u64) -> Duration {
        let nanos = self.period.as_nanos() * u128::from(tokens) / u128::from(self.tokens.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Level {
    /// Takes tokens, also those that are not there yet.
    fn take(&mut self, pace: &Pace, tokens: u64, now: Duration) -> Next {
        self.0 = self.0.max(now).saturating_add(pace.time(tokens));
        let debt = self.0.saturating_sub(now).saturating_sub(pace.time(pace.burst));
        if debt > pace.time(pace.burst) { Next::Over } else { Next::After(debt) }
    }

    /// Takes tokens only if they are there.
    fn try_take(&mut self, pace: &Pace, tokens: u64, now: Duration) -> bool {
        let full = self.0.max(now).saturating_add(pace.time(tokens));
        let fits = full.saturating_sub(now) <= pace.time(pace.burst);
        if fits {
            self.0 = full;
        }
        fits
    }
}

impl Next {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::After(one), Self::After(two)) => Self::After(one.max(two)),
            _ => Self::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { tokens: 10, period: SECOND, burst: 20 };

    #[test]
    fn a_burst_is_free_and_then_the_pace_holds() {
        let mut level = Level::default();
        let start = Duration::from_secs(5);
        assert_eq!(level.take(&PACE, 20, start), Next::After(Duration::ZERO));
        assert_eq!(level.take(&PACE, 1, start), Next::After(Duration::from_millis(100)));
        assert_eq!(level.take(&PACE, 1, start + SECOND), Next::After(Duration::ZERO));
        assert_eq!(level.take(&PACE, 20, start + SECOND * 60), Next::After(Duration::ZERO), "no more than full");
        assert_eq!(level.take(&PACE, 1, start + SECOND * 60), Next::After(Duration::from_millis(100)));
    }

    #[test]
    fn who_does_not_pause_is_over_in_the_end() {
        let mut level = Level::default();
        assert_eq!(level.take(&PACE, 40, SECOND), Next::After(SECOND * 2));
        assert_eq!(level.take(&PACE, 1, SECOND), Next::Over);
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let mut level = Level::default();
        assert!(level.try_take(&PACE, 20, SECOND));
        assert!((0..100).all(|_| !level.try_take(&PACE, 1, SECOND)));
        assert!(level.try_take(&PACE, 1, SECOND + SECOND / 10));
    }

    #[test]
    fn who_has_gone_and_owes_nothing_is_forgotten() {
        let mut paces = Paces::new(&Policy::default());
        let address = |n: u32| Address::of(std::net::Ipv4Addr::from_bits(n).into());
        for n in 0..2 * REMEMBERED as u32 {
            assert!(paces.connect(&address(n), 1, Duration::ZERO));
            paces.disconnect(&address(n));
        }
        assert!(paces.addresses.len() <= REMEMBERED + 1);
        assert!(paces.connect(&address(7), 1, Duration::ZERO));
        assert!(!paces.connect(&address(7), 1, Duration::ZERO), "one is still connected");
        paces.forget(HOUR);
        assert!(paces.addresses.contains_key(&address(7)));
    }
}

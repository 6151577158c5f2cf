//! What an operator allows: who may bring a new space, how much is kept, how fast, how many, how long.
//!
//! Plain values with their units in the names of the fields. [`Policy::default`] suits one small public relay;
//! [`Policy::validate`] names the field that cannot be meant. The state machine and the doors read this, and nothing else
//! that an operator says.

mod admission;
mod network;

use std::{net::IpAddr, time::Duration};

use alliance_replica::limits;
use serde::{Deserialize, Serialize};

pub use admission::{Admission, SpaceName, TokenHash};
pub use network::{Address, ForwardedHeader, Network};

const MIB: u64 = 1024 * 1024;

/// Everything an operator may decide about what the relay takes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Who may bring a space that the relay does not hold. Whoever belongs to a space that it holds needs nothing more.
    pub admission: Admission,
    /// How much is kept, of a space and in all.
    pub quota: Quota,
    /// How fast one device and one address may go.
    pub rate: Rate,
    /// How many connections there may be.
    pub connections: Connections,
    /// How many bytes may be in memory.
    pub memory: Memory,
    /// How long others may take.
    pub time: Time,
    /// Whether laptops are helped to connect with each other, and how fast that may go.
    pub direct: Direct,
    /// Proxies whose word on a client's address counts (the last hop in [`Policy::forwarded_header`]): addresses or networks
    /// such as `10.0.0.0/8`. Without them a client's address is that of its socket.
    pub trusted_proxies: Vec<Network>,
    /// The one header in which that word is looked for; a client may have written all others.
    pub forwarded_header: ForwardedHeader,
}

impl Policy {
    /// True if an address is that of a proxy whose word counts.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }
}

/// How much is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Quota {
    /// Bytes of sealed content of a space, each entry with [`ENTRY_COST`] on top. The two members of an alliance have half
    /// each; the one member of a personal space has all. Control entries do not count.
    pub content_bytes: u64,
    /// Bytes of control entries of a space, kept free beside the content and split in the same way. Whoever is beyond it
    /// can still cut and leave, and their recovery words can write, as far as their reserves go.
    pub control_bytes: u64,
    /// Bytes of all entries of all spaces, counted in the same way; nothing for no bound. Beyond it no new space comes and
    /// no content, and control entries of spaces that are held still do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
}

/// What an entry costs beside its bytes: its row on disk and its place in the index.
pub const ENTRY_COST: u64 = 256;

/// Token buckets. A device or address that goes faster is read from no more until it may go on; one that is read from and
/// goes on is sent away.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Rate {
    /// Frames of one device key.
    pub device_frames: Bucket,
    /// Bytes of one device key.
    pub device_bytes: Bucket,
    /// Frames of one address.
    pub address_frames: Bucket,
    /// Bytes of one address.
    pub address_bytes: Bucket,
    /// Connections made, spaces opened and keys looked for, of one address.
    pub address_opens: Bucket,
    /// New spaces of one address in an hour; as many may come at once.
    pub address_spaces_per_hour: u32,
}

/// A bucket of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { per_second = 5, burst = 10 }")]
pub struct Bucket {
    /// Tokens that are added each second.
    pub per_second: u64,
    /// Tokens that it holds: what may come at once.
    pub burst: u64,
}

/// How many connections there may be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Connections {
    /// Connections at a time.
    pub total: u32,
    /// Connections at a time from one address (one IPv4 address or one IPv6 network of 64 bits).
    pub per_address: u32,
    /// Openers at a time that have still to show why they belong to a space.
    pub candidates: u32,
    /// Of these from one address.
    pub candidates_per_address: u32,
}

/// How many bytes may be in memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Memory {
    /// Bytes that may wait for one connection; a reader that lets more wait is dropped as too slow.
    pub outbound_bytes: u64,
    /// Bytes that may wait for all connections; beyond it whoever lets most wait is dropped.
    pub outbound_bytes_total: u64,
    /// Bytes of frames of one connection that wait to be handled.
    pub inbound_bytes: u64,
    /// Bytes of frames of all connections that wait to be handled.
    pub inbound_bytes_total: u64,
    /// Bytes that all candidates together may show before it is decided.
    pub candidate_bytes_total: u64,
    /// Bytes of entries of unknown authors that wait, in all spaces, until somebody introduces their author.
    pub waiting_bytes_total: u64,
    /// Spaces in memory at a time, open ones and idle ones.
    pub spaces: u32,
    /// Spaces that stay in memory when nobody has them open, the last used ones.
    pub idle_spaces: u32,
    /// Entries of all of these together; a longer space does not stay.
    pub idle_entries: u64,
}

/// How long others may take, in seconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Time {
    /// Until a request is complete, from then until both keys are proven, and until an opener that is not known to belong
    /// has said what it has.
    pub handshake_seconds: u32,
    /// How often a silent peer is asked whether it is there.
    pub ping_seconds: u32,
    /// A peer that says nothing for so long, not even that it is there, is gone; so is one that has no space open, and a
    /// candidate that has not shown in this time why it belongs.
    pub idle_seconds: u32,
    /// A peer that takes in nothing for so long is gone.
    pub stuck_seconds: u32,
}

/// Help for two laptops that want to connect with each other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Direct {
    /// Whether there is any: devices that have a space open here may then reach each other by way of the relay until they
    /// have found a way of their own.
    pub help: bool,
    /// Bytes that one connection may bring to be passed on.
    pub bytes: Bucket,
}

/// A field that cannot be meant as it is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    /// A number out of its range.
    #[error("{field} is {value}, but must be {least} to {most}")]
    Range {
        /// The field, as it is written.
        field: &'static str,
        /// What it is.
        value: u64,
        /// The least that works.
        least: u64,
        /// The most that works.
        most: u64,
    },
    /// A number that must not be below another one.
    #[error("{field} is {value}, but must be at least {other}, which is {least}")]
    Below {
        /// The field, as it is written.
        field: &'static str,
        /// What it is.
        value: u64,
        /// The other one.
        other: &'static str,
        /// What that is.
        least: u64,
    },
    /// A list without which nobody could bring a space.
    #[error("{field} is empty: nobody could bring a new space")]
    Empty {
        /// The field, as it is written.
        field: &'static str,
    },
}

impl PolicyError {
    /// The fields at fault, as they are written.
    pub fn fields(&self) -> Vec<&'static str> {
        match self {
            Self::Range { field, .. } | Self::Empty { field } => vec![field],
            Self::Below { field, other, .. } => vec![field, other],
        }
    }
}

impl Policy {
    /// Looks whether the relay can work like this.
    pub fn validate(&self) -> Result<(), PolicyError> {
        self.admission.validate()?;
        let frame = limits::FRAME as u64;
        let Self { quota, rate, connections, memory, time, .. } = self;
        // Below one frame nothing moves; the upper ends are those of the arithmetic, or of a day.
        let most = 1 << 50;
        let (count, day) = (1_000_000, 86_400);
        let within = [
            ("quota.content_bytes", quota.content_bytes, 2 * MIB, most),
            ("quota.control_bytes", quota.control_bytes, MIB, 64 * MIB),
            ("quota.total_bytes", quota.total_bytes.unwrap_or(most), 4 * MIB, most),
            ("rate.address_spaces_per_hour", rate.address_spaces_per_hour.into(), 1, count),
            ("connections.total", connections.total.into(), 1, count),
            ("connections.per_address", connections.per_address.into(), 1, count),
            ("connections.candidates", connections.candidates.into(), 1, count),
            ("connections.candidates_per_address", connections.candidates_per_address.into(), 1, count),
            ("memory.outbound_bytes", memory.outbound_bytes, 2 * frame, most),
            ("memory.outbound_bytes_total", memory.outbound_bytes_total, 2 * frame, most),
            ("memory.inbound_bytes", memory.inbound_bytes, frame, u32::MAX.into()),
            ("memory.inbound_bytes_total", memory.inbound_bytes_total, frame, u32::MAX.into()),
            ("memory.candidate_bytes_total", memory.candidate_bytes_total, frame, most),
            ("memory.waiting_bytes_total", memory.waiting_bytes_total, frame, most),
            ("memory.spaces", memory.spaces.into(), 1, count),
            ("memory.idle_spaces", memory.idle_spaces.into(), 0, count),
            ("memory.idle_entries", memory.idle_entries, 0, most),
            ("time.handshake_seconds", time.handshake_seconds.into(), 1, day),
            ("time.ping_seconds", time.ping_seconds.into(), 1, day),
            ("time.idle_seconds", time.idle_seconds.into(), 2, day),
            ("time.stuck_seconds", time.stuck_seconds.into(), 1, day),
        ];
        within.into_iter().try_for_each(|(field, value, least, most)| range(field, value, least, most))?;
        rate.device_frames.validate(["rate.device_frames.per_second", "rate.device_frames.burst"], 1)?;
        rate.device_bytes.validate(["rate.device_bytes.per_second", "rate.device_bytes.burst"], frame)?;
        rate.address_frames.validate(["rate.address_frames.per_second", "rate.address_frames.burst"], 1)?;
        rate.address_bytes.validate(["rate.address_bytes.per_second", "rate.address_bytes.burst"], frame)?;
        rate.address_opens.validate(["rate.address_opens.per_second", "rate.address_opens.burst"], 2)?;
        self.direct.bytes.validate(["direct.bytes.per_second", "direct.bytes.burst"], MIB)?;
        let ordered = [
            ("connections.total", connections.total.into(), "connections.per_address", connections.per_address.into()),
            (
                "memory.outbound_bytes_total",
                memory.outbound_bytes_total,
                "memory.outbound_bytes",
                memory.outbound_bytes,
            ),
            ("memory.inbound_bytes_total", memory.inbound_bytes_total, "memory.inbound_bytes", memory.inbound_bytes),
            ("memory.spaces", memory.spaces.into(), "memory.idle_spaces", memory.idle_spaces.into()),
            ("time.idle_seconds", time.idle_seconds.into(), "time.ping_seconds", time.ping_seconds.into()),
        ];
        let wrong = ordered.into_iter().find(|(_, value, _, least)| value < least);
        wrong.map_or(Ok(()), |(field, value, other, least)| Err(PolicyError::Below { field, value, other, least }))
    }
}

impl Bucket {
    /// So many tokens a second, and so many at once.
    pub const fn new(per_second: u64, burst: u64) -> Self {
        Self { per_second, burst }
    }

    fn validate(self, [per_second, burst]: [&'static str; 2], least: u64) -> Result<(), PolicyError> {
        range(per_second, self.per_second, 1, 1 << 40)?;
        range(burst, self.burst, least, 1 << 40)
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self { content_bytes: 1024 * MIB, control_bytes: 64 * MIB, total_bytes: None }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            device_frames: Bucket::new(500, 10_000),
            device_bytes: Bucket::new(4 * MIB, 64 * MIB),
            address_frames: Bucket::new(2_000, 40_000),
            address_bytes: Bucket::new(16 * MIB, 256 * MIB),
            address_opens: Bucket::new(20, 1_000),
            address_spaces_per_hour: 30,
        }
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self { total: 4_096, per_address: 64, candidates: 1_024, candidates_per_address: 128 }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            outbound_bytes: 8 * MIB,
            outbound_bytes_total: 256 * MIB,
            inbound_bytes: 2 * limits::FRAME as u64,
            inbound_bytes_total: 32 * MIB,
            candidate_bytes_total: 64 * MIB,
            waiting_bytes_total: 64 * MIB,
            spaces: 16_384,
            idle_spaces: 64,
            idle_entries: 100_000,
        }
    }
}

impl Default for Time {
    fn default() -> Self {
        Self { handshake_seconds: 15, ping_seconds: 20, idle_seconds: 60, stuck_seconds: 30 }
    }
}

impl Default for Direct {
    fn default() -> Self {
        Self { help: true, bytes: Bucket::new(MIB, 8 * MIB) }
    }
}

impl Time {
    /// See [`Time::handshake_seconds`].
    pub fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds.into())
    }

    /// See [`Time::ping_seconds`].
    pub fn ping(&self) -> Duration {
        Duration::from_secs(self.ping_seconds.into())
    }

    /// See [`Time::idle_seconds`].
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }

    /// See [`Time::stuck_seconds`].
    pub fn stuck(&self) -> Duration {
        Duration::from_secs(self.stuck_seconds.into())
    }
}

fn range(field: &'static str, value: u64, least: u64, most: u64) -> Result<(), PolicyError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(PolicyError::Range { field, value, least, most }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_being_written() {
        let policy = Policy::default();
        assert_eq!(policy.validate(), Ok(()));
        let text = serde_json::to_string(&policy).expect("writes");
        assert_eq!(serde_json::from_str::<Policy>(&text).expect("reads"), policy);
        assert_eq!(serde_json::from_str::<Policy>("{}").expect("reads"), policy);
    }

    #[test]
    fn a_field_that_nobody_knows_is_refused_wherever_it_stands() {
        for text in [
            r#"{"quotas":{}}"#,
            r#"{"quota":{"bytes":1}}"#,
            r#"{"rate":{"device_bytes":{"per_second":1,"burst":1,"max":1}}}"#,
            r#"{"admission":{"mode":"open","tokens":[]}}"#,
            r#"{"admission":{"mode":"closed"}}"#,
        ] {
            assert!(serde_json::from_str::<Policy>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named_with_its_range() {
        let wrong = |change: fn(&mut Policy)| {
            let mut policy = Policy::default();
            change(&mut policy);
            policy.validate().expect_err("is wrong").to_string()
        };
        let quota = wrong(|policy| policy.quota.content_bytes = 5);
        assert_eq!(quota, "quota.content_bytes is 5, but must be 2097152 to 1125899906842624");
        let burst = wrong(|policy| policy.rate.device_bytes.burst = 1);
        assert_eq!(burst, "rate.device_bytes.burst is 1, but must be 1114112 to 1099511627776");
        assert_eq!(
            wrong(|policy| policy.time.idle_seconds = 10),
            "time.idle_seconds is 10, but must be at least time.ping_seconds, which is 20"
        );
        assert_eq!(
            wrong(|policy| policy.admission = Admission::Token { tokens: vec![] }),
            "admission.tokens is empty: nobody could bring a new space"
        );
    }
}

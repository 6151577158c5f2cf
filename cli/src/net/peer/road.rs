//! By which way a connection goes, as far as this end can tell.

use std::net::IpAddr;

use alliance_core::app::Passage;
use iroh::{TransportAddr, endpoint::Connection};

/// A connection, for whoever looks which way it takes. It does not keep it alive longer than its link does.
pub struct Road(Connection);

impl Road {
    pub(super) fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// The way that is taken now; nothing while that is not settled, or once the connection has ended.
    pub fn passage(&self) -> Option<Passage> {
        self.0.paths().iter().find(|path| path.is_selected()).map(|path| passage(path.remote_addr()))
    }
}

fn passage(address: &TransportAddr) -> Passage {
    match address {
        TransportAddr::Ip(address) if is_near(address.ip().to_canonical()) => Passage::SameNetwork,
        TransportAddr::Ip(_) => Passage::Direct,
        _ => Passage::Relay,
    }
}

/// True if an address leads nowhere beyond a network of one's own.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.is_loopback() || it.is_private() || it.is_link_local(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ones_own_network_is_told_from_one_of_the_internet() {
        let of = |text: &str| passage(&TransportAddr::Ip(text.parse().expect("an address")));
        for near in
            ["127.0.0.1:1", "192.168.1.7:1", "10.1.2.3:1", "172.16.0.1:1", "169.254.1.1:1", "[::1]:1", "[fd00::1]:1"]
        {
            assert_eq!(of(near), Passage::SameNetwork, "{near}");
        }
        for far in ["100.64.0.1:1", "203.0.113.7:1", "172.32.0.1:1", "[2001:db8::7]:1"] {
            assert_eq!(of(far), Passage::Direct, "{far}");
        }
        let relay = "https://relay.example/".parse().expect("an address");
        assert_eq!(passage(&TransportAddr::Relay(relay)), Passage::Relay);
    }
}

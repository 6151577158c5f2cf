//! Computers in the same network, by multicast DNS: which key is dialled where. Off unless the person wants it.
//!
//! Whoever is in a network hears what is said there. An endpoint that listens says its key and its addresses there, not who
//! has it nor with whom they share anything; one that only dials says nothing of itself. What is heard is believed as far
//! as it leads to an address: who answers there has to prove the key. Relays are neither said nor believed, or a stranger
//! in the network could have this computer connect anywhere.

use std::borrow::Cow;

use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use iroh::{
    Endpoint, PublicKey, TransportAddr,
    address_lookup::{AddrFilter, AddressLookup, AddressLookupBuilderError, EndpointData, EndpointInfo, Error, Item},
};
use iroh_mdns_address_lookup::{DiscoveryEvent, MdnsAddressLookup};

use super::{Family, is_dialled};

/// Under which name computers find each other.
const SERVICE: &str = "alliance";
/// Most addresses of one computer that are tried.
const MOST: usize = 8;

/// What is said and heard in the network, while this lives.
#[derive(Clone, Debug)]
pub(super) struct Nearby {
    lookup: MdnsAddressLookup,
    family: Family,
}

impl Nearby {
    /// Begins to listen for others, and to say where this endpoint is dialled if `tells`.
    pub(super) fn begin(endpoint: &Endpoint, family: Family, tells: bool) -> Result<Self, AddressLookupBuilderError> {
        let said = AddrFilter::new(move |known| Cow::Owned(dialled(known.iter(), family)));
        let builder = MdnsAddressLookup::builder().service_name(SERVICE).advertise(tells).addr_filter(said);
        let nearby = Self { lookup: builder.build(endpoint.id())?, family };
        if let Ok(lookups) = endpoint.address_lookup() {
            lookups.add(nearby.clone());
        }
        Ok(nearby)
    }

    /// Those that are heard of, as they come, or come to be elsewhere.
    pub(super) async fn heard(&self) -> impl Stream<Item = PublicKey> + Unpin + use<> {
        let events = self.lookup.subscribe().await;
        let key = |event| match event {
            DiscoveryEvent::Discovered { endpoint_info, .. } => Some(endpoint_info.endpoint_id),
            _ => None,
        };
        Box::pin(events.filter_map(move |event| std::future::ready(key(event))))
    }
}

impl AddressLookup for Nearby {
    fn publish(&self, data: &EndpointData) {
        self.lookup.publish(data);
    }

    fn resolve(&self, endpoint: PublicKey) -> Option<BoxStream<'static, Result<Item, Error>>> {
        let family = self.family;
        let believed = move |item: Item| {
            let addresses = dialled(item.endpoint_info().addrs(), family);
            let info = EndpointInfo::from_parts(item.endpoint_id(), EndpointData::new(addresses));
            Item::new(info, item.provenance(), item.last_updated())
        };
        Some(self.lookup.resolve(endpoint)?.map(move |item| item.map(believed)).boxed())
    }
}

/// The addresses that lead to a computer itself.
fn dialled<'a>(known: impl Iterator<Item = &'a TransportAddr>, family: Family) -> Vec<TransportAddr> {
    let is_meant = |address: &&TransportAddr| match address {
        TransportAddr::Ip(it) => is_dialled(it) && (it.is_ipv4() || family == Family::Both),
        _ => false,
    };
    known.filter(is_meant).take(MOST).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_and_addresses_that_lead_nowhere_are_neither_said_nor_believed() {
        let relay = TransportAddr::Relay("https://elsewhere.example/".parse().expect("a relay"));
        let at = |text: &str| TransportAddr::Ip(text.parse().expect("an address"));
        let known = [relay, at("0.0.0.0:7"), at("192.168.1.4:0"), at("192.168.1.4:7"), at("[fd00::4]:7")];
        assert_eq!(dialled(known.iter(), Family::Both), [at("192.168.1.4:7"), at("[fd00::4]:7")]);
        assert_eq!(dialled(known.iter(), Family::Ipv4), [at("192.168.1.4:7")]);
        let many: Vec<_> = (1..100).map(|port| at(&format!("192.168.1.4:{port}"))).collect();
        assert_eq!(dialled(many.iter(), Family::Both).len(), MOST);
    }
}

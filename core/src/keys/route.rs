//! Where a laptop is dialled: its endpoint's key and addresses, and the text that says so, `alliance-peer:<ticket>`.
//!
//! The text is base64url without padding (RFC 4648, section 5) of version (1 byte) ‖ CBOR ‖ checksum (4 bytes). There is no
//! secret in it: who has it can dial the laptop and learns nothing of what is there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use alliance_replica::{
    Malformed,
    id::{ReplicaKey, hash},
    wire,
};
use data_encoding::BASE64URL_NOPAD;
use minicbor::{CborLen, Decode, Decoder, Encode, Encoder, decode, encode};

/// Most addresses of one laptop.
pub const ADDRESSES: usize = 12;
/// Most bytes of a ticket's text.
pub const LONGEST: usize = 1024;

const SCHEME: &str = "alliance-peer:";
const VERSION: u8 = 1;
const CHECKSUM: &str = "alliance/1 ticket checksum";
/// Bytes of a checksum.
const SUM: usize = 4;

/// Where a laptop is dialled.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Route {
    /// The key of its endpoint, by which the connection itself is known to lead there.
    #[n(0)]
    pub endpoint: ReplicaKey,
    /// Where it listens, as far as it knows.
    #[n(1)]
    #[cbor(decode_with = "wire::list::<_, _, { ADDRESSES }>")]
    pub addresses: Vec<Address>,
}

/// An address and port: 4 or 16 bytes, and 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address(pub SocketAddr);

/// Why a text is no ticket that can be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else.
    #[error("not a ticket")]
    Foreign,
    /// A ticket of which something is missing, changed or added.
    #[error("ticket is incomplete or mistyped")]
    Mistyped,
    /// A ticket from a newer program.
    #[error("ticket has version {0}, which this program does not know")]
    Newer(u8),
    /// Typed right, but says nothing that makes sense.
    #[error("ticket cannot be read")]
    Malformed,
}

impl Route {
    /// As many of the addresses as are kept.
    pub fn new(endpoint: ReplicaKey, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { endpoint, addresses: addresses.into_iter().take(ADDRESSES).map(Address).collect() }
    }

    /// Reads a ticket; white space in it does not matter.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = text.trim_start();
        let Some((scheme, rest)) = rest.split_at_checked(SCHEME.len()) else { return Err(Error::Foreign) };
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(Error::Foreign);
        }
        if text.len() > LONGEST {
            return Err(Error::Mistyped);
        }
        let compact: String = rest.split_whitespace().collect();
        let bytes = BASE64URL_NOPAD.decode(compact.as_bytes()).map_err(|_| Error::Mistyped)?;
        let (said, sum) = bytes.split_last_chunk::<SUM>().ok_or(Error::Mistyped)?;
        if *sum != checksum(said) {
            return Err(Error::Mistyped);
        }
        match said.split_first() {
            Some((&VERSION, route)) => Self::decode(route).map_err(|_| Error::Malformed),
            Some((&version, _)) => Err(Error::Newer(version)),
            None => Err(Error::Mistyped),
        }
    }

    /// The ticket, for [`Route::parse`].
    pub fn ticket(&self) -> String {
        let mut bytes = [&[VERSION][..], &self.encode()].concat();
        bytes.extend(checksum(&bytes));
        format!("{SCHEME}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// The bytes that are kept.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Reads what was kept.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        wire::decode("route", bytes, LONGEST)
    }
}

impl Address {
    fn bytes(&self) -> Vec<u8> {
        let port = self.0.port().to_be_bytes();
        match self.0.ip() {
            IpAddr::V4(ip) => [&ip.octets()[..], &port].concat(),
            IpAddr::V6(ip) => [&ip.octets()[..], &port].concat(),
        }
    }
}

impl<C> Encode<C> for Address {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.bytes())?.ok()
    }
}

impl<C> CborLen<C> for Address {
    fn cbor_len(&self, ctx: &mut C) -> usize {
        minicbor::bytes::cbor_len(self.bytes(), ctx)
    }
}

impl<'b, C> Decode<'b, C> for Address {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        let (ip, port) =
            d.bytes()?.split_last_chunk::<2>().ok_or_else(|| decode::Error::message("no address").at(at))?;
        let ip = match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
            (Ok(ip), _) => IpAddr::V4(Ipv4Addr::from(ip)),
            (_, Ok(ip)) => IpAddr::V6(Ipv6Addr::from(ip)),
            _ => return Err(decode::Error::message("no address").at(at)),
        };
        Ok(Self(SocketAddr::new(ip, u16::from_be_bytes(*port))))
    }
}

fn checksum(said: &[u8]) -> [u8; SUM] {
    let [a, b, c, d, ..] = hash(CHECKSUM, &[said]);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROZEN: &str =
        "alliance-peer:AaIAWCACAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgGCRsCoAQcRUVIgAQ24AAAAAAAAAAAAAAAH__-erFBs";

    fn route() -> Route {
        let addresses = ["192.168.1.7:4433", "[2001:db8::7]:65535"].map(|it| it.parse().expect("an address"));
        Route::new(ReplicaKey::new([2; 32]), addresses)
    }

    #[test]
    fn the_text_of_a_ticket_is_frozen_and_says_the_route() {
        let ticket = route().ticket();
        assert_eq!(ticket, FROZEN);
        assert_eq!(Route::parse(&ticket), Ok(route()));
        let typed = format!(" \n{}\r\n", ticket.replace(SCHEME, "Alliance-Peer: "));
        assert_eq!(Route::parse(&typed), Ok(route()));
    }

    #[test]
    fn what_is_no_ticket_is_told_from_what_was_mistyped() {
        let ticket = route().ticket();
        assert_eq!(Route::parse("alliance:abc#def"), Err(Error::Foreign));
        assert_eq!(Route::parse(""), Err(Error::Foreign));
        for cut in SCHEME.len()..ticket.len() {
            assert_eq!(Route::parse(&ticket[..cut]), Err(Error::Mistyped), "{cut}");
        }
        let text = |said: &[u8]| {
            let bytes = [said, &checksum(said)].concat();
            format!("{SCHEME}{}", BASE64URL_NOPAD.encode(&bytes))
        };
        assert_eq!(Route::parse(&text(&[2, 0xa0])), Err(Error::Newer(2)));
        assert_eq!(Route::parse(&text(&[1, 0xa0])), Err(Error::Malformed));
        assert_eq!(Route::parse(&format!("{ticket}{}", "A".repeat(LONGEST))), Err(Error::Mistyped));
    }

    #[test]
    fn more_addresses_than_are_kept_are_refused_and_the_most_fit() {
        let address = |n: usize| SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), n as u16);
        let most = Route::new(ReplicaKey::new([2; 32]), (0..100).map(address));
        assert_eq!(most.addresses.len(), ADDRESSES);
        assert!(most.ticket().len() <= LONGEST);
        assert_eq!(Route::parse(&most.ticket()), Ok(most.clone()));
        let more = Route { addresses: [most.addresses.clone(), most.addresses.clone()].concat(), ..most };
        assert_eq!(Route::parse(&more.ticket()), Err(Error::Malformed));
    }
}

//! Where a request comes from and which token it shows. Neither is ever logged.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    policy::{Address, Network, TokenHash},
    replica::Origin,
};

/// The origin of a request that came over a socket from `peer`.
pub(super) fn origin(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> Origin {
    Origin { address: Some(Address::of(client(peer, headers, proxies))), token: token(headers) }
}

/// The last hop that is not a trusted proxy; each is only believed by the word of the trusted one after it.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let lines = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|hop| hop.trim().to_owned()).collect()
    };
    let forwarded: Vec<_> = lines("forwarded").iter().map(|hop| forwarded_for(hop).and_then(address)).collect();
    let hops = match forwarded.is_empty() {
        false => forwarded,
        true => lines("x-forwarded-for").iter().map(|hop| address(hop)).collect(),
    };
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        // What cannot be read was not written by a proxy that can be trusted.
        let Some(hop) = hop else { break };
        client = hop;
        if !is_trusted(hop) {
            break;
        }
    }
    client
}

/// The `for` of one hop (RFC 7239).
fn forwarded_for(hop: &str) -> Option<&str> {
    let (_, value) = hop
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    Some(value.trim_matches('"'))
}

/// An address, with or without a port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The hash of the token in `Authorization: Bearer …`.
fn token(headers: &HeaderMap) -> Option<TokenHash> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| TokenHash::of(token.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_for_the_last_hop() {
        let proxies = ["127.0.0.1".parse().expect("a network"), "10.0.0.0/8".parse().expect("a network")];
        let x = "x-forwarded-for";
        for (peer, lines, wanted) in [
            ("203.0.113.1", vec![(x, "198.51.100.7")], "203.0.113.1"),
            ("127.0.0.1", vec![(x, "192.0.2.9, 198.51.100.7")], "198.51.100.7"),
            ("127.0.0.1", vec![(x, "192.0.2.9"), (x, "198.51.100.7")], "198.51.100.7"),
            ("127.0.0.1", vec![(x, "198.51.100.7, 10.1.2.3")], "198.51.100.7"),
            ("127.0.0.1", vec![(x, "198.51.100.7, nonsense")], "127.0.0.1"),
            ("127.0.0.1", vec![], "127.0.0.1"),
            ("127.0.0.1", vec![("forwarded", "for=192.0.2.9, for=198.51.100.7;proto=https")], "198.51.100.7"),
            ("127.0.0.1", vec![("forwarded", "proto=https;For=\"[2001:db8::1]:4711\"")], "2001:db8::1"),
            ("127.0.0.1", vec![("forwarded", "for=198.51.100.7"), (x, "192.0.2.9")], "198.51.100.7"),
            ("127.0.0.1", vec![("forwarded", "for=_hidden")], "127.0.0.1"),
            ("::ffff:127.0.0.1", vec![(x, "198.51.100.7:5000")], "198.51.100.7"),
        ] {
            assert_eq!(client(ip(peer), &headers(&lines), &proxies), ip(wanted), "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_token_is_taken_from_its_header() {
        let shown = |value| token(&headers(&[("authorization", value)]));
        assert_eq!(shown("Bearer secret"), Some(TokenHash::of("secret")));
        assert_eq!(shown("bearer  secret "), Some(TokenHash::of("secret")));
        assert_eq!((shown("Basic secret"), shown("secret")), (None, None));
        assert_eq!(token(&HeaderMap::new()), None);
    }
}

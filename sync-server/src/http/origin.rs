//! Where a request comes from and which token it shows. Neither is ever logged.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    policy::{Address, ForwardedHeader, Policy, TokenHash},
    replica::Origin,
};

/// The origin of a request that came over a socket from `peer`.
pub(super) fn origin(peer: IpAddr, headers: &HeaderMap, policy: &Policy) -> Origin {
    Origin { address: Some(Address::of(client(peer, headers, policy))), token: token(headers) }
}

/// True if a proxy seems to ask that nobody named: one on this computer or beside it, since the header of somebody far away
/// says nothing.
pub(super) fn is_unnamed_proxy(peer: IpAddr, headers: &HeaderMap, policy: &Policy) -> bool {
    let is_near = match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    };
    is_near && headers.contains_key(policy.forwarded_header.name()) && !policy.trusts(peer)
}

/// The last hop that is not a trusted proxy; each is only believed by the word of the trusted one after it.
fn client(peer: IpAddr, headers: &HeaderMap, policy: &Policy) -> IpAddr {
    if !policy.trusts(peer) {
        return peer;
    }
    let header = policy.forwarded_header;
    // A line that is no text hides what stands before it as well.
    let lines = headers.get_all(header.name()).iter().map(|value| value.to_str().unwrap_or_default());
    let hops: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        let hop = match header {
            ForwardedHeader::XForwardedFor => address(hop),
            ForwardedHeader::Forwarded => forwarded_for(hop).and_then(address),
        };
        // What cannot be read was not written by a proxy that can be trusted.
        let Some(hop) = hop else { break };
        client = hop;
        if !policy.trusts(hop) {
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
        let x = "x-forwarded-for";
        for (peer, lines, wanted) in [
            ("203.0.113.1", vec![(x, "198.51.100.7")], "203.0.113.1"),
            ("127.0.0.1", vec![(x, "192.0.2.9, 198.51.100.7")], "198.51.100.7"),
            ("127.0.0.1", vec![(x, "192.0.2.9"), (x, "198.51.100.7")], "198.51.100.7"),
            ("127.0.0.1", vec![(x, "198.51.100.7, 10.1.2.3")], "198.51.100.7"),
            ("127.0.0.1", vec![(x, "198.51.100.7, nonsense")], "127.0.0.1"),
            ("127.0.0.1", vec![], "127.0.0.1"),
            ("::ffff:127.0.0.1", vec![(x, "198.51.100.7:5000")], "198.51.100.7"),
        ] {
            assert_eq!(client(ip(peer), &headers(&lines), &proxies()), ip(wanted), "{peer} {lines:?}");
        }
        for (line, wanted) in [
            ("for=192.0.2.9, for=198.51.100.7;proto=https", "198.51.100.7"),
            ("proto=https;For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=_hidden", "127.0.0.1"),
        ] {
            let policy = Policy { forwarded_header: ForwardedHeader::Forwarded, ..proxies() };
            assert_eq!(client(ip("127.0.0.1"), &headers(&[("forwarded", line)]), &policy), ip(wanted), "{line}");
        }
    }

    #[test]
    fn the_header_that_is_not_chosen_is_never_believed() {
        let written = [("forwarded", "for=192.0.2.9"), ("x-forwarded-for", "198.51.100.7")];
        let both = |header| {
            let policy = Policy { forwarded_header: header, ..proxies() };
            let alone = |one: usize| client(ip("127.0.0.1"), &headers(&written[one..=one]), &policy).to_string();
            (client(ip("127.0.0.1"), &headers(&written), &policy).to_string(), [alone(0), alone(1)])
        };
        let own = "127.0.0.1".to_owned();
        let (forged, proxys) = ("192.0.2.9".to_owned(), "198.51.100.7".to_owned());
        assert_eq!(both(ForwardedHeader::default()), (proxys.clone(), [own.clone(), proxys]));
        assert_eq!(both(ForwardedHeader::Forwarded), (forged.clone(), [forged, own]));
    }

    #[test]
    fn a_proxy_that_nobody_named_is_noticed_if_it_is_near() {
        let said = [("x-forwarded-for", "198.51.100.7")];
        for (peer, lines, wanted) in [
            ("172.17.0.1", &said[..], true),
            ("::1", &said, true),
            ("fd00::1", &said, true),
            ("172.17.0.1", &[], false),
            ("10.1.2.3", &said, false),
            ("203.0.113.1", &said, false),
        ] {
            assert_eq!(is_unnamed_proxy(ip(peer), &headers(lines), &proxies()), wanted, "{peer} {lines:?}");
        }
    }

    fn proxies() -> Policy {
        let trusted_proxies = ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().expect("a network")).to_vec();
        Policy { trusted_proxies, ..Policy::default() }
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

//! The address of a relay, as people type it.
//!
//! `http://` is for a relay on this computer or in a network that one trusts: what is exchanged is sealed anyway, but
//! who listens sees which spaces share a connection.

use std::{fmt, net::IpAddr, str::FromStr};

use tokio_tungstenite::tungstenite::http::Uri;

/// The address of a relay: `https://` or `http://`, a host, a port if it is not the usual one, a path if it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayUrl {
    text: String,
    host: String,
    port: u16,
    tls: bool,
}

impl RelayUrl {
    /// As it is shown and kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True if TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// True if nobody between here and there can listen: over TLS, or within this computer.
    pub fn is_private(&self) -> bool {
        self.tls || self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Where its WebSockets are.
    pub fn socket(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}/sync", bare(&self.text))
    }

    /// The same place without a path, if it has none.
    pub fn root(&self) -> Option<String> {
        (!bare(&self.text).contains('/')).then(|| format!("{}/", self.text))
    }

    /// The same place with TLS if it was without, and the other way round.
    pub fn other_scheme(&self) -> String {
        let scheme = if self.tls { "http" } else { "https" };
        format!("{scheme}://{}", bare(&self.text))
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for RelayUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_end_matches('/');
        parse(text).map_err(|why| match example(text) {
            Some(example) => format!("{why}, for instance {example}"),
            None => format!("{why}, for instance https://relay.example"),
        })
    }
}

fn parse(text: &str) -> Result<RelayUrl, &'static str> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let tls = match scheme.as_deref() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err("a relay's address begins with https:// or http://"),
    };
    let text = format!("{}://{}", if tls { "https" } else { "http" }, bare(text));
    let uri: Uri = text.parse().map_err(|_| "a relay's address is a host, with a port and a path if it has them")?;
    let authority = uri.authority().ok_or("a relay's address needs a host")?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
        return Err("a relay's address is only host, port and path");
    }
    let port = match authority.port() {
        Some(port) => port.as_u16(),
        None if authority.as_str().len() > authority.host().len() => {
            return Err("a relay's port is a number from 1 to 65535");
        }
        None if tls => 443,
        None => 80,
    };
    Ok(RelayUrl { host: host.to_owned(), port, tls, text })
}

/// What was probably meant by an address that does not begin as one does; nothing if that cannot be told.
fn example(text: &str) -> Option<String> {
    let written = |scheme: &str| format!("{scheme}://{}", bare(text));
    if text.starts_with("ws://") {
        return parse(&written("http")).is_ok().then(|| written("http"));
    }
    // Beside this computer's own, an address is one of TLS.
    let local = parse(&written("http")).ok().filter(RelayUrl::is_private);
    local.map(|local| local.text).or_else(|| parse(&written("https")).is_ok().then(|| written("https")))
}

/// An address without its scheme, also if that is mistyped.
fn bare(text: &str) -> &str {
    match text.split_once("://") {
        Some((_, rest)) => rest,
        None => {
            let typed = text.strip_prefix("https").or_else(|| text.strip_prefix("http"));
            typed.filter(|rest| rest.starts_with([':', '/'])).map_or(text, |rest| rest.trim_start_matches([':', '/']))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_named_by_host_port_and_path() {
        let url = |text: &str| text.parse::<RelayUrl>().expect("a relay's address");
        let local = url(" http://127.0.0.1:8787/ ");
        assert_eq!((local.as_str(), local.host.as_str(), local.port), ("http://127.0.0.1:8787", "127.0.0.1", 8787));
        assert_eq!(local.socket(), "ws://127.0.0.1:8787/sync");
        let behind = url("http://relay.example/alliance/");
        assert_eq!((behind.socket().as_str(), behind.port), ("ws://relay.example/alliance/sync", 80));
        let safe = url("https://relay.example/alliance");
        assert_eq!((safe.socket().as_str(), safe.port), ("wss://relay.example/alliance/sync", 443));
        assert_eq!(
            (safe.other_scheme().as_str(), local.other_scheme().as_str()),
            ("http://relay.example/alliance", "https://127.0.0.1:8787")
        );
        assert_eq!(url("HTTPS://relay.example").socket(), "wss://relay.example/sync");
        let six = url("http://[::1]:8787");
        assert_eq!((six.host.as_str(), six.socket().as_str()), ("::1", "ws://[::1]:8787/sync"));
    }

    #[test]
    fn only_tls_and_this_computer_are_private() {
        for (url, private) in [
            ("https://relay.example", true),
            ("http://127.0.0.1:8787", true),
            ("http://[::1]", true),
            ("http://localhost:1", true),
            ("http://relay.example", false),
            ("http://localhost.example", false),
            ("http://192.168.1.2", false),
        ] {
            assert_eq!(url.parse::<RelayUrl>().expect("an address").is_private(), private, "{url}");
        }
    }

    #[test]
    fn an_address_that_is_not_plainly_a_relay_is_refused() {
        let bad = [
            "",
            "127.0.0.1:8787",
            "http://",
            "http:///x",
            "ftp://a",
            "ws://a",
            "http://a b",
            "http://ben@a",
            "http://a?x",
            "http://a#x",
            "http://a:99999",
            "http://a:",
        ];
        for bad in bad {
            assert!(bad.parse::<RelayUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn who_types_another_scheme_reads_their_own_address_as_it_should_be() {
        for (typed, meant) in [
            ("wss://relay.example:8443/a", "https://relay.example:8443/a"),
            ("ws://relay.example", "http://relay.example"),
            ("ftp://relay.example", "https://relay.example"),
            ("relay.example", "https://relay.example"),
            ("relay.example:8787", "https://relay.example:8787"),
            ("relay.example:8787/a", "https://relay.example:8787/a"),
            ("https//relay.example", "https://relay.example"),
            ("https:/relay.example", "https://relay.example"),
            ("localhost:8787", "http://localhost:8787"),
            ("127.0.0.1:8787", "http://127.0.0.1:8787"),
        ] {
            let why = typed.parse::<RelayUrl>().expect_err("no address");
            assert_eq!(why, format!("a relay's address begins with https:// or http://, for instance {meant}"));
        }
        let why = "http://a b".parse::<RelayUrl>().expect_err("no address");
        assert!(why.ends_with("for instance https://relay.example"), "{why}");
    }
}

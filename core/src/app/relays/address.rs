//! What a relay's address looks like.

use std::{net::Ipv6Addr, num::NonZeroU16};

use crate::{app::AppError, domain::alliance};

/// The one form of a relay's address.
pub(in crate::app) fn relay_address(url: &str) -> Result<String, AppError> {
    let url = url.trim().trim_end_matches('/');
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if url.len() <= alliance::ADDRESS && is_place(rest) => Ok(url.to_owned()),
        _ => Err(AppError::RelayAddress { url: url.to_owned() }),
    }
}

/// True for a host, a port if there is one, and a path if there is one: what every program takes for an address, as anybody
/// in an alliance may name one.
fn is_place(rest: &str) -> bool {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.strip_prefix('[').and_then(|six| six.split_once(']')) {
        Some((six, port)) if six.parse::<Ipv6Addr>().is_ok() => (six, port),
        Some(_) => return false,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<NonZeroU16>().is_ok();
    let is_port = |port: &str| port.strip_prefix(':').is_some_and(is_number);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte);
    !host.is_empty() && host.bytes().all(is_host) && (port.is_empty() || is_port(port)) && path.bytes().all(is_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_some_program_could_not_reach_is_nobodys() {
        for good in [
            "http://127.0.0.1:8787",
            "https://relay.example/alliance",
            "http://[::1]:8787",
            "https://xn--bcher-kva.example:443/a/b-c_d~e",
        ] {
            assert_eq!(relay_address(&format!(" {good}/ ")).expect("an address"), good);
        }
        for bad in [
            "",
            "127.0.0.1:8787",
            "http://",
            "http:///x",
            "ftp://a",
            "http://a b",
            "http://ben@a",
            "http://a?x",
            "http://a/b?x",
            "http://a#x",
            "http://a:99999",
            "http://a:0",
            "http://a:+80",
            "http://a:",
            "http://a:1:2",
            "http://[::1",
            "http://[x]:1",
            "http://[::1]x",
            "http://a\\b",
        ] {
            assert!(relay_address(bad).is_err(), "{bad}");
        }
    }
}

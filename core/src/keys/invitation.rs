//! Invitations: one word of text that lets somebody in, `alliance:<public>#<secret>`.
//!
//! Both halves are base64url without padding (RFC 4648, section 5). `public` = version (1 byte) ‖ CBOR; `secret` =
//! 32 bytes ‖ checksum (4 bytes) over everything before it. Version and checksum stay where they are in every version,
//! so that a mistyped text and a newer one can be told apart. Nothing personal is in it. The scheme is never one that
//! a browser would send to somebody.

use alliance_replica::{
    Malformed,
    id::{ReplicaKey, SpaceId, hash},
    log::control::Purpose,
    wire,
};
use data_encoding::BASE64URL_NOPAD;
use minicbor::{CborLen, Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Route, device::DeviceSecret, primitives};

/// Most bytes of an invitation's text.
pub const LONGEST: usize = 2048;

const SCHEME: &str = "alliance:";
const VERSION: u8 = 1;
const KEY: &str = "alliance/1 invitation";
const CHECKSUM: &str = "alliance/1 invitation checksum";
const LONGEST_URL: usize = 1024;

/// What an invited person needs to find the space and to get in. Its secret is wiped when dropped.
pub struct Invitation {
    terms: Terms,
    secret: Zeroizing<[u8; 32]>,
}

/// The part of an invitation that is not secret.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Terms {
    /// The space to join.
    #[n(0)]
    pub space: SpaceId,
    /// Whom it is for.
    #[n(1)]
    pub purpose: Purpose,
    /// Unix seconds after which it is refused.
    #[n(2)]
    pub expires: u64,
    /// Where the space is kept; none if only from device to device.
    #[n(3)]
    pub relay: Option<Relay>,
    /// Where the laptop is that made it; none if only a relay is asked.
    #[n(4)]
    pub route: Option<Route>,
}

/// A relay, and the key by which to know it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, CborLen)]
#[cbor(map)]
pub struct Relay {
    /// Absolute `http` or `https` URL.
    #[n(0)]
    pub url: String,
    /// Its key, if the inviter knows it.
    #[n(1)]
    pub key: Option<ReplicaKey>,
}

/// Why a text is not an invitation that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something else.
    #[error("not an invitation")]
    Foreign,
    /// An invitation of which something is missing, changed or added.
    #[error("invitation is incomplete or mistyped")]
    Mistyped,
    /// An invitation from a newer program.
    #[error("invitation has version {0}, which this program does not know")]
    Newer(u8),
    /// Typed right, but says nothing that makes sense.
    #[error("invitation cannot be read")]
    Malformed(#[from] Malformed),
    /// A relay's URL that no invitation carries.
    #[error("relay URL is not an absolute http or https URL of at most {LONGEST_URL} printable ASCII characters")]
    Url,
}

impl Invitation {
    /// Draws the secret of a new invitation.
    pub fn generate(terms: Terms, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        terms.check()?;
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *secret);
        Ok(Self { terms, secret })
    }

    /// Reads an invitation; white space in it, as mail programs add, does not matter.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rest = text.trim_start();
        match rest.split_at_checked(SCHEME.len()) {
            Some((scheme, after)) if scheme.eq_ignore_ascii_case(SCHEME) => rest = after,
            _ => return Err(Error::Foreign),
        }
        if text.len() > LONGEST {
            return Err(Error::Mistyped);
        }
        let mut compact = Zeroizing::new(String::with_capacity(rest.len()));
        compact.extend(rest.split_whitespace());
        let (public, secret) = compact.split_once('#').ok_or(Error::Mistyped)?;
        let public = BASE64URL_NOPAD.decode(public.as_bytes()).map_err(|_| Error::Mistyped)?;
        let secret = Zeroizing::new(BASE64URL_NOPAD.decode(secret.as_bytes()).map_err(|_| Error::Mistyped)?);
        let (secret, sum) = secret.split_last_chunk().ok_or(Error::Mistyped)?;
        if *sum != checksum(&public, secret) {
            return Err(Error::Mistyped);
        }
        match public.split_first() {
            Some((&VERSION, terms)) => Self::read(terms, secret),
            Some((&version, _)) => Err(Error::Newer(version)),
            None => Err(Error::Mistyped),
        }
    }

    /// The text, for [`Invitation::parse`]: at most [`LONGEST`] bytes. It is all that somebody needs to get in.
    pub fn reveal(&self) -> Zeroizing<String> {
        let public = [&[VERSION][..], &wire::encode(&self.terms)].concat();
        let secret = Zeroizing::new([&self.secret[..], &checksum(&public, &*self.secret)].concat());
        let mut text = Zeroizing::new(String::with_capacity(LONGEST));
        text.push_str(SCHEME);
        BASE64URL_NOPAD.encode_append(&public, &mut text);
        text.push('#');
        BASE64URL_NOPAD.encode_append(&secret, &mut text);
        text
    }

    /// What is not secret.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The key that may redeem it.
    pub fn device_secret(&self) -> DeviceSecret {
        DeviceSecret::from_bytes(&primitives::derive(&self.secret, KEY, &[self.terms.space.as_bytes()]))
    }

    fn read(terms: &[u8], secret: &[u8]) -> Result<Self, Error> {
        let terms: Terms = wire::decode("invitation", terms, LONGEST)?;
        terms.check()?;
        let secret: &[u8; 32] = secret
            .try_into()
            .map_err(|_| Malformed::Impossible { what: "invitation", why: "its secret has another length" })?;
        Ok(Self { terms, secret: Zeroizing::new(*secret) })
    }
}

impl Terms {
    fn check(&self) -> Result<(), Error> {
        let valid = |relay: &Relay| {
            let host = relay.url.strip_prefix("https://").or_else(|| relay.url.strip_prefix("http://"));
            relay.url.len() <= LONGEST_URL && host.is_some_and(|host| !host.is_empty() && host.bytes().all(printable))
        };
        if self.relay.as_ref().is_none_or(valid) { Ok(()) } else { Err(Error::Url) }
    }
}

fn printable(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

fn checksum(public: &[u8], secret: &[u8]) -> [u8; 4] {
    let length = (public.len() as u64).to_be_bytes();
    let hash = hash(CHECKSUM, &[&length, public, secret]);
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    fn terms(url: &str) -> Terms {
        Terms {
            space: SpaceId::new([1; 16]),
            purpose: Purpose::Member,
            expires: 1_800_000_000,
            relay: Some(Relay { url: url.to_owned(), key: Some(ReplicaKey::new([2; 32])) }),
            route: None,
        }
    }

    fn invitation() -> Invitation {
        Invitation::generate(terms("http://127.0.0.1:8787"), &mut rng()).expect("valid terms")
    }

    /// The text with these halves and the checksum that belongs to them.
    fn text(public: &[u8], secret: &[u8]) -> String {
        let secret = [secret, &checksum(public, secret)].concat();
        format!("{SCHEME}{}#{}", BASE64URL_NOPAD.encode(public), BASE64URL_NOPAD.encode(&secret))
    }

    #[test]
    fn text_and_key_of_an_invitation_are_frozen() {
        let frozen = concat!(
            "alliance:AaQAUAEBAQEBAQEBAQEBAQEBAQEBAAIaa0nSAAOiAHVodHRwOi8vMTI3LjAuMC4xOj",
            "g3ODcBWCACAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg",
            "#9ACSeFeq9kEU9WG6rLN5cIx5odwUdqtXMhakAgdkveW83VLP",
        );
        assert_eq!(invitation().reveal().as_str(), frozen);
        let keys = invitation().device_secret().keys();
        assert_eq!(keys.device.to_string(), "551526173bb7d212fa52d64a3e54692338a8cf379566eaae009cfb1d4b681d07");
        assert_eq!(HEXLOWER.encode(&keys.seal), "4d552d9ad3dc44ed9b9aff39a692ef4bf8c897ca38dded6b0d79953247497012");
    }

    #[test]
    fn an_invitation_survives_white_space_and_a_capital_scheme() {
        let plain = Terms { purpose: Purpose::OwnDevice, relay: None, ..terms("") };
        for terms in [terms("https://relay.example/a?b=c"), plain] {
            let invitation = Invitation::generate(terms, &mut rng()).expect("valid terms");
            let typed = format!(" \n{}\r\n", invitation.reveal().replace('#', " #\n").replace(SCHEME, "Alliance:"));
            let again = Invitation::parse(&typed).expect("parses");
            assert_eq!(again.terms(), invitation.terms());
            assert_eq!(again.device_secret().keys(), invitation.device_secret().keys());
        }
    }

    #[test]
    fn the_key_belongs_to_one_secret_in_one_space() {
        let mut rng = rng();
        let one = Invitation::generate(terms("http://a"), &mut rng).expect("valid terms");
        let other = Invitation::generate(terms("http://a"), &mut rng).expect("valid terms");
        assert_ne!(one.device_secret().keys(), other.device_secret().keys());
        let terms = Terms { space: SpaceId::new([9; 16]), ..one.terms.clone() };
        let elsewhere = Invitation { terms, secret: one.secret.clone() };
        assert_ne!(one.device_secret().keys(), elsewhere.device_secret().keys());
    }

    #[test]
    fn every_mistyped_missing_or_added_character_is_noticed() {
        let text = invitation().reveal();
        for at in SCHEME.len()..text.len() {
            for typed in ["A", "b", "0", "-", "#", "!", "é", ""] {
                let wrong = format!("{}{typed}{}", &text[..at], &text[at + 1..]);
                if wrong != *text {
                    assert!(matches!(Invitation::parse(&wrong), Err(Error::Mistyped)), "{typed} at {at}");
                }
                let longer = format!("{}{typed}{}", &text[..at], &text[at..]);
                if !typed.is_empty() {
                    assert!(matches!(Invitation::parse(&longer), Err(Error::Mistyped)), "{typed} before {at}");
                }
            }
            assert!(matches!(Invitation::parse(&text[..at]), Err(Error::Mistyped)), "length {at}");
        }
    }

    #[test]
    fn what_is_no_invitation_is_called_so() {
        let text = invitation().reveal();
        for foreign in ["", " ", "alliance", "hello", "https://example.org/#x", "é", "allianceé:x", &text[1..]] {
            assert!(matches!(Invitation::parse(foreign), Err(Error::Foreign)), "{foreign}");
        }
        assert!(matches!(Invitation::parse(&"x".repeat(10_000_000)), Err(Error::Foreign)));
    }

    #[test]
    fn a_newer_version_is_told_apart_whatever_it_says() {
        for public in [&[2][..], &[255, 1, 2, 3]] {
            assert!(matches!(Invitation::parse(&text(public, &[5; 7])), Err(Error::Newer(v)) if v == public[0]));
        }
    }

    #[test]
    fn well_typed_nonsense_is_malformed() {
        let valid = [&[VERSION][..], &wire::encode(&terms("http://a"))].concat();
        assert!(Invitation::parse(&text(&valid, &[5; 32])).is_ok());
        let malformed = |public: &[u8], secret: &[u8]| {
            assert!(matches!(Invitation::parse(&text(public, secret)), Err(Error::Malformed(_))));
        };
        malformed(&valid, &[5; 31]);
        malformed(&valid, &[5; 33]);
        malformed(&valid[..valid.len() - 1], &[5; 32]);
        malformed(&[&valid[..], &[0]].concat(), &[5; 32]);
        malformed(&[VERSION], &[5; 32]);
        assert!(matches!(Invitation::parse(&text(&[], &[5; 32])), Err(Error::Mistyped)));
    }

    #[test]
    fn a_longer_text_than_any_invitation_is_refused() {
        let long = Invitation::generate(terms(&format!("http://{}", "a".repeat(1017))), &mut rng()).expect("valid");
        let text = long.reveal();
        assert!(text.len() <= LONGEST && Invitation::parse(&text).is_ok());
        let padded = format!("{}{}", *text, " ".repeat(LONGEST));
        assert!(matches!(Invitation::parse(&padded), Err(Error::Mistyped)));
    }

    #[test]
    fn a_relay_url_that_could_surprise_somebody_is_refused_both_ways() {
        let long = format!("http://{}", "a".repeat(1018));
        for url in
            ["", "http://", "ftp://a", "javascript:alert(1)", "http://a b", "http://a\u{1b}[2J", "http://é", &long]
        {
            assert!(matches!(Invitation::generate(terms(url), &mut rng()), Err(Error::Url)), "{url}");
            let public = [&[VERSION][..], &wire::encode(&terms(url))].concat();
            assert!(matches!(Invitation::parse(&text(&public, &[5; 32])), Err(Error::Url)), "{url}");
        }
    }
}

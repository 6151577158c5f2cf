//! `alliance relay`: through which relay one's spaces are exchanged.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use alliance_core::app::{AppError, RelayInfo};
use clap::{Args, Subcommand};
use serde::Serialize;
use zeroize::Zeroizing;

mod dropping;

pub use dropping::Gone;

use super::{Answer, Context};
use crate::{
    error::CliError,
    net::{tls, url::RelayUrl},
};

/// Most bytes of a token, and of a file with a certificate.
const LONGEST: usize = 512;
const LARGEST: u64 = 64 * 1024;

/// Arguments of `relay`; without a verb it shows.
#[derive(Args, Debug)]
pub struct Relay {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show the relays in use; also what a bare `relay` does
    Show,
    /// Exchange everything through this relay from now on
    ///
    /// The next `alliance sync` takes everything there, and tells the other person's computer through the relay that you
    /// used before: they do nothing. If that relay is gone for good, the other person has to say the same once.
    Set {
        /// Its address, as `https://relay.example`; `http://` only on this computer or in a network you trust
        url: RelayUrl,
        /// File with the certificate of the authority behind the relay's, as PEM, if it is not a public one
        #[arg(long, value_name = "PATH")]
        root: Option<PathBuf>,
    },
    /// Give up a relay that you left and that does not answer any more, or is another one by now
    ///
    /// What the other person brought only there and nowhere else does not arrive through it; all that is here stays.
    Forget {
        /// Its address, as `alliance relay` shows it
        url: RelayUrl,
    },
    /// Have a relay forget its copy of alliances that both of you have left, and of what is only yours
    ///
    /// An alliance in which one of you still is stays there. What is only yours goes with --own, which reads your 24 recovery
    /// words: with them alone nothing can be brought back from that relay afterwards. All that is on your computers stays.
    /// Another computer of yours that still exchanges there brings it back.
    Drop {
        /// Its address [default: the one in use]
        url: Option<RelayUrl>,
        /// Also what is only yours
        #[arg(long)]
        own: bool,
        /// Have it forgotten without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Keep the token that a relay asks for before it takes a new alliance
    Token {
        /// The token, as its operator gave it to you; - reads it from standard input
        #[arg(required_unless_present = "forget")]
        token: Option<Secret>,
        /// Forget the token
        #[arg(long, conflicts_with = "token")]
        forget: bool,
        /// The relay it is for [default: the one in use]
        #[arg(long, value_name = "URL")]
        relay: Option<RelayUrl>,
    },
}

/// A word that is not to be seen.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A relay in use.
#[derive(Serialize, Debug)]
pub struct Known {
    /// Its address.
    pub id: String,
    /// Its key in hexadecimal; none until it was first met.
    pub key: Option<String>,
    /// The spaces it keeps, in hexadecimal.
    pub spaces: Vec<String>,
    /// Those among them that have moved to another relay and are visited here once more.
    pub left: Vec<String>,
    /// True if an authority of one's own is trusted for it.
    pub root: bool,
    /// True if a token is kept for it.
    pub token: bool,
}

impl From<RelayInfo> for Known {
    fn from(info: RelayInfo) -> Self {
        let RelayInfo { url, key, spaces, left, root, token } = info;
        Self {
            id: url,
            key: key.map(|key| key.to_string()),
            spaces: spaces.iter().map(ToString::to_string).collect(),
            left: left.iter().map(ToString::to_string).collect(),
            root: root.is_some(),
            token: token.is_some(),
        }
    }
}

impl Relay {
    /// Runs the verb; all answer with the relays in use.
    pub fn run(self, context: &Context<'_>) -> Result<Answer, CliError> {
        let mut profile = match self.verb {
            // A relay may want it before it takes back what it lost.
            Some(Verb::Token { .. }) => context.any_profile()?,
            _ => context.profile()?,
        };
        match self.verb {
            None | Some(Verb::Show) => {}
            Some(Verb::Set { url, root }) => {
                if let Some(root) = root {
                    profile.set_relay_root(url.as_str(), Some(read_root(&root)?))?;
                }
                profile.set_relay(url.as_str(), &mut context.outside().world())?;
                context.ui.talk("Next: `alliance sync` brings everything there.");
            }
            Some(Verb::Forget { url }) => profile.forget_relay(url.as_str())?,
            Some(Verb::Drop { url, own, yes }) => return dropping::run(&mut profile, url, (own, yes), context),
            Some(Verb::Token { token, relay, .. }) => {
                let url = match relay {
                    Some(url) => url.to_string(),
                    None => profile.relays()?.into_iter().next().ok_or(AppError::NoRelay)?.url,
                };
                let token = token.map(|token| read_token(&token, &url)).transpose()?;
                profile.set_relay_token(&url, token)?;
            }
        }
        Ok(Answer::Relays(profile.relays()?.into_iter().map(Known::from).collect()))
    }
}

/// The certificate of an authority, as PEM.
pub fn read_root(path: &Path) -> Result<Vec<u8>, CliError> {
    let unread = |source| CliError::RootFile { path: path.to_owned(), source };
    let mut pem = Vec::new();
    fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut pem)).map_err(unread)?;
    tls::check(&pem).map_err(|why| unread(io::Error::new(io::ErrorKind::InvalidData, why)))?;
    Ok(pem)
}

/// A token that can be said to the relay at `url`.
fn read_token(typed: &Secret, url: &str) -> Result<Zeroizing<String>, CliError> {
    if url.parse::<RelayUrl>().is_ok_and(|url| !url.is_private()) {
        return Err(CliError::TokenInClear { url: url.to_owned() });
    }
    let mut token = typed.0.clone();
    if *token == "-" {
        let mut read = Zeroizing::new(String::new());
        io::stdin().take(2 * LONGEST as u64).read_to_string(&mut read).map_err(CliError::Input)?;
        token = Zeroizing::new(read.trim().to_owned());
    }
    let formed = !token.is_empty() && token.len() <= LONGEST && token.bytes().all(|byte| byte.is_ascii_graphic());
    formed.then_some(token).ok_or(CliError::Token)
}

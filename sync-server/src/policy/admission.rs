//! Who may bring a space that the relay does not hold: a new one, or one that it has lost.

use std::{fmt, str::FromStr};

use alliance_replica::id::{SpaceId, hash};
use serde::{Deserialize, Serialize};

use super::PolicyError;

const TOKEN: &str = "alliance/1 relay token";
/// Letters of a token that the program makes.
const TOKEN_LENGTH: usize = 32;

/// Who may bring a space.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case", try_from = "Written")]
pub enum Admission {
    /// Everybody.
    Open {},
    /// Whoever shows one of these tokens.
    Token {
        /// Hashes of the tokens; the tokens themselves need not be on the relay's disk.
        tokens: Vec<TokenHash>,
    },
    /// Whoever brings one of these spaces.
    List {
        /// Their names.
        spaces: Vec<SpaceName>,
    },
}

/// An admission as it is written, so that an error is one of the key or element at fault.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `mode`")]
struct Written {
    mode: Mode,
    tokens: Option<Vec<TokenHash>>,
    spaces: Option<Vec<SpaceName>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Open,
    Token,
    List,
}

impl TryFrom<Written> for Admission {
    type Error = &'static str;

    fn try_from(Written { mode, tokens, spaces }: Written) -> Result<Self, Self::Error> {
        match (mode, tokens, spaces) {
            (Mode::Open, None, None) => Ok(Self::Open {}),
            (Mode::Token, Some(tokens), None) => Ok(Self::Token { tokens }),
            (Mode::List, None, Some(spaces)) => Ok(Self::List { spaces }),
            (Mode::Open, ..) => Err("mode = \"open\" goes without tokens and spaces"),
            (Mode::Token, ..) => Err("mode = \"token\" goes with tokens = [...], and without spaces"),
            (Mode::List, ..) => Err("mode = \"list\" goes with spaces = [...], which may be empty, and without tokens"),
        }
    }
}

impl Admission {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        match self {
            Self::Token { tokens } if tokens.is_empty() => Err(PolicyError::Empty { field: "admission.tokens" }),
            _ => Ok(()),
        }
    }

    /// Its mode, as it is written.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Open {} => "open",
            Self::Token { .. } => "token",
            Self::List { .. } => "list",
        }
    }

    /// True if a space may be brought by who showed this token.
    pub fn admits(&self, space: &SpaceId, token: Option<&TokenHash>) -> bool {
        match self {
            Self::Open {} => true,
            Self::Token { tokens } => token.is_some_and(|token| tokens.contains(token)),
            Self::List { spaces } => spaces.contains(&SpaceName(*space)),
        }
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::Open {}
    }
}

/// The hash of a token, as 64 hexadecimal digits where it is written. Tokens are long random texts, so a plain hash does
/// not help to guess them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token as it is shown to the relay.
    pub fn of(token: &str) -> Self {
        Self(hash(TOKEN, &[token.as_bytes()]))
    }
}

/// A space's name, as 32 hexadecimal digits where it is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpaceName(pub SpaceId);

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl fmt::Display for SpaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(self.0.as_ref(), f)
    }
}

impl FromStr for TokenHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id: Option<alliance_replica::id::EntryId> = alliance_replica::id::Id::from_hex(text);
        id.map(|id| Self(*id.as_bytes())).ok_or(match text.len() {
            TOKEN_LENGTH => "this is as long as a token itself: its hash is the second line of `alliance-relay token`",
            _ => "the hash of a token is 64 hexadecimal digits",
        })
    }
}

impl FromStr for SpaceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SpaceId::from_hex(text).map(Self).ok_or("a space's name is 32 hexadecimal digits")
    }
}

impl TryFrom<String> for TokenHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for SpaceName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.to_string()
    }
}

impl From<SpaceName> for String {
    fn from(name: SpaceName) -> Self {
        name.to_string()
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_admission_reads_and_admits_as_it_says() {
        let (ours, other) = (SpaceId::new([1; 16]), SpaceId::new([2; 16]));
        let (right, wrong) = (TokenHash::of("right"), TokenHash::of("wrong"));
        let token = format!(r#"{{"mode":"token","tokens":["{right}"]}}"#);
        let token: Admission = serde_json::from_str(&token).expect("reads");
        assert!(token.admits(&ours, Some(&right)));
        assert!(!token.admits(&ours, Some(&wrong)) && !token.admits(&ours, None));
        let list = r#"{"mode":"list","spaces":["01010101010101010101010101010101"]}"#;
        let list: Admission = serde_json::from_str(list).expect("reads");
        assert!(list.admits(&ours, None) && !list.admits(&other, Some(&right)));
        assert!(Admission::default().admits(&other, None));
    }

    #[test]
    fn a_token_or_name_of_the_wrong_form_is_refused() {
        assert!(serde_json::from_str::<Admission>(r#"{"mode":"token","tokens":["secret"]}"#).is_err());
        assert!(serde_json::from_str::<Admission>(r#"{"mode":"list","spaces":["0101"]}"#).is_err());
    }

    #[test]
    fn a_hash_is_not_shown_by_accident() {
        let hash = TokenHash::of("secret");
        assert!(!format!("{hash:?}").contains(&hash.to_string()[..8]));
    }
}

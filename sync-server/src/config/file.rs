//! The file in which an operator writes down what the relay shall do: TOML, every key known, nothing guessed.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{ConfigError, Format, Level, address};
use crate::policy::{Admission, Connections, Memory, Network, Quota, Rate, Time};

/// Everything that the file may say. The fields of [`crate::policy::Policy`] stand beside the others, under the names
/// that its errors use.
#[derive(Deserialize, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) listen: Option<Address>,
    pub(super) metrics: Option<Address>,
    pub(super) data: Option<Name>,
    pub(super) log: Option<Level>,
    pub(super) log_format: Option<Format>,
    pub(super) tls: Option<Tls>,
    pub(super) admission: Admission,
    pub(super) quota: Quota,
    pub(super) rate: Rate,
    pub(super) connections: Connections,
    pub(super) memory: Memory,
    pub(super) time: Time,
    pub(super) trusted_proxies: Vec<Network>,
}

/// Where the certificate is.
#[derive(Deserialize, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) cert: Option<Name>,
    pub(super) key: Option<Name>,
}

/// The name of a file or folder, which is not empty: an empty one would mean wherever the program is started.
#[derive(Deserialize, Debug)]
#[serde(try_from = "PathBuf")]
pub(super) struct Name(pub(super) PathBuf);

impl TryFrom<PathBuf> for Name {
    type Error = &'static str;

    fn try_from(path: PathBuf) -> Result<Self, Self::Error> {
        if path.as_os_str().is_empty() { Err("a name is missing between the quotes") } else { Ok(Self(path)) }
    }
}

/// An address as flags take it.
#[derive(Deserialize, Debug)]
#[serde(try_from = "String")]
pub(super) struct Address(pub(super) SocketAddr);

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        address(&text).map(Self)
    }
}

impl File {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|problem| {
            let (line, key) = place(&text, problem.span().map_or(0, |span| span.start));
            // What TOML says in several lines fits in one.
            let message = problem.message().split_whitespace().collect::<Vec<_>>().join(" ");
            ConfigError::File { path: path.to_owned(), line, key, message }
        })
    }
}

/// The line in which a byte stands, and the key there with the names of its tables. Values are not shown: somebody may
/// have written a token where its hash belongs.
fn place(text: &str, offset: usize) -> (usize, String) {
    let before = text.get(..offset).unwrap_or_default();
    let number = before.matches('\n').count();
    let header = |line: &str| Some(line.trim().strip_prefix('[')?.split_once(']')?.0.to_owned());
    let line = text.lines().nth(number).unwrap_or_default();
    let table = text.lines().take(number + 1).filter(|line| !line.contains('=')).filter_map(header).last();
    let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let names: Vec<_> = table.into_iter().chain(key).collect();
    let key = if names.is_empty() { String::new() } else { format!(", {}", names.join(".")) };
    (number + 1, key)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Config, Flags},
        *,
    };

    fn config(text: &str, change: impl FnOnce(&mut Flags)) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("relay.toml");
        fs::write(&path, text).expect("writes");
        let mut flags = Flags { config: Some(path), ..Flags::default() };
        change(&mut flags);
        Config::new(&flags).map_err(|problem| {
            let problem = crate::error::chain(&problem);
            problem.strip_prefix(&format!("{}/", folder.path().display())).expect("names the file").to_owned()
        })
    }

    #[test]
    fn a_file_says_everything_and_a_flag_wins() {
        let text = r#"
            listen = "0.0.0.0:1"
            metrics = "localhost:2"
            data = "there"
            log = "warn"
            log_format = "json"
            trusted_proxies = ["10.0.0.0/8"]
            tls = { cert = "c", key = "k" }
            admission = { mode = "list", spaces = ["01010101010101010101010101010101"] }
            [quota]
            content_bytes = 3000000
            [rate]
            device_frames = { per_second = 5, burst = 6 }
        "#;
        let there = config(text, |_| {}).expect("reads");
        assert_eq!([there.listen, there.metrics.expect("is named")].map(|it| it.port()), [1, 2]);
        assert_eq!((there.log, there.log_format), (Level::Warn, Format::Json));
        assert_eq!(there.tls.expect("is named").paths(), [Path::new("c"), Path::new("k")]);
        assert_eq!((there.policy.quota.content_bytes, there.policy.rate.device_frames.burst), (3_000_000, 6));
        assert_eq!(there.policy.time, Time::default());
        let typed = config(text, |flags| (flags.data, flags.log) = (Some("here".into()), Some(Level::Off)));
        let typed = typed.expect("reads");
        assert_eq!((typed.data, typed.log, typed.listen.port()), ("here".into(), Level::Off, 1));
    }

    #[test]
    fn an_error_names_file_line_key_and_what_is_allowed() {
        let wrong = |text: &str| config(&format!("data = \"d\"\n{text}"), |_| {}).expect_err("is wrong");
        assert_eq!(
            wrong("log = \"loud\""),
            "relay.toml, line 2, log: unknown variant `loud`, expected one of `off`, `error`, `warn`, `info`, `debug`"
        );
        let unknown = wrong("lisen = \"0.0.0.0:1\"");
        assert!(unknown.starts_with("relay.toml, line 2, lisen: unknown field `lisen`, expected one of `listen`"));
        let address = wrong("listen = \"relay.example:1\"");
        assert!(address.starts_with("relay.toml, line 2, listen: an address is a number"), "{address}");
        let quota = wrong("[quota]\ncontent_bytes = 5");
        assert_eq!(quota, "relay.toml: quota.content_bytes is 5, but must be 2097152 to 1125899906842624");
        let text = wrong("[quota]\ncontent_bytes = \"5\"");
        assert!(text.starts_with("relay.toml, line 3, quota.content_bytes: invalid type: string"), "{text}");
        for text in ["[tls]\ncert = \"\"", "[tls]\nkey = \"\""] {
            let empty = wrong(text);
            assert!(empty.contains("line 3") && empty.ends_with("a name is missing between the quotes"), "{empty}");
        }
        let data = config("data = \"\"", |_| {}).expect_err("is empty");
        assert_eq!(data, "relay.toml, line 1, data: a name is missing between the quotes");
        let syntax = wrong("[quota");
        assert!(syntax.starts_with("relay.toml, line 2"), "{syntax}");
    }

    #[test]
    fn a_token_in_the_place_of_its_hash_is_not_shown() {
        let text = "data = \"d\"\n[admission]\nmode = \"token\"\ntokens = [\n  \"secret\",\n]";
        let problem = config(text, |_| {}).expect_err("is wrong");
        assert!(problem.contains("64 hexadecimal digits") && !problem.contains("secret"), "{problem}");
    }
}

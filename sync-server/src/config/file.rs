//! The file in which an operator writes down what the relay shall do: TOML, every key known, nothing guessed.

use std::{
    fs,
    net::SocketAddr,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::de::DeTable;

use super::{ConfigError, Format, Level, address};
use crate::policy::{
    Admission, Connections, Direct, ForwardedHeader, Memory, Network, Quota, Rate, SpaceName, Time, TokenHash,
};

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
    pub(super) direct: Direct,
    pub(super) trusted_proxies: Vec<Network>,
    pub(super) forwarded_header: ForwardedHeader,
    /// All of it, to find lines in.
    #[serde(skip)]
    pub(super) text: String,
}

/// Where the certificate is.
#[derive(Deserialize, Default, Debug)]
#[serde(default, deny_unknown_fields, expecting = "a table with `cert` and `key`")]
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
        let bytes = fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let wrong = |line, key, message| ConfigError::File { path: path.to_owned(), line, key, message };
        let text = String::from_utf8(bytes).map_err(|problem| {
            let good = problem.as_bytes().iter().take(problem.utf8_error().valid_up_to());
            let line = good.filter(|byte| **byte == b'\n').count() + 1;
            wrong(line, String::new(), "this is no UTF-8 text".to_owned())
        })?;
        let file: Self = toml::from_str(&text).map_err(|problem| {
            let span = problem.span().unwrap_or_default();
            let element = element(&text, &span);
            let (line, key) = place(&text, element.map_or(span.start, |(_, at)| at));
            let n = element.map_or(String::new(), |(n, _)| format!("element {n}: "));
            let first = before(&text, line).filter(|_| problem.message() == DUPLICATE);
            let first = first.map_or(String::new(), |first| format!(", first in line {first}"));
            wrong(line, key, n + &plain(problem.message()) + &first)
        })?;
        Ok(Self { text, ..file })
    }
}

/// The line of the first of these fields that is written, or else of the table that would hold it.
pub(super) fn line_of(text: &str, fields: &[&str]) -> usize {
    let Ok(file) = DeTable::parse(text) else { return 1 };
    let place = |field: &&str| {
        let (mut at, mut depth, mut table) = (0, 0, Some(file.get_ref()));
        for name in field.split('.') {
            let Some((key, value)) = table.and_then(|table| table.iter().find(|(key, _)| *key.get_ref() == name))
            else {
                break;
            };
            (at, depth, table) = (key.span().start, depth + 1, value.get_ref().as_table());
        }
        (depth, at)
    };
    // The first of those that are written most fully.
    let at = fields.iter().map(place).rev().max_by_key(|(depth, _)| *depth).map_or(0, |(_, at)| at);
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// What TOML says of a key or table that was there before.
const DUPLICATE: &str = "duplicate key";

/// The line, from 1, of the nearest key or table above a line that has the same name.
fn before(text: &str, line: usize) -> Option<usize> {
    let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let wanted = name(text.lines().nth(line - 1)?);
    let above: Vec<_> = text.lines().take(line - 1).map(name).collect();
    above.iter().rposition(|name| *name == wanted).map(|at| at + 1)
}

/// What TOML says, in one line and in words of the file instead of the program.
fn plain(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = [
        (DUPLICATE, "this is written a second time"),
        ("unknown field", "unknown key"),
        ("unknown variant", "unknown value"),
        ("missing field", "missing key"),
        (" as i128", ""),
        (" as i64", ""),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected path string", "expected text in quotes"),
        ("expected a string", "expected text in quotes"),
        ("expected a sequence", "expected a list in brackets"),
        ("invalid type: map", "invalid type: table"),
        ("invalid type: sequence", "invalid type: list"),
    ];
    words.into_iter().fold(line, |line, (from, to)| line.replace(from, to))
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
    let key = key.or_else(|| list(before)).filter(|_| !line.trim_start().starts_with('['));
    let names: Vec<_> = table.into_iter().chain(key).collect();
    let key = if names.is_empty() { String::new() } else { format!(", {}", names.join(".")) };
    (number + 1, key)
}

/// Whether a text may stand in a list.
type Rule = fn(&str) -> bool;

/// Of a list that a problem spans, the first element that is at fault, from 1, and where it stands.
fn element(text: &str, span: &Range<usize>) -> Option<(usize, usize)> {
    let file = DeTable::parse(text).ok()?;
    let admission = file.get_ref().get("admission").and_then(|it| it.get_ref().as_table());
    let lists: [(_, Rule); 3] = [
        (admission.and_then(|it| it.get("tokens")), |text| text.parse::<TokenHash>().is_ok()),
        (admission.and_then(|it| it.get("spaces")), |text| text.parse::<SpaceName>().is_ok()),
        (file.get_ref().get("trusted_proxies"), |text| text.parse::<Network>().is_ok()),
    ];
    let (list, is_right) = lists.into_iter().find_map(|(list, is_right)| {
        let list = list.filter(|list| list.span() == *span)?;
        Some((list.get_ref().as_array()?, is_right))
    })?;
    let mut elements = (1..).zip(list.iter());
    let (n, wrong) = elements.find(|(_, it)| !it.get_ref().as_str().is_some_and(is_right))?;
    Some((n, wrong.span().start))
}

/// The key of the list that is not yet complete where a text ends.
fn list(before: &str) -> Option<String> {
    let (key, value) = before.lines().rev().find_map(|line| line.split_once('='))?;
    value.trim_start().starts_with('[').then(|| key.trim().to_owned())
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
            "relay.toml, line 2, log: unknown value `loud`, expected one of `off`, `error`, `warn`, `info`, `debug`"
        );
        let unknown = wrong("lisen = \"0.0.0.0:1\"");
        assert!(unknown.starts_with("relay.toml, line 2, lisen: unknown key `lisen`, expected one of `listen`"));
        let address = wrong("listen = \"relay.example:1\"");
        assert!(address.starts_with("relay.toml, line 2, listen: an address is a number"), "{address}");
        let quota = wrong("[quota]\ncontent_bytes = 5");
        assert_eq!(quota, "relay.toml, line 3: quota.content_bytes is 5, but must be 2097152 to 1125899906842624");
        let text = wrong("[quota]\ncontent_bytes = \"5\"");
        assert!(text.starts_with("relay.toml, line 3, quota.content_bytes: invalid type: string"), "{text}");
        let below = wrong("[time]\nping_seconds = 70");
        assert_eq!(
            below,
            "relay.toml, line 3: time.idle_seconds is 60, but must be at least time.ping_seconds, which is 70"
        );
        let bucket = wrong("[rate]\ndevice_frames = 5");
        assert_eq!(
            bucket,
            "relay.toml, line 3, rate.device_frames: invalid type: integer `5`, expected a table such as { per_second = \
             5, burst = 10 }"
        );
        let one_place = wrong("listen = \"0.0.0.0:99\"\nmetrics = \"127.0.0.1:99\"");
        assert!(
            one_place.starts_with("relay.toml, line 3, metrics: /metrics needs an address of its own"),
            "{one_place}"
        );
        for (text, word) in [("-5", "`-5`"), ("99999999999999999999", ""), ("[5]", "list")] {
            let number = wrong(&format!("[quota]\ncontent_bytes = {text}"));
            assert!(
                number.starts_with("relay.toml, line 3, quota.content_bytes: ") && number.contains(word),
                "{number}"
            );
            assert!(!["i128", "u64", "i64", "struct"].iter().any(|word| number.contains(word)), "{number}");
        }
        let half = wrong("[tls]\ncert = \"c\"");
        assert_eq!(half, "relay.toml, line 3, tls: TLS needs both a certificate and its key; tls.key is missing");
        for text in ["[tls]\ncert = \"\"", "[tls]\nkey = \"\""] {
            let empty = wrong(text);
            assert!(empty.contains("line 3") && empty.ends_with("a name is missing between the quotes"), "{empty}");
        }
        let data = config("data = \"\"", |_| {}).expect_err("is empty");
        assert_eq!(data, "relay.toml, line 1, data: a name is missing between the quotes");
        let twice = wrong("[admission]\nmode = \"open\"\n[quota]\n[admission]\nmode = \"open\"");
        assert_eq!(twice, "relay.toml, line 5, admission: this is written a second time, first in line 2");
        let negative = wrong("[connections]\ntotal = -1");
        assert!(negative.ends_with("expected a whole number from 0 to 4294967295"), "{negative}");
        let bare = wrong("[tls]\n[quota]");
        assert_eq!(bare, "relay.toml, line 2, tls: [tls] without cert and key: write both, or take it out");
        let syntax = wrong("[quota");
        assert!(syntax.starts_with("relay.toml, line 2"), "{syntax}");
    }

    #[test]
    fn a_token_in_the_place_of_its_hash_is_not_shown() {
        let text = format!(
            "data = \"d\"\n[admission]\nmode = \"token\"\ntokens = [\n  \"{}\",\n  \"secret\",\n]",
            "0".repeat(64)
        );
        let problem = config(&text, |_| {}).expect_err("is wrong");
        assert_eq!(
            problem,
            "relay.toml, line 6, admission.tokens: element 2: the hash of a token is 64 hexadecimal digits"
        );
    }

    #[test]
    fn a_file_of_another_encoding_is_named_as_that() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("relay.toml");
        fs::write(&path, b"data = \"d\"\n# caf\xe9\n").expect("writes");
        let problem = File::read(&path).expect_err("is wrong").to_string();
        assert!(problem.ends_with("relay.toml, line 2: this is no UTF-8 text"), "{problem}");
    }

    #[test]
    fn the_sample_shows_every_key_of_the_policy_with_its_default() {
        let sample = include_str!("../../../packaging/relay.toml");
        let is_default = |line: &&str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
        let shown: String = sample
            .lines()
            .map(|line| if is_default(&line) { &line[1..] } else { line })
            .flat_map(|line| [line, "\n"])
            .collect();
        let shown: serde_json::Value = toml::from_str(&shown).expect("reads");
        let policy = serde_json::to_value(crate::policy::Policy::default()).expect("writes");
        for (key, value) in policy.as_object().expect("a table") {
            assert_eq!(&shown[key], value, "{key}");
        }
        toml::from_str::<File>(sample).expect("reads as it is");
    }
}

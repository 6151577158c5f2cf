//! The story of the demo: `docs/walkthrough.md`, told and typed line by line as a test plays it, too.
//!
//! Of a shell it understands what the story needs: words in quotation marks, a variable that is set and named, and what a
//! command printed as a variable.

use std::collections::BTreeMap;

use super::{DemoError, stage::Stage};
use crate::error::CliError;

const STORY: &str = include_str!("../../../../docs/walkthrough.md");
/// The relay's address in the story.
const RELAY: &str = "http://127.0.0.1:8787";
/// Variables of the story that its commands see.
const SEEN: [&str; 2] = ["ALLIANCE_NOW", "ALLIANCE_TZ"];
/// Letters at the least of words that are looked for at the relay.
const TELLING: usize = 8;

/// A part of the story.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    /// Something that is told.
    Told(String),
    /// A line that somebody types, and how it ends.
    Typed(String, i32),
}

/// Plays it from the first word to the last, and looks at what the relay kept.
pub(super) fn play(stage: &mut Stage<'_>) -> Result<(), CliError> {
    let relay = stage.relay();
    stage.tell(&format!("A relay listens at {relay}. It stores what two people exchange, and can read none of it."));
    let (mut variables, mut said) = (BTreeMap::new(), Vec::new());
    for part in parse(STORY) {
        let (line, exit) = match part {
            Part::Told(text) => {
                stage.tell(&text);
                continue;
            }
            Part::Typed(line, exit) => (line.replace(RELAY, &relay), exit),
        };
        if let Some(set) = line.strip_prefix("export ") {
            let (name, value) = set.split_once('=').unwrap_or((set, ""));
            if SEEN.contains(&name) {
                stage.set(name, value);
            }
            continue;
        }
        let (into, line) = match line.split_once("=$(").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?))) {
            Some((name, line)) => (Some(name.to_owned()), line.to_owned()),
            None => (None, line),
        };
        let typed = words(&line, &variables);
        let [program, profile, who, arguments @ ..] = &typed[..] else { return Err(strange()) };
        if program != "alliance" || profile != "--profile" {
            return Err(strange());
        }
        let telling = |it: &&String| it.len() >= TELLING && it.contains(' ');
        said.extend(arguments.iter().filter(telling).cloned());
        let printed = stage.act(who, arguments, exit)?;
        if let Some(name) = into {
            let word = printed.lines().find(|line| line.starts_with("alliance:")).ok_or_else(strange)?;
            variables.insert(name, word.to_owned());
        }
    }
    look_behind(stage, &said)
}

fn look_behind(stage: &mut Stage<'_>, said: &[String]) -> Result<(), CliError> {
    let words: Vec<_> = said.iter().map(String::as_str).collect();
    let (bytes, found) = stage.search_relay(&words)?;
    hold(bytes > 0, "the relay kept what was exchanged")?;
    hold(found.is_empty(), "the relay kept no word that anybody typed")?;
    let number = words.len();
    stage.tell(&format!("The relay kept {bytes} bytes. None of {number} things that were typed is in them."));
    Ok(())
}

/// The parts of a story, from its first heading on.
fn parse(markdown: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut block, mut paragraph, mut begun) = (None, String::new(), false);
    for line in markdown.lines().chain([""]) {
        match (line.strip_prefix("```"), block) {
            (Some(kind), None) => block = Some(kind),
            (Some(_), Some(_)) => block = None,
            (None, Some("sh walkthrough")) if begun && !line.starts_with("cd ") => {
                parts.push(Part::Typed(line.to_owned(), 0));
            }
            (None, Some("text walkthrough")) => {
                let exit = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
                if let (Some(exit), Some(Part::Typed(_, ends))) = (exit, parts.last_mut()) {
                    *ends = exit;
                }
            }
            (None, Some(_)) => {}
            (None, None) if line.trim().is_empty() => {
                let told = std::mem::take(&mut paragraph);
                if begun && !told.is_empty() {
                    parts.push(Part::Told(told));
                }
            }
            (None, None) => {
                begun |= line.starts_with("## ");
                let text = line.trim_start_matches('#').trim();
                paragraph = if paragraph.is_empty() { text.to_owned() } else { format!("{paragraph} {text}") };
            }
        }
    }
    parts
}

/// A line as words, as a shell takes it.
fn words(line: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => (quote, is_word) = (Some(letter), true),
            (end, Some(begin)) if end == begin => quote = None,
            ('$', None | Some('"')) => {
                let mut name = String::new();
                while let Some(letter) = letters.next_if(|it| it.is_alphanumeric() || *it == '_') {
                    name.push(letter);
                }
                word.push_str(variables.get(&name).map_or("", String::as_str));
                is_word = true;
            }
            (' ', None) => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            (letter, _) => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

fn hold(is_so: bool, what: &'static str) -> Result<(), CliError> {
    if is_so { Ok(()) } else { Err(DemoError::Otherwise { what }.into()) }
}

fn strange() -> CliError {
    DemoError::Otherwise { what: "every line of the story is understood" }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_understood_as_a_shell_does() {
        let variables = [("WORD".to_owned(), "a b".to_owned())].into();
        let understood = words("alliance  join \"$WORD\" --name 'it is' -m \"x's\" \"\"", &variables);
        assert_eq!(understood, ["alliance", "join", "a b", "--name", "it is", "-m", "x's", ""]);
    }

    #[test]
    fn a_story_begins_with_its_first_heading() {
        let text = "# T\n\n```sh walkthrough\nno\n```\n\n## A\n\nOne\ntwo.\n\n```sh walkthrough\ncd x\ndo\n```\n\n```text walkthrough\n[exit 7]\n```\n";
        let told = |text: &str| Part::Told(text.to_owned());
        assert_eq!(parse(text), [told("A"), told("One two."), Part::Typed("do".to_owned(), 7)]);
    }

    #[test]
    fn the_story_has_two_people_and_a_clock() {
        let parts = parse(STORY);
        let typed = |start: &str| parts.iter().any(|it| matches!(it, Part::Typed(line, _) if line.starts_with(start)));
        for start in ["alliance --profile ben close", "alliance --profile anna leave", "export ALLIANCE_NOW="] {
            assert!(typed(start), "no {start}");
        }
    }
}

//! The command line as types. What each command takes stands beside the command, in `command/`.

pub mod refusal;

use std::{num::NonZeroU64, str::FromStr};

use clap::{CommandFactory, FromArgMatches as _, Parser};

use crate::{command::Command, config::ProfileName};

const HEADING: &str = "Options of every command";

/// A private place that two equals keep together: goals, notes and what you agreed on.
///
/// Everything is kept on this computer, works without a network and is exchanged with the other person by `alliance
/// sync`. Without a command you see today.
#[derive(Parser, Debug)]
#[command(
    name = "alliance",
    version,
    max_term_width = 100,
    after_help = "An item is named by its id, the beginning of its id, or its whole title; @last is the one you changed last.\nExit codes and what --json prints: docs/scripting.md"
)]
pub struct Args {
    /// Options of every command.
    #[command(flatten)]
    pub options: Options,
    /// The command; today if there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands as `--help` groups them: each is in one group.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Every day", &["today", "review", "search", "history", "undo", "redo"]),
    ("What you do", &["goal", "commitment", "done", "session", "prep"]),
    ("What you think", &["reflect", "question", "insight", "belief", "win", "note", "feedback", "comment"]),
    ("What you keep together", &["agreement", "about", "conflict", "archive", "unarchive"]),
    ("Alliances and people", &["init", "all", "new", "use", "invite", "join", "member", "close", "leave"]),
    (
        "Meeting, computers and safety",
        &[
            "sync", "peer", "status", "relay", "verify", "device", "recovery", "backup", "export", "import",
            "security", "doctor",
        ],
    ),
    ("The program", &["remind", "config", "completions", "man", "demo"]),
];

/// The definition of all commands, with help in groups.
pub fn command() -> clap::Command {
    let command = <Args as CommandFactory>::command();
    let header = *command.get_styles().get_header();
    let literal = *command.get_styles().get_literal();
    let widest = command.get_subcommands().map(|it| it.get_name().len()).max().unwrap_or(0);
    let mut groups = String::new();
    for (name, commands) in GROUPS {
        groups.push_str(&format!("{header}{name}:{header:#}\n"));
        for name in commands {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_default();
            groups.push_str(&format!("  {literal}{name:widest$}{literal:#}  {about}\n"));
        }
        groups.push('\n');
    }
    let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{{options}}{{after-help}}");
    command.help_template(template)
}

/// Understands what was typed.
pub fn parse<T: Into<std::ffi::OsString> + Clone>(typed: impl IntoIterator<Item = T>) -> Result<Args, clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(typed)?;
    Args::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Options of every command.
#[derive(clap::Args, Debug, Default)]
pub struct Options {
    /// Print JSON: {"v":1,"data":…} on stdout, {"v":1,"error":…} on stderr
    #[arg(long, global = true, help_heading = HEADING)]
    pub json: bool,
    /// Profile on this computer [default: $ALLIANCE_PROFILE, else what `config` says, else the only one]
    #[arg(long, global = true, value_name = "NAME", help_heading = HEADING)]
    pub profile: Option<ProfileName>,
    /// The alliance that is meant, by its title [default: the one chosen with `use`]
    #[arg(long, global = true, value_name = "NAME", help_heading = HEADING)]
    pub alliance: Option<String>,
    /// Send and fetch nothing: what others have to hear waits for the next sync
    #[arg(long, global = true, help_heading = HEADING)]
    pub offline: bool,
}

/// Words of a title, with or without quotation marks.
#[derive(clap::Args, Debug)]
pub struct Title {
    /// The title
    #[arg(required = true, value_name = "TITLE")]
    words: Vec<String>,
}

impl Title {
    /// The words, joined.
    pub fn join(&self) -> String {
        self.words.join(" ")
    }
}

/// Words that were given to an option; clap says to which if there are none.
pub fn words(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("say it in a few words") } else { Ok(text.to_owned()) }
}

/// How long something holds: `30m`, `12h`, `7d`, `2w`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetime(NonZeroU64);

impl Lifetime {
    const LONGEST: u64 = 366 * 24 * 60 * 60;

    /// In seconds.
    pub fn seconds(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for Lifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
            let unit = match unit {
                "m" => 60,
                "h" => 60 * 60,
                "d" => 24 * 60 * 60,
                "w" => 7 * 24 * 60 * 60,
                _ => return None,
            };
            let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
            NonZeroU64::new(seconds).filter(|seconds| seconds.get() <= Self::LONGEST)
        };
        parse().map(Self).ok_or("say it as 30m, 12h, 7d or 2w, and at most a year")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, goal, note};

    fn parse(line: &[&str]) -> Result<Args, clap::Error> {
        super::parse(std::iter::once("alliance").chain(line.iter().copied()))
    }

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group_of_the_help() {
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        grouped.sort_unstable();
        let all = Args::command();
        let shown = all.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help");
        let mut shown: Vec<_> = shown.map(clap::Command::get_name).collect();
        shown.sort_unstable();
        assert_eq!(grouped, shown);
    }

    #[test]
    fn help_of_every_command_is_as_reviewed() {
        fn paths(command: &clap::Command, path: &[String], into: &mut Vec<Vec<String>>) {
            let path = [path, &[command.get_name().to_owned()]].concat();
            command.get_subcommands().for_each(|command| paths(command, &path, into));
            into.push(path);
        }
        let mut all = Vec::new();
        paths(&Args::command(), &[], &mut all);
        all.sort();
        let help = all.into_iter().map(|mut path| {
            path.push("--help".to_owned());
            let help = super::parse(&path).expect_err("help");
            format!("$ {}\n{help}\n", path.join(" "))
        });
        insta::assert_snapshot!("help", help.collect::<String>());
    }

    #[test]
    fn options_of_every_command_go_anywhere_and_need_no_command() {
        let args = parse(&["--json"]).expect("parses");
        assert!(args.options.json && args.command.is_none());
        let args = parse(&["goal", "list", "--json", "--profile", "ben", "--alliance", "Ben & Anna"]).expect("parses");
        assert!(args.options.json);
        assert_eq!(args.options.profile.expect("a profile").to_string(), "ben");
        assert_eq!(args.options.alliance.as_deref(), Some("Ben & Anna"));
        assert!(parse(&["--profile", "../x", "today"]).is_err());
    }

    #[test]
    fn the_alliance_of_init_is_the_title_of_a_new_one() {
        let line = ["init", "--name", "Ben", "--role", "coach", "--alliance", "Ben & Anna"];
        let Some(Command::Init(init)) = parse(&line).expect("parses").command else { panic!("another command") };
        assert_eq!((init.alliance.as_str(), init.relay.is_none()), ("Ben & Anna", true));
        assert!(parse(&line[..5]).is_err());
        for at in [2, 4, 6] {
            let mut line = line;
            line[at] = " ";
            let said = parse(&line).expect_err("nothing said").to_string();
            assert!(said.contains(line[at - 1]) && said.contains("a few words"), "{said}");
        }
    }

    #[test]
    fn a_title_needs_no_quotation_marks_and_a_bare_noun_lists() {
        let args = parse(&["goal", "add", "Run", "a", "half", "marathon"]).expect("parses");
        let Some(Command::Goal(goal)) = args.command else { panic!("another command") };
        let Some(goal::Verb::Add(add)) = goal.verb else { panic!("another verb") };
        assert_eq!(add.title.join(), "Run a half marathon");
        let Some(Command::Goal(goal)) = parse(&["goal"]).expect("parses").command else { panic!("another command") };
        assert!(goal.verb.is_none());
    }

    #[test]
    fn a_text_may_begin_with_a_dash() {
        let args = parse(&["note", "add", "Plan", "-m", "- one\n- two", "--private"]).expect("parses");
        let Some(Command::Note(note)) = args.command else { panic!("another command") };
        let Some(note::Verb::Add(add)) = note.verb else { panic!("another verb") };
        assert_eq!(add.message.as_str(), "- one\n- two");
        assert!(add.private);
    }

    #[test]
    fn an_edit_says_what_to_change() {
        assert!(parse(&["goal", "edit"]).is_err());
        assert!(parse(&["goal", "edit", "g3k", "--status", "paused"]).is_ok());
        assert!(parse(&["goal", "edit", "g3k", "--status", "won"]).is_err());
        assert!(parse(&["goal", "rate", "g3k", "-1", "-m", "- slow"]).is_ok());
        assert!(parse(&["goal", "rate", "g3k", "+2"]).is_ok());
        assert!(parse(&["goal", "rate", "g3k", "3"]).is_err());
        assert!(parse(&["goal", "milestone", "tick", "g3k", "1"]).is_ok());
        assert!(parse(&["feedback", "give", "more", "Silence"]).is_ok());
        assert!(parse(&["feedback", "give", "praise", "Silence"]).is_err());
        assert!(parse(&["note", "edit", "n3k", "-m", "-"]).is_ok());
    }

    #[test]
    fn a_lifetime_is_a_number_with_a_unit() {
        let seconds = |text: &str| text.parse().map(Lifetime::seconds);
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!((seconds("30m"), seconds("12h"), seconds("2w")), (Ok(1_800), Ok(43_200), Ok(1_209_600)));
        for bad in ["", "d", "7", "0d", "-1d", "7 d", "7y", "367d", "99999999999999999999d", "7é"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_demo_says_where_it_is_played() {
        assert!(parse(&["demo"]).is_err());
        assert!(parse(&["demo", "--headless"]).is_ok());
    }
}

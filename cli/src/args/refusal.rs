//! What helps when the arguments cannot be understood: an example of the whole command, or the word that was meant.

use std::{ffi::OsString, iter};

use clap::{
    Command, CommandFactory as _,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::Args;

/// A whole command for each that does not go without arguments.
const EXAMPLES: &[&str] = &[
    "agreement edit --template",
    "backup create ~/alliance.backup",
    "backup restore ~/alliance.backup",
    "backup verify ~/alliance.backup",
    "belief against b3k 'Last spring I did it'",
    "belief for b3k 'I stopped twice'",
    "belief name I never finish anything --strength 80",
    "belief reframe b3k 'I finish what is mine'",
    "belief share b3k",
    "belief show b3k",
    "belief strength b3k 40",
    "belief try b3k c3k",
    "comment add g3k That is what I meant",
    "comment edit c3k -m 'What I meant'",
    "commitment accept c3k --due fri --if-then 'If I come home, I put on my shoes first'",
    "commitment add Run on Tuesday --due tue",
    "commitment ask c3k",
    "commitment check-in c3k well -m 'Twice this week'",
    "commitment edit c3k --confidence 7",
    "commitment keep c3k",
    "commitment let-go c3k -m 'It was not mine'",
    "commitment move c3k fri",
    "commitment mute c3k",
    "commitment offer Write down three good moments a day",
    "commitment partly c3k -m 'Two of three'",
    "commitment renegotiate c3k --due 'in 2 weeks'",
    "commitment show c3k",
    "commitment withdraw c3k",
    "completions bash",
    "config set editor nano",
    "conflict keep g3k 2",
    "demo --headless",
    "done c3k",
    "export ~/alliance-export",
    "feedback ask My questions in the last session",
    "feedback give keep Your silences give me time",
    "feedback respond f3k --thanks",
    "feedback show f3k",
    "goal add Run a half marathon",
    "goal edit g3k --horizon 'in 3 months'",
    "goal level g3k +1 -m 'I run three times a week'",
    "goal milestone add g3k Run 5 km without a break",
    "goal milestone remove g3k 1",
    "goal milestone tick g3k 1",
    "goal milestone untick g3k 1",
    "goal move g3k --first",
    "goal pause g3k -m 'My knee'",
    "goal rate g3k +1 --on yesterday",
    "goal reach g3k",
    "goal release g3k",
    "goal show g3k",
    "import ~/alliance-export",
    "init --name Ben --role coach --alliance 'Ben & Anna'",
    "insight add I decide faster when I walk",
    "insight again i3k",
    "insight confirm i3k",
    "insight integrate i3k",
    "insight let-go i3k",
    "insight offer You decide faster when you walk",
    "insight show i3k",
    "insight test i3k",
    "join 'alliance:…' --name Anna --role client",
    "man ./man",
    "new Ben & Carl",
    "note add First session -m 'What we spoke about'",
    "note edit n3k --tag work",
    "note share n3k",
    "note show n3k",
    "question answer q3k -m 'To be asked'",
    "question let-go q3k",
    "question offer 12",
    "question show q3k",
    "question sit q3k",
    "question take 3",
    "reflect edit r3k",
    "reflect share r3k",
    "reflect show r3k",
    "session edit s3k --point 'The move'",
    "session finish s3k",
    "session note s3k",
    "session plan 'fri 16:00' --template grow",
    "session show s3k",
    "session take s3k I ask for help earlier",
    "win add I asked for help",
    "win cheer w3k",
    "win show w3k",
    "device cut tablet",
    "device rename laptop",
    "device take laptop",
    "recovery restore --relay https://relay.example",
    "relay forget https://relay.example",
    "relay set https://relay.example",
    "relay token -",
    "search half marathon",
    "unarchive n3k",
];

/// What somebody may have typed for an option that is called otherwise.
const OPTIONS: [(&str, &str); 12] = [
    ("--day", "--on"),
    ("--date", "--on"),
    ("--when", "--on"),
    ("--due", "--horizon"),
    ("--until", "--due"),
    ("--by", "--due"),
    ("--until", "--horizon"),
    ("--text", "--message"),
    ("--body", "--message"),
    ("--notag", "--untag"),
    ("--tags", "--tag"),
    ("--areas", "--area"),
];

/// What somebody may type for a command that is called otherwise, and what is there.
const COMMANDS: [(&str, &str); 3] = [
    ("safety", "`alliance member list` shows the six words to compare, `alliance member compared` keeps that you did"),
    ("words", "`alliance recovery` is for the 24 words, `alliance member list` shows the six to compare"),
    ("members", "did you mean `alliance member list`?"),
];

/// What somebody may type who wants to take something away.
const REMOVALS: [&str; 6] = ["delete", "del", "remove", "rm", "erase", "trash"];

/// Letters of a word that has to begin as another one to be taken for it.
const STEM: usize = 3;
/// Commands that are named at most where another one was typed.
const NAMED: usize = 3;

/// Why arguments were refused and what helps.
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What helps.
    pub hint: String,
}

impl Refusal {
    /// What there is to say beyond what clap says itself; none if that is all.
    pub fn of(error: &clap::Error, typed: &[OsString]) -> Option<Self> {
        let path = path(typed);
        let said = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            Some(ContextValue::Strings(texts)) => Some(texts.join(" ")),
            _ => None,
        };
        let whole = iter::once("alliance").chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        match error.kind() {
            ErrorKind::MissingRequiredArgument => {
                let example = example(&path)?;
                let message = format!("`{whole}` needs {}", said(ContextKind::InvalidArg)?);
                Some(Self { message, hint: format!("for instance `alliance {example}`; --help shows the rest") })
            }
            ErrorKind::InvalidSubcommand => {
                let typed = said(ContextKind::InvalidSubcommand)?;
                if let Some(hint) = instead_of_removing(&path, &typed) {
                    return Some(Self { message: format!("there is no command `{whole} {typed}`"), hint });
                }
                let other = COMMANDS.iter().find(|(other, _)| path.is_empty() && *other == typed);
                if let Some((_, hint)) = other {
                    let message = format!("there is no command `{whole} {typed}`");
                    return Some(Self { message, hint: (*hint).to_owned() });
                }
                let meant = meant(&path, &typed);
                let hint = meant.iter().map(|path| format!("`alliance {path}`")).collect::<Vec<_>>().join(" or ");
                let message = format!("there is no command `{whole} {typed}`");
                let like = match error.get(ContextKind::SuggestedSubcommand) {
                    Some(ContextValue::String(text)) => vec![text.clone()],
                    Some(ContextValue::Strings(texts)) => texts.clone(),
                    _ => Vec::new(),
                };
                match meant.is_empty() {
                    false => Some(Self { message, hint: format!("did you mean {hint}?") }),
                    // clap takes almost any word for another one.
                    true if like.last().is_some_and(|like| is_slip(like, &typed)) => None,
                    true => Some(Self { message, hint: format!("`{whole} --help` shows what there is") }),
                }
            }
            ErrorKind::ValueValidation => {
                let why = std::error::Error::source(error)?.to_string();
                let (what, value) = (said(ContextKind::InvalidArg)?, said(ContextKind::InvalidValue)?);
                let hint = example(&path).map(|example| format!("for instance `alliance {example}`; "));
                let hint = format!("{}`{whole} --help` shows what it takes", hint.unwrap_or_default());
                Some(Self { message: format!("`{whole}` does not take “{value}” for {what}: {why}"), hint })
            }
            ErrorKind::UnknownArgument => {
                let typed = said(ContextKind::InvalidArg)?;
                let has = |option: &str| at(&path).get_opts().any(|it| it.get_long() == option.strip_prefix("--"));
                let option = OPTIONS.iter().find(|(other, option)| *other == typed && has(option));
                let hint = match (option, said(ContextKind::SuggestedArg)) {
                    (Some((_, option)), _) => format!("did you mean {option}?"),
                    (None, _) if typed == "--private" => {
                        "that cannot be private; a note can: `alliance note add <title> --private`".to_owned()
                    }
                    // clap takes almost any word for another one.
                    (None, Some(like)) if typed.starts_with("--") && !begins_alike(&typed[2..], &like) => {
                        format!("`{whole} --help` shows what it takes")
                    }
                    (None, Some(_)) => return None,
                    // clap only says how to pass it as a word.
                    (None, None) => {
                        let hint = example(&path).map(|example| format!("for instance `alliance {example}`; "));
                        format!("{}`{whole} --help` shows what it takes", hint.unwrap_or_default())
                    }
                };
                Some(Self { message: format!("`{whole}` has no {typed}"), hint })
            }
            _ => None,
        }
    }
}

/// What there is for whoever wants to take something away.
fn instead_of_removing(path: &[String], typed: &str) -> Option<String> {
    if !REMOVALS.contains(&typed.to_lowercase().as_str()) {
        return None;
    }
    let helps = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "`alliance archive <id>` puts it where lists leave it out; ",
        ["goal"] => "`alliance goal release <id>` lets go of it, `alliance archive <id>` puts it out of sight; ",
        ["commitment"] => "`alliance commitment let-go <id>` lets go of it, `withdraw <id>` takes back an offer; ",
        ["note" | "feedback"] => "`alliance archive <id>` puts it where lists leave it out; ",
        ["goal", "milestone"] => return Some("did you mean `alliance goal milestone remove`?".to_owned()),
        _ => return None,
    };
    Some(format!("{helps}nothing that was made is ever gone"))
}

/// The names of the command that was typed, without its arguments.
fn path(typed: &[OsString]) -> Vec<String> {
    let (mut command, mut path) = (Args::command(), Vec::new());
    let mut words = typed.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if let Some(next) = command.find_subcommand(word).cloned() {
            path.push(next.get_name().to_owned());
            command = next;
        } else if matches!(word, "--profile" | "--alliance") {
            words.next();
        } else if !word.starts_with('-') {
            break;
        }
    }
    path
}

fn at(path: &[String]) -> Command {
    path.iter().fold(Args::command(), |command, name| command.find_subcommand(name).cloned().unwrap_or(command))
}

fn example(path: &[String]) -> Option<&'static str> {
    let path = path.join(" ");
    EXAMPLES.iter().copied().find(|example| example.strip_prefix(&path).is_some_and(|rest| rest.starts_with(' ')))
}

/// Commands that may be meant by a word, those first that lie where it was typed.
fn meant(path: &[String], typed: &str) -> Vec<String> {
    let mut all = Vec::new();
    below(&Args::command(), "", &mut all);
    let here = path.join(" ");
    let named = |path: &&String| path.rsplit(' ').next().is_some_and(|name| is_alike(name, typed));
    let mut meant: Vec<_> = all.iter().filter(named).cloned().collect();
    meant.retain(|path| path.starts_with(&here));
    let depth = |path: &String| path.matches(' ').count();
    let least = meant.iter().map(depth).min();
    meant.retain(|path| Some(depth(path)) == least);
    meant.truncate(NAMED);
    meant
}

fn below(command: &Command, path: &str, into: &mut Vec<String>) {
    for next in command.get_subcommands().filter(|next| !next.is_hide_set() && next.get_name() != "help") {
        let path = format!("{path} {}", next.get_name()).trim_start().to_owned();
        below(next, &path, into);
        into.push(path);
    }
}

/// True if two options begin with the same letters.
fn begins_alike(typed: &str, option: &str) -> bool {
    let option = option.trim_start_matches("--");
    typed.chars().zip(option.chars()).take_while(|(a, b)| a == b).count() >= STEM
}

/// True for a word that somebody may have mistyped.
fn is_slip(name: &str, typed: &str) -> bool {
    name.chars().next() == typed.chars().next() && name.len().abs_diff(typed.len()) < STEM
}

/// True for two forms of one word: one begins as the other does.
fn is_alike(name: &str, typed: &str) -> bool {
    let typed = typed.to_lowercase();
    let (short, long) = if name.len() < typed.len() { (name, typed.as_str()) } else { (typed.as_str(), name) };
    short.len() >= STEM && long.starts_with(short)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn refused(line: &str) -> Option<(String, String)> {
        let typed: Vec<OsString> = iter::once("alliance").chain(line.split_whitespace()).map(OsString::from).collect();
        let error = Args::try_parse_from(&typed).expect_err("refused");
        Refusal::of(&error, &typed).map(|it| (it.message, it.hint))
    }

    #[test]
    fn every_command_that_needs_arguments_has_an_example_that_is_understood() {
        let mut all = Vec::new();
        below(&Args::command(), "", &mut all);
        for command in &all {
            let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
            let command = at(&words);
            let needs = command.get_arguments().any(clap::Arg::is_required_set)
                || command.get_groups().any(clap::ArgGroup::is_required_set);
            assert!(!needs || example(&words).is_some(), "{words:?} has no example");
        }
        for example in EXAMPLES {
            let words = iter::once("alliance").chain(example.split(' ')).map(|word| word.trim_matches('\''));
            // Words in quotation marks are one; that does not matter to commands that take several.
            let parsed = Args::try_parse_from(words);
            assert!(example.contains('\'') || parsed.is_ok(), "{example}: {parsed:?}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_an_example_of_the_whole() {
        let (message, hint) = refused("goal add --both").expect("an example");
        assert_eq!(message, "`alliance goal add` needs <TITLE>...");
        assert_eq!(hint, "for instance `alliance goal add Run a half marathon`; --help shows the rest");
        assert!(refused("--profile goal goal rate g3k").expect("an example").1.contains("goal rate g3k +1"));
        assert!(refused("goal move g3k").expect("an example").1.contains("--first"));
    }

    #[test]
    fn a_word_in_another_form_or_at_another_place_leads_to_the_command() {
        let hint = |line| refused(line).map(|(_, hint)| hint).unwrap_or_default();
        assert_eq!(hint("notes"), "did you mean `alliance note`?");
        assert_eq!(hint("goals list"), "did you mean `alliance goal`?");
        assert_eq!(hint("goal tick g3k 1"), "did you mean `alliance goal milestone tick`?");
        assert_eq!(hint("milestone tick g3k 1"), "did you mean `alliance goal milestone`?");
        assert_eq!(hint("goal milestone ticked g3k 1"), "did you mean `alliance goal milestone tick`?");
        for (line, path) in [("xyzzy", ""), ("quit", ""), ("member add Anna", " member"), ("relay use x", " relay")] {
            assert_eq!(hint(line), format!("`alliance{path} --help` shows what there is"), "{line}");
        }
        assert_eq!(hint("histroy"), "", "clap says that");
        assert!(hint("safety").contains("`alliance member list`"));
    }

    #[test]
    fn a_value_that_cannot_be_is_said_with_what_can() {
        let (message, hint) = refused("goal rate g3k 7").expect("a reason");
        assert_eq!(message, "`alliance goal rate` does not take “7” for <LEVEL>: level is one of -2, -1, 0, +1, +2");
        assert!(hint.starts_with("for instance `alliance goal rate g3k +1"), "{hint}");
    }

    #[test]
    fn whoever_wants_to_take_something_away_is_told_what_there_is() {
        let hint = |line| refused(line).map(|(_, hint)| hint).unwrap_or_default();
        assert_eq!(
            hint("goal delete g3k"),
            "`alliance goal release <id>` lets go of it, `alliance archive <id>` puts it out of sight; nothing that was made is ever gone"
        );
        for line in ["note remove n3k", "note trash n3k", "rm n3k", "delete n3k"] {
            assert!(hint(line).contains("nothing that was made is ever gone"), "{line}: {}", hint(line));
        }
        assert!(hint("note delete n3k").starts_with("`alliance archive <id>` puts it"));
        assert_eq!(hint("goal milestone delete g3k 1"), "did you mean `alliance goal milestone remove`?");
    }

    #[test]
    fn an_option_by_another_name_leads_to_the_one_that_there_is() {
        let (message, hint) = refused("goal rate g3k 1 --day fri").expect("another name");
        assert_eq!((&*message, &*hint), ("`alliance goal rate` has no --day", "did you mean --on?"));
        let hint = |line| refused(line).map(|(_, hint)| hint).unwrap_or_default();
        assert_eq!(hint("goal list --day fri"), "`alliance goal list --help` shows what it takes");
        assert_eq!(hint("history --since fri"), "`alliance history --help` shows what it takes");
        assert!(hint("goal add Run --private").starts_with("that cannot be private"));
        assert_eq!(hint("goal add Run --horizn may"), "", "clap says that");
        assert_eq!(
            hint("win cheer w3k -m Well"),
            "for instance `alliance win cheer w3k`; `alliance win cheer --help` shows what it takes"
        );
    }
}

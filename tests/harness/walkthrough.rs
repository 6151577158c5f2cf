//! Walkthroughs in Markdown that run as tests.
//!
//! A fenced block whose info string is `console walkthrough` is played. A line that begins with `$ ` is typed into a shell,
//! with `> ` before the lines that continue it; the lines after it are what it prints as data, on standard output.
//! White space counts as one blank, and empty lines do not count. `…` or `[..]` within a line stands for anything, on a
//! line of its own for any lines. A command has to succeed, unless `[exit 7]` stands as the last line.
//!
//! All blocks of a text are played in one shell, in an empty folder with empty homes. [`RELAY`] is the address of a relay
//! that the test runs, wherever it listens, and `$INVITATION` is the last word that a command printed which begins with
//! `alliance:`.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
};

use crate::program::{PATIENCE, programs};

/// The relay's address in walkthroughs.
pub const RELAY: &str = "127.0.0.1:8787";
const KIND: &str = "console walkthrough";
const ANYTHING: [&str; 2] = ["…", "[..]"];

/// Something to type and what it prints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The line of the text.
    pub line: usize,
    /// What is typed.
    pub command: String,
    /// What is printed.
    pub expected: Vec<String>,
    /// How it ends.
    pub exit: i32,
}

/// The steps of all blocks of a text, in order.
///
/// # Panics
/// If a block begins with something that is not typed, or does not end.
pub fn parse(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut fence: Option<(&str, bool)> = None;
    let mut fresh = false;
    for (at, line) in markdown.lines().enumerate() {
        let marks = line.trim_start().trim_start_matches('`');
        let ticks = &line.trim_start()[..line.trim_start().len() - marks.len()];
        match fence {
            None if ticks.len() >= 3 => {
                fence = Some((ticks, marks.split_whitespace().collect::<Vec<_>>().join(" ") == KIND));
                fresh = true;
            }
            Some((open, _)) if ticks == open && marks.trim().is_empty() => fence = None,
            Some((_, true)) => {
                if let Some(command) = line.strip_prefix("$ ") {
                    steps.push(Step { line: at + 1, command: command.to_owned(), expected: Vec::new(), exit: 0 });
                    fresh = false;
                    continue;
                }
                assert!(!fresh, "line {}: nothing was typed that could print this", at + 1);
                let step = steps.last_mut().expect("a block that is not fresh has a step");
                if let (Some(more), true) = (line.strip_prefix("> "), step.expected.is_empty()) {
                    step.command = format!("{}\n{more}", step.command);
                } else if let Some(exit) = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')) {
                    step.exit = exit.parse().unwrap_or_else(|_| panic!("line {}: {line}", at + 1));
                } else {
                    step.expected.push(line.to_owned());
                }
            }
            _ => {}
        }
    }
    assert!(fence.is_none(), "a block does not end");
    steps
}

/// Plays steps in a folder with a relay at `relay`; returns what was typed and printed.
///
/// # Errors
/// What was typed and printed so far, and where it is not as it was written.
///
/// # Panics
/// If there is no shell.
pub fn play(steps: &[Step], folder: &Path, relay: &str) -> Result<String, String> {
    let mut shell = Shell::start(folder);
    let mut played = String::new();
    for Step { line, command, expected, exit } in steps {
        let typed = command.replace(RELAY, relay);
        played.push_str(&format!("$ {command}\n"));
        let printed = shell.run(&typed).map_err(|why| format!("{played}\nline {line}: {why}"))?;
        played.push_str(&format!("{}{}", printed.data, printed.talk));
        let expected: Vec<_> = expected.iter().map(|line| line.replace(RELAY, relay)).collect();
        if printed.exit != *exit {
            return Err(format!("{played}\nline {line}: exit {} instead of {exit}", printed.exit));
        }
        if !fits(&expected, &printed.data) {
            return Err(format!("{played}\nline {line}: it should have printed\n{}", expected.join("\n")));
        }
        if let Some(invitation) = printed.data.split_whitespace().rfind(|word| word.starts_with("alliance:")) {
            let set = format!("INVITATION='{}'", invitation.replace('\'', ""));
            shell.run(&set).map_err(|why| format!("{played}\n{why}"))?;
        }
    }
    Ok(played)
}

/// True if lines are as they were written.
pub fn fits(expected: &[String], printed: &str) -> bool {
    let lines = |lines: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect()
    };
    let expected = lines(&mut expected.iter().map(String::as_str));
    let chunks: Vec<_> = expected.split(|line| ANYTHING.contains(&line.as_str())).collect();
    glob(&chunks, &lines(&mut printed.lines()), |expected, line| {
        let expected = expected.replace(ANYTHING[1], ANYTHING[0]);
        let pieces: Vec<Vec<char>> = expected.split(ANYTHING[0]).map(|piece| piece.chars().collect()).collect();
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        glob(&pieces, &line.chars().collect::<Vec<_>>(), PartialEq::eq)
    })
}

/// True if `items` are the chunks, one after the other, with anything between two of them.
fn glob<P, I>(chunks: &[&[P]], items: &[I], fits: impl Fn(&P, &I) -> bool) -> bool {
    let all = |chunk: &[P], items: &[I]| chunk.len() == items.len() && chunk.iter().zip(items).all(|(p, i)| fits(p, i));
    let (first, last) = match chunks {
        [] => return items.is_empty(),
        [only] => return all(only, items),
        [first, .., last] => (first, last),
    };
    let Some(until) = items.len().checked_sub(last.len()).filter(|until| *until >= first.len()) else { return false };
    if !all(first, &items[..first.len()]) || !all(last, &items[until..]) {
        return false;
    }
    let mut rest = &items[first.len()..until];
    for chunk in &chunks[1..chunks.len() - 1] {
        let windows = 0..(rest.len() + 1).saturating_sub(chunk.len());
        let found = windows.into_iter().find(|at| all(chunk, &rest[*at..at + chunk.len()]));
        let Some(at) = found else { return false };
        rest = &rest[at + chunk.len()..];
    }
    true
}

/// A shell that is told one command at a time; it and all it runs are killed when dropped.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    talk: PathBuf,
    count: usize,
}

struct Printed {
    data: String,
    talk: String,
    exit: i32,
}

impl Shell {
    fn start(folder: &Path) -> Self {
        let (work, home) = (folder.join("work"), folder.join("home"));
        [&work, &home].into_iter().for_each(|folder| fs::create_dir_all(folder).expect("a folder"));
        let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.current_dir(work).env("PATH", path).env("HOME", &home).env("ALLIANCE_HOME", home.join("alliance"));
        command.env_remove("ALLIANCE_PROFILE").env_remove("ALLIANCE_NOW").env("ALLIANCE_TZ", "UTC");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("a shell");
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        // Nobody listens any more if sending fails.
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stdin = child.stdin.take().expect("piped");
        Self { child, stdin, lines, talk: folder.join("talk"), count: 0 }
    }

    fn run(&mut self, command: &str) -> Result<Printed, String> {
        self.count += 1;
        let mark = format!("-- end of command {} --", self.count);
        let talk = self.talk.display();
        let script = format!("{{ {command}\n}} </dev/null 2>'{talk}'; printf '\\n%s %s\\n' '{mark}' \"$?\"\n");
        self.stdin.write_all(script.as_bytes()).map_err(|_| "the shell has ended".to_owned())?;
        let mut data = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).map_err(|_| format!("it does not end; so far\n{data}"))?;
            if let Some(exit) = line.strip_prefix(&mark) {
                let exit = exit.trim().parse().map_err(|_| line.clone())?;
                return Ok(Printed { data, talk: fs::read_to_string(&self.talk).unwrap_or_default(), exit });
            }
            data.push_str(&format!("{line}\n"));
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("kill -KILL -{}", self.child.id());
        // It may have ended already.
        let _ = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(expected: &str, printed: &str) -> bool {
        fits(&expected.lines().map(str::to_owned).collect::<Vec<_>>(), printed)
    }

    #[test]
    fn only_marked_blocks_are_played_and_every_command_has_its_lines() {
        let text = "# T\n```console\n$ no\n```\n```console walkthrough\n$ a \\\n> b\none\n\n$ c\n[exit 7]\n```\n```\n$ no\n```\n";
        let step = |line, command: &str, expected: &[&str], exit| Step {
            line,
            command: command.to_owned(),
            expected: expected.iter().map(|&line| line.to_owned()).collect(),
            exit,
        };
        assert_eq!(parse(text), [step(6, "a \\\nb", &["one", ""], 0), step(10, "c", &[], 7)]);
        assert_eq!(parse("```rust\n$ x\n```\n"), []);
    }

    #[test]
    #[should_panic(expected = "line 2: nothing was typed")]
    fn a_block_that_begins_with_an_answer_is_a_mistake() {
        parse("```console walkthrough\nanswer\n```\n");
    }

    #[test]
    fn white_space_and_empty_lines_do_not_count_and_everything_else_does() {
        assert!(printed("g3k  Run 10 km", "g3k\tRun 10 km\n\n"));
        assert!(!printed("g3k Run 10 km", "g3k\tRun 11 km\n"));
        assert!(!printed("one", "one\ntwo\n"));
        assert!(!printed("one\ntwo", "one\n"));
        assert!(!printed("", "something\n"));
        assert!(printed("", "\n"));
    }

    #[test]
    fn wildcards_stand_for_a_part_of_a_line_or_for_lines() {
        assert!(printed("alliance:…#…", "alliance:abc#def\n"));
        assert!(!printed("alliance:…#…", "alliance:abc\n"));
        assert!(printed("a [..] c", "a bb c\n"));
        assert!(!printed("a…", "a\nb\n"), "within a line only");
        assert!(printed("…", "") && printed("…", "a\nb\n"));
        assert!(printed("…\nb\n…", "a\nb\nc\n") && printed("…\nb\n…", "b\n"));
        assert!(!printed("…\nb\n…", "a\nc\n"));
        assert!(printed("a\n…\nc\n…\na", "a\nc\nb\na\n"));
        assert!(!printed("a\n…\na", "a\n"), "a line is there once");
        assert!(!printed("…a…a…", "a"), "a letter is there once");
    }
}

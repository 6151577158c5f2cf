//! Walkthroughs in Markdown that run as tests.
//!
//! A fenced block whose info string is `sh walkthrough` is played as a person plays it who copies it: each of its lines is
//! typed into a shell, together with those that follow a `\` at its end. A block `text walkthrough` after it is what the
//! last line printed as data, on standard output. White space counts as one blank, and empty lines do not count. `…` or
//! `[..]` within a line stands for anything, on a line of its own for any lines. A command has to succeed, unless
//! `[exit 7]` stands as the last line of what it prints. What has no such block may print anything.
//!
//! All blocks of a text are played in one shell, in a folder that is empty but for the built programs, which are where
//! `cargo build` puts them. Nothing else is set but `HOME`, an empty folder. [`RELAY`] is the address of a relay that the
//! test runs, wherever it listens.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::symlink, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
};

use crate::program::{PATIENCE, programs};

/// The relay's address in walkthroughs.
pub const RELAY: &str = "127.0.0.1:8787";
const TYPED: &str = "sh walkthrough";
const PRINTED: &str = "text walkthrough";
/// Where `cargo build` puts programs.
const BUILT: &str = "target/debug";
const ANYTHING: [&str; 2] = ["…", "[..]"];

/// Something to type and what it prints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The line of the text.
    pub line: usize,
    /// What is typed.
    pub command: String,
    /// What is printed; none if it may be anything.
    pub expected: Option<Vec<String>>,
    /// How it ends.
    pub exit: i32,
}

/// The steps of all blocks of a text, in order.
///
/// # Panics
/// If a block tells what is printed and nothing was typed, or a block does not end.
pub fn parse(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut fence: Option<(&str, String)> = None;
    let mut goes_on = false;
    for (at, line) in markdown.lines().enumerate() {
        let marks = line.trim_start().trim_start_matches('`');
        let ticks = &line.trim_start()[..line.trim_start().len() - marks.len()];
        match &fence {
            None if ticks.len() >= 3 => {
                let kind = marks.split_whitespace().collect::<Vec<_>>().join(" ");
                if kind == PRINTED {
                    let step = steps.last_mut().filter(|step| step.expected.is_none());
                    let step =
                        step.unwrap_or_else(|| panic!("line {}: nothing was typed that could print this", at + 1));
                    step.expected = Some(Vec::new());
                }
                fence = Some((ticks, kind));
                goes_on = false;
            }
            Some((open, _)) if ticks == *open && marks.trim().is_empty() => fence = None,
            Some((_, kind)) if kind == TYPED => {
                match steps.last_mut().filter(|_| goes_on) {
                    Some(step) => step.command.push_str(&format!("\n{line}")),
                    None if line.trim().is_empty() => {}
                    None => steps.push(Step { line: at + 1, command: line.to_owned(), expected: None, exit: 0 }),
                }
                goes_on = line.ends_with('\\');
            }
            Some((_, kind)) if kind == PRINTED => {
                let step = steps.last_mut().expect("the block began after a step");
                if let Some(exit) = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')) {
                    step.exit = exit.parse().unwrap_or_else(|_| panic!("line {}: {line}", at + 1));
                } else {
                    step.expected.get_or_insert_default().push(line.to_owned());
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
        if printed.exit != *exit {
            return Err(format!("{played}\nline {line}: exit {} instead of {exit}", printed.exit));
        }
        let Some(expected) = expected else { continue };
        let expected: Vec<_> = expected.iter().map(|line| line.replace(RELAY, relay)).collect();
        if !fits(&expected, &printed.data) {
            return Err(format!("{played}\nline {line}: it should have printed\n{}", expected.join("\n")));
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
        let built = work.join(BUILT);
        let above = built.parent().expect("a folder above");
        [above, &home].into_iter().for_each(|folder| fs::create_dir_all(folder).expect("a folder"));
        symlink(programs(), &built).expect("a link");
        let mut command = Command::new("sh");
        // What is temporary goes away with the folder.
        command.current_dir(work).env("HOME", &home).env("TMPDIR", folder);
        for name in ["ALLIANCE_HOME", "ALLIANCE_PROFILE", "ALLIANCE_NOW", "ALLIANCE_TZ", "XDG_DATA_HOME", "INVITATION"]
        {
            command.env_remove(name);
        }
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
    fn only_marked_blocks_are_played_and_every_line_is_typed() {
        let text = "# T\n```console\n$ no\n```\n```sh walkthrough\na \\\n  b\n\nc\n```\nwords\n\
                    ```text walkthrough\none\n\ntwo\n[exit 7]\n```\n```sh\nno\n```\n```sh walkthrough\nd\n```\n";
        let step = |line, command: &str, expected: Option<&[&str]>, exit| Step {
            line,
            command: command.to_owned(),
            expected: expected.map(|lines| lines.iter().map(|&line| line.to_owned()).collect()),
            exit,
        };
        let expected =
            [step(6, "a \\\n  b", None, 0), step(9, "c", Some(&["one", "", "two"]), 7), step(22, "d", None, 0)];
        assert_eq!(parse(text), expected);
        assert_eq!(parse("```rust\nx\n```\n"), []);
    }

    #[test]
    #[should_panic(expected = "line 1: nothing was typed")]
    fn an_answer_to_nothing_is_a_mistake() {
        parse("```text walkthrough\nanswer\n```\n");
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

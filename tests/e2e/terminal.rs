//! The program as somebody at a terminal has it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use alliance_tests::program::Person;

/// Runs a command on a terminal, which `script` makes; returns how it ended and what was on the screen.
pub(super) fn on_a_terminal(person: &Person, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    typing(person, arguments, variables, "")
}

/// The same, with lines that are typed there.
pub(super) fn typing(
    person: &Person,
    arguments: &[&str],
    variables: &[(&str, &str)],
    lines: &str,
) -> (Option<i32>, String) {
    let typed = person.command(arguments);
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().expect("text").replace('\'', "'\\''"));
    let line: Vec<_> = std::iter::once(typed.get_program()).chain(typed.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    for (name, value) in typed.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.env("TERM", "xterm").env_remove("NO_COLOR").envs(variables.iter().copied());
    let mut running = script.spawn().expect("script runs");
    let mut stdin = running.stdin.take().expect("a terminal");
    // Whoever has ended reads nothing more.
    let _ = stdin.write_all(lines.as_bytes());
    drop(stdin);
    let ran = running.wait_with_output().expect("script runs");
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
}

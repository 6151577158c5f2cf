//! The reference model as a program: Python, standard library only.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// Histories that the model makes up, with what they mean.
pub(crate) fn generate(start: u64, count: u64) -> impl Iterator<Item = Value> {
    let child = python(&["generate", "--start", &start.to_string(), "--count", &count.to_string()]);
    lines(child)
}

/// What the model says these histories mean.
pub(crate) fn judge(histories: Vec<Value>) -> impl Iterator<Item = Value> {
    let mut child = python(&["judge"]);
    let mut stdin = child.stdin.take().expect("is piped");
    std::thread::spawn(move || {
        for history in histories {
            writeln!(stdin, "{history}").expect("the model reads all its input");
        }
    });
    lines(child)
}

fn python(arguments: &[&str]) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/reference/histories.py");
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("this test needs python3 (its standard library is enough)")
}

fn lines(mut child: Child) -> impl Iterator<Item = Value> {
    let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
    std::iter::from_fn(move || {
        let line = lines.next();
        if line.is_none() {
            assert!(child.wait().expect("the model ends").success(), "the model failed");
        }
        line.map(|line| serde_json::from_str(&line.expect("is text")).expect("is JSON"))
    })
}

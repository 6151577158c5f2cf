//! Where the program prints: data on stdout, talk on stderr, JSON instead of both if that was asked for.
//!
//! The only file that writes to either. Colour is decided when something is printed, never before.

use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    command::{Answer, init::Recovery},
    error::{CliError, Exit},
    render::{self, Layout, Page, Part},
};

/// Version of the JSON envelopes.
const VERSION: u32 = 1;

/// Standard output and error of this process.
pub struct Ui {
    json: bool,
}

#[derive(Serialize)]
struct Data<'a, T> {
    v: u32,
    data: &'a T,
}

#[derive(Serialize)]
struct Failure<'a> {
    v: u32,
    error: Reason<'a>,
}

#[derive(Serialize)]
struct Reason<'a> {
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
}

impl Ui {
    /// Prints to this process's standard output and error, as JSON or for people.
    pub fn of_process(json: bool) -> Self {
        Self { json }
    }

    /// Colours always or never, if that is set; else where they are seen and wanted.
    pub fn set_colour(&self, set: Option<&str>) {
        match set {
            Some("always") => ColorChoice::Always.write_global(),
            Some("never") => ColorChoice::Never.write_global(),
            _ => {}
        }
    }

    /// True if there is a person at a terminal who can be asked, or can edit.
    pub fn is_interactive(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Prints recovery words before the command that made them goes on: there is no other copy. Unlike with everything
    /// else, it is an error if nobody reads it. With JSON it is the beginning of the envelope that [`Self::answer`] ends.
    pub fn begin(&self, recovery: &Recovery) -> Result<(), CliError> {
        let printed = if self.json {
            beginning(recovery).and_then(|text| write(AutoStream::auto(io::stdout()), &text))
        } else {
            page(|page| render::start::recovery(recovery, page))
        };
        printed.map_err(CliError::Output)
    }

    /// Prints what a command has to say.
    pub fn answer(&self, answer: &Answer) -> Result<(), CliError> {
        if matches!(answer, Answer::Said) {
            return Ok(());
        }
        let printed = if self.json {
            let text = if answer.is_second() { end(answer) } else { json(&Data { v: VERSION, data: answer }) };
            text.and_then(|text| write(AutoStream::auto(io::stdout()), &text))
        } else {
            page(|page| render::answer(answer, page))
        };
        match printed {
            // Whoever read it has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed.map_err(CliError::Output),
        }
    }

    /// Prints a line of a story as it happens. Not with JSON.
    pub fn tell(&self, text: &str) {
        if !self.json {
            // Whoever read it may have read enough.
            let _ = write(AutoStream::auto(io::stdout()), &format!("{text}\n"));
        }
    }

    /// Says something beside the data, while a command runs. Not with JSON.
    pub fn talk(&self, text: &str) {
        if !self.json {
            // Nobody can be told that nobody can be told.
            let _ = write(AutoStream::auto(io::stderr()), &format!("{text}\n"));
        }
    }

    /// Shows that something is under way, on a terminal.
    pub fn progress(&self, text: &str) -> Progress {
        if self.json || !io::stderr().is_terminal() {
            return Progress(None);
        }
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is right");
        let bar = ProgressBar::new_spinner().with_style(style).with_message(text.to_owned());
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Progress(Some(bar))
    }

    /// Says why a command failed.
    pub fn failed(&self, error: &CliError) -> Exit {
        let report = error.report();
        self.refuse(report.code, &report.message, report.hint.as_deref());
        report.exit
    }

    /// Prints the help that was asked for, or says why the arguments cannot be understood.
    pub fn refused(&self, error: &clap::Error) -> Exit {
        if !error.use_stderr() {
            let _ = error.print();
            return Exit::Ok;
        }
        if self.json {
            let text = error.to_string();
            let reason = text.split("\n\nUsage:").next().unwrap_or_default();
            let message = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            self.refuse("usage", message.trim_start_matches("error: "), Some("--help shows what can be said"));
        } else {
            let _ = error.print();
        }
        Exit::Usage
    }

    fn refuse(&self, code: &str, message: &str, hint: Option<&str>) {
        let text = if self.json {
            json(&Failure { v: VERSION, error: Reason { code, message, hint } }).unwrap_or_default()
        } else {
            render::failure(message, hint)
        };
        let _ = write(AutoStream::auto(io::stderr()), &text);
    }
}

/// A sign that something is under way; nothing where nobody would see it.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// Says how far it is.
    pub fn say(&self, text: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(text.to_owned());
        }
    }

    /// Takes the sign away.
    pub fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Prints a page, for whoever is there to read it.
fn page(render: impl FnOnce(&mut Page)) -> io::Result<()> {
    let mut page = Page::new(if io::stdout().is_terminal() { Layout::Terminal } else { Layout::Plain });
    render(&mut page);
    page.parts().iter().try_for_each(|part| match part {
        Part::Data(text) => write(AutoStream::auto(io::stdout()), text),
        Part::Talk(text) => write(AutoStream::auto(io::stderr()), text),
    })
}

/// An envelope whose data has only begun.
fn beginning(recovery: &Recovery) -> io::Result<String> {
    let mut text = serde_json::to_string(&Data { v: VERSION, data: recovery })?;
    text.truncate(text.trim_end_matches('}').len());
    Ok(text)
}

/// The rest of an envelope that has begun: more of the same object.
fn end(answer: &Answer) -> io::Result<String> {
    let rest = json(answer)?;
    Ok(format!(",{}}}\n", rest.trim_start_matches('{').trim_end()))
}

fn json(value: &impl Serialize) -> io::Result<String> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    Ok(line)
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::join::Joined;

    #[test]
    fn words_said_first_and_the_answer_are_one_envelope() {
        let words = Recovery::RecoveryFile("{words}".into());
        let joined = Answer::Joined(Joined {
            id: "0101".to_owned(),
            profile: "default".to_owned(),
            title: "{}".to_owned(),
            other: None,
            synced: false,
            is_new: true,
        });
        assert!(joined.is_second());
        let (first, second) = (beginning(&words).expect("text"), end(&joined).expect("text"));
        assert!(!first.contains('\n') && second.ends_with("}}\n"), "{first}{second}");
        let envelope: serde_json::Value = serde_json::from_str(&format!("{first}{second}")).expect("one value");
        insta::assert_snapshot!("one_envelope", serde_json::to_string_pretty(&envelope).expect("serialises"));
    }
}

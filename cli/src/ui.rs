//! Where the program prints: data on stdout, talk on stderr, JSON instead of both if that was asked for.
//!
//! The only file that writes to either. Colour is decided when something is printed, never before.

use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    args::refusal::Refusal,
    command::{Answer, init::Recovery},
    config::ProfileName,
    error::{CliError, Exit, Meant},
    net::stop::Stop,
    render::{self, Layout, Page, Part},
};

/// Version of the JSON envelopes.
const VERSION: u32 = 1;

/// Standard output and error of this process.
pub struct Ui {
    json: bool,
    profile: Option<ProfileName>,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Meant>,
}

impl Ui {
    /// Prints to this process's standard output and error, as JSON or for people.
    pub fn of_process(json: bool) -> Self {
        Self { json, profile: None }
    }

    /// The same, where the commands that help have to name the profile that was named.
    pub fn naming(self, profile: Option<ProfileName>) -> Self {
        Self { profile, ..self }
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
        if matches!(recovery, Recovery::RecoveryWords(_)) && goes_nowhere(io::stdout()) {
            return Err(CliError::Output(io::Error::other("it goes nowhere, and the words are shown only once")));
        }
        let printed = if self.json {
            beginning(recovery).and_then(|text| write(AutoStream::auto(io::stdout()), &text))
        } else {
            self.page(|page| render::start::recovery(recovery, page))
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
            self.page(|page| render::answer(answer, page))
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
            let _ = write(AutoStream::auto(io::stderr()), &fitted(&format!("{}\n", self.named(text))));
        }
    }

    /// Asks a question that is answered with yes or no, after what it is about. None if there is nobody to ask.
    pub fn ask(&self, about: &str, question: &str) -> Option<bool> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // Whoever cannot read the question does not say yes.
        write(AutoStream::auto(io::stderr()), &fitted(&format!("{about}{question} [y/N] "))).ok()?;
        let line = answered()?;
        if !line.ends_with('\n') {
            // Nobody pressed return: what is said next begins a line.
            let _ = write(AutoStream::auto(io::stderr()), "\n");
        }
        Some(is_yes(&line))
    }

    /// Asks for a line; nothing if it is ended with Ctrl-C, or cannot be asked for.
    pub fn ask_line(&self, question: &str) -> Option<String> {
        write(AutoStream::auto(io::stderr()), question).ok()?;
        let line = answered()?;
        if !line.ends_with('\n') {
            let _ = write(AutoStream::auto(io::stderr()), "\n");
        }
        Some(line)
    }

    /// Asks for a line that the terminal does not show; nothing if it is ended with Ctrl-C.
    pub fn ask_hidden(&self, question: &str) -> Option<Zeroizing<String>> {
        let hidden = Hidden::begin();
        write(AutoStream::auto(io::stderr()), question).ok()?;
        let line = answered().map(Zeroizing::new);
        drop(hidden);
        // Return was not shown either.
        let _ = write(AutoStream::auto(io::stderr()), "\n");
        line.filter(|line| !line.is_empty())
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
        if matches!(error, CliError::Declined) && !self.json {
            self.talk("Nothing was changed.");
            return report.exit;
        }
        let hint = report.hint.map(|hint| if error.helps_there() { hint } else { self.named(&hint) });
        self.refuse(report.code, &report.message, hint.as_deref(), error.candidates());
        report.exit
    }

    /// Prints the help that was asked for, or says why the arguments cannot be understood.
    pub fn refused(&self, error: &clap::Error, refusal: Option<Refusal>) -> Exit {
        if !error.use_stderr() {
            let _ = error.print();
            return Exit::Ok;
        }
        if let Some(Refusal { message, hint }) = refusal {
            self.refuse("usage", &message, Some(&hint), Vec::new());
        } else if self.json {
            let text = error.to_string();
            let ends = ["\n\nUsage:", "\n\nFor more information"];
            let reason = ends.iter().fold(text.as_str(), |text, end| text.split(end).next().unwrap_or_default());
            let message = reason.split_whitespace().collect::<Vec<_>>().join(" ");
            self.refuse(
                "usage",
                message.trim_start_matches("error: "),
                Some("--help shows what can be said"),
                Vec::new(),
            );
        } else {
            let _ = error.print();
        }
        Exit::Usage
    }

    fn refuse(&self, code: &str, message: &str, hint: Option<&str>, candidates: Vec<Meant>) {
        let text = if self.json {
            json(&Failure { v: VERSION, error: Reason { code, message, hint, candidates } }).unwrap_or_default()
        } else {
            fitted(&render::failure(message, hint))
        };
        let _ = write(AutoStream::auto(io::stderr()), &text);
    }

    /// Prints a page, for whoever is there to read it.
    fn page(&self, render: impl FnOnce(&mut Page)) -> io::Result<()> {
        let mut page = Page::new(if io::stdout().is_terminal() { Layout::Terminal } else { Layout::Plain });
        if let Some((width, _)) = terminal_size::terminal_size() {
            page = page.of_width(width.0.into());
        }
        render(&mut page);
        page.parts().iter().try_for_each(|part| match part {
            Part::Data(text) => write(AutoStream::auto(io::stdout()), text),
            Part::Talk(text) => write(AutoStream::auto(io::stderr()), &fitted(&self.named(text))),
        })
    }

    /// What is said, with commands that work as they are typed here.
    pub fn named(&self, text: &str) -> String {
        match &self.profile {
            Some(profile) => text.replace("`alliance ", &format!("`alliance --profile {profile} ")),
            None => text.to_owned(),
        }
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

/// While it is there, the terminal does not show what is typed.
struct Hidden {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

#[cfg(unix)]
impl Hidden {
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut hidden) = before.clone() {
            hidden.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &hidden);
        }
        Self { before }
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}

#[cfg(not(unix))]
impl Hidden {
    /// It cannot be hidden here.
    fn begin() -> Self {
        Self {}
    }
}

/// True if what is written there is lost: a stream that whoever started this program closed is opened as the null device
/// before it runs.
#[cfg(unix)]
fn goes_nowhere(stream: impl std::os::fd::AsFd) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let of = |file: std::fs::File| file.metadata().map(|it| (it.rdev(), it.mode()));
    let stream = stream.as_fd().try_clone_to_owned().and_then(|stream| of(stream.into()));
    let null = std::fs::File::open("/dev/null").and_then(of);
    matches!((stream, null), (Ok(stream), Ok(null)) if stream == null)
}

/// It cannot be known here.
#[cfg(not(unix))]
fn goes_nowhere(_: impl Sized) -> bool {
    false
}

/// Talk as wide as the terminal that it is for.
fn fitted(text: &str) -> String {
    match terminal_size::terminal_size_of(io::stderr()) {
        Some((width, _)) if io::stderr().is_terminal() => render::wrapped(text, width.0.into()),
        _ => text.to_owned(),
    }
}

/// The line that somebody types; nothing if they end it with Ctrl-C.
fn answered() -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let line = runtime.block_on(async {
        let mut stop = Stop::new().ok()?;
        let typed = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        });
        tokio::select! {
            typed = typed => typed.ok()?.ok(),
            () = stop.wished() => Some(String::new()),
        }
    });
    // Nobody waits for the rest of the line.
    runtime.shutdown_background();
    line
}

fn is_yes(line: &str) -> bool {
    ["y", "yes"].contains(&line.trim().to_lowercase().as_str())
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
    fn commands_that_help_name_the_profile_if_there_are_several() {
        let told = "Next: `alliance sync`, then `alliance invite`.";
        assert_eq!(Ui::of_process(false).named(told), told);
        let ui = Ui::of_process(false).naming("ben".parse().ok());
        assert_eq!(ui.named(told), "Next: `alliance --profile ben sync`, then `alliance --profile ben invite`.");
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(["y\n", " Yes \n", "YES"].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "no", "ye", "yesterday", "да"].into_iter().any(is_yes));
    }

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
